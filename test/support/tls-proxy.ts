// HTTPS in front of a server that speaks HTTP: ends TLS, and passes on what comes. Counts who came in, and who did not.

import { connect, type Socket } from "node:net";
import { createServer, type TlsOptions } from "node:tls";

export interface TlsProxy {
  readonly port: number;
  /** https://localhost:PORT */
  readonly url: string;
  /** Connections that were let in, by the common name of the client's certificate; "" without one. */
  readonly clients: readonly string[];
  close(): Promise<void>;
}

/** `target`: http://HOST:PORT. */
export async function tlsProxy(target: string, options: TlsOptions): Promise<TlsProxy> {
  const { hostname, port: targetPort } = new URL(target);
  const sockets = new Set<Socket>();
  const clients: string[] = [];
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on("error", () => undefined).on("close", () => sockets.delete(socket));
  };
  const server = createServer(options, (socket) => {
    const name = socket.getPeerCertificate().subject?.CN;
    clients.push(typeof name === "string" ? name : "");
    const upstream = connect(Number(targetPort), hostname);
    for (const [one, other] of [
      [socket, upstream],
      [upstream, socket],
    ] as const) {
      keep(one);
      one.pipe(other);
      one.on("close", () => other.destroy());
    }
  });
  server.on("connection", keep).on("tlsClientError", () => undefined);
  await new Promise<void>((resolve, reject) => server.on("error", reject).listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    port,
    url: `https://localhost:${port}`,
    clients,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
