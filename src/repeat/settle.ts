// Lets a server come to rest between two runs: merges of the table catch up with what the last one left. Main thread; asks the
// server, and changes nothing there but to create the table that run would create.

import { addressed } from "../addresses.js";
import { fullName } from "../asked.js";
import { PartsWatch } from "../max/parts.js";
import type { Options } from "../options.js";
import { ServerError } from "../server.js";
import { prepareTarget } from "../target.js";

/** Longer nobody waits, whatever merges do. */
const LIMIT_MS = 120_000;

export interface Settling {
  /** Undefined: it came to rest. Else a sentence. */
  settled(interrupt: AbortSignal): Promise<string | undefined>;
}

/**
 * Looks at the table as it is before the first run: that is rest. Undefined: there is nothing to wait for, as each run has a server of its
 * own, or nothing may be asked. Throws as prepareTarget does.
 */
export async function settlingOf(
  options: Options,
  interrupt: AbortSignal,
  say: (sentence: string) => void,
): Promise<Settling | undefined> {
  if (options.embedded || options.blind) return undefined;
  const endpoints = await addressed(options, () => undefined);
  // The run id is looked for by the run that has it.
  const asked = { ...options, runIdGiven: false, verify: false };
  const target = await prepareTarget(endpoints, asked, { signal: interrupt, onSlow: say });
  const watch = await PartsWatch.open(target);
  if (typeof watch === "string") {
    say(`note: runs follow each other at once, as parts are not watched: ${watch}`);
    return undefined;
  }
  return {
    settled: async (interrupt) => {
      try {
        if (await watch.recovered(LIMIT_MS, interrupt)) return undefined;
        return `merges of ${fullName(target)} have not caught up within ${LIMIT_MS / 1000} s: the next run begins with that backlog`;
      } catch (error) {
        // What is gone is told by the run that comes next.
        if (!(error instanceof ServerError)) throw error;
        return `parts of ${fullName(target)} cannot be read: ${error.message}`;
      }
    },
  };
}
