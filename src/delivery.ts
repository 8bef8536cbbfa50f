// One insert from its first attempt to its outcome: which endpoint, when again, and what is counted and remembered of it. Runs in a
// worker; several at a time. Never renders or paces, never closes what it sends with.

import type { WorkerPlan } from "../workers/loader.js";
import { isHopeless, isOurFault, type Outcome } from "./answer.js";
import type { Clock } from "./clock.js";
import type { Counters, WorkerCounters } from "./counters.js";
import { ExemplarSieve } from "./exemplars.js";
import type { Fates } from "./fates.js";
import type { Inserter } from "./insert.js";
import type { FromWorker } from "./messages.js";
import { countedAs } from "./phase.js";
import type { Pulse } from "./pulse.js";
import { type Doubt, finalOutcome, nextAttemptNs } from "./retry.js";
import { isEndpointFault, Rotation } from "./rotation.js";
import type { Batch } from "./schedule.js";
import type { Trace } from "./tracing.js";
import { WindowTally } from "./window.js";

/** A closed loop does not try a server that is not there, or a proxy with nobody behind it, as fast as it can. */
const NOBODY_THERE_NS = 100_000_000;

export interface DeliveryParts {
  readonly plan: WorkerPlan;
  readonly counters: Counters;
  readonly fates: Fates;
  readonly inserter: Pick<Inserter, "insert">;
  /** Undefined: nobody knows what holds this thread up. */
  readonly pulse: Pick<Pulse, "look" | "held"> | undefined;
  /** Each subject once. */
  readonly say: (message: FromWorker) => void;
  /** As often as it is said. */
  readonly tell: (message: FromWorker) => void;
  /** A server's sentence on a batch, with the place in the file its rows come from. */
  readonly placed: (sentence: string, batch: Batch) => string;
}

/** What is to be delivered. */
export interface Parcel {
  readonly batch: Batch;
  /** The batch's place among those of this shard. */
  readonly turn: number;
  /** Unchanged until it is over. */
  readonly body: Uint8Array;
  /** Of its rows, before compression. */
  readonly renderedBytes: number;
  readonly trace: Trace | undefined;
}

/** over: it has an outcome; dropped: when it could have left at last it was too late for that, and nothing of it is counted. */
export type Delivered = "over" | "dropped";

/** When what happened to an insert that is over; nanoseconds from the start. */
interface Course {
  /** Undefined in a closed loop. */
  readonly dueNs: number | undefined;
  readonly firstNs: number;
  /** Undefined: it was never sent. */
  readonly firstSentNs: number | undefined;
  readonly serviceNs: number | undefined;
  readonly heldNs: number;
  readonly sendingNs: number;
  readonly nowNs: number;
}

export class Delivery {
  readonly #parts: DeliveryParts;
  readonly #plan: WorkerPlan;
  readonly #own: WorkerCounters;
  readonly #rotation: Rotation;
  readonly #sieve = new ExemplarSieve();
  readonly #window: WindowTally;
  #pausing = 0;

