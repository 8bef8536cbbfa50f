// What others write and we read: config files, reports, types. Whatever stands there, it is taken or refused in the words
// meant for that, within 2 s a case. A failure prints its seed; FUZZ=20 multiplies the runs.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { deflateSync } from "node:zlib";
import { expect } from "chai";
import fc from "fast-check";
import { compareReports } from "../src/compare/compare.js";
import { toTable } from "../src/compare/table.js";
import { parseConfig } from "../src/config.js";
import { RUN_FLAGS } from "../src/flags.js";
import { mergeReports } from "../src/merge/merge.js";
import { OptionsError } from "../src/options.js";
import { parseReport } from "../src/report/read.js";
import type { Report } from "../src/report/schema.js";
import { toText } from "../src/report/text.js";
import { FormatError } from "../src/rows/bytes.js";
import { rowsOf } from "../src/rows/column.js";
import { compileRows, FORMATS } from "../src/rows/program.js";
import { NO_RULES } from "../src/rows/rule.js";
import { parseType, UnknownTypeError } from "../src/rows/type.js";
import { within } from "./support/bounded.js";
import { madeReport, steadyInserts } from "./support/reports.js";

const LIMIT_MS = 2000;
const runs = (numRuns: number) => ({ numRuns: numRuns * Number(process.env.FUZZ ?? 1) });

/** A cut in a text: from here, so many characters out, and this in. */
type Edit = readonly [at: number, out: number, into: string];

const edits = (pieces: fc.Arbitrary<string>): fc.Arbitrary<readonly Edit[]> =>
  fc.array(fc.tuple(fc.nat(), fc.nat(40), pieces), { minLength: 1, maxLength: 6 });

const edited = (text: string, all: readonly Edit[]): string =>
  all.reduce((now, [place, out, into]) => {
    const at = place % (now.length + 1);
    return now.slice(0, at) + into + now.slice(at + out);
  }, text);

describe("fuzz: a config file", () => {
  const folder = mkdtempSync(join(tmpdir(), "clickstorm-fuzz-"));
  const file = join(folder, "fuzz.yaml");
  after(() => rmSync(folder, { recursive: true, force: true }));
  const examples = fileURLToPath(new URL("../../examples", import.meta.url));
  const valid = readdirSync(examples)
    .filter((name) => name.endsWith(".yaml"))
    .map((name) => readFileSync(join(examples, name), "utf8"));

  /** Whether it was taken. */
  function isTaken(text: string): boolean {
    try {
      within(LIMIT_MS, () => parseConfig(text, file, RUN_FLAGS));
      return true;
    } catch (error) {
      if (!(error instanceof OptionsError)) throw error;
      expect(error.problems).to.not.be.empty;
      for (const problem of error.problems) expect(problem.replace(file, "fuzz.yaml")).to.match(/^fuzz\.yaml[: ]./);
      return false;
    } finally {
      expect(Object.keys(Object.prototype), "nothing leaks into every object").to.deep.equal([]);
    }
  }

  it(`the ${valid.length} examples with up to six cuts, of ordinary text and of marks`, () => {
    const piece = fc.oneof(
      fc.constantFrom(
        ...["&a ", "*a", "<<: *a\n", "__proto__: { x: 1 }\n", "constructor: 1\n", "!!js/function 'x' ", "!!binary a=="],
        ...["9".repeat(400), "1e999", "-.inf", "0x1F", "0o17", "\t", "\0", "\u2028", "\ud800", "? ", "- ", "{", "]"],
        ...["|\n", ">-\n", "---\n", "...\n", "%YAML 1.1\n", '"', "'", "#", ": ", "\r", "[".repeat(70), "\n  ", "\n"],
      ),
      fc.string({ unit: "binary", maxLength: 8 }),
      fc.tuple(fc.constantFrom(...valid), fc.nat(), fc.nat(200)).map(([text, at, length]) => {
        return text.slice(at % text.length, (at % text.length) + length);
      }),
    );
    let [taken, refused] = [0, 0];
    fc.assert(
      fc.property(fc.constantFrom(...valid), edits(piece), (text, all) => {
        if (isTaken(edited(text, all))) taken++;
        else refused++;
      }),
      runs(400),
    );
    expect(Math.min(taken, refused), `${taken} taken, ${refused} refused`).to.be.above(5);
  }).timeout(120_000);

  it("mappings of any depth up to 3,000, alias upon alias, keys repeated: as a rule and as an option", () => {
    const shape = fc.record({
      depth: fc.nat(3000),
      open: fc.constantFrom("[", "{a: ", "- ", "? ", "&a [", "{? "),
      repeats: fc.nat(300),
      key: fc.constantFrom("__proto__", "toString", "constructor", "hasOwnProperty", "columns", "1", "null", "~"),
    });
    fc.assert(
      fc.property(shape, ({ depth, open, repeats, key }) => {
        isTaken(`columns: { x: { choice: ${open.repeat(depth)}`);
        isTaken(`${open.repeat(depth)}`);
        isTaken(`columns:\n${`  ${key}: { constant: 1 }\n`.repeat(repeats)}`);
        isTaken(`setting:\n${`  ${key}: 1\n`.repeat(repeats)}`);
        isTaken(`a: &a [x]\ncolumns: { x: { choice: [${Array(repeats).fill("*a, *a").join(", ")}] } }`);
      }),
      runs(60),
    );
  }).timeout(120_000);
});

