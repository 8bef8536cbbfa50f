// The buckets that /metrics counts inserts in, by their times. Pure; used by the main thread and by workers.

/** In a decade, as electricians have their resistors: each at most 1.5 times the one before. */
const STEPS = [1, 1.5, 2.2, 3.3, 4.7, 6.8] as const;
const DECADES_MS = [1, 10, 100, 1000, 10_000] as const;

/**
 * Upper bounds in seconds, from 1 ms to 5 min. PromQL's histogram_quantile takes a bucket's times to be spread evenly: where it is their
 * logarithms that are, it is at most 2.1% off, and for the median of an exponential law 1.5%, for its p99 9.8%.
 */
export const BUCKETS: readonly number[] = [
  ...DECADES_MS.flatMap((decade) => STEPS.map((step) => Number((step * decade).toPrecision(2)) / 1000)),
  ...[100, 150, 220, 300],
];

/** The index of the bucket it falls into; BUCKETS.length: that of all that is longer. */
export function bucketOf(seconds: number): number {
  const index = BUCKETS.findIndex((bound) => seconds <= bound);
  return index < 0 ? BUCKETS.length : index;
}
