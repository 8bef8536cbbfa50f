// One --clickhouse-url: where it points, and the headers that authenticate. Pure. May cross to a worker thread.

import { secretsOfSetting } from "./quoted.js";
import type { Tls } from "./tls.js";

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

export interface Endpoint {
  /** scheme://host:port */
  readonly origin: string;
  /** Path with the URL's own query; "/" at least. Never holds the password. */
  readonly path: string;
  readonly host: string;
  readonly port: number;
  /** Where to connect, of a host that has several addresses; undefined: wherever the host's name leads. */
  readonly address?: string;
  /** The `database` of the URL's query. */
  readonly database: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** Of an https:// endpoint; absent: as Node does it by itself. */
  readonly tls?: Tls;
}

/** What may be shown: no user information, no query. */
export function shown({ origin, path, address }: Endpoint): string {
  const url = origin + path.replace(/\?.*$/, "").replace(/\/$/, "");
  return address === undefined ? url : `${url} (${address})`;
}

/**
 * The endpoint of an http: or https: URL. User and password in it go before `credentials`, each by itself. Throws a
 * URIError when they hold a % that begins no escape.
 */
export function endpointOf(url: URL, credentials: Credentials, tls?: Tls): Endpoint {
  const user = decodeURIComponent(url.username) || credentials.user;
  const password = decodeURIComponent(url.password) || credentials.password;
  return {
    origin: url.origin,
    path: url.pathname + url.search,
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: Number(url.port) || (url.protocol === "https:" ? 443 : 80),
    database: url.searchParams.get("database") || undefined,
    // The server reads header values as bytes of UTF-8, the client writes them as Latin-1.
    headers: { "x-clickhouse-user": utf8AsLatin1(user), "x-clickhouse-key": utf8AsLatin1(password) },
    ...(tls !== undefined && url.protocol === "https:" && { tls }),
  };
}

/**
 * What nobody is to be shown of a request to it, should an answer quote it: the password, what curl would take for one in the
 * user, and what was given for parameters whose name or value says that it is a secret.
 */
export function secretsOf(
  { headers, path }: Endpoint,
  parameters: Readonly<Record<string, string>> = {},
): readonly string[] {
  const [user = "", key = ""] = ["x-clickhouse-user", "x-clickhouse-key"].map((name) =>
    Buffer.from(headers[name] ?? "", "latin1").toString("utf8"),
  );
  const given = [...new URLSearchParams(path.split("?")[1]), ...Object.entries(parameters)];
  const told = given.flatMap(([name, value]) => secretsOfSetting(name, value));
  return [key, /:(.*)$/s.exec(user)?.[1] ?? "", ...told].filter((text) => text !== "");
}

const utf8AsLatin1 = (text: string): string => Buffer.from(text, "utf8").toString("latin1");

/** Whether HTTP headers carry the text unchanged: no control characters, no spaces at its ends. */
export function fitsHeader(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones looked for.
  return !/[\x00-\x08\x0a-\x1f\x7f]/.test(text) && text === text.trim();
}

/** `path` with more parameters in its query, in place of those of the same names. */
export function withParameters(path: string, parameters: Readonly<Record<string, string>>): string {
  const query = new URLSearchParams(parameters).toString().replaceAll("+", "%20");
  if (query === "") return path;
  const [place = "", own = ""] = path.split(/\?(.*)/s);
  const kept = own.split("&").filter((pair) => pair !== "" && !(nameOf(pair) in parameters));
  return `${place}?${[...kept, query].join("&")}`;
}

const nameOf = (pair: string): string => [...new URLSearchParams(pair).keys()][0] ?? "";
