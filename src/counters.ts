// The counters of a run, in one block of shared memory. Every cell has a single writer, a worker; the main thread adds
// them up whenever somebody asks, and they survive a worker's death. Cells are 8-byte floats, written and read whole:
// a sum taken while workers write is between before and after, never garbage.
//
//   | control | worker 0: state, slots, trouble log, phase 0, phase 1 | worker 1: … |
//
// Phases (phase.ts): the warm-up, where there is one, and what is measured. A batch belongs to one of them, whenever it is answered.

import type { Float64Histogram } from "hdr-histogram-js";
import { type Code, type Outcome, REASONS, type Reason } from "./answer.js";
import { merge } from "./latency.js";
import {
  CELL_BYTES,
  codeAt,
  codeIndex,
  ENDPOINT,
  ENDPOINT_CELLS,
  ERROR_CODES,
  type HistogramName,
  PHASE,
  Phase,
  phaseBytes,
} from "./phase.js";
import type { Batch } from "./schedule.js";

export type { HistogramName } from "./phase.js";

const CONTROL = { endNs: 0, drainedNs: 1, claimed: 2, cells: 3 } as const;
const STATE = {
  nextDueNs: 0,
  lastAnswerNs: 1,
  troubles: 2,
  firstLagNs: 3,
  behindUntilNs: 4,
  busyNs: 5,
  idleNs: 6,
  renderingNs: 7,
  waitingNs: 8,
  delayedNs: 9,
  cells: 10,
} as const;
/** Batches that were not acknowledged are remembered by number, up to so many a worker. */
const TROUBLES = 10_000;
const EMPTY_SLOT = -1;
/** What a timer and a turn of the event loop may take: a batch is overdue only after that. */
export const OVERDUE_NS = 10_000_000;
const UNSEEN = -1;

export interface CountersShape {
  readonly workers: number;
  readonly endpoints: number;
  /** Slots a worker. */
  readonly slots: number;
  /** 2 where there is a warm-up, else 1: the last one is measured. */
  readonly phases: 1 | 2;
}

/** Of a batch, what counting it takes. */
type Counted = Pick<Batch, "number" | "rows" | "measured">;

/** What a worker's time went into, of the measured part. */
export interface Share {
  /** Its event loop's. */
  readonly busyNs: number;
  readonly idleNs: number;
  readonly renderingNs: number;
  /** A batch was overdue and there was no place for it among the inserts in flight. */
  readonly waitingNs: number;
  /** A batch was overdue and there was one: the worker itself, or its machine, was late. */
  readonly delayedNs: number;
}

/** Rows and inserts with one error code. */
export interface ErrorCount {
  readonly code: Code;
  readonly inserts: number;
  readonly rows: number;
}

/** whole: with the warm-up; measured: without it. */
export type Part = "whole" | "measured";

export interface Totals {
  readonly generated: number;
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
  readonly latenessSumNs: number;
}

const stateCells = (shape: CountersShape): number => STATE.cells + shape.slots + TROUBLES;
const workerBytes = (shape: CountersShape): number => stateCells(shape) * CELL_BYTES + shape.phases * phaseBytes(shape);

/** A worker's own cells. Only that worker writes them. */
export class WorkerCounters {
  readonly phases: readonly Phase[];
  readonly #cells: Float64Array;
  readonly #shape: CountersShape;
  readonly #warmUp: Phase;
  readonly #measured: Phase;

  constructor(buffer: SharedArrayBuffer, shape: CountersShape, worker: number) {
    this.#shape = shape;
    const start = CONTROL.cells * CELL_BYTES + worker * workerBytes(shape);
    this.#cells = new Float64Array(buffer, start, stateCells(shape));
    const phases = start + this.#cells.byteLength;
    this.#warmUp = new Phase(buffer, shape, phases);
    this.#measured = shape.phases === 1 ? this.#warmUp : new Phase(buffer, shape, phases + phaseBytes(shape));
    this.phases = shape.phases === 1 ? [this.#measured] : [this.#warmUp, this.#measured];
  }

  /** Before the first batch. */
  reset(): void {
    this.#cells.fill(EMPTY_SLOT, STATE.cells, STATE.cells + this.#shape.slots);
    this.#cells[STATE.nextDueNs] = Number.POSITIVE_INFINITY;
    this.#cells[STATE.firstLagNs] = UNSEEN;
  }

  get(cell: number): number {
    return this.#cells[cell] ?? 0;
  }

  #phase({ measured }: Counted): Phase {
    return measured ? this.#measured : this.#warmUp;
  }

