// What is asked about the leaves of a table, as SQL that looks at each row once, and how the answer is read. Pure. Called by
// learn.ts. Texts leave the server as top values alone, and without `values` not even those.

import type { Leaf } from "./plan.js";
import { mapped } from "./plan.js";

/** Values told with how often they come: so many at most. */
export const MOST_TOP = 100;
/** Counters for them: up to so many different values the counts are exact. */
const TOP_LOAD = 10;
/** Texts that are longer stand in no rule. */
export const LONGEST_TOP = 200;
/** Values that quantiles are taken from, and that are looked at for how often two are the same. */
const SAMPLE = 100_000;
const PAIRS_SAMPLE = 20_000;
/** Ranges between quantiles. */
export const RANGES = 100;
/** A Float is told to have so many digits behind its point, where all have. */
const MOST_DECIMALS = 4;

const UUID = "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$";

export interface Top {
  /** Empty where it is not to be told. */
  readonly text: string;
  readonly count: number;
  /** Characters. */
  readonly length: number;
}

/** What was seen of a leaf. */
export interface Seen {
  /** Values and NULLs. */
  readonly rows: number;
  /** Values: neither NULL nor, of a Float, infinite or NaN. */
  readonly values: number;
  readonly distinct: number;
  /** Of two values chosen at random, the probability that they are the same. */
  readonly same: number;
  readonly top: readonly Top[];
  /** Of ordered ones; as text in the config file's spelling. */
  readonly numbers:
    | {
        readonly min: string;
        readonly max: string;
        readonly mean: number;
        readonly sd: number;
        /** The first `RANGES` of them: the last is max. */
        readonly quantiles: readonly string[];
        /** Means of the first and of the last range. */
        readonly ends: readonly [first: number, last: number];
        /** Digits behind the point that all values have at most; undefined: many. */
        readonly decimals: number | undefined;
      }
    | undefined;
  readonly texts:
    | {
        /** Characters: mean, least, 5%, 95%, greatest. */
        readonly lengths: readonly [mean: number, min: number, low: number, high: number, max: number];
        /** Shares of the values. */
        readonly uuid: number;
        readonly digits: number;
        readonly hex: number;
        readonly spaced: number;
      }
    | undefined;
}

/** The expressions of a leaf's question, named `${index}_…`. */
export function question(leaf: Leaf, index: number, column: string, values: boolean): readonly string[] {
  const { inArray, of } = leaf;
  const suffix = inArray ? "Array" : "";
  const value = valuesOf(leaf, column);
  const each = (f: (x: string) => string): string => mapped({ sql: value, inArray }, f);
  const over = (name: string, parameters: string, argument = value): string =>
    `${name}${suffix}${parameters}(${argument})`;
  const hash = each((x) => `cityHash64(${x})`);
  const named: [string, string][] = [
    ["rows", inArray ? `sum(length(${column}))` : "count()"],
    ["values", inArray ? `sum(length(${value}))` : `count(${value})`],
    ["distinct", over("uniqCombined64", "(17)", hash)],
    ["pairs", pairs(over("groupArraySample", `(${PAIRS_SAMPLE}, 2)`, hash))],
  ];
  if (of === "ordered") {
    named.push(...ordered(leaf, over, each));
  } else if (of === "set") {
    named.push(["top", tops(over("topK", `(${MOST_TOP}, ${TOP_LOAD}, 'counts')`), true)]);
  } else if (of === "text") {
    const top = tops(over("topK", `(${MOST_TOP}, ${TOP_LOAD}, 'counts')`), values);
    // Long ones, and what is no text at all, stand in no rule: they need not leave the server.
    const fit = `${over(
      "max",
      "",
      each((x) => `lengthUTF8(${x})`),
    )} <= ${LONGEST_TOP} AND ${over(
      "min",
      "",
      each((x) => `isValidUTF8(${x})`),
    )} = 1`;
    const length = each((x) => `lengthUTF8(${x})`);
    const share = (test: (x: string) => string): string => over("avg", "", each(test));
    named.push(
      ["top", `if(${fit}, ${top}, [])`],
      ["mean", over("avg", "", length)],
      ["min", over("min", "", length)],
      ["max", over("max", "", length)],
      ["edges", over("quantiles", "(0.05, 0.95)", length)],
      ["uuid", share((x) => `match(${x}, '${UUID}')`)],
      ["digits", share((x) => `match(${x}, '^[0-9]+$')`)],
      ["hex", share((x) => `match(${x}, '^[0-9a-f]+$')`)],
      ["spaced", share((x) => `position(${x}, ' ') > 0`)],
    );
  }
  return named.map(([name, sql]) => `${sql} AS \`${index}_${name}\``);
}

