// Options and target → one plan a worker. Pure but for reading the compiled kernel and what the machine has.

import { readFileSync } from "node:fs";
import { availableParallelism, totalmem } from "node:os";
import type { RowSource, WorkerPlan } from "../workers/loader.js";
import { type Compression, compressionThreads, whyNotCompressed } from "./compress.js";
import { Counters, type CountersShape } from "./counters.js";
import type { Endpoint } from "./endpoint.js";
import { Fates } from "./fates.js";
import { type Options, OptionsError } from "./options.js";
import type { Otlp } from "./otlp.js";
import * as replayer from "./replay/replayer.js";
import type { Scan } from "./replay/scan.js";
import { compileRows } from "./rows/program.js";
import * as renderer from "./rows/renderer.js";
import {
  type OpenSpec,
  ratioOf,
  rowsPerBatch,
  Schedule,
  ScheduleError,
  type ScheduleSpec,
  type Shard,
  WHOLE,
} from "./schedule.js";
import { piecesWithWarmUp } from "./stage.js";
import type { Target } from "./target.js";

export interface Plan {
  readonly spec: ScheduleSpec;
  /** Undefined in a closed loop. */
  readonly schedule: Schedule | undefined;
  readonly shard: Shard;
  readonly counters: Counters;
  readonly fates: Fates;
  /** Whether the other workers go on when one crashes. */
  readonly goesOnAfterCrash: boolean;
  readonly workers: readonly WorkerPlan[];
}

/** A worker renders, compresses and sends at least so much, before compression, with a margin: bench/README.md. */
const WORKER_BYTES_PER_SECOND: Readonly<Record<Compression, number>> = {
  none: 1_000_000_000,
  gzip: 80_000_000,
  zstd: 250_000_000,
  lz4: 350_000_000,
};
const WORKER_INSERTS_PER_SECOND = 5_000;
/** Slots may take so much of the machine's memory. */
const MEMORY_SHARE = 0.5;
/** What a slot has beside its rows, at most. */
const SLOT_OVERHEAD_BYTES = 128;
/** Traces a second, over all workers. */
const TRACES_PER_SECOND = 100;

/** @param rowLimit there are no more rows, if it is said */
export function scheduleOf(options: Options, batchRows: number, rowLimit?: number): ScheduleSpec {
  const { rate, durationNs, warmUpNs, flushNs, dataSpanNs, stages } = options;
  if (rate === "max") return { kind: "max", durationNs, warmUpNs, batchRows, rowLimit };
  return {
    kind: "open",
    pieces: piecesWithWarmUp(rate, warmUpNs, durationNs, stages),
    warmUpNs,
    batchRows,
    flushNs,
    poissonSeed: options.arrivals === "poisson" ? options.seed : undefined,
    dataSpanNs,
    rowLimit,
  };
}

/** In rows per second, the highest there is. */
const peakOf = ({ pieces }: OpenSpec): number =>
  Math.max(...pieces.flatMap(({ durationNs, from, to }) => (durationNs > 0n ? [from, to] : [])).map(ratioOf));

/** At the highest rate there is; undefined in a closed loop. */
export const insertsPerSecond = (spec: ScheduleSpec): number | undefined =>
  spec.kind === "open" ? peakOf(spec) / rowsPerBatch(spec) : undefined;

/** The schedule itself, which may be one nobody can make. Throws an OptionsError. */
function built(spec: ScheduleSpec): Schedule | undefined {
  if (spec.kind === "max") return undefined;
  try {
    return new Schedule(spec);
  } catch (error) {
    if (!(error instanceof ScheduleError)) throw error;
    throw new OptionsError([`--stage and --flush-interval make ${error.message}: give a longer --flush-interval`]);
  }
}

/** How much memory rows take, wherever they come from. */
interface Sizes {
  readonly longestRowBytes: number;
  slotBytes(rows: number): number;
  memoryBytes(slots: number, bytesPerSlot: number): number;
}

