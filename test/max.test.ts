// `clickstorm max` as a user runs it: servers whose limit is known by arithmetic, and what it says of them.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { findNginx, startDiscarder } from "../bench/nginx.js";
import { type EmbeddedServer, startEmbedded } from "../src/embedded/server.js";
import { resolveMax } from "../src/max/options.js";
import { OptionsError } from "../src/options.js";
import { clickstorm, type Ended, start } from "./support/cli.js";
import { clickhouse, newDatabase, numberOf } from "./support/server.js";

const SHORT = ["--step", "2s", "--flush-interval", "500ms"];

interface StepJson {
  readonly rate_rows_per_s: number;
  readonly search: number;
  readonly passed: boolean;
  readonly reasons: readonly string[];
  readonly achieved_rows_per_s: number | null;
  readonly errors: readonly { readonly code: number | string; readonly inserts: number }[];
  readonly rows_acknowledged: number;
  readonly parts: { readonly after: { readonly unmerged: number } } | null;
}

interface Report {
  readonly schema: string;
  readonly steps: readonly StepJson[];
  readonly result: {
    readonly sustained_rows_per_s: number | null;
    readonly low_rows_per_s: number | null;
    readonly high_rows_per_s: number | null;
    readonly confidence: number | null;
    readonly searches: number;
  };
  readonly generator_limited: boolean;
  readonly complete: boolean;
  readonly sentence: string;
  readonly problems: readonly string[];
}

const USERS = `<quotas><fifty><interval><duration>1</duration><query_inserts>50</query_inserts></interval></fifty></quotas>
  <users><limited><password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>fifty</quota>
    <grants><query>GRANT ALL ON *.*</query></grants></limited></users>`;
/** One merge at a time. */
const ONE_MERGE = `<background_pool_size>1</background_pool_size>
  <background_merges_mutations_concurrency_ratio>1</background_merges_mutations_concurrency_ratio>
  <merge_tree>
    <number_of_free_entries_in_pool_to_lower_max_size_of_merge>1</number_of_free_entries_in_pool_to_lower_max_size_of_merge>
    <number_of_free_entries_in_pool_to_execute_mutation>1</number_of_free_entries_in_pool_to_execute_mutation>
    <number_of_free_entries_in_pool_to_execute_optimize_entire_partition>1</number_of_free_entries_in_pool_to_execute_optimize_entire_partition>
  </merge_tree>`;

async function ask({ url }: EmbeddedServer, sql: string): Promise<string> {
  const answer = await fetch(url, { method: "POST", body: sql, headers: { connection: "close" } });
  const text = await answer.text();
  if (!answer.ok) throw new Error(text);
  return text.trim();
}

