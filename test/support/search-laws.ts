// The laws of servers that searches of max are tried against, and one search of one of them on virtual time. For tests and
// bench/max.ts.

import { chance, type Law, noisy, perByte, perInsert, perRow, queue } from "./queue.js";
import { BYTES_PER_ROW, type Searched, searched } from "./searches.js";

/** An insert has so many. */
export const ROWS = 100;
export const PRECISION = 0.05;

/** Of an insert of 100 rows at a server that takes so many a second. */
export const LAWS: Readonly<Record<string, (insertsPerSecond: number, seed: number) => Law>> = {
  "one queue, so long an insert": (rate) => queue(1, perInsert(1000 / rate)),
  "one queue, so long a row": (rate) => queue(1, perRow(rate * ROWS)),
  "so many bytes a second": (rate) => queue(1, perByte(rate * ROWS * BYTES_PER_ROW)),
  "eight at a time": (rate) => queue(8, perInsert(8000 / rate)),
  "standing still 0.4 of 2 s": (rate) => queue(1, perInsert(800 / rate), { everyMs: 2000, forMs: 400 }),
  "standing still 0.5 of 5 s": (rate) => queue(1, perInsert(900 / rate), { everyMs: 5000, forMs: 500 }),
  "random times, a deviation of a quarter": (rate, seed) => queue(1, noisy(perInsert(1000 / rate), 0.25, seed)),
  "random times, a deviation of a half": (rate, seed) => queue(1, noisy(perInsert(1000 / rate), 0.5, seed)),
};
/** Places that the server has. */
export const placesOf = (name: string): number => (name === "eight at a time" ? 8 : 1);

export interface Told extends Searched {
  readonly truth: number;
}

export function told(name: string, rate: number, inFlight: number, seed: number): Told {
  const law = LAWS[name]?.(rate, seed);
  if (law === undefined) throw new Error(`no law ${name}`);
  const truth = rate * ROWS * Math.min(1, inFlight / placesOf(name));
  const from = truth * (0.05 + 0.2 * chance(seed)());
  const bounds = { from, to: 1e9, precision: PRECISION };
  return { ...searched({ law, bounds, batchRows: ROWS, inFlight }), truth };
}

export const isNear = ({ truth, finding }: Told, share: number): boolean =>
  Math.abs((finding.sustained ?? 0) / truth - 1) <= share;
export const holds = ({ truth, finding: { low = 0, high = Number.POSITIVE_INFINITY } }: Told): boolean =>
  low <= truth && truth <= high;
