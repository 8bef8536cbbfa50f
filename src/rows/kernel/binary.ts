// Bytes for RowBinary and Native: the loop over rows, and the values that are no text. Texts inside are written as in the
// other formats: drawn.ts, control.ts. Called by renderer.ts. Which number a leaf has is decided in draw.ts, for all alike.

import { control, nextAt, nextState } from "./control";
import { Uuid } from "./digits";
import { below, draw } from "./draw";
import { writeDrawn } from "./drawn";
import {
  CHOICE,
  END,
  FLOAT,
  INSTRUCTION_BYTES,
  INT,
  IPV6_BYTES,
  JUMP,
  LENGTH,
  LITERAL,
  OFFSET,
  ROW_INT,
  SMALL_INT,
  TEXT_BEGIN,
  TEXT_END,
  TEXT_PAD,
  TIME_INT,
  UUID,
  UUID_BYTES,
  WIDE,
  WIDE_DIGITS,
} from "./instructions";
import { copy } from "./memory";
import { ROW_STEP, random, randomBelow } from "./random";

/** Where the text that is being written begins: texts do not stand in texts. */
let textStart: usize = 0;

/** Up to ten bytes, seven bits in each, the lowest first. */
function writeVarUint(at: usize, value: u64): usize {
  while (value >= 128) {
    store<u8>(at, <u8>(value | 128));
    at++;
    value >>= 7;
  }
  store<u8>(at, <u8>value);
  return at + 1;
}

function varUintBytes(value: u64): usize {
  let bytes: usize = 1;
  for (; value >= 128; value >>= 7) bytes++;
  return bytes;
}

/** `kept` bytes stand free before the text; where its length needs fewer, the text moves there. */
function endText(at: usize, kept: usize): usize {
  const length = at - textStart;
  const needed = varUintBytes(<u64>length);
  const first = textStart - kept;
  if (needed < kept) memory.copy(first + needed, textStart, length);
  writeVarUint(first, <u64>length);
  return first + needed + length;
}

const EXACT: i64 = 1 << 53;
/** 2^27 + 1: splits a double into halves whose products are exact (Dekker, A floating-point technique, 1971). */
const SPLIT: f64 = 134217729;

/**
 * The double next to units / power, as a reader of the decimal text has it. Both are exact up to 2^53, and then one
 * division does it; beyond, what the division leaves over is divided, too.
 */
function quotient(units: i64, power: f64): f64 {
  const high = <f64>units;
  const result = high / power;
  if (units <= EXACT && units >= -EXACT) return result;
  const low = <f64>(units - <i64>high);
  const bigResult = result * SPLIT;
  const resultHigh = bigResult - (bigResult - result);
  const resultLow = result - resultHigh;
  const bigPower = power * SPLIT;
  const powerHigh = bigPower - (bigPower - power);
  const powerLow = power - powerHigh;
  const product = result * power;
  const lost = resultHigh * powerHigh - product + resultHigh * powerLow + resultLow * powerHigh + resultLow * powerLow;
  return result + (high - product - lost + low) / power;
}

function writeFloat(at: usize, units: i64, power: f64, bytes: u32): usize {
  const value = quotient(units, power);
  if (bytes == 8) store<f64>(at, value);
  else if (bytes == 4) store<f32>(at, <f32>value);
  else store<u16>(at, <u16>(reinterpret<u32>(<f32>value) >> 16));
  return at + bytes;
}

const MASK: u64 = 0xffffffff;

/** at[0..4) = at[0..4) * factor + carry, four u64 with the lowest first, modulo 2^256. */
function multiplyAdd(at: usize, factor: u64, carry: u64): void {
  const factorLow = factor & MASK;
  const factorHigh = factor >> 32;
  for (let limb: usize = 0; limb < 32; limb += 8) {
    const value = load<u64>(at + limb);
    const low = (value & MASK) * factorLow;
    const middle = (value >> 32) * factorLow + (low >> 32);
    const other = (value & MASK) * factorHigh + (middle & MASK);
    const high = (value >> 32) * factorHigh + (middle >> 32) + (other >> 32);
    const product = (other << 32) | (low & MASK);
    const sum = product + carry;
    store<u64>(at + limb, sum);
    carry = high + <u64>(sum < product);
  }
}

/** The 256-bit number at `multiplier` times `value`; `at` may be written beyond `bytes`, up to 32. */
function writeWide(at: usize, value: i64, unsigned: bool, multiplier: usize, bytes: u32): usize {
  const negative = !unsigned && value < 0;
  v128.store(at, v128.load(multiplier));
  v128.store(at, v128.load(multiplier, 16), 16);
  multiplyAdd(at, <u64>(negative ? -value : value), 0);
  if (negative) {
    let borrow: u64 = 1;
    for (let limb: usize = 0; limb < 32; limb += 8) {
      const sum = ~load<u64>(at + limb) + borrow;
      borrow = borrow & <u64>(sum == 0);
      store<u64>(at + limb, sum);
    }
  }
  return at + bytes;
}

