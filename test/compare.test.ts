// src/compare/: what is noise and what is a change, by runs made of known numbers; the command, its table and its exits.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import fc from "fast-check";
import { type Change, compareReports } from "../src/compare/compare.js";
import { FIGURE_NAMES } from "../src/compare/figures.js";
import { levelNoise, median, orderNoise, ratioNoise, studentT, waveCount } from "../src/compare/noise.js";
import { parseDemand } from "../src/compare/options.js";
import { toMarkdown } from "../src/compare/table.js";
import type { Report } from "../src/report/schema.js";
import { printable } from "../src/text.js";
import { clickstorm } from "./support/cli.js";
import { madeReport, steadyInserts } from "./support/reports.js";
import { draws, normal } from "./support/run-laws.js";

const MAKING = { durationS: 40, warmupS: 0, rowsPerS: 2000, shard: null };

/** 20 inserts a second of 100 rows; service times go from 80% to 120% of `ms`, in each second alike. */
const steady = (ms: number): Report =>
  madeReport(
    steadyInserts(40, 20, (index) => ms * (0.8 + (0.4 * (index % 20)) / 19)),
    MAKING,
  );

/** The same, slow in every fifth second and fast in the others: 60% more in one than in the others. */
const restless = (ms: number): Report =>
  madeReport(
    steadyInserts(40, 20, (index) => ms * (0.8 + (0.4 * (index % 20)) / 19) * (1 + 0.6 * Math.sin(index / 97))),
    MAKING,
  );

function changesOf(base: Report, other: Report): Readonly<Record<string, Change>> {
  const { changes } = compareReports([{ file: "base.json", report: base }], [{ file: "new.json", report: other }]);
  return Object.fromEntries(changes.map((change) => [change.name, change]));
}

const verdictsOf = (base: Report, other: Report): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(changesOf(base, other)).map(([name, { verdict }]) => [name, verdict]));

interface Ticking {
  readonly durationS: number;
  readonly rowsPerS: number;
  readonly seed: number;
  /** Whether each insert is answered in the second after the one it is of; else three in ten are. */
  readonly always: boolean;
}

/** An insert a second, due when the second ends, answered 1 to 20 ms later; with 50 ms of CPU in each second, and some more. */
function ticking({ durationS, rowsPerS, seed, always }: Ticking): Report {
  const draw = draws(seed);
  const inserts = Array.from({ length: durationS }, (_, index) => {
    const dueMs = 1000 * (index + 1) - (always ? 0.5 : 14.3);
    const answeredMs = dueMs + 1 + 19 * draw();
    return { shard: 0, rows: rowsPerS, dueMs, sentMs: dueMs, answeredMs, outcome: "acknowledged" as const, code: "" };
  });
  const made = madeReport(inserts, { ...MAKING, durationS, rowsPerS });
  // The last answer comes as soon after the end as every answer does: it kept up.
  const measured = { ...made.measured, answered: made.measured.scheduled, backlog: null };
  const report = { ...made, measured, achieved_rows_per_s: rowsPerS };
  const series = report.series.map((point) => ({ ...point, cpu_s: 0.05 * (1 + 0.02 * normal(draw)) }));
  return { ...report, series, options: { ...report.options, rows_per_batch: rowsPerS } };
}

const EMPTY = madeReport([], MAKING);

/** A closed loop of so many rows in each second; without times, which are not what it is about. */
function closedLoop(rows: readonly number[]): Report {
  const acknowledged = rows.reduce((total, some) => total + some, 0);
  return {
    ...EMPTY,
    latency_ms: null,
    lateness_ms: null,
    target_rows_per_s: null,
    achieved_rows_per_s: acknowledged / rows.length,
    measured: { ...EMPTY.measured, to_s: rows.length, acknowledged },
    series: rows.flatMap((some, index) => EMPTY.series.map((point) => ({ ...point, t_s: index + 1, rows: some }))),
  };
}

