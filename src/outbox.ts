// Spans on their way to the collector, each counted until it is known what became of it. The SDK's BatchSpanProcessor and exporter
// do the work; what they lose without a word is counted around them. Runs in a worker.

import { type Context, TraceFlags } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import {
  BatchSpanProcessor,
  type ReadableSpan,
  type Span,
  type SpanExporter,
  type SpanProcessor,
} from "@opentelemetry/sdk-trace-node";
import { CollectorEar, errorSentence } from "./collector.js";
import type { WorkerCounters } from "./counters.js";
import type { FromWorker } from "./messages.js";
import { headerSecrets, type Otlp } from "./otlp.js";
import { withoutSecrets } from "./quoted.js";
import { spansPending } from "./spans.js";

/** At the end so long is waited for the collector … */
const FLUSH_MS = 3000;
/** … and so long for one that did not take the spans before. */
const FAILING_FLUSH_MS = 500;

type SpanCells = Pick<WorkerCounters, "spanBegun" | "spansGone" | "spans">;

/** A span processor: counts what begins, and keeps out of the SDK's queue what there is no room for. */
export class Outbox implements SpanProcessor {
  readonly #otlp: Otlp;
  readonly #own: SpanCells;
  readonly #say: (message: FromWorker) => void;
  readonly #exporter: SpanExporter;
  readonly #processor: BatchSpanProcessor;
  readonly #ear: CollectorEar;
  /** Spans in the processor's queue. */
  #queued = 0;
  /** Of the export that is being answered: spans left out, and whether it was no collector that answered. */
  #answer = { rejected: 0, isStranger: false };
  /** Why the collector did not take what it was sent last; undefined: it did, or nothing was sent. */
  #trouble: { readonly isBusy: boolean } | undefined;
  /** What is heard from now on is too late. */
  #isClosed = false;

  constructor(otlp: Otlp, own: SpanCells, say: (message: FromWorker) => void) {
    this.#otlp = otlp;
    this.#own = own;
    this.#say = say;
    this.#exporter = new OTLPTraceExporter({ url: otlp.url, timeoutMillis: otlp.timeoutMs });
    this.#processor = new BatchSpanProcessor(
      {
        export: (spans, done) => this.#export(spans, done),
        shutdown: () => this.#exporter.shutdown(),
      },
      {
        maxQueueSize: otlp.queueSpans,
        maxExportBatchSize: otlp.exportSpans,
        scheduledDelayMillis: otlp.delayMs,
        exportTimeoutMillis: otlp.exportTimeoutMs,
      },
    );
    this.#ear = new CollectorEar(otlp, {
      onTrouble: (reason, isBusy) => this.fails(reason, isBusy),
      onRejected: (spans, reason) => {
        this.#answer.rejected = spans;
        this.#say({ kind: "spans-rejected", spans, sentence: reason });
      },
      onStranger: (reason) => {
        this.#answer.isStranger = true;
        this.fails(reason);
      },
    });
  }

  onStart(span: Span, context: Context): void {
    if (isSampled(span)) this.#own.spanBegun();
    this.#processor.onStart(span, context);
  }

  onEnd(span: ReadableSpan): void {
    if (!isSampled(span)) return;
    if (this.#queued < this.#otlp.queueSpans) {
      this.#queued++;
      this.#processor.onEnd(span);
      return;
    }
    this.#own.spansGone("queue_full", 1);
    // With a collector that takes none it is no wonder.
    if (this.#trouble === undefined) this.#say({ kind: "spans-dropped", queue: this.#otlp.queueSpans });
  }

  #export(spans: ReadableSpan[], done: Parameters<SpanExporter["export"]>[1]): void {
    this.#queued -= spans.length;
    this.#exporter.export(spans, (result) => {
      // The answer to it was heard in this turn of the event loop.
      const { rejected, isStranger } = this.#answer;
      this.#answer = { rejected: 0, isStranger: false };
      if (!this.#isClosed) {
        if (result.code === 0 && !isStranger) this.#taken(spans.length, Math.min(rejected, spans.length));
        else this.#notTaken(spans.length, result.error);
      }
      // What failed is told and counted here; the processor would throw it away.
      done({ code: 0 });
    });
  }

  #taken(spans: number, rejected: number): void {
    this.#own.spansGone("rejected", rejected);
    this.#own.spansGone("exported", spans - rejected);
    if (this.#trouble !== undefined) this.#say({ kind: "traces-arrive" });
    this.#trouble = undefined;
  }

  #notTaken(spans: number, error: Error | undefined): void {
    this.#own.spansGone("failed", spans);
    if (this.#trouble === undefined)
      this.fails(
        error === undefined ? "no reason given" : withoutSecrets(errorSentence(error, this.#otlp), headerSecrets()),
      );
  }

  /** The collector is not there, or did not take what it was sent. */
  fails(reason: string, isBusy = false): void {
    if (this.#isClosed) return;
    this.#trouble = { isBusy };
    this.#say({ kind: "traces-failed", sentence: reason });
  }

  forceFlush(): Promise<void> {
    return this.#processor.forceFlush();
  }

  /** Sends what is left, for at most some seconds; spans that have not arrived by then are lost, and that is told. */
  async shutdown(): Promise<void> {
    const limitMs = this.#trouble?.isBusy === false ? FAILING_FLUSH_MS : FLUSH_MS;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        this.fails(`no answer within ${limitMs / 1000} s`);
        resolve();
      }, limitMs);
    });
    await Promise.race([this.#processor.shutdown().catch(() => undefined), late]);
    clearTimeout(timer);
    this.#isClosed = true;
    this.#ear.close();
    this.#own.spansGone("unflushed", spansPending(this.#own.spans));
  }
}

const isSampled = (span: ReadableSpan): boolean => (span.spanContext().traceFlags & TraceFlags.SAMPLED) !== 0;