  /** The next batch is due then; Infinity when there is none. */
  nextDue(dueNs: number): void {
    this.#cells[STATE.nextDueNs] = dueNs;
  }

  /** A batch is too late to be sent. */
  dropped(batch: Counted): void {
    this.#phase(batch).add(PHASE.droppedRows, batch.rows);
  }

  /** A batch has been handed to insert. */
  generated(endpoint: number, slot: number, batch: Counted, bytes: number): void {
    const phase = this.#phase(batch);
    const at = PHASE.cells + endpoint * ENDPOINT_CELLS;
    this.#cells[STATE.cells + slot] = batch.number;
    phase.add(at + ENDPOINT.generatedInserts, 1);
    phase.add(at + ENDPOINT.generatedRows, batch.rows);
    phase.add(at + ENDPOINT.renderedBytes, bytes);
  }

  /** Its request begins to leave; `dueNs` is undefined in a closed loop. */
  sent(endpoint: number, batch: Counted, bytes: number, dueNs: number | undefined, sentNs: number): void {
    const phase = this.#phase(batch);
    phase.add(PHASE.cells + endpoint * ENDPOINT_CELLS + ENDPOINT.sentBytes, bytes);
    if (dueNs === undefined) return;
    const lagNs = sentNs - dueNs;
    phase.lateness.recordNs(lagNs);
    phase.add(PHASE.latenessSumNs, lagNs);
    if (lagNs > phase.get(PHASE.maxLagNs)) phase.cells[PHASE.maxLagNs] = lagNs;
    if (batch.measured && this.get(STATE.firstLagNs) === UNSEEN) this.#cells[STATE.firstLagNs] = lagNs;
  }

  /** Its outcome is known. */
  answered(endpoint: number, slot: number, batch: Counted, outcome: Outcome): void {
    const phase = this.#phase(batch);
    const at = PHASE.cells + endpoint * ENDPOINT_CELLS;
    const { rows } = batch;
    this.#cells[STATE.cells + slot] = EMPTY_SLOT;
    switch (outcome.kind) {
      case "acknowledged":
        phase.add(at + ENDPOINT.acknowledgedInserts, 1);
        phase.add(at + ENDPOINT.acknowledgedRows, rows);
        return;
      case "failed":
        phase.add(at + ENDPOINT.failedInserts, 1);
        phase.add(at + ENDPOINT.failedRows + REASONS.indexOf(outcome.reason), rows);
        break;
      case "unknown":
        phase.add(at + ENDPOINT.unknownInserts, 1);
        phase.add(at + ENDPOINT.unknownRows, rows);
        break;
    }
    const error = at + ENDPOINT.errors + 2 * codeIndex(outcome.code);
    phase.add(error, 1);
    phase.add(error + 1, rows);
    const troubles = this.get(STATE.troubles);
    if (troubles < TROUBLES) this.#cells[STATE.cells + this.#shape.slots + troubles] = batch.number;
    this.#cells[STATE.troubles] = troubles + 1;
  }

  /** A batch is due, and will never be sent. */
  givenUp(batch: Counted, lagNs: number): void {
    const phase = this.#phase(batch);
    if (lagNs > phase.get(PHASE.maxLagNs)) phase.cells[PHASE.maxLagNs] = lagNs;
  }

  /** Times of an answered insert; `dueNs` is undefined in a closed loop, which has no latency. */
  timed(batch: Counted, dueNs: number | undefined, sentNs: number, answeredNs: number): void {
    const phase = this.#phase(batch);
    this.#cells[STATE.lastAnswerNs] = answeredNs;
    phase.service.recordNs(answeredNs - sentNs);
    phase.add(PHASE.serviceSumNs, answeredNs - sentNs);
    if (dueNs === undefined) return;
    const lagNs = sentNs - dueNs;
    if (lagNs > OVERDUE_NS) {
      const untilNs = Math.min(answeredNs, sentNs + lagNs);
      this.#cells[STATE.behindUntilNs] = Math.max(this.get(STATE.behindUntilNs), untilNs);
    }
    phase.latency.recordNs(answeredNs - dueNs);
    phase.add(PHASE.latencySumNs, answeredNs - dueNs);
  }

  /** What the measured part has taken so far. */
  spent({ busyNs, idleNs, renderingNs, waitingNs, delayedNs }: Share): void {
    this.#cells.set([busyNs, idleNs, renderingNs, waitingNs, delayedNs], STATE.busyNs);
  }

