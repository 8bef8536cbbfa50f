// Traces as a collector receives them, decoded from the protobuf, and as ClickHouse's own logs join them.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import type { Report } from "../src/report/schema.js";
import { clickstorm, type Ended, start } from "./support/cli.js";
import { Collector, type ReceivedSpan } from "./support/otlp.js";
import { clickhouse, newDatabase, numberOf, rowsOf, serverUrl } from "./support/server.js";
import { Sink } from "./support/sink.js";
import { webServer } from "./support/strangers.js";

/** So long is a collector waited for. */
const FLUSH_MS = 3000;
/** What the end of a run takes beside that, on a busy machine. */
const ENDING_MS = 5000;

/** A run that sends single rows, at `rate` a second, or max. */
async function singles(
  url: string,
  rate: number | "max",
  duration: string,
  more: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  return clickstorm(
    [
      ...["--clickhouse-url", url, "--rate", String(rate), "--duration", duration, "--batch-rows", "1"],
      ...["--no-metrics", ...more],
    ],
    environment,
  );
}

/** A port nobody listens on. */
async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== "object" || address === null) throw new Error("no port");
  return address.port;
}

function tracesByBatch(collector: Collector): Map<unknown, { generate: ReceivedSpan; insert: ReceivedSpan }> {
  const inserts = new Map(collector.named("InsertEvent").map((span) => [span.traceId, span]));
  return new Map(
    collector.named("generateEvent").map((generate) => {
      const insert = inserts.get(generate.traceId);
      if (insert === undefined) throw new Error(`trace ${generate.traceId} has no InsertEvent`);
      return [generate.attributes["clickstorm.batch.number"], { generate, insert }];
    }),
  );
}

const count = (text: string, part: string): number => text.split(part).length - 1;

