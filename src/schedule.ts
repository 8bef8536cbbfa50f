// Which rows exist, in which batch, and when they are due. Pure: no clock, no I/O, no floats where a row could be lost.
// Everything else knows batches only; nothing but this file knows how a rate becomes batches.
//
//   rows     0 1 2 3 4 | 5 6 7 8 9 | 10 11 12          5 rows/s, flush interval 1 s
//   batch        0     |     1     |    2
//   due          1 s   |     2 s   |    end            when it closes: full, flushed, or the run over
//   worker       0     |     1     |    0              batch n belongs to worker n mod workers

/** An exact fraction; the denominator is positive. */
export interface Ratio {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

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
}

/** The options a schedule is made from; may cross to a worker thread. */
export type ScheduleSpec =
  | {
      /** Open model: rows arrive at this rate, whatever the server does. */
      readonly kind: "constant";
      readonly rowsPerSecond: Ratio;
      readonly durationNs: bigint;
      /** A batch closes when it holds so many rows … */
      readonly batchRows: number;
      /** … or this long after its first row. */
      readonly flushNs: bigint;
      /** Row k of n has the time k * span / n, whenever it is sent; undefined: the time at which it arrives. */
      readonly dataSpanNs: bigint | undefined;
      /** There are no more rows than this, if it is said. */
      readonly rowLimit?: number | undefined;
    }
  | {
      /** Closed loop: a batch whenever a worker can take one; batches have no due time of their own. */
      readonly kind: "max";
      readonly durationNs: bigint;
      readonly batchRows: number;
      /** Likewise. */
      readonly rowLimit?: number | undefined;
    };

const NS = 1_000_000_000n;

const ceilDivide = (dividend: bigint, divisor: bigint): bigint => (dividend + divisor - 1n) / divisor;

/** Rows of every batch but the last, of a schedule that does not end. */
export function rowsPerBatch(spec: ScheduleSpec): number {
  if (spec.kind === "max") return spec.batchRows;
  const { numerator, denominator } = spec.rowsPerSecond;
  const rowsPerFlush = ceilDivide(spec.flushNs * numerator, denominator * NS);
  return rowsPerFlush < BigInt(spec.batchRows) ? Number(rowsPerFlush) : spec.batchRows;
}

/** A constant rate, cut into batches. */
export class Schedule {
  readonly rowsPerBatch: number;
  readonly #spec: Extract<ScheduleSpec, { kind: "constant" }>;
  /** Nanoseconds between rows: #gap / #rate. */
  readonly #gap: bigint;
  readonly #rate: bigint;
  /** Nanoseconds between the times of rows: #span / #parts. */
  readonly #span: bigint;
  readonly #parts: bigint;

  constructor(spec: Extract<ScheduleSpec, { kind: "constant" }>) {
    this.#spec = spec;
    this.#gap = spec.rowsPerSecond.denominator * NS;
    this.#rate = spec.rowsPerSecond.numerator;
    this.rowsPerBatch = rowsPerBatch(spec);
    // Rows of the whole duration: they keep their times when the end is moved.
    this.#span = spec.dataSpanNs ?? this.#gap;
    this.#parts = spec.dataSpanNs === undefined ? this.#rate : BigInt(this.totalRows());
  }

  /** Rows that exist before `endNs`: row k is at k / rate, and exists when that is before the end. */
  totalRows(endNs: bigint = this.#spec.durationNs): number {
    const end = endNs < this.#spec.durationNs ? endNs : this.#spec.durationNs;
    const rows = end <= 0n ? 0 : Number(ceilDivide(end * this.#rate, this.#gap));
    return Math.min(rows, this.#spec.rowLimit ?? rows);
  }

  /** Batch `number` of the schedule that ends at `endNs` or with the duration; undefined when it would hold no row. */
  batch(number: number, endNs: bigint = this.#spec.durationNs): Batch | undefined {
    const firstRow = number * this.rowsPerBatch;
    const rows = Math.min(this.rowsPerBatch, this.totalRows(endNs) - firstRow);
    if (rows <= 0) return undefined;
    const first = BigInt(firstRow) * this.#gap;
    return {
      number,
      firstRow,
      rows,
      dueNs: this.#dueNs(first, firstRow, rows, endNs),
      times: this.#times(BigInt(firstRow)),
    };
  }

  /** In the kernel's range: the denominator is at most 10^18, so two fractions stay below 2^63, and so does a century. */
  #times(firstRow: bigint): RowTimes {
    const first = firstRow * this.#span;
    return {
      ns: first / this.#parts,
      fraction: first % this.#parts,
      stepNs: this.#span / this.#parts,
      stepFraction: this.#span % this.#parts,
      denominator: this.#parts,
    };
  }

  #dueNs(first: bigint, firstRow: number, rows: number, endNs: bigint): number {
    const { batchRows, flushNs, durationNs } = this.#spec;
    if (rows === batchRows) return Number(ceilDivide(BigInt(firstRow + rows - 1) * this.#gap, this.#rate));
    const flushed = ceilDivide(first, this.#rate) + flushNs;
    const end = endNs < durationNs ? endNs : durationNs;
    return Number(flushed < end ? flushed : end);
  }
}

/** Rows of the first `claims` batches of a closed loop. */
export function claimedRows({ batchRows, rowLimit }: Extract<ScheduleSpec, { kind: "max" }>, claims: number): number {
  return Math.min(claims * batchRows, rowLimit ?? Number.POSITIVE_INFINITY);
}

/** The time in which so many rows arrive at a constant rate. */
export function timeOfRows({ numerator, denominator }: Ratio, rows: number): bigint {
  return ceilDivide(BigInt(rows) * denominator * NS, numerator);
}

/** Batch `number` of a closed loop, of so many rows but for the last, claimed at `claimedNs`, which is the time of all its rows. */
export function claimedBatch(number: number, batchRows: number, claimedNs: number, rows: number = batchRows): Batch {
  return {
    number,
    firstRow: number * batchRows,
    rows,
    dueNs: claimedNs,
    times: { ns: BigInt(claimedNs), fraction: 0n, stepNs: 0n, stepFraction: 0n, denominator: 1n },
  };
}
