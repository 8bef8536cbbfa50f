// What became of each batch: two bytes a batch, in shared memory, so that it survives a worker's death. A cell is written by the
// worker whose batch it is, and read by the ledger when the run is over. Pages nobody wrote to take no memory.

import { type Code, type Outcome, REASONS, type Reason } from "./answer.js";
import { codeAt, codeIndex } from "./phase.js";

/** none: never handed to insert (unsent, or not there at all); in_flight: nobody has answered yet, or nobody ever will. */
export type Fate =
  | { readonly kind: "none" | "in_flight" | "dropped" | "acknowledged" }
  | { readonly kind: "failed"; readonly reason: Reason; readonly code: Code }
  | { readonly kind: "unknown"; readonly code: Code };
export type FateKind = Fate["kind"];

/** Kinds as they are stored; the failed ones, one a reason, come last. */
const STORED = ["none", "in_flight", "dropped", "acknowledged", "unknown"] as const;
/** Beside its kind a cell holds the index of a code (phase.ts). */
const CODES = 2048;
const CELL_BYTES = 2;
/** Batches beyond these are not remembered: at 20,000 inserts a second, two hours. */
const MOST = 2 ** 27;

export class Fates {
  readonly #cells: Uint16Array;

  constructor(readonly buffer: SharedArrayBuffer) {
    this.#cells = new Uint16Array(buffer);
  }

  /** @param batches there will be no more; Infinity: nobody knows */
  static allocate(batches: number): Fates {
    return new Fates(new SharedArrayBuffer(Math.min(batches, MOST) * CELL_BYTES));
  }

  /** So many batches are remembered, the first ones. */
  get capacity(): number {
    return this.#cells.length;
  }

  /** @param index the batch's number; of a shard, its place among the shard's batches */
  at(index: number): Fate {
    const cell = this.#cells[index] ?? 0;
    const stored = Math.floor(cell / CODES);
    const kind = STORED[stored];
    const code = codeAt(cell % CODES);
    if (kind === "unknown") return { kind, code };
    if (kind !== undefined) return { kind };
    return { kind: "failed", reason: REASONS[stored - STORED.length] ?? "refused", code };
  }

  /** The same as at(index).kind, for those who go through millions. */
  kindAt(index: number): FateKind {
    return STORED[Math.floor((this.#cells[index] ?? 0) / CODES)] ?? "failed";
  }

  mark(index: number, kind: "none" | "in_flight" | "dropped"): void {
    this.#set(index, STORED.indexOf(kind), 0);
  }

  answered(index: number, outcome: Outcome): void {
    switch (outcome.kind) {
      case "acknowledged":
        this.#set(index, STORED.indexOf("acknowledged"), 0);
        return;
      case "unknown":
        this.#set(index, STORED.indexOf("unknown"), codeIndex(outcome.code));
        return;
      case "failed":
        this.#set(index, STORED.length + REASONS.indexOf(outcome.reason), codeIndex(outcome.code));
    }
  }

  #set(index: number, stored: number, code: number): void {
    if (index < this.#cells.length) this.#cells[index] = stored * CODES + code;
  }
}
