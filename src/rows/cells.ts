// Distributions of whole numbers as cells, and the table from which the kernel draws one at the same cost for all. Pure:
// no clock, no I/O, no randomness. The caller has scaled decimals, dates and times to whole numbers, and has seen to it
// that from <= to, and that standard deviations, means and exponents are finite and above 0. No bounds are checked here.
//
//   weight      | 9 |  5  |      4      |            2            |
//   numbers      7   8   9 10 11 12 13 …                               a cell by its weight, then one of its `count`
//                ^ first of cell 0                                     numbers, each as likely
//
// The laws below (not mixture, nor quantiles) give cells that are disjoint, in rising order, without gaps, and at most 768.

export interface Cell {
  readonly first: bigint;
  /** From 1 up: the cell is [first, first + count). */
  readonly count: bigint;
  /** 0 or more, finite, to any scale: it is the sum over the cells that makes it a probability. */
  readonly weight: number;
}

/** At least one, the weights not all 0. */
export type Cells = readonly Cell[];

const MOST_CELLS = 768;
/** Of zipf: so many numbers at least have a cell of their own. */
const HEAD = 256;
/** What has less than e^-32 = 1.3e-14 of the greatest density is left out: 8 standard deviations, 32 means. */
const REACH = 32;

const least = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const greatest = (a: bigint, b: bigint): bigint => (a > b ? a : b);

/** 0, 1, 2, … with these weights. */
export function weightedCells(weights: readonly number[]): Cells {
  return weights.map((weight, i) => ({ first: BigInt(i), count: 1n, weight }));
}

/**
 * Zipf's law: from + k - 1 with a weight of k^-exponent, for k = 1 … count.
 * Exact for the first 256, or for all when count <= 768; the rest are 512 cells that grow geometrically, by 8% at most
 * (for 2^64 numbers). A cell's weight is right to 1e-8, relative, for exponents up to 10: the sum of k^-s over it by
 * Euler-Maclaurin (DLMF 2.10(i)) in its midpoint form, the integral written so that 1 is no special exponent. Within a
 * cell, the distribution function is off by 8e-6 at most for a million numbers, 2e-4 for 2^64.
 */
export function zipfCells(from: bigint, count: bigint, exponent: number): Cells {
  const end = count + 1n;
  const single = count <= BigInt(MOST_CELLS) ? end : BigInt(HEAD) + 1n;
  const head: Cell[] = [];
  for (let k = 1n; k < single; k++) head.push({ first: from + k - 1n, count: 1n, weight: Number(k) ** -exponent });
  if (single === end) return head;

  const growth = Math.log(Number(end) / Number(single));
  const tail = cut(
    single,
    end,
    MOST_CELLS - HEAD,
    (share) => Number(single) * Math.expm1(share * growth),
    (first, next) => powerSum(first, next, exponent),
  );
  return [...head, ...shifted(tail, from - 1n)];
}

/**
 * The normal distribution, rounded to whole numbers: x has the probability of [x - 1/2, x + 1/2]. Cut off at `from` and
 * `to`: what lies beyond is spread over the rest, the borders get no more than their due, even far out in the tail.
 * Numbers with less than e^-32 of the density of the likeliest (beyond 8 sd, when the mean is in the range) are left out.
 * At most 768 numbers have a cell each, more have 768 cells of equal width (up to 1): then, within a cell, the distribution
 * function is off by 1.4e-5 at most. Weights are right to 1e-11, relative, by Gauss-Legendre quadrature of 5 points
 * (DLMF 3.5(v)) of the density divided by its greatest value in the range, so that nothing underflows.
 */
export function normalCells(mean: number, sd: number, from: bigint, to: bigint): Cells {
  // Everything is measured from the peak, the point of the range that is nearest to the mean: peak + t * sd has
  // exp(-|t| * (|t| / 2 + slope)) of the density there. It is at anchor + offset, as a float may not hold it.
  const rounded = BigInt(Math.round(mean));
  const fraction = mean - Math.round(mean);
  let anchor = rounded;
  let offset = fraction;
  let slope = 0;
  if (rounded < from) {
    anchor = from;
    offset = -0.5;
    slope = (Number(from - rounded) - fraction - 0.5) / sd;
  } else if (rounded > to) {
    anchor = to;
    offset = 0.5;
    slope = (Number(rounded - to) + fraction - 0.5) / sd;
  }
  // Its square is to be finite; long before, the peak is all there is.
  slope = Math.min(Math.max(slope, 0), 1e150);

  const reach = Math.min(distanceOfDecay(REACH, slope) * sd, Number(to - from) + 1);
  const first = greatest(from, anchor + BigInt(Math.floor(offset - reach)));
  const last = least(to, anchor + BigInt(Math.ceil(offset + reach)));
  const count = last - first + 1n;
  return cut(
    first,
    last + 1n,
    MOST_CELLS,
    (share) => Number(count) * share,
    (begin, next) => {
      const low = (Number(begin - anchor) - 0.5 - offset) / sd;
      const high = (Number(next - anchor) - 0.5 - offset) / sd;
      if (low >= 0) return normalArea(low, high, slope);
      if (high <= 0) return normalArea(-high, -low, slope);
      return normalArea(0, -low, slope) + normalArea(0, high, slope);
    },
  );
}

