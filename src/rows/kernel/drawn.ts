// Draws a leaf's number and writes it. Called by kernel.ts and binary.ts, for all but the few kinds of value most rows are made of:
// kept out of its loop, which is faster for being small.

import {
  writeBase62,
  writeDate,
  writeDecimal,
  writeFraction,
  writeHex,
  writeIpv4,
  writeScaled,
  writeSigned,
  writeSixGroups,
} from "./digits";
import { below, CELLS, draw, drawCell, SMALL } from "./draw";
import { BASE62, DATE, DIGITS, HEX, IPV4, NUMBER, SCALED, SIX_GROUPS, TEXT, WORDS } from "./instructions";
import { copy } from "./memory";
import { DRAW_STEP, random, randomBelow } from "./random";

/** Writes the value of the instruction at `pc` at `at`, and returns where it ends. */
export function writeDrawn(op: u32, program: usize, pc: usize, at: usize, state: u64, row: u64, timeNs: i64): usize {
  // Most numbers are uniform: without a call for them.
  const source = load<u32>(pc, 12);
  let drawn: i64;
  if (source === SMALL) drawn = load<i64>(pc, 24) + <i64>randomBelow(load<u64>(pc, 16), state, load<u64>(pc, 32));
  else if (source === CELLS) drawn = drawCell(program + load<u32>(pc, 40), load<u64>(pc, 32), load<u64>(pc, 16), state);
  else drawn = draw(program, pc, state, row, timeNs);
  switch (op) {
    case NUMBER:
      return load<u32>(pc, 48) ? writeDecimal(at, <u64>drawn) : writeSigned(at, drawn);
    case SCALED:
      return writeScaled(at, drawn, load<u32>(pc, 48), load<u64>(pc, 56));
    case DATE:
      return writeDate(at, drawn);
    case TEXT: {
      const entry = program + load<u32>(pc, 44) + ((<usize>drawn) << 3);
      const length = load<u32>(entry, 4);
      copy(at, program + load<u32>(entry), length);
      return at + length;
    }
    case HEX:
      return writeHex(at, <u64>drawn, digitsOf(pc, state));
    case BASE62:
      return writeBase62(at, <u64>drawn, digitsOf(pc, state));
    case WORDS:
      return writeWords(at, program + load<u32>(pc, 44), <u32>drawn, load<u64>(pc, 16), state);
    case IPV4:
      return writeIpv4(at, <u32>drawn);
    // These two draw for themselves.
    case DIGITS:
      return writeDigits(at, load<u32>(pc, 48), load<u64>(pc, 16), state);
    case SIX_GROUPS: {
      const stream = load<u64>(pc, 16);
      return writeSixGroups(at, random(stream, state, 0), random(stream, state, 1));
    }
    default:
      return unreachable();
  }
}

/** Eighteen from each random number, the first of them as many as are left over; a zero in front is left out. */
export function writeDigits(at: usize, digits: u32, stream: u64, state: u64): usize {
  let begun = false;
  for (let part: u64 = 0; digits > 0; part++) {
    const now: u32 = digits % 18 == 0 ? 18 : digits % 18;
    digits -= now;
    let power: u64 = 1;
    for (let digit: u32 = 0; digit < now; digit++) power *= 10;
    const value = below(random(stream, state, part), power);
    if (begun) {
      at = writeFraction(at, value, now);
    } else if (value != 0 || digits == 0) {
      at = writeDecimal(at, value);
      begun = true;
    }
  }
  return at;
}

/** How many digits a HEX or BASE62 has. */
function digitsOf(pc: usize, state: u64): u32 {
  const fewest = load<u32>(pc, 48);
  const spread = load<u32>(pc, 44);
  if (spread == 0) return fewest;
  return fewest + <u32>randomBelow(load<u64>(pc, 16) + DRAW_STEP, state, spread + 1);
}

/** Each from eight random bits. The space behind the last word is not part of the text. */
function writeWords(at: usize, list: usize, words: u32, stream: u64, state: u64): usize {
  if (words == 0) return at;
  let bits: u64 = 0;
  for (let word: u32 = 0; word < words; word++) {
    if ((word & 7) == 0) bits = random(stream, state, 2 + (word >> 3));
    const index = <usize>bits & 255;
    v128.store(at, v128.load(list + (index << 4)));
    at += load<u8>(list + index, 4096);
    bits >>= 8;
  }
  return at - 1;
}
