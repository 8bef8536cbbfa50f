// `clickstorm ladder` as a user runs it: the real program on the real server, whose own log is asked what came in, and its
// list of databases what was left.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { startEmbedded } from "../src/embedded/server.js";
import { resolveLadder } from "../src/ladder/options.js";
import { OptionsError } from "../src/options.js";
import { FORMATS } from "../src/rows/program.js";
import { clickstorm, type Ended, start } from "./support/cli.js";
import { createTable, identifier, sqlText } from "./support/ddl.js";
import { FaultProxy } from "./support/fault-proxy.js";
import { clickhouse, newDatabase, numberOf, rowsOf, serverUrl } from "./support/server.js";
import { closedPort } from "./support/strangers.js";
import { askAsOwner, PASSWORD, startWithUsers } from "./support/users.js";

const SHORT = ["--duration", "600ms", "--batch-rows", "5000"];
const ONE = ["--format", "JSONEachRow"];
const RUNGS = ["rendering", "discarding", "null", "table"] as const;

let ladders = 0;
/** A run id, and whether the server has its scratch database. */
function newLadder(): { readonly id: string; readonly scratch: string; left(): Promise<number> } {
  const id = `t${process.pid}.${ladders++}`;
  const scratch = `clickstorm_ladder_${id}`;
  return { id, scratch, left: () => numberOf(`SELECT count() FROM system.databases WHERE name = ${sqlText(scratch)}`) };
}

/** Rows the server wrote by the inserts of one rung, by their query ids, and where. */
async function written(id: string, format: string, rung: string): Promise<{ rows: number; tables: readonly string[] }> {
  const [found] = await rowsOf<{ rows: number; tables: readonly string[] }>(
    `SELECT sum(written_rows) AS rows, groupUniqArrayArray(tables) AS tables FROM system.query_log
      WHERE type = 'QueryFinish' AND query_kind = 'Insert' AND written_rows > 0 AND startsWith(query_id, '${id}-${format}-${rung}-')`,
  );
  if (found === undefined) throw new Error("no answer");
  return found;
}

interface RungJson {
  readonly rung: string;
  readonly rows_per_s: number;
  readonly of_rung_above: number | null;
  readonly rows: { readonly acknowledged: number };
  readonly inserts: { readonly acknowledged: number };
  readonly bytes: { readonly rendered: number; readonly sent: number };
  readonly counted: { readonly by: string; readonly value: number; readonly agrees: boolean } | null;
}

interface Report {
  readonly schema: string;
  readonly complete: boolean;
  readonly formats: readonly { readonly format: string; readonly rungs: readonly RungJson[] }[];
  readonly problems: readonly string[];
}

