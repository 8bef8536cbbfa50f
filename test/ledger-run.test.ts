// --ledger and --quorum as a user has them. A proxy says yes to some inserts and passes them on to nobody; rows that are there are
// deleted while the answer to the last insert is held back: for the ledger both are lost.

import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { type EmbeddedServer, startEmbedded } from "../src/embedded/server.js";
import { clickstorm, start, unwrapped } from "./support/cli.js";
import { type Fault, FaultProxy, PASS } from "./support/fault-proxy.js";
import { clickhouse, newDatabase, rowsOf } from "./support/server.js";
import { rowsIn, until } from "./support/settle.js";
import { Sink } from "./support/sink.js";

/** 1,000 rows in ten batches of 100. */
const LOAD = ["--rate", "2000", "--duration", "500ms", "--batch-rows", "100", "--no-metrics", "--no-traces"];
const FULL = "/dev/full";

describe("run --ledger", function () {
  this.timeout(60_000);
  let directory: string;
  let server: EmbeddedServer;
  let proxy: FaultProxy;
  before(async () => {
    directory = mkdtempSync(join(tmpdir(), "clickstorm-ledger-"));
    server = await startEmbedded({ login: "none" });
    proxy = await FaultProxy.open(server.port);
  });
  after(async () => {
    await proxy.close();
    await server.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  const ask = async (sql: string): Promise<string> => {
    const response = await fetch(server.url, { method: "POST", body: sql });
    const text = await response.text();
    if (!response.ok) throw new Error(text);
    return text.trim();
  };
  /** Said to be stored, and kept from the server. */
  const SWALLOWED: Fault = { kind: "answer", status: 200, passesOn: false };

  const jsonOf = (file: string) => JSON.parse(readFileSync(join(directory, file), "utf8"));
  const linesOf = (file: string) =>
    readFileSync(join(directory, file), "utf8")
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line));

  /** A new table t in a database of that name, by way of the proxy. */
  const into = async (database: string): Promise<readonly string[]> => {
    await ask(`CREATE DATABASE ${database}`);
    await ask(`CREATE TABLE ${database}.t (run_id String, seq UInt64) ENGINE = MergeTree ORDER BY seq`);
    return ["run", "--clickhouse-url", `http://127.0.0.1:${proxy.port}`, "--table", `${database}.t`, ...LOAD];
  };

  it("without rows 300 to 399 and 950: batch 3 is missing, batch 9 is there in part; exit 1", async () => {
    const args = await into("holes");
    const there = async (rows: number): Promise<void> => {
      while ((await ask("SELECT count() FROM holes.t")) !== String(rows)) await sleep(20);
    };
    // All but batch 3 are there, and row 950 is not any more, when the last insert is answered.
    const gone = new Promise<void>((resolve, reject) => {
      proxy.plan = ({ batch }) => {
        if (batch === 3) return SWALLOWED;
        if (batch !== 9) return undefined;
        void there(900)
          .then(() => ask("ALTER TABLE holes.t DELETE WHERE seq = 950 SETTINGS mutations_sync = 2"))
          .then(() => resolve(), reject);
        return { kind: "held", until: gone };
      };
    });
    const files = ["--ledger", join(directory, "odd.ndjson"), "--report", join(directory, "odd.json")];
    const { code, stdout } = await clickstorm([...args, ...files]);
    expect(code).to.equal(1);
    const text = unwrapped(stdout);
    expect(text).to.contain("landed 899, lost 101, duplicated 0");
    expect(text).to.contain("acknowledged batches 10: 8 whole, 1 partial, 1 missing");
    const line = { rows: 100, fate: "acknowledged", reason: null, code: null };
    expect(linesOf("odd.ndjson")).to.deep.equal([
      { batch: 3, first_row: 300, ...line, landed: 0, distinct: 0, state: "missing" },
      { batch: 9, first_row: 900, ...line, landed: 99, distinct: 99, state: "partial" },
    ]);
    const { rows, ledger, options } = jsonOf("odd.json");
    expect([rows.landed, rows.lost, rows.duplicated]).to.deep.equal([899, 101, 0]);
    expect(options.ledger).to.equal(join(directory, "odd.ndjson"));
    expect(ledger).to.deep.equal({
      batches: [
        {
          fate: "acknowledged",
          reason: null,
          code: null,
          batches: 10,
          rows: 1000,
          whole: 8,
          partial: 1,
          missing: 1,
          duplicated: 0,
          landed: 899,
          distinct: 899,
        },
      ],
      unknown_landed: 0,
      unknown_missing: 0,
      failed_landed: 0,
      never_sent: 0,
      replicas: [],
    });
  });

  it("of a table that is gone at the end: the batches that were not acknowledged, with nothing said of what is there; exit 1", async () => {
    const database = "gone";
    await ask(`CREATE DATABASE ${database}`);
    await ask(`CREATE TABLE ${database}.t (run_id String, seq UInt64) ENGINE = MergeTree ORDER BY seq`);
    const file = join(directory, "gone.ndjson");
    const load = start([
      ...["run", "--clickhouse-url", server.url, "--table", `${database}.t`, "--rate", "500", "--duration", "40"],
      ...["--batch-rows", "50", "--no-metrics", "--no-traces", "--ledger", file],
    ]);
    await until(load, async () => (await rowsIn({ url: `${server.url}/?database=${database}`, table: "t" })) >= 100);
    await ask(`DROP TABLE ${database}.t SYNC`);
    const { code, stdout } = await load.ended;
    expect(code).to.equal(1);
    expect(unwrapped(stdout)).to.match(/the ledger cannot be read: Code: 60/);
    const lines = linesOf("gone.ndjson");
    expect(lines.length).to.be.above(0);
    for (const line of lines) {
      expect(line).to.deep.include({ landed: null, distinct: null, state: null });
      expect(line.fate === "acknowledged").to.equal(false);
    }
    expect(lines.some(({ fate, code: why }) => fate === "failed" && why === "60")).to.equal(true);
  });

  it("with every row: an empty file, exit 0, and nothing more in the summary", async () => {
    proxy.plan = PASS;
    const args = await into("every");
    const { code, stdout } = await clickstorm([...args, "--ledger", join(directory, "whole.ndjson")]);
    expect(code).to.equal(0);
    expect(readFileSync(join(directory, "whole.ndjson"), "utf8")).to.equal("");
    expect(unwrapped(stdout)).to.match(
      /ledger {5}scheduled 1,000, acknowledged 1,000, landed 1,000, lost 0, duplicated 0\n$/,
    );
  });

  it("a batch that a constraint refuses in part is unknown and ends the run, and it is told which of its rows landed", async () => {
    const { database, url } = await newDatabase();
    // Of the rows 450 to 499 each is an error: batch 4 does not land, as it is one block.
    await clickhouse(
      "CREATE TABLE t (run_id String, seq UInt64, CONSTRAINT c CHECK seq NOT BETWEEN 450 AND 499) ENGINE = MergeTree ORDER BY seq",
      database,
    );
    const files = ["--ledger", join(directory, "c.ndjson"), "--report", join(directory, "c.json")];
    const { code, stdout } = await clickstorm(["run", "--clickhouse-url", url, "--table", "t", ...LOAD, ...files]);
    expect(code).to.equal(1);
    const there = (await rowsOf<{ seq: number }>("SELECT seq FROM t WHERE seq BETWEEN 400 AND 499", database)).length;
    const { rows, ledger } = jsonOf("c.json");
    expect([rows.unknown, ledger.unknown_landed, ledger.unknown_missing]).to.deep.equal([100, there, 100 - there]);
    expect(unwrapped(stdout)).to.contain(`unknown 100 rows: ${there} landed, ${100 - there} did not`);
    // Those behind it are not sent any more.
    const sent = linesOf("c.ndjson").filter(({ fate }) => fate !== "unsent");
    expect(sent).to.deep.equal([
      {
        batch: 4,
        first_row: 400,
        rows: 100,
        fate: "unknown",
        reason: null,
        code: "469",
        landed: there,
        distinct: there,
        state: "missing",
      },
    ]);
  });

  (existsSync(FULL) ? it : it.skip)(
    `onto a full disk: a problem, the summary all the same, exit 1${existsSync(FULL) ? "" : `: SKIPPED, no ${FULL}`}`,
    async () => {
      proxy.plan = ({ batch }) => (batch === 0 ? SWALLOWED : undefined);
      const args = await into("late");
      const { code, stdout } = await clickstorm([...args, "--ledger", FULL]);
      expect(code).to.equal(1);
      expect(unwrapped(stdout)).to.contain(`--ledger ${FULL} cannot be written: no space is left on the disk`);
      expect(unwrapped(stdout)).to.contain("landed 900, lost 100, duplicated 0");
    },
  );

  it("is refused before the start: into a directory that is not there, and for a table without run_id and seq", async () => {
    const { database, url } = await newDatabase();
    await clickhouse("CREATE TABLE bare (a UInt64) ENGINE = MergeTree ORDER BY a", database);
    const run = ["run", "--clickhouse-url", url, "--table", "bare", ...LOAD];
    const nowhere = join(directory, "nowhere");
    const unplaced = await clickstorm([...run, "--ledger", join(nowhere, "l.ndjson")]);
    expect([unplaced.code, unplaced.stderr.trim().split("\n").at(-1)]).to.deep.equal([
      2,
      `error: --ledger ${join(nowhere, "l.ndjson")}: there is no folder ${nowhere}`,
    ]);
    const file = join(directory, "bare.ndjson");
    const bare = await clickstorm([...run, "--ledger", file]);
    expect([bare.code, bare.stderr.trim().split("\n").at(-1)]).to.deep.equal([
      2,
      `error: --ledger ${file} cannot be written: the table has no run_id and seq to tell the rows of one batch from another's`,
    ]);
    expect(await clickhouse("SELECT count() FROM bare", database)).to.equal("0");
  });
});

