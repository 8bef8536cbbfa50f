// What follows from the holds of a search. Pure. Called by report.ts.
//
// Each search ended between a rate that passed and the next that failed. Chance (a merge, another user) moves that end. Half of
// such searches end above their middle, the median: that all six end above it, or all below, has a probability of 2 / 2^6. So the
// interval from the lowest rate that passed to the highest that failed holds it with a confidence of 97 %, whatever the law
// of chance: it is the sign test's interval, and takes no model of the server. Its lower end is as much lower as a hold does not see
// (backlog.ts).
//
// A limit that moves while it is looked for has no such interval: where the ends of the searches rise or fall one after the
// other, by more than one and a half precisions, it is told from where to where.

import { type Bounds, LOWEST_RATE, type Outcome, SEARCHES } from "./search.js";

/** What follows from the holds. */
export interface Finding {
  /** Rows per second; undefined: no hold passed, or none that another one at the same or a lower rate did not deny. */
  readonly sustained: number | undefined;
  /** The limit is from here … */
  readonly low: number | undefined;
  /** … to here; undefined: nobody knows. */
  readonly high: number | undefined;
  /** With this probability, a share of 1; undefined: the limit was not looked for again. */
  readonly confidence: number | undefined;
  /** How many searches near the limit came to their end. */
  readonly searches: number;
  /** What failed did so by the generator: the server takes at least what is sustained. */
  readonly generatorLimited: boolean;
}

/** The rates between which a search ended. */
interface End {
  readonly passed: number;
  /** Of the hold that passed. */
  readonly resolution: number;
  readonly failed: number;
  readonly generatorLimited: boolean;
}

export function findingOf(outcomes: readonly Outcome[], bounds: Pick<Bounds, "to">): Finding {
  const ends = endsOf(outcomes, bounds);
  if (ends.length === 0) return firstFinding(outcomes);
  const passed = ends.map((end) => end.passed).toSorted((one, other) => one - other);
  // Of two middles the lower: at least half of the searches passed there.
  const middle = passed[Math.ceil(passed.length / 2) - 1] ?? 0;
  const high = Math.max(...ends.map(({ failed }) => failed));
  return {
    sustained: middle > 0 ? middle : undefined,
    low: Math.min(...ends.map((end) => end.passed / (1 + end.resolution))),
    high: Number.isFinite(high) ? high : undefined,
    confidence: 1 - 2 / 2 ** ends.length,
    searches: ends.length,
    generatorLimited: 2 * ends.filter(({ generatorLimited }) => generatorLimited).length > ends.length,
  };
}

/** Where the limit was in the first search that was carried out, and where in the last, in rows per second. */
export interface Drift {
  readonly from: number;
  readonly to: number;
}

/** So many pairs of different ends, of which so many rise, or so many fall: chance makes that of two or three in a hundred. */
const FEWEST_PAIRS = 10;
const ORDERED = 0.85;
/** By less than so many precisions no end says anything. */
const MATERIAL = 1.5;

/** Undefined: as far as can be seen the limit stayed where it was. */
export function driftOf(outcomes: readonly Outcome[], bounds: Pick<Bounds, "to" | "precision">): Drift | undefined {
  const limits = endsOf(outcomes, bounds)
    .filter(({ passed, failed }) => passed > 0 && Number.isFinite(failed))
    .map(({ passed, failed }) => Math.sqrt(passed * failed));
  const [from, to] = [limits[0], limits.at(-1)];
  if (from === undefined || to === undefined) return undefined;
  const signs = limits.flatMap((limit, index) => limits.slice(index + 1).map((later) => Math.sign(later - limit)));
  const pairs = signs.filter((sign) => sign !== 0).length;
  const isOrdered = pairs >= FEWEST_PAIRS && Math.abs(signs.reduce((sum, sign) => sum + sign, 0)) > ORDERED * pairs;
  const isMaterial = Math.abs(Math.log(to / from)) > MATERIAL * Math.log1p(bounds.precision);
  return isOrdered && isMaterial ? { from, to } : undefined;
}

/** Of the searches near the limit that came to their end, in their order. */
function endsOf(outcomes: readonly Outcome[], { to }: Pick<Bounds, "to">): readonly End[] {
  return Array.from({ length: SEARCHES }, (_, index) =>
    endOf(
      outcomes.filter(({ search }) => search === index + 1),
      to,
    ),
  ).filter((end) => end !== undefined);
}

/** Undefined: it was broken off. */
function endOf(outcomes: readonly Outcome[], to: number): End | undefined {
  const { success, failure } = betweenOf(outcomes);
  const passed = success?.rowsPerSecond ?? (failure?.rowsPerSecond === LOWEST_RATE ? 0 : undefined);
  const failed = failure?.rowsPerSecond ?? (passed === to ? Number.POSITIVE_INFINITY : undefined);
  if (passed === undefined || failed === undefined) return undefined;
  return {
    passed,
    resolution: success?.resolution ?? 0,
    failed,
    generatorLimited: failure?.generatorLimited ?? false,
  };
}

/** Of the first search alone, as far as it came. */
function firstFinding(all: readonly Outcome[]): Finding {
  const { success, failure } = betweenOf(all.filter(({ search }) => search === 0));
  return {
    sustained: success?.rowsPerSecond,
    low: success?.rowsPerSecond,
    high: failure?.rowsPerSecond,
    confidence: undefined,
    searches: 0,
    generatorLimited: failure?.generatorLimited ?? false,
  };
}

/** The highest rate that passed, and the lowest hold above it that failed: the last one, if it was held twice. */
function betweenOf(outcomes: readonly Outcome[]): { readonly success?: Outcome; readonly failure?: Outcome } {
  const highest = Math.max(0, ...outcomes.filter(({ passed }) => passed).map(({ rowsPerSecond }) => rowsPerSecond));
  const above = outcomes.filter(({ passed, rowsPerSecond }) => !passed && rowsPerSecond > highest);
  const lowest = Math.min(...above.map(({ rowsPerSecond }) => rowsPerSecond));
  const success = outcomes.findLast(({ passed, rowsPerSecond }) => passed && rowsPerSecond === highest);
  const failure = above.findLast(({ rowsPerSecond }) => rowsPerSecond === lowest);
  return { ...(success && { success }), ...(failure && { failure }) };
}
