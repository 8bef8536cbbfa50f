// What the ledger asks of one endpoint: how many rows of a run it holds, batch by batch, and which of them differ. Main thread.
// Nothing here is spliced into SQL but the table's quoted name; everything else is a parameter.
//
// Rows of a batch are told apart by their offset in it, one bit each: a word where they are few, a bitmap where they are
// many. So a batch is whole when, and only when, as many rows differ as it must hold. What is in the other columns is not
// looked at.

import { type Place, tableIdentifier } from "../asked.js";
import type { Endpoint } from "../endpoint.js";
import type { Run, Shard } from "../schedule.js";
import { countOf, ImpossibleError, type Patience, query, queryBinary, ServerError } from "../server.js";
import { count } from "../text.js";
import { batchesOf, type Chunk, type Due, LIMITS, type Scheduled, WORD_ROWS } from "./chunks.js";

/** Whose rows are looked for, and where. */
export interface Search extends Scheduled {
  readonly place: Place;
  readonly runId: string;
}

/** What one endpoint shows of the batches of a chunk. */
export interface Shown {
  /** Rows of each, with copies. */
  readonly rows: Uint32Array;
  /** Those of them that differ. */
  readonly distinct: Uint32Array;
}

/** Reading back hundreds of millions of rows may take minutes. */
export const PATIENCE: Patience = { timeoutMs: 15 * 60_000 };
/** Somebody who does not answer such a small question is not waited for. */
const SOON: Patience = { timeoutMs: 5000 };

/** SQL for what a row's batch is, and the row in it; `values`: of its parameters. */
interface Whereabouts {
  readonly batch: string;
  readonly offset: string;
  readonly values: Readonly<Record<string, string>>;
}

function whereabouts(runs: readonly Run[]): Whereabouts {
  const [only, ...others] = runs;
  if (only === undefined || others.length === 0) {
    const { firstBatch, firstRow, rows } = only ?? { firstBatch: 0, firstRow: 0, rows: 1 };
    return {
      batch: "intDiv(seq - {first_row:UInt64}, {per_batch:UInt64}) + {first_batch:UInt64}",
      offset: "(seq - {first_row:UInt64}) % {per_batch:UInt64}",
      values: { first_row: String(firstRow), first_batch: String(firstBatch), per_batch: String(rows) },
    };
  }
  // A table in the query: the run's first row leads to its first batch and to the rows a batch of it has.
  const list = (pick: (run: Run) => number): string => `[${runs.map(pick)}]`;
  const run = "roundDown(seq, {first_rows:Array(UInt64)})";
  const its = (column: string): string =>
    `transform(${run}, {first_rows:Array(UInt64)}, {${column}:Array(UInt64)}, toUInt64(1))`;
  return {
    batch: `intDiv(seq - ${run}, ${its("per_batch")}) + ${its("first_batches")}`,
    offset: `(seq - ${run}) % ${its("per_batch")}`,
    values: {
      first_rows: list(({ firstRow }) => firstRow),
      first_batches: list(({ firstBatch }) => firstBatch),
      per_batch: list(({ rows }) => rows),
    },
  };
}

/** The condition of the shard's batches. */
const ownOnly = (batch: string, { of }: Shard): string =>
  of === 1 ? "" : ` AND (${batch}) % {shards:UInt64} = {shard:UInt64}`;

const shardValues = ({ index, of }: Shard): Readonly<Record<string, string>> =>
  of === 1 ? {} : { shards: String(of), shard: String(index) };

/** FROM and WHERE of the chunk's rows, and `at`: the index of a row's batch in the chunk. */
function rowsOf({ place, runId, shard }: Search, chunk: Chunk) {
  const { batch, offset, values } = whereabouts(chunk.runs);
  return {
    at: `intDiv(${batch} - {first_own:UInt64}, {stride:UInt64})`,
    offset,
    from:
      `FROM ${tableIdentifier(place)} WHERE run_id = {run:String} ` +
      `AND seq >= {from_row:UInt64} AND seq < {end_row:UInt64}${ownOnly(batch, shard)}`,
    values: {
      ...values,
      ...shardValues(shard),
      run: runId,
      from_row: String(chunk.firstRow),
      end_row: String(chunk.endRow),
      first_own: String(chunk.firstPlace * shard.of + shard.index),
      stride: String(shard.of),
    },
  };
}

/** How many of a group's rows differ, exactly. */
function distinctRows(offset: string, mostRows: number): string {
  if (mostRows === 1) return "1";
  if (mostRows <= WORD_ROWS) return `bitCount(groupBitOr(bitShiftLeft(toUInt64(1), ${offset})))`;
  return `groupBitmap(toUInt32(${offset}))`;
}

/** Throws a ServerError. */
export async function askBatches(
  endpoint: Endpoint,
  search: Search,
  chunk: Chunk,
  patience: Patience = PATIENCE,
): Promise<Shown> {
  const shown = { rows: new Uint32Array(chunk.batches), distinct: new Uint32Array(chunk.batches) };
  if (chunk.batches === 0) return shown;
  const { at, offset, from, values } = rowsOf(search, chunk);
  const distinct = distinctRows(offset, Math.max(...chunk.runs.map(({ rows }) => rows)));
  // A count that does not fit is an error, not another count.
  const sql = `SELECT toUInt32(${at}), accurateCast(count(), 'UInt32'), toUInt32(${distinct}) ${from} GROUP BY ${at}`;
  await askNumbers(endpoint, sql, values, patience, 3, ([index = 0, rows = 0, differing = 0]) => {
    const isFirst = index < chunk.batches && shown.rows[index] === 0;
    if (!isFirst || differing === 0 || rows < differing) throw impossible(`batch ${index} of ${chunk.batches}`);
    shown.rows[index] = rows;
    shown.distinct[index] = differing;
  });
  for (const { at, number, rows } of batchesOf(chunk, search)) {
    if ((shown.distinct[at] ?? 0) > rows) throw impossible(`batch ${number}, which has ${count(rows, "row")}`);
  }
  return shown;
}

