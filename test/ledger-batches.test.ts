// The ledger batch by batch: random histories put into real tables, whole, twice, in part or not at all, on one server or two,
// against a model that counts rows one by one.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import fc from "fast-check";
import { ACKNOWLEDGED, type Outcome } from "../src/answer.js";
import { type EmbeddedServer, startEmbedded } from "../src/embedded/server.js";
import { type Endpoint, endpointOf } from "../src/endpoint.js";
import { Fates } from "../src/fates.js";
import { type ChunkLimits, LIMITS } from "../src/ledger/chunks.js";
import { LedgerFile } from "../src/ledger/file.js";
import { type Claim, type Ledger, type Reading, readLedger } from "../src/ledger.js";
import { resolveRun } from "../src/options.js";
import type { Run, Shard } from "../src/schedule.js";
import type { Store } from "../src/stores.js";
import { blindTarget, type Target } from "../src/target.js";
import { count } from "../src/text.js";
import { newDatabase, serverUrl } from "./support/server.js";

type End = "acknowledged" | "busy" | "timeout" | "in_flight" | "dropped" | "none";

const OUTCOMES: Readonly<Partial<Record<End, Outcome>>> = {
  acknowledged: ACKNOWLEDGED,
  busy: { kind: "failed", reason: "busy", code: 252, sentence: "" },
  timeout: { kind: "unknown", code: "timeout", sentence: "" },
};

/** Of the file, and how the report counts them. */
const NAMES: Readonly<Record<End, readonly [fate: string, reason: string | null, code: string | null]>> = {
  acknowledged: ["acknowledged", null, null],
  busy: ["failed", "busy", "252"],
  timeout: ["unknown", null, "timeout"],
  in_flight: ["unknown", null, "worker_crash"],
  dropped: ["dropped", null, null],
  none: ["unsent", null, null],
};

/** A run that is over, and which of its rows are in each table, how often. */
interface History {
  readonly runs: readonly Run[];
  readonly scheduledRows: number;
  readonly shard: Shard;
  /** By batch of all shards. */
  readonly ends: readonly End[];
  /** By table, by row of all shards; rows behind the scheduled ones too. */
  readonly tables: readonly (readonly number[])[];
}

/** Batches one by one. */
function batchesIn({ runs, scheduledRows }: Pick<History, "runs" | "scheduledRows">) {
  return runs.flatMap(({ firstBatch, firstRow, rows, batches }) =>
    Array.from({ length: batches }, (_, index) => ({
      number: firstBatch + index,
      firstRow: firstRow + index * rows,
      rows: Math.min(rows, scheduledRows - firstRow - index * rows),
    })).filter((batch) => batch.rows > 0),
  );
}

function runsOf(sizes: readonly (readonly [rows: number, batches: number])[]): readonly Run[] {
  const runs: Run[] = [];
  let [firstBatch, firstRow] = [0, 0];
  for (const [rows, batches] of sizes) {
    runs.push({ firstBatch, firstRow, rows, batches });
    firstBatch += batches;
    firstRow += rows * batches;
  }
  return runs;
}

/** What is in a table of a batch, row by row. */
const landing = (rows: number): fc.Arbitrary<readonly number[]> =>
  fc.oneof(
    { weight: 4, arbitrary: fc.constant(Array.from({ length: rows }, () => 1)) },
    { weight: 3, arbitrary: fc.constant(Array.from({ length: rows }, () => 0)) },
    { weight: 1, arbitrary: fc.constant(Array.from({ length: rows }, () => 2)) },
    {
      weight: 3,
      arbitrary: fc.array(fc.constantFrom(0, 0, 1, 1, 1, 3), { minLength: rows, maxLength: rows }),
    },
  );

