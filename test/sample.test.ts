// `clickstorm sample`: byte for byte what `run` sends, from the real program and a real ClickHouse; nothing is left there.

import { execFile, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect } from "chai";
import type { EmbeddedServer } from "../src/embedded/server.js";
import { OptionsError, type RawFlags } from "../src/options.js";
import { NO_RULES } from "../src/rows/rule.js";
import { resolveSample } from "../src/sample-options.js";
import { CLI, clickstorm, start } from "./support/cli.js";
import { clickhouse, newDatabase, numberOf, rowsOf, serverUrl } from "./support/server.js";
import { Sink } from "./support/sink.js";
import { webServer } from "./support/strangers.js";
import { askAsOwner, PASSWORD, startWithUsers } from "./support/users.js";

const QUIET = "--no-traces --no-metrics".split(" ");
const SAME = "--seed 7 --run-id same --data-start 2026-01-01".split(" ");

const folder = mkdtempSync(join(tmpdir(), "clickstorm-sample-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function config(text: string): string {
  const file = join(folder, "orders.yaml");
  writeFileSync(file, text);
  return file;
}

/** What a run sends to a sink that takes everything, in the order of the rows. */
async function sentBlind(...flags: readonly string[]): Promise<string> {
  const sink = await Sink.open();
  const { code, stderr } = await clickstorm(["--blind", "--clickhouse-url", sink.url, ...SAME, ...QUIET, ...flags]);
  await sink.close();
  expect(code, stderr).to.equal(0);
  return Buffer.concat(sink.bodies).toString();
}

/** What a run sends to the suite's ClickHouse, read on the way. */
async function sentTo(database: string, ...flags: readonly string[]): Promise<string> {
  const bodies = new Map<number, Buffer>();
  const between = await webServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const batch = /query_id=same-(\d+)-\d+/.exec(request.url ?? "")?.[1];
    if (batch !== undefined && body.length > 0) bodies.set(Number(batch), body);
    const answer = await fetch(`${serverUrl()}${request.url}`, { method: "POST", body });
    // Text or not: the ledger's answers are none.
    const headers = Object.fromEntries([...answer.headers].filter(([name]) => name.startsWith("x-clickhouse-")));
    response.writeHead(answer.status, headers).end(Buffer.from(await answer.arrayBuffer()));
  });
  const url = `${between.url}/?database=${database}`;
  const { code, stderr } = await clickstorm(["--clickhouse-url", url, ...SAME, ...QUIET, ...flags]);
  await between.close();
  expect(code, stderr).to.equal(0);
  return Buffer.concat([...bodies].sort(([a], [b]) => a - b).map(([, body]) => body)).toString();
}

/** What is printed; nothing may be said beside it. */
async function sampled(...flags: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await clickstorm(["sample", ...SAME, ...flags]);
  expect(stderr).to.equal("");
  expect(code).to.equal(0);
  return stdout;
}

const firstLines = (text: string, rows: number): string => text.split("\n").slice(0, rows).join("\n").concat("\n");

