// ClickHouse without a server: clickhouse-local out of the embedded library, in a process of its own. It reads files,
// which the embedded server does not let anybody do.

import { execFile } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { locateLibrary } from "../../src/embedded/library.js";

/** The answer goes to a file: what the library has not yet written to standard output is lost, as its exit handlers hang. */
const PROGRAM = `
  import { createRequire } from "node:module";
  const [libchdb, ffi, query] = process.argv.slice(1);
  const { DataType, load, open } = createRequire(ffi)(ffi);
  open({ library: "chdb", path: libchdb });
  const call = (funcName, retType, paramsType, paramsValue) => load({ library: "chdb", funcName, retType, paramsType, paramsValue });
  call("chdb_set_signal_handlers_enabled", DataType.Void, [DataType.I32], [0]);
  const argv = ["clickhouse-local", "--query=" + query];
  call("chdb_query_cmdline", DataType.External, [DataType.I32, DataType.StringArray], [argv.length, argv]);
  process.kill(process.pid, "SIGKILL");
`;

const ANSWER = "answer.tsv";

/** What ClickHouse answers; relative file names are those of `folder`. Throws what it complains of. */
export async function clickhouseLocal(query: string, folder: string): Promise<string> {
  const { libchdb, ffi } = locateLibrary();
  const file = join(folder, ANSWER);
  rmSync(file, { force: true });
  const args = ["--input-type=module", "-e", PROGRAM, libchdb, ffi, `${query} INTO OUTFILE '${ANSWER}'`];
  const ended = await promisify(execFile)(process.execPath, args, { cwd: folder, timeout: 60_000 }).catch(
    // It ends itself by a signal.
    (error: { readonly stderr: string }) => error,
  );
  if (ended.stderr !== "") throw new Error(ended.stderr);
  return readFileSync(file, "utf8").trimEnd();
}
