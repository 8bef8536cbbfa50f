// The tables of examples/ with their rules, and columns of any table, for the benchmarks. Sends no rows.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { readConfig } from "../src/config.js";
import type { EmbeddedServer } from "../src/embedded/server.js";
import { RUN_FLAGS } from "../src/flags.js";
import { resolveRun } from "../src/options.js";
import { rowsOf, type TableColumn } from "../src/rows/column.js";
import type { Rules } from "../src/rows/rule.js";
import type { Column } from "../src/rows/value.js";
import { execute, query } from "../src/server.js";

const EXAMPLES = fileURLToPath(new URL("../../examples/", import.meta.url));
/** As long as the ids of runs are. */
const RUN_ID = "0123456789ab";

export function fitted(table: readonly TableColumn[], rules: Rules): readonly Column[] {
  const { columns, ruleProblems, typeProblems } = rowsOf(table, rules, RUN_ID);
  const [problem] = [...ruleProblems, ...typeProblems];
  if (problem !== undefined) throw new Error(problem);
  return columns;
}

/** An example's table, as the server describes it, and its rules. */
export async function example(server: EmbeddedServer, name: string, table: string): Promise<readonly Column[]> {
  const { endpoints } = resolveRun({ "clickhouse-url": server.url }, {});
  const [endpoint] = endpoints;
  if (endpoint === undefined) throw new RangeError("no endpoint");
  await execute(endpoint, readFileSync(`${EXAMPLES}${name}.sql`, "utf8"));
  const described = await query(
    endpoint,
    "SELECT name, type, default_kind AS defaultKind FROM system.columns WHERE database = 'default' AND table = {table:String} ORDER BY position",
    { table },
  );
  const { rules } = await readConfig(`${EXAMPLES}${name}.yaml`, RUN_FLAGS);
  return fitted(described as unknown as readonly TableColumn[], rules);
}
