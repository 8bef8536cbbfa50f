// Whether a file can be written at the end: looked at before the work it is about. Writes nothing.

import { accessSync, constants, statSync } from "node:fs";
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
