// The laws of numbers as cells, against a second source: tables of the standard normal distribution, zeta values, sums term
// by term, 1 - exp(-x); and the alias table against the weights it was made of, exactly.

import { expect } from "chai";
import fc from "fast-check";
import {
  aliasTable,
  type Cells,
  exponentialCells,
  highest,
  lowest,
  meanOf,
  mixture,
  negated,
  normalCells,
  quantileCells,
  shifted,
  weightedCells,
  zipfCells,
} from "../src/rows/cells.js";

const WIDE = 1n << 62n;

const totalOf = (cells: Cells): number => cells.reduce((sum, { weight }) => sum + weight, 0);

/** The probability of the numbers from `from` to `to`. */
function probability(cells: Cells, from: bigint, to: bigint): number {
  let sum = 0;
  for (const { first, count, weight } of cells) {
    const begin = first > from ? first : from;
    const end = first + count - 1n < to ? first + count - 1n : to;
    if (begin <= end) sum += weight * (Number(end - begin + 1n) / Number(count));
  }
  return sum / totalOf(cells);
}

/** The x below which the share p lies, when number n stands for [n - 1/2, n + 1/2]. */
function quantile(cells: Cells, p: number): number {
  let left = p * totalOf(cells);
  for (const { first, count, weight } of cells) {
    if (left <= weight) return Number(first) - 0.5 + (Number(count) * left) / weight;
    left -= weight;
  }
  throw new Error(`no quantile ${p}`);
}

/** Disjoint, in order and without gaps from `from` to `to`, at most 768, weights finite and not all 0. */
function expectCover(cells: Cells, from: bigint, to: bigint): void {
  expect(cells.length).to.be.within(1, 768);
  let next = from;
  for (const { first, count, weight } of cells) {
    expect(first).to.equal(next);
    expect(count >= 1n).to.equal(true);
    expect(Number.isFinite(weight) && weight >= 0).to.equal(true);
    next = first + count;
  }
  expect(next - 1n).to.equal(to);
  expect(totalOf(cells)).to.be.above(0);
}

/** What the kernel would draw, over all cells and all 2^32 fractions: the probability of each cell. */
function drawn(cells: Cells): number[] {
  const { thresholds, aliases } = aliasTable(cells);
  const probabilities = cells.map(() => 0);
  thresholds.forEach((threshold, i) => {
    const alias = aliases[i] as number;
    const kept = threshold / 2 ** 32;
    probabilities[i] = (probabilities[i] as number) + kept / cells.length;
    probabilities[alias] = (probabilities[alias] as number) + (1 - kept) / cells.length;
  });
  return probabilities;
}

/** The k^-s from a to b, the least first. */
function brute(a: number, b: number, s: number): number {
  let sum = 0;
  for (let k = b; k >= a; k--) sum += k ** -s;
  return sum;
}

const weightsArbitrary = fc
  .array(
    fc.oneof(fc.constant(0), fc.double({ min: 1e-300, max: 1e300, noNaN: true }), fc.integer({ min: 0, max: 9 })),
    {
      minLength: 1,
      maxLength: 300,
    },
  )
  .filter((weights) => weights.some((weight) => weight > 0));
const numberArbitrary = fc.bigInt({ min: -(1n << 63n), max: 1n << 63n });
const rangeArbitrary = fc
  .tuple(numberArbitrary, fc.oneof(fc.bigInt({ min: 0n, max: 3000n }), fc.bigInt({ min: 0n, max: (1n << 64n) - 1n })))
  .map(([from, more]) => [from, from + more] as const);
/** From 1e-6 to 1e20, each power as likely. */
const scaleArbitrary = fc.double({ min: -6, max: 20, noNaN: true }).map((power) => 10 ** power);

