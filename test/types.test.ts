// Every type without a rule: what ClickHouse finds in a table of 3000 rows, and that all formats say the same.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { rowsOf as describedRows } from "../src/rows/column.js";
import { FORMATS, type Format } from "../src/rows/program.js";
import { NO_RULES } from "../src/rows/rule.js";
import { clickstorm, type Ended, unwrapped } from "./support/cli.js";
import { createTable, HOURLY, identifier, load } from "./support/ddl.js";
import { DATA_START_NS } from "./support/rows.js";
import { clickhouse, newDatabase, numberOf, rowsOf, serverUrl } from "./support/server.js";

const ROWS = 3000;

/** What must be 1 of a column v in a table t, whose rows have numbers seq. */
type Conditions = readonly string[];
/** `distinct`: at least so many values of v as text, NULL none of them. */
type Row = readonly [type: string, distinct: number, conditions: Conditions];

// Five standard deviations in all of these: one test in two million fails by chance, and the seed is fixed.

/** Of a share of n things that may each be one with a probability of p. */
const share = (count: string, n: string, p: number): string =>
  `abs(${count} - ${p} * ${n}) < 5 * sqrt(${n} * ${p * (1 - p)})`;

/** Numbers between the two, each as likely. */
function uniform(from: number, to: number, v = "v"): Conditions {
  const width = to - from;
  return [
    `min(${v}) >= ${from}`,
    `max(${v}) <= ${to}`,
    `min(${v}) <= ${from + width / 100}`,
    `max(${v}) >= ${to - width / 100}`,
    `abs(avg(${v}) - ${(from + to) / 2}) < 5 * ${width} / sqrt(12 * count(${v}))`,
  ];
}

/** Likewise for numbers that no Float holds, of so many digits. */
const digits = (count: number): Conditions => [
  "min(v) >= 0",
  `max(v) < toUInt256('${10n ** BigInt(count)}')`,
  ...uniform(0, 1, `toFloat64(v) / 1e${count}`),
];

/** No more digits behind the point, and no fewer. */
const decimals = (count: number, v = "v"): Conditions => [
  `countIf(round(toFloat64(${v}) * 1e${count}) / 1e${count} != toFloat64(${v})) = 0`,
  `countIf(round(toFloat64(${v}) * 1e${count - 1}) / 1e${count - 1} != toFloat64(${v})) > ${ROWS * 0.8}`,
];

/** Each with its share. */
const each = (names: readonly string[], v = "v"): Conditions =>
  names.map((name) => share(`countIf(${v} = '${name}')`, `count(${v})`, 1 / names.length));

/** When row seq happens. */
const NS = `(${DATA_START_NS} + seq * ${HOURLY.stepNs})`;
const AT = `fromUnixTimestamp64Nano(toInt64(${NS}), 'UTC')`;
const seconds = (precision: number, v = "v"): Conditions => [
  `countIf(toUnixTimestamp64Nano(CAST(${v}, 'DateTime64(9)')) = intDiv(${NS}, ${10n ** BigInt(9 - precision)}) * ${10n ** BigInt(9 - precision)}) = count()`,
];
/** Times in arrays and maps lie less than a day before the row's, up to it; dates less than 30. */
const before = (times: string, days: number): Conditions => [
  `countIf(arrayExists(x -> toDateTime64(x, 9, 'UTC') > ${AT}, ${times})) = 0`,
  `countIf(arrayExists(x -> toDateTime64(x, 9, 'UTC') <= ${AT} - toIntervalDay(${days + 1}), ${times})) = 0`,
  `countIf(arrayExists(x -> toDateTime64(x, 9, 'UTC') < ${AT} - toIntervalHour(${days * 12}), ${times})) BETWEEN ${ROWS / 3} AND ${ROWS * 0.9}`,
];

const nulls = (v = "v"): string => share(`countIf(${v} IS NULL)`, "count()", 0.1);

const lengths = (from: number, to: number, v = "v"): Conditions => [
  `arraySort(groupUniqArray(length(${v}))) = range(${from}, ${to + 1})`,
  ...Array.from({ length: to - from + 1 }, (_, index) =>
    share(`countIf(length(${v}) = ${from + index})`, "count()", 1 / (to - from + 1)),
  ),
];

/** Values of arrays as long as the default's; so many of them in all. */
const array = (distinct: number, v = "v"): Conditions => [...lengths(0, 4, v), `uniqExactArray(${v}) >= ${distinct}`];

