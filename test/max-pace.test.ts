// src/max/pace.ts and the drift of src/max/finding.ts: lengths, times and orders by arithmetic.

import { expect } from "chai";
import { driftOf } from "../src/max/finding.js";
import { BETWEEN_NS, lengthOf, lengthsOf, type Pace, remainingNs } from "../src/max/pace.js";
import type { Outcome } from "../src/max/search.js";

const S = 1e9;
const PACE: Pace = { stepNs: 10 * S, warmUpNs: 2 * S, batchRows: 50_000, flushNs: S };

describe("max: how long a hold is", () => {
  it("--step and a fifth of it, far from the limit", () => {
    expect(lengthOf(PACE, { rowsPerSecond: 100_000, isNear: false })).to.deep.equal({
      warmUpNs: 2 * S,
      heldNs: 10 * S,
    });
  });

  it("near the limit 100 inserts, and three steps at most: 20 s at 5 a second, 30 s at one", () => {
    expect(lengthOf(PACE, { rowsPerSecond: 250_000, isNear: true }).heldNs).to.equal(20 * S);
    expect(lengthOf(PACE, { rowsPerSecond: 10_000, isNear: true }).heldNs).to.equal(30 * S);
    expect(lengthOf(PACE, { rowsPerSecond: 1_000_000, isNear: true }).heldNs).to.equal(10 * S);
  });

  it("whole batches: of 50,000 rows at 30,000 a second none is due but each second's 30,000; at 70,000 one in 0.714 s", () => {
    expect(lengthOf({ ...PACE, warmUpNs: 0.6 * S }, { rowsPerSecond: 30_000, isNear: false }).warmUpNs).to.equal(S);
    const { warmUpNs, heldNs } = lengthOf(PACE, { rowsPerSecond: 70_000, isNear: false });
    expect(warmUpNs).to.equal(Math.floor((3 * 50_000 * S) / 70_000));
    expect(heldNs).to.equal(Math.floor((14 * 50_000 * S) / 70_000));
  });
});

describe("max: how many lengths a hold goes on for", () => {
  const stand = (isOpen: boolean, isTooShort: boolean, waitS: number) =>
    lengthsOf({ isOpen, isTooShort, waitNs: waitS * S }, 10 * S);

  it("one where its end decides, two where it does not", () => {
    expect([stand(false, false, 2), stand(true, false, 2)]).to.deep.equal([1, 2]);
  });

  it("four times as long as an insert takes, where that is too long for it, in whole lengths: four at most", () => {
    expect([3, 5, 6, 10, 60].map((waitS) => stand(true, true, waitS))).to.deep.equal([2, 2, 3, 4, 4]);
  });
});

describe("max: how long a search takes", () => {
  const bounds = { from: 10_000, to: 1e9, precision: 0.05 };
  const quick: Pace = { stepNs: 10 * S, warmUpNs: 2 * S, batchRows: 100, flushNs: S };
  const hold = 12 * S + BETWEEN_NS;

  it("before the first hold: up to eight times --from, then just below and just above it, then six times two holds", () => {
    // 10k, 20k, 40k, 80k pass, 160k fails; of 80k the one above is 82.9k; then 80k passes and 82.9k fails, six times.
    expect(remainingNs(bounds, [], quick) / hold).to.be.within(16, 19);
  });

  it("is less with each hold of a server that takes what it seems to", () => {
    const outcome = (rowsPerSecond: number, passed: boolean): Outcome => ({
      ...{ rowsPerSecond, search: 0, isNear: false, passed, generatorLimited: false },
      ...(!passed && { takes: 75_000 }),
    });
    const all = [10_000, 20_000, 40_000].map((rate) => outcome(rate, true));
    const [before, after] = [all, [...all, outcome(80_000, false)]].map((outcomes) =>
      remainingNs(bounds, outcomes, quick),
    );
    expect(after).to.be.below(before ?? 0);
    // Held again as it is no clear failure, or not; two holds to narrow; two for each search.
    expect((after ?? 0) / hold).to.be.within(14, 16);
  });
});

describe("max: a limit that drifts", () => {
  /** Searches that ended with these rates passed, and failed at 5% more. */
  const outcomes = (rates: readonly number[]): Outcome[] =>
    rates.flatMap((rate, index) =>
      [rate, rate * 1.05].map((rowsPerSecond) => ({
        ...{ rowsPerSecond, search: index + 1, isNear: true },
        ...{ passed: rowsPerSecond === rate, generatorLimited: false },
      })),
    );
  const drift = (rates: readonly number[]) => driftOf(outcomes(rates), { to: 1e9, precision: 0.05 });

  it("six ends that fall one after the other: from the middle of the first to that of the last", () => {
    const found = drift([100, 95, 91, 86, 82, 78]);
    expect(found?.from).to.be.closeTo(100 * Math.sqrt(1.05), 1e-9);
    expect(found?.to).to.be.closeTo(78 * Math.sqrt(1.05), 1e-9);
    expect(drift([78, 82, 86, 91, 95, 100])?.to).to.be.closeTo(100 * Math.sqrt(1.05), 1e-9);
  });

  it("ends of which some are alike count as well; ends in no order, by little, or of too few searches do not", () => {
    expect(drift([100, 100, 91, 91, 82, 82])).to.not.equal(undefined);
    expect(drift([100, 82, 95, 86, 78, 91])).to.equal(undefined);
    expect(drift([100, 99, 98, 97, 96, 95])).to.equal(undefined);
    expect(drift([100, 90, 80, 70])).to.equal(undefined);
    expect(drift([])).to.equal(undefined);
  });
});
