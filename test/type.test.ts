// src/rows/type.ts as tables, under random text, and against the spelling of the server itself.

import { expect } from "chai";
import fc from "fast-check";
import { parseType, type Type, UnknownTypeError } from "../src/rows/type.js";
import { newDatabase, rowsOf, serverUrl } from "./support/server.js";

const int = (bits: 8 | 16 | 32 | 64 | 128 | 256): Type => ({ kind: "Int", bits, signed: true });
const uint = (bits: 8 | 16 | 32 | 64 | 128 | 256): Type => ({ kind: "Int", bits, signed: false });
const float = (bits: 16 | 32 | 64): Type => ({ kind: "Float", bits });
const decimal = (precision: number, scale: number): Type => ({ kind: "Decimal", precision, scale });
const fixed = (bytes: number): Type => ({ kind: "FixedString", bytes });
const date = (bits: 16 | 32): Type => ({ kind: "Date", bits });
const dateTime = (bits: 32 | 64, precision: number): Type => ({ kind: "DateTime", bits, precision });
const time = (bits: 32 | 64, precision: number): Type => ({ kind: "Time", bits, precision });
const nullable = (of: Type): Type => ({ kind: "Nullable", of });
const low = (of: Type): Type => ({ kind: "LowCardinality", of });
const array = (of: Type): Type => ({ kind: "Array", of });
const map = (key: Type, value: Type): Type => ({ kind: "Map", key, value });
const variant = (text: string, ...of: Type[]): Type => ({ kind: "Variant", of, text });
const qbit = (of: Type, dimension: number): Type => ({ kind: "QBit", of, dimension });
const unnamed = (...types: Type[]): Type => ({
  kind: "Tuple",
  elements: types.map((type) => ({ name: undefined, type })),
});
const tuple = (...elements: (readonly [name: string, type: Type])[]): Type => ({
  kind: "Tuple",
  elements: elements.map(([name, type]) => ({ name, type })),
});
const json = (...paths: (readonly [path: string, type: Type])[]): Type => ({
  kind: "JSON",
  paths: paths.map(([path, type]) => ({ path, type })),
});
const enumOf = (bits: 8 | 16, ...values: (readonly [name: string, value: number])[]): Type => ({
  kind: "Enum",
  bits,
  values: values.map(([name, value]) => ({ name, value })),
});

const BOOL: Type = { kind: "Bool" };
const STRING: Type = { kind: "String" };
const DYNAMIC: Type = { kind: "Dynamic" };
const interval = (unit: string): Type => ({ kind: "Interval", unit });
const POINT: Type = { kind: "Point" };
const LINE = array(POINT);
const LINES = array(LINE);
const POLYGONS = array(LINES);
const GEOMETRY: Type = { kind: "Variant", of: [LINE, LINES, POLYGONS, POINT], text: "Geometry" };

type Row = readonly [spelled: string, type: Type];

const NUMBERS: readonly Row[] = [
  ["Int8", int(8)],
  ["Int16", int(16)],
  ["Int32", int(32)],
  ["Int64", int(64)],
  ["Int128", int(128)],
  ["Int256", int(256)],
  ["UInt8", uint(8)],
  ["UInt16", uint(16)],
  ["UInt32", uint(32)],
  ["UInt64", uint(64)],
  ["UInt128", uint(128)],
  ["UInt256", uint(256)],
  ["BFloat16", float(16)],
  ["Float32", float(32)],
  ["Float64", float(64)],
  ["Decimal(9, 3)", decimal(9, 3)],
  ["Decimal(76, 76)", decimal(76, 76)],
  ["Decimal32(3)", decimal(9, 3)],
  ["Decimal64(0)", decimal(18, 0)],
  ["Decimal128(38)", decimal(38, 38)],
  ["Decimal256(10)", decimal(76, 10)],
  ["Bool", BOOL],
];

