// What there is to learn of a column: its type as a tree whose leaves are values to be asked about in SQL. Pure. Called by
// learn.ts; what is asked of a leaf is questions.ts, what follows from the answers findings.ts.

import type { TableColumn } from "../rows/column.js";
import { parseType, type Type, UnknownTypeError } from "../rows/type.js";
import { quoteIdentifier } from "../server.js";

/** ordered: numbers, dates, times, IPv4; set: Bool and Enum; id: UUID and IPv6, whose values are of no interest. */
export type LeafKind = "ordered" | "text" | "set" | "id";

export interface Leaf {
  readonly kind: "leaf";
  readonly of: LeafKind;
  /** Without Nullable and LowCardinality. */
  readonly type: Type;
  readonly nullable: boolean;
  /** What the column holds, or what arrays hold: a value a row, or an array of values a row. */
  readonly sql: string;
  readonly inArray: boolean;
}

export type Node =
  | Leaf
  | { readonly kind: "array"; readonly length: Leaf; readonly item: Node }
  | { readonly kind: "map"; readonly length: Leaf; readonly key: Node; readonly value: Node }
  | { readonly kind: "fields"; readonly fields: readonly (readonly [name: string, node: Node])[] }
  /** Left to the type's default. */
  | { readonly kind: "default"; readonly why: string };

export type ColumnPlan =
  | { readonly kind: "learn"; readonly column: TableColumn; readonly type: Type; readonly node: Node }
  /** No rule; `why` stands in a comment. */
  | { readonly kind: "leave"; readonly column: TableColumn; readonly why: string }
  | { readonly kind: "omit"; readonly column: TableColumn; readonly why: string };

/** So many elements of an array are looked at, from its first on. */
export const MOST_ELEMENTS = 64;

export function plansOf(table: readonly TableColumn[]): readonly ColumnPlan[] {
  const ledger = hasLedger(table);
  return table.map((column): ColumnPlan => {
    const { name, type: text, defaultKind } = column;
    if (defaultKind === "MATERIALIZED" || defaultKind === "ALIAS")
      return { kind: "leave", column, why: `${defaultKind}: the server fills it` };
    if (defaultKind === "EPHEMERAL")
      return { kind: "leave", column, why: "EPHEMERAL: not stored, so nothing is known" };
    if (ledger && (name === "run_id" || name === "seq")) {
      return { kind: "leave", column, why: "the ledger's: the run and the number of the row" };
    }
    try {
      const type = parseType(text);
      return {
        kind: "learn",
        column,
        type,
        node: nodeOf(type, { sql: quoteIdentifier(name), inArray: false, isColumn: true }),
      };
    } catch (error) {
      if (!(error instanceof UnknownTypeError)) throw error;
      return { kind: "omit", column, why: error.message };
    }
  });
}

/** run_id and seq are the ledger's where both have its types. */
function hasLedger(table: readonly TableColumn[]): boolean {
  const typeOf = (name: string) => table.find((column) => column.name === name)?.type ?? "";
  return /^(LowCardinality\()?(Nullable\()?String\)*$/.test(typeOf("run_id")) && typeOf("seq") === "UInt64";
}

interface Expression {
  readonly sql: string;
  readonly inArray: boolean;
  /** An identifier, which may have paths behind it. */
  readonly isColumn?: boolean;
}

function nodeOf(type: Type, from: Expression, nullable = false): Node {
  const leaf = (of: LeafKind): Leaf => ({ kind: "leaf", of, type, nullable, sql: from.sql, inArray: from.inArray });
  switch (type.kind) {
    case "Nullable":
      return isLeaf(type.of)
        ? nodeOf(type.of, from, true)
        : { kind: "default", why: `Nullable(${type.of.kind}) is not learned` };
    case "LowCardinality":
      return nodeOf(type.of, from, nullable);
    case "Array":
      return arrayNode(type.of, from);
    case "Map": {
      if (from.inArray) return { kind: "default", why: "maps inside arrays are not learned" };
      const part = (name: string): Expression => ({
        sql: `arraySlice(${name}(${from.sql}), 1, ${MOST_ELEMENTS})`,
        inArray: true,
      });
      return {
        kind: "map",
        length: lengthOf(from),
        key: nodeOf(type.key, part("mapKeys")),
        value: type.value.kind === "Array" ? NOT_DEEPER : nodeOf(type.value, part("mapValues")),
      };
    }
    case "Tuple":
      return {
        kind: "fields",
        fields: type.elements.map(({ name, type: inner }, index) => {
          const sql = mapped(from, (x) => `tupleElement(${x}, ${index + 1})`);
          const node =
            from.inArray && inner.kind === "Array" ? NOT_DEEPER : nodeOf(inner, { inArray: from.inArray, sql });
          return [name ?? String(index + 1), node];
        }),
      };
    case "JSON":
      if (type.paths.length === 0) return { kind: "default", why: "JSON without declared paths is not learned" };
      if (from.isColumn !== true) return { kind: "default", why: "JSON inside other types is not learned" };
      return {
        kind: "fields",
        fields: type.paths.map(({ path, type: inner }) => {
          const steps = path.split(".").map(quoteIdentifier);
          return [path, nodeOf(inner, { sql: [from.sql, ...steps].join("."), inArray: false })];
        }),
      };
    case "Point":
    case "QBit":
    case "Variant":
    case "Dynamic":
      return { kind: "default", why: `${type.kind} is not learned` };
    case "String":
    case "FixedString":
      return leaf("text");
    case "Bool":
    case "Enum":
      return leaf("set");
    case "UUID":
    case "IPv6":
      return leaf("id");
    default:
      return leaf("ordered");
  }
}

const NOT_DEEPER: Node = { kind: "default", why: "arrays this deep are not learned" };

function arrayNode(of: Type, from: Expression): Node {
  if (from.inArray && of.kind === "Array") return NOT_DEEPER;
  if (of.kind === "Point")
    return { kind: "array", length: lengthOf(from), item: { kind: "default", why: "Point is not learned" } };
  const items = from.inArray ? `arrayFlatten(${from.sql})` : from.sql;
  const sql = `arraySlice(${items}, 1, ${MOST_ELEMENTS})`;
  return { kind: "array", length: lengthOf(from), item: nodeOf(of, { sql, inArray: true }) };
}

const LENGTH: Type = { kind: "Int", bits: 64, signed: false };

function lengthOf(from: Expression): Leaf {
  const sql = mapped(from, (x) => `length(${x})`);
  return { kind: "leaf", of: "ordered", type: LENGTH, nullable: false, sql, inArray: from.inArray };
}

/** A function of the value, or of each element. */
export function mapped({ sql, inArray }: Expression, of: (x: string) => string): string {
  return inArray ? `arrayMap(x -> ${of("x")}, ${sql})` : of(sql);
}

function isLeaf(type: Type): boolean {
  return !["Array", "Map", "Tuple", "JSON", "Point", "QBit", "Variant", "Dynamic"].includes(type.kind);
}

/** All leaves, the lengths among them. */
export function leavesOf(node: Node): readonly Leaf[] {
  switch (node.kind) {
    case "leaf":
      return [node];
    case "array":
      return [node.length, ...leavesOf(node.item)];
    case "map":
      return [node.length, ...leavesOf(node.key), ...leavesOf(node.value)];
    case "fields":
      return node.fields.flatMap(([, inner]) => leavesOf(inner));
    case "default":
      return [];
  }
}