/** Without NULLs, in a type that all functions take. */
function valuesOf({ type, nullable, inArray }: Leaf, column: string): string {
  const cast = (x: string): string => {
    switch (type.kind) {
      case "FixedString":
        return `toStringCutToZero(${x})`;
      case "String":
      case "Enum":
      case "Bool":
        return `toString(${x})`;
      case "Interval":
        return `toInt64(${x})`;
      case "Float":
        return type.bits === 16 ? `toFloat32(${x})` : x;
      default:
        return x;
    }
  };
  if (!inArray) return type.kind === "Float" ? `if(isFinite(${cast(column)}), ${cast(column)}, NULL)` : cast(column);
  const present = nullable ? `arrayMap(x -> assumeNotNull(x), arrayFilter(x -> isNotNull(x), ${column}))` : column;
  const all = cast("x") === "x" ? present : `arrayMap(x -> ${cast("x")}, ${present})`;
  return type.kind === "Float" ? `arrayFilter(x -> isFinite(x), ${all})` : all;
}

/** c * (c - 1) over the values of a sample that come c times. */
function pairs(sample: string): string {
  const counts = `arrayReduce('sumMap', arrayMap(h -> [h], ${sample}), arrayMap(h -> [toUInt64(1)], ${sample})).2`;
  return `(length(${sample}), arraySum(arrayMap(c -> c * (c - 1), ${counts})))`;
}

const tops = (top: string, values: boolean): string =>
  `arrayMap(t -> (${values ? "toString(t.1)" : "''"}, t.2 - t.3, lengthUTF8(toString(t.1))), ${top})`;

function ordered(
  { type }: Leaf,
  over: (name: string, parameters: string, argument?: string) => string,
  each: (f: (x: string) => string) => string,
): [string, string][] {
  const text = (x: string): string => (type.kind === "DateTime" ? `toString(${x}, 'UTC')` : `toString(${x})`);
  const sorted = `arraySort(${over("groupArraySample", `(${SAMPLE}, 1)`)})`;
  const found: [string, string][] = [
    ["min", text(over("min", ""))],
    ["max", text(over("max", ""))],
    ["sorted", `arrayMap(i -> ${text(`${sorted}[1 + intDiv(i * length(${sorted}), ${RANGES})]`)}, range(${RANGES}))`],
  ];
  if (isNumber(type.kind)) {
    const number = each((x) => `toFloat64(${x})`);
    const mean = (slice: string): string => `arrayAvg(arrayMap(x -> toFloat64(x), ${slice}))`;
    const range = `greatest(1, intDiv(length(${sorted}), ${RANGES}))`;
    found.push([
      "ends",
      `[${mean(`arraySlice(${sorted}, 1, ${range})`)}, ${mean(`arraySlice(${sorted}, -toInt64(${range}))`)}]`,
    ]);
    found.push(["mean", over("avg", "", number)], ["sd", over("stddevPop", "", number)]);
    found.push([
      "top",
      `arrayMap(t -> (${text("t.1")}, t.2 - t.3, toUInt64(0)), ${over("topK", `(${MOST_TOP}, ${TOP_LOAD}, 'counts')`)})`,
    ]);
  }
  if (type.kind === "Float") {
    const off = (digits: number): string =>
      over(
        "max",
        "",
        each((x) => `abs(toFloat64(${x}) * ${10 ** digits} - round(toFloat64(${x}) * ${10 ** digits}))`),
      );
    const all = Array.from({ length: MOST_DECIMALS + 1 }, (_, digits) => off(digits));
    found.push(["decimals", `arrayFirstIndex(x -> x < 0.001, [${all.join(", ")}])`]);
  }
  return found;
}

const isNumber = (kind: Leaf["type"]["kind"]): boolean =>
  kind === "Int" || kind === "Float" || kind === "Decimal" || kind === "Interval";

/** What the server said of the leaf `index`. */
export function seenOf(leaf: Leaf, index: number, row: Readonly<Record<string, unknown>>): Seen {
  const at = (name: string): unknown => row[`${index}_${name}`];
  const number = (name: string): number => Number(at(name) ?? 0);
  const list = (value: unknown): readonly unknown[] =>
    Array.isArray(value) ? value : typeof value === "object" && value !== null ? Object.values(value) : [];
  const [size = 0, doubles = 0] = list(at("pairs")).map(Number);
  const [low = 0, high = 0] = list(at("edges")).map(Number);
  const digits = number("decimals");
  const [firstMean = Number.NaN, lastMean = Number.NaN] = list(at("ends")).map(Number);
  return {
    rows: number("rows"),
    values: number("values"),
    distinct: Math.min(number("distinct"), number("values")),
    same: size > 1 ? doubles / (size * (size - 1)) : 0,
    top: list(at("top")).map((entry) => {
      const [text, count, length] = list(entry);
      return { text: String(text), count: Number(count), length: Number(length) };
    }),
    numbers:
      leaf.of !== "ordered"
        ? undefined
        : {
            min: String(at("min")),
            max: String(at("max")),
            mean: number("mean"),
            sd: number("sd"),
            quantiles: list(at("sorted")).map(String),
            ends: [firstMean, lastMean],
            decimals: digits > 0 ? digits - 1 : undefined,
          },
    texts:
      leaf.of !== "text"
        ? undefined
        : {
            lengths: [number("mean"), number("min"), low, high, number("max")],
            uuid: number("uuid"),
            digits: number("digits"),
            hex: number("hex"),
            spaced: number("spaced"),
          },
  };
}
