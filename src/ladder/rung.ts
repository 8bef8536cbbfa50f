// One rung: a load of warm-up and window, measured within the window. Called by ladder.ts. Sends through the same threads
// as every run; asks the server nothing.

import type { WriteStream } from "node:tty";
import type { Books } from "../books.js";
import type { Plan } from "../plan.js";
import type { Load } from "../pool.js";
import { play } from "../short-load.js";
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

/** The plan with inserts that are acknowledged where they are made. */
export function sendingNothing(plan: Plan): Plan {
  const workers = plan.workers.map((worker) => ({
    ...worker,
    insert: { ...worker.insert, sends: "nothing" as const },
  }));
  return { ...plan, workers };
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
  const read = async (load: Load, atNs: bigint): Promise<Reading> => {
    await Promise.race([load.clock.until(Number(atNs)), load.finished]);
    const nowNs = load.clock.now();
    const { acknowledged, lastAnswerNs } = plan.counters.totals(nowNs);
    // From answer to answer: a batch more or less would be some percent. Without sending there are no answers.
    return { rows: acknowledged, atNs: lastAnswerNs > 0 ? lastAnswerNs : nowNs };
  };
  const readings: Reading[] = [];
  const played = await play(plan, err, interrupt, async (load) => {
    readings.push(await read(load, warmUpNs));
    readings.push(await read(load, warmUpNs + windowNs));
    load.clock.wake();
  });
  const [before, after] = readings;
  if (played === undefined || before === undefined || after === undefined) return undefined;

  const { books, notices, failure } = played;
  const { totals } = books;
  const problems = notices.flatMap((notice) =>
    notice.kind === "error" || notice.kind === "refused" ? [notice.sentence] : [],
  );
  if (failure !== undefined) problems.push(`a worker thread crashed: ${failure.message}`);
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
    problems: [...new Set(problems)],
  };
}
