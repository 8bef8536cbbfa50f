// Latency histograms: HDR, in shared memory, mergeable. A worker records, the main thread adds up and reads.

import { inflateSync } from "node:zlib";
import { Float64Histogram, JsHistogram } from "hdr-histogram-js";

/** Values are whole microseconds up to an hour, kept to three significant digits. Longer ones count as an hour. */
const LONGEST_US = 3_600_000_000;
const DIGITS = 3;

/** Bytes of shared memory one histogram takes. */
export const HISTOGRAM_BYTES = new Float64Histogram(1, LONGEST_US, DIGITS).countsArrayLength * 8;

const microseconds = (ns: number): number => Math.min(Math.max(Math.round(ns / 1000), 0), LONGEST_US);

/**
 * A histogram whose counts lie in shared memory, as plain 8-byte cells. One thread records. Others may read the counts
 * at any time, but nothing else: only a {@link merge} knows its total and its maximum.
 */
export class SharedHistogram extends JsHistogram {
  readonly #counts: Float64Array;

  constructor(buffer: SharedArrayBuffer, byteOffset: number) {
    super(1, LONGEST_US, DIGITS);
    this.#counts = new Float64Array(buffer, byteOffset, this.countsArrayLength);
    this._totalCount = 0;
  }

  /** Records a time in nanoseconds, so many times. */
  recordNs(ns: number, times = 1): void {
    const us = microseconds(ns);
    if (times === 1) this.recordValue(us);
    else this.recordValueWithCount(us, times);
  }

  /** How many of the recorded times were at most so long. */
  countUpToNs(ns: number): number {
    const us = ns / 1000;
    let count = 0;
    for (let index = 0; index < this.countsArrayLength && this.valueFromIndex(index) <= us; index++) {
      count += this.getCountAtIndex(index);
    }
    return count;
  }

  override getCountAtIndex(index: number): number {
    return this.#counts[index] ?? 0;
  }
  override incrementCountAtIndex(index: number): void {
    this.#counts[index] = this.getCountAtIndex(index) + 1;
  }
  override addToCountAtIndex(index: number, count: number): void {
    this.#counts[index] = this.getCountAtIndex(index) + count;
  }
  override setCountAtIndex(index: number, count: number): void {
    this.#counts[index] = count;
  }
  override clearCounts(): void {
    this.#counts.fill(0);
  }
  protected override _getEstimatedFootprintInBytes(): number {
    return this.#counts.byteLength;
  }
  override resize(): never {
    throw new RangeError("a shared histogram has a fixed range");
  }
  override copyCorrectedForCoordinatedOmission(): never {
    throw new TypeError("clickstorm measures from the due time: there is nothing to correct");
  }
}

/** An empty histogram of the same range in plain memory. */
export function emptyHistogram(): Float64Histogram {
  return new Float64Histogram(1, LONGEST_US, DIGITS);
}

/** The sum of shared histograms as they stand now, in `sum`, whose own counts are forgotten. */
export function merge(histograms: Iterable<SharedHistogram>, sum = emptyHistogram()): Float64Histogram {
  sum.reset();
  for (const histogram of histograms) sum.add(histogram);
  // Total and maximum (the library's spelling) of what was read, not of what is being written.
  sum.establishInternalTackingValues();
  return sum;
}

/** What was recorded in `now` and not yet in `before`, an earlier state of the same histogram; in `rest`, likewise. */
export function difference(now: Float64Histogram, before: Float64Histogram, rest = emptyHistogram()): Float64Histogram {
  rest.reset();
  rest.add(now);
  rest.subtract(before);
  rest.establishInternalTackingValues();
  return rest;
}

/** More than any histogram of this range has, uncompressed. */
const ENCODED_BYTES = 1_000_000;
/** The format's marks, whose bits 4 to 7 are the size of a word. */
const COOKIE = { compressed: 0x1c849304, plain: 0x1c849303, mask: ~0xf0 } as const;
/** Where its fields begin, the compressed bytes in their frame, the counts behind the head. */
const FRAME = { cookie: 0, compressed: 8 } as const;
const HEAD = { cookie: 0, countsBytes: 4, digits: 12, lowest: 16, longest: 24, counts: 40 } as const;

