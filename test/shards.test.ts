// A run cut into shards, merged, is the run: on virtual time, where the worker's loop of each shard can be had to the nanosecond.

import { expect } from "chai";
import fc from "fast-check";
import { ACKNOWLEDGED, type Outcome } from "../src/answer.js";
import { mergeReports } from "../src/merge/merge.js";
import type { RawFlags } from "../src/options.js";
import type { Report } from "../src/report/schema.js";
import { runVirtually, type Service, type VirtualRun } from "./support/virtual.js";

const COMMON = { "run-id": "one", seed: "7", "start-at": "2100-01-01T00:00:00Z", "in-flight": "400", drain: "1h" };

/** Some number of a batch, always the same. */
const hash = (batch: number): number => Math.imul(batch + 1, 0x9e3779b1) >>> 8;
const service: Service = (sentMs, batch) => sentMs + 0.5 + (hash(batch) % 700);

function outcome(batch: number): Outcome {
  const chance = hash(batch) % 20;
  if (chance === 3) return { kind: "failed", reason: "busy", code: 252, sentence: "too many parts" };
  if (chance === 4) return { kind: "failed", reason: "busy", code: 202, sentence: "too many queries" };
  if (chance === 7) return { kind: "unknown", code: "timeout", sentence: "no answer" };
  return ACKNOWLEDGED;
}

const without = <T extends object, K extends keyof T>(whole: T, ...keys: readonly K[]): Omit<T, K> =>
  Object.fromEntries(Object.entries(whole).filter(([key]) => !keys.includes(key as K))) as Omit<T, K>;

/**
 * Without what is the process's own, and without histograms where a merged report has none. Whether its rows were answered in time
 * each shard decides for itself: see `inWindow`.
 */
function comparable(report: Report) {
  const { options, measured, series, latency_ms, service_ms, refused_ms, lateness_ms } = report;
  return {
    ...without(report, "shards", "generator", "achieved_rows_per_s"),
    measured: without(measured, "answered", "error_rows", "backlog"),
    target_rows_per_s: Number(report.target_rows_per_s?.toPrecision(12)),
    options: without(options, "shard", "workers", "in-flight"),
    series: series.map((point) => ({
      ...point,
      latency_ms: rounded(point.latency_ms),
      service_ms: rounded(point.service_ms),
    })),
    latency_ms: latency_ms && rounded(latency_ms),
    service_ms: rounded(service_ms),
    refused_ms: refused_ms && rounded(refused_ms),
    lateness_ms: lateness_ms && rounded(lateness_ms),
  };
}

/** The mean of means differs from the mean in the last of its digits. */
function rounded<T extends { readonly mean: number | null; readonly hdr?: string | undefined }>({
  hdr: _,
  ...times
}: T) {
  return { ...times, mean: times.mean === null ? null : Number(times.mean.toPrecision(9)) };
}

interface Tally {
  /** Rows acknowledged from its begin to its end, and in the 3% of it after that; rows of the warm-up that were acknowledged after its begin. */
  readonly within: number;
  readonly soon: number;
  readonly before: number;
  /** Rows that had no outcome at its end, and when the last one had. */
  readonly left: number;
  readonly lastS: number;
}

/** What was answered in the measured window, by the bodies that were sent and the times they were answered at. */
function inWindow({ report, sent }: VirtualRun, serve: Service): Tally {
  const { from_s: fromS, to_s: toS } = report.measured;
  const inserts = sent.map(({ atMs, batch, body }) => ({
    rows: body.split("\n").length - 1,
    answeredS: serve(atMs, batch) / 1000,
    acknowledged: outcome(batch).kind === "acknowledged",
  }));
  type Insert = (typeof inserts)[number];
  const rowsOf = (which: (insert: Insert) => boolean): number =>
    inserts.reduce((sum, insert) => sum + (which(insert) ? insert.rows : 0), 0);
  const within = rowsOf(({ acknowledged, answeredS }) => acknowledged && answeredS > fromS && answeredS <= toS);
  const late = rowsOf(({ acknowledged, answeredS }) => acknowledged && answeredS > toS);
  const soonS = fromS > 0 ? toS : toS + 0.03 * (toS - fromS);
  return {
    within,
    soon: rowsOf(({ acknowledged, answeredS }) => acknowledged && answeredS > toS && answeredS <= soonS),
    before: within + late - report.measured.acknowledged,
    left: rowsOf(({ answeredS }) => answeredS > toS),
    lastS: Math.max(0, ...inserts.map(({ answeredS }) => answeredS)),
  };
}

