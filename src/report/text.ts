// A report → the summary a person reads, on standard output: at most 80 columns wide, but for words that are longer. Pure.

import { ceilingOf } from "../ceiling.js";
import { wrap } from "../help.js";
import { QUANTILES } from "../latency.js";
import type { Compression } from "../replay/file.js";
import { FORMATS } from "../rows/program.js";
import { SPAN_LOSSES, type SpanLoss, spansLost } from "../spans.js";
import { bytes, count, milliseconds, percent, printable, short, whole } from "../text.js";
import { parseThreshold, valueText } from "../threshold.js";
import { ledgerText, whyNoLedger } from "./ledger-text.js";
import type { LatencyJson, Report } from "./schema.js";

const WIDTH = 80;
const NAME_WIDTH = 10;
/** Behind the name: two spaces before it, one after. */
const INDENT = NAME_WIDTH + 3;
/** At which no line is broken: wrap() makes a plain space of it. */
const NO_BREAK = "\u00a0";
/** Of few rows it would be the cost of starting. */
const ROWS_FOR_A_COST = 100_000;
/** Latency that is so much more than service time is explained: by waiting, if that was such a share of the workers' time. */
const BACKLOG = { factor: 1.5, ms: 10, waiting: 0.01 };

/** Of achieved, what the ends of the window may be off by. */
const WORTH_A_WORD = 0.01;

type Lines = readonly string[];

/** Rows failed, unknown or unsent, a ledger that does not balance, or a run that broke off. What was to be dropped may be. */
export function isIncomplete({ rows, problems }: Report): boolean {
  const missing = rows.failed + rows.unknown + rows.unsent;
  return missing + (rows.lost ?? 0) + (rows.duplicated ?? 0) > 0 || problems.length > 0;
}

export function toText(report: Report): string {
  const { options, rows, inserts, bytes: size, errors, problems } = report;
  const { acknowledged, failed, unknown } = inserts;
  const lines = [
    ...headLines(report),
    "",
    ...replayLines(report),
    ...grouped(
      "rows",
      [`scheduled ${whole(rows.scheduled)}`, `acknowledged ${whole(rows.acknowledged)}`],
      [
        `failed ${whole(rows.failed)}`,
        `unknown ${whole(rows.unknown)}`,
        `unsent ${whole(rows.unsent)}`,
        options.overload === "drop" && `dropped ${whole(rows.dropped)}`,
      ],
    ),
    ...interruptedLines(report),
    ...insecureLines(report),
    ...warmupLines(report),
    ...rateLines(report),
    ...line(
      "inserts",
      `${whole(acknowledged + failed + unknown)} of up to ${count(options.rows_per_batch, "row")}`,
      `${bytes(size.sent)} sent`,
      report.retries > 0 && `${whole(report.retries)} ${report.retries === 1 ? "retry" : "retries"}`,
    ),
    ...compressionLines(report),
    ...endpointLines(report),
    ...measuresLines(report),
    ...latencyLines(report),
    ...generatorLines(report),
    ...errors.flatMap(({ code, inserts, rows, retried, first }) => [
      ...line("error", code, count(inserts, "insert"), count(rows, "row"), retried > 0 && `${whole(retried)} retried`),
      ...(first === null ? [] : words("", `first: ${first}`)),
    ]),
    ...tracesLines(report),
    ...problems.flatMap((problem) => words("problem", problem)),
    ...thresholdLines(report),
    ...limitLines(report),
    ...ledgerLines(report),
  ];
  return `${lines.map(printable).join("\n")}\n`;
}

/** Parts two spaces apart; a line is broken between them. */
function line(name: string, ...parts: readonly (string | false)[]): Lines {
  const whole = parts.filter((part) => part !== false && part !== "").map((part) => String(part));
  return words(name, whole.map((part) => part.replaceAll(" ", NO_BREAK)).join("  "));
}

/** Two groups of parts, below each other where there is no room for both in a line. */
function grouped(name: string, one: readonly (string | false)[], other: readonly (string | false)[]): Lines {
  const together = line(name, ...one, ...other);
  return together.length === 1 ? together : [...line(name, ...one), ...line("", ...other)];
}

