// The pre-flight: what the server says before the first row is sent, and the table made ready. Whatever would make the
// load fail fails here, with a sentence. Main thread; asks every endpoint.

import type { Endpoint } from "./endpoint.js";
import { shown } from "./endpoint.js";
import type { Options } from "./options.js";
import { type Column, eventColumns, fits, SEED_COLUMNS } from "./rows/column.js";
import { execute, insertNothing, query, quoteIdentifier, ServerError } from "./server.js";

/** The target cannot be reached, authenticated or prepared: exit 3. */
export class TargetError extends Error {}

export interface Target {
  /** Undefined when nothing was asked (--blind). */
  readonly version: string | undefined;
  readonly database: string;
  readonly table: string;
  /** Undefined when nothing was asked. */
  readonly engine: string | undefined;
  readonly columns: readonly Column[];
  /** Whether the table has run_id and seq, so that each row can be found again. */
  readonly ledgerColumns: boolean;
  /** Whether inserts carry deduplication tokens. */
  readonly tokens: boolean;
  /** Query parameters of every insert: the statement and its settings. */
  readonly parameters: Readonly<Record<string, string>>;
}

const OLDEST: readonly [number, number] = [21, 8];
const VIEWS: ReadonlySet<string> = new Set(["View", "MaterializedView", "LiveView", "WindowView", "ParameterizedView"]);
/** Settings the program sends by itself, where the server knows them. */
const TOKEN_SETTING = "insert_deduplication_token";

/** `database.table` as an identifier. */
export function tableIdentifier(target: { readonly database: string; readonly table: string }): string {
  return `${quoteIdentifier(target.database)}.${quoteIdentifier(target.table)}`;
}

function insertParameters(
  database: string,
  table: string,
  options: Options,
  known: (setting: string) => boolean,
): Record<string, string> {
  return {
    query: `INSERT INTO ${tableIdentifier({ database, table })} FORMAT JSONEachRow`,
    wait_end_of_query: "1",
    ...(known("async_insert") && { async_insert: options.asyncInsert ? "1" : "0" }),
    ...(options.asyncInsert && { wait_for_async_insert: "1" }),
    ...options.settings,
  };
}

/** With --blind: everything as for the default table of a new server, nothing asked. */
export function blindTarget(options: Options): Target {
  const database = options.table.database ?? "default";
  const { table } = options.table;
  return {
    version: undefined,
    database,
    table,
    engine: undefined,
    columns: eventColumns(options.runId),
    ledgerColumns: true,
    tokens: true,
    parameters: insertParameters(database, table, options, () => true),
  };
}

/** Throws a TargetError. The first endpoint is asked about the table; all must answer and take an insert. */
export async function prepareTarget(endpoints: readonly Endpoint[], options: Options): Promise<Target> {
  const [first] = endpoints;
  if (first === undefined) throw new TargetError("there is no endpoint");
  const versions: string[] = [];
  for (const endpoint of endpoints) versions.push(await askVersion(endpoint));
  const database = options.table.database ?? (await askOne(first, "SELECT currentDatabase() AS value"));
  const { table } = options.table;
  const name = `${database}.${table}`;

  await checkDatabase(first, database);
  const known = await knownSettings(first, [
    "async_insert",
    "wait_for_async_insert",
    TOKEN_SETTING,
    ...Object.keys(options.settings),
  ]);
  const unknown = Object.keys(options.settings).filter((setting) => !known.has(setting));
  if (unknown.length > 0) {
    throw new TargetError(`ClickHouse ${versions[0]} has no setting ${unknown.join(", ")}: check --setting`);
  }
  if (options.asyncInsert && !known.has("async_insert")) {
    throw new TargetError(`ClickHouse ${versions[0]} is too old for --async-insert`);
  }

  let engine = await askEngine(first, database, table);
  if (engine === undefined) {
    if (options.tableGiven) {
      throw new TargetError(`there is no table ${name}: create it, or leave --table out and events is created`);
    }
    await create(first, database, table);
    engine = await askEngine(first, database, table);
  }
  if (engine !== undefined && VIEWS.has(engine)) {
    throw new TargetError(`${name} is a view (${engine}): rows can only be inserted into a table`);
  }
  const columns = await chooseColumns(first, database, table, options.runId);
  const ledgerColumns = columns.length > SEED_COLUMNS;
  const target: Target = {
    version: versions[0],
    database,
    table,
    engine,
    columns,
    ledgerColumns,
    tokens: known.has(TOKEN_SETTING),
    parameters: insertParameters(database, table, options, (setting) => known.has(setting)),
  };
  for (const endpoint of endpoints) {
    await insertNothing(endpoint, target.parameters).catch((error: unknown) => {
      throw refusal(error, `${shown(endpoint)} takes no inserts into ${name}`);
    });
  }
  if (options.runIdGiven && ledgerColumns) await refuseUsedRunId(first, target, options.runId);
  return target;
}

/** A TargetError from a server's refusal; anything else as it is. */
function refusal(error: unknown, what: string): unknown {
  if (!(error instanceof ServerError)) return error;
  if (typeof error.code !== "number") return new TargetError(error.message);
  return new TargetError(`${what}: ${error.message}`);
}

