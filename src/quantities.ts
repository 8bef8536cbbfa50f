// Numbers, times and names as they are written in flags, variables and config files. Pure.

import type { Ratio, Shard } from "./schedule.js";

export const MS = 1_000_000n;
const HOUR_NS = 3_600_000n * MS;
const UNITS_NS: Readonly<Record<string, bigint>> = {
  ms: MS,
  s: 1000n * MS,
  m: 60_000n * MS,
  h: HOUR_NS,
  d: 24n * HOUR_NS,
};

/** The longest time there may be: a century. */
export const LONGEST_NS = 36_500n * 24n * HOUR_NS;

/** Times of rows are from 1970 up to this, the start of 2200, in nanoseconds since the epoch. */
export const LAST_NS = BigInt(Date.UTC(2200, 0)) * MS;

/** Lengths of time a flag takes, in nanoseconds, and how to say it. */
export interface Span {
  readonly from: bigint;
  readonly to: bigint;
  readonly text: string;
}

export const SPANS = {
  /** 90 days: nanoseconds since the start stay exact in a double. */
  run: { from: 1n, to: 2160n * HOUR_NS, text: "above 0 and up to 2160h" },
  warmUp: { from: 0n, to: 2160n * HOUR_NS, text: "from 0 to 2160h" },
  maxLag: { from: MS, to: 24n * HOUR_NS, text: "from 1ms to 24h" },
  drain: { from: 0n, to: 2160n * HOUR_NS, text: "from 0 to 2160h" },
  flush: { from: MS, to: 2160n * HOUR_NS, text: "from 1ms to 2160h" },
  /** Node's timers end at 24 days. */
  timeout: { from: MS, to: 24n * HOUR_NS, text: "from 1ms to 24h" },
  retryFor: { from: MS, to: 24n * HOUR_NS, text: "from 1ms to 24h" },
  hold: { from: 0n, to: 168n * HOUR_NS, text: "from 0 to 168h" },
  data: { from: MS, to: LONGEST_NS, text: "from 1ms to 36500d" },
} as const satisfies Record<string, Span>;

/** A decimal without sign or exponent as an exact fraction. */
export function parseDecimal(text: string): Ratio | undefined {
  const match = /^(\d{1,15})(?:\.(\d{1,9}))?$/.exec(text);
  if (match?.[1] === undefined) return undefined;
  const decimals = match[2] ?? "";
  return { numerator: BigInt(match[1] + decimals), denominator: 10n ** BigInt(decimals.length) };
}

/** Rows per second: a decimal with k or M behind it; above 0, at most 1000M. */
export function parseRate(text: string): Ratio | "max" | undefined {
  if (text === "max") return "max";
  const match = /^(.*?)([kKM]?)$/.exec(text);
  const decimal = parseDecimal(match?.[1] ?? "");
  if (decimal === undefined || decimal.numerator === 0n) return undefined;
  const factor = match?.[2] === "M" ? 1_000_000n : match?.[2] ? 1_000n : 1n;
  const numerator = decimal.numerator * factor;
  if (numerator > decimal.denominator * 1_000_000_000n) return undefined;
  return { numerator, denominator: decimal.denominator };
}

/** A rate but no `max`; 0 is one. */
export function parseRateOrZero(text: string): Ratio | undefined {
  if (/^0+(\.0+)?[kKM]?$/.test(text)) return { numerator: 0n, denominator: 1n };
  const rate = parseRate(text);
  return rate === "max" ? undefined : rate;
}

/** "95%" → 0.95; above 0 and below 1. */
export function parseShare(text: string): number | undefined {
  const decimal = parseDecimal(/^(.*)%$/.exec(text)?.[1] ?? "");
  const share = decimal === undefined ? 0 : Number(decimal.numerator) / Number(decimal.denominator * 100n);
  return share > 0 && share < 1 ? share : undefined;
}

/** "1/3" is the first of three. */
export function parseShard(text: string): Shard | undefined {
  const [, number = 0, of = 0] = (/^(\d{1,4})\/(\d{1,4})$/.exec(text) ?? []).map(Number);
  return number >= 1 && number <= of && of <= 1000 ? { index: number - 1, of } : undefined;
}

/** Nanoseconds of "30" (seconds), "90s", "1.5h", "1m30s", "7d". */
export function parseDuration(text: string): bigint | undefined {
  const whole = /^[\d.]+$/.test(text) ? `${text}s` : text;
  if (!/^(?:[\d.]+(?:ms|s|m|h|d))+$/.test(whole)) return undefined;
  let sum = 0n;
  for (const [, amount = "", unit = ""] of whole.matchAll(/([\d.]+)(ms|s|m|h|d)/g)) {
    const decimal = parseDecimal(amount);
    const unitNs = UNITS_NS[unit];
    if (decimal === undefined || unitNs === undefined) return undefined;
    sum += (decimal.numerator * unitNs) / decimal.denominator;
  }
  return sum;
}

export function parseInteger(text: string, from: number, to: number): number | undefined {
  const value = Number(text);
  return /^\d+$/.test(text) && value >= from && value <= to ? value : undefined;
}

/** Nanoseconds since the epoch of an ISO date or time; without a zone it is UTC. */
export function parseTime(text: string): bigint | undefined {
  const match = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?)(Z|[+-]\d\d:\d\d)?)?$/.exec(text);
  if (match === null) return undefined;
  const [, day = "", time = "00:00", zone = "Z"] = match;
  // Date.parse takes 31 February for 3 March.
  const midnight = new Date(`${day}T00:00Z`);
  if (Number.isNaN(midnight.valueOf()) || !midnight.toISOString().startsWith(day)) return undefined;
  const ms = Date.parse(`${day}T${time}${zone}`);
  return Number.isNaN(ms) || ms < 0 || BigInt(ms) * MS >= LAST_NS ? undefined : BigInt(ms) * MS;
}

export interface TableName {
  readonly database: string | undefined;
  readonly table: string;
}

export function parseTable(text: string): TableName | undefined {
  // A part in back quotes may hold dots.
  const match = /^(?:([^.`]+|`[^`]+`)\.)?(`[^`]+`|[^.`]+)$/.exec(text) ?? /^(?:([^.]+)\.)?([^.]+)$/.exec(text);
  if (match?.[2] === undefined) return undefined;
  const [database, table] = [match[1], match[2]].map((name) => name?.replace(/^`([^`]+)`$/, "$1"));
  return { database, table: table ?? "" };
}

export function parseHttpUrl(text: string): URL | undefined {
  return /^https?:\/\//i.test(text) && URL.canParse(text) ? new URL(text) : undefined;
}
