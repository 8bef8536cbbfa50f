// The home of one embedded server: a temporary directory with its configuration, its port and, unless the user gave a
// place, its data. Made by server.ts, read and removed by the server process (child.ts), removed again by server.ts.
//
//   clickstorm-embedded-XXXXXX/      0700
//     config.xml  config.d/extra.xml
//     users.xml   users.d/extra.xml  0600; holds the password's hash
//     starter  server                which processes use it (leftovers.ts)
//     confined                       there when the server can reach no other files
//     port.txt                       written by the server once it listens
//     data/

import { access, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { reasonOf } from "../file-fault.js";
import { printable } from "../text.js";
import { configXml, USERS_FILE, usersXml } from "./config.js";
import { prepareData } from "./data.js";
import { EmbeddedError } from "./error.js";
import { removeLeftovers, STARTER_FILE, sign } from "./leftovers.js";
import type { Login } from "./login.js";

export const CONFIG_FILE = "config.xml";
export const PORT_FILE = "port.txt";
/** There once the server is kept away from all other files (confine.ts). */
export const CONFINED_FILE = "confined";

const PREFIX = "clickstorm-embedded-";

export interface HomeOptions {
  readonly port: number;
  /** Undefined: `default` is open to all. */
  readonly login: Login | undefined;
  /** Prepared (data.ts). Undefined: below the home, and removed with it. */
  readonly dataPath: string | undefined;
  readonly extraConfig: ExtraConfig;
}

/** Raw XML, put inside `<clickhouse>` and merged by ClickHouse over the configuration of the same name. */
export interface ExtraConfig {
  readonly usersXml?: string;
  readonly configXml?: string;
}

export interface Home {
  readonly directory: string;
  readonly dataPath: string;
}

/** Throws EmbeddedError. */
export async function makeHome(options: HomeOptions): Promise<Home> {
  await removeLeftovers(tmpdir(), PREFIX);
  const directory = await mkdtemp(join(tmpdir(), PREFIX)).catch((cause: Error) => {
    const why = `${printable(tmpdir())}: ${reasonOf(cause, "folder")}`;
    throw new EmbeddedError(`No temporary directory for the embedded ClickHouse in ${why}. Set TMPDIR.`, { cause });
  });
  const home = { directory, dataPath: options.dataPath ?? join(directory, "data") };
  const { configXml: moreConfig = "", usersXml: moreUsers = "" } = options.extraConfig;
  const files = {
    [CONFIG_FILE]: configXml({
      port: options.port,
      dataPath: home.dataPath,
      user: options.login?.user,
    }),
    [USERS_FILE]: usersXml(options.login),
    "config.d/extra.xml": `<clickhouse>${moreConfig}</clickhouse>`,
    "users.d/extra.xml": `<clickhouse>${moreUsers}</clickhouse>`,
  };
  try {
    sign(directory, STARTER_FILE);
    for (const name of ["config.d", "users.d"]) await mkdir(join(directory, name), { mode: 0o700 });
    if (options.dataPath === undefined) await prepareData(home.dataPath);
    for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text, { mode: 0o600 });
  } catch (cause) {
    await removeHome(home);
    throw new EmbeddedError(
      `${printable(directory)} cannot be written to: ${reasonOf(cause, "folder")}. Make room, or set TMPDIR.`,
      { cause },
    );
  }
  return home;
}

/** The port the server listens on; undefined until it does. */
export async function readPort(home: Home): Promise<number | undefined> {
  const text = await readFile(join(home.directory, PORT_FILE), "utf8").catch(() => "");
  // The newline comes last: without it the number may be half written.
  return text.endsWith("\n") ? Number(text) : undefined;
}

/** Whether the server can reach no files but its own; known once it listens. */
export async function isConfined(home: Home): Promise<boolean> {
  return access(join(home.directory, CONFINED_FILE)).then(
    () => true,
    () => false,
  );
}

/** Never fails: a directory that cannot be removed is no reason to fail a run. */
export async function removeHome(home: Home): Promise<void> {
  await rm(home.directory, { recursive: true, force: true, maxRetries: 5 }).catch(() => undefined);
}
