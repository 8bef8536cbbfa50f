// Names and sentences that mean harm: identifiers that would be SQL if they were put in as they are, in every command that
// asks about a table, and texts of a server that would drive a terminal. test/names.test.ts has names that are merely odd.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { printable } from "../src/text.js";
import { clickstorm } from "./support/cli.js";
import { createTable, identifier, sqlText } from "./support/ddl.js";
import { clickhouse, numberOf, rowsOf, serverUrl } from "./support/server.js";
import { type Stranger, webServer } from "./support/strangers.js";

const VICTIM = `victim_${process.pid}`;
/** Each would drop the victim, or end the statement, where quoting ends at the character it begins with. */
const HOSTILE: readonly string[] = [
  `\`; DROP DATABASE ${VICTIM}; --`,
  `'; DROP DATABASE ${VICTIM}; --`,
  `"; DROP DATABASE ${VICTIM}; --`,
  `\\\`; DROP DATABASE ${VICTIM}; --`,
  `\\'; DROP DATABASE ${VICTIM}; --`,
  `x\` , (SELECT * FROM system)) --`,
  "{database:Identifier}",
  `*/ DROP DATABASE ${VICTIM} /*`,
  `x\n); DROP DATABASE ${VICTIM}; --\n`,
  "\u001b[2J\u009b31m\u202e",
];
/** What drives a terminal, or turns a line round: all control characters but the line's end, and marks of direction. */
const ESCAPES = /(?!\n)[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;
const QUIET = ["--no-traces", "--no-metrics"];

describe("hostile names", function () {
  this.timeout(120_000);

  const directory = mkdtempSync(join(tmpdir(), "clickstorm-hostile-"));
  const database = `d${process.pid}${HOSTILE[0]}`;
  before(async () => {
    await clickhouse(`CREATE DATABASE ${VICTIM}`);
    await clickhouse(`CREATE TABLE ${VICTIM}.t (a UInt8) ENGINE = MergeTree ORDER BY a`);
    await clickhouse(`INSERT INTO ${VICTIM}.t VALUES (1)`);
    await clickhouse(`CREATE DATABASE ${identifier(database)}`);
    const columns = HOSTILE.map((name) => `${identifier(name)} String`).join(", ");
    for (const table of HOSTILE) await createTable(database, table, `seq UInt64, run_id String, ${columns}`);
  });
  after(() => rmSync(directory, { recursive: true }));
  afterEach(async () => {
    expect(await numberOf(`SELECT count() FROM ${VICTIM}.t`)).to.equal(1);
    const tables = await rowsOf<{ name: string }>(
      `SELECT name FROM system.tables WHERE database = ${sqlText(database)}`,
    );
    expect(tables.map(({ name }) => name).toSorted()).to.deep.equal([...HOSTILE].toSorted());
  });

  for (const [index, table] of HOSTILE.entries()) {
    const shown = `"${printable(table)}"`;
    const url = (): string => `${serverUrl()}/?database=${encodeURIComponent(database)}`;
    const named = (): string[] => ["--clickhouse-url", url(), "--table", table];

    it(`run fills ${shown} with such columns, and its ledger, report and summary are right`, async () => {
      const report = join(directory, "report.json");
      const load = ["--rate", "1000", "--duration", "1", "--batch-rows", "100", "--report", report, ...QUIET];
      const { code, stdout, stderr } = await clickstorm(["run", ...named(), ...load]);
      expect(code, stderr).to.equal(0);
      expect(stdout).to.include("landed 1,000, lost 0, duplicated 0");
      expect(stdout + stderr).to.not.match(ESCAPES);
      const place = `${identifier(database)}.${identifier(table)}`;
      const filled = HOSTILE.map((name) => `uniqExact(${identifier(name)}) > 900`).join(" AND ");
      expect(await numberOf(`SELECT ${filled} AND count() = 1000 FROM ${place}`)).to.equal(1);
      expect(JSON.parse(readFileSync(report, "utf8")).options.table).to.equal(`${database}.${table}`);
    });

    // A quote, a backslash before one, and what drives a terminal.
    if (![0, 4, HOSTILE.length - 1].includes(index)) continue;
    it(`sample prints, explains and learns ${shown}, and what it learned is a config file again`, async () => {
      const rows = await clickstorm(["sample", ...named(), "--rows", "2"]);
      expect(rows.code, rows.stderr).to.equal(0);
      const [first] = rows.stdout.trimEnd().split("\n");
      expect(Object.keys(JSON.parse(first ?? ""))).to.deep.equal(["seq", "run_id", ...HOSTILE]);
      const explained = await clickstorm(["sample", ...named(), "--explain"]);
      expect([explained.code, explained.stdout.trimEnd().split("\n").length]).to.deep.equal([0, HOSTILE.length + 2]);
      const learned = await clickstorm(["sample", ...named(), "--learn"]);
      expect(learned.code, learned.stderr).to.equal(0);
      const file = join(directory, "learned.yaml");
      writeFileSync(file, learned.stdout);
      const again = await clickstorm(["sample", ...named(), "--config", file, "--rows", "1"]);
      expect(again.code, again.stderr).to.equal(0);
      for (const { stdout, stderr } of [explained, learned]) expect(stdout + stderr).to.not.match(ESCAPES);
    });

    if (index > 0) continue;
    it(`ladder and max go through ${shown}; the copy is dropped, and nothing else`, async () => {
      const databases = (): Promise<string> => clickhouse("SELECT groupArray(name) FROM system.databases");
      const before = await databases();
      const ladder = await clickstorm([
        "ladder",
        ...named(),
        "--duration",
        "1s",
        "--batch-rows",
        "1000",
        "--format",
        "Native",
      ]);
      expect(ladder.code, ladder.stdout + ladder.stderr).to.equal(0);
      expect(await databases()).to.equal(before);
      const hold = ["--from", "500", "--to", "500", "--step", "2s", "--flush-interval", "300ms", "--batch-rows", "100"];
      const max = await clickstorm(["max", ...named(), ...hold]);
      expect(max.code, max.stdout + max.stderr).to.equal(0);
      for (const { stdout, stderr } of [ladder, max]) expect(stdout + stderr).to.not.match(ESCAPES);
    });
  }
});

describe("what a server says to a terminal", function () {
  this.timeout(60_000);

  const EVIL = "\u001b]0;owned\u0007\u001b[2J\u009b1;31m\u202eevil\r\u0008";
  let server: Stranger;
  let status = 500;
  before(async () => {
    server = await webServer((request, response) => {
      request.resume().on("end", () => {
        response.writeHead(status, { "x-clickhouse-exception-code": "27" }).end(`Code: 27. DB::Exception: ${EVIL} (X)`);
      });
    });
  });
  after(() => server.close());

  it("is shown without what drives it: in the pre-flight, in a run's summary, in a ladder, in max, in sample", async () => {
    const target = ["--clickhouse-url", server.url];
    const report = join(tmpdir(), `clickstorm-evil-${process.pid}.json`);
    const load = ["--blind", "--rate", "100", "--duration", "1", ...QUIET, "--report", report];
    const asked = await clickstorm(["run", ...target, ...QUIET]);
    const ran = await clickstorm(["run", ...target, ...load]);
    const laddered = await clickstorm(["ladder", ...target]);
    const held = await clickstorm(["max", ...target, "--blind", "--step", "1s", "--flush-interval", "300ms"]);
    const sampled = await clickstorm(["sample", ...target]);
    rmSync(report);
    const all = [asked, ran, laddered, held, sampled];
    expect(all.map(({ code }) => code)).to.deep.equal([3, 1, 3, 1, 3]);
    for (const { stdout, stderr } of all) {
      expect(stdout + stderr).to.include("evil");
      expect(stdout + stderr).to.not.match(ESCAPES);
    }
  });

  it("compare and merge show a report that was tampered with in the same way", async () => {
    status = 200;
    const directory = mkdtempSync(join(tmpdir(), "clickstorm-tampered-"));
    try {
      const report = join(directory, "a.json");
      const load = ["--rate", "100", "--duration", "1", "--report", report, ...QUIET];
      const url = `${serverUrl()}/?database=${VICTIM}`;
      const { code, stderr } = await clickstorm(["run", "--clickhouse-url", url, ...load]);
      expect(code, stderr).to.equal(0);
      const tampered = JSON.parse(readFileSync(report, "utf8"));
      tampered.run_id = EVIL;
      tampered.options.table = EVIL;
      tampered.options.format = EVIL;
      const other = join(directory, "b.json");
      writeFileSync(other, JSON.stringify(tampered));
      for (const args of [[], ["--markdown"]]) {
        const compared = await clickstorm(["compare", report, other, ...args]);
        expect(compared.stdout).to.include("evil");
        expect(compared.stdout + compared.stderr).to.not.match(ESCAPES);
      }
      const merged = await clickstorm(["merge", report, other, "--out", join(directory, "c.json")]);
      expect(merged.code).to.equal(2);
      expect(merged.stdout + merged.stderr).to.not.match(ESCAPES);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