function sizesOf(rows: RowSource): Sizes {
  if (rows.kind === "rules") {
    const { program } = rows;
    return {
      longestRowBytes: program.longestRowBytes,
      slotBytes: (count) => renderer.slotBytes(program, count),
      memoryBytes: (slots, bytesPerSlot) => renderer.memoryBytes(program, slots, bytesPerSlot),
    };
  }
  const { replay } = rows;
  return {
    longestRowBytes: replayer.longestRowBytes(replay),
    slotBytes: (count) => replayer.slotBytes(replay, count),
    memoryBytes: (slots, bytesPerSlot) => replayer.memoryBytes(replay, slots, bytesPerSlot),
  };
}

/** As many as the load needs, as few as it can: a core given to the generator is taken from a server beside it. */
function defaultWorkers(schedule: ScheduleSpec, source: RowSource, { inFlight, shard, compress }: Options): number {
  // Each worker goes through the whole file, and decompresses it.
  if (source.kind === "file" && source.replay.scan.file.compression !== "none") return 1;
  const half = Math.min(inFlight, Math.max(1, Math.floor(availableParallelism() / 2)));
  const most = compress === "none" ? half : Math.min(half, compressionThreads());
  if (schedule.kind === "max") {
    if (source.kind === "file") return 1;
    return compress === "none" ? Math.min(most, 2) : most;
  }
  const rowBytes = source.kind === "rules" ? source.program.longestRowBytes : meanRowBytes(source.replay.scan);
  const rowsPerSecond = peakOf(schedule) / (shard?.of ?? 1);
  const needed = Math.max(
    (rowsPerSecond * rowBytes) / WORKER_BYTES_PER_SECOND[compress],
    rowsPerSecond / rowsPerBatch(schedule) / WORKER_INSERTS_PER_SECOND,
  );
  return Math.min(most, Math.max(1, Math.ceil(needed)));
}

const meanRowBytes = ({ bytes, rows }: Scan): number => bytes / rows;

/** The compiled kernel, for whoever has rows to make or to read. */
export const readKernel = (): WebAssembly.Module =>
  new WebAssembly.Module(readFileSync(new URL("./rows/kernel/kernel.wasm", import.meta.url)));

/**
 * Throws an OptionsError where the batches asked for do not fit into memory, or cannot be compressed here. `scan`: of the file that rows come from; undefined
 * where they are generated. `otlp`: how traces are sent; undefined: none are.
 */
