// How JSON has a time that is a number, ticks since the epoch, so that every version of ClickHouse reads the same. Pure. Called by
// fit.ts and literal.ts.
//
// Without quotes, ticks of a DateTime64 are what they are up to ClickHouse 26.7; from 26.8 on they are seconds, unless RAW_TICKS is
// set. In quotes all versions read them alike (tried from 24.5 to 26.9), where they can tell them from seconds: as milli-, micro- or
// nanoseconds of a time whose seconds have ten digits.

import type { Type } from "./type.js";

/**
 * quoted: in quotes, wherever it stands. bare: without, even as the key of a map, where other numbers have quotes: it would be read
 * as a text like 20260131. raw: bare, and the server must be told by the setting {@link RAW_TICKS}, where it has it.
 */
export type TickSpelling = "quoted" | "bare" | "raw";

export const RAW_TICKS = "input_format_read_datetime_number_as_raw_value";

/** Seconds of ten digits: from 2001-09-09T01:46:40Z to before 2286-11-20T17:46:40Z. */
const TEN_DIGITS = { from: 1_000_000_000n, end: 10_000_000_000n } as const;
const TOLD_APART: ReadonlySet<number> = new Set([3, 6, 9]);

/** Of times from `lowest` to `highest`, in ticks of the type. */
export function tickSpelling(type: Type, lowest: bigint, highest: bigint): TickSpelling {
  // Ticks that are seconds are read as such by all.
  if (type.kind !== "DateTime" || type.precision === 0) return "bare";
  const second = 10n ** BigInt(type.precision);
  const isToldApart = lowest >= TEN_DIGITS.from * second && highest < TEN_DIGITS.end * second;
  return isToldApart && TOLD_APART.has(type.precision) ? "quoted" : "raw";
}
