// What becomes of spans: as many are lost, by the report, as a real OTLP endpoint did not get, and each loss is told once.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import type { Report } from "../src/report/schema.js";
import { clickstorm, type Ended, start, unwrapped } from "./support/cli.js";
import { type Answer, Collector, type Manner, partial } from "./support/otlp.js";
import { freePort, parseText } from "./support/prometheus.js";
import { Sink } from "./support/sink.js";

type Traces = NonNullable<Report["traces"]>;

interface Traced extends Ended {
  readonly collector: Collector;
  readonly traces: Traces;
}

const NOTHING = { queue_full: 0, rejected: 0, failed: 0, unflushed: 0 };
const OK: Answer = { status: 200 };
const count = (text: string, part: string): number => text.split(part).length - 1;
/** A busy machine has others. */
const warningsIn = (text: string): readonly string[] => text.match(/^warning: (traces|spans|http).*$/gm) ?? [];

describe("spans", function () {
  this.timeout(60_000);

  const folder = mkdtempSync(join(tmpdir(), "clickstorm-spans-"));
  let runs = 0;
  let sink: Sink;
  const collectors: Collector[] = [];
  before(async () => {
    sink = await Sink.open();
  });
  after(async () => {
    await Promise.all([sink, ...collectors].map((server) => server.close()));
    rmSync(folder, { recursive: true });
  });

  const open = async (manner: Manner): Promise<Collector> => {
    const collector = await Collector.open(manner);
    collectors.push(collector);
    return collector;
  };

  const flagsFor = (collector: Collector, file: string): readonly string[] => [
    ...["--clickhouse-url", sink.url, "--blind", "--batch-rows", "1", "--workers", "1"],
    ...["--otlp-endpoint", collector.url, "--report", file],
  ];

  const tracesIn = (file: string): Traces => {
    const { traces }: Report = JSON.parse(readFileSync(file, "utf8"));
    if (traces === null) throw new Error("the report has no traces");
    expect(traces.spans, "spans = exported + lost").to.equal(
      traces.exported + Object.values(traces.lost).reduce((sum, spans) => sum + spans, 0),
    );
    return traces;
  };

  /** 100 single-row inserts in a second, all traced, by one worker. */
  async function traced(manner: Manner, environment: Readonly<Record<string, string>>): Promise<Traced> {
    const collector = await open(manner);
    const file = join(folder, `${runs++}.json`);
    const ended = await clickstorm(
      [...flagsFor(collector, file), "--rate", "100", "--duration", "1s", "--no-metrics"],
      { OTEL_TRACES_SAMPLER: "always_on", ...environment },
    );
    expect(ended.code, ended.stderr).to.equal(0);
    const traces = tracesIn(file);
    expect(traces.spans).to.equal(200);
    return { ...ended, collector, traces };
  }

  it("of a collector that takes them all: 200 began, 200 are there, none is lost, and nothing is said", async () => {
    const { collector, traces, stdout, stderr } = await traced("takes", {});
    expect(collector.spans.length).to.equal(200);
    expect(traces).to.deep.equal({ spans: 200, exported: 200, lost: NOTHING });
    expect(stdout + stderr).not.to.match(/spans|traces/);
  });

  it("more than a slow collector takes: what is not there was lost for want of room, told once and in the summary", async () => {
    const { collector, traces, stdout, stderr } = await traced(() => ({ ...OK, afterMs: 400 }), {
      OTEL_BSP_MAX_QUEUE_SIZE: "10",
    });
    const lost = 200 - collector.spans.length;
    expect(lost).to.be.greaterThan(0);
    expect(traces.lost).to.deep.equal({ ...NOTHING, queue_full: lost });
    expect(warningsIn(stderr), stderr).to.have.length(1);
    expect(stderr).to.contain(
      `warning: spans are lost, and counted: more end than ${collector.url} takes, and the queue of 10 is full; OTEL_BSP_MAX_QUEUE_SIZE makes it longer, OTEL_TRACES_SAMPLER traces fewer batches\n`,
    );
    expect(unwrapped(stdout)).to.contain(`traces     ${lost} of 200 spans lost: ${lost} for want of room\n`);
  });

  it("of a partial success, one span of each request: as many are rejected as there were requests, told with the collector's words", async () => {
    const { collector, traces, stdout, stderr } = await traced(() => partial(1, "too old\u001b[2J"), {
      OTEL_BSP_SCHEDULE_DELAY: "200",
    });
    const rejected = collector.requests.length;
    expect(collector.requests.length).to.be.greaterThan(1);
    expect(collector.spans.length).to.equal(200 - rejected);
    expect(traces).to.deep.equal({ spans: 200, exported: 200 - rejected, lost: { ...NOTHING, rejected } });
    expect(warningsIn(stderr), stderr).to.have.length(1);
    expect(stderr).to.contain(`${collector.url} does not take all of them (too old`).and.not.to.contain("\u001b");
    expect(unwrapped(stdout)).to.contain(`traces     ${rejected} of 200 spans lost: ${rejected} rejected\n`);
  });

  it("a partial success that leaves out nothing is a word of the collector's: 200 are there, none is lost", async () => {
    const { collector, traces, stderr } = await traced(() => partial(0, "use gzip"), {});
    expect([collector.spans.length, traces.exported]).to.deep.equal([200, 200]);
    expect(stderr).to.contain(`warning: ${collector.url} takes spans, and warns: use gzip\n`);
  });

  it("a collector that repeats the headers it was sent is told without their values, also where its words are cut", async () => {
    const token = "Zq7-token/Zq7";
    const words = `no tenant seven for Bearer ${token} ${"x".repeat(230)} ${token}`;
    const { stdout, stderr } = await traced(() => partial(1, words), {
      OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer ${encodeURIComponent(token)},x-tenant=seven`,
    });
    // Of 300 characters the last would have been the beginning of the token.
    expect(stderr).to.contain(`does not take all of them (no tenant *** for *** ${"x".repeat(230)} ***)`);
    expect(stdout + stderr).not.to.contain("Zq7");
  });

  it("a partial success that leaves out more than it was sent leaves out all of it, never more", async () => {
    const { traces } = await traced(() => partial(1e9, "no"), {});
    expect(traces).to.deep.equal({ spans: 200, exported: 0, lost: { ...NOTHING, rejected: 200 } });
  });

  it("a collector that fails at first: the spans of those requests are lost, and it is told that traces arrive again", async () => {
    const { collector, traces, stdout, stderr } = await traced((request) => ({ status: request < 2 ? 400 : 200 }), {
      OTEL_BSP_SCHEDULE_DELAY: "100",
    });
    const failed = 200 - collector.spans.length;
    expect(failed).to.be.within(1, 199);
    expect(traces).to.deep.equal({ spans: 200, exported: 200 - failed, lost: { ...NOTHING, failed } });
    expect(warningsIn(stderr), stderr).to.have.length(1);
    expect(stderr).to.contain(`traces do not reach ${collector.url} (it answers 400 Bad Request): the run goes on`);
    expect(count(stderr, "again"), stderr).to.equal(1);
    expect(stderr).to.contain(
      `\ntraces reach ${collector.url} again; spans lost until then, if any, are counted in the summary\n`,
    );
    expect(unwrapped(stdout)).to.contain(`traces     ${failed} of 200 spans lost: ${failed} not taken\n`);
  });

  for (const [status, name] of [
    [429, "Too Many Requests"],
    [503, "Service Unavailable"],
  ] as const) {
    it(`a collector that answers ${status} once is told with its number at once; its spans are sent again, and none is lost`, async () => {
      const { collector, traces, stderr } = await traced(
        (request) => ({ status: request === 0 ? status : 200, headers: { "retry-after": "1" } }),
        { OTEL_BSP_SCHEDULE_DELAY: "100" },
      );
      expect(collector.spans.length).to.equal(200);
      expect(traces).to.deep.equal({ spans: 200, exported: 200, lost: NOTHING });
      expect(warningsIn(stderr), stderr).to.have.length(1);
      expect(stderr).to.contain(`(it answers ${status} ${name}: they are sent again for a while): the run goes on`);
      expect(stderr).to.contain(`traces reach ${collector.url} again`);
    });
  }

  it("a collector that never answers: all 200 were on their way at the end", async () => {
    const { traces, stdout } = await traced("hangs", {});
    expect(traces).to.deep.equal({ spans: 200, exported: 0, lost: { ...NOTHING, unflushed: 200 } });
    expect(unwrapped(stdout)).to.contain("traces     200 of 200 spans lost: 200 unsent at the end\n");
  });

  it("a web server that answers 200 with a page is no collector: all 200 are lost, not exported", async () => {
    const page = { ...OK, headers: { "content-type": "text/html" }, body: "<html>hello</html>" };
    const { traces, stderr } = await traced(() => page, {});
    expect(traces).to.deep.equal({ spans: 200, exported: 0, lost: { ...NOTHING, failed: 200 } });
    expect(stderr).to.contain("(it answers 200 OK with text/html, not as OTLP/HTTP does: is this a collector?)");
  });

  it("an answer in JSON is understood: one span of each request is rejected", async () => {
    const body = JSON.stringify({ partialSuccess: { rejectedSpans: "1", errorMessage: "no" } });
    const { collector, traces } = await traced(() => ({ ...OK, rejects: 1, body }), {});
    expect(traces.lost).to.deep.equal({ ...NOTHING, rejected: collector.requests.length });
    expect(traces.exported).to.equal(collector.spans.length);
  });

  it("of a worker that crashes, whatever is not there is counted as left over", async () => {
    const collector = await open("takes");
    const [report, crash] = [join(folder, "crashed.json"), join(folder, "crash")];
    const run = start([...flagsFor(collector, report), "--rate", "100", "--duration", "30s", "--no-metrics"], {
      NODE_OPTIONS: `--import ${new URL("./support/crash.js", import.meta.url).href}`,
      CRASH_FILE: crash,
      CRASH_THREAD: "1",
      // Nothing leaves before.
      OTEL_BSP_SCHEDULE_DELAY: "60000",
      OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "50",
      OTEL_TRACES_SAMPLER: "always_on",
    });
    while (collector.spans.length < 100) await new Promise((resolve) => setTimeout(resolve, 20));
    writeFileSync(crash, "");
    await run.ended;
    const traces = tracesIn(report);
    // Of what the collector took, the last answer may have come too late.
    expect(traces.exported).to.be.oneOf([collector.spans.length, collector.spans.length - 50]);
    expect(traces.lost.unflushed).to.equal(traces.spans - traces.exported);
    expect(traces.lost.unflushed).to.be.greaterThan(0);
  });

  it("/metrics has them as ingestion_spans_total by outcome, the same numbers as the report", async () => {
    const collector = await open(() => partial(1, "no"));
    const report = join(folder, "metrics.json");
    const port = await freePort();
    const run = start([
      ...[...flagsFor(collector, report), "--rate", "50", "--duration", "1s", "--hold", "60s"],
      ...["--metrics-port", String(port), "--metrics-host", "127.0.0.1"],
    ]);
    await run.said("holding");
    const series = parseText(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text());
    run.process.kill("SIGINT");
    await run.ended;
    const rejected = collector.requests.length;
    const spans = { exported: 100 - rejected, queue_full: 0, rejected, failed: 0, unflushed: 0 };
    for (const [outcome, value] of Object.entries(spans)) {
      expect(series.get(`ingestion_spans_total{outcome="${outcome}"}`), outcome).to.equal(value);
    }
    expect(tracesIn(report)).to.deep.equal({ spans: 100, exported: 100 - rejected, lost: { ...NOTHING, rejected } });
  });
});
