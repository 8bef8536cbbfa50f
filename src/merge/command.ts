// `clickstorm merge`: the reports of a run's shards, read, checked, merged, written and shown. Asks no server. Loads zod:
// imported when the command is given.

import { EXIT } from "../exit.js";
import { OptionsError } from "../options.js";
import { judge } from "../report/judge.js";
import { toJson } from "../report/make.js";
import { whyUnwritten } from "../report/place.js";
import { readReports } from "../report/read.js";
import type { Report } from "../report/schema.js";
import { isIncomplete, toText } from "../report/text.js";
import { whyNotOneRun } from "./check.js";
import { mergeReports } from "./merge.js";
import type { MergeOptions } from "./options.js";

/** Returns the exit code. Throws an OptionsError with every reason why these are not the shards of a run. */
export async function merge(
  { files, out }: MergeOptions,
  stdout: NodeJS.WritableStream,
  interrupt: AbortSignal,
): Promise<number> {
  const { reports, problems } = await readReports(files, interrupt);
  const all = [...problems, ...(problems.length === 0 ? whyNotOneRun(reports) : [])];
  if (all.length > 0) throw new OptionsError(all);
  let merged: Report;
  try {
    merged = mergeReports(
      reports.map(({ report }) => report),
      judge,
    );
  } catch (error) {
    if (error instanceof RangeError)
      throw new OptionsError([`a histogram of a series cannot be read: ${error.message}`]);
    throw error;
  }
  const unwritten = await whyUnwritten("--out", out, () => toJson(merged));
  if (unwritten !== undefined) throw new OptionsError([unwritten]);
  stdout.write(toText(merged));
  // Of a run that was cut short rows are missing that no report knows of.
  if (isIncomplete(merged) || merged.interrupted) return EXIT.incomplete;
  if (merged.thresholds.some(({ passed }) => !passed)) return EXIT.crossed;
  return merged.options.strict && merged.thresholds.some(({ unjudged }) => unjudged !== null)
    ? EXIT.unjudged
    : EXIT.done;
}
