// Loaded by `node --import` into every thread of the program under soak: once a second a line of JSON about that thread, to the
// file that SOAK_SAMPLES names. Collects all garbage now and then, to see what is left; changes nothing else of what the thread does,
// and keeps none alive.

import { appendFileSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { isMainThread, threadId } from "node:worker_threads";

/** One second of one thread. Bytes and milliseconds. */
export interface Sample {
  /** main, worker 1, worker 2 … */
  readonly thread: string;
  readonly atMs: number;
  /** Of the whole process. */
  readonly rss: number;
  readonly heapUsed: number;
  /** Of these, what is left when all garbage is collected; null: it was not, in this second. */
  readonly heapLive: number | null;
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

/** All garbage is collected once in so many seconds: in between it grows as it would. */
export const COLLECTS_EVERY_S = 10;

const file = process.env.SOAK_SAMPLES;
if (file !== undefined) {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  let seconds = 0;
  const take = (): void => {
    seconds++;
    const { rss, heapUsed, external } = process.memoryUsage();
    const resources: Record<string, number> = {};
    for (const kind of process.getActiveResourcesInfo()) resources[kind] = (resources[kind] ?? 0) + 1;
    const beyondMs = (ns: number): number => Math.max(0, ns / 1e6 - RESOLUTION_MS);
    const [delayP99Ms, delayMaxMs] = [beyondMs(delay.percentile(99)), beyondMs(delay.max)];
    const sample: Sample = {
      thread: isMainThread ? "main" : `worker ${threadId}`,
      atMs: Date.now(),
      rss,
      heapUsed,
      heapLive: seconds % COLLECTS_EVERY_S === 0 ? heapAfter(collect) : null,
      external,
      resources,
      delayP99Ms,
      delayMaxMs,
    };
    // The pause of a collection is the probe's.
    delay.reset();
    appendFileSync(file, `${JSON.stringify(sample)}\n`);
  };
  setInterval(take, INTERVAL_MS).unref();
}

function heapAfter(collect: () => void): number {
  collect();
  return process.memoryUsage().heapUsed;
}
