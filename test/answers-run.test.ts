// Runs of the real program whose inserts can never work, or are answered as no ClickHouse of today answers: when they stop, what they
// say, and that their accounts are what the table holds.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import type { Report } from "../src/report/schema.js";
import { clickstorm } from "./support/cli.js";
import { clickhouse, newDatabase, numberOf, serverUrl } from "./support/server.js";
import { startLoad, untilRows } from "./support/settle.js";
import { type Stranger, webServer } from "./support/strangers.js";

const QUIET = ["--no-traces", "--no-metrics"];

/** The ClickHouse of the tests, which says that it is of another version. */
async function claiming(version: string): Promise<Stranger> {
  return webServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    if (body.toString().startsWith("SELECT version()")) {
      response.end(`${version}\n`);
      return;
    }
    const answer = await fetch(serverUrl() + request.url, { method: "POST", body });
    const names = ["x-clickhouse-exception-code", "x-clickhouse-format"];
    const headers = names.flatMap((name) => {
      const value = answer.headers.get(name);
      return value === null ? [] : [[name, value] as const];
    });
    response.writeHead(answer.status, Object.fromEntries(headers));
    response.end(Buffer.from(await answer.arrayBuffer()));
  });
}

describe("runs whose inserts can never work", function () {
  this.timeout(120_000);
  const folder = mkdtempSync(join(tmpdir(), "clickstorm-answers-"));
  after(() => rmSync(folder, { recursive: true }));

  it("16: a column that goes in mid-run ends it at once, its rows are failed, and none of them is there", async () => {
    const { database, url } = await newDatabase();
    await clickhouse("CREATE TABLE t (run_id String, seq UInt64, n UInt8) ENGINE = MergeTree ORDER BY seq", database);
    const flags = ["--rate", "1000", "--duration", "100", "--batch-rows", "50", "--retries", "3", ...QUIET];
    const load = startLoad(["--clickhouse-url", url, "--table", "t", ...flags], [{ url, table: "t" }]);
    await untilRows(load, { url, table: "t" }, 100);
    await clickhouse("ALTER TABLE t DROP COLUMN n", database);
    const { report } = await load.settled();
    expect(report.problems[0]).to.match(
      /^stopped, as inserts will not work: Code: 16\. DB::Exception: No such column n/,
    );
    const { rows, errors, retries } = report;
    expect([rows.unknown, rows.failed > 0, report.ledger?.failed_landed, retries]).to.deep.equal([0, true, 0, 0]);
    expect(errors.map(({ code }) => code)).to.deep.equal(["16"]);
  });

  it("395: what a view throws ends the run at once; the rows are unknown, and found in the table", async () => {
    const { database, url } = await newDatabase();
    await clickhouse("CREATE TABLE t (run_id String, seq UInt64) ENGINE = MergeTree ORDER BY seq", database);
    await clickhouse(
      "CREATE MATERIALIZED VIEW v ENGINE = MergeTree ORDER BY n AS SELECT seq + throwIf(seq >= 120) AS n FROM t",
      database,
    );
    const flags = ["--rate", "1000", "--duration", "100", "--batch-rows", "50", "--workers", "1", "--in-flight", "1"];
    const { report, ledger } = await startLoad(
      ["--clickhouse-url", url, "--table", "t", ...flags, ...QUIET],
      [{ url, table: "t" }],
    ).settled();
    expect(report.problems[0]).to.match(/^stopped, as inserts will not work: Code: 395\. .*while pushing to view/);
    const { acknowledged, failed, unknown, lost } = report.rows;
    // What was in the next slot is sent as well, cut to the rows that were due.
    expect([acknowledged, failed, lost, report.ledger?.unknown_landed]).to.deep.equal([100, 0, 0, unknown]);
    expect(unknown).to.be.within(50, 100);
    const sent = ledger.filter(({ fate }) => fate !== "unsent");
    expect(new Set(sent.map(({ fate, code, state }) => `${fate} ${code} ${state}`))).to.deep.equal(
      new Set(["unknown 395 whole"]),
    );
    expect(sent[0]?.batch).to.equal(2);
  });

  it("an exception number that nobody knows (2999) is counted as other, and keeps its sentence", async () => {
    const sentence = "Code: 2999. DB::Exception: Words of a later ClickHouse. (LATER)";
    const peer = await webServer((request, response) => {
      request.resume().on("end", () => {
        response.writeHead(500, { "X-ClickHouse-Exception-Code": "2999" }).end(`${sentence}\n`);
      });
    });
    const file = join(folder, "later.json");
    const flags = ["--rate", "100", "--duration", "1", "--batch-rows", "50", "--no-traces", "--report", file];
    const { stdout } = await clickstorm(["--blind", "--clickhouse-url", peer.url, ...flags, "--no-metrics"]);
    await peer.close();
    const { errors, rows }: Report = JSON.parse(readFileSync(file, "utf8"));
    expect(errors).to.deep.equal([{ code: "other", inserts: 2, rows: 100, retried: 0, first: sentence }]);
    expect(rows.unknown).to.equal(100);
    expect(stdout).to.include("Words of a later ClickHouse.");
  });
});

describe("servers of two versions, as they say", function () {
  this.timeout(120_000);
  let older: Stranger;
  before(async () => {
    older = await claiming("24.5.1.22");
  });
  after(() => older.close());

  async function tableOf(type: string): Promise<{ readonly database: string; readonly flags: readonly string[] }> {
    const { database } = await newDatabase();
    await clickhouse(`CREATE TABLE t (run_id String, seq UInt64, v ${type}) ENGINE = MergeTree ORDER BY seq`, database);
    return { database, flags: ["--table", `${database}.t`] };
  }

  it("the oldest of the endpoints decides: Native with a Variant is refused with 3 before a row is sent, RowBinary loads 200 rows", async () => {
    const { database, flags } = await tableOf("Variant(Array(UInt8), String)");
    const run = ["--clickhouse-url", serverUrl(), "--clickhouse-url", older.url, ...flags, "--rate", "1000"];
    const short = ["--duration", "200ms", ...QUIET];
    const refused = await clickstorm([...run, ...short, "--format", "Native"]);
    expect([refused.code, refused.stdout]).to.deep.equal([3, ""]);
    expect(refused.stderr).to.include(
      `${database}.t: column v has a Variant, which Native carries to ClickHouse 24.8 and newer, and this is 24.5.1.22: use --format JSONEachRow or JSONCompactEachRow or RowBinary\n`,
    );
    expect(await numberOf("SELECT count() FROM t", database)).to.equal(0);
    const taken = await clickstorm([...run, ...short, "--format", "RowBinary"]);
    expect(taken.code, taken.stderr).to.equal(0);
    expect(await numberOf("SELECT count() FROM t", database)).to.equal(200);
  });

  for (const command of ["ladder", "max", "sample"]) {
    it(`${command} refuses RowBinary with a JSON likewise, with 3`, async () => {
      const { database, flags } = await tableOf("Array(JSON)");
      const { code, stderr } = await clickstorm([
        command,
        "--clickhouse-url",
        older.url,
        ...flags,
        "--format",
        "RowBinary",
      ]);
      expect(code, stderr).to.equal(3);
      expect(stderr).to.include("column v has a JSON, which RowBinary carries to ClickHouse 25.5 and newer");
      expect(await numberOf("SELECT count() FROM t", database)).to.equal(0);
      expect(await numberOf("SELECT count() FROM system.databases WHERE name LIKE 'clickstorm_ladder%'")).to.equal(0);
    });
  }
});
