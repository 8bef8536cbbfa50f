// From raw flags, environment and config file to LadderOptions, or every problem at once. Pure. Called by cli.ts. What a
// flag of `run` means is left to `run`.

import { resolveBorrowed } from "../borrowed-options.js";
import type { Config } from "../config.js";
import { LADDER_FLAGS } from "../flags.js";
import { formatOf, type Options, OptionsError } from "../options.js";
import { MS, type Span } from "../quantities.js";
import { type Environment, type FileText, type RawFlags, Reader } from "../reader.js";
import type { Format } from "../rows/program.js";

/** What `ladder` is asked to do. */
export interface LadderOptions {
  /** Of every rung, but for its format and table: a closed loop for warm-up and window together. */
  readonly run: Options;
  /** Undefined: all that can carry the table. */
  readonly formats: readonly Format[] | undefined;
  readonly warmUpNs: bigint;
  /** What is measured of each rung, after the warm-up. */
  readonly windowNs: bigint;
  readonly reportFile: string | undefined;
}

const WINDOW: Span = { from: 100n * MS, to: 3_600_000n * MS, text: "from 100ms to 1h" };
const LONGEST_WARM_UP_NS = 1000n * MS;
/** Those of the same name in a config file, or in the seed's variables, are those of `run`. */
const OWN: ReadonlySet<string> = new Set(["duration", "format", "report"]);
/** What a ladder decides on by itself. */
const DECIDED = { rate: "max", "no-metrics": "true", "no-traces": "true" } as const;

/** `config` and `files`: as for `run`. Throws an OptionsError with every problem at once. */
export function resolveLadder(
  raw: RawFlags,
  environment: Environment,
  config?: Config,
  files?: ReadonlyMap<string, FileText>,
): LadderOptions {
  const reader = new Reader(LADDER_FLAGS, raw, environment, undefined, files);
  const windowNs = reader.duration("duration", WINDOW);
  const formats = readFormats(reader);
  const reportFile = reader.word("report", "a file name");
  const run = resolveBorrowed(reader, OWN, DECIDED, config);
  if (run === undefined || reader.problems.length > 0) throw new OptionsError(reader.problems);
  const warmUpNs = windowNs < LONGEST_WARM_UP_NS ? windowNs : LONGEST_WARM_UP_NS;
  return { run: { ...run, durationNs: warmUpNs + windowNs }, formats, warmUpNs, windowNs, reportFile };
}

function readFormats(reader: Reader): readonly Format[] | undefined {
  if (!reader.isGiven("format")) return undefined;
  const formats = reader
    .texts("format")
    .values.flatMap((text) => text.split(","))
    .map((word) => formatOf(reader, word.trim()));
  return [...new Set(formats.filter((format) => format !== undefined))];
}
