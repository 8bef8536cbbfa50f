// The same seed, run id and data start give the same bytes, whoever sends them: bodies caught by a sink. And the same table,
// by ClickHouse's own comparison, however a table of many types is loaded.

import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { clickstorm } from "./support/cli.js";
import { clickhouse, newDatabase, numberOf, rowsOf } from "./support/server.js";
import { Sink } from "./support/sink.js";
import { type Columns, fill, type Table } from "./support/tables.js";

/** The bodies of 100,000 rows in the order of their batches. */
async function bodies(...more: readonly string[]): Promise<Buffer[]> {
  const sink = await Sink.open();
  const flags = "--blind --rate 100k --duration 1 --run-id same --data-start 2026-01-01 --no-traces --no-metrics".split(
    " ",
  );
  const { code, stderr } = await clickstorm(["--clickhouse-url", sink.url, ...flags, ...more]);
  await sink.close();
  expect(code, stderr).to.equal(0);
  return sink.bodies;
}

const sha256 = (parts: readonly Buffer[]): string => createHash("sha256").update(Buffer.concat(parts)).digest("hex");

/** The 100,000 sequence numbers in a body of rows, in their order. */
function sequence(parts: readonly Buffer[]): number[] {
  return [
    ...Buffer.concat(parts)
      .toString("latin1")
      .matchAll(/"seq":(\d+)\}/g),
  ].map((match) => Number(match[1]));
}

