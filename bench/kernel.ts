// A renderer outside a worker, for the benchmarks.

import { readFileSync } from "node:fs";
import { compileRows, type Format } from "../src/rows/program.js";
import { Renderer, slotBytes } from "../src/rows/renderer.js";
import type { Column } from "../src/rows/value.js";

/** With so many slots for batches of so many rows. */
export function makeRenderer(
  columns: readonly Column[],
  slots: number,
  batchRows: number,
  format: Format = "JSONEachRow",
): Renderer {
  const kernel = new WebAssembly.Module(readFileSync(new URL("../src/rows/kernel/kernel.wasm", import.meta.url)));
  const program = compileRows(columns, format, 1);
  return new Renderer(kernel, program, slots, slotBytes(program, batchRows));
}
