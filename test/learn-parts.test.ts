// The pure parts of --learn against arithmetic: which rows are looked at, how many values there are and how uneven they come,
// which law numbers follow, patterns of a length, made-up texts, times that lag.

import { expect } from "chai";
import fc from "fast-check";
import { lawOf } from "../src/learn/laws.js";
import { type Candidate, lagFinding, lagOf, orderOf, rowTimeOf, sequenceOf } from "../src/learn/order.js";
import { samplingOf } from "../src/learn/sampling.js";
import { skewOf } from "../src/learn/skew.js";
import { madeUp, patternOf } from "../src/learn/texts.js";
import { ImpossibleError } from "../src/server.js";
import { columnsOf, lines, render } from "./support/rows.js";

describe("which rows are looked at", () => {
  /** The ranges of the condition, by part. */
  function rangesOf(where: string): { part: string; from: number; to: number }[] {
    return [...where.matchAll(/_part = '([^']*)' AND \(([^)]*)\)/g)].flatMap(([, part = "", ranges = ""]) =>
      [...ranges.matchAll(/BETWEEN (\d+) AND (\d+)/g)].map(([, from, to]) => ({
        part,
        from: Number(from),
        to: Number(to),
      })),
    );
  }

  it("all of a million rows and fewer; the first million where the server knows neither rows nor parts", () => {
    expect(samplingOf(1_000_000, [], 1_000_000)).to.deep.equal({
      where: undefined,
      limit: 1_000_000,
      expected: 0,
      text: "all rows",
    });
    expect(samplingOf(undefined, [], 1_000_000).where).to.equal(undefined);
    expect(samplingOf(5_000_000, [], 1_000_000).where).to.equal(undefined);
  });

  it("property: of more, granules in order and apart, inside their parts, as many of a part as its share to one, at most a million rows", () => {
    const parts = fc.array(fc.integer({ min: 1, max: 20_000_000 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(parts, (sizes) => {
        const all = sizes.map((rows, index) => ({ name: `all_${index}`, rows }));
        const total = sizes.reduce((a, b) => a + b, 0);
        fc.pre(total > 1_000_000);
        const ranges = rangesOf(samplingOf(total, all, 1_000_000).where ?? "");
        expect(ranges.reduce((sum, { from, to }) => sum + to - from + 1, 0)).to.be.at.most(1_000_000);
        expect(new Set(ranges.map(({ part, from }) => `${part} ${from}`)).size).to.equal(ranges.length);
        for (const { part, from, to } of ranges) {
          expect(Math.floor(from / 8192)).to.equal(Math.floor(to / 8192));
          expect(from).to.be.below((all.find(({ name }) => name === part)?.rows ?? 0) + 2);
        }
        for (const { name, rows } of all) {
          const wanted = Math.min((122 * rows) / total, Math.ceil(rows / 8192));
          expect(ranges.filter(({ part }) => part === name).length).to.be.within(wanted - 2, wanted + 2);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe("how many values there are, and how uneven they come", () => {
  /** Different values in so many rows, and the probability that two are the same: sums term by term. */
  function theory(of: number, exponent: number, rows: number) {
    const weights = Array.from({ length: of }, (_, i) => (i + 1) ** -exponent);
    const total = weights.reduce((a, b) => a + b, 0);
    return {
      distinct: weights.reduce((sum, weight) => sum + 1 - (1 - weight / total) ** rows, 0),
      same: weights.reduce((sum, weight) => sum + (weight / total) ** 2, 0),
    };
  }

  for (const [of, exponent, rows] of [
    [10, 1, 1000],
    [300, 0.5, 100_000],
    [1000, 1.1, 100_000],
    [5000, 0.8, 20_000],
    [100_000, 1, 100_000],
    [1000, 2, 1_000_000],
  ] as const) {
    it(`${of} by zipf ${exponent} in ${rows} rows: found to 2% and 0.02`, () => {
      const { distinct, same } = theory(of, exponent, rows);
      const found = skewOf(rows, distinct, same);
      expect(found.of).to.be.closeTo(of, 0.02 * of);
      expect(found.exponent).to.be.closeTo(exponent, 0.02);
    });
  }

  for (const [of, rows] of [
    [100, 100_000],
    [60_000, 100_000],
    [1_000_000, 200_000],
  ] as const) {
    it(`${of} each as often in ${rows} rows: found to 2%, of which fewer were seen`, () => {
      const { distinct, same } = theory(of, 0, rows);
      const found = skewOf(rows, distinct, same);
      expect(found.of).to.be.closeTo(of, 0.02 * of);
      expect(found.exponent).to.equal(undefined);
    });
  }
});

describe("which law numbers follow", () => {
  /** 100 quantiles of a law, by its inverse. */
  const shapeOf = (
    inverse: (p: number) => number,
    mean: number,
    sd: number,
    round: (x: number) => number = (x) => x,
  ) => ({
    quantiles: Array.from({ length: 100 }, (_, i) => round(inverse(Math.max(i / 100, 1e-5)))),
    max: round(inverse(1 - 1e-5)),
    mean,
    sd,
    unit: 1,
    values: 100_000,
  });
  const exponential = (mean: number) => (p: number) => -mean * Math.log(1 - p);
  const ALL = ["uniform", "normal", "exponential"] as const;

  it("uniform, exponential; neither of a square, nor of one that was not allowed", () => {
    expect(
      lawOf(
        shapeOf((p) => 1000 * p, 500, 289),
        ALL,
      ),
    ).to.equal("uniform");
    expect(lawOf(shapeOf(exponential(1000), 1000, 1000), ALL)).to.equal("exponential");
    expect(
      lawOf(
        shapeOf((p) => 1000 * p * p, 333, 298),
        ALL,
      ),
    ).to.equal("quantiles");
    expect(lawOf(shapeOf(exponential(1000), 1000, 1000), ["uniform"])).to.equal("quantiles");
  });

  it("rounded to few numbers, too: an exponential mean of 3", () => {
    expect(lawOf(shapeOf(exponential(3), 3, 3, Math.round), ALL)).to.equal("exponential");
  });
});

describe("patterns by look and length", () => {
  const texts = (mean: number, low: number, high: number, share: object = {}) => ({
    lengths: [mean, low, low, high, high] as const,
    uuid: 0,
    digits: 0,
    hex: 0,
    spaced: 0,
    ...share,
  });

  for (const [what, seen, of] of [
    ["12 letters", texts(12, 12, 12), undefined],
    ["4 to 40 letters", texts(22, 4, 40), undefined],
    ["4 to 40 letters, 15 on the average", texts(15, 4, 40), undefined],
    ["10,000 letters", texts(10_000, 10_000, 10_000), undefined],
    ["32 hex digits", texts(32, 32, 32, { hex: 1 }), undefined],
    ["8 to 60 hex digits of 500 values", texts(34, 8, 60, { hex: 1 }), 500],
    ["25 digits", texts(25, 25, 25, { digits: 1 }), undefined],
    ["9 letters of a million values", texts(9, 9, 9), 1_000_000],
    ["words, 80 letters long", texts(80, 40, 120, { spaced: 1 }), undefined],
    ["words, 80 letters long, of 2000 values", texts(80, 40, 120, { spaced: 1 }), 2000],
  ] as const) {
    it(`${what}: rendered texts are as long on the average, to 3%, and of that many values`, async () => {
      const pattern = patternOf(seen, of, undefined);
      const cardinality = of === undefined ? {} : { cardinality: { of, draw: { kind: "cycle" } as const } };
      const columns = columnsOf({ x: "String" }, { x: { pattern, ...cardinality } });
      const rows = Math.min(of ?? 2000, 2000);
      const made = lines(await render(columns, { rows })).map((line) => JSON.parse(line).x as string);
      const mean = made.reduce((sum, { length }) => sum + length, 0) / made.length;
      expect(mean).to.be.closeTo(seen.lengths[0], 0.03 * seen.lengths[0] + 0.5);
      if (of !== undefined) expect(new Set(made).size).to.equal(rows);
    });
  }

  it("made-up texts: all different, as long as the table's where they can be", () => {
    const top = [7, 7, 20, 1, 1, 0, 3].map((length) => ({ text: "", count: 1, length }));
    const made = madeUp(top);
    expect(new Set(made).size).to.equal(7);
    expect(made.map(({ length }) => length)).to.deep.equal([7, 7, 20, 1, 1, 0, 3]);
  });
});

describe("order", () => {
  it("of several times in order the one that is so for most rows is the row's, and a time goes before a day", () => {
    const time = (name: string) => ({ name, type: { kind: "DateTime", bits: 32, precision: 0 } as const });
    const day = { name: "day", type: { kind: "Date", bits: 16 } as const };
    const order = new Map([
      ["day", 1],
      ["a", 0.96],
      ["b", 0.99],
      ["c", 0.5],
    ]);
    expect(rowTimeOf([day, time("a"), time("b"), time("c")], order)?.name).to.equal("b");
    expect(rowTimeOf([day, time("c")], order)?.name).to.equal("day");
    expect(rowTimeOf([time("c")], order)).to.equal(undefined);
  });

  it("numbers in order that leave most numbers out are no sequence", () => {
    const seen = { min: "0", max: "999000", distinct: 1000, values: 1000 };
    expect(sequenceOf(seen, 1, 1000)).to.equal(undefined);
    expect(sequenceOf({ ...seen, max: "1998" }, 1, 1000)?.rule.get("sequence")).to.deep.equal(
      new Map([
        ["from", 0],
        ["step", 2],
      ]),
    );
    expect(sequenceOf({ ...seen, max: "1998" }, 0.5, 1000)).to.equal(undefined);
    expect(sequenceOf({ ...seen, max: "1998", distinct: 500 }, 1, 1000)).to.equal(undefined);
  });

  const lag = { rows: 1000, late: 0, ahead: 0, meanMs: 0, quarterMs: 0, maxMs: 0, spanMs: 3_600_000 };
  for (const [what, seen, rule] of [
    ["never behind", {}, new Map()],
    ["a tenth behind by a minute", { late: 100, meanMs: 60_000, quarterMs: 17_000, maxMs: 400_000 }, "late"],
    ["all behind, evenly up to 2 s", { late: 990, meanMs: 1000, quarterMs: 500, maxMs: 2000 }, "jitter"],
    ["ahead for a hundredth", { ahead: 10 }, undefined],
    ["behind by half of the whole span", { late: 500, meanMs: 9e5, quarterMs: 5e5, maxMs: 18e5 }, undefined],
  ] as const) {
    it(`a time ${what}: ${rule instanceof Map ? "no rule" : (rule ?? "a range")}`, () => {
      const found = lagFinding({ ...lag, ...seen }, "at");
      if (rule === undefined) expect(found).to.equal(undefined);
      else if (rule instanceof Map) expect(found?.rule).to.deep.equal(rule);
      else expect([...((found?.rule.get("time") ?? new Map()) as Map<string, unknown>).keys()]).to.deep.equal([rule]);
    });
  }
});

describe("an answer on order and lags", () => {
  const column: Candidate = { name: "n", type: { kind: "Int", bits: 64, signed: false } };
  const LAGS = {
    rows: "200",
    span: "60000",
    d1_late: "50",
    d1_ahead: 0,
    d1_mean: 250.5,
    d1_quarter: "100",
    d1_max: "-7",
  };

  it("95 of 100 neighbours in order are 0.95; 50 of 200 rows lag by 250.5 ms on the average", () => {
    expect([...orderOf([column], { rows: "100", up0: "95" })]).to.deep.equal([["n", 0.95]]);
    expect(lagOf(0, LAGS)).to.deep.equal({
      ...{ rows: 200, late: 50, ahead: 0, meanMs: 250.5, quarterMs: 100, maxMs: -7, spanMs: 60_000 },
    });
  });

  it("of no rows that lag the mean is NULL or nan: 0 ms", () => {
    const none = { ...LAGS, d1_late: "0", d1_mean: null, d1_quarter: "nan" };
    expect(lagOf(0, none)).to.deep.include({ late: 0, meanMs: 0, quarterMs: 0 });
  });

  for (const [what, work] of [
    ["more neighbours in order than rows", () => orderOf([column], { rows: "100", up0: "101" })],
    ["no number of rows", () => orderOf([column], { up0: "1" })],
    ["a negative number of rows that lag", () => lagOf(0, { ...LAGS, d1_late: "-1" })],
    ["a text for a mean", () => lagOf(0, { ...LAGS, d1_mean: "long" })],
    ["a mean without end", () => lagOf(0, { ...LAGS, d1_mean: "inf" })],
  ] as const) {
    it(`with ${what} is none`, () => expect(work).to.throw(ImpossibleError));
  }
});
