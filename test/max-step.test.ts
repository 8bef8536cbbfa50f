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
});
