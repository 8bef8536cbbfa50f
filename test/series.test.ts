// The end of a report's series: the last point ends with the run, and nothing is lost of it, whenever that is.

import { expect } from "chai";
import { ACKNOWLEDGED } from "../src/answer.js";
import { Counters } from "../src/counters.js";
import { addEncoded, emptyHistogram } from "../src/latency.js";
import { mergeReports } from "../src/merge/merge.js";
import { Series } from "../src/report/series.js";
import { Snapshots } from "../src/snapshot.js";
import { runVirtually } from "./support/virtual.js";

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

describe("the points of a series", () => {
  /** An insert of 10 rows is answered, and the next points are made up to then. */
  const answering = () => {
    const counters = Counters.allocate({ workers: 1, endpoints: 1, phases: 1 });
    const series = new Series(new Snapshots(counters, false), 0, false);
    const batch = { rows: 10, measured: true };
    const [worker] = counters.workers;
    return {
      series,
      answer: (atS: number, latencyMs: number): void => {
        worker?.generated(batch, 100);
        worker?.answered(0, batch, ACKNOWLEDGED);
        worker?.timed(batch, { dueNs: atS * 1e9 - latencyMs * 1e6, answeredNs: atS * 1e9, serviceNs: 1e6 });
      },
    };
  };
  const shape = ({ points }: Series) => points.map(({ t_s, seconds, rows }) => [t_s, Number(seconds.toFixed(6)), rows]);

  for (const [endS, expected] of [
    [
      2.3,
      [
        [1, 1, 10],
        [2.3, 1.3, 30],
      ],
    ],
    [
      2.7,
      [
        [1, 1, 10],
        [2, 1, 20],
        [2.7, 0.7, 10],
      ],
    ],
  ] as const) {
    it(`of a run of ${endS} s end with ${endS} s: what is left is a point of its own from half a second on`, () => {
      const { series, answer } = answering();
      answer(0.5, 4);
      series.at(1e9);
      answer(1.2, 8);
      answer(1.9, 8);
      series.at(2e9);
      answer(endS, 80);
      series.end(endS * 1e9 + 2e6, endS * 1e9);
      expect(shape(series)).to.deep.equal(expected);
      // The union is of the times themselves: 8, 8 and 80 ms.
      const last = series.points.at(-1);
      expect([last?.latency_ms.count, Math.round(last?.latency_ms.mean ?? 0)]).to.deep.equal(
        endS === 2.3 ? [3, 32] : [1, 80],
      );
    });
  }

  it("that come after the run's end, as its workers still send traces, are left out: 1.6 s of 4.2", () => {
    const { series, answer } = answering();
    answer(0.5, 4);
    series.at(1e9);
    answer(1.6, 4);
    for (const second of [2, 3, 4]) series.at(second * 1e9);
    series.end(4.2e9, 1.6e9);
    expect(shape(series)).to.deep.equal([
      [1, 1, 10],
      [1.6, 0.6, 10],
    ]);
  });

  it("of a run that is over before its first second is over, or that was ended before its start", () => {
    const short = answering();
    short.answer(0.25, 4);
    short.series.end(0.3e9, 0.25e9);
    expect(shape(short.series)).to.deep.equal([[0.25, 0.25, 10]]);
    const none = answering();
    none.series.end(-5e9, 0);
    expect(shape(none.series)).to.deep.equal([[1, 1, 0]]);
  });

  for (const duration of ["400ms", "1s", "2300ms", "2700ms", "3s"]) {
    it(`of a run of ${duration} and its answers end at elapsed_s, and have every row, every insert and every time`, async () => {
      for (const serviceMs of [0, 20, 300, 700, 2600]) {
        const flags = { rate: "200", duration, "batch-rows": "10", "in-flight": "64" };
        const { report } = await runVirtually(flags, (sentMs) => sentMs + serviceMs);
        const { series } = report;
        const last = series.at(-1);
        expect(last?.t_s).to.equal(report.elapsed_s);
        expect(sum(series.map(({ seconds }) => seconds))).to.be.closeTo(report.elapsed_s, 1e-9);
        if (series.length > 1) expect(last?.seconds).to.be.within(0.5, 1.5);
        expect(sum(series.map(({ rows }) => rows))).to.equal(report.rows.acknowledged);
        expect(sum(series.map(({ scheduled }) => scheduled))).to.equal(report.rows.scheduled);
        const merged = emptyHistogram();
        for (const { latency_ms: latency } of series) if (latency.hdr !== undefined) addEncoded(merged, latency.hdr);
        const whole = emptyHistogram();
        addEncoded(whole, report.latency_ms?.hdr ?? "");
        for (let index = 0; index < whole.countsArrayLength; index++) {
          expect(merged.getCountAtIndex(index)).to.equal(whole.getCountAtIndex(index));
        }
      }
    });
  }

  it("of shards that end at different times, merged, end with the last of them, and lose nothing", async () => {
    const shared = { rate: "200", duration: "3s", "batch-rows": "10", "in-flight": "64", "run-id": "r", seed: "1" };
    const parts = await Promise.all(
      [20, 800, 2600].map(async (serviceMs, index) => {
        const flags = { ...shared, shard: `${index + 1}/3`, "start-at": "2100-01-01T00:00:00Z" };
        const { report } = await runVirtually(flags, (sentMs) => sentMs + serviceMs);
        return report;
      }),
    );
    const ends = parts.map(({ series }) => series.at(-1)?.t_s ?? Number.NaN);
    expect(ends.map((end) => Math.round(end * 100) / 100)).to.deep.equal(
      parts.map(({ elapsed_s: s }) => Math.round(s * 100) / 100),
    );
    const { series, elapsed_s: elapsedS, rows, latency_ms: latency } = mergeReports(parts, () => []);
    expect(series.at(-1)?.t_s).to.equal(elapsedS);
    expect(elapsedS).to.equal(Math.max(...ends));
    expect(sum(series.map(({ seconds }) => seconds))).to.be.closeTo(elapsedS, 1e-9);
    expect(sum(series.map((point) => point.rows)))
      .to.equal(rows.acknowledged)
      .and.to.equal(600);
    expect(sum(series.map(({ scheduled }) => scheduled))).to.equal(600);
    expect(sum(series.map(({ latency_ms: { count } }) => count))).to.equal(latency?.count);
  });
});
