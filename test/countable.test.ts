// Which tables have a ledger: engines, tables behind them, column types of a near-miss kind, row policies. Tables are real ones, and
// so is what they make of rows. Numbers of an answer that cannot be are an error.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { type EmbeddedServer, startEmbedded } from "../src/embedded/server.js";
import { endpointOf } from "../src/endpoint.js";
import { behindOf, expiringColumns, whyNotKept } from "../src/engines.js";
import { countRows, readLedger, UncountedError } from "../src/ledger.js";
import { resolveRun } from "../src/options.js";
import { countOf, ServerError } from "../src/server.js";
import { blindTarget, whyUnlisted, whyUnverifiable } from "../src/target.js";
import { clickstorm, unwrapped } from "./support/cli.js";
import { type Ask, claim, figuresOf, prepareAs, ROWS, RUN } from "./support/counted.js";
import { webServer } from "./support/strangers.js";
import { describeOn, type Version } from "./support/versions.js";

const COLUMNS = "run_id String, seq UInt64, k UInt8";

/** By engine: how many of 500 rows of one key are there, and why there is no ledger, if so. */
const ENGINES: readonly (readonly [engine: string, rows: number, why?: string])[] = [
  ["MergeTree ORDER BY k", ROWS],
  ["MergeTree ORDER BY k TTL toDate(k) + INTERVAL 100 YEAR", ROWS],
  ["Log", ROWS],
  ["TinyLog", ROWS],
  ["StripeLog", ROWS],
  ["Memory", ROWS],
  ["Buffer(e, behind_kept, 1, 1000, 1000, 100000, 100000, 1000000, 1000000)", ROWS],
  ["Distributed(two, e, behind_kept)", ROWS],
  ["Alias(e, behind_kept)", ROWS],
  ["Null", 0, "a table of engine Null keeps no rows"],
  ["ReplacingMergeTree ORDER BY k", 1, "a table of engine ReplacingMergeTree makes one row of several"],
  ["CoalescingMergeTree ORDER BY k", 1, "a table of engine CoalescingMergeTree makes one row of several"],
  ["EmbeddedRocksDB PRIMARY KEY k", 1, "a table of engine EmbeddedRocksDB keeps one row of each key"],
  ["Join(ANY, LEFT, k)", 1, "a table of engine Join keeps one row of each key"],
  ["Memory SETTINGS max_rows_to_keep = 100", 100, "a table of engine Memory with a bound drops old rows"],
  [
    "MergeTree ORDER BY k TTL toDate(k) + INTERVAL 1 DAY GROUP BY k SET seq = max(seq)",
    1,
    "the table has a TTL that makes one row of several",
  ],
  [
    "Buffer(e, behind_replacing, 1, 1000, 1000, 100000, 100000, 1000000, 1000000)",
    1,
    "the table e.behind_replacing is behind it: a table of engine ReplacingMergeTree makes one row of several",
  ],
  [
    "Distributed(two, e, behind_replacing)",
    1,
    "the table e.behind_replacing is behind it: a table of engine ReplacingMergeTree makes one row of several",
  ],
  [
    "Distributed(two, e, before_null)",
    0,
    "the table e.before_null is behind it: the table e.nothing is behind it: a table of engine Null keeps no rows",
  ],
];

/** By type or definition: whether they are ledger columns, and else what is said of them. */
const TYPES: readonly (readonly [runId: string, seq: string, why?: string])[] = [
  ["String", "UInt64"],
  ["LowCardinality(String)", "UInt64 DEFAULT 7 CODEC(Delta, ZSTD)"],
  ["String DEFAULT 'a)b' COMMENT ') TTL ('", "UInt64"],
  ["String", "Nullable(UInt64)", "seq is Nullable(UInt64)"],
  ["Nullable(String)", "UInt64", "run_id is Nullable(String)"],
  ["LowCardinality(Nullable(String))", "UInt64", "run_id is LowCardinality(Nullable(String))"],
  ["FixedString(26)", "UInt64", "run_id is FixedString(26)"],
  ["String", "Int64", "seq is Int64"],
  ["String", "UInt32", "seq is UInt32"],
  ["String", "UInt64 EPHEMERAL", "seq is EPHEMERAL"],
  ["String EPHEMERAL", "UInt64", "run_id is EPHEMERAL"],
  ["String", "UInt64 ALIAS toUInt64(v)", "seq is ALIAS"],
  ["String", "UInt64 MATERIALIZED toUInt64(v)", "seq is MATERIALIZED"],
  ["String", "UInt64 TTL d + INTERVAL 1 DAY", "seq has a TTL, which resets it"],
  ["String TTL d + INTERVAL 1 DAY", "UInt64", "run_id has a TTL, which resets it"],
];

