// How fast are rows rendered on one core? The kernel against JSON.stringify of freshly made objects, in turn.
// `npm run bench:render -- [--rounds 7] [--seconds 2]`; one contender is timed for `seconds` in each round.

import { parseArgs } from "node:util";
import { eventColumns } from "../src/rows/column.js";
import type { Column } from "../src/rows/value.js";
import { type Batch, holding, Schedule } from "../src/schedule.js";
import { makeRenderer } from "./kernel.js";
import { event, webEvent } from "./objects.js";
import { inTurn, numberFlag, printAim, printHead, printTable, say, show, spread } from "./results.js";
import { webEventColumns } from "./web-event.js";

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "7" }, seconds: { type: "string", default: "2" } },
});
const ROUNDS = numberFlag("rounds", values.rounds, 1);
const SECONDS = numberFlag("seconds", values.seconds, 0.1);
const WARM_UP_SECONDS = Math.min(1, SECONDS);

/** The program's defaults: --batch-rows, and --in-flight slots and one. */
const BATCH_ROWS = 50_000;
const SLOTS = 9;
/** What fits into a core's own cache with all its slots. */
const CACHED_ROWS = 500;
const RUN_ID = "0123456789ab";
const DATA_START_MS = Date.UTC(2026, 0, 1);

interface Table {
  readonly name: string;
  readonly columns: readonly Column[];
  readonly object: (timestampMs: number, row: number) => object;
  readonly aimMillions: number;
  readonly aimRatio: number;
}

const TABLES: readonly Table[] = [
  {
    name: "default table",
    columns: eventColumns(RUN_ID),
    object: (timestampMs, row) => event(timestampMs, RUN_ID, row),
    aimMillions: 30,
    aimRatio: 15,
  },
  { name: "web event", columns: webEventColumns, object: webEvent, aimMillions: 20, aimRatio: 40 },
];

/** Renders one batch; returns its bytes. */
type Render = (batch: Batch) => number | Promise<number>;

interface Contender {
  readonly name: string;
  readonly batchRows: number;
  readonly render: Render;
  /** M rows/s of each round. */
  readonly speeds: number[];
  rows: number;
  bytes: number;
}

/** Rows have times of a rate of a million a second: a thousand of them share a millisecond. */
function batches(batchRows: number): (number: number) => Batch {
  const schedule = new Schedule({
    kind: "open",
    pieces: [holding({ numerator: 1_000_000n, denominator: 1n }, 90n * 86_400_000_000_000n)],
    warmUpNs: 0n,
    poissonSeed: undefined,
    batchRows,
    flushNs: 1_000_000_000n,
    dataSpanNs: undefined,
  });
  return (number) => {
    const batch = schedule.batch(number);
    if (batch === undefined) throw new RangeError(`the schedule ends before batch ${number}`);
    return batch;
  };
}

/** As a worker does it: into one slot after the other, in slices that let other events have their turn. */
function kernelRender(columns: readonly Column[], batchRows: number): Render {
  const renderer = makeRenderer(columns, SLOTS, batchRows);
  let turn = 0;
  return async (batch) => {
    const slot = renderer.slots[turn++ % SLOTS];
    if (slot === undefined) throw new RangeError("no slot");
    await renderer.fill(slot, batch, BigInt(DATA_START_MS) * 1_000_000n);
    if (turn === 1) checkRows(renderer.body(slot), columns, batch.rows);
    return slot.bytes;
  };
}

/** What is timed below is only worth comparing when it is right. */
function checkRows(body: Uint8Array, columns: readonly Column[], rows: number): void {
  const lines = Buffer.from(body).toString().trimEnd().split("\n");
  if (lines.length !== rows) throw new Error(`${lines.length} rows, not ${rows}`);
  for (const line of lines) {
    const names = Object.keys(JSON.parse(line) as object).join();
    if (names !== columns.map(({ name }) => name).join()) throw new Error(`not a row of the table: ${line}`);
  }
}

