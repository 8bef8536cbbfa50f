// Bodies of inserts, compressed: which ways there are, and one Compressor a worker. The work is done by libraries in the threads
// of libuv's pool, so that the event loop goes on pacing and stamping answers. Never sends anything.

import { createRequire } from "node:module";
import { promisify } from "node:util";
import * as zlib from "node:zlib";

/** As --compress has them; but for the first they are the names of Content-Encoding as well. */
export const COMPRESSIONS = ["none", "gzip", "zstd", "lz4"] as const;
export type Compression = (typeof COMPRESSIONS)[number];
export type Codec = Exclude<Compression, "none">;

/** The fastest of gzip, and of zstd the one that makes generated rows smallest: bench/README.md. LZ4 has none. */
const LEVEL = 1;
/** What a batch is taken to shrink to before one has been seen, a share of 1. */
const FIRST_RATIO = 0.3;
/** Batches do not all shrink alike: so much more is kept free for the next. */
const MARGIN = 1.05;
/** … and so many bytes, as short bodies hardly shrink. */
const MARGIN_BYTES = 1024;
/** As libuv has it, unless UV_THREADPOOL_SIZE says otherwise. */
const POOL_THREADS = 4;

/** One whole gzip member, zstd frame or LZ4 frame. `expectedBytes`: about how long it will be. */
type Compress = (bytes: Uint8Array, expectedBytes: number) => Promise<Uint8Array>;

/** The packages, by codec; Node has gzip, and zstd since 22.15. */
const PACKAGES = { zstd: "@toondepauw/node-zstd", lz4: "lz4-napi" } as const;

interface ZstdOptions {
  readonly chunkSize: number;
  readonly params: Readonly<Record<number, number>>;
}
/** What the types of Node 20 do not have. */
interface NodeZstd {
  readonly zstdCompress?: (
    bytes: Uint8Array,
    options: ZstdOptions,
    done: (error: Error | null, compressed: Uint8Array) => void,
  ) => void;
  readonly constants: { readonly ZSTD_c_compressionLevel?: number };
}

const LOAD: Readonly<Record<Codec, (require: NodeJS.Require) => Compress>> = {
  gzip: () => {
    const compress = promisify<zlib.InputType, zlib.ZlibOptions, Buffer>(zlib.gzip);
    // In one piece where it fits: each further one is a turn of the event loop.
    return (bytes, chunkSize) => compress(bytes, { level: LEVEL, chunkSize });
  },
  zstd: (require) => {
    const { zstdCompress, constants } = zlib as NodeZstd;
    if (zstdCompress !== undefined && constants.ZSTD_c_compressionLevel !== undefined) {
      const compress = promisify(zstdCompress);
      const params = { [constants.ZSTD_c_compressionLevel]: LEVEL };
      return (bytes, chunkSize) => compress(bytes, { chunkSize, params });
    }
    const { Encoder } = require(PACKAGES.zstd) as typeof import("@toondepauw/node-zstd");
    const encoder = new Encoder(LEVEL);
    return (bytes) => encoder.encode(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
  },
  lz4: (require) => {
    const { compressFrame } = require(PACKAGES.lz4) as typeof import("lz4-napi");
    return (bytes) => compressFrame(bytes);
  },
};

/** The header that says how a body is compressed. */
export const encodingHeaders = (compression: Compression): Readonly<Record<string, string>> =>
  compression === "none" ? {} : { "content-encoding": compression };

/** So many batches can be compressed at once, over all workers. */
export function compressionThreads({ UV_THREADPOOL_SIZE: size }: Readonly<NodeJS.ProcessEnv> = process.env): number {
  const threads = Number.parseInt(size ?? "", 10);
  return threads > 0 ? threads : POOL_THREADS;
}

/** That so many workers wait for each other, as a sentence; undefined: they do not. */
export function whyTooFewThreads(
  compression: Compression,
  workers: number,
  environment: Readonly<NodeJS.ProcessEnv> = process.env,
): string | undefined {
  const threads = compressionThreads(environment);
  if (compression === "none" || workers <= threads) return undefined;
  return (
    `${workers} workers compress on Node's ${threads} pool threads, and wait for each other: ` +
    `UV_THREADPOOL_SIZE=${workers} in the environment gives each its own`
  );
}

/**
 * Why it cannot be had here, as a sentence; undefined: it can.
 * @param from the file whose `node_modules` are searched, upwards
 */
export function whyNotCompressed(compression: Compression, from: string = import.meta.url): string | undefined {
  // Node cannot be without zlib.
  if (compression === "none" || compression === "gzip") return undefined;
  try {
    LOAD[compression](createRequire(from));
    return undefined;
  } catch {
    const needed = compression === "zstd" ? "Node 22.15 or newer, or the package" : "the package";
    return (
      `--compress ${compression} needs ${needed} ${PACKAGES[compression]}, which cannot be loaded on ${process.platform} ${process.arch}: ` +
      "install clickstorm again without --omit=optional, or take --compress gzip"
    );
  }
}

/** The compressed bodies of a worker, one a slot. */
export class Compressor {
  readonly #compress: Compress;
  readonly #bodies: Uint8Array[] = [];
  #ratio = FIRST_RATIO;

  /** Throws where the library cannot be loaded: whyNotCompressed says so before. */
  constructor(codec: Codec) {
    this.#compress = LOAD[codec](createRequire(import.meta.url));
  }

  /** Reads `bytes`, which must stay as they are until then, and keeps what comes out under the slot's number. */
  async fill(slot: number, bytes: Uint8Array): Promise<void> {
    const expectedBytes = Math.ceil(bytes.length * this.#ratio * MARGIN) + MARGIN_BYTES;
    const body = await this.#compress(bytes, expectedBytes);
    if (bytes.length > 0) this.#ratio = body.length / bytes.length;
    this.#bodies[slot] = body;
  }

  /** A buffer of its own: the same bytes for every attempt, until the slot is filled again. */
  body(slot: number): Uint8Array {
    const body = this.#bodies[slot];
    if (body === undefined) throw new RangeError(`slot ${slot} holds no batch`);
    return body;
  }
}
