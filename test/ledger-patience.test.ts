// The ledger when servers are not there: one that just starts again is waited for, one of several is left out, one nobody can
// ask is named.

import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { ACKNOWLEDGED } from "../src/answer.js";
import { type EmbeddedServer, startEmbedded } from "../src/embedded/server.js";
import { endpointOf } from "../src/endpoint.js";
import { Fates } from "../src/fates.js";
import { type Claim, countRows, type Reading, readLedger } from "../src/ledger.js";
import { resolveRun } from "../src/options.js";
import { WHOLE } from "../src/schedule.js";
import { ServerError } from "../src/server.js";
import type { Store } from "../src/stores.js";
import { blindTarget, type Target } from "../src/target.js";
import { clickhouse, newDatabase, serverUrl } from "./support/server.js";

const endpointAt = (url: string) => endpointOf(new URL(url), { user: "default", password: "" });
/** Nobody listens on port 1. */
const NOWHERE = "http://127.0.0.1:1";

function targetOf(table: string, stores: readonly Store[], engine = "MergeTree"): Target {
  return { ...blindTarget(resolveRun({ table }, {})), engine, ledgerColumns: true, stores };
}

/** Ten acknowledged batches of ten rows. */
function claim(more: Partial<Claim> = {}): Claim {
  const fates = Fates.allocate(10);
  for (let batch = 0; batch < 10; batch++) fates.answered(batch, ACKNOWLEDGED);
  const runs = [{ firstBatch: 0, firstRow: 0, rows: 10, batches: 10 }];
  const sums = { scheduledRows: 100, acknowledgedRows: 100, unknownRows: 0, batches: 10 };
  return { runId: "r", runs, shard: WHOLE, fates, ...sums, ...more };
}

const BRIEFLY: Reading = {
  waiting: { forMs: 200, everyMs: 50, aliveMs: 5000 },
  lateness: { everyMs: 20, stableMs: 60, mostMs: 500 },
};

