// An HTTP sink in plain sockets that keeps what it was sent and misbehaves as it is told. It speaks for no ClickHouse:
// the program is sent to it with --blind.

import { createServer, type Server, type Socket } from "node:net";

export interface Received {
  /** The batch number in the query id `<run>-<batch>-<attempt>`. */
  readonly batch: number;
  readonly target: string;
  /** As much of the body as arrived. */
  readonly body: Buffer;
  readonly contentLength: number;
  /** Of Content-Encoding. */
  readonly encoding: string | undefined;
}

/** What the sink does with a request whose head has arrived. Undefined: answer 200 when the body is whole. */
export type Behaviour = (socket: Socket, index: number) => "early" | "silent" | "reset" | "late-reset" | undefined;

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n";
/** A misbehaving sink reads on slowly, so that the sender still has bytes of the body to send. */
const PAUSE_MS = 50;

export class Sink {
  readonly received: Received[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(behaviour: Behaviour) {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => this.#sockets.delete(socket));
      void this.#serve(socket, behaviour);
    });
  }

  static async open(behaviour: Behaviour = () => undefined): Promise<Sink> {
    const sink = new Sink(behaviour);
    await new Promise<void>((resolve) => sink.#server.listen(0, "127.0.0.1", resolve));
    return sink;
  }

  get url(): string {
    const address = this.#server.address();
    if (typeof address !== "object" || address === null) throw new Error("the sink is not listening");
    return `http://127.0.0.1:${address.port}`;
  }

  /** Bodies in the order of their batches. */
  get bodies(): Buffer[] {
    return [...this.received].sort((a, b) => a.batch - b.batch).map(({ body }) => body);
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(socket: Socket, behaviour: Behaviour): Promise<void> {
    let buffered = Buffer.alloc(0);
    let request: (Omit<Received, "body"> & { chunks: Buffer[]; bytes: number; quiet: boolean }) | undefined;
    const keep = (): void => {
      if (request === undefined) return;
      const { target, batch, contentLength, encoding, chunks } = request;
      this.received.push({ target, batch, contentLength, encoding, body: Buffer.concat(chunks) });
      request = undefined;
    };
    // A connection that ends in the middle of a body: what has come is kept.
    socket.on("close", keep);
    try {
      for await (const chunk of socket) {
        buffered = request === undefined && buffered.length > 0 ? Buffer.concat([buffered, chunk]) : chunk;
        for (;;) {
          if (request === undefined) {
            const end = buffered.indexOf("\r\n\r\n");
            if (end < 0) break;
            const head = buffered.subarray(0, end).toString("latin1");
            buffered = buffered.subarray(end + 4);
            const target = head.split(" ")[1] ?? "";
            const doing = behaviour(socket, this.received.length);
            request = {
              target,
              batch: Number(/query_id=[^&]*-(\d+)-\d+/.exec(target)?.[1]),
              contentLength: Number(/content-length: *(\d+)/i.exec(head)?.[1] ?? 0),
              encoding: /^content-encoding: *(.*)$/im.exec(head)?.[1],
              chunks: [],
              bytes: 0,
              quiet: doing !== undefined,
            };
            if (doing === "early") socket.write(OK);
            if (doing === "reset") socket.resetAndDestroy();
            if (doing !== undefined) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
            if (doing === "late-reset") socket.resetAndDestroy();
          }
          const rest = buffered.subarray(0, request.contentLength - request.bytes);
          request.chunks.push(rest);
          request.bytes += rest.length;
          buffered = buffered.subarray(rest.length);
          if (request.bytes < request.contentLength) break;
          const { quiet } = request;
          keep();
          if (!quiet) socket.write(OK);
          if (buffered.length === 0) break;
        }
      }
    } catch {
      // Reset by us or by them; what came is kept on close.
    }
  }
}
