// The counters of a run, in one block of shared memory. Every cell has a single writer, a worker; the main thread adds
// them up whenever somebody asks, and they survive a worker's death. Cells are 8-byte floats, written and read whole:
// a sum taken while workers write is between before and after, never garbage.
//
//   | control | worker 0: state, slots, trouble log, endpoint 0, endpoint 1 …, two histograms | worker 1: … |

import type { Float64Histogram } from "hdr-histogram-js";
import { type Code, type Outcome, REASONS, type Reason, TRANSPORT_CODES } from "./answer.js";
import { HISTOGRAM_BYTES, merge, SharedHistogram } from "./latency.js";

const CELL_BYTES = 8;
const CONTROL = { endNs: 0, drainedNs: 1, claimed: 2, cells: 3 } as const;
const STATE = {
  inFlight: 0,
  nextDueNs: 1,
  maxLagNs: 2,
  lastAnswerNs: 3,
  latencySumNs: 4,
  serviceSumNs: 5,
  troubles: 6,
  cells: 7,
} as const;
const ENDPOINT = {
  generatedRows: 0,
  acknowledgedRows: 1,
  unknownRows: 2,
  failedRows: 3,
  acknowledgedInserts: 3 + REASONS.length,
  unknownInserts: 4 + REASONS.length,
  failedInserts: 5 + REASONS.length,
  renderedBytes: 6 + REASONS.length,
  sentBytes: 7 + REASONS.length,
  errors: 8 + REASONS.length,
} as const;
/** Exception numbers up to here have a cell of their own; a higher one counts as "other". */
const LARGEST_EXCEPTION = 1199;
const ERROR_CODES = LARGEST_EXCEPTION + 1 + TRANSPORT_CODES.length;
const ENDPOINT_CELLS = ENDPOINT.errors + 2 * ERROR_CODES;
/** Batches that were not acknowledged are remembered by number, up to so many a worker. */
const TROUBLES = 10_000;
const EMPTY_SLOT = -1;

export interface CountersShape {
  readonly workers: number;
  readonly endpoints: number;
  /** Slots a worker. */
  readonly slots: number;
}

/** Rows and inserts with one error code. */
export interface ErrorCount {
  readonly code: Code;
  readonly inserts: number;
  readonly rows: number;
}

export interface Totals {
  readonly generated: number;
  /** Rows given up because they were late. */
  readonly dropped: number;
  readonly acknowledged: number;
  readonly unknown: number;
  readonly failed: number;
  readonly failedBy: Readonly<Record<Reason, number>>;
  readonly inserts: { readonly acknowledged: number; readonly failed: number; readonly unknown: number };
  readonly bytes: { readonly rendered: number; readonly sent: number };
  readonly errors: readonly ErrorCount[];
  readonly inFlight: number;
  /** How far the most belated worker is behind its schedule at `nowNs`. */
  readonly lagNs: number;
  readonly maxLagNs: number;
  readonly lastAnswerNs: number;
  readonly latencySumNs: number;
  readonly serviceSumNs: number;
}

function codeIndex(code: Code): number {
  if (typeof code === "number" && code <= LARGEST_EXCEPTION) return code;
  return LARGEST_EXCEPTION + 1 + TRANSPORT_CODES.indexOf(typeof code === "number" ? "other" : code);
}

function codeAt(index: number): Code {
  return index <= LARGEST_EXCEPTION ? index : (TRANSPORT_CODES[index - LARGEST_EXCEPTION - 1] ?? "other");
}

function workerBytes(shape: CountersShape): number {
  const cells = STATE.cells + shape.slots + TROUBLES + shape.endpoints * ENDPOINT_CELLS;
  return cells * CELL_BYTES + 2 * HISTOGRAM_BYTES;
}

/** A worker's own cells. Only that worker writes them. */
export class WorkerCounters {
  readonly latency: SharedHistogram;
  readonly service: SharedHistogram;
  readonly #cells: Float64Array;
  readonly #shape: CountersShape;

  constructor(buffer: SharedArrayBuffer, shape: CountersShape, worker: number) {
    this.#shape = shape;
    const start = CONTROL.cells * CELL_BYTES + worker * workerBytes(shape);
    const histograms = start + workerBytes(shape) - 2 * HISTOGRAM_BYTES;
    this.#cells = new Float64Array(buffer, start, (histograms - start) / CELL_BYTES);
    this.latency = new SharedHistogram(buffer, histograms);
    this.service = new SharedHistogram(buffer, histograms + HISTOGRAM_BYTES);
  }

