// Whether this machine can talk to itself at 127.0.0.1, where the embedded ClickHouse is: in a network namespace or a sandbox it may
// not. Called before the server is started, as what it says itself of that is about something else (its login).

import { connect, createServer } from "node:net";
import { EmbeddedError } from "./error.js";

const HOST = "127.0.0.1";
const LIMIT_MS = 5000;

/** Throws an EmbeddedError. */
export async function checkLoopback(): Promise<void> {
  const why = await new Promise<string | undefined>((settle) => {
    const server = createServer((socket) => socket.destroy());
    const end = (error?: NodeJS.ErrnoException): void => {
      server.close();
      settle(error && (error.code ?? error.message));
    };
    server.on("error", end);
    server.listen({ port: 0, host: HOST, exclusive: true }, () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      const socket = connect({ port, host: HOST, timeout: LIMIT_MS });
      socket.on("connect", () => end());
      socket.on("timeout", () => socket.destroy(new Error(`no connection within ${LIMIT_MS / 1000} s`)));
      socket.on("error", end);
    });
  });
  if (why === undefined) return;
  throw new EmbeddedError(
    why === "EMFILE" || why === "ENFILE"
      ? "The embedded ClickHouse cannot be started: this process has as many files and connections open as it may; ulimit -n 1024 allows more."
      : `The embedded ClickHouse needs ${HOST}, and this machine does not talk to itself there (${why}): is the loopback interface up (ip link set lo up)?`,
  );
}
