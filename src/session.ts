// What the settings of a user's session do to answers. Profiles, constraints and the URL may cut them short, hide rows or leave
// numbers out; so each question says otherwise, as far as the user may. Asked once an endpoint, before all other questions.
// Inserts keep what the user has set: nothing here is sent with them.

import type { Code } from "./answer.js";
import { type Endpoint, shown } from "./endpoint.js";
import { quotedSetting } from "./quoted.js";
import { askedWith, execute, type Patience, query, ServerError } from "./server.js";

export interface Session {
  /** Settings that differ from the server's defaults, without what a URL in them may hold of a password. */
  readonly changed: Readonly<Record<string, string>>;
  /** What makes any answer false and cannot be helped, as a sentence; undefined: nothing. */
  readonly whyFalse: string | undefined;
  /** What makes figures of the table's rows false and cannot be helped, as a sentence; undefined: nothing. */
  readonly whyUncounted: string | undefined;
}

interface Own {
  /** What questions are asked with. */
  readonly value: string;
  /** What another value does, where it has to stay. */
  readonly does: string;
  /** Any answer, lists of columns too, or those about the rows of a table. */
  readonly spoils: "all" | "rows" | "none";
  /** It does so only where one of these has a value. */
  readonly beside?: readonly string[];
}

const CUTS = "cuts answers short";
const cuts = (...beside: string[]): Own => ({ value: "throw", does: CUTS, spoils: "rows", beside });
const rows = (value: string, does: string): Own => ({ value, does, spoils: "rows" });
const all = (value: string, does: string): Own => ({ value, does, spoils: "all" });
/** A limit that throws is told, as any error is. */
const plain = (value: string): Own => ({ value, does: "", spoils: "none" });

const HIDES = "hides rows";
const NO_ZERO = "answers nothing where a count is 0";
const FORBIDS = "forbids counting without an index";

/** By name. A server is sent those that it knows and has other values for. */
const OWN: Readonly<Record<string, Own>> = {
  limit: all("0", CUTS),
  offset: all("0", CUTS),
  additional_result_filter: all("", HIDES),
  additional_table_filters: all("{}", HIDES),
  max_rows_to_read: plain("0"),
  max_bytes_to_read: plain("0"),
  max_rows_to_read_leaf: plain("0"),
  max_bytes_to_read_leaf: plain("0"),
  max_rows_to_group_by: plain("0"),
  max_rows_to_sort: plain("0"),
  max_bytes_to_sort: plain("0"),
  max_result_rows: plain("0"),
  max_result_bytes: plain("0"),
  read_overflow_mode: cuts("max_rows_to_read", "max_bytes_to_read"),
  read_overflow_mode_leaf: cuts("max_rows_to_read_leaf", "max_bytes_to_read_leaf"),
  group_by_overflow_mode: cuts("max_rows_to_group_by"),
  sort_overflow_mode: cuts("max_rows_to_sort", "max_bytes_to_sort"),
  result_overflow_mode: cuts("max_result_rows", "max_result_bytes"),
  timeout_overflow_mode: cuts("max_execution_time", "max_estimated_execution_time"),
  timeout_overflow_mode_leaf: cuts("max_execution_time_leaf"),
  empty_result_for_aggregation_by_empty_set: rows("0", NO_ZERO),
  aggregate_functions_null_for_empty: rows("0", NO_ZERO),
  final: rows("0", "makes one row of several"),
  apply_deleted_mask: rows("1", "shows rows that are deleted"),
  apply_patch_parts: rows("1", "shows rows as they were before an update"),
  use_query_cache: rows("0", "gives old answers again"),
  optimize_trivial_approximate_count_query: rows("0", "counts by estimate"),
  skip_unavailable_shards: rows("0", "leaves shards out"),
  distributed_group_by_no_merge: rows("0", "leaves the counts of shards apart"),
  optimize_skip_unused_shards: rows("0", "leaves shards out"),
  parallel_replicas_count: rows("0", "reads a part of the rows"),
  enable_parallel_replicas: plain("0"),
  allow_experimental_parallel_reading_from_replicas: plain("0"),
  force_index_by_date: rows("0", FORBIDS),
  force_primary_key: rows("0", FORBIDS),
  force_optimize_projection: rows("0", FORBIDS),
  force_optimize_projection_name: rows("", FORBIDS),
  force_optimize_skip_unused_shards: rows("0", FORBIDS),
  // Of a question that takes minutes they are more than a client reads.
  send_progress_in_http_headers: plain("0"),
  http_response_headers: plain("{}"),
  date_time_output_format: plain("simple"),
  output_format_decimal_trailing_zeros: plain("0"),
  output_format_json_quote_64bit_floats: plain("0"),
  output_format_json_quote_denormals: plain("0"),
  output_format_json_quote_decimals: plain("0"),
};

