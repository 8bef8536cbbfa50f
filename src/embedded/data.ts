// The data directory of an embedded server: a place for its owner alone, in which the server's own log tables last. Called
// before the start. Changes no rights of a directory that holds other things than a server's. Whether a path can be a folder is
// not decided here but before (data-folder.ts): what then fails all the same is told in the same words.

import { randomUUID } from "node:crypto";
import { chmod, mkdir, readdir, rename, stat, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { reasonOf } from "../file-fault.js";
import { EmbeddedError } from "./error.js";

export interface DataDirectory {
  /** Absolute. */
  readonly path: string;
  /** What the user should know of it, in a sentence. */
  readonly note: string | undefined;
}

/** What ClickHouse puts there. */
const CONTENTS = new Set([
  ...["data", "metadata", "metadata_dropped", "store", "status", "tmp", "uuid", "flags", "shadow", "cache", "access"],
  ...["user_files", "user_scripts", "user_defined", "format_schemas", "preprocessed_configs", "dictionaries_lib"],
  ...["dynamic_user_defined_executable_functions", "named_collections", "workload", "disks", "coordination"],
]);

/** A directory of the user's choice, made where it is missing, that others cannot write to; prepared. Throws EmbeddedError. */
export async function chooseData(wanted: string): Promise<DataDirectory> {
  const path = resolve(wanted);
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    // Looked at in any case: where it was missing a moment ago, somebody else may have made it.
    const note = await madePrivate(path);
    await prepareData(path);
    return { path, note };
  } catch (cause) {
    const { path: at = path } = cause as NodeJS.ErrnoException;
    const why = `${at === path ? "" : `${at}: `}${reasonOf(cause, "folder")}`;
    throw new EmbeddedError(
      `--path ${path} cannot hold the data of the embedded ClickHouse: ${why}. Give another path.`,
      { cause },
    );
  }
}

/** Throws where others may have put something there that the server would take for its own. */
async function madePrivate(path: string): Promise<string | undefined> {
  const { uid, mode } = await stat(path);
  const rights = (mode & 0o7777).toString(8);
  if (process.getuid !== undefined && uid !== process.getuid())
    throw new Error(`it belongs to another user (${uid}), who could put tables into it`);
  if ((mode & 0o077) === 0) return undefined;
  const isOpen = (mode & 0o022) !== 0;
  const entries = await readdir(path);
  if (entries.length > 0 && isOpen)
    throw new Error(
      `others may write to it (mode ${rights}), and tables could be theirs; if none is: chmod 700 ${path}`,
    );
  if (!entries.every((name) => CONTENTS.has(name)))
    return `others may look into ${path} (mode ${rights}), though not into what this server writes: chmod 700 ${path}`;
  await chmod(path, 0o700);
  // From now on nobody else can put anything there; until now, anybody could.
  if (isOpen && (await readdir(path)).length > 0) {
    await chmod(path, mode & 0o7777);
    throw new Error(`others may write to it (mode ${rights}), and something came into it just now`);
  }
  return undefined;
}

/**
 * clickhouse-local keeps its database `system` in memory, and at the second start finds the files of log tables that it no
 * longer knows. Where it finds this file, the database is on disk, as on a server.
 */
export async function prepareData(path: string): Promise<void> {
  const metadata = join(path, "metadata");
  await mkdir(metadata, { recursive: true, mode: 0o700 });
  const attach = `ATTACH DATABASE system UUID '${randomUUID()}' ENGINE = Atomic\n`;
  try {
    await writeFile(join(metadata, "system.sql"), attach, { flag: "wx", mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return;
    throw error;
  }
  // Of a start without that file: nothing knows these tables any more, and the database on disk does not begin beside them.
  const system = join(path, "data", "system");
  await rename(system, `${system}.${Date.now()}`).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
}
