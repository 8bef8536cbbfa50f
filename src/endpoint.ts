// One --clickhouse-url: where it points, and the headers that authenticate. Pure. May cross to a worker thread.

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

export interface Endpoint {
  /** scheme://host:port */
  readonly origin: string;
  /** Path with the URL's own query, without the password; "/" at least. */
  readonly path: string;
  readonly host: string;
  readonly port: number;
  /** The `database` of the URL's query. */
  readonly database: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

/** What may be shown: no user information, no query. */
export function shown(endpoint: Endpoint): string {
  return endpoint.origin + endpoint.path.replace(/\?.*$/, "").replace(/\/$/, "");
}

/** The endpoint of a URL that {@link parseUrl} took. User information in the URL goes before `credentials`. */
export function endpointOf(url: URL, credentials: Credentials): Endpoint {
  const inUrl = url.username !== "" || url.password !== "";
  const user = inUrl ? decodeURIComponent(url.username) || "default" : credentials.user;
  const password = inUrl ? decodeURIComponent(url.password) : credentials.password;
  return {
    origin: url.origin,
    path: url.pathname + url.search,
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: Number(url.port) || (url.protocol === "https:" ? 443 : 80),
    database: url.searchParams.get("database") ?? undefined,
    // The server reads header values as bytes of UTF-8, the client writes them as Latin-1.
    headers: { "x-clickhouse-user": utf8AsLatin1(user), "x-clickhouse-key": utf8AsLatin1(password) },
  };
}

const utf8AsLatin1 = (text: string): string => Buffer.from(text, "utf8").toString("latin1");

/** `path` with more parameters in its query. */
export function withParameters(path: string, parameters: Readonly<Record<string, string>>): string {
  const query = new URLSearchParams(parameters).toString().replaceAll("+", "%20");
  if (query === "") return path;
  return `${path}${path.includes("?") ? "&" : "?"}${query}`;
}
