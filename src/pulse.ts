// What held a worker's thread up: it waited for a CPU, or it stood still with the whole process or machine. Meanwhile answers lie
// unread, and that is no time of the server's. The system says how long a thread waited; that it stood still shows in a timer
// that comes late. Runs in a worker; judges nothing: limits.ts does.

import { performance } from "node:perf_hooks";
import type { Clock } from "./clock.js";
import type { WorkerCounters } from "./counters.js";
import { ThreadClock, type ThreadTimes, Throttle } from "./cpu-wait.js";

const BEAT_NS = 20_000_000;
/** After so many beats it says what it knows: reading limits takes a hundred microseconds. */
const BEATS_PER_WORD = 25;
/** Where the thread had its turn so short a time ago, nothing held it up: the system is not asked, which takes some ten microseconds. */
const TURN_NS = 1_500_000;
/** Timers have whole milliseconds. */
const TIMER_NS = 1_500_000;
/** The system brings a thread's time up to date when it leaves the CPU, and every so often. */
const TICK_NS = 5_000_000;

/** Between two looks. */
export interface Interval {
  /** At the second, how late the next beat is; negative before its time. */
  readonly lateNs: number;
  /** Undefined where the system does not say. */
  readonly times: ThreadTimes | undefined;
  /** In which the event loop was busy, whether or not its thread had a CPU. */
  readonly activeNs: number;
}

export interface HoldUp {
  readonly waitedNs: number;
  /** Neither ran nor waited nor slept; where the system does not tell, with the wait for a CPU, as far as it shows in the beat. */
  readonly stoodNs: number;
}

export function holdUpOf({ lateNs, times, activeNs }: Interval): HoldUp {
  const late = Math.max(0, lateNs - TIMER_NS);
  if (times === undefined) return { waitedNs: 0, stoodNs: Math.max(0, late - activeNs) };
  return { waitedNs: times.waitedNs, stoodNs: Math.max(0, late - times.ranNs - times.waitedNs - TICK_NS) };
}

export class Pulse {
  readonly #own: WorkerCounters;
  #clock: Pick<Clock, "now"> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #thread: ThreadClock | undefined;
  #throttle: Throttle | undefined;
  #first: { readonly times: ThreadTimes | undefined; readonly throttledNs: number | undefined } | undefined;
  /** The last look: what held the thread up since the one before. */
  #look = { atNs: 0, times: undefined as ThreadTimes | undefined, activeMs: 0, heldNs: 0 };
  #turnNs = 0;
  #beatNs = 0;
  #beats = 0;
  #stoodNs = 0;

  constructor(own: WorkerCounters) {
    this.#own = own;
  }

  /** What is measured begins. */
  begin(clock: Pick<Clock, "now">): void {
    this.#clock = clock;
    this.#thread = new ThreadClock();
    this.#throttle = new Throttle();
    const times = this.#thread.read();
    this.#first = { times, throttledNs: this.#throttle.read() };
    this.#beatNs = clock.now();
    const activeMs = performance.eventLoopUtilization().active;
    this.#look = { atNs: this.#beatNs, times, activeMs, heldNs: 0 };
    this.#timer = setInterval(() => this.#beat(), BEAT_NS / 1e6);
  }

  /**
   * How long the answer to a request may have lain unread, of the time since it was sent: what held the thread up since it last
   * looked whether there was something to read.
   */
  held(sentNs: number, nowNs: number): number {
    this.look(nowNs);
    return this.#look.atNs > sentNs ? Math.min(this.#look.heldNs, nowNs - sentNs) : 0;
  }

  /** The thread has its turn. */
  look(nowNs: number): void {
    const sinceNs = nowNs - this.#turnNs;
    this.#turnNs = nowNs;
    if (sinceNs >= TURN_NS && this.#timer !== undefined) this.#ask(nowNs);
  }

  #ask(nowNs: number): void {
    const last = this.#look;
    const times = this.#thread?.read();
    // Asked only where nobody else knows: it takes as long again.
    const activeMs = times === undefined ? performance.eventLoopUtilization().active : 0;
    const { waitedNs, stoodNs } = holdUpOf({
      lateNs: nowNs - Math.max(last.atNs, this.#beatNs + BEAT_NS),
      times: between(last.times, times),
      activeNs: (activeMs - last.activeMs) * 1e6,
    });
    this.#stoodNs += stoodNs;
    this.#look = { atNs: nowNs, times, activeMs, heldNs: waitedNs + stoodNs };
  }

  #beat(): void {
    const nowNs = this.#clock?.now() ?? 0;
    this.#turnNs = nowNs;
    this.#ask(nowNs);
    this.#beatNs = nowNs;
    this.#beats++;
    if (this.#beats % BEATS_PER_WORD === 0) this.#tell();
  }

  #tell(): void {
    const spent = between(this.#first?.times, this.#look.times);
    const [before, after] = [this.#first?.throttledNs, this.#throttle?.read()];
    this.#own.held({
      ranNs: spent?.ranNs,
      waitedNs: spent?.waitedNs,
      stoodNs: this.#stoodNs,
      throttledNs: before === undefined || after === undefined ? undefined : after - before,
    });
  }

  /** What is measured is over: every insert is. */
  end(): void {
    if (this.#timer === undefined) return;
    this.#beat();
    this.#tell();
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#thread?.close();
  }
}

const between = (before: ThreadTimes | undefined, after: ThreadTimes | undefined): ThreadTimes | undefined =>
  before && after && { ranNs: after.ranNs - before.ranNs, waitedNs: after.waitedNs - before.waitedNs };
