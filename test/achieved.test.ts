// What a run says it achieved, against servers whose capacity is known, on virtual time: the worker's own loop, with every answer
// at a time that follows from a queue of a few lines. A server that takes C inserts a second has taken C times the window.

import { expect } from "chai";
import { judge } from "../src/report/judge.js";
import { percent } from "../src/text.js";
import { runVirtually, type Service } from "./support/virtual.js";

/** One after the other, each for so long. */
function oneQueue(serviceMs: () => number): Service {
  let freeMs = 0;
  return (sentMs) => {
    freeMs = Math.max(freeMs, sentMs) + serviceMs();
    return freeMs;
  };
}

/** So many at once, each for so long. */
function parallel(places: number, serviceMs: number): Service {
  const freeMs = Array.from({ length: places }, () => 0);
  return (sentMs) => {
    const place = freeMs.indexOf(Math.min(...freeMs));
    const overMs = Math.max(freeMs[place] ?? 0, sentMs) + serviceMs;
    freeMs[place] = overMs;
    return overMs;
  };
}

/** The same numbers below 1 each time (mulberry32). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Case {
  readonly perS: number;
  readonly inFlight: number;
  readonly seconds: number;
  readonly warmupS?: number;
}

/** Inserts of one row. */
async function achieved(offered: number | "max", { inFlight, seconds, warmupS = 0 }: Case, service: Service) {
  const { report } = await runVirtually(
    {
      rate: String(offered),
      duration: `${seconds}s`,
      "batch-rows": "1",
      "flush-interval": "10s",
      "in-flight": String(inFlight),
      workers: String(Math.min(2, inFlight)),
      drain: "1h",
      ...(warmupS > 0 && { warmup: `${warmupS}s` }),
    },
    service,
  );
  return report;
}

const near = (found: number, truth: number, share = 0.03): void => {
  expect(found, `${found} for ${truth}`).to.be.within(truth * (1 - share), truth * (1 + share));
};

