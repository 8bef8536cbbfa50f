// Joins a column's type and its rule into a Value (value.ts), or says in a sentence why they do not fit. Pure. Called by
// column.ts, once a column and run.

import { percent, timespan } from "../text.js";
import { type Cell, type Cells, exponentialCells, mixture, normalCells, weightedCells, zipfCells } from "./cells.js";
import * as defaults from "./defaults.js";
import { literalOf, Misfit, shown } from "./literal.js";
import { PatternError, type Piece, parsePattern, partsOf } from "./pattern.js";
import type { Cardinality, Plain, Quantity, Rule } from "./rule.js";
import { parseType, type Type, UnknownTypeError } from "./type.js";
import { showUnits, toUnits, type Units, unitsOf } from "./units.js";
import { boundsOf, type Draw, type Literal, type Value } from "./value.js";

/** Where in a column a value stands. */
export interface Position {
  /** What it draws from: value.ts. */
  readonly path: string;
  /** What to call it in a complaint: columns.status, or the column's name where there is no rule. */
  readonly at: string;
  /** Of an array's length, where it is not the array's own. */
  readonly lengthPath?: string;
  /** Inside an array or map: the row's time alone would make all of them the same. */
  readonly nested: boolean;
  /** The key of a map: the keys of one map differ. */
  readonly key: boolean;
  /** Of a set of so many things: each gets another value. */
  readonly distinct: number | undefined;
}

export const TOP: Omit<Position, "path" | "at"> = { nested: false, key: false, distinct: undefined };

/** Gathers the problems of all columns. */
export class Fitter {
  readonly problems: string[] = [];
  /** The draw of each `key` of a cardinality, by its name. */
  readonly #keys = new Map<string, { readonly text: string; readonly draw: Draw }>();

  /** Equal distributions are one, so that a program holds its table once. */
  readonly #distributions = new Map<string, Cells>();

