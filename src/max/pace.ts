// How long a hold lasts, and how long a search may yet take. Pure: the time is given. Called by max.ts.

import { LONGEST_INSERT, type Stand } from "./backlog.js";
import { type Bounds, LOWEST_RATE, type Outcome, type Trial, trials, type Verdict } from "./search.js";

/** What lengths follow from, in nanoseconds. */
export interface Pace {
  /** Of --step. */
  readonly stepNs: number;
  readonly warmUpNs: number;
  readonly batchRows: number;
  readonly flushNs: number;
}

/** Near the limit a hold has so many inserts, as long as it takes no longer than … */
const INSERTS = 100;
/** … so many steps. */
const LONGEST_STEPS = 3;
/** Whose end does not decide goes on for as long again … */
const OPEN_LENGTHS = 2;
/** … or until it is long enough for what an insert takes, but for no more than so many lengths in all. */
export const LONGEST_LENGTHS = 4;
/** Starting the threads, answers waited for at the end, and a pause. */
export const BETWEEN_NS = 2e9;

/** How long a hold is, in nanoseconds. */
export interface Length {
  readonly warmUpNs: number;
  /** Before it is looked at whether that decides. */
  readonly heldNs: number;
}

/**
 * Both are whole batches long: a batch that is cut has fewer rows and is answered sooner, and what comes after it would seem to
 * be later and later.
 */
export function lengthOf(
  { stepNs, warmUpNs, batchRows, flushNs }: Pace,
  { rowsPerSecond, isNear }: Pick<Trial, "rowsPerSecond" | "isNear">,
): Length {
  const rows = Math.min(batchRows, Math.ceil((rowsPerSecond * flushNs) / 1e9));
  const insertNs = (rows * 1e9) / rowsPerSecond;
  const wholeNs = (ns: number): number => Math.floor(Math.ceil(ns / insertNs - ROUNDING) * insertNs);
  const heldNs = isNear ? Math.min(Math.max(stepNs, INSERTS * insertNs), LONGEST_STEPS * stepNs) : stepNs;
  return { warmUpNs: wholeNs(warmUpNs), heldNs: wholeNs(heldNs) };
}

/** How many lengths a hold takes in all, as it stands at the end of the first. */
export function lengthsOf(
  { isOpen, isTooShort, waitNs }: Pick<Stand, "isOpen" | "isTooShort" | "waitNs">,
  lengthNs: number,
): number {
  const needed = isTooShort ? Math.ceil(waitNs / LONGEST_INSERT / lengthNs) : 1;
  return Math.min(Math.max(needed, isOpen ? OPEN_LENGTHS : 1), LONGEST_LENGTHS);
}

/** Of an insert: so much more is none. */
const ROUNDING = 1e-6;

/**
 * How long the rest of a search takes, in nanoseconds, if no chance lengthens it: that of a server whose limit is where it seems
 * to be by now, or, where none has been met, a few doublings away.
 */
export function remainingNs(bounds: Bounds, outcomes: readonly Outcome[], pace: Pace): number {
  const limit = likelyLimit(bounds, outcomes);
  const planned = trials(bounds);
  let next = planned.next();
  for (const outcome of outcomes) next = planned.next(outcome);
  let ns = 0;
  while (!next.done) {
    const passed = next.value.rowsPerSecond <= limit;
    const { warmUpNs, heldNs } = lengthOf(pace, next.value);
    ns += warmUpNs + heldNs + BETWEEN_NS;
    const verdict: Verdict = { passed, generatorLimited: false, takes: passed ? undefined : limit };
    next = planned.next(verdict);
  }
  return ns;
}

const UNMET = 8;

function likelyLimit({ from, to }: Bounds, outcomes: readonly Outcome[]): number {
  const last = outcomes.findLast(({ takes }) => takes !== undefined);
  if (last?.takes !== undefined) return last.takes;
  const passed = Math.max(0, ...outcomes.filter((outcome) => outcome.passed).map(({ rowsPerSecond }) => rowsPerSecond));
  const failed = Math.min(...outcomes.filter((outcome) => !outcome.passed).map(({ rowsPerSecond }) => rowsPerSecond));
  if (passed > 0 && passed < failed && Number.isFinite(failed)) return Math.sqrt(passed * failed);
  if (passed > 0) return Math.min(to, passed * UNMET);
  return Number.isFinite(failed) ? Math.max(LOWEST_RATE, failed / UNMET) : Math.min(to, from * UNMET);
}
