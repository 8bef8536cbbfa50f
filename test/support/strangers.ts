// Peers that are no ClickHouse: raw TCP servers, web servers, and ports where nobody listens.

import { createServer as createWebServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer, type Server, type Socket } from "node:net";

export interface Stranger {
  readonly port: number;
  /** http://127.0.0.1:PORT */
  readonly url: string;
  close(): Promise<void>;
}

/** Speaks whatever `onConnection` says. */
export async function stranger(
  onConnection: (socket: Socket) => void,
  host = "127.0.0.1",
  port = 0,
): Promise<Stranger> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined).on("close", () => sockets.delete(socket));
    onConnection(socket);
  });
  return listen(server, host, port, () => {
    for (const socket of sockets) socket.destroy();
  });
}

/** A web server. */
export async function webServer(
  onRequest: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<Stranger> {
  const server = createWebServer(onRequest);
  return listen(server, "127.0.0.1", 0, () => server.closeAllConnections());
}

async function listen(server: Server, host: string, port: number, disconnect: () => void): Promise<Stranger> {
  await new Promise<void>((resolve, reject) => server.on("error", reject).listen(port, host, resolve));
  const address = server.address();
  const open = typeof address === "object" && address !== null ? address.port : 0;
  return {
    port: open,
    url: `http://127.0.0.1:${open}`,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      disconnect();
      await closed;
    },
  };
}

/** A port nobody listens on: somebody just did, and left. */
export async function closedPort(): Promise<number> {
  const { port, close } = await stranger(() => undefined);
  await close();
  return port;
}
