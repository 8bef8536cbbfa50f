// The flags of every command: those of `run` are in run-flags.ts, those of the others follow from them. Data alone.

import { type Flag, LOGIN, RUN_FLAGS, runFlag, TLS, variableOf } from "./run-flags.js";
import { nearest } from "./text.js";

export { type Flag, GROUPS, type Group, RUN_FLAGS, variableOf } from "./run-flags.js";

/** Those of `run` that its rows depend on, and what of them to print. */
export const SAMPLE_FLAGS: readonly Flag[] = [
  { ...runFlag("clickhouse-url"), description: "HTTP endpoint; of several, the first is asked" },
  {
    ...runFlag("table"),
    description: "table or database.table, which must exist; without this flag, events as it is or would be created",
  },
  ...LOGIN,
  ...TLS,
  { ...runFlag("blind"), description: "Ask the server nothing: the rows of the table that would be created" },
  {
    name: "rows",
    group: "Rows",
    kind: "text",
    placeholder: "N",
    fallback: "10",
    description: "How many rows to print, up to 1000000000",
  },
  {
    name: "explain",
    group: "Rows",
    kind: "switch",
    description: "Print no rows but what they follow: each column with its type and rule",
  },
  {
    name: "learn",
    group: "Rows",
    kind: "switch",
    description: "Print no rows but a config file with rules learned from those the table holds",
  },
  {
    name: "no-values",
    group: "Rows",
    kind: "switch",
    description: "Learn no texts: made-up ones stand for the table's top values",
  },
  { ...runFlag("rate"), group: "Rows", description: "Rows per second, by which row times are spaced: 5, 250k or 1.5M" },
  { ...runFlag("duration"), group: "Rows", description: "How long the run would last; of use with --data-span only" },
  runFlag("seed"),
  { ...runFlag("run-id"), description: "Name of the run, in column run_id" },
  runFlag("data-start"),
  runFlag("data-span"),
  runFlag("config"),
  { ...runFlag("format"), group: "Rows" },
];

/** Those of `run` that its inserts depend on; duration, format and report are the ladder's own. */
export const LADDER_FLAGS: readonly Flag[] = [
  { ...runFlag("clickhouse-url"), description: "HTTP endpoint; of several, the first is used" },
  {
    ...runFlag("table"),
    fallbackDescription: "events as it would be created",
    description: "table or database.table, which must exist: copied, never written to",
  },
  ...LOGIN,
  ...TLS,
  { ...runFlag("embedded"), description: "Start the embedded ClickHouse for this ladder and use it" },
  {
    name: "duration",
    group: "Load",
    kind: "text",
    placeholder: "TIME",
    fallback: "5s",
    description: "Measured time of each rung, after a warm-up of as much, at most 1 s",
  },
  runFlag("workers"),
  runFlag("seed"),
  { ...runFlag("run-id"), description: "Name of this ladder, in column run_id, query ids and the scratch database" },
  runFlag("data-start"),
  {
    ...runFlag("config"),
    description: "Options and rules for columns from this file; its duration, format and report are those of run",
  },
  runFlag("in-flight"),
  runFlag("batch-rows"),
  runFlag("async-insert"),
  {
    name: "format",
    group: "Inserts",
    kind: "texts",
    placeholder: "NAME",
    fallbackDescription: "all that can carry the table",
    description: "JSONEachRow, JSONCompactEachRow, RowBinary, Native; repeat it, or separate them by commas",
  },
  runFlag("compress"),
  runFlag("setting"),
  runFlag("timeout"),
  { ...runFlag("report"), description: "Write the ladder's figures to this file" },
];

