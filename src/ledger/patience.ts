// Asks a replica until it answers: at the end of a run that broke things a server may just be starting again. Main thread.

import { setTimeout as sleep } from "node:timers/promises";
import type { Code } from "../answer.js";
import { type Endpoint, shown } from "../endpoint.js";
import { ENDPOINT_FAULTS } from "../rotation.js";
import { execute, ImpossibleError, type Patience, ServerError } from "../server.js";
import type { Replica } from "../stores.js";
import { PATIENCE } from "./questions.js";

/** What passes when a server has started, or has less to do. */
const PASSING: ReadonlySet<Code> = new Set<Code>([
  ...ENDPOINT_FAULTS,
  "http_429",
  "other",
  202, // TOO_MANY_SIMULTANEOUS_QUERIES
  210, // NETWORK_ERROR
  241, // MEMORY_LIMIT_EXCEEDED: merges and inserts of the run end by and by.
]);

/** How long somebody who does not answer is asked again. */
export interface Waiting {
  readonly forMs: number;
  readonly everyMs: number;
  /** Whether anybody is there is to be answered so soon: what comes then may take minutes. */
  readonly aliveMs: number;
  /** Hears once, in a sentence, that somebody is waited for. */
  readonly onWait?: (sentence: string) => void;
  /** Aborted: nobody wants the answer any more; questions and pauses reject with an AbortError or its reason. */
  readonly signal?: AbortSignal;
}

export const WAITING: Waiting = { forMs: 30_000, everyMs: 500, aliveMs: 5000 };

/**
 * The answer of the first endpoint that gives one. Throws what the last one asked said: at once where none of them had a
 * fault that passes, where a question takes too long, and where an answer cannot be.
 */
export async function patiently<T>(
  { endpoints }: Replica,
  question: (endpoint: Endpoint, patience: Patience) => Promise<T>,
  { forMs, everyMs, aliveMs, onWait, signal }: Waiting,
): Promise<T> {
  const abort = signal === undefined ? {} : { signal };
  const patience: Patience = { ...PATIENCE, ...abort, ...(onWait !== undefined && { onSlow: onWait }) };
  const endMs = performance.now() + forMs;
  for (let round = 0; ; round++) {
    let last: unknown;
    let mayPass = false;
    for (const [index, endpoint] of endpoints.entries()) {
      let isAlive = false;
      try {
        await execute(endpoint, "SELECT 1 FORMAT Null", {}, { timeoutMs: aliveMs, ...abort });
        isAlive = true;
        return await question(endpoint, patience);
      } catch (error) {
        if (!(error instanceof ServerError) || signal?.aborted) throw error;
        if (error instanceof ImpossibleError || (isAlive && error.code === "timeout")) throw error;
        last = error;
        const passes = PASSING.has(error.code);
        mayPass ||= passes;
        if (passes && round === 0 && index === 0) {
          onWait?.(`the ledger waits for ${shown(endpoint)}, up to ${forMs / 1000} s: ${error.message}`);
        }
      }
    }
    if (!mayPass || performance.now() >= endMs) throw last;
    await sleep(everyMs, undefined, abort);
  }
}
