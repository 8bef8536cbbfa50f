// Faults on our own side: a disk that is full, a worker thread that crashes, a collector that never answers, a scraper that never
// reads. Rows are accounted for all the same. Real processes, real ClickHouse.

import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { clickstorm, unwrapped } from "./support/cli.js";
import { FaultProxy, firstAttempts } from "./support/fault-proxy.js";
import { Collector } from "./support/otlp.js";
import { clickhouse, newDatabase, numberOf, serverUrl } from "./support/server.js";
import { metricOf, type Settled, startLoad, until, untilFurtherRows, untilRows } from "./support/settle.js";

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
    expect(unwrapped(stdout)).to.match(/problem +--report \/dev\/full cannot be written: no space is left on the disk/);
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
    expect(unwrapped(stdout)).to.match(/problem +--ledger \/dev\/full cannot be written: no space is left on the disk/);
    expect(unwrapped(stdout)).to.include("acknowledged 1,750, landed 1,750, lost 0");
    expect(await numberOf("SELECT count() FROM mine", database)).to.equal(1750);
  });
});

describe("a worker thread that crashes in mid-run", function () {
  this.timeout(60_000);
  const folder = mkdtempSync(join(tmpdir(), "clickstorm-crash-"));
  after(() => rmSync(folder, { recursive: true, force: true }));
  let crashes = 0;

  /** Far longer than it takes until the crash has been seen. */
  const SECONDS = 40;
  const FIRST_ROWS = 500;
  /** What --in-flight allows at once. */
  const IN_FLIGHT_ROWS = 8 * PER_BATCH;

  async function crash(how: "end" | "continue", retries: number): Promise<Settled> {
    const { url } = await withTable();
    const store = { url, table: "mine" };
    const file = join(folder, `crash-${crashes++}`);
    const flags = [
      "--clickhouse-url",
      url,
      "--duration",
      String(SECONDS),
      ...LOAD,
      ...QUIET,
      "--retries",
      String(retries),
    ];
    const load = startLoad([...flags, "--worker-crash", how], [store], {
      NODE_OPTIONS: `--import ${new URL("./support/crash.js", import.meta.url).href}`,
      CRASH_FILE: file,
      CRASH_THREAD: "1",
    });
    await untilRows(load, store, FIRST_ROWS);
    writeFileSync(file, "");
    await load.running.said("a worker thread crashed");
    if (how === "continue") await untilFurtherRows(load, store, FIRST_ROWS);
    const settled = await (how === "continue" ? load.interrupted() : load.settled());
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
      expect(scheduled).to.be.within(FIRST_ROWS, SECONDS * SECOND - PER_BATCH);
      expect(acknowledged).to.be.at.least(FIRST_ROWS - IN_FLIGHT_ROWS);
      // In flight in the thread that crashed: four of its own at most.
      expect(unknown).to.be.at.most(4 * PER_BATCH);
      expect([lost, duplicated]).to.deep.equal([0, 0]);
      expect(ledger.every(({ fate }) => fate === "unknown" || fate === "unsent")).to.equal(true);
    });

    it(`--worker-crash continue, retries ${retries}: the other worker's batches are all acknowledged and there`, async () => {
      const { report, ledger, batches } = await crash("continue", retries);
      const { scheduled, unsent, unknown, lost, duplicated } = report.rows;
      expect([lost, duplicated]).to.deep.equal([0, 0]);
      // Batch n is worker n mod 2's: what is not acknowledged is one worker's, and the other's batches are there.
      const [crashed] = ledger.map(({ batch }) => batch % 2);
      expect(ledger.every(({ batch }) => batch % 2 === crashed)).to.equal(true);
      const due = Array.from({ length: Math.ceil(scheduled / PER_BATCH) }, (_, batch) => batch);
      const others = due.filter((batch) => batch % 2 !== crashed);
      expect(others).to.have.length.above(FIRST_ROWS / PER_BATCH);
      // The last batch ends with the schedule.
      const full = (batch: number): number => Math.min(PER_BATCH, scheduled - batch * PER_BATCH);
      expect(others.filter((batch) => batches.get(batch)?.rows !== full(batch))).to.deep.equal([]);
      expect(unsent).to.be.at.least(PER_BATCH);
      expect(unknown).to.be.at.most(4 * PER_BATCH);
    });
  }
});

describe("peers that take and never give", function () {
  this.timeout(60_000);

  function expectUnharmed({ report, landed, code }: Settled, exit: number): void {
    const { scheduled, acknowledged } = report.rows;
    expect([acknowledged, landed, code]).to.deep.equal([scheduled, scheduled, exit]);
    // An export is given up after 10 s.
    expect(report.elapsed_s - report.schedule_s).to.be.below(6);
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
    expect(settled.report.rows.scheduled).to.equal(2 * SECOND);
    expectUnharmed(settled, 0);
  });

  it("40 scrapers that ask and never read are closed in mid-run, another one is answered, all rows are acknowledged", async () => {
    const { url } = await withTable();
    const store = { url, table: "mine" };
    const flags = ["--clickhouse-url", url, "--duration", "40", ...LOAD, "--no-traces", "--metrics-port", "0"];
    const load = startLoad(flags, [store]);
    await untilRows(load, store, 100);
    const port = await load.metricsPort();
    let closed = 0;
    const sockets = Array.from({ length: 40 }, () => {
      const socket: Socket = connect(port, "127.0.0.1", () => {
        socket.pause();
        for (let request = 0; request < 50; request++) socket.write("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
      });
      return socket.on("error", () => undefined).on("close", () => closed++);
    });
    // A socket that is not read learns of its end when it writes.
    await until(load.running, () => {
      for (const socket of sockets) if (!socket.connecting && socket.writable) socket.write("\r\n");
      return closed === sockets.length;
    });
    expect(metricOf(await load.metrics(), "ingestion_generated_events_total")).to.be.above(0);
    const settled = await load.interrupted();
    expectUnharmed(settled, 130);
  });
});
