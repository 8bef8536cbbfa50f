// `clickstorm run` on one screen: metrics → server → target → plan → load → ledger → report. Main thread.

import { setTimeout as sleep } from "node:timers/promises";
import type { WriteStream } from "node:tty";
import { addressed } from "./addresses.js";
import type { Code } from "./answer.js";
import { closeBooks, rowTimesOf } from "./books.js";
import { ceilingOf } from "./ceiling.js";
import { whyTooFewThreads } from "./compress.js";
import { CpuWindow, processCpuS } from "./cpu-window.js";
import { retryAdvice } from "./deduplication.js";
import { type EmbeddedServer, startEmbedded } from "./embedded/server.js";
import { endpointOf } from "./endpoint.js";
import { Exemplars, type TracedTimes } from "./exemplars.js";
import { EXIT } from "./exit.js";
import { LedgerFile } from "./ledger/file.js";
import { WAITING, type Waiting } from "./ledger/patience.js";
import { type Before, countBefore } from "./ledger/times.js";
import { countRows, readLedger, UncountedError, writeUnasked } from "./ledger.js";
import { unlisted } from "./ledger-options.js";
import { limitsOf } from "./limits.js";
import { createRegistry, type MetricsSource } from "./metrics.js";
import { MetricsPortError, type MetricsServer, serveMetrics } from "./metrics-server.js";
import { once, sentenceOf } from "./notices.js";
import { type Options, OptionsError } from "./options.js";
import { readOtlp, tracesWarnings } from "./otlp-options.js";
import { insertsPerSecond, makePlan, type Plan } from "./plan.js";
import { LateStartError, type Load, type Notice, startLoad } from "./pool.js";
import { Progress } from "./progress.js";
import { checkUnchanged, lookedAt, readThrough, strangeKeys, untilFileEnds } from "./replay/before.js";
import { judge } from "./report/judge.js";
import { endsWithFile, makeReport, type Result, toJson } from "./report/make.js";
import { areOne, whyUnwritable, whyUnwritten } from "./report/place.js";
import { isIncomplete, toText } from "./report/text.js";
import { ServerError } from "./server.js";
import { blindTarget, prepareTarget, type Target, whyUnlisted, whyUnverifiable } from "./target.js";
import { timespan, whole } from "./text.js";
import { unjudgeable, unverifiable } from "./threshold-options.js";
import { INSECURE } from "./tls-options.js";
import { VERSION } from "./version.js";
import { watch } from "./watch.js";

/** Notices that end a run. */
const ENDINGS: ReadonlySet<Notice["kind"]> = new Set(["refused", "failing", "no-rows"]);

/** Where a run writes, and what stops it. */
export interface Surroundings {
  /** The summary. */
  readonly out: NodeJS.WritableStream;
  /** Progress and warnings. */
  readonly err: WriteStream;
  /** Aborted by the first SIGHUP, SIGINT or SIGTERM, with the exit code as its reason: drain and report. */
  readonly interrupt: AbortSignal;
}

