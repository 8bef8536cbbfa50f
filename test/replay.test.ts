// clickstorm run --replay from end to end: files of known lines, and what ClickHouse says has landed of them.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync, gzipSync } from "node:zlib";
import { expect } from "chai";
import { clickstorm, type Ended, start, unwrapped } from "./support/cli.js";
import { clickhouse, newDatabase, numberOf, rowsOf, serverUrl } from "./support/server.js";
import { Sink } from "./support/sink.js";
import { frame, stored, ZSTD_BYTES } from "./support/zstd.js";

const QUIET = ["--no-traces", "--no-metrics"];

const directory = mkdtempSync(join(tmpdir(), "clickstorm-replay-"));
const pathOf = (name: string): string => join(directory, name);

function write(name: string, content: string | Uint8Array): string {
  writeFileSync(pathOf(name), content);
  return pathOf(name);
}

/** Rows 0 to `rows` - 1, of many lengths, each with its number. */
const numbered = (rows: number): string[] =>
  Array.from({ length: rows }, (_, n) => `{"n":${n},"text":"${"x".repeat((n * 7919) % 97)}"}`);

/** A table of numbered rows. */
async function table(
  engine = "MergeTree ORDER BY tuple()",
): Promise<{ readonly database: string; readonly url: string }> {
  const made = await newDatabase();
  await clickhouse(`CREATE TABLE t (n UInt64, text String) ENGINE = ${engine}`, made.database);
  return made;
}

async function replay(url: string, file: string, flags: string): Promise<Ended> {
  return clickstorm(["--clickhouse-url", url, "--table", "t", "--replay", file, ...flags.split(" "), ...QUIET]);
}

interface Landed {
  readonly rows: number;
  readonly distinct: number;
  readonly total: number;
  /** Rows whose text is not that of the row's number. */
  readonly odd: number;
}

async function landed(database: string): Promise<Landed | undefined> {
  const [row] = await rowsOf<Landed>(
    "SELECT count() AS rows, uniqExact(n) AS distinct, sum(n) AS total, countIf(text != repeat('x', (n * 7919) % 97)) AS odd FROM t",
    database,
  );
  return row;
}

/** What must be there when row k of `rows` is row k mod `lines`. */
function looped(rows: number, lines: number): Landed {
  const sum = (count: number): number => (count * (count - 1)) / 2;
  const [passes, rest] = [Math.floor(rows / lines), rows % lines];
  return { rows, distinct: Math.min(rows, lines), total: passes * sum(lines) + sum(rest), odd: 0 };
}

const ledgerOf = (rows: number): string => {
  const text = rows.toLocaleString("en-US");
  return `scheduled ${text}, acknowledged ${text}, landed ${text}, lost 0, duplicated 0`;
};

