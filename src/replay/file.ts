// The file of --replay: what it is by its first bytes, and its bytes, decompressed, from the start as often as one likes.
// Throws ReplayErrors, whose sentences begin with the file's name. Knows nothing of lines.

import { closeSync, constants, fstatSync, openSync, read, readSync, type Stats } from "node:fs";
import { pipeline, type Transform } from "node:stream";
import { createGunzip } from "node:zlib";
import { reasonOf, strangeKind } from "../file-fault.js";
import { unzstd, whyNotTaken, ZstdRefusal } from "./zstd.js";
import { HEAD_BYTES, isFrame, isSkippable, readHead } from "./zstd-frame.js";

/** What is wrong with the file. */
export class ReplayError extends Error {}

/** By which a file that has changed is told. */
export interface FileState {
  readonly path: string;
  readonly compression: Compression;
  readonly size: number;
  readonly modifiedMs: number;
  /** Of zstd, larger ones are refused. */
  readonly mostWindowBytes: number;
}

export type Compression = "none" | "gzip" | "zstd";

/** So much of the compressed file is read at once, and so much made of it. */
const COMPRESSED_BYTES = 256 * 1024;
/** A compressed file of no more than that, decompressed, is decompressed once. */
const KEPT_BYTES = 1024 * 1024;
const MAGIC: readonly (readonly [bytes: readonly number[], name: string])[] = [
  [[0x1f, 0x8b], "gzip"],
  [[0x42, 0x5a, 0x68], "bzip2"],
  [[0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], "xz"],
  [[0x04, 0x22, 0x4d, 0x18], "lz4"],
  [[0xff, 0x06, 0x00, 0x00, 0x73, 0x4e], "snappy"],
  [[0x50, 0x4b, 0x03, 0x04], "zip"],
  [[0x50, 0x41, 0x52, 0x31], "Parquet"],
  [[0x4f, 0x62, 0x6a, 0x01], "Avro"],
  [[0xff, 0xfe], "UTF-16"],
  [[0xfe, 0xff], "UTF-16"],
];

function kindOf(head: Uint8Array): string | undefined {
  // Frames to be skipped may stand before the others.
  if (isFrame(head) || isSkippable(head)) return "zstd";
  return MAGIC.find(([bytes]) => bytes.every((byte, index) => head[index] === byte))?.[1];
}

function compressionOf(path: string, head: Uint8Array): Compression {
  const kind = kindOf(head);
  if (kind === "gzip" || kind === "zstd") return kind;
  if (kind !== undefined)
    throw new ReplayError(`${path} is ${kind}: --replay takes lines of JSON, plain, gzip or zstd`);
  const named = /\.gz$/i.test(path) ? "gzip" : /\.zstd?$/i.test(path) ? "zstd" : undefined;
  if (named === undefined) return "none";
  throw new ReplayError(`${path} is not ${named}, whatever its name says: it does not begin as such a file does`);
}

const systemError = (path: string, error: unknown): ReplayError =>
  new ReplayError(`--replay ${path}: ${reasonOf(error)}`);

/** Never waits, as opening a pipe would do for its writer. */
const opened = (path: string): number => openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);

