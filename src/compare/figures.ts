// What of a report is compared, each figure with its noise. Pure; the noise is noise.ts.

import { QUANTILES } from "../latency.js";
import type { LatencyJson, Point, PointLatency, Report } from "../report/schema.js";
import { milliseconds, percent, short, whole } from "../text.js";
import {
  type Few,
  type Glimpse,
  levelNoise,
  orderNoise,
  type Part,
  type Reach,
  ratioNoise,
  shareNoise,
} from "./noise.js";

export interface Figure {
  readonly name: string;
  /** Which way it gets better. */
  readonly better: "higher" | "lower";
  readonly shown: (value: number) => string;
  /** Undefined: the run has none. */
  readonly value: number | undefined;
  /** Where there is no value as its inserts are too few. */
  readonly few?: Few;
  /** Its differences are those of logarithms, as what makes it larger multiplies it; or of the values themselves. */
  readonly scale: "log" | "linear";
  /** In the unit of the scale: less than this the figure does not tell. */
  readonly grain: number;
  /** In the unit of the scale, by the run itself; undefined where the series is too short to tell. Takes its time. */
  readonly noise: () => Reach | undefined;
}

/** Histograms keep three digits; a cost is not known better. */
const GRAIN = 0.001;

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
  const parts = points.map((point): Part => ({ amount: amount(point), per: per(point) }));
  return ratioNoise(parts, points[0]?.seconds);
}

/** No less than that of a share of so many inserts: of few errors the waves know little. */
function errorNoise(points: readonly Point[]): number | undefined {
  const errors = (point: Point): number => point.errors;
  const inserts = (point: Point): number => point.inserts;
  const waves = noiseOf(points, errors, inserts);
  if (waves === undefined) return undefined;
  return Math.max(waves, shareNoise(sumOf(points, errors), sumOf(points, inserts)));
}

/** Both ways as far, in the unit of the value. */
const even = (noise: number | undefined): Reach | undefined =>
  noise === undefined ? undefined : { up: noise, down: noise };

/** Of a value and its noise, as logarithms have it: what may be less by all of itself has no bound below. */
function relative(value: number | undefined, noise: number | undefined): Reach | undefined {
  if (value === undefined || noise === undefined) return undefined;
  if (noise === 0 || value === 0) return { up: 0, down: 0 };
  const share = noise / value;
  return { up: Math.log1p(share), down: share < 1 ? -Math.log1p(-share) : Number.POSITIVE_INFINITY };
}

/** An open loop that sent all that was due and had its answers in time. */
const isKept = ({ latency_ms, measured }: Report): boolean =>
  latency_ms !== null &&
  latency_ms.count > 0 &&
  measured.dropped === 0 &&
  measured.unsent === 0 &&
  measured.backlog === null &&
  measured.error_rows === null;

/** Rows per second. */
function rateNoise(report: Report, points: readonly Point[]): number | undefined {
  const { measured, options } = report;
  const windowS = measured.to_s - measured.from_s;
  const unrest = noiseOf(
    points,
    (point) => point.rows,
    (point) => point.seconds,
  );
  if (unrest === undefined || windowS <= 0) return undefined;
  const failing = errorNoise(points);
  // All that was due was answered, but for what failed: no run of this schedule has more, and a row may be cut in two by its end.
  if (isKept(report) && failing !== undefined) return Math.hypot(1 / windowS, (measured.scheduled / windowS) * failing);
  return Math.max(unrest, (measured.error_rows ?? options.rows_per_batch) / windowS);
}

/** CPU seconds per million rows, of the measured seconds: without what starting the workers took. */
function costOf(report: Report, points: readonly Point[]) {
  const { measured } = report;
  const cpu = (point: Point): number => point.cpu_s;
  const answered = (point: Point): number => point.rows / 1e6;
  // Rows that are due in a second are not answered in the next; the answers to the last of them are behind all points.
  const share = measured.scheduled === 0 ? 0 : measured.acknowledged / measured.scheduled;
  const due = (point: Point): number => (point.scheduled * share) / 1e6;
  const millions = sumOf(points, isKept(report) ? due : answered);
  const value = millions === 0 ? undefined : sumOf(points, cpu) / millions;
  return {
    value,
    noise: () => {
      const noises = [answered, ...(isKept(report) ? [due] : [])].flatMap((per) => noiseOf(points, cpu, per) ?? []);
      return noises.length === 0 ? undefined : relative(value, Math.min(...noises));
    },
  };
}

