// The flags of `run`, as the command line, the environment, the config file and the help know them. Data alone: what their
// values mean is options.ts.

/** The headings of the help, in its order. */
export const GROUPS = ["Target", "Load", "Rows", "Inserts", "Observe", "Server", "Reports"] as const;
export type Group = (typeof GROUPS)[number];

export interface Flag {
  readonly name: string;
  readonly group: Group;
  /** text: one value; texts: may be repeated; switch: true by being there. */
  readonly kind: "text" | "texts" | "switch";
  /** What stands for the value in the help; not of a switch. */
  readonly placeholder?: string;
  readonly description: string;
  /** Shown, and used when nothing is given. */
  readonly fallback?: string;
  /** Shown in place of a default that is made anew each time. */
  readonly fallbackDescription?: string;
  /** The seed service's environment variable. */
  readonly variable?: string;
  /** The value names a file, and its text is what is meant. */
  readonly holds?: { readonly isSecret: boolean; readonly mostBytes: number };
}

const PEM_BYTES = 1_000_000;

/** Who one is to ClickHouse. */
export const LOGIN = [
  {
    name: "user",
    group: "Target",
    kind: "text",
    placeholder: "NAME",
    fallback: "default",
    variable: "CLICKHOUSE_USER",
    description: "ClickHouse user",
  },
  {
    name: "password",
    group: "Target",
    kind: "text",
    placeholder: "TEXT",
    variable: "CLICKHOUSE_PASSWORD",
    description: "Its password; others see a flag in the process list, but not a variable",
  },
  {
    name: "password-file",
    group: "Target",
    kind: "text",
    placeholder: "FILE",
    description: "The password is the first line of this file",
    holds: { isSecret: true, mostBytes: 4096 },
  },
] as const satisfies readonly Flag[];

/** How https:// endpoints are spoken to. */
export const TLS = [
  {
    name: "tls-ca",
    group: "Target",
    kind: "text",
    placeholder: "FILE.pem",
    fallbackDescription: "those Node knows, and NODE_EXTRA_CA_CERTS",
    description: "Certificates of the authorities an https:// server is trusted by, in place of all others",
    holds: { isSecret: false, mostBytes: PEM_BYTES },
  },
  {
    name: "tls-cert",
    group: "Target",
    kind: "text",
    placeholder: "FILE.pem",
    description: "Client certificate, for a server that asks for one",
    holds: { isSecret: false, mostBytes: PEM_BYTES },
  },
  {
    name: "tls-key",
    group: "Target",
    kind: "text",
    placeholder: "FILE.pem",
    description: "Its private key, without a passphrase",
    holds: { isSecret: true, mostBytes: PEM_BYTES },
  },
  {
    name: "tls-insecure",
    group: "Target",
    kind: "switch",
    description: "Verify no certificate: whoever answers is sent password and rows",
  },
] as const satisfies readonly Flag[];