  /** `law`: for people, see Draw. */
  #cells(name: string, law: string, make: () => Cells): Draw {
    const cells = this.#distributions.get(name) ?? make();
    this.#distributions.set(name, cells);
    return { kind: "cells", cells, law };
  }

  /** Of a type and no rule, or with it. What is wrong is among the problems, and the value is then of no use. */
  value(type: Type, rule: Rule | undefined, position: Position): Value {
    if (type.kind === "Nullable") return this.#nullable(type.of, rule, position);
    if (type.kind === "LowCardinality") {
      if (type.of.kind === "Nullable")
        return this.#nullable({ kind: "LowCardinality", of: type.of.of }, rule, position);
      return type.of.kind === "String" && isDefault(rule) && position.distinct === undefined && !position.key
        ? this.#keyed(
            defaults.LOW_CARDINALITY_DRAW,
            `${position.path}#key`,
            type.of,
            undefined,
            position,
            defaults.LOW_CARDINALITY,
          )
        : this.value(type.of, rule, position);
    }
    if (rule === undefined) return this.#byDefault(type, position);
    if (rule.nulls !== undefined && rule.nulls > 0)
      this.#problem(rule, "nulls", `needs a Nullable type, not ${nameOf(type)}`);
    if (!this.#allows(type, rule)) return NOTHING;
    if (rule.cardinality !== undefined) return this.#set(type, rule, rule.cardinality, position);
    if (rule.constant !== undefined)
      return { kind: "constant", literal: this.#literal(type, rule, "constant", rule.constant) };
    if (rule.choice !== undefined) return this.#choice(type, rule, position);
    return this.#byRule(type, rule, position);
  }

  #problem(rule: Rule, part: string, sentence: string): void {
    this.problems.push(`${rule.at}${part === "" ? ":" : `.${part}`} ${sentence}`);
  }

  #nullable(type: Type, rule: Rule | undefined, position: Position): Value {
    // A rule says what values there are: NULL is one only where it says so.
    const ratio = rule === undefined ? defaults.NULLS : (rule.nulls ?? 0);
    const stream = `${position.path}#null`;
    if (rule?.constant === null) return { kind: "constant", literal: { kind: "null" } };
    const bare = rule && without(rule, "nulls");
    const value =
      bare?.choice?.values.includes(null) === true
        ? this.#choice({ kind: "Nullable", of: type }, bare, position)
        : this.value(type, isDefault(bare) ? undefined : bare, position);
    return ratio === 0 ? value : { kind: "nullable", ratio, value, stream };
  }

  /** Whether the type can do something with all that the rule says. */
  #allows(type: Type, rule: Rule): boolean {
    const fitting = ALLOWED[type.kind];
    const given = (Object.keys(rule) as (keyof Rule)[]).filter(
      (part) => rule[part] !== undefined && !ANY_TYPE.has(part),
    );
    const odd = given.filter((part) => !fitting.includes(part));
    for (const part of odd) {
      this.#problem(rule, part, `does not fit ${nameOf(type)}, which takes ${fitting.join(", ")}`);
    }
    return odd.length === 0;
  }

  /** A set of things: which of them a row has is drawn, and what it is follows from its number alone. */
  #set(type: Type, rule: Rule, { of, draw, key }: Cardinality, position: Position): Value {
    if ((type.kind === "Date" || type.kind === "DateTime") && rule.uniform === undefined) {
      this.#problem(rule, "cardinality", `of a ${nameOf(type)} needs a uniform: otherwise it follows the row's time`);
    }
    const text = JSON.stringify({ of, draw });
    let index = this.#indexDraw(of, draw);
    if (key !== undefined) {
      const same = this.#keys.get(key);
      if (same !== undefined && same.text !== text) {
        this.#problem(
          rule,
          "cardinality",
          `must be the same for every column of key ${key}: ${same.text}, not ${text}`,
        );
      }
      index = same?.draw ?? index;
      this.#keys.set(key, { text, draw: index });
    }
    const stream = key === undefined ? `${position.path}#key` : `key ${key}`;
    return this.#keyed(index, stream, type, without(rule, "cardinality"), position, of);
  }

  #indexDraw(of: number, draw: Cardinality["draw"]): Draw {
    const count = BigInt(of);
    switch (draw.kind) {
      case "uniform":
        return { kind: "uniform", from: 0n, count };
      case "cycle":
        return { kind: "sequence", from: 0n, step: 1n, count };
      case "zipf": {
        const { exponent } = draw;
        return this.#cells(`zipf 0 ${of - 1} ${exponent}`, `zipf ${exponent}`, () => zipfCells(0n, count, exponent));
      }
    }
  }

  #keyed(draw: Draw, stream: string, type: Type, rule: Rule | undefined, position: Position, distinct: number): Value {
    const inside = { ...position, distinct };
    const value = isDefault(rule) ? this.#byDefault(type, inside) : this.value(type, rule, inside);
    return { kind: "keyed", draw, stream, value };
  }

  #literal(type: Type, rule: Rule, part: string, value: Plain): Literal {
    try {
      return literalOf(type, value);
    } catch (error) {
      if (!(error instanceof Misfit)) throw error;
      this.#problem(rule, part, `${error.message} (${nameOf(type)})`);
      return { kind: "null" };
    }
  }

  #choice(type: Type, rule: Rule, { path, key }: Position): Value {
    const { values = [], weights } = rule.choice ?? {};
    const options = values.map((value, index) => this.#literal(type, rule, `choice[${index}]`, value));
    const count = BigInt(options.length);
    let draw: Draw = { kind: "uniform", from: 0n, count };
    if (weights !== undefined) draw = { kind: "cells", cells: weightedCells(weights) };
    if (key) {
      if (weights !== undefined) this.#problem(rule, "choice", "has weights: the keys of a map are each as likely");
      draw = { kind: "rotate", from: 0n, count };
    }
    return { kind: "choice", options, draw, stream: path };
  }

  /** Columns chosen together draw from one stream. */
  together(type: Type, at: string, values: readonly Plain[], weights: readonly number[], stream: string): Value {
    const options = values.map((value, index) => this.#literal(type, { at }, `options[${index}]`, value));
    return { kind: "choice", options, draw: { kind: "cells", cells: weightedCells(weights) }, stream };
  }

  #byDefault(type: Type, position: Position): Value {
    const { path, nested, key, distinct } = position;
    switch (type.kind) {
      case "Bool":
        return this.#boolean(position);
      case "Enum": {
        const options = type.values.map(({ name }): Literal => ({ kind: "text", text: name }));
        const count = BigInt(options.length);
        return {
          kind: "choice",
          options,
          draw: key ? { kind: "rotate", from: 0n, count } : { kind: "uniform", from: 0n, count },
          stream: path,
        };
      }
      case "UUID":
        return { kind: "uuid", stream: path };
      case "IPv6":
        return { kind: "ipv6", stream: path };
      case "Date":
      case "DateTime": {
        const delay = nested || key || distinct !== undefined ? defaults.BEFORE_NS[type.kind] : undefined;
        return this.#rowTime(type, delay === undefined ? undefined : [{ first: 0n, count: delay, weight: 1 }], path);
      }
      case "String":
        return key ? this.#keyNames(path) : this.#text(defaults.textPieces(distinct), { at: position.at }, position);
      case "FixedString":
        return this.#text([{ kind: "base62", fewest: type.bytes, most: type.bytes }], { at: position.at }, position);
      case "Array":
        return this.#array(
          type.of,
          isPoints(type.of) ? defaults.SHAPE_LENGTH : defaults.ARRAY_LENGTH,
          undefined,
          position,
        );
      case "QBit": {
        const draw = defaults.uniform(-9999n, 9999n);
        const item: Value = { kind: "number", draw, decimals: 4, stream: `${path}[]` };
        const dimension = BigInt(type.dimension);
        return { kind: "array", length: defaults.uniform(dimension, dimension), lengthStream: `${path}#length`, item };
      }
      case "Tuple":
        return this.#tuple(type.elements, undefined, position);
      case "Map":
        return this.#map(type, undefined, position);
      case "Point":
        return {
          kind: "tuple",
          elements: [180, 90].map((most, index): Value => {
            const draw = defaults.uniform(BigInt(-most) * 1_000_000n, BigInt(most) * 1_000_000n);
            return { kind: "number", draw, decimals: 6, stream: `${path}.${index + 1}` };
          }),
        };
      case "Variant":
      case "Dynamic": {
        const types = type.kind === "Variant" ? type.of : defaults.DYNAMIC_TYPES;
        const alternatives = types.map((one, index) =>
          this.value(one, undefined, { ...position, path: `${path}|${index}` }),
        );
        return { kind: "variant", alternatives, stream: path };
      }
      case "JSON":
        return this.#object(type.paths, undefined, position);
      case "Nullable":
      case "LowCardinality":
        return this.value(type, undefined, position);
      default: {
        const digits = defaults.wideDigits(type);
        if (digits !== undefined) return { kind: "digits", digits, stream: path };
        const numbers = defaults.numbersOf(type);
        if (numbers === undefined) throw new RangeError(`no default for ${type.kind}`);
        const draw = this.#uniform(numbers.from, numbers.to, { at: position.at }, "cardinality", position);
        return this.#number(type, draw, numbers.decimals, path);
      }
    }
  }

  #boolean({ path, key }: Position): Value {
    const options = [false, true].map((value): Literal => ({ kind: "bool", value }));
    return { kind: "choice", options, draw: { kind: key ? "rotate" : "uniform", from: 0n, count: 2n }, stream: path };
  }

  /** key-1 … key-64 */
  #keyNames(path: string): Value {
    const draw: Draw = { kind: "rotate", from: 1n, count: defaults.KEYS };
    return {
      kind: "text",
      parts: [
        { kind: "literal", text: "key-" },
        { kind: "number", draw, stream: path },
      ],
    };
  }

  #byRule(type: Type, rule: Rule, position: Position): Value {
    switch (type.kind) {
      case "String":
      case "FixedString":
        return rule.pattern === undefined
          ? this.#byDefault(type, position)
          : this.#pattern(type, rule.pattern, rule, position);
      case "Array": {
        const items = rule.fields === undefined ? rule.items : { at: rule.at, fields: rule.fields };
        const length = this.#length(rule.length) ?? (isPoints(type.of) ? defaults.SHAPE_LENGTH : defaults.ARRAY_LENGTH);
        return this.#array(type.of, length, items, position);
      }
      case "Tuple":
        return this.#tuple(type.elements, rule, position);
      case "Map":
        return this.#map(type, rule, position);
      case "JSON":
        return this.#object(type.paths, rule, position);
      case "Date":
      case "DateTime":
        if (rule.time !== undefined) {
          // Columns with the same rule hold the same moment: the delay has a stream of its own.
          const text = JSON.stringify(rule.time, (_, inner) => (typeof inner === "bigint" ? String(inner) : inner));
          const delay = this.#distributions.get(text) ?? delayCells(rule.time);
          if (delay !== undefined) this.#distributions.set(text, delay);
          return this.#rowTime(type, delay, `time ${text}`, delayLaw(rule.time));
        }
        return rule.uniform === undefined ? this.#byDefault(type, position) : this.#ordered(type, rule, position);
      default:
        return this.#ordered(type, rule, position);
    }
  }

  #array(of: Type, length: Draw, items: Rule | undefined, position: Position): Value {
    const { path, at } = position;
    const inside: Position = {
      ...position,
      path: `${path}[]`,
      at: items?.at ?? at,
      nested: true,
      key: false,
      distinct: undefined,
    };
    const { lengthPath: _, ...item } = inside;
    return {
      kind: "array",
      length,
      lengthStream: position.lengthPath ?? `${path}#length`,
      item: this.value(of, items, item),
    };
  }

  #tuple(
    elements: readonly { readonly name: string | undefined; readonly type: Type }[],
    rule: Rule | undefined,
    position: Position,
  ): Value {
    const names = elements.map(({ name }, index) => name ?? String(index + 1));
    for (const name of Object.keys(rule?.fields ?? {})) {
      if (!names.includes(name))
        this.problems.push(`${rule?.at}.fields has ${name}, which is none of ${names.join(", ")}`);
    }
    const values = elements.map(({ type }, index): Value => {
      const name = names[index] ?? "";
      return this.value(type, fieldOf(rule, name), {
        ...position,
        path: `${position.path}.${name}`,
        at: `${position.at}.${name}`,
      });
    });
    if (elements.some(({ name }) => name === undefined)) return { kind: "tuple", elements: values };
    return { kind: "named-tuple", elements: values.map((value, index) => [names[index] ?? "", value]) };
  }

  #map(type: Type & { kind: "Map" }, rule: Rule | undefined, position: Position): Value {
    const { path, at } = position;
    const inside = { ...position, nested: true, distinct: undefined };
    if (rule?.fields !== undefined) {
      return {
        kind: "entries",
        entries: Object.entries(rule.fields).map(([name, inner]) => [
          this.#literal(type.key, rule, `fields.${name}`, name),
          this.value(type.value, inner, { ...inside, key: false, path: `${path}.${name}`, at: `${at}.${name}` }),
        ]),
      };
    }
    const key = this.value(type.key, rule?.keys, {
      ...inside,
      key: true,
      path: `${path}.keys`,
      at: rule?.keys?.at ?? `${at}.keys`,
    });
    const value = this.value(type.value, rule?.values, {
      ...inside,
      key: false,
      path: `${path}.values`,
      at: rule?.values?.at ?? `${at}.values`,
    });
    const distinct = distinctKeys(key);
    let length = this.#length(rule?.length) ?? defaults.MAP_LENGTH;
    const longest = boundsOf(length).highest;
    if (distinct !== undefined && longest > distinct) {
      if (rule?.length === undefined) length = defaults.uniform(1n, distinct);
      else this.#problem(rule, "length", `goes up to ${longest}, but there are only ${distinct} keys`);
    }
    return { kind: "map", length, lengthStream: `${path}#length`, key, value };
  }

  #length(rule: Rule | undefined): Draw | undefined {
    if (rule === undefined) return undefined;
    const value = this.value(LENGTH, rule, { ...TOP, path: "", at: rule.at });
    if (value.kind === "number") {
      const { highest } = boundsOf(value.draw);
      if (highest > LONGEST_ARRAY) this.#problem(rule, "", `must be at most ${LONGEST_ARRAY}, goes up to ${highest}`);
      return value.draw;
    }
    if (value.kind === "choice") {
      const { choice } = rule;
      const weights = choice?.weights ?? value.options.map(() => 1);
      const cells = value.options.map(
        (option, index): Cell => ({
          first: option.kind === "number" ? option.units : 0n,
          count: 1n,
          weight: weights[index] ?? 0,
        }),
      );
      return { kind: "cells", cells };
    }
    if (value.kind === "constant" && value.literal.kind === "number")
      return defaults.uniform(value.literal.units, value.literal.units);
    return undefined;
  }

  #object(
    declared: readonly { readonly path: string; readonly type: Type }[],
    rule: Rule | undefined,
    position: Position,
  ): Value {
    const types = new Map(declared.map(({ path, type }) => [path, type]));
    if (rule === undefined && types.size === 0) for (const [path, type] of defaults.JSON_PATHS) types.set(path, type);
    for (const [path, inner] of Object.entries(rule?.fields ?? {})) {
      if (types.has(path)) {
        if (inner.type !== undefined) this.#problem(inner, "type", "is declared by the column already");
      } else {
        types.set(path, this.#pathType(inner));
      }
    }
    const paths = [...types.keys()];
    for (const path of paths) {
      const inside = paths.find((other) => other.startsWith(`${path}.`));
      if (inside !== undefined) this.problems.push(`${position.at}: ${path} cannot hold a value and ${inside} as well`);
    }
    return {
      kind: "object",
      paths: [...types].map(([path, type]) => {
        const inner = fieldOf(rule, path);
        const bare = inner && without(inner, "type");
        const value = this.value(type, bare && isDefault(bare) ? undefined : bare, {
          ...position,
          path: `${position.path}.${path}`,
          at: `${position.at}.${path}`,
        });
        return [path.split("."), value];
      }),
      types: [...types.values()],
    };
  }

  /** Of a path that the column does not declare. */
  #pathType(rule: Rule): Type {
    if (rule.type !== undefined) {
      try {
        return parseType(rule.type);
      } catch (error) {
        if (!(error instanceof UnknownTypeError)) throw error;
        this.#problem(rule, "type", error.message);
      }
    }
    if (rule.constant !== undefined || rule.choice !== undefined) return { kind: "Dynamic" };
    const quantities = [rule.uniform?.from, rule.uniform?.to, rule.normal?.mean, rule.exponential?.mean];
    const whole = quantities.every((quantity) => quantity === undefined || /^-?\d+$/.test(String(quantity)));
    if (rule.decimals !== undefined || !whole || rule.normal || rule.exponential) return { kind: "Float", bits: 64 };
    if (rule.uniform || rule.zipf || rule.sequence) return { kind: "Int", bits: 64, signed: true };
    if (rule.time || rule.length || rule.items || rule.fields)
      this.#problem(rule, "", "needs a type, as the column declares none for it");
    return { kind: "String" };
  }

  #pattern(type: Type, pattern: string, rule: Rule, position: Position): Value {
    let pieces: readonly Piece[] = [];
    try {
      pieces = parsePattern(pattern);
    } catch (error) {
      if (!(error instanceof PatternError)) throw error;
      this.#problem(rule, "pattern", error.message);
    }
    if (type.kind === "FixedString") {
      const longest = pieces.reduce((sum, piece) => sum + longestOf(piece), 0);
      if (longest > type.bytes)
        this.#problem(rule, "pattern", `makes up to ${longest} bytes, more than ${nameOf(type)} holds`);
    }
    return this.#text(pieces, rule, position);
  }

  #text(pieces: readonly Piece[], rule: Rule, { path, distinct }: Position): Value {
    try {
      return { kind: "text", parts: partsOf(pieces, path, distinct) };
    } catch (error) {
      if (!(error instanceof PatternError)) throw error;
      this.#problem(rule, "pattern", error.message);
      return NOTHING;
    }
  }

  #rowTime(
    type: Type & { kind: "Date" | "DateTime" },
    delayNs: Cells | undefined,
    stream: string,
    law?: string,
  ): Value {
    const tickNs = type.kind === "Date" ? 86_400_000_000_000n : 10n ** BigInt(9 - type.precision);
    const draw: Draw = { kind: "row-time", tickNs, delayNs, ...(law !== undefined && { law }) };
    return type.kind === "Date" ? { kind: "date", draw, stream } : { kind: "number", draw, decimals: 0, stream };
  }

  #number(type: Type, draw: Draw, decimals: number, stream: string): Value {
    if (type.kind === "Date") return { kind: "date", draw, stream };
    if (type.kind === "IPv4") return { kind: "ipv4", draw, stream };
    if (type.kind === "Time") return { kind: "number", draw, decimals, stream, unquoted: true };
    return { kind: "number", draw, decimals, stream };
  }

  #ordered(type: Type, rule: Rule, position: Position): Value {
    const decimals = rule.decimals ?? (type.kind === "Float" ? floatDecimals(rule) : undefined);
    if (type.kind === "Decimal" && rule.decimals !== undefined && rule.decimals > type.scale) {
      this.#problem(rule, "decimals", `must be at most ${type.scale} (${nameOf(type)})`);
    }
    const units = unitsOf(type, decimals);
    if (units === undefined) throw new RangeError(`${type.kind} has no order`);
    const draw = this.#draw(type, units, rule, position);
    if (draw === undefined) return isDefault(without(rule, "decimals")) ? this.#byDefault(type, position) : NOTHING;
    return this.#number(type, draw, units.decimals, position.path);
  }

  /** In units. Undefined with a problem, or when the rule has no numbers. */
  #draw(type: Type, units: Units, rule: Rule, position: Position): Draw | undefined {
    const quantity = (part: string, given: Quantity | undefined, preset: bigint): bigint | undefined => {
      if (given === undefined) return preset;
      const number = toUnits(type, units.decimals, given);
      if (number === undefined) this.#problem(rule, part, `must be ${units.example}, got ${shown(given)}`);
      return number;
    };
    const show = (number: bigint): string => showUnits(type, units.decimals, number);
    const inside = (part: string, from: bigint, to: bigint): boolean => {
      if (from > to) {
        this.#problem(rule, part, `goes from ${show(from)} to ${show(to)}, which is below`);
        return false;
      }
      if (from >= units.lowest && to <= units.highest) return true;
      this.#problem(
        rule,
        part,
        `goes from ${show(from)} to ${show(to)}, outside of ${show(units.lowest)} to ${show(units.highest)} (${nameOf(type)})`,
      );
      return false;
    };

    if (rule.uniform !== undefined) {
      const from = quantity("uniform.from", rule.uniform.from, 0n);
      const to = quantity("uniform.to", rule.uniform.to, 0n);
      if (from === undefined || to === undefined || !inside("uniform", from, to)) return undefined;
      return this.#uniform(from, to, rule, "uniform", position);
    }
    if (position.distinct !== undefined) {
      this.#problem(
        rule,
        "cardinality",
        "goes with uniform, pattern, or no further rule: others do not say how values differ",
      );
      return undefined;
    }
    if (rule.zipf !== undefined) {
      const from = quantity("zipf.from", rule.zipf.from, 1n);
      const to = quantity("zipf.to", rule.zipf.to, units.highest);
      if (from === undefined || to === undefined || !inside("zipf", from, to)) return undefined;
      const { exponent } = rule.zipf;
      return this.#cells(`zipf ${from} ${to} ${exponent}`, `zipf ${exponent} from ${show(from)} to ${show(to)}`, () =>
        zipfCells(from, to - from + 1n, exponent),
      );
    }
    if (rule.sequence !== undefined) {
      const from = quantity("sequence.from", rule.sequence.from, 0n);
      const step = quantity("sequence.step", rule.sequence.step, 1n);
      if (from === undefined || step === undefined) return undefined;
      const end = step < 0n ? units.lowest : units.highest;
      const to = quantity("sequence.to", rule.sequence.to, end);
      if (to === undefined || !inside("sequence", from < to ? from : to, from < to ? to : from)) return undefined;
      if (to - from !== 0n && to > from !== step > 0n) {
        this.#problem(rule, "sequence", `never comes from ${show(from)} to ${show(to)} in steps of ${show(step)}`);
        return undefined;
      }
      const endless = rule.sequence.to === undefined && step > 0n && units.highest - from >= ENDLESS * step;
      return { kind: "sequence", from, step, count: endless ? 0n : (to - from) / step + 1n };
    }
    if (rule.normal !== undefined) {
      const mean = quantity("normal.mean", rule.normal.mean, 0n);
      const sd = Number(rule.normal.sd) * 10 ** units.decimals * (type.kind === "Time" ? 10 ** type.precision : 1);
      const from = quantity("normal.min", rule.normal.min, units.lowest);
      const to = quantity("normal.max", rule.normal.max, units.highest);
      if (mean === undefined || from === undefined || to === undefined || !inside("normal", from, to)) return undefined;
      const law = `normal mean ${rule.normal.mean} sd ${rule.normal.sd}${limits(rule.normal, show, from, to)}`;
      return this.#cells(`normal ${mean} ${sd} ${from} ${to}`, law, () => normalCells(Number(mean), sd, from, to));
    }
    if (rule.exponential !== undefined) {
      const mean = quantity("exponential.mean", rule.exponential.mean, 0n);
      const from = quantity("exponential.min", rule.exponential.min, 0n);
      const to = quantity("exponential.max", rule.exponential.max, units.highest);
      if (mean === undefined || from === undefined || to === undefined || !inside("exponential", from, to))
        return undefined;
      // The mean itself may be finer than a unit.
      const exact = type.kind === "Time" ? Number(mean) : Number(rule.exponential.mean) * 10 ** units.decimals;
      const law = `exponential mean ${rule.exponential.mean}${limits(rule.exponential, show, from, to)}`;
      return this.#cells(`exponential ${exact} ${from} ${to}`, law, () => exponentialCells(exact, from, to));
    }
    return undefined;
  }

  #uniform(from: bigint, to: bigint, rule: Rule, part: string, { distinct, key }: Position): Draw {
    const count = to - from + 1n;
    if (key) return { kind: "rotate", from, count };
    if (distinct === undefined) return { kind: "uniform", from, count };
    if (count < BigInt(distinct)) {
      this.#problem(rule, part, `has ${count} values, fewer than the ${distinct} of its cardinality`);
      return { kind: "uniform", from, count };
    }
    return { kind: "spread", from, count, of: BigInt(distinct) };
  }
}

