// How much of a difference between two runs their own unrest explains. Pure.
//
// Seconds of a run are not independent: merges and flushes last for several, and a batch answered late in one is missing in
// the next. So neighbouring points are put together into at most ten groups, whose figures nearly are (batch means:
// B. Schmeiser, Batch size effects in the analysis of simulation output, Operations Research 30, 1982), and the half-width
// of the 99% interval is t(groups - 1) * spread of groups / √groups. 99%, as a dozen figures are compared at once.
//
// - A rate, a share or a cost is a ratio of two sums; the spread is that of the residuals of its groups (W. Cochran,
//   Sampling Techniques, 6.3), not a robust one: the whole run's figure is no robust one either.
// - A quantile's groups have the median of their points' quantiles, and the spread is 1.4826 * MAD: a second that stood
//   still says little of all others. It is never less than what the number of inserts allows: the interval between two
//   order statistics (J.-Y. Le Boudec, Performance Evaluation, theorem 2.1).
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

/** Of a ratio of sums, in its own unit; undefined where there are too few points. */
export function ratioNoise(parts: readonly Part[]): number | undefined {
  const per = sum(parts.map((part) => part.per));
  if (parts.length < FEWEST_POINTS || per === 0) return undefined;
  const ratio = sum(parts.map(({ amount }) => amount)) / per;
  const groups = grouped(parts);
  const residuals = groups.map((group) => sum(group.map((part) => part.amount - ratio * part.per)));
  const deviation = Math.sqrt(sum(residuals.map((residual) => residual ** 2)) / (groups.length - 1));
  return (studentT(groups.length - 1) * deviation * Math.sqrt(groups.length)) / per;
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
  return count === 0 ? 0 : Math.max(at(Math.ceil(rank + reach)) - middle, middle - at(Math.floor(rank - reach)));
}
