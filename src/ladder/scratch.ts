// The scratch database of a ladder, or of a search for the highest rate: its copies of the table, made, settled and dropped. Asks and
// tells the server; writes nothing outside that database. Called by ladder.ts and max/copy.ts.

import { setTimeout as sleep } from "node:timers/promises";
import { ACCESS_DENIED, fullName, type Place, TargetError, tableIdentifier, VIEWS } from "../asked.js";
import type { Endpoint } from "../endpoint.js";
import { type Facts, since } from "../facts.js";
import { countOf, execute, type Patience, query, quoteIdentifier, ServerError } from "../server.js";
import { count } from "../text.js";
import { copyEngine, NULL_COPY } from "./engine.js";
import { ViewCopies } from "./views.js";

/** Whose it is. */
export type Purpose = "ladder" | "max";

const prefixOf = (purpose: Purpose): string => `clickstorm_${purpose}_`;
const COPIES: Readonly<Record<Purpose, string>> = { ladder: "the copies of a ladder", max: "a copy for --scratch" };
const WHO: Readonly<Record<Purpose, string>> = { ladder: "the ladder", max: "--scratch" };
/** Where both last rungs write. */
export const COPY = { null: "into_null", table: "into_table" } as const;

const SETTLE_MS = 5000;
const POLL_MS = 100;
/** Dropping waits for merges to end and for files to go. */
const DROP_PATIENCE: Patience = { timeoutMs: 120_000 };

const EXISTS = 82;

/** What is copied. */
export interface Source {
  readonly place: Place;
  /** The copy's ENGINE clause. */
  readonly clause: string;
  /** What a copy does without, in sentences. */
  readonly notes: readonly string[];
}

/** The table that `place` names, as its copies are to be; undefined where there is none. Throws a TargetError. */
export async function askSource(
  endpoint: Endpoint,
  { database, table }: { readonly database: string | undefined; readonly table: string },
  purpose: Purpose,
  patience: Patience,
): Promise<Source | undefined> {
  const [row] = await query(
    endpoint,
    "SELECT database, engine, engine_full FROM system.tables " +
      `WHERE database = ${database === undefined ? "currentDatabase()" : "{database:String}"} AND name = {table:String}`,
    { table, ...(database !== undefined && { database }) },
    patience,
  );
  if (row === undefined) return undefined;
  const place: Place = { database: String(row.database), table };
  const engine = String(row.engine);
  if (VIEWS.has(engine)) {
    throw new TargetError(
      `${fullName(place)} is a view (${engine}): ${WHO[purpose]} copies tables; give one that rows go into`,
    );
  }
  const isNull = engine === "Null" && purpose === "max";
  const copy = isNull ? NULL_COPY : copyEngine(engine, String(row.engine_full), WHO[purpose]);
  if (copy.kind === "refused") throw new TargetError(`${fullName(place)} ${copy.why}`);
  return { place, clause: copy.clause, notes: copy.note === undefined ? [] : [copy.note] };
}

/** Databases of others that were killed, or that are under way. */
export async function leftovers(endpoint: Endpoint, purpose: Purpose, patience: Patience): Promise<readonly string[]> {
  const rows = await query(
    endpoint,
    "SELECT name FROM system.databases WHERE startsWith(name, {prefix:String}) ORDER BY name",
    { prefix: prefixOf(purpose) },
    patience,
  );
  return rows.map(({ name }) => String(name));
}

export function dropStatement(database: string): string {
  return `DROP DATABASE ${quoteIdentifier(database)}`;
}

/** The database and the tables in it. */
const RIGHTS = "CREATE DATABASE, CREATE TABLE, INSERT, SELECT, DROP DATABASE, DROP TABLE";

/** The statements that let a user make the copies, as a sentence; each lacks only the user's name. */
export function grants({ purpose, runId, engine, facts }: Making): string {
  const null_ = purpose === "ladder" ? "TABLE ENGINE ON Null, " : "";
  const engines = `where the server asks for it, GRANT ${null_}TABLE ENGINE ON ${engine}`;
  if (facts.holds("wildcardGrants")) return `GRANT ${RIGHTS} ON ${prefixOf(purpose)}*.*; and, ${engines}`;
  const database = quoteIdentifier(`${prefixOf(purpose)}${runId}`);
  return (
    `GRANT ${RIGHTS} ON ${database}.*, then --run-id ${runId} (before ${since("wildcardGrants")} there are no grants by the beginning ` +
    `of a name: ON *.* for any run id); and, ${engines}`
  );
}

/** Whose copies they are, and what the server can do. */
export interface Making {
  readonly purpose: Purpose;
  readonly runId: string;
  /** Of the copy of the table. */
  readonly engine: string;
  readonly facts: Facts;
}

