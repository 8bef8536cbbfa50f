// What each type takes of a rule, and small questions about rules and types. Pure. Called by fit.ts and what it is made of.

import type { Rule } from "./rule.js";
import type { Type } from "./type.js";

const NUMBERS = ["uniform", "normal", "exponential", "zipf", "quantiles", "sequence"] as const;
const FIXED = ["constant", "choice"] as const;
/** What each kind of type takes; Nullable and LowCardinality what they hold takes. */
export const TAKES: Readonly<Record<Type["kind"], readonly (keyof Rule)[]>> = {
  Int: [...NUMBERS, ...FIXED, "cardinality"],
  Interval: [...NUMBERS, ...FIXED, "cardinality"],
  Time: [...NUMBERS, ...FIXED, "cardinality"],
  Float: [...NUMBERS, ...FIXED, "decimals", "cardinality"],
  Decimal: [...NUMBERS, ...FIXED, "decimals", "cardinality"],
  IPv4: ["uniform", "quantiles", ...FIXED, "cardinality"],
  Date: ["time", "uniform", "quantiles", ...FIXED, "cardinality"],
  DateTime: ["time", "uniform", "quantiles", ...FIXED, "cardinality"],
  Bool: [...FIXED, "cardinality"],
  Enum: [...FIXED, "cardinality"],
  UUID: [...FIXED, "cardinality"],
  IPv6: [...FIXED, "cardinality"],
  String: ["pattern", ...FIXED, "cardinality"],
  FixedString: ["pattern", ...FIXED, "cardinality"],
  Array: ["length", "items", "fields", ...FIXED],
  QBit: FIXED,
  Tuple: ["fields", ...FIXED],
  Point: FIXED,
  Map: ["length", "keys", "values", "fields", ...FIXED],
  Variant: FIXED,
  Dynamic: FIXED,
  JSON: ["fields", ...FIXED],
  Nullable: [],
  LowCardinality: [],
};
/** Of these, any type. */
export const TAKEN_BY_ALL: ReadonlySet<keyof Rule> = new Set(["at", "nulls", "same"]);

/** Whether a rule says nothing about values. */
export function isDefault(rule: Rule | undefined): rule is undefined {
  return rule === undefined || Object.entries(rule).every(([part, value]) => part === "at" || value === undefined);
}

export function without(rule: Rule, part: keyof Rule): Rule {
  return { ...rule, [part]: undefined };
}

export function fieldOf(rule: Rule | undefined, name: string): Rule | undefined {
  return rule?.fields !== undefined && Object.hasOwn(rule.fields, name) ? rule.fields[name] : undefined;
}

/** As a user knows it. */
export function nameOf(type: Type): string {
  switch (type.kind) {
    case "Int":
      return `${type.signed ? "Int" : "UInt"}${type.bits}`;
    case "Float":
      return type.bits === 16 ? "BFloat16" : `Float${type.bits}`;
    case "Decimal":
      return `Decimal(${type.precision}, ${type.scale})`;
    case "FixedString":
      return `FixedString(${type.bytes})`;
    case "Date":
      return type.bits === 16 ? "Date" : "Date32";
    case "DateTime":
    case "Time":
      return type.bits === 32 ? type.kind : `${type.kind}64(${type.precision})`;
    default:
      return type.kind;
  }
}
