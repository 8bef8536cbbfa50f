// The embedded server's configuration: ClickHouse's config.xml and users.xml as text. Called by server.ts.
// Pure: no clock, no I/O. A password enters as text and leaves as its hash only.

import { createHash } from "node:crypto";
import { handlersXml } from "./handlers.js";
import type { Login } from "./login.js";
import { CLIENT_GRANTS, CONSTRAINTS, LIBRARY_GRANTS, OPEN_GRANTS } from "./rights.js";

/** Read by the library from its working directory. */
export const USERS_FILE = "users.xml";

export interface Place {
  /** 0: the system chooses. */
  readonly port: number;
  readonly dataPath: string;
  /** The only one who may log in; undefined: open to everybody. */
  readonly user: string | undefined;
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

// What a server has by default, or should: rights are asked for, and no page that runs a client.
const CLOSED = `
  <access_control_improvements>
    <table_engines_require_grant>true</table_engines_require_grant>
    <select_from_system_db_requires_grant>true</select_from_system_db_requires_grant>
    <select_from_information_schema_requires_grant>true</select_from_information_schema_requires_grant>
    <on_cluster_queries_require_cluster_grant>true</on_cluster_queries_require_cluster_grant>
    <settings_constraints_replace_previous>true</settings_constraints_replace_previous>
    <enable_read_write_grants>true</enable_read_write_grants>
  </access_control_improvements>
  <enable_webterminal>false</enable_webterminal>
  <allow_experimental_webterminal>false</allow_experimental_webterminal>
  <remote_url_allow_hosts></remote_url_allow_hosts>`;

/** Only the logs named here exist: each of the others would write while somebody measures. */
export function configXml({ port, dataPath, user }: Place): string {
  return `<clickhouse>
  <listen_host>127.0.0.1</listen_host>
  <http_port>${port}</http_port>
  <path>${escapeXml(dataPath)}</path>
  <users_config>${USERS_FILE}</users_config>
  ${systemLog("query_log")}
  ${systemLog("opentelemetry_span_log")}${STOCK_POOLS}${CLOSED}${handlersXml(user)}
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
// all; with one, `default` may have one session, which the library holds from before the listener opens until after it is
// shut, and next to no rights; and no request that does not name the other user is asked (handlers.ts).
export function usersXml(login: Login | undefined): string {
  return `<clickhouse>
  <profiles>
    <default>
      <implicit_select>0</implicit_select>
      ${CONSTRAINTS}
    </default>
    <library><profile>default</profile><max_sessions_for_user>1</max_sessions_for_user></library>
  </profiles>
  <quotas><default/></quotas>
  <users>
    ${login === undefined ? user("default", "", "default", OPEN_GRANTS) : user("default", "", "library", LIBRARY_GRANTS)}
    ${login === undefined ? "" : user(login.user, login.password, "default", CLIENT_GRANTS)}
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

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
