// The run's clock: nanoseconds since the start, the same in every thread, and a wait that never ends early and never
// spins. Called by the worker loop.

/** Longer timers are cut into several: Node takes at most 2^31 - 1 ms. */
export const LONGEST_TIMER_MS = 1_000_000_000;

export class Clock {
  readonly #startNs: bigint;
  readonly #waits = new Set<() => void>();

  /** `startNs` is a reading of process.hrtime.bigint(), which counts alike in all threads of a process. */
  constructor(startNs: bigint) {
    this.#startNs = startNs;
  }

  /** Nanoseconds since the start; negative before it. Exact below 104 days. */
  now(): number {
    return Number(process.hrtime.bigint() - this.#startNs);
  }

  /**
   * Resolves at `dueNs` or up to about a millisecond later, or when {@link wake} is called. Timers may fire early, so
   * the clock is looked at again after each.
   */
  async until(dueNs: number): Promise<void> {
    let woken = false;
    for (let leftNs = dueNs - this.now(); leftNs > 0 && !woken; leftNs = dueNs - this.now()) {
      await new Promise<void>((resolve) => {
        const over = (): void => {
          this.#waits.delete(wake);
          resolve();
        };
        const timer = setTimeout(over, Math.min(Math.max(leftNs / 1e6, 1), LONGEST_TIMER_MS));
        const wake = (): void => {
          woken = true;
          clearTimeout(timer);
          over();
        };
        this.#waits.add(wake);
      });
    }
  }

  /** Ends every wait under way. */
  wake(): void {
    for (const wake of [...this.#waits]) wake();
  }
}
