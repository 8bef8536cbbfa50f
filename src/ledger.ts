// Did every row land, once? Asks ClickHouse, after the run, and compares with what became of each batch. Main thread.
//
// With the ledger columns: the rows of each batch of this run, and how many of them differ, chunk by chunk (ledger/chunks.ts),
// from every server that the URLs lead to (ledger/sources.ts).
// Without: the difference of count() before and after, which takes for granted that nobody else writes.

import { setTimeout as sleep } from "node:timers/promises";
import { whyHidden } from "./countable.js";
import type { Fates } from "./fates.js";
import { batchesOf, type ChunkLimits, chunksOf, LIMITS, type Scheduled } from "./ledger/chunks.js";
import type { LedgerFile } from "./ledger/file.js";
import { patiently, WAITING, type Waiting } from "./ledger/patience.js";
import { askCount, askRunning, type Search } from "./ledger/questions.js";
import { type ReplicaFigures, Sources } from "./ledger/sources.js";
import { type Balance, balance, endedAt, type FateCount, mayLandYet, stateOf, Tally } from "./ledger/tally.js";
import { type Before, readTimes, type TimesRead } from "./ledger/times.js";
import type { TimeSpan } from "./rows/fit.js";
import { ImpossibleError, ServerError } from "./server.js";
import { endpointsOf, isReplicated, serversOf } from "./stores.js";
import { readColumns, type Target } from "./target.js";
import { count, whole } from "./text.js";

export interface Ledger {
  /** Rows of this run in the table, however often. */
  readonly landed: number;
  /** Acknowledged rows that are not there. */
  readonly lost: number;
  /** Rows that are there more than once, counting each surplus copy; and rows of this run that were never sent. */
  readonly duplicated: number;
  /** What must be known to read the figures; undefined: nothing. */
  readonly caveat: string | undefined;
  /** Undefined where rows cannot be told apart. */
  readonly batches: BatchLedger | undefined;
  /** Why it does not balance though no row is lost or duplicated, as sentences. */
  readonly problems: readonly string[];
}

/** The same, batch by batch. */
export interface BatchLedger extends Balance {
  readonly counts: readonly FateCount[];
  /** None: the table is not replicated. */
  readonly replicas: readonly ReplicaFigures[];
}

/** From when to when rows are. `areEnds`: the first and the last of this shard have just these times. */
export interface RowTimes extends TimeSpan {
  readonly areEnds: boolean;
}

/** What the workers say of a run that is over. */
export interface Claim extends Scheduled {
  readonly runId: string;
  readonly acknowledgedRows: number;
  /** Rows whose fate the client does not know. */
  readonly unknownRows: number;
  /** What became of each batch of the shard. */
  readonly fates: Fates;
  /** So many batches of the shard were scheduled, or claimed. */
  readonly batches: number;
  /** Undefined: nobody asks for them. */
  readonly times?: RowTimes | undefined;
}

/** How rows are waited for that may show up late. */
export interface Lateness {
  readonly everyMs: number;
  /** Nothing has changed for so long. */
  readonly stableMs: number;
  readonly mostMs: number;
}

export interface Reading {
  /** Undefined: no batch is written down. */
  readonly file?: LedgerFile | undefined;
  /** Of rows that are told by the difference of counts; undefined: nothing was asked before the run. */
  readonly before?: Before | undefined;
  /** Hears, in a sentence, that a server is waited for. */
  readonly onWait?: (sentence: string) => void;
  /** Aborted: the ledger is not wanted any more, and readLedger rejects. */
  readonly signal?: AbortSignal | undefined;
  readonly waiting?: Omit<Waiting, "onWait">;
  readonly lateness?: Lateness;
  readonly limits?: ChunkLimits;
}

const LATENESS: Lateness = { everyMs: 500, stableMs: 10_000, mostMs: 120_000 };
/** Inserts without an answer may still be at work on the server: waited for so long. */
const RUNNING = { mostMs: 30_000, everyMs: 250 } as const;

/** Whether rows are hidden is soon answered. */
const SEEN_MS = 5000;

const isLate = ({ engine = "" }: Target): boolean => /^(Distributed|Replicated|Shared|Buffer)/.test(engine);

/** Rows in the whole table, wherever they lie. Throws a ServerError. */
export async function countRows(target: Target, waiting: Waiting = WAITING): Promise<number> {
  const counts = await Promise.all(
    target.stores.map(({ replicas }) =>
      patiently(
        { endpoints: replicas.flatMap(({ endpoints }) => endpoints) },
        (endpoint, patience) => askCount(endpoint, target, patience),
        waiting,
      ),
    ),
  );
  return counts.reduce((sum, rows) => sum + rows, 0);
}

/** There is no ledger after all: rows cannot be counted, for the reason that is its message. */
export class UncountedError extends Error {}

/**
 * Throws a ServerError where nobody can be asked for some of the rows, or where what is said cannot be; an UncountedError where
 * not all rows are shown.
 *
 * @param rowsBefore of the table, counted before the run; used where the table has no ledger columns
 */
