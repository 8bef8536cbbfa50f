// One insert: what leaves, and what the head of its answer says of it. The server is Node's own and says what a ClickHouse
// behind a proxy may say; what ClickHouse itself says is tried in run.test.ts.

import { createServer, type OutgoingHttpHeaders, type RequestListener } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import type { Outcome } from "../src/answer.js";
import { Inserter } from "../src/insert.js";
import { query } from "../src/server.js";
import { closedPort, stranger } from "./support/strangers.js";

interface Place {
  readonly port: number;
  readonly url: string;
}

/** One insert at a time. */
const inserterOf = ({ port, url: origin }: Place, timeoutMs: number): Inserter =>
  new Inserter({
    sends: "bodies",
    compression: "none",
    endpoints: [{ origin, path: "/", host: "127.0.0.1", port, database: undefined, headers: {} }],
    parameters: { query: "INSERT" },
    permits: 1,
    timeoutMs,
  });

/** What became of so many inserts, one after the other, each answered so. `leaves`: whether that one is still to be sent. */
async function insertsTo(answer: RequestListener, inserts: number, leaves: (batch: number) => boolean = () => true) {
  const received: [url: string | undefined, body: string, port: number | undefined][] = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    received.push([request.url, body, request.socket.remotePort]);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const inserter = inserterOf({ port, url: `http://127.0.0.1:${port}` }, 5000);
  const outcomes: Outcome[] = [];
  for (let batch = 0; batch < inserts; batch++) {
    const request = {
      endpoint: 0,
      body: Buffer.from(`row ${batch}`),
      queryId: `run-${batch}-1`,
      token: `run-${batch}`,
    };
    outcomes.push(await inserter.insert({ ...request, traceparent: undefined, onSent: () => leaves(batch) }));
  }
  await inserter.close();
  await new Promise((resolve) => server.close(resolve));
  return { outcomes, received };
}

/** The same, answered by these bytes, one piece after the other, and by the end of the connection if it `ends`. */
async function insertsToSocket(pieces: readonly string[], inserts: number, ends = false) {
  let connections = 0;
  const peer = await stranger((socket) => {
    connections++;
    socket.on("data", async () => {
      for (const piece of pieces) {
        socket.write(piece);
        // Each piece is read by itself.
        await sleep(20);
      }
      if (ends) socket.end();
    });
  });
  const inserter = inserterOf(peer, 3000);
  const outcomes: Outcome[] = [];
  const request = { endpoint: 0, body: Buffer.from("row"), token: undefined, traceparent: undefined };
  for (let batch = 0; batch < inserts; batch++) {
    outcomes.push(await inserter.insert({ ...request, queryId: `run-${batch}-1`, onSent: () => true }));
  }
  await inserter.close();
  await peer.close();
  return { outcomes, connections };
}

/** What became of an insert whose answer is a 500 with these headers and the body "busy". */
async function outcomeOf(headers: OutgoingHttpHeaders): Promise<Outcome | undefined> {
  const { outcomes } = await insertsTo((_, response) => response.writeHead(500, headers).end("busy"), 1);
  return outcomes[0];
}

