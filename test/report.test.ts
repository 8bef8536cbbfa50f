// src/report/: what a report is, said by ajv of real runs of the program; the summary; points of a series.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { expect } from "chai";
import { Counters } from "../src/counters.js";
import { jsonSchema, type Report } from "../src/report/schema.js";
import { Series } from "../src/report/series.js";
import { toText } from "../src/report/text.js";
import { lastPoint, pointAfter, Snapshots } from "../src/snapshot.js";
import { clickstorm, unwrapped } from "./support/cli.js";
import { madeReport, steadyInserts } from "./support/reports.js";
import { clickhouse, newDatabase, rowsOf } from "./support/server.js";
import { Sink } from "./support/sink.js";

const SCHEMA_FILE = new URL("../../docs/report.schema.json", import.meta.url);
const QUIET = ["--no-traces", "--no-metrics"];

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** What holds in every report, whatever the run. */
function expectLaws(report: Report): void {
  for (const rows of [report.rows, report.measured]) {
    expect(rows.scheduled).to.equal(rows.generated + rows.dropped + rows.unsent);
    expect(rows.generated).to.equal(rows.acknowledged + rows.failed + rows.unknown);
  }
  const { acknowledged, failed, unknown } = report.inserts;
  expect(sum(report.errors.map(({ rows }) => rows))).to.equal(report.rows.failed + report.rows.unknown);
  expect(sum(report.errors.map(({ inserts }) => inserts))).to.equal(failed + unknown);
  expect(sum(report.series.map(({ rows }) => rows))).to.equal(report.rows.acknowledged);
  expect(sum(report.series.map(({ scheduled }) => scheduled))).to.equal(report.rows.scheduled);
  expect(sum(report.series.map(({ inserts }) => inserts))).to.equal(acknowledged + failed + unknown);
  expect(sum(report.series.map(({ errors }) => errors))).to.equal(failed + unknown);
  const ends = report.series.map(({ t_s }) => t_s);
  expect(sum(report.series.map(({ seconds }) => seconds))).to.be.closeTo(ends.at(-1) ?? Number.NaN, 1e-6);
  expect(ends.at(-1)).to.equal(report.elapsed_s);
  expect(sum(Object.values(report.generator_cpu ?? {}))).to.be.closeTo(report.generator_cpu_s, 1e-6);
  // Threads have started, and something was rendered.
  expect(report.generator_cpu?.starting_s).to.be.greaterThan(0);
  expect(sum(report.series.map(({ service_ms }) => service_ms.count))).to.equal(report.service_ms.count);
  const { measured, latency_ms: latency, service_ms: service, refused_ms: refused } = report;
  expect(service.count).to.equal(measured.inserts.acknowledged);
  if (latency !== null) expect(latency.count - latency.lower_bounds).to.equal(measured.inserts.acknowledged);
  expect(refused?.count).to.equal(measured.inserts.failed + measured.inserts.unknown);
  expect(report.achieved_rows_per_s * (measured.to_s - measured.from_s)).to.be.closeTo(
    measured.answered ?? Number.NaN,
    0.001,
  );
}

