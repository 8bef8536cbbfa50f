// src/answer.ts as a table: CLICKHOUSE.md's failure classes, with ClickHouse's own sentences where they were seen.

import { expect } from "chai";
import { request } from "undici";
import { classifyAnswer, classifyError, type Outcome, REASONS, TRANSPORT_CODES, transportCode } from "../src/answer.js";
import { closedPort, stranger } from "./support/strangers.js";

const serverSays = (number: number): string =>
  `Code: ${number}. DB::Exception: words of the server. (NAME) (version 26.7.2.1)\n`;

/** kind, with the reason behind it where there is one. */
const verdict = (outcome: Outcome): string => (outcome.kind === "failed" ? `failed: ${outcome.reason}` : outcome.kind);

describe("answer: what an insert's answer means", () => {
  describe("by ClickHouse's exception code", () => {
    const table: readonly (readonly [verdict: string, status: number, codes: readonly number[]])[] = [
      ["failed: busy", 500, [201, 202, 203, 252, 439]],
      ["unknown", 500, [3, 159, 209, 210, 216, 241, 285, 319, 425, 999]],
      ["failed: refused", 400, [27, 117]],
      ["failed: refused", 404, [60, 81]],
      ["failed: refused", 403, [192, 193, 497, 516]],
      ["failed: read_only", 500, [164, 242]],
    ];
    for (const [expected, status, codes] of table) {
      it(`${codes.join(", ")} with HTTP ${status} is ${expected}, from the header or from the body alone`, () => {
        for (const code of codes) {
          for (const header of [String(code), undefined]) {
            const outcome = classifyAnswer(status, header, serverSays(code));
            expect(verdict(outcome), `${code}`).to.equal(expected);
            expect(outcome).to.include({ code, sentence: serverSays(code).trim() });
          }
        }
      });
    }

    it("a code of the lists for busy, ambiguous and read-only outweighs the HTTP status, 200 as well", () => {
      for (const status of [200, 400, 403, 404, 500, 503]) {
        expect(verdict(classifyAnswer(status, "252", serverSays(252)))).to.equal("failed: busy");
        expect(verdict(classifyAnswer(status, "241", serverSays(241)))).to.equal("unknown");
        expect(verdict(classifyAnswer(status, "164", serverSays(164)))).to.equal("failed: read_only");
      }
    });

    it("HTTP 200 with an exception in header and body is no acknowledgement: code 469, seen half-way through, is unknown", () => {
      const body =
        "Code: 469. DB::Exception: Constraint `c` for table default.slow is violated at row 4. (VIOLATED_CONSTRAINT)\n";
      for (const header of ["469", undefined]) {
        expect(classifyAnswer(200, header, body)).to.deep.equal({ kind: "unknown", code: 469, sentence: body.trim() });
      }
    });

    it("a code of no list is unknown where the status blames the server, refused where it blames the client", () => {
      expect(verdict(classifyAnswer(500, "469", serverSays(469)))).to.equal("unknown");
      expect(verdict(classifyAnswer(400, "469", serverSays(469)))).to.equal("failed: refused");
    });

    it("ClickHouse 18.16 sends no header and writes `Code: 81, e.displayText() = …`", () => {
      const body =
        "Code: 81, e.displayText() = DB::Exception: Database nosuch doesn't exist, e.what() = DB::Exception\n";
      expect(classifyAnswer(404, undefined, body)).to.deep.equal({
        kind: "failed",
        reason: "refused",
        code: 81,
        sentence: body.trim(),
      });
    });

    it("a number beyond all numbers is an exception all the same, never an acknowledgement", () => {
      for (const number of ["99999999999999999999", "9".repeat(400)]) {
        const verdict = classifyAnswer(200, number, "");
        expect(verdict).to.deep.include({ kind: "unknown", code: 999_999 });
      }
    });

    it("a header without a body still gives a sentence: Code: 252", () => {
      expect(classifyAnswer(500, "252", "")).to.include({ code: 252, sentence: "Code: 252" });
    });

    it("a sentence is the first line, of at most 500 characters", () => {
      const outcome = classifyAnswer(500, "252", `Code: 252. ${"x".repeat(600)}\nstack trace`);
      expect(outcome).to.include({ sentence: `Code: 252. ${"x".repeat(489)}` });
    });
  });

  describe("without an exception code", () => {
    it("what a page of HTML says is its title, or its text", () => {
      const page =
        "<html>\r\n<head><title>400 No required SSL certificate was sent</title></head>\r\n<body>no</body></html>";
      expect(classifyAnswer(400, undefined, page)).to.include({
        sentence: "HTTP 400: 400 No required SSL certificate was sent",
      });
      expect(classifyAnswer(502, undefined, "<!DOCTYPE html><body><h1>Bad\nGateway</h1></body>")).to.include({
        sentence: "HTTP 502: Bad Gateway",
      });
    });

    const table: readonly (readonly [status: number, verdict: string, code: string | undefined])[] = [
      [200, "acknowledged", undefined],
      [204, "acknowledged", undefined],
      [301, "failed: refused", "http_3xx"],
      [400, "failed: refused", "http_4xx"],
      [401, "failed: refused", "http_4xx"],
      [404, "failed: refused", "http_4xx"],
      [408, "failed: busy", "http_4xx"],
      [413, "failed: refused", "http_4xx"],
      [429, "failed: busy", "http_429"],
      [500, "unknown", "http_5xx"],
      [502, "unknown", "http_502"],
      [503, "failed: busy", "http_503"],
      [504, "unknown", "http_504"],
    ];
    for (const [status, expected, code] of table) {
      it(`HTTP ${status} is ${expected}${code === undefined ? "" : `, counted as ${code}`}`, () => {
        const outcome = classifyAnswer(status, undefined, "a proxy's words\nand more");
        expect(verdict(outcome)).to.equal(expected);
        if (outcome.kind !== "acknowledged") {
          expect(outcome).to.include({ code, sentence: `HTTP ${status}: a proxy's words` });
        }
      });
    }

    it("a body that only speaks of a code is no exception: `see Code: 252.`", () => {
      expect(verdict(classifyAnswer(200, undefined, "see Code: 252."))).to.equal("acknowledged");
    });

    it("a header that is no number, or 0, counts as none", () => {
      for (const header of ["", "0", "abc", "1.5"]) {
        expect(verdict(classifyAnswer(200, header, "")), header).to.equal("acknowledged");
      }
    });
  });

  describe("of a connection that failed", () => {
    const UNKNOWN =
      "the server's certificate is of an authority not known here: --tls-ca names a file with the authority that signed it";
    const table: readonly (readonly [errno: string, code: string, sentence?: string])[] = [
      ["ECONNREFUSED", "connection_refused"],
      ["ECONNRESET", "connection_reset"],
      ["EPIPE", "connection_reset"],
      ["UND_ERR_SOCKET", "connection_reset"],
      ["UND_ERR_CONNECT_TIMEOUT", "connect_timeout"],
      ["ETIMEDOUT", "connect_timeout"],
      ["ENOTFOUND", "host_not_found"],
      ["EAI_AGAIN", "host_not_found"],
      ["EHOSTUNREACH", "host_unreachable"],
      ["ENETUNREACH", "host_unreachable"],
      ["ERR_TLS_CERT_ALTNAME_INVALID", "tls", "the server's certificate is for another host name"],
      ["ERR_SSL_WRONG_VERSION_NUMBER", "tls", "no TLS is spoken there: http:// in place of https://?"],
      ["CERT_HAS_EXPIRED", "tls", "the server's certificate, or that of its authority, has expired"],
      ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "tls", UNKNOWN],
      ["SELF_SIGNED_CERT_IN_CHAIN", "tls", UNKNOWN],
      [
        "DEPTH_ZERO_SELF_SIGNED_CERT",
        "tls",
        "the server's certificate is self-signed: --tls-ca names a file with that certificate, if it is to be trusted",
      ],
      [
        "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED",
        "tls",
        "the server asks for a client certificate: --tls-cert and --tls-key",
      ],
      [
        "ERR_SSL_TLSV1_ALERT_UNKNOWN_CA",
        "tls",
        "the server does not accept the client certificate: --tls-cert and --tls-key",
      ],
      ["ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION", "tls", "the server speaks no TLS from 1.2 up"],
      ["ERR_SSL_SOMETHING_NEW", "tls", "TLS failed: words (ERR_SSL_SOMETHING_NEW)"],
      ["EMFILE", "other"],
    ];
    for (const [errno, code, sentence = "words"] of table) {
      it(`${errno} is counted as ${code}: unreachable before the request left, unknown after`, () => {
        const error = Object.assign(new Error("words"), { code: errno });
        expect(classifyError(error, false, false)).to.deep.equal({
          kind: "failed",
          reason: "unreachable",
          code,
          sentence,
        });
        expect(classifyError(error, true, false)).to.deep.equal({ kind: "unknown", code, sentence });
      });
    }

    it("a time-out is counted as timeout, whatever the error says: unknown once sent", () => {
      const error = Object.assign(new Error(""), { code: "ECONNRESET" });
      expect(classifyError(error, true, true)).to.deep.equal({ kind: "unknown", code: "timeout", sentence: "timeout" });
      expect(verdict(classifyError(error, false, true))).to.equal("failed: unreachable");
    });

    it("real errors of undici: a closed port is connection_refused, a connection closed at once connection_reset", async () => {
      expect(transportCode(await errorOf(await closedPort()))).to.equal("connection_refused");
      const closing = await stranger((socket) => void socket.destroy());
      expect(transportCode(await errorOf(closing.port))).to.equal("connection_reset");
      await closing.close();
    });
  });

  it("every verdict is one of the listed reasons, every transport code one of the listed codes", () => {
    const outcomes = [
      ...[200, 301, 404, 429, 500, 502, 503, 504].map((status) => classifyAnswer(status, undefined, "")),
      ...[252, 164, 60].map((code) => classifyAnswer(404, String(code), "")),
      classifyError(new Error("words"), false, false),
    ];
    const reasons = outcomes.flatMap((outcome) => (outcome.kind === "failed" ? [outcome.reason] : []));
    expect([...new Set(reasons)].sort()).to.deep.equal([...REASONS].sort());
    for (const outcome of outcomes) {
      if (outcome.kind !== "acknowledged" && typeof outcome.code === "string") {
        expect(TRANSPORT_CODES).to.include(outcome.code);
      }
    }
  });
});

async function errorOf(port: number): Promise<Error> {
  try {
    await request(`http://127.0.0.1:${port}/`);
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error("the request was answered");
}
