// Closes the books of a run whose workers are done: what was scheduled, what became of it, and what the ledger is to
// check. Main thread.

import type { Float64Histogram } from "hdr-histogram-js";
import type { Clock } from "./clock.js";
import type { Counters, CpuTimes, EndpointTotals, Part, Share, Totals } from "./counters.js";
import type { Claim, RowTimes } from "./ledger.js";
import type { Plan } from "./plan.js";
import { claimedRows, type MaxSpec, rowsPerBatch } from "./schedule.js";
import { type SpanTotals, spansPending } from "./spans.js";

/** The run without its warm-up. */
export interface Measured {
  /** The time that rates are over, in nanoseconds from the start. */
  readonly fromNs: number;
  readonly toNs: number;
  /** How long the schedule took for it. */
  readonly spanNs: number;
  /** Of the rows of all shards, the part that is this one's; 1 where there are no others. */
  readonly share: number;
  /** Of the batches that are measured, as are the totals. */
  readonly scheduled: number;
  readonly totals: Totals;
}

export interface Books {
  /** With the warm-up. */
  readonly scheduled: number;
  readonly rowsPerBatch: number;
  /** Every generated row is acknowledged, failed or unknown. */
  readonly totals: Totals;
  /** In the order of the endpoints. */
  readonly endpointTotals: readonly EndpointTotals[];
  /** Seconds from the start to the end of the schedule, which an interrupt may have brought forward. */
  readonly scheduleS: number;
  /** Seconds from the start to the schedule's end or the last answer, whichever is later. */
  readonly elapsedS: number;
  readonly measured: Measured;
  /** The schedule was ended before its time. */
  readonly endsEarly: boolean;
  /** Of what is measured. Undefined in a closed loop, as is lateness. */
  readonly latency: Float64Histogram | undefined;
  readonly service: Float64Histogram;
  readonly lateness: Float64Histogram | undefined;
  /** Each has an outcome. */
  readonly spans: SpanTotals;
  /** Of each worker. */
  readonly shares: readonly Share[];
  readonly cpuTimes: readonly CpuTimes[];
  /** Service times without what answers may have lain unread for want of a CPU. */
  readonly unheld: Float64Histogram;
  readonly claim: Omit<Claim, "runId">;
}

/** @param startEpochNs when the load started, in nanoseconds since the epoch; undefined: the times of rows are not asked for */
export function closeBooks(plan: Plan, clock: Pick<Clock, "now">, startEpochNs?: bigint): Books {
  const { spec, schedule, shard, counters, fates } = plan;
  const nowNs = clock.now();
  const totals = settled(counters, nowNs, "whole");
  const ends = endOf(plan);
  const measured = settled(counters, nowNs, "measured");
  const shardRows = (rows: number): number => schedule?.shardRows(rows, shard) ?? 0;
  const { rows } = ends;
  const warmUpRows = Math.min(rows, schedule?.warmUpRows ?? totals.generated - measured.generated);
  const measuredRows = schedule === undefined ? rows - warmUpRows : shardRows(rows) - shardRows(warmUpRows);
  return {
    scheduled: schedule === undefined ? rows : shardRows(rows),
    rowsPerBatch: rowsPerBatch(spec),
    totals,
    endpointTotals: counters.endpoints(),
    scheduleS: Number(counters.endNs) / 1e9,
    elapsedS: Math.max(ends.endNs, totals.lastAnswerNs) / 1e9,
    endsEarly: counters.endNs < (schedule?.durationNs ?? (spec as MaxSpec).durationNs),
    measured: {
      ...windowOf(plan, ends.endNs, totals.lastAnswerNs, measured.generated + measured.dropped < measuredRows),
      spanNs: Math.max(0, ends.endNs - Number(spec.warmUpNs)),
      scheduled: measuredRows,
      share: schedule === undefined || rows === warmUpRows ? 1 : measuredRows / (rows - warmUpRows),
      totals: measured,
    },
    latency: schedule && counters.histogram("latency", "measured"),
    service: counters.histogram("service", "measured"),
    lateness: schedule && counters.histogram("lateness", "measured"),
    spans: settledSpans(counters.spans()),
    shares: counters.workers.map(({ share }) => share),
    cpuTimes: counters.workers.map(({ cpuTimes }) => cpuTimes),
    unheld: counters.histogram("unheld", "measured"),
    claim: {
      scheduledRows: rows,
      runs: schedule?.runs ?? oneRun(spec as MaxSpec, counters.claimed),
      shard,
      acknowledgedRows: totals.acknowledged,
      unknownRows: totals.unknown,
      fates,
      batches: Math.ceil((schedule?.batches ?? counters.claimed) / shard.of),
      times: startEpochNs === undefined ? undefined : rowTimesOf(plan, plan.workers[0]?.dataStartNs ?? startEpochNs),
    },
  };
}

