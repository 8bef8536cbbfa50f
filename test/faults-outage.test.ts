// Servers that are gone for a while: refused connections, a restart, a kill -9, and one of two endpoints that is down. Real
// servers, real processes, with retries 0 and more: 20 where an outage may last, as five may be over within 1.6 s.

import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { FaultProxy } from "./support/fault-proxy.js";
import { MortalServer } from "./support/mortal.js";
import { newDatabase, serverUrl } from "./support/server.js";
import { ask, type Load, type Settled, startLoad } from "./support/settle.js";

const QUIET = ["--no-traces", "--no-metrics"];
const PER_BATCH = 50;
/** So many rows a second, and batches of PER_BATCH. */
const LOAD = ["--rate", "4000", "--batch-rows", String(PER_BATCH), "--workers", "2", ...QUIET];
const SECOND = 4000;

/** Waits until so many rows of any run are there. */
async function untilRows(url: string, rows: number): Promise<void> {
  for (;;) {
    const [found] = await ask<{ rows: number }>(
      url,
      "SELECT sum(total_rows) AS rows FROM system.tables WHERE database = currentDatabase() AND name = 'events'",
    );
    if ((found?.rows ?? 0) >= rows) return;
    await sleep(20);
  }
}

/** Of a run that survived: all acknowledged, all there, once. */
function expectWhole({ report, landed, code }: Settled, rows: number): void {
  const { acknowledged, lost, duplicated } = report.rows;
  expect({ acknowledged, landed, lost, duplicated, code }).to.deep.equal({
    acknowledged: rows,
    landed: rows,
    lost: 0,
    duplicated: 0,
    code: 0,
  });
}

/**
 * The same where servers were killed: rows that one of them lost for good (faults-kill.test.ts says how) are told, and it has the
 * tokens of their batches.
 */
async function expectSurvived({ report, landed, distinct }: Settled, rows: number, servers: readonly MortalServer[]) {
  const { acknowledged, lost, duplicated } = report.rows;
  expect({ acknowledged, duplicated }).to.deep.equal({ acknowledged: rows, duplicated: 0 });
  expect([landed, distinct]).to.deep.equal([rows - (lost ?? 0), rows - (lost ?? 0)]);
  const tokens = await Promise.all(servers.map((server) => server.tokens("events")));
  expect(tokens.reduce((sum, count) => sum + count, 0)).to.equal(rows / PER_BATCH);
}

describe("connections refused for 0.7 s", function () {
  this.timeout(60_000);

  async function outage(retries: number): Promise<Settled> {
    const { database } = await newDatabase();
    const direct = `${serverUrl()}/?database=${database}`;
    const proxy = await FaultProxy.open(Number(new URL(serverUrl()).port));
    const url = `http://127.0.0.1:${proxy.port}/?database=${database}`;
    const flags = ["--clickhouse-url", url, "--duration", "2", "--retries", String(retries), ...LOAD];
    const load = startLoad(flags, [{ url: direct }]);
    await untilRows(direct, 500);
    await proxy.refuse();
    await sleep(700);
    await proxy.accept();
    const settled = await load.settled();
    await proxy.close();
    return settled;
  }

  it("retries 0: the rows of 0.7 s are failed as connection_refused, give or take; what was on the wire is unknown", async () => {
    const { report, landed } = await outage(0);
    const refused = report.errors.find(({ code }) => code === "connection_refused");
    expect(refused?.rows).to.be.within(0.4 * SECOND, 1.2 * SECOND);
    // A connection that was reset while it was being made failed too.
    expect(report.rows.failed - (refused?.rows ?? 0)).to.be.within(0, 8 * PER_BATCH);
    const others = report.errors.filter((error) => error !== refused);
    expect(others.every(({ code }) => code === "connection_reset")).to.equal(true);
    // At most what was in flight at once.
    expect(report.rows.unknown).to.be.at.most(8 * PER_BATCH);
    expect(landed).to.be.within(report.rows.acknowledged, report.rows.acknowledged + report.rows.unknown);
    expect(report.rows.acknowledged).to.be.above(500);
  });

  it("retries 20: all rows are acknowledged, and in the table once; exit 0", async () => {
    const settled = await outage(20);
    expectWhole(settled, 2 * SECOND);
    expect(settled.report.errors.find(({ code }) => code === "connection_refused")?.retried).to.be.above(5);
  });
});

