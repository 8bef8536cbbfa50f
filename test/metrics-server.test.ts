// /metrics against scrapers that mean harm, or are broken: raw sockets to a real run. What it costs is what the process says
// of itself.

import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { createRegistry } from "../src/metrics.js";
import { serveMetrics } from "../src/metrics-server.js";
import { type Running, start } from "./support/cli.js";
import { parseText } from "./support/prometheus.js";
import { newDatabase, numberOf } from "./support/server.js";

const GET = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
const MIB = 2 ** 20;

/** A connection of which is known what came, and whether it is over. */
interface Raw {
  readonly socket: Socket;
  readonly closed: Promise<void>;
  /** What came so far. */
  text(): string;
}

function raw(port: number, first: string | Buffer = "", reads = true): Raw {
  const socket = connect(port, "127.0.0.1");
  let text = "";
  socket.on("error", () => undefined);
  const closed = new Promise<void>((resolve) => socket.on("close", () => resolve()));
  if (reads) socket.on("data", (chunk) => (text += chunk.toString("latin1")));
  else socket.pause();
  if (first !== "") socket.write(first);
  return { socket, closed, text: () => text };
}

/** The whole answer of a connection that is closed after it. */
async function answerTo(port: number, request: string): Promise<string> {
  const asked = raw(port, request);
  await asked.closed;
  return asked.text();
}

/** Until all are closed. Who reads nothing does not see the end, but sees that what he sends is refused. */
async function cutOff(all: readonly Raw[], sent: string): Promise<void> {
  const asking = setInterval(() => {
    for (const { socket } of all) if (!socket.destroyed) socket.write(sent);
  }, 5);
  await Promise.all(all.map(({ closed }) => closed));
  clearInterval(asking);
}

