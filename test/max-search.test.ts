// src/max/search.ts on made-up servers: which rates it holds, and what it makes of them.

import { expect } from "chai";
import fc from "fast-check";
import { type Finding, findingOf } from "../src/max/finding.js";
import { type Bounds, type Outcome, trials, type Verdict } from "../src/max/search.js";

type Server = (rowsPerSecond: number, held: number) => Verdict;
const verdict = (passed: boolean, generatorLimited = false): Verdict => ({ passed, generatorLimited });
/** Takes so much, always. */
const limitedTo =
  (limit: number): Server =>
  (rate) =>
    verdict(rate <= limit);

const BOUNDS: Bounds = { from: 10_000, to: 1e9, precision: 0.05 };

function search(server: Server, bounds: Bounds = BOUNDS): { outcomes: Outcome[]; finding: Finding } {
  const outcomes: Outcome[] = [];
  const planned = trials(bounds);
  for (let next = planned.next(); !next.done; ) {
    const trial = next.value;
    const answer = server(trial.rowsPerSecond, outcomes.length);
    outcomes.push({ ...trial, ...answer });
    next = planned.next(answer);
  }
  return { outcomes, finding: findingOf(outcomes, bounds) };
}

const rates = (outcomes: readonly Outcome[], wanted: number): number[] =>
  outcomes.filter(({ search }) => search === wanted).map(({ rowsPerSecond }) => rowsPerSecond);

