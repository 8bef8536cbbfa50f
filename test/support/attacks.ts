// What somebody who reaches a ClickHouse would try in order to read, write or start what is its owner's. Each works on a
// clickhouse-local with all rights; what stops it on the embedded server is the code that is expected.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Of a right, of a setting that is fixed, and of a file that the kernel refuses: a read, a write. */
export const DENIED = "497";
export const FIXED = "452";
const UNREADABLE = "76";
const UNWRITABLE = "1001";

export interface Attack {
  readonly name: string;
  /** One after the other; those before the last make it ready. */
  readonly queries: readonly string[];
  readonly parameters?: Readonly<Record<string, string>>;
  /** The exception number of the last query. */
  readonly code: string;
  /** Nothing but the kernel stops it: elsewhere than on Linux it works. */
  readonly byKernel?: true;
}

/** A folder with a secret; what is written or read is seen here. */
export class Canary {
  readonly folder = mkdtempSync(join(tmpdir(), "clickstorm-canary-"));
  readonly secret = "Zq7-canary-Zq7";

  constructor() {
    for (const name of ["secret.txt", "secret.csv"]) {
      writeFileSync(join(this.folder, name), `${this.secret}\n`, { mode: 0o600 });
    }
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** Names of what an attack made, and of what it changed. */
  harm(): readonly string[] {
    return readdirSync(this.folder).filter(
      (name) => !name.startsWith("secret.") || readFileSync(this.path(name), "utf8") !== `${this.secret}\n`,
    );
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** `sink`: a URL that nobody may be sent to. */
export function attacks(canary: Canary, sink: string): readonly Attack[] {
  const secret = canary.path("secret.txt");
  const made = (name: string): string => canary.path(`written-${name}`);
  const command = `touch ${made("dictionary")}; cat ${secret}`;
  const blob = (name: string): string => `disk(type = local_blob_storage, path = '${made(name)}/')`;
  const tree = "ENGINE = MergeTree ORDER BY a";
  return [
    {
      name: "a dictionary that runs a command",
      queries: [
        `CREATE DICTIONARY d1 (k UInt64, v String) PRIMARY KEY k SOURCE(EXECUTABLE(COMMAND '${command}' FORMAT 'CSV')) LIFETIME(0) LAYOUT(FLAT())`,
      ],
      code: DENIED,
    },
    {
      name: "a dictionary that asks as the library's own user",
      queries: [
        `CREATE DICTIONARY d2 (k UInt64, v String) PRIMARY KEY k SOURCE(CLICKHOUSE(QUERY 'SELECT 1, file(''${secret}'')')) LIFETIME(0) LAYOUT(FLAT())`,
      ],
      code: DENIED,
    },
    { name: "executable()", queries: ["SELECT * FROM executable('../../bin/id', 'TSV', 'a String')"], code: "1" },
    {
      name: "ENGINE = Executable",
      queries: ["CREATE TABLE x1 (a String) ENGINE = Executable('../../bin/id', 'TSV')"],
      code: DENIED,
    },
    { name: "file() as a table", queries: [`SELECT * FROM file('${secret}', 'LineAsString')`], code: DENIED },
    { name: "file() as a function", queries: [`SELECT file('${secret}')`], code: UNREADABLE, byKernel: true },
    {
      name: "INSERT INTO FUNCTION file()",
      queries: [`INSERT INTO FUNCTION file('${made("file")}', 'CSV', 'a String') VALUES ('x')`],
      code: DENIED,
    },
    {
      name: "a file by the name of a table",
      queries: [`SELECT * FROM default.\`${canary.path("secret.csv")}\``],
      code: DENIED,
    },
    {
      name: "ENGINE = File",
      queries: [`CREATE TABLE f1 (a String) ENGINE = File(LineAsString, '${secret}')`],
      code: DENIED,
    },
    {
      name: "a materialized view into ENGINE = File",
      queries: [
        "CREATE TABLE f2 (a String) ENGINE = Null",
        `CREATE MATERIALIZED VIEW f3 ENGINE = File(CSV, '${made("view")}') AS SELECT a FROM f2`,
      ],
      code: DENIED,
    },
    {
      name: "FROM INFILE",
      queries: [
        "CREATE TABLE f4 (a String) ENGINE = Memory",
        `INSERT INTO f4 FROM INFILE '${secret}' FORMAT LineAsString`,
      ],
      code: UNREADABLE,
      byKernel: true,
    },
    { name: "INTO OUTFILE", queries: [`SELECT 1 INTO OUTFILE '${made("outfile")}'`], code: "358" },
    {
      name: "a template in a file, which its error repeats",
      queries: [`SELECT 1 SETTINGS format_template_row = '${secret}' FORMAT Template`],
      code: FIXED,
    },
    {
      name: "a schema that is written to a file",
      queries: [`SELECT 1 AS a SETTINGS output_format_schema = '${made("schema")}' FORMAT Protobuf`],
      code: FIXED,
    },
    {
      name: "rows with errors that are written to a file",
      queries: ["SELECT * FROM format(CSV, 'a UInt64', 'x\\n1\\n')"],
      parameters: { input_format_record_errors_file_path: made("errors"), input_format_allow_errors_num: "9" },
      code: FIXED,
    },
    // It looks at the file before it looks at rights.
    { name: "sqlite()", queries: [`SELECT * FROM sqlite('${made("sqlite")}', 't')`], code: "481", byKernel: true },
    {
      name: "ENGINE = SQLite",
      queries: [`CREATE TABLE s1 (a String) ENGINE = SQLite('${made("sqlite")}', 't')`],
      code: DENIED,
    },
    {
      name: "a database of engine SQLite",
      queries: [`CREATE DATABASE s2 ENGINE = SQLite('${made("sqlite")}')`],
      code: DENIED,
    },
    {
      name: "a database of engine Filesystem",
      queries: [`CREATE DATABASE s3 ENGINE = Filesystem('${canary.folder}')`],
      code: DENIED,
    },
    {
      name: "ENGINE = EmbeddedRocksDB in a folder",
      queries: [`CREATE TABLE s4 (a String) ENGINE = EmbeddedRocksDB(0, '${made("rocks")}') PRIMARY KEY a`],
      code: DENIED,
    },
    {
      name: "a table's disk in a folder",
      queries: [`CREATE TABLE k1 (a String) ${tree} SETTINGS disk = ${blob("disk")}`],
      code: UNWRITABLE,
      byKernel: true,
    },
    {
      name: "the disk of a table that is attached",
      queries: [
        `ATTACH TABLE k2 UUID '10000000-1000-4000-8000-100000000000' (a String) ${tree} SETTINGS disk = ${blob("attached")}`,
      ],
      code: UNWRITABLE,
      byKernel: true,
    },
    {
      name: "a database's disk in a folder",
      queries: [`CREATE DATABASE k3 ENGINE = Atomic SETTINGS disk = ${blob("database")}`],
      code: UNWRITABLE,
      byKernel: true,
    },
    {
      name: "BACKUP into a folder",
      queries: [`CREATE TABLE k4 (a String) ${tree}`, `BACKUP TABLE k4 TO File('${made("backup")}')`],
      code: DENIED,
    },
    { name: "url()", queries: [`SELECT * FROM url('${sink}', 'LineAsString')`], code: DENIED },
    { name: "ENGINE = URL", queries: [`CREATE TABLE u1 (a String) ENGINE = URL('${sink}', 'CSV')`], code: DENIED },
    {
      name: "s3()",
      queries: [`SELECT * FROM s3('${new URL(sink).origin}/bucket/key', 'CSV', 'a String')`],
      code: DENIED,
    },
    {
      name: "remote()",
      queries: [`SELECT * FROM remote('${new URL(sink).host}', 'system', 'one')`],
      code: DENIED,
    },
    { name: "mysql()", queries: [`SELECT * FROM mysql('${new URL(sink).host}', 'a', 'b', 'c', 'd')`], code: DENIED },
    {
      name: "postgresql()",
      queries: [`SELECT * FROM postgresql('${new URL(sink).host}', 'a', 'b', 'c', 'd')`],
      code: DENIED,
    },
    { name: "odbc()", queries: ["SELECT * FROM odbc('DSN=x', 'a', 'b')"], code: DENIED },
    { name: "jdbc()", queries: ["SELECT * FROM jdbc('x', 'a', 'b')"], code: DENIED },
    {
      name: "a schema registry of one's own",
      queries: ["SELECT * FROM format(AvroConfluent, 'a String', unhex('0000000001aa'))"],
      parameters: { format_avro_schema_registry_url: sink },
      code: FIXED,
    },
    { name: "a named collection", queries: [`CREATE NAMED COLLECTION n1 AS url = '${sink}'`], code: DENIED },
    { name: "CREATE USER", queries: ["CREATE USER evil IDENTIFIED WITH no_password"], code: DENIED },
    { name: "CREATE FUNCTION", queries: ["CREATE FUNCTION evil AS (a) -> file(a)"], code: DENIED },
    { name: "SYSTEM RELOAD FUNCTIONS", queries: ["SYSTEM RELOAD FUNCTIONS"], code: DENIED },
    { name: "SYSTEM SHUTDOWN", queries: ["SYSTEM SHUTDOWN"], code: DENIED },
    {
      name: "answers for the pages of strangers",
      queries: ["SELECT 1"],
      parameters: { add_http_cors_header: "1" },
      code: FIXED,
    },
    {
      name: "the same by a header of one's own",
      queries: ["SELECT 1"],
      parameters: { http_response_headers: "{'Access-Control-Allow-Origin':'*'}" },
      code: FIXED,
    },
  ];
}
