// How long does the ledger take, and how much memory, here and on the server?
// `npm run bench:ledger -- [--rounds N] [--rows N] [--singles N]`; the rows are made inside the embedded server, where each takes 4 bytes of
// disk, and as many again while parts merge.

import { join } from "node:path";
import { parseArgs } from "node:util";
import { ACKNOWLEDGED } from "../src/answer.js";
import { startEmbedded } from "../src/embedded/server.js";
import { endpointOf } from "../src/endpoint.js";
import { Fates } from "../src/fates.js";
import { LedgerFile } from "../src/ledger/file.js";
import { type Claim, readLedger } from "../src/ledger.js";
import { resolveRun } from "../src/options.js";
import { WHOLE } from "../src/schedule.js";
import { query } from "../src/server.js";
import { blindTarget } from "../src/target.js";
import { cleanUpAtExit, temporaryDirectory } from "./process.js";
import { inTurn, note, numberFlag, printHead, printTable, show } from "./results.js";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    rows: { type: "string", default: "100000000" },
    singles: { type: "string", default: "10000000" },
  },
});
const MANY = numberFlag("rows", values.rows, 1);
const SINGLES = numberFlag("singles", values.singles, 1);
const ROUNDS = numberFlag("rounds", values.rounds, 1);
const MIB = 2 ** 20;
const SAMPLE_MS = 20;

interface Case {
  readonly name: string;
  readonly table: string;
  readonly rows: number;
  readonly batchRows: number;
  /** None was acknowledged, and each is written down. */
  readonly file: boolean;
}

const CASES: readonly Case[] = [
  { name: "batches of 50,000 rows", table: "many", rows: MANY, batchRows: 50_000, file: false },
  { name: "batches of 100 rows", table: "many", rows: MANY, batchRows: 100, file: false },
  { name: "batches of one row", table: "singles", rows: SINGLES, batchRows: 1, file: false },
  {
    name: "batches of one row, none of them acknowledged, --ledger",
    table: "singles",
    rows: SINGLES,
    batchRows: 1,
    file: true,
  },
];

cleanUpAtExit();
const server = await startEmbedded({ login: "none" });
const endpoint = endpointOf(new URL(server.url), { user: "default", password: "" });
const directory = temporaryDirectory();

async function ask(sql: string): Promise<Readonly<Record<string, unknown>>> {
  return (await query(endpoint, sql))[0] ?? {};
}

async function command(sql: string): Promise<void> {
  const response = await fetch(server.url, { method: "POST", body: sql });
  if (!response.ok) throw new Error(await response.text());
}

/** Rows of the run "bench", 100,000 a second. */
async function makeRows(table: string, rows: number): Promise<void> {
  note(`${rows} rows into ${table}`);
  await command(
    `CREATE TABLE ${table} (timestamp DateTime64(3), run_id LowCardinality(String), seq UInt64) ENGINE = MergeTree ORDER BY timestamp`,
  );
  await command(
    `INSERT INTO ${table} SELECT toDateTime64(1767225600, 3) + number / 100000, 'bench', number FROM numbers(${rows})`,
  );
}

/** Throws where the ledger does not say that every row is there. */
async function measure({ table, file }: Case, claim: Claim) {
  const target = {
    ...blindTarget(resolveRun({ table: `default.${table}` }, {})),
    engine: "MergeTree",
    ledgerColumns: true,
    stores: [{ replicas: [{ endpoints: [endpoint] }] }],
  };
  const before = process.memoryUsage.rss();
  let most = before;
  const sampling = setInterval(() => {
    most = Math.max(most, process.memoryUsage.rss());
  }, SAMPLE_MS);
  const startMs = performance.now();
  const ledger = await readLedger(target, claim, 0, {
    file: file ? new LedgerFile(join(directory, "ledger.ndjson")) : undefined,
  });
  const seconds = (performance.now() - startMs) / 1000;
  clearInterval(sampling);
  if (ledger.landed !== claim.scheduledRows || ledger.lost + ledger.duplicated > 0) {
    throw new Error(`the ledger is wrong: landed ${ledger.landed}, lost ${ledger.lost}`);
  }
  return { seconds, growthMib: (most - before) / MIB };
}

interface Measured {
  readonly seconds: number;
  readonly queries: number;
  /** Of the query that took most. */
  readonly serverMib: number;
  readonly growthMib: number;
}

async function play(one: Case): Promise<Measured> {
  note(one.name);
  const { now } = await ask("SELECT toString(now64(6)) AS now");
  const { seconds, growthMib } = await measure(one, claimOf(one));
  await command("SYSTEM FLUSH LOGS query_log");
  const log = await ask(
    "SELECT count() AS queries, max(memory_usage) AS memory FROM system.query_log WHERE type = 'QueryFinish' " +
      `AND event_time_microseconds >= '${now}' AND query LIKE 'SELECT toUInt32(%'`,
  );
  return { seconds, growthMib, queries: Number(log.queries), serverMib: Number(log.memory) / MIB };
}

/** All acknowledged, or, where lines are to be written, all without an answer. */
function claimOf({ rows, batchRows, file }: Case): Claim {
  const batches = Math.ceil(rows / batchRows);
  const fates = Fates.allocate(batches);
  for (let batch = 0; batch < batches; batch++) {
    fates.answered(batch, file ? { kind: "unknown", code: "timeout", sentence: "" } : ACKNOWLEDGED);
  }
  return {
    runId: "bench",
    scheduledRows: rows,
    runs: [{ firstBatch: 0, firstRow: 0, rows: batchRows, batches }],
    shard: WHOLE,
    acknowledgedRows: file ? 0 : rows,
    unknownRows: file ? rows : 0,
    fates,
    batches,
  };
}

const { version } = await ask("SELECT version() AS version");
printHead("How long does the ledger take, and how much memory?", { ClickHouse: String(version) });
await makeRows("many", MANY);
await makeRows("singles", SINGLES);
const measured = new Map<Case, Measured[]>(CASES.map((one) => [one, []]));
await inTurn(CASES, ROUNDS, async (one) => {
  measured.get(one)?.push(await play(one));
});
printTable(
  ["", "million rows", "thousand batches", "seconds", "queries", "the largest on the server, MiB", "growth here, MiB"],
  [...measured].map(([{ name, rows, batchRows }, rounds]) => {
    const figure = (pick: (round: Measured) => number, decimals: number): string => show(rounds.map(pick), decimals);
    return [
      name,
      (rows / 1e6).toFixed(0),
      (rows / batchRows / 1e3).toFixed(0),
      figure(({ seconds }) => seconds, 1),
      String(rounds[0]?.queries),
      figure(({ serverMib }) => serverMib, 0),
      figure(({ growthMib }) => growthMib, 0),
    ];
  }),
);
await server.stop();
