// The main job from end to end: the real program, real threads, a real ClickHouse, which is asked how many rows there are.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { startEmbedded } from "../src/embedded/server.js";
import { clickstorm, type Ended, start, unwrapped } from "./support/cli.js";
import { clickhouse, newDatabase, numberOf, rowsOf } from "./support/server.js";
import { Sink } from "./support/sink.js";

const QUIET = ["--no-traces", "--no-metrics"];

interface Landed {
  readonly rows: number;
  readonly distinct: number;
  readonly total: number;
  readonly last: number;
}

function landed(database: string): Promise<Landed | undefined> {
  const sql = "SELECT count() AS rows, uniqExact(seq) AS distinct, sum(seq) AS total, max(seq) AS last FROM events";
  return rowsOf<Landed>(sql, database).then(([row]) => row);
}

/** What the table must hold when rows 0 to n - 1 landed once each. */
function once(rows: number): Landed {
  return { rows, distinct: rows, total: (rows * (rows - 1)) / 2, last: rows - 1 };
}

describe("run", function () {
  this.timeout(60_000);

  const directory = mkdtempSync(join(tmpdir(), "clickstorm-test-"));
  after(() => rmSync(directory, { recursive: true }));

  // It takes its 30 s while the others run.
  let seedRun: Promise<{ readonly database: string; readonly ended: Ended }>;
  before(() => {
    seedRun = newDatabase().then(async ({ database, url }) => ({
      database,
      ended: await clickstorm(["--clickhouse-url", url, "--rate", "5", "--duration", "30", ...QUIET]),
    }));
  });

  const exact: readonly (readonly [string, string, number])[] = [
    ["2.3", "5", 12],
    ["0.7", "3s", 3],
    ["333", "1500ms", 500],
    ["12345", "2", 24_690],
    ["150k", "2", 300_000],
  ];
  for (const [rate, duration, rows] of exact) {
    for (const workers of [1, 2, 3]) {
      it(`${rate} rows/s for ${duration} by ${workers} workers lands rows 0 to ${rows - 1} once each`, async () => {
        const { database, url } = await newDatabase();
        const flags = ["--rate", rate, "--duration", duration, "--workers", String(workers), "--batch-rows", "7000"];
        const { code, stdout, stderr } = await clickstorm(["--clickhouse-url", url, ...flags, ...QUIET]);
        expect(code, stderr).to.equal(0);
        expect(await landed(database)).to.deep.equal(once(rows));
        const text = rows.toLocaleString("en-US");
        expect(unwrapped(stdout)).to.include(
          `scheduled ${text}, acknowledged ${text}, landed ${text}, lost 0, duplicated 0`,
        );
      });
    }
  }

  it("at 5 rows/s the first rows are in ClickHouse within the flush interval and a second", async () => {
    const { database, url } = await newDatabase();
    await clickstorm(["--clickhouse-url", url, "--rate", "5", "--duration", "3", ...QUIET]);
    await clickhouse("SYSTEM FLUSH LOGS");
    const inserts = await rowsOf<{ rows: number; after_ms: number }>(
      `SELECT written_rows AS rows, toUnixTimestamp64Milli(toDateTime64(event_time_microseconds, 3)) - (SELECT min(toUnixTimestamp64Milli(timestamp)) FROM ${database}.events) AS after_ms
         FROM system.query_log WHERE type = 'QueryFinish' AND query_kind = 'Insert' AND has(tables, '${database}.events') AND written_rows > 0 ORDER BY after_ms`,
    );
    expect(inserts.map(({ rows }) => rows)).to.deep.equal([5, 5, 5]);
    for (const [index, { after_ms }] of inserts.entries())
      expect(after_ms).to.be.within(1000 * (index + 1), 1000 * (index + 2));
  });

  for (const workers of [1, 3]) {
    it(`--rate max by ${workers} workers leaves no hole in seq, and row times within the run`, async () => {
      const { database, url } = await newDatabase();
      const file = join(directory, `max-${workers}.json`);
      const flags = ["--rate", "max", "--duration", "2", "--workers", String(workers), "--batch-rows", "5000"];
      const { code, stdout, stderr } = await clickstorm([
        "--clickhouse-url",
        url,
        ...flags,
        "--report",
        file,
        ...QUIET,
      ]);
      expect(code, stderr).to.equal(0);
      const found = await landed(database);
      if (found === undefined) throw new Error("no answer");
      expect(found.rows).to.be.above(100_000);
      expect(found.rows % 5000).to.equal(0);
      expect(found).to.deep.equal(once(found.rows));
      const report = JSON.parse(readFileSync(file, "utf8"));
      expect(report.rows).to.deep.equal({
        scheduled: found.rows,
        generated: found.rows,
        dropped: 0,
        unsent: 0,
        acknowledged: found.rows,
        failed: 0,
        unknown: 0,
        landed: found.rows,
        lost: 0,
        duplicated: 0,
      });
      expect(report.latency_ms).to.equal(null);
      expect(report.service_ms.count).to.equal(found.rows / 5000);
      expect(unwrapped(stdout)).to.include("latency    none");
      const started = Date.parse(report.started_at);
      const [times] = await rowsOf<{ early: number; late: number }>(
        `SELECT countIf(toUnixTimestamp64Milli(timestamp) < ${started}) AS early, countIf(toUnixTimestamp64Milli(timestamp) > ${started + 2000}) AS late FROM events`,
        database,
      );
      expect(times).to.deep.equal({ early: 0, late: 0 });
    });
  }

  it("the report's figures are ClickHouse's: rows, inserts, series, options", async () => {
    const { database, url } = await newDatabase();
    const file = join(directory, "report.json");
    const flags = [
      "--rate",
      "20k",
      "--duration",
      "3",
      "--batch-rows",
      "2000",
      "--seed",
      "11",
      "--run-id",
      "report-test",
    ];
    const { code } = await clickstorm(["--clickhouse-url", url, ...flags, "--report", file, ...QUIET]);
    expect(code).to.equal(0);
    const report = JSON.parse(readFileSync(file, "utf8"));
    await clickhouse("SYSTEM FLUSH LOGS");
    const [log] = await rowsOf<{ inserts: number; rows: number; ids: number }>(
      `SELECT count() AS inserts, sum(written_rows) AS rows, countIf(match(query_id, '^report-test-[0-9]+-1$')) AS ids FROM system.query_log
         WHERE type = 'QueryFinish' AND query_kind = 'Insert' AND has(tables, '${database}.events') AND written_rows > 0`,
    );
    expect(log).to.deep.equal({ inserts: 30, rows: 60_000, ids: 30 });
    expect(report.inserts).to.deep.equal({ acknowledged: 30, failed: 0, unknown: 0 });
    expect(report.latency_ms.count).to.equal(30);
    expect(report.rows.landed).to.equal(await numberOf("SELECT count() FROM events", database));
    expect(report.series.reduce((sum: number, { rows }: { rows: number }) => sum + rows, 0)).to.equal(60_000);
    expect([report.schema, report.run_id, report.options.seed, report.options.rate]).to.deep.equal([
      "clickstorm/report/1",
      "report-test",
      11,
      "20k",
    ]);
    expect(report.versions.clickhouse).to.equal(await clickhouse("SELECT version()"));
    expect(await clickhouse("SELECT groupUniqArray(run_id) FROM events", database)).to.equal("['report-test']");
    // Rendered bytes: what the rows are as ClickHouse itself writes them, but for the time.
    expect(report.bytes.sent).to.equal(report.bytes.rendered);
  });

  it("--data-start puts the first row there, whatever the time of day", async () => {
    const { database, url } = await newDatabase();
    const flags = ["--rate", "100", "--duration", "1", "--data-start", "2020-02-29T12:00:00+01:00"];
    await clickstorm(["--clickhouse-url", url, ...flags, ...QUIET]);
    const text = await clickhouse(
      "SELECT min(timestamp)::DateTime64(3, 'UTC'), max(timestamp)::DateTime64(3, 'UTC') FROM events",
      database,
    );
    expect(text).to.equal("2020-02-29 11:00:00.000\t2020-02-29 11:00:00.990");
  });

  it("--async-insert sends async_insert=1 and waits for the flush; without it async_insert=0 is sent", async () => {
    // Asked of a sink: the embedded server has no queue for async inserts, and runs them as any other.
    for (const [flags, settings] of [
      [["--async-insert"], { async_insert: "1", wait_for_async_insert: "1" }],
      [[], { async_insert: "0" }],
    ] as const) {
      const sink = await Sink.open();
      const load = ["--blind", "--rate", "1000", "--duration", "1", "--batch-rows", "100"];
      const { code, stderr } = await clickstorm(["--clickhouse-url", sink.url, ...load, ...flags, ...QUIET]);
      await sink.close();
      expect(code, stderr).to.equal(0);
      const sent = sink.received.map(({ target }) => {
        const parameters = [...new URL(target, "http://sink").searchParams];
        return Object.fromEntries(parameters.filter(([name]) => name.includes("async")));
      });
      expect(sent).to.deep.equal(Array.from({ length: 10 }, () => settings));
    }
  });

  it("--setting reaches every insert", async () => {
    const { database, url } = await newDatabase();
    const flags = [
      "--rate",
      "10",
      "--duration",
      "1",
      "--setting",
      "max_insert_threads=3",
      "--setting",
      "log_comment=a b&c=d",
    ];
    const { code, stderr } = await clickstorm(["--clickhouse-url", url, ...flags, ...QUIET]);
    expect(code, stderr).to.equal(0);
    await clickhouse("SYSTEM FLUSH LOGS");
    const sent = await clickhouse(
      `SELECT Settings['max_insert_threads'], log_comment FROM system.query_log WHERE type = 'QueryFinish' AND query_kind = 'Insert' AND has(tables, '${database}.events') AND written_rows > 0`,
    );
    expect(sent).to.equal("3\ta b&c=d");
  });

  it("two --clickhouse-url share the inserts one by one", async () => {
    const { database, url } = await newDatabase();
    const other = url.replace("127.0.0.1", "localhost");
    const flags = ["--rate", "1000", "--duration", "1", "--batch-rows", "100", "--run-id", "two-urls"];
    const { code, stderr } = await clickstorm(["--clickhouse-url", url, "--clickhouse-url", other, ...flags, ...QUIET]);
    expect(code, stderr).to.equal(0);
    expect(await landed(database)).to.deep.equal(once(1000));
    await clickhouse("SYSTEM FLUSH LOGS");
    const inserts = await numberOf(
      "SELECT count() FROM system.query_log WHERE type = 'QueryFinish' AND startsWith(query_id, 'two-urls-')",
    );
    expect(inserts).to.equal(10);
  });

  it("two servers, each with its own events: the ledger adds up what both hold", async () => {
    const other = await startEmbedded({ login: "none" });
    try {
      const { database, url } = await newDatabase();
      await fetch(other.url, { method: "POST", body: `CREATE DATABASE ${database}`, headers: { connection: "close" } });
      const urls = ["--clickhouse-url", url, "--clickhouse-url", `${other.url}/?database=${database}`];
      const flags = ["--rate", "1000", "--duration", "1", "--batch-rows", "100"];
      const { code, stdout, stderr } = await clickstorm([...urls, ...flags, ...QUIET]);
      expect(code, stderr).to.equal(0);
      expect(unwrapped(stdout)).to.include("scheduled 1,000, acknowledged 1,000, landed 1,000, lost 0, duplicated 0");
      expect(await numberOf("SELECT count() FROM events", database)).to.equal(500);
    } finally {
      await other.stop();
    }
  });

  it("a table of engine Null keeps no rows: no ledger, and exit 0", async () => {
    const { database, url } = await newDatabase();
    await clickhouse(
      "CREATE TABLE nothing (timestamp DateTime64(3), user_id String, action String, payload String, run_id String, seq UInt64) ENGINE = Null",
      database,
    );
    const flags = ["--table", "nothing", "--rate", "1000", "--duration", "1"];
    const { code, stdout, stderr } = await clickstorm(["--clickhouse-url", url, ...flags, ...QUIET]);
    expect(code, stderr).to.equal(0);
    expect(unwrapped(stdout)).to.match(/acknowledged 1,000 /);
    expect(unwrapped(stdout)).to.include("none: a table of engine Null keeps no rows");
  });

  it("a ReplacingMergeTree makes one row of several: no ledger, and exit 0 with 10 rows left of 1000", async () => {
    const { database, url } = await newDatabase();
    await clickhouse(
      "CREATE TABLE latest (run_id String, seq UInt64) ENGINE = ReplacingMergeTree ORDER BY intDiv(seq, 100)",
      database,
    );
    const flags = ["--table", "latest", "--rate", "1000", "--duration", "1"];
    const { code, stdout, stderr } = await clickstorm(["--clickhouse-url", url, ...flags, ...QUIET]);
    expect(code, stderr).to.equal(0);
    expect(unwrapped(stdout)).to.include("none: a table of engine ReplacingMergeTree makes one row of several");
    expect(await numberOf("SELECT count() FROM latest FINAL", database)).to.equal(10);
  });

  it("SIGINT while a server does not answer the pre-flight ends it with 130", async () => {
    const sink = await Sink.open(() => "silent");
    const running = start(["--clickhouse-url", sink.url, ...QUIET]);
    await running.said("waiting for an answer");
    running.process.kill("SIGINT");
    expect((await running.ended).code).to.equal(130);
    await sink.close();
  });

  it("an `events` with the seed's four columns is filled, and checked by the difference of count()", async () => {
    const { database, url } = await newDatabase();
    await clickhouse(
      "CREATE TABLE events (timestamp DateTime64(6, 'Asia/Tokyo'), user_id String, action Nullable(String), payload String) ENGINE = MergeTree ORDER BY timestamp",
      database,
    );
    await clickhouse("INSERT INTO events VALUES (now64(6), 'someone', 'else', 'before')", database);
    const flags = ["--rate", "500", "--duration", "1", "--data-start", "2026-01-01"];
    const { code, stdout, stderr } = await clickstorm(["--clickhouse-url", url, ...flags, ...QUIET]);
    expect(code, stderr).to.equal(0);
    expect(await numberOf("SELECT count() FROM events", database)).to.equal(501);
    expect(unwrapped(stdout)).to.match(/landed 500, lost 0, duplicated 0\s+\(by the difference of count\(\)/);
    const [row] = await rowsOf<{ first: number; users: number }>(
      "SELECT min(toUnixTimestamp64Micro(timestamp)) AS first, uniqExact(user_id) AS users FROM events WHERE payload = 'example-payload'",
      database,
    );
    expect(row).to.deep.equal({ first: 1_767_225_600_000_000, users: 500 });
  });

  it("the seed service's own command, --rate 5 --duration 30, lands 150 rows, 200 ms apart", async () => {
    const { database, ended } = await seedRun;
    expect(ended.code, ended.stderr).to.equal(0);
    expect(await landed(database)).to.deep.equal(once(150));
    const [times] = await rowsOf<{ odd: number; span: number }>(
      `SELECT countIf(toUnixTimestamp64Milli(timestamp) != first + 200 * seq) AS odd, max(toUnixTimestamp64Milli(timestamp)) - first AS span
         FROM events, (SELECT min(toUnixTimestamp64Milli(timestamp)) AS first FROM events) AS f GROUP BY first`,
      database,
    );
    expect(times).to.deep.equal({ odd: 0, span: 29_800 });
  });
});
