// What an insert's answer means: acknowledged, failed or unknown, why, and under which code it is counted. Pure.
// Decided on ClickHouse's exception code where there is one: busy servers and full tables answer plain 500.

import { meaningOf } from "./exceptions.js";
import { tlsFault, tlsSentence } from "./tls-fault.js";

/** Why rows were not taken. generator: they could not be sent from here. */
export const REASONS = ["busy", "refused", "read_only", "unreachable", "generator"] as const;
export type Reason = (typeof REASONS)[number];

/**
 * acknowledged: the server said the rows are stored; failed: they are not, for a reason; unknown: nobody can say
 * without looking into the table.
 */
export type Outcome =
  | { readonly kind: "acknowledged" }
  | { readonly kind: "failed"; readonly reason: Reason; readonly code: Code; readonly sentence: string }
  | {
      readonly kind: "unknown";
      readonly code: Code;
      readonly sentence: string;
      /** No insert like it will ever be stored whole; absent: it may go well the next time. */
      readonly isHopeless?: true;
    };

/** Whether sending the same again, or others like it, is in vain. */
export const isHopeless = (outcome: Outcome): boolean =>
  outcome.kind === "unknown" ? outcome.isHopeless === true : outcome.kind === "failed" && outcome.reason === "refused";

/** ClickHouse's exception number, or one of TRANSPORT_CODES. */
export type Code = number | TransportCode;

/** Failures that carry no exception number, as they are counted and reported: a closed set, fit for a metric label. */
export const TRANSPORT_CODES = [
  "connection_refused",
  "connection_reset",
  "connect_timeout",
  "host_not_found",
  "host_unreachable",
  "too_many_open_files",
  "no_free_port",
  "tls",
  "timeout",
  "malformed_answer",
  "http_3xx",
  "http_4xx",
  "http_429",
  "http_5xx",
  "http_502",
  "http_503",
  "http_504",
  "worker_crash",
  "other",
] as const;
export type TransportCode = (typeof TRANSPORT_CODES)[number];

export const ACKNOWLEDGED: Outcome = { kind: "acknowledged" };

/** ClickHouse has none so large: whatever a stranger says beyond it is the same. */
const LARGEST_NUMBER = 999_999;

/** The number in "Code: 252. DB::Exception: …"; undefined when the text does not start so. */
function exceptionNumber(text: string): string | undefined {
  return /^Code: (\d+)[.,]/.exec(text)?.[1];
}

/** The first line of what was said, fit for a terminal: at most 500 characters, none of them a control character. */
function sentenceOf(text: string): string {
  const [line = ""] = text.trim().split("\n");
  return line
    .slice(0, 500)
    .replace(/\p{Cc}+/gu, " ")
    .trim();
}

/** What a page of HTML says: its title, or else its text. */
function plainText(body: string): string {
  if (!/^\s*<(!doctype|html)/i.test(body)) return body;
  const title = /<title>([^<]*)/i.exec(body)?.[1]?.trim();
  return title || body.replace(/<[^>]*>/g, " ").replace(/\s+/g, " ");
}

/**
 * @param status of the HTTP answer
 * @param exception the header X-ClickHouse-Exception-Code, where it came
 * @param body the answer's beginning
 */
export function classifyAnswer(status: number, exception: string | undefined, body: string): Outcome {
  // Not only the status: an exception after the first bytes of an answer comes with a 200.
  const number = Math.min(Number(exception ?? exceptionNumber(body)), LARGEST_NUMBER);
  if (Number.isInteger(number) && number > 0) {
    return classifyException(number, status, sentenceOf(body) || `Code: ${number}`, body);
  }
  if (status >= 200 && status < 300) return ACKNOWLEDGED;
  const said = sentenceOf(plainText(body));
  const sentence = `HTTP ${status}${said === "" ? "" : `: ${said}`}`;
  switch (status) {
    case 408:
      // Its body came too slowly for whoever stands before the server.
      return { kind: "failed", reason: "busy", code: "http_4xx", sentence };
    case 429:
      return { kind: "failed", reason: "busy", code: "http_429", sentence };
    case 503:
      return { kind: "failed", reason: "busy", code: "http_503", sentence };
    case 502:
      return { kind: "unknown", code: "http_502", sentence };
    case 504:
      return { kind: "unknown", code: "http_504", sentence };
    default:
      if (status >= 500) return { kind: "unknown", code: "http_5xx", sentence };
      return { kind: "failed", reason: "refused", code: status >= 400 ? "http_4xx" : "http_3xx", sentence };
  }
}

