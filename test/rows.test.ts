// The kernel's rows: what ClickHouse reads out of them, and that they depend on nothing but seed, column and row number.

import { expect } from "chai";
import fc from "fast-check";
import { eventColumns } from "../src/rows/column.js";
import { compileRows } from "../src/rows/program.js";
import type { Column } from "../src/rows/value.js";
import { holding, Schedule } from "../src/schedule.js";
import { columnsOf, lines, render, valuesOf } from "./support/rows.js";
import { clickhouse, newDatabase, rowsOf, serverUrl } from "./support/server.js";

describe("rows", () => {
  it("the first default row of seed 42 is this one, for ever", async () => {
    expect((await render(eventColumns("golden"), { seed: 42, rows: 1 })).toString()).to.equal(
      '{"timestamp":"1767225600000","user_id":"user-f709277c-0b23-4e91-aec1-0db0ba99d996","action":"purchase","payload":"example-payload","run_id":"golden","seq":0}\n',
    );
  });

  it("10,000 rows read by ClickHouse: 10,000 users, 4 actions of about 2,500, seq 0 to 9,999, one row a millisecond", async () => {
    const { database } = await newDatabase();
    const columns = eventColumns("r");
    await clickhouse(
      `CREATE TABLE t (${columns.map(({ name, type }) => `${name} ${type}`).join(", ")}) ENGINE = MergeTree ORDER BY seq`,
      database,
    );
    const sql = encodeURIComponent("INSERT INTO t FORMAT JSONEachRow");
    const body = await render(columns, { rows: 10_000 });
    const answer = await fetch(`${serverUrl()}/?database=${database}&query=${sql}`, { method: "POST", body });
    expect(await answer.text()).to.equal("");
    const [row] = await rowsOf<Record<string, unknown>>(
      `SELECT count() AS rows, uniqExact(user_id) AS users, countIf(match(user_id, '^user-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$')) AS uuids,
        uniqExact(action) AS actions, any(payload) AS payload, sum(seq) AS total, max(seq) AS last,
        countIf(toUnixTimestamp64Milli(timestamp) = 1767225600000 + seq) AS on_time FROM t`,
      database,
    );
    expect(row).to.deep.equal({
      rows: 10_000,
      users: 10_000,
      uuids: 10_000,
      actions: 4,
      payload: "example-payload",
      total: (10_000 * 9_999) / 2,
      last: 9_999,
      on_time: 10_000,
    });
    // Four standard deviations of a binomial with p = 1/4.
    const shares = await rowsOf<{ rows: number }>("SELECT count() AS rows FROM t GROUP BY action", database);
    for (const { rows } of shares) expect(rows).to.be.within(2500 - 4 * 43.3, 2500 + 4 * 43.3);
    // Each of the 122 random bits of a UUID is 1 in about half of the rows: five standard deviations.
    const [bits] = await rowsOf<{ odd: number }>(
      `SELECT countIf(ones NOT BETWEEN 4750 AND 5250) AS odd FROM (SELECT bit, sum(bitTest(reinterpretAsUInt8(substring(UUIDStringToNum(substring(user_id, 6)), intDiv(bit, 8) + 1, 1)), bit % 8)) AS ones
        FROM t ARRAY JOIN range(128) AS bit GROUP BY bit)`,
      database,
    );
    expect(bits?.odd, "the version's four bits and the variant's two are fixed").to.equal(6);
  });

  it("property: rows are the same however they are cut into batches", async () => {
    const columns = eventColumns("cut");
    const times = new Schedule({
      kind: "open",
      pieces: [holding({ numerator: 23_333n, denominator: 10n }, 10n ** 15n)],
      warmUpNs: 0n,
      poissonSeed: undefined,
      batchRows: 1,
      flushNs: 1n,
      dataSpanNs: undefined,
    }).batch(0)?.times;
    const whole = lines(await render(columns, { seed: 9, firstRow: 9_000, rows: 12_000, ...(times && { times }) }));
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 11_999 }), fc.integer({ min: 1, max: 4000 }), async (from, rows) => {
        const length = Math.min(rows, 12_000 - from);
        expect(
          lines(await render(columns, { seed: 9, firstRow: 9_000 + from, rows: length, ...(times && { times }) })),
        ).to.deep.equal(whole.slice(from, from + length));
      }),
      { numRuns: 30 },
    );
  });

  it("another seed gives other users; the same seed with a column left out gives the same users", async () => {
    const columns = eventColumns("s");
    const users = async (seed: number, some: readonly Column[]) =>
      valuesOf<string>(some, "user_id", { seed, rows: 100 });
    const all = await users(5, columns);
    expect(new Set([...all, ...(await users(6, columns))]).size).to.equal(200);
    expect(await users(5, columns.slice(0, 2))).to.deep.equal(all);
  });

  it("numbers of any length are written as JavaScript writes them", async () => {
    const seq = columnsOf({ seq: "UInt64" }, { seq: { sequence: { from: 0, step: 1 } } });
    for (const first of [
      0,
      9,
      99,
      998,
      9_999,
      99_998,
      9_999_999,
      99_999_998,
      4_294_967_295,
      10 ** 12 - 1,
      2 ** 53 - 10,
    ]) {
      const numbers = await valuesOf<number>(seq, "seq", { firstRow: first, rows: 5 });
      expect(numbers).to.deep.equal([0, 1, 2, 3, 4].map((n) => first + n));
    }
  });

  it("integers of a range stay in it and reach both ends", async () => {
    for (const [from, to] of [
      [0, 9],
      [7, 7],
      [95, 105],
      [99_999_990, 100_000_010],
      [4_294_967_285, 4_294_967_295],
    ] as const) {
      const columns = columnsOf({ n: "UInt64" }, { n: { uniform: { from, to } } });
      const numbers = await valuesOf<number>(columns, "n", { seed: 3, rows: 2000 });
      expect([Math.min(...numbers), Math.max(...numbers), new Set(numbers).size]).to.deep.equal([
        from,
        to,
        to - from + 1,
      ]);
    }
  });

  it("quotes, backslashes, control characters and emoji in constants and choices survive", async () => {
    const odd = ['"', "\\", "\n\t\0", "🙂 ünïcödé", "", "x".repeat(100)];
    const columns = columnsOf(
      { 'na"me': "String", c: "String" },
      { 'na"me': { constant: odd.join("|") }, c: { choice: { values: odd, weights: undefined } } },
    );
    const rows = lines(await render(columns, { seed: 3, rows: 1000 })).map((line) => JSON.parse(line));
    expect(rows).to.have.length(1000);
    expect(new Set(rows.map((row) => row['na"me']))).to.deep.equal(new Set([odd.join("|")]));
    expect(new Set(rows.map((row) => row.c))).to.deep.equal(new Set(odd));
  });

  it("a row is never longer than the program says", async () => {
    const program = compileRows(eventColumns("length"), "JSONEachRow", 1);
    const text = await render(eventColumns("length"), { firstRow: 2 ** 53 - 1001, rows: 1000 });
    const longest = Math.max(...lines(text).map((line) => Buffer.byteLength(line) + 1));
    expect(longest).to.be.at.most(program.longestRowBytes);
  });
});
