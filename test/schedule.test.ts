// The schedule's laws: as tables where the arithmetic can be done by hand, as properties for the rest. Virtual time only.

import { expect } from "chai";
import fc from "fast-check";
import { type Batch, holding, type OpenSpec, type Ratio, Schedule } from "../src/schedule.js";

/** One rate, from the start to the end. */
type Constant = Omit<OpenSpec, "pieces"> & { readonly rowsPerSecond: Ratio; readonly durationNs: bigint };
const S = 1_000_000_000n;

function spec(rate: readonly [bigint, bigint], durationS: number, batchRows = 50_000, flushMs = 1000): Constant {
  return {
    kind: "open",
    rowsPerSecond: { numerator: rate[0], denominator: rate[1] },
    durationNs: BigInt(Math.round(durationS * 1e9)),
    batchRows,
    flushNs: BigInt(flushMs) * 1_000_000n,
    dataSpanNs: undefined,
    warmUpNs: 0n,
    poissonSeed: undefined,
  };
}

function scheduleOf({ rowsPerSecond, durationNs, ...rest }: Constant): Schedule {
  return new Schedule({ ...rest, pieces: [holding(rowsPerSecond, durationNs)] });
}

function batches(schedule: Schedule, endNs?: bigint): Batch[] {
  const all: Batch[] = [];
  for (let number = 0; ; number++) {
    const batch = schedule.batch(number, endNs);
    if (batch === undefined) return all;
    all.push(batch);
  }
}

/** The time of row i of a batch in nanoseconds, as its linear times say, rounded down. */
function rowNs({ times }: Batch, i: number): bigint {
  return times.ns + BigInt(i) * times.stepNs + (times.fraction + BigInt(i) * times.stepFraction) / times.denominator;
}