describe("tables that have a ledger", function () {
  this.timeout(120_000);
  let server: EmbeddedServer;
  const ask: Ask = async (sql) => {
    const response = await fetch(server.url, { method: "POST", body: sql });
    const text = await response.text();
    if (!response.ok) throw new Error(text);
    return text.trim();
  };

  before(async () => {
    // Its own user `policed` sees the rows from 4 on of p.t and all of p.open.
    const usersXml = `<users><policed><password></password><networks><ip>127.0.0.1</ip></networks>
      <profile>default</profile><quota>default</quota><grants><query>GRANT ALL ON *.*</query></grants>
      <databases><p><t><filter>seq &gt; 3</filter></t><open><filter>1</filter></open></p></databases></policed></users>`;
    const configXml = `<remote_servers><two>
        <shard><replica><host>127.0.0.1</host><port>9000</port></replica></shard>
      </two></remote_servers>`;
    server = await startEmbedded({ login: "none", extraConfig: { usersXml, configXml } });
    for (const sql of [
      "CREATE DATABASE e",
      "CREATE DATABASE p",
      `CREATE TABLE e.behind_kept (${COLUMNS}) ENGINE = MergeTree ORDER BY k`,
      `CREATE TABLE e.behind_replacing (${COLUMNS}) ENGINE = ReplacingMergeTree ORDER BY k`,
      `CREATE TABLE e.nothing (${COLUMNS}) ENGINE = Null`,
      `CREATE TABLE e.before_null (${COLUMNS}) ENGINE = Buffer(e, nothing, 1, 1000, 1000, 100000, 100000, 1000000, 1000000)`,
    ])
      await ask(sql);
  });
  after(() => server.stop());

  describe("of 500 rows of one key,", () => {
    for (const [index, [engine, rows, why]] of ENGINES.entries()) {
      it(`${engine.replace(/, 1, 1000.*/, ", …)")} has ${rows}: ${why ?? "the ledger"}`, async () => {
        await ask("TRUNCATE TABLE e.behind_kept");
        const columns = engine.startsWith("Alias") ? "" : `(${COLUMNS})`;
        // By who may use all engines: the embedded server's own user may not use those that are files of their own.
        const making = { method: "POST", body: `CREATE TABLE e.t${index} ${columns} ENGINE = ${engine}` };
        expect(await (await fetch(`${server.url}/?user=policed`, making)).text()).to.equal("");
        const target = await prepareAs("default", server.url, `e.t${index}`);
        expect(whyUnverifiable(target)).to.equal(why);
        await ask(`INSERT INTO e.t${index} (run_id, seq, k) SELECT '${RUN}', number, 0 FROM numbers(${ROWS - 100})`);
        await ask(
          `INSERT INTO e.t${index} (run_id, seq, k) SELECT '${RUN}', number, 0 FROM numbers(${ROWS - 100}, 100)`,
        );
        const merged = /MergeTree/.test(engine) ? `e.t${index}` : "e.behind_replacing";
        if (engine.startsWith("Buffer") && why !== undefined) await ask(`OPTIMIZE TABLE e.t${index}`);
        if (engine.includes("before_null")) await ask("OPTIMIZE TABLE e.before_null");
        if (why !== undefined) await ask(`OPTIMIZE TABLE ${merged} FINAL`);
        expect(await ask(`SELECT count() FROM e.t${index}`)).to.equal(String(rows));
        if (why === undefined) expect(await figuresOf(target)).to.deep.equal([ROWS, 0, 0]);
      });
    }
  });

  describe("columns run_id and seq,", () => {
    for (const [index, [runId, seq, why]] of TYPES.entries()) {
      it(`${runId} and ${seq}: ${why ?? "the ledger's columns"}`, async () => {
        const table = `e.c${index}`;
        await ask(`CREATE TABLE ${table} (run_id ${runId}, seq ${seq}, v UInt8, d Date) ENGINE = MergeTree ORDER BY v`);
        const target = await prepareAs("default", server.url, table);
        expect([target.ledgerColumns, target.whyNoLedgerColumns]).to.deep.equal([why === undefined, why]);
        const before = await countRows(target);
        // Seven of them are missing.
        const columns = why === undefined ? "run_id, seq, v" : "v";
        const values = why === undefined ? `'${RUN}', number, 1` : "1";
        await ask(`INSERT INTO ${table} (${columns}) SELECT ${values} FROM numbers(${ROWS - 7})`);
        expect(await figuresOf(target, before)).to.deep.equal([ROWS - 7, 7, 0]);
        const { caveat } = await readLedger(target, claim(), before);
        expect(caveat).to.equal(
          why && `by the difference of count() before and after, which assumes no other writer, since ${why}`,
        );
        expect(whyUnlisted(target)).to.equal(
          why && `run_id and seq of the table do not tell the rows of one batch from another's: ${why}`,
        );
      });
    }

    it("a table that loses rows of others meanwhile has no figure below 0", async () => {
      await ask("CREATE TABLE e.losing (v UInt8) ENGINE = MergeTree ORDER BY v");
      await ask("INSERT INTO e.losing SELECT 1 FROM numbers(30)");
      const target = await prepareAs("default", server.url, "e.losing");
      const before = await countRows(target);
      await ask("TRUNCATE TABLE e.losing");
      const error: unknown = await readLedger(target, claim(), before).catch((reason: unknown) => reason);
      expect(String(error)).to.contain("the table holds 30 rows less than before the run");
    });
  });

  describe("a filter of users.xml", () => {
    const WHY = "a row policy hides rows of the table from this user";

    for (const engine of ["MergeTree ORDER BY seq", "Memory"]) {
      it(`hides rows 0 to 3 of a table of ${engine}: no ledger; of an empty table it is seen after the run`, async () => {
        await ask("DROP TABLE IF EXISTS p.t SYNC");
        await ask(`CREATE TABLE p.t (run_id String, seq UInt64) ENGINE = ${engine}`);
        const empty = await prepareAs("policed", server.url, "p.t");
        await ask(`INSERT INTO p.t SELECT '${RUN}', number FROM numbers(${ROWS})`);
        const seen = await fetch(`${server.url}/?user=policed&query=SELECT+count()+FROM+p.t`);
        expect(await seen.text()).to.equal(`${ROWS - 4}\n`);
        const error: unknown = await readLedger(empty, claim(), 0).catch((reason: unknown) => reason);
        if (!(error instanceof UncountedError)) throw new Error(`no UncountedError but ${error}`);
        expect(error.message).to.equal(WHY);
        expect(whyUnverifiable(await prepareAs("policed", server.url, "p.t"))).to.equal(WHY);
        expect(await figuresOf(await prepareAs("default", server.url, "p.t"))).to.deep.equal([ROWS, 0, 0]);
      });
    }

    it("that lets all rows through takes no ledger away", async () => {
      await ask("CREATE TABLE p.open (run_id String, seq UInt64) ENGINE = MergeTree ORDER BY seq");
      await ask(`INSERT INTO p.open SELECT '${RUN}', number FROM numbers(${ROWS - 1})`);
      const target = await prepareAs("policed", server.url, "p.open");
      expect(whyUnverifiable(target)).to.equal(undefined);
      expect(await figuresOf(target)).to.deep.equal([ROWS - 1, 1, 0]);
    });
  });
});

