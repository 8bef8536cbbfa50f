// Which rows exist, in which batch, and when they are due. Pure: no clock, no I/O, no floats where a row could be lost.
// Everything else knows batches only; nothing but this file knows how a rate becomes batches.
//
//   rows     0 1 2 3 4 | 5 6 7 8 9 | 10 11 12          5 rows/s, flush interval 1 s
//   batch        0     |     1     |    2
//   due          1 s   |     2 s   |    end            when it closes: full, flushed, or the warm-up or the run over
//   shard        1     |     2     |    1              batch n belongs to shard n mod shards,
//   its worker   0     |     0     |    1              and there to worker (n div shards) mod workers

import { Arrivals } from "./arrivals.js";
import { ceilDivide, type Piece, Profile, type Ratio } from "./profile.js";
import { type Run, runsOf } from "./runs.js";

export { type Piece, type Ratio, ratioOf } from "./profile.js";
export { type Run, ScheduleError } from "./runs.js";

/** Row times in nanoseconds from the start, exact and linear: row i of the batch is at ns + (fraction + i * …) / denominator. */
export interface RowTimes {
  readonly ns: bigint;
  readonly fraction: bigint;
  readonly stepNs: bigint;
  readonly stepFraction: bigint;
  readonly denominator: bigint;
}

export interface Batch {
  readonly number: number;
  /** Global number of its first row. */
  readonly firstRow: number;
  readonly rows: number;
  /** Nanoseconds from the start; when it closes. */
  readonly dueNs: number;
  readonly times: RowTimes;
  /** Not of the warm-up. */
  readonly measured: boolean;
}

/** One of several processes that share a schedule: number `index` (from 0) of `of`. */
export interface Shard {
  readonly index: number;
  readonly of: number;
}

export const WHOLE: Shard = { index: 0, of: 1 };

/** Open model: rows arrive at these rates, whatever the server does. */
export interface OpenSpec {
  readonly kind: "open";
  /** The warm-up, where there is one, and what comes after it. */
  readonly pieces: readonly Piece[];
  /** What is due by then is not measured. */
  readonly warmUpNs: bigint;
  /** A batch closes when it holds so many rows … */
  readonly batchRows: number;
  /** … or this long after its first row. */
  readonly flushNs: bigint;
  /** Undefined: a batch is due when it closes. Else the gaps between batches are exponential, drawn from this seed. */
  readonly poissonSeed: number | undefined;
  /** Row k of n has the time k * span / n, whenever it is sent; undefined: the time at which it arrives. */
  readonly dataSpanNs: bigint | undefined;
  /** There are no more rows than this, if it is said. */
  readonly rowLimit?: number | undefined;
}

/** Closed loop: a batch whenever a worker can take one; batches have no due time of their own. */
export interface MaxSpec {
  readonly kind: "max";
  /** With its warm-up. */
  readonly durationNs: bigint;
  /** What is claimed by then is not measured. */
  readonly warmUpNs: bigint;
  readonly batchRows: number;
  /** There are no more rows than this, if it is said. */
  readonly rowLimit?: number | undefined;
}

/** The options a schedule is made from; may cross to a worker thread. */
export type ScheduleSpec = OpenSpec | MaxSpec;

/** Rows of the largest batch, or one more. */
export function rowsPerBatch(spec: ScheduleSpec): number {
  if (spec.kind === "max") return spec.batchRows;
  const lasting = spec.pieces.filter(({ durationNs }) => durationNs > 0n);
  // Where the rate changes, a batch begins at a whole nanosecond: one more row may arrive before it is flushed.
  const changes = lasting.length > (spec.warmUpNs > 0n ? 2 : 1) || lasting.some(({ from, to }) => !isEqual(from, to));
  const rowsPerFlush = lasting
    .flatMap(({ from, to }) => [from, to])
    .map(({ numerator, denominator }) => ceilDivide(spec.flushNs * numerator, denominator * 1_000_000_000n))
    .reduce((most, rows) => (rows > most ? rows : most), 1n);
  const largest = rowsPerFlush + (changes ? 1n : 0n);
  return largest < BigInt(spec.batchRows) ? Number(largest) : spec.batchRows;
}

