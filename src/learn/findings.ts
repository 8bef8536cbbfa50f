// What was seen of a value → its rule, as the config file has it. Pure: the decisions of --learn are here. Called by learn.ts.

import { showDecimal, showUnits, toUnits, type Units, unitsOf } from "../rows/units.js";
import { percent, whole } from "../text.js";
import { isScattered, type Law, lawOf, type Shape } from "./laws.js";
import type { Leaf, Node } from "./plan.js";
import type { Seen, Top } from "./questions.js";
import { skewOf } from "./skew.js";
import { madeUp, patternOf } from "./texts.js";

export type Scalar = string | number | bigint | boolean;
export type Entry = Scalar | readonly Entry[] | RuleEntries;
export type RuleEntries = ReadonlyMap<Scalar, Entry>;

/** A rule in the words of the config file, empty for the type's default, and what is told beside it. */
export interface Finding {
  readonly rule: RuleEntries;
  readonly notes: readonly string[];
}

/** Numbers of so few values are listed. */
const FEW_NUMBERS = 32;
/** A text is a top value from such a share of the values up, and never one that came once. */
const LEAST_SHARE = 0.001;
const LEAST_ROWS = 2;
/** Top values are listed where they are all but such a share: then the rest is left out. */
const FOLDED = 0.01;
/** As good as all different. */
const UNIQUE = 0.95;
/** Repeated numbers are a set of their own where they are less than such a share of all in their range. */
const SPARSE = 0.01;
/** Numbers that come twice or more on the average are repeated. */
const HALF = 0.5;

const NOTHING: RuleEntries = new Map();
const entries = (...all: readonly (readonly [string, Entry])[]): RuleEntries => new Map(all);

export interface Asked {
  readonly seen: (leaf: Leaf) => Seen;
  /** Whether texts of the table may be told. */
  readonly values: boolean;
}

/** Where a value stands: the keys of a map are to differ, a length is a whole number and nothing else. */
type Place =
  | { readonly kind: "value" }
  | { readonly kind: "length" }
  | { readonly kind: "key"; readonly longest: number };

export function findingOf(node: Node, asked: Asked, place: Place = { kind: "value" }): Finding {
  switch (node.kind) {
    case "default":
      return { rule: NOTHING, notes: [node.why] };
    case "leaf":
      return leafFinding(node, asked.seen(node), asked.values, place);
    case "array": {
      const length = findingOf(node.length, asked, { kind: "length" });
      const item = findingOf(node.item, asked);
      return composed([
        ["length", "length", shortLength(length)],
        ["items", "items", item],
      ]);
    }
    case "map": {
      const length = findingOf(node.length, asked, { kind: "length" });
      const longest = Number(asked.seen(node.length).numbers?.max ?? 0);
      return composed([
        ["length", "length", shortLength(length)],
        ["keys", "keys", findingOf(node.key, asked, { kind: "key", longest })],
        ["values", "values", findingOf(node.value, asked)],
      ]);
    }
    case "fields": {
      const fields = node.fields.map(([name, inner]) => [name, findingOf(inner, asked)] as const);
      const rules = fields.filter(([, { rule }]) => rule.size > 0).map(([name, { rule }]) => [name, rule] as const);
      return {
        rule: rules.length === 0 ? NOTHING : entries(["fields", new Map(rules)]),
        notes: fields.flatMap(([name, { notes }]) => notes.map((note) => `${name}: ${note}`)),
      };
    }
  }
}

function composed(
  parts: readonly (readonly [part: string, name: string, { rule: Entry; notes: readonly string[] }])[],
): Finding {
  const rules = parts.filter(([, , { rule }]) => !(rule instanceof Map) || rule.size > 0);
  return {
    rule: new Map(rules.map(([part, , { rule }]) => [part, rule])),
    notes: parts.flatMap(([, name, { notes }]) => notes.map((note) => `${name}: ${note}`)),
  };
}

/** `length: 3` in place of { constant: 3 }. */
function shortLength({ rule, notes }: Finding): { rule: Entry; notes: readonly string[] } {
  return { rule: rule.get("constant") ?? rule, notes };
}

function leafFinding(leaf: Leaf, seen: Seen, values: boolean, place: Place): Finding {
  const nulls = leaf.nullable && seen.rows > 0 ? 1 - seen.values / seen.rows : 0;
  const told = leaf.nullable ? [`${percent(nulls)} NULL`] : [];
  if (seen.rows === 0) return { rule: NOTHING, notes: ["nothing seen of it"] };
  const found: Finding =
    seen.values === 0 ? { rule: NOTHING, notes: ["no values seen"] } : valuesFinding(leaf, seen, values, place);
  const rule = leaf.nullable ? new Map([...found.rule, ["nulls", Number(nulls.toPrecision(4))] as const]) : found.rule;
  const odd =
    !leaf.nullable && seen.values < seen.rows
      ? [`${percent(1 - seen.values / seen.rows)} NaN or infinite, left out`]
      : [];
  return { rule, notes: [[...found.notes, ...told, ...odd].join(", ")] };
}

