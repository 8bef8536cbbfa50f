// The four formats: what is written in rules, in the forms of each; files of RowBinary and Native that ClickHouse reads by
// itself; what a format cannot carry; what a run says it measures. Values without a rule: types.test.ts.

import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect } from "chai";
import { FORMATS, type Format } from "../src/rows/program.js";
import type { Plain } from "../src/rows/rule.js";
import { CLI, clickstorm, unwrapped } from "./support/cli.js";
import { createTable, HOURLY, load, sqlText } from "./support/ddl.js";
import { clickhouseLocal } from "./support/local.js";
import type { BareRule } from "./support/rows.js";
import { clickhouse, newDatabase, numberOf, rowsOf, serverUrl } from "./support/server.js";

const ROWS = 1000;

const constant = (value: Plain): BareRule => ({ constant: value });
const choice = (...values: readonly Plain[]): BareRule => ({ choice: { values, weights: undefined } });
const at = "inner";

/** A type, a rule, and all values as ClickHouse has them as text, sorted. */
type Written = readonly [type: string, rule: BareRule, texts: readonly string[]];

const WRITTEN: readonly Written[] = [
  ["Int8", choice(-128, 127), ["-128", "127"]],
  ["UInt16", choice(0, 65_535), ["0", "65535"]],
  ["Int64", choice(-9223372036854775808n, 9223372036854775807n), ["-9223372036854775808", "9223372036854775807"]],
  ["UInt64", constant(18446744073709551615n), ["18446744073709551615"]],
  ["Int128", choice(-170141183460469231731687303715884105728n, 1), ["-170141183460469231731687303715884105728", "1"]],
  ["UInt256", constant(2n ** 256n - 1n), [String(2n ** 256n - 1n)]],
  ["Int256", choice(-(2n ** 255n), -1), ["-1", String(-(2n ** 255n))]],
  ["Float64", choice(0.1, "-inf", "nan", 1e300), ["-inf", "0.1", "1e300", "nan"]],
  ["Float32", choice(1.1, -2.5), ["-2.5", "1.1"]],
  // Of 2.7 the upper half of its Float32 is left.
  ["BFloat16", choice(2.7, -2), ["-2", "2.6875"]],
  ["Decimal(9, 2)", choice("-1.5", "1234567.89"), ["-1.5", "1234567.89"]],
  ["Decimal(38, 10)", constant("-12345678901234567890.123"), ["-12345678901234567890.123"]],
  ["Decimal(76, 40)", constant("-0.0000000000000000000000000000000000000001"), [`-0.${"0".repeat(39)}1`]],
  ["Bool", choice(true, false), ["false", "true"]],
  ["String", choice("", 'ü\n\0"', "x".repeat(300)), ["", "x".repeat(300), 'ü\n\0"']],
  ["FixedString(4)", choice("a", "abcd"), ["a", "abcd"]],
  [
    "UUID",
    choice("11111111-2222-4333-8444-555555555555", "00000000-0000-0000-0000-0000000000ab"),
    ["00000000-0000-0000-0000-0000000000ab", "11111111-2222-4333-8444-555555555555"],
  ],
  ["IPv4", choice("1.2.3.4", "255.0.0.1"), ["1.2.3.4", "255.0.0.1"]],
  [
    "IPv6",
    choice("::", "::1", "2001:db8::5:0:0", "::ffff:1.2.3.4", "1:2:3:4:5:6:7:8"),
    ["1:2:3:4:5:6:7:8", "2001:db8::5:0:0", "::", "::1", "::ffff:1.2.3.4"],
  ],
  ["Enum8('a' = -5, 'b' = 3)", choice("a", "b"), ["a", "b"]],
  ["Enum16('it\\'s' = -500, 'b' = 300)", choice("it's", "b"), ["b", "it's"]],
  ["Date", choice("1970-01-01", "2149-06-06"), ["1970-01-01", "2149-06-06"]],
  ["Date32", choice("1900-01-01", "2299-12-31"), ["1900-01-01", "2299-12-31"]],
  ["DateTime('UTC')", constant("2026-01-31T12:00:00Z"), ["2026-01-31 12:00:00"]],
  ["DateTime64(9, 'UTC')", constant("1950-01-01T00:00:00.5Z"), ["1950-01-01 00:00:00.500000000"]],
  ["Time", choice("-12:30:00", "999:59:59"), ["-12:30:00", "999:59:59"]],
  ["Time64(3)", constant("-00:00:01.5"), ["-00:00:01.500"]],
  ["IntervalDay", choice(-5, 7), ["-5", "7"]],
  ["Nullable(String)", { nulls: 0.5, choice: { values: ["a", null, "b"], weights: undefined } }, ["NULL", "a", "b"]],
  ["Nullable(UInt8)", constant(null), ["NULL"]],
  ["Nullable(Enum8('a' = 5))", choice("a", null), ["NULL", "a"]],
  ["LowCardinality(String)", choice("x", "", "y"), ["", "x", "y"]],
  ["LowCardinality(String)", constant("always"), ["always"]],
  ["LowCardinality(String)", { choice: { values: ["a", "b", "c"], weights: [1, 0, 3] } }, ["a", "c"]],
  ["LowCardinality(UInt16)", choice(7, 300), ["300", "7"]],
  ["LowCardinality(Nullable(String))", choice("a", null), ["NULL", "a"]],
  ["Array(String)", choice(["a", "b"], [], ["c"]), ["['a','b']", "['c']", "[]"]],
  ["Array(Array(UInt8))", choice([[1], [2, 3]], [[]], []), ["[[1],[2,3]]", "[[]]", "[]"]],
  ["Array(LowCardinality(Nullable(String)))", constant(["a", null]), ["['a',NULL]"]],
  ["Map(String, Array(UInt16))", choice({ a: [1, 2], b: [] }, {}), ["{'a':[1,2],'b':[]}", "{}"]],
  [
    "Map(String, Array(Nullable(UInt8)))",
    { fields: { a: { at, constant: [1, null] }, b: { at, constant: [] } } },
    ["{'a':[1,NULL],'b':[]}"],
  ],
  ["Tuple(a UInt8, `b c` Array(String))", choice([1, ["x"]], [2, []]), ["(1,['x'])", "(2,[])"]],
  ["Tuple()", constant([]), ["()"]],
  ["Point", choice([1, 2], [3.5, -4]), ["(1,2)", "(3.5,-4)"]],
  [
    "Ring",
    constant([
      [1, 2],
      [3, 4],
    ]),
    ["[(1,2),(3,4)]"],
  ],
  ["Geometry", choice([1, 2], [[[1, 2]]]), ["(1,2)", "[[(1,2)]]"]],
  ["QBit(Float32, 3)", constant([1, 2.5, -3]), ["[1,2.5,-3]"]],
  ["Variant(UInt8, String, Array(UInt8))", choice(5, "x", [1, 2], null), ["", "5", "[1,2]", "x"]],
  ["Dynamic", choice("a", 1.5, true, null, 7), ["", "1.5", "7", "a", "true"]],
  ["Array(Dynamic)", constant(["a", null, 3]), ["['a',NULL,3]"]],
  ["JSON", choice({ a: 1, b: { c: "x" } }, { d: [1, 2] }), ['{"a":1,"b":{"c":"x"}}', '{"d":[1,2]}']],
  ["Nullable(JSON)", choice({ a: 1 }, null), ['{"a":1}', "NULL"]],
  ["Array(JSON)", constant([{ a: "it's" }]), ['[\'{"a":"it\\\'s"}\']']],
  ["SimpleAggregateFunction(anyLast, Nullable(String))", choice("a", null), ["NULL", "a"]],
];

