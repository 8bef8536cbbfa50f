// What the system does not let the program do: no files left, no threads, no folder, no loopback, no memory. Each is a sentence that
// says what to do, and never a stack trace. Real processes under real limits; what needs root or a tool that is not there is skipped.

import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { faultText, systemSentence } from "../src/faults.js";
import type { Report } from "../src/report/schema.js";
import { CLI, type Ended, start } from "./support/cli.js";
import { Sink } from "./support/sink.js";
import { webServer } from "./support/strangers.js";

const QUIET = ["--no-traces", "--no-metrics"];
/** Nobody listens there. */
const NOBODY = ["--blind", "--clickhouse-url", "http://127.0.0.1:1"];
const SHORT = ["--rate", "100", "--duration", "0.2", ...QUIET];

const works = (command: string, ...args: string[]): boolean => spawnSync(command, args).status === 0;
const skipped = (can: boolean, lacking: string): string => (can ? "" : ` (SKIPPED: ${lacking})`);

/** The program, started by a line of shell in which it is "$@". */
async function within(line: string, args: readonly string[], wrapper: readonly string[] = []): Promise<Ended> {
  const words = [...wrapper, "sh", "-c", line, "sh", process.execPath, CLI, ...args];
  const child = spawn(words[0] ?? "", words.slice(1), { stdio: ["ignore", "pipe", "pipe"] });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { code, stdout, stderr };
}

