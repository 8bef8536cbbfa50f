// What rules say of values, read back by ClickHouse: constants and choices of every type, columns that belong together,
// parts of maps, tuples and JSON, columns left out, and the times of a run that is to span days.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { rowsOf as rowsOfTable } from "../src/rows/column.js";
import { compileRows } from "../src/rows/program.js";
import { clickstorm } from "./support/cli.js";
import { clickhouse, newDatabase, rowsOf } from "./support/server.js";
import { expectEqual, expectLaw, nearShare } from "./support/statistics.js";
import { type Columns, fill, rulesOf, type Table } from "./support/tables.js";

const ROWS = 20_000;
const EVERY_TYPE = {
  enable_time_time64_type: "1",
  allow_suspicious_low_cardinality_types: "1",
  allow_suspicious_variant_types: "1",
  flatten_nested: "0",
};

describe("rules", function () {
  this.timeout(60_000);

  describe("constants: what is written is what ClickHouse reads, in both formats", () => {
    const WIDEST = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
    const UUID = "61f0c404-5cb3-11e7-907b-a6006ad3dba0";
    /** As toString shows it; null: NULL. */
    const cases: readonly (readonly [type: string, constant: string, shown: string | null])[] = [
      ["UInt8", "255", "255"],
      ["Int8", "-128", "-128"],
      ["UInt32", "0x10", "16"],
      ["UInt64", "18446744073709551615", "18446744073709551615"],
      ["Int64", "-9223372036854775808", "-9223372036854775808"],
      ["Int128", "-170141183460469231731687303715884105728", "-170141183460469231731687303715884105728"],
      ["UInt256", WIDEST, WIDEST],
      ["Int256", "-1", "-1"],
      ["Int32", "1e6", "1000000"],
      ["Float64", "1.5e-300", "1.5e-300"],
      ["Float64", "-0.1", "-0.1"],
      ["Float64", "nan", "nan"],
      ["Float32", "inf", "inf"],
      ["Float64", "-.inf", "-inf"],
      ["Nullable(Float64)", ".nan", "nan"],
      ["Nullable(Float64)", "-inf", "-inf"],
      ["Array(Float64)", "[nan, 1, -inf]", "[nan,1,-inf]"],
      ["BFloat16", "1.5", "1.5"],
      ["Decimal(9, 2)", "19.9", "19.9"],
      ["Decimal(9, 2)", "-0.01", "-0.01"],
      ["Decimal(38, 18)", '"12345678901234567890.123456789012345678"', "12345678901234567890.123456789012345678"],
      ["Decimal(76, 38)", `"-1.${"0".repeat(37)}1"`, `-1.${"0".repeat(37)}1`],
      ["Bool", "true", "true"],
      ["String", "200", "200"],
      ["String", "yes", "yes"],
      ["String", '""', ""],
      ["String", '"a\\"b\\\\c\\n\\0ü🙂"', 'a"b\\c\n\0ü🙂'],
      ["FixedString(4)", "abcd", "abcd"],
      ["FixedString(4)", "ü", "ü"],
      ["UUID", UUID, UUID],
      ["UUID", UUID.toUpperCase(), UUID],
      ["IPv4", "10.0.0.1", "10.0.0.1"],
      ["IPv6", '"2001:DB8::1"', "2001:db8::1"],
      ["IPv6", '"::ffff:10.0.0.1"', "::ffff:10.0.0.1"],
      ["Date", "2026-01-31", "2026-01-31"],
      ["Date32", "1925-02-28", "1925-02-28"],
      ["DateTime('UTC')", "2026-01-31T12:00:01Z", "2026-01-31 12:00:01"],
      ["DateTime('UTC')", "2026-01-31T12:00:01+02:00", "2026-01-31 10:00:01"],
      ["DateTime('UTC')", "1970-01-01", "1970-01-01 00:00:00"],
      ["DateTime64(9, 'UTC')", "2026-01-31 12:00:01.123456789", "2026-01-31 12:00:01.123456789"],
      ["DateTime64(3, 'UTC')", "1969-12-31T23:59:59.999Z", "1969-12-31 23:59:59.999"],
      ["DateTime64(0, 'UTC')", "1900-01-01", "1900-01-01 00:00:00"],
      ["Time", '"12:30:05"', "12:30:05"],
      ["Time64(3)", '"-01:30:00.250"', "-01:30:00.250"],
      ["IntervalDay", "30", "30"],
      ["Enum8('b' = -1, 'a b' = 2)", "a b", "a b"],
      ["Enum16('b' = -1, 'a b' = 2)", "-1", "b"],
      ["LowCardinality(String)", "x", "x"],
      ["LowCardinality(Nullable(String))", "null", null],
      ["LowCardinality(Nullable(UInt8))", "7", "7"],
      ["Nullable(Int8)", "~", null],
      ["Nullable(DateTime64(3, 'UTC'))", "2026-01-31", "2026-01-31 00:00:00.000"],
      ["Array(Array(Int8))", "[[1], [], [2, 3]]", "[[1],[],[2,3]]"],
      ["Array(Nullable(String))", "[a, null, '']", "['a',NULL,'']"],
      ["Array(Date)", "[2026-01-31]", "['2026-01-31']"],
      ["Tuple(a Int8, b String)", "{ b: x, a: 1 }", "(1,'x')"],
      ["Tuple(a Int8, b String)", "[1, x]", "(1,'x')"],
      ["Tuple(Int8, Tuple(String, Nullable(UUID)))", `[-1, [x, ${UUID}]]`, `(-1,('x','${UUID}'))`],
      ["Map(String, UInt8)", "{ a: 1, 'b\"c': 2 }", "{'a':1,'b\"c':2}"],
      ["Map(String, UInt8)", "{}", "{}"],
      ["Map(UInt8, Array(Nullable(String)))", "{ 7: [a, null], 8: [] }", "{7:['a',NULL],8:[]}"],
      ["Map(Date, Map(Int8, Bool))", "{ 2026-01-31: { -1: true } }", "{'2026-01-31':{-1:true}}"],
      ["Map(UUID, Float64)", `{ ${UUID}: 0.5 }`, `{'${UUID}':0.5}`],
      ["Map(Enum8('x' = 1), IPv4)", "{ x: 10.0.0.1 }", "{'x':'10.0.0.1'}"],
      ["Nested(k String, v UInt8)", "[{ k: a, v: 1 }, [b, 2]]", "[('a',1),('b',2)]"],
      ["Point", "[1.5, -2]", "(1.5,-2)"],
      ["Ring", "[[0, 0], [1, 0], [1, 1]]", "[(0,0),(1,0),(1,1)]"],
      ["Variant(UInt8, String)", "5", "5"],
      ["Variant(UInt8, String)", "five", "five"],
      ["Variant(UInt8, String)", "null", null],
      ["Dynamic", "1.5", "1.5"],
      ["JSON", "{ a: { b: 1 }, c: [x, y], d: null }", '{"a":{"b":1},"c":["x","y"]}'],
      ["JSON(a.b UInt8)", "{ a: { b: 200 } }", '{"a":{"b":200}}'],
    ];
    for (const format of ["JSONEachRow", "JSONCompactEachRow"] as const) {
      let shown: Record<string, string | null>;
      before(async () => {
        const columns = cases.map(([type, constant], i) => [`c${i}`, [type, `{ constant: ${constant} }`]] as const);
        const table = await fill(Object.fromEntries(columns), { rows: 2, format, settings: EVERY_TYPE });
        shown = await table.one<Record<string, string | null>>(
          `SELECT ${cases.map((_, i) => `if(c${i} IS NULL, NULL, toString(c${i})) AS s${i}`).join(", ")} FROM t WHERE row = 1`,
        );
      });
      for (const [i, [type, constant, expected]] of cases.entries()) {
        it(`${format}: ${type} ${constant.slice(0, 40)}`, () => expect(shown[`s${i}`]).to.equal(expected));
      }
    }
  });

  describe("choices: each value of every type comes equally often, and no other", () => {
    const cases: readonly (readonly [type: string, choice: string, shown: readonly string[]])[] = [
      [
        "Int256",
        "[-1, 0, 12345678901234567890123456789012345678901234567890]",
        ["-1", "0", "12345678901234567890123456789012345678901234567890"],
      ],
      ["Float64", "[nan, 0.5, -inf]", ["nan", "0.5", "-inf"]],
      ["Decimal(18, 4)", "[0.0001, 1, -99.5]", ["0.0001", "1", "-99.5"]],
      ["Bool", "[true, false]", ["true", "false"]],
      ["String", "[a, 5, true, '']", ["a", "5", "true", ""]],
      ["LowCardinality(Nullable(String))", "[a, null]", ["a", "NULL"]],
      ["Nullable(UInt8)", "[1, null, 2]", ["1", "NULL", "2"]],
      [
        "UUID",
        "[61f0c404-5cb3-11e7-907b-a6006ad3dba0, 00000000-0000-0000-0000-000000000000]",
        ["61f0c404-5cb3-11e7-907b-a6006ad3dba0", "00000000-0000-0000-0000-000000000000"],
      ],
      ["IPv6", '["::1", "2001:db8::"]', ["::1", "2001:db8::"]],
      ["Enum8('x' = 1, 'y' = 2, 'z' = 3)", "[x, 3]", ["x", "z"]],
      ["Date", "[2026-01-31, 2026-02-28]", ["2026-01-31", "2026-02-28"]],
      [
        "DateTime64(3, 'UTC')",
        "[2026-01-31, 1950-01-01T00:00:00.5Z]",
        ["2026-01-31 00:00:00.000", "1950-01-01 00:00:00.500"],
      ],
      ["Array(UInt8)", "[[], [1], [2, 3]]", ["[]", "[1]", "[2,3]"]],
      ["Tuple(a UInt8, b Nullable(String))", "[{ a: 1, b: null }, [2, x]]", ["(1,NULL)", "(2,'x')"]],
      ["Map(String, UInt8)", "[{}, { a: 1, b: 2 }]", ["{}", "{'a':1,'b':2}"]],
      ["JSON", "[{ a: 1 }, { b: { c: x } }]", ['{"a":1}', '{"b":{"c":"x"}}']],
      ["Variant(Bool, UInt8)", "[true, 7, null]", ["true", "7", "NULL"]],
      ["Point", "[[0, 0], [1.5, 2]]", ["(0,0)", "(1.5,2)"]],
    ];
    let table: Table;
    before(async () => {
      const columns = cases.map(([type, choice], i) => [`c${i}`, [type, `{ choice: ${choice} }`]] as const);
      table = await fill(Object.fromEntries(columns), { rows: ROWS, settings: EVERY_TYPE });
    });
    for (const [i, [type, choice, expected]] of cases.entries()) {
      it(`${type} ${choice.slice(0, 50)}`, async () => {
        const rows = await table.all<{ x: string; n: number }>(
          `SELECT if(c${i} IS NULL, 'NULL', toString(c${i})) AS x, count() AS n FROM t GROUP BY x`,
        );
        expect(rows.map(({ x }) => x).sort()).to.deep.equal([...expected].sort());
        expectEqual(
          rows.map(({ n }) => n),
          expected.length,
          type,
        );
      });
    }
  });

  describe("together", () => {
    it("the three combinations given appear and no other, in their shares; a second group is independent of the first", async () => {
      const table = await fill(
        {
          country: "LowCardinality(String)",
          city: "Nullable(String)",
          zip: "UInt32",
          level: "Enum8('info' = 1, 'warn' = 2)",
          code: "Int16",
        },
        {
          rows: ROWS,
          together: `  - columns: [country, city, zip]
    options:
      - [DE, Berlin, 10115]
      - { values: [DE, null, 0], weight: 2 }
      - { values: [US, Boston, 2108], weight: 7 }
      - { values: [XX, never, 1], weight: 0 }
  - columns: [level, code]
    options: [[info, 200], [warn, -1]]
`,
        },
      );
      const places = await table.all<{ place: string; n: number }>(
        "SELECT toString((country, ifNull(city, 'NULL'), zip)) AS place, count() AS n FROM t GROUP BY place ORDER BY n",
      );
      expect(places.map(({ place }) => place)).to.deep.equal([
        "('DE','Berlin',10115)",
        "('DE','NULL',0)",
        "('US','Boston',2108)",
      ]);
      expectLaw(
        places.map(({ n }) => n),
        [0.1, 0.2, 0.7],
        "places",
      );
      const pairs = await table.all<{ n: number }>(
        "SELECT zip, level, code, count() AS n FROM t GROUP BY zip, level, code ORDER BY zip, code",
      );
      // 0: warn, info; 2108: …; 10115: …
      expectLaw(
        pairs.map(({ n }) => n),
        [0.1, 0.1, 0.35, 0.35, 0.05, 0.05],
        "both groups",
      );
      const { odd } = await table.one(
        "SELECT countIf((level, code) NOT IN (('info', 200), ('warn', -1))) AS odd FROM t",
      );
      expect(odd).to.equal(0);
    });
  });

  describe("a key: columns that are properties of the same things", () => {
    const HOST = "cardinality: { of: 500, zipf: 0.7, key: host }";
    let table: Table;
    before(async () => {
      table = await fill(
        {
          name: ["String", `{ ${HOST}, pattern: "host-{int 1..500}" }`],
          id: ["UUID", `{ ${HOST} }`],
          ip: ["IPv4", `{ ${HOST}, uniform: { from: 10.0.0.0, to: 10.0.255.255 } }`],
          rack: ["UInt16", `{ ${HOST}, uniform: { from: 0, to: 99 } }`],
          region: ["LowCardinality(String)", `{ ${HOST}, choice: [eu, us, ap] }`],
          tier: ["Nullable(String)", `{ ${HOST}, choice: { gold: 1, null: 3 } }`],
          os: ["String", `{ ${HOST}, pattern: "{linux|bsd}" }`],
          weight: ["Float64", `{ ${HOST}, normal: { mean: 50, sd: 10 } }`],
          born: ["Date", `{ ${HOST}, uniform: { from: 2020-01-01, to: 2025-12-31 } }`],
          labels: [
            "Map(String, String)",
            `{ fields: { host: { ${HOST}, pattern: "host-{int 1..500}" }, az: { ${HOST}, choice: [a, b] } } }`,
          ],
          pair: ["Tuple(rack UInt16, own UInt8)", `{ fields: { rack: { ${HOST}, uniform: { from: 0, to: 99 } } } }`],
          other: ["UInt16", "{ cardinality: { of: 500, zipf: 0.7, key: other }, uniform: { from: 0, to: 499 } }"],
          alone: ["UInt16", "{ cardinality: { of: 500, zipf: 0.7 }, uniform: { from: 0, to: 499 } }"],
        },
        { rows: ROWS * 2 },
      );
    });
    const all = "id, ip, rack, region, ifNull(tier, ''), os, weight, born, labels['host'], labels['az'], pair.1";

    it("500 hosts: as many tuples of all properties as there are hosts, in plain columns, maps and tuples", async () => {
      const found = await table.one(
        `SELECT uniqExact(id) AS ids, uniqExact((name, ${all})) AS tuples, uniqExact(rack) AS racks, uniqExact(region) AS regions FROM t`,
      );
      expect(found).to.deep.equal({ ids: 500, tuples: 500, racks: 99, regions: 3 });
    });
    it("what the thing is named comes 500 times over when its pattern has no more names; a UUID always", async () => {
      const found = await table.one(
        "SELECT uniqExact(name) AS names, uniqExact(labels['host']) AS hosts, countIf(name != labels['host']) AS other FROM t",
      );
      expect(found).to.deep.equal({ names: 500, hosts: 500, other: 0 });
    });
    it("another key, and a cardinality without one, are independent of it", async () => {
      const { key, none } = await table.one(
        "SELECT uniqExact((id, other)) AS key, uniqExact((id, alone)) AS none FROM t",
      );
      expect(key).to.be.greaterThan(10_000);
      expect(none).to.be.greaterThan(10_000);
    });
  });

  describe("parts of maps, tuples, arrays and JSON", () => {
    let table: Table;
    before(async () => {
      table = await fill(
        {
          map: [
            "Map(LowCardinality(String), String)",
            '{ fields: { service.name: { choice: [cart, pay] }, "a b": { pattern: "{hex 4}" }, n: { constant: 7 } } }',
          ],
          numbers: ["Map(UInt8, Float64)", "{ fields: { 1: { uniform: { from: 0, to: 1 } }, 2: { constant: -1 } } }"],
          drawn: [
            "Map(String, UInt8)",
            "{ length: { uniform: { from: 0, to: 3 } }, keys: { choice: [a, b, c] }, values: { uniform: { from: 5, to: 6 } } }",
          ],
          tuple: [
            "Tuple(x UInt8, y Nullable(Float32), z Tuple(String, Date))",
            "{ fields: { x: { uniform: { from: 3, to: 4 } }, y: { nulls: 0.5, constant: 1.5 }, z: { fields: { 1: { choice: [p, q] }, 2: { constant: 2026-01-31 } } } } }",
          ],
          list: [
            "Array(Tuple(a Int16, b String))",
            "{ length: { uniform: { from: 1, to: 4 } }, items: { fields: { a: { uniform: { from: -2, to: -1 } } } } }",
          ],
          deep: [
            "Array(Array(LowCardinality(String)))",
            "{ length: 2, items: { length: 3, items: { choice: [u, v] } } }",
          ],
          json: [
            "JSON(declared UInt8, user.id UUID)",
            `{ fields: { declared: { uniform: { from: 1, to: 2 } }, user.name: { pattern: "u{int 1..9}" }, user.age: { type: UInt8, uniform: { from: 18, to: 80 } }, n: { uniform: { from: -5, to: 5 } }, f: { uniform: { from: 0, to: 0.5 } }, s: { sequence: { from: 0, step: 0.25 } }, when: { type: "DateTime64(3)" }, list: { type: "Array(UInt8)", length: 2 }, c: { choice: [1, x, true] } } }`,
          ],
          free: "JSON",
        },
        { rows: ROWS },
      );
    });

    it("a Map with fields has these keys and their rules", async () => {
      const found = await table.one<Record<string, unknown>>(
        `SELECT groupUniqArray(mapKeys(map)) AS keys, arraySort(groupUniqArray(map['service.name'])) AS services, countIf(match(map['a b'], '^[0-9a-f]{4}$')) AS hex,
          groupUniqArray(map['n']) AS n, groupUniqArray(mapKeys(numbers)) AS ns, min(numbers[1]) AS low, max(numbers[1]) AS high, groupUniqArray(numbers[2]) AS two FROM t`,
      );
      expect({ ...found, low: undefined, high: undefined }).to.deep.equal({
        keys: [["service.name", "a b", "n"]],
        services: ["cart", "pay"],
        hex: ROWS,
        n: ["7"],
        ns: [[1, 2]],
        low: undefined,
        high: undefined,
        two: [-1],
      });
      expect(found.low).to.be.within(0, 0.01);
      expect(found.high).to.be.within(0.99, 1);
    });
    it("a Map with keys and values: no key twice, all subsets of three keys, values 5 and 6", async () => {
      const found = await table.one<Record<string, unknown>>(
        `SELECT countIf(length(arrayDistinct(mapKeys(drawn))) != length(drawn)) AS twice, arraySort(groupUniqArrayArray(mapKeys(drawn))) AS keys,
          arraySort(groupUniqArrayArray(mapValues(drawn))) AS vals, uniqExact(length(drawn)) AS lengths FROM t`,
      );
      expect(found).to.deep.equal({ twice: 0, keys: ["a", "b", "c"], vals: [5, 6], lengths: 4 });
    });
    it("a Tuple's fields by name and, where they have none, by number; those not named follow their type", async () => {
      const found = await table.one<Record<string, unknown>>(
        `SELECT arraySort(groupUniqArray(tuple.x)) AS x, groupUniqArray(tuple.y) AS y, countIf(tuple.y IS NULL) / count() AS nulls,
          arraySort(groupUniqArray(tuple.z.1)) AS z1, toString(groupUniqArray(tuple.z.2)) AS z2 FROM t`,
      );
      nearShare(found.nulls as number, 0.5, ROWS, "y");
      expect({ ...found, nulls: 0 }).to.deep.equal({
        x: [3, 4],
        y: [1.5],
        nulls: 0,
        z1: ["p", "q"],
        z2: "['2026-01-31']",
      });
    });
    it("items of arrays in arrays, and their fields", async () => {
      const found = await table.one<Record<string, unknown>>(
        `SELECT arraySort(groupUniqArrayArray(list.a)) AS a, arraySort(groupUniqArray(length(list))) AS lengths, countIf(arrayExists(x -> x = '', list.b)) AS empty,
          groupUniqArray(length(deep)) AS outer, groupUniqArrayArray(arrayMap(x -> length(x), deep)) AS inner, uniqExact(deep) AS all FROM t`,
      );
      expect(found).to.deep.equal({ a: [-2, -1], lengths: [1, 2, 3, 4], empty: 0, outer: [2], inner: [3], all: 64 });
    });
    it("JSON: declared paths keep their types, others have the type they name or that of their rule", async () => {
      const types = await table.all<{ path: string; types: string[] }>(
        "SELECT path, arraySort(groupUniqArray(type)) AS types FROM (SELECT arrayJoin(JSONAllPathsWithTypes(json)) AS pt, pt.1 AS path, pt.2 AS type FROM t) GROUP BY path ORDER BY path",
      );
      expect(types).to.deep.equal([
        { path: "c", types: ["Bool", "Int64", "String"] },
        { path: "declared", types: ["UInt8"] },
        { path: "f", types: ["Float64"] },
        { path: "list", types: ["Array(Nullable(Int64))"] },
        { path: "n", types: ["Int64"] },
        { path: "s", types: ["Float64"] },
        { path: "user.age", types: ["Int64"] },
        { path: "user.id", types: ["UUID"] },
        { path: "user.name", types: ["String"] },
        { path: "when", types: ["Int64"] },
      ]);
      const found = await table.one<Record<string, unknown>>(
        `SELECT uniqExact(json.user.id) AS ids, min(json.user.age::Int64) AS youngest, max(json.user.age::Int64) AS oldest, uniqExact(json.user.name::String) AS names,
          min(json.n::Int64) AS low, max(json.n::Int64) AS high, round(max(json.f::Float64), 3) AS f, max(json.s::Float64) AS s FROM t`,
      );
      expect(found).to.deep.equal({
        ids: ROWS,
        youngest: 18,
        oldest: 80,
        names: 9,
        low: -5,
        high: 5,
        f: 0.5,
        s: (ROWS - 1) / 4,
      });
    });
  });

  it("two of four keys of a map: each of the six pairs, and each order, equally often", async () => {
    const table = await fill(
      { map: ["Map(String, UInt8)", "{ length: 2, keys: { choice: [a, b, c, d] } }"] },
      { rows: ROWS },
    );
    const found = await table.all<{ pair: string; n: number }>(
      "SELECT arrayStringConcat(mapKeys(map)) AS pair, count() AS n FROM t GROUP BY pair ORDER BY pair",
    );
    expect(found.map(({ pair }) => pair).join(" ")).to.equal("ab ac ad ba bc bd ca cb cd da db dc");
    // A few bits of a hash choose the order: not as even as drawing would be.
    for (const { pair, n } of found) expect(n / ROWS, pair).to.be.within(0.03, 0.14);
  });

  it("of 100 numbers as keys, maps of 100 have all; each comes first about equally often", async () => {
    const table = await fill(
      { map: ["Map(UInt8, UInt8)", "{ length: 100, keys: { uniform: { from: 1, to: 100 } } }"] },
      { rows: 5000 },
    );
    const found = await table.one(
      "SELECT countIf(length(arrayDistinct(mapKeys(map))) = 100) AS whole, uniqExact(mapKeys(map)[1]) AS first, uniqExact(mapKeys(map)) AS orders FROM t",
    );
    expect(found).to.include({ whole: 5000, first: 100 });
    expect(found.orders).to.be.greaterThan(4500);
  });

  describe("same: what another column has", () => {
    it("as another type, in a map and a tuple, of a default, of a rule, of columns chosen together", async () => {
      const table = await fill(
        {
          id: "UInt32",
          id_text: ["UInt64", "{ same: id }"],
          service: ["LowCardinality(String)", "{ choice: { cart: 3, pay: 1 } }"],
          attributes: ["Map(String, String)", "{ fields: { service.name: { same: service }, city: { same: city } } }"],
          pair: ["Tuple(a UInt32, b String)", "{ fields: { a: { same: id }, b: { same: note } } }"],
          note: "String",
          country: "String",
          city: "LowCardinality(String)",
          at: "DateTime64(3)",
          day: ["Date", "{ same: at }"],
          late: ["DateTime64(3)", "{ time: { jitter: 1h } }"],
          late_second: ["DateTime", "{ same: late }"],
        },
        { rows: ROWS, together: "  - { columns: [country, city], options: [[DE, Berlin], [US, Boston]] }\n" },
      );
      const found = await table.one(
        `SELECT countIf(id = id_text) AS numbers, countIf(service = attributes['service.name']) AS services, countIf(city = attributes['city']) AS cities,
          countIf(pair.a = id AND pair.b = note) AS pairs, countIf(day = toDate(at, 'UTC')) AS days, countIf(late_second = toDateTime(late)) AS seconds,
          uniqExact(id) > 10000 AS many, uniqExact(note) > 10000 AS notes, uniqExact(late_second) > 2000 AS times FROM t`,
      );
      const all = { numbers: ROWS, services: ROWS, cities: ROWS, pairs: ROWS, days: ROWS, seconds: ROWS };
      expect(found).to.deep.equal({ ...all, many: 1, notes: 1, times: 1 });
    });

    for (const [what, columns, sentence] of [
      [
        "no such column",
        { a: ["String", "{ same: b }"] },
        "columns.a.same names b, which is no column with values of its own",
      ],
      [
        "another same",
        { a: ["String", "{ same: b }"], b: ["String", "{ same: a }"] },
        "columns.a.same names b, which is no column with values of its own",
      ],
      [
        "a column no row can be made for",
        { a: ["String", "{ same: b }"], b: "AggregateFunction(sum, UInt64)" },
        "columns.a.same names b, which is no column with values of its own",
      ],
      [
        "inside an array",
        { a: ["Array(String)", "{ items: { same: b } }"], b: "String" },
        "columns.a.items.same has no meaning inside an array, a map or a set",
      ],
    ] as const) {
      it(`${what}: refused`, async () => {
        const refused: unknown = await fill(columns, { rows: 1 }).catch((error: unknown) => error);
        expect(String(refused)).to.include(sentence);
      });
    }
  });

  it("decimals alone: as many digits, and the range of the type's default; also in a set", async () => {
    const table = await fill(
      {
        f: ["Float64", "{ decimals: 1 }"],
        whole: ["Float32", "{ decimals: 0 }"],
        d: ["Decimal(18, 4)", "{ decimals: 2 }"],
        few: ["Decimal(9, 2)", "{ cardinality: 50, decimals: 1 }"],
      },
      { rows: ROWS },
    );
    const found = await table.one(
      `SELECT countIf(round(f, 1) = f) AS ones, countIf(f != round(f)) > 0 AS fractions, max(f) AS most, countIf(round(whole) = whole) AS wholes,
        countIf(d = round(d, 2)) AS twos, countIf(d != round(d, 1)) > 0 AS cents, uniqExact(few) AS values, countIf(few = round(few, 1)) AS tenths FROM t`,
    );
    expect(found).to.include({
      ones: ROWS,
      fractions: 1,
      wholes: ROWS,
      twos: ROWS,
      cents: 1,
      values: 50,
      tenths: ROWS,
    });
    expect(found.most).to.be.within(990, 999.9);
  });

  it("a Bool and an Enum can be properties of a key", async () => {
    const KEY = "cardinality: { of: 50, key: host }";
    const table = await fill(
      {
        id: ["UUID", `{ ${KEY} }`],
        on: ["Bool", `{ ${KEY} }`],
        kind: ["Enum8('a' = 1, 'b' = 2, 'c' = 3)", `{ ${KEY}, choice: { a: 5, b: 1 } }`],
      },
      { rows: ROWS },
    );
    expect(
      await table.one(
        "SELECT uniqExact(id) AS ids, uniqExact(id, on, kind) AS all, uniqExact(on) AS ons, uniqExact(kind) AS kinds FROM t",
      ),
    ).to.deep.equal({ ids: 50, all: 50, ons: 2, kinds: 2 });
  });

  describe("Nested", () => {
    const types = "Nested(a UInt8, b LowCardinality(String), `c d` Nullable(Float32))";
    it("flattened: its arrays have one length, by the rule of the whole; fields by name", async () => {
      const table = await fill(
        {
          n: [
            types,
            "{ length: { uniform: { from: 2, to: 5 } }, fields: { a: { uniform: { from: 7, to: 8 } }, b: { choice: [x, y] } } }",
          ],
          m: types,
        },
        { rows: ROWS },
      );
      const found = await table.one<Record<string, unknown>>(
        `SELECT arraySort(groupUniqArray(length(n.a))) AS lengths, countIf(length(n.a) != length(n.b) OR length(n.a) != length(n.\`c d\`) OR length(m.a) != length(m.b)) AS odd,
          arraySort(groupUniqArrayArray(n.a)) AS a, arraySort(groupUniqArrayArray(n.b)) AS b, uniqExact(length(m.a)) AS free FROM t`,
      );
      expect(found).to.deep.equal({ lengths: [2, 3, 4, 5], odd: 0, a: [7, 8], b: ["x", "y"], free: 5 });
    });
    it("flattened, a column's own rule goes before; points, which have longer arrays of their own, keep the common length", async () => {
      const table = await fill(
        {
          "n.a": ["Array(UInt8)", "{ items: { constant: 9 } }"],
          "n.p": "Array(Point)",
          "n.s": "Array(String)",
          n: ["Nested(z UInt8)", "{ length: 3 }"],
        },
        { rows: 1000 },
      );
      expect(
        await table.one(
          "SELECT countIf(length(n.a) != 3 OR length(n.p) != 3 OR length(n.z) != 3 OR n.a != [9, 9, 9]) AS odd FROM t",
        ),
      ).to.deep.equal({ odd: 0 });
      const free = await fill({ n: "Nested(a UInt8, p Point, s String)" }, { rows: 1000 });
      expect(
        await free.one("SELECT countIf(length(n.a) != length(n.p)) AS odd, uniqExact(length(n.a)) AS lengths FROM t"),
      ).to.deep.equal({ odd: 0, lengths: 5 });
    });
    it("unflattened: an array of tuples, with the same rule", async () => {
      const table = await fill(
        { n: [types, "{ length: { uniform: { from: 2, to: 5 } }, fields: { a: { uniform: { from: 7, to: 8 } } } }"] },
        { rows: ROWS, settings: { flatten_nested: "0" } },
      );
      expect(
        await table.one<Record<string, unknown>>(
          "SELECT arraySort(groupUniqArray(length(n))) AS lengths, arraySort(groupUniqArrayArray(n.a)) AS a FROM t",
        ),
      ).to.deep.equal({
        lengths: [2, 3, 4, 5],
        a: [7, 8],
      });
    });
    it("flattened and omitted as a whole, its arrays are empty", async () => {
      const columns: Columns = { n: [types, "omit"], x: "UInt8" };
      const table = await fill(columns, { rows: 100 });
      expect(await table.one("SELECT max(length(n.a)) + max(length(n.b)) AS longest FROM t")).to.deep.equal({
        longest: 0,
      });
    });
  });

  it("omit: the server's DEFAULT applies, an expression over a column that is sent too; MATERIALIZED and ALIAS need no word", async () => {
    const table = await fill(
      {
        a: ["UInt8", "{ uniform: { from: 1, to: 9 } }"],
        b: ["String DEFAULT concat('a=', toString(a))", "omit"],
        c: ["UInt8", "omit"],
        d: "UInt16 MATERIALIZED a * 2",
        e: "UInt16 ALIAS a * 3",
        f: "UInt8 DEFAULT 200",
      },
      { rows: 1000 },
    );
    const found = await table.one(
      "SELECT countIf(b = concat('a=', toString(a)) AND c = 0 AND d = a * 2 AND e = a * 3) AS n, countIf(f = 200) AS preset FROM t",
    );
    expect(found.n).to.equal(1000);
    // f has a DEFAULT, and is sent all the same: 1 in 256 is 200.
    expect(found.preset).to.be.lessThan(30);
  });

  describe("--data-start and --data-span", () => {
    const folder = mkdtempSync(join(tmpdir(), "clickstorm-rules-"));
    after(() => rmSync(folder, { recursive: true, force: true }));

    it("60,000 rows in 1 s span 30 days: row k at 2026-01-01 + k * 43.2 s, exactly, and 2,000 in each day's partition", async () => {
      const { database, url } = await newDatabase();
      await clickhouse(
        "CREATE TABLE t (at DateTime64(9, 'UTC'), day Date, second DateTime('UTC'), n UInt32) ENGINE = MergeTree PARTITION BY toYYYYMMDD(at) ORDER BY n",
        database,
      );
      const file = join(folder, "span.yaml");
      writeFileSync(file, "table: t\ncolumns:\n  n: { sequence: {} }\ndata-start: 2026-01-01\ndata-span: 30d\n");
      const { code, stderr } = await clickstorm([
        "--clickhouse-url",
        url,
        "--config",
        file,
        "--rate",
        "60k",
        "--duration",
        "1",
        "--workers",
        "2",
        "--batch-rows",
        "7000",
        "--no-traces",
        "--no-metrics",
      ]);
      expect(code, stderr).to.equal(0);
      const [found] = await rowsOf<Record<string, unknown>>(
        `SELECT count() AS rows, toString(min(at)) AS first, toString(max(at)) AS last,
          countIf(toUnixTimestamp64Nano(at) = 1767225600000000000 + n * 43200000000) AS exact,
          countIf(day = toDate(at) AND second = toDateTime(at)) AS same FROM t`,
        database,
      );
      // The last of 60,000 rows is 43.2 s before the 31st.
      expect(found).to.deep.equal({
        rows: 60_000,
        first: "2026-01-01 00:00:00.000000000",
        last: "2026-01-30 23:59:16.800000000",
        exact: 60_000,
        same: 60_000,
      });
      const parts = await rowsOf<{ partition: string; n: number }>(
        `SELECT partition, sum(rows) AS n FROM system.parts WHERE active AND database = '${database}' GROUP BY partition ORDER BY partition`,
        database,
      );
      expect(parts).to.deep.equal(
        Array.from({ length: 30 }, (_, i) => ({ partition: String(20_260_101 + i), n: 2000 })),
      );
    });

    it("7 rows over 1 s, which 7 does not divide: each at the nanosecond below k / 7 s", async () => {
      const { database, url } = await newDatabase();
      await clickhouse("CREATE TABLE t (at DateTime64(9, 'UTC')) ENGINE = MergeTree ORDER BY at", database);
      const { code, stderr } = await clickstorm([
        ..."--table t --rate 70 --duration 0.1 --data-start 2026-01-01 --data-span 1s --no-traces --no-metrics --clickhouse-url".split(
          " ",
        ),
        url,
      ]);
      expect(code, stderr).to.equal(0);
      const rows = await rowsOf<{ ns: number }>(
        "SELECT toUnixTimestamp64Nano(at) - 1767225600000000000 AS ns FROM t ORDER BY at",
        database,
      );
      expect(rows.map(({ ns }) => ns)).to.deep.equal([
        0, 142_857_142, 285_714_285, 428_571_428, 571_428_571, 714_285_714, 857_142_857,
      ]);
    });
  });

  it("every rule of 60 with every type of 41: it is refused with a sentence, or ClickHouse reads 100 rows of it", async () => {
    const types = (
      "UInt8|Int16|UInt64|Int64|Int256|UInt128|Float64|Float32|BFloat16|Decimal(9, 2)|Decimal(18, 18)|Decimal(76, 38)|Bool|String|FixedString(3)|UUID|IPv4|IPv6|" +
      "Date|Date32|DateTime|DateTime64(3)|DateTime64(9)|Time|Time64(6)|Enum8('a' = 1, 'b' = 2)|IntervalDay|Nullable(Int32)|Nullable(Date)|LowCardinality(Nullable(String))|" +
      "Array(UInt8)|Array(Array(Nullable(String)))|Tuple(a UInt8, b String)|Tuple(UInt8, Date)|Map(String, UInt8)|Map(UInt8, DateTime)|Point|Variant(UInt8, String)|Dynamic|JSON|JSON(a UInt8)"
    ).split("|");
    const laws = [
      ..."{}|{ nulls: 0.5 }|{ constant: 1 }|{ constant: a }|{ constant: null }|{ constant: 2026-01-31 }|{ constant: [] }|{ constant: {} }|{ constant: [1, 2] }|{ constant: 0.5 }|{ constant: true }".split(
        "|",
      ),
      ..."{ choice: [1, 2] }|{ choice: { a: 1, b: 0 } }|{ choice: [null, 1] }|{ choice: [{ a: 1, b: x }] }|{ choice: [0.5, -1] }|{ choice: [2026-01-01, 2026-01-02] }".split(
        "|",
      ),
      ..."{ uniform: { from: 0, to: 100 } }|{ uniform: { from: -5, to: 5 } }|{ uniform: { from: 0, to: 0 } }|{ uniform: { from: 0.5, to: 99.25 } }|{ uniform: { from: 0, to: 18446744073709551615 } }".split(
        "|",
      ),
      ..."{ uniform: { from: 2026-01-01, to: 2026-02-01 } }|{ uniform: { from: 1900-01-01, to: 1900-01-02 } }|{ uniform: { from: 10.0.0.0, to: 10.0.0.9 } }|{ uniform: { from: '00:00:00', to: '12:00:00' } }".split(
        "|",
      ),
      ..."{ normal: { mean: 50, sd: 10 } }|{ normal: { mean: 0.5, sd: 0.001 } }|{ normal: { mean: 1e18, sd: 1e17 } }|{ normal: { mean: 5, sd: 5, min: 1, max: 9 } }|{ normal: { mean: '1', sd: x } }".split(
        "|",
      ),
      ..."{ exponential: { mean: 5 } }|{ exponential: { mean: 0.001 } }|{ exponential: { mean: 1e30 } }|{ exponential: { mean: 5, min: -9, max: 9 } }|{ zipf: { to: 100 } }|{ zipf: { from: -2, to: 2, exponent: 3 } }".split(
        "|",
      ),
      ..."{ sequence: {} }|{ sequence: { from: 5, step: -0.5, to: 1 } }|{ sequence: { from: -1, step: 1e-9 } }|{ sequence: { step: 1e18 } }|{ sequence: { from: 9, step: -1 } }|{ sequence: { from: 9223372036854775807 } }".split(
        "|",
      ),
      ..."{ pattern: '' }|{ pattern: abc }|{ pattern: '{uuid}' }|{ pattern: '{hex 1..3}' }|{ pattern: '{words 2}' }|{ pattern: '{row}{int 0..9}' }|{ time: {} }|{ time: { jitter: 1d, late: { ratio: 1, mean: 36500d } } }".split(
        "|",
      ),
      ..."{ cardinality: 1 }|{ cardinality: 256 }|{ cardinality: 9007199254740992 }|{ cardinality: { of: 5, zipf: 2, key: k } }|{ cardinality: { of: 3, cycle: true }, uniform: { from: 1, to: 50 } }|{ cardinality: { of: 2, key: z }, choice: [null, 1] }".split(
        "|",
      ),
      ..."{ decimals: 18 }|{ decimals: 0 }|{ length: 0 }|{ length: { normal: { mean: 3.5, sd: 2 } } }|{ length: 2, items: { constant: 1 } }|{ length: 2, keys: { uniform: { from: 0, to: 9 } } }|{ keys: { pattern: a }, values: {} }".split(
        "|",
      ),
      ..."{ fields: { a: { constant: 1 } } }|{ fields: { 1: {}, 2: {} } }|{ fields: { a: { cardinality: 9 }, b: {} } }|{ fields: {} }".split(
        "|",
      ),
    ];
    const taken: [string, readonly [string, string]][] = [];
    for (const [i, type] of types.entries()) {
      for (const [k, rule] of laws.entries()) {
        const table = [{ name: "c", type, defaultKind: "" }];
        const { columns, ruleProblems } = rowsOfTable(table, rulesOf(`columns: { c: ${rule} }`), "run");
        for (const problem of ruleProblems) expect(problem, `${type} ${rule}`).to.match(/^columns\.c[.:].* /);
        if (ruleProblems.length === 0) {
          compileRows(columns, "JSONEachRow", 1);
          taken.push([`c${i}_${k}`, [type, rule]]);
        }
      }
    }
    expect(taken.length).to.be.greaterThan(500);
    await fill(Object.fromEntries(taken), { rows: 100, settings: EVERY_TYPE });
  });
});
