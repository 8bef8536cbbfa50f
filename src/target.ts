// The pre-flight: what the server says before the first row is sent, and the table made ready. Whatever would make the
// load fail fails here, with a sentence. Main thread; asks every endpoint.

import { isDeepStrictEqual } from "node:util";
import {
  ACCESS_DENIED,
  Asked,
  checkDatabase,
  describeTable,
  type Found,
  find,
  findOrCreate,
  fullName,
  InterruptedError,
  knownSettings,
  type Met,
  meet,
  missingTable,
  type Place,
  placeOf,
  TargetError,
  tableIdentifier,
} from "./asked.js";
import { whyHidden, whyRowsGo } from "./countable.js";
import { type Deduplication, deduplicationOfAll } from "./deduplication.js";
import type { Endpoint } from "./endpoint.js";
import { whyNotKept } from "./engines.js";
import { Facts, since, whyTooOld } from "./facts.js";
import type { Quorum } from "./ledger-options.js";
import { type Options, OptionsError, type TableOptions } from "./options.js";
import type { TimeColumn } from "./replay/replayer.js";
import { timeColumnOf } from "./replay/time.js";
import { EVENT_TABLE, LEDGER_COLUMNS, rowsOf, type TableColumn, type TableRows } from "./rows/column.js";
import type { TimeSpan } from "./rows/fit.js";
import { FORMAT_SETTINGS, FORMATS, type Format, formatSettings, rawTimes, whyNotCarried } from "./rows/program.js";
import { type SentColumn, sentColumnsOf } from "./rows/sent-times.js";
import { RAW_TICKS } from "./rows/ticks.js";
import { parseType } from "./rows/type.js";
import type { Column } from "./rows/value.js";
import { type Patience, query, quoteIdentifier, ServerError } from "./server.js";
import { endpointsOf, isReplicated, type Store, storesOf } from "./stores.js";
import { queuesInserts } from "./table-settings.js";

export interface Target {
  /** Undefined when nothing was asked (--blind). */
  readonly version: string | undefined;
  /** What all of its endpoints can do. */
  readonly facts: Facts;
  readonly database: string;
  readonly table: string;
  /** Undefined when nothing was asked. */
  readonly engine: string | undefined;
  /** Where rows of the table lie; the ledger adds up what they hold. */
  readonly stores: readonly Store[];
  /** None where rows come from a file. */
  readonly columns: readonly Column[];
  /** Of all that the table has. */
  readonly columnNames: readonly string[];
  /** The column that gets the times of rows from a file; undefined: none. */
  readonly timeColumn: TimeColumn | undefined;
  /** Columns of which it is known what times their rows have. */
  readonly sentColumns: readonly SentColumn[];
  /** As the table has them; none when nothing was asked. */
  readonly tableColumns: readonly TableColumn[];
  /** Settings of this user's session that differ from the server's defaults. */
  readonly settings: Readonly<Record<string, string>>;
  /** Whether the table has run_id and seq, so that each row can be found again. */
  readonly ledgerColumns: boolean;
  /** Of a table with run_id and seq: why these cannot tell rows apart, if so. */
  readonly whyNoLedgerColumns: string | undefined;
  /** Why rows cannot be counted there, as far as the pre-flight knows; undefined: they can. */
  readonly whyUncounted: string | undefined;
  /** Whether the table removes rows when they are old. */
  readonly expires: boolean;
  /** Whether the table itself wants inserts to go through the server's queue. */
  readonly queues: boolean;
  /** Whether inserts carry deduplication tokens. */
  readonly tokens: boolean;
  /** What retries mean there; undefined: nobody asked. */
  readonly deduplication: Deduplication | undefined;
  /** For each endpoint, the number of the store its rows lie in. */
  readonly storeOf: readonly number[];
  /** Query parameters of every insert: the statement and its settings. */
  readonly parameters: Readonly<Record<string, string>>;
}

const NOBODY_ASKED = new Facts([]);

/** Sent where the server knows it. */
const TOKEN_SETTING = "insert_deduplication_token";

/**
 * Columns are named: those left out, and EPHEMERAL ones, need it, and what is added to the table does no harm. Rows from a
 * file name theirs themselves.
 */