/** Numbers from 0 to 1 that look like chance: the same for the same seed (mulberry32). */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe("max: the search", () => {
  it("of a server that takes 100,000: 10k, 20k, 40k, 80k, 160k twice, then geometric middles to within 5%", () => {
    const { outcomes } = search(limitedTo(100_000));
    expect(rates(outcomes, 0)).to.deep.equal([
      10_000, 20_000, 40_000, 80_000, 160_000, 160_000, 113_100, 95_120, 103_700, 99_320,
    ]);
  });

  it("then six searches hold 99,320, which passes, and 103,700, which fails: that is the interval, of 1 - 2/64", () => {
    const { outcomes, finding } = search(limitedTo(100_000));
    for (let number = 1; number <= 6; number++) expect(rates(outcomes, number)).to.deep.equal([99_320, 103_700]);
    expect(finding).to.deep.equal({
      sustained: 99_320,
      low: 99_320,
      high: 103_700,
      confidence: 62 / 64,
      searches: 6,
      generatorLimited: false,
    });
  });

  it("where the first rate fails it is halved until one passes: 10k twice, 5k, 2.5k, 1,250", () => {
    const { outcomes } = search(limitedTo(1300));
    expect(rates(outcomes, 0).slice(0, 5)).to.deep.equal([10_000, 10_000, 5000, 2500, 1250]);
  });

  it("a made-up server with any limit: what is sustained passes, is within the precision, and the interval holds the limit", () => {
    fc.assert(
      fc.property(
        fc.double({ min: Math.log(2), max: Math.log(9e8), noNaN: true }).map(Math.exp),
        fc.double({ min: Math.log(1), max: Math.log(1e8), noNaN: true }).map(Math.exp),
        fc.constantFrom(0.002, 0.01, 0.05, 0.3),
        (limit, from, precision) => {
          const { finding } = search(limitedTo(limit), { from, to: 1e9, precision });
          const { sustained = 0, low = 0, high = 0 } = finding;
          // Rates are rounded to four digits: half of the last is at most 0.05 %.
          expect(sustained).to.be.within((limit / (1 + precision)) * 0.999, limit);
          expect(low).to.be.at.most(limit);
          expect(high).to.be.above(limit);
          expect(high / low).to.be.at.most((1 + precision) * 1.001);
        },
      ),
      { seed: 5, numRuns: 500 },
    );
  });

  it("a hiccup at 20k of a server that takes 1M: held again, and the climb goes on", () => {
    const { finding } = search((rate, held) => verdict(rate <= 1e6 && held !== 1));
    expect(finding.sustained).to.be.within(1e6 / 1.05, 1e6);
  });

  it("a table that gets slower after the first search: the others find it, and the interval is what they saw", () => {
    const { outcomes, finding } = search((rate, held) => verdict(rate <= (held < 10 ? 100_000 : 60_000)));
    const gap = 103_700 / 99_320;
    // Down by 1, 2, 4 and 8 gaps from what had passed, 99,320 → 57,600 passes; then up again to the precision.
    const down = [0, 1, 3, 7, 15].map((gaps) => 99_320 / gap ** gaps);
    for (const [index, rate] of down.entries()) expect(rates(outcomes, 1)[index]).to.be.closeTo(rate, 100);
    expect(finding.sustained).to.be.within(60_000 / 1.051, 60_000);
    expect((finding.high ?? 0) / (finding.low ?? 1)).to.be.at.most(1.051);
    expect([finding.low ?? 0, finding.high ?? 0].map((rate) => rate <= 60_000)).to.deep.equal([true, false]);
  });

  it("when chance decides, the interval holds the rate of even chances in at least 95 of 100 searches", () => {
    const searches = 1000;
    let held = 0;
    for (let seed = 1; seed <= searches; seed++) {
      const random = chance(seed);
      const limit = 10_000 * 10 ** (1 + random() * 2);
      // A hold passes with a probability that falls from 88 % to 12 % between 6 % below the limit and 6 % above it.
      const server: Server = (rate) => verdict(random() < 1 / (1 + Math.exp(Math.log(rate / limit) / 0.03)));
      const { low = 0, high = Number.POSITIVE_INFINITY } = search(server).finding;
      if (low <= limit && limit <= high) held++;
    }
    // Five standard errors below: chance is not to fail a test.
    expect(held / searches).to.be.at.least(0.95 - 5 * Math.sqrt((0.95 * 0.05) / searches));
  });

  it("where the generator failed above 300k: held twice, no search again, and the server takes at least what passed", () => {
    const { outcomes, finding } = search((rate) => (rate <= 300_000 ? verdict(true) : verdict(false, true)));
    expect(outcomes.every(({ search }) => search === 0)).to.equal(true);
    expect(finding.generatorLimited).to.equal(true);
    expect(finding.sustained).to.be.within(300_000 / 1.05, 300_000);
    expect(finding.confidence).to.equal(undefined);
    const failed = outcomes.filter(({ passed }) => !passed).map(({ rowsPerSecond }) => rowsPerSecond);
    expect(failed.length).to.equal(2 * new Set(failed).size);
  });

  it("a hiccup of the generator at every third hold does not pass for its limit", () => {
    const { finding } = search((rate, held) => (held % 3 === 2 ? verdict(false, true) : verdict(rate <= 100_000)));
    expect(finding).to.deep.include({ sustained: 99_320, high: 103_700, generatorLimited: false });
  });

  it("a server that takes more than --to: sustained at least that, no upper end", () => {
    const { outcomes, finding } = search(limitedTo(1e12), { from: 300, to: 1000, precision: 0.05 });
    expect(rates(outcomes, 0)).to.deep.equal([300, 600, 1000]);
    expect(finding).to.deep.include({ sustained: 1000, low: 1000, high: undefined, confidence: undefined });
  });

  it("a server that takes nothing: from 10,000 down to 1 row a second, and nothing is sustained", () => {
    const { outcomes, finding } = search(limitedTo(0));
    expect(outcomes.at(-1)?.rowsPerSecond).to.equal(1);
    expect(outcomes.length).to.be.below(20);
    expect(finding.sustained).to.equal(undefined);
  });

  it("broken off in the fourth of the six, three count: a confidence of 1 - 2/8", () => {
    const { outcomes } = search(limitedTo(100_000));
    const finding = findingOf(outcomes.slice(0, -5), BOUNDS);
    expect(finding).to.deep.include({ sustained: 99_320, low: 99_320, high: 103_700, confidence: 0.75, searches: 3 });
  });

  it("broken off in the climb: the highest that passed, and no upper end", () => {
    const { outcomes } = search(limitedTo(100_000));
    const finding = findingOf(outcomes.slice(0, 3), BOUNDS);
    expect(finding).to.deep.include({ sustained: 40_000, high: undefined, confidence: undefined, searches: 0 });
    expect(findingOf([], BOUNDS).sustained).to.equal(undefined);
  });
});
