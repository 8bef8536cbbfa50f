// What retries mean for a table: what the pre-flight says of it, and whether the real server then stores an insert once that comes
// twice under one token.

import { expect } from "chai";
import { Asked } from "../src/asked.js";
import { askDeduplication, leastOf, retryAdvice } from "../src/deduplication.js";
import { resolveRun } from "../src/options.js";
import { queuesInserts } from "../src/table-settings.js";
import { clickhouse, newDatabase, numberOf } from "./support/server.js";

const WINDOW = "non_replicated_deduplication_window";

/** @param ddl what follows the table's columns */
async function ask(ddl: string, flags: Readonly<Record<string, string>> = {}, url = "") {
  const { database, url: base } = await newDatabase();
  await clickhouse(`CREATE TABLE t (n UInt64) ${ddl}`, database);
  const options = resolveRun({ "clickhouse-url": base + url, ...flags }, {});
  const [endpoint] = options.endpoints;
  if (endpoint === undefined) throw new Error("there is an endpoint");
  const [asked, place] = [new Asked(endpoint, {}), { database, table: "t" }];
  const found = await askDeduplication(asked, place, options, true, await queuesInserts(asked, place));
  // The same insert twice, as a retry sends it.
  const settings = Object.entries({ ...options.settings, async_insert: options.asyncInsert ? 1 : 0 })
    .map(([name, value]) => `${name} = '${value}'`)
    .join(", ");
  const session = url
    .replace("&", ", ")
    .replace("=", " = '")
    .concat(url === "" ? "" : "'");
  for (let attempt = 0; attempt < 2; attempt++) {
    await clickhouse(
      `INSERT INTO t SETTINGS insert_deduplication_token = 'r-1', ${settings} ${session} VALUES (1), (2)`,
      database,
    );
  }
  return { found, rows: await numberOf("SELECT count() FROM t", database) };
}

describe("deduplication, as the pre-flight finds it and the server does it", () => {
  const honoured = (window: number, isPartitioned = false) => ({
    honoured: true,
    window,
    isPartitioned,
    why: undefined,
  });
  const not = (why: string) => ({ honoured: false, window: undefined, isPartitioned: false, why });

  for (const { name, ddl, flags, url, expected, rows } of [
    {
      name: "a MergeTree with a window of 77",
      ddl: `ENGINE = MergeTree ORDER BY n SETTINGS index_granularity = 1024, ${WINDOW} = 77, merge_with_ttl_timeout = 5`,
      expected: honoured(77),
      rows: 2,
    },
    {
      name: "a MergeTree with partitions",
      ddl: `ENGINE = MergeTree ORDER BY n PARTITION BY n % 2 SETTINGS ${WINDOW} = 9`,
      expected: honoured(9, true),
      rows: 2,
    },
    {
      name: "a ReplacingMergeTree with a window of 5",
      ddl: `ENGINE = ReplacingMergeTree ORDER BY tuple() SETTINGS ${WINDOW} = 5`,
      expected: honoured(5),
      rows: 1,
    },
    // This server has no queue, and stores them once; one that has, twice: test/versions.test.ts.
    {
      name: "a MergeTree with a window, by asynchronous inserts",
      ddl: `ENGINE = MergeTree ORDER BY n SETTINGS ${WINDOW} = 77`,
      flags: { "async-insert": "true" },
      expected: not(
        "is not replicated, and such a table may store an asynchronous insert twice, window and token or not",
      ),
      rows: 2,
    },
    {
      name: "a MergeTree with a window and async_insert = 1 of its own",
      ddl: `ENGINE = MergeTree ORDER BY n SETTINGS ${WINDOW} = 77, async_insert = 1`,
      expected: not(
        "has async_insert = 1 and is not replicated, and such a table may store an asynchronous insert twice, window and token or not",
      ),
      rows: 2,
    },
    {
      name: "a MergeTree without a window of its own, on a server that has none",
      ddl: "ENGINE = MergeTree ORDER BY n",
      expected: not(`has ${WINDOW} = 0, so it does not deduplicate inserts`),
      rows: 4,
    },
    {
      name: "a MergeTree with a window, and deduplicate_insert=disable by --setting",
      ddl: `ENGINE = MergeTree ORDER BY n SETTINGS ${WINDOW} = 77`,
      flags: { setting: "deduplicate_insert=disable" },
      expected: not("gets inserts with deduplicate_insert = disable, so it does not deduplicate them"),
      rows: 4,
    },
    {
      name: "the same by the URL",
      ddl: `ENGINE = MergeTree ORDER BY n SETTINGS ${WINDOW} = 77`,
      url: "&deduplicate_insert=disable",
      expected: not("gets inserts with deduplicate_insert = disable, so it does not deduplicate them"),
      rows: 4,
    },
    {
      name: "a window, and both of the older kind of settings off",
      ddl: `ENGINE = MergeTree ORDER BY n SETTINGS ${WINDOW} = 77`,
      flags: { setting: ["deduplicate_insert=backward_compatible_choice", "insert_deduplicate=0"] as never },
      expected: not("gets inserts with insert_deduplicate = 0, so it does not deduplicate them"),
      rows: 4,
    },
    {
      name: "a Memory table",
      ddl: "ENGINE = Memory",
      expected: not("has the engine Memory, which does not deduplicate inserts"),
      rows: 4,
    },
  ] as const) {
    it(`${name}: ${expected.honoured ? `${expected.window} inserts are remembered` : "none"}, ${rows} rows of 2 sent twice`, async () => {
      expect(await ask(ddl, flags ?? {}, url ?? "")).to.deep.equal({ found: expected, rows });
    });
  }
});

