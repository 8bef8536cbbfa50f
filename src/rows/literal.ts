// A plain value of a rule file → a literal of a type, or a sentence on why it is none. Pure. Called by fit.ts.

import { isIPv4, isIPv6 } from "node:net";
import { type Plain, unwritten, Written } from "./rule.js";
import { tickSpelling } from "./ticks.js";
import type { Type } from "./type.js";
import { parseDay, parseDecimal, showUnits, toUnits, unitsOf } from "./units.js";
import type { Literal } from "./value.js";

/** What is wrong with a value, as the end of a complaint: "must be a whole number, got x". */
export class Misfit extends Error {}

const NULL: Literal = { kind: "null" };
const UUID = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i;

/** A value as it is told in a complaint. */
export function shown(value: Plain): string {
  const isOdd = (inner: unknown): boolean => typeof inner === "bigint" || inner instanceof Written;
  const text = isOdd(value)
    ? String(value)
    : JSON.stringify(value, (_, inner) => (isOdd(inner) ? String(inner) : inner));
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}

const misfit = (expected: string, value: Plain): Misfit => new Misfit(`must be ${expected}, got ${shown(value)}`);

/** Throws a Misfit. */
export function literalOf(type: Type, value: Plain): Literal {
  switch (type.kind) {
    case "Nullable":
      return value === null ? NULL : literalOf(type.of, value);
    case "LowCardinality":
      return literalOf(type.of, value);
    case "Bool": {
      const plain = unwritten(value);
      if (typeof plain === "boolean") return { kind: "bool", value: plain };
      if (plain === "true" || plain === "false") return { kind: "bool", value: plain === "true" };
      throw misfit("true or false", value);
    }
    case "String":
      return { kind: "text", text: textOf(value) };
    case "FixedString": {
      const text = textOf(value);
      if (Buffer.byteLength(text) > type.bytes) throw misfit(`at most ${type.bytes} bytes`, value);
      return { kind: "text", text };
    }
    case "UUID":
      return check(typeof value === "string" && UUID.test(value), "a UUID", value);
    case "IPv4":
      return check(typeof value === "string" && isIPv4(value), "an IPv4 address", value);
    case "IPv6":
      return check(typeof value === "string" && isIPv6(value) && !value.includes("%"), "an IPv6 address", value);
    case "Enum": {
      const plain = unwritten(value);
      const found =
        type.values.find(({ value: number }) => number === plain) ??
        (isScalar(value) ? type.values.find(({ name }) => name === String(value)) : undefined);
      if (found === undefined) throw misfit(`one of ${type.values.map(({ name }) => shown(name)).join(", ")}`, value);
      return { kind: "text", text: found.name };
    }
    case "Int":
      return integerOf(type, value);
    case "Float":
      return floatOf(value);
    case "Decimal":
      return decimalOf(type, value);
    case "Date":
    case "DateTime":
    case "Time":
    case "Interval":
      return orderedOf(type, value);
    case "Array":
      return { kind: "list", items: listOf(value).map((item) => literalOf(type.of, item)) };
    case "QBit": {
      const items = listOf(value);
      if (items.length !== type.dimension) throw misfit(`a list of ${type.dimension} numbers`, value);
      return { kind: "list", items: items.map((item) => literalOf(type.of, item)) };
    }
    case "Point": {
      const items = listOf(value);
      if (items.length !== 2) throw misfit("a point as [1.5, 2.5]", value);
      return { kind: "list", items: items.map(floatOf) };
    }
    case "Tuple":
      return tupleOf(type, value);
    case "Map":
      if (!isMapping(value)) throw misfit("a mapping", value);
      return {
        kind: "map",
        entries: Object.entries(value).map(([key, inner]) => [literalOf(type.key, key), literalOf(type.value, inner)]),
      };
    case "Variant":
      return variantOf(type.of, value);
    case "Dynamic":
      return anyOf(value);
    case "JSON":
      if (!isMapping(value)) throw misfit("a mapping", value);
      return anyOf(value);
  }
}

function check(right: boolean, expected: string, value: Plain): Literal {
  if (!right) throw misfit(expected, value);
  return { kind: "text", text: String(value) };
}

/** YAML takes an unquoted 200 for a number and yes for a text: for a String both are texts, as they are written. */
function textOf(value: Plain): string {
  if (!isScalar(value)) throw misfit("a text", value);
  const text = String(value);
  if (/\p{Surrogate}/u.test(text)) throw misfit("a text without halves of characters (lone surrogates)", value);
  return text;
}

function integerOf(type: Type & { kind: "Int" }, value: Plain): Literal {
  const units = isQuantity(value) ? parseDecimal(value.toString(), 0, false) : undefined;
  if (units === undefined) throw misfit("a whole number", value);
  const bits = BigInt(type.bits);
  const [lowest, highest] = type.signed ? [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n] : [0n, (1n << bits) - 1n];
  if (units < lowest || units > highest) throw misfit(`from ${lowest} to ${highest}`, value);
  return { kind: "number", units, decimals: 0 };
}