/** With digits for differences of a tenth of a percent, in no more than the table has room for. */
function rateText(value: number): string {
  if (value < 100) return short(value);
  return value < 1e6 ? whole(value) : `${(value / 1e6).toPrecision(5)}M`;
}

/** In the order of the table. */
export function figuresOf(report: Report): readonly Figure[] {
  const { measured, latency_ms, service_ms } = report;
  const points = measuredPoints(report);
  const inserts = measured.inserts.acknowledged + measured.inserts.failed + measured.inserts.unknown;
  const rate = report.achieved_rows_per_s;
  const rows = rate * (measured.to_s - measured.from_s);
  return [
    {
      name: "rate",
      better: "higher",
      shown: (value) => `${rateText(value)} rows/s`,
      value: rate,
      scale: "log",
      grain: rows > 0 ? 1 / rows : 0,
      noise: () => relative(rate, rateNoise(report, points)),
    },
    ...latencyFigures("", latency_ms, (point) => point.latency_ms, points),
    ...latencyFigures("service_", service_ms, (point) => point.service_ms, points),
    {
      name: "error_rate",
      better: "lower",
      shown: percent,
      value: inserts === 0 ? undefined : (measured.inserts.failed + measured.inserts.unknown) / inserts,
      scale: "linear",
      grain: inserts === 0 ? 0 : 1 / inserts,
      noise: () => even(errorNoise(points)),
    },
    {
      name: "cpu",
      better: "lower",
      shown: (value) => `${short(value)} s/M rows`,
      scale: "log",
      grain: GRAIN,
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
  return QUANTILES.map(({ name, field, percentile, samples }): Figure => {
    const value = latency?.[field] ?? undefined;
    const count = latency?.count ?? 0;
    return {
      name: prefix + name,
      better: "lower",
      shown: milliseconds,
      value,
      ...(count > 0 && count < samples && { few: { needs: samples, has: count } }),
      scale: "log",
      grain: GRAIN,
      noise: () =>
        latency === null || value === undefined
          ? undefined
          : quantileNoise(latency.hdr, field, percentile / 100, value, points.map(pick), points),
    };
  });
}

type Field = (typeof QUANTILES)[number]["field"];

/** The levels of points: of the highest quantile up to this one that nearly all of them have. */
const MOST = 0.8;

function quantileNoise(
  hdr: string,
  field: Field,
  quantile: number,
  value: number,
  latencies: readonly PointLatency[],
  points: readonly Point[],
): Reach | undefined {
  if (value === 0) return { up: 0, down: 0 };
  const seconds = points[0]?.seconds ?? 1;
  const some = latencies.filter(({ count }) => count > 0);
  const levelsOf = (one: Field): readonly number[] => some.flatMap((latency) => latency[one] || []);
  const fields = QUANTILES.map((one) => one.field);
  const from = fields.slice(0, fields.indexOf(field) + 1).reverse();
  const known = from.find((one) => levelsOf(one).length >= MOST * some.length) ?? "p50";
  const level = levelNoise(levelsOf(known), seconds);
  if (level === undefined) return undefined;
  const glimpses = latencies.map((latency): Glimpse => ({ count: latency.count, max: latency.max ?? 0 }));
  const order = orderNoise(hdr, quantile, value, glimpses);
  // The levels of its own quantile have the unrest of the sample in them, those of another have not.
  const joined = known === field ? Math.max : Math.hypot;
  return { ...order, up: joined(order.up, level), down: joined(order.down, level) };
}

/** All that can be asked for. */
export const FIGURE_NAMES: readonly string[] = [
  "rate",
  ...["", "service_"].flatMap((prefix) => QUANTILES.map(({ name }) => prefix + name)),
  "error_rate",
  "cpu",
];