/** Whether rows come at one rate from the start to the end. */
export function isConstantRate(spec: ScheduleSpec): boolean {
  if (spec.kind === "max") return false;
  const lasting = spec.pieces.filter(({ durationNs }) => durationNs > 0n);
  const [first] = lasting;
  return first !== undefined && lasting.every(({ from, to }) => isEqual(from, first.from) && isEqual(to, first.from));
}

const isEqual = (one: Ratio, other: Ratio): boolean =>
  one.numerator * other.denominator === other.numerator * one.denominator;

/** A stretch of the same rate. */
export const holding = (rate: Ratio, durationNs: bigint): Piece => ({ durationNs, from: rate, to: rate });

/** Rates over time, cut into batches. */
export class Schedule {
  readonly runs: readonly Run[];
  /** Rows of the warm-up. */
  readonly warmUpRows: number;
  readonly durationNs: bigint;
  readonly #spec: OpenSpec;
  readonly #profile: Profile;
  readonly #arrivals: Arrivals | undefined;
  readonly #rows: number;
  readonly #batches: number;
  readonly #warmUpBatches: number;
  /** The run the last batch was in: the next one is in it too, or in the one behind it. */
  #at = 0;

  /** Throws a ScheduleError. */
  constructor(spec: OpenSpec) {
    this.#spec = spec;
    this.#profile = new Profile(spec.pieces);
    this.#rows = this.#arrivedBefore(this.#profile.durationNs);
    // Over when no more rows come.
    this.durationNs = spec.rowLimit === this.#rows ? this.#profile.timeOf(this.#rows) : this.#profile.durationNs;
    this.warmUpRows = this.#arrivedBefore(spec.warmUpNs);
    this.runs = runsOf(this.#profile, {
      batchRows: spec.batchRows,
      flushNs: spec.flushNs,
      rows: this.#rows,
      warmUpRows: this.warmUpRows,
    });
    const last = this.runs.at(-1);
    this.#batches = last === undefined ? 0 : last.firstBatch + last.batches;
    this.#warmUpBatches = this.warmUpRows === 0 ? 0 : this.#batchOfRow(this.warmUpRows - 1) + 1;
    if (spec.poissonSeed !== undefined) {
      this.#arrivals = new Arrivals(spec.poissonSeed, this.#warmUpBatches, this.#batches);
    }
  }

  #arrivedBefore(ns: bigint): number {
    const rows = this.#profile.rowsBefore(ns);
    return Math.min(rows, this.#spec.rowLimit ?? rows);
  }

  /** All shards' together. */
  get batches(): number {
    return this.#batches;
  }

  /** Those of them that are not of the warm-up. */
  get measuredBatches(): number {
    return this.#batches - this.#warmUpBatches;
  }

  /** Rows that exist before `endNs`: those that have arrived, or are in batches that have. */
  totalRows(endNs: bigint = this.durationNs): number {
    if (endNs >= this.durationNs) return this.#rows;
    if (this.#arrivals === undefined) return this.#arrivedBefore(endNs);
    const arrived = this.#batchesDueBy(endNs);
    return arrived === this.#batches ? this.#rows : this.#run(arrived).firstRow(arrived);
  }

  /** Of the first `rows` rows, those in the batches of this shard. */
  shardRows(rows: number, { index, of }: Shard): number {
    let sum = 0;
    for (const run of this.runs) {
      if (run.firstRow >= rows) break;
      const batches = Math.min(run.batches, Math.ceil((rows - run.firstRow) / run.rows));
      const last = run.firstBatch + batches - 1;
      const upTo = (number: number): number => (number < index ? 0 : Math.floor((number - index) / of) + 1);
      sum += (upTo(last) - upTo(run.firstBatch - 1)) * run.rows;
      const missing = run.firstRow + batches * run.rows - rows;
      if (missing > 0 && last % of === index) sum -= missing;
    }
    return sum;
  }

  /** When the row is, in nanoseconds from the start, rounded down; of those that are there when nothing ends it early. */
  rowNs(row: number): bigint {
    const batch = this.batch(this.#batchOfRow(row));
    if (batch === undefined) throw new RangeError(`there is no row ${row}`);
    const { ns, fraction, stepNs, stepFraction, denominator } = batch.times;
    const steps = BigInt(row - batch.firstRow);
    return ns + steps * stepNs + (fraction + steps * stepFraction) / denominator;
  }

  /** Rows per second at `ns`; 0 before the start. When all is over: as they were at the end. */
  rateAt(ns: number): number {
    return this.#profile.rateAt(ns);
  }

  /** Rows in batches that are due by `ns`, of the schedule that ends at `endNs`. */
  rowsDueBy(ns: number, endNs: bigint = this.durationNs): number {
    const due = this.#batchesDueBy(BigInt(Math.max(0, Math.floor(ns))), endNs);
    const rows = due === this.#batches ? this.#rows : this.#run(due).firstRow(due);
    return Math.min(rows, this.totalRows(endNs));
  }

  /** Due times rise with the number. */
  #batchesDueBy(ns: bigint, endNs: bigint = this.durationNs): number {
    const near = this.#arrivedBefore(ns < this.durationNs ? ns : this.durationNs);
    if (near === 0) return 0;
    // No batch is drawn out of its block.
    let [due, after] = this.#arrivals?.blockOf(this.#batchOfRow(near - 1)) ?? [0, this.#batches];
    while (due < after) {
      const middle = Math.floor((due + after) / 2);
      const dueNs = this.#dueNs(middle, endNs);
      if (dueNs !== undefined && dueNs <= ns) due = middle + 1;
      else after = middle;
    }
    return due;
  }

  #dueNs(number: number, endNs: bigint): bigint | undefined {
    if (this.#arrivals !== undefined) return this.#drawnNs(number);
    const run = this.#run(number);
    const firstRow = run.firstRow(number);
    const rows = this.#rowsLeft(firstRow, run.rows, endNs);
    return rows > 0 ? this.#closesNs(firstRow, rows, endNs) : undefined;
  }

  /** Of so many rows of a batch, those that are there when the schedule ends at `endNs`. */
  #rowsLeft(firstRow: number, rows: number, endNs: bigint): number {
    return endNs < this.durationNs ? Math.min(rows, this.#arrivedBefore(endNs) - firstRow) : rows;
  }

  /** Batch `number` of the schedule that ends at `endNs` or with the duration; undefined when it would hold no row. */
  batch(number: number, endNs: bigint = this.durationNs): Batch | undefined {
    if (number >= this.#batches) return undefined;
    const run = this.#run(number);
    const firstRow = run.firstRow(number);
    const measured = firstRow >= this.warmUpRows;
    if (this.#arrivals !== undefined) {
      const [sinceNs, dueNs] = [this.#drawnNs(number - 1), this.#drawnNs(number)];
      if (endNs < this.durationNs && dueNs > endNs) return undefined;
      const times = this.#spread(firstRow, run.rows, sinceNs, dueNs);
      return { number, firstRow, rows: run.rows, dueNs: Number(dueNs), times, measured };
    }
    const rows = this.#rowsLeft(firstRow, run.rows, endNs);
    if (rows <= 0) return undefined;
    const dueNs = Number(this.#closesNs(firstRow, rows, endNs));
    return { number, firstRow, rows, dueNs, times: this.#times(firstRow, run.rows), measured };
  }

  #closesNs(firstRow: number, rows: number, endNs: bigint): bigint {
    const { batchRows, flushNs, warmUpNs } = this.#spec;
    if (rows === batchRows) return this.#profile.timeOf(firstRow + rows - 1);
    const flushed = this.#profile.timeOf(firstRow) + flushNs;
    const ends = [flushed, endNs, this.durationNs, ...(firstRow < this.warmUpRows ? [warmUpNs] : [])];
    return ends.reduce((first, ns) => (ns < first ? ns : first));
  }

  /** When the batch arrives that has its place among the others drawn. Before the first: the start. */
  #drawnNs(number: number): bigint {
    if (number < 0 || this.#arrivals === undefined) return 0n;
    // Between the first rows of two batches that are due one after the other.
    const { batch, share } = this.#arrivals.place(number);
    const [from, to] = [this.#startsNs(batch), this.#endsNs(batch)];
    return from + BigInt(Math.round(Number(to - from) * share));
  }

  #startsNs(number: number): bigint {
    return this.#profile.timeOf(this.#run(number).firstRow(number));
  }

  #endsNs(number: number): bigint {
    if (number + 1 === this.#warmUpBatches) return this.#spec.warmUpNs;
    return number + 1 < this.#batches ? this.#startsNs(number + 1) : this.durationNs;
  }

  /**
   * In the kernel's range: the denominator is at most 2 * 10^18, so two fractions stay below 2^63, and so does a century.
   * Where the rate changes, the batch's own first and last moment stand for it.
   */
  #times(firstRow: number, rows: number): RowTimes {
    if (this.#spec.dataSpanNs === undefined) {
      const exact = this.#profile.exactTime(firstRow, firstRow + rows);
      if (exact !== undefined) return linear(exact.numerator, exact.step, exact.denominator);
    }
    // From the first row's to the last row's.
    const [fromNs, toNs] = [this.#profile.timeOf(firstRow), this.#profile.timeOf(firstRow + rows - 1)];
    return this.#spread(firstRow, rows > 1 ? rows - 1 : 1, fromNs, toNs);
  }

  /** `steps`: so many rows after the first comes the row at `toNs`. */
  #spread(firstRow: number, steps: number, fromNs: bigint, toNs: bigint): RowTimes {
    const { dataSpanNs } = this.#spec;
    // Rows of the whole duration: they keep their times when the end is moved.
    if (dataSpanNs !== undefined) return linear(BigInt(firstRow) * dataSpanNs, dataSpanNs, BigInt(this.#rows));
    return linear(fromNs * BigInt(steps), toNs - fromNs, BigInt(steps));
  }

  #batchOfRow(row: number): number {
    const run = this.runs.findLast(({ firstRow }) => firstRow <= row);
    if (run === undefined) throw new RangeError(`there is no row ${row}`);
    return run.firstBatch + Math.floor((row - run.firstRow) / run.rows);
  }

  #run(number: number): { readonly rows: number; firstRow(number: number): number } {
    const holds = (run: Run | undefined): run is Run =>
      run !== undefined && run.firstBatch <= number && number < run.firstBatch + run.batches;
    for (const at of [this.#at, this.#at + 1]) {
      if (holds(this.runs[at])) this.#at = at;
    }
    if (!holds(this.runs[this.#at])) {
      let [low, high] = [0, this.runs.length];
      while (high - low > 1) {
        const middle = Math.floor((low + high) / 2);
        if ((this.runs[middle]?.firstBatch ?? 0) <= number) low = middle;
        else high = middle;
      }
      this.#at = low;
    }
    const run = this.runs[this.#at];
    if (!holds(run)) throw new RangeError(`there is no batch ${number}`);
    return { rows: run.rows, firstRow: (one) => run.firstRow + (one - run.firstBatch) * run.rows };
  }
}

function linear(numerator: bigint, step: bigint, denominator: bigint): RowTimes {
  return {
    ns: numerator / denominator,
    fraction: numerator % denominator,
    stepNs: step / denominator,
    stepFraction: step % denominator,
    denominator,
  };
}

/** Rows of the first `claims` batches of a closed loop. */
export function claimedRows({ batchRows, rowLimit }: MaxSpec, claims: number): number {
  return Math.min(claims * batchRows, rowLimit ?? Number.POSITIVE_INFINITY);
}

/** The time in which so many rows arrive at a constant rate. */
export function timeOfRows({ numerator, denominator }: Ratio, rows: number): bigint {
  return ceilDivide(BigInt(rows) * denominator * 1_000_000_000n, numerator);
}

/** Batch `number` of a closed loop, of so many rows but for the last, claimed at `claimedNs`, which is the time of all its rows. */
export function claimedBatch(
  number: number,
  batchRows: number,
  claimedNs: number,
  rows: number = batchRows,
  measured = true,
): Batch {
  return {
    number,
    firstRow: number * batchRows,
    rows,
    dueNs: claimedNs,
    times: { ns: BigInt(claimedNs), fraction: 0n, stepNs: 0n, stepFraction: 0n, denominator: 1n },
    measured,
  };
}
