// The embedded ClickHouse server, from outside: starts it as a child process, waits until it answers, stops it.
// Called by the commands with --embedded, `serve`, the benchmarks and the tests. Never loads the library in this process.

import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { get } from "node:http";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { chooseData } from "./data.js";
import { EmbeddedError } from "./error.js";
import { type ExtraConfig, type Home, isConfined, makeHome, readPort, removeHome } from "./home.js";
import { type Library, locateLibrary } from "./library.js";
import { completeLogin, type Login } from "./login.js";
import { checkLoopback } from "./loopback.js";

export { EmbeddedError, type ExtraConfig };

export interface EmbeddedOptions {
  /** Default 0: the system chooses. */
  readonly port?: number;
  /** Where the data live; made if missing, never removed. Default: a temporary directory, removed at the end. */
  readonly path?: string;
  /** Who may use it, and nobody else; `none`: as `default`, everybody on this machine. Never left to a default. */
  readonly login: Login | "none";
  readonly extraConfig?: ExtraConfig;
}

export interface EmbeddedServer {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  readonly port: number;
  /** The data directory. */
  readonly path: string;
  readonly pid: number;
  /** What its user should know, in sentences. */
  readonly notes: readonly string[];
  /** Aborted when it ends without being asked to, with an EmbeddedError as its reason. */
  readonly died: AbortSignal;
  /** To be asked after a failure: whether it was that. A connection breaks some moments before it is known why. */
  throwIfDied(): Promise<void>;
  /** Resolves when the server process is gone, with a sentence if it was not asked to stop. Never rejects. */
  readonly exited: Promise<string | undefined>;
  /**
   * Asks it to shut down and waits for the end. May be called again. The server waits about 5 s for queries that still
   * run and for connections a client keeps open: close those first.
   */
  stop(): Promise<void>;
}

const HOST = "127.0.0.1";
const READY_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 20_000;
const DEATH_SHOWS_MS = 1000;
const POLL_MS = 10;
// While the library's session lasts, nobody else can be its user: the port is shut before it ends.
const FAREWELL = "SYSTEM STOP LISTEN HTTP;\n";
const TAIL_LINES = 20;
const TAIL_CHARACTERS = 16_384;

const UNCONFINED =
  "this system does not let the server be shut out of your files (that takes Linux 5.19 or newer with Landlock): " +
  "whoever logs in to it can read those that you can read";

/** Throws EmbeddedError, and then leaves no process and no temporary directory behind. */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedServer> {
  const { port: wantedPort = 0, extraConfig = {} } = options;
  const login = options.login === "none" ? undefined : completeLogin(options.login);
  const library = locateLibrary();
  await checkLoopback();
  await checkPort(wantedPort);
  const data = options.path === undefined ? undefined : await chooseData(options.path);

  const home = await makeHome({ port: wantedPort, login, dataPath: data?.path, extraConfig });
  const child = startChild(library, home);
  // The server process removes its home when it ends by itself; when it is killed, only we are left to do it.
  const gone = child.gone.finally(() => removeHome(home));
  try {
    const port = await untilReady(child, home);
    const notes = [data?.note, (await isConfined(home)) ? undefined : UNCONFINED].filter((note) => note !== undefined);
    let asked = false;
    const died = new AbortController();
    const death = child.gone.then((ending) => {
      if (asked) return undefined;
      const sentence = `The embedded ClickHouse was not asked to stop but ${ending}.${said(child)}`;
      died.abort(new EmbeddedError(sentence));
      return sentence;
    });
    return {
      url: `http://${HOST}:${port}`,
      port,
      path: home.dataPath,
      pid: child.pid(),
      notes,
      died: died.signal,
      exited: gone.then(() => death),
      async throwIfDied() {
        await Promise.race([child.gone, sleep(DEATH_SHOWS_MS, undefined, { ref: false })]);
        died.signal.throwIfAborted();
      },
      async stop() {
        asked = true;
        await endChild(child);
        await gone;
      },
    };
  } catch (error) {
    child.kill();
    await gone;
    throw error;
  }
}

interface Child {
  /** Only once it is known to run. */
  pid(): number;
  /** Resolves with how it ended, as the end of a sentence. */
  readonly gone: Promise<string>;
  /** The last lines it wrote to standard error. */
  tail(): string;
  /** Ends its standard input, which asks it to shut down. */
  hangUp(): void;
  kill(): void;
}

