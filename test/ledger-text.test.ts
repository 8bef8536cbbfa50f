// What the summary says of the ledger: nothing more than its line where all is well, and a sentence for each thing that is not.

import { expect } from "chai";
import type { LedgerJson, Report } from "../src/report/schema.js";
import { isIncomplete, toText } from "../src/report/text.js";
import { unwrapped } from "./support/cli.js";
import { madeReport, steadyInserts } from "./support/reports.js";

const MAKING = { durationS: 10, warmupS: 0, rowsPerS: 1000, shard: null };
/** 100 batches of 100 rows, all acknowledged. */
const WHOLE = madeReport(
  steadyInserts(10, 10, () => 5),
  MAKING,
);

function ledgerLines(more: Partial<LedgerJson>, rows: Partial<Report["rows"]> = {}): string {
  if (WHOLE.ledger === null) throw new Error("there is a ledger");
  const report = { ...WHOLE, rows: { ...WHOLE.rows, ...rows }, ledger: { ...WHOLE.ledger, ...more } };
  return unwrapped(toText(report).slice(toText(report).indexOf("  ledger ")));
}

const LINE = "scheduled 10,000, acknowledged 10,000, landed 10,000, lost 0, duplicated 0";

describe("the summary's ledger", () => {
  it("all 100 batches whole: one sentence", () => {
    expect(ledgerLines({})).to.equal(`  ledger     ${LINE}\n`);
    expect(isIncomplete(WHOLE)).to.equal(false);
  });

  const [acknowledged] = WHOLE.ledger?.batches ?? [];
  if (acknowledged === undefined) throw new Error("there are acknowledged batches");
  const cases: readonly (readonly [Partial<LedgerJson>, string])[] = [
    [
      { batches: [{ ...acknowledged, whole: 95, partial: 2, missing: 1, duplicated: 2 }] },
      "acknowledged batches 100: 95 whole, 2 partial, 1 missing, 2 duplicated",
    ],
    [{ unknown_landed: 150, unknown_missing: 50 }, "unknown 200 rows: 150 landed, 50 did not"],
    [{ failed_landed: 1 }, "failed, and landed all the same: 1 row the server said it does not have"],
    [{ never_sent: 3 }, "never sent, and there all the same: 3 rows, counted as duplicated"],
  ];
  for (const [more, sentence] of cases) {
    it(sentence, () => {
      expect(ledgerLines(more)).to.equal(`  ledger     ${LINE} ${sentence}\n`);
    });
  }

  it("rows without an answer make the run incomplete, also when all of them have landed", () => {
    expect(isIncomplete({ ...WHOLE, rows: { ...WHOLE.rows, unknown: 100 } })).to.equal(true);
  });
});
