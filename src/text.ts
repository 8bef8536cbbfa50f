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
 * The name that was meant by one mistyped: a letter off, a part of it, or some letters off; undefined where none is near.
 * Of a single letter: the first name it begins.
 */
export function nearest(mistyped: string, names: readonly string[]): string | undefined {
  const word = mistyped.toLowerCase();
  if (word.length === 1) return names.find((name) => name.startsWith(word));
  const [near] = names.map((name) => ({ name, off: leven(name, word) })).sort((a, b) => a.off - b.off);
  if (near === undefined || near.off <= 1) return near?.name;
  const byPart = names.find((name) => name.split("-").includes(word));
  return byPart ?? (near.off <= Math.max(2, word.length / 3) ? near.name : undefined);
}
