// From raw flags and environment to Options, or every problem at once. Pure: asks no server, opens no file.
// A flag beats CLICKSTORM_<NAME>, which beats the seed service's variable, which beats the default.

import { randomBytes, randomInt } from "node:crypto";
import leven from "leven";
import { type Credentials, type Endpoint, endpointOf } from "./endpoint.js";
import type { Ratio } from "./schedule.js";

/** A flag as the command line and the documentation know it. */
export interface Flag {
  readonly name: string;
  readonly kind: "text" | "texts" | "switch";
  readonly description: string;
  /** Shown, and used when nothing is given. */
  readonly fallback?: string;
  /** Shown in place of a default that is made anew each time. */
  readonly fallbackDescription?: string;
  /** The seed service's environment variable. */
  readonly variable?: string;
}

/** Flags of `run`, in the order of its help. */
export const RUN_FLAGS = [
  {
    name: "clickhouse-url",
    kind: "texts",
    fallback: "http://localhost:8123",
    variable: "CLICKHOUSE_URL",
    description: "HTTP endpoint; repeat it and inserts rotate over all",
  },
  {
    name: "rate",
    kind: "text",
    fallback: "5",
    variable: "EVENT_RATE",
    description: "Rows per second: 5, 250k, 1.5M, or max (closed loop)",
  },
  {
    name: "duration",
    kind: "text",
    fallback: "30",
    variable: "INGESTION_DURATION",
    description: "Seconds, or 90s, 10m, 2h",
  },
  { name: "drain", kind: "text", fallback: "30s", description: "How long due batches may still be sent after the end" },
  {
    name: "table",
    kind: "text",
    fallback: "events",
    description: "table or database.table; without it, events is created if missing",
  },
  { name: "user", kind: "text", fallback: "default", variable: "CLICKHOUSE_USER", description: "ClickHouse user" },
  {
    name: "password",
    kind: "text",
    variable: "CLICKHOUSE_PASSWORD",
    description: "Its password; better given by the variable",
  },
  { name: "embedded", kind: "switch", description: "Start the embedded ClickHouse for this run and use it" },
  {
    name: "workers",
    kind: "text",
    fallbackDescription: "from the machine and the plan",
    description: "Worker threads",
  },
  { name: "in-flight", kind: "text", fallback: "8", description: "Inserts in flight at once, over all workers" },
  { name: "batch-rows", kind: "text", fallback: "50000", description: "A batch closes when it holds so many rows" },
  { name: "flush-interval", kind: "text", fallback: "1s", description: "… or so long after its first row" },
  {
    name: "async-insert",
    kind: "switch",
    description: "Insert with async_insert=1 and wait for the flush; otherwise async_insert=0 is sent",
  },
  { name: "setting", kind: "texts", description: "A ClickHouse setting, name=value; repeatable" },
  { name: "timeout", kind: "text", fallback: "30s", description: "Time limit of one insert" },
  {
    name: "metrics-port",
    kind: "text",
    fallback: "8080",
    description: "Port of Prometheus /metrics; 0: any free port",
  },
  {
    name: "metrics-host",
    kind: "text",
    fallbackDescription: "all interfaces",
    description: "Address /metrics listens on",
  },
  { name: "no-metrics", kind: "switch", description: "Serve no /metrics" },
  {
    name: "hold",
    kind: "text",
    fallback: "0",
    description: "Keep /metrics up so long after the end, for a last scrape",
  },
  {
    name: "otlp-endpoint",
    kind: "text",
    fallbackDescription: "OTEL_EXPORTER_OTLP_ENDPOINT, else http://localhost:4318",
    description: "OTLP/HTTP collector for traces",
  },
  { name: "no-traces", kind: "switch", description: "Send no traces" },
  { name: "seed", kind: "text", fallbackDescription: "random", description: "Seed of the generated rows" },
  {
    name: "run-id",
    kind: "text",
    fallbackDescription: "random",
    description: "Name of this run, in column run_id and in query ids",
  },
  {
    name: "data-start",
    kind: "text",
    fallbackDescription: "now",
    description: "Time of the first row: 2026-01-31 or 2026-01-31T12:00:00Z",
  },
  { name: "report", kind: "text", description: "Write the report to this JSON file" },
  { name: "no-verify", kind: "switch", description: "Skip the ledger check at the end" },
  { name: "blind", kind: "switch", description: "Ask the server nothing: no pre-flight, no CREATE, no ledger" },
] as const satisfies readonly Flag[];

