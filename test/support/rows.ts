// Columns and their rows without a run: what the kernel writes, as text.

import { readFileSync } from "node:fs";
import { rowsOf, type TableColumn } from "../../src/rows/column.js";
import { compileRows, type Format } from "../../src/rows/program.js";
import { Renderer, slotBytes } from "../../src/rows/renderer.js";
import type { Rule, Rules, Together } from "../../src/rows/rule.js";
import type { Column } from "../../src/rows/value.js";
import type { RowTimes } from "../../src/schedule.js";

const KERNEL = new WebAssembly.Module(readFileSync(new URL("../../src/rows/kernel/kernel.wasm", import.meta.url)));
/** 2026-01-01T00:00:00Z */
export const DATA_START_NS = 1_767_225_600_000_000_000n;
const EVERY_MS: RowTimes = { ns: 0n, fraction: 0n, stepNs: 1_000_000n, stepFraction: 0n, denominator: 1n };

/** A rule without the place it stands at. */
export type BareRule = Omit<Rule, "at"> | "omit";

export function rules(bare: Readonly<Record<string, BareRule>>, together: readonly Together[] = []): Rules {
  const columns = new Map<string, Rule>();
  const omitted = new Map<string, string>();
  for (const [name, rule] of Object.entries(bare)) {
    if (rule === "omit") omitted.set(name, `columns.${name}`);
    else columns.set(name, { ...rule, at: `columns.${name}` });
  }
  return { columns, omitted, together };
}

/** Columns of these types; throws what is wrong with their rules or types. */
export function columnsOf(
  types: Readonly<Record<string, string>>,
  bare: Readonly<Record<string, BareRule>> = {},
  together: readonly Together[] = [],
): readonly Column[] {
  const table = Object.entries(types).map(([name, type]): TableColumn => ({ name, type, defaultKind: "" }));
  const { columns, ruleProblems, typeProblems } = rowsOf(table, rules(bare, together), "run");
  if (ruleProblems.length + typeProblems.length > 0) throw new Error([...ruleProblems, ...typeProblems].join("\n"));
  return columns;
}

export interface Rendering {
  readonly seed?: number;
  readonly firstRow?: number;
  readonly rows: number;
  /** Those of row 0; default: a row a millisecond. */
  readonly times?: RowTimes;
  readonly format?: Format;
}

export async function render(
  columns: readonly Column[],
  { seed = 1, firstRow = 0, rows, times = EVERY_MS, format = "JSONEachRow" }: Rendering,
): Promise<Buffer> {
  const program = compileRows(columns, format, seed);
  const renderer = new Renderer(KERNEL, program, 1, slotBytes(program, rows));
  const [slot] = renderer.slots;
  if (slot === undefined) throw new Error("no slot");
  const fractions = times.fraction + BigInt(firstRow) * times.stepFraction;
  const first: RowTimes = {
    ...times,
    ns: times.ns + BigInt(firstRow) * times.stepNs + fractions / times.denominator,
    fraction: fractions % times.denominator,
  };
  await renderer.fill(slot, { number: 0, firstRow, rows, dueNs: 0, times: first, measured: true }, DATA_START_NS);
  return Buffer.from(renderer.body(slot));
}

export const lines = (body: Buffer): string[] => body.toString().split("\n").slice(0, -1);

/** The values of one column in rows of JSONEachRow, numbers of 64 bits as JavaScript reads them. */
export async function valuesOf<T>(columns: readonly Column[], name: string, rendering: Rendering): Promise<T[]> {
  return lines(await render(columns, rendering)).map((line) => JSON.parse(line)[name] as T);
}
