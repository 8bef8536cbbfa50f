// The home of one embedded server: a temporary directory with its configuration, its port and, unless the user gave a
// place, its data. Made by server.ts, read and removed by the server process (child.ts), removed again by server.ts.
//
//   clickstorm-embedded-XXXXXX/      0700
//     config.xml  config.d/extra.xml
//     users.xml   users.d/extra.xml  0600; holds the password's hash
//     port.txt                       written by the server once it listens
//     data/

import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { reasonOf } from "../file-fault.js";
import { printable } from "../text.js";
import { configXml, type Login, USERS_FILE, usersXml } from "./config.js";
import { EmbeddedError } from "./error.js";

export const CONFIG_FILE = "config.xml";
export const PORT_FILE = "port.txt";

export interface HomeOptions {
  readonly port: number;
  readonly login: Login;
  /** Undefined: below the home, and removed with it. */
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
  const directory = await mkdtemp(join(tmpdir(), "clickstorm-embedded-")).catch((cause: Error) => {
    const why = `${printable(tmpdir())}: ${reasonOf(cause, "folder")}`;
    throw new EmbeddedError(`No temporary directory for the embedded ClickHouse in ${why}. Set TMPDIR.`, { cause });
  });
  const home = { directory, dataPath: options.dataPath ?? join(directory, "data") };
  const { configXml: moreConfig = "", usersXml: moreUsers = "" } = options.extraConfig;
  const files = {
    [CONFIG_FILE]: configXml({ port: options.port, dataPath: home.dataPath }),
    [USERS_FILE]: usersXml(options.login),
    "config.d/extra.xml": `<clickhouse>${moreConfig}</clickhouse>`,
    "users.d/extra.xml": `<clickhouse>${moreUsers}</clickhouse>`,
  };
  try {
    await Promise.all(["config.d", "users.d"].map((name) => mkdir(join(directory, name))));
    await mkdir(home.dataPath, { recursive: true });
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

/** Never fails: a directory that cannot be removed is no reason to fail a run. */
export async function removeHome(home: Home): Promise<void> {
  await rm(home.directory, { recursive: true, force: true, maxRetries: 5 }).catch(() => undefined);
}
