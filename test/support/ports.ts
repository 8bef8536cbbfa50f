// Ports that a test gives up and takes again. One that the system chose could meanwhile go to another process that asks it for any:
// these are none of those it gives away, and each of mocha's processes has its own.

import { readFileSync } from "node:fs";
import { createServer } from "node:net";

const EPHEMERAL = "/proc/sys/net/ipv4/ip_local_port_range";
/** Below it little is free for everybody. */
const FIRST = 20_000;
/** Of each process. */
const PORTS = 1000;
/** More processes than mocha ever runs at once. */
const PROCESSES = 10;

/** Where the system's own begin; the usual where it does not say. */
function firstEphemeral(): number {
  try {
    return Number(readFileSync(EPHEMERAL, "utf8").trim().split(/\s+/)[0]);
  } catch {
    return 32_768;
  }
}

const count = PORTS * PROCESSES;
const first = Math.min(FIRST, Math.max(1024, firstEphemeral() - count));
/** A serial run has no id, and takes the last of the ranges. */
const place = Number(process.env.MOCHA_WORKER_ID ?? PROCESSES - 1) % PROCESSES;
/** Two runs on one machine begin at different places. */
let taken = process.pid % PORTS;

/** The next that is free on 127.0.0.1; none twice, until all have been. */
export async function nextPort(): Promise<number> {
  for (let tries = 0; tries < PORTS; tries++) {
    const port = first + place * PORTS + (taken++ % PORTS);
    if (await isFree(port)) return port;
  }
  throw new Error(`no port is free from ${first + place * PORTS} on`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.on("error", () => resolve(false)).listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
