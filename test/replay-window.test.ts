// src/replay/window.ts and what of src/schedule.ts ends a replay: bounds and totals against counting row by row.

import { expect } from "chai";
import fc from "fast-check";
import { Window } from "../src/replay/window.js";
import { claimedRows, holding, Schedule, timeOfRows } from "../src/schedule.js";

/** Bytes of the largest batch of so many rows, of a file that is gone through again and again. */
function largest(lengths: readonly number[], rows: number): number {
  let most = 0;
  for (let first = 0; first < lengths.length; first++) {
    let sum = 0;
    for (let row = 0; row < rows; row++) sum += lengths[(first + row) % lengths.length] ?? 0;
    most = Math.max(most, sum);
  }
  return most;
}

describe("replay: how large and how many", () => {
  it("2,000 files: no batch is larger than the bound, and the bound is that of 3 groups of a sixteenth more rows", () => {
    const property = fc.property(
      fc.array(fc.oneof(fc.integer({ min: 3, max: 20 }), fc.integer({ min: 1000, max: 2000 })), {
        minLength: 2,
        maxLength: 120,
      }),
      fc.nat(),
      (lengths, at) => {
        const rows = 1 + (at % (lengths.length - 1));
        const window = new Window(rows);
        for (const length of lengths) {
          expect(window.wanted).to.be.at.least(1);
          window.add(1, length);
        }
        const most = window.most();
        const group = Math.max(1, Math.floor(rows / 16));
        expect(most).to.be.at.least(largest(lengths, rows));
        expect(most).to.be.at.most(largest(lengths, rows + 3 * group));
      },
    );
    fc.assert(property, { numRuns: 2000 });
  });

  const spec = { warmUpNs: 0n, batchRows: 100, rowLimit: 250 } as const;
  const durationNs = 60_000_000_000n;

  it("of 250 rows in batches of 100 the third has 50, and there is no fourth, at a rate as in a closed loop", () => {
    const rowsPerSecond = { numerator: 100n, denominator: 1n };
    const schedule = new Schedule({
      kind: "open",
      pieces: [holding(rowsPerSecond, durationNs)],
      poissonSeed: undefined,
      flushNs: 60_000_000_000n,
      dataSpanNs: undefined,
      ...spec,
    });
    const batches = [0, 1, 2, 3].map((number) => schedule.batch(number)?.rows);
    expect(batches).to.deep.equal([100, 100, 50, undefined]);
    expect(schedule.totalRows()).to.equal(250);
    const closed = { kind: "max", durationNs, ...spec } as const;
    expect([0, 1, 2, 3, 4].map((claims) => claimedRows(closed, claims))).to.deep.equal([0, 100, 200, 250, 250]);
  });

  it("an end that was moved forward cuts them further: 120 rows after 1.2 s", () => {
    const rowsPerSecond = { numerator: 100n, denominator: 1n };
    const schedule = new Schedule({
      kind: "open",
      pieces: [holding(rowsPerSecond, durationNs)],
      poissonSeed: undefined,
      flushNs: 60_000_000_000n,
      dataSpanNs: undefined,
      ...spec,
    });
    expect(schedule.totalRows(1_200_000_000n)).to.equal(120);
    expect(schedule.batch(1, 1_200_000_000n)?.rows).to.equal(20);
  });

  it("2,000 rates: the time of n rows is the shortest in which n rows exist, but for less than one gap", () => {
    const property = fc.property(
      fc.bigInt({ min: 1n, max: 10n ** 12n }),
      fc.constantFrom(1n, 10n, 1000n, 10n ** 9n),
      fc.integer({ min: 1, max: 100_000 }),
      (numerator, denominator, rows) => {
        const durationNs = timeOfRows({ numerator, denominator }, rows);
        // Row k arrives at k * denominator * 1e9 / numerator: rows - 1 before the end, and row `rows` not before it.
        expect(BigInt(rows - 1) * denominator * 10n ** 9n < durationNs * numerator).to.equal(true);
        expect(BigInt(rows) * denominator * 10n ** 9n > (durationNs - 1n) * numerator).to.equal(true);
      },
    );
    fc.assert(property, { numRuns: 2000 });
  });
});
