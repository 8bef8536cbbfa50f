// One insert: what leaves, and what the head of its answer says of it. The server is Node's own and says what a ClickHouse
// behind a proxy may say; what ClickHouse itself says is tried in run.test.ts.

import { createServer, type OutgoingHttpHeaders, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { expect } from "chai";
import type { Outcome } from "../src/answer.js";
import { Inserter } from "../src/insert.js";

/** What became of so many inserts, one after the other, each answered so. */
async function insertsTo(answer: RequestListener, inserts: number) {
  const received: [url: string | undefined, body: string, port: number | undefined][] = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    received.push([request.url, body, request.socket.remotePort]);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const inserter = new Inserter({
    sends: "bodies",
    compression: "none",
    endpoints: [
      { origin: `http://127.0.0.1:${port}`, path: "/", host: "127.0.0.1", port, database: undefined, headers: {} },
    ],
    parameters: { query: "INSERT" },
    permits: 1,
    timeoutMs: 5000,
  });
  const outcomes: Outcome[] = [];
  for (let batch = 0; batch < inserts; batch++) {
    const request = {
      endpoint: 0,
      body: Buffer.from(`row ${batch}`),
      queryId: `run-${batch}-1`,
      token: `run-${batch}`,
    };
    outcomes.push(await inserter.insert({ ...request, traceparent: undefined, onSent: () => undefined }));
  }
  await inserter.close();
  await new Promise((resolve) => server.close(resolve));
  return { outcomes, received };
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
