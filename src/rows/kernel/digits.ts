// Numbers and UUIDs as text. Each function writes at `at`, may store past the end of its text (at most 15 bytes), and
// returns where the text ends. Called by kernel.ts.

// "00" "01" … "99", one u16 store for two digits.
const PAIRS: usize = memory.data<u8>([
  48, 48, 48, 49, 48, 50, 48, 51, 48, 52, 48, 53, 48, 54, 48, 55, 48, 56, 48, 57, 49, 48, 49, 49, 49, 50, 49, 51, 49,
  52, 49, 53, 49, 54, 49, 55, 49, 56, 49, 57, 50, 48, 50, 49, 50, 50, 50, 51, 50, 52, 50, 53, 50, 54, 50, 55, 50, 56,
  50, 57, 51, 48, 51, 49, 51, 50, 51, 51, 51, 52, 51, 53, 51, 54, 51, 55, 51, 56, 51, 57, 52, 48, 52, 49, 52, 50, 52,
  51, 52, 52, 52, 53, 52, 54, 52, 55, 52, 56, 52, 57, 53, 48, 53, 49, 53, 50, 53, 51, 53, 52, 53, 53, 53, 54, 53, 55,
  53, 56, 53, 57, 54, 48, 54, 49, 54, 50, 54, 51, 54, 52, 54, 53, 54, 54, 54, 55, 54, 56, 54, 57, 55, 48, 55, 49, 55,
  50, 55, 51, 55, 52, 55, 53, 55, 54, 55, 55, 55, 56, 55, 57, 56, 48, 56, 49, 56, 50, 56, 51, 56, 52, 56, 53, 56, 54,
  56, 55, 56, 56, 56, 57, 57, 48, 57, 49, 57, 50, 57, 51, 57, 52, 57, 53, 57, 54, 57, 55, 57, 56, 57, 57,
]);

// "0000" "0001" … "9999": one u32 load for four digits. 40 KB, written by fillQuads when the kernel is instantiated.
const QUADS: usize = memory.data(40000, 64);

export function fillQuads(): void {
  for (let value: u32 = 0; value < 10000; value++) {
    const high = value / 100;
    store<u16>(QUADS + (value << 2), load<u16>(PAIRS + (high << 1)));
    store<u16>(QUADS + (value << 2), load<u16>(PAIRS + ((value - high * 100) << 1)), 2);
  }
}

/** Four digits with leading zeros; value < 10,000. */
export function writeFour(at: usize, value: u32): void {
  store<u32>(at, load<u32>(QUADS + (value << 2)));
}

/** Any value below 100,000,000 without leading zeros. No branch: the lengths are random, and a wrong guess costs more. */
export function writeUpToEight(at: usize, value: u64): usize {
  const quotient = (value * 109951163) >> 40; // value / 10000
  const high = <u64>load<u32>(QUADS + <usize>(quotient << 2));
  const low = <u64>load<u32>(QUADS + <usize>((value - quotient * 10000) << 2));
  const digits = high | (low << 32);
  // The last digit is written even when it is 0.
  const zeros = ctz((digits ^ 0x3030303030303030) | (1 << 56)) & 56;
  store<u64>(at, digits >> zeros);
  return at + (8 - <usize>(zeros >> 3));
}

/** Any u64 without leading zeros, up to 20 digits. */
export function writeDecimal(at: usize, value: u64): usize {
  if (value < 100000000) return writeUpToEight(at, value);
  const high = value / 100000000;
  const low = <u32>(value - high * 100000000);
  at = writeDecimal(at, high);
  const middle = low / 10000;
  writeFour(at, middle);
  writeFour(at + 4, low - middle * 10000);
  return at + 8;
}

// Three vectors for writeUuid, loaded from memory: the engine builds a literal vector anew each time.
const NIBBLE: usize = memory.data<u8>([15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15], 16);
const NINE: usize = memory.data<u8>([9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9], 16);
const ZERO: usize = memory.data<u8>([48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48], 16);
const LETTER: usize = memory.data<u8>([39, 39, 39, 39, 39, 39, 39, 39, 39, 39, 39, 39, 39, 39, 39, 39], 16);

/** The hexadecimal digits (lower case) of sixteen values below 16. */
function hex(nibbles: v128): v128 {
  const letters = v128.and(i8x16.gt_s(nibbles, v128.load(NINE)), v128.load(LETTER));
  return i8x16.add(i8x16.add(nibbles, v128.load(ZERO)), letters);
}

/** The 36 characters of a version 4 UUID (RFC 9562); its bytes are those of `first` and `last`, lowest byte first. */
export function writeUuid(at: usize, first: u64, last: u64): usize {
  first = (first & 0xff0fffffffffffff) | 0x0040000000000000;
  last = (last & 0xffffffffffffff3f) | 0x80;
  const bytes = i64x2.replace_lane(i64x2.splat(first), 1, last);
  const upper = v128.and(i16x8.shr_u(bytes, 4), v128.load(NIBBLE));
  const lower = v128.and(bytes, v128.load(NIBBLE));
  const low = hex(v128.shuffle<u8>(upper, lower, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
  const high = hex(v128.shuffle<u8>(upper, lower, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31));
  // 8-4-4-4-12: what a wide store puts in the wrong place, the narrower ones after it set right.
  v128.store(at, low);
  v128.store(at, high, 20);
  const middle = i64x2.extract_lane(low, 1);
  store<u64>(at, 0x2d | (middle << 8), 8);
  store<u64>(at, 0x2d | ((middle >> 24) & 0xffffffff00) | 0x2d0000000000, 13);
  store<u32>(at, i32x4.extract_lane(high, 0), 19);
  store<u8>(at, 0x2d, 23);
  return at + 36;
}
