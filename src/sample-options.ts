// What `sample` is asked to do, from raw flags and environment: options that mean to its rows what they mean to those of `run`
// (options.ts). Pure: asks no server, opens no file.

import type { Config } from "./config.js";
import { SAMPLE_FLAGS } from "./flags.js";
import { readRate } from "./load-options.js";
import {
  type Options,
  OptionsError,
  readDataSpan,
  readDataStart,
  readEndpoints,
  readFormat,
  readRunId,
  readSeed,
  readTable,
  type TableOptions,
} from "./options.js";
import { SPANS } from "./quantities.js";
import { type Environment, type FileText, type RawFlags, Reader } from "./reader.js";
import { NO_RULES } from "./rows/rule.js";
import type { Ratio } from "./schedule.js";
import { readTls } from "./tls-options.js";

export interface SampleOptions
  extends TableOptions,
    Pick<Options, "endpoints" | "tls" | "blind" | "rateText" | "seed"> {
  readonly rate: Ratio;
  readonly rows: number;
  /** Print what the rows follow, and no rows. */
  readonly explain: boolean;
  /** Print rules learned from the table, and no rows; `values`: the table's top texts among them. */
  readonly learn: { readonly values: boolean } | undefined;
  /** Whether all that the rows depend on was given: the same options give the same rows. */
  readonly repeatable: boolean;
}

/** Whether rules are to be learned: that makes a config file, and none is read for it. */
export function isLearning(raw: RawFlags, environment: Environment): boolean {
  return new Reader(SAMPLE_FLAGS, raw, environment).switch("learn");
}

/**
 * `config` and `files`: as for `run`, whose other options are no matter here. Throws an OptionsError with every problem at
 * once.
 */
export function resolveSample(
  raw: RawFlags,
  environment: Environment,
  config?: Config,
  files?: ReadonlyMap<string, FileText>,
): SampleOptions {
  const reader = new Reader(SAMPLE_FLAGS, raw, environment, config, files);
  const { options: tlsOptions, tls } = readTls(reader);
  const endpoints = readEndpoints(reader, reader.credentials(), tls);
  const explain = reader.switch("explain");
  const learn = readLearn(reader);
  const rate = readRate(reader);
  if (rate === "max" && !explain && learn === undefined) {
    reader.problem(
      `${reader.label("rate")} cannot be max: rows of a closed loop have the time they are made; give a number of rows per second`,
    );
  }
  // Where it is max: either a problem has been told, or --explain prints no times.
  const spacing: Ratio = rate === undefined || rate === "max" ? { numerator: 1n, denominator: 1n } : rate;
  const dataStartNs = readDataStart(reader);
  const options: SampleOptions = {
    endpoints,
    tls: tlsOptions,
    blind: reader.switch("blind"),
    table: readTable(reader, endpoints),
    tableGiven: reader.isGiven("table"),
    rows: reader.integer("rows", 1, 1_000_000_000, 1),
    explain,
    learn,
    rate: spacing,
    rateText: reader.text("rate").value ?? "",
    durationNs: reader.duration("duration", SPANS.run),
    seed: readSeed(reader),
    runId: readRunId(reader),
    dataStartNs,
    dataSpanNs: readDataSpan(reader, spacing, dataStartNs),
    rules: config?.rules ?? NO_RULES,
    format: readFormat(reader),
    repeatable: ["seed", "run-id", "data-start"].every((name) => reader.isGiven(name)),
  };
  if (reader.problems.length > 0) throw new OptionsError(reader.problems);
  return options;
}

/** What has no meaning where rules are learned, and why. */
const NOT_WITH_LEARN = [
  ["explain", "it tells what rows follow; look at the learned file with it afterwards"],
  ["blind", "it asks the server nothing, and rules are learned from the server's rows"],
  ["rows", "no rows are printed"],
  ["config", "it prints a config file, and reads none"],
  ["format", "no rows are printed"],
  ["seed", "no rows are printed"],
  ["run-id", "no rows are printed"],
  ["data-start", "no rows are printed"],
  ["data-span", "no rows are printed"],
] as const;

function readLearn(reader: Reader): SampleOptions["learn"] {
  const values = !reader.switch("no-values");
  if (!reader.switch("learn")) {
    if (!values) reader.problem(`${reader.label("no-values")} needs --learn: it leaves texts out of what is learned`);
    return undefined;
  }
  for (const [name, why] of NOT_WITH_LEARN) {
    // A variable may be there for other commands; a file for --config is given to this one.
    const isGiven = name === "config" ? reader.isGiven(name) : reader.source(name) === "flag";
    if (isGiven) reader.problem(`${reader.label(name)} cannot be used with ${reader.label("learn")}: ${why}`);
  }
  return { values };
}
