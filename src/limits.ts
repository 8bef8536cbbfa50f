// The verdict on ourselves: was the generator the limit of this run, so that its figures are none about the server? Pure;
// called when a run is over.
//
// A worker that is not at its limit is idle most of the time: it waits for due times or, when the server is slower than the
// rate, for a place among the inserts in flight. So it is the limit when it was hardly ever idle and the rate was missed, or
// when batches were late though there was room for them.

import type { Books } from "./books.js";
import { percent } from "./text.js";

/** An event loop as busy as this has no time left to speak of: what goes on in the system takes the rest. */
const BUSY = 0.9;
/** Of its rate a run keeps so much, or it has missed it. */
const KEPT = 0.99;
/** More than this share of the time, and the 99th percentile of the latency is made of it. */
const SHARE_OF_TIME = 0.01;
/** And only where lateness is so much of the latency does it matter. */
const SHARE_OF_LATENCY = 0.5;

/** Why the generator was the limit, as sentences; none: it was not. */
export function limitsOf({
  measured,
  shares,
  latency,
  lateness,
}: Pick<Books, "measured" | "shares" | "latency" | "lateness">): string[] {
  const measuredNs = measured.toNs - measured.fromNs;
  if (measuredNs <= 0 || shares.length === 0) return [];
  const busiest = Math.max(...shares.map(({ busyNs, idleNs }) => (busyNs > 0 ? busyNs / (busyNs + idleNs) : 0)));
  const [waitingNs, delayedNs] = [sum(shares, "waitingNs"), sum(shares, "delayedNs")];
  const busySentence = `a worker's event loop was busy ${percent(busiest)} of the time: more --workers, on more cores, would send more`;
  // Compressing keeps other threads busy, and the event loop idle.
  const making = Math.max(...shares.map(({ renderingNs }) => renderingNs)) / measuredNs;
  const makingSentence = `a worker was rendering and compressing for ${percent(making)} of the time: more --workers, on more cores, would send more`;
  const atLimit = busiest >= BUSY ? [busySentence] : making >= BUSY ? [makingSentence] : [];
  // A closed loop sends whenever it can.
  if (latency === undefined || lateness === undefined) return atLimit;

  const { scheduled, totals, answered } = measured;
  const refused = totals.failed + totals.unknown;
  const isMissed = answered + refused < KEPT * scheduled || totals.dropped > 0;
  if (isMissed && atLimit.length > 0) return atLimit;
  const late = `batches were due and not sent for ${percent(delayedNs / shares.length / measuredNs)} of the time though there was room among the inserts in flight`;
  if (isMissed && delayedNs > waitingNs) return [late];
  const isInLatency =
    delayedNs > SHARE_OF_TIME * measuredNs * shares.length &&
    delayedNs > waitingNs &&
    lateness.getValueAtPercentile(99) >= SHARE_OF_LATENCY * latency.getValueAtPercentile(99);
  return isInLatency ? [`${late}: their latency is the generator's own`] : [];
}

const sum = (shares: Books["shares"], name: "waitingNs" | "delayedNs"): number =>
  shares.reduce((total, share) => total + share[name], 0);
