// How much of a difference between two runs the unrest within each of them explains. Pure. Used where there is one run a
// side: what differs from run to run no run can know of itself, and is not in it (that is runs.ts).
//
// All is the reach of a 99% interval; 99%, as a dozen figures are compared at once. Seconds of a run are not independent.
// Merges and flushes last for several; and an insert that is answered just after the end of a second is missing in this one and
// too many in the next, which is no unrest of the run at all.
//
// - A rate, a share or a cost is a ratio of two sums; its unrest is that of its residuals (W. Cochran, Sampling Techniques,
//   6.3), as slow waves show it: the residuals are projected onto the first cosines over the run, whose mean square is the
//   variance that sums of many seconds have, and Student's t has as many degrees as there are cosines (E. Lazarus,
//   D. Lewis, J. Stock, M. Watson, HAR Inference: Recommendations for Practice, J. Business & Economic Statistics 36, 2018).
//   No more cosines than their 0.4 n^(2/3), and none that swings faster than once in a minute, but never fewer than 4: what
//   lasts for tens of seconds is not in the faster ones. Of equal runs of 60 and 120 s whose seconds follow one another by 0.95, theirs
//   called 8 to 18% of pairs changed; four call 1 to 5%, and see less of what is small.
// - A quantile has two kinds of unrest. Seconds are faster and slower as a whole: the slow waves of the logarithms of the points'
//   own quantiles, clipped, so that a second that stood still says little of all others. And its inserts are a sample: the interval
//   between two order statistics (J.-Y. Le Boudec, Performance Evaluation, theorem 2.1), which reaches further up than down.
//   Inserts beyond the quantile that lie in fewer seconds than chance would spread them over, as a stall makes them, count as
//   one a second.
// - Beyond the largest insert nothing is known: of fewer than some 660 inserts p99 has no bound above. The largest is taken for
//   it, the bound is said to be open, and a difference must be told by the number of seconds of the one run in which an insert is slower
//   than the slowest of the other: where both are alike, of n and of m seconds, k of them have a chance of (n / (n + m))^k. Seconds, as
//   the inserts of one stall are one event.

import { addEncoded, emptyHistogram } from "../latency.js";

/** Fewer say nothing of their spread. */
export const FEWEST_POINTS = 5;
/** 99%, both sides together, of the normal distribution. */
const Z = 2.5758;
/** Of a normal distribution, standard deviation by median absolute deviation. */
const MAD = 1.4826;
/** What is further from the median counts as so many standard deviations. */
const CLIP = 4;
const FEWEST_WAVES = 4;
/** One side of 99%. */
const CHANCE = 0.005;
/** Seconds that a wave and its opposite take at least, half a period. */
const SLOW_S = 30;
/** Student's t, 99% on both sides together, of 1 degree and more. */
const STUDENT = [63.657, 9.925, 5.841, 4.604, 4.032, 3.707, 3.499, 3.355, 3.25, 3.169] as const;

/** There are fewer inserts than it takes. */
export interface Few {
  readonly needs: number;
  readonly has: number;
}

/** How far the truth may lie above the figure and below it. */
export interface Reach {
  readonly up: number;
  readonly down: number;
  /** Then there is no bound above, and `up` is as far as the largest insert. */
  readonly few?: Few;
  /** Of a quantile. */
  readonly tail?: Tail;
}

/** What a run says of the slowest inserts. */
export interface Tail {
  /** Points with inserts. */
  readonly points: number;
  readonly largest: number;
  /** Points with an insert that took longer. */
  readonly beyond: (value: number) => number;
}

/** A point's part of a ratio. */
export interface Part {
  readonly amount: number;
  readonly per: number;
}

/** What a point says of a quantile. */
export interface Glimpse {
  readonly count: number;
  readonly max: number;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (index: number): number => sorted[index] ?? 0;
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1 ? at(Math.floor(middle)) : (at(middle - 1) + at(middle)) / 2;
}

/** Student's t, 99% on both sides together: by the table, then by Cornish and Fisher's expansion. */
export function studentT(degrees: number): number {
  const [z3, z5] = [Z ** 3, Z ** 5];
  return STUDENT[degrees - 1] ?? Z + (z3 + Z) / (4 * degrees) + (5 * z5 + 16 * z3 + 3 * Z) / (96 * degrees ** 2);
}

