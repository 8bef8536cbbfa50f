// A ClickHouse with users who may do less than everything. All have the same password.

import { createHash } from "node:crypto";
import { type EmbeddedServer, startEmbedded } from "../../src/embedded/server.js";

export const PASSWORD = "Zq7-hunter2-Zq7";

/** Name → settings profile and grants. */
const USERS = {
  owner: { profile: "default", grants: ["GRANT ALL ON *.*"] },
  /** May do everything, in a profile that allows only reading. */
  guest: { profile: "readonly", grants: ["GRANT ALL ON *.*"] },
  reader: { profile: "default", grants: ["GRANT SELECT ON *.*"] },
  writer: { profile: "default", grants: ["GRANT INSERT ON *.*"] },
} as const;
export type User = keyof typeof USERS;

export async function startWithUsers(): Promise<EmbeddedServer> {
  const hash = createHash("sha256").update(PASSWORD).digest("hex");
  const users = Object.entries(USERS).map(
    ([name, { profile, grants }]) => `<${name}>
      <password_sha256_hex>${hash}</password_sha256_hex>
      <networks><ip>127.0.0.1</ip></networks>
      <profile>${profile}</profile>
      <quota>default</quota>
      <grants>${grants.map((grant) => `<query>${grant}</query>`).join("")}</grants>
    </${name}>`,
  );
  return startEmbedded({
    login: "none",
    extraConfig: {
      usersXml: `<profiles><readonly><readonly>1</readonly></readonly></profiles><users>${users.join("")}</users>`,
    },
  });
}

/** The server's answer to the owner of everything. */
export async function askAsOwner({ url }: EmbeddedServer, sql: string): Promise<string> {
  const headers = { "X-ClickHouse-User": "owner", "X-ClickHouse-Key": PASSWORD };
  const response = await fetch(url, { method: "POST", headers, body: sql });
  const text = await response.text();
  if (!response.ok) throw new Error(text);
  return text.trim();
}
