// Retries: when the next attempt is, worked out by hand; and the worker's own loop on virtual time, where every attempt is seen.

import { expect } from "chai";
import fc from "fast-check";
import { ACKNOWLEDGED, type Outcome, type Reason } from "../src/answer.js";
import { finalOutcome, nextAttemptNs, type RetryPlan } from "../src/retry.js";
import { runVirtually, type Sent } from "./support/virtual.js";

const MS = 1e6;
const S = 1e9;
const sentence = "no";
const failed = (reason: Reason): Outcome => ({ kind: "failed", reason, code: 252, sentence });
const UNKNOWN: Outcome = { kind: "unknown", code: "connection_reset", sentence };
const PLAN: RetryPlan = { retries: 10, forNs: 60 * S, ambiguous: false };

describe("the next attempt", () => {
  const first = { attempts: 1, firstNs: 5 * S, nowNs: 6 * S, outcome: failed("busy"), ambiguous: false };

  it("comes 50 to 100 ms after the first, then 100 to 200, 200 to 400, up to 5 to 10 s", () => {
    const pauses = [1, 2, 3, 4, 7, 8, 9, 10].map((attempts) =>
      [0, 1].map((dice) => ((nextAttemptNs(PLAN, { ...first, attempts }, () => dice) ?? 0) - 6 * S) / MS),
    );
    expect(pauses).to.deep.equal([
      [50, 100],
      [100, 200],
      [200, 400],
      [400, 800],
      [3200, 6400],
      [5000, 10_000],
      [5000, 10_000],
      [5000, 10_000],
    ]);
  });

  it("never comes after an acknowledgement, a refusal, or as many retries as were asked for", () => {
    for (const outcome of [ACKNOWLEDGED, failed("refused")]) {
      expect(nextAttemptNs(PLAN, { ...first, outcome })).to.equal(undefined);
    }
    expect(nextAttemptNs({ ...PLAN, retries: 3 }, { ...first, attempts: 3 })).to.be.a("number");
    expect(nextAttemptNs({ ...PLAN, retries: 3 }, { ...first, attempts: 4 })).to.equal(undefined);
    expect(nextAttemptNs({ ...PLAN, retries: 0 }, first)).to.equal(undefined);
  });

  it("comes after busy, unreachable and read-only", () => {
    for (const reason of ["busy", "unreachable", "read_only"] as const) {
      expect(nextAttemptNs(PLAN, { ...first, outcome: failed(reason) }, () => 0)).to.equal(6.05 * S);
    }
  });

  it("begins at most as long after the first as --retry-for says: at 60 s it does, a nanosecond later not", () => {
    const nowNs = 65 * S - 100 * MS;
    expect(nextAttemptNs(PLAN, { ...first, nowNs }, () => 1)).to.equal(65 * S);
    expect(nextAttemptNs(PLAN, { ...first, nowNs: nowNs + 1 }, () => 1)).to.equal(undefined);
  });

  it("of what may have landed comes only where that is harmless or wanted, also when the last attempt was busy", () => {
    for (const outcome of [UNKNOWN, failed("busy")]) {
      const tried = { ...first, outcome, ambiguous: true };
      expect(nextAttemptNs(PLAN, tried)).to.equal(undefined);
      expect(nextAttemptNs({ ...PLAN, ambiguous: true }, tried, () => 0)).to.equal(6.05 * S);
    }
  });

  it("what one attempt may have left is not failed by another, and is acknowledged by the one that worked", () => {
    const timeout = { kind: "unknown", code: "timeout", sentence: "late" } as const;
    expect(finalOutcome(failed("busy"), undefined)).to.deep.equal(failed("busy"));
    expect(finalOutcome(failed("busy"), timeout)).to.equal(timeout);
    expect(finalOutcome(UNKNOWN, timeout)).to.equal(UNKNOWN);
    expect(finalOutcome(ACKNOWLEDGED, timeout)).to.equal(ACKNOWLEDGED);
  });
});

