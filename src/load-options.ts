// The options that say how load comes and for how long: rate, stages, arrivals, warm-up, overload, shards. Pure. Called by
// options.ts.

import type { Options } from "./options.js";
import { parseRate, parseShard, parseShare, parseTime, SPANS } from "./quantities.js";
import type { Reader } from "./reader.js";
import type { Ratio } from "./schedule.js";
import { areEmpty, parseStage, type Stage } from "./stage.js";

/** `rate`: undefined where it cannot be read, which is a problem told already. */
type LoadOptions = Pick<
  Options,
  | "rateText"
  | "stages"
  | "arrivals"
  | "durationNs"
  | "durationGiven"
  | "warmUpNs"
  | "maxLagNs"
  | "abortBelow"
  | "shard"
  | "startAtNs"
> & { readonly rate: Ratio | "max" | undefined };

/** What only a schedule can have, and a closed loop has none. */
const OF_SCHEDULES = ["arrivals", "overload", "max-lag", "abort-below", "shard"] as const;
/** What the shards of a run must agree on. */
const OF_SHARDS = ["run-id", "seed", "start-at"] as const;

export function readLoad(reader: Reader): LoadOptions {
  const stages = readStages(reader);
  const rate = stages === undefined ? readRate(reader) : firstRate(stages);
  const warmUpNs = reader.duration("warmup", SPANS.warmUp);
  const measuredNs =
    stages === undefined
      ? reader.duration("duration", SPANS.run)
      : stages.reduce((sum, { durationNs }) => sum + durationNs, 0n);
  const durationNs = warmUpNs + measuredNs;
  if (durationNs > SPANS.run.to && (stages !== undefined || warmUpNs > 0n)) {
    const what = `${stages === undefined ? reader.label("duration") : `all of ${reader.label("stage")}`}`;
    reader.problem(`${what}${warmUpNs > 0n ? ` and ${reader.label("warmup")}` : ""} must last at most 2160h together`);
  }
  if (rate === "max") {
    for (const name of OF_SCHEDULES.filter((one) => reader.isGiven(one))) {
      reader.problem(
        `${reader.label(name)} cannot be used with ${reader.label("rate")} max: a closed loop has no schedule`,
      );
    }
  }
  return {
    rate,
    rateText: stages === undefined ? (reader.text("rate").value ?? "") : reader.texts("stage").values.join(" "),
    stages: stages ?? [],
    arrivals: reader.choice("arrivals", ["constant", "poisson"]) ?? "constant",
    durationNs,
    durationGiven: stages !== undefined || reader.isGiven("duration"),
    warmUpNs,
    maxLagNs: readMaxLag(reader),
    abortBelow: reader.value("abort-below", "a percentage above 0% and below 100%, such as 95%", undefined, parseShare),
    shard: readShard(reader),
    startAtNs: reader.value(
      "start-at",
      "a date and time from 1970 to 2199 such as 2026-01-31T12:00:00Z",
      undefined,
      parseTime,
    ),
  };
}

export const readRate = (reader: Reader): Ratio | "max" | undefined =>
  reader.value(
    "rate",
    "rows per second above 0 and up to 1000M, such as 5, 2.5, 250k or 1.5M, or max",
    undefined,
    parseRate,
  );

/** Undefined: rate and duration say it. */
function readStages(reader: Reader): readonly Stage[] | undefined {
  // A rate on the command line goes before stages of the config file.
  if (!reader.isGiven("stage") || ["rate", "duration"].some((name) => reader.goesBefore(name, "stage"))) {
    return undefined;
  }
  const { label, values } = reader.texts("stage");
  for (const name of ["rate", "duration"]) {
    if (reader.areTogether("stage", name)) {
      reader.problem(`${reader.label(name)} cannot be used with ${label}: each stage has a time and a rate`);
    }
  }
  const stages = values.map(parseStage);
  for (const stage of stages) {
    if (typeof stage === "string") reader.problem(`${label} ${stage}`);
  }
  const read = stages.filter((stage) => typeof stage !== "string");
  if (read.length === stages.length && areEmpty(read)) {
    reader.problem(
      `${label} ${values.join(" ")} makes no rows: give a stage that lasts, and a rate above 0 at its start or its end`,
    );
  }
  return read;
}

/** What the warm-up runs at. */
const firstRate = (stages: readonly Stage[]): Ratio =>
  stages.find(({ rowsPerSecond }) => rowsPerSecond.numerator > 0n)?.rowsPerSecond ?? { numerator: 1n, denominator: 1n };

function readMaxLag(reader: Reader): bigint | undefined {
  const drops = reader.choice("overload", ["catch-up", "drop"]) === "drop";
  if (drops) return reader.isGiven("max-lag") ? reader.duration("max-lag", SPANS.maxLag) : 1_000_000_000n;
  if (reader.isGiven("max-lag")) {
    reader.problem(`${reader.label("max-lag")} needs --overload drop: otherwise late batches are sent all the same`);
  }
  return undefined;
}

function readShard(reader: Reader): Options["shard"] {
  const shard = reader.value(
    "shard",
    "this process's number and how many there are, from 1/1 to 1000/1000, such as 1/3",
    undefined,
    parseShard,
  );
  if (shard === undefined) return undefined;
  const label = reader.label("shard");
  const isDrawn = !reader.isGiven("replay") || reader.text("arrivals").value === "poisson";
  for (const name of OF_SHARDS.filter((one) => !reader.isGiven(one) && (one !== "seed" || isDrawn))) {
    reader.problem(`${label} needs --${name}, the same for all shards`);
  }
  if (reader.switch("embedded")) {
    reader.problem(`${label} cannot be used with ${reader.label("embedded")}: each shard would have its own server`);
  }
  return shard;
}
