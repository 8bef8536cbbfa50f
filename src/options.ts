// From raw flags and environment to Options, or every problem at once. Pure: asks no server, opens no file.
// What goes before what: reader.ts.

import { randomBytes, randomInt } from "node:crypto";
import { COMPRESSIONS, type Compression } from "./compress.js";
import type { Config } from "./config.js";
import { type Credentials, type Endpoint, endpointOf, fitsHeader } from "./endpoint.js";
import { RUN_FLAGS, SERVE_FLAGS } from "./flags.js";
import { type Quorum, readLedgerFile, readQuorum } from "./ledger-options.js";
import { readLoad } from "./load-options.js";
import { LAST_NS, MS, parseHttpUrl, parseTable, parseTime, SPANS, type TableName } from "./quantities.js";
import { quoted, quotedUrl } from "./quoted.js";
import { type Environment, type FileText, type RawFlags, Reader, unfitForHeader } from "./reader.js";
import { type RepeatOptions, readRepeat } from "./repeat/options.js";
import { type ReplayOptions, readReplay } from "./replay/options.js";
import { readRetries } from "./retry-options.js";
import { FORMATS, type Format } from "./rows/program.js";
import { NO_RULES, type Rules } from "./rows/rule.js";
import type { Ratio, Shard } from "./schedule.js";
import type { Stage } from "./stage.js";
import { nearest } from "./text.js";
import type { Threshold } from "./threshold.js";
import { readThresholds } from "./threshold-options.js";
import type { Tls } from "./tls.js";
import { checkTlsIsUsed, readTls, type TlsOptions } from "./tls-options.js";

export type { TableName } from "./quantities.js";
export type { Environment, FileText, RawFlags } from "./reader.js";

/** What `run` is asked to do; valid in itself. */
export interface Options {
  /** Without --embedded, whose endpoint is not known yet. */
  readonly endpoints: readonly Endpoint[];
  readonly embedded: boolean;
  readonly credentials: Credentials;
  /** What is in the files, the endpoints have. */
  readonly tls: TlsOptions;
  /** With stages: of the warm-up, the first of them above 0. */
  readonly rate: Ratio | "max";
  /** As it was given, for the summary and the report. */
  readonly rateText: string;
  /** In place of rate and duration; none: these. */
  readonly stages: readonly Stage[];
  readonly arrivals: "constant" | "poisson";
  /** With the warm-up. */
  readonly durationNs: bigint;
  /** Whether --duration or stages were given. */
  readonly durationGiven: boolean;
  readonly warmUpNs: bigint;
  /** Batches that are later are dropped; undefined: they are sent all the same. */
  readonly maxLagNs: bigint | undefined;
  /** The share of its rate below which a run is ended; undefined: never. */
  readonly abortBelow: number | undefined;
  /** Undefined: the run is this process alone. */
  readonly shard: Shard | undefined;
  /** Nanoseconds since the epoch; undefined: when everything is ready. */
  readonly startAtNs: bigint | undefined;
  readonly drainNs: bigint;
  readonly table: TableName;
  /** Whether --table was given: such a table must exist. */
  readonly tableGiven: boolean;
  readonly workers: number | undefined;
  readonly inFlight: number;
  readonly batchRows: number;
  /** Whether it is not the default. */
  readonly batchRowsGiven: boolean;
  readonly flushNs: bigint;
  readonly asyncInsert: boolean;
  readonly format: Format;
  /** Of the bodies of inserts. */
  readonly compress: Compression;
  readonly settings: Readonly<Record<string, string>>;
  /** Replicas that must have an insert before it is acknowledged; undefined: as the server has it. */
  readonly quorum: Quorum | undefined;
  readonly timeoutMs: number;
  /** Attempts of an insert after the first. */
  readonly retries: number;
  /** No attempt begins later than this after the first one. */
  readonly retryForNs: bigint;
  /** Inserts that may have landed are sent again even where the table does not deduplicate. */
  readonly retryAmbiguous: boolean;
  /** So many inserts in a row that are not acknowledged end the run; undefined: none do. */
  readonly maxFailures: number | undefined;
  /** Whether the other workers go on when one crashes. */
  readonly goesOnAfterCrash: boolean;
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
  /** The rows' times are spread over so long; undefined: each has its own in the schedule. Never with rate max. */
  readonly dataSpanNs: bigint | undefined;
  readonly configFile: string | undefined;
  readonly rules: Rules;
  /** Undefined: rows are generated. */
  readonly replay: ReplayOptions | undefined;
  /** Undefined: it is one run. */
  readonly repeat: RepeatOptions | undefined;
  readonly reportFile: string | undefined;
  /** Undefined: batches are counted, and not written down. */
  readonly ledgerFile: string | undefined;
  readonly thresholds: readonly Threshold[];
  /** A threshold that cannot be judged is not passed over. */
  readonly strict: boolean;
  readonly verify: boolean;
  readonly blind: boolean;
}