/**
 * The rows of some batches of a chunk, each as often as it is there: the batch's index in the chunk and the row's offset
 * in the batch. Throws a ServerError.
 */
export async function askRows(
  endpoint: Endpoint,
  search: Search,
  chunk: Chunk,
  batches: readonly Due[],
  onRow: (at: number, offset: number) => void,
  patience: Patience = PATIENCE,
): Promise<void> {
  const { at, offset, from, values } = rowsOf(search, chunk);
  const sql = `SELECT toUInt32(${at}), toUInt32(${offset}) ${from} AND has({batches:Array(UInt64)}, ${at})`;
  const all = { ...values, batches: `[${batches.map((due) => due.at)}]` };
  const rowsAt = new Map(batches.map((due) => [due.at, due.rows]));
  await askNumbers(endpoint, sql, all, patience, 2, ([index = 0, row = 0]) => {
    if (row >= (rowsAt.get(index) ?? 0)) throw impossible(`row ${row} of batch ${index} of the chunk`);
    onRow(index, row);
  });
}

/** Rows of the run behind the last that was scheduled: of a shard, in batches that would be its own. Throws a ServerError. */
export async function askStrangers(endpoint: Endpoint, search: Search, patience: Patience = PATIENCE): Promise<number> {
  const { place, runId, scheduledRows, shard } = search;
  const groups = runsBehind(search);
  let strangers = 0;
  for (const [index, runs] of groups.entries()) {
    const { batch, values } = whereabouts(runs);
    const end = groups[index + 1]?.[0]?.firstRow;
    const sql =
      `SELECT count() AS rows FROM ${tableIdentifier(place)} WHERE run_id = {run:String} AND seq >= {from_row:UInt64}` +
      `${end === undefined ? "" : " AND seq < {end_row:UInt64}"}${ownOnly(batch, shard)}`;
    const all = {
      ...values,
      ...shardValues(shard),
      run: runId,
      from_row: String(Math.max(scheduledRows, runs[0]?.firstRow ?? 0)),
      ...(end !== undefined && { end_row: String(end) }),
    };
    strangers += countOf((await query(endpoint, sql, all, patience))[0], "rows");
  }
  return strangers;
}

/** Of a schedule that was ended: the run that was cut, and those behind it; at least the last. As many as fit into a query. */
function runsBehind({ runs, scheduledRows, shard }: Search): readonly (readonly Run[])[] {
  // Whose batch a row is in matters to shards alone.
  if (shard.of === 1 || runs.length === 0) return [[]];
  const cut = runs.findIndex(({ firstRow, rows, batches }) => firstRow + rows * batches > scheduledRows);
  const behind = runs.slice(cut);
  return Array.from({ length: Math.ceil(behind.length / LIMITS.runs) }, (_, group) =>
    behind.slice(group * LIMITS.runs, (group + 1) * LIMITS.runs),
  );
}

/** Rows of the whole table. Throws a ServerError. */
export async function askCount(endpoint: Endpoint, place: Place, patience: Patience = PATIENCE): Promise<number> {
  const sql = `SELECT count() AS rows FROM ${tableIdentifier(place)}`;
  return countOf((await query(endpoint, sql, {}, patience))[0], "rows");
}

/** Inserts of the run that the server still works at; 0 where it does not say. */
export async function askRunning(endpoint: Endpoint, { runId, shard }: Search, signal?: AbortSignal): Promise<number> {
  // A query id is <run>-<batch>-<attempt>, and a run's id may have dashes itself.
  const sql =
    "SELECT count() AS running FROM system.processes WHERE match(query_id, {pattern:String})" +
    ownOnly("toUInt64OrZero(splitByChar('-', query_id)[-2])", shard);
  const values = { pattern: `^${runId.replaceAll(".", "[.]")}-[0-9]+-[0-9]+$`, ...shardValues(shard) };
  const patience = signal === undefined ? SOON : { ...SOON, signal };
  try {
    return countOf((await query(endpoint, sql, values, patience))[0], "running");
  } catch (error) {
    if (error instanceof ServerError) return 0;
    throw error;
  }
}

/** An answer that no table gives, whatever is in it. */
const impossible = (of: string): ImpossibleError =>
  new ImpossibleError(`an answer to the ledger's question has impossible numbers for ${of}`);

/** Rows of `width` numbers of 32 bits; the array is used again for the next. Throws a ServerError. */
async function askNumbers(
  endpoint: Endpoint,
  sql: string,
  values: Readonly<Record<string, string>>,
  patience: Patience,
  width: number,
  onRow: (numbers: Uint32Array) => void,
): Promise<void> {
  const row = new Uint32Array(width);
  // Of a row that has not come whole.
  let rest = new Uint8Array(0);
  const onBytes = (piece: Uint8Array): void => {
    const bytes = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    let at = 0;
    for (; at + row.byteLength <= bytes.length; at += row.byteLength) {
      for (let column = 0; column < width; column++) row[column] = view.getUint32(at + 4 * column, true);
      onRow(row);
    }
    rest = bytes.slice(at);
  };
  await queryBinary(endpoint, sql, values, onBytes, patience);
  if (rest.length > 0) {
    throw new ImpossibleError("an answer to the ledger's question ended in the middle of a row");
  }
}