/** Flags of `serve`. */
export const SERVE_FLAGS = [
  { name: "port", kind: "text", fallback: "8123", description: "HTTP port on 127.0.0.1; 0: any free port" },
  {
    name: "path",
    kind: "text",
    fallbackDescription: "a temporary directory, removed at the end",
    description: "Data directory",
  },
  { name: "user", kind: "text", fallback: "default", variable: "CLICKHOUSE_USER", description: "ClickHouse user" },
  {
    name: "password",
    kind: "text",
    variable: "CLICKHOUSE_PASSWORD",
    description: "Its password; better given by the variable",
  },
] as const satisfies readonly Flag[];

export interface TableName {
  readonly database: string | undefined;
  readonly table: string;
}

/** What `run` is asked to do; valid in itself. */
export interface Options {
  /** Without --embedded, whose endpoint is not known yet. */
  readonly endpoints: readonly Endpoint[];
  readonly embedded: boolean;
  readonly credentials: Credentials;
  readonly rate: Ratio | "max";
  /** As it was given, for the summary and the report. */
  readonly rateText: string;
  readonly durationNs: bigint;
  readonly drainNs: bigint;
  readonly table: TableName;
  /** Whether --table was given: such a table must exist. */
  readonly tableGiven: boolean;
  readonly workers: number | undefined;
  readonly inFlight: number;
  readonly batchRows: number;
  readonly flushNs: bigint;
  readonly asyncInsert: boolean;
  readonly settings: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** Undefined: none. `asked`: the port was given, so it must be free. */
  readonly metrics: { readonly port: number; readonly host: string | undefined; readonly asked: boolean } | undefined;
  readonly holdMs: number;
  readonly traces: { readonly otlpEndpoint: string | undefined } | undefined;
  readonly seed: number;
  readonly runId: string;
  /** Whether --run-id was given: the table must not hold it yet. */
  readonly runIdGiven: boolean;
  /** Nanoseconds since the epoch; undefined: when the run starts. */
  readonly dataStartNs: bigint | undefined;
  readonly reportFile: string | undefined;
  readonly verify: boolean;
  readonly blind: boolean;
}

export interface ServeOptions {
  readonly port: number;
  readonly path: string | undefined;
  readonly user: string | undefined;
  readonly password: string | undefined;
}

/** Sentences that each name a flag, what was expected and what came. */
export class OptionsError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(problems.join("\n"));
  }
}

/** Flags as parsed: only what was given. */
export type RawFlags = Readonly<Record<string, unknown>>;
export type Environment = Readonly<Record<string, string | undefined>>;

/** Settings that flags or the program itself decide on. */
const OWN_SETTINGS: Readonly<Record<string, string>> = {
  async_insert: "use --async-insert",
  wait_for_async_insert: "use --async-insert",
  insert_deduplication_token: "each batch has a token of its own",
  wait_end_of_query: "it is always sent",
  query_id: "each insert has an id of its own",
  query: "the insert has it",
  user: "use --user",
  password: "use --password",
};

const HOUR_NS = 3_600_000_000_000n;
const LONGEST_NS = 90n * 24n * HOUR_NS;
const UNITS_NS: Readonly<Record<string, bigint>> = {
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: HOUR_NS,
};

/** A decimal without sign or exponent as an exact fraction. */
function parseDecimal(text: string): Ratio | undefined {
  const match = /^(\d{1,15})(?:\.(\d{1,9}))?$/.exec(text);
  if (match?.[1] === undefined) return undefined;
  const decimals = match[2] ?? "";
  return { numerator: BigInt(match[1] + decimals), denominator: 10n ** BigInt(decimals.length) };
}

/** Rows per second: a decimal with k or M behind it; above 0, at most 1000M. */
export function parseRate(text: string): Ratio | "max" | undefined {
  if (text === "max") return "max";
  const match = /^(.*?)([kKM]?)$/.exec(text);
  const decimal = parseDecimal(match?.[1] ?? "");
  if (decimal === undefined || decimal.numerator === 0n) return undefined;
  const factor = match?.[2] === "M" ? 1_000_000n : match?.[2] ? 1_000n : 1n;
  const numerator = decimal.numerator * factor;
  if (numerator > decimal.denominator * 1_000_000_000n) return undefined;
  return { numerator, denominator: decimal.denominator };
}

