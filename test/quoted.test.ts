// src/quoted.ts: what may be shown of what somebody typed. A secret planted in every place where a text can be, in any spelling,
// is in none of the sentences that come of it.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import fc from "fast-check";
import { resolveCompare } from "../src/compare/options.js";
import { parseConfig } from "../src/config.js";
import { endpointOf, secretsOf, shown } from "../src/endpoint.js";
import { RUN_FLAGS } from "../src/flags.js";
import { resolveMax } from "../src/max/options.js";
import { type Environment, OptionsError, type RawFlags, resolveRun, resolveServe } from "../src/options.js";
import { readKernel } from "../src/plan.js";
import { quoted, quotedArgs, quotedName, quotedSetting, quotedUrl, withoutSecrets } from "../src/quoted.js";
import { lookAt, ReplayError } from "../src/replay/file.js";
import { scan } from "../src/replay/scan.js";
import { parseReport } from "../src/report/read.js";
import { resolveSample } from "../src/sample-options.js";

/** The middle of every secret here: no sentence of ours has it in it. */
const CORE = "Zq7hunter2";
/** With anything a password may hold, but for what no shell and no YAML would pass on. */
const secrets = fc
  .tuple(fc.string({ maxLength: 6 }), fc.string({ maxLength: 6 }))
  .map(([before, behind]) => `${before}${CORE}${behind}`.replace(/[\p{Cc}\ufffd]/gu, ""));

function problemsOf(resolve: () => unknown): readonly string[] {
  try {
    resolve();
    return [];
  } catch (error) {
    if (error instanceof OptionsError) return error.problems;
    throw error;
  }
}

/** Neither the whole nor the middle of it. */
function expectHidden(sentences: readonly string[], secret: string): void {
  for (const sentence of sentences) {
    expect(sentence.toLowerCase(), secret).to.not.include(CORE.toLowerCase());
    expect(sentence, secret).to.not.include(secret);
  }
}

const RUNS = { numRuns: 300 * Number(process.env.FUZZ ?? 1) };

