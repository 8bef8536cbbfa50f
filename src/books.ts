// Closes the books of a run whose workers are done: what was scheduled, what became of it, and what the ledger is to
// check. Main thread.

import type { Float64Histogram } from "hdr-histogram-js";
import type { Clock } from "./clock.js";
import type { Counters, CpuTimes, EndpointTotals, Part, Share, Totals } from "./counters.js";
import { record } from "./latency.js";
import type { Claim, RowTimes } from "./ledger.js";
import type { Plan } from "./plan.js";
import { claimedRows, isConstantRate, type MaxSpec, rowsPerBatch } from "./schedule.js";
import { type SpanTotals, spansPending } from "./spans.js";
import { type Answered, answeredClosed, answeredOpen, type Backlog, type Ended } from "./window.js";
import type { Progresses } from "./wire.js";

/** The run without its warm-up. */
export interface Measured {
  /** The time that rates are over, in nanoseconds from the start. */
  readonly fromNs: number;
  readonly toNs: number;
  /** Rows that count as answered in it: window.ts. */
  readonly answered: number;
  /** By so many rows its ends may be off; undefined: by nothing that is known. */
  readonly errorRows: number | undefined;
  /** What had no outcome at its end; undefined: the run kept up, or is a closed loop. */
  readonly backlog: Backlog | undefined;
  /** How long the schedule took for it. */
  readonly spanNs: number;
  /** Of the rows of all shards, the part that is this one's; 1 where there are no others. */
  readonly share: number;
  /** Of the batches that are measured, as are the totals. */
  readonly scheduled: number;
  readonly totals: Totals;
}

