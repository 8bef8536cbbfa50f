// The worker's task, and the hot loop: pace → render → insert → count. One runs in each thread of the pool for the whole
// run. It knows batches, slots and permits; it parses no flags, asks the server nothing and prints nothing.

import type { MessagePort } from "node:worker_threads";
import { Clock, LONGEST_TIMER_MS } from "../src/clock.js";
import { Compressor } from "../src/compress.js";
import { Counters, type CountersShape, type WorkerCounters } from "../src/counters.js";
import { Delivery } from "../src/delivery.js";
import { Fates } from "../src/fates.js";
import { Inserter, type InsertPlan } from "../src/insert.js";
import { type FromWorker, subjectOf, type ToWorker } from "../src/messages.js";
import { Pulse } from "../src/pulse.js";
import { rehearse } from "../src/rehearsal.js";
import { ReplayError } from "../src/replay/file.js";
import { Replayer, type ReplayPlan } from "../src/replay/replayer.js";
import type { RetryPlan } from "../src/retry.js";
import type { RowProgram } from "../src/rows/program.js";
import { Renderer, type Slot } from "../src/rows/renderer.js";
import {
  type Batch,
  claimedBatch,
  claimedRows,
  rowsPerBatch,
  Schedule,
  type ScheduleSpec,
  type Shard,
} from "../src/schedule.js";
import { Stock } from "../src/stock.js";
import { milliseconds } from "../src/text.js";
import { Timesheet, type Wait } from "../src/timesheet.js";
import { type NeverSent, startTracing, type Trace, type TracePlan, type Tracing } from "../src/tracing.js";
import { Wire } from "../src/wire.js";

/** Where rows come from. */
export type RowSource =
  | { readonly kind: "rules"; readonly program: RowProgram }
  | { readonly kind: "file"; readonly replay: ReplayPlan };

/** All that one worker needs to know. Sent once, as the task. */
export interface WorkerPlan {
  /** This worker's number, from 0. */
  readonly worker: number;
  readonly workers: number;
  readonly runId: string;
  readonly schedule: ScheduleSpec;
  /** Batch n is the work of shard n mod shards, and there of worker (n div shards) mod workers. */
  readonly shard: Shard;
  /** A batch later than this is dropped; undefined: it is sent all the same. */
  readonly maxLagNs: number | undefined;
  readonly kernel: WebAssembly.Module;
  readonly rows: RowSource;
  readonly slots: number;
  readonly slotBytes: number;
  readonly insert: InsertPlan;
  /** For each endpoint of the inserts, the number of the store its rows lie in. */
  readonly stores: readonly number[];
  readonly retry: RetryPlan;
  /** So many inserts in a row that are not acknowledged, over all workers, are reported; undefined: none are. */
  readonly maxFailures: number | undefined;
  /** Whether each insert carries its batch's deduplication token. */
  readonly tokens: boolean;
  /** Row times count from here, in nanoseconds since the epoch; undefined: from the start of the run. */
  readonly dataStartNs: bigint | undefined;
  /** Undefined: no traces. */
  readonly traces: TracePlan | undefined;
  readonly counters: SharedArrayBuffer;
  readonly shape: CountersShape;
  /** One cell a batch of this shard. */
  readonly fates: SharedArrayBuffer;
}

/** The task: the plan, and this worker's end of a channel to the main thread. */
export interface LoaderTask {
  readonly plan: WorkerPlan;
  readonly port: MessagePort;
}

/** A traced batch is rendered so much before it is due, and as much earlier as rendering two takes: a trace begins with its insert. */
const TRACE_LEAD_NS = 200_000_000;
/** So much behind with every permit out is worth a word. */
const SATURATED_NS = 250_000_000;
/** After so many dropped batches the event loop gets its turn. */
const DROPS_PER_TURN = 100;
/** Compiling the kernel's hot path before the start: so many rows are rendered and thrown away. */
const WARM_UP_ROWS = 20_000;
/** Rows may be long: no more than so many bytes. */
const WARM_UP_BYTES = 16_000_000;
/** A body that arrives in one piece. */
const REHEARSAL_BYTES = 1000;

