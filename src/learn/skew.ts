// How many different values there are and how unevenly they come, from what a number of rows showed. Pure. Called by
// findings.ts.

export interface Skew {
  readonly of: number;
  /** Of Zipf's law; undefined: each as likely. */
  readonly exponent: number | undefined;
}

/** So many values have a weight of their own; the others are summed in strips. */
const HEAD = 200;
const GROWTH = 1.05;
const MOST = 1e12;
const STEEPEST = 4;
/** Less is as good as none. */
const LEAST = 0.05;
const STEPS = 40;

/**
 * The number of values and the exponent for which Zipf's law has, in `rows` rows, `distinct` different values on the average,
 * and two rows with the same value with probability `same`. So a copy of as many rows shows as many values, though there may
 * be more than were seen.
 */
export function skewOf(rows: number, distinct: number, same: number): Skew {
  if (distinct <= 1) return { of: 1, exponent: undefined };
  const sizeOf = (exponent: number): number =>
    2 ** bisect(Math.log2(distinct), Math.log2(MOST), (log) => shown(2 ** log, exponent, rows) < distinct);
  let exponent = bisect(0, STEEPEST, (s) => doubles(sizeOf(s), s) < same);
  if (exponent < LEAST) exponent = 0;
  const of = Math.max(1, Math.round(sizeOf(exponent)));
  return { of, exponent: exponent === 0 ? undefined : Number(exponent.toFixed(2)) };
}

/** Where the answer turns from true to false; an end where it does not. */
function bisect(from: number, to: number, isBelow: (x: number) => boolean): number {
  if (!isBelow(from)) return from;
  let [low, high] = [from, to];
  for (let step = 0; step < STEPS; step++) {
    const middle = (low + high) / 2;
    if (isBelow(middle)) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Strips of 1 … of: how many there are in each, and one's weight. */
function* strips(of: number, exponent: number): Generator<readonly [count: number, weight: number]> {
  const single = Math.min(of, HEAD);
  for (let k = 1; k <= single; k++) yield [1, k ** -exponent];
  for (let first = single + 1; first <= of; ) {
    const next = Math.min(of + 1, Math.max(first + 1, first * GROWTH));
    yield [next - first, Math.sqrt(first * next) ** -exponent];
    first = next;
  }
}

/** Different values in so many rows, on the average. */
function shown(of: number, exponent: number, rows: number): number {
  const all = [...strips(of, exponent)];
  const total = all.reduce((sum, [count, weight]) => sum + count * weight, 0);
  return all.reduce(
    (sum, [count, weight]) => sum - count * Math.expm1(rows * Math.log1p(-Math.min(weight / total, 1 - 1e-12))),
    0,
  );
}

/** The probability that two rows have the same value. */
function doubles(of: number, exponent: number): number {
  const all = [...strips(of, exponent)];
  const total = all.reduce((sum, [count, weight]) => sum + count * weight, 0);
  return all.reduce((sum, [count, weight]) => sum + count * (weight / total) ** 2, 0);
}
