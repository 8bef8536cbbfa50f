// src/text.ts as tables.

import { expect } from "chai";
import { clockTime, count, milliseconds, nearest, short, whole } from "../src/text.js";

/** One test a row: the value, and what a person reads. */
function reads<T>(write: (value: T) => string, rows: readonly (readonly [value: T, text: string])[]): void {
  for (const [value, text] of rows) it(`${value} is "${text}"`, () => expect(write(value)).to.equal(text));
}

describe("text", () => {
  describe("whole: a number with its thousands apart", () => {
    reads(whole, [
      [0, "0"],
      [999, "999"],
      [1000, "1,000"],
      [1234567.5, "1,234,568"],
      [Number.MAX_SAFE_INTEGER, "9,007,199,254,740,991"],
    ]);
  });

  describe("short: three digits and k, M, G", () => {
    reads(short, [
      [0, "0"],
      [0.12345, "0.123"],
      [5, "5"],
      [99.95, "100"],
      [999.4, "999"],
      [999.6, "1k"],
      [1234, "1.23k"],
      [99_950, "100k"],
      [200_000, "200k"],
      [999_499, "999k"],
      [999_600, "1M"],
      [1_234_567, "1.23M"],
      [2.5e9, "2.5G"],
    ]);
  });

  describe("milliseconds: a time, in seconds from one on", () => {
    reads(milliseconds, [
      [0, "0 ms"],
      [0.0000512, "0 ms"],
      [0.0512, "0.051 ms"],
      [0.5124, "0.512 ms"],
      [12.345, "12.3 ms"],
      [999.4, "999 ms"],
      [999.6, "1 s"],
      [12_345, "12.3 s"],
      [3_600_000, "3600 s"],
    ]);
  });

  describe("clockTime: minutes, and hours where there are any", () => {
    reads(clockTime, [
      [-1, "0:00"],
      [0.9, "0:00"],
      [75, "1:15"],
      [3599.9, "59:59"],
      [3675, "1:01:15"],
      [360_000, "100:00:00"],
    ]);
  });

  describe("count: one insert, two inserts", () => {
    reads(
      (value: number) => count(value, "insert"),
      [
        [0, "0 inserts"],
        [1, "1 insert"],
        [2000, "2,000 inserts"],
      ],
    );
  });

  describe("nearest: the name that was meant", () => {
    const names = ["rate", "duration", "clickhouse-url", "metrics-port", "report", "run-id", "help"];
    const rows: readonly (readonly [string, string | undefined])[] = [
      ["ratte", "rate"],
      ["Rate", "rate"],
      ["duratoin", "duration"],
      ["url", "clickhouse-url"],
      ["port", "metrics-port"],
      ["runid", "run-id"],
      ["d", undefined],
      ["x", undefined],
      ["nonsense", undefined],
      ["RATE", "rate"],
      ["rtae", "rate"],
      ["help", "help"],
      ["hepl", "help"],
      ["held", "help"],
      ["hold", undefined],
      ["hi", undefined],
      ["repo", undefined],
      ["reprot", "report"],
      ["duratio", "duration"],
      ["turation2", "duration"],
    ];
    for (const [mistyped, name] of rows) {
      it(`of ${mistyped} is ${name ?? "none"}`, () => expect(nearest(mistyped, names)).to.equal(name));
    }

    it("short words have no other short words for it: id, ts, day, sku; but ID is id", () => {
      const columns = ["fx", "tax", "seq", "hold", "id"];
      expect(["it", "ts", "day", "sku", "help", "ID"].map((word) => nearest(word, columns))).to.deep.equal([
        ...Array(5).fill(undefined),
        "id",
      ]);
    });
  });
});
