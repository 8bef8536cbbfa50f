// The program against servers of known capacity, for real: what it says it achieved, in summary, report, thresholds and
// --abort-below. All servers and runs go at the same time, as each of them mostly waits.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import type { Report } from "../src/report/schema.js";
import { clickstorm, type Ended } from "./support/cli.js";
import { type Law, perInsert, perRow, QueueServer, queue, quota } from "./support/queue.js";

interface Told extends Ended {
  readonly report: Report;
  /** Rows that the server itself answered in the window: between its first arrival and so many seconds later. */
  readonly served: number;
  /** Rows that the server answered in all. */
  readonly taken: number;
}

const folder = mkdtempSync(join(tmpdir(), "clickstorm-achieved-"));

/** @param windowS the length of the schedule */
async function told(name: string, law: Law, windowS: number, flags: readonly string[]): Promise<Told> {
  const server = await QueueServer.open(law);
  const file = join(folder, `${name}.json`);
  try {
    const ended = await clickstorm([
      ...["--clickhouse-url", server.url, "--blind", "--no-traces", "--no-metrics", "--workers", "1"],
      ...["--duration", `${windowS}s`, "--report", file, ...flags],
    ]);
    const firstMs = Math.min(...server.acknowledged.map(({ arrivedMs }) => arrivedMs));
    const served = server.acknowledged
      .filter(({ answeredMs }) => answeredMs <= firstMs + windowS * 1000)
      .reduce((sum, { rows }) => sum + rows, 0);
    const taken = server.acknowledged.reduce((sum, { rows }) => sum + rows, 0);
    return { ...ended, report: JSON.parse(readFileSync(file, "utf8")) as Report, served: served / windowS, taken };
  } finally {
    await server.close();
  }
}

