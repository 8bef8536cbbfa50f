// One host name with several addresses → one endpoint for each, so that load goes to all and each is seen by itself. Main thread, before
// the pre-flight: asks the resolver, and opens a connection to each address to see who is there; sends nothing.

import { lookup } from "node:dns/promises";
import { connect, isIP, isIPv6 } from "node:net";
import { isOurCode, transportCode } from "./answer.js";
import type { Endpoint } from "./endpoint.js";

/** Who is not there by then is not used. */
const CONNECT_MS = 2000;

export interface Spread {
  readonly endpoints: readonly Endpoint[];
  /** What was found, for the user. */
  readonly notes: readonly string[];
}

/** How names become addresses, and addresses are found to be there: others than the real ones in tests. */
export interface Resolving {
  addressesOf(host: string): Promise<readonly string[]>;
  isThere(address: string, port: number): Promise<boolean>;
}

const REAL: Resolving = {
  addressesOf: async (host) => (await lookup(host, { all: true })).map(({ address }) => address),
  isThere,
};

/** Of a machine with both, only IPv4 or only IPv6 is used: two addresses of one server are not two servers. */
export async function spreadOverAddresses(
  endpoints: readonly Endpoint[],
  resolving: Resolving = REAL,
): Promise<Spread> {
  const spreads = await Promise.all(endpoints.map((endpoint) => spread(endpoint, resolving)));
  return {
    endpoints: spreads.flatMap((one) => one.endpoints),
    notes: spreads.flatMap(({ notes }) => notes),
  };
}

/** For a command: nobody is asked for addresses with --blind. */
export async function addressed(
  { endpoints, blind }: { readonly endpoints: readonly Endpoint[]; readonly blind: boolean },
  say: (note: string) => void,
): Promise<readonly Endpoint[]> {
  if (blind) return endpoints;
  const spread = await spreadOverAddresses(endpoints);
  for (const note of spread.notes) say(note);
  return spread.endpoints;
}

async function spread(endpoint: Endpoint, { addressesOf, isThere }: Resolving): Promise<Spread> {
  const { host, port } = endpoint;
  const asItIs = { endpoints: [endpoint], notes: [] };
  // Of localhost's two addresses one server has one or both.
  if (isIP(host) !== 0 || /^(.*\.)?localhost$/i.test(host)) return asItIs;
  // A name nobody knows is told of by the pre-flight.
  const addresses = [...new Set(await addressesOf(host).catch(() => []))];
  if (addresses.length < 2) return asItIs;
  const there = await Promise.all(addresses.map((address) => isThere(address, port)));
  const answering = addresses.filter((_, index) => there[index]);
  const family = largerFamily(answering);
  const used = answering.filter((address) => isIPv6(address) === family);
  const missing = addresses.filter((address) => isIPv6(address) === family && !answering.includes(address));
  if (used.length + missing.length < 2 || used.length === 0) return asItIs;
  return {
    endpoints: used.map((address) => ({ ...endpoint, address })),
    notes: [
      ...(used.length < 2 ? [] : [`${host} has ${used.length} addresses: inserts rotate over all`]),
      ...missing.map((address) => `${host}: nobody answers at ${address}, which is not used`),
    ],
  };
}

/** Whether most are IPv6; where there are as many of both, the first decides. */
function largerFamily(addresses: readonly string[]): boolean {
  const six = addresses.filter(isIPv6).length;
  const four = addresses.length - six;
  return six === four ? isIPv6(addresses[0] ?? "") : six > four;
}

function isThere(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port, timeout: CONNECT_MS });
    const end = (answer: boolean) => (): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.on("connect", end(true)).on("timeout", end(false));
    // Who cannot be asked for want of something here may be there: the pre-flight tells what is wanting.
    socket.on("error", (error) => end(isOurCode(transportCode(error)))());
  });
}