/** Text that may be broken at any space. */
function words(name: string, text: string): Lines {
  return wrap(text, WIDTH - INDENT).map((part, index) =>
    `  ${(index === 0 ? name : "").padEnd(NAME_WIDTH)} ${part}`.trimEnd(),
  );
}

function headLines({ run_id, options, versions, shards, replay }: Report): Lines {
  const server = versions.clickhouse === null ? "unasked endpoint" : `ClickHouse ${versions.clickhouse}`;
  const part =
    shards === undefined ? options.shard && `shard ${options.shard}` : `${count(shards.length, "shard")} merged`;
  const head = (...parts: readonly (string | false | null | undefined)[]): Lines =>
    wrap(
      parts
        .filter((text) => typeof text === "string")
        .map((text) => text.replaceAll(" ", NO_BREAK))
        .join("   "),
      WIDTH,
    ).map((text) => text.trimEnd());
  return [
    ...head(`run ${run_id}`, replay === null && `seed ${options.seed}`, `clickstorm ${versions.clickstorm}`, part),
    ...head(server, ...options["clickhouse-url"], options.table),
  ];
}

/** What of a file of rows is told before the start and at the end. */
export interface ReplayedFile {
  readonly file: string;
  readonly compression: Compression;
  readonly file_bytes: number;
  readonly lines: number;
  readonly bytes: number;
}

/** The file and what is in it. */
export function replayText({ file, compression, file_bytes, lines, bytes: size }: ReplayedFile): string {
  const packed = compression === "none" ? "" : ` from ${bytes(file_bytes)} of ${compression}`;
  return `${file}: ${count(lines, "line")}, ${bytes(size)}${packed}`;
}

function replayLines({ replay }: Report): Lines {
  return replay === null ? [] : words("replay", `${replayText(replay)}  ${short(replay.times_round)} times round`);
}

function interruptedLines({ interrupted, schedule_s: scheduleS }: Report): Lines {
  if (!interrupted) return [];
  return words("ended", `interrupted after ${scheduleS.toFixed(1)} s: what was not due by then was never scheduled`);
}

function insecureLines({ options }: Report): Lines {
  if (!options["tls-insecure"]) return [];
  return words("insecure", "--tls-insecure: no certificate was verified, anybody may have answered");
}

function warmupLines({ options, lateness_ms }: Report): Lines {
  if (options.warmup_s === 0) return [];
  const times = lateness_ms === null ? "latency and service" : "latency, service and lateness";
  return words(
    "warm-up",
    `the first ${short(options.warmup_s)} s are left out of rate, ${times}, lag and thresholds, ` +
      "and counted in rows, inserts, errors and ledger",
  );
}

function rateLines(report: Report): Lines {
  const { options, measured, target_rows_per_s: target, achieved_rows_per_s: achieved } = report;
  if (measured.scheduled === 0 && options.warmup_s > 0) {
    return words("rate", "nothing was measured: the run ended in its warm-up, or no rows were due after it");
  }
  const windowS = measured.to_s - measured.from_s;
  const done = `achieved ${rateText(achieved)} rows/s in ${windowS.toFixed(1)} s`;
  if (target === null) return line("rate", "target max", done);
  const mean = options.stages === null ? "" : ` on average over ${count(options.stages.length, "stage")}`;
  return [
    ...grouped(
      "rate",
      [
        `target ${options.stages === null ? target.toLocaleString("en-US", { maximumFractionDigits: 9 }) : rateText(target)} rows/s${mean}`,
        done,
      ],
      [shortfall(target, achieved), `largest lag ${milliseconds(report.max_lag_ms)}`],
    ),
    ...backlogLines(report, windowS),
  ];
}

/** What was not answered in time, and what that leaves open. */
function backlogLines({ measured, rows, achieved_rows_per_s: achieved }: Report, windowS: number): Lines {
  const { backlog, error_rows: errorRows } = measured;
  const error = errorRows === null || windowS <= 0 ? 0 : errorRows / windowS;
  const sure =
    achieved > 0 && error > achieved * WORTH_A_WORD
      ? `; achieved is right to ${percent(error / achieved)}, as inserts are few or long`
      : "";
  if (backlog === null) return sure === "" ? [] : words("", sure.slice(2));
  const unsent = rows.unsent > 0 ? `, ${whole(rows.unsent)} of them never sent` : "";
  const took = milliseconds(backlog.seconds * 1000).replaceAll(" ", NO_BREAK);
  const end = `${count(backlog.rows, "row")} had no answer when the schedule ended, which took ${took} more`;
  return words("backlog", `${end}${unsent}${sure}`);
}

