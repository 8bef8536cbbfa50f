// src/target.ts and src/server.ts: what the pre-flight finds out, creates and refuses, on a real ClickHouse.

import { expect } from "chai";
import { InterruptedError, TargetError } from "../src/asked.js";
import { type EmbeddedServer, startEmbedded } from "../src/embedded/server.js";
import { endpointOf } from "../src/endpoint.js";
import { Facts } from "../src/facts.js";
import { type RawFlags, resolveRun } from "../src/options.js";
import { type Patience, quoteIdentifier } from "../src/server.js";
import { blindTarget, prepareTarget, type Target } from "../src/target.js";
import { clickhouse, newDatabase, numberOf, rowsOf, serverUrl } from "./support/server.js";
import { closedPort, stranger } from "./support/strangers.js";

const SEED_COLUMNS = "timestamp DateTime64(3), user_id String, action LowCardinality(String), payload String";
const MERGE_TREE = "ENGINE = MergeTree ORDER BY tuple()";

async function prepare(raw: RawFlags, patience?: Patience): Promise<Target> {
  const options = resolveRun(raw, {});
  return prepareTarget(options.endpoints, options, patience);
}

/** The sentence a target is refused with. */
async function refusal(raw: RawFlags, patience?: Patience): Promise<string> {
  try {
    await prepare(raw, patience);
  } catch (error) {
    if (error instanceof TargetError) return error.message;
    throw error;
  }
  throw new Error("the target was taken");
}

