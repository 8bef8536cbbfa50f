// `clickstorm max` on one screen: server → target → hold after hold → the highest rate that is sustained. Rows go into the
// table that was named, and stay there; with --scratch into a copy that is dropped.

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
import { type Copy, withCopy } from "./copy.js";
import type { MaxOptions } from "./options.js";
import { BETWEEN_NS, type Length, LONGEST_LENGTHS, lengthOf, type Pace, remainingNs } from "./pace.js";
import { PartsWatch } from "./parts.js";
import { toJson } from "./report.js";
import { findingOfSteps, type MaxResult, type Step, type Subject } from "./result.js";
import { type Trial, trials, type Verdict } from "./search.js";
import { type Hold, hold } from "./step.js";
import { againText, endText, headText, keepsRows, stepText, unwatchedText } from "./text.js";

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
  /** Aborted when the embedded server dies; undefined: there is none. */
  readonly died: AbortSignal | undefined;
  /** When the budget began to count. */
  readonly startedMs: number;
  /** What was said last of the time it takes. */
  readonly said: { remaining: string };
}

/** A hold that failed leaves a backlog: merges get so many times its own time to catch up … */
const RECOVERY_STEPS = 3;
/** … and at least so long. */
const RECOVERY_MS = 30_000;
/** Limits per second, such as a quota, begin anew. */
const PAUSE_MS = 1000;

/** Returns the exit code. Throws an OptionsError, a TargetError, a ServerError or an EmbeddedError before the first hold. */
export async function max(options: MaxOptions, surroundings: MaxSurroundings): Promise<number> {
  const { out, err, interrupt } = surroundings;
  checkPlaces({ ...options.run, reportFile: options.reportFile, ledgerFile: undefined });
  const progress = new Progress(err, options.run.durationNs);
  const startedMs = performance.now();
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
    const asked: Asked = {
      ...surroundings,
      interrupt: ending,
      died: embedded?.died,
      options,
      endpoints,
      progress,
      startedMs,
      said: { remaining: "" },
    };
    const found = await (options.scratch ? searchedInCopy(asked) : searchedIn(asked, undefined));
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

type Asked = Omit<Search, "target" | "watch">;

/** @param copy into which rows go; undefined: into the table itself */
async function searchedIn(asked: Asked, copy: Copy | undefined): Promise<MaxResult> {
  const { search, subject } = await prepared(asked, copy);
  return searched(search, subject);
}

/** What is written to is a copy. */
async function searchedInCopy(asked: Asked): Promise<MaxResult> {
  const { options, progress } = asked;
  const [endpoint] = asked.endpoints;
  if (endpoint === undefined) throw new TargetError("there is no endpoint");
  if (asked.endpoints.length > 1) progress.say(`--scratch uses the first URL alone: ${shown(endpoint)}`);
  const { value, left } = await withCopy(endpoint, options.run, asked, (copy) =>
    searchedIn({ ...asked, endpoints: [endpoint], options: { ...options, run: copy.run } }, copy),
  );
  return left === undefined ? value : { ...value, problems: [...value.problems, left] };
}

/** The table made ready, and what is known of it. */
async function prepared(
  asked: Asked,
  copy: Copy | undefined,
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
      table: copy?.table ?? fullName(target),
      url: endpoints.length === 1 ? shown(first) : `${shown(first)} and ${endpoints.length - 1} more`,
      versions: { clickstorm: VERSION, clickhouse: target.version },
      unwatched,
      scratch: copy?.scratch.database,
      startedAt: new Date(),
    },
  };
}

/** All holds, one after the other; each is told when it is over. */
async function searched(search: Search, subject: Subject): Promise<MaxResult> {
  const { out, options, progress, interrupt } = search;
  const steps: Step[] = [];
  const problems: string[] = [];
  let budgetEnded = false;
  // Answers to what was sent are waited for, however long they take.
  let longestBetweenNs = BETWEEN_NS;
  const tell = (text: string): void => {
    progress.stop();
    out.write(text);
  };
  // The highest rate has the largest batches: what does not fit into memory is told before the first hold.
  const highest = { rowsPerSecond: options.bounds.to, search: 0, isNear: true };
  const { spec } = planOf(search, highest, 0, {
    warmUpNs: Number(options.run.warmUpNs),
    heldNs: LONGEST_LENGTHS * Number(options.stepNs),
  });
  const pace = paceOf(options, rowsPerBatch(spec));
  announce(search, subject, pace);
  tell(headText(subject, rowsPerBatch(spec)));
  const planned = trials(options.bounds);
  for (let next = planned.next(); !next.done; ) {
    const trial = next.value;
    const { warmUpNs, heldNs } = lengthOf(pace, trial);
    const roomNs = leftNs(search) - warmUpNs - longestBetweenNs;
    if (heldNs > roomNs) {
      budgetEnded = true;
      break;
    }
    const longestNs = Math.min(LONGEST_LENGTHS, Math.floor(roomNs / heldNs)) * heldNs;
    const plan = planOf(search, trial, steps.length + 1, { warmUpNs, heldNs: longestNs });
    if (trial.search === 1 && steps.at(-1)?.outcome.search === 0) tell(againText());
    const { rowsPerSecond } = trial;
    const demands = { rowsPerSecond, precision: options.bounds.precision, p99Ms: options.p99Ms, lengthNs: heldNs };
    const beganMs = performance.now();
    const held = await hold(plan, demands, search.watch, search.err, interrupt);
    if (held === undefined) break;
    const betweenNs = (performance.now() - beganMs) * 1e6 - warmUpNs - held.heldNs;
    longestBetweenNs = Math.max(longestBetweenNs, betweenNs);
    const verdict = verdictOf(held);
    const step = { ...held, outcome: { ...trial, ...verdict }, workers: plan.workers.length };
    steps.push(step);
    tell(stepText(step));
    if (held.fatal !== undefined) problems.push(`stopped, as inserts will not work: ${held.fatal}`);
    if (!verdict.passed && held.fatal === undefined) problems.push(...(await recover(search)));
    if (problems.length > 0 || interrupt.aborted) break;
    sayRemaining(search, steps, pace);
    next = planned.next(verdict);
  }
  return { ...subject, steps, problems, interrupted: interrupt.aborted, budgetEnded };
}

