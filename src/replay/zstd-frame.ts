// How a zstd file is laid out (RFC 8878): what the head of a frame says, what decoding it takes, and where a block ends. Pure: decodes
// nothing. Called by zstd.ts and file.ts.

/** No head is longer, with its magic number. */
export const HEAD_BYTES = 18;
export const MAGIC_BYTES = 4;
/** Of the head of a block. */
export const BLOCK_HEAD_BYTES = 3;
/** No block has more bytes, compressed or not. */
export const BLOCK_BYTES = 128 * 1024;
/** Bytes behind the last block of a frame that has one. */
export const CHECKSUM_BYTES = 4;
/** The largest window that can be asked for: the next one, of 2 GiB, is more than fzstd's memory can be. */
export const MOST_WINDOW_MIB = 1024;
/** The least a window can be. */
const LEAST_WINDOW = 1024;

export interface FrameHead {
  /** Of the head itself, with its magic number. */
  readonly bytes: number;
  /** So much of what comes out of it must be kept to decode it. */
  readonly memoryBytes: number;
  /** What comes out of it; undefined: the frame does not say. */
  readonly contentBytes: number | undefined;
  /** The number of the dictionary it needs; 0: none. */
  readonly dictionary: number;
  readonly hasChecksum: boolean;
}

export interface BlockHead {
  readonly isLast: boolean;
  readonly kind: "raw" | "repeated" | "compressed";
  /** Bytes in the file, behind this head. */
  readonly bytes: number;
}

export const isFrame = (magic: Uint8Array): boolean =>
  magic[0] === 0x28 && magic[1] === 0xb5 && magic[2] === 0x2f && magic[3] === 0xfd;

/** A frame that holds no data: its magic number, four bytes of length, and so many bytes. */
export const isSkippable = (magic: Uint8Array): boolean =>
  magic[1] === 0x2a && magic[2] === 0x4d && magic[3] === 0x18 && (magic[0] ?? 0) >> 4 === 5;

/** Little-endian; exact up to 2^53. */
export const numberAt = (bytes: Uint8Array, at: number, length: number): number =>
  bytes.subarray(at, at + length).reduceRight((sum, byte) => sum * 256 + byte, 0);

const isSingleSegment = (descriptor: number): boolean => (descriptor & 0x20) !== 0;
const dictionaryBytes = (descriptor: number): number => [0, 1, 2, 4][descriptor & 3] ?? 0;
const contentFieldBytes = (descriptor: number): number =>
  [isSingleSegment(descriptor) ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;

/** Bytes of the head with this descriptor, the byte behind the magic number. */
export const headBytes = (descriptor: number): number =>
  MAGIC_BYTES + 1 + (isSingleSegment(descriptor) ? 0 : 1) + dictionaryBytes(descriptor) + contentFieldBytes(descriptor);

const windowOf = (window: number): number => {
  const base = 2 ** (10 + (window >> 3));
  return base + (base / 8) * (window & 7);
};

/** `head`: of {@link headBytes}, with the magic number. Undefined: this is no head. */
export function readHead(head: Uint8Array): FrameHead | undefined {
  const descriptor = head[MAGIC_BYTES] ?? 0;
  const bytes = headBytes(descriptor);
  // A bit that is reserved.
  if (head.length < bytes || (descriptor & 8) !== 0) return undefined;
  const isSingle = isSingleSegment(descriptor);
  const dictionaryAt = MAGIC_BYTES + (isSingle ? 1 : 2);
  const contentAt = dictionaryAt + dictionaryBytes(descriptor);
  const contentLength = contentFieldBytes(descriptor);
  const contentBytes =
    contentLength === 0 ? undefined : numberAt(head, contentAt, contentLength) + (contentLength === 2 ? 256 : 0);
  const windowBytes = isSingle ? (contentBytes ?? 0) : windowOf(head[MAGIC_BYTES + 1] ?? 0);
  return {
    bytes,
    memoryBytes: Math.max(LEAST_WINDOW, Math.min(windowBytes, contentBytes ?? windowBytes)),
    contentBytes,
    dictionary: numberAt(head, dictionaryAt, dictionaryBytes(descriptor)),
    hasChecksum: (descriptor & 4) !== 0,
  };
}

/** The head of a frame with a window of so many bytes or a few more, that says nothing else. */
export function plainHead(windowBytes: number): Uint8Array {
  let window = 0;
  while (windowOf(window) < windowBytes) window++;
  return Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0, window);
}

/** Undefined: there is no such block. */
export function readBlockHead(head: Uint8Array): BlockHead | undefined {
  const [first = 0] = head;
  const size = numberAt(head, 0, BLOCK_HEAD_BYTES) >> 3;
  const kind = (["raw", "repeated", "compressed"] as const)[(first >> 1) & 3];
  if (kind === undefined || size > BLOCK_BYTES) return undefined;
  return { isLast: (first & 1) === 1, kind, bytes: kind === "repeated" ? 1 : size };
}

/**
 * Whether a compressed block (behind its head) has a table of Huffman weights of one symbol alone: its states then take no bits, and
 * a decoder that counts on them never ends. The table (4.2.1.2) is a table of probabilities (4.1.1) that add up to its size: here
 * the first of them that is not 0 is all of it.
 */
export function isEndless(block: Uint8Array): boolean {
  const [first = 0] = block;
  const hasTable = (first & 3) === 2;
  const at = [3, 3, 4, 5][(first >> 2) & 3] ?? 3;
  // From 128 up the weights are listed.
  if (!hasTable || (block[at] ?? 0) >= 128) return false;
  const bits = (from: number, count: number): number =>
    (numberAt(block, at + 1 + (from >> 3), 3) >> (from & 7)) & (2 ** count - 1);
  const log = bits(0, 4) + 5;
  for (let from = 4; at + 1 + (from >> 3) < block.length; ) {
    if (bits(from, log + 1) === 2 ** (log + 1) - 1) return true;
    // A 1 stands for none, and two bits behind it for how many others have none either.
    if (bits(from, log) !== 1) return false;
    from += log;
    let more = 3;
    for (; more === 3 && at + 1 + (from >> 3) < block.length; from += 2) more = bits(from, 2);
  }
  return false;
}
