// Lines of JSON: counted, and checked by JSON's grammar. Called by ../../replay/lines.ts.
// Every line ends with a line feed, which nothing inside a line may hold: it stops whatever reads on, so no end is
// compared with. Loads run over by up to 63 bytes.
//
// A cursor is 32 bytes of the caller's, set to zero before the first call:
//
//    0  rows      u32   rows that countRows or checkRows has found, in its last call
//    4  begun     u32   whether the line at hand has shown a character that is not white
//    8  lines     u32   checkRows: lines in its last call, blank ones too
//   12  blank     u32   checkRows: bytes of the blank ones of them
//   16  longest   u32   checkRows: bytes of the longest row of all calls
//   20  fault     u32   checkRows: what is wrong with the line it stopped at, 0: nothing
//   24  faultAt   usize and where

const NEWLINE: usize = memory.data<u8>([10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10], 16);
const QUOTE: usize = memory.data<u8>([34, 34, 34, 34, 34, 34, 34, 34, 34, 34, 34, 34, 34, 34, 34, 34], 16);
const BACKSLASH: usize = memory.data<u8>([92, 92, 92, 92, 92, 92, 92, 92, 92, 92, 92, 92, 92, 92, 92, 92], 16);
/** Zero in these bits: a control character. */
const PRINTED: usize = memory.data<u8>(
  [224, 224, 224, 224, 224, 224, 224, 224, 224, 224, 224, 224, 224, 224, 224, 224],
  16,
);
const SPACE: usize = memory.data<u8>([32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32], 16);

/** Bytes of the longest line there may be, with its line feed. */
const MOST_BYTES: usize = 16 << 20;
/** Of objects and arrays within each other: as many as ClickHouse takes unless it is told otherwise. */
const MOST_DEPTH: usize = 1000;
/** The closing bracket of each that is open. */
const OPEN: usize = memory.data(1024, 16);

// Faults.
const NOT_AN_OBJECT: u32 = 1;
const UNEXPECTED: u32 = 2;
const MORE: u32 = 3;
const TOO_DEEP: u32 = 4;
const TOO_LONG: u32 = 5;

export const QUOTE_BYTE: u32 = 0x22;
export const BACKSLASH_BYTE: u32 = 0x5c;
export const OPEN_OBJECT: u32 = 0x7b;
export const CLOSE_OBJECT: u32 = 0x7d;
export const OPEN_ARRAY: u32 = 0x5b;
export const CLOSE_ARRAY: u32 = 0x5d;
export const COMMA: u32 = 0x2c;
const COLON: u32 = 0x3a;
const LINE_FEED: u32 = 0x0a;

let fault: u32 = 0;
let faultAt: usize = 0;

function refuse(at: usize, why: u32): usize {
  fault = why;
  faultAt = at;
  return 0;
}

/** Where the sixteen bytes at `at` have line feeds. */
export function newlines(at: usize): i32 {
  return i8x16.bitmask(i8x16.eq(v128.load(at), v128.load(NEWLINE)));
}

/** And where they have what is neither white nor a control character. */
function ink(at: usize): i32 {
  return i8x16.bitmask(i8x16.gt_u(v128.load(at), v128.load(SPACE)));
}

/**
 * Counts rows, which are lines that are not blank, up to `rows` of them. Goes on with a line that an earlier call began.
 * Returns the address behind the last row that ended in [at, end), `at` where none did.
 */
export function countRows(cursor: usize, at: usize, end: usize, rows: u32): usize {
  let found: u32 = 0;
  let begun = load<u32>(cursor, 4);
  let rowsEnd = at;
  while (at < end) {
    if (begun) {
      // Nothing but the line's end matters any more.
      const feed = v128.load(NEWLINE);
      while (at + 64 <= end) {
        const first = v128.or(i8x16.eq(v128.load(at), feed), i8x16.eq(v128.load(at, 16), feed));
        const last = v128.or(i8x16.eq(v128.load(at, 32), feed), i8x16.eq(v128.load(at, 48), feed));
        if (v128.any_true(v128.or(first, last))) break;
        at += 64;
      }
      if (at === end) break;
    }
    const left = end - at;
    const within: i32 = left < 16 ? (1 << (<i32>left)) - 1 : 0xffff;
    let ends = newlines(at) & within;
    let seen = begun ? 0 : ink(at) & within;
    while (ends) {
      const index = ctz(ends);
      if (begun || seen & ((1 << index) - 1)) {
        found++;
        rowsEnd = at + index + 1;
        if (found === rows) {
          store<u32>(cursor, found);
          store<u32>(cursor, 0, 4);
          return rowsEnd;
        }
        // What was seen belonged to the line that has ended.
        seen = ink(at) & within;
        begun = 0;
      }
      seen &= ~((2 << index) - 1);
      ends &= ends - 1;
    }
    if (seen) begun = 1;
    at += 16;
  }
  store<u32>(cursor, found);
  store<u32>(cursor, begun, 4);
  return rowsEnd;
}

export function space(at: usize): usize {
  while (true) {
    const byte = load<u8>(at);
    if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0d) return at;
    at++;
  }
}

function isHex(byte: u32): bool {
  return byte - 48 < 10 || (byte | 32) - 97 < 6;
}

function isDigit(byte: u32): bool {
  return byte - 48 < 10;
}