describe("alias table", () => {
  it("of weights 1 and 3 keeps the first half the time: threshold 2^31, alias 1", () => {
    const { thresholds, aliases } = aliasTable(weightedCells([1, 3]));
    expect([thresholds[0], aliases[0], aliases[1]]).to.deep.equal([2 ** 31, 1, 1]);
  });

  it("of one cell, and of five alike, has each cell as its own alias", () => {
    expect([...aliasTable(weightedCells([0.3])).aliases]).to.deep.equal([0]);
    expect([...aliasTable(weightedCells([7, 7, 7, 7, 7])).aliases]).to.deep.equal([0, 1, 2, 3, 4]);
  });

  it("of weights 0, 1, 0, 0 always draws cell 1", () => {
    const { thresholds, aliases } = aliasTable(weightedCells([0, 1, 0, 0]));
    expect([thresholds[0], thresholds[2], thresholds[3]]).to.deep.equal([0, 0, 0]);
    expect([...aliases]).to.deep.equal([1, 1, 1, 1]);
  });

  it("does not depend on the scale: weights of 1e308 and of 5e-324 are as good as of 1", () => {
    const ones = aliasTable(weightedCells([1, 2, 1, 0]));
    expect(aliasTable(weightedCells([5e307, 1e308, 5e307, 0]))).to.deep.equal(ones);
    expect(aliasTable(weightedCells([5e-324, 1e-323, 5e-324, 0]))).to.deep.equal(ones);
  });

  it("reproduces any weights to one part in n * 2^32, and never draws a weight of 0", () => {
    fc.assert(
      fc.property(weightsArbitrary, (weights) => {
        const most = Math.max(...weights);
        const total = weights.reduce((sum, weight) => sum + weight / most, 0);
        drawn(weightedCells(weights)).forEach((probability, i) => {
          const weight = weights[i] as number;
          if (weight === 0) expect(probability).to.equal(0);
          expect(probability).to.be.closeTo(weight / most / total, 1.001 / weights.length / 2 ** 32 + 1e-15);
        });
      }),
    );
  });

  it("of 100,000 weights 1/k draws k = 1 with 1 / 12.090146129863", () => {
    const cells = weightedCells(Array.from({ length: 100_000 }, (_, i) => 1 / (i + 1)));
    expect(drawn(cells)[0]).to.be.closeTo(1 / 12.090146129863, 1e-13);
  });
});

describe("quantiles as cells", () => {
  const cell = (first: bigint, count: bigint) => ({ first, count, weight: 1 });

  it("are ranges that end before the next one begins, and the last with its end", () => {
    expect(quantileCells([0n, 10n, 30n])).to.deep.equal([cell(0n, 10n), cell(10n, 21n)]);
  });

  it("that are equal are a range of one number, at the end, too", () => {
    expect(quantileCells([5n, 5n, 8n, 8n])).to.deep.equal([cell(5n, 1n), cell(5n, 3n), cell(8n, 1n)]);
  });

  it("property: n ranges have n times the same weight, and hold the numbers from the first to the last and no others", () => {
    const values = fc.array(fc.bigInt({ min: -1000n, max: 1000n }), { minLength: 2, maxLength: 50 });
    fc.assert(
      fc.property(values, (some) => {
        const rising = some.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0));
        const cells = quantileCells(rising);
        expect(cells.map(({ weight }) => weight)).to.deep.equal(Array(rising.length - 1).fill(1));
        expect([lowest(cells), highest(cells)]).to.deep.equal([rising[0], rising.at(-1)]);
        expect(probability(cells, rising[0] as bigint, rising.at(-1) as bigint)).to.be.closeTo(1, 1e-12);
      }),
    );
  });
});

describe("zipf as cells", () => {
  it("gives 10, 11, 12 the weights 1, 1/2, 1/3 for exponent 1", () => {
    expect(zipfCells(10n, 3n, 1)).to.deep.equal([
      { first: 10n, count: 1n, weight: 1 },
      { first: 11n, count: 1n, weight: 0.5 },
      { first: 12n, count: 1n, weight: 3 ** -1 },
    ]);
  });

  for (const exponent of [0.01, 0.5, 1, 1.1, 2, 3, 10]) {
    it(`with exponent ${exponent} weighs each cell as the sum over its numbers to 1e-8, for 10, 769 and 1,000,000`, () => {
      for (const count of [10, 769, 1_000_000]) {
        const cells = zipfCells(1n, BigInt(count), exponent);
        expectCover(cells, 1n, BigInt(count));
        for (const { first, count, weight } of cells) {
          const sum = brute(Number(first), Number(first + count - 1n), exponent);
          expect(weight / sum).to.be.closeTo(1, 1e-8);
        }
      }
    });
  }

  // For N = 2^64: ln N + Euler's constant; 2 sqrt N + zeta(1/2); zeta(s).
  const sums: readonly (readonly [number, number])[] = [
    [0.5, 2 ** 33 - 1.4603545088095868],
    [1, 64 * Math.LN2 + 0.5772156649015329],
    [2, Math.PI ** 2 / 6],
    [3, 1.2020569031595942],
    [10, Math.PI ** 10 / 93555],
  ];
  for (const [exponent, sum] of sums) {
    it(`over 2^64 numbers with exponent ${exponent} sums to ${sum}`, () => {
      const cells = zipfCells(0n, 1n << 64n, exponent);
      expectCover(cells, 0n, (1n << 64n) - 1n);
      expect(totalOf(cells) / sum).to.be.closeTo(1, 1e-10);
      expect(highest(cells)).to.equal((1n << 64n) - 1n);
    });
  }

  it("does not jump at exponent 1: 1 - 1e-12, 1 and 1 + 1e-12 weigh the last cell of 2^64 alike", () => {
    const [below, at, above] = [1 - 1e-12, 1, 1 + 1e-12].map((s) => zipfCells(0n, 1n << 64n, s).at(-1)?.weight ?? 0);
    expect((below ?? 0) / (at ?? 1)).to.be.closeTo(1, 1e-10);
    expect((above ?? 0) / (at ?? 1)).to.be.closeTo(1, 1e-10);
  });

  it("of a million with exponent 1.1 has the shares of its first 10, 300, 1000, 54,321 and 500,000 right to 3e-6", () => {
    const cells = zipfCells(1n, 1_000_000n, 1.1);
    const all = brute(1, 1_000_000, 1.1);
    for (const k of [10, 300, 1000, 54_321, 500_000]) {
      expect(probability(cells, 1n, BigInt(k))).to.be.closeTo(brute(1, k, 1.1) / all, 3e-6);
    }
  });

  it("covers its range with finite weights, whatever the range and the exponent", () => {
    fc.assert(
      fc.property(rangeArbitrary, fc.double({ min: 0.01, max: 10, noNaN: true }), ([from, to], exponent) => {
        const cells = zipfCells(from, to - from + 1n, exponent);
        expectCover(cells, from, to);
        expect([lowest(cells), highest(cells)]).to.deep.equal([from, to]);
      }),
    );
  });
});

