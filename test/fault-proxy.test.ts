// The fault proxy itself: each fault as a client sees it and as the server behind does, without the program under test.

import { Agent, request } from "node:http";
import { expect } from "chai";
import fc from "fast-check";
import { type Fault, FaultProxy, firstAttempts } from "./support/fault-proxy.js";
import { RequestReader } from "./support/request-reader.js";
import { Sink } from "./support/sink.js";

interface Seen {
  readonly status: number | undefined;
  readonly body: string;
  /** Of the connection that failed, or "timeout". */
  readonly error: string | undefined;
}

/** Larger than what sockets of both sides hold together. */
const LONG = 20_000_000;

describe("the fault proxy", () => {
  let sink: Sink;
  let proxy: FaultProxy;
  let agent: Agent;
  beforeEach(async () => {
    sink = await Sink.open();
    proxy = await FaultProxy.open(Number(new URL(sink.url).port));
    agent = new Agent({ keepAlive: true, maxSockets: 1 });
  });
  afterEach(async () => {
    agent.destroy();
    await proxy.close();
    await sink.close();
  });

  const post = (path: string, body: string | Buffer, timeoutMs = 5000, chunked = false): Promise<Seen> =>
    new Promise((resolve) => {
      const headers = chunked ? { "transfer-encoding": "chunked" } : { "content-length": body.length };
      const sent = request({ port: proxy.port, method: "POST", path, agent, headers });
      const fail = (error: string): void => resolve({ status: undefined, body: "", error });
      sent.on("error", (error: NodeJS.ErrnoException) => fail(error.code ?? error.message));
      sent.setTimeout(timeoutMs, () => {
        fail("timeout");
        sent.destroy();
      });
      sent.on("response", (answer) => {
        let text = "";
        answer.setEncoding("utf8").on("data", (piece: string) => (text += piece));
        answer.on("end", () => resolve({ status: answer.statusCode, body: text, error: undefined }));
      });
      sent.end(body);
    });
  const insert = (batch: number, body: string | Buffer = "rows", timeoutMs?: number): Promise<Seen> =>
    post(`/?query=INSERT&query_id=run-${batch}-1&x=1`, body, timeoutMs);
  /** Batches the server got whole. */
  const arrived = (): number[] =>
    sink.received.filter(({ body, contentLength }) => body.length === contentLength).map(({ batch }) => batch);
  const spoil = (fault: Fault): void => {
    proxy.plan = firstAttempts(2, fault);
  };
  const OK: Seen = { status: 200, body: "", error: undefined };
  const RESET: Seen = { status: undefined, body: "", error: "ECONNRESET" };

  it("passes three requests on one connection, by length and in chunks, and tells inserts from questions", async () => {
    expect(await insert(0)).to.deep.equal(OK);
    expect(await post("/?query=SELECT", "1")).to.deep.equal(OK);
    expect(await insert(1, "x".repeat(300_000))).to.deep.equal(OK);
    expect(sink.received.map(({ body }) => body.length)).to.deep.equal([4, 1, 300_000]);
    expect(proxy.seen).to.deep.equal([
      { queryId: "run-0-1", batch: 0, attempt: 1, reuses: false },
      { queryId: "run-1-1", batch: 1, attempt: 1, reuses: true },
    ]);
    expect(proxy.spoilt).to.deep.equal([]);
  });

  it("reset at the head: the client is reset, the server gets nothing; the next insert passes", async () => {
    spoil({ kind: "reset", at: "head" });
    expect([await insert(1), await insert(2)]).to.deep.equal([RESET, OK]);
    expect([arrived(), proxy.spoiltBatches]).to.deep.equal([[2], [1]]);
  });

  it("reset in the body: the server gets half of it, and its end", async () => {
    spoil({ kind: "reset", at: "body" });
    expect(await insert(1, "x".repeat(1000))).to.deep.equal(RESET);
    expect(await insert(2)).to.deep.equal(OK);
    expect(sink.received.map(({ batch, body }) => [batch, body.length])).to.deep.equal([
      [1, 500],
      [2, 4],
    ]);
    expect(proxy.spoiltBatches).to.deep.equal([1]);
  });

  it("reset at the answer: the server has got it whole", async () => {
    spoil({ kind: "reset", at: "answer" });
    expect([await insert(1), await insert(2)]).to.deep.equal([RESET, OK]);
    expect([arrived(), proxy.spoiltBatches]).to.deep.equal([[1, 2], [1]]);
  });

  for (const passesOn of [true, false]) {
    it(`silent, ${passesOn ? "passed on" : "not passed on"}: no answer; the server has ${passesOn ? "it" : "nothing"}`, async () => {
      spoil({ kind: "silent", passesOn });
      expect((await insert(1, "rows", 200)).error).to.equal("timeout");
      expect(arrived()).to.deep.equal(passesOn ? [1] : []);
      expect(await insert(2)).to.deep.equal(OK);
      expect(proxy.spoiltBatches).to.deep.equal([1]);
    });
  }

  it(`deaf: of ${LONG} bytes the client gets rid of a part`, async () => {
    spoil({ kind: "deaf" });
    expect((await insert(1, Buffer.alloc(LONG), 500)).error).to.equal("timeout");
    expect([arrived(), proxy.spoiltBatches]).to.deep.equal([[], [1]]);
  });

  it("late by 400 ms: not there after 200 ms, there in the end; the insert behind it comes at once", async () => {
    spoil({ kind: "late", ms: 400 });
    expect((await insert(1, "rows", 200)).error).to.equal("timeout");
    const before = performance.now();
    expect(await insert(3)).to.deep.equal(OK);
    expect(performance.now() - before).to.be.at.least(395);
    expect(await insert(4)).to.deep.equal(OK);
    expect([arrived(), proxy.spoiltBatches]).to.deep.equal([
      [1, 3, 4],
      [1, 3],
    ]);
  });

  it("slow: 300,000 bytes at 1 MB/s take 0.3 s at least", async () => {
    spoil({ kind: "slow", bytesPerS: 1_000_000 });
    const before = performance.now();
    expect(await insert(1, Buffer.alloc(300_000))).to.deep.equal(OK);
    // But for the last piece, behind which nothing is waited for.
    expect(performance.now() - before).to.be.at.least(200);
    expect([arrived(), proxy.spoiltBatches]).to.deep.equal([[1], [1]]);
  });

  for (const passesOn of [true, false]) {
    it(`503, ${passesOn ? "in place of the server's answer" : "without the server"}: on the same connection goes on`, async () => {
      spoil({ kind: "answer", status: 503, passesOn });
      const answer = { status: 503, body: "<html><h1>503 from the proxy</h1></html>\n", error: undefined };
      expect([await insert(1), await insert(2)]).to.deep.equal([answer, OK]);
      expect(arrived()).to.deep.equal(passesOn ? [1, 2] : [2]);
      expect(proxy.seen.map(({ reuses }) => reuses)).to.deep.equal([false, true]);
      expect(proxy.spoiltBatches).to.deep.equal([1]);
    });
  }

  it("refuses for a while, on the same port again afterwards; live connections are reset", async () => {
    const { port } = proxy;
    spoil({ kind: "silent", passesOn: false });
    const waiting = insert(1);
    while (proxy.spoilt.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    await proxy.refuse();
    expect(await waiting).to.deep.equal(RESET);
    expect((await insert(2)).error).to.equal("ECONNREFUSED");
    await proxy.accept();
    expect([await insert(4), proxy.port]).to.deep.equal([OK, port]);
  });

  it("a server that goes away resets the client", async () => {
    await sink.close();
    expect(await insert(0)).to.deep.equal(RESET);
  });

  it("finds the ends of requests however their bytes are cut, by length and in chunks", () => {
    const body = fc.oneof(
      fc.string({ maxLength: 30 }).map((text) => {
        const bytes = Buffer.from(text);
        return Buffer.concat([Buffer.from(`POST / HTTP/1.1\r\nContent-Length: ${bytes.length}\r\n\r\n`), bytes]);
      }),
      fc.array(fc.string({ minLength: 1, maxLength: 20 }), { maxLength: 4 }).map((texts) => {
        const chunks = texts.map((text) => `${Buffer.byteLength(text).toString(16)};x=1\r\n${text}\r\n`);
        return Buffer.from(`POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n${chunks.join("")}0\r\nA: b\r\n\r\n`);
      }),
    );
    fc.assert(
      fc.property(fc.array(body, { maxLength: 5 }), fc.array(fc.integer({ min: 1, max: 40 })), (requests, cuts) => {
        const read: Buffer[] = [];
        let pieces: Buffer[] = [];
        const reader = new RequestReader({
          head: (_, raw) => void pieces.push(raw),
          body: (raw) => void pieces.push(raw),
          end: () => {
            read.push(Buffer.concat(pieces));
            pieces = [];
          },
        });
        let rest = Buffer.concat(requests);
        for (const cut of cuts) {
          if (rest.length > 0) reader.push(rest.subarray(0, cut));
          rest = rest.subarray(cut);
        }
        if (rest.length > 0) reader.push(rest);
        expect(read.map(String)).to.deep.equal(requests.map(String));
      }),
    );
  });
});
