// The reports of all shards of a run → the report of the run. Pure. Sums add, histograms merge exactly, the largest is the
// largest, and rates are over the window that all shards have in common, from the earliest start to the latest end.

import { addEncoded, emptyHistogram, summarize } from "../latency.js";
import { latencyJson } from "../report/make.js";
import type { LatencyJson, Point, PointLatency, Report } from "../report/schema.js";
import { isShort } from "../report/series.js";
import { partOf } from "./check.js";
import { mergeLedgers } from "./ledgers.js";
import { sum, sumFields, sumKnown, sumOrNull } from "./sums.js";

/**
 * @param shards all of one run: check.ts says whether they are
 * @param judge what the thresholds of the run come to
 */
export function mergeReports(
  shards: readonly Report[],
  judge: (expressions: readonly string[], merged: Report) => Report["thresholds"],
): Report {
  const parts = shards.toSorted((a, b) => (partOf(a)?.index ?? 0) - (partOf(b)?.index ?? 0));
  const [first] = parts;
  if (first === undefined) throw new RangeError("there is nothing to merge");
  const all = <T>(pick: (report: Report) => T): readonly T[] => parts.map(pick);
  const named = (report: Report, sentence: string): string => `shard ${report.options.shard}: ${sentence}`;
  const measured = {
    from_s: Math.min(...all((report) => report.measured.from_s)),
    to_s: Math.max(...all((report) => report.measured.to_s)),
    answered: sum(all(({ measured }) => measured.answered ?? measured.acknowledged)),
    error_rows: sumKnown(all(({ measured }) => measured.error_rows)),
    backlog: mergeBacklogs(all(({ measured }) => measured.backlog)),
    ...fates(all((report) => report.measured)),
    inserts: sumFields(all((report) => report.measured.inserts)),
  };
  const windowS = measured.to_s - measured.from_s;
  const caveats = [...new Set(all((report) => report.ledger_caveat).filter((caveat) => caveat !== null))];
  const merged: Report = {
    ...first,
    options: {
      ...first.options,
      shard: null,
      "clickhouse-url": [...new Set(all((report) => report.options["clickhouse-url"]).flat())],
      "tls-insecure": all((report) => report.options["tls-insecure"]).includes(true),
      workers: sum(all((report) => report.options.workers)),
      "in-flight": sum(all((report) => report.options["in-flight"])),
    },
    replay: first.replay && {
      ...first.replay,
      times_round: sum(all((report) => report.replay?.times_round ?? 0)),
    },
    interrupted: parts.some((report) => report.interrupted),
    schedule_s: Math.max(...all((report) => report.schedule_s)),
    elapsed_s: Math.max(...all((report) => report.elapsed_s)),
    measured,
    target_rows_per_s: sumOrNull(all((report) => report.target_rows_per_s)),
    achieved_rows_per_s: windowS > 0 ? measured.answered / windowS : 0,
    rows: {
      ...fates(all((report) => report.rows)),
      landed: sumOrNull(all((report) => report.rows.landed)),
      lost: sumOrNull(all((report) => report.rows.lost)),
      duplicated: sumOrNull(all((report) => report.rows.duplicated)),
    },
    ledger: mergeLedgers(all((report) => report.ledger)),
    ledger_caveat: caveats.length === 0 ? null : caveats.join("; "),
    bytes: sumFields(all((report) => report.bytes)),
    inserts: sumFields(all((report) => report.inserts)),
    retries: sum(all((report) => report.retries)),
    endpoints: mergeEndpoints(all((report) => report.endpoints).flat()),
    latency_ms: mergeWaits(all((report) => report.latency_ms)),
    service_ms: mergeKnown(all((report) => report.service_ms)),
    refused_ms: mergeLatencies(all((report) => report.refused_ms)),
    lateness_ms: mergeLatencies(all((report) => report.lateness_ms)),
    errors: mergeErrors(all((report) => report.errors).flat()),
    traces: mergeTraces(all((report) => report.traces)),
    problems: parts.flatMap((report) => report.problems.map((problem) => named(report, problem))),
    max_lag_ms: Math.max(...all((report) => report.max_lag_ms)),
    generator_cpu_s: sum(all((report) => report.generator_cpu_s)),
    sending_ms: mergeLatencies(all((report) => report.sending_ms)),
    network: mergeNetworks(parts, named),
    generator_cpu: mergeCpu(all((report) => report.generator_cpu)),
    generator_limited: parts.some((report) => report.generator_limited),
    generator: {
      reasons: parts.flatMap((report) => report.generator.reasons.map((reason) => named(report, reason))),
      unheld_service_ms: mergeLatencies(all((report) => report.generator.unheld_service_ms)),
      throttled_s: sumOrNull(all((report) => report.generator.throttled_s)),
      workers: all((report) => report.generator.workers).flat(),
    },
    series: mergeSeries(
      all((report) => report.series),
      first.options.warmup_s,
    ),
    thresholds: [],
    shards: parts.map((report) => ({
      shard: report.options.shard ?? "",
      clickstorm: report.versions.clickstorm,
      machine: report.machine,
      "clickhouse-url": report.options["clickhouse-url"],
      workers: report.options.workers,
      "in-flight": report.options["in-flight"],
      elapsed_s: report.elapsed_s,
      acknowledged: report.rows.acknowledged,
      generator_cpu_s: report.generator_cpu_s,
      generator_limited: report.generator_limited,
    })),
  };
  return {
    ...merged,
    thresholds: judge(
      first.thresholds.map(({ expression }) => expression),
      merged,
    ),
  };
}

