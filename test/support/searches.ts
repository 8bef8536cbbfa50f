// Whole searches of max on virtual time, against servers of known capacity: the rates, the judgement and the finding are the
// program's own, the loop of inserts is one of twenty lines. A hold of the program itself on virtual time: virtual.ts.

import { type Mark, standOf } from "../../src/max/backlog.js";
import { type Drift, driftOf, type Finding, findingOf } from "../../src/max/finding.js";
import { lengthOf, lengthsOf } from "../../src/max/pace.js";
import { type Bounds, type Outcome, trials, type Verdict } from "../../src/max/search.js";
import type { Law } from "./queue.js";

export interface Asked {
  readonly law: Law;
  readonly bounds: Bounds;
  readonly batchRows: number;
  readonly inFlight: number;
  readonly stepMs?: number;
}

export interface Searched {
  readonly outcomes: readonly Outcome[];
  readonly finding: Finding;
  readonly drift: Drift | undefined;
  /** How long it took, and when the holds of the searches near the limit began. */
  readonly tookMs: number;
  readonly nearMs: number;
}

/** What max.ts waits for after a hold: answers, threads, limits per second. */
const BETWEEN_MS = 2000;
const MARK_MS = 50;
const FLUSH_MS = 1000;
export const BYTES_PER_ROW = 100;

export function searched({ law, bounds, batchRows, inFlight, stepMs = 10_000 }: Asked): Searched {
  const outcomes: Outcome[] = [];
  let [nowMs, nearMs] = [0, 0];
  const planned = trials(bounds);
  for (let next = planned.next(); !next.done; ) {
    const trial = next.value;
    const pace = { stepNs: stepMs * 1e6, warmUpNs: 0, batchRows, flushNs: FLUSH_MS * 1e6 };
    const lengthMs = lengthOf(pace, trial).heldNs / 1e6;
    if (trial.search === 1 && nearMs === 0) nearMs = nowMs;
    const rows = Math.min(batchRows, Math.ceil((trial.rowsPerSecond * FLUSH_MS) / 1000));
    const hold = new VirtualHold(law, nowMs, trial.rowsPerSecond, rows, inFlight);
    const verdict = judged(hold, trial.rowsPerSecond, lengthMs, stepMs, bounds);
    outcomes.push({ ...trial, ...verdict });
    nowMs = hold.endedMs() + BETWEEN_MS;
    next = planned.next(verdict);
  }
  return { outcomes, finding: findingOf(outcomes, bounds), drift: driftOf(outcomes, bounds), tookMs: nowMs, nearMs };
}

function judged(
  hold: VirtualHold,
  rowsPerSecond: number,
  lengthMs: number,
  stepMs: number,
  { precision }: Bounds,
): Verdict {
  const warmUpMs = Math.min(2000, stepMs / 5);
  const fromNs = warmUpMs * 1e6;
  const at = (ms: number) =>
    standOf(hold.marks(warmUpMs + ms), { rowsPerSecond, fromNs, toNs: fromNs + ms * 1e6, precision });
  const first = at(lengthMs);
  const lengths = hold.isRefused ? 1 : lengthsOf(first, lengthMs * 1e6);
  const { isLevel, isTooShort, takes, resolution } = lengths > 1 ? at(lengths * lengthMs) : first;
  if (hold.isRefused) return { passed: false, generatorLimited: false };
  return { passed: isLevel && !isTooShort, generatorLimited: false, takes, resolution };
}

/** Batches that are due at a constant rate, sent when they are and there is a place. */
class VirtualHold {
  readonly #answers: number[] = [];
  /** When places get free, the earliest first. */
  readonly #places: number[] = [];
  /** An insert was. */
  isRefused = false;
  #batches = 0;
  #untilMs = 0;

  constructor(
    readonly law: Law,
    readonly startMs: number,
    readonly rowsPerSecond: number,
    readonly batchRows: number,
    readonly inFlight: number,
  ) {}

  /** As they are read until so many milliseconds after its start. */
  marks(untilMs: number): readonly Mark[] {
    this.#send(untilMs);
    const answers = Float64Array.from(this.#answers).sort();
    const marks: Mark[] = [];
    let answered = 0;
    for (let atMs = MARK_MS; atMs <= untilMs; atMs += MARK_MS) {
      while (answered < answers.length && (answers[answered] ?? 0) <= atMs) answered++;
      const answeredNs = answered === 0 ? 0 : (answers[answered - 1] ?? 0) * 1e6;
      marks.push({ atNs: atMs * 1e6, answeredNs, rows: answered * this.batchRows });
    }
    return marks;
  }

  /** When nothing is in flight any more. */
  endedMs(): number {
    return this.startMs + this.#answers.reduce((last, ms) => Math.max(last, ms), this.#untilMs);
  }

  #send(untilMs: number): void {
    this.#untilMs = untilMs;
    const everyMs = (this.batchRows * 1000) / this.rowsPerSecond;
    for (;;) {
      const dueMs = (this.#batches + 1) * everyMs;
      const isFull = this.#batches >= this.inFlight;
      const sentMs = isFull ? Math.max(dueMs, this.#places[0] ?? 0) : dueMs;
      if (sentMs > untilMs || this.isRefused) return;
      if (isFull) this.#places.shift();
      const atMs = this.startMs + sentMs;
      const answer = this.law({ atMs, rows: this.batchRows, bytes: this.batchRows * BYTES_PER_ROW });
      if (answer === "refused") {
        this.isRefused = true;
        this.#untilMs = sentMs;
        return;
      }
      const answered = answer - this.startMs;
      this.#answers.push(answered);
      this.#batches++;
      // Nearly always the last: answers come about in the order of their inserts.
      let place = this.#places.length;
      while (place > 0 && (this.#places[place - 1] ?? 0) > answered) place--;
      this.#places.splice(place, 0, answered);
    }
  }
}
