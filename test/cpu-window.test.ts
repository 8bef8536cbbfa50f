// CPU by parts of a run: a process whose CPU time is a known function of the time, looked at by a clock that is late.

import { expect } from "chai";
import fc from "fast-check";
import { CpuWindow } from "../src/cpu-window.js";
import { toText } from "../src/report/text.js";
import { madeReport, steadyInserts } from "./support/reports.js";

const S = 1e9;

/** Takes 2 CPU-s a second before the load, half of one in its warm-up, 1.5 of its window and 0.25 after it. */
function taken(atS: number, warmupS: number, endS: number): number {
  const within = (from: number, to: number): number => Math.max(0, Math.min(atS, to) - from);
  const warm = Math.min(warmupS, endS);
  return (
    10 +
    2 * (Math.min(atS, 0) + 1) +
    0.5 * within(0, warm) +
    1.5 * within(warm, endS) +
    0.25 * within(endS, Number.POSITIVE_INFINITY)
  );
}

/** The parts that come of looking at these times. */
function looked(looksS: readonly number[], warmupS: number, endS: (nowS: number) => number, trueEndS: number) {
  let nowS = -1;
  const window = new CpuWindow(
    { beforeS: 10, warmUpNs: warmupS * S, now: () => nowS * S, endNs: () => endS(nowS) * S },
    () => taken(nowS, warmupS, trueEndS),
  );
  for (const atS of looksS) {
    nowS = atS;
    window.look();
  }
  const { startingS, warmupS: warm, measuredS, drainingS } = window.over();
  return [startingS, warm, measuredS, drainingS].map((seconds) => Number(seconds.toFixed(9)));
}

describe("CPU by parts of a run", () => {
  it("looked at when each begins and ends: 2 s to start, 1 in a warm-up of 2 s, 6 in a window of 4 s, 0.25 after it", () => {
    expect(looked([0, 2, 6, 7], 2, () => 6, 6)).to.deep.equal([2, 1, 6, 0.25]);
  });

  it("without a warm-up there is none of it", () => {
    expect(looked([0, 4, 5], 0, () => 4, 4)).to.deep.equal([2, 0, 6, 0.25]);
  });

  it("an end that is moved from 60 s to 3.5 s, at 3.49 s, and seen at 4 s: what was taken up to then lies on a line", () => {
    const parts = looked([0, 2, 3, 4, 5], 2, (nowS) => (nowS < 3.49 ? 60 : 3.5), 3.5);
    // 1.5 from 3 to 3.5 s and 0.25 from 3.5 to 4 s are 0.875 a second in that one.
    expect(parts).to.deep.equal([2, 1, 1.5 + 0.4375, 0.5 * 0.875 + 0.25]);
  });

  it("ended in its warm-up it has measured nothing", () => {
    expect(looked([0, 1, 1.5], 2, () => 1, 1)).to.deep.equal([2, 0.5, 0, 0.125]);
  });

  it("rows that are at their end before the schedule: all of it is measured", () => {
    expect(looked([0, 1, 2], 0, () => 600, 600)).to.deep.equal([2, 0, 3, 0]);
  });

  it("property: whenever it is looked at, the parts are what was taken in all, none is negative, and a look within 10 ms of an edge is within 20 ms of it", () => {
    const time = fc.integer({ min: -990, max: 9000 }).map((ms) => ms / 1000);
    fc.assert(
      fc.property(fc.array(time), fc.integer({ min: 0, max: 3000 }), fc.nat({ max: 10 }), (some, warmupMs, lateMs) => {
        const [warmupS, lateS] = [warmupMs / 1000, lateMs / 1000];
        const edges = [0, warmupS, 5].flatMap((edgeS) => [edgeS - 0.01, edgeS + lateS]);
        const looks = [...some, ...edges].sort((a, b) => a - b);
        const parts = looked(looks, warmupS, () => 5, 5);
        const lastS = looks.at(-1) ?? 0;
        expect(parts.reduce((a, b) => a + b)).to.be.closeTo(taken(lastS, warmupS, 5) - 10, 1e-6);
        expect(Math.min(...parts)).to.be.at.least(0);
        const exact = [2, 0.5 * warmupS, 1.5 * (5 - warmupS)];
        for (const [part, seconds] of exact.entries()) expect(parts[part]).to.be.closeTo(seconds, 0.08);
      }),
    );
  });

  it("of this process: a look each time something begins, and no timer is left that keeps it up", async () => {
    const startMs = performance.now();
    const window = new CpuWindow({
      beforeS: 0,
      warmUpNs: 0.05 * S,
      now: () => (performance.now() - startMs) * 1e6,
      endNs: () => 0.15 * S,
    });
    window.watch();
    while (performance.now() - startMs < 300) await new Promise((resolve) => setImmediate(resolve));
    const { startingS, warmupS, measuredS, drainingS } = window.over();
    const { user, system } = process.cpuUsage();
    expect(startingS + warmupS + measuredS + drainingS).to.be.closeTo((user + system) / 1e6, 0.05);
    expect(Math.min(warmupS, measuredS, drainingS)).to.be.at.least(0);
  });

  describe("in the summary", () => {
    const made = madeReport(
      steadyInserts(12, 10, () => 5),
      { durationS: 12, warmupS: 2, rowsPerS: 1000, shard: null },
    );
    const report = { ...made, generator_cpu_s: 2.5, measured: { ...made.measured, answered: 600_000 } };
    const generator = (text: string): string | undefined =>
      text.split("\n").find((line) => /^ {2}generator/.test(line));

    it("0.3 CPU-s for 600,000 rows answered in the window are 0.5 per million, whatever starting, warm-up and drain took", () => {
      const parts = { starting_s: 1.25, warmup_s: 0.75, measured_s: 0.3, draining_s: 0.2 };
      expect(generator(toText({ ...report, generator_cpu: parts }))).to.equal(
        "  generator  1 worker  2.50 CPU-s (1.25 to start)  0.5 CPU-s per million rows",
      );
    });

    it("of a report of an earlier version, which does not tell them apart, nothing is said per row", () => {
      expect(generator(toText({ ...report, generator_cpu: null }))).to.equal("  generator  1 worker  2.50 CPU-s");
    });
  });
});