export const RUN_FLAGS = [
  {
    name: "clickhouse-url",
    group: "Target",
    kind: "texts",
    placeholder: "URL",
    fallback: "http://localhost:8123",
    variable: "CLICKHOUSE_URL",
    description: "HTTP endpoint; repeat it and inserts rotate over all",
  },
  {
    name: "table",
    group: "Target",
    kind: "text",
    placeholder: "NAME",
    fallback: "events",
    description: "table or database.table, which must exist; without this flag, events is created if missing",
  },
  ...LOGIN,
  ...TLS,
  {
    name: "embedded",
    group: "Target",
    kind: "switch",
    description: "Start the embedded ClickHouse for this run and use it",
  },
  {
    name: "blind",
    group: "Target",
    kind: "switch",
    description: "Ask the server nothing: no pre-flight, no CREATE, no ledger; for discarding endpoints and proxies",
  },
  {
    name: "rate",
    group: "Load",
    kind: "text",
    placeholder: "ROWS",
    fallback: "5",
    variable: "EVENT_RATE",
    description: "Rows per second: 5, 250k, 1.5M, or max (closed loop)",
  },
  {
    name: "duration",
    group: "Load",
    kind: "text",
    placeholder: "TIME",
    fallback: "30",
    variable: "INGESTION_DURATION",
    description: "Seconds, or 90s, 10m, 2h",
  },
  {
    name: "stage",
    group: "Load",
    kind: "texts",
    placeholder: "TIME:ROWS",
    description:
      "In place of rate and duration: a ramp to this rate over this time, from that of the stage before, at first 0; repeatable",
  },
  {
    name: "arrivals",
    group: "Load",
    kind: "text",
    placeholder: "KIND",
    fallback: "constant",
    description: "Gaps between batches: constant, or poisson (exponential)",
  },
  {
    name: "warmup",
    group: "Load",
    kind: "text",
    placeholder: "TIME",
    fallback: "0",
    description: "Before the rest: left out of rates, latencies and thresholds, not of the ledger and the counters",
  },
  {
    name: "overload",
    group: "Load",
    kind: "text",
    placeholder: "KIND",
    fallback: "catch-up",
    description: "When the target cannot keep up: catch-up sends the backlog, drop leaves out what is too late",
  },
  {
    name: "max-lag",
    group: "Load",
    kind: "text",
    placeholder: "TIME",
    fallbackDescription: "1s",
    description: "With --overload drop: a batch due longer ago than this is dropped",
  },
  {
    name: "abort-below",
    group: "Load",
    kind: "text",
    placeholder: "SHARE",
    fallbackDescription: "never",
    description: "End a run that stays below this share of its rate, such as 95%",
  },
  {
    name: "shard",
    group: "Load",
    kind: "text",
    placeholder: "I/N",
    description: "This process is number I of N that drive one schedule; with the same run-id, seed and start-at",
  },
  {
    name: "start-at",
    group: "Load",
    kind: "text",
    placeholder: "TIME",
    fallbackDescription: "when all is ready",
    description: "Begin at this time: 2026-01-31T12:00:00Z, or with +02:00; UTC where it has no zone",
  },
  {
    name: "repeat",
    group: "Load",
    kind: "text",
    placeholder: "N",
    fallbackDescription: "1; with --against 5",
    description: "Run it N times, the server at rest in between; --report base.json becomes base-1.json …",
  },
  {
    name: "against",
    group: "Load",
    kind: "text",
    placeholder: "URL|FILE",
    description:
      "In turn with another side, A B B A …: at this URL, or with what this YAML file says in place of options; the sides are compared at the end",
  },
  {
    name: "drain",
    group: "Load",
    kind: "text",
    placeholder: "TIME",
    fallback: "30s",
    description: "How long due batches may still be sent after the end",
  },
  {
    name: "workers",
    group: "Load",
    kind: "text",
    placeholder: "N",
    fallbackDescription: "from the machine and the plan",
    description: "Worker threads",
  },
  {
    name: "seed",
    group: "Rows",
    kind: "text",
    placeholder: "N",
    fallbackDescription: "random",
    description: "Seed of the generated rows",
  },
  {
    name: "run-id",
    group: "Rows",
    kind: "text",
    placeholder: "ID",
    fallbackDescription: "random",
    description: "Name of this run, in column run_id and in query ids; the table must not hold it yet",
  },
  {
    name: "data-start",
    group: "Rows",
    kind: "text",
    placeholder: "TIME",
    fallbackDescription: "now",
    description: "Time of the first row: 2026-01-31 or 2026-01-31T12:00:00Z",
  },
  {
    name: "data-span",
    group: "Rows",
    kind: "text",
    placeholder: "TIME",
    fallbackDescription: "the run's own time",
    description: "Row times are spread over this span, apart from pacing: backfill",
  },
  {
    name: "config",
    group: "Rows",
    kind: "text",
    placeholder: "FILE.yaml",
    description: "Options and rules for columns from this file; a flag or variable goes before it",
  },
  {
    name: "replay",
    group: "Rows",
    kind: "text",
    placeholder: "FILE",
    description: "Rows from this file of JSON lines (.ndjson, .gz, .zst) instead of generated ones, again and again",
  },
  {
    name: "replay-once",
    group: "Rows",
    kind: "switch",
    description: "End with the file; without --duration, run for as long as its rows take",
  },
  {
    name: "replay-time",
    group: "Rows",
    kind: "text",
    placeholder: "COLUMN",
    description: "In each row of the file this Date or DateTime gets the row's time in the schedule",
  },
  {
    name: "replay-zstd-window",
    group: "Rows",
    kind: "text",
    placeholder: "MIB",
    fallback: "8",
    description: "The largest window of a zstd file that is taken; each worker has one in memory",
  },
  {
    name: "in-flight",
    group: "Inserts",
    kind: "text",
    placeholder: "N",
    fallback: "8",
    description: "Inserts in flight at once, over all workers",
  },
  {
    name: "batch-rows",
    group: "Inserts",
    kind: "text",
    placeholder: "N",
    fallback: "50000",
    description: "A batch closes when it holds so many rows",
  },
  {
    name: "flush-interval",
    group: "Inserts",
    kind: "text",
    placeholder: "TIME",
    fallback: "1s",
    description: "… or so long after its first row",
  },
  {
    name: "async-insert",
    group: "Inserts",
    kind: "switch",
    description: "Send async_insert=1 and wait for the flush; otherwise async_insert=0 is sent",
  },
  {
    name: "format",
    group: "Inserts",
    kind: "text",
    placeholder: "NAME",
    fallback: "JSONEachRow",
    description: "JSONEachRow, JSONCompactEachRow, RowBinary or Native",
  },
  {
    name: "compress",
    group: "Inserts",
    kind: "text",
    placeholder: "NAME",
    fallback: "none",
    description: "Compress the bodies of inserts: none, gzip, zstd or lz4; gzip and zstd at level 1",
  },
  {
    name: "setting",
    group: "Inserts",
    kind: "texts",
    placeholder: "K=V",
    description: "A ClickHouse setting of each insert; repeatable",
  },
  {
    name: "quorum",
    group: "Inserts",
    kind: "text",
    placeholder: "N",
    fallbackDescription: "the server's",
    description:
      "Of a replicated table: an insert is acknowledged when so many replicas have it; or auto, for most of them",
  },
  {
    name: "timeout",
    group: "Inserts",
    kind: "text",
    placeholder: "TIME",
    fallback: "30s",
    description: "Time limit of one attempt of an insert",
  },
  {
    name: "retries",
    group: "Inserts",
    kind: "text",
    placeholder: "N",
    fallback: "0",
    description: "Send an insert again, up to so often, when the server is busy or nobody knows whether it landed",
  },
  {
    name: "retry-for",
    group: "Inserts",
    kind: "text",
    placeholder: "TIME",
    fallback: "2m",
    description: "… for so long after its first attempt",
  },
  {
    name: "retry-ambiguous",
    group: "Inserts",
    kind: "switch",
    description: "… also what may have landed where the table does not deduplicate: duplicates, shown by the ledger",
  },
  {
    name: "max-failures",
    group: "Inserts",
    kind: "text",
    placeholder: "N",
    fallbackDescription: "never",
    description: "End the run when so many inserts in a row were not acknowledged, after their retries",
  },
  {
    name: "worker-crash",
    group: "Load",
    kind: "text",
    placeholder: "WHAT",
    fallback: "end",
    description: "When a worker thread crashes: end the run, or continue with the others, its further rows unsent",
  },
  {
    name: "report",
    group: "Observe",
    kind: "text",
    placeholder: "FILE.json",
    description: "Write the report to this file",
  },
  {
    name: "ledger",
    group: "Observe",
    kind: "text",
    placeholder: "FILE.ndjson",
    description: "Write each batch that is not whole, or not acknowledged, to this file as a line of JSON",
  },
  {
    name: "threshold",
    group: "Observe",
    kind: "texts",
    placeholder: "EXPR",
    description:
      "What the run must keep to, or it ends with 99: 'p99<500ms', service_p99, error_rate, achieved_rate, lag, rows_lost; repeatable",
  },
  {
    name: "strict",
    group: "Observe",
    kind: "switch",
    description: "End with 98 where a threshold cannot be judged, as there were too few inserts",
  },
  {
    name: "metrics-port",
    group: "Observe",
    kind: "text",
    placeholder: "PORT",
    fallback: "8080",
    description: "Port of Prometheus /metrics; 0: any free port",
  },
  {
    name: "metrics-host",
    group: "Observe",
    kind: "text",
    placeholder: "HOST",
    fallbackDescription: "all interfaces",
    description: "Address /metrics listens on",
  },
  { name: "no-metrics", group: "Observe", kind: "switch", description: "Serve no /metrics" },
  {
    name: "hold",
    group: "Observe",
    kind: "text",
    placeholder: "TIME",
    fallback: "0",
    description: "Keep /metrics up so long after the end, for a last scrape",
  },
  {
    name: "otlp-endpoint",
    group: "Observe",
    kind: "text",
    placeholder: "URL",
    fallbackDescription: "OTEL_EXPORTER_OTLP_ENDPOINT, else http://localhost:4318",
    description: "OTLP/HTTP collector for traces: its base, or the whole URL",
  },
  { name: "no-traces", group: "Observe", kind: "switch", description: "Send no traces" },
  { name: "no-verify", group: "Observe", kind: "switch", description: "Skip the ledger check at the end" },
] as const satisfies readonly Flag[];

export const runFlag = (wanted: (typeof RUN_FLAGS)[number]["name"]): Flag => {
  const flag = RUN_FLAGS.find(({ name }) => name === wanted);
  if (flag === undefined) throw new RangeError(`run has no flag ${wanted}`);
  return flag;
};

/** CLICKSTORM_BATCH_ROWS for batch-rows. */
export function variableOf(flag: Flag): string {
  return `CLICKSTORM_${flag.name.toUpperCase().replaceAll("-", "_")}`;
}