describe("determinism", function () {
  this.timeout(60_000);
  let one: Buffer[];

  before(async () => {
    one = await bodies("--seed", "1", "--workers", "1", "--batch-rows", "3000");
    expect(one).to.have.length(34);
    expect(sequence(one)).to.deep.equal(Array.from({ length: 100_000 }, (_, row) => row));
  });

  for (const workers of ["2", "3"]) {
    it(`${workers} workers send the 34 bodies that one worker sends, by SHA-256`, async () => {
      const some = await bodies("--seed", "1", "--workers", workers, "--batch-rows", "3000");
      expect(some.map((body) => sha256([body]))).to.deep.equal(one.map((body) => sha256([body])));
    });
  }

  it("batches of 777 rows hold the rows that batches of 3000 hold", async () => {
    const some = await bodies("--seed", "1", "--workers", "2", "--batch-rows", "777");
    expect(some).to.have.length(129);
    expect(sha256(some)).to.equal(sha256(one));
  });

  it("another seed gives other bytes in every row, and the same sequence", async () => {
    const some = await bodies("--seed", "2", "--workers", "1", "--batch-rows", "3000");
    const lines = (parts: readonly Buffer[]): string[] =>
      Buffer.concat(parts).toString("latin1").split("\n").slice(0, -1);
    const other = lines(some);
    expect(lines(one).filter((line, row) => line === other[row])).to.deep.equal([]);
    expect(sequence(some)).to.deep.equal(sequence(one));
  });

  /** Of many types and laws. The rules of `host` and `rack` share a key. */
  const COLUMNS: Columns = {
    at: "DateTime64(6)",
    late: ["DateTime", "{ time: { jitter: 5s, late: { ratio: 0.1, mean: 1h } } }"],
    id: "UUID",
    host: ["LowCardinality(String)", '{ cardinality: { of: 300, zipf: 1, key: host }, pattern: "h-{hex 6}" }'],
    rack: ["UInt16", "{ cardinality: { of: 300, zipf: 1, key: host }, uniform: { from: 0, to: 40 } }"],
    user: ["UInt64", "{ cardinality: 5000, uniform: { from: 0, to: 18446744073709551615 } }"],
    temp: ["Float64", "{ normal: { mean: 20, sd: 5 }, decimals: 2 }"],
    price: ["Decimal(18, 4)", "{ exponential: { mean: 12.5 } }"],
    note: ["Nullable(String)", '{ pattern: "{words 2..5} {base62 4..9}", nulls: 0.2 }'],
    status: ["Enum8('ok' = 1, 'bad' = 2)", "{ choice: { ok: 9, bad: 1 } }"],
    tags: ["Array(LowCardinality(String))", "{ length: { zipf: { from: 0, to: 5 } } }"],
    attributes: "Map(String, UInt32)",
    pair: "Tuple(a Int8, b IPv6)",
    doc: "JSON",
    wide: "Int256",
    country: "String",
    city: "String",
  };
  const TOGETHER = "  - columns: [country, city]\n    options: [[DE, Berlin], [US, Boston], [US, Austin]]\n";

  describe("60,000 rows of 17 columns", () => {
    const folder = mkdtempSync(join(tmpdir(), "clickstorm-determinism-"));
    const file = join(folder, "rules.yaml");
    const names = ["row", ...Object.keys(COLUMNS)];
    let database: string;
    let url: string;
    let one: Promise<string>;

    async function load(table: string, ...more: readonly string[]): Promise<void> {
      const types = Object.entries(COLUMNS).map(
        ([name, type]) => `${name} ${typeof type === "string" ? type : type[0]}`,
      );
      await clickhouse(
        `CREATE TABLE ${table} (row UInt64, ${types.join(", ")}) ENGINE = MergeTree ORDER BY row`,
        database,
      );
      const flags = "--rate 200k --duration 0.3 --data-start 2026-01-01 --no-traces --no-metrics".split(" ");
      const { code, stderr } = await clickstorm([
        "--clickhouse-url",
        url,
        "--config",
        file,
        "--table",
        table,
        ...flags,
        ...more,
      ]);
      expect(code, stderr).to.equal(0);
    }

    before(async () => {
      ({ database, url } = await newDatabase());
      const rules = Object.entries(COLUMNS).map(([name, column]) =>
        typeof column === "string" ? "" : `  ${name}: ${column[1]}\n`,
      );
      writeFileSync(file, `columns:\n  row: { sequence: {} }\n${rules.join("")}together:\n${TOGETHER}`);
      await load("one", "--seed", "7", "--workers", "1", "--batch-rows", "50000");
      const [found] = await rowsOf(
        "SELECT count() AS rows, uniqExact(row) AS distinct, max(row) AS last FROM one",
        database,
      );
      expect(found).to.deep.equal({ rows: 60_000, distinct: 60_000, last: 59_999 });
      one = print("one");
    });
    after(() => rmSync(folder, { recursive: true, force: true }));

    const row = `cityHash64(${names.map((name) => `ifNull(toString(${name}), 'NULL')`).join(", ")})`;
    /** Rows, and the sum of the hashes of their columns: `row` among them, so order counts. */
    const print = (table: string): Promise<string> => clickhouse(`SELECT count(), sum(${row}) FROM ${table}`, database);

    for (const [workers, batchRows, format] of [
      ["1", "777", "JSONCompactEachRow"],
      ["2", "50000", "JSONCompactEachRow"],
      ["3", "777", "JSONEachRow"],
      ["1", "50000", "RowBinary"],
      ["3", "777", "RowBinary"],
      ["1", "50000", "Native"],
      ["2", "777", "Native"],
    ] as const) {
      it(`workers: ${workers}, batches of ${batchRows}, ${format}: the table that one worker fills by batches of 50,000 in JSONEachRow`, async () => {
        const table = `t${workers}_${batchRows}_${format}`;
        await load(table, "--seed", "7", "--workers", workers, "--batch-rows", batchRows, "--format", format);
        expect(await print(table)).to.equal(await one);
      });
    }

    it("another seed gives another table: no row is the same", async () => {
      await load("other", "--seed", "8");
      const same = `SELECT count() FROM (SELECT ${row} FROM one INTERSECT SELECT ${row} FROM other)`;
      expect(await numberOf(same, database)).to.equal(0);
    });
  });

  describe("what one column holds depends on no other column: 20,000 rows, by the hash of each column", () => {
    const ROWS = 20_000;
    let base: Readonly<Record<string, string>>;

    /** By name: of the column's values in the order of their rows. */
    async function hashes(table: Table, columns: Columns): Promise<Record<string, string>> {
      const sums = Object.keys(columns).map(
        (name) => `toString(sum(cityHash64(row, ifNull(toString(${name}), 'NULL')))) AS h_${name}`,
      );
      const found = await table.one<Record<string, string>>(`SELECT ${sums.join(", ")} FROM t`);
      return Object.fromEntries(Object.entries(found).map(([name, hash]) => [name.slice(2), hash]));
    }
    const filled = async (columns: Columns, together = TOGETHER): Promise<Record<string, string>> =>
      hashes(await fill(columns, { rows: ROWS, together }), columns);
    const without = (columns: Readonly<Record<string, unknown>>, ...names: readonly string[]) =>
      Object.fromEntries(Object.entries(columns).filter(([name]) => !names.includes(name)));

    before(async () => {
      base = await filled(COLUMNS);
      expect(new Set(Object.values(base)).size).to.equal(Object.keys(COLUMNS).length);
    });

    it("without five of them, the first of a key among them", async () => {
      const gone = ["at", "host", "temp", "tags", "doc"];
      expect(await filled(without(COLUMNS, ...gone) as Columns)).to.deep.equal(without(base, ...gone));
    });

    it("with three more, in the reverse order", async () => {
      const more: Columns = {
        extra: "String",
        "n.a": "Array(UInt8)",
        z: ["UInt8", "{ cardinality: { of: 300, zipf: 1, key: host }, choice: [1, 2] }"],
      };
      const reversed = Object.fromEntries(Object.entries({ ...COLUMNS, ...more }).reverse());
      const found = await hashes(await fill(reversed, { rows: ROWS, together: TOGETHER }), COLUMNS);
      expect(found).to.deep.equal(base);
    });

    it("with other rules on three of them, one with the longer rows, one of a Map, one omitted", async () => {
      const changed: Columns = {
        ...COLUMNS,
        note: ["Nullable(String)", '{ pattern: "{words 50}" }'],
        attributes: ["Map(String, UInt32)", "{ length: 9 }"],
        id: ["UUID", "omit"],
      };
      const found = await filled(changed);
      expect(without(found, "note", "attributes", "id")).to.deep.equal(without(base, "note", "attributes", "id"));
      for (const name of ["note", "attributes", "id"]) expect(found[name]).to.not.equal(base[name]);
    });

    it("a column of another name has other values by the same rule", async () => {
      const found = await filled({
        country: "String",
        city: "String",
        temp2: COLUMNS.temp as readonly [string, string],
      });
      expect(found.temp2).to.not.equal(base.temp);
      expect([found.country, found.city]).to.deep.equal([base.country, base.city]);
    });
  });
});
