// Answers that are HTTP, nearly HTTP, not at all, or without end, and a TCP peer that gives them. For the fuzz tests.

import { createServer, type Server, type Socket } from "node:net";
import fc from "fast-check";
import type { Endpoint } from "../../src/endpoint.js";

/** What is answered to a request whose head has come. Where it does not end, it writes until the socket is closed. */
export type Answer = (socket: Socket) => void;

/** Answers request n, counted by its query id or else in the order of arrival, as `answers` says. */
export class Peer {
  answers: readonly Answer[] = [];
  requests = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor() {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => undefined).on("close", () => this.#sockets.delete(socket));
      socket.on("data", (data) => {
        const head = data.toString("latin1");
        if (!head.startsWith("POST ")) return;
        const number = /query_id=fuzz-(\d+)-1/.exec(head)?.[1] ?? this.requests;
        this.requests++;
        this.answers[Number(number)]?.(socket);
      });
    });
  }

  async endpoint(): Promise<Endpoint> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    const address = this.#server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    return { origin: `http://127.0.0.1:${port}`, path: "/", host: "127.0.0.1", port, database: undefined, headers: {} };
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** These bytes, after which the connection stays or ends. */
export const bytes =
  (text: string, ends: boolean): Answer =>
  (socket) => {
    if (ends) socket.end(text, "latin1");
    else socket.write(text, "latin1");
  };

/** `first`, then `again` without end. */
export const endless =
  (first: string, again: string): Answer =>
  (socket) => {
    socket.write(first, "latin1");
    const block = Buffer.from(again.repeat(Math.ceil(65_536 / again.length)), "latin1");
    const pump = (): void => {
      while (!socket.destroyed && socket.write(block));
    };
    socket.on("drain", pump);
    pump();
  };

/** Much like HTTP, and often HTTP. */
const httpText = (() => {
  const status = fc.constantFrom("200", "200", "204", "100", "101", "103", "199", "301", "401", "404", "413", "429");
  const more = fc.constantFrom("500", "502", "503", "504", "599", "600", "999", "000", "-1", "99", "2e2", "20O", "");
  const start = fc.tuple(
    fc.constantFrom("HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/2", "HTTP/1.10", "ICY", "http/1.1"),
    fc.oneof(status, more),
  );
  const header = fc.oneof(
    fc.constantFrom(
      ...["Content-Length: 0", "Content-Length: 3", "Content-Length: -1", "Content-Length: 99999999999999999999"],
      ...[
        "Content-Length: 0x5",
        "Transfer-Encoding: chunked",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: x",
      ],
      ...["X-ClickHouse-Exception-Code: 252", "X-ClickHouse-Exception-Code: 1e3", "X-ClickHouse-Exception-Code: 0x20"],
      ...["X-ClickHouse-Exception-Code: 99999999999999999999", "X-ClickHouse-Exception-Code: -5"],
      ...["X-ClickHouse-Exception-Code:", "X-ClickHouse-Exception-Code: 241\r\nX-ClickHouse-Exception-Code: 60"],
      ...[
        "Connection: close",
        "Connection: keep-alive",
        "Connection: upgrade\r\nUpgrade: websocket",
        "Content-Encoding: gzip",
      ],
      ...[
        "Keep-Alive: timeout=0",
        "Keep-Alive: timeout=-1",
        "Keep-Alive: timeout=1e99",
        "Keep-Alive: timeout=99999999999",
      ],
      ...[" folded: 1", ": no name", "no colon", "Trailer: X", "Location: file:///etc/passwd", "a\0b: c", "é: ü"],
    ),
    fc
      .tuple(fc.string({ maxLength: 20 }), fc.string({ unit: "binary", maxLength: 30 }))
      .map(([name, value]) => `${name}: ${value}`),
  );
  const body = fc.oneof(
    fc.constantFrom(
      ...[
        "",
        "Ok.\n",
        "Code: 252. DB::Exception: words (NAME)",
        "Code: 99999999999999. x",
        "Code: 0. x",
        '{"data":[]}',
      ],
      ...[
        '{"data":[1]',
        '{"data":{}}',
        "3\r\nabc\r\n0\r\n\r\n",
        "ffffffffffffffff\r\nab",
        "-1\r\n",
        "3;x=y\r\nabc\r\n0\r\nX: y\r\n\r\n",
      ],
      ...[
        "0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        "Code: 60. \u001b[31mred\u0007\r\n",
        "x".repeat(100_000),
      ],
    ),
    fc.string({ unit: "binary", maxLength: 60 }),
  );
  return fc
    .tuple(start, fc.array(header, { maxLength: 5 }), body, fc.constantFrom("\r\n", "\r\n", "\r\n", "\n"))
    .map(([[version, code], headers, text, line]) => [`${version} ${code} Words`, ...headers, "", text].join(line));
})();

const cut = fc
  .tuple(httpText, fc.nat(), fc.nat(20), fc.string({ unit: "binary", maxLength: 5 }))
  .map(([text, place, out, into]) => {
    const at = place % (text.length + 1);
    return text.slice(0, at) + into + text.slice(at + out);
  });

export const GOOD = 'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{"data":[]}';
export const REFUSED = "HTTP/1.1 404 Not Found\r\nX-ClickHouse-Exception-Code: 60\r\nContent-Length: 5\r\n\r\nwords";
export const SILENT = "";
export const anyAnswer = fc.tuple(
  fc.oneof(fc.constantFrom(GOOD, REFUSED), httpText, cut, fc.string({ unit: "binary", maxLength: 300 })),
  fc.boolean(),
);

/** Answers without end: what they begin with, and what comes again and again. */
export const ENDLESS: readonly (readonly [what: string, first: string, again: string])[] = [
  ["a body", "HTTP/1.1 200 OK\r\n\r\n", "x"],
  ["a body of an error", "HTTP/1.1 500 Oh\r\nX-ClickHouse-Exception-Code: 252\r\n\r\n", "x"],
  ["chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n"],
  ["a chunk's extension", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", "x"],
  ["trailers", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "x: y\r\n"],
  ["headers", "HTTP/1.1 200 OK\r\n", "x: y\r\n"],
  ["one header", "HTTP/1.1 200 OK\r\nx: ", "y"],
  ["a reason", "HTTP/1.1 200 ", "x"],
  ["heads of 1xx", "", "HTTP/1.1 103 Early Hints\r\n\r\n"],
  ["empty lines", "", "\r\n"],
  ["bytes of no HTTP", "", "\u00ff"],
];