/** Behind the closing quote of the string whose characters begin at `at`; 0 where it is none. */
export function stringEnd(at: usize): usize {
  while (true) {
    const bytes = v128.load(at);
    const control = i8x16.eq(v128.and(bytes, v128.load(PRINTED)), i64x2.splat(0));
    const ends = v128.or(i8x16.eq(bytes, v128.load(QUOTE)), i8x16.eq(bytes, v128.load(BACKSLASH)));
    const special = i8x16.bitmask(v128.or(control, ends));
    if (special === 0) {
      at += 16;
      continue;
    }
    at += ctz(special);
    const byte: u32 = load<u8>(at);
    if (byte === QUOTE_BYTE) return at + 1;
    if (byte !== BACKSLASH_BYTE) return refuse(at, UNEXPECTED);
    switch (<u32>load<u8>(at, 1)) {
      case 0x22: // "
      case 0x5c: // \
      case 0x2f: // /
      case 0x62: // b
      case 0x66: // f
      case 0x6e: // n
      case 0x72: // r
      case 0x74: // t
        at += 2;
        break;
      case 0x75: {
        // u
        for (let digit: usize = 2; digit < 6; digit++) {
          if (!isHex(load<u8>(at + digit))) return refuse(at + digit, UNEXPECTED);
        }
        at += 6;
        break;
      }
      default:
        return refuse(at + 1, UNEXPECTED);
    }
  }
}

function digitsEnd(at: usize): usize {
  if (!isDigit(load<u8>(at))) return refuse(at, UNEXPECTED);
  do at++;
  while (isDigit(load<u8>(at)));
  return at;
}

/** Behind the number at `at`; 0 where it is none. */
function numberEnd(at: usize): usize {
  if (load<u8>(at) === 0x2d) at++;
  at = load<u8>(at) === 0x30 ? at + 1 : digitsEnd(at);
  if (at === 0) return 0;
  if (load<u8>(at) === 0x2e) {
    at = digitsEnd(at + 1);
    if (at === 0) return 0;
  }
  if ((load<u8>(at) | 32) === 0x65) {
    at++;
    const sign = load<u8>(at);
    return digitsEnd(sign === 0x2b || sign === 0x2d ? at + 1 : at);
  }
  return at;
}

/** Behind `true`, `false`, `null` or a number at `at`; 0 where there is none. */
function scalarEnd(at: usize, byte: u32): usize {
  if (isDigit(byte) || byte === 0x2d) return numberEnd(at);
  const four = load<u32>(at);
  if (four === 0x65757274 || four === 0x6c6c756e) return at + 4;
  if (four === 0x736c6166 && load<u8>(at, 4) === 0x65) return at + 5;
  return refuse(at, UNEXPECTED);
}

/** The line feed behind the one object that stands at `at`; 0 where there is another thing. */
function objectLine(at: usize): usize {
  if (load<u8>(at) !== OPEN_OBJECT) return refuse(at, NOT_AN_OBJECT);
  let depth: usize = 0;
  // The bracket that closes what is open, whether a key may come, and whether the bracket may come at once.
  let closing = CLOSE_OBJECT;
  let opened = true;
  store<u8>(OPEN, closing);
  at++;
  while (true) {
    at = space(at);
    let byte: u32 = load<u8>(at);
    let valued = true;
    if (opened && byte === closing) {
      valued = false;
    } else {
      opened = false;
      if (closing === CLOSE_OBJECT) {
        if (byte !== QUOTE_BYTE) return refuse(at, UNEXPECTED);
        at = stringEnd(at + 1);
        if (at === 0) return 0;
        at = space(at);
        if (load<u8>(at) !== COLON) return refuse(at, UNEXPECTED);
        at = space(at + 1);
        byte = load<u8>(at);
      }
      if (byte === QUOTE_BYTE) {
        at = stringEnd(at + 1);
        if (at === 0) return 0;
      } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
        if (++depth === MOST_DEPTH) return refuse(at, TOO_DEEP);
        // [ and ], { and } are two apart.
        closing = byte + 2;
        store<u8>(OPEN + depth, closing);
        opened = true;
        at++;
        continue;
      } else {
        at = scalarEnd(at, byte);
        if (at === 0) return 0;
      }
    }
    // Behind a value, or at the bracket that ends what is empty.
    while (true) {
      if (valued) at = space(at);
      byte = load<u8>(at);
      if (byte === closing) {
        at++;
        if (depth === 0) {
          at = space(at);
          return load<u8>(at) === LINE_FEED ? at : refuse(at, MORE);
        }
        depth--;
        closing = load<u8>(OPEN + depth);
        valued = true;
        continue;
      }
      if (byte !== COMMA) return refuse(at, UNEXPECTED);
      at++;
      opened = false;
      break;
    }
  }
}

/**
 * Checks the lines in [at, end), up to `rows` rows: each must be one JSON object, or blank. `end` is behind a line feed.
 * Returns where it stopped: at `end`, behind the last row wanted, or at the line that has a fault.
 */
export function checkRows(cursor: usize, at: usize, end: usize, rows: u32): usize {
  let found: u32 = 0;
  let lines: u32 = 0;
  let blank: u32 = 0;
  let longest = load<u32>(cursor, 16);
  store<u32>(cursor, 0, 20);
  while (found < rows && at < end) {
    const line = at;
    at = space(at);
    if (load<u8>(at) === LINE_FEED) {
      blank += <u32>(at + 1 - line);
    } else {
      at = objectLine(at);
      if (at - line >= MOST_BYTES && at !== 0) at = refuse(line, TOO_LONG);
      if (at === 0) {
        store<u32>(cursor, fault, 20);
        store<u32>(cursor, <u32>faultAt, 24);
        at = line;
        break;
      }
      found++;
      const bytes = <u32>(at + 1 - line);
      if (bytes > longest) longest = bytes;
    }
    lines++;
    at++;
  }
  store<u32>(cursor, found);
  store<u32>(cursor, lines, 8);
  store<u32>(cursor, blank, 12);
  store<u32>(cursor, longest, 16);
  return at;
}
