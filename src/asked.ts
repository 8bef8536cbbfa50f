// One endpoint under question before the first row: its version and settings, databases, tables and columns, and an empty
// insert. What it refuses becomes a sentence that names it. Main thread; called by target.ts. Creates the default table, and
// changes nothing else.

import { type Compression, Compressor, encodingHeaders } from "./compress.js";
import { type Endpoint, shown } from "./endpoint.js";
import { expiringColumns } from "./engines.js";
import { isBusyNumber } from "./exceptions.js";
import type { Options, TableOptions } from "./options.js";
import { withoutSecrets } from "./quoted.js";
import { EVENT_TABLE, isEventTable, SEED_COLUMNS, type TableColumn } from "./rows/column.js";
import { execute, insertNothing, type Patience, query, quoteIdentifier, ServerError } from "./server.js";
import { firstAnswer, openSession, type Session } from "./session.js";
import { isReplicated } from "./stores.js";
import { nearest } from "./text.js";

/** The target cannot be reached, authenticated or prepared: exit 3. */
export class TargetError extends Error {}

/** The pre-flight was broken off by its signal. */
export class InterruptedError extends Error {}

/** The exception number of ClickHouse's. */
export const ACCESS_DENIED = 497;

const OLDEST: readonly [number, number] = [21, 8];
export const VIEWS: ReadonlySet<string> = new Set([
  "View",
  "MaterializedView",
  "LiveView",
  "WindowView",
  "ParameterizedView",
]);

export interface Place {
  readonly database: string;
  readonly table: string;
}

/** `database.table` as an identifier. */
export function tableIdentifier({ database, table }: Place): string {
  return `${quoteIdentifier(database)}.${quoteIdentifier(table)}`;
}

/** One endpoint under question; what it refuses becomes a TargetError that names it. */
export class Asked {
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
      this.refusal("does not answer a question of the pre-flight"),
    );
  }

  /** `complaint` goes on from the endpoint's name: "does not …". */
  async check(sql: string, complaint: string, parameters: Readonly<Record<string, string>> = {}): Promise<void> {
    await execute(this.endpoint, sql, parameters, this.patience).catch(this.refusal(complaint));
  }

  /** What cannot be read may be a secret that was put into the wrong place: the value is not said, whatever its name. */
  async takesSetting(name: string, value: string): Promise<void> {
    await execute(this.endpoint, "SELECT 1", { [name]: value }, this.patience).catch((error: unknown) => {
      const hushed =
        error instanceof ServerError ? new ServerError(withoutSecrets(error.message, [value]), error.code) : error;
      return this.refusal(`does not take --setting ${name}`)(hushed);
    });
  }

  /** `parameters`: of every insert into the place. */
  async takesInserts(
    place: Place,
    parameters: Readonly<Record<string, string>>,
    compression: Compression,
  ): Promise<void> {
    await insertNothing(this.endpoint, parameters, this.patience).catch((error: unknown) => {
      const isBusy = error instanceof ServerError && typeof error.code === "number" && isBusyNumber(error.code);
      const complaint = isBusy ? "takes no inserts at the moment into" : "does not let this user insert into";
      return this.refusal(`${complaint} ${fullName(place)}`)(error);
    });
    if (compression === "none") return;
    const headers = { ...this.endpoint.headers, ...encodingHeaders(compression) };
    // Nothing, as the load would send it: to ClickHouse up to 25.8 no byte at all is no gzip.
    const compressor = new Compressor(compression);
    await compressor.fill(0, new Uint8Array(0));
    await insertNothing({ ...this.endpoint, headers }, parameters, this.patience, compressor.body(0)).catch(
      this.refusal(`does not take inserts with --compress ${compression}`),
    );
  }

  /** For what is refused: throws a TargetError. */
  refusal(complaint: string): (error: unknown) => never {
    return (error) => {
      if (!(error instanceof ServerError)) throw error;
      throw new TargetError(
        typeof error.code === "number" ? `${this.name} ${complaint}: ${error.message}` : error.message,
      );
    };
  }
}

export const fullName = ({ database, table }: Place): string => `${database}.${table}`;

/** An endpoint that answers, and what its answers are worth. */
export interface Met extends Session {
  readonly version: string;
}

