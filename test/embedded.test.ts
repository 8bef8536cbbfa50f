// The embedded server against the real library: what it lets in, what it leaves behind, how it ends.
// Needs the development dependencies chdb and ffi-rs, and starts a server of about a second for most of its tests.

import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer, type Server } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { locateLibrary } from "../src/embedded/library.js";
import { EmbeddedError, type EmbeddedOptions, type EmbeddedServer, startEmbedded } from "../src/embedded/server.js";
import { type AskOptions, ask } from "./support/request.js";

async function refusal(options: Partial<EmbeddedOptions>): Promise<string> {
  try {
    const server = await startEmbedded({ login: "none", ...options });
    await server.stop();
  } catch (error) {
    expect(error).to.be.instanceOf(EmbeddedError);
    return (error as EmbeddedError).message;
  }
  throw new Error("it started");
}

/** A process that has ended but was not waited for by its new parent counts as gone. */
function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  const stat = `/proc/${pid}/stat`;
  return !existsSync(stat) || !readFileSync(stat, "utf8").includes(") Z ");
}

async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let waitedMs = 0; waitedMs < 10_000; waitedMs += 20) {
    if (await condition()) return;
    await sleep(20);
  }
  throw new Error(`not within 10 s: ${what}`);
}

describe("the embedded server", function () {
  this.timeout(30_000);

  const started: EmbeddedServer[] = [];
  async function start(options?: Partial<EmbeddedOptions>): Promise<EmbeddedServer> {
    const server = await startEmbedded({ login: "none", ...options });
    started.push(server);
    return server;
  }
  async function stopStarted(): Promise<void> {
    await Promise.all(started.splice(0).map((server) => server.stop()));
  }
  afterEach("stop what the test has started", stopStarted);

  describe("while it runs", () => {
    let server: EmbeddedServer;
    const select = async (sql: string) => (await ask(server.url, sql)).text;

    before(async () => {
      server = await startEmbedded({ login: "none" });
    });
    after(() => server.stop());

    it("is a ClickHouse 26 in which a request without a login is the user default", async () => {
      expect(server.url).to.equal(`http://127.0.0.1:${server.port}`);
      expect(await select("SELECT version(), currentUser()")).to.match(/^26\.\d+\.\S+\tdefault$/);
    });

    it("listens on 127.0.0.1 and on no other address", async function () {
      if (process.platform !== "linux") this.skip();
      const port = server.port.toString(16).toUpperCase().padStart(4, "0");
      const listeners = ["/proc/net/tcp", "/proc/net/tcp6"]
        .filter((file) => existsSync(file))
        .flatMap((file) => readFileSync(file, "utf8").split("\n"))
        .map((line) => line.trim().split(/\s+/))
        .filter((fields) => fields[1]?.endsWith(`:${port}`) && fields[3] === "0A")
        .map((fields) => fields[1]);
      expect(listeners).to.deep.equal([`0100007F:${port}`]);
    });

    const outside = Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .find(({ internal, family }) => !internal && family === "IPv4");
    const why = outside === undefined ? " (SKIPPED: this machine has no such address)" : "";
    it(`refuses a connection to an address other machines can reach${why}`, async function () {
      if (outside === undefined) this.skip();
      const error = await ask(`http://${outside.address}:${server.port}`, "SELECT 1").catch((cause) => cause);
      expect(error).to.have.property("code", "ECONNREFUSED");
    });

    it("runs eight queries of eight connections at the same time", async () => {
      const queries = Array.from({ length: 8 }, () => ask(server.url, "SELECT sleep(1), 'eight'"));
      expect((await Promise.all(queries)).map(({ status }) => status)).to.deep.equal(Array(8).fill(200));
      await select("SYSTEM FLUSH LOGS");
      const overlap = await select(`
        SELECT count(), max(query_start_time_microseconds) < min(event_time_microseconds) FROM system.query_log
        WHERE type = 'QueryFinish' AND query = 'SELECT sleep(1), \\'eight\\''`);
      expect(overlap).to.equal("8\t1");
    });

    it("merges the thirty parts of thirty inserts in the background", async () => {
      await select("CREATE TABLE thirty (n UInt64) ENGINE = MergeTree ORDER BY n");
      for (let n = 0; n < 30; n++) await select(`INSERT INTO thirty VALUES (${n})`);
      const merged = "SELECT count() < 15, sum(rows) FROM system.parts WHERE active AND table = 'thirty'";
      await until("fewer than 15 parts", async () => (await select(merged)) === "1\t30");
      expect(await select("SELECT count(), sum(n) FROM thirty")).to.equal("30\t435");
    });

    it("takes an insert with async_insert=1, but has no queue to hold it: the row is there at once", async () => {
      await select("CREATE TABLE at_once (n UInt64) ENGINE = MergeTree ORDER BY n");
      const parameters = { async_insert: "1", wait_for_async_insert: "0", async_insert_busy_timeout_min_ms: "60000" };
      const insert = await ask(server.url, "INSERT INTO at_once VALUES (1)", { parameters });
      expect(insert.status).to.equal(200);
      expect(await select("SELECT count() FROM at_once")).to.equal("1");
      expect(await select("SYSTEM FLUSH ASYNC INSERT QUEUE")).to.include("it is not initialized");
    });

    it("keeps the entry of a query id and the span of a trace, and no other log", async () => {
      const traceId = "0af7651916cd43dd8448eb211c80319c";
      await ask(server.url, "SELECT 42", {
        parameters: { query_id: "run-7-1" },
        headers: { traceparent: `00-${traceId}-b7ad6b7169203331-01` },
      });
      await select("SYSTEM FLUSH LOGS");
      const entries =
        "SELECT query, result_rows FROM system.query_log WHERE query_id = 'run-7-1' AND type = 'QueryFinish'";
      expect(await select(entries)).to.equal("SELECT 42\t1");
      const spans = `
        SELECT count() FROM system.opentelemetry_span_log WHERE attribute['clickhouse.query_id'] = 'run-7-1'
        AND replaceAll(toString(trace_id), '-', '') = '${traceId}'`;
      expect(await select(spans)).to.equal("1");
      const logs = "SELECT name FROM system.tables WHERE database = 'system' AND engine = 'MergeTree' ORDER BY name";
      expect((await select(logs)).split("\n")).to.deep.equal(["opentelemetry_span_log", "query_log"]);
    });

    it("has as many threads for merges as a stock server: 16, two tasks each", async () => {
      const size = "SELECT value FROM system.metrics WHERE metric = 'BackgroundMergesAndMutationsPoolSize'";
      expect(await select(size)).to.equal("32");
    });

    it("reads no file for a client: ACCESS_DENIED, code 497", async () => {
      const answer = await ask(server.url, "SELECT * FROM file('/etc/hosts', 'LineAsString')");
      expect(answer.code).to.equal("497");
    });
  });

  describe("at its end", () => {
    it("leaves neither process nor temporary directory after stop, which may be called twice", async () => {
      const server = await start();
      const home = dirname(server.path);
      expect(existsSync(server.path)).to.equal(true);
      await Promise.all([server.stop(), server.stop()]);
      expect(lives(server.pid)).to.equal(false);
      expect(existsSync(home)).to.equal(false);
      expect(await server.exited).to.equal(undefined);
    });

    it("says that it was not asked when somebody kills it, and leaves no temporary directory", async () => {
      const server = await start();
      process.kill(server.pid, "SIGKILL");
      expect(await server.exited).to.match(/not asked to stop but was ended by SIGKILL/);
      expect(existsSync(dirname(server.path))).to.equal(false);
      await server.stop();
    });

    it("outlives a Ctrl-C to the group of its parent, but not the parent: kill -9 ends it and its directory", async () => {
      const module = new URL("../src/embedded/server.js", import.meta.url).href;
      const program = `
        import { startEmbedded } from ${JSON.stringify(module)};
        process.on('SIGINT', () => console.log('interrupted'));
        const { pid, path, url } = await startEmbedded({ login: "none" });
        console.log(JSON.stringify({ pid, path, url }));`;
      const parent = spawn(process.execPath, ["--input-type=module", "--eval", program], {
        detached: true,
        stdio: ["ignore", "pipe", "inherit"],
      });
      let printed = "";
      parent.stdout.setEncoding("utf8").on("data", (text: string) => {
        printed += text;
      });
      await until("the parent has started a server", () => printed.includes("\n"));
      const server = JSON.parse(printed) as Pick<EmbeddedServer, "pid" | "path" | "url">;
      const group = parent.pid ?? 0;
      expect(group).to.be.greaterThan(0);

      process.kill(-group, "SIGINT");
      await until("the parent has seen the signal", () => printed.includes("interrupted"));
      expect((await ask(server.url, "SELECT 1")).text).to.equal("1");

      process.kill(group, "SIGKILL");
      await until("the server has ended", () => !lives(server.pid));
      expect(existsSync(dirname(server.path))).to.equal(false);
    });
  });

  describe("with a path of the user", () => {
    let directory: string;

    beforeEach(async () => {
      directory = await mkdtemp(join(tmpdir(), "clickstorm-test-"));
    });
    afterEach(async () => {
      await stopStarted();
      await rm(directory, { recursive: true, force: true });
    });

    it("makes it, keeps it, finds its rows again, and refuses a second server there meanwhile", async () => {
      const path = join(directory, "new", "data & <more>");
      const first = await start({ path });
      expect(first.path).to.equal(path);
      await ask(first.url, "CREATE TABLE kept (n UInt64) ENGINE = MergeTree ORDER BY n");
      await ask(first.url, "INSERT INTO kept SELECT number FROM numbers(1000)");
      const message = await refusal({ path });
      expect(message).to.include(`${path} is in use by another ClickHouse (process ${first.pid})`);
      await first.stop();

      const second = await start({ path });
      expect((await ask(second.url, "SELECT count(), sum(n) FROM kept")).text).to.equal("1000\t499500");
      await second.stop();
      expect(readdirSync(path)).to.include("store");
    });

    it("finds its rows again after a kill -9", async () => {
      const first = await start({ path: directory });
      await ask(first.url, "CREATE TABLE kept (n UInt64) ENGINE = MergeTree ORDER BY n");
      await ask(first.url, "INSERT INTO kept SELECT number FROM numbers(1000)");
      process.kill(first.pid, "SIGKILL");
      await first.exited;

      const second = await start({ path: directory });
      expect((await ask(second.url, "SELECT count(), sum(n) FROM kept")).text).to.equal("1000\t499500");
    });

    it("refuses a path that is a file", async () => {
      const path = join(directory, "file");
      await writeFile(path, "");
      expect(await refusal({ path })).to.equal(
        `--path ${path} cannot hold the data of the embedded ClickHouse: something else lies there. Give another path.`,
      );
    });
  });

  describe("with a user and a password", () => {
    const login = { user: "loader", password: 'p&<ss"word' };
    let server: EmbeddedServer;

    before(async () => {
      server = await startEmbedded({ login });
    });
    after(() => server.stop());

    it("lets the user in with the password, and answers 403 with code 516 to another password", async () => {
      expect((await ask(server.url, "SELECT currentUser()", login)).text).to.equal("loader");
      const wrong = await ask(server.url, "SELECT 1", { user: "loader", password: "wrong" });
      expect([wrong.status, wrong.code]).to.deep.equal([403, "516"]);
    });

    it("is closed to default, whatever it sends", async () => {
      const attempts: AskOptions[] = [
        {},
        { user: "default", password: "" },
        { parameters: { user: "default", session_id: "mine" } },
        { parameters: { profile: "default", max_sessions_for_user: "0" } },
      ];
      for (const attempt of attempts) expect((await ask(server.url, "SELECT 1", attempt)).status).to.equal(403);
      expect((await ask(server.url, "SELECT 1", { user: "default", password: "x" })).status).to.equal(403);
    });

    it("shows the password to nobody: not in the process list, not in a file, files for their owner alone", () => {
      const home = dirname(server.path);
      const files = ["config.xml", "users.xml", "config.d/extra.xml", "users.d/extra.xml"].map((name) =>
        join(home, name),
      );
      if (process.platform === "linux") files.push(`/proc/${server.pid}/cmdline`);
      for (const file of files) expect(readFileSync(file, "utf8")).to.not.match(/Zq|zQ/);
      expect(statSync(join(home, "users.xml")).mode & 0o777).to.equal(0o600);
      expect(statSync(home).mode & 0o777).to.equal(0o700);
    });
  });

  it("merges extra configuration in: a readonly user gets code 164, the third insert of a quota of two code 201", async () => {
    const server = await start({
      extraConfig: {
        configXml: "<display_name>elsewhere</display_name>",
        usersXml: `
          <profiles><looking><readonly>1</readonly></looking></profiles>
          <quotas><two><interval><duration>3600</duration><queries>2</queries></interval></two></quotas>
          <users>
            <reader><password/><profile>looking</profile></reader>
            <thrifty><password/><profile>default</profile><quota>two</quota></thrifty>
          </users>`,
      },
    });
    const create = "CREATE TABLE t (n UInt64) ENGINE = Memory";
    expect((await ask(server.url, create, { user: "reader" })).code).to.equal("164");
    expect((await ask(server.url, create)).code).to.equal(undefined);
    // Only queries that touch data count.
    const insert = () => ask(server.url, "INSERT INTO t VALUES (1)", { user: "thrifty" });
    const codes = [await insert(), await insert(), await insert()].map(({ code }) => code);
    expect(codes).to.deep.equal([undefined, undefined, "201"]);
    expect((await ask(server.url, "SELECT displayName(), count() FROM t")).text).to.match(/^elsewhere\t2$/);
  });

  describe("refuses", () => {
    it("a port that is taken, naming it, whether it is seen before the start or by the server itself", async () => {
      const owner = await new Promise<Server>((settle) => {
        const listening = createServer().listen(0, "127.0.0.1", () => settle(listening));
      });
      const { port } = owner.address() as AddressInfo;
      const sentence = `Port ${port} on 127.0.0.1 is taken: another program listens there. Pass another --port`;
      expect(await refusal({ port })).to.include(sentence);
      const unseen = { configXml: `<http_port>${port}</http_port>` };
      expect(await refusal({ extraConfig: unseen })).to.include(sentence);
      owner.close();
    });

    it("a port beyond 65535", async () => {
      expect(await refusal({ port: 65_536 }))
        .to.include("--port must be an integer from 0")
        .and.include("got 65536");
    });

    it("a password for default, which the library itself uses without one", async () => {
      const message = await refusal({ login: { user: "default", password: "secret" } });
      expect(message).to.include("cannot give its user default a password").and.include("another --user");
      expect(message).to.not.include("secret");
    });

    it("a user name that cannot stand in its configuration", async () => {
      expect(await refusal({ login: { user: "a b", password: "x" } })).to.include(
        "cannot have a user of that name: use letters",
      );
    });

    it("broken configuration, with what the library says, leaving nothing behind", async () => {
      const directory = await mkdtemp(join(tmpdir(), "clickstorm-test-"));
      const { TMPDIR } = process.env;
      process.env.TMPDIR = directory;
      try {
        const usersXml = "<users><x><password/><grants><query>NONSENSE</query></grants></x></users>";
        const message = await refusal({ extraConfig: { usersXml } });
        expect(message).to.match(/did not start\. Its last words:\n.*Failed to parse grant query.*NONSENSE/s);
        expect(readdirSync(directory)).to.deep.equal([]);
      } finally {
        if (TMPDIR === undefined) delete process.env.TMPDIR;
        else process.env.TMPDIR = TMPDIR;
        await rm(directory, { recursive: true });
      }
    });

    describe("to run where the library is not installed,", () => {
      const elsewhere = new URL("file:///nowhere/clickstorm/dist/src/embedded/library.js").href;
      const where = (platform: string, arch: string, glibc?: string) => () =>
        locateLibrary(elsewhere, () => ({ platform, arch, glibc }));

      it("saying what to install on Linux with glibc and on macOS", () => {
        expect(where("linux", "x64", "2.36")).to.throw(EmbeddedError, "run: npm install chdb@3 ffi-rs@1 (about 540 MB");
        expect(where("darwin", "arm64")).to.throw(EmbeddedError, "run: npm install chdb@3 ffi-rs@1");
      });

      it("saying that it does not exist for Linux with musl and for Windows", () => {
        expect(where("linux", "x64")).to.throw(EmbeddedError, "does not exist for Linux with musl (Alpine)");
        expect(where("win32", "x64")).to.throw(EmbeddedError, "does not exist for win32 on x64");
      });
    });
  });
});
