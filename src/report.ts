// The result of a run: as text for a person, as JSON for a program. Pure; run.ts gathers what it needs.

import { availableParallelism } from "node:os";
import { encodeIntoCompressedBase64, type Float64Histogram } from "hdr-histogram-js";
import type { Code } from "./answer.js";
import { ceilingOf } from "./ceiling.js";
import type { Totals } from "./counters.js";
import type { Endpoint } from "./endpoint.js";
import { shown } from "./endpoint.js";
import { type Latency, summarize } from "./latency.js";
import type { Ledger } from "./ledger.js";
import type { Options } from "./options.js";
import type { Scan } from "./replay/scan.js";
import type { Snapshot } from "./snapshot.js";
import { type Target, whyUnverifiable } from "./target.js";
import { bytes, count, milliseconds, short, whole } from "./text.js";

/** All that is known when a run is over. */
export interface Result {
  readonly options: Options;
  readonly endpoints: readonly Endpoint[];
  readonly target: Target;
  /** The file that rows came from; undefined: they were generated. */
  readonly replay: Scan | undefined;
  readonly version: string;
  readonly startedAt: Date;
  /** From the start to the schedule's end or the last answer, whichever is later. */
  readonly elapsedS: number;
  readonly rowsPerBatch: number;
  readonly workers: number;
  readonly scheduled: number;
  readonly totals: Totals;
  /** Undefined in a closed loop: its batches have no due time. */
  readonly latency: Float64Histogram | undefined;
  readonly service: Float64Histogram;
  /** Undefined when it was not asked for. */
  readonly ledger: Ledger | undefined;
  readonly generatorCpuS: number;
  readonly series: readonly SeriesPoint[];
  /** What the first insert with an error code was told. */
  readonly sentences: ReadonlyMap<Code, string>;
  /** Why the run did not go its way to the end, if so. */
  readonly problems: readonly string[];
}

/** One second of the run. */
export interface SeriesPoint {
  readonly t_s: number;
  /** Acknowledged in this second. */
  readonly rows: number;
  /** Due to answered; sent to answered in a closed loop; null where nothing was answered. */
  readonly latency_ms: { readonly p50: number | null; readonly p99: number | null };
  readonly in_flight: number;
  readonly lag_ms: number;
}

export function seriesPoint({ atNs, rows, latency, totals }: Snapshot): SeriesPoint {
  return {
    t_s: Math.round(atNs / 1e6) / 1e3,
    rows,
    latency_ms: latency.count === 0 ? { p50: null, p99: null } : { p50: latency.p50, p99: latency.p99 },
    in_flight: totals.inFlight,
    lag_ms: totals.lagNs / 1e6,
  };
}

export function unsentRows({ scheduled, totals }: { readonly scheduled: number; readonly totals: Totals }): number {
  return scheduled - totals.generated;
}

/** Rows failed, unknown or unsent, a ledger that does not balance, or a run that broke off. */
export function isIncomplete(result: Result): boolean {
  const { totals, ledger } = result;
  const odd = ledger !== undefined && (ledger.lost > 0 || ledger.duplicated > 0);
  return totals.failed + totals.unknown + unsentRows(result) > 0 || odd || result.problems.length > 0;
}

const achieved = ({ totals, elapsedS }: Result): number => (elapsedS > 0 ? totals.acknowledged / elapsedS : 0);

/** Null where the target is a closed loop. */
function targetRate({ rate }: Options): number | null {
  return rate === "max" ? null : Number(rate.numerator) / Number(rate.denominator);
}

