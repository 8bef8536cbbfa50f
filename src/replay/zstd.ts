// zstd, decompressed block by block as it is asked for: of any number of frames, each one's window known before memory is
// taken for it, and the event loop gets its turns. A block is decoded by fzstd. Called by file.ts.
// Not by Node: only 22.15 and newer could, and their stream ends with the first frame of several (nodejs/node issue 64741).

import { setImmediate as turn } from "node:timers/promises";
import { Decompress } from "fzstd";
import {
  BLOCK_BYTES,
  BLOCK_HEAD_BYTES,
  CHECKSUM_BYTES,
  type FrameHead,
  headBytes,
  isEndless,
  isFrame,
  isSkippable,
  MAGIC_BYTES,
  MOST_WINDOW_MIB,
  numberAt,
  plainHead,
  readBlockHead,
  readHead,
} from "./zstd-frame.js";

/** What is no damage, and not taken all the same: a sentence that goes on from the file's name. */
export class ZstdRefusal extends Error {}

const MIB = 2 ** 20;
/** So much is made between two turns of the event loop: signals are heard, whatever a few bytes unfold to. */
const TURN_BYTES = MIB;
/** A frame that ends within so many blocks needs no larger window than they make: fzstd moves all of it for each block. */
const BLOCKS_AHEAD = 8;
/** An empty block, which makes nothing. */
const EMPTY_BLOCK = [0, 0, 0] as const;

/** Checks no checksums. Holds a window of memory, and a block. Throws a ZstdRefusal, or an Error where the stream is damaged. */
export async function* unzstd(
  packed: AsyncIterable<Uint8Array>,
  mostWindowBytes: number,
): AsyncGenerator<Uint8Array, void> {
  const input = new Input(packed);
  let since = 0;
  const spent = async (bytes: number): Promise<void> => {
    since += bytes;
    if (since < TURN_BYTES) return;
    since = 0;
    await turn();
  };
  for (;;) {
    const at = input.offset;
    const magic = await input.most(MAGIC_BYTES);
    if (magic.length === 0) return;
    if (isSkippable(magic)) {
      await input.skip(numberAt(await input.exactly(4), 0, 4));
      continue;
    }
    if (!isFrame(magic)) throw new Error(`no frame begins at its byte ${at + 1}`);
    const head = await headFrom(input, magic);
    const why = whyNotTaken(head, mostWindowBytes, at);
    if (why !== undefined) throw new ZstdRefusal(why);
    await spent(head.memoryBytes);
    for await (const block of blocksOf(input, head)) {
      yield block;
      await spent(block.length);
    }
    if (head.hasChecksum) await input.exactly(CHECKSUM_BYTES);
  }
}

/** @param at where in the file the frame begins */
export function whyNotTaken(head: FrameHead, mostWindowBytes: number, at: number): string | undefined {
  const place = at === 0 ? "" : ` in its frame at byte ${at + 1}`;
  if (head.dictionary !== 0) return `needs the zstd dictionary ${head.dictionary}${place}, and none can be given`;
  if (head.memoryBytes <= mostWindowBytes) return undefined;
  const mib = Math.ceil(head.memoryBytes / MIB);
  const found = `has a zstd window of ${mib} MiB${place}`;
  if (mib > MOST_WINDOW_MIB)
    return `${found}, and at most ${MOST_WINDOW_MIB} can be taken: compress it again, without --long`;
  return `${found}, and ${mostWindowBytes / MIB} MiB are taken: --replay-zstd-window ${mib} takes it, at so much memory a worker`;
}

async function headFrom(input: Input, magic: Uint8Array): Promise<FrameHead> {
  const descriptor = await input.exactly(1);
  const rest = await input.exactly(headBytes(descriptor[0] ?? 0) - MAGIC_BYTES - 1);
  const head = readHead(Buffer.concat([magic, descriptor, rest]));
  if (head === undefined) throw new Error("the head of a frame is wrong");
  return head;
}

interface Block {
  readonly head: Uint8Array;
  readonly content: Uint8Array;
  readonly isLast: boolean;
}

