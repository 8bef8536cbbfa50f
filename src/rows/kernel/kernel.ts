// The kernel: interprets a row program and writes rows straight into a slot of the worker's memory.
// AssemblyScript, compiled by `npm run build:kernel`; its only caller is ../renderer.ts. Rows of text here, others: binary.ts.
// It allocates nothing, reads no clock, and writes nothing but the slot and the caches inside the program.
//
// A program is a relocatable block of bytes (../program.ts makes it); offsets count from its first byte.
// Instructions are 96 bytes each, one after the other, the last one END:
//
//    0  op       u32   what to write: instructions.ts
//    4  prefix   u32   length of the literal that stands before the value; not of CHOICE, whose texts begin with it
//    8  literal  u32   offset of that literal's 33rd byte, where it has one
//   12  source   u32 ┐
//   16  stream   u64 │ the leaf's whole number: draw.ts. The stream is a hash of (seed, column path)
//   24  from     i64 │
//   32  count    u64 │
//   40  table    u32 ┘
//   44  data     u32   what the op needs: an offset in the program
//   48  size     u32   a length, a number of digits
//   52  flag     u32   what the op takes it for
//   56  power    u64   10^decimals, nanoseconds a tick
//   64  text     32 B  the literal's first bytes
//
// Literals and texts are copied by unconditional 16-byte stores that may run 15 bytes past their end; the next value
// overwrites what is too much. So each literal and text is followed by padding, and a slot ends with spare bytes.

import { control, nextAt, nextState } from "./control";
import { fillTables, Uuid, writeDate, writeDecimal, writeFour, writeSixGroups, writeUpToEight } from "./digits";
import { CELLS, drawCell, key, setKey } from "./draw";
import { writeDigits, writeDrawn } from "./drawn";
import {
  CELL_INTEGER,
  CHOICE,
  DIGITS,
  END,
  INSTRUCTION_BYTES,
  INTEGER,
  JUMP,
  KEY_INTEGER,
  LITERAL,
  NUMBER,
  ROW_CELL_KEY,
  ROW_DATE,
  ROW_KEY,
  ROW_NUMBER,
  ROW_RESTORE,
  SIX_GROUPS,
  THING_INTEGER,
  TIME,
  UUID,
} from "./instructions";
import { copy } from "./memory";
import { ROW_STEP, random, randomBelow } from "./random";

export { other, renderBytes, renderColumn, writeBytes } from "./binary";
export { checkRows, countRows } from "./lines";
export { retime } from "./retime";

// Exported, they are not inlined into the loop, which must stay small enough for the engine's registers.
export { control, writeDrawn };

/** The first address that the kernel's own tables leave free. */
export function tablesEnd(): usize {
  return __heap_base;
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

/** Likewise. */
function writeRowDate(at: usize, cache: usize, timeNs: i64, dayNs: i64): usize {
  const next = load<i64>(cache);
  if (timeNs >= next || timeNs < next - dayNs) {
    const day = timeNs / dayNs;
    store<i64>(cache, (day + 1) * dayNs);
    writeDate(cache + 16, day);
  }
  v128.store(at, v128.load(cache + 16));
  return at + 10;
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
    let state = rowState;
    for (let pc = program; ; pc += INSTRUCTION_BYTES) {
      const op = load<u32>(pc);
      if (op == CHOICE) {
        const index = randomBelow(load<u64>(pc, 16), state, load<u32>(pc, 32));
        const entry = program + load<u32>(pc, 44) + ((<usize>index) << 3);
        copy(at, program + load<u32>(entry), load<u32>(pc, 48));
        at += load<u32>(entry, 4);
        continue;
      }
      // Branches on what is the same in every row cost little; a loop costs more.
      const prefix = load<u32>(pc, 4);
      v128.store(at, v128.load(pc, 64));
      if (prefix > 16) {
        v128.store(at, v128.load(pc, 80), 16);
        if (prefix > 32) copy(at + 32, program + load<u32>(pc, 8), prefix - 32);
      }
      at += prefix;
      if (op == END) break;
      if (op >= NUMBER) {
        if (op < JUMP) {
          at = writeDrawn(op, program, pc, at, state, row, timeNs);
        } else {
          pc = control(op, program, pc, at, state, row, timeNs);
          at = nextAt;
          state = nextState;
        }
        continue;
      }
      switch (op) {
        case TIME: {
          at = writeTime(at, program + load<u32>(pc, 44), timeNs, load<i64>(pc, 56));
          break;
        }
        case ROW_DATE: {
          at = writeRowDate(at, program + load<u32>(pc, 44), timeNs, load<i64>(pc, 56));
          break;
        }
        case UUID: {
          const stream = load<u64>(pc, 16);
          at = Uuid.write(at, random(stream, state, 0), random(stream, state, 1));
          break;
        }
        case ROW_NUMBER: {
          at = writeRowNumber(at, program + load<u32>(pc, 44), row);
          break;
        }
        case INTEGER: {
          const value = randomBelow(load<u64>(pc, 16), state, load<u64>(pc, 32)) + load<u64>(pc, 24);
          at = value < 100000000 ? writeUpToEight(at, value) : writeDecimal(at, value);
          break;
        }
        case CELL_INTEGER: {
          const value = drawCell(program + load<u32>(pc, 40), load<u64>(pc, 32), load<u64>(pc, 16), state);
          at = writeUpToEight(at, <u64>value);
          break;
        }
        case ROW_KEY: {
          const thing = randomBelow(load<u64>(pc, 16), state, load<u64>(pc, 32));
          setKey(thing);
          state = thing * ROW_STEP;
          break;
        }
        case ROW_CELL_KEY: {
          const thing = <u64>drawCell(program + load<u32>(pc, 40), load<u64>(pc, 32), load<u64>(pc, 16), state);
          setKey(thing);
          state = thing * ROW_STEP;
          break;
        }
        case THING_INTEGER: {
          const stream = load<u64>(pc, 16);
          const things = load<u64>(pc, 32);
          const thing =
            load<u32>(pc, 12) === CELLS
              ? <u64>drawCell(program + load<u32>(pc, 40), things, stream, state)
              : randomBelow(stream, state, things);
          const step = load<u64>(pc, 56);
          const value = load<u64>(pc, 24) + thing * step + randomBelow(load<u64>(pc, 44), thing * ROW_STEP, step);
          at = value < 100000000 ? writeUpToEight(at, value) : writeDecimal(at, value);
          break;
        }
        case ROW_RESTORE: {
          state = rowState;
          break;
        }
        case KEY_INTEGER: {
          const step = load<u64>(pc, 32);
          const value = load<u64>(pc, 24) + key * step + randomBelow(load<u64>(pc, 16), state, step);
          at = value < 100000000 ? writeUpToEight(at, value) : writeDecimal(at, value);
          break;
        }
        case SIX_GROUPS: {
          const stream = load<u64>(pc, 16);
          at = writeSixGroups(at, random(stream, state, 0), random(stream, state, 1));
          break;
        }
        case DIGITS: {
          at = writeDigits(at, load<u32>(pc, 48), load<u64>(pc, 16), state);
          break;
        }
        case LITERAL:
          break;
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

fillTables();
