// The ledgers of the shards of a run → that of the run. Pure. Called by merge.ts.

import { inOrder } from "../ledger/tally.js";
import type { LedgerJson } from "../report/schema.js";
import { sumFields, sumOrNull } from "./sums.js";

/** Each shard looks for its own batches, on the same replicas. Null where one of them did not. */
export function mergeLedgers(ledgers: readonly (LedgerJson | null)[]): LedgerJson | null {
  const known = ledgers.filter((ledger) => ledger !== null);
  if (known.length < ledgers.length) return null;
  return {
    ...sumFields(known.map(({ batches: _, replicas: __, ...rows }) => rows)),
    batches: alike(
      known.flatMap(({ batches }) => batches),
      ({ fate, reason, code }) => `${fate} ${reason} ${code}`,
    )
      .map((same) => ({
        ...same[0],
        ...sumFields(same.map(({ fate: _, reason: __, code: ___, ...counts }) => counts)),
      }))
      .sort(inOrder),
    replicas: alike(
      known.flatMap(({ replicas }) => replicas),
      (replica) => replica["clickhouse-url"],
    ).map((same) => ({
      "clickhouse-url": same[0]["clickhouse-url"],
      landed: sumOrNull(same.map(({ landed }) => landed)),
      missing: sumOrNull(same.map(({ missing }) => missing)),
      duplicated: sumOrNull(same.map(({ duplicated }) => duplicated)),
    })),
  };
}

/** Groups of the same key, in the order of their first. */
function alike<T>(all: readonly T[], keyOf: (one: T) => string): readonly (readonly [T, ...T[]])[] {
  const groups = new Map<string, [T, ...T[]]>();
  for (const one of all) {
    const group = groups.get(keyOf(one));
    if (group === undefined) groups.set(keyOf(one), [one]);
    else group.push(one);
  }
  return [...groups.values()];
}