/** Looks at the file's first bytes. */
export function lookAt(path: string, mostWindowBytes: number): FileState {
  let fd: number | undefined;
  try {
    fd = opened(path);
    const found = fstatSync(fd);
    const kind = strangeKind(found);
    // What is read from a pipe or a terminal cannot be read again.
    if (kind !== undefined) {
      throw new ReplayError(`--replay ${path} is ${kind}, not a file of rows, which are read more than once`);
    }
    if (found.size === 0) throw new ReplayError(`${path} is empty`);
    const head = new Uint8Array(HEAD_BYTES);
    const bytes = readSync(fd, head, 0, head.length, 0);
    const compression = compressionOf(path, head.subarray(0, bytes));
    const frame = isFrame(head) ? readHead(head) : undefined;
    const why = frame && whyNotTaken(frame, mostWindowBytes, 0);
    if (why !== undefined) throw new ReplayError(`${path} ${why}`);
    return { path, compression, mostWindowBytes, ...stateOf(found) };
  } catch (error) {
    if (error instanceof ReplayError) throw error;
    // Only a socket cannot be opened for reading like that.
    throw (error as NodeJS.ErrnoException).code === "ENXIO"
      ? new ReplayError(`--replay ${path} is a socket, not a file of rows, which are read more than once`)
      : systemError(path, error);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

const stateOf = ({ size, mtimeMs }: Stats): Pick<FileState, "size" | "modifiedMs"> => ({ size, modifiedMs: mtimeMs });

/** The bytes of an open file, decompressed, one pass after the other. */
export class ByteSource {
  readonly #file: FileState;
  readonly #fd: number;
  #offset = 0;
  /** The pass under way: of gzip alone … */
  #stream: Transform | undefined;
  /** … and of any compressed file. */
  #chunks: AsyncIterator<Uint8Array> | undefined;
  #rest: Uint8Array = new Uint8Array(0);
  /** What has come out of it so far, as long as it is little. */
  #begun: Uint8Array[] | undefined = [];
  #begunBytes = 0;
  /** Of a file that is small even so, all of it: a batch may go through it a thousand times. */
  #whole: Uint8Array | undefined;

  constructor(file: FileState) {
    this.#file = file;
    try {
      this.#fd = opened(file.path);
    } catch (error) {
      throw systemError(file.path, error);
    }
  }

  /** Fills `into` with what comes next; fewer bytes only at the end of the pass, 0 behind it. */
  async read(into: Uint8Array): Promise<number> {
    let filled = 0;
    try {
      while (filled < into.length) {
        const rest = into.subarray(filled);
        const bytes = this.#file.compression === "none" ? await this.#readPlain(rest) : await this.#readUnpacked(rest);
        if (bytes === 0) break;
        filled += bytes;
      }
    } catch (error) {
      throw this.#explained(error);
    }
    return filled;
  }

  /** What has been put behind the end since it was looked at is not read. */
  #readPlain(into: Uint8Array): Promise<number> {
    return this.#readAt(into, this.#offset).then((bytes) => {
      this.#offset += bytes;
      return bytes;
    });
  }

  #readAt(into: Uint8Array, offset: number): Promise<number> {
    const length = Math.min(into.length, this.#file.size - offset);
    if (length === 0) return Promise.resolve(0);
    return new Promise((resolve, reject) => {
      read(this.#fd, into, 0, length, offset, (error, bytes) => (error ? reject(error) : resolve(bytes)));
    });
  }

  async #readUnpacked(into: Uint8Array): Promise<number> {
    if (this.#whole !== undefined) {
      const now = this.#whole.subarray(this.#offset, this.#offset + into.length);
      into.set(now);
      this.#offset += now.length;
      return now.length;
    }
    this.#chunks ??= this.#unpack();
    while (this.#rest.length === 0) {
      const next = await this.#chunks.next();
      if (next.done) {
        this.#whole = this.#begun && Buffer.concat(this.#begun);
        this.#offset = this.#begunBytes;
        return 0;
      }
      this.#rest = next.value;
      this.#keep(next.value);
    }
    const now = this.#rest.subarray(0, into.length);
    into.set(now);
    this.#rest = this.#rest.subarray(now.length);
    return now.length;
  }

  #keep(bytes: Uint8Array): void {
    this.#begunBytes += bytes.length;
    if (this.#begunBytes > KEPT_BYTES) this.#begun = undefined;
    this.#begun?.push(bytes);
  }

  #unpack(): AsyncIterator<Uint8Array> {
    const { compression, mostWindowBytes } = this.#file;
    if (compression === "zstd") return unzstd(this.#packed(), mostWindowBytes);
    const unpacked = createGunzip({ chunkSize: COMPRESSED_BYTES });
    // What fails is told by whoever reads on.
    this.#stream = pipeline(this.#packed(), unpacked, () => undefined);
    return unpacked[Symbol.asyncIterator]();
  }

  async *#packed(): AsyncGenerator<Uint8Array> {
    for (let offset = 0; ; ) {
      const chunk = Buffer.allocUnsafe(COMPRESSED_BYTES);
      const bytes = await this.#readAt(chunk, offset);
      if (bytes === 0) return;
      offset += bytes;
      yield chunk.subarray(0, bytes);
    }
  }

  #explained(error: unknown): Error {
    const { path, compression } = this.#file;
    if (error instanceof ReplayError || !(error instanceof Error)) return error as Error;
    if (compression === "none" || ("syscall" in error && error.syscall !== undefined)) return systemError(path, error);
    if (error instanceof ZstdRefusal) return new ReplayError(`${path} ${error.message}`);
    const what = `${path}: its ${compression} stream`;
    if (/unexpected (end of file|eof)/i.test(error.message)) return new ReplayError(`${what} is cut off`);
    return new ReplayError(`${what} is damaged (${error.message.split("\n")[0]})`);
  }

  /** The next read begins at the start again. */
  rewind(): void {
    this.#stream?.destroy();
    this.#stream = undefined;
    this.#chunks = undefined;
    this.#rest = new Uint8Array(0);
    this.#begun = [];
    this.#begunBytes = 0;
    this.#offset = 0;
  }

  /** Throws where the file is not what it was when it was looked at. */
  checkUnchanged(): void {
    const { size, modifiedMs } = stateOf(fstatSync(this.#fd));
    if (size !== this.#file.size || modifiedMs !== this.#file.modifiedMs) throw this.changed();
  }

  /** The error of a file that has. */
  changed(): ReplayError {
    return new ReplayError(
      `${this.#file.path} has changed since it was read before the start: try again when nobody writes to it`,
    );
  }

  close(): void {
    this.rewind();
    closeSync(this.#fd);
  }
}
