// src/ladder/verdict.ts and engine.ts: from figures to sentences, from a table's engine to that of its copy. Pure.

import { expect } from "chai";
import { type CopyEngine, copyEngine } from "../src/ladder/engine.js";
import { percent, verdicts } from "../src/ladder/verdict.js";
import type { Format } from "../src/rows/program.js";

/** Thousand rows per second: rendering, discarding, ENGINE = Null, the table. */
type Figures = readonly [number?, number?, number?, number?];

function sentences(...climbs: readonly (readonly [Format, ...Figures])[]): readonly string[] {
  const told = verdicts(
    climbs.map(([format, rendering, discarding, parsed, table]) => ({
      format,
      rowsPerSecond: {
        ...(rendering !== undefined && { rendering: rendering * 1000 }),
        ...(discarding !== undefined && { discarding: discarding * 1000 }),
        ...(parsed !== undefined && { null: parsed * 1000 }),
        ...(table !== undefined && { table: table * 1000 }),
      },
    })),
    "default.events",
  );
  return told.flat();
}

const STORING = "storing (sorting, compressing, writing, merging)";
const GENERATOR = "the generator, not the server, may be the limit";

describe("the ladder's sentences", () => {
  const cases: readonly (readonly [what: string, figures: Figures, expected: readonly string[]])[] = [
    [
      "68 %: reading is the larger part",
      [41_000, 12_000, 1300, 884],
      [
        `default.events takes 68 % of what ENGINE = Null takes: reading JSONEachRow is the larger part of the work, ${STORING} the smaller.`,
      ],
    ],
    [
      "exactly half: still reading",
      [41_000, 12_000, 1000, 500],
      [
        `default.events takes 50 % of what ENGINE = Null takes: reading JSONEachRow is the larger part of the work, ${STORING} the smaller.`,
      ],
    ],
    [
      "27 %: storing is",
      [90_000, 40_000, 15_400, 4230],
      [
        `default.events takes 27 % of what ENGINE = Null takes: ${STORING} is the larger part of the work, reading JSONEachRow the smaller.`,
      ],
    ],
    [
      "90 % and more are alike",
      [41_000, 12_000, 1000, 900],
      [
        "default.events takes rows about as fast as ENGINE = Null: reading JSONEachRow is in the way, storing adds next to nothing.",
      ],
    ],
    [
      "sending at 1.9 times the server's: the generator may be the limit",
      [41_000, 1900, 1000, 600],
      [
        `Sending to a discarding endpoint makes only 1.9 times what the server takes: ${GENERATOR} (more --workers or --in-flight, or another machine).`,
        `default.events takes 60 % of what ENGINE = Null takes: reading JSONEachRow is the larger part of the work, ${STORING} the smaller.`,
      ],
    ],
    [
      "rendering at 1.5 times: it is rendering that is told",
      [1500, 1200, 1000, 100],
      [
        `Rendering JSONEachRow makes only 1.5 times what the server takes: ${GENERATOR} (more --workers, or another machine).`,
        `default.events takes 10 % of what ENGINE = Null takes: ${STORING} is the larger part of the work, reading JSONEachRow the smaller.`,
      ],
    ],
    [
      "rendering at 1.3 times a table that is as fast as ENGINE = Null: nothing is said of the server's parts",
      [1200, 1050, 842, 907],
      [
        `Rendering JSONEachRow makes only 1.3 times what the server takes: ${GENERATOR} (more --workers, or another machine).`,
      ],
    ],
    [
      "twice is enough",
      [2000, 2000, 1000, 1000],
      [
        "default.events takes rows about as fast as ENGINE = Null: reading JSONEachRow is in the way, storing adds next to nothing.",
      ],
    ],
    [
      "without the last rung: the parser against sending",
      [41_000, 12_000, 1200],
      ["The server reads JSONEachRow at 10 % of what can be sent: its parser is in the way."],
    ],
    ["without a rung of the server: nothing", [41_000, 12_000], []],
    ["without any: nothing", [], []],
    [
      "where the table took nothing in the window: no share of nothing",
      [41_000, 1000, 800, 0],
      [
        `Sending to a discarding endpoint makes only 1.3 times what the server takes: ${GENERATOR} (more --workers or --in-flight, or another machine).`,
      ],
    ],
  ];
  for (const [what, figures, expected] of cases) {
    it(what, () => expect(sentences(["JSONEachRow", ...figures])).to.deep.equal(expected));
  }

  it("a format half as fast again as another is named; of two within that nothing is said", () => {
    const faster = "JSONCompactEachRow goes into the table";
    expect(
      sentences(["JSONEachRow", 41_000, 12_000, 1300, 1000], ["JSONCompactEachRow", 41_000, 16_000, 5300, 4120]).filter(
        (sentence) => sentence.startsWith(faster),
      ),
    ).to.deep.equal([
      `${faster} 4.1 times as fast as JSONEachRow: with JSONEachRow the parser is measured, not the storage.`,
    ]);
    expect(
      sentences(["JSONEachRow", 41_000, 12_000, 3000, 1000], ["JSONCompactEachRow", 41_000, 16_000, 5300, 2000]).filter(
        (sentence) => sentence.startsWith(faster),
      ),
    ).to.deep.equal([`${faster} 2.0 times as fast as JSONEachRow: reading JSONEachRow is in the way as well.`]);
    expect(
      sentences(["JSONEachRow", 41_000, 12_000, 1300, 1000], ["JSONCompactEachRow", 41_000, 16_000, 5300, 1490]).filter(
        (sentence) => sentence.startsWith(faster),
      ),
    ).to.deep.equal([]);
  });

  it("shares have two digits at most, and small ones keep one: 68 %, 10 %, 4 %, 0.4 %", () => {
    expect([0.684, 0.0996, 0.041, 0.0041].map(percent)).to.deep.equal(["68 %", "10 %", "4 %", "0.4 %"]);
  });
});