function insertParameters(
  place: Place,
  columns: readonly Column[],
  options: Options,
  queues: boolean,
  known: (setting: string) => boolean,
): Record<string, string> {
  const names = options.replay ? "" : ` (${columns.map(({ name }) => quoteIdentifier(name)).join(", ")})`;
  return {
    query: `INSERT INTO ${tableIdentifier(place)}${names} FORMAT ${options.format}`,
    wait_end_of_query: "1",
    ...(known("async_insert") && { async_insert: options.asyncInsert ? "1" : "0" }),
    ...((options.asyncInsert || queues) && { wait_for_async_insert: "1" }),
    ...Object.fromEntries(
      Object.entries(formatSettings(columns, options.format)).filter(([setting]) => known(setting)),
    ),
    ...quorumSettings(options),
    ...options.settings,
  };
}

/** The server is to say that there is no quorum before nobody listens any more. */
const QUORUM_TIME = 0.9;

function quorumSettings({ quorum, timeoutMs }: Options): Record<string, string> {
  if (quorum === undefined) return {};
  return { insert_quorum: String(quorum), insert_quorum_timeout: String(Math.ceil(timeoutMs * QUORUM_TIME)) };
}

/** Why rows cannot be found again, row by row, by whoever asks later; undefined: they can. */
export function whyUnverifiable(
  { engine = "", ledgerColumns, whyUncounted }: Pick<Target, "engine" | "ledgerColumns" | "whyUncounted">,
  isShard = false,
): string | undefined {
  if (whyUncounted !== undefined) return whyUncounted;
  const why = whyNotKept(engine);
  if (why !== undefined) return why;
  // Then rows are counted before and after, and other shards write in between.
  if (isShard && !ledgerColumns) return "the table has no run_id and seq to tell the rows of one shard from another's";
  return undefined;
}

/** Why the rows of a batch cannot be told from others; undefined: they can. */
export function whyUnlisted({ ledgerColumns, whyNoLedgerColumns: why }: Target): string | undefined {
  if (ledgerColumns) return undefined;
  return why === undefined
    ? "the table has no run_id and seq to tell the rows of one batch from another's"
    : `run_id and seq of the table do not tell the rows of one batch from another's: ${why}`;
}

/** With --blind: everything as for the default table of a new server, nothing asked. Throws an OptionsError. */
export function blindTarget(options: Options): Target {
  const place = { database: options.table.database ?? "default", table: options.table.table };
  const rows = insertedRows(place, EVENT_TABLE, options, NOBODY_ASKED);
  return {
    version: undefined,
    facts: NOBODY_ASKED,
    ...place,
    engine: undefined,
    whyUncounted: undefined,
    expires: false,
    queues: false,
    stores: [],
    ...rows,
    tableColumns: [],
    settings: {},
    tokens: true,
    deduplication: undefined,
    storeOf: options.endpoints.map((_, endpoint) => endpoint),
    parameters: insertParameters(place, rows.columns, options, false, () => true),
  };
}

/** A table's columns as rows are made for them, and as the server has them. */
export interface TableColumns {
  readonly columns: readonly Column[];
  readonly table: readonly TableColumn[];
}

/** With --blind: those of the default table. Throws an OptionsError. */
export function blindTable(options: TableOptions): TableColumns {
  const place = { database: options.table.database ?? "default", table: options.table.table };
  return { columns: fitRows(place, EVENT_TABLE, options, NOBODY_ASKED).columns, table: EVENT_TABLE };
}

/** Its version: that somebody answers, accepts the login, and is a ClickHouse new enough. Throws as {@link prepareTarget} does. */
export async function askServer(endpoint: Endpoint, patience: Patience = {}): Promise<string> {
  try {
    return (await meet(new Asked(endpoint, patience))).version;
  } catch (error) {
    if (patience.signal?.aborted) throw new InterruptedError("interrupted before the first row");
    throw error;
  }
}

/**
 * Asks for no more than the columns, and changes nothing: without --table, a table that is missing is taken for the one
 * that would be created. Throws as {@link prepareTarget} does.
 */
export async function askTable(
  endpoint: Endpoint,
  options: TableOptions,
  patience: Patience = {},
): Promise<TableColumns> {
  const asked = new Asked(endpoint, patience);
  try {
    const facts = new Facts([(await meet(asked)).version]);
    const place = await placeOf(asked, options);
    await checkDatabase(asked, place);
    const found = await find(asked, place);
    if (found === undefined && options.tableGiven) {
      throw new TargetError(
        await missingTable(
          asked,
          place,
          "name one that is there, or leave --table out for events as run would create it",
        ),
      );
    }
    const table = found === undefined ? EVENT_TABLE : await describeTable(asked, place, options);
    return { columns: fitRows(place, table, options, facts).columns, table };
  } catch (error) {
    if (patience.signal?.aborted) throw new InterruptedError("interrupted before the first row");
    throw error;
  }
}

