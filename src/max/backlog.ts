// Whether the answers of a hold keep pace with its rate, wherever what waits lies: in our own queue, in sockets, at the server.
// Pure. Called by step.ts with what it read during the hold.
//
// Rows come at a constant rate, so the row answered last at some time was due at rows / rate: how much later it is answered is
// how late the answers are. Where the server takes less than comes, that grows by (1 - taken / rate) each second, however
// many inserts are in flight and however it queues them. Where it takes as much, answers are late by a service time, by
// chance, by a stall or a merge, and come back to where they were:
//
//      late │      ╱╲            ╱╲                     │                 ╱╱
//           │ ╱╲╱╲╱  ╲╱╲ ╱╲╱╲╱╲╱╱  ╲╱╲╱╲                │          ╱╲╱╲╱╱╱
//     least ├────────────────┬──────────   level        │╲╱╲╱╲╱╱╱╱ ─────────   growing: even the least of the
//           └────────────────┴─────────▶                └───────┴──────────▶    second half is more than before
//
// So compared are the least lateness of the first half and that of the second: what comes and goes does not move it. It may
// grow by a tenth of the precision, which no search needs to tell apart, or by what a timer takes. Where few inserts that take
// different times make it rise by chance, the parts of the hold, twelve, do not rise one after the other (Mann and Kendall's
// test), which a queue that grows does. When a hold's end does not decide, it goes on (pace.ts).
//
// Answers of inserts that take as long as the hold say nothing of what comes after the first of them: a server whose places are all
// taken for the first time is level until they come free. So where even the least lateness is more than a quarter of the hold, it
// is too short to decide.
//
// A server whose service times are chance alone passes at its very limit in about half of such holds, whatever its noise: so the
// middle of several searches is that limit, and not a bound for it.

/** What had been answered at some time of a hold. */
export interface Mark {
  /** Nanoseconds from its start, as all times here. */
  readonly atNs: number;
  /** When the last answer came. */
  readonly answeredNs: number;
  /** Acknowledged until then. */
  readonly rows: number;
}

/** The part of a hold that counts, without its warm-up. */
export interface Span {
  readonly rowsPerSecond: number;
  readonly fromNs: number;
  readonly toNs: number;
  /** Of the search, a share of 1. */
  readonly precision: number;
}

export interface Stand {
  /** The answers keep pace. */
  readonly isLevel: boolean;
  /** A longer hold could end differently. */
  readonly isOpen: boolean;
  /** The hold is too short for what an insert takes to tell. */
  readonly isTooShort: boolean;
  /** What an insert takes, due to answered, at least: the least lateness, or how long the next answer has been waited for. */
  readonly waitNs: number;
  /** The least lateness of each half; Infinity where nothing was answered in it. */
  readonly firstNs: number;
  readonly secondNs: number;
  /** How much later the last answer was than the earliest. */
  readonly behindNs: number;
  /** By so much less than its rate may the server take, a share of 1, and the hold does not see it. */
  readonly resolution: number;
  /** Rows per second from the first answer to the last; undefined: there were not two, or they came no slower than they were due. */
  readonly takes: number | undefined;
}

/** Of a hold may an insert take at most so much, a share of 1. */
export const LONGEST_INSERT = 0.25;
const PARTS = 12;
/** Of the precision. */
const UNSEEN = 0.1;
/** What a timer may take. */
const TIMER_NS = 5e6;
/** Standard deviations by which the parts must rise rather than fall; of fewer parts there is no telling. */
const RISING = 1;
const FEWEST_PARTS = 3;
/** Grown by so much of the time, it will not come back … */
const HOPELESS = 0.25;
/** … nor by so much where nearly every part is later than each before. */
const STEADY = { grown: 0.02, tau: 0.9 };
/** Behind by more than this share of the hold at its very end, and this time, it may be a stall. */
const STALLED = { share: 0.01, ns: 1e8 };

