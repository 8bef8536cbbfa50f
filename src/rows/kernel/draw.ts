// Where a leaf's whole number comes from: the second half of an instruction (layout in kernel.ts). Called by kernel.ts,
// drawn.ts and control.ts.
// Which number a leaf gets is decided here, how it is written is not: every format draws alike.

import { random, randomBelow } from "./random";

/** from + a number below count, each as likely; count is at most 2^32. */
export const SMALL: u32 = 0;
/** Likewise for any count; 0 stands for 2^64. */
export const UNIFORM: u32 = 1;
/**
 * A cell is picked by Walker's alias method, then a number in it, each as likely. `count` cells of 32 bytes stand at
 * `table`: threshold u32, alias u32, size u64 (0 for 2^64), first i64, unused 8.
 */
export const CELLS: u32 = 2;
/** from + step * the global row number, modulo `count` where that is not 0. `table`: offset of the step, i64. */
export const SEQUENCE: u32 = 3;
/** The row's time less a delay in nanoseconds drawn from cells as above, in ticks of `from` ns. No cells: no delay. */
export const ROW_TIME: u32 = 4;
/** Distinct for distinct keys: from + key * step + a number below step. `count`: the step, 0 for 2^64. */
export const SPREAD: u32 = 5;
/** Distinct in a map: from + one of the numbers below count, shuffled anew for each map. A count of 0 stands for 2^64. */
export const SHUFFLED: u32 = 6;
/** Likewise: the row's time in ticks of `from` ns, less such a number. */
export const TIME_BACK: u32 = 7;

/** The number of the thing of a set; inside an array or map 64 random bits of its own. */
export let key: u64 = 0;
/** Which element of the array or map it is. */
export let ordinal: u64 = 0;

export function setKey(value: u64): void {
  key = value;
}

export function setOrdinal(value: u64): void {
  ordinal = value;
}

const MASK: u64 = 0xffffffff;

/** The upper 64 bits of the product. */
function multiplyHigh(a: u64, b: u64): u64 {
  const aLow = a & MASK;
  const aHigh = a >> 32;
  const bLow = b & MASK;
  const bHigh = b >> 32;
  const cross = aHigh * bLow + ((aLow * bLow) >> 32);
  return aHigh * bHigh + (cross >> 32) + ((aLow * bHigh + (cross & MASK)) >> 32);
}

/** A number below count (0: 2^64) from 64 random bits. */
export function below(bits: u64, count: u64): u64 {
  return count === 0 ? bits : multiplyHigh(bits, count);
}

/**
 * The ordinal-th of the numbers below count, in an order that the key chooses: a permutation of the next power of two,
 * gone on with until it gives a number below count (cycle walking: Black and Rogaway, Ciphers with arbitrary finite
 * domains, 2002). The ordinal is below count.
 */
function shuffled(count: u64): u64 {
  const last = count - 1;
  if (last === 0) return 0;
  const unused = clz(last);
  const mask = <u64>-1 >> unused;
  const half = (65 - unused) >> 1;
  let number = ordinal;
  do {
    number = (number * (key | 1) + (key >> 32)) & mask;
    number ^= number >> half;
    number = (number * ((key >> 19) | 1) + (key >> 11)) & mask;
    number ^= number >> half;
  } while (number > last);
  return number;
}

/**
 * One random number does for both the cell and the place in it. Without a branch on chance: a wrong guess costs more than
 * all the rest.
 */
export function drawCell(cells: usize, count: u64, stream: u64, state: u64): i64 {
  const bits = random(stream, state, 0);
  const scaled = (bits >> 32) * count;
  const index = <u32>(scaled >> 32);
  const kept = cells + ((<usize>index) << 5);
  const alias = load<u32>(kept, 4);
  const chosen = alias ^ ((alias ^ index) & (0 - <u32>(<u32>scaled < load<u32>(kept))));
  const cell = cells + ((<usize>chosen) << 5);
  const size = load<u64>(cell, 8);
  const first = load<i64>(cell, 16);
  const low = bits & MASK;
  if (size - 1 < MASK) return first + <i64>((low * size) >> 32);
  return first + <i64>below(random(stream, state, 1), size);
}

/** The leaf's whole number; unsigned ones above 2^63 come as negative ones. */
export function draw(program: usize, pc: usize, state: u64, row: u64, timeNs: i64): i64 {
  const source = load<u32>(pc, 12);
  const stream = load<u64>(pc, 16);
  const from = load<i64>(pc, 24);
  const count = load<u64>(pc, 32);
  const table = program + load<u32>(pc, 40);
  switch (source) {
    case SMALL:
      return from + <i64>randomBelow(stream, state, count);
    case UNIFORM:
      return from + <i64>below(random(stream, state, 0), count);
    case CELLS:
      return drawCell(table, count, stream, state);
    case SEQUENCE: {
      const place = count === 0 ? row : row % count;
      return from + <i64>place * load<i64>(table);
    }
    case ROW_TIME: {
      const ns = count === 0 ? timeNs : timeNs - drawCell(table, count, stream, state);
      const tick = ns / from;
      return ns < tick * from ? tick - 1 : tick;
    }
    case SPREAD:
      return (
        from +
        <i64>(
          (key * count +
            (count - 1 < MASK ? randomBelow(stream, state, count) : below(random(stream, state, 0), count)))
        )
      );
    case TIME_BACK: {
      const tick = timeNs / from;
      return (timeNs < tick * from ? tick - 1 : tick) - <i64>shuffled(count);
    }
    default:
      return from + <i64>shuffled(count);
  }
}