export default async function load({ plan, port }: LoaderTask): Promise<void> {
  const loader = new Loader(plan, (message) => port.postMessage(message));
  const started = new Promise<{ startNs: bigint; startEpochNs: bigint }>((resolve) => {
    port.on("message", (message: ToWorker) => (message.kind === "start" ? resolve(message) : loader.wake()));
  });
  try {
    await loader.warmUp();
    port.postMessage({ kind: "ready" } satisfies FromWorker);
    const { startNs, startEpochNs } = await started;
    await loader.run(startNs, startEpochNs);
  } finally {
    await loader.close();
    port.close();
  }
}

type Sender = Pick<Inserter, "insert" | "close"> & Partial<Pick<Inserter, "carriers">>;

/** What a loader asks for the time, and what it sends with. */
export interface LoaderParts {
  clock(startNs: bigint): Pick<Clock, "now" | "until" | "wake">;
  inserter(plan: InsertPlan): Sender;
  /** Undefined: nobody is asked what threads wait for. */
  pulse?(own: WorkerCounters): Pick<Pulse, keyof Pulse>;
}

const REAL_PARTS: LoaderParts = {
  clock: (startNs) => new Clock(startNs),
  inserter: (plan) => new Inserter(plan),
  pulse: (own) => new Pulse(own),
};

export class Loader {
  readonly #plan: WorkerPlan;
  readonly #parts: LoaderParts;
  readonly #tell: (message: FromWorker) => void;
  readonly #counters: Counters;
  readonly #own: WorkerCounters;
  readonly #fates: Fates;
  readonly #delivery: Delivery;
  /** Undefined in a closed loop. */
  readonly #schedule: Schedule | undefined;
  readonly #renderer: Renderer | Replayer;
  /** Undefined: bodies are sent as they were rendered. */
  readonly #compressor: Compressor | undefined;
  readonly #inserter: Sender;
  readonly #tracing: Tracing | undefined;
  readonly #slots: Stock<Slot>;
  readonly #permits: Stock<true>;
  readonly #said = new Set<string>();
  readonly #timesheet: Timesheet;
  #startEpochNs = 0n;
  #dropped = 0;
  /** The longest rendering so far. */
  #renderingNs = 0;
  /** Of the batch that is rendered, or waits for its time or a place. */
  #trace: Trace | undefined;
  /** The end by which the last batch was planned. */
  #plannedEndNs: bigint | undefined;
  #clock: Pick<Clock, "now" | "until" | "wake"> | undefined;
  #drainTimer: NodeJS.Timeout | undefined;

