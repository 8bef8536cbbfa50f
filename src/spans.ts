// What becomes of spans: a closed set, counted in shared memory. Pure.

/** Why spans are lost. */
export const SPAN_LOSSES = ["queue_full", "rejected", "failed", "unflushed"] as const;
/**
 * queue_full: more ended than the collector took; rejected: it took their batch without them; failed: it did not take their
 * batch; unflushed: they were still on their way at the end.
 */
export type SpanLoss = (typeof SPAN_LOSSES)[number];

export const SPAN_OUTCOMES = ["exported", ...SPAN_LOSSES] as const;
export type SpanOutcome = (typeof SPAN_OUTCOMES)[number];

/** Begun is, in the end, the sum of all outcomes. */
export interface SpanTotals extends Readonly<Record<SpanOutcome, number>> {
  readonly begun: number;
}

export const spansLost = (spans: Readonly<Record<SpanLoss, number>>): number =>
  SPAN_LOSSES.reduce((sum, loss) => sum + spans[loss], 0);

/** Of those that began, what has no outcome yet. */
export const spansPending = (spans: SpanTotals): number => spans.begun - spans.exported - spansLost(spans);