async function blockFrom(input: Input): Promise<Block> {
  const head = await input.exactly(BLOCK_HEAD_BYTES);
  const described = readBlockHead(head);
  if (described === undefined) throw new Error("a block is too large, or of no known kind");
  const content = await input.exactly(described.bytes);
  if (described.kind === "compressed" && isEndless(content)) throw new Error("a block's table of weights is wrong");
  return { head, content, isLast: described.isLast };
}

/** What the frame's blocks are made of. */
async function* blocksOf(input: Input, head: FrameHead): AsyncGenerator<Uint8Array, void> {
  const { contentBytes, memoryBytes } = head;
  const ahead = [await blockFrom(input)];
  while (ahead.length < BLOCKS_AHEAD && ahead.at(-1)?.isLast === false) ahead.push(await blockFrom(input));
  const mostBytes = ahead.at(-1)?.isLast ? ahead.length * BLOCK_BYTES : memoryBytes;
  const decoder = new Decoder(Math.min(memoryBytes, mostBytes));
  let made = 0;
  for (let isLast = false; !isLast; ) {
    const block = ahead.shift() ?? (await blockFrom(input));
    const bytes = decoder.decode(block);
    made += bytes.length;
    if (contentBytes !== undefined && made > contentBytes) throw new Error("a frame holds more than it says");
    if (bytes.length > 0) yield bytes;
    ({ isLast } = block);
  }
  if (contentBytes !== undefined && made < contentBytes) throw new Error("a frame holds less than it says");
}

/**
 * One frame in fzstd, which gets a head of ours, and each block for itself. It looks for a head once it has 18 bytes: hence empty
 * blocks behind it. What it has no use for yet it keeps, down to an empty rest of each push: hence the byte of an empty block
 * that ends a push and begins with the next, with which all of it goes.
 *
 *   head empty empty empty empty e|mpty block e|mpty block e|mpty …
 */
class Decoder {
  readonly #decompress = new Decompress();
  #made: Uint8Array = new Uint8Array(0);

  constructor(windowBytes: number) {
    this.#decompress.ondata = (bytes) => {
      if (bytes.length > 0) this.#made = bytes;
    };
    this.#decompress.push(
      Uint8Array.from([...plainHead(windowBytes), ...EMPTY_BLOCK, ...EMPTY_BLOCK, ...EMPTY_BLOCK, ...EMPTY_BLOCK, 0]),
    );
  }

  /** fzstd throws whatever a damaged block leads it to. */
  decode({ head, content }: Block): Uint8Array {
    const pushed = new Uint8Array(2 + head.length + content.length + 1);
    pushed.set(head, 2);
    // That it is the last is known: told so, fzstd would wait for another frame.
    pushed[2] = (head[0] ?? 0) & 0xfe;
    pushed.set(content, 2 + head.length);
    this.#made = new Uint8Array(0);
    this.#decompress.push(pushed);
    return this.#made;
  }
}

/** Bytes in the pieces one asks for. */
class Input {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);
  /** Of the next byte. */
  offset = 0;

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  async #next(): Promise<boolean> {
    const next = await this.#chunks.next();
    if (!next.done) this.#rest = next.value;
    return !next.done;
  }

  #cut(length: number): Uint8Array {
    const bytes = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(length);
    this.offset += bytes.length;
    return bytes;
  }

  /** Fewer only at the end. */
  async most(length: number): Promise<Uint8Array> {
    if (length <= this.#rest.length) return this.#cut(length);
    const pieces = [this.#cut(length)];
    for (let left = length - (pieces[0]?.length ?? 0); left > 0 && (await this.#next()); ) {
      const piece = this.#cut(left);
      pieces.push(piece);
      left -= piece.length;
    }
    return Buffer.concat(pieces);
  }

  async exactly(length: number): Promise<Uint8Array> {
    const bytes = await this.most(length);
    if (bytes.length < length) throw new Error("unexpected end of file");
    return bytes;
  }

  async skip(length: number): Promise<void> {
    for (let left = length; left > 0; left -= this.#cut(left).length) {
      if (this.#rest.length === 0 && !(await this.#next())) throw new Error("unexpected end of file");
    }
  }
}
