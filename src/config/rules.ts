// What `columns` and `together` of a config file say → Rules, and what in them cannot be meant. The shapes are shape.ts.

import { LONGEST_NS } from "../quantities.js";
import {
  type Cardinality,
  type Choice,
  type Plain,
  type Quantity,
  type Rule,
  type Rules,
  type Scalar,
  type TimeRule,
  type Together,
  unwritten,
} from "../rows/rule.js";
import type { Path, Tree } from "./document.js";
import { isWhole, type Problem, type RuleShape, ruleShape, shaped, shown, togetherShape } from "./shape.js";

/** A rule has one of these. */
const KINDS = [
  "constant",
  "sequence",
  "uniform",
  "normal",
  "exponential",
  "zipf",
  "quantiles",
  "choice",
  "pattern",
  "time",
  "same",
] as const satisfies readonly (keyof RuleShape)[];
/** Rules for parts of a value. */
const PARTS = ["length", "items", "keys", "values", "fields"] as const satisfies readonly (keyof RuleShape)[];

/** What cannot stand side by side. */
const APART: readonly (readonly [one: readonly (keyof RuleShape)[], other: readonly (keyof RuleShape)[], string])[] = [
  [KINDS, PARTS, "the one is a whole value, the other a part of one"],
  [["items"], ["keys", "values", "fields"], "items are of an array, keys and values of a map, fields of a tuple"],
  [["keys", "values"], ["fields"], "fields name their keys themselves"],
  [["decimals"], ["constant", "choice", "pattern", "time", "same", ...PARTS], "it rounds numbers that are drawn"],
  [["cardinality"], ["constant", "time", "same"], "there is nothing to draw from"],
];

/** Of a length. */
const NO_LENGTH = ["pattern", "time", "same", "cardinality", "nulls", "decimals", ...PARTS] as const;

/** Where a rule stands: it decides on what may be in it. */
type Place = "column" | "field" | "length" | "part";

/** Whether a value that stands elsewhere was meant for a column. */
export function looksLikeRule(tree: Tree): boolean {
  if (!(tree instanceof Map) || tree.size === 0) return tree === "omit";
  const parts: readonly string[] = [...KINDS, ...PARTS, "cardinality", "nulls", "decimals"];
  return [...tree.keys()].every((key) => parts.includes(String(key)));
}

export const pathText = (path: Path): string =>
  path.map((step, index) => (typeof step === "number" ? `[${step}]` : `${index > 0 ? "." : ""}${step}`)).join("");

/**
 * Rules from the values of `columns` and `together`, undefined where they are not given; adds to the problems. `placeOf`: a
 * path as the rules are to carry it.
 */
export function readRules(
  columns: Tree | undefined,
  together: Tree | undefined,
  problems: Problem[],
  placeOf: (path: Path) => string = pathText,
): Rules {
  const reader = new RulesReader(problems, placeOf);
  const rules = { ...reader.columns(columns), together: reader.together(together) };
  reader.checkOnce(columns, rules.together);
  return rules;
}

class RulesReader {
  /** By key: the first cardinality that named it. */
  readonly #keys = new Map<string, { readonly at: string; readonly cardinality: Cardinality }>();

  /** Where each `together` stands. */
  readonly #paths = new Map<Together, Path>();

  constructor(
    readonly problems: Problem[],
    readonly placeOf: (path: Path) => string,
  ) {}

