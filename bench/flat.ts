// Does a figure stay level over a long run? The first third against the last, by their medians, when the warm-up is over. Pure.

import { spread } from "./results.js";

/** How much more the last third may be than the first: the larger of a share of it and an amount. */
export interface Bound {
  readonly share: number;
  readonly amount: number;
}

export interface Trend {
  /** Medians of the thirds. */
  readonly first: number;
  readonly last: number;
  /** Of a straight line through all values (least squares), an hour. */
  readonly perHour: number;
  /** Whether `last` is within the bound. A figure that falls is level too. */
  readonly isFlat: boolean;
}

/**
 * @param values without the warm-up; at least three
 * @param everyS seconds from one to the next
 */
export function trendOf(values: readonly number[], { share, amount }: Bound, everyS = 1): Trend {
  const third = Math.floor(values.length / 3);
  if (third === 0) throw new RangeError(`a trend needs three values, got ${values.length}`);
  const first = spread(values.slice(0, third)).median;
  const last = spread(values.slice(-third)).median;
  return {
    first,
    last,
    perHour: (3600 / everyS) * slope(values),
    isFlat: last - first <= Math.max(share * first, amount),
  };
}

function slope(values: readonly number[]): number {
  const middle = (values.length - 1) / 2;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  let [together, alone] = [0, 0];
  for (const [index, value] of values.entries()) {
    together += (index - middle) * (value - mean);
    alone += (index - middle) ** 2;
  }
  return together / alone;
}
