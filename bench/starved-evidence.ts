// What the verdict of a run rested on, from its report: for the table of starved.ts, and for what test/limits.test.ts keeps.

import { QUANTILES } from "../src/latency.js";
import type { Evidence } from "../src/limits.js";
import type { Report } from "../src/report/schema.js";

export interface Judged {
  readonly reasons: readonly string[];
  readonly evidence: Evidence;
  /** p50 and p99, or the highest quantile there are samples for, as a table shows them. */
  readonly service: string;
  readonly unheld: string;
}

const S = 1e9;
const MS = 1e6;

export function evidenceIn(report: Report): Judged {
  const { measured, generator, service_ms: service, latency_ms: latency, lateness_ms: lateness } = report;
  const unheld = generator.unheld_service_ms;
  if (unheld === null) throw new Error("the report has no times without what held threads up");
  const known = QUANTILES.findLast(({ percentile, samples }) => percentile <= 99 && service.count >= samples);
  const at = (times: typeof service): number => (known === undefined ? 0 : (times[known.field] ?? 0));
  const [serviceMs, unheldMs] = [service.mean ?? 0, unheld.mean ?? 0];
  const longestS = Math.max(...generator.workers.map(({ busy_s, idle_s }) => busy_s + idle_s));
  const scheduled = Math.max(1, measured.scheduled);
  const shown = (times: typeof service): string => `${(times.p50 ?? 0).toPrecision(3)}, ${at(times).toPrecision(3)}`;
  return {
    reasons: generator.reasons,
    service: shown(service),
    unheld: shown(unheld),
    evidence: {
      windowNs: (measured.to_s - measured.from_s) * S,
      missing:
        latency === null
          ? undefined
          : 1 - ((measured.answered ?? measured.acknowledged) + measured.failed + measured.unknown) / scheduled,
      dropped: measured.dropped,
      workers: generator.workers.map((worker) => ({
        busyNs: worker.busy_s * S,
        idleNs: worker.idle_s * S,
        renderingNs: worker.rendering_s * S,
        waitingNs: worker.waiting_s * S,
        delayedNs: worker.delayed_s * S,
        ranNs: (worker.ran_s ?? 0) * S,
        waitedNs: (worker.waited_for_cpu_s ?? 0) * S,
        stoodNs: worker.stood_still_s * S,
        throttledNs: (generator.throttled_s ?? 0) * S,
      })),
      late:
        latency === null || lateness === null
          ? undefined
          : { latencyNs: at(latency) * MS, latenessNs: at(lateness) * MS },
      filled: (service.count * unheldMs) / 1000 / longestS / report.options["in-flight"],
      serviceMeanNs: serviceMs * MS,
      heldMeanNs: (serviceMs - unheldMs) * MS,
      quantile: known && { name: known.name, serviceNs: at(service) * MS, unheldNs: at(unheld) * MS },
    },
  };
}
