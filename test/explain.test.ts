// src/rows/explain.ts: each kind of value in a sentence. Pure.

import { expect } from "chai";
import { rowsOf, type TableColumn } from "../src/rows/column.js";
import { type Explanation, explain } from "../src/rows/explain.js";
import type { Together } from "../src/rows/rule.js";
import { tableText } from "../src/sample.js";
import { type BareRule, columnsOf, rules } from "./support/rows.js";

const DAY_NS = 86_400_000_000_000n;
const at = "columns.v";

/** The lines of one column v, each "path: rule", the path of the column itself left out. */
function told(type: string, rule?: BareRule): readonly string[] {
  const columns = columnsOf({ v: type }, rule === undefined ? {} : { v: rule });
  return explain(columns).map(({ path, rule: text }) => (path === "v" ? text : `${path}: ${text}`));
}

/** The lines of one column v without a rule, each "path Type". */
const typesOf = (type: string, rule?: BareRule): readonly string[] =>
  explain(columnsOf({ v: type }, rule === undefined ? {} : { v: rule })).map(
    ({ path, type: text }) => `${path} ${text}`,
  );

type Row = readonly [type: string, rule: BareRule | undefined, ...lines: readonly string[]];

function table(rows: readonly Row[]): void {
  for (const [type, rule, ...lines] of rows) {
    const what = JSON.stringify(rule, (_, value) => (typeof value === "bigint" ? `${value}` : value)) ?? "no rule";
    it(`${type} with ${what}: ${lines.join("; ")}`, () => {
      expect(told(type, rule)).to.deep.equal(lines);
    });
  }
}

