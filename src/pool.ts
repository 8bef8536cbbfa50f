// The worker threads: one long task a thread. The only file that knows piscina.

import { setImmediate as endOfTurn } from "node:timers/promises";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { Piscina } from "piscina";
import type { LoaderTask } from "../workers/loader.js";
import { Clock } from "./clock.js";
import type { Counters } from "./counters.js";
import type { TracedTimes } from "./exemplars.js";
import { systemSentence } from "./faults.js";
import type { FromWorker, Notice, ToWorker } from "./messages.js";
import { OptionsError } from "./options.js";
import type { Plan } from "./plan.js";
import { count } from "./text.js";

/** Between everybody ready and the start: time for the word to get round. */
const LEAD_NS = 20_000_000n;
/** An interrupt ends the schedule so much later, when every worker can have seen it. */
const NOTICE_NS = 10_000_000;

export type { Notice } from "./messages.js";

/** A load under way. */
export class Load {
  /** Nanoseconds since the start, the same as in the workers. */
  readonly clock: Clock;
  /** The time of day at the start. */
  readonly startedAt: Date;
  /** The same, in nanoseconds since the epoch. */
  readonly startEpochNs: bigint;
  /** Resolves when all workers are done; with the first error, when one crashed. */
  readonly finished: Promise<Error | undefined>;
  readonly #pool: Piscina;
  readonly #ports: readonly MessagePort[];
  readonly #counters: Counters;
  /** At the start: one that crashed is replaced in the pool by one that has nothing to do. */
  readonly #threads: Piscina["threads"];
  readonly #idle: { active: number; idle: number }[];

  constructor(
    pool: Piscina,
    ports: readonly MessagePort[],
    { counters, goesOnAfterCrash }: Plan,
    startNs: bigint,
    startEpochNs: bigint,
    tasks: readonly Promise<void>[],
    onNotice: (notice: Notice) => void,
  ) {
    this.#pool = pool;
    this.#ports = ports;
    this.#counters = counters;
    this.clock = new Clock(startNs);
    this.startedAt = new Date(Number(startEpochNs / 1_000_000n));
    this.startEpochNs = startEpochNs;
    this.#threads = [...pool.threads];
    this.#idle = this.#threads.map(() => ({ active: 0, idle: 0 }));
    this.finished = this.#finish(tasks, goesOnAfterCrash, onNotice);
  }

  async #finish(
    tasks: readonly Promise<void>[],
    goesOnAfterCrash: boolean,
    onNotice: (notice: Notice) => void,
  ): Promise<Error | undefined> {
    let failure: Error | undefined;
    const watched = tasks.map((task, worker) =>
      task.catch((error: unknown) => {
        // Nobody writes there any more: what was due next would be later and later.
        this.#counters.worker(worker).nextDue(Number.POSITIVE_INFINITY);
        failure ??= error instanceof Error ? error : new Error(String(error));
        onNotice({ kind: "crashed", sentence: failure.message });
        // What the others have in flight is still counted.
        if (!goesOnAfterCrash) this.end(0n);
      }),
    );
    await Promise.all(watched);
    // What a worker said last lies in its port while the end of its task is heard: a port that is closed drops it.
    await endOfTurn();
    for (const port of this.#ports) port.close();
    await this.#pool.destroy();
    return failure;
  }

  /**
   * Ends the schedule now, as if the duration were over, or at a later time. Rows due after that are never scheduled; due ones go
   * on being sent for at most `drainNs` more.
   */
  end(drainNs: bigint, atNs = 0): void {
    // Before the start there is time enough.
    const endNs = BigInt(Math.round(Math.max(0, this.clock.now() + NOTICE_NS, atNs)));
    if (endNs < this.#counters.endNs) this.#counters.endNs = endNs;
    if (endNs + drainNs < this.#counters.drainedNs) this.#counters.drainedNs = endNs + drainNs;
    for (const port of this.#ports) port.postMessage({ kind: "wake" } satisfies ToWorker);
  }

  /** For each thread, the share of time since the last call in which its event loop was busy, 0 to 1. */
  utilization(): readonly number[] {
    return this.#threads.map((thread, index) => {
      if (!this.#pool.threads.includes(thread)) return 0;
      const now = thread.performance.eventLoopUtilization();
      const last = this.#idle[index] ?? { active: 0, idle: 0 };
      this.#idle[index] = { active: now.active, idle: now.idle };
      const active = now.active - last.active;
      const elapsed = active + now.idle - last.idle;
      return elapsed > 0 ? active / elapsed : 0;
    });
  }
}

/** The time for the start has passed before everything was ready. */
export class LateStartError extends Error {
  constructor(readonly lateNs: bigint) {
    super("the time for the start has passed");
  }
}

/** Throws an OptionsError where the system does not let so many be started. */
function startThreads(threads: number): Piscina {
  try {
    return new Piscina({
      filename: new URL("../workers/loader.js", import.meta.url).href,
      minThreads: threads,
      maxThreads: threads,
    });
  } catch (error) {
    throw explained(error, threads);
  }
}

function explained(error: unknown, threads: number): unknown {
  const why = systemSentence(error);
  return why === undefined ? error : new OptionsError([`${count(threads, "worker thread")} cannot be started: ${why}`]);
}

/**
 * Starts a thread a plan and, once all are ready, the load, or at `startAtNs` (since the epoch). Rejects when a worker cannot
 * get ready, with an OptionsError where there are not the threads or the memory for it, with a LateStartError when it is too late.
 *
 * @param onTraced hears of some of the inserts that are traced
 */
export async function startLoad(
  plan: Plan,
  onNotice: (notice: Notice) => void,
  startAtNs?: bigint,
  onTraced: (times: TracedTimes) => void = () => undefined,
): Promise<Load> {
  const pool = startThreads(plan.workers.length);
  const tasks: Promise<void>[] = [];
  const ready: Promise<void>[] = [];
  const ports: MessagePort[] = [];
  for (const workerPlan of plan.workers) {
    const { port1, port2 } = new MessageChannel();
    ports.push(port1);
    const task = pool.run({ plan: workerPlan, port: port2 } satisfies LoaderTask, { transferList: [port2] });
    tasks.push(task);
    ready.push(
      new Promise((resolve, reject) => {
        task.catch(reject);
        port1.on("message", (message: FromWorker) => {
          if (message.kind === "ready") resolve();
          else if (message.kind === "exemplar") onTraced(message.times);
          else onNotice(message);
        });
      }),
    );
  }
  try {
    await Promise.all(ready);
  } catch (error) {
    await pool.destroy();
    throw explained(error, plan.workers.length);
  }
  // Both clocks are read at once: rows are stamped by the one, sent by the other.
  const epochNs = BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n;
  const hrtimeNs = process.hrtime.bigint();
  const startEpochNs = startAtNs ?? epochNs + LEAD_NS;
  const startNs = hrtimeNs + startEpochNs - epochNs;
  if (startNs < hrtimeNs + LEAD_NS) {
    await pool.destroy();
    throw new LateStartError(epochNs + LEAD_NS - startEpochNs);
  }
  for (const port of ports) port.postMessage({ kind: "start", startNs, startEpochNs } satisfies ToWorker);
  return new Load(pool, ports, plan, startNs, startEpochNs, tasks, onNotice);
}
