// Homes that are left of servers that were killed together with those who had started them: found and removed at the next
// start. Called by home.ts and child.ts. Removes a home only where both processes that could use it are known to be gone.

import { readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { lstat, readdir, readFile, rm, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";

/** Of each home: who started it, written first of all; the server, written by itself. */
export const STARTER_FILE = "starter";
export const SERVER_FILE = "server";

/** Writes down in a home, as one of these files, that it is used for as long as this process lives. */
export function sign(directory: string, file: typeof STARTER_FILE | typeof SERVER_FILE): void {
  const { pid } = process;
  writeFileSync(join(directory, file), `${pid}\n${startOf(pid)}\n${world()}\n`, { mode: 0o600 });
}

/** Of the homes in `place` whose names begin so. Never fails: what cannot be looked at or removed stays. */
export async function removeLeftovers(place: string, prefix: string): Promise<void> {
  if (!(await isSafe(place))) return;
  const names = await readdir(place).catch(() => []);
  for (const name of names.filter((one) => one.startsWith(prefix))) {
    const directory = join(place, name);
    if (!(await isOurs(directory)) || !(await isOver(directory))) continue;
    await rm(directory, { recursive: true, force: true }).catch(() => undefined);
  }
}

/**
 * Where nobody else can put one thing in another's place between a look at it and its removal: the place's owner always can.
 * Others who may write there, too, cannot where it has the sticky bit, as /tmp.
 */
async function isSafe(place: string): Promise<boolean> {
  const found = await stat(place).catch(() => undefined);
  if (found === undefined || (found.uid !== 0 && found.uid !== process.getuid?.())) return false;
  return (found.mode & 0o022) === 0 || (found.mode & 0o1000) !== 0;
}

/** A directory, no link to one, of this user and for him alone. */
async function isOurs(directory: string): Promise<boolean> {
  const found = await lstat(directory).catch(() => undefined);
  return found?.isDirectory() === true && found.uid === process.getuid?.() && (found.mode & 0o077) === 0;
}

/** Without a starter it may be about to get one; without a server, that has not started yet, and will not. */
async function isOver(directory: string): Promise<boolean> {
  const read = (file: string): Promise<string | undefined> =>
    readFile(join(directory, file), "utf8").catch(() => undefined);
  const starter = await read(STARTER_FILE);
  if (starter === undefined || !isGone(starter)) return false;
  const server = await read(SERVER_FILE);
  return server === undefined || isGone(server);
}

/** Of one that is of another world, nobody here can tell. */
function isGone(signature: string): boolean {
  const [pid = "", start, where] = signature.split("\n");
  if (!/^\d+$/.test(pid) || where !== world()) return false;
  return startOf(Number(pid)) !== start;
}

/** Where process numbers mean what they mean here: one boot of one machine, and one container of it. */
function world(): string {
  return [
    hostname(),
    quietly(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()),
    quietly(() => readlinkSync("/proc/self/ns/pid")),
  ].join(" ");
}

/** What tells a process from a later one of its number, where the system says so; "" when there is none. */
function startOf(pid: number): string {
  if (process.platform === "linux") {
    // The name may hold anything, a bracket as well. Behind it: the state, and as the twentieth the time of the start.
    const fields = quietly(() => readFileSync(`/proc/${pid}/stat`, "utf8"))
      .replace(/^.*\) /s, "")
      .split(" ");
    return /^[ZX]/.test(fields[0] ?? "") ? "" : (fields[19] ?? "");
  }
  try {
    process.kill(pid, 0);
    return "alive";
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM" ? "alive" : "";
  }
}

function quietly(read: () => string): string {
  try {
    return read();
  } catch {
    return "";
  }
}
