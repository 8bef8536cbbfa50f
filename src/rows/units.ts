// Types whose values are ordered numbers at heart (numbers, dates, times, IPv4), and how a rule's quantities become whole
// numbers of their units: cents of a Decimal(9, 2), days of a Date, ticks of a DateTime64. Pure. Called by fit.ts.

import { isIPv4 } from "node:net";
import type { Quantity } from "./rule.js";
import type { Type } from "./type.js";

/** A range of a type's units, ends included. */
export interface Units {
  readonly lowest: bigint;
  readonly highest: bigint;
  /** How many units make one: 10^decimals. Fixed for every type but Float. */
  readonly decimals: number;
  /** What a quantity of it looks like, for complaints. */
  readonly example: string;
}

const DAY_S = 86_400n;
/** 2^63 - 1: what the kernel draws, unsigned types aside. */
const SIGNED_MOST = (1n << 63n) - 1n;
const SIGNED_LEAST = -(1n << 63n);
/** More digits behind the point than this do not fit 64 bits with four before it. */
const MOST_DECIMALS = 14;

/** Undefined for a type without order. `decimals`: of a Float or Decimal; a Decimal has no more than its scale. */
export function unitsOf(type: Type, decimals?: number): Units | undefined {
  switch (type.kind) {
    case "Int": {
      const bits = BigInt(type.bits);
      const lowest = type.signed ? -(1n << (bits - 1n)) : 0n;
      const highest = (1n << (type.signed ? bits - 1n : bits)) - 1n;
      const most = type.signed ? SIGNED_MOST : (1n << 64n) - 1n;
      return {
        lowest: lowest < SIGNED_LEAST ? SIGNED_LEAST : lowest,
        highest: highest > most ? most : highest,
        decimals: 0,
        example: "a whole number",
      };
    }
    case "Float": {
      // Beyond this a Float no longer tells whole numbers apart.
      const exact = { 16: 1n << 8n, 32: 1n << 24n, 64: 1n << 53n }[type.bits];
      const digits = decimals ?? 0;
      const most = exact * 10n ** BigInt(digits);
      const highest = most > SIGNED_MOST ? SIGNED_MOST : most;
      return { lowest: -highest, highest, decimals: digits, example: "a number" };
    }
    case "Decimal": {
      const digits = Math.min(type.scale, MOST_DECIMALS, decimals ?? MOST_DECIMALS);
      const most = 10n ** BigInt(type.precision - type.scale + digits) - 1n;
      const highest = most > SIGNED_MOST ? SIGNED_MOST : most;
      return { lowest: -highest, highest, decimals: digits, example: "a number" };
    }
    case "Interval":
      return { lowest: -SIGNED_MOST, highest: SIGNED_MOST, decimals: 0, example: "a whole number" };
    case "Date":
      return type.bits === 16
        ? { lowest: 0n, highest: 65_535n, decimals: 0, example: "a date as 2026-01-31" }
        : { lowest: dayOf("1900-01-01"), highest: dayOf("2299-12-31"), decimals: 0, example: "a date as 2026-01-31" };
    case "DateTime": {
      const ticks = 10n ** BigInt(type.precision);
      const example = "a time as 2026-01-31 or 2026-01-31T12:00:00Z";
      if (type.bits === 32) return { lowest: 0n, highest: (1n << 32n) - 1n, decimals: 0, example };
      const highest = (dayOf("2299-12-31") + 1n) * DAY_S * ticks - 1n;
      const lowest = dayOf("1900-01-01") * DAY_S * ticks;
      // Nanoseconds end in 2262.
      return {
        lowest: lowest < -SIGNED_MOST ? -SIGNED_MOST : lowest,
        highest: highest > SIGNED_MOST ? SIGNED_MOST : highest,
        decimals: 0,
        example,
      };
    }
    case "Time": {
      const most = 999n * 3600n + 59n * 60n + 59n;
      const highest = most * 10n ** BigInt(type.precision);
      return { lowest: -highest, highest, decimals: 0, example: "a time of day as 12:30:00, or seconds" };
    }
    case "IPv4":
      return { lowest: 0n, highest: (1n << 32n) - 1n, decimals: 0, example: "an address as 10.0.0.1" };
    default:
      return undefined;
  }
}

const dayOf = (text: string): bigint => BigInt(Date.parse(`${text}T00:00Z`) / 86_400_000);

/** The quantity in units, rounded; undefined when it is none of the type. Not checked against the range. */
export function toUnits(type: Type, decimals: number, quantity: Quantity): bigint | undefined {
  switch (type.kind) {
    case "Date":
      return typeof quantity === "string" ? parseDay(quantity) : undefined;
    case "DateTime":
      return typeof quantity === "string" ? parseTicks(quantity, type.precision) : undefined;
    case "Time":
      return parseTimeOfDay(quantity, type.precision);
    case "IPv4":
      if (typeof quantity !== "string" || !isIPv4(quantity)) return undefined;
      return quantity.split(".").reduce((sum, part) => sum * 256n + BigInt(part), 0n);
    case "Int":
    case "Interval":
      return parseDecimal(quantity, 0, false);
    default:
      return parseDecimal(quantity, decimals, true);
  }
}

