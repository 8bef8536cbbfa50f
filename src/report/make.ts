// All that is known when a run is over → its report. Called by run.ts; reads the machine's name, and nothing else. Knows
// schema.ts by its types alone: the program must not wait for zod.

import { availableParallelism, cpus, totalmem } from "node:os";
import { encodeIntoCompressedBase64, type Float64Histogram } from "hdr-histogram-js";
import type { Code } from "../answer.js";
import type { Books } from "../books.js";
import { ceilingOf } from "../ceiling.js";
import type { EndpointTotals, Totals } from "../counters.js";
import type { CpuShares } from "../cpu-window.js";
import type { Endpoint } from "../endpoint.js";
import { shown } from "../endpoint.js";
import { summarize } from "../latency.js";
import type { BatchLedger, Ledger } from "../ledger.js";
import { networkLimitsOf } from "../network.js";
import type { Options } from "../options.js";
import { quotedSettings } from "../quoted.js";
import type { Scan } from "../replay/scan.js";
import { ratioOf } from "../schedule.js";
import type { SpanTotals } from "../spans.js";
import { type Target, whyUnverifiable } from "../target.js";
import type { LatencyJson, LedgerJson, Point, Report } from "./schema.js";

/** All that is known when a run is over. */
export interface Result extends Omit<Books, "claim"> {
  readonly options: Options;
  readonly endpoints: readonly Endpoint[];
  readonly target: Target;
  /** The file that rows came from; undefined: they were generated. */
  readonly replay: Scan | undefined;
  readonly version: string;
  readonly startedAt: Date;
  readonly workers: number;
  /** By a signal, before its time. */
  readonly interrupted: boolean;
  readonly hasTraces: boolean;
  /** Undefined when it was not asked for. */
  readonly ledger: Ledger | undefined;
  readonly generatorCpu: CpuShares;
  readonly series: readonly Point[];
  /** What the first insert with an error code was told. */
  readonly sentences: ReadonlyMap<Code, string>;
  /** Why the generator was the limit; none: it was not. */
  readonly limits: readonly string[];
  /** Why the run did not go its way to the end, if so. */
  readonly problems: readonly string[];
}

/** Whether only the file's end ends the run: nobody said how long it takes, and no rate does. */
export const endsWithFile = ({ replay, rate, durationGiven }: Options): boolean =>
  replay?.once === true && rate === "max" && !durationGiven;

const seconds = (ns: bigint | number): number => Number(ns) / 1e9;

/** Nanoseconds since the epoch as ISO 8601. */
const isoTime = (ns: bigint): string => new Date(Number(ns / 1_000_000n)).toISOString();

