// The file of --replay: what it is by its first bytes, and its bytes, decompressed, from the start as often as one likes.
// Throws ReplayErrors, whose sentences begin with the file's name. Knows nothing of lines.

import { closeSync, fstatSync, openSync, read, readSync, type Stats } from "node:fs";
import { pipeline, type Transform } from "node:stream";
import { createGunzip } from "node:zlib";
import { unzstd, zstdWindowBytes } from "./zstd.js";

/** What is wrong with the file. */
export class ReplayError extends Error {}

/** By which a file that has changed is told. */
export interface FileState {
  readonly path: string;
  readonly compression: Compression;
  readonly size: number;
  readonly modifiedMs: number;
}

export type Compression = "none" | "gzip" | "zstd";

/** So much of the compressed file is read at once, and so much made of it. */
const COMPRESSED_BYTES = 256 * 1024;
const MIB = 2 ** 20;
/** As the zstd command has it, unless it is told otherwise. */
const LARGEST_WINDOW = 128 * MIB;

const MAGIC: readonly (readonly [bytes: readonly number[], name: string])[] = [
  [[0x1f, 0x8b], "gzip"],
  [[0x28, 0xb5, 0x2f, 0xfd], "zstd"],
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

/** Of zstd, too: frames to be skipped stand before the others. */
const isSkippable = (head: Uint8Array): boolean =>
  head[1] === 0x2a && head[2] === 0x4d && head[3] === 0x18 && (head[0] ?? 0) >> 4 === 5;

function kindOf(head: Uint8Array): string | undefined {
  if (isSkippable(head)) return "zstd";
  return MAGIC.find(([bytes]) => bytes.every((byte, index) => head[index] === byte))?.[1];
}

function compressionOf(path: string, head: Uint8Array): Compression {
  const kind = kindOf(head);
  if (kind === "gzip" || kind === "zstd") return kind;
  if (kind !== undefined)
    throw new ReplayError(`${path} is ${kind}: --replay takes lines of JSON, plain, gzip or zstd`);
  const named = /\.gz$/i.test(path) ? "gzip" : /\.zstd?$/i.test(path) ? "zstd" : undefined;
  if (named === undefined) return "none";
  const found = Buffer.from(head.subarray(0, 4))
    .toString("hex")
    .replaceAll(/..(?=.)/g, "$& ");
  throw new ReplayError(`${path} is not ${named}, whatever its name says: it begins with the bytes ${found}`);
}

function systemError(path: string, error: unknown): ReplayError {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "ENOENT" || code === "ENOTDIR") return new ReplayError(`${path}: there is no such file`);
  return new ReplayError(`${path} cannot be read: ${code === "EACCES" ? "permission denied" : message.split("\n")[0]}`);
}

/** Looks at the file's first bytes. */
export function lookAt(path: string): FileState {
  let fd: number | undefined;
  try {
    // What is read from a pipe or a terminal cannot be read again; opening one might wait for its writer.
    fd = openSync(path, "r");
    const found = fstatSync(fd);
    if (found.isDirectory()) throw new ReplayError(`${path} is a folder, not a file of rows`);
    if (!found.isFile()) throw new ReplayError(`${path} is not a regular file: it is read more than once`);
    if (found.size === 0) throw new ReplayError(`${path} is empty`);
    const head = new Uint8Array(18);
    const bytes = readSync(fd, head, 0, head.length, 0);
    const compression = compressionOf(path, head.subarray(0, bytes));
    const windowBytes = compression === "zstd" ? zstdWindowBytes(head) : 0;
    if (windowBytes > LARGEST_WINDOW) {
      const mib = Math.ceil(windowBytes / MIB);
      throw new ReplayError(
        `${path} has a zstd window of ${mib} MiB: at most ${LARGEST_WINDOW / MIB} are taken (--long=27)`,
      );
    }
    return { path, compression, ...stateOf(found) };
  } catch (error) {
    throw error instanceof ReplayError ? error : systemError(path, error);
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
  /** Of a compressed file: the pass under way. */
  #stream: Transform | undefined;
  #chunks: AsyncIterator<Uint8Array> | undefined;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(file: FileState) {
    this.#file = file;
    try {
      this.#fd = openSync(file.path, "r");
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
    this.#chunks ??= this.#unpack();
    while (this.#rest.length === 0) {
      const next = await this.#chunks.next();
      if (next.done) return 0;
      this.#rest = next.value;
    }
    const now = this.#rest.subarray(0, into.length);
    into.set(now);
    this.#rest = this.#rest.subarray(now.length);
    return now.length;
  }

  #unpack(): AsyncIterator<Uint8Array> {
    const isGzip = this.#file.compression === "gzip";
    const unpacked = isGzip ? createGunzip({ chunkSize: COMPRESSED_BYTES }) : unzstd();
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
