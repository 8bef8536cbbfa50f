// `clickstorm max` as a user runs it, for real, against servers whose capacity is known by arithmetic. All at the same time, as each
// of them mostly waits. More laws and rates, on virtual time: test/max-known.test.ts.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { clickstorm, type Ended } from "./support/cli.js";
import { drifting, type Law, noisy, perInsert, perRow, QueueServer, queue } from "./support/queue.js";

interface Told extends Ended {
  readonly report: {
    readonly steps: readonly {
      readonly rate_rows_per_s: number;
      readonly passed: boolean;
      readonly reasons: readonly string[];
      readonly inserts: number;
      readonly p99_ms: number | null;
    }[];
    readonly result: {
      readonly sustained_rows_per_s: number;
      readonly low_rows_per_s: number;
      readonly high_rows_per_s: number;
      readonly searches: number;
      readonly confidence: number | null;
      readonly drift: { readonly from_rows_per_s: number; readonly to_rows_per_s: number } | null;
    };
    readonly generator_limited: boolean;
    readonly budget_ended: boolean;
    readonly sentence: string;
  };
  /** Seconds from its start to its end. */
  readonly tookS: number;
}

const folder = mkdtempSync(join(tmpdir(), "clickstorm-max-"));

async function told(name: string, law: Law, flags: readonly string[]): Promise<Told> {
  const server = await QueueServer.open(law);
  const file = join(folder, `${name}.json`);
  const started = performance.now();
  try {
    const always = ["--blind", "--workers", "1", "--step", "2s", "--flush-interval", "500ms", "--report", file];
    const ended = await clickstorm(["max", "--clickhouse-url", server.url, ...always, ...flags]);
    const tookS = (performance.now() - started) / 1000;
    return { ...ended, report: JSON.parse(readFileSync(file, "utf8")), tookS };
  } finally {
    await server.close();
  }
}

describe("max, for real", function () {
  this.timeout(300_000);
  const runs = new Map<string, Told>();
  const of = (name: string): Told => {
    const run = runs.get(name);
    if (run === undefined) throw new Error(`there was no run ${name}`);
    return run;
  };

  before(async () => {
    const asked: readonly (readonly [name: string, Law, flags: readonly string[]])[] = [
      ["rows", queue(1, perRow(4000)), ["--batch-rows", "100", "--in-flight", "64", "--from", "1k"]],
      ["places", queue(4, perInsert(100)), ["--batch-rows", "50", "--in-flight", "8", "--from", "600"]],
      ["random", queue(1, noisy(perInsert(10), 0.3, 7)), ["--batch-rows", "20", "--in-flight", "8", "--from", "700"]],
      ["drift", queue(1, drifting(perInsert(20), 0.006)), ["--batch-rows", "40", "--in-flight", "8", "--from", "700"]],
      ["budget", queue(1, perRow(4000)), ["--batch-rows", "100", "--from", "1k", "--budget", "35s"]],
    ];
    await Promise.all(asked.map(async ([name, law, flags]) => runs.set(name, await told(name, law, flags))));
  });
  after(() => rmSync(folder, { recursive: true }));

  for (const [name, truth] of [
    ["rows", 4000],
    ["places", 2000],
    ["random", 2000],
  ] as const) {
    it(`${name}: within 5% of the ${truth} rows/s that the server takes, and its interval holds them`, () => {
      const { report, stdout, code } = of(name);
      expect(code, stdout).to.equal(0);
      const { sustained_rows_per_s, low_rows_per_s, high_rows_per_s, searches, drift } = report.result;
      expect(sustained_rows_per_s / truth, stdout).to.be.within(0.95, 1.05);
      expect(low_rows_per_s, stdout).to.be.at.most(truth);
      expect(high_rows_per_s, stdout).to.be.at.least(truth);
      expect([searches, drift, report.generator_limited]).to.deep.equal([6, null, false]);
    });
  }

  it("a hold's reason stands on its line, no line is wider than 80, and a p99 of fewer than 100 inserts is not called one", () => {
    const { stdout, report } = of("rows");
    expect(stdout.split("\n").filter((line) => line.length > 80)).to.deep.equal([]);
    expect(stdout).to.match(/^ +[\d,]+ +[\d,]+ +p\d\d [\d.]+ m?s +[\d,]+ +– {2}failed: behind [\d.]+ m?s$/m);
    for (const { inserts, p99_ms } of report.steps) expect(p99_ms === null).to.equal(inserts < 100);
    const called = [...stdout.matchAll(/ p99 [\d.]+ m?s +([\d,]+) /g)].map(([, inserts]) => Number(inserts));
    expect(Math.min(...called)).to.be.at.least(100);
  });

  it("a server that gets slower by 0.6% a second: the limit drifted, and there is no confidence", () => {
    const { report, stdout } = of("drift");
    const { drift, confidence } = report.result;
    expect(stdout).to.match(/the limit drifted from [\d,]+ to [\d,]+ rows\/s/);
    expect(confidence).to.equal(null);
    expect(drift?.from_rows_per_s ?? 0).to.be.within((drift?.to_rows_per_s ?? 0) * 1.075, 2000);
  });

  it("--budget 35s: over by then, with the answers of one insert more; fewer searches, and it says so", () => {
    const { report, stdout, tookS } = of("budget");
    // The program itself starts in a second or two, on a machine that does five searches at once.
    expect(tookS, stdout).to.be.below(35 + 3);
    expect([report.budget_ended, report.result.searches < 6]).to.deep.equal([true, true]);
    expect(stdout.replace(/\s+/g, " ")).to.match(
      /note: the budget of 35s had no room for another hold: \d of 6 searches/,
    );
    expect(report.result.sustained_rows_per_s).to.be.within(1000, 4000 * 1.02);
  });

  it("what is left of the time is told anew as holds pass", () => {
    const said = [...of("places").stderr.matchAll(/^about (\d+) (seconds|minutes?) left$/gm)].map(
      ([, time, unit]) => Number(time) * (unit === "seconds" ? 1 : 60),
    );
    expect(said.length).to.be.at.least(1);
    expect(said.at(-1)).to.equal(30);
  });
});