/** Nanoseconds of "30" (seconds), "90s", "1.5h", "1m30s"; at most 90 days. */
export function parseDuration(text: string): bigint | undefined {
  const whole = /^[\d.]+$/.test(text) ? `${text}s` : text;
  if (!/^(?:[\d.]+(?:ms|s|m|h))+$/.test(whole)) return undefined;
  let sum = 0n;
  for (const [, amount = "", unit = ""] of whole.matchAll(/([\d.]+)(ms|s|m|h)/g)) {
    const decimal = parseDecimal(amount);
    const unitNs = UNITS_NS[unit];
    if (decimal === undefined || unitNs === undefined) return undefined;
    sum += (decimal.numerator * unitNs) / decimal.denominator;
  }
  return sum <= LONGEST_NS ? sum : undefined;
}

function parseInteger(text: string, from: number, to: number): number | undefined {
  const value = Number(text);
  return /^\d+$/.test(text) && value >= from && value <= to ? value : undefined;
}

/** Nanoseconds since the epoch of an ISO date or time; without a zone it is UTC. */
function parseTime(text: string): bigint | undefined {
  const match = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?)(Z|[+-]\d\d:?\d\d)?)?$/.exec(text);
  if (match === null) return undefined;
  const ms = Date.parse(`${match[1]}T${match[2] ?? "00:00"}${match[3] ?? "Z"}`);
  return Number.isNaN(ms) || ms < 0 || ms > Date.UTC(2200, 0) ? undefined : BigInt(ms) * 1_000_000n;
}

function parseTable(text: string): TableName | undefined {
  const match = /^(?:([^.]+)\.)?([^.]+)$/.exec(text);
  return match?.[2] === undefined ? undefined : { database: match[1], table: match[2] };
}

/** User information must not be shown, also not in what is no URL. */
function redact(url: string): string {
  return url.replace(/^([a-z+]*:\/\/)?.*@/i, "$1***@");
}

/** Reads flags and environment, and gathers what is wrong with them. */
class Reader {
  readonly problems: string[] = [];

  constructor(
    readonly flags: readonly Flag[],
    readonly raw: RawFlags,
    readonly environment: Environment,
  ) {
    for (const name of Object.keys(raw)) {
      if (flags.some((flag) => flag.name === name)) continue;
      const near = flags
        .map((flag) => ({ name: flag.name, distance: leven(flag.name, name) }))
        .sort((a, b) => a.distance - b.distance)[0];
      const hint =
        near !== undefined && near.distance <= Math.max(2, name.length / 3) ? `: did you mean --${near.name}?` : "";
      this.problems.push(`unknown option ${name.length === 1 ? "-" : "--"}${name}${hint}`);
    }
  }

