// What a rung's rows are checked against: a count of whoever took them. Called by ladder.ts.

import type { Books } from "../books.js";
import type { Endpoint } from "../endpoint.js";
import { countRows, readLedger, UncountedError } from "../ledger.js";
import { countOf, query } from "../server.js";
import { type Target, whyUnverifiable } from "../target.js";
import { whole } from "../text.js";
import type { Discarded } from "./discard.js";

export interface Counted {
  readonly value: number;
  readonly noun: "body" | "row";
  /** Whose count it is. */
  readonly by: "endpoint" | "InsertedRows" | "count()";
  /** Undefined: it agrees with what the workers were told. */
  readonly disagreement: string | undefined;
}

/** A count, or why there is none. */
export type Count =
  | { readonly kind: "counted"; readonly counted: Counted }
  | { readonly kind: "none"; readonly why: string };

const rows = (by: Counted["by"], value: number, acknowledged: number): Counted => ({
  value,
  noun: "row",
  by,
  disagreement:
    value === acknowledged ? undefined : `${whole(acknowledged)} rows were acknowledged, ${by} says ${whole(value)}`,
});

/** Bodies and bytes. */
export function countDiscarded({ bodies, bytes }: Discarded, { totals }: Books): Count {
  const { acknowledged } = totals.inserts;
  const agrees = bodies === acknowledged && bytes === totals.bytes.sent;
  const disagreement = agrees
    ? undefined
    : `${whole(acknowledged)} inserts of ${whole(totals.bytes.sent)} bytes were sent, the endpoint counted ${whole(bodies)} of ${whole(bytes)}`;
  return { kind: "counted", counted: { value: bodies, noun: "body", by: "endpoint", disagreement } };
}

/**
 * Rows this user has inserted since the server started, wherever; undefined where he may not ask. Not system.events: there
 * the server counts what it writes into its own logs as well.
 */
export async function insertedRows(endpoint: Endpoint): Promise<number | undefined> {
  const sql = "SELECT ProfileEvents['InsertedRows'] AS inserted FROM system.user_processes WHERE user = currentUser()";
  try {
    return countOf((await query(endpoint, sql))[0], "inserted");
  } catch {
    return undefined;
  }
}

/** Of an engine that keeps no rows, or makes one of several; `before`: of insertedRows before the rung. */
export async function countInserted(
  endpoint: Endpoint,
  before: number | undefined,
  asyncInsert: boolean,
  { totals }: Books,
): Promise<Count> {
  if (asyncInsert) return { kind: "none", why: "with --async-insert the server counts flushes, not inserts" };
  const after = before === undefined ? undefined : await insertedRows(endpoint);
  if (before === undefined || after === undefined) {
    return { kind: "none", why: "this user may not read system.user_processes" };
  }
  return { kind: "counted", counted: rows("InsertedRows", after - before, totals.acknowledged) };
}

/** count() of the copy, and the ledger of its rows. */
export async function countLanded(target: Target, runId: string, { totals, claim }: Books): Promise<Count> {
  const ledger = await readLedger(target, { runId, ...claim }, 0).catch((error: unknown) => {
    if (error instanceof UncountedError) return error;
    throw error;
  });
  if (ledger instanceof UncountedError) return { kind: "none", why: ledger.message };
  const counted = rows("count()", await countRows(target), totals.acknowledged);
  const note = target.expires ? "; the table has a TTL, which removes old rows" : "";
  if (counted.disagreement !== undefined) {
    return { kind: "counted", counted: { ...counted, disagreement: `${counted.disagreement}${note}` } };
  }
  const { lost, duplicated, problems } = ledger;
  const disagreement = lost + duplicated === 0 ? problems[0] : `the ledger says ${lost} lost, ${duplicated} duplicated`;
  return { kind: "counted", counted: { ...counted, disagreement } };
}

/** Whether rows stay in the table, one by one. */
export const keepsRows = (target: Target): boolean => whyUnverifiable(target) === undefined;
