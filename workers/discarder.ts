// A discarding endpoint in a thread of its own: reads inserts over HTTP, counts them and their bytes, answers 200 when a
// body is whole, keeps nothing. Started by src/ladder/discard.ts. It looks at heads only, and speaks for no ClickHouse.

import { createServer, type Socket } from "node:net";
import { parentPort, workerData } from "node:worker_threads";
import { COUNT } from "../src/ladder/discard.js";

const ANSWER = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n";
const HEAD_END = Buffer.from("\r\n\r\n");
const LONGEST_HEAD = 1024 * 1024;

/** Only this thread writes. */
const counts = new Float64Array(workerData as SharedArrayBuffer);

function add(cell: number, amount: number): void {
  counts[cell] = (counts[cell] ?? 0) + amount;
}

function serve(socket: Socket): void {
  let head: Buffer | undefined;
  let bodyLeft = 0;
  const answer = (): void => {
    add(COUNT.bodies, 1);
    socket.write(ANSWER);
  };
  socket.setNoDelay(true);
  socket.on("error", () => undefined);
  socket.on("data", (chunk: Buffer) => {
    let rest = chunk;
    while (rest.length > 0) {
      if (bodyLeft > 0) {
        const taken = Math.min(bodyLeft, rest.length);
        add(COUNT.bytes, taken);
        bodyLeft -= taken;
        rest = rest.subarray(taken);
        if (bodyLeft === 0) answer();
        continue;
      }
      const text: Buffer = head === undefined ? rest : Buffer.concat([head, rest]);
      const end = text.indexOf(HEAD_END);
      if (end < 0) {
        head = text;
        if (head.length > LONGEST_HEAD) socket.destroy();
        return;
      }
      const length = /\r\ncontent-length: *(\d+)/i.exec(text.toString("latin1", 0, end))?.[1];
      if (length === undefined) {
        socket.destroy();
        return;
      }
      head = undefined;
      bodyLeft = Number(length);
      rest = text.subarray(end + HEAD_END.length);
      if (bodyLeft === 0) answer();
    }
  });
}

const server = createServer(serve);
// Of connections that cannot be accepted it is the sender who hears.
server.on("error", (error) => {
  if (!server.listening) parentPort?.postMessage(error.message);
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  parentPort?.postMessage(typeof address === "object" && address !== null ? address.port : 0);
});
