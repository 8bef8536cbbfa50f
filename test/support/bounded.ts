// A bound on time that also ends a loop that never does: a watchdog on the engine, not a timer beside it.

import { createContext, Script } from "node:vm";

const context: { work: () => unknown } = createContext({ work: () => undefined }) as never;
const call = new Script("work()");

/** What `work`, which is synchronous, returns or throws; an Error with code ERR_SCRIPT_EXECUTION_TIMEOUT when it takes longer. */
export function within<T>(limitMs: number, work: () => T): T {
  context.work = work;
  return call.runInContext(context as never, { timeout: limitMs }) as T;
}

/** What the promise gives; rejects when that takes longer. */
export async function settledWithin<T>(limitMs: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not settled within ${limitMs} ms`)), limitMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
