// The kernel: interprets a row program and writes rows straight into a slot of the worker's memory.
// AssemblyScript, compiled by `npm run build:kernel`; its only caller is ../renderer.ts.
// It allocates nothing, reads no clock, and writes nothing but the slot and the caches inside the program.
//
// A program is a relocatable block of bytes (../program.ts makes it); offsets count from its first byte.
// Instructions are 64 bytes each, a cache line, one after the other, the last one END:
//
//    0  op       u32   what to write (below)
//    4  prefix   u32   length of the literal that stands before the value; not of CHOICE, whose texts begin with it
//    8  literal  u32   offset of that literal's 33rd byte, where it has one
//   12  count    u32   CHOICE: number of texts; INTEGER: size of the range; TIME: nanoseconds a tick
//   16  stream   u64   CHOICE, INTEGER, UUID: the leaf's random stream, a hash of (seed, column path)
//   24  data     u32   CHOICE: offset of a table of (offset u32, length u32); TIME, ROW_NUMBER: offset of a cache;
//                      INTEGER: the first value of the range
//   28  longest  u32   CHOICE: length of the longest text
//   32  text     32 B  the literal's first bytes
//
// Literals and texts are copied by unconditional 16-byte stores that may run 15 bytes past their end; the next value
// overwrites what is too much. So each literal and text is followed by padding, and a slot ends with spare bytes.

import { fillQuads, writeDecimal, writeFour, writeUpToEight, writeUuid } from "./digits";
import { ROW_STEP, random, randomBelow } from "./random";

const INSTRUCTION_BYTES: usize = 64;

/** The end of a row: its literal, no value. */
const END: u32 = 0;
/** The row's time in ticks since the epoch. Cache: next tick's time i64, length u32, unused u32, text 32 bytes. */
const TIME: u32 = 1;
/** A random version 4 UUID. */
const UUID: u32 = 2;
/** One of `count` texts, each as likely. */
const CHOICE: u32 = 3;
/** The global row number. Cache: next row u64, its last four digits u32, length of the others u32, text 32 bytes. */
const ROW_NUMBER: u32 = 4;
/** A whole number from a range, each as likely. */
const INTEGER: u32 = 5;

/** The first address that the kernel's own tables leave free. */
export function tablesEnd(): usize {
  return __heap_base;
}

/** Copies `length` bytes in steps of 16, running over by up to 15. */
function copy(to: usize, from: usize, length: usize): void {
  v128.store(to, v128.load(from));
  for (let done: usize = 16; done < length; done += 16) v128.store(to + done, v128.load(from + done));
}

/** Rows that share a tick share its text: it is made anew only when the tick changes. */
function writeTime(at: usize, cache: usize, timeNs: i64, tickNs: i64): usize {
  const next = load<i64>(cache);
  if (timeNs >= next || timeNs < next - tickNs) {
    const tick = timeNs / tickNs;
    store<i64>(cache, (tick + 1) * tickNs);
    store<u32>(cache, <u32>(writeDecimal(cache + 16, <u64>tick) - (cache + 16)), 8);
  }
  v128.store(at, v128.load(cache + 16));
  v128.store(at, v128.load(cache + 16, 16), 16);
  return at + load<u32>(cache, 8);
}

/** Rows come in order: only the last four digits change from one to the next. */
function writeRowNumber(at: usize, cache: usize, row: u64): usize {
  let low = load<u32>(cache, 8);
  if (row != load<u64>(cache) || low == 10000 || row < 10000) {
    if (row < 10000) return writeDecimal(at, row);
    const high = row / 10000;
    low = <u32>(row - high * 10000);
    store<u32>(cache, <u32>(writeDecimal(cache + 16, high) - (cache + 16)), 12);
  }
  store<u64>(cache, row + 1);
  store<u32>(cache, low + 1, 8);
  v128.store(at, v128.load(cache + 16));
  at += load<u32>(cache, 12);
  writeFour(at, low);
  return at + 4;
}

/**
 * Writes `rows` rows from global row `row` on at `at` and returns where they end. The first row's time is
 * timeNs + fraction / denominator nanoseconds since the epoch; from one row to the next it grows by
 * stepNs + stepFraction / denominator: exact, however the rows are cut into batches.
 */
export function render(
  program: usize,
  at: usize,
  row: u64,
  rows: u32,
  timeNs: i64,
  fraction: u64,
  stepNs: i64,
  stepFraction: u64,
  denominator: u64,
): usize {
  const end = row + <u64>rows;
  let rowState = row * ROW_STEP;
  while (row < end) {
    for (let pc = program; ; pc += INSTRUCTION_BYTES) {
      const op = load<u32>(pc);
      if (op == CHOICE) {
        const index = randomBelow(load<u64>(pc, 16), rowState, load<u32>(pc, 12));
        const entry = program + load<u32>(pc, 24) + ((<usize>index) << 3);
        copy(at, program + load<u32>(entry), load<u32>(pc, 28));
        at += load<u32>(entry, 4);
        continue;
      }
      // Branches on what is the same in every row cost little; a loop costs more.
      const prefix = load<u32>(pc, 4);
      v128.store(at, v128.load(pc, 32));
      if (prefix > 16) {
        v128.store(at, v128.load(pc, 48), 16);
        if (prefix > 32) copy(at + 32, program + load<u32>(pc, 8), prefix - 32);
      }
      at += prefix;
      if (op == END) break;
      switch (op) {
        case TIME: {
          at = writeTime(at, program + load<u32>(pc, 24), timeNs, <i64>load<u32>(pc, 12));
          break;
        }
        case UUID: {
          const stream = load<u64>(pc, 16);
          at = writeUuid(at, random(stream, rowState, 0), random(stream, rowState, 1));
          break;
        }
        case ROW_NUMBER: {
          at = writeRowNumber(at, program + load<u32>(pc, 24), row);
          break;
        }
        case INTEGER: {
          const value = randomBelow(load<u64>(pc, 16), rowState, load<u32>(pc, 12)) + <u64>load<u32>(pc, 24);
          at = value < 100000000 ? writeUpToEight(at, value) : writeDecimal(at, value);
          break;
        }
        default:
          unreachable();
      }
    }
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

fillQuads();
