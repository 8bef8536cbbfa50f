// The verdict on ourselves: was the generator the limit of this run, so that its figures are none about the server? Pure;
// called when a run is over.
//
// A worker that is not at its limit is idle most of the time: it waits for due times or, when the server is slower than the
// rate, for a place among the inserts in flight. So it is the limit when it was hardly ever idle and the rate was missed, or
// when batches were late though there was room for them. And one that gets no CPU looks idle: so it is the limit, too, when
// answers lay unread for much of what would pass for the server's time.

import type { Float64Histogram } from "hdr-histogram-js";
import type { Books } from "./books.js";
import type { CpuTimes, Share } from "./counters.js";
import { QUANTILES } from "./latency.js";
import { milliseconds, percent } from "./text.js";

/** An event loop as busy as this has no time left to speak of: what goes on in the system takes the rest. */
const BUSY = 0.9;
/** Of its rate a run keeps so much, or it has missed it. */
const KEPT = 0.99;
/** More than this share of the time, and the 99th percentile of the latency is made of it. */
const SHARE_OF_TIME = 0.01;
/** And only where lateness is so much of the latency does it matter. */
const SHARE_OF_LATENCY = 0.5;
/** What batches were late by themselves is the reason of a shortfall that is no more than so many times as much. */
const SHORTFALL = 2;
/** Unread answers: of the sum of service times, and of a quantile. By trial, see bench/README.md. */
const UNREAD = { ofSum: 0.25, ofQuantile: 0.5 } as const;
/** And where a rate is kept only what is more than a thread that sleeps takes to wake up anyway. */
const WORTH_TELLING = { meanNs: 200_000, quantileNs: 2_000_000 } as const;
/** Of the places for inserts in flight, so many taken by the server on average are all of them. */
const FULL = 0.9;
/** A thread that was held up for more than this share of the time: the reason is told. */
const SHARE_TOLD = 0.05;

export interface Quantile {
  /** Such as p99. */
  readonly name: string;
  readonly serviceNs: number;
  /** Of the service times without what answers may have lain unread. */
  readonly unheldNs: number;
}

export type WorkerTimes = Share & CpuTimes;

/** What the verdict rests on, of what is measured. */
export interface Evidence {
  readonly windowNs: number;
  /** Of the rows that were due, the part that was neither answered in the window nor refused; undefined in a closed loop. */
  readonly missing: number | undefined;
  readonly dropped: number;
  readonly workers: readonly WorkerTimes[];
  /** At p99. Undefined in a closed loop. */
  readonly late: { readonly latencyNs: number; readonly latenessNs: number } | undefined;
  /** Of the places for inserts in flight, the part that the server had taken on average. */
  readonly filled: number;
  readonly serviceMeanNs: number;
  /** Of it, what answers may have lain unread. */
  readonly heldMeanNs: number;
  /** The highest that there are samples for. */
  readonly quantile: Quantile | undefined;
}

type Judged = Pick<
  Books,
  "measured" | "places" | "shares" | "cpuTimes" | "latency" | "lateness" | "service" | "unheld"
>;

/** Why the generator was the limit, as sentences; none: it was not. */
export function limitsOf(books: Judged): string[] {
  const evidence = evidenceOf(books);
  return evidence === undefined ? [] : verdictOf(evidence);
}

