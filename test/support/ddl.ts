// Tables of any columns, and rows in them as the program puts them there: what its pre-flight asks, what its renderer
// writes, one HTTP insert with its parameters. The table is made and read by a path of its own, as in server.ts.

import { rowsOf as describedRows, type TableColumn } from "../../src/rows/column.js";
import { type Format, formatSettings } from "../../src/rows/program.js";
import type { Together } from "../../src/rows/rule.js";
import type { RowTimes } from "../../src/schedule.js";
import { type BareRule, type Rendering, render, rules } from "./rows.js";
import { rowsOf, serverUrl } from "./server.js";

/** What a server wants to be told before it creates columns of some of its types. */
export const CREATE_SETTINGS: Readonly<Record<string, string>> = {
  allow_suspicious_low_cardinality_types: "1",
  allow_suspicious_variant_types: "1",
  allow_experimental_qbit_type: "1",
  enable_nullable_tuple_type: "1",
  enable_time_time64_type: "1",
};

/** A row an hour and a bit, so that 3000 rows have 125 days and no two times end alike. */
export const HOURLY: RowTimes = { ns: 0n, fraction: 0n, stepNs: 3_600_123_456_789n, stepFraction: 0n, denominator: 1n };

/** Any name, as SQL has it. */
export function identifier(name: string): string {
  return `\`${name.replaceAll("\\", "\\\\").replaceAll("`", "\\`")}\``;
}

/** Any text, as SQL has it. */
export function sqlText(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}

/** Runs SQL that a setting has to allow; throws what the server says. */
export async function execute(sql: string, parameters: Readonly<Record<string, string>>, body?: Buffer): Promise<void> {
  const query = new URLSearchParams(body === undefined ? parameters : { ...parameters, query: sql });
  const response = await fetch(`${serverUrl()}/?${query}`, { method: "POST", body: body ?? sql });
  const text = await response.text();
  if (!response.ok || text !== "") throw new Error(text.trim());
}

/** `columns` and what follows the engine's name, in SQL; throws what the server says. */
export async function createTable(
  database: string,
  table: string,
  columns: string,
  { after = "ORDER BY tuple()", settings = {} }: { after?: string; settings?: Readonly<Record<string, string>> } = {},
): Promise<void> {
  const sql = `CREATE TABLE ${identifier(table)} (${columns}) ENGINE = MergeTree ${after}`;
  await execute(sql, { database, ...CREATE_SETTINGS, ...settings });
}

export interface Load extends Omit<Rendering, "format"> {
  readonly format: Format;
  readonly rules?: Readonly<Record<string, BareRule>>;
  readonly together?: readonly Together[];
}

/** Inserts rows made for the table as the server describes it; throws what is wrong with a column or an insert. */
export async function load(
  database: string,
  table: string,
  { rules: bare = {}, together = [], ...rendering }: Load,
): Promise<void> {
  const described = await rowsOf<TableColumn>(
    `SELECT name, type, default_kind AS defaultKind FROM system.columns
      WHERE database = ${sqlText(database)} AND table = ${sqlText(table)} ORDER BY position`,
  );
  const { columns, ruleProblems, typeProblems } = describedRows(described, rules(bare, together), "run");
  if (ruleProblems.length + typeProblems.length > 0) throw new Error([...ruleProblems, ...typeProblems].join("\n"));
  const names = columns.map(({ name }) => identifier(name)).join(", ");
  const sql = `INSERT INTO ${identifier(table)} (${names}) FORMAT ${rendering.format}`;
  const body = await render(columns, rendering);
  const known = await rowsOf<{ name: string }>("SELECT name FROM system.settings");
  const settings = Object.fromEntries(
    Object.entries(formatSettings(columns, rendering.format)).filter(([name]) =>
      known.some((one) => one.name === name),
    ),
  );
  await execute(sql, { database, wait_end_of_query: "1", async_insert: "0", ...settings }, body);
}