describe("explain", () => {
  describe("a value without a rule", () => {
    table([
      ["UInt8", undefined, "uniform 0 to 255"],
      ["Float32", undefined, "uniform 0 to 999.99"],
      ["Decimal(9, 2)", undefined, "uniform 0 to 9999.99"],
      ["Int256", undefined, "up to 72 random digits"],
      ["Bool", undefined, "one of false, true"],
      ["Enum8('a' = 1, 'b c' = 2)", undefined, 'one of a, "b c"'],
      ["String", undefined, "pattern {words 2..6}"],
      ["FixedString(20)", undefined, "pattern {base62 20}"],
      ["UUID", undefined, "random UUID"],
      ["IPv4", undefined, "uniform 1.0.0.0 to 223.255.255.255"],
      ["IPv6", undefined, "random address in 2001:db8::/32"],
      ["Date", undefined, "row time"],
      ["DateTime64(3)", undefined, "row time"],
      ["Nullable(UInt8)", undefined, "uniform 0 to 255, 10% NULL"],
      ["LowCardinality(String)", undefined, "1000 values by zipf 1, pattern {words 1}-{int 1..1000}"],
      [
        "LowCardinality(Nullable(String))",
        undefined,
        "1000 values by zipf 1, pattern {words 1}-{int 1..1000}, 10% NULL",
      ],
    ]);
  });

  describe("a rule, in the words of the config file and the units of the column", () => {
    table([
      ["String", { constant: "web" }, 'constant "web"'],
      ["Decimal(9, 2)", { constant: "1.50" }, "constant 1.5"],
      ["Nullable(Int8)", { constant: null }, "constant NULL"],
      ["Date", { constant: "2026-01-31" }, "constant 2026-01-31"],
      ["DateTime", { constant: "2026-01-31 12:00:00" }, "constant 2026-01-31T12:00:00Z"],
      ["Array(UInt8)", { constant: [1, 2] }, "constant [1,2]"],
      ["String", { choice: { values: ["DE", "US", "FR"], weights: undefined } }, "one of DE, US, FR"],
      ["UInt16", { choice: { values: [200, 404, 500], weights: [90, 8, 2] } }, "one of 200 (90%), 404 (8%), 500 (2%)"],
      ["Nullable(String)", { choice: { values: ["a", null, ""], weights: undefined } }, 'one of a, NULL, ""'],
      [
        "UInt16",
        { choice: { values: Array.from({ length: 37 }, (_, index) => index), weights: undefined } },
        "one of 0, 1, 2, 3, 4, 5, … (37)",
      ],
      ["UInt8", { uniform: { from: 18, to: 80 } }, "uniform 18 to 80"],
      ["Date32", { uniform: { from: "1950-01-01", to: "2005-12-31" } }, "uniform 1950-01-01 to 2005-12-31"],
      ["IPv4", { uniform: { from: "10.0.0.0", to: "10.0.0.255" } }, "uniform 10.0.0.0 to 10.0.0.255"],
      ["Time", { uniform: { from: "08:00:00", to: "18:00:00" } }, "uniform 08:00:00 to 18:00:00"],
      ["UInt64", { zipf: { from: 1, to: 1_000_000, exponent: 1.1 } }, "zipf 1.1 from 1 to 1000000"],
      ["UInt16", { quantiles: [0, 10, 10, 99] }, "quantiles 0 to 99 in 3 ranges"],
      ["Date", { quantiles: ["2026-01-01", "2026-01-31"] }, "quantiles 2026-01-01 to 2026-01-31 in 1 range"],
      [
        "Float64",
        { normal: { mean: 20, sd: 5, min: -40, max: 60 }, decimals: 1 },
        "normal mean 20 sd 5 from -40 to 60, 1 decimal",
      ],
      ["Float64", { uniform: { from: 1, to: 2 }, decimals: 2 }, "uniform 1 to 2, 2 decimals"],
      ["Decimal(9, 4)", { uniform: { from: 1, to: 2 }, decimals: 0 }, "uniform 1 to 2, 0 decimals"],
      ["Float32", { decimals: 1 }, "uniform 0 to 999.9, 1 decimal"],
      ["Float64", { normal: { mean: 20, sd: 5 } }, "normal mean 20 sd 5"],
      ["UInt32", { exponential: { mean: 120, max: 30_000 } }, "exponential mean 120 to 30000"],
      ["UInt32", { exponential: { mean: 120, min: 0, max: 30_000 } }, "exponential mean 120 from 0 to 30000"],
      ["UInt64", { sequence: { from: 1, step: 1 } }, "sequence from 1"],
      ["UInt64", { sequence: { from: 0, step: 5, to: 100 } }, "sequence from 0 step 5 to 100"],
      ["Decimal(9, 2)", { sequence: { from: 1, step: -0.5, to: 0 } }, "sequence from 1 step -0.5 to 0"],
      [
        "UInt8",
        { uniform: { from: 0, to: 9 }, cardinality: { of: 10, draw: { kind: "uniform" } } },
        "10 values, each another of 0 to 9",
      ],
      ["Nullable(UInt8)", { nulls: 0.1, uniform: { from: 0, to: 9 } }, "uniform 0 to 9, 10% NULL"],
    ]);
  });

  it("the value of another column again: same as that one", () => {
    const columns = columnsOf({ a: "UInt8", b: "Array(UInt8)", c: "String" }, { c: { same: "a" } });
    expect(explain(columns).map(({ path, rule }) => `${path}: ${rule}`)).to.deep.equal([
      "a: uniform 0 to 255",
      "b: length uniform 0 to 4",
      "b[]: uniform 0 to 255",
      "c: same as a",
    ]);
  });

  describe("times of rows", () => {
    const late = { ratio: 0.05, meanNs: 60_000_000_000n, maxNs: 3_600_000_000_000n };
    table([
      ["DateTime", { time: {} }, "row time"],
      ["DateTime", { time: { jitterNs: DAY_NS } }, "row time, up to 1 day before"],
      ["DateTime64(3)", { time: { jitterNs: 5_500_000_000n } }, "row time, up to 5.5s before"],
      ["Date", { time: { jitterNs: 30n * DAY_NS } }, "row time, up to 30 days before"],
      ["DateTime64(3)", { time: { late } }, "row time, 5% late by exponential mean 1m to 1h"],
      [
        "DateTime64(3)",
        { time: { jitterNs: 200_000_000n, late } },
        "row time, up to 200ms before, 5% late by exponential mean 1m to 1h",
      ],
      ["Array(DateTime)", undefined, "length uniform 0 to 4", "v[]: row time, up to 1 day before"],
    ]);
  });

  describe("patterns, as they are written", () => {
    for (const pattern of [
      "user-{uuid}",
      "{row}",
      "/product/{int 1..10000}",
      "{hex 8}",
      "{hex 40}",
      "{hex 4..12}{hex 3}",
      "{hex 20..30}",
      "{base62 4..12}",
      "{base62 25}x",
      "{words 3..10} {words 2}",
      "{GET|POST|PUT} {{not a part}}",
      "plain",
    ]) {
      it(pattern, () => {
        expect(told("String", { pattern })).to.deep.equal([`pattern ${pattern}`]);
      });
    }
  });

  it("a pattern of 400 characters is cut at 300, a text of 100 at 60", () => {
    expect(told("String", { pattern: "x".repeat(400) })).to.deep.equal([`pattern ${"x".repeat(299)}…`]);
    expect(told("String", { constant: "x".repeat(100) })).to.deep.equal([`constant "${"x".repeat(58)}…`]);
  });

  describe("sets of things", () => {
    table([
      [
        "String",
        { cardinality: { of: 1_000_000, draw: { kind: "zipf", exponent: 1.1 } }, pattern: "{uuid}" },
        "1000000 values by zipf 1.1, pattern {uuid}",
      ],
      ["UUID", { cardinality: { of: 5, draw: { kind: "cycle" } } }, "5 values by cycle, random UUID"],
      [
        "UUID",
        { cardinality: { of: 5, draw: { kind: "uniform" }, key: "product" } },
        "key product (5 values), random UUID",
      ],
      [
        "String",
        {
          cardinality: { of: 9, draw: { kind: "zipf", exponent: 2 }, key: "product" },
          choice: { values: ["a", "b"], weights: undefined },
        },
        "key product (9 values by zipf 2), one of a, b",
      ],
      [
        "Nullable(String)",
        { cardinality: { of: 1, draw: { kind: "uniform" } }, nulls: 0.005 },
        "1 value, pattern {words 1}-{int 1..1}, 0.5% NULL",
      ],
    ]);
  });

  describe("values with parts: a line each", () => {
    const one = (rule: BareRule) => ({ at, ...(rule as object) });
    table([
      ["Array(UInt8)", undefined, "length uniform 0 to 4", "v[]: uniform 0 to 255"],
      [
        "Array(UInt8)",
        { length: one({ constant: 3 }), items: one({ uniform: { from: 1, to: 6 } }) },
        "length 3",
        "v[]: uniform 1 to 6",
      ],
      [
        "Array(UInt8)",
        { length: one({ choice: { values: [1, 5], weights: [9, 1] } }) },
        "length one of 1 (90%), 5 (10%)",
        "v[]: uniform 0 to 255",
      ],
      [
        "Array(UInt8)",
        { length: one({ zipf: { from: 1, to: 9, exponent: 1 } }) },
        "length zipf 1 from 1 to 9",
        "v[]: uniform 0 to 255",
      ],
      [
        "Array(Array(Bool))",
        undefined,
        "length uniform 0 to 4",
        "v[]: length uniform 0 to 4",
        "v[][]: one of false, true",
      ],
      [
        "Map(String, UInt8)",
        undefined,
        "length uniform 1 to 4",
        "v.keys: pattern key-{int 1..64}",
        "v.values: uniform 0 to 255",
      ],
      [
        "Map(DateTime, FixedString(2))",
        undefined,
        "length uniform 1 to 4",
        "v.keys: row time, up to 1 day before, none twice in a map",
        "v.values: pattern {base62 2}",
      ],
      [
        "Map(UInt8, Bool)",
        undefined,
        "length uniform 1 to 4",
        "v.keys: 0 to 255, none twice in a map",
        "v.values: one of false, true",
      ],
      [
        "Map(String, UInt8)",
        { fields: { env: one({ constant: 1 }), tier: one({ uniform: { from: 1, to: 3 } }) } },
        "v.env: constant 1",
        "v.tier: uniform 1 to 3",
      ],
      ["Tuple(UInt8, Bool)", undefined, "v.1: uniform 0 to 255", "v.2: one of false, true"],
      ["Tuple(a UInt8, b Tuple(c Bool))", undefined, "v.a: uniform 0 to 255", "v.b.c: one of false, true"],
      ["Tuple()", undefined, "empty"],
      ["Nullable(Tuple(a UInt8))", undefined, "10% NULL", "v.a: uniform 0 to 255"],
      [
        "JSON(user.age UInt8, flag Bool)",
        {
          fields: {
            "user.name": one({ pattern: "{hex 4}" }),
            born: one({ type: "Date32", uniform: { from: "1950-01-01", to: "1950-12-31" } }),
          },
        },
        "v.user.age: uniform 0 to 255",
        "v.flag: one of false, true",
        "v.user.name: pattern {hex 4}",
        "v.born: uniform 1950-01-01 to 1950-12-31",
      ],
      ["Variant(Bool, UInt8)", undefined, "one of 2 types", "v|1: one of false, true", "v|2: uniform 0 to 255"],
      [
        "Dynamic",
        undefined,
        "one of 4 types",
        "v|1: uniform 0 to 999999999",
        "v|2: uniform 0 to 999.9999",
        "v|3: pattern {words 2..6}",
        "v|4: one of false, true",
      ],
      ["Point", undefined, "v.1: uniform -180 to 180", "v.2: uniform -90 to 90"],
      ["QBit(Float32, 16)", undefined, "length 16", "v[]: uniform -0.9999 to 0.9999"],
    ]);
  });

  it("a column's type is spelled as ClickHouse does, that of a part as its values need it", () => {
    expect(typesOf("DateTime('Asia/Tokyo')")).to.deep.equal(["v DateTime('Asia/Tokyo')"]);
    expect(typesOf("Array(Tuple(t DateTime64(3, 'UTC'), e Enum8('x' = 1, 'y\\'s' = 2)))")).to.deep.equal([
      "v Array(Tuple(t DateTime64(3, 'UTC'), e Enum8('x' = 1, 'y\\'s' = 2)))",
      "v[].t DateTime64(3)",
      "v[].e Enum8('x' = 1, 'y\\'s' = 2)",
    ]);
    expect(typesOf("Map(LowCardinality(String), Nullable(Decimal(9, 2)))")).to.deep.equal([
      "v Map(LowCardinality(String), Nullable(Decimal(9, 2)))",
      "v.keys LowCardinality(String)",
      "v.values Nullable(Decimal(9, 2))",
    ]);
    expect(typesOf("JSON", { fields: { n: { at, type: "Int8", uniform: { from: 0, to: 1 } } } })).to.deep.equal([
      "v.n Int8",
    ]);
  });

  it("columns chosen together name each other, with the share of each value: DE is in two of the options", () => {
    const together: Together = {
      at: "together[0]",
      columns: ["country", "city"],
      options: [
        { values: ["DE", "Berlin"], weight: 5 },
        { values: ["DE", "Köln"], weight: 2 },
        { values: ["FR", "Paris"], weight: 3 },
      ],
    };
    expect(explain(columnsOf({ country: "String", city: "String" }, {}, [together]))).to.deep.equal([
      { path: "country", type: "String", rule: "one of DE (70%), FR (30%), chosen together with city" },
      {
        path: "city",
        type: "String",
        rule: "one of Berlin (50%), Köln (20%), Paris (30%), chosen together with country",
      },
    ]);
  });

  it("columns no insert names are told in the order of the table: MATERIALIZED, ALIAS, and the one left out", () => {
    const table: readonly TableColumn[] = [
      { name: "a", type: "UInt8", defaultKind: "" },
      { name: "b", type: "UInt8", defaultKind: "MATERIALIZED" },
      { name: "c", type: "String", defaultKind: "DEFAULT" },
      { name: "d", type: "UInt8", defaultKind: "ALIAS" },
      { name: "e", type: "UInt8", defaultKind: "EPHEMERAL" },
    ];
    const { columns } = rowsOf(table, rules({ c: "omit" }), "run");
    expect(explain(columns, table).map(({ path, rule }) => `${path}: ${rule}`)).to.deep.equal([
      "a: uniform 0 to 255",
      "b: left to the server (MATERIALIZED)",
      "c: left out",
      "d: left to the server (ALIAS)",
      "e: uniform 0 to 255",
    ]);
  });

  describe("as a table", () => {
    const short: readonly Explanation[] = [
      { path: "status", type: "UInt16", rule: "one of 200 (90%), 404 (8%), 500 (2%)" },
      { path: "ts", type: "DateTime64(3)", rule: "row time" },
    ];

    it("in a pipe: one line each, the columns aligned, however long", () => {
      const long = { path: "x", type: "String", rule: "word ".repeat(100).trim() };
      expect(tableText([...short, long], undefined).split("\n")).to.deep.equal([
        "status  UInt16         one of 200 (90%), 404 (8%), 500 (2%)",
        "ts      DateTime64(3)  row time",
        `x       String         ${long.rule}`,
        "",
      ]);
    });

    it("on a terminal of 59 columns rules of 36 stand beside the types, on one of 58 or 38 below", () => {
      expect(tableText(short, 59).split("\n")).to.deep.equal([
        "status  UInt16         one of 200 (90%), 404 (8%), 500 (2%)",
        "ts      DateTime64(3)  row time",
        "",
      ]);
      expect(tableText(short, 58).split("\n")).to.deep.equal([
        "status  UInt16",
        "    one of 200 (90%), 404 (8%), 500 (2%)",
        "ts  DateTime64(3)",
        "    row time",
        "",
      ]);
      expect(tableText(short, 38).split("\n")).to.deep.equal([
        "status  UInt16",
        "    one of 200 (90%), 404 (8%), 500",
        "    (2%)",
        "ts  DateTime64(3)",
        "    row time",
        "",
      ]);
    });

    it("with 60 columns for them, rules are broken beside the types, at spaces", () => {
      const rule = `one of ${"abcdefgh, ".repeat(8)}i`;
      expect(tableText([{ path: "a", type: "String", rule }], 71).split("\n")).to.deep.equal([
        "a  String  one of abcdefgh, abcdefgh, abcdefgh, abcdefgh, abcdefgh,",
        "           abcdefgh, abcdefgh, abcdefgh, i",
        "",
      ]);
    });

    for (const width of [20, 40, 100, 200]) {
      it(`no line is longer than a terminal of ${width} columns: a pattern of 300 letters is broken, and stays indented`, () => {
        const long = { path: "a_name_of_some_length", type: "String", rule: `pattern ${"x".repeat(300)}` };
        const lines = tableText([...short, long], width).split("\n");
        expect(Math.max(...lines.map((line) => line.length))).to.equal(width);
        const pieces = lines.filter((line) => /^ +x+$/.test(line));
        expect(pieces.join("").replaceAll(" ", "")).to.equal("x".repeat(300));
        expect(new Set(pieces.map((line) => line.search("x"))).size).to.equal(1);
      });
    }

    it("a type of 100 characters is cut at 40; a line feed in a name becomes \\u000a", () => {
      const text = tableText([{ path: "a\nb", type: "T".repeat(100), rule: "row time" }], undefined);
      expect(text).to.equal(`a\\u000ab  ${"T".repeat(39)}…  row time\n`);
    });
  });
});
