// Processes a benchmark starts: what they use, and that none of them is left behind, whatever ends the benchmark.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** What is still to be done when this process ends: nothing in it may wait. */
const remains = new Set<() => void>();

/** Once, before anything is started. */
export function cleanUpAtExit(): void {
  process.once("exit", () => {
    for (const end of remains) end();
  });
  // Without a handler a signal ends the process with no "exit".
  for (const [signal, number] of [
    ["SIGHUP", 1],
    ["SIGINT", 2],
    ["SIGTERM", 15],
  ] as const) {
    process.once(signal, () => process.exit(128 + number));
  }
}

/** A directory that is gone at the end. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "clickstorm-bench-"));
  remains.add(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export interface Child {
  readonly pid: number;
  /** Resolves with what it wrote to standard output when it ended as it should; rejects with its last words. */
  readonly ended: Promise<string>;
  /** Asks it to come to its end, by SIGTERM; resolves as `ended` does. */
  finish(): Promise<string>;
  /** Ends it at once, if it still runs, and waits for that. */
  kill(): Promise<void>;
}

/** What must not reach a program that is measured: settings of the person who runs the benchmark. */
function environment(more: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(NODE_OPTIONS|CLICKHOUSE_|CLICKSTORM_|OTEL_|EVENT_RATE$|INGESTION_DURATION$)/.test(name),
  );
  return { ...Object.fromEntries(own), ...more };
}

/** The exit code of a clickstorm that was asked to end, and whose rows are all accounted for. */
const DRAINED = 143;

/** Starts a program that is killed when it runs longer than `limitS`. */
export function start(
  command: string,
  commandLine: readonly string[],
  limitS: number,
  variables: NodeJS.ProcessEnv = {},
): Child {
  const child: ChildProcess = spawn(command, commandLine, {
    env: environment(variables),
    stdio: ["ignore", "pipe", "pipe"],
    timeout: limitS * 1000,
    killSignal: "SIGKILL",
  });
  const kill = (): void => void child.kill("SIGKILL");
  remains.add(kill);
  let asked = false;
  let out = "";
  let tail = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    out += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    tail = (tail + text).slice(-2000);
  });
  const ended = new Promise<string>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      remains.delete(kill);
      if (code === 0 || (asked && code === DRAINED)) resolve(out);
      else reject(new Error(`${command} ended with ${signal ?? `code ${code}`}:\n${tail.trim()}\n${out.trim()}`));
    });
  });
  // Whoever waits for it sees the error; nobody has to.
  ended.catch(() => undefined);
  return {
    pid: child.pid ?? 0,
    ended,
    finish() {
      asked = true;
      child.kill("SIGTERM");
      return ended;
    },
    async kill() {
      kill();
      await ended.catch(() => undefined);
    },
  };
}

/** Starts a script of this folder, compiled, in a Node of its own. */
export function startScript(name: string, commandLine: readonly string[], limitS: number): Child {
  return start(process.execPath, [fileURLToPath(new URL(name, import.meta.url)), ...commandLine], limitS);
}

const TICKS_PER_SECOND = 100;

/** CPU time of all threads of a process, user and system; undefined where there is no /proc. */
export function cpuSeconds(pid: number): number | undefined {
  const stat = readProc(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  // The name, in parentheses, may hold anything. After it: state, then user time as the 12th and system time as the 13th.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Memory of a process that is really there; undefined where there is no /proc. */
export function residentBytes(pid: number): number | undefined {
  const match = /^VmRSS:\s+(\d+) kB/m.exec(readProc(`/proc/${pid}/status`) ?? "");
  return match === null ? undefined : Number(match[1]) * 1024;
}

function readProc(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
