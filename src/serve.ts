// `clickstorm serve`: the embedded ClickHouse in the foreground, until it is told to stop.

import { whyNoFolder } from "./data-folder.js";
import { startEmbedded } from "./embedded/server.js";
import { EXIT } from "./exit.js";
import { OptionsError, type ServeOptions } from "./options.js";

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
    ...(options.path !== undefined && { path: options.path }),
    ...(options.user !== undefined && { user: options.user }),
    ...(options.password !== undefined && { password: options.password }),
  });
  err.write(`ClickHouse at ${server.url}, data in ${server.path}; Ctrl-C stops it\n`);
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
