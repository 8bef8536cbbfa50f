// A compressor by itself, as a worker has it: batch after batch, one at a time. How fast, how small, at what price in CPU, and how
// long the thread's event loop, which paces inserts and stamps answers, is held.

import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { type Codec, Compressor } from "../src/compress.js";
import { eventColumns } from "../src/rows/column.js";
import type { Format } from "../src/rows/program.js";
import type { Column } from "../src/rows/value.js";
import { claimedBatch } from "../src/schedule.js";
import { makeRenderer } from "./kernel.js";
import type { Effort } from "./parts.js";
import { inTurn, printTable, say, show } from "./results.js";
import { webEventColumns } from "./web-event.js";

const BATCH_ROWS = 50_000;
const START_NS = 1_767_225_600_000_000_000n;
/** What a loop is held by anyway, by the machine and its other programs: the same, waiting so long in place of compressing. */
const WAIT_MS = 20;

const CASES: readonly (readonly [name: string, columns: readonly Column[], format: Format])[] = [
  ["default table, JSONEachRow", eventColumns("0123456789ab"), "JSONEachRow"],
  ["default table, Native", eventColumns("0123456789ab"), "Native"],
  ["web event, JSONEachRow", webEventColumns, "JSONEachRow"],
  ["web event, Native", webEventColumns, "Native"],
];

interface Contender {
  readonly name: string;
  /** One batch; returns the bytes that came out. */
  readonly once: () => Promise<number>;
  readonly gigabytesPerS: number[];
  readonly ratios: number[];
  readonly cpuS: number[];
  /** Of the event loop, in ms a batch. */
  readonly busyMs: number[];
  readonly longestMs: number[];
}

const contender = (name: string, once: Contender["once"]): Contender => ({
  name,
  once,
  gigabytesPerS: [],
  ratios: [],
  cpuS: [],
  busyMs: [],
  longestMs: [],
});

export async function codec({ rounds, seconds, warmUpS }: Effort): Promise<void> {
  for (const [name, columns, format] of CASES) {
    const renderer = makeRenderer(columns, 1, BATCH_ROWS, format);
    const [slot] = renderer.slots;
    if (slot === undefined) throw new RangeError("no slot");
    await renderer.fill(slot, claimedBatch(0, BATCH_ROWS, 0), START_NS);
    const body = renderer.body(slot);
    const waiting = contender("nothing, waiting", () => sleep(WAIT_MS, 0));
    const compressing = (["gzip", "zstd", "lz4"] as const).map((way) => contender(way, compressOnce(way, body)));
    const all = [...compressing, waiting];
    for (const one of all) await play(one, body.length, warmUpS);
    for (const { gigabytesPerS, ratios, cpuS, busyMs, longestMs } of all) {
      for (const figures of [gigabytesPerS, ratios, cpuS, busyMs, longestMs]) figures.length = 0;
    }
    await inTurn(all, rounds, (one) => play(one, body.length, seconds));
    say(`batches of ${BATCH_ROWS} rows, ${(body.length / 1e6).toFixed(1)} MB`);
    printTable(
      [name, "GB/s before compression", "times smaller", "CPU-s/M rows", "loop busy, ms a batch", "held at most, ms"],
      all.map((one) => [
        one.name,
        one === waiting ? "" : show(one.gigabytesPerS, 3),
        one === waiting ? "" : show(one.ratios, 2),
        show(one.cpuS, 3),
        show(one.busyMs, 2),
        show(one.longestMs, 1),
      ]),
    );
  }
}

function compressOnce(way: Codec, body: Uint8Array): Contender["once"] {
  const compressor = new Compressor(way);
  return async () => {
    await compressor.fill(0, body);
    return compressor.body(0).length;
  };
}

async function play(one: Contender, bodyBytes: number, seconds: number): Promise<void> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const [cpu, loop, startMs] = [process.cpuUsage(), performance.eventLoopUtilization(), performance.now()];
  let [batches, out] = [0, 0];
  for (; performance.now() - startMs < seconds * 1000; batches++) out += await one.once();
  const tookMs = performance.now() - startMs;
  const { user, system } = process.cpuUsage(cpu);
  delay.disable();
  one.gigabytesPerS.push((batches * bodyBytes) / tookMs / 1e6);
  one.ratios.push((batches * bodyBytes) / out);
  one.cpuS.push((user + system) / (batches * BATCH_ROWS));
  one.busyMs.push(performance.eventLoopUtilization(loop).active / batches);
  one.longestMs.push(delay.max / 1e6);
}
