// The counters of a run, in one block of shared memory. Every cell has a single writer, a worker; the main thread adds
// them up whenever somebody asks, and they survive a worker's death. Cells are 8-byte floats, written and read whole:
// a sum taken while workers write is between before and after, never garbage.
//
//   | control | worker 0: state, window, late, phase 0, phase 1 | worker 1: … |
//
// Phases (phase.ts): the warm-up, where there is one, and what is measured. A batch belongs to one of them, whenever it is answered.

import type { Float64Histogram } from "hdr-histogram-js";
import { type Code, type Outcome, REASONS, type Reason } from "./answer.js";
import { HISTOGRAM_BYTES, merge, SharedHistogram } from "./latency.js";
import {
  CELL_BYTES,
  codeAt,
  codeIndex,
  ENDPOINT,
  ENDPOINT_CELLS,
  ERROR,
  ERROR_CODES,
  type HistogramName,
  PHASE,
  Phase,
  phaseBytes,
} from "./phase.js";
import type { Batch } from "./schedule.js";
import { SPAN_OUTCOMES, type SpanOutcome, type SpanTotals } from "./spans.js";
import { WINDOW } from "./window.js";
import { PROGRESSES, type Progress, type Progresses } from "./wire.js";

export type { HistogramName } from "./phase.js";

const CONTROL = { endNs: 0, drainedNs: 1, claimed: 2, failing: 3, cells: 4 } as const;
const STATE = {
  nextDueNs: 0,
  lastAnswerNs: 1,
  busyNs: 2,
  idleNs: 3,
  renderingNs: 4,
  waitingNs: 5,
  delayedNs: 6,
  ranNs: 7,
  waitedForCpuNs: 8,
  stoodNs: 9,
  throttledNs: 10,
  spansBegun: 11,
  /** One an outcome. */
  spans: 12,
  /** One a progress. */
  seen: 12 + SPAN_OUTCOMES.length,
  cells: 12 + SPAN_OUTCOMES.length + PROGRESSES.length,
} as const;
/** What the system does not say. */
const UNSAID = -1;
/** What a timer and a turn of the event loop may take: a batch is overdue only after that. */
export const OVERDUE_NS = 10_000_000;

export interface CountersShape {
  readonly workers: number;
  readonly endpoints: number;
  /** 2 where there is a warm-up, else 1: the last one is measured. */
  readonly phases: 1 | 2;
}

/** Of a batch, what counting it takes. */
type Counted = Pick<Batch, "rows" | "measured">;

/** Of an insert that is over, nanoseconds from the start. */
export interface Times {
  /** Undefined in a closed loop, which has no latency. */
  readonly dueNs: number | undefined;
  readonly answeredNs: number;
  /** How long the last request that left took. */
  readonly serviceNs: number;
  /** Of that, how long its answer may have lain unread, as its thread was held up; left out: nobody knows. */
  readonly heldNs?: number;
  /** Of that, until the system had taken the whole body; left out: no longer than a moment. */
  readonly sendingNs?: number;
}

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

/** What the system says of a worker's thread, of the measured part; undefined where it does not say. */
export interface CpuTimes {
  readonly ranNs: number | undefined;
  /** It could have run, and others had the CPUs. */
  readonly waitedNs: number | undefined;
  /** It neither ran nor waited nor slept: process or machine were stopped. Where the system does not say, all that held it up. */
  readonly stoodNs: number;
  /** The limit of its process's control group held that still; summed over CPUs. */
  readonly throttledNs: number | undefined;
}

/** Rows and inserts with one error code. */
export interface ErrorCount {
  readonly code: Code;
  /** That ended so. */
  readonly inserts: number;
  readonly rows: number;
  /** Attempts that failed so and were not the last of their insert. */
  readonly retried: number;
}

/** What one endpoint did. */
export interface EndpointTotals {
  /** Inserts that ended there, by how. */
  readonly inserts: Totals["inserts"];
  readonly acknowledged: number;
  /** Attempts there that failed and were not the last of their insert. */
  readonly retried: number;
  readonly sentBytes: number;
  /** How often a worker left it out. */
  readonly leftOut: number;
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
  /** Attempts beyond the first ones of their inserts. */
  readonly retries: number;
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
  readonly refusedSumNs: number;
  /** Of the sum of service times. */
  readonly heldSumNs: number;
  readonly sendingSumNs: number;
}

