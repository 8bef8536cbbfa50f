// How fast are the rows of a file read, checked and posted? Against a body that is made only once.
// `npm run bench:replay -- [--rounds N] [--seconds S] [--warm-up S] [--mib N]`; needs nginx, and room for the file.

import { closeSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { readKernel } from "../src/plan.js";
import { type FileState, lookAt } from "../src/replay/file.js";
import { Replayer, type ReplayPlan, slotBytes } from "../src/replay/replayer.js";
import { type Scan, scan } from "../src/replay/scan.js";
import { eventColumns } from "../src/rows/column.js";
import { claimedBatch } from "../src/schedule.js";
import { BATCH_ROWS, clickstorm, IN_FLIGHT, playRound, printWindows, staticBody } from "./contender.js";
import { makeRenderer } from "./kernel.js";
import { findNginx, startDiscarder } from "./nginx.js";
import { cleanUpAtExit, temporaryDirectory } from "./process.js";
import { inTurn, numberFlag, printAim, printHead, printTable, say, show, spread } from "./results.js";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "8" },
    "warm-up": { type: "string", default: "2" },
    mib: { type: "string", default: "1024" },
  },
});
const rounds = numberFlag("rounds", values.rounds, 1);
const seconds = numberFlag("seconds", values.seconds, 1);
const warmUpS = numberFlag("warm-up", values["warm-up"], 0);
const mib = numberFlag("mib", values.mib, 1);
const MIB = 2 ** 20;
/** Of none of the files here. */
const WINDOW_BYTES = 8 * MIB;
/** The compressed ones are this much of the plain one. */
const COMPRESSED_PARTS = 4;

/** Rows of the default table, each of them another, in a file of at least `bytes`. */
async function writeRows(path: string, bytes: number, pack: (rows: Uint8Array) => Uint8Array): Promise<void> {
  const renderer = makeRenderer(eventColumns("replay-bench1"), 1, BATCH_ROWS);
  const [slot] = renderer.slots;
  if (slot === undefined) throw new RangeError("no slot");
  const file = openSync(path, "w");
  for (let written = 0, batch = 0; written < bytes; written += slot.bytes, batch++) {
    await renderer.fill(slot, claimedBatch(batch, BATCH_ROWS, 0), 1_767_225_600_000_000_000n);
    writeSync(file, pack(renderer.body(slot)));
  }
  closeSync(file);
}

/** What a worker does without sending: decompressed GB/s, as long as a window. */
async function fillSpeed(plan: ReplayPlan): Promise<number> {
  const replayer = new Replayer(readKernel(), plan, IN_FLIGHT + 1, slotBytes(plan, BATCH_ROWS));
  let bytes = 0;
  const startMs = performance.now();
  for (let batch = 0; performance.now() - startMs < (seconds * 1000) / 4; batch++) {
    const slot = replayer.slots[batch % replayer.slots.length];
    if (slot === undefined) throw new RangeError("no slot");
    await replayer.fill(slot, claimedBatch(batch, BATCH_ROWS, 0), 0n);
    bytes += slot.bytes;
  }
  const perSecond = (bytes * 1000) / (performance.now() - startMs);
  await replayer.close();
  return perSecond / 1e9;
}

async function scanned(file: FileState): Promise<{ readonly found: Scan; readonly speed: number }> {
  const startMs = performance.now();
  const found = await scan(file, readKernel(), BATCH_ROWS);
  if (found === undefined) throw new Error("interrupted");
  return { found, speed: found.bytes / 1e6 / (performance.now() - startMs) };
}

async function readAndFill(files: readonly (readonly [name: string, path: string])[]): Promise<void> {
  const lines = files.flatMap(([name, path]) =>
    [undefined, { name: "timestamp", tickNs: 1_000_000n }].map((time) => ({
      name: time === undefined ? name : `${name}, --replay-time`,
      path,
      time,
      scans: [] as number[],
      fills: [] as number[],
    })),
  );
  await inTurn(lines, rounds, async (line) => {
    const { found, speed } = await scanned(lookAt(line.path, WINDOW_BYTES));
    if (line.time === undefined) line.scans.push(speed);
    line.fills.push(await fillSpeed({ scan: found, time: line.time }));
  });
  printTable(
    ["file, GB/s of rows", "reading and checking it before the start", "filling slots"],
    lines.map(({ name, scans, fills }) => [name, show(scans, 2), show(fills, 2)]),
  );
}

async function post(path: string): Promise<void> {
  const nginx = findNginx();
  if (nginx === undefined) {
    say("posting is skipped: there is no nginx here (Debian: apt-get install nginx-light)");
    return;
  }
  const discarder = await startDiscarder(nginx);
  const replay = clickstorm(["--blind", "--workers", "1", "--replay", path]);
  const static_ = staticBody();
  try {
    await inTurn([replay, static_], rounds, (one) => playRound(one, discarder, { warmUpS, seconds }));
  } finally {
    await discarder.stop();
  }
  const { found } = await scanned(lookAt(path, WINDOW_BYTES));
  const rowBytes = found.bytes / found.rows;
  printWindows("to a discarding nginx", replay, [static_]);
  const gigabytes = spread(replay.windows.map(({ rowsPerSecond }) => (rowsPerSecond * rowBytes) / 1e9));
  printAim("one worker, GB/s", gigabytes.median, "at least", 1);
}

cleanUpAtExit();
printHead("How fast are the rows of a file read, checked and posted?", { nginx: findNginx()?.version ?? "none" });
say(`median (min–max) of ${rounds} rounds, taken in turn, of ${seconds} s each after ${warmUpS} s of warm-up\n`);
const directory = temporaryDirectory();
const plain = join(directory, "rows.ndjson");
const gzip = join(directory, "rows.ndjson.gz");
await writeRows(plain, mib * MIB, (rows) => rows);
await writeRows(gzip, (mib * MIB) / COMPRESSED_PARTS, (rows) => gzipSync(rows));
await readAndFill([
  [`plain, ${mib} MiB`, plain],
  [`gzip, ${mib / COMPRESSED_PARTS} MiB of rows`, gzip],
]);
await post(plain);
