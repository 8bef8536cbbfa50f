// What must be known to read a comparison: in what the runs differ beside what was measured, and what of them is not to be
// trusted. Pure.

import { isDeepStrictEqual } from "node:util";
import type { Named } from "../report/read.js";
import type { Report } from "../report/schema.js";
import { isIncomplete } from "../report/text.js";
import { measuredPoints } from "./figures.js";
import { FEWEST_POINTS } from "./noise.js";

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

/** A sentence about two values that are not the same; undefined: there is nothing to say. */
type Says<T> = (one: T, two: T) => string | undefined;

export function warningsOf(base: readonly Named[], other: readonly Named[]): readonly string[] {
  const all = [...base, ...other];
  const differsIn = <T>(name: string, pick: (report: Report) => T, says: Says<T>): readonly string[] => {
    const [one = [], two = []] = [base, other].map((side) => side.map(({ report }) => pick(report)));
    return differing(name, one, two, says);
  };
  const differs = (name: string, pick: (report: Report) => unknown): readonly string[] =>
    differsIn(name, pick, (one, two) => `${name} differs: ${shown(one)}, then ${shown(two)}`);
  const isEmbedded = all.every(({ report }) => report.options.embedded);
  return [
    ...repeated(all),
    ...LOAD.flatMap((name) => differs(name, ({ options }) => options[name])),
    // Each embedded server has a port of its own.
    ...(isEmbedded ? [] : differs("clickhouse-url", ({ options }) => options["clickhouse-url"])),
    ...differs("ClickHouse", ({ versions }) => versions.clickhouse),
    ...differs("clickstorm", ({ versions }) => versions.clickstorm),
    ...differs("the table's engine", ({ server }) => server.table.engine),
    ...differsIn("the table's columns", typesOf, (one, two) => inNames("the table's columns differ", one, two)),
    ...differsIn(
      "the server's settings",
      ({ server }) => server.settings,
      (one, two) => inNames("the server's settings differ", one, two),
    ),
    ...differs("the machine", machineText),
    ...all.flatMap((named) => doubtsOf(named, all.length === 2)),
    ...(all.length === 2
      ? [
          "one run a side: what differs from run to run is not known; repeat both (run --repeat 5) before it is believed",
        ]
      : []),
  ];
}

/** One run twice says nothing of what runs differ by. */
function repeated(all: readonly Named[]): readonly string[] {
  const keys = all.map(({ report }) => `${report.run_id} ${report.started_at}`);
  const [index] = keys.flatMap((key, at) => (keys.indexOf(key) === at ? [] : [at]));
  if (index === undefined) return [];
  const id = all[index]?.report.run_id;
  return [all.length === 2 ? `both are of run ${id}` : `run ${id} is there more than once`];
}

/** Within a side, or between the sides. */
function differing<T>(name: string, one: readonly T[], two: readonly T[], says: Says<T>): readonly string[] {
  for (const [side, values] of [
    ["base", one],
    ["new", two],
  ] as const) {
    if (!values.every((value) => isDeepStrictEqual(value, values[0])))
      return [`${name} differs among the runs of ${side}`];
  }
  const [first, second] = [one[0], two[0]];
  if (first === undefined || second === undefined || isDeepStrictEqual(first, second)) return [];
  return [says(first, second)].flatMap((sentence) => sentence ?? []);
}

function doubtsOf({ file, report }: Named, isAlone: boolean): readonly string[] {
  return [
    ...(report.generator_limited
      ? [`${file}: the generator was the limit; its figures are no statement about the server`]
      : []),
    ...(report.interrupted ? [`${file}: the run was interrupted after ${report.schedule_s.toFixed(1)} s`] : []),
    ...(isIncomplete(report)
      ? [`${file}: the run is incomplete: rows failed, unknown, unsent, lost or duplicated, or it broke off`]
      : []),
    ...(isAlone && measuredPoints(report).length < FEWEST_POINTS
      ? [`${file} is too short to know its noise: no difference can be told from it`]
      : []),
  ];
}

const typesOf = ({ server }: Report): Readonly<Record<string, string>> =>
  Object.fromEntries(server.table.columns.map(({ name, type }) => [name, type]));

/** So many differences of a kind are told. */
const TOLD = 5;

/** "…: ts DateTime, then Date; n UInt8, then missing"; undefined where only their order differs. */
function inNames(
  what: string,
  one: Readonly<Record<string, string>>,
  two: Readonly<Record<string, string>>,
): string | undefined {
  const names = [...new Set([...Object.keys(one), ...Object.keys(two)])].filter((name) => one[name] !== two[name]);
  if (names.length === 0) return undefined;
  const told = names
    .slice(0, TOLD)
    .map((name) => `${name} ${one[name] ?? "is missing"}, then ${two[name] ?? "missing"}`);
  const more = names.length > TOLD ? [`and ${names.length - TOLD} more`] : [];
  return `${what}: ${[...told, ...more].join("; ")}`;
}

const machineText = ({ machine }: Report): string =>
  `${machine.cores} cores of ${machine.cpu || "an unnamed processor"}, ${machine.platform}`;

function shown(value: unknown): string {
  if (typeof value === "string") return value;
  return Array.isArray(value) && value.every((item) => typeof item === "string")
    ? value.join(" ")
    : JSON.stringify(value);
}
