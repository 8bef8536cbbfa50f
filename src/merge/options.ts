// What `merge` is asked to do, from raw flags, environment and files. Pure but for a look at where --out goes.

import { resolve } from "node:path";
import { MERGE_FLAGS } from "../flags.js";
import { OptionsError } from "../options.js";
import { type Environment, type RawFlags, Reader } from "../reader.js";
import { areOne, whyUnwritable } from "../report/place.js";

export interface MergeOptions {
  /** One at least: of a run in one shard there is but one. */
  readonly files: readonly string[];
  readonly out: string;
}

/** Throws an OptionsError with every problem at once. */
export function resolveMerge(raw: RawFlags, environment: Environment, files: readonly string[]): MergeOptions {
  const reader = new Reader(MERGE_FLAGS, raw, environment);
  if (files.length === 0) reader.problem("merge takes the reports of all shards of a run, one or more files, got none");
  const out = reader.word("out", "a file name");
  const label = reader.label("out");
  if (out === undefined) {
    if (!reader.isGiven("out")) reader.problem("--out is missing: the file the merged report is written to");
  } else if (files.some((file) => resolve(file) === resolve(out) || areOne(file, out))) {
    reader.problem(`${label} is ${out}, which is one of the reports to merge: name another file`);
  } else {
    const why = whyUnwritable(label, out);
    if (why !== undefined) reader.problem(why);
  }
  if (reader.problems.length > 0) throw new OptionsError(reader.problems);
  return { files, out: out ?? "" };
}
