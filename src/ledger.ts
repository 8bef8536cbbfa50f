// Did every row land, once? Asks ClickHouse, after the run, and compares with what the workers counted. Main thread.
//
// With the ledger columns: rows and sum(seq) of each batch of this run against what the schedule says they must be.
// Without: the difference of count() before and after, which takes for granted that nobody else writes.

import { tableIdentifier } from "./asked.js";
import type { Endpoint } from "./endpoint.js";
import type { Fates } from "./fates.js";
import type { Run, Shard } from "./schedule.js";
import { type Patience, query } from "./server.js";
import type { Target } from "./target.js";

export interface Ledger {
  /** Rows of this run in the table, however often. */
  readonly landed: number;
  /** Acknowledged rows that are not there. */
  readonly lost: number;
  /** Rows that are there more than once, counting each surplus copy; and rows of this run that were never scheduled. */
  readonly duplicated: number;
  /** What must be known to read the figures; undefined: nothing. */
  readonly caveat: string | undefined;
}

/** What the workers say of a run that is over. */
export interface Claim {
  readonly runId: string;
  /** Of all shards. */
  readonly scheduledRows: number;
  /** How the rows of all shards are cut into batches; the last one may hold fewer. */
  readonly runs: readonly Run[];
  /** Only its batches are looked at. */
  readonly shard: Shard;
  readonly acknowledgedRows: number;
  /** Rows whose fate the client does not know. */
  readonly unknownRows: number;
  /** What became of each batch of the shard. */
  readonly fates: Fates;
  /** So many batches of the shard were scheduled, or claimed. */
  readonly batches: number;
}

/** Where rows may show up late, it is asked again, at most so often. */
const POLLS = 20;
const POLL_MS = 500;
/** Batches named in one query, and runs of batches. */
const CHUNK = 2000;
const RUNS = 1000;

/** Reading back hundreds of millions of rows may take minutes. */
const PATIENCE: Patience = { timeoutMs: 15 * 60_000 };

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Rows in the whole table, wherever they lie. */
export async function countRows(target: Target): Promise<number> {
  const counts = await Promise.all(
    target.stores.map((store) => ask(store, `SELECT count() AS rows FROM ${tableIdentifier(target)}`, {})),
  );
  return counts.reduce((sum, row) => sum + Number(row?.rows), 0);
}

/** @param rowsBefore of the table, counted before the run; used where the table has no ledger columns */
export async function readLedger(target: Target, claim: Claim, rowsBefore: number): Promise<Ledger> {
  const late = /^(Distributed|Replicated|Shared|Buffer)/.test(target.engine ?? "");
  let ledger: Ledger;
  for (let poll = 0; ; poll++) {
    ledger = target.ledgerColumns
      ? await byBatch(target, claim)
      : byDifference((await countRows(target)) - rowsBefore, claim);
    if (!late || ledger.lost === 0 || poll === POLLS) break;
    await sleep(POLL_MS);
  }
  if (ledger.lost === 0) return ledger;
  const notes = [
    ledger.caveat,
    late && `${target.engine} tables may show rows late: asked for ${(POLLS * POLL_MS) / 1000} s`,
    target.expires && "the table has a TTL, which removes old rows",
  ].filter((note) => typeof note === "string");
  return { ...ledger, caveat: notes.length === 0 ? undefined : notes.join("; ") };
}

async function ask(store: Endpoint, sql: string, values: Readonly<Record<string, string>>) {
  return (await query(store, sql, values, PATIENCE))[0];
}

function byDifference(landed: number, claim: Claim): Ledger {
  return {
    landed,
    lost: Math.max(0, claim.acknowledgedRows - landed),
    duplicated: Math.max(0, landed - claim.acknowledgedRows - claim.unknownRows),
    caveat: "by the difference of count() before and after, which assumes no other writer",
  };
}

/** What one store holds of the run. */
interface Found {
  readonly landed: number;
  /** Of the landed rows, those that are not copies. */
  readonly distinct: number;
  /** Of these, those that nobody acknowledged. */
  readonly unacknowledged: number;
}

async function byBatch(target: Target, claim: Claim): Promise<Ledger> {
  const found = await Promise.all(target.stores.map((store) => askByBatch(store, target, claim)));
  const sum = (pick: (found: Found) => number): number => found.reduce((total, one) => total + pick(one), 0);
  const [landed, distinct] = [sum((one) => one.landed), sum((one) => one.distinct)];
  // Rows nobody acknowledged, and that are there all the same, do not make up for lost ones.
  const confirmed = distinct - sum((one) => one.unacknowledged);
  return {
    landed,
    lost: Math.max(0, claim.acknowledgedRows - confirmed),
    duplicated: landed - distinct,
    caveat:
      claim.batches <= claim.fates.capacity
        ? undefined
        : "more batches failed than are remembered: more rows may be lost than are shown",
  };
}

async function askByBatch(store: Endpoint, target: Target, claim: Claim): Promise<Found> {
  const found = { landed: 0, distinct: 0, unacknowledged: 0 };
  for (let at = 0; at < Math.max(1, claim.runs.length); at += RUNS) {
    const part = await askByRuns(
      store,
      target,
      claim,
      claim.runs.slice(at, at + RUNS),
      claim.runs[at + RUNS]?.firstRow,
    );
    found.landed += part.landed;
    found.distinct += part.distinct;
    found.unacknowledged += part.unacknowledged;
  }
  return found;
}

