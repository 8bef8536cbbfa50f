// src/options.ts: flags and environment → Options, or every problem at once. Tables; nothing is asked of a server.

import { expect } from "chai";
import { type Flag, RUN_FLAGS, SERVE_FLAGS, variableOf } from "../src/flags.js";
import {
  configFileOf,
  type Environment,
  type FileText,
  type Options,
  OptionsError,
  type RawFlags,
  resolveRun,
  resolveServe,
} from "../src/options.js";
import { parseDuration, parseRate, parseTime } from "../src/quantities.js";
import { NO_RULES } from "../src/rows/rule.js";
import { certificate } from "./support/certificates.js";

/** The sentences a command line gets; none when it is taken. */
function problemsOf(
  raw: RawFlags,
  environment: Environment = {},
  resolve: (raw: RawFlags, environment: Environment) => unknown = resolveRun,
) {
  try {
    resolve(raw, environment);
  } catch (error) {
    if (error instanceof OptionsError) return error.problems;
    throw error;
  }
  return [];
}

const RATE = "must be rows per second above 0 and up to 1000M, such as 5, 2.5, 250k or 1.5M, or max, got";
const TIME = "must be a time such as 30 (seconds), 500ms, 90s, 10m or 2h";

/** A value of each flag of run, other than its default. */
const SAMPLES: Readonly<Record<string, string>> = {
  stage: "30s:100k",
  arrivals: "poisson",
  warmup: "5s",
  overload: "drop",
  "max-lag": "250ms",
  "abort-below": "95%",
  shard: "2/3",
  repeat: "3",
  against: "http://other:1",
  "start-at": "2100-01-01T00:00:00Z",
  "clickhouse-url": "http://db:1",
  table: "a.b",
  user: "bob",
  password: "x",
  "password-file": "password.txt",
  "tls-ca": "ca.pem",
  "tls-cert": "one.pem",
  "tls-key": "one.key",
  "tls-insecure": "true",
  embedded: "true",
  blind: "true",
  rate: "7",
  duration: "8",
  drain: "9",
  workers: "2",
  seed: "3",
  "run-id": "r",
  "data-start": "2026-01-01",
  "data-span": "365d",
  config: "c.yaml",
  replay: "f.ndjson",
  "replay-once": "true",
  "replay-time": "t",
  "replay-zstd-window": "64",
  "in-flight": "4",
  "batch-rows": "5",
  "flush-interval": "6",
  "async-insert": "true",
  format: "JSONCompactEachRow",
  compress: "lz4",
  setting: "k=v",
  quorum: "3",
  timeout: "7",
  retries: "3",
  "retry-for": "4",
  "retry-ambiguous": "true",
  "max-failures": "5",
  "worker-crash": "continue",
  report: "r.json",
  ledger: "l.ndjson",
  threshold: "p99<500ms",
  strict: "true",
  "metrics-port": "1",
  "metrics-host": "h",
  "no-metrics": "true",
  hold: "1",
  "otlp-endpoint": "http://o",
  "no-traces": "true",
  "no-verify": "true",
};

/** What some flags need beside them. */
const NEEDED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  // Without a login, it is one that is made anew each time.
  embedded: { user: "bob", password: "x" },
  "replay-once": { replay: "f.ndjson" },
  "replay-time": { replay: "f.ndjson" },
  "replay-zstd-window": { replay: "f.ndjson" },
  "max-lag": { overload: "drop" },
  "retry-for": { retries: "1" },
  "retry-ambiguous": { retries: "1" },
  shard: { "start-at": "2100-01-01T00:00:00Z" },
  against: { report: "r.json" },
  "tls-ca": { "clickhouse-url": "https://db" },
  "tls-cert": { "clickhouse-url": "https://db", "tls-key": "one.key" },
  "tls-key": { "clickhouse-url": "https://db", "tls-cert": "one.pem" },
  "tls-insecure": { "clickhouse-url": "https://db" },
};

/** What is in the files some of them name. */
function samplesFiles(): ReadonlyMap<string, FileText> {
  const { cert, key } = certificate("one", undefined);
  const texts = { "password.txt": "s3cret\n", "ca.pem": cert, "one.pem": cert, "one.key": key };
  return new Map(Object.entries(texts).map(([name, text]) => [name, { text, mode: 0o600 }]));
}

