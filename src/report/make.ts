// All that is known when a run is over → its report. Called by run.ts; reads the machine's name, and nothing else. Knows
// schema.ts by its types alone: the program must not wait for zod.

import { availableParallelism, cpus, totalmem } from "node:os";
import { encodeIntoCompressedBase64, type Float64Histogram } from "hdr-histogram-js";
import type { Code } from "../answer.js";
import type { Books } from "../books.js";
import { ceilingOf } from "../ceiling.js";
import type { Totals } from "../counters.js";
import type { Endpoint } from "../endpoint.js";
import { shown } from "../endpoint.js";
import { summarize } from "../latency.js";
import type { Ledger } from "../ledger.js";
import type { Options } from "../options.js";
import type { Scan } from "../replay/scan.js";
import type { Ratio } from "../schedule.js";
import type { Target } from "../target.js";
import type { LatencyJson, Point, Report } from "./schema.js";

/** The shape of the load, beside its rate and duration. */
export interface Shape {
  /** None: a constant rate, or a closed loop. */
  readonly stages: readonly { readonly durationNs: bigint; readonly rowsPerSecond: Ratio }[];
  readonly arrivals: "constant" | "poisson";
  readonly warmupNs: bigint;
  readonly overload: { readonly kind: "catch-up" } | { readonly kind: "drop"; readonly maxLagNs: bigint };
  readonly abortBelow: number | undefined;
  /** `index` from 0. */
  readonly shard: { readonly index: number; readonly of: number } | undefined;
  /** Nanoseconds since the epoch. */
  readonly startAtNs: bigint | undefined;
}

export const NO_SHAPE: Shape = {
  stages: [],
  arrivals: "constant",
  warmupNs: 0n,
  overload: { kind: "catch-up" },
  abortBelow: undefined,
  shard: undefined,
  startAtNs: undefined,
};

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
  /** Undefined when it was not asked for. */
  readonly ledger: Ledger | undefined;
  readonly generatorCpuS: number;
  readonly series: readonly Point[];
  /** What the first insert with an error code was told. */
  readonly sentences: ReadonlyMap<Code, string>;
  /** Why the generator was the limit; none: it was not. */
  readonly limits: readonly string[];
  /** Undefined: nothing was measured. */
  readonly thresholds: readonly {
    readonly expression: string;
    readonly value: number | undefined;
    readonly passed: boolean;
  }[];
  /** Why the run did not go its way to the end, if so. */
  readonly problems: readonly string[];
}

/** Whether only the file's end ends the run: nobody said how long it takes, and no rate does. */
export const endsWithFile = ({ replay, rate, durationGiven }: Options): boolean =>
  replay?.once === true && rate === "max" && !durationGiven;

const seconds = (ns: bigint | number): number => Number(ns) / 1e9;

/** Nanoseconds since the epoch as ISO 8601. */
const isoTime = (ns: bigint): string => new Date(Number(ns / 1_000_000n)).toISOString();

const perSecond = ({ numerator, denominator }: Ratio): number => Number(numerator) / Number(denominator);

export function makeReport(result: Result, shape: Shape = NO_SHAPE): Report {
  const { options, target, totals, ledger, measured } = result;
  const windowS = seconds(measured.toNs - measured.fromNs);
  return {
    schema: "clickstorm/report/1",
    run_id: options.runId,
    options: optionsJson(result, shape),
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
    },
    replay: result.replay === undefined ? null : replayed(result.replay, totals),
    started_at: result.startedAt.toISOString(),
    elapsed_s: result.elapsedS,
    measured: {
      from_s: seconds(measured.fromNs),
      to_s: seconds(measured.toNs),
      ...fates(measured.scheduled, measured.totals),
      inserts: measured.totals.inserts,
    },
    target_rows_per_s: targetRate(result, shape),
    achieved_rows_per_s: windowS > 0 ? measured.totals.acknowledged / windowS : 0,
    ceiling: ceilingOf(options.format, target)?.name ?? null,
    rows: {
      ...fates(result.scheduled, totals),
      landed: ledger?.landed ?? null,
      lost: ledger?.lost ?? null,
      duplicated: ledger?.duplicated ?? null,
    },
    ledger_caveat: ledger?.caveat ?? null,
    bytes: totals.bytes,
    inserts: totals.inserts,
    latency_ms: latencyJson(result.latency, measured.totals.latencySumNs),
    service_ms: latencyJson(result.service, measured.totals.serviceSumNs),
    lateness_ms: latencyJson(result.lateness, result.latenessSumNs),
    errors: totals.errors.map(({ code, inserts, rows }) => ({
      code: String(code),
      inserts,
      rows,
      first: result.sentences.get(code) ?? null,
    })),
    problems: result.problems,
    max_lag_ms: measured.totals.maxLagNs / 1e6,
    generator_cpu_s: result.generatorCpuS,
    generator_limited: result.limits.length > 0,
    generator: {
      reasons: result.limits,
      workers: result.shares.map(({ busyNs, idleNs, renderingNs, waitingNs }) => ({
        busy_s: seconds(busyNs),
        idle_s: seconds(idleNs),
        rendering_s: seconds(renderingNs),
        waiting_s: seconds(waitingNs),
      })),
    },
    series: result.series,
    thresholds: result.thresholds.map(({ expression, value, passed }) => ({
      expression,
      value: value ?? null,
      passed,
    })),
  };
}

