// What of a report is compared, each figure with its noise. Pure; the noise is noise.ts.

import type { LatencyJson, Point, PointLatency, Report } from "../report/schema.js";
import { milliseconds, percent, short, whole } from "../text.js";
import { orderNoise, type Part, ratioNoise, spreadNoise } from "./noise.js";

export interface Figure {
  readonly name: string;
  /** Which way it gets better. */
  readonly better: "higher" | "lower";
  readonly shown: (value: number) => string;
  /** Undefined: the run has none. */
  readonly value: number | undefined;
  /** In the unit of the value; undefined where the series is too short to tell. */
  readonly noise: number | undefined;
}

const QUANTILES = [
  { name: "p50", field: "p50", quantile: 0.5 },
  { name: "p90", field: "p90", quantile: 0.9 },
  { name: "p99", field: "p99", quantile: 0.99 },
  { name: "p99.9", field: "p999", quantile: 0.999 },
] as const;

/** Points of whole intervals within the measured window: neither the warm-up, nor half of it, nor the drain. */
export function measuredPoints({ series, measured }: Report): readonly Point[] {
  return series.filter(({ t_s, seconds }) => {
    // The last one ends with the run, a moment after the window.
    const afterS = Number.isInteger(t_s) ? 0 : seconds / 3;
    return t_s - seconds >= measured.from_s && t_s <= measured.to_s + afterS;
  });
}

const sumOf = (points: readonly Point[], pick: (point: Point) => number): number =>
  points.reduce((sum, point) => sum + pick(point), 0);

function noiseOf(
  points: readonly Point[],
  amount: (point: Point) => number,
  per: (point: Point) => number,
): number | undefined {
  return ratioNoise(points.map((point): Part => ({ amount: amount(point), per: per(point) })));
}

const errorNoise = (points: readonly Point[]): number | undefined =>
  noiseOf(
    points,
    (point) => point.errors,
    (point) => point.inserts,
  );

/** An open loop that sent all that was due. */
const isAllSent = ({ latency_ms, measured }: Report): boolean =>
  latency_ms !== null && latency_ms.count > 0 && measured.dropped === 0 && measured.unsent === 0;

/** Rows per second. */
function rateNoise(report: Report, points: readonly Point[]): number | undefined {
  const { measured, options, latency_ms } = report;
  const windowS = measured.to_s - measured.from_s;
  const unrest = noiseOf(
    points,
    (point) => point.rows,
    (point) => point.seconds,
  );
  if (unrest === undefined || windowS <= 0) return undefined;
  // A closed loop ends within an insert.
  const whole = Math.max(unrest, options.rows_per_batch / windowS);
  const failing = errorNoise(points);
  if (!isAllSent(report) || latency_ms === null || failing === undefined) return whole;
  // The total is exact but for a row that is cut in two by the end, the window but for the last answer.
  const ending = (report.achieved_rows_per_s * ((latency_ms.p999 ?? latency_ms.max ?? 0) / 1000) + 1) / windowS;
  return Math.min(whole, Math.hypot(ending, (measured.scheduled / windowS) * failing));
}

/** CPU seconds per million rows, of the measured seconds: without what starting the workers took. */
function costOf(report: Report, points: readonly Point[]) {
  const { measured } = report;
  const cpu = (point: Point): number => point.cpu_s;
  const answered = (point: Point): number => point.rows / 1e6;
  // Rows that are due in a second are not answered in the next; the answers to the last of them are behind all points.
  const share = measured.scheduled === 0 ? 0 : measured.acknowledged / measured.scheduled;
  const due = (point: Point): number => (point.scheduled * share) / 1e6;
  const millions = sumOf(points, isAllSent(report) ? due : answered);
  const noises = [answered, ...(isAllSent(report) ? [due] : [])].flatMap((per) => noiseOf(points, cpu, per) ?? []);
  return {
    value: millions === 0 ? undefined : sumOf(points, cpu) / millions,
    noise: noises.length === 0 ? undefined : Math.min(...noises),
  };
}

/** In the order of the table. */
export function figuresOf(report: Report): readonly Figure[] {
  const { measured, latency_ms, service_ms } = report;
  const points = measuredPoints(report);
  const inserts = measured.inserts.acknowledged + measured.inserts.failed + measured.inserts.unknown;
  return [
    {
      name: "rate",
      better: "higher",
      shown: (value) => `${value >= 100 ? whole(value) : short(value)} rows/s`,
      value: report.achieved_rows_per_s,
      noise: rateNoise(report, points),
    },
    ...latencyFigures("", latency_ms, (point) => point.latency_ms, points),
    ...latencyFigures("service_", service_ms, (point) => point.service_ms, points),
    {
      name: "error_rate",
      better: "lower",
      shown: percent,
      value: inserts === 0 ? undefined : (measured.inserts.failed + measured.inserts.unknown) / inserts,
      noise: errorNoise(points),
    },
    {
      name: "cpu",
      better: "lower",
      shown: (value) => `${short(value)} s/M rows`,
      ...costOf(report, points),
    },
  ];
}

function latencyFigures(
  prefix: string,
  latency: LatencyJson | null,
  pick: (point: Point) => PointLatency,
  points: readonly Point[],
): readonly Figure[] {
  return QUANTILES.map(({ name, field, quantile }) => {
    const figure = { name: prefix + name, better: "lower" as const, shown: milliseconds };
    if (latency === null || latency.count === 0) return { ...figure, value: undefined, noise: undefined };
    const value = latency[field];
    if (value === null) return { ...figure, value: undefined, noise: undefined };
    const spread = spreadNoise(points.flatMap((point) => pick(point)[field] ?? []));
    const noise = spread === undefined ? undefined : Math.max(value * spread, orderNoise(latency.hdr, quantile));
    return { ...figure, value, noise };
  });
}

/** All that can be asked for. */
export const FIGURE_NAMES: readonly string[] = [
  "rate",
  ...["", "service_"].flatMap((prefix) => QUANTILES.map(({ name }) => prefix + name)),
  "error_rate",
  "cpu",
];
