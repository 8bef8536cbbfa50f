// What may be shown of a text that somebody typed, that stands in a file, or that a server said: the one place that decides.
// Sentences quote values through it. What may be a password is described and not quoted. Pure.

/** Of a value so much is shown. */
const LONGEST = 60;

/** Behind a scheme a password may stand, with any character in it but a space. */
const URL_TEXT = /([a-z][a-z\d+.-]*:\/\/)\S*/gi;
/** user:password@, or what is left of it. */
const LOGIN_TEXT = /\S*:\S*@\S*/g;
const SECRET_NAME = /pass|pwd|secret|token|credential|authori[sz]ation|key\b|_key|apikey/i;
const SECRET_PAIR = /([\w.-]*(?:pass|pwd|secret|token|credential|authori[sz]ation|key)[\w.-]*\s*[=:]\s*)\S+/gi;

/** The end of "…, got": a value of a flag that is no place for secrets, without what looks like one all the same. */
export function quoted(value: string): string {
  if (/^\s*$/.test(value)) return "nothing";
  const text = withoutLogins(value);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}

/** A text of several words with URLs, logins and secrets=… in it, without these. */
export const withoutLogins = (text: string): string =>
  text.replace(URL_TEXT, "$1***").replace(LOGIN_TEXT, "***").replace(SECRET_PAIR, "$1***");

/** Schemes people write for ClickHouse's: shown, as they are no beginning of a password. */
const SCHEMES = /^(tcp|udp|ftp|file|ws|wss|grpc|native|clickhouses?|ch|jdbc|https?)(?=:)/i;

/** The end of "…, got" of a value that was to be a URL: what is wrong with it, and nothing of it. */
export function quotedUrl(value: string): string {
  if (/^\s*$/.test(value)) return "nothing";
  if (/^https?:\/\//i.test(value)) {
    return "one that cannot be read: was it cut at a space, or is there a /, ?, #, @ or % in its user or password, which are written %2F, %3F, %23, %40 and %25 there?";
  }
  const scheme = SCHEMES.exec(value)?.[0].toLowerCase();
  return scheme === undefined || /^https?$/.test(scheme)
    ? "one that does not begin with http:// or https://"
    : `one that begins with ${scheme}: and not with http:// or https://`;
}

/** Flags whose value is glued to them as other clients have it: -pSECRET, --passwordSECRET. */
const GLUED = /^(pass(?:word|wd)?(?:-file)?|clickhouse-url|otlp-endpoint)(?=.)/i;

/** The name of a flag that there is none of, up to where a value may be glued to it. */
export function quotedName(name: string): string {
  const [plain = ""] = /^[A-Za-z-]{0,30}/.exec(name) ?? [];
  const [glued] = GLUED.exec(plain) ?? [];
  const shown = glued ?? plain;
  return shown === name ? name : `${shown}…`;
}

/** Whether a value is a number or a word of logic, and so no secret whatever it is for. */
export const isPlain = (value: string): boolean => /^[-+]?[\d.]*$|^(true|false|auto|default|none)$/i.test(value);

/** A setting's value as reports have it: without a login in a URL, and not at all where its name says that it is a secret. */
export const quotedSetting = (name: string, value: string): string =>
  SECRET_NAME.test(name) && !isPlain(value) ? "***" : value.replace(/([a-z][a-z\d+.-]*:\/\/)[^/\s]*@/gi, "$1***@");

/** What nobody is to be shown of a setting: nothing of a harmless one, so that a server's words that are in its value as well stay. */
export function secretsOfSetting(name: string, value: string): readonly string[] {
  if (quotedSetting(name, value) === value) return [];
  const passwords = [...value.matchAll(/:\/\/[^/\s:@]*:([^/\s]*)@/g)].map(([, password = ""]) => password);
  return [value, ...passwords];
}

export const quotedSettings = (settings: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, quotedSetting(name, value)]));

/** What is that short is a part of other words: taking it out would tell it. */
const SHORTEST = 4;
/** A shorter one is somewhere in many a sentence. */
const LONG_NUMBER = /^\d{6,}$/;

/** What others said, who may have been told secrets: without them, however they are written. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  let left = text;
  for (const secret of secrets) {
    if (secret.length < SHORTEST || (isPlain(secret) && !LONG_NUMBER.test(secret))) continue;
    for (const spelling of spellings(secret)) left = left.replaceAll(spelling, "***");
  }
  return left;
}

/** The longest first: one may be a part of another. */
function spellings(secret: string): readonly string[] {
  const bytes = Buffer.from(secret, "utf8");
  const all = [
    secret,
    encodeURIComponent(secret),
    encodeURIComponent(secret).replaceAll("%20", "+"),
    JSON.stringify(secret).slice(1, -1),
    secret.replaceAll("\\", "\\\\").replaceAll("'", "\\'"),
    bytes.toString("base64").replace(/=+$/, ""),
    bytes.toString("base64url"),
    bytes.toString("hex"),
  ];
  return [...new Set(all)].toSorted((one, other) => other.length - one.length);
}

/** A URL in which nothing can be hidden. */
const BARE_URL = /^https?:\/\/(\[[\da-f:.]+\]|[\w.-]+)(:\d{1,5})?(\/[^@?#\s]*)?$/i;

/** The words of the command line without secrets; undefined: there are none in it. */
export function quotedArgs(words: readonly string[]): readonly string[] | undefined {
  const shown = words.map((word, index) => {
    if (/^--?pass(word|wd)?$/i.test(words[index - 1] ?? "")) return "***";
    const [, flag = word, value] = /^(--?[\w-]+)=(.*)$/s.exec(word) ?? [];
    if (BARE_URL.test(value ?? word)) return word;
    // As other clients have it.
    return /^-p(?!ass(word|wd)?$|assword-file$)./i.test(flag) ? "-p***" : withoutLogins(word);
  });
  return shown.some((word, index) => word !== words[index]) ? shown : undefined;
}
