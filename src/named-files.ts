// The files whose text is the value of a flag (--password-file, --tls-ca …): read once, before options are resolved, so that
// these stay pure. Main thread, called by cli.ts. Never shows what it reads.

import type { Config } from "./config.js";
import { type Environment, type FileText, type RawFlags, Reader } from "./reader.js";
import type { Flag } from "./run-flags.js";
import { type FileFault, readRegular, readWhole, type WholeFile } from "./whole-file.js";

/** Of every flag of the command that names a file, its text, or why there is none. The signal ends waiting for a pipe. */
export async function readNamedFiles(
  flags: readonly Flag[],
  raw: RawFlags,
  environment: Environment,
  config: Config | undefined,
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, FileText>> {
  const reader = new Reader(flags, raw, environment, config);
  const files = new Map<string, FileText>();
  for (const { name, holds } of flags) {
    const path = holds && reader.text(name).value;
    if (holds === undefined || path === undefined) continue;
    const known = files.get(path);
    // Nothing comes out of a pipe twice.
    if (known !== undefined && "text" in known && known.mode === undefined) continue;
    files.set(path, textOf(await readWhole(path, holds.mostBytes, signal)));
  }
  return files;
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
    if (file === undefined || "fault" in file || ((file.mode ?? 0) & 0o077) === 0) return [];
    return `${label}: others than its owner may read ${path} (mode ${file.mode?.toString(8)}): chmod 600 ${path}`;
  });
}

/** Of a file that is read again by its name, and so can be no pipe. */
export const readText = (path: string, mostBytes: number): FileText => textOf(readRegular(path, mostBytes));

function textOf(file: WholeFile | FileFault): FileText {
  if ("fault" in file) return file;
  try {
    return { text: new TextDecoder("utf-8", { fatal: true }).decode(file.bytes), mode: file.mode };
  } catch {
    return { fault: " is not text in UTF-8" };
  }
}
