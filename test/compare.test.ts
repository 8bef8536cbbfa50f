// src/compare/: what is noise and what is a change, by runs made of known numbers; the command, its table and its exits.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import fc from "fast-check";
import { type Change, compareReports } from "../src/compare/compare.js";
import { FIGURE_NAMES } from "../src/compare/figures.js";
import { grouped, median, ratioNoise, spreadNoise, studentT } from "../src/compare/noise.js";
import { parseDemand } from "../src/compare/options.js";
import type { Report } from "../src/report/schema.js";
import { clickstorm } from "./support/cli.js";
import { madeReport, steadyInserts } from "./support/reports.js";

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
  const { changes } = compareReports({ file: "base.json", report: base }, { file: "new.json", report: other });
  return Object.fromEntries(changes.map((change) => [change.name, change]));
}

const verdictsOf = (base: Report, other: Report): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(changesOf(base, other)).map(([name, { verdict }]) => [name, verdict]));

describe("compare", () => {
  it("a run with itself has no change in any figure", () => {
    const verdicts = verdictsOf(steady(100), steady(100));
    expect(Object.keys(verdicts)).to.deep.equal(FIGURE_NAMES);
    expect(new Set(Object.values(verdicts))).to.deep.equal(new Set(["no change"]));
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
    expect(verdictsOf(restless(100), restless(400)).p50).to.equal("worse");
  });

  it("errors where there were none: worse, from 0", () => {
    const inserts = steadyInserts(40, 20, () => 10).map((insert, index) =>
      index % 4 === 0 ? { ...insert, outcome: "failed" as const, code: "252" } : insert,
    );
    const { error_rate: rate } = changesOf(steady(10), madeReport(inserts, MAKING));
    expect([rate?.verdict, rate?.base, rate?.new, rate?.change]).to.deep.equal(["worse", 0, 0.25, Infinity]);
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
    expect(changesOf(warming(21), warming(21)).p90?.noise).to.equal(0);
    expect(changesOf(warming(0), warming(0)).p90?.noise).to.be.above(0);
  });

  it("four seconds have no noise: every difference is a change, and that is said", () => {
    const short = (ms: number) =>
      madeReport(
        steadyInserts(4, 20, () => ms),
        { ...MAKING, durationS: 4 },
      );
    const comparison = compareReports({ file: "a", report: short(100) }, { file: "b", report: short(101) });
    expect(comparison.changes.find(({ name }) => name === "p50")?.verdict).to.equal("worse");
    expect(comparison.warnings).to.include("a is too short to know its noise: every difference is shown as a change");
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

  describe("noise", () => {
    it("Student's t for 99%: 4.60 of 4 degrees, 3.25 of 9, as the tables have them", () => {
      expect(studentT(4)).to.be.closeTo(4.604, 0.3);
      expect(studentT(9)).to.be.closeTo(3.25, 0.03);
      expect(studentT(1e9)).to.be.closeTo(2.576, 0.001);
    });

    it("30 points are 10 groups of 3, 7 points are 7, 47 points are 10 of 4 or 5", () => {
      const sizes = (points: number) => new Set(grouped(Array.from({ length: points })).map((group) => group.length));
      expect([grouped(Array.from({ length: 30 })).length, [...sizes(30)]]).to.deep.equal([10, [3]]);
      expect([grouped(Array.from({ length: 7 })).length, [...sizes(7)]]).to.deep.equal([7, [1]]);
      expect([...sizes(47)].sort()).to.deep.equal([4, 5]);
    });

    it("100, 110, 90, 105, 95 rows a second: a mean of 100 ± t(4) * 7.91 / √5", () => {
      const parts = [100, 110, 90, 105, 95].map((amount) => ({ amount, per: 1 }));
      expect(ratioNoise(parts)).to.be.closeTo((studentT(4) * Math.sqrt(62.5)) / Math.sqrt(5), 1e-9);
      expect(ratioNoise(parts.slice(0, 4))).to.equal(undefined);
    });

    it("the median is the middle of an odd number, the mean of the two in the middle of an even one", () => {
      expect([median([3, 1, 2]), median([4, 1, 2, 3])]).to.deep.equal([2, 2.5]);
    });

    it("one second that stood still is no spread of the others", () => {
      expect(spreadNoise([10, 10, 10, 10, 900, 10, 10])).to.equal(0);
      expect(spreadNoise([10, 11, 9, 10])).to.equal(undefined);
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
        expect(stdout).to.match(/\np99 +120 ms +180 ms +\+50% +±0% {2}worse\n/);
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

    it("another table and a limited generator are warned of, by name", async () => {
      const { code, stdout } = await clickstorm(["compare", base, elsewhere]);
      expect(code).to.equal(0);
      expect(stdout).to.include("warning: table differs: default.events, then shop.orders");
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
      expect(second.stderr.split("\n")[0]).to.equal("error: compare takes two files, BASE.json and NEW.json, got 3");
      expect(second.stderr).to.include("--fail-on must be such as 'p99>+10%'");
    });
  });
});
