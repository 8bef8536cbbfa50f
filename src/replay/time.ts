// The column of --replay-time: looked for in the table, and how its times are written. Pure. Called by target.ts.

import { rowsOf, type TableColumn } from "../rows/column.js";
import type { TimeSpan } from "../rows/fit.js";
import { NO_RULES } from "../rows/rule.js";
import { type SentColumn, sentColumnsOf, timeType, unitNs } from "../rows/sent-times.js";
import { nearest } from "../text.js";
import type { TimeColumn } from "./replayer.js";

/** Seconds with a fraction, in quotes, are read alike by all versions (24.5 to 26.9 tried) where they have nine or ten digits. */
const EARLIEST_NS = 100_000_000_000_000_000n;

const isServerFilled = ({ defaultKind }: TableColumn): boolean =>
  defaultKind === "MATERIALIZED" || defaultKind === "ALIAS";

/** The column, and what is to be found in it. */
export interface Retimed {
  readonly column: TimeColumn;
  readonly sent: readonly SentColumn[];
}

/** Sentences where the table has no such column, or one that cannot hold the times of the rows. */
export function timeColumnOf(
  table: readonly TableColumn[],
  name: string,
  times: TimeSpan,
): Retimed | { readonly problems: readonly string[] } {
  const refuse = (sentence: string) => ({ problems: [`--replay-time: ${sentence}`] });
  const column = table.find((one) => one.name === name);
  if (column === undefined) {
    const near = nearest(
      name,
      table.map((one) => one.name),
    );
    const holders = table
      .filter((one) => !isServerFilled(one) && timeType(one.type) !== undefined)
      .map((one) => one.name);
    const advice = near !== undefined ? `: did you mean ${near}?` : holders.length > 0 ? `: it has ${holders}` : "";
    return refuse(`the table has no column ${name}${advice}`);
  }
  if (isServerFilled(column)) {
    return refuse(`column ${name} is ${column.defaultKind}: the server fills it`);
  }
  const bare = timeType(column.type);
  if (bare === undefined) {
    return refuse(`column ${name} must be a Date, Date32, DateTime or DateTime64, but is ${column.type}`);
  }
  if (bare.type.kind === "DateTime" && bare.type.precision > 0 && times.fromNs < EARLIEST_NS) {
    return refuse(
      `rows before 1973-03-03T09:46:40Z have times that not every ClickHouse reads the same in column ${name} (${bare.text}): see --data-start`,
    );
  }
  // As a generated row's time would have to fit.
  const { columns, ruleProblems } = rowsOf([{ name, type: bare.text, defaultKind: "" }], NO_RULES, "", times);
  if (ruleProblems.length > 0) return { problems: ruleProblems.map((problem) => `--replay-time: ${problem}`) };
  return { column: { name, tickNs: unitNs(bare.type) }, sent: sentColumnsOf(columns) };
}