const histories = (tables: number): fc.Arbitrary<History> =>
  fc
    .record({
      sizes: fc.array(fc.tuple(fc.constantFrom(1, 2, 5, 64, 65, 100), fc.integer({ min: 1, max: 6 })), {
        minLength: 1,
        maxLength: 5,
      }),
      cut: fc.double({ min: 0, max: 1, noNaN: true }),
      shards: fc.integer({ min: 1, max: 3 }),
    })
    .chain(({ sizes, cut, shards }) => {
      const runs = runsOf(sizes);
      const all = runs.reduce((sum, { rows, batches }) => sum + rows * batches, 0);
      // Half of all runs reach their end.
      const scheduledRows = cut > 0.5 ? all : Math.max(1, Math.ceil(all * 2 * cut));
      const batches = batchesIn({ runs, scheduledRows });
      const behind = all - scheduledRows + 3;
      const table = fc
        .tuple(
          fc.tuple(...batches.map(({ rows }) => landing(rows))),
          fc.array(fc.constantFrom(0, 0, 0, 1, 2), {
            minLength: behind,
            maxLength: behind,
          }),
        )
        .map(([rows, strangers]) => [...rows.flat(), ...strangers]);
      return fc.record({
        runs: fc.constant(runs),
        scheduledRows: fc.constant(scheduledRows),
        shard: fc.integer({ min: 0, max: shards - 1 }).map((index) => ({ index, of: shards })),
        ends: fc.array(
          fc.constantFrom<End>("acknowledged", "acknowledged", "busy", "timeout", "in_flight", "dropped", "none"),
          { minLength: batches.length, maxLength: batches.length },
        ),
        tables: fc.array(table, { minLength: tables, maxLength: tables }),
      });
    });

const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);
const distinctOf = (copies: readonly number[]): number => copies.filter((times) => times > 0).length;

/**
 * Everything the ledger is to say, counted row by row. What tables of their own hold adds up; of replicas a row is there
 * when it is on one of them, and as many copies as on the one that has most.
 */
function modelOf(history: History, kind: "own" | "replicas" = "own") {
  const { shard, ends, scheduledRows, runs, tables } = history;
  const own = batchesIn(history).filter(({ number }) => number % shard.of === shard.index);
  const lines = own.map(({ number, firstRow, rows: due }) => {
    const parts = tables.map((rows) => rows.slice(firstRow, firstRow + due));
    const union = Array.from({ length: due }, (_, row) => total(parts.map((copies) => copies[row] ?? 0)));
    const distinct = distinctOf(union);
    const surplus = Math.max(...parts.map((copies) => total(copies) - distinctOf(copies)));
    const landed = kind === "own" ? total(union) : distinct + surplus;
    const lacking = parts.map((copies) => distinct - distinctOf(copies));
    const state =
      landed === 0 ? "missing" : distinct < due ? "partial" : landed > due ? "duplicated" : ("whole" as const);
    const end = ends[number] ?? "none";
    const [fate, reason, code] = NAMES[end];
    return { batch: number, first_row: firstRow, rows: due, fate, reason, code, landed, distinct, state, end, lacking };
  });
  // A row behind the last is the shard's whose batch it would be in.
  const last = runs.at(-1);
  const batchOf = (row: number): number => {
    const run = runs.findLast(({ firstRow }) => firstRow <= row) ?? last;
    return run === undefined ? 0 : run.firstBatch + Math.floor((row - run.firstRow) / run.rows);
  };
  const behind = tables.map((rows) =>
    total(rows.map((times, row) => (row >= scheduledRows && batchOf(row) % shard.of === shard.index ? times : 0))),
  );
  const strangers = kind === "own" ? total(behind) : Math.max(...behind);
  const sum = (of: readonly End[], pick: (line: (typeof lines)[number]) => number): number =>
    total(lines.filter(({ end }) => of.includes(end)).map(pick));
  const unknown = ["timeout", "in_flight"] as const;
  const neverSent = strangers + sum(["dropped", "none"], ({ landed }) => landed);
  return {
    lines,
    acknowledgedRows: sum(["acknowledged"], ({ rows: due }) => due),
    unknownRows: sum(unknown, ({ rows: due }) => due),
    missing: tables.map((_, table) => sum(["acknowledged"], ({ lacking }) => lacking[table] ?? 0)),
    ledger: {
      landed: strangers + total(lines.map(({ landed }) => landed)),
      lost: sum(["acknowledged"], ({ rows: due, distinct }) => due - distinct),
      duplicated: neverSent + sum(["acknowledged", "busy", ...unknown], ({ landed, distinct }) => landed - distinct),
      unknownLanded: sum(unknown, ({ distinct }) => distinct),
      unknownMissing: sum(unknown, ({ rows: due, distinct }) => due - distinct),
      failedLanded: sum(["busy"], ({ distinct }) => distinct),
      neverSent,
    },
  };
}

