// A run as the ledger is told of it, for tests that put its rows into tables by themselves: 500 rows in ten batches, all
// acknowledged, of which the table then holds something else. The ledger's figures follow by arithmetic.

import { expect } from "chai";
import { ACKNOWLEDGED } from "../../src/answer.js";
import { Fates } from "../../src/fates.js";
import { type Claim, countRows, readLedger } from "../../src/ledger.js";
import { resolveRun } from "../../src/options.js";
import { WHOLE } from "../../src/schedule.js";
import { prepareTarget, type Target } from "../../src/target.js";

export const RUN = "r";
export const ROWS = 500;
const BATCH = 50;

export function claim(): Claim {
  const batches = ROWS / BATCH;
  const fates = Fates.allocate(batches);
  for (let batch = 0; batch < batches; batch++) fates.answered(batch, ACKNOWLEDGED);
  const runs = [{ firstBatch: 0, firstRow: 0, rows: BATCH, batches }];
  return {
    runId: RUN,
    runs,
    shard: WHOLE,
    fates,
    scheduledRows: ROWS,
    acknowledgedRows: ROWS,
    unknownRows: 0,
    batches,
  };
}

/** The pre-flight as a user meets it. @param url --clickhouse-url */
export async function prepareAs(user: string, url: string, table: string): Promise<Target> {
  const options = resolveRun({ "clickhouse-url": url, user, table }, {});
  return prepareTarget(options.endpoints, options);
}

/** The ledger's three figures. */
export async function figuresOf(target: Target, before = 0): Promise<readonly number[]> {
  const { landed, lost, duplicated } = await readLedger(target, claim(), before);
  return [landed, lost, duplicated];
}

/** SQL of somebody who sees everything. */
export type Ask = (sql: string) => Promise<string>;

/** Columns of table l in database d. */
export const WIDTH = 11;

/** All but the ledger's, as they are created. */
export const OTHERS = Array.from({ length: WIDTH - 2 }, (_, column) => `c${column} UInt8`).join(", ");

/** d.l, with the ledger's columns, and d.p without; both empty. Small granules: some limits are looked at after each block. */
export async function makeTables(ask: Ask): Promise<void> {
  const key =
    "PARTITION BY c0 ORDER BY (c0, seq, intHash32(seq)) SAMPLE BY intHash32(seq) SETTINGS index_granularity = 64";
  for (const sql of [
    "CREATE DATABASE IF NOT EXISTS d",
    "DROP TABLE IF EXISTS d.l SYNC",
    "DROP TABLE IF EXISTS d.p SYNC",
    `CREATE TABLE d.l (run_id String, seq UInt64, ${OTHERS}) ENGINE = MergeTree ${key}`,
    `CREATE TABLE d.p (c0 UInt8, seq UInt32) ENGINE = MergeTree ${key}`,
  ])
    await ask(sql);
}

/** Whether the ledger of both tables says what `ask` counts: before any row, and with rows lost, twice and never sent. */
export async function expectCounted(user: string, url: string, ask: Ask): Promise<void> {
  await makeTables(ask);
  const [ledgered, plain] = [await prepareAs(user, url, "d.l"), await prepareAs(user, url, "d.p")];
  expect(ledgered.columnNames, "columns").to.have.lengthOf(WIDTH);
  expect([ledgered.whyUncounted, plain.whyUncounted]).to.deep.equal([undefined, undefined]);
  expect([ledgered.ledgerColumns, plain.ledgerColumns]).to.deep.equal([true, false]);
  const before = await countRows(plain);
  expect(before, "rows before").to.equal(0);
  expect(await figuresOf(ledgered), "of no row").to.deep.equal([0, ROWS, 0]);

  await ask(`INSERT INTO d.l (run_id, seq) SELECT '${RUN}', number FROM numbers(${ROWS})`);
  // Batch 2 comes twice, and a row behind the last; batch 7 and row 3 go.
  await ask(`INSERT INTO d.l (run_id, seq) SELECT '${RUN}', 100 + number FROM numbers(${BATCH})`);
  await ask(`INSERT INTO d.l (run_id, seq) SELECT '${RUN}', 1000`);
  await ask("DELETE FROM d.l WHERE seq BETWEEN 350 AND 399 OR seq = 3");
  await ask(`INSERT INTO d.p SELECT 1, number FROM numbers(${ROWS})`);
  await ask("DELETE FROM d.p WHERE seq < 7");
  const counts = await Promise.all(
    ["l", "p"].map(async (table) => Number(await ask(`SELECT count() FROM d.${table}`))),
  );
  expect(counts, "rows of the second user").to.deep.equal([ROWS + BATCH + 1 - 51, ROWS - 7]);
  expect(await figuresOf(ledgered), "by batch").to.deep.equal([counts[0], 51, BATCH + 1]);
  expect(await figuresOf(plain, before), "by difference").to.deep.equal([counts[1], 7, 0]);
}
