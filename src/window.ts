// What was answered within the measured window: a worker's tally, one call an insert that is over, and what follows from all of
// them when the run is over. No clock and no I/O. The cells lie in shared memory (counters.ts); books.ts asks.
//
// Open loop. The window is the schedule's, and the rate is that of the rows answered in it. Two things at its ends would make
// that wrong where inserts are few or long. What is always in flight is not answered at the end, and is no backlog: a run that
// kept up has achieved what was scheduled. And nothing is answered before the first insert has been: where no warm-up filled the server, the
// window of answers lies as much later as the first inserts took (3% of it at most, so that it is off by no more than that).
//
//   due        ├──────────────── window ────────────────┤
//   answered     ├────────── as much later ───────────────┤   with a warm-up: the same window
//
// A run kept up if all was answered within the time one insert takes after the end: a hundredth of the window, half the time
// between two inserts, or three times what the first inserts took (3% at most). At a constant rate it also did if what was due and unanswered
// was level: grown by less than a hundredth of the window's rows, or half a batch, from its first half to the second (mean against mean, which
// knows no phase), and at the end no more than twice the mean, nor than what comes in three times what the inserts of its first 3% took. A server with
// less room than is asked of it fails both, wherever the rows wait. What the answers were later at the end than at first, or unanswered
// rows grew, is what that may hide.
//
// Closed loop. There are always as many inserts in flight, so an insert that lies partly within the window counts for that part of
// its time. The window of a worker begins when each of its places has had an answer: until then they are in step.

import type { Counters, WorkerCounters } from "./counters.js";

/** So many of a worker's first answers say how long an insert takes before a queue can have grown. */
const EARLY = 3;

/** Cells of a worker's tally. */
export const WINDOW = {
  /** Rows with an outcome by the end of the window. */
  settledRows: 0,
  /** Rows acknowledged in the window, of the warm-up too. */
  answeredRows: 1,
  /** Rows due and without an outcome, times nanoseconds: in the first half of the window, and in the second. */
  firstHalf: 2,
  secondHalf: 3,
  /** Inserts over. */
  over: 4,
  /** Closed loop: when the worker's window begins; 0: not yet. Rows answered in it, by the part of their time. */
  fromNs: 5,
  partialRows: 6,
  /** When the last insert was over, sent or not. */
  lastNs: 7,
  /** Inserts due in the first part of the window, and the sum of their latencies: slow ones are not the last to count. */
  usualInserts: 8,
  usualSumNs: 9,
  /** Latencies of the first measured inserts that were acknowledged, in nanoseconds. */
  earlyInserts: 10,
  early: 11,
  cells: 11 + EARLY,
} as const;

export interface WindowSpec {
  readonly isClosedLoop: boolean;
  /** Nanoseconds from the start. */
  readonly fromNs: number;
  /** As planned: an interrupt brings it forward. */
  readonly toNs: number;
  /** Inserts this worker may have in flight. */
  readonly places: number;
}

/** An insert that is over. */
export interface Over {
  readonly rows: number;
  readonly measured: boolean;
  readonly dueNs: number;
  readonly sentNs: number;
  readonly answeredNs: number;
  readonly acknowledged: boolean;
}

/** The time that two have in common. */
const overlap = (fromNs: number, toNs: number, fromToo: number, toToo: number): number =>
  Math.max(0, Math.min(toNs, toToo) - Math.max(fromNs, fromToo));

export class WindowTally {
  readonly #spec: WindowSpec;
  readonly #counters: Pick<Counters, "endNs">;
  readonly #own: Pick<WorkerCounters, "window" | "late">;
  readonly #cells: Float64Array;

  constructor(spec: WindowSpec, counters: Pick<Counters, "endNs">, own: Pick<WorkerCounters, "window" | "late">) {
    this.#spec = spec;
    this.#counters = counters;
    this.#own = own;
    this.#cells = own.window;
  }

