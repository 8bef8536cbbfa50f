// From raw flags and environment to Options, or every problem at once. Pure: asks no server, opens no file.
// A flag beats CLICKSTORM_<NAME>, which beats the seed service's variable, which beats the default.

import { randomBytes, randomInt } from "node:crypto";
import { checkLogin } from "./embedded/config.js";
import { type Credentials, type Endpoint, endpointOf, fitsHeader, redact } from "./endpoint.js";
import { type Flag, RUN_FLAGS, SERVE_FLAGS, variableOf } from "./flags.js";
import type { Ratio } from "./schedule.js";
import { nearest } from "./text.js";

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

export interface ServeOptions extends Credentials {
  /** 0: the system chooses. */
  readonly port: number;
  readonly path: string | undefined;
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

/** What flags or the program itself decide on: neither --setting nor a URL can. */
const OWN_PARAMETERS: ReadonlyMap<string, string> = new Map([
  ["async_insert", "use --async-insert"],
  ["wait_for_async_insert", "use --async-insert"],
  ["insert_deduplication_token", "each batch has a token of its own"],
  ["wait_end_of_query", "it is always sent"],
  ["query_id", "each insert has an id of its own"],
  ["session_id", "inserts of one session cannot run side by side"],
  ["query", "the insert has it"],
  ["user", "use --user"],
  ["password", "use --password"],
]);

const MS = 1_000_000n;
const HOUR_NS = 3_600_000n * MS;
const UNITS_NS: Readonly<Record<string, bigint>> = { ms: MS, s: 1000n * MS, m: 60_000n * MS, h: HOUR_NS };

/** Lengths of time a flag takes, in nanoseconds, and how to say it. */
interface Span {
  readonly from: bigint;
  readonly to: bigint;
  readonly text: string;
}

const SPANS = {
  /** 90 days: nanoseconds since the start stay exact in a double. */
  run: { from: 1n, to: 2160n * HOUR_NS, text: "above 0 and up to 2160h" },
  drain: { from: 0n, to: 2160n * HOUR_NS, text: "from 0 to 2160h" },
  flush: { from: MS, to: 2160n * HOUR_NS, text: "from 1ms to 2160h" },
  /** Node's timers end at 24 days. */
  timeout: { from: MS, to: 24n * HOUR_NS, text: "from 1ms to 24h" },
  hold: { from: 0n, to: 168n * HOUR_NS, text: "from 0 to 168h" },
} as const satisfies Record<string, Span>;

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

/** Nanoseconds of "30" (seconds), "90s", "1.5h", "1m30s". */
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
  return sum;
}

function parseInteger(text: string, from: number, to: number): number | undefined {
  const value = Number(text);
  return /^\d+$/.test(text) && value >= from && value <= to ? value : undefined;
}

/** Nanoseconds since the epoch of an ISO date or time; without a zone it is UTC. */
export function parseTime(text: string): bigint | undefined {
  const match = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?)(Z|[+-]\d\d:\d\d)?)?$/.exec(text);
  if (match === null) return undefined;
  const [, day = "", time = "00:00", zone = "Z"] = match;
  // Date.parse takes 31 February for 3 March.
  const midnight = new Date(`${day}T00:00Z`);
  if (Number.isNaN(midnight.valueOf()) || !midnight.toISOString().startsWith(day)) return undefined;
  const ms = Date.parse(`${day}T${time}${zone}`);
  return Number.isNaN(ms) || ms < 0 || ms >= Date.UTC(2200, 0) ? undefined : BigInt(ms) * MS;
}

function parseTable(text: string): TableName | undefined {
  const match = /^(?:([^.]+)\.)?([^.]+)$/.exec(text);
  return match?.[2] === undefined ? undefined : { database: match[1], table: match[2] };
}

function parseHttpUrl(text: string): URL | undefined {
  return /^https?:\/\//i.test(text) && URL.canParse(text) ? new URL(text) : undefined;
}

/** What was given for a flag, and what to call it in a sentence: --rate, or the variable's name. */
interface Given {
  readonly label: string;
  readonly values: readonly string[];
}