  /** Before the first batch. */
  reset(): void {
    this.#cells.fill(EMPTY_SLOT, STATE.cells, STATE.cells + this.#shape.slots);
    this.#cells[STATE.nextDueNs] = Number.POSITIVE_INFINITY;
  }

  get(cell: number): number {
    return this.#cells[cell] ?? 0;
  }

  #add(cell: number, amount: number): void {
    this.#cells[cell] = this.get(cell) + amount;
  }

  #endpoint(endpoint: number): number {
    return STATE.cells + this.#shape.slots + TROUBLES + endpoint * ENDPOINT_CELLS;
  }

  /** The next batch is due then; Infinity when there is none. */
  nextDue(dueNs: number): void {
    this.#cells[STATE.nextDueNs] = dueNs;
  }

  /** A batch has been handed to insert. */
  generated(endpoint: number, slot: number, batch: number, rows: number, bytes: number): void {
    const at = this.#endpoint(endpoint);
    this.#cells[STATE.cells + slot] = batch;
    this.#add(STATE.inFlight, 1);
    this.#add(at + ENDPOINT.generatedRows, rows);
    this.#add(at + ENDPOINT.renderedBytes, bytes);
  }

  /** Its request begins to leave, `lagNs` after it was due. */
  sent(endpoint: number, bytes: number, lagNs: number): void {
    this.#add(this.#endpoint(endpoint) + ENDPOINT.sentBytes, bytes);
    if (lagNs > this.get(STATE.maxLagNs)) this.#cells[STATE.maxLagNs] = lagNs;
  }

  /** Its outcome is known. */
  answered(endpoint: number, slot: number, batch: number, rows: number, outcome: Outcome): void {
    const at = this.#endpoint(endpoint);
    this.#cells[STATE.cells + slot] = EMPTY_SLOT;
    this.#add(STATE.inFlight, -1);
    switch (outcome.kind) {
      case "acknowledged":
        this.#add(at + ENDPOINT.acknowledgedInserts, 1);
        this.#add(at + ENDPOINT.acknowledgedRows, rows);
        return;
      case "failed":
        this.#add(at + ENDPOINT.failedInserts, 1);
        this.#add(at + ENDPOINT.failedRows + REASONS.indexOf(outcome.reason), rows);
        break;
      case "unknown":
        this.#add(at + ENDPOINT.unknownInserts, 1);
        this.#add(at + ENDPOINT.unknownRows, rows);
        break;
    }
    const error = at + ENDPOINT.errors + 2 * codeIndex(outcome.code);
    this.#add(error, 1);
    this.#add(error + 1, rows);
    const troubles = this.get(STATE.troubles);
    if (troubles < TROUBLES) this.#cells[STATE.cells + this.#shape.slots + troubles] = batch;
    this.#cells[STATE.troubles] = troubles + 1;
  }

  /** Times of an answered insert; `dueNs` is undefined in a closed loop, which has no latency. */
  timed(dueNs: number | undefined, sentNs: number, answeredNs: number): void {
    this.#cells[STATE.lastAnswerNs] = answeredNs;
    this.service.recordNs(answeredNs - sentNs);
    this.#add(STATE.serviceSumNs, answeredNs - sentNs);
    if (dueNs === undefined) return;
    this.latency.recordNs(answeredNs - dueNs);
    this.#add(STATE.latencySumNs, answeredNs - dueNs);
  }

  /** Batches whose rows nobody acknowledged: those of the log, and those still in a slot, in flight. */
  troubled(): { readonly batches: readonly number[]; readonly complete: boolean } {
    const count = this.get(STATE.troubles);
    const log = STATE.cells + this.#shape.slots;
    const logged = this.#cells.subarray(log, log + Math.min(count, TROUBLES));
    const inFlight = this.#cells.subarray(STATE.cells, log).filter((batch) => batch !== EMPTY_SLOT);
    return { batches: [...logged, ...inFlight], complete: count <= TROUBLES };
  }

  /** The cells of one endpoint, for adding up. */
  endpointCells(endpoint: number): Float64Array {
    const at = this.#endpoint(endpoint);
    return this.#cells.subarray(at, at + ENDPOINT_CELLS);
  }
}

/** All counters of a run, and the three cells by which the main thread steers the workers. */
export class Counters {
  readonly workers: readonly WorkerCounters[];
  readonly #control: BigInt64Array;

