// What a type's values are when no rule says so: valid, varied, and of a size one would meet. Pure. Called by fit.ts.

import { type Cells, zipfCells } from "./cells.js";
import type { Piece } from "./pattern.js";
import type { Type } from "./type.js";
import type { Draw } from "./value.js";

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
/** A map's numbers as keys. */
export const KEYS = 64n;

const DAY_NS = 86_400_000_000_000n;
/** Times inside arrays and maps lie before the row's: else they would all be the same. */
export const BEFORE_NS = { DateTime: DAY_NS, Date: 30n * DAY_NS } as const;

export function uniform(from: bigint, to: bigint): Draw & { readonly kind: "uniform" } {
  return { kind: "uniform", from, count: to - from + 1n };
}

/** Numbers of an ordered type, in units of 10^-decimals. Undefined: those of a time follow the schedule. */
export function numbersOf(
  type: Type,
): { readonly from: bigint; readonly to: bigint; readonly decimals: number } | undefined {
  switch (type.kind) {
    case "Int": {
      if (type.bits <= 16)
        return { from: 0n, to: (1n << BigInt(type.signed ? type.bits - 1 : type.bits)) - 1n, decimals: 0 };
      return { from: 0n, to: type.bits === 32 ? 999_999n : 999_999_999n, decimals: 0 };
    }
    case "Float":
      if (type.bits === 16) return { from: 0n, to: 255n, decimals: 0 };
      return type.bits === 32 ? { from: 0n, to: 99_999n, decimals: 2 } : { from: 0n, to: 9_999_999n, decimals: 4 };
    case "Decimal": {
      const decimals = Math.min(type.scale, 14);
      const whole = Math.min(type.precision - type.scale, 4);
      return { from: 0n, to: 10n ** BigInt(whole + decimals) - 1n, decimals };
    }
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