export const toJson = (report: Report): string => `${JSON.stringify(report, null, 2)}\n`;

function fates(scheduled: number, { generated, dropped, acknowledged, failed, unknown }: Totals) {
  return { scheduled, generated, dropped, unsent: scheduled - generated - dropped, acknowledged, failed, unknown };
}

/** Null where there is no histogram: in a closed loop nothing is due. */
export function latencyJson(histogram: Float64Histogram, sumNs: number): LatencyJson;
export function latencyJson(histogram: Float64Histogram | undefined, sumNs: number): LatencyJson | null;
export function latencyJson(histogram: Float64Histogram | undefined, sumNs: number): LatencyJson | null {
  if (histogram === undefined) return null;
  return { ...summarize(histogram, sumNs), hdr: encodeIntoCompressedBase64(histogram) };
}

/** Of this process; null in a closed loop. Where the rate changes it is what was due in the window, by the window. */
function targetRate({ options, measured }: Result, { stages, shard }: Shape): number | null {
  if (stages.length > 0) {
    const durationNs = Number(stages.reduce((sum, stage) => sum + stage.durationNs, 0n));
    const windowS = seconds(Math.min(durationNs, measured.toNs) - measured.fromNs);
    return windowS > 0 ? measured.scheduled / windowS : 0;
  }
  return options.rate === "max" ? null : perSecond(options.rate) / (shard?.of ?? 1);
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

function optionsJson(result: Result, shape: Shape): Report["options"] {
  const { options, endpoints, target, rowsPerBatch, workers } = result;
  const { stages, overload, shard, startAtNs } = shape;
  return {
    "clickhouse-url": endpoints.map(shown),
    table: `${target.database}.${target.table}`,
    embedded: options.embedded,
    rate: options.rateText,
    duration_s: endsWithFile(options) ? null : seconds(options.durationNs),
    drain_s: seconds(options.drainNs),
    stages:
      stages.length === 0
        ? null
        : stages.map((stage) => ({
            duration_s: seconds(stage.durationNs),
            rows_per_s: perSecond(stage.rowsPerSecond),
          })),
    arrivals: shape.arrivals,
    warmup_s: seconds(shape.warmupNs),
    overload: overload.kind,
    "max-lag_s": overload.kind === "drop" ? seconds(overload.maxLagNs) : null,
    "abort-below": shape.abortBelow ?? null,
    shard: shard === undefined ? null : `${shard.index + 1}/${shard.of}`,
    "start-at": startAtNs === undefined ? null : isoTime(startAtNs),
    workers,
    "in-flight": options.inFlight,
    "batch-rows": options.batchRows,
    "flush-interval_s": seconds(options.flushNs),
    rows_per_batch: rowsPerBatch,
    format: options.format,
    "async-insert": options.asyncInsert,
    settings: options.settings,
    timeout_s: options.timeoutMs / 1000,
    seed: result.replay === undefined ? options.seed : null,
    replay: options.replay?.file ?? null,
    "replay-once": options.replay?.once ?? false,
    "replay-time": options.replay?.timeColumn ?? null,
    config: options.configFile ?? null,
    "data-span_s": options.dataSpanNs === undefined ? null : seconds(options.dataSpanNs),
    "data-start": options.dataStartNs === undefined ? null : isoTime(options.dataStartNs),
    verify: options.verify,
    blind: options.blind,
  };
}