/** The report file: schema clickstorm/report/1. */
export function toJson(result: Result): string {
  const { options, target, totals, ledger, latency, service } = result;
  const latencies = (histogram: Float64Histogram, sumNs: number) => ({
    ...summarize(histogram, sumNs),
    hdr: encodeIntoCompressedBase64(histogram),
  });
  const report = {
    schema: "clickstorm/report/1",
    run_id: options.runId,
    options: reportedOptions(result),
    versions: { clickstorm: result.version, node: process.versions.node, clickhouse: target.version ?? null },
    machine: { cores: availableParallelism(), platform: `${process.platform} ${process.arch}` },
    replay: result.replay === undefined ? null : replayed(result.replay, totals),
    started_at: result.startedAt.toISOString(),
    elapsed_s: result.elapsedS,
    target_rows_per_s: targetRate(options),
    achieved_rows_per_s: achieved(result),
    ceiling: ceilingOf(options.format, target)?.name ?? null,
    rows: {
      scheduled: result.scheduled,
      generated: totals.generated,
      dropped: 0,
      unsent: unsentRows(result),
      acknowledged: totals.acknowledged,
      failed: totals.failed,
      unknown: totals.unknown,
      landed: ledger?.landed ?? null,
      lost: ledger?.lost ?? null,
      duplicated: ledger?.duplicated ?? null,
    },
    ledger_caveat: ledger?.caveat ?? null,
    bytes: totals.bytes,
    inserts: totals.inserts,
    latency_ms: latency === undefined ? null : latencies(latency, totals.latencySumNs),
    service_ms: latencies(service, totals.serviceSumNs),
    errors: totals.errors.map(({ code, inserts, rows }) => ({
      code: String(code),
      inserts,
      rows,
      first: result.sentences.get(code) ?? null,
    })),
    problems: result.problems,
    max_lag_ms: totals.maxLagNs / 1e6,
    generator_cpu_s: result.generatorCpuS,
    series: result.series,
  };
  return `${JSON.stringify(report, null, 2)}\n`;
}

function replayed({ file, rows, bytes: size }: Scan, totals: Totals) {
  const timesRound = totals.generated / rows;
  return { file: file.path, compression: file.compression, lines: rows, bytes: size, times_round: timesRound };
}

/** Named as the flags are; no password, no user information. */
function reportedOptions(result: Result) {
  const { options, endpoints, target, rowsPerBatch, workers } = result;
  return {
    "clickhouse-url": endpoints.map(shown),
    table: `${target.database}.${target.table}`,
    embedded: options.embedded,
    rate: options.rateText,
    duration_s: endsWithFile(options) ? null : Number(options.durationNs) / 1e9,
    drain_s: Number(options.drainNs) / 1e9,
    workers,
    "in-flight": options.inFlight,
    "batch-rows": options.batchRows,
    "flush-interval_s": Number(options.flushNs) / 1e9,
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
    "data-span_s": options.dataSpanNs === undefined ? null : Number(options.dataSpanNs) / 1e9,
    "data-start": options.dataStartNs === undefined ? null : new Date(Number(options.dataStartNs / 1_000_000n)),
    verify: options.verify,
    blind: options.blind,
  };
}

