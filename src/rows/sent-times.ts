// What times the rows of a run have, column by column, as its rules and its schedule say: what the ledger compares with what it
// reads back. Pure. Columns inside others (arrays, maps, tuples, JSON) are left out.

import { highest, lowest } from "./cells.js";
import type { TimeSpan } from "./fit.js";
import { parseType, type Type, UnknownTypeError } from "./type.js";
import { boundsOf, type Column, type Draw, type Literal, type Value } from "./value.js";

export type TimeType = Extract<Type, { readonly kind: "Date" | "DateTime" }>;

/** A column of a date or time type, and what it is sent with. */
export interface SentColumn {
  readonly name: string;
  readonly type: TimeType;
  readonly times: Times;
}

/**
 * rows: the row's time, less a delay from `least` to `most`; `always`: each row has one. rules: whatever the rules draw, in units of the
 * type (days, seconds, ticks).
 */
export type Times =
  | { readonly kind: "rows"; readonly leastNs: bigint; readonly mostNs: bigint; readonly always: boolean }
  | { readonly kind: "rules"; readonly lowest: bigint; readonly highest: bigint };

const DAY_NS = 86_400_000_000_000n;

/** Nanoseconds of a unit of the type. */
export const unitNs = (type: TimeType): bigint => (type.kind === "Date" ? DAY_NS : 10n ** BigInt(9 - type.precision));

/** Whole units, rounded down, of a time since the epoch. */
export function unitsAt(type: TimeType, ns: bigint): bigint {
  const unit = unitNs(type);
  const units = ns / unit;
  return ns < units * unit ? units - 1n : units;
}

/** The type without Nullable and LowCardinality, and as it is spelled; undefined where it is no date or time. */
export function timeType(text: string): { readonly text: string; readonly type: TimeType } | undefined {
  const inner = /^(?:Nullable|LowCardinality)\((.*)\)$/s.exec(text)?.[1];
  if (inner !== undefined) return timeType(inner);
  try {
    const type = parseType(text);
    return type.kind === "Date" || type.kind === "DateTime" ? { text, type } : undefined;
  } catch (error) {
    if (error instanceof UnknownTypeError) return undefined;
    throw error;
  }
}

export function sentColumnsOf(columns: readonly Column[]): readonly SentColumn[] {
  return columns.flatMap(({ name, type: text, value }) => {
    const bare = timeType(text);
    const times = bare && timesOf(value);
    return bare === undefined || times === undefined ? [] : [{ name, type: bare.type, times }];
  });
}

/** Undefined: nothing is known, or all is NULL. */
function timesOf(value: Value): Times | undefined {
  switch (value.kind) {
    case "nullable": {
      const times = timesOf(value.value);
      return times?.kind === "rows" ? { ...times, always: false } : times;
    }
    case "keyed":
      return timesOf(value.value);
    case "number":
    case "date":
      return timesOfDraw(value.draw);
    case "constant":
      return timesOfLiterals([value.literal]);
    case "choice":
      return timesOfLiterals(value.options);
    default:
      return undefined;
  }
}

function timesOfDraw(draw: Draw): Times {
  if (draw.kind !== "row-time") return { kind: "rules", ...boundsOf(draw) };
  const { delayNs } = draw;
  if (delayNs === undefined) return { kind: "rows", leastNs: 0n, mostNs: 0n, always: true };
  return { kind: "rows", leastNs: lowest(delayNs), mostNs: highest(delayNs), always: true };
}

function timesOfLiterals(literals: readonly Literal[]): Times | undefined {
  const units = literals.flatMap((literal) => {
    if (literal.kind === "number") return [literal.units];
    return literal.kind === "date" ? [BigInt(literal.day)] : [];
  });
  const [first, ...others] = units;
  if (first === undefined) return undefined;
  return {
    kind: "rules",
    lowest: others.reduce((least, one) => (one < least ? one : least), first),
    highest: others.reduce((most, one) => (one > most ? one : most), first),
  };
}

/** The earliest and the latest that a row of a run can have whose rows have the times of `span`, in units of the type. */
export function rangeOf({ type, times }: SentColumn, { fromNs, toNs }: TimeSpan): { from: bigint; to: bigint } {
  if (times.kind === "rules") return { from: times.lowest, to: times.highest };
  return { from: unitsAt(type, fromNs - times.mostNs), to: unitsAt(type, toNs - times.leastNs) };
}
