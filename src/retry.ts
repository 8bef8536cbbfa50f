// Whether an insert that did not work out is sent again, and when. Pure but for the dice of the jitter. Used by the worker loop.

import { isHopeless, type Outcome } from "./answer.js";

export interface RetryPlan {
  /** Attempts after the first. */
  readonly retries: number;
  /** From the first attempt on; none begins later. */
  readonly forNs: number;
  /** Whether an insert that may have landed is sent again: the table drops what it has already, or duplicates are wanted. */
  readonly ambiguous: boolean;
}

/** An insert that is under way. */
export interface Tried {
  /** So far. */
  readonly attempts: number;
  readonly firstNs: number;
  readonly nowNs: number;
  /** Of the last attempt. */
  readonly outcome: Outcome;
  /** One of the attempts may have landed. */
  readonly ambiguous: boolean;
}

/** The first pause is at most so long; each following one twice as long … */
const FIRST_PAUSE_NS = 100_000_000;
/** … up to this. */
const LONGEST_PAUSE_NS = 10_000_000_000;

/**
 * When the next attempt is to begin; undefined: there is none. The pause is drawn from the upper half of its limit, so that
 * inserts that failed together do not come back together.
 * @param random from 0 up to 1
 */
export function nextAttemptNs(plan: RetryPlan, tried: Tried, random: () => number = Math.random): number | undefined {
  const { attempts, firstNs, nowNs, outcome, ambiguous } = tried;
  if (outcome.kind === "acknowledged" || attempts > plan.retries) return undefined;
  if (isHopeless(outcome)) return undefined;
  if (ambiguous && !plan.ambiguous) return undefined;
  const limitNs = Math.min(FIRST_PAUSE_NS * 2 ** (attempts - 1), LONGEST_PAUSE_NS);
  const atNs = nowNs + limitNs * (0.5 + random() / 2);
  return atNs - firstNs <= plan.forNs ? atNs : undefined;
}

/** The outcome of an attempt that leaves open whether its rows are there. */
export type Doubt = Extract<Outcome, { readonly kind: "unknown" }>;

/** What is known of an insert when its last attempt is over: rows that one attempt may have left are not failed by another. */
export function finalOutcome(last: Outcome, doubt: Doubt | undefined): Outcome {
  return last.kind === "failed" && doubt !== undefined ? doubt : last;
}
