// src/replay/lines.ts and the kernel behind it: what JSON.parse says of a line, it says; what rows a text has; and a time
// put into rows without another byte of them being touched.

import { readFileSync } from "node:fs";
import { expect } from "chai";
import fc from "fast-check";
import { Lines } from "../src/replay/lines.js";

const KERNEL = new WebAssembly.Module(readFileSync(new URL("../src/rows/kernel/kernel.wasm", import.meta.url)));
const ALL = 0xffff_ffff;

const lines = new Lines(KERNEL, 2 ** 20);

/** Puts the text into memory, `shift` bytes in, with a quote behind it that no line may see. */
function place(text: string, shift = 0): { readonly at: number; readonly end: number } {
  const bytes = Buffer.from(text);
  const at = lines.free + shift;
  lines.bytes(at, bytes.length + 64).fill(0x22);
  lines.bytes(at, bytes.length).set(bytes);
  return { at, end: at + bytes.length };
}

/** Whether the kernel takes the line for one JSON object, at any place within a vector. */
function takes(line: string, shift = 0): boolean {
  const { at, end } = place(`${line}\n`, shift);
  const { rows, fault, at: stopped } = lines.check(at, end, ALL);
  expect(fault === undefined ? stopped === end : stopped === at).to.equal(true);
  return fault === undefined && rows === 1;
}

function parses(line: string): boolean {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

const object = fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue());
/** One character put in, taken out or put in the place of another. */
const mutation = fc.record({
  at: fc.nat(),
  takenOut: fc.constantFrom(0, 1),
  putIn: fc.constantFrom("", ...'{}[]:,"\\ 0123456789.eE+-truefalsn\tu/b\u0001\u007fé'.split("")),
});

