// The run over time: points at whole seconds of the run's clock, from snapshots. Called by run.ts; main thread.

import type { Snapshot, Snapshots } from "../snapshot.js";
import { lastPoint, pointAfter } from "../snapshot.js";
import type { Point } from "./schema.js";

const NS = 1e9;

export class Series {
  readonly points: Point[] = [];
  readonly #snapshots: Snapshots;
  readonly #warmupNs: number;
  #second = 0;

  constructor(snapshots: Snapshots, warmupNs: number) {
    this.#snapshots = snapshots;
    this.#warmupNs = warmupNs;
  }

  /** May be called at any time: makes a point when one has come to its end since. */
  at(nowNs: number): void {
    const second = lastPoint(this.#second, Math.floor(nowNs / NS));
    if (second > this.#second) this.#add(this.#snapshots.take(nowNs, second * NS), second);
  }

  /** What is left when the run is over is the last point's, if it is anything. */
  end(nowNs: number): void {
    const second = pointAfter(lastPoint(this.#second, Math.floor(nowNs / NS)));
    const rest = this.#snapshots.take(nowNs, Number.POSITIVE_INFINITY);
    if (!isIdle(rest) || this.points.length === 0) this.#add(rest, second);
    // Workers may have gone on with something else, such as their last traces.
    for (let last = this.points.at(-1); last !== undefined && isIdle(last); last = this.points.at(-1)) {
      if ((last.t_s - last.seconds) * NS < rest.totals.lastAnswerNs || this.points.length === 1) break;
      this.points.pop();
    }
  }

  #add(snapshot: Snapshot, second: number): void {
    this.points.push({
      t_s: second,
      seconds: second - this.#second,
      warmup: this.#second * NS < this.#warmupNs,
      scheduled: snapshot.scheduled,
      rows: snapshot.rows,
      inserts: snapshot.inserts,
      errors: snapshot.errors,
      latency_ms: snapshot.latency,
      service_ms: snapshot.service,
      in_flight: snapshot.totals.inFlight,
      lag_ms: snapshot.totals.lagNs / 1e6,
      cpu_s: snapshot.cpuS,
    });
    this.#second = second;
  }
}

const isIdle = ({ inserts, scheduled }: { readonly inserts: number; readonly scheduled: number }): boolean =>
  inserts === 0 && scheduled === 0;
