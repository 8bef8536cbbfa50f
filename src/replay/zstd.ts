// zstd, decompressed as a stream by fzstd. Called by file.ts.
// Not by Node: only 22.15 and newer could, and their stream ends with the first frame of several (nodejs/node issue 64741).

import { Transform } from "node:stream";
import { Decompress } from "fzstd";

/** Checks no checksums, and makes one block of 128 KiB after the other, of any number of frames. */
export function unzstd(): Transform {
  const decompress = new Decompress();
  // fzstd throws whatever a damaged stream leads it to.
  const push = (transform: Transform, chunk: Uint8Array, final: boolean): Error | null => {
    decompress.ondata = (block) => void (block.length > 0 && transform.push(block));
    try {
      decompress.push(chunk, final);
      return null;
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  };
  return new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      done(push(this, chunk, false));
    },
    flush(done) {
      done(push(this, new Uint8Array(0), true));
    },
  });
}

/** What a decoder of the frame that begins with these bytes has to keep (RFC 8878, 3.1.1.1); 0 where it is not said. */
export function zstdWindowBytes(head: Uint8Array): number {
  const [magic, , , , descriptor = 0, window = 0] = head;
  const isSingleSegment = (descriptor & 0x20) !== 0;
  if (magic !== 0x28 || isSingleSegment) return 0;
  const base = 2 ** (10 + (window >> 3));
  return base + (base / 8) * (window & 7);
}
