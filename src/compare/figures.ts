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

/** Points of whole intervals within the measured window: neither the warm-up nor the drain. */
export function measuredPoints({ series, measured }: Report): readonly Point[] {
  return series.filter(
    ({ warmup, t_s, seconds }) => !warmup && t_s - seconds >= Math.floor(measured.from_s) && t_s <= measured.to_s,
  );
}

/** In the order of the table. */
export function figuresOf(report: Report): readonly Figure[] {
  const { measured, latency_ms, service_ms } = report;
  const points = measuredPoints(report);
  const ratio = (amount: (point: Point) => number, per: (point: Point) => number): number | undefined =>
    ratioNoise(points.map((point): Part => ({ amount: amount(point), per: per(point) })));
  const inserts = measured.inserts.acknowledged + measured.inserts.failed + measured.inserts.unknown;
  const total = (pick: (point: Point) => number): number => points.reduce((sum, point) => sum + pick(point), 0);
  const millions = total((point) => point.rows) / 1e6;
  return [
    {
      name: "rate",
      better: "higher",
      shown: (value) => `${value >= 100 ? whole(value) : short(value)} rows/s`,
      value: report.achieved_rows_per_s,
      noise: ratio(
        (point) => point.rows,
        (point) => point.seconds,
      ),
    },
    ...latencyFigures("", latency_ms, (point) => point.latency_ms, points),
    ...latencyFigures("service_", service_ms, (point) => point.service_ms, points),
    {
      name: "error_rate",
      better: "lower",
      shown: percent,
      value: inserts === 0 ? undefined : (measured.inserts.failed + measured.inserts.unknown) / inserts,
      noise: ratio(
        (point) => point.errors,
        (point) => point.inserts,
      ),
    },
    {
      name: "cpu",
      better: "lower",
      shown: (value) => `${short(value)} s/M rows`,
      // Without what starting the workers took, which is in generator_cpu_s.
      value: millions === 0 ? undefined : total((point) => point.cpu_s) / millions,
      noise: ratio(
        (point) => point.cpu_s,
        (point) => point.rows / 1e6,
      ),
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
