// Bad input, as a person meets it: the real program against the real server. What it says, how it ends, and that nothing
// is lost by it.

import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import type { EmbeddedServer } from "../src/embedded/server.js";
import { resolveRun } from "../src/options.js";
import { makePlan } from "../src/plan.js";
import { blindTarget } from "../src/target.js";
import { clickstorm, type Ended, unwrapped } from "./support/cli.js";
import { clickhouse, newDatabase, numberOf, serverUrl } from "./support/server.js";
import { closedPort, type Stranger, stranger, webServer } from "./support/strangers.js";
import { askAsOwner, PASSWORD, startWithUsers, type User } from "./support/users.js";

const SEED_COLUMNS = "timestamp DateTime64(3), user_id String, action LowCardinality(String), payload String";
const RATE = "must be rows per second above 0 and up to 1000M, such as 5, 2.5, 250k or 1.5M, or max, got";
const DURATION = "must be a time such as 30 (seconds), 500ms, 90s, 10m or 2h, above 0 and up to 2160h, got";
/** Twenty rows. */
const SHORT = ["--rate", "80", "--duration", "0.25"];
const QUIET = ["--no-metrics", "--no-traces"];

/** Nothing but these errors is said, and nothing summed up. */
function expectErrors({ code, stdout, stderr }: Ended, expectedCode: number, sentences: readonly string[]): void {
  expect(stderr).to.equal(sentences.map((sentence) => `error: ${sentence}\n`).join(""));
  expect(stdout).to.equal("");
  expect(code).to.equal(expectedCode);
}

/** The one error, whose end is the server's and may change with its version. */
function expectError(ended: Ended | undefined, expectedCode: number, beginning: string, ending: RegExp): void {
  const { code, stdout, stderr } = ended ?? { code: null, stdout: "", stderr: "nothing ran" };
  expect(stderr.split("\n")).to.have.length(2);
  expect(stderr.slice(0, beginning.length + 7)).to.equal(`error: ${beginning}`);
  expect(stderr.trim()).to.match(ending);
  expect(stdout).to.equal("");
  expect(code).to.equal(expectedCode);
}

/** Of a run that went well: every row scheduled is in the table. */
async function expectRows({ code, stdout }: Ended, table: string, rows: number): Promise<void> {
  expect(code).to.equal(0);
  expect(unwrapped(stdout)).to.include(
    `ledger     scheduled ${rows}, acknowledged ${rows}, landed ${rows}, lost 0, duplicated 0`,
  );
  expect(await numberOf(`SELECT count() FROM ${table}`)).to.equal(rows);
}

