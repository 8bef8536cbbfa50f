// What a type's values are when no rule says so: valid, varied, and of a size one would meet. Pure. Called by fit.ts.

import { type Cells, zipfCells } from "./cells.js";
import { type Piece, partsOf } from "./pattern.js";
import type { TickSpelling } from "./ticks.js";
import type { Type } from "./type.js";
import type { Draw, Value } from "./value.js";

/** Share of NULL in a Nullable. */
export const NULLS = 0.1;
/** Distinct texts of a LowCardinality, the k-th of them with a weight of 1/k. */
export const LOW_CARDINALITY = 1000;
/** Shared, so that a program holds it once. */
const LOW_CARDINALITY_CELLS: Cells = zipfCells(0n, BigInt(LOW_CARDINALITY), 1);
export const LOW_CARDINALITY_DRAW: Draw = { kind: "cells", cells: LOW_CARDINALITY_CELLS, law: "zipf 1" };

/** Elements of an array, of one of points, and of a map. */
export const ARRAY_LENGTH: Draw = uniform(0n, 4n);
export const SHAPE_LENGTH: Draw = uniform(3n, 6n);
export const MAP_LENGTH: Draw = uniform(1n, 4n);
const DAY_NS = 86_400_000_000_000n;
/** Times inside arrays and maps lie before the row's: else they would all be the same. */
export const BEFORE_NS = { DateTime: DAY_NS, Date: 30n * DAY_NS } as const;

/** Texts as keys of maps: key-1 … key-64. */
const KEY_NAMES = 64n;
/** So many digits at the end of a FixedString tell keys apart. */
const KEY_DIGITS = 5;

/** Keys of a map, no two the same, of a type whose other values do not see to that themselves; undefined: they do. `spelling`: of times. */
export function keysOf(type: Type, path: string, spelling: TickSpelling): Value | undefined {
  switch (type.kind) {
    case "String": {
      const draw: Draw = { kind: "shuffled", from: 1n, count: KEY_NAMES };
      const parts = [{ kind: "literal", text: "key-" } as const, { kind: "number", draw, stream: path } as const];
      return { kind: "text", parts };
    }
    case "FixedString": {
      const last = Math.min(type.bytes, KEY_DIGITS);
      const first = type.bytes - last;
      const parts = partsOf(first === 0 ? [] : [{ kind: "base62", fewest: first, most: first }], path, undefined);
      const draw: Draw = { kind: "shuffled", from: 0n, count: 62n ** BigInt(last) };
      return { kind: "text", parts: [...parts, { kind: "base62", draw, fewest: last, most: last, stream: path }] };
    }
    case "Date": {
      const draw: Draw = { kind: "row-time", tickNs: DAY_NS, delayNs: undefined, back: BEFORE_NS.Date / DAY_NS };
      return { kind: "date", draw, stream: path };
    }
    case "DateTime": {
      const tickNs = 10n ** BigInt(9 - type.precision);
      const draw: Draw = { kind: "row-time", tickNs, delayNs: undefined, back: BEFORE_NS.DateTime / tickNs };
      return { kind: "number", draw, decimals: 0, stream: path, spelling };
    }
    default:
      return undefined;
  }
}

export function uniform(from: bigint, to: bigint): Draw & { readonly kind: "uniform" } {
  return { kind: "uniform", from, count: to - from + 1n };
}

/** From 0 up to `end`, which is not reached. */
function below(end: bigint, decimals: number) {
  return { from: 0n, to: end * 10n ** BigInt(decimals) - 1n, decimals };
}

/** Numbers of an ordered type, in units of 10^-decimals. Undefined: those of a time follow the schedule. */
export function numbersOf(
  type: Type,
  decimals?: number,
): { readonly from: bigint; readonly to: bigint; readonly decimals: number } | undefined {
  switch (type.kind) {
    case "Int": {
      if (type.bits <= 16)
        return { from: 0n, to: (1n << BigInt(type.signed ? type.bits - 1 : type.bits)) - 1n, decimals: 0 };
      return { from: 0n, to: type.bits === 32 ? 999_999n : 999_999_999n, decimals: 0 };
    }
    case "Float":
      return below(type.bits === 16 ? 256n : 1000n, decimals ?? { 16: 0, 32: 2, 64: 4 }[type.bits]);
    case "Decimal":
      return below(10n ** BigInt(Math.min(type.precision - type.scale, 4)), Math.min(type.scale, decimals ?? 14, 14));
    case "Interval":
      return { from: 1n, to: 100n, decimals: 0 };
    case "Time":
      return { from: 0n, to: 86_400n * 10n ** BigInt(type.precision) - 1n, decimals: 0 };
    case "IPv4":
      return { from: 1n << 24n, to: (224n << 24n) - 1n, decimals: 0 };
    default:
      return undefined;
  }
}

/** Decimal digits of an integer that has more than 64 bits. */
export function wideDigits(type: Type): number | undefined {
  if (type.kind !== "Int" || type.bits < 128) return undefined;
  return type.bits === 128 ? 36 : 72;
}

/** Prose; of a set of `distinct` texts, names that tell them apart. */
export function textPieces(distinct: number | undefined): readonly Piece[] {
  if (distinct === undefined) return [{ kind: "words", from: 2, to: 6 }];
  return [
    { kind: "words", from: 1, to: 1 },
    { kind: "literal", text: "-" },
    { kind: "int", from: 1n, to: BigInt(distinct) },
  ];
}

/** The paths of a JSON column that declares none. */
export const JSON_PATHS: readonly (readonly [path: string, type: Type])[] = [
  ["id", { kind: "Int", bits: 64, signed: false }],
  ["name", { kind: "String" }],
  ["active", { kind: "Bool" }],
  ["score", { kind: "Float", bits: 64 }],
  ["tags", { kind: "Array", of: { kind: "LowCardinality", of: { kind: "String" } } }],
  ["user.country", { kind: "LowCardinality", of: { kind: "String" } }],
  ["user.visits", { kind: "Int", bits: 16, signed: false }],
];

/** What a Dynamic column holds. */
export const DYNAMIC_TYPES: readonly Type[] = [
  { kind: "Int", bits: 64, signed: true },
  { kind: "Float", bits: 64 },
  { kind: "String" },
  { kind: "Bool" },
];
