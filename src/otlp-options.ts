// How traces are sent, by the standard OTEL_* variables; what of these cannot be had is said in a sentence.
// Main thread, before the start. Reads the environment and the certificates named there, loads no SDK, shows no header's value.

import { X509Certificate } from "node:crypto";
import { validateHeaderName, validateHeaderValue } from "node:http";
import { createSecureContext } from "node:tls";
import { readText } from "./named-files.js";
import { endsWhole, HEADERS, type Otlp, shown, TRACES_PATH, tracesUrl, variable } from "./otlp.js";
import { printable } from "./text.js";

const LONGEST_TIMER_MS = 2 ** 31 - 1;
/** Of a file with certificates or a key. */
const MOST_BYTES = 2 ** 20;

export type TraceSettings =
  | { readonly kind: "unwanted" }
  /** No trace can be sent as it was asked for. */
  | { readonly kind: "refused"; readonly why: string }
  | { readonly kind: "sent"; readonly otlp: Otlp; readonly warnings: readonly string[] };

/** The values of OTEL_TRACES_SAMPLER that the SDK knows. Any other is ignored, as the specification asks. */
const SAMPLERS = /^(parentbased_)?(always_on|always_off|traceidratio)$/;

/** @param otlpEndpoint of the flag: the endpoint's base, or the whole URL */
export function readOtlp(otlpEndpoint: string | undefined): TraceSettings {
  if (isOff()) return { kind: "unwanted" };
  const url = tracesUrl(otlpEndpoint);
  if (url === undefined) return { kind: "refused", why: `${endpointVariable()} is not an http:// or https:// URL` };
  const why = [...HEADERS.flatMap(whyNoHeader), ...(url.protocol === "https:" ? tlsFaults() : [])][0];
  if (why !== undefined) return { kind: "refused", why };
  const warnings: string[] = [];
  const whole = (name: string, fallback: number, least = 1): number => {
    const text = variable(name);
    if (text === undefined) return fallback;
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= LONGEST_TIMER_MS) return value;
    warnings.push(
      `${name} must be a whole number from ${least} to ${LONGEST_TIMER_MS}, got ${shown(text)}: ${fallback} is taken`,
    );
    return fallback;
  };
  const queueSpans = whole("OTEL_BSP_MAX_QUEUE_SIZE", 2048);
  const generalMs = whole("OTEL_EXPORTER_OTLP_TIMEOUT", 10_000);
  const otlp: Otlp = {
    url: url.href,
    hasSampler: SAMPLERS.test(variable("OTEL_TRACES_SAMPLER") ?? ""),
    queueSpans,
    exportSpans: Math.min(queueSpans, whole("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512)),
    // Once a second: in small parts, as encoding holds up the thread that stamps answers.
    delayMs: whole("OTEL_BSP_SCHEDULE_DELAY", 1000, 0),
    exportTimeoutMs: whole("OTEL_BSP_EXPORT_TIMEOUT", 30_000),
    timeoutMs: whole("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", generalMs),
  };
  const others = [...ignored(url), ...samplerFaults(), ...baseFaults(otlpEndpoint), ...HEADERS.flatMap(unsentHeaders)];
  return { kind: "sent", otlp, warnings: [...others, ...warnings] };
}

/** What a user is told of it before the start. */
export function tracesWarnings(settings: TraceSettings | undefined): readonly string[] {
  if (settings?.kind === "refused") return [`no traces are sent: ${settings.why}`];
  return settings?.kind === "sent" ? settings.warnings.map((warning) => `traces: ${warning}`) : [];
}

/** The switches of the OpenTelemetry specification that the SDK leaves to its caller, and a sampler that takes nothing. */
function isOff(): boolean {
  return (
    variable("OTEL_SDK_DISABLED")?.toLowerCase() === "true" ||
    variable("OTEL_TRACES_EXPORTER") === "none" ||
    /^(parentbased_)?always_off$/.test(variable("OTEL_TRACES_SAMPLER") ?? "")
  );
}

const endpointVariable = (): string =>
  variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") === undefined
    ? "OTEL_EXPORTER_OTLP_ENDPOINT"
    : "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";

/** Those that are set, that of traces first. */
const setOf = (name: string): readonly (readonly [name: string, value: string])[] =>
  [`OTEL_EXPORTER_OTLP_TRACES_${name}`, `OTEL_EXPORTER_OTLP_${name}`].flatMap((one) => {
    const value = variable(one);
    return value === undefined ? [] : [[one, value] as const];
  });

/** What is asked for and not to be had: traces are sent otherwise. */
function ignored(url: URL): readonly string[] {
  const [protocol] = setOf("PROTOCOL");
  const exporter = variable("OTEL_TRACES_EXPORTER");
  return [
    ...(protocol === undefined || protocol[1] === "http/protobuf"
      ? []
      : [`${protocol[0]}=${shown(protocol[1])}: they are sent as http/protobuf all the same, to ${url.origin}`]),
    ...setOf("COMPRESSION")
      .filter(([, value]) => value !== "gzip" && value !== "none")
      .map(([name, value]) => `${name} may be gzip or none, got ${shown(value)}, which is ignored`),
    ...(exporter === undefined || exporter.split(",").some((one) => one.trim() === "otlp")
      ? []
      : [`OTEL_TRACES_EXPORTER=${shown(exporter)}: they are sent by OTLP all the same; none sends none`]),
  ];
}

function samplerFaults(): readonly string[] {
  const sampler = variable("OTEL_TRACES_SAMPLER");
  if (sampler === undefined) return [];
  if (!SAMPLERS.test(sampler)) return [`OTEL_TRACES_SAMPLER=${shown(sampler)} is not known here, and ignored`];
  if (!sampler.endsWith("traceidratio")) return [];
  const ratio = variable("OTEL_TRACES_SAMPLER_ARG");
  if (ratio !== undefined && Number(ratio) >= 0 && Number(ratio) <= 1) return [];
  const got = ratio === undefined ? "nothing" : shown(ratio);
  return [`OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1, got ${got}: 1 is taken, every batch is traced`];
}

function baseFaults(otlpEndpoint: string | undefined): readonly string[] {
  const base = variable("OTEL_EXPORTER_OTLP_ENDPOINT");
  const isBase = otlpEndpoint === undefined && variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") === undefined;
  if (!isBase || base === undefined || !endsWhole(new URL(base))) return [];
  return [
    `OTEL_EXPORTER_OTLP_ENDPOINT is a base, to which ${TRACES_PATH} is added: it has that already, and is taken for the whole URL; that is what OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is for`,
  ];
}

interface HeaderPart {
  /** Such as "the 2nd part". Of what has no name nothing can be shown: it may be a secret. */
  readonly place: string;
  /** Undefined: it is no name=value. */
  readonly header: readonly [name: string, value: string] | undefined;
  /** What the SDK takes for properties, and leaves out. */
  readonly isCut: boolean;
}

/** As the SDK reads them. */
function headerParts(name: string): readonly HeaderPart[] {
  return (variable(name) ?? "").split(",").flatMap((part, index) => {
    if (part.trim() === "") return [];
    const [pair = "", ...rest] = part.split(";");
    const at = pair.indexOf("=");
    const place = `part ${index + 1}`;
    const isCut = rest.length > 0;
    try {
      const [key, value] = [pair.slice(0, Math.max(at, 0)), pair.slice(at + 1)].map((text) =>
        decodeURIComponent(text.trim()),
      );
      return { place, header: key && value ? ([key, value] as const) : undefined, isCut };
    } catch {
      return { place, header: undefined, isCut };
    }
  });
}

/** Headers that HTTP does not know: every request would fail. */
function whyNoHeader(name: string): readonly string[] {
  return headerParts(name).flatMap(({ place, header }) => {
    if (header === undefined) return [];
    try {
      validateHeaderName(header[0]);
    } catch {
      return `${place} of ${name} is no header: its name has characters that HTTP does not allow`;
    }
    try {
      validateHeaderValue(...header);
      return [];
    } catch {
      return `${place} of ${name} is no header: the value of ${header[0]} has characters that HTTP does not allow`;
    }
  });
}

function unsentHeaders(name: string): readonly string[] {
  return headerParts(name).flatMap(({ place, header, isCut }) => {
    if (header === undefined) {
      return `${place} of ${name} is not name=value, and is not sent; in a value % is %25, a comma %2C`;
    }
    return isCut ? `${place} of ${name}: what follows the semicolon is not sent; in a value it is %3B` : [];
  });
}

/** Of the files of a https:// collector. The SDK would go on without them, and trust others than it was told to. */
function tlsFaults(): readonly string[] {
  const [[ca], [cert], [key]] = [setOf("CERTIFICATE"), setOf("CLIENT_CERTIFICATE"), setOf("CLIENT_KEY")];
  const texts = [ca, cert, key].map((one) => one && readText(one[1], MOST_BYTES));
  const faults = [ca, cert, key].flatMap((one, index) => {
    const text = texts[index];
    return one !== undefined && text !== undefined && "fault" in text
      ? `${one[0]}: ${printable(one[1])}${text.fault}`
      : [];
  });
  if (faults.length > 0) return faults;
  const [caText, certText, keyText] = texts.map((one) => (one !== undefined && "text" in one ? one.text : undefined));
  for (const [one, text] of [
    [ca, caText],
    [cert, certText],
  ] as const) {
    if (one !== undefined && text !== undefined && !isCertificate(text)) {
      return [`${one[0]}: ${printable(one[1])} holds no certificate in PEM that can be read`];
    }
  }
  if (cert !== undefined && key === undefined) return [`${cert[0]} needs OTEL_EXPORTER_OTLP_CLIENT_KEY as well`];
  if (key !== undefined && cert === undefined) return [`${key[0]} needs OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE as well`];
  if (cert === undefined || key === undefined) return [];
  try {
    createSecureContext({ cert: certText, key: keyText });
    return [];
  } catch {
    return [
      `${key[0]}: ${printable(key[1])} holds no key in PEM, without a passphrase, of the certificate in ${printable(cert[1])}`,
    ];
  }
}

function isCertificate(text: string): boolean {
  try {
    new X509Certificate(text);
    return true;
  } catch {
    return false;
  }
}