describe("replay", function () {
  this.timeout(60_000);

  const lines = numbered(10_007);
  let file = "";
  before(() => {
    file = write("rows.ndjson", `${lines.join("\n")}\n`);
    write("rows.ndjson.gz", gzipSync(readFileSync(file)));
  });
  after(() => rmSync(directory, { recursive: true }));

  const exact: readonly (readonly [string, string, number])[] = [
    ["rows.ndjson", "--rate 20k --replay-once --batch-rows 1000", 10_007],
    ["rows.ndjson", "--rate 20k --replay-once --batch-rows 999 --workers 2", 10_007],
    ["rows.ndjson", "--rate 20k --replay-once --batch-rows 777 --workers 3", 10_007],
    ["rows.ndjson", "--rate max --replay-once --batch-rows 1000", 10_007],
    ["rows.ndjson", "--rate max --replay-once --batch-rows 1 --workers 2 --in-flight 4", 10_007],
    ["rows.ndjson", "--rate max --replay-once --batch-rows 20000", 10_007],
    ["rows.ndjson", "--rate max --replay-once --batch-rows 300 --workers 3", 10_007],
    ["rows.ndjson", "--rate 12345 --duration 2 --batch-rows 1500", 24_690],
    ["rows.ndjson", "--rate 12345 --duration 2 --batch-rows 700 --workers 2", 24_690],
    ["rows.ndjson", "--rate 25k --duration 2 --batch-rows 25000 --workers 1", 50_000],
    ["rows.ndjson", "--rate 4k --duration 1 --replay-once", 4000],
    ["rows.ndjson", "--rate 20k --duration 30 --replay-once", 10_007],
    ["rows.ndjson.gz", "--rate max --replay-once --batch-rows 1000", 10_007],
    ["rows.ndjson.gz", "--rate 12345 --duration 2 --batch-rows 1500 --workers 2", 24_690],
  ];
  for (const [name, flags, rows] of exact) {
    it(`${name} ${flags}: ${rows} rows, row k is line k mod 10,007`, async () => {
      const { database, url } = await table();
      const { code, stdout, stderr } = await replay(url, pathOf(name), flags);
      expect(code, stderr + stdout).to.equal(0);
      expect(await landed(database)).to.deep.equal(looped(rows, 10_007));
      expect(unwrapped(stdout)).to.include(ledgerOf(rows));
      expect(unwrapped(stdout)).to.match(/replay .*10,007 lines/);
    });
  }

  for (const [workers, name] of [
    [1, "rows.ndjson"],
    [2, "rows.ndjson"],
    [1, "rows.ndjson.gz"],
  ] as const) {
    it(`each insert of ${name} by ${workers} worker(s) holds the consecutive lines of its batch, in their order`, async () => {
      const sink = await Sink.open();
      const flags = `--blind --rate 20k --duration 1.5 --batch-rows 1300 --workers ${workers}`.split(" ");
      const ended = await clickstorm(["--clickhouse-url", sink.url, "--replay", pathOf(name), ...flags, ...QUIET]);
      await sink.close();
      expect(ended.code, ended.stderr).to.equal(0);
      const sent = sink.bodies.map((body) => body.toString().trimEnd().split("\n"));
      const whole = Array.from({ length: 30_000 }, (_, row) => lines[row % lines.length]);
      const batches = Array.from({ length: Math.ceil(30_000 / 1300) }, (_, n) => whole.slice(n * 1300, (n + 1) * 1300));
      expect(sent.length).to.equal(batches.length);
      expect(sent).to.deep.equal(batches);
    });
  }

  it("with one insert in flight a Log table has the rows in the order of the file", async () => {
    const { database, url } = await table("Log");
    const { code } = await replay(url, file, "--rate max --replay-once --batch-rows 1111 --in-flight 1");
    expect(code).to.equal(0);
    const [row] = await rowsOf<{ same: number }>(
      "SELECT groupArray(n) = range(10007) AS same FROM t SETTINGS max_threads = 1",
      database,
    );
    expect(row).to.deep.equal({ same: 1 });
  });

  it("1,000 lines in zstd, with a skippable frame in front, and a window of 128 MiB that is asked for: every line once", async () => {
    const { database, url } = await table();
    const { code, stderr } = await replay(
      url,
      write("rows.zst", ZSTD_BYTES),
      "--rate max --replay-once --batch-rows 300 --replay-zstd-window 128",
    );
    expect(code, stderr).to.equal(0);
    expect(await landed(database)).to.deep.equal(looped(1000, 1000));
  });

  it("two gzip members in one file are read as one: 2,000 rows", async () => {
    const { database, url } = await table();
    const all = numbered(2000);
    const members = [all.slice(0, 900), all.slice(900)].map((part) => gzipSync(`${part.join("\n")}\n`));
    const { code } = await replay(url, write("members.gz", Buffer.concat(members)), "--rate max --replay-once");
    expect(code).to.equal(0);
    expect(await landed(database)).to.deep.equal(looped(2000, 2000));
  });

  const three = numbered(3).join("\n");
  const shapes: readonly (readonly [string, string, number])[] = [
    ["the last line without a line feed", three, 3],
    ["lines that end with CR LF", `${three.replaceAll("\n", "\r\n")}\r\n`, 3],
    ["a byte order mark", `\ufeff${three}\n`, 3],
    ["blank lines at the start, between and at the end", `\n \r\n${three.replaceAll("\n", "\n\n\t\n")}\n\n\n`, 3],
    ["white space around objects", `  ${three.replaceAll("\n", " \t\r\n   ")}   `, 3],
    ["one line", `${numbered(1)[0]}`, 1],
  ];
  for (const [index, [what, text, count]] of shapes.entries()) {
    for (const flags of ["--rate max --replay-once", "--rate 50 --duration 1 --batch-rows 7"]) {
      it(`${what}, ${flags}: ${flags.includes("once") ? count : 50} rows`, async () => {
        const { database, url } = await table();
        const { code, stdout, stderr } = await replay(url, write(`shape-${index}.ndjson`, text), flags);
        expect(code, stderr + stdout).to.equal(0);
        const rows = flags.includes("once") ? count : 50;
        expect(await landed(database)).to.deep.equal(looped(rows, count));
        expect(unwrapped(stdout)).to.include(ledgerOf(rows));
      });
    }
  }

  it("lines longer than what is read at once: 40 of 300,001 to 1,470,001 letters, by 2 workers", async () => {
    const { database, url } = await table();
    const long = Array.from({ length: 40 }, (_, n) => `{"n":${n},"text":"${"y".repeat(300_001 + n * 30_000)}"}`);
    const name = write("long.ndjson", long.join("\n"));
    const { code, stderr } = await replay(url, name, "--rate max --replay-once --batch-rows 3 --workers 2");
    expect(code, stderr).to.equal(0);
    const [row] = await rowsOf(
      "SELECT count() AS rows, uniqExact(n) AS distinct, countIf(length(text) = 300001 + n * 30000) AS whole FROM t",
      database,
    );
    expect(row).to.deep.equal({ rows: 40, distinct: 40, whole: 40 });
  });

  it("the report names the file, its lines and how often it was gone through; no seed", async () => {
    const { url } = await table();
    const report = pathOf("report.json");
    const { stdout } = await replay(url, file, `--rate 15k --duration 1 --batch-rows 1500 --report ${report}`);
    const { replay: replayed, options, ledger_caveat: caveat } = JSON.parse(readFileSync(report, "utf8"));
    const bytes = readFileSync(file).length;
    const timesRound = 15_000 / 10_007;
    const found = { file, compression: "none", file_bytes: bytes, lines: 10_007, bytes };
    expect(replayed).to.deep.equal({ ...found, times_round: timesRound });
    expect([options.replay, options["replay-once"], options["replay-time"], options.seed]).to.deep.equal([
      file,
      false,
      null,
      null,
    ]);
    expect(caveat).to.include("difference of count()");
    expect(unwrapped(stdout)).to.include("1.5 times round").and.not.include("seed");
  });

  it("keys of the first row that are no columns are warned of: the server leaves them out", async () => {
    const { database, url } = await table();
    const name = write("keys.ndjson", '{"n":1,"txet":"x","m":2}\n{"n":2,"other":3}\n');
    const { code, stderr } = await replay(url, name, "--rate max --replay-once");
    const warning = `warning: ${name}: txet, m in its first row are no columns of ${database}.t: the server skips or refuses them`;
    expect(stderr.split("\n")).to.include(warning);
    expect([code, await clickhouse("SELECT sum(n), max(text) FROM t", database)]).to.deep.equal([0, "3"]);
  });

  it("without --table the default events is created and takes the file's rows", async () => {
    const { database, url } = await newDatabase();
    const row =
      '{"timestamp":"2026-01-01 00:00:00.000","user_id":"u","action":"login","payload":"p","run_id":"old","seq":7}\n';
    const flags = ["--replay", write("events.ndjson", row.repeat(10)), "--replay-once", "--rate", "max"];
    const { code, stdout } = await clickstorm(["--clickhouse-url", url, ...flags, ...QUIET]);
    expect([code, await numberOf("SELECT countIf(run_id = 'old' AND seq = 7) FROM events", database)]).to.deep.equal([
      0, 10,
    ]);
    expect(unwrapped(stdout)).to.include(ledgerOf(10));
  });

  describe("--replay-time", () => {
    const types: readonly (readonly [string, string])[] = [
      ["DateTime64(3)", "toUnixTimestamp64Milli(t) - 1767225600000"],
      ["DateTime64(9, 'Asia/Tokyo')", "intDiv(toUnixTimestamp64Nano(t) - 1767225600000000000, 1000000)"],
      ["DateTime('America/New_York')", "(toUnixTimestamp(t) - 1767225600) * 1000"],
      ["Nullable(DateTime64(6))", "intDiv(toUnixTimestamp64Micro(assumeNotNull(t)) - 1767225600000000, 1000)"],
    ];
    for (const [type, ms] of types) {
      it(`${type}: row k has the time of the start + k / rate, by ClickHouse's own reading`, async () => {
        const { database, url } = await newDatabase();
        await clickhouse(`CREATE TABLE t (n UInt64, text String, t ${type}) ENGINE = MergeTree ORDER BY n`, database);
        // Every third line has no such key, every other one has it at the end.
        const mixed = numbered(900).map((line, n) =>
          n % 3 === 0
            ? line
            : n % 2 === 0
              ? line.replace(/\}$/, ',"t":"1999-01-01"}')
              : line.replace("{", '{ "t" : {"a":[]} ,'),
        );
        const name = write("times.ndjson", `${mixed.join("\n")}\n`);
        const flags = "--rate 700 --replay-once --batch-rows 100 --replay-time t --data-start 2026-01-01";
        const { code, stdout, stderr } = await replay(url, name, flags);
        expect(code, stderr + stdout).to.equal(0);
        const unit = type.startsWith("DateTime(") ? 1000 : 1;
        const [row] = await rowsOf(
          `SELECT count() AS rows, uniqExact(n) AS distinct, countIf(${ms} != intDiv(intDiv(n * 1000, 700), ${unit}) * ${unit}) AS odd, countIf(text != repeat('x', (n * 7919) % 97)) AS texts FROM t`,
          database,
        );
        expect(row).to.deep.equal({ rows: 900, distinct: 900, odd: 0, texts: 0 });
      });
    }

    it("a Date gets dates: 365 rows spread over as many days, by 2 workers", async () => {
      const { database, url } = await newDatabase();
      await clickhouse("CREATE TABLE t (n UInt64, text String, t Date) ENGINE = MergeTree ORDER BY n", database);
      const flags =
        "--rate 365 --duration 1 --batch-rows 40 --workers 2 --replay-time t --data-start 2027-01-01 --data-span 365d";
      const { code, stderr } = await replay(url, write("days.ndjson", numbered(365).join("\n")), flags);
      expect(code, stderr).to.equal(0);
      const [row] = await rowsOf(
        "SELECT count() AS rows, countIf(t = toDate('2027-01-01') + n) AS right FROM t",
        database,
      );
      expect(row).to.deep.equal({ rows: 365, right: 365 });
    });

    const wrong: readonly (readonly [string, string])[] = [
      ["tme", "--replay-time: the table has no column tme: did you mean time?"],
      ["zzzzzzzz", "--replay-time: the table has no column zzzzzzzz: it has time"],
      ["n", "--replay-time: column n must be a Date, Date32, DateTime or DateTime64, but is UInt64"],
      ["made", "--replay-time: column made is MATERIALIZED: the server fills it"],
    ];
    for (const [column, sentence] of wrong) {
      it(`${column}: ${sentence}`, async () => {
        const { database, url } = await newDatabase();
        await clickhouse(
          "CREATE TABLE t (n UInt64, time DateTime, made Date MATERIALIZED toDate(time)) ENGINE = Memory",
          database,
        );
        const { code, stderr } = await replay(url, file, `--replay-time ${column}`);
        expect([code, stderr.trim()]).to.deep.equal([2, `error: ${sentence}`]);
        expect(await numberOf("SELECT count() FROM t", database)).to.equal(0);
      });
    }
  });

  it("Ctrl-C in mid-run drains what is due: landed is acknowledged is a whole number of batches or the cut one", async () => {
    const { database, url } = await table();
    const flags = "--rate 10k --duration 60 --batch-rows 500 --workers 2".split(" ");
    const running = start(["--clickhouse-url", url, "--table", "t", "--replay", file, ...flags, ...QUIET]);
    while ((await numberOf("SELECT count() FROM t", database)) < 3000) await sleep(50);
    running.process.kill("SIGINT");
    const { code, stdout } = await running.ended;
    expect(code, stdout).to.equal(130);
    const rows = await numberOf("SELECT count() FROM t", database);
    expect(rows).to.be.within(3000, 200_000);
    expect(await landed(database)).to.deep.equal(looped(rows, 10_007));
    expect(unwrapped(stdout)).to.include(ledgerOf(rows));
  });

  it("Ctrl-C while the file is read ends at once, with nothing sent", async () => {
    const { database, url } = await table();
    const many = write("many.ndjson", `${numbered(1000).join("\n")}\n`.repeat(4000));
    const running = start(["--clickhouse-url", url, "--table", "t", "--replay", many, ...QUIET]);
    await running.said(`reading ${many}`);
    running.process.kill("SIGINT");
    const { code, stdout, stderr } = await running.ended;
    rmSync(many);
    expect([code, stdout], stderr).to.deep.equal([130, ""]);
    expect(stderr).to.not.include("replay of");
    expect(await numberOf("SELECT count() FROM t", database)).to.equal(0);
  });

  for (const [what, change] of [
    ["cut short", (name: string) => write(name, `${lines.slice(0, 5000).join("\n")}\n`)],
    ["written to", (name: string) => write(name, `${lines.toReversed().join("\n")}\n{}\n`)],
  ] as const) {
    it(`a file that is ${what} during the run ends it with a sentence, exit 1, and the ledger balances`, async () => {
      const { database, url } = await table();
      const changing = write("changing.ndjson", `${lines.join("\n")}\n`);
      const flags = "--rate 20k --duration 30 --batch-rows 500".split(" ");
      const running = start(["--clickhouse-url", url, "--table", "t", "--replay", changing, ...flags, ...QUIET]);
      while ((await numberOf("SELECT count() FROM t", database)) < 1000) await sleep(20);
      change("changing.ndjson");
      const { code, stdout } = await running.ended;
      expect(code, stdout).to.equal(1);
      expect(unwrapped(stdout)).to.include(`stopped: ${changing} has changed since it was read before the start`);
      const [, acknowledged] = /acknowledged ([\d,]+), landed \1, lost 0, duplicated 0/.exec(unwrapped(stdout)) ?? [];
      expect(Number(acknowledged?.replaceAll(",", ""))).to.equal(await numberOf("SELECT count() FROM t", database));
    });
  }

  it("a row that the server refuses is named by its line", async () => {
    const { database, url } = await table();
    const bad = numbered(3000).map((line, n) => (n === 2345 ? '{"n":"many"}' : line));
    const { code, stdout } = await replay(
      url,
      write("refused.ndjson", bad.join("\n")),
      "--rate max --replay-once --batch-rows 1000",
    );
    expect(code).to.equal(1);
    expect(unwrapped(stdout)).to.include(`(at row 346, ${pathOf("refused.ndjson")} line 2346)`);
    expect(await numberOf("SELECT count() FROM t WHERE n >= 2000", database)).to.equal(0);
  });

  describe("bad files: exit 2, nothing in the table", () => {
    const good = numbered(5).join("\n");
    const zipped = gzipSync(numbered(5000).join("\n"));
    const cases: readonly (readonly [string, string | Uint8Array | undefined, string])[] = [
      ["empty.ndjson", "", " is empty"],
      ["blank.ndjson", "\n\r\n   \n", " holds no rows"],
      ["nothing.gz", gzipSync(""), " holds no rows"],
      ["comma.ndjson", `${good}\n\n{"n":1,}\n`, " line 7: is not JSON: unexpected } at byte 8"],
      ["array.ndjson", "[1,2]", " line 1: must be a JSON object, got a list"],
      ["csv.ndjson", "n,text\n1,a\n", " line 1: must be a JSON object, got what is no JSON"],
      ["pretty.ndjson", '{\n  "n": 1\n}\n', " line 1: is not JSON: unexpected end of the line at byte 2"],
      ["two.ndjson", `${good}\n{"n":1} {"n":2}`, " line 6: has more behind its JSON object: { at byte 9"],
      ["control.ndjson", '{"n":"\u001b[31m"}', " line 1: is not JSON: unexpected byte 0x1b at byte 7"],
      ["bad.gz", gzipSync(`${good}\n{"n":}\n`), " line 6: is not JSON: unexpected } at byte 6"],
      ["long.ndjson", `${good}\n{"text":"${"x".repeat(16 * 2 ** 20)}"}\n${good}`, " line 6: is longer than 16 MiB"],
      ["cut.ndjson.gz", zipped.subarray(0, zipped.length - 20), ": its gzip stream is cut off"],
      ["plain.ndjson.gz", good, " is not gzip, whatever its name says: it does not begin as such a file does"],
      ["plain.zst", good, " is not zstd, whatever its name says: it does not begin as such a file does"],
      ["cut.zst", frame({ window: 0x58 }, stored(good)).subarray(0, -9), ": its zstd stream is cut off"],
      [
        "window.zst",
        Buffer.from("28b52ffd0490", "hex"),
        " has a zstd window of 256 MiB, and 8 MiB are taken: --replay-zstd-window 256 takes it, at so much memory a worker",
      ],
      [
        "other.bz2",
        Buffer.from("425a6839314159", "hex"),
        " is bzip2: --replay takes lines of JSON, plain, gzip or zstd",
      ],
      ["other.xz", Buffer.from("fd377a585a0000", "hex"), " is xz: --replay takes lines of JSON, plain, gzip or zstd"],
      ["other.lz4", Buffer.from("04224d1864", "hex"), " is lz4: --replay takes lines of JSON, plain, gzip or zstd"],
      ["other.zip", Buffer.from("504b030414", "hex"), " is zip: --replay takes lines of JSON, plain, gzip or zstd"],
      [
        "wide.ndjson",
        Buffer.from("\ufeff{}\n", "utf16le"),
        " is UTF-16: --replay takes lines of JSON, plain, gzip or zstd",
      ],
    ];
    for (const [name, content, sentence] of cases) {
      it(`${name || "a folder"}${sentence}`, async () => {
        const { database, url } = await table();
        const path = content === undefined ? pathOf(name) : write(name, content);
        const { code, stdout, stderr } = await replay(url, path, "--replay-once --rate max");
        const errors = stderr.split("\n").filter((line) => line.startsWith("error:"));
        expect([code, stdout, errors]).to.deep.equal([2, "", [`error: ${path}${sentence}`]]);
        expect(await numberOf("SELECT count() FROM t", database)).to.equal(0);
      });
    }

    it("damaged gzip: its checksum tells", async () => {
      const { database, url } = await table();
      const damaged = Buffer.from(gzipSync(numbered(2000).join("\n"), { level: 0 }));
      // Of stored bytes, a letter of a text.
      const at = damaged.indexOf("xxxxxxxx", 5000);
      damaged[at] = 0x79;
      expect(() => gunzipSync(damaged)).to.throw("incorrect data check");
      const path = write("damaged.gz", damaged);
      const { code, stderr } = await replay(url, path, "--replay-once");
      expect(code).to.equal(2);
      expect(stderr).to.include(`error: ${path}: its gzip stream is damaged (incorrect data check)`);
      expect(await numberOf("SELECT count() FROM t", database)).to.equal(0);
    });
  });

  describe("options that make no sense beside it: exit 2", () => {
    const cases: readonly (readonly [string, readonly string[]])[] = [
      ["--replay-once", ["--replay-once needs --replay, which names the file"]],
      ["--replay-time t", ["--replay-time needs --replay, which names the file"]],
      [
        "--replay F --seed 1 --data-start 2026-01-01 --data-span 1d --format JSONCompactEachRow",
        [
          "--seed cannot be used with --replay: nothing is drawn, the rows are in the file",
          "--data-start cannot be used with --replay: its rows keep their times, unless --replay-time names a column",
          "--data-span cannot be used with --replay: its rows keep their times, unless --replay-time names a column",
          "--format JSONCompactEachRow cannot be used with --replay: its lines are sent as they are, in JSONEachRow",
        ],
      ],
    ];
    for (const [flags, sentences] of cases) {
      it(flags, async () => {
        const { code, stderr } = await clickstorm(["--clickhouse-url", serverUrl(), ...flags.split(" "), ...QUIET]);
        expect([code, stderr.trim().split("\n")]).to.deep.equal([2, sentences.map((sentence) => `error: ${sentence}`)]);
      });
    }

    it("rules of a config file, each with its line", async () => {
      const config = write("rules.yaml", `replay: ${file}\ncolumns:\n  n: { sequence: {} }\n  text: omit\n`);
      const { code, stderr } = await clickstorm(["--clickhouse-url", serverUrl(), "--config", config, ...QUIET]);
      const label = `replay in ${config}`;
      expect([code, stderr.trim().split("\n")]).to.deep.equal([
        2,
        [
          `error: ${config}:3: columns.n cannot be used with ${label}: the rows are in the file`,
          `error: ${config}:4: columns.text cannot be used with ${label}: the rows are in the file`,
        ],
      ]);
    });

    it("a file that would take 2,316 days at 0.00005 rows/s", async () => {
      const { url } = await table();
      const { code, stderr } = await replay(url, file, "--replay-once --rate 0.00005");
      expect(code).to.equal(2);
      // 10,007 rows, one every 20,000 s: 2,316.4 days.
      expect(stderr).to.include(
        "error: --replay-once takes 2,317 days at 0.00005 rows/s, more than a run may: raise --rate, or give --duration",
      );
    });
  });
});

