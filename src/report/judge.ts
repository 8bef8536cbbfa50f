// What the thresholds of a run come to, from its report: the one of a process, or the merged one. Pure.

import { evaluate, type Figures, parseThreshold } from "../threshold.js";
import type { Report } from "./schema.js";

/** @param expressions as they were given; each of them can be read */
export function judge(expressions: readonly string[], report: Report): Report["thresholds"] {
  const figures = figuresOf(report);
  return expressions.map((expression) => {
    const threshold = parseThreshold(expression);
    if (typeof threshold === "string") return { expression, value: null, passed: false, unjudged: null };
    const { value = null, passed, unjudged = null } = evaluate(threshold, figures);
    return { expression: threshold.expression, value, passed, unjudged };
  });
}

/** One whose rows the ledger did not look for has no lost ones either; nothing was measured where nothing was due. */
function figuresOf(report: Report): Figures {
  const { latency_ms: latency, service_ms: service, measured, target_rows_per_s: target, rows } = report;
  const { acknowledged, failed, unknown } = measured.inserts;
  const inserts = acknowledged + failed + unknown;
  return {
    latency: latency ?? undefined,
    service,
    errorRate: inserts > 0 ? (failed + unknown) / inserts : undefined,
    achievedRowsPerS:
      measured.to_s > measured.from_s && measured.scheduled > 0 ? report.achieved_rows_per_s : undefined,
    targetRowsPerS: target ?? undefined,
    achievedErrorRowsPerS: (measured.error_rows ?? 0) / Math.max(measured.to_s - measured.from_s, Number.MIN_VALUE),
    maxLagMs: latency === null || inserts === 0 ? undefined : report.max_lag_ms,
    rowsLost: rows.lost ?? undefined,
  };
}