export class Scratch {
  readonly database: string;
  readonly #endpoint: Endpoint;
  /** Settings under which the server creates columns of any type again that it already has. */
  #settings: Readonly<Record<string, string>> = {};

  readonly #making: Making;
  /** Tables of its own that were copied, or made: they have their names. */
  readonly #names = new Set<string>();
  /** Views and what they write to, as they can be dropped. */
  #hanging: readonly Place[] = [];

  private constructor(endpoint: Endpoint, making: Making) {
    this.#endpoint = endpoint;
    this.#making = making;
    this.database = `${prefixOf(making.purpose)}${making.runId}`;
  }

  /** Throws a TargetError where the server does not make one. */
  static async create(endpoint: Endpoint, making: Making): Promise<Scratch> {
    const scratch = new Scratch(endpoint, making);
    await scratch.#tell(`CREATE DATABASE ${quoteIdentifier(scratch.database)}`).catch(async (error: unknown) => {
      // No answer: it may be there all the same.
      if (!(error instanceof TargetError)) await scratch.drop().catch(() => undefined);
      throw error;
    });
    const allowed = await query(
      endpoint,
      "SELECT name FROM system.settings WHERE type = 'Bool' AND value = '0' AND readonly = 0 " +
        "AND (startsWith(name, 'allow_suspicious_') OR match(name, '^(allow_experimental|enable)_.*_type$'))",
    ).catch(() => []);
    scratch.#settings = Object.fromEntries(allowed.map(({ name }) => [String(name), "1"]));
    return scratch;
  }

  /** A table of the source's columns, if it is not there yet. */
  async copy(table: string, source: Place, clause: string): Promise<void> {
    const place = { database: this.database, table };
    this.#names.add(table);
    await this.#tell(
      `CREATE TABLE IF NOT EXISTS ${tableIdentifier(place)} AS ${tableIdentifier(source)} ENGINE = ${clause}`,
    );
  }

  /** The materialized views of the source, of that copy of it. What was copied, and what was not, in sentences. */
  async copyViews(table: string, source: Place): Promise<readonly string[]> {
    const copies = new ViewCopies(this.#endpoint, this.database, new Set(this.#names), (sql) => this.#tell(sql));
    const { made, views, notes } = await copies.copy(source, { database: this.database, table });
    this.#hanging = made;
    this.views = views;
    return views === 0
      ? notes
      : [`${count(views, "materialized view")} copied with it, and what they write to`, ...notes];
  }

  /** How many materialized views of the source there are copies of. */
  views = 0;

  /** Drops the copies, and waits, for some seconds at most, until nothing is merged here any more. */
  async clear(): Promise<void> {
    const copies = Object.values(COPY).map((table) => ({ database: this.database, table }));
    for (const place of [...this.#hanging, ...copies]) {
      await this.#tell(`DROP TABLE IF EXISTS ${tableIdentifier(place)} SYNC`, DROP_PATIENCE);
    }
    this.#hanging = [];
    await this.#settle();
  }

  async #settle(): Promise<void> {
    const deadlineMs = performance.now() + SETTLE_MS;
    while (performance.now() < deadlineMs && (await this.#merges()) > 0) await sleep(POLL_MS);
  }

  /** Users who may not see merges do not wait for them. */
  async #merges(): Promise<number> {
    const sql = "SELECT count() AS merges FROM system.merges WHERE database = {database:String}";
    const rows = await query(this.#endpoint, sql, { database: this.database }).catch(() => []);
    return rows.length === 0 ? 0 : countOf(rows[0], "merges");
  }

  /** With all that is in it. Throws a ServerError. */
  async drop(): Promise<void> {
    await execute(this.#endpoint, `DROP DATABASE IF EXISTS ${quoteIdentifier(this.database)} SYNC`, {}, DROP_PATIENCE);
  }

  /** Drops it. Why it is left, if so. */
  async dropped(): Promise<string | undefined> {
    try {
      await this.drop();
      return undefined;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return `the scratch database is left (${why}): ${dropStatement(this.database)}`;
    }
  }

  async #tell(sql: string, patience?: Patience): Promise<void> {
    await execute(this.#endpoint, sql, this.#settings, patience).catch((error: unknown) => {
      if (!(error instanceof ServerError) || typeof error.code !== "number") throw error;
      throw new TargetError(this.#refusal(error));
    });
  }

  #refusal({ code, message }: ServerError): string {
    const copies = COPIES[this.#making.purpose];
    if (code === ACCESS_DENIED) return `this user may not make ${copies}: ${message}; ${grants(this.#making)}`;
    if (code === EXISTS) {
      return `${this.database} is there already: choose another --run-id, or ${dropStatement(this.database)}`;
    }
    return `the server does not make ${copies}: ${message}`;
  }
}
