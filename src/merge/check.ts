// Why reports are not the shards of one run. Pure.

import { isDeepStrictEqual } from "node:util";
import type { Named } from "../report/read.js";
import type { Report } from "../report/schema.js";

/** What each process has of its own; a file may lie elsewhere on another machine. */
const OWN: ReadonlySet<string> = new Set([
  "shard",
  "workers",
  "in-flight",
  "clickhouse-url",
  "config",
  "replay",
  "ledger",
  "tls-ca",
  "tls-cert",
  "tls-key",
  "tls-insecure",
]);

/** "2/3" → the second of three, from 1. */
export function partOf({ options }: Report): { readonly index: number; readonly of: number } | undefined {
  if (options.shard === null) return undefined;
  const [index = 0, of = 0] = options.shard.split("/").map(Number);
  return { index, of };
}

/** A sentence for each reason; none: they are all the shards of one run. */
export function whyNotOneRun(reports: readonly Named[]): readonly string[] {
  const [first, ...others] = reports;
  if (first === undefined) return [];
  const whole = reports.filter(({ report }) => partOf(report) === undefined);
  if (whole.length > 0) {
    return whole.map(({ file, report }) =>
      report.shards === undefined
        ? `${file} is not of a shard: its run was made without --shard`
        : `${file} is merged already, of ${report.shards.length} shards: give it the reports of these`,
    );
  }
  return [
    ...others.flatMap((other) => differences(first, other)),
    ...partProblems(reports),
    ...reports.flatMap(histogramProblems),
  ];
}

/** Without histograms there are no exact quantiles of the run. */
function histogramProblems({ file, report }: Named): readonly string[] {
  const bare = report.series.find((point) =>
    [point.latency_ms, point.service_ms].some(({ count, hdr }) => count > 0 && hdr === undefined),
  );
  if (bare === undefined) return [];
  return [`${file} has no histogram for its second ${bare.t_s}: it is not as a shard wrote it`];
}

function differences(first: Named, other: Named): readonly string[] {
  const [a, b] = [first.report, other.report];
  if (a.run_id !== b.run_id) return [`${other.file} is of run ${b.run_id}, ${first.file} of run ${a.run_id}`];
  const problems: string[] = [];
  if (a.started_at !== b.started_at) {
    problems.push(
      `${other.file} started at ${b.started_at}, ${first.file} at ${a.started_at}: the shards of a run have one --start-at`,
    );
  }
  for (const [name, value] of Object.entries(b.options)) {
    const expected = (a.options as Readonly<Record<string, unknown>>)[name];
    if (OWN.has(name) || isDeepStrictEqual(value, expected)) continue;
    problems.push(`${other.file} has ${name} ${JSON.stringify(value)}, ${first.file} ${JSON.stringify(expected)}`);
  }
  const expressions = ({ thresholds }: Report): readonly string[] => thresholds.map(({ expression }) => expression);
  if (!isDeepStrictEqual(expressions(a), expressions(b))) {
    const texts = (report: Report): string => expressions(report).join(" ") || "none";
    problems.push(
      `${other.file} has thresholds ${texts(b)}, ${first.file} ${texts(a)}: the shards of a run have the same`,
    );
  }
  return problems;
}

/** Each part has to be there, once. */
function partProblems(reports: readonly Named[]): readonly string[] {
  const parts = reports.flatMap(({ file, report }) => {
    const part = partOf(report);
    return part === undefined ? [] : [{ file, ...part }];
  });
  const [{ file: firstFile, of } = { file: "", of: 0 }] = parts;
  const odd = parts.filter((part) => part.of !== of);
  if (odd.length > 0) {
    return odd.map((part) => `${part.file} is one of ${part.of} shards, ${firstFile} one of ${of}`);
  }
  const problems: string[] = [];
  const missing: number[] = [];
  for (let index = 1; index <= of && missing.length < 10; index++) {
    const files = parts.filter((part) => part.index === index).map(({ file }) => file);
    if (files.length === 0) missing.push(index);
    if (files.length > 1) problems.push(`shard ${index}/${of} is there ${files.length} times: ${files.join(", ")}`);
  }
  const impossible = parts.filter(({ index }) => index > of);
  problems.push(...impossible.map(({ file, index }) => `${file} is shard ${index} of ${of}, which cannot be`));
  problems.push(...missing.map((index) => `the report of shard ${index}/${of} is missing`));
  return problems;
}