/** The summary on standard output: at most about 100 columns wide. */
export function toText(result: Result): string {
  const { options, target, totals, ledger, generatorCpuS } = result;
  const line = (name: string, ...parts: string[]): string =>
    `  ${name.padEnd(10)} ${parts.filter((part) => part !== "").join("  ")}`;
  const server = target.version === undefined ? "unasked endpoint" : `ClickHouse ${target.version}`;
  const { acknowledged, failed, unknown } = totals.inserts;
  const lines = [
    [`run ${options.runId}`, ...(result.replay ? [] : [`seed ${options.seed}`]), `clickstorm ${result.version}`].join(
      "   ",
    ),
    `${server}   ${result.endpoints.map(shown).join(" ")}   ${target.database}.${target.table}`,
    "",
    ...(result.replay === undefined
      ? []
      : [line("replay", replayText(result.replay), `${short(totals.generated / result.replay.rows)} times round`)]),
    line(
      "rows",
      `scheduled ${whole(result.scheduled)}`,
      `acknowledged ${whole(totals.acknowledged)}`,
      `failed ${whole(totals.failed)}`,
      `unknown ${whole(totals.unknown)}`,
      `unsent ${whole(unsentRows(result))}`,
    ),
    line(
      "rate",
      `target ${targetText(options)}`,
      `achieved ${rateText(achieved(result))} rows/s in ${result.elapsedS.toFixed(1)} s`,
    ),
    line(
      "inserts",
      `${whole(acknowledged + failed + unknown)} of up to ${count(result.rowsPerBatch, "row")}`,
      `${bytes(totals.bytes.sent)} sent`,
    ),
    ...measuresLines(result).map((text) => line("measures", text)),
    line("", QUANTILES.map(([name]) => name.padStart(9)).join("")),
    result.latency === undefined
      ? line("latency", "none: at --rate max a batch is due whenever there is room for it")
      : line("latency", quantiles(summarize(result.latency, totals.latencySumNs), "due to answered")),
    line("service", quantiles(summarize(result.service, totals.serviceSumNs), "sent to answered")),
    line(
      "generator",
      count(result.workers, "worker"),
      `${generatorCpuS.toFixed(2)} CPU-s`,
      // Of few rows it would be the cost of starting.
      totals.acknowledged >= 100_000
        ? `${short(generatorCpuS / (totals.acknowledged / 1e6))} CPU-s per million rows`
        : "",
      options.rate === "max" ? "" : `largest lag ${milliseconds(totals.maxLagNs / 1e6)}`,
    ),
    ...totals.errors.flatMap(({ code, inserts, rows }) => [
      line("error", String(code), count(inserts, "insert"), count(rows, "row")),
      ...(result.sentences.has(code) ? [line("", `first: ${result.sentences.get(code)}`)] : []),
    ]),
    ...result.problems.map((problem) => line("problem", problem)),
    ledger === undefined
      ? line("ledger", whyNoLedger(result))
      : line(
          "ledger",
          `scheduled ${whole(result.scheduled)}, acknowledged ${whole(totals.acknowledged)}, ` +
            `landed ${whole(ledger.landed)}, lost ${whole(ledger.lost)}, duplicated ${whole(ledger.duplicated)}`,
        ),
    ...(ledger?.caveat === undefined ? [] : [line("", `(${ledger.caveat})`)]),
  ];
  return `${lines.join("\n")}\n`;
}

/** Which limit it is that a rate this high runs into. */
function measuresLines({ options, target }: Result): string[] {
  const ceiling = ceilingOf(options.format, target);
  return ceiling === undefined ? [] : [`${options.format}: ${ceiling.sentence}`];
}

/** Whether only the file's end ends the run: nobody said how long it takes, and no rate does. */
export const endsWithFile = ({ replay, rate, durationGiven }: Options): boolean =>
  replay?.once === true && rate === "max" && !durationGiven;

/** The file and what is in it. */
export function replayText({ file, rows, bytes: size }: Scan): string {
  const packed = file.compression === "none" ? "" : ` from ${bytes(file.size)} of ${file.compression}`;
  return `${file.path}: ${count(rows, "line")}, ${bytes(size)}${packed}`;
}

function targetText(options: Options): string {
  const rate = targetRate(options);
  return rate === null ? "max" : `${rate.toLocaleString("en-US", { maximumFractionDigits: 9 })} rows/s`;
}

/** Whole rows where there are many, else with decimals, but no more than it takes. */
function rateText(rowsPerSecond: number): string {
  return rowsPerSecond >= 100 ? whole(rowsPerSecond) : String(Number(rowsPerSecond.toFixed(2)));
}

function whyNoLedger({ options, target }: Result): string {
  if (options.blind) return "none: --blind asks nothing";
  if (!options.verify) return "none: --no-verify";
  const why = whyUnverifiable(target);
  return why === undefined ? "could not be read" : `none: ${why}`;
}

const QUANTILES = [
  ["p50", (latency: Latency) => latency.p50],
  ["p90", (latency: Latency) => latency.p90],
  ["p99", (latency: Latency) => latency.p99],
  ["p99.9", (latency: Latency) => latency.p999],
  ["max", (latency: Latency) => latency.max],
] as const;

function quantiles(latency: Latency, meaning: string): string {
  if (latency.count === 0) return "no answers";
  return `${QUANTILES.map(([, read]) => milliseconds(read(latency)).padStart(9)).join("")}  ${meaning}`;
}
