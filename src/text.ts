// Numbers and times as a person reads them. Pure.

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

/** Three significant digits: 0.1234 → "0.123". */
function digits(value: number): string {
  return value >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}

/** Milliseconds: 0.512 → "0.512 ms", 12345 → "12.3 s". */
export function milliseconds(ms: number): string {
  return ms >= 1000 ? `${digits(ms / 1000)} s` : `${digits(ms)} ms`;
}

/** Seconds as a clock shows them: 75 → "1:15", 3675 → "1:01:15". */
export function clockTime(seconds: number): string {
  const at = Math.max(0, Math.floor(seconds));
  const two = (value: number): string => String(value).padStart(2, "0");
  const [h, m, s] = [Math.floor(at / 3600), Math.floor(at / 60) % 60, at % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** 1 insert, 2 inserts. */
export function count(value: number, noun: string): string {
  return `${whole(value)} ${noun}${value === 1 ? "" : "s"}`;
}
