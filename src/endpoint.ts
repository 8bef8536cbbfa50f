// One --clickhouse-url: where it points, and the headers that authenticate. Pure. May cross to a worker thread.

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

/** A URL, or what was meant to be one, without what may be a password: user information, query, fragment. */
export function redact(url: string): string {
  const scheme = /^[a-z][a-z\d+.-]*:\/\//i.exec(url)?.[0] ?? "";
  const rest = url.slice(scheme.length);
  // A password may hold any of these characters itself: nothing behind the first is sure to be none.
  const [plain = ""] = rest.split(/[?#]/, 1);
  const hidden = plain === rest ? "" : "?***";
  const at = rest.lastIndexOf("@");
  if (at < 0) return scheme + plain + hidden;
  return hidden === "" ? `${scheme}***@${rest.slice(at + 1)}` : `${scheme}***`;
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