  get share(): Share {
    return {
      busyNs: this.get(STATE.busyNs),
      idleNs: this.get(STATE.idleNs),
      renderingNs: this.get(STATE.renderingNs),
      waitingNs: this.get(STATE.waitingNs),
      delayedNs: this.get(STATE.delayedNs),
    };
  }

  /** How late the first measured insert was sent; undefined where none was, or in a closed loop. */
  get firstLagNs(): number | undefined {
    const lagNs = this.get(STATE.firstLagNs);
    return lagNs === UNSEEN ? undefined : lagNs;
  }

  /** Until when inserts that were sent overdue were under way, but of each no longer than it was late; 0: there was none. */
  get behindUntilNs(): number {
    return this.get(STATE.behindUntilNs);
  }

  /** Batches whose rows nobody acknowledged: those of the log, and those still in a slot, in flight. */
  troubled(): { readonly batches: readonly number[]; readonly complete: boolean } {
    const count = this.get(STATE.troubles);
    const log = STATE.cells + this.#shape.slots;
    const logged = this.#cells.subarray(log, log + Math.min(count, TROUBLES));
    const inFlight = this.#cells.subarray(STATE.cells, log).filter((batch) => batch !== EMPTY_SLOT);
    return { batches: [...logged, ...inFlight], complete: count <= TROUBLES };
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

  #phases(of: Part): readonly Phase[] {
    return this.workers.flatMap(({ phases }) => (of === "whole" ? phases : phases.slice(-1)));
  }

  /** Of all workers; in `sum`, where one is given. */
  histogram(name: HistogramName, of: Part = "whole", sum?: Float64Histogram): Float64Histogram {
    return merge(
      this.#phases(of).map((phase) => phase[name]),
      sum,
    );
  }

  totals(nowNs: number, of: Part = "whole"): Totals {
    const phases = this.#phases(of);
    const sum = new Float64Array(ENDPOINT_CELLS);
    for (const phase of phases) {
      for (let endpoint = 0; endpoint < this.shape.endpoints; endpoint++) {
        const cells = phase.endpointCells(endpoint);
        // Backwards: what is generated comes first and is read last, so no sum ever shows more answered than generated.
        for (let index = cells.length - 1; index >= 0; index--) {
          sum[index] = (sum[index] ?? 0) + (cells[index] ?? 0);
        }
      }
    }
    const at = (index: number): number => sum[index] ?? 0;
    const state = (cell: number): number[] => this.workers.map((worker) => worker.get(cell));
    const ofPhases = (cell: number): number[] => phases.map((phase) => phase.get(cell));
    const add = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
    const failedBy = Object.fromEntries(
      REASONS.map((reason, index) => [reason, at(ENDPOINT.failedRows + index)]),
    ) as Record<Reason, number>;
    const errors: ErrorCount[] = [];
    for (let index = 0; index < ERROR_CODES; index++) {
      const inserts = at(ENDPOINT.errors + 2 * index);
      if (inserts > 0) errors.push({ code: codeAt(index), inserts, rows: at(ENDPOINT.errors + 2 * index + 1) });
    }
    const inserts = {
      acknowledged: at(ENDPOINT.acknowledgedInserts),
      failed: at(ENDPOINT.failedInserts),
      unknown: at(ENDPOINT.unknownInserts),
    };
    return {
      generated: at(ENDPOINT.generatedRows),
      dropped: add(ofPhases(PHASE.droppedRows)),
      acknowledged: at(ENDPOINT.acknowledgedRows),
      unknown: at(ENDPOINT.unknownRows),
      failed: add(Object.values(failedBy)),
      failedBy,
      inserts,
      bytes: { rendered: at(ENDPOINT.renderedBytes), sent: at(ENDPOINT.sentBytes) },
      errors,
      inFlight: at(ENDPOINT.generatedInserts) - add(Object.values(inserts)),
      lagNs: Math.max(0, nowNs - Math.min(...state(STATE.nextDueNs))),
      maxLagNs: Math.max(...ofPhases(PHASE.maxLagNs)),
      lastAnswerNs: Math.max(...state(STATE.lastAnswerNs)),
      latencySumNs: add(ofPhases(PHASE.latencySumNs)),
      serviceSumNs: add(ofPhases(PHASE.serviceSumNs)),
      latenessSumNs: add(ofPhases(PHASE.latenessSumNs)),
    };
  }
}
