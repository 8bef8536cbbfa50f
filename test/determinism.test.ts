// The same seed, run id and data start give the same bytes, whoever sends them: bodies caught by a sink.

import { createHash } from "node:crypto";
import { expect } from "chai";
import { clickstorm } from "./support/cli.js";
import { Sink } from "./support/sink.js";

/** The bodies of 100,000 rows in the order of their batches. */
async function bodies(...more: readonly string[]): Promise<Buffer[]> {
  const sink = await Sink.open();
  const flags = "--blind --rate 100k --duration 1 --run-id same --data-start 2026-01-01 --no-traces --no-metrics".split(
    " ",
  );
  const { code, stderr } = await clickstorm(["--clickhouse-url", sink.url, ...flags, ...more]);
  await sink.close();
  expect(code, stderr).to.equal(0);
  return sink.bodies;
}

const sha256 = (parts: readonly Buffer[]): string => createHash("sha256").update(Buffer.concat(parts)).digest("hex");

/** The 100,000 sequence numbers in a body of rows, in their order. */
function sequence(parts: readonly Buffer[]): number[] {
  return [
    ...Buffer.concat(parts)
      .toString("latin1")
      .matchAll(/"seq":(\d+)\}/g),
  ].map((match) => Number(match[1]));
}

describe("determinism", function () {
  this.timeout(60_000);
  let one: Buffer[];

  before(async () => {
    one = await bodies("--seed", "1", "--workers", "1", "--batch-rows", "3000");
    expect(one).to.have.length(34);
    expect(sequence(one)).to.deep.equal(Array.from({ length: 100_000 }, (_, row) => row));
  });

  for (const workers of ["2", "3"]) {
    it(`${workers} workers send the 34 bodies that one worker sends, by SHA-256`, async () => {
      const some = await bodies("--seed", "1", "--workers", workers, "--batch-rows", "3000");
      expect(some.map((body) => sha256([body]))).to.deep.equal(one.map((body) => sha256([body])));
    });
  }

  it("batches of 777 rows hold the rows that batches of 3000 hold", async () => {
    const some = await bodies("--seed", "1", "--workers", "2", "--batch-rows", "777");
    expect(some).to.have.length(129);
    expect(sha256(some)).to.equal(sha256(one));
  });

  it("another seed gives other bytes in every row, and the same sequence", async () => {
    const some = await bodies("--seed", "2", "--workers", "1", "--batch-rows", "3000");
    const lines = (parts: readonly Buffer[]): string[] =>
      Buffer.concat(parts).toString("latin1").split("\n").slice(0, -1);
    const other = lines(some);
    expect(lines(one).filter((line, row) => line === other[row])).to.deep.equal([]);
    expect(sequence(some)).to.deep.equal(sequence(one));
  });
});
