// Faults on our own side: a disk that is full, a worker thread that crashes, a collector that never answers, a scraper that never
// reads. Rows are accounted for all the same. Real processes, real ClickHouse.

import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { clickstorm, unwrapped } from "./support/cli.js";
import { FaultProxy, firstAttempts } from "./support/fault-proxy.js";
import { Collector } from "./support/otlp.js";
import { clickhouse, newDatabase, numberOf, serverUrl } from "./support/server.js";
import { type Settled, startLoad } from "./support/settle.js";

const PER_BATCH = 50;
/** 40 inserts a second, of 50 rows. */
const LOAD = ["--rate", "2000", "--batch-rows", String(PER_BATCH), "--workers", "2", "--table", "mine"];
const SECOND = 2000;
const QUIET = ["--no-traces", "--no-metrics"];

/** A database with an empty table `mine`, so that its rows can be waited for. */
async function withTable(): Promise<{ readonly database: string; readonly url: string }> {
  const made = await newDatabase();
  await clickhouse(
    `CREATE TABLE mine (timestamp DateTime64(3), run_id String, seq UInt64) ENGINE = MergeTree ORDER BY seq
      SETTINGS non_replicated_deduplication_window = 1000`,
    made.database,
  );
  return made;
}

async function untilRows(database: string, rows: number): Promise<void> {
  while ((await numberOf("SELECT count() FROM mine", database)) < rows) await sleep(20);
}

const isFullThere = existsSync("/dev/full");

describe(`a disk that is full${isFullThere ? "" : " (SKIPPED: there is no /dev/full here)"}`, function () {
  this.timeout(60_000);
  before(function () {
    if (!isFullThere) this.skip();
  });

  it("on the path of --report: the summary is printed, with the reason; exit 1", async () => {
    const { database, url } = await withTable();
    const flags = ["--clickhouse-url", url, "--duration", "1", ...LOAD, ...QUIET, "--report", "/dev/full"];
    const { code, stdout } = await clickstorm(["run", ...flags]);
    expect(code).to.equal(1);
    expect(unwrapped(stdout)).to.match(/problem +the report cannot be written: ENOSPC/);
    expect(unwrapped(stdout)).to.match(/ledger +scheduled 2,000, acknowledged 2,000, landed 2,000, lost 0/);
    expect(await numberOf("SELECT count() FROM mine", database)).to.equal(SECOND);
  });

  it("on the path of --ledger, with five batches to write: the summary is printed, with the reason; exit 1", async () => {
    const { database } = await withTable();
    const proxy = await FaultProxy.open(Number(new URL(serverUrl()).port));
    proxy.plan = firstAttempts(8, { kind: "answer", status: 503, passesOn: false });
    const url = `http://127.0.0.1:${proxy.port}/?database=${database}`;
    const flags = ["--clickhouse-url", url, "--duration", "1", ...LOAD, ...QUIET, "--ledger", "/dev/full"];
    const { code, stdout } = await clickstorm(["run", ...flags]);
    await proxy.close();
    expect([code, proxy.spoilt.length]).to.deep.equal([1, 5]);
    expect(unwrapped(stdout)).to.match(/problem +the batches cannot be written to \/dev\/full: ENOSPC/);
    expect(unwrapped(stdout)).to.include("acknowledged 1,750, landed 1,750, lost 0");
    expect(await numberOf("SELECT count() FROM mine", database)).to.equal(1750);
  });
});

