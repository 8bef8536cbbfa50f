// Traces of a worker: span generateEvent (rendering) with child InsertEvent (the insert), one pair a sampled batch, sent
// as OTLP/protobuf. Runs in the worker. No attribute holds a password or a row; a failed insert's status is the server's
// own sentence.

import { connect } from "node:net";
import {
  type Attributes,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from "@opentelemetry/resources";
import {
  BatchSpanProcessor,
  NodeTracerProvider,
  type ReadableSpan,
  type SpanExporter,
} from "@opentelemetry/sdk-trace-node";
import type { Outcome } from "./answer.js";
import type { Endpoint } from "./endpoint.js";
import { tracesUrl, variable } from "./otlp.js";
import type { Batch } from "./schedule.js";

export interface TracePlan {
  /** The endpoint's base, to which /v1/traces is added; undefined: OTEL_EXPORTER_OTLP_* or http://localhost:4318. */
  readonly otlpEndpoint: string | undefined;
  /** This worker's share of the traces a second, unless OTEL_TRACES_SAMPLER says otherwise. */
  readonly tracesPerSecond: number;
  readonly version: string;
  readonly runId: string;
  readonly database: string;
  readonly table: string;
}

/** The values of OTEL_TRACES_SAMPLER that the SDK knows. Any other is ignored, as the specification asks. */
const SAMPLERS = /^(parentbased_)?(always_on|always_off|traceidratio)$/;
/** Spans leave once a second: in small parts, as encoding holds up the thread that stamps answers. */
const EXPORT_EVERY_MS = 1000;
/** At the end so long is waited for the collector … */
const FLUSH_MS = 3000;
/** … and so long for one that did not take the spans before. */
const FAILING_FLUSH_MS = 500;

/** At most so many traces a second: a token bucket. A steady rate up to that is let through whole. */
class Limiter {
  /** The first batches: a worker renders one ahead, so its second begins right after its first. */
  #tokens = 2;
  #filledMs = performance.now();

  constructor(readonly tracesPerSecond: number) {}

  take(): boolean {
    const nowMs = performance.now();
    const filled = this.#tokens + ((nowMs - this.#filledMs) / 1000) * this.tracesPerSecond;
    this.#tokens = Math.min(filled, 2 + this.tracesPerSecond);
    this.#filledMs = nowMs;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}

/** Hands spans on and hears whether they arrived. */
class HeardExporter implements SpanExporter {
  /** The collector was not there, or did not take the last spans. */
  failing = false;

  constructor(
    readonly exporter: SpanExporter,
    readonly onFailure: (reason: string) => void,
  ) {}

  export(spans: ReadableSpan[], done: Parameters<SpanExporter["export"]>[1]): void {
    this.exporter.export(spans, (result) => {
      if (result.code === 0) this.failing = false;
      else this.fail(reasonOf(result.error));
      // The failure is told above; the processor would throw it away.
      done({ code: 0 });
    });
  }

  fail(reason: string): void {
    this.failing = true;
    this.onFailure(reason);
  }

  shutdown(): Promise<void> {
    return this.exporter.shutdown();
  }
}

function reasonOf(error: Error | undefined): string {
  // Where localhost has two addresses and both refuse, the error is a list, without a message of its own.
  const [first] = error instanceof AggregateError ? error.errors : [];
  return (first instanceof Error ? first.message : error?.message) || "no reason given";
}

/** The trace of one batch. */
export class Trace {
  readonly #tracing: Tracing;
  readonly #generate: Span;
  readonly #rows: number;
  #bytes = 0;
  #insert: Span | undefined;

  constructor(tracing: Tracing, generate: Span, rows: number) {
    this.#tracing = tracing;
    this.#generate = generate;
    this.#rows = rows;
  }

  /** The batch is rendered. */
  rendered(bytes: number): void {
    this.#bytes = bytes;
    this.#generate.setAttribute("clickstorm.batch.bytes", bytes);
    this.#generate.end();
  }

  /** The batch is handed to insert; returns the W3C traceparent to send with it. */
  inserting(endpoint: Endpoint | undefined): string {
    const { database, table } = this.#tracing.plan;
    const attributes: Attributes = {
      "db.system.name": "clickhouse",
      "db.namespace": database,
      "db.collection.name": table,
      "db.operation.name": "INSERT",
      "clickstorm.batch.rows": this.#rows,
      "clickstorm.batch.bytes": this.#bytes,
    };
    if (endpoint !== undefined) Object.assign(attributes, serverAttributes(endpoint));
    this.#insert = this.#tracing.startSpan("InsertEvent", SpanKind.CLIENT, attributes, this.#generate);
    const { traceId, spanId } = this.#insert.spanContext();
    return `00-${traceId}-${spanId}-01`;
  }

  /** The insert is over, at this endpoint. */
  answered(outcome: Outcome, endpoint: Endpoint | undefined, attempts: number): void {
    const span = this.#insert;
    if (span === undefined) return;
    if (attempts > 1) {
      span.setAttribute("http.request.resend_count", attempts - 1);
      if (endpoint !== undefined) span.setAttributes(serverAttributes(endpoint));
    }
    if (outcome.kind !== "acknowledged") {
      span.setAttribute("error.type", String(outcome.code));
      if (typeof outcome.code === "number") span.setAttribute("db.response.status_code", String(outcome.code));
      span.setStatus({ code: SpanStatusCode.ERROR, message: outcome.sentence });
    }
    span.end();
  }
}

const serverAttributes = ({ host, port }: Endpoint): Attributes => ({ "server.address": host, "server.port": port });

export class Tracing {
  readonly #provider: NodeTracerProvider;
  readonly #tracer: Tracer;
  readonly #exporter: HeardExporter;
  readonly #limiter: Limiter | undefined;

  /** @param limiter undefined: the provider's own sampler decides alone */
  constructor(
    readonly plan: TracePlan,
    provider: NodeTracerProvider,
    exporter: HeardExporter,
    limiter: Limiter | undefined,
  ) {
    this.#provider = provider;
    this.#tracer = provider.getTracer("clickstorm", plan.version);
    this.#exporter = exporter;
    this.#limiter = limiter;
  }

  /**
   * Undefined when this batch is left out. Called for every batch: the limiter goes before the SDK, which takes a
   * microsecond to say no.
   */
  begin(batch: Batch): Trace | undefined {
    if (this.#limiter?.take() === false) return undefined;
    const span = this.startSpan("generateEvent", SpanKind.INTERNAL, {
      "clickstorm.batch.number": batch.number,
      "clickstorm.batch.rows": batch.rows,
    });
    return span.isRecording() ? new Trace(this, span, batch.rows) : undefined;
  }

  startSpan(name: string, kind: SpanKind, attributes: Attributes, parent?: Span): Span {
    const context = parent === undefined ? ROOT_CONTEXT : trace.setSpan(ROOT_CONTEXT, parent);
    return this.#tracer.startSpan(name, { kind, attributes }, context);
  }

  /** Sends what is left, for at most some seconds; spans that do not arrive by then are lost, and that is told. */
  async flush(): Promise<void> {
    const limitMs = this.#exporter.failing ? FAILING_FLUSH_MS : FLUSH_MS;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        this.#exporter.fail(`no answer within ${limitMs / 1000} s`);
        resolve();
      }, limitMs);
    });
    await Promise.race([this.#provider.shutdown().catch(() => undefined), late]);
    clearTimeout(timer);
  }
}

/**
 * Undefined where the environment says that no traces are wanted.
 * @param onFailure is told, each time, why spans did not arrive
 */
export function startTracing(plan: TracePlan, onFailure: (reason: string) => void): Tracing | undefined {
  if (isOff()) return undefined;
  const url = tracesUrl(plan.otlpEndpoint);
  if (url === undefined) {
    onFailure("it is not an http:// or https:// URL");
    return undefined;
  }
  const exporter = new HeardExporter(new OTLPTraceExporter({ url: url.href }), onFailure);
  const resource = defaultResource()
    .merge(
      resourceFromAttributes({
        "service.name": "ingestion-service",
        "service.version": plan.version,
        "clickstorm.run_id": plan.runId,
      }),
    )
    // OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES go before.
    .merge(detectResources({ detectors: [envDetector] }));
  const provider = new NodeTracerProvider({
    // Its sampler is OTEL_TRACES_SAMPLER's, or the default: all.
    resource,
    spanProcessors: [
      new BatchSpanProcessor(
        exporter,
        variable("OTEL_BSP_SCHEDULE_DELAY") === undefined ? { scheduledDelayMillis: EXPORT_EVERY_MS } : {},
      ),
    ],
  });
  const sampled = SAMPLERS.test(variable("OTEL_TRACES_SAMPLER") ?? "");
  knock(url, (reason) => exporter.fail(reason));
  return new Tracing(plan, provider, exporter, sampled ? undefined : new Limiter(plan.tracesPerSecond));
}

/** The switches of the OpenTelemetry specification that the SDK leaves to its caller, and a sampler that takes nothing. */
function isOff(): boolean {
  return (
    variable("OTEL_SDK_DISABLED")?.toLowerCase() === "true" ||
    variable("OTEL_TRACES_EXPORTER") === "none" ||
    /^(parentbased_)?always_off$/.test(variable("OTEL_TRACES_SAMPLER") ?? "")
  );
}

/**
 * Opens a connection and closes it again: that nobody listens is known at the start. The exporter says so only when it
 * is done retrying, ten seconds later, which for a short run is never.
 */
function knock(url: URL, onRefusal: (reason: string) => void): void {
  const port = Number(url.port) || (url.protocol === "https:" ? 443 : 80);
  const socket = connect({ host: url.hostname.replace(/^\[|\]$/g, ""), port, timeout: FLUSH_MS });
  socket.on("connect", () => socket.destroy());
  socket.on("timeout", () => socket.destroy(new Error(`no connection within ${FLUSH_MS / 1000} s`)));
  socket.on("error", (error) => onRefusal(reasonOf(error)));
}