describe("ladder", function () {
  this.timeout(120_000);

  const directory = mkdtempSync(join(tmpdir(), "clickstorm-test-"));
  after(() => rmSync(directory, { recursive: true }));
  let reports = 0;

  async function climb(args: readonly string[]): Promise<{ readonly ended: Ended; readonly report: Report }> {
    const file = join(directory, `ladder-${reports++}.json`);
    const ended = await clickstorm(["ladder", ...args, "--report", file]);
    return { ended, report: JSON.parse(readFileSync(file, "utf8")) };
  }

  /** Each rung of the report against what the server's log says, and the text against the report. */
  async function checkRungs(
    id: string,
    scratch: string,
    { ended, report }: Awaited<ReturnType<typeof climb>>,
    /** Tables that copied views write a row to for each of theirs. */
    targets: readonly string[] = [],
  ) {
    await clickhouse("SYSTEM FLUSH LOGS");
    expect(report.schema).to.equal("clickstorm/ladder/1");
    expect(report.problems).to.deep.equal([]);
    expect(report.complete).to.equal(true);
    for (const { format, rungs } of report.formats) {
      expect(rungs.map(({ rung }) => rung)).to.deep.equal(RUNGS);
      for (const [index, { rung, rows, inserts, bytes, counted, rows_per_s, of_rung_above }] of rungs.entries()) {
        expect(rows_per_s, rung).to.be.above(0);
        expect(ended.stdout).to.include(Math.round(rows_per_s).toLocaleString("en-US"));
        expect(inserts.acknowledged * 5000, rung).to.equal(rows.acknowledged);
        const above = rungs[index - 1];
        expect(of_rung_above).to.equal(above === undefined ? null : rows_per_s / above.rows_per_s);
        const log = await written(id, format, rung);
        if (rung === "null" || rung === "table") {
          const hanging = rung === "table" ? targets : [];
          expect(log.rows).to.equal(rows.acknowledged * (1 + hanging.length));
          expect(log.tables).to.have.members([`into_${rung}`, ...hanging].map((table) => `${scratch}.${table}`));
          expect(counted?.value).to.equal(rows.acknowledged);
          expect(ended.stdout).to.include(`${rows.acknowledged.toLocaleString("en-US")} rows`);
        } else {
          expect(log).to.deep.equal({ rows: 0, tables: [] });
        }
        if (rung === "rendering") expect([counted, bytes.sent]).to.deep.equal([null, 0]);
        if (rung === "discarding") expect(counted?.value).to.equal(inserts.acknowledged);
        if (rung !== "rendering") expect(bytes.sent, rung).to.equal(bytes.rendered);
      }
    }
  }

  it(`climbs ${RUNGS.length} rungs in each of ${FORMATS.join(", ")}; the server's log has the same rows; nothing is left`, async () => {
    const { database, url } = await newDatabase();
    const { id, scratch, left } = newLadder();
    const made = await climb(["--clickhouse-url", url, ...SHORT, "--run-id", id]);
    expect(made.ended.code, made.ended.stderr).to.equal(0);
    expect(made.report.formats.map(({ format }) => format)).to.deep.equal([...FORMATS]);
    await checkRungs(id, `\`${scratch}\``, made);
    expect(await left()).to.equal(0);
    expect(await numberOf(`SELECT count() FROM system.tables WHERE database = '${database}'`)).to.equal(0);
    expect(made.ended.stdout.split("\n").filter((line) => line.length > 80)).to.deep.equal([]);
  });

  it("a table with MATERIALIZED, ALIAS, EPHEMERAL and odd names, index, projection, TTL and view is copied, and stays as it was", async () => {
    const { database } = await newDatabase();
    const odd = `${database} \`x\`.y`;
    const table = "or'ders `2026` \\t";
    const place = `${identifier(odd)}.${identifier(table)}`;
    await clickhouse(`CREATE DATABASE ${identifier(odd)}`);
    await clickhouse(
      `CREATE TABLE ${place} (at DateTime, \`odd \\\`na.me\\\\\` UInt64, twice UInt64 MATERIALIZED \`odd \\\`na.me\\\\\` * 2,
         more UInt64 ALIAS twice + 1, source UInt64 EPHEMERAL 3, taken UInt64 DEFAULT source, note String CODEC(ZSTD(3)),
         INDEX i taken TYPE minmax, PROJECTION p (SELECT taken ORDER BY taken), CONSTRAINT c CHECK twice % 2 = 0)
       ENGINE = MergeTree PARTITION BY toYYYYMM(at) ORDER BY (twice, at) TTL at + INTERVAL 1 YEAR SETTINGS index_granularity = 1024`,
    );
    await clickhouse(`INSERT INTO ${place} (at, \`odd \\\`na.me\\\\\`) VALUES (now(), 1), (now(), 2)`);
    await clickhouse(`CREATE MATERIALIZED VIEW ${identifier(odd)}.seen ENGINE = Memory AS SELECT twice FROM ${place}`);
    const tables = `SELECT groupArray((name, create_table_query, total_rows)) FROM (SELECT * FROM system.tables WHERE database = ${sqlText(odd)} ORDER BY name)`;
    const before = await clickhouse(tables);
    const { id, scratch, left } = newLadder();
    const config = join(directory, "orders.yaml");
    writeFileSync(
      config,
      `columns:\n  note: { constant: here }\nduration: 10m\nformat: Nonsense\nreport: ${directory}\n`,
    );
    const url = `${(await newDatabase()).url.replace(/\?.*/, "")}?database=${encodeURIComponent(odd)}`;
    const made = await climb([
      ...["--clickhouse-url", url, "--table", table, ...SHORT, ...ONE, "--run-id", id, "--config", config],
    ]);
    expect(made.ended.code, made.ended.stderr).to.equal(0);
    await checkRungs(id, `\`${scratch}\``, made, ["seen_rows"]);
    expect(made.ended.stderr).to.include("1 materialized view copied with it");
    expect(await clickhouse(tables)).to.equal(before);
    expect(await left()).to.equal(0);
    await clickhouse("SYSTEM FLUSH LOGS");
    const [copy] = await rowsOf<{ text: string }>(
      `SELECT query AS text FROM system.query_log WHERE type = 'QueryFinish' AND query_kind = 'Create' AND startsWith(query, ${sqlText(`CREATE TABLE IF NOT EXISTS ${identifier(scratch)}.${identifier("into_table")}`)})`,
    );
    expect(copy?.text).to.match(
      /ENGINE = MergeTree PARTITION BY toYYYYMM\(at\) ORDER BY \(twice, at\) TTL at \+ toIntervalYear\(1\) SETTINGS index_granularity = 1024$/,
    );
  });

  it("columns of types that the server makes only when a setting allows it are copied", async () => {
    const { database, url } = await newDatabase();
    await createTable(
      database,
      "typed",
      "a LowCardinality(UInt8), v Variant(UInt8, UInt16), t Time64(3), f FixedString(300), n Nullable(Tuple(x UInt8))",
      { after: "ORDER BY a", settings: { allow_suspicious_fixed_string_types: "1" } },
    );
    const { id, scratch, left } = newLadder();
    const made = await climb(["--clickhouse-url", url, "--table", "typed", ...SHORT, ...ONE, "--run-id", id]);
    expect(made.ended.code, made.ended.stderr).to.equal(0);
    await checkRungs(id, `\`${scratch}\``, made);
    expect(await left()).to.equal(0);
  });

  it("of an engine that makes one row of several, the rows inserted are counted, by InsertedRows; of two URLs the first is used", async () => {
    const { database, url } = await newDatabase();
    await clickhouse("CREATE TABLE latest (a UInt8, b String) ENGINE = ReplacingMergeTree ORDER BY a", database);
    const { id, scratch, left } = newLadder();
    const urls = ["--clickhouse-url", url, "--clickhouse-url", `http://127.0.0.1:${await closedPort()}`];
    const made = await climb([...urls, "--table", "latest", ...SHORT, ...ONE, "--run-id", id]);
    expect(made.ended.code, made.ended.stderr).to.equal(0);
    await checkRungs(id, `\`${scratch}\``, made);
    expect(made.report.formats[0]?.rungs.map(({ counted }) => counted?.by)).to.deep.equal([
      undefined,
      "endpoint",
      "InsertedRows",
      "InsertedRows",
    ]);
    expect(made.ended.stderr).to.include(`the ladder uses the first URL alone: ${url.replace(/\/\?.*/, "")}`);
    expect(await left()).to.equal(0);
  });

  it("one insert of 5,000 rows into the table that is acknowledged and not there does not agree: 1, and both figures", async () => {
    const { database } = await newDatabase();
    const { id, left } = newLadder();
    const proxy = await FaultProxy.open(Number(new URL(serverUrl()).port));
    proxy.plan = ({ queryId, batch }) =>
      batch === 1 && queryId.includes("-table-") ? { kind: "answer", status: 200, passesOn: false } : undefined;
    const url = `http://127.0.0.1:${proxy.port}/?database=${database}`;
    const { ended, report } = await climb(["--clickhouse-url", url, ...SHORT, ...ONE, "--run-id", id]);
    await proxy.close();
    expect(ended.code).to.equal(1);
    await clickhouse("SYSTEM FLUSH LOGS");
    const { rows } = await written(id, "JSONEachRow", "table");
    const [there, said] = [rows, rows + 5000].map((figure) => figure.toLocaleString("en-US"));
    expect(report.problems).to.deep.equal([
      `JSONEachRow, events: ${said} rows were acknowledged, count() says ${there}`,
    ]);
    expect(report.formats[0]?.rungs.map(({ counted }) => counted?.agrees)).to.deep.equal([
      undefined,
      true,
      true,
      false,
    ]);
    expect(ended.stdout).to.match(new RegExp(` ${there} rows \\(!\\)$`, "m"));
    expect(await left()).to.equal(0);
  });

  it("a rung that fails ends the ladder with 1: what was measured is told, the scratch database is gone", async () => {
    const { database, url } = await newDatabase();
    await clickhouse(
      "CREATE TABLE narrow (a UInt64, CONSTRAINT small CHECK a < 10) ENGINE = MergeTree ORDER BY a",
      database,
    );
    const { id, left } = newLadder();
    const { ended, report } = await climb(["--clickhouse-url", url, "--table", "narrow", ...SHORT, "--run-id", id]);
    expect(ended.code).to.equal(1);
    expect(report.complete).to.equal(false);
    expect(
      report.formats.map(({ rungs }) => rungs.map(({ rung, rows_per_s }) => [rung, rows_per_s > 0])),
    ).to.deep.equal([
      [
        ["rendering", true],
        ["discarding", true],
        ["null", false],
      ],
    ]);
    expect(ended.stdout).to.match(/ENGINE = Null +failed/);
    expect(ended.stdout.replace(/\s+/g, " ")).to.match(
      /problem: JSONEachRow, ENGINE = Null: .* not acknowledged; .*small/,
    );
    expect(await left()).to.equal(0);
    expect(await numberOf("SELECT count() FROM narrow", database)).to.equal(0);
  });

  it("a server that dies under the third rung: 1, what was measured, and the statement that drops what is left", async () => {
    const server = await startEmbedded({ login: "none" });
    const { id, scratch } = newLadder();
    const running = start(["ladder", "--clickhouse-url", server.url, "--duration", "2s", ...ONE, "--run-id", id]);
    await running.said("3 of 4");
    await sleep(1000);
    process.kill(server.pid, "SIGKILL");
    const { code, stdout, stderr } = await running.ended;
    await server.stop();
    expect(code).to.equal(1);
    expect(stdout).to.match(/discarding +[\d,]{5,}/);
    expect(stdout).to.match(/ENGINE = Null +failed/);
    expect(stderr).to.include(`the scratch database is left`);
    expect(stderr).to.include(`DROP DATABASE \`${scratch}\``);
  });

  for (const [rung, signal, code] of [
    [1, "SIGINT", 130],
    [2, "SIGINT", 130],
    [3, "SIGINT", 130],
    [4, "SIGTERM", 143],
  ] as const) {
    it(`${signal} in rung ${rung}: ${code}, the ${rung - 1} rungs before it are told, the scratch database is gone`, async () => {
      const { url } = await newDatabase();
      const { id, scratch, left } = newLadder();
      // Rungs long enough for a signal in the middle of each.
      const flags = ["--duration", "1500ms", ...ONE, "--run-id", id];
      const running = start(["ladder", "--clickhouse-url", url, ...flags]);
      await running.said(`${rung} of 4`);
      await sleep(800);
      expect(await left()).to.equal(1);
      running.process.kill(signal);
      const ended = await running.ended;
      expect(ended.code, ended.stderr).to.equal(code);
      expect(ended.stderr).to.include(`interrupt again to quit at once, and it is left: DROP DATABASE \`${scratch}\``);
      expect(ended.stderr).to.not.include(`${rung + 1} of 4`);
      const told = ["rendering", "discarding", "ENGINE = Null", "events"].filter((name) =>
        new RegExp(`^  ${name} +[\\d,]+`, "m").test(ended.stdout),
      );
      expect(told.length, ended.stdout).to.equal(rung - 1);
      expect(await left()).to.equal(0);
    });
  }

  it("without the right to create a database: 3, and a sentence with the grants", async () => {
    const server = await startWithUsers();
    try {
      const args = ["ladder", "--clickhouse-url", server.url, "--user", "reader", ...SHORT];
      const { code, stdout, stderr } = await clickstorm(args, { CLICKHOUSE_PASSWORD: PASSWORD });
      expect([code, stdout]).to.deep.equal([3, ""]);
      expect(stderr).to.include("it's necessary to have the grant CREATE DATABASE ON");
      expect(stderr).to.include(
        "GRANT CREATE DATABASE, CREATE TABLE, INSERT, SELECT, DROP DATABASE, DROP TABLE ON clickstorm_ladder_*.*; and, where the server asks for it, GRANT TABLE ENGINE ON Null, TABLE ENGINE ON MergeTree\n",
      );
      expect(stderr).to.not.include(PASSWORD);
      const names = await askAsOwner(server, "SELECT name FROM system.databases WHERE name LIKE 'clickstorm%'");
      expect(names).to.equal("");
    } finally {
      await server.stop();
    }
  });

  it("the grants of that sentence are enough; who may not read system.user_processes has two rungs not checked, and 0", async () => {
    const grants = [
      "GRANT CREATE DATABASE, CREATE TABLE, INSERT, SELECT, DROP DATABASE, DROP TABLE ON clickstorm_ladder_*.*",
      "GRANT TABLE ENGINE ON Null, TABLE ENGINE ON ReplacingMergeTree",
      "GRANT SHOW COLUMNS ON default.latest",
    ];
    const usersXml = `<users><climber><password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile>
      <quota>default</quota><grants>${grants.map((grant) => `<query>${grant}</query>`).join("")}</grants></climber></users>`;
    const server = await startEmbedded({ login: "none", extraConfig: { usersXml } });
    const ask = async (sql: string): Promise<string> =>
      (await fetch(server.url, { method: "POST", body: sql, headers: { connection: "close" } })).text();
    try {
      await ask("CREATE TABLE latest (a UInt8) ENGINE = ReplacingMergeTree ORDER BY a");
      const args = ["--clickhouse-url", server.url, "--user", "climber", "--table", "latest", ...SHORT, ...ONE];
      const { ended, report } = await climb(args);
      expect(ended.code, ended.stderr + ended.stdout).to.equal(0);
      const rungs = report.formats[0]?.rungs ?? [];
      expect(rungs.map(({ rung, counted }) => [rung, counted?.by])).to.deep.equal([
        ["rendering", undefined],
        ["discarding", "endpoint"],
        ["null", undefined],
        ["table", undefined],
      ]);
      expect(ended.stdout).to.match(/ENGINE = Null .* not checked$/m);
      expect(ended.stdout.replace(/\s+/g, " ")).to.include(
        "is not checked: this user may not read system.user_processes",
      );
      expect(await ask("SELECT count() FROM system.databases WHERE name LIKE 'clickstorm%'")).to.equal("0\n");
      expect(await ask("SELECT count() FROM latest")).to.equal("0\n");
    } finally {
      await server.stop();
    }
  });

  it("a second SIGINT quits at once with 130 and no table, and leaves what the sentence before it names", async () => {
    const { database, url } = await newDatabase();
    const { id, scratch, left } = newLadder();
    // An insert takes a second: the first signal waits for those in flight.
    await clickhouse(
      "CREATE TABLE slow (a UInt64, CONSTRAINT waits CHECK sleepEachRow(0.000005) = 0) ENGINE = MergeTree ORDER BY a",
      database,
    );
    const flags = ["--duration", "1s", "--batch-rows", "200000", ...ONE, "--run-id", id];
    const running = start(["ladder", "--clickhouse-url", url, "--table", "slow", ...flags]);
    await running.said("3 of 4");
    await sleep(1000);
    running.process.kill("SIGINT");
    await running.said(`interrupt again to quit at once, and it is left: DROP DATABASE \`${scratch}\``);
    running.process.kill("SIGINT");
    const { code, stdout } = await running.ended;
    expect([code, stdout, await left()]).to.deep.equal([130, "", 1]);
    await clickhouse(`DROP DATABASE ${identifier(scratch)} SYNC`);
  });

  describe("what cannot be copied ends with 3, and nothing is made", () => {
    const tables: readonly (readonly [what: string, ddl: string | undefined, table: string, sentence: RegExp])[] = [
      [
        "a table that is not there",
        "CREATE TABLE orders (a UInt8) ENGINE = Memory",
        "order",
        /has no table .*: did you mean orders\?/,
      ],
      [
        "a table that is not there, nor one like it",
        undefined,
        "nosuch",
        /has no table .*: name one that is there, or leave --table out for events as run would create it\n/,
      ],
      ["a view", "CREATE VIEW seen AS SELECT 1 AS a", "seen", /is a view \(View\): the ladder copies tables/],
      [
        "a table of engine Null",
        "CREATE TABLE nil (a UInt8) ENGINE = Null",
        "nil",
        /is of engine Null, which keeps no rows/,
      ],
      [
        "a Buffer",
        "CREATE TABLE buf (a UInt8) ENGINE = Buffer('', '', 1, 1, 1, 1, 1, 1, 1)",
        "buf",
        /is of engine Buffer/,
      ],
    ];
    for (const [what, ddl, table, sentence] of tables) {
      it(what, async () => {
        const { database, url } = await newDatabase();
        if (ddl !== undefined) await clickhouse(ddl, database);
        const { id, left } = newLadder();
        const args = ["ladder", "--clickhouse-url", url, "--table", table, ...SHORT, "--run-id", id];
        const { code, stdout, stderr } = await clickstorm(args);
        expect([code, stdout]).to.deep.equal([3, ""]);
        expect(stderr).to.match(sentence);
        expect(await left()).to.equal(0);
      });
    }
  });

  it("a scratch database that is left of another ladder is told, and stays; its run id is refused with 3", async () => {
    const { url } = await newDatabase();
    const { id, scratch, left } = newLadder();
    await clickhouse(`CREATE DATABASE ${identifier(scratch)}`);
    try {
      const { code, stderr } = await clickstorm(["ladder", "--clickhouse-url", url, ...SHORT, "--run-id", id]);
      expect(code).to.equal(3);
      expect(stderr).to.include(`${scratch} is left of a ladder that was killed, or of one under way`);
      expect(stderr).to.include(`${scratch} is there already: choose another --run-id`);
      expect(await left()).to.equal(1);
    } finally {
      await clickhouse(`DROP DATABASE ${identifier(scratch)}`);
    }
  });

  it("a rule that does not fit the table: 2, and nothing is left", async () => {
    const { url } = await newDatabase();
    const { id, left } = newLadder();
    const config = join(directory, "wrong.yaml");
    writeFileSync(config, "columns:\n  user: { constant: me }\n");
    const args = ["ladder", "--clickhouse-url", url, ...SHORT, "--run-id", id, "--config", config];
    const { code, stderr } = await clickstorm(args);
    expect(code, stderr).to.equal(2);
    expect(stderr).to.include("wrong.yaml:2: columns.user: the table has no column user");
    expect(await left()).to.equal(0);
  });

  it("all wrong options are told at once, with the formats that are near", async () => {
    const { code, stderr } = await clickstorm([
      ...[
        "ladder",
        "--format",
        "JSONEachRows,JSONCompactEachRow",
        "--format",
        "",
        "--duration",
        "0",
        "--in-flight",
        "x",
      ],
      ...["--rate", "5"],
    ]);
    expect(code).to.equal(2);
    const problems = stderr.trim().split("\n");
    expect(problems).to.have.lengthOf(5);
    expect(stderr).to.match(/--format must be JSONEachRow.*, got JSONEachRows: did you mean JSONEachRow\?/);
    expect(stderr).to.match(/--format must be .*, got nothing/);
    expect(stderr).to.include(
      "--duration must be a time such as 30 (seconds), 500ms, 90s, 10m or 2h, from 100ms to 1h, got 0",
    );
    expect(stderr).to.include("--in-flight must be an integer from 1 to 10000, got x");
    expect(stderr).to.include("unknown option --rate: it is one of run and sample");
  });
});

