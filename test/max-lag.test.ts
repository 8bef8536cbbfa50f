// --overload drop: how late a batch may be, looked at once more when its request is about to leave. On virtual time, worked out by hand.

import { expect } from "chai";
import { ACKNOWLEDGED, type Outcome } from "../src/answer.js";
import { Rotation } from "../src/rotation.js";
import { runVirtually } from "./support/virtual.js";

const MS = 1e6;
const takes =
  (ms: number) =>
  (sentMs: number): number =>
    sentMs + ms;
const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

describe("--max-lag holds when the request leaves, not when it is asked for", () => {
  /** 10 inserts a second for 2 s, two at a time; nothing leaves before 500 ms. */
  const flags = {
    rate: "10",
    duration: "2s",
    "batch-rows": "1",
    "in-flight": "2",
    overload: "drop",
    "max-lag": "200ms",
  };
  const connected = (askedMs: number): number => Math.max(askedMs, 500);

  it("a connection that takes 500 ms: batches due at 0, 100 and 200 ms are dropped, that of 300 ms leaves 200 ms late", async () => {
    const { books, sent, plan, said } = await runVirtually(flags, takes(10), () => ACKNOWLEDGED, connected);
    // Two wait for the connection, and find themselves 500 and 400 ms late; the third waits for one of them, 300 ms.
    expect(sent.slice(0, 4).map(({ batch, atMs }) => [batch, atMs])).to.deep.equal([
      [3, 500],
      [4, 500],
      [5, 510],
      [6, 600],
    ]);
    const { scheduled, totals } = books;
    expect([scheduled, totals.generated, totals.dropped, totals.acknowledged]).to.deep.equal([20, 17, 3, 17]);
    expect(totals.inFlight).to.equal(0);
    expect(totals.maxLagNs / MS).to.equal(200);
    const fates = Array.from({ length: 20 }, (_, batch) => plan.fates.kindAt(batch));
    expect(fates).to.deep.equal([..."ddd".padEnd(20, "a")].map((fate) => (fate === "d" ? "dropped" : "acknowledged")));
    // Nothing of it was sent: each row is a line.
    expect(totals.bytes.sent).to.equal(sum(sent.map(({ body }) => body.length)));
    expect(totals.bytes.rendered).to.equal(totals.bytes.sent);
    expect(said.map(({ kind }) => kind)).to.deep.equal(["dropping"]);
  });

  it("the same without --overload drop: all 20 are sent, the first 500 ms late", async () => {
    const { overload: _, "max-lag": __, ...all } = flags;
    const { books, sent } = await runVirtually(all, takes(10), () => ACKNOWLEDGED, connected);
    expect([sent.length, books.totals.dropped, books.totals.maxLagNs / MS]).to.deep.equal([20, 0, 500]);
  });

  it("an insert that is sent again is never dropped, however late its next attempt is, or its first to leave", async () => {
    const busy: Outcome = { kind: "failed", reason: "busy", code: 252, sentence: "" };
    const down: Outcome = { kind: "failed", reason: "unreachable", code: "connection_refused", sentence: "" };
    for (const first of [busy, down]) {
      const { books, sent } = await runVirtually({ ...flags, retries: "3" }, takes(190), (_, { attempt }) =>
        attempt < 3 ? first : ACKNOWLEDGED,
      );
      const again = sent.filter(({ attempt }) => attempt === 3);
      expect(Math.min(...again.map(({ atMs, batch }) => atMs - 100 * batch))).to.be.greaterThan(380);
      expect([books.totals.generated, books.totals.acknowledged]).to.deep.equal([again.length, again.length]);
      expect(books.totals.generated + books.totals.dropped).to.equal(20);
      expect(books.totals.maxLagNs / MS).to.be.at.most(200);
    }
  });

  it("an endpoint that was to be tried by an insert that is dropped is tried by the next one instead", () => {
    const refused: Outcome = { kind: "failed", reason: "unreachable", code: "connection_refused", sentence: "" };
    const rotation = new Rotation([0, 1]);
    expect(rotation.answered(1, refused, 0)).to.equal(true);
    const laterNs = 3_600_000 * MS;
    // One insert tries it, and no other until it is known what became of that.
    expect([rotation.pick(1, 0), rotation.pick(1, laterNs), rotation.pick(1, laterNs)]).to.deep.equal([0, 1, 0]);
    rotation.unused(1);
    expect([rotation.pick(1, laterNs), rotation.pick(1, laterNs)]).to.deep.equal([1, 0]);
  });
});