describe("what may be shown of a text", () => {
  const tables: readonly (readonly [
    what: string,
    show: (text: string) => string | undefined,
    rows: readonly (readonly [text: string, shown: string])[],
  ])[] = [
    [
      "a value",
      quoted,
      [
        ["", "nothing"],
        ["  ", "nothing"],
        ["5 parsecs", "5 parsecs"],
        ["p99<500ms", "p99<500ms"],
        ["x".repeat(61), `${"x".repeat(60)}…`],
        ["http://u:hunter2", "http://***"],
        ["HTTP://u:hunter2@h:8123/?a=b and more", "HTTP://*** and more"],
        ["u:hunter2@h", "***"],
        ["password=hunter2", "password=***"],
        ["api_key: hunter2", "api_key: ***"],
        ["5k@", "5k@"],
      ],
    ],
    [
      "a URL that is none",
      quotedUrl,
      [
        ["", "nothing"],
        ["localhost:8123", "one that does not begin with http:// or https://"],
        ["tcp://u:hunter2@h:9000", "one that begins with tcp: and not with http:// or https://"],
        ["Hunter2://x", "one that does not begin with http:// or https://"],
        ["http:/u:hunter2@h", "one that does not begin with http:// or https://"],
        [
          "http://u:hunter2",
          "one that cannot be read: was it cut at a space, or is there a /, ?, #, @ or % in its user or password, which are written %2F, %3F, %23, %40 and %25 there?",
        ],
      ],
    ],
    [
      "an unknown flag's name",
      quotedName,
      [
        ["ratte", "ratte"],
        ["p", "p"],
        ["clickhose-url", "clickhose-url"],
        ["passwordhunter", "password…"],
        ["password-filehunter", "password-file…"],
        ["clickhoseHunter2", "clickhoseHunter…"],
        ["ratte5", "ratte…"],
        ["clickhouse-urlhttp://u:hunter2@h", "clickhouse-url…"],
        ["http://u:hunter2@h", "http…"],
        [`${"a".repeat(31)}`, `${"a".repeat(30)}…`],
      ],
    ],
    [
      "the value of setting url_of_it",
      (text) => quotedSetting("url_of_it", text),
      [
        ["1", "1"],
        ["best_effort", "best_effort"],
        ["https://u:hunter2@registry:8081/x", "https://***@registry:8081/x"],
      ],
    ],
    [
      "the value of setting some_password",
      (text) => quotedSetting("some_password", text),
      [
        ["hunter2", "***"],
        ["", ""],
      ],
    ],
    [
      "the value of setting force_primary_key",
      (text) => quotedSetting("force_primary_key", text),
      [
        ["1", "1"],
        ["true", "true"],
      ],
    ],
    [
      "the words of the command line",
      (text) => quotedArgs(text.split(" "))?.join(" "),
      [
        ["run --password hunter2 --rate 5", "run --password *** --rate 5"],
        ["run -password hunter2", "run -password ***"],
        ["run --password=hunter2", "run --password=***"],
        ["--clickhouse-url http://u:hunter2@h:8123", "--clickhouse-url http://***"],
        ["--clickhouse-url=http://u:hunter2", "--clickhouse-url=http://***"],
        ["-phunter2", "-p***"],
      ],
    ],
  ];
  for (const [what, show, rows] of tables) {
    for (const [text, expected] of rows) {
      it(`${what}: of ${text === "" ? "nothing" : text} it is ${expected || "nothing"}`, () =>
        expect(show(text)).to.equal(expected));
    }
  }

  it("the command line as it is where there is no secret in it", () => {
    const words =
      "run --clickhouse-url http://db1.example:8123/path --rate 5 --password-file /run/secrets/p --report r.json";
    expect(quotedArgs(words.split(" "))).to.equal(undefined);
  });

  it("what others say is without a secret in any of its spellings, and keeps all else", () => {
    const secret = 'Zq7 "hunter2"/ü';
    const key = Buffer.from(secret).toString("base64").replace(/=+$/, "");
    const said = `key ${secret}; ${encodeURIComponent(secret)}; ${key}==; ${JSON.stringify(secret)}; hunter2`;
    expect(withoutSecrets(said, [secret])).to.equal('key ***; ***; ***==; "***"; hunter2');
  });

  it("words and numbers so short that they are in other words stay", () => {
    expect(withoutSecrets("the age is 10000", ["e", "age", "10000", "true"])).to.equal("the age is 10000");
    expect(withoutSecrets("the key is 1000000", ["1000000"])).to.equal("the key is ***");
  });

  it("of an endpoint its password, the user's behind a colon, and values that are secrets by their name or by a login in them", () => {
    const url = new URL("http://h:8123/?database=d&api_token=Zq7-x&log_comment=small&role=Zq7");
    const endpoint = endpointOf(url, { user: "u:Zq7-u", password: "Zq7-ü" });
    const registry = "https://u:Zq7-r@registry:8081/x";
    const parameters = { query: "INSERT", param_table: "t", some_secret: "Zq7-y", max_threads: "1000000" };
    expect(secretsOf(endpoint, { ...parameters, format_avro_schema_registry_url: registry })).to.deep.equal([
      ...["Zq7-ü", "Zq7-u", "Zq7-x", "Zq7-y"],
      ...[registry, "Zq7-r"],
    ]);
  });

  it("a server's words that a harmless setting has for its value stay: Constraint `small`, with log_comment=small", () => {
    const endpoint = endpointOf(new URL("http://h:8123/?log_comment=small"), { user: "u", password: "Zq7-small" });
    const said = "Constraint `small` for table d.small (1234) is violated, says Zq7-small";
    expect(withoutSecrets(said, secretsOf(endpoint, { workload: "small" }))).to.equal(
      "Constraint `small` for table d.small (1234) is violated, says ***",
    );
  });
});

