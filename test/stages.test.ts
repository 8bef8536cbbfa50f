// Rates that change: ramps, steps and pauses against areas and roots done by hand, and against a schedule made row by row.
// Virtual time only.

import { expect } from "chai";
import fc from "fast-check";
import { type Batch, type OpenSpec, rowsPerBatch, Schedule } from "../src/schedule.js";
import { parseStage, piecesWithWarmUp, type Stage } from "../src/stage.js";

const S = 1_000_000_000n;

function stagesOf(texts: string): Stage[] {
  return texts.split(" ").map((text) => {
    const stage = parseStage(text);
    if (typeof stage === "string") throw new Error(stage);
    return stage;
  });
}

function spec(texts: string, more: Partial<OpenSpec> = {}): OpenSpec {
  const stages = stagesOf(texts);
  const rate = stages[0]?.rowsPerSecond ?? { numerator: 1n, denominator: 1n };
  return {
    kind: "open",
    pieces: piecesWithWarmUp(rate, more.warmUpNs ?? 0n, 0n, stages),
    warmUpNs: 0n,
    batchRows: 50_000,
    flushNs: S,
    poissonSeed: undefined,
    dataSpanNs: undefined,
    ...more,
  };
}

const schedule = (texts: string, more: Partial<OpenSpec> = {}): Schedule => new Schedule(spec(texts, more));

function batchesOf(made: Schedule, endNs?: bigint): Batch[] {
  const all: Batch[] = [];
  for (let number = 0; ; number++) {
    const batch = made.batch(number, endNs);
    if (batch === undefined) return all;
    all.push(batch);
  }
}

function rowNs({ times }: Batch, i: number): bigint {
  return times.ns + BigInt(i) * times.stepNs + (times.fraction + BigInt(i) * times.stepFraction) / times.denominator;
}

const single = { batchRows: 1 } as const;

