// What the numbers of an instruction mean (layout in kernel.ts). Names alone.

export const INSTRUCTION_BYTES: usize = 96;

/** The end of a row: its literal, no value. */
export const END: u32 = 0;
/** The row's time in ticks since the epoch. Cache: next tick's time i64, length u32, unused u32, text 32 bytes. */
export const TIME: u32 = 1;
/** A random version 4 UUID. */
export const UUID: u32 = 2;
/** One of `count` texts, each as likely. `data`: table of (offset u32, length u32); `size`: length of the longest. */
export const CHOICE: u32 = 3;
/** The global row number. Cache: next row u64, its last four digits u32, length of the others u32, text 32 bytes. */
export const ROW_NUMBER: u32 = 4;
/** from + a number below count, neither negative nor from a count above 2^32: what most numbers are. */
export const INTEGER: u32 = 5;
/** The literal alone. */
export const LITERAL: u32 = 6;
/** 96 random bits as six groups of an IPv6 address. */
export const SIX_GROUPS: u32 = 7;
/** `size` random decimal digits without leading zeros. */
export const DIGITS: u32 = 8;
/** TIME as yyyy-mm-dd; a tick is a day. */
export const ROW_DATE: u32 = 9;
/** A number drawn from cells, from 0 to 99,999,999. */
export const CELL_INTEGER: u32 = 10;
/** KEY for a uniform number, and RESTORE, where what they stand in is the row: most of them do. */
export const ROW_KEY: u32 = 11;
export const ROW_RESTORE: u32 = 12;
/** ROW_KEY for a number drawn from cells. */
export const ROW_CELL_KEY: u32 = 13;
/** A number that is distinct for distinct keys: SPREAD in draw.ts, neither negative nor of a step above 2^32. */
export const KEY_INTEGER: u32 = 14;
/**
 * ROW_KEY or ROW_CELL_KEY, KEY_INTEGER and ROW_RESTORE in one: the most common set is one of numbers. `from` and `power`
 * are the number's first value and step, the u64 at `data` its stream.
 */
export const THING_INTEGER: u32 = 15;

// From here on they write a number that is drawn: drawn.ts.

/** A whole number; `size`: 1 where it is unsigned. */
export const NUMBER: u32 = 16;
/** A number in units of 10^-`size`. */
export const SCALED: u32 = 17;
/** A day since 1970-01-01 as yyyy-mm-dd. */
export const DATE: u32 = 18;
/** One of the texts of a table as for CHOICE. */
export const TEXT: u32 = 19;
/** The lowest hexadecimal digits: from `size` to `size` + `data` of them, each as likely. */
export const HEX: u32 = 20;
/** Likewise to base 62, of 0-9 A-Z a-z. */
export const BASE62: u32 = 21;
/** So many words. `data`: 256 entries of 16 bytes, then their 256 lengths; a space ends each. */
export const WORDS: u32 = 22;
export const IPV4: u32 = 23;

// From here on they choose what comes next: control.ts.

/** The literal, then on at the instruction at offset `data`. */
export const JUMP: u32 = 32;
/**
 * For numbers below `power` of 2^32 the `size` bytes that stand at `from`, up to four, and on at the instruction at offset
 * `data`; else the value that follows.
 */
export const NULLABLE: u32 = 33;
/** On at one of the instructions at the offsets (u32) of the table at `data`. */
export const BRANCH: u32 = 34;
/** So many elements: the instructions up to the NEXT of the same frame. `size`: offset of what follows it. */
export const ARRAY: u32 = 35;
/** The end of an element: a comma, or nothing where `flag` is 0, and the instruction at offset `size` again, or the array's end. */
export const NEXT: u32 = 36;
/** The thing of that number: until RESTORE, leaves depend on it, not on the row. */
export const KEY: u32 = 37;
/** The end of what a KEY began. */
export const RESTORE: u32 = 38;

// From here on they write bytes no text has: binary.ts.

/** A whole number times `power`: its lowest `size` bytes, the lowest first. */
export const INT: u32 = 64;
/** INT of a uniform number whose count is at most 2^32. */
export const SMALL_INT: u32 = 65;
/** INT of the global row number. */
export const ROW_INT: u32 = 66;
/** INT of the row's time in ticks of `power` nanoseconds since the epoch. Cache: next tick's time i64, tick i64. */
export const TIME_INT: u32 = 67;
/** A whole number / `power`, which is an f64, in a float of `size` bytes: 8, 4, or 2 for a BFloat16. */
export const FLOAT: u32 = 68;
/** A whole number (`flag`: 1 where it is unsigned) times the 256-bit number at `data`: its lowest `size` bytes, 16 or 32. */
export const WIDE: u32 = 69;
/** A whole number of `data` random decimal digits: its lowest `size` bytes, 16 or 32. */
export const WIDE_DIGITS: u32 = 70;
/** UUID as ClickHouse has it in memory: two u64. */
export const UUID_BYTES: u32 = 71;
/** The last twelve bytes of an IPv6 address; the digits of SIX_GROUPS. */
export const IPV6_BYTES: u32 = 72;
/** A text begins: `size` bytes are kept free before it for its length. */
export const TEXT_BEGIN: u32 = 73;
/** It ends: its length as a varuint goes before it. */
export const TEXT_END: u32 = 74;
/** It ends: filled up with zeros to `data` bytes. */
export const TEXT_PAD: u32 = 75;
/** A whole number as a varuint. */
export const LENGTH: u32 = 76;
/** A whole number added to the u64 at `data`: the sum, in eight bytes. */
export const OFFSET: u32 = 77;
