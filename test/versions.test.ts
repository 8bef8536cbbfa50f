// ClickHouse of other versions than the embedded one: what they take, what they say, and that it is read right. Values come from what
// the server itself holds afterwards.

import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { classifyAnswer, isHopeless } from "../src/answer.js";
import { FORMATS } from "../src/rows/program.js";
import { clickstorm, type Ended, unwrapped } from "./support/cli.js";
import { EXCEPTIONS, INSERT, PLAIN } from "./support/exceptions.js";
import { FaultProxy, firstAttempts } from "./support/fault-proxy.js";
import { type Settled, startLoad } from "./support/settle.js";
import { describeOn, type OtherServer, SUITE } from "./support/versions.js";

const QUIET = ["--no-traces", "--no-metrics"];
/** 1,000 rows in 20 batches. */
const LOAD = ["--rate", "4000", "--duration", "250ms", "--batch-rows", "50", "--workers", "1", ...QUIET];
/** The same values each time. */
const FIXED = ["--seed", "7", "--run-id", "fixed", "--data-start", "2026-01-01"];

/** These have what the newest lacks here: a queue for asynchronous inserts, and users made by SQL. */
const isWhole = (version: string): boolean => !version.startsWith("26");

/** The engines of the tables that a user may create are granted one by one. */
const EXTRA =
  "<access_control_improvements><table_engines_require_grant>true</table_engines_require_grant></access_control_improvements>";
/** Without floats, which servers before 26 read from JSON as the next one: not by default in a Dynamic. */
const HARD_TYPES =
  "j JSON, v Variant(Array(UInt8), String), d Dynamic, m Map(LowCardinality(String), Array(LowCardinality(String))), " +
  "a Array(Tuple(j JSON, v Variant(String, UInt64)))";

/** What the server wants to hear before it makes such a table. */
async function typeSettings(server: OtherServer): Promise<Record<string, string>> {
  const names = await server.ask(
    "SELECT name FROM system.settings WHERE match(name, '^(allow_experimental|enable)_(json|variant|dynamic)_type$')",
  );
  return Object.fromEntries(names.split("\n").map((name) => [name, "1"]));
}

let databases = 0;