describe("options", () => {
  describe("parseRate: rows per second as an exact fraction", () => {
    const rows: readonly (readonly [string, readonly [bigint, bigint] | "max" | undefined])[] = [
      ["5", [5n, 1n]],
      ["2.3", [23n, 10n]],
      ["250k", [250_000n, 1n]],
      ["250K", [250_000n, 1n]],
      ["1.5M", [15_000_000n, 10n]],
      ["0.000000001", [1n, 1_000_000_000n]],
      ["1000M", [1_000_000_000n, 1n]],
      ["007", [7n, 1n]],
      ["max", "max"],
      ["1000.1M", undefined],
      ["0", undefined],
      ["0.0k", undefined],
      ["-1", undefined],
      ["+1", undefined],
      ["abc", undefined],
      ["1e999", undefined],
      ["1e3", undefined],
      ["Infinity", undefined],
      ["NaN", undefined],
      ["1.", undefined],
      [".5", undefined],
      ["1,5", undefined],
      ["1_000", undefined],
      ["5 k", undefined],
      [" 5", undefined],
      ["5\n", undefined],
      ["5kk", undefined],
      ["5m", undefined],
      ["100/s", undefined],
      ["0x10", undefined],
      ["٥", undefined],
      ["1234567890123456", undefined],
      ["", undefined],
    ];
    for (const [text, expected] of rows) {
      it(`${JSON.stringify(text)} is ${Array.isArray(expected) ? expected.join("/") : (expected ?? "refused")}`, () => {
        const [numerator, denominator] = Array.isArray(expected) ? expected : [];
        expect(parseRate(text)).to.deep.equal(Array.isArray(expected) ? { numerator, denominator } : expected);
      });
    }
  });

  describe("parseDuration: a time in nanoseconds", () => {
    const rows: readonly (readonly [string, bigint | undefined])[] = [
      ["30", 30_000_000_000n],
      ["1.5", 1_500_000_000n],
      ["0", 0n],
      ["500ms", 500_000_000n],
      ["90s", 90_000_000_000n],
      ["10m", 600_000_000_000n],
      ["2h", 7_200_000_000_000n],
      ["1.5h", 5_400_000_000_000n],
      ["1m30s", 90_000_000_000n],
      ["1h1m1s1ms", 3_661_001_000_000n],
      ["0.000000001", 1n],
      ["0.0000001ms", 0n],
      ["5 parsecs", undefined],
      ["5parsecs", undefined],
      ["-5", undefined],
      ["-5s", undefined],
      ["1e3", undefined],
      ["1e999", undefined],
      ["1.2.3", undefined],
      [".", undefined],
      [".5s", undefined],
      ["s", undefined],
      ["1 m", undefined],
      ["1d", 86_400_000_000_000n],
      ["36500d", 3_153_600_000_000_000_000n],
      ["1d12h", 129_600_000_000_000n],
      ["1D", undefined],
      ["1M", undefined],
      ["1m30", undefined],
      ["max", undefined],
      ["Infinity", undefined],
      ["", undefined],
    ];
    for (const [text, expected] of rows) {
      it(`${JSON.stringify(text)} is ${expected === undefined ? "refused" : `${expected} ns`}`, () => {
        expect(parseDuration(text)).to.equal(expected);
      });
    }
  });

  describe("parseTime: a date or time, UTC where no zone is given", () => {
    const rows: readonly (readonly [string, string | undefined])[] = [
      ["2026-01-31", "2026-01-31T00:00:00.000Z"],
      ["2026-01-31T12:30", "2026-01-31T12:30:00.000Z"],
      ["2026-01-31 12:30:15", "2026-01-31T12:30:15.000Z"],
      ["2026-01-31T12:30:15.5Z", "2026-01-31T12:30:15.500Z"],
      ["2026-01-31T12:00:00+02:00", "2026-01-31T10:00:00.000Z"],
      ["2024-02-29", "2024-02-29T00:00:00.000Z"],
      ["1970-01-01", "1970-01-01T00:00:00.000Z"],
      ["2199-12-31T23:59:59.999Z", "2199-12-31T23:59:59.999Z"],
      ["2200-01-01", undefined],
      ["1969-12-31", undefined],
      ["2026-02-31", undefined],
      ["2025-02-29", undefined],
      ["2026-13-01", undefined],
      ["2026-01-31T25:00", undefined],
      ["2026-01-31T12:00:00+99:00", undefined],
      ["31.01.2026", undefined],
      ["1700000000", undefined],
      ["yesterday", undefined],
      ["", undefined],
    ];
    for (const [text, expected] of rows) {
      it(`${JSON.stringify(text)} is ${expected ?? "refused"}`, () => {
        const ns = parseTime(text);
        expect(ns === undefined ? undefined : new Date(Number(ns / 1_000_000n)).toISOString()).to.equal(expected);
      });
    }
  });

  describe("one problem, one sentence", () => {
    const rows: readonly (readonly [raw: RawFlags, sentence: string])[] = [
      ...["0", "-1", "abc", "1e999"].map((rate) => [{ rate }, `--rate ${RATE} ${rate}`] as const),
      [{ rate: "" }, `--rate ${RATE} nothing`],
      [{ rate: ["5", "6"] }, "--rate was given 2 times, once is enough"],
      [{ duration: "0" }, `--duration ${TIME}, above 0 and up to 2160h, got 0`],
      [{ duration: "5 parsecs" }, `--duration ${TIME}, above 0 and up to 2160h, got 5 parsecs`],
      [{ duration: "2160.1h" }, `--duration ${TIME}, above 0 and up to 2160h, got 2160.1h`],
      [{ drain: "-1" }, `--drain ${TIME}, from 0 to 2160h, got -1`],
      [{ "flush-interval": "0" }, `--flush-interval ${TIME}, from 1ms to 2160h, got 0`],
      [{ timeout: "25h" }, `--timeout ${TIME}, from 1ms to 24h, got 25h`],
      [{ retries: "-1" }, "--retries must be an integer from 0 to 1000, got -1"],
      [{ retries: "1001" }, "--retries must be an integer from 0 to 1000, got 1001"],
      [{ "max-failures": "0" }, "--max-failures must be an integer from 1 up, got 0"],
      [{ retries: "1", "retry-for": "0" }, `--retry-for ${TIME}, from 1ms to 24h, got 0`],
      [{ "retry-for": "5" }, "--retry-for needs --retries: without, nothing is sent again"],
      [{ "retry-ambiguous": "true" }, "--retry-ambiguous needs --retries: without, nothing is sent again"],
      [{ "worker-crash": "contine" }, "--worker-crash must be end or continue, got contine: did you mean continue?"],
      [{ quorum: "1" }, "--quorum must be an integer from 2 to 1000, or auto, got 1"],
      [{ quorum: "most" }, "--quorum must be an integer from 2 to 1000, or auto, got most"],
      [{ quorum: "2", setting: "insert_quorum=3" }, "--setting sets insert_quorum, and so does --quorum"],
      [{ ledger: "" }, "--ledger must be a file name, got nothing"],
      [
        { ledger: "l.ndjson", "no-verify": "true" },
        "--ledger cannot be used with --no-verify: nobody asks the server for its rows",
      ],
      [
        { ledger: "l.ndjson", blind: "true" },
        "--ledger cannot be used with --blind: nobody asks the server for its rows",
      ],
      [{ ledger: "a", report: "a" }, "--ledger must be another file than --report, got a for both"],
      [{ hold: "169h" }, `--hold ${TIME}, from 0 to 168h, got 169h`],
      [{ "batch-rows": "0" }, "--batch-rows must be an integer from 1 up, got 0"],
      [{ "batch-rows": "1.5" }, "--batch-rows must be an integer from 1 up, got 1.5"],
      [{ "in-flight": "10001" }, "--in-flight must be an integer from 1 to 10000, got 10001"],
      [{ workers: "9" }, "--workers must be at most --in-flight (8), got 9: each worker needs an insert of its own"],
      [{ workers: "0", "in-flight": "4" }, "--workers must be an integer from 1 to 256, got 0"],
      [{ "in-flight": "0", workers: "4" }, "--in-flight must be an integer from 1 to 10000, got 0"],
      [{ seed: "-1" }, "--seed must be an integer from 0 up, got -1"],
      [{ seed: "9007199254740993" }, "--seed must be an integer from 0 up, got 9007199254740993"],
      [{ "run-id": "a b" }, "--run-id must be 1 to 64 letters, digits, dots, dashes or underscores, got a b"],
      [{ table: "a.b.c" }, "--table must be table or database.table, got a.b.c"],
      [{ table: "a." }, "--table must be table or database.table, got a."],
      [{ "metrics-port": "65536" }, "--metrics-port must be an integer from 0 to 65535, got 65536"],
      [{ "metrics-host": "" }, "--metrics-host must be an address of this machine, got nothing"],
      [{ report: "" }, "--report must be a file name, got nothing"],
      [{ config: "" }, "--config must be a file name, got nothing"],
      [{ config: ["a.yaml", "b.yaml"] }, "--config was given 2 times, once is enough"],
      [{ format: "CSV" }, "--format must be JSONEachRow, JSONCompactEachRow, RowBinary or Native, got CSV"],
      [
        { format: "jsoneachrw" },
        "--format must be JSONEachRow, JSONCompactEachRow, RowBinary or Native, got jsoneachrw: did you mean JSONEachRow?",
      ],
      [
        { format: "JsonCompact" },
        "--format must be JSONEachRow, JSONCompactEachRow, RowBinary or Native, got JsonCompact",
      ],
      [{ format: "" }, "--format must be JSONEachRow, JSONCompactEachRow, RowBinary or Native, got nothing"],
      [{ compress: "brotli" }, "--compress must be none, gzip, zstd or lz4, got brotli"],
      [{ compress: "gizp" }, "--compress must be none, gzip, zstd or lz4, got gizp: did you mean gzip?"],
      [{ compress: "" }, "--compress must be none, gzip, zstd or lz4, got nothing"],
      [{ "data-span": "0" }, `--data-span ${TIME}, from 1ms to 36500d, got 0`],
      [{ "data-span": "36501d" }, `--data-span ${TIME}, from 1ms to 36500d, got 36501d`],
      [
        { "data-span": "1d", rate: "max" },
        "--data-span cannot be used with --rate max: how many rows there will be is not known",
      ],
      [{ "data-span": "1d", rate: "abc" }, `--rate ${RATE} abc`],
      [
        { "data-span": "2d", "data-start": "2199-12-31" },
        "--data-span must end before 2200, counted from --data-start",
      ],
      [
        { "data-start": "2026-02-31" },
        "--data-start must be a date or time from 1970 to 2199 such as 2026-01-31 or 2026-01-31T12:00:00Z, got 2026-02-31",
      ],
      [{ blind: "maybe" }, "--blind is a switch, true or false, got maybe"],
      [{ ratte: "5" }, "unknown option --ratte: did you mean --rate?"],
      [{ metrics: "5" }, "unknown option --metrics: did you mean --metrics-port?"],
      [{ p: true }, "unknown option -p: did you mean --password?"],
      [{ nonsense: true }, "unknown option --nonsense"],
      [{ rows: "5" }, "unknown option --rows: it is one of sample"],
      [{ path: "x" }, "unknown option --path: it is one of serve"],
      [
        { "clickhouse-url": "localhost:8123" },
        "--clickhouse-url must be a URL such as http://localhost:8123, got one that does not begin with http:// or https://",
      ],
      [
        { "clickhouse-url": "tcp://localhost:9000" },
        "--clickhouse-url must be a URL such as http://localhost:8123, got one that begins with tcp: and not with http:// or https://",
      ],
      [{ "clickhouse-url": "" }, "--clickhouse-url must be a URL such as http://localhost:8123, got nothing"],
      [{ "clickhouse-url": "http://a@b", user: "c" }, "--clickhouse-url names a user, and so does --user"],
      [{ "clickhouse-url": "http://:a@b", password: "c" }, "--clickhouse-url names a password, and so does --password"],
      [{ "clickhouse-url": "http://b?user=a" }, "--clickhouse-url cannot hold the parameter user: use --user"],
      [
        { "clickhouse-url": "http://b?password=a" },
        "--clickhouse-url cannot hold the parameter password: use --password",
      ],
      [
        { "clickhouse-url": "http://b?session_id=1" },
        "--clickhouse-url cannot hold the parameter session_id: inserts of one session cannot run side by side",
      ],
      [
        { "clickhouse-url": ["http://a?database=x", "http://b?database=y"] },
        "--clickhouse-url: the URLs name different databases",
      ],
      [{ "clickhouse-url": "http://a?database=x", table: "y.t" }, "--table names database y, --clickhouse-url names x"],
      [{ setting: "max_threads" }, "--setting must be name=value, got one without a name and a = behind it"],
      [{ setting: "=1" }, "--setting must be name=value, got one without a name and a = behind it"],
      [{ setting: "async_insert=1" }, "--setting cannot set async_insert: use --async-insert"],
      [{ setting: ["a=1", "a=2"] }, "--setting sets a twice"],
      [
        { setting: "max_threads=1", "clickhouse-url": "http://b?max_threads=2" },
        "--setting sets max_threads, and so does --clickhouse-url",
      ],
      [
        { embedded: "true", "clickhouse-url": "http://a" },
        "--clickhouse-url cannot be used with --embedded: it is the one or the other",
      ],
      [{ embedded: "true", blind: "true" }, "--blind cannot be used with --embedded: nobody would create the table"],
      [{ "no-metrics": "true", hold: "5" }, "--hold cannot be used with --no-metrics: there is nothing to hold"],
      [
        { "no-metrics": "true", "metrics-port": "1" },
        "--metrics-port cannot be used with --no-metrics: nothing is served",
      ],
      [
        { "no-traces": "true", "otlp-endpoint": "http://a" },
        "--otlp-endpoint cannot be used with --no-traces: no traces are sent",
      ],
      [
        { "otlp-endpoint": "localhost:4317" },
        "--otlp-endpoint must be a URL such as http://localhost:4318, got one that does not begin with http:// or https://",
      ],
      [
        { "otlp-endpoint": "http://a:b@c" },
        "--otlp-endpoint cannot hold a user: give credentials in OTEL_EXPORTER_OTLP_HEADERS",
      ],
      ...["a\nb", "a\u0001", " a", "a "].map(
        (password) =>
          [
            { password },
            "--password cannot hold line breaks or other control characters, nor begin or end with a space: it is sent as an HTTP header",
          ] as const,
      ),
      [
        { "clickhouse-url": "http://bob:a%0Ab@c" },
        "user or password in --clickhouse-url cannot hold line breaks or other control characters, nor begin or end with a space: it is sent as an HTTP header",
      ],
    ];
    for (const [raw, sentence] of rows) {
      it(`${JSON.stringify(raw)}: ${sentence}`, () => expect(problemsOf(raw)).to.deep.equal([sentence]));
    }

    it("a login the embedded server cannot offer is a bad option of run and of serve", () => {
      const login = { user: "default", password: "hunter2" };
      for (const problems of [problemsOf({ embedded: "true", ...login }), problemsOf(login, {}, resolveServe)]) {
        expect(problems).to.have.length(1);
        expect(problems[0]).to.include("The embedded ClickHouse cannot give its user default a password");
      }
    });

    it("--embedded: a login of its own, unless one is chosen", () => {
      const { user, password } = resolveRun({ embedded: "true" }, {}).credentials;
      expect(user).to.equal("clickstorm");
      expect(password).to.match(/^[0-9a-f]{32}$/);
      expect(resolveRun({ embedded: "true" }, { CLICKHOUSE_USER: "default" }).credentials.user).to.equal("clickstorm");
      const chosen = { user: "bob", password: "x" };
      expect(resolveRun({ embedded: "true", ...chosen }, {}).credentials).to.deep.equal(chosen);
    });

    it("all problems are told at once, from flags and variables alike", () => {
      const raw = { rate: "0", duration: "5 parsecs", "clickhouse-url": "localhost", ratte: "1" };
      expect(problemsOf(raw, { CLICKSTORM_SEED: "x", CLICKSTORM_BATCH_ROWS: "0" })).to.have.members([
        "unknown option --ratte: did you mean --rate?",
        `--rate ${RATE} 0`,
        `--duration ${TIME}, above 0 and up to 2160h, got 5 parsecs`,
        "--clickhouse-url must be a URL such as http://localhost:8123, got one that does not begin with http:// or https://",
        "CLICKSTORM_SEED must be an integer from 0 up, got x",
        "CLICKSTORM_BATCH_ROWS must be an integer from 1 up, got 0",
      ]);
    });
  });

  describe("no sentence shows a password, however the URL that holds it is broken", () => {
    const urls = [
      "bob:hunter2@localhost:8123",
      "localhost:8123?password=hunter2",
      "http:/bob:hunter2@localhost:8123",
      "http//bob:hunter2@localhost:8123",
      "htp://bob:hunter2@localhost:8123",
      "http://bob:hunter2@",
      "http://bob:hunter2@localhost:99999",
      "http://bob:hunter2@local host",
      "http://bob:a@hunter2@local host",
      "http://bob:hunter2/x@localhost:8123",
      "http://bob:1/hunter2@localhost:8123",
      "http://bob:1?hunter2@localhost:8123",
      "http://bob:1#hunter2@localhost:8123",
      "http://bob:1?x@y?hunter2@localhost:8123",
      "http://bob:hunter2%@localhost:8123",
      "http://localhost:8123/?password=hunter2",
      "htp://localhost:8123/?user=bob&password=hunter2",
      "htp://bob@localhost:8123/?password=x@hunter2",
      "http://bob:hunter2@localhost:8123/#x",
    ];
    for (const flag of ["clickhouse-url", "otlp-endpoint"]) {
      for (const url of urls) {
        it(`--${flag} ${url}`, () => {
          const problems = problemsOf({ [flag]: url });
          // Where the OTLP endpoint is a URL without a user, nothing is wrong with it.
          if (flag === "clickhouse-url") expect(problems).to.have.length(1);
          expect(problems.join()).to.include(problems.length > 0 ? `--${flag}` : "");
          expect(problems.join()).to.not.include("hunter2");
        });
      }
    }
  });

  describe("what is asked for", () => {
    it("without flags and variables: DESIGN's defaults", () => {
      const { runId, seed, ...options } = resolveRun({}, {});
      expect(options).to.deep.equal({
        endpoints: [
          {
            origin: "http://localhost:8123",
            path: "/",
            host: "localhost",
            port: 8123,
            database: undefined,
            headers: { "x-clickhouse-user": "default", "x-clickhouse-key": "" },
          },
        ],
        embedded: false,
        credentials: { user: "default", password: "" },
        tls: { caFile: undefined, certFile: undefined, keyFile: undefined, insecure: false },
        rate: { numerator: 5n, denominator: 1n },
        rateText: "5",
        stages: [],
        arrivals: "constant",
        durationNs: 30_000_000_000n,
        durationGiven: false,
        warmUpNs: 0n,
        maxLagNs: undefined,
        abortBelow: undefined,
        shard: undefined,
        startAtNs: undefined,
        drainNs: 30_000_000_000n,
        table: { database: undefined, table: "events" },
        tableGiven: false,
        workers: undefined,
        inFlight: 8,
        batchRows: 50_000,
        batchRowsGiven: false,
        flushNs: 1_000_000_000n,
        asyncInsert: false,
        format: "JSONEachRow",
        compress: "none",
        settings: {},
        timeoutMs: 30_000,
        retries: 0,
        retryForNs: 120_000_000_000n,
        retryAmbiguous: false,
        quorum: undefined,
        ledgerFile: undefined,
        maxFailures: undefined,
        goesOnAfterCrash: false,
        metrics: { port: 8080, host: undefined, asked: false },
        holdMs: 0,
        traces: { otlpEndpoint: undefined },
        runIdGiven: false,
        dataStartNs: undefined,
        dataSpanNs: undefined,
        configFile: undefined,
        rules: NO_RULES,
        replay: undefined,
        reportFile: undefined,
        repeat: undefined,
        thresholds: [],
        strict: false,
        verify: true,
        blind: false,
      });
      expect(runId).to.match(/^[0-9a-f]{12}$/);
      expect(seed).to.satisfy(Number.isInteger);
    });

    it("run id and seed differ from run to run", () => {
      const runs = Array.from({ length: 20 }, () => resolveRun({}, {}));
      expect(new Set(runs.map(({ runId }) => runId)).size).to.equal(20);
      expect(new Set(runs.map(({ seed }) => seed)).size).to.be.greaterThan(18);
    });

    it("a login in the URL becomes headers, in UTF-8, and leaves origin and path", () => {
      const [endpoint] = resolveRun(
        { "clickhouse-url": "https://b%40b:p%C3%A9%2F%25@db.example/clickhouse?database=x" },
        {},
      ).endpoints;
      expect(endpoint).to.deep.equal({
        origin: "https://db.example",
        path: "/clickhouse?database=x",
        host: "db.example",
        port: 443,
        database: "x",
        headers: {
          "x-clickhouse-user": "b@b",
          "x-clickhouse-key": Buffer.from("pé/%", "utf8").toString("latin1"),
        },
      });
    });

    it("user and password may come from different places: each of the URL's goes before the variable's", () => {
      const headersOf = (url: string, environment: Environment) =>
        resolveRun({ "clickhouse-url": url }, environment).endpoints[0]?.headers;
      const environment = { CLICKHOUSE_USER: "eve", CLICKHOUSE_PASSWORD: "pw" };
      expect(headersOf("http://a", environment)).to.deep.equal({
        "x-clickhouse-user": "eve",
        "x-clickhouse-key": "pw",
      });
      expect(headersOf("http://bob@a", environment)).to.deep.equal({
        "x-clickhouse-user": "bob",
        "x-clickhouse-key": "pw",
      });
      expect(headersOf("http://:x@a", environment)).to.deep.equal({
        "x-clickhouse-user": "eve",
        "x-clickhouse-key": "x",
      });
      expect(headersOf("http://bob:x@a", environment)).to.deep.equal({
        "x-clickhouse-user": "bob",
        "x-clickhouse-key": "x",
      });
    });

    it("the database of the URL is the table's: ?database=x and --table t are x.t, an empty one is none", () => {
      for (const [text, database, table] of [
        ["`a.b`", undefined, "a.b"],
        ["shop.`a.b`", "shop", "a.b"],
        ["`x.y`.`a.b`", "x.y", "a.b"],
        ["shop.we`ird", "shop", "we`ird"],
      ]) {
        expect(resolveRun({ table: text }, {}).table).to.deep.equal({ database, table });
      }
      expect(resolveRun({ "clickhouse-url": "http://a?database=x", table: "t" }, {}).table).to.deep.equal({
        database: "x",
        table: "t",
      });
      expect(resolveRun({ "clickhouse-url": "http://a?database=" }, {}).table.database).to.equal(undefined);
    });

    it("settings keep their values, spaces and = in them, and names every object has", () => {
      const setting = ["max_threads=4", "log_comment=a b=c", "constructor=1", "__proto__=2", "empty="];
      expect(Object.entries(resolveRun({ setting }, {}).settings)).to.deep.equal([
        ["max_threads", "4"],
        ["log_comment", "a b=c"],
        ["constructor", "1"],
        ["__proto__", "2"],
        ["empty", ""],
      ]);
    });
  });

  describe("a flag goes before CLICKSTORM_<NAME>, that before the seed's variable, that before the default", () => {
    const values = ["41", "42", "43"] as const;
    const read: readonly (readonly [
      name: string,
      variable: string,
      values: readonly string[],
      of: (options: Options) => unknown,
      seen: readonly unknown[],
    ])[] = [
      ["rate", "EVENT_RATE", values, ({ rateText }) => rateText, ["41", "42", "43", "5"]],
      ["duration", "INGESTION_DURATION", values, ({ durationNs }) => Number(durationNs) / 1e9, [41, 42, 43, 30]],
      [
        "clickhouse-url",
        "CLICKHOUSE_URL",
        ["http://a:1", "http://b:2", "http://c:3"],
        ({ endpoints }) => endpoints.map(({ origin }) => origin).join(" "),
        ["http://a:1", "http://b:2", "http://c:3", "http://localhost:8123"],
      ],
      ["user", "CLICKHOUSE_USER", values, ({ credentials }) => credentials.user, ["41", "42", "43", "default"]],
      ["password", "CLICKHOUSE_PASSWORD", values, ({ credentials }) => credentials.password, ["41", "42", "43", ""]],
    ];
    for (const [name, legacy, [flag, own, seed], of, seen] of read) {
      it(`--${name}, CLICKSTORM_${name.toUpperCase().replace("-", "_")}, ${legacy}: ${seen.join(", ")}`, () => {
        const variable = `CLICKSTORM_${name.toUpperCase().replace("-", "_")}`;
        expect([
          of(resolveRun({ [name]: flag }, { [variable]: own, [legacy]: seed })),
          of(resolveRun({}, { [variable]: own, [legacy]: seed })),
          of(resolveRun({}, { [legacy]: seed })),
          of(resolveRun({}, {})),
        ]).to.deep.equal(seen);
      });
    }

    it("the seed's variables are these five, and no more", () => {
      const variables = (RUN_FLAGS as readonly Flag[]).flatMap(({ name, variable }) =>
        variable ? [[name, variable]] : [],
      );
      expect(variables.toSorted()).to.deep.equal(read.map(([name, variable]) => [name, variable]).toSorted());
    });

    it("an empty variable is none: CLICKSTORM_RATE= leaves EVENT_RATE", () => {
      expect(resolveRun({}, { CLICKSTORM_RATE: "", EVENT_RATE: "7" }).rateText).to.equal("7");
    });

    it("a repeated flag's variable holds its values apart by spaces", () => {
      const { endpoints, settings } = resolveRun(
        {},
        { CLICKHOUSE_URL: "http://a  http://b", CLICKSTORM_SETTING: "x=1 y=2" },
      );
      expect(endpoints.map(({ origin }) => origin)).to.deep.equal(["http://a", "http://b"]);
      expect(settings).to.deep.equal({ x: "1", y: "2" });
    });

    it("a problem names the variable it came by", () => {
      expect(problemsOf({}, { EVENT_RATE: "0" })).to.deep.equal([`EVENT_RATE ${RATE} 0`]);
      expect(problemsOf({}, { CLICKHOUSE_URL: "bob:hunter2@x" })).to.deep.equal([
        "CLICKHOUSE_URL must be a URL such as http://localhost:8123, got one that does not begin with http:// or https://",
      ]);
    });

    it("every flag of run does the same as a variable", () => {
      expect(Object.keys(SAMPLES).toSorted()).to.deep.equal(RUN_FLAGS.map(({ name }) => name as string).toSorted());
      const fixed = { CLICKSTORM_SEED: "1", CLICKSTORM_RUN_ID: "fixed" };
      const files = samplesFiles();
      for (const flag of RUN_FLAGS) {
        const others = NEEDED[flag.name] ?? {};
        const byFlag = resolveRun({ ...others, [flag.name]: SAMPLES[flag.name] }, fixed, undefined, files);
        const variables = { ...fixed, [variableOf(flag)]: SAMPLES[flag.name] };
        expect(resolveRun(others, variables, undefined, files), flag.name).to.deep.equal(byFlag);
        // A certificate needs its key, and the key its certificate.
        const without = ["tls-cert", "tls-key"].includes(flag.name) ? { "clickhouse-url": "https://db" } : others;
        expect(byFlag, flag.name).to.not.deep.equal(resolveRun(without, fixed, undefined, files));
      }
    });

    it("--format takes a name in any case: jsoncompacteachrow is JSONCompactEachRow", () => {
      expect(resolveRun({ format: "jsoncompacteachrow" }, {}).format).to.equal("JSONCompactEachRow");
    });

    it("--data-span 1d up to the last day there is: 2199-12-31", () => {
      const raw = { "data-span": "1d", "data-start": "2199-12-31" };
      expect(resolveRun(raw, {}).dataSpanNs).to.equal(86_400_000_000_000n);
    });

    it("batch rows are given by a flag, a variable or a config file, not by the default they may equal", () => {
      const config = { file: "c.yaml", options: { "batch-rows": "50000" }, rules: NO_RULES };
      const given = [
        resolveRun({ "batch-rows": "50000" }, {}),
        resolveRun({}, { CLICKSTORM_BATCH_ROWS: "50000" }),
        resolveRun({}, {}, config),
        resolveRun({}, {}),
      ];
      expect(given.map(({ batchRowsGiven }) => batchRowsGiven)).to.deep.equal([true, true, true, false]);
    });

    it("a switch of the environment may be off: CLICKSTORM_EMBEDDED=false or 0", () => {
      for (const [value, expected] of [
        ["true", true],
        ["1", true],
        ["false", false],
        ["0", false],
      ] as const) {
        expect(resolveRun({}, { CLICKSTORM_EMBEDDED: value }).embedded, value).to.equal(expected);
      }
      expect(resolveRun({ embedded: "false" }, { CLICKSTORM_EMBEDDED: "true" }).embedded).to.equal(false);
    });
  });

  describe("a config file goes before the default, and behind everything else", () => {
    const config = (options: Readonly<Record<string, string | readonly string[]>>) => ({
      file: "c.yaml",
      options,
      rules: { ...NO_RULES, omitted: new Map([["a", "c.yaml:9: columns.a"]]) },
    });
    const given = config({ rate: "40", "clickhouse-url": ["http://d", "http://e"], "async-insert": "true" });

    it("--rate, CLICKSTORM_RATE, EVENT_RATE, rate in the file, default: 41, 42, 43, 40, 5", () => {
      const rateOf = (...args: Parameters<typeof resolveRun>) => resolveRun(...args).rateText;
      expect([
        rateOf({ rate: "41" }, { CLICKSTORM_RATE: "42", EVENT_RATE: "43" }, given),
        rateOf({}, { CLICKSTORM_RATE: "42", EVENT_RATE: "43" }, given),
        rateOf({}, { EVENT_RATE: "43" }, given),
        rateOf({}, { EVENT_RATE: "" }, given),
        rateOf({}, {}, config({})),
      ]).to.deep.equal(["41", "42", "43", "40", "5"]);
    });

    it("lists, switches and rules arrive; a list of a flag replaces that of the file", () => {
      const { endpoints, asyncInsert, rules } = resolveRun({}, {}, given);
      expect(endpoints.map(({ host }) => host)).to.deep.equal(["d", "e"]);
      expect([asyncInsert, rules]).to.deep.equal([true, given.rules]);
      const replaced = resolveRun({ "clickhouse-url": "http://f", "async-insert": "false" }, {}, given);
      expect([replaced.endpoints.map(({ host }) => host), replaced.asyncInsert]).to.deep.equal([["f"], false]);
    });

    it("every flag of run does the same in a config file", () => {
      const fixed = { CLICKSTORM_SEED: "1", CLICKSTORM_RUN_ID: "fixed" };
      const files = samplesFiles();
      for (const flag of RUN_FLAGS as readonly Flag[]) {
        const { name, kind } = flag;
        if (name === "config") continue;
        const others = NEEDED[name] ?? {};
        const value = SAMPLES[name] ?? "";
        const file = { file: "c.yaml", options: { [name]: kind === "texts" ? [value] : value }, rules: NO_RULES };
        const { [variableOf(flag)]: _, ...environment } = fixed as Record<string, string>;
        expect(resolveRun(others, environment, file, files), name).to.deep.equal(
          resolveRun({ ...others, [name]: value }, environment, undefined, files),
        );
      }
    });

    const problems: readonly (readonly [options: Record<string, string | readonly string[]>, RawFlags, string])[] = [
      [{ rate: "0" }, {}, `rate in c.yaml ${RATE} 0`],
      [{ "async-insert": "yes" }, {}, "async-insert in c.yaml is a switch, true or false, got yes"],
      [{ setting: ["a=1", "a=2"] }, {}, "setting in c.yaml sets a twice"],
      [{ setting: ["async_insert=1"] }, {}, "setting in c.yaml cannot set async_insert: use --async-insert"],
      [
        { "clickhouse-url": "bob:hunter2@x" },
        {},
        "clickhouse-url in c.yaml must be a URL such as http://localhost:8123, got one that does not begin with http:// or https://",
      ],
      [
        { "clickhouse-url": "http://bob@x", user: "eve" },
        {},
        "clickhouse-url in c.yaml names a user, and so does user in c.yaml",
      ],
      [
        { embedded: "true", "clickhouse-url": "http://x" },
        {},
        "clickhouse-url in c.yaml cannot be used with embedded in c.yaml: it is the one or the other",
      ],
      [
        { "in-flight": "2" },
        { workers: "3" },
        "--workers must be at most in-flight in c.yaml (2), got 3: each worker needs an insert of its own",
      ],
      [
        { rate: "max" },
        { "data-span": "1d" },
        "--data-span cannot be used with rate in c.yaml max: how many rows there will be is not known",
      ],
      [
        { password: "a\nhunter2" },
        {},
        "password in c.yaml cannot hold line breaks or other control characters, nor begin or end with a space: it is sent as an HTTP header",
      ],
    ];
    for (const [options, raw, sentence] of problems) {
      it(`${JSON.stringify(options)} with flags ${JSON.stringify(raw)}: ${sentence}`, () => {
        expect(
          problemsOf(raw, {}, (given, environment) => resolveRun(given, environment, config(options))),
        ).to.deep.equal([sentence]);
      });
    }

    it("a flag overrides what the file says, and no contradiction is left: --embedded and a URL in the file", () => {
      expect(resolveRun({ embedded: "true" }, {}, given).embedded).to.equal(true);
    });

    it("the file is named by --config, else by CLICKSTORM_CONFIG; nothing is no name", () => {
      expect([
        configFileOf({ config: "a.yaml" }, { CLICKSTORM_CONFIG: "b.yaml" }),
        configFileOf({}, { CLICKSTORM_CONFIG: "b.yaml" }),
        configFileOf({ config: "" }, {}),
        configFileOf({}, {}),
      ]).to.deep.equal(["a.yaml", "b.yaml", undefined, undefined]);
    });
  });

  describe("serve", () => {
    it("without flags: port 8123, a temporary directory, user clickstorm with a password of 128 random bits", () => {
      const { login, ...rest } = resolveServe({}, {});
      expect(rest).to.deep.equal({ port: 8123, path: undefined, passwordIsMade: true });
      expect(login).to.include({ user: "clickstorm" });
      const passwords = [login, resolveServe({}, {}).login].map((one) => (one === "none" ? "" : one.password));
      for (const password of passwords) expect(password).to.match(/^[0-9a-f]{32}$/);
      expect(passwords[0]).to.not.equal(passwords[1]);
    });

    const logins = [
      ["--user bob", { user: "bob" }, "bob", true],
      ["--password x", { password: "x" }, "clickstorm", false],
      ["both", { user: "bob", password: "x" }, "bob", false],
    ] as const;
    for (const [name, raw, user, passwordIsMade] of logins) {
      it(`${name}: ${user}, with ${passwordIsMade ? "a password that is made" : "this password"}`, () => {
        const options = resolveServe(raw, {});
        expect([options.login !== "none" && options.login.user, options.passwordIsMade]).to.deep.equal([
          user,
          passwordIsMade,
        ]);
        if (!passwordIsMade) expect(options.login).to.include({ password: "x" });
      });
    }

    it("--no-login: open, whatever variables say; not with a login of the command line", () => {
      expect(resolveServe({ "no-login": "true" }, { CLICKHOUSE_PASSWORD: "x" }).login).to.equal("none");
      expect(problemsOf({ "no-login": "true", user: "bob" }, {}, resolveServe)).to.deep.equal([
        "--user cannot be used with --no-login: the server is open to all, or has a login",
      ]);
    });

    it("user default without a password: a bad option, that names --no-login", () => {
      const says = (label: string) =>
        `${label} default has no password, so that all users of this machine could use the server: ` +
        "leave it out or name another user, or pass --no-login if that is what you want";
      expect(problemsOf({ user: "default" }, {}, resolveServe)).to.deep.equal([says("--user")]);
      expect(problemsOf({}, { CLICKHOUSE_USER: "default" }, resolveServe)).to.deep.equal([says("CLICKHOUSE_USER")]);
    });

    it("--prot 5: unknown option --prot: did you mean --port?", () => {
      expect(problemsOf({ prot: "5" }, {}, resolveServe)).to.deep.equal([
        "unknown option --prot: did you mean --port?",
      ]);
    });

    it("reads CLICKSTORM_PORT, CLICKSTORM_PATH, CLICKHOUSE_USER and CLICKHOUSE_PASSWORD", () => {
      const environment = {
        CLICKSTORM_PORT: "0",
        CLICKSTORM_PATH: "/data",
        CLICKHOUSE_USER: "bob",
        CLICKHOUSE_PASSWORD: "x",
      };
      expect(resolveServe({}, environment)).to.deep.equal({
        port: 0,
        path: "/data",
        login: { user: "bob", password: "x" },
        passwordIsMade: false,
      });
      expect(SERVE_FLAGS.map(({ name }) => name)).to.deep.equal([
        "port",
        "path",
        "user",
        "password",
        "password-file",
        "no-login",
      ]);
    });
  });
});
