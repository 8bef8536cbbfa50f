// Closes the books of a run whose workers are done: what was scheduled, what became of it, and what the ledger is to
// check. Main thread.

import type { Float64Histogram } from "hdr-histogram-js";
import type { Clock } from "./clock.js";
import type { Totals } from "./counters.js";
import type { Claim } from "./ledger.js";
import type { Plan } from "./plan.js";
import { claimedRows, rowsPerBatch, Schedule } from "./schedule.js";

/** The run without its warm-up: its window, in nanoseconds from the start, and what became of the batches due in it. */
export interface Measured {
  readonly fromNs: number;
  readonly toNs: number;
  readonly scheduled: number;
  readonly totals: Totals;
}

/** What a worker's time went to. */
export interface Share {
  readonly busyNs: number;
  readonly idleNs: number;
  readonly renderingNs: number;
  /** Due batches waited for a place among those in flight. */
  readonly waitingNs: number;
}

export interface Books {
  readonly scheduled: number;
  readonly rowsPerBatch: number;
  /** Every generated row is acknowledged, failed or unknown. */
  readonly totals: Totals;
  /** Seconds from the start to the schedule's end or the last answer, whichever is later. */
  readonly elapsedS: number;
  /** Undefined in a closed loop. */
  readonly latency: Float64Histogram | undefined;
  readonly service: Float64Histogram;
  /** Due to sent; undefined in a closed loop. */
  readonly lateness: Float64Histogram | undefined;
  readonly latenessSumNs: number;
  readonly measured: Measured;
  /** Of each worker, within the window. */
  readonly shares: readonly Share[];
  readonly claim: Omit<Claim, "runId">;
}

export function closeBooks({ schedule, counters }: Plan, clock: Clock): Books {
  const raw = counters.totals(clock.now());
  // A worker that died leaves inserts behind that nobody will hear of.
  const orphanedRows = raw.generated - raw.acknowledged - raw.failed - raw.unknown;
  const totals: Totals = {
    ...raw,
    unknown: raw.unknown + orphanedRows,
    inserts: { ...raw.inserts, unknown: raw.inserts.unknown + raw.inFlight },
    inFlight: 0,
    lagNs: 0,
  };
  const batchRows = rowsPerBatch(schedule);
  const scheduled =
    schedule.kind === "max"
      ? claimedRows(schedule, counters.claimed)
      : new Schedule(schedule).totalRows(counters.endNs);
  // A closed loop that has no more rows to send is over before its time.
  const isExhausted = schedule.kind === "max" && scheduled === schedule.rowLimit;
  const endNs = isExhausted ? 0 : Number(counters.endNs);
  const elapsedNs = Math.max(endNs, totals.lastAnswerNs);
  const troubles = counters.workers.map((worker) => worker.troubled());
  return {
    scheduled,
    rowsPerBatch: batchRows,
    totals,
    elapsedS: elapsedNs / 1e9,
    latency: schedule.kind === "max" ? undefined : counters.latency(),
    service: counters.service(),
    lateness: undefined,
    latenessSumNs: 0,
    measured: { fromNs: 0, toNs: elapsedNs, scheduled, totals },
    shares: counters.workers.map(() => ({ busyNs: 0, idleNs: 0, renderingNs: 0, waitingNs: 0 })),
    claim: {
      scheduledRows: scheduled,
      rowsPerBatch: batchRows,
      acknowledgedRows: totals.acknowledged,
      unknownRows: totals.unknown,
      troubled: {
        batches: troubles.flatMap(({ batches }) => batches),
        complete: troubles.every(({ complete }) => complete),
      },
    },
  };
}