function shortfall(target: number, achieved: number): string {
  const missing = target - achieved;
  // Rounding.
  if (missing < target * 1e-4) return "no shortfall";
  return `short by ${missing >= 100 ? whole(missing) : short(missing)} rows/s (${percent(missing / target)})`;
}

/** Whole rows where there are many, else with decimals, but no more than it takes. */
function rateText(rowsPerSecond: number): string {
  return rowsPerSecond >= 100 ? whole(rowsPerSecond) : String(Number(rowsPerSecond.toFixed(2)));
}

/** Where there are several. */
function endpointLines({ endpoints }: Report): Lines {
  if (endpoints.length < 2) return [];
  return endpoints.flatMap(({ "clickhouse-url": url, inserts, left_out: leftOut }, index) =>
    line(
      index === 0 ? "endpoints" : "",
      url,
      `${whole(inserts.acknowledged)} acknowledged`,
      inserts.failed > 0 && `${whole(inserts.failed)} failed`,
      inserts.unknown > 0 && `${whole(inserts.unknown)} unknown`,
      leftOut > 0 && `left out ${whole(leftOut)} ${leftOut === 1 ? "time" : "times"}`,
    ),
  );
}

function compressionLines({ options: { compress }, bytes: { rendered, sent } }: Report): Lines {
  if (compress === "none" || sent === 0) return [];
  return words("", `${compress}: ${bytes(rendered)} before compression, ${short(rendered / sent)} times what was sent`);
}

/** Which limit it is that a rate this high runs into. */
function measuresLines({ options, server }: Report): Lines {
  const format = FORMATS.find((name) => name === options.format);
  const ceiling = format && ceilingOf(format, { engine: server.table.engine ?? undefined });
  return ceiling === undefined ? [] : words("measures", `${options.format}: ${ceiling.sentence}`);
}

const COLUMNS = [...QUANTILES, { field: "max", name: "max", samples: 1 }] as const;
/** Of a column: the longest time, "0.512 ms", and a space. */
const COLUMN_WIDTH = 9;

function latencyLines(report: Report): Lines {
  const { latency_ms: latency, service_ms: service, refused_ms: refused, lateness_ms: lateness } = report;
  const table = (name: string, times: LatencyJson, meaning: string, none = "no insert was acknowledged"): Lines => {
    if (times.count === 0) return words(name, none);
    const figure = (ms: number | null): string => (ms === null ? "–" : milliseconds(ms)).padStart(COLUMN_WIDTH);
    return line(name, COLUMNS.map(({ field }) => figure(times[field])).join(""), meaning);
  };
  return [
    ...line("", COLUMNS.map(({ name }) => name.padStart(COLUMN_WIDTH)).join("")),
    ...(latency === null
      ? words("latency", "none: at --rate max a batch is due whenever there is room for it")
      : table("latency", latency, "from due")),
    ...table("service", service, "from sent"),
    ...(refused === null || refused.count === 0
      ? []
      : table("refused", refused, latency === null ? "from sent" : "from due")),
    ...(lateness === null ? [] : table("lateness", lateness, "until sent", "no insert was sent")),
    ...fewLines(latency ?? service),
    ...(latency === null || latency.lower_bounds === 0
      ? []
      : words(
          "",
          `latency counts ${count(latency.lower_bounds, "insert")} that ${latency.lower_bounds === 1 ? "was" : "were"} never sent with the time waited until the end: lower bounds`,
        )),
    ...differenceLines(report),
  ];
}

/** Of so few inserts there is no such quantile. */
function fewLines({ count: inserts }: LatencyJson): Lines {
  const missing = QUANTILES.filter(({ samples }) => inserts < samples).map(({ name }) => name);
  if (inserts === 0 || missing.length === 0) return [];
  return words("", `${count(inserts, "insert")}: too few for ${listed(missing)}`);
}