/** What is drawn at the ends of what a type holds, or by a form of a text that no default has. */
const numbers = (count: number): string[] => Array.from({ length: count }, (_, index) => `n${index}`);

const DRAWN: readonly (readonly [type: string, rule: BareRule, distinct: number])[] = [
  ["Float64", { uniform: { from: "-1", to: "1" }, decimals: 18 }, 1000],
  ["Float64", { uniform: { from: "0", to: "1000000" }, decimals: 12 }, 1000],
  ["Float32", { normal: { mean: 0, sd: 1 }, decimals: 9 }, 990],
  ["BFloat16", { uniform: { from: "-3", to: "3" }, decimals: 5 }, 400],
  ["Int64", { uniform: { from: "-9223372036854775808", to: "9223372036854775807" } }, 1000],
  ["UInt64", { uniform: { from: 0, to: "18446744073709551615" } }, 1000],
  ["UInt256", { uniform: { from: 0, to: "18446744073709551615" } }, 1000],
  ["Int128", { uniform: { from: "-1000000", to: "1000000" } }, 990],
  ["Decimal(76, 40)", { uniform: { from: "-99", to: "99" }, decimals: 3 }, 980],
  ["Decimal(18, 4)", { normal: { mean: 0, sd: 100 }, decimals: 1 }, 700],
  ["UInt32", { sequence: { from: 5, step: 3, to: 50 } }, 16],
  ["UInt64", { zipf: { from: 1, to: 1000, exponent: 1 } }, 100],
  ["IntervalDay", { uniform: { from: "-5", to: "5" } }, 11],
  ["Time64(3)", { uniform: { from: "-01:00:00", to: "01:00:00" } }, 990],
  [
    "DateTime",
    { time: { jitterNs: 5_000_000_000n, late: { ratio: 0.3, meanNs: 10n ** 11n, maxNs: 10n ** 12n } } },
    990,
  ],
  ["FixedString(10)", { pattern: "a{int 1..1000}" }, 600],
  ["FixedString(10)", { pattern: "{hex 4}-{base62 2..5}" }, 990],
  ["String", { pattern: '{base62 1..10}{words 30..60} ü"\\' }, 1000],
  ["String", { pattern: "{words 900..1000}" }, 1000],
  ["String", { pattern: "{GET|POST}" }, 2],
  [
    "LowCardinality(String)",
    { cardinality: { of: 300, draw: { kind: "zipf", exponent: 1 } }, pattern: "h-{int 1..1000}" },
    150,
  ],
  // Up to 255 of them are a dictionary with places of one byte; more, or one of them twice, are sent as texts.
  ["LowCardinality(String)", choice(...numbers(255)), 240],
  ["LowCardinality(String)", choice(...numbers(256)), 240],
  ["LowCardinality(String)", choice("twice", "once", "twice"), 2],
  [
    "Array(LowCardinality(String))",
    { items: { at, cardinality: { of: 5, draw: { kind: "uniform" }, key: "k" }, pattern: "{int 1..100}" } },
    300,
  ],
  ["Array(Nullable(Tuple(UInt8, Array(String))))", {}, 700],
  ["Nullable(JSON)", {}, 850],
  ["Tuple(a LowCardinality(String), b Variant(DateTime('Asia/Kathmandu'), Array(DateTime64(3, 'UTC'))))", {}, 900],
];

