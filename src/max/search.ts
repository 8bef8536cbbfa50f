// Which rate is held next, and what follows from the holds. Pure: no clock, no server. Called by max.ts, which holds them.
//
// First the limit is looked for: twice the rate while holds pass (half of it until one does, if the first fails), then
// the geometric middle between what passed and what failed, until they are as near as --precision. The first rate that fails
// is held again before it counts, so that a hiccup does not end the climb at a fraction of what the server takes; so is every
// rate at which it was the generator that failed, so that a hiccup of its machine does not pass for its limit.
//
// That search may have been lucky or not, so it says nothing of how sure its end is. Hence six more, each from the same rate:
//
//     passed      failed        it passes: up until one fails        it fails: down until one passes
//   ──● low ──────○ high──▶     by 1, 2, 4 … times the gap from low to high, mostly 1
//
// Each ends between a rate that passed and the next that failed. Chance (a merge, another user) moves that end; all six are
// alike and know nothing of each other. Half of such searches end above their middle, the median: that all six end above it,
// or all below, has a probability of 2 / 2^6. So the interval from the lowest rate that passed to the highest that failed
// holds it with a confidence of 97 %, whatever the law of chance: it is the sign test's interval, and takes no model of the
// server. What it does not know is what changes slower than the whole search takes.

/** A rate to hold. */
export interface Trial {
  readonly rowsPerSecond: number;
  /** 0: the limit is looked for; from 1: the number of the search near it. */
  readonly search: number;
}

export interface Verdict {
  readonly passed: boolean;
  /** It failed, and not by the server. */
  readonly generatorLimited: boolean;
}

export type Outcome = Trial & Verdict;

export interface Bounds {
  readonly from: number;
  readonly to: number;
  /** A share of 1. */
  readonly precision: number;
}

/** In rows per second. */
export const LOWEST_RATE = 1;
export const SEARCHES = 6;

/** Four significant digits are finer than any precision there is, and fit for an eye. */
const rounded = (rate: number): number => Number(rate.toPrecision(4));

type Trials<T> = Generator<Trial, T, Verdict>;

interface Bracket {
  /** Undefined: nothing passed. */
  readonly low: number | undefined;
  /** Undefined: nothing failed. */
  readonly high: number | undefined;
  /** Of the hold at `high`. */
  readonly generatorLimited: boolean;
}

/** Once more where it was the generator that failed. */
function* held(trial: Trial): Trials<Verdict> {
  const verdict = yield trial;
  return verdict.generatorLimited ? yield trial : verdict;
}

/** All rates in turn; each is answered with the verdict on its hold. */
export function* trials({ from, to, precision }: Bounds): Trials<void> {
  const { low, high, generatorLimited } = yield* narrowed(yield* bracket(from, to), precision);
  // Where the generator was the limit there is none of the server to be found.
  if (low === undefined || high === undefined || generatorLimited) return;
  for (let search = 1; search <= SEARCHES; search++) {
    // Where it went by several gaps at once, it comes back to the precision.
    yield* narrowed(yield* around(low, high, to, search), Math.max(precision, high / low - 1), search);
  }
}

function* bracket(from: number, to: number): Trials<Bracket> {
  let low: number | undefined;
  for (let rate = from; ; rate = Math.min(rounded(rate * 2), to)) {
    const trial = { rowsPerSecond: rate, search: 0 };
    let verdict = yield trial;
    if (!verdict.passed) verdict = yield trial;
    if (!verdict.passed && low === undefined) return yield* downwards(rate, verdict);
    if (!verdict.passed) return { low, high: rate, generatorLimited: verdict.generatorLimited };
    if (rate >= to) return { low: rate, high: undefined, generatorLimited: false };
    low = rate;
  }
}

function* downwards(from: number, first: Verdict): Trials<Bracket> {
  let { generatorLimited } = first;
  for (let high = from; high > LOWEST_RATE; ) {
    const rate = Math.max(rounded(high / 2), LOWEST_RATE);
    const verdict = yield* held({ rowsPerSecond: rate, search: 0 });
    if (verdict.passed) return { low: rate, high, generatorLimited };
    ({ generatorLimited } = verdict);
    high = rate;
  }
  return { low: undefined, high: from, generatorLimited };
}

