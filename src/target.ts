// The pre-flight: what the server says before the first row is sent, and the table made ready. Whatever would make the
// load fail fails here, with a sentence. Main thread; asks every endpoint.

import { isDeepStrictEqual } from "node:util";
import { type Endpoint, shown } from "./endpoint.js";
import type { Options } from "./options.js";
import { type Column, eventColumns, fits, SEED_COLUMNS } from "./rows/column.js";
import { execute, insertNothing, type Patience, query, quoteIdentifier, ServerError } from "./server.js";

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
/** Sent where the server knows it. */
const TOKEN_SETTING = "insert_deduplication_token";

const ACCESS_DENIED = 497;

interface Place {
  readonly database: string;
  readonly table: string;
}

/** `database.table` as an identifier. */
export function tableIdentifier({ database, table }: Place): string {
  return `${quoteIdentifier(database)}.${quoteIdentifier(table)}`;
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

/** Whether what is inserted can be read again. */
export function keepsRows({ engine }: Target): boolean {
  return engine !== "Null";
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
    stores: [],
    columns: eventColumns(options.runId),
    ledgerColumns: true,
    tokens: true,
    parameters: insertParameters(database, table, options, () => true),
  };
}

/**
 * Throws a TargetError, or an InterruptedError when the signal of `patience` is aborted. Every endpoint must answer, have
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

  const place = {
    database: options.table.database ?? String((await first.rows("SELECT currentDatabase() AS name"))[0]?.name),
    table: options.table.table,
  };
  const found: Found[] = [];
  for (const asked of all) found.push(await findOrCreate(asked, place, options));
  const columns = await chooseColumns(first, place, options.runId);
  for (const asked of all.slice(1)) {
    if (isDeepStrictEqual(await chooseColumns(asked, place, options.runId), columns)) continue;
    throw new TargetError(`${fullName(place)} has other columns on ${asked.name} than on ${first.name}`);
  }
  const target: Target = {
    version,
    ...place,
    engine: found[0]?.engine,
    stores: storesOf(
      all.map(({ endpoint }) => endpoint),
      found,
    ),
    columns,
    ledgerColumns: columns.length > SEED_COLUMNS,
    tokens: known.has(TOKEN_SETTING),
    parameters: insertParameters(place.database, place.table, options, (setting) => known.has(setting)),
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

const fullName = ({ database, table }: Place): string => `${database}.${table}`;

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
  const rows = await asked.rows("SELECT name FROM system.settings WHERE has({names:Array(String)}, name)", {
    names: `['async_insert','wait_for_async_insert','${TOKEN_SETTING}']`,
  });
  return new Set(rows.map((row) => String(row.name)));
}

interface Found {
  readonly engine: string;
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

/** The table; without --table it is created if missing. */
async function findOrCreate(asked: Asked, place: Place, { tableGiven }: Options): Promise<Found> {
  const { database } = place;
  const databases = await asked.rows("SELECT name FROM system.databases WHERE name = {database:String}", { database });
  if (databases.length === 0) {
    throw new TargetError(`${asked.name} has no database ${database}, or this user may not see it`);
  }
  let found = await find(asked, place);
  if (found === undefined && tableGiven) {
    throw new TargetError(
      `${asked.name} has no table ${fullName(place)}, or this user may not see it: create it, or leave --table out and events is created`,
    );
  }
  if (found === undefined) {
    const columns = eventColumns("").map(({ name, type }) => `${quoteIdentifier(name)} ${type}`);
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
    "SELECT engine, toString(serverUUID()) AS server, toString(uuid) AS uuid, toString(data_paths) AS paths " +
      "FROM system.tables WHERE database = {database:String} AND name = {table:String}",
    { database, table },
  );
  return row && { engine: String(row.engine), identity: `${row.server} ${row.uuid} ${row.paths}` };
}

/** The default table's columns, or the seed service's four: no other table is supported yet. */
async function chooseColumns(asked: Asked, place: Place, runId: string): Promise<readonly Column[]> {
  const { database, table } = place;
  const rows = await asked.rows(
    "SELECT name, type, default_kind FROM system.columns " +
      "WHERE database = {database:String} AND table = {table:String} ORDER BY position",
    { database, table },
  );
  const found = new Map(
    rows.map((row) => [String(row.name), { type: String(row.type), kind: String(row.default_kind) }]),
  );
  const all = eventColumns(runId);
  const wanted = all.slice(SEED_COLUMNS).some(({ name }) => found.has(name)) ? all : all.slice(0, SEED_COLUMNS);
  const columns: Column[] = [];
  const problems: string[] = [];
  for (const column of wanted) {
    const there = found.get(column.name);
    if (there === undefined) problems.push(`${column.name} is missing`);
    else if (there.kind !== "" && there.kind !== "DEFAULT") problems.push(`${column.name} is ${there.kind}`);
    else if (!fits(column.rule, there.type)) problems.push(`${column.name} is ${there.type}, not ${column.type}`);
    else columns.push({ ...column, type: there.type });
  }
  for (const [name, { kind }] of found) {
    // Whatever has an expression the server fills itself.
    if (kind === "" && !all.some((column) => column.name === name)) problems.push(`${name} is not one of them`);
  }
  if (problems.length > 0) {
    throw new TargetError(
      `${fullName(place)} does not have the columns of events (${all.map(({ name }) => name).join(", ")}): ` +
        problems.join("; "),
    );
  }
  return columns;
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
