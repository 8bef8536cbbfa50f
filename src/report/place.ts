// The place a report goes to: a file, a device, or a pipe that somebody reads from. Looked at before the work the report is about,
// where nothing is made, emptied or ended by it; written behind it. Main thread. Never waits inside the system.

import {
  accessSync,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readlinkSync,
  realpathSync,
  type Stats,
  statSync,
  writeSync,
} from "node:fs";
import { dirname, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { reasonOf, strangeKind } from "../file-fault.js";

/** A reader that was started together with us may come so much later. */
const READER_MS = 2000;
/** A reader that takes nothing for so long has stopped. */
const STALLED_MS = 60_000;
const POLL_MS = 10;

/** By their names, pipes that were looked at: to close one is to end it for its reader, who may never come again. */
const held = new Map<string, number>();

/** A sentence that begins with the flag's name; undefined: it can. `isRewritten`: from its beginning, more than once. */
export function whyUnwritable(flag: string, file: string, isRewritten = false): string | undefined {
  try {
    const why = whyNot(file, isRewritten);
    return why === undefined ? undefined : `${flag} ${file}${why}`;
  } catch (error) {
    return `${flag} ${file}: ${reasonOf(error)}`;
  }
}

/** Writes the file where there is one to be written. Why it could not be, as a sentence; undefined: all is well. */
export async function whyUnwritten(
  flag: string,
  file: string | undefined,
  text: () => string,
): Promise<string | undefined> {
  if (file === undefined) return undefined;
  try {
    await written(file, Buffer.from(text()));
    return undefined;
  } catch (error) {
    return `${flag} ${file} cannot be written: ${reasonOf(error)}`;
  }
}

/** Whether what is written to one of them would replace the other: they are two names of a file. */
export function areOne(one: string, other: string): boolean {
  try {
    const [a, b] = [statSync(one), statSync(other)];
    return a.isFile() && a.dev === b.dev && a.ino === b.ino;
  } catch {
    return false;
  }
}

/** What goes on from the name. Throws what the system says. */
function whyNot(file: string, isRewritten: boolean): string | undefined {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined) return whyNotMade(file);
  const kind = strangeKind(found);
  if (isRewritten && standardStream(found) !== undefined) return " is where other text goes: name another file";
  if (isRewritten && found.isFIFO())
    return ` is ${kind}: it is begun anew each time the table is looked at, so it must be a file`;
  if (standardStream(found) !== undefined) return undefined;
  if (found.isFIFO()) return whyNobodyReads(file);
  if (kind === undefined) {
    // Says more than its permissions do, and changes nothing.
    closeSync(openSync(file, constants.O_WRONLY | constants.O_NONBLOCK));
    return undefined;
  }
  if (!found.isCharacterDevice()) return ` is ${kind}, not a file`;
  accessSync(file, constants.W_OK);
  return undefined;
}

/** Of a file that is not there yet. */
function whyNotMade(file: string): string | undefined {
  if (file.endsWith("/")) return " is the name of a folder, not of a file";
  let place = resolve(file);
  // A link that leads to nothing: a file would be made at its end.
  while (lstatSync(place, { throwIfNoEntry: false })?.isSymbolicLink()) {
    place = resolve(realpathSync(dirname(place)), readlinkSync(place));
  }
  const folder = dirname(place);
  if (statSync(folder, { throwIfNoEntry: false }) === undefined) return `: there is no folder ${folder}`;
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    return `: ${reasonOf(error)} in ${folder}`;
  }
}

function whyNobodyReads(file: string): string | undefined {
  const clock = new Int32Array(new SharedArrayBuffer(4));
  for (const untilMs = performance.now() + READER_MS; ; Atomics.wait(clock, 0, 0, POLL_MS)) {
    try {
      held.set(file, openSync(file, constants.O_WRONLY | constants.O_NONBLOCK));
      return undefined;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENXIO") throw error;
      if (performance.now() >= untilMs) return " is a pipe that nobody reads from";
    }
  }
}

/** What goes to one of ours goes through it: opened by its name, a file would be begun anew, and a socket not opened at all. */
function standardStream(found: Stats): NodeJS.WriteStream | undefined {
  if (found.isCharacterDevice()) return undefined;
  return [process.stdout, process.stderr].find((_, index) => {
    const { dev, ino } = fstatSync(index + 1);
    return dev === found.dev && ino === found.ino;
  });
}

async function written(file: string, bytes: Uint8Array): Promise<void> {
  const found = statSync(file, { throwIfNoEntry: false });
  const stream = found && standardStream(found);
  if (stream !== undefined) {
    return new Promise((settle, fail) => {
      stream.write(bytes, (error) => (error ? fail(error) : settle()));
    });
  }
  const { O_WRONLY, O_CREAT, O_TRUNC, O_NONBLOCK, O_NOCTTY } = constants;
  const fd = held.get(file) ?? openSync(file, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_NOCTTY, 0o666);
  held.delete(file);
  try {
    await writeAll(fd, bytes);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  // A disk on a network may only now say that it is full.
  closeSync(fd);
}

async function writeAll(fd: number, bytes: Uint8Array): Promise<void> {
  for (let [at, sinceMs] = [0, performance.now()]; at < bytes.length; ) {
    const wrote = writeNow(fd, bytes.subarray(at));
    if (wrote > 0) {
      at += wrote;
      sinceMs = performance.now();
      continue;
    }
    if (performance.now() - sinceMs >= STALLED_MS) throw new Error(`nobody read from it for ${STALLED_MS / 1000} s`);
    await sleep(POLL_MS);
  }
}

/** Bytes; 0: a pipe is full. */
function writeNow(fd: number, bytes: Uint8Array): number {
  try {
    return writeSync(fd, bytes);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EAGAIN") return 0;
    throw error;
  }
}
