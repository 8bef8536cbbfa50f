// One hold: a constant rate for a time, with a warm-up that is left out, and whether it was sustained. Called by max.ts.

import type { WriteStream } from "node:tty";
import type { ErrorCount } from "../counters.js";
import { summarize } from "../latency.js";
import { limitsOf } from "../limits.js";
import type { Plan } from "../plan.js";
import type { Load } from "../pool.js";
import { ServerError } from "../server.js";
import { play } from "../short-load.js";
import { count, milliseconds, percent } from "../text.js";
import { pileUp, type Reading } from "./level.js";
import type { PartsWatch } from "./parts.js";

/** A hold that was carried out. */
export interface Hold {
  /** Of the time that was measured; undefined where an error cut it short. */
  readonly achieved: number | undefined;
  readonly p99Ms: number | undefined;
  /** How long the oldest due batch had waited to be sent: the longest in the first third and in the last. */
  readonly lagMs: { readonly first: number; readonly last: number } | undefined;
  readonly errors: readonly ErrorCount[];
  /** At the beginning and at the end; undefined where nobody watched. */
  readonly parts: { readonly before: Reading; readonly after: Reading } | undefined;
  readonly acknowledgedRows: number;
  /** Why it failed; none: it passed. */
  readonly reasons: readonly string[];
  /** Why it was the generator that failed, if it was. */
  readonly generator: readonly string[];
  /** Why nothing more can be held: inserts will never work, or a worker broke. */
  readonly fatal: string | undefined;
}

export interface Demands {
  /** With a higher p99 it fails; undefined: not for that. */
  readonly p99Ms: number | undefined;
  readonly inFlight: number;
}

/** Of its rate a hold must keep so much. */
const KEPT = 0.99;
/** What a timer may take; more of a lag is one. */
const LAG_NS = 10_000_000;
const LAG_MS = 100;
/** Questions about parts: at least so many a third, and no more than two a second. */
const PARTS_PER_THIRD = 4;
const PARTS_MS = 500;

interface Lag {
  readonly atNs: number;
  readonly lagNs: number;
}

/** Undefined when it was interrupted. Rejects when a worker cannot get ready. */
export async function hold(
  plan: Plan,
  demands: Demands,
  watch: PartsWatch | undefined,
  err: WriteStream,
  interrupt: AbortSignal,
): Promise<Hold | undefined> {
  const [fromNs, toNs] = [Number(plan.spec.warmUpNs), Number(plan.counters.endNs)];
  const lags: Lag[] = [];
  const readings: Reading[] = [];
  const during = async (load: Load): Promise<void> => {
    const over = load.finished.then(() => "over" as const);
    const until = (ns: number) => Promise.race([over, load.clock.until(ns)]);
    const lag = setInterval(() => {
      const atNs = load.clock.now();
      lags.push({ atNs, lagNs: plan.counters.totals(atNs).lagNs });
    }, LAG_MS);
    const gapNs = Math.min(PARTS_MS * 1e6, (toNs - fromNs) / 3 / PARTS_PER_THIRD);
    for (let ns = 0; ns <= toNs && watch !== undefined; ns = Math.max(ns + gapNs, load.clock.now())) {
      if ((await until(ns)) === "over") break;
      const reading = await read(watch, load, plan);
      if (reading !== undefined) readings.push(reading);
    }
    await until(toNs);
    clearInterval(lag);
    load.clock.wake();
  };
  const played = await play(plan, err, interrupt, during);
  if (played === undefined) return undefined;

  const { books, notices, failure } = played;
  const { measured, totals, latency } = books;
  const first = notices.find((notice) => notice.kind === "error");
  const refused = notices.find((notice) => notice.kind === "refused");
  const fatal = failure === undefined ? refused?.sentence : `a worker thread crashed: ${failure.message}`;
  const failed = totals.inserts.failed + totals.inserts.unknown;
  const [before, after] = [readings[0], readings.at(-1)];
  const common = {
    errors: totals.errors,
    parts: before && after && { before, after },
    acknowledgedRows: totals.acknowledged,
    fatal,
  };
  if (failed > 0 || fatal !== undefined) {
    const reasons = [`${count(failed, "insert")} failed: ${first?.sentence ?? fatal ?? "nobody heard of them"}`];
    return { ...common, achieved: undefined, p99Ms: undefined, lagMs: undefined, reasons, generator: [] };
  }

  const target = measured.scheduled / (measured.spanNs / 1e9);
  const achieved = (measured.answered * 1e9) / (measured.toNs - measured.fromNs);
  const { p99 } = summarize(latency ?? books.service, measured.totals.latencySumNs);
  const [early, late] = thirds(lags, fromNs, toNs);
  const lagMs = { first: early.most / 1e6, last: late.most / 1e6 };
  const places = notices.some(({ kind }) => kind === "saturated") ? `, all ${demands.inFlight} inserts in flight` : "";
  const piled = pileUp(readings, fromNs, toNs);
  const reasons = [
    ...(achieved < KEPT * target ? [`${percent(achieved / target)} of the rate was achieved${places}`] : []),
    ...(demands.p99Ms !== undefined && p99 !== null && p99 > demands.p99Ms
      ? [`p99 of ${milliseconds(p99)} is over ${milliseconds(demands.p99Ms)}`]
      : []),
    ...(late.least > early.most + LAG_NS
      ? [`lag grew from ${milliseconds(early.most / 1e6)} to ${milliseconds(late.most / 1e6)}${places}`]
      : []),
    ...(piled === undefined ? [] : [piled]),
  ];
  const generator = reasons.length > 0 && piled === undefined ? limitsOf(books) : [];
  return { ...common, achieved, p99Ms: p99 ?? undefined, lagMs, reasons, generator };
}

/** Undefined where the server would not say: one reading less. */
async function read(watch: PartsWatch, load: Load, { counters }: Plan): Promise<Reading | undefined> {
  try {
    const parts = await watch.ask();
    const atNs = load.clock.now();
    return { ...parts, atNs, inserts: counters.totals(atNs).inserts.acknowledged };
  } catch (error) {
    if (error instanceof ServerError) return undefined;
    throw error;
  }
}

interface Extremes {
  readonly least: number;
  readonly most: number;
}

/** Lag grows when even the least of the last third is more than the most of the first. */
function thirds(lags: readonly Lag[], fromNs: number, toNs: number): [first: Extremes, last: Extremes] {
  const thirdNs = (toNs - fromNs) / 3;
  const extremes = (from: number, to: number): Extremes => {
    const values = lags.filter(({ atNs }) => atNs >= from && atNs <= to).map(({ lagNs }) => lagNs);
    return values.length === 0 ? { least: 0, most: 0 } : { least: Math.min(...values), most: Math.max(...values) };
  };
  return [extremes(fromNs, fromNs + thirdNs), extremes(toNs - thirdNs, toNs)];
}