describe("fuzz: a report", () => {
  const shard = (index: number): Report =>
    madeReport(
      steadyInserts(2, 10, () => 5),
      { durationS: 2, warmupS: 0, rowsPerS: 1000, shard: `${index}/2` },
    );
  const first = shard(1);
  const second = shard(2);

  /** Whether it was taken; if so, it can be shown, compared and merged as well. */
  function isTaken(text: string): boolean {
    const reading = within(LIMIT_MS, () => parseReport(text, "a.json"));
    if ("problem" in reading) {
      expect(reading.problem)
        .to.match(/^a\.json[: ].+$/u)
        .and.to.have.length.below(300);
      return false;
    }
    const { report } = reading;
    within(LIMIT_MS, () => {
      toText(report);
      toTable(compareReports([{ file: "a.json", report }], [{ file: "b.json", report: second }]), []);
      try {
        mergeReports([report, second], () => []);
      } catch (error) {
        // What merge's command tells: the histogram of a point, which are not looked at when they are read.
        expect(error).to.be.instanceOf(RangeError);
      }
    });
    return true;
  }

  /** JSON of which one value, wherever it stands, is another. */
  const withValue = (report: Report, place: number, value: string): string => {
    const leaves = JSON.stringify(report).split(/(?<=[:[,])(?=["\dtfn-])/);
    const at = 1 + (place % (leaves.length - 1));
    return leaves.map((leaf, index) => (index === at ? leaf.replace(/^("[^"]*"|[^",}\]]+)/, value) : leaf)).join("");
  };

  it("any bytes as text", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        expect(isTaken(Buffer.from(bytes).toString("utf8"))).to.equal(false);
      }),
      runs(500),
    );
  });

  it("one value of a report is another: any number of any size, null, text, lists and objects", () => {
    const value = fc.oneof(
      fc.constantFrom("1e308", "-1e308", "1e999", "-0", "0.1", "9007199254740993", "null", "true", '""', "[]", "{}"),
      fc.constantFrom('{"__proto__":{"polluted":1}}', `${"[".repeat(5000)}${"]".repeat(5000)}`, '"\\u0000\\ud800"'),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
      fc.integer({ min: 0 }).map(String),
      fc.json(),
    );
    let taken = 0;
    fc.assert(
      fc.property(fc.nat(), value, (place, instead) => {
        if (isTaken(withValue(first, place, instead))) taken++;
      }),
      runs(1000),
    );
    expect(taken).to.be.above(20);
    expect(Object.keys(Object.prototype)).to.deep.equal([]);
  }).timeout(60_000);

  describe("whose histogram is", () => {
    const withHdr = (report: Report, hdr: string): string =>
      JSON.stringify({ ...report, service_ms: { ...report.service_ms, hdr } });
    const inPoints = (report: Report, hdr: string): string =>
      JSON.stringify({
        ...report,
        series: report.series.map((point) => ({ ...point, latency_ms: { ...point.latency_ms, hdr } })),
      });
    /** The library's frame of a payload: cookie and length, compressed. */
    const framed = (payload: Uint8Array): string => {
      const packed = deflateSync(payload);
      const frame = Buffer.alloc(8);
      frame.writeInt32BE(0x1c849304, 0);
      frame.writeInt32BE(packed.length, 4);
      return Buffer.concat([frame, packed]).toString("base64");
    };
    /** The head of a histogram of our range, its body of so many bytes. */
    const headed = (body: Uint8Array): Uint8Array => {
      const head = Buffer.alloc(40);
      head.writeInt32BE(0x1c849303, 0);
      head.writeInt32BE(body.length, 4);
      head.writeInt32BE(3, 12);
      head.writeBigInt64BE(1n, 16);
      head.writeBigInt64BE(3_600_000_000n, 24);
      head.writeDoubleBE(1, 32);
      return Buffer.concat([head, body]);
    };

    it("any base64: refused", () => {
      fc.assert(
        fc.property(fc.base64String({ maxLength: 200 }), (hdr) => {
          expect(isTaken(withHdr(first, hdr))).to.equal(false);
          isTaken(inPoints(first, hdr));
        }),
        runs(200),
      );
    });

    it("any bytes behind the head of a real one: refused, or taken where they happen to count as many", () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (body, isWhole) => {
          const payload = isWhole ? headed(body) : headed(body).subarray(0, 40 + Math.floor(body.length / 2));
          isTaken(withHdr(first, framed(payload)));
          isTaken(inPoints(first, framed(payload)));
        }),
        runs(500),
      );
    });

    it("200 MB of zeros in 200 kB: refused, without being unpacked", () => {
      const bomb = framed(Buffer.alloc(200_000_000));
      expect(bomb.length).to.be.below(300_000);
      const before = process.memoryUsage().rss;
      expect(isTaken(withHdr(first, bomb))).to.equal(false);
      isTaken(inPoints(first, bomb));
      expect(process.memoryUsage().rss - before).to.be.below(100_000_000);
    }).timeout(30_000);
  });
});

