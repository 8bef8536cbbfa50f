// The batches of a shard in chunks that one query each can answer in bounded memory, and what each batch must hold. Pure.
// Called by the ledger.
//
//   batches     0 1 2 3 4 5 6 7 8 9 …            shard 2 of 3 has the batches 1, 4, 7, …
//   place         0     1     2                  their places among its own
//   chunks      └─────────────┘ └─────…          borders between batches, the same for every shard
//   in chunk      0     1     2   0              what queries and arrays are indexed by

import type { Run, Shard } from "../schedule.js";

/** Bounds of one chunk. */
export interface ChunkLimits {
  /** Batches of the shard, and groups on the server. */
  readonly batches: number;
  /** What the server may need to tell their rows apart. */
  readonly bytes: number;
  /** Runs of batches, which stand in the query. */
  readonly runs: number;
}

export const LIMITS: ChunkLimits = { batches: 2 ** 20, bytes: 2 ** 28, runs: 1000 };

/** Batches `firstBatch` to `endBatch` (not with it) of all shards, and their rows. */
export interface Chunk {
  readonly firstBatch: number;
  readonly endBatch: number;
  readonly firstRow: number;
  readonly endRow: number;
  /** The runs that they are of, whole. */
  readonly runs: readonly Run[];
  /** How many of the batches are the shard's. */
  readonly batches: number;
  /** The place of the first of these among all of the shard's. */
  readonly firstPlace: number;
}

/** What a run's batches are, of a schedule that may have ended before the last of them. */
export interface Scheduled {
  readonly runs: readonly Run[];
  /** Rows behind these were never scheduled. */
  readonly scheduledRows: number;
  readonly shard: Shard;
}

/** A batch of up to so many rows is told apart by the bits of a word. */
export const WORD_ROWS = 64;
/** A group with its key; the bits of each part of a bitmap, at most; of a row in a small one. */
const GROUP_BYTES = 32;
const BITMAP_BYTES = 600;
const BITMAP_PART = { rows: 65_536, bytes: 8192 } as const;
const BITMAP_ROW_BYTES = 2;

/** What the server needs for a batch, measured: bench/README.md. */
function bytesOf(rows: number): number {
  if (rows <= WORD_ROWS) return GROUP_BYTES;
  const parts = Math.ceil(rows / BITMAP_PART.rows) * BITMAP_PART.bytes;
  return GROUP_BYTES + BITMAP_BYTES + Math.min(rows * BITMAP_ROW_BYTES, parts);
}

/** Of the batches before `number`, how many are the shard's. */
const placesBefore = (number: number, { index, of }: Shard): number => Math.max(0, Math.ceil((number - index) / of));

/** All batches that hold a row, in order. */
export function* chunksOf({ runs, scheduledRows, shard }: Scheduled, limits: ChunkLimits = LIMITS): Generator<Chunk> {
  let open: { firstBatch: number; firstRow: number; bytes: number; runs: Run[] } | undefined;
  const closed = (endBatch: number, endRow: number): Chunk[] => {
    if (open === undefined) return [];
    const firstPlace = placesBefore(open.firstBatch, shard);
    const batches = placesBefore(endBatch, shard) - firstPlace;
    const { firstBatch, firstRow, runs: its } = open;
    open = undefined;
    return [
      { firstBatch, endBatch, firstRow, endRow: Math.min(endRow, scheduledRows), runs: its, batches, firstPlace },
    ];
  };
  let [endBatch, endRow] = [0, 0];
  for (const run of runs) {
    if (run.firstRow >= scheduledRows) break;
    const holding = Math.min(run.batches, Math.ceil((scheduledRows - run.firstRow) / run.rows));
    const rowOf = (batch: number): number => run.firstRow + (batch - run.firstBatch) * run.rows;
    for (let batch = run.firstBatch; batch < run.firstBatch + holding; ) {
      open ??= { firstBatch: batch, firstRow: rowOf(batch), bytes: 0, runs: [] };
      const taken = batch - open.firstBatch;
      const room = Math.floor(
        Math.min(limits.batches - Math.ceil(taken / shard.of), (limits.bytes - open.bytes) / bytesOf(run.rows)),
      );
      const isFull = open.runs.length === limits.runs || (room < 1 && taken > 0);
      if (isFull) {
        yield* closed(batch, rowOf(batch));
        continue;
      }
      // Of so many batches in a row, `room` are the shard's.
      const next = Math.min(run.firstBatch + holding, batch + Math.max(1, room) * shard.of);
      open.runs.push(run);
      open.bytes += Math.ceil((next - batch) / shard.of) * bytesOf(run.rows);
      batch = next;
      [endBatch, endRow] = [batch, rowOf(batch)];
      if (batch < run.firstBatch + holding) yield* closed(batch, rowOf(batch));
    }
  }
  yield* closed(endBatch, endRow);
}

/** A batch of the shard, and what it must hold. */
export interface Due {
  /** From 0 in the chunk. */
  readonly at: number;
  readonly number: number;
  readonly firstRow: number;
  readonly rows: number;
}

/** The batches of a chunk that are the shard's, in order. */
export function* batchesOf(chunk: Chunk, { shard, scheduledRows }: Omit<Scheduled, "runs">): Generator<Due> {
  let at = 0;
  for (const run of chunk.runs) {
    const end = Math.min(chunk.endBatch, run.firstBatch + run.batches);
    const from = placesBefore(Math.max(chunk.firstBatch, run.firstBatch), shard) * shard.of + shard.index;
    for (let number = from; number < end; number += shard.of) {
      const firstRow = run.firstRow + (number - run.firstBatch) * run.rows;
      yield { at: at++, number, firstRow, rows: Math.min(run.rows, scheduledRows - firstRow) };
    }
  }
}