describe("the ladder's options", () => {
  it("by default: 5 s after 1 s of warm-up at rate max, 8 in flight, all formats, no /metrics and no traces", () => {
    const { run, formats, warmUpNs, windowNs } = resolveLadder({}, {});
    expect([warmUpNs, windowNs, run.durationNs]).to.deep.equal([1_000_000_000n, 5_000_000_000n, 6_000_000_000n]);
    expect([run.rate, run.inFlight, formats, run.metrics, run.traces]).to.deep.equal([
      "max",
      8,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it("a window of 300 ms has as much warm-up; formats once each, in the order given, whatever their case", () => {
    const { formats, warmUpNs, windowNs } = resolveLadder(
      { duration: "300ms", format: ["jsoncompacteachrow, JSONEachRow", "JSONEachRow"] },
      {},
    );
    expect([warmUpNs, windowNs]).to.deep.equal([300_000_000n, 300_000_000n]);
    expect(formats).to.deep.equal(["JSONCompactEachRow", "JSONEachRow"]);
  });

  it("of variables and config file, what is run's alone is no matter: rate, duration, format, report, data span, /metrics", () => {
    const environment = {
      INGESTION_DURATION: "10m",
      EVENT_RATE: "x",
      CLICKSTORM_METRICS_PORT: "-1",
      CLICKSTORM_WORKERS: "2",
    };
    const options = { duration: "2h", format: "x", report: "run.json", "data-span": "30d", "in-flight": "4" };
    const { rules } = resolveLadder({}, {}).run;
    const { run, formats, windowNs, reportFile } = resolveLadder({}, environment, { file: "c.yaml", options, rules });
    expect([windowNs, formats, reportFile, run.dataSpanNs]).to.deep.equal([
      5_000_000_000n,
      undefined,
      undefined,
      undefined,
    ]);
    expect([run.workers, run.inFlight]).to.deep.equal([2, 4]);
  });

  it("--blind is none of ladder's", () => {
    expect(() => resolveLadder({ blind: "true" }, {}))
      .to.throw(OptionsError)
      .with.property("problems")
      .that.deep.equals(["unknown option --blind: it is one of run, sample and max"]);
  });
});
