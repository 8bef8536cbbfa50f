// Attacks on the embedded server: by those who have no login, by the one who has it, by everybody where there is none, by
// another user of this machine, by a page in a browser. What would be harm is seen in a folder with a secret, in the server's
// query_log and at a socket, never in what the attacker hears alone.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { Agent, request } from "node:http";
import { type AddressInfo, createServer as createSocketServer, type Server as SocketServer } from "node:net";
import { release, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect } from "chai";
import { type EmbeddedServer, startEmbedded } from "../src/embedded/server.js";
import { attacks, Canary, FIXED } from "./support/attacks.js";
import { BROWSER, visit } from "./support/browser.js";
import { start } from "./support/cli.js";
import { ask } from "./support/request.js";

const LOGIN = { user: "loader", password: "Zq7-hunter2-Zq7" };
const NOBODY = 65_534;

const [major = 0, minor = 0] = process.platform === "linux" ? release().split(".").map(Number) : [];
const hasLandlock = major > 5 || (major === 5 && minor >= 19);
const onlyWithLandlock = hasLandlock ? "" : " (SKIPPED: that takes Linux 5.19)";
const isRoot = process.getuid?.() === 0;
describe("an attack on the embedded server", function () {
  this.timeout(60_000);

  const canary = new Canary();
  /** Nobody may come here. */
  let sink: SocketServer;
  let visits = 0;
  /** With a login, and open to all. */
  let closed: EmbeddedServer;
  let open: EmbeddedServer;

  before(async () => {
    sink = createSocketServer((socket) => {
      visits++;
      socket.destroy();
    });
    await new Promise<void>((resolve) => sink.listen(0, "127.0.0.1", resolve));
    process.env.ZQ7_TOKEN = canary.secret;
    [closed, open] = await Promise.all([startEmbedded({ login: LOGIN }), startEmbedded({ login: "none" })]);
    delete process.env.ZQ7_TOKEN;
  });
  after(async () => {
    sink.close();
    await Promise.all([closed.stop(), open.stop()]);
    canary.remove();
  });
  afterEach("no harm was done", () => {
    expect(canary.harm()).to.deep.equal([]);
    expect(visits).to.equal(0);
  });

  const sinkUrl = (): string => `http://127.0.0.1:${(sink.address() as AddressInfo).port}/x`;

  describe("by those who have no login", () => {
    const strangers = [
      ["nobody", {}, 403, undefined],
      ["default", { user: "default", password: "" }, 403, undefined],
      ["default by HTTP Basic", { headers: { Authorization: "Basic ZGVmYXVsdDo=" } }, 403, undefined],
      ["its user without a password", { user: LOGIN.user }, 403, "516"],
      ["its user with a wrong password", { user: LOGIN.user, password: "hunter2" }, 403, "516"],
    ] as const;
    for (const [name, login, status, code] of strangers) {
      it(`as ${name}: each of 40 is refused with ${code ?? status}`, async () => {
        const list = attacks(canary, sinkUrl());
        expect(list).to.have.length(40);
        for (const { name: attack, queries, parameters = {} } of list) {
          const answer = await ask(closed.url, queries[0] ?? "", { ...login, parameters });
          // Settings in the URL are looked at before the password.
          if (answer.code === FIXED) expect(Object.keys(parameters), attack).to.not.deep.equal([]);
          else expect([answer.status, answer.code], attack).to.deep.equal([status, code]);
        }
      });
    }

    const users = [{}, { user: "default" }, { user: LOGIN.user }, { user: "default", session_id: "mine" }];
    for (const parameters of users) {
      it(`by a URL with ${JSON.stringify(parameters)}, posted and got: 403, and who is let in`, async () => {
        const query = new URLSearchParams({ ...parameters, query: "SELECT 1" });
        for (const [method, path] of [
          ["POST", "/"],
          ["GET", "/"],
          ["GET", "/query"],
        ] as const) {
          const response = await fetch(`${closed.url}${path}?${query}`, { method, headers: { connection: "close" } });
          expect([response.status, await response.text()]).to.deep.equal([
            403,
            "This server lets in one user, by the headers X-ClickHouse-User and X-ClickHouse-Key or by HTTP Basic: `clickstorm serve` printed at its start who that is.\n",
          ]);
        }
      });
    }

    it("by names that are like its user's: 403", async () => {
      for (const user of ["", "default", "loade", "loaderr", "Loader", "loader "]) {
        const headers = { Authorization: `Basic ${Buffer.from(`${user}:`).toString("base64")}` };
        expect((await ask(closed.url, "SELECT 1", { user })).status, user).to.equal(403);
        expect((await ask(closed.url, "SELECT 1", { headers })).status, user).to.equal(403);
      }
      const headers = { Authorization: `Basic ${Buffer.from(`${LOGIN.user}:${LOGIN.password}`).toString("base64")}` };
      expect((await ask(closed.url, "SELECT currentUser()", { headers })).text).to.equal(LOGIN.user);
    });

    it("over a connection that was held when the server was stopped: never let in as the library's own user", async () => {
      for (let round = 0; round < 3; round++) {
        const server = await startEmbedded({ login: LOGIN });
        const agent = new Agent({ keepAlive: true, maxSockets: 1 });
        const held = (): Promise<string> =>
          new Promise((resolve) => {
            const post = request(server.url, { method: "POST", agent }, (response) => {
              response.resume().on("end", () => resolve(String(response.statusCode)));
            });
            post.on("error", () => resolve("closed"));
            post.end(`SELECT file('${canary.path("secret.txt")}')`);
          });
        const heard = [await held()];
        const stopped = server.stop();
        while (heard.at(-1) !== "closed") heard.push(await held());
        agent.destroy();
        await stopped;
        expect(new Set(heard)).to.deep.equal(new Set(["403", "closed"]));
      }
    });
  });

  describe("by whoever is let in", () => {
    const list = attacks(canary, "http://127.0.0.1:1/x");
    for (const [index, { name, code, byKernel }] of list.entries()) {
      const why = byKernel ? onlyWithLandlock : "";
      it(`${name}: refused with code ${code}, with a login and without${why}`, async function () {
        if (byKernel && !hasLandlock) this.skip();
        const attack = attacks(canary, sinkUrl())[index];
        for (const [server, login] of [
          [closed, LOGIN],
          [open, {}],
        ] as const) {
          const answers = [];
          for (const query of attack?.queries ?? []) {
            answers.push(await ask(server.url, query, { ...login, parameters: attack?.parameters ?? {} }));
          }
          expect(answers.at(-1)?.code, answers.at(-1)?.text).to.equal(code);
          for (const { text } of answers) expect(text).to.not.include(canary.secret);
        }
      });
    }

    it(`by way of /proc: neither the files nor the environment of the owner, nor other processes${onlyWithLandlock}`, async function () {
      if (!hasLandlock) this.skip();
      const read = (path: string) => ask(open.url, `SELECT file('${path}')`);
      expect((await read(`/proc/self/root${canary.path("secret.txt")}`)).code).to.equal("76");
      expect((await read(`/proc/${process.pid}/environ`)).code).to.equal("76");
      const own = await read("/proc/self/environ");
      expect(own.status).to.equal(200);
      expect(own.text).to.not.include(canary.secret).and.not.include("ZQ7_TOKEN");
    });

    it("can reach other files where the system has no Landlock, and is told so; nothing is told where it has", () => {
      const told = hasLandlock ? [] : ["this system does not let the server be shut out of your files"];
      for (const { notes } of [closed, open]) expect(notes.map((note) => note.split(" (")[0])).to.deep.equal(told);
    });

    it("may still do what loads and those who look at them do", async () => {
      const queries = [
        "CREATE DATABASE mine",
        "CREATE TABLE mine.t (n UInt64, s String) ENGINE = MergeTree ORDER BY n SETTINGS non_replicated_deduplication_window = 9",
        "CREATE TABLE mine.sums (n UInt64) ENGINE = SummingMergeTree ORDER BY tuple()",
        "CREATE MATERIALIZED VIEW mine.v TO mine.sums AS SELECT n FROM mine.t",
        "CREATE TABLE mine.b AS mine.t ENGINE = Buffer(mine, t, 1, 1, 1, 1, 1, 1, 1)",
        "CREATE TABLE mine.nothing AS mine.t ENGINE = Null",
        "INSERT INTO mine.t SELECT number, 'x' FROM numbers(1000)",
        "ALTER TABLE mine.t ADD COLUMN d DateTime DEFAULT now(), ADD INDEX i n TYPE minmax",
        "ALTER TABLE mine.t UPDATE s = 'y' WHERE n < 10 SETTINGS mutations_sync = 1",
        "OPTIMIZE TABLE mine.t FINAL",
        "SYSTEM STOP MERGES mine.t",
        "SYSTEM START MERGES mine.t",
        "SYSTEM FLUSH LOGS",
        "CREATE TEMPORARY TABLE z (n UInt8)",
        "SELECT count() FROM system.query_log",
        "KILL QUERY WHERE query_id = 'none'",
        "DROP TABLE mine.nothing SYNC",
      ];
      for (const query of queries) {
        const answer = await ask(closed.url, query, LOGIN);
        expect([answer.code, answer.status], `${query}: ${answer.text}`).to.deep.equal([undefined, 200]);
      }
      const sum = await ask(
        closed.url,
        "SELECT count(), sum(n), countIf(s = 'y'), (SELECT sum(n) FROM mine.sums) FROM mine.t",
        LOGIN,
      );
      expect(sum.text).to.equal("1000\t499500\t10\t499500");
    });
  });

  const whyNotRoot = isRoot ? "" : " (SKIPPED: only root can become another user)";
  describe(`by another user of this machine${whyNotRoot}`, () => {
    /** What a program of the other user prints, run in Node. */
    function asNobody(program: string, ...args: readonly string[]): string {
      const { stdout, stderr, status } = spawnSync(
        process.execPath,
        ["--input-type=module", "--eval", program, ...args],
        {
          uid: NOBODY,
          gid: NOBODY,
          cwd: "/",
          env: {},
          encoding: "utf8",
        },
      );
      expect(status, stderr).to.equal(0);
      return stdout.trim();
    }
    const READ = `
      import { readdirSync, readFileSync } from "node:fs";
      const look = (read) => { try { return read().toString(); } catch ({ code }) { return code; } };
      const [folders, files] = JSON.parse(process.argv[1]);
      console.log(JSON.stringify([...folders.map((path) => look(() => readdirSync(path))), ...files.map((path) => look(() => readFileSync(path)))]));`;

    it("home, data, configuration, port and environment cannot be read: EACCES for each", function () {
      if (!isRoot) this.skip();
      const home = dirname(closed.path);
      const folders = [home, closed.path, join(home, "users.d"), `/proc/${closed.pid}/fd`];
      const files = ["config.xml", "users.xml", "users.d/extra.xml", "port.txt", "data/status"].map((name) =>
        join(home, name),
      );
      files.push(`/proc/${closed.pid}/environ`);
      const heard = JSON.parse(asNobody(READ, JSON.stringify([folders, files])));
      expect(heard).to.deep.equal([...folders, ...files].map(() => "EACCES"));
    });

    it("serve --path: directories are 0700, files 0600, and the password is in no command line", async function () {
      if (!isRoot) this.skip();
      const folder = mkdtempSync(join(tmpdir(), "clickstorm-test-"));
      const path = join(folder, "data");
      const serving = start(["serve", "--port", "0", "--path", path]);
      let heard = "";
      serving.process.stderr?.on("data", (text: string) => (heard += text));
      try {
        await serving.said("CLICKHOUSE_PASSWORD=");
        const [, url = "", user = "", password = ""] =
          /CLICKHOUSE_URL=(\S+)\s+export CLICKHOUSE_USER=(\S+)\s+export CLICKHOUSE_PASSWORD=(\S+)/.exec(heard) ?? [];
        await ask(url, "CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n", { user, password });
        const insert = await ask(url, "INSERT INTO t SELECT number FROM numbers(10)", { user, password });
        expect(insert.status).to.equal(200);
        const wide = spawnSync("find", [path, "!", "-type", "l", "-perm", "/077"], { encoding: "utf8" }).stdout;
        expect(wide).to.equal("");
        const all = spawnSync("find", [path, "-type", "f", "-perm", "600", "-name", "*.sql"], {
          encoding: "utf8",
        }).stdout;
        expect(all).to.include(".sql");
        const commands = asNobody(
          `import { readdirSync, readFileSync } from "node:fs";
           const pids = readdirSync("/proc").filter((name) => /^\\d+$/.test(name));
           for (const pid of pids) try { console.log(readFileSync("/proc/" + pid + "/cmdline", "utf8")); } catch {}`,
        );
        expect(commands).to.include("serve").and.not.include(password);
        // From there, too, it is open to the password alone.
        const asking = `
          const [url, user, password] = process.argv.slice(1);
          const headers = { "X-ClickHouse-User": user, "X-ClickHouse-Key": password };
          console.log((await fetch(url, { method: "POST", headers, body: "SELECT 1" })).status)`;
        expect(asNobody(asking, url, "default", "")).to.equal("403");
        expect(asNobody(asking, url, user, "")).to.equal("403");
        expect(asNobody(asking, url, user, password)).to.equal("200");
      } finally {
        serving.process.kill("SIGTERM");
        await serving.ended;
        rmSync(folder, { recursive: true, force: true });
      }
    });
  });

  it("in the name of a page whose host leads to 127.0.0.1: 403 where there is no login", async () => {
    const Host = `rebound.example:${open.port}`;
    for (const header of [{ Origin: `http://${Host}` }, { "Accept-Language": "en" }, { "User-Agent": "Mozilla/5.0" }]) {
      expect((await ask(open.url, "SELECT 1", { headers: { Host, ...header } })).status).to.equal(403);
    }
    // A program, by a name of the user's own.
    expect((await ask(open.url, "SELECT 1", { headers: { Host } })).text).to.equal("1");
    for (const name of ["127.0.0.1:1", "localhost", `[::1]:${open.port}`, "db"]) {
      const headers = { Host: name, "Accept-Language": "en" };
      expect((await ask(open.url, "SELECT 1", { headers })).text, name).to.equal("1");
    }
  });

  it("by its page /webterminal, which runs a client: there is none", async () => {
    const { status } = await fetch(`${closed.url}/webterminal`, { headers: { connection: "close" } });
    expect(status).to.equal(403);
  });

  const whyNoBrowser = BROWSER === undefined ? " (SKIPPED: there is no chromium)" : "";
  it(`by a page in a browser, which posts 43 queries to each server, forms, images: none is run, no answer is read${whyNoBrowser}`, async function () {
    if (BROWSER === undefined) this.skip();
    this.timeout(180_000);
    const queries = attacks(canary, sinkUrl()).flatMap((attack) => attack.queries);
    const heard = await visit(BROWSER, pageThatAttacks(queries, [closed.url, open.url]));
    // By a no-cors request a page learns whether there was an answer, and nothing of it.
    expect(heard).to.deep.equal({ answered: 2 * 43, read: 0, forms: 2, images: 2 });
    for (const [server, login] of [
      [closed, LOGIN],
      [open, {}],
    ] as const) {
      await ask(server.url, "SYSTEM FLUSH LOGS", login);
      const run = "SELECT count() FROM system.query_log WHERE http_user_agent LIKE '%Mozilla%'";
      expect((await ask(server.url, run, login)).text).to.equal("0");
      expect((await ask(server.url, "EXISTS TABLE from_form", login)).text).to.equal("0");
    }
  });
});