/** Reads flags and environment, and gathers what is wrong with them. */
class Reader {
  readonly problems: string[] = [];

  constructor(
    readonly flags: readonly Flag[],
    readonly raw: RawFlags,
    readonly environment: Environment,
  ) {
    const names = flags.map(({ name }) => name);
    for (const name of Object.keys(raw).filter((given) => !names.includes(given))) {
      const near = nearest(name, [...names, "help", "version"]);
      this.problem(
        `unknown option ${name.length === 1 ? "-" : "--"}${name}${near === undefined ? "" : `: did you mean --${near}?`}`,
      );
    }
  }

  /** A flag may be read twice; its problem is one. */
  problem(sentence: string): void {
    if (!this.problems.includes(sentence)) this.problems.push(sentence);
  }

  #flag(name: string): Flag {
    const flag = this.flags.find((candidate) => candidate.name === name);
    if (flag === undefined) throw new RangeError(`there is no flag ${name}`);
    return flag;
  }

  #given(name: string): Given | undefined {
    const raw = this.raw[name];
    if (raw !== undefined) return { label: `--${name}`, values: (Array.isArray(raw) ? raw : [raw]).map(String) };
    const flag = this.#flag(name);
    for (const variable of [variableOf(flag), flag.variable]) {
      const value = variable === undefined ? undefined : this.environment[variable];
      // Compose files and CI set a variable to nothing where they mean to leave it out.
      if (variable === undefined || value === undefined || value === "") continue;
      const values = flag.kind === "texts" ? value.split(/\s+/).filter((part) => part !== "") : [value];
      return { label: variable, values };
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

  texts(name: string): Given {
    const { fallback } = this.#flag(name);
    return this.#given(name) ?? { label: `--${name}`, values: fallback === undefined ? [] : [fallback] };
  }

  /** The one value of a flag; undefined where there is none. */
  text(name: string): { readonly label: string; readonly value: string | undefined } {
    const { label, values } = this.texts(name);
    if (values.length > 1) this.problem(`${label} was given ${values.length} times, once is enough`);
    return { label, value: values[0] };
  }

  /** Parses the value of a flag; `expected` ends the sentence "--flag must be …" where the parser says no. */
  value<T, F>(name: string, expected: string, absent: F, parse: (text: string) => T | undefined): T | F {
    const { label, value } = this.text(name);
    if (value === undefined) return absent;
    const parsed = parse(value);
    if (parsed !== undefined) return parsed;
    this.problem(`${label} must be ${expected}, got ${/^\s*$/.test(value) ? "nothing" : value}`);
    return absent;
  }

  /** Any text but none. */
  word(name: string, what: string): string | undefined {
    return this.value(name, what, undefined, (text) => (text === "" ? undefined : text));
  }

  integer<F>(name: string, from: number, to: number, absent: F): number | F {
    const range = to >= Number.MAX_SAFE_INTEGER ? `from ${from} up` : `from ${from} to ${to}`;
    return this.value(name, `an integer ${range}`, absent, (text) => parseInteger(text, from, to));
  }

  /** Nanoseconds. */
  duration(name: string, { from, to, text: span }: Span): bigint {
    return this.value(name, `a time such as 30 (seconds), 500ms, 90s, 10m or 2h, ${span}`, from, (text) => {
      const ns = parseDuration(text);
      return ns !== undefined && ns >= from && ns <= to ? ns : undefined;
    });
  }

  switch(name: string): boolean {
    const given = this.#given(name);
    const value = given?.values.at(-1);
    if (value === undefined || value === "false" || value === "0") return false;
    if (value !== "true" && value !== "1") {
      this.problem(`${given?.label} is a switch, true or false, got ${value === "" ? "nothing" : value}`);
    }
    return true;
  }

  /** Two flags of the command line of which one makes the other meaningless. */
  exclude(one: string, other: string, why: string): void {
    if (this.isFlag(one) && this.isFlag(other) && this.switch(one)) {
      this.problem(`--${other} cannot be used with --${one}: ${why}`);
    }
  }

  /** Undefined stands for the default, as it does where something else is wrong. */
  credentials(): Credentials {
    const user = this.word("user", "a name");
    const { label, value: password = "" } = this.text("password");
    for (const [name, text] of [
      [this.text("user").label, user],
      [label, password],
    ] as const) {
      if (text !== undefined && !fitsHeader(text)) this.problem(unfitForHeader(name));
    }
    return { user: user ?? "default", password };
  }

  /** The embedded server cannot offer every login. */
  checkEmbeddedLogin(credentials: Credentials): void {
    try {
      checkLogin(credentials);
    } catch (error) {
      this.problem(error instanceof Error ? error.message : String(error));
    }
  }
}

