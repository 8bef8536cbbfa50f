// What became of batches, and what of them is there: counted by fate and state. Pure. Called by ledger.ts; the report and the
// ledger's totals are made from it.

import type { Reason } from "../answer.js";
import { isFinalNumber } from "../exceptions.js";
import type { Fates } from "../fates.js";

/**
 * unsent: never handed to an insert, or not even scheduled; unknown: with no answer, or an ambiguous one; unremembered: there
 * are more batches than fates.
 */
export const FATE_NAMES = ["acknowledged", "failed", "unknown", "dropped", "unsent", "unremembered"] as const;
export type FateName = (typeof FATE_NAMES)[number];

/** How a batch ended. */
export interface Ended {
  readonly fate: FateName;
  /** Of a failed one. */
  readonly reason: Reason | null;
  /** Of a failed one and of an unknown one. */
  readonly code: string | null;
}

/** missing: no row is there; partial: some are not; duplicated: all are there, some of them more than once. */
export type State = "whole" | "partial" | "missing" | "duplicated";

/** Of a batch. */
export interface Held {
  /** Rows that are there, with copies. */
  readonly landed: number;
  /** Those of them that differ. */
  readonly distinct: number;
}

/** Batches that ended alike. */
export interface FateCount extends Ended, Readonly<Record<State, number>> {
  readonly batches: number;
  /** Rows that they were to hold. */
  readonly rows: number;
  /** Rows that are there, with copies. */
  readonly landed: number;
  /** Those of them that differ. */
  readonly distinct: number;
}

export function stateOf(rows: number, { landed, distinct }: Held): State {
  if (landed === 0) return "missing";
  if (distinct < rows) return "partial";
  return landed > rows ? "duplicated" : "whole";
}

const plain = (fate: FateName): Ended => ({ fate, reason: null, code: null });
const PLAIN = {
  acknowledged: plain("acknowledged"),
  dropped: plain("dropped"),
  none: plain("unsent"),
  // A worker that died is heard of no more: counted under the same code in books.ts.
  in_flight: { ...plain("unknown"), code: "worker_crash" },
} as const;
const UNREMEMBERED = plain("unremembered");

/** @param place among the shard's batches */
export function endedAt(fates: Fates, place: number): Ended {
  if (place >= fates.capacity) return UNREMEMBERED;
  const kind = fates.kindAt(place);
  if (kind !== "failed" && kind !== "unknown") return PLAIN[kind];
  const fate = fates.at(place);
  if (fate.kind === "failed") return { fate: "failed", reason: fate.reason, code: String(fate.code) };
  return { ...plain("unknown"), code: fate.kind === "unknown" ? String(fate.code) : null };
}

/** Whether rows of it may show up later: nobody has said that its insert is over. */
export const mayLandYet = ({ fate, code }: Ended): boolean =>
  fate === "unremembered" || (fate === "unknown" && !isFinalNumber(Number(code)));

type Counting = { -readonly [K in keyof FateCount]: FateCount[K] };

export class Tally {
  readonly #counts = new Map<string, Counting>();
  /** Millions of batches in a row end alike. */
  #last: Counting | undefined;

  add(ended: Ended, rows: number, held: Held, state: State): void {
    const count = this.#countOf(ended);
    count.batches++;
    count.rows += rows;
    count[state]++;
    count.landed += held.landed;
    count.distinct += held.distinct;
  }

  #countOf(ended: Ended): Counting {
    const { fate, reason, code } = ended;
    const last = this.#last;
    if (last !== undefined && last.fate === fate && last.reason === reason && last.code === code) return last;
    const key = `${fate} ${reason} ${code}`;
    const count = this.#counts.get(key) ?? { ...ended, ...EMPTY };
    this.#counts.set(key, count);
    this.#last = count;
    return count;
  }

  get counts(): readonly FateCount[] {
    return [...this.#counts.values()].map((count) => ({ ...count })).sort(inOrder);
  }
}

/** Of counts: by fate, reason and code. */
export function inOrder(a: Ended, b: Ended): number {
  const names = ({ reason, code }: Ended): string => `${reason} ${code}`;
  return FATE_NAMES.indexOf(a.fate) - FATE_NAMES.indexOf(b.fate) || (names(a) < names(b) ? -1 : 1);
}

const EMPTY = { batches: 0, rows: 0, whole: 0, partial: 0, missing: 0, duplicated: 0, landed: 0, distinct: 0 } as const;

/** What the batches of a run come to, in rows. */
export interface Balance {
  readonly landed: number;
  /** Of acknowledged batches, those that are not there. */
  readonly lost: number;
  /** Surplus copies, and those that were never sent. */
  readonly duplicated: number;
  readonly unknownLanded: number;
  readonly unknownMissing: number;
  readonly failedLanded: number;
  /** Rows of this run's id that it never sent: of batches that were not, or behind the last. */
  readonly neverSent: number;
}

/**
 * landed = acknowledged - lost + unknownLanded + failedLanded + duplicated, and unknown = unknownLanded + unknownMissing.
 * Of batches whose fate is not remembered, as many rows as possible are taken for acknowledged ones.
 *
 * @param strangers rows behind the last that was scheduled
 * @param claimed by the counters, for all batches
 */
export function balance(
  counts: readonly FateCount[],
  strangers: number,
  claimed: { readonly acknowledgedRows: number; readonly unknownRows: number },
): Balance {
  const sum = (fates: readonly FateName[], pick: (count: FateCount) => number): number =>
    counts.filter(({ fate }) => fates.includes(fate)).reduce((total, count) => total + pick(count), 0);
  const due = (fate: FateName): number => sum([fate], ({ rows }) => rows);
  const there = (fate: FateName): number => sum([fate], ({ distinct }) => distinct);
  const neverSent = strangers + sum(["dropped", "unsent"], ({ landed }) => landed);
  const copies = sum(
    ["acknowledged", "failed", "unknown", "unremembered"],
    ({ landed, distinct }) => landed - distinct,
  );
  const isForgetful = due("unremembered") > 0;
  const restAcknowledged = isForgetful ? claimed.acknowledgedRows - due("acknowledged") : 0;
  const restUnknown = isForgetful ? claimed.unknownRows - due("unknown") : 0;
  const restThere = there("unremembered");
  const confirmed = Math.min(restAcknowledged, restThere);
  const resolved = Math.min(restUnknown, restThere - confirmed);
  return {
    landed: counts.reduce((total, count) => total + count.landed, strangers),
    lost: due("acknowledged") - there("acknowledged") + restAcknowledged - confirmed,
    duplicated: copies + neverSent,
    unknownLanded: there("unknown") + resolved,
    unknownMissing: due("unknown") - there("unknown") + restUnknown - resolved,
    failedLanded: there("failed") + restThere - confirmed - resolved,
    neverSent,
  };
}
