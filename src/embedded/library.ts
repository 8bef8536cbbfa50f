// Where the ClickHouse library and the bridge to it are installed, if they are. Called by server.ts before it starts
// anything. Never loads either of them: they are optional, 540 MB, and belong into a process of their own.

import { createRequire } from "node:module";
import { EmbeddedError } from "./error.js";

export interface Library {
  /** Absolute path of libchdb, a whole ClickHouse in a shared library. */
  readonly libchdb: string;
  /** Absolute path of the module ffi-rs, which can call into it. */
  readonly ffi: string;
}

export interface Machine {
  readonly platform: string;
  readonly arch: string;
  /** Linux only; undefined means another C library, in practice musl (Alpine). */
  readonly glibc: string | undefined;
}

const SUPPORTED = ["linux-x64", "linux-arm64", "darwin-x64", "darwin-arm64"];

/** `from` is the file whose `node_modules` are searched, upwards. Throws EmbeddedError. */
export function locateLibrary(from: string = import.meta.url, machine: () => Machine = thisMachine): Library {
  const require = createRequire(from);
  try {
    // An entry of chdb made for this: it finds the file and loads nothing. Not in chdb 2.
    const { libchdbPath } = require("chdb/libchdb") as typeof import("chdb/libchdb");
    return { libchdb: libchdbPath(), ffi: require.resolve("ffi-rs") };
  } catch (cause) {
    throw new EmbeddedError(`${whyMissing(machine())} Or start a ClickHouse and give its --clickhouse-url.`, { cause });
  }
}

function whyMissing({ platform, arch, glibc }: Machine): string {
  const musl = platform === "linux" && glibc === undefined;
  if (SUPPORTED.includes(`${platform}-${arch}`) && !musl)
    return (
      "The embedded ClickHouse is not installed. Beside clickstorm, run: npm install chdb@3 ffi-rs@1 " +
      "(about 540 MB; it exists for Linux with glibc and for macOS)."
    );
  return (
    `The embedded ClickHouse does not exist for ${musl ? "Linux with musl (Alpine)" : `${platform} on ${arch}`}: ` +
    "use Linux with glibc or macOS, x64 or arm64."
  );
}

function thisMachine(): Machine {
  const { platform, arch } = process;
  if (platform !== "linux") return { platform, arch, glibc: undefined };
  // The report is Node's own way to tell the C library; it has no public type.
  const report = process.report.getReport() as unknown as {
    readonly header: { readonly glibcVersionRuntime?: string };
  };
  return { platform, arch, glibc: report.header.glibcVersionRuntime };
}
