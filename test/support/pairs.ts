// Pairs of runs by a law, compared: how often equal ones are called different, and how often slower ones are found.

import { compareReports, type Verdict } from "../../src/compare/compare.js";
import { FIGURE_NAMES } from "../../src/compare/figures.js";
import type { Report } from "../../src/report/schema.js";
import { type Law, type Loop, runOf } from "./run-laws.js";

export interface Trial {
  readonly law: Law;
  readonly loop: Loop;
  readonly pairs: number;
  /** Runs a side. */
  readonly runs: number;
  /** No two trials of different seeds have a run in common. */
  readonly seed: number;
}

/** Seeds of one pair. */
const APART = 100;

const named = (reports: readonly Report[]) => reports.map((report, index) => ({ file: `${index}.json`, report }));

/** Calls `tell` with the verdicts of each pair: the base, and a side that is so many times slower. */
export function tryPairs(
  { law, loop, pairs, runs, seed }: Trial,
  slower: readonly number[],
  tell: (times: number, verdicts: ReadonlyMap<string, Verdict>) => void,
): void {
  for (let pair = 0; pair < pairs; pair++) {
    const first = (seed * 10_000 + pair) * APART;
    const side = (number: number, times: number): readonly Report[] =>
      Array.from({ length: runs }, (_, run) => runOf(law, loop, first + number * runs + run, times));
    const base = named(side(0, 1));
    for (const [index, times] of slower.entries()) {
      const { changes } = compareReports(base, named(side(index + 1, times)));
      tell(times, new Map(changes.map(({ name, verdict }) => [name, verdict])));
    }
  }
}

/** By figure, how many of equal pairs are called better or worse; undefined: there is no such figure. */
export function falseCalls(trial: Trial): ReadonlyMap<string, number | undefined> {
  const calls = new Map<string, number | undefined>(FIGURE_NAMES.map((name) => [name, 0]));
  tryPairs(trial, [1], (_, verdicts) => {
    for (const [name, verdict] of verdicts) {
      const isCalled = verdict === "better" || verdict === "worse";
      calls.set(name, verdict === "none" ? undefined : (calls.get(name) ?? 0) + (isCalled ? 1 : 0));
    }
  });
  return calls;
}

/** How many of slower pairs are called worse: of p50 a tenth slower, of p99 half as slow again. */
export function found(trial: Trial): { readonly p50: number; readonly p99: number } {
  const prefix = trial.loop === "open" ? "" : "service_";
  let [p50, p99] = [0, 0];
  tryPairs(trial, [1.1, 1.5], (times, verdicts) => {
    if (times === 1.1 && verdicts.get(`${prefix}p50`) === "worse") p50++;
    if (times === 1.5 && verdicts.get(`${prefix}p99`) === "worse") p99++;
  });
  return { p50, p99 };
}
