// Traces of a worker: span generateEvent (rendering) with child InsertEvent (the insert, from when it is due and rendered), one
// pair a sampled batch. Runs in the worker. No attribute holds a password or a row; a failed insert's status is the
// server's own sentence. How they are sent: outbox.ts.

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
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from "@opentelemetry/resources";
import { NodeTracerProvider } from "@opentelemetry/sdk-trace-node";
import type { Outcome } from "./answer.js";
import { errorSentence } from "./collector.js";
import type { WorkerCounters } from "./counters.js";
import type { Endpoint } from "./endpoint.js";
import type { FromWorker } from "./messages.js";
import type { Otlp } from "./otlp.js";
import { Outbox } from "./outbox.js";
import type { Batch } from "./schedule.js";

export interface TracePlan {
  readonly otlp: Otlp;
  /** This worker's share of the traces a second, unless OTEL_TRACES_SAMPLER says otherwise. */
  readonly tracesPerSecond: number;
  readonly version: string;
  readonly runId: string;
  readonly database: string;
  readonly table: string;
}

/** Why a batch never left. */
export type NeverSent = "dropped" | "unsent" | "unrendered";

/** An attempt of an insert that is over. */
export interface TracedAttempt {
  readonly number: number;
  readonly endpoint: Endpoint | undefined;
  readonly queryId: string;
  /** A reading of performance.now(). */
  readonly beganMs: number;
  readonly outcome: Outcome;
}

const KINDS = { generateEvent: SpanKind.INTERNAL, InsertEvent: SpanKind.CLIENT } as const;
/** So long is waited for a connection that shows whether anybody listens. */
const KNOCK_MS = 3000;

/** At most so many traces a second: a token bucket. A steady rate up to that is let through whole. */
class Limiter {
  /** The first batches: a worker renders one ahead, so its second begins right after its first. */
  #tokens = 2;
  #filledMs = performance.now();

  constructor(readonly tracesPerSecond: number) {}

  /** @param spare so many are left for others */
  take(spare = 0): boolean {
    const nowMs = performance.now();
    const filled = this.#tokens + ((nowMs - this.#filledMs) / 1000) * this.tracesPerSecond;
    this.#tokens = Math.min(filled, 2 + this.tracesPerSecond);
    this.#filledMs = nowMs;
    if (this.#tokens < 1 + spare) return false;
    this.#tokens--;
    return true;
  }
}

/** The trace of one batch. */
export class Trace {
  readonly #tracing: Tracing;
  /** Undefined: the batch is never rendered. */
  readonly #generate: Span | undefined;
  /** From readings of performance.now() to the time of day. One a trace: the SDK's, one a span, are a millisecond apart. */
  readonly #offsetMs: number;
  /** A time of day. */
  #renderedMs: number | undefined;
  #insert: Span | undefined;

  constructor(tracing: Tracing, offsetMs: number, { generate, insert }: { generate?: Span; insert?: Span }) {
    this.#tracing = tracing;
    this.#offsetMs = offsetMs;
    this.#generate = generate;
    this.#insert = insert;
  }

  #now(): number {
    return performance.now() + this.#offsetMs;
  }

  /** The batch is rendered. Its span ends when it is known what becomes of it, at this time. */
  rendered(): void {
    this.#renderedMs = this.#now();
  }