describe("the report", function () {
  this.timeout(60_000);
  const folder = mkdtempSync(join(tmpdir(), "clickstorm-report-"));
  after(() => rmSync(folder, { recursive: true }));

  it("docs/report.schema.json is what the schema makes: npm run docs:report", () => {
    expect(JSON.parse(readFileSync(SCHEMA_FILE, "utf8"))).to.deep.equal(JSON.parse(JSON.stringify(jsonSchema())));
  });

  const validate = new Ajv2020({ allErrors: true }).compile(JSON.parse(readFileSync(SCHEMA_FILE, "utf8")));
  const run = async (name: string, flags: readonly string[]) => {
    const file = join(folder, `${name}.json`);
    const ended = await clickstorm([...flags, ...QUIET, "--report", file]);
    const report: Report = JSON.parse(readFileSync(file, "utf8"));
    expect(validate(report), JSON.stringify(validate.errors)).to.equal(true);
    expectLaws(report);
    expect(ended.stdout.split("\n").filter((line) => line.length > 80)).to.deep.equal([]);
    return { ...ended, report };
  };

  it("of a constant rate is valid: 3 s at 2,000 rows/s in inserts of 100 rows, a point for each second", async () => {
    const { database, url } = await newDatabase();
    const load = ["--rate", "2000", "--duration", "3", "--batch-rows", "100", "--setting", "max_threads=3"];
    const { code, report } = await run("constant", ["--clickhouse-url", `${url}&max_block_size=1234`, ...load]);
    expect(code).to.equal(0);
    expect(report.series.slice(0, 2).map(({ t_s, seconds, scheduled }) => [t_s, seconds, scheduled])).to.deep.equal([
      [1, 1, 2000],
      [2, 1, 2000],
    ]);
    expect(report.series[2]?.scheduled).to.equal(2000);
    expect([report.rows.landed, report.measured.scheduled, report.target_rows_per_s]).to.deep.equal([6000, 6000, 2000]);
    const columns = await rowsOf<{ name: string; type: string }>(
      `SELECT name, type FROM system.columns WHERE database = '${database}' AND table = 'events' ORDER BY position`,
    );
    expect(report.server.table).to.deep.equal({ engine: "MergeTree", columns });
    // What the URL sets is part of the session; a --setting goes with the inserts.
    expect(report.server.settings.max_block_size).to.equal("1234");
    expect(report.options.settings).to.deep.equal({ max_threads: "3" });
  });

  it("of --rate max is valid: no latency, and a point's latency is its service time", async () => {
    const { url } = await newDatabase();
    const { code, report } = await run("max", ["--clickhouse-url", url, "--rate", "max", "--duration", "2"]);
    expect(code).to.equal(0);
    expect([report.latency_ms, report.lateness_ms, report.target_rows_per_s]).to.deep.equal([null, null, null]);
    expect(report.rows.acknowledged).to.be.above(0);
    expect(report.series.map(({ latency_ms }) => latency_ms)).to.deep.equal(
      report.series.map(({ service_ms }) => service_ms),
    );
  });

  it("of --blind is valid: no version, no table, no ledger", async () => {
    const sink = await Sink.open();
    const load = ["--blind", "--clickhouse-url", sink.url, "--rate", "1000", "--duration", "1", "--batch-rows", "100"];
    const { code, report } = await run("blind", load);
    await sink.close();
    expect(code).to.equal(0);
    expect([report.versions.clickhouse, report.server.table, report.rows.landed]).to.deep.equal([
      null,
      { engine: null, columns: [] },
      null,
    ]);
  });

  it("of inserts that will not work is valid: the first answer of code 469 ends it, 100 rows are unknown, none is failed", async () => {
    const { database, url } = await newDatabase();
    await clickhouse(
      "CREATE TABLE picky (run_id String, seq UInt64, CONSTRAINT no CHECK seq < 0) ENGINE = MergeTree ORDER BY seq",
      database,
    );
    const load = ["--table", "picky", "--rate", "1000", "--duration", "60", "--batch-rows", "100"];
    const one = ["--workers", "1", "--in-flight", "1"];
    const { code, report } = await run("failures", ["--clickhouse-url", url, ...load, ...one]);
    expect(code).to.equal(1);
    expect(report.problems[0]).to.match(
      /^stopped, as inserts will not work: Code: 469\. DB::Exception: Constraint `no`/,
    );
    const { inserts, rows, errors, ledger_caveat } = report;
    expect(errors.map(({ code: error, ...counts }) => [error, counts.inserts, counts.rows])).to.deep.equal([
      ["469", inserts.unknown, rows.unknown],
    ]);
    expect([inserts.acknowledged, inserts.failed, rows.acknowledged, rows.failed]).to.deep.equal([0, 0, 0, 0]);
    // What was in the next slot may have been sent as well, cut to the rows that were due.
    expect(inserts.unknown).to.be.within(1, 2);
    expect(rows.unknown).to.be.within(100, 200);
    // All were answered: nothing lands later.
    expect([rows.landed, rows.lost, ledger_caveat]).to.deep.equal([0, 0, null]);
  });

  it("ajv refuses one without rows, and one whose rows are a text", () => {
    const report = madeReport(
      steadyInserts(2, 10, () => 5),
      { durationS: 2, warmupS: 0, rowsPerS: 1000, shard: "1/2" },
    );
    expect(validate(report)).to.equal(true);
    expect(validate({ ...report, rows: undefined })).to.equal(false);
    expect(validate({ ...report, rows: { ...report.rows, landed: "2000" } })).to.equal(false);
  });
});

