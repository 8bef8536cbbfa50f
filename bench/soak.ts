// Does the program stay as it is for as long as it runs? Memory, handles, timers and event-loop delay of each thread, once a second,
// of a load on the embedded ClickHouse, by itself or through a proxy that spoils some inserts:
// `npm run bench:soak -- [--minutes N] [--rate R] [--batch-rows N] [--faults]`. Exit code 1 where a figure grows, or a row is not accounted for.

import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type EmbeddedServer, startEmbedded } from "../src/embedded/server.js";
import type { Report } from "../src/report/schema.js";
import { type Fault, FaultProxy, type Plan } from "../test/support/fault-proxy.js";
import { type Bound, trendOf } from "./flat.js";
import { note, numberFlag, printHead, printTable, say } from "./results.js";
import { COLLECTS_EVERY_S, type Sample } from "./soak-probe.js";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    rate: { type: "string", default: "50k" },
    "batch-rows": { type: "string", default: "1000" },
    faults: { type: "boolean", default: false },
  },
});
const minutes = numberFlag("minutes", values.minutes, 1);

/** Compiling, filling pools and histograms: not looked at. */
const WARM_UP = 0.2;
/** Samples of the last seconds, in which threads end, likewise. */
const TAIL = 3;
const MB = 1e6;
/**
 * Garbage comes and goes; what is left without it may grow by the points of the series, a kilobyte a second. Delays are those of a
 * machine that others use.
 */
const BOUNDS = {
  memory: { share: 0.1, amount: 10 * MB },
  garbage: { share: 0.5, amount: 10 * MB },
  heap: { share: 0, amount: 1.5 * MB },
  count: { share: 0, amount: 2 },
  delay: { share: 0.5, amount: 15 },
} as const satisfies Record<string, Bound>;

/** One in a hundred inserts, each in another way. */
const FAULTS: readonly Fault[] = [
  { kind: "reset", at: "head" },
  { kind: "reset", at: "answer" },
  { kind: "answer", status: 503, passesOn: false },
  { kind: "silent", passesOn: true },
];
const EVERY = 100;
const spoil: Plan = ({ batch, attempt }) =>
  attempt === 1 && batch % EVERY === EVERY - 1 ? FAULTS[Math.floor(batch / EVERY) % FAULTS.length] : undefined;

interface Soaked {
  readonly code: number | null;
  readonly report: Report;
  readonly samples: readonly Sample[];
}

async function soak(server: EmbeddedServer): Promise<Soaked> {
  const proxy = values.faults ? await FaultProxy.open(server.port) : undefined;
  if (proxy !== undefined) proxy.plan = spoil;
  const folder = mkdtempSync(join(tmpdir(), "clickstorm-soak-"));
  try {
    const [report, samples] = [join(folder, "report.json"), join(folder, "samples.ndjson")];
    const cli = fileURLToPath(new URL("../src/cli.js", import.meta.url));
    const url = `http://127.0.0.1:${proxy?.port ?? server.port}`;
    const load = [
      "--rate",
      values.rate,
      "--duration",
      `${minutes * 60}s`,
      "--batch-rows",
      values["batch-rows"],
      "--workers",
      "2",
    ];
    const retries = ["--retries", "5", "--timeout", "2s", "--metrics-port", "0", "--no-traces"];
    const child = spawn(
      process.execPath,
      [cli, "run", "--clickhouse-url", url, ...load, ...retries, "--report", report],
      {
        stdio: ["ignore", "ignore", "inherit"],
        env: {
          ...process.env,
          NODE_OPTIONS: `--import ${new URL("./soak-probe.js", import.meta.url).href}`,
          SOAK_SAMPLES: samples,
        },
      },
    );
    const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
    const lines = readFileSync(samples, "utf8").split("\n").slice(0, -1);
    return {
      code,
      report: JSON.parse(readFileSync(report, "utf8")),
      samples: lines.map((line): Sample => JSON.parse(line)),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
    await proxy?.close();
    if (proxy !== undefined) say(`spoilt inserts: ${proxy.spoilt.length} of ${proxy.seen.length}`);
  }
}

interface Row {
  readonly name: string;
  readonly values: readonly number[];
  readonly bound: Bound;
  readonly unit: number;
  /** Seconds from one value to the next. */
  readonly everyS: number;
}

/** What is looked at of one thread. */
function rowsOf(thread: string, samples: readonly Sample[]): readonly Row[] {
  const row = (name: string, pick: (sample: Sample) => number | null, bound: Bound, unit = 1, everyS = 1): Row => ({
    name: `${thread}: ${name}`,
    values: samples.map(pick).filter((value) => value !== null),
    bound,
    unit,
    everyS,
  });
  const kinds = [...new Set(samples.flatMap(({ resources }) => Object.keys(resources)))].sort();
  return [
    ...(thread === "main" ? [row("RSS of the process, MB", ({ rss }) => rss, BOUNDS.memory, MB)] : []),
    row("heap with garbage, MB", ({ heapUsed }) => heapUsed, BOUNDS.garbage, MB),
    row("heap without, MB", ({ heapLive }) => heapLive, BOUNDS.heap, MB, COLLECTS_EVERY_S),
    row("external, MB", ({ external }) => external, BOUNDS.memory, MB),
    ...kinds.map((kind) => row(kind, ({ resources }) => resources[kind] ?? 0, BOUNDS.count)),
    row("event-loop delay p99, ms", ({ delayP99Ms }) => delayP99Ms, BOUNDS.delay),
    row("event-loop delay max, ms", ({ delayMaxMs }) => delayMaxMs, BOUNDS.delay),
  ];
}

const server = await startEmbedded({ login: "none" });
try {
  printHead("Does the program stay as it is for as long as it runs?", {});
  note(`a load of ${values.rate} rows/s for ${minutes} min${values.faults ? ", one insert in a hundred spoilt" : ""}`);
  const { code, report, samples } = await soak(server);
  const threads = [...new Set(samples.map(({ thread }) => thread))].sort();
  const rows = threads.flatMap((thread) => {
    const own = samples.filter((sample) => sample.thread === thread);
    return rowsOf(thread, own.slice(Math.ceil(WARM_UP * own.length), -TAIL));
  });
  const trends = rows.map((row) => ({ ...row, trend: trendOf(row.values, row.bound, row.everyS) }));
  const shown = (value: number, unit: number): string => (value / unit).toFixed(1);
  printTable(
    ["", "first third", "last third", "an hour", "largest", ""],
    trends.map(({ name, values: all, unit, trend: { first, last, perHour, isFlat } }) => [
      name,
      shown(first, unit),
      shown(last, unit),
      shown(perHour, unit),
      shown(Math.max(...all), unit),
      isFlat ? "flat" : "NOT FLAT",
    ]),
  );
  const { acknowledged, landed, lost, duplicated } = report.rows;
  const { retries } = report;
  say(
    `rows: acknowledged ${acknowledged}, landed ${landed}, lost ${lost}, duplicated ${duplicated}; retries ${retries}`,
  );
  const grown = trends.filter(({ trend }) => !trend.isFlat);
  say(grown.length === 0 ? "flat" : `NOT FLAT: ${grown.map(({ name }) => name).join("; ")}`);
  if (code !== 0) say(`the run ended with ${code}`);
  if (grown.length > 0 || code !== 0) process.exitCode = 1;
} finally {
  await server.stop();
}
