// Which rate is held next. Pure: no clock, no server. Called by max.ts, which holds them; what follows is finding.ts.
//
// First the limit is looked for: twice the rate while holds pass (half of it until one does, if the first fails), then
// the middle between what passed and what failed, until they are as near as --precision. A hold in which answers fell behind
// tells what the server takes: then rates next to that are held, together a precision apart, and no middle. A first
// rate that fails for something else is held again before it counts, so that a hiccup does not end the climb at a
// fraction of what the server takes; so is every rate at which it was the generator that failed.
//
// That search may have been lucky or not, so it says nothing of how sure its end is. Hence six more, each from where the last
// one ended:
//
//     passed      failed        it passes: up until one fails        it fails: down until one passes by as much,
//   ──● low ──────○ high──▶     by 1, 2, 4 … times the gap from      or at once to just below what it took, where
//                               low to high, mostly 1                that is far less
//
// Each ends between a rate that passed and the next that failed.

/** A rate to hold. */
export interface Trial {
  readonly rowsPerSecond: number;
  /** 0: the limit is looked for; from 1: the number of the search near it. */
  readonly search: number;
  /** It is near the limit, and to be held for long enough to tell. */
  readonly isNear: boolean;
}

export interface Verdict {
  readonly passed: boolean;
  /** It failed, and not by the server. */
  readonly generatorLimited: boolean;
  /** Rows per second that were answered in a hold that failed for that alone: about what the server takes. */
  readonly takes?: number | undefined;
  /** So much above the limit, a share of 1, may a hold be that passes; undefined: none. */
  readonly resolution?: number | undefined;
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

/** Of what a server took, so many precisions below and above are held: together a little less than one, as rates are rounded. */
const BELOW = -0.25;
const ABOVE = 0.73;
/** A server that took less than this share of a rate was no hiccup. */
const CLEARLY = 0.9;
/** A rate that is held next is so much below what a server took that was far behind: it may take less when it is not. */
const SAFELY_BELOW = 1.1;

type Trials<T> = Generator<Trial, T, Verdict>;

/** Where a search stands. */
interface Bracket {
  /** Undefined: nothing passed. */
  readonly low: number | undefined;
  /** Undefined: nothing failed. */
  readonly high: number | undefined;
  /** Of the hold at `high`. */
  readonly failed: Verdict | undefined;
}

/** Once more where it was the generator that failed. */
function* held(trial: Trial): Trials<Verdict> {
  const verdict = yield trial;
  return verdict.generatorLimited ? yield trial : verdict;
}

/** All rates in turn; each is answered with the verdict on its hold. */
export function* trials(bounds: Bounds): Trials<void> {
  const { precision } = bounds;
  const first = yield* narrowed(yield* bracket(bounds), precision, 0);
  // Where the generator was the limit there is none of the server to be found.
  if (first.low === undefined || first.high === undefined || first.failed?.generatorLimited) return;
  let { low } = first;
  const gap = first.high / low;
  for (let search = 1; search <= SEARCHES; search++) {
    // Where it went by several gaps at once, it comes back to the precision.
    const found: Bracket = yield* narrowed(
      yield* around(low, gap, bounds, search),
      Math.max(precision, gap - 1),
      search,
    );
    low = found.low ?? low;
  }
}

function* bracket({ from, to }: Bounds): Trials<Bracket> {
  let low: number | undefined;
  for (let rate = from; ; rate = Math.min(rounded(rate * 2), to)) {
    const trial = { rowsPerSecond: rate, search: 0, isNear: false };
    let verdict = yield trial;
    const { takes } = verdict;
    const isExplained = takes !== undefined && takes > CLEARLY * (low ?? 0) && takes < CLEARLY * rate;
    if (!verdict.passed && !isExplained) verdict = yield trial;
    if (!verdict.passed && low === undefined) return yield* downwards(rate, verdict);
    if (!verdict.passed) return { low, high: rate, failed: verdict };
    if (rate >= to) return { low: rate, high: undefined, failed: undefined };
    low = rate;
  }
}

/** What it takes is known to be below, and may be far below. */
function* downwards(from: number, first: Verdict): Trials<Bracket> {
  let failed = first;
  for (let high = from; high > LOWEST_RATE; ) {
    const half = Math.max(rounded(high / 2), LOWEST_RATE);
    const takes = Math.max(rounded((failed.takes ?? high) / SAFELY_BELOW), LOWEST_RATE);
    const rate = Math.min(half, takes);
    const verdict = yield* held({ rowsPerSecond: rate, search: 0, isNear: false });
    if (verdict.passed) return { low: rate, high, failed };
    [failed, high] = [verdict, rate];
  }
  return { low: undefined, high: from, failed };
}

/** The next rate between them: just below what the server took, then just above, else the middle. */
function between(low: number, high: number, takes: number | undefined, precision: number): number {
  if (takes !== undefined) {
    for (const precisions of [BELOW, ABOVE]) {
      const rate = rounded(takes * (1 + precision) ** precisions);
      if (rate > low && rate < high) return rate;
    }
  }
  return rounded(Math.sqrt(low * high));
}

function* narrowed(found: Bracket, precision: number, search: number): Trials<Bracket> {
  let { low, high, failed } = found;
  let takes = failed?.takes;
  while (low !== undefined && high !== undefined && high > low * (1 + precision)) {
    const rate = between(low, high, takes, precision);
    if (rate <= low || rate >= high) break;
    const verdict = yield* held({ rowsPerSecond: rate, search, isNear: true });
    if (verdict.passed) {
      low = rate;
    } else {
      [high, failed, takes] = [rate, verdict, verdict.takes];
    }
  }
  return { low, high, failed };
}

function* around(low: number, gap: number, { to, precision }: Bounds, search: number): Trials<Bracket> {
  let verdict = yield* held({ rowsPerSecond: low, search, isNear: true });
  const { passed } = verdict;
  let [rate, before] = [low, low];
  for (let gaps = 1; ; gaps *= 2) {
    const next = passed
      ? Math.min(rounded(rate * gap ** gaps), to)
      : below(rate, gap ** gaps, verdict.takes, precision);
    if (next === rate) return { low: passed ? rate : undefined, high: undefined, failed: undefined };
    const failed = verdict;
    [before, rate] = [rate, next];
    verdict = yield* held({ rowsPerSecond: rate, search, isNear: true });
    if (verdict.passed === passed) continue;
    return passed ? { low: before, high: rate, failed: verdict } : { low: rate, high: before, failed };
  }
}

/** Below a rate that failed: by some gaps, or at once where it took far less, which is no chance. */
function below(rate: number, factor: number, takes: number | undefined, precision: number): number {
  const guess = (takes ?? rate) * (1 + precision) ** BELOW;
  return Math.max(rounded(guess < rate / factor ** 2 ? guess : rate / factor), LOWEST_RATE);
}