describe("the summary", () => {
  const making = { durationS: 30, warmupS: 10, rowsPerS: 1000, shard: null };
  const report = madeReport(
    steadyInserts(30, 10, () => 10),
    making,
  );

  it("with a warm-up says what leaves it out", () => {
    expect(unwrapped(toText(report))).to.include(
      "warm-up    the first 10 s are left out of rate, latency, service and lateness, lag and thresholds, " +
        "and counted in rows, inserts, errors and ledger",
    );
    expect(toText({ ...report, options: { ...report.options, warmup_s: 0 } })).to.not.include("warm-up");
  });

  it("says target, achieved, shortfall and largest lag: 950 of 1,000 rows/s is short by 50 (5%)", () => {
    const text = toText({ ...report, achieved_rows_per_s: 950, max_lag_ms: 1500 });
    expect(unwrapped(text)).to.match(
      /rate +target 1,000 rows\/s +achieved 950 rows\/s in 20.0 s +short by 50 rows\/s \(5%\) +largest lag 1.5 s/,
    );
    expect(toText({ ...report, achieved_rows_per_s: 999.95 })).to.include("no shortfall");
  });

  it("says how much was answered after the end, and how far achieved may be off: 1,000 rows of 19,000", () => {
    const { measured, rows } = report;
    const late = { ...report, achieved_rows_per_s: 950, rows: { ...rows, unsent: 1200 } };
    const text = (errorRows: number | null): string =>
      unwrapped(
        toText({ ...late, measured: { ...measured, backlog: { rows: 5000, seconds: 2.5 }, error_rows: errorRows } }),
      );
    const backlog =
      "backlog    5,000 rows had no answer when the schedule ended, which took 2.5 s more, 1,200 of them never sent";
    expect(text(1000)).to.include(`${backlog}; achieved is right to 5.26%, as inserts are few or long`);
    // Below a hundredth it is not worth a word.
    expect(text(100)).to.include(backlog).and.to.not.include("right to");
    expect(toText(report)).to.not.include("backlog");
  });

  it("has a column for each quantile and one for the maximum, and a dash where the inserts are too few for one", () => {
    const lines = toText(report).split("\n");
    const at = lines.findIndex((line) => line.includes("p99.9"));
    expect(lines.slice(at, at + 5)).to.deep.equal([
      "                   p50      p90      p95      p99    p99.9      max",
      "  latency        10 ms    10 ms    10 ms    10 ms        –    10 ms  from due",
      "  service        10 ms    10 ms    10 ms    10 ms        –    10 ms  from sent",
      "  lateness        0 ms     0 ms     0 ms     0 ms        –     0 ms  until sent",
      "             200 inserts: too few for p99.9",
    ]);
  });

  it("has refused inserts in a row of their own, says what was never sent, and that none was acknowledged", () => {
    const { latency_ms: latency, refused_ms: none } = report;
    if (latency === null || none === null) throw new Error("no latency");
    const refused = { ...report, refused_ms: latency, service_ms: none, latency_ms: { ...latency, lower_bounds: 3 } };
    const text = unwrapped(toText(refused));
    expect(text).to.match(/service +no insert was acknowledged\n +refused( +10 ms){4} +– +10 ms +from due/);
    expect(text).to.include(
      "latency counts 3 inserts that were never sent with the time waited until the end: lower bounds",
    );
    expect(unwrapped(toText({ ...refused, latency_ms: null, lateness_ms: null }))).to.match(
      /refused( +10 ms){4} +– +10 ms +from sent/,
    );
    expect(toText(report)).to.not.include("refused");
  });

  it("explains latency where it is much more than service time, and not where it is not", () => {
    const sentence = "latency counts the wait for a free insert, service does not: the backlog is in latency";
    const late = "latency counts from due: batches were sent late by the generator";
    const { latency_ms: latency, lateness_ms: lateness } = report;
    if (latency === null || lateness === null) throw new Error("no latency");
    const [worker] = report.generator.workers;
    if (worker === undefined) throw new Error("no worker");
    // Service time has a p99 of 10 ms; the worker was busy or idle for 1 + 2 s, a hundredth of which are 30 ms.
    const told = (p99: number, latenessMs: number, waitingS: number): readonly boolean[] => {
      const text = unwrapped(
        toText({
          ...report,
          latency_ms: { ...latency, p99 },
          lateness_ms: { ...lateness, p99: latenessMs },
          generator: { ...report.generator, reasons: [], workers: [{ ...worker, waiting_s: waitingS }] },
        }),
      );
      return [text.includes(sentence), text.includes(late)];
    };
    expect(told(20.1, 10.1, 0.031)).to.deep.equal([true, false]);
    expect(told(20.1, 10.1, 0.029)).to.deep.equal([false, true]);
    expect(told(20.1, 6, 0.029)).to.deep.equal([false, false]);
    // Less than 10 ms more.
    expect(told(19.9, 9.9, 1)).to.deep.equal([false, false]);
    // Two inserts, sent by a timer that was 6 ms late.
    expect(told(16.1, 6, 0)).to.deep.equal([false, false]);
  });

  it("has each threshold with pass or fail, and its value", () => {
    const thresholds = [
      { expression: "p99<500ms", value: 12.5, passed: true, unjudged: null },
      { expression: "achieved_rate>=99%", value: 0.95, passed: false, unjudged: null },
      { expression: "rows_lost==0", value: null, passed: false, unjudged: null },
      { expression: "p99.9<1s", value: null, passed: true, unjudged: "needs 1000 inserts, has 30" },
    ];
    const lines = toText({ ...report, thresholds }).split("\n");
    const at = lines.findIndex((line) => line.includes("thresholds "));
    expect(lines.slice(at, at + 4)).to.deep.equal([
      "  thresholds pass  p99<500ms           12.5 ms",
      "             FAIL  achieved_rate>=99%  95%",
      "             FAIL  rows_lost==0        nothing measured",
      "             ?     p99.9<1s            cannot judge: needs 1000 inserts, has 30",
    ]);
  });

  it("says plainly that the generator was the limit, and why", () => {
    const limited = { generator_limited: true, generator: { ...report.generator, reasons: ["its cores were busy"] } };
    expect(unwrapped(toText({ ...report, ...limited }))).to.include(
      "limit      the generator was the limit: this is no statement about the server its cores were busy",
    );
    expect(toText(report)).to.not.include("the limit");
  });

  it("of a run of 10^12 rows with long names keeps to 80 columns, but for a word that is longer", () => {
    const rows = { scheduled: 1e12, generated: 1e12, acknowledged: 1e12, landed: 1e12 };
    const url = `http://${"a".repeat(90)}:8123`;
    const text = toText({
      ...report,
      run_id: "r".repeat(64),
      options: { ...report.options, "clickhouse-url": [url, "http://b:8123"], overload: "drop", shard: "12/34" },
      rows: { ...report.rows, ...rows },
      problems: ["something went wrong in a way that takes a long sentence to tell, longer than a line of a terminal"],
    });
    expect(text.split("\n").filter((line) => line.length > 80)).to.deep.equal([url]);
  });
});

