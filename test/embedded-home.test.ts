// What an embedded server leaves behind and finds again: its data with --path, homes of those that were killed; and what a
// command does whose server dies.

import { spawn } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import fs from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { type EmbeddedServer, startEmbedded } from "../src/embedded/server.js";
import { start } from "./support/cli.js";
import { ask } from "./support/request.js";
import { until } from "./support/settle.js";

const modeOf = (path: string): string => (statSync(path).mode & 0o7777).toString(8);

describe("the embedded server's", function () {
  this.timeout(60_000);

  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "clickstorm-test-"));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  describe("data with a path", () => {
    const refusal = (path: string): Promise<string> =>
      startEmbedded({ login: "none", path }).then(
        (server) => server.stop().then(() => "it started"),
        (error: Error) => error.message,
      );

    it("logs of queries and spans: those of the second start are there, and those of the first still", async () => {
      const path = join(directory, "data");
      const counts = [];
      for (const run of ["one", "two"]) {
        const server = await startEmbedded({ login: "none", path });
        const traceparent = `00-0af7651916cd43dd8448eb211c80319${run === "one" ? 1 : 2}-b7ad6b7169203331-01`;
        await ask(server.url, "SELECT 42", { parameters: { query_id: `id-${run}` }, headers: { traceparent } });
        await ask(server.url, "SYSTEM FLUSH LOGS");
        counts.push(
          (
            await ask(
              server.url,
              `SELECT arraySort(groupUniqArray(query_id)), (SELECT arraySort(groupUniqArray(attribute['clickhouse.query_id']))
               FROM system.opentelemetry_span_log WHERE attribute['clickhouse.query_id'] LIKE 'id-%')
               FROM system.query_log WHERE query_id LIKE 'id-%'`,
            )
          ).text,
        );
        await server.stop();
      }
      expect(counts).to.deep.equal(["['id-one']\t['id-one']", "['id-one','id-two']\t['id-one','id-two']"]);
    });

    it("of a start that kept system in memory: its tables are left, moved aside, and the logs begin anew", async () => {
      const path = join(directory, "data");
      const first = await startEmbedded({ login: "none", path });
      await ask(first.url, "CREATE TABLE kept (n UInt64) ENGINE = MergeTree ORDER BY n");
      await ask(first.url, "INSERT INTO kept SELECT number FROM numbers(1000)");
      await first.stop();
      // As clickhouse-local leaves it: directories where an Atomic database has links, and no metadata of system.
      rmSync(join(path, "metadata", "system.sql"));
      rmSync(join(path, "metadata", "system"));
      rmSync(join(path, "data", "system"), { recursive: true });
      mkdirSync(join(path, "data", "system", "query_log"), { recursive: true });
      writeFileSync(join(path, "data", "system", "query_log", "format_version.txt"), "1");

      const second = await startEmbedded({ login: "none", path });
      await ask(second.url, "SYSTEM FLUSH LOGS");
      const answer = await ask(second.url, "SELECT sum(n), (SELECT count() > 0 FROM system.query_log) FROM kept");
      await second.stop();
      expect(answer.text).to.equal("499500\t1");
      const [aside = ""] = readdirSync(join(path, "data")).filter((name) => /^system\.\d+$/.test(name));
      expect(readFileSync(join(path, "data", aside, "query_log", "format_version.txt"), "utf8")).to.equal("1");
    });

    it("is 0700, all of it for its owner alone: a new directory, an empty one, one of an earlier server", async () => {
      const fresh = join(directory, "new", "data");
      const empty = join(directory, "empty");
      mkdirSync(empty);
      chmodSync(empty, 0o777);
      for (const path of [fresh, empty]) {
        const server = await startEmbedded({ login: "none", path });
        expect([modeOf(path), server.notes]).to.deep.equal(["700", []]);
        await server.stop();
      }
      expect(modeOf(dirname(fresh))).to.equal("700");
      chmodSync(fresh, 0o755);
      const again = await startEmbedded({ login: "none", path: fresh });
      await again.stop();
      expect(modeOf(fresh)).to.equal("700");
    });

    it("in a directory with other things: left as it is, and said", async () => {
      writeFileSync(join(directory, "notes.txt"), "mine");
      chmodSync(directory, 0o755);
      const server = await startEmbedded({ login: "none", path: directory });
      await server.stop();
      expect(modeOf(directory)).to.equal("755");
      expect(server.notes).to.deep.equal([
        `others may look into ${directory} (mode 755), though not into what this server writes: chmod 700 ${directory}`,
      ]);
      expect(modeOf(join(directory, "store"))).to.equal("700");
    });

    it("in a directory that others may write to, with tables that could be theirs: refused", async () => {
      mkdirSync(join(directory, "metadata"));
      chmodSync(directory, 0o775);
      expect(await refusal(directory)).to.include(
        `others may write to it (mode 775), and tables could be theirs; if none is: chmod 700 ${directory}`,
      );
      expect(readdirSync(directory)).to.deep.equal(["metadata"]);
    });

    const isRoot = process.getuid?.() === 0;
    it(`in a directory of another user: refused${isRoot ? "" : " (SKIPPED: only root can make one)"}`, async function () {
      if (!isRoot) this.skip();
      chownSync(directory, 65_534, 65_534);
      expect(await refusal(directory)).to.include("it belongs to another user (65534), who could put tables into it");
    });

    /** Lets somebody else be faster: `act` happens right before this path is made, or its rights are changed, for the first time. */
    async function refusedThough(call: "mkdir" | "chmod", path: string, act: () => void): Promise<string> {
      const real = fs[call] as (...args: unknown[]) => Promise<unknown>;
      let acts = 0;
      const slow = (...args: unknown[]): Promise<unknown> => {
        if (args[0] === path && acts++ === 0) act();
        return real(...args);
      };
      Object.assign(fs, { [call]: slow });
      syncBuiltinESMExports();
      try {
        return await refusal(path);
      } finally {
        Object.assign(fs, { [call]: real });
        syncBuiltinESMExports();
        expect(acts).to.be.greaterThan(0);
      }
    }

    it(`in a directory that was missing, and that another user makes first: refused${isRoot ? "" : " (SKIPPED: only root can play both)"}`, async function () {
      if (!isRoot) this.skip();
      const path = join(directory, "data");
      const message = await refusedThough("mkdir", path, () => {
        mkdirSync(path);
        chmodSync(path, 0o777);
        chownSync(path, 65_534, 65_534);
      });
      expect(message).to.include("it belongs to another user (65534), who could put tables into it");
      expect([modeOf(path), readdirSync(path)]).to.deep.equal(["777", []]);
    });

    it("in an empty directory of mode 777, into which something comes before that is 700: refused, now and at the next start", async () => {
      const path = join(directory, "data");
      mkdirSync(path);
      chmodSync(path, 0o777);
      const message = await refusedThough("chmod", path, () => mkdirSync(join(path, "metadata")));
      expect(message).to.include("others may write to it (mode 777), and something came into it just now");
      expect([modeOf(path), readdirSync(path)]).to.deep.equal(["777", ["metadata"]]);
      expect(await refusal(path)).to.include("others may write to it (mode 777), and tables could be theirs");
    });

    it("where a file lies in the place of its metadata: told of --path, not of the temporary home, which is not left", async () => {
      const path = join(directory, "data");
      mkdirSync(path);
      writeFileSync(join(path, "metadata"), "");
      const serving = start(["serve", "--port", "0", "--path", path], { TMPDIR: directory });
      const { code, stderr } = await serving.ended;
      expect([code, stderr]).to.deep.equal([
        3,
        `error: --path ${path} cannot hold the data of the embedded ClickHouse: ${join(path, "metadata")}: something else lies there. Give another path.\n`,
      ]);
      expect(readdirSync(directory)).to.deep.equal(["data"]);
    });
  });

  describe("home, left by a server that was killed with its parent,", () => {
    /** In `directory`, as TMPDIR; both are dead when it resolves. */
    function isThere(pid: number): boolean {
      try {
        return !/^.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
      } catch {
        return false;
      }
    }

    async function killedWithParent(): Promise<string> {
      const module = new URL("../src/embedded/server.js", import.meta.url).href;
      const program = `
        import { startEmbedded } from ${JSON.stringify(module)};
        const { pid, path } = await startEmbedded({ login: "none" });
        console.log(JSON.stringify({ pid, path }));`;
      const parent = spawn(process.execPath, ["--input-type=module", "--eval", program], {
        env: { ...process.env, TMPDIR: directory },
        stdio: ["ignore", "pipe", "inherit"],
      });
      const line = await new Promise<string>((resolve) => parent.stdout.setEncoding("utf8").once("data", resolve));
      const { pid, path }: { pid: number; path: string } = JSON.parse(line);
      const gone = new Promise((resolve) => parent.on("close", resolve));
      // Stopped first, or it would remove the home when its child ends; the child, or it would when its parent does.
      process.kill(parent.pid ?? 0, "SIGSTOP");
      process.kill(pid, "SIGKILL");
      parent.kill("SIGKILL");
      await gone;
      // A killed process that has much memory is there for a while yet; at its end it may be a zombie that nobody waits for.
      while (isThere(pid)) await sleep(20);
      return dirname(path);
    }

    async function startThere(): Promise<EmbeddedServer> {
      const { TMPDIR } = process.env;
      process.env.TMPDIR = directory;
      try {
        return await startEmbedded({ login: "none" });
      } finally {
        if (TMPDIR === undefined) delete process.env.TMPDIR;
        else process.env.TMPDIR = TMPDIR;
      }
    }

    it("is removed at the next start, and one that lives is not", async () => {
      const living = await startThere();
      const left = await killedWithParent();
      expect(readdirSync(left)).to.include("users.xml");
      const next = await startThere();
      try {
        expect(existsSync(left)).to.equal(false);
        expect((await ask(living.url, "SELECT 1")).text).to.equal("1");
        expect(readdirSync(directory).toSorted()).to.deep.equal(
          [living, next].map(({ path }) => dirname(path).slice(directory.length + 1)).toSorted(),
        );
      } finally {
        await Promise.all([living.stop(), next.stop()]);
      }
    });

    it("stays where it is not known to be one: a link, one of others, without a signature, of another machine or boot", async () => {
      const left = await killedWithParent();
      const signature = readFileSync(join(left, "starter"), "utf8");
      const [pid = "", began = ""] = signature.split("\n");
      const like = (name: string, text: string | undefined, mode = 0o700): string => {
        const home = join(directory, `clickstorm-embedded-${name}`);
        mkdirSync(home, { mode });
        if (text !== undefined) writeFileSync(join(home, "starter"), text);
        return home;
      };
      const outside = join(directory, "outside");
      renameSync(left, outside);
      symlinkSync(outside, join(directory, "clickstorm-embedded-linked"));
      const kept = [
        like("unsigned", undefined),
        like("empty1", ""),
        like("other1", `${pid}\n${began}\nanother machine\n`),
        like("others", signature, 0o755),
        ...(process.getuid?.() === 0 ? [like("strange", signature)] : []),
      ];
      if (process.getuid?.() === 0) chownSync(kept.at(-1) ?? "", 65_534, 65_534);
      // The same number, but another process: it began at another time.
      const reused = like("reused", signature.replace(/^.*\n.*\n/, `${process.pid}\n1\n`));
      await (await startThere()).stop();
      expect(kept.filter((home) => !existsSync(home))).to.deep.equal([]);
      expect(readdirSync(outside)).to.include("users.xml");
      expect(lstatSync(join(directory, "clickstorm-embedded-linked")).isSymbolicLink()).to.equal(true);
      expect(existsSync(reused)).to.equal(process.platform !== "linux");
    });

    const whyNotRoot = process.getuid?.() === 0 ? "" : " (SKIPPED: only root can make one)";
    it(`stays in a place of another user, who could put a link there; goes once the place is ours${whyNotRoot}`, async function () {
      if (process.getuid?.() !== 0) this.skip();
      const left = await killedWithParent();
      chownSync(directory, 65_534, 65_534);
      await (await startThere()).stop();
      expect([modeOf(directory), existsSync(left)]).to.deep.equal(["700", true]);
      chownSync(directory, 0, 0);
      await (await startThere()).stop();
      expect(existsSync(left)).to.equal(false);
    });
  });

  describe("files, where the system does not shut it out of the user's,", () => {
    // A process can be shut in only so many times, and here has been: the kernel refuses one more.
    const shutIn = `
      import { createRequire } from "node:module";
      const { open, load, DataType } = createRequire(${JSON.stringify(import.meta.url)})("ffi-rs");
      open({ library: "libc", path: "" });
      const call = (...values) => load({ library: "libc", funcName: "syscall", retType: DataType.I32,
        paramsType: values.map((value) => (typeof value === "number" ? DataType.I64 : DataType.U8Array)), paramsValue: values });
      // MAKE_CHAR alone, which nobody here needs. 157, on arm64 167: prctl, NO_NEW_PRIVS.
      const handled = Buffer.from([64, 0, 0, 0, 0, 0, 0, 0]);
      if (process.arch === "x64") call(157, 38, 1, 0, 0, 0); else call(167, 38, 1, 0, 0, 0);
      for (let layer = 0; layer < 64 && call(446, call(444, handled, 8, 0), 0) === 0; layer++);`;
    const environment = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(shutIn)}` };
    const why = process.platform === "linux" ? "" : " (SKIPPED: made by Linux's means)";
    for (const command of ["run", "ladder", "max", "serve"]) {
      it(`${command} says so before it begins${why}`, async function () {
        if (process.platform !== "linux") this.skip();
        const running = start(command === "serve" ? ["serve", "--port", "0"] : [command, "--embedded"], environment);
        await running.said(command === "serve" ? "CLICKHOUSE_PASSWORD=" : "embedded ClickHouse at ");
        // At the latest then it has been said.
        running.process.kill("SIGTERM");
        const { stderr } = await running.ended;
        expect(stderr.split("\n").filter((line) => line.startsWith("note: this system"))).to.deep.equal([
          "note: this system does not let the server be shut out of your files (that takes Linux 5.19 or newer with Landlock): whoever logs in to it can read those that you can read",
        ]);
      });
    }
  });

  describe("death ends at once", () => {
    const cases = [
      [
        "run --embedded --rate 100k --batch-rows 1000 --duration 10m --retries 100 --retry-for 10m --no-traces --metrics-port 0",
        /rows\/s/,
        1,
      ],
      ["max --embedded --from 1k --step 10m", /rows\/s/, 1],
      ["ladder --embedded --duration 10m", /rendering/, 3],
    ] as const;
    const why = process.platform === "linux" ? "" : " (SKIPPED: children are looked up in /proc)";
    for (const [line, when, code] of cases) {
      it(`clickstorm ${line}: exit ${code}, with the reason${why}`, async function () {
        if (process.platform !== "linux") this.skip();
        const running = start(line.split(" "), { TMPDIR: directory });
        let printed = "";
        for (const stream of [running.process.stdout, running.process.stderr]) {
          stream?.on("data", (text: string) => (printed += text));
        }
        await until(running, () => when.test(printed));
        const { pid } = running.process;
        const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").map(Number);
        expect(children).to.have.length(1);
        process.kill(children[0] ?? 0, "SIGKILL");
        const ended = await running.ended;
        const all = `${ended.stdout}${ended.stderr}`.replace(/\s+/g, " ");
        expect(ended.code, all).to.equal(code);
        expect(all).to.match(
          /(stopped|error): The embedded ClickHouse was not asked to stop but was ended by SIGKILL\./,
        );
        // Not a word of a scratch database that would be left, and no home.
        expect(all).to.not.include("DROP DATABASE");
        expect(readdirSync(directory)).to.deep.equal([]);
      });
    }
  });
});
