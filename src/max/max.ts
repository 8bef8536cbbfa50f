// `clickstorm max` on one screen: server → target → hold after hold → the highest rate that is sustained. Rows go into the
// table that was named, and stay there.

import { setTimeout as sleep } from "node:timers/promises";
import type { WriteStream } from "node:tty";
import { addressed } from "../addresses.js";
import { fullName, InterruptedError, TargetError } from "../asked.js";
import { type EmbeddedServer, startEmbedded } from "../embedded/server.js";
import { type Endpoint, endpointOf, shown } from "../endpoint.js";
import { EXIT } from "../exit.js";
import type { Options } from "../options.js";
import { makePlan, type Plan } from "../plan.js";
import { Progress } from "../progress.js";
import { whyUnwritten } from "../report/place.js";
import { checkPlaces } from "../run.js";
import { rowsPerBatch } from "../schedule.js";
import { ServerError } from "../server.js";
import { named } from "../short-load.js";
import { blindTarget, prepareTarget, type Target } from "../target.js";
import { count } from "../text.js";
import { INSECURE } from "../tls-options.js";
import { VERSION } from "../version.js";
import type { MaxOptions } from "./options.js";
import { PartsWatch } from "./parts.js";
import {
  againText,
  endText,
  findingOfSteps,
  headText,
  keepsRows,
  type MaxResult,
  type Step,
  type Subject,
  stepText,
  toJson,
  unwatchedText,
} from "./report.js";
import { expectedHolds, type Trial, trials } from "./search.js";
import { hold } from "./step.js";

export interface MaxSurroundings {
  /** The holds, as they are done, and the result. */
  readonly out: NodeJS.WritableStream;
  /** Progress and warnings. */
  readonly err: WriteStream;
  /** Aborted by the first SIGHUP, SIGINT or SIGTERM, with the exit code as its reason: end the hold and tell what was found. */
  readonly interrupt: AbortSignal;
}

/** What the holds share. */
interface Search extends MaxSurroundings {
  readonly options: MaxOptions;
  readonly endpoints: readonly Endpoint[];
  readonly target: Target;
  /** Undefined: parts are not watched. */
  readonly watch: PartsWatch | undefined;
  readonly progress: Progress;
}

/** A hold that failed leaves a backlog: merges get so many times its own time to catch up … */
const RECOVERY_STEPS = 3;
/** … and at least so long. */
const RECOVERY_MS = 30_000;
/** Limits per second, such as a quota, begin anew. */
const PAUSE_MS = 1000;
/** Starting the threads, answers waited for at the end, merges that catch up. */
const OVERHEAD_S = 2;

/** Returns the exit code. Throws an OptionsError, a TargetError, a ServerError or an EmbeddedError before the first hold. */
export async function max(options: MaxOptions, surroundings: MaxSurroundings): Promise<number> {
  const { out, err, interrupt } = surroundings;
  checkPlaces({ ...options.run, reportFile: options.reportFile, ledgerFile: undefined });
  const progress = new Progress(err, options.run.durationNs);
  let embedded: EmbeddedServer | undefined;
  if (options.run.tls.insecure) progress.say(`warning: ${INSECURE}`);
  try {
    if (options.run.embedded) {
      embedded = await startEmbedded({ login: options.run.credentials });
      progress.say(`embedded ClickHouse at ${embedded.url}`);
      for (const note of embedded.notes) progress.say(`note: ${note}`);
    }
    const endpoints =
      embedded === undefined
        ? await addressed(options.run, (note) => progress.say(note))
        : [endpointOf(new URL(embedded.url), options.run.credentials)];
    const ending = AbortSignal.any([interrupt, ...(embedded === undefined ? [] : [embedded.died])]);
    const search = await prepared({ ...surroundings, interrupt: ending, options, endpoints, progress });
    const found = await searched(search.search, search.subject);
    const died = embedded?.died.aborted ? [`stopped: ${embedded.died.reason.message}`] : [];
    const result = { ...found, interrupted: interrupt.aborted, problems: [...found.problems, ...died] };
    progress.stop();
    const unwritten = await whyUnwritten("--report", options.reportFile, () => toJson(result));
    if (unwritten !== undefined) progress.say(`error: ${unwritten}`);
    out.write(endText(result));
    if (interrupt.aborted) return Number(interrupt.reason);
    const isFound = findingOfSteps(result).sustained !== undefined && result.problems.length === 0;
    return isFound && unwritten === undefined ? EXIT.done : EXIT.incomplete;
  } catch (error) {
    if (!interrupt.aborted) await embedded?.throwIfDied();
    throw error;
  } finally {
    progress.stop();
    await embedded?.stop();
  }
}

