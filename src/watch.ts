// A run under way, seen from the main thread: shows a snapshot each second, keeps the series of the report, ends the run on an
// interrupt or where it cannot reach its rate. Called by run.ts.

import { Abort } from "./abort.js";
import { elapsedNs } from "./books.js";
import { LONGEST_TIMER_MS } from "./clock.js";
import type { Options } from "./options.js";
import type { Plan } from "./plan.js";
import type { Load } from "./pool.js";
import type { Progress } from "./progress.js";
import type { Point } from "./report/schema.js";
import { Series } from "./report/series.js";
import { claimedRows } from "./schedule.js";
import { Snapshots } from "./snapshot.js";

/** A server that says nothing for so long is taken to be behind. */
const SILENCE_NS = 20e9;

export interface Watched {
  readonly progress: Progress;
  readonly interrupt: AbortSignal;
  /** Gets the reason why the run was ended, if it was. */
  readonly problems: string[];
}

/** Resolves when the workers are done, with the points of the series where a report is to be written. */
export async function watch(
  load: Load,
  plan: Plan,
  options: Options,
  { progress, interrupt, problems }: Watched,
): Promise<readonly Point[]> {
  const { schedule, counters } = plan;
  const isClosedLoop = schedule === undefined;
  const live = new Snapshots(counters, isClosedLoop, isClosedLoop ? {} : { rowsDueBefore: rowsDueBy(plan) });
  const series =
    options.reportFile === undefined
      ? undefined
      : new Series(
          new Snapshots(counters, isClosedLoop, {
            rowsDueBefore: rowsDueBy(plan),
            encode: options.shard !== undefined,
          }),
          Number(options.warmUpNs),
          options.shard !== undefined,
        );
  const drain = (): void => {
    progress.say("draining: what is due is still sent; interrupt again to quit at once");
    load.end(options.drainNs);
  };
  if (interrupt.aborted) drain();
  interrupt.addEventListener("abort", drain, { once: true });
  const whyToAbort = abortion(plan, options);
  let shown = 0;
  let timer: NodeJS.Timeout | undefined;
  const tick = (): void => {
    const nowNs = load.clock.now();
    const second = Math.floor(nowNs / 1e9);
    if (second > shown) {
      progress.update(live.take(nowNs), counters.endNs);
      series?.at(nowNs);
      shown = second;
      const why = whyToAbort(nowNs);
      if (why !== undefined) {
        problems.push(why);
        progress.say(`warning: ${why}`);
        load.end(options.drainNs);
      }
    }
    // A timer may fire early, and each is set by the clock: the points of a long run do not drift.
    timer = setTimeout(tick, Math.min((shown + 1) * 1000 - load.clock.now() / 1e6, LONGEST_TIMER_MS));
  };
  tick();
  await load.finished;
  clearTimeout(timer);
  interrupt.removeEventListener("abort", drain);
  const nowNs = load.clock.now();
  progress.update(live.take(nowNs), counters.endNs);
  series?.end(nowNs, elapsedNs(plan, counters.totals(nowNs)));
  progress.stop();
  return series?.points ?? [];
}

/** Asked each second: why the run is to be ended, if it is. */
function abortion(
  { schedule, shard, counters }: Plan,
  { abortBelow, warmUpNs }: Options,
): (nowNs: number) => string | undefined {
  if (abortBelow === undefined || schedule === undefined) return () => undefined;
  const abort = new Abort(abortBelow);
  let isOver = false;
  // Until the first insert is over nobody knows whether they wait or just take long.
  let first: { readonly due: number; readonly missing: number } | undefined;
  return (nowNs) => {
    if (isOver || nowNs < warmUpNs || nowNs > counters.endNs) return undefined;
    const dueBy = schedule.shardRows(schedule.rowsDueBy(nowNs, counters.endNs), shard);
    const due = Math.max(0, dueBy - schedule.shardRows(schedule.warmUpRows, shard));
    const { acknowledged, inserts } = counters.totals(nowNs, "measured");
    const missing = due - acknowledged;
    const hasBegun = inserts.acknowledged + inserts.failed + inserts.unknown > 0;
    if (first === undefined && !hasBegun && nowNs - Number(warmUpNs) < SILENCE_NS) return undefined;
    first ??= { due, missing };
    const why = abort.take({ due: due - first.due, missing: missing - first.missing });
    isOver = why !== undefined;
    return why;
  };
}

/** Rows of this shard that are due by then, of the schedule as it stands: an interrupt ends it, a closed loop makes it. */
export function rowsDueBy({ spec, schedule, shard, counters }: Plan): (ns: number) => number {
  return (ns) => {
    if (schedule !== undefined) {
      const rows =
        ns === Number.POSITIVE_INFINITY ? schedule.totalRows(counters.endNs) : schedule.rowsDueBy(ns, counters.endNs);
      return schedule.shardRows(rows, shard);
    }
    return spec.kind === "max" ? claimedRows(spec, counters.claimed) : 0;
  };
}
