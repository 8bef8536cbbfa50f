// Settings of a MergeTree table: its own, or else the server's for all. Asked in the pre-flight; changes nothing.

import { ACCESS_DENIED, type Asked, type Place } from "./asked.js";
import { query, ServerError } from "./server.js";

/** What system.tables has of it. */
export interface Engine {
  readonly engine: string;
  /** "MergeTree ORDER BY n SETTINGS index_granularity = 8192, async_insert = 1" */
  readonly engineFull: string;
}

/** "1000"; undefined: the server has no such setting; hidden: this user may not read what the server has for all tables. */
export type TableSetting = string | undefined | typeof HIDDEN;
export const HIDDEN = Symbol("hidden");

/** Replicated tables have settings and defaults of their own, and so have those in shared storage. */
export const isSetAsReplicated = ({ engine }: Pick<Engine, "engine">): boolean => /^(Replicated|Shared)/.test(engine);
/** Where the defaults are. */
export const defaultsOf = (table: Pick<Engine, "engine">): string =>
  `system.${isSetAsReplicated(table) ? "replicated_merge_tree_settings" : "merge_tree_settings"}`;

export async function tableSetting({ endpoint, patience }: Asked, table: Engine, name: string): Promise<TableSetting> {
  const own = new RegExp(`\\bSETTINGS .*\\b${name} = (\\w+)`, "s").exec(table.engineFull)?.[1];
  if (own !== undefined) return own;
  try {
    const sql = `SELECT value FROM ${defaultsOf(table)} WHERE name = {name:String}`;
    const [row] = await query(endpoint, sql, { name }, patience);
    return row && String(row.value);
  } catch (error) {
    // As a rule the right to read a table is no right to read this one.
    if (error instanceof ServerError && error.code === ACCESS_DENIED) return HIDDEN;
    throw error;
  }
}

/** Whether inserts go through the server's queue although async_insert=0 comes with them: the table's setting goes before theirs. */
export async function queuesInserts(asked: Asked, { database, table }: Place): Promise<boolean> {
  const [found] = await asked.rows(
    "SELECT engine, engine_full FROM system.tables WHERE database = {database:String} AND name = {table:String}",
    { database, table },
  );
  const engine = String(found?.engine ?? "");
  if (!engine.endsWith("MergeTree")) return false;
  const value = await tableSetting(asked, { engine, engineFull: String(found?.engine_full) }, "async_insert");
  return value === "1" || value === "true";
}