  constructor(
    readonly buffer: SharedArrayBuffer,
    readonly shape: CountersShape,
  ) {
    this.#control = new BigInt64Array(buffer, 0, CONTROL.cells);
    this.workers = Array.from({ length: shape.workers }, (_, worker) => new WorkerCounters(buffer, shape, worker));
  }

  static allocate(shape: CountersShape): Counters {
    const counters = new Counters(
      new SharedArrayBuffer(CONTROL.cells * CELL_BYTES + shape.workers * workerBytes(shape)),
      shape,
    );
    for (const worker of counters.workers) worker.reset();
    return counters;
  }

  worker(number: number): WorkerCounters {
    const worker = this.workers[number];
    if (worker === undefined) throw new RangeError(`there is no worker ${number}`);
    return worker;
  }

  /** When the schedule ends: its duration, or earlier when the run was interrupted. Nanoseconds from the start. */
  get endNs(): bigint {
    return Atomics.load(this.#control, CONTROL.endNs);
  }
  set endNs(ns: bigint) {
    Atomics.store(this.#control, CONTROL.endNs, ns);
  }

  /** From then on nothing more is sent, due or not. Nanoseconds from the start. */
  get drainedNs(): bigint {
    return Atomics.load(this.#control, CONTROL.drainedNs);
  }
  set drainedNs(ns: bigint) {
    Atomics.store(this.#control, CONTROL.drainedNs, ns);
  }

  /** The closed loop's next batch: numbers are handed out once each, without a gap. */
  claim(): number {
    return Number(Atomics.add(this.#control, CONTROL.claimed, 1n));
  }

  /** Batches claimed so far. */
  get claimed(): number {
    return Number(Atomics.load(this.#control, CONTROL.claimed));
  }

  /** Due to answered, of all workers; in `sum`, where one is given. */
  latency(sum?: Float64Histogram): Float64Histogram {
    return merge(
      this.workers.map((worker) => worker.latency),
      sum,
    );
  }

  /** Sent to answered, likewise. */
  service(sum?: Float64Histogram): Float64Histogram {
    return merge(
      this.workers.map((worker) => worker.service),
      sum,
    );
  }

  totals(nowNs: number): Totals {
    const sum = new Float64Array(ENDPOINT_CELLS);
    for (const worker of this.workers) {
      for (let endpoint = 0; endpoint < this.shape.endpoints; endpoint++) {
        const cells = worker.endpointCells(endpoint);
        // Backwards: generated rows come first and are read last, so no sum ever shows more answered than generated.
        for (let index = cells.length - 1; index >= 0; index--) {
          sum[index] = (sum[index] ?? 0) + (cells[index] ?? 0);
        }
      }
    }
    const at = (index: number): number => sum[index] ?? 0;
    const state = (cell: number): number[] => this.workers.map((worker) => worker.get(cell));
    const add = (values: number[]): number => values.reduce((a, b) => a + b, 0);
    const failedBy = Object.fromEntries(
      REASONS.map((reason, index) => [reason, at(ENDPOINT.failedRows + index)]),
    ) as Record<Reason, number>;
    const errors: ErrorCount[] = [];
    for (let index = 0; index < ERROR_CODES; index++) {
      const inserts = at(ENDPOINT.errors + 2 * index);
      if (inserts > 0) errors.push({ code: codeAt(index), inserts, rows: at(ENDPOINT.errors + 2 * index + 1) });
    }
    return {
      generated: at(ENDPOINT.generatedRows),
      dropped: 0,
      acknowledged: at(ENDPOINT.acknowledgedRows),
      unknown: at(ENDPOINT.unknownRows),
      failed: add(Object.values(failedBy)),
      failedBy,
      inserts: {
        acknowledged: at(ENDPOINT.acknowledgedInserts),
        failed: at(ENDPOINT.failedInserts),
        unknown: at(ENDPOINT.unknownInserts),
      },
      bytes: { rendered: at(ENDPOINT.renderedBytes), sent: at(ENDPOINT.sentBytes) },
      errors,
      inFlight: add(state(STATE.inFlight)),
      lagNs: Math.max(0, nowNs - Math.min(...state(STATE.nextDueNs))),
      maxLagNs: Math.max(...state(STATE.maxLagNs)),
      lastAnswerNs: Math.max(...state(STATE.lastAnswerNs)),
      latencySumNs: add(state(STATE.latencySumNs)),
      serviceSumNs: add(state(STATE.serviceSumNs)),
    };
  }
}