/** Undefined: there is nothing to be judged. */
export function evidenceOf(books: Judged): Evidence | undefined {
  const { measured, shares, cpuTimes, latency, lateness, service, unheld } = books;
  const { totals, answered, scheduled } = measured;
  if (measured.toNs <= measured.fromNs || shares.length === 0) return undefined;
  const refused = totals.failed + totals.unknown;
  // Where nobody listens, or nothing is wanted, there is no time of the server's to compare with.
  if (totals.acknowledged === 0 && refused > 0) return undefined;
  const inserts = service.totalCount;
  const longestNs = Math.max(...shares.map(({ busyNs, idleNs }) => busyNs + idleNs));
  return {
    windowNs: measured.toNs - measured.fromNs,
    missing: latency === undefined ? undefined : 1 - (answered + refused) / scheduled,
    dropped: totals.dropped,
    workers: shares.map((share, worker) => ({ ...(cpuTimes[worker] ?? UNASKED), ...share })),
    late: latency && lateness && { latencyNs: p99Ns(latency), latenessNs: p99Ns(lateness) },
    filled: longestNs > 0 ? (totals.serviceSumNs - totals.heldSumNs) / longestNs / books.places : 0,
    serviceMeanNs: inserts === 0 ? 0 : totals.serviceSumNs / inserts,
    heldMeanNs: inserts === 0 ? 0 : totals.heldSumNs / inserts,
    quantile: highest(service, unheld),
  };
}

/** Nobody looked: on virtual time. */
const UNASKED: CpuTimes = { ranNs: 0, waitedNs: 0, stoodNs: 0, throttledNs: undefined };

const p99Ns = (histogram: Float64Histogram): number => histogram.getValueAtPercentile(99) * 1000;

function highest(service: Float64Histogram, unheld: Float64Histogram): Quantile | undefined {
  const known = QUANTILES.findLast(({ samples, percentile }) => percentile <= 99 && service.totalCount >= samples);
  if (known === undefined) return undefined;
  const at = (histogram: Float64Histogram): number => histogram.getValueAtPercentile(known.percentile) * 1000;
  return { name: known.name, serviceNs: at(service), unheldNs: at(unheld) };
}

export function verdictOf(evidence: Evidence): string[] {
  const isClosed = evidence.missing === undefined;
  const isMissed = evidence.dropped > 0 || (evidence.missing ?? 0) > 1 - KEPT;
  const causes = causesOf(evidence);
  const busy = isClosed || isMissed ? busySentence(evidence) : undefined;
  const cure = causes.length === 0 ? "more --workers, on more cores," : "with CPUs of its own it";
  if (busy !== undefined) return [`${busy}: ${cure} would send more`, ...causes];
  const reason = isClosed || isMissed ? rateReason(evidence) : latencyReason(evidence);
  return reason === undefined ? [] : [reason, ...causes];
}

/** That a worker could do no more. */
function busySentence({ workers }: Evidence): string | undefined {
  const most = (pick: (worker: WorkerTimes) => number): number =>
    Math.max(...workers.map((worker) => shareOf(pick(worker), worker)));
  const busiest = most(({ busyNs }) => busyNs);
  if (busiest >= BUSY) return `a worker's event loop was busy ${percent(busiest)} of the time`;
  // Compressing keeps other threads busy, and the event loop idle.
  const making = most(({ renderingNs }) => renderingNs);
  if (making >= BUSY) return `a worker was rendering and compressing for ${percent(making)} of the time`;
  const wanted = most((worker) => ranNs(worker) + heldNs(worker));
  return wanted >= BUSY ? `a worker wanted a CPU for ${percent(wanted)} of the time` : undefined;
}

/** Why no more was sent by a worker that could have done more. */
function rateReason(evidence: Evidence): string | undefined {
  const { missing = 0, dropped, workers, filled, serviceMeanNs, heldMeanNs } = evidence;
  const delayed = delayedShare(workers);
  const isLate = sum(workers, "delayedNs") > sum(workers, "waitingNs");
  // What is made while all places are taken is not late by itself; and what the server has at the end is missing for that.
  const isWhy = missing <= SHORTFALL * delayed && missing * evidence.windowNs > serviceMeanNs;
  if (isLate && filled < FULL && (dropped > 0 || isWhy)) return lateSentence(delayed);
  return heldMeanNs > 0 && heldMeanNs >= UNREAD.ofSum * serviceMeanNs ? meanSentence(evidence) : undefined;
}

