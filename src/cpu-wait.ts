// What the system says of our threads' time: how long this one ran, how long it waited for a CPU, and how long a limit of the
// control group held it still. Linux says so, other systems do not: then it is undefined. Reads files of /proc and /sys, a
// microsecond or two each; judges nothing.

import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { posix } from "node:path";

/** Of one thread, since it began. */
export interface ThreadTimes {
  readonly ranNs: number;
  /** It could have run, and another thread had the CPU. */
  readonly waitedNs: number;
}

/** schedstat: nanoseconds run, nanoseconds waited, times it got a CPU. Undefined: it is nothing like that. */
export function parseSchedstat(text: string): ThreadTimes | undefined {
  const [, ran, waited] = /^(\d+) (\d+) \d+\s*$/.exec(text) ?? [];
  return ran === undefined ? undefined : { ranNs: Number(ran), waitedNs: Number(waited) };
}

/**
 * cpu.stat, of either version of control groups: nanoseconds that a limit held the group still, since it was made, summed over CPUs.
 * Undefined: the file does not say.
 */
export function parseCpuStat(text: string): number | undefined {
  const [, us] = /^throttled_usec (\d+)$/m.exec(text) ?? [];
  if (us !== undefined) return Number(us) * 1000;
  const [, ns] = /^throttled_time (\d+)$/m.exec(text) ?? [];
  return ns === undefined ? undefined : Number(ns);
}

/**
 * Where the limits of this process may be: cpu.stat of its control group, and of each around it, of both versions.
 *
 * @param cgroup /proc/self/cgroup
 * @param mountinfo /proc/self/mountinfo
 */
export function cpuStatFiles(cgroup: string, mountinfo: string): readonly string[] {
  const own = cgroup.split("\n").flatMap((line) => {
    const [, controllers = "", path = ""] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    return path === "" ? [] : [{ isNew: controllers === "", controllers: controllers.split(","), path }];
  });
  const files = mountinfo.split("\n").flatMap((line) => {
    const [place, kind] = line.split(" - ");
    const [, , , root, mount] = place?.split(" ") ?? [];
    const [type, , options = ""] = kind?.split(" ") ?? [];
    if (root === undefined || mount === undefined) return [];
    const isNew = type === "cgroup2";
    if (!isNew && !(type === "cgroup" && options.split(",").includes("cpu"))) return [];
    const group = own.find((one) => one.isNew === isNew && (isNew || one.controllers.includes("cpu")));
    return group === undefined ? [] : upwards(group.path, root).map((path) => posix.join(mount, path, "cpu.stat"));
  });
  return [...new Set(files)];
}

/** The group and those around it, as paths below what is mounted, which may be less than all. */
function upwards(path: string, root: string): readonly string[] {
  const isBelow = root === "/" || path === root || path.startsWith(`${root}/`);
  // In a container the group may be told by its path outside, and be mounted as the only one.
  const below = !isBelow || root === "/" ? path : path.slice(root.length);
  const names = below.split("/").filter((name) => name !== "" && name !== "..");
  return names.map((_, index) => `/${names.slice(0, names.length - index).join("/")}`).concat("/");
}

/** The calling thread's own times, read again and again. */
export class ThreadClock {
  readonly #buffer = Buffer.alloc(128);
  readonly #fd: number | undefined;

  constructor(file = "/proc/thread-self/schedstat") {
    this.#fd = opened(file);
  }

  /** Undefined where the system does not say. */
  read(): ThreadTimes | undefined {
    if (this.#fd === undefined) return undefined;
    try {
      return parseSchedstat(this.#buffer.toString("latin1", 0, readSync(this.#fd, this.#buffer, 0, 128, 0)));
    } catch {
      return undefined;
    }
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
  }
}

/** How long the control groups of this process have been held still by their limits. */
export class Throttle {
  readonly #files: readonly string[];

  constructor(files = ownFiles()) {
    this.#files = files.filter((file) => throttledIn(file) !== undefined);
  }

  /** Undefined: there is no such limit, or the system does not say. */
  read(): number | undefined {
    const all = this.#files.map(throttledIn).filter((ns) => ns !== undefined);
    return all.length === 0 ? undefined : all.reduce((sum, ns) => sum + ns, 0);
  }
}

const throttledIn = (file: string): number | undefined => parseCpuStat(textOf(file) ?? "");

function ownFiles(): readonly string[] {
  const [cgroup, mountinfo] = [textOf("/proc/self/cgroup"), textOf("/proc/self/mountinfo")];
  return cgroup === undefined || mountinfo === undefined ? [] : cpuStatFiles(cgroup, mountinfo);
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return undefined;
  }
}

function opened(file: string): number | undefined {
  try {
    return openSync(file, "r");
  } catch {
    return undefined;
  }
}