  /** @param parts others than the real ones in tests on virtual time */
  constructor(plan: WorkerPlan, tell: (message: FromWorker) => void, parts: LoaderParts = REAL_PARTS) {
    this.#plan = plan;
    this.#parts = parts;
    this.#tell = tell;
    this.#counters = new Counters(plan.counters, plan.shape);
    this.#own = this.#counters.worker(plan.worker);
    this.#fates = new Fates(plan.fates);
    this.#schedule = plan.schedule.kind === "open" ? new Schedule(plan.schedule) : undefined;
    const { kernel, rows, slots, slotBytes } = plan;
    this.#renderer =
      rows.kind === "rules"
        ? new Renderer(kernel, rows.program, slots, slotBytes)
        : new Replayer(kernel, rows.replay, slots, slotBytes);
    const { compression } = plan.insert;
    this.#compressor = compression === "none" ? undefined : new Compressor(compression);
    this.#inserter = parts.inserter(plan.insert);
    const pulse = parts.pulse?.(this.#own);
    const wire = this.#wire();
    this.#timesheet = new Timesheet(
      this.#own,
      [pulse, wire].filter((watcher) => watcher !== undefined),
    );
    this.#tracing = plan.traces && startTracing(plan.traces, this.#own, (message) => this.#say(message));
    this.#delivery = new Delivery({
      plan,
      counters: this.#counters,
      fates: this.#fates,
      inserter: this.#inserter,
      pulse,
      say: (message) => this.#say(message),
      tell: this.#tell,
      placed: (sentence, batch) => this.#placed(sentence, batch),
    });
    this.#slots = new Stock(this.#renderer.slots);
    this.#permits = new Stock(Array.from({ length: plan.insert.permits }, () => true as const));
  }

  /** Undefined where there are no connections. */
  #wire(): Wire | undefined {
    const carriers = this.#inserter.carriers?.bind(this.#inserter);
    return carriers && new Wire(this.#own, this.#plan.workers, carriers);
  }

  #say(message: FromWorker): void {
    const what = subjectOf(message);
    if (this.#said.has(what)) return;
    this.#said.add(what);
    this.#tell(message);
  }

  async warmUp(): Promise<void> {
    const [slot] = this.#renderer.slots;
    if (slot === undefined) throw new RangeError("a worker needs a slot");
    const rows = rowsPerBatch(this.#plan.schedule);
    // One batch after the other: a file is not to be begun anew for each.
    for (let batch = 0, bytes = 0; batch * rows < WARM_UP_ROWS && bytes < WARM_UP_BYTES; batch++) {
      const beganMs = performance.now();
      await this.#fill(slot, claimedBatch(batch, rows, 0), 0n);
      this.#renderingNs = Math.max(this.#renderingNs, (performance.now() - beganMs) * 1e6);
      bytes += slot.bytes;
    }
    await rehearse(this.#plan.insert, this.#body(slot).subarray(0, REHEARSAL_BYTES));
  }

  /** Starts at this reading of process.hrtime.bigint(), which is this time since the epoch. */
  async run(startNs: bigint, startEpochNs: bigint): Promise<void> {
    const clock = this.#parts.clock(startNs);
    const dataStartNs = this.#plan.dataStartNs ?? startEpochNs;
    this.#startEpochNs = startEpochNs;
    this.#clock = clock;
    this.wake();
    await clock.until(0);
    await this.#sendBatches(clock, dataStartNs).catch((error: unknown) => {
      if (!(error instanceof ReplayError)) throw error;
      this.#trace?.neverSent("unrendered", error.message);
      this.#say({ kind: "no-rows", sentence: error.message });
    });
    this.#own.nextDue(Number.POSITIVE_INFINITY);
    this.#timesheet.tell(clock.now());
    await this.#permits.whole();
    this.#timesheet.end();
    clearTimeout(this.#drainTimer);
    await this.#inserter.close();
    await this.#tracing?.flush();
  }

  async #sendBatches(clock: Pick<Clock, "now" | "until">, dataStartNs: bigint): Promise<void> {
    for (let turn = 0; ; turn++) {
      const planned = this.#planned(turn);
      if (planned === "over") break;
      if (planned !== undefined) this.#own.nextDue(planned.dueNs);
      const askedNs = clock.now();
      const slot = await this.#slots.take();
      const takenNs = clock.now();
      const waits: Wait[] = [[askedNs, takenNs]];
      if (slot === undefined) {
        this.#giveUp(planned, takenNs, waits);
        break;
      }
      const batch = planned ?? this.#claim(takenNs);
      if (batch === undefined) break;
      if (planned !== undefined && this.#isTooLate(planned, takenNs)) {
        await this.#drop(planned, slot, takenNs, waits);
        continue;
      }
      if (batch.measured) this.#timesheet.begin(clock);
      // Before it is due: latency is never our own rendering or compressing, unless we are behind.
      const traced = this.#tracing?.wants() === true;
      const beganNs = traced ? await this.#begin(clock, batch, planned) : takenNs;
      await this.#fill(slot, batch, dataStartNs);
      const renderedNs = clock.now();
      if (traced) this.#rendered(renderedNs - beganNs);
      const due = await this.#untilDue(clock, batch, slot, dataStartNs);
      if (due === undefined) {
        this.#trace?.neverDue();
        break;
      }
      if (traced) this.#trace?.inserting(due, slot.bytes, this.#dueMs(due));
      const wantedNs = planned === undefined ? renderedNs : clock.now();
      const isFull = this.#permits.empty && !this.#delivery.isPausing;
      if (isFull && wantedNs - due.dueNs > SATURATED_NS) this.#say({ kind: "saturated" });
      const isHeld = this.#permits.empty;
      const permit = await this.#permits.take();
      const permittedNs = isHeld ? clock.now() : wantedNs;
      if (isHeld) waits.push([wantedNs, permittedNs]);
      if (permit === undefined) {
        this.#giveUp(due, permittedNs, waits);
        break;
      }
      if (planned !== undefined && this.#isTooLate(due, permittedNs)) {
        this.#permits.give(true);
        await this.#drop(due, slot, permittedNs, waits);
        continue;
      }
      if (batch.measured) this.#timesheet.rendered(renderedNs - beganNs);
      if (planned !== undefined) this.#timesheet.left(due, permittedNs, waits);
      this.#timesheet.tellNow(permittedNs);
      void this.#insert(clock, due, slot, this.#trace);
      this.#trace = undefined;
    }
  }

  /** Begins the batch's trace, not long before its insert. Returns when its rendering begins. */
  async #begin(clock: Pick<Clock, "now" | "until">, batch: Batch, planned: Batch | undefined): Promise<number> {
    if (planned !== undefined) await clock.until(planned.dueNs - TRACE_LEAD_NS - 2 * this.#renderingNs);
    this.#trace = this.#tracing?.begin(batch);
    return clock.now();
  }

  /** Since the epoch; in a closed loop nothing is due. */
  #dueMs({ dueNs }: Batch): number | undefined {
    return this.#schedule && Number((this.#startEpochNs + BigInt(Math.floor(dueNs))) / 1_000_000n);
  }

  #rendered(ns: number): void {
    this.#renderingNs = Math.max(this.#renderingNs, ns);
    this.#trace?.rendered();
  }

  /** In the batch's trace, or in one that it gets for it. */
  #neverSent(batch: Batch, nowNs: number, why: NeverSent, begun: Trace | undefined): void {
    const trace = begun ?? this.#tracing?.unrendered(batch, () => this.#dueMs(batch));
    const late = milliseconds((nowNs - batch.dueNs) / 1e6);
    // In a closed loop nothing is due.
    trace?.neverSent(why, `${why}: ${this.#schedule === undefined ? "the run was over" : `it was due ${late} ago`}`);
  }

  /** Renders the batch into the slot, and compresses it if that is asked for. */
  async #fill(slot: Slot, batch: Batch, dataStartNs: bigint): Promise<void> {
    await this.#renderer.fill(slot, batch, dataStartNs);
    await this.#compressor?.fill(slot.index, this.#renderer.body(slot));
  }

  /** What goes over the wire: valid until the slot is filled again. */
  #body(slot: Slot): Uint8Array {
    return this.#compressor?.body(slot.index) ?? this.#renderer.body(slot);
  }

  /** The run is over for this batch, due or not: it is never sent. */
  #giveUp(batch: Batch | undefined, nowNs: number, waits: readonly Wait[]): void {
    if (batch === undefined || batch.dueNs > nowNs) return;
    this.#neverSent(batch, nowNs, "unsent", this.#trace);
    this.#trace = undefined;
    if (this.#schedule === undefined) return;
    this.#timesheet.left(batch, nowNs, waits);
    this.#own.givenUp(batch, nowNs - batch.dueNs);
  }

  #isTooLate({ dueNs }: Batch, nowNs: number): boolean {
    return this.#plan.maxLagNs !== undefined && nowNs - dueNs > this.#plan.maxLagNs;
  }

  async #drop(batch: Batch, slot: Slot, nowNs: number, waits: readonly Wait[]): Promise<void> {
    this.#timesheet.left(batch, nowNs, waits);
    this.#countDropped(batch, nowNs, this.#trace);
    this.#trace = undefined;
    this.#slots.give(slot);
    this.#dropped++;
    if (this.#dropped % DROPS_PER_TURN === 0) await new Promise<void>((resolve) => setImmediate(resolve));
  }

  #countDropped(batch: Batch, nowNs: number, begun: Trace | undefined): void {
    this.#own.dropped(batch);
    this.#neverSent(batch, nowNs, "dropped", begun);
    this.#fates.mark(this.#turnOf(batch), "dropped");
    this.#say({ kind: "dropping" });
  }

  async close(): Promise<void> {
    this.#timesheet.end();
    if (this.#renderer instanceof Replayer) await this.#renderer.close();
  }

  /** The batch of this worker's turn in its stripe of the schedule; undefined in a closed loop, which plans none. */
  #planned(turn: number): Batch | "over" | undefined {
    const { worker, workers, shard } = this.#plan;
    if (this.#schedule === undefined) return undefined;
    const number = (turn * workers + worker) * shard.of + shard.index;
    this.#plannedEndNs = this.#counters.endNs;
    return this.#schedule.batch(number, this.#plannedEndNs) ?? "over";
  }

  /** The first batch that nobody has claimed; undefined when the run is over. */
  #claim(claimedNs: number): Batch | undefined {
    const { schedule } = this.#plan;
    if (schedule.kind !== "max" || claimedNs >= this.#counters.endNs) return undefined;
    const number = this.#counters.claim();
    const rows = claimedRows(schedule, number + 1) - claimedRows(schedule, number);
    const measured = claimedNs >= schedule.warmUpNs;
    return rows > 0 ? claimedBatch(number, schedule.batchRows, claimedNs, rows, measured) : undefined;
  }

  /**
   * Waits until the batch is due. An end that was moved forward in the meantime (an interrupt) cuts it, by rendering its
   * first rows again, or leaves nothing of it: undefined. A claimed batch is due at once and never cut.
   */
  async #untilDue(
    clock: Pick<Clock, "now" | "until">,
    batch: Batch,
    slot: Slot,
    dataStartNs: bigint,
  ): Promise<Batch | undefined> {
    if (this.#schedule === undefined) return batch;
    let due = batch;
    for (;;) {
      // First the clock, then the end: a batch is sent whole only if it was due before the end was moved. The end before any
      // waiting: it may have been moved while the batch was rendered.
      const isDue = clock.now() >= due.dueNs;
      const { endNs } = this.#counters;
      if (endNs === this.#plannedEndNs) {
        if (isDue) return due;
        await clock.until(due.dueNs);
        continue;
      }
      this.#plannedEndNs = endNs;
      const cut = this.#schedule.batch(batch.number, endNs);
      if (cut === undefined) return undefined;
      if (cut.rows !== due.rows) await this.#fill(slot, cut, dataStartNs);
      due = cut;
    }
  }

  /** The batch's place among those of this shard. */
  #turnOf(batch: Batch): number {
    return Math.floor(batch.number / this.#plan.shard.of);
  }

  async #insert(
    clock: Pick<Clock, "now" | "until">,
    batch: Batch,
    slot: Slot,
    trace: Trace | undefined,
  ): Promise<void> {
    const turn = this.#turnOf(batch);
    const parcel = { batch, turn, body: this.#body(slot), renderedBytes: slot.bytes, trace };
    // Time passes on its way there, too: while a connection is made, or the event loop is busy.
    if ((await this.#delivery.deliver(clock, parcel)) === "dropped") this.#countDropped(batch, clock.now(), trace);
    this.#permits.give(true);
    this.#slots.give(slot);
  }

  /** Where the server names a row of the insert: the line of the file it is. */
  #placed(sentence: string, batch: Batch): string {
    if (!(this.#renderer instanceof Replayer)) return sentence;
    return sentence.replace(/\(at row (\d+)\)/, (text, row) => {
      const place = (this.#renderer as Replayer).placeOf(batch, Number(row));
      return place === undefined ? text : `(at row ${row}, ${place})`;
    });
  }

  /** Looks again at when the run ends and when its drain ends. */
  wake(): void {
    const clock = this.#clock;
    if (clock === undefined) return;
    clock.wake();
    clearTimeout(this.#drainTimer);
    const leftNs = Number(this.#counters.drainedNs) - clock.now();
    if (leftNs > 0) {
      this.#drainTimer = setTimeout(() => this.wake(), Math.min(leftNs / 1e6 + 1, LONGEST_TIMER_MS));
    } else {
      this.#slots.close();
      this.#permits.close();
    }
  }
}
