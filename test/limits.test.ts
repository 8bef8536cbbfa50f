// The verdict on the generator, from figures made up one by one. What a real generator at its limit looks like: test/load.test.ts.

import { expect } from "chai";
import type { Share, Totals } from "../src/counters.js";
import { emptyHistogram } from "../src/latency.js";
import { evidenceOf, limitsOf, verdictOf } from "../src/limits.js";
import { leavingOf, networkLimitsOf } from "../src/network.js";
import { LIMITED, STARVED } from "./support/recorded-runs.js";

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

describe("limits of recorded runs", () => {
  it("of 30 whose generator was starved at most one is called fine, of 30 whose server was the limit at most one starved", () => {
    expect([STARVED.length, LIMITED.length]).to.deep.equal([30, 30]);
    const fine = STARVED.filter(([, evidence]) => verdictOf(evidence).length === 0).map(([name]) => name);
    const called = LIMITED.filter(([, evidence]) => verdictOf(evidence).length > 0).map(([name]) => name);
    expect(fine.length, fine.join("; ")).to.be.at.most(1);
    expect(called.length, called.join("; ")).to.be.at.most(1);
  });

  const causes: readonly (readonly [run: RegExp, says: RegExp])[] = [
    [/^3 beside it, closed/, /a worker waited for a CPU for \d.*% of the time, and ran for \d/],
    [/^stopped 900 of 1500 ms, 200/, /process or machine stood still for \d.*% of the time/],
    [/^10 ms of CPU in 100, 200/, /the CPU limit of its control group held it still: for \d+\.\d s/],
    [/^gzip, 3 M rows/, /a worker was rendering and compressing for 9\d.*%/],
  ];
  for (const [run, says] of causes) {
    it(`it says why: ${says.source}`, () => {
      const [, found] = STARVED.find(([name]) => run.test(name)) ?? [];
      expect(found && verdictOf(found).join("; ")).to.match(says);
    });
  }

  it("where the system does not say how long threads waited, a verdict says that, and none is made of it alone", () => {
    const [, run] = STARVED.find(([name]) => name === "stopped 900 of 1500 ms, 200/s") ?? [];
    if (run === undefined) throw new Error("there is no such run");
    const silent = {
      ...run,
      workers: run.workers.map((worker) => ({ ...worker, ranNs: undefined, waitedNs: undefined })),
    };
    expect(verdictOf(silent).at(-1)).to.equal("how long its threads waited for a CPU this system does not say");
    const fine = { ...silent, late: undefined, heldMeanNs: 0, quantile: undefined };
    expect(verdictOf(fine)).to.deep.equal([]);
  });
});

describe("limits of runs in which nothing was acknowledged", () => {
  const none = { serviceSumNs: 0, heldSumNs: 0, acknowledged: 0, failed: 0, unknown: 0, dropped: 0, generated: 0 };
  const empty = emptyHistogram();
  const limitsWith = (totals: Partial<Totals>, share: Partial<Share>, closedLoop = false): string[] =>
    limitsOf({
      measured: {
        fromNs: 0,
        toNs: 10 * S,
        answered: 0,
        errorRows: undefined,
        backlog: undefined,
        spanNs: 10 * S,
        share: 1,
        scheduled: 10_000,
        totals: { ...none, ...totals } as Totals,
      },
      shares: [{ busyNs: S, idleNs: 9 * S, renderingNs: 0, waitingNs: 0, delayedNs: 0, ...share }],
      cpuTimes: [{ ranNs: S, waitedNs: 0, stoodNs: 0, throttledNs: undefined }],
      places: 8,
      latency: closedLoop ? undefined : empty,
      lateness: closedLoop ? undefined : empty,
      service: empty,
      unheld: empty,
    });
  const cases: readonly (readonly [name: string, limited: boolean, ...Parameters<typeof limitsWith>])[] = [
    ["nobody listens, and batches wait for that", false, { generated: 10_000, failed: 10_000 }, { delayedNs: 5 * S }],
    [
      "everything is refused at once, in a closed loop",
      false,
      { generated: 10_000, failed: 10_000 },
      { busyNs: 20 * S },
      true,
    ],
    ["no answer to anything", false, { generated: 800, unknown: 800 }, { waitingNs: 9 * S }],
    ["nobody listens, and the rest is dropped", false, { failed: 100, dropped: 9900 }, { delayedNs: 9 * S }],
    ["nothing was due", false, {}, {}],
    ["all was dropped before anything was sent, with places free", true, { dropped: 10_000 }, { delayedNs: 9 * S }],
  ];
  for (const [name, limited, ...rest] of cases) {
    it(`${limited ? "the generator was the limit" : "nothing is said"}: ${name}`, () =>
      expect(limitsWith(...rest).length > 0).to.equal(limited));
  }

  it("of an empty window there is no evidence", () => {
    const measured = { fromNs: S, toNs: S, totals: none } as never;
    expect(
      evidenceOf({
        measured,
        shares: [],
        cpuTimes: [],
        places: 0,
        latency: empty,
        lateness: empty,
        service: empty,
        unheld: empty,
      }),
    ).to.equal(undefined);
  });
});

