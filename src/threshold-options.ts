// --threshold: from what was given to Thresholds, or what is wrong with it. Pure. Called by options.ts, and by run.ts once
// the table is known.

import { quoted } from "./quoted.js";
import type { Reader } from "./reader.js";
import { count, whole } from "./text.js";
import { parseThreshold, samplesFor, THRESHOLD_NAMES, type Threshold } from "./threshold.js";

/** `closedLoop`: with --rate max. */
export function readThresholds(reader: Reader, closedLoop: boolean): readonly Threshold[] {
  const { label, source, values } = reader.texts("threshold");
  // A variable was cut at its spaces.
  const expressions =
    source === "variable"
      ? values
          .join(" ")
          .replace(/ *([<>=!]+) */g, "$1")
          .split(" ")
      : values;
  const thresholds: Threshold[] = [];
  for (const expression of expressions) {
    const threshold = parseThreshold(expression);
    if (typeof threshold !== "string") {
      const why = whyUnmeasurable(threshold, reader, closedLoop);
      if (why !== undefined) reader.problem(`${label} ${threshold.expression} cannot be used with ${why}`);
      thresholds.push(threshold);
      continue;
    }
    const got = quoted(expression);
    reader.problem(`${label} must be a name, an operator and a bound, such as p99<500ms, got ${got}: ${threshold}`);
    reader.problem(`names for ${label} are ${THRESHOLD_NAMES.join(", ")}`);
  }
  return thresholds;
}

/** The flag that keeps it from being measured, and why; undefined: none does. */
function whyUnmeasurable(
  { subject, expression, unit }: Threshold,
  reader: Reader,
  closedLoop: boolean,
): string | undefined {
  const max = `${reader.label("rate")} max:`;
  if (closedLoop && subject === "latency") return `${max} a closed loop has no latency; use service_${expression}`;
  if (closedLoop && subject === "lag") return `${max} a closed loop is never behind`;
  if (closedLoop && subject === "achieved_rate" && unit === "share") {
    return `${max} there is no target; give rows per second, such as achieved_rate>=100k`;
  }
  if (subject !== "rows_lost") return undefined;
  const unasked = (["blind", "no-verify"] as const).find((name) => reader.switch(name));
  return unasked && `${reader.label(unasked)}: nobody asks the server for its rows`;
}

/** Of so many inserts planned, those that take more to be judged. */
export function unjudgeable(thresholds: readonly Threshold[], inserts: number): readonly string[] {
  return thresholds.flatMap((threshold) => {
    const needs = samplesFor(threshold) ?? 0;
    if (inserts >= needs) return [];
    return `--threshold ${threshold.expression} can hardly be judged: it needs ${count(needs, "insert")}, and ${whole(inserts)} are planned; smaller batches or a longer run have more`;
  });
}

/** What a table that cannot be verified leaves without a figure. */
export function unverifiable(thresholds: readonly Threshold[], why: string | undefined): readonly string[] {
  if (why === undefined) return [];
  return thresholds
    .filter(({ subject }) => subject === "rows_lost")
    .map(({ expression }) => `--threshold ${expression} cannot be checked: ${why}`);
}
