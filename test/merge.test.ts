// src/merge/: reports of made-up shards against the report of the same inserts in one, and what is refused.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import fc from "fast-check";
import { mergeReports } from "../src/merge/merge.js";
import type { PointLatency, Report } from "../src/report/schema.js";
import { clickstorm } from "./support/cli.js";
import { type MadeInsert, type Making, madeReport, steadyInserts } from "./support/reports.js";

const MAKING: Making = { durationS: 10, warmupS: 2, rowsPerS: 1000, shard: null };
const unjudged = () => [];

/** Inserts of a run of 10 s by so many shards, with quarters of milliseconds, which binary numbers hold exactly. */
const runs = fc.integer({ min: 1, max: 4 }).chain((of) =>
  fc.record({
    of: fc.constant(of),
    inserts: fc.array(
      fc
        .record({
          shard: fc.integer({ min: 0, max: of - 1 }),
          rows: fc.integer({ min: 1, max: 1000 }),
          due: fc.integer({ min: 0, max: 39_999 }),
          wait: fc.integer({ min: 0, max: 8_000 }),
          service: fc.integer({ min: 1, max: 40_000 }),
          outcome: fc.constantFrom("acknowledged", "acknowledged", "failed", "unknown"),
          code: fc.constantFrom("252", "60", "timeout", "connection_reset"),
        })
        .map(({ shard, rows, due, wait, service, outcome, code }): MadeInsert => {
          const [dueMs, sentMs, answeredMs] = [due / 4, (due + wait) / 4, (due + wait + service) / 4];
          return { shard, rows, dueMs, sentMs, answeredMs, outcome: outcome as MadeInsert["outcome"], code };
        }),
      { maxLength: 60 },
    ),
  }),
);

function shardsOf(inserts: readonly MadeInsert[], of: number): readonly Report[] {
  return Array.from({ length: of }, (_, index) =>
    madeReport(
      inserts.filter(({ shard }) => shard === index),
      { ...MAKING, shard: `${index + 1}/${of}` },
    ),
  );
}

/** Sums of floats depend on their order in the last digits. */
const rounded = (value: number | null): number | null => (value === null ? null : Number(value.toPrecision(12)));
const plain = ({ hdr: _hdr, ...latency }: PointLatency) => ({ ...latency, mean: rounded(latency.mean) });

/** What merge(shards) = the unsharded run is about. */
function figures(report: Report) {
  const latencies = [report.latency_ms, report.service_ms, report.refused_ms, report.lateness_ms];
  return {
    rows: report.rows,
    measured: report.measured,
    inserts: report.inserts,
    ledger: report.ledger,
    bytes: report.bytes,
    elapsed: report.elapsed_s,
    target: rounded(report.target_rows_per_s),
    achieved: report.achieved_rows_per_s,
    maxLag: report.max_lag_ms,
    cpu: [report.generator_cpu_s, report.generator_cpu],
    histograms: latencies.map((latency) => latency?.hdr),
    quantiles: latencies.map((latency) => latency && plain(latency)),
    errors: [...report.errors].sort((a, b) => (a.code < b.code ? -1 : 1)),
    series: report.series.map((point) => ({
      ...point,
      latency_ms: plain(point.latency_ms),
      service_ms: plain(point.service_ms),
    })),
  };
}

