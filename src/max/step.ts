// One hold: a constant rate for a time, with a warm-up that is left out, and whether it was sustained: no insert failed, answers
// kept pace (backlog.ts), parts stayed level (level.ts), p99 is what is asked for. Called by max.ts. Chooses no rate.

import type { WriteStream } from "node:tty";
import type { ErrorCount } from "../counters.js";
import { type Latency, summarize } from "../latency.js";
import { limitsOf } from "../limits.js";
import type { Plan } from "../plan.js";
import type { Load } from "../pool.js";
import { ServerError } from "../server.js";
import { type Played, play } from "../short-load.js";
import { count, milliseconds } from "../text.js";
import { type Mark, type Stand, standOf } from "./backlog.js";
import { pileUp, type Reading } from "./level.js";
import { lengthsOf } from "./pace.js";
import type { PartsWatch } from "./parts.js";

/** A hold that was carried out. */
export interface Hold {
  /** Of the time that was measured; undefined where an error cut it short. */
  readonly achieved: number | undefined;
  /** Due to answered, of all inserts that are measured; undefined where an error cut it short. */
  readonly latency: Latency | undefined;
  /** How long the oldest due batch had waited to be sent: the longest in the first third and in the last. */
  readonly lagMs: { readonly first: number; readonly last: number } | undefined;
  /** Whether answers kept pace; undefined where an error cut it short. */
  readonly stand: Stand | undefined;
  /** How long the rate was held, without its warm-up. */
  readonly heldNs: number;
  readonly errors: readonly ErrorCount[];
  /** At the beginning and at the end; undefined where nobody watched. */
  readonly parts: { readonly before: Reading; readonly after: Reading } | undefined;
  readonly acknowledgedRows: number;
  /** Why it failed; none: it passed. */
  readonly reasons: readonly string[];
  /** All places among the inserts in flight were taken, and batches waited for one. */
  readonly isFull: boolean;
  /** Why it was the generator that failed, if it was. */
  readonly generator: readonly string[];
  /** Why nothing more can be held: inserts will never work, or a worker broke. */
  readonly fatal: string | undefined;
}

export interface Demands {
  readonly rowsPerSecond: number;
  /** Of the search, a share of 1. */
  readonly precision: number;
  /** With a higher p99 it fails; undefined: not for that. */
  readonly p99Ms: number | undefined;
  /** How long the rate is held before it is looked at whether that decides. The plan may be longer: as long as it may take. */
  readonly lengthNs: number;
}

const MARK_MS = 50;
/** Questions about parts: at least so many a third, and no more than two a second. */
const PARTS_PER_THIRD = 4;
const PARTS_MS = 500;
/** So long before its end it is decided whether a hold goes on. */
const NOTICE_NS = 40_000_000;
/** Of what answers are behind, so much must be time before they were sent for the generator to be asked. */
const OWN_SHARE = 0.5;
/** What is behind when a hold is ended may still be sent for so long. */
const DRAIN_NS = 1_000_000_000n;

interface Lag {
  readonly atNs: number;
  readonly lagNs: number;
}

/** What was read while it went on. */
interface Seen {
  readonly marks: Mark[];
  readonly lags: Lag[];
  readonly readings: Reading[];
}

/** Undefined when it was interrupted. Rejects when a worker cannot get ready. */
export async function hold(
  plan: Plan,
  demands: Demands,
  watch: PartsWatch | undefined,
  err: WriteStream,
  interrupt: AbortSignal,
): Promise<Hold | undefined> {
  const fromNs = Number(plan.spec.warmUpNs);
  const seen: Seen = { marks: [], lags: [], readings: [] };
  let toNs = Math.min(fromNs + demands.lengthNs, Number(plan.counters.endNs));
  const during = async (load: Load): Promise<void> => {
    const over = load.finished.then(() => "over" as const);
    const watching = watch === undefined ? over : watchParts(watch, load, plan, seen, demands.lengthNs);
    // Where watching fails so does the hold, at once.
    const watched = watching.then(() => over);
    const until = (ns: number) => Promise.race([over, load.clock.until(ns), watched]);
    const timer = setInterval(() => see(seen, plan, load.clock.now()), MARK_MS);
    try {
      const isOver = (await until(toNs - NOTICE_NS)) === "over";
      const lengths = isOver ? 1 : lengthsOf(standAt(seen, demands, fromNs, toNs - NOTICE_NS), demands.lengthNs);
      load.end(DRAIN_NS, fromNs + lengths * demands.lengthNs);
      toNs = Number(plan.counters.endNs);
      await until(toNs);
      await watching;
    } finally {
      clearInterval(timer);
      load.clock.wake();
    }
  };
  const played = await play(plan, err, interrupt, during, fromNs + demands.lengthNs);
  if (played === undefined) return undefined;
  return judged(played, seen, demands, fromNs, toNs);
}

const standAt = ({ marks }: Seen, { rowsPerSecond, precision }: Demands, fromNs: number, toNs: number): Stand =>
  standOf(marks, { rowsPerSecond, precision, fromNs, toNs });

