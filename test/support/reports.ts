// Made-up reports, by arithmetic on made-up inserts: a second source for what merges and compares real ones.

import { encodeIntoCompressedBase64 } from "hdr-histogram-js";
import { emptyHistogram } from "../../src/latency.js";
import type { LatencyJson, Point, PointLatency, Report } from "../../src/report/schema.js";

export interface MadeInsert {
  readonly shard: number;
  readonly rows: number;
  /** Milliseconds from the start. */
  readonly dueMs: number;
  readonly sentMs: number;
  readonly answeredMs: number;
  readonly outcome: "acknowledged" | "failed" | "unknown";
  /** Of those not acknowledged. */
  readonly code: string;
}

export interface Making {
  readonly durationS: number;
  readonly warmupS: number;
  readonly rowsPerS: number;
  /** Such as 1/3. */
  readonly shard: string | null;
}

type Times = readonly number[];

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

function hdrOf(timesMs: Times): string {
  const histogram = emptyHistogram();
  for (const ms of timesMs) histogram.recordValue(Math.round(ms * 1000));
  return encodeIntoCompressedBase64(histogram);
}

/** The smallest of the times that so many of 100 do not exceed, to the histogram's three digits. */
function quantilesOf(timesMs: Times) {
  const histogram = emptyHistogram();
  for (const ms of timesMs) histogram.recordValue(Math.round(ms * 1000));
  histogram.establishInternalTackingValues();
  const { length } = timesMs;
  const at = (percent: number, least = 1): number | null =>
    length < least ? null : histogram.getValueAtPercentile(percent) / 1000;
  return {
    count: length,
    min: at(0),
    mean: length === 0 ? null : sum(timesMs) / length,
    p50: at(50),
    p90: at(90, 10),
    p95: at(95, 20),
    p99: at(99, 100),
    p999: at(99.9, 1000),
    max: at(100),
  };
}

const latency = (timesMs: Times): LatencyJson => ({ ...quantilesOf(timesMs), hdr: hdrOf(timesMs) });

const pointLatency = (timesMs: Times, encode: boolean): PointLatency => ({
  ...quantilesOf(timesMs),
  ...(encode && timesMs.length > 0 && { hdr: hdrOf(timesMs) }),
});

const rowsOf = (inserts: readonly MadeInsert[]): number => sum(inserts.map(({ rows }) => rows));

function fates(inserts: readonly MadeInsert[]) {
  const of = (outcome: MadeInsert["outcome"]) => rowsOf(inserts.filter((insert) => insert.outcome === outcome));
  const rows = rowsOf(inserts);
  const [acknowledged, failed, unknown] = [of("acknowledged"), of("failed"), of("unknown")];
  return { scheduled: rows, generated: rows, dropped: 0, unsent: 0, acknowledged, failed, unknown };
}

function outcomes(inserts: readonly MadeInsert[]) {
  const of = (outcome: MadeInsert["outcome"]) => inserts.filter((insert) => insert.outcome === outcome).length;
  return { acknowledged: of("acknowledged"), failed: of("failed"), unknown: of("unknown") };
}

/** A batch an insert: what was acknowledged is there, and nothing else. */
function ledgerOf(inserts: readonly MadeInsert[]): Report["ledger"] {
  const outcomes = ["acknowledged", "failed", "unknown"] as const;
  const codes = [...new Set(inserts.map(({ code }) => code))].sort();
  const landed = rowsOf(inserts.filter(({ outcome }) => outcome === "acknowledged"));
  return {
    batches: outcomes.flatMap((outcome) =>
      (outcome === "acknowledged" ? [null] : codes).flatMap((code) => {
        const same = inserts.filter((insert) => insert.outcome === outcome && (code === null || insert.code === code));
        if (same.length === 0) return [];
        const [batches, rows] = [same.length, rowsOf(same)];
        const isThere = outcome === "acknowledged";
        return {
          fate: outcome,
          reason: outcome === "failed" ? ("busy" as const) : null,
          code,
          batches,
          rows,
          whole: isThere ? batches : 0,
          partial: 0,
          missing: isThere ? 0 : batches,
          duplicated: 0,
          landed: isThere ? rows : 0,
          distinct: isThere ? rows : 0,
        };
      }),
    ),
    unknown_landed: 0,
    unknown_missing: rowsOf(inserts.filter(({ outcome }) => outcome === "unknown")),
    failed_landed: 0,
    never_sent: 0,
    replicas: [{ "clickhouse-url": "http://db:8123", landed, missing: 0, duplicated: 0 }],
  };
}

