// Pipes in place of files: read where a text is read once, written to where somebody reads, refused where a file is gone through
// again; nothing waits for ever. Real pipes, and no server but a sink.

import { execFileSync, spawn } from "node:child_process";
import {
  closeSync,
  constants,
  createWriteStream,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { RUN_FLAGS } from "../src/flags.js";
import { openSecrets, readNamedFiles, readText } from "../src/named-files.js";
import { resolveRun } from "../src/options.js";
import { whyUnwritable, whyUnwritten } from "../src/report/place.js";
import { parseReport } from "../src/report/read.js";
import { PATIENCE, readWhole } from "../src/whole-file.js";
import { settledWithin } from "./support/bounded.js";
import { CLI, clickstorm, start } from "./support/cli.js";
import { Sink } from "./support/sink.js";

const folder = mkdtempSync(join(tmpdir(), "clickstorm-pipes-"));
let pipes = 0;
function newPipe(): string {
  const path = join(folder, `pipe-${pipes++}`);
  execFileSync("mkfifo", [path]);
  return path;
}

const QUIET = ["--no-metrics", "--no-traces", "--duration", "200ms", "--rate", "100", "--drain", "1s"];
const NOWHERE = ["--blind", "--clickhouse-url", "http://127.0.0.1:1"];
/** Of tests in which nothing comes. */
const HASTE = { writerMs: 300, bytesMs: 600 };
/** Long for a test, short for a hang. */
const LIMIT_MS = 60_000;

/** What a shell says: with its standard output, as far as it goes. */
function shell(line: string, bash = false): Promise<readonly [code: number | null, stdout: string, stderr: string]> {
  return new Promise((settle) => {
    const child = spawn(bash ? "bash" : "sh", ["-c", line], { stdio: ["ignore", "pipe", "pipe"] });
    const texts = ["", ""];
    for (const [index, stream] of [child.stdout, child.stderr].entries()) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        texts[index] += text;
      });
    }
    const timer = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS);
    child.on("close", (code) => {
      clearTimeout(timer);
      settle([code, texts[0] ?? "", texts[1] ?? ""]);
    });
  });
}