/** Maps of that many keys; so many keys in all. */
const map = (distinct: number, most = 4, v = "v"): Conditions => [
  ...lengths(1, most, v),
  `countIf(arrayUniq(mapKeys(${v})) != length(${v})) = 0`,
  `uniqExactArray(mapKeys(${v})) >= ${distinct}`,
];

const LOW = "uniqExact(v) <= 1000";
/** The first of 1000 values with weights of 1/k: 1 / (1 + 1/2 + … + 1/1000) of those that are not NULL. */
const ZIPF = share("(SELECT max(c) FROM (SELECT count(v) AS c FROM t GROUP BY v))", "count(v)", 1 / 7.48547);

const WORDS = "[a-z]+( [a-z]+){1,5}";
const words = (v = "v"): string => `countIf(match(${v}, '^${WORDS}$')) = count(${v})`;
const V4 = "^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$";
const uuids = (v = "v"): string => `countIf(match(toString(${v}), '${V4}')) = count(${v})`;
const examples = (v = "v"): string =>
  `countIf(isIPAddressInRange(ifNull(toString(${v}), '::'), '2001:db8::/32')) = count(${v})`;

const INTEGERS: readonly Row[] = [
  ["Int8", 128, uniform(0, 127)],
  ["UInt8", 256, uniform(0, 255)],
  ["Int16", 2800, uniform(0, 32_767)],
  ["UInt16", 2880, uniform(0, 65_535)],
  ["Int32", 2980, uniform(0, 999_999)],
  ["UInt32", 2980, uniform(0, 999_999)],
  ["Int64", 2995, uniform(0, 999_999_999)],
  ["UInt64", 2995, uniform(0, 999_999_999)],
  ["Int128", 3000, digits(36)],
  ["UInt128", 3000, digits(36)],
  ["Int256", 3000, digits(72)],
  ["UInt256", 3000, digits(72)],
  ...["Nanosecond", "Microsecond", "Millisecond", "Second", "Minute", "Hour"].map(
    (unit): Row => [`Interval${unit}`, 100, uniform(1, 100, "toInt64(v)")],
  ),
  ...["Day", "Week", "Month", "Quarter", "Year"].map(
    (unit): Row => [`Interval${unit}`, 100, uniform(1, 100, "toInt64(v)")],
  ),
];

const FRACTIONS: readonly Row[] = [
  ["BFloat16", 256, uniform(0, 255, "toFloat64(v)")],
  ["Float32", 2900, [...uniform(0, 999.99), "countIf(abs(v * 100 - round(v * 100)) > 0.01) = 0"]],
  ["Float64", 2990, [...uniform(0, 999.9999), ...decimals(4)]],
  ["Decimal(9, 2)", 2980, [...uniform(0, 9999.99, "toFloat64(v)"), ...decimals(2)]],
  ["Decimal(18, 4)", 2995, [...uniform(0, 9999.9999, "toFloat64(v)"), ...decimals(4)]],
  ["Decimal(38, 20)", 3000, uniform(0, 10_000, "toFloat64(v)")],
  ["Decimal(76, 40)", 3000, uniform(0, 10_000, "toFloat64(v)")],
  ["Decimal(9, 9)", 2995, [...uniform(0, 1, "toFloat64(v)"), ...decimals(9)]],
  ["Decimal(76, 76)", 3000, uniform(0, 1, "toFloat64(v)")],
  ["Decimal(10, 0)", 2500, uniform(0, 9999, "toFloat64(v)")],
  ["Decimal(2, 1)", 100, [...uniform(0, 9.9, "toFloat64(v)"), ...decimals(1)]],
  ["Decimal32(4)", 2995, [...uniform(0, 9999.9999, "toFloat64(v)"), ...decimals(4)]],
  ["Decimal64(18)", 3000, uniform(0, 1, "toFloat64(v)")],
  ["Decimal128(3)", 2995, [...uniform(0, 9999.999, "toFloat64(v)"), ...decimals(3)]],
  ["Decimal256(30)", 3000, uniform(0, 10_000, "toFloat64(v)")],
];