describe("achieved, for real", function () {
  this.timeout(120_000);
  const runs = new Map<string, Told>();
  const of = (name: string): Told => {
    const run = runs.get(name);
    if (run === undefined) throw new Error(`there was no run ${name}`);
    return run;
  };

  before(async () => {
    const asked: readonly (readonly [name: string, Law, windowS: number, flags: readonly string[]])[] = [
      [
        "rows",
        queue(1, perRow(6000)),
        12,
        ["--rate", "9000", "--batch-rows", "300", "--in-flight", "64", "--threshold", "achieved_rate>=99%"],
      ],
      ["inserts", queue(1, perInsert(1000 / 15)), 20, ["--rate", "20", "--batch-rows", "1", "--in-flight", "64"]],
      // More in flight than places: the way there and back takes nothing off what the server can do.
      ["places", queue(4, perInsert(200)), 24, ["--rate", "40", "--batch-rows", "1", "--in-flight", "16"]],
      ["closed", queue(2, perInsert(1450)), 10, ["--rate", "max", "--batch-rows", "10", "--in-flight", "4"]],
      [
        "kept",
        queue(1, perInsert(20)),
        12,
        ["--rate", "20", "--batch-rows", "1", "--threshold", "achieved_rate>=99%", "--threshold", "p99<1m"],
      ],
      ["few", queue(1, perInsert(20)), 2, ["--rate", "20", "--batch-rows", "1", "--threshold", "p99<1m", "--strict"]],
      [
        "abort",
        queue(1, perRow(80)),
        60,
        ["--rate", "100", "--batch-rows", "5", "--in-flight", "1000", "--abort-below", "95%", "--drain", "0"],
      ],
      [
        "unsent",
        queue(1, perInsert(500)),
        4,
        ["--rate", "10", "--batch-rows", "1", "--in-flight", "1", "--drain", "1s"],
      ],
      ["refused", quota(5, queue(8, perInsert(300))), 6, ["--rate", "15", "--batch-rows", "1", "--in-flight", "16"]],
    ];
    await Promise.all(
      asked.map(async ([name, law, windowS, flags]) => runs.set(name, await told(name, law, windowS, flags))),
    );
  });

  after(() => rmSync(folder, { recursive: true }));

  for (const [name, truth, says] of [
    ["rows", 6000, "6,000 rows/s taken of 9,000 offered"],
    ["inserts", 15, "15 inserts/s taken of 20 offered, 64 in flight"],
    ["places", 20, "4 at a time, 200 ms each, 40 a second offered"],
    [
      "closed",
      40 / 2.9,
      "a closed loop, four inserts of 10 rows in flight and 2.9 s each in a window of 10 s, as two at a time take 1.45 s",
    ],
  ] as const) {
    it(`${says}: achieved ${Math.round(truth)}, by arithmetic and by what the server answered`, () => {
      const { report } = of(name);
      expect(report.achieved_rows_per_s).to.be.within(truth * 0.97, truth * 1.03);
      if (name !== "closed") {
        expect(report.achieved_rows_per_s).to.be.within(of(name).served * 0.97, of(name).served * 1.03);
      }
    });
  }

  it("rows that had no answer at the end are a backlog: 36,000 rows, which took 6 s", () => {
    const { report, stdout } = of("rows");
    expect(report.measured.backlog?.rows).to.be.within(35_000, 37_500);
    expect(report.measured.backlog?.seconds).to.be.within(5.7, 7);
    expect(report.rows.acknowledged).to.equal(108_000);
    expect(stdout).to.match(/\n {2}backlog +3\d,\d{3} rows had no answer when the schedule ended/);
    expect(stdout).to.match(/short by [23],\d{3} rows\/s \(3\d(\.\d)?%\)/);
  });

  it("a threshold on the rate is crossed by it, and kept where the server keeps up", () => {
    expect([of("rows").code, of("kept").code]).to.deep.equal([99, 0]);
    expect(of("rows").stdout).to.match(/FAIL {2}achieved_rate>=99% +6\d(\.\d)?%/);
    expect([of("kept").report.achieved_rows_per_s, of("kept").report.measured.backlog]).to.deep.equal([20, null]);
  });

  it("--abort-below ends a run whose rows lie at the server, 80 of 100 a second answered and none refused", () => {
    const { code, stdout } = of("abort");
    expect(code).to.equal(1);
    expect(stdout.replace(/\s+/g, " ")).to.match(
      /stopped by --abort-below 95%: over the last 10 s (79|8[01])(\.\d)?% of the rows that were due were acknowledged/,
    );
  });

  it("a p99 of 40 inserts cannot be judged: said at the start and at the end, 98 with --strict", () => {
    const { code, stdout, stderr, report } = of("few");
    expect(code).to.equal(98);
    expect(stderr).to.include("--threshold p99<1m can hardly be judged: it needs 100 inserts, and 40 are planned");
    expect(stdout).to.match(/\? +p99<1m +cannot judge: needs 100 inserts, has 40\n/);
    expect([report.latency_ms?.count, report.latency_ms?.p99, report.latency_ms?.p95 === null]).to.deep.equal([
      40,
      null,
      false,
    ]);
    expect(stderr + of("kept").stderr).to.not.include("achieved_rate");
  });

  it("of 15 inserts a second 10 are refused at once: latency is of the others, 300 ms, and the refused have their own", () => {
    const { report, stdout } = of("refused");
    const { latency_ms: latency, service_ms: service, refused_ms: refused, measured } = report;
    expect(measured.inserts.failed).to.be.within(50, 65);
    expect([latency?.count, service.count, refused?.count]).to.deep.equal([
      measured.inserts.acknowledged,
      measured.inserts.acknowledged,
      measured.inserts.failed,
    ]);
    expect(latency?.min).to.be.at.least(299);
    expect(refused?.p50).to.be.below(299);
    expect(stdout).to.match(/\n {2}refused +\d/);
  });

  it("inserts that were never sent count in latency with the time they waited at least, up to 5 s", () => {
    const { report, stdout } = of("unsent");
    const { latency_ms: latency, service_ms: service, rows } = report;
    if (latency === null) throw new Error("an open loop has a latency");
    // One after the other, of 500 ms each, in 5 s and a last one; on a busy machine fewer.
    expect(rows.acknowledged).to.be.within(5, 11).and.to.equal(of("unsent").taken);
    expect([latency.count, latency.lower_bounds, service.count]).to.deep.equal([40, rows.unsent, rows.acknowledged]);
    // Ten are due each second: so long had the first that was not sent waited when nothing more was, at 5 s. The last that was sent
    // was due 100 ms before it and may have been answered half a second later.
    const waitedMs = 5000 - 100 * rows.acknowledged;
    expect(latency.max).to.be.within(waitedMs * 0.999, waitedMs + 700);
    // Due at 2 s: never sent, and 3 s old.
    expect(latency.p50).to.be.within(2400, 3600);
    expect(stdout.replace(/\s+/g, " ")).to.match(
      new RegExp(`latency counts ${rows.unsent} inserts that were never sent .* lower bounds`),
    );
  });
});
