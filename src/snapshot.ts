// Where the load stands, once a second: what progress, report and, later, other watchers are made from. Main thread.

import type { Counters, Totals } from "./counters.js";
import { difference, emptyHistogram, type Latency, summarize } from "./latency.js";

export interface Snapshot {
  /** Nanoseconds since the start. */
  readonly atNs: number;
  readonly totals: Totals;
  /** Rows acknowledged since the snapshot before. */
  readonly rows: number;
  readonly rowsPerSecond: number;
  /** Of the inserts answered since the snapshot before: due to answered, or sent to answered in a closed loop. */
  readonly latency: Latency;
}

export class Snapshots {
  readonly #counters: Counters;
  readonly #closedLoop: boolean;
  // Used in turn, for ever: a histogram takes some 190 KB, and a second is soon over.
  #before = emptyHistogram();
  #now = emptyHistogram();
  readonly #rest = emptyHistogram();
  #sumNs = 0;
  #rows = 0;
  #atNs = 0;

  constructor(counters: Counters, closedLoop: boolean) {
    this.#counters = counters;
    this.#closedLoop = closedLoop;
  }

  take(atNs: number): Snapshot {
    const totals = this.#counters.totals(atNs);
    const histogram = this.#counters.histogram(this.#closedLoop ? "service" : "latency", "whole", this.#now);
    const sumNs = this.#closedLoop ? totals.serviceSumNs : totals.latencySumNs;
    const rows = totals.acknowledged - this.#rows;
    const snapshot: Snapshot = {
      atNs,
      totals,
      rows,
      rowsPerSecond: atNs > this.#atNs ? (rows * 1e9) / (atNs - this.#atNs) : 0,
      latency: summarize(difference(histogram, this.#before, this.#rest), sumNs - this.#sumNs),
    };
    this.#now = this.#before;
    this.#before = histogram;
    this.#sumNs = sumNs;
    this.#rows = totals.acknowledged;
    this.#atNs = atNs;
    return snapshot;
  }
}
