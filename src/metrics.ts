// Prometheus: one registry, filled at each scrape from the shared counters. Main thread; served by metrics-server.ts.

import type { Float64Histogram } from "hdr-histogram-js";
import { Counter, collectDefaultMetrics, Gauge, type Metric, Registry } from "prom-client";
import { REASONS } from "./answer.js";
import { BUCKETS } from "./buckets.js";
import type { Counters, Totals } from "./counters.js";
import type { Exemplar, Exemplars } from "./exemplars.js";
import { countsAtMost, emptyHistogram } from "./latency.js";
import { type Sample, toOpenMetrics } from "./open-metrics.js";
import { Scrapes } from "./scrapes.js";
import { SPAN_OUTCOMES } from "./spans.js";

/** The load as a scrape sees it. */
export interface MetricsSource {
  readonly counters: Pick<Counters, "totals" | "histogram" | "spans">;
  readonly exemplars: Pick<Exemplars, "of">;
  /** Nanoseconds since the start. */
  now(): number;
  /** Rows scheduled and not handed to insert; 0 until the run is over. */
  unsent(): number;
  /** Rows per second the schedule asks for at that time; Infinity in a closed loop, 0 before the load and after its end. */
  targetRowsPerSecond(atNs: number): number;
  /** Busy share of each worker since the last call. The registry is to be the only caller. */
  utilization(): readonly number[];
}

const OUTCOMES = ["acknowledged", "failed", "unknown"] as const;
/** Windows of the workers' utilization. */
const UTILIZATION_MS = 1000;
/** An HDR histogram as Prometheus' cumulative buckets, counted anew at each scrape. */
class HistogramMetric {
  readonly type = "histogram";
  readonly aggregator = "sum";

  constructor(
    readonly name: string,
    readonly help: string,
    readonly read: () => {
      readonly histogram: Float64Histogram;
      readonly sumSeconds: number;
      readonly exemplars: readonly (Exemplar | undefined)[];
    },
  ) {}

  async get() {
    const { histogram, sumSeconds, exemplars } = this.read();
    const counts = countsAtMost(histogram, BUCKETS);
    const bucket = (le: number | string, value: number, index: number): Sample => {
      const exemplar = exemplars[index];
      const labelled = exemplar && {
        labels: { trace_id: exemplar.traceId },
        value: exemplar.seconds,
        atS: exemplar.atS,
      };
      return { labels: { le }, value, metricName: `${this.name}_bucket`, ...(labelled && { exemplar: labelled }) };
    };
    return {
      name: this.name,
      help: this.help,
      type: this.type,
      aggregator: this.aggregator,
      values: [
        ...BUCKETS.map((le, index) => bucket(le, counts[index] ?? 0, index)),
        bucket("+Inf", histogram.totalCount, BUCKETS.length),
        { labels: {}, value: sumSeconds, metricName: `${this.name}_sum` },
        { labels: {}, value: histogram.totalCount, metricName: `${this.name}_count` },
      ],
    };
  }

  reset(): void {}
}

const NOTHING = { acknowledged: 0, failed: 0, unknown: 0, dropped: 0 } as const;

/** What one scrape shows: every metric of it is read from the same state of the load. */
interface Scrape {
  readonly source: MetricsSource;
  readonly totals: Totals;
}

/** The registry of a run. It reads the load anew at each scrape, and the workers' utilization once a second. */
export class RunRegistry extends Registry {
  /** Undefined before the load starts. Valid while a scrape is being collected, which takes no turn of the event loop. */
  scrape: Scrape | undefined;
  /** Busy share of each worker in the last whole second: the same for every scraper, however often each comes. */
  utilization: readonly number[] = [];
  readonly scrapes = new Scrapes();
  readonly #source: () => MetricsSource | undefined;
  readonly #timer: NodeJS.Timeout;

  constructor(source: () => MetricsSource | undefined) {
    super();
    this.#source = source;
    this.#timer = setInterval(() => {
      this.utilization = this.#source()?.utilization() ?? [];
    }, UTILIZATION_MS).unref();
  }

  /** In the text format. */
  override async metrics(): Promise<string> {
    this.#look();
    return super.metrics();
  }

  async openMetrics(): Promise<string> {
    this.#look();
    return toOpenMetrics(await this.getMetricsAsJSON());
  }

  #look(): void {
    const source = this.#source();
    this.scrape = source && { source, totals: source.counters.totals(source.now()) };
    const { acknowledged, failed, unknown, dropped } = this.scrape?.totals ?? NOTHING;
    this.scrapes.answered(acknowledged + failed + unknown + dropped + (source?.unsent() ?? 0), performance.now());
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

