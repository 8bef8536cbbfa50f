// When --abort-below ends a run: a table of seconds, on virtual time.

import { expect } from "chai";
import { Abort } from "../src/abort.js";

/** The first second, counted from 1, at which a run at 1,000 rows/s is ended; `missing`: rows that are missing after each. */
function endedAt(missing: (second: number) => number, below = 0.95): number | undefined {
  const abort = new Abort(below);
  for (let second = 1; second <= 120; second++) {
    if (abort.take({ due: second * 1000, missing: missing(second) }) !== undefined) return second;
  }
  return undefined;
}

describe("abort below a share of the rate", () => {
  const cases: readonly (readonly [name: string, missing: (second: number) => number, ended: number | undefined])[] = [
    ["nothing is ever missing: never", () => 0, undefined],
    ["4% are missing all the time: never", (second) => second * 40, undefined],
    ["6% are missing from the start: after ten shares of ten seconds, at 19 s", (second) => second * 60, 19],
    ["all is missing: at 19 s", (second) => second * 1000, 19],
    [
      "a server refuses nothing and answers 60% of what is due, the rest piles up in it: at 19 s",
      (second) => second * 1000 - second * 600,
      19,
    ],
    [
      "3 s of answers are always on their way: the first three shares are low, never ten",
      (second) => Math.min(second, 3) * 1000,
      undefined,
    ],
    ["a backlog of 5,000 rows that stays as it is: never", (second) => Math.min(second, 5) * 1000, undefined],
    [
      "a stall of 2 s at 30 s, caught up within 3 s: never",
      (second) => (second > 30 && second <= 35 ? 2000 : 0),
      undefined,
    ],
    [
      "10% are missing from 60 s on: the share is below at 66 s, and ten in a row at 75 s",
      (second) => Math.max(0, second - 60) * 100,
      75,
    ],
  ];
  for (const [name, missing, ended] of cases) it(name, () => expect(endedAt(missing)).to.equal(ended));

  it("at 50% a run of which 60% is answered goes on, one of which 40% is answered is ended at 19 s", () => {
    expect([endedAt((second) => second * 400, 0.5), endedAt((second) => second * 600, 0.5)]).to.deep.equal([
      undefined,
      19,
    ]);
  });

  it("says which share it was: 88% of the last 10 s", () => {
    const abort = new Abort(0.95);
    let why: string | undefined;
    for (let second = 1; why === undefined; second++) why = abort.take({ due: second * 500, missing: second * 60 });
    expect(why).to.equal(
      "stopped by --abort-below 95%: over the last 10 s 88% of the rows that were due were acknowledged",
    );
  });
});
