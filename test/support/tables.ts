// Tables filled by rules as a user writes them: rendered by the kernel, read by ClickHouse in one POST, asked in SQL.

import { readDocument, type Tree } from "../../src/config/document.js";
import { readRules } from "../../src/config/rules.js";
import type { Problem } from "../../src/config/shape.js";
import { rowsOf as rowsOfTable, type TableColumn } from "../../src/rows/column.js";
import type { Format } from "../../src/rows/program.js";
import type { Rules } from "../../src/rows/rule.js";
import { render } from "./rows.js";
import { clickhouse, newDatabase, rowsOf, serverUrl } from "./server.js";

/** The rules of a YAML text. Throws its problems. */
export function rulesOf(yaml: string): Rules {
  const { tree, problems: unreadable } = readDocument(yaml);
  if (unreadable.length > 0) throw new Error(unreadable.join("\n"));
  const top = (tree ?? new Map()) as ReadonlyMap<string, Tree>;
  const problems: Problem[] = [];
  const rules = readRules(top.get("columns"), top.get("together"), problems);
  if (problems.length > 0) throw new Error(problems.map(({ sentence }) => sentence).join("\n"));
  return rules;
}

/** By name: the type, or the type and the rule of its column, in YAML. */
export type Columns = Readonly<Record<string, string | readonly [type: string, rule: string]>>;

export interface Filling {
  readonly rows: number;
  readonly seed?: number;
  readonly format?: Format;
  /** The number of the first row in its run. */
  readonly firstRow?: number;
  /** In YAML: what stands below `together`. */
  readonly together?: string;
  /** Of the server, for CREATE TABLE and INSERT. */
  readonly settings?: Readonly<Record<string, string>>;
}

export class Table {
  constructor(readonly database: string) {}

  /** The rows of a question to table t. */
  async all<T = Record<string, number>>(sql: string): Promise<T[]> {
    return rowsOf<T>(sql, this.database);
  }

  /** The one row of a question to table t. */
  async one<T = Record<string, number>>(sql: string): Promise<T> {
    const rows = await this.all<T>(sql);
    const [row] = rows;
    if (row === undefined || rows.length > 1) throw new Error(`${rows.length} rows: ${sql}`);
    return row;
  }
}

async function post(path: Readonly<Record<string, string>>, body: string | Uint8Array): Promise<void> {
  const answer = await fetch(`${serverUrl()}/?${new URLSearchParams(path)}`, {
    method: "POST",
    body: body as Uint8Array<ArrayBuffer>,
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(text);
}

/** Rows a POST; so that no slot is huge. */
const PART = 50_000;

/**
 * A table t in a database of its own, filled; row i is the i-th in the column `row`, and at 2026-01-01 + i ms. Throws what
 * is wrong with rules or types.
 */
export async function fill(columns: Columns, filling: Filling): Promise<Table> {
  const { rows, firstRow = 0, together = "", settings = {}, format = "JSONEachRow", seed = 1 } = filling;
  const { database } = await newDatabase();
  const types = Object.entries(columns).map(([name, column]) => [
    name,
    typeof column === "string" ? column : column[0],
  ]);
  const ddl = [["row", "UInt64"], ...types].map(([name, type]) => `\`${name}\` ${type}`).join(", ");
  await post({ database, ...settings }, `CREATE TABLE t (${ddl}) ENGINE = MergeTree ORDER BY row`);
  const table = await rowsOf<{ name: string; type: string; default_kind: string }>(
    `SELECT name, type, default_kind FROM system.columns WHERE database = '${database}' ORDER BY position`,
  );
  const written = Object.entries(columns).flatMap(([name, column]) =>
    typeof column === "string" ? [] : [`  ${JSON.stringify(name)}: ${column[1]}\n`],
  );
  const yaml = `columns:\n  row: { sequence: {} }\n${written.join("")}${together === "" ? "" : `together:\n${together}`}`;
  const made = rowsOfTable(
    table.map(({ name, type, default_kind }): TableColumn => ({ name, type, defaultKind: default_kind })),
    rulesOf(yaml),
    "run",
  );
  const problems = [...made.ruleProblems, ...made.typeProblems];
  if (problems.length > 0) throw new Error(problems.join("\n"));
  const names = made.columns.map(({ name }) => `\`${name}\``).join(", ");
  const query = `INSERT INTO t (${names}) FORMAT ${format}`;
  for (let done = 0; done < rows; done += PART) {
    const part = { seed, format, firstRow: firstRow + done, rows: Math.min(PART, rows - done) };
    await post({ database, query, ...settings }, await render(made.columns, part));
  }
  if ((await clickhouse("SELECT count() FROM t", database)) !== String(rows)) throw new Error("rows are missing");
  return new Table(database);
}