describe("normal as cells", () => {
  it("with mean 0 and sd 1 gives 0, 1, 2 the probabilities 0.382925, 0.241730, 0.060598", () => {
    const cells = normalCells(0, 1, -100n, 100n);
    expect(probability(cells, 0n, 0n)).to.be.closeTo(0.382924922548, 1e-11);
    for (const sign of [1n, -1n]) {
      expect(probability(cells, sign, sign)).to.be.closeTo(0.241730337457, 1e-11);
      expect(probability(cells, 2n * sign, 2n * sign)).to.be.closeTo(0.060597535943, 1e-11);
    }
    expectCover(cells, -8n, 8n);
  });

  // Numbers -9 … 10 are [-9.5, 10.5], one sd of 10 around the mean of 0.5.
  const within: readonly (readonly [bigint, number])[] = [
    [1n, 0.682689492137086],
    [2n, 0.954499736103642],
    [3n, 0.99730020393674],
    [5n, 0.999999426696856],
  ];
  for (const [sds, share] of within) {
    it(`has ${share} within ${sds} sd of the mean`, () => {
      expect(probability(normalCells(0.5, 10, -WIDE, WIDE), 1n - 10n * sds, 10n * sds)).to.be.closeTo(share, 1e-13);
    });
    it(`has ${share} within ${sds} sd of the mean, to 3e-5, in 768 cells with sd 1e9`, () => {
      const sd = 1_000_000_000n * sds;
      expect(probability(normalCells(0.5, 1e9, -WIDE, WIDE), 1n - sd, sd)).to.be.closeTo(share, 3e-5);
    });
  }

  const quantiles: readonly (readonly [number, number])[] = [
    [0.9, 1.2815515655446],
    [0.95, 1.6448536269515],
    [0.99, 2.3263478740408],
    [0.999, 3.0902323061678],
  ];
  for (const [p, z] of quantiles) {
    it(`has its quantile ${p} at mean + ${z} sd, to 0.001 sd, in 768 cells`, () => {
      const cells = normalCells(7e9, 1e9, -WIDE, WIDE);
      expect((quantile(cells, p) - 7e9) / 1e9).to.be.closeTo(z, 1e-3);
      expect((quantile(cells, 1 - p) - 7e9) / 1e9).to.be.closeTo(-z, 1e-3);
    });
  }

  it("cut off to 0 and 1 shares all between them as 0.382925 to 0.241730: no spike at the border", () => {
    const cells = normalCells(0, 1, 0n, 1n);
    expect(probability(cells, 0n, 0n)).to.be.closeTo(0.382924922548 / (0.382924922548 + 0.241730337457), 1e-11);
    expectCover(cells, 0n, 1n);
  });

  it("cut off at 6 sd has 0.00129721 of the rest beyond 7 sd, and 6.3055e-7 beyond 8 sd", () => {
    const cells = normalCells(-0.5, 10, 60n, WIDE);
    expect(probability(cells, 70n, WIDE) / (1.279812543885835e-12 / 9.865876450376981e-10)).to.be.closeTo(1, 1e-10);
    // The e^-32 that is left out is beyond 10 sd.
    expect(probability(cells, 80n, WIDE) / (6.220960574271786e-16 / 9.865876450376981e-10)).to.be.closeTo(1, 2e-8);
  });

  it("is the same below the mean as above it", () => {
    const above = normalCells(-0.5, 10, 60n, 10_000n);
    expect(negated(normalCells(0.5, 10, -10_000n, -60n))).to.deep.equal(above);
  });

  it("cut off at 1000 sd, where a float has no density, falls by e^-10 in each hundredth of an sd", () => {
    // Mills' ratio: Q(z) ~ exp(-z²/2) / z * (1 - 1/z² + 3/z^4).
    const mills = (z: number) => (1 - 1 / z ** 2 + 3 / z ** 4) / z;
    const cells = normalCells(-0.5, 10_000, 10_000_000n, 20_000_000n);
    const beyond = (Math.exp((1000 ** 2 - 1000.01 ** 2) / 2) * mills(1000.01)) / mills(1000);
    expect(probability(cells, 10_000_100n, 20_000_000n) / beyond).to.be.closeTo(1, 1e-8);
    expect(lowest(cells)).to.equal(10_000_000n);
  });

  it("of an sd far above the range is uniform: 1/11 for each of 0 … 10 with sd 1e12", () => {
    for (const { weight } of normalCells(5, 1e12, 0n, 10n)) {
      expect(weight / totalOf(normalCells(5, 1e12, 0n, 10n))).to.be.closeTo(1 / 11, 1e-15);
    }
  });

  it("of an sd far below 1 is the mean, or both its neighbours alike when it lies between", () => {
    expect(probability(normalCells(3.2, 1e-9, -9n, 9n), 3n, 3n)).to.equal(1);
    expect(probability(normalCells(2.5, 1e-9, -9n, 9n), 3n, 3n)).to.be.closeTo(0.5, 1e-12);
    expect(probability(normalCells(1e300, 1, 0n, 9n), 9n, 9n)).to.equal(1);
  });

  it("keeps apart nanoseconds of today, 1.8e18, with an sd of 10 ns", () => {
    const mean = 1_800_000_000_000_000_000n;
    const cells = normalCells(Number(mean), 10, 0n, WIDE);
    expect(cells.length).to.equal(161);
    expect(probability(cells, mean, mean)).to.be.closeTo(0.039877611676744924, 1e-13);
  });

  it("lies in its range with finite weights, whatever the range, mean and sd", () => {
    fc.assert(
      fc.property(numberArbitrary, scaleArbitrary, rangeArbitrary, (mean, sd, [from, to]) => {
        const cells = normalCells(Number(mean), sd, from, to);
        const [low, high] = [lowest(cells), highest(cells)];
        expect(from <= low && low <= high && high <= to).to.equal(true);
        const end = cells.at(-1);
        expectCover(cells, cells[0]?.first ?? 0n, (end?.first ?? 0n) + (end?.count ?? 0n) - 1n);
      }),
    );
  });
});

