// The ClickHouse of the tests of this process, asked by a path of its own (fetch), so that what it says is a second source.

import { type EmbeddedServer, startEmbedded } from "../../src/embedded/server.js";

let server: EmbeddedServer | undefined;
let databases = 0;

/** Unless it runs already. */
export async function startServer(): Promise<void> {
  server ??= await startEmbedded({ login: "none" });
}

export async function stopServer(): Promise<void> {
  await server?.stop();
}

/** http://127.0.0.1:PORT */
export function serverUrl(): string {
  if (server === undefined) throw new Error("the embedded ClickHouse is not running");
  return server.url;
}

/** The text of an answer; throws what the server says. */
export async function clickhouse(sql: string, database = "default"): Promise<string> {
  const response = await fetch(`${serverUrl()}/?database=${encodeURIComponent(database)}`, {
    method: "POST",
    body: sql,
  });
  const text = await response.text();
  if (!response.ok) throw new Error(text);
  return text.trim();
}

/** The rows of an answer, 64-bit numbers as numbers. */
export async function rowsOf<T>(sql: string, database = "default"): Promise<T[]> {
  const settings = "SETTINGS output_format_json_quote_64bit_integers = 0";
  const { data }: { data: T[] } = JSON.parse(await clickhouse(`${sql} ${settings} FORMAT JSON`, database));
  return data;
}

/** The one value of an answer as a number. */
export async function numberOf(sql: string, database = "default"): Promise<number> {
  return Number(await clickhouse(sql, database));
}

/** A new, empty database, and the --clickhouse-url that names it. */
export async function newDatabase(): Promise<{ readonly database: string; readonly url: string }> {
  const database = `test_${process.pid}_${databases++}`;
  await clickhouse(`CREATE DATABASE ${database}`);
  return { database, url: `${serverUrl()}/?database=${database}` };
}