/** A table as it is, whoever made it. */
export interface Description {
  readonly version: string;
  readonly database: string;
  readonly table: string;
  readonly engine: string;
  readonly columns: readonly TableColumn[];
}

/** What rules are learned from: the table must be there. Throws as {@link prepareTarget} does. */
export async function askDescription(
  endpoint: Endpoint,
  options: TableOptions,
  patience: Patience = {},
): Promise<Description> {
  const asked = new Asked(endpoint, patience);
  try {
    const { version } = await meet(asked);
    const place = await placeOf(asked, options);
    await checkDatabase(asked, place);
    const found = await find(asked, place);
    if (found === undefined)
      throw new TargetError(await missingTable(asked, place, "name one that is there with --table"));
    const columns = await describeTable(asked, place, { ...options, tableGiven: true });
    return { version, ...place, engine: found.engine, columns };
  } catch (error) {
    if (patience.signal?.aborted) throw new InterruptedError("interrupted before the first row");
    throw error;
  }
}

/**
 * Throws a TargetError, an OptionsError where rules do not fit the table, or an InterruptedError when the signal of `patience` is aborted. Every endpoint must answer, have
 * the same table, and take an insert.
 */
export async function prepareTarget(
  endpoints: readonly Endpoint[],
  options: Options,
  patience: Patience = {},
): Promise<Target> {
  try {
    return await preflight(
      endpoints.map((endpoint) => new Asked(endpoint, patience)),
      options,
    );
  } catch (error) {
    if (patience.signal?.aborted) throw new InterruptedError("interrupted before the first row");
    throw error;
  }
}

/** Of the settings an insert may carry: those of which every endpoint knows, and those of which only some do. */
async function settingsOf(all: readonly Asked[], settings: readonly string[]) {
  const sets: ReadonlySet<string>[] = [];
  for (const asked of all) sets.push(await knownSettings(asked, settings));
  const known = new Set(settings.filter((setting) => sets.every((one) => one.has(setting))));
  const partly = new Set(settings.filter((setting) => !known.has(setting) && sets.some((one) => one.has(setting))));
  return { known, partly };
}

/** Times that not every endpoint would read as they are meant. */
function checkRawTimes(
  place: Place,
  columns: readonly Column[],
  { format }: Options,
  { known, partly }: { readonly known: ReadonlySet<string>; readonly partly: ReadonlySet<string> },
): void {
  const [column] = rawTimes(columns, format);
  if (column === undefined) return;
  const says = (why: string, formats: string): TargetError =>
    new TargetError(`${fullName(place)}: column ${column.name} has times that ${why}: use --format ${formats}`);
  if (partly.has(RAW_TICKS))
    throw says(`the endpoints would read differently, as some are of 26.8 and newer`, "Native or RowBinary");
  // There a JSON column is a text, which is read without regard to the setting.
  if (format === "Native" && known.has(RAW_TICKS)) {
    throw says("ClickHouse of 26.8 and newer cannot read in a JSON column", "JSONEachRow or RowBinary");
  }
}

