// Arrays, NULLs, choices between kinds of value, and sets of things: which instruction comes next, and on what state the
// leaves then depend. Called by kernel.ts and binary.ts.
//
// Leaves of a row draw with the row's state. Inside an array's element, or a thing of a set (KEY), the state is another
// one, derived from it; each ARRAY and KEY has a frame of 40 bytes at `data` where the outer one waits:
//
//    0  state u64   8  key u64   16  number of elements u32   20  elements begun u32   24  key inside u64   32  ordinal u64

import { draw, key, ordinal, setKey, setOrdinal } from "./draw";
import { ARRAY, BRANCH, INSTRUCTION_BYTES, JUMP, KEY, NEXT, NULLABLE, RESTORE } from "./instructions";
import { ROW_STEP, random } from "./random";

/** Draws of an array beside its length: the key inside, and the state of each element. */
const KEY_INSIDE: u64 = 1;
const ELEMENTS: u64 = 2;

/** The state of the leaves that come next. */
export let nextState: u64 = 0;
/** Where writing goes on. */
export let nextAt: usize = 0;

/**
 * Carries out the instruction at `pc` and returns the one before the next; `state` and `at` as they are then stand in
 * nextState and nextAt.
 */
export function control(op: u32, program: usize, pc: usize, at: usize, state: u64, row: u64, timeNs: i64): usize {
  nextState = state;
  nextAt = at;
  switch (op) {
    case JUMP:
      return program + load<u32>(pc, 44) - INSTRUCTION_BYTES;
    case NULLABLE: {
      if (random(load<u64>(pc, 16), state, 0) >> 32 >= load<u64>(pc, 56)) return pc;
      store<u32>(at, load<u32>(pc, 24));
      nextAt = at + load<u32>(pc, 48);
      return program + load<u32>(pc, 44) - INSTRUCTION_BYTES;
    }
    case BRANCH: {
      const table = program + load<u32>(pc, 44);
      const index = <usize>draw(program, pc, state, row, timeNs);
      return program + load<u32>(table + (index << 2)) - INSTRUCTION_BYTES;
    }
    case ARRAY: {
      const elements = <u32>draw(program, pc, state, row, timeNs);
      if (elements == 0) return program + load<u32>(pc, 48) - INSTRUCTION_BYTES;
      const frame = program + load<u32>(pc, 44);
      const stream = load<u64>(pc, 16);
      const keyInside = random(stream, state, KEY_INSIDE);
      store<u64>(frame, state);
      store<u64>(frame, key, 8);
      store<u32>(frame, elements, 16);
      store<u32>(frame, 1, 20);
      store<u64>(frame, keyInside, 24);
      store<u64>(frame, ordinal, 32);
      setKey(keyInside);
      setOrdinal(0);
      nextState = random(stream, state, ELEMENTS);
      return pc;
    }
    case NEXT: {
      const frame = program + load<u32>(pc, 44);
      const begun = load<u32>(frame, 20);
      if (begun == load<u32>(frame, 16)) {
        nextState = load<u64>(frame);
        setKey(load<u64>(frame, 8));
        setOrdinal(load<u64>(frame, 32));
        return pc;
      }
      store<u8>(at, 0x2c);
      nextAt = at + load<u32>(pc, 52);
      store<u32>(frame, begun + 1, 20);
      setKey(load<u64>(frame, 24));
      setOrdinal(begun);
      nextState = random(load<u64>(pc, 16), load<u64>(frame), ELEMENTS + begun);
      return program + load<u32>(pc, 48) - INSTRUCTION_BYTES;
    }
    case KEY: {
      const frame = program + load<u32>(pc, 44);
      const thing = <u64>draw(program, pc, state, row, timeNs);
      store<u64>(frame, state);
      store<u64>(frame, key, 8);
      setKey(thing);
      nextState = thing * ROW_STEP;
      return pc;
    }
    case RESTORE: {
      const frame = program + load<u32>(pc, 44);
      nextState = load<u64>(frame);
      setKey(load<u64>(frame, 8));
      return pc;
    }
    default:
      return unreachable();
  }
}
