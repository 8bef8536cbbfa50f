// Names and texts that quoting, JSON, SQL, URLs or UTF-8 could spoil on their way from a config file into ClickHouse.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { clickstorm, type Ended } from "./support/cli.js";
import { createTable, identifier, sqlText } from "./support/ddl.js";
import { clickhouse, newDatabase, numberOf, rowsOf, serverUrl } from "./support/server.js";

const FORMATS = ["JSONEachRow", "JSONCompactEachRow"] as const;

const CONTROLS = [...Array(0x20).keys(), 0x7f].map((code) => String.fromCharCode(code));

const TEXTS: readonly string[] = [
  ...CONTROLS,
  CONTROLS.join(""),
  "'",
  '"',
  "`",
  "\\",
  "\\\\",
  '\\"',
  "\\'",
  "\\n",
  "\\N",
  "\\u0041",
  "\\x41",
  "''",
  "\"'`\\\"'`\\",
  "/",
  "</script>",
  "%",
  "%00%27",
  "+",
  "&",
  "?",
  "{",
  "}",
  "{{",
  "}}",
  "{uuid}",
  "{a|b}",
  "{x:String}",
  "$1",
  "",
  " ",
  " both ",
  "\r\n",
  "null",
  "NULL",
  "true",
  "0",
  "1e5",
  "~",
  "- a: b # c",
  "*a",
  "&a",
  "!a",
  "'; DROP TABLE t; --",
  "__proto__",
  "constructor",
  "é",
  "e\u0301",
  "日本語",
  "🙂",
  "👩‍👩‍👧",
  "🙂".repeat(33),
  "\u0080",
  "\u0085",
  "\u00a0",
  "\u07ff",
  "\u0800",
  "\u2028",
  "\u2029",
  "\u202e",
  "\ud7ff",
  "\ue000",
  "\ufdd0",
  "\ufeff",
  "\ufeffa",
  "a\ufeff",
  "\ufffd",
  "\ufffe",
  "\uffff",
  "\u{10000}",
  "\u{10ffff}",
  "Ã©",
  "\u00c3\u0028",
  "â\u0082",
  "â\u0082¬",
  "\u00ed\u00a0\u0080",
  "\u00ff\u00fe",
  ...[15, 16, 17, 31, 32, 33, 63, 64, 65].map((length) => "é".repeat(length)),
];

const LONG = `${'ab\\"é🙂\0'.repeat(9000)}end`;

const hex = (text: string): string => Buffer.from(text).toString("hex").toUpperCase();
const hexes = (texts: readonly string[]): string[] => texts.map(hex).sort();

/** As the literal part of a pattern. */
const literal = (text: string): string => text.replaceAll("{", "{{").replaceAll("}", "}}");