describe("stages", () => {
  const totals: readonly (readonly [stages: string, rows: number, why: string])[] = [
    ["30s:100k", 1_500_000, "a triangle: 30 s * 100,000 / 2"],
    ["0s:500k 10s:500k", 5_000_000, "a step and a rectangle"],
    ["10s:100 20s:100 10s:0", 3000, "a trapezium: 500 + 2,000 + 500"],
    ["0s:7 1s:7 0s:0 5s:0 0s:3 1s:3", 10, "a pause of 5 s in between: 7 + 3"],
    ["1s:2.5 1s:0.5", 3, "1.25 + 1.5 = 2.75: rows 0, 1 and 2"],
    ["4s:1", 2, "2, never the row at the very end"],
    ["90m:1M 30m:1M", 4_500_000_000, "2,700 M + 1,800 M"],
  ];
  for (const [texts, rows, why] of totals) {
    it(`${texts} is ${rows} rows: ${why}`, () => expect(schedule(texts).totalRows()).to.equal(rows));
  }

  it("on a ramp from 0 to 100 rows/s over 10 s row k comes at sqrt(k / 5) s: rows 1, 5, 20 and 80", () => {
    const due = [1, 5, 20, 80].map((number) => schedule("10s:100", single).batch(number)?.dueNs);
    expect(due).to.deep.equal([Math.ceil(Math.sqrt(1 / 5) * 1e9), 1e9, 2e9, 4e9]);
  });

  it("on a ramp from 100 down to 0 over 10 s row k comes at 10 - sqrt(100 - k / 5) s: rows 0, 95, 180, 255 and 455", () => {
    const made = schedule("0s:100 10s:0", single);
    const due = [0, 95, 180, 255, 455].map((number) => made.batch(number)?.dueNs);
    expect(due).to.deep.equal([0, 1e9, 2e9, 3e9, 7e9]);
    expect(made.totalRows()).to.equal(500);
  });

  it("7 rows/s, a pause of 5 s, 3 rows/s: row 7 comes when the pause is over, at 6 s", () => {
    const due = batchesOf(schedule("0s:7 1s:7 0s:0 5s:0 0s:3 1s:3", single)).map(({ dueNs }) => dueNs);
    expect(due.slice(6)).to.deep.equal([Math.ceil((6 / 7) * 1e9), 6e9, 6_333_333_334, 6_666_666_667]);
  });

  it("after a step batches are of the new rate: 5 rows a flush interval, then full ones of 50,000 each 0.1 s", () => {
    const made = batchesOf(schedule("0s:5 2s:5 0s:500k 1s:500k"));
    expect(made.slice(0, 3).map(({ rows, dueNs }) => [rows, dueNs])).to.deep.equal([
      [5, 1e9],
      [5, 2e9],
      [50_000, 2_099_998_000],
    ]);
    expect(made.length).to.equal(12);
  });

  it("a ramp of 2 s up to 10 rows/s flushed each second: 3 rows by 1 s after the first, the rest at the end", () => {
    // Rows at sqrt(k / 2.5) s: 0, 0.63, 0.89, 1.10, 1.26, 1.41, 1.55, 1.67, 1.79, 1.90.
    expect(batchesOf(schedule("2s:10")).map(({ rows, dueNs }) => [rows, dueNs])).to.deep.equal([
      [3, 1e9],
      [7, 2e9],
    ]);
  });

  it("a warm-up of 10 s at 5 rows/s closes its last batch: rows 0 to 49 are not measured, 50 to 64 are", () => {
    const made = schedule("0s:5 3s:5", { warmUpNs: 10n * S, flushNs: 3n * S });
    const seen = batchesOf(made).map(({ firstRow, rows, dueNs, measured }) => [firstRow, rows, dueNs / 1e9, measured]);
    expect(seen).to.deep.equal([
      [0, 15, 3, false],
      [15, 15, 6, false],
      [30, 15, 9, false],
      [45, 5, 10, false],
      [50, 15, 13, true],
    ]);
    expect(made.warmUpRows).to.equal(50);
  });

  it("the rate at 0, 2.5, 5, 7 and 8.5 s of 5s:100 2s:100 3s:40 is 0, 50, 100, 100 and 70, and from 10 s on 40", () => {
    const made = schedule("5s:100 2s:100 3s:40");
    expect([0, 2.5, 5, 7, 8.5, 10, 99].map((s) => made.rateAt(s * 1e9))).to.deep.equal([0, 50, 100, 100, 70, 40, 40]);
  });

  it("rows due by then are those of batches that have closed: of 5 rows/s 0 at 0.9 s, 5 at 1 s, 10 at 2.5 s", () => {
    const made = schedule("0s:5 4s:5");
    expect([0.9, 1, 2.5, 4, 99].map((s) => made.rowsDueBy(s * 1e9))).to.deep.equal([0, 5, 10, 20, 20]);
  });

  it("200,000 batches of different sizes are too many: a day's ramp flushed each 100 ms", () => {
    expect(() => schedule("24h:100M", { batchRows: 1e9, flushNs: S / 10n })).to.throw("more than 200000 batches");
  });

  it("a ramp of an hour from 0 to 1M rows/s with single-row batches is made at once: row 1,800,000,000 - 1 is the last", () => {
    const made = schedule("1h:1M", single);
    expect([made.totalRows(), made.runs.length]).to.deep.equal([1_800_000_000, 1]);
    expect(made.batch(1_799_999_999)?.dueNs).to.be.within(3_599_999_000_000, 3_600_000_000_000);
  });

  const anyStage = fc.tuple(fc.constantFrom(0, 1, 3, 250, 1000, 2500), fc.constantFrom(0, 1, 7, 20, 55, 100, 0.5));
  const anySpec = fc
    .record({
      stages: fc.array(anyStage, { minLength: 1, maxLength: 5 }),
      batchRows: fc.constantFrom(1, 2, 5, 30, 1000),
      flushMs: fc.constantFrom(1, 40, 333, 1000, 10_000),
      warmUpMs: fc.constantFrom(0, 0, 100, 1300),
    })
    .map(({ stages, batchRows, flushMs, warmUpMs }) =>
      spec(stages.map(([ms, rate]) => `${ms}ms:${rate}`).join(" "), {
        batchRows,
        flushNs: BigInt(flushMs) * 1_000_000n,
        warmUpNs: BigInt(warmUpMs) * 1_000_000n,
      }),
    );

  /** Rows before `ns` by the areas of trapezia, in floats. */
  function areaBefore({ pieces }: OpenSpec, ns: number): number {
    let [rows, startNs] = [0, 0];
    for (const { durationNs, from, to } of pieces) {
      const [first, last] = [from, to].map(({ numerator, denominator }) => Number(numerator) / Number(denominator));
      const spentNs = Math.min(Math.max(0, ns - startNs), Number(durationNs));
      const share = durationNs > 0n ? spentNs / Number(durationNs) : 0;
      rows += (((first ?? 0) + ((first ?? 0) + ((last ?? 0) - (first ?? 0)) * share)) / 2) * (spentNs / 1e9);
      startNs += Number(durationNs);
    }
    return rows;
  }

  it("property: the rows are the area below the rate, and when a row comes so many have", () => {
    fc.assert(
      fc.property(anySpec, (any) => {
        const made = new Schedule(any);
        const area = areaBefore(any, Number(made.durationNs));
        expect(made.totalRows()).to.be.within(Math.ceil(area - 1e-6), Math.ceil(area + 1e-6));
        for (const { firstRow, dueNs, rows } of batchesOf(new Schedule({ ...any, batchRows: 1 }))) {
          expect(rows).to.equal(1);
          expect(areaBefore(any, dueNs)).to.be.within(firstRow - 1e-6, firstRow + 1e-6 + 100 * 2e-9);
        }
      }),
    );
  });

  it("property: batches are those of a walk from row to row: full, or flushed, or cut by the warm-up's or the run's end", () => {
    fc.assert(
      fc.property(anySpec, (any) => {
        const made = new Schedule(any);
        const rowTimes = batchesOf(new Schedule({ ...any, batchRows: 1 })).map(({ dueNs }) => dueNs);
        const walked: number[][] = [];
        for (let row = 0; row < rowTimes.length; ) {
          const startNs = rowTimes[row] ?? 0;
          const limitNs = row < made.warmUpRows ? Number(any.warmUpNs) : Number(made.durationNs);
          const isIn = (k: number): boolean =>
            k - row < any.batchRows &&
            (rowTimes[k] ?? Number.POSITIVE_INFINITY) < Math.min(startNs + Number(any.flushNs), limitNs);
          let next = row + 1;
          while (next < rowTimes.length && isIn(next)) next++;
          const closesNs = Math.min(startNs + Number(any.flushNs), limitNs);
          walked.push([row, next - row, next - row === any.batchRows ? (rowTimes[next - 1] ?? 0) : closesNs]);
          row = next;
        }
        const seen = batchesOf(made).map(({ firstRow, rows, dueNs }) => [firstRow, rows, dueNs]);
        expect(seen).to.deep.equal(walked);
      }),
      { numRuns: 300 },
    );
  });

  it("property: no batch holds more rows than a slot has room for", () => {
    const flat = fc.constantFrom("1.2s:12266 4.6s:12266 3.4s:12266", "1s:7001 1s:7001 1s:0", "3s:9999 1s:3 2s:9999");
    const flatSpec = flat.map((texts) => spec(texts));
    fc.assert(
      fc.property(fc.oneof(anySpec, flatSpec), (any) => {
        const most = rowsPerBatch(any);
        for (const { rows } of batchesOf(new Schedule(any))) expect(rows).to.be.at.most(most);
      }),
      { numRuns: 300 },
    );
  });

  it("a hold of 7 rows/s after a ramp, in two stages, is one hold: batches of 7, whatever nanosecond they begin at", () => {
    const rows = (texts: string) => batchesOf(schedule(texts)).map((batch) => batch.rows);
    expect(rows("1s:7 1s:7 1s:7")).to.deep.equal(rows("1s:7 2s:7"));
    expect(rows("1s:7 1s:7 1s:7")).to.deep.equal([4, 7, 7]);
  });

  it("no more than 1,500 rows of 1s:1000 20s:1000 are over when the 1,501st would come, at 2 s", () => {
    const limited = schedule("1s:1000 20s:1000", { rowLimit: 1500 });
    expect([limited.totalRows(), limited.durationNs]).to.deep.equal([1500, 2n * S]);
    const chance = schedule("1s:1000 20s:1000", { rowLimit: 1500, poissonSeed: 5, batchRows: 10 });
    expect(Math.max(...batchesOf(chance).map(({ dueNs }) => dueNs))).to.be.at.most(2e9);
  });

  it("property: rows have times between those of the row before and the row behind, from batch to batch too", () => {
    fc.assert(
      fc.property(anySpec, (any) => {
        const times = batchesOf(new Schedule(any)).flatMap((batch) =>
          Array.from({ length: batch.rows }, (_, i) => rowNs(batch, i)),
        );
        expect(times.every((ns, k) => k === 0 || ns >= (times[k - 1] ?? 0n) - 1n)).to.equal(true);
        expect(times.every((ns) => ns >= 0n && ns < new Schedule(any).durationNs)).to.equal(true);
      }),
    );
  });

  it("property: an end moved forward leaves the rows before it, in batches due by then", () => {
    fc.assert(
      fc.property(anySpec, fc.integer({ min: 0, max: 3000 }), (any, ms) => {
        const made = new Schedule(any);
        const endNs = BigInt(ms) * 1_000_000n;
        const left = batchesOf(made, endNs);
        const rows = batchesOf(new Schedule({ ...any, batchRows: 1 })).filter(({ dueNs }) => dueNs < endNs).length;
        expect(left.reduce((sum, batch) => sum + batch.rows, 0))
          .to.equal(made.totalRows(endNs))
          .and.to.equal(rows);
        if (endNs < made.durationNs) expect(left.every(({ dueNs }) => dueNs <= endNs)).to.equal(true);
      }),
    );
  });

  it("property: the rows of any number of shards are those of the batches that are theirs, up to any row", () => {
    fc.assert(
      fc.property(anySpec, fc.integer({ min: 1, max: 5 }), fc.nat({ max: 200 }), (any, of, upTo) => {
        const made = new Schedule(any);
        const rows = Math.min(upTo, made.totalRows());
        for (let index = 0; index < of; index++) {
          const counted = batchesOf(made)
            .filter(({ number }) => number % of === index)
            .reduce((sum, batch) => sum + Math.max(0, Math.min(batch.rows, rows - batch.firstRow)), 0);
          expect(made.shardRows(rows, { index, of })).to.equal(counted);
        }
      }),
    );
  });

  describe("arrivals by chance", () => {
    const poisson = (texts: string, more: Partial<OpenSpec> = {}): Batch[] =>
      batchesOf(schedule(texts, { batchRows: 1, poissonSeed: 7, ...more }));

    it("20,000 batches over 200 s have gaps of mean 10 ms, variance 10 ms² and the exponential's quantiles", () => {
      const due = poisson("0s:100 200s:100").map(({ dueNs }) => dueNs / 1e6);
      expect(due.length).to.equal(20_000);
      const gaps = due.map((ms, index) => ms - (due[index - 1] ?? 0));
      const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
      const deviation = Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length);
      // The standard error of mean and deviation is 0.07 and 0.1 ms; five of them.
      expect(mean).to.be.within(9.99, 10.01);
      expect(deviation).to.be.within(9.5, 10.5);
      for (const [share, ms] of [
        [0.1, -10 * Math.log(0.9)],
        [0.5, 10 * Math.LN2],
        [0.9, -10 * Math.log(0.1)],
      ] as const) {
        const below = gaps.filter((gap) => gap < ms).length / gaps.length;
        expect(below).to.be.within(share - 5 * Math.sqrt((share * (1 - share)) / 20_000), share + 0.02);
      }
    });

    it("gaps do not depend on those before them: neighbours of 20,000 correlate by less than 5 standard errors", () => {
      const due = poisson("0s:100 200s:100").map(({ dueNs }) => dueNs / 1e6);
      const gaps = due.map((ms, index) => ms - (due[index - 1] ?? 0) - 10);
      const products = gaps.slice(1).map((gap, index) => gap * (gaps[index] ?? 0));
      expect(Math.abs(products.reduce((sum, each) => sum + each, 0) / products.length / 100)).to.be.below(
        5 / Math.sqrt(20_000),
      );
    });

    it("they follow the ramp: of 1,000 batches on 20s:100 a quarter is due by 10 s, by 4 standard errors", () => {
      const due = poisson("20s:100");
      expect(due.length).to.equal(1000);
      expect(due.filter(({ dueNs }) => dueNs < 10e9).length).to.be.within(250 - 55, 250 + 55);
    });

    it("the same seed gives the same arrivals, another one others", () => {
      const dues = (poissonSeed: number) => poisson("0s:50 2s:50", { poissonSeed }).map(({ dueNs }) => dueNs);
      expect(dues(3)).to.deep.equal(dues(3));
      expect(dues(3)).to.not.deep.equal(dues(4));
    });

    it("property: batches and rows are those of constant arrivals, due in order, the warm-up's before its end", () => {
      fc.assert(
        fc.property(anySpec, fc.nat({ max: 1e9 }), (any, poissonSeed) => {
          const constant = batchesOf(new Schedule(any));
          const chance = batchesOf(new Schedule({ ...any, poissonSeed }));
          const cut = (all: readonly Batch[]) => all.map(({ firstRow, rows, measured }) => [firstRow, rows, measured]);
          expect(cut(chance)).to.deep.equal(cut(constant));
          expect(chance.every(({ dueNs }, at) => at === 0 || dueNs >= (chance[at - 1]?.dueNs ?? 0))).to.equal(true);
          for (const { measured, dueNs } of chance) {
            expect(measured ? dueNs >= any.warmUpNs : dueNs <= any.warmUpNs).to.equal(true);
          }
        }),
      );
    });

    it("property: an end moved forward leaves the batches that have come, whole", () => {
      fc.assert(
        fc.property(anySpec, fc.integer({ min: 0, max: 3000 }), (any, ms) => {
          const made = new Schedule({ ...any, poissonSeed: 1 });
          const endNs = BigInt(ms) * 1_000_000n;
          const left = batchesOf(made, endNs);
          const come = batchesOf(made).filter(({ dueNs }) => endNs >= made.durationNs || dueNs <= endNs);
          expect(left).to.deep.equal(come);
          expect(made.totalRows(endNs)).to.equal(come.reduce((sum, { rows }) => sum + rows, 0));
        }),
      );
    });
  });
});