describe("bad input", () => {
  describe("options: exit 2, and the server is not asked", () => {
    // Nobody listens there: a program that asked would end with 3.
    const rows: readonly (readonly [args: readonly string[], ...sentences: string[]])[] = [
      [["--rate", "0"], `--rate ${RATE} 0`],
      [["--rate", "-1"], `--rate ${RATE} -1`],
      [["--rate", "abc"], `--rate ${RATE} abc`],
      [["--rate=1e999"], `--rate ${RATE} 1e999`],
      [["--duration", "0"], `--duration ${DURATION} 0`],
      [["--duration", "5 parsecs"], `--duration ${DURATION} 5 parsecs`],
      [["--ratte", "5"], "unknown option --ratte: did you mean --rate?"],
      [["serv", "-v"], "unknown command serv: did you mean serve?", "unknown option -v: did you mean --version?"],
      [["run", "fast"], "run takes options alone, got 1 word beside them: a value with a space in it needs quotes"],
      [["--duration", "1", "--rate"], "--rate needs a value"],
      [["--blind=perhaps"], "--blind is a switch, true or false, got perhaps"],
      [["serve", "--prot", "5"], "unknown option --prot: did you mean --port?"],
      [
        ["--clickhouse-url", "localhost:8123"],
        "--clickhouse-url must be a URL such as http://localhost:8123, got one that does not begin with http:// or https://",
      ],
      [["--setting", "async_insert=1"], "--setting cannot set async_insert: use --async-insert"],
      [
        ["run", "--rate", "0", "--duration=-5", "--user"],
        "--user needs a value",
        `--rate ${RATE} 0`,
        `--duration ${DURATION} -5`,
      ],
    ];
    let port: number;
    before(async () => {
      port = await closedPort();
    });
    for (const [args, ...sentences] of rows) {
      it(`${args.join(" ")}: ${sentences.join("; ")}`, async () => {
        const environment = args.includes("--clickhouse-url") ? {} : { CLICKHOUSE_URL: `http://127.0.0.1:${port}` };
        expectErrors(await clickstorm(args, { ...environment, CLICKSTORM_NO_METRICS: "true" }), 2, sentences);
      });
    }

    it("--report into a directory that is not there", async () => {
      const args = ["--report", "/nonexistent/run.json", ...QUIET, "--clickhouse-url", `http://127.0.0.1:${port}`];
      expectErrors(await clickstorm(args), 2, ["--report /nonexistent/run.json: there is no folder /nonexistent"]);
    });
  });

  describe("help and version: exit 0 on standard output", () => {
    it("--help, -h, help and run --help name every flag; serve --help those of serve", async () => {
      const whole = await clickstorm(["--help"]);
      expect(whole.stderr).to.equal("");
      expect(whole.code).to.equal(0);
      expect(whole.stdout).to.match(/^clickstorm \d+\.\d+\.\d+, a load generator for ClickHouse\n/);
      expect(whole.stdout).to.include(
        "\n  --rate ROWS               Rows per second: 5, 250k, 1.5M, or max (closed loop)\n",
      );
      for (const args of [["-h"], ["help"]]) expect(await clickstorm(args), args[0]).to.deep.equal(whole);
      const serve = await clickstorm(["serve", "--help"]);
      expect(serve.stdout).to.include("Usage: clickstorm serve [options]").and.to.include("\n  --port PORT ");
      expect(serve.stdout).to.not.include("--rate");
      expect(await clickstorm(["run", "--help"]).then(({ stdout }) => stdout)).to.include(
        "Usage: clickstorm run [options]",
      );
    });

    it("--version says clickstorm and package.json's version", async () => {
      const manifest: { version: string } = JSON.parse(readFileSync("package.json", "utf8"));
      for (const args of [["version"], ["serve", "--version"]]) {
        expect(await clickstorm(args)).to.deep.equal({
          code: 0,
          stdout: `clickstorm ${manifest.version}\n`,
          stderr: "",
        });
      }
    });
  });

  describe("a target that cannot be reached: exit 3", () => {
    const HTTP_PORT = "is this ClickHouse's HTTP port (8123, or 8443 with https://; not 9000)?";
    const HTML = "<html>\r\n<head><title>404 Not Found</title></head>\r\n</html>";

    it("ClickHouse is not running", async () => {
      const url = `http://127.0.0.1:${await closedPort()}`;
      expectErrors(await clickstorm([...QUIET, "--clickhouse-url", url]), 3, [
        `cannot reach ClickHouse at ${url}: nothing listens there: is ClickHouse running? \`clickstorm serve\` starts one`,
      ]);
    });

    it("there is no such host", async () => {
      expectErrors(await clickstorm([...QUIET, "--clickhouse-url", "http://clickhouse.invalid:8123"]), 3, [
        "cannot reach ClickHouse at http://clickhouse.invalid:8123: there is no host of that name",
      ]);
    });

    it("https:// where no TLS is spoken", async () => {
      const url = serverUrl().replace("http:", "https:");
      expectErrors(await clickstorm([...QUIET, "--clickhouse-url", url]), 3, [
        `cannot reach ClickHouse at ${url}: no TLS is spoken there: http:// in place of https://?`,
      ]);
    });

    const strangers: readonly (readonly [
      what: string,
      open: () => Promise<Stranger>,
      sentence: (url: string) => RegExp | string,
    ])[] = [
      [
        "a port that closes at once",
        () => stranger((socket) => void socket.destroy()),
        (url) => `cannot reach ClickHouse at ${url}: the connection was closed without an answer: ${HTTP_PORT}`,
      ],
      [
        "a port that answers garbage",
        () => stranger((socket) => void socket.once("data", () => socket.end("\x1b[31mgarbage\0\xff\r\n\r\n"))),
        (url) => new RegExp(`^cannot reach ClickHouse at ${url}: [ -~]*\\bHTTP\\b[ -~]*$`),
      ],
      [
        "a web server that answers 200",
        () => webServer((_request, response) => void response.end("\x1b[31mhello")),
        (url) => `${url} does not answer as ClickHouse does: it is something else, or another port`,
      ],
      [
        "a web server that answers 404",
        () => webServer((_request, response) => void response.writeHead(404).end(HTML.replaceAll("\r\n", ""))),
        (url) => `${url} does not answer as ClickHouse does: HTTP 404: 404 Not Found`,
      ],
      [
        "a proxy without a server behind it",
        () => webServer((_request, response) => void response.writeHead(503).end("no healthy upstream")),
        (url) => `${url} does not answer as ClickHouse does: HTTP 503: no healthy upstream`,
      ],
    ];
    for (const [what, open, sentence] of strangers) {
      it(what, async () => {
        const peer = await open();
        try {
          const ended = await clickstorm([...QUIET, "--clickhouse-url", peer.url]);
          const expected = sentence(peer.url);
          if (typeof expected === "string") expectErrors(ended, 3, [expected]);
          else expectError(ended, 3, "", new RegExp(`^error: ${expected.source.slice(1)}`));
        } finally {
          await peer.close();
        }
      });
    }

    const binary = "/usr/sbin/clickhouse-server";
    // One so old does not know --version; a newer server is no test of this.
    const old = existsSync(binary) && spawnSync(binary, ["--version"]).status !== 0;
    const olds = old ? it : it.skip;
    olds(
      `${old ? "" : "SKIPPED, as Debian's clickhouse-server is not installed: "}ClickHouse 18.16 is too old`,
      async () => {
        const server = await startOld(binary);
        try {
          expectErrors(await clickstorm([...QUIET, "--clickhouse-url", server.url]), 3, [
            `${server.url} is ClickHouse 18.16.1: clickstorm supports 21.8 and newer`,
          ]);
          expectErrors(await clickstorm([...QUIET, "--clickhouse-url", server.url, "--password", PASSWORD]), 3, [
            `${server.url} does not accept this user and password: Code: 193, e.displayText() = DB::Exception: ` +
              "Wrong password for user default, e.what() = DB::Exception",
          ]);
        } finally {
          await server.stop();
        }
      },
    );
  });

  describe("a target that refuses: exit 3, in the server's words", () => {
    let server: EmbeddedServer;
    before(async () => {
      server = await startWithUsers();
    });
    after(() => server.stop());

    const as = (user: User | "nobody", password = PASSWORD, ...args: readonly string[]): Promise<Ended> =>
      clickstorm(["--clickhouse-url", server.url, "--user", user, "--password", password, ...SHORT, ...QUIET, ...args]);

    it("a wrong password, and an unknown user", async () => {
      for (const [user, password] of [
        ["owner", `${PASSWORD}!`],
        ["nobody", PASSWORD],
      ] as const) {
        const ended = await as(user, password);
        const ending = /: Code: 516\. DB::Exception: .*: Authentication failed: .*$/;
        expectError(ended, 3, `${server.url} does not accept this user and password`, ending);
        expect(ended.stderr).to.not.include(PASSWORD);
      }
    });

    it("a database that is not there, by ?database= and by --table", async () => {
      const url = `${server.url}/?database=nosuch`;
      const login = ["--user", "owner", "--password", PASSWORD];
      expectError(
        await clickstorm(["--clickhouse-url", url, ...login, ...QUIET]),
        3,
        `${server.url} has no such database`,
        /: Code: 81\. DB::Exception: Database nosuch does not exist/,
      );
      expectErrors(await as("owner", PASSWORD, "--table", "nosuch.events"), 3, [
        `${server.url} has no database nosuch, or this user may not see it`,
      ]);
    });

    it("a --table that is not there", async () => {
      expectErrors(await as("owner", PASSWORD, "--table", "nosuch"), 3, [
        `${server.url} has no table default.nosuch, or this user may not see it: create it, or leave --table out and events is created`,
      ]);
    });

    it("a setting it does not know, and one with a bad value", async () => {
      expectError(
        await as("owner", PASSWORD, "--setting", "max_threadz=1"),
        3,
        `${server.url} does not take --setting max_threadz`,
        /: Code: 115\. DB::Exception: Unknown setting 'max_threadz': Maybe you meant \['max_threads'\]/,
      );
      expectError(
        await as("owner", PASSWORD, "--setting", "max_threads=many"),
        3,
        `${server.url} does not take --setting max_threads`,
        /: Code: \d+\. DB::Exception: Cannot parse .*'\*\*\*'/,
      );
    });

    it("users who may not create the table, and then, where it is there, not insert into it or not read it", async () => {
      const users = ["guest", "reader", "writer"] as const;
      const [guest, reader, writer] = await Promise.all(users.map((user) => as(user)));
      const create = `${server.url} does not let this user create default.events`;
      expectError(guest, 3, create, /: Code: 164\. DB::Exception: .*readonly mode/);
      expectError(reader, 3, create, /: Code: 497\. DB::Exception: .*grant CREATE TABLE ON default\.events/);
      expectError(writer, 3, create, /: Code: 497\. DB::Exception: .*grant CREATE TABLE ON default\.events/);

      const made = await as("owner");
      expect(made.code, made.stderr).to.equal(0);
      const [guestThen, readerThen, writerThen] = await Promise.all(users.map((user) => as(user)));
      const insert = `${server.url} does not let this user insert into default.events`;
      expectError(guestThen, 3, insert, /: Code: 164\. DB::Exception: .*readonly mode/);
      expectError(readerThen, 3, insert, /: Code: 497\. DB::Exception: .*grant INSERT/);
      expectError(
        writerThen,
        3,
        `${server.url} does not let this user read default.events, as the ledger does at the end; --no-verify leaves it out`,
        /: Code: 497\. DB::Exception: .*grant SELECT/,
      );
      expect(await askAsOwner(server, "SELECT count() FROM default.events")).to.equal("20");

      const blindly = await as("writer", PASSWORD, "--no-verify");
      expect(blindly.code, blindly.stderr).to.equal(0);
      expect(await askAsOwner(server, "SELECT count() FROM default.events")).to.equal("40");
    });

    it("a login in the URL works, and is shown nowhere: not by the run, its report, its metrics or its traces", async () => {
      const traces: Buffer[] = [];
      const collector = await webServer((request, response) => {
        request.on("data", (chunk: Buffer) => traces.push(chunk)).on("end", () => response.end());
      });
      const directory = mkdtempSync(join(tmpdir(), "clickstorm-test-"));
      const report = join(directory, "report.json");
      const url = server.url.replace("://", `://owner:${PASSWORD}@`);
      const observed = ["--otlp-endpoint", collector.url, "--no-metrics", "--report", report];
      try {
        const good = await clickstorm(["--clickhouse-url", url, ...SHORT, ...observed]);
        expect(good.code, good.stderr).to.equal(0);
        expect(good.stdout).to.include(server.url).and.to.include("landed 20");
        expect(good.stdout + good.stderr)
          .to.not.include(PASSWORD)
          .and.to.not.include("***");
        expect(readFileSync(report, "utf8")).to.include('"landed": 20').and.to.not.include(PASSWORD);

        // Inserts are refused for their password, and every place that tells of errors tells of this.
        const wrong = url.replace(PASSWORD, `${PASSWORD}!`);
        const bad = await clickstorm(["--clickhouse-url", wrong, "--blind", ...SHORT, ...observed]);
        expect(bad.code, bad.stderr).to.equal(1);
        expect(bad.stdout).to.include("Code: 516").and.to.not.include(PASSWORD);
        expect(bad.stderr).to.not.include(PASSWORD);
        expect(readFileSync(report, "utf8")).to.include('"516"').and.to.not.include(PASSWORD);

        const sent = Buffer.concat(traces).toString("latin1");
        expect(sent)
          .to.include("InsertEvent")
          .and.to.include("Authentication failed")
          .and.to.include(server.url.slice(7, 16));
        expect(sent).to.not.include(PASSWORD).and.to.not.include(Buffer.from(PASSWORD).toString("base64"));
      } finally {
        await collector.close();
        rmSync(directory, { recursive: true });
      }
    });

    it("a password by flag, by variable or in a broken URL is not shown either", async () => {
      const runs = await Promise.all([
        as("owner"),
        clickstorm(["--clickhouse-url", server.url, ...SHORT, ...QUIET], {
          CLICKHOUSE_USER: "owner",
          CLICKHOUSE_PASSWORD: PASSWORD,
        }),
        clickstorm(["--clickhouse-url", `owner:${PASSWORD}@${server.url.slice(7)}`]),
        clickstorm([`-p${PASSWORD}`, "--rate", "0"]),
        clickstorm(["--passwrod", PASSWORD]),
      ]);
      expect(runs.map(({ code }) => code)).to.deep.equal([0, 0, 2, 2, 2]);
      for (const { stdout, stderr } of runs) expect(stdout + stderr).to.not.include(PASSWORD);
    });
  });

  it("the login goes as headers, never in the request line", async () => {
    const seen: string[] = [];
    const sink = await webServer((request, response) => {
      seen.push(`${request.headers["x-clickhouse-user"]} ${request.headers["x-clickhouse-key"]}`);
      expect(request.headers.authorization).to.equal(undefined);
      expect(request.url)
        .to.match(/^\/db\/\?max_threads=1&query=INSERT/)
        .and.to.not.include("hunter2");
      request.resume().on("end", () => response.end());
    });
    try {
      const url = sink.url.replace("://", "://bob:hunter2@");
      const { code, stderr } = await clickstorm([
        "--clickhouse-url",
        `${url}/db/?max_threads=1`,
        "--blind",
        ...SHORT,
        ...QUIET,
      ]);
      expect(code, stderr).to.equal(0);
      expect(seen.length).to.be.greaterThan(0);
      expect([...new Set(seen)]).to.deep.equal(["bob hunter2"]);
    } finally {
      await sink.close();
    }
  });

  describe("tables that are no events: exit 3, and untouched", () => {
    it("a view named events", async () => {
      const { database, url } = await newDatabase();
      await clickhouse(`CREATE VIEW ${database}.events AS SELECT 1 AS x`);
      expectErrors(await clickstorm(["--clickhouse-url", url, ...QUIET]), 3, [
        `${database}.events is a view (View): rows can only be inserted into a table`,
      ]);
    });

    it("an events with other columns: the missing ones are named", async () => {
      const { database, url } = await newDatabase();
      await clickhouse(
        `CREATE TABLE ${database}.events (timestamp DateTime64(3), country String) ENGINE = MergeTree ORDER BY tuple() ` +
          "AS SELECT now(), 'is'",
      );
      expectErrors(await clickstorm(["--clickhouse-url", url, ...QUIET]), 3, [
        `${database}.events is not the table of events clickstorm makes: it has no user_id, action, payload; ` +
          "--table events loads it as it is",
      ]);
      expect(await clickhouse(`SELECT country FROM ${database}.events`)).to.equal("is");
    });

    it("the seed's four columns alone work, and the ledger counts the difference", async () => {
      const { database, url } = await newDatabase();
      await clickhouse(
        `CREATE TABLE ${database}.events (${SEED_COLUMNS}, day Date DEFAULT timestamp, hour UInt8 MATERIALIZED toHour(timestamp)) ` +
          "ENGINE = MergeTree ORDER BY timestamp",
      );
      await clickhouse(`INSERT INTO ${database}.events (user_id) VALUES ('before')`);
      const { code, stdout } = await clickstorm(["--clickhouse-url", url, ...SHORT, ...QUIET]);
      expect(unwrapped(stdout)).to.include(
        "scheduled 20, acknowledged 20, landed 20, lost 0, duplicated 0 " +
          "(by the difference of count() before and after, which assumes no other writer)",
      );
      expect(code).to.equal(0);
      expect(
        await numberOf(`SELECT count() FROM ${database}.events WHERE user_id LIKE 'user-%' AND day = today()`),
      ).to.equal(20);
      expect(await numberOf(`SELECT count() FROM ${database}.events`)).to.equal(21);
    });

    it("a run id that the table holds: the second run of the same id sends nothing", async () => {
      const { database, url } = await newDatabase();
      const args = ["--clickhouse-url", url, "--run-id", "monday", ...SHORT, ...QUIET];
      await expectRows(await clickstorm(args), `${database}.events`, 20);
      expectErrors(await clickstorm(args), 3, [
        `${database}.events on ${serverUrl()} already holds rows of run monday: choose another --run-id`,
      ]);
      expect(await numberOf(`SELECT count() FROM ${database}.events`)).to.equal(20);
    });
  });

  describe("what is around", () => {
    it("a metrics port asked for and taken: exit 2, no row sent", async () => {
      const { database, url } = await newDatabase();
      const taken = await stranger(() => undefined, "::");
      try {
        const args = ["--clickhouse-url", url, "--metrics-port", String(taken.port), "--no-traces", ...SHORT];
        expectErrors(await clickstorm(args), 2, [
          `--metrics-port: port ${taken.port} is taken; give another --metrics-port (0: any free one) or --no-metrics`,
        ]);
        expect(await numberOf(`SELECT count() FROM system.tables WHERE database = '${database}'`)).to.equal(0);
      } finally {
        await taken.close();
      }
    });

    it("the default metrics port taken: one warning, and the run goes on", async () => {
      const { database, url } = await newDatabase();
      // Whoever has it already serves as well.
      const taken = await stranger(() => undefined, "::", 8080).catch(() => undefined);
      try {
        const ended = await clickstorm(["--clickhouse-url", url, "--no-traces", ...SHORT]);
        expect(ended.stderr).to.equal(
          "warning: no /metrics: port 8080 is taken; give another --metrics-port (0: any free one) or --no-metrics\n",
        );
        await expectRows(ended, `${database}.events`, 20);
      } finally {
        await taken?.close();
      }
    });

    it("no OTLP collector: exactly one warning, and the run goes on", async () => {
      const { database, url } = await newDatabase();
      const collector = `http://127.0.0.1:${await closedPort()}`;
      // Two workers have traces to send, each more than once.
      const args = ["--rate", "40", "--duration", "1", "--flush-interval", "50ms", "--workers", "2", "--no-metrics"];
      const ended = await clickstorm(["--clickhouse-url", url, "--otlp-endpoint", collector, ...args]);
      expect(ended.stderr.match(/warning/g)).to.have.length(1);
      expect(ended.stderr).to.match(
        new RegExp(
          `^warning: traces do not reach ${collector} \\(.*\\): the run goes on; --no-traces sends none$`,
          "m",
        ),
      );
      await expectRows(ended, `${database}.events`, 40);
    });

    it("batches too large for memory: exit 2, naming the --batch-rows that fits, and that does", async () => {
      const { url } = await newDatabase();
      const args = ["--rate", "max", "--clickhouse-url", url, "--run-id", "r", "--workers", "1"];
      const { code, stdout, stderr } = await clickstorm([...args, "--batch-rows", "1000000000", ...QUIET]);
      const match =
        /^error: --batch-rows is too large: 9 slots would need [\d.]+ GiB; (\d+) rows fit, or fewer --in-flight\n$/.exec(
          stderr,
        );
      expect(match, stderr).to.not.equal(null);
      expect(stdout).to.equal("");
      expect(code).to.equal(2);

      const fits = Number(match?.[1]);
      const plan = (batchRows: number) => {
        const raw = {
          rate: "max",
          "clickhouse-url": url,
          "run-id": "r",
          workers: "1",
          "batch-rows": String(batchRows),
        };
        const options = resolveRun(raw, {});
        return makePlan(options, blindTarget(options), options.endpoints, "test");
      };
      expect(plan(fits).workers.map(({ slots }) => slots)).to.deep.equal([9]);
      // Slots are rounded up, by less than two rows.
      expect(() => plan(fits + 2)).to.throw("--batch-rows is too large");
    });
  });

  it("serve on a taken port: exit 3", async () => {
    const { port, close } = await stranger(() => undefined);
    try {
      const ended = await clickstorm(["serve", "--port", String(port)]);
      expectError(ended, 3, `Port ${port} on 127.0.0.1 is taken`, /another --port/);
    } finally {
      await close();
    }
  });
});

