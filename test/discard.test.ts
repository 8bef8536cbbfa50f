// src/ladder/discard.ts and its thread: what a plain socket sends is what it counts, however it is cut up.

import { connect } from "node:net";
import { expect } from "chai";
import { type Discarder, startDiscarder } from "../src/ladder/discard.js";

const OK = "HTTP/1.1 200 OK";

/** Sends the pieces, each in a chunk of its own; resolves with all that came back once `answers` have, or the end. */
async function send({ endpoint }: Discarder, pieces: readonly string[], answers: number): Promise<string> {
  const socket = connect(endpoint.port, endpoint.host).setNoDelay(true);
  let text = "";
  const done = new Promise<void>((resolve) => {
    socket.on("error", () => undefined).on("close", resolve);
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      if (text.split(OK).length > answers) resolve();
    });
  });
  for (const piece of pieces) {
    await new Promise((resolve) => socket.write(piece, resolve));
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await done;
  socket.destroy();
  return text;
}

describe("the discarding endpoint", () => {
  let discarder: Discarder;
  beforeEach(async () => {
    discarder = await startDiscarder();
  });
  afterEach(() => discarder.close());

  const post = (length: number): string => `POST /?query=x HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n`;
  const cases: readonly (readonly [what: string, pieces: readonly string[], bodies: number, bytes: number])[] = [
    ["a head and a body in one piece", [`${post(5)}12345`], 1, 5],
    [
      "a head in three pieces, cut within its end, and a body in two",
      ["POST / HTTP/1.1\r\nContent-", "Length: 5\r\n\r", "\n12", "345"],
      1,
      5,
    ],
    [
      "two requests in one piece, the second in lower case",
      [`${post(3)}abcPOST / HTTP/1.1\r\ncontent-length: 2\r\n\r\nde`],
      2,
      5,
    ],
    ["no body", [post(0)], 1, 0],
    ["a body that looks like a head", [`${post(post(9).length)}${post(9)}`], 1, post(9).length],
  ];
  for (const [what, pieces, bodies, bytes] of cases) {
    it(`${what}: ${bodies} answered, ${bytes} bytes`, async () => {
      const text = await send(discarder, pieces, bodies);
      expect(text.split(OK).length - 1).to.equal(bodies);
      expect(discarder.counted()).to.deep.equal({ bodies, bytes });
    });
  }

  it("a body that is not whole yet is not answered, and no body", async () => {
    const socket = connect(discarder.endpoint.port, discarder.endpoint.host);
    const answers: string[] = [];
    socket.on("data", (chunk: Buffer) => answers.push(chunk.toString()));
    socket.write(`${post(10)}12345`);
    for (let tries = 0; discarder.counted().bytes < 5 && tries < 200; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(discarder.counted()).to.deep.equal({ bodies: 0, bytes: 5 });
    expect(answers).to.deep.equal([]);
    socket.destroy();
  });

  it("a request without a length is not answered: the connection is closed", async () => {
    expect(await send(discarder, ["GET / HTTP/1.1\r\nHost: x\r\n\r\n"], 1)).to.equal("");
    expect(discarder.counted()).to.deep.equal({ bodies: 0, bytes: 0 });
  });
});