async function askVersion(endpoint: Endpoint): Promise<string> {
  let version: string;
  try {
    // Without FORMAT or settings: the oldest servers and the most restricted users can be asked so.
    version = (await execute(endpoint, "SELECT version()")).trim();
  } catch (error) {
    if (error instanceof ServerError && error.code === 516) {
      throw new TargetError(`${shown(endpoint)} does not know this user and password: ${error.message}`);
    }
    if (error instanceof ServerError && error.code === 81) {
      throw new TargetError(`${shown(endpoint)} has no such database: ${error.message}`);
    }
    throw refusal(error, `${shown(endpoint)} does not answer SELECT version()`);
  }
  const match = /^(\d+)\.(\d+)\./.exec(version);
  if (match === null) throw new TargetError(`${shown(endpoint)} does not answer as ClickHouse does`);
  const [major, minor] = [Number(match[1]), Number(match[2])];
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
    throw new TargetError(
      `${shown(endpoint)} is ClickHouse ${version}: clickstorm supports ${OLDEST.join(".")} and newer`,
    );
  }
  return version;
}

async function ask(
  endpoint: Endpoint,
  sql: string,
  values: Readonly<Record<string, string>>,
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  return query(endpoint, sql, values).catch((error: unknown) => {
    throw refusal(error, `${shown(endpoint)} does not answer a question of the pre-flight`);
  });
}

async function askOne(endpoint: Endpoint, sql: string): Promise<string> {
  return String((await ask(endpoint, sql, {}))[0]?.value);
}

async function checkDatabase(endpoint: Endpoint, database: string): Promise<void> {
  const rows = await ask(endpoint, "SELECT name FROM system.databases WHERE name = {database:String}", { database });
  if (rows.length === 0) {
    throw new TargetError(`there is no database ${database}, or this user may not see it`);
  }
}

async function knownSettings(endpoint: Endpoint, names: readonly string[]): Promise<ReadonlySet<string>> {
  const list = `['${names.join("','")}']`;
  const rows = await ask(endpoint, "SELECT name FROM system.settings WHERE has({names:Array(String)}, name)", {
    names: list,
  });
  return new Set(rows.map((row) => String(row.name)));
}

async function askEngine(endpoint: Endpoint, database: string, table: string): Promise<string | undefined> {
  const [row] = await ask(
    endpoint,
    "SELECT engine FROM system.tables WHERE database = {database:String} AND name = {table:String}",
    { database, table },
  );
  return row === undefined ? undefined : String(row.engine);
}

async function create(endpoint: Endpoint, database: string, table: string): Promise<void> {
  const columns = eventColumns("").map(({ name, type }) => `${quoteIdentifier(name)} ${type}`);
  const statement =
    `CREATE TABLE IF NOT EXISTS ${tableIdentifier({ database, table })} (${columns.join(", ")}) ` +
    "ENGINE = MergeTree ORDER BY timestamp SETTINGS non_replicated_deduplication_window = 1000";
  await execute(endpoint, statement).catch((error: unknown) => {
    throw refusal(error, `${shown(endpoint)} does not let this user create ${database}.${table}`);
  });
}

/** The default table's columns, or the seed service's four: no other table is supported yet. */
async function chooseColumns(
  endpoint: Endpoint,
  database: string,
  table: string,
  runId: string,
): Promise<readonly Column[]> {
  const rows = await ask(
    endpoint,
    "SELECT name, type, default_kind FROM system.columns " +
      "WHERE database = {database:String} AND table = {table:String} ORDER BY position",
    { database, table },
  );
  // The server fills these itself.
  const found = new Map(
    rows
      .filter((row) => row.default_kind !== "MATERIALIZED" && row.default_kind !== "ALIAS")
      .map((row) => [String(row.name), String(row.type)]),
  );
  const all = eventColumns(runId);
  const has = (name: string): boolean => found.has(name);
  const wanted = all.slice(SEED_COLUMNS).some(({ name }) => has(name)) ? all : all.slice(0, SEED_COLUMNS);
  const missing = wanted.filter(({ name }) => !has(name)).map(({ name }) => `${name} is missing`);
  const other = [...found.keys()].filter((name) => !all.some((column) => column.name === name));
  const unfit = wanted
    .filter(({ name, rule }) => has(name) && !fits(rule, found.get(name) ?? ""))
    .map(({ name, type }) => `${name} is ${found.get(name)}, not ${type}`);
  const problems = [...missing, ...other.map((name) => `${name} is not one of them`), ...unfit];
  if (problems.length > 0) {
    throw new TargetError(
      `${database}.${table} does not have the columns of events (${all.map(({ name }) => name).join(", ")}): ` +
        problems.join("; "),
    );
  }
  return wanted.map((column) => ({ ...column, type: found.get(column.name) ?? column.type }));
}

async function refuseUsedRunId(endpoint: Endpoint, target: Target, runId: string): Promise<void> {
  const used = await ask(
    endpoint,
    `SELECT 1 AS used FROM ${tableIdentifier(target)} WHERE run_id = {run:String} LIMIT 1`,
    { run: runId },
  );
  if (used.length > 0) {
    throw new TargetError(
      `${target.database}.${target.table} already holds rows of run ${runId}: choose another --run-id`,
    );
  }
}
