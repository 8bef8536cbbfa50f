// What the main thread and its workers say to each other while a load is under way. Types, but for one question.

import type { Code } from "./answer.js";
import type { TracedTimes } from "./exemplars.js";

/** What the main thread tells a worker. */
export type ToWorker =
  /** A reading of process.hrtime.bigint(), and the time since the epoch at that reading. */
  | { readonly kind: "start"; readonly startNs: bigint; readonly startEpochNs: bigint }
  /** The end or the drain's end has moved (counters.ts): look again. */
  | { readonly kind: "wake" };

/** What a worker tells the main thread. */
export type FromWorker =
  | { readonly kind: "ready" }
  /** Of a traced insert, for /metrics: a few a second. */
  | { readonly kind: "exemplar"; readonly times: TracedTimes }
  /** Every permit is out and a due batch waits. Said once. */
  | { readonly kind: "saturated" }
  /** A batch was dropped for being late. Said once. */
  | { readonly kind: "dropping" }
  /** Traces do not arrive. Said once. */
  | { readonly kind: "traces-failed"; readonly sentence: string }
  /** Traces arrive that did not before. Said once. */
  | { readonly kind: "traces-arrive" }
  /** More spans end than the collector takes, and the queue of so many is full. Said once. */
  | { readonly kind: "spans-dropped"; readonly queue: number }
  /** The collector took spans but for so many; 0: all of them, with a word. Said once. */
  | { readonly kind: "spans-rejected"; readonly spans: number; readonly sentence: string }
  /** What the first attempt that failed with this code was told. Said once a code. */
  | { readonly kind: "error"; readonly code: Code; readonly sentence: string }
  /** What the first attempt that is followed by another was told. Said once a code. */
  | { readonly kind: "retrying"; readonly code: Code; readonly endpoint: number; readonly sentence: string }
  /** The endpoint of that number failed, and is left out for a while. Said once an endpoint. */
  | { readonly kind: "left-out"; readonly endpoint: number; readonly sentence: string }
  /** As many inserts in a row as were allowed were not acknowledged. Said once. */
  | { readonly kind: "failing"; readonly sentence: string }
  /** The file that rows come from is not what it was. Said once. */
  | { readonly kind: "no-rows"; readonly sentence: string }
  /** Inserts will never work. Said once. */
  | { readonly kind: "refused"; readonly sentence: string };

/** What the main thread hears of a load: from its workers, and of one that speaks no more. */
export type Notice =
  | Exclude<FromWorker, { readonly kind: "ready" | "exemplar" }>
  | { readonly kind: "crashed"; readonly sentence: string };

/** Of the same subject a worker speaks once, and one of the workers is enough. */
export function subjectOf(message: FromWorker | Notice): string {
  if (message.kind === "error" || message.kind === "retrying") return `${message.kind} ${message.code}`;
  return message.kind === "left-out" ? `left-out ${message.endpoint}` : message.kind;
}
