// kill -9 of the server at twenty random moments of five loads, each with tokens and retries. KILL_SEED=N repeats the moments of a
// failure, as far as time can be repeated.
//
// A plain MergeTree, by all that can be seen, writes a token into its log before the part is there. A kill between the two leaves a
// token without rows: the retry is dropped as a duplicate, with success, and the rows are lost, by the server alone. It was seen
// once in some 80 kills. So rows may be missing here, no more than were in flight at the kills, if the ledger tells each of them and
// the server's own log has the token of every batch: what was not sent, or not sent again, has none.

import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { MortalServer } from "./support/mortal.js";
import { startLoad, untilRows } from "./support/settle.js";

const SEED = Number(process.env.KILL_SEED ?? Date.now() % 1_000_000);
const RUNS = 5;
const KILLS = 4;
const PER_BATCH = 50;
/** What --in-flight allows at once. */
const IN_FLIGHT_ROWS = 8 * PER_BATCH;
/** 100 inserts a second, for longer than all kills take: interrupted behind the last, with time for what has piled up. */
const LOAD = [
  "--rate",
  "5000",
  "--duration",
  "90",
  "--drain",
  "1m",
  "--batch-rows",
  String(PER_BATCH),
  "--workers",
  "2",
];
/** The longest wait before a kill. */
const LONGEST_MS = 300;

/** Numbers from 0 up to 1, the same for the same seed (mulberry32). */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One part an insert, for ever, however many: by itself ClickHouse would slow down from 1,000 on. And tokens of all of them. */
const TABLE = `(timestamp DateTime64(3), payload String, run_id LowCardinality(String), seq UInt64) ENGINE = MergeTree
  ORDER BY timestamp SETTINGS non_replicated_deduplication_window = 100000, max_bytes_to_merge_at_max_space_in_pool = 1,
  parts_to_delay_insert = 100000, parts_to_throw_insert = 100000`;

describe(`kill -9 at ${RUNS * KILLS} random moments, retries 20 (KILL_SEED=${SEED})`, function () {
  this.timeout(120_000);
  const random = dice(SEED);
  let server: MortalServer;
  before(async () => {
    server = await MortalServer.start();
  });
  after(() => server.close());

  for (let run = 0; run < RUNS; run++) {
    const moments = Array.from({ length: KILLS }, () => random() * LONGEST_MS);
    const shown = moments.map((ms) => Math.round(ms)).join(", ");
    it(`${shown} ms after the first rows and each restart: all is acknowledged, nothing is there twice`, async () => {
      const table = `events_${run}`;
      const body = `CREATE TABLE ${table} ${TABLE}`;
      await fetch(server.url, { method: "POST", headers: { connection: "close" }, body });
      const flags = ["--clickhouse-url", server.url, "--table", table, "--no-traces", "--no-metrics"];
      const load = startLoad([...flags, ...LOAD, "--retries", "20"], [{ url: server.url, table }]);
      await untilRows(load, { url: server.url, table }, 1);
      for (const ms of moments) {
        await sleep(ms);
        expect(load.running.process.exitCode, "the load is over before the kill").to.equal(null);
        await server.kill();
        await server.revive();
      }
      const { report, landed, distinct } = await load.interrupted();
      const { scheduled, acknowledged, unknown, failed, lost, duplicated } = report.rows;
      expect({ acknowledged, unknown, failed, duplicated }).to.deep.equal({
        acknowledged: scheduled,
        unknown: 0,
        failed: 0,
        duplicated: 0,
      });
      expect(lost).to.be.within(0, KILLS * IN_FLIGHT_ROWS);
      expect([landed, distinct]).to.deep.equal([scheduled - (lost ?? 0), scheduled - (lost ?? 0)]);
      const batches = Math.ceil(scheduled / PER_BATCH);
      expect(await server.tokens(table), "batches the server took for its own").to.equal(batches);
      expect(report.retries).to.be.above(0);
    });
  }
});