describe("schedule", () => {
  const totals: readonly (readonly [string, readonly [bigint, bigint], number, number])[] = [
    ["5 rows/s for 30 s is 150 rows", [5n, 1n], 30, 150],
    ["2.3 rows/s for 100 s is 230 rows", [23n, 10n], 100, 230],
    ["0.1 rows/s for 30 s is 3 rows", [1n, 10n], 30, 3],
    ["1.5M rows/s for 60 s is 90,000,000 rows", [1_500_000n, 1n], 60, 90_000_000],
    ["3 rows/s for 1/3 s is 1 row: the second would be at the end", [3n, 1n], 0.333333333, 1],
    ["7 rows/s for 1 ms is 1 row: the first is at 0", [7n, 1n], 0.001, 1],
    ["1000M rows/s for 1 h is 3,600,000,000,000 rows", [1_000_000_000n, 1n], 3600, 3_600_000_000_000],
  ];
  for (const [name, rate, duration, rows] of totals) {
    it(name, () => expect(scheduleOf(spec(rate, duration)).totalRows()).to.equal(rows));
  }

  it("at 5 rows/s each batch holds 5 rows and is due 1 s after its first", () => {
    const all = batches(scheduleOf(spec([5n, 1n], 2)));
    expect(all.map(({ firstRow, rows, dueNs }) => [firstRow, rows, dueNs])).to.deep.equal([
      [0, 5, 1e9],
      [5, 5, 2e9],
    ]);
  });

  it("at 200k rows/s batches of 50,000 rows are due when their last row is: 249.995 ms, 499.995 ms", () => {
    const all = batches(scheduleOf(spec([200_000n, 1n], 1)));
    expect(all.map(({ rows, dueNs }) => [rows, dueNs])).to.deep.equal([
      [50_000, 249_995_000],
      [50_000, 499_995_000],
      [50_000, 749_995_000],
      [50_000, 999_995_000],
    ]);
  });

  it("the last batch of 0.5 s at 8 rows/s holds the last 4 rows and is due at the end", () => {
    expect(batches(scheduleOf(spec([8n, 1n], 0.5))).map(({ rows, dueNs }) => [rows, dueNs])).to.deep.equal([[4, 5e8]]);
  });

  it("single rows at 10,000 a second are due 100 µs apart", () => {
    const all = batches(scheduleOf(spec([10_000n, 1n], 0.001, 1)));
    expect(all.map(({ dueNs }) => dueNs)).to.deep.equal([0, 1e5, 2e5, 3e5, 4e5, 5e5, 6e5, 7e5, 8e5, 9e5]);
  });

  it("rows at 3 a second are at 0, 333,333,333 and 666,666,666 ns, and the fourth at 1 s exactly", () => {
    const [batch] = batches(scheduleOf(spec([3n, 1n], 10, 4, 60_000)));
    if (batch === undefined) throw new Error("no batch");
    expect([0, 1, 2, 3].map((i) => rowNs(batch, i))).to.deep.equal([0n, 333_333_333n, 666_666_666n, S]);
  });

  it("the third of three workers gets batches 2, 5, 8", () => {
    const schedule = scheduleOf(spec([100n, 1n], 0.9, 10));
    const stripe = [2, 5, 8, 11].map((number) => schedule.batch(number)?.firstRow);
    expect(stripe).to.deep.equal([20, 50, 80, undefined]);
  });

  it("an end moved to 250 ms cuts the batch it falls into: 100 rows/s leave 25 rows, the last batch due at 250 ms", () => {
    const all = batches(scheduleOf(spec([100n, 1n], 10, 10)), 250_000_000n);
    expect(all.map(({ rows, dueNs }) => [rows, dueNs])).to.deep.equal([
      [10, 90_000_000],
      [10, 190_000_000],
      [5, 250_000_000],
    ]);
  });

  const anySpec = fc
    .record({
      rate: fc.tuple(fc.bigInt(1n, 3_000_000n), fc.constantFrom(1n, 10n, 1000n, 1_000_000_000n)),
      batchRows: fc.integer({ min: 1, max: 2000 }),
      flushMs: fc.integer({ min: 1, max: 5000 }),
      wantedRows: fc.integer({ min: 1, max: 5000 }),
    })
    .map(({ rate, batchRows, flushMs, wantedRows }) => ({
      ...spec(rate, 1, batchRows, flushMs),
      // So long that about the wanted rows exist, never a round number of them.
      durationNs: (BigInt(wantedRows) * S * rate[1]) / rate[0] + 1n,
    }))
    // The longest run there is: 90 days.
    .filter(({ durationNs }) => durationNs <= 90n * 86_400n * S);

  it("property: batches cover each row once, in order, without a gap, and none is empty", () => {
    fc.assert(
      fc.property(anySpec, (any) => {
        const schedule = scheduleOf(any);
        let next = 0;
        for (const { firstRow, rows } of batches(schedule)) {
          expect(firstRow).to.equal(next);
          expect(rows).to.be.within(1, any.batchRows);
          next += rows;
        }
        expect(next).to.equal(schedule.totalRows());
      }),
    );
  });

  it("property: row k exists exactly when k / rate is before the end", () => {
    fc.assert(
      fc.property(anySpec, (any) => {
        const { numerator, denominator } = any.rowsPerSecond;
        const rows = BigInt(scheduleOf(any).totalRows());
        const isBeforeEnd = (k: bigint): boolean => k * denominator * S < any.durationNs * numerator;
        expect([isBeforeEnd(rows - 1n), isBeforeEnd(rows)]).to.deep.equal([true, false]);
      }),
    );
  });

  it("property: a batch is due when its rows are, at most a flush interval after its first and never after the end", () => {
    fc.assert(
      fc.property(anySpec, (any) => {
        const { numerator, denominator } = any.rowsPerSecond;
        const exactNs = (k: number): bigint => (BigInt(k) * denominator * S) / numerator;
        for (const batch of batches(scheduleOf(any))) {
          const due = BigInt(batch.dueNs);
          expect(due >= exactNs(batch.firstRow + batch.rows - 1)).to.equal(true);
          expect(due <= exactNs(batch.firstRow) + 1n + any.flushNs).to.equal(true);
          expect(due <= any.durationNs).to.equal(true);
          for (const i of [0, 1, batch.rows - 1]) {
            expect(rowNs(batch, i)).to.equal(exactNs(batch.firstRow + i));
          }
        }
      }),
    );
  });

  describe("a data span: row k of n has the time k * span / n", () => {
    const DAY = 86_400n * S;
    const timesOf = (all: readonly Batch[]): bigint[] =>
      all.flatMap((batch) => Array.from({ length: batch.rows }, (_, i) => rowNs(batch, i)));

    it("10 rows/s for 1 s over 10 days: a row a day, due within the second", () => {
      const all = batches(scheduleOf({ ...spec([10n, 1n], 1, 4), dataSpanNs: 10n * DAY }));
      expect(timesOf(all)).to.deep.equal([0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n, 9n].map((day) => day * DAY));
      expect(all.map(({ dueNs }) => dueNs)).to.deep.equal([3e8, 7e8, 1e9]);
    });

    it("3 rows over 1 s are at 0, 333,333,333 and 666,666,666 ns", () => {
      const all = batches(scheduleOf({ ...spec([3n, 1n], 1), dataSpanNs: S }));
      expect(timesOf(all)).to.deep.equal([0n, 333_333_333n, 666_666_666n]);
    });

    it("more rows than nanoseconds: 2,000 rows over 1,000 ns are two a nanosecond", () => {
      const all = batches(scheduleOf({ ...spec([2000n, 1n], 1, 300), dataSpanNs: 1000n }));
      expect(timesOf(all)).to.deep.equal(Array.from({ length: 2000 }, (_, k) => BigInt(Math.floor(k / 2))));
    });

    it("rows keep their times when the end is moved: 25 of 100 rows are the first quarter of the span", () => {
      const schedule = scheduleOf({ ...spec([100n, 1n], 1, 10), dataSpanNs: 100n * DAY });
      const cut = timesOf(batches(schedule, S / 4n));
      expect(cut).to.deep.equal(Array.from({ length: 25 }, (_, k) => BigInt(k) * DAY));
    });

    it("the largest there is stays in the kernel's range: 1000M rows/s for 90 days over a century", () => {
      const century = 36_500n * DAY;
      const schedule = scheduleOf({ ...spec([1_000_000_000n, 1n], 7_776_000), dataSpanNs: century });
      const rows = schedule.totalRows();
      const last = schedule.batch(Math.ceil(rows / 50_000) - 1);
      if (last === undefined) throw new Error("no batch");
      const { ns, fraction, stepNs, stepFraction, denominator } = last.times;
      expect(last.firstRow + last.rows)
        .to.equal(rows)
        .and.to.equal(7_776_000_000_000_000);
      expect(rowNs(last, last.rows - 1)).to.equal((BigInt(rows - 1) * century) / BigInt(rows));
      for (const value of [ns, stepNs, denominator, fraction + stepFraction]) expect(value < 2n ** 63n).to.equal(true);
    });

    it("the finest rate stays in the kernel's range too: 999,999,999.123456789 rows/s", () => {
      const { times } = scheduleOf(spec([999_999_999_123_456_789n, 1_000_000_000n], 1)).batch(7) ?? {};
      if (times === undefined) throw new Error("no batch");
      expect(times.fraction + times.stepFraction < 2n ** 63n).to.equal(true);
    });

    const anySpan = fc.tuple(anySpec, fc.bigInt(1n, 36_500n * DAY), fc.integer({ min: 1, max: 2000 }));

    it("property: times never decrease, begin at 0, end before the span, and are k * span / n exactly", () => {
      fc.assert(
        fc.property(anySpan, ([any, dataSpanNs]) => {
          const schedule = scheduleOf({ ...any, dataSpanNs });
          const times = timesOf(batches(schedule));
          const rows = BigInt(schedule.totalRows());
          expect(times.every((ns, k) => ns === (BigInt(k) * dataSpanNs) / rows)).to.equal(true);
          expect(times.every((ns, k) => k === 0 || ns >= (times[k - 1] ?? 0n))).to.equal(true);
          expect(times[0]).to.equal(0n);
          expect((times.at(-1) ?? dataSpanNs) < dataSpanNs).to.equal(true);
        }),
      );
    });

    it("property: cut into any batches and moved to any end the times are the same, and batches are due as without a span", () => {
      fc.assert(
        fc.property(anySpan, fc.double({ min: 0, max: 1, noNaN: true }), ([any, dataSpanNs, batchRows], share) => {
          const whole = timesOf(batches(scheduleOf({ ...any, dataSpanNs })));
          const endNs = BigInt(Math.floor(Number(any.durationNs) * share));
          const cut = timesOf(batches(scheduleOf({ ...any, dataSpanNs, batchRows }), endNs));
          expect(cut).to.deep.equal(whole.slice(0, cut.length));
          const dues = (each: Constant) => batches(scheduleOf(each)).map(({ rows, dueNs }) => [rows, dueNs]);
          expect(dues({ ...any, dataSpanNs })).to.deep.equal(dues(any));
        }),
      );
    });
  });

  it("property: stripes of any number of workers are the same batches, each once", () => {
    fc.assert(
      fc.property(anySpec, fc.integer({ min: 1, max: 9 }), (any, workers) => {
        const schedule = scheduleOf(any);
        const whole = batches(schedule).map(({ firstRow }) => firstRow);
        const striped = Array.from({ length: workers }, (_, worker) =>
          whole.filter((_, number) => number % workers === worker),
        ).flat();
        expect(striped.sort((a, b) => a - b)).to.deep.equal(whole);
      }),
    );
  });

  it("property: an end moved forward gives the schedule of that shorter duration", () => {
    fc.assert(
      fc.property(anySpec, fc.double({ min: 0, max: 1, noNaN: true }), (any, share) => {
        const endNs = BigInt(Math.floor(Number(any.durationNs) * share));
        const shorter = batches(scheduleOf({ ...any, durationNs: endNs }));
        expect(batches(scheduleOf(any), endNs)).to.deep.equal(shorter);
      }),
    );
  });
});