/** Thresholds are for judge.ts, who reads the rest. */
export function makeReport(result: Result): Report {
  const { options, target, totals, ledger, measured } = result;
  const windowS = seconds(measured.toNs - measured.fromNs);
  return {
    schema: "clickstorm/report/1",
    run_id: options.runId,
    options: optionsJson(result),
    versions: { clickstorm: result.version, node: process.versions.node, clickhouse: target.version ?? null },
    machine: {
      cores: availableParallelism(),
      platform: `${process.platform} ${process.arch}`,
      cpu: cpus()[0]?.model.trim() ?? "",
      memory_bytes: totalmem(),
    },
    server: {
      settings: target.settings,
      table: {
        engine: target.engine ?? null,
        columns: target.tableColumns.map(({ name, type }) => ({ name, type })),
      },
      deduplication: deduplicationJson(target),
    },
    replay: result.replay === undefined ? null : replayed(result.replay, totals),
    started_at: result.startedAt.toISOString(),
    interrupted: result.interrupted,
    schedule_s: result.scheduleS,
    elapsed_s: result.elapsedS,
    measured: {
      from_s: seconds(measured.fromNs),
      to_s: seconds(measured.toNs),
      answered: measured.answered,
      error_rows: measured.errorRows ?? null,
      backlog:
        measured.backlog === undefined ? null : { rows: measured.backlog.rows, seconds: seconds(measured.backlog.ns) },
      ...fates(measured.scheduled, measured.totals),
      inserts: measured.totals.inserts,
    },
    target_rows_per_s: targetRate(result),
    achieved_rows_per_s: windowS > 0 ? measured.answered / windowS : 0,
    ceiling: ceilingOf(options.format, target)?.name ?? null,
    rows: {
      ...fates(result.scheduled, totals),
      landed: ledger?.landed ?? null,
      lost: ledger?.lost ?? null,
      duplicated: ledger?.duplicated ?? null,
    },
    ledger_caveat: (ledger === undefined ? whyNone(result) : ledger.caveat) ?? null,
    ledger: ledger?.batches === undefined ? null : ledgerJson(ledger.batches),
    bytes: totals.bytes,
    inserts: totals.inserts,
    retries: totals.retries,
    endpoints: result.endpoints.map((endpoint, index) => endpointJson(endpoint, result.endpointTotals[index])),
    latency_ms: waitsJson(result),
    service_ms: latencyJson(result.service, measured.totals.serviceSumNs),
    refused_ms: latencyJson(result.refused, measured.totals.refusedSumNs),
    lateness_ms: latencyJson(result.lateness, measured.totals.latenessSumNs),
    errors: totals.errors.map(({ code, inserts, rows, retried }) => ({
      code: String(code),
      inserts,
      rows,
      retried,
      first: result.sentences.get(code) ?? null,
    })),
    traces: result.hasTraces ? tracesJson(result.spans) : null,
    problems: result.problems,
    max_lag_ms: measured.totals.maxLagNs / 1e6,
    sending_ms: latencyJson(result.sending, measured.totals.sendingSumNs),
    network: networkJson(result),
    ...generatorCpu(result.generatorCpu),
    generator_limited: result.limits.length > 0,
    generator: {
      reasons: result.limits,
      unheld_service_ms: latencyJson(result.unheld, measured.totals.serviceSumNs - measured.totals.heldSumNs),
      throttled_s: secondsOrNull(throttledNs(result.cpuTimes)),
      workers: result.shares.map(({ busyNs, idleNs, renderingNs, waitingNs, delayedNs }, worker) => ({
        busy_s: seconds(busyNs),
        idle_s: seconds(idleNs),
        rendering_s: seconds(renderingNs),
        waiting_s: seconds(waitingNs),
        delayed_s: seconds(delayedNs),
        ran_s: secondsOrNull(result.cpuTimes[worker]?.ranNs),
        waited_for_cpu_s: secondsOrNull(result.cpuTimes[worker]?.waitedNs),
        stood_still_s: seconds(result.cpuTimes[worker]?.stoodNs ?? 0),
      })),
    },
    series: result.series,
    thresholds: [],
  };
}

function networkJson(result: Result): Report["network"] {
  const reasons = networkLimitsOf(result, result.limits);
  return { limited: reasons.length > 0, reasons, seen: result.seen };
}

const secondsOrNull = (ns: number | undefined): number | null => (ns === undefined ? null : seconds(ns));

