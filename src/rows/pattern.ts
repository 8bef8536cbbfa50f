// The text of a pattern, as "/product/{int 1..10000}", → its pieces, and pieces → parts that draw. Pure. Called by fit.ts.
//
//   {uuid}  {row}  {int 1..10000}  {hex 8}  {base62 4..12}  {words 3..10}  {GET|POST|PUT}  {{ and }} for { and }

import type { Things } from "./rule.js";
import type { Draw, Part } from "./value.js";

export type Piece =
  | { readonly kind: "literal"; readonly text: string }
  | { readonly kind: "uuid" }
  /** The number of the row in the run. */
  | { readonly kind: "row" }
  | { readonly kind: "int"; readonly from: bigint; readonly to: bigint }
  | { readonly kind: "hex" | "base62"; readonly fewest: number; readonly most: number }
  | { readonly kind: "words"; readonly from: number; readonly to: number }
  | { readonly kind: "one-of"; readonly texts: readonly string[] };

/** The message is the end of a complaint about the pattern. */
export class PatternError extends Error {}

const LONGEST = { hex: 1000, base62: 1000, words: 1000 } as const;
const INT_MOST = (1n << 63n) - 1n;
const KNOWN = "{uuid}, {row}, {int 1..100}, {hex 8}, {base62 4..12}, {words 3..10} or {one|other}";

/** Throws a PatternError. */
export function parsePattern(text: string): readonly Piece[] {
  if (/\p{Surrogate}/u.test(text)) throw new PatternError("has halves of characters (lone surrogates)");
  const pieces: Piece[] = [];
  let literal = "";
  const flush = (): void => {
    if (literal !== "") pieces.push({ kind: "literal", text: literal });
    literal = "";
  };
  for (let at = 0; at < text.length; ) {
    const two = text.slice(at, at + 2);
    if (two === "{{" || two === "}}") {
      literal += two[0];
      at += 2;
    } else if (text[at] === "}") {
      throw new PatternError("has a } without its {: write }} for the character itself");
    } else if (text[at] === "{") {
      const end = text.indexOf("}", at);
      if (end < 0) throw new PatternError("has a { without its }: write {{ for the character itself");
      flush();
      pieces.push(pieceOf(text.slice(at + 1, end)));
      at = end + 1;
    } else {
      literal += text[at];
      at += 1;
    }
  }
  flush();
  return pieces;
}

function pieceOf(inside: string): Piece {
  if (inside.includes("|")) return { kind: "one-of", texts: inside.split("|") };
  const [, word = "", first, last] = /^(\w+)(?: +(-?\d+)(?:\.\.(-?\d+))?)?$/.exec(inside.trim()) ?? [];
  if (word === "uuid" && first === undefined) return { kind: "uuid" };
  if (word === "row" && first === undefined) return { kind: "row" };
  if (word === "int") {
    if (first === undefined || last === undefined) throw new PatternError("needs a range in {int 1..100}");
    const [from, to] = [BigInt(first), BigInt(last)];
    if (from > to) throw new PatternError(`has {${inside}}: ${from} is above ${to}`);
    if (from < -INT_MOST || to > INT_MOST) throw new PatternError(`has {${inside}}: beyond 64 bits`);
    return { kind: "int", from, to };
  }
  if (word === "hex" || word === "base62" || word === "words") {
    if (first === undefined) throw new PatternError(`needs a number in {${word} 8}`);
    const [from, to] = [Number(first), Number(last ?? first)];
    if (from < 0 || to > LONGEST[word] || from > to) {
      throw new PatternError(`has {${inside}}: must be a number or a range from 0 to ${LONGEST[word]}`);
    }
    if (word === "words") return { kind: "words", from, to };
    if (to - from > CHUNK[word]) throw new PatternError(`has {${inside}}: at most ${CHUNK[word]} between the two`);
    return { kind: word, fewest: from, most: to };
  }
  throw new PatternError(`has {${inside}}, which is none of ${KNOWN}`);
}

