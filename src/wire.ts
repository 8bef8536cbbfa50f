// Whether the bodies of inserts have left: a worker looks, a few times a second, whether bytes on their connections are still unacknowledged
// by the system at the other end, and whether that takes any. What a program hands to its own system has not left: that keeps
// megabytes. Linux says so, other systems do not. Runs in a worker; judges nothing: network.ts does.

import { readFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { endianness } from "node:os";
import type { WorkerCounters } from "./counters.js";

/** The workers of a process look by turns, so often in all. */
const LOOK_MS = 250;
/** The table has all connections of the machine: reading it takes no more than this share of the time, if that leaves two looks a second. */
const SHARE_OF_TIME = 0.005;
const LONGEST_REST_MS = 500;
/** Bodies of shorter inserts leave faster than anything could be done about. */
export const LEAST_SERVICE_NS = 10_000_000;
const FILES = { IPv4: "/proc/self/net/tcp", IPv6: "/proc/self/net/tcp6" } as const;

type Ends = Pick<Socket, "localPort" | "remoteAddress" | "remotePort">;

/** A connection with an insert in flight. */
export interface Carrier {
  readonly socket: (Ends & Pick<Socket, "remoteFamily">) | undefined;
  /** The insert; undefined: none. */
  readonly carrying: object | undefined;
}

/** arrived: all of it has arrived; under_way: not all; stuck: nor does the other end take any more for now. */
export const PROGRESSES = ["arrived", "under_way", "stuck"] as const;
export type Progress = (typeof PROGRESSES)[number];

/** The timer of a connection whose other end has no room. */
const PROBING = "04";

/** Of the table's connections, by nameOf. */
export function parseConnections(table: string): Map<string, Progress> {
  const connections = new Map<string, Progress>();
  // sl local_address rem_address st tx_queue:rx_queue tr:tm->when …
  const lines =
    /^ *\d+: [0-9A-F]+:([0-9A-F]{4}) ([0-9A-F]+):([0-9A-F]{4}) [0-9A-F]{2} ([0-9A-F]{8}):[0-9A-F]{8} ([0-9A-F]{2}):/gm;
  for (const [, local = "", address = "", remote = "", unacknowledged = "", timer] of table.matchAll(lines)) {
    const progress = Number.parseInt(unacknowledged, 16) === 0 ? "arrived" : timer === PROBING ? "stuck" : "under_way";
    connections.set(`${Number.parseInt(local, 16)} ${address}:${Number.parseInt(remote, 16)}`, progress);
  }
  return connections;
}

/** By the local port and the remote end: connections to other machines may have the same ports. */
export const nameOf = ({ localPort, remoteAddress = "", remotePort }: Ends): string =>
  `${localPort} ${hexOf(remoteAddress)}:${remotePort}`;

/** An address as the table has it: words of four bytes, each a number of this machine. */
function hexOf(address: string): string {
  const bytes = address.includes(":") ? bytesOfIPv6(address) : address.split(".").map(Number);
  const words = Array.from({ length: bytes.length / 4 }, (_, word) => bytes.slice(4 * word, 4 * word + 4));
  if (endianness() === "LE") for (const word of words) word.reverse();
  return Buffer.from(words.flat()).toString("hex").toUpperCase();
}

function bytesOfIPv6(address: string): number[] {
  const [plain = ""] = address.split("%");
  // Of ::ffff:127.0.0.1 the end is written as IPv4 is.
  const [head = [], tail] = plain.split("::").map((half) => half.split(":").filter(Boolean).flatMap(bytesOfGroup));
  return tail === undefined ? head : [...head, ...Array(16 - head.length - tail.length).fill(0), ...tail];
}

function bytesOfGroup(group: string): number[] {
  if (group.includes(".")) return group.split(".").map(Number);
  const value = Number.parseInt(group, 16);
  return [value >> 8, value & 255];
}

export type Progresses = Readonly<Record<Progress, number>>;

export class Wire {
  readonly #own: Pick<WorkerCounters, "seen" | "meanServiceNs">;
  readonly #carriers: () => Iterable<Carrier>;
  readonly #workers: number;
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;
  /** The fastest look so far: others waited for something. */
  #tookMs = Number.POSITIVE_INFINITY;

  constructor(own: Pick<WorkerCounters, "seen" | "meanServiceNs">, workers: number, carriers: () => Iterable<Carrier>) {
    this.#own = own;
    this.#carriers = carriers;
    this.#workers = workers;
  }

  /** What is measured begins. */
  begin(): void {
    this.#lookIn(LOOK_MS);
  }

  #lookIn(ms: number): void {
    // Nothing that happens at a regular pace is seen at one stage only.
    if (!this.#isOver) this.#timer = setTimeout(() => void this.#look(), ms * this.#workers * (0.5 + Math.random()));
  }

  async #look(): Promise<void> {
    const beganMs = performance.now();
    const isWorthIt = this.#own.meanServiceNs >= LEAST_SERVICE_NS;
    const before = (isWorthIt ? [...this.#carriers()] : []).flatMap((carrier) => {
      const { socket, carrying } = carrier;
      return socket === undefined || carrying === undefined ? [] : [{ carrier, carrying, socket }];
    });
    if (before.length > 0) {
      const families = new Set(before.map(({ socket }) => (socket.remoteFamily === "IPv6" ? "IPv6" : "IPv4")));
      const tables = await Promise.all(
        [...families].map((family) => readFile(FILES[family], "latin1").catch(() => "")),
      );
      this.#tookMs = Math.min(this.#tookMs, performance.now() - beganMs);
      const known = parseConnections(tables.join("\n"));
      for (const { carrier, carrying, socket } of before) {
        const progress = known.get(nameOf(socket));
        // One that was answered meanwhile may have been seen before or after that.
        if (progress !== undefined && carrier.carrying === carrying) this.#own.seen(progress);
      }
    }
    const restMs = before.length > 0 ? this.#tookMs / SHARE_OF_TIME : 0;
    this.#lookIn(Math.min(LONGEST_REST_MS, Math.max(LOOK_MS, restMs)));
  }

  end(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }
}
