// The options that say what becomes of a load of which something fails: retries, and when it is not worth going on. Pure. Called
// by options.ts.

import type { Options } from "./options.js";
import { SPANS } from "./quantities.js";
import type { Reader } from "./reader.js";

type RetryOptions = Pick<Options, "retries" | "retryForNs" | "retryAmbiguous" | "maxFailures" | "goesOnAfterCrash">;

const MOST_RETRIES = 1000;

export function readRetries(reader: Reader): RetryOptions {
  const retries = reader.integer("retries", 0, MOST_RETRIES, 0);
  for (const name of ["retry-for", "retry-ambiguous"]) {
    if (retries > 0 || !reader.isGiven(name) || reader.source("retries") !== undefined) continue;
    reader.problem(`${reader.label(name)} needs --retries: without, nothing is sent again`);
  }
  return {
    retries,
    retryForNs: reader.duration("retry-for", SPANS.retryFor),
    retryAmbiguous: reader.switch("retry-ambiguous"),
    maxFailures: reader.integer("max-failures", 1, Number.MAX_SAFE_INTEGER, undefined),
    goesOnAfterCrash: reader.choice("worker-crash", ["end", "continue"]) === "continue",
  };
}