const TEXTS: readonly Row[] = [
  ["String", STRING],
  ["FixedString(8)", fixed(8)],
  ["UUID", { kind: "UUID" }],
  ["IPv4", { kind: "IPv4" }],
  ["IPv6", { kind: "IPv6" }],
];

const TIMES: readonly Row[] = [
  ["Date", date(16)],
  ["Date32", date(32)],
  ["DateTime", dateTime(32, 0)],
  ["DateTime('Europe/Berlin')", dateTime(32, 0)],
  ["DateTime64(3)", dateTime(64, 3)],
  ["DateTime64(9, 'UTC')", dateTime(64, 9)],
  ["Time", time(32, 0)],
  ["Time64(6)", time(64, 6)],
  ["IntervalNanosecond", interval("Nanosecond")],
  ["IntervalMicrosecond", interval("Microsecond")],
  ["IntervalMillisecond", interval("Millisecond")],
  ["IntervalSecond", interval("Second")],
  ["IntervalMinute", interval("Minute")],
  ["IntervalHour", interval("Hour")],
  ["IntervalDay", interval("Day")],
  ["IntervalWeek", interval("Week")],
  ["IntervalMonth", interval("Month")],
  ["IntervalQuarter", interval("Quarter")],
  ["IntervalYear", interval("Year")],
];

const ENUMS: readonly Row[] = [
  ["Enum8('last' = -128, 'a' = 1, 'b' = 127)", enumOf(8, ["last", -128], ["a", 1], ["b", 127])],
  ["Enum16('x' = 1000, 'y' = 32767)", enumOf(16, ["x", 1000], ["y", 32767])],
  ["Enum8('' = 0)", enumOf(8, ["", 0])],
  ["Enum8('it\\'s' = 1, 'dou''ble' = 2)", enumOf(8, ["it's", 1], ["dou'ble", 2])],
  ["Enum8('\\\\' = 1, '\\t\\n\\r' = 2, '\\b\\f\\0' = 3)", enumOf(8, ["\\", 1], ["\t\n\r", 2], ["\b\f\0", 3])],
  ["Enum8('\\x41\\x42' = 1, '\\xd0\\x96\\xE2\\x82\\xAC' = 2)", enumOf(8, ["AB", 1], ["Ж€", 2])],
  ["Enum8('\\a\\e\\v' = 1, 'x\\Ny' = 2)", enumOf(8, ["\x07\x1b\x0b", 1], ["xy", 2])],
  ["Enum8('a\\/b\\=c\\\"d\\`e' = 1, 'f\\%g' = 2)", enumOf(8, ['a/b=c"d`e', 1], ["f\\%g", 2])],
  ["Enum8('Ж 🌩' = 1, 'a) = 1, (' = 2)", enumOf(8, ["Ж 🌩", 1], ["a) = 1, (", 2])],
];

