// The pre-flight: what the server says before the first row is sent, and the table made ready. Whatever would make the
// load fail fails here, with a sentence. Main thread; asks every endpoint.

import { isDeepStrictEqual } from "node:util";
import { type Endpoint, shown } from "./endpoint.js";
import { type Options, OptionsError, type TableOptions } from "./options.js";
import type { TimeColumn } from "./replay/replayer.js";
import { timeColumnOf } from "./replay/time.js";
import { EVENT_TABLE, isEventTable, rowsOf, SEED_COLUMNS, type TableColumn, type TableRows } from "./rows/column.js";
import type { TimeSpan } from "./rows/fit.js";
import { FORMAT_SETTINGS, FORMATS, type Format, formatSettings, whyNotCarried } from "./rows/program.js";
import type { Column } from "./rows/value.js";
import { execute, insertNothing, type Patience, query, quoteIdentifier, ServerError } from "./server.js";
import { nearest } from "./text.js";

/** The target cannot be reached, authenticated or prepared: exit 3. */
export class TargetError extends Error {}

/** The pre-flight was broken off by its signal. */
export class InterruptedError extends Error {}

export interface Target {
  /** Undefined when nothing was asked (--blind). */
  readonly version: string | undefined;
  readonly database: string;
  readonly table: string;
  /** Undefined when nothing was asked. */
  readonly engine: string | undefined;
  /** One endpoint for each place where rows of the table lie; the ledger adds up what they say. */
  readonly stores: readonly Endpoint[];
  /** None where rows come from a file. */
  readonly columns: readonly Column[];
  /** Of all that the table has. */
  readonly columnNames: readonly string[];
  /** The column that gets the times of rows from a file; undefined: none. */
  readonly timeColumn: TimeColumn | undefined;
  /** Whether the table has run_id and seq, so that each row can be found again. */
  readonly ledgerColumns: boolean;
  /** Whether the table removes rows when they are old. */
  readonly expires: boolean;
  /** Whether inserts carry deduplication tokens. */
  readonly tokens: boolean;
  /** Query parameters of every insert: the statement and its settings. */
  readonly parameters: Readonly<Record<string, string>>;
}

const OLDEST: readonly [number, number] = [21, 8];
export const VIEWS: ReadonlySet<string> = new Set([
  "View",
  "MaterializedView",
  "LiveView",
  "WindowView",
  "ParameterizedView",
]);
/** Sent where the server knows it. */
const TOKEN_SETTING = "insert_deduplication_token";

const ACCESS_DENIED = 497;

export interface Place {
  readonly database: string;
  readonly table: string;
}

/** `database.table` as an identifier. */
export function tableIdentifier({ database, table }: Place): string {
  return `${quoteIdentifier(database)}.${quoteIdentifier(table)}`;
}

/**
 * Columns are named: those left out, and EPHEMERAL ones, need it, and what is added to the table does no harm. Rows from a
 * file name theirs themselves.
 */
function insertParameters(
  place: Place,
  columns: readonly Column[],
  options: Options,
  known: (setting: string) => boolean,
): Record<string, string> {
  const names = options.replay ? "" : ` (${columns.map(({ name }) => quoteIdentifier(name)).join(", ")})`;
  return {
    query: `INSERT INTO ${tableIdentifier(place)}${names} FORMAT ${options.format}`,
    wait_end_of_query: "1",
    ...(known("async_insert") && { async_insert: options.asyncInsert ? "1" : "0" }),
    ...(options.asyncInsert && { wait_for_async_insert: "1" }),
    ...Object.fromEntries(
      Object.entries(formatSettings(columns, options.format)).filter(([setting]) => known(setting)),
    ),
    ...options.settings,
  };
}

/** Engines that make one row of several with the same key, sooner or later. */
const MERGES_ROWS =
  /^(Replicated|Shared)?(Replacing|Summing|Aggregating|Collapsing|VersionedCollapsing|Coalescing|Graphite)/;

/** Why rows cannot be found again, row by row, by whoever asks later; undefined: they can. */
export function whyUnverifiable({ engine = "" }: Target): string | undefined {
  if (engine === "Null") return "a table of engine Null keeps no rows";
  return MERGES_ROWS.test(engine) ? `a table of engine ${engine} makes one row of several` : undefined;
}

