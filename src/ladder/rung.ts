// One rung: a load of warm-up and window, measured within the window. Called by ladder.ts. Sends through the same threads
// as every run; asks the server nothing.

import type { WriteStream } from "node:tty";
import { type Books, closeBooks } from "../books.js";
import type { Plan } from "../plan.js";
import { type Load, type Notice, startLoad } from "../pool.js";
import { Progress } from "../progress.js";
import { Snapshots } from "../snapshot.js";
import { whole } from "../text.js";

/** A rung that was run to its end. */
export interface Measured {
  readonly rowsPerSecond: number;
  readonly bytesPerSecond: number;
  /** Between the two answers from which the figures are. */
  readonly windowS: number;
  /** Of the whole rung, with its warm-up. */
  readonly books: Books;
  /** Why it did not go well, if so. */
  readonly problems: readonly string[];
}

/** What of the time counts. */
export interface Window {
  readonly warmUpNs: bigint;
  readonly windowNs: bigint;
}

const LIVE_MS = 1000;

/** The plan with inserts that are acknowledged where they are made. */
export function sendingNothing(plan: Plan): Plan {
  const workers = plan.workers.map((worker) => ({
    ...worker,
    insert: { ...worker.insert, sends: "nothing" as const },
  }));
  return { ...plan, workers };
}

/** The plan whose query ids and deduplication tokens begin so: no two rungs have any in common. */
export function named(plan: Plan, name: string): Plan {
  return { ...plan, workers: plan.workers.map((worker) => ({ ...worker, runId: name })) };
}

/** Rows acknowledged by the last answer before, or at, some time. */
interface Reading {
  readonly rows: number;
  readonly atNs: number;
}

/** Undefined when it was interrupted. Rejects when a worker cannot get ready. */
export async function measure(
  plan: Plan,
  { warmUpNs, windowNs }: Window,
  err: WriteStream,
  interrupt: AbortSignal,
): Promise<Measured | undefined> {
  const problems: string[] = [];
  let load: Load | undefined;
  const onNotice = (notice: Notice): void => {
    if (notice.kind !== "error" && notice.kind !== "refused") return;
    if (!problems.includes(notice.sentence)) problems.push(notice.sentence);
    load?.end(0n);
  };
  const started = await startLoad(plan, onNotice);
  load = started;
  const end = (): void => started.end(0n);
  if (interrupt.aborted || problems.length > 0) end();
  interrupt.addEventListener("abort", end, { once: true });
  const live = showLive(plan, started, err);

  const read = async (atNs: bigint): Promise<Reading> => {
    await Promise.race([started.clock.until(Number(atNs)), started.finished]);
    const nowNs = started.clock.now();
    const { acknowledged, lastAnswerNs } = plan.counters.totals(nowNs);
    // From answer to answer: a batch more or less would be some percent. Without sending there are no answers.
    return { rows: acknowledged, atNs: lastAnswerNs > 0 ? lastAnswerNs : nowNs };
  };
  const before = await read(warmUpNs);
  const after = await read(warmUpNs + windowNs);
  const failure = await started.finished;
  started.clock.wake();
  clearInterval(live);
  interrupt.removeEventListener("abort", end);
  new Progress(err, 0n).stop();
  if (interrupt.aborted) return undefined;

  const books = closeBooks(plan, started.clock);
  const { totals } = books;
  if (failure !== undefined) problems.push(`a worker failed: ${failure.message}`);
  const bad = totals.failed + totals.unknown;
  if (bad > 0) problems.unshift(`${whole(bad)} rows were not acknowledged`);
  const windowS = (after.atNs - before.atNs) / 1e9;
  const rows = after.rows - before.rows;
  if (rows === 0 && problems.length === 0) {
    problems.push("no insert was answered within the window: a longer --duration or smaller --batch-rows");
  }
  const rowsPerSecond = windowS > 0 ? rows / windowS : 0;
  return {
    rowsPerSecond,
    // Rows are alike: those in flight at both ends need not be told apart.
    bytesPerSecond: totals.generated > 0 ? (rowsPerSecond * totals.bytes.rendered) / totals.generated : 0,
    windowS,
    books,
    problems,
  };
}

function showLive({ counters }: Plan, { clock }: Load, err: WriteStream): NodeJS.Timeout {
  const progress = new Progress(err, counters.endNs);
  const snapshots = new Snapshots(counters, true);
  return setInterval(() => progress.update(snapshots.take(clock.now()), counters.endNs), LIVE_MS);
}