function see({ marks, lags }: Seen, { counters }: Plan, atNs: number): void {
  const { acknowledged, lastAnswerNs, lagNs } = counters.totals(atNs);
  marks.push({ atNs, answeredNs: lastAnswerNs, rows: acknowledged });
  lags.push({ atNs, lagNs });
}

/** Until the load ends. */
async function watchParts(
  watch: PartsWatch,
  load: Load,
  plan: Plan,
  { readings }: Seen,
  lengthNs: number,
): Promise<void> {
  const over = load.finished.then(() => "over" as const);
  const gapNs = Math.min(PARTS_MS * 1e6, lengthNs / 3 / PARTS_PER_THIRD);
  for (let ns = 0; ns <= Number(plan.counters.endNs); ns = Math.max(ns + gapNs, load.clock.now())) {
    if ((await Promise.race([over, load.clock.until(ns)])) === "over") return;
    const reading = await read(watch, load, plan);
    if (reading !== undefined) readings.push(reading);
  }
}

function judged({ books, notices, failure }: Played, seen: Seen, demands: Demands, fromNs: number, toNs: number): Hold {
  const { measured, totals, latency } = books;
  const first = notices.find((notice) => notice.kind === "error");
  const refused = notices.find((notice) => notice.kind === "refused");
  const fatal = failure === undefined ? refused?.sentence : `a worker thread crashed: ${failure.message}`;
  const failed = totals.inserts.failed + totals.inserts.unknown;
  const [before, after] = [seen.readings[0], seen.readings.at(-1)];
  const common = {
    errors: totals.errors,
    parts: before && after && { before, after },
    acknowledgedRows: totals.acknowledged,
    heldNs: Math.max(0, toNs - fromNs),
    isFull: notices.some(({ kind }) => kind === "saturated"),
    fatal,
  };
  if (failed > 0 || fatal !== undefined) {
    const reasons = [`${count(failed, "insert")} failed: ${first?.sentence ?? fatal ?? "nobody heard of them"}`];
    const nothing = { achieved: undefined, latency: undefined, lagMs: undefined, stand: undefined };
    return { ...common, ...nothing, reasons, generator: [] };
  }

  const stand = standAt(seen, demands, fromNs, toNs);
  const times = summarize(latency ?? books.service, measured.totals.latencySumNs);
  const piled = pileUp(seen.readings, fromNs, toNs);
  const reasons = [fellBehind(stand, demands.lengthNs), slowness(times, demands.p99Ms), piled].filter(
    (reason) => reason !== undefined,
  );
  const lagMs = lagOf(seen.lags, fromNs, toNs);
  // What was sent in time is late by no fault of ours.
  const isSentLate = stand.isLevel || lagMs.last * 1e6 > OWN_SHARE * stand.behindNs;
  return {
    ...common,
    // Where answers keep pace as many come as go: what is in flight at the end was so at the beginning.
    achieved:
      ((stand.isLevel ? measured.totals.acknowledged : measured.answered) * 1e9) / (measured.toNs - measured.fromNs),
    latency: times,
    lagMs,
    stand,
    reasons,
    generator: reasons.length > 0 && piled === undefined && isSentLate ? limitsOf(books) : [],
  };
}

/** Undefined: it did not. */
function fellBehind(stand: Stand, lengthNs: number): string | undefined {
  const { isLevel, isTooShort, waitNs, firstNs, secondNs, behindNs } = stand;
  if (isTooShort) {
    const [takes, holds] = [waitNs, lengthNs].map((ns) => milliseconds(ns / 1e6));
    return `an insert takes ${takes}, too long for holds of ${holds}: a longer --step`;
  }
  if (isLevel) return undefined;
  if (firstNs === Number.POSITIVE_INFINITY) return "no answer in its first half";
  if (secondNs === Number.POSITIVE_INFINITY) return "no answer in its second half";
  return `behind ${milliseconds(behindNs / 1e6)}`;
}

/** Of fewer inserts than a p99 takes, one that is late is more than one of a hundred. */
function slowness({ p99, max }: Latency, limitMs: number | undefined): string | undefined {
  if (limitMs === undefined || max === null || (p99 ?? max) <= limitMs) return undefined;
  return `${p99 === null ? "slowest" : "p99"} over ${milliseconds(limitMs)}`;
}

/** Undefined where the server would not say: one reading less. */
async function read(watch: PartsWatch, load: Load, { counters }: Plan): Promise<Reading | undefined> {
  try {
    const parts = await watch.ask();
    const atNs = load.clock.now();
    return { ...parts, atNs, inserts: counters.totals(atNs).inserts.acknowledged };
  } catch (error) {
    if (error instanceof ServerError) return undefined;
    throw error;
  }
}

function lagOf(lags: readonly Lag[], fromNs: number, toNs: number): { readonly first: number; readonly last: number } {
  const thirdNs = (toNs - fromNs) / 3;
  const most = (from: number, to: number): number =>
    lags.reduce((max, { atNs, lagNs }) => (atNs >= from && atNs <= to ? Math.max(max, lagNs) : max), 0) / 1e6;
  return { first: most(fromNs, fromNs + thirdNs), last: most(toNs - thirdNs, toNs) };
}
