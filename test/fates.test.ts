// Fates: what is marked is what is read, from another thread too, and batches do not touch each other.

import { expect } from "chai";
import fc from "fast-check";
import { ACKNOWLEDGED, type Code, type Outcome, REASONS, TRANSPORT_CODES } from "../src/answer.js";
import { type Fate, Fates } from "../src/fates.js";

const sentence = "";

describe("fates", () => {
  it("nothing was handed to insert before it was marked; a batch beyond the last is none, and marking it harms none", () => {
    const fates = Fates.allocate(3);
    fates.answered(3, ACKNOWLEDGED);
    fates.mark(-1, "dropped");
    expect([0, 1, 2, 3].map((batch) => fates.kindAt(batch))).to.deep.equal(["none", "none", "none", "none"]);
    expect([fates.capacity, Fates.allocate(Number.POSITIVE_INFINITY).capacity]).to.deep.equal([3, 2 ** 27]);
  });

  it("every outcome of every reason and code is read as it was written", () => {
    const codes: readonly Code[] = [1, 252, 1199, ...TRANSPORT_CODES];
    const outcomes: readonly Outcome[] = [
      ACKNOWLEDGED,
      ...codes.map((code): Outcome => ({ kind: "unknown", code, sentence })),
      ...REASONS.flatMap((reason) => codes.map((code): Outcome => ({ kind: "failed", reason, code, sentence }))),
    ];
    const fates = Fates.allocate(outcomes.length);
    for (const [batch, outcome] of outcomes.entries()) fates.answered(batch, outcome);
    const read = new Fates(fates.buffer);
    for (const [batch, outcome] of outcomes.entries()) {
      const { sentence: _, ...told } = { sentence, ...outcome };
      expect(read.at(batch)).to.deep.equal(told);
      expect(read.kindAt(batch)).to.equal(outcome.kind);
    }
  });

  it("property: each batch has the fate it was given last", () => {
    const marks = ["none", "in_flight", "dropped"] as const;
    const step = fc.record({ batch: fc.nat({ max: 6 }), mark: fc.option(fc.constantFrom(...marks)) });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const fates = Fates.allocate(7);
        const model: Fate["kind"][] = Array.from({ length: 7 }, () => "none");
        for (const { batch, mark } of steps) {
          if (mark === null) fates.answered(batch, ACKNOWLEDGED);
          else fates.mark(batch, mark);
          model[batch] = mark ?? "acknowledged";
        }
        expect(model.map((_, batch) => fates.at(batch))).to.deep.equal(model.map((kind) => ({ kind })));
      }),
    );
  });
});
