// The options of `run` that another command has too, and that mean the same there. Pure. Called by the options.ts of ladder
// and max.

import type { Config } from "./config.js";
import { variableOf } from "./flags.js";
import { type Options, OptionsError, resolveRun } from "./options.js";
import type { Reader } from "./reader.js";

/**
 * Of what the reader has, all flags but `own`; a name in a config file, or a variable of the seed, is that of `run`.
 * `decided` is what the command decides on by itself. Undefined where there are problems, which the reader then has.
 */
export function resolveBorrowed(
  reader: Reader,
  own: ReadonlySet<string>,
  decided: Readonly<Record<string, string>>,
  config: Config | undefined,
): Options | undefined {
  const borrowed = reader.flags.filter(({ name }) => !own.has(name));
  const names = new Set(borrowed.map(({ name }) => name));
  const variables = new Set(borrowed.flatMap((flag) => [variableOf(flag), flag.variable ?? ""]));
  const only = <T>(given: Readonly<Record<string, T>>, wanted: ReadonlySet<string>): Record<string, T> =>
    Object.fromEntries(Object.entries(given).filter(([name]) => wanted.has(name)));
  try {
    return resolveRun(
      { ...only(reader.raw, names), ...decided },
      only(reader.environment, variables),
      config && { ...config, options: only(config.options, names) },
      reader.files,
    );
  } catch (error) {
    if (!(error instanceof OptionsError)) throw error;
    for (const problem of error.problems) reader.problem(problem);
    return undefined;
  }
}