describe("run --quorum", function () {
  this.timeout(60_000);

  it("of a table that is not replicated is refused, naming the engine: exit 3", async () => {
    const { database, url } = await newDatabase();
    const { code, stderr } = await clickstorm(["run", "--clickhouse-url", url, "--quorum", "2", ...LOAD]);
    expect(code).to.equal(3);
    expect(stderr).to.contain(
      `--quorum needs a table of a Replicated engine, and ${database}.events is of engine MergeTree: leave it out`,
    );
    expect(await clickhouse("SELECT count() FROM events", database)).to.equal("0");
  });

  it("is sent with each insert, and 0.9 of --timeout as the time for it", async () => {
    const sink = await Sink.open();
    try {
      const args = ["--quorum", "auto", "--timeout", "20s", "--blind"];
      const { code } = await clickstorm(["run", "--clickhouse-url", sink.url, ...args, ...LOAD]);
      expect(code).to.equal(0);
      expect(sink.received).to.have.lengthOf(10);
      for (const { target } of sink.received) {
        const { searchParams } = new URL(target, sink.url);
        expect([searchParams.get("insert_quorum"), searchParams.get("insert_quorum_timeout")]).to.deep.equal([
          "auto",
          "18000",
        ]);
      }
    } finally {
      await sink.close();
    }
  });
});
