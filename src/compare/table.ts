// A comparison as a table: for a terminal, at most 80 columns wide, or for a pull request. Pure.

import { wrap } from "../help.js";
import type { Named } from "../report/read.js";
import { printable } from "../text.js";
import type { Change, Comparison } from "./compare.js";
import { type Demand, outcomeOf } from "./gate.js";
import { changeText, intervalText } from "./shown.js";

const WIDTH = 80;
/** Of the columns: name, base, new, change, its interval; behind them the verdict. */
const WIDTHS = [13, 16, 16, 8, 16] as const;
const HEADS = ["", "base", "new", "change", "99% interval"] as const;
const DASH = "–";

interface Row {
  readonly cells: readonly string[];
  readonly verdict: string;
}

export function toTable(comparison: Comparison, demands: readonly Demand[]): string {
  const lines = [
    ...sidesOf(comparison).flatMap(({ name, text }) =>
      wrap(text, WIDTH - 6).map((line, index) => `${(index === 0 ? name : "").padEnd(6)}${line}`),
    ),
    "",
    aligned(HEADS),
    ...comparison.changes.map((change) => {
      const { cells, verdict } = rowOf(change);
      return `${aligned(cells)}  ${verdict}`.trimEnd();
    }),
  ];
  const notes = comparison.warnings.map((warning) => `warning: ${warning}`);
  if (notes.length > 0) lines.push("", ...notes.flatMap((note) => wrap(note, WIDTH)));
  if (demands.length > 0) lines.push("", ...demandLines(comparison, demands));
  return `${lines.map(printable).join("\n")}\n`;
}

export function toMarkdown(comparison: Comparison, demands: readonly Demand[]): string {
  const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const lines = [
    ...sidesOf(comparison).map(({ name, text }) => `- ${name}: ${inert(text)}`),
    "",
    row([...HEADS, "verdict"]),
    "| :--- | ---: | ---: | ---: | ---: | :--- |",
    ...comparison.changes.map((change) => {
      const { cells, verdict } = rowOf(change);
      return row([...cells.map(escaped), verdict === "better" || verdict === "worse" ? `**${verdict}**` : verdict]);
    }),
  ];
  const notes = comparison.warnings.map((warning) => `> warning: ${inert(warning)}`);
  if (notes.length > 0) lines.push("", ...notes.flatMap((note, index) => (index === 0 ? [note] : [">", note])));
  if (demands.length > 0) lines.push("", ...demandLines(comparison, demands).map((line) => `- ${escaped(line)}`));
  return `${lines.map(printable).join("\n")}\n`;
}

/** A word or a number that means nothing to Markdown, nor to those who make links of @names, #numbers, hashes and addresses. */
const PLAIN_WORD = /^["'(]*(?:[\p{L}'-]+|[+±–-]?\d{1,6}(?:[.,:]\d{1,6})*%?|–)?["'),.:;]*$/u;
/** Letters that a hash may be, of six and more, or the name of an issue. */
const LINKED_WORD = /^\W*[\da-f-]{6,}\W*$|^[A-Z]+-\d/;

/**
 * What a report says, which may be a stranger's: every word that could be more than a word is a piece of code, in which nothing is
 * taken for markup, and nobody is called.
 */
const inert = (text: string): string =>
  printable(text)
    .split(" ")
    .map((word) => (PLAIN_WORD.test(word) && !LINKED_WORD.test(word) ? word : code(word)))
    .join(" ");

/** Between more back quotes than there are in it. Marks of the sentence stay outside. */
function code(word: string): string {
  const [, inner = "", mark = ""] = /^(.*?)([,;:.]*)$/su.exec(word) ?? [];
  const longest = Math.max(0, ...(inner.match(/`+/g) ?? []).map(({ length }) => length));
  const fence = "`".repeat(longest + 1);
  const room = /^`|`$/.test(inner) ? " " : "";
  return inner === "" ? mark : `${fence}${room}${inner}${room}${fence}${mark}`;
}

/** What Markdown would take for its own. */
const escaped = (text: string): string => text.replace(/[\\|*_<>`[\]]/g, (character) => `\\${character}`);

const aligned = (cells: readonly string[]): string =>
  cells
    .map((cell, index) => (index === 0 ? cell.padEnd(WIDTHS[0]) : ` ${cell.padStart((WIDTHS[index] ?? 1) - 1)}`))
    .join("")
    .trimEnd();

const sidesOf = (comparison: Comparison) =>
  [
    { name: "base", side: comparison.base },
    { name: "new", side: comparison.new },
  ].map(({ name, side }) => ({ name, text: sideText(side) }));

/** "base.json: run …", or "5 runs, a.json to e.json: …". */
function sideText(side: readonly Named[]): string {
  const [first, last] = [side[0], side.at(-1)];
  if (first === undefined || last === undefined) return "no run";
  const { versions, options } = first.report;
  const server = versions.clickhouse === null ? "" : `, ClickHouse ${versions.clickhouse}`;
  const at = ({ report }: Named): string => report.started_at.replace(/\.\d+Z$/, "Z");
  if (first === last) return `${first.file}: run ${first.report.run_id}, ${at(first)}, ${options.table}${server}`;
  return `${side.length} runs, ${first.file} to ${last.file}: ${at(first)} to ${at(last)}, ${options.table}${server}`;
}

function rowOf({ name, base, new: other, shown, change, low, high, verdict }: Change): Row {
  const value = (figure: number | undefined): string => (figure === undefined ? DASH : shown(figure));
  return {
    cells: [
      name,
      value(base),
      value(other),
      change === undefined ? DASH : changeText(change),
      change === undefined ? DASH : intervalText(low, high),
    ],
    verdict: verdict === "none" ? "" : verdict,
  };
}

const SAYS = { kept: "pass", crossed: "FAIL", unjudged: "cannot judge:" } as const;

const demandLines = ({ changes }: Comparison, demands: readonly Demand[]): readonly string[] =>
  demands.map((demand) => {
    const { kind, why } = outcomeOf(demand, changes);
    return `fail-on ${demand.expression}  ${SAYS[kind]}${kind === "unjudged" ? " " : "  "}${why}`;
  });