/** The number that DIGITS writes as text: drawn.ts. */
function writeWideDigits(at: usize, digits: u32, bytes: u32, stream: u64, state: u64): usize {
  v128.store(at, i64x2.splat(0));
  v128.store(at, i64x2.splat(0), 16);
  for (let part: u64 = 0; digits > 0; part++) {
    const now: u32 = digits % 18 == 0 ? 18 : digits % 18;
    digits -= now;
    let power: u64 = 1;
    for (let digit: u32 = 0; digit < now; digit++) power *= 10;
    multiplyAdd(at, power, below(random(stream, state, part), power));
  }
  return at + bytes;
}

/** The value of the instruction at `pc`, none of the few that the loop below knows. Exported, it is not inlined there. */
export function writeBytes(op: u32, program: usize, pc: usize, at: usize, state: u64, row: u64, timeNs: i64): usize {
  const size = load<u32>(pc, 48);
  const stream = load<u64>(pc, 16);
  switch (op) {
    case INT: {
      store<i64>(at, draw(program, pc, state, row, timeNs) * load<i64>(pc, 56));
      return at + size;
    }
    case FLOAT:
      return writeFloat(at, draw(program, pc, state, row, timeNs), load<f64>(pc, 56), size);
    case WIDE: {
      const multiplier = program + load<u32>(pc, 44);
      return writeWide(at, draw(program, pc, state, row, timeNs), load<u32>(pc, 52) != 0, multiplier, size);
    }
    case WIDE_DIGITS:
      return writeWideDigits(at, load<u32>(pc, 44), size, stream, state);
    case UUID_BYTES: {
      // Version 4, variant 1, as writeUuid sets them; the first byte of the text is the highest.
      const first = (random(stream, state, 0) & 0xff0fffffffffffff) | 0x0040000000000000;
      const last = (random(stream, state, 1) & 0xffffffffffffff3f) | 0x80;
      store<u64>(at, bswap(first));
      store<u64>(at, bswap(last), 8);
      return at + 16;
    }
    case IPV6_BYTES: {
      store<u64>(at, bswap(random(stream, state, 0)));
      store<u64>(at, bswap(random(stream, state, 1)), 8);
      return at + 12;
    }
    case TEXT_BEGIN: {
      textStart = at + size;
      return textStart;
    }
    case TEXT_END:
      return endText(at, size);
    case TEXT_PAD: {
      const end = textStart + load<u32>(pc, 44);
      memory.fill(at, 0, end - at);
      return end;
    }
    case LENGTH:
      return writeVarUint(at, <u64>draw(program, pc, state, row, timeNs));
    case OFFSET: {
      const sum = program + load<u32>(pc, 44);
      store<u64>(sum, load<u64>(sum) + <u64>draw(program, pc, state, row, timeNs));
      store<u64>(at, load<u64>(sum));
      return at + 8;
    }
    default:
      return unreachable();
  }
}

let otherAt: usize = 0;
let otherState: u64 = 0;

/** All ops but the few in the loop below, which is faster with one call in it than with three. Returns as control does. */
export function other(op: u32, program: usize, pc: usize, at: usize, state: u64, row: u64, timeNs: i64): usize {
  otherState = state;
  if (op >= JUMP && op < INT) {
    pc = control(op, program, pc, at, state, row, timeNs);
    otherAt = nextAt;
    otherState = nextState;
  } else if (op < JUMP) {
    otherAt = writeDrawn(op, program, pc, at, state, row, timeNs);
  } else {
    otherAt = writeBytes(op, program, pc, at, state, row, timeNs);
  }
  return pc;
}

/** The literal of the instruction at `pc`. */
function writeLiteral(program: usize, pc: usize, at: usize, length: u32): usize {
  v128.store(at, v128.load(pc, 64));
  if (length > 16) {
    v128.store(at, v128.load(pc, 80), 16);
    if (length > 32) copy(at + 32, program + load<u32>(pc, 8), length - 32);
  }
  return at + length;
}

/** The row's time in ticks: divided anew only when the tick changes. */
function tickOf(cache: usize, timeNs: i64, tickNs: i64): i64 {
  const next = load<i64>(cache);
  if (timeNs >= next || timeNs < next - tickNs) {
    const tick = timeNs / tickNs;
    store<i64>(cache, (tick + 1) * tickNs);
    store<i64>(cache, tick, 8);
  }
  return load<i64>(cache, 8);
}

/** Whether a program is one of the few that renderColumn knows: one short value, and nothing behind it. */
function isColumn(pc: usize): bool {
  const op = load<u32>(pc);
  if (op == END) return load<u32>(pc, 4) <= 32;
  if (load<u32>(pc + INSTRUCTION_BYTES) != END || load<u32>(pc + INSTRUCTION_BYTES, 4) != 0) return false;
  if (op == CHOICE) return true;
  if (op == UUID) return load<u32>(pc, 4) <= 16;
  return load<u32>(pc, 4) == 0 && (op == SMALL_INT || op == ROW_INT || op == TIME_INT);
}

