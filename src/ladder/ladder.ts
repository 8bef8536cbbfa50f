// `clickstorm ladder`: the same rows rendered, sent to a discarding endpoint, into ENGINE = Null and into a copy of the
// table, format by format. What it makes on the server is in a scratch database, which it drops whatever happens.

import type { WriteStream } from "node:tty";
import { fullName, InterruptedError, TargetError } from "../asked.js";
import { type EmbeddedServer, startEmbedded } from "../embedded/server.js";
import { type Endpoint, endpointOf, shown } from "../endpoint.js";
import { EXIT } from "../exit.js";
import { Facts } from "../facts.js";
import type { Options } from "../options.js";
import { makePlan, type Plan } from "../plan.js";
import { Progress } from "../progress.js";
import { whyUnwritten } from "../report/place.js";
import { FORMATS, type Format } from "../rows/program.js";
import { checkPlaces } from "../run.js";
import { rowsPerBatch } from "../schedule.js";
import { ServerError } from "../server.js";
import { named } from "../short-load.js";
import { askServer, askTable, formatProblems, prepareTarget, type Target } from "../target.js";
import { INSECURE } from "../tls-options.js";
import { VERSION } from "../version.js";
import { type Count, countDiscarded, countInserted, countLanded, insertedRows, keepsRows } from "./count.js";
import { type Discarder, startDiscarder } from "./discard.js";
import type { LadderOptions } from "./options.js";
import { isComplete, isSoundSoFar, type LadderResult, type Rung, toJson, toText } from "./report.js";
import { measure, sendingNothing } from "./rung.js";
import { askSource, COPY, dropStatement, leftovers, Scratch, type Source } from "./scratch.js";
import { RUNGS, type RungKind } from "./verdict.js";

export interface LadderSurroundings {
  /** The table of figures. */
  readonly out: NodeJS.WritableStream;
  /** Progress and warnings. */
  readonly err: WriteStream;
  /** Aborted by the first SIGHUP, SIGINT or SIGTERM, with the exit code as its reason: drop the scratch database and report. */
  readonly interrupt: AbortSignal;
}

/** What the steps of a ladder share. */
interface Ladder extends LadderSurroundings {
  readonly options: LadderOptions;
  readonly endpoint: Endpoint;
  readonly progress: Progress;
  readonly embedded: EmbeddedServer | undefined;
}

/** What is known so far. */
interface Findings {
  table: string;
  version: string | undefined;
  workers: number;
  batchRows: number;
  formats: readonly Format[];
  readonly climbs: { readonly format: Format; readonly rungs: Rung[] }[];
  readonly problems: string[];
}

/** Returns the exit code. Throws an OptionsError, a TargetError, a ServerError or an EmbeddedError before the first rung. */
export async function ladder(options: LadderOptions, surroundings: LadderSurroundings): Promise<number> {
  const { out, err, interrupt } = surroundings;
  checkPlaces({ ...options.run, reportFile: options.reportFile, ledgerFile: undefined });
  const progress = new Progress(err, options.run.durationNs);
  const startedAt = new Date();
  let embedded: EmbeddedServer | undefined;
  if (options.run.tls.insecure) progress.say(`warning: ${INSECURE}`);
  try {
    if (options.run.embedded) {
      embedded = await startEmbedded({ login: options.run.credentials });
      progress.say(`embedded ClickHouse at ${embedded.url}`);
      for (const note of embedded.notes) progress.say(`note: ${note}`);
    }
    const endpoint =
      embedded === undefined ? options.run.endpoints[0] : endpointOf(new URL(embedded.url), options.run.credentials);
    if (endpoint === undefined) throw new TargetError("there is no endpoint");
    if (options.run.endpoints.length > 1) progress.say(`the ladder uses the first URL alone: ${shown(endpoint)}`);
    const findings: Findings = {
      table: options.run.table.table,
      version: undefined,
      workers: 0,
      batchRows: 0,
      formats: [],
      climbs: [],
      problems: [],
    };
    const ending = AbortSignal.any([interrupt, ...(embedded === undefined ? [] : [embedded.died])]);
    const code = await climbAll(
      { ...surroundings, interrupt: ending, options, endpoint, progress, embedded },
      findings,
    ).catch(async (error: unknown) => {
      if (!interrupt.aborted) await embedded?.throwIfDied();
      throw interrupt.aborted ? new InterruptedError("interrupted before the first rung") : error;
    });
    progress.stop();
    const result: LadderResult = {
      ...findings,
      climbs: findings.climbs.filter(({ rungs }) => rungs.length > 0),
      options,
      url: shown(endpoint),
      versions: { clickstorm: VERSION, clickhouse: findings.version },
      startedAt,
    };
    const unwritten = await whyUnwritten("--report", options.reportFile, () => toJson(result));
    if (unwritten !== undefined) progress.say(`error: ${unwritten}`);
    out.write(toText(result));
    if (code !== EXIT.done) return code;
    if (interrupt.aborted && unwritten === undefined && isSoundSoFar(result)) return Number(interrupt.reason);
    return unwritten === undefined && isComplete(result) ? EXIT.done : EXIT.incomplete;
  } finally {
    progress.stop();
    await embedded?.stop();
  }
}

