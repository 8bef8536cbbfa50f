// A run cut into shards, merged, is the run: on virtual time, where the worker's loop of each shard can be had to the nanosecond.

import { expect } from "chai";
import fc from "fast-check";
import { ACKNOWLEDGED, type Outcome } from "../src/answer.js";
import { mergeReports } from "../src/merge/merge.js";
import type { RawFlags } from "../src/options.js";
import type { Report } from "../src/report/schema.js";
import { runVirtually } from "./support/virtual.js";

const COMMON = { "run-id": "one", seed: "7", "start-at": "2100-01-01T00:00:00Z", "in-flight": "400", drain: "1h" };

/** Some number of a batch, always the same. */
const hash = (batch: number): number => Math.imul(batch + 1, 0x9e3779b1) >>> 8;
const service = (sentMs: number, batch: number): number => sentMs + 0.5 + (hash(batch) % 700);

function outcome(batch: number): Outcome {
  const chance = hash(batch) % 20;
  if (chance === 3) return { kind: "failed", reason: "busy", code: 252, sentence: "too many parts" };
  if (chance === 4) return { kind: "failed", reason: "busy", code: 202, sentence: "too many queries" };
  if (chance === 7) return { kind: "unknown", code: "timeout", sentence: "no answer" };
  return ACKNOWLEDGED;
}

/** Without what is the process's own, and without histograms where a merged report has none. */
function comparable({ options, shards: _, generator: __, series, ...rest }: Report) {
  const { shard: ___, workers: ____, "in-flight": _____, ...common } = options;
  const points = series.map(({ latency_ms, service_ms, ...point }) => ({
    ...point,
    latency_ms: rounded(latency_ms),
    service_ms: rounded(service_ms),
  }));
  const whole = [rest.latency_ms, rest.service_ms, rest.lateness_ms].map((times) => times && rounded(times));
  const [latency_ms, service_ms, lateness_ms] = whole;
  const target = Number(rest.target_rows_per_s?.toPrecision(12));
  return {
    ...rest,
    target_rows_per_s: target,
    achieved_rows_per_s: Number(rest.achieved_rows_per_s.toPrecision(12)),
    options: common,
    series: points,
    latency_ms,
    service_ms,
    lateness_ms,
  };
}

/** The mean of means differs from the mean in the last of its digits. */
function rounded<T extends { readonly mean: number | null; readonly hdr?: string | undefined }>({
  hdr: _,
  ...times
}: T) {
  return { ...times, mean: times.mean === null ? null : Number(times.mean.toPrecision(9)) };
}

const anyLoad: fc.Arbitrary<RawFlags> = fc
  .record({
    stages: fc.array(fc.tuple(fc.constantFrom(300, 1000, 1700), fc.constantFrom(0, 30, 90, 200)), { maxLength: 3 }),
    rate: fc.constantFrom("7", "40", "133"),
    batchRows: fc.constantFrom("1", "3", "20"),
    warmup: fc.constantFrom("0", "600ms", "2s"),
    arrivals: fc.constantFrom("constant", "poisson"),
    workers: fc.constantFrom("1", "2", "3"),
  })
  .map(({ stages, rate, batchRows, warmup, arrivals, workers }) => ({
    ...(stages.some(([, rows]) => rows > 0)
      ? { stage: stages.map(([ms, rows]) => `${ms}ms:${rows}`) }
      : { rate, duration: "2500ms" }),
    "batch-rows": batchRows,
    "flush-interval": "70ms",
    warmup,
    arrivals,
    workers,
  }));

describe("shards", function () {
  this.timeout(120_000);

  it("property: the merged report of any number of shards is that of the run in one process, figure by figure", async () => {
    let sawErrors = 0;
    await fc.assert(
      fc.asyncProperty(anyLoad, fc.integer({ min: 2, max: 5 }), fc.nat(), async (load, of, order) => {
        const { report: whole } = await runVirtually({ ...COMMON, ...load }, service, outcome);
        const parts: Report[] = [];
        for (let index = 1; index <= of; index++) {
          const shard = await runVirtually({ ...COMMON, ...load, shard: `${index}/${of}` }, service, outcome);
          parts.push(shard.report);
        }
        parts.push(...parts.splice(0, order % of));
        const merged = mergeReports(parts, () => []);
        expect(comparable(merged)).to.deep.equal(comparable(whole));
        sawErrors += whole.errors.length;
      }),
      { numRuns: 25 },
    );
    expect(sawErrors).to.be.greaterThan(10);
  });

  it("property: every sum in a report is that of the parts it is the sum of", async () => {
    await fc.assert(
      fc.asyncProperty(anyLoad, async (load) => {
        const { report } = await runVirtually({ ...COMMON, ...load }, service, outcome);
        const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
        for (const rows of [report.rows, report.measured]) {
          expect(rows.scheduled).to.equal(rows.generated + rows.dropped + rows.unsent);
          expect(rows.generated).to.equal(rows.acknowledged + rows.failed + rows.unknown);
        }
        const { inserts, errors, series } = report;
        expect(sum(errors.map(({ rows }) => rows))).to.equal(report.rows.failed + report.rows.unknown);
        expect(sum(errors.map((error) => error.inserts))).to.equal(inserts.failed + inserts.unknown);
        expect(sum(series.map(({ rows }) => rows))).to.equal(report.rows.acknowledged);
        expect(sum(series.map(({ scheduled }) => scheduled))).to.equal(report.rows.scheduled);
        expect(sum(series.map((point) => point.errors))).to.equal(inserts.failed + inserts.unknown);
        const answered = inserts.acknowledged + inserts.failed + inserts.unknown;
        expect(sum(series.map((point) => point.inserts))).to.equal(answered);
        expect(sum(series.map(({ latency_ms }) => latency_ms.count))).to.equal(answered);
        const { acknowledged, failed, unknown } = report.measured.inserts;
        for (const times of [report.latency_ms, report.service_ms, report.lateness_ms]) {
          expect(times?.count).to.equal(acknowledged + failed + unknown);
        }
      }),
      { numRuns: 25 },
    );
  });
});
