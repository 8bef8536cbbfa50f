// What the collector says to spans, heard by Node's own channel beside the exporter, which keeps statuses that it tries again and
// partial successes to itself; as sentences. Runs in a worker, whose only requests by node:http are the exporter's.

import { channel } from "node:diagnostics_channel";
import { type ClientRequest, type IncomingMessage, STATUS_CODES } from "node:http";
import { ProtobufTraceSerializer } from "@opentelemetry/otlp-transformer";
import { headerSecrets, type Otlp, shownUrl, tracesUrl, variable } from "./otlp.js";
import { withoutSecrets } from "./quoted.js";
import { tlsFault, tlsSentence } from "./tls-fault.js";

export interface CollectorHearing {
  /** A request was not taken; `isBusy`: the collector is there, and asks for patience. */
  onTrouble(reason: string, isBusy: boolean): void;
  /** A request was taken, but for so many spans; 0: it was taken whole, and there is something to say. */
  onRejected(spans: number, reason: string): void;
  /** A request was answered well, by somebody who does not speak OTLP. */
  onStranger(reason: string): void;
}

/** Those the exporter sends again. */
const BUSY: ReadonlySet<number> = new Set([429, 502, 503, 504]);
const GRPC_PORT = "4317";
/** More is no answer of a collector's. */
const LONGEST_ANSWER = 65_536;
/** Characters of what it says that are shown. */
const LONGEST_WORD = 300;

type Sending = Pick<Otlp, "url" | "timeoutMs">;

/** Follows every request to the collector until it is closed. */
export class CollectorEar {
  readonly #sending: Sending;
  readonly #path: string;
  readonly #hearing: CollectorHearing;
  /** Given up by the exporter, which is told as a closed connection otherwise. */
  readonly #late = new WeakSet<ClientRequest>();

  readonly #begun = (message: unknown): void => {
    const { request } = message as { request: ClientRequest };
    if (this.#isOurs(request)) request.once("timeout", () => this.#late.add(request));
  };
  readonly #answered = (message: unknown): void => {
    const { request, response } = message as { request: ClientRequest; response: IncomingMessage };
    if (this.#isOurs(request)) this.#hear(response);
  };
  readonly #failed = (message: unknown): void => {
    const { request, error } = message as { request: ClientRequest; error: Error };
    if (!this.#isOurs(request)) return;
    const reason = this.#late.has(request) ? lateSentence(this.#sending) : errorSentence(error, this.#sending);
    this.#hearing.onTrouble(reason, false);
  };
  readonly #channels = [
    [channel("http.client.request.start"), this.#begun],
    [channel("http.client.response.finish"), this.#answered],
    [channel("http.client.request.error"), this.#failed],
  ] as const;

  constructor(sending: Sending, hearing: CollectorHearing) {
    this.#sending = sending;
    const { pathname, search } = new URL(sending.url);
    this.#path = pathname + search;
    this.#hearing = hearing;
    for (const [one, listener] of this.#channels) one.subscribe(listener);
  }

  close(): void {
    for (const [one, listener] of this.#channels) one.unsubscribe(listener);
  }

  #isOurs({ path }: ClientRequest): boolean {
    return path === this.#path;
  }

  /** It is sent secrets, and may repeat them. */
  #hear(response: IncomingMessage): void {
    const { statusCode = 0, headers } = response;
    const hushed = (said: string): string => withoutSecrets(said, headerSecrets());
    if (statusCode > 299) {
      this.#hearing.onTrouble(
        hushed(statusSentence(statusCode, headers.location, this.#sending)),
        BUSY.has(statusCode),
      );
      return;
    }
    const chunks: Buffer[] = [];
    let bytes = 0;
    response.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= LONGEST_ANSWER) chunks.push(chunk);
    });
    response.on("end", () => {
      const rejected = bytes <= LONGEST_ANSWER ? rejectedBy(Buffer.concat(chunks), hushed) : undefined;
      if (rejected === undefined)
        this.#hearing.onStranger(strangerSentence(statusCode, hushed(headers["content-type"] ?? "")));
      else if (rejected.spans > 0 || rejected.message !== "")
        this.#hearing.onRejected(rejected.spans, rejected.message || "no reason given");
    });
  }
}

