// What do metrics, traces and histograms cost at full rate? The generator's CPU time per row with everything (metrics scraped
// once a second, traces to a server that discards them) against the same with neither, in pairs. Histograms cannot be
// switched off: what they cost is measured in a loop.

import { setTimeout as sleep } from "node:timers/promises";
import { request } from "undici";
import { difference, emptyHistogram, HISTOGRAM_BYTES, merge, SharedHistogram, summarize } from "../src/latency.js";
import { BATCH_ROWS, type Contender, clickstorm, playRound } from "./contender.js";
import { type Discarder, freePort, type Nginx, startDiscarder } from "./nginx.js";
import type { Effort } from "./parts.js";
import { inTurn, printAim, printCommands, printTable, say, show, spread } from "./results.js";

const AIM = 1.03;
const SCRAPE_MS = 1000;
/** Of the latency, the service time and the lateness. */
const HISTOGRAMS = 3;
const RECORDED = 5_000_000;
const READINGS = 200;

/** The highest rate in rows, and the highest in inserts. */
const LOADS = [
  { name: `inserts of ${BATCH_ROWS} rows`, batchRows: BATCH_ROWS },
  { name: "inserts of one row", batchRows: 1 },
];

export async function overhead(nginx: Discarder, { rounds, ...spec }: Effort, program: Nginx): Promise<void> {
  const collector = await startDiscarder(program);
  const port = await freePort();
  const scraper = scrape(`http://127.0.0.1:${port}/metrics`);
  const watching = ["--metrics-port", String(port), "--otlp-endpoint", collector.url];
  const flags = ["--blind", "--workers", "1"];
  const pairs = LOADS.map(({ name, batchRows }) => ({
    name,
    everything: clickstorm(flags, `${name}, everything`, batchRows, watching),
    nothing: clickstorm(flags, `${name}, neither`, batchRows),
  }));
  try {
    for (const { everything, nothing } of pairs) {
      const traces = await collector.inserts();
      const scrapes = scraper.count();
      await inTurn([everything, nothing], rounds, (contender) => playRound(contender, nginx, spec));
      if ((await collector.inserts()) === traces) throw new Error("no traces have reached the collector");
      if (scraper.count() < scrapes + rounds) throw new Error("the metrics were not scraped");
    }
  } finally {
    await scraper.stop();
    await collector.stop();
  }

  printCommands(pairs.flatMap(({ everything, nothing }) => [everything, nothing]));
  printTable(
    ["to a discarding nginx", "thousand rows/s", "CPU-s/M rows", "everything / neither"],
    pairs.flatMap(({ everything, nothing }) => [line(everything, ratios(everything, nothing)), line(nothing)]),
  );
  for (const { name, everything, nothing } of pairs) {
    printAim(`CPU, everything / neither, ${name}`, spread(ratios(everything, nothing)).median, "at most", AIM);
  }
  say("");
  histograms(pairs.map(({ name, nothing }) => ({ name, nothing })));
}

const cpu = ({ windows }: Contender): number[] => windows.map(({ senderCpu }) => senderCpu ?? Number.NaN);

/** Round by round, CPU time per row. */
function ratios(one: Contender, other: Contender): number[] {
  const others = cpu(other);
  return cpu(one).map((seconds, round) => seconds / (others[round] ?? Number.NaN));
}

function line(contender: Contender, compared: readonly number[] = []): string[] {
  const speeds = contender.windows.map(({ rowsPerSecond }) => rowsPerSecond / 1000);
  const decimals = contender.batchRows === 1 ? 2 : 0;
  return [contender.name, show(speeds, decimals), show(cpu(contender), 3), compared.length ? show(compared, 3) : ""];
}

/** Reads it once a second, when somebody is there. */
function scrape(url: string): { readonly count: () => number; readonly stop: () => Promise<void> } {
  let [count, isOver] = [0, false];
  const scraping = (async () => {
    while (!isOver) {
      try {
        await (await request(url)).body.text();
        count++;
      } catch {
        // Nobody is there: between two runs, or in one without metrics.
      }
      await sleep(SCRAPE_MS);
    }
  })();
  return {
    count: () => count,
    stop: () => {
      isOver = true;
      return scraping;
    },
  };
}

/** CPU time of this process: others may be in the way. */
function cpuMs(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** What a worker pays for each insert, and the main thread for each second. */
function histograms(loads: readonly { readonly name: string; readonly nothing: Contender }[]): void {
  const shared = Array.from(
    { length: HISTOGRAMS },
    () => new SharedHistogram(new SharedArrayBuffer(HISTOGRAM_BYTES), 0),
  );
  // From 0.1 ms to a second, as many of each magnitude, so that the cells are not in the cache because they are few.
  const timesNs = Float64Array.from({ length: 4096 }, () => 10 ** (5 + 4 * Math.random()));
  const record = (): void => {
    for (let index = 0; index < RECORDED; index++) {
      for (const histogram of shared) histogram.recordNs(timesNs[index % timesNs.length] ?? 0);
    }
  };
  record();
  const insertNs = (cpuMs(record) * 1e6) / RECORDED;

  const [sum, rest, before] = [emptyHistogram(), emptyHistogram(), emptyHistogram()];
  const read = (): void => {
    for (let reading = 0; reading < READINGS; reading++) {
      for (const histogram of shared) summarize(difference(merge([histogram], sum), before, rest), 0);
    }
  };
  read();
  const secondMs = cpuMs(read) / READINGS;

  say(
    `${HISTOGRAMS} histograms of one worker: ${insertNs.toFixed(0)} ns an insert to record, ${secondMs.toFixed(2)} ms a second to read`,
  );
  for (const { name, nothing } of loads) {
    const rowsPerSecond = spread(nothing.windows.map((window) => window.rowsPerSecond)).median;
    const spentS = (rowsPerSecond / nothing.batchRows) * insertNs * 1e-9 + secondMs / 1000;
    const share = spentS / (spread(cpu(nothing)).median * (rowsPerSecond / 1e6));
    say(`${name}: ${(spentS * 1000).toFixed(1)} ms of CPU a second, ${(share * 100).toFixed(2)}% of the generator's`);
  }
}
