// `clickstorm sample`: the rows that `run` would send first, on standard output, or what they follow. Sends nothing.

import { readFileSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import type { WriteStream } from "node:tty";
import { wrap } from "./help.js";
import { OptionsError } from "./options.js";
import { LAST_NS, MS } from "./quantities.js";
import { type Explanation, explain } from "./rows/explain.js";
import { compileRows } from "./rows/program.js";
import { MEMORY_LIMIT_BYTES, memoryBytes, Renderer, slotBytes } from "./rows/renderer.js";
import type { Column } from "./rows/value.js";
import type { SampleOptions } from "./sample-options.js";
import { holding, Schedule } from "./schedule.js";
import { askTable, blindTable, type TableColumns } from "./target.js";
import { count, printable } from "./text.js";
import { INSECURE } from "./tls-options.js";

export interface SampleSurroundings {
  /** Rows, or what they follow; nothing else. */
  readonly out: WriteStream;
  /** How to get the same rows again. */
  readonly err: NodeJS.WritableStream;
  /** Aborted by the first SIGHUP, SIGINT or SIGTERM, with the exit code as its reason. */
  readonly interrupt: AbortSignal;
}

/** A slice is rendered into the one slot, and written before the next: memory does not grow with --rows. */
const SLICE_BYTES = 256 * 1024;
const NS = 1_000_000_000n;

/** Returns the exit code. Throws an OptionsError or a TargetError before the first row. */
export async function sample(options: SampleOptions, surroundings: SampleSurroundings): Promise<number> {
  const { out } = surroundings;
  if (options.tls.insecure) surroundings.err.write(`warning: ${INSECURE}\n`);
  if (options.learn !== undefined) {
    const { learn } = await import("./learn.js");
    return learn(options, options.learn, surroundings);
  }
  if (options.explain) {
    const { columns, table } = await tableOf(options, surroundings);
    out.write(tableText(explain(columns, table), out.isTTY ? out.columns : undefined));
    return 0;
  }
  if (out.isTTY && !options.format.startsWith("JSON")) {
    throw new OptionsError([`--format ${options.format} is no text for a terminal: send it to a file or a pipe`]);
  }
  // As --data-start has it: in milliseconds.
  const dataStartNs = options.dataStartNs ?? BigInt(Date.now()) * MS;
  // Only a span depends on how many rows the run has.
  const durationNs = options.dataSpanNs === undefined ? neededNs(options) : options.durationNs;
  if (options.dataSpanNs === undefined && dataStartNs + durationNs > LAST_NS) {
    throw new OptionsError([`--rows ${options.rows} at --rate ${options.rateText} have times beyond 2200`]);
  }
  const timed = { ...options, dataStartNs, durationNs };
  const { columns } = await tableOf(timed, surroundings);
  return printRows(columns, timed, surroundings);
}

/** How long a run must be to have so many rows. */
function neededNs({ rows, rate }: SampleOptions): bigint {
  return (BigInt(rows) * NS * rate.denominator) / rate.numerator + 1n;
}

async function tableOf(options: SampleOptions, { err, interrupt }: SampleSurroundings): Promise<TableColumns> {
  const [endpoint] = options.endpoints;
  if (options.blind || endpoint === undefined) return blindTable(options);
  const onSlow = (sentence: string): void => void err.write(`${sentence}\n`);
  return askTable(endpoint, options, { signal: interrupt, onSlow });
}

async function printRows(
  columns: readonly Column[],
  options: SampleOptions & { readonly dataStartNs: bigint },
  { out, err, interrupt }: SampleSurroundings,
): Promise<number> {
  const { rate, seed, runId, dataStartNs, dataSpanNs, durationNs } = options;
  const program = compileRows(columns, options.format, seed);
  const sliceRows = Math.max(1, Math.min(options.rows, Math.floor(SLICE_BYTES / program.longestRowBytes)));
  const bytesPerSlot = slotBytes(program, sliceRows);
  if (memoryBytes(program, 1, bytesPerSlot) > MEMORY_LIMIT_BYTES) {
    const mib = (program.longestRowBytes / 2 ** 20).toFixed(1);
    throw new OptionsError([
      `rows are too long for memory: a row may have ${mib} MiB; shorten the lengths of arrays and maps`,
    ]);
  }
  const schedule = new Schedule({
    kind: "open",
    pieces: [holding(rate, durationNs)],
    warmUpNs: 0n,
    poissonSeed: undefined,
    batchRows: sliceRows,
    // A batch closes when it is full.
    flushNs: (BigInt(sliceRows) + 1n) * NS * rate.denominator,
    dataSpanNs,
  });
  if (!options.repeatable) {
    const start = new Date(Number(dataStartNs / MS)).toISOString();
    err.write(
      `seed ${seed}, run id ${runId}: the same rows again with --seed ${seed} --run-id ${runId} --data-start ${start}\n`,
    );
  }
  const all = schedule.totalRows();
  if (all < options.rows)
    err.write(`${count(all, "row")}: a run of this rate and duration has no more to spread over --data-span\n`);

  const rows = Math.min(options.rows, all);
  const kernel = new WebAssembly.Module(readFileSync(new URL("./rows/kernel/kernel.wasm", import.meta.url)));
  const renderer = new Renderer(kernel, program, 1, bytesPerSlot);
  const [slot] = renderer.slots;
  if (slot === undefined) throw new RangeError("a renderer of one slot has none");
  for (let number = 0; number * sliceRows < rows; number++) {
    const batch = schedule.batch(number);
    if (batch === undefined) break;
    await renderer.fill(slot, { ...batch, rows: Math.min(batch.rows, rows - batch.firstRow) }, dataStartNs);
    if (!(await written(out, renderer.body(slot), interrupt))) break;
    // Files are written at once: signals need a turn, too.
    await turn();
  }
  return interrupt.aborted ? Number(interrupt.reason) : 0;
}

/** Whether more can be written: resolves when the bytes have left, the reader has, or an interrupt came. */
function written(out: NodeJS.WritableStream, bytes: Uint8Array, interrupt: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const stop = (): void => resolve(false);
    if (interrupt.aborted) return stop();
    interrupt.addEventListener("abort", stop, { once: true });
    out.write(bytes, (error) => {
      interrupt.removeEventListener("abort", stop);
      // Which error it is, and whether it is one, is told by cli.ts.
      resolve(error === null || error === undefined);
    });
  });
}

