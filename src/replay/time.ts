// The column of --replay-time: looked for in the table, and how its times are written. Pure. Called by target.ts.

import { rowsOf, type TableColumn } from "../rows/column.js";
import type { TimeSpan } from "../rows/fit.js";
import { NO_RULES } from "../rows/rule.js";
import { parseType, type Type, UnknownTypeError } from "../rows/type.js";
import { nearest } from "../text.js";
import type { TimeColumn } from "./replayer.js";

const DAY_NS = 86_400_000_000_000n;

const isServerFilled = ({ defaultKind }: TableColumn): boolean =>
  defaultKind === "MATERIALIZED" || defaultKind === "ALIAS";

/** Sentences where the table has no such column, or one that cannot hold the times of the rows. */
export function timeColumnOf(
  table: readonly TableColumn[],
  name: string,
  times: TimeSpan,
): TimeColumn | { readonly problems: readonly string[] } {
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
  // As a generated row's time would have to fit.
  const { ruleProblems } = rowsOf([{ name, type: bare.text, defaultKind: "" }], NO_RULES, "", times);
  if (ruleProblems.length > 0) return { problems: ruleProblems.map((problem) => `--replay-time: ${problem}`) };
  return { name, tickNs: bare.type.kind === "Date" ? DAY_NS : 10n ** BigInt(9 - bare.type.precision) };
}

/** The type without Nullable and LowCardinality; undefined where it holds no date or time. */
function timeType(
  text: string,
): { readonly text: string; readonly type: Extract<Type, { kind: "Date" | "DateTime" }> } | undefined {
  const inner = /^(?:Nullable|LowCardinality)\((.*)\)$/s.exec(text)?.[1];
  if (inner !== undefined) return timeType(inner);
  try {
    const type = parseType(text);
    return type.kind === "Date" || type.kind === "DateTime" ? { text, type } : undefined;
  } catch (error) {
    if (error instanceof UnknownTypeError) return undefined;
    throw error;
  }
}