const NESTINGS: readonly Row[] = [
  ["Nullable(String)", nullable(STRING)],
  ["LowCardinality(Nullable(FixedString(2)))", low(nullable(fixed(2)))],
  ["Array(Array(Nullable(Int8)))", array(array(nullable(int(8))))],
  ["Tuple(UInt8, String)", unnamed(uint(8), STRING)],
  ["Tuple(a UInt8, b String)", tuple(["a", uint(8)], ["b", STRING])],
  ["Tuple()", unnamed()],
  ["Tuple(Tuple())", unnamed(unnamed())],
  ["Nullable(Tuple(UInt8, String))", nullable(unnamed(uint(8), STRING))],
  [
    "Tuple(UInt8 UInt8, Nullable Nullable(UInt8), Tuple Tuple(Tuple Bool))",
    tuple(["UInt8", uint(8)], ["Nullable", nullable(uint(8))], ["Tuple", tuple(["Tuple", BOOL])]),
  ],
  ["Tuple(UInt8, Enum8('a' = 1) )", unnamed(uint(8), enumOf(8, ["a", 1]))],
  [
    "Tuple(`a\\nb'c\\\\d` UInt8, `1` Bool, `tick\\`s` Bool, `a)b` Bool, `Ж` Bool)",
    tuple(["a\nb'c\\d", uint(8)], ["1", BOOL], ["tick`s", BOOL], ["a)b", BOOL], ["Ж", BOOL]),
  ],
  ['Tuple("d`e" UInt8, "f\\"g" Bool)', tuple(["d`e", uint(8)], ['f"g', BOOL])],
  ["Map(String, Array(UInt8))", map(STRING, array(uint(8)))],
  ["Map(LowCardinality(String), Map(UInt8, Bool))", map(low(STRING), map(uint(8), BOOL))],
  [
    "Variant(Array(UInt8), String, UInt64)",
    variant("Variant(Array(UInt8), String, UInt64)", array(uint(8)), STRING, uint(64)),
  ],
  ["Variant(UInt8)", variant("Variant(UInt8)", uint(8))],
  ["Array(Tuple(Enum16('UInt8' = 1), Decimal(76, 38)))", array(unnamed(enumOf(16, ["UInt8", 1]), decimal(76, 38)))],
];

const OPEN: readonly Row[] = [
  ["Dynamic", DYNAMIC],
  ["Dynamic(max_types=5)", DYNAMIC],
  ["JSON", json()],
  ["JSON(max_dynamic_types=4, max_dynamic_paths=16)", json()],
  [
    "JSON(max_dynamic_paths=16, max_dynamic_types=4, a.b UInt32, `x y`.c String, SKIP z, SKIP `q`, SKIP REGEXP 'a\\'.*')",
    json(["a.b", uint(32)], ["x y.c", STRING]),
  ],
  ["JSON(SKIP a.`b c`.d, `x y.c` String)", json(["x y.c", STRING])],
  ["JSON(SKIP UInt8)", json()],
  ["JSON(`SKIP` UInt8, regexp String, `skip` Bool)", json(["SKIP", uint(8)], ["regexp", STRING], ["skip", BOOL])],
  ["JSON(max_dynamic_paths=0, max_dynamic_types UInt8)", json(["max_dynamic_types", uint(8)])],
  ["Array(JSON(a Array(JSON(b UUID))))", array(json(["a", array(json(["b", { kind: "UUID" }]))]))],
  ["Object('json')", json()],
];

const ALIASES: readonly Row[] = [
  ["Point", POINT],
  ["Ring", LINE],
  ["LineString", LINE],
  ["Polygon", LINES],
  ["MultiLineString", LINES],
  ["MultiPolygon", POLYGONS],
  ["Geometry", GEOMETRY],
  ["Nested(a UInt8, `b c` String)", array(tuple(["a", uint(8)], ["b c", STRING]))],
  ["Nested(a UInt8, b Nested(c UInt8))", array(tuple(["a", uint(8)], ["b", array(tuple(["c", uint(8)]))]))],
  ["SimpleAggregateFunction(sum, UInt64)", uint(64)],
  ["SimpleAggregateFunction(groupArrayArray(3), Array(UInt8))", array(uint(8))],
  ["SimpleAggregateFunction(f((1), ')'), 3, 'x', Array(UInt8))", array(uint(8))],
  ["SimpleAggregateFunction(anyLast, LowCardinality(Nullable(String)))", low(nullable(STRING))],
  ["QBit(Float32, 16)", qbit(float(32), 16)],
];

const ALL = [...NUMBERS, ...TEXTS, ...TIMES, ...ENUMS, ...NESTINGS, ...OPEN, ...ALIASES];

/** `text`, or its beginning, its end and its length. */
const named = (text: string): string =>
  text.length < 120 ? JSON.stringify(text) : `${text.slice(0, 20)}…${text.slice(-8)} (${text.length} characters)`;