/**
 * from + an exponential variable of this mean, rounded (not floored): from + k has the probability of [k - 1/2, k + 1/2],
 * `from` itself of [0, 1/2]. So the mean is kept, to 1 / (24 mean), from a mean of about 1 up; a smaller one comes out
 * smaller. Cut off at `to`, what lies beyond spread over the rest; nothing lies beyond 32 means (1.3e-14).
 * At most 768 numbers have a cell each; more have cells whose width grows with the inverse cube root of the density, which
 * is best for the distribution function: p1 to p99.9 are right to 0.0002 means, or to one half where that is more. Weights
 * are differences of 1 - exp(-x / mean), to the precision of a float.
 */
export function exponentialCells(mean: number, from: bigint, to: bigint): Cells {
  const last = least(to, from + BigInt(Math.ceil(Math.min(REACH * mean, Number(to - from)))));
  const count = last - from + 1n;
  const span = -Math.expm1(-Number(count) / mean / 3);
  const weight = (first: bigint, next: bigint): number => {
    const low = Math.max(Number(first - from) - 0.5, 0);
    const width = Number(next - first) - (first === from ? 0.5 : 0);
    return Math.exp(-low / mean) * -Math.expm1(-width / mean);
  };
  return cut(from, last + 1n, MOST_CELLS, (share) => -mean * Math.log1p(-share * span) * 3, weight);
}

/**
 * The ranges between neighbours of `values`, which do not fall, each as likely: [v0, v1), [v1, v2), … and the last with both
 * ends, so that no number has two ranges but by its own weight. Equal neighbours are the range of that one number. May
 * overlap where they are, and have as many cells as there are ranges.
 */
export function quantileCells(values: readonly bigint[]): Cells {
  return values.slice(1).map((next, i) => {
    const first = values[i] as bigint;
    const width = next - first;
    const closed = i === values.length - 2 || width === 0n;
    return { first, count: closed ? width + 1n : width, weight: 1 };
  });
}

/** One of the parts by its share, then a number of that part. Shares sum to 1. Cells may overlap and be out of order. */
export function mixture(parts: readonly { readonly share: number; readonly cells: Cells }[]): Cells {
  return parts
    .filter(({ share }) => share > 0)
    .flatMap(({ share, cells }) => {
      const probabilities = probabilitiesOf(cells);
      return cells.map(({ first, count }, i) => ({ first, count, weight: share * (probabilities[i] as number) }));
    });
}

/** The distribution of x + by. */
export function shifted(cells: Cells, by: bigint): Cells {
  return cells.map(({ first, count, weight }) => ({ first: first + by, count, weight }));
}

/** The distribution of -x; in rising order when it was. */
export function negated(cells: Cells): Cells {
  return cells.map(({ first, count, weight }) => ({ first: 1n - first - count, count, weight })).reverse();
}

/** The least number that has a weight. */
export function lowest(cells: Cells): bigint {
  return cells
    .filter(({ weight }) => weight > 0)
    .map(({ first }) => first)
    .reduce(least);
}

/** The greatest number that has a weight. */
export function highest(cells: Cells): bigint {
  return cells
    .filter(({ weight }) => weight > 0)
    .map(({ first, count }) => first + count - 1n)
    .reduce(greatest);
}

/** The expected value. */
export function meanOf(cells: Cells): number {
  const probabilities = probabilitiesOf(cells);
  return cells.reduce(
    (sum, { first, count }, i) => sum + (probabilities[i] as number) * (Number(2n * first + count - 1n) / 2),
    0,
  );
}

/** Of as many entries as there are cells. */
export interface AliasTable {
  readonly thresholds: Uint32Array;
  readonly aliases: Uint32Array;
}

const ONE = 2 ** 32;

/**
 * Pick cell i of n, each as likely, and a 32-bit fraction f: it is cell i when f < thresholds[i], else cell aliases[i]. A
 * cell that is always kept is its own alias. Walker, ACM TOMS 3 (1977) 253; built as Vose, IEEE TSE 17 (1991) 972.
 *
 * Built in whole units of 1 / (n * 2^32), so it is exact for the weights rounded to these: each cell's probability is off by
 * less than one unit (3e-13 for 768 cells). A cell of weight 0 is never drawn, nor may be one of less than a unit.
 * For up to 2^21 cells: then all units together are 2^53.
 */
