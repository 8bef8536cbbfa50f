// Whose rows the endpoints show: by engine, server and replica path; and real tables of a Replicated engine, which a server
// without ZooKeeper can read, and nobody can write to.

import { expect } from "chai";
import { ACKNOWLEDGED } from "../src/answer.js";
import { Asked, type Found, find } from "../src/asked.js";
import { type EmbeddedServer, startEmbedded } from "../src/embedded/server.js";
import { endpointOf } from "../src/endpoint.js";
import { Fates } from "../src/fates.js";
import { type Claim, readLedger } from "../src/ledger.js";
import { resolveRun } from "../src/options.js";
import { WHOLE } from "../src/schedule.js";
import { type Store, storesOf } from "../src/stores.js";
import { blindTarget, type Target } from "../src/target.js";

const endpointAt = (url: string) => endpointOf(new URL(url), { user: "default", password: "" });
const [a, a2, b, c] = ["http://a", "http://a2", "http://b", "http://c"].map(endpointAt);
if (a === undefined || a2 === undefined || b === undefined || c === undefined) throw new Error("there are four");

const named = (stores: readonly Store[]) =>
  stores.map(({ replicas }) => replicas.map(({ endpoints }) => endpoints.map(({ host }) => host)));
const found = (engine: string, server: string, replicated?: string): Found => ({
  engine,
  clause: engine,
  resets: [],
  expires: false,
  identity: server,
  replicated,
});

describe("stores: a, a2 (the same server), b and c", () => {
  const of = (engine: string, ...paths: readonly string[]) =>
    named(
      storesOf(
        [a, a2, b, c],
        ["1", "1", "2", "3"].map((server, index) => found(engine, server, paths[index])),
      ),
    );

  it("MergeTree: three stores, the first by two URLs", () => {
    expect(of("MergeTree")).to.deep.equal([[["a", "a2"]], [["b"]], [["c"]]]);
  });

  it("ReplicatedMergeTree of one path: one store of three replicas", () => {
    expect(of("ReplicatedMergeTree", "/x", "/x", "/x", "/x")).to.deep.equal([[["a", "a2"], ["b"], ["c"]]]);
  });

  it("of two paths, shards of a cluster: two stores, of two replicas and of one", () => {
    expect(of("ReplicatedMergeTree", "/1", "/1", "/2", "/1")).to.deep.equal([[["a", "a2"], ["c"]], [["b"]]]);
  });

  it("Distributed and SharedMergeTree: one store, and any of the four shows it", () => {
    for (const engine of ["Distributed", "SharedMergeTree"]) {
      expect(of(engine), engine).to.deep.equal([[["a", "a2", "b", "c"]]]);
    }
  });
});

describe("stores: ReplicatedMergeTree on two servers", function () {
  this.timeout(60_000);
  const place = { database: "d", table: "t" };
  let servers: readonly EmbeddedServer[] = [];

  const ask = async ({ url }: EmbeddedServer, sql: string): Promise<string> => {
    const response = await fetch(url, { method: "POST", body: sql });
    if (!response.ok) throw new Error(await response.text());
    return (await response.text()).trim();
  };

  before(async () => {
    servers = await Promise.all(
      ["one", "two"].map((name) =>
        startEmbedded({
          login: "none",
          extraConfig: {
            // Nobody listens there: the tables are read-only.
            configXml: `<zookeeper><node><host>127.0.0.1</host><port>1</port></node></zookeeper>
              <default_replica_path>/tables/d/t</default_replica_path>
              <default_replica_name>${name}</default_replica_name>`,
          },
        }),
      ),
    );
    for (const [index, server] of servers.entries()) {
      await ask(server, "CREATE DATABASE d ENGINE = Atomic");
      await ask(server, "CREATE TABLE d.t (run_id String, seq UInt64) ENGINE = MergeTree ORDER BY seq");
      // The second has the batches 0 to 6 of ten, and half of batch 7.
      await ask(server, `INSERT INTO d.t SELECT 'r', number FROM numbers(${index === 0 ? 100 : 75})`);
      await ask(server, "DETACH TABLE d.t");
      await ask(server, "ATTACH TABLE d.t AS REPLICATED");
    }
  });
  after(() => Promise.all(servers.map((server) => server.stop())));

  async function targetOf(urls: readonly string[]): Promise<Target> {
    const endpoints = urls.map(endpointAt);
    const all: Found[] = [];
    for (const endpoint of endpoints) {
      const one = await find(new Asked(endpoint, {}), place);
      if (one === undefined) throw new Error("the table is not there");
      all.push(one);
    }
    const engine = all[0]?.engine;
    const stores = storesOf(endpoints, all);
    return { ...blindTarget(resolveRun({ table: "d.t" }, {})), engine, ledgerColumns: true, stores };
  }

  function claim(): Claim {
    const fates = Fates.allocate(10);
    for (let batch = 0; batch < 10; batch++) fates.answered(batch, ACKNOWLEDGED);
    const runs = [{ firstBatch: 0, firstRow: 0, rows: 10, batches: 10 }];
    const sums = { scheduledRows: 100, acknowledgedRows: 100, unknownRows: 0, batches: 10 };
    return { runId: "r", runs, shard: WHOLE, fates, ...sums };
  }

  const lateness = { everyMs: 20, stableMs: 100, mostMs: 1000 };

  it("are two replicas of one store; of a server given twice, one", async () => {
    const [one = "", two = ""] = servers.map(({ url }) => url);
    const { stores, engine } = await targetOf([one, two, one.replace("127.0.0.1", "localhost")]);
    expect(engine).to.equal("ReplicatedMergeTree");
    expect(
      stores.map(({ replicas }) => replicas.map(({ endpoints }) => endpoints.map(({ origin }) => origin))),
    ).to.deep.equal([[[one, one.replace("127.0.0.1", "localhost")], [two]]]);
  });

  it("the first has all 100 rows, the second 75: none lost, 25 missing there, which is a problem", async () => {
    const ledger = await readLedger(await targetOf(servers.map(({ url }) => url)), claim(), 0, { lateness });
    const { landed, lost, duplicated, batches, problems, caveat } = ledger;
    const [one = "", two = ""] = servers.map(({ url }) => url);
    expect({ landed, lost, duplicated }).to.deep.equal({ landed: 100, lost: 0, duplicated: 0 });
    expect(batches?.replicas).to.deep.equal([
      { name: one, absent: undefined, landed: 100, missing: 0, duplicated: 0 },
      { name: two, absent: undefined, landed: 75, missing: 25, duplicated: 0 },
    ]);
    expect(problems).to.deep.equal([`the replica ${two} lacks 25 rows that others have`]);
    expect(caveat).to.equal("ReplicatedMergeTree tables may show rows late: asked until nothing had changed for 0.1 s");
  });

  it("the second alone: 25 rows lost, of batches 7 (in part), 8 and 9", async () => {
    const ledger = await readLedger(await targetOf(servers.slice(1).map(({ url }) => url)), claim(), 0, { lateness });
    expect([ledger.landed, ledger.lost, ledger.problems]).to.deep.equal([75, 25, []]);
    const [acknowledged] = ledger.batches?.counts ?? [];
    expect([acknowledged?.whole, acknowledged?.partial, acknowledged?.missing]).to.deep.equal([7, 1, 2]);
  });
});