describe("the engine of a copy", () => {
  const copied = (engineFull: string): CopyEngine =>
    copyEngine(/^\w+/.exec(engineFull)?.[0] ?? "", engineFull, "the ladder");

  const clauses: readonly (readonly [engineFull: string, clause: string])[] = [
    [
      "MergeTree ORDER BY a SETTINGS index_granularity = 8192",
      "MergeTree ORDER BY a SETTINGS index_granularity = 8192",
    ],
    ["ReplacingMergeTree(ver) ORDER BY (a, b)", "ReplacingMergeTree(ver) ORDER BY (a, b)"],
    ["ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}') ORDER BY a", "MergeTree ORDER BY a"],
    ["ReplicatedMergeTree ORDER BY a", "MergeTree ORDER BY a"],
    ["ReplicatedMergeTree() ORDER BY a", "MergeTree ORDER BY a"],
    [
      "ReplicatedReplacingMergeTree('/t/{uuid}', '{replica}', ver, is_deleted) PARTITION BY toYYYYMM(t) ORDER BY (a, cityHash64(b)) TTL t + toIntervalDay(30)",
      "ReplacingMergeTree(ver, is_deleted) PARTITION BY toYYYYMM(t) ORDER BY (a, cityHash64(b)) TTL t + toIntervalDay(30)",
    ],
    ["ReplicatedReplacingMergeTree(ver) ORDER BY a", "ReplacingMergeTree(ver) ORDER BY a"],
    ["SharedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}') ORDER BY a", "MergeTree ORDER BY a"],
    [
      "ReplicatedSummingMergeTree('/a\\'b,)', 'r', (x, `y)`, z)) ORDER BY a",
      "SummingMergeTree((x, `y)`, z)) ORDER BY a",
    ],
    ["ReplicatedGraphiteMergeTree('/p', 'r', 'rollup') ORDER BY a", "GraphiteMergeTree('rollup') ORDER BY a"],
    ["GraphiteMergeTree('rollup') ORDER BY a", "GraphiteMergeTree('rollup') ORDER BY a"],
    ["Memory SETTINGS max_rows_to_keep = 10", "Memory SETTINGS max_rows_to_keep = 10"],
  ];
  for (const [engineFull, clause] of clauses) {
    it(`${engineFull} is copied as ${clause}`, () => {
      const engine = copied(engineFull);
      expect(engine.kind === "copy" ? engine.clause : engine.why).to.equal(clause);
      const replicated = /^(Replicated|Shared)/.test(engineFull);
      expect(engine.kind === "copy" && engine.note !== undefined).to.equal(replicated);
    });
  }

  const refused: readonly (readonly [engineFull: string, why: string])[] = [
    ["Distributed('c', 'shop', 'orders_local', rand())", "give the table behind it, shop.orders_local"],
    ["Null", "keeps no rows"],
    ["Buffer('s', 'log', 1, 1, 1, 1, 1, 1, 1)", "engine Buffer, which the ladder does not copy"],
    ["Kafka", "engine Kafka, which the ladder does not copy"],
    ["MergeTree ORDER BY a SETTINGS disk = 'd', table_disk = 1", "table_disk"],
  ];
  for (const [engineFull, why] of refused) {
    it(`${engineFull} is refused: ${why}`, () => {
      const engine = copied(engineFull);
      expect(engine.kind === "refused" ? engine.why : engine.clause).to.include(why);
    });
  }
});
