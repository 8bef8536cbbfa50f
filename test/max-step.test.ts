// src/max/step.ts: a hold for real, where what watches it fails in a way nobody foresaw.

import { PassThrough } from "node:stream";
import type { WriteStream } from "node:tty";
import { expect } from "chai";
import type { PartsWatch } from "../src/max/parts.js";
import { hold } from "../src/max/step.js";
import { resolveRun } from "../src/options.js";
import { makePlan } from "../src/plan.js";
import { blindTarget } from "../src/target.js";
import { perInsert, QueueServer, queue } from "./support/queue.js";

describe("max: a hold", function () {
  this.timeout(60_000);

  it("whose questions about parts break ends its load at once and tells why", async () => {
    const server = await QueueServer.open(queue(8, perInsert(1)));
    try {
      const flags = { blind: "true", "no-traces": "true", workers: "1", "clickhouse-url": server.url };
      const options = resolveRun({ ...flags, rate: "1000", duration: "40s", "batch-rows": "10", warmup: "0" }, {});
      const plan = makePlan(options, blindTarget(options), options.endpoints, "0");
      const watch = { ask: () => Promise.reject(new TypeError("no such column")) } as unknown as PartsWatch;
      const demands = { rowsPerSecond: 1000, precision: 0.05, p99Ms: undefined, lengthNs: 20e9 };
      const err = new PassThrough().resume() as unknown as WriteStream;
      const startedMs = performance.now();
      const outcome = await hold(plan, demands, watch, err, new AbortController().signal).catch(
        (error: unknown) => error,
      );
      expect(outcome).to.be.instanceOf(TypeError).with.property("message", "no such column");
      // Nothing is sent any more, long before the hold's 20 s.
      expect(performance.now() - startedMs).to.be.below(15_000);
      const { length } = server.acknowledged;
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(server.acknowledged.length).to.equal(length);
    } finally {
      await server.close();
    }
  });

  it("too short for inserts of 1.5 s goes on for four lengths of 300 ms, fails and asks for a longer --step", async () => {
    const server = await QueueServer.open(queue(80, perInsert(1500)));
    try {
      const flags = { blind: "true", "no-traces": "true", workers: "1", "clickhouse-url": server.url };
      const options = resolveRun({ ...flags, rate: "100", duration: "1200ms", "batch-rows": "10", warmup: "0" }, {});
      const plan = makePlan(options, blindTarget(options), options.endpoints, "0");
      const demands = { rowsPerSecond: 100, precision: 0.05, p99Ms: undefined, lengthNs: 300e6 };
      const err = new PassThrough().resume() as unknown as WriteStream;
      const held = await hold(plan, demands, undefined, err, new AbortController().signal);
      // The first is due after 100 ms: none is answered within the hold, and the first row has waited for all of it.
      expect(held?.reasons).to.deep.equal(["an insert takes 1.2 s, too long for holds of 300 ms: a longer --step"]);
      expect([held?.heldNs, held?.stand?.takes]).to.deep.equal([1200e6, undefined]);
    } finally {
      await server.close();
    }
  });
});
