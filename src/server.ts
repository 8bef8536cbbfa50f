// Questions to one ClickHouse endpoint over HTTP: pre-flight and ledger. Main thread only; the load never goes this way.

import { Agent, request } from "undici";
import { type Code, classifyAnswer, classifyError, isOurFault } from "./answer.js";
import { type Endpoint, secretsOf, shown, withParameters } from "./endpoint.js";
import { withoutSecrets } from "./quoted.js";
import { printable } from "./text.js";
import { connectorOf } from "./tls.js";
import { USER_AGENT } from "./version.js";

/** ClickHouse said no, or could not be asked. The message is fit for a user and holds no password. */
export class ServerError extends Error {
  constructor(
    message: string,
    /** As counted for inserts: an exception number or a transport code. */
    readonly code: Code,
  ) {
    super(message);
  }
}

/** An answer came that cannot be, whatever the table holds. Who asks again hears the same. */
export class ImpossibleError extends ServerError {
  constructor(message: string) {
    super(message, "malformed_answer");
  }
}

/** Whoever waits for the answers. */
export interface Patience {
  /** Aborted: nobody waits any more, and questions reject with its reason. */
  readonly signal?: AbortSignal;
  /** Hears, in a sentence, that an answer takes long. */
  readonly onSlow?: (sentence: string) => void;
  /** How long that is. */
  readonly slowMs?: number;
  /** Default 30 s: a service that sleeps when idle may take so long to wake up. */
  readonly timeoutMs?: number;
}

/** Bytes; the columns of the widest tables are a tenth of it. */
const LONGEST_ANSWER = 64 * 2 ** 20;

const HTTP_PORT = "is this ClickHouse's HTTP port (8123, or 8443 with https://; not 9000)?";
const ADVICE: Readonly<Partial<Record<Code, string>>> = {
  connection_refused: "nothing listens there: is ClickHouse running? `clickstorm serve` starts one",
  connection_reset: `the connection was closed without an answer: ${HTTP_PORT}`,
  connect_timeout: "no connection in time: is the address right, and no firewall between?",
  host_not_found: "there is no host of that name",
  host_unreachable: "there is no way to that host",
  too_many_open_files: "this process has as many files and connections open as it may: ulimit -n allows more",
  no_free_port: "this machine has no local port left for one more connection",
  malformed_answer: `the answer is not HTTP: ${HTTP_PORT}`,
};

const CLOSED_OVER_TLS =
  "the connection was closed without an answer: the server may ask for a client certificate, or not accept it: --tls-cert and --tls-key";

/** One an endpoint. They keep no connection open: there is nothing to close. */
const agents = new WeakMap<Endpoint, Agent>();

/** What questions to an endpoint are asked with: settings of session.ts. */
const own = new WeakMap<Endpoint, Readonly<Record<string, string>>>();

/** From here on, questions to the endpoint carry these settings; inserts do not. */
export function askedWith(endpoint: Endpoint, settings: Readonly<Record<string, string>>): void {
  own.set(endpoint, settings);
}

function agentFor(endpoint: Endpoint): Agent {
  const agent = agents.get(endpoint) ?? new Agent({ connect: connectorOf(endpoint) });
  agents.set(endpoint, agent);
  return agent;
}

/** `onBytes`: takes what comes with a good answer, whose text is then none. */
async function post(
  endpoint: Endpoint,
  parameters: Readonly<Record<string, string>>,
  body: string | Uint8Array,
  { signal, onSlow, slowMs = 3000, timeoutMs = 30_000 }: Patience = {},
  onBytes?: (bytes: Uint8Array) => void,
): Promise<string> {
  const name = shown(endpoint);
  const slow = setTimeout(() => onSlow?.(`waiting for an answer from ${name}, up to ${timeoutMs / 1000} s`), slowMs);
  const late = AbortSignal.timeout(timeoutMs);
  try {
    const answer = await request(endpoint.origin + withParameters(endpoint.path, parameters), {
      method: "POST",
      headers: { "user-agent": USER_AGENT, ...endpoint.headers },
      body,
      // A connection kept open for nothing holds up the end of a server that waits for its clients.
      reset: true,
      // A question has a time limit of its own.
      headersTimeout: 0,
      bodyTimeout: 0,
      dispatcher: agentFor(endpoint),
      signal: signal === undefined ? late : AbortSignal.any([signal, late]),
    });
    const header = answer.headers["x-clickhouse-exception-code"];
    // What is no ClickHouse would be taken for one that has no rows.
    if (onBytes !== undefined && header === undefined && answer.headers["x-clickhouse-format"] === "RowBinary") {
      for await (const bytes of answer.body) onBytes(bytes);
      return "";
    }
    const text = await textOf(answer.body, name);
    const exception = Array.isArray(header) ? header[0] : header;
    const outcome = classifyAnswer(answer.statusCode, exception, text.slice(0, 4096));
    if (outcome.kind === "acknowledged" && onBytes === undefined) return text;
    if (outcome.kind === "acknowledged") {
      throw new ServerError(`${name} does not answer as ClickHouse does`, "malformed_answer");
    }
    const said = withoutSecrets(outcome.sentence, secretsOf(endpoint, parameters));
    if (typeof outcome.code === "number") throw new ServerError(plain(said), outcome.code);
    const sentence = plain(said.replace(/<[^>]*>/g, " "));
    throw new ServerError(`${name} does not answer as ClickHouse does: ${sentence}`, outcome.code);
  } catch (error) {
    if (error instanceof ServerError || !(error instanceof Error) || signal?.aborted) throw error;
    const outcome = classifyError(rootOf(error), true, late.aborted);
    if (outcome.kind === "acknowledged") throw error;
    const why =
      outcome.code === "timeout" ? `no answer within ${timeoutMs / 1000} s: ${HTTP_PORT}` : reason(outcome, endpoint);
    const asked = isOurFault(outcome) ? `cannot ask ClickHouse at ${name}` : `cannot reach ClickHouse at ${name}`;
    throw new ServerError(`${asked}: ${why}`, outcome.code);
  } finally {
    clearTimeout(slow);
  }
}