/** What parseType throws; undefined where it reads the type. */
function thrown(text: string): unknown {
  try {
    parseType(text);
    return undefined;
  } catch (error) {
    return error;
  }
}

function reads(rows: readonly Row[]): void {
  for (const [spelled, type] of rows) it(named(spelled), () => expect(parseType(spelled)).to.deep.equal(type));
}

/** One test a row: the text, the innermost type that is not understood, and the rest of the sentence. */
function refuses(why: string, rows: readonly (readonly [spelled: string, innermost: string])[]): void {
  for (const [spelled, innermost] of rows)
    it(`${named(spelled)}: ${innermost === "" ? "an empty type" : named(innermost)} ${why}`, () => {
      const error = thrown(spelled);
      if (!(error instanceof UnknownTypeError)) throw error ?? new Error("was read");
      expect(error.type).to.equal(innermost);
      const shown = innermost.length > 100 ? `${innermost.slice(0, 100)}…` : innermost;
      expect(error.message).to.equal(`${shown === "" ? "an empty type" : shown} ${why}`);
    });
}

const nested = (arrays: number): string => `${"Array(".repeat(arrays)}UInt8${")".repeat(arrays)}`;

describe("ClickHouse types", () => {
  describe("numbers", () => reads(NUMBERS));
  describe("texts", () => reads(TEXTS));
  describe("times", () => reads(TIMES));
  describe("enums, with every escape", () => reads(ENUMS));
  describe("types in types", () => reads(NESTINGS));
  describe("types that hold any", () => reads(OPEN));
  describe("aliases, expanded", () => reads(ALIASES));

  describe("white space around tokens changes nothing", () => {
    reads([
      [" Array ( Tuple( a  UInt8 ,b\tString ) ) ", array(tuple(["a", uint(8)], ["b", STRING]))],
      ["Enum8('a'=1,'b'=-2)", enumOf(8, ["a", 1], ["b", -2])],
      ["Decimal(9,3)", decimal(9, 3)],
      ["JSON( max_dynamic_paths = 1 ,a . b UInt8)", json(["a.b", uint(8)])],
    ]);
  });

  describe("an unknown name is named with its arguments", () => {
    refuses("is not a type this version knows", [
      ["Foo", "Foo"],
      ["Foo(1)", "Foo(1)"],
      ["Array(Foo(')', (1), `(`))", "Foo(')', (1), `(`)"],
      ["Tuple(a UInt8, b Map(String, Foo))", "Foo"],
      ["uint8", "uint8"],
      ["Int512", "Int512"],
      ["Nullable(Nothing)", "Nothing"],
      ["constructor", "constructor"],
      ["double precision", "double"],
      ["Nullable(Foo(1)", "Foo(1)"],
      [`Foo('${"x".repeat(200)}')`, `Foo('${"x".repeat(200)}')`],
    ]);
  });

  describe("the state of an aggregation is refused", () => {
    refuses("holds the state of an aggregation, which cannot be written as a row", [
      ["AggregateFunction(sum, UInt64)", "AggregateFunction(sum, UInt64)"],
      [
        "Tuple(UInt8, AggregateFunction(quantiles(0.5, 0.9), Float64))",
        "AggregateFunction(quantiles(0.5, 0.9), Float64)",
      ],
    ]);
  });

  describe("text that is no type", () => {
    refuses("cannot be read", [
      ["", ""],
      ["  ", ""],
      ["UInt8)", "UInt8)"],
      ["UInt8 String", "UInt8 String"],
      ["UInt8(1)", "UInt8(1)"],
      ["Array(UInt8)(1)", "Array(UInt8)(1)"],
      ["Array", "Array"],
      ["Array()", "Array()"],
      ["Array(UInt8", "Array(UInt8"],
      ["Array(UInt8, UInt8)", "Array(UInt8, UInt8)"],
      ["Array(Map(String))", "Map(String)"],
      ["Array(Foo(1", "Foo(1"],
      ["Tuple(a UInt8,)", "Tuple(a UInt8,)"],
      ["Tuple(`a UInt8)", "Tuple(`a UInt8)"],
      ["Nested(UInt8)", "Nested(UInt8)"],
      ["Variant()", "Variant()"],
      ["FixedString(0)", "FixedString(0)"],
      ["FixedString(x)", "FixedString(x)"],
      ["Decimal(77, 0)", "Decimal(77, 0)"],
      ["Decimal(9, 10)", "Decimal(9, 10)"],
      ["Decimal32(10)", "Decimal32(10)"],
      ["Array(DateTime64(10))", "DateTime64(10)"],
      ["DateTime64(3, UTC)", "DateTime64(3, UTC)"],
      ["Time('UTC')", "Time('UTC')"],
      ["Enum8()", "Enum8()"],
      ["Enum8('a' = 128)", "Enum8('a' = 128)"],
      ["Enum16('a' = -32769)", "Enum16('a' = -32769)"],
      ["Enum8('a', 'b')", "Enum8('a', 'b')"],
      ["Enum8('a = 1)", "Enum8('a = 1)"],
      ["Enum8('a\\", "Enum8('a\\"],
      ["Dynamic()", "Dynamic()"],
      ["JSON(a)", "JSON(a)"],
      ["JSON(a. UInt8)", "JSON(a. UInt8)"],
      ["JSON(SKIP)", "JSON(SKIP)"],
      ["Object('xml')", "Object('xml')"],
      ["QBit(Float32)", "QBit(Float32)"],
      ["SimpleAggregateFunction(sum)", "SimpleAggregateFunction(sum)"],
      ["AggregateFunction(sum", "AggregateFunction(sum"],
    ]);
  });

  describe("depth", () => {
    it("200 levels are read", () => expect(parseType(nested(199))).to.deep.include({ kind: "Array" }));
    refuses("is more than 200 levels deep", [
      [nested(200), nested(200)],
      ["Array(".repeat(100_000), "Array(".repeat(100_000)],
      ["Tuple(a ".repeat(100_000), "Tuple(a ".repeat(100_000).trim()],
    ]);

    for (const text of [
      "A".repeat(1e6),
      " ".repeat(1e6),
      `Enum8('${"''".repeat(1e6)}`,
      `Enum8('${"\\x41".repeat(1e6)}`,
      `Foo${"(".repeat(1e6)}`,
      `FixedString(${"9".repeat(1e6)})`,
      `Tuple(${"UInt8,".repeat(1e5)}`,
      `JSON(a${".a".repeat(1e5)}`,
    ])
      it(`${named(text)} is refused without hanging`, function () {
        this.timeout(2000);
        expect(thrown(text)).to.be.instanceOf(UnknownTypeError);
      });
  });

  describe("any text", () => {
    const refusedAtMost = (text: string): void => {
      const error = thrown(text);
      if (error !== undefined) expect(error).to.be.instanceOf(UnknownTypeError);
    };
    const token = fc.constantFrom(
      ..."( ) , = . ' ` \" \\ \\x4 1 -1 200 SKIP REGEXP a max_types Foo".split(" "),
      ...[
        "Array",
        "Tuple",
        "Nested",
        "Map",
        "Enum8",
        "JSON",
        "Variant",
        "Decimal",
        "DateTime64",
        "UInt8",
        "String",
        " ",
      ],
      ...["Nullable", "SimpleAggregateFunction", "AggregateFunction", "QBit", "Dynamic", "Object", "FixedString"],
    );

    it("throws nothing but UnknownTypeError: random text", () => {
      fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 60 }), refusedAtMost), { numRuns: 2000 });
    });

    it("throws nothing but UnknownTypeError: random tokens", () => {
      fc.assert(
        fc.property(fc.array(token, { maxLength: 30 }), (tokens) => refusedAtMost(tokens.join(""))),
        { numRuns: 5000 },
      );
    });

    it("throws nothing but UnknownTypeError: a valid type with up to three pieces replaced", () => {
      const edit = fc.tuple(fc.nat(200), fc.nat(8), fc.oneof(token, fc.string({ unit: "binary", maxLength: 3 })));
      const base = fc.constantFrom(...ALL.map(([spelled]) => spelled));
      fc.assert(
        fc.property(base, fc.array(edit, { minLength: 1, maxLength: 3 }), (valid, edits) => {
          let text = valid;
          for (const [place, length, piece] of edits) {
            const at = place % (text.length + 1);
            text = text.slice(0, at) + piece + text.slice(at + length);
          }
          refusedAtMost(text);
        }),
        { numRuns: 5000 },
      );
    });

    it("a name in quotes comes back as it was, whatever its characters", () => {
      const written = (name: string, quote: string): string =>
        `${quote}${name.replaceAll("\\", "\\\\").replaceAll(quote, `\\${quote}`)}${quote}`;
      fc.assert(
        fc.property(fc.string({ unit: "binary" }), (name) => {
          expect(parseType(`Enum8(${written(name, "'")} = 1)`)).to.deep.equal(enumOf(8, [name, 1]));
          expect(parseType(`Tuple(${written(name, "`")} Bool)`)).to.deep.equal(tuple([name, BOOL]));
        }),
      );
    });
  });

  describe("as the server spells them", () => {
    const SETTINGS = [
      "allow_suspicious_low_cardinality_types",
      "allow_suspicious_variant_types",
      "enable_time_time64_type",
      "enable_nullable_tuple_type",
      "allow_experimental_qbit_type",
    ];
    /** An older server's, and one that no aggregate function has. */
    const NOT_CREATED = new Set(["Object('json')", "SimpleAggregateFunction(f((1), ')'), 3, 'x', Array(UInt8))"]);
    /** What the server spells otherwise than it is written, beside the tables above. */
    const WRITTEN: readonly Row[] = [
      ["Decimal", decimal(10, 0)],
      ["Decimal(5)", decimal(5, 0)],
      ["DateTime64", dateTime(64, 3)],
      ["Time64", time(64, 3)],
      ["DateTime64(3, 'Europe/Berlin') NULL", nullable(dateTime(64, 3))],
      ["Enum('b' = 2, 'a' = 1)", enumOf(8, ["a", 1], ["b", 2])],
      ["Enum('a', 'b' = 1000)", enumOf(16, ["a", 1], ["b", 1000])],
      ["INT UNSIGNED", uint(32)],
      ["DOUBLE PRECISION", float(64)],
      ["VARCHAR(20)", STRING],
      [
        "Variant(String, UInt64, Array(UInt8))",
        variant("Variant(Array(UInt8), String, UInt64)", array(uint(8)), STRING, uint(64)),
      ],
      ["Variant(Point, Ring, Array(Point))", variant("Variant(Array(Point), Point, Ring)", LINE, POINT, LINE)],
      [
        "Variant(DateTime('UTC'), Array(DateTime64(3, 'Asia/Tokyo')))",
        variant(
          "Variant(Array(DateTime64(3, 'Asia/Tokyo')), DateTime('UTC'))",
          array(dateTime(64, 3)),
          dateTime(32, 0),
        ),
      ],
      [
        "Tuple(`select` Bool, `SKIP` Bool, `a-b` Bool, `$x` Bool, `a.b` Bool)",
        tuple(["select", BOOL], ["SKIP", BOOL], ["a-b", BOOL], ["$x", BOOL], ["a.b", BOOL]),
      ],
      [
        "JSON(z UInt8, a.select.from Date, `x\\`y`.`1` Bool, SKIP `it's`, SKIP b.c, SKIP REGEXP '[\\\\d)]')",
        json(["a.select.from", date(16)], ["x`y.1", BOOL], ["z", uint(8)]),
      ],
      [
        "JSON(`SKIP` UInt8, `skip.a` UInt8, regexp UInt8)",
        json(["SKIP", uint(8)], ["regexp", uint(8)], ["skip.a", uint(8)]),
      ],
      [
        "Tuple(n Nested(a UInt8, b Array(Geometry)))",
        tuple(["n", array(tuple(["a", uint(8)], ["b", array(GEOMETRY)]))]),
      ],
      ["SimpleAggregateFunction(max, DateTime64(3, 'UTC'))", dateTime(64, 3)],
      [
        "SimpleAggregateFunction(sumMap, Tuple(Array(UInt64), Array(UInt64)))",
        unnamed(array(uint(64)), array(uint(64))),
      ],
    ];

    /** Creates a table of one column of each type, and says how the server spells them, by column name. */
    async function spelled(types: readonly string[], more = ""): Promise<{ name: string; type: string }[]> {
      const { database } = await newDatabase();
      const columns = types.map((type, column) => `c${column} ${type}`).join(", ");
      const settings = SETTINGS.map((setting) => `&${setting}=1`).join("");
      const response = await fetch(`${serverUrl()}/?database=${database}${settings}${more}`, {
        method: "POST",
        body: `CREATE TABLE t (${columns}) ENGINE = Memory`,
      });
      expect(await response.text()).to.equal("");
      const where = `database = '${database}' AND table = 't'`;
      return await rowsOf(`SELECT name, type FROM system.columns WHERE ${where} ORDER BY position`);
    }

    it(`${ALL.length + WRITTEN.length - NOT_CREATED.size} columns of all types are read as what was written`, async () => {
      const rows = [...ALL, ...WRITTEN].filter(([written]) => !NOT_CREATED.has(written));
      const columns = await spelled(
        rows.map(([written]) => written),
        "&flatten_nested=0",
      );
      expect(columns).to.have.length(rows.length);
      for (const [column, [written, type]] of rows.entries()) {
        const spelling = columns[column]?.type ?? "";
        expect(parseType(spelling), `${written}, spelled ${spelling}`).to.deep.equal(type);
      }
    });

    it("a flattened Nested(a UInt8, `b c` Nested(d Bool)) is two arrays", async () => {
      const columns = await spelled(["Nested(a UInt8, `b c` Nested(d Bool))"]);
      expect(columns.map(({ name, type }) => [name, parseType(type)])).to.deep.equal([
        ["c0.a", array(uint(8))],
        ["c0.b c", array(array(tuple(["d", BOOL])))],
      ]);
    });

    it("every type the server lists is read or refused by name", async () => {
      const families = await rowsOf<{ name: string }>(
        "SELECT name FROM system.data_type_families WHERE alias_to = '' AND name NOT IN ('AggregateFunction', 'Nothing')",
      );
      const unknown = families
        .map(({ name }) => thrown(name))
        .filter(
          (error) => error instanceof UnknownTypeError && error.message.endsWith("is not a type this version knows"),
        )
        .map((error) => (error as UnknownTypeError).type);
      // Of these two the server only spells other names.
      expect(unknown.sort()).to.deep.equal(["DateTime32", "Enum"]);
    });

    it("an AggregateFunction column is refused as the server spells it", async () => {
      const [column] = await spelled(["AggregateFunction(quantiles(0.5,0.9),Double)"]);
      expect(() => parseType(column?.type ?? "")).to.throw(
        UnknownTypeError,
        "AggregateFunction(quantiles(0.5, 0.9), Float64) holds the state of an aggregation, which cannot be written as a row",
      );
    });

    it("Enum names with every byte below 128 come back", async () => {
      const name = String.fromCharCode(...Array(128).keys());
      const hex = [...name].map((_, byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");
      const [column] = await spelled([`Enum8('${hex}' = 1)`]);
      expect(parseType(column?.type ?? "")).to.deep.equal(enumOf(8, [name, 1]));
    });
  });
});
