// Times as they land: those of rules and of --replay-time, in four formats, on ClickHouse of several versions. What they must be is
// arithmetic: row k of n has the time start + k * span / n.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { clickstorm } from "./support/cli.js";
import { clickhouse, newDatabase } from "./support/server.js";
import { describeOn, SUITE } from "./support/versions.js";

/** A ClickHouse, whichever. */
interface Place {
  readonly url: string;
  ask(sql: string): Promise<string>;
}

const ROWS = 1000;
const SPAN_NS = 3_600_000_000_000n;
const SCALES = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
const QUIET = ["--no-traces", "--no-metrics", "--rate", String(5 * ROWS), "--duration", "0.2"];
/** Ticks as ClickHouse keeps them. */
const ticksOf = (column: string): string => `reinterpretAsInt64(${column})`;

/** Of all rows, in ticks of a type with so many digits: what the first and the last have, and the sum. */
function expectedOf(startNs: bigint, digits: number): string {
  const tickNs = 10n ** BigInt(9 - digits);
  const ticks = Array.from({ length: ROWS }, (_, row) => (startNs + (BigInt(row) * SPAN_NS) / BigInt(ROWS)) / tickNs);
  return [ticks[0], ticks.at(-1), ticks.reduce((sum, tick) => sum + tick, 0n)].join("\t");
}

const nsOf = (day: string): bigint => BigInt(Date.parse(`${day}T00:00:00Z`)) * 1_000_000n;
const from = (day: string): readonly string[] => ["--data-start", day, "--data-span", "1h"];
const foundOf = (column: string): string => {
  const ticks = ticksOf(column);
  return `min(${ticks}), max(${ticks}), sum(toInt256(${ticks}))`;
};

/** Times wherever a type may have them. */
const NESTED = SCALES.filter((digits) => digits % 3 === 0).flatMap((digits) => {
  const type = `DateTime64(${digits})`;
  return [
    `n${digits} Nullable(${type})`,
    `a${digits} Array(${type})`,
    `k${digits} Map(${type}, UInt8)`,
    `v${digits} Map(String, ${type})`,
    `t${digits} Tuple(${type}, UInt8)`,
    `z${digits} DateTime64(${digits}, 'America/New_York')`,
  ];
});
const PLAIN = ["d Date", "d32 Date32", "dt DateTime", ...SCALES.map((digits) => `s${digits} DateTime64(${digits})`)];
/** Of newer versions: 24.8 has none of them without being told. */
const NEWER = [
  "j JSON(t DateTime64(3), u DateTime64(6), w DateTime)",
  "x Variant(DateTime64(3), String)",
  "y Variant(DateTime64(9), UInt8)",
];

const FORMATS = ["JSONEachRow", "JSONCompactEachRow", "RowBinary", "Native"];

async function load(place: Place, args: readonly string[]): Promise<void> {
  const { code, stdout, stderr } = await clickstorm(["run", "--clickhouse-url", place.url, ...QUIET, ...args]);
  expect(code, `${stdout}\n${stderr}`).to.equal(0);
}

function testTimes(place: () => Place, hasNewer: boolean): void {
  for (const format of ["JSONEachRow", "JSONCompactEachRow"]) {
    it(`the default command in ${format}: 1,000 rows of an hour of 2026, to the millisecond`, async () => {
      await place().ask("DROP TABLE IF EXISTS events");
      await load(place(), [...from("2026-11-01"), "--format", format]);
      expect(await place().ask(`SELECT ${foundOf("timestamp")} FROM events`)).to.equal(
        expectedOf(nsOf("2026-11-01"), 3),
      );
    });
  }

  // Before 2001 a number of ticks cannot be told from one of seconds.
  for (const [day, formats] of [
    ["2026-11-01", FORMATS],
    ["1985-06-01", ["JSONEachRow", "Native"]],
  ] as const) {
    it(`${day}: DateTime64 of all scales has the times of the schedule, and all columns are the same in ${formats}`, async () => {
      const columns = [...PLAIN, ...NESTED, ...(hasNewer && day > "2001" ? NEWER : [])];
      const hashes: string[] = [];
      for (const format of formats) {
        await place().ask("DROP TABLE IF EXISTS times");
        await place().ask(`CREATE TABLE times (${columns.join(", ")}) ENGINE = MergeTree ORDER BY tuple()`);
        await load(place(), [...from(day), "--table", "times", "--format", format, "--seed", "7"]);
        for (const digits of SCALES) {
          const found = await place().ask(`SELECT ${foundOf(`s${digits}`)} FROM times`);
          expect(found, `${format} s${digits}`).to.equal(expectedOf(nsOf(day), digits));
        }
        const names = columns.map((column) => column.split(" ")[0]);
        hashes.push(
          await place().ask(`SELECT ${names.map((name) => `sum(cityHash64(toString(${name})))`)} FROM times`),
        );
      }
      expect(hashes[0]).not.to.match(/(^|\t)0(\t|$)/);
      expect(new Set(hashes).size, hashes.join("\n")).to.equal(1);
    });
  }

  it("--replay-time: DateTime64 and DateTime have the times of the schedule, whatever the file says", async () => {
    const folder = mkdtempSync(join(tmpdir(), "clickstorm-times-"));
    const file = join(folder, "rows.ndjson");
    writeFileSync(file, '{"t":"1999-01-01 00:00:00"}\n{}\n{"t":17}\n');
    const day = "2026-11-01";
    const types = [
      ...[2, 6, 9].map((digits) => [`DateTime64(${digits})`, ticksOf("t"), expectedOf(nsOf(day), digits)] as const),
      ["Nullable(DateTime64(3))", ticksOf("assumeNotNull(t)"), expectedOf(nsOf(day), 3)] as const,
      ["DateTime", "toInt64(t)", expectedOf(nsOf(day), 0)] as const,
    ];
    try {
      for (const [type, ticks, expected] of types) {
        await place().ask("DROP TABLE IF EXISTS replayed");
        await place().ask(`CREATE TABLE replayed (t ${type}) ENGINE = MergeTree ORDER BY tuple()`);
        await load(place(), [...from(day), "--table", "replayed", "--replay", file, "--replay-time", "t"]);
        const found = await place().ask(`SELECT min(${ticks}), max(${ticks}), sum(toInt256(${ticks})) FROM replayed`);
        expect(found, type).to.equal(expected);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}

describe("times as they land", function () {
  this.timeout(120_000);

  describe("the embedded ClickHouse", () => {
    let database = "";
    let url = "";
    before(async () => {
      ({ database, url } = await newDatabase());
    });
    testTimes(() => ({ url, ask: (sql) => clickhouse(sql, database) }), true);
  });

  for (const version of SUITE) describeOn(version, (server) => testTimes(server, version === "26.9"));
});
