// The holds of a search and what follows from them: line by line for a person, as JSON for a program. Pure; max.ts gathers
// what it needs.

import { availableParallelism, cpus, totalmem } from "node:os";
import { wrap } from "../help.js";
import type { Options } from "../options.js";
import { quotedSettings } from "../quoted.js";
import { count, milliseconds, percent, printable, whole } from "../text.js";
import { type Finding, findingOf } from "./finding.js";
import type { Reading } from "./level.js";
import type { MaxOptions } from "./options.js";
import { type Outcome, SEARCHES } from "./search.js";
import type { Hold } from "./step.js";

/** A hold and what it was held for. */
export interface Step extends Hold {
  readonly outcome: Outcome;
  readonly workers: number;
}

/** What is known before the first hold. */
export interface Subject {
  readonly options: MaxOptions;
  /** Into which the rows go, as it is called. */
  readonly table: string;
  readonly url: string;
  readonly versions: { readonly clickstorm: string; readonly clickhouse: string | undefined };
  /** Why parts are not watched; undefined: they are. */
  readonly unwatched: string | undefined;
  readonly startedAt: Date;
}

/** All that is known when a search is over. */
export interface MaxResult extends Subject {
  readonly steps: readonly Step[];
  /** Why it did not go its way to the end, if so. */
  readonly problems: readonly string[];
  readonly interrupted: boolean;
}

const WIDTH = 80;
/** Of the columns: target, achieved, p99, lag, parts. */
const WIDTHS = [13, 15, 11, 11, 15] as const;
const VERDICT = "   ";

export const findingOfSteps = ({ steps, options }: Pick<MaxResult, "steps" | "options">): Finding =>
  findingOf(
    steps.map(({ outcome }) => outcome),
    options.bounds,
  );

/** What stands above the holds. */
export function headText({ options, table, url, versions }: Subject, batchRows: number): string {
  const { run, stepNs, p99Ms } = options;
  const version = versions.clickhouse === undefined ? "" : `   ClickHouse ${versions.clickhouse}`;
  const compressed = run.compress === "none" ? "" : ` with ${run.compress}`;
  const demand = p99Ms === undefined ? "" : `   p99 up to ${milliseconds(p99Ms)}`;
  return lines([
    `max of ${table}${version}   ${url}`,
    `${whole(run.inFlight)} inserts of up to ${whole(batchRows)} rows in flight   ${run.format}${compressed}   ${Number(stepNs) / 1e9} s a hold${demand}`,
    "",
    row(["rows/s", "achieved", "p99", "lag", "parts"]),
  ]);
}

/** One hold, when it is over. */
export function stepText(step: Step): string {
  const { outcome, achieved, p99Ms, lagMs, parts, reasons, generator } = step;
  const cells = [
    rateText(outcome.rowsPerSecond),
    achieved === undefined ? "–" : rateText(achieved),
    p99Ms === undefined ? "–" : milliseconds(p99Ms),
    lagMs === undefined ? "–" : milliseconds(lagMs.last),
    parts === undefined ? "–" : `${whole(parts.before.parts)} → ${whole(parts.after.parts)}`,
  ];
  return lines([
    `${row(cells)}${VERDICT}${outcome.passed ? "passed" : "failed"}`,
    ...[...reasons, ...generator.map((reason) => `the generator: ${reason}`)].flatMap((reason) =>
      wrap(reason, WIDTH - 4).map((line) => `    ${line}`),
    ),
  ]);
}

/** What stands between the first search and the others. */
export const againText = (): string => lines([`again from near the limit, ${SEARCHES} times:`]);

/** Whether anything is left of the rows: an embedded server goes with its table. */
export const keepsRows = ({ blind, embedded }: Options): boolean => !blind && !embedded;

/** What stands below the holds. */
export function endText(result: MaxResult): string {
  const { steps, table, problems, options } = result;
  const rows = steps.reduce((sum, { acknowledgedRows }) => sum + acknowledgedRows, 0);
  const notes = result.unwatched === undefined ? [] : [unwatchedText(result.unwatched)];
  return lines([
    "",
    ...wrap(verdictText(result), WIDTH),
    ...explanation(findingOfSteps(result)).flatMap((text) => wrap(text, WIDTH)),
    ...wrap(
      `${count(rows, "row")} in ${count(steps.length, "hold")} were acknowledged${keepsRows(options.run) ? ` and are in ${table}` : ""}` +
        `${result.interrupted ? ", beside those of the hold that was broken off" : ""}.`,
      WIDTH,
    ),
    ...[...notes.map((note) => `note: ${note}`), ...problems.map((problem) => `problem: ${problem}`)].flatMap((text) =>
      wrap(text, WIDTH),
    ),
  ]);
}

export const unwatchedText = (why: string): string =>
  `parts are not watched (${why}): a rate whose parts pile up may count as sustained`;