/** The table made ready, and what is known of it. */
async function prepared(
  asked: Omit<Search, "target" | "watch">,
): Promise<{ readonly search: Search; readonly subject: Subject }> {
  const { options, endpoints, interrupt, progress } = asked;
  const { run } = options;
  const patience = { signal: interrupt, onSlow: (sentence: string) => progress.say(sentence) };
  const target = run.blind ? blindTarget(run) : await prepareTarget(endpoints, run, patience);
  const watch = await PartsWatch.open(target);
  if (interrupt.aborted) throw new InterruptedError("interrupted before the first hold");
  const [first] = endpoints;
  if (first === undefined) throw new TargetError("there is no endpoint");
  const unwatched = typeof watch === "string" ? watch : undefined;
  return {
    search: { ...asked, target, watch: typeof watch === "string" ? undefined : watch },
    subject: {
      options,
      table: fullName(target),
      url: endpoints.length === 1 ? shown(first) : `${shown(first)} and ${endpoints.length - 1} more`,
      versions: { clickstorm: VERSION, clickhouse: target.version },
      unwatched,
      startedAt: new Date(),
    },
  };
}

/** All holds, one after the other; each is told when it is over. */
async function searched(search: Search, subject: Subject): Promise<MaxResult> {
  const { out, options, progress, interrupt } = search;
  const steps: Step[] = [];
  const problems: string[] = [];
  const tell = (text: string): void => {
    progress.stop();
    out.write(text);
  };
  // The highest rate has the largest batches: what does not fit into memory is told before the first hold.
  const { spec } = planOf(search, { rowsPerSecond: options.bounds.to, search: 0, isNear: false }, 0);
  announce(search, subject);
  tell(headText(subject, rowsPerBatch(spec)));
  const planned = trials(options.bounds);
  for (let next = planned.next(); !next.done; ) {
    const trial = next.value;
    const plan = planOf(search, trial, steps.length + 1);
    if (trial.search === 1 && steps.at(-1)?.outcome.search === 0) tell(againText());
    const held = await hold(
      plan,
      { p99Ms: options.p99Ms, inFlight: options.run.inFlight },
      search.watch,
      search.err,
      interrupt,
    );
    if (held === undefined) break;
    const verdict = { passed: held.reasons.length === 0, generatorLimited: held.generator.length > 0 };
    const step = { ...held, outcome: { ...trial, ...verdict }, workers: plan.workers.length };
    steps.push(step);
    tell(stepText(step));
    if (held.fatal !== undefined) problems.push(`stopped, as inserts will not work: ${held.fatal}`);
    if (!verdict.passed && held.fatal === undefined) problems.push(...(await recover(search)));
    if (problems.length > 0 || interrupt.aborted) break;
    next = planned.next(verdict);
  }
  return { ...subject, steps, problems, interrupted: interrupt.aborted };
}

function announce({ options, progress }: Search, { table, unwatched }: Subject): void {
  const { run, bounds, stepNs } = options;
  const seconds = expectedHolds(bounds) * (Number(run.warmUpNs + stepNs) / 1e9 + OVERHEAD_S);
  const where = !keepsRows(run) ? "" : `rows are written into ${table} and stay there; `;
  progress.say(`${where}up to about ${count(Math.ceil(seconds / 60), "minute")}, Ctrl-C ends it with what was found`);
  if (unwatched !== undefined) progress.say(`note: ${unwatchedText(unwatched)}`);
}

/** A thousandth of a row per second is fine enough. */
const DENOMINATOR = 1000n;

function planOf({ options, target, endpoints }: Search, { rowsPerSecond }: Trial, number: number): Plan {
  const rate = { numerator: BigInt(Math.round(rowsPerSecond * Number(DENOMINATOR))), denominator: DENOMINATOR };
  const run: Options = { ...options.run, rate, rateText: String(rowsPerSecond) };
  return named(makePlan(run, target, endpoints, VERSION), `${run.runId}-s${number}`);
}

/** After a hold that failed. Why the search cannot go on, if so. */
async function recover({ watch, options, interrupt, progress, target }: Search): Promise<readonly string[]> {
  await sleep(PAUSE_MS, undefined, interrupt.aborted ? {} : { signal: interrupt }).catch(() => undefined);
  if (watch === undefined || interrupt.aborted) return [];
  const limitMs = Math.max(RECOVERY_MS, RECOVERY_STEPS * (Number(options.stepNs) / 1e6));
  try {
    if (!(await watch.recovered(limitMs, interrupt))) {
      progress.say(
        `note: merges of ${fullName(target)} have not caught up within ${limitMs / 1000} s: the next hold begins with that backlog`,
      );
    }
    return [];
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    // It may be busy, or have a quota; what is gone does not answer with a number.
    return typeof error.code === "number" ? [] : [error.message];
  }
}
