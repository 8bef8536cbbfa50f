// What every benchmark does with its figures: median and spread, tables, and a head that says on what they were measured.

import { cpus, totalmem } from "node:os";
import { VERSION } from "../src/version.js";

/** Several runs of the same thing. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const at = (index: number): number => sorted[index] ?? Number.NaN;
  return {
    median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2,
    min: at(0),
    max: at(sorted.length - 1),
  };
}

/** "10.2 (9.8–10.5)": median and spread, with so many decimals; a dash where nothing could be measured. */
export function show(values: readonly (number | undefined)[], decimals: number): string {
  const measured = values.filter((value) => value !== undefined);
  if (measured.length === 0) return "–";
  const { median, min, max } = spread(measured);
  return `${median.toFixed(decimals)} (${min.toFixed(decimals)}–${max.toFixed(decimals)})`;
}

/** The left column of a table is text, the others are figures. */
export function printTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join(" | ")} |`;
  const rule = widths.map((width, column) => (column === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`));
  say([line(head), `| ${rule.join(" | ")} |`, ...rows.map(line), ""].join("\n"));
}

/** The number a flag was given; ends the benchmark where it is none. */
export function numberFlag(name: string, text: string, least: number): number {
  const value = Number(text);
  if (text.trim() !== "" && value >= least && Number.isFinite(value)) return value;
  note(`--${name} must be a number from ${least} up, got ${text}`);
  process.exit(2);
}

/** `reached` or `missed`, beside the figure and the aim. */
export function printAim(what: string, value: number, comparison: "at least" | "at most", aim: number): void {
  const reached = comparison === "at least" ? value >= aim : value <= aim;
  say(`aim ${reached ? "reached" : "MISSED"}: ${what} ${value.toPrecision(3)}, wanted ${comparison} ${aim}`);
}

/** The command, the machine and the versions, once, above the tables. */
export function printHead(question: string, versions: Readonly<Record<string, string>>): void {
  const cores = cpus();
  const all = { node: process.versions.node, clickstorm: VERSION, ...versions };
  say(
    [
      question,
      "",
      `command   node ${["dist/bench", process.argv[1]?.split("/").at(-1)].join("/")} ${process.argv.slice(2).join(" ")}`,
      `machine   ${cores[0]?.model.trim()}, ${cores.length} cores, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, ${process.platform} ${process.arch}`,
      `versions  ${Object.entries(all)
        .map(([name, version]) => `${name} ${version}`)
        .join(", ")}`,
      "",
    ].join("\n"),
  );
}

/** What each contender runs. */
export function printCommands(contenders: readonly { readonly name: string; readonly command: string }[]): void {
  for (const { name, command } of contenders) say(`${name}: ${command}`);
  say("");
}

/** Plays so many rounds of everybody, one after the other; the order alternates, so that nobody always comes first. */
export async function inTurn<T>(
  contenders: readonly T[],
  rounds: number,
  play: (contender: T) => Promise<void>,
): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    note(`round ${round + 1} of ${rounds}`);
    for (const contender of round % 2 === 0 ? contenders : contenders.toReversed()) await play(contender);
  }
}

export function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Progress, apart from the results. */
export function note(text: string): void {
  process.stderr.write(`${text}\n`);
}
