// Questions to one ClickHouse endpoint over HTTP: pre-flight and ledger. Main thread only; the load never goes this way.

import { request } from "undici";
import { type Code, classifyAnswer, classifyError } from "./answer.js";
import { type Endpoint, shown, withParameters } from "./endpoint.js";

const TIMEOUT_MS = 30_000;

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

const ADVICE: Readonly<Partial<Record<Code, string>>> = {
  connection_refused: "nothing listens there: is ClickHouse running? `clickstorm serve` starts one",
  connection_reset: "the connection was closed: is this ClickHouse's HTTP port (8123, not 9000)?",
  connect_timeout: "no connection in time",
  host_not_found: "there is no host of that name",
  host_unreachable: "there is no way to that host",
  malformed_answer: "the answer is not HTTP: is this ClickHouse's HTTP port (8123, not 9000)?",
};

async function post(endpoint: Endpoint, parameters: Readonly<Record<string, string>>, body: string): Promise<string> {
  const url = endpoint.origin + withParameters(endpoint.path, parameters);
  try {
    const answer = await request(url, {
      method: "POST",
      headers: endpoint.headers,
      body,
      headersTimeout: TIMEOUT_MS,
      bodyTimeout: TIMEOUT_MS,
    });
    const text = await answer.body.text();
    const exception = answer.headers["x-clickhouse-exception-code"];
    const outcome = classifyAnswer(
      answer.statusCode,
      Array.isArray(exception) ? exception[0] : exception,
      text.slice(0, 4096),
    );
    if (outcome.kind === "acknowledged") return text;
    throw new ServerError(outcome.sentence, outcome.code);
  } catch (error) {
    if (error instanceof ServerError || !(error instanceof Error)) throw error;
    const outcome = classifyError(rootOf(error), true, false);
    if (outcome.kind === "acknowledged") throw error;
    const why = ADVICE[outcome.code] ?? outcome.sentence;
    throw new ServerError(`cannot reach ClickHouse at ${shown(endpoint)}: ${why}`, outcome.code);
  }
}

/** A host with several addresses fails with an error of errors. */
function rootOf(error: Error): Error {
  return error instanceof AggregateError && error.errors[0] instanceof Error ? error.errors[0] : error;
}

/** The rows of a query, as objects; `values` fills {name:Type} in the text. Numbers of 64 bits may come as strings. */
export async function query(
  endpoint: Endpoint,
  sql: string,
  values: Readonly<Record<string, string>> = {},
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const parameters = Object.fromEntries(Object.entries(values).map(([name, value]) => [`param_${name}`, value]));
  const text = await post(endpoint, parameters, `${sql} FORMAT JSON`);
  const answer: unknown = JSON.parse(text);
  if (typeof answer !== "object" || answer === null || !("data" in answer) || !Array.isArray(answer.data)) {
    throw new ServerError(`${shown(endpoint)} does not answer as ClickHouse does`, "malformed_answer");
  }
  return answer.data;
}

/** The answer's text to a statement that gives no rows, or is not asked for any. */
export async function execute(
  endpoint: Endpoint,
  sql: string,
  parameters: Readonly<Record<string, string>> = {},
): Promise<string> {
  return post(endpoint, parameters, sql);
}

/** An insert of no rows, with exactly the parameters the load's inserts have: what they would meet, it meets. */
export async function insertNothing(endpoint: Endpoint, parameters: Readonly<Record<string, string>>): Promise<void> {
  try {
    await post(endpoint, parameters, "");
  } catch (error) {
    // NO_DATA_TO_INSERT: older servers say so, after having checked all that matters here.
    if (!(error instanceof ServerError && error.code === 108)) throw error;
  }
}

/** A name as an identifier of ClickHouse's SQL, whatever characters it has. */
export function quoteIdentifier(name: string): string {
  return `\`${name.replaceAll("\\", "\\\\").replaceAll("`", "\\`")}\``;
}