describe("a worker thread that crashes in mid-run", function () {
  this.timeout(60_000);
  const folder = mkdtempSync(join(tmpdir(), "clickstorm-crash-"));
  after(() => rmSync(folder, { recursive: true, force: true }));
  let crashes = 0;

  async function crash(how: "end" | "continue", retries: number): Promise<Settled> {
    const { database, url } = await withTable();
    const file = join(folder, `crash-${crashes++}`);
    const flags = ["--clickhouse-url", url, "--duration", "3", ...LOAD, ...QUIET, "--retries", String(retries)];
    const load = startLoad([...flags, "--worker-crash", how], [{ url, table: "mine" }], {
      NODE_OPTIONS: `--import ${new URL("./support/crash.js", import.meta.url).href}`,
      CRASH_FILE: file,
      CRASH_THREAD: "1",
    });
    await untilRows(database, 500);
    writeFileSync(file, "");
    const settled = await load.settled();
    expect(settled.report.problems).to.deep.equal(["a worker thread crashed: made to crash"]);
    const then = how === "end" ? "the run ends" : "its further rows are not sent, the others go on";
    expect(settled.stderr).to.include(`warning: a worker thread crashed (made to crash): ${then}`);
    expect(settled.report.errors.map(({ code }) => code).filter((code) => code !== "worker_crash")).to.deep.equal([]);
    expect(settled.code).to.equal(1);
    return settled;
  }

  for (const retries of [0, 5]) {
    it(`--worker-crash end, retries ${retries}: the run ends; what was sent is accounted for`, async () => {
      const { report, ledger } = await crash("end", retries);
      const { scheduled, acknowledged, unknown, lost, duplicated } = report.rows;
      expect(scheduled).to.be.within(500, 3 * SECOND - PER_BATCH);
      expect(acknowledged).to.be.at.least(500);
      // In flight in the thread that crashed: four of its own at most.
      expect(unknown).to.be.at.most(4 * PER_BATCH);
      expect([lost, duplicated]).to.deep.equal([0, 0]);
      expect(ledger.every(({ fate }) => fate === "unknown" || fate === "unsent")).to.equal(true);
    });

    it(`--worker-crash continue, retries ${retries}: the other worker's batches are all acknowledged and there`, async () => {
      const { report, ledger, batches } = await crash("continue", retries);
      const { scheduled, unsent, unknown, lost, duplicated } = report.rows;
      expect([scheduled, lost, duplicated]).to.deep.equal([3 * SECOND, 0, 0]);
      // Batch n is worker n mod 2's: what is not acknowledged is one worker's, and the other's 60 batches are there.
      const [crashed] = ledger.map(({ batch }) => batch % 2);
      expect(ledger.every(({ batch }) => batch % 2 === crashed)).to.equal(true);
      const others = Array.from({ length: 60 }, (_, index) => 2 * index + (crashed === 0 ? 1 : 0));
      expect(others.filter((batch) => batches.get(batch)?.rows !== PER_BATCH)).to.deep.equal([]);
      expect(unsent).to.be.within(10 * PER_BATCH, 60 * PER_BATCH);
      expect(unknown).to.be.at.most(4 * PER_BATCH);
    });
  }
});

describe("peers that take and never give", function () {
  this.timeout(60_000);

  function expectUnharmed({ report, landed, code }: Settled): void {
    expect([report.rows.acknowledged, landed, code]).to.deep.equal([2 * SECOND, 2 * SECOND, 0]);
    // The schedule is over after 2 s; an export is given up after 10.
    expect(report.elapsed_s).to.be.below(8);
  }

  it("an OTLP collector that never answers: all rows are acknowledged in time, and the program ends", async () => {
    const { url } = await withTable();
    const collector = await Collector.open("hangs");
    const flags = [
      "--clickhouse-url",
      url,
      "--duration",
      "2",
      ...LOAD,
      "--no-metrics",
      "--otlp-endpoint",
      collector.url,
    ];
    const settled = await startLoad(flags, [{ url, table: "mine" }]).settled();
    await collector.close();
    expect(collector.requests.length).to.be.above(0);
    expectUnharmed(settled);
  });

  it("40 scrapers that ask and never read: all rows are acknowledged in time, and the program ends", async () => {
    const { database, url } = await withTable();
    const flags = ["--clickhouse-url", url, "--duration", "2", ...LOAD, "--no-traces", "--metrics-port", "0"];
    const load = startLoad(flags, [{ url, table: "mine" }]);
    let told = "";
    load.running.process.stderr?.on("data", (text: string) => (told += text));
    await load.running.said("/metrics");
    const port = Number(/:(\d+)\/metrics/.exec(told)?.[1]);
    await untilRows(database, 100);
    const sockets: Socket[] = [];
    let opened = 0;
    for (let scraper = 0; scraper < 40; scraper++) {
      const socket = connect(port, "127.0.0.1", () => {
        opened++;
        socket.pause();
        for (let request = 0; request < 50; request++) socket.write("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
      });
      sockets.push(socket.on("error", () => undefined));
    }
    const settled = await load.settled();
    for (const socket of sockets) socket.destroy();
    expect(opened).to.be.above(0);
    expectUnharmed(settled);
  });
});
