// `clickstorm sample --learn` as a person uses it: the real program and server. A table of known laws is learned, the file
// fills an empty copy of it, and ClickHouse compares the two.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import type { EmbeddedServer } from "../src/embedded/server.js";
import { clickstorm, type Ended } from "./support/cli.js";
import { execute } from "./support/ddl.js";
import { clickhouse, newDatabase, numberOf, rowsOf, serverUrl } from "./support/server.js";
import { near } from "./support/statistics.js";
import { webServer } from "./support/strangers.js";
import { askAsOwner, PASSWORD, startWithUsers } from "./support/users.js";

const folder = mkdtempSync(join(tmpdir(), "clickstorm-learn-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const LOUD = ["--no-metrics", "--no-traces"];

function fileOf(text: string): string {
  const file = join(folder, "rules.yaml");
  writeFileSync(file, text);
  return file;
}

/** Of a table t of these columns and rows. */
async function tableOf(columns: string, select: string, after = "ENGINE = MergeTree ORDER BY tuple()") {
  const { database, url } = await newDatabase();
  await execute(`CREATE TABLE t (${columns}) ${after}`, { database, enable_time_time64_type: "1" });
  if (select !== "") await clickhouse(`INSERT INTO t ${select}`, database);
  return { database, url };
}

async function learned(url: string, ...more: readonly string[]): Promise<Ended> {
  return clickstorm(["sample", "--clickhouse-url", url, "--table", "t", "--learn", ...more]);
}

/** The file, without comments. */
async function rulesFor(columns: string, select: string, ...more: readonly string[]): Promise<string> {
  const { url } = await tableOf(columns, select);
  const { code, stdout, stderr } = await learned(url, ...more);
  expect(code, stderr).to.equal(0);
  const [, rules = ""] = stdout.split(/^columns:$/m);
  return rules
    .split("\n")
    .filter((line) => !line.trim().startsWith("#") && line.trim() !== "")
    .map((line) => line.slice(2))
    .join("\n");
}

describe("learn", function () {
  this.timeout(120_000);

  describe("a copy filled by the learned file resembles the table, by ClickHouse's own figures", () => {
    const ROWS = 100_000;
    const COLUMNS = `id UInt64, at DateTime64(3), seen DateTime64(3), born Date, heat Float64, wait Float64, size UInt32,
      price Decimal(9, 2), host String, trace UUID, session String, score Nullable(Int32), tags Array(LowCardinality(String)),
      level Enum8('low' = 1, 'mid' = 2, 'high' = 3), country LowCardinality(String), text String, ip IPv4, clock Time,
      ok Bool, attributes Map(String, UInt16), place Tuple(x Float32, note Nullable(String)), status UInt16`;
    const uniform = (n: number): string => `(rand(${n}) / 4294967296)`;
    const SELECT = `SELECT number, toDateTime64('2026-01-01', 3, 'UTC') + number / 10 AS at,
      at - if(rand(1) % 10 = 0, randExponential(1 / 60, 1), 0), toDate('1980-01-01') + rand(3) % 9000,
      randNormal(50, 7, 1), randExponential(0.1, 2), toUInt32(exp(randNormal(7, 1.5, 3))), round(randNormal(100, 20, 4), 2),
      concat('host-', toString(toUInt32(exp(log(1001) * ${uniform(5)})))), generateUUIDv4(), lower(hex(rand64(6))),
      if(rand(7) % 10 < 3, NULL, rand(8) % 1000), arrayMap(x -> concat('tag', toString(x)), range(rand(9) % 5)),
      1 + (rand(11) % 10 > 2) + (rand(11) % 10 > 8), ['DE', 'US', 'FR', 'IT'][1 + toUInt8(4 * pow(${uniform(12)}, 2))],
      concat('some ', repeat('word ', rand(13) % 10), toString(rand(14))), toIPv4(167772160 + rand(15) % 1000),
      toTime(rand(16) % 86400), rand(17) % 4 = 0, map('a', rand(18) % 500, 'b', rand(19) % 500),
      (rand(20) % 1000 / 10, if(rand(21) % 2 = 0, NULL, 'yes')), [200, 200, 200, 404, 500][1 + rand(22) % 5]
      FROM numbers(${ROWS})`;
    let yaml = "";
    let database = "";
    before(async () => {
      const table = await tableOf(COLUMNS, SELECT);
      database = table.database;
      const { code, stdout, stderr } = await learned(table.url);
      expect(code, stderr).to.equal(0);
      yaml = stdout;
      await clickhouse("CREATE TABLE copy AS t", database);
      const flags = [
        "--table",
        "copy",
        "--clickhouse-url",
        table.url,
        "--rate",
        "max",
        "--duration",
        "3",
        "--seed",
        "1",
      ];
      const run = await clickstorm(["run", "--config", fileOf(yaml), ...flags, ...LOUD]);
      expect(run.code, run.stderr).to.equal(0);
      expect(await numberOf("SELECT count() FROM copy", database)).to.be.above(ROWS);
      // As many rows as the table has: how many different values there are depends on it.
      await clickhouse(`CREATE VIEW same AS SELECT * FROM copy ORDER BY id LIMIT ${ROWS}`, database);
    });

    /** Of the table and of its copy. */
    async function both(sql: string): Promise<readonly [number, number]> {
      const of = async (table: string) => Number(await clickhouse(`SELECT ${sql} FROM ${table}`, database));
      return [await of("t"), await of("same")];
    }

    // A sample of n and another of n differ by sqrt(2 / n) times the deviation; rules are told in quantiles of 1%, and a law
    // is taken that is off by 1% of the rows.
    const sigma = Math.sqrt(2 / ROWS);
    const RANK = 0.01 + 5 * Math.sqrt(0.5) * sigma;

    const numbers = [
      "heat",
      "wait",
      "size",
      "toFloat64(price)",
      "toUInt16(born)",
      "toUInt32(ip)",
      "toInt32(clock)",
      "score",
      "place.x",
    ];
    for (const x of numbers) {
      it(`${x}: the table's p5, p25, p50, p75, p95, p99 are those of the copy, to ${RANK.toFixed(3)} of the rows`, async () => {
        for (const p of [0.05, 0.25, 0.5, 0.75, 0.95, 0.99]) {
          const at = await numberOf(`SELECT quantileExact(${p})(${x}) FROM t`, database);
          const [own, copied] = await both(`countIf(${x} <= ${at}) / count(${x})`);
          near(copied, own, RANK, `rank of p${100 * p}, ${at}`);
        }
      });
    }

    for (const [x, off] of [
      ["avg(heat)", 0.05],
      ["avg(wait)", 0.2],
      ["avg(toFloat64(price))", 0.5],
      ["stddevPop(heat)", 0.1],
      // Of a lognormal law with s = 1.5; its last hundredth holds a fifth of the sum.
      ["avg(size)", 0.1 * Math.exp(7 + 1.5 ** 2 / 2)],
      ["avg(length(text))", 1],
      ["avg(length(host))", 0.5],
      ["avg(length(session))", 0.05],
      ["avg(length(tags))", 0.05],
      ["avg(length(attributes))", 0],
      ["avg(arraySum(mapValues(attributes)))", 10],
    ] as const) {
      it(`${x}: the same to ${off.toPrecision(3)}`, async () => {
        const [own, copied] = await both(x);
        near(copied, own, off, x);
      });
    }

    it("NULLs, a Bool, an Enum, texts, a status and lengths of arrays come as often, to five standard errors", async () => {
      const shares = [
        "isNull(score)",
        "isNull(place.note)",
        "place.note = 'yes'",
        "ok",
        "level = 'low'",
        "level = 'high'",
        ...["DE", "US", "FR", "IT"].map((country) => `country = '${country}'`),
        ...[200, 404, 500].map((status) => `status = ${status}`),
        ...[0, 1, 2, 3, 4].map((length) => `length(tags) = ${length}`),
      ];
      for (const share of shares) {
        const [own, copied] = await both(`countIf(${share}) / count()`);
        // Weights have four digits.
        near(copied, own, 5 * sigma * Math.sqrt(own * (1 - own)) + 1e-4, share);
      }
    });

    it("each of four elements of arrays is as many of all elements, to five standard errors", async () => {
      for (const tag of [0, 1, 2, 3]) {
        const [own, copied] = await both(`sum(countEqual(tags, 'tag${tag}')) / sum(length(tags))`);
        // Two elements a row on the average.
        near(copied, own, 5 * sigma * Math.sqrt((own * (1 - own)) / 2) + 1e-4, `tag${tag}`);
      }
    });

    it("a skewed text: as many different ones to 3%, the most frequent one and the ten most as often to a fifth", async () => {
      const [own, copied] = await both("uniqExact(host)");
      near(copied, own, 0.03 * own, "different");
      const top = "arraySum(arraySlice(arrayReverseSort(sumMap([host], [1]).2), 1, N)) / count()";
      for (const n of ["1", "10"]) {
        const [first, second] = await both(top.replace("N", n));
        near(second, first, 0.2 * first, `the first ${n}`);
      }
    });

    it("UUIDs and hex texts are all different, of the same length and shape", async () => {
      expect(await both("uniqExact(trace)")).to.deep.equal([ROWS, ROWS]);
      const [, different] = await both("uniqExact(session)");
      expect(different).to.equal(ROWS);
      const [own, copied] = await both("countIf(match(session, '^[0-9a-f]{16}$')) / count()");
      near(copied, own, 0.07, "16 hex digits");
    });

    it("a number that counts up counts up: 0 to 99,999 once each", async () => {
      expect(await both("uniqExact(id)")).to.deep.equal([ROWS, ROWS]);
      expect(await both("max(id)")).to.deep.equal([ROWS - 1, ROWS - 1]);
    });

    it("the time that follows the rows has no rule; that behind it is late for 10%, by a minute on the average", async () => {
      expect(yaml).to.match(/^ {2}# at DateTime64\(3\): follows the order of the rows/m);
      expect(yaml).not.to.match(/^ {2}at:/m);
      const [own, copied] = await both("countIf(seen < at) / count()");
      near(copied, own, 5 * sigma * Math.sqrt(own * (1 - own)) + 1e-4, "late");
      const [delay, copiedDelay] = await both("avgIf(toFloat64(at) - toFloat64(seen), seen < at)");
      near(copiedDelay, delay, (60 * 5 * sigma) / Math.sqrt(0.1) + 0.1, "delay");
    });

    it("IPv4 and map: a thousand addresses, the keys a and b in each", async () => {
      expect(await both("uniqExact(ip)")).to.deep.equal([1000, 1000]);
      expect(await both("countIf(arraySort(mapKeys(attributes)) = ['a', 'b'])")).to.deep.equal([ROWS, ROWS]);
    });

    it("says in comments what was seen: rows, ranges, how many different values", () => {
      expect(yaml).to.include(`# Learned from ${database}.t: looked at 100,000 of 100,000 rows.\n`);
      expect(yaml).to.include("# country LowCardinality(String): 4 distinct, length 2\n");
      expect(yaml).to.match(/# score Nullable\(Int32\): 0\.\.999, 1,000 distinct, (29|30)\.?\d*% NULL\n/);
    });
  });

  describe("one column, one rule", () => {
    const N = "FROM numbers(20000)";
    const cases: readonly (readonly [what: string, columns: string, select: string, rules: string])[] = [
      ["one text", "x String", `SELECT 'web' ${N}`, "x:\n  constant: web"],
      ["one number", "x Int8", `SELECT -7 ${N}`, "x:\n  constant: -7"],
      [
        "texts that look like numbers",
        "x String",
        `SELECT ['007', '1.10'][1 + number % 2] ${N}`,
        'x:\n  choice:\n    "007": 50\n    "1.10": 50',
      ],
      [
        "texts YAML has a meaning for",
        "x String",
        `SELECT ['null', '<<', '', 'a: b'][1 + number % 4] ${N} ORDER BY number % 4`,
        "",
      ],
      [
        "few numbers",
        "x UInt16",
        `SELECT [200, 404][1 + (number % 4 = 0)] ${N}`,
        "x:\n  choice:\n    200: 75\n    404: 25",
      ],
      ["evenly spread", "x UInt32", `SELECT number * 7919 % 20000 ${N}`, "x:\n  uniform: { from: 0, to: 19999 }"],
      ["counting in steps", "x Int64", `SELECT 5 + number * 3 ${N}`, "x:\n  sequence: { from: 5, step: 3 }"],
      [
        "counting over 2^53",
        "x UInt64",
        `SELECT 9007199254740993 + number ${N}`,
        "x:\n  sequence: { from: 9007199254740993, step: 1 }",
      ],
      [
        "a day that does not follow",
        "x Date",
        `SELECT toDate('2026-01-01') + number * 7 % 100 ${N}`,
        "x:\n  uniform: { from: 2026-01-01, to: 2026-04-10 }",
      ],
      ["a time that follows", "x DateTime", `SELECT toDateTime('2026-01-01') + number ${N}`, ""],
      ["UUIDs as texts", "x String", `SELECT toString(generateUUIDv4()) ${N}`, 'x:\n  pattern: "{uuid}"'],
      [
        "digits",
        "x String",
        `SELECT toString(100000 + number * 7919 % 800000) ${N}`,
        'x:\n  pattern: "{int 100000..999999}"',
      ],
      ["hex", "x FixedString(12)", `SELECT lower(substring(hex(rand64()), 1, 12)) ${N}`, 'x:\n  pattern: "{hex 12}"'],
      [
        "letters",
        "x String",
        `SELECT randomPrintableASCII(0) || base64Encode(toString(100000000000 + number)) ${N}`,
        'x:\n  pattern: "{base62 16}"',
      ],
      [
        "a thousand texts, each as often",
        "x String",
        `SELECT 'name-' || toString(1000 + number % 1000) ${N}`,
        'x:\n  cardinality: 1000\n  pattern: "{base62 9}"',
      ],
      ["no NULL", "x Nullable(UInt8)", `SELECT 1 ${N}`, "x:\n  constant: 1\n  nulls: 0"],
      ["only NULL", "x Nullable(String)", `SELECT NULL ${N}`, "x:\n  nulls: 1"],
      ["empty arrays", "x Array(String)", `SELECT [] ${N}`, "x:\n  length: 0"],
      [
        "two decimals",
        "x Float64",
        `SELECT number % 10000 / 100 ${N}`,
        "x:\n  uniform: { from: 0, to: 99.99 }\n  decimals: 2",
      ],
      [
        "a Nested",
        "n Nested(a UInt8, b String)",
        `SELECT [1, 1], ['p', 'p'] ${N}`,
        '"n":\n  length: 2\n  fields:\n    a:\n      constant: 1\n    b:\n      constant: p',
      ],
      [
        "declared paths",
        "x JSON(a UInt8, b.c String)",
        `SELECT '{"a":3,"b":{"c":"q"}}' ${N}`,
        "x:\n  fields:\n    a:\n      constant: 3\n    b.c:\n      constant: q",
      ],
      [
        "what no row can be made for",
        "x AggregateFunction(sum, UInt8), y UInt8",
        `SELECT sumState(toUInt8(1)), 1 ${N} GROUP BY number`,
        'x: omit\n"y":\n  constant: 1',
      ],
      ["what is not learned", "x Variant(UInt8, String)", `SELECT 'a' ${N}`, ""],
      [
        "what the server fills, and the ledger",
        "x UInt8 MATERIALIZED 1, run_id String, seq UInt64",
        `SELECT 'a', number ${N}`,
        "",
      ],
    ];
    for (const [what, columns, select, rules] of cases) {
      it(`${what}: ${columns}`, async () => {
        const found = await rulesFor(columns, select);
        if (what === "texts YAML has a meaning for") {
          expect(found.split("\n").toSorted()).to.deep.equal(
            ["x:", "  choice:", '    "": 25', '    "<<": 25', '    "a: b": 25', '    "null": 25'].toSorted(),
          );
        } else expect(found).to.equal(rules);
      });
    }

    it("numbers that are neither even, normal nor exponential: 101 quantiles, of which the middle one is the median", async () => {
      const found = await rulesFor(
        "x UInt32",
        "SELECT pow(number, 2) FROM numbers(20000)".replace(
          "pow(number, 2)",
          "intHash32(number) % 3 = 0 ? number : 1000000 + number",
        ),
      );
      const values = /quantiles:\s+\[([^\]]*)\]/.exec(found)?.[1]?.split(",").map(Number).slice(0, 101) ?? [];
      expect(values).to.have.length(101);
      // A third lies below 20,000; the median is a quarter of the way through the rest.
      expect(values[50]).to.be.within(1_004_000, 1_006_000);
      expect(values[30]).to.be.below(20_000);
    });
  });

  describe("the table's texts", () => {
    const COLUMNS =
      "a String, b Array(String), c Map(String, String), d LowCardinality(String), e FixedString(20), f String, g Tuple(String)";
    // Common values, and one row in 5000 with a marker of its own.
    const odd = "number % 5000 = 7";
    const select = (
      marker: string,
    ) => `SELECT if(${odd}, '${marker}-1', 'Common-' || toString(number % 3)), [if(${odd}, '${marker}-2', 'Common-x')],
      map(if(${odd}, '${marker}-3', 'Common-k'), if(${odd}, '${marker}-4', 'Common-v')), if(${odd}, '${marker}-5', 'Common-y'),
      if(${odd}, '${marker}-6', 'Common-z'), '${marker}-' || toString(number), tuple(if(${odd}, '${marker}-7', 'Common-t')) FROM numbers(20000)`;

    it("beyond the top values are not in the file: no marker of rare ones, no common beginning", async () => {
      const { url } = await tableOf(COLUMNS, select("zQ7secret"));
      const { code, stdout } = await learned(url);
      expect(code).to.equal(0);
      expect(stdout).not.to.include("zQ7");
      for (const top of ["Common-0", "Common-x", "Common-k", "Common-v", "Common-y", "Common-z", "Common-t"]) {
        expect(stdout).to.include(top);
      }
    });

    it("with --no-values none is: made-up ones of the same number, weights and lengths", async () => {
      const { url } = await tableOf(COLUMNS, select("zQ7secret"));
      const { code, stdout } = await learned(url, "--no-values");
      expect(code).to.equal(0);
      expect(stdout).not.to.match(/zQ7|Common/);
      const rules = await rulesFor(
        "x String",
        "SELECT ['Germany', 'the Netherlands'][1 + (number % 4 = 0)] FROM numbers(1000)",
        "--no-values",
      );
      expect(rules).to.equal("x:\n  choice:\n    value-1: 75\n    value-2-xxxxxxx: 25".replace(/"/g, ""));
    });
  });

  describe("never more than a million rows are looked at", () => {
    it("of two million, spread over the table: what the server says it read, and quantiles of all of it", async () => {
      const { database, url } = await tableOf(
        "x UInt32, y String",
        "SELECT number, toString(number % 7) FROM numbers(2000000)",
        "ENGINE = MergeTree ORDER BY x",
      );
      const { code, stdout, stderr } = await learned(url);
      expect(code, stderr).to.equal(0);
      expect(stderr).to.match(
        /^looking at up to 1,000,000 rows of 2,000,000 in \S+, in granules spread evenly over the table: up to 3 queries of at most 60 s, 2 threads and 4 GB each\n/,
      );
      const [, looked = ""] = /looked at ([\d,]+) of 2,000,000 rows/.exec(stdout) ?? [];
      expect(Number(looked.replaceAll(",", ""))).to.be.within(950_000, 1_000_000);
      await clickhouse("SYSTEM FLUSH LOGS");
      const reads = await rowsOf<{ rows: number }>(
        `SELECT read_rows AS rows FROM system.query_log WHERE type = 'QueryFinish' AND query LIKE '%${database}%_part_offset%' AND query NOT LIKE '%query_log%'`,
      );
      expect(reads).to.have.length(2);
      for (const { rows } of reads) expect(rows).to.be.within(950_000, 1_000_000);
    });

    it("of another engine, the first million", async () => {
      const { url } = await tableOf("x UInt8", "SELECT number % 200 FROM numbers(1200000)", "ENGINE = Memory");
      const { code, stdout, stderr } = await learned(url);
      expect(code, stderr).to.equal(0);
      expect(stdout).to.include("looked at 1,000,000 of 1,200,000 rows, the first rows the server reads.");
    });
  });

  describe("what cannot be learned from is a sentence, exit 3", () => {
    it("an empty table", async () => {
      const { database, url } = await tableOf("x UInt8", "");
      const { code, stdout, stderr } = await learned(url);
      expect([code, stdout, stderr]).to.deep.equal([3, "", `error: ${database}.t holds no rows to learn from\n`]);
    });

    it("an empty view, of which the server does not know how many rows it has", async () => {
      const { database, url } = await tableOf("x UInt8", "");
      await clickhouse("CREATE VIEW v AS SELECT x FROM t", database);
      const { code, stderr } = await clickstorm(["sample", "--clickhouse-url", url, "--table", "v", "--learn"]);
      expect(code).to.equal(3);
      expect(stderr).to.match(new RegExp(`error: ${database}\\.v holds no rows to learn from\\n$`));
    });

    it("a table that is not there, with the name that was meant", async () => {
      const { database, url } = await newDatabase();
      await clickhouse("CREATE TABLE orders (x UInt8) ENGINE = Memory", database);
      const { code, stderr } = await clickstorm(["sample", "--clickhouse-url", url, "--table", "order", "--learn"]);
      expect(code).to.equal(3);
      expect(stderr).to.match(/has no table \S+\.order, or this user may not see it: did you mean orders\?\n$/);
    });

    it("without --table, where there is no table of events", async () => {
      const { url } = await newDatabase();
      const { code, stderr } = await clickstorm(["sample", "--clickhouse-url", url, "--learn"]);
      expect(code).to.equal(3);
      expect(stderr).to.match(
        /has no table \S+\.events, or this user may not see it: name one that is there with --table\n$/,
      );
    });

    it("one that takes longer than it may, with fewer rows, too", async () => {
      const { database, url } = await newDatabase();
      await clickhouse(
        "CREATE VIEW v AS SELECT number AS x FROM numbers(100000) WHERE sleepEachRow(0.01) = 0 SETTINGS max_execution_time = 1, max_block_size = 10",
        database,
      );
      const { code, stdout, stderr } = await clickstorm(["sample", "--clickhouse-url", url, "--table", "v", "--learn"]);
      expect([code, stdout]).to.deep.equal([3, ""]);
      expect(stderr).to.match(/^that was too much for the server \(.*TIMEOUT_EXCEEDED.*\): again with 100,000 rows$/m);
      expect(stderr).to.match(
        /^error: \S+ cannot look at 100,000 rows of \S+\.v within 60 s and 4 GB: put some of its rows into a smaller table and learn from that: /m,
      );
    });

    describe("as users with fewer rights", () => {
      let server: EmbeddedServer;
      before(async () => {
        server = await startWithUsers();
        await askAsOwner(server, "CREATE TABLE t (x UInt8) ENGINE = MergeTree ORDER BY x");
        await askAsOwner(server, "INSERT INTO t SELECT 3 FROM numbers(10)");
      });
      after(() => server.stop());
      const as = (user: string) =>
        clickstorm([
          "sample",
          "--clickhouse-url",
          server.url,
          "--user",
          user,
          "--password",
          PASSWORD,
          "--table",
          "t",
          "--learn",
        ]);

      it("one who may not read it", async () => {
        const { code, stdout, stderr } = await as("writer");
        expect([code, stdout]).to.deep.equal([3, ""]);
        expect(stderr).to.match(/^looking at .*\nerror: http:\S+ does not let this user read default\.t: .*SELECT/);
        expect(stderr).not.to.include(PASSWORD);
      });

      it("one who may change no settings learns without limits, and is told so", async () => {
        const { code, stdout, stderr } = await as("guest");
        expect(code, stderr).to.equal(0);
        expect(stderr).to.include("this user may change no settings: asking without limits of time and memory");
        expect(stdout).to.include("constant: 3");
      });
    });
  });

  describe("what goes wrong on the way is told, and the rest is learned", () => {
    const learnedView = async (select: string): Promise<Ended> => {
      const { database, url } = await newDatabase();
      await clickhouse(`CREATE VIEW v AS ${select}`, database);
      return clickstorm(["sample", "--clickhouse-url", url, "--table", "v", "--learn"]);
    };

    it("a million rows that are too much: a hundred thousand", async () => {
      const { code, stdout, stderr } = await learnedView(
        "SELECT throwIf(number = 900000, 'late', 159::Int16) + 5 AS x FROM numbers(2000000) SETTINGS allow_custom_error_code_in_throwif = 1",
      );
      expect(code, stderr).to.equal(0);
      expect(stderr).to.include("again with 100,000 rows");
      expect(stdout).to.match(/looked at 100,000 rows[\s\S]*constant: 5/);
    });

    it("parts that are merged between two questions: they are looked for anew", async () => {
      const { database } = await tableOf(
        "x UInt32",
        "SELECT number FROM numbers(700000)",
        "ENGINE = MergeTree ORDER BY x",
      );
      await clickhouse("INSERT INTO t SELECT 700000 + number FROM numbers(700000)", database);
      let merges = 0;
      const between = await webServer(async (request, response) => {
        const chunks: Buffer[] = [];
        for await (const chunk of request) chunks.push(chunk as Buffer);
        const body = Buffer.concat(chunks).toString();
        const answer = await fetch(`${serverUrl()}${request.url}`, { method: "POST", body });
        const text = await answer.text();
        if (body.includes("system.parts") && merges++ === 0) await clickhouse("OPTIMIZE TABLE t FINAL", database);
        response.writeHead(answer.status).end(text);
      });
      const { code, stdout, stderr } = await learned(`${between.url}/?database=${database}`);
      await between.close();
      expect(code, stderr).to.equal(0);
      expect(stderr).to.include(`parts of ${database}.t were merged meanwhile: looking anew`);
      expect(stdout).to.match(/looked at 9\d\d,\d\d\d of 1,400,000 rows/);
      expect(stdout).to.match(/sequence: \{ from: \d+, step: 1 \}/);
    });

    it("a column that cannot be read beside one that can", async () => {
      const { code, stdout, stderr } = await learnedView(
        "SELECT number % 2 AS good, if(throwIf(number = 5) = 0, 'a', 'b') AS bad FROM numbers(1000)",
      );
      expect(code, stderr).to.equal(0);
      expect(stderr).to.match(/^left to its default: .*throwIf/m);
      expect(stdout).to.match(/good:\n {4}choice:\n {6}0: 50\n {6}1: 50/);
      expect(stdout).to.match(/# bad String: nothing seen of it/);
    });
  });

  describe("flags that have no meaning with it: all at once, exit 2", () => {
    it("--explain, --blind, --rows, --config, --format", async () => {
      const { code, stdout, stderr } = await clickstorm(
        "sample --learn --explain --blind --rows 3 --config none.yaml --format JSONEachRow".split(" "),
      );
      expect([code, stdout]).to.deep.equal([2, ""]);
      expect(
        stderr
          .trimEnd()
          .split("\n")
          .map((line) => line.split(":").slice(0, 2).join(":")),
      ).to.deep.equal(
        ["explain", "blind", "rows", "config", "format"].map((name) => `error: --${name} cannot be used with --learn`),
      );
    });

    it("--no-values alone", async () => {
      const { code, stderr } = await clickstorm(["sample", "--blind", "--no-values"]);
      expect([code, stderr]).to.deep.equal([
        2,
        "error: --no-values needs --learn: it leaves texts out of what is learned\n",
      ]);
    });
  });
});