export function makePlan(
  options: Options,
  target: Target,
  endpoints: readonly Endpoint[],
  version: string,
  scan?: Scan,
  otlp?: Otlp,
): Plan {
  const uncompressed = whyNotCompressed(options.compress);
  if (uncompressed !== undefined) throw new OptionsError([uncompressed]);
  const source: RowSource =
    scan === undefined
      ? { kind: "rules", program: compileRows(target.columns, options.format, options.seed) }
      : { kind: "file", replay: { scan, time: target.timeColumn } };
  const sizes = sizesOf(source);
  const rowLimit = options.replay?.once ? scan?.rows : undefined;
  const asked = scheduleOf(options, options.batchRows, rowLimit);
  const workers = options.workers ?? defaultWorkers(asked, source, options);
  const permits = (worker: number): number =>
    Math.floor(options.inFlight / workers) + (worker < options.inFlight % workers ? 1 : 0);
  // One more slot than permits: the next batch is rendered while the others are on the wire.
  const slots = permits(0) + 1;
  const rows = rowsPerBatch(asked);
  const most = fittingRows(sizes, slots, workers, rows, options.compress);
  const allSlots = options.inFlight + workers;
  if (most < 1) {
    const row = `a row may have ${(sizes.longestRowBytes / 2 ** 20).toFixed(1)} MiB`;
    throw new OptionsError([
      fittingRows(sizes, 2, 1, 1, options.compress) < 1
        ? `rows are too long for memory: ${row}${scan === undefined ? "; shorten the lengths of arrays and maps" : ""}`
        : `--in-flight is too large: ${allSlots} slots would need ${gibibytes(allSlots, sizes, 1)}, as ${row}`,
    ]);
  }
  if (rows > most && options.batchRowsGiven) {
    throw new OptionsError([
      `--batch-rows is too large: ${allSlots} slots would need ${gibibytes(allSlots, sizes, rows)}; ` +
        `${most} rows fit, or fewer --in-flight`,
    ]);
  }
  // Rows may be so long that the default does not fit.
  const spec = rows > most ? scheduleOf(options, most, rowLimit) : asked;
  const bytesPerSlot = sizes.slotBytes(rowsPerBatch(spec));
  const schedule = built(spec);
  const shard = options.shard ?? WHOLE;

  const shape: CountersShape = {
    workers,
    endpoints: endpoints.length,
    phases: spec.warmUpNs > 0n ? 2 : 1,
  };
  const counters = Counters.allocate(shape);
  counters.endNs = schedule?.durationNs ?? options.durationNs;
  counters.drainedNs = counters.endNs + options.drainNs;
  const fates = Fates.allocate(Math.ceil(batchesOf(spec, schedule) / shard.of));
  const kernel = readKernel();
  return {
    spec,
    schedule,
    shard,
    counters,
    fates,
    goesOnAfterCrash: options.goesOnAfterCrash,
    workers: Array.from({ length: workers }, (_, worker) => ({
      worker,
      workers,
      runId: options.runId,
      schedule: spec,
      shard,
      maxLagNs: options.maxLagNs === undefined ? undefined : Number(options.maxLagNs),
      kernel,
      rows: source,
      slots: permits(worker) + 1,
      slotBytes: bytesPerSlot,
      insert: {
        sends: "bodies",
        endpoints,
        parameters: target.parameters,
        compression: options.compress,
        permits: permits(worker),
        timeoutMs: options.timeoutMs,
      },
      stores: target.storeOf,
      retry: {
        retries: options.retries,
        forNs: Number(options.retryForNs),
        ambiguous: options.retryAmbiguous || target.deduplication?.honoured === true,
      },
      maxFailures: options.maxFailures,
      tokens: target.tokens,
      dataStartNs: options.dataStartNs,
      traces: otlp && {
        otlp,
        tracesPerSecond: TRACES_PER_SECOND / workers,
        version,
        runId: options.runId,
        database: target.database,
        table: target.table,
      },
      counters: counters.buffer,
      shape,
      fates: fates.buffer,
    })),
  };
}

/** All shards' together; Infinity where nobody knows. */
function batchesOf(spec: ScheduleSpec, schedule: Schedule | undefined): number {
  if (schedule !== undefined) return schedule.batches;
  return Math.ceil((spec.rowLimit ?? Number.POSITIVE_INFINITY) / rowsPerBatch(spec));
}

/** How many rows a slot can have, if not as many as are `wanted`. */
function fittingRows(sizes: Sizes, slots: number, workers: number, wanted: number, compress: Compression): number {
  // A container's limit, where there is one; without, some systems answer 0 or a number beyond any machine.
  const memory = Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);
  // A compressed body lies beside its slot, and may be as long.
  const copies = compress === "none" ? 1 : 2;
  const limit = Math.min(renderer.MEMORY_LIMIT_BYTES, (memory * MEMORY_SHARE) / workers / copies);
  // Rows of a file differ in length: a batch of them is not as long as that many of the longest.
  if (sizes.memoryBytes(slots, sizes.slotBytes(wanted)) <= limit) return wanted;
  const overhead = sizes.memoryBytes(slots, sizes.slotBytes(0)) + slots * SLOT_OVERHEAD_BYTES;
  return Math.min(wanted, Math.floor((limit - overhead) / slots / sizes.longestRowBytes));
}

const gibibytes = (slots: number, sizes: Sizes, rows: number): string =>
  `${((slots * sizes.slotBytes(rows)) / 2 ** 30).toFixed(1)} GiB`;