/** Adds an encoded histogram to `sum`. Throws a RangeError where it is not one of this range and precision. */
export function addEncoded(sum: Float64Histogram, hdr: string): void {
  const framed = Buffer.from(hdr, "base64");
  let encoded: Buffer;
  try {
    if ((framed.readInt32BE(FRAME.cookie) & COOKIE.mask) !== COOKIE.compressed) throw new RangeError("another format");
    encoded = inflateSync(framed.subarray(FRAME.compressed), { maxOutputLength: ENCODED_BYTES });
  } catch {
    throw new RangeError("it is no HDR histogram in V2, compressed, base64");
  }
  const isOurs =
    encoded.length >= HEAD.counts &&
    (encoded.readInt32BE(HEAD.cookie) & COOKIE.mask) === COOKIE.plain &&
    encoded.readInt32BE(HEAD.digits) === DIGITS &&
    encoded.readBigInt64BE(HEAD.lowest) === 1n &&
    encoded.readBigInt64BE(HEAD.longest) === BigInt(LONGEST_US);
  if (!isOurs) throw new RangeError(`its range is not 1 µs to 1 h to ${DIGITS} digits`);
  const counts = encoded.subarray(HEAD.counts);
  if (encoded.readInt32BE(HEAD.countsBytes) !== counts.length) throw new RangeError("it is cut off or damaged");
  sum.add(decodeCounts(counts));
}

/**
 * Counts from the lowest value up, each a ZigZag LEB128 number, -n for n zeros. Read here, as the library's decoder takes
 * every length for true: a run of 2^30 zeros, in five bytes, keeps it busy for seconds, one of 2^50 for weeks.
 */
function decodeCounts(bytes: Uint8Array): Float64Histogram {
  const histogram = emptyHistogram();
  let index = 0;
  let number = 0;
  let scale = 1;
  for (const byte of bytes) {
    number += (byte & 0x7f) * scale;
    scale *= 0x80;
    if (!Number.isSafeInteger(number)) throw new RangeError("it is damaged: a count is too large");
    if (byte >= 0x80) continue;
    if (number % 2 === 1) index += (number + 1) / 2;
    else histogram.setCountAtIndex(index++, number / 2);
    if (index > histogram.countsArrayLength) throw new RangeError("it is damaged: it counts values out of its range");
    [number, scale] = [0, 1];
  }
  if (scale !== 1) throw new RangeError("it is cut off or damaged");
  histogram.establishInternalTackingValues();
  return histogram;
}

/** Of a histogram, in milliseconds; null where there are not the samples for it. */
export interface Latency {
  readonly count: number;
  readonly min: number | null;
  readonly mean: number | null;
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
  readonly p999: number | null;
  readonly max: number | null;
}

/** Quantiles, by their fields. Of fewer samples than `samples` none lies beyond, and the quantile is only their maximum. */
export const QUANTILES = [
  { field: "p50", name: "p50", percentile: 50, samples: 1 },
  { field: "p90", name: "p90", percentile: 90, samples: 10 },
  { field: "p95", name: "p95", percentile: 95, samples: 20 },
  { field: "p99", name: "p99", percentile: 99, samples: 100 },
  { field: "p999", name: "p99.9", percentile: 99.9, samples: 1000 },
] as const;

/** @param sumNs the exact sum of the recorded times, which the histogram has only to three digits */
export function summarize(histogram: Float64Histogram, sumNs: number): Latency {
  const count = histogram.totalCount;
  const quantile = (field: (typeof QUANTILES)[number]["field"]): number | null => {
    const { percentile = 0, samples = 0 } = QUANTILES.find((one) => one.field === field) ?? {};
    return count < samples ? null : histogram.getValueAtPercentile(percentile) / 1000;
  };
  return {
    count,
    min: count === 0 ? null : histogram.getValueAtPercentile(0) / 1000,
    mean: count === 0 ? null : sumNs / count / 1e6,
    p50: quantile("p50"),
    p90: quantile("p90"),
    p95: quantile("p95"),
    p99: quantile("p99"),
    p999: quantile("p999"),
    max: count === 0 ? null : histogram.maxValue / 1000,
  };
}

/** Adds a time in nanoseconds. */
export function record(histogram: Float64Histogram, ns: number): void {
  histogram.recordValue(microseconds(ns));
}

/** Recorded times that were at most `boundSeconds`, for each of the ascending bounds. */
export function countsAtMost(histogram: Float64Histogram, boundsSeconds: readonly number[]): number[] {
  const counts: number[] = [];
  let index = 0;
  let count = 0;
  for (const bound of boundsSeconds) {
    const boundUs = bound * 1e6;
    while (index < histogram.countsArrayLength && histogram.valueFromIndex(index) <= boundUs) {
      count += histogram.getCountAtIndex(index);
      index++;
    }
    counts.push(count);
  }
  return counts;
}
