// The discarding endpoint of the second rung, from outside: starts its thread, says where it listens and what it counted.

import { Worker } from "node:worker_threads";
import { type Endpoint, endpointOf } from "../endpoint.js";

export interface Discarded {
  readonly bodies: number;
  readonly bytes: number;
}

export interface Discarder {
  readonly endpoint: Endpoint;
  /** So far. */
  counted(): Discarded;
  close(): Promise<void>;
}

/** Cells that the thread (workers/discarder.ts) shares with us. */
export const COUNT = { bodies: 0, bytes: 1, cells: 2 } as const;

/** Rejects with a sentence where it has no port. */
export async function startDiscarder(): Promise<Discarder> {
  const shared = new SharedArrayBuffer(COUNT.cells * Float64Array.BYTES_PER_ELEMENT);
  const counts = new Float64Array(shared);
  const thread = new Worker(new URL("../../workers/discarder.js", import.meta.url), { workerData: shared });
  const port = await new Promise<number>((resolve, reject) => {
    thread.once("message", (said: number | string) => {
      if (typeof said === "number") resolve(said);
      else reject(new Error(`the discarding endpoint of the ladder cannot listen at 127.0.0.1: ${said}`));
    });
    thread.on("error", reject);
  }).catch(async (error: unknown) => {
    await thread.terminate();
    throw error;
  });
  return {
    endpoint: endpointOf(new URL(`http://127.0.0.1:${port}`), { user: "default", password: "" }),
    counted: () => ({ bodies: counts[COUNT.bodies] ?? 0, bytes: counts[COUNT.bytes] ?? 0 }),
    close: async () => void (await thread.terminate()),
  };
}
