// The same rows as objects, made afresh one by one, as a program without a row program would make them: what
// JSON.stringify and @clickhouse/client are given. Each value is made by the cheapest call Node has for it.

import { randomUUID } from "node:crypto";
import { COUNTRIES, DEVICES, EVENTS, REFERRERS, STATUSES, URLS } from "./web-event.js";

const ACTIONS = ["login", "click", "purchase", "logout"];

const choose = (texts: readonly string[]): string => texts[Math.floor(Math.random() * texts.length)] ?? "";
const between = (from: number, to: number): number => from + Math.floor(Math.random() * (to - from + 1));

/** A row of the default table. */
export function event(timestampMs: number, runId: string, seq: number) {
  return {
    timestamp: timestampMs,
    // Node makes 128 of them at a time: faster than putting one together from Math.random().
    user_id: `user-${randomUUID()}`,
    action: choose(ACTIONS),
    payload: "example-payload",
    run_id: runId,
    seq,
  };
}

/** A row of {@link webEventColumns}. */
export function webEvent(timestampMs: number) {
  return {
    timestamp: timestampMs,
    event_id: randomUUID(),
    user_id: between(1, 9_999_999),
    event: choose(EVENTS),
    url: choose(URLS),
    referrer: choose(REFERRERS),
    country: choose(COUNTRIES),
    device: choose(DEVICES),
    status: choose(STATUSES),
    duration_ms: between(1, 30_000),
  };
}
