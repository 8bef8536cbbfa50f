// What a column's values are, resolved: the type and the rule in one tree whose leaves say where each number comes from.
// No format appears here: program.ts writes the tree as JSON, others may write it otherwise. Shapes alone; fit.ts makes them.
//
// Every leaf has a stream, the path it draws from: col, col[] (an element), col.name (of a tuple), col#length, col#null.
// A leaf's value is a function of seed, stream and state, the state being that of the row, of the element, or of the
// thing of a set (keyed) in which it stands. So no leaf depends on another, nor on the order of rendering.

import { type Cells, highest, lowest } from "./cells.js";
import type { TickSpelling } from "./ticks.js";
import type { Type } from "./type.js";

/**
 * Where a whole number comes from. Cells no longer tell which law made them: `law` says it in the words of the config file
 * and the units of the column, for people (explain.ts) and for nothing else.
 */
export type Draw =
  /** from + a number below count (up to 2^64), each as likely. */
  | { readonly kind: "uniform"; readonly from: bigint; readonly count: bigint }
  | { readonly kind: "cells"; readonly cells: Cells; readonly law?: string }
  /** from + step * (row modulo count); a count of 0 has no end. */
  | { readonly kind: "sequence"; readonly from: bigint; readonly step: bigint; readonly count: bigint }
  /** The row's time, less a delay in nanoseconds, in ticks of so many nanoseconds since the epoch, rounded down. */
  | {
      readonly kind: "row-time";
      readonly tickNs: bigint;
      readonly delayNs: Cells | undefined;
      /** Inside the keys of a map, in place of a delay: fewer ticks than that before it, other ones in one map. */
      readonly back?: bigint;
      readonly law?: string;
    }
  /** Inside keyed: from `count` numbers, another one for each of the first `of` keys; of <= count. */
  | { readonly kind: "spread"; readonly from: bigint; readonly count: bigint; readonly of: bigint }
  /** Inside the keys of a map: other numbers in one map, as long as it has no more than `count` elements. */
  | { readonly kind: "shuffled"; readonly from: bigint; readonly count: bigint };

/** A value written in a rule, fit for its type. */
export type Literal =
  | { readonly kind: "null" }
  | { readonly kind: "bool"; readonly value: boolean }
  /** units / 10^decimals; `spelling`: as below. */
  | { readonly kind: "number"; readonly units: bigint; readonly decimals: number; readonly spelling?: TickSpelling }
  | { readonly kind: "float"; readonly value: number }
  | { readonly kind: "text"; readonly text: string }
  /** Days since 1970-01-01. */
  | { readonly kind: "date"; readonly day: number }
  | { readonly kind: "list"; readonly items: readonly Literal[] }
  | { readonly kind: "object"; readonly fields: readonly (readonly [name: string, value: Literal])[] }
  | { readonly kind: "map"; readonly entries: readonly (readonly [key: Literal, value: Literal])[] }
  /** Of a Variant: which of its types it has. */
  | { readonly kind: "variant"; readonly alternative: number; readonly literal: Literal };

/** Of a text made by a pattern. */
export type Part =
  | { readonly kind: "literal"; readonly text: string }
  | { readonly kind: "number"; readonly draw: Draw; readonly stream: string }
  /** The lowest digits of the number drawn, from `fewest` to `most` of them: at most 16. */
  | {
      readonly kind: "hex";
      readonly draw: Draw;
      readonly fewest: number;
      readonly most: number;
      readonly stream: string;
    }
  /** Likewise, of 0-9 A-Z a-z: at most 10. */
  | {
      readonly kind: "base62";
      readonly draw: Draw;
      readonly fewest: number;
      readonly most: number;
      readonly stream: string;
    }
  | { readonly kind: "uuid"; readonly stream: string }
  /** So many words (words.ts) with spaces between. */
  | { readonly kind: "words"; readonly draw: Draw; readonly stream: string }
  /** The text whose number is drawn. */
  | { readonly kind: "one-of"; readonly texts: readonly string[]; readonly draw: Draw; readonly stream: string };

