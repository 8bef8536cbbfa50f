// The clock on real time: never early. How late is a benchmark, not a test.

import { expect } from "chai";
import { Clock } from "../src/clock.js";

describe("clock", () => {
  it("200 waits of 0 to 5 ms each end at or after their time", async () => {
    const clock = new Clock(process.hrtime.bigint());
    const early: number[] = [];
    for (let wait = 0; wait < 200; wait++) {
      const dueNs = clock.now() + ((wait * 7919) % 5_000_000);
      await clock.until(dueNs);
      const leftNs = dueNs - clock.now();
      if (leftNs > 0) early.push(leftNs);
    }
    expect(early).to.deep.equal([]);
  });

  it("a wait for a time that is over does not wait for a timer", async () => {
    const clock = new Clock(process.hrtime.bigint());
    let timers = 0;
    const timer = setImmediate(() => timers++);
    await clock.until(clock.now() - 1);
    expect(timers).to.equal(0);
    clearImmediate(timer);
  });

  it("a wait of an hour ends when it is woken", async () => {
    const clock = new Clock(process.hrtime.bigint());
    setTimeout(() => clock.wake(), 5);
    await clock.until(3_600e9);
    expect(clock.now()).to.be.below(3_600e9);
  });

  it("now counts from the start it was given: 2 s ago is 2,000,000,000 ns and what the call took", () => {
    const before = process.hrtime.bigint();
    const now = BigInt(new Clock(before - 2_000_000_000n).now());
    const after = process.hrtime.bigint();
    expect(now >= 2_000_000_000n && now <= 2_000_000_000n + after - before).to.equal(true);
  });
});
