// src/rows/units.ts: quantities as a user writes them, and back.

import { expect } from "chai";
import type { Quantity } from "../src/rows/rule.js";
import { parseType } from "../src/rows/type.js";
import { showUnits, toUnits, unitsOf } from "../src/rows/units.js";

describe("units", () => {
  const there: readonly (readonly [type: string, quantity: Quantity, units: bigint, back: string])[] = [
    ["Date", "1970-01-02", 1n, "1970-01-02"],
    ["Date32", "1969-12-31", -1n, "1969-12-31"],
    ["DateTime", "1970-01-01T00:01:00Z", 60n, "1970-01-01T00:01:00Z"],
    ["DateTime", "1970-01-02", 86_400n, "1970-01-02"],
    ["DateTime64(3)", "1970-01-01T00:00:00.250Z", 250n, "1970-01-01T00:00:00.250Z"],
    ["DateTime64(3)", "1970-01-01T01:00:00+01:00", 0n, "1970-01-01"],
    ["DateTime64(9)", "1970-01-01 00:00:00.000000001", 1n, "1970-01-01"],
    ["Time", "01:02:03", 3723n, "01:02:03"],
    ["Time", "-00:00:30", -30n, "-00:00:30"],
    ["Time64(3)", "23:59:59.5", 86_399_500n, "23:59:59.500"],
    ["Time64(3)", 1.25, 1250n, "00:00:01.250"],
    ["IPv4", "10.0.0.1", 167_772_161n, "10.0.0.1"],
    ["Decimal(9, 2)", "19.99", 1999n, "19.99"],
    ["Decimal(9, 2)", -0.05, -5n, "-0.05"],
    ["Decimal(9, 2)", 1e3, 100_000n, "1000"],
    ["Int64", "9223372036854775807", 2n ** 63n - 1n, "9223372036854775807"],
  ];
  for (const [text, quantity, units, back] of there) {
    it(`${quantity} of ${text} is ${units}, shown as ${back}`, () => {
      const type = parseType(text);
      const decimals = unitsOf(type)?.decimals ?? 0;
      expect(toUnits(type, decimals, quantity)).to.equal(units);
      expect(showUnits(type, decimals, units)).to.equal(back);
    });
  }

  const none: readonly (readonly [type: string, quantity: Quantity])[] = [
    ["Date", "2026-02-31"],
    ["Date", 20_000],
    ["DateTime", "2026-01-01T25:00:00Z"],
    ["DateTime", "yesterday"],
    ["Time", "12:60:00"],
    ["IPv4", "10.0.0.256"],
    ["IPv4", "::1"],
    ["Int32", 1.5],
    ["Int32", "ten"],
    ["Decimal(9, 2)", "1,5"],
  ];
  for (const [text, quantity] of none) {
    it(`${quantity} is no ${text}`, () => {
      const type = parseType(text);
      expect(toUnits(type, unitsOf(type)?.decimals ?? 0, quantity)).to.equal(undefined);
    });
  }
});
