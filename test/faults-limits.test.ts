// Limits of a real ClickHouse that are reached in mid-run: too many parts, memory, too many queries. With retries 0, and with 20,
// which outlast the time it takes to lift the limit.

import { expect } from "chai";
import { clickhouse, newDatabase, numberOf, serverUrl } from "./support/server.js";
import {
  type Load,
  type Settled,
  startLoad,
  until,
  untilErrors,
  untilFurtherRows,
  untilRows,
} from "./support/settle.js";

const PER_BATCH = 50;
/** 20 inserts a second, for longer than any limit is reached: interrupted once everything has been seen. */
const LOAD = ["--rate", "1000", "--duration", "40", "--batch-rows", String(PER_BATCH), "--workers", "2"];
/** There before a limit is set. */
const FIRST_ROWS = 300;
const COLUMNS = "(timestamp DateTime64(3), payload String, run_id String, seq UInt64)";

const storeOf = (database: string) => ({ url: `${serverUrl()}/?database=${database}`, table: "limited" });

function startInto(database: string, ...flags: readonly string[]): Load {
  const store = storeOf(database);
  const target = ["--clickhouse-url", store.url, "--table", store.table];
  return startLoad([...target, ...LOAD, "--no-traces", "--metrics-port", "0", ...flags], [store]);
}

function expectWhole({ report, landed, code }: Settled): void {
  const { scheduled, acknowledged, lost, duplicated } = report.rows;
  expect(scheduled).to.be.at.least(FIRST_ROWS);
  expect([acknowledged, landed, lost, duplicated, code]).to.deep.equal([scheduled, scheduled, 0, 0, 130]);
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
      const load = startInto(database);
      await untilErrors(load, "252");
      const { report, landed, ledger } = await load.interrupted();
      const { scheduled, acknowledged, failed } = report.rows;
      expect(acknowledged).to.be.within(PARTS * PER_BATCH, (PARTS + 8) * PER_BATCH);
      expect(failed).to.be.above(0);
      expect([failed, landed]).to.deep.equal([scheduled - acknowledged, acknowledged]);
      expect(report.errors.map(({ code, rows }) => [code, rows])).to.deep.equal([["252", failed]]);
      expect(
        ledger.every(({ fate, reason, state }) => `${fate} ${reason} ${state}` === "failed busy missing"),
      ).to.equal(true);
      const parts = `SELECT count() FROM system.parts WHERE active AND database = '${database}'`;
      expect(await numberOf(parts)).to.equal(acknowledged / PER_BATCH);
    });

    it("retries 20, more allowed and merged later: all rows are acknowledged, and in the table once; exit 130", async () => {
      const database = await table();
      const load = startInto(database, "--retries", "20");
      await untilErrors(load, "252");
      await clickhouse("ALTER TABLE limited MODIFY SETTING parts_to_throw_insert = 3000", database);
      await clickhouse(`SYSTEM START MERGES ${database}.limited`);
      const settled = await load.interrupted();
      expectWhole(settled);
      expect(settled.report.errors.map(({ code }) => code)).to.deep.equal(["252"]);
      expect(settled.report.retries).to.be.above(0);
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
      const load = startInto(database, ...LIMIT);
      await untilRows(load, storeOf(database), FIRST_ROWS);
      await clickhouse(VIEW, database);
      await untilErrors(load, "241");
      const { report, landed } = await load.interrupted();
      const { scheduled, acknowledged, unknown, duplicated } = report.rows;
      expect(unknown).to.be.at.least(PER_BATCH);
      expect([acknowledged + unknown, duplicated]).to.deep.equal([scheduled, 0]);
      expect(report.errors.map(({ code, rows }) => [code, rows])).to.deep.equal([["241", unknown]]);
      expect(landed).to.equal(acknowledged + (report.ledger?.unknown_landed ?? Number.NaN));
    });

    it("retries 20, the view dropped later: all rows are acknowledged, and in the table once; exit 130", async () => {
      const database = await table();
      const load = startInto(database, ...LIMIT, "--retries", "20");
      await untilRows(load, storeOf(database), FIRST_ROWS);
      await clickhouse(VIEW, database);
      await untilErrors(load, "241");
      await clickhouse("DROP VIEW greedy SYNC", database);
      const settled = await load.interrupted();
      expectWhole(settled);
      expect(settled.report.errors.map(({ code }) => code)).to.deep.equal(["241"]);
      expect(settled.report.retries).to.be.above(0);
    });
  });

  describe("too many queries of one user: 20, all of them taken for a while", () => {
    const MOST = 20;

    async function crowd(...flags: readonly string[]): Promise<Settled> {
      const { database } = await newDatabase();
      await clickhouse(
        `CREATE TABLE limited ${COLUMNS} ENGINE = MergeTree ORDER BY seq SETTINGS non_replicated_deduplication_window = 1000`,
        database,
      );
      const load = startInto(database, "--setting", `max_concurrent_queries_for_user=${MOST}`, ...flags);
      await untilRows(load, storeOf(database), FIRST_ROWS);
      // Each sleeps for 30 s, unless it is killed.
      const sleeper = `SELECT sleepEachRow(0.1) FROM numbers(300) SETTINGS max_block_size = 1, log_comment = '${database}'`;
      const sleepers = Promise.allSettled(Array.from({ length: MOST }, () => clickhouse(sleeper)));
      const asleep = `SELECT count() FROM system.processes WHERE Settings['log_comment'] = '${database}'`;
      await until(load.running, async () => (await numberOf(asleep)) === MOST);
      await untilErrors(load, "202");
      await clickhouse(`KILL QUERY WHERE Settings['log_comment'] = '${database}' SYNC`);
      expect((await sleepers).map(({ status }) => status)).to.deep.equal(Array(MOST).fill("rejected"));
      await untilFurtherRows(load, storeOf(database), PER_BATCH);
      return load.interrupted();
    }

    it("retries 0: the inserts of that time are failed as 202, and not there", async () => {
      const { report, landed } = await crowd();
      const { scheduled, acknowledged, failed, duplicated } = report.rows;
      expect(failed).to.be.at.least(PER_BATCH);
      expect([acknowledged, landed, duplicated]).to.deep.equal([scheduled - failed, scheduled - failed, 0]);
      expect(report.errors.map(({ code, rows }) => [code, rows])).to.deep.equal([["202", failed]]);
    });

    it("retries 20: all rows are acknowledged, and in the table once; exit 130", async () => {
      const settled = await crowd("--retries", "20");
      expectWhole(settled);
      expect(settled.report.errors.map(({ code }) => code)).to.deep.equal(["202"]);
      expect(settled.report.retries).to.be.above(0);
    });
  });
});
