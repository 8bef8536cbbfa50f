// The ledger sees what is there: rows taken out of a real table are lost, rows put in again are duplicated.

import { expect } from "chai";
import { type Claim, readLedger } from "../src/ledger.js";
import { resolveRun } from "../src/options.js";
import { WHOLE } from "../src/schedule.js";
import { prepareTarget } from "../src/target.js";
import { clickhouse, newDatabase } from "./support/server.js";

/** A run of 10 batches of 100 rows, the last of 50: all acknowledged. */
const CLAIM: Claim = {
  runId: "ledger",
  scheduledRows: 950,
  runs: [{ firstBatch: 0, firstRow: 0, rows: 100, batches: 10 }],
  shard: WHOLE,
  acknowledgedRows: 950,
  unknownRows: 0,
  troubled: { batches: [], complete: true },
};

/** Puts rows of the run into a fresh table, `seqs` as an SQL expression for an array, and asks the ledger. */
async function ledgerOf(seqs: string, claim: Partial<Claim> = {}) {
  const { database, url } = await newDatabase();
  const options = resolveRun({ "clickhouse-url": url, "run-id": "ledger" }, {});
  const target = await prepareTarget(options.endpoints, options);
  // Rows of another run must not count.
  for (const [run, rows] of [
    ["ledger", seqs],
    ["other", "range(5000)"],
  ] as const) {
    await clickhouse(
      `INSERT INTO events SELECT now64(3), 'user', 'click', 'example-payload', '${run}', arrayJoin(${rows}) SETTINGS insert_deduplicate = 0`,
      database,
    );
  }
  const { landed, lost, duplicated } = await readLedger(target, { ...CLAIM, ...claim }, 0);
  return { landed, lost, duplicated };
}

describe("ledger", () => {
  it("rows 0 to 949, once each: landed 950, lost 0, duplicated 0", async () => {
    expect(await ledgerOf("range(950)")).to.deep.equal({ landed: 950, lost: 0, duplicated: 0 });
  });

  it("without batch 3: lost 100", async () => {
    const seqs = "arrayFilter(n -> intDiv(n, 100) != 3, range(950))";
    expect(await ledgerOf(seqs)).to.deep.equal({ landed: 850, lost: 100, duplicated: 0 });
  });

  it("with batch 3 twice: duplicated 100", async () => {
    const seqs = "arrayConcat(range(950), range(300, 400))";
    expect(await ledgerOf(seqs)).to.deep.equal({ landed: 1050, lost: 0, duplicated: 100 });
  });

  it("with row 7 in place of row 8 the count is right and the ledger is not: lost 1, duplicated 1", async () => {
    const seqs = "arrayMap(n -> n = 8 ? 7 : n, range(950))";
    expect(await ledgerOf(seqs)).to.deep.equal({ landed: 950, lost: 1, duplicated: 1 });
  });

  it("without the second half of the last batch and with row 0 three times: lost 25, duplicated 2", async () => {
    expect(await ledgerOf("arrayConcat(range(925), [0, 0])")).to.deep.equal({ landed: 927, lost: 25, duplicated: 2 });
  });

  it("an unknown batch that landed all the same makes up for no lost one", async () => {
    const claim = { acknowledgedRows: 850, unknownRows: 100, troubled: { batches: [3], complete: true } };
    const seqs = "arrayFilter(n -> intDiv(n, 100) != 5, range(950))";
    expect(await ledgerOf(seqs, claim)).to.deep.equal({ landed: 850, lost: 100, duplicated: 0 });
  });

  it("a failed batch that is not there is not lost", async () => {
    const claim = { acknowledgedRows: 850, troubled: { batches: [3], complete: true } };
    const seqs = "arrayFilter(n -> intDiv(n, 100) != 3, range(950))";
    expect(await ledgerOf(seqs, claim)).to.deep.equal({ landed: 850, lost: 0, duplicated: 0 });
  });

  it("of 5,000 troubled batches that all landed, none is lost: acknowledged 0", async () => {
    const claim = {
      scheduledRows: 5000,
      rowsPerBatch: 1,
      acknowledgedRows: 0,
      unknownRows: 5000,
      troubled: { batches: Array.from({ length: 5000 }, (_, batch) => batch), complete: true },
    };
    expect(await ledgerOf("range(5000)", claim)).to.deep.equal({ landed: 5000, lost: 0, duplicated: 0 });
  });

  it("rows that a TTL has removed are lost, with a note that says so", async () => {
    const { database, url } = await newDatabase();
    await clickhouse(
      "CREATE TABLE fading (time DateTime, run_id String, seq UInt64) ENGINE = MergeTree ORDER BY time TTL time + INTERVAL 1 DAY",
      database,
    );
    const options = resolveRun({ "clickhouse-url": url, table: "fading" }, {});
    const target = await prepareTarget(options.endpoints, options);
    await clickhouse(
      "INSERT INTO fading SELECT number < 900 ? now() : toDateTime('2020-01-01'), 'ledger', number FROM numbers(950)",
      database,
    );
    await clickhouse("OPTIMIZE TABLE fading FINAL", database);
    expect(await readLedger(target, CLAIM, 0)).to.deep.equal({
      landed: 900,
      lost: 50,
      duplicated: 0,
      caveat: "the table has a TTL, which removes old rows",
    });
  });
});
