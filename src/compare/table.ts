// A comparison as a table: for a terminal, at most 80 columns wide, or for a pull request. Pure.

import { wrap } from "../help.js";
import type { Named } from "../report/read.js";
import { printable } from "../text.js";
import type { Change, Comparison, Demand } from "./compare.js";
import { isKept, isUnsure } from "./compare.js";

const WIDTH = 80;
/** Of the columns: name, base, new, change, noise; behind them the verdict. */
const WIDTHS = [13, 16, 17, 10, 10] as const;
const HEADS = ["", "base", "new", "change", "noise"] as const;
const DASH = "–";

interface Row {
  readonly cells: readonly string[];
  readonly verdict: string;
}

export function toTable(comparison: Comparison, demands: readonly Demand[]): string {
  const lines = [
    ...[
      { name: "base", side: comparison.base },
      { name: "new ", side: comparison.new },
    ].flatMap(({ name, side }) =>
      wrap(`${name}  ${sideText(side)}`, WIDTH - 6).map((line, index) => (index === 0 ? line : `      ${line}`)),
    ),
    "",
    aligned(HEADS),
    ...comparison.changes.map((change) => {
      const { cells, verdict } = rowOf(change);
      return `${aligned(cells)}  ${verdict}`.trimEnd();
    }),
  ];
  const notes = warningsOf(comparison, demands).map((warning) => `warning: ${warning}`);
  if (notes.length > 0) lines.push("", ...notes.flatMap((note) => wrap(note, WIDTH)));
  if (demands.length > 0) lines.push("", ...demandLines(comparison, demands));
  return `${lines.map(printable).join("\n")}\n`;
}

export function toMarkdown(comparison: Comparison, demands: readonly Demand[]): string {
  const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const lines = [
    `- base: ${inert(sideText(comparison.base))}`,
    `- new: ${inert(sideText(comparison.new))}`,
    "",
    row([...HEADS, "verdict"]),
    "| :--- | ---: | ---: | ---: | ---: | :--- |",
    ...comparison.changes.map((change) => {
      const { cells, verdict } = rowOf(change);
      return row([...cells.map(escaped), verdict === "no change" || verdict === "" ? verdict : `**${verdict}**`]);
    }),
  ];
  const notes = warningsOf(comparison, demands).map((warning) => `> warning: ${inert(warning)}`);
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
    .map((cell, index) => (index === 0 ? cell.padEnd(WIDTHS[0]) : cell.padStart(WIDTHS[index] ?? 0)))
    .join("")
    .trimEnd();

function sideText({ file, report }: Named): string {
  const server = report.versions.clickhouse === null ? "" : `, ClickHouse ${report.versions.clickhouse}`;
  const at = report.started_at.replace(/\.\d+Z$/, "Z");
  return `${file}: run ${report.run_id}, ${at}, ${report.options.table}${server}`;
}

/** ±3.2%; undefined: not known. */
function noiseText({ base, noise }: Change): string | undefined {
  return noise !== undefined && base !== undefined && base !== 0 ? `±${digits((noise / base) * 100)}%` : undefined;
}

function rowOf(whole: Change): Row {
  const { name, base, new: other, shown, change, verdict } = whole;
  const value = (figure: number | undefined): string => (figure === undefined ? DASH : shown(figure));
  return {
    cells: [
      name,
      value(base),
      value(other),
      change === undefined ? DASH : changeText(change),
      noiseText(whole) ?? DASH,
    ],
    verdict: verdict === "none" ? "" : verdict,
  };
}

/** +3.21%, -0.5%, 0%; "from 0" where there was nothing. */
export function changeText(change: number): string {
  if (!Number.isFinite(change)) return "from 0";
  return `${change > 0 ? "+" : ""}${digits(change * 100)}%`;
}

/** Two decimals below 10, one below 100. */
function digits(percentage: number): string {
  const size = Math.abs(percentage);
  return String(Number(percentage.toFixed(size < 10 ? 2 : size < 100 ? 1 : 0)));
}

function demandLines({ changes }: Comparison, demands: readonly Demand[]): readonly string[] {
  return demands.map((demand) => {
    const change = changes.find(({ name }) => name === demand.name);
    const kept = change !== undefined && isKept(demand, change);
    const why =
      change?.change === undefined
        ? "nothing to compare"
        : [changeText(change.change), ...unsure(demand, change)].join(", ");
    return `fail-on ${demand.expression}  ${kept ? "pass" : "FAIL"}  ${why}`;
  });
}

/** Why the difference says little. */
function unsure(demand: Demand, change: Change): readonly string[] {
  if (!isUnsure(demand, change)) return [];
  const noise = noiseText(change);
  return [`cannot be judged: the noise ${noise === undefined ? "" : `(${noise}) `}is larger`];
}

/** Of the comparison, and of what is demanded of it. */
function warningsOf({ changes, warnings }: Comparison, demands: readonly Demand[]): readonly string[] {
  return [
    ...warnings,
    ...demands.flatMap((demand) =>
      changes
        .filter(({ name }) => name === demand.name)
        .flatMap((change) => unsure(demand, change))
        .map((why) => `fail-on ${demand.expression} ${why}; longer runs have less`),
    ),
  ];
}
