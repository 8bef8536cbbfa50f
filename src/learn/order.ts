// Which columns follow the order of the rows: the row's time, times that lag behind it, numbers that count up. SQL and what
// follows from its answer. Pure. Called by learn.ts.

import type { Type } from "../rows/type.js";
import { countOf, ImpossibleError, quoteIdentifier } from "../server.js";
import { count as counted, percent, printable, timespan } from "../text.js";
import type { Entry, Finding } from "./findings.js";
import type { ColumnPlan } from "./plan.js";

/** Such a share of neighbours in order is taken for order. */
const IN_ORDER = 0.95;
/** Rows of which a time may lie behind the row's time after all. */
const AHEAD = 0.001;
/** A time that lags by more than this share of the whole span has nothing to do with it. */
const LAG = 0.25;
/** A sequence misses fewer numbers than such a multiple of its rows. */
const GAPS = 10;
const UNIQUE = 0.95;

export interface Candidate {
  readonly name: string;
  readonly type: Type & { readonly kind: "Date" | "DateTime" | "Int" };
}

/** Columns of one time or whole number a row, never NULL. */
export function candidatesOf(plans: readonly ColumnPlan[]): readonly Candidate[] {
  return plans.flatMap((plan): Candidate[] => {
    if (plan.kind !== "learn") return [];
    const { type, column } = plan;
    const isTime = type.kind === "Date" || type.kind === "DateTime";
    return isTime || (type.kind === "Int" && type.bits <= 64) ? [{ name: column.name, type }] : [];
  });
}

/** `rows`: the question's source, in the order they lie in the table. */
export function orderQuestion(candidates: readonly Candidate[], rowsOf: (columns: string) => string): string {
  const columns = candidates.map(({ name }, i) => `${quoteIdentifier(name)} AS __c${i}`).join(", ");
  const before = candidates.map(
    (_, i) => `__c${i}, lagInFrame(__c${i}, 1, __c${i}) OVER (ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS __p${i}`,
  );
  const counts = candidates.map((_, i) => `countIf(__c${i} >= __p${i}) AS up${i}`);
  return `SELECT count() AS rows, ${counts.join(", ")} FROM (SELECT ${before.join(", ")} FROM (${rowsOf(columns)}))`;
}

/** The share of neighbours in order, by the name of the column. Throws an ImpossibleError. */
export function orderOf(
  candidates: readonly Candidate[],
  row: Readonly<Record<string, unknown>>,
): ReadonlyMap<string, number> {
  const rows = countOf(row, "rows");
  return new Map(candidates.map(({ name }, i) => [name, countOf(row, `up${i}`, rows) / Math.max(1, rows)]));
}

/** The column that follows the order best, the first of several; a date only where no time does. */
export function rowTimeOf(candidates: readonly Candidate[], order: ReadonlyMap<string, number>): Candidate | undefined {
  const best = (kind: "Date" | "DateTime"): Candidate | undefined =>
    candidates
      .filter(({ name, type }) => type.kind === kind && (order.get(name) ?? 0) >= IN_ORDER)
      .toSorted((one, other) => (order.get(other.name) ?? 0) - (order.get(one.name) ?? 0))[0];
  return best("DateTime") ?? best("Date");
}

/** A whole number of which nearly each row has another, the next ones in order: `rows` in the table. */
export function sequenceOf(
  {
    min,
    max,
    distinct,
    values,
  }: { readonly min: string; readonly max: string; readonly distinct: number; readonly values: number },
  inOrder: number,
  rows: number,
): Finding | undefined {
  if (inOrder < IN_ORDER || values < 2 || distinct < UNIQUE * values) return undefined;
  const width = BigInt(max) - BigInt(min);
  const step = Math.max(1, Math.round(Number(width) / Math.max(1, rows - 1)));
  if (step > GAPS) return undefined;
  const from = Number.isSafeInteger(Number(min)) ? Number(min) : BigInt(min);
  const notes = [`${min}..${max}, each another, in the order of the rows`];
  return {
    rule: new Map<string, Entry>([
      [
        "sequence",
        new Map<string, Entry>([
          ["from", from],
          ["step", step],
        ]),
      ],
    ]),
    notes,
  };
}

/** What is known of a time that may lag behind the row's time; in milliseconds. */
export interface Lag {
  readonly rows: number;
  readonly late: number;
  readonly ahead: number;
  /** Of those that lag. */
  readonly meanMs: number;
  readonly quarterMs: number;
  readonly maxMs: number;
  /** From the first row to the last. */
  readonly spanMs: number;
}