describe("compare", () => {
  it("a run with itself has no change in any figure; of 800 inserts there is no p99.9", () => {
    const verdicts = verdictsOf(steady(100), steady(100));
    expect(Object.keys(verdicts)).to.deep.equal(FIGURE_NAMES);
    const others = Object.entries(verdicts).filter(([, verdict]) => verdict !== "no change");
    expect(others).to.deep.equal([
      ["p99.9", "none"],
      ["service_p99.9", "none"],
    ]);
  });

  it("20% slower answers of steady runs are worse, turned round better, by +20% and -16.7%", () => {
    const [slower, faster] = [changesOf(steady(100), steady(120)), changesOf(steady(120), steady(100))];
    for (const name of ["p50", "p99", "service_p50"]) {
      expect([name, slower[name]?.verdict, faster[name]?.verdict]).to.deep.equal([name, "worse", "better"]);
      expect(slower[name]?.change).to.be.closeTo(0.2, 0.002);
      expect(faster[name]?.change).to.be.closeTo(-1 / 6, 0.002);
    }
    expect([slower.cpu?.verdict, slower.error_rate?.verdict]).to.deep.equal(["no change", "no change"]);
  });

  it("the same 20% are noise where service times swing by 60% from second to second", () => {
    expect(verdictsOf(restless(100), restless(120)).p50).to.equal("no change");
    expect(verdictsOf(restless(100), restless(500)).p50).to.equal("worse");
  });

  it("errors where there were none: worse, from 0", () => {
    const inserts = steadyInserts(40, 20, () => 10).map((insert, index) =>
      index % 4 === 0 ? { ...insert, outcome: "failed" as const, code: "252" } : insert,
    );
    const { error_rate: rate } = changesOf(steady(10), madeReport(inserts, MAKING));
    expect([rate?.verdict, rate?.base, rate?.new, rate?.change]).to.deep.equal(["worse", 0, 0.25, Infinity]);
  });

  it("all in one second, where there were none: worse, though their noise is larger than they are", () => {
    const inserts = steadyInserts(40, 20, () => 10).map((insert, index) =>
      index >= 400 && index < 420 ? { ...insert, outcome: "failed" as const, code: "252" } : insert,
    );
    const [equal, failing] = [steady(10), madeReport(inserts, MAKING)];
    const { error_rate: more } = changesOf(equal, failing);
    expect([more?.verdict, more?.base, more?.new]).to.deep.equal(["worse", 0, 0.025]);
    const { error_rate: fewer } = changesOf(failing, equal);
    expect(fewer?.noise?.fall).to.be.above(1);
    expect(fewer?.verdict).to.equal("better");
  });

  it("a closed loop has no latency to compare, and service times all the same", () => {
    const closed: Report = { ...steady(100), latency_ms: null, lateness_ms: null, target_rows_per_s: null };
    const verdicts = verdictsOf(closed, steady(100));
    expect([verdicts.p50, verdicts.p99, verdicts.service_p99]).to.deep.equal(["none", "none", "no change"]);
  });

  it("the warm-up is not part of the noise: what swings in its 20 s, and not behind them, is none", () => {
    const warming = (warmupS: number) =>
      madeReport(
        steadyInserts(40, 20, (index) => (index < 400 ? 10 + 100 * (Math.floor(index / 20) % 5) : 10)),
        { ...MAKING, warmupS },
      );
    expect(changesOf(warming(21), warming(21)).p90?.noise?.rise).to.equal(0);
    expect(changesOf(warming(0), warming(0)).p90?.noise?.rise).to.be.above(0);
  });

  it("four seconds say nothing of their noise: no difference is called, and that is said", () => {
    const short = (ms: number) =>
      madeReport(
        steadyInserts(4, 20, () => ms),
        { ...MAKING, durationS: 4 },
      );
    const comparison = compareReports([{ file: "a", report: short(100) }], [{ file: "b", report: short(101) }]);
    expect(comparison.changes.find(({ name }) => name === "p50")?.verdict).to.equal("unknown");
    expect(comparison.warnings).to.include("a is too short to know its noise: no difference can be told from it");
  });

  it("of one load run twice, one comparison in fifty at most finds a change of the median, with 99% intervals", () => {
    let changes = 0;
    let comparisons = 0;
    const jitter = fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 600, maxLength: 600 });
    const made = (parts: readonly number[]) =>
      madeReport(
        steadyInserts(30, 20, (index) => 10 + (parts[index] ?? 0) / 50),
        { ...MAKING, durationS: 30 },
      );
    fc.assert(
      fc.property(jitter, jitter, (one, other) => {
        comparisons++;
        if (verdictsOf(made(one), made(other)).service_p50 !== "no change") changes++;
      }),
      { numRuns: 50, seed: 5 },
    );
    expect(comparisons).to.equal(50);
    expect(changes).to.be.at.most(1);
  });

  describe("inserts a second apart, which are answered now in one second, now in the next", () => {
    const runs = fc.record({
      durationS: fc.integer({ min: 15, max: 120 }),
      seeds: fc.tuple(fc.nat(), fc.nat()),
      always: fc.tuple(fc.boolean(), fc.boolean()),
    });
    const compared = (rates: readonly [number, number], check: (changes: Readonly<Record<string, Change>>) => void) => {
      let comparisons = 0;
      fc.assert(
        fc.property(runs, ({ durationS, seeds, always }) => {
          const run = (index: 0 | 1) =>
            ticking({ durationS, rowsPerS: rates[index], seed: seeds[index], always: always[index] });
          check(changesOf(run(0), run(1)));
          comparisons++;
        }),
        { numRuns: 60, seed: 7 },
      );
      expect(comparisons).to.equal(60);
    };

    it("are no points of one size: 0 and 2000 rows are among them", () => {
      const rows = (always: boolean) =>
        ticking({ durationS: 60, rowsPerS: 1000, seed: 1, always }).series.map((point) => point.rows);
      expect([rows(true)[0], new Set(rows(false))]).to.deep.equal([0, new Set([0, 1000, 2000])]);
    });

    it("two equal runs of 15 to 120 s have no change in rate, with a noise of at most a row", () => {
      compared([1000, 1000], ({ rate }) => {
        expect(rate?.verdict).to.equal("no change");
        expect(rate?.noise?.rise).to.be.below((1.01 / 15_000) * Math.SQRT2);
      });
    });

    it("a rate that is 5% less is worse", () => {
      compared([1000, 950], ({ rate }) => {
        expect(rate?.verdict).to.equal("worse");
        expect(rate?.change).to.be.closeTo(-0.05, 1e-9);
      });
    });

    it("the cost in CPU has a noise below 5%, of seconds that differ by 2%", () => {
      compared([1000, 1000], ({ cpu }) => expect(cpu?.noise?.rise).to.be.below(0.05));
    });
  });

  it("of closed loops whose seconds differ by 10%, fewer than 5% of 400 comparisons find a change in rate; of 30% all do", () => {
    const found = { equal: 0, less: 0 };
    for (let seed = 0; seed < 400; seed++) {
      const draw = draws(seed);
      const seconds = 15 + Math.floor(106 * draw());
      const made = (level: number) =>
        closedLoop(Array.from({ length: seconds }, () => Math.round(level * (1 + 0.1 * normal(draw)))));
      const base = made(1e6);
      if (changesOf(base, made(1e6)).rate?.verdict !== "no change") found.equal++;
      if (changesOf(base, made(0.7e6)).rate?.verdict === "worse") found.less++;
    }
    expect(found.equal).to.be.below(20);
    expect(found.less).to.be.above(395);
  });

  it("a tenth of the inserts failing, now more, now fewer, is noise of the rate", () => {
    const failing = (every: number) =>
      madeReport(
        steadyInserts(40, 20, () => 10).map((insert, index) =>
          index % every === 0 && Math.floor(index / 100) % 2 === 0
            ? { ...insert, outcome: "failed" as const, code: "252" }
            : insert,
        ),
        MAKING,
      );
    const { rate } = changesOf(failing(5), failing(4));
    expect([rate?.base, rate?.new, rate?.verdict]).to.deep.equal([1800, 1750, "no change"]);
  });

  describe("noise", () => {
    it("Student's t for 99%: 4.60 of 4 degrees, 3.25 of 9, as the tables have them", () => {
      expect(studentT(4)).to.be.closeTo(4.604, 0.3);
      expect(studentT(9)).to.be.closeTo(3.25, 0.03);
      expect(studentT(1e9)).to.be.closeTo(2.576, 0.001);
    });

    it("100, 110, 90, 105, 95 rows a second: a mean of 100 ± t(4) * 7.91 / √5", () => {
      const parts = [100, 110, 90, 105, 95].map((amount) => ({ amount, per: 1 }));
      expect(ratioNoise(parts)).to.be.closeTo((studentT(4) * Math.sqrt(62.5)) / Math.sqrt(5), 1e-9);
      expect(ratioNoise(parts.slice(0, 4))).to.equal(undefined);
    });

    it("what one second lacks and the next has is little: 100, 100, 0, 200, 100, … in 15 of 60 pairs", () => {
      const rows = Array.from(
        { length: 120 },
        (_, index) => 100 + (index % 8 === 2 ? -100 : index % 8 === 3 ? 100 : 0),
      );
      // Seconds differ by a standard deviation of 50: if they were independent, ± 2.6 * 50 / √120.
      expect(ratioNoise(rows.map((amount) => ({ amount, per: 1 })))).to.be.below((2.576 * 50) / Math.sqrt(120) / 4);
      // The same seconds in another order: first all that lack, then all that have more.
      const sorted = rows.toSorted((a, b) => a - b).map((amount) => ({ amount, per: 1 }));
      expect(ratioNoise(sorted)).to.be.above((2.576 * 50) / Math.sqrt(120));
    });

    it("of 5, 60 and 120 points there are 4 waves, one a minute of 300: 10, of 3600 94: 0.4 n^(2/3)", () => {
      expect([5, 60, 120, 300, 3600].map((points) => waveCount(points))).to.deep.equal([4, 4, 4, 10, 94]);
    });

    it("the median is the middle of an odd number, the mean of the two in the middle of an even one", () => {
      expect([median([3, 1, 2]), median([4, 1, 2, 3])]).to.deep.equal([2, 2.5]);
    });

    it("one second that stood still is no unrest of the others", () => {
      expect(levelNoise([10, 10, 10, 10, 900, 10, 10])).to.be.closeTo(0, 1e-9);
      expect(levelNoise([10, 11, 9, 10])).to.equal(undefined);
    });

    describe("of a quantile, by the number of its inserts", () => {
      const { service_ms: latency } = steady(100);
      const one = (count: number, max: number) => Array.from({ length: 40 }, () => ({ count, max }));

      it("the median of 800 is known between ranks 363 and 437 of 800: 8 steps of 20 up and down", () => {
        // 40 inserts have each of 20 service times from 80 to 120 ms, 2.105 ms apart.
        const { up, down, few } = orderNoise(latency.hdr, 0.5, latency.p50 ?? 0, one(20, 120));
        const step = 40 / 19;
        const at = (rank: number): number => 80 + step * (Math.ceil(rank / 40) - 1);
        const reach = 2.5758 * Math.sqrt(800 / 4);
        expect(up).to.be.closeTo(Math.log(at(400 + reach) / at(400)), 0.002);
        expect(down).to.be.closeTo(Math.log(at(400) / at(400 - reach)), 0.002);
        expect(few).to.equal(undefined);
      });

      it("p99 of 657 inserts has a bound above, that of 480 has none and needs 660; p99.9 needs 6630", () => {
        const of = (count: number) =>
          madeReport(
            steadyInserts(count / 4, 4, (index) => 10 + (index % 97)),
            { ...MAKING, durationS: count / 4 },
          ).service_ms;
        const few = (count: number, quantile: number) => orderNoise(of(count).hdr, quantile, 100, []).few;
        expect(few(660, 0.99)).to.equal(undefined);
        expect(few(480, 0.99)).to.deep.equal({ needs: 660, has: 480 });
        expect(few(480, 0.999)).to.deep.equal({ needs: 6630, has: 480 });
      });

      it("inserts beyond it that lie in 2 of 40 seconds, where chance has 26, count as 2: it is known as that of a twentieth", () => {
        const value = 115;
        const stalled = Array.from({ length: 40 }, (_, second) => ({ count: 20, max: second < 2 ? 120 : 100 }));
        const [alone, crowded] = [one(20, 120), stalled].map((glimpses) =>
          orderNoise(latency.hdr, 0.95, value, glimpses),
        );
        expect(crowded?.down).to.be.above(2 * (alone?.down ?? 1));
        // Inserts beyond: 0.05 * 800 in 2 seconds. 2.5758^2 * 19 * 20 = 2521.
        expect(crowded?.few).to.deep.equal({ needs: 2530, has: 800 });
      });
    });
  });

  describe("--fail-on", () => {
    for (const [text, demand] of [
      ["p99>+10%", { expression: "p99>+10%", name: "p99", direction: "rise", limit: 0.1 }],
      ["rate < -2.5%", { expression: "rate<-2.5%", name: "rate", direction: "fall", limit: 0.025 }],
      ["error_rate>0%", { expression: "error_rate>0%", name: "error_rate", direction: "rise", limit: 0 }],
      [
        "service_p99.9>=50%",
        { expression: "service_p99.9>=50%", name: "service_p99.9", direction: "rise", limit: 0.5 },
      ],
    ] as const) {
      it(`${text} is read`, () => expect(parseDemand(text)).to.deep.equal(demand));
    }
    for (const [text, sentence] of [
      ["p98>1%", /^there is no p98, did you mean p9\d\?; there are rate, p50, .* and cpu$/],
      ["", /^it does not begin with a name; there are rate/],
      ["p99", /^it has no < or >; put it in quotes/],
      ["p99>10", /^its limit must be a percentage of the base, such as \+10%$/],
      ["p99<+10%", /^that would fail on no change; is p99>\+10% meant\?$/],
      ["rate>-5%", /^that would fail on no change; is rate<-5% meant\?$/],
    ] as const) {
      it(`${text || "nothing"} is refused`, () => expect(parseDemand(text)).to.match(sentence));
    }
  });

  describe("the command", () => {
    const folder = mkdtempSync(join(tmpdir(), "clickstorm-compare-"));
    after(() => rmSync(folder, { recursive: true }));
    const write = (name: string, report: Report): string => {
      const file = join(folder, name);
      writeFileSync(file, JSON.stringify(report));
      return file;
    };
    const base = write("base.json", steady(100));
    const slow = write("slow.json", steady(150));
    const elsewhere = write("elsewhere.json", {
      ...steady(100),
      run_id: "other",
      generator_limited: true,
      options: { ...steady(100).options, table: "shop.orders" },
      server: {
        settings: { max_threads: "4", async_insert: "1" },
        deduplication: null,
        table: {
          engine: "MergeTree",
          columns: [
            { name: "seq", type: "UInt32" },
            { name: "item", type: "String" },
          ],
        },
      },
    });

    const runs: readonly (readonly [what: string, args: readonly string[], code: number])[] = [
      ["a rise of 50% that --fail-on allows", ["--fail-on", "p99>+60%"], 0],
      ["a rise of 50% that it does not", ["--fail-on", "p99>+40%", "--fail-on", "rate<-5%"], 99],
      ["no --fail-on", [], 0],
    ];
    for (const [what, args, expected] of runs) {
      it(`${what}: exit ${expected}, at most 80 columns`, async () => {
        const { code, stdout, stderr } = await clickstorm(["compare", base, slow, ...args]);
        expect([code, stderr]).to.deep.equal([expected, ""]);
        expect(stdout).to.match(/\np99 +120 ms +180 ms +\+50% +\+4\d\.\d to \+5\d\.\d% {2}worse\n/);
        // Only the names of files are longer.
        expect(stdout.split("\n").filter((line) => line.length > 80 && !line.includes(folder))).to.deep.equal([]);
      });
    }

    it("says which demand failed: p99>+40% FAIL, rate<-5% pass", async () => {
      const { stdout } = await clickstorm(["compare", base, slow, "--fail-on", "p99>+40%", "--fail-on", "rate<-5%"]);
      expect(stdout)
        .to.match(/fail-on p99>\+40% {2}FAIL {2}\+50%\n/)
        .and.to.match(/fail-on rate<-5% {2}pass {2}/);
    });

    // A mean of 10,000 ± t(4) * 791 / √5 = 1,628, by the table of t: as logarithms 0.151 up and 0.178 down, together 0.233, which is 20.8% less.
    const loose = (share: number) =>
      closedLoop([10_000, 11_000, 9000, 10_500, 9500].map((rows) => Math.round(rows * share)));
    const unrest = write("unrest.json", loose(1));
    for (const [share, args, code, line] of [
      [0.97, [], 0, String.raw`cannot judge: it is -3%, and up to -20\.\d% is noise`],
      [0.93, [], 0, String.raw`cannot judge: it is -7%, and up to -20\.\d% is noise`],
      [0.93, ["--strict"], 98, "cannot judge: it is -7%, .*"],
      [0.6, ["--strict"], 99, "FAIL  -40%"],
    ] as const) {
      it(`a rate of ${share} with a noise above the 5% of --fail-on${args.map((arg) => ` ${arg}`).join("")}: exit ${code}, and whether it can be judged`, async () => {
        const other = write(`unrest-${share}.json`, loose(share));
        const ended = await clickstorm(["compare", unrest, other, "--fail-on", "rate<-5%", ...args]);
        expect([ended.code, ended.stderr]).to.deep.equal([code, ""]);
        expect(ended.stdout).to.match(new RegExp(`\nfail-on rate<-5%  ${line}\n$`));
      });
    }

    it("another table, its columns, settings and a limited generator are warned of, by name", async () => {
      const { code, stdout } = await clickstorm(["compare", base, elsewhere]);
      expect(code).to.equal(0);
      expect(stdout).to.include("warning: table differs: default.events, then shop.orders");
      const line = stdout.replace(/\s+/g, " ");
      expect(line).to.include("the table's columns differ: seq UInt64, then UInt32; item is missing, then String");
      expect(line).to.include(
        "the server's settings differ: max_threads is missing, then 4; async_insert is missing, then 1",
      );
      expect(stdout.replace(/\s+/g, " ")).to.include("elsewhere.json: the generator was the limit");
    });

    it("--markdown is a table of six columns, with nothing of a name taken for markup", async () => {
      const { code, stdout } = await clickstorm(["compare", base, slow, "--markdown", "--fail-on", "p99>+40%"]);
      expect(code).to.equal(99);
      const table = stdout.split("\n").filter((line) => line.startsWith("|"));
      expect(table).to.have.length(2 + FIGURE_NAMES.length);
      expect(new Set(table.map((line) => line.split(/(?<!\\)\|/).length))).to.deep.equal(new Set([8]));
      expect(stdout).to.include("| **worse** |").and.to.include("| service\\_p50 |");
    });

    /** As CommonMark reads a line: what stands outside pieces of code, and the whole without the marks of code. */
    function codeRead(line: string): { readonly outside: string; readonly text: string } {
      let [outside, text] = ["", ""];
      for (let at = 0; at < line.length; ) {
        const [ticks = ""] = /^`*/.exec(line.slice(at)) ?? [];
        if (ticks === "") {
          outside += line[at];
          text += line[at++];
          continue;
        }
        const end = [...line.slice(at + ticks.length).matchAll(/`+/g)].find(([run]) => run.length === ticks.length);
        if (end === undefined) throw new Error(`code without an end: ${line}`);
        const inner = line.slice(at + ticks.length, at + ticks.length + end.index);
        text += /^ .* $/.test(inner) ? inner.slice(1, -1) : inner;
        at += ticks.length + end.index + ticks.length;
      }
      return { outside, text };
    }

    it("--markdown: of a stranger's report every word that could be more than a word is code, and reads as it was written", () => {
      const evil = [
        ..."@everyone @org/team #123 org/repo#5 GH-12 JIRA-7 http://evil.example HTTPS://x www.evil.example a@b.example".split(
          " ",
        ),
        ..."<img src=x onerror=alert(1)> <!-- --> | ` `` ``` a`b``c `x x` [a](javascript:alert(1)) ![i](http://x)".split(
          " ",
        ),
        ..."**b** _u_ ~~s~~ $x^2$ &lt;b&gt; &#64;x deadbeef1234567 mailto:a@b xmpp:a@b ftp://x :smile: \\ \u202e@x \u001b[31m".split(
          " ",
        ),
        ...["\n# h", "\u00a0@x", "(@z)", '"@q"', "@w,", "www.v.x,", "+", "1.", "-", "plain", "words,", "5", "12.5%"],
      ];
      const words = fc.array(fc.oneof(fc.constantFrom(...evil), fc.string({ maxLength: 8 })), {
        minLength: 1,
        maxLength: 5,
      });
      const texts = words.map((parts) => parts.join(" "));
      const report = steady(100);
      const property = fc.property(texts, texts, texts, texts, (one, two, three, four) => {
        const strange: Report = {
          ...report,
          run_id: one,
          versions: { ...report.versions, clickhouse: two },
          options: { ...report.options, table: three, settings: { [one]: four } },
          machine: { ...report.machine, cpu: four },
        };
        const comparison = compareReports([{ file: two, report: strange }], [{ file: "new.json", report }]);
        const lines = toMarkdown(comparison, []).split("\n");
        const told = [
          `- base: ${two}: run ${one}, ${strange.started_at.replace(/\.\d+Z$/, "Z")}, ${three}, ClickHouse ${two}`,
          ...comparison.warnings.map((warning) => `> warning: ${warning}`),
        ].map(printable);
        const read = lines.filter((line) => !line.startsWith("|")).map(codeRead);
        for (const text of told) expect(read.map((line) => line.text)).to.include(text);
        for (const { outside } of read) {
          const plain = outside.replace(/^(- (base|new): |> warning: |>$)/, "");
          expect(plain, outside).to.not.match(/[@#<>&[\]*_~$\\|`^=/]|www\.|!\[|[A-Z]-\d|[\da-f]{7}/);
        }
        expect(lines.filter((line) => line.startsWith("|"))).to.have.length(2 + FIGURE_NAMES.length);
      });
      fc.assert(property, { numRuns: 100 });
    }).timeout(120_000);

    it("--markdown has its warnings in one quotation, a line for each", async () => {
      const { stdout } = await clickstorm(["compare", slow, elsewhere, "--markdown"]);
      const quoted = stdout.split("\n").filter((line) => line.startsWith(">"));
      expect(quoted.length).to.be.above(3);
      expect(
        quoted.map((line, index) => (index % 2 === 0 ? line.startsWith("> warning: ") : line === ">")),
      ).not.to.include(false);
      expect(stdout).not.to.include("u000a");
    });

    it("two bad files and a bad demand: each told, exit 2", async () => {
      const cut = join(folder, "cut.json");
      writeFileSync(cut, JSON.stringify(steady(100)).slice(0, 1000));
      const first = await clickstorm(["compare", cut, join(folder, "none.json")]);
      expect([first.code, first.stdout]).to.deep.equal([2, ""]);
      expect(first.stderr).to.equal(
        `error: ${cut} is cut off or damaged: its JSON has no end\n` +
          `error: ${join(folder, "none.json")}: there is no such file\n`,
      );
      const second = await clickstorm(["compare", base, slow, base, "--fail-on", "p99"]);
      expect(second.code).to.equal(2);
      expect(second.stderr.split("\n")[0]).to.equal(
        "error: compare takes two files, BASE.json and NEW.json, got 3; several runs a side are A.json … -- B.json …",
      );
      expect(second.stderr).to.include("--fail-on must be such as 'p99>+10%'");
    });
  });
});
