// Faults of the connection: the program sends to a real ClickHouse through the fault proxy. Each fault with retries 0 and 5. What
// the program says of its rows is what ClickHouse holds and what the proxy did.

import { expect } from "chai";
import { type Fault, FaultProxy, firstAttempts, type Plan } from "./support/fault-proxy.js";
import { newDatabase, serverUrl } from "./support/server.js";
import { type Settled, startLoad } from "./support/settle.js";

/** 80 batches of 50 rows. */
const LOAD = ["--rate", "4000", "--duration", "1", "--batch-rows", "50", "--workers", "2"];
/** For faults that last until an insert is given up: longer than the server may stall. The others have the default, 30 s. */
const LIMIT_S = 4;
const QUIET = ["--no-traces", "--no-metrics"];
const ROWS = 4000;
const PER_BATCH = 50;
/** The first attempts of batches 8, 17 … 71 are spoilt: as many of each worker. */
const EVERY = 9;
const SPOILT = [8, 17, 26, 35, 44, 53, 62, 71];
const SPOILT_ROWS = SPOILT.length * PER_BATCH;

interface Expected {
  /** What becomes of the rows of a spoilt insert that is not retried. */
  readonly fate: "acknowledged" | "failed" | "unknown";
  /** Under which code it is counted. */
  readonly code: string;
  /** Whether the server has its rows all the same. */
  readonly lands: boolean;
}

const unknown = (code: string, lands: boolean): Expected => ({ fate: "unknown", code, lands });
const failed = (code: string, lands: boolean): Expected => ({ fate: "failed", code, lands });
const FINE: Expected = { fate: "acknowledged", code: "", lands: true };

const FAULTS: readonly (readonly [what: string, fault: Fault, expected: Expected])[] = [
  ["reset before the body", { kind: "reset", at: "head" }, unknown("connection_reset", false)],
  ["cut in the body", { kind: "reset", at: "body" }, unknown("connection_reset", false)],
  ["reset behind the body", { kind: "reset", at: "answer" }, unknown("connection_reset", true)],
  ["half-open, the request passed on", { kind: "silent", passesOn: true }, unknown("timeout", true)],
  ["half-open, the request read", { kind: "silent", passesOn: false }, unknown("timeout", false)],
  ["half-open, the body not read", { kind: "deaf" }, unknown("timeout", false)],
  ["an answer 1 s behind --timeout", { kind: "late", ms: 1000 * (LIMIT_S + 1) }, unknown("timeout", true)],
  ["an answer 0.3 s late", { kind: "late", ms: 300 }, FINE],
  ["a body read at 20 kB/s", { kind: "slow", bytesPerS: 20_000 }, FINE],
  ["429 from a proxy", { kind: "answer", status: 429, passesOn: false }, failed("http_429", false)],
  ["503 from a proxy", { kind: "answer", status: 503, passesOn: false }, failed("http_503", false)],
  // A proxy that lies: the ledger finds the rows all the same.
  ["503 from a proxy that passed it on", { kind: "answer", status: 503, passesOn: true }, failed("http_503", true)],
  ["502 from a proxy that passed it on", { kind: "answer", status: 502, passesOn: true }, unknown("http_502", true)],
  ["504 from a proxy", { kind: "answer", status: 504, passesOn: false }, unknown("http_504", false)],
];

interface Run extends Settled {
  readonly proxy: FaultProxy;
}

/** Whether an insert that meets the fault ends by --timeout. */
const outlasts = (fault: Fault): boolean =>
  fault.kind === "silent" || fault.kind === "deaf" || (fault.kind === "late" && fault.ms > 1000 * LIMIT_S);

/** A load through a proxy of its own into a new database. */
async function run(plan: Plan, retries: number, ...more: readonly string[]): Promise<Run> {
  const proxy = await FaultProxy.open(Number(new URL(serverUrl()).port));
  try {
    proxy.plan = plan;
    const { database } = await newDatabase();
    const url = `http://127.0.0.1:${proxy.port}/?database=${database}`;
    const flags = ["--clickhouse-url", url, ...LOAD, ...QUIET, "--retries", String(retries), ...more];
    const load = startLoad(flags, [{ url: `${serverUrl()}/?database=${database}` }]);
    return { ...(await load.settled()), proxy };
  } finally {
    await proxy.close();
  }
}

