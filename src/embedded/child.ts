// Entry of the child process that becomes the ClickHouse server: loads libchdb and runs it until standard input ends.
// Started by server.ts, which holds the other end of standard input: its death, even by kill -9, ends this process too.
// Never returns to Node's event loop while the server lives, so no timer and no signal handler would run here.

import { rmSync, writeFileSync, writeSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { confine } from "./confine.js";
import { CONFIG_FILE, CONFINED_FILE, PORT_FILE } from "./home.js";
import { SERVER_FILE, sign } from "./leftovers.js";

// The working directory is the home: relative names need no quoting in SQL, and the library sees no file of the user's
// there to take for a table.
const [libchdb, ffi, dataPath] = process.argv.slice(2);
const home = process.cwd();
// What the server writes is its owner's alone.
process.umask(0o077);

try {
  if (libchdb === undefined || ffi === undefined || dataPath === undefined)
    throw new Error("usage: child.js LIBCHDB FFI-RS DATA");
  sign(home, SERVER_FILE);
  serve(libchdb, ffi, dataPath);
} catch (error) {
  writeSync(2, `${error instanceof Error ? error.message : String(error)}\n`);
} finally {
  rmSync(home, { recursive: true, force: true, maxRetries: 5 });
  // The library's exit handlers hang. Nothing on disk depends on them.
  process.kill(process.pid, "SIGKILL");
}

/** Returns when standard input has ended and the server has shut down; throws if it could not start. */
function serve(libchdb: string, ffi: string, dataPath: string): void {
  const bridge = createRequire(import.meta.url)(ffi) as typeof import("ffi-rs");
  const { DataType, isNullPointer, load, open } = bridge;
  const territory = { own: [home, dataPath], readable: [dirname(libchdb)], emptied: dirname(home) };
  if (confine(bridge, territory)) writeFileSync(CONFINED_FILE, "");
  const library = "chdb";
  open({ library, path: libchdb });
  // The library's crash handler would hang the process at the end.
  load({
    library,
    funcName: "chdb_set_signal_handlers_enabled",
    retType: DataType.Void,
    paramsType: [DataType.I32],
    paramsValue: [0],
  });
  const argv = [
    "clickhouse-local",
    `--config-file=${CONFIG_FILE}`,
    `--query=SYSTEM START LISTEN HTTP; SELECT getServerPort('http_port') INTO OUTFILE '${PORT_FILE}'`,
    // After these queries, read more from standard input, where none ever comes: this is what keeps the server up
    // without a query that runs for ever and without the right to read files.
    "--interactive",
    "--disable_suggestion",
    "--history_file=/dev/null",
  ];
  const result = load({
    library,
    funcName: "chdb_query_cmdline",
    retType: DataType.External,
    paramsType: [DataType.I32, DataType.StringArray],
    paramsValue: [argv.length, argv],
  });
  // ClickHouse's own exceptions are already on standard error; others (a file that is no XML) are only here. Read as a
  // pointer first: to read a null pointer as a string crashes.
  const error = { library, funcName: "chdb_result_error", paramsType: [DataType.External], paramsValue: [result] };
  if (isNullPointer(load({ ...error, retType: DataType.External }))) return;
  const [sentence] = load({ ...error, retType: DataType.String }).split(", Stack trace");
  throw new Error(sentence);
}
