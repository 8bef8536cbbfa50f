// Patterns for texts, by what they look like and how long they are: nothing of the texts themselves is in them. Pure. Called
// by findings.ts.

import { WORDS } from "../rows/words.js";
import type { Seen, Top } from "./questions.js";

/** Such a share of the texts decides what they look like. */
const MOST = 0.95;
const HALF = 0.5;
/** Characters of a generated text at most. */
const LONGEST = 20_000;
/** One piece of a pattern holds so many digits or words. */
const LONGEST_PIECE = 1000;
/** Digits one {int} holds. */
const INT_DIGITS = 18;
/** Between the shortest and the longest of one piece. */
const SPAN = { hex: 16, base62: 10 } as const;
const BASE = { hex: 16, base62: 62 } as const;
/** A word and the space behind it. */
const WORD = WORDS.reduce((sum, word) => sum + word.length, 0) / WORDS.length + 1;

/** `of`: so many texts are to be told apart; `bytes`: of a FixedString. */
export function patternOf(
  { lengths, uuid, digits, hex, spaced }: NonNullable<Seen["texts"]>,
  of: number | undefined,
  bytes: number | undefined,
): string {
  if (uuid >= MOST) return "{uuid}";
  const [mean, , low, high] = lengths;
  const longest = Math.min(LONGEST, bytes ?? LONGEST);
  // Lengths are drawn evenly: as far to both sides of the mean as the nearer edge, so that the mean is kept.
  const center = Math.min(mean, longest);
  const half = Math.max(0, Math.min(center - low, Math.min(high, longest) - center));
  const [from, to] = [Math.max(0, Math.round(center - half)), Math.round(center + half)];
  if (digits >= MOST) return digitsPattern(from, to, of);
  if (hex >= MOST) return lettersPattern("hex", from, to, of, longest);
  if (spaced >= HALF && bytes === undefined) return wordsPattern(center, half, of);
  return lettersPattern("base62", from, to, of, longest);
}

function digitsPattern(from: number, to: number, of = 1): string {
  const most = Math.max(to, 1);
  const rest = Math.max(0, most - INT_DIGITS);
  // Further ones may begin with no zero either, as all do.
  const whole = Math.floor(rest / INT_DIGITS);
  const more = [...Array(whole).fill(INT_DIGITS), rest % INT_DIGITS].filter((width) => width > 0);
  const piece = (first: number, last: number): string =>
    `{int ${first <= 1 ? 0n : 10n ** BigInt(first - 1)}..${10n ** BigInt(last) - 1n}}`;
  const last = Math.min(INT_DIGITS, Math.max(most, String(of).length + 1, 1));
  const first = rest > 0 ? last : Math.min(Math.max(from, 1), last);
  return [piece(of > 1 && first === last && last < INT_DIGITS && 9 * 10 ** (last - 1) < of ? 1 : first, last)]
    .concat(more.map((width) => piece(width, width)))
    .join("");
}

function lettersPattern(kind: "hex" | "base62", from: number, to: number, of = 1, longest: number): string {
  const needed = of > 1 ? Math.ceil(Math.log(of) / Math.log(BASE[kind]) + 1e-9) : 0;
  const fixed = Math.min(longest, Math.max(from, needed));
  let left = Math.max(0, Math.min(to, longest) - fixed);
  if (of <= 1 && left > 0 && left <= SPAN[kind] && to <= LONGEST_PIECE) return `{${kind} ${fixed}..${fixed + left}}`;
  let text = "";
  for (let rest = fixed; rest > 0; rest -= LONGEST_PIECE) text += `{${kind} ${Math.min(rest, LONGEST_PIECE)}}`;
  for (; left > 0; left -= SPAN[kind]) text += `{${kind} 0..${Math.min(left, SPAN[kind])}}`;
  return text === "" ? `{${kind} 0}` : text;
}

function wordsPattern(center: number, half: number, of = 1): string {
  const teller = of > 1 ? ` {int 1..${of}}` : "";
  const words = Math.max(1, (center - (of > 1 ? String(of).length + 1 : 0) + 1) / WORD);
  const from = Math.max(1, Math.round(words - half / WORD));
  const to = Math.max(from, Math.round(words + half / WORD));
  if (to <= LONGEST_PIECE) return `{words ${from === to ? from : `${from}..${to}`}}${teller}`;
  const pieces = Math.ceil(to / LONGEST_PIECE);
  return `${Array(pieces)
    .fill(`{words ${Math.round(from / pieces)}..${Math.floor(to / pieces)}}`)
    .join(" ")}${teller}`;
}

/** Texts in place of these, as many, all different, and as long where that can be. */
export function madeUp(top: readonly Top[]): readonly string[] {
  const taken = new Set<string>();
  return top.map(({ length }, index) => {
    const plain = `value-${index + 1}`;
    const short = (index + 1).toString(36);
    let text =
      length >= plain.length
        ? `${plain}${"-".repeat(length > plain.length ? 1 : 0)}`.padEnd(length, "x")
        : short.padStart(length, "v");
    if (length === 0 && !taken.has("")) text = "";
    while (taken.has(text)) text += short;
    taken.add(text);
    return text;
  });
}