/** With --blind: everything as for the default table of a new server, nothing asked. Throws an OptionsError. */
export function blindTarget(options: Options): Target {
  const place = { database: options.table.database ?? "default", table: options.table.table };
  const rows = insertedRows(place, EVENT_TABLE, options);
  return {
    version: undefined,
    ...place,
    engine: undefined,
    expires: false,
    stores: [],
    ...rows,
    tokens: true,
    parameters: insertParameters(place, rows.columns, options, () => true),
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
  return { columns: fitRows(place, EVENT_TABLE, options).columns, table: EVENT_TABLE };
}

/** That somebody answers, accepts the login, and is a ClickHouse new enough. Throws as {@link prepareTarget} does. */
export async function askServer(endpoint: Endpoint, patience: Patience = {}): Promise<void> {
  try {
    await askVersion(new Asked(endpoint, patience));
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
    await askVersion(asked);
    const place = await placeOf(asked, options);
    await checkDatabase(asked, place);
    const found = await find(asked, place);
    if (found === undefined && options.tableGiven) throw new TargetError(await missingTable(asked, place));
    const table = found === undefined ? EVENT_TABLE : await describeTable(asked, place, options);
    return { columns: fitRows(place, table, options).columns, table };
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
    const version = await askVersion(asked);
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
      patience,
    );
  } catch (error) {
    if (patience.signal?.aborted) throw new InterruptedError("interrupted before the first row");
    throw error;
  }
}

async function preflight(all: readonly Asked[], options: Options, patience: Patience): Promise<Target> {
  const [first] = all;
  if (first === undefined) throw new TargetError("there is no endpoint");
  const versions: string[] = [];
  for (const asked of all) versions.push(await askVersion(asked));
  const version = versions[0] ?? "";
  const known = await knownSettings(first);
  if (options.asyncInsert && !known.has("async_insert")) {
    throw new TargetError(`ClickHouse ${version} is too old for --async-insert`);
  }
  for (const [name, value] of Object.entries(options.settings)) {
    await first.check("SELECT 1", `does not take --setting ${name}=${value}`, { [name]: value });
  }

  const place = await placeOf(first, options);
  const found: Found[] = [];
  for (const asked of all) found.push(await findOrCreate(asked, place, options));
  const table = await describeTable(first, place, options);
  for (const asked of all.slice(1)) {
    if (isDeepStrictEqual(await describeTable(asked, place, options), table)) continue;
    throw new TargetError(`${fullName(place)} has other columns on ${asked.name} than on ${first.name}`);
  }
  const rows = insertedRows(place, table, options);
  const target: Target = {
    version,
    ...place,
    engine: found[0]?.engine,
    expires: found.some(({ expires }) => expires),
    stores: storesOf(
      all.map(({ endpoint }) => endpoint),
      found,
    ),
    ...rows,
    tokens: known.has(TOKEN_SETTING),
    parameters: insertParameters(place, rows.columns, options, (setting) => known.has(setting)),
  };
  for (const asked of all) await asked.takesInserts(target);
  if (options.verify) for (const endpoint of target.stores) await checkLedger(new Asked(endpoint, patience), target);
  if (options.runIdGiven && target.ledgerColumns) await refuseUsedRunId(first, target, options);
  return target;
}

/** One endpoint under question; what it refuses becomes a TargetError that names it. */
class Asked {
  readonly name: string;

  constructor(
    readonly endpoint: Endpoint,
    readonly patience: Patience,
  ) {
    this.name = shown(endpoint);
  }

  async rows(
    sql: string,
    values: Readonly<Record<string, string>> = {},
  ): Promise<readonly Readonly<Record<string, unknown>>[]> {
    return query(this.endpoint, sql, values, this.patience).catch(
      this.#refusal("does not answer a question of the pre-flight"),
    );
  }

  /** `complaint` goes on from the endpoint's name: "does not …". */
  async check(sql: string, complaint: string, parameters: Readonly<Record<string, string>> = {}): Promise<void> {
    await execute(this.endpoint, sql, parameters, this.patience).catch(this.#refusal(complaint));
  }

  async takesInserts(target: Target): Promise<void> {
    await insertNothing(this.endpoint, target.parameters, this.patience).catch(
      this.#refusal(`does not let this user insert into ${fullName(target)}`),
    );
  }

  #refusal(complaint: string): (error: unknown) => never {
    return (error) => {
      if (!(error instanceof ServerError)) throw error;
      throw new TargetError(
        typeof error.code === "number" ? `${this.name} ${complaint}: ${error.message}` : error.message,
      );
    };
  }
}

export const fullName = ({ database, table }: Place): string => `${database}.${table}`;

