// Learned rules as the text of a config file, with what was seen in comments. Pure. Called by learn.ts; nothing else loads
// the library's writer.

import { Document, type Node, Scalar, type YAMLMap, type YAMLSeq } from "yaml";
import { printable } from "../text.js";
import type { Entry, RuleEntries } from "./findings.js";

/** A line of `columns`. */
export interface WrittenColumn {
  readonly name: string;
  /** "omit", a rule, or nothing where the type's default is left. */
  readonly rule: RuleEntries | "omit" | undefined;
  /** Lines above it. */
  readonly notes: readonly string[];
}

const WIDTH = 120;
const PLAIN = /^\w(?:[\w./ -]*|[\w.:-]*\w)$/;
/** Such mappings are short and stand in one line. */
const IN_LINE: ReadonlySet<string> = new Set([
  "uniform",
  "normal",
  "exponential",
  "sequence",
  "quantiles",
  "cardinality",
  "time",
  "late",
]);

/** Many numbers: alone on their line, as no rule that holds them stands in one. */
const LONG_LIST = /^( *)quantiles: \[ (.*) \]$/gm;

/** As many in a line as fit. */
function filled(line: string, indent: string, items: string): string {
  if (line.length <= WIDTH) return line;
  const lines: string[] = [];
  for (const item of items.split(", ")) {
    const last = lines.at(-1);
    if (last === undefined || indent.length + 4 + last.length + item.length + 3 > WIDTH) lines.push(item);
    else lines[lines.length - 1] = `${last}, ${item}`;
  }
  return `${indent}quantiles:\n${indent}  [\n${lines.map((one) => `${indent}    ${one},`).join("\n")}\n${indent}  ]`;
}

/** `header`: lines of a comment at the top. */
export function configText(table: string, header: readonly string[], columns: readonly WrittenColumn[]): string {
  const document = new Document({ table: scalar(table) }, { version: "1.2", schema: "core" });
  document.commentBefore = commentOf(header);
  const root = document.contents as unknown as YAMLMap;
  const rules = columns.filter(({ rule }) => rule !== undefined && (rule === "omit" || rule.size > 0));
  let waiting: string[] = [];
  const map = document.createNode({}) as YAMLMap;
  map.flow = false;
  for (const { name, rule, notes } of columns) {
    waiting.push(...notes);
    if (rule === undefined || (rule !== "omit" && rule.size === 0)) continue;
    const key = scalar(name);
    key.commentBefore = commentOf(waiting);
    waiting = [];
    map.add(document.createPair(key, rule === "omit" ? "omit" : nodeOf(rule)));
  }
  if (rules.length > 0) root.add(document.createPair("columns", map));
  document.comment = waiting.length > 0 ? commentOf(waiting) : null;
  const text = document.toString({ lineWidth: 0, flowCollectionPadding: true }).replace(LONG_LIST, filled);
  // In double quotes it means the same, and nothing else than plain words and comments is without.
  return text.split("\n").map(printable).join("\n");

  function nodeOf(entry: Entry, name = ""): Node {
    if (entry instanceof Map) {
      const inner = document.createNode({}) as YAMLMap;
      inner.flow = IN_LINE.has(name);
      for (const [key, value] of entry as RuleEntries)
        inner.add(document.createPair(scalar(key), nodeOf(value, String(key))));
      return inner;
    }
    if (Array.isArray(entry)) {
      const list = document.createNode([]) as YAMLSeq;
      list.flow = true;
      for (const item of entry as readonly Entry[]) list.add(nodeOf(item));
      return list;
    }
    return scalar(entry as string);
  }
}

/** Texts that are more than words are quoted, and those that other readers of YAML take for something else. */
function scalar(value: string | number | bigint | boolean): Scalar {
  const node = new Scalar(value);
  if (typeof value === "string" && (!PLAIN.test(value) || /^(y|yes|n|no|on|off)$/i.test(value)))
    node.type = Scalar.QUOTE_DOUBLE;
  return node;
}

/** Each line of a comment begins with a space; what is no plain character in it cannot end it. */
function commentOf(lines: readonly string[]): string | null {
  if (lines.length === 0) return null;
  return lines.map((line) => ` ${line.replace(/[\p{Cc}\u2028\u2029]+/gu, " ")}`).join("\n");
}