function floatOf(value: Plain): Literal {
  // A key of a mapping is a text here, as YAML writes it.
  const [, sign = "", special] = (typeof value === "string" && /^([+-]?)\.?(nan|inf)$/i.exec(value)) || [];
  if (special !== undefined) {
    return { kind: "float", value: /nan/i.test(special) ? Number.NaN : Number(`${sign}Infinity`) };
  }
  const plain = unwritten(value);
  if (typeof plain === "number") return { kind: "float", value: plain };
  const number = isQuantity(value) && String(value).trim() !== "" ? Number(value) : Number.NaN;
  if (Number.isNaN(number)) throw misfit("a number", value);
  return { kind: "float", value: number };
}

function decimalOf({ precision, scale }: Type & { kind: "Decimal" }, value: Plain): Literal {
  const units = isQuantity(value) ? parseDecimal(value.toString(), scale, false) : undefined;
  if (units === undefined) throw misfit(`a number with at most ${scale} digits behind the point`, value);
  if (String(units).replace("-", "").length > precision) {
    throw misfit(`a number of at most ${precision - scale} digits before the point`, value);
  }
  return { kind: "number", units, decimals: scale };
}

function orderedOf(type: Type, value: Plain): Literal {
  const units = unitsOf(type);
  if (units === undefined) throw new RangeError(`${type.kind} has no units`);
  const plain = unwritten(value);
  const number = isQuantity(plain) ? toUnits(type, units.decimals, plain) : undefined;
  if (number === undefined) throw misfit(units.example, value);
  if (number < units.lowest || number > units.highest) {
    const [from, to] = [units.lowest, units.highest].map((end) => showUnits(type, units.decimals, end));
    throw misfit(`from ${from} to ${to}`, value);
  }
  if (type.kind === "Date") return { kind: "date", day: Number(parseDay(String(value))) };
  if (type.kind === "Interval") return { kind: "number", units: number, decimals: 0 };
  return { kind: "number", units: number, decimals: 0, spelling: tickSpelling(type, number, number) };
}

function tupleOf({ elements }: Type & { kind: "Tuple" }, value: Plain): Literal {
  const named = elements.length > 0 && elements.every(({ name }) => name !== undefined);
  if (named && isMapping(value)) {
    const unknown = Object.keys(value).find((key) => !elements.some(({ name }) => name === key));
    if (unknown !== undefined) throw new Misfit(`has no element ${unknown}`);
    return {
      kind: "object",
      fields: elements.map(({ name = "", type }) => {
        const inner = Object.hasOwn(value, name) ? value[name] : undefined;
        if (inner === undefined) throw new Misfit(`needs an element ${name}`);
        return [name, literalOf(type, inner)];
      }),
    };
  }
  const items = listOf(value);
  if (items.length !== elements.length) throw misfit(`${elements.length} values`, value);
  const literals = elements.map(({ type }, index) => literalOf(type, items[index] ?? null));
  if (!named) return { kind: "list", items: literals };
  return { kind: "object", fields: elements.map(({ name = "" }, index) => [name, literals[index] ?? NULL]) };
}

/** A text is one where the Variant has a String, and only then; otherwise the first type that takes the value. */
function variantOf(types: readonly Type[], value: Plain): Literal {
  if (value === null) return NULL;
  const all = types.map((type, alternative) => ({ type, alternative }));
  const texts = all.filter(({ type }) => type.kind === "String");
  const others = all.filter(({ type }) => type.kind !== "String");
  for (const { type, alternative } of typeof value === "string" ? [...texts, ...others] : [...others, ...texts]) {
    try {
      return { kind: "variant", alternative, literal: literalOf(type, value) };
    } catch (error) {
      if (!(error instanceof Misfit)) throw error;
    }
  }
  throw misfit("a value of one of the Variant's types", value);
}

/** For types that take anything: as JSON has it. */
function anyOf(written: Plain): Literal {
  const value = unwritten(written);
  if (value === null) return NULL;
  if (typeof value === "boolean") return { kind: "bool", value };
  if (typeof value === "bigint") return { kind: "number", units: value, decimals: 0 };
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw misfit("a finite number", value);
    return { kind: "float", value };
  }
  if (typeof value === "string") return { kind: "text", text: textOf(value) };
  if (isMapping(value))
    return { kind: "object", fields: Object.entries(value).map(([name, inner]) => [textOf(name), anyOf(inner)]) };
  return { kind: "list", items: value.map(anyOf) };
}

const isScalar = (value: Plain): value is string | number | bigint | boolean | Written =>
  value !== null && (typeof value !== "object" || value instanceof Written);

const isQuantity = (value: Plain): value is number | bigint | string | Written =>
  isScalar(value) && typeof unwritten(value) !== "boolean";

function isMapping(value: Plain): value is { readonly [name: string]: Plain } {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Written);
}

function listOf(value: Plain): readonly Plain[] {
  if (!Array.isArray(value)) throw misfit("a list", value);
  return value;
}
