// The run over time: points at whole seconds of the run's clock, and one at its end, from snapshots. Called by watch.ts; main thread.

import type { Snapshot, Snapshots } from "../snapshot.js";
import { lastPoint, pointAfter } from "../snapshot.js";
import type { Point } from "./schema.js";

const NS = 1e9;

export class Series {
  readonly points: Point[] = [];
  readonly #snapshots: Snapshots;
  readonly #warmupNs: number;
  readonly #isShard: boolean;
  #second = 0;

  /** @param isShard its points are to be merged with those of others, which end at another time */
  constructor(snapshots: Snapshots, warmupNs: number, isShard: boolean) {
    this.#snapshots = snapshots;
    this.#warmupNs = warmupNs;
    this.#isShard = isShard;
  }

  /** May be called at any time: makes a point when one has come to its end since. */
  at(nowNs: number): void {
    const second = lastPoint(this.#second, Math.floor(nowNs / NS));
    if (second > this.#second) this.#add(this.#snapshots.take(nowNs, second * NS), second);
  }

  /**
   * The last point ends with the run, at `endNs`. What is left since the one before is a point of its own or, where that would be less than half
   * as long as others, a part of the one before: of a few milliseconds there is no rate to speak of. Of shards merge does that.
   */
  end(nowNs: number, endNs: number): void {
    // Where no more rows were to come, workers are done before the schedule's end.
    const doneS = pointAfter(lastPoint(this.#second, Math.floor(nowNs / NS)));
    const endS = nowNs < endNs ? Math.min(endNs / NS, doneS) : endNs / NS;
    if (this.#leaveOutIdle(endS)) return;
    if (!this.#isShard && this.points.length > 0 && isShort(this.#second, endS)) {
      this.#snapshots.forget();
      this.#takeBack();
    }
    const rest = this.#snapshots.take(nowNs, Number.POSITIVE_INFINITY);
    this.#add(rest, [endS, nowNs / NS].find((second) => second > this.#second) ?? pointAfter(this.#second));
  }

  /** Workers may have gone on with something else, such as their last traces. Returns whether they have. */
  #leaveOutIdle(endS: number): boolean {
    const begin = ({ t_s, seconds }: Point): number => t_s - seconds;
    const { length } = this.points;
    for (let last = this.points.at(-1); last !== undefined && isIdle(last); last = this.points.at(-1)) {
      if (begin(last) < endS || this.points.length === 1) break;
      this.#takeBack();
    }
    if (this.points.length === length) return false;
    const last = this.#takeBack();
    if (last !== undefined) this.#push({ ...last, t_s: endS, seconds: endS - begin(last) });
    return true;
  }

  #takeBack(): Point | undefined {
    const last = this.points.pop();
    this.#second = this.points.at(-1)?.t_s ?? 0;
    return last;
  }

  #add(snapshot: Snapshot, second: number): void {
    this.#push({
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
  }

  #push(point: Point): void {
    this.points.push(point);
    this.#second = point.t_s;
  }
}

/** Whether a point from a whole second on would be less than half as long as others. */
export const isShort = (second: number, endS: number): boolean => endS - second < (pointAfter(second) - second) / 2;

const isIdle = ({ inserts, scheduled }: { readonly inserts: number; readonly scheduled: number }): boolean =>
  inserts === 0 && scheduled === 0;