describe("ledger: servers that are not there", function () {
  this.timeout(60_000);
  let database: string;

  before(async () => {
    ({ database } = await newDatabase());
    await clickhouse(
      "CREATE TABLE t (run_id String, seq UInt64) ENGINE = MergeTree ORDER BY seq SETTINGS index_granularity = 8",
      database,
    );
    await clickhouse("INSERT INTO t SELECT 'r', number FROM numbers(100)", database);
  });

  it("a server that starts again 500 ms after the question is waited for: 100 rows landed", async () => {
    const directory = mkdtempSync(join(tmpdir(), "clickstorm-ledger-"));
    let server: EmbeddedServer = await startEmbedded({ login: "none", path: directory });
    const { port, url } = server;
    try {
      for (const sql of [
        "CREATE TABLE default.t (run_id String, seq UInt64) ENGINE = MergeTree ORDER BY seq",
        "INSERT INTO default.t SELECT 'r', number FROM numbers(100)",
      ]) {
        expect((await fetch(url, { method: "POST", body: sql })).status, sql).to.equal(200);
      }
      process.kill(server.pid, "SIGKILL");
      await server.exited;
      const said: string[] = [];
      const stores = [{ replicas: [{ endpoints: [endpointAt(url)] }] }];
      const asked = readLedger(targetOf("default.t", stores), claim(), 0, {
        onWait: (sentence) => said.push(sentence),
      });
      await new Promise((resolve) => setTimeout(resolve, 500));
      server = await startEmbedded({ login: "none", path: directory, port });
      const { landed, lost, duplicated } = await asked;
      expect({ landed, lost, duplicated }).to.deep.equal({ landed: 100, lost: 0, duplicated: 0 });
      // That a question takes long may be said, too.
      const waits = said.filter((sentence) => sentence.startsWith("the ledger waits"));
      expect(waits).to.have.lengthOf(1);
      expect(waits[0]).to.contain(`the ledger waits for ${url}, up to 30 s: cannot reach ClickHouse at ${url}`);
    } finally {
      await server.stop();
      rmSync(directory, { recursive: true, force: true });
    }
  });

  it("of two endpoints of one server, the one that answers is enough; for count() too", async () => {
    const stores = [{ replicas: [{ endpoints: [endpointAt(NOWHERE), endpointAt(serverUrl())] }] }];
    const target = targetOf(`${database}.t`, stores);
    const { landed, lost, caveat } = await readLedger(target, claim(), 0, BRIEFLY);
    expect([landed, lost, caveat]).to.deep.equal([100, 0, undefined]);
    expect(await countRows(target, { forMs: 0, everyMs: 0, aliveMs: 5000 })).to.equal(100);
  });

  it("an endpoint that takes the question and never answers is not waited for: another of the same server is asked", async () => {
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    try {
      const { port } = silent.address() as AddressInfo;
      const endpoints = [endpointAt(`http://127.0.0.1:${port}`), endpointAt(serverUrl())];
      const target = targetOf(`${database}.t`, [{ replicas: [{ endpoints }] }]);
      // The other one has 200 ms, too, and further rounds where it takes longer.
      const waiting = { forMs: 10_000, everyMs: 50, aliveMs: 200 };
      const { landed, lost } = await readLedger(target, claim(), 0, { waiting });
      expect([landed, lost]).to.deep.equal([100, 0]);
    } finally {
      silent.close();
    }
  });

  it("a replica that does not answer is left out, and said", async () => {
    const stores = [{ replicas: [NOWHERE, serverUrl()].map((url) => ({ endpoints: [endpointAt(url)] })) }];
    const ledger = await readLedger(targetOf(`${database}.t`, stores, "ReplicatedMergeTree"), claim(), 0, BRIEFLY);
    expect([ledger.landed, ledger.lost, ledger.problems]).to.deep.equal([100, 0, []]);
    expect(ledger.caveat).to.match(/^http:\/\/127\.0\.0\.1:1 was not asked: cannot reach ClickHouse/);
    expect(ledger.batches?.replicas.map(({ absent, landed }) => [absent === undefined, landed])).to.deep.equal([
      [false, 0],
      [true, 100],
    ]);
  });

  it("a store that nobody can be asked for is an error that names it", async () => {
    const stores = [serverUrl(), NOWHERE].map((url) => ({ replicas: [{ endpoints: [endpointAt(url)] }] }));
    const error = await readLedger(targetOf(`${database}.t`, stores), claim(), 0, BRIEFLY).catch((thrown) => thrown);
    expect(error).to.be.instanceOf(ServerError);
    expect(error.message).to.contain(`cannot reach ClickHouse at ${NOWHERE}`);
  });

  it("what the server refuses is not asked again: a table that is not there", async () => {
    const stores = [{ replicas: [{ endpoints: [endpointAt(serverUrl())] }] }];
    const said: string[] = [];
    const reading: Reading = { onWait: (sentence) => said.push(sentence) };
    const error = await readLedger(targetOf(`${database}.gone`, stores), claim(), 0, reading).catch((thrown) => thrown);
    expect([error.code, said]).to.deep.equal([60, []]);
  });

  it("rows that show up on a replica 300 ms later are not missing", async () => {
    await clickhouse("CREATE TABLE late (run_id String, seq UInt64) ENGINE = MergeTree ORDER BY seq", database);
    const stores = [{ replicas: [{ endpoints: [endpointAt(serverUrl())] }] }];
    const reading: Reading = { lateness: { everyMs: 50, stableMs: 10_000, mostMs: 20_000 } };
    const asked = readLedger(targetOf(`${database}.late`, stores, "ReplicatedMergeTree"), claim(), 0, reading);
    await new Promise((resolve) => setTimeout(resolve, 300));
    await clickhouse("INSERT INTO late SELECT 'r', number FROM numbers(100)", database);
    expect((await asked).lost).to.equal(0);
  });

  it("an insert of the run without an answer that still runs is waited for, and its rows have landed", async () => {
    await clickhouse("CREATE TABLE slow (run_id String, seq UInt64) ENGINE = MergeTree ORDER BY seq", database);
    await clickhouse("INSERT INTO slow SELECT 'slow-run', number FROM numbers(90)", database);
    const fates = Fates.allocate(10);
    for (let batch = 0; batch < 9; batch++) fates.answered(batch, ACKNOWLEDGED);
    fates.answered(9, { kind: "unknown", code: "timeout", sentence: "" });
    // Batch 9, one row in 100 ms, under the query id of its first attempt.
    const sql =
      "INSERT INTO slow SELECT 'slow-run', 90 + number + sleepEachRow(0.1) FROM numbers(10) SETTINGS max_block_size = 1";
    const insert = fetch(`${serverUrl()}/?database=${database}&query_id=slow-run-9-1`, { method: "POST", body: sql });
    await untilRunning("slow-run-9-1");
    const stores = [{ replicas: [{ endpoints: [endpointAt(serverUrl())] }] }];
    const counted = { acknowledgedRows: 90, unknownRows: 10 };
    const ledger = await readLedger(
      targetOf(`${database}.slow`, stores),
      claim({ runId: "slow-run", fates, ...counted }),
      0,
    );
    expect((await insert).status).to.equal(200);
    const { lost, landed, batches } = ledger;
    expect([landed, lost, batches?.unknownLanded, batches?.unknownMissing]).to.deep.equal([100, 0, 10, 0]);
  });
});

async function untilRunning(queryId: string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if ((await clickhouse(`SELECT count() FROM system.processes WHERE query_id = '${queryId}'`)) === "1") return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`${queryId} does not run`);
}
