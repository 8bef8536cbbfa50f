// Tables nobody thought of, for properties: random columns, names, orders and partitions.

import fc from "fast-check";
import { identifier, sqlText } from "./ddl.js";

const PIECES = ["a", "b", "Z", "_", "0", "7", ".", " ", "-", "`", '"', "'", "\\", "{", "}", "%", "$", "\n", "é", "🙂"];
const KEYWORDS = ["select", "from", "format", "values", "table", "Array", "SKIP", "in", "__proto__", "constructor"];
const name = fc.oneof(
  { weight: 3, arbitrary: fc.string({ unit: fc.constantFrom(...PIECES), minLength: 1, maxLength: 8 }) },
  { weight: 1, arbitrary: fc.constantFrom(...KEYWORDS) },
);
const names = (from: number, to: number) => fc.uniqueArray(name, { minLength: from, maxLength: to });

export const whole = (from: number, to: number) => fc.integer({ min: from, max: to });
const zone = fc.constantFrom("", "UTC", "Asia/Kathmandu", "America/New_York");
const zoned = (type: string, first: string, place: string): string => {
  const inside = [first, place && sqlText(place)].filter((part) => part !== "").join(", ");
  return inside === "" ? type : `${type}(${inside})`;
};

const INTEGERS = [8, 16, 32, 64, 128, 256].flatMap((bits) => [`Int${bits}`, `UInt${bits}`]);
const PLAIN = ["Float32", "Float64", "Bool", "String", "UUID", "IPv4", "IPv6", "Date", "Date32", "Time"];
const ELSE = ["BFloat16", "IntervalNanosecond", "IntervalSecond", "IntervalDay", "IntervalMonth"];
const OPEN = ["Dynamic", "JSON", "JSON(max_dynamic_paths=2)", "Point", "Ring", "Polygon", "MultiPolygon", "Geometry"];

const enumeration = fc
  .tuple(fc.constantFrom("Enum8", "Enum16"), names(2, 5), whole(-1, 0))
  .map(([type, all, first]) => `${type}(${all.map((one, index) => `${sqlText(one)} = ${first + index}`).join(", ")})`);
const decimal = whole(1, 76).chain((digits) => whole(0, digits).map((scale) => `Decimal(${digits}, ${scale})`));

/** What may be a path of JSON. */
const stored = fc.oneof(
  fc.constantFrom(...INTEGERS),
  fc.constantFrom(...PLAIN),
  enumeration,
  decimal,
  whole(1, 40).map((bytes) => `FixedString(${bytes})`),
  zone.map((place) => zoned("DateTime", "", place)),
  fc.tuple(whole(0, 9), zone).map(([digits, place]) => zoned("DateTime64", String(digits), place)),
  whole(0, 9).map((digits) => `Time64(${digits})`),
);
/** What may be the key of a map, or nullable. */
const scalar = fc.oneof({ weight: 9, arbitrary: stored }, { weight: 1, arbitrary: fc.constantFrom(...ELSE) });
const low = fc.constantFrom(
  "String",
  "UInt8",
  "Int64",
  "Date",
  "DateTime",
  "FixedString(4)",
  "Float32",
  "UUID",
  "IPv4",
);
const key = fc.oneof(
  { weight: 4, arbitrary: scalar },
  { weight: 1, arbitrary: low.map((of) => `LowCardinality(${of})`) },
);
const leaf = fc.oneof(
  { weight: 6, arbitrary: scalar },
  { weight: 2, arbitrary: scalar.map((of) => `Nullable(${of})`) },
  { weight: 1, arbitrary: low.map((of) => `LowCardinality(${of})`) },
  { weight: 1, arbitrary: low.map((of) => `LowCardinality(Nullable(${of}))`) },
  { weight: 2, arbitrary: fc.constantFrom(...OPEN) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom("Float32", "Float64", "BFloat16"), whole(1, 20))
      .map(([of, dimension]) => `QBit(${of}, ${dimension})`),
  },
  { weight: 1, arbitrary: scalar.map((of) => `SimpleAggregateFunction(any, ${of})`) },
);

/** The server reads a Decimal or Time64 in an array in a Variant in no spelling: it wants nothing to follow it. */
const inVariant = scalar.filter((of) => !/^(Decimal|Time)/.test(of));

/** A list of other types, with names before them. */
const named = (of: fc.Arbitrary<string>) =>
  names(1, 4).chain((all) =>
    fc.tuple(...all.map(() => of)).map((types) => all.map((one, index) => `${identifier(one)} ${types[index]}`)),
  );

/** With so many levels around a leaf at most. */
function type(levels: number): fc.Arbitrary<string> {
  if (levels === 0) return leaf;
  const inner = type(levels - 1);
  return fc.oneof(
    leaf,
    inner.map((of) => `Array(${of})`),
    fc.array(inner, { minLength: 1, maxLength: 3 }).map((of) => `Tuple(${of.join(", ")})`),
    named(inner).map((elements) => `Tuple(${elements.join(", ")})`),
    named(leaf).map((elements) => `Nullable(Tuple(${elements.join(", ")}))`),
    fc.tuple(key, inner).map(([from, to]) => `Map(${from}, ${to})`),
    fc
      .uniqueArray(
        fc.oneof(
          scalar,
          inVariant.map((of) => `Array(${of})`),
        ),
        { minLength: 1, maxLength: 4 },
      )
      .map((of) => `Variant(${of.join(", ")})`),
    fc
      .uniqueArray(fc.constantFrom("a", "b.c", "b.d", "e", "`f g`", "h.i.j"), { minLength: 1, maxLength: 4 })
      .chain((paths) =>
        fc
          .tuple(...paths.map(() => stored))
          .map((of) => `JSON(${paths.map((path, index) => `${path} ${of[index]}`).join(", ")})`),
      ),
  );
}

/** At the top of a table. */
const column = fc.oneof(
  { weight: 2, arbitrary: leaf },
  { weight: 3, arbitrary: type(3) },
  { weight: 1, arbitrary: named(type(1)).map((elements) => `Nested(${elements.join(", ")})`) },
);

const layout = fc.oneof(
  fc.constantFrom("ORDER BY tuple()", "ORDER BY seq", "ORDER BY (run_id, seq)"),
  fc.constantFrom("PARTITION BY toYYYYMM(time) ORDER BY time", "PARTITION BY toDate(time) ORDER BY (time, seq)"),
);

/** The columns in SQL, beside seq, run_id and time. */
export const randomTable = fc.record({
  columns: names(1, 12).chain((all) =>
    fc.tuple(...all.map(() => column)).map((types) => all.map((one, index) => `${identifier(one)} ${types[index]}`)),
  ),
  time: fc.constantFrom("DateTime", "DateTime64(3)", "DateTime64(9, 'Asia/Tokyo')", "Date", "Date32"),
  after: layout,
  flatten_nested: fc.constantFrom("0", "1"),
});