/** Those of `run` that its inserts depend on, and how to search; report is its own. */
export const MAX_FLAGS: readonly Flag[] = [
  runFlag("clickhouse-url"),
  {
    ...runFlag("table"),
    description: "table or database.table, which must exist; without this flag, events is created if missing",
  },
  ...LOGIN,
  ...TLS,
  { ...runFlag("embedded"), description: "Start the embedded ClickHouse for this search and use it" },
  {
    ...runFlag("blind"),
    description:
      "Ask the server nothing, so that parts and merges are not watched; for discarding endpoints and proxies",
  },
  {
    name: "scratch",
    group: "Target",
    kind: "switch",
    description: "Insert into a copy of the table, with its materialized views, which is dropped at the end",
  },
  {
    name: "from",
    group: "Load",
    kind: "text",
    placeholder: "ROWS",
    fallback: "10k",
    description: "Rows per second of the first hold: doubled while holds pass, or halved until one does",
  },
  {
    name: "to",
    group: "Load",
    kind: "text",
    placeholder: "ROWS",
    fallback: "1000M",
    description: "Rows per second to go up to, and no higher",
  },
  {
    name: "step",
    group: "Load",
    kind: "text",
    placeholder: "TIME",
    fallback: "10s",
    description:
      "How long each rate is held, after a warm-up of a fifth of it, at most 2 s; longer where that does not decide",
  },
  {
    name: "budget",
    group: "Load",
    kind: "text",
    placeholder: "TIME",
    fallbackDescription: "as long as it takes",
    description: "No hold begins that would not be over by then: fewer searches, a wider interval",
  },
  {
    name: "precision",
    group: "Load",
    kind: "text",
    placeholder: "SHARE",
    fallback: "5%",
    description: "How near the rate that passes is to come to the one that fails",
  },
  {
    name: "p99",
    group: "Load",
    kind: "text",
    placeholder: "TIME",
    fallbackDescription: "any",
    description: "A hold passes only if 99 of 100 batches are answered so soon after they are due",
  },
  runFlag("workers"),
  runFlag("seed"),
  { ...runFlag("run-id"), description: "Name of this search, in column run_id and in query ids" },
  runFlag("data-start"),
  {
    ...runFlag("config"),
    description: "Options and rules for columns from this file; its report is that of run",
  },
  runFlag("in-flight"),
  runFlag("batch-rows"),
  runFlag("flush-interval"),
  runFlag("async-insert"),
  runFlag("format"),
  runFlag("compress"),
  runFlag("setting"),
  runFlag("quorum"),
  runFlag("timeout"),
  { ...runFlag("report"), description: "Write all holds and the result to this file" },
];

/** Of `run`, but no one is anybody by default. */
const SERVE_LOGIN: readonly Flag[] = LOGIN.map((flag) => ({ ...flag, group: "Server" as const })).map((flag) => {
  if (flag.name === "password-file") return flag;
  const { fallback: _, ...rest } = { fallback: undefined, ...flag };
  return flag.name === "user"
    ? { ...rest, fallbackDescription: "clickstorm", description: "The one user who may log in" }
    : { ...rest, fallbackDescription: "a random one, printed at the start" };
});

export const SERVE_FLAGS: readonly Flag[] = [
  {
    name: "port",
    group: "Server",
    kind: "text",
    placeholder: "PORT",
    fallback: "8123",
    description: "HTTP port on 127.0.0.1; 0: any free port",
  },
  {
    name: "path",
    group: "Server",
    kind: "text",
    placeholder: "DIR",
    fallbackDescription: "a temporary directory, removed at the end",
    description: "Data directory",
  },
  ...SERVE_LOGIN,
  {
    name: "no-login",
    group: "Server",
    kind: "switch",
    description: "Open the server to every user of this machine, and to pages in their browsers",
  },
];

export const MERGE_FLAGS = [
  {
    name: "out",
    group: "Reports",
    kind: "text",
    placeholder: "FILE.json",
    description: "Write the merged report to this file; needed",
  },
] as const satisfies readonly Flag[];

export const COMPARE_FLAGS = [
  {
    name: "fail-on",
    group: "Reports",
    kind: "texts",
    placeholder: "CHANGE",
    description:
      "Exit 99 where a figure changed by more, and by more than noise: 'p99>+10%', 'rate<-5%'; figures are rate, p50, p90, p95, p99, p99.9, service_p50 to service_p99.9, error_rate and cpu; repeatable",
  },
  {
    name: "strict",
    group: "Reports",
    kind: "switch",
    description: "Exit 98 where a --fail-on cannot be judged: too few inserts, or more noise than it allows",
  },
  {
    name: "markdown",
    group: "Reports",
    kind: "switch",
    description: "Print a table for a pull request",
  },
] as const satisfies readonly Flag[];

/** By command. */
const FLAGS: Readonly<Record<string, readonly Flag[]>> = {
  run: RUN_FLAGS,
  sample: SAMPLE_FLAGS,
  ladder: LADDER_FLAGS,
  max: MAX_FLAGS,
  serve: SERVE_FLAGS,
  compare: COMPARE_FLAGS,
  merge: MERGE_FLAGS,
};

/** Variables that look like ours and are none: most likely one mistyped. What was meant, where that can be told. */
export function strangeVariables(environment: Readonly<Record<string, string | undefined>>): readonly string[] {
  const known = Object.values(FLAGS).flatMap((flags) => flags.map(variableOf));
  return Object.keys(environment)
    .filter((name) => name.startsWith("CLICKSTORM_") && !known.includes(name))
    .map((name) => {
      const near = nearest(name, known);
      return `${name} is no variable of clickstorm${near === undefined ? "" : `: did you mean ${near}?`}`;
    });
}

/** The commands that have the flag, as in "run, sample and ladder"; undefined where none has. */
export function ownersOf(name: string): string | undefined {
  const commands = Object.keys(FLAGS).filter((command) => FLAGS[command]?.some((flag) => flag.name === name));
  return commands.length > 0 ? commands.join(", ").replace(/, ([^,]*)$/, " and $1") : undefined;
}
