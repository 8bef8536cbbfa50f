// Compressed inserts: src/compress.ts by itself and runs with --compress. What comes out is read by other code than that which made
// it: Node's gunzip, fzstd, and for all of them ClickHouse itself.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as zlib from "node:zlib";
import { expect } from "chai";
import fc from "fast-check";
import { decompress } from "fzstd";
import { compareReports } from "../src/compare/compare.js";
import { type Codec, Compressor, compressionThreads, whyNotCompressed, whyTooFewThreads } from "../src/compress.js";
import { resolveLadder } from "../src/ladder/options.js";
import { resolveMax } from "../src/max/options.js";
import { headText } from "../src/max/text.js";
import type { Report } from "../src/report/schema.js";
import { toText } from "../src/report/text.js";
import { FORMATS } from "../src/rows/program.js";
import { clickstorm, start, unwrapped } from "./support/cli.js";
import { freePort, parseText } from "./support/prometheus.js";
import { madeReport, steadyInserts } from "./support/reports.js";
import { clickhouse, newDatabase, numberOf, rowsOf, serverUrl } from "./support/server.js";
import { Sink } from "./support/sink.js";

const CODECS: readonly Codec[] = ["gzip", "zstd", "lz4"];
const QUIET = ["--no-traces", "--no-metrics"];

/** What ClickHouse makes of a body: a value of the table `blobs`, which it is then asked for. */
async function readByClickhouse(database: string, codec: Codec, body: Uint8Array): Promise<Buffer> {
  await clickhouse("CREATE OR REPLACE TABLE blobs (blob String) ENGINE = Memory", database);
  const ask = (query: string, init: RequestInit) =>
    fetch(`${serverUrl()}/?${new URLSearchParams({ database, query })}`, { method: "POST", ...init });
  const headers = { "content-encoding": codec };
  const inserted = await ask("INSERT INTO blobs FORMAT RawBLOB", { body: Buffer.from(body), headers });
  if (!inserted.ok) throw new Error(await inserted.text());
  return Buffer.from(await (await ask("SELECT blob FROM blobs FORMAT RawBLOB", {})).arrayBuffer());
}

async function decoded(database: string, codec: Codec, body: Uint8Array): Promise<Buffer> {
  if (codec === "gzip") return zlib.gunzipSync(body);
  if (codec === "zstd") return Buffer.from(decompress(body));
  return readByClickhouse(database, codec, body);
}

/** `seed`: bytes nobody can compress. */
function noise(bytes: number, seed = 1): Buffer {
  const words = new Uint32Array(Math.ceil(bytes / 4));
  let state = seed;
  for (let index = 0; index < words.length; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    words[index] = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d);
  }
  return Buffer.from(words.buffer, 0, bytes);
}

const lines = (count: number): Buffer =>
  Buffer.from(Array.from({ length: count }, (_, index) => `{"seq":${index},"action":"click"}\n`).join(""));