/** From an empty scratch database to none. Returns the exit code; what went wrong before the first rung is thrown. */
async function climbAll(ladder: Ladder, findings: Findings): Promise<number> {
  const { endpoint, options, progress, interrupt, embedded } = ladder;
  const { run } = options;
  const died = embedded?.died;
  const patience = { signal: interrupt, onSlow: (sentence: string) => progress.say(sentence) };
  const facts = new Facts([await askServer(endpoint, patience)]);
  const source = run.tableGiven ? await askGiven(ladder) : undefined;
  if (source === undefined) progress.say("note: without --table, the ladder is of events as it would be created");
  for (const left of await leftovers(endpoint, "ladder", patience)) {
    progress.say(`warning: ${left} is left of a ladder that was killed, or of one under way: ${dropStatement(left)}`);
  }
  if (interrupt.aborted) throw new InterruptedError("interrupted before the first rung");

  // Events are created as they would be: a MergeTree.
  const engine = /^\w+/.exec(source?.clause ?? "")?.[0] ?? "MergeTree";
  const scratch = await Scratch.create(endpoint, { purpose: "ladder", runId: run.runId, engine, facts });
  const announce = (): void => {
    if (died?.aborted) return;
    progress.say(
      `ending: dropping ${scratch.database}; interrupt again to quit at once, and it is left: ${dropStatement(scratch.database)}`,
    );
  };
  if (interrupt.aborted) announce();
  interrupt.addEventListener("abort", announce, { once: true });
  let discarder: Discarder | undefined;
  let code: number = EXIT.done;
  try {
    discarder = await startDiscarder().catch((error: Error) => {
      throw new TargetError(error.message);
    });
    await climbFormats(ladder, scratch, source, discarder, findings);
  } catch (error) {
    if (!interrupt.aborted) await embedded?.throwIfDied().catch(() => undefined);
    const told = interrupt.aborted || error instanceof TargetError || error instanceof ServerError;
    if (!told || findings.climbs.every(({ rungs }) => rungs.length === 0)) throw error;
    if (!interrupt.aborted && error instanceof Error) {
      findings.problems.push(error.message);
      code = EXIT.noTarget;
    }
  } finally {
    await discarder?.close();
    const left = await scratch.dropped();
    interrupt.removeEventListener("abort", announce);
    // With an embedded server goes all it had.
    if (left !== undefined && !died?.aborted) {
      progress.say(`error: ${left}`);
      findings.problems.push(left);
    }
  }
  if (died?.aborted) {
    findings.problems.push(`stopped: ${died.reason.message}`);
    return EXIT.noTarget;
  }
  return code;
}

/** The table of --table. Throws where it is not there, no table, or not one that rows can be made for. */
async function askGiven({ endpoint, options, interrupt, progress }: Ladder): Promise<Source> {
  const patience = { signal: interrupt, onSlow: (sentence: string) => progress.say(sentence) };
  const source = await askSource(endpoint, options.run.table, "ladder", patience);
  await askTable(endpoint, options.run, patience);
  if (source === undefined) throw new TargetError(`there is no table ${options.run.table.table}`);
  for (const note of source.notes) progress.say(`note: ${note}`);
  return source;
}