describe("merge", () => {
  it("merge(shards of a run) = the unsharded run, in every sum, histogram and point", () => {
    let merges = 0;
    fc.assert(
      fc.property(runs, ({ of, inserts }) => {
        const merged = mergeReports(shardsOf(inserts, of), unjudged);
        expect(figures(merged)).to.deep.equal(figures(madeReport(inserts, MAKING)));
        merges++;
      }),
      { numRuns: 60 },
    );
    expect(merges).to.be.at.least(60);
  });

  it("the order of the files does not matter", () => {
    fc.assert(
      fc.property(runs, fc.infiniteStream(fc.nat()), ({ of, inserts }, keys) => {
        const shards = shardsOf(inserts, of);
        const shuffled = shards.map((shard) => ({ shard, key: keys.next().value })).sort((a, b) => a.key - b.key);
        const other = shuffled.map(({ shard }) => shard);
        expect(mergeReports(other, unjudged)).to.deep.equal(mergeReports(shards, unjudged));
      }),
      { numRuns: 30 },
    );
  });

  it("a shard that stood still and has no point at 3 s: the merged series has none either, and loses no row", () => {
    const inserts = steadyInserts(5, 20, () => 40).map((insert, index) => ({ ...insert, shard: index % 2 }));
    const [one, two] = shardsOf(inserts, 2);
    if (one === undefined || two === undefined) throw new Error("two shards expected");
    // Its points at 3 and 4 s were made as one. Their histograms are not of interest here.
    const [third, fourth] = [two.series[2], two.series[3]];
    if (third === undefined || fourth === undefined) throw new Error("five points expected");
    const joined = {
      ...fourth,
      seconds: 2,
      rows: third.rows + fourth.rows,
      scheduled: third.scheduled + fourth.scheduled,
    };
    const stalled = { ...two, series: [...two.series.slice(0, 2), joined, ...two.series.slice(4)] };
    const { series } = mergeReports([one, stalled], unjudged);
    expect(series.map(({ t_s, seconds }) => [t_s, seconds])).to.deep.equal([
      [1, 1],
      [2, 1],
      [4, 2],
      [5, 1],
    ]);
    expect(series.map(({ rows }) => rows)).to.deep.equal([2000, 2000, 4000, 2000]);
  });

  it("spans are those of the shards that sent any: 200 and 100 of which 7 and 5 were lost are 300 and 12", () => {
    const [one, two, three] = shardsOf(
      steadyInserts(10, 10, () => 5),
      3,
    ) as [Report, Report, Report];
    const lost = { queue_full: 0, rejected: 4, failed: 0, unflushed: 3 };
    const merged = mergeReports(
      [
        { ...one, traces: { spans: 200, exported: 193, lost } },
        { ...two, traces: { spans: 100, exported: 95, lost: { ...lost, queue_full: 1, rejected: 1 } } },
        three,
      ],
      unjudged,
    );
    expect(merged.traces).to.deep.equal({
      spans: 300,
      exported: 288,
      lost: { queue_full: 1, rejected: 5, failed: 0, unflushed: 6 },
    });
    expect(mergeReports([three], unjudged).traces).to.equal(null);
  });

  it("reasons and problems are told with their shard, workers and endpoints put together, and one limit is enough", () => {
    const [one, two] = shardsOf([], 2);
    if (one === undefined || two === undefined) throw new Error("two shards expected");
    const network = { limited: true, reasons: ["it was slow"], seen: { arrived: 1, under_way: 20, stuck: 0 } };
    const limited = {
      ...two,
      generator_limited: true,
      generator: { ...two.generator, reasons: ["it was busy"] },
      network,
    };
    const merged = mergeReports([limited, { ...one, problems: ["it broke off"] }], unjudged);
    const { reasons, workers: threads, throttled_s } = merged.generator;
    expect({ reasons, threads, throttled_s }).to.deep.equal({
      reasons: ["shard 2/2: it was busy"],
      threads: [...one.generator.workers, ...two.generator.workers],
      throttled_s: 0.5,
    });
    const seen = one.network?.seen;
    expect(merged.network).to.deep.equal({
      limited: true,
      reasons: ["shard 2/2: it was slow"],
      seen: {
        arrived: (seen?.arrived ?? 0) + 1,
        under_way: (seen?.under_way ?? 0) + 20,
        stuck: seen?.stuck,
      },
    });
    // A process that was not told of its network, or of its limit, leaves both open for all.
    const untold = { ...one, network: null, generator: { ...one.generator, throttled_s: null } };
    const open = mergeReports([limited, untold], unjudged);
    expect([open.network, open.generator.throttled_s]).to.deep.equal([null, null]);
    expect([merged.generator_limited, merged.problems]).to.deep.equal([true, ["shard 1/2: it broke off"]]);
    const { shard, workers, "in-flight": inFlight, "clickhouse-url": urls } = merged.options;
    expect([shard, workers, inFlight, urls]).to.deep.equal([null, 2, 16, ["http://db1:8123", "http://db2:8123"]]);
    expect(merged.shards?.map((part) => part.shard)).to.deep.equal(["1/2", "2/2"]);
  });

  it("of a warm-up of 1.5 s the points at 1 and 2 s are warm-up, as in the unsharded run", () => {
    const making = { ...MAKING, warmupS: 1.5, durationS: 4 };
    const inserts = steadyInserts(4, 20, () => 40);
    const { series } = mergeReports([madeReport(inserts, { ...making, shard: "1/1" })], unjudged);
    expect(series.map(({ warmup }) => warmup)).to.deep.equal([true, true, false, false, false].slice(0, series.length));
    expect(series.length).to.be.at.least(4);
  });

  describe("the command", () => {
    const folder = mkdtempSync(join(tmpdir(), "clickstorm-merge-"));
    after(() => rmSync(folder, { recursive: true }));
    const out = join(folder, "merged.json");
    const write = (name: string, report: unknown): string => {
      const file = join(folder, name);
      writeFileSync(file, typeof report === "string" ? report : JSON.stringify(report));
      return file;
    };
    const inserts = steadyInserts(10, 9, () => 12.5).map((insert, index) => ({ ...insert, shard: index % 3 }));
    const shards = shardsOf(inserts, 3);
    const files = shards.map((shard, index) => write(`shard-${index + 1}.json`, shard));

    it("three shards of 3,000 rows each: exit 0, the summary of 9,000 rows, and the file", async () => {
      const { code, stdout, stderr } = await clickstorm(["merge", ...files, "--out", out]);
      expect([code, stderr]).to.deep.equal([0, ""]);
      expect(stdout).to.include("3 shards merged").and.to.include("scheduled 9,000");
      expect(stdout.split("\n").filter((line) => line.length > 80)).to.deep.equal([]);
      const merged: Report = JSON.parse(readFileSync(out, "utf8"));
      expect(figures(merged)).to.deep.equal(figures(madeReport(inserts, MAKING)));
    });

    it("a shard with 100 rows that failed: exit 1", async () => {
      const failed = inserts.map((insert, index) =>
        index === 4 ? { ...insert, outcome: "failed" as const, code: "252" } : insert,
      );
      const bad = shardsOf(failed, 3).map((shard, index) => write(`bad-${index + 1}.json`, shard));
      const { code, stdout } = await clickstorm(["merge", ...bad, "--out", out]);
      expect(code).to.equal(1);
      expect(stdout).to.match(/error +252 +1 insert +100 rows/);
    });

    it("120 inserts of three shards are enough for a p99, which none has of its own; 88 are not, and with --strict that is exit 98", async () => {
      const verdicts: unknown[] = [];
      for (const perS of [15, 11]) {
        // The first 2 of 10 s are warm-up.
        const many = steadyInserts(10, perS, () => 12.5).map((insert, index) => ({ ...insert, shard: index % 3 }));
        const parts = shardsOf(many, 3).map((shard, index) => {
          expect(shard.latency_ms?.p99).to.equal(null);
          const thresholds = [
            { expression: "p99<1s", value: null, passed: true, unjudged: "needs 100 inserts, has few" },
          ];
          const options = { ...shard.options, strict: true };
          return write(`strict-${perS}-${index + 1}.json`, { ...shard, thresholds, options });
        });
        const { code, stdout } = await clickstorm(["merge", ...parts, "--out", out]);
        verdicts.push([code, /^ *thresholds .*$/m.exec(stdout)?.[0].trim().replaceAll(/ +/g, " ")]);
      }
      expect(verdicts).to.deep.equal([
        [0, "thresholds pass p99<1s 12.5 ms"],
        [98, "thresholds ? p99<1s cannot judge: needs 100 inserts, has 88"],
      ]);
    });

    it("what shards had not answered at the end is added up, and took as long as the longest: 300 rows, 2.5 s", () => {
      const late = [{ rows: 100, seconds: 2.5 }, { rows: 200, seconds: 1 }, null].map((backlog, index) => {
        const shard = shards[index] as Report;
        const errorRows = backlog === null ? null : 100;
        return { ...shard, measured: { ...shard.measured, answered: 2000 + index, error_rows: errorRows, backlog } };
      });
      const { measured, achieved_rows_per_s: achieved } = mergeReports(late, unjudged);
      expect([measured.backlog, measured.error_rows]).to.deep.equal([{ rows: 300, seconds: 2.5 }, 200]);
      // Over the 8 s from the end of the warm-up.
      expect([measured.answered, achieved]).to.deep.equal([6003, 6003 / 8]);
    });

    it("a run in one shard: exit 0 for its only file", async () => {
      const only = write("only.json", madeReport(inserts, { ...MAKING, shard: "1/1" }));
      const { code, stdout, stderr } = await clickstorm(["merge", only, "--out", out]);
      expect([code, stderr]).to.deep.equal([0, ""]);
      expect(stdout).to.include("1 shard merged").and.to.include("scheduled 9,000");
    });

    it("files that lie elsewhere on each machine are those of one run: exit 0", async () => {
      const moved = shards.map((shard, index) =>
        write(`moved-${index + 1}.json`, {
          ...shard,
          options: { ...shard.options, config: `h${index}/c.yaml`, replay: `h${index}/rows.ndjson` },
        }),
      );
      const { code, stderr } = await clickstorm(["merge", ...moved, "--out", out]);
      expect([code, stderr]).to.deep.equal([0, ""]);
    });

    const [first = "", second = "", third = ""] = files;
    const [one, two] = shards;
    if (one === undefined || two === undefined) throw new Error("three shards expected");
    const other = write("other.json", { ...two, run_id: "another" });
    const later = write("later.json", {
      ...two,
      started_at: "2026-01-31T12:00:00.001Z",
      options: { ...two.options, rate: "2k", format: "Native" },
    });
    const strict = write("strict.json", {
      ...two,
      thresholds: [
        { expression: "p99<1s", value: 12.5, passed: true },
        { expression: "rows_lost==0", value: 0, passed: true },
      ],
    });
    const alone = write("alone.json", madeReport(inserts, MAKING));
    const fourth = write("fourth.json", { ...one, options: { ...one.options, shard: "4/3" } });
    const half = write("half.json", { ...one, options: { ...one.options, shard: "1/2" } });
    const undecodable = write("undecodable.json", { ...two, service_ms: { ...two.service_ms, hdr: "HISTFAAA" } });
    const miscounted = write("miscounted.json", { ...two, service_ms: { ...two.service_ms, count: 7 } });
    const withoutHdr = ({ hdr: _hdr, ...latency }: PointLatency) => latency;
    const points = two.series.map((point) => ({ ...point, latency_ms: withoutHdr(point.latency_ms) }));
    const stripped = write("stripped.json", { ...two, series: points });

    const refused: readonly (readonly [what: string, args: readonly string[], sentences: readonly string[]])[] = [
      ["another run", [first, other, third], [`${other} is of run another, ${first} of run made-up`]],
      [
        "another start and other options, all at once",
        [first, later, third],
        [
          `${later} started at 2026-01-31T12:00:00.001Z, ${first} at 2026-01-31T12:00:00.000Z: the shards of a run have one --start-at`,
          `${later} has rate "2k", ${first} "1000"`,
          `${later} has format "Native", ${first} "JSONEachRow"`,
        ],
      ],
      [
        "a shard twice, another missing",
        [first, second, second],
        [`shard 2/3 is there 2 times: ${second}, ${second}`, "the report of shard 3/3 is missing"],
      ],
      [
        "other thresholds",
        [first, strict, third],
        [`${strict} has thresholds p99<1s rows_lost==0, ${first} none: the shards of a run have the same`],
      ],
      ["one shard of three", [first], ["the report of shard 2/3 is missing", "the report of shard 3/3 is missing"]],
      ["a shard beyond the last", [first, second, third, fourth], [`${fourth} is shard 4 of 3, which cannot be`]],
      ["another number of shards", [first, second, third, half], [`${half} is one of 2 shards, ${first} one of 3`]],
      ["a report that is no shard", [first, alone], [`${alone} is not of a shard: its run was made without --shard`]],
      [
        "a histogram that is none",
        [first, undecodable, third],
        [`${undecodable}: service_ms.hdr cannot be read: it is no HDR histogram in V2, compressed, base64`],
      ],
      [
        "a histogram of other values",
        [first, miscounted, third],
        [`${miscounted}: service_ms.hdr holds 24 values, and its count is 7`],
      ],
      [
        "points without histograms",
        [first, stripped, third],
        [`${stripped} has no histogram for its second 1: it is not as a shard wrote it`],
      ],
    ];
    for (const [what, args, sentences] of refused) {
      it(`refuses ${what}: exit 2, nothing written`, async () => {
        const target = join(folder, "none.json");
        const { code, stdout, stderr } = await clickstorm(["merge", ...args, "--out", target]);
        expect(stderr.trim().split("\n")).to.deep.equal(sentences.map((sentence) => `error: ${sentence}`));
        expect([code, stdout]).to.deep.equal([2, ""]);
        expect(() => readFileSync(target)).to.throw("ENOENT");
      });
    }

    it("no file, no --out and an unknown flag are told at once", async () => {
      const { code, stderr } = await clickstorm(["merge", "--outt"]);
      expect(code).to.equal(2);
      expect(stderr.trim().split("\n")).to.deep.equal([
        "error: unknown option --outt: did you mean --out?",
        "error: merge takes the reports of all shards of a run, one or more files, got none",
        "error: --out is missing: the file the merged report is written to",
      ]);
    });

    it("--out over one of the reports is refused", async () => {
      const { code, stderr } = await clickstorm(["merge", ...files, "--out", first]);
      expect([code, stderr]).to.deep.equal([
        2,
        `error: --out is ${first}, which is one of the reports to merge: name another file\n`,
      ]);
    });
  });
});
