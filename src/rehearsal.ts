// Inserts to a sink in the worker itself, before the start: what the first inserts of a process load and compile (the HTTP
// parser, the connection, the loop around them) is then paid for, and not part of anybody's latency. Never talks to the
// target, counts nothing.

import { createServer, type Server } from "node:net";
import { Inserter, type InsertPlan } from "./insert.js";

/** By trial: more make no difference to the first inserts of the run. */
const INSERTS = 300;
const ANSWER = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-ClickHouse-Summary: {}\r\n\r\n";

/** Sends `body`, a small one, some hundred times as the plan would send it. */
export async function rehearse(plan: InsertPlan, body: Uint8Array): Promise<void> {
  // One answer a chunk: a body that comes in several gets too many, at worst, and the connection is made anew.
  const sink = createServer((socket) => {
    socket.on("data", () => socket.write(ANSWER));
    socket.on("error", () => undefined);
  });
  const port = await listen(sink);
  // Without a port of this machine's own (no 127.0.0.1, no file left to open) the first inserts are slower, and that is all.
  if (port === undefined) return;
  const origin = `http://127.0.0.1:${port}`;
  const inserter = new Inserter({
    ...plan,
    endpoints: [{ origin, path: "/", host: "127.0.0.1", port, database: undefined, headers: { rehearsal: "1" } }],
  });
  const request = {
    endpoint: 0,
    body,
    queryId: "rehearsal",
    token: "rehearsal",
    traceparent: undefined,
    onSent: () => true,
  };
  for (let sent = 0; sent < INSERTS; sent += plan.permits) {
    await Promise.all(Array.from({ length: plan.permits }, () => inserter.insert(request)));
  }
  await inserter.close();
  await new Promise((resolve) => sink.close(resolve));
}

/** The port; undefined: there is none to be had. */
function listen(server: Server): Promise<number | undefined> {
  return new Promise((resolve) => {
    // Stays: connections that cannot be accepted, for want of file descriptors, come here too.
    server.on("error", () => resolve(undefined));
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
}
