// The verdict on the generator, from figures made up one by one. What a real generator at its limit looks like: test/load.test.ts.

import { expect } from "chai";
import type { Share, Totals } from "../src/counters.js";
import { emptyHistogram } from "../src/latency.js";
import { limitsOf } from "../src/limits.js";

const S = 1e9;

interface Case {
  /** Milliseconds, each of 1,000 inserts. */
  readonly latencyMs: number;
  readonly latenessMs: number;
  readonly closedLoop: boolean;
  readonly generated: number;
  readonly dropped: number;
  /** Seconds that the sending took; the schedule took 10. */
  readonly tookS: number;
  readonly shares: readonly Partial<Share>[];
}

/** 1,000 rows a second for 10 s, all sent in time by a worker busy for 2 s. */
const WELL: Case = {
  latencyMs: 5,
  latenessMs: 1,
  closedLoop: false,
  generated: 10_000,
  dropped: 0,
  tookS: 10,
  shares: [{ busyNs: 2 * S, idleNs: 8 * S }],
};

function limits(changed: Partial<Case>): string[] {
  const { latencyMs, latenessMs, closedLoop, generated, dropped, tookS, shares } = { ...WELL, ...changed };
  const histogram = (ms: number) => {
    const made = emptyHistogram();
    made.recordValueWithCount(ms * 1000, 1000);
    return made;
  };
  const none = { busyNs: 0, idleNs: 0, renderingNs: 0, waitingNs: 0, delayedNs: 0 };
  return limitsOf({
    measured: {
      fromNs: 5 * S,
      toNs: tookS === 0 ? 5 * S : 15 * S,
      answered: (generated * 10) / tookS,
      errorRows: undefined,
      backlog: undefined,
      spanNs: 10 * S,
      share: 1,
      scheduled: 10_000,
      totals: {
        generated,
        dropped,
        acknowledged: generated,
        failed: 0,
        unknown: 0,
        serviceSumNs: 4 * S,
        heldSumNs: 0,
      } as Totals,
    },
    shares: shares.map((share) => ({ ...none, ...share })),
    places: 8,
    cpuTimes: shares.map(() => ({ ranNs: 0, waitedNs: 0, stoodNs: 0, throttledNs: undefined })),
    service: histogram(4),
    unheld: histogram(4),
    latency: closedLoop ? undefined : histogram(latencyMs),
    lateness: closedLoop ? undefined : histogram(latenessMs),
  });
}

describe("limits", () => {
  const well: readonly (readonly [name: string, changed: Partial<Case>])[] = [
    ["a rate kept by a worker that is idle most of the time", {}],
    ["a rate kept by a worker busy 95% of the time", { shares: [{ busyNs: 9.5 * S, idleNs: 0.5 * S }] }],
    [
      "a rate missed as the server left no place for 9 s",
      { tookS: 20, shares: [{ busyNs: 1 * S, idleNs: 19 * S, waitingNs: 9 * S, delayedNs: 0.5 * S }] },
    ],
    [
      "a closed loop with a worker busy 40% of the time",
      { closedLoop: true, shares: [{ busyNs: 4 * S, idleNs: 6 * S }] },
    ],
    [
      "batches 12 ms late by themselves for 5% of the time, when the server takes 400 ms for each",
      { latencyMs: 400, latenessMs: 12, shares: [{ busyNs: 2 * S, idleNs: 8 * S, delayedNs: 0.5 * S }] },
    ],
    ["a hiccup of 90 ms in 10 s", { latenessMs: 4, shares: [{ busyNs: 2 * S, idleNs: 8 * S, delayedNs: 0.09 * S }] }],
  ];
  for (const [name, changed] of well)
    it(`the generator is not the limit: ${name}`, () => expect(limits(changed)).to.deep.equal([]));

  const limited: readonly (readonly [name: string, changed: Partial<Case>, says: string])[] = [
    [
      "a closed loop with a worker busy 97% of the time, another 50%",
      {
        closedLoop: true,
        shares: [
          { busyNs: 5 * S, idleNs: 5 * S },
          { busyNs: 9.7 * S, idleNs: 0.3 * S },
        ],
      },
      "a worker's event loop was busy 97% of the time",
    ],
    [
      "a closed loop with an idle event loop that waits 95% of the time for batches to be rendered and compressed",
      { closedLoop: true, shares: [{ busyNs: 2 * S, idleNs: 8 * S, renderingNs: 9.5 * S }] },
      "a worker was rendering and compressing for 95% of the time",
    ],
    [
      "10 s of rows sent in 12 s by a worker that was always busy, even if there was no place at times",
      { tookS: 12, shares: [{ busyNs: 11.5 * S, idleNs: 0.5 * S, waitingNs: 3 * S, delayedNs: 2 * S }] },
      "a worker's event loop was busy 95.8% of the time",
    ],
    [
      "10 s of rows sent in 12 s, 4 s of them late with places free",
      { tookS: 12, shares: [{ busyNs: 6 * S, idleNs: 6 * S, waitingNs: 1 * S, delayedNs: 3 * S }] },
      "batches were due and not sent for 25% of the time though there was room",
    ],
    [
      "2% of the rows dropped for being late, with places free",
      { generated: 9800, dropped: 200, shares: [{ busyNs: 6 * S, idleNs: 4 * S, delayedNs: 3 * S }] },
      "batches were due and not sent for 30% of the time",
    ],
    [
      "batches late by themselves for 5% of the time, and lateness is 80 of the 100 ms of latency",
      { latencyMs: 100, latenessMs: 80, shares: [{ busyNs: 2 * S, idleNs: 8 * S, delayedNs: 0.5 * S }] },
      "their latency is the generator's own",
    ],
  ];
  for (const [name, changed, says] of limited) {
    it(`the generator is the limit: ${name}`, () => {
      const [sentence, ...others] = limits(changed);
      expect(others).to.deep.equal([]);
      expect(sentence).to.contain(says);
    });
  }

  it("nothing is said of a run that ended in its warm-up", () => {
    expect(limits({ tookS: 0, shares: [{ busyNs: 9.9 * S, idleNs: 0.1 * S }], closedLoop: true })).to.deep.equal([]);
  });
});