/**
 * In units of 10^-decimals. `round`: further digits are rounded away; otherwise they make it undefined. Texts may be numbers
 * as YAML writes them: .5, 0x1F, 0o17.
 */
export function parseDecimal(quantity: Quantity, decimals: number, round: boolean): bigint | undefined {
  const text = String(quantity).trim();
  if (/^0(?:x[\da-f]+|o[0-7]+)$/i.test(text)) return BigInt(text) * 10n ** BigInt(decimals);
  const match = /^([+-]?)(?=\.?\d)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?$/.exec(text);
  if (match === null) return undefined;
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = match;
  const units = BigInt(whole + fraction);
  const shift = Number(exponent) - fraction.length + decimals;
  let size: bigint;
  if (shift >= 0) {
    size = units * 10n ** BigInt(shift);
  } else {
    const power = 10n ** BigInt(-shift);
    if (!round && units % power !== 0n) return undefined;
    size = (units + power / 2n) / power;
  }
  return sign === "-" ? -size : size;
}

/** Days since 1970-01-01. */
export function parseDay(text: string): bigint | undefined {
  if (!/^\d{4}-\d\d-\d\d$/.test(text)) return undefined;
  const midnight = new Date(`${text}T00:00Z`);
  // Date takes 31 February for 3 March.
  if (Number.isNaN(midnight.valueOf()) || !midnight.toISOString().startsWith(text)) return undefined;
  return BigInt(midnight.valueOf() / 86_400_000);
}

/** Ticks of 10^-precision seconds since the epoch; without a zone it is UTC. */
function parseTicks(text: string, precision: number): bigint | undefined {
  const match = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:\d\d)?)?$/.exec(text);
  const day = parseDay(match?.[1] ?? "");
  if (match === null || day === undefined) return undefined;
  const [, , hour = "0", minute = "0", second = "0", fraction = "", zone = "Z"] = match;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined;
  const [, sign, zoneHour = "0", zoneMinute = "0"] = /^([+-])(\d\d):(\d\d)$/.exec(zone) ?? [];
  const offset = BigInt(zoneHour) * 3600n + BigInt(zoneMinute) * 60n;
  const seconds = day * DAY_S + BigInt(hour) * 3600n + BigInt(minute) * 60n + BigInt(second);
  const ticks = 10n ** BigInt(precision);
  return (
    (seconds - (sign === "-" ? -offset : offset)) * ticks + (BigInt(fraction.padEnd(9, "0")) * ticks) / 1_000_000_000n
  );
}

function parseTimeOfDay(quantity: Quantity, precision: number): bigint | undefined {
  const match = /^(-?)(\d{1,3}):(\d\d):(\d\d)(?:\.(\d{1,9}))?$/.exec(String(quantity));
  if (match === null) return typeof quantity === "string" ? undefined : parseDecimal(quantity, precision, true);
  const [, sign, hour = "0", minute = "0", second = "0", fraction = ""] = match;
  if (Number(minute) > 59 || Number(second) > 59) return undefined;
  const ticks = 10n ** BigInt(precision);
  const seconds = BigInt(hour) * 3600n + BigInt(minute) * 60n + BigInt(second);
  const units = seconds * ticks + (BigInt(fraction.padEnd(9, "0")) * ticks) / 1_000_000_000n;
  return sign === "-" ? -units : units;
}

/** Units as a user would write them. */
export function showUnits(type: Type, decimals: number, units: bigint): string {
  switch (type.kind) {
    case "Date":
      return isoOf(units * DAY_S * 1000n).slice(0, 10);
    case "DateTime": {
      const ticks = 10n ** BigInt(type.precision);
      const text = isoOf((units * 1000n) / ticks).replace(".000Z", "Z");
      return text.endsWith("T00:00:00Z") ? text.slice(0, 10) : text;
    }
    case "Time": {
      const ticks = 10n ** BigInt(type.precision);
      const size = units < 0n ? -units : units;
      const seconds = size / ticks;
      const two = (part: bigint): string => String(part).padStart(2, "0");
      const fraction = size % ticks === 0n ? "" : `.${String(size % ticks).padStart(type.precision, "0")}`;
      const sign = units < 0n ? "-" : "";
      return `${sign}${two(seconds / 3600n)}:${two((seconds / 60n) % 60n)}:${two(seconds % 60n)}${fraction}`;
    }
    case "IPv4":
      return [24n, 16n, 8n, 0n].map((shift) => (units >> shift) & 255n).join(".");
    default:
      return showDecimal(units, decimals);
  }
}

const isoOf = (ms: bigint): string => new Date(Number(ms)).toISOString();

/** units / 10^decimals, without zeros at the end. */
export function showDecimal(units: bigint, decimals: number): string {
  if (decimals === 0) return String(units);
  const digits = String(units < 0n ? -units : units).padStart(decimals + 1, "0");
  const fraction = digits.slice(-decimals).replace(/0+$/, "");
  return `${units < 0n ? "-" : ""}${digits.slice(0, -decimals)}${fraction === "" ? "" : `.${fraction}`}`;
}
