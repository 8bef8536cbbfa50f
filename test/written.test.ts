// Numbers of a config file that are written otherwise than a program would: texts have them as they are written, numbers by
// what they are. By ClickHouse's own comparison.

import { expect } from "chai";
import { type Columns, fill } from "./support/tables.js";

const WRITTEN = [
  "1.10",
  "02108",
  "1e3",
  "0x1F",
  ".5",
  "0o17",
  "-0",
  "+7",
  "1.0",
  ".inf",
  "True",
  "18446744073709551616",
];

/** What ClickHouse says of the one row of column v. */
async function told(type: string, rule: string, sql: string): Promise<unknown> {
  const columns: Columns = { v: [type, rule] };
  const table = await fill(columns, { rows: 1, settings: SETTINGS });
  return (await table.one<{ readonly v: unknown }>(`SELECT ${sql} AS v FROM t`)).v;
}

const SETTINGS = {
  allow_suspicious_low_cardinality_types: "1",
  allow_experimental_variant_type: "1",
  allow_suspicious_variant_types: "1",
  allow_experimental_dynamic_type: "1",
};

describe("numbers as they are written", function () {
  this.timeout(60_000);

  for (const text of WRITTEN) {
    it(`${text} for a String, a FixedString, a LowCardinality(Nullable(String)) is "${text}"`, async () => {
      expect(await told("String", `{ constant: ${text} }`, "v")).to.equal(text);
      expect(await told("FixedString(20)", `{ constant: ${text} }`, "toStringCutToZero(v)")).to.equal(text);
      expect(await told("LowCardinality(Nullable(String))", `{ choice: [${text}] }`, "v")).to.equal(text);
    });
  }

  const rows: readonly (readonly [type: string, rule: string, sql: string, expected: unknown])[] = [
    ["UInt8", "{ constant: 0x1F }", "v", 31],
    ["UInt16", "{ constant: 02108 }", "v", 2108],
    ["UInt16", "{ constant: 1e3 }", "v", 1000],
    ["Int8", "{ constant: 0o17 }", "v", 15],
    ["Int8", "{ constant: +7 }", "v", 7],
    ["Float64", "{ constant: .5 }", "v", 0.5],
    ["Float64", "{ constant: 1.10 }", "v", 1.1],
    ["Float64", "{ constant: -.inf }", "toString(v)", "-inf"],
    ["Float64", "{ constant: .nan }", "toString(v)", "nan"],
    ["Decimal(9, 2)", "{ constant: 1.10 }", "toString(v)", "1.1"],
    [
      "Decimal(76, 40)",
      "{ constant: 0.1234567890123456789012345678901234567890 }",
      "toString(v)",
      "0.123456789012345678901234567890123456789",
    ],
    ["Decimal(9, 2)", "{ constant: 0x10 }", "toString(v)", "16"],
    [
      "UInt256",
      "{ constant: 0115792089237316195423570985008687907853269984665640564039457584007913129639935 }",
      "toString(v)",
      "115792089237316195423570985008687907853269984665640564039457584007913129639935",
    ],
    ["Time", "{ constant: 1e3 }", "toString(v)", "00:16:40"],
    ["Bool", "{ constant: TRUE }", "toString(v)", "true"],
    ["Enum8('1.10' = 1, '1.1' = 2)", "{ constant: 1.10 }", "toString(v)", "1.10"],
    ["Enum8('a' = 1, 'True' = 2)", "{ constant: True }", "toString(v)", "True"],
    ["Enum8('a' = 1, 'b' = 31)", "{ constant: 0x1F }", "toString(v)", "b"],
    ["Array(String)", "{ constant: [1.10, 007] }", "v", ["1.10", "007"]],
    ["Array(UInt8)", "{ constant: [1e1, 007] }", "v", [10, 7]],
    ["Map(String, String)", "{ constant: { 1.10: 0.10 } }", "toString(v)", "{'1.10':'0.10'}"],
    ["Map(UInt8, UInt8)", "{ constant: { 0x1F: 007 } }", "toString(v)", "{31:7}"],
    ["Map(UInt8, UInt8)", "{ fields: { 0x1F: { constant: 007 } } }", "toString(v)", "{31:7}"],
    ["Map(String, UInt8)", "{ fields: { 007: { constant: 007 } } }", "toString(v)", "{'007':7}"],
    ["Tuple(String, Float64)", "{ constant: [1.10, 1.10] }", "toString(v)", "('1.10',1.1)"],
    ["Variant(String, UInt8)", "{ constant: 007 }", "variantType(v)", "UInt8"],
    ["Dynamic", "{ constant: 007 }", "toString(v)", "7"],
    ["String", "{ choice: { 1.10: 1, 1.1: 0 } }", "v", "1.10"],
  ];
  for (const [type, rule, sql, expected] of rows) {
    it(`${type} with ${rule} is ${JSON.stringify(expected)}`, async () => {
      expect(await told(type, rule, sql)).to.deep.equal(expected);
    });
  }

  it("a weighted choice may have 1.1 and 1.10, together may have 02108", async () => {
    const columns: Columns = { v: ["String", "{ choice: { 1.1: 1, 1.10: 1 } }"], zip: "String", n: "UInt16" };
    const table = await fill(columns, { rows: 200, together: "- { columns: [zip, n], options: [[02108, 02108]] }" });
    expect(await table.all("SELECT DISTINCT zip, n FROM t")).to.deep.equal([{ zip: "02108", n: 2108 }]);
    expect(await table.all("SELECT DISTINCT v FROM t ORDER BY v")).to.deep.equal([{ v: "1.1" }, { v: "1.10" }]);
  });
});