/** `info` becomes the labels of ingestion_run_info. `source` is undefined before the load starts. */
export function createRegistry(
  info: Readonly<Record<string, string>>,
  source: () => MetricsSource | undefined,
): RunRegistry {
  const registry = new RunRegistry(source);
  const registers = [registry];
  collectDefaultMetrics({ register: registry });

  const totals = (): Totals | undefined => registry.scrape?.totals;
  const counter = (name: string, help: string, read: (totals: Totals) => number): void => {
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset();
        const now = totals();
        if (now !== undefined) this.inc(read(now));
      },
    });
  };
  counter("ingestion_generated_events_total", "Rows handed to insert", (now) => now.generated);
  counter("ingestion_acknowledged_events_total", "Rows the server acknowledged", (now) => now.acknowledged);
  counter("ingestion_unknown_events_total", "Rows that may or may not be stored", (now) => now.unknown);
  counter("ingestion_dropped_events_total", "Scheduled rows dropped for being late", (now) => now.dropped);
  counter(
    "ingestion_unsent_events_total",
    "Scheduled rows never handed to insert",
    () => registry.scrape?.source.unsent() ?? 0,
  );
  counter("ingestion_insert_retries_total", "Attempts of inserts beyond their first", (now) => now.retries);
  counter("ingestion_rendered_bytes_total", "Bytes of rows handed to insert", (now) => now.bytes.rendered);
  counter("ingestion_sent_bytes_total", "Bytes of request bodies sent", (now) => now.bytes.sent);
  new Counter({
    name: "ingestion_failed_events_total",
    help: "Rows that were not stored, by reason",
    labelNames: ["reason"],
    registers,
    collect() {
      this.reset();
      const now = totals();
      for (const reason of REASONS) this.inc({ reason }, now?.failedBy[reason] ?? 0);
    },
  });
  new Counter({
    name: "ingestion_inserts_total",
    help: "Inserts that are over, by outcome",
    labelNames: ["outcome"],
    registers,
    collect() {
      this.reset();
      const now = totals();
      for (const outcome of OUTCOMES) this.inc({ outcome }, now?.inserts[outcome] ?? 0);
    },
  });
  new Counter({
    name: "ingestion_insert_errors_total",
    help: "Attempts of inserts not acknowledged, by ClickHouse exception number or transport code",
    labelNames: ["code"],
    registers,
    collect() {
      this.reset();
      for (const { code, inserts, retried } of totals()?.errors ?? [])
        this.inc({ code: String(code) }, inserts + retried);
    },
  });
  new Counter({
    name: "ingestion_spans_total",
    help: "Spans of traces, by what became of them",
    labelNames: ["outcome"],
    registers,
    collect() {
      this.reset();
      const spans = registry.scrape?.source.counters.spans();
      for (const outcome of SPAN_OUTCOMES) this.inc({ outcome }, spans?.[outcome] ?? 0);
    },
  });

  const histogram = (name: string, help: string, kind: "latency" | "service"): void => {
    const metric = new HistogramMetric(name, help, () => {
      const { scrape } = registry;
      if (scrape === undefined) return { histogram: emptyHistogram(), sumSeconds: 0, exemplars: [] };
      const { source, totals } = scrape;
      const sumNs = kind === "latency" ? totals.latencySumNs : totals.serviceSumNs;
      const exemplars = source.exemplars.of(kind);
      return { histogram: source.counters.histogram(kind), sumSeconds: sumNs / 1e9, exemplars };
    });
    // The registry asks for name, type and get alone; the library has no class for values counted elsewhere.
    registry.registerMetric(metric as unknown as Metric);
  };
  histogram("ingestion_insert_latency_seconds", "Batch due to insert answered; empty in a closed loop", "latency");
  histogram("ingestion_insert_service_seconds", "Insert sent to insert answered", "service");

  const gauge = (name: string, help: string, read: (scrape: Scrape) => number): void => {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        const { scrape } = registry;
        this.set(scrape === undefined ? 0 : read(scrape));
      },
    });
  };
  gauge("ingestion_inserts_in_flight", "Inserts begun and not over", (now) => now.totals.inFlight);
  gauge("ingestion_target_events_per_second", "Rows per second asked for now; +Inf in a closed loop", (now) =>
    now.source.targetRowsPerSecond(now.source.now()),
  );
  gauge(
    "ingestion_schedule_lag_seconds",
    "How long the oldest due batch has waited to be sent",
    (now) => now.totals.lagNs / 1e9,
  );
  new Gauge({
    name: "ingestion_worker_utilization_ratio",
    help: "Busy share of a worker's event loop in the last second, 0 to 1",
    labelNames: ["worker"],
    registers,
    collect() {
      this.reset();
      for (const [worker, ratio] of registry.utilization.entries()) this.set({ worker: String(worker) }, ratio);
    },
  });
  new Gauge({
    name: "ingestion_run_info",
    help: "The run, in its labels; always 1",
    labelNames: Object.keys(info),
    registers,
  }).set(info, 1);
  return registry;
}
