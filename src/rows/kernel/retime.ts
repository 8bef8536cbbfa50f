// Lines of JSON that have been checked (lines.ts): one time of each rewritten. Called by ../../replay/lines.ts.

import { writeDate, writeDecimal, writeScaled } from "./digits";
import {
  BACKSLASH_BYTE,
  CLOSE_ARRAY,
  CLOSE_OBJECT,
  COMMA,
  newlines,
  OPEN_ARRAY,
  OPEN_OBJECT,
  QUOTE_BYTE,
  space,
  stringEnd,
} from "./lines";
import { copy } from "./memory";

/** The line feed that ends the line at `at`. */
function lineEnd(at: usize): usize {
  while (true) {
    const ends = newlines(at);
    if (ends) return at + ctz(ends);
    at += 16;
  }
}

/** Behind the value at `at`, of a line that has been checked. */
function valueEnd(at: usize): usize {
  let depth = 0;
  while (true) {
    const byte: u32 = load<u8>(at);
    if (byte === QUOTE_BYTE) {
      at = stringEnd(at + 1);
      if (depth === 0) return at;
      continue;
    }
    if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      depth++;
    } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
      // Of what is around it: there was a scalar.
      if (depth === 0) return at;
      if (--depth === 0) return at + 1;
    } else if (depth === 0 && (byte === COMMA || byte <= 0x20)) {
      return at;
    }
    at++;
  }
}

function hexDigit(byte: u32): u32 {
  return byte < 58 ? byte - 48 : (byte | 32) - 87;
}

/** The UTF-16 unit of the four hexadecimal digits at `at`. */
function unitAt(at: usize): u32 {
  let unit: u32 = 0;
  for (let digit: usize = 0; digit < 4; digit++) unit = (unit << 4) | hexDigit(load<u8>(at + digit));
  return unit;
}

/** Where the key's character at `at` ends when it is an escape; its UTF-8 is left in `utf8`, lowest byte first. */
let utf8: u32 = 0;
function escapeEnd(at: usize): usize {
  const letter: u32 = load<u8>(at, 1);
  if (letter !== 0x75) {
    utf8 = letter;
    if (letter === 0x62) utf8 = 8;
    else if (letter === 0x66) utf8 = 12;
    else if (letter === 0x6e) utf8 = 10;
    else if (letter === 0x72) utf8 = 13;
    else if (letter === 0x74) utf8 = 9;
    return at + 2;
  }
  let point = unitAt(at + 2);
  at += 6;
  if (point >> 10 === 0x36 && load<u16>(at) === 0x755c) {
    const low = unitAt(at + 2);
    if (low >> 10 === 0x37) {
      point = 0x10000 + ((point & 0x3ff) << 10) + (low & 0x3ff);
      at += 6;
    }
  }
  if (point < 0x80) utf8 = point;
  else if (point < 0x800) utf8 = 0x80c0 | (point >> 6) | ((point & 0x3f) << 8);
  else if (point < 0x10000) utf8 = 0x8080e0 | (point >> 12) | ((point & 0xfc0) << 2) | ((point & 0x3f) << 16);
  else {
    utf8 = 0x808080f0 | (point >> 18) | ((point & 0x3f000) >> 4) | ((point & 0xfc0) << 10) | ((point & 0x3f) << 24);
  }
  return at;
}

/** Whether the string whose characters begin at `at` says the `nameBytes` bytes at `name`. */
function says(at: usize, name: usize, nameBytes: usize): bool {
  const end = name + nameBytes;
  while (true) {
    const byte: u32 = load<u8>(at);
    if (byte === QUOTE_BYTE) return name === end;
    if (name === end) return false;
    if (byte !== BACKSLASH_BYTE) {
      if (byte !== load<u8>(name)) return false;
      at++;
      name++;
      continue;
    }
    at = escapeEnd(at);
    do {
      if (name === end || (utf8 & 0xff) !== load<u8>(name)) return false;
      name++;
      utf8 >>= 8;
    } while (utf8 !== 0);
  }
}

/** Where the value of the top-level key stands in the object at `at`, a line that has been checked; 0: nowhere. */
function findValue(at: usize, name: usize, nameBytes: usize): usize {
  at = space(at + 1);
  while (load<u8>(at) === QUOTE_BYTE) {
    const key = at + 1;
    at = space(space(stringEnd(key)) + 1);
    if (says(key, name, nameBytes)) return at;
    at = space(valueEnd(at));
    if (load<u8>(at) === CLOSE_OBJECT) return 0;
    at = space(at + 1);
  }
  return 0;
}

function put(at: usize, from: usize, end: usize): usize {
  memory.copy(at, from, end - from);
  return at + (end - from);
}

const DAY_NS: i64 = 86400000000000;
const SECOND_NS: i64 = 1000000000;

/** Ticks of a second, which has so many of their digits behind the point. */
let perSecond: i64 = 1;
let digits: u32 = 0;

function setTick(tickNs: i64): void {
  perSecond = tickNs < SECOND_NS ? SECOND_NS / tickNs : 1;
  digits = 0;
  for (let power = perSecond; power > 1; power /= 10) digits++;
}

/**
 * As yyyy-mm-dd in quotes where a tick is a day, else in seconds since the epoch: in quotes where they have a fraction, which every
 * version of ClickHouse reads alike (../ticks.ts).
 */
function putTime(at: usize, timeNs: i64, tickNs: i64): usize {
  const tick = timeNs / tickNs;
  if (digits === 0 && tickNs !== DAY_NS) return writeDecimal(at, <u64>tick);
  store<u8>(at, QUOTE_BYTE);
  at = digits === 0 ? writeDate(at + 1, tick) : writeScaled(at + 1, tick, digits, <u64>perSecond);
  store<u8>(at, QUOTE_BYTE);
  return at + 1;
}

/**
 * Writes the rows of [from, end), whole lines that have been checked, at `at`, with the time of each as the value of one
 * top-level key: in the place of its value, or before the first key where the row has none. Blank lines are left out.
 * `key`: its name and, behind that, the key as JSON with its colon. The times are those of `render`. Returns where it ends.
 */
export function retime(
  from: usize,
  end: usize,
  at: usize,
  key: usize,
  nameBytes: usize,
  textBytes: usize,
  tickNs: i64,
  timeNs: i64,
  fraction: u64,
  stepNs: i64,
  stepFraction: u64,
  denominator: u64,
): usize {
  setTick(tickNs);
  while (from < end) {
    const object = space(from);
    const feed = lineEnd(object);
    from = feed + 1;
    if (object === feed) continue;
    const value = findValue(object, key, nameBytes);
    if (value !== 0) {
      at = putTime(put(at, object, value), timeNs, tickNs);
      at = put(at, valueEnd(value), from);
    } else {
      store<u8>(at, OPEN_OBJECT);
      copy(at + 1, key + nameBytes, textBytes);
      at = putTime(at + 1 + textBytes, timeNs, tickNs);
      const first = space(object + 1);
      if (load<u8>(first) !== CLOSE_OBJECT) {
        store<u8>(at, COMMA);
        at++;
      }
      at = put(at, first, from);
    }
    timeNs += stepNs;
    fraction += stepFraction;
    if (fraction >= denominator) {
      fraction -= denominator;
      timeNs++;
    }
  }
  return at;
}