export function standOf(marks: readonly Mark[], { rowsPerSecond, fromNs, toNs, precision }: Span): Stand {
  const within = marks.filter(({ atNs, answeredNs, rows }) => rows > 0 && answeredNs >= fromNs && atNs <= toNs);
  const lateNs = ({ answeredNs, rows }: Mark): number => answeredNs - (rows * 1e9) / rowsPerSecond;
  const spanNs = toNs - fromNs;
  const least = new Array<number>(PARTS).fill(Number.POSITIVE_INFINITY);
  for (const mark of within) {
    const part = Math.min(PARTS - 1, Math.floor(((mark.answeredNs - fromNs) / spanNs) * PARTS));
    least[part] = Math.min(least[part] ?? Number.POSITIVE_INFINITY, lateNs(mark));
  }
  const [firstNs, secondNs] = [Math.min(...least.slice(0, PARTS / 2)), Math.min(...least.slice(PARTS / 2))];
  const unseen = Math.max(UNSEEN * precision, (2 * TIMER_NS) / spanNs);
  const grown = firstNs === Number.POSITIVE_INFINITY ? firstNs : (secondNs - firstNs) / (spanNs / 2);
  const { deviations, tau } = risingOf(least.filter(Number.isFinite));
  const isLevel = grown <= unseen || (Number.isFinite(grown) && deviations <= RISING);

  const [first, last] = [within[0], within.at(-1)];
  const behindNs = last === undefined ? spanNs : lateNs(last) - Math.min(firstNs, secondNs);
  const silentNs = toNs - (last?.answeredNs ?? fromNs);
  const isBehind = Math.max(behindNs, silentNs - longestGapNs(within)) > Math.max(STALLED.share * spanNs, STALLED.ns);
  const isHopeless = Number.isFinite(grown) && (grown > HOPELESS || (grown > STEADY.grown && tau > STEADY.tau));
  const nextNs = toNs - ((marks.findLast(({ atNs }) => atNs <= toNs)?.rows ?? 0) * 1e9) / rowsPerSecond;
  const waitNs = last === undefined ? nextNs : Math.min(firstNs, secondNs);
  const isDecided = !isLevel && isHopeless;
  const isTooShort = !isDecided && waitNs > LONGEST_INSERT * spanNs;
  return {
    isLevel,
    isOpen: isTooShort || (isLevel ? isBehind : !isDecided),
    isTooShort,
    waitNs,
    firstNs,
    secondNs,
    behindNs,
    resolution: isLevel ? Math.max(unseen, grown) : unseen,
    takes: isLevel || isTooShort ? undefined : takenOf(first, last, rowsPerSecond),
  };
}

function takenOf(first: Mark | undefined, last: Mark | undefined, rowsPerSecond: number): number | undefined {
  if (first === undefined || last === undefined || last.answeredNs <= first.answeredNs) return undefined;
  const taken = ((last.rows - first.rows) * 1e9) / (last.answeredNs - first.answeredNs);
  return taken < rowsPerSecond ? taken : undefined;
}

/** How the later ones are more rather than less than those before: all pairs, and in deviations of what chance makes. */
function risingOf(values: readonly number[]): { readonly deviations: number; readonly tau: number } {
  const { length } = values;
  if (length < FEWEST_PARTS) return { deviations: Number.POSITIVE_INFINITY, tau: 0 };
  let sum = 0;
  for (const [index, value] of values.entries()) {
    for (const later of values.slice(index + 1)) sum += Math.sign(later - value);
  }
  const variance = (length * (length - 1) * (2 * length + 5)) / 18;
  return { deviations: sum / Math.sqrt(variance), tau: (2 * sum) / (length * (length - 1)) };
}

/** The longest time from one answer that was seen to the next. */
function longestGapNs(marks: readonly Mark[]): number {
  let longest = 0;
  for (let index = 1; index < marks.length; index++) {
    longest = Math.max(longest, (marks[index]?.answeredNs ?? 0) - (marks[index - 1]?.answeredNs ?? 0));
  }
  return longest;
}