/** Returns the exit code. Throws an OptionsError, a TargetError or an EmbeddedError before the first row. */
export async function run(asked: Options, { out, err, interrupt }: Surroundings): Promise<number> {
  let options = asked;
  const progress = new Progress(err, options.durationNs, options.warmUpNs);
  const warn = (text: string): void => progress.say(`warning: ${text}`);
  const problems: string[] = [];
  let load: Load | undefined;
  let source: MetricsSource | undefined;
  let metrics: MetricsServer | undefined;
  let embedded: EmbeddedServer | undefined;
  const deaths = (): readonly AbortSignal[] => (embedded === undefined ? [] : [embedded.died]);
  // Then rows are missing for another reason than a slow generator.
  let isBrokenOff = false;
  checkPlaces(options);
  checkStart(options);
  const file = options.replay && lookedAt(options.replay);
  if (options.tls.insecure) warn(INSECURE);
  try {
    metrics = await openMetrics(options, () => source, warn);
    if (metrics !== undefined) progress.say(`metrics at ${metrics.url}`);
    if (options.embedded) {
      embedded = await startEmbedded({ login: options.credentials });
      progress.say(`embedded ClickHouse at ${embedded.url}`);
      for (const note of embedded.notes) progress.say(`note: ${note}`);
      // Then nothing more can be acknowledged, and nothing read.
      embedded.died.addEventListener("abort", () => {
        problems.push(`stopped: ${embedded?.died.reason.message}`);
        isBrokenOff = true;
        load?.end(0n);
      });
    }
    const endpoints =
      embedded === undefined
        ? await addressed(options, (note) => progress.say(note))
        : [endpointOf(new URL(embedded.url), options.credentials)];
    const target = options.blind
      ? blindTarget(options)
      : await prepareTarget(endpoints, options, {
          signal: AbortSignal.any([interrupt, ...deaths()]),
          onSlow: (sentence) => progress.say(sentence),
        });
    const replay = file && (await readThrough(file, options, progress, interrupt));
    if (interrupt.aborted) return Number(interrupt.reason);
    const whyNoLedger = whyUnverifiable(target, options.shard !== undefined);
    const unchecked = [
      ...unverifiable(options.thresholds, whyNoLedger),
      ...unlisted(options.ledgerFile, whyNoLedger ?? whyUnlisted(target)),
    ];
    if (unchecked.length > 0) throw new OptionsError(unchecked);
    if (replay !== undefined) {
      options = untilFileEnds(options, replay);
      const strange = strangeKeys(replay, target);
      if (strange !== undefined && !options.blind) warn(strange);
    }
    const traces = options.traces && readOtlp(options.traces.otlpEndpoint);
    for (const sentence of tracesWarnings(traces)) warn(sentence);
    const otlp = traces?.kind === "sent" ? traces.otlp : undefined;
    const plan = makePlan(options, target, endpoints, VERSION, replay, otlp);
    if (target.queues && !options.asyncInsert) {
      progress.say(
        "note: the table has async_insert = 1: its inserts go through the server's queue, with or without --async-insert",
      );
    }
    if (target.deduplication !== undefined) {
      const { says, isWarning } = retryAdvice(target.deduplication, options, insertsPerSecond(plan.spec));
      isWarning ? warn(says) : progress.say(says);
    }
    if (options.blind && options.retries > 0 && !options.retryAmbiguous) {
      warn(
        "retries: --blind asks nothing, so inserts that may have landed are not sent again; --retry-ambiguous sends them",
      );
    }
    const tooFew = whyTooFewThreads(options.compress, plan.workers.length);
    if (tooFew !== undefined) warn(tooFew);
    if (plan.schedule !== undefined) {
      for (const sentence of unjudgeable(options.thresholds, plan.schedule.measuredBatches)) warn(sentence);
    }
    const ceiling = ceilingOf(options.format, target);
    if (ceiling !== undefined) progress.measures(ceiling.name);
    progress.lasts(endsWithFile(options) ? undefined : plan.counters.endNs);
    const verify = options.verify && whyNoLedger === undefined;
    const onWait = (sentence: string): void => progress.say(sentence);
    const { rows: rowsBefore, before } =
      verify && !target.ledgerColumns
        ? await counted(plan, target, options, { ...WAITING, signal: interrupt, onWait })
        : { rows: 0, before: undefined };
    if (interrupt.aborted) return Number(interrupt.reason);

    const cpuBeforeS = processCpuS();
    const sentences = new Map<Code, string>();
    const onNotice = (notice: Notice): void => {
      isBrokenOff ||= ENDINGS.has(notice.kind);
      if (notice.kind === "error") {
        sentences.set(notice.code, notice.sentence);
      } else if (notice.kind === "refused") {
        problems.push(`stopped, as inserts will not work: ${notice.sentence}`);
        load?.end(0n);
      } else if (notice.kind === "failing") {
        problems.push(
          `stopped, as ${whole(options.maxFailures ?? 0)} inserts in a row were not acknowledged: ${notice.sentence}`,
        );
        load?.end(0n);
      } else if (notice.kind === "no-rows") {
        problems.push(`stopped: ${notice.sentence}`);
        load?.end(options.drainNs);
      } else if (notice.kind === "traces-arrive") {
        progress.say(sentenceOf(notice, options, endpoints));
      } else {
        warn(sentenceOf(notice, options, endpoints));
      }
    };
    const exemplars = new Exemplars();
    const onTraced = (times: TracedTimes): void => exemplars.put(times);
    load = await startLoad(plan, once(onNotice), options.startAtNs, onTraced).catch((error: unknown) => {
      if (error instanceof LateStartError) throw tooLate(error.lateNs);
      if (file !== undefined) checkUnchanged(file);
      throw error;
    });
    if (options.startAtNs !== undefined) progress.say(`ready: starts at ${load.startedAt.toISOString()}`);
    if (embedded?.died.aborted) load.end(0n);
    source = metricsSource(plan, load, exemplars);
    const cpu = watchCpu(plan, load, cpuBeforeS);
    const series = await watch(load, plan, options, { progress, interrupt, problems });
    const failure = await load.finished;
    if (failure !== undefined) {
      problems.push(`a worker thread crashed: ${failure.message}`);
      sentences.set("worker_crash", failure.message);
      isBrokenOff = true;
    }
    const generatorCpu = cpu.over();
    const interrupted = interrupt.aborted;

    const books = closeBooks(plan, load.clock, load.startEpochNs);
    source = {
      ...source,
      counters: {
        totals: () => books.totals,
        histogram: (name) => plan.counters.histogram(name),
        spans: () => books.spans,
      },
      unsent: () => books.scheduled - books.totals.generated - books.totals.dropped,
    };
    let seen = target;
    const claim = { runId: options.runId, ...books.claim };
    const ledgerFile = options.ledgerFile === undefined ? undefined : new LedgerFile(options.ledgerFile);
    const ledger = verify
      ? await readLedger(target, claim, rowsBefore, {
          file: ledgerFile,
          before,
          onWait,
          // The first interrupt of all breaks it off; one that ended the load does not.
          signal: AbortSignal.any([...(interrupted ? [] : [interrupt]), ...deaths()]),
        }).catch(async (error: Error) => {
          if (error instanceof UncountedError) {
            seen = { ...target, whyUncounted: error.message };
            if (ledgerFile !== undefined) await writeUnasked(ledgerFile, claim);
            return undefined;
          }
          const why = embedded?.died.aborted
            ? "cannot be read: the server is gone, and its data with it"
            : interrupt.aborted && !interrupted
              ? "was not read: interrupted"
              : `cannot be read: ${error.message.replace(/ in scope SELECT .*/s, "")}`;
          problems.push(`the ledger ${why}`);
          if (ledgerFile !== undefined) await writeUnasked(ledgerFile, claim);
          if (ledgerFile?.failure !== undefined) problems.push(ledgerFile.failure);
          return undefined;
        })
      : undefined;
    problems.push(...(ledger?.problems ?? []));
    const result: Result = {
      options,
      endpoints,
      target: seen,
      replay,
      version: VERSION,
      startedAt: load.startedAt,
      workers: plan.workers.length,
      interrupted: interrupted && books.endsEarly,
      ...books,
      hasTraces: otlp !== undefined,
      ledger,
      generatorCpu,
      series,
      sentences,
      limits: isBrokenOff ? [] : limitsOf(books),
      problems,
    };
    const plain = makeReport(result);
    const expressions = options.thresholds.map(({ expression }) => expression);
    const report = { ...plain, thresholds: judge(expressions, plain) };
    const unwritten = await whyUnwritten("--report", options.reportFile, () => toJson(report));
    if (unwritten !== undefined) problems.push(unwritten);
    out.write(toText(report));
    await hold(options, metrics, progress, interrupt);
    const unseen = metrics?.whyIncomplete(books.scheduled);
    if (unseen !== undefined) progress.say(`note: ${unseen}`);
    if (isIncomplete(report)) return EXIT.incomplete;
    if (report.thresholds.some(({ passed }) => !passed)) return EXIT.crossed;
    // Of a shard alone there may be too few, of all together enough: merge judges.
    if (options.strict && options.shard === undefined && report.thresholds.some(({ unjudged }) => unjudged !== null))
      return EXIT.unjudged;
    return interrupted ? Number(interrupt.reason) : EXIT.done;
  } catch (error) {
    if (!interrupt.aborted) await embedded?.throwIfDied();
    throw error;
  } finally {
    progress.stop();
    await metrics?.close();
    await embedded?.stop();
  }
}

