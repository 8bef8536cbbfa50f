// `clickstorm run` on one screen: metrics → server → target → plan → load → ledger → report. Main thread.

import { accessSync, constants, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { WriteStream } from "node:tty";
import type { Code } from "./answer.js";
import { closeBooks } from "./books.js";
import { ceilingOf } from "./ceiling.js";
import { type EmbeddedServer, startEmbedded } from "./embedded/server.js";
import { endpointOf } from "./endpoint.js";
import { summarize } from "./latency.js";
import { countRows, readLedger } from "./ledger.js";
import { createRegistry, MetricsPortError, type MetricsServer, type MetricsSource, serveMetrics } from "./metrics.js";
import { type Options, OptionsError } from "./options.js";
import { tracesUrl } from "./otlp.js";
import { makePlan, type Plan, readKernel, scheduleOf } from "./plan.js";
import { type Load, type Notice, startLoad } from "./pool.js";
import { Progress } from "./progress.js";
import { SPANS } from "./quantities.js";
import { type FileState, lookAt, ReplayError } from "./replay/file.js";
import { type Scan, scan } from "./replay/scan.js";
import {
  endsWithFile,
  isIncomplete,
  type Result,
  replayText,
  type SeriesPoint,
  seriesPoint,
  toJson,
  toText,
} from "./report.js";
import { rowsPerBatch, timeOfRows } from "./schedule.js";
import { Snapshots } from "./snapshot.js";
import { blindTarget, prepareTarget, type Target, whyUnverifiable } from "./target.js";
import { bytes, whole } from "./text.js";
import { evaluate, type Figures, type Verdict } from "./threshold.js";
import { unverifiable } from "./threshold-options.js";
import { VERSION } from "./version.js";

export const EXIT = { done: 0, incomplete: 1, badOptions: 2, noTarget: 3, crossed: 99 } as const;
const SNAPSHOT_MS = 1000;

/** Where a run writes, and what stops it. */
export interface Surroundings {
  /** The summary. */
  readonly out: NodeJS.WritableStream;
  /** Progress and warnings. */
  readonly err: WriteStream;
  /** Aborted by the first SIGINT or SIGTERM, with the exit code as its reason: drain and report. */
  readonly interrupt: AbortSignal;
}

/** Returns the exit code. Throws an OptionsError, a TargetError or an EmbeddedError before the first row. */
export async function run(asked: Options, { out, err, interrupt }: Surroundings): Promise<number> {
  let options = asked;
  const progress = new Progress(err, options.durationNs);
  const warn = (text: string): void => progress.say(`warning: ${text}`);
  const problems: string[] = [];
  let load: Load | undefined;
  let source: MetricsSource | undefined;
  let metrics: MetricsServer | undefined;
  let embedded: EmbeddedServer | undefined;
  checkReport(options);
  const file = options.replay && lookedAt(options.replay.file);
  try {
    metrics = await openMetrics(options, () => source, warn);
    if (metrics !== undefined) progress.say(`metrics at ${metrics.url}`);
    if (options.embedded) {
      embedded = await startEmbedded(options.credentials);
      progress.say(`embedded ClickHouse at ${embedded.url}`);
      void embedded.exited.then((sentence) => sentence !== undefined && warn(sentence));
    }
    const endpoints =
      embedded === undefined ? options.endpoints : [endpointOf(new URL(embedded.url), options.credentials)];
    const target = options.blind
      ? blindTarget(options)
      : await prepareTarget(endpoints, options, {
          signal: interrupt,
          onSlow: (sentence) => progress.say(sentence),
        });
    const replay = file && (await readThrough(file, options, progress, interrupt));
    if (interrupt.aborted) return Number(interrupt.reason);
    const unchecked = unverifiable(options.thresholds, whyUnverifiable(target));
    if (unchecked.length > 0) throw new OptionsError(unchecked);
    if (replay !== undefined) {
      options = untilFileEnds(options, replay);
      const strange = strangeKeys(replay, target);
      if (strange !== undefined && !options.blind) warn(strange);
    }
    const plan = makePlan(options, target, endpoints, VERSION, replay);
    const ceiling = ceilingOf(options.format, target);
    if (ceiling !== undefined) progress.measures(ceiling.name);
    progress.lasts(endsWithFile(options) ? undefined : plan.schedule.durationNs);
    const verify = options.verify && whyUnverifiable(target) === undefined;
    const rowsBefore = verify && !target.ledgerColumns ? await countRows(target) : 0;
    if (interrupt.aborted) return Number(interrupt.reason);

    const cpuBefore = process.cpuUsage();
    const sentences = new Map<Code, string>();
    const onNotice = (notice: Notice): void => {
      if (notice.kind === "error") {
        sentences.set(notice.code, notice.sentence);
      } else if (notice.kind === "refused") {
        problems.push(`stopped, as inserts will not work: ${notice.sentence}`);
        load?.end(0n);
      } else if (notice.kind === "no-rows") {
        problems.push(`stopped: ${notice.sentence}`);
        load?.end(options.drainNs);
      } else {
        warn(sentenceOf(notice, options));
      }
    };
    load = await startLoad(plan, once(onNotice)).catch((error: unknown) => {
      if (file !== undefined) checkUnchanged(file);
      throw error;
    });
    source = metricsSource(plan, load);
    const series = await watch(load, plan, options, progress, interrupt);
    const failure = await load.finished;
    if (failure !== undefined) problems.push(`a worker failed: ${failure.message}`);
    const cpu = process.cpuUsage(cpuBefore);
    const interrupted = interrupt.aborted;

    const books = closeBooks(plan, load.clock);
    source = {
      ...source,
      counters: {
        totals: () => books.totals,
        latency: () => plan.counters.latency(),
        service: () => plan.counters.service(),
      },
      unsent: () => books.scheduled - books.totals.generated,
    };
    const ledger = verify
      ? await readLedger(target, { runId: options.runId, ...books.claim }, rowsBefore).catch((error: Error) => {
          problems.push(`the ledger cannot be read: ${error.message}`);
          return undefined;
        })
      : undefined;
    const result: Result = {
      options,
      endpoints,
      target,
      replay,
      version: VERSION,
      startedAt: load.startedAt,
      workers: plan.workers.length,
      ...books,
      ledger,
      generatorCpuS: (cpu.user + cpu.system) / 1e6,
      series,
      sentences,
      problems,
    };
    writeReport(options, result, problems);
    const verdicts = options.thresholds.map((threshold) => evaluate(threshold, figuresOf(result)));
    out.write(toText(result) + verdicts.map(verdictLine).join(""));
    await hold(options, metrics, progress, interrupt);
    if (isIncomplete(result)) return EXIT.incomplete;
    if (verdicts.some(({ passed }) => !passed)) return EXIT.crossed;
    return interrupted ? Number(interrupt.reason) : EXIT.done;
  } finally {
    progress.stop();
    await metrics?.close();
    await embedded?.stop();
  }
}

const verdictLine = ({ expression, text, passed }: Verdict): string =>
  `  threshold  ${expression}  ${text}  ${passed ? "pass" : "FAIL"}\n`;

/** What thresholds are held against. */
function figuresOf({ options, totals, elapsedS, latency, service, ledger }: Result): Figures {
  const { acknowledged, failed, unknown } = totals.inserts;
  const inserts = acknowledged + failed + unknown;
  const { rate } = options;
  return {
    latency: latency && summarize(latency, totals.latencySumNs),
    service: summarize(service, totals.serviceSumNs),
    errorRate: inserts === 0 ? undefined : (failed + unknown) / inserts,
    achievedRowsPerS: elapsedS === 0 ? undefined : totals.acknowledged / elapsedS,
    targetRowsPerS: rate === "max" ? undefined : Number(rate.numerator) / Number(rate.denominator),
    maxLagMs: inserts === 0 ? undefined : totals.maxLagNs / 1e6,
    rowsLost: ledger?.lost,
  };
}

/** The file of --replay, if it can be one. Throws an OptionsError. */
function lookedAt(path: string): FileState {
  try {
    return lookAt(path);
  } catch (error) {
    throw error instanceof ReplayError ? new OptionsError([error.message]) : error;
  }
}

function checkUnchanged(file: FileState): void {
  const now = lookedAt(file.path);
  if (now.size !== file.size || now.modifiedMs !== file.modifiedMs) {
    throw new OptionsError([`${file.path} has changed since it was read: try again when nobody writes to it`]);
  }
}

/** Says what it finds in the file; undefined where it was interrupted. Throws an OptionsError. */
async function readThrough(
  file: FileState,
  options: Options,
  progress: Progress,
  signal: AbortSignal,
): Promise<Scan | undefined> {
  progress.say(`reading ${file.path} (${bytes(file.size)})`);
  try {
    const found = await scan(file, readKernel(), rowsPerBatch(scheduleOf(options, options.batchRows)), signal);
    if (found !== undefined) progress.say(`replay of ${replayText(found)}`);
    return found;
  } catch (error) {
    throw error instanceof ReplayError ? new OptionsError([error.message]) : error;
  }
}

/** Keys of the first row that the table has no columns for: the wrong file would land as rows of defaults. */
function strangeKeys({ file, firstKeys }: Scan, { database, table, columnNames }: Target): string | undefined {
  const strange = firstKeys.filter((key) => !columnNames.some((name) => name === key || name.startsWith(`${key}.`)));
  if (strange.length === 0) return undefined;
  const keys = strange.slice(0, 5).join(", ") + (strange.length > 5 ? ` and ${strange.length - 5} more` : "");
  return `${file.path}: ${keys.replace(/\p{Cc}/gu, "?")} in its first row are no columns of ${database}.${table}: the server skips or refuses them`;
}

/** Without --duration, the file's rows say how long the run is. */
function untilFileEnds(options: Options, { rows }: Scan): Options {
  if (!options.replay?.once || options.durationGiven) return options;
  const durationNs = options.rate === "max" ? SPANS.run.to : timeOfRows(options.rate, rows);
  if (durationNs > SPANS.run.to) {
    const days = Math.ceil(Number(durationNs / 1_000_000_000n) / 86_400);
    throw new OptionsError([
      `--replay-once takes ${whole(days)} days at ${options.rateText} rows/s, more than a run may: raise --rate, or give --duration`,
    ]);
  }
  return { ...options, durationNs };
}

/** A report that could not be written at the end is a run wasted: looked at before the start. */
export function checkReport({ reportFile }: Pick<Options, "reportFile">): void {
  if (reportFile === undefined) return;
  const found = statSync(reportFile, { throwIfNoEntry: false });
  if (found?.isDirectory()) throw new OptionsError([`--report must be a file, ${reportFile} is a directory`]);
  const place = found === undefined ? dirname(reportFile) : reportFile;
  try {
    accessSync(place, constants.W_OK);
  } catch {
    throw new OptionsError([`--report: ${place} cannot be written to`]);
  }
}

function writeReport({ reportFile }: Options, result: Result, problems: string[]): void {
  if (reportFile === undefined) return;
  try {
    writeFileSync(reportFile, toJson(result));
  } catch (error) {
    problems.push(`the report cannot be written: ${error instanceof Error ? error.message : error}`);
  }
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

function metricsSource({ schedule, counters }: Plan, load: Load): MetricsSource {
  return {
    counters,
    now: () => load.clock.now(),
    unsent: () => 0,
    targetRowsPerSecond:
      schedule.kind === "max"
        ? Number.POSITIVE_INFINITY
        : Number(schedule.rowsPerSecond.numerator) / Number(schedule.rowsPerSecond.denominator),
    utilization: () => load.utilization(),
  };
}

/** The same notice may come from every worker; one of them is enough. */
function once(onNotice: (notice: Notice) => void): (notice: Notice) => void {
  const seen = new Set<string>();
  return (notice) => {
    const what = notice.kind === "error" ? String(notice.code) : notice.kind;
    if (seen.has(what)) return;
    seen.add(what);
    onNotice(notice);
  };
}

function sentenceOf(notice: Extract<Notice, { kind: "saturated" | "traces-failed" }>, options: Options): string {
  if (notice.kind === "saturated") {
    return `all ${options.inFlight} inserts are in flight and due batches wait: the server is at its limit, or --in-flight is too small`;
  }
  const url = tracesUrl(options.traces?.otlpEndpoint);
  const where = url?.origin ?? "the collector";
  return `traces do not reach ${where} (${notice.sentence}): the run goes on; --no-traces sends none`;
}

/** Shows a snapshot a second until the workers are done; an interrupt begins the drain. */
async function watch(
  load: Load,
  { schedule, counters }: Plan,
  options: Options,
  progress: Progress,
  interrupt: AbortSignal,
): Promise<SeriesPoint[]> {
  const snapshots = new Snapshots(counters, schedule.kind === "max");
  const series: SeriesPoint[] = [];
  const take = (): void => {
    const snapshot = snapshots.take(load.clock.now());
    if (options.reportFile !== undefined) series.push(seriesPoint(snapshot));
    progress.update(snapshot, counters.endNs);
  };
  const drain = (): void => {
    progress.say("draining: what is due is still sent; interrupt again to quit at once");
    load.end(options.drainNs);
  };
  if (interrupt.aborted) drain();
  interrupt.addEventListener("abort", drain, { once: true });
  const timer = setInterval(take, SNAPSHOT_MS);
  await load.finished;
  clearInterval(timer);
  interrupt.removeEventListener("abort", drain);
  take();
  progress.stop();
  return series;
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