/** The whole text, if it is not too long: a stranger's may never end. */
async function textOf(body: AsyncIterable<Uint8Array>, name: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > LONGEST_ANSWER)
      throw new ServerError(`${name} does not answer as ClickHouse does: with more than 64 MiB`, "malformed_answer");
  }
  return Buffer.concat(chunks).toString("utf8");
}

function reason({ code, sentence }: { readonly code: Code; readonly sentence: string }, { origin }: Endpoint): string {
  if (code === "connection_reset" && origin.startsWith("https:")) return CLOSED_OVER_TLS;
  return ADVICE[code] ?? plain(sentence);
}

/** A host with several addresses fails with an error of errors. */
function rootOf(error: Error): Error {
  return error instanceof AggregateError && error.errors[0] instanceof Error ? error.errors[0] : error;
}

/** What a stranger said, fit for a terminal, in one line. */
const plain = (text: string): string => printable(text.replace(/[\p{Cc}\s]+/gu, " ")).trim();

/**
 * The rows of a query, as objects; `values` fills {name:Type} in the text. Numbers of 64 bits may come as strings.
 *
 * @param settings over those of {@link askedWith}
 */
export async function query(
  endpoint: Endpoint,
  sql: string,
  values: Readonly<Record<string, string>> = {},
  patience: Patience = {},
  settings: Readonly<Record<string, string>> = {},
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const parameters = { ...own.get(endpoint), ...settings, ...substituted(values) };
  const answer = parseJson(await post(endpoint, parameters, `${sql} FORMAT JSON`, patience));
  if (typeof answer !== "object" || answer === null || !("data" in answer) || !Array.isArray(answer.data)) {
    throw new ServerError(`${shown(endpoint)} does not answer as ClickHouse does`, "malformed_answer");
  }
  return answer.data;
}

/**
 * A count as an answer has it: whole, not negative, and no more than can be. Throws an ImpossibleError for all else that may stand
 * there, so that no figure is made of it.
 */
export function countOf(
  row: Readonly<Record<string, unknown>> | undefined,
  name: string,
  most = Number.MAX_SAFE_INTEGER,
): number {
  const value = row?.[name];
  const isText = typeof value === "string" && /^\d+$/.test(value);
  const count = typeof value === "number" || isText ? Number(value) : Number.NaN;
  if (Number.isSafeInteger(count) && count >= 0 && count <= most) return count;
  const said = printable(JSON.stringify(value) ?? "nothing").slice(0, 100);
  throw new ImpossibleError(`an answer has ${said} for the number of ${name}`);
}

/**
 * The rows of a query in the format RowBinary, as they come. The server keeps its answer back until it is whole, so that
 * nothing comes of a query that fails.
 */
export async function queryBinary(
  endpoint: Endpoint,
  sql: string,
  values: Readonly<Record<string, string>>,
  onBytes: (bytes: Uint8Array) => void,
  patience: Patience = {},
): Promise<void> {
  const parameters = { ...own.get(endpoint), ...substituted(values), wait_end_of_query: "1" };
  await post(endpoint, parameters, `${sql} FORMAT RowBinary`, patience, onBytes);
}

/** Values of {name:Type} as parameters. */
const substituted = (values: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(values).map(([name, value]) => [`param_${name}`, value.replace(/[\\\t\n\r]/g, escaped)]),
  );

/** The server reads a value as a field of TabSeparated. */
const escaped = (character: string): string => `\\${{ "\t": "t", "\n": "n", "\r": "r" }[character] ?? character}`;

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The answer's text to a statement that gives no rows, or is not asked for any. */
export async function execute(
  endpoint: Endpoint,
  sql: string,
  parameters: Readonly<Record<string, string>> = {},
  patience: Patience = {},
): Promise<string> {
  return post(endpoint, { ...own.get(endpoint), ...parameters }, sql, patience);
}

/**
 * An insert of no rows, with exactly the parameters the load's inserts have: what they would meet, it meets.
 * @param nothing no rows, as the endpoint's headers say that they are encoded
 */
export async function insertNothing(
  endpoint: Endpoint,
  parameters: Readonly<Record<string, string>>,
  patience: Patience = {},
  nothing: string | Uint8Array = "",
): Promise<void> {
  try {
    await post(endpoint, parameters, nothing, patience);
  } catch (error) {
    // NO_DATA_TO_INSERT: older servers say so, after having checked all that matters here.
    if (!(error instanceof ServerError && error.code === 108)) throw error;
  }
}

/** A name as an identifier of ClickHouse's SQL, whatever characters it has. */
export function quoteIdentifier(name: string): string {
  return `\`${name.replaceAll("\\", "\\\\").replaceAll("`", "\\`")}\``;
}
