// Numbers, times and names as a person reads them. Pure.

import leven from "leven";

/** 1234567 → "1,234,567". */
export function whole(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** Three significant digits and k, M or G: 1234567 → "1.23M". */
export function short(value: number): string {
  for (const [unit, size] of [
    ["G", 1e9],
    ["M", 1e6],
    ["k", 1e3],
  ] as const) {
    // 999,950 would round up to 1000k.
    if (value >= size * 0.9995) return `${digits(value / size)}${unit}`;
  }
  return digits(value);
}

/** 1234567 → "1.23 MB". */
export function bytes(value: number): string {
  return short(value).replace(/[kMG]?$/, (unit) => ` ${unit}B`);
}

/** Three significant digits: 0.1234 → "0.123". */
function digits(value: number): string {
  return value >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}

/** To the microsecond, with three digits: 0.512 → "0.512 ms", 12345 → "12.3 s". */
export function milliseconds(ms: number): string {
  // 999.6 ms would round up to 1000 ms.
  return ms >= 999.5 ? `${digits(ms / 1000)} s` : `${digits(Number(ms.toFixed(3)))} ms`;
}

/** Seconds as a clock shows them: 75 → "1:15", 3675 → "1:01:15". */
export function clockTime(seconds: number): string {
  const at = Math.max(0, Math.floor(seconds));
  const two = (value: number): string => String(value).padStart(2, "0");
  const [h, m, s] = [Math.floor(at / 3600), Math.floor(at / 60) % 60, at % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** Nanoseconds as a flag or a config file would have them: 90_000_000_000n → "1m30s"; whole days as "1 day", "30 days". */
export function timespan(ns: bigint): string {
  const dayNs = 86_400_000_000_000n;
  if (ns >= dayNs && ns % dayNs === 0n) return `${ns / dayNs} day${ns === dayNs ? "" : "s"}`;
  const whole = [3_600_000_000_000n, 60_000_000_000n].map((unitNs, index) => {
    const units = index === 0 ? ns / unitNs : (ns / unitNs) % 60n;
    return units === 0n ? "" : `${units}${"hm"[index]}`;
  });
  const restNs = Number(ns % 60_000_000_000n);
  const text = whole.join("");
  if (restNs === 0 && text !== "") return text;
  return restNs % 1e9 === 0 || text !== "" || restNs > 1e9 ? `${text}${restNs / 1e9}s` : `${restNs / 1e6}ms`;
}

/** A share of 1: 0.1 → "10%", 0.00123 → "0.123%". */
export function percent(share: number): string {
  return `${Number((share * 100).toPrecision(3))}%`;
}

/** 1 insert, 2 inserts. */
export function count(value: number, noun: string): string {
  return `${whole(value)} ${noun}${value === 1 ? "" : "s"}`;
}

/**
 * The name that was meant by one mistyped: a letter or two neighbours off, a part of it, or some letters off, the more the
 * longer the word; undefined where none is near. Case does not count; of one or two letters nothing else does.
 */
export function nearest(mistyped: string, names: readonly string[]): string | undefined {
  const word = mistyped.toLowerCase();
  const [near] = names
    .map((name) => ({ name, off: edits(name.toLowerCase(), word) }))
    .sort((one, other) => one.off - other.off);
  const most = word.length <= 2 ? 0 : word.length <= 4 ? 1 : word.length <= 7 ? 2 : 3;
  if (near === undefined || near.off <= Math.min(1, most)) return near?.name;
  if (most === 0) return undefined;
  const byPart = names.find((name) => name.split("-").includes(word));
  return byPart ?? (near.off <= most ? near.name : undefined);
}

/** Letters that were put in, left out or taken for another; two that changed places are one. */
function edits(name: string, word: string): number {
  const at = [...name].findIndex((letter, index) => letter !== word[index]);
  const swapped = `${name.slice(0, at)}${name[at + 1] ?? ""}${name[at] ?? ""}${name.slice(at + 2)}`;
  return at >= 0 && swapped === word ? 1 : leven(name, word);
}

/**
 * What others have named or said, fit for a terminal: what moves its cursor, or turns the direction of a line, is written as
 * \u001b. Neither line breaks nor tabs are left.
 */
export const printable = (text: string): string =>
  text.replace(
    /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
