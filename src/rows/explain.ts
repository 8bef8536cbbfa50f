// What the values of each column are, in the words of the config file: from the Value trees (value.ts), which hold what the
// types and the rules came to. Pure. Called by sample.ts, for people; nothing is rendered from it.
//
//   tags     Array(String)   length uniform 0 to 4        a line for each part that has numbers of its own
//   tags[]   String          pattern {words 2..6}

import { count, percent, timespan } from "../text.js";
import { highest, lowest } from "./cells.js";
import type { TableColumn } from "./column.js";
import { DYNAMIC_TYPES } from "./defaults.js";
import { jsonOf } from "./json.js";
import { spell } from "./spelling.js";
import { parseType, type Type } from "./type.js";
import { showDecimal, showUnits } from "./units.js";
import { boundsOf, type Column, type Draw, type Literal, type Part, type Value } from "./value.js";

export interface Explanation {
  /** user_id, tags[] (an element), attributes.keys, doc.user.age, v|1 (the first kind of a Variant). */
  readonly path: string;
  /** As ClickHouse spells it; empty where it is not known. */
  readonly type: string;
  readonly rule: string;
}

/** Of so many options the first few are told. */
const MOST_OPTIONS = 8;
const TOLD_OPTIONS = 6;
const MOST_CHARACTERS = 60;
const MOST_PATTERN_CHARACTERS = 300;
const KEYS_DIFFER = ", none twice in a map";

/** `table`: also its columns that no insert names, in the order of the table. */
export function explain(columns: readonly Column[], table: readonly TableColumn[] = []): readonly Explanation[] {
  const inTable = new Set(table.map(({ name }) => name));
  const all: readonly (TableColumn | Column)[] = [
    ...table.map((column) => columns.find(({ name }) => name === column.name) ?? column),
    ...columns.filter(({ name }) => !inTable.has(name)),
  ];
  return all.flatMap((column): readonly Explanation[] => {
    const { name, type } = column;
    if (!("value" in column)) return [{ path: name, type, rule: absence(column) }];
    if (column.same !== undefined) return [{ path: name, type, rule: `same as ${column.same}` }];
    const own = columnsTogether(column, columns);
    const after = own.length === 0 ? [] : [`chosen together with ${own.join(", ")}`];
    return leaves({ path: name, type: typeOf(type), text: type, value: column.value, before: [], after });
  });
}

function absence({ defaultKind }: TableColumn): string {
  return defaultKind === "MATERIALIZED" || defaultKind === "ALIAS" ? `left to the server (${defaultKind})` : "left out";
}

/** The other columns of its `together`, which draw from one stream. */
function columnsTogether({ name, value }: Column, columns: readonly Column[]): readonly string[] {
  if (value.kind !== "choice" || !value.stream.startsWith("together ")) return [];
  const { stream } = value;
  return columns
    .filter(
      (other) =>
        other.name !== name &&
        other.same === undefined &&
        other.value.kind === "choice" &&
        other.value.stream === stream,
    )
    .map((other) => other.name);
}

/** Undefined for a type that is not understood, whose column was left out, or has a value of its own anyway. */
function typeOf(text: string): Type | undefined {
  try {
    return parseType(text);
  } catch {
    return undefined;
  }
}

interface Node {
  readonly path: string;
  readonly type: Type | undefined;
  readonly text: string;
  readonly value: Value;
  /** What is said of the value as a whole, around its rule. */
  readonly before: readonly string[];
  readonly after: readonly string[];
}