/** Before all other questions: these are then asked with settings of their own. Throws a TargetError. */
export async function meet(asked: Asked): Promise<Met> {
  const version = await askVersion(asked);
  const session = await openSession(asked.endpoint, asked.patience).catch(asked.refusal("does not tell its settings"));
  if (session.whyFalse !== undefined) {
    throw new TargetError(
      `${asked.name} cannot be asked anything: ${session.whyFalse}; let its profile or constraints allow it, or give another --user`,
    );
  }
  return { version, ...session };
}

async function askVersion({ endpoint, name, patience }: Asked): Promise<string> {
  let version: string;
  try {
    // Without settings at first: the oldest servers and the most restricted users can be asked so.
    const sql = "SELECT version() FORMAT TabSeparated";
    const answer = await firstAnswer(async (settings) => {
      const [line = ""] = (await execute(endpoint, sql, settings, patience)).split("\n");
      return line === "" ? undefined : line;
    });
    version = answer ?? "";
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

/** Those of the settings that this server has. */
export async function knownSettings(asked: Asked, names: readonly string[]): Promise<ReadonlySet<string>> {
  const rows = await asked.rows("SELECT name FROM system.settings WHERE has({names:Array(String)}, name)", {
    names: `[${names.map((name) => `'${name}'`).join(",")}]`,
  });
  return new Set(rows.map((row) => String(row.name)));
}

export interface Found {
  readonly engine: string;
  /** The engine with its arguments, keys and settings. */
  readonly clause: string;
  /** Columns whose values are reset when they are old. */
  readonly resets: readonly string[];
  readonly expires: boolean;
  /** The same for two endpoints that lead to the same table of the same server. */
  readonly identity: string;
  /** The same for all replicas of a table; undefined: it is not replicated, or this user may not know. */
  readonly replicated: string | undefined;
}

export async function placeOf(asked: Asked, { table: { database, table } }: TableOptions): Promise<Place> {
  return {
    database: database ?? String((await asked.rows("SELECT currentDatabase() AS name"))[0]?.name),
    table,
  };
}

export async function checkDatabase(asked: Asked, { database }: Place): Promise<void> {
  const databases = await asked.rows("SELECT name FROM system.databases WHERE name = {database:String}", { database });
  if (databases.length === 0) {
    throw new TargetError(`${asked.name} has no database ${database}, or this user may not see it`);
  }
}

/** The table; without --table it is created if missing. */
export async function findOrCreate(asked: Asked, place: Place, { tableGiven }: Options): Promise<Found> {
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

export async function find(asked: Asked, { database, table }: Place): Promise<Found | undefined> {
  const [row] = await asked.rows(
    "SELECT engine, toString(serverUUID()) AS server, toString(uuid) AS uuid, toString(data_paths) AS paths, " +
      "position(engine_full, ' TTL ') > 0 AS expires, engine_full, create_table_query " +
      "FROM system.tables WHERE database = {database:String} AND name = {table:String}",
    { database, table },
  );
  if (row === undefined) return undefined;
  const engine = String(row.engine);
  return {
    engine,
    clause: String(row.engine_full),
    resets: expiringColumns(String(row.create_table_query)),
    expires: Number(row.expires) === 1,
    identity: `${row.server} ${row.uuid} ${row.paths}`,
    replicated: isReplicated(engine) ? await replicaPath(asked, { database, table }) : undefined,
  };
}

/** Where the replicas of the table meet. */
async function replicaPath({ endpoint, patience }: Asked, { database, table }: Place): Promise<string | undefined> {
  const sql =
    "SELECT zookeeper_path AS path FROM system.replicas WHERE database = {database:String} AND table = {table:String}";
  const [row] = await query(endpoint, sql, { database, table }, patience).catch((error: unknown) => {
    if (error instanceof ServerError && error.code === ACCESS_DENIED) return [];
    throw error;
  });
  return row && String(row.path);
}

const CREATE_IT = "create it, or leave --table out and events is created";

/** That it is not there, and what is. */
export async function missingTable(asked: Asked, place: Place, instead = CREATE_IT): Promise<string> {
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
export async function describeTable(
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
