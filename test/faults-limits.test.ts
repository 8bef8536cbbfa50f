// Limits of a real ClickHouse that are reached in mid-run: too many parts, memory, too many queries. With retries 0, and with 20,
// which outlast the time it takes to lift the limit.

import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { clickhouse, newDatabase, numberOf, serverUrl } from "./support/server.js";
import { type Load, type Settled, startLoad } from "./support/settle.js";

const ROWS = 2000;
const PER_BATCH = 50;
/** 20 inserts a second. */
const LOAD = ["--rate", "1000", "--duration", "2", "--batch-rows", String(PER_BATCH), "--workers", "2"];
const COLUMNS = "(timestamp DateTime64(3), payload String, run_id String, seq UInt64)";

function load(database: string, ...flags: readonly string[]): Load {
  const url = `${serverUrl()}/?database=${database}`;
  const all = ["--clickhouse-url", url, "--table", "limited", ...LOAD, "--no-traces", "--no-metrics", ...flags];
  return startLoad(all, [{ url, table: "limited" }]);
}

/** Waits for so many rows. */
async function untilRows(database: string, rows: number): Promise<void> {
  while ((await numberOf("SELECT count() FROM limited", database)) < rows) await sleep(20);
}

function expectWhole({ report, landed, code }: Settled): void {
  const { acknowledged, lost, duplicated } = report.rows;
  expect([acknowledged, landed, lost, duplicated, code]).to.deep.equal([ROWS, ROWS, 0, 0, 0]);
}

describe("limits of the server", function () {
  this.timeout(60_000);

  describe("too many parts: 10 allowed, no merges", () => {
    const PARTS = 10;

    async function table(): Promise<string> {
      const { database } = await newDatabase();
      const settings = "non_replicated_deduplication_window = 1000, parts_to_delay_insert = 5000";
      await clickhouse(
        `CREATE TABLE limited ${COLUMNS} ENGINE = MergeTree ORDER BY seq SETTINGS ${settings}, parts_to_throw_insert = ${PARTS}`,
        database,
      );
      await clickhouse(`SYSTEM STOP MERGES ${database}.limited`);
      return database;
    }

    it("retries 0: the inserts behind the tenth part, give or take those in flight, are failed as 252, and not there", async () => {
      const database = await table();
      const { report, landed, ledger } = await load(database).settled();
      const { acknowledged, failed } = report.rows;
      expect(acknowledged).to.be.within(PARTS * PER_BATCH, (PARTS + 8) * PER_BATCH);
      expect([failed, landed]).to.deep.equal([ROWS - acknowledged, acknowledged]);
      expect(report.errors.map(({ code, rows }) => [code, rows])).to.deep.equal([["252", failed]]);
      expect(
        ledger.every(({ fate, reason, state }) => `${fate} ${reason} ${state}` === "failed busy missing"),
      ).to.equal(true);
      const parts = `SELECT count() FROM system.parts WHERE active AND database = '${database}'`;
      expect(await numberOf(parts)).to.equal(acknowledged / PER_BATCH);
    });

    it("retries 20, more allowed and merged 0.5 s later: all rows are acknowledged, and in the table once; exit 0", async () => {
      const database = await table();
      const running = load(database, "--retries", "20");
      await untilRows(database, PARTS * PER_BATCH);
      await sleep(500);
      await clickhouse("ALTER TABLE limited MODIFY SETTING parts_to_throw_insert = 3000", database);
      await clickhouse(`SYSTEM START MERGES ${database}.limited`);
      const settled = await running.settled();
      expectWhole(settled);
      expect(settled.report.errors.map(({ code }) => code)).to.deep.equal(["252"]);
    });
  });

  describe("memory: a materialized view that takes more than inserts may", () => {
    const VIEW =
      "CREATE MATERIALIZED VIEW greedy ENGINE = Null AS SELECT sum(length(repeat(payload, 400000))) AS n FROM limited";

    async function table(): Promise<string> {
      const { database } = await newDatabase();
      await clickhouse(
        `CREATE TABLE limited ${COLUMNS} ENGINE = MergeTree ORDER BY seq SETTINGS non_replicated_deduplication_window = 1000`,
        database,
      );
      return database;
    }
    /** 50 payloads of 15 bytes, 400,000 times: 300 MB. */
    const LIMIT = ["--setting", "max_memory_usage=100000000"];

    it("retries 0: inserts from the view on are unknown as 241; the ledger knows which rows are there all the same", async () => {
      const database = await table();
      const running = load(database, ...LIMIT);
      await untilRows(database, 300);
      await clickhouse(VIEW, database);
      const { report, landed } = await running.settled();
      const { acknowledged, unknown, duplicated } = report.rows;
      expect(unknown).to.be.at.least(10 * PER_BATCH);
      expect([acknowledged + unknown, duplicated]).to.deep.equal([ROWS, 0]);
      expect(report.errors.map(({ code, rows }) => [code, rows])).to.deep.equal([["241", unknown]]);
      expect(landed).to.equal(acknowledged + (report.ledger?.unknown_landed ?? Number.NaN));
    });

    it("retries 20, the view dropped 0.5 s later: all rows are acknowledged, and in the table once; exit 0", async () => {
      const database = await table();
      const running = load(database, ...LIMIT, "--retries", "20");
      await untilRows(database, 300);
      await clickhouse(VIEW, database);
      await sleep(500);
      await clickhouse("DROP VIEW greedy SYNC", database);
      const settled = await running.settled();
      expectWhole(settled);
      expect(settled.report.errors.map(({ code }) => code)).to.deep.equal(["241"]);
      expect(settled.report.retries).to.be.above(0);
    });
  });

  describe("too many queries of one user: 20, all of them taken for 0.6 s", () => {
    const MOST = 20;

    async function crowd(...flags: readonly string[]): Promise<Settled> {
      const { database } = await newDatabase();
      await clickhouse(
        `CREATE TABLE limited ${COLUMNS} ENGINE = MergeTree ORDER BY seq SETTINGS non_replicated_deduplication_window = 1000`,
        database,
      );
      const running = load(database, "--setting", `max_concurrent_queries_for_user=${MOST}`, ...flags);
      await untilRows(database, 300);
      await Promise.all(Array.from({ length: MOST }, () => clickhouse("SELECT sleep(0.6)")));
      return running.settled();
    }

    it("retries 0: the inserts of that time are failed as 202, and not there", async () => {
      const { report, landed } = await crowd();
      const { acknowledged, failed, duplicated } = report.rows;
      // 12 are due in it.
      expect(failed).to.be.within(5 * PER_BATCH, 25 * PER_BATCH);
      expect([acknowledged, landed, duplicated]).to.deep.equal([ROWS - failed, ROWS - failed, 0]);
      expect(report.errors.map(({ code, rows }) => [code, rows])).to.deep.equal([["202", failed]]);
    });

    it("retries 20: all rows are acknowledged, and in the table once; exit 0", async () => {
      const settled = await crowd("--retries", "20");
      expectWhole(settled);
      expect(settled.report.errors.map(({ code }) => code)).to.deep.equal(["202"]);
    });
  });
});