/** Stands for a value that has a problem. */
const NOTHING: Value = { kind: "constant", literal: { kind: "null" } };
/** The type of an array's length. */
const LENGTH: Type = { kind: "Int", bits: 32, signed: false };
const LONGEST_ARRAY = 10_000n;
/** No run has so many rows. */
const ENDLESS = 1n << 60n;

const NUMBERS = ["uniform", "normal", "exponential", "zipf", "sequence"] as const;
const FIXED = ["constant", "choice"] as const;
/** What each kind of type takes. */
const ALLOWED: Readonly<Record<Type["kind"], readonly (keyof Rule)[]>> = {
  Int: [...NUMBERS, ...FIXED, "cardinality"],
  Interval: [...NUMBERS, ...FIXED, "cardinality"],
  Time: [...NUMBERS, ...FIXED, "cardinality"],
  Float: [...NUMBERS, ...FIXED, "decimals", "cardinality"],
  Decimal: [...NUMBERS, ...FIXED, "decimals", "cardinality"],
  IPv4: ["uniform", ...FIXED, "cardinality"],
  Date: ["time", "uniform", ...FIXED, "cardinality"],
  DateTime: ["time", "uniform", ...FIXED, "cardinality"],
  Bool: FIXED,
  Enum: FIXED,
  UUID: [...FIXED, "cardinality"],
  IPv6: [...FIXED, "cardinality"],
  String: ["pattern", ...FIXED, "cardinality"],
  FixedString: ["pattern", ...FIXED, "cardinality"],
  Array: ["length", "items", "fields", ...FIXED],
  QBit: FIXED,
  Tuple: ["fields", ...FIXED],
  Point: FIXED,
  Map: ["length", "keys", "values", "fields", ...FIXED],
  Variant: FIXED,
  Dynamic: FIXED,
  JSON: ["fields", ...FIXED],
  Nullable: [],
  LowCardinality: [],
};
const ANY_TYPE: ReadonlySet<keyof Rule> = new Set(["at", "nulls"]);

