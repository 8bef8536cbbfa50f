// src/compare/ on runs by law, on virtual time: how often equal ones are called different, how often slower ones are found. Fixed
// seeds; bench/compare.ts has the same with more pairs. The README's pipeline, as it stands there.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { expect } from "chai";
import { compare } from "../src/compare/command.js";
import { compareReports } from "../src/compare/compare.js";
import { FIGURE_NAMES } from "../src/compare/figures.js";
import { type Demand, outcomeOf } from "../src/compare/gate.js";
import { parseDemand, resolveCompare } from "../src/compare/options.js";
import { effectOf } from "../src/compare/runs.js";
import { toTable } from "../src/compare/table.js";
import type { Report } from "../src/report/schema.js";
import { clickstorm } from "./support/cli.js";
import { falseCalls, found } from "./support/pairs.js";
import { madeReport, steadyInserts } from "./support/reports.js";
import { LAWS, type Law, LOOPS, type Loop, runOf } from "./support/run-laws.js";

const [INDEPENDENT] = LAWS as readonly [Law, ...Law[]];

const named = (reports: readonly Report[]) => reports.map((report, index) => ({ file: `${index}.json`, report }));

const sideOf = (law: Law, loop: Loop, seed: number, times = 1, runs = 5): readonly Report[] =>
  Array.from({ length: runs }, (_, run) => runOf(law, loop, 1000 * seed + run, times));

