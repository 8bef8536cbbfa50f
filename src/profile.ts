// How many rows have arrived by some time, and when a row arrives: the rate as a function of time, made of straight pieces.
// Exact: integers throughout. Pure. Only schedule.ts knows it.
//
//   rows/s   100k |        ______            stages 30s:100k, 60s:100k, 0s:20k, 60s:20k
//                 |      /       |
//             20k |    /         |______     rows by then = the area to the left
//                 |  /
//                 +----------------------

/** An exact fraction; the denominator is positive. */
export interface Ratio {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

export const ratioOf = ({ numerator, denominator }: Ratio): number => Number(numerator) / Number(denominator);

/** A stretch of time in which the rate, in rows per second, goes from one value to another in a straight line, or stays. */
export interface Piece {
  readonly durationNs: bigint;
  readonly from: Ratio;
  readonly to: Ratio;
}

/** The time of a row in nanoseconds: numerator / denominator; the next row of the piece is step / denominator later. */
export interface ExactTime {
  readonly numerator: bigint;
  readonly step: bigint;
  readonly denominator: bigint;
}

const NS = 1_000_000_000n;

export const ceilDivide = (dividend: bigint, divisor: bigint): bigint => (dividend + divisor - 1n) / divisor;

/** A piece with rates over the common denominator, and what has arrived before it, in shares of a row. */
interface Stretch {
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly durationNs: bigint;
  readonly from: bigint;
  readonly rise: bigint;
  readonly sharesBefore: bigint;
  readonly sharesAfter: bigint;
}

export class Profile {
  readonly durationNs: bigint;
  /**
   * A row is made of so many shares: twice the common denominator of the rates, times the nanoseconds of a second. So the
   * area below every whole stretch is a whole number of them.
   */
  readonly #row: bigint;
  readonly #stretches: readonly Stretch[];
  readonly #lastRate: number;

  constructor(pieces: readonly Piece[]) {
    const common = pieces.flatMap(({ from, to }) => [from.denominator, to.denominator]).reduce(leastCommonMultiple, 1n);
    const over = ({ numerator, denominator }: Ratio): bigint => (numerator * common) / denominator;
    this.#row = 2n * common * NS;
    const stretches: Stretch[] = [];
    let startNs = 0n;
    let sharesBefore = 0n;
    for (const { durationNs, from, to } of pieces) {
      const [first, last] = [over(from), over(to)];
      const sharesAfter = sharesBefore + (first + last) * durationNs;
      const endNs = startNs + durationNs;
      stretches.push({ startNs, endNs, durationNs, from: first, rise: last - first, sharesBefore, sharesAfter });
      startNs = endNs;
      sharesBefore = sharesAfter;
    }
    this.durationNs = startNs;
    const last = pieces.at(-1)?.to;
    this.#lastRate = last === undefined ? 0 : ratioOf(last);
    // A step takes no time, and holds no rows.
    this.#stretches = stretches.filter(({ sharesBefore: before, sharesAfter: after }) => after > before);
  }