async function climbFormats(
  ladder: Ladder,
  scratch: Scratch,
  given: Source | undefined,
  discarder: Discarder,
  findings: Findings,
): Promise<void> {
  const { endpoint, interrupt } = ladder;
  // One start for all: times of rows are counted from it.
  const run = { ...ladder.options.run, dataStartNs: ladder.options.run.dataStartNs ?? BigInt(Date.now()) * 1_000_000n };
  const within = (table: string, format: Format, tableGiven = true): Options => ({
    ...run,
    format,
    table: { database: scratch.database, table },
    tableGiven,
    runIdGiven: false,
  });
  const prepare = (options: Options): Promise<Target> => prepareTarget([endpoint], options, { signal: interrupt });

  if (given === undefined) await prepare(within(run.table.table, run.format, false));
  const source =
    given ?? (await askSource(endpoint, { database: scratch.database, table: run.table.table }, "ladder", {}));
  if (source === undefined) throw new TargetError(`${run.table.table} was created, and is not there`);
  findings.table = given === undefined ? run.table.table : fullName(given.place);
  let said = false;
  const copied = async (rung: keyof typeof COPY, format: Format): Promise<Target> => {
    await scratch.copy(COPY[rung], source.place, rung === "null" ? "Null" : source.clause);
    if (rung === "table") {
      const notes = await scratch.copyViews(COPY.table, source.place);
      // The same in every format.
      if (!said) for (const note of notes) ladder.progress.say(`note: ${note}`);
      said = true;
    }
    return prepare(within(COPY[rung], format));
  };

  const probe = await copied("null", run.format);
  findings.version = probe.version;
  const formats = formatsOf(ladder, probe);
  // Long rows may leave room for fewer of them, in one format more than in another: all have the same batches.
  const plans = formats.map((format) => makePlan(within(COPY.null, format), probe, [endpoint], VERSION));
  const batchRows = Math.min(...plans.map(({ spec }) => rowsPerBatch(spec)));
  findings.batchRows = batchRows;
  findings.formats = formats;
  findings.workers = plans[0]?.workers.length ?? 0;

  for (const format of formats) {
    await scratch.clear();
    if (interrupt.aborted) return;
    const climb = { format, rungs: [] as Rung[] };
    findings.climbs.push(climb);
    const planOf = (target: Target, to: Endpoint): Plan =>
      makePlan({ ...within(COPY.null, format), batchRows }, target, [to], VERSION);
    for (const kind of RUNGS) {
      if (interrupt.aborted) return;
      const rung = await climbRung(ladder, kind, format, { copied, planOf, discarder, scratch });
      if (rung === undefined) return;
      climb.rungs.push(rung);
      if (rung.problems.length > 0) return;
    }
  }
}

/** The formats asked for, or all that can carry the table. Throws a TargetError where one asked for cannot. */
function formatsOf({ options: { formats }, progress }: Ladder, target: Target): readonly Format[] {
  const problems: string[] = [];
  const carried = (formats ?? FORMATS).filter((format) => {
    const found = formatProblems(target.columns, format, target.facts);
    problems.push(...found);
    return found.length === 0;
  });
  if (problems.length > 0 && (formats !== undefined || carried.length === 0))
    throw new TargetError(`${fullName(target)}: ${problems.join("; ")}`);
  for (const problem of problems) progress.say(`note: ${problem}`);
  return carried;
}

interface Means {
  /** A new copy of the table, made ready. */
  readonly copied: (rung: keyof typeof COPY, format: Format) => Promise<Target>;
  readonly planOf: (target: Target, to: Endpoint) => Plan;
  readonly discarder: Discarder;
  readonly scratch: Scratch;
}

/** Undefined when it was interrupted. */
async function climbRung(
  { options, endpoint, err, interrupt, progress }: Ladder,
  kind: RungKind,
  format: Format,
  { copied, planOf, discarder, scratch }: Means,
): Promise<Rung | undefined> {
  progress.say(`${format}: ${RUNGS.indexOf(kind) + 1} of ${RUNGS.length}, ${DOES[kind]}`);
  // The first rungs take columns and statement from there.
  const target = await copied(kind === "table" ? "table" : "null", format);
  const plan = named(
    planOf(target, kind === "discarding" ? discarder.endpoint : endpoint),
    `${options.run.runId}-${format}-${kind}`,
  );
  const before = await insertedRows(endpoint);
  const bodies = discarder.counted();
  const measured = await measure(kind === "rendering" ? sendingNothing(plan) : plan, options, err, interrupt);
  if (measured === undefined) return undefined;
  const { books, problems } = measured;
  const count = async (): Promise<Count> => {
    if (problems.length > 0) return { kind: "none", why: "it went wrong" };
    switch (kind) {
      case "rendering":
        return { kind: "none", why: "nothing is sent" };
      case "discarding": {
        const now = discarder.counted();
        return countDiscarded({ bodies: now.bodies - bodies.bodies, bytes: now.bytes - bodies.bytes }, books);
      }
      case "table":
        if (keepsRows(target)) return countLanded(target, options.run.runId, books);
        if (scratch.views > 0) return { kind: "none", why: "its materialized views insert rows as well" };
        return countInserted(endpoint, before, options.run.asyncInsert || target.queues, books);
      case "null":
        return countInserted(endpoint, before, options.run.asyncInsert, books);
    }
  };
  return { ...measured, kind, count: await count() };
}

const DOES: Readonly<Record<RungKind, string>> = {
  rendering: "rendering, sending nothing",
  discarding: "to a discarding endpoint",
  null: "into a copy with ENGINE = Null",
  table: "into a copy of the table",
};