describe("lines", function () {
  this.timeout(60_000);

  it("20,000 objects and mutations of them: a line is taken exactly when JSON.parse takes it for an object", () => {
    let taken = 0;
    let refused = 0;
    const property = fc.property(
      object,
      fc.constantFrom(undefined, 1, "\t"),
      fc.array(mutation, { maxLength: 3 }),
      fc.nat(15),
      (value, space, mutations, shift) => {
        let line = JSON.stringify(value, undefined, space).replaceAll("\n", " \r");
        for (const { at, takenOut, putIn } of mutations) {
          const index = at % (line.length + 1);
          line = line.slice(0, index) + putIn + line.slice(index + takenOut);
        }
        if (parses(line)) taken++;
        else refused++;
        expect(takes(line, shift), line).to.equal(parses(line));
      },
    );
    fc.assert(property, { numRuns: 20_000 });
    expect(Math.min(taken, refused)).to.be.above(3000);
  });

  const texts = [
    '{"a":"\\ud83d\\ude00\\ud800"}',
    '{"a":"\\u12G4"}',
    '{"a":"\\x41"}',
    '{"a":01}',
    '{"a":-}',
    '{"a":-0.0e-00}',
    '{"a":.5}',
    '{"a":5.}',
    '{"a":1e}',
    '{"a":1E+5}',
    '{"a":+1}',
    '{"a":NaN}',
    '{"a":nul}',
    '{"a":truee}',
    '{"a":false }',
    '{"a":"tab\there"}',
    '{"a" 1}',
    '{"a":}',
    "{a:1}",
    "{'a':1}",
    '{"a":1,}',
    '{,"a":1}',
    '{"a":[1,]}',
    '{"a":[,]}',
    '{"a":[[],{}]}',
    '{"a":[}]}',
    '{"a":{"b":[}',
    '{"a":1}}',
    '{"a":1}{"a":1}',
    '{"a":1} //',
    '\u00a0{"a":1}',
    "[]",
    "null",
    '"a"',
    '{"a":"',
    '{"a":"\\',
    "{",
    "}",
  ];
  for (const text of texts) {
    it(`${text} is ${parses(text) ? "taken" : "refused"}`, () => {
      for (let shift = 0; shift < 16; shift++) expect(takes(text, shift)).to.equal(parses(text));
    });
  }

  it("1,000 brackets within each other are taken, 1,001 are not", () => {
    const nested = (depth: number): string => `{"a":${"[".repeat(depth - 1)}${"]".repeat(depth - 1)}}`;
    expect([takes(nested(1000)), takes(nested(1001))]).to.deep.equal([true, false]);
  });

  it("a fault is told with its kind and place", () => {
    const faultOf = (line: string) => {
      const { at, end } = place(`{}\n${line}\n{}\n`);
      const { rows, lines: found, fault, at: stopped } = lines.check(at, end, ALL);
      return [rows, found, stopped - at, fault?.kind, (fault?.at ?? 0) - stopped];
    };
    expect(faultOf("[1]")).to.deep.equal([1, 1, 3, "not-an-object", 0]);
    expect(faultOf('{"a":tru}')).to.deep.equal([1, 1, 3, "unexpected", 5]);
    expect(faultOf('{"a":1} {}')).to.deep.equal([1, 1, 3, "more", 8]);
    expect(faultOf(`{"a":${"[".repeat(2000)}`)).to.deep.equal([1, 1, 3, "too-deep", 5 + 999]);
  });

  it("5,000 texts: rows counted in pieces of any length are the lines that are not blank", () => {
    const line = fc.oneof(
      fc.constantFrom("", " ", "\t\r", "\r"),
      fc.string({ maxLength: 200 }).map((text) => `{${text.replaceAll("\n", "")}}`),
    );
    const property = fc.property(
      fc.array(line, { maxLength: 30 }),
      fc.array(fc.integer({ min: 1, max: 150 }), { minLength: 1, maxLength: 20 }),
      fc.integer({ min: 1, max: 5 }),
      (all, cuts, most) => {
        const text = all.map((one) => `${one}\n`).join("");
        // Where each row ends, in bytes.
        const ends: number[] = [];
        let bytes = 0;
        for (const one of all) {
          bytes += Buffer.byteLength(one) + 1;
          if (one.trim() !== "") ends.push(bytes);
        }
        const { at: start, end } = place(text);
        lines.restart();
        const found: number[] = [];
        let at = start;
        let behind = start;
        for (let turn = 0; at < end; turn++) {
          behind = Math.min(end, at + (cuts[turn % cuts.length] ?? 1));
          while (at < behind) {
            const counted = lines.count(at, behind, most);
            expect(counted.rows).to.be.at.most(most);
            for (let row = 0; row < counted.rows; row++) found.push(counted.end - start);
            at = counted.rows === most ? counted.end : behind;
          }
        }
        // Of rows found by one call only the last one's end is told.
        expect(found.length).to.equal(ends.length);
        expect(found.every((one) => ends.includes(one))).to.equal(true);
        expect(found.at(-1)).to.equal(ends.at(-1));
      },
    );
    fc.assert(property, { numRuns: 5000 });
  });

  describe("another time", () => {
    const TICK_MS = 1_000_000n;
    const DAY = 86_400_000_000_000n;
    const times = { ns: 0n, fraction: 0n, stepNs: 0n, stepFraction: 0n, denominator: 1n };

    function retimed(text: string, name: string, tickNs: bigint, at: Partial<typeof times>): string {
      const key = lines.putKey(lines.free + 500_000, name);
      const { at: from, end } = place(text);
      const to = lines.free + 600_000;
      const behind = lines.retime(from, end, to, key, tickNs, { ...times, ...at });
      return Buffer.from(lines.bytes(to, behind - to)).toString("utf8");
    }

    const cases: readonly (readonly [string, string, string])[] = [
      ['{"t":"2020-01-01","a":1}', "t", '{"t":"0.005","a":1}'],
      ['{"a":{"t":1},"t":{"x":[1,"}"]},"b":[{"t":2}]}', "t", '{"a":{"t":1},"t":"0.005","b":[{"t":2}]}'],
      ['{"a":"\\"t\\":1","t" : null }', "t", '{"a":"\\"t\\":1","t" : "0.005" }'],
      ['{"a":1,"t":17}', "t", '{"a":1,"t":"0.005"}'],
      ['{"t":true}', "t", '{"t":"0.005"}'],
      ['{"a":1}', "t", '{"t":"0.005","a":1}'],
      [" { } ", "t", '{"t":"0.005"} '],
      ['{"tt":1,"":2,"T":3}', "t", '{"t":"0.005","tt":1,"":2,"T":3}'],
      ['{"\\u0074":1}', "t", '{"\\u0074":"0.005"}'],
      ['{"z\\u00e9\\ud83d\\ude00\\n":1}', "zé😀\n", '{"z\\u00e9\\ud83d\\ude00\\n":"0.005"}'],
      ['{"zé😀":1}', "zé😀", '{"zé😀":"0.005"}'],
      ['{"z\\u20ac":1}', "z€", '{"z\\u20ac":"0.005"}'],
      ['{"z\\u20ac":1}', "z", '{"z":"0.005","z\\u20ac":1}'],
      ['{"a":1}', 'q"\\', '{"q\\"\\\\":"0.005","a":1}'],
    ];
    for (const [line, name, expected] of cases) {
      it(`${line} with ${JSON.stringify(name)} = 5 ms becomes ${expected}`, () => {
        expect(retimed(`${line}\n`, name, TICK_MS, { ns: 5_999_999n })).to.equal(`${expected}\n`);
      });
    }

    it("rows have exact times, of which the third part of a nanosecond is kept; blank lines have none", () => {
      const text = retimed('{"t":0}\n\n {}\r\n  \n{"t":0}\n{"t":0}\n', "t", 1n, {
        ns: 7n,
        stepNs: 3n,
        stepFraction: 1n,
        denominator: 3n,
      });
      expect(text).to.equal('{"t":"0.000000007"}\n{"t":"0.000000010"}\r\n{"t":"0.000000013"}\n{"t":"0.000000017"}\n');
    });

    it("a tick of 1 s has no fraction, and no quotes", () => {
      expect(retimed('{"t":0}\n', "t", 1_000_000_000n, { ns: 1_796_000_000_999_999_999n })).to.equal(
        '{"t":1796000000}\n',
      );
    });

    for (const [digits, text] of [
      [1, "1796000000.0"],
      [2, "1796000000.01"],
      [5, "1796000000.01234"],
      [9, "1796000000.012345678"],
    ] as const) {
      it(`${digits} digits: ${text}`, () => {
        const tickNs = 10n ** BigInt(9 - digits);
        expect(retimed("{}\n", "t", tickNs, { ns: 1_796_000_000_012_345_678n })).to.equal(`{"t":"${text}"}\n`);
      });
    }

    it("a tick of a day is a date in quotes", () => {
      expect(retimed('{"t":0}\n{}\n', "t", DAY, { ns: 20_457n * DAY, stepNs: DAY })).to.equal(
        '{"t":"2026-01-04"}\n{"t":"2026-01-05"}\n',
      );
    });

    it("3,000 objects: all but that one key stays as it is, by JSON.parse", () => {
      const property = fc.property(
        object,
        fc.string({ unit: "binary", minLength: 1 }),
        fc.jsonValue(),
        (value, name, old) => {
          fc.pre(name !== "__proto__" && !Object.hasOwn(value, "__proto__"));
          for (const before of [value, { ...value, [name]: old }]) {
            const after: unknown = JSON.parse(
              retimed(`${JSON.stringify(before)}\n`, name, TICK_MS, { ns: 5_000_000n }),
            );
            expect(after).to.deep.equal({ ...JSON.parse(JSON.stringify(before)), [name]: "0.005" });
          }
        },
      );
      fc.assert(property, { numRuns: 3000 });
    });
  });
});
