// One worker's figures of one phase of a run: what was generated, rows, inserts, bytes and errors of each endpoint, and six
// histograms, all in shared memory. Laid out for counters.ts, which alone uses them.
//
//   | state | endpoint 0 | endpoint 1 | … | latency | service | lateness | refused | unheld | sending |

import { type Code, REASONS, TRANSPORT_CODES } from "./answer.js";
import { HISTOGRAM_BYTES, SharedHistogram } from "./latency.js";

export const CELL_BYTES = 8;
/** Cells of the state. */
export const PHASE = {
  droppedRows: 0,
  maxLagNs: 1,
  latencySumNs: 2,
  serviceSumNs: 3,
  latenessSumNs: 4,
  refusedSumNs: 5,
  generatedRows: 6,
  generatedInserts: 7,
  renderedBytes: 8,
  heldSumNs: 9,
  sendingSumNs: 10,
  cells: 11,
} as const;
/** Cells of an endpoint: of inserts that ended there, and of attempts. */
export const ENDPOINT = {
  acknowledgedRows: 0,
  unknownRows: 1,
  failedRows: 2,
  acknowledgedInserts: 2 + REASONS.length,
  unknownInserts: 3 + REASONS.length,
  failedInserts: 4 + REASONS.length,
  /** Attempts that failed and were not the last. */
  retried: 5 + REASONS.length,
  sentBytes: 6 + REASONS.length,
  leftOut: 7 + REASONS.length,
  errors: 8 + REASONS.length,
} as const;
/** Of each error code. */
export const ERROR = { inserts: 0, rows: 1, retried: 2, cells: 3 } as const;
/** Exception numbers up to here have a cell of their own; a higher one counts as "other". */
const LARGEST_EXCEPTION = 1199;
export const ERROR_CODES = LARGEST_EXCEPTION + 1 + TRANSPORT_CODES.length;
export const ENDPOINT_CELLS = ENDPOINT.errors + ERROR.cells * ERROR_CODES;

const HISTOGRAMS = ["latency", "service", "lateness", "refused", "unheld", "sending"] as const;
/**
 * latency: due to answered, and service: sent to answered, of acknowledged inserts; lateness: due to sent; refused: due to its
 * end (in a closed loop: sent to its end), of an insert that failed or whose outcome is unknown; unheld: service without the time that answers
 * may have lain unread, as their thread was held up; sending: sent until the system had taken the body.
 */
export type HistogramName = (typeof HISTOGRAMS)[number];

export function codeIndex(code: Code): number {
  if (typeof code === "number" && code <= LARGEST_EXCEPTION) return code;
  return LARGEST_EXCEPTION + 1 + TRANSPORT_CODES.indexOf(typeof code === "number" ? "other" : code);
}

export function codeAt(index: number): Code {
  return index <= LARGEST_EXCEPTION ? index : (TRANSPORT_CODES[index - LARGEST_EXCEPTION - 1] ?? "other");
}

/** As it is counted, and labelled in /metrics: one of a closed set. */
export const countedAs = (code: Code): Code => codeAt(codeIndex(code));

const phaseCells = (shape: { readonly endpoints: number }): number => PHASE.cells + shape.endpoints * ENDPOINT_CELLS;
export const phaseBytes = (shape: { readonly endpoints: number }): number =>
  phaseCells(shape) * CELL_BYTES + HISTOGRAMS.length * HISTOGRAM_BYTES;

/** One worker's, in shared memory from `at` on. */
export class Phase {
  readonly latency: SharedHistogram;
  readonly service: SharedHistogram;
  readonly lateness: SharedHistogram;
  readonly refused: SharedHistogram;
  readonly unheld: SharedHistogram;
  readonly sending: SharedHistogram;
  readonly cells: Float64Array;

  constructor(buffer: SharedArrayBuffer, shape: { readonly endpoints: number }, at: number) {
    this.cells = new Float64Array(buffer, at, phaseCells(shape));
    const histogram = (index: number): SharedHistogram =>
      new SharedHistogram(buffer, at + this.cells.byteLength + index * HISTOGRAM_BYTES);
    [this.latency, this.service] = [histogram(0), histogram(1)];
    [this.lateness, this.refused] = [histogram(2), histogram(3)];
    [this.unheld, this.sending] = [histogram(4), histogram(5)];
  }

  get(cell: number): number {
    return this.cells[cell] ?? 0;
  }

  add(cell: number, amount: number): void {
    this.cells[cell] = this.get(cell) + amount;
  }

  /** The cells of one endpoint, for adding up. */
  endpointCells(endpoint: number): Float64Array {
    const at = PHASE.cells + endpoint * ENDPOINT_CELLS;
    return this.cells.subarray(at, at + ENDPOINT_CELLS);
  }
}
