// Which law numbers follow, by their quantiles: uniform, normal, exponential where one fits, or the quantiles themselves. Pure.
// Called by findings.ts.

export type Law = "uniform" | "normal" | "exponential" | "quantiles";

/** Of numbers in units of `unit`, the distance of neighbours. */
export interface Shape {
  /** Evenly spaced from the least number on; the greatest is `max`. */
  readonly quantiles: readonly number[];
  readonly max: number;
  readonly mean: number;
  readonly sd: number;
  readonly unit: number;
  /** How many numbers they were taken from. */
  readonly values: number;
}

/** Distance of distribution functions that is no longer seen; of few values chance allows more (Kolmogorov, 10%). */
const NEAR = 0.01;
const CHANCE = 1.22;
/** Of numbers that name things, of which a few come often. */
const SCATTERED = 0.25;

/** `laws`: those that may be named. */
export function lawOf(shape: Shape, laws: readonly Law[]): Law {
  const { quantiles, max, mean, sd, unit, values } = shape;
  const min = quantiles[0] ?? max;
  const functions: Readonly<Record<Law, ((x: number) => number) | undefined>> = {
    uniform: (x) => (x - min + unit / 2) / (max - min + unit),
    normal: sd > 0 ? (x) => normal((x - mean) / sd) : undefined,
    exponential: mean > min ? (x) => -Math.expm1(-Math.max(0, x - min) / (mean - min)) : undefined,
    quantiles: undefined,
  };
  const [best] = laws
    .flatMap((law) => {
      const f = functions[law];
      return f === undefined ? [] : [{ law, off: distance(quantiles, f, unit) }];
    })
    .sort((one, other) => one.off - other.off);
  return best !== undefined && best.off <= Math.max(NEAR, CHANCE / Math.sqrt(values)) ? best.law : "quantiles";
}

/** Whether the numbers lie all over their range, however unevenly they come. */
export function isScattered({ quantiles, max, unit }: Shape): boolean {
  const min = quantiles[0] ?? max;
  return distance(quantiles, (x) => (x - min + unit / 2) / (max - min + unit), unit) <= SCATTERED;
}

/** The greatest difference of a law and what was seen. A number of many rows stands for all shares within its step. */
function distance(quantiles: readonly number[], f: (x: number) => number, unit: number): number {
  return quantiles.reduce((most, x, i) => {
    if (i === 0) return most;
    const share = i / quantiles.length;
    return Math.max(most, f(x - unit / 2) - share, share - f(x + unit / 2));
  }, 0);
}

/** The standard normal distribution function: Abramowitz and Stegun 26.2.17, right to 7.5e-8. */
function normal(z: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(z));
  const tail =
    (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) *
    t *
    (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return z >= 0 ? 1 - tail : tail;
}
