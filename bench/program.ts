// clickstorm itself, as a user runs it: the command in a process of its own, and the report it writes.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Child, startScript, temporaryDirectory } from "./process.js";

interface Quantiles {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** The fields of clickstorm/report/1 that are read here. */
export interface Report {
  readonly elapsed_s: number;
  readonly target_rows_per_s: number | null;
  readonly achieved_rows_per_s: number;
  readonly rows: Readonly<Record<"scheduled" | "acknowledged" | "landed" | "lost" | "duplicated", number>>;
  readonly inserts: { readonly acknowledged: number };
  /** Null in a closed loop. */
  readonly latency_ms: Quantiles | null;
  readonly service_ms: Quantiles;
  /** Due to sent; null in a closed loop. */
  readonly lateness_ms: Quantiles | null;
  readonly max_lag_ms: number;
  readonly generator_cpu: { readonly measured_s: number };
  readonly measured: { readonly from_s: number; readonly to_s: number };
  readonly series: readonly {
    readonly t_s: number;
    readonly warmup: boolean;
    readonly rows: number;
    readonly latency_ms: { readonly p99: number };
  }[];
}

export interface Program {
  readonly child: Child;
  /** Once it has ended by itself: every row acknowledged and, where it may ask, landed once. */
  report(): Promise<Report>;
  /** The same, asking it to end now. */
  finish(): Promise<Report>;
}

/** Unless that is what is measured: there is nobody to scrape, and no collector. */
const QUIET: readonly string[] = ["--no-metrics", "--no-traces"];

/** The command line, as a table shows it. */
export function commandLine(flags: readonly string[], watching = QUIET): string {
  return ["clickstorm", "run", ...flags, ...watching].join(" ");
}

export function startProgram(flags: readonly string[], limitS: number, watching = QUIET): Program {
  const file = join(temporaryDirectory(), "report.json");
  const child = startScript("../src/cli.js", ["run", ...flags, ...watching, "--report", file], limitS);
  const read = (): Report => JSON.parse(readFileSync(file, "utf8")) as Report;
  return {
    child,
    report: () => child.ended.then(read),
    finish: () => child.finish().then(read),
  };
}

/** What is left over of a run that should take `seconds`: starting, draining, asking. */
const SPARE_S = 120;

/** From beginning to end. */
export async function runProgram(flags: readonly string[], seconds: number): Promise<Report> {
  const program = startProgram(flags, seconds + SPARE_S);
  try {
    return await program.report();
  } finally {
    await program.child.kill();
  }
}