describe("names and texts", function () {
  this.timeout(60_000);

  const directory = mkdtempSync(join(tmpdir(), "clickstorm-names-"));
  const file = join(directory, "rules.yaml");
  after(() => rmSync(directory, { recursive: true }));

  /** With rules for columns, as JSON. */
  async function run(rate: number, columns: object, ...more: readonly string[]): Promise<Ended> {
    writeFileSync(file, JSON.stringify({ columns }));
    const load = ["--config", file, "--rate", String(rate), "--duration", "1", "--seed", "1"];
    return clickstorm(["run", ...load, "--no-metrics", "--no-traces", ...more]);
  }

  describe("texts", () => {
    for (const format of FORMATS) {
      it(`${TEXTS.length} odd texts come out of constants, choices, patterns, map keys, lists, tuples and Enums byte by byte, in ${format}`, async () => {
        const { database, url } = await newDatabase();
        const names = TEXTS.filter((text, index) => TEXTS.indexOf(text) === index);
        // No identifier is empty, the server keeps null for itself, and reads no \u in the name of an element.
        const unread = CONTROLS.filter((control) => JSON.stringify(control).startsWith('"\\u'));
        const elements = names.filter(
          (name) => !["", "null"].includes(name) && !unread.some((one) => name.includes(one)),
        );
        await createTable(
          database,
          "t",
          [
            "seq UInt64, run_id String",
            ...TEXTS.flatMap((_, index) => [`c${index} String`, `p${index} String`]),
            "ch String, low LowCardinality(String), nul Nullable(String), fix FixedString(200)",
            "list Array(String), one Array(LowCardinality(String)), keys Map(String, UInt8), whole Map(LowCardinality(String), String)",
            "picked Map(String, UInt8)",
            `enum Enum16(${names.map((name, index) => `${sqlText(name)} = ${index}`).join(", ")})`,
            `chosen Enum16(${names.map((name, index) => `${sqlText(name)} = ${index}`).join(", ")})`,
            `enums Map(Enum16(${names.map((name, index) => `${sqlText(name)} = ${index}`).join(", ")}), UInt8)`,
            `tup Tuple(${elements.map((name) => `${identifier(name)} String`).join(", ")})`,
          ].join(", "),
        );
        const rules = {
          ...Object.fromEntries(
            TEXTS.flatMap((text, index) => [
              [`c${index}`, { constant: text }],
              [`p${index}`, { pattern: `${literal(text)}{row}${literal(text)}` }],
            ]),
          ),
          ch: { choice: names },
          low: { choice: names },
          nul: { choice: [...names, null] },
          fix: { choice: names },
          list: { constant: TEXTS },
          one: { length: 3, items: { choice: names } },
          keys: { fields: Object.fromEntries(names.map((name) => [name, { constant: 7 }])) },
          whole: { constant: Object.fromEntries(names.map((name) => [name, name])) },
          picked: { length: names.length, keys: { choice: names }, values: { constant: 1 } },
          chosen: { choice: names },
          tup: { fields: Object.fromEntries(elements.map((name) => [name, { constant: name }])) },
        };
        const { code, stderr } = await run(3000, rules, "--clickhouse-url", url, "--table", "t", "--format", format);
        expect(code, stderr).to.equal(0);

        const constants = TEXTS.map((_, index) => `groupUniqArray(hex(c${index}))`).join(", ");
        const [found] = await rowsOf<{ all: string[][] }>(`SELECT [${constants}] AS all FROM t`, database);
        expect(found?.all).to.deep.equal(TEXTS.map((text) => [hex(text)]));

        const patterns = TEXTS.map((_, index) => `hex(p${index})`).join(", ");
        const [made] = await rowsOf<{ all: string[] }>(`SELECT [${patterns}] AS all FROM t WHERE seq = 2345`, database);
        expect(made?.all).to.deep.equal(TEXTS.map((text) => hex(`${text}2345${text}`)));

        const sets = [
          "groupUniqArray(hex(ch))",
          "groupUniqArray(hex(low))",
          "groupUniqArray(hex(nul))",
          "groupUniqArray(hex(fix))",
          "groupUniqArrayArray(arrayMap(x -> hex(x), list))",
          "groupUniqArrayArray(arrayMap(x -> hex(x), one))",
          "groupUniqArrayArray(arrayMap(x -> hex(x), mapKeys(keys)))",
          "groupUniqArrayArray(arrayMap(x -> hex(x), mapKeys(whole)))",
          "groupUniqArrayArray(arrayMap(x -> hex(x), mapValues(whole)))",
          "groupUniqArrayArray(arrayMap(x -> hex(x), mapKeys(picked)))",
          "groupUniqArray(hex(toString(enum)))",
          "groupUniqArray(hex(toString(chosen)))",
          "groupUniqArrayArray(arrayMap(x -> hex(toString(x)), mapKeys(enums)))",
        ];
        for (const set of sets) {
          const [row] = await rowsOf<{ all: string[] }>(`SELECT arraySort(${set}) AS all FROM t`, database);
          const padded = names.map((name) => hex(name).padEnd(400, "0"));
          expect(row?.all, set).to.deep.equal(set.includes("fix") ? [...new Set(padded)].sort() : hexes(names));
        }
        const inTuple = elements.map((_, index) => `hex(tup.${index + 1})`).join(", ");
        const [tuple] = await rowsOf<{ all: string[] }>(`SELECT DISTINCT [${inTuple}] AS all FROM t`, database);
        expect(tuple?.all).to.deep.equal(elements.map(hex));
        expect(
          await numberOf("SELECT countIf(length(picked) != arrayUniq(mapKeys(picked))) FROM t", database),
        ).to.equal(0);
      });
    }

    it(`a text of ${Buffer.byteLength(LONG)} bytes comes out of a constant, a choice, a pattern, a map's key and an Enum`, async () => {
      const { database, url } = await newDatabase();
      const columns = `seq UInt64, run_id String, c String, ch String, p String, m Map(String, UInt8), e Enum8(${sqlText(LONG)} = 1)`;
      await createTable(database, "t", columns, { settings: { max_query_size: "1000000" } });
      const rules = {
        c: { constant: LONG },
        ch: { choice: [LONG, `${LONG}.`] },
        p: { pattern: `${literal(LONG)}{int 1..9}` },
        m: { fields: { [LONG]: { constant: 1 } } },
      };
      const { code, stderr } = await run(20, rules, "--clickhouse-url", url, "--table", "t");
      expect(code, stderr).to.equal(0);
      const conditions = [
        "c = x",
        "trimRight(ch, '.') = x",
        "match(substring(p, length(x) + 1), '^[1-9]$') AND startsWith(p, x)",
        "mapKeys(m) = [x]",
        "toString(e) = x",
      ];
      for (const condition of conditions) {
        const sql = `WITH unhex('${hex(LONG)}') AS x SELECT countIf(${condition}) FROM t SETTINGS max_query_size = 1000000`;
        expect(await numberOf(sql, database), condition).to.equal(20);
      }
      expect(await numberOf("SELECT uniqExact(ch) FROM t", database)).to.equal(2);
    });

    const LONE = "a\ud800b";
    const lone: readonly (readonly [what: string, type: string, rule: object])[] = [
      ["a constant", "String", { constant: LONE }],
      ["one of a choice", "LowCardinality(String)", { choice: ["a", LONE] }],
      ["a pattern", "String", { pattern: `{row}${LONE}` }],
      ["an alternative in a pattern", "String", { pattern: `{a|${LONE}}` }],
      ["one of a list", "Array(String)", { constant: [LONE] }],
      ["the key of a map", "Map(String, UInt8)", { fields: { [LONE]: { constant: 1 } } }],
      ["the key of a constant map", "Map(String, UInt8)", { constant: { [LONE]: 1 } }],
      ["a text in Dynamic", "Dynamic", { constant: LONE }],
      ["a path of JSON", "JSON", { fields: { [LONE]: { constant: 1 } } }],
      ["a key of constant JSON", "JSON", { constant: { a: { [LONE]: 1 } } }],
    ];
    it(`half a character (a lone surrogate) in ${lone.map(([what]) => what).join(", ")} ends the run at the start with exit code 2 and a sentence for each`, async () => {
      const { database, url } = await newDatabase();
      const columns = lone.map(([, type], index) => `halved${index} ${type}`).join(", ");
      await createTable(database, "t", `seq UInt64, run_id String, ${columns}`);
      const rules = Object.fromEntries(lone.map(([, , rule], index) => [`halved${index}`, rule]));
      const { code, stderr } = await run(10, rules, "--clickhouse-url", url, "--table", "t");
      expect(code).to.equal(2);
      for (const [index, [what]] of lone.entries())
        expect(stderr, what).to.match(new RegExp(`columns\\.halved${index}\\b.*surrogate`));
      expect(await numberOf("SELECT count() FROM t", database)).to.equal(0);
    });
  });

  describe("names", () => {
    const NAMES: readonly string[] = [
      ..."'\"`\\.{}%?*$@#!&+-=,;:/|<>()[]~^ ",
      "na'me",
      'na"me',
      "na`me",
      "back\\slash",
      "\\n",
      "line\nbreak",
      "tab\t",
      "\r",
      "a.b",
      "a.b.c",
      ".first",
      "last.",
      " both ",
      ...["select", "from", "format", "values", "table", "insert", "null", "true", "order by", "and", "omit"],
      ...["{x:String}", "{{", "%s", "%20", "$1", "a,b", "');--", "/* */", "-- a", "0", "007", "1e5", "-1"],
      ...["__proto__", "constructor", "toString", "length", "at"],
      ...["é", "e\u0301", "日本語", "🙂", "\u2028", "\ufeffx", "\u00a0", "\u0001", "\u007f"],
      "x".repeat(200),
    ];

    for (const format of FORMATS) {
      it(`${NAMES.length} columns with odd names hold what their rules say, each its own name, in ${format}`, async () => {
        const { database, url } = await newDatabase();
        const columns = NAMES.map((name) => `${identifier(name)} String`).join(", ");
        await createTable(database, "t", `seq UInt64, run_id String, ${columns}`);
        const rules = Object.fromEntries(NAMES.map((name) => [name, { pattern: `${literal(name)}#{row}` }]));
        const { code, stderr } = await run(100, rules, "--clickhouse-url", url, "--table", "t", "--format", format);
        expect(code, stderr).to.equal(0);
        const all = NAMES.map((name) => `hex(${identifier(name)})`).join(", ");
        const [row] = await rowsOf<{ all: string[] }>(`SELECT [${all}] AS all FROM t WHERE seq = 42`, database);
        expect(row?.all).to.deep.equal(NAMES.map((name) => hex(`${name}#42`)));
      });
    }

    it("the same columns without a rule are generated, and left out by omit", async () => {
      const { database, url } = await newDatabase();
      const columns = NAMES.map((name) => `${identifier(name)} String`).join(", ");
      await createTable(database, "t", `seq UInt64, run_id String, ${columns}`);
      const odd = NAMES.filter((_, index) => index % 2 === 1);
      const rules = Object.fromEntries(odd.map((name) => [name, "omit"]));
      const { code, stderr } = await run(100, rules, "--clickhouse-url", url, "--table", "t");
      expect(code, stderr).to.equal(0);
      const all = NAMES.map((name) => `uniqExact(${identifier(name)}) > 50`).join(", ");
      const [row] = await rowsOf<{ all: number[] }>(`SELECT [${all}] AS all FROM t`, database);
      expect(row?.all).to.deep.equal(NAMES.map((_, index) => (index % 2 === 1 ? 0 : 1)));
    });

    for (const [database, table] of [
      ["da'ta\"ba`se", "ta'b\"l`e"],
      ["back\\slash\\", "\\n line\nbreak\ttab"],
      ["🙂 {x:String} %20", "日本語 %s {{}} $1 ?&#+"],
      ["select", "values"],
      [" spaces ", "format"],
    ] as const) {
      it(`--table ${JSON.stringify(`${database}.${table}`)} is filled and found again by the ledger`, async () => {
        const name = `${database}${process.pid}`;
        await clickhouse(`CREATE DATABASE ${identifier(name)}`);
        await createTable(name, table, "seq UInt64, run_id String, v String");
        const target = ["--clickhouse-url", serverUrl(), "--table", `${name}.${table}`];
        const { code, stdout, stderr } = await run(100, { v: { pattern: "v{row}" } }, ...target);
        expect(code, stderr).to.equal(0);
        expect(stdout).to.include("landed 100, lost 0, duplicated 0");
        const sql = `SELECT countIf(v = concat('v', toString(seq))) FROM ${identifier(name)}.${identifier(table)}`;
        expect(await numberOf(sql)).to.equal(100);
      });
    }

    it("a database with a dot in its name is given by the URL", async () => {
      const database = `test.with.dots${process.pid}`;
      await clickhouse(`CREATE DATABASE ${identifier(database)}`);
      await createTable(database, "t", "seq UInt64, run_id String, v String");
      const url = `${serverUrl()}/?database=${encodeURIComponent(database)}`;
      const { code, stderr } = await run(100, {}, "--clickhouse-url", url, "--table", "t");
      expect(code, stderr).to.equal(0);
      expect(await numberOf(`SELECT uniqExact(v) > 90 FROM ${identifier(database)}.t`)).to.equal(1);
    });
  });
});
