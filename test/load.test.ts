// Load shapes, overload and shards end to end: the program as a user runs it, a real server, real time.

import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import type { Report } from "../src/report/schema.js";
import { clickstorm, start } from "./support/cli.js";
import { newDatabase, rowsOf } from "./support/server.js";
import { Sink } from "./support/sink.js";

const QUIET = ["--no-traces", "--no-metrics"];

interface Rows {
  readonly rows: number;
  readonly distinct: number;
  readonly total: number;
}

const landed = async (database: string): Promise<Rows | undefined> =>
  (
    await rowsOf<Rows>("SELECT count() AS rows, uniqExact(seq) AS distinct, sum(seq) AS total FROM events", database)
  )[0];

/** Rows 0 to n - 1, once each. */
const eachOnce = (rows: number): Rows => ({ rows, distinct: rows, total: (rows * (rows - 1)) / 2 });

describe("load", function () {
  this.timeout(120_000);
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "clickstorm-load-"));
  });
  after(() => rm(folder, { recursive: true }));

  for (const arrivals of ["constant", "poisson"]) {
    it(`a ramp up, a hold and a ramp down, ${arrivals} arrivals: 2,500 + 5,000 + 1,250 rows, once each`, async () => {
      const { database, url } = await newDatabase();
      const stages = ["1s:5000", "1s:5000", "500ms:0"].flatMap((stage) => ["--stage", stage]);
      const flags = ["--clickhouse-url", url, ...stages, "--arrivals", arrivals, "--flush-interval", "50ms", ...QUIET];
      const { code, stdout, stderr } = await clickstorm([...flags, "--batch-rows", "200", "--workers", "2"]);
      expect(code, stderr + stdout).to.equal(0);
      expect(await landed(database)).to.deep.equal(eachOnce(8750));
      expect(stdout).to.contain("landed 8,750, lost 0, duplicated 0\n");
    });
  }

  it("of the rows' times as many are in each half second as the ramp of 2 s to 4,000 rows/s has: 250, 750, 1,250, 1,750", async () => {
    const { database, url } = await newDatabase();
    const from = "2026-01-01T00:00:00Z";
    const flags = [
      "--clickhouse-url",
      url,
      "--stage",
      "2s:4000",
      "--data-start",
      from,
      "--batch-rows",
      "100",
      ...QUIET,
    ];
    const { code, stdout, stderr } = await clickstorm(flags);
    expect(code, stderr + stdout).to.equal(0);
    const halves = await rowsOf<{ rows: number }>(
      `SELECT count() AS rows FROM events GROUP BY intDiv(toUnixTimestamp64Milli(timestamp) - ${Date.parse(from)}, 500) AS half ORDER BY half`,
      database,
    );
    // A batch that is there when a half second is over has times on both sides, on a straight line.
    for (const [index, rows] of [250, 750, 1250, 1750].entries()) expect(halves[index]?.rows).to.be.closeTo(rows, 3);
    expect(halves.length).to.equal(4);
  });

  it("a warm-up lands and is in the ledger: 1 s and 2 s at 1,000 rows/s are 3,000 rows", async () => {
    const { database, url } = await newDatabase();
    const flags = ["--clickhouse-url", url, "--rate", "1000", "--duration", "2s", "--warmup", "1s", ...QUIET];
    const { code, stdout, stderr } = await clickstorm(flags);
    expect(code, stderr + stdout).to.equal(0);
    expect(await landed(database)).to.deep.equal(eachOnce(3000));
    expect(stdout).to.contain("landed 3,000, lost 0");
  });

  it("--overload drop leaves out what a slow target has no time for, counts it, warns once, and ends well", async () => {
    // Each answer takes 300 ms: 2 at a time are 6.7 a second of 20.
    const sink = await Sink.open((socket) => {
      const write = socket.write.bind(socket);
      socket.write = ((data: string) => setTimeout(() => write(data), 300) !== undefined) as typeof socket.write;
      return undefined;
    });
    const report = join(folder, "drop.json");
    const flags = ["--rate", "20", "--duration", "3s", "--batch-rows", "1", "--in-flight", "2", "--max-lag", "100ms"];
    const { code, stderr } = await clickstorm([
      ...["--blind", "--clickhouse-url", sink.url, ...flags, "--overload", "drop", "--report", report, ...QUIET],
    ]);
    const received = sink.received.map(({ batch }) => batch);
    await sink.close();
    expect(code, stderr).to.equal(0);
    const { rows } = JSON.parse(readFileSync(report, "utf8")) as { rows: Record<string, number> };
    expect(new Set(received).size).to.equal(received.length).and.to.be.within(8, 30);
    expect([rows.scheduled, rows.generated, rows.acknowledged, rows.unsent]).to.deep.equal([
      60,
      received.length,
      received.length,
      0,
    ]);
    expect(rows.dropped).to.equal(60 - received.length);
    expect(stderr.match(/are dropped/g)?.length).to.equal(1);
  });

  it("--abort-below 95% ends a run of 60 s that reaches half its rate, after 20 s, with exit code 1", async () => {
    const sink = await Sink.open((socket) => {
      const write = socket.write.bind(socket);
      socket.write = ((data: string) => setTimeout(() => write(data), 200) !== undefined) as typeof socket.write;
      return undefined;
    });
    const flags = ["--rate", "10", "--duration", "60s", "--batch-rows", "1", "--in-flight", "1", "--drain", "0"];
    const before = Date.now();
    const { code, stdout } = await clickstorm([
      ...["--blind", "--clickhouse-url", sink.url, ...flags, "--abort-below", "95%", ...QUIET],
    ]);
    await sink.close();
    expect(code).to.equal(1);
    expect(stdout).to.contain("stopped by --abort-below 95%: over the last 10 s");
    expect(Date.now() - before).to.be.below(45_000);
  });

  it("what is never sent is late too: a server that does not answer leaves a lag of at least 600 ms, and crosses lag<500ms", async () => {
    const sink = await Sink.open(() => "silent");
    const report = join(folder, "silent.json");
    const load = [
      "--rate",
      "100",
      "--duration",
      "1s",
      "--flush-interval",
      "100ms",
      "--drain",
      "500ms",
      "--timeout",
      "3s",
    ];
    const { code, stdout } = await clickstorm([
      ...["--blind", "--clickhouse-url", sink.url, ...load, "--threshold", "lag<500ms", "--report", report, ...QUIET],
    ]);
    await sink.close();
    // Eight are in flight; the ninth is due at 0.9 s, and given up at 1.5 s.
    const { max_lag_ms, generator, rows } = JSON.parse(readFileSync(report, "utf8")) as Report;
    expect(code).to.equal(1);
    expect(stdout).to.match(/FAIL +lag<500ms/);
    expect([rows.unsent, rows.unknown]).to.deep.equal([20, 80]);
    expect(max_lag_ms).to.be.within(599, 1500);
    // Overdue from 0.91 s on.
    expect(generator.workers.reduce((sum, { waiting_s }) => sum + waiting_s, 0)).to.be.within(0.5, 1.5);
  });

  it("a mistyped variable is warned of: CLICKSTORM_TRESHOLD, with the one that was meant", async () => {
    const sink = await Sink.open();
    const flags = ["--blind", "--clickhouse-url", sink.url, "--duration", "200ms", ...QUIET];
    const { code, stderr } = await clickstorm(flags, { CLICKSTORM_TRESHOLD: "p99<5s", CLICKSTORM_RATE: "7" });
    await sink.close();
    expect(code).to.equal(0);
    expect(stderr.split("\n")[0]).to.equal(
      "warning: CLICKSTORM_TRESHOLD is no variable of clickstorm: did you mean CLICKSTORM_THRESHOLD?",
    );
  });

  it("a start that has passed is refused: exit 2, with what to do", async () => {
    const { url } = await newDatabase();
    const flags = ["--clickhouse-url", url, "--start-at", "2026-01-01T00:00:00Z", ...QUIET];
    const { code, stderr } = await clickstorm(flags);
    expect(code).to.equal(2);
    expect(stderr).to.match(
      /^error: --start-at must be a time to come: it was \d+ days?.* ago; give a later one$|^error: --start-at must be a time to come: it was \S+ ago; give a later one$/m,
    );
  });

  it("an interrupt in the warm-up: nothing was measured, the report says interrupted, exit 130", async () => {
    const { url } = await newDatabase();
    const report = join(folder, "interrupted.json");
    const flags = ["--rate", "1000", "--duration", "9s", "--warmup", "60s", "--batch-rows", "50", "--report", report];
    const running = start(["--clickhouse-url", url, ...flags, ...QUIET], {});
    await running.said("0:05/1:09");
    running.process.kill("SIGINT");
    const { code, stdout } = await running.ended;
    const { interrupted, measured, rows } = JSON.parse(readFileSync(report, "utf8")) as Report;
    expect([code, interrupted, measured.scheduled, measured.to_s - measured.from_s]).to.deep.equal([130, true, 0, 0]);
    expect(rows.scheduled).to.equal(rows.landed).and.to.be.within(4000, 9000);
    expect(stdout).to.contain("rate       nothing was measured: the run ended in its warm-up");
    expect(stdout).to.contain("ended      interrupted after");
  });

  it("an interrupt before the start sends nothing: 0 rows, exit 130", async () => {
    const { database, url } = await newDatabase();
    const startAt = new Date(Date.now() + 60_000).toISOString();
    const running = start(["--clickhouse-url", url, "--start-at", startAt, ...QUIET]);
    await running.said(`starts at ${startAt}`);
    running.process.kill("SIGINT");
    const { code, stdout } = await running.ended;
    expect(code, stdout).to.equal(130);
    expect(await landed(database)).to.deep.equal({ rows: 0, distinct: 0, total: 0 });
  });

  for (const shards of [2, 3]) {
    it(`${shards} processes with --shard i/${shards}: the table holds each of 11,000 rows once, and merged they are the run of one process`, async () => {
      const { database, url } = await newDatabase();
      const common = [
        "--run-id",
        "sharded",
        "--seed",
        "7",
        "--batch-rows",
        "130",
        "--flush-interval",
        "40ms",
        ...QUIET,
      ];
      // A triangle, a rectangle and a trapezium: 2,500 + 5,000 + 3,500, and 2,500 of a warm-up.
      const load = ["--warmup", "500ms", "--stage", "1s:5000", "--stage", "1s:5000", "--stage", "1s:2000"];
      const startAt = ["--start-at", new Date(Date.now() + 12_000).toISOString()];
      const files = Array.from({ length: shards }, (_, index) => join(folder, `${shards}-${index + 1}.json`));
      const ended = await Promise.all(
        files.map((file, index) =>
          clickstorm([
            ...["--clickhouse-url", url, ...common, ...load, ...startAt],
            ...["--shard", `${index + 1}/${shards}`, "--report", file],
          ]),
        ),
      );
      expect(ended.map(({ code, stderr }) => code ?? stderr)).to.deep.equal(Array(shards).fill(0));
      expect(await landed(database)).to.deep.equal(eachOnce(13_500));

      const merged = join(folder, `${shards}.json`);
      const merging = await clickstorm(["merge", ...files, "--out", merged]);
      expect(merging.code, merging.stderr).to.equal(0);
      expect(merging.stdout).to.contain("landed 13,500, lost 0, duplicated 0");
      const other = await newDatabase();
      const whole = join(folder, `${shards}-whole.json`);
      const alone = await clickstorm(["--clickhouse-url", other.url, ...common, ...load, "--report", whole]);
      expect(alone.code, alone.stderr).to.equal(0);
      const [ofShards, ofOne] = [merged, whole].map((file) => {
        const { rows, inserts, bytes, measured, errors, latency_ms, service_ms, lateness_ms, series } = JSON.parse(
          readFileSync(file, "utf8"),
        ) as Report;
        // When rows were answered is a matter of time: of each run.
        const { from_s: _, to_s: __, answered: ___, error_rows: ____, backlog: _____, ...sums } = measured;
        const counts = [latency_ms?.count, service_ms.count, lateness_ms?.count];
        return {
          rows,
          inserts,
          bytes,
          sums,
          errors,
          counts,
          series: series.reduce((sum, point) => sum + point.rows, 0),
        };
      });
      expect(ofShards).to.deep.equal(ofOne);
      expect(ofShards?.sums.scheduled).to.equal(11_000);
    });
  }
});