describe("compress", function () {
  this.timeout(120_000);
  const folder = mkdtempSync(join(tmpdir(), "clickstorm-compress-"));
  after(() => rmSync(folder, { recursive: true }));

  let database: string;
  before(async () => {
    ({ database } = await newDatabase());
  });

  for (const codec of CODECS) {
    describe(codec, () => {
      const bodies: readonly (readonly [what: string, bytes: Buffer])[] = [
        ["one byte", Buffer.from("x")],
        ["three lines", lines(3)],
        ["64 KiB less one byte of noise", noise(65_535)],
        ["64 KiB and one byte of noise", noise(65_537)],
        ["5 MB of noise, which does not shrink", noise(5_000_000)],
        ["13 MB of lines", lines(380_000)],
      ];
      for (const [what, bytes] of bodies) {
        it(`${what}: ClickHouse reads them as they were, ${bytes.length} bytes`, async () => {
          const compressor = new Compressor(codec);
          await compressor.fill(0, bytes);
          expect((await readByClickhouse(database, codec, compressor.body(0))).equals(bytes)).to.equal(true);
          expect((await decoded(database, codec, compressor.body(0))).equals(bytes)).to.equal(true);
        });
      }

      it("no bytes at all: an insert of no rows, which ClickHouse takes", async () => {
        const compressor = new Compressor(codec);
        await compressor.fill(0, new Uint8Array(0));
        await clickhouse("CREATE OR REPLACE TABLE nothing (seq UInt64) ENGINE = Memory", database);
        const query = new URLSearchParams({ database, query: "INSERT INTO nothing FORMAT JSONEachRow" });
        const init = { method: "POST", headers: { "content-encoding": codec }, body: Buffer.from(compressor.body(0)) };
        expect((await fetch(`${serverUrl()}/?${query}`, init)).status).to.equal(200);
        expect(await numberOf("SELECT count() FROM nothing", database)).to.equal(0);
      });

      it("what a slot holds stays as it is while its bytes are written over and other slots are filled", async () => {
        const compressor = new Compressor(codec);
        const slot = lines(1000);
        await compressor.fill(3, slot);
        const body = compressor.body(3);
        const before = Buffer.from(body);
        slot.fill(0);
        for (const other of [0, 1, 2, 4]) await compressor.fill(other, noise(100_000, other));
        expect(compressor.body(3)).to.equal(body);
        expect(before.equals(body)).to.equal(true);
        expect((await decoded(database, codec, body)).equals(lines(1000))).to.equal(true);
      });

      it("the same bytes become the same, whatever was compressed before", async () => {
        const [fresh, used] = [new Compressor(codec), new Compressor(codec)];
        await used.fill(0, noise(2_000_000));
        await used.fill(0, lines(10));
        await Promise.all([fresh.fill(0, lines(20_000)), used.fill(1, lines(20_000))]);
        expect(Buffer.from(fresh.body(0)).equals(used.body(1))).to.equal(true);
      });

      it("any bytes in any order come back (50 sequences)", async () => {
        const pieces = fc.array(fc.uint8Array({ minLength: 1, maxLength: 2000 }), { minLength: 1, maxLength: 4 });
        await fc.assert(
          fc.asyncProperty(pieces, async (all) => {
            const compressor = new Compressor(codec);
            await Promise.all(all.map((bytes, slot) => compressor.fill(slot, bytes)));
            for (const [slot, bytes] of all.entries()) {
              expect((await decoded(database, codec, compressor.body(slot))).equals(bytes)).to.equal(true);
            }
          }),
          { numRuns: 50 },
        );
      });
    });
  }

  it("a slot that was never filled has no body", () => {
    expect(() => new Compressor("gzip").body(0)).to.throw(RangeError, "slot 0 holds no batch");
  });

  describe("a library that is not there", () => {
    const elsewhere = join(folder, "elsewhere.js");
    const hasZstd = "zstdCompress" in zlib;

    it("lz4 without its package is told with a way out; none and gzip need none", () => {
      expect(whyNotCompressed("lz4", elsewhere)).to.equal(
        `--compress lz4 needs the package lz4-napi, which cannot be loaded on ${process.platform} ${process.arch}: ` +
          "install clickstorm again without --omit=optional, or take --compress gzip",
      );
      expect([whyNotCompressed("none", elsewhere), whyNotCompressed("gzip", elsewhere)]).to.deep.equal([
        undefined,
        undefined,
      ]);
    });

    it(`zstd without its package is told where Node has none itself: ${hasZstd ? "it has" : "it has not"}`, () => {
      const sentence = whyNotCompressed("zstd", elsewhere);
      if (hasZstd) expect(sentence).to.equal(undefined);
      else
        expect(sentence).to.include(
          "--compress zstd needs Node 22.15 or newer, or the package @toondepauw/node-zstd, which",
        );
    });

    it("here all are there", () => {
      expect(CODECS.map((codec) => whyNotCompressed(codec))).to.deep.equal([undefined, undefined, undefined]);
    });
  });

  it("four batches at once, or as UV_THREADPOOL_SIZE says; five workers are told to ask for five", () => {
    const sizes = [{}, { UV_THREADPOOL_SIZE: "9" }, { UV_THREADPOOL_SIZE: "many" }, { UV_THREADPOOL_SIZE: "0" }];
    expect(sizes.map((size) => compressionThreads(size))).to.deep.equal([4, 9, 4, 4]);
    expect(whyTooFewThreads("zstd", 5, {})).to.include("UV_THREADPOOL_SIZE=5");
    expect([whyTooFewThreads("zstd", 4, {}), whyTooFewThreads("none", 99, {})]).to.deep.equal([undefined, undefined]);
  });

  describe("a run", () => {
    const LOAD = ["--rate", "40k", "--duration", "500ms", "--batch-rows", "3000", "--seed", "7", "--run-id", "packed"];
    const FIXED = [...LOAD, "--data-start", "2026-01-01", ...QUIET];
    /** Every value of every row of `events`, in one number; and how many rows there are. */
    const contents = async (name: string) => {
      const [found] = await rowsOf<{ rows: number; hash: string }>(
        "SELECT count() AS rows, toString(sum(cityHash64(*))) AS hash FROM events",
        name,
      );
      return found;
    };

    for (const format of FORMATS) {
      it(`of ${format} lands the same 20,000 rows with gzip, zstd and lz4 as with none`, async () => {
        const landed: (Awaited<ReturnType<typeof contents>> | undefined)[] = [];
        for (const compress of ["none", ...CODECS]) {
          const { database: own, url } = await newDatabase();
          const flags = [...FIXED, "--format", format, "--compress", compress, "--clickhouse-url", url];
          const { code, stdout, stderr } = await clickstorm(flags);
          expect(code, stderr + stdout).to.equal(0);
          landed.push(await contents(own));
        }
        expect(landed[0]?.rows).to.equal(20_000);
        expect(landed).to.deep.equal(Array.from({ length: 4 }, () => landed[0]));
      });
    }

    it("counts as sent what a sink received, and as rendered what that decompresses to: the bodies of a run with none", async () => {
      const receive = async (compress: string) => {
        const sink = await Sink.open();
        const file = join(folder, `${compress}.json`);
        const flags = ["--blind", "--clickhouse-url", sink.url, "--compress", compress, "--report", file];
        const { code, stdout } = await clickstorm([...FIXED, ...flags]);
        await sink.close();
        expect(code).to.equal(0);
        const report: Report = JSON.parse(readFileSync(file, "utf8"));
        return {
          report,
          stdout,
          bodies: sink.bodies,
          encodings: new Set(sink.received.map(({ encoding }) => encoding)),
        };
      };
      const size = (bodies: readonly Buffer[]): number => bodies.reduce((sum, { length }) => sum + length, 0);
      const plain = await receive("none");
      expect([plain.bodies.length, plain.report.options.compress]).to.deep.equal([7, "none"]);
      expect(plain.report.bytes).to.deep.equal({ rendered: size(plain.bodies), sent: size(plain.bodies) });
      expect([...plain.encodings]).to.deep.equal([undefined]);
      expect(plain.stdout).to.not.include("before compression");
      for (const codec of CODECS) {
        const { report, stdout, bodies, encodings } = await receive(codec);
        expect([...encodings]).to.deep.equal([codec]);
        expect(report.options.compress).to.equal(codec);
        expect(report.bytes).to.deep.equal({ rendered: size(plain.bodies), sent: size(bodies) });
        expect(report.bytes.sent).to.be.below(report.bytes.rendered / 2);
        for (const [batch, body] of bodies.entries()) {
          expect((await decoded(database, codec, body)).equals(plain.bodies[batch] ?? Buffer.alloc(0))).to.equal(true);
        }
        expect(stdout).to.include(`${codec}: `);
      }
    });

    it("that is interrupted sends the cut batch compressed: as many rows as the report says, from the first", async () => {
      for (const codec of CODECS) {
        const sink = await Sink.open();
        const file = join(folder, `cut-${codec}.json`);
        const load = ["--rate", "5000", "--duration", "60", "--batch-rows", "300000", "--flush-interval", "60s"];
        const running = start([
          ...["--blind", "--clickhouse-url", sink.url, ...load, "--compress", codec],
          ...["--metrics-port", "0", "--metrics-host", "127.0.0.1", "--no-traces", "--report", file],
        ]);
        // Long after the batch was made, and long before it is due.
        await running.said("in flight");
        running.process.kill("SIGINT");
        const { code, stderr } = await running.ended;
        await sink.close();
        expect(code, stderr).to.equal(130);
        const { rows, bytes }: Report = JSON.parse(readFileSync(file, "utf8"));
        expect(rows.acknowledged).to.be.within(1, 60_000);
        const [body, ...others] = sink.bodies;
        expect(others).to.deep.equal([]);
        const text = await decoded(database, codec, body ?? Buffer.alloc(0));
        const seqs = text
          .toString()
          .trimEnd()
          .split("\n")
          .map((row) => Number(JSON.parse(row).seq));
        expect(seqs).to.deep.equal(Array.from({ length: rows.acknowledged }, (_, seq) => seq));
        expect(bytes).to.deep.equal({ rendered: text.length, sent: body?.length });
      }
    });

    it("/metrics has the bytes rendered and the bytes sent apart, as the sink counted them", async () => {
      const sink = await Sink.open();
      const port = await freePort();
      const running = start([
        ...[...LOAD, "--blind", "--clickhouse-url", sink.url, "--compress", "zstd", "--no-traces"],
        ...["--metrics-port", String(port), "--metrics-host", "127.0.0.1", "--hold", "60s"],
      ]);
      await running.said("holding http");
      const series = parseText(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text());
      running.process.kill("SIGINT");
      await running.ended;
      await sink.close();
      const total = (name: string): number =>
        [...series].reduce(
          (sum, [key, value]) => (key.startsWith(`ingestion_${name}_bytes_total`) ? sum + value : sum),
          0,
        );
      const sizes = sink.bodies.map((body) => [decompress(body).length, body.length] as const);
      expect([total("rendered"), total("sent")]).to.deep.equal([
        sizes.reduce((sum, [raw]) => sum + raw, 0),
        sizes.reduce((sum, [, wire]) => sum + wire, 0),
      ]);
    });
  });

  it("a server that does not know the codec is refused before the first row, in its own words: exit 3", async () => {
    const { database: own, url } = await newDatabase();
    const old = await withoutLz4(serverUrl());
    const address = `http://127.0.0.1:${(old.address() as AddressInfo).port}/?${new URL(url).searchParams}`;
    const flags = ["--clickhouse-url", address, "--rate", "10", "--duration", "1", ...QUIET];
    const refused = await clickstorm([...flags, "--compress", "lz4"]);
    const taken = await clickstorm([...flags, "--compress", "zstd"]);
    old.close();
    old.closeAllConnections();
    expect([refused.code, refused.stdout]).to.deep.equal([3, ""]);
    expect(refused.stderr).to.match(
      /does not take inserts with --compress lz4: Code: 48\. .*Unknown compression method/,
    );
    expect(taken.code, taken.stderr).to.equal(0);
    expect(await numberOf("SELECT count() FROM events", own)).to.equal(10);
  });

  it("the ladder compresses in its first rung, and its endpoint counts the bytes that crossed the wire", async () => {
    const { url } = await newDatabase();
    const file = join(folder, "ladder.json");
    const flags = ["--clickhouse-url", url, "--compress", "zstd", "--format", "RowBinary", "--duration", "300ms"];
    const { code, stdout, stderr } = await clickstorm(["ladder", ...flags, "--batch-rows", "5000", "--report", file]);
    expect(code, stderr).to.equal(0);
    expect(stdout).to.include("0.3 s a rung   zstd\n");
    const { options, formats } = JSON.parse(readFileSync(file, "utf8"));
    expect(options.compress).to.equal("zstd");
    const [, discarding, , table] = formats[0].rungs;
    expect(discarding.counted.agrees).to.equal(true);
    for (const { bytes, rows } of [discarding, table]) {
      expect(rows.acknowledged).to.be.above(0);
      expect(bytes.sent).to.be.above(0);
      expect(bytes.sent).to.be.below(bytes.rendered / 2);
    }
  });

  it("ladder and max have it from a flag and from the variable, and none otherwise", () => {
    expect(resolveLadder({ compress: "gzip" }, {}).run.compress).to.equal("gzip");
    expect(resolveMax({ compress: "zstd" }, {}).run.compress).to.equal("zstd");
    expect(resolveMax({}, { CLICKSTORM_COMPRESS: "lz4" }).run.compress).to.equal("lz4");
    expect(resolveLadder({}, {}).run.compress).to.equal("none");
  });

  it("max says what it compresses with above its holds", () => {
    const head = (compress: string): string => {
      const subject = { table: "t", url: "u", versions: { clickstorm: "0", clickhouse: undefined } };
      const rest = { unwatched: undefined, scratch: undefined, startedAt: new Date(0) };
      return headText({ ...subject, ...rest, options: resolveMax({ compress }, {}) }, 50_000);
    };
    expect(head("lz4")).to.include("   JSONEachRow with lz4   10 s a hold");
    expect(head("none")).to.include("   JSONEachRow   10 s a hold");
  });

  it("the summary has what was sent, what it was before, and how many times less: 600 kB of 1.5 MB are 2.5", () => {
    const made = madeReport(
      steadyInserts(2, 10, () => 5),
      MAKING,
    );
    const report = { ...made, options: { ...made.options, compress: "lz4" as const } };
    const text = unwrapped(toText({ ...report, bytes: { rendered: 1_500_000, sent: 600_000 } }));
    expect(text).to.include("600 kB sent");
    expect(text).to.include("lz4: 1.5 MB before compression, 2.5 times what was sent");
    expect(toText({ ...report, bytes: { rendered: 0, sent: 0 } })).to.not.include("before compression");
  });

  it("compare names the difference", () => {
    const base = madeReport(
      steadyInserts(2, 10, () => 5),
      MAKING,
    );
    const other = { ...base, run_id: "other", options: { ...base.options, compress: "zstd" as const } };
    const { warnings } = compareReports([{ file: "a", report: base }], [{ file: "b", report: other }]);
    expect(warnings).to.include("compress differs: none, then zstd");
  });
});

const MAKING = { durationS: 2, warmupS: 0, rowsPerS: 1000, shard: null };

/** A proxy before ClickHouse that knows lz4 as little as an old server does. */
async function withoutLz4(target: string): Promise<Server> {
  const proxy = createServer((incoming, outgoing) => {
    if (incoming.headers["content-encoding"] === "lz4") {
      incoming.resume();
      outgoing.writeHead(501, { "x-clickhouse-exception-code": "48" });
      outgoing.end("Code: 48. DB::Exception: Unknown compression method lz4. (NOT_IMPLEMENTED)");
      return;
    }
    const { method, headers, url = "/" } = incoming;
    incoming.pipe(
      request(new URL(url, target), { method, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      }),
    );
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  return proxy;
}
