// A discarding HTTP server: nginx in a process of its own, which reads every body to its end and answers 200.
//
// A plain `return 200` will not do: nginx then answers when it has read the head, and a sender that is faster than nginx
// has its answer before the body has left. Here the mirror module reads the whole body into memory first, and the 405
// of a module that takes no POST becomes the 200.

import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { request } from "undici";
import { start, temporaryDirectory } from "./process.js";
import type { Receiver } from "./window.js";

export interface Discarder extends Receiver {
  /** Requests with a body so far. */
  inserts(): Promise<number>;
  stop(): Promise<void>;
}

export interface Nginx {
  readonly path: string;
  readonly version: string;
}

const READY_LIMIT_MS = 5000;
/** No benchmark takes so long. */
const LIMIT_S = 6 * 3600;
/** Bodies up to this size never touch the disk. */
const BUFFER_MIB = 64;
/** Debian's is not on everybody's path. */
const PLACES = ["nginx", "/usr/sbin/nginx", "/usr/local/sbin/nginx"];
/** Of glibc: keep the memory of one body for the next instead of giving it back to the system each time. */
const KEEP_MEMORY = {
  MALLOC_MMAP_THRESHOLD_: "1000000000",
  MALLOC_TRIM_THRESHOLD_: "2000000000",
  MALLOC_TOP_PAD_: "67108864",
};

/** Undefined where it is not installed. */
export function findNginx(): Nginx | undefined {
  for (const path of PLACES) {
    const version = /nginx\/(\S+)/.exec(spawnSync(path, ["-v"], { encoding: "utf8" }).stderr ?? "")?.[1];
    if (version !== undefined) return { path, version };
  }
  return undefined;
}

export async function startDiscarder({ path }: Nginx): Promise<Discarder> {
  const directory = temporaryDirectory();
  const port = await freePort();
  const file = join(directory, "nginx.conf");
  mkdirSync(join(directory, "logs"));
  writeFileSync(file, configuration(directory, port));
  const child = start(path, ["-p", directory, "-c", file, "-e", join(directory, "error.log")], LIMIT_S, KEEP_MEMORY);
  const url = `http://127.0.0.1:${port}`;
  let statusRequests = 0;
  const inserts = async (): Promise<number> => {
    const text = await (await request(`${url}/bench-status`)).body.text();
    statusRequests++;
    // "server accepts handled requests", then the three numbers.
    const requests = /requests\s+\d+\s+\d+\s+(\d+)/.exec(text)?.[1];
    if (requests === undefined) throw new Error(`not the status of nginx: ${text}`);
    return Number(requests) - statusRequests;
  };
  const ready = async (): Promise<void> => {
    for (const startMs = performance.now(); ; await sleep(20)) {
      try {
        await inserts();
        return;
      } catch (error) {
        if (performance.now() - startMs > READY_LIMIT_MS) throw error;
      }
    }
  };
  const broken = child.ended.then(() => {
    throw new Error("nginx ended at once");
  });
  await Promise.race([ready(), broken]);
  return {
    url,
    pid: child.pid,
    inserts,
    received: async (rowsPerRequest) => (await inserts()) * rowsPerRequest,
    stop: () => child.finish().then(() => undefined),
  };
}

function configuration(directory: string, port: number): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path ${join(directory, name)};`,
  );
  return `
    # One process, which is the one we started: its end is the end of all of it.
    daemon off;
    master_process off;
    worker_processes 1;
    pid ${join(directory, "nginx.pid")};
    error_log ${join(directory, "error.log")} crit;
    events { worker_connections 1024; }
    http {
      access_log off;
      client_max_body_size 0;
      client_body_buffer_size ${BUFFER_MIB}m;
      keepalive_timeout 75s;
      keepalive_requests 1000000000;
      ${temporary.join("\n      ")}
      server {
        listen 127.0.0.1:${port};
        location = /bench-status { stub_status; }
        location = /read { internal; return 204; }
        location / { mirror /read; error_page 405 =200 @taken; empty_gif; }
        location @taken { return 200; }
      }
    }
  `;
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => (typeof address === "object" && address !== null ? resolve(address.port) : reject(address)));
    });
  });
}