describe("a server in mid-run", function () {
  this.timeout(90_000);
  let server: MortalServer;
  beforeEach(async () => {
    server = await MortalServer.start();
  });
  afterEach(() => server.close());

  const load = (seconds: number, retries: number): Load => {
    const flags = [
      "--clickhouse-url",
      server.url,
      "--duration",
      String(seconds),
      "--retries",
      String(retries),
      ...LOAD,
    ];
    return startLoad(flags, [{ url: server.url }]);
  };
  const kill = async (): Promise<void> => {
    await untilRows(server.url, 500);
    await server.kill();
    await server.revive();
  };

  it("killed by kill -9 and started again, retries 0: unknown rows are there or not, and the ledger knows; none twice", async () => {
    const running = load(2, 0);
    await kill();
    const { report, landed, code } = await running.settled();
    const { acknowledged, failed, unknown, lost, duplicated } = report.rows;
    expect(failed + unknown).to.be.above(0);
    expect([lost, duplicated, code]).to.deep.equal([0, 0, 1]);
    expect(landed).to.be.within(acknowledged, acknowledged + unknown);
    expect(acknowledged).to.be.above(500);
  });

  it("killed by kill -9 and started again, retries 20: all rows are acknowledged, and in the table once", async () => {
    const running = load(2, 20);
    await kill();
    const settled = await running.settled();
    await expectSurvived(settled, 2 * SECOND, [server]);
    expect(settled.report.retries).to.be.above(0);
  });

  // It waits for its clients for 5 s: longer than five retries last.
  it("shut down and started again, retries 10: all rows are acknowledged, and in the table once; exit 0", async () => {
    const running = load(3, 10);
    await untilRows(server.url, 500);
    await server.stop();
    await server.revive();
    const settled = await running.settled();
    expectWhole(settled, 3 * SECOND);
    expect(settled.report.retries).to.be.above(0);
  });
});

describe("two endpoints, one of them down for 1.2 s", function () {
  this.timeout(90_000);

  interface Outage extends Settled {
    /** Inserts that the first proxy took over while the second was down: odd batches are the second's when both are up. */
    readonly takenOver: number;
    /** What the second saw after it had come back. */
    readonly after: number;
  }

  /** Both before one server: the copies of a table that a retry may go to. */
  async function outage(retries: number): Promise<Outage> {
    const { database } = await newDatabase();
    const direct = `${serverUrl()}/?database=${database}`;
    const open = () => FaultProxy.open(Number(new URL(serverUrl()).port));
    const [first, second] = [await open(), await open()];
    const urls = [first, second].flatMap(({ port }) => [
      "--clickhouse-url",
      `http://127.0.0.1:${port}/?database=${database}`,
    ]);
    const load = startLoad([...urls, "--duration", "4", "--retries", String(retries), ...LOAD], [{ url: direct }]);
    await untilRows(direct, 500);
    await second.refuse();
    const [firstBefore, secondBefore] = [first.seen.length, second.seen.length];
    await sleep(1200);
    const takenOver = first.seen.slice(firstBefore).filter(({ batch }) => batch % 2 === 1).length;
    await second.accept();
    const settled = await load.settled();
    await first.close();
    await second.close();
    return { ...settled, takenOver, after: second.seen.length - secondBefore };
  }

  function expectTakenOver({ report, takenOver, after }: Outage): void {
    // Of some 48 that come due in 1.2 s, on a machine with nothing else to do.
    expect(takenOver).to.be.at.least(4);
    // Tried again 1 or 3 s later: for at least 0.5 s half of them are the second's once more.
    expect(after).to.be.at.least(4);
    const [one, other] = report.endpoints;
    expect([one?.left_out, (other?.left_out ?? 0) > 0]).to.deep.equal([0, true]);
    expect((one?.acknowledged ?? 0) + (other?.acknowledged ?? 0)).to.equal(report.rows.acknowledged);
  }

  it("retries 0: the load goes to the other, and comes back; only what met the outage is failed or unknown", async () => {
    const settled = await outage(0);
    expectTakenOver(settled);
    // What each of two workers had in flight there, and each further try.
    expect(settled.report.rows.failed + settled.report.rows.unknown).to.be.within(PER_BATCH, 16 * PER_BATCH);
    expect(settled.stderr).to.include("is left out for a while, and tried again later");
  });

  it("retries 5: all rows are acknowledged, and in the table once; exit 0", async () => {
    const settled = await outage(5);
    expectTakenOver(settled);
    expectWhole(settled, 4 * SECOND);
  });

  it("two servers, one killed by kill -9 and started again, retries 20: each row is in one of them, once", async () => {
    const servers = [await MortalServer.start(), await MortalServer.start()] as const;
    const stores = servers.map(({ url }) => ({ url }));
    const urls = stores.flatMap(({ url }) => ["--clickhouse-url", url]);
    const load = startLoad([...urls, "--duration", "4", "--retries", "20", ...LOAD], stores);
    await untilRows(servers[1].url, 500);
    await servers[1].kill();
    await servers[1].revive();
    const settled = await load.settled();
    await expectSurvived(settled, 4 * SECOND, servers);
    for (const server of servers) await server.close();
    expect(settled.report.endpoints.map(({ left_out }) => left_out > 0)).to.deep.equal([false, true]);
  });
});