describe("a planted secret is in no sentence", function () {
  this.timeout(120_000);

  const folder = mkdtempSync(join(tmpdir(), "clickstorm-quoted-"));
  const file = join(folder, "secret");
  after(() => rmSync(folder, { recursive: true }));

  const schemes = fc.constantFrom(
    "http://",
    "HTTP://",
    "https://",
    "htp://",
    "tcp://",
    "http:/",
    "http//",
    "",
    "jdbc:ch://",
  );
  const ends = fc.constantFrom(
    "",
    "@",
    "@db",
    "@db:8123",
    "@db:99999",
    "@db/path",
    "@[::1",
    "@db?x=1",
    "/",
    "?",
    "#",
    "@a@b",
  );
  const urls = fc.tuple(schemes, fc.constantFrom("u:", ":", "", "u:12/", "u:x ", "@"), secrets, ends);

  it("of a URL, whole or cut, in a flag, in a variable or in a config file", () => {
    const property = fc.property(urls, ([scheme, user, secret, end]) => {
      const url = `${scheme}${user}${secret}${end}`;
      const given: readonly (readonly [RawFlags, Environment])[] = [
        [{ "clickhouse-url": url }, {}],
        [{ "clickhouse-url": url.split(" ") }, {}],
        [{}, { CLICKHOUSE_URL: url }],
        [{ "otlp-endpoint": url }, {}],
        [{}, { CLICKSTORM_OTLP_ENDPOINT: url }],
        [{ against: url, report: "r.json" }, {}],
        [{}, { CLICKSTORM_AGAINST: url }],
      ];
      for (const [raw, environment] of given) {
        expectHidden(
          problemsOf(() => resolveRun(raw, environment)),
          secret,
        );
        expectHidden(
          problemsOf(() => resolveSample({ "clickhouse-url": url }, {})),
          secret,
        );
      }
      const config = { file: "c.yaml", options: { "clickhouse-url": url }, rules: resolveRun({}, {}).rules };
      expectHidden(
        problemsOf(() => resolveRun({}, {}, config)),
        secret,
      );
    });
    fc.assert(property, RUNS);
  });

  it("of a URL that can be read it is in no name of an endpoint, and in the headers alone", () => {
    const property = fc.property(secrets, fc.constantFrom("http", "HTTPS"), (secret, scheme) => {
      fc.pre(secret.trim() === secret);
      const password = encodeURIComponent(secret);
      const { endpoints } = resolveRun({ "clickhouse-url": `${scheme}://u:${password}@db:8123/x` }, {});
      const [endpoint] = endpoints;
      if (endpoint === undefined) throw new Error("there is no endpoint");
      expectHidden([shown(endpoint), endpoint.origin, endpoint.path], secret);
      expect(Buffer.from(endpoint.headers["x-clickhouse-key"] ?? "", "latin1").toString("utf8")).to.equal(secret);
    });
    fc.assert(property, RUNS);
  });

  it("of the query of a URL, by whatever spelling of the parameter", () => {
    for (const name of ["password", "Password", "PASSWORD", "user", "USER"]) {
      const url = `http://db:8123/?x=1&${name}=${CORE}`;
      expect(problemsOf(() => resolveRun({ "clickhouse-url": url }, {}))).to.deep.equal([
        `--clickhouse-url cannot hold the parameter ${name.toLowerCase()}: use --${name.toLowerCase()}`,
      ]);
    }
  });

  it("of a setting that is cut at its space, or has no name", () => {
    for (const [raw, environment] of [
      [{ setting: CORE }, {}],
      [{ setting: `=${CORE}` }, {}],
      [{ setting: `pass word=${CORE}` }, {}],
      [{ setting: `password=${CORE}` }, {}],
      [{}, { CLICKSTORM_SETTING: `x=my ${CORE}` }],
    ] as const) {
      const problems = problemsOf(() => resolveRun(raw, environment));
      expect(problems).to.have.length(1);
      expectHidden(problems, CORE);
    }
  });

  it("of a URL or a login that came as the value of any other flag", () => {
    const names = RUN_FLAGS.filter(
      ({ kind, name }) => kind !== "switch" && !/file|^tls|^user$|^password$/.test(name),
    ).map(({ name }) => name as string);
    for (const value of [`http://u:${CORE}`, `HTTP://u:${CORE}@db:8123`, `u:${CORE}@db`, `password=${CORE}`]) {
      for (const name of names) {
        expectHidden(
          problemsOf(() => resolveRun({ [name]: value }, {})),
          value,
        );
        expectHidden(
          problemsOf(() => resolveMax({ [name]: value }, {})),
          value,
        );
      }
      expectHidden(
        problemsOf(() => resolveCompare({ "fail-on": value }, {}, ["a", "b"])),
        value,
      );
      expectHidden(
        problemsOf(() => resolveServe({ port: value }, {})),
        value,
      );
      expectHidden(
        problemsOf(() => resolveRun({ blind: value }, {})),
        value,
      );
    }
  });

  it("of an unknown flag to which it is glued", () => {
    for (const name of [
      `password${CORE}`,
      `password:${CORE}`,
      `clickhouse-urlhttp://u:${CORE}@db`,
      `http://u:${CORE}`,
    ]) {
      expectHidden(
        problemsOf(() => resolveRun({ [name]: true }, {})),
        name,
      );
    }
  });

  /** What a file with a secret may look like that is no config, no rows and no report. */
  const shapes: readonly ((secret: string) => string)[] = [
    (secret) => secret,
    (secret) => `${secret}\n`,
    (secret) => `u:${secret}`,
    (secret) => `${secret}:`,
    (secret) => `${secret}: x`,
    (secret) => `user: bob\nword: ${secret}\n${secret}: 1`,
    (secret) => `[client]\npassword = ${secret}`,
    (secret) => `db:5432:x:u:${secret}`,
    (secret) => `machine db login u password ${secret}`,
    (secret) => `"${secret}"`,
    (secret) => `"${secret}`,
    (secret) => `'${secret}`,
    (secret) => `"\\U${secret}"`,
    (secret) => `%${secret}\n---\na`,
    (secret) => `%YAML ${secret}\n---\na`,
    (secret) => `!${secret} x`,
    (secret) => `!${secret}!x y`,
    (secret) => `*${secret}`,
    (secret) => `a: *${secret}`,
    (secret) => `&${secret}`,
    (secret) => `|${secret}`,
    (secret) => `| ${secret}`,
    (secret) => `a: >${secret}\n x`,
    (secret) => `{${secret}: 1}`,
    (secret) => `{"${secret}": {}}`,
    (secret) => `{${secret}`,
    (secret) => `{"a": ${secret}}`,
    (secret) => `{"a": "b"} ${secret}`,
    (secret) => `{"a": "b", ${secret}`,
    (secret) => `[${secret}]`,
    (secret) => `- ${secret}`,
    (secret) => `? ${secret}`,
    (secret) => `\t${secret}: x`,
    (secret) => `@${secret}`,
    (secret) => `1${secret}`,
    (secret) => `null${secret}`,
    (secret) => `"x" ${secret}: y`,
    (secret) => `a: b: ${secret}`,
    (secret) => `{"schema": "${secret}"}`,
    (secret) => `{"schema": "clickstorm/${secret}/1"}`,
    (secret) => `{"schema": "clickstorm/report/1", "run_id": {"a": "${secret}"}}`,
    (secret) => `{"schema": "clickstorm/report/1", "run_id": "x", "options": "${secret}"}`,
    (secret) => `{"schema": "clickstorm/report/${secret}"}`,
  ];
  const contents = fc.tuple(fc.constantFrom(...shapes), fc.oneof(fc.constant(CORE), secrets));

  it("of a file given to --config", () => {
    const property = fc.property(contents, ([shape, secret]) => {
      const problems = problemsOf(() => parseConfig(shape(secret), file, RUN_FLAGS));
      expect(problems).to.not.deep.equal([]);
      expectHidden(problems, secret);
    });
    fc.assert(property, RUNS);
  });

  it("of a file given to --replay", async () => {
    const kernel = readKernel();
    const property = fc.asyncProperty(contents, async ([shape, secret]) => {
      writeFileSync(file, shape(secret));
      try {
        await scan(lookAt(file, 8 * 2 ** 20), kernel, 10);
      } catch (error) {
        if (!(error instanceof ReplayError)) throw error;
        expectHidden([error.message.replace(file, "file")], secret);
      }
    });
    await fc.assert(property, RUNS);
  });

  it("of a file given to compare and merge", () => {
    const property = fc.property(contents, ([shape, secret]) => {
      const reading = parseReport(shape(secret), "a.json");
      expectHidden("problem" in reading ? [reading.problem] : [], secret);
    });
    fc.assert(property, RUNS);
  });

  it("of a file given to --tls-ca, --tls-cert and --tls-key", () => {
    for (const shape of shapes) {
      const files = new Map([["f.pem", { text: shape(CORE), mode: 0o600 }]]);
      for (const name of ["tls-ca", "tls-cert", "tls-key"]) {
        const raw = { "clickhouse-url": "https://db", "tls-cert": "f.pem", "tls-key": "f.pem", [name]: "f.pem" };
        expectHidden(
          problemsOf(() => resolveRun(raw, {}, undefined, files)),
          CORE,
        );
      }
    }
  });
});