describe("what the system does not let happen", function () {
  this.timeout(180_000);

  const folder = mkdtempSync(join(tmpdir(), "clickstorm-limits-"));
  after(() => rmSync(folder, { recursive: true }));

  describe("a working directory that is not there any more", () => {
    const GONE = "error: the folder this was started in is not there any more: cd to one that is\n";
    for (const args of [
      ["run", ...NOBODY, ...SHORT, "--report", "r.json"],
      ["run", ...NOBODY, ...SHORT, "--ledger", "l.json", "--config", "c.yaml"],
      ["sample", "--blind", "--rows", "1"],
      ["ladder", "--clickhouse-url", "http://127.0.0.1:1"],
      ["max", "--clickhouse-url", "http://127.0.0.1:1"],
      ["serve", "--path", "data", "--port", "0"],
      ["compare", "a.json", "b.json"],
      ["merge", "a.json", "--out", "o.json"],
    ]) {
      it(`${args[0]}: exit 2 and that sentence alone`, async () => {
        const gone = join(folder, `gone-${args[0]}-${args.length}`);
        const ended = await within(`mkdir ${gone} && cd ${gone} && rmdir ${gone} && exec "$@"`, args);
        expect(ended).to.deep.equal({ code: 2, stdout: "", stderr: GONE });
      });
    }

    it("--help and --version need none", async () => {
      const gone = join(folder, "gone-help");
      for (const flag of ["--help", "--version"]) {
        const { code, stdout, stderr } = await within(`mkdir ${gone} && cd ${gone} && rmdir ${gone} && exec "$@"`, [
          flag,
        ]);
        expect([code, stderr, stdout.startsWith("clickstorm ")]).to.deep.equal([0, "", true]);
      }
    });
  });

  describe("too many open files", () => {
    for (const files of [24, 40, 64]) {
      it(`with ulimit -n ${files} the program cannot be loaded: exit 1, and what to raise`, async () => {
        expect(await within(`ulimit -n ${files}; exec "$@"`, ["run", ...NOBODY, ...SHORT])).to.deep.equal({
          code: 1,
          stdout: "",
          stderr:
            "error: this process has as many files and connections open as it may (EMFILE): ulimit -n 1024 allows more\n",
        });
      });
    }

    const canLimit = works("prlimit", "--version");
    it(`inserts that get no socket are failed, too_many_open_files, by the generator: none left, and none is unknown${skipped(canLimit, "there is no prlimit")}`, async function () {
      if (!canLimit) this.skip();
      const sink = await Sink.open();
      const report = join(folder, "files.json");
      const startAt = new Date(Math.ceil(Date.now() / 1000) * 1000 + 30_000).toISOString();
      const running = start([
        ...["run", "--blind", "--clickhouse-url", sink.url, "--start-at", startAt, "--seed", "1", "--run-id", "files"],
        ...["--rate", "100", "--duration", "1", "--batch-rows", "10", "--in-flight", "4", ...QUIET, "--report", report],
      ]);
      await running.said("ready: starts at");
      // Up to the first number that is free: not one more.
      const open = new Set(readdirSync(`/proc/${running.process.pid}/fd`).map(Number));
      const free = [...open, 0].map((fd) => fd + 1).filter((fd) => !open.has(fd));
      const files = Math.min(...free);
      expect(works("prlimit", "--pid", String(running.process.pid), `--nofile=${files}:${files}`)).to.equal(true);
      const { code, stdout, stderr } = await running.ended;
      await sink.close();
      expect(code, stderr).to.equal(1);
      const { rows, errors }: Report = JSON.parse(readFileSync(report, "utf8"));
      expect([rows.generated, rows.failed, rows.unknown, rows.unsent, sink.received.length]).to.deep.equal([
        ...[100, 100, 0, 0, 0],
      ]);
      expect(errors.map(({ code, inserts, rows }) => [code, inserts, rows])).to.deep.equal([
        ["too_many_open_files", 10, 100],
      ]);
      expect(errors[0]?.first).to.include("ulimit -n allows more");
      expect(stdout).to.not.include("unreachable");
    });

    it(`a pre-flight that gets no socket for its second question: exit 3, and the server is not called unreachable${skipped(canLimit, "there is no prlimit")}`, async function () {
      if (!canLimit) this.skip();
      let asked = 0;
      const server = await webServer((request, response) => {
        asked++;
        request.resume();
        // Nothing that is not open already can be opened from here on.
        const { pid } = running.process;
        expect(works("prlimit", "--pid", String(pid), "--nofile=3:3")).to.equal(true);
        response.end("26.7.1.1\n");
      });
      const running = start(["run", "--clickhouse-url", server.url, ...SHORT]);
      const ended = await running.ended;
      await server.close();
      expect([ended, asked]).to.deep.equal([
        {
          code: 3,
          stdout: "",
          stderr: `error: cannot ask ClickHouse at ${server.url}: this process has as many files and connections open as it may: ulimit -n allows more\n`,
        },
        1,
      ]);
    });
  });

  const canBeAnother = process.getuid?.() === 0 && works("setpriv", "--version") && works("prlimit", "--version");
  it(`no threads left: exit 2, how many workers there were to be, and what needs fewer${skipped(canBeAnother, "it takes root, setpriv and prlimit")}`, async function () {
    if (!canBeAnother) this.skip();
    // Of a user who has no other process; Node itself starts ten threads or so, and dies without a word where it cannot.
    const other = ["setpriv", "--reuid=54377", "--regid=65534", "--clear-groups"];
    const args = ["run", ...NOBODY, ...SHORT, "--workers", "64", "--in-flight", "64"];
    const { code, stdout, stderr } = await within('exec "$@"', args, [...other, "prlimit", "--nproc=40"]);
    if (/EACCES|permission denied|Cannot find module/i.test(stderr)) this.skip();
    expect([code, stdout, stderr]).to.deep.equal([
      2,
      "",
      "error: 64 worker threads cannot be started: the system lets this user start no more threads or processes: " +
        "fewer --workers need fewer, and ulimit -u (in a container its pids limit) raises that\n",
    ]);
  });

  const canUnshare = process.getuid?.() === 0 && works("unshare", "-n", "true") && works("ip", "-V");
  describe(`no 127.0.0.1${skipped(canUnshare, "it takes root, unshare and ip")}`, () => {
    before(function () {
      if (!canUnshare) this.skip();
    });
    for (const [what, prepare, code] of [
      ["a loopback interface that is down", "true", "ENETUNREACH"],
      [
        "a loopback interface without that address",
        "ip link set lo up; ip addr del 127.0.0.1/8 dev lo",
        "EADDRNOTAVAIL",
      ],
    ] as const) {
      it(`${what}: --embedded says so, exit 3`, async () => {
        for (const args of [
          ["run", "--embedded", ...SHORT],
          ["ladder", "--embedded"],
          ["serve", "--port", "0"],
        ]) {
          expect(await within(`${prepare}; exec "$@"`, args, ["unshare", "-n"])).to.deep.equal({
            code: 3,
            stdout: "",
            stderr: `error: The embedded ClickHouse needs 127.0.0.1, and this machine does not talk to itself there (${code}): is the loopback interface up (ip link set lo up)?\n`,
          });
        }
      });

      it(`${what}: a run to another machine goes on without its rehearsal: 20 rows are failed, none unsent`, async () => {
        const report = join(folder, `${code}.json`);
        const args = ["run", "--blind", "--clickhouse-url", "http://192.0.2.1:1", ...SHORT, "--report", report];
        const { code: exit, stderr } = await within(`${prepare}; exec "$@"`, args, ["unshare", "-n"]);
        expect([exit, stderr.includes("    at ")], stderr).to.deep.equal([1, false]);
        const { rows, errors }: Report = JSON.parse(readFileSync(report, "utf8"));
        expect([rows.failed, rows.unsent, errors[0]?.code]).to.deep.equal([20, 0, "host_unreachable"]);
      });
    }
  });

  describe("sentences of errors nobody expected", () => {
    const error = (message: string, fields: object = {}): Error => Object.assign(new Error(message), fields);
    const table: readonly (readonly [what: string, error: Error, sentence: RegExp | undefined])[] = [
      ["EMFILE", error("x", { code: "EMFILE", syscall: "open" }), /ulimit -n/],
      ["a thread that Node says EAGAIN of", error("EAGAIN"), /--workers.*ulimit -u/],
      [
        "ERR_WORKER_INIT_FAILED",
        error("Worker initialization failure", { code: "ERR_WORKER_INIT_FAILED" }),
        /--workers/,
      ],
      ["ERR_WORKER_OUT_OF_MEMORY", error("x", { code: "ERR_WORKER_OUT_OF_MEMORY" }), /memory.*--batch-rows/],
      ["wasm without memory", new RangeError("WebAssembly.Memory(): could not allocate memory"), /memory.*--workers/],
      ["an array without memory", new RangeError("Array buffer allocation failed"), /memory/],
      [
        "a full disk",
        error("ENOSPC: no space left on device, write", { code: "ENOSPC", syscall: "write" }),
        /^the system says no: ENOSPC: no space left on device, write$/,
      ],
      [
        "a package that is missing",
        error("Cannot find package 'undici'\nmore", { code: "ERR_MODULE_NOT_FOUND" }),
        /^this installation .* install it anew: Cannot find package 'undici'$/,
      ],
      ["a fault of the program", new TypeError("x is not a function"), undefined],
      ["no error at all", "x" as unknown as Error, undefined],
    ];
    for (const [what, thrown, sentence] of table) {
      it(`${what}: ${sentence === undefined ? "none" : sentence.source}`, () => {
        const said = systemSentence(thrown);
        if (sentence === undefined) expect(said).to.equal(undefined);
        else expect(said).to.match(sentence);
      });
    }

    it("a fault of the program is called one, with version, system and stack, and without a login in it", () => {
      const text = faultText(new TypeError("cannot ask http://u:hunter2@db:8123"), "1.2.3");
      const [said, about, first, place] = text.split("\n");
      expect(said).to.match(/^this is a fault of clickstorm, .* Please report it/);
      expect(about).to.equal(`clickstorm 1.2.3, Node ${process.versions.node}, ${process.platform} ${process.arch}`);
      expect(first).to.equal("TypeError: cannot ask http://***@db:8123");
      expect(place).to.match(/^ {4}at .*system-limits/);
    });
  });
});
