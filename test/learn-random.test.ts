// `clickstorm sample --learn` on tables nobody thought of, filled by the program itself: what it writes, --config takes.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import type { WriteStream } from "node:tty";
import { expect } from "chai";
import fc from "fast-check";
import { readConfig } from "../src/config.js";
import { RUN_FLAGS } from "../src/flags.js";
import { learn } from "../src/learn.js";
import { OptionsError } from "../src/options.js";
import { rowsOf as describedRows, type TableColumn } from "../src/rows/column.js";
import { resolveSample } from "../src/sample-options.js";
import { createTable, load } from "./support/ddl.js";
import { randomTable, whole } from "./support/random.js";
import { clickhouse, newDatabase, rowsOf } from "./support/server.js";

const ROWS = 150;
const RUNS = 30;
const LONGEST_MS = 50_000;
const TIMES = { ns: 0n, fraction: 0n, stepNs: 7n * 3_600_123_456_789n, stepFraction: 0n, denominator: 1n };

describe("learning random tables", function () {
  this.timeout(120_000);
  const folder = mkdtempSync(join(tmpdir(), "clickstorm-learn-random-"));
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** What is printed for table t. */
  async function learned(url: string, values: boolean): Promise<string> {
    const out = new PassThrough();
    const chunks: Buffer[] = [];
    out.on("data", (chunk: Buffer) => chunks.push(chunk));
    const options = resolveSample({ "clickhouse-url": url, table: "t", learn: "true" }, {});
    const streams = {
      out: out as unknown as WriteStream,
      err: new PassThrough().resume(),
      interrupt: new AbortController().signal,
    };
    expect(await learn(options, { values }, streams)).to.equal(0);
    return Buffer.concat(chunks).toString();
  }

  it(`property: whatever table the server creates, ${ROWS} rows in it give a file that --config takes for it, with and without values`, async () => {
    let learnt = 0;
    let runs = 0;
    let rules = 0;
    await fc.assert(
      fc.asyncProperty(randomTable, whole(0, 2 ** 31), async ({ columns, time, after, flatten_nested }, seed) => {
        const { database, url } = await newDatabase();
        const ddl = ["seq UInt64", "run_id String", `time ${time}`, ...columns].join(",\n  ");
        runs++;
        try {
          await createTable(database, "t", ddl, { after, settings: { flatten_nested } });
          await clickhouse("INSERT INTO t (seq) VALUES (0)", database);
          await clickhouse("TRUNCATE TABLE t", database);
        } catch {
          fc.pre(false);
        }
        learnt++;
        let text = "";
        try {
          await load(database, "t", { format: "JSONEachRow", rows: ROWS, seed, times: TIMES });
          const table = (
            await rowsOf<{ name: string; type: string; default_kind: string }>(
              `SELECT name, type, default_kind FROM system.columns WHERE database = '${database}' AND table = 't' ORDER BY position`,
            )
          ).map(({ name, type, default_kind }): TableColumn => ({ name, type, defaultKind: default_kind }));
          for (const values of [true, false]) {
            text = await learned(url, values);
            const file = join(folder, "rules.yaml");
            writeFileSync(file, text);
            const config = await readConfig(file, RUN_FLAGS);
            expect(config.options).to.deep.equal({ table: `${database}.t` });
            const { ruleProblems, typeProblems } = describedRows(table, config.rules, "run");
            expect([...ruleProblems, ...typeProblems]).to.deep.equal([]);
            rules += config.rules.columns.size;
          }
        } catch (error) {
          const problems = error instanceof OptionsError ? error.problems.join("\n") : String(error);
          throw new Error(
            `CREATE TABLE t (\n  ${ddl}\n) ${after}; flatten_nested = ${flatten_nested}\n${problems}\n${text}`,
          );
        }
      }),
      { numRuns: RUNS, interruptAfterTimeLimit: LONGEST_MS },
    );
    expect(learnt, `tables that the server created and filled, of ${runs}`).to.be.at.least(runs / 2);
    expect(rules, "rules in all files").to.be.above(learnt);
  });
});
