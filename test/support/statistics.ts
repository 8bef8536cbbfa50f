// What chance allows: tolerances of five standard errors, with fixed seeds.

import { expect } from "chai";

/** How many standard errors off is taken for a fault: less than one test in a million fails by chance. */
export const ERRORS = 5;

export function near(actual: number | undefined, expected: number, tolerance: number, what: string): void {
  expect(actual, what).to.be.within(expected - tolerance, expected + tolerance);
}

/** The share of `rows` that is to be `share`. */
export function nearShare(actual: number | undefined, share: number, rows: number, what: string): void {
  near(actual, share, ERRORS * Math.sqrt((share * (1 - share)) / rows), what);
}

/** A quantile, where `density` is that of the law at it; `unit`: what values are rounded to. */
export function nearQuantile(
  actual: number | undefined,
  p: number,
  expected: number,
  density: number,
  rows: number,
  unit: number,
  what: string,
): void {
  near(actual, expected, (ERRORS * Math.sqrt((p * (1 - p)) / rows)) / density + unit, `p${p * 100} of ${what}`);
}

/** Counts against the probabilities of a law, by chi-square: the limit is that of 4.75 standard deviations (1 in 10^6). */
export function expectLaw(counts: readonly number[], probabilities: readonly number[], what: string): void {
  const rows = counts.reduce((a, b) => a + b, 0);
  expect(counts.length, what).to.equal(probabilities.length);
  const chiSquare = counts.reduce((sum, count, i) => {
    const expected = rows * (probabilities[i] as number);
    if (expected === 0) expect(count, `${what}: number ${i} is impossible`).to.equal(0);
    return expected === 0 ? sum : sum + (count - expected) ** 2 / expected;
  }, 0);
  const degrees = probabilities.filter((p) => p > 0).length - 1;
  if (degrees === 0) return;
  // Wilson and Hilferty, PNAS 17 (1931) 684.
  const part = 2 / (9 * degrees);
  expect(chiSquare, `chi-square of ${what}`).to.be.at.most(degrees * (1 - part + 4.75 * Math.sqrt(part)) ** 3);
}

/** Each as likely. */
export function expectEqual(counts: readonly number[], of: number, what: string): void {
  expectLaw(counts, Array(of).fill(1 / of), what);
}
