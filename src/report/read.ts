// A file → the report in it, or a sentence why not. Called by merge and compare, which alone wait for zod. Reads at most
// 200 MB, and nothing that may never end.

import type { z } from "zod";
import { addEncoded, emptyHistogram } from "../latency.js";
import { readWhole } from "../whole-file.js";
import { type Report, reportSchema, SCHEMA } from "./schema.js";

/** A run of 90 days in shards, with the histograms of its points, is a third of it. */
const LIMIT_BYTES = 200_000_000;

/** A report, and what to call it in sentences. */
export interface Named {
  readonly file: string;
  readonly report: Report;
}

export type Reading = { readonly report: Report } | { readonly problem: string };

/** The reports of these files, and a sentence for each that holds none. */
export async function readReports(
  files: readonly string[],
  signal?: AbortSignal,
): Promise<{
  readonly reports: readonly Named[];
  readonly problems: readonly string[];
}> {
  const reports: Named[] = [];
  const problems: string[] = [];
  // One after the other: together, a hundred would take their memory at once.
  for (const file of files) {
    const reading = await readReport(file, signal);
    if ("problem" in reading) problems.push(reading.problem);
    else reports.push({ file, report: reading.report });
  }
  return { reports, problems };
}

export async function readReport(file: string, signal?: AbortSignal): Promise<Reading> {
  const found = await readWhole(file, LIMIT_BYTES, signal);
  if ("fault" in found) return { problem: `${file}${found.fault}` };
  return parseReport(Buffer.from(found.bytes).toString("utf8"), file);
}

/** @param name of the file, for the sentence */
export function parseReport(text: string, name: string): Reading {
  if (text.trim() === "") return { problem: `${name} is empty` };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    const isBegun = text.trimStart().startsWith("{");
    return {
      problem: `${name} ${isBegun ? "is cut off or damaged: its JSON has no end" : "is not JSON, so no report"}`,
    };
  }
  const stranger = whyNotOurs(value);
  if (stranger !== undefined) return { problem: `${name} ${stranger}` };
  const parsed = reportSchema.safeParse(value);
  if (parsed.success) {
    const unreadable = whyUnreadable(parsed.data);
    return unreadable === undefined ? { report: parsed.data } : { problem: `${name}: ${unreadable}` };
  }
  return { problem: `${name}: ${sentenceOf(parsed.error.issues[0], value)}` };
}

/** Histograms are looked at before anything is made of them. */
function whyUnreadable(report: Report): string | undefined {
  const { latency_ms, service_ms, refused_ms, lateness_ms, sending_ms, generator } = report;
  const latencies = { latency_ms, service_ms, refused_ms, lateness_ms, sending_ms };
  const named = { ...latencies, "generator.unheld_service_ms": generator.unheld_service_ms };
  for (const [name, latency] of Object.entries(named)) {
    if (latency === null) continue;
    const histogram = emptyHistogram();
    try {
      addEncoded(histogram, latency.hdr);
    } catch (error) {
      return `${name}.hdr cannot be read: ${error instanceof Error ? error.message : error}`;
    }
    if (histogram.totalCount !== latency.count) {
      return `${name}.hdr holds ${histogram.totalCount} values, and its count is ${latency.count}`;
    }
  }
  return undefined;
}

/** Files that are something else tell so by their schema. */
function whyNotOurs(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null || !("schema" in value) || typeof value.schema !== "string") {
    return `is not the report of a run: it has no "schema": "${SCHEMA}"`;
  }
  const { schema } = value;
  if (schema === SCHEMA) return undefined;
  const command = /^clickstorm\/(ladder|max)\//.exec(schema)?.[1];
  if (command !== undefined) return `is the report of \`clickstorm ${command}\`, not of a run`;
  const version = /^clickstorm\/report\/(\d{1,4})$/.exec(schema)?.[1];
  if (version === undefined) return `is not the report of a run: its schema is another than ${SCHEMA}`;
  return `is of schema ${schema}, and this clickstorm reads ${SCHEMA}: ${
    Number(version) > 1 ? "use a newer clickstorm" : "make it anew"
  }`;
}

/** Where the first wrong field is, what it must be, and what it is. */
function sentenceOf(issue: z.core.$ZodIssue | undefined, value: unknown): string {
  if (issue === undefined) return "it has not the shape of a report";
  const path = issue.path
    .map((part, index) => (typeof part === "number" ? `[${part}]` : `${index === 0 ? "" : "."}${String(part)}`))
    .join("");
  const found = issue.path.reduce<unknown>(
    (inner, part) =>
      typeof inner === "object" && inner !== null ? (inner as Record<PropertyKey, unknown>)[part] : undefined,
    value,
  );
  if (found === undefined) return `${path} is missing`;
  return `${path} must be ${expectedBy(issue)}, got ${shown(found)}`;
}

function expectedBy(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return (
        { int: "a whole number", array: "a list", object: "an object", record: "an object", boolean: "true or false" }[
          issue.expected as string
        ] ?? `a ${issue.expected}`
      );
    case "invalid_value":
      return issue.values.map((value) => JSON.stringify(value)).join(" or ");
    case "too_small":
      return `at least ${issue.minimum}`;
    case "too_big":
      return `at most ${issue.maximum}`;
    default:
      return "of another form";
  }
}

/** What a value is; a text is not shown, as a file that is no report may hold anything. */
function shown(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object" && value !== null) return "an object";
  return typeof value === "string" ? "a text" : String(value);
}