export function aliasTable(cells: Cells): AliasTable {
  const units = unitsOf(cells);
  const thresholds = new Uint32Array(cells.length).fill(ONE - 1);
  const aliases = Uint32Array.from(units, (_, i) => i);
  const poor: number[] = [];
  const rich: number[] = [];
  units.forEach((own, i) => {
    if (own < ONE) poor.push(i);
    else if (own > ONE) rich.push(i);
  });
  for (let i = poor.pop(); i !== undefined; i = poor.pop()) {
    // The units sum to n * ONE, so while one has less, another has more.
    const giver = rich.at(-1) as number;
    const own = units[i] as number;
    const left = (units[giver] as number) - (ONE - own);
    thresholds[i] = own;
    aliases[i] = giver;
    units[giver] = left;
    if (left > ONE) continue;
    rich.pop();
    if (left < ONE) poor.push(giver);
  }
  return { thresholds, aliases };
}

/** Whole numbers that sum to n * ONE, in proportion to the weights: by rounding the running sum, so 0 stays 0. */
function unitsOf(cells: Cells): Float64Array {
  const units = new Float64Array(cells.length);
  const all = cells.length * ONE;
  const sums = runningSums(scaledWeights(cells));
  const total = sums.at(-1) as number;
  let given = 0;
  sums.forEach((sum, i) => {
    // A compensated sum may step back by the last bit.
    const upTo = Math.min(Math.max(given, Math.round((sum / total) * all)), all);
    units[i] = upTo - given;
    given = upTo;
  });
  return units;
}

/** Neumaier's compensated sums (ZAMM 54 (1974) 39): right to the last bit or two for any number of terms of 0 or more. */
function runningSums(terms: readonly number[]): number[] {
  let sum = 0;
  let lost = 0;
  return terms.map((term) => {
    const next = sum + term;
    lost += sum >= term ? sum - next + term : term - next + sum;
    sum = next;
    return sum + lost;
  });
}

/** Divided by the greatest, so that they can be summed. */
function scaledWeights(cells: Cells): number[] {
  const most = cells.reduce((so, { weight }) => Math.max(so, weight), 0);
  return cells.map(({ weight }) => weight / most);
}

/** The weights, so that they sum to 1. */
function probabilitiesOf(cells: Cells): number[] {
  const scaled = scaledWeights(cells);
  const total = runningSums(scaled).at(-1) as number;
  return scaled.map((weight) => weight / total);
}

/**
 * [first, end) in at most so many cells; one for each number when that is enough. Else cell i ends `distanceAt(i / most)`
 * behind first, or, where that is less than one number, after one number.
 */
function cut(
  first: bigint,
  end: bigint,
  most: number,
  distanceAt: (share: number) => number,
  weight: (first: bigint, next: bigint) => number,
): Cell[] {
  const singles = end - first <= BigInt(most);
  const cells: Cell[] = [];
  let begin = first;
  for (let i = 1; i <= most && begin < end; i++) {
    let next = begin + 1n;
    if (!singles) {
      const wanted = i === most ? end : first + BigInt(Math.round(distanceAt(i / most)));
      next = least(end, greatest(next, wanted));
    }
    cells.push({ first: begin, count: next - begin, weight: weight(begin, next) });
    begin = next;
  }
  return cells;
}

/** The sum of k^-s for first <= k < next: the integral between the halves, and the first correction. */
function powerSum(first: bigint, next: bigint, s: number): number {
  const low = Number(first) - 0.5;
  const high = Number(next) - 0.5;
  const log = Math.log1p(Number(next - first) / low);
  const u = (1 - s) * log;
  const integral = low ** (1 - s) * log * (u === 0 ? 1 : Math.expm1(u) / u);
  return integral + (s / 24) * (high ** (-s - 1) - low ** (-s - 1));
}

/** The t above 0 where t * (t / 2 + slope) = decay. */
function distanceOfDecay(decay: number, slope: number): number {
  return (2 * decay) / (slope + Math.sqrt(slope * slope + 2 * decay));
}

// Nodes and weights on [-1, 1].
const GAUSS = [
  [0, 0.5688888888888889],
  [-0.5384693101056831, 0.47862867049936647],
  [0.5384693101056831, 0.47862867049936647],
  [-0.906179845938664, 0.23692688505618908],
  [0.906179845938664, 0.23692688505618908],
] as const;

/** The integral of exp(-t * (t / 2 + slope)) for t from low to high; 0 <= low <= high, which may be infinite. */
function normalArea(low: number, high: number, slope: number): number {
  // Below the least float.
  if (low * (low / 2 + slope) > 745) return 0;
  // e^-40 of the density at low, which is what slope grows to there, adds nothing.
  const width = Math.min(high - low, distanceOfDecay(40, slope + low));
  // In strips over which the density falls to 1 / e at most.
  const strips = Math.max(1, Math.ceil(width * (1 + low + width + slope)));
  const half = width / strips / 2;
  let area = 0;
  for (let strip = 0; strip < strips; strip++) {
    const middle = low + (2 * strip + 1) * half;
    for (const [node, weight] of GAUSS) {
      const t = middle + node * half;
      area += weight * Math.exp(-t * (t / 2 + slope));
    }
  }
  return area * half;
}
