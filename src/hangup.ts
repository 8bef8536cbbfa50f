// Whether a hang-up (SIGHUP) is to be passed over, as nohup and `trap '' HUP` ask for. Node forgets on its start that it was told to
// ignore signals, so that it is seen by the traces these leave. Main thread; reads a few lines of /proc where there is one.

import { closeSync, readFileSync, readlinkSync } from "node:fs";
import { basename } from "node:path";
import { isatty } from "node:tty";

const SIGHUP_BIT = 1n;
const WRITE_ONLY = 1;
const ACCESS_MODE = 3;

export function ignoresHangup(environment: Readonly<Record<string, string | undefined>>): boolean {
  // Shells (dash does not) name the program they start there, and nohup hands it on.
  if (basename(environment._ ?? "") === "nohup") return true;
  // In place of a terminal, nohup writes to that file, and puts a /dev/null before us that can only be written to.
  if ([1, 2].some((fd) => basename(link(`/proc/self/fd/${fd}`)) === "nohup.out")) return true;
  return (link("/proc/self/fd/0") === "/dev/null" && isWriteOnly(0)) || hasDeafParent();
}

/** A script under nohup ignores it, and whoever it starts would. */
function hasDeafParent(): boolean {
  const ignored = /^SigIgn:\s*([\da-f]+)$/m.exec(text(`/proc/${process.ppid}/status`))?.[1];
  return ignored !== undefined && (BigInt(`0x${ignored}`) & SIGHUP_BIT) !== 0n;
}

function isWriteOnly(fd: number): boolean {
  const flags = /^flags:\s*(\d+)$/m.exec(text(`/proc/self/fdinfo/${fd}`))?.[1];
  return flags !== undefined && (Number.parseInt(flags, 8) & ACCESS_MODE) === WRITE_ONLY;
}

/** Nothing where there is no such file. */
const text = (path: string): string => orNothing(() => readFileSync(path, "utf8"));
const link = (path: string): string => orNothing(() => readlinkSync(path));

function orNothing(read: () => string): string {
  try {
    return read();
  } catch {
    return "";
  }
}

/**
 * Node puts terminals back as they were when it ends, and aborts (exit 134) where one is gone by then. Those are closed first, at
 * the very end: it leaves closed ones alone.
 */
export function survivesLostTerminals(): void {
  const terminals = [0, 1, 2].filter((fd) => isatty(fd));
  process.on("exit", () => {
    for (const fd of terminals) if (!isatty(fd)) orNothing(() => `${closeSync(fd)}`);
  });
}
