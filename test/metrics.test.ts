// /metrics as scrapers get it: over HTTP from counters whose values are known, and by a real Prometheus from a real run.

import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { ACKNOWLEDGED } from "../src/answer.js";
import { Counters, type HistogramName } from "../src/counters.js";
import { Exemplars } from "../src/exemplars.js";
import { createRegistry, type MetricsSource } from "../src/metrics.js";
import { MetricsPortError, type MetricsServer, serveMetrics } from "../src/metrics-server.js";
import { type Running, start } from "./support/cli.js";
import { checkMetrics, freePort, hasPrometheus, Prometheus, parseText, type Sample } from "./support/prometheus.js";
import { newDatabase, numberOf, rowsOf } from "./support/server.js";

const MS = 1_000_000;
type Counted = { readonly number: number; readonly rows: number; readonly measured: boolean };

/** Two workers, one endpoint, and the counts below by hand. */
function load(more: Partial<MetricsSource> = {}): { counters: Counters; source: MetricsSource } {
  const counters = Counters.allocate({ workers: 2, endpoints: 1, phases: 1 });
  const [first, second] = [counters.worker(0), counters.worker(1)];
  const [b0, b1, b2, b3] = [
    [0, 1000],
    [1, 200],
    [2, 500],
    [3, 30],
  ].map(([number = 0, rows = 0]) => ({ number, rows, measured: true })) as [Counted, Counted, Counted, Counted];
  // Worker 0: 1,000 rows acknowledged after 4 ms of which 3 on the wire; 500 in flight.
  first.generated(b0, 170_000);
  first.sent(0, b0, 170_000, 0, 1 * MS);
  first.answered(0, b0, ACKNOWLEDGED);
  first.timed(b0, { dueNs: 0, answeredNs: 4 * MS, serviceNs: 4 * MS - 1 * MS });
  first.generated(b2, 85_000);
  // Worker 1: 200 rows refused for too many parts after 80 ms; 30 unknown after a reset.
  second.generated(b1, 34_000);
  second.sent(0, b1, 34_000, 10 * MS, 10 * MS);
  second.answered(0, b1, { kind: "failed", reason: "busy", code: 252, sentence: "too many parts" });
  second.timed(b1, { dueNs: 10 * MS, answeredNs: 90 * MS, serviceNs: 90 * MS - 10 * MS });
  second.generated(b3, 5100);
  second.sent(0, b3, 5100, 10 * MS, 10 * MS);
  second.answered(0, b3, { kind: "unknown", code: "connection_reset", sentence: "reset" });
  second.timed(b3, {
    dueNs: 10 * MS,
    answeredNs: 10 * MS + 400_000,
    serviceNs: 10 * MS + 400_000 - 10 * MS,
  });
  second.dropped({ rows: 44, measured: true });
  // Nine spans: 2 of each worker arrived, 1 found no room, 3 were rejected.
  for (let span = 0; span < 9; span++) first.spanBegun();
  first.spansGone("exported", 2);
  first.spansGone("queue_full", 1);
  second.spansGone("exported", 2);
  second.spansGone("rejected", 3);
  // Its next batch was due at 1 s; it is 1.25 s.
  second.nextDue(1000 * MS);
  const source: MetricsSource = {
    counters,
    exemplars: new Exemplars(),
    now: () => 1250 * MS,
    unsent: () => 7,
    targetRowsPerSecond: () => 1234.5,
    utilization: () => [0.25, 0.5],
    ...more,
  };
  return { counters, source };
}

