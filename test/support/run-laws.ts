// Servers by law, on virtual time: runs of inserts whose times are drawn, and the reports of them. What the comparison of runs is tried
// on, by test/compare-runs.test.ts and bench/compare.ts. A seed makes the same run always.

import { encodeIntoCompressedBase64 } from "hdr-histogram-js";
import { emptyHistogram, summarize } from "../../src/latency.js";
import type { LatencyJson, Point, PointLatency, Report } from "../../src/report/schema.js";
import { madeReport } from "./reports.js";

/** How long inserts take, and what seconds have in common. */
export interface Law {
  readonly name: string;
  /** A level of seconds that follow one another, and its standard deviation. */
  readonly seconds?: { readonly rho: number; readonly deviation: number };
  /** Nothing is answered for so long, every so often, a tenth sooner or later. */
  readonly stalls?: { readonly everyS: number; readonly lengthS: number };
  /** So many inserts take so many times as long. */
  readonly slow?: { readonly share: number; readonly times: number };
  /** Of the levels of runs, the standard deviation. */
  readonly runs: number;
}

const RUNS = 0.01;

/** Those of which issue and documentation speak. */
export const LAWS: readonly Law[] = [
  { name: "independent", runs: RUNS },
  { name: "AR(1) 0.8, seconds ±5%", seconds: { rho: 0.8, deviation: 0.05 }, runs: RUNS },
  { name: "AR(1) 0.95, seconds ±3.5%", seconds: { rho: 0.95, deviation: 0.035 }, runs: RUNS },
  { name: "merges each 5 s, 0.3 s", stalls: { everyS: 5, lengthS: 0.3 }, runs: RUNS },
  { name: "merges each 20 s, 1 s", stalls: { everyS: 20, lengthS: 1 }, runs: RUNS },
  { name: "bimodal, a fifth ×3", slow: { share: 0.2, times: 3 }, runs: RUNS },
];

/** Beyond what five runs can find: told by the bench, and asked of nobody. */
export const HARD_LAWS: readonly Law[] = [
  { name: "AR(1) 0.95, seconds ±10%", seconds: { rho: 0.95, deviation: 0.1 }, runs: RUNS },
  { name: "independent, runs ±5%", runs: 0.05 },
];

export const LOOPS = ["open", "closed"] as const;
export type Loop = (typeof LOOPS)[number];

/** 480 inserts a run, of 100 rows. */
const DURATION_S = 120;
const ROWS = 100;
const OPEN = { perS: 4, places: 8, medianS: 0.05 };
const CLOSED = { places: 2, medianS: 0.5 };
/** Of logarithms. */
const DEVIATION = 0.3;
const ERRORS = 0.01;
const CPU = { perSecondS: 0.05, deviation: 0.05 };

interface Insert {
  readonly dueS: number;
  readonly sentS: number;
  readonly answeredS: number;
  readonly isError: boolean;
}

/** Numbers from 0 to 1, always the same from one seed (mulberry32). */
export function draws(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), 61 | bits);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Box and Muller. */
export const normal = (draw: () => number): number =>
  Math.sqrt(-2 * Math.log(1 - draw())) * Math.cos(2 * Math.PI * draw());

/** The report of one run; `times`: as many times slower as it is elsewhere. */
export function runOf(law: Law, loop: Loop, seed: number, times = 1): Report {
  // Neighbouring seeds are not to begin alike.
  const draw = draws(Math.imul(seed, 0x9e3779b1));
  const level = times * Math.exp(law.runs * normal(draw));
  const answer = serverOf(law, level, draw);
  const inserts = loop === "open" ? openLoop(answer, draw) : closedLoop(answer, draw);
  return reportOf(inserts, law, loop, seed, draw);
}

/** When an insert is answered that is sent at this time, and takes so long where nothing is slow. */
type Answer = (sentS: number, medianS: number) => number;

function serverOf(law: Law, level: number, draw: () => number): Answer {
  const endS = 2 * DURATION_S;
  const { rho, deviation } = law.seconds ?? { rho: 0, deviation: 0 };
  let wave = deviation * normal(draw);
  const waves = Array.from({ length: endS }, () => {
    const now = wave;
    wave = rho * wave + deviation * Math.sqrt(1 - rho ** 2) * normal(draw);
    return now;
  });
  const stalls = stallsOf(law, level, endS, draw);
  return (sentS, medianS) => {
    const slow = law.slow !== undefined && draw() < law.slow.share ? law.slow.times : 1;
    const takesS = medianS * level * slow * Math.exp((waves[Math.floor(sentS)] ?? 0) + DEVIATION * normal(draw));
    const stall = stalls.find(({ fromS, toS }) => fromS < sentS + takesS && toS > sentS);
    if (stall === undefined) return sentS + takesS;
    return sentS + takesS + stall.toS - Math.max(stall.fromS, sentS);
  };
}

function stallsOf({ stalls }: Law, level: number, endS: number, draw: () => number) {
  const all: { readonly fromS: number; readonly toS: number }[] = [];
  if (stalls === undefined) return all;
  const vary = (value: number): number => value * (0.9 + 0.2 * draw());
  for (let fromS = stalls.everyS * draw(); fromS < endS; fromS += vary(stalls.everyS)) {
    all.push({ fromS, toS: fromS + vary(stalls.lengthS) * level });
  }
  return all;
}

/** The place that is free first, of the times they are. */
const firstFree = (free: readonly number[]): number => free.indexOf(Math.min(...free));