function fatesOf({ ends, shard }: History): Fates {
  const fates = Fates.allocate(Math.ceil(ends.length / shard.of));
  for (const [number, end] of ends.entries()) {
    if (number % shard.of !== shard.index) continue;
    const place = Math.floor(number / shard.of);
    const outcome = OUTCOMES[end];
    if (outcome !== undefined) fates.answered(place, outcome);
    else if (end === "in_flight" || end === "dropped") fates.mark(place, end);
  }
  return fates;
}

const endpointAt = (url: string): Endpoint => endpointOf(new URL(url), { user: "default", password: "" });

/** Of a server that only its test knows. */
async function ask({ url }: { readonly url: string }, sql: string): Promise<string> {
  const response = await fetch(url, { method: "POST", body: sql });
  const text = await response.text();
  if (!response.ok) throw new Error(text);
  return text.trim();
}

const targetOf = (database: string, stores: readonly Store[], engine = "MergeTree"): Target => ({
  ...blindTarget(resolveRun({ table: `${database}.t` }, {})),
  engine,
  ledgerColumns: true,
  stores,
});

async function fill(server: { readonly url: string }, table: string, rows: readonly number[], runId: string) {
  const seqs = rows.flatMap((times, row) => Array.from({ length: times }, () => row));
  if (seqs.length > 0) await ask(server, `INSERT INTO ${table} SELECT '${runId}', arrayJoin([${seqs}])`);
}

const claimOf = (history: History, runId: string): Claim => {
  const { acknowledgedRows, unknownRows } = modelOf(history);
  const batches = Math.ceil(history.ends.length / history.shard.of);
  return { ...history, runId, acknowledgedRows, unknownRows, fates: fatesOf(history), batches };
};

const sumsOf = ({ landed, lost, duplicated, batches }: Ledger) => {
  if (batches === undefined) throw new Error("the ledger has no batches");
  const { unknownLanded, unknownMissing, failedLanded, neverSent } = batches;
  return { landed, lost, duplicated, unknownLanded, unknownMissing, failedLanded, neverSent };
};

/** By fate, reason, code and state: so many batches and rows. */
function grouped(lines: ReturnType<typeof modelOf>["lines"]) {
  const groups = new Map<string, Record<string, number>>();
  for (const { fate, reason, code, state, rows, landed, distinct } of lines) {
    const key = `${fate} ${reason} ${code}`;
    const group = groups.get(key) ?? { batches: 0, rows: 0, landed: 0, distinct: 0 };
    for (const [name, more] of Object.entries({ batches: 1, rows, landed, distinct, [state]: 1 })) {
      group[name] = (group[name] ?? 0) + more;
    }
    groups.set(key, group);
  }
  return Object.fromEntries(groups);
}

const LIMITS_TRIED: readonly ChunkLimits[] = [
  LIMITS,
  { ...LIMITS, batches: 1 },
  { ...LIMITS, batches: 3 },
  { ...LIMITS, bytes: 700 },
  { ...LIMITS, runs: 2 },
];

const TABLE = "(run_id String, seq UInt64) ENGINE = MergeTree ORDER BY ()";
/** Nobody is late here: what is there is looked at once. */
const AT_ONCE: Reading = {
  lateness: { everyMs: 0, stableMs: 0, mostMs: 0 },
  waiting: { forMs: 0, everyMs: 0, aliveMs: 5000 },
};
let runs = 0;
const newRun = (): string => `run-${runs++}`;

