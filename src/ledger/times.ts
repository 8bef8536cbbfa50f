// Whether the rows of a run have the times that they were sent with: the time columns' first and last values are read back and
// compared with the schedule. A server that reads a number otherwise than it was meant says nothing of it. Main thread.
//
// With the ledger columns: of the rows of this run. Without: whether as many rows have times of the run as it has brought.

import { type Place, tableIdentifier } from "../asked.js";
import type { Endpoint } from "../endpoint.js";
import type { TimeSpan } from "../rows/fit.js";
import { rangeOf, type SentColumn } from "../rows/sent-times.js";
import { showUnits } from "../rows/units.js";
import { type Patience, query, quoteIdentifier, ServerError } from "../server.js";
import type { Target } from "../target.js";
import { count } from "../text.js";
import { patiently, WAITING, type Waiting } from "./patience.js";

/** What the run's rows must have. */
export interface SentTimes {
  readonly columns: readonly SentColumn[];
  /** Of the first and the last row that was scheduled. */
  readonly span: TimeSpan;
}

/** What is known of a run whose ledger has been read. */
export interface Landing {
  readonly runId: string;
  readonly landed: number;
  /** All rows that were scheduled are there: the first and the last are among them. */
  readonly complete: boolean;
  readonly before: Before | undefined;
}

/** What was there before a run whose rows cannot be told from others. */
export interface Before {
  /** Of which it was asked for columns that have the rows' own times; undefined: these times were still to come. */
  readonly span: TimeSpan | undefined;
  /** Rows with times of the run, in the order of the columns. */
  readonly within: readonly number[];
}

export interface TimesRead {
  /** Sentences about columns whose rows have other times than they were sent with. */
  readonly problems: readonly string[];
  /** Why they were not read; undefined: they were. */
  readonly unread: string | undefined;
}

/** Who may look through the whole table for them is not waited for longer. */
const WITHIN_MS = 60_000;

/** Never throws a ServerError: what cannot be read is said. */
export async function readTimes(
  target: Target,
  sent: SentTimes,
  landing: Landing,
  waiting: Waiting = WAITING,
): Promise<TimesRead> {
  if (sent.columns.length === 0) return { problems: [], unread: undefined };
  try {
    if (target.ledgerColumns) {
      const found = await ofStores(
        target,
        (endpoint, patience) => askTimes(endpoint, target, landing.runId, sent.columns, patience),
        waiting,
      );
      return { problems: strayTimes(sent, found.reduce(joined), landing.complete), unread: undefined };
    }
    const { span = sent.span, within = [] } = landing.before ?? {};
    const same: SentTimes = { columns: sent.columns, span };
    const own = (await countWithin(target, same, waiting)).map((rows, index) => rows - (within[index] ?? 0));
    return { problems: missingTimes(same, own, landing.landed), unread: undefined };
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    return { problems: [], unread: `the times of rows were not read back: ${error.message}` };
  }
}

/**
 * Asked before a run. Rules may draw times that rows have already, as may a backfill. Throws a ServerError.
 *
 * @param span of a backfill; undefined: rows get the time of the day
 */
export async function countBefore(target: Target, span: TimeSpan | undefined, waiting: Waiting): Promise<Before> {
  const columns = target.sentColumns.filter(({ times }) => span !== undefined || times.kind === "rules");
  const counts = columns.length === 0 ? [] : await countWithin(target, { columns, span: span ?? NEVER }, waiting);
  return { span, within: target.sentColumns.map((column) => counts[columns.indexOf(column)] ?? 0) };
}

/** For columns that do not ask for it. */
const NEVER: TimeSpan = { fromNs: 0n, toNs: 0n };

/** How many rows of the table, wherever they lie, have times of the run: in the order of the columns. Throws a ServerError. */
async function countWithin(target: Target, sent: SentTimes, waiting: Waiting): Promise<readonly number[]> {
  const counts = await ofStores(
    target,
    (endpoint, patience) => askWithin(endpoint, target, sent, { ...patience, timeoutMs: WITHIN_MS }),
    waiting,
  );
  return counts.reduce((sum, one) => sum.map((rows, index) => rows + (one[index] ?? 0)));
}

/** What one replica of each store says. */
const ofStores = <T>(
  { stores }: Target,
  question: (endpoint: Endpoint, patience: Patience) => Promise<T>,
  waiting: Waiting,
): Promise<readonly T[]> =>
  Promise.all(
    stores.map(({ replicas }) =>
      patiently({ endpoints: replicas.flatMap(({ endpoints }) => endpoints) }, question, waiting),
    ),
  );

/** What is there of a column, in units of its type; undefined: nothing. */
type FoundTimes = { readonly from: bigint; readonly to: bigint } | undefined;

const WHOLE_NUMBER = /^-?\d{1,20}$/;

function wholeNumber(value: unknown): bigint {
  if (typeof value !== "string" || !WHOLE_NUMBER.test(value)) {
    throw new ServerError("an answer to the ledger's question about times holds no whole number", "malformed_answer");
  }
  return BigInt(value);
}