function valuesFinding(leaf: Leaf, seen: Seen, values: boolean, place: Place): Finding {
  switch (leaf.of) {
    case "set":
      if (place.kind === "key") return { rule: NOTHING, notes: [distinctText(seen)] };
      return {
        rule: choice(seen.top, leaf.type.kind === "Bool" ? ({ text }) => text === "true" : ({ text }) => text),
        notes: [distinctText(seen)],
      };
    case "id":
      return { rule: place.kind === "key" ? NOTHING : setRule(seen), notes: [distinctText(seen)] };
    case "text":
      return textFinding(leaf, seen, values, place);
    case "ordered":
      return numbersFinding(leaf, seen, values, place);
  }
}

const distinctText = ({ distinct, values }: Seen): string =>
  distinct >= UNIQUE * values && values > 1 ? "nearly all different" : `${whole(distinct)} distinct`;

/** By weight in percent; one alone is a constant. */
function choice(top: readonly Top[], named: (value: Top, index: number) => Scalar): RuleEntries {
  const [first] = top;
  if (first === undefined) return NOTHING;
  if (top.length === 1) return entries(["constant", named(first, 0)]);
  const total = top.reduce((sum, { count }) => sum + count, 0);
  const weights = top.map(
    (value, index) => [named(value, index), Number(((100 * value.count) / total).toPrecision(4))] as const,
  );
  return entries(["choice", new Map(weights)]);
}

/** A cardinality; none where nearly all values differ. */
function setRule(seen: Seen): RuleEntries {
  if (seen.distinct >= UNIQUE * seen.values) return NOTHING;
  const { of, exponent } = skewOf(seen.values, seen.distinct, seen.same);
  return entries(["cardinality", exponent === undefined ? of : entries(["of", of], ["zipf", exponent])]);
}

function textFinding({ type }: Leaf, seen: Seen, values: boolean, place: Place): Finding {
  const { texts } = seen;
  if (texts === undefined) throw new RangeError("a text without lengths");
  const [mean, min, , , max] = texts.lengths;
  const lengths =
    min === max ? `length ${min}` : `length ${min}..${max}, ${Number(mean.toPrecision(3))} on the average`;
  const notes = [`${distinctText(seen)}, ${lengths}`];
  const kept = seen.top.filter(({ count }) => count >= Math.max(LEAST_ROWS, LEAST_SHARE * seen.values));
  const share = kept.reduce((sum, { count }) => sum + count, 0) / seen.values;
  const isEnough = place.kind !== "key" || kept.length >= place.longest;
  if (kept.length > 0 && share >= 1 - FOLDED && isEnough) {
    const names = values ? kept.map(({ text }) => text) : madeUp(kept);
    const rest = 1 - share > 1e-9 ? [`rare values left out: ${percent(1 - share)}`] : [];
    const rule = place.kind === "key" ? entries(["choice", names]) : choice(kept, (_, index) => names[index] ?? "");
    return { rule, notes: [[...notes, ...rest].join(", ")] };
  }
  const bytes = type.kind === "FixedString" ? type.bytes : undefined;
  const set = place.kind === "key" ? NOTHING : setRule(seen);
  const cardinality = set.get("cardinality");
  const of = cardinality instanceof Map ? cardinality.get("of") : cardinality;
  const pattern = patternOf(texts, of === undefined ? undefined : Number(of), bytes);
  return { rule: new Map([...set, ["pattern", pattern] as const]), notes };
}

const ALL_LAWS: readonly Law[] = ["uniform", "normal", "exponential"];