/** Digits that one draw gives. */
const CHUNK = { hex: 16, base62: 10 } as const;
const BASE = { hex: 16n, base62: 62n } as const;

const uniform = (from: bigint, count: bigint): Draw => ({ kind: "uniform", from, count });

/** How many texts a piece can be told to make; 0: none in particular. A UUID is distinct of itself. */
function capacity(piece: Piece): bigint {
  switch (piece.kind) {
    case "int":
      return piece.to - piece.from + 1n;
    case "hex":
    case "base62":
      return piece.fewest === piece.most ? BASE[piece.kind] ** BigInt(Math.min(piece.most, CHUNK[piece.kind])) : 0n;
    case "one-of":
      return new Set(piece.texts).size === piece.texts.length ? BigInt(piece.texts.length) : 0n;
    default:
      return 0n;
  }
}

/**
 * @param path the stream of the text; each part has one of its own below it
 * @param things if they are to be told apart, each gets another text: one of the parts is told apart by the thing's
 *   number. Throws a PatternError when none has so many values.
 */
export function partsOf(pieces: readonly Piece[], path: string, things: Things | undefined): readonly Part[] {
  let teller = -1;
  if (things !== undefined && !pieces.some(({ kind }) => kind === "uuid")) {
    const capacities = pieces.map(capacity);
    teller = capacities.findIndex((most) => most === capacities.reduce((a, b) => (a > b ? a : b), 0n));
    const most = capacities[teller] ?? 0n;
    if (things.of > 1 && most < BigInt(things.of)) {
      if (!things.apart) return partsOf(pieces, path, undefined);
      throw new PatternError(
        `needs a part with ${things.of} values or more, as {uuid}, {hex 16} or {int 1..${things.of}}: its largest has ${most}`,
      );
    }
  }
  return pieces.flatMap((piece, index) => {
    const of = index === teller && things !== undefined ? BigInt(things.of) : undefined;
    return partOf(piece, `${path}#${index}`, (from, count) =>
      of === undefined ? uniform(from, count) : { kind: "spread", from, count, of },
    );
  });
}

function partOf(piece: Piece, stream: string, draw: (from: bigint, count: bigint) => Draw): readonly Part[] {
  switch (piece.kind) {
    case "literal":
      return [piece];
    case "uuid":
      return [{ kind: "uuid", stream }];
    case "row":
      return [{ kind: "number", draw: { kind: "sequence", from: 0n, step: 1n, count: 0n }, stream }];
    case "int":
      return [{ kind: "number", draw: draw(piece.from, piece.to - piece.from + 1n), stream }];
    case "words":
      return [{ kind: "words", draw: uniform(BigInt(piece.from), BigInt(piece.to - piece.from + 1)), stream }];
    case "one-of":
      return [{ kind: "one-of", texts: piece.texts, draw: draw(0n, BigInt(piece.texts.length)), stream }];
    case "hex":
    case "base62": {
      // Longer ones in chunks; what varies in length is a chunk of its own.
      const { kind, fewest, most } = piece;
      const fixed = most - fewest === 0 || most > CHUNK[kind] ? fewest : 0;
      const parts: Part[] = [];
      for (let done = 0; done < fixed; done += CHUNK[kind]) {
        const digits = Math.min(CHUNK[kind], fixed - done);
        const whole = BASE[kind] ** BigInt(digits);
        const chunkDraw = done === 0 ? draw(0n, whole) : uniform(0n, whole);
        parts.push({ kind, draw: chunkDraw, fewest: digits, most: digits, stream: `${stream}.${done}` });
      }
      if (most > fixed) {
        const whole = BASE[kind] ** BigInt(most - fixed);
        parts.push({
          kind,
          draw: uniform(0n, whole),
          fewest: fewest - fixed,
          most: most - fixed,
          stream: `${stream}.last`,
        });
      }
      return parts;
    }
  }
}
