// Loaded by `node --import` into every thread of the program under soak: once a second a line of JSON about that thread, to the
// file that SOAK_SAMPLES names. Changes nothing of what the thread does, and keeps none alive.

import { appendFileSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { isMainThread, threadId } from "node:worker_threads";

/** One second of one thread. Bytes and milliseconds. */
export interface Sample {
  /** main, worker 1, worker 2 … */
  readonly thread: string;
  readonly atMs: number;
  /** Of the whole process. */
  readonly rss: number;
  readonly heapUsed: number;
  /** What is outside of the heap: buffers, compiled code. */
  readonly external: number;
  /** What keeps the thread's event loop busy, by kind: TCPSocketWrap, Timeout … */
  readonly resources: Readonly<Record<string, number>>;
  /** By which a timer was late, within that second. */
  readonly delayP99Ms: number;
  readonly delayMaxMs: number;
}

const INTERVAL_MS = 1000;
/** Of the probe's own histogram: delays are told beyond it. */
const RESOLUTION_MS = 10;

const file = process.env.SOAK_SAMPLES;
if (file !== undefined) {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  const take = (): void => {
    const { rss, heapUsed, external } = process.memoryUsage();
    const resources: Record<string, number> = {};
    for (const kind of process.getActiveResourcesInfo()) resources[kind] = (resources[kind] ?? 0) + 1;
    const beyondMs = (ns: number): number => Math.max(0, ns / 1e6 - RESOLUTION_MS);
    const sample: Sample = {
      thread: isMainThread ? "main" : `worker ${threadId}`,
      atMs: Date.now(),
      rss,
      heapUsed,
      external,
      resources,
      delayP99Ms: beyondMs(delay.percentile(99)),
      delayMaxMs: beyondMs(delay.max),
    };
    delay.reset();
    appendFileSync(file, `${JSON.stringify(sample)}\n`);
  };
  setInterval(take, INTERVAL_MS).unref();
}
