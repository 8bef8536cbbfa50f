// Where the rows of a table lie: the endpoints of a run, sorted by whose rows they show. Pure. Made by the pre-flight, read
// by the ledger.
//
//   endpoints                   A  A' B  C       A and A' lead to the same server
//   MergeTree and its like      store {A A'}   store {B}   store {C}               what they hold adds up
//   Replicated, of one path     store { replica {A A'}   replica {B}   replica {C} }   each is to hold everything
//   Shared, Distributed         store { replica {A A' B C} }                       each shows everything

import type { Found } from "./asked.js";
import type { Endpoint } from "./endpoint.js";

/** Rows that any of these endpoints shows alike; at least one. */
export interface Replica {
  readonly endpoints: readonly Endpoint[];
}

/** Rows that every replica is to hold; at least one replica. */
export interface Store {
  readonly replicas: readonly Replica[];
}

const REPLICATED = /^Replicated/;
/** Engines that show the same rows on every server. */
const SHARED = /^(Shared|Distributed)/;

export const isReplicated = (engine: string | undefined): boolean => REPLICATED.test(engine ?? "");

/** @param found what each of the endpoints said of the table */
export function storesOf(endpoints: readonly Endpoint[], found: readonly Found[]): readonly Store[] {
  const engine = found[0]?.engine ?? "";
  const places = endpoints.map((endpoint, index) => ({ endpoint, ...placeOf(engine, found[index]) }));
  return grouped(places, ({ store }) => store).map((ofStore) => ({
    replicas: grouped(ofStore, ({ replica }) => replica).map((ofReplica) => ({
      endpoints: ofReplica.map(({ endpoint }) => endpoint),
    })),
  }));
}

/** What the endpoints of one store have in common, and those of one replica of it. */
function placeOf(engine: string, found: Found | undefined): { readonly store: string; readonly replica: string } {
  const { identity = "", replicated = "" } = found ?? {};
  if (SHARED.test(engine)) return { store: "", replica: "" };
  return { store: isReplicated(engine) ? replicated : identity, replica: identity };
}

/** In the order in which the keys come. */
function grouped<T>(all: readonly T[], key: (one: T) => string): readonly (readonly T[])[] {
  const keys = [...new Set(all.map(key))];
  return keys.map((wanted) => all.filter((one) => key(one) === wanted));
}

/** Every endpoint of the stores. */
export const endpointsOf = (stores: readonly Store[]): readonly Endpoint[] =>
  stores.flatMap(({ replicas }) => replicas.flatMap(({ endpoints }) => endpoints));

/** One endpoint for each server that holds rows of its own. */
export const serversOf = (stores: readonly Store[]): readonly Endpoint[] =>
  stores.flatMap(({ replicas }) => replicas.flatMap(({ endpoints }) => endpoints.slice(0, 1)));