/** Whether a rule says nothing about values. */
function isDefault(rule: Rule | undefined): rule is undefined {
  return rule === undefined || Object.entries(rule).every(([part, value]) => part === "at" || value === undefined);
}

function without(rule: Rule, part: keyof Rule): Rule {
  return { ...rule, [part]: undefined };
}

function fieldOf(rule: Rule | undefined, name: string): Rule | undefined {
  return rule?.fields !== undefined && Object.hasOwn(rule.fields, name) ? rule.fields[name] : undefined;
}

/** As a user knows it. */
function nameOf(type: Type): string {
  switch (type.kind) {
    case "Int":
      return `${type.signed ? "Int" : "UInt"}${type.bits}`;
    case "Float":
      return type.bits === 16 ? "BFloat16" : `Float${type.bits}`;
    case "Decimal":
      return `Decimal(${type.precision}, ${type.scale})`;
    case "FixedString":
      return `FixedString(${type.bytes})`;
    case "Date":
      return type.bits === 16 ? "Date" : "Date32";
    case "DateTime":
    case "Time":
      return type.bits === 32 ? type.kind : `${type.kind}64(${type.precision})`;
    default:
      return type.kind;
  }
}

function isPoints(type: Type): boolean {
  return type.kind === "Point" || (type.kind === "Array" && isPoints(type.of));
}

