// Literals as JSON, as ClickHouse reads it. Pure. Called by json-writer.ts, and by bytes.ts for JSON columns.

import type { TickSpelling } from "./ticks.js";
import type { Literal } from "./value.js";

/** What stands between the quotes of a JSON string. */
export function jsonText(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

/** `key`: as the key of a map, where numbers stand in quotes. */
export function jsonOf(literal: Literal, key = false): string {
  switch (literal.kind) {
    case "null":
      return "null";
    case "bool":
      return String(literal.value);
    case "number":
      return quoted(decimalOf(literal.units, literal.decimals), hasQuotes(literal.spelling, key));
    case "float":
      // A bare nan is taken for the beginning of null; ClickHouse reads "nan", "inf" and "-inf" as well.
      return quoted(floatOf(literal.value), key || !Number.isFinite(literal.value));
    case "text":
      return JSON.stringify(literal.text);
    case "date":
      return `"${new Date(literal.day * 86_400_000).toISOString().slice(0, 10)}"`;
    case "list":
      return `[${literal.items.map((item) => jsonOf(item)).join(",")}]`;
    case "object":
      return `{${literal.fields.map(([name, value]) => `${JSON.stringify(name)}:${jsonOf(value)}`).join(",")}}`;
    case "variant":
      return jsonOf(literal.literal, key);
    case "map":
      return `{${literal.entries.map(([name, value]) => `${jsonOf(name, true)}:${jsonOf(value)}`).join(",")}}`;
  }
}

/** Of a number: it has quotes as the key of a map, and a time always or never. */
export const hasQuotes = (spelling: TickSpelling | undefined, key: boolean): boolean =>
  spelling === undefined ? key : spelling === "quoted";

const quoted = (text: string, quotes: boolean): string => (quotes ? `"${text}"` : text);

/** units / 10^decimals, exactly. */
export function decimalOf(units: bigint, decimals: number): string {
  if (decimals === 0) return String(units);
  const digits = String(units < 0n ? -units : units).padStart(decimals + 1, "0");
  return `${units < 0n ? "-" : ""}${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
}

/** As ClickHouse spells it. */
function floatOf(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  return String(value);
}