  /** The batch is due, as it is now: an interrupt may have cut it. `dueMs`, since the epoch: undefined in a closed loop. */
  inserting({ number, rows }: Batch, bytes: number, dueMs: number | undefined): void {
    this.#generate?.setAttributes({ "clickstorm.batch.rows": rows, "clickstorm.batch.bytes": bytes });
    this.#generate?.end(this.#renderedMs);
    const attributes = { ...this.#tracing.insertAttributes(number, rows, dueMs), "clickstorm.batch.bytes": bytes };
    this.#insert = this.#tracing.startSpan("InsertEvent", this.#now(), attributes, this.#generate);
  }

  get traceId(): string | undefined {
    return this.#insert?.spanContext().traceId;
  }

  /** The W3C traceparent to send with the insert. */
  get traceparent(): string | undefined {
    if (this.#insert === undefined) return undefined;
    const { traceId, spanId } = this.#insert.spanContext();
    return `00-${traceId}-${spanId}-01`;
  }

  attempted({ number, endpoint, queryId, beganMs, outcome }: TracedAttempt): void {
    const server = endpoint === undefined ? {} : serverAttributes(endpoint);
    this.#insert?.setAttributes({ ...server, "clickhouse.query_id": queryId });
    this.#insert?.addEvent(
      "attempt",
      {
        "clickstorm.attempt.number": number,
        "clickstorm.attempt.outcome": outcome.kind,
        "clickhouse.query_id": queryId,
        ...server,
        ...(outcome.kind !== "acknowledged" && errorAttributes(outcome.code)),
      },
      beganMs + this.#offsetMs,
    );
  }

  /** The insert is over. */
  answered(outcome: Outcome, attempts: number): void {
    const span = this.#insert;
    if (span === undefined) return;
    if (attempts > 1) span.setAttribute("http.request.resend_count", attempts - 1);
    if (outcome.kind !== "acknowledged") {
      span.setAttributes(errorAttributes(outcome.code));
      span.setStatus({ code: SpanStatusCode.ERROR, message: outcome.sentence });
    }
    span.end(this.#now());
  }

  /** The batch is never sent. */
  neverSent(why: NeverSent, sentence: string): void {
    const span = this.#insert ?? this.#generate;
    span?.setAttribute("error.type", why);
    span?.setStatus({ code: SpanStatusCode.ERROR, message: sentence });
    span?.end((this.#insert === undefined ? this.#renderedMs : undefined) ?? this.#now());
  }

  /** The schedule ended before the batch was due: it was never one of its batches. */
  neverDue(): void {
    this.#generate?.addEvent("the schedule ended before the batch was due");
    this.#generate?.end(this.#renderedMs);
  }
}

const errorAttributes = (code: number | string): Attributes => ({
  "error.type": String(code),
  ...(typeof code === "number" && { "db.response.status_code": String(code) }),
});

const serverAttributes = ({ host, port }: Endpoint): Attributes => ({ "server.address": host, "server.port": port });

export class Tracing {
  readonly plan: TracePlan;
  readonly #provider: NodeTracerProvider;
  readonly #tracer: Tracer;
  readonly #limiter: Limiter | undefined;

  constructor(plan: TracePlan, provider: NodeTracerProvider) {
    this.plan = plan;
    this.#provider = provider;
    this.#tracer = provider.getTracer("clickstorm", plan.version);
    // The provider has a sampler of its own: OTEL_TRACES_SAMPLER's, or all.
    this.#limiter = plan.otlp.hasSampler ? undefined : new Limiter(plan.tracesPerSecond);
  }

  /**
   * Whether the next batch may be traced. Called for every batch: the limiter goes before the SDK, which takes a
   * microsecond to say no.
   */
  wants(): boolean {
    return this.#limiter?.take() !== false;
  }

  /** The batch is being rendered. Undefined when the sampler leaves it out. */
  begin({ number, rows }: Batch): Trace | undefined {
    const offsetMs = Date.now() - performance.now();
    const attributes = { "clickstorm.batch.number": number, "clickstorm.batch.rows": rows };
    const span = this.startSpan("generateEvent", performance.now() + offsetMs, attributes);
    return span.isRecording() ? new Trace(this, offsetMs, { generate: span }) : undefined;
  }

  /**
   * Of a batch that is never rendered. There may be very many of them: half of the traces are left for others. Undefined when
   * it is left out.
   */
  unrendered({ number, rows }: Batch, dueMs: () => number | undefined): Trace | undefined {
    if (this.#limiter?.take(this.plan.tracesPerSecond / 2) === false) return undefined;
    const offsetMs = Date.now() - performance.now();
    const span = this.startSpan(
      "InsertEvent",
      performance.now() + offsetMs,
      this.insertAttributes(number, rows, dueMs()),
    );
    return span.isRecording() ? new Trace(this, offsetMs, { insert: span }) : undefined;
  }

  insertAttributes(batch: number, rows: number, dueMs: number | undefined): Attributes {
    return {
      "db.system.name": "clickhouse",
      "db.namespace": this.plan.database,
      "db.collection.name": this.plan.table,
      "db.operation.name": "INSERT",
      "clickstorm.batch.number": batch,
      "clickstorm.batch.rows": rows,
      ...(dueMs !== undefined && { "clickstorm.batch.due": new Date(dueMs).toISOString() }),
    };
  }

  /** @param startTime milliseconds since the epoch */
  startSpan(name: keyof typeof KINDS, startTime: number, attributes: Attributes, parent?: Span): Span {
    const context = parent === undefined ? ROOT_CONTEXT : trace.setSpan(ROOT_CONTEXT, parent);
    return this.#tracer.startSpan(name, { kind: KINDS[name], startTime, attributes }, context);
  }

  /** Sends what is left, for at most some seconds. */
  async flush(): Promise<void> {
    await this.#provider.shutdown();
  }
}

/** @param own counts the spans */
export function startTracing(plan: TracePlan, own: WorkerCounters, say: (message: FromWorker) => void): Tracing {
  const outbox = new Outbox(plan.otlp, own, say);
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
  knock(plan.otlp, (reason) => outbox.fails(reason));
  return new Tracing(plan, new NodeTracerProvider({ resource, spanProcessors: [outbox] }));
}

/**
 * Opens a connection and closes it again: that nobody listens is known at the start. The exporter says so only when it
 * is done retrying, ten seconds later, which for a short run is never.
 */
function knock(otlp: Otlp, onRefusal: (reason: string) => void): void {
  const url = new URL(otlp.url);
  const port = Number(url.port) || (url.protocol === "https:" ? 443 : 80);
  const socket = connect({ host: url.hostname.replace(/^\[|\]$/g, ""), port, timeout: KNOCK_MS });
  socket.on("connect", () => socket.destroy());
  socket.on("timeout", () => socket.destroy(new Error(`no connection within ${KNOCK_MS / 1000} s`)));
  socket.on("error", (error) => onRefusal(errorSentence(error, otlp)));
}