/** A row behind the last of the schedule is nobody's: it stands for none that is lost. */
const SCHEDULED = "seq < {scheduled:UInt64}";

/** The rows of these runs of batches. `endRow`: where those behind them begin; undefined: there are none. */
async function askByRuns(
  store: Endpoint,
  target: Target,
  { runId, scheduledRows, shard, fates, batches: mostBatches }: Claim,
  runs: readonly Run[],
  endRow: number | undefined,
): Promise<Found> {
  const { batch, first, rows: full, values: places } = placesOf(runs);
  const values = {
    ...places,
    run: runId,
    scheduled: String(scheduledRows),
    from_row: String(runs[0]?.firstRow ?? 0),
    ...(endRow !== undefined && { end_row: String(endRow) }),
    ...(shard.of > 1 && { shards: String(shard.of), shard: String(shard.index) }),
  };
  const from = [
    `FROM ${tableIdentifier(target)} WHERE run_id = {run:String}`,
    "seq >= {from_row:UInt64}",
    ...(endRow === undefined ? [] : ["seq < {end_row:UInt64}"]),
    ...(shard.of > 1 ? [`(${batch}) % {shards:UInt64} = {shard:UInt64}`] : []),
  ].join(" AND ");
  // What a batch must hold: its rows, fewer where the schedule ended, and the sum of consecutive numbers from its first row.
  const batches = `
    SELECT ${batch} AS batch, count() AS rows, sum(seq) AS total, any(${first}) AS first, any(${full}) AS full,
      toUInt64(greatest(least(toInt64(full), toInt64({scheduled:UInt64}) - toInt64(first)), 0)) AS due,
      rows = due AND total = due * first + intDiv(due * (due - 1), 2) AS whole
    ${from} GROUP BY batch`;
  const sums = await ask(
    store,
    `SELECT sum(rows) AS landed, sum(if(whole, rows, 0)) AS whole_rows, countIf(NOT whole) AS odd FROM (${batches})`,
    values,
  );
  let distinct = Number(sums?.whole_rows ?? 0);
  if (Number(sums?.odd ?? 0) > 0) {
    const odd = await ask(
      store,
      `SELECT uniqExact(seq) AS rows ${from} AND ${SCHEDULED} AND ${batch} IN (SELECT batch FROM (${batches}) WHERE NOT whole)`,
      values,
    );
    distinct += Number(odd?.rows ?? 0);
  }
  let unacknowledged = 0;
  const last = runs.at(-1);
  const mine: number[] = [];
  for (let index = 0; index < Math.min(mostBatches, fates.capacity); index++) {
    const number = index * shard.of + shard.index;
    if (number < (runs[0]?.firstBatch ?? 0) || last === undefined || number >= last.firstBatch + last.batches) continue;
    if (["failed", "unknown", "in_flight"].includes(fates.kindAt(index))) mine.push(number);
  }
  for (let at = 0; at < mine.length; at += CHUNK) {
    const there = await ask(
      store,
      `SELECT uniqExact(seq) AS rows ${from} AND ${SCHEDULED} AND has({batches:Array(UInt64)}, ${batch})`,
      {
        ...values,
        batches: `[${mine.slice(at, at + CHUNK)}]`,
      },
    );
    unacknowledged += Number(there?.rows ?? 0);
  }
  return { landed: Number(sums?.landed ?? 0), distinct, unacknowledged };
}

/** SQL for the batch that row seq is in, the batch's first row, and how many it holds when it is whole; the values they take. */
function placesOf(runs: readonly Run[]) {
  const [only, ...others] = runs;
  const of = (pick: (run: Run) => number): string => `[${runs.map(pick)}]`;
  if (only === undefined || others.length === 0) {
    const { firstBatch, firstRow, rows } = only ?? { firstBatch: 0, firstRow: 0, rows: 1 };
    const at = "intDiv(seq - {first_row:UInt64}, {per_batch:UInt64})";
    return {
      batch: `${at} + {first_batch:UInt64}`,
      first: `${at} * {per_batch:UInt64} + {first_row:UInt64}`,
      rows: "{per_batch:UInt64}",
      values: { first_batch: String(firstBatch), first_row: String(firstRow), per_batch: String(rows) },
    };
  }
  // A table in the query: the run's first row leads to its first batch and to the rows a batch of it has.
  const run = "roundDown(seq, {first_rows:Array(UInt64)})";
  const its = (column: string): string =>
    `transform(${run}, {first_rows:Array(UInt64)}, {${column}:Array(UInt64)}, toUInt64(1))`;
  const at = `intDiv(seq - ${run}, ${its("per_batch")})`;
  return {
    batch: `${at} + ${its("first_batches")}`,
    first: `${at} * ${its("per_batch")} + ${run}`,
    rows: its("per_batch"),
    values: {
      first_rows: of(({ firstRow }) => firstRow),
      first_batches: of(({ firstBatch }) => firstBatch),
      per_batch: of(({ rows }) => rows),
    },
  };
}