describe("run, into tables that hide what they hold", function () {
  this.timeout(120_000);
  let server: EmbeddedServer;
  let directory: string;
  const LOAD = ["--rate", "1000", "--duration", "500ms", "--batch-rows", "100", "--no-metrics", "--no-traces"];
  const ask: Ask = async (sql) => {
    const response = await fetch(server.url, { method: "POST", body: sql });
    const text = await response.text();
    if (!response.ok) throw new Error(text);
    return text.trim();
  };
  before(async () => {
    directory = mkdtempSync(join(tmpdir(), "clickstorm-countable-"));
    const usersXml = `<users><policed><password></password><networks><ip>127.0.0.1</ip></networks>
      <profile>default</profile><quota>default</quota><grants><query>GRANT ALL ON *.*</query></grants>
      <databases><p><t><filter>tenant = 1</filter></t></p></databases></policed></users>`;
    server = await startEmbedded({ login: "none", extraConfig: { usersXml } });
    await ask("CREATE DATABASE p");
    await ask("CREATE TABLE p.t (tenant UInt8, run_id String, seq UInt64) ENGINE = MergeTree ORDER BY seq");
    await ask(
      "CREATE TABLE p.seq_nullable (run_id String, seq Nullable(UInt64), v UInt8) ENGINE = MergeTree ORDER BY v",
    );
  });
  after(async () => {
    await server.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  const WHY = "a row policy hides rows of the table from this user";

  it("a policy on a table that was empty: 500 rows are there, there is no ledger, and it says why; exit 0", async () => {
    const file = join(directory, "policy.json");
    const { code, stdout } = await clickstorm([
      ...["run", "--clickhouse-url", server.url, "--user", "policed", "--table", "p.t", "--report", file],
      ...LOAD,
    ]);
    expect(await ask("SELECT count() FROM p.t")).to.equal("500");
    expect(unwrapped(stdout)).to.contain(`none: ${WHY}`);
    const { rows, ledger_caveat: caveat } = JSON.parse(readFileSync(file, "utf8"));
    expect([rows.landed, rows.lost, rows.duplicated, caveat]).to.deep.equal([null, null, null, WHY]);
    expect(code).to.equal(0);
  });

  it("of one that has rows, --ledger is refused before the start: exit 2", async () => {
    const file = join(directory, "policy.ndjson");
    const run = ["run", "--clickhouse-url", server.url, "--user", "policed", "--table", "p.t", "--ledger", file];
    const { code, stderr } = await clickstorm([...run, ...LOAD]);
    expect(stderr).to.contain(`--ledger ${file} cannot be written: ${WHY}`);
    expect(code).to.equal(2);
    expect(await ask("SELECT count() FROM p.t")).to.equal("500");
  });

  it("seq Nullable(UInt64): 500 rows by the difference of count(), and why not by batch; exit 0", async () => {
    const { code, stdout } = await clickstorm([
      ...["run", "--clickhouse-url", server.url, "--table", "p.seq_nullable"],
      ...LOAD,
    ]);
    expect(await ask("SELECT count() FROM p.seq_nullable")).to.equal("500");
    expect(unwrapped(stdout)).to.contain("landed 500, lost 0, duplicated 0");
    expect(unwrapped(stdout)).to.contain("which assumes no other writer, since seq is Nullable(UInt64)");
    expect(code).to.equal(0);
  });
});

/** Whole servers, which have CREATE ROW POLICY. */
const WITH_POLICIES: readonly Version[] = ["24.8", "25.8"];

for (const version of WITH_POLICIES) {
  describeOn(version, (server) => {
    const POLICIES: readonly (readonly [using: string, seen: number | undefined])[] = [
      ["seq > 3", ROWS - 4],
      ["0", 0],
      ["1", undefined],
    ];
    for (const engine of ["MergeTree ORDER BY seq", "Memory"]) {
      for (const [using, seen] of POLICIES) {
        const what = seen === undefined ? "hides nothing: the ledger" : `shows ${seen} rows of 500: no ledger`;
        it(`a row policy USING ${using} on a table of ${engine} ${what}`, async () => {
          const { ask, url } = server();
          for (const sql of [
            "CREATE DATABASE IF NOT EXISTS p",
            "DROP TABLE IF EXISTS p.t SYNC",
            `CREATE TABLE p.t (run_id String, seq UInt64) ENGINE = ${engine}`,
            // No right to see policies.
            "CREATE USER IF NOT EXISTS policed",
            "GRANT SELECT, INSERT ON p.* TO policed",
            `CREATE ROW POLICY OR REPLACE only_some ON p.t USING ${using} TO policed`,
          ])
            await ask(sql);
          const empty = await prepareAs("policed", url, "p.t");
          await ask(`INSERT INTO p.t SELECT '${RUN}', number FROM numbers(${ROWS})`);
          const full = await prepareAs("policed", url, "p.t");
          if (seen === undefined) {
            expect(await figuresOf(empty)).to.deep.equal([ROWS, 0, 0]);
            expect(await figuresOf(full)).to.deep.equal([ROWS, 0, 0]);
            return;
          }
          expect(await (await fetch(`${url}/?user=policed&query=SELECT+count()+FROM+p.t`)).text()).to.equal(
            `${seen}\n`,
          );
          const error: unknown = await readLedger(empty, claim(), 0).catch((reason: unknown) => reason);
          expect(error).to.be.instanceOf(UncountedError);
          expect(whyUnverifiable(full)).to.equal("a row policy hides rows of the table from this user");
        });
      }
    }
  });
}

describe("numbers of an answer", () => {
  const valid: readonly (readonly [value: unknown, count: number])[] = [
    [0, 0],
    ["0", 0],
    [5, 5],
    ["500", 500],
    ["9007199254740991", 9007199254740991],
  ];
  for (const [value, count] of valid) {
    it(`${JSON.stringify(value)} is ${count}`, () => {
      expect(countOf({ rows: value }, "rows")).to.equal(count);
    });
  }

  for (const value of [
    null,
    undefined,
    "",
    " 5",
    "-1",
    -1,
    1.5,
    "1e3",
    "0x10",
    "nan",
    Number.NaN,
    true,
    [5],
    "18446744073709551615",
  ]) {
    it(`${JSON.stringify(value) ?? "none"} is none: an error`, () => {
      expect(() => countOf({ rows: value }, "rows")).to.throw(ServerError, /for the number of rows$/);
    });
  }

  it("101 is an error where 100 is the most", () => {
    expect(countOf({ rows: 100 }, "rows", 100)).to.equal(100);
    expect(() => countOf({ rows: 101 }, "rows", 100)).to.throw(ServerError, "an answer has 101 for the number of rows");
  });

  /** Of ten batches of 50 rows each: rows of three numbers as they might come. */
  const answers: Readonly<Record<string, readonly (readonly number[])[]>> = {
    "batch 10 of ten": [[10, 50, 50]],
    "batch 3 twice": [
      [3, 50, 50],
      [3, 1, 1],
    ],
    "more rows that differ than rows": [[3, 49, 50]],
    "51 different rows of a batch of 50": [[3, 51, 51]],
    "rows of which none is like itself": [[3, 50, 0]],
  };
  for (const [what, rows] of Object.entries(answers)) {
    it(`${what}: the ledger is an error`, async () => {
      const body = Buffer.concat(rows.map((row) => Buffer.from(new Uint32Array(row).buffer)));
      const server = await webServer((_, response) => {
        response.writeHead(200, { "x-clickhouse-format": "RowBinary", connection: "close" }).end(body);
      });
      try {
        const endpoint = endpointOf(new URL(server.url), { user: "default", password: "" });
        const stores = [{ replicas: [{ endpoints: [endpoint] }] }];
        const target = {
          ...blindTarget(resolveRun({ table: "d.t" }, {})),
          engine: "MergeTree",
          ledgerColumns: true,
          stores,
        };
        const error: unknown = await readLedger(target, claim(), 0).catch((reason: unknown) => reason);
        expect(String(error)).to.contain("an answer to the ledger's question has impossible numbers for batch");
      } finally {
        await server.close();
      }
    });
  }
});

describe("engines, by their clause", () => {
  it("a queue, an unknown one, and one that reads its rows elsewhere have no ledger", () => {
    expect(["Kafka", "S3Queue"].map((engine) => whyNotKept(engine))).to.deep.equal([
      "a table of engine Kafka is a queue, whose rows go to who reads them",
      "a table of engine S3Queue is a queue, whose rows go to who reads them",
    ]);
    expect(["KeeperMap", "Redis", "Set"].map((engine) => whyNotKept(engine))).to.deep.equal(
      ["KeeperMap", "Redis", "Set"].map((engine) => `a table of engine ${engine} keeps one row of each key`),
    );
    expect(whyNotKept("TimeSeries")).to.equal("whether a table of engine TimeSeries keeps every row is not known");
    expect(whyNotKept("SharedReplacingMergeTree")).to.equal(
      "a table of engine SharedReplacingMergeTree makes one row of several",
    );
    expect(whyNotKept("SharedMergeTree")).to.equal(undefined);
  });

  it("words in quotes are none of the clause's", () => {
    const clause = "MergeTree ORDER BY `a TTL b GROUP BY c` TTL d + toIntervalDay(1) SETTINGS x = ' GROUP BY '";
    expect(whyNotKept("MergeTree", clause)).to.equal(undefined);
  });

  it("the table behind is named in its clause, with brackets and commas in quotes", () => {
    expect(behindOf("Distributed", "Distributed('c', 'a,b', 'd(e', rand())")).to.deep.equal({
      cluster: "c",
      database: "a,b",
      table: "d(e",
    });
    expect(behindOf("Buffer", "Buffer('x', 'y', 16, 10, 100, 10, 100, 10, 100)")).to.deep.equal({
      cluster: undefined,
      database: "x",
      table: "y",
    });
    expect(behindOf("MergeTree", "MergeTree ORDER BY a")).to.equal(undefined);
  });

  it("a column's TTL is its own, not that of another column or of the table", () => {
    const create =
      "CREATE TABLE `d (`.t (`run_id` String COMMENT ' TTL ', `seq` UInt64 DEFAULT f(1, 2) TTL a + toIntervalDay(1), `a` Date) ENGINE = MergeTree TTL a";
    expect(expiringColumns(create)).to.deep.equal(["seq"]);
  });
});
