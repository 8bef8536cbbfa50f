// Of a table's engine, as system.tables has it, the engine of its copy: the same without replication, which would need a
// path of its own and other servers. Pure. Called by scratch.ts.

import { argumentsOf, behindOf } from "../engines.js";

/** A copy's ENGINE clause, or why there is none, going on from the table's name: "is …". */
export type CopyEngine =
  | { readonly kind: "copy"; readonly clause: string; readonly note: string | undefined }
  | { readonly kind: "refused"; readonly why: string };

/** Of a table that keeps no rows, where that is no reason against a copy: its materialized views may. */
export const NULL_COPY: CopyEngine = { kind: "copy", clause: "Null", note: undefined };

const MERGE_TREE = /^(Replicated|Shared)?(\w*MergeTree)\b/;
/** Others that keep rows by themselves and no state but these. */
const PLAIN = /^(Log|TinyLog|StripeLog|Memory)\b/;
const LITERAL = /^'(?:[^'\\]|\\.|'')*'$/;

/**
 * @param engineFull of system.tables: `ReplicatedMergeTree('/path', '{replica}', ver) ORDER BY a SETTINGS …`
 * @param who wants a copy: "the ladder"
 */
export function copyEngine(engine: string, engineFull: string, who: string): CopyEngine {
  const refused = (why: string): CopyEngine => ({ kind: "refused", why });
  if (engine === "Null") return refused("is of engine Null, which keeps no rows: there would be no last rung");
  if (engine === "Distributed") {
    const behind = behindOf(engine, engineFull);
    return refused(
      `is Distributed and keeps no rows itself: give the table behind it, ${behind?.database}.${behind?.table}`,
    );
  }
  if (PLAIN.test(engine)) return { kind: "copy", clause: engineFull, note: undefined };
  const match = MERGE_TREE.exec(engine);
  if (match === null) {
    return refused(
      `is of engine ${engine}, which ${who} does not copy: it copies the MergeTree family, Log, TinyLog, StripeLog and Memory`,
    );
  }
  if (/\btable_disk\s*=/.test(engineFull)) {
    return refused("has the setting table_disk: a copy would share the place of its files");
  }
  const [, replication, plain = ""] = match;
  if (replication === undefined) return { kind: "copy", clause: engineFull, note: undefined };
  const { list, rest } = argumentsOf(engineFull);
  const replicated = list.length >= 2 && list.slice(0, 2).every((argument) => LITERAL.test(argument));
  const own = replicated ? list.slice(2) : list;
  return {
    kind: "copy",
    clause: `${plain}${own.length === 0 ? "" : `(${own.join(", ")})`}${rest}`,
    note: `${engine} is copied as ${plain}, without replication`,
  };
}
