// What is wrong with a file, in words: the one place where an error of the system, or the kind of what lies there, becomes the
// rest of a sentence that names it. Pure. Called by whatever opens a file or folder that a user named.

import type { Stats } from "node:fs";

const REASONS: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EDQUOT: "no space is left for this user (quota)",
  EEXIST: "something else lies there",
  EFBIG: "it would be larger than a file may be there",
  EIO: "its disk, or the network to it, fails (EIO)",
  EISDIR: "it is a folder",
  ELOOP: "its symbolic links lead in a circle",
  EMFILE: "too many files are open (ulimit -n)",
  ENAMETOOLONG: "its name is too long",
  ENFILE: "too many files are open on this machine",
  ENODEV: "there is no such device",
  ENOSPC: "no space is left on the disk",
  ENOTDIR: "a part of its path is a file, not a folder",
  ENXIO: "nobody is at its other end",
  EPERM: "the system does not permit it",
  EPIPE: "whoever read from it has gone",
  EROFS: "its file system is read-only",
  ESTALE: "it is gone from the server it was on",
  ETXTBSY: "it is a program that is running",
};

/** Why a call of the file system failed, as what goes on from "FILE: ". `noun`: what was looked for. */
export function reasonOf(error: unknown, noun: "file" | "folder" = "file"): string {
  const { code = "", message = String(error) } = error as NodeJS.ErrnoException;
  if (code === "ENOENT") return `there is no such ${noun}`;
  if (code === "ERR_INVALID_ARG_VALUE") return "its name holds a NUL character";
  // Node says "ENOENT: no such file or directory, open '…'".
  return REASONS[code] ?? (message.split("\n")[0] ?? "").replace(/, \w+ '.*$/, "");
}

/** What is neither file nor link; undefined: it is a file. */
export function strangeKind(found: Stats): string | undefined {
  if (found.isFile()) return undefined;
  if (found.isDirectory()) return "a folder";
  if (found.isFIFO()) return "a pipe";
  if (found.isSocket()) return "a socket";
  return "a device";
}
