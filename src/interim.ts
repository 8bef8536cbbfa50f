// `100 Continue` that nobody asked for, as some proxies send it: undici takes it for the end of the connection, and every other
// interim answer (1xx) for what it is. Called by tls.ts for each connection; looks at the beginnings of what comes, at nothing else.

import type { Socket } from "node:net";

const [ZERO, ONE, TWO] = [0x30, 0x31, 0x32];
/** Where in "HTTP/1.1 100" its digits are. */
const STATUS = 9;
const HEAD_END = "\r\n\r\n";

/** From now on whoever reads finds `102 Processing` there instead, of the same length and with the same meaning: wait. */
export function ignoreContinue(socket: Socket): void {
  const read = socket.read;
  socket.read = function (this: Socket, size?: number): unknown {
    const chunk: unknown = read.call(this, size);
    if (chunk instanceof Buffer && chunk[STATUS] === ONE) renameContinue(chunk);
    return chunk;
  };
}

/** Of all heads of interim answers a chunk begins with. One that is cut before its status is left as it is: they are sent in one piece. */
function renameContinue(chunk: Buffer): void {
  let at = 0;
  while (chunk[at + STATUS] === ONE && chunk.toString("latin1", at, at + 7) === "HTTP/1.") {
    if (chunk[at + STATUS + 1] === ZERO && chunk[at + STATUS + 2] === ZERO) chunk[at + STATUS + 2] = TWO;
    const end = chunk.indexOf(HEAD_END, at, "latin1");
    if (end < 0) return;
    at = end + HEAD_END.length;
  }
}
