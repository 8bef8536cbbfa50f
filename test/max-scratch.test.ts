// max --scratch on a real server: rows go into a copy and through copies of its materialized views, and nowhere else; nothing is
// left.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { clickstorm, start } from "./support/cli.js";
import { clickhouse, newDatabase, numberOf, rowsOf } from "./support/server.js";

const SHORT = ["--step", "2s", "--flush-interval", "500ms", "--from", "2k", "--to", "4k"];

/** A table, a view TO a table, a view with a table of its own, a view of what the first writes to, and one that reads more. */
async function shop(): Promise<{ readonly database: string; readonly url: string }> {
  const { database, url } = await newDatabase();
  for (const sql of [
    "CREATE TABLE orders (a UInt64, d Date DEFAULT today()) ENGINE = MergeTree ORDER BY a",
    "CREATE TABLE sums (a UInt64, n UInt64) ENGINE = SummingMergeTree ORDER BY a",
    "CREATE TABLE names (a UInt64) ENGINE = MergeTree ORDER BY a",
    `CREATE MATERIALIZED VIEW counted TO sums AS SELECT a % 10 AS a, count() AS n FROM orders WHERE orders.a >= 0 GROUP BY a`,
    "CREATE MATERIALIZED VIEW days ENGINE = SummingMergeTree ORDER BY d AS SELECT d, count() AS n FROM orders GROUP BY d",
    "CREATE MATERIALIZED VIEW onwards ENGINE = MergeTree ORDER BY n AS SELECT n FROM sums",
    "CREATE MATERIALIZED VIEW named ENGINE = MergeTree ORDER BY a AS SELECT a FROM orders WHERE a IN (SELECT a FROM names)",
  ]) {
    await clickhouse(sql, database);
  }
  return { database, url };
}

const rowsIn = (database: string): Promise<number> =>
  numberOf(`SELECT sum(total_rows) FROM system.tables WHERE database = '${database}' AND total_rows IS NOT NULL`);
const scratches = (): Promise<number> =>
  numberOf("SELECT count() FROM system.databases WHERE startsWith(name, 'clickstorm_max_')");

describe("max --scratch", function () {
  this.timeout(180_000);

  const directory = mkdtempSync(join(tmpdir(), "clickstorm-test-"));
  after(() => rmSync(directory, { recursive: true }));

  it("rows of today reach the copy and what its views write to, by value; the table and its views get none; nothing is left", async () => {
    const { database, url } = await shop();
    const file = join(directory, "scratch.json");
    const running = start([
      "max",
      "--scratch",
      "--clickhouse-url",
      url,
      "--table",
      "orders",
      ...SHORT,
      "--report",
      file,
    ]);
    await running.said("2,000     2,000");
    const [scratch] = await rowsOf<{ name: string }>(
      "SELECT name FROM system.databases WHERE startsWith(name, 'clickstorm_max_')",
    );
    const of = (sql: string): Promise<number> => numberOf(sql.replaceAll("@", `${scratch?.name}`));
    // Between two inserts the views have of each key what the rows of the copy come to.
    const list = (select: string): string =>
      `toString((SELECT groupArray((k, v)) FROM (${select} GROUP BY k ORDER BY k)))`;
    const questions = [
      list("SELECT a % 10 AS k, count() AS v FROM @.orders"),
      list("SELECT a AS k, sum(n) AS v FROM @.sums"),
      list("SELECT d AS k, count() AS v FROM @.orders"),
      list("SELECT d AS k, sum(n) AS v FROM @.days"),
      "toString((SELECT groupUniqArray(d) FROM @.orders) = [today()])",
    ];
    const asked = `SELECT [${questions.join(", ")}] AS found`.replaceAll("@", `${scratch?.name}`);
    let found: readonly string[] = [];
    for (let tries = 0; tries < 50 && (found[0] !== found[1] || found[2] !== found[3] || found.length === 0); tries++) {
      const [row] = await rowsOf<{ readonly found: readonly string[] }>(asked);
      found = row?.found ?? [];
      await sleep(50);
    }
    const [tenths, summed, ofDays, days, isToday] = found;
    expect([tenths, ofDays, isToday]).to.deep.equal([summed, days, "1"]);
    expect(tenths?.match(/\(\d,[1-9]\d*\)/g)).to.have.length(10);
    expect(await of("SELECT count() FROM @.onwards")).to.be.above(0);
    const ended = await running.ended;
    expect(ended.code, ended.stderr).to.equal(0);
    expect(ended.stdout).to.include(`max of ${database}.orders `).and.to.include(`in a copy of it: ${scratch?.name}\n`);
    expect(ended.stdout).to.match(/ rows in \d+ holds were acknowledged\.\n/);
    expect(ended.stderr).to.include("3 materialized views copied with it, and what they write to");
    expect(ended.stderr).to.include(
      `materialized view ${database}.named is not copied, nor what it costs: it reads \`${database}\`.\`names\` as well`,
    );
    expect(ended.stderr).to.not.include("stay there");
    expect(await rowsIn(database)).to.equal(0);
    expect(await scratches()).to.equal(0);
    const report = JSON.parse(readFileSync(file, "utf8"));
    expect(report.target).to.deep.include({ table: `${database}.orders`, scratch: scratch?.name });
  });

  it("SIGINT in a hold: 130, the copy is gone, and what would be left by a second one is said", async () => {
    const { database, url } = await shop();
    const running = start(["max", "--scratch", "--clickhouse-url", url, "--table", "orders", ...SHORT]);
    await running.said("2,000     2,000");
    running.process.kill("SIGINT");
    const { code, stderr } = await running.ended;
    expect(code).to.equal(130);
    expect(stderr).to.match(
      /ending: dropping clickstorm_max_\w+; interrupt again to quit at once, and it is left: DROP DATABASE/,
    );
    expect([await scratches(), await rowsIn(database)]).to.deep.equal([0, 0]);
  });

  it("inserts that fail for good end it with 1, and the copy is gone", async () => {
    const { database, url } = await newDatabase();
    await clickhouse(
      "CREATE TABLE odd (a UInt64, CONSTRAINT none CHECK a > 18446744073709551614) ENGINE = MergeTree ORDER BY a",
      database,
    );
    const { code, stdout } = await clickstorm([
      "max",
      "--scratch",
      "--clickhouse-url",
      url,
      "--table",
      "odd",
      ...SHORT,
    ]);
    expect(code, stdout).to.equal(1);
    expect([await scratches(), await rowsIn(database)]).to.deep.equal([0, 0]);
  });

  it("without --table it is of events as they would be created, and none are", async () => {
    const { database, url } = await newDatabase();
    const { code, stderr } = await clickstorm(["max", "--scratch", "--clickhouse-url", url, ...SHORT]);
    expect(code, stderr).to.equal(0);
    expect(await numberOf(`SELECT count() FROM system.tables WHERE database = '${database}'`)).to.equal(0);
    expect(await scratches()).to.equal(0);
  });

  it("a view or a table that is not there: 3, and nothing is made", async () => {
    const { url } = await shop();
    for (const [table, why] of [
      ["counted", "is a view (MaterializedView): --scratch copies tables"],
      ["nosuch", ".nosuch"],
    ] as const) {
      const { code, stderr } = await clickstorm([
        "max",
        "--scratch",
        "--clickhouse-url",
        url,
        "--table",
        table,
        ...SHORT,
      ]);
      expect(code, stderr).to.equal(3);
      expect(stderr).to.include(why);
    }
    expect(await scratches()).to.equal(0);
  });
});
