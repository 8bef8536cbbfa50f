// `clickstorm serve`: the embedded ClickHouse in the foreground, until it is told to stop. Says who may use it, and how; the
// one place where a password is printed, and only one that was made here, which nobody could know otherwise.

import { whyNoFolder } from "./data-folder.js";
import { type EmbeddedServer, startEmbedded } from "./embedded/server.js";
import { EXIT } from "./exit.js";
import { OptionsError, type ServeOptions } from "./options.js";
import { printable } from "./text.js";

/** Where it writes, and what stops it. */
export interface ServeSurroundings {
  readonly err: NodeJS.WritableStream;
  readonly interrupt: AbortSignal;
}

/** Returns the exit code. Throws an OptionsError where --path can be no folder, an EmbeddedError when the server does not start. */
export async function serve(options: ServeOptions, { err, interrupt }: ServeSurroundings): Promise<number> {
  const why = options.path === undefined ? undefined : whyNoFolder("--path", options.path);
  if (why !== undefined) throw new OptionsError([why]);
  const server = await startEmbedded({
    port: options.port,
    login: options.login,
    ...(options.path !== undefined && { path: options.path }),
  });
  err.write(`${welcome(server, options).join("\n")}\n`);
  const stopped = new Promise<undefined>((resolve) => {
    if (interrupt.aborted) resolve(undefined);
    interrupt.addEventListener("abort", () => resolve(undefined), { once: true });
  });
  const failure = await Promise.race([stopped, server.exited]);
  await server.stop();
  if (failure === undefined) return EXIT.done;
  err.write(`error: ${failure}\n`);
  return EXIT.noTarget;
}

function welcome(server: EmbeddedServer, { login, passwordIsMade }: ServeOptions): readonly string[] {
  const first = `ClickHouse at ${server.url}, data in ${printable(server.path)}; Ctrl-C stops it`;
  const notes = server.notes.map((note) => `note: ${printable(note)}`);
  if (login === "none") {
    return [
      first,
      "warning: --no-login: every user of this machine, and web pages in their browsers, can read, change and drop what is in this server",
      ...notes,
    ];
  }
  const { user, password } = login;
  if (!passwordIsMade)
    return [first, `Nobody is let in but the user ${user}, with the password that was given.`, ...notes];
  return [
    first,
    "Nobody is let in without the password that was made for it. To use it from another terminal:",
    "",
    `  export CLICKHOUSE_URL=${server.url}`,
    `  export CLICKHOUSE_USER=${user}`,
    `  export CLICKHOUSE_PASSWORD=${password}`,
    "  clickstorm --rate 10k",
    "",
    ...notes,
  ];
}
