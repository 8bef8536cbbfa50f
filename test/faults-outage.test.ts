// Servers that are gone for a while: refused connections, a restart, a kill -9, and one of two endpoints that is down. Real
// servers, real processes, with retries 0 and more: 20 where an outage may last, as five may be over within 1.6 s.

import { expect } from "chai";
import { FaultProxy } from "./support/fault-proxy.js";
import { MortalServer } from "./support/mortal.js";
import { newDatabase, serverUrl } from "./support/server.js";
import {
  type Load,
  type Settled,
  startLoad,
  until,
  untilErrors,
  untilFurtherRows,
  untilRows,
} from "./support/settle.js";

const QUIET = ["--no-traces", "--metrics-port", "0"];
const PER_BATCH = 50;
/** 80 inserts a second, for longer than any outage lasts: interrupted once everything has been seen. */
const LOAD = ["--rate", "4000", "--duration", "40", "--batch-rows", String(PER_BATCH), "--workers", "2", ...QUIET];
/** What --in-flight allows at once. */
const IN_FLIGHT_ROWS = 8 * PER_BATCH;
/** There before an outage: more than is in flight, so some of them are acknowledged. */
const FIRST_ROWS = 500;

/** Of a run that survived: all acknowledged, all there, once. */
function expectWhole({ report, landed, code }: Settled): void {
  const { scheduled, acknowledged, lost, duplicated } = report.rows;
  expect(scheduled).to.be.at.least(FIRST_ROWS);
  expect({ acknowledged, landed, lost, duplicated, code }).to.deep.equal({
    acknowledged: scheduled,
    landed: scheduled,
    lost: 0,
    duplicated: 0,
    code: 130,
  });
}

/**
 * The same where a server was killed once: rows that it lost for good (faults-kill.test.ts says how) are told, it has the tokens of
 * their batches, and they are no more than were in flight.
 */
async function expectSurvived({ report, landed, distinct }: Settled, servers: readonly MortalServer[]) {
  const { scheduled, acknowledged, lost, duplicated } = report.rows;
  expect(scheduled).to.be.at.least(FIRST_ROWS);
  expect({ acknowledged, duplicated }).to.deep.equal({ acknowledged: scheduled, duplicated: 0 });
  expect(lost).to.be.within(0, IN_FLIGHT_ROWS);
  expect([landed, distinct]).to.deep.equal([scheduled - (lost ?? 0), scheduled - (lost ?? 0)]);
  const tokens = await Promise.all(servers.map((server) => server.tokens("events")));
  expect(tokens.reduce((sum, count) => sum + count, 0)).to.equal(Math.ceil(scheduled / PER_BATCH));
}

describe("connections refused for a while", function () {
  this.timeout(60_000);

  async function outage(retries: number): Promise<Settled> {
    const { database } = await newDatabase();
    const direct = `${serverUrl()}/?database=${database}`;
    const proxy = await FaultProxy.open(Number(new URL(serverUrl()).port));
    const url = `http://127.0.0.1:${proxy.port}/?database=${database}`;
    const load = startLoad(["--clickhouse-url", url, "--retries", String(retries), ...LOAD], [{ url: direct }]);
    await untilRows(load, { url: direct }, FIRST_ROWS);
    await proxy.refuse();
    await untilErrors(load, "connection_refused");
    await proxy.accept();
    await untilFurtherRows(load, { url: direct }, IN_FLIGHT_ROWS + PER_BATCH);
    const settled = await load.interrupted();
    await proxy.close();
    return settled;
  }

  it("retries 0: rows of that time are failed as connection_refused; what was on the wire is unknown", async () => {
    const { report, landed } = await outage(0);
    const refused = report.errors.find(({ code }) => code === "connection_refused");
    expect(refused?.rows).to.be.at.least(PER_BATCH);
    // A connection that was reset while it was being made failed too.
    expect(report.rows.failed - (refused?.rows ?? 0)).to.be.within(0, IN_FLIGHT_ROWS);
    const others = report.errors.filter((error) => error !== refused);
    expect(others.every(({ code }) => code === "connection_reset")).to.equal(true);
    expect(report.rows.unknown).to.be.at.most(IN_FLIGHT_ROWS);
    expect(landed).to.be.within(report.rows.acknowledged, report.rows.acknowledged + report.rows.unknown);
    // Before it and behind it.
    expect(report.rows.acknowledged).to.be.at.least(FIRST_ROWS - IN_FLIGHT_ROWS + PER_BATCH);
  });

  it("retries 20: all rows are acknowledged, and in the table once; exit 130, as it was interrupted", async () => {
    const settled = await outage(20);
    expectWhole(settled);
    expect(settled.report.errors.find(({ code }) => code === "connection_refused")?.retried).to.be.above(0);
  });
});