describe("replay in bounded memory", function () {
  this.timeout(120_000);

  const isLinux = process.platform === "linux";
  const freeKib = isLinux
    ? Number(execFileSync("df", ["-Pk", tmpdir()], { encoding: "utf8" }).trim().split(/\s+/).at(-3))
    : 0;
  const why = isLinux ? "there are less than 4 GiB of disk" : "only Linux tells a process's memory in /proc";
  const fits = freeKib >= 4 * 2 ** 20;

  it(`${fits ? "" : `SKIPPED, as ${why}: `}a file of 1 GiB, once, by one worker: memory is that of the slots and the process, and does not grow`, async function () {
    if (!fits) this.skip();
    const place = mkdtempSync(join(tmpdir(), "clickstorm-large-"));
    const large = join(place, "large.ndjson");
    try {
      const block = `${numbered(20_000).join("\n")}\n`.repeat(10);
      for (let bytes = 0; bytes < 2 ** 30; bytes += block.length) writeFileSync(large, block, { flag: "a" });
      const sink = await Sink.open();
      // What it keeps would grow instead.
      Object.defineProperty(sink.received, "push", { value: () => 0 });
      const flags = "--blind --rate max --replay-once --batch-rows 20000 --in-flight 4 --workers 1".split(" ");
      const running = start(["--clickhouse-url", sink.url, "--replay", large, ...flags, ...QUIET]);
      await running.said("replay of");
      const samples: number[] = [];
      const timer = setInterval(() => {
        const kib = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${running.process.pid}/status`, "utf8"))?.[1];
        if (kib !== undefined) samples.push(Number(kib) / 1024);
      }, 50);
      const { code, stderr } = await running.ended.finally(() => clearInterval(timer));
      await sink.close();
      expect(code, stderr).to.equal(0);
      const half = Math.floor(samples.length / 2);
      expect(samples.length).to.be.above(10);
      const [early, late] = [Math.max(...samples.slice(0, half)), Math.max(...samples.slice(half))];
      expect(late).to.be.below(early + 24);
      // 5 slots of 20,000 rows of 67 bytes, at most 1.4 MiB; pieces, and the reading before the start with its lines of up
      // to 16 MiB; the rest is Node with two threads.
      expect(Math.max(early, late)).to.be.below(5 * 1.6 + 24 + 160);
    } finally {
      rmSync(place, { recursive: true });
    }
  });
});