export async function readLedger(
  target: Target,
  claim: Claim,
  rowsBefore: number,
  { file, before, onWait, signal, waiting: given = WAITING, lateness = LATENESS, limits = LIMITS }: Reading = {},
): Promise<Ledger> {
  const waiting: Waiting = {
    ...given,
    ...(onWait !== undefined && { onWait }),
    ...(signal !== undefined && { signal }),
  };
  // Attempts that nobody waited for may still land, also of inserts that another attempt brought to their end.
  const running = await afterRunning(target, claim, waiting);
  const reader = target.ledgerColumns
    ? batchReader(target, claim, { file, waiting, limits })
    : async () => byDifference((await countRows(target, waiting)) - rowsBefore, claim, target);
  const read = async (): Promise<Read> => {
    const found = await reader();
    await checkSeen(target, signal);
    return found;
  };
  try {
    const found = isLate(target) ? await settled(read, lateness, signal) : await read();
    await file?.close();
    const times = await timesOf(found, target, claim, before, waiting);
    const { notes, ...ledger } = found;
    const all = { ...found, notes: [...notes, ...(times.unread === undefined ? [] : [times.unread])] };
    return {
      ...ledger,
      problems: [...ledger.problems, ...times.problems, ...(file?.failure === undefined ? [] : [file.failure])],
      caveat: caveatOf(all, target, claim, running, lateness),
    };
  } finally {
    await file?.close();
  }
}

/** Whether the rows that are there have the times they were sent with. */
async function timesOf(
  { landed, lost, duplicated, problems }: Read,
  target: Target,
  { runId, scheduledRows, acknowledgedRows, times }: Claim,
  before: Before | undefined,
  waiting: Waiting,
): Promise<TimesRead> {
  if (times === undefined || landed === 0) return { problems: [], unread: undefined };
  // A replica that lags, or a TTL, may lack the first row or the last.
  const isSound = lost + duplicated === 0 && problems.length === 0 && !target.expires;
  const complete = times.areEnds && acknowledgedRows === scheduledRows && isSound;
  const sent = { columns: target.sentColumns, span: times };
  return readTimes(target, sent, { runId, landed, complete, before }, waiting);
}

/** What is known without asking anybody: the batches that were not acknowledged. */
export async function writeUnasked(file: LedgerFile, claim: Claim): Promise<void> {
  await file.begin();
  for (const chunk of chunksOf(claim)) {
    for (const due of batchesOf(chunk, claim)) {
      const ended = endedAt(claim.fates, chunk.firstPlace + due.at);
      if (ended.fate === "acknowledged") continue;
      file.add(due, ended);
      if (file.isFull) await file.flush();
    }
  }
  await file.close();
}

type Read = Omit<Ledger, "caveat"> & { readonly notes: readonly string[] };

/** Asks again until everything is there, or nothing changes any more. */
async function settled(
  read: () => Promise<Read>,
  { everyMs, stableMs, mostMs }: Lateness,
  signal: AbortSignal | undefined,
): Promise<Read> {
  const startMs = performance.now();
  let changedMs = startMs;
  let seen = -1;
  for (;;) {
    const ledger = await read();
    const { lost, landed, batches } = ledger;
    const replicas = batches?.replicas ?? [];
    if (lost === 0 && replicas.every(({ missing }) => missing === 0)) return ledger;
    const nowMs = performance.now();
    const now = replicas.reduce((sum, replica) => sum + replica.landed, landed);
    if (now !== seen) [seen, changedMs] = [now, nowMs];
    if (nowMs - changedMs >= stableMs || nowMs - startMs >= mostMs) return ledger;
    await sleep(everyMs, undefined, signal === undefined ? {} : { signal });
  }
}

/** Asked again: before the run the table may have been empty, which hides what a policy does. Throws an UncountedError. */
async function checkSeen(target: Target, signal: AbortSignal | undefined): Promise<void> {
  const patience = { timeoutMs: SEEN_MS, ...(signal !== undefined && { signal }) };
  for (const endpoint of serversOf(target.stores)) {
    const why = await whyHidden(endpoint, target, readColumns(target), patience).catch((error: unknown) => {
      // Who is gone again has shown his rows, or has not: that is told elsewhere.
      if (error instanceof ServerError) return undefined;
      throw error;
    });
    if (why !== undefined) throw new UncountedError(why);
  }
}

function byDifference(landed: number, claim: Claim, { whyNoLedgerColumns: why }: Target): Read {
  if (landed < 0) {
    const fewer = `the table holds ${count(-landed, "row")} less than before the run`;
    throw new ImpossibleError(
      `${fewer}: somebody else takes rows away, and which of the run's are left is not to be told`,
    );
  }
  return {
    landed,
    lost: Math.max(0, claim.acknowledgedRows - landed),
    duplicated: Math.max(0, landed - claim.acknowledgedRows - claim.unknownRows),
    batches: undefined,
    problems: [],
    notes: [
      `by the difference of count() before and after, which assumes no other writer${why === undefined ? "" : `, since ${why}`}`,
      ...(claim.unknownRows > 0 ? ["rows whose fate is unknown and that landed may stand in for lost ones"] : []),
    ],
  };
}