type Fates = Record<"scheduled" | "generated" | "dropped" | "unsent" | "acknowledged" | "failed" | "unknown", number>;

function fates(records: readonly Readonly<Fates>[]): Fates {
  return sumFields(
    records.map(({ scheduled, generated, dropped, unsent, acknowledged, failed, unknown }) => ({
      scheduled,
      generated,
      dropped,
      unsent,
      acknowledged,
      failed,
      unknown,
    })),
  );
}

/** Null where one of the shards does not tell it. */
function mergeCpu(shares: readonly Report["generator_cpu"][]): Report["generator_cpu"] {
  const known = shares.filter((share) => share !== null);
  return known.length === shares.length ? sumFields(known) : null;
}

type Backlog = Report["measured"]["backlog"];

/** Of the shards that did not keep up. */
function mergeBacklogs(backlogs: readonly Backlog[]): Backlog {
  const known = backlogs.filter((backlog) => backlog !== null);
  if (known.length === 0) return null;
  return { rows: sum(known.map(({ rows }) => rows)), seconds: Math.max(...known.map(({ seconds }) => seconds)) };
}

function mergeWaits(latencies: readonly Report["latency_ms"][]): Report["latency_ms"] {
  const merged = mergeLatencies(latencies);
  return merged && { ...merged, lower_bounds: sum(latencies.map((latency) => latency?.lower_bounds ?? 0)) };
}

function mergeLatencies(latencies: readonly (LatencyJson | null)[]): LatencyJson | null {
  const known = latencies.filter((latency) => latency !== null);
  return known.length === latencies.length ? mergeKnown(known) : null;
}

function mergeKnown(latencies: readonly LatencyJson[]): LatencyJson {
  return latencyJson(histogramOf(latencies), sumNs(latencies));
}

/** Of exact means. */
const sumNs = (latencies: readonly { readonly count: number; readonly mean: number | null }[]): number =>
  sum(latencies.map(({ count, mean }) => count * (mean ?? 0) * 1e6));

function histogramOf(latencies: readonly { readonly hdr?: string | undefined }[]) {
  const histogram = emptyHistogram();
  for (const { hdr } of latencies) if (hdr !== undefined) addEncoded(histogram, hdr);
  // Total and maximum (the library's spelling).
  histogram.establishInternalTackingValues();
  return histogram;
}

function mergePoint(latencies: readonly PointLatency[]): PointLatency {
  const answered = latencies.filter(({ count }) => count > 0);
  // Most points of few inserts are one shard's.
  const [only] = answered;
  if (only !== undefined && answered.length === 1) {
    const { hdr: _merged, ...plain } = only;
    return plain;
  }
  return summarize(histogramOf(answered), sumNs(answered));
}

type Errors = Report["errors"];