describe("achieved, of servers of known capacity", () => {
  const rates: readonly (readonly [perS: number, seconds: number])[] = [
    [4, 30],
    [20, 10],
    [200, 5],
    [2000, 2],
  ];
  for (const [perS, seconds] of rates) {
    for (const inFlight of [1, 8, 80]) {
      const one = { perS, inFlight, seconds };
      const half = Math.max(1, Math.floor(inFlight / 2));
      it(`${perS} a second, ${inFlight} in flight: half as much more offered to one queue, to ${half} places, in a closed loop`, async () => {
        near(
          (
            await achieved(
              perS * 1.5,
              one,
              oneQueue(() => 1000 / perS),
            )
          ).achieved_rows_per_s,
          perS,
        );
        near(
          (
            await achieved(
              "max",
              one,
              oneQueue(() => 1000 / perS),
            )
          ).achieved_rows_per_s,
          perS,
        );
        const long = { ...one, seconds: Math.max(seconds, (20 * half) / perS) };
        const places = parallel(half, (1000 * half) / perS);
        near((await achieved(perS * 1.5, long, places)).achieved_rows_per_s, perS);
        near((await achieved("max", long, parallel(half, (1000 * half) / perS))).achieved_rows_per_s, perS);
      });

      it(`${perS} a second, ${inFlight} in flight: a tenth less offered is achieved to the row`, async () => {
        const { measured, achieved_rows_per_s: found } = await achieved(
          perS * 0.9,
          one,
          oneQueue(() => 1000 / perS),
        );
        expect([found, measured.backlog]).to.deep.equal([perS * 0.9, null]);
      });
    }
  }

  it("5% and 20% more offered than it takes, and three times as much, with service times at random: within 3%", async () => {
    const chance = random(3);
    for (const more of [1.05, 1.2, 3]) {
      for (const mean of [() => 10, () => -10 * Math.log(1 - chance())]) {
        near(
          (await achieved(100 * more, { perS: 100, inFlight: 8, seconds: 60 }, oneQueue(mean))).achieved_rows_per_s,
          100,
        );
      }
    }
  });

  it("a server that gets slower, from 5 to 15 ms an insert: the inserts that it answered in the 20 s", async () => {
    const times: number[] = [];
    let freeMs = 0;
    const report = await achieved(150, { perS: 100, inFlight: 8, seconds: 20 }, (sentMs) => {
      const beganMs = Math.max(freeMs, sentMs);
      freeMs = beganMs + 5 + (10 * Math.min(beganMs, 20_000)) / 20_000;
      times.push(freeMs);
      return freeMs;
    });
    near(report.achieved_rows_per_s, times.filter((ms) => ms <= 20_000).length / 20, 0.01);
  });

  it("20 inserts offered, 15 taken, 64 in flight, 100 s: 15 a second, and 500 rows that took 33.3 s more", async () => {
    const report = await achieved(
      20,
      { perS: 15, inFlight: 64, seconds: 100 },
      oneQueue(() => 1000 / 15),
    );
    near(report.achieved_rows_per_s, 15, 0.01);
    expect(report.measured.backlog?.rows).to.be.within(500, 502);
    expect(report.measured.backlog?.seconds).to.be.closeTo(500 / 15, 0.2);
    expect(report.rows.acknowledged).to.equal(2000);
  });

  it("after a warm-up that filled the server: 15 a second", async () => {
    near(
      (
        await achieved(
          20,
          { perS: 15, inFlight: 64, seconds: 40, warmupS: 20 },
          oneQueue(() => 1000 / 15),
        )
      ).achieved_rows_per_s,
      15,
      0.01,
    );
  });

  it("a server whose answers take 300 ms of 10 s, at random, and which keeps up: within 1%, with a warm-up and without", async () => {
    const chance = random(7);
    const slow: Service = (sentMs) => sentMs - 300 * Math.log(1 - chance());
    for (const warmupS of [0, 3]) {
      const { achieved_rows_per_s: found } = await achieved(
        50,
        { perS: 50, inFlight: 1000, seconds: 10, warmupS },
        slow,
      );
      near(found, 50, 0.01);
    }
  });

  it("a server that stops for the last tenth of 20 s: 90% of the rate", async () => {
    const report = await achieved(100, { perS: 100, inFlight: 1000, seconds: 20 }, (sentMs) =>
      sentMs < 18_000 ? sentMs + 5 : 25_000,
    );
    near(report.achieved_rows_per_s, 90, 0.01);
    expect(report.measured.backlog).to.deep.equal({ rows: 200, seconds: 5 });
  });

  it("a closed loop whose inserts are long against the window, 2.9 s of 10 s, four at once: 4 / 2.9 a second", async () => {
    near(
      (await achieved("max", { perS: 1, inFlight: 4, seconds: 10 }, (sentMs) => sentMs + 2900)).achieved_rows_per_s,
      4 / 2.9,
      0.001,
    );
  });

  it("a warm-up three times as long as the window hides nothing: 96.5 of 100 a second are 96.5", async () => {
    const short = { perS: 100, inFlight: 1000, seconds: 20, warmupS: 60 };
    const report = await achieved(
      100,
      short,
      oneQueue(() => 1000 / 96.5),
    );
    near(report.achieved_rows_per_s, 96.5, 0.01);
    expect(report.measured.backlog?.rows).to.be.greaterThan(200);
  });

  it("a burst that is never worked off is a backlog: 50 a second taken, after 500 rows in the first half second", async () => {
    const { report } = await runVirtually(
      {
        stage: ["0s:1000", "500ms:1000", "0s:50", "29500ms:50"],
        "batch-rows": "1",
        "flush-interval": "10s",
        "in-flight": "2000",
        workers: "1",
        drain: "1h",
      },
      oneQueue(() => 20),
    );
    near(report.achieved_rows_per_s, 50, 0.01);
    expect(report.measured.backlog?.rows).to.be.within(470, 480);
    expect(report.measured.backlog?.seconds).to.be.closeTo(475 / 50, 0.2);
  });

  it("of ten inserts, and a server that takes 46 of 50, what cannot be told is said: right to some percent, not judged", async () => {
    const { report } = await runVirtually(
      { rate: "50", duration: "5s", "batch-rows": "50", "in-flight": "8", workers: "1", drain: "1h" },
      oneQueue(() => 50_000 / 46),
    );
    const { measured, achieved_rows_per_s: found } = report;
    const error = (measured.error_rows ?? 0) / 5;
    expect(found - error).to.be.at.most(46.5);
    expect(judge(["achieved_rate>=99%"], report)).to.deep.include({
      expression: "achieved_rate>=99%",
      value: found / 50,
      passed: found === 50,
      unjudged: found === 50 ? `achieved is right to ${percent(error / found)} only` : null,
    });
  });
});
