// A table's parts and merges, as the server tells them: a few light questions a second. Called by max.ts and step.ts, in the
// main thread. What they mean is level.ts.

import { setTimeout as sleep } from "node:timers/promises";
import type { Endpoint } from "../endpoint.js";
import { countOf, query, ServerError } from "../server.js";
import { serversOf } from "../stores.js";
import type { Target } from "../target.js";
import type { Reading } from "./level.js";

export type Parts = Omit<Reading, "atNs" | "inserts">;

const QUESTION = `SELECT sum(count) AS parts, max(count) AS largest, max(unmerged) AS unmerged,
    (SELECT count() FROM system.merges WHERE database = {database:String} AND table = {table:String} AND NOT is_mutation) AS merges
  FROM (SELECT count() AS count, countIf(level = 0) AS unmerged FROM system.parts
    WHERE database = {database:String} AND table = {table:String} AND active GROUP BY partition_id)`;
const TIMEOUT_MS = 5000;
const RECOVERY_MS = 250;
/** Fewer parts that no merge has touched than this are no backlog anywhere. */
const FEW = 8;
/** No merge begins and nothing changes for so long: none will. */
const STILL_READINGS = 12;

/** Asks about one table. */
export class PartsWatch {
  readonly #target: Target;
  /** Of the table at its best: before the first hold. */
  #before: Parts | undefined;

  /** Where there is nothing to be watched: why, going on from "parts are not watched: ". */
  static async open(target: Target): Promise<PartsWatch | string> {
    if (target.version === undefined) return "--blind asks nothing";
    if (!/MergeTree$/.test(target.engine ?? "")) return `a table of engine ${target.engine} has none of its own`;
    const watch = new PartsWatch(target);
    try {
      watch.#before = await watch.ask();
    } catch (error) {
      if (!(error instanceof ServerError) || typeof error.code !== "number") throw error;
      return error.message;
    }
    return watch;
  }

  private constructor(target: Target) {
    this.#target = target;
  }

  /** Throws a ServerError. */
  async ask(): Promise<Parts> {
    const { database, table, stores } = this.#target;
    const all = await Promise.all(serversOf(stores).map((server) => askServer(server, { database, table })));
    const most = (name: keyof Parts): number => Math.max(...all.map((parts) => parts[name]));
    return { parts: most("parts"), largest: most("largest"), unmerged: most("unmerged"), merges: most("merges") };
  }

  /**
   * Waits until merges have caught up with what a hold has left, or nothing moves any more, at most `limitMs`. Whether they
   * have. Throws a ServerError where the server is gone.
   */
  async recovered(limitMs: number, interrupt: AbortSignal): Promise<boolean> {
    const [calmMerges, calmParts] = [this.#before?.merges ?? 0, Math.max(FEW, this.#before?.unmerged ?? 0)];
    let still = 0;
    let last: Parts | undefined;
    for (const startMs = performance.now(); performance.now() - startMs < limitMs && !interrupt.aborted; ) {
      const now = await this.ask();
      if (now.unmerged <= calmParts && now.merges <= calmMerges) return true;
      still = now.merges === 0 && now.unmerged === last?.unmerged ? still + 1 : 0;
      if (still >= STILL_READINGS) return true;
      last = now;
      await sleep(RECOVERY_MS);
    }
    return interrupt.aborted;
  }
}

async function askServer(
  server: Endpoint,
  place: { readonly database: string; readonly table: string },
): Promise<Parts> {
  const [row] = await query(server, QUESTION, place, { timeoutMs: TIMEOUT_MS });
  const number = (name: keyof Parts): number => countOf(row, name);
  return { parts: number("parts"), largest: number("largest"), unmerged: number("unmerged"), merges: number("merges") };
}