async function preflight(all: readonly Asked[], options: Options): Promise<Target> {
  const [first] = all;
  if (first === undefined) throw new TargetError("there is no endpoint");
  const met: Met[] = [];
  for (const asked of all) met.push(await meet(asked));
  const { version = "", changed = {} } = met[0] ?? {};
  const facts = new Facts(met.map((one) => one.version));
  const { known, partly } = await settingsOf(all, [
    "async_insert",
    "wait_for_async_insert",
    TOKEN_SETTING,
    ...FORMAT_SETTINGS,
  ]);
  if (options.asyncInsert && !known.has("async_insert")) {
    throw new TargetError(`ClickHouse ${version} is too old for --async-insert`);
  }
  for (const [name, value] of Object.entries(options.settings)) await first.takesSetting(name, value);

  const place = await placeOf(first, options);
  const found: Found[] = [];
  for (const asked of all) found.push(await findOrCreate(asked, place, options));
  checkEngines(all, place, found);
  if (options.quorum !== undefined) await checkQuorum(first, place, found, options.quorum);
  const table = await describeTable(first, place, options);
  for (const asked of all.slice(1)) {
    if (isDeepStrictEqual(await describeTable(asked, place, options), table)) continue;
    throw new TargetError(`${fullName(place)} has other columns on ${asked.name} than on ${first.name}`);
  }
  const rows = withoutResets(insertedRows(place, table, options, facts), found);
  checkRawTimes(place, rows.columns, options, { known, partly });
  const queuesOf = await Promise.all(all.map((asked) => queuesInserts(asked, place)));
  const queues = queuesOf.includes(true);
  const endpoints = all.map(({ endpoint }) => endpoint);
  const stores = storesOf(endpoints, found);
  const target: Target = {
    version,
    facts,
    ...place,
    engine: found[0]?.engine,
    whyUncounted:
      met.find(({ whyUncounted }) => whyUncounted !== undefined)?.whyUncounted ??
      (options.verify ? await whyUncountable(all, place, found, readColumns(rows)) : undefined),
    expires: found.some(({ expires }) => expires),
    queues,
    stores,
    ...rows,
    tableColumns: table,
    settings: changed,
    tokens: known.has(TOKEN_SETTING),
    deduplication:
      options.retries === 0
        ? undefined
        : await deduplicationOfAll(all, place, options, known.has(TOKEN_SETTING), queuesOf),
    storeOf: endpoints.map((endpoint) => stores.findIndex((store) => endpointsOf([store]).includes(endpoint))),
    parameters: insertParameters(place, rows.columns, options, queues, (setting) => known.has(setting)),
  };
  for (const asked of all) await asked.takesInserts(target, target.parameters, options.compress);
  if (options.verify && target.whyUncounted === undefined) for (const asked of all) await checkLedger(asked, target);
  if (options.runIdGiven && target.ledgerColumns)
    for (const asked of all) await refuseUsedRunId(asked, target, options);
  return target;
}

/** What one of the endpoints says goes for all. */
async function whyUncountable(
  all: readonly Asked[],
  place: Place,
  found: readonly Found[],
  columns: string,
): Promise<string | undefined> {
  for (const [index, asked] of all.entries()) {
    const { engine = "", clause = "" } = found[index] ?? {};
    const why = await whyRowsGo(asked, place, { engine, clause });
    if (why !== undefined) return why;
    const hidden = await whyHidden(asked.endpoint, place, columns, asked.patience);
    if (hidden !== undefined) return hidden;
  }
  return undefined;
}

/** What holds for one endpoint is taken to hold for all. */
function checkEngines(all: readonly Asked[], place: Place, found: readonly Found[]): void {
  const engine = found[0]?.engine;
  const other = found.findIndex((one) => one.engine !== engine);
  if (other < 0) return;
  throw new TargetError(
    `${fullName(place)} is of engine ${found[other]?.engine} on ${all[other]?.name}, and of engine ${engine} on ${all[0]?.name}: ` +
      "the endpoints of a run must have the same table",
  );
}

async function checkQuorum(asked: Asked, place: Place, found: readonly Found[], quorum: Quorum): Promise<void> {
  const plain = found.find(({ engine }) => !isReplicated(engine));
  if (plain !== undefined) {
    throw new TargetError(
      `--quorum needs a table of a Replicated engine, and ${fullName(place)} is of engine ${plain.engine}: leave it out`,
    );
  }
  await asked.check("SELECT 1", `does not take --quorum ${quorum}`, { insert_quorum: String(quorum) });
}

/** Of the target, what the rows decide on. */
type InsertedRows = Pick<
  Target,
  "columns" | "columnNames" | "timeColumn" | "sentColumns" | "ledgerColumns" | "whyNoLedgerColumns"
>;

/** What a column forgets, nobody finds again by it. */
function withoutResets(rows: InsertedRows, found: readonly Found[]): InsertedRows {
  const resets = new Set(found.flatMap(({ resets }) => resets));
  const sentColumns = rows.sentColumns.filter(({ name }) => !resets.has(name));
  const reset = LEDGER_COLUMNS.find((name) => resets.has(name));
  if (reset === undefined || !rows.ledgerColumns) return { ...rows, sentColumns };
  return { ...rows, sentColumns, ledgerColumns: false, whyNoLedgerColumns: `${reset} has a TTL, which resets it` };
}

/** A column that is EPHEMERAL is sent, and not kept. */
function readable(table: readonly TableColumn[], columns: readonly SentColumn[]): readonly SentColumn[] {
  const gone = table.filter(({ defaultKind }) => defaultKind === "EPHEMERAL").map(({ name }) => name);
  return columns.filter(({ name }) => !gone.includes(name));
}