const OWN_CELLS = STATE.cells + WINDOW.cells;
const workerBytes = (shape: CountersShape): number =>
  OWN_CELLS * CELL_BYTES + HISTOGRAM_BYTES + shape.phases * phaseBytes(shape);

/** A worker's own cells. Only that worker writes them. */
export class WorkerCounters {
  readonly phases: readonly Phase[];
  /** What was answered in the measured window: window.ts. */
  readonly window: Float64Array;
  /** How long after the end of the schedule rows were acknowledged. */
  readonly late: SharedHistogram;
  readonly #cells: Float64Array;
  readonly #warmUp: Phase;
  readonly #measured: Phase;

  constructor(buffer: SharedArrayBuffer, shape: CountersShape, worker: number) {
    const start = CONTROL.cells * CELL_BYTES + worker * workerBytes(shape);
    this.#cells = new Float64Array(buffer, start, STATE.cells);
    this.window = new Float64Array(buffer, start + this.#cells.byteLength, WINDOW.cells);
    this.late = new SharedHistogram(buffer, start + OWN_CELLS * CELL_BYTES);
    const phases = start + OWN_CELLS * CELL_BYTES + HISTOGRAM_BYTES;
    this.#warmUp = new Phase(buffer, shape, phases);
    this.#measured = shape.phases === 1 ? this.#warmUp : new Phase(buffer, shape, phases + phaseBytes(shape));
    this.phases = shape.phases === 1 ? [this.#measured] : [this.#warmUp, this.#measured];
  }

  /** Before the first batch. */
  reset(): void {
    this.#cells[STATE.nextDueNs] = Number.POSITIVE_INFINITY;
    this.held({ ranNs: undefined, waitedNs: undefined, stoodNs: 0, throttledNs: undefined });
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
  generated(batch: Counted, bytes: number): void {
    const phase = this.#phase(batch);
    phase.add(PHASE.generatedInserts, 1);
    phase.add(PHASE.generatedRows, batch.rows);
    phase.add(PHASE.renderedBytes, bytes);
  }

  /** A request of its begins to leave; `dueNs` is undefined in a closed loop, and of every request but the first. */
  sent(endpoint: number, batch: Counted, bytes: number, dueNs: number | undefined, sentNs: number): void {
    const phase = this.#phase(batch);
    phase.add(PHASE.cells + endpoint * ENDPOINT_CELLS + ENDPOINT.sentBytes, bytes);
    if (dueNs !== undefined) this.begun(batch, dueNs, sentNs);
  }

  /** Its first attempt begins. */
  begun(batch: Counted, dueNs: number, sentNs: number): void {
    const phase = this.#phase(batch);
    const lagNs = sentNs - dueNs;
    phase.lateness.recordNs(lagNs);
    phase.add(PHASE.latenessSumNs, lagNs);
    if (lagNs > phase.get(PHASE.maxLagNs)) phase.cells[PHASE.maxLagNs] = lagNs;
  }

  /** An attempt failed, and there will be another. */
  retried(endpoint: number, batch: Counted, code: Code): void {
    const phase = this.#phase(batch);
    const at = PHASE.cells + endpoint * ENDPOINT_CELLS;
    phase.add(at + ENDPOINT.retried, 1);
    phase.add(at + ENDPOINT.errors + ERROR.cells * codeIndex(code) + ERROR.retried, 1);
  }

  /** Of the attempts that were followed by another, one with `code` was the one that counts, and one with `other` was not. */
  exchanged(endpoint: number, batch: Counted, code: Code, other: Code): void {
    const phase = this.#phase(batch);
    const retried = (one: Code): number =>
      PHASE.cells + endpoint * ENDPOINT_CELLS + ENDPOINT.errors + ERROR.cells * codeIndex(one) + ERROR.retried;
    phase.add(retried(code), -1);
    phase.add(retried(other), 1);
  }

  /** Inserts go to other endpoints for a while. */
  leftOut(endpoint: number): void {
    this.#measured.add(PHASE.cells + endpoint * ENDPOINT_CELLS + ENDPOINT.leftOut, 1);
  }

  /** Its outcome is known. `endpoint`: of its last attempt. */
  answered(endpoint: number, batch: Counted, outcome: Outcome): void {
    const phase = this.#phase(batch);
    const at = PHASE.cells + endpoint * ENDPOINT_CELLS;
    const { rows } = batch;
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
    const error = at + ENDPOINT.errors + ERROR.cells * codeIndex(outcome.code);
    phase.add(error + ERROR.inserts, 1);
    phase.add(error + ERROR.rows, rows);
  }

  /** A batch is due, and will never be sent. */
  givenUp(batch: Counted, lagNs: number): void {
    const phase = this.#phase(batch);
    if (lagNs > phase.get(PHASE.maxLagNs)) phase.cells[PHASE.maxLagNs] = lagNs;
  }

  /** Times of an acknowledged insert; of a single attempt, `serviceNs` is the time from its one request to its answer. */
  timed(batch: Counted, { dueNs, answeredNs, serviceNs, heldNs = 0, sendingNs = 0 }: Times): void {
    const phase = this.#phase(batch);
    this.#cells[STATE.lastAnswerNs] = answeredNs;
    phase.service.recordNs(serviceNs);
    phase.add(PHASE.serviceSumNs, serviceNs);
    phase.unheld.recordNs(serviceNs - heldNs);
    phase.add(PHASE.heldSumNs, heldNs);
    phase.sending.recordNs(sendingNs);
    phase.add(PHASE.sendingSumNs, sendingNs);
    if (dueNs === undefined) return;
    phase.latency.recordNs(answeredNs - dueNs);
    phase.add(PHASE.latencySumNs, answeredNs - dueNs);
  }

  /** It ended unacknowledged, so long after it was due, or sent in a closed loop. `answeredNs`: undefined where it was never sent. */
  refused(batch: Counted, ns: number, answeredNs: number | undefined): void {
    const phase = this.#phase(batch);
    if (answeredNs !== undefined) this.#cells[STATE.lastAnswerNs] = answeredNs;
    phase.refused.recordNs(ns);
    phase.add(PHASE.refusedSumNs, ns);
  }

  /** What the measured part has taken so far. */
  spent({ busyNs, idleNs, renderingNs, waitingNs, delayedNs }: Share): void {
    this.#cells.set([busyNs, idleNs, renderingNs, waitingNs, delayedNs], STATE.busyNs);
  }

  /** What held its thread up in the measured part so far. */
  held({ ranNs, waitedNs, stoodNs, throttledNs }: CpuTimes): void {
    this.#cells.set([ranNs ?? UNSAID, waitedNs ?? UNSAID, stoodNs, throttledNs ?? UNSAID], STATE.ranNs);
  }

  /** An insert in flight was seen, and how far its body had come. */
  seen(progress: Progress): void {
    const cell = STATE.seen + PROGRESSES.indexOf(progress);
    this.#cells[cell] = this.get(cell) + 1;
  }

  /** Of measured inserts so far; Infinity where none was acknowledged. To be asked in the worker's own thread. */
  get meanServiceNs(): number {
    const { totalCount } = this.#measured.service;
    return totalCount === 0 ? Number.POSITIVE_INFINITY : this.#measured.get(PHASE.serviceSumNs) / totalCount;
  }

  /** A span that is sampled begins. */
  spanBegun(): void {
    this.#cells[STATE.spansBegun] = this.get(STATE.spansBegun) + 1;
  }

  /** It is known what became of so many spans. */
  spansGone(outcome: SpanOutcome, spans: number): void {
    const cell = STATE.spans + SPAN_OUTCOMES.indexOf(outcome);
    this.#cells[cell] = this.get(cell) + spans;
  }

  get spans(): SpanTotals {
    const gone = SPAN_OUTCOMES.map((outcome, index) => [outcome, this.get(STATE.spans + index)]);
    return { begun: this.get(STATE.spansBegun), ...(Object.fromEntries(gone) as Record<SpanOutcome, number>) };
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

  get cpuTimes(): CpuTimes {
    const said = (cell: number): number | undefined => (this.get(cell) === UNSAID ? undefined : this.get(cell));
    return {
      ranNs: said(STATE.ranNs),
      waitedNs: said(STATE.waitedForCpuNs),
      stoodNs: this.get(STATE.stoodNs),
      throttledNs: said(STATE.throttledNs),
    };
  }
}

/** All counters of a run, and the cells by which the main thread steers the workers. */
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

  /** An insert was not acknowledged: how many in a row that makes, over all workers. */
  oneMoreFailing(): number {
    return Number(Atomics.add(this.#control, CONTROL.failing, 1n)) + 1;
  }

  /** An insert was acknowledged. */
  noneFailing(): void {
    if (Atomics.load(this.#control, CONTROL.failing) > 0n) Atomics.store(this.#control, CONTROL.failing, 0n);
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

  /** Of the whole run, in the order of the endpoints. */
  endpoints(): readonly EndpointTotals[] {
    return Array.from({ length: this.shape.endpoints }, (_, endpoint) => {
      const at = (index: number): number =>
        this.#phases("whole").reduce((sum, phase) => sum + (phase.endpointCells(endpoint)[index] ?? 0), 0);
      return {
        inserts: insertsOf(at),
        acknowledged: at(ENDPOINT.acknowledgedRows),
        retried: at(ENDPOINT.retried),
        sentBytes: at(ENDPOINT.sentBytes),
        leftOut: at(ENDPOINT.leftOut),
      };
    });
  }

  /** Of all workers: how often inserts in flight were seen, by how far their bodies had come. */
  seen(): Progresses {
    const all = PROGRESSES.map((progress, index) => [
      progress,
      this.workers.reduce((sum, worker) => sum + worker.get(STATE.seen + index), 0),
    ]);
    return Object.fromEntries(all) as Record<Progress, number>;
  }

  /** Of all workers. */
  spans(): SpanTotals {
    const each = this.workers.map(({ spans }) => spans);
    const total = (read: (spans: SpanTotals) => number): number => each.reduce((sum, spans) => sum + read(spans), 0);
    const gone = SPAN_OUTCOMES.map((outcome) => [outcome, total((spans) => spans[outcome])]);
    return { begun: total(({ begun }) => begun), ...(Object.fromEntries(gone) as Record<SpanOutcome, number>) };
  }

  totals(nowNs: number, of: Part = "whole"): Totals {
    const phases = this.#phases(of);
    const sum = new Float64Array(ENDPOINT_CELLS);
    // What is generated comes first and is read last, so no sum ever shows more answered than generated.
    for (const phase of phases) {
      for (let endpoint = 0; endpoint < this.shape.endpoints; endpoint++) {
        const cells = phase.endpointCells(endpoint);
        for (let index = 0; index < cells.length; index++) sum[index] = (sum[index] ?? 0) + (cells[index] ?? 0);
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
      const error = (cell: number): number => at(ENDPOINT.errors + ERROR.cells * index + cell);
      const [inserts, retried] = [error(ERROR.inserts), error(ERROR.retried)];
      if (inserts + retried > 0) errors.push({ code: codeAt(index), inserts, rows: error(ERROR.rows), retried });
    }
    const inserts = insertsOf(at);
    return {
      generated: add(ofPhases(PHASE.generatedRows)),
      dropped: add(ofPhases(PHASE.droppedRows)),
      acknowledged: at(ENDPOINT.acknowledgedRows),
      unknown: at(ENDPOINT.unknownRows),
      failed: add(Object.values(failedBy)),
      failedBy,
      inserts,
      retries: at(ENDPOINT.retried),
      bytes: { rendered: add(ofPhases(PHASE.renderedBytes)), sent: at(ENDPOINT.sentBytes) },
      errors,
      inFlight: add(ofPhases(PHASE.generatedInserts)) - add(Object.values(inserts)),
      lagNs: Math.max(0, nowNs - Math.min(...state(STATE.nextDueNs))),
      maxLagNs: Math.max(...ofPhases(PHASE.maxLagNs)),
      lastAnswerNs: Math.max(...state(STATE.lastAnswerNs)),
      latencySumNs: add(ofPhases(PHASE.latencySumNs)),
      serviceSumNs: add(ofPhases(PHASE.serviceSumNs)),
      latenessSumNs: add(ofPhases(PHASE.latenessSumNs)),
      refusedSumNs: add(ofPhases(PHASE.refusedSumNs)),
      heldSumNs: add(ofPhases(PHASE.heldSumNs)),
      sendingSumNs: add(ofPhases(PHASE.sendingSumNs)),
    };
  }
}

const insertsOf = (at: (index: number) => number): Totals["inserts"] => ({
  acknowledged: at(ENDPOINT.acknowledgedInserts),
  failed: at(ENDPOINT.failedInserts),
  unknown: at(ENDPOINT.unknownInserts),
});
