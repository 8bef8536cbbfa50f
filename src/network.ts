// The verdict on what lies between generator and server: did the bodies of inserts take most of what would pass for the server's
// time to leave? Pure; called when a run is over. A generator at its own limit is late to see that a body has left, so that nothing
// is said of the network then.

import type { Books } from "./books.js";
import { bytes, milliseconds, percent } from "./text.js";
import { LEAST_SERVICE_NS } from "./wire.js";

/** So much of the service time, and it is what inserts take. */
const SHARE = 0.5;
/** Fewer looks at inserts in flight tell nothing. */
const LEAST_SEEN = 10;
/** Of the looks at which bytes had not arrived: with more of them stuck, it is the other end that takes no more. */
const STUCK = 0.5;

/** Of the time of inserts in flight. */
export interface Leaving {
  /** In which the body had not left this system; from sums of times. */
  readonly sending: number;
  /** In which bytes had not arrived at the other end; from looks. Undefined: there were too few, or the system does not say. */
  readonly unarrived: number | undefined;
  /** In which the other end took no more. Undefined likewise. */
  readonly stuck: number | undefined;
}

type Judged = Pick<Books, "measured" | "seen">;

export function leavingOf({ measured, seen }: Judged): Leaving {
  const { serviceSumNs, sendingSumNs } = measured.totals;
  const looks = seen.arrived + seen.under_way + seen.stuck;
  const known = looks >= LEAST_SEEN;
  return {
    sending: serviceSumNs > 0 ? sendingSumNs / serviceSumNs : 0,
    unarrived: known ? (seen.under_way + seen.stuck) / looks : undefined,
    stuck: known ? seen.stuck / looks : undefined,
  };
}

/** Why the network was the limit, as sentences; none: it was not, or nobody knows. `limits`: why the generator was. */
export function networkLimitsOf(books: Judged, limits: readonly string[]): string[] {
  if (limits.length > 0) return [];
  const { measured } = books;
  const { totals } = measured;
  const windowNs = measured.toNs - measured.fromNs;
  if (windowNs <= 0 || totals.inserts.acknowledged === 0) return [];
  const { sending, unarrived = 0, stuck = 0 } = leavingOf(books);
  const share = Math.min(1, Math.max(sending, unarrived));
  const meanNs = totals.serviceSumNs / totals.inserts.acknowledged;
  if (share < SHARE || share * meanNs < LEAST_SERVICE_NS) return [];
  const who =
    unarrived > 0 && stuck < STUCK * unarrived
      ? "the network was the limit"
      : "the network was the limit, or a server or proxy that reads slowly";
  const rate = bytes((totals.bytes.sent * 1e9) / Math.max(windowNs, lastedNs(books)));
  return [
    `${who}: bodies took ${percent(share)} of the service time to leave, ${milliseconds((share * meanNs) / 1e6)} each, at ${rate}/s`,
  ];
}

/** From the first of them to the last answer, both of which may lie outside the window. */
const lastedNs = ({ measured: { fromNs, toNs, spanNs, totals } }: Judged): number =>
  totals.lastAnswerNs - Math.min(fromNs, toNs - spanNs);