  /** Rows that arrive before `ns`: row k arrives when k rows have, and never at the very end. */
  rowsBefore(ns: bigint): number {
    let before: Stretch | undefined;
    for (const stretch of this.#stretches) {
      if (stretch.startNs >= ns) break;
      before = stretch;
    }
    if (before === undefined) return 0;
    if (ns >= before.endNs) return Number(ceilDivide(before.sharesAfter, this.#row));
    const { durationNs, sharesBefore } = before;
    return Number(ceilDivide(sharesBefore * durationNs + area(before, ns - before.startNs), this.#row * durationNs));
  }

  /** Rows per second at `ns`; 0 where none come. When all is over: as they were at the end. */
  rateAt(ns: number): number {
    if (ns >= Number(this.durationNs)) return this.#lastRate;
    const stretch = this.#stretches.find(({ startNs, endNs }) => Number(startNs) <= ns && ns < Number(endNs));
    if (stretch === undefined) return 0;
    const { startNs, durationNs, from, rise } = stretch;
    const share = (ns - Number(startNs)) / Number(durationNs);
    return (2e9 * (Number(from) + Number(rise) * share)) / Number(this.#row);
  }

  /** The first whole nanosecond at which the row is there; the duration, when it never is. */
  timeOf(row: number): bigint {
    const stretch = this.#stretchOf(row);
    if (stretch === undefined) return this.durationNs;
    const { startNs, durationNs, from, rise, sharesBefore } = stretch;
    const wanted = BigInt(row) * this.#row - sharesBefore;
    if (rise === 0n) return startNs + ceilDivide(wanted, 2n * from);
    return startNs + firstAt(stretch, wanted * durationNs);
  }

  /** Where the row arrives in a stretch of one rate that holds the rows up to `end` (not with it), its time exactly. */
  exactTime(row: number, end: number): ExactTime | undefined {
    const stretch = this.#stretchOf(row);
    if (stretch === undefined || stretch.rise !== 0n) return undefined;
    if (BigInt(end - 1) * this.#row >= stretch.sharesAfter) return undefined;
    const denominator = 2n * stretch.from;
    const wanted = BigInt(row) * this.#row - stretch.sharesBefore;
    return { numerator: stretch.startNs * denominator + wanted, step: this.#row, denominator };
  }

  /** The stretch the row arrives in: its last row and end, and how many rows arrive in so long if its rate stays one. */
  around(row: number): { readonly endRow: number; readonly endNs: bigint; rowsWithin(ns: bigint): number | undefined } {
    const stretch = this.#stretchOf(row);
    if (stretch === undefined) throw new RangeError(`row ${row} never arrives`);
    const { from, rise, sharesAfter, endNs } = stretch;
    return {
      endRow: Number(ceilDivide(sharesAfter, this.#row)),
      endNs,
      rowsWithin: (ns) => (rise === 0n ? Number(ceilDivide(2n * from * ns, this.#row)) : undefined),
    };
  }

  #stretchOf(row: number): Stretch | undefined {
    const shares = BigInt(row) * this.#row;
    return this.#stretches.find(({ sharesAfter }) => shares < sharesAfter);
  }
}

/** What arrives in the first `ns` of the stretch, in shares times its duration. */
const area = ({ from, rise, durationNs }: Stretch, ns: bigint): bigint => 2n * from * durationNs * ns + rise * ns * ns;

/** The first whole nanosecond of the stretch by which its area is so large. It is in there. */
function firstAt(stretch: Stretch, wanted: bigint): bigint {
  const { from, rise, durationNs } = stretch;
  // The root of rise t² + 2 from duration t = wanted, in the form that loses no digits where the rise is small.
  const half = Number(from) * Number(durationNs);
  const root = Number(wanted) / (half + Math.sqrt(Math.max(0, half * half + Number(rise) * Number(wanted))));
  const guess = BigInt(Math.floor(Math.min(Math.max(0, root || 0), Number(durationNs))));
  // A double is some nanoseconds off, or, where the rate comes near to 0, many: from there by doubled steps, then halved.
  let [low, high] = [guess, guess];
  for (let step = 1n; low > 0n && area(stretch, low) >= wanted; step *= 2n) low = low > step ? low - step : 0n;
  for (let step = 1n; high < durationNs && area(stretch, high) < wanted; step *= 2n) high += step;
  if (high > durationNs) high = durationNs;
  if (area(stretch, low) >= wanted) return low;
  while (high - low > 1n) {
    const middle = (low + high) / 2n;
    if (area(stretch, middle) >= wanted) high = middle;
    else low = middle;
  }
  return high;
}

function leastCommonMultiple(a: bigint, b: bigint): bigint {
  let [x, y] = [a, b];
  while (y !== 0n) [x, y] = [y, x % y];
  return (a / x) * b;
}