describe("ledger: random histories", function () {
  this.timeout(120_000);
  let directory: string;
  before(() => {
    directory = mkdtempSync(join(tmpdir(), "clickstorm-ledger-"));
  });
  after(() => rmSync(directory, { recursive: true, force: true }));

  it("totals, counts by fate and state, and the lines of --ledger are those of a count row by row, in chunks of any size", async () => {
    const { database } = await newDatabase();
    const server = { url: serverUrl() };
    await ask(server, `CREATE TABLE ${database}.t ${TABLE}`);
    const target = targetOf(database, [{ replicas: [{ endpoints: [endpointAt(server.url)] }] }]);
    const file = join(directory, "one.ndjson");
    await fc.assert(
      fc.asyncProperty(histories(1), fc.constantFrom(...LIMITS_TRIED), async (history, limits) => {
        const runId = newRun();
        await fill(server, `${database}.t`, history.tables[0] ?? [], runId);
        const model = modelOf(history);
        const ledger = await readLedger(target, claimOf(history, runId), 0, { limits, file: new LedgerFile(file) });
        expect(sumsOf(ledger)).to.deep.equal(model.ledger);
        const counts = (ledger.batches?.counts ?? []).map(({ fate, reason, code, ...figures }) => [
          `${fate} ${reason} ${code}`,
          Object.fromEntries(
            Object.entries(figures).filter(
              ([name, value]) => value > 0 || ["batches", "rows", "landed", "distinct"].includes(name),
            ),
          ),
        ]);
        expect(Object.fromEntries(counts)).to.deep.equal(grouped(model.lines));
        const lines = readFileSync(file, "utf8").split("\n").slice(0, -1);
        expect(lines.map((line) => JSON.parse(line))).to.deep.equal(
          model.lines
            .filter(({ fate, state }) => fate !== "acknowledged" || state !== "whole")
            .map(({ end: _, lacking: __, ...line }) => line),
        );
      }),
      { numRuns: 60 },
    );
  });

  describe("on two servers", () => {
    let servers: readonly EmbeddedServer[] = [];
    before(async () => {
      servers = await Promise.all([startEmbedded({ login: "none" }), startEmbedded({ login: "none" })]);
      for (const server of servers) await ask(server, `CREATE TABLE default.t ${TABLE}`);
    });
    after(() => Promise.all(servers.map((server) => server.stop())));

    async function onBoth(history: History) {
      const runId = newRun();
      for (const [index, server] of servers.entries()) await fill(server, "t", history.tables[index] ?? [], runId);
      return claimOf(history, runId);
    }

    it("with tables of their own, rows add up, and those of one batch on both are told apart", async () => {
      const stores = servers.map(({ url }) => ({ replicas: [{ endpoints: [endpointAt(url)] }] }));
      await fc.assert(
        fc.asyncProperty(histories(2), fc.constantFrom(...LIMITS_TRIED), async (history, limits) => {
          const ledger = await readLedger(targetOf("default", stores), await onBoth(history), 0, { limits });
          expect(sumsOf(ledger)).to.deep.equal(modelOf(history).ledger);
        }),
        { numRuns: 40 },
      );
    });

    it("with replicas, a row is lost that is on none, and what one of them lacks is told", async () => {
      const replicas = servers.map(({ url }) => ({ endpoints: [endpointAt(url)] }));
      const target = targetOf("default", [{ replicas }], "ReplicatedMergeTree");
      await fc.assert(
        fc.asyncProperty(histories(2), fc.constantFrom(...LIMITS_TRIED), async (history, limits) => {
          const ledger = await readLedger(target, await onBoth(history), 0, { ...AT_ONCE, limits });
          const { ledger: sums, missing } = modelOf(history, "replicas");
          expect(sumsOf(ledger)).to.deep.equal(sums);
          expect(ledger.batches?.replicas.map((replica) => replica.missing)).to.deep.equal(missing);
          expect(ledger.problems).to.deep.equal(
            servers.flatMap(({ url }, index) => {
              const rows = missing[index] ?? 0;
              return rows === 0 ? [] : [`the replica ${url} lacks ${count(rows, "row")} that others have`];
            }),
          );
        }),
        { numRuns: 40 },
      );
    });
  });
});