/** The other end of a pipe, once somebody has opened it to read: before that, the system says that there is nobody. */
async function readerOf(path: string): Promise<number> {
  for (;;) {
    try {
      return openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch {
      await sleep(20);
    }
  }
}

const program = (...args: readonly string[]): string =>
  [process.execPath, CLI, ...args].map((word) => `'${word}'`).join(" ");

const hasBash = ((): boolean => {
  try {
    return execFileSync("bash", ["-c", "cat <(echo yes)"], { encoding: "utf8" }) === "yes\n";
  } catch {
    return false;
  }
})();
const BASH = hasBash ? "" : "SKIPPED, there is no bash here: ";

describe("pipes", function () {
  this.timeout(2 * LIMIT_MS);
  after(() => rmSync(folder, { recursive: true }));

  describe("a text that is read once", () => {
    const textOf = async (path: string, mostBytes: number, patience = PATIENCE): Promise<string> => {
      const read = await readWhole(path, mostBytes, undefined, patience);
      return "fault" in read ? `fault${read.fault}` : Buffer.from(read.bytes).toString();
    };

    it("whoever writes comes 100 ms later, in two pieces 300 ms apart: both", async () => {
      const path = newPipe();
      const reading = textOf(path, 100);
      await sleep(100);
      const writer = createWriteStream(path);
      writer.write("one ");
      await sleep(300);
      writer.end("two");
      expect(await reading).to.equal("one two");
    });

    it("300,000 bytes, more than a pipe holds: all of them", async () => {
      const path = newPipe();
      const text = "0123456789".repeat(30_000);
      createWriteStream(path).end(text);
      expect(await textOf(path, 300_000)).to.equal(text);
    });

    it("one byte more than may be, of a writer that never ends: refused", async () => {
      const path = newPipe();
      const writer = spawn("sh", ["-c", `cat /dev/zero > '${path}'`]);
      expect(await settledWithin(LIMIT_MS, textOf(path, 4096))).to.equal("fault is larger than 4096 bytes");
      writer.kill();
    });

    it("nobody writes: a sentence", async () => {
      const path = newPipe();
      expect(await settledWithin(LIMIT_MS, textOf(path, 100, HASTE))).to.equal("fault is a pipe that nobody writes to");
    });

    it("somebody has it open and writes nothing: a sentence", async () => {
      const path = newPipe();
      const writer = await open(path, "r+");
      expect(await settledWithin(LIMIT_MS, textOf(path, 100, HASTE))).to.equal(
        "fault is a pipe, and nothing came out of it for 0.6 s",
      );
      await writer.close();
    });

    it("a file that is read again by its name cannot be a pipe, with a writer or without", async () => {
      const path = newPipe();
      expect(readText(path, 100)).to.deep.equal({ fault: " is a pipe, not a file" });
      const writer = await open(path, "r+");
      expect(readText(path, 100)).to.deep.equal({ fault: " is a pipe, not a file" });
      await writer.close();
    });

    it("a password and a key from pipes; nobody is warned of who else may read them", async () => {
      const [password, key] = [newPipe(), newPipe()];
      createWriteStream(password).end("s3cret\n");
      createWriteStream(key).end("no key");
      const raw = { "password-file": password, "tls-key": key };
      const files = await readNamedFiles(RUN_FLAGS, raw, {}, undefined);
      expect(resolveRun({ "password-file": password }, {}, undefined, files).credentials.password).to.equal("s3cret");
      expect(files.get(key)).to.deep.equal({ text: "no key", mode: undefined });
      expect(openSecrets(RUN_FLAGS, raw, {}, undefined, files)).to.deep.equal([]);
    });

    it("SIGINT while --config waits for bytes: 130", async () => {
      const path = newPipe();
      const running = start(["--config", path]);
      const timer = setTimeout(() => running.process.kill("SIGKILL"), LIMIT_MS);
      const writer = await readerOf(path);
      running.process.kill("SIGINT");
      const { code, stderr } = await running.ended;
      clearTimeout(timer);
      closeSync(writer);
      expect([code, stderr]).to.deep.equal([130, ""]);
    });

    it("--config /dev/stdin, of a pipe: its problems, by their lines", async () => {
      const [code, , stderr] = await shell(`printf 'rate: 7\\nratte: 8\\n' | ${program("--config", "/dev/stdin")}`);
      expect([code, stderr]).to.deep.equal([2, "error: /dev/stdin:2: unknown option ratte: did you mean rate?\n"]);
    });

    it(`${BASH}--config <(…) and compare <(…) <(…)`, async function () {
      if (!hasBash) this.skip();
      const [code, , stderr] = await shell(`${program("--config")} <(echo 'ratte: 8')`, true);
      expect([code, stderr.replace(/\/dev\/fd\/\d+/, "FD")]).to.deep.equal([
        2,
        "error: FD:1: unknown option ratte: did you mean rate?\n",
      ]);
      const compared = await shell(`${program("compare")} <(echo '[]') <(echo '{}')`, true);
      expect([compared[0], compared[2].replaceAll(/\/dev\/fd\/\d+/g, "FD")]).to.deep.equal([
        2,
        'error: FD is not the report of a run: it has no "schema": "clickstorm/report/1"\n'.repeat(2),
      ]);
    });

    it("--config of a pipe that nobody writes to: exit 2 within the time of a test", async () => {
      const path = newPipe();
      expect(await settledWithin(LIMIT_MS, clickstorm(["--config", path]))).to.deep.equal({
        code: 2,
        stdout: "",
        stderr: `error: --config ${path} is a pipe that nobody writes to\n`,
      });
    });
  });

  describe("--replay goes through its file more than once", () => {
    for (const [what, begin] of [
      ["nobody writes to", () => undefined],
      ["somebody writes to", (path: string) => open(path, "r+")],
    ] as const) {
      it(`a pipe that ${what} is refused`, async () => {
        const path = newPipe();
        const writer = await begin(path);
        const { code, stderr } = await settledWithin(LIMIT_MS, clickstorm([...NOWHERE, "--replay", path]));
        await writer?.close();
        expect([code, stderr]).to.deep.equal([
          2,
          `error: --replay ${path} is a pipe, not a file of rows, which are read more than once\n`,
        ]);
      });
    }

    it("/dev/stdin is as good as the file it comes from: 20 rows of 3 lines, in turn", async () => {
      const file = join(folder, "rows.ndjson");
      writeFileSync(file, '{"n":0}\n{"n":1}\n{"n":2}\n');
      const sink = await Sink.open();
      const args = ["--blind", "--clickhouse-url", sink.url, "--replay", "/dev/stdin", ...QUIET, "--workers", "1"];
      const [code, , stderr] = await shell(`${program(...args)} < '${file}'`);
      const text = sink.received.map(({ body }) => body.toString()).join("");
      await sink.close();
      expect(code, stderr).to.equal(0);
      expect(text).to.equal(Array.from({ length: 20 }, (_, n) => `{"n":${n % 3}}\n`).join(""));
    });
  });

  describe("--report", () => {
    const reportOf = (text: string): unknown => {
      const reading = parseReport(text, "it");
      return "report" in reading ? reading.report.rows.scheduled : reading.problem;
    };

    it("into a pipe that somebody reads: the whole report, and its end once", async () => {
      const path = newPipe();
      const reading = shell(`cat '${path}'`);
      const { code } = await settledWithin(LIMIT_MS, clickstorm([...NOWHERE, ...QUIET, "--report", path]));
      const [, text] = await reading;
      // Nobody is there for the rows.
      expect([code, reportOf(text)]).to.deep.equal([1, 20]);
    });

    it("into a pipe that nobody reads: exit 2 before the run, for run, ladder, max and merge", async () => {
      const path = newPipe();
      const sentence = (flag: string): string => `error: ${flag} ${path} is a pipe that nobody reads from\n`;
      for (const command of ["run", "ladder", "max"]) {
        const ended = await settledWithin(LIMIT_MS, clickstorm([command, "--report", path]));
        expect(ended).to.deep.equal({ code: 2, stdout: "", stderr: sentence("--report") });
      }
      const merged = await settledWithin(LIMIT_MS, clickstorm(["merge", "a.json", "--out", path]));
      expect(merged).to.deep.equal({ code: 2, stdout: "", stderr: sentence("--out") });
    });

    it("of 1 MB to a reader who takes his time: all of it", async () => {
      const path = newPipe();
      const reader = await open(path, "r+");
      expect(whyUnwritable("--report", path)).to.equal(undefined);
      const text = "0123456789abcdef".repeat(65_536);
      const writing = whyUnwritten("--report", path, () => text);
      const pieces: Buffer[] = [];
      for (let bytes = 0; bytes < text.length; ) {
        await sleep(20);
        const { bytesRead, buffer } = await reader.read(Buffer.alloc(200_000), 0, 200_000);
        pieces.push(buffer.subarray(0, bytesRead));
        bytes += bytesRead;
      }
      expect(await writing).to.equal(undefined);
      await reader.close();
      expect(Buffer.concat(pieces).toString()).to.equal(text);
    });

    it("to a reader who goes away before: a sentence, no signal", async () => {
      const path = newPipe();
      const reader = await open(path, "r+");
      expect(whyUnwritable("--report", path)).to.equal(undefined);
      await reader.close();
      expect(await whyUnwritten("--report", path, () => "{}")).to.equal(
        `--report ${path} cannot be written: whoever read from it has gone`,
      );
    });

    it(`${BASH}>(…): what the command in it got`, async function () {
      if (!hasBash) this.skip();
      const copy = join(folder, "copy.json");
      const args = program(...NOWHERE, ...QUIET, "--report");
      // The shell does not wait for it: the copy is whole once it has its name.
      const [code] = await shell(
        `${args} >(cat > '${copy}.part'; mv '${copy}.part' '${copy}'); code=$?; while [ ! -e '${copy}' ]; do sleep 0.1; done; exit $code`,
        true,
      );
      expect([code, reportOf(readFileSync(copy, "utf8"))]).to.deep.equal([1, 20]);
    });

    for (const [what, line] of [
      ["a pipe", (args: string) => `${args} 2>/dev/null | cat`],
      [
        "a file, of which nothing is lost",
        (args: string) => `${args} 2>/dev/null > '${folder}/both'; cat '${folder}/both'`,
      ],
      ["what the program was started with", (args: string) => `exec ${args} 2>/dev/null`],
    ] as const) {
      it(`/dev/stdout, which is ${what}: the report, and then the summary`, async () => {
        const [, text] = await shell(line(program(...NOWHERE, ...QUIET, "--report", "/dev/stdout")));
        const end = text.indexOf("\n}\n") + 3;
        expect(reportOf(text.slice(0, end))).to.equal(20);
        expect(text.slice(end)).to.match(/^run [0-9a-f]+ /);
      });
    }
  });

  describe("--ledger is begun anew each time the table is looked at", () => {
    it("a pipe is refused, whether somebody reads or not; so is where standard output goes", async () => {
      const path = newPipe();
      const refused = (name: string): string =>
        `--ledger ${name} is a pipe: it is begun anew each time the table is looked at, so it must be a file`;
      expect(whyUnwritable("--ledger", path, true)).to.equal(refused(path));
      const reader = await open(path, "r+");
      expect(whyUnwritable("--ledger", path, true)).to.equal(refused(path));
      await reader.close();
      const args = program("--clickhouse-url", "http://127.0.0.1:1", "--ledger", "/dev/stdout");
      const [code, , stderr] = await shell(`${args} > '${folder}/mixed'`);
      expect([code, stderr]).to.deep.equal([
        2,
        "error: --ledger /dev/stdout is where other text goes: name another file\n",
      ]);
    });
  });
});