/** What the search makes of a hold. What a server took is known where nothing but its pace made the hold fail. */
function verdictOf({ reasons, generator, stand }: Hold): Verdict {
  const generatorLimited = generator.length > 0;
  return {
    passed: reasons.length === 0,
    generatorLimited,
    takes: reasons.length === 1 && !generatorLimited ? stand?.takes : undefined,
    resolution: stand?.resolution,
  };
}

const paceOf = ({ run, stepNs }: MaxOptions, batchRows: number): Pace => ({
  stepNs: Number(stepNs),
  warmUpNs: Number(run.warmUpNs),
  batchRows,
  flushNs: Number(run.flushNs),
});

/** Of the budget; Infinity without one. */
const leftNs = ({ options, startedMs }: Search): number =>
  options.budgetNs === undefined
    ? Number.POSITIVE_INFINITY
    : Number(options.budgetNs) - (performance.now() - startedMs) * 1e6;

function announce(search: Search, subject: Subject, pace: Pace): void {
  const { options, progress } = search;
  const where = keepsRows(subject) ? `rows are written into ${subject.table} and stay there; ` : "";
  const time = remainingText(Math.min(remainingNs(options.bounds, [], pace), leftNs(search)));
  search.said.remaining = time;
  progress.say(`${where}${time}, told anew as holds pass; Ctrl-C ends it with what was found`);
  if (subject.unwatched !== undefined) progress.say(`note: ${unwatchedText(subject.unwatched)}`);
}

/** In half minutes, when there are only a few of them left. */
function remainingText(ns: number): string {
  const halves = Math.max(1, Math.round(ns / 30e9));
  return halves < 4 ? `about ${30 * halves} seconds` : `about ${count(Math.round(halves / 2), "minute")}`;
}

/** Where it is not what was said last. */
function sayRemaining(search: Search, steps: readonly Step[], pace: Pace): void {
  const outcomes = steps.map(({ outcome }) => outcome);
  const ns = Math.min(remainingNs(search.options.bounds, outcomes, pace), leftNs(search));
  const text = remainingText(ns);
  if (ns > 0 && text !== search.said.remaining) search.progress.say(`${text} left`);
  search.said.remaining = text;
}

/** A thousandth of a row per second is fine enough. */
const DENOMINATOR = 1000n;

/** @param length heldNs: how long the rate may be held at most */
function planOf(
  { options, target, endpoints }: Search,
  { rowsPerSecond }: Trial,
  number: number,
  length: Length,
): Plan {
  const rate = { numerator: BigInt(Math.round(rowsPerSecond * Number(DENOMINATOR))), denominator: DENOMINATOR };
  const warmUpNs = BigInt(Math.round(length.warmUpNs));
  const durationNs = warmUpNs + BigInt(Math.round(length.heldNs));
  const run: Options = { ...options.run, rate, rateText: String(rowsPerSecond), warmUpNs, durationNs };
  return named(makePlan(run, target, endpoints, VERSION), `${run.runId}-s${number}`);
}

/** After a hold that failed. Why the search cannot go on, if so. */
async function recover(search: Search): Promise<readonly string[]> {
  const { watch, options, interrupt, progress, target } = search;
  await sleep(PAUSE_MS, undefined, interrupt.aborted ? {} : { signal: interrupt }).catch(() => undefined);
  if (watch === undefined || interrupt.aborted || leftNs(search) < Number(options.stepNs)) return [];
  const longestMs = Math.max(RECOVERY_MS, RECOVERY_STEPS * (Number(options.stepNs) / 1e6));
  const limitMs = Math.min(longestMs, leftNs(search) / 1e6);
  try {
    if (!(await watch.recovered(limitMs, interrupt))) {
      progress.say(
        `note: merges of ${fullName(target)} have not caught up within ${Math.round(limitMs / 1000)} s: the next hold begins with that backlog`,
      );
    }
    return [];
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    // It may be busy, or have a quota; what is gone does not answer with a number.
    return typeof error.code === "number" ? [] : [error.message];
  }
}