/** How many different keys there can be; undefined: any number. */
function distinctKeys(key: Value): bigint | undefined {
  if (key.kind === "choice") return BigInt(key.options.length);
  if (key.kind === "constant") return 1n;
  if (key.kind === "number" && key.draw.kind === "rotate") return key.draw.count;
  return undefined;
}

function delayCells({ jitterNs = 0n, late }: NonNullable<Rule["time"]>): Cells | undefined {
  const onTime: Cells = [{ first: 0n, count: jitterNs + 1n, weight: 1 }];
  if (late === undefined) return jitterNs === 0n ? undefined : onTime;
  return mixture([
    { share: 1 - late.ratio, cells: onTime },
    { share: late.ratio, cells: exponentialCells(Number(late.meanNs), 0n, late.maxNs) },
  ]);
}

/** For people, see Draw: undefined without a delay. */
function delayLaw({ jitterNs = 0n, late }: NonNullable<Rule["time"]>): string | undefined {
  const laws = [
    ...(jitterNs > 0n ? [`up to ${timespan(jitterNs)} before`] : []),
    ...(late
      ? [`${percent(late.ratio)} late by exponential mean ${timespan(late.meanNs)} to ${timespan(late.maxNs)}`]
      : []),
  ];
  return laws.length === 0 ? undefined : laws.join(", ");
}