describe("retries in the worker's loop", () => {
  /** 20 batches of 10 rows in 2 s, answered after 1 ms. */
  const flags = { rate: "100", duration: "2", "batch-rows": "10", "run-id": "r", "no-metrics": "true" };
  const soon = (sentMs: number): number => sentMs + 1;
  const of = (sent: readonly Sent[], batch: number): readonly Sent[] => sent.filter((one) => one.batch === batch);

  it("an insert that fails three times is sent four times: same bytes, same token, one id an attempt, later and later", async () => {
    const { sent, report } = await runVirtually({ ...flags, retries: "5" }, soon, (batch, { attempt }) =>
      batch === 7 && attempt < 4 ? failed("busy") : ACKNOWLEDGED,
    );
    const tries = of(sent, 7);
    expect(tries.map(({ attempt, token }) => [attempt, token])).to.deep.equal([1, 2, 3, 4].map((n) => [n, "r-7"]));
    expect(new Set(tries.map(({ body }) => body)).size).to.equal(1);
    const [a = 0, b = 0, c = 0, d = 0] = tries.map(({ atMs }) => atMs);
    expect(b - a).to.be.within(51, 101);
    expect(c - b).to.be.within(101, 201);
    expect(d - c).to.be.within(201, 401);
    expect(sent.length).to.equal(23);
    expect([report.rows.acknowledged, report.rows.failed, report.rows.unknown, report.retries]).to.deep.equal([
      200, 0, 0, 3,
    ]);
    expect(report.errors).to.deep.equal([{ code: "252", inserts: 0, rows: 0, retried: 3, first: null }]);
    // Its tenth row comes at 790 ms; answered when the last attempt was; on the wire only 1 ms.
    expect(report.latency_ms?.max).to.be.closeTo(d + 1 - 790, 1);
    expect([report.service_ms.max, report.lateness_ms?.max]).to.deep.equal([1, 0]);
    const bytes = (some: readonly Sent[]): number => some.reduce((sum, { body }) => sum + body.length, 0);
    expect(report.bytes).to.deep.equal({
      rendered: bytes(sent.filter(({ attempt }) => attempt === 1)),
      sent: bytes(sent),
    });
  });

  it("a server that is not there for the first three attempts makes latency, and no lateness: the batch was in time", async () => {
    const down: Outcome = { kind: "failed", reason: "unreachable", code: "connection_refused", sentence };
    const { report, said } = await runVirtually({ ...flags, retries: "5" }, soon, (_, { attempt }) =>
      attempt < 4 ? down : ACKNOWLEDGED,
    );
    expect([report.lateness_ms?.max, report.max_lag_ms, report.lateness_ms?.count]).to.deep.equal([0, 0, 20]);
    // Pauses of 50 to 100, 100 to 200 and 200 to 400 ms, and 1 ms for each of four attempts.
    expect(report.latency_ms?.min).to.be.within(353, 705);
    expect(report.service_ms.max).to.equal(1);
    expect(said.filter(({ kind }) => kind === "retrying")).to.deep.equal([
      { kind: "retrying", code: "connection_refused", endpoint: 0, sentence },
    ]);
    expect(said.filter(({ kind }) => kind === "saturated")).to.deep.equal([]);
  });

  it("an insert that never got to a server has no latency and no service time, however often it was tried", async () => {
    const down: Outcome = { kind: "failed", reason: "unreachable", code: "connection_refused", sentence };
    for (const retries of ["0", "2"]) {
      const { report } = await runVirtually({ ...flags, retries }, soon, (batch) =>
        batch % 2 === 0 ? down : ACKNOWLEDGED,
      );
      expect([report.rows.acknowledged, report.rows.failed, report.retries]).to.deep.equal([
        100,
        100,
        10 * Number(retries),
      ]);
      expect([report.service_ms.count, report.service_ms.min, report.latency_ms?.count]).to.deep.equal([10, 1, 10]);
    }
  });

  it("without retries each failure is final", async () => {
    const { sent, report } = await runVirtually(flags, soon, (batch) => (batch % 2 === 0 ? failed("busy") : UNKNOWN));
    expect(sent.length).to.equal(20);
    expect([report.rows.failed, report.rows.unknown, report.retries]).to.deep.equal([100, 100, 0]);
  });

  it("what may have landed is not sent again unless that is asked for, and then ends acknowledged", async () => {
    const outcome = (batch: number, { attempt }: Sent): Outcome =>
      batch === 3 && attempt === 1 ? UNKNOWN : ACKNOWLEDGED;
    const careful = await runVirtually({ ...flags, retries: "5" }, soon, outcome);
    expect([of(careful.sent, 3).length, careful.report.rows.unknown]).to.deep.equal([1, 10]);
    const bold = await runVirtually({ ...flags, retries: "5", "retry-ambiguous": "true" }, soon, outcome);
    expect([of(bold.sent, 3).length, bold.report.rows.unknown, bold.report.rows.acknowledged]).to.deep.equal([
      2, 0, 200,
    ]);
  });

  it("an insert once ambiguous that then fails for good is unknown, under the code of the attempt that left it open", async () => {
    const { report, plan } = await runVirtually(
      { ...flags, retries: "1", "retry-ambiguous": "true" },
      soon,
      (batch, { attempt }) => (batch !== 3 ? ACKNOWLEDGED : attempt === 1 ? UNKNOWN : failed("busy")),
    );
    expect([report.rows.unknown, report.rows.failed]).to.deep.equal([10, 0]);
    expect(plan.fates.at(3)).to.deep.equal({ kind: "unknown", code: "connection_reset" });
    expect(report.errors.map(({ code, inserts, retried }) => [code, inserts, retried])).to.deep.equal([
      ["252", 0, 1],
      ["connection_reset", 1, 0],
    ]);
  });

  it("a retry keeps its place in flight: with one place, the batches behind it wait", async () => {
    const { sent } = await runVirtually({ ...flags, retries: "1", "in-flight": "1" }, soon, (batch, { attempt }) =>
      batch === 2 && attempt === 1 ? failed("busy") : ACKNOWLEDGED,
    );
    expect(sent.map(({ batch }) => batch)).to.deep.equal([0, 1, 2, 2, ...Array.from({ length: 17 }, (_, n) => n + 3)]);
  });

  it("no attempt begins after the drain: what waits for one then has failed", async () => {
    const { sent, report } = await runVirtually({ ...flags, retries: "1000", drain: "1s" }, soon, (batch) =>
      batch === 19 ? failed("busy") : ACKNOWLEDGED,
    );
    const last = Math.max(...of(sent, 19).map(({ atMs }) => atMs));
    expect(last).to.be.within(2000, 3000);
    expect([report.rows.failed, report.rows.acknowledged, report.rows.unsent]).to.deep.equal([10, 190, 0]);
  });

  it("--retry-for 300ms: no attempt begins later than that after the first", async () => {
    const flagged = { ...flags, retries: "1000", "retry-for": "300ms" };
    const { sent, report } = await runVirtually(flagged, soon, (batch) =>
      batch === 4 ? failed("busy") : ACKNOWLEDGED,
    );
    const times = of(sent, 4).map(({ atMs }) => atMs);
    expect(times.length).to.be.within(2, 4);
    expect(Math.max(...times) - (times[0] ?? 0)).to.be.at.most(300);
    expect(report.rows.failed).to.equal(10);
  });

  it("a refusal is told, whatever was asked for; read-only only where no retries were", async () => {
    for (const [reason, retries, told] of [
      ["refused", "5", true],
      ["refused", "0", true],
      ["read_only", "0", true],
      ["read_only", "1", false],
      ["busy", "0", false],
    ] as const) {
      const { said } = await runVirtually({ ...flags, retries }, soon, () => failed(reason));
      expect(said.some(({ kind }) => kind === "refused")).to.equal(told, `${reason} ${retries}`);
    }
  });

  it("a refusal behind an attempt that may have landed ends the run too, with the server's sentence", async () => {
    const { said, report } = await runVirtually(
      { ...flags, retries: "1", "retry-ambiguous": "true" },
      soon,
      (batch, { attempt }) =>
        batch !== 3 ? ACKNOWLEDGED : attempt === 1 ? UNKNOWN : { ...failed("refused"), sentence: "no such table" },
    );
    expect(said.filter(({ kind }) => kind === "refused")).to.deep.equal([
      { kind: "refused", sentence: "no such table" },
    ]);
    expect(report.rows.unknown).to.equal(10);
  });

  for (const [who, nobody] of [
    ["a server that is not there", { kind: "failed", reason: "unreachable", code: "connection_refused", sentence }],
    ["a proxy with nobody behind it", { kind: "unknown", code: "http_502", sentence }],
  ] as const) {
    it(`a closed loop waits 100 ms before it tries ${who} again: 2 s, 4 places, 80 inserts, and the one claimed ahead`, async () => {
      const { rate: _, ...closed } = flags;
      const { sent } = await runVirtually(
        { ...closed, rate: "max", "in-flight": "4" },
        (sentMs) => sentMs,
        () => nobody,
      );
      expect(sent.length).to.equal(81);
    });
  }

  it("--max-failures 5: told at the fifth in a row, not where one in five is acknowledged", async () => {
    const failing = (every: number) => (batch: number) => (batch % every === every - 1 ? ACKNOWLEDGED : failed("busy"));
    for (const [every, told] of [
      [5, false],
      [6, true],
    ] as const) {
      const { said } = await runVirtually({ ...flags, "max-failures": "5" }, soon, failing(every));
      expect(said.filter(({ kind }) => kind === "failing").length).to.equal(told ? 1 : 0);
    }
  });

  describe("over three endpoints", () => {
    const urls = { "clickhouse-url": ["http://a:1", "http://b:1", "http://c:1"] };
    const DOWN: Outcome = { kind: "failed", reason: "unreachable", code: "connection_refused", sentence };

    it("in turn, as long as all work", async () => {
      const { sent, report } = await runVirtually({ ...flags, ...urls }, soon);
      expect(sent.map(({ endpoint }) => endpoint)).to.deep.equal(Array.from({ length: 20 }, (_, n) => n % 3));
      expect(report.endpoints.map((one) => [one["clickhouse-url"], one.acknowledged])).to.deep.equal([
        ["http://a:1", 70],
        ["http://b:1", 70],
        ["http://c:1", 60],
      ]);
    });

    it("one that is down from 0.3 to 2 s is left out for 1 s, then tried with one insert, left out for 2 s, tried again, and has its turns again", async () => {
      const { sent, report, said } = await runVirtually(
        { ...flags, ...urls, duration: "5" },
        soon,
        (_, { endpoint, atMs }) => (endpoint === 1 && atMs >= 300 && atMs < 2000 ? DOWN : ACKNOWLEDGED),
      );
      // Batch n is due at 100 * n + 90 ms, when its tenth row has come; endpoint 1 has the turns 1, 4, 7, …
      const times = sent.filter(({ endpoint }) => endpoint === 1).map(({ atMs }) => atMs);
      // Failed at 491 and 1691: back for the first turn after 1491 and 3691.
      expect(times).to.deep.equal([190, 490, 1690, 3790, 4090, 4390, 4690, 4990]);
      expect(report.rows.failed).to.equal(20);
      expect(report.endpoints[1]?.left_out).to.equal(1);
      expect(said.filter(({ kind }) => kind === "left-out")).to.deep.equal([
        { kind: "left-out", endpoint: 1, sentence },
      ]);
    });

    it("the load of one that is left out goes to all others alike", async () => {
      const { sent } = await runVirtually(
        { ...flags, ...urls, rate: "1000", duration: "1" },
        soon,
        (_, { endpoint }) => (endpoint === 1 ? DOWN : ACKNOWLEDGED),
      );
      const [a, b, c] = [0, 1, 2].map((wanted) => sent.filter(({ endpoint }) => endpoint === wanted).length);
      expect(b).to.equal(1);
      expect([a, c].map((inserts) => Math.abs((inserts ?? 0) - 49.5) < 2)).to.deep.equal([true, true]);
    });

    it("with retries the batch that met the one that is down goes to the next, and nothing fails", async () => {
      const { sent, report } = await runVirtually({ ...flags, ...urls, retries: "2" }, soon, (_, { endpoint }) =>
        endpoint === 1 ? DOWN : ACKNOWLEDGED,
      );
      expect([report.rows.acknowledged, report.rows.failed]).to.deep.equal([200, 0]);
      expect(of(sent, 1).map(({ endpoint }) => endpoint)).to.deep.equal([1, 2]);
    });

    it("what may have landed at one is sent again to that one alone: another store would not know its token", async () => {
      const { sent } = await runVirtually(
        { ...flags, ...urls, retries: "3", "retry-ambiguous": "true" },
        soon,
        (batch, { attempt }) => (batch === 4 && attempt < 4 ? UNKNOWN : ACKNOWLEDGED),
      );
      expect(of(sent, 4).map(({ endpoint }) => endpoint)).to.deep.equal([1, 1, 1, 1]);
    });

    it("property: whatever fails, every row is accounted for, and no batch is acknowledged twice", async () => {
      const anything = fc.constantFrom<Outcome>(ACKNOWLEDGED, ACKNOWLEDGED, failed("busy"), UNKNOWN, DOWN);
      await fc.assert(
        fc.asyncProperty(
          fc.infiniteStream(anything),
          fc.nat({ max: 3 }),
          fc.boolean(),
          fc.constantFrom("1", "2"),
          async (outcomes, retries, bold, workers) => {
            const given = new Map<number, Outcome[]>();
            const asked = { retries: String(retries), ...(bold && retries > 0 && { "retry-ambiguous": "true" }) };
            const { report, plan } = await runVirtually({ ...flags, ...urls, ...asked, workers }, soon, (batch) => {
              const outcome = outcomes.next().value;
              given.set(batch, [...(given.get(batch) ?? []), outcome]);
              return outcome;
            });
            const { rows } = report;
            expect(rows.generated).to.equal(rows.acknowledged + rows.failed + rows.unknown);
            expect(rows.scheduled).to.equal(200);
            for (const [batch, all] of given) {
              const fate = all.some(({ kind }) => kind === "acknowledged")
                ? "acknowledged"
                : all.some(({ kind }) => kind === "unknown")
                  ? "unknown"
                  : "failed";
              expect(plan.fates.kindAt(batch)).to.equal(fate);
              expect(all.filter(({ kind }) => kind === "acknowledged").length).to.be.at.most(1);
              expect(all.length).to.be.at.most(retries + 1);
            }
            const attempts = [...given.values()].flat().length;
            expect(report.retries).to.equal(attempts - given.size);
            const errors = report.errors.reduce((sum, { inserts, retried }) => sum + inserts + retried, 0);
            expect(errors).to.equal([...given.values()].flat().filter(({ kind }) => kind !== "acknowledged").length);
          },
        ),
        { numRuns: 25 },
      );
    });
  });
});
