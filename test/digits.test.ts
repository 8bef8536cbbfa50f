// How the kernel writes numbers, dates and addresses: against what JavaScript writes, one column a value.

import { expect } from "chai";
import fc from "fast-check";
import type { Quantity } from "../src/rows/rule.js";
import { type BareRule, columnsOf, lines, render } from "./support/rows.js";

/** The text of each value as it stands in a row of an array: every column draws from a range of one. */
async function written(type: string, values: readonly Quantity[], more: BareRule & object = {}): Promise<string[]> {
  const names = values.map((_, index) => `c${index}`);
  const columns = columnsOf(
    Object.fromEntries(names.map((name) => [name, type])),
    Object.fromEntries(
      names.map((name, index) => [name, { ...more, uniform: { from: values[index] ?? 0, to: values[index] ?? 0 } }]),
    ),
  );
  const [line = ""] = lines(await render(columns, { rows: 1, format: "JSONCompactEachRow" }));
  return line.slice(1, -1).split(",");
}

/** Powers of ten and two and their neighbours: where lengths change. */
function edges(lowest: bigint, highest: bigint): bigint[] {
  const powers = Array.from({ length: 64 }, (_, power) => [2n ** BigInt(power), 10n ** BigInt(power % 20)]).flat();
  const near = powers.flatMap((power) => [power - 1n, power, power + 1n]);
  const signed = [0n, ...near, ...near.map((value) => -value), lowest, highest];
  return [...new Set(signed)].filter((value) => value >= lowest && value <= highest);
}

const MOST = 2n ** 63n - 1n;

describe("digits", () => {
  it("whole numbers of 64 bits, signed and unsigned, at every length", async () => {
    const signed = edges(-MOST, MOST);
    expect(await written("Int64", signed)).to.deep.equal(signed.map(String));
    const unsigned = edges(0n, 2n ** 64n - 1n);
    expect(await written("UInt64", unsigned)).to.deep.equal(unsigned.map(String));
  });

  for (let decimals = 1; decimals <= 18; decimals++) {
    it(`numbers with ${decimals} digits behind the point, at every length`, async () => {
      const units = edges(-MOST, MOST).filter(
        (unit) => (unit < 0n ? -unit : unit) < 2n ** 53n * 10n ** BigInt(decimals),
      );
      const texts = units.map((unit) => {
        const digits = String(unit < 0n ? -unit : unit).padStart(decimals + 1, "0");
        return `${unit < 0n ? "-" : ""}${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
      });
      expect(await written("Float64", texts, { decimals })).to.deep.equal(texts);
    });
  }

  it("property: any number of any scale", async () => {
    const scaled = fc.record({
      unit: fc.bigInt({ min: -(10n ** 18n), max: 10n ** 18n }),
      decimals: fc.integer({ min: 3, max: 14 }),
    });
    await fc.assert(
      fc.asyncProperty(scaled, async ({ unit, decimals }) => {
        const digits = String(unit < 0n ? -unit : unit).padStart(decimals + 1, "0");
        const text = `${unit < 0n ? "-" : ""}${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
        expect(await written("Float64", [text], { decimals })).to.deep.equal([text]);
      }),
      { numRuns: 200 },
    );
  });

  it("the first, the second and the last day of each month from 1900 to 2299", async () => {
    const days: string[] = [];
    for (let month = 0; month < 400 * 12; month++) {
      for (const day of [1, 2, 0]) {
        const date = new Date(Date.UTC(1900, month + (day === 0 ? 1 : 0), day));
        days.push(date.toISOString().slice(0, 10));
      }
    }
    expect(days).to.have.length(14_400);
    expect(await written("Date32", days)).to.deep.equal(days.map((day) => `"${day}"`));
  });

  it("IPv4 addresses with parts of one, two and three digits", async () => {
    const parts = [0, 1, 9, 10, 99, 100, 255];
    const addresses = parts.flatMap((a) => parts.flatMap((b) => [`${a}.${b}.${b}.${a}`, `${b}.0.${a}.255`]));
    expect(await written("IPv4", addresses)).to.deep.equal(addresses.map((address) => `"${address}"`));
  });

  it("hexadecimal and base 62 digits of every length, all of them in use", async () => {
    for (const [name, base, alphabet] of [
      ["hex", 16, "0123456789abcdef"],
      ["base62", 62, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"],
    ] as const) {
      for (let digits = 1; digits <= 40; digits++) {
        const columns = columnsOf({ v: "String" }, { v: { pattern: `{${name} ${digits}}` } });
        const texts = lines(await render(columns, { rows: 500 })).map((line) => JSON.parse(line).v as string);
        expect(new Set(texts.map((text) => text.length))).to.deep.equal(new Set([digits]));
        // Of 1,500 digits or more, none of 62 is missing but once in 10^9 times.
        if (digits >= 3) expect([...new Set(texts.join(""))].toSorted().join("")).to.equal(alphabet);
        for (let place = 0; place < digits; place++) {
          const seen = new Set(texts.map((text) => text[place]));
          expect(seen.size, `${name} ${digits}, place ${place}`).to.be.greaterThan(base * 0.9);
        }
      }
    }
  });
});
