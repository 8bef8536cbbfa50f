// What a run at its limit is a statement about: format and engine decide which part of the server has the most to do.
// Called by run.ts and report/. Measured: bench/README.md.

import type { Format } from "./rows/program.js";
import type { Target } from "./target.js";

export interface Ceiling {
  /** For the report and the live line. */
  readonly name: string;
  /** For the summary. */
  readonly sentence: string;
}

const READERS: Readonly<Record<Format, string>> = {
  JSONEachRow: "parser",
  JSONCompactEachRow: "parser",
  RowBinary: "row reader",
  Native: "block reader",
};

/** Undefined where nothing is known of what takes the rows (--blind). */
export function ceilingOf(format: Format, { engine }: Pick<Target, "engine">): Ceiling | undefined {
  if (engine === undefined) return undefined;
  const reader = READERS[format];
  if (engine === "Null") {
    return { name: reader, sentence: `the server's ${reader}, as an engine of Null stores nothing` };
  }
  // Columns come as they are stored: there is next to nothing to read.
  if (format === "Native") return { name: "storage", sentence: "the server's storage, as Native is hardly parsed" };
  return {
    name: `${reader}+storage`,
    sentence: `the server's ${reader} and its storage; --format Native is about the storage alone`,
  };
}