function leaves(node: Node): readonly Explanation[] {
  const { path, text, value, before, after } = node;
  const type = bare(node.type);
  const line = (rule: string | undefined): Explanation[] => {
    const parts = [...before, ...(rule === undefined ? [] : [rule]), ...after];
    return parts.length === 0 ? [] : [{ path, type: text, rule: parts.join(", ") }];
  };
  const below = (step: string, of: Type | undefined, inner: Value): readonly Explanation[] =>
    leaves({
      path: `${path}${step}`,
      type: of,
      text: of === undefined ? "" : spell(of),
      value: inner,
      before: [],
      after: [],
    });

  switch (value.kind) {
    case "nullable":
      return leaves({ ...node, value: value.value, after: [`${percent(value.ratio)} NULL`, ...after] });
    case "keyed":
      return leaves({ ...node, value: value.value, before: [...before, setText(value.draw, value.stream)] });
    case "array": {
      const item = type?.kind === "Array" || type?.kind === "QBit" ? type.of : undefined;
      return [...line(lengthText(value.length)), ...below("[]", item, value.item)];
    }
    case "map": {
      const { key, value: inner } = type?.kind === "Map" ? type : {};
      return [
        ...line(lengthText(value.length)),
        ...below(".keys", key, value.key),
        ...below(".values", inner, value.value),
      ];
    }
    case "entries": {
      const of = type?.kind === "Map" ? type : undefined;
      const inner = value.entries.flatMap(([key, one]) => below(`.${literalText(key, of?.key)}`, of?.value, one));
      return [...line(inner.length === 0 ? "empty" : undefined), ...inner];
    }
    case "tuple": {
      const inner = value.elements.flatMap((one, index) => below(`.${index + 1}`, elementType(type, index), one));
      return [...line(inner.length === 0 ? "empty" : undefined), ...inner];
    }
    case "named-tuple": {
      const inner = value.elements.flatMap(([name, one], index) => below(`.${name}`, elementType(type, index), one));
      return [...line(inner.length === 0 ? "empty" : undefined), ...inner];
    }
    case "object": {
      const inner = value.paths.flatMap(([steps, one], index) => below(`.${steps.join(".")}`, value.types[index], one));
      return [...line(inner.length === 0 ? "empty" : undefined), ...inner];
    }
    case "variant": {
      const types = type?.kind === "Variant" ? type.of : DYNAMIC_TYPES;
      return [
        ...line(`one of ${value.alternatives.length} types`),
        ...value.alternatives.flatMap((one, index) => below(`|${index + 1}`, types[index], one)),
      ];
    }
    default:
      return line(ruleText(value, type));
  }
}

/** Of a value without parts. */
function ruleText(
  value: Exclude<
    Value,
    {
      readonly kind:
        | "nullable"
        | "keyed"
        | "array"
        | "map"
        | "entries"
        | "tuple"
        | "named-tuple"
        | "object"
        | "variant";
    }
  >,
  type: Type | undefined,
): string {
  switch (value.kind) {
    case "constant":
      return `constant ${value.literal.kind === "text" ? cut(JSON.stringify(value.literal.text)) : literalText(value.literal, type)}`;
    case "choice":
      return choiceText(value.options, value.draw, type);
    case "number":
      return `${drawText(value.draw, (units) => unitsText(type, value.decimals, units))}${value.rounded ? `, ${count(value.decimals, "decimal")}` : ""}`;
    case "digits":
      return `up to ${value.digits} random digits`;
    case "date":
      return drawText(value.draw, (units) => showUnits({ kind: "Date", bits: 32 }, 0, units));
    case "text":
      return `pattern ${patternText(value.parts)}`;
    case "uuid":
      return "random UUID";
    case "ipv4":
      return drawText(value.draw, (units) => showUnits({ kind: "IPv4" }, 0, units));
    case "ipv6":
      return "random address in 2001:db8::/32";
  }
}

function drawText(draw: Draw, show: (units: bigint) => string): string {
  const { lowest: least, highest: most } = boundsOf(draw);
  switch (draw.kind) {
    case "uniform":
      return `uniform ${show(least)} to ${show(most)}`;
    case "spread":
      return `each another of ${show(least)} to ${show(most)}`;
    case "shuffled":
      return `${show(least)} to ${show(most)}${KEYS_DIFFER}`;
    case "cells": {
      if (draw.law !== undefined) return draw.law;
      if (draw.cells.some(({ count }) => count !== 1n))
        return `${show(lowest(draw.cells))} to ${show(highest(draw.cells))}`;
      return listText(
        draw.cells.map(({ first }) => show(first)),
        draw.cells.map(({ weight }) => weight),
      );
    }
    case "sequence": {
      const step = draw.step === 1n ? "" : ` step ${show(draw.step)}`;
      const to = draw.count === 0n ? "" : ` to ${show(draw.from + draw.step * (draw.count - 1n))}`;
      return `sequence from ${show(draw.from)}${step}${to}`;
    }
    case "row-time": {
      if (draw.law !== undefined) return `row time, ${draw.law}`;
      if (draw.back !== undefined) return `row time, up to ${timespan(draw.back * draw.tickNs)} before${KEYS_DIFFER}`;
      return draw.delayNs === undefined ? "row time" : `row time, up to ${timespan(highest(draw.delayNs) + 1n)} before`;
    }
  }
}

function choiceText(options: readonly Literal[], draw: Draw, type: Type | undefined): string {
  const texts = options.map((option) => literalText(option, type));
  const weights = draw.kind === "cells" ? draw.cells.map(({ weight }) => weight) : texts.map(() => 1);
  return `${listText(texts, weights)}${draw.kind === "shuffled" ? KEYS_DIFFER : ""}`;
}