/** What of the options the columns of the table depend on. */
export type TableOptions = Pick<
  Options,
  "table" | "tableGiven" | "rules" | "runId" | "format" | "durationNs" | "dataStartNs" | "dataSpanNs"
>;

export interface ServeOptions {
  /** 0: the system chooses. */
  readonly port: number;
  readonly path: string | undefined;
  /** `none`: open to all who reach the port. */
  readonly login: Credentials | "none";
  /** Then it is to be told. */
  readonly passwordIsMade: boolean;
}

/** Sentences that each name a flag, what was expected and what came. */
export class OptionsError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(problems.join("\n"));
  }
}

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

/** The config file that is asked for. What is wrong with how it is asked for is told by resolveRun. */
export function configFileOf(raw: RawFlags, environment: Environment): string | undefined {
  return readConfigFile(new Reader(RUN_FLAGS, raw, environment));
}

const readConfigFile = (reader: Reader): string | undefined => reader.word("config", "a file name");

/**
 * `config`: what stands in the file of configFileOf; `files`: in those that flags name (named-files.ts). Throws an OptionsError
 * with every problem at once.
 */
export function resolveRun(
  raw: RawFlags,
  environment: Environment,
  config?: Config,
  files?: ReadonlyMap<string, FileText>,
): Options {
  const reader = new Reader(RUN_FLAGS, raw, environment, config, files);
  const embedded = reader.switch("embedded");
  const blind = reader.switch("blind");
  const given = reader.credentials();
  const credentials = embedded ? reader.embeddedLogin(given) : given;
  const { options: tlsOptions, tls } = readTls(reader);
  const endpoints = embedded ? [] : readEndpoints(reader, credentials, tls);
  reader.exclude("embedded", "clickhouse-url", "it is the one or the other");
  for (const name of ["tls-ca", "tls-cert", "tls-key", "tls-insecure"]) {
    reader.exclude("embedded", name, "that server is on this machine, and speaks no TLS");
  }
  if (embedded && blind) {
    const [first, second] = [reader.label("blind"), reader.label("embedded")];
    reader.problem(`${first} cannot be used with ${second}: nobody would create the table`);
  }
  reader.exclude("no-metrics", "metrics-port", "nothing is served");
  reader.exclude("no-metrics", "metrics-host", "nothing is served");
  reader.exclude("no-metrics", "hold", "there is nothing to hold");
  reader.exclude("no-traces", "otlp-endpoint", "no traces are sent");

  const inFlight = reader.integer("in-flight", 1, 10_000, undefined);
  const workers = reader.integer("workers", 1, 256, undefined);
  if (workers !== undefined && inFlight !== undefined && workers > inFlight) {
    reader.problem(
      `${reader.label("workers")} must be at most ${reader.label("in-flight")} (${inFlight}), got ${workers}: each worker needs an insert of its own`,
    );
  }
  const load = readLoad(reader);
  const dataStartNs = readDataStart(reader);
  const settings = readSettings(reader, endpoints);
  const options: Options = {
    endpoints,
    embedded,
    credentials,
    tls: tlsOptions,
    ...load,
    rate: load.rate ?? "max",
    drainNs: reader.duration("drain", SPANS.drain),
    table: readTable(reader, endpoints),
    tableGiven: reader.isGiven("table"),
    workers,
    inFlight: inFlight ?? 1,
    batchRows: reader.integer("batch-rows", 1, Number.MAX_SAFE_INTEGER, 1),
    batchRowsGiven: reader.isGiven("batch-rows"),
    flushNs: reader.duration("flush-interval", SPANS.flush),
    asyncInsert: reader.switch("async-insert"),
    format: readFormat(reader),
    compress: reader.choice("compress", COMPRESSIONS) ?? "none",
    settings,
    quorum: readQuorum(reader, settings),
    timeoutMs: Number(reader.duration("timeout", SPANS.timeout) / MS),
    ...readRetries(reader),
    metrics: reader.switch("no-metrics")
      ? undefined
      : {
          port: reader.integer("metrics-port", 0, 65_535, 0),
          host: reader.word("metrics-host", "an address of this machine"),
          asked: reader.isGiven("metrics-port") || reader.isGiven("metrics-host"),
        },
    holdMs: Number(reader.duration("hold", SPANS.hold) / MS),
    traces: reader.switch("no-traces") ? undefined : { otlpEndpoint: readOtlpEndpoint(reader) },
    seed: readSeed(reader),
    runId: readRunId(reader),
    runIdGiven: reader.isGiven("run-id"),
    dataStartNs,
    dataSpanNs: readDataSpan(reader, load.rate, dataStartNs),
    configFile: readConfigFile(reader),
    rules: config?.rules ?? NO_RULES,
    replay: readReplay(reader, config?.rules ?? NO_RULES),
    repeat: readRepeat(reader),
    reportFile: reader.word("report", "a file name"),
    ledgerFile: readLedgerFile(reader),
    thresholds: readThresholds(reader, load.rate === "max"),
    strict: reader.switch("strict"),
    verify: !reader.switch("no-verify") && !blind,
    blind,
  };
  if (reader.problems.length > 0) throw new OptionsError(reader.problems);
  return options;
}