async function askVersion({ endpoint, name, patience }: Asked): Promise<string> {
  let version: string;
  try {
    // Without settings: the oldest servers and the most restricted users can be asked so.
    version = (await execute(endpoint, "SELECT version() FORMAT TabSeparated", {}, patience)).trim();
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    switch (error.code) {
      case 192: // Unknown user, of servers before 20.
      case 193: // Wrong password, likewise.
      case 516:
        throw new TargetError(`${name} does not accept this user and password: ${error.message}`);
      case 81:
        throw new TargetError(`${name} has no such database: ${error.message}`);
      default:
        throw new TargetError(
          typeof error.code === "number" ? `${name} refuses SELECT version(): ${error.message}` : error.message,
        );
    }
  }
  const match = /^(\d+)\.(\d+)\./.exec(version);
  if (match === null) {
    throw new TargetError(`${name} does not answer as ClickHouse does: it is something else, or another port`);
  }
  const [major, minor] = [Number(match[1]), Number(match[2])];
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
    throw new TargetError(`${name} is ClickHouse ${version}: clickstorm supports ${OLDEST.join(".")} and newer`);
  }
  return version;
}

/** Those of the settings the program sends by itself that this server has. */
async function knownSettings(asked: Asked): Promise<ReadonlySet<string>> {
  const names = ["async_insert", "wait_for_async_insert", TOKEN_SETTING, ...FORMAT_SETTINGS];
  const rows = await asked.rows("SELECT name FROM system.settings WHERE has({names:Array(String)}, name)", {
    names: `[${names.map((name) => `'${name}'`).join(",")}]`,
  });
  return new Set(rows.map((row) => String(row.name)));
}

interface Found {
  readonly engine: string;
  readonly expires: boolean;
  /** The same for two endpoints that lead to the same table of the same server. */
  readonly identity: string;
}

/** Engines that show the same rows on every server, sooner or later. */
const SHARED_ROWS = /^(Replicated|Shared|Distributed)/;

/** One endpoint for each place where rows of the table lie. */
function storesOf(endpoints: readonly Endpoint[], found: readonly Found[]): readonly Endpoint[] {
  if (SHARED_ROWS.test(found[0]?.engine ?? "")) return endpoints.slice(0, 1);
  const identities = found.map(({ identity }) => identity);
  return endpoints.filter((_, index) => identities.indexOf(identities[index] ?? "") === index);
}

async function placeOf(asked: Asked, { table: { database, table } }: TableOptions): Promise<Place> {
  return {
    database: database ?? String((await asked.rows("SELECT currentDatabase() AS name"))[0]?.name),
    table,
  };
}

async function checkDatabase(asked: Asked, { database }: Place): Promise<void> {
  const databases = await asked.rows("SELECT name FROM system.databases WHERE name = {database:String}", { database });
  if (databases.length === 0) {
    throw new TargetError(`${asked.name} has no database ${database}, or this user may not see it`);
  }
}

/** The table; without --table it is created if missing. */
async function findOrCreate(asked: Asked, place: Place, { tableGiven }: Options): Promise<Found> {
  await checkDatabase(asked, place);
  let found = await find(asked, place);
  if (found === undefined && tableGiven) throw new TargetError(await missingTable(asked, place));
  if (found === undefined) {
    const columns = EVENT_TABLE.map(({ name, type }) => `${quoteIdentifier(name)} ${type}`);
    await asked.check(
      `CREATE TABLE IF NOT EXISTS ${tableIdentifier(place)} (${columns.join(", ")}) ` +
        "ENGINE = MergeTree ORDER BY timestamp SETTINGS non_replicated_deduplication_window = 1000",
      `does not let this user create ${fullName(place)}`,
    );
    found = await find(asked, place);
  }
  if (found === undefined) throw new TargetError(`${fullName(place)} was created, and is not there`);
  if (VIEWS.has(found.engine)) {
    throw new TargetError(`${fullName(place)} is a view (${found.engine}): rows can only be inserted into a table`);
  }
  return found;
}

async function find(asked: Asked, { database, table }: Place): Promise<Found | undefined> {
  const [row] = await asked.rows(
    "SELECT engine, toString(serverUUID()) AS server, toString(uuid) AS uuid, toString(data_paths) AS paths, " +
      "position(engine_full, ' TTL ') > 0 AS expires " +
      "FROM system.tables WHERE database = {database:String} AND name = {table:String}",
    { database, table },
  );
  return (
    row && {
      engine: String(row.engine),
      expires: Number(row.expires) === 1,
      identity: `${row.server} ${row.uuid} ${row.paths}`,
    }
  );
}