const TEXTS: readonly Row[] = [
  ["Bool", 2, [share("countIf(v)", "count()", 0.5)]],
  [
    "String",
    2300,
    [
      words(),
      "arraySort(groupUniqArray(length(splitByChar(' ', v)))) = [2, 3, 4, 5, 6]",
      "uniqExactArray(splitByChar(' ', v)) = 256",
    ],
  ],
  ["FixedString(1)", 62, ["countIf(NOT match(toString(v), '^[0-9A-Za-z]$')) = 0"]],
  ["FixedString(8)", 3000, ["countIf(NOT match(toString(v), '^[0-9A-Za-z]{8}$')) = 0"]],
  ["FixedString(100)", 3000, ["countIf(NOT match(toString(v), '^[0-9A-Za-z]{100}$')) = 0"]],
  ["UUID", 3000, [uuids()]],
  ["IPv4", 3000, uniform(2 ** 24, 224 * 2 ** 24 - 1, "toUInt32(v)")],
  ["IPv6", 3000, [examples()]],
  ["Enum8('red' = 1, 'it\\'s' = -2, 'a\"b' = 3, '\\\\' = 4)", 4, each(["red", "it\\'s", 'a"b', "\\\\"])],
  ["Enum16('' = 0, 'ünï 🙂' = 30000, 'tab\\tline\\n' = -30000)", 3, each(["", "ünï 🙂", "tab\\tline\\n"])],
  ["LowCardinality(String)", 450, [LOW, ZIPF, "countIf(NOT match(v, '^[a-z]+-[0-9]{1,4}$')) = 0"]],
  ["LowCardinality(Nullable(String))", 420, [LOW, ZIPF, nulls()]],
  ["LowCardinality(UInt32)", 2980, uniform(0, 999_999)],
  ["LowCardinality(FixedString(4))", 2990, ["countIf(NOT match(toString(v), '^[0-9A-Za-z]{4}$')) = 0"]],
  ["LowCardinality(Date)", 125, [`countIf(v = toDate(${AT}, 'UTC')) = count()`]],
  ["LowCardinality(Nullable(Int64))", 2600, [nulls(), ...uniform(0, 999_999_999)]],
];

const TIMES: readonly Row[] = [
  ["Date", 125, [`countIf(v = toDate(${AT}, 'UTC')) = count()`, "min(v) = '2026-01-01'", "max(v) = '2026-05-05'"]],
  ["Date32", 125, [`countIf(v = toDate32(${AT}, 'UTC')) = count()`, "max(v) = '2026-05-05'"]],
  ["DateTime", 3000, seconds(0)],
  ["DateTime('Asia/Kathmandu')", 3000, seconds(0)],
  ["DateTime64(0)", 3000, seconds(0)],
  ["DateTime64(3, 'America/New_York')", 3000, seconds(3)],
  ["DateTime64(6)", 3000, seconds(6)],
  ["DateTime64(9, 'Australia/Lord_Howe')", 3000, seconds(9)],
  ["Time", 2850, [...uniform(0, 86_399, "toInt32(v)"), "max(v) < '24:00:00'"]],
  ["Time64(3)", 2995, uniform(0, 86_400, "toFloat64(toDecimal64(v, 3))")],
  ["Time64(9)", 3000, uniform(0, 86_400, "toFloat64(toDecimal64(v, 9))")],
];

const NULLABLE: readonly Row[] = [
  ["Nullable(UInt8)", 255, [nulls(), ...uniform(0, 255)]],
  ["Nullable(Int256)", 2600, [nulls(), ...digits(72)]],
  ["Nullable(Float64)", 2600, [nulls(), ...uniform(0, 999.9999)]],
  ["Nullable(Decimal(18, 4))", 2600, [nulls(), ...uniform(0, 9999.9999, "toFloat64(v)")]],
  ["Nullable(Bool)", 2, [nulls(), share("countIf(v)", "count(v)", 0.5)]],
  ["Nullable(String)", 2000, [nulls(), words()]],
  ["Nullable(FixedString(3))", 2600, [nulls()]],
  ["Nullable(UUID)", 2600, [nulls(), uuids()]],
  ["Nullable(IPv4)", 2600, [nulls()]],
  ["Nullable(IPv6)", 2600, [nulls(), examples()]],
  ["Nullable(Date)", 125, [nulls(), `countIf(v != toDate(${AT}, 'UTC')) = 0`]],
  ["Nullable(DateTime64(3))", 2600, [nulls(), `countIf(abs(dateDiff('millisecond', v, ${AT})) > 1) = 0`]],
  ["Nullable(Time)", 2500, [nulls()]],
  ["Nullable(Enum8('a' = 1, 'b' = 2))", 2, [nulls(), ...each(["a", "b"])]],
  ["Nullable(Point)", 2600, [nulls()]],
  [
    "Nullable(Tuple(a UInt32, b Nullable(String)))",
    2500,
    [nulls(), "uniqExact(tupleElement(v, 'a')) > 2600", "uniqExact(tupleElement(v, 'b')) > 1800"],
  ],
];