export const readDataStart = (reader: Reader): bigint | undefined =>
  reader.value(
    "data-start",
    "a date or time from 1970 to 2199 such as 2026-01-31 or 2026-01-31T12:00:00Z",
    undefined,
    parseTime,
  );

export const readSeed = (reader: Reader): number =>
  reader.integer("seed", 0, Number.MAX_SAFE_INTEGER, randomInt(2 ** 32));

export const readRunId = (reader: Reader): string =>
  reader.value(
    "run-id",
    "1 to 64 letters, digits, dots, dashes or underscores",
    randomBytes(6).toString("hex"),
    (text) => (/^[\w.-]{1,64}$/.test(text) ? text : undefined),
  );

export function readEndpoints(reader: Reader, credentials: Credentials, tls: Tls | undefined): Endpoint[] {
  const { label, values } = reader.texts("clickhouse-url");
  const endpoints: Endpoint[] = [];
  for (const [index, value] of values.entries()) {
    const url = parseHttpUrl(value);
    if (url === undefined) {
      const which = values.length > 1 ? ` (${index + 1} of ${values.length})` : "";
      reader.problem(`${label} must be a URL such as http://localhost:8123, got ${quotedUrl(value)}${which}`);
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
      ["password-file", url.password],
    ] as const) {
      if (inUrl !== "" && (reader.source(flag) === "flag" || reader.areTogether("clickhouse-url", flag))) {
        reader.problem(`${label} names a ${flag.replace("-file", "")}, and so does ${reader.label(flag)}`);
      }
    }
    for (const name of url.searchParams.keys()) {
      // A server that did not know Password would be sent it in the clear.
      const own = OWN_PARAMETERS.has(name) ? name : name.toLowerCase();
      const instead = OWN_PARAMETERS.get(own);
      if (instead !== undefined) reader.problem(`${label} cannot hold the parameter ${own}: ${instead}`);
    }
    try {
      if (![url.username, url.password].every((text) => fitsHeader(decodeURIComponent(text)))) {
        reader.problem(unfitForHeader(`user or password in ${label}`));
      }
      endpoints.push(endpointOf(url, credentials, tls));
    } catch {
      reader.problem(`${label} must have a % in user or password written as %25`);
    }
  }
  checkTlsIsUsed(reader, endpoints);
  return endpoints;
}

/** As it stands in the URL, with its @. */
function userInformation({ username, password }: URL): string {
  if (username === "" && password === "") return "";
  return password === "" ? `${username}@` : `${username}:${password}@`;
}