const listed = (names: readonly string[]): string =>
  names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;

/** Why latency is so much more than service time; nothing where it is not, or where neither of the two is the reason. */
function differenceLines({
  latency_ms: latency,
  service_ms: service,
  lateness_ms: lateness,
  generator,
}: Report): Lines {
  if (latency === null || lateness === null) return [];
  // Of few inserts the longest.
  const slowest = ({ p99, max }: LatencyJson): number => p99 ?? max ?? 0;
  const servedMs = slowest(service);
  const isMuch = (ms: number): boolean => ms >= BACKLOG.ms && ms > servedMs * (BACKLOG.factor - 1);
  if (!isMuch(slowest(latency) - servedMs)) return [];
  const { workers } = generator;
  const waitingS = workers.reduce((sum, worker) => sum + worker.waiting_s, 0);
  const workingS = workers.reduce((sum, worker) => sum + worker.busy_s + worker.idle_s, 0);
  if (waitingS > 0 && waitingS >= workingS * BACKLOG.waiting) {
    return words("", "latency counts the wait for a free insert, service does not: the backlog is in latency");
  }
  return isMuch(slowest(lateness)) ? words("", "latency counts from due: batches were sent late by the generator") : [];
}

/** What rows cost is of the measured window: starting takes the same for few rows and for many. */
function generatorLines({ generator, generator_cpu_s: cpuS, generator_cpu: shares, measured }: Report): Lines {
  const answered = measured.answered ?? 0;
  return line(
    "generator",
    count(generator.workers.length, "worker"),
    `${cpuS.toFixed(2)} CPU-s${shares === null ? "" : ` (${shares.starting_s.toFixed(2)} to start)`}`,
    shares !== null &&
      answered >= ROWS_FOR_A_COST &&
      `${short(shares.measured_s / (answered / 1e6))} CPU-s per million rows`,
  );
}

const LOSSES: Readonly<Record<SpanLoss, string>> = {
  queue_full: "for want of room",
  rejected: "rejected",
  failed: "not taken",
  unflushed: "unsent at the end",
};

/** Where spans were lost. */
function tracesLines({ traces }: Report): Lines {
  const lost = traces === null ? 0 : spansLost(traces.lost);
  if (traces === null || lost === 0) return [];
  const causes = SPAN_LOSSES.filter((loss) => traces.lost[loss] > 0).map(
    (loss) => `${whole(traces.lost[loss])} ${LOSSES[loss]}`,
  );
  return words("traces", `${whole(lost)} of ${count(traces.spans, "span")} lost: ${causes.join(", ")}`);
}

function thresholdLines({ thresholds }: Report): Lines {
  const longest = Math.max(...thresholds.map(({ expression }) => expression.length));
  return thresholds.flatMap(({ expression, value, passed, unjudged }, index) => {
    const verdict = unjudged !== null ? "?   " : passed ? "pass" : "FAIL";
    const why = unjudged === null ? thresholdValue(expression, value) : `cannot judge: ${unjudged}`;
    return line(index === 0 ? "thresholds" : "", `${verdict}  ${expression.padEnd(Math.min(longest, 40))}  ${why}`);
  });
}

function thresholdValue(expression: string, value: number | null): string {
  const threshold = parseThreshold(expression);
  return value === null || typeof threshold === "string" ? "nothing measured" : valueText(value, threshold);
}

function limitLines({ generator_limited: limited, generator, network }: Report): Lines {
  const between = network?.reasons.flatMap((reason) => words("network", reason)) ?? [];
  if (!limited) return between;
  return [
    ...between,
    ...words("limit", "the generator was the limit: this is no statement about the server"),
    ...generator.reasons.flatMap((reason) => words("", reason)),
  ];
}

function ledgerLines(report: Report): Lines {
  if (report.rows.landed === null) return words("ledger", whyNoLedger(report));
  const { sent, found, notes } = ledgerText(report);
  const all = words("ledger", `${sent}, ${found}`);
  return [
    ...(all.length === 1 ? all : [...words("ledger", `${sent},`), ...words("", found)]),
    ...notes.flatMap((note) => words("", note)),
  ];
}
