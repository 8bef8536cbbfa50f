// The ledger sees what is there: rows taken out of a real table are lost, rows put in again are duplicated.

import { expect } from "chai";
import { ACKNOWLEDGED } from "../src/answer.js";
import { Fates } from "../src/fates.js";
import { type Claim, readLedger } from "../src/ledger.js";
import { resolveRun } from "../src/options.js";
import { WHOLE } from "../src/schedule.js";
import { prepareTarget, type Target } from "../src/target.js";
import { clickhouse, newDatabase } from "./support/server.js";

/** Fates of 5000 batches: these are unknown, the others acknowledged. */
function troubled(...batches: number[]): Fates {
  const fates = Fates.allocate(5000);
  for (let batch = 0; batch < fates.capacity; batch++) fates.answered(batch, ACKNOWLEDGED);
  for (const batch of batches) fates.answered(batch, { kind: "unknown", code: "timeout", sentence: "" });
  return fates;
}

/** A run of 10 batches of 100 rows, the last of 50: all acknowledged. */
const CLAIM: Claim = {
  runId: "ledger",
  scheduledRows: 950,
  runs: [{ firstBatch: 0, firstRow: 0, rows: 100, batches: 10 }],
  shard: WHOLE,
  acknowledgedRows: 950,
  unknownRows: 0,
  fates: troubled(),
  batches: 10,
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
    const claim = { acknowledgedRows: 850, unknownRows: 100, fates: troubled(3) };
    const seqs = "arrayFilter(n -> intDiv(n, 100) != 5, range(950))";
    expect(await ledgerOf(seqs, claim)).to.deep.equal({ landed: 850, lost: 100, duplicated: 0 });
  });

  it("a failed batch that is not there is not lost", async () => {
    const claim = { acknowledgedRows: 850, fates: troubled(3) };
    const seqs = "arrayFilter(n -> intDiv(n, 100) != 3, range(950))";
    expect(await ledgerOf(seqs, claim)).to.deep.equal({ landed: 850, lost: 0, duplicated: 0 });
  });

  it("a row behind the schedule's last makes up for no lost one: rows 7 to 9 gone and row 950 there, lost 3", async () => {
    const seqs = "arrayConcat(range(7), range(10, 951))";
    expect(await ledgerOf(seqs)).to.deep.equal({ landed: 948, lost: 3, duplicated: 1 });
  });

  it("nor does one of a batch that nobody acknowledged, far behind the last", async () => {
    const claim = { acknowledgedRows: 900, unknownRows: 50, fates: troubled(9) };
    expect(await ledgerOf("arrayConcat(range(899), [940, 955])", claim)).to.deep.equal({
      landed: 901,
      lost: 1,
      duplicated: 1,
    });
  });

  describe("of 1,501 runs of batches: runs r = 0 to 1,500 of two batches with r % 7 + 1 rows each", () => {
    const sizes = Array.from({ length: 1501 }, (_, run) => (run % 7) + 1);
    const firstRow = (run: number): number => 2 * sizes.slice(0, run).reduce((sum, rows) => sum + rows, 0);
    const runs = sizes.map((rows, run) => ({ firstBatch: 2 * run, firstRow: firstRow(run), rows, batches: 2 }));
    // 214 times 1 to 7, then 1, 2 and 3.
    const scheduledRows = 2 * (214 * 28 + 6);
    /** Where the second batch of run r begins. */
    const second = (run: number): number => firstRow(run) + (sizes[run] ?? 0);

    it("whole: without batches 13 (7 rows) and 2,001 (7 rows), and 6 rows of batch 2,998 twice", async () => {
      // Runs 6, 1000 and 1499, whose batches have 7, 1000 % 7 + 1 = 7 and 1499 % 7 + 1 = 2 rows.
      const gone = [6, 1000].map((run) => `NOT (n >= ${second(run)} AND n < ${second(run) + 7})`).join(" AND ");
      const twice = `range(${firstRow(1499)}, ${firstRow(1499) + 2})`;
      const seqs = `arrayConcat(arrayFilter(n -> ${gone}, range(${scheduledRows})), ${twice}, ${twice}, ${twice})`;
      expect(await ledgerOf(seqs, { scheduledRows, runs, acknowledgedRows: scheduledRows })).to.deep.equal({
        landed: scheduledRows - 14 + 6,
        lost: 14,
        duplicated: 6,
      });
    });

    it("shard 2 of 3 has the batches 1, 4, 7, …: what others lost is not its loss", async () => {
      const mine = runs.flatMap(({ firstBatch, rows }) =>
        [firstBatch, firstBatch + 1].filter((batch) => batch % 3 === 1).map(() => rows),
      );
      const acknowledgedRows = mine.reduce((sum, rows) => sum + rows, 0);
      // Batch 13 (run 6, 7 rows) is its own, as 13 % 3 = 1; batch 2,001 (run 1000) another's; batch 2,998 (run 1499) its own.
      const gone = [6, 1000].map((run) => `NOT (n >= ${second(run)} AND n < ${second(run) + 7})`).join(" AND ");
      const twice = `range(${firstRow(1499)}, ${firstRow(1499) + 2})`;
      const seqs = `arrayConcat(arrayFilter(n -> ${gone}, range(${scheduledRows})), ${twice})`;
      const claim = { scheduledRows, runs, shard: { index: 1, of: 3 }, acknowledgedRows };
      expect(await ledgerOf(seqs, claim)).to.deep.equal({
        landed: acknowledgedRows - 7 + 2,
        lost: 7,
        duplicated: 2,
      });
    });
  });

  it("of 5,000 troubled batches that all landed, none makes up for the 100 of 1,000 others that are lost", async () => {
    const claim = {
      scheduledRows: 6000,
      runs: [{ firstBatch: 0, firstRow: 0, rows: 1, batches: 6000 }],
      acknowledgedRows: 1000,
      unknownRows: 5000,
      batches: 5000,
      fates: troubled(...Array.from({ length: 5000 }, (_, batch) => batch)),
    };
    expect(await ledgerOf("range(5900)", claim)).to.deep.equal({ landed: 5900, lost: 100, duplicated: 0 });
  });

  describe("of batch 3, which is not there, the rows may land yet where nobody said that its insert is over", () => {
    const MAY = "rows without an answer that are not there may land yet, where something between holds them back";
    const STAND_IN = "rows whose fate is unknown and that landed may stand in for lost ones";
    const COUNTED = "by the difference of count() before and after, which assumes no other writer, since it has no seq";
    for (const [code, by, note] of [
      [469, "a constraint", undefined],
      [27, "a row that cannot be read", undefined],
      [159, "an asynchronous insert that still waits", MAY],
      ["timeout", "nobody", MAY],
    ] as const) {
      it(`${code}, said by ${by}: ${note ?? "they will not"}`, async () => {
        const { database, url } = await newDatabase();
        await clickhouse("CREATE TABLE t (run_id String, seq UInt64) ENGINE = MergeTree ORDER BY seq", database);
        await clickhouse(
          "INSERT INTO t SELECT 'ledger', number FROM numbers(950) WHERE intDiv(number, 100) != 3",
          database,
        );
        const options = resolveRun({ "clickhouse-url": url, table: "t" }, {});
        const target = await prepareTarget(options.endpoints, options);
        const fates = troubled();
        fates.answered(3, { kind: "unknown", code, sentence: "" });
        const claim = { ...CLAIM, acknowledgedRows: 850, unknownRows: 100, fates };
        const { landed, lost, caveat } = await readLedger(target, claim, 0);
        expect([landed, lost, caveat]).to.deep.equal([850, 0, note]);
        // The same without the columns that tell batches apart.
        const bare: Target = { ...target, ledgerColumns: false, whyNoLedgerColumns: "it has no seq" };
        const counted = await readLedger(bare, claim, 0);
        expect([counted.landed, counted.lost, counted.caveat]).to.deep.equal([
          850,
          0,
          [COUNTED, STAND_IN, ...(note === undefined ? [] : [note])].join("; "),
        ]);
      });
    }
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
    const { landed, lost, duplicated, caveat } = await readLedger(target, CLAIM, 0);
    expect({ landed, lost, duplicated }).to.deep.equal({ landed: 900, lost: 50, duplicated: 0 });
    expect(caveat).to.equal("the table has a TTL, which removes old rows");
  });
});
