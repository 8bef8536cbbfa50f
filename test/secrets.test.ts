// A password by every way there is, right, wrong and misplaced, and every place a run tells of itself: it is in none of them. A
// real server with users, a real process, the bytes a collector received. What sentences quote: quoted.test.ts.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import type { EmbeddedServer } from "../src/embedded/server.js";
import { clickstorm, start } from "./support/cli.js";
import { type Stranger, webServer } from "./support/strangers.js";
import { askAsOwner, PASSWORD, startWithUsers } from "./support/users.js";

const WRONG = `${PASSWORD}-wrong`;
/** Of no user. */
const PASSWORD_OF_NOBODY = "Zq7swordfish-Zq7";
const LOAD = ["--rate", "100", "--duration", "1", "--batch-rows", "10", "--user", "owner"];

/** As it could be written anywhere. */
const spellings = (secret: string): readonly string[] => [
  secret,
  encodeURIComponent(secret),
  Buffer.from(secret).toString("base64").replace(/=+$/, ""),
  Buffer.from(`owner:${secret}`).toString("base64").replace(/=+$/, ""),
  Buffer.from(secret).toString("hex"),
];

interface Given {
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

describe("secrets", function () {
  this.timeout(60_000);

  const directory = mkdtempSync(join(tmpdir(), "clickstorm-secrets-"));
  const received: Buffer[] = [];
  let server: EmbeddedServer;
  let collector: Stranger;
  before(async () => {
    server = await startWithUsers();
    collector = await webServer((request, response) => {
      received.push(Buffer.from(`${request.method} ${request.url}\n${request.rawHeaders.join("\n")}\n`));
      request.on("data", (chunk: Buffer) => received.push(chunk)).on("end", () => response.end());
    });
  });
  after(async () => {
    await collector.close();
    await server.stop();
    rmSync(directory, { recursive: true });
  });

  const ways: readonly (readonly [way: string, give: (secret: string) => Given])[] = [
    ["a flag", (secret) => ({ args: ["--clickhouse-url", server.url, "--password", secret], environment: {} })],
    [
      "a variable",
      (secret) => ({ args: ["--clickhouse-url", server.url], environment: { CLICKHOUSE_PASSWORD: secret } }),
    ],
    [
      "the URL, in a variable",
      (secret) => ({
        args: [],
        environment: { CLICKHOUSE_URL: server.url.replace("://", `://:${encodeURIComponent(secret)}@`) },
      }),
    ],
    [
      "--password-file",
      (secret) => {
        const file = join(directory, "password");
        writeFileSync(file, `${secret}\n`, { mode: 0o600 });
        return { args: ["--clickhouse-url", server.url, "--password-file", file], environment: {} };
      },
    ],
    [
      "a config file",
      (secret) => {
        const file = join(directory, "run.yaml");
        writeFileSync(file, `password: ${JSON.stringify(secret)}\n`, { mode: 0o600 });
        return { args: ["--clickhouse-url", server.url, "--config", file], environment: {} };
      },
    ],
  ];

  for (const [way, give] of ways) {
    it(`the right password by ${way} lets 100 rows in, and is not in output, report, /metrics, traces or the process's name`, async () => {
      const { args, environment } = give(PASSWORD);
      const report = join(directory, "right.json");
      received.length = 0;
      const runId = `secret-${ways.findIndex(([other]) => other === way)}`;
      const observed = ["--metrics-port", "0", "--metrics-host", "127.0.0.1", "--otlp-endpoint", collector.url];
      const running = start(
        ["run", ...args, ...LOAD, ...observed, "--hold", "10m", "--report", report, "--run-id", runId],
        environment,
      );
      let heard = "";
      running.process.stderr?.on("data", (text: string) => (heard += text));
      await running.said("holding http");
      const url = /http:\/\/127\.0\.0\.1:\d+\/metrics/.exec(heard)?.[0] ?? "";
      const metrics = await (await fetch(url)).text();
      const commandFile = `/proc/${running.process.pid}/cmdline`;
      const command = existsSync(commandFile) ? readFileSync(commandFile, "latin1") : "";
      running.process.kill("SIGINT");
      const { code, stdout, stderr } = await running.ended;
      expect(code, stderr).to.equal(0);
      const sql = `SELECT count() FROM default.events WHERE run_id = '${runId}'`;
      expect(await askAsOwner(server, sql)).to.equal("100");
      const traces = Buffer.concat(received).toString("latin1");
      // That each is what it is taken for.
      expect(stdout).to.include("landed 100");
      expect(metrics).to.include("ingestion_acknowledged_events_total 100\n");
      expect(traces).to.include("InsertEvent");
      const places = { stdout, stderr, metrics, traces, report: readFileSync(report, "utf8") };
      for (const [place, text] of Object.entries({ ...places, command })) {
        for (const spelling of spellings(PASSWORD)) expect(text, place).to.not.include(spelling);
      }
    });

    it(`a wrong password by ${way} is refused, in the pre-flight and in a run, and is nowhere to be seen`, async () => {
      const { args, environment } = give(WRONG);
      const report = join(directory, "wrong.json");
      received.length = 0;
      const asked = await clickstorm(["run", ...args, ...LOAD, "--no-metrics", "--no-traces"], environment);
      expect([asked.code, asked.stderr.includes("does not accept this user and password")]).to.deep.equal([3, true]);
      const observed = ["--blind", "--no-metrics", "--otlp-endpoint", collector.url, "--report", report];
      const blind = await clickstorm(["run", ...args, ...LOAD, ...observed], environment);
      expect([blind.code, blind.stdout.includes("Code: 516")]).to.deep.equal([1, true]);
      const sampled = await clickstorm(["sample", ...args, "--user", "owner"], environment);
      expect(sampled.code).to.equal(3);
      const traces = Buffer.concat(received).toString("latin1");
      expect(traces).to.include("Authentication failed");
      const said = [asked, blind, sampled].map(({ stdout, stderr }) => stdout + stderr).join("\n");
      for (const text of [said, traces, readFileSync(report, "utf8")]) {
        for (const spelling of spellings(WRONG)) expect(text).to.not.include(spelling);
      }
    });
  }

  /** Where none belongs, and people put one. Nobody listens at port 1. */
  const misplaced: readonly (readonly [where: string, code: number, give: (secret: string) => Given])[] = [
    [
      "a URL that a shell cut at its space",
      2,
      (it) => ({ args: ["--clickhouse-url", `http://u:${it}`, "x@db"], environment: {} }),
    ],
    [
      "what a shell cut off a URL",
      2,
      (it) => ({ args: ["--clickhouse-url", "http://u:x", `${it}@db:8123`], environment: {} }),
    ],
    [
      "what is cut off, behind a command",
      2,
      (it) => ({ args: ["ladder", "--clickhouse-url", "http://u:x", it, "y"], environment: {} }),
    ],
    ["a variable of several URLs", 2, (it) => ({ args: [], environment: { CLICKHOUSE_URL: `http://u:x ${it} y@db` } })],
    ["a URL without @", 2, (it) => ({ args: ["max", `--clickhouse-url=http://u:${it}`], environment: {} })],
    ["a URL in capitals", 3, (it) => ({ args: ["--clickhouse-url", `HTTP://u:${it}@127.0.0.1:1`], environment: {} })],
    ["a login without scheme", 2, (it) => ({ args: ["--clickhouse-url", `u:${it}@127.0.0.1:1`], environment: {} })],
    ["a misspelt flag", 2, (it) => ({ args: [`--clickhose-url=http://u:${it}@db`], environment: {} })],
    ["a misspelt flag's next word", 2, (it) => ({ args: ["--passwrod", it], environment: {} })],
    ["a flag it is glued to", 2, (it) => ({ args: [`--password${it}`], environment: {} })],
    ["-pSECRET", 2, (it) => ({ args: [`-p${it}`], environment: {} })],
    ["-p SECRET", 2, (it) => ({ args: ["-p", it], environment: {} })],
    ["behind --password=", 2, (it) => ({ args: ["run", "--password=", it], environment: {} })],
    ["behind --", 2, (it) => ({ args: ["--", it], environment: {} })],
    [
      "the parameter password of a URL",
      2,
      (it) => ({ args: ["--clickhouse-url", `http://db/?user=a&password=${it}`], environment: {} }),
    ],
    ["--otlp-endpoint", 2, (it) => ({ args: ["--otlp-endpoint", `http://u:${it}@db`], environment: {} })],
    ["--password-file, in place of a file", 2, (it) => ({ args: ["--password-file", it], environment: {} })],
    [
      "a variable for a file with a key",
      2,
      (it) => ({ args: [], environment: { CLICKSTORM_TLS_KEY: `${it}${"x".repeat(300)}` } }),
    ],
    ["--metrics-host", 2, (it) => ({ args: ["--metrics-host", `http://u:${it}`], environment: {} })],
    ["--setting without a name", 2, (it) => ({ args: ["--setting", it], environment: {} })],
    [
      "a setting's value",
      3,
      (it) => ({
        args: ["--clickhouse-url", server.url, "--setting", `max_threads=${it}`],
        environment: { CLICKHOUSE_USER: "owner", CLICKHOUSE_PASSWORD: PASSWORD },
      }),
    ],
    [
      "--user as curl has it",
      3,
      (it) => ({ args: ["--clickhouse-url", server.url, "--user", `owner:${it}`], environment: {} }),
    ],
    ["serve --user", 2, (it) => ({ args: ["serve", "--user", `me:${it}`], environment: {} })],
    [
      "the password of a user that serve cannot have",
      2,
      (it) => ({ args: ["serve", "--user", "default", "--password", it], environment: {} }),
    ],
    ["serve that is to be open", 2, (it) => ({ args: ["serve", "--no-login", "--password", it], environment: {} })],
  ];
  for (const [where, expected, give] of misplaced) {
    it(`a secret in ${where}: exit ${expected}, and it is not said`, async () => {
      const { args, environment } = give(PASSWORD_OF_NOBODY);
      const { code, stdout, stderr } = await clickstorm(args, { OTEL_SDK_DISABLED: "true", ...environment });
      expect([code, stdout], stderr).to.deep.equal([expected, ""]);
      expect(stderr).to.match(/^error: /m);
      for (const spelling of spellings(PASSWORD_OF_NOBODY)) expect(stderr).to.not.include(spelling);
    });
  }

  it("an endpoint that says the password again, and a collector and proxies with logins: no place of a run has any of them", async () => {
    const echo = await webServer((request, response) => {
      request.resume().on("end", () => response.writeHead(400).end(`${request.url} ${request.rawHeaders.join(" ")}`));
    });
    const report = join(directory, "echo.json");
    const [login, token] = ["Zq7-proxy-Zq7", "Zq7-token-Zq7"];
    received.length = 0;
    const { code, stdout, stderr } = await clickstorm(
      [
        ...[
          "--clickhouse-url",
          echo.url.replace("://", `://u:${PASSWORD}@`),
          "--blind",
          "--setting",
          "api_token=Zq7-value-Zq7",
        ],
        ...[
          "--rate",
          "20",
          "--duration",
          "0.5",
          "--metrics-port",
          "0",
          "--metrics-host",
          "127.0.0.1",
          "--report",
          report,
        ],
      ],
      {
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url.replace("://", `://u:${login}@`),
        OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer ${token}`,
        ...Object.fromEntries(
          ["HTTP_PROXY", "https_proxy", "ALL_PROXY"].map((name) => [name, `http://u:${login}@127.0.0.1:1`]),
        ),
      },
    );
    await echo.close();
    expect(code, stderr).to.equal(1);
    const traces = Buffer.concat(received).toString("latin1");
    const written = readFileSync(report, "utf8");
    // It was said, and is left out.
    expect(written).to.include("http_4xx").and.to.include("***");
    expect(JSON.parse(written).options.settings).to.deep.equal({ api_token: "***" });
    for (const [place, text] of Object.entries({ stdout, stderr, written })) {
      for (const secret of [PASSWORD, login, token, "Zq7-value-Zq7"]) {
        for (const spelling of spellings(secret)) expect(text, place).to.not.include(spelling);
      }
    }
    // The collector is sent its own login, and no more.
    expect(traces).to.include("InsertEvent").and.to.include(token);
    for (const spelling of spellings(PASSWORD)) expect(traces).to.not.include(spelling);
    expect(traces).to.not.include("Zq7-value-Zq7");
  });

  it("a password file given as config, as rows and as a report: exit 2, and none of it is said", async () => {
    const file = join(directory, "misplaced");
    writeFileSync(file, `${PASSWORD_OF_NOBODY}\n`, { mode: 0o600 });
    const blind = ["--blind", "--no-metrics", "--no-traces"];
    for (const args of [
      ["--config", file],
      ["--replay", file, ...blind],
      ["compare", file, file],
      ["merge", file, "--out", join(directory, "out.json")],
      ["--tls-ca", file, "--clickhouse-url", "https://db"],
    ]) {
      const { code, stdout, stderr } = await clickstorm(args);
      expect([code, stdout], stderr).to.deep.equal([2, ""]);
      for (const spelling of spellings(PASSWORD_OF_NOBODY)) expect(stderr, args.join(" ")).to.not.include(spelling);
    }
  });

  it("a password file others may read is warned of once, and used", async () => {
    const file = join(directory, "open");
    writeFileSync(file, `${PASSWORD}\n`, { mode: 0o644 });
    const { code, stderr } = await clickstorm(
      ["sample", "--clickhouse-url", server.url, "--user", "owner", "--rows", "1", "--seed", "1", "--run-id", "r"],
      { CLICKSTORM_PASSWORD_FILE: file, CLICKSTORM_DATA_START: "2026-01-01" },
    );
    expect([code, stderr]).to.deep.equal([
      0,
      `warning: CLICKSTORM_PASSWORD_FILE: others than its owner may read ${file} (mode 644): chmod 600 ${file}\n`,
    ]);
  });

  it("serve takes its password from a file: who has it is let in, who has not is not", async () => {
    const file = join(directory, "serve");
    writeFileSync(file, `${PASSWORD}\n`, { mode: 0o600 });
    const serving = start(["serve", "--port", "0", "--user", "loader", "--password-file", file]);
    try {
      let heard = "";
      serving.process.stderr?.on("data", (text: string) => (heard += text));
      await serving.said("ClickHouse at");
      const url = /http:\/\/127\.0\.0\.1:\d+/.exec(heard)?.[0] ?? "";
      const ask = async (key: string): Promise<number> =>
        (
          await fetch(url, {
            method: "POST",
            headers: { "X-ClickHouse-User": "loader", "X-ClickHouse-Key": key, connection: "close" },
            body: "SELECT 1",
          })
        ).status;
      expect([await ask(PASSWORD), await ask(WRONG)]).to.deep.equal([200, 403]);
      expect(heard).to.not.include(PASSWORD);
    } finally {
      serving.process.kill("SIGTERM");
      await serving.ended;
    }
  });
});
