// A renderer outside a worker, for the benchmarks.

import { readFileSync } from "node:fs";
import { compileRows } from "../src/rows/program.js";
import { Renderer, slotBytes } from "../src/rows/renderer.js";
import type { Column } from "../src/rows/value.js";

/** With so many slots for batches of so many rows. */
export function makeRenderer(columns: readonly Column[], slots: number, batchRows: number): Renderer {
  const kernel = new WebAssembly.Module(readFileSync(new URL("../src/rows/kernel/kernel.wasm", import.meta.url)));
  const program = compileRows(columns, "JSONEachRow", 1);
  return new Renderer(kernel, program, slots, slotBytes(program, batchRows));
}
