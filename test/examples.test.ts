// The tables and rules in examples/, as they stand there: loaded through the program, the ledger whole, and what their
// comments promise asked of ClickHouse.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { clickstorm, type Ended, unwrapped } from "./support/cli.js";
import { clickhouse, newDatabase, rowsOf } from "./support/server.js";
import { ERRORS, expectEqual, expectLaw, near, nearShare } from "./support/statistics.js";

/** From dist/test. */
const EXAMPLES = fileURLToPath(new URL("../../examples/", import.meta.url));

describe("examples", function () {
  this.timeout(60_000);

  interface Example {
    readonly database: string;
    readonly ended: Ended;
    one<T = Record<string, number>>(sql: string): Promise<T>;
    all<T>(sql: string): Promise<T[]>;
  }

  async function load(name: string, ...more: readonly string[]): Promise<Example> {
    const { database, url } = await newDatabase();
    await clickhouse(readFileSync(`${EXAMPLES}${name}.sql`, "utf8"), database);
    const flags = [
      "--config",
      `${EXAMPLES}${name}.yaml`,
      "--data-start",
      "2026-01-10T12:00:00Z",
      "--seed",
      "1",
      "--no-traces",
      "--no-metrics",
    ];
    const ended = await clickstorm(["--clickhouse-url", url, ...flags, ...more]);
    return {
      database,
      ended,
      all: (sql) => rowsOf(sql, database),
      one: async <T>(sql: string): Promise<T> => (await rowsOf<T>(sql, database))[0] as T,
    };
  }

  function expectWhole({ ended: { code, stdout, stderr } }: Example, rows: number): void {
    expect(stderr).to.equal("");
    expect(code).to.equal(0);
    const all = rows.toLocaleString("en-US");
    expect(unwrapped(stdout)).to.include(`scheduled ${all}, acknowledged ${all}, landed ${all}, lost 0, duplicated 0`);
  }

  describe("otel-logs: 50,000 rows", () => {
    const ROWS = 50_000;
    let logs: Example;
    before(async () => {
      logs = await load("otel-logs", "--rate", "100k", "--duration", "0.5");
    });

    it("every row is in the table, exit 0", () => expectWhole(logs, ROWS));

    it("ServiceName and ResourceAttributes['service.name'] agree on one of eight services, 30% of them frontend", async () => {
      const found = await logs.one(
        `SELECT countIf(ServiceName = ResourceAttributes['service.name']) AS same, uniqExact(ServiceName) AS services,
          countIf(ServiceName = 'frontend') AS frontend FROM otel_logs`,
      );
      expect(found.same).to.equal(ROWS);
      expect(found.services).to.equal(8);
      // A service is the property of a pod, and so are its rows: of 2,000 pods by zipf 0.5, as good as 944 alike.
      near((found.frontend ?? 0) / ROWS, 0.3, ERRORS * Math.sqrt((0.3 * 0.7) / 944), "frontend");
    });

    it("2,000 pods, each of one service and on one of 200 nodes", async () => {
      const found = await logs.one(
        `WITH ResourceAttributes AS r SELECT uniqExact(r['k8s.pod.name']) AS pods, uniqExact(r['k8s.node.name']) AS nodes,
          uniqExact(r['k8s.pod.name'], r['k8s.node.name'], ServiceName) AS all FROM otel_logs`,
      );
      expect(found).to.deep.equal({ pods: 2000, nodes: 200, all: 2000 });
    });

    it("one in a hundred is late, by half a minute on the average; the others by 20 ms at most; TimestampTime is the second", async () => {
      // Rows are 10 µs apart: the k-th of all is at its place within 20 ms.
      const found = await logs.one(
        `WITH toUnixTimestamp64Nano(Timestamp) - 1768046400000000000 AS ns
          SELECT countIf(ns < -20000000) AS late, -avgIf(ns, ns < -20000000) / 1e9 AS delay, -min(ns) / 1e9 AS most, max(ns) AS last,
            countIf(TimestampTime = toDateTime(Timestamp)) AS seconds FROM otel_logs`,
      );
      const { late = 0, delay } = found;
      // A few of the late ones are late by less than the half second that the rows span.
      near(late / ROWS, 0.01 * Math.exp(-0.27 / 30), ERRORS * Math.sqrt(0.01 / ROWS), "late");
      near(delay, 30, (ERRORS * 30) / Math.sqrt(late), "delay in seconds");
      expect(found.most).to.be.within(60, 600);
      expect(found.last).to.be.below(500_000_000);
      expect(found.seconds).to.equal(ROWS);
    });

    it("severities and their numbers belong together: 10% DEBUG 5, 80% INFO 9, 8% WARN 13, 2% ERROR 17", async () => {
      const found = await logs.all<{ severity: string; n: number }>(
        "SELECT concat(SeverityText, ' ', toString(SeverityNumber)) AS severity, count() AS n FROM otel_logs GROUP BY severity ORDER BY severity",
      );
      expect(found.map(({ severity }) => severity)).to.deep.equal(["DEBUG 5", "ERROR 17", "INFO 9", "WARN 13"]);
      expectLaw(
        found.map(({ n }) => n),
        [0.1, 0.02, 0.8, 0.08],
        "severities",
      );
    });

    it("trace and span ids are of 32 and 16 hex digits, all different; six resource attributes, five of the log", async () => {
      const found = await logs.one(
        `SELECT countIf(match(TraceId, '^[0-9a-f]{32}$') AND match(SpanId, '^[0-9a-f]{16}$')) AS right, uniqExact(TraceId) AS traces, uniqExact(SpanId) AS spans,
          countIf(length(ResourceAttributes) = 6 AND length(LogAttributes) = 5) AS whole FROM otel_logs`,
      );
      expect(found).to.deep.equal({ right: ROWS, traces: ROWS, spans: ROWS, whole: ROWS });
    });
  });

  describe("web-events: 50,000 rows", () => {
    const ROWS = 50_000;
    let web: Example;
    before(async () => {
      web = await load("web-events", "--rate", "100k", "--duration", "0.5", "--format", "JSONCompactEachRow");
    });

    it("every row is in the table, exit 0", () => expectWhole(web, ROWS));

    it("a million visitors by zipf 0.9: so many of them seen as the theory says, the ten busiest with their shares", async () => {
      const weights = Array.from({ length: 1_000_000 }, (_, k) => (k + 1) ** -0.9);
      const total = weights.reduce((a, b) => a + b);
      const distinct = weights.reduce((sum, weight) => sum - Math.expm1((-ROWS * weight) / total), 0);
      const { visitors, least, most } = await web.one(
        "SELECT uniqExact(VisitorID) AS visitors, min(VisitorID) AS least, max(VisitorID) AS most FROM web_events",
      );
      near(visitors, distinct, ERRORS * Math.sqrt(distinct), "visitors");
      expect(least).to.be.within(1, 1e13);
      expect(most).to.be.within(9.0e15, 2 ** 53);
      const top = await web.all<{ n: number }>(
        "SELECT count() AS n FROM web_events GROUP BY VisitorID ORDER BY n DESC LIMIT 10",
      );
      const share = top.reduce((sum, { n }) => sum + n, 0) / ROWS;
      nearShare(share, weights.slice(0, 10).reduce((a, b) => a + b) / total, ROWS, "the ten busiest");
    });

    it("cities with their countries: the seven pairs and no other, in their shares", async () => {
      const found = await web.all<{ place: string; n: number }>(
        "SELECT concat(Country, ' ', City) AS place, count() AS n FROM web_events GROUP BY place ORDER BY place",
      );
      const expected = {
        "BR São Paulo": 0.14,
        "DE Berlin": 0.15,
        "DE München": 0.08,
        "FR Paris": 0.12,
        "JP 東京": 0.16,
        "US Boston": 0.05,
        "US New York": 0.3,
      };
      expect(found.map(({ place }) => place)).to.deep.equal(Object.keys(expected));
      expectLaw(
        found.map(({ n }) => n),
        Object.values(expected),
        "places",
      );
    });

    it("events, devices, referrers and prices as their rules have them; EventDate is the day of EventTime", async () => {
      const found = await web.one(
        `SELECT countIf(Event = 'view') / count() AS views, countIf(Device = 'mobile') / count() AS mobile, countIf(Referrer IS NULL) / count() AS direct,
          min(Price) AS cheapest, max(Price) AS dearest, quantileExact(0.5)(Price) AS price, avg(DurationMs) AS ms, countIf(EventDate != toDate(EventTime)) AS otherDay,
          countIf(NOT match(URL, '^https://shop.example/(women|men|kids|sale)/product/[1-9][0-9]{0,4}\\\\?ref=[0-9a-f]{8}$')) AS odd FROM web_events`,
      );
      nearShare(found.views, 0.7, ROWS, "views");
      nearShare(found.mobile, 0.48, ROWS, "mobile");
      nearShare(found.direct, 0.4, ROWS, "direct");
      expect(Number(found.cheapest)).to.be.within(0.99, 1.5);
      expect(Number(found.dearest)).to.be.within(110, 499);
      // Cut off at 2.45 sd below the mean: the median is a little above it.
      near(Number(found.price), 49.9 + 20 * 0.009, (ERRORS * 20 * 1.2533) / Math.sqrt(ROWS), "median price");
      near(found.ms, 4000, (ERRORS * 4000) / Math.sqrt(ROWS), "duration");
      expect([found.otherDay, found.odd]).to.deep.equal([0, 0]);
    });

    it("tags are 0 to 6 of 300, experiments 0 to 3 of five with no key twice", async () => {
      const found = await web.one<Record<string, unknown>>(
        `SELECT max(length(Tags)) AS tags, min(length(Tags)) AS none, length(groupUniqArrayArray(Tags)) AS kinds, max(length(Experiments)) AS experiments,
          length(groupUniqArrayArray(mapKeys(Experiments))) AS names, countIf(length(arrayDistinct(mapKeys(Experiments))) != length(Experiments)) AS twice FROM web_events`,
      );
      expect(found).to.deep.equal({ tags: 6, none: 0, kinds: 300, experiments: 3, names: 5, twice: 0 });
    });
  });

  describe("cpu-metrics: 40,000 rows", () => {
    const ROWS = 40_000;
    let cpu: Example;
    before(async () => {
      cpu = await load("cpu-metrics", "--rate", "100k", "--duration", "0.4", "--data-span", "100s");
    });

    it("every row is in the table, exit 0", () => expectWhole(cpu, ROWS));

    it("4,000 hosts report in turn: each ten times, every 10 s at 400 rows/s", async () => {
      const found = await cpu.one(
        "SELECT count() AS hosts, min(n) AS least, max(n) AS most, countIf(apart = [10]) AS even FROM (SELECT hostname, count() AS n, arrayDistinct(arrayPopFront(arrayDifference(arraySort(groupArray(toUnixTimestamp(time)))))) AS apart FROM cpu_metrics GROUP BY hostname)",
      );
      expect(found).to.deep.equal({ hosts: 4000, least: 10, most: 10, even: 4000 });
    });

    it("each host has exactly one region, datacenter, rack, os, arch and team: as many tuples as hosts", async () => {
      const found = await cpu.one(
        `SELECT uniqExact(hostname) AS hosts, uniqExact(hostname, region, datacenter, rack, os, arch, team) AS tuples, uniqExact(region) AS regions,
          uniqExact(datacenter) AS datacenters, uniqExact(rack) AS racks, uniqExact(team) AS teams FROM cpu_metrics`,
      );
      expect(found).to.deep.equal({ hosts: 4000, tuples: 4000, regions: 9, datacenters: 3, racks: 100, teams: 4 });
      const regions = await cpu.all<{ n: number }>("SELECT uniqExact(hostname) AS n FROM cpu_metrics GROUP BY region");
      expectEqual(
        regions.map(({ n }) => n),
        9,
        "hosts by region",
      );
      const { x64 } = await cpu.one("SELECT uniqExactIf(hostname, arch = 'x64') / 4000 AS x64 FROM cpu_metrics");
      nearShare(x64, 0.8, 4000, "x64");
    });

    it("usage lies between 0 and 100, with the means of its laws and two digits behind the point", async () => {
      const found = await cpu.one(
        `SELECT min(usage_user) AS low, max(usage_user) AS high, avg(usage_system) AS system, avg(usage_idle) AS idle, avg(usage_irq) AS irq, max(usage_guest_nice) AS none,
          countIf(usage_user != round(usage_user, 2) OR usage_idle != round(usage_idle, 2)) AS longer FROM cpu_metrics`,
      );
      expect(found.low).to.be.at.least(0);
      expect(found.high).to.be.at.most(100);
      near(found.system, 8, (ERRORS * 8) / Math.sqrt(ROWS), "system");
      near(found.idle, 50, (ERRORS * 100) / Math.sqrt(12 * ROWS), "idle");
      near(found.irq, 0.2, (ERRORS * 0.2) / Math.sqrt(ROWS), "irq");
      expect([found.none, found.longer]).to.deep.equal([0, 0]);
    });
  });
});
