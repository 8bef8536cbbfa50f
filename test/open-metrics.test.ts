// OpenMetrics: who gets it, and what it looks like, by the specification's own words.

import { expect } from "chai";
import { BUCKETS } from "../src/buckets.js";
import { ExemplarSieve, Exemplars } from "../src/exemplars.js";
import { createRegistry } from "../src/metrics.js";
import { type MetricsServer, serveMetrics } from "../src/metrics-server.js";
import { toOpenMetrics, wantsOpenMetrics } from "../src/open-metrics.js";
import { Scrapes } from "../src/scrapes.js";

/** What Prometheus 2.42 and 3 send. */
const PROMETHEUS_2 =
  "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
const PROMETHEUS_3 =
  "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";

describe("OpenMetrics", () => {
  for (const [accept, wanted] of [
    [PROMETHEUS_2, true],
    [PROMETHEUS_3, true],
    ["application/openmetrics-text", true],
    ["Application/OpenMetrics-Text; Version=1.0.0", true],
    ["application/openmetrics-text; q=0.3, text/plain; q=0.9", false],
    ["application/openmetrics-text; version=0.0.1", false],
    ["application/openmetrics-text; q=0", false],
    ["application/openmetrics-text; q=x", false],
    ["text/plain;version=0.0.4", false],
    ["*/*", false],
    ["", false],
    [undefined, false],
  ] as const) {
    it(`Accept ${accept === undefined ? "left out" : `"${accept.slice(0, 70)}"`}: ${wanted ? "OpenMetrics" : "the text format"}`, () => {
      expect(wantsOpenMetrics(accept)).to.equal(wanted);
    });
  }

  it("a counter's family has no _total, its samples have; whole bounds have a point, texts are escaped, the end is marked", () => {
    const text = toOpenMetrics([
      {
        name: "rows_total",
        help: 'So "many"\\\nrows',
        type: "counter",
        values: [{ value: 3, labels: { why: 'a"b\\c\nd' } }],
      },
      {
        name: "took_seconds",
        help: "Time",
        type: "histogram",
        values: [
          { metricName: "took_seconds_bucket", labels: { le: 0.5 }, value: 1, exemplar: null },
          {
            metricName: "took_seconds_bucket",
            labels: { le: 1 },
            value: 2,
            exemplar: { labels: { trace_id: "ab" }, value: 0.75, atS: 1_700_000_000.25 },
          },
          { metricName: "took_seconds_bucket", labels: { le: "+Inf" }, value: 2 },
        ],
      },
      { name: "asked", help: "For", type: "gauge", values: [{ value: Number.POSITIVE_INFINITY, labels: {} }] },
    ]);
    expect(text.split("\n")).to.deep.equal([
      "# TYPE rows counter",
      '# HELP rows So \\"many\\"\\\\\\nrows',
      'rows_total{why="a\\"b\\\\c\\nd"} 3',
      "# TYPE took_seconds histogram",
      "# HELP took_seconds Time",
      'took_seconds_bucket{le="0.5"} 1',
      'took_seconds_bucket{le="1.0"} 2 # {trace_id="ab"} 0.75 1700000000.250',
      'took_seconds_bucket{le="+Inf"} 2',
      "# TYPE asked gauge",
      "# HELP asked For",
      "asked +Inf",
      "# EOF",
      "",
    ]);
  });

  describe("over HTTP", () => {
    let server: MetricsServer;
    before(async () => {
      server = await serveMetrics(
        createRegistry({ run_id: "r" }, () => undefined),
        0,
        "127.0.0.1",
      );
    });
    after(() => server.close());

    it("each scraper gets what it asks for, by turns: counters keep their names in both, and each value is there", async () => {
      const get = async (accept: string): Promise<[string | null, string[]]> => {
        const response = await fetch(server.url, { headers: { accept } });
        return [response.headers.get("content-type"), (await response.text()).split("\n")];
      };
      for (let turn = 0; turn < 2; turn++) {
        const [openType, open] = await get(PROMETHEUS_2);
        const [plainType, plain] = await get("text/plain");
        expect(openType).to.equal("application/openmetrics-text; version=1.0.0; charset=utf-8");
        expect(plainType).to.equal("text/plain; version=0.0.4; charset=utf-8");
        expect(open).to.include("# TYPE ingestion_generated_events counter");
        expect(plain).to.include("# TYPE ingestion_generated_events_total counter");
        for (const text of [open, plain]) expect(text).to.include("ingestion_generated_events_total 0");
        const series = (lines: readonly string[]): string[] =>
          lines
            // What the process itself has open comes and goes from scrape to scrape.
            .filter((line) => line.startsWith("ingestion_"))
            .map((line) => line.slice(0, line.lastIndexOf(" ")).replace(/le="(\d+)"/, 'le="$1.0"'));
        expect(series(open).length).to.be.greaterThan(60);
        expect(series(open).sort()).to.deep.equal(series(plain).sort());
        expect(open.slice(-2)).to.deep.equal(["# EOF", ""]);
      }
    });
  });
});