/** Limits that stand beside a way to cut short, and are not lifted: they protect the server. */
const KEPT_LIMITS = ["max_execution_time", "max_estimated_execution_time", "max_execution_time_leaf"] as const;

/** Without which a server is not asked at all: all supported ones have them. */
const SENTINELS = ["limit", "offset", "max_rows_to_read", "final"] as const;

const OLD = {
  limit: "0",
  offset: "0",
  max_rows_to_read: "0",
  max_result_rows: "0",
  timeout_overflow_mode: "throw",
  aggregate_functions_null_for_empty: "0",
};
const FILTERS = { additional_result_filter: "", additional_table_filters: "{}" };
/** What the first questions are tried with, until one is answered: nobody knows yet which settings the server has. */
const FIRST: readonly Readonly<Record<string, string>>[] = [
  {},
  { ...OLD, ...FILTERS, use_query_cache: "0" },
  { ...OLD, ...FILTERS },
  OLD,
];

/** In place of a value that is not known, and not as it should be. */
const UNTOLD = "?";

const READ_ONLY = 164;
const FIXED = 452;
const UNKNOWN_SETTING = 115;

/** What a server says of a setting that this user may not change so. */
const REFUSALS: ReadonlySet<Code> = new Set<Code>([READ_ONLY, FIXED]);

/**
 * The answer to a question that is asked before it is known with which settings, if it makes sense.
 *
 * @param read undefined: it makes none
 * @throws ServerError the first one, but that a setting is refused only where nothing else is wrong
 */
export async function firstAnswer<T>(
  ask: (settings: Readonly<Record<string, string>>) => Promise<T | undefined>,
): Promise<T | undefined> {
  let refused: ServerError | undefined;
  let first: ServerError | undefined;
  for (const settings of FIRST) {
    try {
      const answer = await ask(settings);
      if (answer !== undefined) return answer;
    } catch (error) {
      if (!(error instanceof ServerError) || typeof error.code !== "number" || LOGIN.has(error.code)) throw error;
      if (REFUSALS.has(error.code)) refused = error;
      else if (error.code !== UNKNOWN_SETTING) first ??= error;
    }
  }
  if (refused !== undefined || first !== undefined) throw first ?? refused;
  return undefined;
}

/** Who is not let in is not let in with other settings. */
const LOGIN: ReadonlySet<number> = new Set([81, 192, 193, 516]);

/**
 * Reads the settings of the session, and makes all questions to the endpoint say otherwise where they matter. Throws a
 * ServerError.
 */
export async function openSession(endpoint: Endpoint, patience: Patience): Promise<Session> {
  // Asked a second time, the session is to be seen as it is.
  askedWith(endpoint, {});
  const { values, changed, with: sent } = await settingsOf(endpoint, patience);
  const wanted = Object.entries(OWN).filter(([name, { value }]) => !isAs(values.get(name), value));
  const own = { ...sent, ...Object.fromEntries(wanted.map(([name, { value }]) => [name, value])) };
  const stuck = await refusedOf(endpoint, own, patience);
  for (const name of stuck.keys()) delete own[name];
  askedWith(endpoint, own);

  const left = (name: string): boolean => !(name in own) && !isAs(values.get(name), "0");
  const spoiling = wanted.filter(
    ([name, { beside }]) => stuck.has(name) && (beside === undefined || beside.some(left)),
  );
  const why = (spoils: Own["spoils"]): string | undefined => {
    const [name = "", { does }] = spoiling.find(([, one]) => one.spoils === spoils) ?? ["", { does: "" }];
    if (name === "") return undefined;
    const value = values.get(name);
    return `the setting ${name}${value === UNTOLD ? "" : ` = ${value}`} of this user ${does}, and cannot be changed`;
  };
  return { changed, whyFalse: why("all"), whyUncounted: why("rows") };
}