function numbersFinding({ type }: Leaf, seen: Seen, values: boolean, place: Place): Finding {
  const { numbers } = seen;
  if (numbers === undefined) throw new RangeError("a number without a range");
  if (type.kind === "IPv4" && !values)
    return { rule: place.kind === "key" ? NOTHING : setRule(seen), notes: [distinctText(seen)] };
  const isPlain = ["Int", "Float", "Decimal", "Interval"].includes(type.kind);
  const few = isPlain && seen.top.length <= FEW_NUMBERS && place.kind !== "key";
  if (few) return { rule: choice(byNumber(seen.top), ({ text }) => quantity(text)), notes: [distinctText(seen)] };

  const decimals = type.kind === "Float" ? (numbers.decimals ?? decimalsFor(numbers)) : undefined;
  const units = unitsOf(type, decimals);
  const inUnits = (text: string): bigint | undefined => units && toUnits(type, units.decimals, text);
  const [min, max] = [inUnits(numbers.min), inUnits(numbers.max)];
  const quantiles = numbers.quantiles.map(inUnits).filter((value) => value !== undefined);
  const range = [numbers.min, numbers.max]
    .map((text) => (type.kind === "Float" ? String(six(Number(text))) : text))
    .join("..");
  const isWhole = quantiles.length === numbers.quantiles.length;
  if (!isWhole || units === undefined || min === undefined || max === undefined || !isInside(units, min, max)) {
    return { rule: NOTHING, notes: [`${range}: no rule draws such numbers`] };
  }
  const show = (value: bigint): Scalar =>
    isPlain ? quantity(showDecimal(value, units.decimals)) : showUnits(type, units.decimals, value);
  const given = (rule: RuleEntries): RuleEntries =>
    decimals === undefined ? rule : new Map([...rule, ["decimals", decimals] as const]);
  const uniform = entries(["uniform", entries(["from", show(min)], ["to", show(max)])]);
  const notes = [`${range}, ${distinctText(seen)}`];
  if (place.kind === "key" && max - min + 1n >= BigInt(place.longest)) return { rule: given(uniform), notes };

  const scale = 10 ** units.decimals;
  const shape: Shape = {
    quantiles: quantiles.map(Number),
    max: Number(max),
    mean: numbers.mean * scale,
    sd: numbers.sd * scale,
    unit: 1,
    values: seen.values,
  };
  const isSet = place.kind === "value" && type.kind === "Int" && seen.distinct < HALF * seen.values;
  if (isSet && seen.distinct < SPARSE * (Number(max - min) + 1) && isScattered(shape)) {
    return { rule: new Map([...setRule(seen), ...uniform]), notes };
  }
  const law = lawOf(shape, isPlain ? ALL_LAWS : ["uniform"]);
  const limits = [
    ["min", show(min)],
    ["max", show(max)],
  ] as const;
  switch (law) {
    case "uniform":
      return { rule: given(uniform), notes };
    case "normal":
      return {
        rule: given(entries(["normal", entries(["mean", six(numbers.mean)], ["sd", six(numbers.sd)], ...limits)])),
        notes,
      };
    case "exponential": {
      const mean = six(numbers.mean - Number(numbers.min));
      return { rule: given(entries(["exponential", entries(["mean", mean], ...limits)])), notes };
    }
    case "quantiles":
      return {
        rule: given(
          entries([
            "quantiles",
            ends(
              quantiles,
              max,
              numbers.ends.map((mean) => mean * scale),
            ).map(show),
          ]),
        ),
        notes,
      };
  }
}

function isInside(units: Units, min: bigint, max: bigint): boolean {
  return min >= units.lowest && max <= units.highest;
}

/**
 * The first and the last range as wide as their means say: of a long tail, numbers drawn evenly from all of its last range
 * would be far too great.
 */
function ends(
  quantiles: readonly bigint[],
  max: bigint,
  [first = Number.NaN, last = Number.NaN]: readonly number[],
): readonly bigint[] {
  const [min = max, second = max] = quantiles;
  const lastBegin = quantiles.at(-1) ?? max;
  const reflected = (mean: number, at: bigint): bigint | undefined =>
    Number.isFinite(mean) && Math.abs(mean) < EXACT ? 2n * BigInt(Math.round(mean)) - at : undefined;
  const [low, high] = [reflected(first, second) ?? min, reflected(last, lastBegin) ?? max];
  const begin = low < min ? min : low > second ? second : low;
  const end = high > max ? max : high < lastBegin ? lastBegin : high;
  return [begin, ...quantiles.slice(1), end];
}

/** Whole numbers up to this are exact as floats. */
const EXACT = 2 ** 52;

const six = (value: number): number => Number(value.toPrecision(6));

const byNumber = (top: readonly Top[]): readonly Top[] =>
  top.toSorted((one, other) => Number(one.text) - Number(other.text));

/** As YAML reads it without loss. */
function quantity(text: string): Scalar {
  if (/^-?\d+$/.test(text)) return Number.isSafeInteger(Number(text)) ? Number(text) : BigInt(text);
  return text.replace(/\D/g, "").length <= 15 ? Number(text) : text;
}

/** Digits behind the point that tell a million numbers apart, as far as all fit 64 bits. */
function decimalsFor({ min, max, sd }: NonNullable<Seen["numbers"]>): number {
  const [low, high] = [Number(min), Number(max)];
  const width = Math.min(high - low, 10 * sd) || high - low || 1;
  const wanted = Math.max(0, 6 - Math.ceil(Math.log10(width)));
  const greatest = Math.max(Math.abs(low), Math.abs(high), 1);
  return Math.max(0, Math.min(wanted, 12, 17 - Math.ceil(Math.log10(greatest))));
}
