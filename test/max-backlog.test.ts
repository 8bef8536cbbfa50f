// src/max/backlog.ts: whether answers keep pace. On answers that are made up, where each figure is arithmetic, and on the worker's
// own loop on virtual time, against servers whose capacity is known.

import { expect } from "chai";
import { type Mark, standOf } from "../src/max/backlog.js";
import { answerMs, type Law, noisy, perInsert, queue } from "./support/queue.js";
import { runVirtually } from "./support/virtual.js";

const S = 1e9;
/** 10 s after 2 s of warm-up, of a search for 5%. */
const SPAN = { fromNs: 2 * S, toNs: 12 * S, precision: 0.05 } as const;

/** 20 inserts of 100 rows a second, the n-th answered so late; looked at every 50 ms. */
function marksOf(lateMs: (second: number) => number): Mark[] {
  const answers = Array.from({ length: 240 }, (_, index) => {
    const dueMs = (index + 1) * 50;
    return dueMs + lateMs(dueMs / 1000);
  }).sort((one, other) => one - other);
  return Array.from({ length: 240 }, (_, index) => {
    const atMs = (index + 1) * 50;
    const answered = answers.filter((ms) => ms <= atMs);
    return { atNs: atMs * 1e6, answeredNs: (answered.at(-1) ?? 0) * 1e6, rows: 100 * answered.length };
  });
}

const standing = (lateMs: (second: number) => number) => standOf(marksOf(lateMs), { ...SPAN, rowsPerSecond: 2000 });

describe("max: whether answers keep pace", () => {
  it("each 30 ms after it is due: level, and nothing to wait for", () => {
    expect(standing(() => 30)).to.deep.include({ isLevel: true, isOpen: false, takes: undefined, behindNs: 0 });
  });

  it("a twentieth later each second, as of a server that takes 1 / 1.05 of what comes: not level, and it takes that", () => {
    const stand = standing((second) => 30 + 50 * second);
    expect([stand.isLevel, stand.isOpen]).to.deep.equal([false, false]);
    expect(stand.takes).to.be.closeTo(2000 / 1.05, 1);
    // From 2 to 12 s, less what is still to be answered then: 10 s × 0.05.
    expect(stand.behindNs / 1e6).to.be.within(450, 500);
  });

  it("by less than a tenth of the precision later: nothing a search of 5% tells apart", () => {
    expect(standing((second) => 30 + 4 * second).isLevel).to.equal(true);
    expect(standing((second) => 30 + 8 * second).isLevel).to.equal(false);
  });

  it("a stall of 800 ms at any time that is made up for: level", () => {
    for (let at = 0; at < 9; at++) {
      const stand = standing((second) => 30 + (second < at ? 0 : Math.max(0, 800 - 400 * (second - at))));
      expect(stand.isLevel, `at ${at} s`).to.equal(true);
    }
  });

  it("a stall at the very end, or a server that says nothing any more: the hold's end does not decide", () => {
    const stalled = standing((second) => (second < 11.5 ? 30 : 500));
    expect([stalled.isLevel, stalled.isOpen]).to.deep.equal([true, true]);
    const silent = standing((second) => (second < 10 ? 30 : 60_000));
    expect([silent.isLevel, silent.isOpen]).to.deep.equal([true, true]);
  });

  it("no answer in the second half, or in the first: not level, and open", () => {
    const dead = standing((second) => (second < 6 ? 30 : 60_000));
    expect([dead.isLevel, dead.isOpen, dead.secondNs]).to.deep.equal([false, true, Number.POSITIVE_INFINITY]);
    const late = standing(() => 7000);
    expect([late.isLevel, late.isOpen, late.firstNs]).to.deep.equal([false, true, Number.POSITIVE_INFINITY]);
  });

  it("2 s after it is due in a hold of 10 s: level; 3 s, more than a quarter of it: too short a hold to tell", () => {
    const [quick, slow] = [2000, 3000].map((ms) => standing(() => ms));
    expect([quick?.isLevel, quick?.isTooShort, quick?.isOpen]).to.deep.equal([true, false, false]);
    expect([slow?.isLevel, slow?.isTooShort, slow?.isOpen, slow?.takes]).to.deep.equal([true, true, true, undefined]);
    expect((slow?.waitNs ?? 0) / S).to.be.closeTo(3, 1e-6);
    // The first insert, due in the first moment, is still to be answered when the hold ends, 12 s from its start.
    const none = standing(() => 60_000);
    expect([none.isTooShort, none.waitNs / S]).to.deep.equal([true, 12]);
  });

  it("behind by more than a quarter for being fast falling behind: decided, and no hold too short", () => {
    // The server takes a tenth of what comes, and a warm-up of 6 s has left its answers 5.4 s late.
    const stand = standOf(
      marksOf((second) => 9000 * second).filter(({ atNs }) => atNs <= 12 * S),
      { ...SPAN, fromNs: 6 * S, rowsPerSecond: 2000 },
    );
    expect([stand.isLevel, stand.isTooShort, stand.isOpen]).to.deep.equal([false, false, false]);
    expect(stand.takes).to.be.closeTo(200, 1);
  });

  it("no faster than the rate does a server take that fell behind, as far as can be told", () => {
    // Nothing in the first half, then all at once: rows came faster than they were due.
    const stand = standing((second) => (second < 7 ? (7 - second) * 1000 + 30 : 30));
    expect(stand.isLevel).to.equal(false);
    expect(stand.takes).to.equal(undefined);
  });

  it("what a passing hold may hide is said: a tenth of the precision, or 10 ms of a hold of a second", () => {
    expect(standing(() => 30).resolution).to.be.closeTo(0.005, 1e-9);
    const short = standOf([], { fromNs: S, toNs: 2 * S, precision: 0.05, rowsPerSecond: 1 });
    expect(short.resolution).to.be.closeTo(0.01, 1e-9);
  });
});

