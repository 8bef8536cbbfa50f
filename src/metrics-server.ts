// GET /metrics, and nothing else, for whoever can reach the port. Main thread. What a scraper sends, how many there are, and how
// long each may take, to ask and to take the answer, is bounded: none can hold up the run, or fill its memory.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { isIPv6, type Socket } from "node:net";
import type { RunRegistry } from "./metrics.js";
import { OPEN_METRICS_TYPE, wantsOpenMetrics } from "./open-metrics.js";
import { quoted } from "./quoted.js";

/** Further connections are closed as they come. */
const CONNECTIONS = 32;
/** Request line and headers. */
const HEADER_BYTES = 8192;
/** From the first byte of a request, or from connecting, to its last. */
const ASKING_MS = 10_000;
/** Connections that take longer are looked for so often. */
const LOOKING_MS = 2500;
/** From the request to the last byte of the answer handed to the system. */
const TAKING_MS = 10_000;
/** From an answer to the next request: longer than scrape intervals are as a rule would only hold connections. */
const IDLE_MS = 5000;

/** The port is taken or the address is not ours. */
export class MetricsPortError extends Error {}

export interface MetricsServer {
  readonly url: string;
  /** A sentence on what the last scrape did not see of so many rows; undefined: nothing, or nobody scrapes. */
  whyIncomplete(rows: number): string | undefined;
  /** At once, whatever scrapers are doing. */
  close(): Promise<void>;
}

/** Serves GET /metrics, and stops the registry when it is closed. Rejects with a MetricsPortError. */
export async function serveMetrics(
  registry: RunRegistry,
  port: number,
  host: string | undefined,
): Promise<MetricsServer> {
  const server = createServer({
    maxHeaderSize: HEADER_BYTES,
    headersTimeout: ASKING_MS,
    requestTimeout: ASKING_MS,
    keepAliveTimeout: IDLE_MS,
    connectionsCheckingInterval: LOOKING_MS,
  });
  server.maxConnections = CONNECTIONS;
  const answering = new WeakSet<Socket>();
  server.on("request", (request, response) => {
    const { socket } = request;
    // Whoever asks again before taking the answer would be owed ever more of them.
    if (answering.has(socket)) {
      socket.destroy();
      return;
    }
    answering.add(socket);
    const late = setTimeout(() => socket.destroy(), TAKING_MS).unref();
    response.once("close", () => {
      clearTimeout(late);
      answering.delete(socket);
    });
    void answer(registry, request, response);
  });
  try {
    await listen(server, port, host);
  } catch (error) {
    registry.stop();
    throw error;
  }
  const shownHost = host === undefined ? "localhost" : isIPv6(host) ? `[${host}]` : host;
  return {
    url: `http://${shownHost}:${portOf(server)}/metrics`,
    whyIncomplete: (rows) => registry.scrapes.whyIncomplete(rows),
    async close() {
      registry.stop();
      await close(server);
    },
  };
}

async function answer(registry: RunRegistry, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const say = (status: number, text: string, headers: Readonly<Record<string, string>> = {}): void => {
    const length = Buffer.byteLength(text);
    response
      .writeHead(status, { "content-type": "text/plain", "content-length": length, connection: "close", ...headers })
      .end(text);
  };
  if (request.method !== "GET") return say(405, "", { allow: "GET" });
  if (request.url?.split("?")[0] !== "/metrics") return say(404, "see /metrics\n");
  try {
    const isOpen = wantsOpenMetrics(request.headers.accept);
    const text = await (isOpen ? registry.openMetrics() : registry.metrics());
    const type = isOpen ? OPEN_METRICS_TYPE : registry.contentType;
    const length = Buffer.byteLength(text);
    response.writeHead(200, { "content-type": type, "content-length": length, vary: "accept" }).end(text);
  } catch {
    // Why is nobody's business who can reach the port.
    say(500, "the metrics cannot be read\n");
  }
}

function listen(server: Server, port: number, host: string | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    // Stays: a connection that could not be accepted, for want of file descriptors, must not end the run.
    server.on("error", (error) => reject(new MetricsPortError(describe(error, port, host))));
    server.listen({ port, ...(host !== undefined && { host }) }, resolve);
  });
}

function describe(error: Error, port: number, host: string | undefined): string {
  const code = "code" in error ? error.code : undefined;
  if (code === "EADDRINUSE") return `port ${port} is taken`;
  if (code === "EACCES") return `port ${port} may not be opened by this user`;
  if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND")
    return `${quoted(host ?? "")} is not an address of this machine`;
  return error.message;
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
