// A slot is the request body itself: whatever the other side does, no byte of a later batch goes out under an earlier one.

import { expect } from "chai";
import { clickstorm, unwrapped } from "./support/cli.js";
import { type Behaviour, Sink } from "./support/sink.js";

// 20 batches of 50,000 rows, 8 MB each: more than the system's socket buffers take at once.
const FLAGS =
  "--blind --rate 1M --duration 1s --drain 60s --batch-rows 50000 --in-flight 2 --workers 1 --seed 7 --run-id slots";
const COMMON = [...FLAGS.split(" "), "--data-start", "2026-01-01", "--no-traces", "--no-metrics"];

async function bodiesSentTo(behaviour: Behaviour, more: readonly string[] = []) {
  const sink = await Sink.open(behaviour);
  const ended = await clickstorm(["run", "--clickhouse-url", sink.url, ...COMMON, ...more]);
  await sink.close();
  return { ended, received: sink.received };
}

/** What a well-behaved sink was sent, by batch. */
let expected: Map<number, Buffer>;

function expectOnlyOwnBytes(received: readonly { batch: number; body: Buffer }[]): void {
  for (const { batch, body } of received) {
    const own = expected.get(batch)?.subarray(0, body.length);
    expect(own?.equals(body), `batch ${batch}: the ${body.length} bytes received are the first of its own`).to.equal(
      true,
    );
  }
}

describe("slots", function () {
  this.timeout(60_000);

  before(async () => {
    const { received } = await bodiesSentTo(() => undefined);
    expected = new Map(received.map(({ batch, body }) => [batch, body]));
    expect([...expected.keys()].sort((a, b) => a - b)).to.deep.equal(Array.from({ length: 20 }, (_, n) => n));
    const rows = [...expected.values()].map((body) => body.toString("latin1").split("\n").length - 1);
    expect(rows).to.deep.equal(Array.from({ length: 20 }, () => 50_000));
  });

  it("a sink that answers before the body is out receives only beginnings of the right batch", async () => {
    const { ended, received } = await bodiesSentTo(() => "early");
    expect(ended.code, ended.stderr).to.equal(0);
    expect(unwrapped(ended.stdout)).to.match(/acknowledged 1,000,000 +failed 0 +unknown 0 +unsent 0/);
    // Else the answers came after the bodies, and nothing was tried.
    expect(received.filter(({ body, contentLength }) => body.length < contentLength)).to.have.length.above(9);
    expectOnlyOwnBytes(received);
  });

  it("a sink that never answers makes each insert time out as unknown, and receives only the right batch", async () => {
    const { ended, received } = await bodiesSentTo(() => "silent", ["--timeout", "300ms"]);
    expect(ended.code).to.equal(1);
    expect(unwrapped(ended.stdout)).to.match(
      /rows +scheduled 1,000,000 +acknowledged 0 +failed 0 +unknown 1,000,000 +unsent 0/,
    );
    expect(unwrapped(ended.stdout)).to.match(/error +timeout +20 inserts +1,000,000 rows/);
    expect(received).to.have.length(20);
    expectOnlyOwnBytes(received);
  });

  for (const behaviour of ["reset", "late-reset"] as const) {
    it(`a sink that answers by ${behaviour} makes each insert unknown, and receives only the right batch`, async () => {
      const { ended, received } = await bodiesSentTo(() => behaviour);
      expect(ended.code).to.equal(1);
      expect(unwrapped(ended.stdout)).to.match(/acknowledged 0 +failed 0 +unknown 1,000,000 +unsent 0/);
      expect(unwrapped(ended.stdout)).to.match(/error +connection_reset +20 inserts/);
      expect(received).to.have.length(20);
      expectOnlyOwnBytes(received);
    });
  }

  it("a sink that does each of these in turn receives only the right batch", async () => {
    const turn = ["early", undefined, "silent", "late-reset", undefined, "early", "reset"] as const;
    const { ended, received } = await bodiesSentTo((_, index) => turn[index % turn.length], ["--timeout", "500ms"]);
    const rows = /acknowledged ([\d,]+) +failed 0 +unknown ([\d,]+) +unsent 0/
      .exec(unwrapped(ended.stdout))
      ?.slice(1, 3);
    const [acknowledged = 0, unknown = 0] = (rows ?? []).map((text) => Number(text.replaceAll(",", "")));
    // Every one of the 20 batches was handed to an insert and ended as one or the other; both happened.
    expect(acknowledged + unknown).to.equal(1_000_000);
    expect(Math.min(acknowledged, unknown)).to.be.above(0);
    // A connection given up early may be gone before the sink has read the head of its request.
    expect(new Set(received.map(({ batch }) => batch)).size).to.be.within(12, 20);
    expectOnlyOwnBytes(received);
  });
});