describe("/metrics of a run, asked by strangers", function () {
  this.timeout(60_000);

  let running: Running;
  let port: number;
  let database: string;
  const sockets: Socket[] = [];
  const opened = (one: Raw): Raw => {
    sockets.push(one.socket);
    return one;
  };
  before(async () => {
    const target = await newDatabase();
    database = target.database;
    running = start([
      ...["--clickhouse-url", target.url, "--rate", "1000", "--duration", "1", "--batch-rows", "100", "--no-traces"],
      ...["--metrics-port", "0", "--metrics-host", "127.0.0.1", "--hold", "10m"],
    ]);
    let said = "";
    running.process.stderr?.on("data", (text: string) => (said += text));
    await running.said("holding http");
    port = Number(/http:\/\/127\.0\.0\.1:(\d+)\/metrics/.exec(said)?.[1]);
  });
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy();
  });
  after(() => {
    running.process.kill("SIGKILL");
  });

  const scrape = async (): Promise<Map<string, number>> =>
    parseText(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text());
  const generated = async (): Promise<number | undefined> => (await scrape()).get("ingestion_generated_events_total");
  const residentMiB = async (): Promise<number> =>
    ((await scrape()).get("process_resident_memory_bytes") ?? Number.NaN) / MIB;

  for (const method of ["HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "PROPFIND"]) {
    it(`${method} is 405, without a body, and the connection is closed`, async () => {
      const answer = await answerTo(port, `${method} /metrics HTTP/1.1\r\nHost: x\r\n\r\n`);
      const [head = "", body] = answer.split("\r\n\r\n");
      expect(head.split("\r\n")[0]).to.equal("HTTP/1.1 405 Method Not Allowed");
      expect(head.toLowerCase()).to.include("\r\nallow: get\r\n").and.to.include("\r\nconnection: close\r\n");
      expect(body).to.equal("");
    });
  }

  it("CONNECT, and what is no HTTP, get nothing but an end", async () => {
    expect(await answerTo(port, "CONNECT db:9000 HTTP/1.1\r\nHost: db:9000\r\n\r\n")).to.equal("");
    expect(await answerTo(port, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")).to.match(/^HTTP\/1\.1 400 /);
  });

  it("another path is 404, a body and an upgrade are not looked at", async () => {
    expect(await answerTo(port, "GET /etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n")).to.match(
      /^HTTP\/1\.1 404 [\s\S]*see \/metrics\n/,
    );
    const upgrade = "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n";
    expect(await answerTo(port, upgrade)).to.match(/^HTTP\/1\.1 200 /);
    const post = `POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n${"x".repeat(100_000)}`;
    expect(await answerTo(port, post)).to.match(/^HTTP\/1\.1 405 /);
  });

  it("7 KiB of headers are taken, 9 KiB are 431, whether one header or a thousand", async () => {
    const request = (headers: string): string =>
      `GET /metrics HTTP/1.1\r\nHost: x\r\n${headers}Connection: close\r\n\r\n`;
    expect(await answerTo(port, request(`A: ${"x".repeat(7 * 1024)}\r\n`))).to.match(/^HTTP\/1\.1 200 /);
    expect(await answerTo(port, request(`A: ${"x".repeat(9 * 1024)}\r\n`))).to.match(/^HTTP\/1\.1 431 /);
    expect(await answerTo(port, request("A: 12345\r\n".repeat(1500)))).to.match(/^HTTP\/1\.1 431 /);
    expect(await answerTo(port, `GET /${"x".repeat(9 * 1024)} HTTP/1.1\r\n\r\n`)).to.match(/^HTTP\/1\.1 431 /);
  });

  it("15 that send a byte a second, and 15 that say nothing, are cut off; a scrape is answered meanwhile", async () => {
    const slow = Array.from({ length: 15 }, () => opened(raw(port, "GET /metrics HTTP/1.1\r\n")));
    const silent = Array.from({ length: 15 }, () => opened(raw(port)));
    const dripping = setInterval(() => {
      for (const { socket } of slow) if (!socket.destroyed) socket.write("x");
    }, 1000);
    expect(await generated()).to.equal(1000);
    await Promise.all([...slow, ...silent].map(({ closed }) => closed));
    clearInterval(dripping);
    for (const one of slow) expect(one.text()).to.match(/^HTTP\/1\.1 408 /);
  });

  it("a connection that is kept open without a further request is closed, too", async () => {
    const idle = opened(raw(port, GET));
    await idle.closed;
    expect(idle.text()).to.match(/^HTTP\/1\.1 200 [\s\S]*ingestion_generated_events_total 1000\n/);
  });

  it("30 that send 20,000 requests at once and read no answer are cut off, and cost less than 150 MiB", async () => {
    await scrape();
    const before = await residentMiB();
    const flood = Buffer.from(GET.repeat(20_000));
    const greedy = Array.from({ length: 30 }, () => opened(raw(port, flood, false)));
    await cutOff(greedy, "\r\n");
    expect((await residentMiB()) - before).to.be.below(150);
    expect(await generated()).to.equal(1000);
  });

  it("30 that ask again and again, and read no answer, are cut off, and cost less than 150 MiB", async () => {
    const before = await residentMiB();
    const deaf = Array.from({ length: 30 }, () => opened(raw(port, GET, false)));
    await cutOff(deaf, GET);
    expect((await residentMiB()) - before).to.be.below(150);
    expect(await generated()).to.equal(1000);
  });

  it("none of them holds up the end of the run: exit 0, and the ledger has its 1,000 rows", async () => {
    for (let index = 0; index < 9; index++) {
      opened(raw(port));
      opened(raw(port, "GET /met"));
      opened(raw(port, GET, false));
    }
    expect(await generated()).to.equal(1000);
    running.process.kill("SIGINT");
    const { code, stdout } = await running.ended;
    expect([code, stdout.includes("landed 1,000, lost 0")]).to.deep.equal([0, true]);
    expect(await numberOf("SELECT count() FROM events", database)).to.equal(1000);
  });
});

describe("an answer larger than the system takes", function () {
  this.timeout(30_000);

  it("is not kept for a scraper that reads nothing of it: it is cut off, and one that reads gets it whole", async () => {
    const name = "x".repeat(32 * MIB);
    const server = await serveMetrics(
      createRegistry({ name }, () => undefined),
      0,
      "127.0.0.1",
    );
    try {
      const port = Number(new URL(server.url).port);
      const deaf = raw(port, GET, false);
      const text = await (await fetch(server.url)).text();
      expect(text).to.include(`ingestion_run_info{name="${name}"} 1\n`);
      await cutOff([deaf], "\r\n");
    } finally {
      await server.close();
    }
  });

  it("does not hold up the end: closing ends it", async () => {
    const server = await serveMetrics(
      createRegistry({ name: "x".repeat(32 * MIB) }, () => undefined),
      0,
      "127.0.0.1",
    );
    const deaf = Array.from({ length: 5 }, () => raw(Number(new URL(server.url).port), GET, false));
    await sleep(500);
    await server.close();
    for (const { socket } of deaf) socket.resume();
    await Promise.all(deaf.map(({ closed }) => closed));
  });
});
