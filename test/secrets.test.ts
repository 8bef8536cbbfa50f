// A password by every way there is, right and wrong, and every place a run tells of itself: it is in none of them. A real
// server with users, a real process, the bytes a collector received.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import type { EmbeddedServer } from "../src/embedded/server.js";
import { clickstorm, start } from "./support/cli.js";
import { type Stranger, webServer } from "./support/strangers.js";
import { askAsOwner, PASSWORD, startWithUsers } from "./support/users.js";

const WRONG = `${PASSWORD}-wrong`;
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

  const ways: readonly (readonly [way: string, isInCommand: boolean, give: (secret: string) => Given])[] = [
    ["a flag", true, (secret) => ({ args: ["--clickhouse-url", server.url, "--password", secret], environment: {} })],
    [
      "a variable",
      false,
      (secret) => ({ args: ["--clickhouse-url", server.url], environment: { CLICKHOUSE_PASSWORD: secret } }),
    ],
    [
      "the URL, in a variable",
      false,
      (secret) => ({
        args: [],
        environment: { CLICKHOUSE_URL: server.url.replace("://", `://:${encodeURIComponent(secret)}@`) },
      }),
    ],
    [
      "--password-file",
      false,
      (secret) => {
        const file = join(directory, "password");
        writeFileSync(file, `${secret}\n`, { mode: 0o600 });
        return { args: ["--clickhouse-url", server.url, "--password-file", file], environment: {} };
      },
    ],
    [
      "a config file",
      false,
      (secret) => {
        const file = join(directory, "run.yaml");
        writeFileSync(file, `password: ${JSON.stringify(secret)}\n`, { mode: 0o600 });
        return { args: ["--clickhouse-url", server.url, "--config", file], environment: {} };
      },
    ],
  ];

  for (const [way, isInCommand, give] of ways) {
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
      for (const [place, text] of Object.entries(isInCommand ? places : { ...places, command })) {
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
