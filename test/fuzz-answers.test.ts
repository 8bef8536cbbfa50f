// What a peer may answer, HTTP or not: to an insert and to a question. Each ends within its time limit with an outcome of
// the listed ones or a ServerError, and holds no more memory than a sentence needs. A failure prints its seed; FUZZ=20
// multiplies the runs.

import { expect } from "chai";
import fc from "fast-check";
import { classifyAnswer, classifyError, type Outcome, REASONS, TRANSPORT_CODES } from "../src/answer.js";
import type { Endpoint } from "../src/endpoint.js";
import { Inserter } from "../src/insert.js";
import { query, ServerError } from "../src/server.js";
import { settledWithin } from "./support/bounded.js";
import { anyAnswer, bytes, ENDLESS, endless, GOOD, Peer, REFUSED, SILENT } from "./support/strange-answers.js";

const runs = (numRuns: number) => ({ numRuns: numRuns * Number(process.env.FUZZ ?? 1) });
/** What must have come for a property to have seen every outcome, whatever is drawn: the first rounds. */
const rounds = (count: number): [[string, boolean][]][] =>
  [GOOD, REFUSED, SILENT].map((text) => [Array.from({ length: count }, (): [string, boolean] => [text, false])]);
const TIMEOUT_MS = 300;
/** So much later than its time limit at most: the machine may be busy. */
const LIMIT_MS = TIMEOUT_MS + 2000;
/** Of what a stranger says, so much reaches a sentence. */
const SENTENCE = 600;

