// What who logs in to the embedded server may do, as XML for users.xml. Called by config.ts. Pure.
//
// The library is clickhouse-local: made to run beside its user's files, it lets queries read, write and start what a server
// would not. So the rights are a list of what loads and those who look at them need, and whatever a newer ClickHouse adds is
// not in it. Settings cannot be listed so: those that name a file, an address or a header are fixed instead. What neither
// can take away (the function file(), FROM INFILE) is the system's to refuse: confine.ts.

/** Tables whose rows stay in the data directory or in memory, and those that lead to them. */
const ENGINES = [
  ...["", "Replacing", "Summing", "Aggregating", "Collapsing", "VersionedCollapsing", "Coalescing", "Graphite"].flatMap(
    (kind) => [`${kind}MergeTree`, `Replicated${kind}MergeTree`],
  ),
  ...["Memory", "Null", "Buffer", "Merge", "Distributed", "Set", "Join", "Log", "TinyLog", "StripeLog"],
  ...["View", "MaterializedView", "Alias", "GenerateRandom"],
  // Of databases.
  ...["Atomic", "Replicated"],
];

const RIGHTS = [
  "SELECT, INSERT, SHOW, SHOW ACCESS, CHECK, KILL QUERY",
  "CREATE DATABASE, CREATE TABLE, CREATE VIEW, CREATE TEMPORARY TABLE",
  "DROP DATABASE, DROP TABLE, DROP VIEW, UNDROP TABLE, TRUNCATE, OPTIMIZE",
  "ALTER UPDATE, ALTER DELETE, ALTER COLUMN, ALTER INDEX, ALTER STATISTICS, ALTER PROJECTION, ALTER CONSTRAINT",
  "ALTER TTL, ALTER MATERIALIZE TTL, ALTER SETTINGS, ALTER MODIFY COMMENT, ALTER MOVE PARTITION, ALTER VIEW",
  "SYSTEM MERGES, SYSTEM TTL MERGES, SYSTEM MOVES, SYSTEM VIEWS, SYSTEM FLUSH, SYSTEM DROP CACHE",
  "SYSTEM FETCHES, SYSTEM REPLICATION QUEUES, SYSTEM SYNC REPLICA, SYSTEM RESTART REPLICA, SYSTEM DROP REPLICA",
  "SYSTEM WAIT LOADING PARTS, SYSTEM LOAD PRIMARY KEY, SYSTEM UNLOAD PRIMARY KEY",
];

/** Fixed at their defaults. */
const FIXED = [
  // Files that are read.
  ...["format_schema", "format_template_row", "format_template_resultset"],
  // Files that are written.
  ...["output_format_schema", "input_format_record_errors_file_path", "rename_files_after_processing"],
  // Where the files of tables are.
  ...["merge_tree_disk", "merge_tree_storage_policy", "merge_tree_table_disk", "filesystem_cache_name"],
  ...["dynamic_disk_allow_from_env", "dynamic_disk_allow_include", "dynamic_disk_allow_from_zk"],
  // Addresses.
  ...["format_avro_schema_registry_url", "s3_allow_server_credentials_in_user_queries"],
  // With these, the page of a stranger could read answers.
  ...["add_http_cors_header", "http_response_headers"],
  // SQL that is in no query.
  ...["allow_experimental_eval_table_function", "allow_python_table_function"],
  "allow_introspection_functions",
];

/** What the library's own session does at the start (child.ts). */
const LIBRARY_RIGHTS = "GRANT SYSTEM LISTEN ON *.*";

const CLIENT_RIGHTS = [
  ...RIGHTS.map((rights) => `GRANT ${rights} ON *.*`),
  ...ENGINES.map((engine) => `GRANT TABLE ENGINE ON ${engine}`),
];

/** Of a login. */
export const CLIENT_GRANTS = grants(CLIENT_RIGHTS);
/** Of the library where there is a login. */
export const LIBRARY_GRANTS = grants([LIBRARY_RIGHTS]);
/** Of everybody, and the library among them, where there is none. */
export const OPEN_GRANTS = grants([LIBRARY_RIGHTS, ...CLIENT_RIGHTS]);

/** In each profile. */
export const CONSTRAINTS = `<constraints>${FIXED.map((name) => `<${name}><readonly/></${name}>`).join("")}</constraints>`;

function grants(queries: readonly string[]): string {
  return `<grants>${queries.map((query) => `<query>${query}</query>`).join("")}</grants>`;
}
