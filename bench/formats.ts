// What do the formats cost and gain? Rendering on one core, each against JSONEachRow; and into the embedded ClickHouse, each
// against JSONEachRow and against a static body of its own; the same with large inserts.
// `npm run bench:formats -- [render] [embedded] [large] [--rounds N] [--seconds S]`.

import { parseArgs } from "node:util";
import { startEmbedded } from "../src/embedded/server.js";
import { eventColumns } from "../src/rows/column.js";
import { FORMATS, type Format } from "../src/rows/program.js";
import type { Column } from "../src/rows/value.js";
import { claimedBatch } from "../src/schedule.js";
import { type Contender, clickstorm, playRound, ratios, rowsPerSecond, staticBody } from "./contender.js";
import { underLoad } from "./embedded.js";
import { example } from "./example.js";
import { makeRenderer } from "./kernel.js";
import { cleanUpAtExit } from "./process.js";
import {
  inTurn,
  note,
  numberFlag,
  printAim,
  printCommands,
  printHead,
  printTable,
  say,
  show,
  spread,
} from "./results.js";
import { webEventColumns } from "./web-event.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: "string" }, seconds: { type: "string" } },
});
const PARTS = ["render", "embedded", "large"];
const parts = positionals.length === 0 ? PARTS : positionals;
const wrong = parts.filter((name) => !PARTS.includes(name));
if (wrong.length > 0) {
  note(`there is no part ${wrong.join(", ")}: ${PARTS.join(", ")}`);
  process.exit(2);
}
const given = (name: "rounds" | "seconds", usual: number, least: number): number =>
  values[name] === undefined ? usual : numberFlag(name, values[name], least);

const BATCH_ROWS = 50_000;
/** As with the program's default of eight inserts in flight. */
const SLOTS = 9;
const START_NS = 1_767_225_600_000_000_000n;
const WARM_UP_S = 2;
/** A tenth of the parts: with small ones it is merging that a fast format runs into. */
const LARGE_BATCH_ROWS = 500_000;

interface Rendering {
  readonly format: Format;
  readonly render: (batch: number) => Promise<number>;
  /** M rows/s of each round. */
  readonly speeds: number[];
  bytes: number;
}

function rendering(columns: readonly Column[], format: Format): Rendering {
  const renderer = makeRenderer(columns, SLOTS, BATCH_ROWS, format);
  const render = async (batch: number): Promise<number> => {
    const slot = renderer.slots[batch % SLOTS];
    if (slot === undefined) throw new RangeError("no slot");
    await renderer.fill(slot, claimedBatch(batch, BATCH_ROWS, batch * 50_000_000), START_NS);
    return slot.bytes;
  };
  return { format, render, speeds: [], bytes: 0 };
}

async function timed({ render }: Rendering, seconds: number): Promise<number> {
  const startMs = performance.now();
  let batch = 0;
  while (performance.now() - startMs < seconds * 1000) await render(batch++);
  return (batch * BATCH_ROWS) / (performance.now() - startMs) / 1000;
}

/** `aims`: times the rows of JSONEachRow. */
async function compareRendering(name: string, columns: readonly Column[], aims: Partial<Record<Format, number>>) {
  const [rounds, seconds] = [given("rounds", 21, 1), given("seconds", 0.5, 0.1)];
  const all = FORMATS.map((format) => rendering(columns, format));
  for (const one of all) {
    await timed(one, 0.5);
    one.bytes = await one.render(1000);
  }
  await inTurn(all, rounds, async (one) => {
    one.speeds.push(await timed(one, seconds));
  });
  const [json] = all;
  const against = (one: Rendering): number[] => one.speeds.map((speed, round) => speed / (json?.speeds[round] ?? 0));
  say(`median (min–max) of ${rounds} rounds of ${seconds} s each, in turn; batches of ${BATCH_ROWS} rows\n`);
  printTable(
    [`${name}, ${columns.length} columns`, "M rows/s", "GB/s", "bytes/row", "× JSONEachRow"],
    all.map((one) => [
      one.format,
      show(one.speeds, 1),
      ((spread(one.speeds).median * one.bytes) / BATCH_ROWS / 1000).toFixed(2),
      (one.bytes / BATCH_ROWS).toFixed(1),
      one === json ? "" : show(against(one), 2),
    ]),
  );
  for (const one of all) {
    const aim = aims[one.format];
    if (aim !== undefined) printAim(`${one.format} / JSONEachRow`, spread(against(one)).median, "at least", aim);
  }
  say("");
}