/** What a question itself is cut by: the server puts both into it, and shows them as 0 from there on, but as changed. */
const SWALLOWED: ReadonlySet<string> = new Set(["limit", "offset"]);

/** A setting that the server does not know is as it should be. */
const isAs = (value: string | undefined, wanted: string): boolean =>
  value === undefined ||
  value === wanted ||
  (wanted === "0" && /^(false|0\.0*)?$/.test(value)) ||
  (wanted === "1" && value === "true");

interface Settings {
  /** Those of {@link OWN}, by name. */
  readonly values: ReadonlyMap<string, string>;
  readonly changed: Readonly<Record<string, string>>;
  /** What the question was asked with: the session has other values for these. */
  readonly with: Readonly<Record<string, string>>;
}

async function settingsOf(endpoint: Endpoint, patience: Patience): Promise<Settings> {
  // One row, which neither a limit nor a block that is cut short takes apart.
  const sql =
    "SELECT groupArray(name) AS all_names, groupArray(value) AS all_values, groupArray(toUInt8(changed)) AS all_changed " +
    "FROM system.settings WHERE changed OR has({names:Array(String)}, name)";
  const names = { names: `[${[...Object.keys(OWN), ...KEPT_LIMITS].map((name) => `'${name}'`).join(",")}]` };
  const answer = await firstAnswer(async (settings) => {
    const [row] = await query(endpoint, sql, names, patience, settings);
    const lists = [row?.all_names, row?.all_values, row?.all_changed].map((list) =>
      Array.isArray(list) ? list.map(String) : [],
    );
    const [all = [], values = [], changed = []] = lists;
    if (!SENTINELS.every((name) => all.includes(name)) || values.length !== all.length) return undefined;
    const found = all.map((name, index) => ({ name, value: values[index] ?? "", isChanged: changed[index] === "1" }));
    return { found, with: settings };
  });
  if (answer === undefined) {
    throw new ServerError(`${shown(endpoint)} does not tell the settings of this user`, "malformed_answer");
  }
  const ordered = answer.found
    .toSorted((one, other) => (one.name < other.name ? -1 : 1))
    .map((one) => (SWALLOWED.has(one.name) && one.isChanged ? { ...one, value: UNTOLD } : one));
  return {
    values: new Map(ordered.map(({ name, value }) => [name, value])),
    changed: Object.fromEntries(
      ordered
        .filter(({ name, value, isChanged }) => isChanged && value !== UNTOLD && !(name in answer.with))
        .map(({ name, value }) => [name, quotedSetting(name, value)]),
    ),
    with: answer.with,
  };
}

/** Those that this user may not change. What is as it was may always be sent. */
async function refusedOf(
  endpoint: Endpoint,
  own: Readonly<Record<string, string>>,
  patience: Patience,
): Promise<ReadonlySet<string>> {
  const isTaken = async (settings: Readonly<Record<string, string>>): Promise<boolean> => {
    try {
      await execute(endpoint, "SELECT 1 FORMAT Null", settings, patience);
      return true;
    } catch (error) {
      if (!(error instanceof ServerError && REFUSALS.has(error.code))) throw error;
      return false;
    }
  };
  if (Object.keys(own).length === 0 || (await isTaken(own))) return new Set();
  const refused = new Set<string>();
  for (const [name, value] of Object.entries(own)) if (!(await isTaken({ [name]: value }))) refused.add(name);
  return refused;
}
