// The files whose text is the value of a flag (--password-file, --tls-ca …): read once, before options are resolved, so that
// these stay pure. Main thread, called by cli.ts. Never shows what it reads.

import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import type { Config } from "./config.js";
import { type Environment, type FileText, type RawFlags, Reader } from "./reader.js";
import type { Flag } from "./run-flags.js";

/** Of every flag of the command that names a file, its text, or why there is none. */
export function readNamedFiles(
  flags: readonly Flag[],
  raw: RawFlags,
  environment: Environment,
  config: Config | undefined,
): ReadonlyMap<string, FileText> {
  const reader = new Reader(flags, raw, environment, config);
  const named = flags.flatMap(({ name, holds }) => {
    const path = holds && reader.text(name).value;
    return holds === undefined || path === undefined ? [] : [[path, readText(path, holds.mostBytes)] as const];
  });
  return new Map(named);
}

/** Sentences about files with a secret that not their owner alone may read. */
export function openSecrets(
  flags: readonly Flag[],
  raw: RawFlags,
  environment: Environment,
  config: Config | undefined,
  files: ReadonlyMap<string, FileText>,
): readonly string[] {
  const reader = new Reader(flags, raw, environment, config);
  return flags.flatMap(({ name, holds }) => {
    const { label, value: path } = reader.text(name);
    const file = holds?.isSecret && path !== undefined ? files.get(path) : undefined;
    if (file === undefined || "fault" in file || (file.mode & 0o077) === 0) return [];
    return `${label}: others than its owner may read ${path} (mode ${file.mode.toString(8)}): chmod 600 ${path}`;
  });
}

function readText(path: string, mostBytes: number): FileText {
  let fd: number | undefined;
  try {
    // Opening a pipe would wait for its writer.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const found = fstatSync(fd);
    if (found.isDirectory()) return { fault: "is a folder, not a file" };
    if (!found.isFile()) return { fault: "is not a regular file" };
    if (found.size > mostBytes) return { fault: `is larger than ${mostBytes} bytes` };
    return { text: new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(fd)), mode: found.mode & 0o777 };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ERR_ENCODING_INVALID_ENCODED_DATA") return { fault: "is not text in UTF-8" };
    if (code === "ENOENT" || code === "ENOTDIR") return { fault: "is not there" };
    return { fault: `cannot be read: ${code === "EACCES" ? "permission denied" : message.split("\n")[0]}` };
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