describe("an insert", () => {
  for (const name of ["X-ClickHouse-Exception-Code", "x-clickhouse-exception-code"]) {
    it(`whose answer is a 500 with ${name}: 252 and no code in its body failed as busy, with code 252`, async () => {
      const outcome = await outcomeOf({ "X-ClickHouse-Summary": "{}", [name]: "252" });
      expect(outcome).to.deep.equal({ kind: "failed", reason: "busy", code: 252, sentence: "busy" });
    });
  }

  it("whose answer is a 500 with X-ClickHouse-Exception-Name: 252 is unknown, as http_5xx", async () => {
    const outcome = await outcomeOf({ "X-ClickHouse-Exception-Name": "252" });
    expect(outcome).to.deep.equal({ kind: "unknown", code: "http_5xx", sentence: "HTTP 500: busy" });
  });

  it("that is not to leave any more when its connection is there never does, and the connection serves the next ones", async () => {
    const left = [2, 4, 5];
    const { outcomes, received } = await insertsTo(
      (_, response) => response.end(),
      6,
      (batch) => left.includes(batch),
    );
    expect(received.map(([, body]) => body)).to.deep.equal(left.map((batch) => `row ${batch}`));
    expect(new Set(received.map(([, , port]) => port)).size).to.equal(1);
    expect(outcomes.map(({ kind }) => kind === "acknowledged")).to.deep.equal(
      [0, 1, 2, 3, 4, 5].map((n) => left.includes(n)),
    );
  });

  const OK = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  const CONTINUE = "HTTP/1.1 100 Continue\r\n\r\n";
  const HINTS = "HTTP/1.1 103 Early Hints\r\nX-ClickHouse-Exception-Code: 60\r\nLink: <x>\r\n\r\n";
  for (const [what, answer] of [
    ["100 Continue and 200 in one piece", [CONTINUE + OK]],
    ["100 Continue and 200, each by itself", [CONTINUE, OK]],
    ["100 Continue, cut in its reason, and 200", [CONTINUE.slice(0, 16), CONTINUE.slice(16) + OK]],
    ["100 Continue three times, and 200", [CONTINUE + CONTINUE + CONTINUE + OK]],
    ["102, 100, 103 and 200", ["HTTP/1.1 102 Processing\r\n\r\n", CONTINUE + HINTS, OK]],
    ["103 with an exception code of its own, and 200", [HINTS + OK]],
  ] as const) {
    it(`three answered by ${what} are acknowledged, and leave by one connection`, async () => {
      const { outcomes, connections } = await insertsToSocket(answer, 3);
      expect(outcomes).to.deep.equal([{ kind: "acknowledged" }, { kind: "acknowledged" }, { kind: "acknowledged" }]);
      expect(connections).to.equal(1);
    });
  }

  it("answered by 103 with exception code 60, then by 500 with 252, is busy: what came with the 103 is forgotten", async () => {
    const busy = "HTTP/1.1 500 No\r\nX-ClickHouse-Exception-Code: 252\r\nContent-Length: 4\r\n\r\nbusy";
    const { outcomes } = await insertsToSocket([HINTS, CONTINUE + busy], 1);
    expect(outcomes).to.deep.equal([{ kind: "failed", reason: "busy", code: 252, sentence: "busy" }]);
  });

  it("answered by 100 Continue and nothing more is unknown, as the connection ends or as its time is over", async () => {
    const ended = await insertsToSocket([CONTINUE], 1, true);
    expect(ended.outcomes[0]).to.include({ kind: "unknown", code: "connection_reset" });
    const silent = await insertsToSocket([CONTINUE], 1);
    expect(silent.outcomes[0]).to.include({ kind: "unknown", code: "timeout" });
  });

  it("three one after the other, each answered by a 103 and then a 200, are acknowledged and leave by one connection", async () => {
    const { outcomes, received } = await insertsTo((_, response) => {
      response.writeEarlyHints({ link: "</>; rel=preload" });
      response.end();
    }, 3);
    expect(outcomes).to.deep.equal([{ kind: "acknowledged" }, { kind: "acknowledged" }, { kind: "acknowledged" }]);
    expect(received.map(([url, body]) => [url, body])).to.deep.equal([
      ["/?query=INSERT&query_id=run-0-1&insert_deduplication_token=run-0", "row 0"],
      ["/?query=INSERT&query_id=run-1-1&insert_deduplication_token=run-1", "row 1"],
      ["/?query=INSERT&query_id=run-2-1&insert_deduplication_token=run-2", "row 2"],
    ]);
    expect(new Set(received.map(([, , port]) => port)).size).to.equal(1);
  });
});

describe("the connections of inserts", () => {
  function inserterTo(peer: Place) {
    const inserter = inserterOf(peer, 5000);
    const rest = { endpoint: 0, body: Buffer.from("row"), token: undefined, traceparent: undefined };
    return { inserter, insert: () => inserter.insert({ ...rest, queryId: "run-0-1", onSent: () => true }) };
  }

  it("30 that are refused leave none behind", async () => {
    const port = await closedPort();
    const { inserter, insert } = inserterTo({ port, url: `http://127.0.0.1:${port}` });
    for (let batch = 0; batch < 30; batch++) expect((await insert()).kind).to.equal("failed");
    expect([...inserter.carriers()]).to.deep.equal([]);
    await inserter.close();
  });

  it("one is known while it is connected, and forgotten when it is closed; the next insert has another", async () => {
    let connections = 0;
    const peer = await stranger((socket) => {
      connections++;
      socket.on("data", () => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
    });
    const { inserter, insert } = inserterTo(peer);
    for (let life = 1; life <= 3; life++) {
      expect(await insert()).to.deep.equal({ kind: "acknowledged" });
      expect([inserter.carriers().size, connections]).to.deep.equal([1, life]);
      const socket = [...inserter.carriers()][0]?.socket as Socket;
      const closed = new Promise((resolve) => socket.once("close", resolve));
      socket.destroy();
      await closed;
      expect(inserter.carriers().size).to.equal(0);
    }
    await inserter.close();
    await peer.close();
  });
});

describe("a question", () => {
  it("answered by 100 Continue, 103 with an exception code, and rows gets the rows", async () => {
    const rows = '{"data":[{"n":1}]}';
    const interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nX-ClickHouse-Exception-Code: 60\r\n\r\n";
    const peer = await stranger((socket) => {
      socket.on("data", () => socket.end(`${interim}HTTP/1.1 200 OK\r\nContent-Length: ${rows.length}\r\n\r\n${rows}`));
    });
    const { port, url: origin } = peer;
    const endpoint = { origin, path: "/", host: "127.0.0.1", port, database: undefined, headers: {} };
    expect(await query(endpoint, "SELECT 1 AS n")).to.deep.equal([{ n: 1 }]);
    await peer.close();
  });
});