function classifyException(code: number, status: number, sentence: string, body: string): Outcome {
  const meaning = meaningOf(code, status, body);
  switch (meaning) {
    case "spoilt":
      return { kind: "unknown", code, sentence, isHopeless: true };
    case "open":
      return { kind: "unknown", code, sentence };
    default:
      return { kind: "failed", reason: meaning, code, sentence };
  }
}

const CODES_BY_ERRNO: ReadonlyMap<string, TransportCode> = new Map([
  ["ECONNREFUSED", "connection_refused"],
  ["ECONNRESET", "connection_reset"],
  ["EPIPE", "connection_reset"],
  ["UND_ERR_SOCKET", "connection_reset"],
  ["UND_ERR_CONNECT_TIMEOUT", "connect_timeout"],
  ["ETIMEDOUT", "connect_timeout"],
  ["ENOTFOUND", "host_not_found"],
  ["EAI_AGAIN", "host_not_found"],
  ["EHOSTUNREACH", "host_unreachable"],
  ["ENETUNREACH", "host_unreachable"],
  ["EMFILE", "too_many_open_files"],
  ["ENFILE", "too_many_open_files"],
  ["EADDRNOTAVAIL", "no_free_port"],
  ["UND_ERR_HEADERS_OVERFLOW", "malformed_answer"],
  // What undici says of a status such as 000.
  ["ERR_ASSERTION", "malformed_answer"],
]);

/** For want of what this machine or process has no more of: nobody was asked. */
const OUR_OWN: Readonly<Partial<Record<TransportCode, string>>> = {
  too_many_open_files:
    "no connection can be made, as this process has as many files and connections open as it may: ulimit -n allows more, a smaller --in-flight needs fewer",
  no_free_port:
    "no connection can be made, as this machine has no local port left: connections closed in the last minute keep theirs; a smaller --in-flight, or more addresses in --clickhouse-url",
};

export const isOurCode = (code: Code): boolean => typeof code === "string" && OUR_OWN[code] !== undefined;

/** Whether it failed for want of something of this machine: whom it was for is neither to blame nor known to be well. */
export const isOurFault = (outcome: Outcome): boolean => outcome.kind !== "acknowledged" && isOurCode(outcome.code);

/** The counted code of an error of the connection. */
export function transportCode(error: Error): TransportCode {
  const errno = "code" in error && typeof error.code === "string" ? error.code : "";
  const known = CODES_BY_ERRNO.get(errno);
  if (known !== undefined) return known;
  if (tlsFault(error) !== undefined) return "tls";
  // The name of undici's error for an answer that is no HTTP; its code is that of the parser, or none.
  if (errno.startsWith("HPE_") || error.name === "HTTPParserError") return "malformed_answer";
  return "other";
}

/** An insert that got no answer. `sent`: its request had begun to leave, so its rows may have landed. */
export function classifyError(error: Error, sent: boolean, timedOut: boolean): Outcome {
  const code = timedOut ? (sent ? "timeout" : "connect_timeout") : transportCode(error);
  const fault = tlsFault(error);
  const sentence = fault === undefined || timedOut ? sentenceOf(error.message) || code : tlsSentence(fault, error);
  if (sent) return { kind: "unknown", code, sentence };
  const here = OUR_OWN[code];
  if (here !== undefined) return { kind: "failed", reason: "generator", code, sentence: here };
  return { kind: "failed", reason: "unreachable", code, sentence };
}
