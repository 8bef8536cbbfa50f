// Places that are none, for whatever names a file: each fault of the system is one sentence that begins with the flag, or the
// file where there is none, and no stack trace. No server: all of it is told before one is asked.

import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { readConfig } from "../src/config.js";
import { RUN_FLAGS } from "../src/flags.js";
import { LedgerFile } from "../src/ledger/file.js";
import { resolveMerge } from "../src/merge/options.js";
import { readNamedFiles } from "../src/named-files.js";
import { OptionsError, resolveRun } from "../src/options.js";
import { lookedAt } from "../src/replay/before.js";
import { whyUnwritable, whyUnwritten } from "../src/report/place.js";
import { readReport } from "../src/report/read.js";
import { CLI } from "./support/cli.js";

const folder = mkdtempSync(join(tmpdir(), "clickstorm-places-"));
after(() => rmSync(folder, { recursive: true }));
const at = (...names: string[]): string => join(folder, ...names);

const told = async (work: () => unknown): Promise<readonly string[]> => {
  try {
    await work();
    return [];
  } catch (error) {
    if (error instanceof OptionsError) return error.problems;
    throw error;
  }
};

const HTTPS = { "clickhouse-url": "https://db:8443" };
const named = (flag: string) => async (path: string) => {
  const raw = { ...HTTPS, [flag]: path };
  const problems = await told(async () =>
    resolveRun(raw, {}, undefined, await readNamedFiles(RUN_FLAGS, raw, {}, undefined)),
  );
  // A certificate needs its key.
  return problems.filter((problem) => !problem.endsWith("as well"));
};

/** What is said of a file that something is read from, by how it is named there. */
const SOURCES: Readonly<Record<string, (path: string) => Promise<readonly string[]>>> = {
  "--config ": (path) => told(() => readConfig(path, RUN_FLAGS)),
  "--replay ": (path) => told(() => lookedAt({ file: path, zstdWindowBytes: 2 ** 23 })),
  "--password-file ": named("password-file"),
  "--tls-ca ": named("tls-ca"),
  "--tls-cert ": named("tls-cert"),
  "--tls-key ": named("tls-key"),
  // merge and compare.
  "": async (path) => {
    const reading = await readReport(path);
    return "problem" in reading ? [reading.problem] : [];
  },
};

/** And of one that is written to. */
const TARGETS: Readonly<Record<string, (path: string) => Promise<readonly string[]>>> = {
  "--report ": async (path) => [whyUnwritable("--report", path)].filter((why) => why !== undefined),
  "--ledger ": async (path) => [whyUnwritable("--ledger", path, true)].filter((why) => why !== undefined),
  "--out ": (path) => told(() => resolveMerge({ out: path }, {}, ["a.json"])),
};

const file = at("file");
writeFileSync(file, "");
mkdirSync(at("folder"));
symlinkSync("circle", at("circle"));
symlinkSync("nowhere/at/all", at("dangling"));
symlinkSync("/dev/zero", at("zero"));
execFileSync("mkfifo", [at("pipe")]);
const long = at("n".repeat(256));
const deep = at(`${"d/".repeat(2100)}file`);