const unfitForHeader = (name: string): string =>
  `${name} cannot hold line breaks or other control characters, nor begin or end with a space: it is sent as an HTTP header`;

/** Throws an OptionsError with every problem at once. */
export function resolveRun(raw: RawFlags, environment: Environment): Options {
  const reader = new Reader(RUN_FLAGS, raw, environment);
  const embedded = reader.switch("embedded");
  const blind = reader.switch("blind");
  const credentials = reader.credentials();
  if (embedded) reader.checkEmbeddedLogin(credentials);
  const endpoints = embedded ? [] : readEndpoints(reader, credentials);
  reader.exclude("embedded", "clickhouse-url", "it is the one or the other");
  if (embedded && blind) reader.problem("--blind cannot be used with --embedded: nobody would create the table");
  reader.exclude("no-metrics", "metrics-port", "nothing is served");
  reader.exclude("no-metrics", "metrics-host", "nothing is served");
  reader.exclude("no-metrics", "hold", "there is nothing to hold");
  reader.exclude("no-traces", "otlp-endpoint", "no traces are sent");

  const inFlight = reader.integer("in-flight", 1, 10_000, undefined);
  const workers = reader.integer("workers", 1, 256, undefined);
  if (workers !== undefined && inFlight !== undefined && workers > inFlight) {
    reader.problem(
      `--workers must be at most --in-flight (${inFlight}), got ${workers}: each worker needs an insert of its own`,
    );
  }
  const options: Options = {
    endpoints,
    embedded,
    credentials,
    rate: reader.value(
      "rate",
      "rows per second above 0 and up to 1000M, such as 5, 2.5, 250k or 1.5M, or max",
      "max" as const,
      parseRate,
    ),
    rateText: reader.text("rate").value ?? "",
    durationNs: reader.duration("duration", SPANS.run),
    drainNs: reader.duration("drain", SPANS.drain),
    table: readTable(reader, endpoints),
    tableGiven: reader.isGiven("table"),
    workers,
    inFlight: inFlight ?? 1,
    batchRows: reader.integer("batch-rows", 1, Number.MAX_SAFE_INTEGER, 1),
    flushNs: reader.duration("flush-interval", SPANS.flush),
    asyncInsert: reader.switch("async-insert"),
    settings: readSettings(reader, endpoints),
    timeoutMs: Number(reader.duration("timeout", SPANS.timeout) / MS),
    metrics: reader.switch("no-metrics")
      ? undefined
      : {
          port: reader.integer("metrics-port", 0, 65_535, 0),
          host: reader.word("metrics-host", "an address of this machine"),
          asked: reader.isGiven("metrics-port") || reader.isGiven("metrics-host"),
        },
    holdMs: Number(reader.duration("hold", SPANS.hold) / MS),
    traces: reader.switch("no-traces") ? undefined : { otlpEndpoint: readOtlpEndpoint(reader) },
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
    reportFile: reader.word("report", "a file name"),
    verify: !reader.switch("no-verify") && !blind,
    blind,
  };
  if (reader.problems.length > 0) throw new OptionsError(reader.problems);
  return options;
}