/** By code: numbers first, as they count, then names. */
function mergeErrors(errors: Errors): Errors {
  const codes = [...new Set(errors.map(({ code }) => code))].sort(
    (a, b) => (Number(a) || Infinity) - (Number(b) || Infinity) || (a < b ? -1 : 1),
  );
  return codes.map((code) => {
    const same = errors.filter((error) => error.code === code);
    return {
      code,
      inserts: sum(same.map(({ inserts }) => inserts)),
      rows: sum(same.map(({ rows }) => rows)),
      retried: sum(same.map(({ retried }) => retried)),
      first: same.find(({ first }) => first !== null)?.first ?? null,
    };
  });
}

type Traces = Report["traces"];

/** Of the shards that sent any. */
function mergeTraces(traces: readonly Traces[]): Traces {
  const sent = traces.filter((one) => one !== null);
  if (sent.length === 0) return null;
  return {
    ...sumFields(sent.map(({ spans, exported }) => ({ spans, exported }))),
    lost: sumFields(sent.map(({ lost }) => lost)),
  };
}

function mergeNetworks(
  parts: readonly Report[],
  named: (report: Report, sentence: string) => string,
): Report["network"] {
  const known = parts.flatMap((report) => (report.network === null ? [] : [{ report, ...report.network }]));
  if (known.length < parts.length) return null;
  return {
    limited: known.some(({ limited }) => limited),
    reasons: known.flatMap(({ report, reasons }) => reasons.map((reason) => named(report, reason))),
    seen: sumFields(known.map(({ seen }) => seen)),
  };
}

type Endpoints = Report["endpoints"];

/** By URL, in the order in which they come. */
function mergeEndpoints(endpoints: Endpoints): Endpoints {
  const urls = [...new Set(endpoints.map((endpoint) => endpoint["clickhouse-url"]))];
  return urls.map((url) => {
    const same = endpoints.filter((endpoint) => endpoint["clickhouse-url"] === url);
    return {
      "clickhouse-url": url,
      inserts: sumFields(same.map(({ inserts }) => inserts)),
      acknowledged: sum(same.map(({ acknowledged }) => acknowledged)),
      retried: sum(same.map(({ retried }) => retried)),
      sent_bytes: sum(same.map(({ sent_bytes }) => sent_bytes)),
      left_out: sum(same.map(({ left_out }) => left_out)),
    };
  });
}

/**
 * All shards have points at the same seconds; but one whose process stood still for a while has left some out, one that ended
 * earlier has fewer, and each ends with its own last answer. The merged series has those that none left out, and the last end of all.
 */
function mergeSeries(series: readonly (readonly Point[])[], warmupS: number): readonly Point[] {
  const ends = [...new Set(series.flat().map(({ t_s }) => t_s))].sort((a, b) => a - b);
  const known = series.map((points) => new Set(points.map(({ t_s }) => t_s)));
  const lasts = series.map((points) => points.at(-1)?.t_s ?? 0);
  const isCommon = (end: number): boolean => known.every((own, shard) => own.has(end) || end > (lasts[shard] ?? 0));
  const cursors = series.map(() => 0);
  let before = 0;
  return withoutShort(ends.filter(isCommon)).map((end) => {
    const within = series.map((points, shard) => {
      const from = cursors[shard] ?? 0;
      let to = from;
      while ((points[to]?.t_s ?? Infinity) <= end) to++;
      cursors[shard] = to;
      return points.slice(from, to);
    });
    const all = within.flat();
    const last = within.flatMap((points) => points.slice(-1));
    const point: Point = {
      t_s: end,
      seconds: end - before,
      warmup: before < warmupS,
      scheduled: sum(all.map(({ scheduled }) => scheduled)),
      rows: sum(all.map(({ rows }) => rows)),
      inserts: sum(all.map(({ inserts }) => inserts)),
      errors: sum(all.map(({ errors }) => errors)),
      latency_ms: mergePoint(all.map(({ latency_ms }) => latency_ms)),
      service_ms: mergePoint(all.map(({ service_ms }) => service_ms)),
      in_flight: sum(last.map(({ in_flight }) => in_flight)),
      lag_ms: Math.max(0, ...last.map(({ lag_ms }) => lag_ms)),
      cpu_s: sum(all.map(({ cpu_s }) => cpu_s)),
    };
    before = end;
    return point;
  });
}

/** A last point that is short is a part of the one before, as in the series of one process. */
function withoutShort(ends: readonly number[]): readonly number[] {
  const [before, last] = [ends.at(-2), ends.at(-1)];
  return before === undefined || last === undefined || !isShort(before, last) ? ends : [...ends.slice(0, -2), last];
}
