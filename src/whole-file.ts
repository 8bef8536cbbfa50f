// A small file that somebody named, read whole: a regular one, or a pipe with somebody at its other end, such as <(command) or
// /dev/stdin; bounded in bytes and in time. Main thread. Never waits inside the system: opening a pipe would, for its writer.

import { closeSync, constants, fstatSync, openSync, readFileSync, readSync, type Stats } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { InterruptedError } from "./asked.js";
import { reasonOf, strangeKind } from "./file-fault.js";

export interface WholeFile {
  readonly bytes: Uint8Array;
  /** Its permissions; undefined: it is a pipe, which is whose it was made for. */
  readonly mode: number | undefined;
}

/** What goes on from the file's name. */
export interface FileFault {
  readonly fault: string;
}

/** How long somebody is waited for who writes into a pipe. */
export interface Patience {
  /** Until there is anybody. */
  readonly writerMs: number;
  /** For the next bytes: a person may have to unlock a key first. */
  readonly bytesMs: number;
}

export const PATIENCE: Patience = { writerMs: 5000, bytesMs: 60_000 };
const POLL_MS = 5;
const WITHOUT_WAITING = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
const PIECE_BYTES = 64 * 1024;

/** Rejects with an InterruptedError where the signal ends the waiting, and with nothing else. */
export async function readWhole(
  path: string,
  mostBytes: number,
  signal?: AbortSignal,
  patience: Patience = PATIENCE,
): Promise<WholeFile | FileFault> {
  let fd: number | undefined;
  try {
    fd = openSync(path, WITHOUT_WAITING);
    const found = fstatSync(fd);
    if (!found.isFIFO()) return regular(fd, found, mostBytes);
    const bytes = await pipeToItsEnd(fd, mostBytes, signal, patience);
    return "fault" in bytes ? bytes : { bytes, mode: undefined };
  } catch (error) {
    if (error instanceof InterruptedError) throw error;
    return faultOf(error);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** The same at once, of a file that others read again by its name: a pipe is none. */
export function readRegular(path: string, mostBytes: number): WholeFile | FileFault {
  let fd: number | undefined;
  try {
    fd = openSync(path, WITHOUT_WAITING);
    return regular(fd, fstatSync(fd), mostBytes);
  } catch (error) {
    return faultOf(error);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

const faultOf = (error: unknown): FileFault => ({
  fault: (error as NodeJS.ErrnoException).code === "ENXIO" ? " is a socket, not a file" : `: ${reasonOf(error)}`,
});

function regular(fd: number, found: Stats, mostBytes: number): WholeFile | FileFault {
  const kind = strangeKind(found);
  if (kind !== undefined) return { fault: ` is ${kind}, not a file` };
  if (found.size > mostBytes) return tooLarge(mostBytes);
  const bytes = readFileSync(fd);
  // It may have grown, or be one of those in /proc, which say that they are empty.
  return bytes.length > mostBytes ? tooLarge(mostBytes) : { bytes, mode: found.mode & 0o777 };
}

const tooLarge = (mostBytes: number): FileFault => ({
  fault: ` is larger than ${mostBytes >= 1e6 ? `${mostBytes / 1e6} MB` : `${mostBytes} bytes`}`,
});

async function pipeToItsEnd(
  fd: number,
  mostBytes: number,
  signal: AbortSignal | undefined,
  { writerMs, bytesMs }: Patience,
): Promise<Uint8Array | FileFault> {
  const pieces: Uint8Array[] = [];
  for (let [size, sinceMs] = [0, performance.now()]; ; ) {
    const piece = Buffer.allocUnsafe(PIECE_BYTES);
    const read = readNow(fd, piece);
    if (read !== undefined && read > 0) {
      size += read;
      if (size > mostBytes) return tooLarge(mostBytes);
      pieces.push(piece.subarray(0, read));
      sinceMs = performance.now();
    } else {
      // Whoever writes may come yet: a pipe that nobody has opened reads as one that has ended.
      if (read === 0 && size > 0) return Buffer.concat(pieces);
      const waitedMs = performance.now() - sinceMs;
      if (read === 0 && waitedMs >= writerMs) return { fault: " is a pipe that nobody writes to" };
      if (waitedMs >= bytesMs) return { fault: ` is a pipe, and nothing came out of it for ${bytesMs / 1000} s` };
      await sleep(POLL_MS);
    }
    if (signal?.aborted) throw new InterruptedError("interrupted before a pipe was read");
  }
}

/** Bytes; 0: the end, or nobody writes; undefined: nothing for now. */
function readNow(fd: number, into: Uint8Array): number | undefined {
  try {
    return readSync(fd, into);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EAGAIN") return undefined;
    throw error;
  }
}