function startChild({ libchdb, ffi }: Library, home: Home): Child {
  const entry = fileURLToPath(new URL("./child.js", import.meta.url));
  const child = spawn(process.execPath, [entry, libchdb, ffi, home.dataPath], {
    cwd: home.directory,
    // A group of its own: a Ctrl-C in the terminal must not reach it, nor must its SYSTEM SHUTDOWN, which signals the
    // whole group, reach us.
    detached: true,
    stdio: ["pipe", "ignore", "pipe"],
    env: serverEnvironment(),
  });
  let tail = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    tail = (tail + text).slice(-TAIL_CHARACTERS);
  });
  // Though we write nothing, its sudden end can show here.
  child.stdin.on("error", () => undefined);
  return {
    pid: () => child.pid as number,
    gone: new Promise((settle) => {
      child.on("error", (error) => settle(`could not be started: ${error.message}`));
      child.on("close", (code, signal) =>
        settle(signal === null ? `ended with code ${code}` : `was ended by ${signal}`),
      );
    }),
    tail: () => tail.trim().split("\n").slice(-TAIL_LINES).join("\n"),
    hangUp: () => child.stdin.end(FAREWELL),
    kill: () => child.kill("SIGKILL"),
  };
}

// Of ours only what a server may need: queries could read it, and there may be secrets in it; nor may NODE_OPTIONS reach it.
const ENVIRONMENT = /^(PATH|TMPDIR|TZ|LANG|LANGUAGE|LC_\w+|LD_LIBRARY_PATH|DYLD_LIBRARY_PATH)$/;

function serverEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => ENVIRONMENT.test(name)));
}

async function endChild(child: Child): Promise<void> {
  child.hangUp();
  const timer = setTimeout(child.kill, STOP_TIMEOUT_MS);
  await child.gone;
  clearTimeout(timer);
}

async function untilReady(child: Child, home: Home): Promise<number> {
  let ending: string | undefined;
  void child.gone.then((how) => {
    ending = how;
  });
  const deadlineMs = performance.now() + READY_TIMEOUT_MS;
  let port: number | undefined;
  while (performance.now() < deadlineMs) {
    port ??= await readPort(home);
    if (port !== undefined && (await answers(port))) return port;
    if (ending !== undefined) throw await startError(child, ending, home);
    await sleep(POLL_MS);
  }
  throw new EmbeddedError(`The embedded ClickHouse did not answer within ${READY_TIMEOUT_MS / 1000} s.${said(child)}`);
}

function answers(port: number): Promise<boolean> {
  return new Promise((settle) => {
    // No agent: a connection kept alive would still be open when the server is asked to stop.
    const request = get({ host: HOST, port, path: "/ping", agent: false, timeout: 1000 }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => {
        body += text;
      });
      response.on("close", () => settle(body === "Ok.\n"));
    });
    request.on("timeout", () => request.destroy());
    request.on("error", () => settle(false));
  });
}

async function startError(child: Child, ending: string, home: Home): Promise<EmbeddedError> {
  const printed = child.tail();
  // Both were looked at before the start; somebody may have been faster.
  const takenPort = /Address already in use: \S+:(\d+)/.exec(printed)?.[1];
  if (takenPort !== undefined) return portTaken(Number(takenPort));
  if (printed.includes("Another server instance")) {
    const status = await readFile(join(home.dataPath, "status"), "utf8").catch(() => "");
    const owner = /^PID: (\d+)/m.exec(status)?.[1];
    return new EmbeddedError(
      `${home.dataPath} is in use by another ClickHouse${owner === undefined ? "" : ` (process ${owner})`}. ` +
        "Stop that one, or give another path.",
    );
  }
  // Having printed why, it always ends itself by SIGKILL, which is then no news.
  const how = printed === "" ? `: it ${ending}` : "";
  return new EmbeddedError(`The embedded ClickHouse did not start${how}.${said(child)}`);
}

function said(child: Child): string {
  return child.tail() === "" ? "" : ` Its last words:\n${child.tail()}`;
}

async function checkPort(port: number): Promise<void> {
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new EmbeddedError(`--port must be an integer from 0 (any free one) to 65535, got ${port}.`);
  if (port === 0) return;
  const code = await new Promise<string | undefined>((settle) => {
    const server = createServer();
    server.on("error", (error: NodeJS.ErrnoException) => settle(error.code));
    server.listen({ port, host: HOST, exclusive: true }, () => server.close(() => settle(undefined)));
  });
  if (code === "EADDRINUSE") throw portTaken(port);
  if (code !== undefined)
    throw new EmbeddedError(`Port ${port} on ${HOST} cannot be opened (${code}). Pass another --port, from 1024 up.`);
}

function portTaken(port: number): EmbeddedError {
  return new EmbeddedError(
    `Port ${port} on ${HOST} is taken: another program listens there. Pass another --port, or 0 for any free one.`,
  );
}
