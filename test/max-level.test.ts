// src/max/level.ts on made-up series of parts, and src/max/parts.ts on a real server.

import { expect } from "chai";
import type { Place } from "../src/asked.js";
import { endpointOf } from "../src/endpoint.js";
import { pileUp, type Reading } from "../src/max/level.js";
import { PartsWatch } from "../src/max/parts.js";
import { resolveRun } from "../src/options.js";
import { blindTarget, type Target } from "../src/target.js";
import { clickhouse, newDatabase, numberOf, serverUrl } from "./support/server.js";

const S = 1e9;
/** A hold of 10 s after 2 s of warm-up, looked at twice a second. */
const [FROM, TO] = [2 * S, 12 * S];

/** `partsAt`: what there is after so many inserts. */
function series(insertsPerSecond: number, partsAt: (inserts: number) => Partial<Reading>): Reading[] {
  return Array.from({ length: 24 }, (_, index) => {
    const atNs = index * 0.5 * S;
    const inserts = Math.floor((atNs / S) * insertsPerSecond);
    const given = partsAt(inserts);
    const unmerged = given.unmerged ?? 0;
    const largest = given.largest ?? unmerged;
    return { atNs, inserts, unmerged, largest, parts: largest, merges: given.merges ?? 0 };
  });
}

/** What is there after so many inserts when each merge takes `of` parts of one level into one of the next. */
function levels(inserts: number, of: number): { unmerged: number; largest: number } {
  let all = 0;
  for (let left = inserts; left > 0; left = Math.floor(left / of)) all += left % of;
  return { unmerged: inserts % of, largest: all };
}

describe("max: whether parts stay level", () => {
  for (const rate of [1, 2, 5, 10, 50, 200]) {
    // Of merges that come less often than once in a hold nobody can tell whether they come at all.
    for (const of of [6, 8, 20, 100].filter((parts) => parts <= 10 * rate)) {
      it(`${rate} inserts a second, each ${of} parts merged into one, and each ${of} of these: level`, () => {
        expect(
          pileUp(
            series(rate, (inserts) => levels(inserts, of)),
            FROM,
            TO,
          ),
        ).to.equal(undefined);
      });
    }
    it(`${rate} inserts a second and no merges: piled up`, () => {
      // 12 s from the first: in the first third of the hold up to 5, in the last up to 11.5.
      const found = pileUp(
        series(rate, (inserts) => ({ unmerged: inserts })),
        FROM,
        TO,
      );
      const [few, more] = [Math.floor(2 * rate), Math.floor(5 * rate)];
      expect(found).to.equal(
        `parts that no merge has touched grew from ${few}–${more} to ${Math.floor(9 * rate)}–${Math.floor(11.5 * rate)}`,
      );
    });
  }

  it("merges that take half of what comes, in bites of 20: piled up; all of it: level", () => {
    const half = series(20, (inserts) => ({ unmerged: inserts - 20 * Math.floor(inserts / 40) }));
    expect(pileUp(half, FROM, TO)).to.match(/^parts that no merge has touched grew from \d+–\d+ to \d+–\d+$/);
    const all = series(20, (inserts) => ({ unmerged: 15 + (inserts % 20) }));
    expect(pileUp(all, FROM, TO)).to.equal(undefined);
  });

  it("a table that begins with 400 parts and gets fewer: level", () => {
    expect(
      pileUp(
        series(10, (inserts) => ({ unmerged: Math.max(5, 400 - 4 * inserts) })),
        FROM,
        TO,
      ),
    ).to.equal(undefined);
  });

  it("parts of the next level that pile up, four of ten: piled up", () => {
    const found = pileUp(
      series(20, (inserts) => ({ unmerged: inserts % 6, largest: Math.floor(0.4 * inserts) + 3 })),
      FROM,
      TO,
    );
    expect(found).to.match(/^active parts grew from /);
  });

  it("running merges that become 20 of 2: a backlog; those that become 6 of 2: level", () => {
    const merging = (most: number) =>
      series(10, (inserts) => ({ merges: Math.round(2 + ((most - 2) * inserts) / 120) }));
    expect(pileUp(merging(20), FROM, TO)).to.match(/^merges under way grew from /);
    expect(pileUp(merging(6), FROM, TO)).to.equal(undefined);
  });

  it("one reading with 300 more is no pile", () => {
    const spiky = series(10, (inserts) => ({ unmerged: inserts === 110 ? 300 : inserts % 6 }));
    expect(pileUp(spiky, FROM, TO)).to.equal(undefined);
  });

  it("where nothing was read in a third of the hold there is no verdict", () => {
    const piled = series(10, (inserts) => ({ unmerged: inserts }));
    expect(pileUp(piled.slice(0, 12), FROM, TO)).to.equal(undefined);
    expect(pileUp(piled.slice(12), FROM, TO)).to.equal(undefined);
  });
});