export function lagQuestion(
  base: Candidate,
  others: readonly Candidate[],
  rowsOf: (columns: string) => string,
): string {
  const columns = [base, ...others].map(({ name }, i) => `${quoteIdentifier(name)} AS __c${i}`).join(", ");
  const lags = others.map(({ type }, index) => {
    const i = index + 1;
    const tick = Math.max(tickMs(base.type), tickMs(type));
    const floor = (c: string): string =>
      `intDiv(toUnixTimestamp64Milli(toDateTime64(${c}, 3, 'UTC')), ${tick}) * ${tick}`;
    return `${floor("__c0")} - ${floor(`__c${i}`)} AS d${i}`;
  });
  const found = others.flatMap((_, index) => {
    const d = `d${index + 1}`;
    return [
      `countIf(${d} > 0) AS ${d}_late`,
      `countIf(${d} < 0) AS ${d}_ahead`,
      `avgIf(${d}, ${d} > 0) AS ${d}_mean`,
      `quantileIf(0.25)(${d}, ${d} > 0) AS ${d}_quarter`,
      `max(${d}) AS ${d}_max`,
    ];
  });
  const span = "dateDiff('second', min(__c0), max(__c0)) * 1000 AS span";
  return `SELECT count() AS rows, ${[span, ...found].join(", ")} FROM (SELECT __c0, ${lags.join(", ")} FROM (${rowsOf(columns)}))`;
}

const tickMs = (type: Candidate["type"]): number =>
  type.kind === "DateTime" ? 10 ** Math.max(0, 3 - type.precision) : 86_400_000;

/** Throws an ImpossibleError for what is no answer to {@link lagQuestion}. */
export function lagOf(index: number, row: Readonly<Record<string, unknown>>): Lag {
  const rows = countOf(row, "rows");
  const name = (part: string): string => `d${index + 1}_${part}`;
  return {
    rows,
    late: countOf(row, name("late"), rows),
    ahead: countOf(row, name("ahead"), rows),
    meanMs: millisecondsOf(row, name("mean")),
    quarterMs: millisecondsOf(row, name("quarter")),
    maxMs: millisecondsOf(row, name("max")),
    spanMs: countOf(row, "span"),
  };
}

/** Of no rows there is neither a mean nor a quarter: 0 stands for NULL and nan. */
function millisecondsOf(row: Readonly<Record<string, unknown>>, name: string): number {
  const value = row[name] ?? "nan";
  if (value === "nan") return 0;
  const number = typeof value === "number" || (typeof value === "string" && value !== "") ? Number(value) : Number.NaN;
  if (Number.isFinite(number)) return number;
  const said = printable(JSON.stringify(value)).slice(0, 100);
  throw new ImpossibleError(`an answer has ${said} for the milliseconds of ${name}`);
}

/** A rule for a time that lags; undefined where it does not follow the row's time. */
export function lagFinding(
  { rows, late, ahead, meanMs, quarterMs, maxMs, spanMs }: Lag,
  base: string,
): Finding | undefined {
  if (ahead > AHEAD * rows || maxMs > LAG * spanMs) return undefined;
  const ratio = late / rows;
  if (ratio <= AHEAD) return { rule: new Map(), notes: [`the row's time, as ${base}`] };
  const ms = (value: number): string => `${Math.max(1, Math.round(value))}ms`;
  const shown = (value: number): string => timespan(BigInt(Math.max(1, Math.round(value))) * 1_000_000n);
  // A quarter of an exponential delay lies below 0.29 means, of an even one below 0.5.
  const isEven = ratio >= IN_ORDER && quarterMs > 0.4 * meanMs && maxMs < 3 * meanMs;
  const note = `${percent(ratio)} behind ${base}, by ${shown(meanMs)} on the average, at most ${shown(maxMs)}`;
  const delay: Entry = isEven
    ? new Map<string, Entry>([["jitter", ms(maxMs)]])
    : new Map<string, Entry>([
        [
          "late",
          new Map<string, Entry>([
            ["ratio", Number(ratio.toPrecision(4))],
            ["mean", ms(meanMs)],
            ["max", ms(maxMs)],
          ]),
        ],
      ]);
  return { rule: new Map<string, Entry>([["time", delay]]), notes: [`${note} (${counted(rows, "row")})`] };
}