describe("sample", function () {
  this.timeout(60_000);

  describe("prints what run sends first, byte for byte", () => {
    const ORDERS = `(
      id UInt64, at DateTime64(6), bought Nullable(Date), country LowCardinality(String), price Decimal(9, 2),
      tags Array(String), attributes Map(String, UInt16), place Tuple(x Float64, y Float64), ip IPv4,
      day Date MATERIALIZED toDate(at), note String DEFAULT 'none', run_id String, seq UInt64
    ) ENGINE = MergeTree ORDER BY id`;
    const RULES = `
workers: 1
in-flight: 2
batch-rows: 700
rate: 1k
duration: 1s
columns:
  id: { sequence: { from: 100, step: 3 } }
  at: { time: { jitter: 1s } }
  country: { choice: { DE: 7, US: 2, FR: 1 } }
  price: { exponential: { mean: 20.5, max: 1000 } }
  tags: { length: { uniform: { from: 0, to: 9 } }, items: { cardinality: 50 } }
  note: omit
`;

    for (const format of ["JSONEachRow", "JSONCompactEachRow"]) {
      it(`the 100,000 rows of the default table, in ${format}`, async () => {
        const sent = await sentBlind("--rate", "100k", "--duration", "1s", "--format", format);
        const printed = await sampled("--blind", "--rate", "100k", "--rows", "100000", "--format", format);
        expect(printed.split("\n")).to.have.length(100_001);
        expect(printed === sent).to.equal(true);
      });

      it(`the first 10 and the first 1000 of a table of eleven columns with rules, in ${format}`, async () => {
        const { database, url } = await newDatabase();
        await clickhouse(`CREATE TABLE ${database}.orders ${ORDERS}`);
        const flags = ["--table", "orders", "--config", config(RULES), "--format", format];
        const sent = await sentTo(database, ...flags);
        expect(sent.split("\n")).to.have.length(1001);
        expect(await sampled("--clickhouse-url", url, ...flags, "--rows", "1000")).to.equal(sent);
        expect(await sampled("--clickhouse-url", url, ...flags)).to.equal(firstLines(sent, 10));
        expect(await numberOf(`SELECT count() FROM ${database}.orders`)).to.equal(1000);
      });
    }

    it("of a backfill: 30 rows spread over 30 days, --duration 3s at 10 rows a second", async () => {
      const flags = ["--rate", "10", "--duration", "3s", "--data-span", "30d"];
      const sent = await sentBlind(...flags);
      expect(await sampled("--blind", ...flags, "--rows", "30")).to.equal(sent);
      const days = sent.match(/(?<="timestamp":")\d+/g)?.map((ms) => (Number(ms) - Date.UTC(2026, 0)) / 86_400_000);
      expect(days).to.deep.equal(Array.from({ length: 30 }, (_, day) => day));
    });

    it("a backfill of 30 rows has no 31st: --rows 100 prints 30, and says so", async () => {
      const flags = ["--rate", "10", "--duration", "3s", "--data-span", "30d", "--rows", "100"];
      const { code, stdout, stderr } = await clickstorm(["sample", "--blind", ...SAME, ...flags]);
      expect([code, stdout.split("\n").length]).to.deep.equal([0, 31]);
      expect(stderr).to.equal("30 rows: a run of this rate and duration has no more to spread over --data-span\n");
    });
  });

  it("without --seed it is told once, beside the rows, and the flags told give the same rows again", async () => {
    const { code, stdout, stderr } = await clickstorm(["sample", "--blind", "--rows", "3"]);
    expect(code).to.equal(0);
    const [, flags = ""] =
      /^seed \d+, run id [\da-f]{12}: the same rows again with (--seed \d+ --run-id [\da-f]{12} --data-start \S+Z)\n$/.exec(
        stderr,
      ) ?? [];
    expect(flags, stderr).not.to.equal("");
    const again = await clickstorm(["sample", "--blind", "--rows", "3", ...flags.split(" ")]);
    expect(again).to.deep.equal({ code: 0, stdout, stderr: "" });
  });

  describe("leaves the server as it is", () => {
    it("without --table and without events: the rows of the table that run would create, which is not created", async () => {
      const { database, url } = await newDatabase();
      expect(await sampled("--clickhouse-url", url)).to.equal(await sampled("--blind"));
      expect(await numberOf(`SELECT count() FROM system.tables WHERE database = '${database}'`)).to.equal(0);
    });

    it("without --table, where events has one more column: that too", async () => {
      const { database, url } = await newDatabase();
      await clickhouse(
        `CREATE TABLE ${database}.events (timestamp DateTime, user_id String, action String, payload String, more Bool)
         ENGINE = Memory`,
      );
      const [row = ""] = (await sampled("--clickhouse-url", url)).split("\n");
      expect(Object.keys(JSON.parse(row))).to.deep.equal(["timestamp", "user_id", "action", "payload", "more"]);
      expect(await numberOf(`SELECT count() FROM ${database}.events`)).to.equal(0);
    });

    it("a view has rows too", async () => {
      const { database, url } = await newDatabase();
      await clickhouse(`CREATE VIEW ${database}.v AS SELECT toUInt8(1) AS one`);
      const rows = await sampled("--clickhouse-url", url, "--table", "v", "--rows", "2");
      expect(rows).to.match(/^\{"one":\d+\}\n\{"one":\d+\}\n$/);
    });

    it("a user who may read but not insert gets rows, in a profile that allows only reading as well", async () => {
      const server: EmbeddedServer = await startWithUsers();
      try {
        await askAsOwner(server, "CREATE TABLE default.t (a UInt8) ENGINE = MergeTree ORDER BY a");
        for (const user of ["reader", "guest"]) {
          const flags = ["--clickhouse-url", server.url, "--user", user, "--password", PASSWORD, "--table", "t"];
          expect(await sampled(...flags, "--rows", "1"), user).to.match(/^\{"a":\d+\}\n$/);
        }
      } finally {
        await server.stop();
      }
    });

    it("what it prints is what ClickHouse takes: 5000 rows of seven columns", async () => {
      const { database, url } = await newDatabase();
      await clickhouse(
        `CREATE TABLE ${database}.t (a Array(Nullable(Int32)), b Map(UInt8, Bool), c IPv6, d UUID, e Enum('x', 'y'),
         f Tuple(Float64, Date), g DateTime64(9)) ENGINE = Memory`,
      );
      const rows = await sampled("--clickhouse-url", url, "--table", "t", "--rows", "5000");
      await clickhouse(`INSERT INTO ${database}.t FORMAT JSONEachRow ${rows}`);
      expect(await numberOf(`SELECT count() FROM ${database}.t`)).to.equal(5000);
      // 5 rows a second.
      expect(
        await rowsOf(`SELECT toUnixTimestamp(max(g)) - toUnixTimestamp(min(g)) AS seconds FROM ${database}.t`),
      ).to.deep.equal([{ seconds: 999 }]);
    });
  });

  describe("--explain", () => {
    it("of a table with rules: a line each, also for what the server fills and what is left out", async () => {
      const { database, url } = await newDatabase();
      await clickhouse(
        `CREATE TABLE ${database}.orders (status UInt16, at DateTime, tags Array(String), day Date MATERIALIZED toDate(at),
         note String) ENGINE = Memory`,
      );
      const file = config("rate: max\ncolumns: { status: { choice: { 200: 90, 404: 8, 500: 2 } }, note: omit }\n");
      const { code, stdout, stderr } = await clickstorm([
        "sample",
        "--clickhouse-url",
        url,
        "--table",
        "orders",
        "--config",
        file,
        "--explain",
      ]);
      expect([code, stderr]).to.deep.equal([0, ""]);
      expect(stdout.split("\n")).to.deep.equal([
        "status  UInt16         one of 200 (90%), 404 (8%), 500 (2%)",
        "at      DateTime       row time",
        "tags    Array(String)  length uniform 0 to 4",
        "tags[]  String         pattern {words 2..6}",
        "day     Date           left to the server (MATERIALIZED)",
        "note    String         left out",
        "",
      ]);
    });

    it("with --blind and no server: the default table, its six columns", async () => {
      expect((await sampled("--blind", "--explain")).split("\n")).to.deep.equal([
        "timestamp  DateTime64(3)           row time",
        "user_id    String                  pattern user-{uuid}",
        "action     LowCardinality(String)  one of login, click, purchase, logout",
        'payload    String                  constant "example-payload"',
        'run_id     LowCardinality(String)  constant "same"',
        "seq        UInt64                  sequence from 0",
        "",
      ]);
    });
  });

  describe("ends", () => {
    it("soon, quietly and with 0 when its reader does: `| head -n 1` of a billion rows", async () => {
      const { stdout, stderr } = await promisify(execFile)("bash", [
        "-c",
        '"$0" "$1" sample --blind --rows 1000000000 --seed 7 --run-id same --data-start 2026-01-01 | head -n 1; echo $PIPESTATUS',
        process.execPath,
        CLI,
      ]);
      expect(stderr).to.equal("");
      expect(stdout).to.equal(`${await sampled("--blind", "--rows", "1")}0\n`);
    });

    for (const [signal, code] of [
      ["SIGINT", 130],
      ["SIGTERM", 143],
    ] as const) {
      it(`with ${code} by ${signal}, even where nobody reads on`, async () => {
        const child = spawn(process.execPath, [CLI, "sample", "--blind", "--rows", "1000000000"], {
          stdio: ["ignore", "pipe", "pipe"],
        });
        await new Promise((resolve) => child.stdout.once("readable", resolve));
        child.stdout.pause();
        const ended = new Promise((resolve) => child.once("exit", resolve));
        child.kill(signal);
        expect(await ended).to.equal(code);
        child.stdout.destroy();
      });
    }

    it("with 130 by SIGINT where it writes to a file that takes everything", async () => {
      const running = spawn(process.execPath, [CLI, "sample", "--blind", "--rows", "1000000000"], {
        stdio: ["ignore", "ignore", "pipe"],
      });
      await new Promise((resolve) => running.stderr.once("data", resolve));
      const ended = new Promise((resolve) => running.once("exit", resolve));
      running.kill("SIGINT");
      expect(await ended).to.equal(130);
    });

    it("with 130 by SIGINT while a server is silent", async () => {
      let asked = (): void => undefined;
      const request = new Promise<void>((resolve) => {
        asked = resolve;
      });
      const silent = await webServer(() => asked());
      const running = start(["sample", "--clickhouse-url", silent.url]);
      await request;
      running.process.kill("SIGINT");
      expect((await running.ended).code).to.equal(130);
      await silent.close();
    });
  });

  describe("problems", () => {
    const rows: readonly (readonly [flags: readonly string[], ...sentences: string[]])[] = [
      [["--workers", "3"], "unknown option --workers: it is one of run, ladder and max"],
      [["--rwos", "3"], "unknown option --rwos: did you mean --rows?"],
      [["--rows", "0"], "--rows must be an integer from 1 to 1000000000, got 0"],
      [["--rows", "1000000001"], "--rows must be an integer from 1 to 1000000000, got 1000000001"],
      [
        ["--rate", "max", "--format", "csv"],
        "--rate cannot be max: rows of a closed loop have the time they are made; give a number of rows per second",
        "--format must be JSONEachRow, JSONCompactEachRow, RowBinary or Native, got csv",
      ],
      [
        ["--rate", "0.001", "--rows", "1000000000", "--blind"],
        "--rows 1000000000 at --rate 0.001 have times beyond 2200",
      ],
    ];
    it("rows beyond what a column can hold: 110 rows in a DateTime, a row every 289 days", async () => {
      const { database, url } = await newDatabase();
      await clickhouse(`CREATE TABLE ${database}.t (at DateTime) ENGINE = Memory`);
      const flags = ["--clickhouse-url", url, "--table", "t", "--rate", "0.00000004", "--data-start", "2026-01-01"];
      expect((await clickstorm(["sample", ...flags, "--rows", "100"])).code).to.equal(0);
      const { code, stderr } = await clickstorm(["sample", ...flags, "--rows", "110"]);
      expect(code).to.equal(2);
      expect(stderr).to.match(
        /^error: at: DateTime holds times from 1970-01-01 to 2106-02-07, but its rows have some /,
      );
    });

    it("rows longer than memory, as run has it", async () => {
      const { database, url } = await newDatabase();
      await clickhouse(`CREATE TABLE ${database}.t (a Array(Array(Array(UInt8)))) ENGINE = Memory`);
      const length = "length: { uniform: { from: 0, to: 10000 } }";
      const file = config(`columns: { a: { ${length}, items: { ${length}, items: { ${length} } } } }\n`);
      const { code, stderr } = await clickstorm(["sample", "--clickhouse-url", url, "--table", "t", "--config", file]);
      expect(stderr).to.match(/^error: rows are too long for memory: a row may have [\d.]+ MiB; shorten /);
      expect(code).to.equal(2);
    });

    for (const [flags, ...sentences] of rows) {
      it(`${flags.join(" ")}: ${sentences.join("; ")}`, async () => {
        const ended = await clickstorm(["sample", ...flags]);
        expect(ended).to.deep.equal({
          code: 2,
          stdout: "",
          stderr: sentences.map((sentence) => `error: ${sentence}\n`).join(""),
        });
      });
    }

    it("a config file: options of run are taken, unknown ones and rules that do not fit are told, with 2", async () => {
      const { database, url } = await newDatabase();
      await clickhouse(`CREATE TABLE ${database}.t (a UInt8) ENGINE = Memory`);
      const ended = async (text: string) =>
        clickstorm(["sample", "--clickhouse-url", url, "--table", "t", "--config", config(text)]);
      expect((await ended("workers: 2\nreport: x.json\nembedded: true\nhold: 5s\n")).code).to.equal(0);
      const unknown = await ended("wrokers: 2\n");
      expect(unknown.code).to.equal(2);
      expect(unknown.stderr).to.match(/orders\.yaml:1: unknown option wrokers: did you mean workers\?\n$/);
      const misfit = await ended("columns:\n  a: { pattern: x }\n  b: omit\n");
      expect(misfit.code).to.equal(2);
      expect(misfit.stderr).to.match(/^error: .*orders\.yaml:2: columns\.a\.pattern does not fit UInt8/m);
      expect(misfit.stderr).to.match(/^error: .*orders\.yaml:3: columns\.b: the table has no column b/m);
      const broken = await ended("columns: [\n");
      expect([broken.code, broken.stdout]).to.deep.equal([2, ""]);
    });

    it("a table that is not there, with 3 and the one that was meant", async () => {
      const { database, url } = await newDatabase();
      await clickhouse(`CREATE TABLE ${database}.orders (a UInt8) ENGINE = Memory`);
      const { code, stderr } = await clickstorm(["sample", "--clickhouse-url", url, "--table", "order"]);
      expect(code).to.equal(3);
      expect(stderr).to.equal(
        `error: ${serverUrl()} has no table ${database}.order, or this user may not see it: did you mean orders?\n`,
      );
      const far = await clickstorm(["sample", "--clickhouse-url", url, "--table", "nosuch"]);
      expect(far.stderr).to.equal(
        `error: ${serverUrl()} has no table ${database}.nosuch, or this user may not see it: name one that is there, or leave --table out for events as run would create it\n`,
      );
    });
  });

  it("options: flag, variable and config file mean what they mean to run; what only run has is ignored", () => {
    const file = { file: "c.yaml", rules: NO_RULES };
    const read = (raw: RawFlags, variables = {}, options = {}) => resolveSample(raw, variables, { ...file, options });
    expect(read({}, { CLICKSTORM_ROWS: "4" }).rows).to.equal(4);
    expect(read({ rows: "3" }, { CLICKSTORM_ROWS: "4" }).rows).to.equal(3);
    expect(read({}, { CLICKSTORM_WORKERS: "x" }, { "in-flight": "none", seed: "5" }).seed).to.equal(5);
    expect(read({ rate: "7" }, {}, { rate: "max" }).rateText).to.equal("7");
    expect(read({ explain: "true" }, {}, { rate: "max" }).explain).to.equal(true);
    expect(() => read({}, {}, { rate: "max" })).to.throw(OptionsError, "rate in c.yaml cannot be max");
    const repeatable = { seed: "1", "run-id": "a", "data-start": "2026-01-01" };
    expect([read(repeatable).repeatable, read({ ...repeatable, seed: undefined }).repeatable]).to.deep.equal([
      true,
      false,
    ]);
  });
});
