// Whether rows that go into a table can be counted there by this user: what its engine makes of them, what the tables behind
// it do, and whether a row policy hides some. Asked in the pre-flight; the ledger asks about policies again, since a table
// without rows does not tell. Main thread; changes nothing.

import { type Asked, fullName, type Place, tableIdentifier } from "./asked.js";
import type { Endpoint } from "./endpoint.js";
import { type Behind, behindOf, whyNotKept } from "./engines.js";
import { execute, type Patience, query, ServerError } from "./server.js";

interface Engine {
  readonly engine: string;
  /** engine_full of system.tables. */
  readonly clause: string;
}

/** A Buffer before a Distributed table before a Buffer is enough. */
const DEEPEST = 4;

/** Why rows that went in do not stay one by one, as a sentence; undefined: they do. */
export async function whyRowsGo(
  asked: Asked,
  place: Place,
  { engine, clause }: Engine,
  depth = 0,
): Promise<string | undefined> {
  const own = whyNotKept(engine, clause);
  const behind = behindOf(engine, clause);
  if (own !== undefined || behind === undefined) return own;
  if (behind.table === "") return `a table of engine ${engine} with no table behind it keeps no rows`;
  const next = { database: behind.database || place.database, table: behind.table };
  const found = depth < DEEPEST ? await enginesOf(asked, behind, next) : [];
  if (found.length === 0)
    return `the table ${fullName(next)} behind it cannot be looked at, which may not keep every row`;
  for (const one of found) {
    const why = await whyRowsGo(asked, next, one, depth + 1);
    if (why !== undefined) return `the table ${fullName(next)} is behind it: ${why}`;
  }
  return undefined;
}

/** On every shard, where this user may ask there; else on this server. None: nobody says. */
async function enginesOf({ endpoint, patience }: Asked, { cluster }: Behind, place: Place): Promise<readonly Engine[]> {
  const ask = async (from: string): Promise<readonly Engine[]> => {
    const sql =
      `SELECT engine, any(engine_full) AS clause FROM ${from} ` +
      "WHERE database = {database:String} AND name = {table:String} GROUP BY engine";
    const rows = await query(endpoint, sql, { ...place }, patience).catch((error: unknown) => {
      if (error instanceof ServerError && typeof error.code === "number") return [];
      throw error;
    });
    return rows.map((row) => ({ engine: String(row.engine), clause: String(row.clause) }));
  };
  const everywhere = cluster === undefined ? [] : await ask(`cluster(${quoteText(cluster)}, system.tables)`);
  return everywhere.length > 0 ? everywhere : ask("system.tables");
}

const quoteText = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;

/** As plans of 21.8 to 26.9 have it, some with lines drawn before it. */
const FILTER = /^[\s│├└─]*(filter|need filter|prewhere|row.level filter)\b/im;

/**
 * Why rows are not seen: who may not see policies sees the plan of his question, in which each filter stands. Undefined: none
 * are hidden, or the table has no part yet, of which there is no plan, or nobody says. Throws a ServerError where nobody answers.
 *
 * @param columns that are read, as SQL
 */
export async function whyHidden(
  endpoint: Endpoint,
  place: Place,
  columns: string,
  patience: Patience,
): Promise<string | undefined> {
  const sql = `EXPLAIN actions = 1 SELECT ${columns} FROM ${tableIdentifier(place)} FORMAT TabSeparatedRaw`;
  const plan = await execute(endpoint, sql, {}, patience).catch((error: unknown) => {
    if (error instanceof ServerError && typeof error.code === "number") return "";
    throw error;
  });
  return FILTER.test(plan) ? "a row policy hides rows of the table from this user" : undefined;
}