function demandOf(text: string): Demand {
  const demand = parseDemand(text);
  if (typeof demand === "string") throw new Error(demand);
  return demand;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

describe("compare, several runs a side", () => {
  const cases = LOOPS.flatMap((loop, l) => LAWS.map((law, index) => ({ law, loop, seed: 20 * l + index })));

  it("five equal runs a side: each figure is called different in at most 2% of 720 pairs, in no law in more than 5 of 60", () => {
    const pairs = 60;
    const all = cases.map((one) => falseCalls({ ...one, pairs, runs: 5 }));
    for (const name of FIGURE_NAMES) {
      const calls = all.flatMap((law) => law.get(name) ?? []);
      // Of 480 inserts there is no p99.9; a closed loop has no latency.
      expect(calls.length, name).to.equal(name.endsWith("p99.9") ? 0 : /^p\d/.test(name) ? 6 : 12);
      if (calls.length === 0) continue;
      expect(sum(calls) / (pairs * calls.length), name).to.be.at.most(0.02);
      // Were it 2%, one in 700 of such laws had more.
      expect(Math.max(...calls), name).to.be.at.most(5);
    }
  }).timeout(120_000);

  it("five a side: p50 of 10% more and p99 of half as much again are worse in 9 of 10 pairs, by 480 inserts a run", () => {
    const pairs = 30;
    const all = cases.map((one) => ({ ...one, ...found({ ...one, seed: one.seed + 50, pairs, runs: 5 }) }));
    for (const figure of ["p50", "p99"] as const) {
      expect(sum(all.map((one) => one[figure])) / (pairs * all.length), figure).to.be.at.least(0.9);
      // Were it 9 of 10, one in 300 of such laws had fewer.
      for (const one of all) expect(one[figure], `${figure}, ${one.loop}, ${one.law.name}`).to.be.at.least(22);
    }
  }).timeout(120_000);

  it("one a side, where nothing lies between runs: each figure is called different in at most 2% of pairs", () => {
    const pairs = 60;
    const all = cases.map((one) => falseCalls({ ...one, law: { ...one.law, runs: 0 }, pairs, runs: 1 }));
    for (const name of FIGURE_NAMES.filter((figure) => !figure.endsWith("p99.9"))) {
      const calls = all.flatMap((law) => law.get(name) ?? []);
      expect(sum(calls) / (pairs * calls.length), name).to.be.at.most(0.02);
    }
  }).timeout(120_000);

  describe("the difference of means, with Student's t", () => {
    it("1 to 5 against 3 to 7: 2 ± 3.355 * √(2.5 * 2/5), as the table has t of 8 degrees", () => {
      const { base, new: other, half } = effectOf([1, 2, 3, 4, 5], [3, 4, 5, 6, 7], 0);
      expect([base, other]).to.deep.equal([3, 5]);
      expect(half).to.be.closeTo(3.355 * Math.sqrt(2.5 * 0.4), 1e-9);
    });

    it("two a side have t of 2 degrees, 9.925; one and two of 1, 63.657", () => {
      expect(effectOf([0, 2], [0, 2], 0).half).to.be.closeTo(9.925 * Math.sqrt(2), 1e-9);
      expect(effectOf([1], [0, 2], 0).half).to.be.closeTo(63.657 * Math.sqrt(2 * 1.5), 1e-9);
    });

    it("all the same: no noise; within the grain of a figure: noise", () => {
      expect(effectOf([1, 1], [1, 1], 0.1).half).to.equal(0);
      expect(effectOf([1, 1], [1.05, 1.05], 0.1).half).to.equal(0.1);
    });
  });

  it("the base and new of a row are geometric means: 5 runs and the same 1.5 times slower are +50% ± what runs differ by", () => {
    const base = sideOf(INDEPENDENT, "open", 1);
    const { changes } = compareReports(named(base), named(sideOf(INDEPENDENT, "open", 1, 1.5)));
    const p50 = changes.find(({ name }) => name === "p50");
    const mean = Math.exp(sum(base.map(({ latency_ms }) => Math.log(latency_ms?.p50 ?? 0))) / 5);
    expect(p50?.base).to.be.closeTo(mean, 1e-9);
    // The same draws: all times are half as long again.
    expect(p50?.change).to.be.closeTo(0.5, 0.002);
    expect([p50?.verdict, (p50?.low ?? 0) < 0.5, (p50?.high ?? 0) > 0.5]).to.deep.equal(["worse", true, true]);
  });

  it("one run in which a quantile has too few inserts leaves none: needs 100 inserts, has 40", () => {
    const base = sideOf(INDEPENDENT, "open", 2);
    const few = base.map((report, index) =>
      index > 0 || report.latency_ms === null
        ? report
        : { ...report, latency_ms: { ...report.latency_ms, count: 40, p99: null } },
    );
    const { changes } = compareReports(named(base), named(few));
    expect(changes.find(({ name }) => name === "p99")?.verdict).to.equal("none");
    const { kind, why } = outcomeOf(demandOf("p99>+10%"), changes);
    expect([kind, why]).to.deep.equal(["unjudged", "needs 100 inserts, has 40"]);
  });

  it("a run without any acknowledged insert has no p99 at all: crossed, though the other has only too few inserts", () => {
    const [report] = sideOf(INDEPENDENT, "open", 2, 1, 1) as readonly [Report];
    const having = (count: number): Report =>
      report.latency_ms === null ? report : { ...report, latency_ms: { ...report.latency_ms, count, p99: null } };
    const outcome = (base: number, other: number): string =>
      outcomeOf(demandOf("p99>+10%"), compareReports(named([having(base)]), named([having(other)])).changes).kind;
    expect([outcome(40, 0), outcome(0, 40), outcome(0, 0)]).to.deep.equal(["crossed", "crossed", "crossed"]);
    expect(outcome(40, 40)).to.equal("unjudged");
  });

  describe("two runs a side that are alike to the last digit", () => {
    // Service times of 10 to 15 ms, and of so many times that; each second's own level is up to a fifth higher.
    const run = (times: number, durationS = 40): Report =>
      madeReport(
        steadyInserts(durationS, 20, (index) => times * (10 + (index % 5)) * (1 + 0.2 * Math.sin(index / 150) ** 2)),
        { durationS, warmupS: 0, rowsPerS: 2000, shard: null },
      );
    const verdict = (runs: number, times: number, durationS?: number) => {
      const [base, other] = [run(1, durationS), run(times, durationS)].map((one) => named(Array(runs).fill(one)));
      return compareReports(base ?? [], other ?? []).changes.find(({ name }) => name === "p50")?.verdict;
    };

    it("2% are no change where seconds swing by 20%, as with one run a side; twice as slow is worse", () => {
      expect([verdict(1, 1.02), verdict(2, 1.02), verdict(1, 2), verdict(2, 2)]).to.deep.equal([
        ...["no change", "no change", "worse", "worse"],
      ]);
      // Five that are alike are no chance.
      expect(verdict(5, 1.02)).to.equal("worse");
    });

    it("of 4 s, which tell nothing of their noise: unknown", () => {
      expect([verdict(2, 1.02, 4), verdict(2, 1, 4)]).to.deep.equal(["unknown", "no change"]);
    });
  });

  it("a load that differs within a side is warned of, and a run that is there twice", () => {
    const base = sideOf(INDEPENDENT, "open", 3, 1, 2);
    const [one, two] = base as readonly [Report, Report];
    const other = { ...two, options: { ...two.options, compress: "zstd" as const } };
    const { warnings } = compareReports(named([one, two]), named([other, one]));
    expect(warnings).to.include(`run ${two.run_id} is there more than once`);
    expect(warnings).to.include("compress differs among the runs of new");
    expect(warnings.some((warning) => warning.startsWith("one run a side"))).to.equal(false);
  });

  describe("one run a side", () => {
    const base = sideOf(INDEPENDENT, "open", 4, 1, 1);

    it("that runs differ is not known, and is said", () => {
      const { warnings } = compareReports(named(base), named(sideOf(INDEPENDENT, "open", 5, 1, 1)));
      expect(warnings.join()).to.include("one run a side: what differs from run to run is not known");
    });

    it("p99 of 480 inserts, 100 times as slow, is worse and fails p99>+10%", () => {
      const { changes } = compareReports(named(base), named(sideOf(INDEPENDENT, "open", 5, 100, 1)));
      const p99 = changes.find(({ name }) => name === "p99");
      expect([p99?.verdict, p99?.few, (p99?.change ?? 0) > 50]).to.deep.equal([
        "worse",
        { needs: 660, has: p99?.few?.has },
        true,
      ]);
      expect(outcomeOf(demandOf("p99>+10%"), changes).kind).to.equal("crossed");
    });

    it("p99 of as many, as slow as before, cannot be judged: needs 660 inserts; of 99% slower p50 it can", () => {
      const { changes } = compareReports(named(base), named(sideOf(INDEPENDENT, "open", 5, 1, 1)));
      const { kind, why } = outcomeOf(demandOf("p99>+50%"), changes);
      expect(kind).to.equal("unjudged");
      expect(why).to.match(/^needs 660 inserts, has 4[67]\d$/);
      expect(outcomeOf(demandOf("p50>+99%"), changes).kind).to.equal("kept");
    });

    it("two errors of 480 where there were none are chance, twelve are worse", () => {
      const of = (failed: number): Report =>
        base.map((report) => ({
          ...report,
          measured: { ...report.measured, inserts: { acknowledged: 480 - failed, failed, unknown: 0 } },
        }))[0] as Report;
      const verdict = (failed: number) =>
        compareReports(named([of(0)]), named([of(failed)])).changes.find(({ name }) => name === "error_rate");
      expect([verdict(2)?.verdict, verdict(12)?.verdict]).to.deep.equal(["no change", "worse"]);
      const { kind, why } = outcomeOf(
        demandOf("error_rate>0%"),
        [verdict(2)].flatMap((change) => change ?? []),
      );
      expect([kind, why]).to.deep.equal(["unjudged", "it is from 0, and so few may be chance"]);
    });

    it("p99 of three slow seconds where there were none is no change, of twenty it is worse", () => {
      // In some seconds one of four inserts takes ten times as long; of 240 inserts two are beyond p99.
      const stalled = (seconds: number): Report =>
        madeReport(
          steadyInserts(60, 4, (index) => (10 + (index % 5)) * (index % 4 === 0 && index / 4 < seconds ? 10 : 1)),
          { durationS: 60, warmupS: 0, rowsPerS: 400, shard: null },
        );
      const verdict = (seconds: number) =>
        compareReports(named([stalled(0)]), named([stalled(seconds)])).changes.find(({ name }) => name === "p99");
      expect(verdict(3)?.change).to.be.above(5);
      expect(verdict(3)?.verdict).to.equal("no change");
      expect(verdict(20)?.verdict).to.equal("worse");
    });

    it("the table has a dash for an interval that is not known", () => {
      const comparison = compareReports(named(base), named(sideOf(INDEPENDENT, "open", 5, 100, 1)));
      expect(toTable(comparison, [])).to.match(/\np99 .* >?\+\d+% +– {2}worse\n/);
    });
  });

  describe("--fail-on", () => {
    const change = { name: "p99", shown: String, base: 1, new: 1.2, low: 0, high: 1, few: undefined } as const;
    const noise = { rise: 0.15, fall: 0.13 };
    for (const [what, given, kind] of [
      ["+20%, more than noise", { change: 0.2, noise, verdict: "worse" }, "crossed"],
      ["+8%, more than noise", { change: 0.08, noise: { rise: 0.05, fall: 0.05 }, verdict: "worse" }, "kept"],
      ["-20%", { change: -0.2, noise, verdict: "better" }, "kept"],
      ["+2%, where +15% were noise", { change: 0.02, noise, verdict: "no change" }, "unjudged"],
      ["+2%, where +5% were noise", { change: 0.02, noise: { rise: 0.05, fall: 0.05 }, verdict: "no change" }, "kept"],
      ["+20%, of too short runs", { change: 0.2, noise: undefined, verdict: "unknown" }, "unjudged"],
      ["nothing", { change: undefined, noise: undefined, verdict: "none" }, "crossed"],
    ] as const) {
      it(`p99>+10% of ${what} is ${kind}`, () => {
        expect(outcomeOf(demandOf("p99>+10%"), [{ ...change, ...given }]).kind).to.equal(kind);
      });
    }
  });

  describe("files", () => {
    const sides = (...words: readonly string[]) => {
      const { base, new: other } = resolveCompare({}, {}, words);
      return [base, other];
    };
    it("a b; a b -- c; a -- b c", () => {
      expect(sides("a", "b")).to.deep.equal([["a"], ["b"]]);
      expect(sides("a", "b", "--", "c")).to.deep.equal([["a", "b"], ["c"]]);
      expect(sides("a", "--", "b", "c")).to.deep.equal([["a"], ["b", "c"]]);
    });
    for (const [words, says] of [
      [["a", "b", "c"], /got 3; several runs a side are A\.json … -- B\.json …$/],
      [["a", "--"], /got none behind it$/],
      [["--", "a"], /got none before it$/],
      [["a", "--", "b", "--", "c"], /got more$/],
    ] as const) {
      it(`${words.join(" ")} is refused`, () => expect(() => sides(...words)).to.throw(says));
    }
  });

  describe("the README's pipeline", () => {
    const folder = mkdtempSync(join(tmpdir(), "clickstorm-pipeline-"));
    after(() => rmSync(folder, { recursive: true }));
    const write = (name: string, reports: readonly Report[]): readonly string[] =>
      reports.map((report, index) => {
        const file = join(folder, `${name}-${index + 1}.json`);
        writeFileSync(file, JSON.stringify(report));
        return file;
      });
    const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
    const line = /^clickstorm compare base-\*\.json -- new-\*\.json (.*)$/m.exec(readme)?.[1] ?? "";
    const flags = [...line.matchAll(/(--[\w-]+)(?: '([^']+)')?/g)].flatMap(([, flag = "", value]) =>
      value === undefined ? [flag] : [flag, value],
    );

    it("has demands, and --strict", () => {
      expect(flags.filter((flag) => flag === "--fail-on").length).to.be.above(1);
      expect(flags).to.include("--strict");
    });

    it("passes 20 pairs of equal runs, of all laws in turn, with exit 0, and ends with 99 at all 20 that are twice as slow", async () => {
      const demands = flags.flatMap((flag, index) => (flag === "--fail-on" ? demandOf(flags[index + 1] ?? "") : []));
      const codes: number[][] = [];
      for (let pair = 0; pair < 20; pair++) {
        const law = LAWS[pair % LAWS.length] ?? INDEPENDENT;
        const base = write("base", sideOf(law, "open", 100 + pair));
        const code = async (times: number) => {
          const other = write("new", sideOf(law, "open", 200 + pair, times));
          return compare({ base, new: other, demands, markdown: false, strict: true }, new PassThrough().resume());
        };
        codes.push([await code(1), await code(2)]);
      }
      expect(codes).to.deep.equal(Array(20).fill([0, 99]));
    }).timeout(60_000);

    it("by the program: the same exits, and its flags are read behind the --", async () => {
      const base = write("base", sideOf(INDEPENDENT, "open", 300));
      const equal = write("equal", sideOf(INDEPENDENT, "open", 301));
      const slow = write("slow", sideOf(INDEPENDENT, "open", 302, 2));
      const [same, slower] = [
        await clickstorm(["compare", ...base, "--", ...equal, ...flags]),
        await clickstorm(["compare", ...base, "--", ...slow, ...flags]),
      ];
      expect([same.code, same.stderr, slower.code, slower.stderr]).to.deep.equal([0, "", 99, ""]);
      expect(same.stdout).to.match(/^- base: 5 runs, `.*base-1\.json` to `.*base-5\.json`: /m);
      expect(slower.stdout).to.match(/^\| p50 .* \*\*worse\*\* \|$/m);
    });
  });
});