describe("traces", () => {
  const collectors: Collector[] = [];
  const open = async (manner?: "takes" | "hangs" | number): Promise<Collector> => {
    const collector = await Collector.open(manner);
    collectors.push(collector);
    return collector;
  };
  let sink: Sink;
  before(async () => {
    sink = await Sink.open();
  });
  beforeEach(() => {
    sink.received.length = 0;
  });
  after(async () => {
    await Promise.all([sink, ...collectors].map((server) => server.close()));
  });

  describe("of 40 single-row inserts in 1 s, by two workers", () => {
    const runId = `traced-${process.pid}`;
    const folder = mkdtempSync(join(tmpdir(), "clickstorm-traces-"));
    const report = join(folder, "report.json");
    let collector: Collector;
    let database: string;
    let ended: Ended;
    after(() => rmSync(folder, { recursive: true }));
    before(async () => {
      collector = await open();
      const target = await newDatabase();
      database = target.database;
      ended = await singles(target.url, 40, "1s", [
        ...["--otlp-endpoint", collector.url, "--run-id", runId, "--workers", "2", "--report", report],
      ]);
      await clickhouse("SYSTEM FLUSH LOGS");
    });

    it("as many pairs arrive as ClickHouse logged inserts: 40, named <run>-<batch>-1 for the batches from 0 to 39", async () => {
      expect(ended.code, ended.stderr).to.equal(0);
      const logged = await rowsOf<{ id: string }>(
        `SELECT query_id AS id FROM system.query_log WHERE type = 'QueryFinish' AND query_kind = 'Insert' AND startsWith(id, '${runId}')`,
      );
      const ids = [...tracesByBatch(collector).keys()].map((batch) => `${runId}-${batch}-1`);
      expect(ids.sort()).to.deep.equal(Array.from({ length: 40 }, (_, batch) => `${runId}-${batch}-1`).sort());
      expect(logged.map(({ id }) => id).sort()).to.deep.equal(ids);
      expect(collector.spans.length).to.equal(80);
    });

    it("they come as POST /v1/traces in protobuf, from service ingestion-service", () => {
      expect(collector.requests.length).to.be.greaterThan(0);
      for (const { method, path, headers } of collector.requests) {
        expect([method, path, headers["content-type"]]).to.deep.equal(["POST", "/v1/traces", "application/x-protobuf"]);
      }
      expect(new Set(collector.spans.map(({ resource }) => resource["service.name"]))).to.deep.equal(
        new Set(["ingestion-service"]),
      );
    });

    it("each of the 40 InsertEvents is a CLIENT span below the root generateEvent of its trace, and begins after it ends", () => {
      const traces = tracesByBatch(collector);
      expect(traces.size).to.equal(40);
      expect(new Set(collector.spans.map(({ traceId }) => traceId)).size).to.equal(40);
      for (const { generate, insert } of traces.values()) {
        expect([generate.kind, generate.parentSpanId]).to.deep.equal(["INTERNAL", ""]);
        expect([insert.kind, insert.parentSpanId]).to.deep.equal(["CLIENT", generate.spanId]);
        expect(generate.startNs <= generate.endNs && generate.endNs <= insert.startNs).to.equal(true);
        expect(insert.endNs > insert.startNs && insert.endNs - insert.startNs < 30_000_000_000n).to.equal(true);
      }
    });

    it("InsertEvent carries the database attributes, and those of its batch: 1 row, its bytes, when it was due, its query id", async () => {
      const server = new URL(serverUrl());
      const startMs = Date.parse(JSON.parse(readFileSync(report, "utf8")).started_at);
      const [row] = await rowsOf<{ user: string }>("SELECT any(user_id) AS user FROM events", database);
      for (const [batch, { generate, insert }] of tracesByBatch(collector)) {
        const bytes = insert.attributes["clickstorm.batch.bytes"];
        expect(insert.attributes).to.deep.equal({
          "db.system.name": "clickhouse",
          "db.namespace": database,
          "db.collection.name": "events",
          "db.operation.name": "INSERT",
          "server.address": server.hostname,
          "server.port": Number(server.port),
          "clickstorm.batch.number": batch,
          "clickstorm.batch.rows": 1,
          "clickstorm.batch.bytes": bytes,
          // 40 a second.
          "clickstorm.batch.due": new Date(startMs + 25 * Number(batch)).toISOString(),
          "clickhouse.query_id": `${runId}-${batch}-1`,
        });
        // {"timestamp":"2026-01-01 00:00:00.000","user_id":"user-<36>", … }: a row of the default table.
        expect(bytes).to.be.within(150, 250);
        expect([
          generate.attributes["clickstorm.batch.rows"],
          generate.attributes["clickstorm.batch.bytes"],
        ]).to.deep.equal([1, bytes]);
        expect(insert.status.code).to.equal("UNSET");
      }
      expect(JSON.stringify(collector.spans.map(({ attributes }) => attributes))).not.to.contain(row?.user);
    });

    it("InsertEvent has one event, its attempt: 1, acknowledged by that server under that query id, begun within the span", () => {
      const server = new URL(serverUrl());
      for (const [batch, { insert }] of tracesByBatch(collector)) {
        expect(insert.events.map(({ name, attributes }) => ({ name, ...attributes }))).to.deep.equal([
          {
            name: "attempt",
            "clickstorm.attempt.number": 1,
            "clickstorm.attempt.outcome": "acknowledged",
            "clickhouse.query_id": `${runId}-${batch}-1`,
            "server.address": server.hostname,
            "server.port": Number(server.port),
          },
        ]);
        const [event] = insert.events;
        expect(event !== undefined && event.atNs >= insert.startNs && event.atNs <= insert.endNs).to.equal(true);
      }
    });

    it("system.query_log has clickstorm/<version> as the user agent of every insert, and of every question before and after", async () => {
      const { versions } = JSON.parse(readFileSync(report, "utf8"));
      // The test's own are node's.
      const agents = await rowsOf<{ agent: string; kind: string; queries: number }>(
        `SELECT http_user_agent AS agent, if(startsWith(query_id, '${runId}'), 'load', 'question') AS kind, count() AS queries
         FROM system.query_log WHERE type = 'QueryFinish' AND agent != 'node' AND (startsWith(query_id, '${runId}') OR current_database = '${database}')
         GROUP BY ALL ORDER BY kind`,
      );
      const agent = `clickstorm/${versions.clickstorm}`;
      expect(agents.map((row) => [row.kind, row.agent])).to.deep.equal([
        ["load", agent],
        ["question", agent],
      ]);
      expect(agents[0]?.queries).to.equal(40);
      // The version, the settings, the table, its columns, the ledger.
      expect(agents[1]?.queries).to.be.greaterThan(4);
    });

    it("ClickHouse's own root span of each insert names our InsertEvent as its parent, in the same trace", async () => {
      const roots = await rowsOf<{ trace: string; parent: string; query: string }>(
        `SELECT replaceAll(toString(root.trace_id), '-', '') AS trace, leftPad(lower(hex(root.parent_span_id)), 16, '0') AS parent,
           query.attribute['clickhouse.query_id'] AS query
         FROM system.opentelemetry_span_log AS root
         INNER JOIN system.opentelemetry_span_log AS query ON query.trace_id = root.trace_id AND query.parent_span_id = root.span_id
         WHERE root.kind = 'SERVER' AND startsWith(query.attribute['clickhouse.query_id'], '${runId}')`,
      );
      const seen = roots.map(({ trace, parent, query }) => `${trace} ${parent} ${query}`);
      const wanted = [...tracesByBatch(collector)].map(
        ([batch, { insert }]) => `${insert.traceId} ${insert.spanId} ${runId}-${batch}-1`,
      );
      expect(wanted.length).to.equal(40);
      expect(seen.sort()).to.deep.equal(wanted.sort());
    });
  });

  it("an insert that was reset once and sent again is one InsertEvent, with http.request.resend_count 1, and ends well", async () => {
    const collector = await open();
    let requests = 0;
    const resets = await Sink.open(() => (requests++ === 2 ? "late-reset" : undefined));
    const port = Number(new URL(resets.url).port);
    const retrying = ["--blind", "--retries", "3", "--retry-ambiguous", "--otlp-endpoint", collector.url];
    const { code, stdout, stderr } = await singles(resets.url, 20, "500ms", retrying);
    await resets.close();
    expect(code, stderr).to.equal(0);
    const again = resets.received.filter(({ target }) => /-2[&]/.test(target));
    expect(resets.received.length).to.equal(11);
    expect(again.length).to.equal(1);
    const inserts = [...tracesByBatch(collector)].map(([batch, { insert }]) => ({
      batch,
      resent: insert.attributes["http.request.resend_count"],
      status: insert.status.code,
    }));
    expect(inserts.toSorted((a, b) => Number(a.batch) - Number(b.batch))).to.deep.equal(
      Array.from({ length: 10 }, (_, batch) => ({
        batch,
        resent: batch === again[0]?.batch ? 1 : undefined,
        status: "UNSET",
      })),
    );
    const retried = tracesByBatch(collector).get(again[0]?.batch)?.insert;
    const runId = /run (\S+)/.exec(stdout)?.[1];
    const attempt = { "server.address": "127.0.0.1", "server.port": port };
    expect(retried?.events.map(({ attributes }) => attributes)).to.deep.equal([
      {
        "clickstorm.attempt.number": 1,
        "clickstorm.attempt.outcome": "unknown",
        "clickhouse.query_id": `${runId}-${again[0]?.batch}-1`,
        ...attempt,
        "error.type": "connection_reset",
      },
      {
        "clickstorm.attempt.number": 2,
        "clickstorm.attempt.outcome": "acknowledged",
        "clickhouse.query_id": `${runId}-${again[0]?.batch}-2`,
        ...attempt,
      },
    ]);
    expect(retried?.attributes["clickhouse.query_id"]).to.equal(`${runId}-${again[0]?.batch}-2`);
    const [first, second] = retried?.events ?? [];
    expect(first !== undefined && second !== undefined && first.atNs < second.atNs).to.equal(true);
  });

  it("a batch that is due long after the one before is rendered shortly before: no trace begins two seconds before its insert is due", async () => {
    const collector = await open();
    // Two batches by one worker, due after 4 and 8 s.
    const { code, stderr } = await clickstorm([
      ...["--clickhouse-url", sink.url, "--blind", "--rate", "2", "--duration", "8s", "--flush-interval", "4s"],
      ...["--workers", "1", "--no-metrics", "--otlp-endpoint", collector.url],
    ]);
    expect(code, stderr).to.equal(0);
    const traces = [...tracesByBatch(collector).values()];
    expect(traces.length).to.equal(2);
    for (const { generate, insert } of traces) {
      const dueNs = BigInt(Date.parse(String(insert.attributes["clickstorm.batch.due"]))) * 1_000_000n;
      expect(Number(dueNs - generate.startNs) / 1e9).to.be.within(0, 2);
      expect(insert.startNs >= dueNs).to.equal(true);
      expect(generate.endNs <= insert.startNs).to.equal(true);
    }
  });

  it("a batch that an interrupt cuts has the rows and bytes that were sent, not those it was to have", async () => {
    const collector = await open();
    const run = start([
      ...["--clickhouse-url", sink.url, "--blind", "--rate", "10", "--duration", "5m", "--flush-interval", "5m"],
      ...["--workers", "1", "--no-metrics", "--otlp-endpoint", collector.url],
    ]);
    // The first plain line of progress, after 5 s.
    await run.said(" left");
    run.process.kill("SIGINT");
    await run.ended;
    const [body] = sink.bodies;
    const rows = body?.toString().trim().split("\n").length;
    expect(rows).to.be.within(40, 2999);
    const [{ generate, insert } = {}] = tracesByBatch(collector).values();
    for (const span of [generate, insert]) {
      expect(span?.attributes["clickstorm.batch.rows"]).to.equal(rows);
      expect(span?.attributes["clickstorm.batch.bytes"]).to.equal(body?.length);
    }
  });

  describe("of batches that are never sent", () => {
    /** Answers each insert after so long. */
    const slow = (ms: number) =>
      webServer((request, response) => {
        request.resume().on("end", () => setTimeout(() => response.end(), ms));
      });
    const run = async (ms: number, more: readonly string[], rate: number | "max" = 20) => {
      const [server, collector] = [await slow(ms), await open()];
      const folder = mkdtempSync(join(tmpdir(), "clickstorm-unsent-"));
      const file = join(folder, "report.json");
      const ended = await singles(
        server.url,
        rate,
        "2s",
        ["--blind", "--in-flight", "1", "--workers", "1", "--report", file, "--otlp-endpoint", collector.url, ...more],
        { OTEL_TRACES_SAMPLER: "always_on" },
      );
      await server.close();
      const { rows, traces }: Report = JSON.parse(readFileSync(file, "utf8"));
      rmSync(folder, { recursive: true });
      expect(traces?.exported, ended.stderr).to.equal(traces?.spans);
      return { rows, inserts: collector.named("InsertEvent"), generates: collector.named("generateEvent") };
    };
    const typeOf = ({ attributes }: ReceivedSpan) => attributes["error.type"];

    it("for being late: as many InsertEvents are errors of type dropped as rows were dropped, and none of them has an attempt", async () => {
      const { rows, inserts } = await run(300, ["--overload", "drop", "--max-lag", "200ms"]);
      const dropped = inserts.filter((span) => typeOf(span) === "dropped");
      expect(inserts.length).to.equal(40);
      expect(dropped.length).to.equal(rows.dropped);
      expect(dropped.length).to.be.greaterThan(20);
      for (const { status, events, attributes } of dropped) {
        expect([status.code, events.length, "clickhouse.query_id" in attributes]).to.deep.equal(["ERROR", 0, false]);
        expect(status.message).to.match(/^dropped: it was due \d+(\.\d+)? m?s ago$/);
      }
      const sent = inserts.filter((span) => typeOf(span) === undefined);
      expect(sent.map(({ events }) => events.length)).to.deep.equal(sent.map(() => 1));
    });

    it("for want of rows, as their file has changed: one generateEvent, an error of type unrendered, without an InsertEvent", async () => {
      const collector = await open();
      const folder = mkdtempSync(join(tmpdir(), "clickstorm-unrendered-"));
      const file = join(folder, "rows.ndjson");
      const lines = Array.from({ length: 10_000 }, (_, index) => `{"n":${index}}\n`);
      writeFileSync(file, lines.join(""));
      const run = start([
        ...["--clickhouse-url", sink.url, "--blind", "--replay", file, "--rate", "10k", "--duration", "30s"],
        ...["--batch-rows", "500", "--workers", "1", "--no-metrics", "--otlp-endpoint", collector.url],
      ]);
      while (sink.received.length < 3) await new Promise((resolve) => setTimeout(resolve, 20));
      writeFileSync(file, lines.slice(0, 100).join(""));
      const { code, stderr } = await run.ended;
      rmSync(folder, { recursive: true });
      expect(code, stderr).to.equal(1);
      const inserted = new Set(collector.named("InsertEvent").map(({ traceId }) => traceId));
      const alone = collector.named("generateEvent").filter(({ traceId }) => !inserted.has(traceId));
      expect(alone.map((span) => [typeOf(span), span.status.code])).to.deep.equal([["unrendered", "ERROR"]]);
      expect(alone[0]?.status.message).to.contain(`${file} has changed since it was read before the start`);
      expect(inserted.size).to.equal(sink.received.length);
    });

    it("for the end: the batch that waited for its place is one InsertEvent with an error of type unsent, in its trace", async () => {
      const { rows, inserts, generates } = await run(2500, ["--drain", "100ms"]);
      expect(rows.unsent).to.equal(40 - rows.generated);
      const unsent = inserts.filter((span) => typeOf(span) === "unsent");
      expect(unsent.map(({ status, events }) => [status.code, events.length])).to.deep.equal([["ERROR", 0]]);
      expect(generates.map(({ traceId }) => traceId)).to.include(unsent[0]?.traceId);
      expect(unsent[0]?.status.message).to.match(/^unsent: it was due \d+(\.\d+)? m?s ago$/);
    });

    it("for the end of a closed loop, in which nothing is due: the batch that was claimed is unsent as the run was over", async () => {
      const { inserts } = await run(2500, ["--drain", "100ms"], "max");
      const unsent = inserts.filter((span) => typeOf(span) === "unsent");
      expect(
        unsent.map(({ status, attributes }) => [status.message, "clickstorm.batch.due" in attributes]),
      ).to.deep.equal([["unsent: the run was over", false]]);
    });
  });

  describe("by the standard variables", () => {
    it("OTEL_SERVICE_NAME, OTEL_EXPORTER_OTLP_ENDPOINT and _HEADERS are honoured: 10 pairs from storm-7, with the header", async () => {
      const collector = await open();
      const { code } = await singles(sink.url, 20, "500ms", ["--blind"], {
        OTEL_SERVICE_NAME: "storm-7",
        OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=lab",
        OTEL_EXPORTER_OTLP_ENDPOINT: `${collector.url}/collector/`,
        OTEL_EXPORTER_OTLP_HEADERS: "x-tenant=clicks,authorization=Bearer%20abc",
      });
      expect([code, sink.received.length]).to.deep.equal([0, 10]);
      expect(tracesByBatch(collector).size).to.equal(10);
      for (const { resource } of collector.spans) {
        expect([resource["service.name"], resource["deployment.environment.name"]]).to.deep.equal(["storm-7", "lab"]);
      }
      for (const { path, headers } of collector.requests) {
        expect([path, headers["x-tenant"], headers.authorization]).to.deep.equal([
          "/collector/v1/traces",
          "clicks",
          "Bearer abc",
        ]);
      }
    });

    it("--otlp-endpoint goes before them: 10 pairs there, not one connection to the other collectors", async () => {
      const [asked, general, special] = [await open(), await open(), await open()];
      await singles(sink.url, 20, "500ms", ["--blind", "--otlp-endpoint", `${asked.url}/?tenant=7`], {
        OTEL_EXPORTER_OTLP_ENDPOINT: general.url,
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: special.url,
      });
      expect([tracesByBatch(asked).size, general.connections, special.connections]).to.deep.equal([10, 0, 0]);
      expect(asked.requests[0]?.path).to.equal("/v1/traces?tenant=7");
    });

    it("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is the whole URL, and goes before the general one: 10 pairs at /in", async () => {
      const [general, special] = [await open(), await open()];
      await singles(sink.url, 20, "500ms", ["--blind"], {
        OTEL_EXPORTER_OTLP_ENDPOINT: general.url,
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${special.url}/in`,
      });
      expect([tracesByBatch(special).size, general.connections]).to.deep.equal([10, 0]);
      expect(special.requests[0]?.path).to.equal("/in");
    });

    const none: readonly (readonly [string, readonly string[], Readonly<Record<string, string>>])[] = [
      ["OTEL_TRACES_SAMPLER=always_off", [], { OTEL_TRACES_SAMPLER: "always_off" }],
      ["OTEL_SDK_DISABLED=true", [], { OTEL_SDK_DISABLED: "true" }],
      ["OTEL_TRACES_EXPORTER=none", [], { OTEL_TRACES_EXPORTER: "none" }],
      ["--no-traces", ["--no-traces"], {}],
    ];
    for (const [name, flags, environment] of none) {
      it(`${name} sends none: 10 inserts, 0 connections to the collector, no warning`, async () => {
        const collector = await open();
        const { code, stderr } = await singles(sink.url, 40, "250ms", ["--blind", ...flags], {
          OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
          ...environment,
        });
        expect([code, sink.received.length, collector.connections]).to.deep.equal([0, 10, 0]);
        expect(stderr).not.to.contain("traces");
      });
    }

    it("OTEL_TRACES_SAMPLER=always_on sends all: 300 pairs for 300 inserts in 0.5 s, six times the limit", async () => {
      const collector = await open();
      await singles(sink.url, 600, "500ms", ["--blind", "--otlp-endpoint", collector.url], {
        OTEL_TRACES_SAMPLER: "always_on",
      });
      expect([sink.received.length, tracesByBatch(collector).size]).to.deep.equal([300, 300]);
      expect(collector.spans.length).to.equal(600);
    });

    it("OTEL_TRACES_SAMPLER=traceidratio with 0.5 sends about half of 400, each pair whole", async () => {
      const collector = await open();
      await singles(sink.url, 800, "500ms", ["--blind", "--otlp-endpoint", collector.url], {
        OTEL_TRACES_SAMPLER: "traceidratio",
        OTEL_TRACES_SAMPLER_ARG: "0.5",
      });
      expect(sink.received.length).to.equal(400);
      // Seven standard deviations (10 each) to either side.
      expect(tracesByBatch(collector).size).to.be.within(130, 270);
      expect(collector.spans.length).to.equal(2 * tracesByBatch(collector).size);
    });
  });

  it("of 4,000 inserts in 2 s about 200 are traced, 100 a second, each pair whole", async () => {
    const collector = await open();
    const before = performance.now();
    const { code } = await singles(sink.url, 2000, "2s", ["--blind", "--otlp-endpoint", collector.url]);
    const elapsedS = (performance.now() - before) / 1000;
    expect([code, sink.received.length]).to.deep.equal([0, 4000]);
    // 100 a second for 2 s or more; no more than that since the process began, and 2 that the bucket holds at first.
    expect(tracesByBatch(collector).size).to.be.within(195, Math.min(100 * elapsedS + 2, 1000));
    expect(collector.spans.length).to.equal(2 * tracesByBatch(collector).size);
  });

  describe("of inserts that fail", () => {
    it("by a constraint: status ERROR with the server's sentence, error.type and db.response.status_code the string 469", async () => {
      const collector = await open();
      const { database, url } = await newDatabase();
      await clickhouse(
        `CREATE TABLE events (timestamp DateTime64(3), user_id String, action LowCardinality(String), payload String,
           CONSTRAINT nothing CHECK payload = '') ENGINE = MergeTree ORDER BY timestamp`,
        database,
      );
      const { code } = await singles(url, 20, "300ms", ["--otlp-endpoint", collector.url]);
      expect(code).to.equal(1);
      expect(await numberOf("SELECT count() FROM events", database)).to.equal(0);
      const inserts = collector.named("InsertEvent");
      expect(inserts.length).to.be.greaterThan(0);
      for (const { status, attributes } of inserts) {
        expect(status.code).to.equal("ERROR");
        expect(status.message).to.match(/^Code: 469\. DB::Exception: Constraint `nothing`/);
        expect([attributes["error.type"], attributes["db.response.status_code"]]).to.deep.equal(["469", "469"]);
      }
    });

    it("by nobody listening: error.type connection_refused, and no db.response.status_code", async () => {
      const collector = await open();
      const port = await closedPort();
      const { code } = await singles(`http://127.0.0.1:${port}`, 20, "250ms", [
        ...["--blind", "--otlp-endpoint", collector.url],
      ]);
      expect(code).to.equal(1);
      expect(collector.named("InsertEvent").length).to.equal(5);
      for (const { status, attributes } of collector.named("InsertEvent")) {
        expect([status.code, attributes["error.type"]]).to.deep.equal(["ERROR", "connection_refused"]);
        expect(attributes).not.to.have.property("db.response.status_code");
        expect(attributes["server.port"]).to.equal(port);
      }
    });
  });

  describe("to a collector that does not take them: one warning, all 20 rows inserted, exit 0, in time", () => {
    interface Unheard extends Ended {
      /** From the last insert to the end of the process. */
      readonly waitedMs: number;
      readonly inserts: number;
      readonly requests: number;
    }
    /** Each has a sink of its own: they run side by side. */
    const run = async (endpoint: string, collector?: Collector): Promise<Unheard> => {
      let lastInsertMs = 0;
      const own = await Sink.open(() => {
        lastInsertMs = performance.now();
        return undefined;
      });
      const ended = await singles(own.url, 40, "500ms", ["--blind", "--workers", "2"], {
        OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
      });
      const waitedMs = performance.now() - lastInsertMs;
      await own.close();
      return { ...ended, waitedMs, inserts: own.received.length, requests: collector?.requests.length ?? 0 };
    };
    let hanging: Unheard;
    let failing: Unheard;
    let absent: Unheard;
    let port: number;
    before(async () => {
      port = await closedPort();
      const [hangs, fails] = [await open("hangs"), await open(500)];
      [hanging, failing, absent] = await Promise.all([
        run(hangs.url, hangs),
        run(fails.url, fails),
        run(`http://carla:secret@127.0.0.1:${port}`),
      ]);
    });
    const expectOneWarning = ({ code, inserts, stderr }: Unheard, reason: string): void => {
      expect([code, inserts], stderr).to.deep.equal([0, 20]);
      // A busy machine has others.
      expect(count(stderr, "warning: traces"), stderr).to.equal(1);
      expect(stderr).to.contain("warning: traces do not reach http://").and.to.contain(`(${reason}): the run goes on`);
    };

    it("one that never answers is waited for 3 s at the end", () => {
      expectOneWarning(hanging, "no answer within 3 s");
      expect(hanging.requests).to.be.greaterThan(0);
      expect(hanging.waitedMs).to.be.within(FLUSH_MS, FLUSH_MS + ENDING_MS);
    });

    it("one that answers 500 is not waited for", () => {
      expectOneWarning(failing, "it answers 500 Internal Server Error");
      expect(failing.requests).to.be.greaterThan(0);
      expect(failing.waitedMs).to.be.below(hanging.waitedMs - FLUSH_MS / 2);
    });

    it("one that is not there is known at the start, waited for half a second, and named without its password", () => {
      expectOneWarning(absent, `connect ECONNREFUSED 127.0.0.1:${port}`);
      expect(absent.waitedMs).to.be.below(hanging.waitedMs - FLUSH_MS / 2);
      expect(absent.stderr).to.contain(`127.0.0.1:${port} (`);
      expect(absent.stdout + absent.stderr).not.to.match(/carla|secret/);
    });
  });
});