/** It kept up, and all that was acknowledged counts; or what was answered in the window does, and what was not is the backlog. */
function expectCounted(run: VirtualRun, serve: Service): void {
  const { measured, achieved_rows_per_s: achieved } = run.report;
  const { within, soon, left, lastS } = inWindow(run, serve);
  const answered = measured.answered ?? Number.NaN;
  const keptUp = measured.backlog === null && answered === measured.acknowledged;
  if (!keptUp) {
    expect(measured.error_rows).to.be.greaterThan(0);
    expect(answered).to.be.within(within, within + soon);
    expect(measured.backlog?.rows ?? 0).to.equal(left);
    if (measured.backlog !== null) expect(measured.backlog.seconds).to.be.closeTo(lastS - measured.to_s, 1e-6);
  }
  expect(achieved * (measured.to_s - measured.from_s)).to.be.closeTo(answered, 1e-6);
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

/** The run in one process, and cut into shards, whose reports come in any order. */
async function bothWays(load: RawFlags, of: number, order: number, serve: Service) {
  const whole = await runVirtually({ ...COMMON, ...load }, serve, outcome);
  const parts: VirtualRun[] = [];
  for (let index = 1; index <= of; index++) {
    parts.push(await runVirtually({ ...COMMON, ...load, shard: `${index}/${of}` }, serve, outcome));
  }
  parts.push(...parts.splice(0, order % of));
  const merged = mergeReports(
    parts.map(({ report }) => report),
    () => [],
  );
  return { whole, parts, merged };
}

describe("shards", function () {
  this.timeout(120_000);

  it("property: the merged report of any number of shards is that of the run in one process, figure by figure", async () => {
    let sawErrors = 0;
    await fc.assert(
      fc.asyncProperty(anyLoad, fc.integer({ min: 2, max: 5 }), fc.nat(), async (load, of, order) => {
        const { whole, merged } = await bothWays(load, of, order, service);
        expect(comparable(merged)).to.deep.equal(comparable(whole.report));
        sawErrors += whole.report.errors.length;
      }),
      { numRuns: 25 },
    );
    expect(sawErrors).to.be.greaterThan(10);
  });

  it("property: each shard counts what was answered in its window, merged is their sum, and no further from the whole run's than what was under way at the ends", async () => {
    await fc.assert(
      fc.asyncProperty(anyLoad, fc.integer({ min: 2, max: 5 }), fc.nat(), async (load, of, order) => {
        const { whole, parts, merged } = await bothWays(load, of, order, service);
        for (const run of [whole, ...parts]) expectCounted(run, service);
        const all = parts.map(({ report }) => report.measured);
        const backlogs = all.flatMap(({ backlog }) => backlog ?? []);
        expect(merged.measured.answered).to.equal(all.reduce((sum, { answered }) => sum + (answered ?? 0), 0));
        expect(merged.measured.backlog?.rows ?? 0).to.equal(backlogs.reduce((sum, { rows }) => sum + rows, 0));
        expect(merged.measured.backlog?.seconds ?? 0).to.equal(Math.max(0, ...backlogs.map(({ seconds }) => seconds)));
        const { left, before } = inWindow(whole, service);
        const apart = (merged.measured.answered ?? 0) - (whole.report.measured.answered ?? 0);
        expect(Math.abs(apart)).to.be.at.most(Math.max(left, before));
      }),
      { numRuns: 25 },
    );
  });

  it("property: of a server that answers within 1% of the window what was achieved is that of the run in one process, too", async () => {
    const quick: Service = (sentMs, batch) => sentMs + 0.5 + (hash(batch) % 3);
    await fc.assert(
      fc.asyncProperty(anyLoad, fc.integer({ min: 2, max: 5 }), fc.nat(), async (load, of, order) => {
        const { whole, merged } = await bothWays(load, of, order, quick);
        const { answered, error_rows, backlog } = whole.report.measured;
        expect([error_rows, backlog]).to.deep.equal([null, null]);
        expect(merged.measured).to.deep.include({ answered, error_rows, backlog });
        expect(merged.achieved_rows_per_s).to.be.closeTo(whole.report.achieved_rows_per_s, 1e-9);
      }),
      { numRuns: 15 },
    );
  });

  it("property: of a server that takes 60% of the batches what was achieved is that share, in one process and merged: to 3% or two batches", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(1, 3, 20),
        fc.constantFrom("constant", "poisson"),
        fc.integer({ min: 2, max: 5 }),
        async (batchRows, arrivals, of) => {
          const load = { rate: String(40 * batchRows), duration: "5s", "batch-rows": String(batchRows), arrivals };
          // One after the other, as they are numbered: whichever process sends them.
          const slow: Service = (sentMs, batch) => Math.max(sentMs, ((batch + 1) * 1000) / 24);
          const { whole, merged } = await bothWays(load, of, 0, slow);
          const acknowledged = Array.from({ length: 5 * 24 }, (_, batch) => outcome(batch).kind === "acknowledged");
          const truth = acknowledged.filter(Boolean).length * batchRows;
          const slack = Math.max(0.03 * truth, 2 * batchRows);
          for (const { answered } of [whole.report.measured, merged.measured]) {
            expect(answered).to.be.within(truth - slack, truth + slack);
          }
        },
      ),
      { numRuns: 15 },
    );
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
        for (const field of ["latency_ms", "service_ms"] as const) {
          expect(sum(series.map((point) => point[field].count))).to.equal(inserts.acknowledged);
        }
        const { acknowledged, failed, unknown } = report.measured.inserts;
        for (const times of [report.latency_ms, report.service_ms]) expect(times?.count).to.equal(acknowledged);
        expect(report.refused_ms?.count).to.equal(failed + unknown);
        expect(report.lateness_ms?.count).to.equal(acknowledged + failed + unknown);
      }),
      { numRuns: 25 },
    );
  });
});