/** What is there already, where the run's rows cannot be told from others; zeros where that is not asked, or was broken off. */
async function counted(
  plan: Plan,
  target: Target,
  { dataStartNs }: Options,
  waiting: Waiting,
): Promise<{ readonly rows: number; readonly before: Before | undefined }> {
  try {
    const rows = await countRows(target, waiting);
    const span = dataStartNs === undefined ? undefined : rowTimesOf(plan, dataStartNs);
    const before = await countBefore(target, span, waiting).catch((error: unknown) => {
      // What cannot be asked now is said by the ledger at the end.
      if (error instanceof ServerError) return undefined;
      throw error;
    });
    return { rows, before };
  } catch (error) {
    if (waiting.signal?.aborted) return { rows: 0, before: undefined };
    throw error;
  }
}

/** Looked at early: getting ready takes seconds. */
function checkStart({ startAtNs }: Options): void {
  if (startAtNs === undefined) return;
  const lateNs = BigInt(Date.now()) * 1_000_000n - startAtNs;
  if (lateNs >= 0n) throw tooLate(lateNs);
}

const tooLate = (lateNs: bigint): OptionsError => {
  const seconds = BigInt(Math.ceil(Number(lateNs) / 1e9)) * 1_000_000_000n;
  return new OptionsError([`--start-at must be a time to come: it was ${timespan(seconds)} ago; give a later one`]);
};

