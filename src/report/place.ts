// The file a report goes to: whether it can be written, looked at before the work it is about, and its being written.

import { accessSync, constants, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** A sentence that goes on from the flag's name; undefined: it can. */
export function whyUnwritable(flag: string, file: string): string | undefined {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found?.isDirectory()) return `${flag} must be a file, ${file} is a directory`;
  const place = found === undefined ? dirname(file) : file;
  try {
    accessSync(place, constants.W_OK);
    return undefined;
  } catch {
    return `${flag}: ${place} cannot be written to`;
  }
}

/** Writes the file where there is one to be written. Why it could not be; undefined: all is well. */
export function whyUnwritten(file: string | undefined, text: () => string): string | undefined {
  if (file === undefined) return undefined;
  try {
    writeFileSync(file, text());
    return undefined;
  } catch (error) {
    return `the report cannot be written: ${error instanceof Error ? error.message : error}`;
  }
}
