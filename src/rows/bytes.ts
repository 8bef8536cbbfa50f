// Values as bytes, as RowBinary and Native have them: sizes, and what is written in a rule. Pure. Called by bytes-writer.ts,
// row-binary.ts and native.ts.
// Source: ClickHouse, docs/en/interfaces/formats/RowBinary and src/DataTypes/Serializations.

import { jsonOf } from "./json.js";
import type { Type } from "./type.js";
import type { Literal } from "./value.js";
import { varUint } from "./varint.js";

/** What a format cannot carry. The message fits the middle of a complaint. */
export class FormatError extends Error {}

/** Of a Point's coordinates. */
export const FLOAT: Type = { kind: "Float", bits: 64 };
/** In place of the number of a Variant's type, where it has no value. */
export const NO_VARIANT = 255;

/** A text and its length. */
export function lengthAndText(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([varUint(bytes.length), bytes]);
}

/** Bytes of every value of the type; undefined: they vary, or it is made of other types. */
export function sizeOf(type: Type): number | undefined {
  switch (type.kind) {
    case "Int":
    case "Float":
    case "Enum":
    case "Date":
    case "DateTime":
    case "Time":
      return type.bits / 8;
    case "Decimal":
      return [9, 18, 38].reduce((size, digits) => (type.precision > digits ? size * 2 : size), 4);
    case "Bool":
      return 1;
    case "IPv4":
      return 4;
    case "Interval":
      return 8;
    case "UUID":
    case "IPv6":
      return 16;
    case "FixedString":
      return type.bytes;
    default:
      return undefined;
  }
}

/** The lowest `size` bytes, the lowest first; negative numbers as two's complement. */
export function integerBytes(value: bigint, size: number): Buffer {
  const bytes = Buffer.alloc(size);
  let rest = BigInt.asUintN(size * 8, value);
  for (let at = 0; at < size; at++, rest >>= 8n) bytes[at] = Number(rest & 255n);
  return bytes;
}

function floatBytes(value: number, bits: 16 | 32 | 64): Buffer {
  const bytes = Buffer.alloc(8);
  if (bits === 64) bytes.writeDoubleLE(value);
  else bytes.writeFloatLE(value);
  // A BFloat16 is the upper half of a Float32.
  return bits === 16 ? bytes.subarray(2, 4) : bytes.subarray(0, bits / 8);
}

/** What stands under a NULL. */
export function emptyBytes(type: Type): Buffer {
  if (type.kind === "Enum") {
    const lowest = Math.min(...type.values.map(({ value }) => value));
    return integerBytes(BigInt(lowest), type.bits / 8);
  }
  // A text of no bytes, a Tuple of no elements.
  return type.kind === "Tuple" ? NO_ELEMENTS : Buffer.alloc(sizeOf(type) ?? 1);
}

/** So ClickHouse writes a Tuple() in Native; in RowBinary it is nothing. */
export const NO_ELEMENTS = Buffer.from("0");

/** Of a type that is not made of others. */
export function leafBytes(type: Type, literal: Literal): Buffer {
  switch (literal.kind) {
    case "bool":
      return Buffer.from([literal.value ? 1 : 0]);
    case "number": {
      if (type.kind === "Float") return floatBytes(Number(literal.units) / 10 ** literal.decimals, type.bits);
      const scale = type.kind === "Decimal" ? type.scale : 0;
      return integerBytes(literal.units * 10n ** BigInt(scale - literal.decimals), sizeOf(type) ?? 8);
    }
    case "float":
      return floatBytes(literal.value, type.kind === "Float" ? type.bits : 64);
    case "date":
      return integerBytes(BigInt(literal.day), sizeOf(type) ?? 2);
    case "text":
      return textBytes(type, literal.text);
    default:
      throw new RangeError(`${type.kind} has no literal of kind ${literal.kind}`);
  }
}

function textBytes(type: Type, text: string): Buffer {
  switch (type.kind) {
    case "FixedString":
      return Buffer.concat([Buffer.from(text), Buffer.alloc(type.bytes)], type.bytes);
    case "UUID": {
      // Two numbers of eight bytes, the highest first in the text.
      const bytes = Buffer.from(text.replaceAll("-", ""), "hex");
      return Buffer.concat([bytes.subarray(0, 8).reverse(), bytes.subarray(8).reverse()]);
    }
    case "IPv4":
      return Buffer.from(text.split(".").map(Number)).reverse();
    case "IPv6":
      return ipv6Bytes(text);
    case "Enum": {
      const found = type.values.find(({ name }) => name === text);
      return integerBytes(BigInt(found?.value ?? 0), type.bits / 8);
    }
    default:
      return lengthAndText(text);
  }
}

/** In the order of the text. */
function ipv6Bytes(text: string): Buffer {
  // Hexadecimal throughout, and its longest run of zeros as "::".
  const plain = new URL(`http://[${text}]`).hostname.slice(1, -1);
  const [before = [], after = []] = plain.split("::").map((half) => half.split(":").filter((group) => group !== ""));
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => "0");
  return Buffer.from([...before, ...zeros, ...after].map((group) => group.padStart(4, "0")).join(""), "hex");
}

/** What RowBinary has of a JSON column that is read as text, and what Native has of one that is sent as a String. */
export function jsonBytes(literal: Literal): Buffer {
  return lengthAndText(jsonOf(literal));
}

/** Elements of an Array, a Tuple or a Point, in order. */
export function itemsOf(literal: Literal): readonly Literal[] {
  if (literal.kind === "list") return literal.items;
  return literal.kind === "object" ? literal.fields.map(([, value]) => value) : [];
}

/** A type that values of a Dynamic have; those of defaults.ts, and no other. */
export interface DynamicType {
  readonly type: Type;
  /** In RowBinary: ClickHouse, docs/en/sql-reference/data-types/data-types-binary-encoding. */
  readonly code: number;
  readonly name: string;
  /** In Native: its place among these types and SharedVariant, by name. */
  readonly discriminator: number;
}

/** By name. */
export const DYNAMIC: readonly DynamicType[] = [
  { type: { kind: "Bool" }, code: 0x2d, name: "Bool", discriminator: 0 },
  { type: { kind: "Float", bits: 64 }, code: 0x0e, name: "Float64", discriminator: 1 },
  { type: { kind: "Int", bits: 64, signed: true }, code: 0x0a, name: "Int64", discriminator: 2 },
  { type: { kind: "String" }, code: 0x15, name: "String", discriminator: 4 },
];

/** The one that a literal of a Dynamic has; undefined: it is NULL. */
export function dynamicOf(literal: Literal): DynamicType | undefined {
  const names = { bool: "Bool", float: "Float64", number: "Int64", text: "String", null: "" } as const;
  if (!(literal.kind in names)) throw new FormatError("holds a list or a mapping in a Dynamic");
  if (literal.kind === "number" && BigInt.asIntN(64, literal.units) !== literal.units) {
    throw new FormatError("holds a number beyond Int64 in a Dynamic");
  }
  const name = names[literal.kind as keyof typeof names];
  return DYNAMIC.find((one) => one.name === name);
}

/** The one that `type` is. */
export function dynamicTypeOf(type: Type): DynamicType {
  const found = DYNAMIC.find((one) => one.type.kind === type.kind);
  if (found === undefined) throw new RangeError(`a Dynamic has no ${type.kind} here`);
  return found;
}
