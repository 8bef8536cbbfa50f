// Runs the program as a user does: in a process of its own.

import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

export const CLI = fileURLToPath(new URL("../../src/start.js", import.meta.url));

export interface Ended {
  /** The exit code; null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly process: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Resolves when standard output or error has held the text. */
  said(text: string): Promise<void>;
}

/** No flag of the test's own environment reaches the program. */
function cleanEnvironment(more: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(CLICKSTORM_|CLICKHOUSE_|OTEL_|EVENT_RATE$|INGESTION_DURATION$|_$)/.test(name),
  );
  return { ...Object.fromEntries(kept), ...more };
}

export function start(args: readonly string[], environment: Readonly<Record<string, string>> = {}): Running {
  const child = spawn(process.execPath, [CLI, ...args], {
    env: cleanEnvironment(environment),
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  const watchers: (() => void)[] = [];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    for (const watcher of watchers) watcher();
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
    for (const watcher of watchers) watcher();
  });
  const ended = new Promise<Ended>((resolve) => {
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
  return {
    process: child,
    ended,
    said: (text) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (`${stdout}${stderr}`.includes(text)) resolve();
        };
        watchers.push(look);
        look();
        void ended.then(() => reject(new Error(`ended without saying ${text}: ${stdout}${stderr}`)));
      }),
  };
}

/** Runs to the end. */
export async function clickstorm(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  return start(args, environment).ended;
}

/** The summary with its broken lines put together again. */
export const unwrapped = (summary: string): string => summary.replace(/\n {13}(?! )/g, " ");
