// What a real Prometheus makes of /metrics: quantiles of known distributions, exemplars that lead to traces, and what it missed.

import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { Counters } from "../src/counters.js";
import { Exemplars } from "../src/exemplars.js";
import { createRegistry } from "../src/metrics.js";
import { serveMetrics } from "../src/metrics-server.js";
import { clickstorm, start } from "./support/cli.js";
import { Collector } from "./support/otlp.js";
import { freePort, hasPrometheus, Prometheus, parseText } from "./support/prometheus.js";
import { Sink } from "./support/sink.js";

const INSERTS = 20_000;
/** The widest a bucket is, against its lower bound. */
const FACTOR = 1.5;

interface Law {
  readonly quantile: (p: number) => number;
  readonly share: (seconds: number) => number;
}

/** Mean 80 ms. */
const EXPONENTIAL: Law = {
  quantile: (p) => -0.08 * Math.log(1 - p),
  share: (seconds) => 1 - Math.exp(-seconds / 0.08),
};
/** From 1.5 ms to 15 s, both of which are bounds of buckets. */
const LOG_UNIFORM: Law = {
  quantile: (p) => 0.0015 * 10_000 ** p,
  share: (seconds) => Math.log(seconds / 0.0015) / Math.log(10_000),
};

/** By how much a straight line through the bucket that holds the quantile may be off, wherever that bucket begins. */
function largestError({ quantile, share }: Law, p: number): number {
  const x = quantile(p);
  const errors = Array.from({ length: 1001 }, (_, step) => {
    const from = x / FACTOR ** (step / 1000);
    const to = from * FACTOR;
    const estimate = from + ((share(x) - share(from)) / (share(to) - share(from))) * (to - from);
    return Math.abs(estimate / x - 1);
  });
  return Math.max(...errors);
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (const deadlineMs = performance.now() + 40_000; !(await isSo()); await sleep(100)) {
    if (performance.now() > deadlineMs) throw new Error("it never came");
  }
}