for (const version of SUITE) {
  describeOn(
    version,
    (server) => {
      async function newDatabase(): Promise<string> {
        databases++;
        await server().ask(`CREATE DATABASE d${databases}`);
        return `d${databases}`;
      }
      const run = (database: string, ...flags: readonly string[]): Promise<Ended> =>
        clickstorm(["--clickhouse-url", `${server().url}/?database=${database}`, ...LOAD, ...flags]);
      const numberOf = async (sql: string): Promise<number> => Number(await server().ask(sql));

      it("is the version that it is taken for", async () => {
        expect(await server().ask("SELECT version()")).to.match(new RegExp(`^${version.replace(".", "\\.")}\\.`));
      });

      it("takes gzip, zstd and lz4 as it takes none: the same 1,000 rows", async () => {
        const landed = new Map<string, string>();
        for (const compression of ["none", "gzip", "zstd", "lz4"]) {
          const database = await newDatabase();
          const { code, stderr } = await run(database, ...FIXED, "--compress", compression);
          expect(code, stderr).to.equal(0);
          const sql = `SELECT count(), sum(cityHash64(user_id, action, payload, seq)) FROM ${database}.events`;
          landed.set(compression, await server().ask(sql));
        }
        expect(landed.get("none")).to.match(/^1000\t\d+$/);
        expect(new Set(landed.values()).size, [...landed].join("\n")).to.equal(1);
      });

      describe("what an exception says", () => {
        for (const { says, ddl = [PLAIN], query = INSERT, settings = "", rows, verdict, landed } of EXCEPTIONS) {
          it(`${says}: ${verdict}; ${String(landed).replace(",", " to ")} of ${rows.length} rows are there`, async () => {
            const database = await newDatabase();
            for (const statement of ddl) await server().ask(statement.replaceAll("DB.", `${database}.`));
            const parameters = {
              query: query.replaceAll("DB.", `${database}.`),
              async_insert: "0",
              wait_end_of_query: "1",
            };
            const url = `${server().url}/?${new URLSearchParams(parameters)}${settings}`;
            const response = await fetch(url, { method: "POST", body: rows.join("\n") });
            const header = response.headers.get("x-clickhouse-exception-code") ?? undefined;
            const outcome = classifyAnswer(response.status, header, await response.text());
            if (outcome.kind === "acknowledged") throw new Error("it was acknowledged");
            const kind = outcome.kind === "failed" ? `failed: ${outcome.reason}` : outcome.kind;
            expect(isHopeless(outcome) ? `${kind}, for ever` : kind, outcome.sentence).to.equal(verdict);
            expect(outcome.code).to.equal(Number.parseInt(says, 10));
            const [least, most] = typeof landed === "number" ? [landed, landed] : landed;
            expect(await numberOf(`SELECT count() FROM ${database}.t`)).to.be.within(least, most);
          });
        }
      });

      for (const [what, ddl, more, says] of [
        ["a constraint (469)", "ORDER BY seq", [], /Code: 469\. DB::Exception: Constraint `few`/],
        [
          "rows of too many partitions (252)",
          "PARTITION BY seq ORDER BY seq",
          ["--setting", "max_partitions_per_insert_block=1"],
          /Code: 252\..*partitions/,
        ],
      ] as const) {
        it(`a run that ${what} is in the way of stops at once with its sentence, and knows what landed`, async () => {
          const database = await newDatabase();
          const check = what.includes("469") ? ", CONSTRAINT few CHECK seq > 1000000" : "";
          await server().ask(
            `CREATE TABLE ${database}.t (run_id String, seq UInt64${check}) ENGINE = MergeTree ${ddl}`,
          );
          const url = `${server().url}/?database=${database}`;
          const flags = [
            "--rate",
            "2000",
            "--duration",
            "60",
            "--batch-rows",
            "200",
            "--retries",
            "3",
            ...QUIET,
            ...more,
          ];
          const { report, stderr, landed } = await startLoad(
            ["--clickhouse-url", url, "--table", "t", ...flags],
            [{ url, table: "t" }],
          ).settled();
          expect(report.problems[0])
            .to.match(/^stopped, as inserts will not work: /)
            .and.to.match(says);
          const { rows, retries, inserts } = report;
          expect([rows.acknowledged - landed, rows.failed, retries], stderr).to.deep.equal([0, 0, 0]);
          // A batch that was cut to its first row is one that goes well.
          expect(landed).to.be.below(2);
          // Those that were in flight, and one that was cut to the rows that were due by then.
          expect(inserts.unknown).to.be.within(1, 9);
          expect(rows.unknown).to.be.within(200, 200 * inserts.unknown);
        });
      }

      describe("behind a proxy that cuts answers", () => {
        const SPOILT = [3, 7, 11, 15, 19];
        const SPOILT_ROWS = 50 * SPOILT.length;

        /** @param settings of the table, beside its window */
        async function cut(settings: string, ...flags: readonly string[]): Promise<Settled> {
          const database = await newDatabase();
          await server().ask(
            `CREATE TABLE ${database}.t (run_id String, seq UInt64) ENGINE = MergeTree ORDER BY seq
              SETTINGS non_replicated_deduplication_window = 1000${settings}`,
          );
          const proxy = await FaultProxy.open(Number(new URL(server().url).port));
          proxy.plan = firstAttempts(4, { kind: "reset", at: "answer" });
          try {
            const all = ["--clickhouse-url", `http://127.0.0.1:${proxy.port}/?database=${database}`, "--table", "t"];
            const store = { url: `${server().url}/?database=${database}`, table: "t" };
            const settled = await startLoad([...all, ...LOAD, "--retries", "5", ...flags], [store]).settled();
            expect(proxy.spoiltBatches).to.deep.equal(SPOILT);
            return settled;
          } finally {
            await proxy.close();
          }
        }

        it(`${SPOILT_ROWS} rows whose answer is lost are sent again, and are there once: 1,000 of 1,000`, async () => {
          const { report, landed, stderr } = await cut("");
          const { acknowledged, unknown, lost, duplicated } = report.rows;
          expect([acknowledged, unknown, landed, lost, duplicated]).to.deep.equal([1000, 0, 1000, 0, 0]);
          expect(report.retries).to.equal(SPOILT.length);
          expect(stderr).to.include("retries: the table remembers its last 1,000 inserts");
        });

        for (const [name, settings, flags, says] of [
          [
            "--async-insert",
            "",
            ["--async-insert", "--setting", "async_insert_deduplicate=1"],
            "retries: the table is not replicated, and such a table may store an asynchronous insert twice",
          ],
          [
            "a table with async_insert = 1",
            ", async_insert = 1",
            ["--setting", "async_insert_deduplicate=1"],
            "retries: the table has async_insert = 1 and is not replicated, and such a table may store",
          ],
        ] as const) {
          it(`${name}: they are not sent again, stay unknown, and are there once`, async () => {
            const { report, landed, stderr } = await cut(settings, ...flags);
            const { acknowledged, unknown, lost, duplicated } = report.rows;
            expect([acknowledged, unknown, landed, lost, duplicated]).to.deep.equal([
              1000 - SPOILT_ROWS,
              SPOILT_ROWS,
              1000,
              0,
              0,
            ]);
            expect(report.retries).to.equal(0);
            expect(stderr).to.include(says).and.to.include("are not sent again, and stay unknown");
          });
        }

        if (isWhole(version)) {
          it("--async-insert and --retry-ambiguous: it is said that they may land twice, and they do", async () => {
            const flags = ["--async-insert", "--setting", "async_insert_deduplicate=1", "--retry-ambiguous"];
            const { report, landed, stderr } = await cut("", ...flags);
            const { acknowledged, duplicated, lost } = report.rows;
            // A flush may hold an insert and its copy, which then is there once, or, seen on 24.8 when it was busy, not at all.
            expect([acknowledged, (duplicated ?? 0) - (lost ?? 0)]).to.deep.equal([1000, landed - 1000]);
            expect(duplicated).to.be.within(50, SPOILT_ROWS - (lost ?? 0));
            expect(stderr).to.include("are sent again all the same, and may land twice");
          });
        }
      });

      if (isWhole(version)) {
        it("a table with async_insert = 1 and a user who does not wait: all 1,000 acknowledged rows are there at the end", async () => {
          const database = await newDatabase();
          await server().ask(
            `CREATE TABLE ${database}.t (run_id String, seq UInt64) ENGINE = MergeTree ORDER BY seq SETTINGS async_insert = 1`,
          );
          // He has his answer when the rows are in the queue, and they stay there for a while.
          await server().ask(
            `CREATE USER hasty IDENTIFIED WITH no_password SETTINGS wait_for_async_insert = 0, async_insert_busy_timeout_ms = 1500,
              async_insert_use_adaptive_busy_timeout = 0`,
          );
          await server().ask(`GRANT INSERT, SELECT ON ${database}.t TO hasty`);
          const { code, stdout, stderr } = await run(database, "--user", "hasty", "--table", "t");
          expect(unwrapped(stdout), stderr).to.include("acknowledged 1,000, landed 1,000, lost 0, duplicated 0");
          expect(stderr).to.include("note: the table has async_insert = 1");
          expect(code).to.equal(0);
        });

        it("INSERT and SELECT on its table are enough for a run, INSERT alone with --no-verify", async () => {
          const database = await newDatabase();
          await server().ask(`CREATE TABLE ${database}.t (run_id String, seq UInt64) ENGINE = MergeTree ORDER BY seq`);
          for (const [user, rights, flags] of [
            ["loader", "INSERT, SELECT", []],
            ["sender", "INSERT", ["--no-verify"]],
          ] as const) {
            await server().ask(`CREATE USER ${user} IDENTIFIED WITH plaintext_password BY 'secret'`);
            await server().ask(`GRANT ${rights} ON ${database}.t TO ${user}`);
            const login = ["--user", user, "--password", "secret", "--retries", "2"];
            const { code, stderr } = await run(database, "--table", "t", ...login, ...flags);
            expect(code, stderr).to.equal(0);
          }
          expect(await server().ask(`SELECT count(), uniqExact(run_id) FROM ${database}.t`)).to.equal("2000\t2");
        });

        it("the ladder's own advice, statement by statement, is enough for a ladder", async () => {
          await server().ask("CREATE USER climber IDENTIFIED WITH plaintext_password BY 'secret'");
          const login = ["--clickhouse-url", server().url, "--user", "climber", "--password", "secret"];
          const short = ["--format", "Native", "--duration", "700ms", "--batch-rows", "500", "--workers", "1"];
          const refused = await clickstorm(["ladder", ...login, ...short]);
          expect([refused.code, refused.stdout]).to.deep.equal([3, ""]);
          const statements = refused.stderr.match(/GRANT [A-Z][^;]*?(?=;|, then|\n)/g) ?? [];
          expect(statements.length, refused.stderr).to.equal(2);
          for (const statement of statements) await server().ask(`${statement} TO climber`);
          const [id = []] = [/--run-id \w+/.exec(refused.stderr)?.[0].split(" ")];
          expect(id.length, "a run id is named where no prefix can be granted").to.equal(version < "25" ? 2 : 0);
          const { code, stdout, stderr } = await clickstorm(["ladder", ...login, ...short, ...id]);
          expect(code, stderr + stdout).to.equal(0);
          expect(stdout).to.match(/^ {2}events +[\d,]+ /m);
          expect(await server().ask("SELECT count() FROM system.databases WHERE name LIKE 'clickstorm%'")).to.equal(
            "0",
          );
        });
      } else {
        it("the ladder runs to its end, and leaves nothing", async () => {
          const short = ["--format", "RowBinary", "--duration", "700ms", "--batch-rows", "500", "--workers", "1"];
          const { code, stdout, stderr } = await clickstorm(["ladder", "--clickhouse-url", server().url, ...short]);
          expect(code, stderr + stdout).to.equal(0);
          expect(await server().ask("SELECT count() FROM system.databases WHERE name LIKE 'clickstorm%'")).to.equal(
            "0",
          );
        });
      }

      it("a table of JSON, Variant, Dynamic and LowCardinality in maps gets the same values in each format, or none and a sentence", async () => {
        const database = await newDatabase();
        const url = `${server().url}/?${new URLSearchParams({ database, ...(await typeSettings(server())) })}`;
        const rules = join(mkdtempSync(join(tmpdir(), "clickstorm-versions-")), "rules.yaml");
        writeFileSync(rules, "columns: { d: { choice: [text, true, 7] } }\n");
        const values = new Map<string, string>();
        for (const format of FORMATS) {
          const create = `CREATE TABLE ${format} (run_id String, seq UInt64, ${HARD_TYPES}) ENGINE = MergeTree ORDER BY seq`;
          const created = await fetch(url, { method: "POST", body: create });
          expect(created.ok, await created.text()).to.equal(true);
          const { code, stderr } = await run(
            database,
            ...FIXED,
            "--table",
            format,
            "--format",
            format,
            "--config",
            rules,
          );
          if (version < "25" && format === "RowBinary") {
            const [oldest] = (await server().ask("SELECT version()")).split("\n");
            const others = "use --format JSONEachRow or JSONCompactEachRow or Native";
            expect([code, await numberOf(`SELECT count() FROM ${database}.${format}`)]).to.deep.equal([3, 0]);
            expect(stderr).to.include(
              `column j has a JSON, which RowBinary carries to ClickHouse 25.5 and newer, and this is ${oldest}: ${others}`,
            );
            continue;
          }
          expect(code, stderr).to.equal(0);
          const sum = `SELECT count(), sum(cityHash64(seq, toString(j), toString(v), toString(d), toString(m), toString(a)))`;
          values.set(format, await server().ask(`${sum} FROM ${database}.${format}`));
        }
        expect(values.get("Native")).to.match(/^1000\t\d+$/);
        expect(new Set(values.values()).size, [...values].join("\n")).to.equal(1);
      });
    },
    { extra: EXTRA },
  );
}