describe("exponential as cells", () => {
  it("with mean 3 gives 0 the probability 1 - e^(-1/6), and 1, 2, … each e^(-1/3) of the one before", () => {
    const cells = exponentialCells(3, 0n, 1000n);
    expect(probability(cells, 0n, 0n)).to.be.closeTo(0.153518275109386, 1e-13);
    for (let x = 2n; x < 90n; x++) {
      expect(probability(cells, x, x) / probability(cells, x - 1n, x - 1n)).to.be.closeTo(0.716531310573789, 1e-12);
    }
  });

  for (const mean of [5, 1000, 1e6, 1e18]) {
    it(`with mean ${mean} has 1 - exp(-x / mean) below x, and p1 … p99.9 to 0.0003 means or one half`, () => {
      const cells = exponentialCells(mean, 0n, 1n << 70n);
      for (const { first } of cells.slice(1)) {
        const below = -Math.expm1(-(Number(first) - 0.5) / mean);
        expect(probability(cells, 0n, first - 1n)).to.be.closeTo(below, 1e-13);
      }
      for (const p of [0.01, 0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999]) {
        expect(quantile(cells, p)).to.be.closeTo(-Math.log1p(-p) * mean, Math.max(0.0003 * mean, 0.5));
      }
    });
  }

  it("from 100 with mean 50 is 150 on the average; with mean 3, 2.986", () => {
    expect(meanOf(exponentialCells(50, 100n, WIDE))).to.be.closeTo(150, 0.002);
    // 1 / (2 sinh(1 / 6))
    expect(meanOf(exponentialCells(3, 0n, WIDE))).to.be.closeTo(2.986155, 1e-6);
  });

  it("cut off at its mean of 1000 has (1 - e^-0.5) / (1 - e^-1) below the half: nothing piles up at 1000", () => {
    const cells = exponentialCells(1000, 0n, 1000n);
    expectCover(cells, 0n, 1000n);
    const half = Math.expm1(-0.4995) / Math.expm1(-1.0005);
    expect(probability(cells, 0n, 499n)).to.be.closeTo(half, 1e-6);
    expect(probability(cells, 1000n, 1000n)).to.be.closeTo(-Math.exp(-1) / 1000 / Math.expm1(-1), 1e-5);
  });

  it("of a mean far above the range is uniform, but for the first number's half", () => {
    const cells = exponentialCells(1e18, 0n, 10n);
    expect(probability(cells, 0n, 0n)).to.be.closeTo(0.5 / 10.5, 1e-12);
    expect(probability(cells, 10n, 10n)).to.be.closeTo(1 / 10.5, 1e-12);
  });

  it("lies in its range with finite weights, whatever the range and mean", () => {
    fc.assert(
      fc.property(scaleArbitrary, rangeArbitrary, (mean, [from, to]) => {
        const cells = exponentialCells(mean, from, to);
        expect([lowest(cells) >= from, highest(cells) <= to]).to.deep.equal([true, true]);
        const end = cells.at(-1);
        expectCover(cells, from, (end?.first ?? 0n) + (end?.count ?? 0n) - 1n);
      }),
    );
  });
});

