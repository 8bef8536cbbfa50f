// A file in pieces, in the kernel's memory: one is read while the one before is worked on. A pass ends with a line feed,
// whether the file does or not; a byte order mark is left out. Called by scan.ts and replayer.ts.

import type { ByteSource } from "./file.js";
import { type Lines, OVERRUN_BYTES } from "./lines.js";

/** A piece stays in a core's own cache. */
export const PIECE_BYTES = 1024 * 1024;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf] as const;
const LINE_FEED = 10;

export class Pieces {
  /** Bytes of memory. */
  static readonly bytes = 2 * (PIECE_BYTES + OVERRUN_BYTES);
  readonly #lines: Lines;
  readonly #source: ByteSource;
  readonly #buffers: readonly [number, number];
  #current: 0 | 1 = 0;
  #ahead: Promise<number> | undefined;
  #lastByte = LINE_FEED;
  #isFirst = true;

  /** `at`: of {@link Pieces.bytes}. */
  constructor(lines: Lines, source: ByteSource, at: number) {
    this.#lines = lines;
    this.#source = source;
    this.#buffers = [at, at + PIECE_BYTES + OVERRUN_BYTES];
  }

  /** Where the next piece lies, until the next call; undefined at the end of the pass, behind which the next begins. */
  async next(): Promise<{ readonly at: number; readonly end: number } | undefined> {
    this.#ahead ??= this.#read(this.#current);
    const bytes = await this.#ahead;
    this.#ahead = undefined;
    const at = this.#buffers[this.#current];
    if (bytes === 0) {
      const isCut = this.#lastByte !== LINE_FEED;
      this.#lastByte = LINE_FEED;
      if (isCut) {
        this.#lines.bytes(at, 1)[0] = LINE_FEED;
        return { at, end: at + 1 };
      }
      await this.rewind();
      return undefined;
    }
    const piece = this.#lines.bytes(at, bytes);
    this.#lastByte = piece[bytes - 1] ?? LINE_FEED;
    const from = this.#isFirst && BYTE_ORDER_MARK.every((byte, index) => piece[index] === byte) ? 3 : 0;
    this.#isFirst = false;
    this.#current = this.#current === 0 ? 1 : 0;
    this.#ahead = this.#read(this.#current);
    return { at: at + from, end: at + bytes };
  }

  #read(buffer: 0 | 1): Promise<number> {
    const reading = this.#source.read(this.#lines.bytes(this.#buffers[buffer], PIECE_BYTES));
    // Nobody may come to ask for it.
    reading.catch(() => undefined);
    return reading;
  }

  /** Back to the start. */
  async rewind(): Promise<void> {
    await this.#ahead?.catch(() => undefined);
    this.#ahead = undefined;
    this.#source.rewind();
    this.#lastByte = LINE_FEED;
    this.#isFirst = true;
  }
}