describe("metrics", () => {
  const servers: MetricsServer[] = [];
  const serve = async (
    source: () => MetricsSource | undefined,
    info: Readonly<Record<string, string>> = { run_id: "r", rate: "1234.5", version: "0" },
  ): Promise<string> => {
    const server = await serveMetrics(createRegistry(info, source), 0, "127.0.0.1");
    servers.push(server);
    return server.url;
  };
  const scrape = async (url: string): Promise<Map<string, number>> => {
    const response = await fetch(url);
    const text = await response.text();
    expect(response.status, text).to.equal(200);
    return parseText(text);
  };
  // Started first: it takes its time before it scrapes.
  let prometheus: Prometheus | undefined;
  let scrapedPort: number;
  before(async () => {
    scrapedPort = await freePort();
    if (hasPrometheus) prometheus = await Prometheus.open(scrapedPort);
  });
  after(() => prometheus?.close());
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.close()));
  });

  it("1,000 rows acknowledged, 200 failed, 30 unknown and 500 in flight are shown so, in every metric", async () => {
    const { source } = load();
    const metrics = await scrape(await serve(() => source));
    const expected: Readonly<Record<string, number>> = {
      ingestion_generated_events_total: 1730,
      ingestion_acknowledged_events_total: 1000,
      'ingestion_failed_events_total{reason="busy"}': 200,
      'ingestion_failed_events_total{reason="refused"}': 0,
      'ingestion_failed_events_total{reason="read_only"}': 0,
      'ingestion_failed_events_total{reason="unreachable"}': 0,
      'ingestion_failed_events_total{reason="generator"}': 0,
      ingestion_unknown_events_total: 30,
      ingestion_dropped_events_total: 44,
      ingestion_unsent_events_total: 7,
      'ingestion_inserts_total{outcome="acknowledged"}': 1,
      'ingestion_inserts_total{outcome="failed"}': 1,
      'ingestion_inserts_total{outcome="unknown"}': 1,
      'ingestion_insert_errors_total{code="252"}': 1,
      'ingestion_insert_errors_total{code="connection_reset"}': 1,
      ingestion_insert_retries_total: 0,
      'ingestion_spans_total{outcome="exported"}': 4,
      'ingestion_spans_total{outcome="queue_full"}': 1,
      'ingestion_spans_total{outcome="rejected"}': 3,
      'ingestion_spans_total{outcome="failed"}': 0,
      'ingestion_spans_total{outcome="unflushed"}': 0,
      ingestion_rendered_bytes_total: 294_100,
      ingestion_sent_bytes_total: 209_100,
      ingestion_inserts_in_flight: 1,
      ingestion_target_events_per_second: 1234.5,
      ingestion_schedule_lag_seconds: 0.25,
      'ingestion_run_info{run_id="r",rate="1234.5",version="0"}': 1,
    };
    for (const [series, value] of Object.entries(expected)) expect(metrics.get(series), series).to.equal(value);
    const others = [...metrics.keys()].filter((series) => series.startsWith("ingestion_") && !(series in expected));
    expect(others.filter((series) => !/_seconds_(bucket|sum|count)/.test(series))).to.deep.equal([]);
  });

  it("buckets go from 1 ms to 5 min, each at most 1.5 times as wide as the one before", async () => {
    const metrics = await scrape(await serve(() => undefined));
    for (const name of ["ingestion_insert_latency_seconds_bucket", "ingestion_insert_service_seconds_bucket"]) {
      const bounds = [...metrics.keys()].filter((key) => key.startsWith(name)).map((key) => /"(.*)"/.exec(key)?.[1]);
      expect([bounds[0], bounds.at(-2), bounds.at(-1)]).to.deep.equal(["0.001", "300", "+Inf"]);
      const ratios = bounds.slice(1, -1).map((bound, index) => Number(bound) / Number(bounds[index]));
      expect(Math.max(...ratios)).to.be.at.most(1.5 + 1e-12);
      expect(Math.min(...ratios)).to.be.above(1.3);
    }
  });

  it("latencies of 0.4, 4 and 80 ms fall into the buckets up to 1 ms, 4.7 ms and 100 ms, in seconds", async () => {
    const { source } = load();
    const metrics = await scrape(await serve(() => source));
    const bounds = ["0.001", "0.0015", "0.0033", "0.0047", "0.0068", "0.01", "0.068", "0.1", "0.15", "1", "10", "300"];
    const cumulative = (name: string): (number | undefined)[] =>
      [...bounds, "+Inf"].map((le) => metrics.get(`${name}_bucket{le="${le}"}`));
    const latency = "ingestion_insert_latency_seconds";
    expect(cumulative(latency)).to.deep.equal([1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3]);
    expect([metrics.get(`${latency}_count`), metrics.get(`${latency}_sum`)]).to.deep.equal([3, 0.0844]);
    // Sent 1 ms after it was due: 3 ms instead of 4.
    const service = "ingestion_insert_service_seconds";
    expect(cumulative(service)).to.deep.equal([1, 1, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3]);
    expect([metrics.get(`${service}_count`), metrics.get(`${service}_sum`)]).to.deep.equal([3, 0.0834]);
  });

  it("before the load starts the counters are 0 and the process metrics are there", async () => {
    const metrics = await scrape(await serve(() => undefined));
    expect(metrics.get("ingestion_generated_events_total")).to.equal(0);
    expect(metrics.get('ingestion_inserts_total{outcome="acknowledged"}')).to.equal(0);
    expect(metrics.get("ingestion_insert_latency_seconds_count")).to.equal(0);
    expect(metrics.get("process_start_time_seconds")).to.be.within(Date.now() / 1000 - 3600, Date.now() / 1000);
  });

  it("in a closed loop the target is +Inf", async () => {
    const { source } = load({ targetRowsPerSecond: () => Number.POSITIVE_INFINITY });
    const metrics = await scrape(await serve(() => source));
    expect(metrics.get("ingestion_target_events_per_second")).to.equal(Number.POSITIVE_INFINITY);
  });

  it("a label's quotes, backslashes and line breaks are escaped", async () => {
    const url = await serve(() => undefined, { rate: 'a"b\\c\nd' });
    expect(await (await fetch(url)).text()).to.contain('ingestion_run_info{rate="a\\"b\\\\c\\nd"} 1\n');
  });

  it("one scrape reads the totals once: what it shows belongs together", async () => {
    const { counters, source } = load();
    let reads = 0;
    const counting = {
      histogram: (name: HistogramName) => counters.histogram(name),
      spans: () => counters.spans(),
      totals: (nowNs: number) => {
        reads++;
        return counters.totals(nowNs);
      },
    };
    const url = await serve(() => ({ ...source, counters: counting }));
    await scrape(url);
    await scrape(url);
    expect(reads).to.equal(2);
  });

  it("utilization is the last second's for every scraper: 30 scrapes in 1.5 s cause no reading of their own", async () => {
    let readings = 0;
    const { source } = load({
      utilization: () => {
        readings++;
        return [readings / 10, 0.5];
      },
    });
    const url = await serve(() => source);
    const seen = new Set<number | undefined>();
    for (let scrapes = 0; scrapes < 30; scrapes++) {
      const metrics = await scrape(url);
      seen.add(metrics.get('ingestion_worker_utilization_ratio{worker="0"}'));
      await sleep(50);
    }
    expect(readings).to.be.within(1, 3);
    expect([...seen].slice(0, 2)).to.deep.equal([undefined, 0.1]);
    expect((await scrape(url)).get('ingestion_worker_utilization_ratio{worker="1"}')).to.equal(0.5);
  });

  it("GET has a type and a length; another path is 404, a query is ignored", async () => {
    const { source } = load();
    const url = await serve(() => source);
    const get = await fetch(url);
    expect(get.headers.get("content-type")).to.equal("text/plain; version=0.0.4; charset=utf-8");
    expect(Number(get.headers.get("content-length"))).to.equal((await get.arrayBuffer()).byteLength);
    const status = async (path: string): Promise<number> => (await fetch(new URL(path, url))).status;
    expect([await status("/"), await status("/metrics/x"), await status("/metrics?name[]=up")]).to.deep.equal([
      404, 404, 200,
    ]);
  });

  it("a counter that cannot be read is a 500 that tells strangers no reason, and the next scrape is answered again", async () => {
    const { source } = load();
    let broken = true;
    const url = await serve(() => {
      if (broken) throw new Error("the counters are gone");
      return source;
    });
    const response = await fetch(url);
    expect([response.status, await response.text()]).to.deep.equal([500, "the metrics cannot be read\n"]);
    broken = false;
    expect((await scrape(url)).get("ingestion_generated_events_total")).to.equal(1730);
  });

  it("of 48 idle connections 32 are kept, and with 16 of them closed a scrape is answered", async () => {
    const { source } = load();
    const url = await serve(() => source);
    const port = Number(new URL(url).port);
    let closed = 0;
    const sockets = Array.from({ length: 48 }, () => {
      const socket = connect(port, "127.0.0.1");
      socket.on("error", () => undefined);
      socket.on("close", () => closed++);
      return socket;
    });
    for (const deadlineMs = performance.now() + 5000; closed < 16 && performance.now() < deadlineMs; ) await sleep(20);
    await sleep(100);
    expect(closed).to.equal(16);
    for (const socket of sockets.filter((open) => !open.destroyed).slice(0, 16)) socket.destroy();
    await sleep(100);
    expect((await scrape(url)).get("ingestion_generated_events_total")).to.equal(1730);
    for (const socket of sockets) socket.destroy();
  });

  it("a port that is taken, or an address that is not ours, is a MetricsPortError that names it", async () => {
    const port = Number(new URL(await serve(() => undefined)).port);
    const refusal = async (wanted: number, host: string): Promise<string> => {
      try {
        servers.push(
          await serveMetrics(
            createRegistry({}, () => undefined),
            wanted,
            host,
          ),
        );
      } catch (error) {
        if (error instanceof MetricsPortError) return error.message;
        throw error;
      }
      throw new Error("it was opened");
    };
    expect(await refusal(port, "127.0.0.1")).to.equal(`port ${port} is taken`);
    expect(await refusal(0, "192.0.2.1")).to.equal("192.0.2.1 is not an address of this machine");
  });

  const why = hasPrometheus ? "" : " (SKIPPED: /usr/bin/prometheus is missing, on Debian: apt install prometheus)";
  describe(`of a run, scraped by a real Prometheus${why}`, () => {
    const runId = `scraped-${process.pid}`;
    let scraper: Prometheus;
    let running: Running | undefined;
    let database: string;
    let text: string;
    let rows: number;
    let inserts: number;
    before(async function () {
      this.timeout(60_000);
      if (prometheus === undefined) this.skip();
      scraper = prometheus;
      const target = await newDatabase();
      database = target.database;
      await scraper.scraping();
      running = start([
        ...["--clickhouse-url", target.url, "--rate", "3000", "--duration", "2.1s", "--batch-rows", "100"],
        ...["--metrics-port", String(scrapedPort), "--metrics-host", "127.0.0.1", "--hold", "30s", "--no-traces"],
        ...["--run-id", runId, "--workers", "2"],
      ]);
      await running.said("holding http");
      const heldMs = Date.now();
      text = await (await fetch(`http://127.0.0.1:${scrapedPort}/metrics`)).text();
      // The last sample is one that was taken under --hold.
      while ((await scraper.value("max(timestamp(ingestion_generated_events_total))")) * 1000 <= heldMs) {
        await sleep(100);
      }
      rows = await numberOf("SELECT count() FROM events", database);
      inserts = await numberOf(`SELECT uniqExact(intDiv(seq, 100)) FROM events WHERE run_id = '${runId}'`, database);
    });
    after(() => {
      running?.process.kill("SIGKILL");
    });

    it("the last sample of ingestion_generated_events_total is ClickHouse's count: 6,300", async () => {
      expect(rows).to.equal(6300);
      expect(await scraper.value("ingestion_generated_events_total")).to.equal(rows);
      expect(await scraper.value("ingestion_acknowledged_events_total")).to.equal(rows);
      expect(await scraper.value("sum(ingestion_failed_events_total) + sum(ingestion_unknown_events_total)")).to.equal(
        0,
      );
    });

    it("scrapes succeeded, before the end as well: the counter was seen below 6,300 and never fell", async () => {
      expect(await scraper.value("up")).to.equal(1);
      expect(await scraper.value("min_over_time(ingestion_generated_events_total[5m])")).to.be.below(6300);
      expect(await scraper.value("count_over_time(ingestion_generated_events_total[5m])")).to.be.greaterThan(5);
      expect(await scraper.value("resets(ingestion_generated_events_total[5m])")).to.equal(0);
      const { activeTargets } = await scraper.get<{ activeTargets: { lastError: string; health: string }[] }>(
        "/api/v1/targets",
      );
      expect(activeTargets.map(({ lastError, health }) => [lastError, health])).to.deep.equal([["", "up"]]);
    });

    it("in no sample are more rows acknowledged than were generated", async () => {
      const { result } = await scraper.get<{
        result: { metric: Record<string, string>; values: [number, string][] }[];
      }>(
        `/api/v1/query?query=${encodeURIComponent('{__name__=~"ingestion_(generated|acknowledged)_events_total"}[5m]')}`,
      );
      const valuesOf = (name: string): number[] =>
        result
          .filter(({ metric }) => metric.__name__ === name)
          .flatMap(({ values }) => values.map(([, value]) => Number(value)));
      const generated = valuesOf("ingestion_generated_events_total");
      const acknowledged = valuesOf("ingestion_acknowledged_events_total");
      expect(generated.length).to.equal(acknowledged.length);
      expect(generated.filter((value, sample) => value < (acknowledged[sample] ?? Number.NaN))).to.deep.equal([]);
    });

    it("both histograms count the run's 63 inserts, and their buckets never fall", async () => {
      expect(inserts).to.equal(63);
      expect(await scraper.value('ingestion_inserts_total{outcome="acknowledged"}')).to.equal(inserts);
      for (const name of ["ingestion_insert_latency_seconds", "ingestion_insert_service_seconds"]) {
        expect(await scraper.value(`${name}_count`)).to.equal(inserts);
        const buckets = (await scraper.query(`${name}_bucket`))
          .map(({ metric, value }: Sample) => ({ le: Number(metric.le?.replace("Inf", "Infinity")), value }))
          .sort((a, b) => a.le - b.le);
        expect(buckets.length).to.equal(35);
        expect(buckets.at(-1)).to.deep.equal({ le: Number.POSITIVE_INFINITY, value: inserts });
        for (const [index, { value }] of buckets.entries())
          expect(value).to.be.at.least(buckets[index - 1]?.value ?? 0);
      }
    });

    it("the mean service time is not below the server's own and not above the latency: the unit is seconds", async () => {
      const [server] = await rowsOf<{ seconds: number }>(
        `SELECT avg(query_duration_ms) / 1000 AS seconds FROM system.query_log
         WHERE type = 'QueryFinish' AND startsWith(query_id, '${runId}-')`,
      );
      const mean = (kind: string): Promise<number> =>
        scraper.value(`ingestion_insert_${kind}_seconds_sum / ingestion_insert_${kind}_seconds_count`);
      const [service, latency] = [await mean("service"), await mean("latency")];
      // The server counts whole milliseconds, rounded down.
      expect(service).to.be.within(server?.seconds ?? Number.NaN, 2);
      expect(latency).to.be.within(service, 4);
    });

    it("counters are known as counters, gauges as gauges, histograms as histograms, each with its help", async () => {
      const metadata = await scraper.get<Record<string, { type: string; help: string }[]>>("/api/v1/metadata");
      const own = Object.entries(metadata).filter(([name]) => name.startsWith("ingestion_"));
      const types = Object.fromEntries(own.map(([name, entries]) => [name, entries.map(({ type }) => type).join()]));
      // OpenMetrics, which Prometheus asks for, has a counter under its name without _total.
      expect(types).to.deep.equal({
        ingestion_generated_events: "counter",
        ingestion_acknowledged_events: "counter",
        ingestion_failed_events: "counter",
        ingestion_unknown_events: "counter",
        ingestion_dropped_events: "counter",
        ingestion_unsent_events: "counter",
        ingestion_inserts: "counter",
        ingestion_insert_errors: "counter",
        ingestion_insert_retries: "counter",
        ingestion_rendered_bytes: "counter",
        ingestion_sent_bytes: "counter",
        ingestion_spans: "counter",
        ingestion_insert_latency_seconds: "histogram",
        ingestion_insert_service_seconds: "histogram",
        ingestion_inserts_in_flight: "gauge",
        ingestion_target_events_per_second: "gauge",
        ingestion_schedule_lag_seconds: "gauge",
        ingestion_worker_utilization_ratio: "gauge",
        ingestion_run_info: "gauge",
      });
      for (const [name, [entry]] of own) expect(entry?.help.length, name).to.be.greaterThan(10);
      expect(metadata.process_cpu_seconds?.[0]?.type).to.equal("counter");
    });

    it("each of the two workers has a utilization from 0 to 1; the target was 3,000 rows/s, and is 0 after the end", async () => {
      const ratios = await scraper.query("max_over_time(ingestion_worker_utilization_ratio[5m])");
      expect(ratios.map(({ metric }) => metric.worker).sort()).to.deep.equal(["0", "1"]);
      for (const { value } of ratios) expect(value).to.be.within(0.0001, 1);
      expect(await scraper.value("max_over_time(ingestion_target_events_per_second[5m])")).to.equal(3000);
      expect(await scraper.value("ingestion_target_events_per_second")).to.equal(0);
      expect(
        (await scraper.query("ingestion_run_info")).map(({ metric, value }) => [metric.run_id, value]),
      ).to.deep.equal([[runId, 1]]);
    });

    it("promtool has nothing to say of our metrics, and of the library's only that three gauges end in _total", () => {
      expect(parseText(text).get("ingestion_generated_events_total")).to.equal(6300);
      expect(checkMetrics(text)).to.deep.equal(
        ["nodejs_active_handles_total", "nodejs_active_requests_total", "nodejs_active_resources_total"].map(
          (name) => `${name} non-counter metrics should not have "_total" suffix`,
        ),
      );
    });

    it("an interrupt ends the hold, /metrics and the run: exit 0", async () => {
      if (running === undefined) throw new Error("nothing runs");
      running.process.kill("SIGINT");
      const { code, stdout } = await running.ended;
      expect([code, stdout.includes("landed 6,300, lost 0, duplicated 0")]).to.deep.equal([0, true]);
    });
  });
});