const timestampMs = (row: number): number => DATA_START_MS + Math.floor(row / 1000);

/** The strings are thrown away: the least that JSON.stringify can do. */
function stringRender(object: Table["object"]): Render {
  return ({ firstRow, rows }) => {
    let bytes = 0;
    for (let row = firstRow; row < firstRow + rows; row++) {
      // All texts here are ASCII: as many bytes as characters, and a line feed.
      bytes += JSON.stringify(object(timestampMs(row), row)).length + 1;
    }
    return bytes;
  };
}

/** Into a slot, as the kernel does. */
function bytesRender(object: Table["object"], batchRows: number): Render {
  const slots = Array.from({ length: SLOTS }, () => Buffer.alloc(batchRows * 400));
  let turn = 0;
  return ({ firstRow, rows }) => {
    const slot = slots[turn++ % SLOTS] ?? Buffer.alloc(0);
    let at = 0;
    for (let row = firstRow; row < firstRow + rows; row++) {
      at += slot.write(`${JSON.stringify(object(timestampMs(row), row))}\n`, at);
    }
    return at;
  };
}

/** Millions of rows a second over `seconds`. */
async function timed(contender: Contender, seconds: number): Promise<number> {
  const batch = batches(contender.batchRows);
  const startMs = performance.now();
  let rows = 0;
  let elapsedMs = 0;
  for (let number = 0; elapsedMs < seconds * 1000; number++) {
    contender.bytes += await contender.render(batch(number));
    rows += contender.batchRows;
    elapsedMs = performance.now() - startMs;
  }
  contender.rows += rows;
  return rows / elapsedMs / 1000;
}

async function compare(table: Table): Promise<void> {
  const contender = (name: string, batchRows: number, render: Render): Contender => ({
    name,
    batchRows,
    render,
    speeds: [],
    rows: 0,
    bytes: 0,
  });
  const kernel = contender("kernel", BATCH_ROWS, kernelRender(table.columns, BATCH_ROWS));
  const strings = contender("JSON.stringify, string thrown away", BATCH_ROWS, stringRender(table.object));
  const contenders = [
    kernel,
    strings,
    contender("JSON.stringify, written into a slot", BATCH_ROWS, bytesRender(table.object, BATCH_ROWS)),
    contender(`kernel, ${CACHED_ROWS} rows a batch`, CACHED_ROWS, kernelRender(table.columns, CACHED_ROWS)),
  ];
  for (const one of contenders) await timed(one, WARM_UP_SECONDS);
  await inTurn(contenders, ROUNDS, async (one) => {
    one.speeds.push(await timed(one, SECONDS));
  });
  const rowBytes = (one: Contender): number => one.bytes / one.rows;
  const ratios = (one: Contender): number[] => kernel.speeds.map((speed, round) => speed / (one.speeds[round] ?? 0));
  printTable(
    [`${table.name}, ${table.columns.length} columns`, "M rows/s", "GB/s", "bytes/row", "kernel is faster by"],
    contenders.map((one) => [
      one.name,
      show(one.speeds, 2),
      ((spread(one.speeds).median * rowBytes(one)) / 1000).toFixed(2),
      rowBytes(one).toFixed(1),
      one.batchRows === BATCH_ROWS && one !== kernel ? show(ratios(one), 1) : "",
    ]),
  );
  printAim("kernel, M rows/s", spread(kernel.speeds).median, "at least", table.aimMillions);
  printAim("kernel against JSON.stringify, times", spread(ratios(strings)).median, "at least", table.aimRatio);
  say("");
}

printHead("How fast are rows rendered on one core? Kernel against JSON.stringify of freshly made objects.", {
  v8: process.versions.v8,
});
say(
  `median (min–max) of ${ROUNDS} rounds of ${SECONDS} s each, taken in turn; batches of ${BATCH_ROWS} rows into ${SLOTS} slots in turn\n`,
);
for (const table of TABLES) await compare(table);
