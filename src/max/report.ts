// A search as JSON for a program: schema clickstorm/max/1, which grows by fields. Pure; max.ts gathers what it needs.

import { availableParallelism, cpus, totalmem } from "node:os";
import { quotedSettings } from "../quoted.js";
import type { Stand } from "./backlog.js";
import type { Reading } from "./level.js";
import { driftOfSteps, findingOfSteps, type MaxResult, type Step } from "./result.js";
import { verdictText } from "./text.js";

/** The report file: schema clickstorm/max/1. */
export function toJson(result: MaxResult): string {
  const { options, versions, steps } = result;
  const { run, bounds } = options;
  const finding = findingOfSteps(result);
  const drift = driftOfSteps(result);
  const report = {
    schema: "clickstorm/max/1",
    run_id: run.runId,
    started_at: result.startedAt.toISOString(),
    versions: { clickstorm: versions.clickstorm, node: process.versions.node, clickhouse: versions.clickhouse ?? null },
    machine: {
      cores: availableParallelism(),
      platform: `${process.platform} ${process.arch}`,
      cpu: cpus()[0]?.model.trim() ?? "",
      memory_bytes: totalmem(),
    },
    target: { url: result.url, table: result.table, scratch: result.scratch ?? null },
    options: {
      from_rows_per_s: bounds.from,
      to_rows_per_s: bounds.to,
      precision: bounds.precision,
      step_s: Number(options.stepNs) / 1e9,
      warmup_s: Number(run.warmUpNs) / 1e9,
      p99_ms: options.p99Ms ?? null,
      budget_s: options.budgetNs === undefined ? null : Number(options.budgetNs) / 1e9,
      workers: run.workers ?? null,
      in_flight: run.inFlight,
      batch_rows: run.batchRows,
      flush_interval_s: Number(run.flushNs) / 1e9,
      format: run.format,
      compress: run.compress,
      async_insert: run.asyncInsert,
      settings: quotedSettings(run.settings),
      seed: run.seed,
      blind: run.blind,
    },
    parts_watched: result.unwatched === undefined,
    steps: steps.map(stepJson),
    result: {
      sustained_rows_per_s: finding.sustained ?? null,
      low_rows_per_s: finding.low ?? null,
      high_rows_per_s: finding.high ?? null,
      confidence: drift === undefined ? (finding.confidence ?? null) : null,
      searches: finding.searches,
      drift: drift === undefined ? null : { from_rows_per_s: drift.from, to_rows_per_s: drift.to },
    },
    budget_ended: result.budgetEnded,
    generator_limited: finding.generatorLimited,
    complete: !result.interrupted && result.problems.length === 0,
    sentence: verdictText(result),
    problems: result.problems,
  };
  return `${JSON.stringify(report, null, 2)}\n`;
}

function stepJson(step: Step) {
  const { outcome, latency, stand, parts } = step;
  return {
    rate_rows_per_s: outcome.rowsPerSecond,
    search: outcome.search,
    workers: step.workers,
    held_s: step.heldNs / 1e9,
    passed: outcome.passed,
    reasons: step.reasons,
    generator_limited: outcome.generatorLimited,
    generator: step.generator,
    achieved_rows_per_s: step.achieved ?? null,
    takes_rows_per_s: outcome.takes ?? null,
    inserts: latency?.count ?? null,
    p50_ms: latency?.p50 ?? null,
    p95_ms: latency?.p95 ?? null,
    p99_ms: latency?.p99 ?? null,
    max_ms: latency?.max ?? null,
    lag_ms: step.lagMs ?? null,
    trend: stand === undefined ? null : trendJson(stand),
    in_flight_full: step.isFull,
    errors: step.errors,
    rows_acknowledged: step.acknowledgedRows,
    parts: parts === undefined ? null : { before: readingJson(parts.before), after: readingJson(parts.after) },
  };
}

/** In milliseconds; null: nothing was answered in a half. */
function trendJson({ firstNs, secondNs, behindNs, isLevel, resolution }: Stand) {
  const grownMs = (secondNs - firstNs) / 1e6;
  return {
    level: isLevel,
    grown_ms: Number.isFinite(grownMs) ? grownMs : null,
    behind_ms: behindNs / 1e6,
    resolution,
  };
}

const readingJson = ({ parts, largest, unmerged, merges }: Reading) => ({
  active: parts,
  largest_partition: largest,
  unmerged,
  merges,
});
