// What retries mean for this table: whether it stores an insert once that comes twice under the same token, and how many tokens it
// remembers. Asked in the pre-flight, where there are to be retries. Main thread; changes nothing.

import type { Asked, Place } from "./asked.js";
import type { Options } from "./options.js";
import { defaultsOf, HIDDEN, isSetAsReplicated, tableSetting } from "./table-settings.js";
import { count, short, whole } from "./text.js";

export interface Deduplication {
  /** An insert that may have landed can be sent again without harm. */
  readonly honoured: boolean;
  /** So many inserts are remembered, or, of a table with partitions, parts of inserts; undefined: none. */
  readonly window: number | undefined;
  /** Whether an insert may touch several partitions, each of which the table remembers by itself. */
  readonly isPartitioned: boolean;
  /** Why it is not honoured, going on from "the table"; undefined where it is. */
  readonly why: string | undefined;
}

const SESSION = ["deduplicate_insert", "insert_deduplicate", "async_insert_deduplicate"] as const;
const PLAIN_WINDOW = "non_replicated_deduplication_window";
const REPLICATED_WINDOW = "replicated_deduplication_window";
const ASYNC_WINDOW = "replicated_deduplication_window_for_async_inserts";

const not = (why: string): Deduplication => ({ honoured: false, window: undefined, isPartitioned: false, why });

/** The least that all endpoints have; `queues`: of each. Throws as {@link askDeduplication}. */
export async function deduplicationOfAll(
  all: readonly Asked[],
  place: Place,
  options: Pick<Options, "asyncInsert" | "settings">,
  tokens: boolean,
  queues: readonly boolean[],
): Promise<Deduplication> {
  const found = await Promise.all(
    all.map((asked, index) => askDeduplication(asked, place, options, tokens, queues[index] === true)),
  );
  return leastOf(
    found,
    all.map(({ name }) => name),
  );
}

/** @param names of those who were asked */
export function leastOf(found: readonly Deduplication[], names: readonly string[]): Deduplication {
  const without = found.findIndex(({ honoured }) => !honoured);
  if (without >= 0) {
    const where = found.length > 1 ? `on ${names[without]} ` : "";
    return not(`${where}${found[without]?.why}`);
  }
  return {
    honoured: true,
    window: Math.min(...found.map(({ window = 0 }) => window)),
    isPartitioned: found.some(({ isPartitioned }) => isPartitioned),
    why: undefined,
  };
}

/**
 * @param tokens whether the server knows insert_deduplication_token
 * @param queues whether the table has the server queue its inserts, as `queuesInserts` has it
 * @throws TargetError where the server does not let this user ask
 */
export async function askDeduplication(
  asked: Asked,
  { database, table }: Place,
  options: Pick<Options, "asyncInsert" | "settings">,
  tokens: boolean,
  queues: boolean,
): Promise<Deduplication> {
  if (!tokens) return not("is of a server that knows no insert_deduplication_token");
  const [found] = await asked.rows(
    "SELECT engine, engine_full, partition_key FROM system.tables WHERE database = {database:String} AND name = {table:String}",
    { database, table },
  );
  const engine = String(found?.engine ?? "");
  if (!engine.endsWith("MergeTree")) return not(`has the engine ${engine}, which does not deduplicate inserts`);
  const isReplicated = isSetAsReplicated({ engine });
  const isQueued = options.asyncInsert || queues;
  if (isQueued && !isReplicated) {
    const why = options.asyncInsert ? "is not replicated" : "has async_insert = 1 and is not replicated";
    return not(`${why}, and such a table may store an asynchronous insert twice, window and token or not`);
  }
  const setting = !isReplicated ? PLAIN_WINDOW : isQueued ? ASYNC_WINDOW : REPLICATED_WINDOW;
  const session = await settingsOf(asked, options.settings);
  const off = switchedOff(session, isQueued);
  if (off !== undefined) return not(`gets inserts with ${off}, so it does not deduplicate them`);
  const value = await tableSetting(asked, { engine, engineFull: String(found?.engine_full) }, setting);
  if (value === HIDDEN)
    return not(`may deduplicate inserts, but this user may not read ${defaultsOf({ engine })}, which says so`);
  const window = Number(value ?? 0);
  if (window === 0) return not(`has ${setting} = 0, so it does not deduplicate inserts`);
  return { honoured: true, window, isPartitioned: String(found?.partition_key) !== "", why: undefined };
}

/** Those of the session, and over them those of --setting. */
async function settingsOf(
  asked: Asked,
  given: Readonly<Record<string, string>>,
): Promise<Readonly<Record<string, string>>> {
  const rows = await asked.rows("SELECT name, value FROM system.settings WHERE has({names:Array(String)}, name)", {
    names: `[${SESSION.map((name) => `'${name}'`).join(",")}]`,
  });
  return { ...Object.fromEntries(rows.map(({ name, value }) => [String(name), String(value)])), ...given };
}

/** The setting that turns it off, as in insert_deduplicate = 0. Newer servers have one for both kinds of inserts, which goes before. */
function switchedOff(session: Readonly<Record<string, string>>, asyncInsert: boolean): string | undefined {
  const { deduplicate_insert: both } = session;
  if (both === "disable") return "deduplicate_insert = disable";
  if (both === "enable") return undefined;
  const name = asyncInsert ? "async_insert_deduplicate" : "insert_deduplicate";
  return session[name] === "1" || session[name] === "true" ? undefined : `${name} = ${session[name] ?? "0"}`;
}

/** What to tell of it before the start, as a sentence; a warning where rows may be lost to sight, or come twice. */
export function retryAdvice(
  { honoured, window = 0, isPartitioned, why }: Deduplication,
  { retryAmbiguous, retryForNs }: Pick<Options, "retryAmbiguous" | "retryForNs">,
  insertsPerSecond: number | undefined,
): { readonly says: string; readonly isWarning: boolean } {
  if (!honoured) {
    const what = retryAmbiguous
      ? "inserts that may have landed are sent again all the same, and may land twice"
      : "inserts that may have landed are not sent again, and stay unknown; --retry-ambiguous sends them, at the price of duplicates";
    return { says: `retries: the table ${why}: ${what}`, isWarning: true };
  }
  const remembered = isPartitioned
    ? `retries: the table remembers the last ${count(window, "block")} of inserts, of each insert one for every partition it touches`
    : `retries: the table remembers its last ${count(window, "insert")}`;
  const retryForS = Number(retryForNs) / 1e9;
  if (insertsPerSecond !== undefined && insertsPerSecond * retryForS > window) {
    const seconds = `${isPartitioned ? "at most " : ""}some ${short(window / insertsPerSecond)} s of this load`;
    return {
      says:
        `${remembered}, ${seconds}: one that may have landed and is sent again ` +
        `later, up to the ${whole(retryForS)} s of --retry-for, may land twice`,
      isWarning: true,
    };
  }
  const until = insertsPerSecond === undefined || isPartitioned ? " unless so many have come in between" : "";
  return { says: `${remembered}: one that may have landed is sent again, and stored once${until}`, isWarning: false };
}