const why = hasPrometheus ? "" : " (SKIPPED: /usr/bin/prometheus is missing, on Debian: apt install prometheus)";
describe(`a real Prometheus${why}`, () => {
  let prometheus: Prometheus;
  let port: number;
  before(async function () {
    this.timeout(60_000);
    if (!hasPrometheus) this.skip();
    port = await freePort();
    prometheus = await Prometheus.open(port);
    await prometheus.scraping();
  });
  after(() => prometheus?.close());

  describe("of 20,000 inserts of an exponential latency and a service time whose logarithm is uniform", () => {
    it("histogram_quantile is off by no more than arithmetic says, which is less than 10%, for p50, p90 and p99", async () => {
      const counters = Counters.allocate({ workers: 1, endpoints: 1, phases: 1 });
      const worker = counters.worker(0);
      for (let insert = 0; insert < INSERTS; insert++) {
        const p = (insert + 0.5) / INSERTS;
        const answeredNs = EXPONENTIAL.quantile(p) * 1e9;
        worker.timed({ rows: 1, measured: true }, { dueNs: 0, answeredNs, serviceNs: LOG_UNIFORM.quantile(p) * 1e9 });
      }
      const source = {
        counters,
        exemplars: new Exemplars(),
        now: () => 0,
        unsent: () => 0,
        targetRowsPerSecond: () => 0,
        utilization: () => [],
      };
      const registry = createRegistry({}, () => source);
      const server = await serveMetrics(registry, port, "127.0.0.1");
      try {
        for (const [name, law] of [
          ["ingestion_insert_latency_seconds", EXPONENTIAL],
          ["ingestion_insert_service_seconds", LOG_UNIFORM],
        ] as const) {
          await until(async () => (await prometheus.query(`last_over_time(${name}_count[5m])`))[0]?.value === INSERTS);
          for (const p of [0.5, 0.9, 0.99]) {
            const bound = largestError(law, p);
            expect(bound, `${name} ${p}`).to.be.below(0.1);
            const seen = await prometheus.value(`histogram_quantile(${p}, last_over_time(${name}_bucket[5m]))`);
            // A thousandth for the three digits that times are kept to.
            expect(Math.abs(seen / law.quantile(p) - 1), `${name} ${p}: ${seen}`).to.be.at.most(bound + 0.001);
          }
        }
      } finally {
        await server.close();
      }
    });
  });

  describe("of a run whose inserts are traced", () => {
    it("each exemplar is a trace that the collector has, of an insert that was acknowledged, and lies in its bucket", async function () {
      this.timeout(60_000);
      const [sink, collector] = await Promise.all([Sink.open(), Collector.open()]);
      const running = start(
        [
          ...["--blind", "--clickhouse-url", sink.url, "--rate", "100", "--batch-rows", "1", "--duration", "3s"],
          ...["--metrics-port", String(port), "--metrics-host", "127.0.0.1", "--hold", "30s"],
          ...["--otlp-endpoint", collector.url, "--workers", "2"],
        ],
        { OTEL_TRACES_SAMPLER: "always_on" },
      );
      const beganS = Date.now() / 1000;
      try {
        await running.said("holding http");
        const heldS = Date.now() / 1000;
        await until(async () => (await prometheus.sampledAt("ingestion_acknowledged_events_total")) > heldS);
      } finally {
        running.process.kill("SIGINT");
      }
      const endS = Date.now() / 1000;
      const [latency, service] = [
        await prometheus.exemplars("ingestion_insert_latency_seconds_bucket"),
        await prometheus.exemplars("ingestion_insert_service_seconds_bucket"),
      ];
      const { code, stderr } = await running.ended;
      await Promise.all([sink.close(), collector.close()]);
      expect(code, stderr).to.equal(0);
      const traces = new Map(collector.named("InsertEvent").map((span) => [span.traceId, span]));
      expect(traces.size).to.equal(300);
      for (const series of [latency, service]) {
        expect(series.length).to.be.at.least(1);
        for (const { metric, exemplars } of series) {
          for (const { labels, value, timestamp } of exemplars) {
            const span = traces.get(labels.trace_id ?? "");
            expect(span?.status.code, labels.trace_id).to.equal("UNSET");
            expect(value).to.be.at.most(Number(metric.le?.replace("+Inf", "Infinity")));
            if (Number(metric.le) > 0.001) expect(value).to.be.above(Number(metric.le) / (FACTOR + 1e-9));
            expect(timestamp).to.be.within(beganS, endS);
            expect(Object.keys(labels)).to.deep.equal(["trace_id"]);
          }
        }
      }
      // It was held, and scraped then: nothing was missed.
      expect(stderr).not.to.contain("the last scrape");
      const target = (over: string): Promise<number> =>
        prometheus.value(`${over}_over_time(ingestion_target_events_per_second[5m])`);
      expect([await target("max"), await target("last")]).to.deep.equal([100, 0]);
    });
  });
});

describe("a run that is scraped", () => {
  let sink: Sink;
  before(async () => {
    sink = await Sink.open();
  });
  after(() => sink.close());
  const flags = (): readonly string[] => [
    ...["--blind", "--clickhouse-url", sink.url, "--rate", "1000", "--batch-rows", "50", "--no-traces"],
    ...["--metrics-port", "0", "--metrics-host", "127.0.0.1"],
  ];

  it("and not again after its end says how many rows the last scrape saw, and what would keep /metrics up for one more", async () => {
    const running = start([...flags(), "--duration", "2s"]);
    let url: string | undefined;
    let stderr = "";
    running.process.stderr?.on("data", (text: string) => {
      stderr += text;
      url ??= /metrics at (\S+)/.exec(stderr)?.[1];
    });
    let rows = 0;
    while (rows === 0) {
      await sleep(20);
      if (url === undefined) continue;
      rows = parseText(await (await fetch(url)).text()).get("ingestion_acknowledged_events_total") ?? 0;
    }
    expect(rows).to.be.within(50, 1950);
    const ended = await running.ended;
    expect([ended.code, ended.stderr.match(/last scrape/g)?.length]).to.deep.equal([0, 1]);
    expect(ended.stderr).to.contain(
      `note: the last scrape of /metrics saw ${rows.toLocaleString("en-US")} of 2,000 rows: --hold 15s keeps it up for one more\n`,
    );
  });

  it("by nobody says nothing of that", async () => {
    const { code, stderr } = await clickstorm([...flags(), "--duration", "1s"]);
    expect([code, stderr.includes("scrape")]).to.deep.equal([0, false]);
  });
});