/**
 * The times of the first and the last row of all shards, which others than this one may have gone on sending to the end;
 * undefined: there are no rows. In a closed loop: within which they are.
 *
 * @param dataStartNs what row times count from, in nanoseconds since the epoch
 */
export function rowTimesOf({ schedule, shard, counters }: Plan, dataStartNs: bigint): RowTimes | undefined {
  if (schedule === undefined) return { fromNs: dataStartNs, toNs: dataStartNs + counters.endNs, areEnds: false };
  const rows = shard.of === 1 ? schedule.totalRows(counters.endNs) : schedule.totalRows();
  if (rows === 0) return undefined;
  return {
    fromNs: dataStartNs + schedule.rowNs(0),
    toNs: dataStartNs + schedule.rowNs(rows - 1),
    areEnds: shard.of === 1,
  };
}

/** The rows of the schedule up to its end, all shards' together; when it ended. */
function endOf({ spec, schedule, counters }: Plan): { readonly rows: number; readonly endNs: number } {
  if (schedule !== undefined) {
    return { rows: schedule.totalRows(counters.endNs), endNs: Number(counters.endNs) };
  }
  const max = spec as MaxSpec;
  const rows = claimedRows(max, counters.claimed);
  // A closed loop that has no more rows to send is over before its time.
  return { rows, endNs: rows === max.rowLimit ? 0 : Number(counters.endNs) };
}

const oneRun = ({ batchRows }: MaxSpec, batches: number) => [{ firstBatch: 0, firstRow: 0, rows: batchRows, batches }];

/** A worker that crashed leaves inserts behind that nobody will hear of. */
function settled(counters: Counters, nowNs: number, part: Part): Totals {
  const raw = counters.totals(nowNs, part);
  if (raw.inFlight === 0) return { ...raw, lagNs: 0 };
  const rows = raw.generated - raw.acknowledged - raw.failed - raw.unknown;
  return {
    ...raw,
    unknown: raw.unknown + rows,
    errors: [...raw.errors, { code: "worker_crash", inserts: raw.inFlight, rows, retried: 0 }],
    inserts: { ...raw.inserts, unknown: raw.inserts.unknown + raw.inFlight },
    inFlight: 0,
    lagNs: 0,
  };
}

/** A worker that crashed leaves spans behind that nobody will send. */
const settledSpans = (spans: SpanTotals): SpanTotals => ({
  ...spans,
  unflushed: spans.unflushed + spansPending(spans),
});

/**
 * The time in which the measured rows came. Nobody waits for the answers to the last inserts, which were sent in time: it
 * ends with the schedule. An insert that was sent late came too late: its answer ends it, or as much time as it was late, so that a
 * moment of lateness does not add a whole service time. A backlog of the warm-up is not waited for: it begins as much later
 * as the first measured insert was late, as long as the run is behind at its end too.
 *
 * In a closed loop an insert is claimed when one is answered: as many come within a time as are claimed in it, once all
 * places are taken; without a warm-up those that fill them are made up for by the wait for the last answers.
 */
function windowOf(
  { spec, counters }: Plan,
  endNs: number,
  lastAnswerNs: number,
  isCutOff: boolean,
): Pick<Measured, "fromNs" | "toNs"> {
  const warmUpNs = Number(spec.warmUpNs);
  // Ended in its warm-up.
  if (warmUpNs > 0 && endNs > 0 && endNs <= warmUpNs) return { fromNs: endNs, toNs: endNs };
  if (spec.kind === "max") {
    const isExhausted = endNs === 0;
    const toNs = warmUpNs > 0 && !isExhausted ? endNs : Math.max(endNs, lastAnswerNs);
    return { fromNs: Math.min(warmUpNs, toNs), toNs };
  }
  const lags = counters.workers.map(({ firstLagNs }) => firstLagNs).filter((lagNs) => lagNs !== undefined);
  const toNs = Math.max(endNs, ...counters.workers.map(({ behindUntilNs }) => behindUntilNs));
  const lateNs = warmUpNs > 0 && lags.length > 0 ? Math.min(...lags, ...(isCutOff ? [] : [toNs - endNs])) : 0;
  return { fromNs: Math.min(warmUpNs + lateNs, toNs), toNs };
}