describe("exemplars", () => {
  const times = { traceId: "a", latencyS: 0.004, serviceS: 0.002, atS: 1 };

  it("the last insert of a bucket is its exemplar, by latency and by service time apart; bounds belong to the lower bucket", () => {
    const exemplars = new Exemplars();
    const at = (kind: "latency" | "service", le: number) => exemplars.of(kind)[BUCKETS.indexOf(le)]?.traceId;
    exemplars.put(times);
    exemplars.put({ traceId: "b", latencyS: 0.0047, serviceS: 0.0022, atS: 2 });
    exemplars.put({ traceId: "c", latencyS: undefined, serviceS: 0.0023, atS: 3 });
    exemplars.put({ traceId: "d", latencyS: 301, serviceS: 0.000_01, atS: 4 });
    expect([at("latency", 0.0047), at("service", 0.0022), at("service", 0.0033)]).to.deep.equal(["b", "b", "c"]);
    expect(exemplars.of("latency").at(-1)).to.deep.equal({ traceId: "d", seconds: 301, atS: 4 });
    expect(at("service", 0.001)).to.equal("d");
    expect(exemplars.of("latency").filter((one) => one !== undefined).length).to.equal(2);
  });

  it("a worker tells of one a second and bucket: of 10,000 alike in 5 s five, however many are traced", () => {
    const sieve = new ExemplarSieve();
    const told = Array.from({ length: 10_000 }, (_, n) => n / 2).filter((nowMs) => sieve.lets(times, nowMs));
    expect(told).to.deep.equal([0, 1000, 2000, 3000, 4000]);
    // Another bucket is not held up by it, whichever of the two times it is that is another.
    expect(sieve.lets({ ...times, latencyS: 0.1 }, 4500)).to.equal(true);
    expect(sieve.lets({ ...times, serviceS: 0.1, latencyS: 0.1 }, 4500)).to.equal(true);
    expect(sieve.lets({ ...times, serviceS: 0.1, latencyS: 0.1 }, 5400)).to.equal(false);
  });
});

describe("scrapes", () => {
  it("99,000 of 100,000 rows seen by the last scrape is said, with a --hold as long as it is between scrapes, 15 s at least", () => {
    const scrapes = new Scrapes();
    expect(scrapes.whyIncomplete(100_000)).to.equal(undefined);
    scrapes.answered(50_000, 0);
    expect(scrapes.whyIncomplete(100_000)).to.equal(
      "the last scrape of /metrics saw 50,000 of 100,000 rows: --hold 15s keeps it up for one more",
    );
    scrapes.answered(99_000, 29_900);
    expect(scrapes.whyIncomplete(100_000)).to.equal(
      "the last scrape of /metrics saw 99,000 of 100,000 rows: --hold 30s keeps it up for one more",
    );
    scrapes.answered(100_000, 60_000);
    expect(scrapes.whyIncomplete(100_000)).to.equal(undefined);
  });
});
