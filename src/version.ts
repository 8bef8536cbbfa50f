// The program's version, from package.json two folders above the compiled file.

import { readFileSync } from "node:fs";

const manifest: { readonly version: string } = JSON.parse(
  readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
);

export const VERSION = manifest.version;

/** Of every request to ClickHouse: system.query_log has it as http_user_agent. */
export const USER_AGENT = `clickstorm/${VERSION}`;
