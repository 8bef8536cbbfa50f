// `clickstorm compare`: reports of two sides, read, compared and shown. Asks no server, writes no file. Loads zod: imported when
// the command is given.

import { EXIT } from "../exit.js";
import { OptionsError } from "../options.js";
import { type Named, readReports } from "../report/read.js";
import { compareReports } from "./compare.js";
import { outcomeOf } from "./gate.js";
import type { CompareOptions } from "./options.js";
import { toMarkdown, toTable } from "./table.js";

/** Returns the exit code. Throws an OptionsError where a file is no report. */
export async function compare(
  options: CompareOptions,
  out: NodeJS.WritableStream,
  interrupt?: AbortSignal,
): Promise<number> {
  const base = await readReports(options.base, interrupt);
  const other = await readReports(options.new, interrupt);
  const problems = [...base.problems, ...other.problems];
  if (problems.length > 0) throw new OptionsError(problems);
  return tell(base.reports, other.reports, options, out);
}

function tell(
  base: readonly Named[],
  other: readonly Named[],
  { markdown, demands, strict }: CompareOptions,
  out: NodeJS.WritableStream,
): number {
  const comparison = compareReports(base, other);
  out.write(markdown ? toMarkdown(comparison, demands) : toTable(comparison, demands));
  const kinds = demands.map((demand) => outcomeOf(demand, comparison.changes).kind);
  if (kinds.includes("crossed")) return EXIT.crossed;
  return strict && kinds.includes("unjudged") ? EXIT.unjudged : EXIT.done;
}