const ARRAYS: readonly Row[] = [
  ["Array(UInt8)", 2000, array(256)],
  ["Array(UInt64)", 2300, [...array(5700), "countIf(arrayUniq(v) != length(v)) = 0"]],
  ["Array(String)", 2300, array(4000)],
  ["Array(LowCardinality(String))", 1700, [...array(600), "uniqExactArray(v) <= 1000"]],
  ["Array(LowCardinality(Nullable(String)))", 1700, array(600)],
  [
    "Array(Nullable(Int32))",
    2200,
    [...array(5000), share("sum(arrayCount(x -> isNull(x), v))", "sum(length(v))", 0.1)],
  ],
  ["Array(Bool)", 31, [...array(2), share("sum(arrayCount(x -> x, v))", "sum(length(v))", 0.5)]],
  ["Array(Date)", 1700, [...array(140), ...before("v", 30)]],
  ["Array(DateTime)", 2300, [...array(5700), ...before("v", 1)]],
  ["Array(DateTime64(9))", 2300, [...array(5700), ...before("v", 1)]],
  ["Array(Time64(3))", 2300, array(5700)],
  ["Array(Decimal(9, 2))", 2300, array(5700)],
  ["Array(Enum8('a' = 1, 'b' = 2))", 31, array(2)],
  ["Array(UUID)", 2300, array(5700)],
  [
    "Array(Array(Int64))",
    2200,
    [...lengths(0, 4), ...lengths(0, 4, "v[1]").slice(0, 1), ...array(11_000, "arrayFlatten(v)").slice(-1)],
  ],
  [
    "Array(Array(Array(Nullable(UInt16))))",
    2200,
    [
      ...lengths(0, 4),
      "arraySort(groupUniqArray(length(v[1][1]))) = [0, 1, 2, 3, 4]",
      share("sum(arrayCount(x -> isNull(x), arrayFlatten(v)))", "sum(length(arrayFlatten(v)))", 0.1),
    ],
  ],
  [
    "Array(Tuple(UInt32, String))",
    2300,
    [...lengths(0, 4), "uniqExactArray(v.1) > 5700", "uniqExactArray(v.2) > 4000"],
  ],
];

const TUPLES: readonly Row[] = [
  ["Tuple()", 1, []],
  ["Tuple(UInt32, String)", 2980, [...uniform(0, 999_999, "v.1"), words("v.2"), "corr(v.1, length(v.2)) < 0.1"]],
  ["Tuple(a UInt8, `b c` Nullable(String))", 2900, ["uniqExact(v.a) = 256", nulls("tupleElement(v, 'b c')")]],
  ["Tuple(UInt8, UInt8)", 2800, ["uniqExact(v.1) = 256", "uniqExact(v.2) = 256", "abs(corr(v.1, v.2)) < 0.1"]],
  [
    "Tuple(a Tuple(b Tuple(UInt8, Int64), d Date), e Array(Tuple(f UUID)))",
    2990,
    [
      "uniqExact(tupleElement(v, 'a').b.1) = 256",
      `countIf(v.a.d != toDate(${AT}, 'UTC')) = 0`,
      ...array(5700, "v.e.f"),
    ],
  ],
];

