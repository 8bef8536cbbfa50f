// A column and the rule its values follow, apart from how they are written (program.ts). Pure.

import { parseType, type ValueType } from "./type.js";

/** Where a column's values come from. Every random one is a function of (seed, column, global row number). */
export type Rule =
  /** The row's time in the schedule. */
  | { readonly kind: "row-time" }
  /** The global row number of this run: 0, 1, 2 … */
  | { readonly kind: "row-number" }
  | { readonly kind: "constant"; readonly text: string }
  /** One of these texts, each as likely. */
  | { readonly kind: "choice"; readonly texts: readonly string[] }
  /** A fixed text and a random version 4 UUID. */
  | { readonly kind: "uuid"; readonly prefix: string }
  /** A whole number from `from` to `to`, each as likely; 0 <= from <= to < 2^32. */
  | { readonly kind: "integer"; readonly from: number; readonly to: number };

export interface Column {
  readonly name: string;
  /** As ClickHouse spells it. */
  readonly type: string;
  readonly rule: Rule;
}

/** The seed service's event and the two ledger columns, in the order of the table. */
export function eventColumns(runId: string): readonly Column[] {
  return [
    { name: "timestamp", type: "DateTime64(3)", rule: { kind: "row-time" } },
    { name: "user_id", type: "String", rule: { kind: "uuid", prefix: "user-" } },
    {
      name: "action",
      type: "LowCardinality(String)",
      rule: { kind: "choice", texts: ["login", "click", "purchase", "logout"] },
    },
    { name: "payload", type: "String", rule: { kind: "constant", text: "example-payload" } },
    { name: "run_id", type: "LowCardinality(String)", rule: { kind: "constant", text: runId } },
    { name: "seq", type: "UInt64", rule: { kind: "row-number" } },
  ];
}

/** How many of the first columns of {@link eventColumns} the seed service's own table has. */
export const SEED_COLUMNS = 4;

/** The kinds of value each rule can fill. */
const FILLS: Readonly<Record<Rule["kind"], readonly ValueType["kind"][]>> = {
  "row-time": ["DateTime64"],
  "row-number": ["UInt64"],
  constant: ["String"],
  choice: ["String"],
  uuid: ["String"],
  integer: ["UInt64"],
};

/** Whether a column of this type takes what the rule makes. */
export function fits(rule: Rule, type: string): boolean {
  const parsed = parseType(type);
  return parsed !== undefined && FILLS[rule.kind].includes(parsed.kind);
}
