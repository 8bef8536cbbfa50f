// A rate over time, cut into batches: where each batch ends follows from where it begins, so it is a walk; but batches of one
// size in a row are found at once, and kept as one run. Pure. Called by schedule.ts.

import type { Profile } from "./profile.js";

/** `batches` batches of `rows` rows one after the other; only the very last may hold fewer. */
export interface Run {
  readonly firstBatch: number;
  readonly firstRow: number;
  readonly rows: number;
  readonly batches: number;
}

/** Batches of so many different sizes in a row are a schedule nobody needs. */
const MOST_RUNS = 200_000;

/** There are more than MOST_RUNS sizes of batches. */
export class ScheduleError extends RangeError {}

/** What ends a batch. */
export interface Cuts {
  readonly batchRows: number;
  readonly flushNs: bigint;
  /** All rows there are. */
  readonly rows: number;
  /** The last batch of these ends with them. */
  readonly warmUpRows: number;
}

/** Throws a ScheduleError. */
export function runsOf(profile: Profile, cuts: Cuts): Run[] {
  const runs: Run[] = [];
  const push = (rows: number, batches: number): void => {
    const last = runs.at(-1);
    if (last !== undefined && last.rows === rows && last.firstRow + last.rows * last.batches === row) {
      runs[runs.length - 1] = { ...last, batches: last.batches + batches };
    } else {
      runs.push({ firstBatch: batch, firstRow: row, rows, batches });
    }
    row += rows * batches;
    batch += batches;
    if (runs.length > MOST_RUNS) throw new ScheduleError(`more than ${MOST_RUNS} batches of different sizes`);
  };
  let row = 0;
  let batch = 0;
  while (row < cuts.rows) {
    const limit = row < cuts.warmUpRows ? cuts.warmUpRows : cuts.rows;
    const { rows, batches } = alikeFrom(profile, cuts, row, limit);
    // The last before the limit may be cut short by it.
    const whole = Math.min(batches, Math.floor((limit - row) / rows));
    if (whole > 0) push(rows, whole);
    if (whole < batches) push(limit - row, 1);
  }
  return runs;
}

/** How many rows the batch that begins with this row holds if nothing cuts it, and how many in a row hold as many. */
function alikeFrom(
  profile: Profile,
  cuts: Cuts,
  row: number,
  limit: number,
): { readonly rows: number; readonly batches: number } {
  const { batchRows, flushNs } = cuts;
  const { endRow, endNs, rowsWithin } = profile.around(row);
  const steady = rowsWithin(flushNs);
  if (steady !== undefined) {
    const rows = Math.min(batchRows, steady);
    const end = Math.min(endRow, limit);
    // The one before the rate changes may be flushed later than that.
    const isFlushedInTime = (first: number): boolean =>
      rows === batchRows || end === limit || profile.timeOf(first) + flushNs <= endNs;
    const batches = Math.floor((end - row) / rows);
    if (end === limit && (end - row) % rows > 0) return { rows, batches: batches + 1 };
    const inTime = batches > 0 && !isFlushedInTime(row + (batches - 1) * rows) ? batches - 1 : batches;
    if (inTime > 0) return { rows, batches: inTime };
  }
  const rows = heldFrom(profile, cuts, row);
  // On a ramp they differ sooner or later, in one direction: by doubled steps, then halved.
  const alike = (count: number): boolean => {
    const first = row + (count - 1) * rows;
    const flushedNs = profile.timeOf(first) + flushNs;
    // What comes behind this stretch must not matter, or they may differ and be alike again.
    if (rows === batchRows) return profile.timeOf(first + rows - 1) < flushedNs;
    return flushedNs <= endNs && heldFrom(profile, cuts, first) === rows;
  };
  const most = Math.max(1, Math.floor((endRow - row) / rows));
  let [batches, step] = [1, 1];
  for (; batches + step <= most && alike(batches + step); step *= 2) batches += step;
  let over = Math.min(batches + step, most + 1);
  while (over - batches > 1) {
    const middle = Math.floor((batches + over) / 2);
    if (alike(middle)) batches = middle;
    else over = middle;
  }
  return { rows, batches };
}

/** Rows that arrive from this one on within a flush interval, as many as a batch can hold. */
function heldFrom(profile: Profile, { batchRows, flushNs, rows }: Cuts, row: number): number {
  // In whole nanoseconds, for this row as for the others: one that comes exactly when the batch is flushed is not in it.
  const lastNs = profile.timeOf(row) + flushNs - 1n;
  const before = profile.rowsBefore(lastNs);
  const end = before < rows && profile.timeOf(before) <= lastNs ? before + 1 : before;
  return Math.min(batchRows, Math.max(1, end - row));
}