/** Reads all batches each time it is called. */
function batchReader(
  target: Target,
  claim: Claim,
  { file, waiting, limits }: { file: LedgerFile | undefined; waiting: Waiting; limits: ChunkLimits },
): () => Promise<Read> {
  const search: Search = { place: target, ...claim };
  const sources = new Sources(target.stores, search, waiting);
  return async () => {
    sources.begin();
    await file?.begin();
    const tally = new Tally();
    for (const chunk of chunksOf(claim, limits)) {
      const heldOf = await sources.read(chunk);
      for (const due of batchesOf(chunk, claim)) {
        const ended = endedAt(claim.fates, chunk.firstPlace + due.at);
        const isAcknowledged = ended.fate === "acknowledged";
        const held = heldOf(due, isAcknowledged);
        const state = stateOf(due.rows, held);
        tally.add(ended, due.rows, held, state);
        if (file === undefined || (isAcknowledged && state === "whole")) continue;
        file.add(due, ended, held, state);
        if (file.isFull) await file.flush();
      }
    }
    const strangers = await sources.strangers();
    await file?.flush();
    return summed(target, claim, tally.counts, strangers, sources.figures);
  };
}

function summed(
  target: Target,
  claim: Claim,
  counts: readonly FateCount[],
  strangers: number,
  figures: readonly ReplicaFigures[],
): Read {
  const sums = balance(counts, strangers, claim);
  const replicas = isReplicated(target.engine) ? figures : [];
  const short = replicas.filter(({ missing }) => missing > 0);
  return {
    landed: sums.landed,
    lost: sums.lost,
    duplicated: sums.duplicated,
    batches: { ...sums, counts, replicas },
    problems: short.map(({ name, missing }) => `the replica ${name} lacks ${count(missing, "row")} that others have`),
    notes: [
      ...figures.flatMap(({ name, absent }) => (absent === undefined ? [] : [`${name} was not asked: ${absent}`])),
      ...forgotten(claim),
    ],
  };
}

/** What is not known of each batch. */
const forgotten = ({ batches, fates }: Claim): readonly string[] =>
  batches <= fates.capacity
    ? []
    : [`of ${whole(batches)} batches the fates of the first ${whole(fates.capacity)} are known: more may be lost`];

/** Inserts of the run that go on all the same; 0: none. */
async function afterRunning(target: Target, claim: Claim, { onWait, signal }: Waiting): Promise<number> {
  const search: Search = { place: target, ...claim };
  const startMs = performance.now();
  for (let round = 0; ; round++) {
    const running = await Promise.all(
      endpointsOf(target.stores).map((endpoint) => askRunning(endpoint, search, signal)),
    );
    const most = Math.max(0, ...running);
    if (most === 0 || performance.now() - startMs >= RUNNING.mostMs) return most;
    if (round === 0) {
      onWait?.(`the ledger waits for ${count(most, "insert")} of the run to end, up to ${RUNNING.mostMs / 1000} s`);
    }
    await sleep(RUNNING.everyMs, undefined, signal === undefined ? {} : { signal });
  }
}

/** Whether rows that are not there may come: of inserts nobody answered, or of any where the server takes them first and stores them later. */
function awaitsRows(batches: BatchLedger | undefined, target: Target, { batches: all, fates }: Claim): boolean {
  if (batches !== undefined) {
    const isShort = ({ distinct, rows }: FateCount): boolean => distinct < rows;
    const open = batches.counts.some((count) => isShort(count) && mayLandYet(count));
    return batches.unknownMissing > 0 && (open || isLate(target));
  }
  if (isLate(target) || all > fates.capacity) return true;
  for (let place = 0; place < all; place++) if (mayLandYet(endedAt(fates, place))) return true;
  return false;
}

function caveatOf(
  { notes, lost, problems, batches }: Read,
  target: Target,
  claim: Claim,
  running: number,
  { stableMs }: Lateness,
): string | undefined {
  const all = [
    ...notes,
    running > 0 && `${count(running, "insert")} of the run still ran: their rows may land yet`,
    // What a proxy holds, or a queue of asynchronous inserts, no server shows.
    running === 0 &&
      claim.unknownRows > 0 &&
      awaitsRows(batches, target, claim) &&
      "rows without an answer that are not there may land yet, where something between holds them back",
    lost + problems.length > 0 &&
      isLate(target) &&
      `${target.engine} tables may show rows late: asked until nothing had changed for ${stableMs / 1000} s`,
    lost > 0 && target.expires && "the table has a TTL, which removes old rows",
  ].filter((note) => typeof note === "string");
  return all.length === 0 ? undefined : all.join("; ");
}