/** SQL for a value of the column's type in its units, as text. */
const unitsSql = ({ type }: SentColumn, sql: string): string =>
  // Ticks as they are stored: functions that convert them have bounds of their own.
  type.kind === "DateTime" && type.bits === 64
    ? `toString(reinterpretAsInt64(assumeNotNull(${sql})))`
    : `toString(toInt64(assumeNotNull(${sql})))`;

/** Of the rows of a run, in the order of the columns. Throws a ServerError. */
async function askTimes(
  endpoint: Endpoint,
  place: Place,
  runId: string,
  columns: readonly SentColumn[],
  patience: Patience,
): Promise<readonly FoundTimes[]> {
  const asked = columns.flatMap((column, index) => {
    const name = quoteIdentifier(column.name);
    const ends = [unitsSql(column, `min(${name})`), unitsSql(column, `max(${name})`)];
    return [`toString(count(${name})) AS __n${index}`, `${ends[0]} AS __a${index}`, `${ends[1]} AS __z${index}`];
  });
  const sql = `SELECT ${asked.join(", ")} FROM ${tableIdentifier(place)} WHERE run_id = {run:String}`;
  const [row = {}] = await query(endpoint, sql, { run: runId }, patience);
  return columns.map((_, index) => {
    if (wholeNumber(row[`__n${index}`]) === 0n) return undefined;
    return { from: wholeNumber(row[`__a${index}`]), to: wholeNumber(row[`__z${index}`]) };
  });
}

/** The first of the first, the last of the last. */
function joined(one: readonly FoundTimes[], other: readonly FoundTimes[]): readonly FoundTimes[] {
  return one.map((a, index) => {
    const b = other[index];
    if (a === undefined || b === undefined) return a ?? b;
    return { from: a.from < b.from ? a.from : b.from, to: a.to > b.to ? a.to : b.to };
  });
}

/**
 * A sentence for each column whose rows have other times than they were sent with.
 *
 * @param complete all rows that were scheduled are there: the first and the last are among them
 */
function strayTimes({ columns, span }: SentTimes, found: readonly FoundTimes[], complete: boolean): readonly string[] {
  return columns.flatMap((column, index) => {
    const there = found[index];
    if (there === undefined) return [];
    const sent = rangeOf(column, span);
    const { times } = column;
    const isExact = complete && times.kind === "rows" && times.always && times.mostNs === 0n;
    const isRight = isExact
      ? there.from === sent.from && there.to === sent.to
      : there.from >= sent.from && there.to <= sent.to;
    if (isRight) return [];
    return [
      `column ${column.name}: its rows have times from ${shown(column, there.from)} to ${shown(column, there.to)}, ` +
        `and were sent with ${isExact ? "" : "times within "}${shown(column, sent.from)} to ${shown(column, sent.to)}`,
    ];
  });
}

/** A time beyond what a Date can be is told in its units. */
function shown({ type }: SentColumn, units: bigint): string {
  try {
    return showUnits(type, 0, units);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return `${units} ${type.kind === "Date" ? "days" : "ticks"}`;
  }
}

/** SQL for a time of the column's type. */
function momentSql({ type }: SentColumn, units: bigint): string {
  if (type.kind === "Date") {
    const day = showUnits(type, 0, units);
    return type.bits === 16 ? `toDate('${day}')` : `toDate32('${day}')`;
  }
  if (type.bits === 32) return `toDateTime(${units})`;
  const digits = String(units < 0n ? -units : units).padStart(type.precision + 1, "0");
  const at = digits.length - type.precision;
  const seconds = `${units < 0n ? "-" : ""}${digits.slice(0, at)}.${digits.slice(at)}0`;
  return `toDateTime64(toDecimal128('${seconds}', ${type.precision}), ${type.precision})`;
}

/** How many rows of the whole table have times of the run, or none: in the order of the columns. Throws a ServerError. */
async function askWithin(
  endpoint: Endpoint,
  place: Place,
  { columns, span }: SentTimes,
  patience: Patience,
): Promise<readonly number[]> {
  const counts: number[] = [];
  // A query each: where it is the key, a few granules are read.
  for (const column of columns) {
    const name = quoteIdentifier(column.name);
    const { from, to } = rangeOf(column, span);
    const sql =
      `SELECT toString(count()) AS __within FROM ${tableIdentifier(place)} ` +
      `WHERE (${name} >= ${momentSql(column, from)} AND ${name} <= ${momentSql(column, to)}) OR ${name} IS NULL`;
    const [row] = await query(endpoint, sql, {}, patience);
    counts.push(Number(wholeNumber(row?.__within)));
  }
  return counts;
}

/** A sentence for each column of which fewer rows have times of the run than it has brought. */
function missingTimes({ columns, span }: SentTimes, within: readonly number[], landed: number): readonly string[] {
  return columns.flatMap((column, index) => {
    const missing = landed - (within[index] ?? 0);
    if (missing <= 0) return [];
    const { from, to } = rangeOf(column, span);
    return [
      `column ${column.name}: ${count(missing, "row")} of the run have other times than from ${shown(column, from)} ` +
        `to ${shown(column, to)}, with which they were sent`,
    ];
  });
}