export function readTable(reader: Reader, endpoints: readonly Endpoint[]): TableName {
  const events: TableName = { database: undefined, table: "events" };
  const table = reader.value("table", "table or database.table", events, parseTable);
  const databases = new Set(endpoints.map(({ database }) => database).filter((database) => database !== undefined));
  const urls = reader.label("clickhouse-url");
  if (databases.size > 1) reader.problem(`${urls}: the URLs name different databases`);
  const [database] = databases;
  if (database !== undefined && table.database !== undefined && database !== table.database) {
    reader.problem(`${reader.label("table")} names database ${table.database}, ${urls} names ${database}`);
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
      reader.problem(
        `${label} must be name=value, got ${text === "" ? "nothing" : "one without a name and a = behind it"}`,
      );
    } else if (instead !== undefined) {
      reader.problem(`${label} cannot set ${name}: ${instead}`);
    } else if (settings.has(name)) {
      reader.problem(`${label} sets ${name} twice`);
    } else if (inUrls.has(name)) {
      reader.problem(`${label} sets ${name}, and so does ${reader.label("clickhouse-url")}`);
    } else {
      settings.set(name, value);
    }
  }
  return Object.fromEntries(settings);
}

export const readFormat = (reader: Reader): Format =>
  formatOf(reader, reader.text("format").value ?? "") ?? "JSONEachRow";

/** Undefined with a problem. */
export function formatOf(reader: Reader, value: string): Format | undefined {
  const names = FORMATS.map((format) => format.toLowerCase());
  const format = FORMATS[names.indexOf(value.toLowerCase())];
  if (format !== undefined) return format;
  const near = FORMATS[names.indexOf(nearest(value, names) ?? "")];
  const hint = near === undefined ? "" : `: did you mean ${near}?`;
  const all = `${FORMATS.slice(0, -1).join(", ")} or ${FORMATS.at(-1)}`;
  reader.problem(`${reader.label("format")} must be ${all}, got ${quoted(value)}${hint}`);
  return undefined;
}

/** `rate`: undefined where it cannot be read, which is a problem told already. */
export function readDataSpan(
  reader: Reader,
  rate: Ratio | "max" | undefined,
  dataStartNs: bigint | undefined,
): bigint | undefined {
  if (!reader.isGiven("data-span")) return undefined;
  const spanNs = reader.duration("data-span", SPANS.data);
  const label = reader.label("data-span");
  if (rate === "max") {
    reader.problem(
      `${label} cannot be used with ${reader.label("rate")} max: how many rows there will be is not known`,
    );
  }
  if (dataStartNs !== undefined && dataStartNs + spanNs > LAST_NS) {
    reader.problem(`${label} must end before 2200, counted from ${reader.label("data-start")}`);
  }
  return spanNs;
}

function readOtlpEndpoint(reader: Reader): string | undefined {
  const { label, value } = reader.text("otlp-endpoint");
  if (value === undefined) return undefined;
  const url = parseHttpUrl(value);
  if (url === undefined) {
    reader.problem(`${label} must be a URL such as http://localhost:4318, got ${quotedUrl(value)}`);
  } else if (url.username !== "" || url.password !== "") {
    reader.problem(`${label} cannot hold a user: give credentials in OTEL_EXPORTER_OTLP_HEADERS`);
  }
  return value;
}

/** Throws an OptionsError with every problem at once. */
export function resolveServe(
  raw: RawFlags,
  environment: Environment,
  files?: ReadonlyMap<string, FileText>,
): ServeOptions {
  const reader = new Reader(SERVE_FLAGS, raw, environment, undefined, files);
  const credentials = reader.credentials();
  const isOpen = reader.switch("no-login");
  for (const name of ["user", "password", "password-file"]) {
    reader.exclude("no-login", name, "the server is open to all, or has a login");
  }
  if (!isOpen && reader.isGiven("user") && credentials.user === "default" && credentials.password === "") {
    reader.problem(
      `${reader.label("user")} default has no password, so that all users of this machine could use the server: ` +
        "leave it out or name another user, or pass --no-login if that is what you want",
    );
  }
  const options: ServeOptions = {
    port: reader.integer("port", 0, 65_535, 0),
    path: reader.word("path", "a directory"),
    login: isOpen ? "none" : reader.embeddedLogin(credentials),
    passwordIsMade: credentials.password === "",
  };
  if (reader.problems.length > 0) throw new OptionsError(reader.problems);
  return options;
}