describe("what is said of retries", () => {
  const options = { retryAmbiguous: false, retryForNs: 120_000_000_000n };
  const honoured = { honoured: true, window: 1000, isPartitioned: false, why: undefined };

  it("1,000 tokens and 8 inserts a second for 120 s: 960 fit; with 10, the 1,200 do not, and 100 s are told", () => {
    expect(retryAdvice(honoured, options, 8)).to.deep.equal({
      says: "retries: the table remembers its last 1,000 inserts: one that may have landed is sent again, and stored once",
      isWarning: false,
    });
    const { says, isWarning } = retryAdvice(honoured, options, 10);
    expect([says.includes("some 100 s of this load"), isWarning]).to.deep.equal([true, true]);
  });

  it("a closed loop says how many, no time, and that it may be too few; so does a table with partitions", () => {
    const { says, isWarning } = retryAdvice(honoured, options, undefined);
    expect([isWarning, says.endsWith("stored once unless so many have come in between")]).to.deep.equal([false, true]);
    const { says: partitioned } = retryAdvice({ ...honoured, isPartitioned: true }, options, 8);
    expect(partitioned).to.match(
      /last 1,000 blocks of inserts, of each insert one for every partition it touches: .* unless so many/,
    );
  });

  it("of several servers the least: a window of 5 of 5 and 80, and none where one has none, which is named", async () => {
    const windows = async (...all: readonly number[]) => {
      const tables = await Promise.all(all.map(() => newDatabase()));
      const asked = await Promise.all(
        tables.map(async ({ database, url }, index) => {
          await clickhouse(
            `CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n SETTINGS ${WINDOW} = ${all[index]}`,
            database,
          );
          const [endpoint] = resolveRun({ "clickhouse-url": url }, {}).endpoints;
          if (endpoint === undefined) throw new Error("there is an endpoint");
          // Each asks for the table of its own database.
          return { asked: new Asked(endpoint, {}), database };
        }),
      );
      const found = await Promise.all(
        asked.map(({ asked: one, database }) =>
          askDeduplication(one, { database, table: "t" }, { asyncInsert: false, settings: {} }, true, false),
        ),
      );
      return leastOf(
        found,
        asked.map(({ asked: one }) => one.name),
      );
    };
    expect(await windows(80, 5)).to.deep.include({ honoured: true, window: 5 });
    const none = await windows(80, 0);
    expect(none).to.deep.include({ honoured: false, window: undefined });
    expect(none.why).to.match(/^on http:\/\/127\.0\.0\.1:\d+ has non_replicated_deduplication_window = 0/);
  });

  it("without deduplication: what may have landed is not sent again, or twice for whoever asks", () => {
    const none = {
      honoured: false,
      window: undefined,
      isPartitioned: false,
      why: "has the engine Log, which does not deduplicate inserts",
    };
    const { says } = retryAdvice(none, options, 1);
    expect(says).to.match(/^retries: the table has the engine Log, .* stay unknown; --retry-ambiguous sends them/);
    expect(retryAdvice(none, { ...options, retryAmbiguous: true }, 1).says).to.match(/may land twice$/);
  });
});