  #flag(name: string): Flag {
    const flag = this.flags.find((candidate) => candidate.name === name);
    if (flag === undefined) throw new RangeError(`there is no flag ${name}`);
    return flag;
  }

  /** What was given for the flag, and what to call it in a sentence; undefined where nothing was. */
  #given(name: string): { readonly label: string; readonly values: readonly string[] } | undefined {
    const raw = this.raw[name];
    if (raw !== undefined) return { label: `--${name}`, values: (Array.isArray(raw) ? raw : [raw]).map(String) };
    const own = `CLICKSTORM_${name.toUpperCase().replaceAll("-", "_")}`;
    for (const variable of [own, this.#flag(name).variable]) {
      const value = variable === undefined ? undefined : this.environment[variable];
      if (value === undefined || value === "") continue;
      const values = this.#flag(name).kind === "texts" ? value.split(/\s+/).filter((part) => part !== "") : [value];
      return { label: variable ?? name, values };
    }
    return undefined;
  }

  /** Given as a flag, not by the environment. */
  isFlag(name: string): boolean {
    return this.raw[name] !== undefined;
  }

  isGiven(name: string): boolean {
    return this.#given(name) !== undefined;
  }

  texts(name: string): { readonly label: string; readonly values: readonly string[] } {
    const { fallback } = this.#flag(name);
    return this.#given(name) ?? { label: `--${name}`, values: fallback === undefined ? [] : [fallback] };
  }

  /** The one value of a flag; undefined where there is none. */
  text(name: string): { readonly label: string; readonly value: string | undefined } {
    const { label, values } = this.texts(name);
    if (values.length > 1) this.problems.push(`${label} was given ${values.length} times, once is enough`);
    return { label, value: values[0] };
  }

  /** Parses the value of a flag; `expected` ends the sentence "--flag must be …" where the parser says no. */
  value<T, F>(name: string, expected: string, absent: F, parse: (text: string) => T | undefined): T | F {
    const { label, value } = this.text(name);
    if (value === undefined) return absent;
    const parsed = parse(value);
    if (parsed !== undefined) return parsed;
    this.problems.push(`${label} must be ${expected}, got ${value === "" ? "nothing" : value}`);
    return absent;
  }

  integer<F>(name: string, from: number, to: number, absent: F): number | F {
    const range = to >= Number.MAX_SAFE_INTEGER ? `from ${from} up` : `from ${from} to ${to}`;
    return this.value(name, `an integer ${range}`, absent, (text) => parseInteger(text, from, to));
  }

  duration(name: string, fromNs: bigint): bigint {
    const least = fromNs > 1n ? ", at least 1ms" : fromNs === 1n ? ", above 0" : "";
    return this.value(name, `a time such as 30 (seconds), 500ms, 90s, 10m or 2h${least}`, 0n, (text) => {
      const ns = parseDuration(text);
      return ns !== undefined && ns >= fromNs ? ns : undefined;
    });
  }

  switch(name: string): boolean {
    const given = this.#given(name);
    const value = given?.values.at(-1);
    if (value === undefined || value === "false" || value === "0") return false;
    if (value !== "true" && value !== "1")
      this.problems.push(`${given?.label} is a switch, true or false, got ${value}`);
    return true;
  }
}

/** Throws an OptionsError with every problem at once. */
export function resolveRun(raw: RawFlags, environment: Environment): Options {
  const reader = new Reader(RUN_FLAGS, raw, environment);
  const { problems } = reader;
  const embedded = reader.switch("embedded");
  const credentials = {
    user: reader.text("user").value ?? "",
    password: reader.text("password").value ?? "",
  };
  if (/[\0\r\n]/.test(credentials.user + credentials.password)) {
    problems.push("--user and --password cannot hold line breaks: they are sent as HTTP headers");
  }
  const endpoints = embedded ? [] : readEndpoints(reader, credentials);
  const table = reader.value("table", "table or database.table", { database: undefined, table: "events" }, parseTable);
  const blind = reader.switch("blind");
  if (embedded && reader.isFlag("clickhouse-url")) problems.push("--embedded and --clickhouse-url exclude each other");
  if (embedded && blind) problems.push("--blind cannot be used with --embedded: nobody would create the table");
  const urlDatabases = new Set(
    endpoints.map((endpoint) => endpoint.database).filter((database) => database !== undefined),
  );
  if (urlDatabases.size > 1) problems.push("--clickhouse-url: the URLs name different databases");
  const [urlDatabase] = urlDatabases;
  if (urlDatabase !== undefined && table.database !== undefined && urlDatabase !== table.database) {
    problems.push(`--table names database ${table.database}, --clickhouse-url names ${urlDatabase}`);
  }

  const inFlight = reader.integer("in-flight", 1, 10_000, 1);
  const workers = reader.integer("workers", 1, 256, undefined);
  if (workers !== undefined && workers > inFlight) {
    problems.push(
      `--workers must be at most --in-flight (${inFlight}), got ${workers}: each worker needs an insert of its own`,
    );
  }
  const rate = reader.value(
    "rate",
    "rows per second above 0 and up to 1000M, such as 5, 2.5, 250k or 1.5M, or max",
    "max" as const,
    parseRate,
  );
  const reportFile = reader.text("report").value;
  const options: Options = {
    endpoints,
    embedded,
    credentials,
    rate,
    rateText: reader.text("rate").value ?? "",
    durationNs: reader.duration("duration", 1n),
    drainNs: reader.duration("drain", 0n),
    table: { database: table.database ?? urlDatabase, table: table.table },
    tableGiven: reader.isGiven("table"),
    workers,
    inFlight,
    batchRows: reader.integer("batch-rows", 1, Number.MAX_SAFE_INTEGER, 1),
    flushNs: reader.duration("flush-interval", 1_000_000n),
    asyncInsert: reader.switch("async-insert"),
    settings: readSettings(reader, endpoints),
    timeoutMs: Number(reader.duration("timeout", 1_000_000n) / 1_000_000n),
    metrics: reader.switch("no-metrics")
      ? undefined
      : {
          port: reader.integer("metrics-port", 0, 65_535, 0),
          host: reader.text("metrics-host").value,
          asked: reader.isGiven("metrics-port") || reader.isGiven("metrics-host"),
        },
    holdMs: Number(reader.duration("hold", 0n) / 1_000_000n),
    traces: reader.switch("no-traces")
      ? undefined
      : {
          otlpEndpoint: reader.value("otlp-endpoint", "an http:// or https:// URL", undefined, (text) =>
            parseHttpUrl(text) === undefined ? undefined : text,
          ),
        },
    seed: reader.integer("seed", 0, Number.MAX_SAFE_INTEGER, randomInt(2 ** 32)),
    runId: reader.value(
      "run-id",
      "1 to 64 letters, digits, dots, dashes or underscores",
      randomBytes(6).toString("hex"),
      (text) => (/^[\w.-]{1,64}$/.test(text) ? text : undefined),
    ),
    runIdGiven: reader.isGiven("run-id"),
    dataStartNs: reader.value(
      "data-start",
      "a date or time from 1970 to 2199 such as 2026-01-31 or 2026-01-31T12:00:00Z",
      undefined,
      parseTime,
    ),
    reportFile,
    verify: !reader.switch("no-verify") && !blind,
    blind,
  };
  if (reportFile === "") problems.push("--report must be a file name, got nothing");
  if (problems.length > 0) throw new OptionsError(problems);
  return options;
}

