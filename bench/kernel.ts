// A renderer outside a worker, for the benchmarks.

import { readFileSync } from "node:fs";
import type { Column } from "../src/rows/column.js";
import { compileJsonEachRow } from "../src/rows/program.js";
import { Renderer, slotBytes } from "../src/rows/renderer.js";

/** With so many slots for batches of so many rows. */
export function makeRenderer(columns: readonly Column[], slots: number, batchRows: number): Renderer {
  const kernel = new WebAssembly.Module(readFileSync(new URL("../src/rows/kernel/kernel.wasm", import.meta.url)));
  const program = compileJsonEachRow(columns, 1);
  return new Renderer(kernel, program, slots, slotBytes(program, batchRows));
}
