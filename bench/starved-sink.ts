// A server of known speed, in a process of its own: so many places, each of which takes so long for an insert, first come, first
// served. Arguments: places, milliseconds an insert (0: answered at once). Prints its port. Keeps nothing; speaks for no ClickHouse.

import { createServer, type Socket } from "node:net";

const ANSWER = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n";
const [places = 1, serviceMs = 0] = process.argv.slice(2).map(Number);
/** When each place is free again. */
const free = Array.from({ length: places }, () => 0);

/** In the order in which whole inserts arrive. */
function serve(socket: Socket): void {
  if (serviceMs === 0) {
    socket.write(ANSWER);
    return;
  }
  const nowMs = performance.now();
  const next = free.indexOf(Math.min(...free));
  const doneMs = Math.max(nowMs, free[next] ?? 0) + serviceMs;
  free[next] = doneMs;
  setTimeout(() => socket.write(ANSWER), doneMs - nowMs);
}

const server = createServer((socket) => {
  let head: string | undefined = "";
  let bodyLeft = 0;
  socket.setNoDelay(true);
  socket.on("error", () => undefined);
  socket.on("data", (chunk: Buffer) => {
    let rest = chunk;
    while (rest.length > 0) {
      if (bodyLeft === 0) {
        const text: string = (head ?? "") + rest.toString("latin1");
        const end = text.indexOf("\r\n\r\n");
        if (end < 0) {
          head = text;
          return;
        }
        rest = rest.subarray(end + 4 - (head ?? "").length);
        head = undefined;
        bodyLeft = Number(/content-length: *(\d+)/i.exec(text)?.[1] ?? 0);
        if (bodyLeft === 0) serve(socket);
        continue;
      }
      const taken = Math.min(bodyLeft, rest.length);
      bodyLeft -= taken;
      rest = rest.subarray(taken);
      if (bodyLeft === 0) serve(socket);
    }
  });
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  process.stdout.write(`${typeof address === "object" && address !== null ? address.port : 0}\n`);
});
