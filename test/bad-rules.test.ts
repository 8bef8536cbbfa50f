// Rules and tables that do not go together, as a person meets them: the real program against the real server. What it says,
// how it ends, and that not one row was sent.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import type { EmbeddedServer } from "../src/embedded/server.js";
import { rowsOf } from "../src/rows/column.js";
import { NO_RULES } from "../src/rows/rule.js";
import { clickstorm, type Ended } from "./support/cli.js";
import { clickhouse, newDatabase, numberOf, serverUrl } from "./support/server.js";
import { askAsOwner, PASSWORD, startWithUsers } from "./support/users.js";

const SHORT = ["--rate", "80", "--duration", "0.25", "--no-metrics", "--no-traces"];

describe("bad rules", function () {
  this.timeout(60_000);
  const folder = mkdtempSync(join(tmpdir(), "clickstorm-bad-rules-"));
  after(() => rmSync(folder, { recursive: true, force: true }));
  let files = 0;

  function fileOf(yaml: string): string {
    const file = join(folder, `${files++}.yaml`);
    writeFileSync(file, yaml);
    return file;
  }

  /** The program's errors for table t of these columns and this file; the file's name in them is rules.yaml. */
  async function errorsOf(
    columns: string,
    yaml: string,
    more: readonly string[] = ["--table", "t", ...SHORT],
  ): Promise<{ readonly code: number | null; readonly errors: string[]; readonly database: string }> {
    const { database, url } = await newDatabase();
    await clickhouse(
      `CREATE TABLE t (${columns}) ENGINE = MergeTree ORDER BY tuple() SETTINGS allow_nullable_key = 1, enable_time_time64_type = 1`,
      database,
    );
    const file = fileOf(yaml);
    const ended = await clickstorm(["--clickhouse-url", url, "--config", file, ...more]);
    expect(ended.stdout).to.equal("");
    expect(await numberOf("SELECT count() FROM t", database)).to.equal(0);
    return { code: ended.code, errors: linesOf(ended, file, database), database };
  }

  function linesOf({ stderr }: Ended, file: string, database: string): string[] {
    const lines = stderr.replaceAll(file, "rules.yaml").replaceAll(database, "DB").replaceAll(serverUrl(), "URL");
    return lines.trimEnd().split("\n");
  }

  describe("rules that do not fit their columns: one file, every problem at once, exit 2, and nothing is inserted", () => {
    const NUMBERS = "uniform, normal, exponential, zipf, quantiles, sequence, constant, choice";
    /** The sentences go on from rules.yaml:N+2: columns.cN. */
    const cases: readonly (readonly [type: string, rule: string, ...sentences: readonly string[]])[] = [
      ["UInt8", "{ uniform: { from: 0, to: 300 } }", ".uniform goes from 0 to 300, outside of 0 to 255 (UInt8)"],
      [
        "Int8",
        "{ normal: { mean: 0, sd: 1, min: -129 } }",
        ".normal goes from -129 to 127, outside of -128 to 127 (Int8)",
      ],
      [
        "UInt16",
        "{ exponential: { mean: 5, min: -1 } }",
        ".exponential goes from -1 to 65535, outside of 0 to 65535 (UInt16)",
      ],
      ["UInt8", "{ zipf: { to: 256 } }", ".zipf goes from 1 to 256, outside of 0 to 255 (UInt8)"],
      ["UInt8", "{ sequence: { from: 256 } }", ".sequence goes from 255 to 256, outside of 0 to 255 (UInt8)"],
      [
        "Decimal(9, 2)",
        "{ uniform: { from: 0, to: 1e7 } }",
        ".uniform goes from 0 to 10000000, outside of -9999999.99 to 9999999.99 (Decimal(9, 2))",
      ],
      [
        "Date",
        "{ uniform: { from: 1969-12-31, to: 2026-01-01 } }",
        ".uniform goes from 1969-12-31 to 2026-01-01, outside of 1970-01-01 to 2149-06-06 (Date)",
      ],
      [
        "DateTime",
        "{ uniform: { from: 2026-01-01, to: 2200-01-01T00:00:01Z } }",
        ".uniform goes from 2026-01-01 to 2200-01-01T00:00:01Z, outside of 1970-01-01 to 2106-02-07T06:28:15Z (DateTime)",
      ],
      [
        "Date",
        "{ uniform: { from: 2026-02-01, to: 2026-01-01 } }",
        ".uniform goes from 2026-02-01 down to 2026-01-01: from is to be the lower one",
      ],
      [
        "IPv4",
        "{ uniform: { from: 10.0.0.9, to: 10.0.0.1 } }",
        ".uniform goes from 10.0.0.9 down to 10.0.0.1: from is to be the lower one",
      ],
      [
        "Float64",
        "{ sequence: { step: 0.25 }, decimals: 0 }",
        ".sequence.step must be 1 or more, as Float64 has it, got 0.25",
      ],
      ["UInt8", "{ quantiles: [0, 1, 256] }", ".quantiles goes from 0 to 256, outside of 0 to 255 (UInt8)"],
      [
        "Date",
        "{ quantiles: [2026-01-02, 2026-01-01] }",
        '.quantiles[1] must not be below the one before it ("2026-01-02"), got "2026-01-01"',
      ],
      [
        "UInt16",
        "{ quantiles: [0, 1.5, x] }",
        ".quantiles[1] must be a whole number, got 1.5",
        '.quantiles[2] must be a whole number, got "x"',
      ],
      ["Array(UInt8)", "{ length: { quantiles: [0, 20000] } }", ".length: must be at most 10000, goes up to 20000"],
      [
        "Time",
        '{ uniform: { from: "-01:30:00", to: "-10:05:07" } }',
        ".uniform goes from -01:30:00 down to -10:05:07: from is to be the lower one",
      ],
      [
        "Int64",
        "{ uniform: { from: a, to: 1.5 } }",
        '.uniform.from must be a whole number, got "a"',
        ".uniform.to must be a whole number, got 1.5",
      ],
      [
        "Date",
        "{ uniform: { from: 2026-02-30, to: 5 } }",
        '.uniform.from must be a date as 2026-01-31, got "2026-02-30"',
        ".uniform.to must be a date as 2026-01-31, got 5",
      ],
      ["Float64", '{ normal: { mean: 1, sd: "-1" } }', '.normal.sd must be above 0, got "-1"'],
      [
        "Int32",
        "{ normal: { mean: x, sd: y } }",
        '.normal.mean must be a number, got "x"',
        '.normal.sd must be a number, got "y"',
      ],
      ["Int32", '{ exponential: { mean: "0" } }', '.exponential.mean must be above 0, got "0"'],
      [
        "Decimal(9, 2)",
        "{ sequence: { step: 0.001 } }",
        ".sequence.step must have at most 2 digits behind the point, got 0.001",
      ],
      [
        "String",
        '{ cardinality: 101, pattern: "n{int 1..100}" }',
        ".pattern needs a part with 101 values or more, as {uuid}, {hex 16} or {int 1..101}: its largest has 100",
      ],
      [
        "FixedString(2)",
        "{ cardinality: 5000 }",
        ".pattern needs a part with 5000 values or more, as {uuid}, {hex 16} or {int 1..5000}: its largest has 3844",
      ],
      ["UInt8", "{ cardinality: 300 }", ".cardinality has 256 values, fewer than the 300 of its cardinality"],
      [
        "UInt32",
        "{ cardinality: 1000, uniform: { from: 1, to: 10 } }",
        ".uniform has 10 values, fewer than the 1000 of its cardinality",
      ],
      [
        "String",
        "{ cardinality: 3, choice: [a, b] }",
        ".cardinality does not go with choice, which says how many values there are",
      ],
      [
        "Int32",
        "{ cardinality: 3, normal: { mean: 1, sd: 1 } }",
        ".cardinality goes with uniform, pattern, or no further rule: others do not say how values differ",
      ],
      [
        "DateTime",
        "{ cardinality: 5 }",
        ".cardinality of a DateTime needs a uniform: otherwise it follows the row's time",
      ],
      ["Int32", "{ pattern: x }", `.pattern does not fit Int32, which takes ${NUMBERS}, cardinality`],
      ["Int32", "{ decimals: 2 }", `.decimals does not fit Int32, which takes ${NUMBERS}, cardinality`],
      [
        "String",
        "{ uniform: { from: 1, to: 2 } }",
        ".uniform does not fit String, which takes pattern, constant, choice, cardinality",
      ],
      [
        "Date",
        "{ sequence: { from: 2026-01-01, step: 1d } }",
        ".sequence does not fit Date, which takes time, uniform, quantiles, constant, choice, cardinality",
      ],
      [
        "Array(UInt8)",
        "{ keys: { constant: 1 } }",
        ".keys does not fit Array, which takes length, items, fields, constant, choice",
      ],
      [
        "Map(String, UInt8)",
        "{ items: {} }",
        ".items does not fit Map, which takes length, keys, values, fields, constant, choice",
      ],
      ["UInt8", "{ nulls: 0.5 }", ".nulls needs a Nullable type, not UInt8"],
      ["Decimal(9, 2)", "{ uniform: { from: 0, to: 1 }, decimals: 3 }", ".decimals must be at most 2 (Decimal(9, 2))"],
      ["UInt8", "{ constant: 300 }", ".constant must be from 0 to 255, got 300 (UInt8)"],
      ["UInt8", "{ constant: 1.5 }", ".constant must be a whole number, got 1.5 (UInt8)"],
      ["UInt8", "{ constant: null }", ".constant must be a whole number, got null (UInt8)"],
      ["Enum8('x' = 1, 'y' = 2)", "{ constant: z }", '.constant must be one of "x", "y", got "z" (Enum)'],
      ["FixedString(4)", "{ constant: abcde }", '.constant must be at most 4 bytes, got "abcde" (FixedString(4))'],
      ["Date", "{ constant: 2026-02-31 }", '.constant must be a date as 2026-01-31, got "2026-02-31" (Date)'],
      [
        "DateTime",
        "{ constant: 2026-01-31T24:00:00Z }",
        '.constant must be a time as 2026-01-31 or 2026-01-31T12:00:00Z, got "2026-01-31T24:00:00Z" (DateTime)',
      ],
      [
        "Decimal(9, 2)",
        "{ constant: 1.005 }",
        ".constant must be a number with at most 2 digits behind the point, got 1.005 (Decimal(9, 2))",
      ],
      [
        "Decimal(9, 2)",
        "{ constant: 12345678 }",
        ".constant must be a number of at most 7 digits before the point, got 12345678 (Decimal(9, 2))",
      ],
      ["UUID", "{ constant: 61f0c404 }", '.constant must be a UUID, got "61f0c404" (UUID)'],
      ["IPv4", "{ constant: 10.0.0.256 }", '.constant must be an IPv4 address, got "10.0.0.256" (IPv4)'],
      ["Array(UInt8)", "{ constant: 5 }", ".constant must be a list, got 5 (Array)"],
      ["Array(UInt8)", "{ constant: [1, 256] }", ".constant must be from 0 to 255, got 256 (Array)"],
      ["Tuple(a UInt8, b UInt8)", "{ constant: { a: 1, c: 2 } }", ".constant has no element c (Tuple)"],
      ["Tuple(a UInt8, b UInt8)", "{ fields: { z: { constant: 1 } } }", ".fields has z, which is none of a, b"],
      [
        "UInt8",
        "{ choice: { 5: 1, 256: 1, x: 1 } }",
        ".choice[1] must be from 0 to 255, got 256 (UInt8)",
        '.choice[2] must be a whole number, got "x" (UInt8)',
      ],
      ["String", '{ pattern: "{int}" }', ".pattern needs a range in {int 1..100}"],
      ["String", '{ pattern: "a{int 1..2" }', ".pattern has a { without its }: write {{ for the character itself"],
      ["String", '{ pattern: "a}b" }', ".pattern has a } without its {: write }} for the character itself"],
      [
        "String",
        '{ pattern: "{name}" }',
        ".pattern has {name}, which is none of {uuid}, {row}, {int 1..100}, {hex 8}, {base62 4..12}, {words 3..10} or {one|other}",
      ],
      ["String", '{ pattern: "{int 5..1}" }', ".pattern has {int 5..1}: 5 is above 1"],
      [
        "String",
        '{ pattern: "{int 0..9223372036854775808}" }',
        ".pattern has {int 0..9223372036854775808}: beyond 64 bits",
      ],
      ["String", '{ pattern: "{hex}" }', ".pattern needs a number in {hex 8}"],
      [
        "String",
        '{ pattern: "{words 1001}" }',
        ".pattern has {words 1001}: must be a number or a range from 0 to 1000",
      ],
      ["String", '{ pattern: "{base62 1..20}" }', ".pattern has {base62 1..20}: at most 10 between the two"],
      ["FixedString(4)", '{ pattern: "{hex 8}" }', ".pattern makes up to 8 bytes, more than FixedString(4) holds"],
      [
        "Map(String, UInt8)",
        "{ length: 4, keys: { choice: [a, b, c] } }",
        ".length goes up to 4, but there are only 3 keys",
      ],
      [
        "Map(String, UInt8)",
        "{ keys: { choice: { a: 1, b: 2 } } }",
        ".keys.choice has weights: the keys of a map are each as likely",
      ],
      [
        "Map(UInt8, UInt8)",
        "{ fields: { 256: { constant: 1 } } }",
        '.fields.256 must be from 0 to 255, got "256" (UInt8)',
      ],
      ["Array(UInt8)", "{ length: 10001 }", ".length: must be at most 10000, goes up to 10001"],
      ["JSON", "{ fields: { a: { constant: 1 }, a.b: { constant: 2 } } }", ": a cannot hold a value and a.b as well"],
      ["JSON(a UInt8)", "{ fields: { a: { type: UInt16 } } }", ".fields.a.type is declared by the column already"],
      ["JSON", "{ fields: { a: { type: Whole } } }", ".fields.a.type Whole is not a type this version knows"],
      ["JSON", "{ fields: { a: { time: {} } } }", ".fields.a: needs a type, as the column declares none for it"],
      [
        "JSON",
        "{ fields: { a: { length: 3, items: {} }, b: { keys: {} } } }",
        ".fields.a: needs a type, as the column declares none for it",
        ".fields.b: needs a type, as the column declares none for it",
      ],
    ];
    let found: { readonly code: number | null; readonly errors: readonly string[] };
    before(async () => {
      found = await errorsOf(
        cases.map(([type], i) => `c${i} ${type}`).join(", "),
        `columns:\n${cases.map(([, rule], i) => `  c${i}: ${rule}\n`).join("")}`,
      );
    });
    for (const [i, [type, rule, ...sentences]] of cases.entries()) {
      it(`${type} ${rule}: ${sentences.join("; ")}`, () => {
        const own = found.errors.filter((line) => new RegExp(`\\bcolumns\\.c${i}\\b`).test(line));
        expect(own).to.deep.equal(sentences.map((sentence) => `error: rules.yaml:${i + 2}: columns.c${i}${sentence}`));
      });
    }
    it(`all ${cases.length} of them: as many lines as there are problems, exit 2`, () => {
      expect(found.code).to.equal(2);
      expect(found.errors.length).to.equal(cases.reduce((sum, [, , ...sentences]) => sum + sentences.length, 0));
    });
  });

  it("columns that are not there, columns the server fills, Nested and together: every problem at once, exit 2", async () => {
    const { code, errors } = await errorsOf(
      "country String, level UInt8, day Date MATERIALIZED today(), two UInt8 ALIAS 2, n Nested(a UInt8, b String)",
      `columns:
  contry: { constant: x }
  zzzzzz: omit
  day: { constant: 2026-01-01 }
  two: omit
  n: { items: {}, length: 3 }
together:
  - columns: [country, levl]
    options: [[a, 1]]
  - columns: [level]
    options: [[1], [256], [x]]
`,
    );
    expect(errors).to.deep.equal([
      "error: rules.yaml:2: columns.contry: the table has no column contry: did you mean country?",
      "error: rules.yaml:4: columns.day: column day is MATERIALIZED: the server fills it",
      "error: rules.yaml:3: columns.zzzzzz: the table has no column zzzzzz",
      "error: rules.yaml:5: columns.two: column two is ALIAS: the server fills it",
      "error: rules.yaml:6: columns.n.items does not fit a Nested, which takes length, fields",
      "error: rules.yaml:8: together[0]: the table has no column levl: did you mean level?",
      "error: rules.yaml:10: together[1].options[1] must be from 0 to 255, got 256 (UInt8)",
      'error: rules.yaml:10: together[1].options[2] must be a whole number, got "x" (UInt8)',
    ]);
    expect(code).to.equal(2);
  });

  it("Nested: a part that is none of its own, and a length of one array alone, exit 2", async () => {
    const { code, errors } = await errorsOf(
      "n Nested(a UInt8, b String)",
      "columns:\n  n: { fields: { a: {}, c: { constant: 1 } } }\n  n.b: { length: 3 }\n",
    );
    expect(errors).to.deep.equal([
      "error: rules.yaml:2: columns.n.fields has c, which is none of a, b",
      "error: rules.yaml:3: columns.n.b.length: the arrays of n have one length: give it as columns.n.length",
    ]);
    expect(code).to.equal(2);
  });

  it("what is wrong in the file itself comes with its lines, all at once, before the server is asked: exit 2", async () => {
    const { code, errors } = await errorsOf(
      "a UInt8",
      `rate: 0
columns:
  a: { unifrom: { from: 1, to: 2 } }
  b: { choice: { x: -1 } }
  c: { choice: { x: 0, y: 0 } }
  d: { uniform: { from: 5, to: 1 } }
  e: { cardinality: 0 }
  f: { cardinality: { of: 5, key: k } }
  g: { cardinality: { of: 6, key: k } }
together:
  - columns: [h, i]
    options: [[1]]
`,
    );
    expect(errors).to.deep.equal([
      "error: rules.yaml:3: columns.a: unknown key unifrom: did you mean uniform?",
      "error: rules.yaml:4: columns.b.choice: weights must not be negative, got -1",
      "error: rules.yaml:5: columns.c.choice: weights must not all be 0",
      "error: rules.yaml:6: columns.d.uniform: from must not be above to, got 5 and 1",
      "error: rules.yaml:7: columns.e.cardinality: must be a whole number from 1 to 2^53, got 0",
      "error: rules.yaml:9: columns.g.cardinality: must have the same of, zipf and cycle as columns.f.cardinality: both have the key k",
      "error: rules.yaml:12: together[0].options[0]: must have a value for each of 2 columns, got 1",
    ]);
    expect(code).to.equal(2);
  });

  it("a broken YAML file is told by line and column, exit 2", async () => {
    const { code, errors } = await errorsOf("a UInt8", "columns:\n  a: { constant: 1\n  b: [\n");
    expect(code).to.equal(2);
    expect(errors[0]).to.match(/^error: rules\.yaml:[2-4]:\d+: /);
  });

  it("--data-span with --rate max, exit 2", async () => {
    const { code, errors } = await errorsOf("at DateTime", "data-span: 7d\nrate: max\n", [
      "--table",
      "t",
      "--duration",
      "1",
    ]);
    expect(errors).to.deep.equal([
      "error: data-span in rules.yaml cannot be used with rate in rules.yaml max: how many rows there will be is not known",
    ]);
    expect(code).to.equal(2);
  });

  it("every column omitted, exit 2", async () => {
    const { code, errors } = await errorsOf("a UInt8, b String", "columns: { a: omit, b: omit }\n");
    expect([code, errors]).to.deep.equal([2, ["error: columns: no column of the table is left"]]);
  });

  it("a table that is not there, and the one that was meant; a view: exit 3", async () => {
    const { database, url } = await newDatabase();
    await clickhouse("CREATE TABLE web_events (a UInt8) ENGINE = MergeTree ORDER BY a", database);
    await clickhouse("CREATE VIEW web_view AS SELECT 1 AS a", database);
    const file = fileOf("columns: { a: { constant: 1 } }\n");
    const [missing, far, view] = await Promise.all(
      ["web_event", "nothing_like_it", "web_view"].map((table) =>
        clickstorm(["--clickhouse-url", url, "--config", file, "--table", table, ...SHORT]),
      ),
    );
    const said = (ended: Ended | undefined) =>
      ended === undefined ? [] : [ended.code, ...linesOf(ended, file, database)];
    expect(said(missing)).to.deep.equal([
      3,
      "error: URL has no table DB.web_event, or this user may not see it: did you mean web_events?",
    ]);
    expect(said(far)).to.deep.equal([
      3,
      "error: URL has no table DB.nothing_like_it, or this user may not see it: create it, or leave --table out and events is created",
    ]);
    expect(said(view)).to.deep.equal([
      3,
      "error: DB.web_view is a view (View): rows can only be inserted into a table",
    ]);
    expect(await numberOf("SELECT count() FROM web_events", database)).to.equal(0);
  });

  it("types no row can be made for: each named, with how to leave it out, exit 3; left out, the load goes on", async () => {
    const columns = "a UInt8, `sum of x` AggregateFunction(sum, UInt64), u AggregateFunction(uniq, String)";
    const { code, errors, database } = await errorsOf(columns, "columns: {}\n");
    const why = "holds the state of an aggregation, which cannot be written as a row";
    expect(errors).to.deep.equal([
      `error: DB.t: column sum of x: AggregateFunction(sum, UInt64) ${why}; leave it out with --config and \`columns: { "sum of x": omit }\`; ` +
        `column u: AggregateFunction(uniq, String) ${why}; leave it out with --config and \`columns: { u: omit }\``,
    ]);
    expect(code).to.equal(3);
    const file = fileOf('columns: { "sum of x": omit, u: omit }\n');
    const url = `${serverUrl()}/?database=${database}`;
    const taken = await clickstorm(["--clickhouse-url", url, "--config", file, "--table", "t", ...SHORT]);
    expect(taken.code, taken.stderr).to.equal(0);
    expect(await numberOf("SELECT count() FROM t", database)).to.equal(20);
  });

  it("a type of a newer ClickHouse is named, with how to leave it out", () => {
    const table = [
      { name: "a", type: "UInt8", defaultKind: "" },
      { name: "holo", type: "Hologram(3)", defaultKind: "" },
      { name: "m", type: "Map(String, Array(Hologram))", defaultKind: "" },
    ];
    expect(rowsOf(table, NO_RULES, "run").typeProblems).to.deep.equal([
      "column holo: Hologram(3) is not a type this version knows; leave it out with --config and `columns: { holo: omit }`",
      "column m: Hologram is not a type this version knows; leave it out with --config and `columns: { m: omit }`",
    ]);
  });

  describe("a user without the right to insert", () => {
    let server: EmbeddedServer;
    before(async () => {
      server = await startWithUsers();
    });
    after(async () => {
      await server?.stop();
    });

    it("is told so, exit 3, whatever the rules", async () => {
      await askAsOwner(server, "CREATE TABLE default.t (a UInt8) ENGINE = MergeTree ORDER BY a");
      const file = fileOf("table: t\ncolumns: { a: { constant: 1 } }\n");
      const login = ["--user", "reader", "--password", PASSWORD];
      const { code, stdout, stderr } = await clickstorm([
        "--clickhouse-url",
        server.url,
        "--config",
        file,
        ...login,
        ...SHORT,
      ]);
      expect([code, stdout]).to.deep.equal([3, ""]);
      expect(stderr).to.match(
        /^error: http:\/\/127\.0\.0\.1:\d+ does not let this user insert into default\.t: Code: 497\. DB::Exception: .*grant INSERT\(a\) ON default\.t.*\n$/,
      );
      expect(await askAsOwner(server, "SELECT count() FROM default.t")).to.equal("0");
    });
  });
});