/** What renderBytes does, in loops without instructions: most columns of Native are one of these. */
export function renderColumn(
  program: usize,
  pc: usize,
  at: usize,
  row: u64,
  rows: u32,
  timeNs: i64,
  fraction: u64,
  stepNs: i64,
  stepFraction: u64,
  denominator: u64,
): usize {
  const stream = load<u64>(pc, 16);
  const from = load<u64>(pc, 24);
  const count = load<u64>(pc, 32);
  const data = program + load<u32>(pc, 44);
  const size = <usize>load<u32>(pc, 48);
  const power = load<u64>(pc, 56);
  const end = row + <u64>rows;
  let state = row * ROW_STEP;
  switch (load<u32>(pc)) {
    case END: {
      const length = <usize>load<u32>(pc, 4);
      const first = v128.load(pc, 64);
      const second = v128.load(pc, 80);
      if (length <= 16) {
        for (; row < end; row++, at += length) v128.store(at, first);
      } else {
        for (; row < end; row++, at += length) {
          v128.store(at, first);
          v128.store(at, second, 16);
        }
      }
      return at;
    }
    case CHOICE: {
      for (; row < end; row++, state += ROW_STEP) {
        const place = data + ((<usize>randomBelow(stream, state, count)) << 3);
        copy(at, program + load<u32>(place), size);
        at += load<u32>(place, 4);
      }
      return at;
    }
    case UUID: {
      const length = <usize>load<u32>(pc, 4);
      const before = v128.load(pc, 64);
      for (; row < end; row++, state += ROW_STEP) {
        v128.store(at, before);
        at = Uuid.write(at + length, random(stream, state, 0), random(stream, state, 1));
      }
      return at;
    }
    case SMALL_INT: {
      for (; row < end; row++, state += ROW_STEP, at += size) {
        store<u64>(at, (randomBelow(stream, state, count) + from) * power);
      }
      return at;
    }
    case ROW_INT: {
      for (; row < end; row++, at += size) store<u64>(at, row);
      return at;
    }
    default: {
      for (; row < end; row++, at += size) {
        store<i64>(at, tickOf(data, timeNs, <i64>power));
        timeNs += stepNs;
        fraction += stepFraction;
        if (fraction >= denominator) {
          fraction -= denominator;
          timeNs++;
        }
      }
      return at;
    }
  }
}

/**
 * As `render` in kernel.ts, for a program that begins `entry` bytes behind `program`: whole rows of RowBinary, or one part of
 * one column of Native for each of the rows.
 */
export function renderBytes(
  program: usize,
  entry: usize,
  at: usize,
  row: u64,
  rows: u32,
  timeNs: i64,
  fraction: u64,
  stepNs: i64,
  stepFraction: u64,
  denominator: u64,
): usize {
  const begin = program + entry;
  if (isColumn(begin)) {
    return renderColumn(program, begin, at, row, rows, timeNs, fraction, stepNs, stepFraction, denominator);
  }
  let last = begin;
  while (load<u32>(last) != END) last += INSTRUCTION_BYTES;
  const behind = load<u32>(last, 4);
  const end = row + <u64>rows;
  let rowState = row * ROW_STEP;
  while (row < end) {
    let state = rowState;
    for (let pc = begin; pc < last; pc += INSTRUCTION_BYTES) {
      const op = load<u32>(pc);
      if (op == CHOICE) {
        const index = randomBelow(load<u64>(pc, 16), state, load<u32>(pc, 32));
        const place = program + load<u32>(pc, 44) + ((<usize>index) << 3);
        copy(at, program + load<u32>(place), load<u32>(pc, 48));
        at += load<u32>(place, 4);
        continue;
      }
      const prefix = load<u32>(pc, 4);
      if (prefix != 0) at = writeLiteral(program, pc, at, prefix);
      // By how often they are met: a chain of guesses that come true costs less than a jump by a table.
      if (op == SMALL_INT) {
        const value = randomBelow(load<u64>(pc, 16), state, load<u64>(pc, 32)) + load<u64>(pc, 24);
        store<u64>(at, value * load<u64>(pc, 56));
        at += load<u32>(pc, 48);
      } else if (op == ROW_INT) {
        store<u64>(at, row);
        at += load<u32>(pc, 48);
      } else if (op == TIME_INT) {
        store<i64>(at, tickOf(program + load<u32>(pc, 44), timeNs, load<i64>(pc, 56)));
        at += load<u32>(pc, 48);
      } else if (op == UUID) {
        const stream = load<u64>(pc, 16);
        at = Uuid.write(at, random(stream, state, 0), random(stream, state, 1));
      } else if (op != LITERAL) {
        pc = other(op, program, pc, at, state, row, timeNs);
        at = otherAt;
        state = otherState;
      }
    }
    if (behind != 0) at = writeLiteral(program, last, at, behind);
    row++;
    rowState += ROW_STEP;
    timeNs += stepNs;
    fraction += stepFraction;
    if (fraction >= denominator) {
      fraction -= denominator;
      timeNs++;
    }
  }
  return at;
}