/** ClickHouse 18.16 with all it writes in a temporary directory. */
async function startOld(binary: string): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const directory = mkdtempSync(join(tmpdir(), "clickstorm-old-"));
  const port = await closedPort();
  const users = join(directory, "users.xml");
  const config = join(directory, "config.xml");
  writeFileSync(
    users,
    `<yandex><profiles><default/></profiles><quotas><default/></quotas><users><default><password></password>
      <networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></default></users></yandex>`,
  );
  writeFileSync(
    config,
    `<yandex><logger><level>none</level><console>1</console></logger>
      <listen_host>127.0.0.1</listen_host><http_port>${port}</http_port>
      <path>${directory}/data/</path><tmp_path>${directory}/tmp/</tmp_path><users_config>${users}</users_config>
      <default_profile>default</default_profile><default_database>default</default_database>
      <mark_cache_size>1000000</mark_cache_size></yandex>`,
  );
  const child = spawn(binary, [`--config-file=${config}`], { cwd: directory, stdio: "ignore" });
  const gone = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const url = `http://127.0.0.1:${port}`;
  const stop = async (): Promise<void> => {
    child.kill("SIGKILL");
    await gone;
    rmSync(directory, { recursive: true, force: true });
  };
  const deadlineMs = performance.now() + 15_000;
  while (
    !(await fetch(`${url}/ping`).then(
      ({ ok }) => ok,
      () => false,
    ))
  ) {
    if (child.exitCode !== null || performance.now() > deadlineMs) {
      await stop();
      throw new Error("ClickHouse 18.16 did not start");
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return { url, stop };
}