/** The report's errors without their sentences. */
const errorsOf = ({ report }: Run) => report.errors.map(({ first: _sentence, ...figures }) => figures);

const secondAttempts = ({ proxy }: Run): readonly number[] =>
  proxy.seen
    .filter(({ attempt }) => attempt === 2)
    .map(({ batch }) => batch)
    .sort((a, b) => a - b);

describe("faults of the connection", function () {
  this.timeout(60_000);

  for (const [what, fault, { fate, code, lands }] of FAULTS) {
    describe(what, () => {
      let once: Run;
      let again: Run;
      before(async () => {
        const plan = firstAttempts(EVERY, fault);
        const limit = outlasts(fault) ? ["--timeout", `${LIMIT_S}s`] : [];
        [once, again] = await Promise.all([run(plan, 0, ...limit), run(plan, 5, ...limit)]);
        for (const { proxy } of [once, again]) expect(proxy.spoiltBatches).to.deep.equal(SPOILT);
      });

      it(`retries 0: ${SPOILT_ROWS} rows are ${fate}, ${lands ? "and in the table" : "and not in the table"}`, () => {
        const { rows } = once.report;
        const isFine = fate === "acknowledged";
        const others = { acknowledged: ROWS - SPOILT_ROWS, failed: 0, unknown: 0 };
        expect(rows).to.include(isFine ? { ...others, acknowledged: ROWS } : { ...others, [fate]: SPOILT_ROWS });
        const error = { code, inserts: SPOILT.length, rows: SPOILT_ROWS, retried: 0 };
        expect(errorsOf(once)).to.deep.equal(isFine ? [] : [error]);
        expect([once.landed, rows.lost, rows.duplicated]).to.deep.equal([lands ? ROWS : ROWS - SPOILT_ROWS, 0, 0]);
        for (const batch of SPOILT) expect(once.batches.has(batch), `batch ${batch}`).to.equal(lands);
        expect(once.ledger.map(({ batch, fate: told, code: under }) => [batch, told, under])).to.deep.equal(
          isFine ? [] : SPOILT.map((batch) => [batch, fate, code]),
        );
        expect(secondAttempts(once)).to.deep.equal([]);
      });

      it(`retries 5: all ${ROWS} rows are acknowledged, and in the table once; exit 0`, () => {
        const retried = fate === "acknowledged" ? [] : SPOILT;
        const { rows, retries } = again.report;
        expect([rows.acknowledged, again.landed, rows.lost, rows.duplicated]).to.deep.equal([ROWS, ROWS, 0, 0]);
        expect([again.code, retries]).to.deep.equal([0, retried.length]);
        const error = { code, inserts: 0, rows: 0, retried: retried.length };
        expect(errorsOf(again)).to.deep.equal(retried.length > 0 ? [error] : []);
        expect(secondAttempts(again)).to.deep.equal(retried);
        expect(again.ledger).to.deep.equal([]);
      });
    });
  }

  describe("a keep-alive race: kept connections reset when the next insert comes", () => {
    /** Once a batch, where its connection was used before. */
    const race: Plan = ({ batch, attempt, reuses }) =>
      reuses && attempt === 1 && batch % 3 === 0 ? { kind: "reset", at: "head" } : undefined;

    it("retries 0: the rows of each insert that met it are unknown, and not in the table", async () => {
      const { report, proxy, landed, batches } = await run(race, 0);
      const met = proxy.spoiltBatches;
      expect(met.length).to.be.above(5);
      expect([report.rows.unknown, landed]).to.deep.equal([met.length * PER_BATCH, ROWS - met.length * PER_BATCH]);
      expect(met.filter((batch) => batches.has(batch))).to.deep.equal([]);
    });

    it(`retries 5: all ${ROWS} rows are acknowledged, and in the table once; exit 0`, async () => {
      const { report, proxy, landed, code } = await run(race, 5);
      const met = proxy.spoiltBatches;
      expect(met.length).to.be.above(5);
      expect([report.rows.acknowledged, landed, code, report.retries]).to.deep.equal([ROWS, ROWS, 0, met.length]);
    });
  });
});
