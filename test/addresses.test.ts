// One name with several addresses: which endpoints come of it, and that load goes to each of them.

import { expect } from "chai";
import { type Resolving, spreadOverAddresses } from "../src/addresses.js";
import { endpointOf, shown } from "../src/endpoint.js";

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
});
