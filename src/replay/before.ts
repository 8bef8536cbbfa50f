// What a run with --replay looks at before its start: the file, what is in it, and how long it makes the run. Main thread; called by
// run.ts. What is wrong becomes an OptionsError.

import { type Options, OptionsError } from "../options.js";
import { readKernel, scheduleOf } from "../plan.js";
import type { Progress } from "../progress.js";
import { SPANS } from "../quantities.js";
import { replayText } from "../report/text.js";
import { rowsPerBatch, timeOfRows } from "../schedule.js";
import type { Target } from "../target.js";
import { bytes, timespan, whole } from "../text.js";
import { type FileState, lookAt, ReplayError } from "./file.js";
import type { ReplayOptions } from "./options.js";
import { type Scan, scan } from "./scan.js";

/** The file of --replay, if it can be one. Throws an OptionsError. */
export function lookedAt({ file, zstdWindowBytes }: Pick<ReplayOptions, "file" | "zstdWindowBytes">): FileState {
  try {
    return lookAt(file, zstdWindowBytes);
  } catch (error) {
    throw error instanceof ReplayError ? new OptionsError([error.message]) : error;
  }
}

export function checkUnchanged(file: FileState): void {
  const now = lookedAt({ file: file.path, zstdWindowBytes: file.mostWindowBytes });
  if (now.size !== file.size || now.modifiedMs !== file.modifiedMs) {
    throw new OptionsError([`${file.path} has changed since it was read: try again when nobody writes to it`]);
  }
}

/** Says what it finds in the file; undefined where it was interrupted. Throws an OptionsError. */
export async function readThrough(
  file: FileState,
  options: Options,
  progress: Progress,
  signal: AbortSignal,
): Promise<Scan | undefined> {
  progress.say(`reading ${file.path} (${bytes(file.size)})`);
  try {
    const found = await scan(file, readKernel(), rowsPerBatch(scheduleOf(options, options.batchRows)), signal);
    if (found !== undefined) {
      const { rows: lines, bytes: size, file: state } = found;
      const { path, compression, size: fileSize } = state;
      progress.say(`replay of ${replayText({ file: path, compression, file_bytes: fileSize, lines, bytes: size })}`);
    }
    return found;
  } catch (error) {
    throw error instanceof ReplayError ? new OptionsError([error.message]) : error;
  }
}

/** Keys of the first row that the table has no columns for: the wrong file would land as rows of defaults. */
export function strangeKeys({ file, firstKeys }: Scan, { database, table, columnNames }: Target): string | undefined {
  const strange = firstKeys.filter((key) => !columnNames.some((name) => name === key || name.startsWith(`${key}.`)));
  if (strange.length === 0) return undefined;
  const keys = strange.slice(0, 5).join(", ") + (strange.length > 5 ? ` and ${strange.length - 5} more` : "");
  return `${file.path}: ${keys.replace(/\p{Cc}/gu, "?")} in its first row are no columns of ${database}.${table}: the server skips or refuses them`;
}

/** Without --duration, the file's rows say how long the run is. */
export function untilFileEnds(options: Options, { rows }: Scan): Options {
  if (!options.replay?.once || options.durationGiven) return options;
  const durationNs = options.rate === "max" ? SPANS.run.to : timeOfRows(options.rate, rows);
  if (durationNs <= options.warmUpNs) {
    throw new OptionsError([`--warmup must be shorter than the ${timespan(durationNs)} that --replay-once takes`]);
  }
  if (durationNs > SPANS.run.to) {
    const days = Math.ceil(Number(durationNs / 1_000_000_000n) / 86_400);
    throw new OptionsError([
      `--replay-once takes ${whole(days)} days at ${options.rateText} rows/s, more than a run may: raise --rate, or give --duration`,
    ]);
  }
  return { ...options, durationNs };
}
