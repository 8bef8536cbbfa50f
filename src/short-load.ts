// A short load of a command that runs many of them, one after the other: a rung of the ladder, a hold of max. Sends through
// the same threads as every run, ends at the first insert that fails, shows the live line. Asks the server nothing.

import type { WriteStream } from "node:tty";
import { type Books, closeBooks } from "./books.js";
import type { Plan } from "./plan.js";
import { type Load, type Notice, startLoad } from "./pool.js";
import { Progress } from "./progress.js";
import { Snapshots } from "./snapshot.js";
import { rowsDueBy } from "./watch.js";

/** A load that came to its end, whether it went well or not. */
export interface Played {
  readonly books: Books;
  /** What the workers said, in its order. */
  readonly notices: readonly Notice[];
  /** A worker's, if one failed. */
  readonly failure: Error | undefined;
}

const LIVE_MS = 1000;

/** The plan whose query ids and deduplication tokens begin so: no two short loads have any in common. */
export function named(plan: Plan, name: string): Plan {
  return { ...plan, workers: plan.workers.map((worker) => ({ ...worker, runId: name })) };
}

/**
 * Undefined when it was interrupted. Rejects when a worker cannot get ready. `during` is called at the start and waited for:
 * it has to look at load.finished; what it throws ends the load. `lastsNs`: how long it is shown to last, where its plan may go on for longer.
 */
export async function play(
  plan: Plan,
  err: WriteStream,
  interrupt: AbortSignal,
  during: (load: Load) => Promise<void>,
  lastsNs = Number(plan.counters.endNs),
): Promise<Played | undefined> {
  const notices: Notice[] = [];
  let load: Load | undefined;
  const onNotice = (notice: Notice): void => {
    notices.push(notice);
    if (isFailure(notice)) load?.end(0n);
  };
  const started = await startLoad(plan, onNotice);
  load = started;
  const end = (): void => started.end(0n);
  if (interrupt.aborted || notices.some(isFailure)) end();
  interrupt.addEventListener("abort", end, { once: true });
  const live = showLive(plan, started, err, lastsNs);
  let failure: Error | undefined;
  try {
    await during(started);
  } catch (error) {
    end();
    throw error;
  } finally {
    failure = await started.finished;
    clearInterval(live);
    interrupt.removeEventListener("abort", end);
    new Progress(err, 0n).stop();
  }
  return interrupt.aborted
    ? undefined
    : { books: closeBooks(plan, started.clock, started.startEpochNs), notices, failure };
}

const isFailure = ({ kind }: Notice): boolean => kind === "error" || kind === "refused";

function showLive(plan: Plan, { clock }: Load, err: WriteStream, lastsNs: number): NodeJS.Timeout {
  const { schedule, counters } = plan;
  const isClosedLoop = schedule === undefined;
  const progress = new Progress(err, BigInt(Math.round(lastsNs)));
  const snapshots = new Snapshots(counters, isClosedLoop, isClosedLoop ? {} : { rowsDueBefore: rowsDueBy(plan) });
  return setInterval(() => {
    const nowNs = clock.now();
    const isLonger = nowNs >= lastsNs;
    if (isLonger) progress.lasts(counters.endNs);
    const endNs = Number(counters.endNs);
    progress.update(snapshots.take(nowNs), BigInt(isLonger ? endNs : Math.min(Math.round(lastsNs), endNs)));
  }, LIVE_MS);
}