function* narrowed(found: Bracket, precision: number, search = 0): Trials<Bracket> {
  let { low, high, generatorLimited } = found;
  while (low !== undefined && high !== undefined && high > low * (1 + precision)) {
    const rate = rounded(Math.sqrt(low * high));
    if (rate <= low || rate >= high) break;
    const verdict = yield* held({ rowsPerSecond: rate, search });
    if (verdict.passed) {
      low = rate;
    } else {
      high = rate;
      ({ generatorLimited } = verdict);
    }
  }
  return { low, high, generatorLimited };
}

function* around(low: number, high: number, to: number, search: number): Trials<Bracket> {
  let verdict = yield* held({ rowsPerSecond: low, search });
  const { passed } = verdict;
  const gap = high / low;
  let [rate, before] = [low, low];
  for (let gaps = 1; ; gaps *= 2) {
    const next = passed
      ? Math.min(rounded(rate * gap ** gaps), to)
      : Math.max(rounded(rate / gap ** gaps), LOWEST_RATE);
    if (next === rate) return { low: passed ? rate : undefined, high: undefined, generatorLimited: false };
    [before, rate] = [rate, next];
    const { generatorLimited } = verdict;
    verdict = yield* held({ rowsPerSecond: rate, search });
    if (verdict.passed === passed) continue;
    return passed
      ? { low: before, high: rate, generatorLimited: verdict.generatorLimited }
      : { low: rate, high: before, generatorLimited };
  }
}

/** About how many holds a search takes, if chance does not lengthen it. */
export function expectedHolds({ from, to, precision }: Bounds): number {
  const doublings = Math.ceil(Math.log2(to / from)) + 1;
  const halvings = Math.ceil(Math.log2(Math.LN2 / Math.log1p(precision)));
  return doublings + 1 + Math.max(0, halvings) + 2 * SEARCHES;
}

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
  readonly failed: number;
  readonly generatorLimited: boolean;
}

export function findingOf(outcomes: readonly Outcome[], { to }: Pick<Bounds, "to">): Finding {
  const ends = Array.from({ length: SEARCHES }, (_, index) =>
    endOf(
      outcomes.filter(({ search }) => search === index + 1),
      to,
    ),
  ).filter((end) => end !== undefined);
  if (ends.length === 0) return firstFinding(outcomes);
  const passed = ends.map((end) => end.passed).toSorted((one, other) => one - other);
  // Of two middles the lower: at least half of the searches passed there.
  const middle = passed[Math.ceil(passed.length / 2) - 1] ?? 0;
  const high = Math.max(...ends.map(({ failed }) => failed));
  return {
    sustained: middle > 0 ? middle : undefined,
    low: passed[0],
    high: Number.isFinite(high) ? high : undefined,
    confidence: 1 - 2 / 2 ** ends.length,
    searches: ends.length,
    generatorLimited: 2 * ends.filter(({ generatorLimited }) => generatorLimited).length > ends.length,
  };
}

/** Undefined: it was broken off. */
function endOf(outcomes: readonly Outcome[], to: number): End | undefined {
  const { passed, failure } = betweenOf(outcomes);
  const low = passed ?? (failure?.rowsPerSecond === LOWEST_RATE ? 0 : undefined);
  const failed = failure?.rowsPerSecond ?? (passed === to ? Number.POSITIVE_INFINITY : undefined);
  if (low === undefined || failed === undefined) return undefined;
  return { passed: low, failed, generatorLimited: failure?.generatorLimited ?? false };
}

/** Of the first search alone, as far as it came. */
function firstFinding(all: readonly Outcome[]): Finding {
  const { passed, failure } = betweenOf(all.filter(({ search }) => search === 0));
  return {
    sustained: passed,
    low: passed,
    high: failure?.rowsPerSecond,
    confidence: undefined,
    searches: 0,
    generatorLimited: failure?.generatorLimited ?? false,
  };
}

/** The highest rate that passed, and the lowest hold above it that failed: the last one, if it was held twice. */
function betweenOf(outcomes: readonly Outcome[]): { readonly passed?: number; readonly failure?: Outcome } {
  const highest = Math.max(0, ...outcomes.filter(({ passed }) => passed).map(({ rowsPerSecond }) => rowsPerSecond));
  const above = outcomes.filter(({ passed, rowsPerSecond }) => !passed && rowsPerSecond > highest);
  const lowest = Math.min(...above.map(({ rowsPerSecond }) => rowsPerSecond));
  const failure = above.findLast(({ rowsPerSecond }) => rowsPerSecond === lowest);
  return { ...(highest > 0 && { passed: highest }), ...(failure && { failure }) };
}