describe("the points of a series", () => {
  for (const [warmupS, warming] of [
    [0, []],
    [1, [1]],
    [1.5, [1, 2]],
    [2, [1, 2]],
  ] as const) {
    it(`that begin before the end of a warm-up of ${warmupS} s are of it: ${warming.join(", ") || "none"}`, () => {
      const counters = Counters.allocate({ workers: 1, endpoints: 1, phases: 1 });
      const series = new Series(new Snapshots(counters, false), warmupS * 1e9, false);
      for (const second of [1, 2, 3]) series.at(second * 1e9);
      const { points } = series;
      expect(points).to.have.length(3);
      expect(points.filter(({ warmup }) => warmup).map(({ t_s }) => t_s)).to.deep.equal(warming);
    });
  }

  const rows: readonly (readonly [second: number, next: number])[] = [
    [0, 1],
    [3599, 3600],
    [3600, 3602],
    [7198, 7200],
    [7200, 7204],
    [14_400, 14_408],
    [3601, 3602],
  ];
  for (const [second, next] of rows) {
    it(`after ${second} s the next ends at ${next} s`, () => expect(pointAfter(second)).to.equal(next));
  }

  it("of 90 days are 3,600 of the first hour, 1,800 of each doubling and the rest of the last: 23,499", () => {
    const end = 90 * 86_400;
    let points = 0;
    for (let second = 0; second < end; second = pointAfter(second)) points++;
    // 2,160 hours: 11 doublings reach 2,048; the remaining 112 hours in steps of 4,096 s are 98.4.
    expect(points).to.equal(3600 + 11 * 1800 + Math.ceil((112 * 3600) / 4096));
  });

  it("one that was missed is left out: at 7.9 s after a point at 3 s the next ends at 7 s", () => {
    expect(lastPoint(3, 7)).to.equal(7);
    expect(lastPoint(3600, 3607)).to.equal(3606);
    expect(lastPoint(5, 5)).to.equal(5);
  });
});
