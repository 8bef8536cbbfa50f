// Is memory flat in time? The program's resident memory at --rate max, against what its slots take.

import { setTimeout as sleep } from "node:timers/promises";
import { eventColumns } from "../src/rows/column.js";
import { compileRows } from "../src/rows/program.js";
import { slotBytes } from "../src/rows/renderer.js";
import { BATCH_ROWS, IN_FLIGHT } from "./contender.js";
import type { Discarder } from "./nginx.js";
import { residentBytes } from "./process.js";
import { commandLine, startProgram } from "./program.js";
import { note, printAim, printCommands, printTable, show, spread } from "./results.js";
import type { WindowSpec } from "./window.js";

const SAMPLE_MS = 250;
const RUN_ID = "bench-memory";
const MIB = 2 ** 20;
/** What the garbage collector may have at one time and not at another. */
const FLAT_MIB = 16;

export async function memory(nginx: Discarder, { warmUpS, seconds }: WindowSpec): Promise<void> {
  const flags = [
    "--blind",
    "--rate",
    "max",
    "--workers",
    "1",
    "--run-id",
    RUN_ID,
    "--duration",
    `${warmUpS + seconds}s`,
  ];
  const program = startProgram([...flags, "--clickhouse-url", nginx.url], warmUpS + seconds + 120);
  const samples: number[] = [];
  try {
    for (const startMs = performance.now(); performance.now() - startMs < (warmUpS + seconds) * 1000; ) {
      await sleep(SAMPLE_MS);
      const bytes = residentBytes(program.child.pid);
      if (bytes !== undefined && performance.now() - startMs > warmUpS * 1000) samples.push(bytes / MIB);
    }
    await program.report();
  } finally {
    await program.child.kill();
  }
  if (samples.length === 0) {
    note("memory skipped: this system has no /proc to read it from");
    return;
  }

  const quarter = Math.ceil(samples.length / 4);
  const [first, last] = [samples.slice(0, quarter), samples.slice(-quarter)];
  const slots = IN_FLIGHT + 1;
  const slotMib = slotBytes(compileRows(eventColumns(RUN_ID), "JSONEachRow", 0), BATCH_ROWS) / MIB;
  printCommands([{ name: "clickstorm", command: commandLine(flags) }]);
  printTable(
    [`resident memory over ${seconds} s, every ${SAMPLE_MS} ms`, "MiB"],
    [
      ["first quarter, median (min–max)", show(first, 1)],
      ["last quarter, median (min–max)", show(last, 1)],
      ["slots × slot size", `${slots} × ${slotMib.toFixed(2)} = ${(slots * slotMib).toFixed(1)}`],
      ["the rest: Node, threads, code", (spread(last).median - slots * slotMib).toFixed(1)],
    ],
  );
  printAim(
    "growth from the first quarter to the last, MiB",
    spread(last).median - spread(first).median,
    "at most",
    FLAT_MIB,
  );
}
