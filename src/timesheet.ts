// What a worker's time goes into from its first measured batch on, and whose it was when batches were late. Called by the
// worker's loop; has no clock of its own, and judges nothing: limits.ts does.

import { type EventLoopUtilization, performance } from "node:perf_hooks";
import type { Clock } from "./clock.js";
import { OVERDUE_NS, type WorkerCounters } from "./counters.js";
import type { Batch } from "./schedule.js";

/** A time in which there was no place among the inserts in flight. */
export type Wait = readonly [fromNs: number, toNs: number];

/** It is told so often: asking for the event loop's share takes a microsecond or two. */
const TELL_NS = 100_000_000;

/** Watches what is measured. */
export interface Watcher {
  begin(clock: Pick<Clock, "now">): void;
  end(): void;
}

export class Timesheet {
  readonly #own: WorkerCounters;
  readonly #spent = { renderingNs: 0, waitingNs: 0, delayedNs: 0 };
  #loopAtStart: EventLoopUtilization | undefined;
  /** When the batch before was sent, dropped or given up. */
  #lastGoneNs = 0;
  #toldNs = 0;

  readonly #watchers: readonly Watcher[];

  /** @param watchers none on virtual time, which knows nothing of CPUs and networks */
  constructor(own: WorkerCounters, watchers: readonly Watcher[] = []) {
    this.#own = own;
    this.#watchers = watchers;
  }

  /** A measured batch is taken up. */
  begin(clock: Pick<Clock, "now">): void {
    if (this.#loopAtStart !== undefined) return;
    this.#loopAtStart = performance.eventLoopUtilization();
    for (const watcher of this.#watchers) watcher.begin(clock);
  }

  /** The last insert is over. */
  end(): void {
    for (const watcher of this.#watchers) watcher.end();
  }

  rendered(ns: number): void {
    this.#spent.renderingNs += ns;
  }

  /**
   * A batch is sent, dropped or given up. Of the time since it was overdue and the one before it was gone, what was spent
   * waiting for a place, and the rest, which nobody but this worker can be blamed for.
   */
  left({ dueNs, measured }: Batch, nowNs: number, waits: readonly Wait[]): void {
    const sinceNs = Math.max(dueNs + OVERDUE_NS, this.#lastGoneNs);
    this.#lastGoneNs = nowNs;
    if (nowNs <= sinceNs || !measured) return;
    const waitingNs = waits.reduce((sum, [fromNs, toNs]) => sum + Math.max(0, toNs - Math.max(fromNs, sinceNs)), 0);
    this.#spent.waitingNs += waitingNs;
    this.#spent.delayedNs += nowNs - sinceNs - waitingNs;
  }

  /** Puts it where the main thread reads it, if that was not done a moment ago. */
  tellNow(nowNs: number): void {
    if (nowNs - this.#toldNs > TELL_NS) this.tell(nowNs);
  }

  tell(nowNs: number): void {
    if (this.#loopAtStart === undefined) return;
    this.#toldNs = nowNs;
    const { active, idle } = performance.eventLoopUtilization(this.#loopAtStart);
    this.#own.spent({ ...this.#spent, busyNs: active * 1e6, idleNs: idle * 1e6 });
  }
}
