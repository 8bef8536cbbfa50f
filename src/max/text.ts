// The holds of a search and what follows from them, line by line for a person. Pure; max.ts gathers what it needs.

import { wrap } from "../help.js";
import type { Latency } from "../latency.js";
import { count, milliseconds, percent, printable, timespan, whole } from "../text.js";
import type { Drift, Finding } from "./finding.js";
import { driftOfSteps, findingOfSteps, type MaxResult, type Step, type Subject } from "./result.js";
import { SEARCHES } from "./search.js";

const WIDTH = 80;
/** Of the columns: target, achieved, latency, inserts behind it, parts. */
const WIDTHS = [9, 10, 13, 8, 12] as const;
const GAP = "  ";
const INDENT = "    ";

/** What stands above the holds. */
export function headText({ options, table, url, versions, scratch }: Subject, batchRows: number): string {
  const { run, stepNs, p99Ms, budgetNs } = options;
  const version = versions.clickhouse === undefined ? "" : `   ClickHouse ${versions.clickhouse}`;
  const compressed = run.compress === "none" ? "" : ` with ${run.compress}`;
  const demand = p99Ms === undefined ? "" : `   p99 up to ${milliseconds(p99Ms)}`;
  const budget = budgetNs === undefined ? "" : `   within ${timespan(budgetNs)}`;
  return lines([
    `max of ${table}${version}   ${url}`,
    ...(scratch === undefined ? [] : [`in a copy of it: ${scratch}`]),
    `${whole(run.inFlight)} inserts of up to ${whole(batchRows)} rows in flight   ${run.format}${compressed}   ${Number(stepNs) / 1e9} s a hold${demand}${budget}`,
    "",
    row(["rows/s", "achieved", "latency", "inserts", "parts"]),
  ]);
}

/** One hold, when it is over: its reason on its line, where there is room. */
export function stepText(step: Step): string {
  const { outcome, achieved, latency, parts, reasons, generator } = step;
  const cells = [
    rateText(outcome.rowsPerSecond),
    achieved === undefined ? "–" : rateText(achieved),
    latency === undefined ? "–" : latencyText(latency),
    latency === undefined ? "–" : whole(latency.count),
    parts === undefined ? "–" : `${whole(parts.before.parts)} → ${whole(parts.after.parts)}`,
  ];
  const line = `${row(cells)}${GAP}${outcome.passed ? "passed" : "failed"}`;
  const all = [...reasons, ...generator.map((reason) => `the generator: ${reason}`)];
  const explained = all.length === 0 ? line : `${line}: ${all[0]}`;
  const fits = explained.length <= WIDTH;
  return lines([
    fits ? explained : line,
    ...all.slice(fits ? 1 : 0).flatMap((reason) => wrap(reason, WIDTH - INDENT.length).map((text) => INDENT + text)),
  ]);
}

/** The highest percentile that there are inserts enough for, by its name. */
function latencyText({ p50, p90, p95, p99, max }: Latency): string {
  for (const [name, ms] of Object.entries({ p99, p95, p90, p50 })) {
    if (ms !== null) return `${name} ${milliseconds(ms)}`;
  }
  return max === null ? "–" : `max ${milliseconds(max)}`;
}

/** What stands between the first search and the others. */
export const againText = (): string => lines([`again from near the limit, ${SEARCHES} times:`]);

/** Whether anything is left of the rows: an embedded server goes with its table, a copy is dropped. */
export const keepsRows = ({ options, scratch }: Pick<Subject, "options" | "scratch">): boolean =>
  !options.run.blind && !options.run.embedded && scratch === undefined;

/** What stands below the holds. */
export function endText(result: MaxResult): string {
  const { steps, table, problems, interrupted } = result;
  const rows = steps.reduce((sum, { acknowledgedRows }) => sum + acknowledgedRows, 0);
  return lines([
    "",
    ...wrap(verdictText(result), WIDTH),
    ...explanation(result).flatMap((text) => wrap(text, WIDTH)),
    ...wrap(
      `${count(rows, "row")} in ${count(steps.length, "hold")} were acknowledged${keepsRows(result) ? ` and are in ${table}` : ""}` +
        `${interrupted ? ", beside those of the hold that was broken off" : ""}.`,
      WIDTH,
    ),
    ...[...notesOf(result).map((note) => `note: ${note}`), ...problems.map((problem) => `problem: ${problem}`)].flatMap(
      (text) => wrap(text, WIDTH),
    ),
  ]);
}

