// Where the load stands: once a second for whoever watches, and at the points of a report's series. Main thread.

import { encodeIntoCompressedBase64 } from "hdr-histogram-js";
import type { Counters, Totals } from "./counters.js";
import { difference, emptyHistogram, type Latency, summarize } from "./latency.js";

/** All but the totals is of the time since the snapshot before. */
export interface Snapshot {
  /** Nanoseconds since the start. */
  readonly atNs: number;
  readonly totals: Totals;
  /** Rows that were due. */
  readonly scheduled: number;
  /** Rows that were due by now and have no outcome, wherever they wait; 0 where nobody says what is due. */
  readonly unanswered: number;
  /** Rows acknowledged. */
  readonly rows: number;
  readonly rowsPerSecond: number;
  /** Inserts with an outcome, and those of them that failed or whose outcome is unknown. */
  readonly inserts: number;
  readonly errors: number;
  /** Due to answered, or sent to answered in a closed loop. */
  readonly latency: Encoded;
  /** Sent to answered. */
  readonly service: Encoded;
  readonly cpuS: number;
}

export interface Encoded extends Latency {
  /** The histogram itself, where that was asked for and it is not empty. */
  readonly hdr?: string;
}

const FINE_SECONDS = 3600;

/**
 * The whole second after `second` at which a point of a series ends: each second of the first hour, each other second of
 * the second, then each fourth, doubling whenever the length of the run has. So a series is short however long the run,
 * and that of every shard has the same points.
 */
export function pointAfter(second: number): number {
  let spacing = 1;
  for (let until = FINE_SECONDS; second >= until; until *= 2) spacing *= 2;
  return (Math.floor(second / spacing) + 1) * spacing;
}

/** The last of these up to `second`, which is past `point`, itself one of them; or `point`. */
export function lastPoint(point: number, second: number): number {
  let last = point;
  for (let next = pointAfter(last); next <= second; next = pointAfter(last)) last = next;
  return last;
}

/** One kind of latency from snapshot to snapshot. Its histograms are used in turn, for ever: each takes some 190 KB. */
class Stretch {
  #earlier = emptyHistogram();
  #before = emptyHistogram();
  #now = emptyHistogram();
  readonly #rest = emptyHistogram();
  #earlierSumNs = 0;
  #sumNs = 0;

  /** @param fill puts what has been recorded since the start into the histogram it is given */
  since(fill: (sum: ReturnType<typeof emptyHistogram>) => unknown, sumNs: number, encode: boolean): Encoded {
    fill(this.#now);
    const rest = difference(this.#now, this.#before, this.#rest);
    const latency = summarize(rest, sumNs - this.#sumNs);
    [this.#earlier, this.#before, this.#now] = [this.#before, this.#now, this.#earlier];
    [this.#earlierSumNs, this.#sumNs] = [this.#sumNs, sumNs];
    return encode && rest.totalCount > 0 ? { ...latency, hdr: encodeIntoCompressedBase64(rest) } : latency;
  }

  forget(): void {
    [this.#earlier, this.#before] = [this.#before, this.#earlier];
    this.#sumNs = this.#earlierSumNs;
  }
}

export interface SnapshotOptions {
  /** Rows due before a time, in nanoseconds since the start. */
  readonly rowsDueBefore?: (ns: number) => number;
  /** Whether snapshots have their histograms, too: what is to be merged. */
  readonly encode?: boolean;
}

/** Sums at a snapshot. */
interface Taken {
  readonly atNs: number;
  readonly scheduled: number;
  readonly rows: number;
  readonly inserts: number;
  readonly errors: number;
  readonly cpu: NodeJS.CpuUsage;
}

export class Snapshots {
  readonly #counters: Counters;
  readonly #closedLoop: boolean;
  readonly #rowsDueBefore: (ns: number) => number;
  readonly #encode: boolean;
  readonly #latency = new Stretch();
  readonly #service = new Stretch();
  #last: Taken = { atNs: 0, scheduled: 0, rows: 0, inserts: 0, errors: 0, cpu: process.cpuUsage() };
  #earlier = this.#last;

  constructor(counters: Counters, closedLoop: boolean, options: SnapshotOptions = {}) {
    this.#counters = counters;
    this.#closedLoop = closedLoop;
    this.#rowsDueBefore = options.rowsDueBefore ?? (() => 0);
    this.#encode = options.encode ?? false;
  }

  /** @param dueNs up to when rows are due that count as such */
  take(atNs: number, dueNs: number = atNs): Snapshot {
    const counters = this.#counters;
    const totals = counters.totals(atNs);
    const service = this.#service.since(
      (sum) => counters.histogram("service", "whole", sum),
      totals.serviceSumNs,
      this.#encode,
    );
    const latency = this.#closedLoop
      ? service
      : this.#latency.since((sum) => counters.histogram("latency", "whole", sum), totals.latencySumNs, this.#encode);
    const { acknowledged, failed, unknown } = totals.inserts;
    const now = {
      atNs,
      scheduled: this.#rowsDueBefore(dueNs),
      rows: totals.acknowledged,
      inserts: acknowledged + failed + unknown,
      errors: failed + unknown,
      cpu: process.cpuUsage(),
    };
    const last = this.#last;
    this.#earlier = last;
    this.#last = now;
    const cpuUs = now.cpu.user + now.cpu.system - last.cpu.user - last.cpu.system;
    const rows = now.rows - last.rows;
    return {
      atNs,
      totals,
      scheduled: now.scheduled - last.scheduled,
      unanswered: Math.max(0, now.scheduled - totals.acknowledged - totals.failed - totals.unknown - totals.dropped),
      rows,
      rowsPerSecond: atNs > last.atNs ? (rows * 1e9) / (atNs - last.atNs) : 0,
      inserts: now.inserts - last.inserts,
      errors: now.errors - last.errors,
      latency,
      service,
      cpuS: cpuUs / 1e6,
    };
  }

  /** The last snapshot was not taken: the next one is of its time, too. Once a snapshot. */
  forget(): void {
    this.#latency.forget();
    this.#service.forget();
    this.#last = this.#earlier;
  }
}