describe("a server in mid-run", function () {
  this.timeout(90_000);
  let server: MortalServer;
  beforeEach(async () => {
    server = await MortalServer.start();
  });
  afterEach(() => server.close());

  const startLoadWith = (retries: number): Load =>
    startLoad(["--clickhouse-url", server.url, "--retries", String(retries), ...LOAD], [{ url: server.url }]);

  it("killed by kill -9 and started again, retries 0: unknown rows are there or not, and the ledger knows; none twice", async () => {
    const load = startLoadWith(0);
    await untilRows(load, server, FIRST_ROWS);
    await server.kill();
    await untilErrors(load, "connection_refused");
    await server.revive();
    await untilFurtherRows(load, server, IN_FLIGHT_ROWS + PER_BATCH);
    const { report, landed, code } = await load.interrupted();
    const { acknowledged, failed, unknown, lost, duplicated } = report.rows;
    expect(failed).to.be.at.least(PER_BATCH);
    expect([lost, duplicated, code]).to.deep.equal([0, 0, 1]);
    expect(landed).to.be.within(acknowledged, acknowledged + unknown);
    // Before the kill and behind it.
    expect(acknowledged).to.be.at.least(FIRST_ROWS - IN_FLIGHT_ROWS + PER_BATCH);
  });

  it("killed by kill -9 and started again, retries 20: all rows are acknowledged, and in the table once", async () => {
    const load = startLoadWith(20);
    await untilRows(load, server, FIRST_ROWS);
    await server.kill();
    await untilErrors(load, "connection_refused");
    await server.revive();
    const settled = await load.interrupted();
    await expectSurvived(settled, [server]);
    expect(settled.report.retries).to.be.above(0);
  });

  // It waits for its clients for 5 s: longer than five retries last.
  it("shut down and started again, retries 20: all rows are acknowledged, and in the table once; exit 130", async () => {
    const load = startLoadWith(20);
    await untilRows(load, server, FIRST_ROWS);
    await server.stop();
    await untilErrors(load, "connection_refused");
    await server.revive();
    const settled = await load.interrupted();
    expectWhole(settled);
    expect(settled.report.retries).to.be.above(0);
  });
});

describe("two endpoints, one of them down for a while", function () {
  this.timeout(90_000);
  /** Of inserts, taken over and come back. */
  const WANTED = 4;

  /** Both before one server: the copies of a table that a retry may go to. */
  async function outage(retries: number): Promise<Settled> {
    const { database } = await newDatabase();
    const direct = `${serverUrl()}/?database=${database}`;
    const open = () => FaultProxy.open(Number(new URL(serverUrl()).port));
    const [first, second] = [await open(), await open()];
    const urls = [first, second].flatMap(({ port }) => [
      "--clickhouse-url",
      `http://127.0.0.1:${port}/?database=${database}`,
    ]);
    const load = startLoad([...urls, "--retries", String(retries), ...LOAD], [{ url: direct }]);
    await untilRows(load, { url: direct }, FIRST_ROWS);
    await second.refuse();
    const [firstBefore, secondBefore] = [first.seen.length, second.seen.length];
    // Odd batches are the second's when both are up.
    const takenOver = () => first.seen.slice(firstBefore).filter(({ batch }) => batch % 2 === 1).length;
    await until(load.running, () => takenOver() >= WANTED);
    await second.accept();
    await until(load.running, () => second.seen.length - secondBefore >= WANTED);
    const settled = await load.interrupted();
    await first.close();
    await second.close();
    return settled;
  }

  function expectLeftOut({ report }: Settled): void {
    const [one, other] = report.endpoints;
    expect([one?.left_out, (other?.left_out ?? 0) > 0]).to.deep.equal([0, true]);
    expect((one?.acknowledged ?? 0) + (other?.acknowledged ?? 0)).to.equal(report.rows.acknowledged);
  }

  it("retries 0: the load goes to the other, and comes back; only what met the outage is failed or unknown", async () => {
    const settled = await outage(0);
    expectLeftOut(settled);
    // What was in flight, and each further try: each pause before one is twice as long as the one before.
    expect(settled.report.rows.failed + settled.report.rows.unknown).to.be.within(PER_BATCH, 2 * IN_FLIGHT_ROWS);
    expect(settled.stderr).to.include("is left out for a while, and tried again later");
  });

  it("retries 5: all rows are acknowledged, and in the table once; exit 130, as it was interrupted", async () => {
    const settled = await outage(5);
    expectLeftOut(settled);
    expectWhole(settled);
  });

  it("two servers, one killed by kill -9 and started again, retries 20: each row is in one of them, once", async () => {
    const servers = [await MortalServer.start(), await MortalServer.start()] as const;
    const stores = servers.map(({ url }) => ({ url }));
    const urls = stores.flatMap(({ url }) => ["--clickhouse-url", url]);
    const load = startLoad([...urls, "--retries", "20", ...LOAD], stores);
    await untilRows(load, servers[1], FIRST_ROWS);
    await servers[1].kill();
    await load.running.said("is left out for a while");
    await servers[1].revive();
    const settled = await load.interrupted();
    await expectSurvived(settled, servers);
    for (const server of servers) await server.close();
    expect(settled.report.endpoints.map(({ left_out }) => left_out > 0)).to.deep.equal([false, true]);
  });
});
