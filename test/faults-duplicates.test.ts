// A table that does not deduplicate, and connections reset when the server has answered: what a blind retry makes of it, and that
// the ledger sees it.

import { expect } from "chai";
import { FaultProxy, firstAttempts } from "./support/fault-proxy.js";
import { clickhouse, newDatabase, serverUrl } from "./support/server.js";
import { type Settled, startLoad } from "./support/settle.js";

const ROWS = 2000;
const PER_BATCH = 50;
const LOAD = ["--rate", "2000", "--duration", "1", "--batch-rows", String(PER_BATCH), "--workers", "2"];
/** Of 40 batches. */
const SPOILT = [8, 17, 26, 35];
const SPOILT_ROWS = SPOILT.length * PER_BATCH;

describe("a table without a deduplication window, reset behind the body", function () {
  this.timeout(60_000);

  async function run(...flags: readonly string[]): Promise<Settled> {
    const { database } = await newDatabase();
    await clickhouse(
      "CREATE TABLE plain (timestamp DateTime64(3), run_id String, seq UInt64) ENGINE = MergeTree ORDER BY seq",
      database,
    );
    const proxy = await FaultProxy.open(Number(new URL(serverUrl()).port));
    proxy.plan = firstAttempts(9, { kind: "reset", at: "answer" });
    const url = `http://127.0.0.1:${proxy.port}/?database=${database}`;
    const all = ["--clickhouse-url", url, "--table", "plain", ...LOAD, "--no-traces", "--no-metrics", ...flags];
    try {
      const settled = await startLoad(all, [{ url: `${serverUrl()}/?database=${database}`, table: "plain" }]).settled();
      expect(proxy.spoiltBatches).to.deep.equal(SPOILT);
      return settled;
    } finally {
      await proxy.close();
    }
  }

  it(`--retries 5 --retry-ambiguous: ${SPOILT_ROWS} rows are there twice, and the ledger names their batches; exit 1`, async () => {
    const { report, landed, ledger, code, stderr } = await run("--retries", "5", "--retry-ambiguous");
    const { acknowledged, lost, duplicated } = report.rows;
    expect([acknowledged, landed, lost, duplicated]).to.deep.equal([ROWS, ROWS + SPOILT_ROWS, 0, SPOILT_ROWS]);
    expect(ledger.map(({ batch, fate, landed: rows, state }) => [batch, fate, rows, state])).to.deep.equal(
      SPOILT.map((batch) => [batch, "acknowledged", 2 * PER_BATCH, "duplicated"]),
    );
    expect([report.retries, code]).to.deep.equal([SPOILT.length, 1]);
    expect(stderr).to.include("may land twice");
  });

  for (const retries of [0, 5]) {
    it(`--retries ${retries}: ${SPOILT_ROWS} rows stay unknown, none is there twice, and the ledger finds all of them`, async () => {
      const { report, landed, ledger, code, stderr } = await run("--retries", String(retries));
      const { acknowledged, unknown, lost, duplicated } = report.rows;
      expect([acknowledged, unknown, landed, lost, duplicated]).to.deep.equal([
        ROWS - SPOILT_ROWS,
        SPOILT_ROWS,
        ROWS,
        0,
        0,
      ]);
      expect(ledger.map(({ batch, fate, state }) => [batch, fate, state])).to.deep.equal(
        SPOILT.map((batch) => [batch, "unknown", "whole"]),
      );
      expect(report.ledger?.unknown_landed).to.equal(SPOILT_ROWS);
      expect([report.retries, code]).to.deep.equal([0, 1]);
      expect(stderr.includes("stay unknown")).to.equal(retries > 0);
    });
  }
});