export type Value =
  | { readonly kind: "constant"; readonly literal: Literal }
  /** The option whose number is drawn. */
  | { readonly kind: "choice"; readonly options: readonly Literal[]; readonly draw: Draw; readonly stream: string }
  /** The number drawn / 10^decimals. */
  | {
      readonly kind: "number";
      readonly draw: Draw;
      readonly decimals: number;
      readonly stream: string;
      /** Of a time. */
      readonly spelling?: TickSpelling;
      /** The decimals are those of the rule; for people (explain.ts). */
      readonly rounded?: boolean;
    }
  /** A whole number of up to so many random decimal digits, beyond 64 bits. */
  | { readonly kind: "digits"; readonly digits: number; readonly stream: string }
  /** The day drawn, since 1970-01-01. */
  | { readonly kind: "date"; readonly draw: Draw; readonly stream: string }
  | { readonly kind: "text"; readonly parts: readonly Part[] }
  | { readonly kind: "uuid"; readonly stream: string }
  | { readonly kind: "ipv4"; readonly draw: Draw; readonly stream: string }
  /** In 2001:db8::/32, which RFC 3849 keeps for examples. */
  | { readonly kind: "ipv6"; readonly stream: string }
  /** NULL for a share of `ratio`, from 0 to 1. */
  | { readonly kind: "nullable"; readonly ratio: number; readonly value: Value; readonly stream: string }
  | { readonly kind: "array"; readonly length: Draw; readonly lengthStream: string; readonly item: Value }
  | {
      readonly kind: "map";
      readonly length: Draw;
      readonly lengthStream: string;
      readonly key: Value;
      readonly value: Value;
    }
  /** A map that always has these keys. */
  | { readonly kind: "entries"; readonly entries: readonly (readonly [key: Literal, value: Value])[] }
  | { readonly kind: "tuple"; readonly elements: readonly Value[] }
  | { readonly kind: "named-tuple"; readonly elements: readonly (readonly [name: string, value: Value])[] }
  /** Paths of a JSON object, by their steps. */
  | {
      readonly kind: "object";
      readonly paths: readonly (readonly [path: readonly string[], value: Value])[];
      /** One a path, as not all stand in the column's type; for people (explain.ts). */
      readonly types: readonly Type[];
    }
  /** One of several kinds of value, each as likely. */
  | { readonly kind: "variant"; readonly alternatives: readonly Value[]; readonly stream: string }
  /** The thing whose number is drawn, below 2^53: equal numbers give equal values. */
  | { readonly kind: "keyed"; readonly draw: Draw; readonly stream: string; readonly value: Value };

export interface Column {
  readonly name: string;
  /** As ClickHouse spells it. */
  readonly type: string;
  readonly value: Value;
  /** The column whose value it has again; for people (explain.ts). */
  readonly same?: string;
}

/** The value and those inside it, of which rows have any. */
export function* valuesIn(value: Value): Generator<Value> {
  yield value;
  for (const inner of partsOf(value)) yield* valuesIn(inner);
}

function partsOf(value: Value): readonly Value[] {
  switch (value.kind) {
    case "nullable":
    case "keyed":
      return [value.value];
    case "array":
      return [value.item];
    case "map":
      return [value.key, value.value];
    case "entries":
      return value.entries.map(([, inner]) => inner);
    case "tuple":
      return value.elements;
    case "named-tuple":
      return value.elements.map(([, inner]) => inner);
    case "object":
      return value.paths.map(([, inner]) => inner);
    case "variant":
      return value.alternatives;
    default:
      return [];
  }
}

/** The literal and those inside it. */
export function* literalsIn(literal: Literal): Generator<Literal> {
  yield literal;
  switch (literal.kind) {
    case "list":
      for (const item of literal.items) yield* literalsIn(item);
      break;
    case "object":
      for (const [, inner] of literal.fields) yield* literalsIn(inner);
      break;
    case "map":
      for (const inner of literal.entries.flat()) yield* literalsIn(inner);
      break;
    case "variant":
      yield* literalsIn(literal.literal);
      break;
  }
}

/** The same with times as plain numbers: where the server takes a value for what it looks like, quotes would make a text of it. */
export function withBareTicks(value: Value): Value {
  const bare = (part: unknown): unknown => {
    if (Array.isArray(part)) return part.map(bare);
    if (typeof part !== "object" || part === null) return part;
    return Object.fromEntries(
      Object.entries(part).map(([name, inner]) => [name, name === "spelling" ? "bare" : bare(inner)]),
    );
  };
  return bare(value) as Value;
}

/** No run has so many. */
export const MOST_ROWS = 1n << 60n;

/** The lowest and the highest number a draw can give. A row's time: those of the years 1970 to 2261. */
export function boundsOf(draw: Draw): { readonly lowest: bigint; readonly highest: bigint } {
  switch (draw.kind) {
    case "uniform":
    case "spread":
    case "shuffled":
      return { lowest: draw.from, highest: draw.from + draw.count - 1n };
    case "cells":
      return { lowest: lowest(draw.cells), highest: highest(draw.cells) };
    case "sequence": {
      if (draw.count === 0n) return { lowest: draw.from, highest: draw.from + draw.step * MOST_ROWS };
      const last = draw.from + draw.step * (draw.count - 1n);
      return draw.step < 0n ? { lowest: last, highest: draw.from } : { lowest: draw.from, highest: last };
    }
    case "row-time":
      return { lowest: 0n, highest: ((1n << 63n) - 1n) / draw.tickNs };
  }
}
