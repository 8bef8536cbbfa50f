// A target slower than the rate, on virtual time: the worker's loop itself, with every figure worked out by hand.

import { expect } from "chai";
import { ACKNOWLEDGED, type Outcome } from "../src/answer.js";
import { summarize } from "../src/latency.js";
import { limitsOf } from "../src/limits.js";
import { Rotation } from "../src/rotation.js";
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
    it("insert n of 100, due at 50 n ms, is sent at 100 n ms: mean latency 2,575 ms, largest lag 4,950 ms, 10 rows/s", async () => {
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
      expect([measured.fromNs, measured.toNs]).to.deep.equal([0, 10_000 * MS]);
      expect(said.map(({ kind }) => kind)).to.deep.equal(["saturated"]);
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

    describe("holds when the request leaves, not when it is asked for", () => {
      /** 10 inserts a second for 2 s, two at a time; nothing leaves before 500 ms. */
      const flags = { ...DROP, rate: "10", duration: "2s", "in-flight": "2" };
      const connected = (askedMs: number): number => Math.max(askedMs, 500);

      it("a connection that takes 500 ms: batches due at 0, 100 and 200 ms are dropped, that of 300 ms leaves 200 ms late", async () => {
        const { books, sent, plan, said } = await runVirtually(flags, takes(10), () => ACKNOWLEDGED, connected);
        // Two wait for the connection, and find themselves 500 and 400 ms late; the third waits for one of them, 300 ms.
        expect(sent.slice(0, 4).map(({ batch, atMs }) => [batch, atMs])).to.deep.equal([
          [3, 500],
          [4, 500],
          [5, 510],
          [6, 600],
        ]);
        const { scheduled, totals } = books;
        expect([scheduled, totals.generated, totals.dropped, totals.acknowledged]).to.deep.equal([20, 17, 3, 17]);
        expect(totals.inFlight).to.equal(0);
        expect(totals.maxLagNs / MS).to.equal(200);
        const fates = Array.from({ length: 20 }, (_, batch) => plan.fates.kindAt(batch));
        expect(fates).to.deep.equal(
          [..."ddd".padEnd(20, "a")].map((fate) => (fate === "d" ? "dropped" : "acknowledged")),
        );
        // Nothing of it was sent: each row is a line.
        expect(totals.bytes.sent).to.equal(sum(sent.map(({ body }) => body.length)));
        expect(totals.bytes.rendered).to.equal(totals.bytes.sent);
        expect(said.map(({ kind }) => kind)).to.deep.equal(["dropping"]);
      });

      it("the same without --overload drop: all 20 are sent, the first 500 ms late", async () => {
        const { overload: _, "max-lag": __, ...all } = flags;
        const { books, sent } = await runVirtually(all, takes(10), () => ACKNOWLEDGED, connected);
        expect([sent.length, books.totals.dropped, books.totals.maxLagNs / MS]).to.deep.equal([20, 0, 500]);
      });

      it("an insert that is sent again is never dropped, however late its next attempt is, or its first to leave", async () => {
        const busy: Outcome = { kind: "failed", reason: "busy", code: 252, sentence: "" };
        const down: Outcome = { kind: "failed", reason: "unreachable", code: "connection_refused", sentence: "" };
        for (const first of [busy, down]) {
          const { books, sent } = await runVirtually({ ...flags, retries: "3" }, takes(190), (_, { attempt }) =>
            attempt < 3 ? first : ACKNOWLEDGED,
          );
          const again = sent.filter(({ attempt }) => attempt === 3);
          expect(Math.min(...again.map(({ atMs, batch }) => atMs - 100 * batch))).to.be.greaterThan(380);
          expect([books.totals.generated, books.totals.acknowledged]).to.deep.equal([again.length, again.length]);
          expect(books.totals.generated + books.totals.dropped).to.equal(20);
          expect(books.totals.maxLagNs / MS).to.be.at.most(200);
        }
      });

      it("an endpoint that was to be tried by an insert that is dropped is tried by the next one instead", () => {
        const refused: Outcome = { kind: "failed", reason: "unreachable", code: "connection_refused", sentence: "" };
        const rotation = new Rotation([0, 1]);
        expect(rotation.answered(1, refused, 0)).to.equal(true);
        const laterNs = 3_600_000 * MS;
        // One insert tries it, and no other until it is known what became of that.
        expect([rotation.pick(1, 0), rotation.pick(1, laterNs), rotation.pick(1, laterNs)]).to.deep.equal([0, 1, 0]);
        rotation.unused(1);
        expect([rotation.pick(1, laterNs), rotation.pick(1, laterNs)]).to.deep.equal([1, 0]);
      });
    });
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
    });

    it("that leaves a backlog does not slow down what is measured: 40 rows due from 2 s on, sent from 4 to 8 s, are 10 a second", async () => {
      const { books } = await runVirtually({ ...HALF, warmup: "2s", duration: "2s" }, takes(100));
      const { fromNs, toNs, totals } = books.measured;
      expect([fromNs, toNs].map((ns) => ns / MS)).to.deep.equal([4000, 8000]);
      expect(totals.acknowledged).to.equal(40);
    });

    it("of a closed loop: 8 inserts of 100 rows at a time, each of 250 ms, are 3,200 rows a second after it as before it", async () => {
      const flags = { rate: "max", duration: "3s", warmup: "1s", "batch-rows": "100", "in-flight": "8", workers: "2" };
      const { books } = await runVirtually(flags, takes(250));
      const { fromNs, toNs, totals } = books.measured;
      expect([fromNs, toNs].map((ns) => ns / MS)).to.deep.equal([1000, 4000]);
      // 16 rounds of 8; each of the two workers has one more made when the end comes.
      expect([totals.acknowledged, books.totals.acknowledged]).to.deep.equal([9600, 13_000]);
    });
  });
});