export interface Waits {
  readonly inserts: number;
  readonly sumNs: number;
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
  /** In latency: so many inserts that were due and never sent, with the time they had waited at the end of the drain. */
  readonly unsentWaits: Waits;
  readonly service: Float64Histogram;
  readonly lateness: Float64Histogram | undefined;
  readonly refused: Float64Histogram;
  /** Each has an outcome. */
  readonly spans: SpanTotals;
  /** Of each worker. */
  readonly shares: readonly Share[];
  /** For inserts in flight, of all workers. */
  readonly places: number;
  readonly cpuTimes: readonly CpuTimes[];
  /** Service times without what answers may have lain unread, as their thread was held up. */
  readonly unheld: Float64Histogram;
  /** From sent until the system had taken the whole body. */
  readonly sending: Float64Histogram;
  /** How often inserts in flight were seen, by how far their bodies had come. */
  readonly seen: Progresses;
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
  const scheduled = schedule === undefined ? rows : shardRows(rows);
  const latency = schedule && counters.histogram("latency", "measured");
  const overNs = Math.min(nowNs, Number(counters.drainedNs));
  const endsEarly = counters.endNs < (schedule?.durationNs ?? (spec as MaxSpec).durationNs);
  const answered = answeredOf(plan, ends.endNs, measured, totals.lastAnswerNs, {
    endsEarly,
    overNs,
    isConstant: isConstantRate(spec),
    measured: measuredRows,
    due: scheduled - totals.dropped,
    dropped: totals.dropped,
    unsent: scheduled - totals.generated - totals.dropped,
  });
  return {
    scheduled,
    rowsPerBatch: rowsPerBatch(spec),
    totals,
    endpointTotals: counters.endpoints(),
    scheduleS: Number(counters.endNs) / 1e9,
    elapsedS: elapsedNs(plan, totals) / 1e9,
    endsEarly,
    measured: {
      ...answered,
      spanNs: Math.max(0, ends.endNs - Number(spec.warmUpNs)),
      scheduled: measuredRows,
      share: schedule === undefined || rows === warmUpRows ? 1 : measuredRows / (rows - warmUpRows),
      totals: measured,
    },
    latency,
    unsentWaits: latency === undefined ? { inserts: 0, sumNs: 0 } : recordUnsent(plan, latency, overNs),
    service: counters.histogram("service", "measured"),
    lateness: schedule && counters.histogram("lateness", "measured"),
    refused: counters.histogram("refused", "measured"),
    spans: settledSpans(counters.spans()),
    places: plan.workers.reduce((sum, { insert }) => sum + insert.permits, 0),
    shares: counters.workers.map(({ share }) => share),
    cpuTimes: counters.workers.map(({ cpuTimes }) => cpuTimes),
    unheld: counters.histogram("unheld", "measured"),
    sending: counters.histogram("sending", "measured"),
    seen: counters.seen(),
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

/** From the start to the schedule's end or the last answer, whichever is later. */
export const elapsedNs = (plan: Plan, { lastAnswerNs }: Pick<Totals, "lastAnswerNs">): number =>
  Math.max(endOf(plan).endNs, lastAnswerNs);

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

type Rates = Pick<Measured, "fromNs" | "toNs" | "answered" | "errorRows" | "backlog">;

/** The window that rates are over, and what was answered in it. */
function answeredOf(
  plan: Plan,
  endNs: number,
  { acknowledged, inserts }: Totals,
  lastAnswerNs: number,
  rest: Pick<Ended, "endsEarly" | "isConstant" | "overNs" | "due" | "dropped" | "unsent" | "measured">,
): Rates {
  const { spec, counters } = plan;
  const warmUpNs = Number(spec.warmUpNs);
  // Ended in its warm-up.
  if (warmUpNs > 0 && endNs > 0 && endNs <= warmUpNs) return ratesOf(endNs, endNs, { rows: 0 });
  if (spec.kind === "max") return closedRates(plan, endNs, acknowledged, lastAnswerNs);
  const ended: Ended = {
    ...rest,
    fromNs: Math.min(warmUpNs, endNs),
    toNs: endNs,
    rowsPerBatch: rowsPerBatch(spec),
    acknowledged,
    inserts: inserts.acknowledged + inserts.failed + inserts.unknown,
  };
  return ratesOf(ended.fromNs, endNs, answeredOpen(counters.workers, ended));
}

const ratesOf = (fromNs: number, toNs: number, { rows, errorRows, backlog }: Partial<Answered>): Rates => ({
  fromNs,
  toNs,
  answered: rows ?? 0,
  errorRows,
  backlog,
});

/**
 * Where the places of the inserts in flight were taken for too short a time, or the rows were gone before it: of all that was
 * claimed, up to the last answer.
 */
function closedRates({ spec, counters }: Plan, endNs: number, acknowledged: number, lastAnswerNs: number): Rates {
  const warmUpNs = Number(spec.warmUpNs);
  const isExhausted = endNs === 0;
  const closed = isExhausted ? undefined : answeredClosed(counters.workers, endNs);
  if (closed !== undefined) return ratesOf(closed.fromNs, endNs, closed);
  const toNs = warmUpNs > 0 && !isExhausted ? endNs : Math.max(endNs, lastAnswerNs);
  return ratesOf(Math.min(warmUpNs, toNs), toNs, { rows: acknowledged });
}

/** Inserts that were due and never sent waited at least until the end: lower bounds of their latency, without which they would be missing. */
function recordUnsent({ schedule, shard, counters, fates }: Plan, latency: Float64Histogram, overNs: number): Waits {
  let [inserts, sumNs] = [0, 0];
  if (schedule === undefined) return { inserts, sumNs };
  const batches = Math.min(fates.capacity, Math.ceil((schedule.batches - shard.index) / shard.of));
  for (let turn = 0; turn < batches; turn++) {
    if (fates.kindAt(turn) !== "none") continue;
    const batch = schedule.batch(turn * shard.of + shard.index, counters.endNs);
    if (batch === undefined) break;
    if (!batch.measured) continue;
    const ns = Math.max(0, overNs - batch.dueNs);
    record(latency, ns);
    inserts += 1;
    sumNs += ns;
  }
  return { inserts, sumNs };
}