const CREATE_IT = "create it, or leave --table out and events is created";

/** That it is not there, and what is. */
async function missingTable(asked: Asked, place: Place, instead = CREATE_IT): Promise<string> {
  const tables = await asked.rows("SELECT name FROM system.tables WHERE database = {database:String} LIMIT 10000", {
    database: place.database,
  });
  const near = nearest(
    place.table,
    tables.map(({ name }) => String(name)),
  );
  const advice = near === undefined ? instead : `did you mean ${near}?`;
  return `${asked.name} has no table ${fullName(place)}, or this user may not see it: ${advice}`;
}

/** Its columns, in the order of the table. Throws a TargetError where it is not what it is taken for. */
async function describeTable(
  asked: Asked,
  place: Place,
  { tableGiven, rules }: TableOptions,
): Promise<readonly TableColumn[]> {
  const { database, table } = place;
  const rows = await asked.rows(
    "SELECT name, type, default_kind FROM system.columns " +
      "WHERE database = {database:String} AND table = {table:String} ORDER BY position",
    { database, table },
  );
  const columns = rows.map((row) => ({
    name: String(row.name),
    type: String(row.type),
    defaultKind: String(row.default_kind),
  }));
  if (columns.length === 0) {
    throw new TargetError(`${asked.name} does not let this user see the columns of ${fullName(place)}`);
  }
  // Somebody else's table of that name is loaded only by whoever names it.
  if (!tableGiven && rules.columns.size + rules.omitted.size === 0 && !isEventTable(columns)) {
    const missing = EVENT_TABLE.slice(0, SEED_COLUMNS).filter(({ name }) => !columns.some((one) => one.name === name));
    throw new TargetError(
      `${fullName(place)} is not the table of events clickstorm makes: it has no ${missing.map(({ name }) => name).join(", ")}; ` +
        `--table ${place.table} loads it as it is`,
    );
  }
  return columns;
}

/** Of the target, what the rows decide on. */
type InsertedRows = Pick<Target, "columns" | "columnNames" | "timeColumn" | "ledgerColumns">;

function insertedRows(place: Place, table: readonly TableColumn[], options: Options): InsertedRows {
  const columnNames = table.map(({ name }) => name);
  if (options.replay === undefined) {
    const { columns, ledgerColumns } = fitRows(place, table, options);
    return { columns, columnNames, timeColumn: undefined, ledgerColumns };
  }
  const { timeColumn: name } = options.replay;
  // run_id and seq, if the file has any, are not this run's.
  if (name === undefined) return { columns: [], columnNames, timeColumn: undefined, ledgerColumns: false };
  const timeColumn = timeColumnOf(table, name, timesOf(options));
  if ("problems" in timeColumn) throw new OptionsError(timeColumn.problems);
  return { columns: [], columnNames, timeColumn, ledgerColumns: false };
}

/** When the first and the last row are. */
function timesOf({ dataStartNs = BigInt(Date.now()) * 1_000_000n, dataSpanNs, durationNs }: TableOptions): TimeSpan {
  return { fromNs: dataStartNs, toNs: dataStartNs + (dataSpanNs ?? durationNs) };
}

function fitRows(place: Place, table: readonly TableColumn[], options: TableOptions): TableRows {
  const rows = rowsOf(table, options.rules, options.runId, timesOf(options));
  if (rows.ruleProblems.length > 0) throw new OptionsError(rows.ruleProblems);
  const problems = [...rows.typeProblems, ...formatProblems(rows.columns, options.format)];
  if (problems.length > 0) throw new TargetError(`${fullName(place)}: ${problems.join("; ")}`);
  return rows;
}

/** Columns that the format cannot carry, each with the formats that can. */
export function formatProblems(columns: readonly Column[], format: Format): readonly string[] {
  return columns.flatMap((column) => {
    const why = whyNotCarried(column, format);
    if (why === undefined) return [];
    const others = FORMATS.filter((other) => whyNotCarried(column, other) === undefined);
    return [`column ${column.name} ${why}, which ${format} cannot carry here: use --format ${others.join(" or ")}`];
  });
}

/** What the ledger reads at the end must be readable now: nobody wants to hear it after an hour. */
async function checkLedger(asked: Asked, target: Target): Promise<void> {
  const columns = target.ledgerColumns ? "run_id, seq" : "count()";
  await asked.check(
    `SELECT ${columns} FROM ${tableIdentifier(target)} LIMIT 0`,
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
    throw new TargetError(`${fullName(target)} already holds rows of run ${runId}: choose another --run-id`);
  }
}
