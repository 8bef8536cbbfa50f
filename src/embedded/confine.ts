// Shuts this process out of all files but those a ClickHouse server needs, for good, by Linux's Landlock. Called by child.ts
// before the library is loaded; needs no privilege. What no grant takes away (the function file(), FROM INFILE, a table's
// disk at any path, commands of dictionaries) then meets the kernel, whoever asks and whatever right he has.
//
//   ruleset: what is refused from now on ─▶ a rule a path: what is allowed below it ─▶ restrict this thread, and
//                                                                                      all threads it will start

import { constants, openSync } from "node:fs";
import type { load as Load, open as Open, DataType as Types } from "ffi-rs";

/** What of ffi-rs is used. */
interface Bridge {
  readonly DataType: typeof Types;
  readonly open: typeof Open;
  readonly load: typeof Load;
}

/** Absolute paths. */
export interface Territory {
  /** To read, write, make and remove in. */
  readonly own: readonly string[];
  /** To read. */
  readonly readable: readonly string[];
  /** Where directories may be removed, and nothing else be done: the last step of removing one's home. */
  readonly emptied: string;
}

// linux/landlock.h. Numbers of system calls are the same on x64 and arm64.
const CREATE_RULESET = 444;
const ADD_RULE = 445;
const RESTRICT_SELF = 446;
const VERSION = 1;
const PATH_BENEATH = 1;
const [WRITE_FILE, READ_FILE, READ_DIR, REMOVE_DIR] = [1 << 1, 1 << 2, 1 << 3, 1 << 4];
/** From EXECUTE to REFER. Before the second version, without REFER, nothing could be renamed into another directory. */
const EVERYTHING = (1 << 14) - 1;
const EXECUTE = 1;
const LEAST_VERSION = 2;
const SET_NO_NEW_PRIVS = 38;
const O_PATH = 0o10000000;

/** Of the system: what the library looks at, none of it the user's. Never /proc whole: other processes' environments are in it. */
export const SYSTEM = [
  ...["/sys", "/proc/self", "/proc/sys", "/proc/pressure", "/usr/lib", "/lib", "/lib64", "/usr/share/zoneinfo"],
  ...["meminfo", "cpuinfo", "stat", "loadavg", "uptime", "version", "diskstats"].map((name) => `/proc/${name}`),
  ...["localtime", "timezone", "hosts", "resolv.conf", "nsswitch.conf", "ld.so.cache"].map((name) => `/etc/${name}`),
  ...["/dev/urandom", "/dev/random"],
];

/** Whether it could be done: false on other systems, on kernels before 5.19, and where a container forbids it. */
export function confine({ DataType, open, load }: Bridge, { own, readable, emptied }: Territory): boolean {
  if (process.platform !== "linux") return false;
  open({ library: "libc", path: "" });
  const call = (name: string, ...values: (number | Uint8Array)[]): number =>
    load({
      library: "libc",
      funcName: name,
      retType: DataType.I32,
      paramsType: values.map((value) => (typeof value === "number" ? DataType.I64 : DataType.U8Array)),
      paramsValue: values.map((value) => (typeof value === "number" ? value : Buffer.from(value.buffer))),
    });
  if (call("syscall", CREATE_RULESET, 0, 0, VERSION) < LEAST_VERSION) return false;
  const handled = new Uint8Array(new BigUint64Array([BigInt(EVERYTHING)]).buffer);
  const ruleset = call("syscall", CREATE_RULESET, handled, handled.length, 0);
  if (ruleset < 0) return false;
  const allow = (path: string, access: number): boolean => {
    // Stays open: a directory of /proc is known to the kernel for only as long.
    const file = openPath(path);
    if (file === undefined) return true;
    const rule = (rights: number): number => call("syscall", ADD_RULE, ruleset, PATH_BENEATH, ruleOf(rights, file), 0);
    // Of what is no directory, only rights for files can be given.
    return rule(access) === 0 || rule(access & (WRITE_FILE | READ_FILE)) === 0;
  };
  const allowed = [
    ...own.map((path) => allow(path, EVERYTHING & ~EXECUTE)),
    ...[...SYSTEM, ...readable].map((path) => allow(path, READ_FILE | READ_DIR)),
    allow("/dev/null", READ_FILE | WRITE_FILE),
    allow(emptied, REMOVE_DIR),
  ];
  if (allowed.includes(false)) return false;
  return call("prctl", SET_NO_NEW_PRIVS, 1, 0, 0, 0) === 0 && call("syscall", RESTRICT_SELF, ruleset, 0) === 0;
}

/** struct landlock_path_beneath_attr, packed: allowed_access (64 bits), parent_fd (32 bits). */
function ruleOf(access: number, file: number): Uint8Array {
  const bytes = new Uint8Array(12);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(access), true);
  view.setInt32(8, file, true);
  return bytes;
}

/** Undefined where it is not there: then there is nothing to allow. */
function openPath(path: string): number | undefined {
  try {
    return openSync(path, O_PATH | constants.O_RDONLY);
  } catch {
    return undefined;
  }
}
