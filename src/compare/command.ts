// `clickstorm compare`: two reports, read, compared and shown. Asks no server, writes no file. Loads zod: imported when the
// command is given.

import { EXIT } from "../exit.js";
import { OptionsError } from "../options.js";
import { readReports } from "../report/read.js";
import { compareReports, isKept } from "./compare.js";
import type { CompareOptions } from "./options.js";
import { toMarkdown, toTable } from "./table.js";

/** Returns the exit code. Throws an OptionsError where a file is no report. */
export async function compare(
  options: CompareOptions,
  out: NodeJS.WritableStream,
  interrupt: AbortSignal,
): Promise<number> {
  const { reports, problems } = await readReports([options.base, options.new], interrupt);
  const [base, other] = reports;
  if (base === undefined || other === undefined) throw new OptionsError(problems);
  const comparison = compareReports(base, other);
  out.write(options.markdown ? toMarkdown(comparison, options.demands) : toTable(comparison, options.demands));
  const kept = options.demands.every((demand) =>
    comparison.changes.some((change) => change.name === demand.name && isKept(demand, change)),
  );
  return kept ? EXIT.done : EXIT.crossed;
}
