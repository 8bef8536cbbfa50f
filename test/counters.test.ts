// The counters: sums against arithmetic, and against a model of a run whose every event is known. Real threads for what
// threads do.

import { Worker } from "node:worker_threads";
import { expect } from "chai";
import fc from "fast-check";
import { ACKNOWLEDGED, type Code, type Outcome, REASONS, type Reason, TRANSPORT_CODES } from "../src/answer.js";
import { Counters, type CountersShape } from "../src/counters.js";

const MS = 1_000_000;
const failed = (reason: Reason, code: Code): Outcome => ({ kind: "failed", reason, code, sentence: "no" });
const unknown = (code: Code): Outcome => ({ kind: "unknown", code, sentence: "who knows" });

const of = (number: number, rows: number, measured = true) => ({ number, rows, measured });

/** One insert from its start to its end, in slot 0. */
function insert(counters: Counters, worker: number, endpoint: number, rows: number, outcome: Outcome, batch = 0): void {
  counters.worker(worker).generated(of(batch, rows), rows * 100);
  counters.worker(worker).sent(endpoint, of(batch, rows), rows * 100, undefined, 0);
  counters.worker(worker).answered(endpoint, of(batch, rows), outcome);
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

/** Runs a function's text in `threads` threads, with the counters' module, their buffer and shape, and the thread's number. */
async function inThreads(counters: Counters, threads: number, body: string): Promise<unknown[]> {
  const module = JSON.stringify(new URL("../src/counters.js", import.meta.url).href);
  return Promise.all(
    Array.from({ length: threads }, (_, number) => {
      const worker = new Worker(
        `const { parentPort, workerData: { buffer, shape, number } } = require("node:worker_threads");
         import(${module}).then(({ Counters }) => { const counters = new Counters(buffer, shape); ${body} });`,
        { eval: true, workerData: { buffer: counters.buffer, shape: counters.shape, number } },
      );
      return new Promise((resolve, reject) => {
        worker.on("message", resolve);
        worker.on("error", reject);
        worker.on("exit", () => reject(new Error("ended without a word")));
      });
    }),
  );
}

describe("counters", () => {
  const shape: CountersShape = { workers: 2, endpoints: 3, phases: 1 };

  it("1, 20, 300 … rows of two workers to three endpoints are 654,321 rows in 6 inserts", () => {
    const counters = Counters.allocate(shape);
    for (const [index, rows] of [1, 20, 300, 4000, 50_000, 600_000].entries()) {
      insert(counters, index % 2, index % 3, rows, ACKNOWLEDGED);
    }
    const { generated, acknowledged, failed, unknown, inserts, bytes, inFlight, errors } = counters.totals(0);
    expect([generated, acknowledged, failed, unknown, inFlight]).to.deep.equal([654_321, 654_321, 0, 0, 0]);
    expect(inserts).to.deep.equal({ acknowledged: 6, failed: 0, unknown: 0 });
    expect(bytes).to.deep.equal({ rendered: 65_432_100, sent: 65_432_100 });
    expect(errors).to.deep.equal([]);
  });

  it("each endpoint's cells hold its own rows: 10 of the first, 0 of the second, 40 of the third", () => {
    const counters = Counters.allocate(shape);
    insert(counters, 0, 0, 10, ACKNOWLEDGED);
    insert(counters, 1, 2, 40, ACKNOWLEDGED);
    expect(counters.endpoints().map(({ acknowledged }) => acknowledged)).to.deep.equal([10, 0, 40]);
  });

  it("failed rows are counted by reason: busy 1, refused 20, read_only 300, unreachable 4,000, generator 50,000", () => {
    const counters = Counters.allocate(shape);
    const rows = [1, 20, 300, 4000, 50_000];
    expect(REASONS).to.deep.equal(["busy", "refused", "read_only", "unreachable", "generator"]);
    for (const [index, reason] of REASONS.entries())
      insert(counters, index % 2, index % 3, rows[index] ?? 0, failed(reason, 60));
    const { failed: all, failedBy, inserts, generated } = counters.totals(0);
    expect(failedBy).to.deep.equal({ busy: 1, refused: 20, read_only: 300, unreachable: 4000, generator: 50_000 });
    expect([all, generated, inserts.failed]).to.deep.equal([54_321, 54_321, 5]);
  });

  it("errors are counted by code, over workers and endpoints: 252 twice, timeout once", () => {
    const counters = Counters.allocate(shape);
    insert(counters, 0, 0, 5, failed("busy", 252));
    insert(counters, 1, 2, 7, failed("busy", 252));
    insert(counters, 1, 1, 11, unknown("timeout"));
    expect(counters.totals(0).errors).to.deep.equal([
      { code: 252, inserts: 2, rows: 12, retried: 0 },
      { code: "timeout", inserts: 1, rows: 11, retried: 0 },
    ]);
  });

  it("1199 is the last exception number with a cell of its own; 1200, 999,999 and what nobody knows are other", () => {
    const counters = Counters.allocate(shape);
    for (const code of [1, 1199, 1200, 999_999, "other"] as const) insert(counters, 0, 0, 1, unknown(code));
    expect(counters.totals(0).errors).to.deep.equal([
      { code: 1, inserts: 1, rows: 1, retried: 0 },
      { code: 1199, inserts: 1, rows: 1, retried: 0 },
      { code: "other", inserts: 3, rows: 3, retried: 0 },
    ]);
  });

  it(`each of the ${TRANSPORT_CODES.length} transport codes is told apart`, () => {
    const counters = Counters.allocate(shape);
    for (const [index, code] of TRANSPORT_CODES.entries()) insert(counters, 0, 0, index + 1, unknown(code));
    expect(counters.totals(0).errors).to.deep.equal(
      TRANSPORT_CODES.map((code, index) => ({ code, inserts: 1, rows: index + 1, retried: 0 })),
    );
  });

  it("an insert that took three attempts at two endpoints is one insert, two retries, and errors of its three attempts by code", () => {
    const counters = Counters.allocate(shape);
    const worker = counters.worker(1);
    const batch = of(7, 50);
    worker.generated(batch, 500);
    worker.sent(0, batch, 500, undefined, 1);
    worker.retried(0, batch, 252);
    worker.sent(2, batch, 500, undefined, 2);
    worker.retried(2, batch, "connection_reset");
    worker.leftOut(2);
    worker.sent(0, batch, 500, undefined, 3);
    worker.answered(0, batch, unknown(252));
    const { generated, unknown: rows, inserts, retries, bytes, errors } = counters.totals(0);
    expect([generated, rows, inserts.unknown, retries]).to.deep.equal([50, 50, 1, 2]);
    expect(bytes).to.deep.equal({ rendered: 500, sent: 1500 });
    expect(errors).to.deep.equal([
      { code: 252, inserts: 1, rows: 50, retried: 1 },
      { code: "connection_reset", inserts: 0, rows: 0, retried: 1 },
    ]);
    const none = { acknowledged: 0, failed: 0, unknown: 0 };
    expect(counters.endpoints()).to.deep.equal([
      { inserts: { ...none, unknown: 1 }, acknowledged: 0, retried: 1, sentBytes: 1000, leftOut: 0 },
      { inserts: none, acknowledged: 0, retried: 0, sentBytes: 0, leftOut: 0 },
      { inserts: none, acknowledged: 0, retried: 1, sentBytes: 500, leftOut: 1 },
    ]);
  });

  it("failures in a row are counted over all workers, and begin anew with an insert that is acknowledged", async () => {
    const counters = Counters.allocate(shape);
    await inThreads(
      counters,
      4,
      "for (let n = 0; n < 1000; n++) counters.oneMoreFailing(); parentPort.postMessage(0);",
    );
    expect(counters.oneMoreFailing()).to.equal(4001);
    counters.noneFailing();
    expect(counters.oneMoreFailing()).to.equal(1);
  });

  it("the lag is that of the most belated worker: 30 ms of 10 and 30; 0 before anything is due, and when all is sent", () => {
    const counters = Counters.allocate(shape);
    expect(counters.totals(100 * MS).lagNs).to.equal(0);
    counters.worker(0).nextDue(90 * MS);
    counters.worker(1).nextDue(70 * MS);
    expect(counters.totals(100 * MS).lagNs).to.equal(30 * MS);
    expect(counters.totals(60 * MS).lagNs).to.equal(0);
    for (const worker of counters.workers) worker.nextDue(Number.POSITIVE_INFINITY);
    expect(counters.totals(100 * MS).lagNs).to.equal(0);
  });

  it("the largest lag is kept, and the last answer of any worker", () => {
    const counters = Counters.allocate(shape);
    for (const lagMs of [3, 8, 5]) counters.worker(1).sent(0, of(0, 1), 1, 0, lagMs * MS);
    counters.worker(0).sent(2, of(0, 1), 1, 0, 4 * MS);
    counters.worker(0).timed(of(0, 1), { dueNs: 0, answeredNs: 20 * MS, serviceNs: 20 * MS });
    counters.worker(1).timed(of(0, 1), { dueNs: 0, answeredNs: 15 * MS, serviceNs: 15 * MS });
    const { maxLagNs, lastAnswerNs } = counters.totals(0);
    expect([maxLagNs, lastAnswerNs]).to.deep.equal([8 * MS, 20 * MS]);
  });

  it("times are summed exactly, and counted over both workers: latency 30 + 50 ms, service 20 + 45 + 7 ms", () => {
    const counters = Counters.allocate(shape);
    counters.worker(0).timed(of(0, 1), { dueNs: 0, answeredNs: 30 * MS, serviceNs: 30 * MS - 10 * MS });
    counters.worker(1).timed(of(0, 1), { dueNs: 100 * MS, answeredNs: 150 * MS, serviceNs: 150 * MS - 105 * MS });
    // A closed loop: no due time.
    counters.worker(1).timed(of(0, 1), { dueNs: undefined, answeredNs: 8 * MS, serviceNs: 8 * MS - 1 * MS });
    const { latencySumNs, serviceSumNs } = counters.totals(0);
    expect([latencySumNs, serviceSumNs]).to.deep.equal([80 * MS, 72 * MS]);
    expect([counters.histogram("latency").totalCount, counters.histogram("service").totalCount]).to.deep.equal([2, 3]);
    expect(
      [counters.histogram("latency").maxValue, counters.histogram("service").maxValue].map((us) =>
        Math.floor(us / 1000),
      ),
    ).to.deep.equal([50, 45]);
  });

  it("a warm-up's rows, times and errors are in the whole and not in what is measured: 10 + 300 of 5 + 70 ms", () => {
    const counters = Counters.allocate({ ...shape, phases: 2 });
    for (const [measured, rows, ms] of [
      [false, 10, 5],
      [true, 300, 70],
    ] as const) {
      const worker = counters.worker(measured ? 1 : 0);
      worker.generated(of(0, rows, measured), 1);
      worker.sent(0, of(0, rows, measured), 1, 0, 2 * ms * MS);
      worker.answered(0, of(0, rows, measured), measured ? ACKNOWLEDGED : unknown("timeout"));
      worker.timed(of(0, rows, measured), {
        dueNs: 0,
        answeredNs: 3 * ms * MS,
        serviceNs: 3 * ms * MS - 2 * ms * MS,
      });
      worker.dropped(of(0, 7 * rows, measured));
    }
    const [whole, measured] = [counters.totals(0), counters.totals(0, "measured")];
    const figures = ({
      generated,
      unknown: lost,
      dropped,
      serviceSumNs,
      latencySumNs,
      maxLagNs,
      errors,
    }: typeof whole) => [generated, lost, dropped, serviceSumNs / MS, latencySumNs / MS, maxLagNs / MS, errors.length];
    expect(figures(whole)).to.deep.equal([310, 10, 2170, 75, 225, 140, 1]);
    expect(figures(measured)).to.deep.equal([300, 0, 2100, 70, 210, 140, 0]);
    const counts = (part: "whole" | "measured") =>
      (["latency", "service", "lateness"] as const).map((name) => counters.histogram(name, part).totalCount);
    expect([counts("whole"), counts("measured")]).to.deep.equal([
      [2, 2, 2],
      [1, 1, 1],
    ]);
  });

  it("the end and the drain's end are seen by every thread: 5 s and 35 s", async () => {
    const counters = Counters.allocate(shape);
    counters.endNs = 5_000_000_000n;
    counters.drainedNs = 35_000_000_000n;
    const seen = await inThreads(counters, 2, "parentPort.postMessage([counters.endNs, counters.drainedNs]);");
    expect(seen).to.deep.equal(Array.from({ length: 2 }, () => [5_000_000_000n, 35_000_000_000n]));
  });

  it("four threads that claim 5,000 batches each get 0 to 19,999, every number once", async () => {
    const counters = Counters.allocate(shape);
    const claims = await inThreads(
      counters,
      4,
      "const own = []; while (own.length < 5000) own.push(counters.claim()); parentPort.postMessage(own);",
    );
    const numbers = (claims as number[][]).flat().sort((a, b) => a - b);
    expect(numbers).to.deep.equal(Array.from({ length: 20_000 }, (_, number) => number));
    expect(counters.claimed).to.equal(20_000);
  });

  it("two threads count 50,000 inserts each, and what they counted outlives them", async () => {
    const counters = Counters.allocate(shape);
    await inThreads(
      counters,
      2,
      `const own = counters.worker(number);
       for (let batch = 0; batch < 50_000; batch++) {
         const counted = { number: batch, rows: 10, measured: true };
         own.generated(counted, 1700);
         own.sent(batch % 3, counted, 1700, 0, batch);
         own.answered(batch % 3, counted, { kind: "acknowledged" });
         own.timed(counted, { dueNs: 0, answeredNs: 1e6, serviceNs: 1e6 });
       }
       own.generated({ rows: 3, measured: true }, 500);
       parentPort.postMessage("done");
       process.exit(1);`,
    );
    const { generated, acknowledged, inserts, inFlight, maxLagNs } = counters.totals(0);
    expect([generated, acknowledged, inserts.acknowledged]).to.deep.equal([1_000_006, 1_000_000, 100_000]);
    expect([inFlight, maxLagNs, counters.histogram("latency").totalCount]).to.deep.equal([2, 49_999, 100_000]);
  });

  it("while a thread counts inserts, 2,000 sums are taken, and none shows more rows answered than generated", async () => {
    const counters = Counters.allocate({ workers: 1, endpoints: 1, phases: 1 });
    const counting = inThreads(
      counters,
      1,
      `const own = counters.worker(0);
       let batch = 0;
       // Until it is told that all sums are taken.
       for (; counters.endNs === 0n; batch++) {
         const counted = { number: batch, rows: 10, measured: true };
         own.generated(counted, 1);
         own.answered(0, counted, { kind: "acknowledged" });
       }
       parentPort.postMessage(batch);`,
    );
    let [sums, last] = [0, 0];
    for (let underWay = 0; underWay < 2000; sums++) {
      const { generated, acknowledged } = counters.totals(0);
      expect(acknowledged).to.be.at.most(generated);
      if (acknowledged > last) underWay++;
      last = acknowledged;
      if (sums % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    counters.endNs = 1n;
    const [batches] = await counting;
    expect(counters.totals(0).acknowledged).to.equal(10 * Number(batches));
  });

  it("there is no worker 2 of two", () => {
    expect(() => Counters.allocate(shape).worker(2)).to.throw(RangeError, "there is no worker 2");
  });

  const anyOutcome: fc.Arbitrary<Outcome> = fc.oneof(
    fc.constant(ACKNOWLEDGED),
    fc
      .tuple(fc.constantFrom(...REASONS), fc.constantFrom<Code>(252, 60, 164, 1200, 999_999, "connection_refused"))
      .map(([reason, code]) => failed(reason, code)),
    fc.constantFrom<Code>(159, 3, 2000, "timeout", "connection_reset").map(unknown),
  );
  const anyEvent = fc.record({
    worker: fc.nat({ max: 1 }),
    endpoint: fc.nat({ max: 2 }),
    slot: fc.nat({ max: 1 }),
    rows: fc.integer({ min: 1, max: 100_000 }),
    outcome: anyOutcome,
  });

  it("property: generated = acknowledged + failed + unknown + in flight, after each of any sequence of events", () => {
    let sawInFlight = 0;
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 40 }), (events) => {
        const counters = Counters.allocate(shape);
        // The model: what lies in each slot, and what became of the rest.
        const slots = new Map<string, { rows: number; endpoint: number; batch: number }>();
        const model = { generated: 0, acknowledged: 0, failed: 0, unknown: 0 };
        const inserts = { acknowledged: 0, failed: 0, unknown: 0 };
        for (const [batch, { worker, endpoint, slot, rows, outcome }] of events.entries()) {
          const key = `${worker} ${slot}`;
          const sent = slots.get(key);
          if (sent === undefined) {
            counters.worker(worker).generated(of(batch, rows), rows * 2);
            slots.set(key, { rows, endpoint, batch });
            model.generated += rows;
          } else {
            counters.worker(worker).answered(sent.endpoint, of(sent.batch, sent.rows), outcome);
            slots.delete(key);
            model[outcome.kind] += sent.rows;
            inserts[outcome.kind]++;
          }
          const totals = counters.totals(0);
          const inFlightRows = sum([...slots.values()].map((each) => each.rows));
          sawInFlight += slots.size;
          expect(totals.generated).to.equal(totals.acknowledged + totals.failed + totals.unknown + inFlightRows);
          expect(totals).to.deep.include({ ...model, inserts, inFlight: slots.size });
          expect(sum(Object.values(totals.failedBy))).to.equal(totals.failed);
          expect(sum(totals.errors.map((error) => error.rows))).to.equal(totals.failed + totals.unknown);
          expect(sum(totals.errors.map((error) => error.inserts))).to.equal(inserts.failed + inserts.unknown);
          expect(totals.bytes.rendered).to.equal(2 * totals.generated);
        }
      }),
      { numRuns: 60 },
    );
    expect(sawInFlight).to.be.greaterThan(100);
  });
});
