// From raw flags, environment and config file to MaxOptions, or every problem at once. Pure. Called by cli.ts. What a flag
// of `run` means is left to `run`.

import { resolveBorrowed } from "../borrowed-options.js";
import type { Config } from "../config.js";
import { MAX_FLAGS } from "../flags.js";
import { type Options, OptionsError } from "../options.js";
import { MS, parseRate, parseShare, SPANS, type Span } from "../quantities.js";
import { type Environment, type FileText, type RawFlags, Reader } from "../reader.js";
import { ratioOf } from "../schedule.js";
import { timespan } from "../text.js";
import { BETWEEN_NS } from "./pace.js";
import { type Bounds, LOWEST_RATE } from "./search.js";

/** What `max` is asked to do. */
export interface MaxOptions {
  /** Of every hold, but for its rate. */
  readonly run: Options;
  readonly bounds: Bounds;
  /** How long a rate is held, without the warm-up. */
  readonly stepNs: bigint;
  /** A hold with a higher p99 fails; undefined: none does for that. */
  readonly p99Ms: number | undefined;
  /** No hold begins that would not be over by then; undefined: it takes what it takes. */
  readonly budgetNs: bigint | undefined;
  /** Rows go into a copy of the table, with its materialized views. */
  readonly scratch: boolean;
  readonly reportFile: string | undefined;
}

const STEP: Span = { from: 1000n * MS, to: 86_400_000n * MS, text: "from 1s to 24h" };
const LONGEST_WARM_UP_NS = 2000n * MS;
/** Batches that are behind at the end of a hold may still be sent for so long: what is in time is not to be cut off. */
const DRAIN_NS = 1000n * MS;
/** A hold is looked at in thirds, and each is to have a batch. */
const THIRDS = 3n;
const FINEST = 0.001;

const OWN: ReadonlySet<string> = new Set(["from", "to", "step", "precision", "p99", "budget", "scratch", "report"]);
/** What max decides on by itself, hold by hold. */
const DECIDED = { rate: "1", "no-metrics": "true", "no-traces": "true", "no-verify": "true" } as const;

/** `config` and `files`: as for `run`. Throws an OptionsError with every problem at once. */
export function resolveMax(
  raw: RawFlags,
  environment: Environment,
  config?: Config,
  files?: ReadonlyMap<string, FileText>,
): MaxOptions {
  const reader = new Reader(MAX_FLAGS, raw, environment, undefined, files);
  const bounds = readBounds(reader);
  const stepNs = reader.duration("step", STEP);
  const p99Ns = readP99(reader);
  const problems = reader.problems.length;
  const budgetNs = reader.text("budget").value === undefined ? undefined : reader.duration("budget", STEP);
  const isReadable = reader.problems.length === problems;
  const scratch = reader.switch("scratch");
  if (scratch && reader.switch("blind")) {
    reader.problem(
      `${reader.label("scratch")} cannot be used with ${reader.label("blind")}: a copy is made by asking the server`,
    );
  }
  const reportFile = reader.word("report", "a file name");
  const run = resolveBorrowed(reader, OWN, DECIDED, config);
  if (run !== undefined && stepNs < THIRDS * run.flushNs) {
    reader.problem(
      `${reader.label("step")} must be at least three times ${reader.label("flush-interval")}: each third of a hold is to have a batch`,
    );
  }
  const warmUpNs = stepNs / 5n < LONGEST_WARM_UP_NS ? stepNs / 5n : LONGEST_WARM_UP_NS;
  const leastNs = warmUpNs + stepNs + BigInt(BETWEEN_NS);
  if (budgetNs !== undefined && isReadable && budgetNs < leastNs) {
    reader.problem(
      `${reader.label("budget")} must have room for a hold of ${reader.label("step")}: at least ${timespan(leastNs)}`,
    );
  }
  if (run === undefined || reader.problems.length > 0) throw new OptionsError(reader.problems);
  return {
    run: { ...run, warmUpNs, durationNs: warmUpNs + stepNs, drainNs: DRAIN_NS },
    bounds,
    stepNs,
    p99Ms: p99Ns === undefined ? undefined : Number(p99Ns) / 1e6,
    budgetNs,
    scratch,
    reportFile,
  };
}

/** A number alone would be seconds, and most mean milliseconds. */
function readP99(reader: Reader): bigint | undefined {
  const { label, value } = reader.text("p99");
  if (value === undefined) return undefined;
  if (!/^[\d.]+$/.test(value)) return reader.duration("p99", SPANS.timeout);
  reader.problem(`${label} needs a unit, such as ${value}ms or ${value}s, got ${value}`);
  return undefined;
}

function readBounds(reader: Reader): Bounds {
  const rate = (name: string): number =>
    reader.value(name, "rows per second from 1 up to 1000M, such as 500, 10k or 1.5M", LOWEST_RATE, (text) => {
      const ratio = parseRate(text);
      if (ratio === undefined || ratio === "max") return undefined;
      const value = ratioOf(ratio);
      return value >= LOWEST_RATE ? value : undefined;
    });
  const [from, to] = [rate("from"), rate("to")];
  if (from > to) reader.problem(`${reader.label("from")} must be at most ${reader.label("to")}`);
  const precision = reader.value("precision", "a percentage from 0.1% up and below 100%, such as 5%", 1, (text) => {
    const share = parseShare(text);
    return share !== undefined && share >= FINEST ? share : undefined;
  });
  return { from, to, precision };
}
