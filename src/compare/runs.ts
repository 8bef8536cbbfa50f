// What differs between two sets of runs, and how far that may be off. Pure. The run is the unit: each gives one value, and the
// spread of a side's values holds all that makes runs differ, within them and between them, whatever seconds do.
//
// The interval is Student's t of the difference of means, with the variance of both sides pooled: of equal runs, with as many a side, it
// calls 1% changed, where values spread about one level (both sides have the same law: skewness cancels). Runs that have one of two
// levels, half of them 5% above, are called changed in 12% of pairs with two a side, where runs are quieter within than that, 3% with
// three, 2% with five: each side may have runs of one level alone, and looks sure of it. Tried beside it, in
// 300 pairs a law of five runs a side (docs/compare.md): all 252 arrangements of the runs, which call at most 4 / 252 = 1.6% of equal
// pairs and find what t at 1.6% would, but can call nothing with four a side (2 / 70 is 2.9%). Welch's degrees are fewer where
// chance makes the spreads unlike, and find less.
//
// Of two a side, that they are alike may be chance: there compare.ts takes no less than the noise within a run (noise.ts).

import { studentT } from "./noise.js";

export interface Effect {
  readonly base: number;
  readonly new: number;
  /** Of the 99% interval around new - base. */
  readonly half: number;
}

const mean = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0) / values.length;

/** Of at least three values together. `grain`: differences below it say nothing. */
export function effectOf(base: readonly number[], other: readonly number[], grain: number): Effect {
  const [a, b] = [mean(base), mean(other)];
  const all = [...base, ...other];
  if (all.every((value) => value === all[0])) return { base: a, new: b, half: 0 };
  const squares = (values: readonly number[], middle: number): number =>
    values.reduce((total, value) => total + (value - middle) ** 2, 0);
  const degrees = all.length - 2;
  const variance = (squares(base, a) + squares(other, b)) / degrees;
  const half = studentT(degrees) * Math.sqrt(variance * (1 / base.length + 1 / other.length));
  return { base: a, new: b, half: Math.max(half, grain) };
}
