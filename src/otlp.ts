// Where traces go, by flag and by the standard OTEL_* variables. Reads the environment and nothing else; loads no SDK, so
// that the main thread may ask too.

const DEFAULT_ENDPOINT = "http://localhost:4318";

/** An environment variable; undefined also when it is empty, as the OpenTelemetry specification has it. */
export function variable(name: string): string | undefined {
  return process.env[name]?.trim() || undefined;
}

/** The URL spans are posted to; undefined when the variable that names it holds no URL. */
export function tracesUrl(otlpEndpoint: string | undefined): URL | undefined {
  const whole = otlpEndpoint === undefined ? variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") : undefined;
  try {
    const url = new URL(whole ?? otlpEndpoint ?? variable("OTEL_EXPORTER_OTLP_ENDPOINT") ?? DEFAULT_ENDPOINT);
    if (whole === undefined) url.pathname = `${url.pathname.replace(/\/$/, "")}/v1/traces`;
    return /^https?:$/.test(url.protocol) ? url : undefined;
  } catch {
    return undefined;
  }
}