/** The partial success of an answer; undefined: it is none of OTLP. `hushed`: its words without secrets. */
export function rejectedBy(
  body: Uint8Array,
  hushed: (said: string) => string,
): { readonly spans: number; readonly message: string } | undefined {
  try {
    // Some answer in JSON what they were asked in protobuf.
    const isJson = body[0] === "{".charCodeAt(0);
    const { partialSuccess } = isJson
      ? JSON.parse(Buffer.from(body).toString("utf8"))
      : ProtobufTraceSerializer.deserializeResponse(body);
    const spans = Math.floor(Number(partialSuccess?.rejectedSpans ?? 0));
    // Hushed before it is cut: of a secret at the end a part would be left.
    const message = hushed(String(partialSuccess?.errorMessage ?? "")).slice(0, LONGEST_WORD);
    return { spans: spans > 0 ? spans : 0, message };
  } catch {
    return undefined;
  }
}

const strangerSentence = (status: number, type: string): string =>
  `it answers ${named(status)}${type === "" ? "" : ` with ${type.slice(0, 40)}`}, not as OTLP/HTTP does: is this a collector?`;

const named = (status: number): string => `${status} ${STATUS_CODES[status] ?? ""}`.trim();

/** What a status means that is not 2xx. */
export function statusSentence(status: number, location: string | undefined, { url }: Pick<Sending, "url">): string {
  return `it answers ${named(status)}${adviceOn(status, location, new URL(url))}`;
}

function adviceOn(status: number, location: string | undefined, url: URL): string {
  if (BUSY.has(status)) return ": they are sent again for a while";
  switch (status) {
    case 401:
    case 403:
      return ": credentials go into OTEL_EXPORTER_OTLP_HEADERS";
    case 404:
    case 405:
      return variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") !== undefined && tracesUrl(undefined)?.href === url.href
        ? ` at ${url.pathname}: OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is the whole URL, mostly with /v1/traces at its end`
        : ` at ${url.pathname}: is this a collector, and the path before /v1/traces right?`;
    case 413:
      return ": OTEL_BSP_MAX_EXPORT_BATCH_SIZE makes requests smaller";
    case 415:
      return ": it does not take protobuf, which is all that is sent";
    default:
      return status < 400 && location !== undefined
        ? `, and redirects are not followed: give ${goal(location, url)}`
        : "";
  }
}

const goal = (location: string, url: URL): string =>
  URL.canParse(location, url.href) ? shownUrl(new URL(location, url.href)) : "the URL it names";

/** What a failure of the connection means. */
export function errorSentence(error: Error, sending: Sending): string {
  const root = rootOf(error);
  if (root.message === "Request timed out") return lateSentence(sending);
  const url = new URL(sending.url);
  const code = "code" in root && typeof root.code === "string" ? root.code : "";
  const isGrpc = url.port === GRPC_PORT;
  const grpc = isGrpc
    ? "4317 is the port of gRPC, OTLP/HTTP's is 4318"
    : "is it the port of gRPC (OTLP/HTTP's is 4318)";
  if (code.startsWith("HPE_")) return `it does not answer as HTTP/1.1 does: ${grpc}${isGrpc ? "" : "?"}`;
  if (/wrong version number|packet length too long|http request/i.test(root.message)) {
    return "no TLS is spoken there: http:// in place of https://?";
  }
  if (code === "ECONNRESET" || code === "EPIPE") {
    const other =
      url.protocol === "http:"
        ? ", or one for https://?"
        : ", or does it ask for a client certificate (OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE)?";
    return `the connection was closed without an answer: ${grpc}${isGrpc ? "" : other}`;
  }
  const fault = tlsFault(root);
  if (fault !== undefined) return byVariables(tlsSentence(fault, root));
  return root.message || "no reason given";
}

const lateSentence = ({ timeoutMs }: Sending): string => `no answer within ${timeoutMs / 1000} s`;

/** A collector's certificates are named by variables, not by flags. */
const byVariables = (sentence: string): string =>
  sentence
    .replaceAll("--tls-cert and --tls-key", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and …_CLIENT_KEY")
    .replaceAll("--tls-ca", "OTEL_EXPORTER_OTLP_CERTIFICATE");

/** Where localhost has two addresses and both refuse, the error is a list, without a message of its own. */
function rootOf(error: Error): Error {
  const [first] = error instanceof AggregateError ? error.errors : [];
  return first instanceof Error ? first : error;
}
