// One name with several addresses: which endpoints come of it, and that load goes to each of them.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { type Resolving, spreadOverAddresses } from "../src/addresses.js";
import { endpointOf, shown } from "../src/endpoint.js";
import type { Report } from "../src/report/schema.js";
import { clickstorm } from "./support/cli.js";
import { newDatabase, numberOf } from "./support/server.js";

const LOGIN = { user: "u", password: "secret" };
const endpoint = (url: string) => endpointOf(new URL(url), LOGIN);

/** A resolver that knows these names, in a network in which nobody answers at `dead`. */
const network = (names: Readonly<Record<string, readonly string[]>>, ...dead: readonly string[]): Resolving => ({
  addressesOf: async (host) => {
    const addresses = names[host];
    if (addresses === undefined) throw new Error(`ENOTFOUND ${host}`);
    return addresses;
  },
  isThere: async (address) => !dead.includes(address),
});

describe("a host name with several addresses", () => {
  for (const { name, addresses, dead = [], used, notes } of [
    {
      name: "three that answer",
      addresses: ["10.0.0.1", "10.0.0.2", "10.0.0.3"],
      used: ["10.0.0.1", "10.0.0.2", "10.0.0.3"],
      notes: ["ch has 3 addresses: inserts rotate over all"],
    },
    {
      name: "three, of which one does not answer",
      addresses: ["10.0.0.1", "10.0.0.2", "10.0.0.3"],
      dead: ["10.0.0.2"],
      used: ["10.0.0.1", "10.0.0.3"],
      notes: ["ch has 2 addresses: inserts rotate over all", "ch: nobody answers at 10.0.0.2, which is not used"],
    },
    {
      name: "two, of which one does not answer",
      addresses: ["10.0.0.1", "10.0.0.2"],
      dead: ["10.0.0.1"],
      used: ["10.0.0.2"],
      notes: ["ch: nobody answers at 10.0.0.1, which is not used"],
    },
    { name: "one of each family, of one machine", addresses: ["fd00::1", "10.0.0.1"], used: [undefined], notes: [] },
    {
      name: "two of each family: those of the first",
      addresses: ["fd00::1", "10.0.0.1", "fd00::2", "10.0.0.2"],
      used: ["fd00::1", "fd00::2"],
      notes: ["ch has 2 addresses: inserts rotate over all"],
    },
    {
      name: "two of each family, IPv6 leads nowhere: those of IPv4",
      addresses: ["fd00::1", "10.0.0.1", "fd00::2", "10.0.0.2"],
      dead: ["fd00::1", "fd00::2"],
      used: ["10.0.0.1", "10.0.0.2"],
      notes: ["ch has 2 addresses: inserts rotate over all"],
    },
    { name: "one", addresses: ["10.0.0.1"], used: [undefined], notes: [] },
    { name: "the same twice", addresses: ["10.0.0.1", "10.0.0.1"], used: [undefined], notes: [] },
    {
      name: "two that do not answer: as it is, for the pre-flight to tell",
      addresses: ["10.0.0.1", "10.0.0.2"],
      dead: ["10.0.0.1", "10.0.0.2"],
      used: [undefined],
      notes: [],
    },
  ]) {
    it(name, async () => {
      const spread = await spreadOverAddresses([endpoint("http://ch:8123/x?a=b")], network({ ch: addresses }, ...dead));
      expect(spread.endpoints.map(({ address }) => address)).to.deep.equal(used);
      expect(spread.notes).to.deep.equal(notes);
    });
  }

  it("an address, localhost and a name nobody knows are left as they are", async () => {
    const endpoints = [
      "http://127.0.0.1",
      "http://[::1]:8123",
      "http://localhost",
      "http://x.localhost",
      "http://no",
    ].map(endpoint);
    const all = ["10.0.0.1", "10.0.0.2"];
    const names = { "127.0.0.1": all, "::1": all, localhost: all, "x.localhost": all };
    expect(await spreadOverAddresses(endpoints, network(names))).to.deep.equal({ endpoints, notes: [] });
  });

  it("each is shown with its address, keeps path and login, and never shows the latter", async () => {
    const { endpoints } = await spreadOverAddresses(
      [endpoint("http://u:secret@ch:8123/p/?database=d")],
      network({ ch: ["10.0.0.1", "fd00::2", "10.0.0.2"] }),
    );
    expect(endpoints.map(shown)).to.deep.equal(["http://ch:8123/p (10.0.0.1)", "http://ch:8123/p (10.0.0.2)"]);
    expect(endpoints.map(({ headers }) => headers["x-clickhouse-key"])).to.deep.equal(["secret", "secret"]);
  });

  it("a run sends half of its inserts to each of two addresses, and both are in the report", async () => {
    const { database, url } = await newDatabase();
    const port = Number(new URL(url).port);
    // The server is at 127.0.0.1; at 127.0.0.2 is a way to it.
    let forwarded = 0;
    const way = createServer((socket) => {
      const onward = connect(port, "127.0.0.1");
      socket.on("data", (chunk) => {
        forwarded += chunk.toString("latin1").split("&query_id=").length - 1;
      });
      socket.pipe(onward).pipe(socket);
      for (const end of [socket, onward]) end.on("error", () => undefined);
    });
    await new Promise<void>((resolve) => way.listen(port, "127.0.0.2", resolve));
    const directory = mkdtempSync(join(tmpdir(), "clickstorm-addresses-"));
    const [preload, reportFile] = [join(directory, "resolver.mjs"), join(directory, "report.json")];
    writeFileSync(
      preload,
      `import dns from "node:dns";
       import { syncBuiltinESMExports } from "node:module";
       const addresses = ["127.0.0.1", "127.0.0.2"].map((address) => ({ address, family: 4 }));
       const { lookup } = dns.promises;
       dns.promises.lookup = async (host, options) => (host === "clickhouse-test" ? addresses : lookup(host, options));
       syncBuiltinESMExports();`,
    );
    try {
      const named = url.replace("127.0.0.1", "clickhouse-test");
      const { code, stderr } = await clickstorm(
        [
          ...["--clickhouse-url", named, "--rate", "2000", "--duration", "1", "--batch-rows", "100"],
          ...["--no-metrics", "--no-traces", "--report", reportFile],
        ],
        { NODE_OPTIONS: `--import=${preload}` },
      );
      expect(code, stderr).to.equal(0);
      expect(stderr).to.contain("clickhouse-test has 2 addresses: inserts rotate over all");
      const { endpoints, rows }: Report = JSON.parse(readFileSync(reportFile, "utf8"));
      expect(endpoints.map((one) => [one["clickhouse-url"], one.inserts.acknowledged, one.acknowledged])).to.deep.equal(
        [
          [`http://clickhouse-test:${port} (127.0.0.1)`, 10, 1000],
          [`http://clickhouse-test:${port} (127.0.0.2)`, 10, 1000],
        ],
      );
      expect([forwarded, await numberOf("SELECT uniqExact(seq) FROM events", database), rows.landed]).to.deep.equal([
        10, 2000, 2000,
      ]);
    } finally {
      rmSync(directory, { recursive: true });
      way.close();
    }
  });
});
