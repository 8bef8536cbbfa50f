// An OTLP/HTTP collector that decodes the protobuf it receives, by the published schema and with another library than
// the one that encoded it. Or one that refuses, fails or never answers.

import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import protobuf from "protobufjs";

/** The parts of opentelemetry-proto v1 (collector/trace, trace, resource, common) that a trace needs; fields by number. */
const SCHEMA = `
  syntax = "proto3";
  message ExportTraceServiceRequest { repeated ResourceSpans resource_spans = 1; }
  message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; }
  message Resource { repeated KeyValue attributes = 1; }
  message ScopeSpans { Scope scope = 1; repeated Span spans = 2; }
  message Scope { string name = 1; string version = 2; }
  message Span {
    bytes trace_id = 1; bytes span_id = 2; bytes parent_span_id = 4; string name = 5; SpanKind kind = 6;
    fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8; repeated KeyValue attributes = 9; repeated Event events = 11;
    Status status = 15;
  }
  message Event { fixed64 time_unix_nano = 1; string name = 2; repeated KeyValue attributes = 3; }
  enum SpanKind { UNSPECIFIED = 0; INTERNAL = 1; SERVER = 2; CLIENT = 3; PRODUCER = 4; CONSUMER = 5; }
  message Status { string message = 2; StatusCode code = 3; }
  enum StatusCode { UNSET = 0; OK = 1; ERROR = 2; }
  message KeyValue { string key = 1; AnyValue value = 2; }
  message AnyValue {
    oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4; }
  }
  message ExportTraceServiceResponse { ExportTracePartialSuccess partial_success = 1; }
  message ExportTracePartialSuccess { int64 rejected_spans = 1; string error_message = 2; }
`;
const { root } = protobuf.parse(SCHEMA, { keepCase: true });
const ExportTraceServiceRequest = root.lookupType("ExportTraceServiceRequest");
const ExportTraceServiceResponse = root.lookupType("ExportTraceServiceResponse");

/** A value of AnyValue: a string stays apart from a number. */
export type Value = string | number | boolean;

interface Attribute {
  readonly key: string;
  readonly value: { readonly value: string; readonly int_value?: string } & Record<string, Value>;
}

/** The request as the decoder returns it, 64-bit numbers and enum values as text. */
interface Request {
  readonly resource_spans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scope_spans: readonly { readonly spans: readonly RawSpan[] }[];
  }[];
}

interface RawSpan {
  readonly trace_id: Uint8Array;
  readonly span_id: Uint8Array;
  readonly parent_span_id: Uint8Array;
  readonly name: string;
  readonly kind: string;
  readonly start_time_unix_nano: string;
  readonly end_time_unix_nano: string;
  readonly attributes: readonly Attribute[];
  readonly events: readonly {
    readonly time_unix_nano: string;
    readonly name: string;
    readonly attributes: readonly Attribute[];
  }[];
  readonly status: { readonly message: string; readonly code: string } | null;
}

export interface ReceivedEvent {
  readonly name: string;
  readonly atNs: bigint;
  readonly attributes: Readonly<Record<string, Value>>;
}

export interface ReceivedSpan {
  readonly resource: Readonly<Record<string, Value>>;
  readonly name: string;
  readonly kind: string;
  /** 32 hex digits. */
  readonly traceId: string;
  /** 16 hex digits. */
  readonly spanId: string;
  /** 16 hex digits; empty for a root. */
  readonly parentSpanId: string;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly attributes: Readonly<Record<string, Value>>;
  readonly events: readonly ReceivedEvent[];
  readonly status: { readonly code: string; readonly message: string };
}

export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

function valuesOf(attributes: readonly Attribute[]): Record<string, Value> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => {
      const plain = value[value.value];
      if (plain === undefined) throw new Error(`attribute ${key} has no value`);
      return [key, value.int_value === undefined ? plain : Number(plain)];
    }),
  );
}

function decode(body: Uint8Array): ReceivedSpan[] {
  const message = ExportTraceServiceRequest.decode(body);
  const request = ExportTraceServiceRequest.toObject(message, {
    longs: String,
    enums: String,
    defaults: true,
    oneofs: true,
  }) as Request;
  return request.resource_spans.flatMap(({ resource, scope_spans }) =>
    scope_spans.flatMap(({ spans }) =>
      spans.map((span) => ({
        resource: valuesOf(resource.attributes),
        name: span.name,
        kind: span.kind,
        traceId: Buffer.from(span.trace_id).toString("hex"),
        spanId: Buffer.from(span.span_id).toString("hex"),
        parentSpanId: Buffer.from(span.parent_span_id).toString("hex"),
        startNs: BigInt(span.start_time_unix_nano),
        endNs: BigInt(span.end_time_unix_nano),
        attributes: valuesOf(span.attributes),
        events: span.events.map(({ name, time_unix_nano, attributes }) => ({
          name,
          atNs: BigInt(time_unix_nano),
          attributes: valuesOf(attributes),
        })),
        status: { code: span.status?.code ?? "UNSET", message: span.status?.message ?? "" },
      })),
    ),
  );
}

/** How one request is answered. */
export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  /** Milliseconds it takes. */
  readonly afterMs?: number;
  /** Of the spans of a request that is taken, so many are left out. */
  readonly rejects?: number;
}

/** The answer to a request of which so many spans are not taken. */
export const partial = (rejects: number, message: string): Answer => ({
  status: 200,
  rejects,
  body: ExportTraceServiceResponse.encode({
    partial_success: { rejected_spans: rejects, error_message: message },
  }).finish(),
});

/** What it does with a request that is whole: takes it, answers with a status or as is said of that request, or never answers. */
export type Manner = "takes" | "hangs" | number | ((request: number) => Answer);

export class Collector {
  readonly requests: ReceivedRequest[] = [];
  readonly spans: ReceivedSpan[] = [];
  connections = 0;
  readonly #server = createServer((request, response) => void this.#receive(request, response));
  readonly #manner: Manner;

  private constructor(manner: Manner) {
    this.#manner = manner;
    this.#server.on("connection", () => {
      this.connections++;
    });
  }

  static async open(manner: Manner = "takes"): Promise<Collector> {
    const collector = new Collector(manner);
    await new Promise<void>((resolve) => collector.#server.listen(0, "127.0.0.1", resolve));
    return collector;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  named(name: string): ReceivedSpan[] {
    return this.spans.filter((span) => span.name === name);
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk);
    } catch {
      return;
    }
    this.requests.push({ method: request.method ?? "", path: request.url ?? "", headers: request.headers });
    if (this.#manner === "hangs") return;
    const answer = this.#answerTo(this.requests.length - 1);
    if (answer.afterMs !== undefined) await sleep(answer.afterMs);
    if (answer.status === 200) this.spans.push(...decode(Buffer.concat(chunks)).slice(answer.rejects ?? 0));
    response.writeHead(answer.status, { "content-type": "application/x-protobuf", ...answer.headers }).end(answer.body);
  }

  #answerTo(request: number): Answer {
    if (typeof this.#manner === "function") return this.#manner(request);
    return { status: typeof this.#manner === "number" ? this.#manner : 200 };
  }
}