function openLoop(answer: Answer, draw: () => number): readonly Insert[] {
  const free: number[] = Array(OPEN.places).fill(0);
  return Array.from({ length: DURATION_S * OPEN.perS }, (_, index) => {
    const dueS = index / OPEN.perS;
    const place = firstFree(free);
    const sentS = Math.max(dueS, free[place] ?? 0);
    const answeredS = answer(sentS, OPEN.medianS);
    free[place] = answeredS;
    return { dueS, sentS, answeredS, isError: draw() < ERRORS };
  });
}

function closedLoop(answer: Answer, draw: () => number): readonly Insert[] {
  const free: number[] = Array(CLOSED.places).fill(0);
  const inserts: Insert[] = [];
  for (;;) {
    const place = firstFree(free);
    const sentS = free[place] ?? 0;
    if (sentS >= DURATION_S) return inserts;
    const answeredS = answer(sentS, CLOSED.medianS);
    free[place] = answeredS;
    inserts.push({ dueS: sentS, sentS, answeredS, isError: draw() < ERRORS });
  }
}

const EMPTY = madeReport([], { durationS: DURATION_S, warmupS: 0, rowsPerS: ROWS * OPEN.perS, shard: null });
const histogram = emptyHistogram();

function recorded(timesS: readonly number[]) {
  histogram.reset();
  for (const seconds of timesS) histogram.recordValue(Math.round(seconds * 1e6));
  return histogram;
}

function latencyOf(timesS: readonly number[]): LatencyJson {
  const summary = summarize(recorded(timesS), 1e9 * timesS.reduce((sum, seconds) => sum + seconds, 0));
  return {
    ...summary,
    // Made where it is asked for: only one run a side needs it.
    get hdr() {
      return encodeIntoCompressedBase64(recorded(timesS));
    },
  };
}

/** Of a point's few inserts. */
function pointLatency(timesS: readonly number[]): PointLatency {
  const sorted = timesS.map((seconds) => 1000 * seconds).sort((a, b) => a - b);
  const { length } = sorted;
  const at = (share: number, least = 1): number | null =>
    length < least ? null : (sorted[Math.max(0, Math.ceil(share * length) - 1)] ?? null);
  return {
    count: length,
    min: at(0),
    mean: length === 0 ? null : sorted.reduce((sum, ms) => sum + ms, 0) / length,
    p50: at(0.5),
    p90: at(0.9, 10),
    p95: at(0.95, 20),
    p99: at(0.99, 100),
    p999: at(0.999, 1000),
    max: at(1),
  };
}

function reportOf(inserts: readonly Insert[], { runs }: Law, loop: Loop, seed: number, draw: () => number): Report {
  const served = inserts.filter(({ isError }) => !isError);
  const rows = ROWS * inserts.length;
  const failed = rows - ROWS * served.length;
  // What lies partly behind the end of a closed loop counts for the part before it; an open one kept up.
  const partOf = ({ sentS, answeredS }: Insert): number => Math.min(1, (DURATION_S - sentS) / (answeredS - sentS));
  const answered = ROWS * (loop === "open" ? served.length : served.reduce((sum, insert) => sum + partOf(insert), 0));
  const cpuLevel = CPU.perSecondS * Math.exp(runs * normal(draw));
  const latency = latencyOf(served.map(({ dueS, answeredS }) => answeredS - dueS));
  const service = loop === "closed" ? latency : latencyOf(served.map(({ sentS, answeredS }) => answeredS - sentS));
  return {
    ...EMPTY,
    run_id: `run-${seed}`,
    measured: {
      ...EMPTY.measured,
      scheduled: rows,
      generated: rows,
      acknowledged: rows - failed,
      failed,
      answered,
      inserts: { acknowledged: served.length, failed: inserts.length - served.length, unknown: 0 },
    },
    target_rows_per_s: loop === "open" ? ROWS * OPEN.perS : null,
    achieved_rows_per_s: answered / DURATION_S,
    latency_ms: loop === "open" ? Object.assign(latency, { lower_bounds: 0 }) : null,
    service_ms: service,
    lateness_ms: null,
    series: seriesOf(inserts, loop, () => cpuLevel * (1 + CPU.deviation * normal(draw))),
  };
}

function seriesOf(inserts: readonly Insert[], loop: Loop, cpuS: () => number): readonly Point[] {
  const ended: Insert[][] = Array.from({ length: DURATION_S }, () => []);
  const due: number[] = Array(DURATION_S).fill(0);
  for (const insert of inserts) {
    ended[Math.floor(insert.answeredS)]?.push(insert);
    const second = Math.floor(insert.dueS);
    if (second < due.length) due[second] = (due[second] ?? 0) + ROWS;
  }
  return ended.map((some, second): Point => {
    const served = some.filter(({ isError }) => !isError);
    const latency = pointLatency(served.map(({ dueS, answeredS }) => answeredS - dueS));
    return {
      t_s: second + 1,
      seconds: 1,
      warmup: false,
      scheduled: due[second] ?? 0,
      rows: ROWS * served.length,
      inserts: some.length,
      errors: some.length - served.length,
      latency_ms: latency,
      service_ms: loop === "closed" ? latency : pointLatency(served.map(({ sentS, answeredS }) => answeredS - sentS)),
      in_flight: 0,
      lag_ms: 0,
      cpu_s: cpuS(),
    };
  });
}