describe("fuzz: a type", () => {
  const word = fc.constantFrom(
    ..."Array Tuple Nested Map Enum8 Enum16 JSON Variant Decimal DateTime64 Time64 UInt8 Int256 String Nullable".split(
      " ",
    ),
    ..."SimpleAggregateFunction AggregateFunction QBit Dynamic Object FixedString LowCardinality BFloat16 Foo".split(
      " ",
    ),
  );
  const mark = fc.constantFrom(
    ..."( ) , = . ' ` \" \\ \\x4 0 1 -1 200 9007199254740991 1e9 SKIP REGEXP a ''".split(" "),
  );
  const { type } = fc.letrec<{ type: string }>((tie) => ({
    type: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      word,
      fc.tuple(word, fc.array(tie("type"), { maxLength: 3 })).map(([name, args]) => `${name}(${args.join(", ")})`),
      fc.tuple(word, fc.array(mark, { maxLength: 5 })).map(([name, args]) => `${name}(${args.join("")})`),
    ),
  }));

  it("nested at random: read, or refused with an UnknownTypeError", () => {
    let [read, refused] = [0, 0];
    fc.assert(
      fc.property(type, edits(mark), fc.boolean(), (text, all, isCut) => {
        try {
          within(LIMIT_MS, () => parseType(isCut ? edited(text, all) : text));
          read++;
        } catch (error) {
          expect(error).to.be.instanceOf(UnknownTypeError);
          refused++;
        }
      }),
      runs(3000),
    );
    expect(Math.min(read, refused), `${read} read, ${refused} refused`).to.be.above(50);
  }).timeout(60_000);

  it("as the column of a table: a row program in each format, or a problem in a sentence", () => {
    let [compiled, refused] = [0, 0];
    fc.assert(
      fc.property(type, fc.constantFrom(...FORMATS), (text, format) => {
        const columns = [{ name: "c", type: text, defaultKind: "" }];
        const made = within(LIMIT_MS, () => rowsOf(columns, NO_RULES, "run"));
        const problems = [...made.ruleProblems, ...made.typeProblems];
        for (const problem of problems) expect(problem).to.be.a("string").and.not.equal("");
        refused += problems.length;
        if (problems.length > 0) return;
        try {
          within(LIMIT_MS, () => compileRows(made.columns, format, 1));
          compiled++;
        } catch (error) {
          expect(error).to.be.instanceOf(FormatError);
          refused++;
        }
      }),
      runs(1500),
    );
    expect(Math.min(compiled, refused), `${compiled} compiled, ${refused} refused`).to.be.above(50);
  }).timeout(60_000);
});
