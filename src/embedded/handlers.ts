// Which HTTP requests an embedded server answers at all, as XML for config.xml: of several rules the first that fits is taken.
// Called by config.ts. Pure.

/** What a request must be like: a header's value, the path, the method; a text, or `regex:` and one. */
interface Fits {
  readonly headers?: readonly (readonly [name: string, value: string])[];
  readonly url?: string;
  readonly methods?: string;
}

const FOREIGN = "Pages of other origins may not use this server: type its address where you want to see it.";
const NAMELESS =
  "This server lets in one user, by the headers X-ClickHouse-User and X-ClickHouse-Key or by HTTP Basic: `clickstorm serve` printed at its " +
  "start who that is.";

// Browsers say of each request whether a page of another origin makes it; other programs say nothing.
const PAGES = refuse({ headers: [["Sec-Fetch-Site", "regex:(cross-site|same-site)"]] }, FOREIGN);

// A page whose name was made to lead to 127.0.0.1 (DNS rebinding) is of the server's own origin, and shows in the name, with a
// dot and a letter, together with what browsers send and others do not. Where there is a login, such a page does not know it.
const NAME = ["Host", "regex:([^:]*[A-Za-z][^:]*[.][^:]*|[^:]*[.][^:]*[A-Za-z][^:]*)(:[0-9]+)?"] as const;
const NAMES = (["Origin", "Accept-Language", "User-Agent"] as const).map((name) =>
  refuse({ headers: [NAME, [name, name === "User-Agent" ? "regex:Mozilla.*" : "regex:.+"]] }, FOREIGN),
);

/** `user`: the only one who may log in; undefined: everybody may do anything. */
export function handlersXml(user: string | undefined): string {
  const rules = user === undefined ? [PAGES, ...NAMES] : [PAGES, ...named(user)];
  return `
  <http_handlers>${rules.join("")}
    <defaults/>
  </http_handlers>`;
}

// The library's own user `default` has no password, and the session that keeps others from being it ends before the last
// connection does. So queries are for those who name the other user; the rest have pages that need no login, and /ping.
function named(user: string): readonly string[] {
  const query = "<type>dynamic_query_handler</type><query_param_name>query</query_param_name>";
  // The letters of base64 that the name and its colon decide alone. A user in the URL is not looked for: a URL can be written in
  // many ways.
  const basic = Buffer.from(`${user}:`)
    .toString("base64")
    .slice(0, Math.floor((8 * (user.length + 1)) / 6));
  return [
    rule({ headers: [["X-ClickHouse-User", user]] }, query),
    rule({ headers: [["Authorization", `regex:Basic ${basic}.*`]] }, query),
    refuse({ methods: "POST,PUT,PATCH,DELETE,OPTIONS" }, NAMELESS),
    refuse({ url: "regex:/(query)?" }, NAMELESS),
  ];
}

function refuse(fits: Fits, sentence: string): string {
  return rule(fits, `<type>static</type><status>403</status><response_content>${sentence}\n</response_content>`);
}

function rule({ headers = [], ...others }: Fits, handler: string): string {
  const texts = (fields: readonly (readonly [string, string])[]): string =>
    fields.map(([name, value]) => `<${name}>${value}</${name}>`).join("");
  return `
    <rule><headers>${texts(headers)}</headers>${texts(Object.entries(others))}<handler>${handler}</handler></rule>`;
}