function parseHttpUrl(text: string): URL | undefined {
  if (!/^https?:\/\//i.test(text)) return undefined;
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

function readEndpoints(reader: Reader, credentials: Credentials): Endpoint[] {
  const { label, values } = reader.texts("clickhouse-url");
  const endpoints: Endpoint[] = [];
  for (const value of values) {
    const url = parseHttpUrl(value);
    if (url === undefined) {
      reader.problems.push(`${label} must be a URL such as http://localhost:8123, got ${redact(value) || "nothing"}`);
      continue;
    }
    if ((url.username !== "" || url.password !== "") && (reader.isFlag("user") || reader.isFlag("password"))) {
      reader.problems.push(`${label} names a user, and so do --user or --password: give one of them`);
    }
    for (const name of url.searchParams.keys()) {
      const instead = OWN_SETTINGS[name];
      if (instead !== undefined) reader.problems.push(`${label} cannot hold the parameter ${name}: ${instead}`);
    }
    try {
      endpoints.push(endpointOf(url, credentials));
    } catch {
      reader.problems.push(`${label}: a % in user or password must be written as %25`);
    }
  }
  return endpoints;
}

function readSettings(reader: Reader, endpoints: readonly Endpoint[]): Record<string, string> {
  const { label, values } = reader.texts("setting");
  const settings: Record<string, string> = {};
  for (const text of values) {
    const match = /^([A-Za-z_]\w*)=(.*)$/s.exec(text);
    const name = match?.[1];
    if (name === undefined) {
      reader.problems.push(`${label} must be name=value, got ${text === "" ? "nothing" : text}`);
    } else if (OWN_SETTINGS[name] !== undefined) {
      reader.problems.push(`${label} cannot set ${name}: ${OWN_SETTINGS[name]}`);
    } else if (settings[name] !== undefined) {
      reader.problems.push(`${label} sets ${name} twice`);
    } else if (endpoints.some((endpoint) => new URLSearchParams(endpoint.path.split("?")[1]).has(name))) {
      reader.problems.push(`${label} sets ${name}, and so does --clickhouse-url`);
    } else {
      settings[name] = match?.[2] ?? "";
    }
  }
  return settings;
}

/** Throws an OptionsError with every problem at once. */
export function resolveServe(raw: RawFlags, environment: Environment): ServeOptions {
  const reader = new Reader(SERVE_FLAGS, raw, environment);
  const options: ServeOptions = {
    port: reader.integer("port", 0, 65_535, 0),
    path: reader.text("path").value,
    user: reader.isGiven("user") ? reader.text("user").value : undefined,
    password: reader.text("password").value,
  };
  if (options.path === "") reader.problems.push("--path must be a directory, got nothing");
  if (reader.problems.length > 0) throw new OptionsError(reader.problems);
  return options;
}
