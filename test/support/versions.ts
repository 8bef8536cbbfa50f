// ClickHouse servers of other versions than the embedded one, for what differs between them. Linux x64 with Python 3.11 alone;
// elsewhere their tests are skipped, and say so in their names.

import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { nextPort } from "./ports.js";

/** 24 and 25 are whole servers; 26.9 is clickhouse-local with a listener: no queue of async inserts, no CREATE USER. */
export type Version = "24.5" | "24.8" | "25.5" | "25.8" | "26.9";

/** Those that the suite takes along each time: the oldest with JSON, a long-term release, and the newest. */
export const SUITE: readonly Version[] = ["24.8", "25.8", "26.9"];

// From dist/ to the sources: a script is not compiled.
const LAUNCHER = fileURLToPath(new URL("../../../test/support/servers/ch.py", import.meta.url));

/** The interpreter; undefined: there is none that can load the libraries. */
const PYTHON = ["python3.11", "python3"].find((name) => {
  try {
    return execFileSync(name, ["--version"], { encoding: "utf8", stdio: "pipe" }).startsWith("Python 3.11.");
  } catch {
    return false;
  }
});

const isHere = PYTHON !== undefined && process.platform === "linux" && process.arch === "x64";

export interface OtherServer {
  /** http://127.0.0.1:PORT */
  readonly url: string;
  /** The text of an answer to `default`; throws what the server says. */
  ask(sql: string): Promise<string>;
  stop(): Promise<void>;
}

export interface Configuration {
  /** Raw XML inside `<clickhouse>` of the server's configuration. */
  readonly extra?: string;
}

/** Long, since the library may have to be fetched first. */
const READY_TIMEOUT_MS = 300_000;
const POLL_MS = 100;

/** Throws what it printed when it does not answer. */
export async function startVersion(version: Version, { extra = "" }: Configuration = {}): Promise<OtherServer> {
  if (PYTHON === undefined) throw new Error("there is no Python 3.11");
  const directory = mkdtempSync(join(tmpdir(), `clickstorm-${version}-`));
  const port = await nextPort();
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(PYTHON, [LAUNCHER, version, directory, `--http=${port}`, `--extra=${extra}`], {
    stdio: ["pipe", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-4000);
  });
  child.stdin.on("error", () => undefined);
  let isGone = false;
  const gone = new Promise<void>((resolve) => {
    child.on("close", () => {
      isGone = true;
      resolve();
    });
  });
  const stop = async (): Promise<void> => {
    child.stdin.destroy();
    child.kill("SIGKILL");
    await gone;
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  };
  const deadlineMs = performance.now() + READY_TIMEOUT_MS;
  while (!(await answers(url))) {
    if (isGone || performance.now() > deadlineMs) {
      await stop();
      throw new Error(`ClickHouse ${version} does not answer:\n${said}`);
    }
    await sleep(POLL_MS);
  }
  return { url, ask: (sql) => ask(url, sql), stop };
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await (await fetch(`${url}/ping`)).text()) === "Ok.\n";
  } catch {
    return false;
  }
}

async function ask(url: string, sql: string): Promise<string> {
  const response = await fetch(url, { method: "POST", body: sql });
  const text = await response.text();
  if (!response.ok || response.headers.has("x-clickhouse-exception-code")) throw new Error(text);
  return text.trim();
}

/** Tests of one version with a server of their own; skipped where it cannot be started, which the name tells. */
export function describeOn(
  version: Version,
  tests: (server: () => OtherServer) => void,
  configuration: Configuration = {},
): void {
  if (!isHere) {
    describe.skip(`SKIPPED, as Python 3.11 on Linux x64 is not here: ClickHouse ${version}`, () => {
      tests(() => {
        throw new Error("skipped");
      });
    });
    return;
  }
  describe(`ClickHouse ${version}`, function () {
    this.timeout(READY_TIMEOUT_MS);
    let server: OtherServer;
    before(async () => {
      server = await startVersion(version, configuration);
    });
    after(() => server?.stop());
    tests(() => server);
  });
}
