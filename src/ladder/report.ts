// The figures of a ladder: as a table for a person, as JSON for a program. Pure; ladder.ts gathers what it needs.

import { availableParallelism } from "node:os";
import { wrap } from "../help.js";
import { quotedSettings } from "../quoted.js";
import type { Format } from "../rows/program.js";
import { printable, whole } from "../text.js";
import type { Count } from "./count.js";
import type { LadderOptions } from "./options.js";
import type { Measured } from "./rung.js";
import { percent, RUNGS, type RungKind, verdicts } from "./verdict.js";

export interface Rung extends Measured {
  readonly kind: RungKind;
  readonly count: Count;
}

/** The rungs of one format, from the first, as far as they were run. */
export interface Climb {
  readonly format: Format;
  readonly rungs: readonly Rung[];
}

/** All that is known when a ladder is over. */
export interface LadderResult {
  readonly options: LadderOptions;
  /** What is copied, as it is called. */
  readonly table: string;
  readonly url: string;
  readonly versions: { readonly clickstorm: string; readonly clickhouse: string | undefined };
  readonly startedAt: Date;
  readonly workers: number;
  readonly batchRows: number;
  /** Those that were to be climbed. */
  readonly formats: readonly Format[];
  readonly climbs: readonly Climb[];
  /** Why it did not go its way to the end, if so. */
  readonly problems: readonly string[];
}

const WIDTH = 80;
/** Of the columns: rung, rows/s, share of the rung above, MB/s, counted. */
const WIDTHS = [20, 13, 19, 8, 20] as const;

const isSound = ({ problems, count }: Rung): boolean =>
  problems.length === 0 && (count.kind === "none" || count.counted.disagreement === undefined);

/** Nothing went wrong in what was run, and every count agrees. */
export function isSoundSoFar({ climbs, problems }: LadderResult): boolean {
  return problems.length === 0 && climbs.every(({ rungs }) => rungs.every(isSound));
}

/** The same, and every rung of every format was run. */
export function isComplete(result: LadderResult): boolean {
  const { formats, climbs } = result;
  const whole = climbs.length === formats.length && climbs.every(({ rungs }) => rungs.length === RUNGS.length);
  return isSoundSoFar(result) && whole;
}

/** Figures of rungs that went wrong are no figures. */
const figure = (rung: Rung): number | undefined => (rung.problems.length === 0 ? rung.rowsPerSecond : undefined);

function sentencesOf({ climbs, table }: LadderResult): readonly (readonly string[])[] {
  return verdicts(
    climbs.map(({ format, rungs }) => ({
      format,
      rowsPerSecond: Object.fromEntries(
        rungs.flatMap((rung) => (figure(rung) === undefined ? [] : [[rung.kind, figure(rung)]])),
      ),
    })),
    table,
  );
}

/** In lines of at most 80 columns. */
export function toText(result: LadderResult): string {
  const { options, table, url, versions, workers, batchRows, climbs } = result;
  const sentences = sentencesOf(result);
  const compressed = options.run.compress === "none" ? "" : `   ${options.run.compress}`;
  const lines = [
    `ladder of ${table}   ClickHouse ${versions.clickhouse}   ${url}`,
    `${whole(workers)} worker${workers === 1 ? "" : "s"}   ${whole(options.run.inFlight)} inserts of ${whole(batchRows)} rows in flight   ` +
      `${Number(options.windowNs) / 1e9} s a rung${compressed}`,
    "",
    row(["", "rows/s", "of the rung above", "MB/s", "counted"]),
  ];
  for (const [index, { format, rungs }] of climbs.entries()) {
    lines.push(format, ...rungs.map((rung, at) => rungLine(rung, rungs[at - 1], table)));
    for (const sentence of sentences[index] ?? []) lines.push(...indented(sentence));
    lines.push("");
  }
  lines.push(...wrap(explanation(options), WIDTH));
  const notes = climbs.flatMap((climb) => unchecked(climb, table)).map((note) => `note: ${note}`);
  const all = problemsOf(result).map((problem) => `problem: ${problem}`);
  if (notes.length + all.length > 0) lines.push("", ...[...notes, ...all].flatMap((text) => wrap(text, WIDTH)));
  return `${lines.map(printable).join("\n")}\n`;
}

const indented = (sentence: string): readonly string[] => wrap(sentence, WIDTH - 2).map((line) => `  ${line}`);

function explanation({ warmUpNs }: LadderOptions): string {
  return (
    `Each rung has a warm-up of ${Number(warmUpNs) / 1e9} s that is in the counts and not in the figures. ` +
    "The discarding endpoint is a thread of clickstorm and takes its CPU time from the generator, " +
    "as a server on this machine does."
  );
}

