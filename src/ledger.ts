// Did every row land, once? Asks ClickHouse, after the run, and compares with what the workers counted. Main thread.
//
// With the ledger columns: rows and sum(seq) of each batch of this run against what the schedule says they must be.
// Without: the difference of count() before and after, which takes for granted that nobody else writes.

import type { Endpoint } from "./endpoint.js";
import { query } from "./server.js";
import { type Target, tableIdentifier } from "./target.js";

export interface Ledger {
  /** Rows of this run in the table, however often. */
  readonly landed: number;
  /** Acknowledged rows that are not there. */
  readonly lost: number;
  /** Rows that are there more than once, counting each surplus copy. */
  readonly duplicated: number;
  /** What must be known to read the figures; undefined: nothing. */
  readonly caveat: string | undefined;
}

/** What the workers say of a run that is over. */
export interface Claim {
  readonly runId: string;
  readonly scheduledRows: number;
  readonly rowsPerBatch: number;
  readonly acknowledgedRows: number;
  /** Rows whose fate the client does not know. */
  readonly unknownRows: number;
  /** Batches that were sent and not acknowledged. */
  readonly troubled: { readonly batches: readonly number[]; readonly complete: boolean };
}

/** Where rows may show up late, it is asked again, at most so often. */
const POLLS = 20;
const POLL_MS = 500;
/** Batches named in one query. */
const CHUNK = 2000;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Rows in the whole table. */
export async function countRows(endpoint: Endpoint, target: Target): Promise<number> {
  const [row] = await query(endpoint, `SELECT count() AS rows FROM ${tableIdentifier(target)}`);
  return Number(row?.rows);
}

/** @param rowsBefore of the table, counted before the run; used where the table has no ledger columns */
export async function readLedger(
  endpoint: Endpoint,
  target: Target,
  claim: Claim,
  rowsBefore: number,
): Promise<Ledger> {
  const late = /^(Distributed|Replicated|Shared|Buffer)/.test(target.engine ?? "");
  let ledger: Ledger;
  for (let poll = 0; ; poll++) {
    ledger = target.ledgerColumns
      ? await readByBatch(endpoint, target, claim)
      : byDifference((await countRows(endpoint, target)) - rowsBefore, claim);
    if (!late || ledger.lost === 0 || poll === POLLS) break;
    await sleep(POLL_MS);
  }
  if (!late || ledger.lost === 0) return ledger;
  const waited = `${target.engine} tables may show rows late: asked for ${(POLLS * POLL_MS) / 1000} s`;
  return { ...ledger, caveat: ledger.caveat === undefined ? waited : `${ledger.caveat}; ${waited}` };
}

function byDifference(landed: number, claim: Claim): Ledger {
  return {
    landed,
    lost: Math.max(0, claim.acknowledgedRows - landed),
    duplicated: Math.max(0, landed - claim.acknowledgedRows - claim.unknownRows),
    caveat: "by the difference of count() before and after, which assumes no other writer",
  };
}

async function readByBatch(endpoint: Endpoint, target: Target, claim: Claim): Promise<Ledger> {
  const values = {
    run: claim.runId,
    per_batch: String(claim.rowsPerBatch),
    scheduled: String(claim.scheduledRows),
  };
  const from = `FROM ${tableIdentifier(target)} WHERE run_id = {run:String}`;
  // What a batch must hold: rows per batch, but for the last, and the sum of consecutive numbers from its first row.
  const batches = `
    SELECT intDiv(seq, {per_batch:UInt64}) AS batch, count() AS rows, sum(seq) AS total,
      batch * {per_batch:UInt64} AS first,
      toUInt64(greatest(least(toInt64({per_batch:UInt64}), toInt64({scheduled:UInt64}) - toInt64(first)), 0)) AS due,
      rows = due AND total = due * first + intDiv(due * (due - 1), 2) AS whole
    ${from} GROUP BY batch`;
  const [sums] = await query(
    endpoint,
    `SELECT sum(rows) AS landed, sum(if(whole, rows, 0)) AS whole_rows, countIf(NOT whole) AS odd FROM (${batches})`,
    values,
  );
  const landed = Number(sums?.landed ?? 0);
  let distinct = Number(sums?.whole_rows ?? 0);
  if (Number(sums?.odd ?? 0) > 0) {
    const [odd] = await query(
      endpoint,
      `SELECT uniqExact(seq) AS rows ${from} AND intDiv(seq, {per_batch:UInt64}) IN (SELECT batch FROM (${batches}) WHERE NOT whole)`,
      values,
    );
    distinct += Number(odd?.rows ?? 0);
  }
  // Rows nobody acknowledged, and that are there all the same, do not make up for lost ones.
  let unacknowledged = 0;
  for (let at = 0; at < claim.troubled.batches.length; at += CHUNK) {
    const [there] = await query(
      endpoint,
      `SELECT uniqExact(seq) AS rows ${from} AND has({batches:Array(UInt64)}, intDiv(seq, {per_batch:UInt64}))`,
      { run: values.run, per_batch: values.per_batch, batches: `[${claim.troubled.batches.slice(at, at + CHUNK)}]` },
    );
    unacknowledged += Number(there?.rows ?? 0);
  }
  return {
    landed,
    lost: Math.max(0, claim.acknowledgedRows - (distinct - unacknowledged)),
    duplicated: landed - distinct,
    caveat: claim.troubled.complete
      ? undefined
      : "more batches failed than are remembered: more rows may be lost than are shown",
  };
}