  #add(cell: number, amount: number): void {
    this.#cells[cell] = (this.#cells[cell] ?? 0) + amount;
  }

  take(over: Over): void {
    this.#add(WINDOW.over, 1);
    this.#cells[WINDOW.lastNs] = over.answeredNs;
    if (this.#spec.isClosedLoop) this.#closed(over);
    else this.#open(over);
  }

  #open({ rows, measured, dueNs, answeredNs, acknowledged }: Over): void {
    const { fromNs, toNs } = this.#spec;
    const middleNs = (fromNs + toNs) / 2;
    this.#add(WINDOW.firstHalf, rows * overlap(dueNs, answeredNs, fromNs, middleNs));
    this.#add(WINDOW.secondHalf, rows * overlap(dueNs, answeredNs, middleNs, toNs));
    const endNs = Number(this.#counters.endNs);
    if (answeredNs <= endNs) this.#add(WINDOW.settledRows, rows);
    if (!acknowledged) return;
    if (measured && dueNs <= fromNs + LATEST * (toNs - fromNs)) {
      this.#add(WINDOW.usualInserts, 1);
      this.#add(WINDOW.usualSumNs, answeredNs - dueNs);
    }
    if (answeredNs > endNs) this.#own.late.recordNs(answeredNs - endNs, rows);
    else if (answeredNs > fromNs) this.#add(WINDOW.answeredRows, rows);
    const early = this.#cells[WINDOW.earlyInserts] ?? 0;
    if (!measured || early >= EARLY) return;
    this.#cells[WINDOW.early + early] = answeredNs - dueNs;
    this.#cells[WINDOW.earlyInserts] = early + 1;
  }

  #closed({ rows, sentNs, answeredNs, acknowledged }: Over): void {
    const fromNs = this.#cells[WINDOW.fromNs] ?? 0;
    if (fromNs > 0) {
      const within = overlap(sentNs, answeredNs, fromNs, Number(this.#counters.endNs));
      if (acknowledged && within > 0) this.#add(WINDOW.partialRows, (rows * within) / (answeredNs - sentNs));
    } else if (this.#cells[WINDOW.over] === this.#spec.places) {
      this.#cells[WINDOW.fromNs] = Math.max(answeredNs, this.#spec.fromNs);
    }
  }
}

/** What is known when the run is over; nanoseconds from the start. */
export interface Ended {
  readonly fromNs: number;
  /** When the schedule ended. */
  readonly toNs: number;
  /** Before its time. */
  readonly endsEarly: boolean;
  /** The same rate from the start on. */
  readonly isConstant: boolean;
  /** Nothing more was sent then. */
  readonly overNs: number;
  readonly rowsPerBatch: number;
  /** Rows: all, with the warm-up, that were due and not dropped … */
  readonly due: number;
  /** … those that were dropped … */
  readonly dropped: number;
  /** … of those that were due, those that were never sent … */
  readonly unsent: number;
  /** … and of those that are measured, all that were due and what was acknowledged. */
  readonly measured: number;
  readonly acknowledged: number;
  /** Measured ones. */
  readonly inserts: number;
}

/** Rows that had no outcome when the schedule ended. */
export interface Backlog {
  readonly rows: number;
  /** Until the last of them had one, or nothing more was sent. */
  readonly ns: number;
}

export interface Answered {
  /** Rows that count as answered in the window. */
  readonly rows: number;
  /** By so many it may be off; undefined: by next to nothing (1% where the run kept up), or, in a closed loop, nobody knows. */
  readonly errorRows: number | undefined;
  /** Undefined: the run kept up. */
  readonly backlog: Backlog | undefined;
}

/** Shares of the window. */
const SOON = 0.01;
const LATEST = 0.03;
/** Times what the first inserts took. */
const USUAL = 3;
/** Of the rows: less is not worth telling. */
const EXACT = 0.01;
const LEVEL = { growth: 0.01, end: 2 } as const;

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? 0;
}

