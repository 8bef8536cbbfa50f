// Where traces go, by flag and by the standard OTEL_* variables. Reads the environment and nothing else; loads no SDK, so that the
// main thread may ask too. What else the variables say: otlp-options.ts.

import { printable } from "./text.js";

const DEFAULT_ENDPOINT = "http://localhost:4318";
export const TRACES_PATH = "/v1/traces";
/** Of a variable's value so much is shown. */
const SHOWN = 40;

/** What a worker needs to know to send traces. */
export interface Otlp {
  /** The URL spans are posted to. */
  readonly url: string;
  /** Whether OTEL_TRACES_SAMPLER decides what is traced, and no limit of ours. */
  readonly hasSampler: boolean;
  /** Of OTEL_BSP_*, in spans and milliseconds. */
  readonly queueSpans: number;
  readonly exportSpans: number;
  readonly delayMs: number;
  readonly exportTimeoutMs: number;
  /** An export may take so long, with all its attempts. */
  readonly timeoutMs: number;
}

/** An environment variable; undefined also when it is empty, as the OpenTelemetry specification has it. */
export function variable(name: string): string | undefined {
  return process.env[name]?.trim() || undefined;
}

/** The URL spans are posted to; undefined when the variable that names it holds no URL. */
export function tracesUrl(otlpEndpoint: string | undefined): URL | undefined {
  const whole = otlpEndpoint === undefined ? variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") : undefined;
  try {
    const url = new URL(whole ?? otlpEndpoint ?? variable("OTEL_EXPORTER_OTLP_ENDPOINT") ?? DEFAULT_ENDPOINT);
    if (whole === undefined && !endsWhole(url)) url.pathname = `${url.pathname.replace(/\/$/, "")}${TRACES_PATH}`;
    return /^https?:$/.test(url.protocol) ? url : undefined;
  } catch {
    return undefined;
  }
}

/** Nobody means /v1/traces/v1/traces. */
export const endsWhole = ({ pathname }: URL): boolean => pathname.replace(/\/$/, "").endsWith(TRACES_PATH);

/** That of traces first. */
export const HEADERS = ["OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"] as const;

/** What the headers for a collector hold that nobody else is to be shown: their values, and what follows Bearer or Basic in them. */
export function headerSecrets(): readonly string[] {
  const values = HEADERS.flatMap((name) => (variable(name) ?? "").split(",")).map((part) =>
    decoded(part.slice(part.indexOf("=") + 1).split(";")[0] ?? "").trim(),
  );
  return values.flatMap((value) => [value, value.split(" ").at(-1) ?? ""]).filter((text) => text !== "");
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** A value that is wrong. */
export const shown = (text: string): string => printable(text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text);

/** A stranger's URL, such as the goal of a redirect, fit for a sentence: nothing of one that holds more than a place. */
export const shownUrl = ({ protocol, username, password, host, pathname, search, hash }: URL): string =>
  shown(`${protocol}//${username + password + search + hash === "" ? host + pathname : "***"}`);