/** The report of these inserts, of one process or all. */
export function madeReport(inserts: readonly MadeInsert[], making: Making): Report {
  const { durationS, warmupS, rowsPerS, shard } = making;
  const measured = inserts.filter(({ dueMs }) => dueMs >= warmupS * 1000);
  const last = (some: readonly MadeInsert[]): number =>
    Math.max(durationS, ...some.map(({ answeredMs }) => answeredMs / 1000));
  const windowS = durationS - warmupS;
  const elapsedS = last(inserts);
  const seconds = Math.floor(Math.max(0, ...inserts.map(({ answeredMs }) => answeredMs / 1000))) + 1;
  const codes = [...new Set(inserts.filter(({ outcome }) => outcome !== "acknowledged").map(({ code }) => code))];
  const isAcknowledged = ({ outcome }: MadeInsert): boolean => outcome === "acknowledged";
  const served = measured.filter(isAcknowledged);
  const refused = measured.filter((insert) => !isAcknowledged(insert));
  const isWithin = ({ answeredMs }: MadeInsert): boolean =>
    answeredMs > warmupS * 1000 && answeredMs <= durationS * 1000;
  const answered = rowsOf(inserts.filter((insert) => isAcknowledged(insert) && isWithin(insert)));
  const late = inserts.filter(({ answeredMs }) => answeredMs > durationS * 1000);
  const [index = 1, of = 1] = (shard ?? "1/1").split("/").map(Number);
  return {
    schema: "clickstorm/report/1",
    run_id: "made-up",
    options: {
      "clickhouse-url": [`http://db${index}:8123`],
      table: "default.events",
      embedded: false,
      rate: String(rowsPerS),
      duration_s: durationS,
      drain_s: 30,
      stages: null,
      arrivals: "constant",
      warmup_s: warmupS,
      overload: "catch-up",
      "max-lag_s": null,
      "abort-below": null,
      shard,
      "start-at": "2026-01-31T12:00:00.000Z",
      workers: 1,
      "in-flight": 8,
      "batch-rows": 100,
      "flush-interval_s": 1,
      rows_per_batch: 100,
      format: "JSONEachRow",
      compress: "none",
      "async-insert": false,
      settings: {},
      quorum: null,
      timeout_s: 30,
      retries: 0,
      "retry-for_s": 120,
      "retry-ambiguous": false,
      "max-failures": null,
      "worker-crash": "end",
      seed: 1,
      replay: null,
      "replay-once": false,
      "replay-time": null,
      ledger: null,
      config: null,
      "data-span_s": null,
      "data-start": null,
      verify: true,
      strict: false,
      blind: false,
      "tls-ca": null,
      "tls-cert": null,
      "tls-key": null,
      "tls-insecure": false,
    },
    versions: { clickstorm: "0.1.0", node: "20.0.0", clickhouse: "26.7.1.1" },
    machine: { cores: 2, platform: "linux x64", cpu: "made up", memory_bytes: 2 ** 30 },
    server: {
      settings: {},
      table: { engine: "MergeTree", columns: [{ name: "seq", type: "UInt64" }] },
      deduplication: null,
    },
    replay: null,
    started_at: "2026-01-31T12:00:00.000Z",
    interrupted: false,
    schedule_s: durationS,
    elapsed_s: elapsedS,
    measured: {
      from_s: warmupS,
      to_s: durationS,
      answered,
      error_rows: null,
      backlog: late.length === 0 ? null : { rows: rowsOf(late), seconds: last(late) - durationS },
      ...fates(measured),
      inserts: outcomes(measured),
    },
    target_rows_per_s: rowsPerS / of,
    achieved_rows_per_s: windowS > 0 ? answered / windowS : 0,
    ceiling: "parser+storage",
    rows: {
      ...fates(inserts),
      landed: rowsOf(inserts.filter(({ outcome }) => outcome === "acknowledged")),
      lost: 0,
      duplicated: 0,
    },
    ledger_caveat: null,
    ledger: ledgerOf(inserts),
    bytes: { rendered: 10 * rowsOf(inserts), sent: 10 * rowsOf(inserts) },
    inserts: outcomes(inserts),
    retries: 0,
    endpoints: [
      {
        "clickhouse-url": `http://db${index}:8123`,
        inserts: outcomes(inserts),
        acknowledged: rowsOf(inserts.filter(({ outcome }) => outcome === "acknowledged")),
        retried: 0,
        sent_bytes: 10 * rowsOf(inserts),
        left_out: 0,
      },
    ],
    latency_ms: { ...latency(served.map(({ dueMs, answeredMs }) => answeredMs - dueMs)), lower_bounds: 0 },
    service_ms: latency(served.map(({ sentMs, answeredMs }) => answeredMs - sentMs)),
    refused_ms: latency(refused.map(({ dueMs, answeredMs }) => answeredMs - dueMs)),
    lateness_ms: latency(measured.map(({ dueMs, sentMs }) => sentMs - dueMs)),
    errors: codes.map((code) => {
      const same = inserts.filter((insert) => insert.outcome !== "acknowledged" && insert.code === code);
      return { code, inserts: same.length, rows: rowsOf(same), retried: 0, first: `code ${code}` };
    }),
    traces: null,
    problems: [],
    max_lag_ms: Math.max(0, ...measured.map(({ dueMs, sentMs }) => sentMs - dueMs)),
    generator_cpu_s: inserts.length / 1024,
    sending_ms: latency([0, 0.5 * index]),
    network: { limited: false, reasons: [], seen: { arrived: 3, under_way: index, stuck: 0 } },
    generator_cpu: {
      starting_s: 0,
      warmup_s: (inserts.length - measured.length) / 1024,
      measured_s: measured.length / 1024,
      draining_s: 0,
    },
    generator_limited: false,
    generator: {
      reasons: [],
      unheld_service_ms: latency([0, 0, 1.5 * index]),
      throttled_s: 0.25,
      workers: [
        {
          busy_s: 1,
          idle_s: 2,
          rendering_s: 0.5,
          waiting_s: 0,
          delayed_s: 0,
          ran_s: 0.75,
          waited_for_cpu_s: 0.125,
          stood_still_s: 0,
        },
      ],
    },
    series: Array.from({ length: seconds }, (_, second): Point => {
      const ended = inserts.filter(({ answeredMs }) => Math.floor(answeredMs / 1000) === second);
      return {
        t_s: second + 1,
        seconds: 1,
        warmup: second < warmupS,
        scheduled: rowsOf(inserts.filter(({ dueMs }) => Math.floor(dueMs / 1000) === second)),
        rows: rowsOf(ended.filter(({ outcome }) => outcome === "acknowledged")),
        inserts: ended.length,
        errors: ended.filter(({ outcome }) => outcome !== "acknowledged").length,
        latency_ms: pointLatency(
          ended.filter(isAcknowledged).map(({ dueMs, answeredMs }) => answeredMs - dueMs),
          shard !== null,
        ),
        service_ms: pointLatency(
          ended.filter(isAcknowledged).map(({ sentMs, answeredMs }) => answeredMs - sentMs),
          shard !== null,
        ),
        in_flight: inserts.filter(
          ({ sentMs, answeredMs }) => sentMs < 1000 * (second + 1) && answeredMs >= 1000 * (second + 1),
        ).length,
        lag_ms: 0,
        cpu_s: ended.length / 1024,
      };
    }),
    thresholds: [],
  };
}

/** Inserts of 100 rows, `perS` a second, each sent when due and answered after `serviceMs`. */
export function steadyInserts(
  durationS: number,
  perS: number,
  serviceMs: (index: number) => number,
): readonly MadeInsert[] {
  return Array.from({ length: durationS * perS }, (_, index) => {
    const dueMs = (1000 * index) / perS;
    const answeredMs = dueMs + serviceMs(index);
    return { shard: 0, rows: 100, dueMs, sentMs: dueMs, answeredMs, outcome: "acknowledged" as const, code: "" };
  });
}