/** Of an open loop: all workers' tallies. */
export function answeredOpen(workers: readonly Pick<WorkerCounters, "window" | "late">[], ended: Ended): Answered {
  const { fromNs, toNs, rowsPerBatch, due, unsent, inserts } = ended;
  const windowNs = toNs - fromNs;
  const total = (cell: number): number => sum(workers.map(({ window }) => window[cell] ?? 0));
  const early = workers.map(({ window }) => [
    ...window.subarray(WINDOW.early, WINDOW.early + (window[WINDOW.earlyInserts] ?? 0)),
  ]);
  const firstNs = median(early.flat());
  const usualInserts = total(WINDOW.usualInserts);
  const usualNs = usualInserts > 0 ? total(WINDOW.usualSumNs) / usualInserts : firstNs;
  const lastNs = Math.max(...workers.map(({ window }) => window[WINDOW.lastNs] ?? 0));
  const left = Math.max(0, due - total(WINDOW.settledRows));
  const soonNs = Math.max(
    SOON * windowNs,
    inserts > 0 ? windowNs / inserts / 2 : 0,
    Math.min(USUAL * firstNs, LATEST * windowNs),
  );
  const isSoon = unsent === 0 && lastNs <= toNs + soonNs;
  const means = [total(WINDOW.firstHalf), total(WINDOW.secondHalf)].map((rowNs) => rowNs / (windowNs / 2));
  const [first = 0, second = 0] = means;
  const keptUp = (errorRows: number): Answered => ({
    rows: ended.acknowledged,
    errorRows: errorRows > EXACT * ended.measured ? errorRows : undefined,
    backlog: undefined,
  });
  if (windowNs > 0 && isSoon) return keptUp((ended.measured * (lastNs - toNs - firstNs)) / windowNs);
  if (windowNs > 0 && isLevel(means, left, (usualNs * ended.measured) / windowNs, ended))
    return keptUp(2 * (second - first));
  // Filled by the warm-up, the server had as much in flight at the beginning.
  const laterNs = fromNs > 0 ? 0 : firstNs;
  const later = (ns: number): number => sum(workers.map(({ late }) => late.countUpToNs(ns)));
  return {
    rows: total(WINDOW.answeredRows) + later(Math.min(laterNs, LATEST * windowNs)),
    errorRows: Math.max(laterNs > 0 ? later(laterNs) : 0, rowsPerBatch),
    backlog:
      left > 0
        ? { rows: left, ns: Math.max(0, (unsent > 0 ? Math.max(ended.overNs, lastNs) : lastNs) - toNs) }
        : undefined,
  };
}

/**
 * Whether what was due and had no outcome was as much in the second half of the window as in the first, and no more at its end than is
 * usual: `usual` rows come in while an insert takes as long as the first ones did. Where rows were dropped it is the dropping that keeps it level.
 */
function isLevel([first = 0, second = 0]: readonly number[], left: number, usual: number, ended: Ended): boolean {
  const { measured, dropped, unsent, rowsPerBatch, endsEarly, isConstant } = ended;
  if (dropped + unsent > 0 || endsEarly || !isConstant) return false;
  const grown = 2 * (second - first);
  return (
    grown <= Math.max(LEVEL.growth * measured, rowsPerBatch / 2) &&
    left <= Math.min(LEVEL.end * Math.max(first, second), USUAL * usual) + rowsPerBatch
  );
}

/** Of a closed loop, from the earliest window of a worker on; undefined: there was not the time for one. */
export function answeredClosed(
  workers: readonly Pick<WorkerCounters, "window">[],
  toNs: number,
): { readonly fromNs: number; readonly rows: number } | undefined {
  const begins = workers.map(({ window }) => window[WINDOW.fromNs] ?? 0);
  const fromNs = Math.min(...begins);
  if (fromNs === 0 || Math.max(...begins) >= toNs) return undefined;
  const perNs = sum(
    workers.map(({ window }, worker) => (window[WINDOW.partialRows] ?? 0) / (toNs - (begins[worker] ?? 0))),
  );
  return { fromNs, rows: perNs * (toNs - fromNs) };
}