function readEndpoints(reader: Reader, credentials: Credentials): Endpoint[] {
  const { label, values } = reader.texts("clickhouse-url");
  const endpoints: Endpoint[] = [];
  for (const value of values) {
    const url = parseHttpUrl(value);
    if (url === undefined) {
      reader.problem(`${label} must be a URL such as http://localhost:8123, got ${redact(value) || "nothing"}`);
      continue;
    }
    // Behind the host an @ or a # is most likely the rest of a password, cut off by a character that ends the host.
    if (/[@#]/.test(url.href.slice(url.origin.length + userInformation(url).length))) {
      reader.problem(`${label} must have /, ?, # and @ in user or password written as %2F, %3F, %23 and %40`);
      continue;
    }
    for (const [flag, inUrl] of [
      ["user", url.username],
      ["password", url.password],
    ] as const) {
      if (inUrl !== "" && reader.isFlag(flag)) reader.problem(`${label} names a ${flag}, and so does --${flag}`);
    }
    for (const name of url.searchParams.keys()) {
      const instead = OWN_PARAMETERS.get(name);
      if (instead !== undefined) reader.problem(`${label} cannot hold the parameter ${name}: ${instead}`);
    }
    try {
      if (![url.username, url.password].every((text) => fitsHeader(decodeURIComponent(text)))) {
        reader.problem(unfitForHeader(`user or password in ${label}`));
      }
      endpoints.push(endpointOf(url, credentials));
    } catch {
      reader.problem(`${label} must have a % in user or password written as %25`);
    }
  }
  return endpoints;
}

/** As it stands in the URL, with its @. */
function userInformation({ username, password }: URL): string {
  if (username === "" && password === "") return "";
  return password === "" ? `${username}@` : `${username}:${password}@`;
}

function readTable(reader: Reader, endpoints: readonly Endpoint[]): TableName {
  const events: TableName = { database: undefined, table: "events" };
  const table = reader.value("table", "table or database.table", events, parseTable);
  const databases = new Set(endpoints.map(({ database }) => database).filter((database) => database !== undefined));
  if (databases.size > 1) reader.problem("--clickhouse-url: the URLs name different databases");
  const [database] = databases;
  if (database !== undefined && table.database !== undefined && database !== table.database) {
    reader.problem(`--table names database ${table.database}, --clickhouse-url names ${database}`);
  }
  return { database: table.database ?? database, table: table.table };
}

function readSettings(reader: Reader, endpoints: readonly Endpoint[]): Record<string, string> {
  const { label, values } = reader.texts("setting");
  const inUrls = new Set(endpoints.flatMap(({ path }) => [...new URLSearchParams(path.split("?")[1]).keys()]));
  const settings = new Map<string, string>();
  for (const text of values) {
    const [, name, value = ""] = /^([A-Za-z_]\w*)=(.*)$/s.exec(text) ?? [];
    const instead = OWN_PARAMETERS.get(name ?? "");
    if (name === undefined) {
      reader.problem(`${label} must be name=value, got ${text === "" ? "nothing" : text}`);
    } else if (instead !== undefined) {
      reader.problem(`${label} cannot set ${name}: ${instead}`);
    } else if (settings.has(name)) {
      reader.problem(`${label} sets ${name} twice`);
    } else if (inUrls.has(name)) {
      reader.problem(`${label} sets ${name}, and so does --clickhouse-url`);
    } else {
      settings.set(name, value);
    }
  }
  return Object.fromEntries(settings);
}

function readOtlpEndpoint(reader: Reader): string | undefined {
  const { label, value } = reader.text("otlp-endpoint");
  if (value === undefined) return undefined;
  const url = parseHttpUrl(value);
  if (url === undefined) {
    reader.problem(`${label} must be a URL such as http://localhost:4318, got ${redact(value) || "nothing"}`);
  } else if (url.username !== "" || url.password !== "") {
    reader.problem(`${label} cannot hold a user: give credentials in OTEL_EXPORTER_OTLP_HEADERS`);
  }
  return value;
}

/** Throws an OptionsError with every problem at once. */
export function resolveServe(raw: RawFlags, environment: Environment): ServeOptions {
  const reader = new Reader(SERVE_FLAGS, raw, environment);
  const credentials = reader.credentials();
  reader.checkEmbeddedLogin(credentials);
  const options: ServeOptions = {
    port: reader.integer("port", 0, 65_535, 0),
    path: reader.word("path", "a directory"),
    ...credentials,
  };
  if (reader.problems.length > 0) throw new OptionsError(reader.problems);
  return options;
}
