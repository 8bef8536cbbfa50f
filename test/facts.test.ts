// src/facts.ts as a table: which version carries which type in which format, and which grants it knows. Seen on real servers of these
// versions; those of the suite are asked again in versions.test.ts.

import { expect } from "chai";
import { Facts, since, whyTooOld } from "../src/facts.js";
import { FORMATS, type Format } from "../src/rows/program.js";
import { parseType } from "../src/rows/type.js";
import { formatProblems } from "../src/target.js";
import { columnsOf } from "./support/rows.js";

const VERSIONS = ["22.12.1.1", "23.6.1.1", "24.5.1.1", "24.8.4.13", "25.5.2.1", "25.8.2.1", "26.9.2.1"];

/** Formats that carry the type to the server. */
function carried(type: string, version: string): readonly Format[] {
  const facts = new Facts([version]);
  return FORMATS.filter((format) => whyTooOld(parseType(type), format, facts) === undefined);
}

const JSONS: readonly Format[] = ["JSONEachRow", "JSONCompactEachRow"];
const NO_NATIVE: readonly Format[] = [...JSONS, "RowBinary"];
const NO_ROW_BINARY: readonly Format[] = [...JSONS, "Native"];

describe("facts: what versions can do", () => {
  for (const [type, exceptions] of [
    ["Variant(Array(UInt8), String)", { "22.12.1.1": NO_NATIVE, "23.6.1.1": NO_NATIVE, "24.5.1.1": NO_NATIVE }],
    [
      "Array(Tuple(UInt8, Map(String, Variant(String, UInt8))))",
      { "22.12.1.1": NO_NATIVE, "23.6.1.1": NO_NATIVE, "24.5.1.1": NO_NATIVE },
    ],
    ["Dynamic", { "22.12.1.1": JSONS, "23.6.1.1": JSONS, "24.5.1.1": JSONS }],
    ["Map(UInt8, Array(Dynamic))", { "22.12.1.1": JSONS, "23.6.1.1": JSONS, "24.5.1.1": JSONS }],
    [
      "Tuple(a JSON(b UInt8), c String)",
      { "22.12.1.1": NO_ROW_BINARY, "23.6.1.1": NO_ROW_BINARY, "24.5.1.1": NO_ROW_BINARY, "24.8.4.13": NO_ROW_BINARY },
    ],
    ["Map(LowCardinality(String), UInt8)", { "22.12.1.1": NO_NATIVE }],
    ["Array(Map(UInt8, Array(LowCardinality(Nullable(String)))))", { "22.12.1.1": NO_NATIVE }],
    ["Array(LowCardinality(String))", {}],
    ["Map(String, Array(Nullable(DateTime64(3))))", {}],
  ] as const satisfies readonly (readonly [string, Readonly<Record<string, readonly Format[]>>])[]) {
    it(`${type}: every format but on ${Object.keys(exceptions).join(", ") || "none"}`, () => {
      const found = Object.fromEntries(VERSIONS.map((version) => [version, carried(type, version)]));
      const all = Object.fromEntries(VERSIONS.map((version) => [version, [...FORMATS]]));
      expect(found).to.deep.equal({ ...all, ...exceptions });
    });
  }

  it("of several servers the oldest decides, by numbers and not by letters: 9.10 before 24.5 before 24.10", () => {
    expect(new Facts(["26.9.1.1", "24.5.1.1", "24.10.1.1"]).oldest).to.equal("24.5.1.1");
    expect(new Facts(["24.10.1.1", "9.10.1.1"]).oldest).to.equal("9.10.1.1");
    const mixed = new Facts(["26.9.1.1", "24.5.1.1"]);
    expect([mixed.holds("variantInNative"), mixed.holds("wildcardGrants")]).to.deep.equal([false, false]);
    expect(new Facts(["26.9.1.1", "24.10.1.1"]).holds("variantInNative")).to.equal(true);
  });

  it("where nobody was asked all is taken to hold", () => {
    const facts = new Facts([]);
    expect([facts.oldest, facts.holds("jsonInRowBinary")]).to.deep.equal([undefined, true]);
  });

  it("grants by the beginning of a name: not on 24.8, on 25.5 (a syntax error and none)", () => {
    expect(["24.8.4.13", "25.5.2.1"].map((version) => new Facts([version]).holds("wildcardGrants"))).to.deep.equal([
      false,
      true,
    ]);
    expect(since("wildcardGrants")).to.equal("25.5");
  });

  it("each column that is not carried gets a sentence with the formats that carry it", () => {
    const columns = columnsOf({ ok: "String", v: "Variant(String, UInt8)", d: "Dynamic", j: "JSON" });
    const facts = new Facts(["25.8.2.1", "24.5.1.1"]);
    const and = "and newer, and this is 24.5.1.1: use --format";
    expect(formatProblems(columns, "Native", facts)).to.deep.equal([
      `column v has a Variant, which Native carries to ClickHouse 24.8 ${and} JSONEachRow or JSONCompactEachRow or RowBinary`,
      `column d has a Dynamic, which Native carries to ClickHouse 24.8 ${and} JSONEachRow or JSONCompactEachRow`,
    ]);
    expect(formatProblems(columns, "RowBinary", facts)).to.deep.equal([
      `column d has a Dynamic, which RowBinary carries to ClickHouse 24.8 ${and} JSONEachRow or JSONCompactEachRow`,
      `column j has a JSON, which RowBinary carries to ClickHouse 25.5 ${and} JSONEachRow or JSONCompactEachRow or Native`,
    ]);
    expect(formatProblems(columns, "JSONEachRow", facts)).to.deep.equal([]);
  });
});