  #problem(path: Path, sentence: string, inner: Path = []): void {
    this.problems.push({ path, inner, sentence });
  }

  columns(tree: Tree | undefined): Pick<Rules, "columns" | "omitted"> {
    const columns = new Map<string, Rule>();
    const omitted = new Map<string, string>();
    const all = { columns, omitted };
    if (tree === undefined) return all;
    if (!(tree instanceof Map)) {
      this.#problem(["columns"], `must be a mapping of columns to rules, got ${shown(tree)}`);
      return all;
    }
    for (const [key, value] of tree as ReadonlyMap<Scalar, Tree>) {
      const name = String(key);
      const path = ["columns", name];
      if (value === "omit") {
        omitted.set(name, this.placeOf(path));
      } else if (!(value instanceof Map)) {
        const example = "a mapping such as { uniform: { from: 1, to: 9 } }, or omit";
        this.#problem(path, `must be ${example}, got ${shown(value)}`);
      } else {
        const shape = this.#shaped(ruleShape, value, path);
        if (shape !== undefined) columns.set(name, this.#rule(shape, path, "column"));
      }
    }
    return all;
  }

  #shaped<T>(schema: Parameters<typeof shaped<T>>[0], tree: Tree, path: Path): T | undefined {
    const result = shaped(schema, tree, path);
    if ("value" in result) return result.value;
    this.problems.push(...result.problems);
    return undefined;
  }

  #rule(shape: RuleShape, path: Path, place: Place): Rule {
    this.#checkTogether(shape, path, place);
    const part = (name: "length" | "items" | "keys" | "values"): Rule | undefined =>
      shape[name] && this.#rule(shape[name], [...path, name], name === "length" ? "length" : "part");
    const fields = [...(shape.fields ?? [])].map(
      ([name, field]) => [name, this.#rule(field, [...path, "fields", name], "field")] as const,
    );
    return given<Rule>({
      at: this.placeOf(path),
      constant: shape.constant === undefined ? undefined : plain(shape.constant),
      sequence: shape.sequence && this.#sequence(shape.sequence, [...path, "sequence"]),
      uniform: shape.uniform && this.#range(shape.uniform, [...path, "uniform"], "from", "to"),
      normal: shape.normal && this.#normal(shape.normal, [...path, "normal"]),
      exponential: shape.exponential && this.#exponential(shape.exponential, [...path, "exponential"]),
      zipf: shape.zipf && this.#zipf(shape.zipf, [...path, "zipf"]),
      quantiles: shape.quantiles && this.#quantiles(shape.quantiles, [...path, "quantiles"]),
      choice: shape.choice && this.#choice(shape.choice, [...path, "choice"]),
      pattern: shape.pattern,
      time: shape.time && timeRule(shape.time),
      cardinality: shape.cardinality && this.#cardinality(shape.cardinality, [...path, "cardinality"]),
      same: shape.same,
      nulls: shape.nulls,
      decimals: shape.decimals,
      length: part("length"),
      items: part("items"),
      keys: part("keys"),
      values: part("values"),
      fields: shape.fields && Object.fromEntries(fields),
      type: shape.type,
    });
  }

  #checkTogether(shape: RuleShape, path: Path, place: Place): void {
    const within = (names: readonly (keyof RuleShape)[]) => names.filter((name) => shape[name] !== undefined);
    const [kind, second] = within(KINDS);
    if (second !== undefined) {
      this.#problem(path, `${kind} and ${second} cannot stand side by side: a rule has one of ${KINDS.join(", ")}`);
    }
    for (const [ones, others, why] of APART) {
      const [one] = within(ones);
      const [other] = within(others);
      if (one !== undefined && other !== undefined) {
        this.#problem(path, `${one} and ${other} cannot stand side by side: ${why}`);
      }
    }
    if (shape.type !== undefined && place !== "field") {
      this.#problem(path, "type has no meaning here: it is the type of a path of JSON, below fields");
    }
    if (place !== "length") return;
    for (const name of within(NO_LENGTH))
      this.#problem(path, `${name} has no meaning here: a length is a whole number`);
    const { constant, choice } = shape;
    const values = constant === undefined ? (choice ?? []) : [constant];
    for (const value of values instanceof Map ? values.keys() : values) {
      const length = unwritten(value);
      if (!isWhole(length) || length < 0)
        this.#problem(path, `a length must be a whole number from 0 up, got ${shown(value)}`);
    }
  }

  /** `low` is not to be above `high`, where both are numbers. */
  #range<T extends Readonly<Record<L | H, Quantity>>, L extends string, H extends string>(
    range: T,
    path: Path,
    low: L,
    high: H,
  ): T {
    const [from, to]: readonly [Quantity, Quantity] = [range[low], range[high]];
    if (typeof from !== "string" && typeof to !== "string" && from > to) {
      this.#problem(path, `${low} must not be above ${high}, got ${shown(from)} and ${shown(to)}`, [low]);
    }
    return range;
  }

  #normal({ mean, sd, min, max }: NonNullable<RuleShape["normal"]>, path: Path): Rule["normal"] {
    this.#above(sd, path, "sd");
    this.#window(min, max, path);
    return given({ mean, sd, min, max });
  }

  #exponential({ mean, min, max }: NonNullable<RuleShape["exponential"]>, path: Path): Rule["exponential"] {
    this.#above(mean, path, "mean");
    this.#window(min ?? (typeof max === "string" ? undefined : 0), max, path);
    return given({ mean, min, max });
  }

  #above(value: Quantity, path: Path, name: string): void {
    if (typeof value !== "string" && value <= 0)
      this.#problem(path, `${name} must be above 0, got ${shown(value)}`, [name]);
  }

  /** What is drawn must be able to fall between them. */
  #window(min: Quantity | undefined, max: Quantity | undefined, path: Path): void {
    if (min === undefined || max === undefined || typeof min === "string" || typeof max === "string") return;
    if (min >= max) this.#problem(path, `max must be above min (${shown(min)}), got ${shown(max)}`, ["max"]);
  }

  #zipf({ from = 1, to, exponent = 1 }: NonNullable<RuleShape["zipf"]>, path: Path): Rule["zipf"] {
    for (const [name, value] of [
      ["from", from],
      ["to", to],
    ] as const) {
      if (typeof value !== "string" && !isWhole(value)) {
        this.#problem(path, `${name} must be a whole number, got ${shown(value)}`, [name]);
      }
    }
    return this.#range({ from, to, exponent }, path, "from", "to");
  }

  /** Of dates and the like, which are texts here, the order is asked in numbers.ts. */
  #quantiles(values: readonly Quantity[], path: Path): readonly Quantity[] {
    for (const [index, value] of values.entries()) {
      const before = values[index - 1];
      if (before === undefined || typeof before === "string" || typeof value === "string" || before <= value) continue;
      this.#problem([...path, index], `must not be below the one before it (${shown(before)}), got ${shown(value)}`);
      break;
    }
    return values;
  }

  #sequence({ from = 0, step = 1, to }: NonNullable<RuleShape["sequence"]>, path: Path): Rule["sequence"] {
    if (typeof step !== "string" && Number(step) === 0) this.#problem(path, "step must not be 0", ["step"]);
    if (to === undefined) return { from, step };
    const isDown = typeof step !== "string" && step < 0;
    if (typeof from !== "string" && typeof to !== "string" && (isDown ? from < to : from > to)) {
      const sentence = `to lies before from, got ${shown(from)} and ${shown(to)} with a step of ${shown(step)}`;
      this.#problem(path, sentence, ["to"]);
    }
    return { from, step, to };
  }

  #choice(choice: NonNullable<RuleShape["choice"]>, path: Path): Choice {
    const entries: readonly (readonly [Tree, Tree | undefined])[] =
      choice instanceof Map ? [...choice] : (choice as readonly Tree[]).map((value) => [value, undefined]);
    if (entries.length === 0) this.#problem(path, "must have at least one value, got none");
    const weights =
      choice instanceof Map
        ? entries.map(([value, weight]) => this.#weight(weight, path, [value as Scalar]))
        : undefined;
    if (weights?.length && weights.every((weight) => weight === 0)) this.#problem(path, NO_WEIGHT);
    return { values: entries.map(([value]) => plain(value)), weights };
  }

  /** 1 where it is wrong. */
  #weight(written: Tree | undefined, path: Path, inner: Path): number {
    const weight = unwritten(written);
    if ((typeof weight !== "number" && typeof weight !== "bigint") || !Number.isFinite(Number(weight))) {
      this.#problem(path, `weights must be numbers, got ${shown(written ?? null)}`, inner);
      return 1;
    }
    if (weight >= 0) return Number(weight);
    this.#problem(path, `weights must not be negative, got ${shown(weight)}`, inner);
    return 1;
  }

  #cardinality({ of, zipf, cycle, key }: NonNullable<RuleShape["cardinality"]>, path: Path): Cardinality {
    if (zipf !== undefined && cycle === true) {
      this.#problem(path, "zipf and cycle cannot stand side by side: values are drawn, or taken one after the other");
    }
    const draw: Cardinality["draw"] =
      zipf !== undefined ? { kind: "zipf", exponent: zipf } : { kind: cycle === true ? "cycle" : "uniform" };
    const cardinality: Cardinality = given({ of: Number(of), draw, key });
    if (key === undefined) return cardinality;
    const first = this.#keys.get(key);
    const asText = (value: Cardinality): string => JSON.stringify([value.of, value.draw]);
    if (first === undefined) {
      this.#keys.set(key, { at: pathText(path), cardinality });
    } else if (asText(first.cardinality) !== asText(cardinality)) {
      this.#problem(path, `must have the same of, zipf and cycle as ${first.at}: both have the key ${key}`);
    }
    return cardinality;
  }

  together(tree: Tree | undefined): Together[] {
    if (tree === undefined) return [];
    if (!Array.isArray(tree)) {
      this.#problem(["together"], `must be a list of columns with their options, got ${shown(tree)}`);
      return [];
    }
    return (tree as readonly Tree[]).flatMap((item, index) => {
      const path = ["together", index];
      const shape = this.#shaped(togetherShape, item, path);
      if (shape === undefined) return [];
      const { columns } = shape;
      const options = shape.options.map(({ values, weight = 1 }, option) => {
        if (values.length !== columns.length) {
          const sentence = `must have a value for each of ${columns.length} columns, got ${values.length}`;
          this.#problem([...path, "options", option], sentence);
        }
        return { values: values.map(plain), weight: this.#weight(weight, [...path, "options", option], ["weight"]) };
      });
      if (columns.length === 0) this.#problem(path, "columns must name at least one column");
      if (options.length === 0) this.#problem(path, "options must have at least one option");
      else if (options.every(({ weight }) => weight === 0)) this.#problem(path, NO_WEIGHT);
      const read: Together = { at: this.placeOf(path), columns, options };
      this.#paths.set(read, path);
      return [read];
    });
  }

  /** A column has one rule. */
  checkOnce(columns: Tree | undefined, together: readonly Together[]): void {
    const names = columns instanceof Map ? new Set([...columns.keys()].map(String)) : new Set();
    const seen = new Map<string, Together>();
    for (const item of together) {
      const path = this.#paths.get(item) ?? ["together"];
      for (const [index, name] of item.columns.entries()) {
        const inner = ["columns", index];
        const earlier = seen.get(name);
        if (names.has(name)) this.#problem(path, `column ${name} has a rule in columns already`, inner);
        if (earlier === item) this.#problem(path, `column ${name} is named twice`, inner);
        else if (earlier !== undefined) {
          const place = pathText(this.#paths.get(earlier) ?? []);
          this.#problem(path, `column ${name} stands in ${place} already`, inner);
        }
        seen.set(name, item);
      }
    }
  }
}

const NO_WEIGHT = "weights must not all be 0";

function timeRule({ jitter, late }: NonNullable<RuleShape["time"]>): TimeRule {
  if (late === undefined) return given({ jitterNs: jitter });
  const tenfold = late.mean * 10n < LONGEST_NS ? late.mean * 10n : LONGEST_NS;
  return given({ jitterNs: jitter, late: { ratio: late.ratio, meanNs: late.mean, maxNs: late.max ?? tenfold } });
}

/** Without what is undefined. */
function given<T>(all: { readonly [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as T;
}

function plain(tree: Tree): Plain {
  if (Array.isArray(tree)) return (tree as readonly Tree[]).map(plain);
  if (tree instanceof Map) {
    return Object.fromEntries(
      [...(tree as ReadonlyMap<Scalar, Tree>)].map(([key, value]) => [String(key), plain(value)]),
    );
  }
  return tree as Scalar;
}