/** Why the latency is not the server's, when all that was due was sent and answered. */
function latencyReason(evidence: Evidence): string | undefined {
  const { workers, late, serviceMeanNs, heldMeanNs } = evidence;
  const delayed = delayedShare(workers);
  const isInLatency =
    late !== undefined &&
    late.latencyNs > 0 &&
    delayed > SHARE_OF_TIME &&
    sum(workers, "delayedNs") > sum(workers, "waitingNs") &&
    late.latenessNs >= SHARE_OF_LATENCY * late.latencyNs;
  if (isInLatency) return `${lateSentence(delayed)}: their latency is the generator's own`;
  const isInMean = heldMeanNs >= WORTH_TELLING.meanNs && heldMeanNs >= UNREAD.ofSum * serviceMeanNs;
  return isInMean ? meanSentence(evidence) : quantileReason(evidence);
}

function quantileReason({ quantile }: Evidence): string | undefined {
  if (quantile === undefined) return undefined;
  const { name, serviceNs, unheldNs } = quantile;
  const heldNs = serviceNs - unheldNs;
  if (heldNs < WORTH_TELLING.quantileNs || heldNs < UNREAD.ofQuantile * serviceNs) return undefined;
  return `answers lay unread: the ${name} of service times, ${ms(serviceNs)}, would be ${ms(unheldNs)} without that`;
}

const meanSentence = ({ serviceMeanNs, heldMeanNs }: Evidence): string =>
  `answers lay unread for up to ${ms(heldMeanNs)} of the ${ms(serviceMeanNs)} that they seem to have taken on average`;

const lateSentence = (delayed: number): string =>
  `batches were due and not sent for ${percent(delayed)} of the time though there was room among the inserts in flight`;

/** What held the threads up, as far as it is known. */
function causesOf({ workers }: Evidence): string[] {
  if (workers.some(({ waitedNs }) => waitedNs === undefined)) {
    return ["how long its threads waited for a CPU this system does not say"];
  }
  const most = (pick: (worker: WorkerTimes) => number): number =>
    Math.max(...workers.map((worker) => shareOf(pick(worker), worker)));
  const [waited, stood] = [most(({ waitedNs }) => waitedNs ?? 0), most(({ stoodNs }) => stoodNs)];
  const throttledNs = Math.max(...workers.map((worker) => worker.throttledNs ?? 0));
  const isThrottled = throttledNs > SHARE_TOLD * Math.max(...workers.map(spentNs));
  return [
    ...(waited > SHARE_TOLD
      ? [`a worker waited for a CPU for ${percent(waited)} of the time, and ran for ${percent(most(ranNs))}`]
      : []),
    ...(isThrottled
      ? [`the CPU limit of its control group held it still: for ${(throttledNs / 1e9).toFixed(1)} s, all CPUs together`]
      : []),
    // Not all systems count what a limit held still as a wait.
    ...(stood > SHARE_TOLD && !isThrottled ? [`process or machine stood still for ${percent(stood)} of the time`] : []),
  ];
}

const ms = (ns: number): string => milliseconds(ns / 1e6);
const spentNs = ({ busyNs, idleNs }: WorkerTimes): number => busyNs + idleNs;
const ranNs = (worker: WorkerTimes): number => worker.ranNs ?? 0;
const heldNs = ({ waitedNs = 0, stoodNs }: WorkerTimes): number => waitedNs + stoodNs;

/** Of the time that the worker was at it, which goes on behind the window where batches were late. */
const shareOf = (ns: number, worker: WorkerTimes): number => (spentNs(worker) > 0 ? ns / spentNs(worker) : 0);

const delayedShare = (workers: readonly WorkerTimes[]): number =>
  workers.reduce((total, worker) => total + shareOf(worker.delayedNs, worker), 0) / workers.length;

const sum = (workers: readonly WorkerTimes[], name: "waitingNs" | "delayedNs"): number =>
  workers.reduce((total, worker) => total + worker[name], 0);
