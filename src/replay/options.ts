// What is asked of --replay, and which options make no sense beside it. Pure. Called by ../options.ts.

import type { Reader } from "../reader.js";
import type { Rules } from "../rows/rule.js";
import { MOST_WINDOW_MIB } from "./zstd-frame.js";

/** Rows from a file. */
export interface ReplayOptions {
  readonly file: string;
  /** The run ends with the file, which is gone through again and again otherwise. */
  readonly once: boolean;
  /** The column that gets the rows' times in the schedule; undefined: none. */
  readonly timeColumn: string | undefined;
  /** No frame of a zstd file may need a larger one. */
  readonly zstdWindowBytes: number;
}

const MIB = 2 ** 20;
/** What every encoder keeps to that is not told to go further (RFC 8878, 3.1.1.1.2): zstd -19, but not --ultra or --long. */
const WINDOW_MIB = 8;

/** Undefined: rows are generated. Adds to the reader's problems. */
export function readReplay(reader: Reader, rules: Rules): ReplayOptions | undefined {
  const file = reader.word("replay", "a file name");
  const once = reader.switch("replay-once");
  const timeColumn = reader.word("replay-time", "the name of a column");
  const windowMib = reader.integer("replay-zstd-window", WINDOW_MIB, MOST_WINDOW_MIB, WINDOW_MIB);
  if (reader.isGiven("replay")) {
    refuseOthers(reader, rules, timeColumn);
    return file === undefined ? undefined : { file, once, timeColumn, zstdWindowBytes: windowMib * MIB };
  }
  for (const [name, isGiven] of [
    ["replay-once", once],
    ["replay-time", timeColumn !== undefined],
    ["replay-zstd-window", reader.isGiven("replay-zstd-window")],
  ] as const) {
    if (isGiven) reader.problem(`${reader.label(name)} needs --replay, which names the file`);
  }
  return undefined;
}

function refuseOthers(reader: Reader, rules: Rules, timeColumn: string | undefined): void {
  const label = reader.label("replay");
  const refuse = (what: string, why: string): void => reader.problem(`${what} cannot be used with ${label}: ${why}`);
  const isDrawn = reader.text("arrivals").value === "poisson";
  if (reader.areTogether("replay", "seed") && !isDrawn)
    refuse(reader.label("seed"), "nothing is drawn, the rows are in the file");
  for (const name of ["data-start", "data-span"]) {
    if (timeColumn !== undefined || !reader.areTogether("replay", name)) continue;
    refuse(reader.label(name), "its rows keep their times, unless --replay-time names a column");
  }
  const format = reader.text("format");
  if (reader.isGiven("format") && format.value?.toLowerCase() !== "jsoneachrow") {
    refuse(`${format.label} ${format.value}`, "its lines are sent as they are, in JSONEachRow");
  }
  const places = [
    ...[...rules.columns.values()].map(({ at }) => at),
    ...rules.omitted.values(),
    ...rules.together.map(({ at }) => at),
  ];
  for (const at of places) refuse(at, "the rows are in the file");
}