describe("target", () => {
  describe("the default table", () => {
    it("events is created if missing, with DESIGN's columns, order and deduplication window", async () => {
      const { database, url } = await newDatabase();
      const target = await prepare({ "clickhouse-url": url });
      expect(await rowsOf(`SELECT name, type FROM system.columns WHERE database = '${database}'`)).to.deep.equal([
        { name: "timestamp", type: "DateTime64(3)" },
        { name: "user_id", type: "String" },
        { name: "action", type: "LowCardinality(String)" },
        { name: "payload", type: "String" },
        { name: "run_id", type: "LowCardinality(String)" },
        { name: "seq", type: "UInt64" },
      ]);
      const [table] = await rowsOf<Record<string, string>>(
        `SELECT name, engine, sorting_key, engine_full FROM system.tables WHERE database = '${database}'`,
      );
      expect(table).to.include({ name: "events", engine: "MergeTree", sorting_key: "timestamp" });
      expect(table?.engine_full).to.include("non_replicated_deduplication_window = 1000");
      expect(target).to.include({
        version: await clickhouse("SELECT version()"),
        database,
        table: "events",
        engine: "MergeTree",
        ledgerColumns: true,
        tokens: true,
      });
    });

    it("inserts carry the statement, the settings and async_insert=0, or 1 and the wait with --async-insert", async () => {
      const { database, url } = await newDatabase();
      const plain = await prepare({ "clickhouse-url": url, setting: ["max_threads=3", "log_comment=a b"] });
      const statement = `INSERT INTO \`${database}\`.\`events\` (\`timestamp\`, \`user_id\`, \`action\`, \`payload\`, \`run_id\`, \`seq\`) FORMAT JSONEachRow`;
      expect(plain.parameters).to.deep.equal({
        query: statement,
        wait_end_of_query: "1",
        async_insert: "0",
        max_threads: "3",
        log_comment: "a b",
      });
      const waiting = await prepare({ "clickhouse-url": url, "async-insert": "true" });
      expect(waiting.parameters).to.deep.equal({
        query: statement,
        wait_end_of_query: "1",
        async_insert: "1",
        wait_for_async_insert: "1",
      });
    });

    it("--blind takes the same table for granted and asks nobody", async () => {
      const { url } = await newDatabase();
      const raw = { "clickhouse-url": url, "run-id": "r" };
      const asked = await prepare(raw);
      const options = resolveRun({ ...raw, blind: "true" }, {});
      // What only the server knows of itself and its table.
      const facts = new Facts([]);
      const unasked = { version: undefined, facts, engine: undefined, stores: [], tableColumns: [], settings: {} };
      expect(blindTarget(options)).to.deep.equal({ ...asked, ...unasked });
    });

    it("the pre-flight leaves no row and asks every endpoint", async () => {
      const { database, url } = await newDatabase();
      await prepare({ "clickhouse-url": [url, url] });
      expect(await numberOf(`SELECT count() FROM ${database}.events`)).to.equal(0);
      const port = await closedPort();
      expect(await refusal({ "clickhouse-url": [url, `http://127.0.0.1:${port}`] })).to.equal(
        `cannot reach ClickHouse at http://127.0.0.1:${port}: nothing listens there: is ClickHouse running? \`clickstorm serve\` starts one`,
      );
    });
  });

  describe("an existing table", () => {
    const taken: readonly (readonly [what: string, columns: string, names: readonly string[]])[] = [
      ["the seed's four columns alone", SEED_COLUMNS, ["timestamp", "user_id", "action", "payload"]],
      [
        "DateTime, Nullable and LowCardinality where the seed has others",
        "timestamp DateTime('UTC'), user_id LowCardinality(String), action Nullable(String), payload String",
        ["timestamp", "user_id", "action", "payload"],
      ],
      [
        "more columns, of which MATERIALIZED and ALIAS ones are the server's",
        `${SEED_COLUMNS}, a UInt8 DEFAULT 7, b UInt8 MATERIALIZED 8, c UInt8 ALIAS 9, d UInt8 EPHEMERAL 1`,
        ["timestamp", "user_id", "action", "payload", "a", "d"],
      ],
      [
        "the ledger's two in another order",
        `seq UInt64, run_id String, ${SEED_COLUMNS}`,
        ["seq", "run_id", "timestamp", "user_id", "action", "payload"],
      ],
      [
        "a user_id that is a UUID, and more columns",
        `${SEED_COLUMNS.replace("user_id String", "user_id UUID")}, country String, ip IPv4`,
        ["timestamp", "user_id", "action", "payload", "country", "ip"],
      ],
      [
        "a seq without a run_id, which then is a number like others",
        `${SEED_COLUMNS}, seq UInt64`,
        ["timestamp", "user_id", "action", "payload", "seq"],
      ],
      [
        "a payload that the server fills",
        SEED_COLUMNS.replace("payload String", "payload String MATERIALIZED 'x'"),
        ["timestamp", "user_id", "action"],
      ],
      [
        "a DEFAULT for the row time, which is sent all the same",
        SEED_COLUMNS.replace("DateTime64(3)", "DateTime64(3) DEFAULT now64(3)"),
        ["timestamp", "user_id", "action", "payload"],
      ],
    ];
    for (const [what, columns, names] of taken) {
      it(`with ${what} is used as it is: ${names.join(", ")}`, async () => {
        const { database, url } = await newDatabase();
        await clickhouse(`CREATE TABLE ${database}.events (${columns}) ${MERGE_TREE}`);
        const before = await clickhouse(`SHOW CREATE TABLE ${database}.events`);
        const target = await prepare({ "clickhouse-url": url });
        expect(target.columns.map(({ name }) => name)).to.deep.equal(names);
        expect(target.ledgerColumns).to.equal(names.includes("run_id"));
        expect(await clickhouse(`SHOW CREATE TABLE ${database}.events`)).to.equal(before);
        for (const { name, type } of target.columns) {
          expect(
            await clickhouse(`SELECT type FROM system.columns WHERE database = '${database}' AND name = '${name}'`),
          ).to.equal(type.replaceAll("'", "\\'"));
        }
      });
    }

    it("an events that lacks the seed's columns is refused without --table, and taken with it", async () => {
      const { database, url } = await newDatabase();
      await clickhouse(`CREATE TABLE ${database}.events (timestamp DateTime64(3), user_id String) ${MERGE_TREE}`);
      expect(await refusal({ "clickhouse-url": url })).to.equal(
        `${database}.events is not the table of events clickstorm makes: it has no action, payload; --table events loads it as it is`,
      );
      const { columns } = await prepare({ "clickhouse-url": url, table: "events" });
      expect(columns.map(({ name }) => name)).to.deep.equal(["timestamp", "user_id"]);
    });

    it("any name can be quoted: back quotes, quotes, backslashes, spaces, other scripts", async () => {
      const { database, url } = await newDatabase();
      const names = ["we`ird", "it's", 'a"b', "back\\slash", "two words", "名前", "a; DROP TABLE b"];
      for (const name of names) {
        await clickhouse(`CREATE TABLE ${database}.${quoteIdentifier(name)} (${SEED_COLUMNS}) ${MERGE_TREE}`);
        expect(await prepare({ "clickhouse-url": url, table: name })).to.include({ database, table: name });
      }
      const tables = await rowsOf<{ name: string }>(`SELECT name FROM system.tables WHERE database = '${database}'`);
      expect(tables.map(({ name }) => name).toSorted()).to.deep.equal(names.toSorted());
    });

    for (const [kind, create] of [
      ["View", (source: string, view: string) => `CREATE VIEW ${view} AS SELECT * FROM ${source}`],
      [
        "MaterializedView",
        (source: string, view: string) => `CREATE MATERIALIZED VIEW ${view} ${MERGE_TREE} AS SELECT * FROM ${source}`,
      ],
    ] as const) {
      it(`a ${kind} is no table`, async () => {
        const { database, url } = await newDatabase();
        await clickhouse(`CREATE TABLE ${database}.source (${SEED_COLUMNS}) ${MERGE_TREE}`);
        await clickhouse(create(`${database}.source`, `${database}.events`));
        expect(await refusal({ "clickhouse-url": url })).to.equal(
          `${database}.events is a view (${kind}): rows can only be inserted into a table`,
        );
      });
    }

    it("a run id it already holds is refused, another is taken", async () => {
      const { database, url } = await newDatabase();
      await prepare({ "clickhouse-url": url });
      await clickhouse(`INSERT INTO ${database}.events (run_id, seq) VALUES ('monday', 0)`);
      expect(await refusal({ "clickhouse-url": url, "run-id": "monday" })).to.equal(
        `${database}.events on ${serverUrl()} already holds rows of run monday: choose another --run-id`,
      );
      expect((await prepare({ "clickhouse-url": url, "run-id": "tuesday" })).ledgerColumns).to.equal(true);
    });
  });

  describe("settings", () => {
    it("an unknown one is refused before anything is created, in the server's words", async () => {
      const { database, url } = await newDatabase();
      expect(await refusal({ "clickhouse-url": url, setting: ["max_threads=1", "max_threadz=2"] })).to.match(
        /^http:\/\/127\.0\.0\.1:\d+ does not take --setting max_threadz: Code: 115\. DB::Exception: Unknown setting 'max_threadz': Maybe you meant \['max_threads'\]/,
      );
      expect(await numberOf(`SELECT count() FROM system.tables WHERE database = '${database}'`)).to.equal(0);
    });

    it("a bad value is refused, naming the setting", async () => {
      const { url } = await newDatabase();
      expect(await refusal({ "clickhouse-url": url, setting: "max_threads=many" })).to.match(
        /does not take --setting max_threads: Code: \d+\. DB::Exception: Cannot parse/,
      );
    });
  });

  describe("two servers, of which each is asked", () => {
    let other: EmbeddedServer;
    const atOther = async (sql: string): Promise<void> => {
      const { ok } = await fetch(other.url, { method: "POST", body: sql });
      expect(ok, sql).to.equal(true);
    };
    /** A database of the same name on both, and the URLs. */
    const onBoth = async () => {
      const { database, url } = await newDatabase();
      await atOther(`CREATE DATABASE ${database}`);
      return { database, urls: { "clickhouse-url": [url, `${other.url}/?database=${database}`] } };
    };
    before(async () => {
      other = await startEmbedded({ login: "none" });
    });
    after(() => other.stop());

    it("a run id that the second one's table holds is refused", async () => {
      const { database, urls } = await onBoth();
      await prepare(urls);
      await atOther(`INSERT INTO ${database}.events (run_id, seq) VALUES ('monday', 0)`);
      expect(await refusal({ ...urls, "run-id": "monday" })).to.equal(
        `${database}.events on ${other.url} already holds rows of run monday: choose another --run-id`,
      );
    });

    it("tables of different engines are refused", async () => {
      const { database, urls } = await onBoth();
      await clickhouse(`CREATE TABLE ${database}.events (${SEED_COLUMNS}) ${MERGE_TREE}`);
      await atOther(`CREATE TABLE ${database}.events (${SEED_COLUMNS}) ENGINE = Null`);
      expect(await refusal(urls)).to.equal(
        `${database}.events is of engine Null on ${other.url}, and of engine MergeTree on ${serverUrl()}: ` +
          "the endpoints of a run must have the same table",
      );
    });

    it("the table deduplicates only if both do: a window of 1,000, and none, is none", async () => {
      const { database, urls } = await onBoth();
      await prepare(urls);
      expect((await prepare({ ...urls, retries: "1" })).deduplication).to.include({ honoured: true, window: 1000 });
      await atOther(`ALTER TABLE ${database}.events MODIFY SETTING non_replicated_deduplication_window = 0`);
      const { honoured, why } = (await prepare({ ...urls, retries: "1" })).deduplication ?? {};
      expect([honoured, why]).to.deep.equal([
        false,
        `on ${other.url} has non_replicated_deduplication_window = 0, so it does not deduplicate inserts`,
      ]);
    });
  });

  describe("whoever waits", () => {
    const raw = (port: number): RawFlags => ({ "clickhouse-url": `http://127.0.0.1:${port}` });

    it("is told that an answer takes long, and gets a sentence when it does not come", async () => {
      const silent = await stranger(() => undefined);
      const said: string[] = [];
      const patience = { slowMs: 50, timeoutMs: 200, onSlow: (sentence: string) => void said.push(sentence) };
      try {
        expect(await refusal(raw(silent.port), patience)).to.equal(
          `cannot reach ClickHouse at ${silent.url}: no answer within 0.2 s: is this ClickHouse's HTTP port (8123, or 8443 with https://; not 9000)?`,
        );
        expect(said).to.deep.equal([`waiting for an answer from ${silent.url}, up to 0.2 s`]);
      } finally {
        await silent.close();
      }
    });

    it("may go: an aborted pre-flight ends within a second with an InterruptedError", async () => {
      const silent = await stranger(() => undefined);
      const interrupt = new AbortController();
      const startedMs = performance.now();
      setTimeout(() => interrupt.abort(130), 100);
      try {
        await prepare(raw(silent.port), { signal: interrupt.signal });
        expect.fail("the target was taken");
      } catch (error) {
        expect(error).to.be.instanceOf(InterruptedError);
        expect(performance.now() - startedMs).to.be.within(90, 1000);
      } finally {
        await silent.close();
      }
    });

    it("hears nothing from a server that answers", async () => {
      const { url } = await newDatabase();
      const said: string[] = [];
      await prepare({ "clickhouse-url": url }, { slowMs: 2000, onSlow: (sentence) => void said.push(sentence) });
      expect(said).to.deep.equal([]);
    });
  });

  it("an endpoint shows itself without login and query", () => {
    const url = new URL(`${serverUrl().replace("://", "://bob:hunter2@")}/db/?database=x`);
    const endpoint = endpointOf(url, { user: "default", password: "" });
    expect(JSON.stringify({ ...endpoint, headers: {} })).to.not.include("hunter2");
  });
});