/** Each worker tells of the same control group. */
const throttledNs = (times: Result["cpuTimes"]): number | undefined => {
  const known = times.map(({ throttledNs: ns }) => ns).filter((ns) => ns !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
};

function generatorCpu(shares: CpuShares): Pick<Report, "generator_cpu_s" | "generator_cpu"> {
  const { startingS, warmupS, measuredS, drainingS } = shares;
  return {
    generator_cpu_s: startingS + warmupS + measuredS + drainingS,
    generator_cpu: { starting_s: startingS, warmup_s: warmupS, measured_s: measuredS, draining_s: drainingS },
  };
}

function deduplicationJson({ deduplication }: Target): Report["server"]["deduplication"] {
  if (deduplication === undefined) return null;
  const { honoured, window, why } = deduplication;
  return { honoured, window: window ?? null, why: why ?? null };
}

function endpointJson(endpoint: Endpoint, totals: EndpointTotals | undefined): Report["endpoints"][number] {
  if (totals === undefined) throw new RangeError(`nothing was counted of ${shown(endpoint)}`);
  const { inserts, acknowledged, retried, sentBytes, leftOut } = totals;
  return {
    "clickhouse-url": shown(endpoint),
    inserts,
    acknowledged,
    retried,
    sent_bytes: sentBytes,
    left_out: leftOut,
  };
}

function tracesJson({ begun, exported, ...outcomes }: SpanTotals): Report["traces"] {
  const { queue_full, rejected, failed, unflushed } = outcomes;
  return { spans: begun, exported, lost: { queue_full, rejected, failed, unflushed } };
}

export const toJson = (report: Report): string => `${JSON.stringify(report, null, 2)}\n`;

function fates(scheduled: number, { generated, dropped, acknowledged, failed, unknown }: Totals) {
  return { scheduled, generated, dropped, unsent: scheduled - generated - dropped, acknowledged, failed, unknown };
}

/** Why there was no ledger to be read, where that lies in the table or the user. */
const whyNone = ({ options, target }: Result): string | undefined =>
  options.verify ? whyUnverifiable(target, options.shard !== undefined) : undefined;

function ledgerJson({ counts, replicas, ...balance }: BatchLedger): LedgerJson {
  return {
    batches: counts,
    unknown_landed: balance.unknownLanded,
    unknown_missing: balance.unknownMissing,
    failed_landed: balance.failedLanded,
    never_sent: balance.neverSent,
    replicas: replicas.map(({ name, absent, landed, missing, duplicated }) => ({
      "clickhouse-url": name,
      ...(absent === undefined ? { landed, missing, duplicated } : { landed: null, missing: null, duplicated: null }),
    })),
  };
}

/** Null where there is no histogram: in a closed loop nothing is due. */
export function latencyJson(histogram: Float64Histogram, sumNs: number): LatencyJson;
export function latencyJson(histogram: Float64Histogram | undefined, sumNs: number): LatencyJson | null;
export function latencyJson(histogram: Float64Histogram | undefined, sumNs: number): LatencyJson | null {
  if (histogram === undefined) return null;
  return { ...summarize(histogram, sumNs), hdr: encodeIntoCompressedBase64(histogram) };
}

/** With the inserts that were never sent. */
function waitsJson({ latency, unsentWaits, measured }: Result): Report["latency_ms"] {
  const json = latencyJson(latency, measured.totals.latencySumNs + unsentWaits.sumNs);
  return json && { ...json, lower_bounds: unsentWaits.inserts };
}

/** Of this process, over the window; null in a closed loop. */
function targetRate({ options, measured }: Result): number | null {
  if (options.rate === "max") return null;
  if (options.stages.length === 0) return ratioOf(options.rate) * measured.share;
  return measured.spanNs > 0 ? measured.scheduled / seconds(measured.spanNs) : 0;
}

function replayed({ file, rows, bytes }: Scan, totals: Totals) {
  return {
    file: file.path,
    compression: file.compression,
    file_bytes: file.size,
    lines: rows,
    bytes,
    times_round: totals.generated / rows,
  };
}

function optionsJson(result: Result): Report["options"] {
  const { options, endpoints, target, rowsPerBatch, workers } = result;
  const { stages, maxLagNs, shard, startAtNs } = options;
  return {
    "clickhouse-url": endpoints.map(shown),
    table: `${target.database}.${target.table}`,
    embedded: options.embedded,
    rate: options.rateText,
    duration_s: endsWithFile(options) ? null : seconds(options.durationNs - options.warmUpNs),
    drain_s: seconds(options.drainNs),
    stages:
      stages.length === 0
        ? null
        : stages.map((stage) => ({
            duration_s: seconds(stage.durationNs),
            rows_per_s: ratioOf(stage.rowsPerSecond),
          })),
    arrivals: options.arrivals,
    warmup_s: seconds(options.warmUpNs),
    overload: maxLagNs === undefined ? "catch-up" : "drop",
    "max-lag_s": maxLagNs === undefined ? null : seconds(maxLagNs),
    "abort-below": options.abortBelow ?? null,
    shard: shard === undefined ? null : `${shard.index + 1}/${shard.of}`,
    "start-at": startAtNs === undefined ? null : isoTime(startAtNs),
    workers,
    "in-flight": options.inFlight,
    "batch-rows": options.batchRows,
    "flush-interval_s": seconds(options.flushNs),
    rows_per_batch: rowsPerBatch,
    format: options.format,
    compress: options.compress,
    "async-insert": options.asyncInsert,
    settings: quotedSettings(options.settings),
    quorum: options.quorum ?? null,
    timeout_s: options.timeoutMs / 1000,
    retries: options.retries,
    "retry-for_s": seconds(options.retryForNs),
    "retry-ambiguous": options.retryAmbiguous,
    "max-failures": options.maxFailures ?? null,
    "worker-crash": options.goesOnAfterCrash ? "continue" : "end",
    seed: result.replay === undefined || options.arrivals === "poisson" ? options.seed : null,
    replay: options.replay?.file ?? null,
    "replay-once": options.replay?.once ?? false,
    "replay-time": options.replay?.timeColumn ?? null,
    ledger: options.ledgerFile ?? null,
    config: options.configFile ?? null,
    "data-span_s": options.dataSpanNs === undefined ? null : seconds(options.dataSpanNs),
    "data-start": options.dataStartNs === undefined ? null : isoTime(options.dataStartNs),
    verify: options.verify,
    strict: options.strict,
    blind: options.blind,
    "tls-ca": options.tls.caFile ?? null,
    "tls-cert": options.tls.certFile ?? null,
    "tls-key": options.tls.keyFile ?? null,
    "tls-insecure": options.tls.insecure,
  };
}