describe("formats", function () {
  this.timeout(60_000);

  const folder = mkdtempSync(join(tmpdir(), "clickstorm-formats-"));
  after(() => rmSync(folder, { recursive: true }));

  /** Tables of all formats, each of its name, loaded with the same rows. */
  async function loadAll(type: string, rule: BareRule): Promise<string> {
    const { database } = await newDatabase();
    for (const format of FORMATS) {
      await createTable(database, format, `seq UInt64, run_id String, v ${type}`, { after: "ORDER BY seq" });
      await load(database, format, { format, rows: ROWS, times: HOURLY, rules: { v: rule } });
    }
    return database;
  }

  const TEXT = "ifNull(toString(v), 'NULL')";
  const hashes = (database: string): Promise<string[]> =>
    Promise.all(
      FORMATS.map((format) => clickhouse(`SELECT count(), sum(sipHash64(seq, ${TEXT})) FROM ${format}`, database)),
    );

  describe("what a rule says, word by word", () => {
    for (const [type, rule, texts] of WRITTEN) {
      it(`${type}: ${texts.length} values, such as ${JSON.stringify(texts[0]?.slice(0, 45))}, in each format, row by row the same`, async () => {
        const database = await loadAll(type, rule);
        for (const format of FORMATS) {
          const [found] = await rowsOf<{ texts: string[] }>(
            `SELECT groupUniqArray(${TEXT}) AS texts FROM ${format}`,
            database,
          );
          expect([...(found?.texts ?? [])].sort(), format).to.deep.equal([...texts].sort());
        }
        expect(new Set(await hashes(database)).size).to.equal(1);
      });
    }
  });

  describe("what a rule draws", () => {
    for (const [type, rule, distinct] of DRAWN) {
      it(`${type.slice(0, 40)} by ${Object.keys(rule).join(" and ") || "default"}: at least ${distinct} values, in each format the same`, async () => {
        const database = await loadAll(type, rule);
        const found = await hashes(database);
        expect(new Set(found).size, found.join("\n")).to.equal(1);
        const texts = `SELECT uniqExact(${TEXT}) FROM Native`;
        expect(await numberOf(texts, database)).to.be.at.least(distinct);
      });
    }
  });

  it("columns that belong together, repeat one another, and share a set of things: 1000 rows, in each format the same", async () => {
    const { database } = await newDatabase();
    const columns =
      "seq UInt64, run_id String, country LowCardinality(String), city String, host LowCardinality(String), rack UInt16, " +
      "again Nullable(String), turn UInt32";
    const things = (draw: "uniform" | "cycle"): Exclude<BareRule, "omit"> => ({
      cardinality: { of: 50, draw: { kind: draw }, key: draw },
    });
    const bare: Readonly<Record<string, BareRule>> = {
      host: { ...things("uniform"), pattern: "h-{hex 6}" },
      rack: { ...things("uniform"), uniform: { from: 0, to: 9 } },
      again: { same: "city" },
      turn: { ...things("cycle"), uniform: { from: 0, to: 4_000_000_000 } },
    };
    const values = [
      { values: ["DE", "Berlin"], weight: 2 },
      { values: ["US", "Boston"], weight: 1 },
    ];
    const together = [{ at: "together[0]", columns: ["country", "city"], options: values }];
    const sums: string[] = [];
    for (const format of FORMATS) {
      await createTable(database, format, columns, { after: "ORDER BY seq" });
      await load(database, format, { format, rows: ROWS, times: HOURLY, rules: bare, together });
      const all = "country, city, host, rack, again, turn";
      sums.push(await clickhouse(`SELECT count(), sum(sipHash64(seq, ${all})) FROM ${format}`, database));
      const [found] = await rowsOf(
        `SELECT uniqExact(host) AS hosts, uniqExact(host, rack) AS pairs, countIf(again = city) AS again,
          uniqExact(turn) AS turns, arraySort(groupUniqArray((country, city))) AS places FROM ${format}`,
        database,
      );
      const places = [
        ["DE", "Berlin"],
        ["US", "Boston"],
      ];
      expect(found, format).to.deep.equal({ hosts: 50, pairs: 50, again: ROWS, turns: 50, places });
    }
    expect(new Set(sums).size).to.equal(1);
  });

  describe("read as files by ClickHouse itself", () => {
    const COLUMNS =
      "seq UInt64, run_id LowCardinality(String), action LowCardinality(String), at DateTime64(3, 'UTC'), id UUID, tags Array(LowCardinality(String)), " +
      "note Nullable(String), m Map(String, UInt8), v Variant(String, UInt64), d Dynamic, doc JSON, `odd name` FixedString(3)";
    const SAME = [
      "--rows",
      "10000",
      "--rate",
      "1k",
      "--seed",
      "5",
      "--run-id",
      "file",
      "--data-start",
      "2026-01-01",
    ] as const;
    const HASH =
      "count(), sum(sipHash64(seq, run_id, action, toUnixTimestamp64Milli(at), id, toString(tags), toString(note), toString(m), " +
      "toString(v), toString(d), toString(`odd name`)))";
    let database: string;
    let expected: string;
    let docs: string;

    const rules = join(folder, "action.yaml");
    writeFileSync(rules, "columns: { action: { choice: { click: 5, buy: 1, leave: 3 } } }\n");

    const sample = async (format: Format): Promise<string> => {
      const file = join(folder, format);
      const url = ["--clickhouse-url", serverUrl(), "--table", `${database}.t`, "--config", rules];
      const args = [CLI, "sample", ...url, ...SAME, "--format", format];
      const { stdout } = await promisify(execFile)(process.execPath, args, { encoding: "buffer", maxBuffer: 2 ** 26 });
      writeFileSync(file, stdout);
      return file;
    };

    before(async () => {
      ({ database } = await newDatabase());
      await createTable(database, "t", COLUMNS, { after: "ORDER BY seq" });
      const body = readFileSync(await sample("JSONEachRow"));
      const query = new URLSearchParams({ database, query: "INSERT INTO t FORMAT JSONEachRow" });
      const response = await fetch(`${serverUrl()}/?${query}`, { method: "POST", body });
      expect(await response.text()).to.equal("");
      expected = await clickhouse(`SELECT ${HASH} FROM t`, database);
      docs = await clickhouse("SELECT sum(sipHash64(seq, toString(doc))) FROM t", database);
      expect(expected.split("\t")[0]).to.equal("10000");
    });

    it("Native: 10,000 rows of 12 columns, names and types from the file's own header, the same as in the table", async () => {
      await sample("Native");
      const described = await clickhouseLocal("DESCRIBE file('Native', 'Native')", folder);
      expect(described.split("\n").map((line) => line.split("\t").slice(0, 2))).to.deep.equal([
        ["seq", "UInt64"],
        ["run_id", "LowCardinality(String)"],
        ["action", "LowCardinality(String)"],
        ["at", "DateTime64(3)"],
        ["id", "UUID"],
        ["tags", "Array(String)"],
        ["note", "Nullable(String)"],
        ["m", "Map(String, UInt8)"],
        ["v", "Variant(String, UInt64)"],
        ["d", "Dynamic"],
        ["doc", "String"],
        ["odd name", "FixedString(3)"],
      ]);
      expect(await clickhouseLocal(`SELECT ${HASH} FROM file('Native', 'Native')`, folder)).to.equal(expected);
      const asJson = "SELECT sum(sipHash64(seq, toString(doc::JSON))) FROM file('Native', 'Native')";
      expect(await clickhouseLocal(asJson, folder)).to.equal(docs);
    });

    it("RowBinary: 10,000 rows of 12 columns, read by the table's own description, the same as in the table", async () => {
      await sample("RowBinary");
      const source = `file('RowBinary', 'RowBinary', ${sqlText(COLUMNS)})`;
      const settings = "SETTINGS input_format_binary_read_json_as_string = 1";
      expect(await clickhouseLocal(`SELECT ${HASH} FROM ${source} ${settings}`, folder)).to.equal(expected);
      const asJson = `SELECT sum(sipHash64(seq, toString(doc))) FROM ${source} ${settings}`;
      expect(await clickhouseLocal(asJson, folder)).to.equal(docs);
    });
  });

  describe("what a format cannot carry", () => {
    const flags = ["--rate", "1k", "--duration", "1", "--no-traces", "--no-metrics"];

    for (const [format, type, config, problem] of [
      [
        "Native",
        "Variant(LowCardinality(String), UInt8)",
        "",
        "column v has a LowCardinality inside a Variant, which Native cannot carry here: use --format JSONEachRow or JSONCompactEachRow or RowBinary",
      ],
      [
        "Native",
        "Array(Variant(JSON, UInt8))",
        "",
        "column v has a JSON inside a Variant, which Native cannot carry here: use --format JSONEachRow or JSONCompactEachRow or RowBinary",
      ],
      [
        "Native",
        "Variant(QBit(Float32, 2), UInt8)",
        "",
        "column v has a QBit inside a Variant, which Native cannot carry here: use --format JSONEachRow or JSONCompactEachRow or RowBinary",
      ],
      [
        "Native",
        "Array(QBit(Float32, 2))",
        "",
        "column v has a QBit inside an Array, which Native cannot carry here: use --format JSONEachRow or JSONCompactEachRow or RowBinary",
      ],
      [
        "Native",
        "Dynamic",
        "columns: { v: { constant: 9223372036854775808 } }\n",
        "column v holds a number beyond Int64 in a Dynamic, which Native cannot carry here: use --format JSONEachRow or JSONCompactEachRow",
      ],
      [
        "RowBinary",
        "Dynamic",
        "columns: { v: { constant: [1, 2] } }\n",
        "column v holds a list or a mapping in a Dynamic, which RowBinary cannot carry here: use --format JSONEachRow or JSONCompactEachRow",
      ],
    ] as const) {
      it(`${format}, ${type}${config && ", by a constant"}: exit 3 with the column and the other formats, no row sent; the first of them takes 1000`, async () => {
        const { database } = await newDatabase();
        await createTable(database, "t", `seq UInt64, run_id String, v ${type}`);
        const file = join(folder, "rules.yaml");
        writeFileSync(file, config || "rate: 1k\n");
        const run = ["run", "--clickhouse-url", serverUrl(), "--table", `${database}.t`, "--config", file, ...flags];
        const refused = await clickstorm([...run, "--format", format]);
        expect(refused.code).to.equal(3);
        expect(refused.stderr).to.include(`${database}.t: ${problem}\n`);
        expect(await numberOf("SELECT count() FROM t", database)).to.equal(0);
        const [, other = ""] = /use --format (\w+)/.exec(refused.stderr) ?? [];
        const taken = await clickstorm([...run, "--format", other]);
        expect(taken.code, taken.stderr).to.equal(0);
        expect(await numberOf("SELECT count() FROM t", database)).to.equal(1000);
      });
    }
  });

  describe("what a run measures", () => {
    for (const [format, engine, name, words] of [
      ["JSONEachRow", "MergeTree ORDER BY seq", "parser+storage", "JSONEachRow: the server's parser and its storage"],
      [
        "RowBinary",
        "MergeTree ORDER BY seq",
        "row reader+storage",
        "RowBinary: the server's row reader and its storage",
      ],
      ["Native", "MergeTree ORDER BY seq", "storage", "Native: the server's storage, as Native is hardly parsed"],
      ["JSONCompactEachRow", "Null", "parser", "JSONCompactEachRow: the server's parser, as an engine of Null stores"],
      ["Native", "Null", "block reader", "Native: the server's block reader, as an engine of Null stores nothing"],
    ] as const) {
      it(`${format} into ${engine.split(" ")[0]}: ${name}, in summary, report and live line`, async () => {
        const { database, url } = await newDatabase();
        await clickhouse(`CREATE TABLE t (seq UInt64, run_id String, v String) ENGINE = ${engine}`, database);
        const report = join(folder, "report.json");
        const flags = ["--rate", "1k", "--duration", "6", "--no-traces", "--no-metrics", "--report", report];
        const { code, stdout, stderr } = await clickstorm([
          ...["run", "--clickhouse-url", url, "--table", "t", "--format", format],
          ...flags,
        ]);
        expect(code, stderr).to.equal(0);
        expect(unwrapped(stdout)).to.include(`  measures   ${words}`);
        expect(JSON.parse(readFileSync(report, "utf8"))).to.include({ ceiling: name });
        expect(stderr).to.match(new RegExp(`rows/s  ${name.replace("+", "\\+")}  p50`));
      });
    }
  });
});
