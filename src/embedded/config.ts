// The embedded server's configuration: ClickHouse's config.xml and users.xml as text. Called by server.ts.
// Pure: no clock, no I/O. A password enters as text and leaves as its hash only.

import { createHash } from "node:crypto";
import { EmbeddedError } from "./error.js";

/** Read by the library from its working directory. */
export const USERS_FILE = "users.xml";

export interface Login {
  readonly user: string;
  readonly password: string;
}

export interface Place {
  /** 0: the system chooses. */
  readonly port: number;
  readonly dataPath: string;
}

// What a stock server starts with. clickhouse-local, which this is, has room for four merges whatever the machine: under
// eight inserting connections it was seen to fall behind by 300 to 700 parts in 12 s, where these pools kept about 50.
const STOCK_POOLS = `
  <background_pool_size>16</background_pool_size>
  <background_move_pool_size>8</background_move_pool_size>
  <background_common_pool_size>8</background_common_pool_size>
  <background_schedule_pool_size>512</background_schedule_pool_size>
  <merge_tree>
    <number_of_free_entries_in_pool_to_lower_max_size_of_merge>8</number_of_free_entries_in_pool_to_lower_max_size_of_merge>
    <number_of_free_entries_in_pool_to_execute_mutation>20</number_of_free_entries_in_pool_to_execute_mutation>
    <number_of_free_entries_in_pool_to_execute_optimize_entire_partition>25</number_of_free_entries_in_pool_to_execute_optimize_entire_partition>
  </merge_tree>`;

/** Only the logs named here exist: each of the others would write while somebody measures. */
export function configXml({ port, dataPath }: Place): string {
  return `<clickhouse>
  <listen_host>127.0.0.1</listen_host>
  <http_port>${port}</http_port>
  <path>${escapeXml(dataPath)}</path>
  <users_config>${USERS_FILE}</users_config>
  ${systemLog("query_log")}
  ${systemLog("opentelemetry_span_log")}${STOCK_POOLS}
</clickhouse>
`;
}

function systemLog(table: string): string {
  return `<${table}>
    <database>system</database>
    <table>${table}</table>
    <flush_interval_milliseconds>1000</flush_interval_milliseconds>
  </${table}>`;
}

// The library opens one session of its own, as `default` without a password, and no option changes that. It comes from
// 127.0.0.1 like everybody else, so `<networks>` cannot tell it from a client. Hence: without a login, `default` is for
// all; with one, `default` may have one session, which the library holds from before the listener opens to the end.
//
// FILE is revoked because this ClickHouse, unlike a server, would let file() read whatever the user running it can read.
export function usersXml(login: Login): string {
  const open = login.user === "default";
  const granted = "<grants><query>GRANT ALL ON *.*</query><query>REVOKE FILE ON *.*</query></grants>";
  return `<clickhouse>
  <profiles>
    <default>
      <implicit_select>0</implicit_select>
      <allow_introspection_functions>0</allow_introspection_functions>
    </default>
    <library><max_sessions_for_user>1</max_sessions_for_user></library>
  </profiles>
  <quotas><default/></quotas>
  <users>
    ${user("default", "", open ? "default" : "library", open ? granted : "<grants><query>GRANT SYSTEM ON *.*</query></grants>")}
    ${open ? "" : user(login.user, login.password, "default", granted)}
  </users>
</clickhouse>
`;
}

function user(name: string, password: string, profile: string, grants: string): string {
  const hash = createHash("sha256").update(password).digest("hex");
  return `<${name}>
      ${password === "" ? "<password></password>" : `<password_sha256_hex>${hash}</password_sha256_hex>`}
      <networks><ip>127.0.0.1</ip></networks>
      <profile>${profile}</profile>
      <quota>default</quota>
      ${grants}
    </${name}>`;
}

/** Throws EmbeddedError for a login the library cannot offer. */
export function checkLogin({ user, password }: Login): void {
  if (user === "default" && password !== "")
    throw new EmbeddedError(
      "The embedded ClickHouse cannot give its user default a password: the library itself logs in as default without " +
        "one. Pass another --user with the password; default is then closed to everybody else.",
    );
  // The name is an XML element in users.xml.
  if (!/^[A-Za-z_][\w-]*$/.test(user))
    throw new EmbeddedError(
      "The embedded ClickHouse cannot have a user of that name: " +
        "use letters, digits, _ and -, beginning with a letter or _.",
    );
}

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
