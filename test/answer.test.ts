// src/answer.ts as a table: CLICKHOUSE.md's failure classes, with ClickHouse's own sentences where they were seen.

import { expect } from "chai";
import { request } from "undici";
import {
  classifyAnswer,
  classifyError,
  isHopeless,
  isOurFault,
  type Outcome,
  REASONS,
  TRANSPORT_CODES,
  transportCode,
} from "../src/answer.js";
import { isEndpointFault } from "../src/rotation.js";
import { closedPort, stranger } from "./support/strangers.js";

const serverSays = (number: number): string =>
  `Code: ${number}. DB::Exception: words of the server. (NAME) (version 26.7.2.1)\n`;

/** kind, with the reason behind it where there is one, and whether the run is to stop. */
const verdict = (outcome: Outcome): string =>
  `${outcome.kind === "failed" ? `failed: ${outcome.reason}` : outcome.kind}${isHopeless(outcome) ? ", for ever" : ""}`;

describe("answer: what an insert's answer means", () => {
  describe("by ClickHouse's exception code", () => {
    // As real servers answer: test/versions.test.ts has more of them, with what is in the table then.
    const table: readonly (readonly [verdict: string, status: number, codes: readonly number[]])[] = [
      ["failed: busy", 500, [201, 202, 203, 252, 439, 574, 745, 1019, 1020]],
      ["unknown", 500, [3, 32, 33, 159, 209, 210, 216, 241, 243, 285, 286, 319, 394, 425, 735, 777, 778, 999, 1017]],
      ["unknown", 500, [49, 173, 236, 290, 499, 762, 1000, 1001, 1002, 1018, 1199, 2999]],
      ["failed: read_only", 500, [164, 242]],
      ["failed: refused, for ever", 403, [192, 193, 194, 195, 291, 497, 512, 516, 620, 720]],
      ["failed: refused, for ever", 404, [46, 47, 50, 56, 60, 73, 81, 115]],
      ["failed: refused, for ever", 500, [8, 15, 16, 20, 52, 62, 85, 89, 344, 401, 452, 471, 472, 669, 701, 712, 764]],
      ["unknown, for ever", 400, [6, 25, 26, 27, 38, 41, 53, 72, 117, 130, 376, 441, 467, 675, 676, 691]],
      ["unknown, for ever", 500, [36, 43, 44, 48, 69, 70, 128, 131, 153, 321, 349, 386, 395, 407, 469, 563, 632, 728]],
    ];
    for (const [expected, status, codes] of table) {
      it(`${codes.join(", ")} with HTTP ${status}: ${expected}, from the header or from the body alone`, () => {
        for (const code of codes) {
          for (const header of [String(code), undefined]) {
            const outcome = classifyAnswer(status, header, serverSays(code));
            expect(verdict(outcome), `${code}`).to.equal(expected);
            expect(outcome).to.include({ code, sentence: serverSays(code).trim() });
          }
        }
      });
    }

    it("a code of a list outweighs the HTTP status, 200 as well", () => {
      for (const status of [200, 400, 403, 404, 500, 503]) {
        expect(verdict(classifyAnswer(status, "252", serverSays(252)))).to.equal("failed: busy");
        expect(verdict(classifyAnswer(status, "241", serverSays(241)))).to.equal("unknown");
        expect(verdict(classifyAnswer(status, "164", serverSays(164)))).to.equal("failed: read_only");
        expect(verdict(classifyAnswer(status, "469", serverSays(469)))).to.equal("unknown, for ever");
        expect(verdict(classifyAnswer(status, "16", serverSays(16)))).to.equal("failed: refused, for ever");
      }
    });

    it("a code of no list is unknown where the status blames the server or the moment, for ever where it blames the request", () => {
      const verdicts = [500, 200, 408, 429, 400, 404, 413].map((status) =>
        verdict(classifyAnswer(status, "1150", serverSays(1150))),
      );
      expect(verdicts).to.deep.equal([...Array(4).fill("unknown"), ...Array(3).fill("unknown, for ever")]);
    });

    it("252 is two things: too many parts are busy, a block of too many partitions is one for ever", () => {
      const parts =
        "Code: 252. DB::Exception: Too many parts (300 with average size of 2.00 KiB) in table 'default.t (9f)'. Merges are processing significantly slower than inserts. (TOO_MANY_PARTS)";
      const partitions =
        "Code: 252. DB::Exception: Too many partitions for single INSERT block (more than 100). The limit is controlled by 'max_partitions_per_insert_block' setting.";
      expect(verdict(classifyAnswer(500, "252", parts))).to.equal("failed: busy");
      expect(verdict(classifyAnswer(500, "252", partitions))).to.equal("unknown, for ever");
    });

    it("a quota of written bytes is found used up in the middle of an insert: 201 is unknown then", () => {
      const said = (name: string): string =>
        `Code: 201. DB::Exception: Quota for user \`u\` for 3600s has been exceeded: ${name} = 24000/20000. Interval will end at 2026-12-31 19:44:24. (QUOTA_EXCEEDED)`;
      expect(verdict(classifyAnswer(500, "201", said("queries")))).to.equal("failed: busy");
      expect(verdict(classifyAnswer(500, "201", said("written_bytes")))).to.equal("unknown");
    });

    for (const behind of [
      "Code: N. DB::Exception: words: while pushing to view default.v (9f). (NAME)",
      "Code: N. DB::Exception: Received from 10.0.0.2:9000. DB::Exception: words. (NAME)",
    ]) {
      it(`what is said behind the table says nothing of the table: ${behind.slice(23, 70)}`, () => {
        const verdicts = [252, 60, 242, 469, 241].map((code) =>
          verdict(classifyAnswer(500, String(code), behind.replace("N", String(code)))),
        );
        expect(verdicts).to.deep.equal(["unknown", "unknown, for ever", "unknown", "unknown, for ever", "unknown"]);
      });
    }

    it("a syntax error in the rows (62, of a Dynamic on 24.5) is no refusal of the statement", () => {
      const inRows = "Code: 62. DB::Exception: Empty query: While executing BinaryRowInputFormat. (SYNTAX_ERROR)";
      expect(verdict(classifyAnswer(400, "62", inRows))).to.equal("unknown, for ever");
      expect(verdict(classifyAnswer(400, "62", serverSays(62)))).to.equal("failed: refused, for ever");
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
        const said = classifyAnswer(200, undefined, `Code: ${number}. DB::Exception: words`);
        expect(said).to.deep.include({ kind: "unknown", code: 999_999 });
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
      [301, "failed: refused, for ever", "http_3xx"],
      [400, "failed: refused, for ever", "http_4xx"],
      [401, "failed: refused, for ever", "http_4xx"],
      [404, "failed: refused, for ever", "http_4xx"],
      [408, "failed: busy", "http_4xx"],
      [413, "failed: refused, for ever", "http_4xx"],
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
      ["ESOMETHING", "other"],
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

    for (const [errno, code, advice] of [
      ["EMFILE", "too_many_open_files", "ulimit -n"],
      ["ENFILE", "too_many_open_files", "ulimit -n"],
      ["EADDRNOTAVAIL", "no_free_port", "--in-flight"],
    ] as const) {
      it(`${errno} is counted as ${code}: failed for want of something here, and no fault of the endpoint's`, () => {
        const outcome = classifyError(Object.assign(new Error("words"), { code: errno }), false, false);
        expect([verdict(outcome), outcome.kind === "failed" && outcome.code]).to.deep.equal([
          "failed: generator",
          code,
        ]);
        expect(outcome.kind === "failed" && outcome.sentence).to.include(advice);
        expect([isOurFault(outcome), isEndpointFault(outcome)]).to.deep.equal([true, false]);
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
      classifyError(Object.assign(new Error("words"), { code: "EMFILE" }), false, false),
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