/** For people, see Draw: where a law was told to end. */
function limits(
  { min, max }: { readonly min?: Quantity; readonly max?: Quantity },
  show: (units: bigint) => string,
  from: bigint,
  to: bigint,
): string {
  return `${min === undefined ? "" : ` from ${show(from)}`}${max === undefined ? "" : ` to ${show(to)}`}`;
}

/** As many digits behind the point as tell about a million values apart. */
function floatDecimals({ uniform, normal, exponential }: Rule): number {
  let width = 0;
  if (uniform !== undefined) width = Number(uniform.to) - Number(uniform.from);
  else if (normal !== undefined) width = 10 * Number(normal.sd);
  else if (exponential !== undefined) width = 10 * Number(exponential.mean);
  if (!(width > 0) || !Number.isFinite(width)) return 0;
  return Math.min(12, Math.max(0, 6 - Math.ceil(Math.log10(width))));
}

function longestOf(piece: Piece): number {
  switch (piece.kind) {
    case "literal":
      return Buffer.byteLength(piece.text);
    case "uuid":
      return 36;
    case "row":
      return 19;
    case "int":
      return Math.max(String(piece.from).length, String(piece.to).length);
    case "hex":
    case "base62":
      return piece.most;
    case "words":
      return piece.to * 9;
    case "one-of":
      return Math.max(...piece.texts.map((text) => Buffer.byteLength(text)));
  }
}
