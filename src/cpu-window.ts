// What CPU the generator takes, by the part of the run it is taken in: what starting takes, which is much the same for every run, is kept apart
// from what the load takes. Main thread. Looks at the process's clock at the edges of the window, and once a second; where a look comes late, or the
// end has been moved forward, what was taken up to an edge follows from the looks around it.

/** CPU seconds, user and system, of all threads. */
export interface CpuShares {
  /** Until the load starts. */
  readonly startingS: number;
  readonly warmupS: number;
  /** From the end of the warm-up to the end of the schedule. */
  readonly measuredS: number;
  /** After the end of the schedule, until all inserts are over. */
  readonly drainingS: number;
}

/** A reading of the process's CPU time. */
interface Look {
  /** Nanoseconds from the start of the load. */
  readonly atNs: number;
  readonly cpuS: number;
}

const LONGEST_MS = 1000;

export const processCpuS = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

export class CpuWindow {
  readonly #parts: CpuWindowParts;
  readonly #cpuS: () => number;
  /** What had been taken at the start, at the end of the warm-up, at that of the schedule; as far as they have passed. */
  readonly #atEdges: number[] = [];
  #last: Look;
  #timer: NodeJS.Timeout | undefined;

  /** @param cpuS another one than the process's in tests */
  constructor(parts: CpuWindowParts, cpuS = processCpuS) {
    this.#parts = parts;
    this.#cpuS = cpuS;
    this.#last = { atNs: parts.now(), cpuS: cpuS() };
  }

  /** Looks when it is time to, until it is over. */
  watch(): void {
    this.look();
    const next = this.#edges()[this.#atEdges.length];
    if (next === undefined) return;
    const leftMs = Math.max(1, Math.ceil((next - this.#last.atNs) / 1e6));
    this.#timer = setTimeout(() => this.watch(), Math.min(leftMs, LONGEST_MS)).unref();
  }

  look(): void {
    const now = { atNs: this.#parts.now(), cpuS: this.#cpuS() };
    for (const edge of this.#edges().slice(this.#atEdges.length)) {
      if (edge > now.atNs) break;
      this.#atEdges.push(between(this.#last, now, edge));
    }
    this.#last = now;
  }

  /** All workers are done. */
  over(): CpuShares {
    clearTimeout(this.#timer);
    this.look();
    const endS = this.#last.cpuS;
    // An edge that has not come by now never does: the rows were at their end before.
    const [start = endS, from = endS, to = endS] = this.#atEdges;
    return {
      startingS: start - this.#parts.beforeS,
      warmupS: from - start,
      measuredS: to - from,
      drainingS: endS - to,
    };
  }

  /** An end that was moved into the warm-up ends that. */
  #edges(): readonly number[] {
    const endNs = this.#parts.endNs();
    return [0, Math.min(this.#parts.warmUpNs, endNs), endNs];
  }
}

export interface CpuWindowParts {
  /** CPU seconds that had been taken before anything was started. */
  readonly beforeS: number;
  readonly warmUpNs: number;
  /** Nanoseconds since the start of the load, negative before it. */
  now(): number;
  /** The end of the schedule, as it stands: an interrupt moves it forward. */
  endNs(): number;
}

/** In a straight line; an edge that had passed before the first of the two looks counts as there. */
function between(one: Look, other: Look, atNs: number): number {
  const spanNs = other.atNs - one.atNs;
  const share = spanNs > 0 ? Math.min(1, Math.max(0, (atNs - one.atNs) / spanNs)) : 1;
  return one.cpuS + share * (other.cpuS - one.cpuS);
}