function verdictText(result: MaxResult): string {
  const { sustained, low, high, confidence, generatorLimited } = findingOfSteps(result);
  const { steps, options, interrupted, problems } = result;
  if (steps.length === 0) return "nothing was held to its end";
  if (sustained === undefined) {
    const lowest = Math.min(...steps.map(({ outcome }) => outcome.rowsPerSecond));
    return `nothing is sustained: ${rateText(lowest)} rows/s, the lowest that was tried, failed`;
  }
  const rate = `${rateText(sustained)} rows/s`;
  if (generatorLimited) {
    return (
      `the generator, not the server, was the limit: the server takes at least ${rate}. ` +
      "More --workers on more cores, another --format or another machine may send more."
    );
  }
  if (high === undefined) {
    return sustained >= options.bounds.to
      ? `sustained at least ${rate}, the highest that was to be tried: raise --to`
      : `sustained at least ${rate}: no higher rate was held to its end`;
  }
  if (confidence === undefined || confidence === 0) {
    const cut = interrupted || problems.length > 0 ? ", as the search ended early" : "";
    return `sustained ${rate}: it passed, ${rateText(high)} failed; the limit was not looked for again${cut}`;
  }
  return `sustained ${rate}   ${percent(confidence)} confidence: ${rateText(low ?? 0)} to ${rateText(high)}`;
}

function explanation({ confidence = 0, searches, generatorLimited, high }: Finding): readonly string[] {
  if (confidence === 0 || generatorLimited || high === undefined) return [];
  return [
    `Each of ${searches} searches from near the limit ended between a rate that passed and the next that failed. ` +
      "The interval is from the lowest that passed to the highest that failed: it holds the middle of all such searches with that confidence. " +
      "What changes slower than the holds took is not in it.",
  ];
}

/** Whole rows where there are many, else with decimals. */
const rateText = (rowsPerSecond: number): string =>
  rowsPerSecond >= 100 ? whole(rowsPerSecond) : String(Number(rowsPerSecond.toPrecision(4)));

const lines = (all: readonly string[]): string => all.map((line) => `${printable(line)}\n`).join("");

const row = (cells: readonly string[]): string =>
  cells.map((cell, index) => cell.padStart(WIDTHS[index] ?? 0)).join("");

/** The report file: schema clickstorm/max/1. */
export function toJson(result: MaxResult): string {
  const { options, versions, steps } = result;
  const { run, bounds } = options;
  const finding = findingOfSteps(result);
  const report = {
    schema: "clickstorm/max/1",
    run_id: run.runId,
    started_at: result.startedAt.toISOString(),
    versions: { clickstorm: versions.clickstorm, node: process.versions.node, clickhouse: versions.clickhouse ?? null },
    machine: {
      cores: availableParallelism(),
      platform: `${process.platform} ${process.arch}`,
      cpu: cpus()[0]?.model.trim() ?? "",
      memory_bytes: totalmem(),
    },
    target: { url: result.url, table: result.table },
    options: {
      from_rows_per_s: bounds.from,
      to_rows_per_s: bounds.to,
      precision: bounds.precision,
      step_s: Number(options.stepNs) / 1e9,
      warmup_s: Number(run.warmUpNs) / 1e9,
      p99_ms: options.p99Ms ?? null,
      workers: run.workers ?? null,
      in_flight: run.inFlight,
      batch_rows: run.batchRows,
      flush_interval_s: Number(run.flushNs) / 1e9,
      format: run.format,
      compress: run.compress,
      async_insert: run.asyncInsert,
      settings: quotedSettings(run.settings),
      seed: run.seed,
      blind: run.blind,
    },
    parts_watched: result.unwatched === undefined,
    steps: steps.map(stepJson),
    result: {
      sustained_rows_per_s: finding.sustained ?? null,
      low_rows_per_s: finding.low ?? null,
      high_rows_per_s: finding.high ?? null,
      confidence: finding.confidence ?? null,
      searches: finding.searches,
    },
    generator_limited: finding.generatorLimited,
    complete: !result.interrupted && result.problems.length === 0,
    sentence: verdictText(result),
    problems: result.problems,
  };
  return `${JSON.stringify(report, null, 2)}\n`;
}

function stepJson({
  outcome,
  workers,
  achieved,
  p99Ms,
  lagMs,
  errors,
  parts,
  acknowledgedRows,
  reasons,
  generator,
}: Step) {
  return {
    rate_rows_per_s: outcome.rowsPerSecond,
    search: outcome.search,
    workers,
    passed: outcome.passed,
    reasons,
    generator_limited: outcome.generatorLimited,
    generator,
    achieved_rows_per_s: achieved ?? null,
    p99_ms: p99Ms ?? null,
    lag_ms: lagMs ?? null,
    errors,
    rows_acknowledged: acknowledgedRows,
    parts: parts === undefined ? null : { before: readingJson(parts.before), after: readingJson(parts.after) },
  };
}

const readingJson = ({ parts, largest, unmerged, merges }: Reading) => ({
  active: parts,
  largest_partition: largest,
  unmerged,
  merges,
});