type Places = Pick<Options, "reportFile" | "ledgerFile" | "replay" | "configFile">;

/** A report that could not be written at the end is a run wasted: looked at before the start. Throws an OptionsError. */
export function checkPlaces({ reportFile, ledgerFile, replay, configFile }: Places): void {
  const read = Object.entries({ "--replay": replay?.file, "--config": configFile });
  const why = Object.entries({ "--report": reportFile, "--ledger": ledgerFile }).flatMap(([flag, file]) => {
    if (file === undefined) return [];
    const [other] = read.find(([, name]) => name !== undefined && areOne(file, name)) ?? [];
    if (other !== undefined) return `${flag} ${file} is the file of ${other}, which it would replace: name another`;
    return whyUnwritable(flag, file, flag === "--ledger") ?? [];
  });
  if (why.length > 0) throw new OptionsError(why);
}

async function openMetrics(
  { metrics, runId, rateText }: Options,
  source: () => MetricsSource | undefined,
  warn: (text: string) => void,
): Promise<MetricsServer | undefined> {
  if (metrics === undefined) return undefined;
  try {
    const registry = createRegistry({ run_id: runId, rate: rateText, version: VERSION }, source);
    return await serveMetrics(registry, metrics.port, metrics.host);
  } catch (error) {
    if (!(error instanceof MetricsPortError)) throw error;
    const advice = "give another --metrics-port (0: any free one) or --no-metrics";
    if (metrics.asked) throw new OptionsError([`--metrics-port: ${error.message}; ${advice}`]);
    warn(`no /metrics: ${error.message}; ${advice}`);
    return undefined;
  }
}

function metricsSource({ schedule, shard, counters }: Plan, load: Load, exemplars: Exemplars): MetricsSource {
  return {
    counters,
    exemplars,
    now: () => load.clock.now(),
    unsent: () => 0,
    targetRowsPerSecond: (atNs) => {
      if (atNs < 0 || atNs >= counters.endNs) return 0;
      return schedule === undefined ? Number.POSITIVE_INFINITY : schedule.rateAt(atNs) / shard.of;
    },
    utilization: () => load.utilization(),
  };
}

function watchCpu({ spec, counters }: Plan, { clock }: Load, beforeS: number): CpuWindow {
  const endNs = (): number => Number(counters.endNs);
  const cpu = new CpuWindow({ beforeS, warmUpNs: Number(spec.warmUpNs), now: () => clock.now(), endNs });
  cpu.watch();
  return cpu;
}

/** Leaves /metrics up for a last scrape; an interrupt ends that. */
async function hold(
  { holdMs }: Options,
  metrics: MetricsServer | undefined,
  progress: Progress,
  interrupt: AbortSignal,
): Promise<void> {
  if (holdMs === 0 || metrics === undefined) return;
  progress.say(`holding ${metrics.url} for ${holdMs / 1000} s`);
  await sleep(holdMs, undefined, interrupt.aborted ? {} : { signal: interrupt }).catch(() => undefined);
}