/** How many cosines show the slow unrest of so many points, of `seconds` each. */
export const waveCount = (points: number, seconds = 1): number =>
  Math.max(FEWEST_WAVES, Math.round(Math.min(0.4 * points ** (2 / 3), (points * seconds) / SLOW_S)));

/** The half-width of a sum of values, as their slow waves show it. */
function waveReach(values: readonly number[], seconds: number): number {
  const mean = sum(values) / values.length;
  const waves = waveCount(values.length, seconds);
  const squares = Array.from({ length: waves }, (_, wave) => {
    const step = (Math.PI * (wave + 1)) / values.length;
    return sum(values.map((value, index) => (value - mean) * Math.cos(step * (index + 0.5)))) ** 2;
  });
  // Of cosines of length 1: each square times 2 / points. Of the sum of all residuals: times points.
  return studentT(waves) * Math.sqrt((2 * sum(squares)) / waves);
}

/** Of a ratio of sums, in its own unit; undefined where there are too few points. */
export function ratioNoise(parts: readonly Part[], seconds = 1): number | undefined {
  const per = sum(parts.map((part) => part.per));
  if (parts.length < FEWEST_POINTS || per === 0) return undefined;
  const ratio = sum(parts.map(({ amount }) => amount)) / per;
  return (
    waveReach(
      parts.map((part) => part.amount - ratio * part.per),
      seconds,
    ) / per
  );
}

/** Of a share, by the number of what it is a share of. */
export const shareNoise = (some: number, all: number): number => (Z * Math.sqrt(some * (1 - some / all))) / all;

/** Of a level that points have, each above 0, in the unit of its logarithm; undefined where there are too few. */
export function levelNoise(levels: readonly number[], seconds = 1): number | undefined {
  if (levels.length < FEWEST_POINTS) return undefined;
  const logs = levels.map(Math.log);
  const middle = median(logs);
  const reach = CLIP * MAD * median(logs.map((value) => Math.abs(value - middle)));
  const clipped = logs.map((value) => Math.min(Math.max(value, middle - reach), middle + reach));
  return waveReach(clipped, seconds) / levels.length;
}

/**
 * Of a quantile (0 to 1) of an encoded histogram, in the unit of its logarithm: how far it may be off by the number of its
 * inserts. `value`: the quantile.
 */
export function orderNoise(hdr: string, quantile: number, value: number, glimpses: readonly Glimpse[]): Reach {
  const histogram = emptyHistogram();
  addEncoded(histogram, hdr);
  histogram.establishInternalTackingValues();
  const count = histogram.totalCount;
  const at = (rank: number): number =>
    histogram.getValueAtPercentile((100 * Math.min(Math.max(rank, 1), count)) / count) / 1000;
  const crowd = crowding(quantile, value, glimpses);
  const [rank, reach] = [count * quantile, Z * Math.sqrt(count * quantile * (1 - quantile) * crowd)];
  const [above, below] = [at(Math.ceil(rank + reach)), at(Math.floor(rank - reach))];
  const some = glimpses.filter((glimpse) => glimpse.count > 0);
  const beyond = (limit: number): number => some.filter(({ max }) => max > limit).length;
  const tail = { points: some.length, largest: histogram.maxValue / 1000, beyond };
  const reaches = { up: Math.log(above / value), down: Math.log(value / below), tail };
  if (rank + reach <= count) return reaches;
  return { ...reaches, few: { needs: 10 * Math.ceil((Z ** 2 * quantile * crowd) / (1 - quantile) / 10), has: count } };
}

/** Whether so many of `some`, and none of `others`, are more than the chance of two runs that are alike. */
export const isNoChance = (many: number, some: number, others: number): boolean =>
  many > 0 && (some / (some + others)) ** many <= CHANCE;

/** So many inserts beyond the quantile come together, on average; 1 where they come as chance would have them. */
function crowding(quantile: number, value: number, glimpses: readonly Glimpse[]): number {
  const some = glimpses.filter(({ count }) => count > 0);
  // At the median nearly every second has some, and the waves show the rest.
  if (quantile <= 0.5 || some.length < FEWEST_POINTS) return 1;
  const chances = some.map(({ count }) => 1 - quantile ** count);
  const expected = sum(chances);
  const spread = Math.sqrt(sum(chances.map((chance) => chance * (1 - chance))));
  const hit = some.filter(({ max }) => max >= value).length;
  const beyond = (1 - quantile) * sum(some.map(({ count }) => count));
  return hit < expected - 2 * spread ? Math.max(1, beyond / Math.max(hit, 1)) : 1;
}
