// Tables nobody thought of: random columns, names, orders and partitions, filled without a rule.

import { expect } from "chai";
import fc from "fast-check";
import { FormatError } from "../src/rows/bytes.js";
import { FORMATS, type Format } from "../src/rows/program.js";
import { createTable, identifier, load } from "./support/ddl.js";
import { randomTable, whole } from "./support/random.js";
import { clickhouse, newDatabase, rowsOf } from "./support/server.js";

const ROWS = 200;
const RUNS = 40;
const LONGEST_MS = 50_000;
/** Two months. */
const TIMES = { ns: 0n, fraction: 0n, stepNs: 7n * 3_600_123_456_789n, stepFraction: 0n, denominator: 1n };

describe("random tables", function () {
  this.timeout(120_000);

  it(`property: whatever table the server creates, and inserts a row of defaults into, takes ${ROWS} rows in all formats, the same ones, no column constant`, async () => {
    let inserted = 0;
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(randomTable, whole(0, 2 ** 31), async ({ columns, time, after, flatten_nested }, seed) => {
        const { database } = await newDatabase();
        const ddl = ["seq UInt64", "run_id String", `time ${time}`, ...columns].join(",\n  ");
        runs++;
        try {
          for (const format of FORMATS)
            await createTable(database, format, ddl, { after, settings: { flatten_nested } });
          // A column n beside an array n.a: the server creates such a table, and then refuses every insert (code 44).
          await clickhouse("INSERT INTO JSONEachRow (seq) VALUES (0)", database);
          await clickhouse("TRUNCATE TABLE JSONEachRow", database);
        } catch {
          fc.pre(false);
        }
        inserted++;
        try {
          const taken: Format[] = [];
          for (const format of FORMATS) {
            const loaded = load(database, format, { format, rows: ROWS, seed, times: TIMES });
            // What Native cannot carry is refused before anything is sent; all else must go in.
            const refusal = await loaded.catch((error: Error) => error);
            if (!(refusal instanceof FormatError)) await loaded;
            if (refusal === undefined) taken.push(format);
            else expect([format, refusal.message]).to.deep.equal(["Native", "has a QBit inside an Array"]);
          }
          const found = await rowsOf<{ name: string; type: string }>(
            `SELECT name, type FROM system.columns WHERE database = '${database}' AND table = 'JSONEachRow' AND name NOT IN ('seq', 'run_id')`,
          );
          const texts = found.map(({ name }) => `toJSONString(${identifier(name)})`);
          const sums = texts.map((text) => `sum(sipHash64(seq, ${text}))`);
          const sql = (name: string) =>
            `SELECT count() AS rows, uniqExact(seq) AS seqs, [${sums.join(", ")}]::Array(String) AS sums, [${texts.map((text) => `uniqExact(${text})`).join(", ")}] AS distinct FROM ${name}`;
          type Found = { rows: number; seqs: number; sums: string[]; distinct: number[] };
          // JSON cannot say which type of a Variant a value has: there, its two formats are alike, and the others are.
          const isTold = ({ type }: { type: string }): boolean => !type.includes("Variant(");
          const told = (sums: readonly string[]): string[] => sums.filter((_, at) => isTold(found[at] ?? { type: "" }));
          const results = new Map<Format, Found>();
          for (const format of taken) {
            const [result] = await rowsOf<Found>(sql(format), database);
            expect(result, format).to.include({ rows: ROWS, seqs: ROWS });
            if (result !== undefined) results.set(format, result);
          }
          const [json, binary] = [results.get("JSONEachRow"), results.get("RowBinary")];
          expect(results.get("JSONCompactEachRow")).to.deep.equal(json);
          if (results.has("Native")) expect(results.get("Native")).to.deep.equal(binary);
          expect(told(binary?.sums ?? [])).to.deep.equal(told(json?.sums ?? []));
          const constant = found.filter((_, index) => (binary?.distinct[index] ?? 0) < 2);
          expect(constant).to.deep.equal([]);
        } catch (error) {
          throw new Error(`CREATE TABLE … (\n  ${ddl}\n) ${after}; flatten_nested = ${flatten_nested}\n${error}`);
        }
      }),
      // A slow machine tries fewer tables, and looks for a smaller one that fails no longer than that.
      { numRuns: RUNS, interruptAfterTimeLimit: LONGEST_MS },
    );
    expect(inserted, `tables that the server created and filled, of ${runs}`).to.be.at.least(runs / 2);
  });
});