describe("max: parts of a real table", function () {
  this.timeout(60_000);

  async function watched(engine: string, place: Place): Promise<PartsWatch> {
    const watch = await PartsWatch.open(targetOf(engine, place));
    if (typeof watch === "string") throw new Error(watch);
    return watch;
  }

  function targetOf(engine: string, place: Place): Target {
    const server = endpointOf(new URL(serverUrl()), { user: "default", password: "" });
    return {
      ...blindTarget(resolveRun({}, {})),
      ...place,
      engine,
      version: "26.7",
      stores: [{ replicas: [{ endpoints: [server] }] }],
    };
  }

  const insert = (place: Place, day: number) =>
    clickhouse(`INSERT INTO orders SELECT number, toDate('2026-01-0${day}') FROM numbers(10)`, place.database);

  it("7 inserts into a partition and 3 into another, merges stopped: 10 parts, the largest 7, all unmerged; then merged: none", async () => {
    const { database } = await newDatabase();
    const place = { database, table: "orders" };
    await clickhouse(
      "CREATE TABLE orders (a UInt64, day Date) ENGINE = MergeTree PARTITION BY day ORDER BY a",
      database,
    );
    await clickhouse(`SYSTEM STOP MERGES ${database}.orders`);
    const watch = await watched("MergeTree", place);
    expect(await watch.ask()).to.deep.equal({ parts: 0, largest: 0, unmerged: 0, merges: 0 });
    for (let index = 0; index < 7; index++) await insert(place, 1);
    for (let index = 0; index < 3; index++) await insert(place, 2);
    expect(await watch.ask()).to.deep.equal({ parts: 10, largest: 7, unmerged: 7, merges: 0 });
    await clickhouse(`SYSTEM START MERGES ${database}.orders`);
    await clickhouse("OPTIMIZE TABLE orders FINAL", database);
    expect(await watch.ask()).to.deep.equal({ parts: 2, largest: 1, unmerged: 0, merges: 0 });
    const active = `SELECT count() FROM system.parts WHERE database = '${database}' AND active`;
    expect(await numberOf(active)).to.equal(2);
  });

  it("waits until merges have caught up; where they are stopped it does not wait for ever", async () => {
    const { database } = await newDatabase();
    const place = { database, table: "orders" };
    await clickhouse("CREATE TABLE orders (a UInt64, day Date) ENGINE = MergeTree ORDER BY a", database);
    const watch = await watched("MergeTree", place);
    await clickhouse(`SYSTEM STOP MERGES ${database}.orders`);
    for (let index = 0; index < 30; index++) await insert(place, 1);
    const never = new AbortController().signal;
    expect(await watch.recovered(20_000, never)).to.equal(true);
    expect((await watch.ask()).unmerged).to.equal(30);
    await clickhouse(`SYSTEM START MERGES ${database}.orders`);
    await clickhouse("OPTIMIZE TABLE orders", database);
    expect(await watch.recovered(20_000, never)).to.equal(true);
    expect((await watch.ask()).unmerged).to.be.at.most(8);
  });

  for (const [engine, why] of [
    ["Memory", "a table of engine Memory has none of its own"],
    ["Distributed", "a table of engine Distributed has none of its own"],
  ] as const) {
    it(`${engine}: there is nothing to watch`, async () => {
      expect(await PartsWatch.open(targetOf(engine, { database: "default", table: "x" }))).to.equal(why);
    });
  }

  it("--blind: nothing is asked", async () => {
    expect(await PartsWatch.open(blindTarget(resolveRun({}, {})))).to.equal("--blind asks nothing");
  });
});