const GAP = "  ";
/** Types that are longer are cut: those of parts have lines of their own. */
const MOST_TYPE = 40;
/** With less room beside the other two, the rule stands below them; with less than the second, where it has no room in a line. */
const LEAST_RULE = 30;
const FAIR_RULE = 60;

/**
 * One line a leaf where it goes to a file or a pipe (`width` undefined), or on a terminal that is wide enough; on a terminal no
 * line is longer than it is wide.
 */
export function tableText(explanations: readonly Explanation[], width: number | undefined): string {
  const rows = explanations.map(({ path, type, rule }) => {
    const text = printable(type);
    return {
      path: printable(path),
      type: text.length > MOST_TYPE ? `${text.slice(0, MOST_TYPE - 1)}…` : text,
      rule: printable(rule),
    };
  });
  const paths = Math.max(...rows.map(({ path }) => path.length));
  const types = Math.max(...rows.map(({ type }) => type.length));
  const left = paths + types + 2 * GAP.length;
  if (width === undefined) {
    return lines(rows.map(({ path, type, rule }) => `${path.padEnd(paths)}${GAP}${type.padEnd(types)}${GAP}${rule}`));
  }
  const room = width - left;
  if (room < LEAST_RULE || (room < FAIR_RULE && rows.some(({ rule }) => rule.length > room))) {
    const below = rows.map(({ path, type, rule }) => [
      ...broken(`${path}${GAP}${type}`.trim(), width),
      ...broken(rule, width - 2 * GAP.length).map((line) => `${GAP}${GAP}${line}`),
    ]);
    return lines(below.flat());
  }
  const beside = rows.map(({ path, type, rule }) =>
    broken(rule, room).map((line, index) =>
      index === 0 ? `${path.padEnd(paths)}${GAP}${type.padEnd(types)}${GAP}${line}` : `${" ".repeat(left)}${line}`,
    ),
  );
  return lines(beside.flat());
}

/** Wrapped at spaces; of words that are longer than a line, within. */
function broken(text: string, width: number): readonly string[] {
  const most = Math.max(1, width);
  return wrap(text, most).flatMap((line) => {
    if (line.length <= most) return line;
    const characters = [...line];
    const pieces: string[] = [];
    for (let at = 0; at < characters.length; at += most) pieces.push(characters.slice(at, at + most).join(""));
    return pieces;
  });
}

const lines = (texts: readonly string[]): string => `${texts.map((text) => text.trimEnd()).join("\n")}\n`;
