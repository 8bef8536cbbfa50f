// The folder that data are to live in: whether it can be one, looked at before anything is started. Makes nothing. Called by serve.ts.

import { accessSync, constants, lstatSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { reasonOf, strangeKind } from "./file-fault.js";

const { R_OK, W_OK, X_OK } = constants;

/** A sentence that begins with the flag's name; undefined: it can be, or can be made. */
export function whyNoFolder(flag: string, path: string): string | undefined {
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    if (found === undefined) {
      const why = whyNotMade(resolve(path));
      return why === undefined ? undefined : `${flag} ${path}: ${why}`;
    }
    if (!found.isDirectory()) return `${flag} ${path} is ${strangeKind(found) ?? "a file"}, not a folder`;
    accessSync(path, R_OK | W_OK | X_OK);
    return undefined;
  } catch (error) {
    return `${flag} ${path}: ${reasonOf(error)}`;
  }
}

/** It would be made below the nearest folder that is there. */
function whyNotMade(path: string): string | undefined {
  if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) return "it is a link to what is not there";
  let above = dirname(path);
  while (statSync(above, { throwIfNoEntry: false }) === undefined) above = dirname(above);
  try {
    accessSync(above, W_OK | X_OK);
    return undefined;
  } catch (error) {
    return `${reasonOf(error)} in ${above}`;
  }
}
