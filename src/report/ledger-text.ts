// What the ledger says, in sentences for the summary. Pure. Called by text.ts.

import { whyUnverifiable } from "../target.js";
import { count, whole } from "../text.js";
import type { LedgerJson, Report } from "./schema.js";

/** What is there of the run, or why nobody knows: parts of one sentence, and what is to be said beside. */
export interface LedgerText {
  readonly sent: string;
  readonly found: string;
  readonly notes: readonly string[];
}

export function ledgerText({ rows, ledger, ledger_caveat: caveat }: Report): LedgerText {
  return {
    sent: `scheduled ${whole(rows.scheduled)}, acknowledged ${whole(rows.acknowledged)}`,
    found: `landed ${whole(rows.landed ?? 0)}, lost ${whole(rows.lost ?? 0)}, duplicated ${whole(rows.duplicated ?? 0)}`,
    notes: [...(ledger === null ? [] : batchNotes(ledger)), ...(caveat === null ? [] : [`(${caveat})`])],
  };
}

const STATES = ["whole", "partial", "missing", "duplicated"] as const;

/** Nothing where all is as it should be. */
function batchNotes(ledger: LedgerJson): readonly string[] {
  const { unknown_landed: landed, unknown_missing: missing, failed_landed: failed, never_sent: neverSent } = ledger;
  const acknowledged = ledger.batches.find(({ fate }) => fate === "acknowledged");
  const isOdd = acknowledged !== undefined && acknowledged.whole < acknowledged.batches;
  const states = STATES.filter((state) => acknowledged?.[state]).map(
    (state) => `${whole(acknowledged?.[state] ?? 0)} ${state}`,
  );
  return [
    isOdd && `acknowledged batches ${whole(acknowledged.batches)}: ${states.join(", ")}`,
    landed + missing > 0 &&
      `unknown ${count(landed + missing, "row")}: ${whole(landed)} landed, ${whole(missing)} did not`,
    failed > 0 && `failed, and landed all the same: ${count(failed, "row")} the server said it does not have`,
    neverSent > 0 && `never sent, and there all the same: ${count(neverSent, "row")}, counted as duplicated`,
  ].filter((note) => typeof note === "string");
}

/** Why rows were not looked for. */
export function whyNoLedger({ options, server, shards, ledger_caveat: caveat }: Report): string {
  if (options.blind) return "none: --blind asks nothing";
  if (!options.verify) return "none: --no-verify";
  if (caveat !== null) return `none: ${caveat}`;
  const names = server.table.columns.map(({ name }) => name);
  const ledgerColumns = names.includes("run_id") && names.includes("seq");
  const isShard = options.shard !== null || shards !== undefined;
  const table = { engine: server.table.engine ?? undefined, ledgerColumns, whyUncounted: undefined };
  const why = whyUnverifiable(table, isShard);
  return why === undefined ? "could not be read" : `none: ${why}`;
}
