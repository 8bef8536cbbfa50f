// Numbers and UUIDs as text. Each function writes at `at`, may store past the end of its text (at most 15 bytes), and
// returns where the text ends. Called by the other files of the kernel.

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

// "0000" "0001" … "9999": one u32 load for four digits. 40 KB, written by fillTables when the kernel is instantiated.
const QUADS: usize = memory.data(40000, 64);

function fillQuads(): void {
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

/** The eight digits of a value below 100,000,000 as bytes, the first one lowest. */
function eightDigits(value: u64): u64 {
  const quotient = (value * 109951163) >> 40; // value / 10000
  const high = <u64>load<u32>(QUADS + <usize>(quotient << 2));
  const low = <u64>load<u32>(QUADS + <usize>((value - quotient * 10000) << 2));
  return high | (low << 32);
}

/** Any value below 100,000,000 without leading zeros. No branch: the lengths are random, and a wrong guess costs more. */
export function writeUpToEight(at: usize, value: u64): usize {
  const digits = eightDigits(value);
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

// Vectors, loaded from memory: the engine builds a literal vector anew each time.
const NIBBLE: usize = memory.data<u8>([15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15], 16);
const HEX_DIGITS: usize = memory.data<u8>([48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 97, 98, 99, 100, 101, 102], 16);

/** The hexadecimal digits (lower case) of sixteen values below 16. */
function hex(nibbles: v128): v128 {
  return i8x16.swizzle(v128.load(HEX_DIGITS), nibbles);
}

// biome-ignore lint/complexity/noStaticOnlyClass: a decorator, which saves a tenth of the default table's time, stands on methods only.
export class Uuid {
  /** The 36 characters of a version 4 UUID (RFC 9562); its bytes are those of `first` and `last`, lowest byte first. */
  @inline
  static write(at: usize, first: u64, last: u64): usize {
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
    store<u8>(at, 0x2d, 8);
    v128.store_lane<u32>(at, low, 2, 9);
    store<u8>(at, 0x2d, 13);
    v128.store_lane<u32>(at, low, 3, 14);
    store<u8>(at, 0x2d, 18);
    v128.store_lane<u32>(at, high, 0, 19);
    store<u8>(at, 0x2d, 23);
    return at + 36;
  }
}

/** Any i64. */
export function writeSigned(at: usize, value: i64): usize {
  const sign = value >> 63;
  const size = <u64>((value ^ sign) - sign);
  store<u8>(at, 0x2d);
  at -= <usize>sign;
  return size < 100000000 ? writeUpToEight(at, size) : writeDecimal(at, size);
}

/** Exactly eight digits with leading zeros; value < 100,000,000. */
function writeEight(at: usize, value: u64): void {
  store<u64>(at, eightDigits(value));
}

/** A number in units of 1 / power: with its point and `decimals` digits behind it, 1 to 18. power = 10^decimals. */
export function writeScaled(at: usize, value: i64, decimals: u32, power: u64): usize {
  const sign = value >> 63;
  const size = <u64>((value ^ sign) - sign);
  store<u8>(at, 0x2d);
  at -= <usize>sign;
  if (size < 100000000 && decimals < 8) {
    // All digits at once, as in writeUpToEight; the last one before the point is written even when it is 0.
    const digits = eightDigits(size);
    const wholeBits = (8 - <u64>decimals) << 3;
    const zeros = ctz((digits ^ 0x3030303030303030) | ((<u64>1) << (wholeBits - 8))) & 56;
    store<u64>(at, digits >> zeros);
    at += <usize>((wholeBits - zeros) >> 3);
    store<u64>(at, 0x2e | ((digits >> wholeBits) << 8));
    return at + decimals + 1;
  }
  const whole = size / power;
  at = whole < 100000000 ? writeUpToEight(at, whole) : writeDecimal(at, whole);
  store<u8>(at, 0x2e);
  return writeFraction(at + 1, size - whole * power, decimals);
}

/** Powers of ten from 0 to 8, as u64. */
const POWERS: usize = memory.data<u64>([1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000], 8);

/** `digits` digits, 1 to 18, with leading zeros. */
export function writeFraction(at: usize, value: u64, digits: u32): usize {
  while (digits > 8) {
    digits -= 8;
    const power =
      digits > 8
        ? load<u64>(POWERS, 64) * load<u64>(POWERS + ((<usize>(digits - 8)) << 3))
        : load<u64>(POWERS + ((<usize>digits) << 3));
    const high = value / power;
    writeEight(at, high);
    value -= high * power;
    at += 8;
  }
  writeEight(at, value * load<u64>(POWERS + ((<usize>(8 - digits)) << 3)));
  return at + digits;
}

/**
 * yyyy-mm-dd of a day since 1970-01-01; years 0 to 9999. No branch. Source: Neri and Schneider, Euclidean affine functions
 * and their application to calendar algorithms, 2022: a year begins in March, a century has 36,524.25 days.
 */
export function writeDate(at: usize, day: i64): usize {
  const quarters = 4 * <u32>(day + 719468) + 3;
  const century = quarters / 146097;
  const yearPart = <u64>((quarters - century * 146097) | 3) * 2939745;
  const dayOfYear = <u32>yearPart / 11758980;
  const monthPart = 2141 * dayOfYear + 197913;
  const nextYear = <u32>(dayOfYear >= 306);
  const month = (monthPart >> 16) - 12 * nextYear;
  const dayOfMonth = (monthPart & 0xffff) / 2141 + 1;
  writeFour(at, 100 * century + <u32>(yearPart >> 32) + nextYear);
  store<u8>(at, 0x2d, 4);
  store<u16>(at, load<u16>(PAIRS + (month << 1)), 5);
  store<u8>(at, 0x2d, 7);
  store<u16>(at, load<u16>(PAIRS + (dayOfMonth << 1)), 8);
  return at + 10;
}

/** a.b.c.d of a 32-bit address. */
export function writeIpv4(at: usize, address: u32): usize {
  at = writeByte(at, address >> 24);
  store<u8>(at, 0x2e);
  at = writeByte(at + 1, (address >> 16) & 255);
  store<u8>(at, 0x2e);
  at = writeByte(at + 1, (address >> 8) & 255);
  store<u8>(at, 0x2e);
  return writeByte(at + 1, address & 255);
}

/** 0 to 255, as writeUpToEight: no branch. */
function writeByte(at: usize, value: u32): usize {
  const digits = load<u32>(QUADS + (value << 2));
  const zeros = ctz((digits ^ 0x30303030) | (1 << 24)) & 24;
  store<u32>(at, digits >> zeros);
  return at + (4 - (zeros >> 3));
}

/** The lower 64 bits of a vector of hexadecimal digits, most significant digit first. */
function hexOf(value: u64): v128 {
  // The highest byte comes first.
  const bytes = i64x2.splat(bswap(value));
  const upper = v128.and(i16x8.shr_u(bytes, 4), v128.load(NIBBLE));
  const lower = v128.and(bytes, v128.load(NIBBLE));
  return hex(v128.shuffle<u8>(upper, lower, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
}

/** The lowest `digits` hexadecimal digits, 0 to 16, with leading zeros. */
export function writeHex(at: usize, value: u64, digits: u32): usize {
  v128.store(at, hexOf(value << ((64 - (digits << 2)) & 63)));
  return at + digits;
}

const COLON: usize = memory.data<u8>([58, 58, 58, 58, 58, 58, 58, 58, 58, 58, 58, 58, 58, 58, 58, 58], 16);

/** Six groups of four hexadecimal digits: the 64 bits of `first` and the upper 32 of `last`. */
export function writeSixGroups(at: usize, first: u64, last: u64): usize {
  const colon = v128.load(COLON);
  const four = hexOf(first);
  const two = hexOf(last);
  v128.store(at, v128.shuffle<u8>(four, colon, 0, 1, 2, 3, 16, 4, 5, 6, 7, 16, 8, 9, 10, 11, 16, 12));
  v128.store(at, v128.shuffle<u8>(four, colon, 13, 14, 15, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16), 16);
  v128.store(at, v128.shuffle<u8>(two, colon, 0, 1, 2, 3, 16, 4, 5, 6, 7, 16, 16, 16, 16, 16, 16, 16), 20);
  return at + 29;
}

// "00" "01" … "zz": two digits of base 62, 0-9 A-Z a-z. Written by fillTables.
const PAIRS62: usize = memory.data(7688, 64);

function digit62(value: u32): u32 {
  if (value < 10) return 48 + value;
  return value < 36 ? 55 + value : 61 + value;
}

/** The tables that are too long to stand here as text. */
export function fillTables(): void {
  fillQuads();
  for (let value: u32 = 0; value < 3844; value++) {
    store<u8>(PAIRS62 + (value << 1), digit62(value / 62));
    store<u8>(PAIRS62 + (value << 1), digit62(value % 62), 1);
  }
}

/** The lowest `digits` digits to base 62, 0 to 10, with leading zeros. Ten are stored, the last `digits` of them count. */
export function writeBase62(at: usize, value: u64, digits: u32): usize {
  const end = at + digits;
  const odd = digits & 1;
  let to = end;
  while (to > at + odd) {
    const rest = value / 3844;
    to -= 2;
    store<u16>(to, load<u16>(PAIRS62 + ((<usize>(value - rest * 3844)) << 1)));
    value = rest;
  }
  if (odd) store<u8>(at, digit62(<u32>(value % 62)));
  return end;
}
