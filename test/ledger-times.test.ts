// The ledger reads times back: a server that takes the numbers for something else is found out, and none is accused wrongly. A real
// one does so on request: ClickHouse of 26.8 and newer reads bare ticks of a DateTime64 as seconds when it is told to.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { parseReport } from "../src/report/read.js";
import type { Report } from "../src/report/schema.js";
import { clickstorm, start } from "./support/cli.js";
import { clickhouse, newDatabase, rowsOf } from "./support/server.js";
import { describeOn } from "./support/versions.js";

const AS_SECONDS = ["--setting", "input_format_read_datetime_number_as_raw_value=0"];
const LEDGER = ", run_id String, seq UInt64";

function reportOf(file: string): Report {
  const reading = parseReport(readFileSync(file, "utf8"), file);
  if (!("report" in reading)) throw new Error(JSON.stringify(reading));
  return reading.report;
}

interface Ran {
  readonly code: number | null;
  readonly report: Report;
}

async function run(url: string, args: readonly string[]): Promise<Ran> {
  const folder = mkdtempSync(join(tmpdir(), "clickstorm-ledger-times-"));
  const file = join(folder, "run.json");
  try {
    const all = ["run", "--clickhouse-url", url, "--no-traces", "--no-metrics", "--report", file, ...args];
    const { code, stderr } = await clickstorm(all);
    expect(stderr).not.to.include("error: ");
    return { code, report: reportOf(file) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const LOAD = ["--rate", "1000", "--duration", "0.5"];
const BACKFILL = [...LOAD, "--data-start", "2026-11-01", "--data-span", "1h"];

describeOn("26.9", (server) => {
  for (const [name, more] of [
    ["with run_id and seq", LEDGER],
    ["without", ""],
  ] as const) {
    it(`a table ${name}: 500 rows that land 500 years too late are a problem, and the run ends with 1`, async () => {
      await server().ask("DROP TABLE IF EXISTS late");
      await server().ask(`CREATE TABLE late (t DateTime64(1)${more}) ENGINE = MergeTree ORDER BY t`);
      const { code, report } = await run(server().url, ["--table", "late", ...BACKFILL, ...AS_SECONDS]);
      // 2026-11-01 is 1,793,491,200 s, or ten times as many ticks; as seconds, these are 3 May 2538, and an hour is ten.
      expect(await server().ask("SELECT count() FROM late WHERE t > '2299-01-01'")).to.equal("500");
      expect(report.rows).to.include({ acknowledged: 500, landed: 500, lost: 0, duplicated: 0 });
      expect(code).to.equal(1);
      expect(report.problems.length).to.equal(1);
      expect(report.problems[0]).to.match(
        more === ""
          ? /^column t: 500 rows of the run have other times than from 2026-11-01 to 2026-11-01T00:59:52\.800Z, with which/
          : /^column t: its rows have times from 2538-05-03 to 2538-05-03T09:58:48Z, and were sent with 2026-11-01 to 2026-11-01T00:59:52\.800Z$/,
      );
    });
  }

  it("a second backfill of the same hour that lands elsewhere does not hide behind the rows of the first", async () => {
    await server().ask("CREATE TABLE twice (t DateTime64(1)) ENGINE = MergeTree ORDER BY t");
    const first = await run(server().url, ["--table", "twice", ...BACKFILL]);
    expect([first.code, first.report.problems.length]).to.deep.equal([0, 0]);
    const second = await run(server().url, ["--table", "twice", ...BACKFILL, ...AS_SECONDS]);
    expect(second.code).to.equal(1);
    expect(second.report.problems[0]).to.match(/^column t: 500 rows of the run have other times/);
  });
});

describe("times that landed as they were sent", function () {
  this.timeout(60_000);

  const COLUMNS =
    "t DateTime64(9), ms Nullable(DateTime64(3)), s DateTime, d Date, d32 Date32, late DateTime64(6), fixed DateTime64(3), old DateTime64(3)";
  const RULES = [
    "columns:",
    "  late: { time: { jitter: 1m, late: { ratio: 0.2, mean: 10m, max: 1h } } }",
    "  fixed: { constant: 1999-12-31T23:59:59Z }",
    "  old: { uniform: { from: 1950-01-01, to: 1960-01-01 } }",
  ].join("\n");

  let folder = "";
  let config = "";
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "clickstorm-times-rules-"));
    config = join(folder, "rules.yaml");
    writeFileSync(config, `${RULES}\n`);
  });
  after(() => rmSync(folder, { recursive: true }));

  const loads: readonly (readonly [string, readonly string[]])[] = [
    ["a constant rate", ["--rate", "999", "--duration", "1"]],
    ["stages up and down", ["--stage", "0.5s:1000", "--stage", "0.5s:10", "--flush-interval", "0.2s"]],
    ["arrivals by chance", ["--rate", "500", "--duration", "1", "--arrivals", "poisson", "--batch-rows", "7"]],
    ["a warm-up", ["--rate", "500", "--duration", "0.5", "--warmup", "0.5s", "--batch-rows", "33"]],
    ["a closed loop", ["--rate", "max", "--duration", "0.3", "--batch-rows", "100", "--in-flight", "2"]],
    [
      "a backfill of 300 days",
      ["--rate", "1000", "--duration", "0.5", "--data-start", "2025-01-01", "--data-span", "300d"],
    ],
    ["a backfill of 1970", ["--rate", "1000", "--duration", "0.5", "--data-start", "1970-01-02", "--data-span", "1h"]],
  ];
  for (const more of [LEDGER, ""]) {
    for (const [name, args] of loads) {
      it(`${name}, ${more === "" ? "without" : "with"} run_id and seq: exit 0, and each row is where the schedule has it`, async () => {
        const { database, url } = await newDatabase();
        await clickhouse(`CREATE TABLE times (${COLUMNS}${more}) ENGINE = MergeTree ORDER BY t`, database);
        const { code, report } = await run(url, ["--table", "times", "--config", config, ...args]);
        expect([code, report.problems, report.rows.lost]).to.deep.equal([0, [], 0]);
        expect(report.rows.landed).to.equal(report.rows.scheduled).and.above(50);
        // What the check itself looks at, in other words.
        const [found] = await rowsOf<{ wrong: number }>(
          "SELECT countIf(s != toDateTime(t) OR d != toDate(t) OR d32 != toDate32(t) OR late > t OR late < t - INTERVAL 61 MINUTE) AS wrong FROM times",
          database,
        );
        expect(found?.wrong).to.equal(0);
      });
    }
  }

  it("a second backfill of the same days, interrupted, with neither run_id nor seq: no time is called wrong", async () => {
    const { database, url } = await newDatabase();
    await clickhouse("CREATE TABLE t (ts DateTime64(3), x UInt32) ENGINE = MergeTree ORDER BY ts", database);
    const load = ["--table", "t", "--rate", "1000", "--data-start", "2024-01-01", "--data-span", "10d"];
    expect((await run(url, [...load, "--duration", "2"])).code).to.equal(0);
    const file = join(folder, "again.json");
    const running = start([
      ...["run", "--clickhouse-url", url, "--no-traces", "--no-metrics", "--report", file],
      ...[...load, "--duration", "60", "--flush-interval", "0.1s"],
    ]);
    while (Number(await clickhouse("SELECT count() FROM t", database)) < 2200) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    running.process.kill("SIGINT");
    expect((await running.ended).code).to.equal(130);
    expect(reportOf(file).problems).to.deep.equal([]);
  });

  it("rows whose rule has times of other rows that were there: as many more are found", async () => {
    const { database, url } = await newDatabase();
    await clickhouse(
      "CREATE TABLE t (fixed DateTime64(3), n0 UInt8, within UInt8, e DateTime EPHEMERAL) ENGINE = Log",
      database,
    );
    const rules = join(folder, "fixed.yaml");
    writeFileSync(rules, "columns:\n  fixed: { constant: 2020-01-05T00:00:00Z }\n");
    const load = ["--table", "t", "--config", rules, ...LOAD];
    await run(url, load);
    const { code, report } = await run(url, load);
    expect([code, report.problems]).to.deep.equal([0, []]);
    expect(report.ledger_caveat).not.to.include("not read back");
    expect(await clickhouse("SELECT count() FROM t WHERE fixed = '2020-01-05 00:00:00'", database)).to.equal("1000");
  });

  it("a run that is interrupted: exit 130, and no time is called wrong", async () => {
    const { database, url } = await newDatabase();
    const file = join(folder, "interrupted.json");
    const running = start([
      ...["run", "--clickhouse-url", url, "--no-traces", "--no-metrics", "--report", file],
      ...["--rate", "500", "--duration", "60", "--flush-interval", "0.1s"],
    ]);
    while (Number(await clickhouse("SELECT count() FROM events", database).catch(() => "0")) < 100) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    running.process.kill("SIGINT");
    expect((await running.ended).code).to.equal(130);
    expect(reportOf(file).problems).to.deep.equal([]);
  });
});
