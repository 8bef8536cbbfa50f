// The laws a rule can name, as ClickHouse measures them in 100,000 or 200,000 rows, against the theory: five standard
// errors, or what a test says. The seed is fixed, so that a test which passes once does so for ever.

import { expect } from "chai";
import { ERRORS, expectEqual, expectLaw, near, nearQuantile, nearShare } from "./support/statistics.js";
import { type Columns, fill, type Table } from "./support/tables.js";

const ROWS = 100_000;
const MANY = 200_000;

/** z with this share of the standard normal distribution below it. */
const Z = [
  [0.01, -2.3263479],
  [0.25, -0.6744898],
  [0.5, 0],
  [0.75, 0.6744898],
  [0.99, 2.3263479],
] as const;
const density = (z: number): number => Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
/** 1 … n */
const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);
/** In proportion to these, with a sum of 1. */
function shares(weights: readonly number[]): number[] {
  const total = sum(weights);
  return weights.map((weight) => weight / total);
}
/** Zipf's law for the numbers 1 … n. */
const zipf = (n: number, exponent: number): number[] => shares(upTo(n).map((k) => k ** -exponent));

describe("distributions", function () {
  this.timeout(60_000);

  /** How often each of `values` comes in a column; any other value is a fault. */
  async function countsOf(table: Table, sql: string, values: readonly (string | number)[]): Promise<number[]> {
    const rows = await table.all<{ x: string; n: number }>(
      `SELECT toString(${sql}) AS x, count() AS n FROM t GROUP BY x`,
    );
    const counts = new Map(rows.map(({ x, n }) => [x, n]));
    expect([...counts.keys()].filter((x) => !values.map(String).includes(x))).to.deep.equal([]);
    return values.map((value) => counts.get(String(value)) ?? 0);
  }

  describe("uniform: least, greatest, mean, three quantiles, and as many in each of 16 parts or more", () => {
    interface Uniform {
      readonly type: string;
      readonly from: string;
      readonly to: string;
      /** In SQL, of x: as a number. */
      readonly as?: string;
      /** Distance of neighbours, as that number. */
      readonly unit?: number;
      /** How many parts are of the same size. */
      readonly parts?: number;
      readonly more?: string;
    }
    const DAY_S = 86_400;
    const cases: readonly Uniform[] = [
      { type: "UInt8", from: "0", to: "255" },
      { type: "UInt8", from: "10", to: "19", parts: 10 },
      { type: "Int8", from: "-128", to: "127" },
      { type: "UInt16", from: "1", to: "1000", parts: 40 },
      { type: "Int32", from: "-1000000", to: "999999" },
      { type: "UInt64", from: "0", to: "18446744073709551615" },
      { type: "UInt64", from: "18446744073709551600", to: "18446744073709551615", as: "x - 18446744073709551600" },
      { type: "Int64", from: "-9223372036854775807", to: "9223372036854775807" },
      { type: "Int128", from: "-5", to: "10" },
      { type: "UInt256", from: "0", to: "15" },
      { type: "Float64", from: "-1.5", to: "1.5", unit: 1e-5 },
      {
        type: "Float32",
        from: "0",
        to: "0.999",
        as: "round(x * 1000) / 1000",
        unit: 1e-3,
        parts: 40,
        more: ", decimals: 3",
      },
      { type: "Decimal(9, 2)", from: "-10", to: "149.99", unit: 0.01 },
      { type: "Decimal(38, 18)", from: "0", to: "1", unit: 1e-14 },
      { type: "Date", from: "2026-01-01", to: "2026-12-31", parts: 73 },
      { type: "Date32", from: "1900-01-01", to: "2299-12-31", as: "toInt32(x)" },
      { type: "DateTime", from: "2026-01-01T00:00:00Z", to: "2026-01-01T23:59:59Z" },
      {
        type: "DateTime64(3)",
        from: "1930-01-01",
        to: "1969-12-31T23:59:59.999Z",
        as: "toUnixTimestamp64Milli(x)",
        unit: 1,
      },
      {
        type: "DateTime64(9)",
        from: "2026-01-01",
        to: "2026-01-02",
        as: "toUnixTimestamp64Nano(x) - 1767225600000000000",
        unit: 1,
      },
      { type: "IPv4", from: "10.0.0.0", to: "10.255.255.255", as: "toUInt32(x)" },
      { type: "Time", from: "00:00:00", to: "23:59:59", as: "toInt32(x)" },
      { type: "Nullable(Int16)", from: "-8", to: "7" },
      { type: "LowCardinality(UInt8)", from: "0", to: "15" },
    ];
    /** A bound as the number that `as` makes of it. */
    const bounds: Readonly<Record<string, readonly [from: number, to: number]>> = {
      "UInt64 18446744073709551600": [0, 15],
      "Date 2026-01-01": [20_454, 20_818],
      "Date32 1900-01-01": [-25_567, 120_529],
      "DateTime 2026-01-01T00:00:00Z": [20_454 * DAY_S, 20_455 * DAY_S - 1],
      "DateTime64(3) 1930-01-01": [-14_610 * DAY_S * 1000, -1],
      "DateTime64(9) 2026-01-01": [0, DAY_S * 1e9],
      "IPv4 10.0.0.0": [10 * 2 ** 24, 11 * 2 ** 24 - 1],
      "Time 00:00:00": [0, DAY_S - 1],
    };
    let table: Table;
    before(async () => {
      const columns = cases.map(({ type, from, to, more = "" }, i): [string, [string, string]] => [
        `c${i}`,
        [type, `{ uniform: { from: ${JSON.stringify(from)}, to: ${JSON.stringify(to)} }${more} }`],
      ]);
      table = await fill(Object.fromEntries(columns), {
        rows: ROWS,
        settings: { enable_time_time64_type: "1", allow_suspicious_low_cardinality_types: "1" },
      });
    });
    for (const [i, { type, from, to, as = "x", unit = 1, parts = 16 }] of cases.entries()) {
      it(`${type} from ${from} to ${to}`, async () => {
        const [low, high] = bounds[`${type} ${from}`] ?? [Number(from), Number(to)];
        const width = high - low + unit;
        const x = as.includes("round") ? as.replace("x", "toFloat64(x)") : `toFloat64(${as})`;
        const found = await table.one<{ n: number; lowest: number; highest: number; mean: number; q: number[] }>(
          `SELECT count(x) AS n, min(${x}) AS lowest, max(${x}) AS highest, avg(${x}) AS mean,
            quantilesExact(0.1, 0.5, 0.9)(${x}) AS q FROM (SELECT c${i} AS x FROM t)`,
        );
        expect(found.n).to.equal(ROWS);
        if (width / unit <= ROWS / 20) expect([found.lowest, found.highest]).to.deep.equal([low, high]);
        // Nobody comes into the last 20 of 100,000 parts with a probability of e^-20.
        expect(found.lowest).to.be.within(low, low + (20 * width) / ROWS);
        expect(found.highest).to.be.within(high - (20 * width) / ROWS, high);
        near(found.mean, (low + high) / 2, (ERRORS * width) / Math.sqrt(12 * ROWS), "mean");
        for (const [index, p] of [0.1, 0.5, 0.9].entries())
          nearQuantile(found.q[index], p, low + p * width, 1 / width, ROWS, unit, type);
        const rows = await table.all<{ n: number }>(
          `SELECT least(floor((${x} - (${low})) / ${width} * ${parts} + 1e-9), ${parts - 1}) AS part, count() AS n
            FROM (SELECT c${i} AS x FROM t) GROUP BY part ORDER BY part`,
        );
        expectEqual(
          rows.map(({ n }) => n),
          parts,
          `${parts} parts`,
        );
      });
    }
  });

  describe("normal", () => {
    const laws = [
      { type: "Int32", mean: 1000.5, sd: 100, unit: 1 },
      { type: "Int64", mean: 0, sd: 1e15, unit: 1 },
      { type: "UInt64", mean: 1e19, sd: 1e15, unit: 4096 },
      { type: "Float64", mean: -2.5, sd: 0.75, unit: 1e-5 },
      { type: "Float32", mean: 20, sd: 5, unit: 0.1, more: ", decimals: 1" },
      { type: "Decimal(18, 4)", mean: 49.9, sd: 20, unit: 1e-4 },
      { type: "Nullable(Int16)", mean: -300, sd: 40, unit: 1 },
    ];
    let table: Table;
    before(async () => {
      const columns = laws.map(({ type, mean, sd, more = "" }, i) => [
        `c${i}`,
        [type, `{ normal: { mean: ${mean}, sd: ${sd} }${more} }`] as const,
      ]);
      table = await fill(
        {
          ...Object.fromEntries(columns),
          cut: ["UInt8", "{ normal: { mean: 100, sd: 20, min: 90, max: 120 } }"],
          cents: ["Decimal(9, 2)", "{ normal: { mean: 1, sd: 1, min: 0, max: 2.5 } }"],
          tail: ["Float64", "{ normal: { mean: 0, sd: 1, min: 3 }, decimals: 4 }"],
          few: ["Int8", "{ normal: { mean: 0, sd: 1.5 } }"],
        },
        { rows: ROWS },
      );
    });
    for (const [i, { type, mean, sd, unit }] of laws.entries()) {
      it(`${type} of mean ${mean} and sd ${sd}: both, and p1, p25, p50, p75, p99`, async () => {
        const found = await table.one<{ mean: number; sd: number; q: number[] }>(
          `SELECT avg(x) AS mean, stddevPop(x) AS sd, quantilesExact(${Z.map(([p]) => p).join(", ")})(x) AS q
            FROM (SELECT toFloat64(c${i}) - (${mean}) AS x FROM t)`,
        );
        near(found.mean, 0, (ERRORS * sd) / Math.sqrt(ROWS), "mean");
        near(found.sd, sd, (ERRORS * sd) / Math.sqrt(2 * ROWS), "sd");
        for (const [index, [p, z]] of Z.entries())
          nearQuantile(found.q[index], p, z * sd, density(z) / sd, ROWS, unit, type);
      });
    }

    it("cut off at 90 and 120, each of the 31 numbers has its share: no spike at 120", async () => {
      const values = upTo(31).map((k) => 89 + k);
      const law = shares(values.map((x) => density((x - 100) / 20)));
      expectLaw(await countsOf(table, "cut", values), law, "a cut off normal law");
    });

    it("a Decimal cut off at 0 and 2.50 has p25, p50 and p75 as ClickHouse's erf has them, and no more at 2.50 than by 2.49", async () => {
      const found = await table.one<{ low: number; high: number; edge: number; beside: number; zero: number }>(
        "SELECT toFloat64(min(cents)) AS low, toFloat64(max(cents)) AS high, countIf(cents = 2.5) AS edge, countIf(cents = 0) AS zero, countIf(cents BETWEEN 2.40 AND 2.49) / 10 AS beside FROM t",
      );
      expect([found.low, found.high]).to.deep.equal([0, 2.5]);
      near(found.edge, found.beside, ERRORS * Math.sqrt(found.beside * 1.1), "rows at 2.50");
      for (const x of [0.4, 0.99, 1.5, 2.2]) {
        const { share, theory } = await table.one(
          `WITH (x -> (1 + erf((x - 1) / sqrt(2))) / 2) AS phi
            SELECT countIf(cents <= ${x}) / count() AS share, (phi(${x} + 0.005) - phi(-0.005)) / (phi(2.505) - phi(-0.005)) AS theory FROM t`,
        );
        nearShare(share, theory as number, ROWS, `up to ${x}`);
      }
    });

    it("only the tail from 3 sd up: half of it below 3.2050", async () => {
      const found = await table.one(
        "SELECT min(tail) AS low, countIf(tail < 3.2050) / count() AS share, countIf(tail < 4) / count() AS most FROM t",
      );
      expect(found.low).to.equal(3);
      const { half, most } = await table.one(
        "SELECT 1 - erfc(3.2050 / sqrt(2)) / erfc(3 / sqrt(2)) AS half, 1 - erfc(4 / sqrt(2)) / erfc(3 / sqrt(2)) AS most",
      );
      nearShare(found.share, half as number, ROWS, "below 3.2050");
      nearShare(found.most, most as number, ROWS, "below 4");
    });

    it("of an sd of 1.5, each whole number has the probability of what rounds to it", async () => {
      const rows = await table.all<{ x: number; n: number; p: number }>(
        "SELECT few AS x, count() AS n, (erf((x + 0.5) / 1.5 / sqrt(2)) - erf((x - 0.5) / 1.5 / sqrt(2))) / 2 AS p FROM t GROUP BY few ORDER BY few",
      );
      const inner = rows.filter(({ x }) => Math.abs(x) <= 5);
      const rest = sum(rows.filter(({ x }) => Math.abs(x) > 5).map(({ n }) => n));
      expectLaw(
        [...inner.map(({ n }) => n), rest],
        [...inner.map(({ p }) => p), 1 - sum(inner.map(({ p }) => p))],
        "few",
      );
    });
  });

  describe("exponential", () => {
    const laws = [
      { type: "UInt32", mean: 1000, unit: 1 },
      { type: "Int64", mean: 1e15, unit: 1 },
      { type: "Float64", mean: 0.5, unit: 1e-5 },
      { type: "Float32", mean: 8, unit: 0.01, more: ", decimals: 2" },
      { type: "Decimal(9, 2)", mean: 12.5, unit: 0.01 },
      { type: "Int32", mean: 50.25, unit: 1, min: -1000 },
    ];
    let table: Table;
    before(async () => {
      const columns = laws.map(({ type, mean, min, more = "" }, i) => [
        `c${i}`,
        [type, `{ exponential: { mean: ${mean}${min === undefined ? "" : `, min: ${min}`} }${more} }`] as const,
      ]);
      table = await fill(
        {
          ...Object.fromEntries(columns),
          cut: ["Decimal(9, 2)", "{ exponential: { mean: 12.5, min: 10, max: 30 } }"],
          few: ["UInt8", "{ exponential: { mean: 3 } }"],
        },
        { rows: ROWS },
      );
    });
    for (const [i, { type, mean, unit, min = 0 }] of laws.entries()) {
      it(`${type} of mean ${mean}${min === 0 ? "" : ` above ${min}`}: mean, p1, p25, p50, p75, p99`, async () => {
        const found = await table.one<{ lowest: number; mean: number; q: number[] }>(
          `SELECT min(x) AS lowest, avg(x) AS mean, quantilesExact(${Z.map(([p]) => p).join(", ")})(x) AS q
            FROM (SELECT toFloat64(c${i}) - (${min}) AS x FROM t)`,
        );
        expect(found.lowest).to.be.within(0, (20 * mean) / ROWS + unit);
        near(found.mean, mean, (ERRORS * mean) / Math.sqrt(ROWS), "mean");
        for (const [index, [p]] of Z.entries())
          nearQuantile(found.q[index], p, -mean * Math.log1p(-p), (1 - p) / mean, ROWS, unit, type);
      });
    }

    it("of mean 12.5 above 10, cut off at 30: the mean and the quantiles of what is left, no spike at 30", async () => {
      const kept = -Math.expm1(-20 / 12.5);
      const found = await table.one<{ low: number; high: number; mean: number; q: number[]; last: number }>(
        "SELECT min(x) AS low, max(x) AS high, avg(x) AS mean, quantilesExact(0.25, 0.5, 0.75)(x) AS q, countIf(x > 29.5) / count() AS last FROM (SELECT toFloat64(cut) AS x FROM t)",
      );
      expect([found.low, found.high]).to.deep.equal([10, 30]);
      near(found.mean, 10 + 12.5 - (20 * Math.exp(-1.6)) / kept, (ERRORS * 12.5) / Math.sqrt(ROWS), "mean");
      for (const [index, p] of [0.25, 0.5, 0.75].entries())
        nearQuantile(
          found.q[index],
          p,
          10 - 12.5 * Math.log1p(-p * kept),
          (1 - p * kept) / kept / 12.5,
          ROWS,
          0.01,
          "cut",
        );
      nearShare(found.last, (Math.exp(-19.505 / 12.5) - Math.exp(-20.005 / 12.5)) / kept, ROWS, "above 29.50");
    });

    it("of mean 3, each whole number has the probability of what rounds to it", async () => {
      const values = upTo(256).map((k) => k - 1);
      const p = values.map((k) => Math.exp(-Math.max(k - 0.5, 0) / 3) - Math.exp(-(k + 0.5) / 3));
      const counts = await countsOf(table, "few", values);
      expectLaw([...counts.slice(0, 25), sum(counts.slice(25))], [...p.slice(0, 25), sum(p.slice(25))], "few");
    });
  });

  describe("quantiles: each range as likely, and the numbers within it", () => {
    let table: Table;
    before(async () => {
      table = await fill(
        {
          small: ["UInt8", "{ quantiles: [0, 10, 10, 20, 100] }"],
          price: ["Decimal(9, 2)", "{ quantiles: [-1.5, 0, 1000] }"],
          float: ["Float64", "{ quantiles: [0, 0.5, 8], decimals: 3 }"],
          day: ["Date", "{ quantiles: [2026-01-01, 2026-01-11, 2026-12-31] }"],
          at: ["DateTime64(3)", "{ quantiles: [2026-01-01, 2026-01-01T00:00:01Z, 2026-01-02T00:00:01Z] }"],
          ip: ["IPv4", "{ quantiles: [10.0.0.0, 10.0.1.0, 11.0.0.255] }"],
          many: ["UInt32", `{ quantiles: [${Array.from({ length: 1001 }, (_, i) => i * i).join(", ")}] }`],
          list: ["Array(UInt8)", "{ length: { quantiles: [0, 0, 8] } }"],
        },
        { rows: ROWS },
      );
    });

    it("0, 10, 10, 20, 100 of a UInt8: a quarter below 10, a quarter 10 itself and its range, a quarter from 20 to 100 with both ends", async () => {
      const law = Array.from({ length: 101 }, (_, x) => {
        if (x < 10) return 1 / 40;
        if (x === 10) return 1 / 4 + 1 / 40;
        return x < 20 ? 1 / 40 : 1 / 4 / 81;
      });
      expectLaw(await countsOf(table, "small", [...law.keys()]), law, "small");
    });

    const halves: readonly (readonly [
      column: string,
      middle: string,
      sql: string,
      from: number,
      to: number,
      end: number,
    ])[] = [
      ["price", "0", "toFloat64(price)", -1.5, -0.01, 1000],
      ["float", "0.5", "float", 0, 0.499, 8],
      ["day", "'2026-01-11'", "toFloat64(toUInt16(day))", 20_454, 20_463, 20_818],
      ["at", "'2026-01-01 00:00:01'", "toFloat64(toUnixTimestamp64Milli(at)) - 1767225600000", 0, 999, 86_401_000],
      ["ip", "toIPv4('10.0.1.0')", "toFloat64(toUInt32(ip)) - 167772160", 0, 255, 2 ** 24 + 255],
    ];
    for (const [column, middle, sql, from, to, end] of halves) {
      it(`of ${column}: half of the rows below ${middle}, from ${from} to ${to}, and nothing beyond ${end}`, async () => {
        const found = await table.one<{ below: number; low: number; high: number; mean: number; most: number }>(
          `SELECT countIf(${column} < ${middle}) / count() AS below, minIf(${sql}, ${column} < ${middle}) AS low,
            maxIf(${sql}, ${column} < ${middle}) AS high, avgIf(${sql}, ${column} < ${middle}) AS mean, max(${sql}) AS most FROM t`,
        );
        nearShare(found.below, 0.5, ROWS, "below");
        near(found.low, from, 1e-9, "least");
        near(found.high, to, 1e-9, "greatest below");
        near(found.mean, (from + to) / 2, (ERRORS * (to - from)) / Math.sqrt(6 * ROWS), "mean below");
        expect(found.most).to.be.within(end - (end - to) / 1000, end + 1e-9);
      });
    }

    it("1001 of them, the squares: the root of a number is uniform from 0 to 1000", async () => {
      const found = await table.one<{ mean: number; q: number[] }>(
        "SELECT avg(sqrt(many)) AS mean, quantilesExact(0.01, 0.5, 0.99)(sqrt(many)) AS q FROM t",
      );
      near(found.mean, 500, (ERRORS * 1000) / Math.sqrt(12 * ROWS) + 0.01, "mean");
      for (const [i, p] of [0.01, 0.5, 0.99].entries())
        nearQuantile(found.q[i], p, p * 1000, 1 / 1000, ROWS, 1, "roots");
    });

    it("of a length: half of the arrays are empty, and a ninth of the other half", async () => {
      const { empty } = await table.one("SELECT countIf(empty(list)) / count() AS empty FROM t");
      nearShare(empty, 1 / 2 + 1 / 18, ROWS, "empty");
    });
  });

  describe("zipf", () => {
    const OF = 100_000;
    const exponents = [0.5, 1, 1.1, 2];
    let table: Table;
    before(async () => {
      const columns = exponents.map((exponent, i) => [
        `c${i}`,
        ["UInt32", `{ zipf: { from: 1, to: ${OF}, exponent: ${exponent} } }`] as const,
      ]);
      table = await fill(
        {
          ...Object.fromEntries(columns),
          low: ["Int8", "{ zipf: { from: -5, to: 4 } }"],
          huge: ["UInt64", "{ zipf: { to: 18446744073709551615 } }"],
        },
        { rows: MANY },
      );
    });
    for (const [i, exponent] of exponents.entries()) {
      it(`exponent ${exponent}: the first 10 of 100,000 numbers have k^-${exponent} / H, and so have the tails behind 1,000 and 10,000`, async () => {
        const law = zipf(OF, exponent);
        const found = await table.one<{
          first: number[];
          low: number;
          high: number;
          t3: number;
          t4: number;
          top: number[];
        }>(
          `SELECT [${upTo(10).map((k) => `countIf(c${i} = ${k}) / count()`)}] AS first, min(c${i}) AS low, max(c${i}) AS high,
            countIf(c${i} <= 1000) / count() AS t3, countIf(c${i} <= 10000) / count() AS t4, topK(5, 200)(c${i}) AS top FROM t`,
        );
        expect(found.low).to.equal(1);
        expect(found.high).to.be.at.most(OF);
        for (const [index, share] of found.first.entries())
          nearShare(share, law[index] as number, MANY, `of ${index + 1}`);
        nearShare(found.t3, sum(law.slice(0, 1000)), MANY, "up to 1,000");
        nearShare(found.t4, sum(law.slice(0, 10_000)), MANY, "up to 10,000");
        // With 0.5 the fourth and the fifth are too near each other.
        if (exponent >= 1) expect(found.top).to.deep.equal([1, 2, 3, 4, 5]);
      });
    }

    it("ten numbers from -5 up: the first, -5, is the most frequent", async () => {
      const values = upTo(10).map((k) => k - 6);
      expectLaw(await countsOf(table, "low", values), zipf(10, 1), "low");
    });

    it("of 2^64 - 1 numbers, log(n) + 0.5772 over log(2^64) + 0.5772 are up to n", async () => {
      const law = (n: number): number => (Math.log(n) + 0.5772157) / (Math.log(2 ** 64) + 0.5772157);
      for (const power of [10, 20, 32, 48, 60]) {
        const { share } = await table.one(`SELECT countIf(huge <= ${2 ** power}) / count() AS share FROM t`);
        nearShare(share, law(2 ** power), MANY, `up to 2^${power}`);
      }
    });
  });

  describe("choice", () => {
    let table: Table;
    const primes = [2, 3, 5, 7, 11, 13, 17];
    before(async () => {
      const many = upTo(300).map((k) => `"v${k}": ${k}`);
      table = await fill(
        {
          weighted: ["LowCardinality(String)", "{ choice: { view: 50, click: 30, search: 19, buy: 1, never: 0 } }"],
          equal: ["UInt8", `{ choice: [${primes}] }`],
          many: ["String", `{ choice: { ${many} } }`],
          fractions: ["Decimal(9, 2)", "{ choice: { 0.5: 0.25, 19.99: 0.5, -1: 0.25 } }"],
          nulls: ["Nullable(String)", "{ choice: { a: 1, null: 3 } }"],
        },
        { rows: ROWS },
      );
    });
    it("weights 50, 30, 19, 1 and 0 are shares of 50%, 30%, 19%, 1% and none", async () => {
      const counts = await countsOf(table, "weighted", ["view", "click", "search", "buy", "never"]);
      expectLaw(counts, [0.5, 0.3, 0.19, 0.01, 0], "weighted");
    });
    it("seven values without weights come equally often", async () => {
      expectEqual(await countsOf(table, "equal", primes), 7, "equal");
    });
    it("300 values of weights 1 to 300 have k / 45,150", async () => {
      const values = upTo(300).map((k) => `v${k}`);
      expectLaw(await countsOf(table, "many", values), shares(upTo(300)), "many");
    });
    it("weights may be fractions, values too", async () => {
      expectLaw(await countsOf(table, "fractions", ["0.5", "19.99", "-1"]), [0.25, 0.5, 0.25], "fractions");
    });
    it("NULL with a weight of 3 to 1 is in three of four rows", async () => {
      expectLaw(await countsOf(table, "ifNull(nulls, 'NULL')", ["a", "NULL"]), [0.25, 0.75], "nulls");
    });
  });

  describe("cardinality", () => {
    let table: Table;
    before(async () => {
      const sets: Record<string, readonly [string, string]> = {};
      for (const of of [1, 7, 1000]) {
        sets[`text${of}`] = ["String", `{ cardinality: ${of}, pattern: "user-{int 1..1000000}" }`];
        sets[`uuid${of}`] = ["String", `{ cardinality: ${of}, pattern: "{uuid}" }`];
        sets[`hex${of}`] = ["FixedString(16)", `{ cardinality: ${of}, pattern: "{hex 16}" }`];
        sets[`number${of}`] = ["Int64", `{ cardinality: ${of}, uniform: { from: -500, to: 499 } }`];
        sets[`default${of}`] = ["UInt32", `{ cardinality: ${of} }`];
        sets[`day${of}`] = ["Date", `{ cardinality: ${of}, uniform: { from: 2000-01-01, to: 2025-12-31 } }`];
      }
      table = await fill(
        {
          ...sets,
          million: ["UInt64", "{ cardinality: 1000000, uniform: { from: 0, to: 18446744073709551615 } }"],
          words: ["LowCardinality(String)", "{ cardinality: 50000 }"],
          skewed: ["UInt64", "{ cardinality: { of: 1000, zipf: 1.1 }, uniform: { from: 1, to: 1000000 } }"],
          turn: ["UInt16", "{ cardinality: { of: 400, cycle: true }, uniform: { from: 1, to: 50000 } }"],
          name: ["String", '{ cardinality: { of: 400, cycle: true }, pattern: "host-{hex 8}" }'],
          uuid: ["UUID", "{ cardinality: 100 }"],
          ip4: ["IPv4", "{ cardinality: 100 }"],
          ip6: ["IPv6", "{ cardinality: 100 }"],
          wide: ["UInt256", "{ cardinality: 100 }"],
          same: ["String", '{ cardinality: 1, pattern: "the same {words 3}" }'],
          money: ["Decimal(9, 2)", "{ cardinality: 100, uniform: { from: 1, to: 1.99 } }"],
          float: ["Float64", "{ cardinality: 100, uniform: { from: 0, to: 9.9 }, decimals: 1 }"],
          maybe: ["Nullable(UInt32)", "{ cardinality: 100, nulls: 0.25 }"],
        },
        { rows: MANY },
      );
    });
    for (const of of [1, 7, 1000]) {
      it(`${of}: exactly so many texts, UUIDs, digits, numbers and days, each about equally often`, async () => {
        for (const name of ["text", "uuid", "hex", "number", "default", "day"]) {
          const counts = await table.all<{ n: number }>(`SELECT count() AS n FROM t GROUP BY ${name}${of}`);
          expect(counts.length, name).to.equal(of);
          if (of > 1)
            expectEqual(
              counts.map(({ n }) => n),
              of,
              name,
            );
        }
      });
    }
    it("100 UUIDs, addresses, integers of 256 bits, prices and floats are as many; a quarter NULL beside them", async () => {
      const names = ["uuid", "ip4", "ip6", "wide", "money", "float", "maybe"];
      const found = await table.one(
        `SELECT ${names.map((name) => `uniqExact(${name}) AS u_${name}`).join(", ")}, countIf(maybe IS NULL) / count() AS nulls FROM t`,
      );
      for (const name of names) expect(found[`u_${name}`], name).to.equal(100);
      expect(await table.one("SELECT uniqExact(same) AS same FROM t")).to.deep.equal({ same: 1 });
      nearShare(found.nulls, 0.25, MANY, "NULL");
    });
    for (const [column, of] of [
      ["million", 1_000_000],
      ["words", 50_000],
    ] as const) {
      it(`${of}: ${MANY} rows show N (1 - exp(-rows / N)) of them`, async () => {
        const { u } = await table.one(`SELECT uniqExact(${column}) AS u FROM t`);
        const c = MANY / of;
        const sd = Math.sqrt(of * Math.exp(-c) * (1 - (1 + c) * Math.exp(-c)));
        near(u, -of * Math.expm1(-c), ERRORS * sd, "distinct");
      });
    }
    it("1,000 with zipf 1.1: all of them, in shares of k^-1.1 / H", async () => {
      const law = zipf(1000, 1.1);
      const counts = (await table.all<{ n: number }>("SELECT count() AS n FROM t GROUP BY skewed ORDER BY n DESC")).map(
        ({ n }) => n,
      );
      expect(counts).to.have.length(1000);
      for (let k = 0; k < 5; k++) nearShare((counts[k] as number) / MANY, law[k] as number, MANY, `top ${k + 1}`);
      nearShare(sum(counts.slice(0, 100)) / MANY, sum(law.slice(0, 100)), MANY, "the first hundred");
    });
    it("400 in turn: each 500 times, and row n has the value of row n - 400", async () => {
      const counts = await table.all<{ n: number }>("SELECT count() AS n FROM t GROUP BY turn, name");
      expect(counts.map(({ n }) => n)).to.deep.equal(Array(400).fill(500));
      const { same } = await table.one(
        "SELECT countIf(a.turn = b.turn AND a.name = b.name) AS same FROM t AS a INNER JOIN t AS b ON b.row = a.row + 400",
      );
      expect(same).to.equal(MANY - 400);
    });
  });

  describe("nulls, and lengths of arrays and maps", () => {
    let table: Table;
    const even = (from: number, to: number) => Object.fromEntries(upTo(to - from + 1).map((k) => [from + k - 1, 1]));
    /** By length: its weight. */
    const lengths: readonly (readonly [rule: string | undefined, law: Readonly<Record<number, number>>])[] = [
      ["3", { 3: 1 }],
      ["{ uniform: { from: 0, to: 5 } }", even(0, 5)],
      ["{ choice: { 0: 1, 10: 3 } }", { 0: 1, 10: 3 }],
      ["{ choice: [1, 2, 9] }", { 1: 1, 2: 1, 9: 1 }],
      ["{ zipf: { from: 0, to: 6, exponent: 2 } }", Object.fromEntries(upTo(7).map((k) => [k - 1, k ** -2]))],
      [
        "{ normal: { mean: 10, sd: 4, max: 20 } }",
        Object.fromEntries(upTo(21).map((k) => [k - 1, density((k - 11) / 4)])),
      ],
      [
        "{ exponential: { mean: 3, max: 12 } }",
        Object.fromEntries(
          upTo(13).map((k) => [k - 1, Math.exp(-Math.max(k - 1.5, 0) / 3) - Math.exp(-(k - 0.5) / 3)]),
        ),
      ],
      ["{ sequence: { from: 1, to: 4 } }", even(1, 4)],
    ];
    before(async () => {
      const columns = lengths.flatMap(([rule], i) => [
        [`a${i}`, ["Array(UInt8)", `{ length: ${rule} }`] as const],
        [`m${i}`, ["Map(UInt16, UInt8)", `{ length: ${rule} }`] as const],
      ]);
      table = await fill(
        {
          ...Object.fromEntries(columns),
          preset: "Nullable(UInt8)",
          never: ["Nullable(UInt8)", "{ uniform: { from: 0, to: 9 } }"],
          some: ["Nullable(String)", '{ pattern: "{hex 4}", nulls: 0.4 }'],
          low: ["LowCardinality(Nullable(String))", "{ nulls: 0.001 }"],
          zero: ["UInt8", "{ nulls: 0 }"],
          zeroLow: ["LowCardinality(String)", "{ nulls: 0 }"],
          every: ["Nullable(DateTime)", "{ nulls: 1 }"],
          items: ["Array(Nullable(Int32))", "{ length: 4, items: { uniform: { from: 1, to: 9 }, nulls: 0.3 } }"],
        },
        { rows: ROWS },
      );
    });
    for (const [i, [rule, law]] of lengths.entries()) {
      it(`length ${rule}: each has its share, in arrays and in maps`, async () => {
        for (const column of [`a${i}`, `m${i}`]) {
          const counts = await countsOf(table, `length(${column})`, Object.keys(law));
          expectLaw(counts, shares(Object.values(law)), column);
        }
      });
    }
    it("nulls: 10% where there is no rule, none with one that does not say so, else as it says", async () => {
      const found = await table.one(
        `SELECT ${["preset", "never", "some", "low", "every"].map((name) => `countIf(${name} IS NULL) / count() AS s_${name}`).join(", ")},
          countIf(empty(some)) AS blank, sum(arrayCount(x -> x IS NULL, items)) / sum(length(items)) AS s_items FROM t`,
      );
      expect([found.s_never, found.s_every, found.blank]).to.deep.equal([0, 1, 0]);
      expect(await table.one("SELECT uniqExact(zero) AS u, uniqExact(zeroLow) AS v FROM t")).to.deep.equal({
        u: 256,
        v: 1000,
      });
      nearShare(found.s_preset, 0.1, ROWS, "preset");
      nearShare(found.s_some, 0.4, ROWS, "some");
      nearShare(found.s_low, 0.001, ROWS, "low");
      nearShare(found.s_items, 0.3, 4 * ROWS, "items");
    });
  });

  describe("time", () => {
    let table: Table;
    before(async () => {
      table = await fill(
        {
          at: "DateTime64(9)",
          jitter: ["DateTime64(9)", "{ time: { jitter: 50ms } }"],
          late: ["DateTime64(9)", "{ time: { late: { ratio: 0.01, mean: 30s, max: 10m } } }"],
          short: ["DateTime64(9)", "{ time: { late: { ratio: 0.5, mean: 30s, max: 30s } } }"],
          both: ["DateTime64(3)", "{ time: { jitter: 2s, late: { ratio: 0.2, mean: 1h, max: 1d } } }"],
          again: ["DateTime64(9)", "{ time: { jitter: 2s, late: { ratio: 0.2, mean: 1h, max: 1d } } }"],
          second: ["DateTime", "{ time: { jitter: 2s, late: { ratio: 0.2, mean: 1h, max: 1d } } }"],
          day: ["Date", "{ time: { jitter: 10d } }"],
          none: ["DateTime64(9)", "{ time: {} }"],
        },
        { rows: ROWS },
      );
    });
    /** Of the delays of a column, in seconds behind the row's time. */
    const delays = (column: string, part = "1") =>
      table.one(
        `SELECT count() AS n, min(d) AS low, max(d) AS high, avg(d) AS mean, stddevPop(d) AS sd, quantileExact(0.5)(d) AS middle
          FROM (SELECT (toUnixTimestamp64Nano(at) - toUnixTimestamp64Nano(toDateTime64(${column}, 9))) / 1e9 AS d FROM t) WHERE ${part}`,
      );

    it("a row is at its time: row n at 2026-01-01 + n ms", async () => {
      const { on } = await table.one(
        "SELECT countIf(toUnixTimestamp64Nano(at) = 1767225600000000000 + row * 1000000 AND none = at) AS on FROM t",
      );
      expect(on).to.equal(ROWS);
    });

    it("jitter of 50 ms: from 0 to 50 ms before, 25 ms on the average", async () => {
      const { low, high, mean, middle } = await delays("jitter");
      expect(low).to.be.within(0, 1e-5);
      expect(high).to.be.within(0.05 - 1e-5, 0.05);
      near(mean, 0.025, (ERRORS * 0.05) / Math.sqrt(12 * ROWS), "mean");
      nearQuantile(middle, 0.5, 0.025, 20, ROWS, 0, "delay");
    });

    it("1% late by 30 s on the average and 10 min at most: the other 99% are not late at all", async () => {
      const { n = 0, mean, high, middle } = await delays("late", "d > 0");
      nearShare(n / ROWS, 0.01, ROWS, "late");
      near(mean, 30, (ERRORS * 30) / Math.sqrt(n), "mean delay");
      nearQuantile(middle, 0.5, 30 * Math.LN2, 0.5 / 30, n, 0, "delay");
      // Beyond 10 min lie e^-20; of a thousand the latest is at 30 s * log(1000), give or take.
      expect(high).to.be.within(60, 600);
    });

    it("late rows cut off at their mean of 30 s: none beyond, no spike there, 12.54 s on the average", async () => {
      const { n = 0, mean, high } = await delays("short", "d > 0");
      nearShare(n / ROWS, 0.5, ROWS, "late");
      expect(high).to.be.within(29.99, 30);
      near(mean, 30 - 30 / (Math.E - 1), (ERRORS * 8.6) / Math.sqrt(n), "mean delay");
      const { last } = await table.one(
        "SELECT countIf(toUnixTimestamp64Nano(at) - toUnixTimestamp64Nano(short) > 29700000000) AS last FROM t",
      );
      nearShare((last ?? 0) / n, (Math.exp(-0.99) - Math.exp(-1)) / (1 - Math.exp(-1)), n, "the last 0.3 s");
    });

    it("columns with the same rule hold the same moment, each in its own precision", async () => {
      const found = await table.one(
        `SELECT countIf(toUnixTimestamp64Milli(both) = intDiv(toUnixTimestamp64Nano(again), 1000000)) AS ms,
          countIf(toUnixTimestamp(second) = intDiv(toUnixTimestamp64Nano(again), 1000000000)) AS s FROM t`,
      );
      expect(found).to.deep.equal({ ms: ROWS, s: ROWS });
    });

    it("jitter and lateness do not add up: 80% within 2 s, 20% exponential with a mean of 1 h", async () => {
      const { n = 0 } = await delays("again", "d <= 2");
      // The late ones within 2 s come on top.
      nearShare(n / ROWS, 0.8 + 0.2 * -Math.expm1(-2 / 3600), ROWS, "within 2 s");
      const { n: late = 0, mean } = await delays("again", "d > 2");
      near(mean, 3602, (ERRORS * 3600) / Math.sqrt(late), "mean delay");
    });

    it("a Date with ten days of jitter is on eleven days, the first of them in full", async () => {
      const rows = await table.all<{ d: number; n: number }>(
        "SELECT toInt32(toDate('2026-01-01')) - toInt32(day) AS d, count() AS n FROM t GROUP BY d ORDER BY d",
      );
      // The rows are in the first 100 s of their day: ten days before it lie the days 1 to 10.
      const inDay = rows.filter(({ d }) => d > 0);
      expect(inDay.map(({ d }) => d)).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
      expect(sum(rows.filter(({ d }) => d <= 0).map(({ n }) => n))).to.be.at.most(50);
      expectEqual(
        inDay.map(({ n }) => n),
        10,
        "days",
      );
    });
  });

  describe("sequence", () => {
    const cases: readonly (readonly [
      type: string,
      rule: string,
      values: readonly (string | number)[],
      firstRow?: number,
    ])[] = [
      ["UInt64", "{}", [0, 1, 2, 3, 4]],
      ["UInt32", "{ from: 7, step: 3, to: 15 }", [7, 10, 13, 7, 10]],
      ["UInt32", "{ from: 7, step: 3, to: 16 }", [7, 10, 13, 16, 7]],
      ["Int8", "{ from: 2, step: -1, to: 0 }", [2, 1, 0, 2, 1]],
      ["Int8", "{ from: -126, step: -1 }", [-126, -127, -128, -126, -127]],
      ["UInt8", "{ from: 253 }", [253, 254, 255, 253, 254]],
      ["UInt8", "{ from: 3, step: -2 }", [3, 1, 3, 1, 3]],
      ["UInt16", "{ from: 5, to: 5 }", [5, 5, 5, 5, 5]],
      [
        "UInt64",
        "{ from: 18446744073709551614 }",
        [
          "18446744073709551614",
          "18446744073709551615",
          "18446744073709551614",
          "18446744073709551615",
          "18446744073709551614",
        ],
      ],
      [
        "UInt64",
        "{ from: 9223372036854775807 }",
        [
          "9223372036854775807",
          "9223372036854775808",
          "9223372036854775809",
          "9223372036854775810",
          "9223372036854775811",
        ],
      ],
      ["Float64", "{ from: 0.1, step: 0.1, to: 0.3 }", ["0.1", "0.2", "0.3", "0.1", "0.2"]],
      ["Float32", "{ from: 100, step: -1e-3 }", ["100", "99.999", "99.998", "99.997", "99.996"]],
      [
        "UInt64",
        "{ from: 9223372036854775809, step: -1 }",
        [
          "9223372036854775809",
          "9223372036854775808",
          "9223372036854775807",
          "9223372036854775806",
          "9223372036854775805",
        ],
      ],
      [
        "Int64",
        "{ from: -9223372036854775807 }",
        [
          "-9223372036854775807",
          "-9223372036854775806",
          "-9223372036854775805",
          "-9223372036854775804",
          "-9223372036854775803",
        ],
      ],
      ["Int256", "{ from: -1, step: 1 }", [-1, 0, 1, 2, 3]],
      ["Decimal(9, 2)", "{ from: 0.05, step: 0.05, to: 0.15 }", ["0.05", "0.1", "0.15", "0.05", "0.1"]],
      ["Float64", "{ from: 0, step: 0.5 }", ["0", "0.5", "1", "1.5", "2"]],
      ["Float64", "{ from: 1.25, step: -0.25, to: 0.75 }", ["1.25", "1", "0.75", "1.25", "1"]],
      ["UInt64", "{}", ["4294967295", "4294967296", "4294967297", "4294967298", "4294967299"], 2 ** 32 - 1],
      ["UInt8", "{ from: 10, to: 12 }", [11, 12, 10, 11, 12], 1_000_000],
    ];
    for (const [type, rule, values, firstRow = 0] of cases) {
      it(`${type} ${rule}${firstRow > 0 ? ` from row ${firstRow}` : ""}: ${values.join(", ")}`, async () => {
        const table = await fill({ c: [type, `{ sequence: ${rule} }`] }, { rows: 5, firstRow });
        const rows = await table.all<{ x: string }>("SELECT toString(c) AS x FROM t ORDER BY row");
        expect(rows.map(({ x }) => x)).to.deep.equal(values.map(String));
      });
    }
    it("100,000 rows of 0 to 999 are each number 100 times, in order", async () => {
      const table = await fill({ c: ["UInt16", "{ sequence: { to: 999 } }"] }, { rows: ROWS });
      expect(await table.one("SELECT countIf(c = row % 1000) AS n FROM t")).to.deep.equal({ n: ROWS });
    });
  });

  describe("pattern", () => {
    let table: Table;
    const HEX = "0123456789abcdef";
    const BASE62 = `0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz`;
    before(async () => {
      const columns: Columns = {
        int: ["String", '{ pattern: "a{int 1..1000}b" }'],
        negative: ["String", '{ pattern: "{int -3..3}" }'],
        wide: ["String", '{ pattern: "{int -9223372036854775807..9223372036854775807}" }'],
        hex: ["String", '{ pattern: "{hex 8}" }'],
        hex33: ["String", '{ pattern: "{hex 33}" }'],
        hexes: ["String", '{ pattern: "{hex 2..5}" }'],
        hexLong: ["String", '{ pattern: "{hex 17..30}" }'],
        base: ["String", '{ pattern: "{base62 6}" }'],
        base25: ["String", '{ pattern: "{base62 25}" }'],
        bases: ["String", '{ pattern: "{base62 0..4}" }'],
        words: ["String", '{ pattern: "{words 3..10}" }'],
        many: ["String", '{ pattern: "{words 20}" }'],
        no: ["String", '{ pattern: "{words 0..1}" }'],
        verb: ["String", '{ pattern: "/{GET|POST|PUT|}/{{x}}" }'],
        numbered: ["String", '{ pattern: "row {row}" }'],
        two: ["String", '{ pattern: "{int 0..9}{int 0..9}" }'],
        fixed: ["FixedString(12)", '{ pattern: "id-{base62 9}" }'],
      };
      table = await fill(columns, { rows: ROWS });
    });
    /** Characters of a column by how often they come, of an alphabet. */
    async function characters(column: string, alphabet: string): Promise<void> {
      const rows = await table.all<{ c: string; n: number }>(
        `SELECT c, count() AS n FROM t ARRAY JOIN splitByString('', ${column}) AS c GROUP BY c ORDER BY c`,
      );
      expect(rows.map(({ c }) => c).join(""), column).to.equal([...alphabet].sort().join(""));
      expectEqual(
        rows.map(({ n }) => n),
        alphabet.length,
        `characters of ${column}`,
      );
    }

    it("{int 1..1000}: each about equally often, both ends too; {int -3..3} likewise", async () => {
      const all = upTo(1000).map((k) => `a${k}b`);
      expectEqual(await countsOf(table, "int", all), 1000, "int");
      expectEqual(await countsOf(table, "negative", [-3, -2, -1, 0, 1, 2, 3]), 7, "negative");
    });
    it("{int} over all 64 bits: half of them negative, 15 of 16 with 19 digits or nearly", async () => {
      const found = await table.one(
        "SELECT countIf(wide LIKE '-%') / count() AS negative, countIf(abs(toInt64(wide)) >= 1000000000000000000) / count() AS long FROM t",
      );
      nearShare(found.negative, 0.5, ROWS, "negative");
      nearShare(found.long, 1 - 1e18 / 2 ** 63, ROWS, "19 digits");
    });
    it("{hex 8}, {hex 33}, {base62 6}, {base62 25}: their lengths, and each character of the alphabet equally often", async () => {
      const found = await table.one<Record<string, number[]>>(
        `SELECT ${["hex", "hex33", "base", "base25"].map((name) => `groupUniqArray(length(${name})) AS ${name}_`).join(", ")} FROM t`,
      );
      expect(found).to.deep.equal({ hex_: [8], hex33_: [33], base_: [6], base25_: [25] });
      for (const column of ["hex", "hex33"]) await characters(column, HEX);
      for (const column of ["base", "base25"]) await characters(column, BASE62);
    });
    it("each place of {base62 25} and of {hex 33} has each character equally often", async () => {
      for (const [column, alphabet, places] of [
        ["base25", BASE62, 25],
        ["hex33", HEX, 33],
      ] as const) {
        const rows = await table.all<{ p: number; counts: number[] }>(
          `SELECT p, groupArray(n) AS counts FROM (SELECT p, substring(${column}, p, 1) AS c, count() AS n FROM t ARRAY JOIN range(1, ${places + 1}) AS p GROUP BY p, c) GROUP BY p ORDER BY p`,
        );
        expect(rows).to.have.length(places);
        for (const { p, counts } of rows) expectEqual(counts, alphabet.length, `${column} at ${p}`);
      }
    });
    it("{hex 2..5}, {hex 17..30}, {base62 0..4}: each length and each character equally often", async () => {
      expectEqual(await countsOf(table, "length(hexes)", [2, 3, 4, 5]), 4, "hexes");
      expectEqual(
        await countsOf(
          table,
          "length(hexLong)",
          upTo(14).map((k) => k + 16),
        ),
        14,
        "hexLong",
      );
      expectEqual(await countsOf(table, "length(bases)", [0, 1, 2, 3, 4]), 5, "bases");
      await characters("hexes", HEX);
      await characters("hexLong", HEX);
      await characters("bases", BASE62);
    });
    it("{words 3..10}: 3 to 10 words with one space between, equally often; 256 words equally often", async () => {
      const words = (column: string): string => `length(splitByChar(' ', ${column}))`;
      expectEqual(
        await countsOf(
          table,
          words("words"),
          upTo(8).map((k) => k + 2),
        ),
        8,
        "words",
      );
      expectEqual(await countsOf(table, words("many"), [20]), 1, "many");
      expectEqual(await countsOf(table, "empty(no)", [0, 1]), 2, "no words");
      for (const column of ["words", "many"]) {
        const counts = await table.all<{ n: number }>(
          `SELECT count() AS n FROM t ARRAY JOIN splitByChar(' ', ${column}) AS w GROUP BY w`,
        );
        expectEqual(
          counts.map(({ n }) => n),
          256,
          column,
        );
      }
      expect(await table.one("SELECT countIf(NOT match(words, '^[a-z]+( [a-z]+)*$')) AS odd FROM t")).to.deep.equal({
        odd: 0,
      });
    });
    it("{GET|POST|PUT|} is one of four, one of them empty; {{ and }} are braces; {row} the number of the row", async () => {
      expectEqual(await countsOf(table, "verb", ["/GET/{x}", "/POST/{x}", "/PUT/{x}", "//{x}"]), 4, "verb");
      expect(await table.one("SELECT countIf(numbered = concat('row ', toString(row))) AS n FROM t")).to.deep.equal({
        n: ROWS,
      });
    });
    it("two pieces of one pattern are independent: 00 to 99 equally often", async () => {
      expectEqual(
        await countsOf(
          table,
          "two",
          upTo(100).map((k) => String(k - 1).padStart(2, "0")),
        ),
        100,
        "two",
      );
    });
    it("a FixedString is filled to its last byte", async () => {
      expect(
        await table.one("SELECT countIf(match(fixed, '^id-[0-9A-Za-z]{9}$')) AS n, uniqExact(fixed) AS u FROM t"),
      ).to.deep.equal({
        n: ROWS,
        u: ROWS,
      });
    });
  });

  describe("independence: correlations of 100,000 rows within 5 / sqrt(rows) of 0", () => {
    const laws = {
      uniform: "{ uniform: { from: 0, to: 1000000 } }",
      normal: "{ normal: { mean: 1000, sd: 100 } }",
      exponential: "{ exponential: { mean: 1000 } }",
      few: "{ choice: [0, 1] }",
      set: "{ cardinality: 1000, uniform: { from: 0, to: 999 } }",
      skewed: "{ cardinality: { of: 1000, zipf: 0.5 }, uniform: { from: 0, to: 999 } }",
    };
    let table: Table;
    before(async () => {
      const twice = Object.entries(laws).flatMap(([name, rule]) => [
        [`${name}1`, ["UInt32", rule] as const],
        [`${name}2`, ["UInt32", rule] as const],
      ]);
      table = await fill(
        {
          ...Object.fromEntries(twice),
          list: ["Array(UInt32)", "{ length: 3, items: { uniform: { from: 0, to: 1000000 } } }"],
        },
        { rows: ROWS },
      );
    });
    const zero = (found: Record<string, number>): void => {
      for (const [what, r] of Object.entries(found)) near(r, 0, ERRORS / Math.sqrt(ROWS - 100), what);
    };
    for (const name of Object.keys(laws)) {
      it(`${name}: two columns of the same rule; a row and the next, the one after, and the 64th after`, async () => {
        zero(await table.one(`SELECT corr(${name}1, ${name}2) AS columns FROM t`));
        for (const lag of [1, 2, 64]) {
          zero(
            await table.one(
              `SELECT corr(a.${name}1, b.${name}1) AS lag${lag} FROM t AS a INNER JOIN t AS b ON b.row = a.row + ${lag}`,
            ),
          );
        }
      });
    }
    it("columns of different rules, and the elements of one array", async () => {
      const names = Object.keys(laws);
      const pairs = names.flatMap((a, i) => names.slice(i + 1).map((b) => `corr(${a}1, ${b}1) AS ${a}_${b}`));
      zero(
        await table.one(
          `SELECT ${pairs.join(", ")}, corr(list[1], list[2]) AS l12, corr(list[1], list[3]) AS l13, corr(list[1], uniform1) AS l1 FROM t`,
        ),
      );
    });
  });
});