function insertedRows(place: Place, table: readonly TableColumn[], options: Options, facts: Facts): InsertedRows {
  const columnNames = table.map(({ name }) => name);
  if (options.replay === undefined) {
    const { columns, ledgerColumns, whyNoLedgerColumns } = fitRows(place, table, options, facts);
    const sentColumns = readable(table, sentColumnsOf(columns));
    return { columns, columnNames, timeColumn: undefined, sentColumns, ledgerColumns, whyNoLedgerColumns };
  }
  // run_id and seq, if the file has any, are not this run's.
  const notOurs = { ledgerColumns: false, whyNoLedgerColumns: undefined };
  const { timeColumn: name } = options.replay;
  if (name === undefined) return { columns: [], columnNames, timeColumn: undefined, sentColumns: [], ...notOurs };
  const retimed = timeColumnOf(table, name, timesOf(options));
  if ("problems" in retimed) throw new OptionsError(retimed.problems);
  return {
    columns: [],
    columnNames,
    timeColumn: retimed.column,
    sentColumns: readable(table, retimed.sent),
    ...notOurs,
  };
}

/** When the first and the last row are. */
function timesOf({ dataStartNs = BigInt(Date.now()) * 1_000_000n, dataSpanNs, durationNs }: TableOptions): TimeSpan {
  return { fromNs: dataStartNs, toNs: dataStartNs + (dataSpanNs ?? durationNs) };
}

function fitRows(place: Place, table: readonly TableColumn[], options: TableOptions, facts: Facts): TableRows {
  const rows = rowsOf(table, options.rules, options.runId, timesOf(options));
  if (rows.ruleProblems.length > 0) throw new OptionsError(rows.ruleProblems);
  const problems = [...rows.typeProblems, ...formatProblems(rows.columns, options.format, facts)];
  if (problems.length > 0) throw new TargetError(`${fullName(place)}: ${problems.join("; ")}`);
  return rows;
}

/** Columns that the format cannot carry to such servers, each with the formats that can. */
export function formatProblems(columns: readonly Column[], format: Format, facts: Facts): readonly string[] {
  return columns.flatMap((column) => {
    const why = whyNotTaken(column, format, facts);
    if (why === undefined) return [];
    const others = FORMATS.filter((other) => whyNotTaken(column, other, facts) === undefined);
    return [`column ${column.name} ${why}: use --format ${others.join(" or ")}`];
  });
}

/** What the ledger reads, as SQL. */
export const readColumns = ({ ledgerColumns }: Pick<Target, "ledgerColumns">): string =>
  ledgerColumns ? LEDGER_COLUMNS.join(", ") : "count()";
/** Goes on from the column's name. */
function whyNotTaken(column: Column, format: Format, facts: Facts): string | undefined {
  const why = whyNotCarried(column, format);
  if (why !== undefined) return `${why}, which ${format} cannot carry here`;
  const tooOld = whyTooOld(parseType(column.type), format, facts);
  if (tooOld === undefined) return undefined;
  return `has ${tooOld.what}, which ${format} carries to ClickHouse ${since(tooOld.fact)} and newer, and this is ${facts.oldest}`;
}

/** What the ledger reads at the end must be readable now: nobody wants to hear it after an hour. */
async function checkLedger(asked: Asked, target: Target): Promise<void> {
  await asked.check(
    `SELECT ${readColumns(target)} FROM ${tableIdentifier(target)} LIMIT 0`,
    `does not let this user read ${fullName(target)}, as the ledger does at the end; --no-verify leaves it out`,
  );
}

async function refuseUsedRunId(asked: Asked, target: Target, { runId, verify }: Options): Promise<void> {
  const sql = `SELECT 1 AS used FROM ${tableIdentifier(target)} WHERE run_id = {run:String} LIMIT 1`;
  const used = await query(asked.endpoint, sql, { run: runId }, asked.patience).catch((error: unknown) => {
    // Who may not read, and gave --no-verify, has to know it by himself.
    if (!verify && error instanceof ServerError && error.code === ACCESS_DENIED) return [];
    throw error;
  });
  if (used.length > 0) {
    throw new TargetError(
      `${fullName(target)} on ${asked.name} already holds rows of run ${runId}: choose another --run-id`,
    );
  }
}
