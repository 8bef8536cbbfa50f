// --ledger and --quorum: from what was given to what is asked for, or what is wrong with it. Pure. Called by options.ts, and by
// run.ts once the table is known.

import { resolve } from "node:path";
import { parseInteger } from "./quantities.js";
import type { Reader } from "./reader.js";

/** The file that batches are written to; undefined: none. */
export function readLedgerFile(reader: Reader): string | undefined {
  const file = reader.word("ledger", "a file name");
  for (const name of ["blind", "no-verify"]) reader.exclude(name, "ledger", "nobody asks the server for its rows");
  const report = reader.text("report").value;
  if (file !== undefined && report !== undefined && resolve(file) === resolve(report)) {
    reader.problem(
      `${reader.label("ledger")} must be another file than ${reader.label("report")}, got ${file} for both`,
    );
  }
  return reader.switch("blind") || reader.switch("no-verify") ? undefined : file;
}

/** Why batches cannot be told apart, as a problem; none: they can, or nobody wants them. */
export function unlisted(file: string | undefined, why: string | undefined): readonly string[] {
  return file === undefined || why === undefined ? [] : [`--ledger ${file} cannot be written: ${why}`];
}

/** So many replicas, or most of them; undefined: as the server has it. */
export type Quorum = number | "auto";

const MOST_REPLICAS = 1000;

/** @param settings of each insert that are asked for */
export function readQuorum(reader: Reader, settings: Readonly<Record<string, string>>): Quorum | undefined {
  const quorum = reader.value("quorum", `an integer from 2 to ${MOST_REPLICAS}, or auto`, undefined, (text) =>
    text === "auto" ? text : parseInteger(text, 2, MOST_REPLICAS),
  );
  if (quorum !== undefined && "insert_quorum" in settings) {
    reader.problem(`${reader.label("setting")} sets insert_quorum, and so does ${reader.label("quorum")}`);
  }
  return quorum;
}
