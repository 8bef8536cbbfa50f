// How much of a difference between two runs their own unrest explains. Pure.
//
// All is the half-width of a 99% interval; 99%, as a dozen figures are compared at once. Seconds of a run are not
// independent. Merges and flushes last for several; and an insert that is answered just after the end of a second is missing
// in this one and too many in the next, which is no unrest of the run at all.
//
// - A rate, a share or a cost is a ratio of two sums; its unrest is that of its residuals (W. Cochran, Sampling Techniques,
//   6.3), as slow waves show it: the residuals are projected onto the first cosines over the run, whose mean square is the
//   variance that sums of many seconds have, and Student's t has as many degrees as there are cosines (E. Lazarus,
//   D. Lewis, J. Stock, M. Watson, HAR Inference: Recommendations for Practice, J. Business & Economic Statistics 36, 2018,
//   with their 0.4 n^(2/3) cosines, but no fewer than 4). What one second lacks and the next has is hardly in them; what
//   lasts for seconds is.
// - The rate of an open loop is what its schedule says, if that was kept: all that was due over the window, which ends with
//   the last answer. What another run might make of it is no more than the latency of its last inserts, and the inserts
//   that fail. The smaller of the two holds: figures.ts.
// - A quantile's points are put into at most ten groups of neighbours, which are nearly independent (batch means:
//   B. Schmeiser, Batch size effects in the analysis of simulation output, Operations Research 30, 1982). Each has the
//   median of its points' quantiles, and the half-width is t(groups - 1) * spread / √groups with a spread of 1.4826 * MAD:
//   a second that stood still says little of all others. It is never less than what the number of inserts allows: the
//   interval between two order statistics (J.-Y. Le Boudec, Performance Evaluation, theorem 2.1).
//
// What differs from run to run, such as a table with more parts or a warmer cache, no run can know of itself.

import { addEncoded, emptyHistogram } from "../latency.js";

/** Fewer say nothing of their spread. */
export const FEWEST_POINTS = 5;
const MOST_GROUPS = 10;
/** 99%, both sides together, of the normal distribution. */
const Z = 2.5758;
/** Of a normal distribution, standard deviation by median absolute deviation. */
const MAD = 1.4826;

/** A point's part of a ratio. */
export interface Part {
  readonly amount: number;
  readonly per: number;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (index: number): number => sorted[index] ?? 0;
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1 ? at(Math.floor(middle)) : (at(middle - 1) + at(middle)) / 2;
}

/** Neighbours together, in groups of nearly one size. */
export function grouped<T>(points: readonly T[]): readonly (readonly T[])[] {
  const count =
    points.length < 2 * FEWEST_POINTS ? points.length : Math.min(MOST_GROUPS, Math.floor(points.length / 2));
  const start = (group: number): number => Math.round((group * points.length) / count);
  return Array.from({ length: count }, (_, group) => points.slice(start(group), start(group + 1)));
}

/** Student's t, 99% on both sides together: Cornish and Fisher's expansion, within 6% of the table from 4 degrees on. */
export function studentT(degrees: number): number {
  const [z3, z5] = [Z ** 3, Z ** 5];
  return Z + (z3 + Z) / (4 * degrees) + (5 * z5 + 16 * z3 + 3 * Z) / (96 * degrees ** 2);
}

/** How many cosines show the unrest of so many points. */
export const waveCount = (points: number): number => Math.max(FEWEST_POINTS - 1, Math.round(0.4 * points ** (2 / 3)));

/** Of a ratio of sums, in its own unit; undefined where there are too few points. */
export function ratioNoise(parts: readonly Part[]): number | undefined {
  const per = sum(parts.map((part) => part.per));
  if (parts.length < FEWEST_POINTS || per === 0) return undefined;
  const ratio = sum(parts.map(({ amount }) => amount)) / per;
  const residuals = parts.map((part) => part.amount - ratio * part.per);
  const waves = waveCount(parts.length);
  const squares = Array.from({ length: waves }, (_, wave) => {
    const step = (Math.PI * (wave + 1)) / parts.length;
    return sum(residuals.map((residual, index) => residual * Math.cos(step * (index + 0.5)))) ** 2;
  });
  // Of cosines of length 1: each square times 2 / points. Of the sum of all residuals: times points.
  return (studentT(waves) * Math.sqrt((2 * sum(squares)) / waves)) / per;
}

/** Of a quantile, as a share of it, by those of the points; undefined where there are too few. */
export function spreadNoise(quantiles: readonly number[]): number | undefined {
  if (quantiles.length < FEWEST_POINTS) return undefined;
  const groups = grouped(quantiles).map(median);
  const level = median(groups);
  if (level === 0) return 0;
  const deviation = MAD * median(groups.map((value) => Math.abs(value - level)));
  return (studentT(groups.length - 1) * deviation) / Math.sqrt(groups.length) / level;
}

/** How far the quantile (0 to 1) of an encoded histogram may be off, in milliseconds, by the number of its values. */
export function orderNoise(hdr: string, quantile: number): number {
  const histogram = emptyHistogram();
  addEncoded(histogram, hdr);
  histogram.establishInternalTackingValues();
  const count = histogram.totalCount;
  const at = (rank: number): number =>
    histogram.getValueAtPercentile((100 * Math.min(Math.max(rank, 1), count)) / count) / 1000;
  const [rank, reach] = [count * quantile, Z * Math.sqrt(count * quantile * (1 - quantile))];
  const middle = at(rank);
  // Of so few nobody knows how much higher it may be: taken for as much again.
  if (rank + reach > count) return middle;
  return count === 0 ? 0 : Math.max(at(Math.ceil(rank + reach)) - middle, middle - at(Math.floor(rank - reach)));
}
