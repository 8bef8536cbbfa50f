// Latency: what is recorded is what is read, in the right unit, against arithmetic and counting by hand; then end to end,
// against a server that takes a known time.

import { readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { expect } from "chai";
import fc from "fast-check";
import { decodeFromCompressedBase64, type Histogram } from "hdr-histogram-js";
import {
  countsAtMost,
  difference,
  emptyHistogram,
  HISTOGRAM_BYTES,
  type Latency,
  merge,
  SharedHistogram,
  summarize,
} from "../src/latency.js";
import { clickstorm } from "./support/cli.js";
import { clickhouse, newDatabase, numberOf } from "./support/server.js";

const US = 1000;
const MS = 1_000_000;
const S = 1_000_000_000;
/** Three digits: a cell is at most this share of its value wide. */
const RESOLUTION = 1 / 1024;

function recorded(timesNs: readonly number[]): SharedHistogram {
  const histogram = new SharedHistogram(new SharedArrayBuffer(HISTOGRAM_BYTES), 0);
  for (const ns of timesNs) histogram.recordNs(ns);
  return histogram;
}

/** Every non-empty cell, and what is kept beside the cells. */
function contents(histogram: Histogram & { readonly countsArrayLength: number }): unknown {
  const { countsArrayLength } = histogram;
  const read = histogram as unknown as {
    getCountAtIndex(index: number): number;
    valueFromIndex(index: number): number;
  };
  const cells: [number, number][] = [];
  for (let index = 0; index < countsArrayLength; index++) {
    const count = read.getCountAtIndex(index);
    if (count !== 0) cells.push([read.valueFromIndex(index), count]);
  }
  return { cells, total: histogram.totalCount, max: histogram.maxValue };
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
/** Whole microseconds, spread over the magnitudes. */
const anyTimesNs = fc.array(
  fc
    .tuple(fc.integer({ min: 1, max: 999 }), fc.constantFrom(1, 10, 100, 1000, 10_000, 100_000, 1_000_000))
    .map(([digits, scale]) => digits * scale * US),
  { maxLength: 60 },
);

describe("latency", () => {
  const magnitudes: readonly (readonly [string, number, number])[] = [
    ["1 µs is 0.001 ms", 1 * US, 0.001],
    ["1,499 ns is 0.001 ms: times are whole microseconds", 1499, 0.001],
    ["47 µs is 0.047 ms", 47 * US, 0.047],
    ["999 µs is 0.999 ms", 999 * US, 0.999],
    ["1.5 ms is 1.5 ms", 1.5 * MS, 1.5],
    ["12.345 ms is 12.345 ms to three digits", 12.345 * MS, 12.345],
    ["777 ms is 777 ms to three digits", 777 * MS, 777],
    ["9.87 s is 9,870 ms to three digits", 9.87 * S, 9870],
    ["30 min is 1,800,000 ms to three digits", 1800 * S, 1_800_000],
  ];
  for (const [name, ns, ms] of magnitudes) {
    it(`${name}, of 1,000 times every quantile`, () => {
      const times = Array.from({ length: 1000 }, () => ns);
      const { count, min, p50, p90, p95, p99, p999, max, mean } = summarize(merge([recorded(times)]), 1000 * ns);
      expect(count).to.equal(1000);
      // Exact below 2.048 ms; above, the cell the time falls into.
      const slack = ms < 2.048 ? 0 : ms * RESOLUTION;
      expect(min).to.be.within(ms - slack, ms);
      for (const value of [p50, p90, p95, p99, p999, max]) expect(value).to.be.within(ms, ms + slack);
      expect(mean).to.equal(ns / MS);
    });
  }

  it("a time below 0 counts as 0, one above an hour as an hour", () => {
    const histogram = merge([recorded([-5 * MS, 7200 * S])]);
    expect(histogram.totalCount).to.equal(2);
    const { min, max } = summarize(histogram, 0);
    expect([min, Math.floor((max ?? 0) / 3_600_000)]).to.deep.equal([0, 1]);
    expect(max).to.be.below(3_600_000 * (1 + RESOLUTION));
  });

  it("of 1, 2, … 1000 ms p50 is 500, p90 900, p95 950, p99 990, p99.9 999, the mean 500.5", () => {
    const timesNs = Array.from({ length: 1000 }, (_, i) => (i + 1) * MS);
    const { count, min, mean, p50, p90, p95, p99, p999, max } = summarize(merge([recorded(timesNs)]), sum(timesNs));
    expect([count, min, mean]).to.deep.equal([1000, 1, 500.5]);
    const shown = [p50, p90, p95, p99, p999, max];
    const exact = [500, 900, 950, 990, 999, 1000];
    for (const [index, ms] of exact.entries()) expect(shown[index]).to.be.within(ms, ms * (1 + RESOLUTION));
  });

  const least: readonly (readonly [quantile: keyof Latency, samples: number])[] = [
    ["p90", 10],
    ["p95", 20],
    ["p99", 100],
    ["p999", 1000],
  ];
  for (const [quantile, samples] of least) {
    it(`${quantile} of ${samples} times is one of them, of ${samples - 1} it is none, as not one in so many is beyond it`, () => {
      const of = (count: number): number | null =>
        summarize(merge([recorded(Array.from({ length: count }, () => MS))]), count * MS)[quantile];
      expect([of(samples), of(samples - 1)]).to.deep.equal([1, null]);
    });
  }

  it("of one time there are all but p90, p95, p99 and p99.9", () => {
    const { min, mean, p50, p90, p95, p99, p999, max } = summarize(merge([recorded([MS])]), MS);
    expect([min, mean, p50, max]).to.deep.equal([1, 1, 1, 1]);
    expect([p90, p95, p99, p999]).to.deep.equal([null, null, null, null]);
  });

  it("of nothing there is nothing but the count", () => {
    const none = { min: null, mean: null, p50: null, p90: null, p95: null, p99: null, p999: null, max: null };
    const nothing: Latency = { count: 0, ...none };
    expect(summarize(merge([]), 0)).to.deep.equal(nothing);
    expect(summarize(merge([recorded([]), recorded([])]), 0)).to.deep.equal(nothing);
  });

  it("two histograms side by side in one block of memory do not touch: 3 and 5 times", () => {
    const buffer = new SharedArrayBuffer(2 * HISTOGRAM_BYTES);
    const [left, right] = [new SharedHistogram(buffer, 0), new SharedHistogram(buffer, HISTOGRAM_BYTES)];
    for (const ns of [0, 1 * S, 3600 * S]) left.recordNs(ns);
    for (const ns of [0, 0, 2 * S, 3600 * S, 3600 * S]) right.recordNs(ns);
    expect([merge([left]).totalCount, merge([right]).totalCount, merge([left, right]).totalCount]).to.deep.equal([
      3, 5, 8,
    ]);
  });

  it("100,000 times recorded in another thread are read here while they come, never fewer than before, whole at the end", async () => {
    const buffer = new SharedArrayBuffer(HISTOGRAM_BYTES);
    const own = new SharedHistogram(buffer, 0);
    const module = new URL("../src/latency.js", import.meta.url).href;
    const worker = new Worker(
      `const { workerData } = require("node:worker_threads");
       import(${JSON.stringify(module)}).then(({ SharedHistogram }) => {
         const histogram = new SharedHistogram(workerData, 0);
         for (let i = 0; i < 100_000; i++) histogram.recordNs((i % 1000) * 1e6);
       });`,
      { eval: true, workerData: buffer },
    );
    const ended = new Promise<number>((resolve, reject) => worker.on("exit", resolve).on("error", reject));
    let over = false;
    void ended.finally(() => {
      over = true;
    });
    let before = 0;
    while (!over) {
      const { totalCount } = merge([own]);
      expect(totalCount).to.be.at.least(before);
      before = totalCount;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await ended).to.equal(0);
    expect(contents(merge([own]))).to.deep.equal(
      contents(merge([recorded(Array.from({ length: 100_000 }, (_, i) => (i % 1000) * MS))])),
    );
  });

  it("property: each quantile is the value a sorted list has there, to three digits, and none where the list is too short", () => {
    fc.assert(
      fc.property(anyTimesNs, fc.constantFrom(1, 4, 40), (someNs, times) => {
        fc.pre(someNs.length > 0);
        const timesNs = Array.from({ length: times }, () => someNs).flat();
        const sorted = [...timesNs].sort((a, b) => a - b);
        const at = (percent: number): number =>
          (sorted[Math.max(0, Math.ceil((percent * sorted.length) / 100 - 1e-9) - 1)] ?? Number.NaN) / MS;
        const { p50, p90, p95, p99, p999, max, min } = summarize(merge([recorded(timesNs)]), sum(timesNs));
        for (const [shown, exact, samples] of [
          [p50, at(50), 1],
          [p90, at(90), 10],
          [p95, at(95), 20],
          [p99, at(99), 100],
          [p999, at(99.9), 1000],
          [max, at(100), 1],
        ] as const) {
          if (timesNs.length < samples) expect(shown).to.equal(null);
          else expect(shown).to.be.within(exact * (1 - 1e-12), exact * (1 + RESOLUTION));
        }
        expect(min).to.be.within(at(0) * (1 - RESOLUTION), at(0));
        const known = [min, p50, p90, p95, p99, p999, max].filter((ms) => ms !== null);
        expect(known).to.deep.equal(known.toSorted((a, b) => a - b));
      }),
    );
  });

  it("property: merge(a, b) = merge(b, a) = one histogram of all their times", () => {
    fc.assert(
      fc.property(anyTimesNs, anyTimesNs, (a, b) => {
        const together = contents(merge([recorded([...a, ...b])]));
        expect(contents(merge([recorded(a), recorded(b)]))).to.deep.equal(together);
        expect(contents(merge([recorded(b), recorded(a)]))).to.deep.equal(together);
      }),
      { numRuns: 50 },
    );
  });

  it("property: the difference of a histogram now and before is a histogram of what came between", () => {
    fc.assert(
      fc.property(anyTimesNs, anyTimesNs, (first, then) => {
        const histogram = recorded(first);
        const before = merge([histogram]);
        for (const ns of then) histogram.recordNs(ns);
        const between = difference(merge([histogram]), before);
        expect(contents(between)).to.deep.equal(contents(merge([recorded(then)])));
        expect(summarize(between, sum(then))).to.deep.equal(summarize(merge([recorded(then)]), sum(then)));
      }),
      { numRuns: 50 },
    );
  });

  it("property: the times of at most 0.5 ms, 1 ms, … 60 s are as many as are counted by hand", () => {
    const bounds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
    fc.assert(
      fc.property(anyTimesNs, (timesNs) => {
        const counts = countsAtMost(merge([recorded(timesNs)]), bounds);
        expect(counts.length).to.equal(bounds.length);
        for (const [index, bound] of bounds.entries()) {
          const byHand = (seconds: number): number => timesNs.filter((ns) => ns / S <= seconds * (1 + 1e-12)).length;
          // A time in the same cell as the bound counts as the bound, above 2.048 ms where cells are wider than 1 µs.
          expect(counts[index]).to.be.within(
            byHand(bound),
            byHand(bound > 0.002048 ? bound * (1 + RESOLUTION) : bound),
          );
        }
      }),
    );
  });

  it("times of exactly the bounds count below them: 0.5 ms, 1 ms, 2.5 ms, 100 ms, 1 s, 60 s", () => {
    const bounds = [0.0005, 0.001, 0.0025, 0.1, 1, 60];
    const histogram = merge([recorded(bounds.map((seconds) => Math.round(seconds * S)))]);
    expect(countsAtMost(histogram, bounds)).to.deep.equal([1, 2, 3, 4, 5, 6]);
    expect(countsAtMost(emptyHistogram(), bounds)).to.deep.equal([0, 0, 0, 0, 0, 0]);
  });

  describe("in a report", () => {
    interface Reported extends Latency {
      readonly hdr: string;
    }
    interface Report {
      readonly latency_ms: Reported | null;
      readonly service_ms: Reported;
      readonly max_lag_ms: number;
      readonly elapsed_s: number;
    }
    const file = join(tmpdir(), `clickstorm-latency-${process.pid}.json`);
    const reportOf = async (args: readonly string[]): Promise<Report> => {
      const { code, stderr } = await clickstorm([...args, "--report", file, "--no-metrics", "--no-traces"]);
      expect(code, stderr).to.equal(0);
      return JSON.parse(readFileSync(file, "utf8")) as Report;
    };
    after(() => rmSync(file, { force: true }));

    it("hdr decodes to the count ClickHouse has of inserts, 100, and to the quantiles beside it, in microseconds", async () => {
      const { url } = await newDatabase();
      const runId = `hdr-${process.pid}`;
      const report = await reportOf([
        ...["--clickhouse-url", url, "--rate", "200", "--duration", "500ms", "--batch-rows", "1", "--run-id", runId],
        ...["--workers", "2"],
      ]);
      await clickhouse("SYSTEM FLUSH LOGS");
      const inserts = await numberOf(
        `SELECT count() FROM system.query_log WHERE type = 'QueryFinish' AND startsWith(query_id, '${runId}-')`,
      );
      expect(inserts).to.equal(100);
      for (const reported of [report.latency_ms, report.service_ms]) {
        if (reported === null) throw new Error("there is no latency");
        const { hdr, ...shown } = reported;
        const decoded = decodeFromCompressedBase64(hdr);
        expect([decoded.totalCount, shown.count]).to.deep.equal([inserts, inserts]);
        const percentiles = [50, 90, 95, 99].map((percent) => decoded.getValueAtPercentile(percent) / 1000);
        expect([shown.p50, shown.p90, shown.p95, shown.p99]).to.deep.equal(percentiles);
        // It takes 1,000.
        expect(shown.p999).to.equal(null);
        expect([shown.min, shown.max]).to.deep.equal([decoded.getValueAtPercentile(0) / 1000, decoded.maxValue / 1000]);
        expect(shown.mean).to.be.within((decoded.mean / 1000) * 0.98, (decoded.mean / 1000) * 1.02);
      }
    });

    it("ten inserts due every 50 ms, of 100 ms each, one at a time: service 100 ms, latency 100, 150, … 550 ms", async () => {
      const slow = createServer((request, response) => {
        request.resume();
        request.on("end", () => setTimeout(() => response.end(), 100));
      });
      await new Promise<void>((resolve) => slow.listen(0, "127.0.0.1", resolve));
      const url = `http://127.0.0.1:${(slow.address() as AddressInfo).port}`;
      try {
        const {
          latency_ms: latency,
          service_ms: service,
          elapsed_s: elapsed,
        } = await reportOf([
          ...["--clickhouse-url", url, "--blind", "--rate", "20", "--duration", "500ms", "--batch-rows", "1"],
          ...["--workers", "1", "--in-flight", "1"],
        ]);
        if (latency === null) throw new Error("there is no latency");
        expect([latency.count, service.count]).to.deep.equal([10, 10]);
        // Never less than the server takes, but for a timer's 1 ms.
        expect(service.min).to.be.at.least(99);
        expect([latency.min, latency.p50, latency.mean, latency.max].map((ms) => Math.round(ms ?? 0))).to.satisfy(
          (found: readonly number[]) => [99, 299, 324, 549].every((least, at) => (found[at] ?? 0) >= least),
        );
        // However slow the machine: one after the other from the start, when the first is due; and the last, due at 450 ms, ends the run.
        expect(10 * (service.mean ?? Number.NaN)).to.be.at.most(1000 * elapsed + 1);
        expect(latency.max).to.be.closeTo(1000 * elapsed - 450, 3);
      } finally {
        slow.closeAllConnections();
        await new Promise((resolve) => slow.close(resolve));
      }
    });

    it("a closed loop has no latency, only service time", async () => {
      const fast = createServer((request, response) => {
        request.resume();
        request.on("end", () => response.end());
      });
      await new Promise<void>((resolve) => fast.listen(0, "127.0.0.1", resolve));
      const url = `http://127.0.0.1:${(fast.address() as AddressInfo).port}`;
      try {
        const report = await reportOf([
          ...["--clickhouse-url", url, "--blind", "--rate", "max", "--duration", "100ms", "--batch-rows", "100"],
        ]);
        expect(report.latency_ms).to.equal(null);
        expect(report.service_ms.count).to.be.greaterThan(0);
        expect(report.max_lag_ms).to.equal(0);
      } finally {
        fast.closeAllConnections();
        await new Promise((resolve) => fast.close(resolve));
      }
    });
  });
});