describe("max", function () {
  this.timeout(240_000);

  const directory = mkdtempSync(join(tmpdir(), "clickstorm-test-"));
  after(() => rmSync(directory, { recursive: true }));
  let reports = 0;

  async function max(args: readonly string[]): Promise<{ readonly ended: Ended; readonly report: Report }> {
    const file = join(directory, `max-${reports++}.json`);
    const ended = await clickstorm(["max", ...args, "--report", file]);
    return { ended, report: JSON.parse(readFileSync(file, "utf8")) };
  }

  const tooWide = (text: string): string[] => text.split("\n").filter((line) => line.length > 80);
  const rowsOf = ({ steps }: Report): number => steps.reduce((sum, step) => sum + step.rows_acknowledged, 0);

  it("a quota that refuses the 51st insert of a second, 20 rows each: 1,000 rows/s within 5%, and the interval comes as near", async () => {
    const server = await startEmbedded({ login: "none", extraConfig: { usersXml: USERS } });
    try {
      const flags = ["--user", "limited", "--batch-rows", "20", "--from", "600", ...SHORT];
      const { ended, report } = await max(["--clickhouse-url", server.url, ...flags]);
      expect(ended.code, ended.stderr + ended.stdout).to.equal(0);
      const { sustained_rows_per_s, low_rows_per_s, high_rows_per_s, confidence, searches } = report.result;
      expect(sustained_rows_per_s, ended.stdout).to.be.within(950, 1050);
      // Between 1,000 and 1,020 chance decides: of a hundred intervals of 97% three do not hold the limit.
      expect(low_rows_per_s).to.be.at.most(Math.min(1050, sustained_rows_per_s ?? 0));
      expect(high_rows_per_s).to.be.at.least(Math.max(950, sustained_rows_per_s ?? Infinity));
      expect([confidence, searches]).to.deep.equal([1 - 2 / 2 ** 6, 6]);
      for (const { rate_rows_per_s, passed, errors } of report.steps.filter(({ errors }) => errors.length > 0)) {
        expect([passed, errors.map(({ code }) => code)], String(rate_rows_per_s)).to.deep.equal([false, [201]]);
      }
      // At 1,020 rows/s every second has its 51st insert, whenever it begins.
      expect(report.steps.filter(({ rate_rows_per_s, passed }) => rate_rows_per_s >= 1020 && passed)).to.deep.equal([]);
      expect(await ask(server, "SELECT count() FROM events")).to.equal(String(rowsOf(report)));
      expect([report.schema, report.generator_limited, report.complete]).to.deep.equal([
        "clickstorm/max/1",
        false,
        true,
      ]);
      expect(tooWide(ended.stdout)).to.deep.equal([]);
      expect(ended.stderr).to.include("rows are written into default.events and stay there");
    } finally {
      await server.stop();
    }
  });

  it("merges that take 2,000 rows a second at most: what is sustained is below, and above it parts pile up", async () => {
    // An index that takes half a millisecond a row is left out by inserts and made by merges, one at a time: whatever comes
    // in faster than 2,000 rows/s stays unmerged, and insert by insert the table has more parts.
    const server = await startEmbedded({ login: "none", extraConfig: { configXml: ONE_MERGE } });
    try {
      await ask(
        server,
        `CREATE TABLE slow (a UInt64, b UInt64, INDEX i (b + sleepEachRow(0.0005)) TYPE minmax)
         ENGINE = MergeTree ORDER BY a SETTINGS parts_to_throw_insert = 600`,
      );
      const file = join(directory, "piled.json");
      const load = ["--table", "slow", "--setting", "materialize_skip_indexes_on_insert=0", "--batch-rows", "50"];
      const flags = ["--from", "500", "--to", "8k", "--precision", "40%", ...SHORT, "--report", file];
      const running = start(["max", "--clickhouse-url", server.url, ...load, ...flags]);
      // The first search is enough: each backlog takes its time to be merged.
      await running.said("again from near the limit");
      running.process.kill("SIGINT");
      const ended = await running.ended;
      const report: Report = JSON.parse(readFileSync(file, "utf8"));
      expect(ended.code).to.equal(130);
      expect(report.result.sustained_rows_per_s, ended.stdout).to.be.within(1, 2000);
      expect(report.steps.filter(({ rate_rows_per_s, passed }) => rate_rows_per_s > 2500 && passed)).to.deep.equal([]);
      const piled = report.steps.filter(({ reasons }) =>
        /^(parts|active parts).* grew from/.test(reasons.at(-1) ?? ""),
      );
      expect(piled.length, ended.stdout).to.be.above(0);
      expect(piled.every(({ passed, errors }) => !passed && errors.length === 0)).to.equal(true);
      expect(ended.stdout).to.match(/grew from \d+/);
    } finally {
      await server.stop();
    }
  });

  it("a table whose merges are stopped: 60 inserts a second pile up, and so do 30; nothing is sustained", async () => {
    const { database, url } = await newDatabase();
    await clickhouse("CREATE TABLE stopped (a UInt64) ENGINE = MergeTree ORDER BY a", database);
    await clickhouse(`SYSTEM STOP MERGES ${database}.stopped`);
    const flags = ["--table", "stopped", "--batch-rows", "1", "--from", "60", "--to", "60", "--step", "6s"];
    const running = start(["max", "--clickhouse-url", url, ...flags, "--flush-interval", "200ms"]);
    await running.said("\n       30");
    running.process.kill("SIGINT");
    const { code, stdout } = await running.ended;
    expect(code).to.equal(130);
    expect(stdout).to.not.include("passed\n");
    expect(stdout).to.include("nothing is sustained: ");
  });

  const nginx = findNginx();
  it(`a discarding nginx: the generator says it was the limit itself${nginx === undefined ? ": SKIPPED, as there is no nginx" : ""}`, async function () {
    if (nginx === undefined) return this.skip();
    const discarder = await startDiscarder(nginx);
    try {
      const flags = ["--from", "2M", "--precision", "40%", "--workers", "1", "--step", "1500ms"];
      const { ended, report } = await max([
        "--blind",
        "--clickhouse-url",
        discarder.url,
        ...flags,
        "--flush-interval",
        "500ms",
      ]);
      expect(ended.code, ended.stdout).to.equal(0);
      expect(report.generator_limited, ended.stdout).to.equal(true);
      expect(report.sentence).to.match(
        /^the generator, not the server, was the limit: the server takes at least [\d,]+ rows\/s\./,
      );
      expect(ended.stderr).to.include("parts are not watched (--blind asks nothing)");
      expect(report.steps.every(({ parts }) => parts === null)).to.equal(true);
      expect(tooWide(ended.stdout)).to.deep.equal([]);
    } finally {
      await discarder.stop();
    }
  });

  it("a table that is dropped in the middle: 1, the server's message, and what was found so far", async () => {
    const { database, url } = await newDatabase();
    await clickhouse("CREATE TABLE orders (a UInt64) ENGINE = MergeTree ORDER BY a", database);
    const file = join(directory, "dropped.json");
    const flags = ["--table", "orders", "--from", "500", ...SHORT, "--report", file];
    const running = start(["max", "--clickhouse-url", url, ...flags]);
    await running.said("500       500");
    await sleep(500);
    await clickhouse("DROP TABLE orders SYNC", database);
    const { code, stdout } = await running.ended;
    expect(code).to.equal(1);
    expect(stdout.replace(/\s+/g, " ")).to.match(/problem: stopped, as inserts will not work: Code: 60\..*orders/);
    expect(stdout).to.include("sustained 500 rows/s: it passed, 1,000 failed");
    const report: Report = JSON.parse(readFileSync(file, "utf8"));
    expect(report.complete).to.equal(false);
    // A slow machine may take the first rate twice before it passes.
    const steps = report.steps.map(({ rate_rows_per_s, passed }) => [rate_rows_per_s, passed]);
    const again = steps.length > 2 ? [[500, false]] : [];
    expect(steps).to.deep.equal([...again, [500, true], [1000, false]]);
    expect(report.steps.at(-1)?.errors[0]?.code).to.equal(60);
  });

  it("a server that dies: 1, and what was found so far", async () => {
    const server = await startEmbedded({ login: "none" });
    const running = start(["max", "--clickhouse-url", server.url, "--from", "500", ...SHORT]);
    await running.said("500       500");
    await sleep(500);
    process.kill(server.pid, "SIGKILL");
    const { code, stdout } = await running.ended;
    await server.stop();
    expect(code).to.equal(1);
    expect(stdout.replace(/\s+/g, " ")).to.include("problem: cannot reach ClickHouse at");
    expect(stdout).to.include("sustained 500 rows/s: it passed, 1,000 failed");
  });

  for (const [signal, code] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const) {
    it(`${signal} in the third hold: ${code}, and the two before it are told`, async () => {
      const { database, url } = await newDatabase();
      // Long enough that a moment in which the machine is elsewhere is no part of it that counts.
      const flags = ["--from", "400", "--step", "5s", "--flush-interval", "500ms"];
      const running = start(["max", "--clickhouse-url", url, ...flags]);
      await running.said("800       800");
      await sleep(800);
      running.process.kill(signal);
      const ended = await running.ended;
      expect(ended.code, ended.stderr).to.equal(code);
      expect(ended.stdout).to.contain("\n\nsustained at least 800 rows/s: no higher rate was held to its end\n");
      // A slow machine may hold a rate twice before it passes.
      const rates = [...ended.stdout.matchAll(/^ +(400|800) .*/gm)].map(([, rate]) => Number(rate));
      expect(rates.filter((rate, index) => rate !== rates[index - 1])).to.deep.equal([400, 800]);
      const [, acknowledged = "", holds] = /^([\d,]+) rows in (\d+) holds were acknowledged/m.exec(ended.stdout) ?? [];
      expect(Number(holds)).to.equal(rates.length);
      // 6 s of each, with the warm-up: 2,400 and 4,800 where each was held once; 5 s more where a slow machine was behind at the
      // end; of the last what had come.
      const rows = Number(acknowledged.replaceAll(",", ""));
      const held = rates.reduce<number[]>(
        (sums, rate) => sums.flatMap((sum) => [sum + rate * 6, sum + rate * 11]),
        [0],
      );
      expect(held).to.include(rows);
      expect(await numberOf("SELECT count() FROM events", database)).to.be.within(rows, rows + 1600 * 11);
    });
  }

  it("--p99 1ms of inserts that take 50 ms at least: every hold fails for that, down to 1 row/s", async () => {
    const { database, url } = await newDatabase();
    await clickhouse(
      "CREATE TABLE slow (a UInt64, CONSTRAINT waits CHECK sleepEachRow(0.05) = 0) ENGINE = MergeTree ORDER BY a",
      database,
    );
    const flags = ["--table", "slow", "--batch-rows", "1", "--from", "2", "--p99", "1ms", "--step", "1500ms"];
    const { ended, report } = await max(["--clickhouse-url", url, ...flags, "--flush-interval", "500ms"]);
    expect(ended.code).to.equal(1);
    expect(report.steps.map(({ rate_rows_per_s, passed }) => [rate_rows_per_s, passed])).to.deep.equal([
      [2, false],
      [2, false],
      [1, false],
    ]);
    for (const { reasons } of report.steps) expect(reasons[0]).to.equal("slowest over 1 ms");
    expect(report.sentence).to.equal("nothing is sustained: 1 rows/s, the lowest that was tried, failed");
  });

  describe("options", () => {
    const problemsOf = (flags: Readonly<Record<string, unknown>>): readonly string[] => {
      try {
        resolveMax(flags, {});
      } catch (error) {
        if (error instanceof OptionsError) return error.problems;
        throw error;
      }
      return [];
    };

    it("10 s are held after 2 s of warm-up, 2 s after 400 ms", () => {
      const { run, stepNs } = resolveMax({}, {});
      expect([run.warmUpNs, stepNs, run.durationNs]).to.deep.equal([2_000_000_000n, 10_000_000_000n, 12_000_000_000n]);
      expect(resolveMax({ step: "2s", "flush-interval": "500ms" }, {}).run.warmUpNs).to.equal(400_000_000n);
    });

    it("10k to 1000M to within 5%, any p99, unless they are said", () => {
      expect(resolveMax({}, {})).to.deep.include({ bounds: { from: 1e4, to: 1e9, precision: 0.05 }, p99Ms: undefined });
      const given = resolveMax({ from: "250", to: "1.5M", precision: "0.5%", p99: "1500ms" }, {});
      expect(given).to.deep.include({ bounds: { from: 250, to: 1.5e6, precision: 0.005 }, p99Ms: 1500 });
    });

    it("every problem at once, with those of run's own flags", () => {
      expect(
        problemsOf({
          from: "max",
          to: "0",
          precision: "120%",
          step: "10ms",
          p99: "soon",
          rate: "5",
          "batch-rows": "0",
        }),
      ).to.deep.equal([
        "unknown option --rate: it is one of run and sample",
        "--from must be rows per second from 1 up to 1000M, such as 500, 10k or 1.5M, got max",
        "--to must be rows per second from 1 up to 1000M, such as 500, 10k or 1.5M, got 0",
        "--precision must be a percentage from 0.1% up and below 100%, such as 5%, got 120%",
        "--step must be a time such as 30 (seconds), 500ms, 90s, 10m or 2h, from 1s to 24h, got 10ms",
        "--p99 must be a time such as 30 (seconds), 500ms, 90s, 10m or 2h, from 1ms to 24h, got soon",
        "--batch-rows must be an integer from 1 up, got 0",
      ]);
    });

    it("--budget, if said, with room for a hold of 10 s, its warm-up of 2 s, and the 2 s between two", () => {
      expect([resolveMax({}, {}).budgetNs, resolveMax({ budget: "5m" }, {}).budgetNs]).to.deep.equal([
        undefined,
        300_000_000_000n,
      ]);
      expect(resolveMax({ budget: "14s" }, {}).budgetNs).to.equal(14_000_000_000n);
      expect(problemsOf({ budget: "13s" })).to.deep.equal([
        "--budget must have room for a hold of --step: at least 14s",
      ]);
    });

    it("--scratch asks the server, which --blind does not", () => {
      expect([resolveMax({}, {}).scratch, resolveMax({ scratch: "true" }, {}).scratch]).to.deep.equal([false, true]);
      expect(problemsOf({ scratch: "true", blind: "true" })).to.deep.equal([
        "--scratch cannot be used with --blind: a copy is made by asking the server",
      ]);
    });

    it("--from above --to, and a step of less than three flush intervals", () => {
      expect(problemsOf({ from: "2k", to: "1k" })).to.deep.equal(["--from must be at most --to"]);
      expect(problemsOf({ step: "2s" })).to.deep.equal([
        "--step must be at least three times --flush-interval: each third of a hold is to have a batch",
      ]);
    });
  });
});