function rungLine(rung: Rung, above: Rung | undefined, table: string): string {
  const [own, other] = [figure(rung), above && figure(above)];
  const share = own === undefined || other === undefined || other === 0 ? "" : percent(own / other);
  return row([
    `  ${shortened(rungName(rung.kind, table))}`,
    own === undefined ? "failed" : whole(own),
    share,
    own === undefined ? "" : whole(rung.bytesPerSecond / 1e6),
    countText(rung),
  ]);
}

function rungName(kind: RungKind, table: string): string {
  return kind === "null" ? "ENGINE = Null" : kind === "table" ? table : kind;
}

/** The end of a long name tells more than its beginning. */
function shortened(name: string): string {
  const room = WIDTHS[0] - 2;
  return name.length > room ? `…${name.slice(1 - room)}` : name;
}

function countText({ kind, count, problems }: Rung): string {
  if (count.kind === "none") return kind === "rendering" || problems.length > 0 ? "" : "not checked";
  const { value, noun, disagreement } = count.counted;
  const text = `${whole(value)} ${value === 1 ? noun : noun === "body" ? "bodies" : "rows"}`;
  return disagreement === undefined ? text : `${text} (!)`;
}

function row(cells: readonly string[]): string {
  return cells
    .map((cell, index) => (index === 0 ? cell.padEnd(WIDTHS[0]) : cell.padStart(WIDTHS[index] ?? 0)))
    .join("")
    .trimEnd();
}

const problemsOf = ({ climbs, table, problems }: LadderResult): readonly string[] => [
  ...climbs.flatMap((climb) => climbProblems(climb, table)),
  ...problems,
];

function climbProblems({ format, rungs }: Climb, table: string): readonly string[] {
  return rungs.flatMap(({ kind, problems, count }) => {
    const at = `${format}, ${rungName(kind, table)}`;
    if (problems.length > 0) return [`${at}: ${problems.join("; ")}`];
    const disagreement = count.kind === "counted" ? count.counted.disagreement : undefined;
    return disagreement === undefined ? [] : [`${at}: ${disagreement}`];
  });
}

/** Rungs that were not checked, and why. */
function unchecked({ format, rungs }: Climb, table: string): readonly string[] {
  return rungs.flatMap(({ kind, problems, count }) =>
    count.kind === "none" && kind !== "rendering" && problems.length === 0
      ? [`${format}, ${rungName(kind, table)} is not checked: ${count.why}`]
      : [],
  );
}

/** The report file: schema clickstorm/ladder/1. */
export function toJson(result: LadderResult): string {
  const { options, versions, startedAt, workers, batchRows, climbs } = result;
  const { run } = options;
  const sentences = sentencesOf(result);
  const report = {
    schema: "clickstorm/ladder/1",
    run_id: run.runId,
    started_at: startedAt.toISOString(),
    versions: { clickstorm: versions.clickstorm, node: process.version, clickhouse: versions.clickhouse ?? null },
    machine: { platform: process.platform, arch: process.arch, cpus: availableParallelism() },
    target: { url: result.url, table: result.table },
    options: {
      window_s: Number(options.windowNs) / 1e9,
      warm_up_s: Number(options.warmUpNs) / 1e9,
      workers,
      in_flight: run.inFlight,
      batch_rows: batchRows,
      compress: run.compress,
      async_insert: run.asyncInsert,
      settings: quotedSettings(run.settings),
      seed: run.seed,
    },
    complete: isComplete(result),
    formats: climbs.map(({ format, rungs }, index) => ({
      format,
      rungs: rungs.map((rung, at) => rungJson(rung, rungs[at - 1])),
      sentences: sentences[index] ?? [],
    })),
    problems: problemsOf(result),
  };
  return `${JSON.stringify(report, null, 2)}\n`;
}

function rungJson(rung: Rung, above: Rung | undefined) {
  const { kind, windowS, bytesPerSecond, books, count } = rung;
  const [own, other] = [figure(rung), above && figure(above)];
  return {
    rung: kind,
    rows_per_s: own ?? null,
    of_rung_above: own === undefined || other === undefined || other === 0 ? null : own / other,
    bytes_per_s: own === undefined ? null : bytesPerSecond,
    window_s: windowS,
    rows: { acknowledged: books.totals.acknowledged, failed: books.totals.failed, unknown: books.totals.unknown },
    inserts: books.totals.inserts,
    bytes: books.totals.bytes,
    counted:
      count.kind === "none"
        ? null
        : {
            by: count.counted.by,
            value: count.counted.value,
            agrees: count.counted.disagreement === undefined,
          },
  };
}