describe("was it the network", () => {
  /** 100 inserts of 1 MB in 10 s, which took 400 ms each. */
  const books = (
    seen: readonly [arrived: number, underWay: number, stuck: number],
    sendingMs = 0,
    serviceMs = 400,
  ) => ({
    measured: {
      fromNs: 0,
      toNs: 10 * S,
      spanNs: 10 * S,
      totals: {
        inserts: { acknowledged: 100, failed: 0, unknown: 0 },
        bytes: { rendered: 0, sent: 100_000_000 },
        serviceSumNs: (100 * serviceMs * S) / 1000,
        sendingSumNs: (100 * sendingMs * S) / 1000,
        lastAnswerNs: 10 * S,
      },
    } as never,
    seen: { arrived: seen[0], under_way: seen[1], stuck: seen[2] },
  });

  it("80 of 100 looks see bytes under way: the network, 320 of the 400 ms, at 10 MB/s", () => {
    expect(networkLimitsOf(books([20, 80, 0]), [])).to.deep.equal([
      "the network was the limit: bodies took 80% of the service time to leave, 320 ms each, at 10 MB/s",
    ]);
  });
  it("70 of 100 see no room at the other end: the network, or who reads slowly", () => {
    const [sentence, ...others] = networkLimitsOf(books([20, 10, 70]), []);
    expect(others).to.deep.equal([]);
    expect(sentence).to.contain("the network was the limit, or a server or proxy that reads slowly: bodies took 80%");
  });
  it("the system took 300 ms to take bodies, and does not say what arrived: the same", () => {
    expect(networkLimitsOf(books([0, 0, 0], 300), [])[0]).to.contain(
      "or a server or proxy that reads slowly: bodies took 75%",
    );
  });
  it("nothing is said of the network where the generator was the limit: it may have been late to see that bodies had left", () => {
    const busy = verdictOf({
      windowNs: 10 * S,
      missing: undefined,
      dropped: 0,
      workers: [
        {
          busyNs: 9.9 * S,
          idleNs: 0.1 * S,
          renderingNs: 0,
          waitingNs: 0,
          delayedNs: 0,
          ranNs: 9.9 * S,
          waitedNs: 0,
          stoodNs: 0,
          throttledNs: undefined,
        },
      ],
      late: undefined,
      filled: 1,
      serviceMeanNs: 0.4 * S,
      heldMeanNs: 0,
      quantile: undefined,
    });
    expect(busy).to.have.length(1);
    expect(networkLimitsOf(books([0, 0, 0], 300), busy)).to.deep.equal([]);
    expect(networkLimitsOf(books([20, 80, 0]), busy)).to.deep.equal([]);
  });
  it("not the network: bodies that have arrived, too few looks, or 5 ms of 6", () => {
    for (const fine of [books([80, 20, 0]), books([1, 8, 0]), books([20, 80, 0], 0, 6)]) {
      expect(networkLimitsOf(fine, [])).to.deep.equal([]);
    }
    expect(leavingOf(books([1, 8, 0])).unarrived).to.equal(undefined);
  });
});