/** The worker's own loop: batches of 10 rows for 12 s, 2 of them warm-up. */
async function heldVirtually(law: Law, insertsPerSecond: number, inFlight: number) {
  const rowsPerSecond = 10 * insertsPerSecond;
  const marks: Mark[] = [];
  const flags = {
    ...{ rate: String(rowsPerSecond), duration: "12s", warmup: "2s", drain: "0", "batch-rows": "10" },
    ...{ "flush-interval": "10s", "in-flight": String(inFlight), workers: "1" },
  };
  const service = (sentMs: number): number => answerMs(law, { atMs: sentMs, rows: 10, bytes: 0 });
  await runVirtually(flags, service, undefined, undefined, {
    everyNs: 50e6,
    look: (atNs, counters) => {
      const { acknowledged, lastAnswerNs } = counters.totals(atNs);
      marks.push({ atNs, answeredNs: lastAnswerNs, rows: acknowledged });
    },
  });
  return standOf(marks, { ...SPAN, rowsPerSecond });
}

describe("max: holds of the worker's own loop, on virtual time", function () {
  this.timeout(60_000);

  for (const inFlight of [1, 8, 80]) {
    for (const [name, places] of [
      ["one queue", 1],
      ["eight at a time", 8],
    ] as const) {
      for (const capacity of [4, 20, 200]) {
        // Of fewer places than the server has, no more can be taken than are sent.
        const takes = (capacity * Math.min(places, inFlight)) / places;
        const serviceMs = (places * 1000) / capacity;
        // Nothing comes back within the hold.
        if (serviceMs > 1000 && inFlight === 1) continue;
        it(`${name} that takes ${takes} inserts/s, ${inFlight} in flight: 2% less is level, 4% more is not`, async () => {
          const below = await heldVirtually(queue(places, perInsert(serviceMs)), takes * 0.98, inFlight);
          expect(below.isLevel).to.equal(true);
          const above = await heldVirtually(queue(places, perInsert(serviceMs)), takes * 1.04, inFlight);
          expect(above.isLevel).to.equal(false);
          // The last batch of the warm-up may be a short one: of some 25 inserts it is one.
          expect((above.takes ?? 0) / 10 / takes).to.be.closeTo(1, 0.05);
        });
      }
    }
  }

  it("random service times of 5 ms ± 2.5 ms: 5% less is level, 5% more is not, in each of 10 holds", async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const law = () => queue(1, noisy(perInsert(5), 0.5, seed));
      expect((await heldVirtually(law(), 190, 8)).isLevel, `190, seed ${seed}`).to.equal(true);
      expect((await heldVirtually(law(), 210, 8)).isLevel, `210, seed ${seed}`).to.equal(false);
    }
  });
});
