// Options and target → one plan a worker. Pure but for reading the compiled kernel and the size of the machine.

import { readFileSync } from "node:fs";
import { availableParallelism, totalmem } from "node:os";
import type { WorkerPlan } from "../workers/loader.js";
import { Counters } from "./counters.js";
import type { Endpoint } from "./endpoint.js";
import { type Options, OptionsError } from "./options.js";
import { compileRows, type RowProgram } from "./rows/program.js";
import { MEMORY_LIMIT_BYTES, memoryBytes, slotBytes } from "./rows/renderer.js";
import { rowsPerBatch, type ScheduleSpec } from "./schedule.js";
import type { Target } from "./target.js";

export interface Plan {
  readonly schedule: ScheduleSpec;
  readonly counters: Counters;
  readonly workers: readonly WorkerPlan[];
}

/** A worker renders and sends at least so much on one core, with a margin: bench/README.md. */
const WORKER_BYTES_PER_SECOND = 1_000_000_000;
const WORKER_INSERTS_PER_SECOND = 5_000;
/** Slots may take so much of the machine's memory. */
const MEMORY_SHARE = 0.5;
/** What a slot has beside its rows, at most. */
const SLOT_OVERHEAD_BYTES = 128;
/** Traces a second, over all workers. */
const TRACES_PER_SECOND = 100;

export function scheduleOf(options: Options, batchRows: number): ScheduleSpec {
  const { rate, durationNs, flushNs, dataSpanNs } = options;
  if (rate === "max") return { kind: "max", durationNs, batchRows };
  return { kind: "constant", rowsPerSecond: rate, durationNs, batchRows, flushNs, dataSpanNs };
}

/** As many as the load needs, as few as it can: a core given to the generator is taken from a server beside it. */
function defaultWorkers(schedule: ScheduleSpec, program: RowProgram, inFlight: number): number {
  const most = Math.min(inFlight, Math.max(1, Math.floor(availableParallelism() / 2)));
  if (schedule.kind === "max") return Math.min(most, 2);
  const rowsPerSecond = Number(schedule.rowsPerSecond.numerator) / Number(schedule.rowsPerSecond.denominator);
  const needed = Math.max(
    (rowsPerSecond * program.longestRowBytes) / WORKER_BYTES_PER_SECOND,
    rowsPerSecond / rowsPerBatch(schedule) / WORKER_INSERTS_PER_SECOND,
  );
  return Math.min(most, Math.max(1, Math.ceil(needed)));
}

/** Throws an OptionsError where the batches asked for do not fit into memory. */
export function makePlan(options: Options, target: Target, endpoints: readonly Endpoint[], version: string): Plan {
  const program = compileRows(target.columns, options.format, options.seed);
  const asked = scheduleOf(options, options.batchRows);
  const workers = options.workers ?? defaultWorkers(asked, program, options.inFlight);
  const permits = (worker: number): number =>
    Math.floor(options.inFlight / workers) + (worker < options.inFlight % workers ? 1 : 0);
  // One more slot than permits: the next batch is rendered while the others are on the wire.
  const slots = permits(0) + 1;
  const most = fittingRows(program, slots, workers);
  const allSlots = options.inFlight + workers;
  if (most < 1) {
    const row = `a row may have ${(program.longestRowBytes / 2 ** 20).toFixed(1)} MiB`;
    throw new OptionsError([
      fittingRows(program, 2, 1) < 1
        ? `rows are too long for memory: ${row}; shorten the lengths of arrays and maps`
        : `--in-flight is too large: ${allSlots} slots would need ${gibibytes(allSlots, program, 1)}, as ${row}`,
    ]);
  }
  const rows = rowsPerBatch(asked);
  if (rows > most && options.batchRowsGiven) {
    throw new OptionsError([
      `--batch-rows is too large: ${allSlots} slots would need ${gibibytes(allSlots, program, rows)}; ` +
        `${most} rows fit, or fewer --in-flight`,
    ]);
  }
  // Rows may be so long that the default does not fit.
  const schedule = rows > most ? scheduleOf(options, most) : asked;
  const bytesPerSlot = slotBytes(program, rowsPerBatch(schedule));

  const shape = { workers, endpoints: endpoints.length, slots };
  const counters = Counters.allocate(shape);
  counters.endNs = schedule.durationNs;
  counters.drainedNs = schedule.durationNs + options.drainNs;
  const kernel = new WebAssembly.Module(readFileSync(new URL("./rows/kernel/kernel.wasm", import.meta.url)));
  return {
    schedule,
    counters,
    workers: Array.from({ length: workers }, (_, worker) => ({
      worker,
      workers,
      runId: options.runId,
      schedule,
      kernel,
      program,
      slots: permits(worker) + 1,
      slotBytes: bytesPerSlot,
      insert: {
        sends: "bodies",
        endpoints,
        parameters: target.parameters,
        permits: permits(worker),
        timeoutMs: options.timeoutMs,
      },
      tokens: target.tokens,
      dataStartNs: options.dataStartNs,
      traces: options.traces && {
        otlpEndpoint: options.traces.otlpEndpoint,
        tracesPerSecond: TRACES_PER_SECOND / workers,
        version,
        runId: options.runId,
        database: target.database,
        table: target.table,
      },
      counters: counters.buffer,
      shape,
    })),
  };
}

/** How many rows a slot can have. */
function fittingRows(program: RowProgram, slots: number, workers: number): number {
  // A container's limit, where there is one; without, some systems answer 0 or a number beyond any machine.
  const memory = Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);
  const limit = Math.min(MEMORY_LIMIT_BYTES, (memory * MEMORY_SHARE) / workers);
  const overhead = memoryBytes(program, slots, 0) + slots * (program.headBytes + SLOT_OVERHEAD_BYTES);
  return Math.floor((limit - overhead) / slots / program.longestRowBytes);
}

const gibibytes = (slots: number, program: RowProgram, rows: number): string =>
  `${((slots * slotBytes(program, rows)) / 2 ** 30).toFixed(1)} GiB`;
