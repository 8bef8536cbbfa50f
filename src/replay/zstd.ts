// zstd, decompressed as a stream: by Node where it can (22.15 and newer), else by fzstd. Called by file.ts.

import { Transform } from "node:stream";
import * as zlib from "node:zlib";
import { Decompress } from "fzstd";

interface NodeWithZstd {
  createZstdDecompress(): Transform;
}

const hasZstd = (module: object): module is NodeWithZstd => "createZstdDecompress" in module;

export function unzstd(): Transform {
  return hasZstd(zlib) ? zlib.createZstdDecompress() : unzstdInScript();
}

/** Without Node's help: checks no checksums, and one block of 128 KiB after the other. */
export function unzstdInScript(): Transform {
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
