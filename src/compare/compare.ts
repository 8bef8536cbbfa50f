// Two reports → what changed, by how much, whether that is more than noise, and what must be known to read it. Pure.

import { isDeepStrictEqual } from "node:util";
import type { Named } from "../report/read.js";
import type { Report } from "../report/schema.js";
import { isIncomplete } from "../report/text.js";
import { type Figure, figuresOf, measuredPoints } from "./figures.js";
import { FEWEST_POINTS } from "./noise.js";

/** none: one of the runs has no such figure. */
export type Verdict = "better" | "worse" | "no change" | "none";

export interface Change {
  readonly name: string;
  readonly base: number | undefined;
  readonly new: number | undefined;
  readonly shown: Figure["shown"];
  /** A share of the base: 0.1 for a tenth more, Infinity for anything from 0; undefined where there is nothing to compare. */
  readonly change: number | undefined;
  /** In the unit of the figures: what both runs' unrest explains; undefined: not known. */
  readonly noise: number | undefined;
  readonly verdict: Verdict;
}

export interface Comparison {
  readonly base: Named;
  readonly new: Named;
  readonly changes: readonly Change[];
  readonly warnings: readonly string[];
}

/** A change that is not to be: of more than `limit`, a share of the base. */
export interface Demand {
  readonly expression: string;
  readonly name: string;
  readonly direction: "rise" | "fall";
  readonly limit: number;
}

export function compareReports(base: Named, other: Named): Comparison {
  const others = figuresOf(other.report);
  const changes = figuresOf(base.report).map((figure, index) => changeOf(figure, others[index] ?? figure));
  return { base, new: other, changes, warnings: warningsOf(base, other) };
}

function changeOf(base: Figure, other: Figure): Change {
  const { name, shown, better } = base;
  const values = { name, shown, base: base.value, new: other.value };
  if (base.value === undefined || other.value === undefined) {
    return { ...values, change: undefined, noise: undefined, verdict: "none" };
  }
  const difference = other.value - base.value;
  const noise = base.noise === undefined || other.noise === undefined ? undefined : Math.hypot(base.noise, other.noise);
  const change = difference === 0 ? 0 : difference / base.value;
  // Errors that come all at once have a noise larger than themselves; none at all, and some, are not the same.
  const isFromNone = name === "error_rate" && Math.min(base.value, other.value) === 0;
  const isNoise = difference === 0 || (!isFromNone && noise !== undefined && Math.abs(difference) <= noise);
  const isBetter = difference > 0 === (better === "higher");
  return { ...values, change, noise, verdict: isNoise ? "no change" : isBetter ? "better" : "worse" };
}

/** Whether it is kept: what is no change keeps every demand, a figure that is missing none. */
export function isKept({ direction, limit }: Demand, { change, verdict }: Change): boolean {
  if (change === undefined) return false;
  if (verdict === "no change") return true;
  return direction === "rise" ? change <= limit : change >= -limit;
}

/** Whether more than is demanded could be noise, and the difference is: then another pair of runs may say otherwise. */
export function isUnsure({ limit }: Demand, { base, noise, verdict }: Change): boolean {
  return verdict === "no change" && base !== undefined && noise !== undefined && noise > limit * base;
}

/** Of the options, those that make it another load. */
const LOAD = [
  "table",
  "rate",
  "stages",
  "arrivals",
  "warmup_s",
  "overload",
  "max-lag_s",
  "workers",
  "in-flight",
  "batch-rows",
  "rows_per_batch",
  "flush-interval_s",
  "format",
  "compress",
  "async-insert",
  "settings",
  "quorum",
  "timeout_s",
  "retries",
  "retry-for_s",
  "retry-ambiguous",
  "replay",
  "config",
  "data-span_s",
  "embedded",
  "blind",
] as const satisfies readonly (keyof Report["options"])[];

function warningsOf(base: Named, other: Named): readonly string[] {
  const [a, b] = [base.report, other.report];
  const differs = (name: string, one: unknown, two: unknown): readonly string[] =>
    isDeepStrictEqual(one, two) ? [] : [`${name} differs: ${shown(one)}, then ${shown(two)}`];
  const isSame = a.run_id === b.run_id && a.started_at === b.started_at;
  return [
    ...(isSame ? [`both are of run ${a.run_id}`] : []),
    ...LOAD.flatMap((name) => differs(name, a.options[name], b.options[name])),
    // Each embedded server has a port of its own.
    ...(a.options.embedded && b.options.embedded
      ? []
      : differs("clickhouse-url", a.options["clickhouse-url"], b.options["clickhouse-url"])),
    ...differs("ClickHouse", a.versions.clickhouse, b.versions.clickhouse),
    ...differs("clickstorm", a.versions.clickstorm, b.versions.clickstorm),
    ...differs("the table's engine", a.server.table.engine, b.server.table.engine),
    ...named("the table's columns differ", typesOf(a), typesOf(b)),
    ...named("the server's settings differ", a.server.settings, b.server.settings),
    ...differs("the machine", machineText(a), machineText(b)),
    ...[base, other].flatMap(({ file, report }) => [
      ...(report.generator_limited
        ? [`${file}: the generator was the limit; its figures are no statement about the server`]
        : []),
      ...(report.interrupted ? [`${file}: the run was interrupted after ${report.schedule_s.toFixed(1)} s`] : []),
      ...(isIncomplete(report)
        ? [`${file}: the run is incomplete: rows failed, unknown, unsent, lost or duplicated, or it broke off`]
        : []),
      ...(measuredPoints(report).length < FEWEST_POINTS
        ? [`${file} is too short to know its noise: every difference is shown as a change`]
        : []),
    ]),
  ];
}

const typesOf = ({ server }: Report): Readonly<Record<string, string>> =>
  Object.fromEntries(server.table.columns.map(({ name, type }) => [name, type]));

/** So many differences of a kind are told. */
const TOLD = 5;

/** "…: ts DateTime, then Date; n UInt8, then missing". */
function named(what: string, one: Readonly<Record<string, string>>, two: Readonly<Record<string, string>>) {
  const names = [...new Set([...Object.keys(one), ...Object.keys(two)])].filter((name) => one[name] !== two[name]);
  if (names.length === 0) return [];
  const told = names
    .slice(0, TOLD)
    .map((name) => `${name} ${one[name] ?? "is missing"}, then ${two[name] ?? "missing"}`);
  const more = names.length > TOLD ? [`and ${names.length - TOLD} more`] : [];
  return [`${what}: ${[...told, ...more].join("; ")}`];
}

const machineText = ({ machine }: Report): string =>
  `${machine.cores} cores of ${machine.cpu || "an unnamed processor"}, ${machine.platform}`;

function shown(value: unknown): string {
  if (typeof value === "string") return value;
  return Array.isArray(value) && value.every((item) => typeof item === "string")
    ? value.join(" ")
    : JSON.stringify(value);
}