/** Does to each server what any page can, and posts to its own how it went. */
function pageThatAttacks(queries: readonly string[], servers: readonly string[]): string {
  return `<!doctype html><meta charset="utf-8"><title>a page</title><body><script>
    const queries = ${JSON.stringify(queries).replaceAll("<", "\\u003c")};
    const servers = ${JSON.stringify(servers)};
    const heard = { answered: 0, read: 0, forms: 0, images: 0 };
    const create = "CREATE TABLE from_form (n UInt8) ENGINE = Memory";
    async function attack(server) {
      for (const body of queries) {
        const headers = { "content-type": "text/plain" };
        await fetch(server + "/", { method: "POST", mode: "no-cors", headers, body }).then(() => heard.answered++, () => 0);
      }
      await fetch(server + "/", { method: "POST", body: "SELECT 1" }).then(() => heard.read++, () => 0);
      await new Promise((resolve) => {
        const image = new Image();
        image.onload = image.onerror = () => { heard.images++; resolve(); };
        image.src = server + "/?query=" + encodeURIComponent("SELECT 'image'");
      });
      await new Promise((resolve) => {
        const frame = document.createElement("iframe");
        // Of one name, the form of one server would go to the frame of the other, and this one never load.
        frame.name = server;
        document.body.append(frame);
        const form = document.createElement("form");
        form.method = "POST";
        form.action = server + "/?query=" + encodeURIComponent(create);
        form.enctype = "text/plain";
        form.target = frame.name;
        const input = document.createElement("input");
        input.name = " ";
        form.append(input);
        document.body.append(form);
        frame.onload = () => { heard.forms++; resolve(); };
        form.submit();
      });
    }
    Promise.all(servers.map(attack)).then(() => fetch("/", { method: "POST", body: JSON.stringify(heard) }));
  </script>`;
}