describe("places of files", function () {
  this.timeout(60_000);
  const socket = createServer();
  before((done) => void socket.listen(at("socket"), done));
  after((done) => void socket.close(done));

  const NO_FILE = ": there is no such file";
  const BELOW = ": a part of its path is a file, not a folder";
  const CIRCLE = ": its symbolic links lead in a circle";
  const LONG = ": its name is too long";
  const faults: readonly (readonly [what: string, path: string, source: string, target: string])[] = [
    ["that is not there", at("none", "file"), NO_FILE, `: there is no folder ${at("none")}`],
    ["below a file", join(file, "file"), BELOW, BELOW],
    ["that is a link to itself", at("circle"), CIRCLE, CIRCLE],
    ["below a link to itself", at("circle", "file"), CIRCLE, CIRCLE],
    ["with a name of 256 letters", long, LONG, LONG],
    ["with a path of more than 4,096", deep, LONG, LONG],
    ["that is a folder", at("folder"), " is a folder, not a file", " is a folder, not a file"],
    ["that is a socket", at("socket"), " is a socket, not a file", " is a socket, not a file"],
    ["that is a link to nothing", at("dangling"), NO_FILE, `: there is no folder ${at("nowhere", "at")}`],
    ["with a NUL", at("a\0b"), ": its name holds a NUL character", ": its name holds a NUL character"],
    ["with a slash behind it", at("new/"), NO_FILE, " is the name of a folder, not of a file"],
  ];
  for (const [what, path, source, target] of faults) {
    for (const [flag, sentences] of [...Object.entries(SOURCES), ...Object.entries(TARGETS)]) {
      const expected = flag in SOURCES ? source : target;
      it(`${flag || "a report "}of a file ${what}: one sentence`, async () => {
        const rows =
          flag === "--replay " && expected.startsWith(" is a ") ? " of rows, which are read more than once" : "";
        // What is not there may be the secret itself, and is not shown.
        const isHidden = /^--(password-file|tls-key) $/.test(flag) && expected.startsWith(":");
        const place = isHidden ? flag.trim() : `${flag}${path}`;
        expect(await sentences(path)).to.deep.equal([`${place}${expected}${rows}`]);
      });
    }
  }

  for (const [flag, sentences] of Object.entries(SOURCES)) {
    it(`${flag || "a report "}of /dev/zero by a link: a device is no file, and is not read`, async () => {
      const rows = flag === "--replay " ? " of rows, which are read more than once" : "";
      expect(await sentences(at("zero"))).to.deep.equal([`${flag}${at("zero")} is a device, not a file${rows}`]);
    });
  }

  it("what can be written to: a new file, one below a link, a link to a new one, one that is there, which stays as it is", async () => {
    symlinkSync("folder", at("way"));
    symlinkSync("folder/new", at("link"));
    const there = at("there");
    writeFileSync(there, "kept");
    for (const path of [at("new"), at("way", "new"), at("link"), there, "/dev/null"]) {
      for (const [flag, sentences] of Object.entries(TARGETS)) {
        expect(await sentences(path), `${flag}${path}`).to.deep.equal([]);
      }
      expect(existsSync(path)).to.equal(path === there || path === "/dev/null");
    }
    expect(readFileSync(there, "utf8")).to.equal("kept");
    expect(await whyUnwritten("--report", at("link"), () => "{}")).to.equal(undefined);
    expect(readFileSync(at("folder", "new"), "utf8")).to.equal("{}");
  });

  describe("a program that is running cannot be written to", () => {
    let running: ChildProcess;
    const program = at("program");
    before(() => {
      copyFileSync("/bin/sleep", program);
      chmodSync(program, 0o755);
      running = spawn(program, ["60"]);
    });
    after(() => running.kill());
    for (const [flag, sentences] of Object.entries(TARGETS)) {
      it(`${flag}: told before the work`, async () => {
        expect(await sentences(program)).to.deep.equal([`${flag}${program}: it is a program that is running`]);
      });
    }
  });

  const isFull = existsSync("/dev/full");
  it(`${isFull ? "" : "SKIPPED, there is no /dev/full: "}a disk that is full is told at the end, of report and ledger`, async function () {
    if (!isFull) this.skip();
    expect(whyUnwritable("--report", "/dev/full")).to.equal(undefined);
    const sentence = "cannot be written: no space is left on the disk";
    expect(await whyUnwritten("--report", "/dev/full", () => "{}")).to.equal(`--report /dev/full ${sentence}`);
    const ledger = new LedgerFile("/dev/full");
    await ledger.begin();
    ledger.add({ number: 0, firstRow: 0, rows: 1 } as never, { fate: "failed" } as never);
    await ledger.close();
    expect(ledger.failure).to.equal(`--ledger /dev/full ${sentence}`);
  });

  describe("by the program: exit 2, one line, no stack trace", () => {
    const circle = at("circle");
    const REPORT = ["--report", circle];
    const rows: readonly (readonly [args: readonly string[], ...sentences: string[]])[] = [
      [["run", "--config", circle], `--config ${circle}${CIRCLE}`],
      [["run", "--blind", "--replay", circle], `--replay ${circle}${CIRCLE}`],
      [
        ["run", "--report", circle, "--ledger", at("circle", "file")],
        `--report ${circle}${CIRCLE}`,
        `--ledger ${at("circle", "file")}${CIRCLE}`,
      ],
      [["ladder", ...REPORT], `--report ${circle}${CIRCLE}`],
      [["max", ...REPORT], `--report ${circle}${CIRCLE}`],
      [["sample", "--password-file", circle], `--password-file${CIRCLE}`],
      [["serve", "--password-file", circle], `--password-file${CIRCLE}`],
      [["compare", circle, long], `${circle}${CIRCLE}`, `${long}${LONG}`],
      [["merge", circle, long, "--out", at("out")], `${circle}${CIRCLE}`, `${long}${LONG}`],
      [["merge", "a.json", "--out", circle], `--out ${circle}${CIRCLE}`],
      [
        [
          "run",
          "--tls-ca",
          circle,
          "--tls-cert",
          circle,
          "--tls-key",
          circle,
          "--clickhouse-url",
          "https://127.0.0.1:1",
        ],
        ...[`--tls-ca ${circle}`, `--tls-cert ${circle}`, "--tls-key"].map((named) => `${named}${CIRCLE}`),
      ],
      [["serve", "--path", join(file, "data")], `--path ${join(file, "data")}${BELOW}`],
      [["serve", "--path", circle], `--path ${circle}${CIRCLE}`],
      [["serve", "--path", file], `--path ${file} is a file, not a folder`],
      [["serve", "--path", at("pipe")], `--path ${at("pipe")} is a pipe, not a folder`],
    ];
    for (const [args, ...sentences] of rows) {
      it(`${args.join(" ").replaceAll(folder, "…").slice(0, 100)}`, async () => {
        expect(await ended(args)).to.deep.equal([2, sentences.map((sentence) => `error: ${sentence}\n`).join("")]);
      });
    }

    it("a name with line breaks, and what moves a cursor, is written out: one line", async () => {
      const forged = at("a\nerror: all is well\u001b[2J");
      const inert = `${at("a")}\\u000aerror: all is well\\u001b[2J`;
      expect(await ended(["run", "--config", forged])).to.deep.equal([2, `error: --config ${inert}${NO_FILE}\n`]);
      expect(await ended(["run", "--report", join(forged, "r")])).to.deep.equal([
        2,
        `error: --report ${inert}/r: there is no folder ${inert}\n`,
      ]);
      expect(await ended(["compare", forged, forged])).to.deep.equal([2, `error: ${inert}${NO_FILE}\n`.repeat(2)]);
    });

    it("an empty name is none, for each flag", async () => {
      const flags = ["report", "ledger", "replay", "password-file", "tls-ca", "tls-cert", "tls-key"];
      const [code, stderr] = await ended([
        "run",
        ...flags.flatMap((flag) => [`--${flag}`, ""]),
        ...["--clickhouse-url", "https://127.0.0.1:1"],
      ]);
      expect(code).to.equal(2);
      for (const flag of flags) expect(stderr).to.include(`error: --${flag} must be a file name, got nothing\n`);
      expect(await ended(["run", "--config", ""])).to.deep.equal([
        2,
        "error: --config must be a file name, got nothing\n",
      ]);
      expect((await ended(["serve", "--path", ""]))[1]).to.equal("error: --path must be a directory, got nothing\n");
    });

    it("what the run reads is not written over, by whatever name", async () => {
      const [rows, config, link] = [at("rows.ndjson"), at("rules.yaml"), at("other-name")];
      writeFileSync(rows, '{"n":1}\n');
      writeFileSync(config, "rate: 7\n");
      symlinkSync("rows.ndjson", link);
      const args = ["run", "--replay", rows, "--config", config, "--report", link, "--ledger", config];
      expect(await ended(args)).to.deep.equal([
        2,
        `error: --report ${link} is the file of --replay, which it would replace: name another\n` +
          `error: --ledger ${config} is the file of --config, which it would replace: name another\n`,
      ]);
      expect(await ended(["merge", rows, "--out", link])).to.deep.equal([
        2,
        `error: --out is ${link}, which is one of the reports to merge: name another file\n`,
      ]);
      expect(readFileSync(rows, "utf8")).to.equal('{"n":1}\n');
    });

    for (const command of ["ladder", "max"]) {
      it(`${command} does not write its report over the config file it runs by`, async () => {
        const config = at(`${command}.yaml`);
        writeFileSync(config, "seed: 7\n");
        const url = ["--clickhouse-url", "http://127.0.0.1:1"];
        expect(await ended([command, ...url, "--config", config, "--report", config])).to.deep.equal([
          2,
          `error: --report ${config} is the file of --config, which it would replace: name another\n`,
        ]);
        expect(readFileSync(config, "utf8")).to.equal("seed: 7\n");
      });
    }

    it("a NUL from a config file", async () => {
      const config = at("nul.yaml");
      writeFileSync(config, 'report: "a\\0b"\n');
      expect(await ended(["run", "--config", config])).to.deep.equal([
        2,
        "error: --report a\\u0000b: its name holds a NUL character\n",
      ]);
    });

    for (const [what, directory, why] of [
      ["that is not there", at("none"), "there is no such folder"],
      ["that is a file", file, "a part of its path is a file, not a folder"],
      ["that is a link to itself", circle, "its symbolic links lead in a circle"],
    ] as const) {
      it(`a TMPDIR ${what} is told by its name`, async () => {
        const [code, stderr] = await ended(["serve", "--port", "0"], { env: { ...process.env, TMPDIR: directory } });
        expect([code, stderr]).to.deep.equal([
          3,
          `error: No temporary directory for the embedded ClickHouse in ${directory}: ${why}. Set TMPDIR.\n`,
        ]);
      });
    }
  });

  describe("a user who may not", () => {
    const isRoot = process.getuid?.() === 0;
    const user = isRoot ? { uid: 65_534, gid: 65_534 } : {};
    const closed = at("closed");
    const canRun = ((): boolean => {
      try {
        execFileSync(process.execPath, [CLI, "--version"], { ...user, cwd: "/", stdio: "ignore" });
        return true;
      } catch {
        return false;
      }
    })();
    before(() => {
      mkdirSync(closed, 0o700);
      writeFileSync(join(closed, "file"), "", { mode: 0o600 });
      writeFileSync(at("mine"), "", { mode: isRoot ? 0o600 : 0o000 });
      mkdirSync(at("bare"), { mode: 0o555 });
      if (!isRoot) chmodSync(closed, 0);
      chmodSync(folder, 0o755);
    });
    after(() => void chmodSync(closed, 0o700));

    const hidden = join(closed, "file");
    const DENIED = ": permission denied";
    const rows: readonly (readonly [args: readonly string[], ...sentences: string[]])[] = [
      [["run", "--config", hidden], `--config ${hidden}${DENIED}`],
      [["run", "--config", at("mine")], `--config ${at("mine")}${DENIED}`],
      [["run", "--blind", "--replay", at("mine")], `--replay ${at("mine")}${DENIED}`],
      [["run", "--password-file", hidden], `--password-file${DENIED}`],
      [
        ["run", "--report", hidden, "--ledger", at("mine")],
        `--report ${hidden}${DENIED}`,
        `--ledger ${at("mine")}${DENIED}`,
      ],
      [["run", "--report", at("bare", "new")], `--report ${at("bare", "new")}${DENIED} in ${at("bare")}`],
      [["compare", hidden, at("mine")], `${hidden}${DENIED}`, `${at("mine")}${DENIED}`],
      [["merge", "a.json", "--out", at("bare", "new")], `--out ${at("bare", "new")}${DENIED} in ${at("bare")}`],
      [["serve", "--path", at("bare", "data")], `--path ${at("bare", "data")}${DENIED} in ${at("bare")}`],
      [["serve", "--path", closed], `--path ${closed}${DENIED}`],
    ];
    for (const [args, ...sentences] of rows) {
      const why = canRun ? "" : "SKIPPED, as no other user can read the program here: ";
      it(`${why}${args.join(" ").replaceAll(folder, "…")}: permission denied, exit 2`, async function () {
        if (!canRun) this.skip();
        expect(await ended(args, { ...user, cwd: "/" })).to.deep.equal([
          2,
          sentences.map((sentence) => `error: ${sentence}\n`).join(""),
        ]);
      });
    }
  });
});

/** The exit code and what was said on standard error; a program that hangs is ended, and has none. */
function ended(
  args: readonly string[],
  more: { readonly env?: NodeJS.ProcessEnv; readonly uid?: number; readonly gid?: number; readonly cwd?: string } = {},
): Promise<readonly [code: number | null | undefined, stderr: string]> {
  return new Promise((settle) => {
    const child = execFile(
      process.execPath,
      [CLI, ...args],
      { timeout: 50_000, killSignal: "SIGKILL", ...more },
      (_error, _stdout, stderr) => settle([child.exitCode, stderr]),
    );
  });
}
