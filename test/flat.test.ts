// bench/flat.ts: what bench:soak calls flat, as a table.

import { expect } from "chai";
import { trendOf } from "../bench/flat.js";

/** A second each. */
const seconds = (count: number, value: (second: number) => number): number[] =>
  Array.from({ length: count }, (_, at) => value(at));

describe("a figure over a long run", () => {
  const BOUND = { share: 0.1, amount: 10 };

  it("level but for a saw of garbage collections is flat: medians 105 and 105, no slope to speak of", () => {
    const trend = trendOf(
      seconds(600, (at) => 100 + (at % 11)),
      BOUND,
    );
    expect(trend).to.include({ first: 105, last: 105, isFlat: true });
    expect(trend.perHour).to.be.within(-10, 10);
  });

  it("growing by 1 in 10 s, for 600 s: 110 to 150, 360 an hour, not flat", () => {
    const trend = trendOf(
      seconds(600, (at) => 100 + at / 10),
      BOUND,
    );
    expect([trend.first, trend.last].map(Math.round)).to.deep.equal([110, 150]);
    expect(trend.perHour).to.be.closeTo(360, 1e-6);
    expect(trend.isFlat).to.equal(false);
  });

  it("by 1 from value to value, with 10 s between them: 360 an hour as well", () => {
    expect(
      trendOf(
        seconds(60, (at) => 100 + at),
        BOUND,
        10,
      ).perHour,
    ).to.be.closeTo(360, 1e-6);
  });

  const rows: readonly (readonly [from: number, to: number, share: number, amount: number, isFlat: boolean])[] = [
    [100, 110, 0.1, 0, true],
    [100, 111, 0.1, 0, false],
    [100, 110, 0, 10, true],
    [100, 111, 0, 10, false],
    [100, 111, 0.1, 11, true],
    [0, 1, 0.5, 0, false],
    [4, 1, 0, 0, true],
  ];
  for (const [from, to, share, amount, isFlat] of rows) {
    it(`from ${from} to ${to} is ${isFlat ? "" : "not "}flat where ${share} of it or ${amount} is allowed`, () => {
      expect(trendOf([from, (from + to) / 2, to], { share, amount }).isFlat).to.equal(isFlat);
    });
  }

  it("of two values nothing can be said", () => {
    expect(() => trendOf([1, 2], BOUND)).to.throw(RangeError, "a trend needs three values, got 2");
  });
});