  constructor(parts: DeliveryParts) {
    this.#parts = parts;
    this.#plan = parts.plan;
    this.#own = parts.counters.worker(parts.plan.worker);
    this.#rotation = new Rotation(parts.plan.stores);
    const { schedule, insert } = parts.plan;
    this.#window = new WindowTally(
      {
        isClosedLoop: schedule.kind === "max",
        fromNs: Number(schedule.warmUpNs),
        toNs: Number(parts.counters.endNs),
        places: insert.permits,
      },
      parts.counters,
      this.#own,
    );
  }

  /** One insert with all its attempts. Resolves when it is over; rejects only where the program is wrong. */
  async deliver(clock: Pick<Clock, "now" | "until">, parcel: Parcel): Promise<Delivered> {
    const { batch, turn, body, trace } = parcel;
    const { insert, maxLagNs, retry, runId, schedule, tokens } = this.#plan;
    const name = `${runId}-${batch.number}`;
    const dueNs = schedule.kind === "max" ? undefined : batch.dueNs;
    const firstNs = clock.now();
    let endpoint = this.#rotation.pick(turn, firstNs);
    // Until its first request leaves, or it is known that none does, it may still be dropped.
    const latestNs = dueNs === undefined || maxLagNs === undefined ? undefined : dueNs + maxLagNs;
    let isHandedOver = latestNs === undefined;
    if (isHandedOver) this.#handOver(parcel);
    let isDropped = false;
    const traceparent = trace?.traceparent;
    let firstSentNs: number | undefined;
    let serviceNs: number | undefined;
    let heldNs = 0;
    let sendingNs = 0;
    let doubt: Doubt | undefined;
    let maybeThere: number | undefined;
    for (let attempts = 1; ; attempts++) {
      let sentNs: number | undefined;
      const queryId = `${name}-${attempts}`;
      const beganMs = trace === undefined ? 0 : performance.now();
      // Each field by its name: an object spread here costs a small insert a quarter of its time.
      const tried = await this.#parts.inserter.insert({
        endpoint,
        body,
        queryId,
        token: tokens ? name : undefined,
        traceparent,
        onSent: (step) => {
          const leavesNs = clock.now();
          if (step === "whole") {
            sendingNs = leavesNs - (sentNs ?? leavesNs);
            return true;
          }
          if (!isHandedOver) {
            isDropped = latestNs !== undefined && leavesNs > latestNs;
            if (isDropped) return false;
            this.#handOver(parcel);
            isHandedOver = true;
          }
          sentNs = leavesNs;
          sendingNs = 0;
          this.#parts.pulse?.look(leavesNs);
          this.#own.sent(endpoint, batch, body.length, firstSentNs === undefined ? dueNs : undefined, sentNs);
          firstSentNs ??= sentNs;
          return true;
        },
      });
      if (isDropped) {
        this.#rotation.unused(endpoint);
        return "dropped";
      }
      if (!isHandedOver) this.#handOver(parcel);
      isHandedOver = true;
      const nowNs = clock.now();
      trace?.attempted({ number: attempts, endpoint: insert.endpoints[endpoint], queryId, beganMs, outcome: tried });
      if (sentNs !== undefined) {
        serviceNs = nowNs - sentNs;
        heldNs = this.#parts.pulse?.held(sentNs, nowNs) ?? 0;
      }
      this.#judge(endpoint, tried, nowNs);
      if (tried.kind === "unknown") {
        doubt ??= tried;
        maybeThere ??= endpoint;
      }
      if (tried.kind !== "acknowledged") {
        // Under the code that the report has: whoever looks for its sentence there finds it.
        const code = countedAs(tried.code);
        this.#parts.say({ kind: "error", code, sentence: this.#parts.placed(tried.sentence, batch) });
        const againNs = nextAttemptNs(retry, {
          attempts,
          firstNs,
          nowNs,
          outcome: tried,
          ambiguous: doubt !== undefined,
        });
        if (againNs !== undefined && (await this.#pauseUntil(clock, againNs, endpoint, tried))) {
          this.#own.retried(endpoint, batch, tried.code);
          if (firstSentNs === undefined) {
            // What came in between is no lateness of ours.
            firstSentNs = firstNs;
            if (dueNs !== undefined) this.#own.begun(batch, dueNs, firstNs);
          }
          // What may be there already is only known for a copy where it is.
          endpoint = this.#rotation.pick(endpoint + 1, clock.now(), maybeThere);
          continue;
        }
      }
      const outcome = finalOutcome(tried, doubt);
      // The attempt that left it open was counted as one that was followed by another: that is this one now.
      if (outcome === doubt && tried.kind === "failed") this.#own.exchanged(endpoint, batch, doubt.code, tried.code);
      this.#own.answered(endpoint, batch, outcome);
      this.#parts.fates.answered(turn, outcome);
      this.#over(batch, outcome, { dueNs, firstNs, firstSentNs, serviceNs, heldNs, sendingNs, nowNs });
      trace?.answered(outcome, attempts);
      if (trace !== undefined && outcome.kind === "acknowledged" && serviceNs !== undefined) {
        this.#exemplify(trace, dueNs === undefined ? undefined : nowNs - dueNs, serviceNs);
      }
      this.#heed(outcome, tried, batch);
      if (schedule.kind === "max" && (isEndpointFault(tried) || isOurFault(tried))) {
        await this.#pause(clock, clock.now() + NOBODY_THERE_NS);
      }
      return "over";
    }
  }

  #handOver({ batch, turn, renderedBytes }: Parcel): void {
    this.#own.generated(batch, renderedBytes);
    this.#parts.fates.mark(turn, "in_flight");
  }

  #exemplify({ traceId }: Trace, latencyNs: number | undefined, serviceNs: number): void {
    if (traceId === undefined) return;
    const latencyS = latencyNs === undefined ? undefined : latencyNs / 1e9;
    const times = { traceId, latencyS, serviceS: serviceNs / 1e9, atS: Date.now() / 1000 };
    if (this.#sieve.lets(times, performance.now())) this.#parts.tell({ kind: "exemplar", times });
  }

  #over(
    batch: Batch,
    { kind }: Outcome,
    { dueNs, firstNs, firstSentNs, serviceNs, heldNs, sendingNs, nowNs }: Course,
  ): void {
    const sentNs = firstSentNs ?? firstNs;
    const acknowledged = kind === "acknowledged";
    if (!acknowledged) {
      this.#own.refused(batch, nowNs - (dueNs ?? sentNs), firstSentNs === undefined ? undefined : nowNs);
    } else if (serviceNs !== undefined) {
      this.#own.timed(batch, { dueNs, answeredNs: nowNs, serviceNs, heldNs, sendingNs });
    }
    const { rows, measured } = batch;
    this.#window.take({ rows, measured, dueNs: batch.dueNs, sentNs, answeredNs: nowNs, acknowledged });
  }

  #judge(endpoint: number, outcome: Outcome, nowNs: number): void {
    if (!this.#rotation.answered(endpoint, outcome, nowNs) || outcome.kind === "acknowledged") return;
    this.#own.leftOut(endpoint);
    this.#parts.say({ kind: "left-out", endpoint, sentence: outcome.sentence });
  }

  /** Whether inserts wait to be sent again. */
  get isPausing(): boolean {
    return this.#pausing > 0;
  }

  async #pauseUntil(
    clock: Pick<Clock, "now" | "until">,
    againNs: number,
    endpoint: number,
    { code, sentence }: Exclude<Outcome, { readonly kind: "acknowledged" }>,
  ): Promise<boolean> {
    this.#parts.say({ kind: "retrying", code: countedAs(code), endpoint, sentence });
    this.#pausing++;
    const isTime = await this.#pause(clock, againNs);
    this.#pausing--;
    return isTime;
  }

  /** Until then, or until nothing more is sent: then false. */
  async #pause(clock: Pick<Clock, "now" | "until">, untilNs: number): Promise<boolean> {
    for (;;) {
      const drainedNs = Number(this.#parts.counters.drainedNs);
      const nowNs = clock.now();
      if (nowNs >= drainedNs) return false;
      if (nowNs >= untilNs) return true;
      await clock.until(Math.min(untilNs, drainedNs));
    }
  }

  /** Inserts that will never work, or have not for long, are told. */
  #heed(outcome: Outcome, last: Outcome, batch: Batch): void {
    const { maxFailures, retry } = this.#plan;
    if (outcome.kind === "acknowledged") {
      if (maxFailures !== undefined) this.#parts.counters.noneFailing();
      return;
    }
    const sentence = this.#parts.placed(last.kind === "acknowledged" ? "" : last.sentence, batch);
    // Who asks for retries expects that what is read-only can be written to again.
    const endless = isHopeless(last) || (last.kind === "failed" && last.reason === "read_only" && retry.retries === 0);
    if (endless) this.#parts.say({ kind: "refused", sentence });
    else if (maxFailures !== undefined && this.#parts.counters.oneMoreFailing() >= maxFailures) {
      this.#parts.say({ kind: "failing", sentence });
    }
  }
}