export const unwatchedText = (why: string): string =>
  `parts are not watched (${why}): a rate whose parts pile up may count as sustained`;

/** Of fewer inserts there is no p99. */
const P99_INSERTS = 100;

function notesOf(result: MaxResult): readonly string[] {
  const { unwatched, steps, options, budgetEnded } = result;
  const { budgetNs, p99Ms, run } = options;
  const failed = steps.filter(({ reasons }) => reasons.length > 0);
  const full = failed.filter(({ isFull }) => isFull);
  const few = steps.filter(({ latency }) => latency !== undefined && latency.count < P99_INSERTS);
  return [
    ...(budgetEnded && budgetNs !== undefined
      ? [
          `the budget of ${timespan(budgetNs)} had no room for another hold: ${findingOfSteps(result).searches} of ${SEARCHES} searches`,
        ]
      : []),
    ...(full.length > 0
      ? [
          `all ${count(run.inFlight, "insert")} in flight were under way in ${full.length} of ${count(failed.length, "hold")} that failed: ` +
            "with more --in-flight the limit may be higher",
        ]
      : []),
    ...(p99Ms !== undefined && few.length > 0
      ? [
          `${count(few.length, "hold")} had fewer than ${P99_INSERTS} inserts: there the slowest, not p99, was held against --p99; ` +
            "a longer --step or a shorter --flush-interval has more",
        ]
      : []),
    ...(unwatched === undefined ? [] : [unwatchedText(unwatched)]),
  ];
}

/** In one line, as far as it goes. */
export function verdictText(result: MaxResult): string {
  const finding = findingOfSteps(result);
  const { sustained, high, generatorLimited } = finding;
  const { steps, options } = result;
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
  return limitText(result, finding, driftOfSteps(result));
}

function limitText(
  { interrupted, problems, budgetEnded }: MaxResult,
  { sustained = 0, low = 0, high = 0, confidence }: Finding,
  drift: Drift | undefined,
): string {
  const rate = `${rateText(sustained)} rows/s`;
  if (drift !== undefined) {
    return `the limit drifted from ${rateText(drift.from)} to ${rateText(drift.to)} rows/s while it was looked for; in the middle ${rate} were sustained`;
  }
  if (confidence === undefined || confidence === 0) {
    const isCut = interrupted || problems.length > 0 || budgetEnded;
    return `sustained ${rate}: it passed, ${rateText(high)} failed; the limit was not looked for again${isCut ? ", as the search ended early" : ""}`;
  }
  return `sustained ${rate}   ${percent(confidence)} confidence: ${rateText(low)} to ${rateText(high)}`;
}

function explanation(result: MaxResult): readonly string[] {
  const { confidence = 0, searches, generatorLimited, high } = findingOfSteps(result);
  if (confidence === 0 || generatorLimited || high === undefined) return [];
  const each = `Each of ${searches} searches, from where the last one ended, ended between a rate that passed and the next that failed. `;
  if (driftOfSteps(result) !== undefined) {
    return [`${each}These ends moved one way: the limit has no interval, and may go on moving.`];
  }
  return [
    `${each}The interval is from the lowest that passed, less what a hold does not see, to the highest that failed: ` +
      "it holds the middle of all such searches with that confidence. What changes slower than the holds took is not in it.",
  ];
}

/** Whole rows where there are many, else with decimals. */
const rateText = (rowsPerSecond: number): string =>
  rowsPerSecond >= 100 ? whole(rowsPerSecond) : String(Number(rowsPerSecond.toPrecision(4)));

const lines = (all: readonly string[]): string => all.map((line) => `${printable(line)}\n`).join("");

const row = (cells: readonly string[]): string =>
  cells.map((cell, index) => cell.padStart(WIDTHS[index] ?? 0)).join("");