const thousands = (contender: Contender): string =>
  show(
    rowsPerSecond(contender).map((speed) => speed / 1000),
    0,
  );

/** Windows of all of them, in turn, into the embedded server. */
async function playAll(contenders: readonly Contender[]): Promise<void> {
  const [rounds, seconds] = [given("rounds", 5, 1), given("seconds", 8, 1)];
  const server = await startEmbedded({ login: "none" });
  try {
    const { settle, receiver } = await underLoad(server);
    await inTurn(contenders, rounds, async (contender) => {
      await settle();
      await playRound(contender, receiver, { warmUpS: WARM_UP_S, seconds });
      note(`  ${contender.name}: ${Math.round(rowsPerSecond(contender).at(-1) ?? 0)} rows/s`);
    });
  } finally {
    await server.stop();
  }
  say(`median (min–max) of ${rounds} rounds, in turn, of ${seconds} s each after ${WARM_UP_S} s of warm-up\n`);
}

async function compareInserts(): Promise<void> {
  const pairs = FORMATS.map((format) => ({
    format,
    program: clickstorm(["--format", format], `clickstorm, ${format}`),
    ceiling: staticBody(format, `static body, ${format}`),
  }));
  await playAll(pairs.flatMap(({ program, ceiling }) => [program, ceiling]));
  printCommands(pairs.map(({ program }) => program));
  const json = pairs[0]?.program;
  printTable(
    [`inserts of ${BATCH_ROWS} rows`, "thousand rows/s", "static body", "clickstorm / static", "× JSONEachRow"],
    pairs.map(({ format, program, ceiling }) => [
      format,
      thousands(program),
      thousands(ceiling),
      show(ratios(program, ceiling), 3),
      json === undefined || program === json ? "" : show(ratios(program, json), 2),
    ]),
  );
  for (const { format, program, ceiling } of pairs) {
    printAim(`${format}, clickstorm / static`, spread(ratios(program, ceiling)).median, "at least", 0.95);
  }
  aimAtNative(pairs.map(({ program }) => program));
}

async function compareLarge(): Promise<void> {
  const all = FORMATS.map((format) => clickstorm(["--format", format], `clickstorm, ${format}`, LARGE_BATCH_ROWS));
  await playAll(all);
  printCommands(all);
  const [json] = all;
  printTable(
    [`inserts of ${LARGE_BATCH_ROWS} rows`, "thousand rows/s", "× JSONEachRow"],
    all.map((one, index) => [
      FORMATS[index] ?? "",
      thousands(one),
      json === undefined || one === json ? "" : show(ratios(one, json), 2),
    ]),
  );
  aimAtNative(all);
}

function aimAtNative(all: readonly Contender[]): void {
  const [json, native] = [all[FORMATS.indexOf("JSONEachRow")], all[FORMATS.indexOf("Native")]];
  if (json !== undefined && native !== undefined) {
    printAim("Native / JSONEachRow", spread(ratios(native, json)).median, "at least", 3);
  }
  say("");
}

cleanUpAtExit();
printHead("What do the formats cost and gain?", { v8: process.versions.v8 });
if (parts.includes("render")) {
  say("## render: how fast is each format rendered on one core?\n");
  await compareRendering("default table", eventColumns("0123456789ab"), { RowBinary: 1.5, Native: 2 });
  await compareRendering("web event", webEventColumns, {});
  const server = await startEmbedded({ login: "none" });
  const examples = [
    ["OpenTelemetry logs (example)", await example(server, "otel-logs", "otel_logs")],
    ["web events (example)", await example(server, "web-events", "web_events")],
    ["CPU metrics (example)", await example(server, "cpu-metrics", "cpu_metrics")],
  ] as const;
  await server.stop();
  for (const [name, columns] of examples) await compareRendering(name, columns, {});
}
if (parts.includes("embedded")) {
  say("## embedded: how many rows of each format does a real ClickHouse take?\n");
  await compareInserts();
}
if (parts.includes("large")) {
  say("## large: the same with fewer and larger parts to merge\n");
  await compareLarge();
}
