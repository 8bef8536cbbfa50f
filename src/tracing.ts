// Traces of a worker: span generateEvent (rendering) with child InsertEvent (the insert), one pair a sampled batch, sent
// as OTLP/protobuf. Runs in the worker. Attributes never hold user names, passwords or rows.

import { type Attributes, ROOT_CONTEXT, type Span, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from "@opentelemetry/resources";
import {
  BatchSpanProcessor,
  NodeTracerProvider,
  type ReadableSpan,
  type Sampler,
  SamplingDecision,
  type SamplingResult,
  type SpanExporter,
} from "@opentelemetry/sdk-trace-node";
import type { Outcome } from "./answer.js";
import type { Endpoint } from "./endpoint.js";
import type { Batch } from "./schedule.js";

export interface TracePlan {
  /** The endpoint's base, to which /v1/traces is added; undefined: OTEL_EXPORTER_OTLP_* or http://localhost:4318. */
  readonly otlpEndpoint: string | undefined;
  /** This worker's share of the traces a second, unless OTEL_TRACES_SAMPLER says otherwise. */
  readonly tracesPerSecond: number;
  readonly version: string;
  readonly database: string;
  readonly table: string;
}

/** At the end so long is waited for the collector. */
const FLUSH_MS = 3000;

/** At most so many traces a second, in bursts of as many: a token bucket. */
class RateLimitedSampler implements Sampler {
  #tokens: number;
  #filledMs = performance.now();

  constructor(readonly tracesPerSecond: number) {
    this.#tokens = Math.max(1, tracesPerSecond);
  }

  shouldSample(): SamplingResult {
    const nowMs = performance.now();
    const filled = this.#tokens + ((nowMs - this.#filledMs) / 1000) * this.tracesPerSecond;
    this.#tokens = Math.min(Math.max(1, this.tracesPerSecond), filled);
    this.#filledMs = nowMs;
    if (this.#tokens < 1) return { decision: SamplingDecision.NOT_RECORD };
    this.#tokens--;
    return { decision: SamplingDecision.RECORD_AND_SAMPLED };
  }

  toString(): string {
    return `RateLimitedSampler{${this.tracesPerSecond}/s}`;
  }
}

/** Hands spans on and hears whether they arrived. */
class HeardExporter implements SpanExporter {
  constructor(
    readonly exporter: SpanExporter,
    readonly onFailure: (error: Error | undefined) => void,
  ) {}

  export(spans: ReadableSpan[], done: Parameters<SpanExporter["export"]>[1]): void {
    this.exporter.export(spans, (result) => {
      if (result.code !== 0) this.onFailure(result.error);
      // The failure is told once, above; the processor would print it each time.
      done({ code: 0 });
    });
  }

  shutdown(): Promise<void> {
    return this.exporter.shutdown();
  }
}

/** The trace of one batch. */
export class Trace {
  readonly #tracing: Tracing;
  readonly #generate: Span;
  #insert: Span | undefined;

  constructor(tracing: Tracing, generate: Span) {
    this.#tracing = tracing;
    this.#generate = generate;
  }

  /** The batch is rendered. */
  rendered(bytes: number): void {
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
    };
    if (endpoint !== undefined) {
      attributes["server.address"] = endpoint.host;
      attributes["server.port"] = endpoint.port;
    }
    this.#insert = this.#tracing.startSpan("InsertEvent", SpanKind.CLIENT, attributes, this.#generate);
    const { traceId, spanId } = this.#insert.spanContext();
    return `00-${traceId}-${spanId}-01`;
  }

  /** The insert is over. */
  answered(outcome: Outcome): void {
    const span = this.#insert;
    if (span === undefined) return;
    if (outcome.kind !== "acknowledged") {
      span.setAttribute("error.type", String(outcome.code));
      if (typeof outcome.code === "number") span.setAttribute("db.response.status_code", String(outcome.code));
      span.setStatus({ code: SpanStatusCode.ERROR, message: outcome.sentence });
    }
    span.end();
  }
}

export class Tracing {
  readonly #provider: NodeTracerProvider;

  constructor(
    readonly plan: TracePlan,
    provider: NodeTracerProvider,
  ) {
    this.#provider = provider;
  }

  /** Undefined when the sampler leaves this batch out. */
  begin(batch: Batch): Trace | undefined {
    const span = this.startSpan("generateEvent", SpanKind.INTERNAL, {
      "clickstorm.batch.number": batch.number,
      "clickstorm.batch.rows": batch.rows,
    });
    return span.isRecording() ? new Trace(this, span) : undefined;
  }

  startSpan(name: string, kind: SpanKind, attributes: Attributes, parent?: Span): Span {
    const context = parent === undefined ? ROOT_CONTEXT : trace.setSpan(ROOT_CONTEXT, parent);
    return this.#provider.getTracer("clickstorm", this.plan.version).startSpan(name, { kind, attributes }, context);
  }

  /** Sends what is left, for at most some seconds. */
  async flush(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, FLUSH_MS);
    });
    await Promise.race([this.#provider.shutdown().catch(() => undefined), late]);
    clearTimeout(timer);
  }
}

/** @param onFailure is told, each time, that spans did not arrive */
export function startTracing(plan: TracePlan, onFailure: (sentence: string) => void): Tracing {
  const exporter = new OTLPTraceExporter(
    plan.otlpEndpoint === undefined ? {} : { url: `${plan.otlpEndpoint.replace(/\/$/, "")}/v1/traces` },
  );
  const resource = defaultResource()
    .merge(resourceFromAttributes({ "service.name": "ingestion-service", "service.version": plan.version }))
    // OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES go before.
    .merge(detectResources({ detectors: [envDetector] }));
  const provider = new NodeTracerProvider({
    resource,
    ...(process.env.OTEL_TRACES_SAMPLER === undefined && { sampler: new RateLimitedSampler(plan.tracesPerSecond) }),
    spanProcessors: [
      new BatchSpanProcessor(new HeardExporter(exporter, (error) => onFailure(error?.message ?? "no reason given"))),
    ],
  });
  return new Tracing(plan, provider);
}