const KEYS: readonly Row[] = [
  ["Map(String, String)", 2900, [...map(64), words("v[mapKeys(v)[1]]"), "uniqExactArray(mapValues(v)) > 4500"]],
  ["Map(LowCardinality(String), UInt64)", 2990, [...map(64), "uniqExactArray(mapValues(v)) > 7000"]],
  ["Map(FixedString(8), UInt8)", 2990, map(7000)],
  ["Map(FixedString(2), UInt8)", 2900, map(3000)],
  ["Map(FixedString(1), UInt8)", 2800, map(62)],
  ...(
    [
      ["Int8", 128],
      ["UInt8", 256],
      ["Int16", 6000],
      ["UInt16", 6500],
      ["Int32", 7200],
      ["UInt32", 7200],
      ["Int64", 7300],
      ["UInt64", 7300],
      ["Int128", 7300],
      ["UInt128", 7300],
      ["Int256", 7300],
      ["UInt256", 7300],
      ["Float32", 6800],
      ["Float64", 7200],
      ["BFloat16", 256],
      ["Decimal(9, 2)", 7200],
      ["Decimal(38, 20)", 7300],
      ["Decimal(1, 0)", 10],
      ["Date", 140],
      ["Date32", 140],
      ["DateTime", 7000],
      ["DateTime64(3)", 7300],
      ["DateTime64(9, 'Asia/Tokyo')", 7300],
      ["Time", 6800],
      ["Time64(3)", 7200],
      ["Time64(9)", 7300],
      ["UUID", 7300],
      ["IPv4", 7300],
      ["IPv6", 7300],
      ["LowCardinality(UInt16)", 6500],
    ] as const
  ).map(([key, distinct]): Row => [`Map(${key}, UInt32)`, 2990, map(distinct)]),
  ...[0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map(
    (precision): Row => [`Map(DateTime64(${precision}), UInt8)`, 2900, [...map(7000), ...before("mapKeys(v)", 1)]],
  ),
  ["Map(Float64, Float64)", 2990, uniform(0, 999.9999, "arrayJoin(mapKeys(v))")],
  ["Map(Decimal(38, 20), UInt8)", 2990, uniform(0, 10_000, "toFloat64(arrayJoin(mapKeys(v)))")],
  ["Map(Time64(9), UInt8)", 2990, uniform(0, 86_400, "toFloat64(toDecimal64(arrayJoin(mapKeys(v)), 9))")],
  ["Map(DateTime, UInt8)", 2900, before("mapKeys(v)", 1)],
  ["Map(Date, Date)", 2900, [...before("mapKeys(v)", 30), ...before("mapValues(v)", 30)]],
  ["Map(Enum8('a\"b' = 1, 'c\\'' = 2, '' = 3), UInt32)", 2990, map(3, 3)],
  ["Map(Bool, UInt32)", 2990, map(2, 2)],
  ["Map(String, Map(UInt8, Nullable(IPv6)))", 2990, [...map(64), ...map(256, 4, "v[mapKeys(v)[1]]")]],
];

const OPEN: readonly Row[] = [
  [
    "Variant(UInt64, String, Array(Date))",
    2500,
    each(["UInt64", "String", "Array(Date)"], "variantType(v)").concat("uniqExact(v.UInt64) > 900"),
  ],
  ["Variant(IPv4, Bool)", 950, each(["IPv4", "Bool"], "variantType(v)")],
  [
    "Dynamic",
    1800,
    [...each(["Int64", "Float64", "String", "Bool"], "dynamicType(v)"), "uniqExact(v.Int64) > 700", words("v.String")],
  ],
  ["Dynamic(max_types=2)", 1800, ["uniqExact(dynamicType(v)) = 4"]],
  [
    "JSON",
    3000,
    [
      "uniqExact(v.id) > 2990",
      "uniqExact(v.name) > 2300",
      "uniqExact(v.active) = 2",
      "uniqExact(v.score) > 2900",
      "uniqExact(v.user.country) BETWEEN 450 AND 1000",
      "uniqExact(v.user.visits) > 2700",
      "arraySort(groupUniqArray(length(v.tags::Array(Nullable(String))))) = [0, 1, 2, 3, 4]",
    ],
  ],
  [
    "JSON(max_dynamic_paths = 3, max_dynamic_types = 2)",
    3000,
    ["uniqExact(v.id) > 2990", "uniqExact(v.user.visits) > 2700"],
  ],
  [
    "JSON(a UInt8, b.c Date, `d e` Array(Nullable(String)), SKIP x.y)",
    2900,
    [
      "uniqExact(v.a) = 256",
      `countIf(v.b.c != toDate(${AT}, 'UTC')) = 0`,
      ...array(4000, "v.`d e`"),
      "max(length(JSONDynamicPaths(v))) = 0",
    ],
  ],
  [
    "JSON(w UInt256, x Array(Int128), y Map(String, UInt128), z.z Decimal(76, 40), t Time64(6))",
    3000,
    [
      "uniqExact(v.w) = 3000",
      "max(v.w) > toUInt256('9' || repeat('0', 71))",
      ...array(5700, "v.x"),
      ...map(64, 4, "v.y"),
    ],
  ],
  ["QBit(Float32, 8)", 3000, []],
  ["QBit(Float64, 3)", 3000, []],
  ["QBit(BFloat16, 16)", 2990, []],
];

const inWorld = (points: string): string => `countIf(arrayExists(p -> abs(p.1) > 180 OR abs(p.2) > 90, ${points})) = 0`;
const overWorld = (points: string): Conditions => [
  inWorld(points),
  `min(arrayMin(${points}.1)) < -175 AND max(arrayMax(${points}.1)) > 175`,
  `min(arrayMin(${points}.2)) < -85 AND max(arrayMax(${points}.2)) > 85`,
];

const SHAPES: readonly Row[] = [
  ["Point", 3000, [...uniform(-180, 180, "v.1"), ...uniform(-90, 90, "v.2"), ...decimals(6, "v.1")]],
  ["Ring", 3000, [...lengths(3, 6), ...overWorld("v")]],
  ["LineString", 3000, [...lengths(3, 6), ...overWorld("v")]],
  ["Polygon", 3000, [...lengths(3, 6), ...overWorld("arrayFlatten(v)")]],
  ["MultiLineString", 3000, [...lengths(3, 6), ...overWorld("arrayFlatten(v)")]],
  ["MultiPolygon", 3000, [...lengths(3, 6), ...overWorld("arrayFlatten(v)")]],
  ["Geometry", 3000, each(["Point", "LineString", "MultiLineString", "MultiPolygon"], "variantType(v)")],
  ["Array(Point)", 3000, [...lengths(3, 6), ...overWorld("v")]],
];

const AGGREGATES: readonly Row[] = [
  ["SimpleAggregateFunction(sum, UInt64)", 2995, uniform(0, 999_999_999)],
  ["SimpleAggregateFunction(max, DateTime64(3, 'UTC'))", 3000, seconds(3)],
  ["SimpleAggregateFunction(anyLast, Nullable(String))", 2000, [nulls(), words()]],
  ["SimpleAggregateFunction(anyLast, LowCardinality(String))", 450, [ZIPF]],
  ["SimpleAggregateFunction(groupUniqArrayArray(5), Array(UInt32))", 2300, array(5700)],
  ["SimpleAggregateFunction(sumMap, Tuple(Array(UInt64), Array(UInt64)))", 2700, []],
  ["SimpleAggregateFunction(max, Int128)", 3000, digits(36)],
];

const DEEP: readonly Row[] = [
  [
    "Array(Map(String, Tuple(a Nullable(IPv6), b Array(Variant(Int32, String)))))",
    2300,
    [
      ...lengths(0, 4),
      "countIf(arrayExists(m -> arrayUniq(mapKeys(m)) != length(m), v)) = 0",
      "uniqExactArray(arrayFlatten(arrayMap(m -> arrayMap(x -> tupleElement(x, 'a'), mapValues(m)), v))) > 12000",
      "arraySort(groupUniqArrayArray(arrayFlatten(arrayMap(m -> arrayMap(x -> length(tupleElement(x, 'b')), mapValues(m)), v)))) = [0, 1, 2, 3, 4]",
    ],
  ],
  ["Map(Date, Map(IPv4, Array(Tuple(Decimal(9, 2), Nullable(Enum8('a' = 1))))))", 2990, map(140)],
  [
    "Tuple(Array(Nullable(UUID)), Map(UInt256, Array(Array(LowCardinality(Nullable(String))))))",
    2990,
    array(5000, "v.1"),
  ],
  ["Array(Tuple(p Point, m Map(Bool, Time64(6)), j Tuple(k Nullable(Date32))))", 2300, lengths(0, 4)],
  ["Array(JSON)", 2300, lengths(0, 4)],
  ["Array(Dynamic)", 2200, lengths(0, 4)],
  ["Map(String, JSON(a Array(Map(String, UInt8))))", 2800, map(64)],
  ["Tuple(a Dynamic, b Variant(Array(Map(String, Int8)), Tuple(x Date, y Bool)), c Geometry)", 2990, []],
  [`${"Array(".repeat(6)}Int8${")".repeat(6)}`, 2200, lengths(0, 4)],
];

const TYPES: readonly (readonly [group: string, rows: readonly Row[]])[] = [
  ["integers and intervals", INTEGERS],
  ["fractions", FRACTIONS],
  ["texts, names and addresses", TEXTS],
  ["times", TIMES],
  ["Nullable", NULLABLE],
  ["arrays", ARRAYS],
  ["tuples", TUPLES],
  ["maps and their keys", KEYS],
  ["open types", OPEN],
  ["shapes", SHAPES],
  ["SimpleAggregateFunction", AGGREGATES],
  ["deep nestings", DEEP],
];

/** Those of the conditions that the table does not meet. Each is asked alone: an arrayJoin in one multiplies the rows. */
async function unmet(database: string, conditions: Conditions): Promise<string[]> {
  const columns = conditions.map((condition) => `(SELECT toUInt8(ifNull(${condition}, 0)) FROM t)`);
  const answer = JSON.parse(await clickhouse(`SELECT [${columns.join(", ")}] AS met FORMAT JSONCompact`, database));
  return conditions.filter((_, index) => answer.data[0][0][index] !== 1);
}

/** The formats beside JSONEachRow, each with a table of its own name. */
const OTHERS = FORMATS.filter((format) => format !== "JSONEachRow");

/** What a table `t` and those of the formats have alike. */
const alike = (sums: readonly string[], formats: readonly Format[] = OTHERS): Conditions =>
  formats.flatMap((format) => sums.map((sum) => `${sum} = (SELECT ${sum} FROM ${format})`));

/** The tables have the same v in the same row, by value as text: so Variant and Dynamic can be compared, too. */
const EQUAL: readonly string[] = ["count()", "sum(sipHash64(seq, toString(v)))"];

/** The tables t and one a format, loaded with the same rows. */
async function loadAll(
  columns: string,
  formats: readonly Format[] = OTHERS,
  settings: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { database } = await newDatabase();
  const one = async (table: string, format: Format): Promise<void> => {
    await createTable(database, table, `seq UInt64, run_id String, ${columns}`, { after: "ORDER BY seq", settings });
    await load(database, table, { format, rows: ROWS, times: HOURLY });
  };
  await Promise.all([one("t", "JSONEachRow"), ...formats.map((format) => one(format, format))]);
  return database;
}

describe("types without a rule", function () {
  this.timeout(60_000);

  for (const [group, rows] of TYPES) {
    describe(group, () => {
      for (const [type, distinct, conditions] of rows) {
        it(`${type}: 3000 rows with ${distinct} values or more, ${conditions.length} conditions, the same in all formats`, async () => {
          const database = await loadAll(`v ${type}`);
          const every = [`count() = ${ROWS}`, "uniqExact(seq) = count()", `uniqExact(toString(v)) >= ${distinct}`];
          expect(await unmet(database, [...every, ...alike(EQUAL), ...conditions])).to.deep.equal([]);
        });
      }
    });
  }

  for (const flattened of ["0", "1"]) {
    it(`Nested columns with flatten_nested=${flattened}: the arrays of one have one length from 0 to 4, those of two do not`, async () => {
      const nested = "n Nested(a UInt8, b LowCardinality(String), `c d` Array(Date), p Point), v Nested(a UUID)";
      const database = await loadAll(nested, OTHERS, { flatten_nested: flattened });
      const names = await rowsOf<{ name: string }>(
        `SELECT name FROM system.columns WHERE database = '${database}' AND table = 't' ORDER BY position`,
      );
      expect(names.length).to.equal(flattened === "0" ? 4 : 7);
      const conditions = [
        ...array(256, "n.a"),
        ...array(600, "n.b"),
        "uniqExactArray(arrayFlatten(n.`c d`)) > 140",
        "countIf(length(n.a) != length(n.b) OR length(n.a) != length(n.`c d`) OR length(n.a) != length(n.p)) = 0",
        ...array(5700, "v.a"),
        share("countIf(length(n.a) = length(v.a))", "count()", 0.2),
        ...alike(["sum(sipHash64(seq, n.a, n.b, n.`c d`, n.p, v.a))"]),
      ];
      expect(await unmet(database, conditions)).to.deep.equal([]);
    });
  }

  for (const [type, keys] of [
    ["String", 64],
    ["FixedString(1)", 62],
    ["Date", 30],
    ["UInt8", 256],
    ["Enum8('a' = 1, 'b' = 2)", 2],
  ] as const) {
    it(`a map of ${keys + 1} keys of ${type} is refused, as there are only ${keys}, one of ${keys} is filled`, async () => {
      const { database } = await newDatabase();
      await createTable(database, "t", `seq UInt64, run_id String, v Map(${type}, UInt8)`);
      const of = (length: number) => ({ v: { length: { at: "columns.v.length", constant: length } } });
      const loading = { format: "JSONEachRow", rows: 100, times: HOURLY } as const;
      await load(database, "t", { ...loading, rules: of(keys) });
      expect(await unmet(database, [`countIf(arrayUniq(mapKeys(v)) = ${keys}) = 100`])).to.deep.equal([]);
      const refused = await load(database, "t", { ...loading, rules: of(keys + 1) }).catch(String);
      expect(refused).to.equal(`Error: columns.v.length goes up to ${keys + 1}, but there are only ${keys} keys`);
    });
  }

  it("a type that no server has yet is refused with the column's name and the way out", () => {
    const table = [{ name: "stars", type: "Array(Nebula(3, 'x'))", defaultKind: "" }];
    expect(describedRows(table, NO_RULES, "run").typeProblems).to.deep.equal([
      "column stars: Nebula(3, 'x') is not a type this version knows; leave it out with --config and `columns: { stars: omit }`",
    ]);
  });
});

describe("types by the program", function () {
  this.timeout(60_000);

  const directory = mkdtempSync(join(tmpdir(), "clickstorm-types-"));
  after(() => rmSync(directory, { recursive: true }));

  async function run(database: string, table: string, ...more: readonly string[]): Promise<Ended> {
    const target = ["--clickhouse-url", serverUrl(), "--table", `${database}.${table}`];
    const load = ["--rate", String(ROWS), "--duration", "1", "--seed", "1", "--run-id", table];
    return clickstorm(["run", ...target, ...load, "--no-metrics", "--no-traces", ...more]);
  }

  it("a table of a column of every type takes 3000 rows a second, nothing lost, in all formats the same", async () => {
    const { database } = await newDatabase();
    const types = TYPES.flatMap(([, rows]) => rows);
    const columns = types.map(([type], index) => `c${index} ${type}`).join(", ");
    const sums: string[][] = [];
    for (const format of FORMATS) {
      await createTable(database, format, `seq UInt64, run_id String, ${columns}`, { after: "ORDER BY seq" });
      const times = ["--data-start", "2026-01-01", "--data-span", "125d"];
      const { code, stdout, stderr } = await run(database, format, "--format", format, ...times);
      expect(code, stderr).to.equal(0);
      expect(unwrapped(stdout)).to.include("scheduled 3,000, acknowledged 3,000, landed 3,000, lost 0, duplicated 0");
      const all = types.map((_, index) => `sum(sipHash64(seq, toString(c${index})))`).join(", ");
      const found = await clickhouse(`SELECT ${all} FROM ${format} WHERE run_id = '${format}'`, database);
      sums.push(found.split("\t"));
      const distinct = types.map((_, index) => `uniqExact(toString(c${index}))`).join(", ");
      const counts = (await clickhouse(`SELECT ${distinct} FROM ${format}`, database)).split("\t").map(Number);
      const few = types.filter(([, least], index) => !((counts[index] ?? 0) >= least * 0.98));
      expect(few.map(([type]) => type)).to.deep.equal([]);
    }
    for (const [place, format] of FORMATS.entries()) {
      const differing = types.filter((_, index) => sums[0]?.[index] !== sums[place]?.[index]);
      expect(
        differing.map(([type]) => type),
        format,
      ).to.deep.equal([]);
    }
  });

  it("MATERIALIZED and ALIAS are the server's, DEFAULT is generated, and EPHEMERAL reaches the columns made from it", async () => {
    const { database } = await newDatabase();
    await createTable(
      database,
      "t",
      `seq UInt64, run_id String, v UInt32, m UInt64 MATERIALIZED v * 2 + 1, a String ALIAS concat('a', toString(v)),
        d UInt32 DEFAULT 7, e UInt32 EPHEMERAL, f String DEFAULT concat('e', toString(e)), g String MATERIALIZED concat('m', toString(e))`,
    );
    const file = join(directory, "default.yaml");
    writeFileSync(file, "columns: { f: omit }\n");
    const { code, stderr } = await run(database, "t", "--config", file);
    expect(code, stderr).to.equal(0);
    const conditions = [
      `count() = ${ROWS}`,
      "uniqExact(v) > 2980",
      "countIf(m = v * 2 + 1) = count()",
      "countIf(a = concat('a', toString(v))) = count()",
      "uniqExact(d) > 2980",
      "uniqExact(f) > 2980",
      "countIf(match(f, '^e[0-9]{1,6}$')) = count()",
      "countIf(substring(f, 2) = substring(g, 2)) = count()",
    ];
    expect(await unmet(database, conditions)).to.deep.equal([]);
  });

  for (const [name, type, inner] of [
    ["states", "AggregateFunction(uniq, UInt64)", "AggregateFunction(uniq, UInt64)"],
    ["my \"last\" 'states'", "Map(String, AggregateFunction(max, Date))", "AggregateFunction(max, Date)"],
  ] as const) {
    it(`a column ${name} of ${type} ends the run with exit code 3 and the config that leaves it out, which then does`, async () => {
      const { database } = await newDatabase();
      await createTable(database, "t", `seq UInt64, run_id String, v UInt32, ${identifier(name)} ${type}`);
      const refused = await run(database, "t");
      expect(refused.code).to.equal(3);
      expect(refused.stderr).to.include(`column ${name}: ${inner} holds the state of an aggregation`);
      expect(await numberOf("SELECT count() FROM t", database)).to.equal(0);
      const file = join(directory, "omit.yaml");
      writeFileSync(file, /leave it out with --config and `(.*)`/.exec(refused.stderr)?.[1] ?? "");
      const { code, stderr } = await run(database, "t", "--config", file);
      expect(code, stderr).to.equal(0);
      expect(await unmet(database, [`count() = ${ROWS}`, "uniqExact(v) > 2980"])).to.deep.equal([]);
    });
  }
});
