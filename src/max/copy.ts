// --scratch: a copy of the table in a database of its own, with its materialized views, for the length of a search. Nothing is
// written to the table itself. Called by max.ts, which has it dropped.

import { fullName, InterruptedError, TargetError } from "../asked.js";
import type { Endpoint } from "../endpoint.js";
import { Facts } from "../facts.js";
import { askSource, dropStatement, leftovers, Scratch } from "../ladder/scratch.js";
import type { Options } from "../options.js";
import type { Progress } from "../progress.js";
import type { Patience } from "../server.js";
import { askServer, askTable } from "../target.js";

/** Where the rows of a search go. */
export interface Copy {
  readonly scratch: Scratch;
  /** Those of the search, of the copy. */
  readonly run: Options;
  /** As the table that is copied is called. */
  readonly table: string;
  /** What the copy is, or does without, in sentences. */
  readonly notes: readonly string[];
}

/** Who asks for a copy. */
export interface Asking {
  readonly interrupt: AbortSignal;
  /** Aborted when the embedded server dies, and all it had is gone. */
  readonly died: AbortSignal | undefined;
  readonly progress: Pick<Progress, "say">;
}

/**
 * What `use` makes of a copy, which is dropped then, whatever happens; why it is left, if so. Throws a TargetError where there is
 * no such table, or the server makes no copy.
 */
export async function withCopy<T>(
  endpoint: Endpoint,
  run: Options,
  { interrupt, died, progress }: Asking,
  use: (copy: Copy) => Promise<T>,
): Promise<{ readonly value: T; readonly left: string | undefined }> {
  const patience = { signal: interrupt, onSlow: (sentence: string) => progress.say(sentence) };
  let scratch: Scratch | undefined;
  const announce = (): void => {
    if (scratch === undefined || died?.aborted) return;
    const drop = dropStatement(scratch.database);
    progress.say(`ending: dropping ${scratch.database}; interrupt again to quit at once, and it is left: ${drop}`);
  };
  interrupt.addEventListener("abort", announce, { once: true });
  let left: string | undefined;
  let value: T;
  try {
    const copy = await makeCopy(endpoint, run, patience, (made) => {
      scratch = made;
    });
    for (const note of copy.notes) progress.say(`note: ${note}`);
    value = await use(copy);
  } finally {
    const why = await scratch?.dropped();
    interrupt.removeEventListener("abort", announce);
    if (why !== undefined && !died?.aborted) {
      left = why;
      progress.say(`error: ${why}`);
    }
  }
  return { value, left };
}

/** `onMade` hears of the database as soon as it is there. */
async function makeCopy(
  endpoint: Endpoint,
  run: Options,
  patience: Patience & { readonly signal: AbortSignal },
  onMade: (scratch: Scratch) => void,
): Promise<Copy> {
  const facts = new Facts([await askServer(endpoint, patience)]);
  const source = run.tableGiven ? await askSource(endpoint, run.table, "max", patience) : undefined;
  if (run.tableGiven) {
    await askTable(endpoint, run, patience);
    if (source === undefined) throw new TargetError(`there is no table ${run.table.table}`);
  }
  const left = await leftovers(endpoint, "max", patience);
  if (patience.signal.aborted) throw new InterruptedError("interrupted before the first hold");
  const engine = /^\w+/.exec(source?.clause ?? "")?.[0] ?? "MergeTree";
  const scratch = await Scratch.create(endpoint, { purpose: "max", runId: run.runId, engine, facts });
  onMade(scratch);
  const { table } = run.table;
  const notes = left.map(
    (one) => `${one} is left of a search that was killed, or of one under way: ${dropStatement(one)}`,
  );
  if (source !== undefined) {
    await scratch.copy(table, source.place, source.clause);
    notes.push(...source.notes, ...(await scratch.copyViews(table, source.place)));
  }
  return {
    scratch,
    // A run id of this search is none of the copy's rows.
    run: { ...run, table: { database: scratch.database, table }, runIdGiven: false },
    table: source === undefined ? table : fullName(source.place),
    notes,
  };
}
