// How often a run is repeated, and against what (--repeat, --against). Pure: read by options.ts.

import { quotedUrl } from "../quoted.js";
import type { Reader } from "../reader.js";

export interface RepeatOptions {
  /** Runs of each side. */
  readonly times: number;
  /** The URL or the config file of the other side, as it was given; undefined: there is none. */
  readonly against: string | undefined;
}

const MOST = 100;
/** So many a side tell small differences (docs/compare.md). */
const SIDE = 5;
/** What run ids are lengthened by at most: `-against-100`. */
const SUFFIX = 12;
const LONGEST_ID = 64;

export const isUrl = (against: string): boolean => /^https?:\/\//i.test(against);

/** With a scheme that is none of ours, or with a login: hardly the name of a file, which would be told, but perhaps with a password. */
const isNoFile = (against: string): boolean => !isUrl(against) && /:\/\/|\w\w:\/|:.*@/s.test(against);

/** Undefined: one run, once. */
export function readRepeat(reader: Reader): RepeatOptions | undefined {
  const against = reader.word("against", "a URL or the name of a YAML file");
  const times = reader.isGiven("repeat") ? reader.integer("repeat", 1, MOST, 1) : against === undefined ? 1 : SIDE;
  if (against === undefined && !reader.isGiven("repeat")) return undefined;
  const label = reader.label(against === undefined ? "repeat" : "against");
  if (against !== undefined && isNoFile(against)) {
    reader.problem(
      `${label} must be a URL such as http://localhost:8123 or the name of a YAML file, got ${quotedUrl(against)}`,
    );
  }
  const refuse = (name: string, why: string): void =>
    reader.problem(`${reader.label(name)} cannot be used with ${label}: ${why}`);
  if (reader.isGiven("shard")) refuse("shard", "the shards of a run start together, once");
  if (reader.isGiven("start-at")) refuse("start-at", "only one of the runs could begin then");
  if (against !== undefined && isUrl(against) && reader.switch("embedded")) {
    refuse("embedded", "the base would be another kind of server; give it a --clickhouse-url, too");
  }
  if (against !== undefined && !reader.isGiven("report")) {
    reader.problem(`${label} needs --report: the two sides are compared by their reports`);
  }
  const id = reader.text("run-id").value ?? "";
  if (id.length > LONGEST_ID - SUFFIX && id.length <= LONGEST_ID) {
    reader.problem(
      `${reader.label("run-id")} must have at most ${LONGEST_ID - SUFFIX} characters with ${label}, got ${id.length}: each run has its number behind it`,
    );
  }
  return { times, against };
}