describe("cells", () => {
  it("of weights are the numbers 0, 1, 2, and those of weight 0 are neither lowest nor highest", () => {
    const cells = weightedCells([0, 2, 1, 1, 0]);
    expect(cells.map(({ first, count }) => [first, count])).to.deep.equal([0n, 1n, 2n, 3n, 4n].map((i) => [i, 1n]));
    expect([lowest(cells), highest(cells), meanOf(cells)]).to.deep.equal([1n, 3n, 1.75]);
  });

  it("mixed 9 : 1 of always 0 and of 100 … 199 have 0.001 for each of the hundred, and a mean of 14.95", () => {
    const cells = mixture([
      { share: 0.9, cells: [{ first: 0n, count: 1n, weight: 1e300 }] },
      { share: 0.1, cells: [{ first: 100n, count: 100n, weight: 1e-300 }] },
      { share: 0, cells: [{ first: 999n, count: 1n, weight: 1 }] },
    ]);
    expect(probability(cells, 150n, 150n)).to.be.closeTo(0.001, 1e-15);
    expect(meanOf(cells)).to.be.closeTo(14.95, 1e-12);
    expect([lowest(cells), highest(cells)]).to.deep.equal([0n, 199n]);
  });

  it("negated and shifted: 3 … 5 become -5 … -3, and by 10 become 5 … 7", () => {
    const cells: Cells = [
      { first: 3n, count: 2n, weight: 1 },
      { first: 5n, count: 1n, weight: 2 },
    ];
    expect(negated(cells)).to.deep.equal([
      { first: -5n, count: 1n, weight: 2 },
      { first: -4n, count: 2n, weight: 1 },
    ]);
    expect(shifted(negated(cells), 10n).map(({ first }) => first)).to.deep.equal([5n, 6n]);
    expect([lowest(negated(cells)), highest(negated(cells))]).to.deep.equal([-5n, -3n]);
  });

  it("negated twice are themselves, and their mean changes its sign", () => {
    fc.assert(
      fc.property(weightsArbitrary, numberArbitrary, fc.bigInt({ min: 1n, max: 1n << 40n }), (weights, by, count) => {
        const cells = weights.map((weight, i) => ({ first: by + BigInt(i) * count, count, weight }));
        expect(negated(negated(cells))).to.deep.equal(cells);
        expect(lowest(negated(cells))).to.equal(-highest(cells));
        expect(meanOf(negated(cells))).to.be.closeTo(-meanOf(cells), 1e-12 * (Math.abs(Number(by)) + 2 ** 50));
      }),
    );
  });

  it("of every law come out of the alias table with their weights, to 1e-12", () => {
    const laws: readonly Cells[] = [
      zipfCells(1n, 1_000_000n, 1.1),
      normalCells(0, 1e6, -WIDE, WIDE),
      exponentialCells(1e6, 0n, WIDE),
    ];
    for (const cells of laws) {
      const total = totalOf(cells);
      drawn(cells).forEach((probability, i) => {
        expect(probability).to.be.closeTo((cells[i]?.weight ?? 0) / total, 1e-12);
      });
    }
  });
});