/** Equal ones are one; shares are told where they differ. */
function listText(texts: readonly string[], weights: readonly number[]): string {
  const byText = new Map<string, number>();
  for (const [index, text] of texts.entries()) byText.set(text, (byText.get(text) ?? 0) + (weights[index] ?? 0));
  const sum = weights.reduce((a, b) => a + b, 0);
  const isEven = new Set(byText.values()).size === 1;
  const all = [...byText].map(([text, weight]) => (isEven ? text : `${text} (${percent(weight / sum)})`));
  return `one of ${all.length > MOST_OPTIONS ? `${all.slice(0, TOLD_OPTIONS).join(", ")}, … (${all.length})` : all.join(", ")}`;
}

/** How many things there are, and which of them a row has. */
function setText(draw: Draw, stream: string): string {
  const { lowest: least, highest: most } = boundsOf(draw);
  const law = {
    uniform: "",
    sequence: " by cycle",
    cells: draw.kind === "cells" && draw.law !== undefined ? ` by ${draw.law}` : "",
    "row-time": "",
    spread: "",
    shuffled: "",
  }[draw.kind];
  const count = most - least + 1n;
  const things = `${count} value${count === 1n ? "" : "s"}${law}`;
  // Not each of a shared key's things has another value.
  return stream.startsWith("key ") ? `${stream} (${things})` : things;
}

function lengthText(draw: Draw): string {
  const { lowest: least, highest: most } = boundsOf(draw);
  return `length ${least === most ? least : drawText(draw, String)}`;
}

/** As the config file would have it. */
function patternText(parts: readonly Part[]): string {
  let text = "";
  for (let at = 0; at < parts.length; at++) {
    const part = parts[at];
    if (part === undefined) break;
    if (part.kind !== "hex" && part.kind !== "base62") {
      text += partText(part);
      continue;
    }
    // Long ones are drawn in chunks: pattern.ts.
    let { fewest, most } = part;
    const stream = part.stream.replace(CHUNK, "");
    for (let next = parts[at + 1]; next?.kind === part.kind; next = parts[at + 1]) {
      if (next.stream.replace(CHUNK, "") !== stream) break;
      fewest += next.fewest;
      most += next.most;
      at++;
    }
    text += `{${part.kind} ${range(fewest, most)}}`;
  }
  return cut(text, MOST_PATTERN_CHARACTERS);
}

const CHUNK = /\.(\d+|last)$/;

const range = (from: number | bigint, to: number | bigint): string => (from === to ? String(from) : `${from}..${to}`);

function partText(part: Exclude<Part, { readonly kind: "hex" | "base62" }>): string {
  switch (part.kind) {
    case "literal":
      return part.text.replaceAll("{", "{{").replaceAll("}", "}}");
    case "uuid":
      return "{uuid}";
    case "number": {
      if (part.draw.kind === "sequence") return "{row}";
      const { lowest: least, highest: most } = boundsOf(part.draw);
      return `{int ${least}..${most}}`;
    }
    case "words": {
      const { lowest: least, highest: most } = boundsOf(part.draw);
      return `{words ${range(least, most)}}`;
    }
    case "one-of":
      return `{${part.texts.join("|")}}`;
  }
}

/** Bare words stand without quotes. */
function literalText(literal: Literal, type: Type | undefined): string {
  switch (literal.kind) {
    case "null":
      return "NULL";
    case "number": {
      const of = bare(type);
      return of?.kind === "DateTime" || of?.kind === "Time"
        ? showUnits(of, 0, literal.units)
        : showDecimal(literal.units, literal.decimals);
    }
    case "text":
      return /^[\p{L}\d_][\p{L}\d_.:/@+-]*$/u.test(literal.text)
        ? cut(literal.text)
        : cut(JSON.stringify(literal.text));
    case "date":
      return showUnits({ kind: "Date", bits: 32 }, 0, BigInt(literal.day));
    default:
      return cut(jsonOf(literal));
  }
}

function unitsText(type: Type | undefined, decimals: number, units: bigint): string {
  return type === undefined ? showDecimal(units, decimals) : showUnits(type, decimals, units);
}

/** By characters, not by halves of them. */
function cut(text: string, most = MOST_CHARACTERS): string {
  if (text.length <= most) return text;
  const characters = [...text];
  return characters.length <= most ? text : `${characters.slice(0, most - 1).join("")}…`;
}

/** Without LowCardinality and Nullable around it. */
function bare(type: Type | undefined): Type | undefined {
  return type?.kind === "LowCardinality" || type?.kind === "Nullable" ? bare(type.of) : type;
}

function elementType(type: Type | undefined, index: number): Type | undefined {
  if (type?.kind === "Point") return { kind: "Float", bits: 64 };
  return type?.kind === "Tuple" ? type.elements[index]?.type : undefined;
}
