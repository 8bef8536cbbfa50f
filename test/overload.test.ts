// A target slower than the rate, on virtual time: the worker's loop itself, with every figure worked out by hand.

import { expect } from "chai";
import { ACKNOWLEDGED } from "../src/answer.js";
import { summarize } from "../src/latency.js";
import { limitsOf } from "../src/limits.js";
import { runVirtually } from "./support/virtual.js";

const MS = 1e6;
const takes =
  (ms: number) =>
  (sentMs: number): number =>
    sentMs + ms;
const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

describe("overload", () => {
  /** 20 inserts a second for 5 s, one at a time, each of 100 ms: half of what is asked for. */
  const HALF = { rate: "20", duration: "5s", "batch-rows": "1", "in-flight": "1" };

  describe("catch-up", () => {
    it("insert n of 100, due at 50 n ms, is sent at 100 n ms: mean latency 2,575 ms, largest lag 4,950 ms, 10 rows/s and 5 s more", async () => {
      const { books, sent, said } = await runVirtually(HALF, takes(100));
      expect(sent.map(({ atMs }) => atMs)).to.deep.equal(Array.from({ length: 100 }, (_, n) => 100 * n));
      const { measured, totals, latency, service } = books;
      expect([books.scheduled, totals.generated, totals.acknowledged, totals.dropped]).to.deep.equal([
        100, 100, 100, 0,
      ]);
      expect(totals.latencySumNs / 100 / MS).to.equal(2575);
      expect(totals.serviceSumNs / 100 / MS).to.equal(100);
      expect(totals.latenessSumNs / 100 / MS).to.equal(2475);
      expect(totals.maxLagNs / MS).to.equal(4950);
      expect([latency?.totalCount, service.totalCount]).to.deep.equal([100, 100]);
      expect([measured.fromNs, measured.toNs]).to.deep.equal([0, 5000 * MS]);
      // Insert n is answered at 100 (n + 1) ms: 50 by the end. The first three took 100, 150 and 200 ms, and so long nothing is
      // answered at the beginning: up to 150 ms after the end, which is 3% of 5 s, one more counts.
      expect([measured.answered, measured.errorRows]).to.deep.equal([50 + 1, 1]);
      expect(measured.backlog).to.deep.equal({ rows: 50, ns: 5000 * MS });
      expect(said.map(({ kind }) => kind)).to.deep.equal(["saturated"]);
    });

    it("what is never sent waited at least until the end of the drain: 39 of 100 after 1,050 ms of it, in latency as lower bounds", async () => {
      const { report } = await runVirtually({ ...HALF, drain: "1050ms" }, takes(100));
      const { latency_ms: latency, service_ms: service, rows, measured } = report;
      // Inserts 0 to 60 are sent, the last at 6,000 ms, and take 100 + 50 n ms; those from 61 on, due at 50 n, have waited 6,050 - 50 n ms.
      const sent = sum(Array.from({ length: 61 }, (_, n) => 100 + 50 * n));
      const unsent = sum(Array.from({ length: 39 }, (_, n) => 6050 - 50 * (61 + n)));
      expect([rows.acknowledged, rows.unsent, service.count]).to.deep.equal([61, 39, 61]);
      expect([latency?.count, latency?.lower_bounds]).to.deep.equal([100, 39]);
      expect(latency?.mean).to.be.closeTo((sent + unsent) / 100, 1e-6);
      expect(measured.backlog).to.deep.equal({ rows: 50, seconds: 1.1 });
    });

    it("the time it was behind was spent waiting for a place, none of it by the generator's fault: it is not the limit", async () => {
      const { books } = await runVirtually(HALF, takes(100));
      const [share] = books.shares;
      // Overdue is what is 10 ms late: batch 1 from 60 to 100 ms, batch 2 from 110 to 200, from then on always one, to 9,900.
      expect([share?.waitingNs, share?.delayedNs].map((ns = 0) => ns / MS)).to.deep.equal([40 + 90 + 9700, 0]);
      // The event loop knows of no virtual time.
      const idle = books.shares.map((each) => ({ ...each, busyNs: 0 }));
      expect(limitsOf({ ...books, shares: idle })).to.deep.equal([]);
    });
  });

  describe("drop", () => {
    const DROP = { ...HALF, overload: "drop", "max-lag": "200ms" };

    it("an insert every 100 ms from 0 to 5,100 ms are 52 of 100, none sent more than 200 ms late; 48 are dropped", async () => {
      const { books, sent, said } = await runVirtually(DROP, takes(100));
      expect(sent.map(({ atMs }) => atMs)).to.deep.equal(Array.from({ length: 52 }, (_, k) => 100 * k));
      expect(Math.max(...sent.map(({ atMs, batch }) => atMs - 50 * batch))).to.equal(200);
      expect([books.scheduled, books.totals.generated, books.totals.dropped]).to.deep.equal([100, 52, 48]);
      expect(said.map(({ kind }) => kind)).to.deep.equal(["dropping"]);
      // 50 are answered by the end, and as the first three took 100, 150 and 200 ms, one more counts. That dropping keeps it level is not keeping up.
      const { answered, errorRows, backlog } = books.measured;
      expect([answered, errorRows, backlog]).to.deep.equal([50 + 1, 1, { rows: 2, ns: 200 * MS }]);
    });

    it("of the time in which it is behind none is the generator's: a target that takes 1 s an insert, two at a time, for 10 a second", async () => {
      const flags = { rate: "1000", duration: "10s", "flush-interval": "100ms", "in-flight": "2", overload: "drop" };
      const { books } = await runVirtually({ ...flags, "max-lag": "500ms" }, takes(1000));
      const [share] = books.shares;
      expect(books.totals.dropped).to.be.greaterThan(7000);
      expect(share?.delayedNs).to.equal(0);
      expect((share?.waitingNs ?? 0) / MS).to.be.within(5000, 11_000);
      const idle = books.shares.map((each) => ({ ...each, busyNs: 0 }));
      expect(limitsOf({ ...books, shares: idle })).to.deep.equal([]);
    });

    it("a target that keeps up loses none: 100 of 100", async () => {
      const { books, said } = await runVirtually(DROP, takes(49));
      expect([books.totals.acknowledged, books.totals.dropped, said.length]).to.deep.equal([100, 0, 0]);
    });

    it("a stall of 2 s at 40 inserts/s drops what is due from 1.0 s to 2.8 s but the two in flight: 70 rows", async () => {
      // 1.000 and 1.025 are in flight; at 3 s those due before 2.8 s are too late: 1.050 to 2.775 s.
      const flags = {
        rate: "40",
        duration: "5s",
        "batch-rows": "1",
        "in-flight": "2",
        overload: "drop",
        "max-lag": "200ms",
      };
      const { books } = await runVirtually(flags, (sentMs) => (sentMs >= 1000 && sentMs < 3000 ? 3000 : sentMs + 1));
      expect([books.scheduled, books.totals.acknowledged, books.totals.dropped]).to.deep.equal([200, 130, 70]);
    });
  });

  it("3 inserts at a time that take 3,049 ms each, one due a second: seven of ten are answered in 10 s and the 3% of it after the end", async () => {
    // The fourth waits for the first, the seventh for the fourth, the tenth, 147 ms late, for that. So they are answered at 4.049, 5.049,
    // 6.049, 7.098, 8.098, 9.098, 10.147, 11.147, 12.147 and 13.196 s, where the first took 3 s, and no more than 0.3 s count.
    const { books } = await runVirtually({ rate: "1000", duration: "10s", "in-flight": "3" }, takes(3049));
    const { measured, totals } = books;
    expect([measured.fromNs, measured.toNs].map((ns) => ns / MS)).to.deep.equal([0, 10_000]);
    expect([totals.acknowledged, Math.round(totals.maxLagNs / MS)]).to.deep.equal([10_000, 147]);
    // How many more those 3 s would have added is not known: at most the three that were answered so soon after the end.
    expect([measured.answered, measured.errorRows]).to.deep.equal([7000, 3000]);
    expect(measured.backlog?.rows).to.equal(4000);
    expect(Math.round((measured.backlog?.ns ?? 0) / MS)).to.equal(3196);
  });

  describe("a stall: answers are held back from 1 s to 3 s", () => {
    for (const [rate, inFlight] of [
      [25, 4],
      [80, 8],
      [300, 8],
    ] as const) {
      it(`${rate} inserts/s, ${inFlight} in flight: every insert due in the stall waits for its end, ${inFlight} of them on the wire`, async () => {
        const gapMs = 1000 / rate;
        const flags = { rate: String(rate), duration: "5s", "batch-rows": "1", "in-flight": String(inFlight) };
        const { books } = await runVirtually(flags, (sentMs) => (sentMs >= 1000 && sentMs < 3000 ? 3000 : sentMs));
        // Those sent before and after are answered at once: what is left is the stall, 2 s down to 0.
        const due = Array.from({ length: 5 * rate }, (_, n) => Math.ceil((n * 1e9) / rate) / MS);
        const stalled = due.filter((ms) => ms >= 1000 && ms < 3000);
        expect(stalled.length).to.equal(2 * rate);
        expect(books.totals.latencySumNs / MS).to.be.closeTo(sum(stalled.map((ms) => 3000 - ms)), 0.01);
        expect(books.totals.latencySumNs / MS).to.be.closeTo((2000 * 2 * rate) / 2 + 1000, gapMs);
        const onTheWire = stalled.slice(0, inFlight);
        expect(books.totals.serviceSumNs / MS).to.be.closeTo(sum(onTheWire.map((ms) => 3000 - ms)), 0.01);
        const slow = books.service.totalCount - books.service.getCountAtIndex(0);
        expect(slow).to.equal(inFlight);
        const { max } = summarize(books.service, 0);
        expect(max).to.be.closeTo(2000, 2);
      });
    }
  });

  it("a server that refuses two of three inserts within 2 ms is not fast: those it takes need 300 ms, and the others have figures of their own", async () => {
    const refuses = (batch: number): boolean => batch % 3 !== 0;
    const { report } = await runVirtually(
      { rate: "30", duration: "10s", "batch-rows": "1", "in-flight": "100" },
      (sentMs, batch) => sentMs + (refuses(batch) ? 2 : 300),
      (batch) =>
        refuses(batch) ? { kind: "failed", reason: "busy", code: 252, sentence: "too many parts" } : ACKNOWLEDGED,
    );
    const { latency_ms: latency, service_ms: service, refused_ms: refused, lateness_ms: lateness } = report;
    expect([latency?.count, service.count, refused?.count, lateness?.count]).to.deep.equal([100, 100, 200, 300]);
    for (const times of [latency, service]) {
      // To three digits.
      for (const ms of [times?.min, times?.p50, times?.p99]) expect(ms).to.be.within(299.5, 300.5);
    }
    for (const ms of [refused?.min, refused?.p50, refused?.p99, refused?.max]) expect(ms).to.be.within(1.99, 2.01);
  });

  describe("a warm-up", () => {
    it("of 2 s at 5 rows/s is 10 rows that no rate, latency or lag knows, and the totals do", async () => {
      // Slow in the warm-up, quick after it.
      const flags = { rate: "5", duration: "4s", warmup: "2s", "batch-rows": "1" };
      const { books } = await runVirtually(flags, (sentMs) => sentMs + (sentMs < 2000 ? 700 : 3));
      const { measured, latency, service } = books;
      expect([books.scheduled, books.totals.acknowledged]).to.deep.equal([30, 30]);
      expect([measured.scheduled, measured.totals.acknowledged, measured.totals.inserts.acknowledged]).to.deep.equal([
        20, 20, 20,
      ]);
      expect([latency?.totalCount, service.totalCount]).to.deep.equal([20, 20]);
      // 3 ms, to three digits.
      expect(latency?.maxValue).to.be.within(3000, 3001);
      expect([measured.fromNs, measured.toNs, measured.spanNs].map((ns) => ns / MS)).to.deep.equal([2000, 6000, 4000]);
      expect([measured.answered, measured.backlog]).to.deep.equal([20, undefined]);
    });

    it("that leaves a backlog does not slow down what is measured: from 2 to 4 s 20 of its rows are answered, 10 a second", async () => {
      const { books } = await runVirtually({ ...HALF, warmup: "2s", duration: "2s" }, takes(100));
      const { fromNs, toNs, answered, backlog, totals } = books.measured;
      expect([fromNs, toNs].map((ns) => ns / MS)).to.deep.equal([2000, 4000]);
      expect(answered).to.equal(20);
      // Those due from 2 s on, which are sent from 4 to 8 s.
      expect(totals.acknowledged).to.equal(40);
      expect(backlog).to.deep.equal({ rows: 40, ns: 4000 * MS });
    });

    it("of a closed loop: 8 inserts of 100 rows at a time, each of 250 ms, are 3,200 rows a second after it as before it", async () => {
      const flags = { rate: "max", duration: "3s", warmup: "1s", "batch-rows": "100", "in-flight": "8", workers: "2" };
      const { books } = await runVirtually(flags, takes(250));
      const { fromNs, toNs, answered, totals } = books.measured;
      expect([fromNs, toNs].map((ns) => ns / MS)).to.deep.equal([1000, 4000]);
      expect(answered).to.be.closeTo(3 * 3200, 0.001);
      // 16 rounds of 8; each of the two workers has one more made when the end comes.
      expect([totals.acknowledged, books.totals.acknowledged]).to.deep.equal([9600, 13_000]);
    });
  });
});