describe("fuzz: answers to inserts", function () {
  this.timeout(120_000);
  const peer = new Peer();
  let inserter: Inserter;
  const body = Buffer.from('{"seq":1}\n'.repeat(100));
  /** Of one pool, so that what an answer leaves behind meets the next insert. */
  const PERMITS = 8;

  before(async () => {
    const parameters = { query: "INSERT" };
    const endpoints = [await peer.endpoint()];
    inserter = new Inserter({
      sends: "bodies",
      compression: "none",
      endpoints,
      parameters,
      permits: PERMITS,
      timeoutMs: TIMEOUT_MS,
    });
  });
  after(async () => {
    await inserter.close();
    await peer.close();
  });

  const insert = (number: number): Promise<Outcome> => {
    const [queryId, token] = [`fuzz-${number}-1`, `fuzz-${number}`];
    const request = { endpoint: 0, body, queryId, token, traceparent: undefined, onSent: () => true };
    return settledWithin(LIMIT_MS, inserter.insert(request));
  };

  /** Listed words and numbers alone, and a sentence that a line holds. */
  function expectOutcome(outcome: Outcome): void {
    expect(outcome.kind).to.be.oneOf(["acknowledged", "failed", "unknown"]);
    if (outcome.kind === "acknowledged") return;
    if (outcome.kind === "failed") expect(outcome.reason).to.be.oneOf([...REASONS]);
    if (typeof outcome.code === "number") expect(outcome.code).to.satisfy(Number.isSafeInteger).and.to.be.above(0);
    else expect(outcome.code).to.be.oneOf([...TRANSPORT_CODES]);
    expect(outcome.sentence).to.not.equal("");
    expect(outcome.sentence.length).to.be.at.most(SENTENCE);
    expect(outcome.sentence).to.not.match(/\p{Cc}/u);
  }

  it("eight at once, each answered by anything: an outcome within its time limit; acknowledged only by a whole 2xx", async () => {
    const kinds = new Map<string, number>();
    let [accepting, acknowledged] = [0, 0];
    await fc.assert(
      fc.asyncProperty(fc.array(anyAnswer, { minLength: PERMITS, maxLength: PERMITS }), async (answers) => {
        peer.answers = answers.map(([text, ends]) => bytes(text, ends));
        const outcomes = await Promise.all(answers.map((_, number) => insert(number)));
        for (const outcome of outcomes) {
          expectOutcome(outcome);
          kinds.set(outcome.kind, (kinds.get(outcome.kind) ?? 0) + 1);
        }
        // An answer may be read by an insert that comes behind its own, or behind all eight: taken together, there are enough of them.
        accepting += answers.flatMap(([text]) => [...text.matchAll(/HTTP\/\d\.\d 2\d\d/g)]).length;
        acknowledged += outcomes.filter(({ kind }) => kind === "acknowledged").length;
        expect(acknowledged).to.be.at.most(accepting);
      }),
      { ...runs(60), examples: rounds(PERMITS) },
    );
    expect([...kinds.keys()].sort()).to.deep.equal(["acknowledged", "failed", "unknown"]);
  });

  it("after all that, of 20 inserts answered well, at most the eight with spoilt connections are not acknowledged", async () => {
    peer.answers = Array.from({ length: 20 }, () => bytes("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false));
    const outcomes: Outcome[] = [];
    for (let number = 0; number < 20; number++) outcomes.push(await insert(number));
    expect(outcomes.filter(({ kind }) => kind === "acknowledged").length).to.be.at.least(20 - PERMITS);
    expect(outcomes.at(-1)).to.deep.equal({ kind: "acknowledged" });
  });

  for (const [what, first, again] of ENDLESS) {
    it(`${what} without end: not acknowledged, over within the time limit, in less than 100 MB`, async () => {
      peer.answers = [endless(first, again)];
      const before = process.memoryUsage().rss;
      const outcome = await insert(0);
      expectOutcome(outcome);
      expect(outcome.kind).to.equal("unknown");
      expect(process.memoryUsage().rss - before).to.be.below(100_000_000);
    });
  }

  it("any status, header and body, and any error: one of the listed outcomes", () => {
    const header = fc.option(fc.oneof(fc.string({ maxLength: 10 }), fc.integer().map(String), fc.constant("1e400")), {
      nil: undefined,
    });
    const text = fc.oneof(
      fc.string({ unit: "binary", maxLength: 2000 }),
      fc.nat().map((code) => `Code: ${code}. words`),
    );
    fc.assert(
      fc.property(fc.integer({ min: 100, max: 999 }), header, text, (status, exception, answer) => {
        const outcome = classifyAnswer(status, exception, answer);
        expectOutcome(outcome);
        if (outcome.kind === "acknowledged") expect(status).to.be.within(200, 299);
      }),
      runs(3000),
    );
    fc.assert(
      fc.property(fc.string(), fc.option(fc.string()), fc.boolean(), fc.boolean(), (message, code, sent, timedOut) => {
        const outcome = classifyError(Object.assign(new Error(message), { code }), sent, timedOut);
        expectOutcome(outcome);
        expect(outcome.kind).to.equal(sent ? "unknown" : "failed");
      }),
      runs(1000),
    );
  });
});

describe("fuzz: answers to questions", function () {
  this.timeout(120_000);
  const peer = new Peer();
  let endpoint: Endpoint;
  before(async () => {
    endpoint = await peer.endpoint();
  });
  after(() => peer.close());

  const ask = (): Promise<readonly unknown[] | ServerError> =>
    settledWithin(
      LIMIT_MS,
      query(endpoint, "SELECT 1", {}, { timeoutMs: TIMEOUT_MS }).catch((error: unknown) => {
        if (error instanceof ServerError) return error;
        throw error;
      }),
    );

  function expectSentence(error: ServerError): void {
    expect(error.message).to.match(/^[^\p{Cc}]+$/u);
    expect(error.message.length).to.be.below(SENTENCE + 200);
    expect(error.code).to.satisfy(
      (code: unknown) => typeof code === "number" || TRANSPORT_CODES.includes(code as never),
    );
  }

  it("anything: rows or a ServerError of one line", async () => {
    let [rows, refused] = [0, 0];
    await fc.assert(
      fc.asyncProperty(fc.array(anyAnswer, { minLength: 8, maxLength: 8 }), async (answers) => {
        peer.requests = 0;
        peer.answers = answers.map(([text, ends]) => bytes(text, ends));
        for (const answer of await Promise.all(answers.map(() => ask()))) {
          if (answer instanceof ServerError) expectSentence(answer);
          else expect(answer).to.be.an("array");
          if (answer instanceof ServerError) refused++;
          else rows++;
        }
      }),
      { ...runs(60), examples: rounds(8) },
    );
    expect(Math.min(rows, refused), `${rows} answers of rows, ${refused} errors`).to.be.above(0);
  });

  for (const [what, first, again] of ENDLESS) {
    it(`${what} without end: a ServerError within the time limit, in less than 200 MB`, async () => {
      peer.requests = 0;
      peer.answers = [endless(first, again)];
      const before = process.memoryUsage().rss;
      const answer = await ask();
      if (!(answer instanceof ServerError)) throw new Error("it was taken for rows");
      expectSentence(answer);
      expect(process.memoryUsage().rss - before).to.be.below(200_000_000);
    });
  }

  it("a body without end is not waited for: of 64 MiB it is enough", async () => {
    peer.requests = 0;
    peer.answers = [endless("HTTP/1.1 200 OK\r\n\r\n", "x".repeat(65_536))];
    const before = process.memoryUsage().rss;
    const answer = await query(endpoint, "SELECT 1", {}, { timeoutMs: 60_000 }).catch((error: unknown) => error);
    expect(answer).to.be.instanceOf(ServerError);
    const { host, port } = endpoint;
    expect((answer as ServerError).message).to.equal(
      `http://${host}:${port} does not answer as ClickHouse does: with more than 64 MiB`,
    );
    expect(process.memoryUsage().rss - before).to.be.below(300_000_000);
  });
});
