// Joins a column's type and its rule into a Value (value.ts), or says in a sentence why they do not fit. Pure. Called by
// column.ts, once a column and run.

import { type Cells, highest, weightedCells } from "./cells.js";
import { arrayOf, type Fit, isPoints, lengthOf, mapOf, objectOf, type Position, tupleOf } from "./compound.js";
import * as defaults from "./defaults.js";
import { literalOf, Misfit } from "./literal.js";
import { floatDecimals, Numbers } from "./numbers.js";
import { PatternError, type Piece, parsePattern, partsOf } from "./pattern.js";
import type { Cardinality, Plain, Rule, Things } from "./rule.js";
import { isDefault, nameOf, TAKEN_BY_ALL, TAKES, without } from "./takes.js";
import { type TickSpelling, tickSpelling } from "./ticks.js";
import type { Type } from "./type.js";
import { unitsOf } from "./units.js";
import { boundsOf, type Draw, type Literal, type Value } from "./value.js";

/** Of the first and the last row, in nanoseconds since the epoch. */
export interface TimeSpan {
  readonly fromNs: bigint;
  readonly toNs: bigint;
}

const NOWADAYS: TimeSpan = { fromNs: 2_000_000_000_000_000_000n, toNs: 2_000_000_000_000_000_000n };

/** Gathers the problems of all columns. */
export class Fitter implements Fit {
  readonly #times: TimeSpan | undefined;
  readonly problems: string[] = [];
  readonly #numbers = new Numbers((rule, part, sentence) => this.problem(rule, part, sentence));
  /** The draw of each `key` of a cardinality, by its name. */
  readonly #keys = new Map<string, { readonly text: string; readonly draw: Draw }>();

  /** What a column of that name has, as another type; undefined where there is none that rows are made for. */
  readonly #column: (name: string, type: Type) => Value | undefined;

  constructor(times: TimeSpan | undefined, column: (name: string, type: Type) => Value | undefined) {
    this.#times = times;
    this.#column = column;
  }

  /** Of a type and no rule, or with it. What is wrong is among the problems, and the value is then of no use. */
  value(type: Type, rule: Rule | undefined, position: Position): Value {
    if (rule?.same !== undefined) return this.#same(type, rule, rule.same, position);
    if (type.kind === "Nullable") return this.#nullable(type.of, rule, position);
    if (type.kind === "LowCardinality" && type.of.kind === "Nullable")
      return this.#nullable({ kind: "LowCardinality", of: type.of.of }, rule, position);
    if (rule?.nulls !== undefined) {
      if (rule.nulls > 0) this.problem(rule, "nulls", `needs a Nullable type, not ${nameOf(type)}`);
      const bare = without(rule, "nulls");
      return this.value(type, isDefault(bare) ? undefined : bare, position);
    }
    if (type.kind === "LowCardinality") {
      return type.of.kind === "String" && isDefault(rule) && position.things === undefined && !position.key
        ? this.#keyed(defaults.LOW_CARDINALITY_DRAW, `${position.path}#key`, type.of, undefined, position, {
            of: defaults.LOW_CARDINALITY,
            apart: true,
          })
        : this.value(type.of, rule, position);
    }
    if (isDefault(rule)) return this.#byDefault(type, position);
    if (!this.#allows(type, rule)) return NOTHING;
    if (rule.cardinality !== undefined) return this.#set(type, rule, rule.cardinality, position);
    if (rule.constant !== undefined)
      return { kind: "constant", literal: this.literal(type, rule, "constant", rule.constant) };
    if (rule.choice !== undefined) return this.#choice(type, rule, position);
    return this.#byRule(type, rule, position);
  }

  #same(type: Type, rule: Rule, name: string, { nested, things }: Position): Value {
    const value = this.#column(name, type);
    if (value === undefined) this.problem(rule, "same", `names ${name}, which is no column with values of its own`);
    // There the values depend on the element, not on the row.
    if (nested || things !== undefined) this.problem(rule, "same", "has no meaning inside an array, a map or a set");
    return value ?? NOTHING;
  }

  problem(rule: Rule, part: string, sentence: string): void {
    this.problems.push(`${rule.at}${part === "" ? ":" : `.${part}`} ${sentence}`);
  }

  #nullable(type: Type, rule: Rule | undefined, position: Position): Value {
    // A rule says what values there are: NULL is one only where it says so.
    const ratio = rule === undefined ? defaults.NULLS : (rule.nulls ?? 0);
    const stream = `${position.path}#null`;
    if (rule?.constant === null) return { kind: "constant", literal: { kind: "null" } };
    const bare = rule && without(rule, "nulls");
    let value: Value;
    if (bare?.choice?.values.includes(null) !== true)
      value = this.value(type, isDefault(bare) ? undefined : bare, position);
    else if (bare.cardinality === undefined) value = this.#choice({ kind: "Nullable", of: type }, bare, position);
    else value = this.#set({ kind: "Nullable", of: type }, bare, bare.cardinality, position);
    return ratio === 0 ? value : { kind: "nullable", ratio, value, stream };
  }

  /** Whether the type can do something with all that the rule says. */
  #allows(type: Type, rule: Rule): boolean {
    const fitting = TAKES[type.kind];
    const given = (Object.keys(rule) as (keyof Rule)[]).filter(
      (part) => rule[part] !== undefined && !TAKEN_BY_ALL.has(part),
    );
    const odd = given.filter((part) => !fitting.includes(part));
    for (const part of odd) {
      this.problem(rule, part, `does not fit ${nameOf(type)}, which takes ${fitting.join(", ")}`);
    }
    return odd.length === 0;
  }

  /** A set of things: which of them a row has is drawn, and what it is follows from its number alone. */
  #set(type: Type, rule: Rule, { of, draw, key }: Cardinality, position: Position): Value {
    if (rule.choice !== undefined && key === undefined) {
      this.problem(rule, "cardinality", "does not go with choice, which says how many values there are");
    }
    if ((type.kind === "Bool" || type.kind === "Enum") && key === undefined) {
      this.problem(rule, "cardinality", `of ${nameOf(type)} needs a key: its values are what they are`);
    }
    if ((type.kind === "Date" || type.kind === "DateTime") && !Numbers.has(rule) && rule.choice === undefined) {
      this.problem(rule, "cardinality", `of a ${nameOf(type)} needs a uniform: otherwise it follows the row's time`);
    }
    const text = JSON.stringify({ of, draw });
    let index = this.#numbers.index(of, draw);
    if (key !== undefined) {
      const same = this.#keys.get(key);
      if (same !== undefined && same.text !== text) {
        this.problem(rule, "cardinality", `must be the same for every column of key ${key}: ${same.text}, not ${text}`);
      }
      index = same?.draw ?? index;
      this.#keys.set(key, { text, draw: index });
    }
    const stream = key === undefined ? `${position.path}#key` : `key ${key}`;
    return this.#keyed(index, stream, type, without(rule, "cardinality"), position, { of, apart: key === undefined });
  }

  #keyed(draw: Draw, stream: string, type: Type, rule: Rule | undefined, position: Position, things: Things): Value {
    const inside = { ...position, things };
    const value = isDefault(rule) ? this.#byDefault(type, inside) : this.value(type, rule, inside);
    return { kind: "keyed", draw, stream, value };
  }

  literal(type: Type, rule: Rule, part: string, value: Plain): Literal {
    try {
      return literalOf(type, value);
    } catch (error) {
      if (!(error instanceof Misfit)) throw error;
      this.problem(rule, part, `${error.message} (${nameOf(type)})`);
      return { kind: "null" };
    }
  }

  #choice(type: Type, rule: Rule, { path, key }: Position): Value {
    const { values = [], weights } = rule.choice ?? {};
    const options = values.map((value, index) => this.literal(type, rule, `choice[${index}]`, value));
    const count = BigInt(options.length);
    let draw: Draw = { kind: "uniform", from: 0n, count };
    if (weights !== undefined) draw = { kind: "cells", cells: weightedCells(weights) };
    if (key) {
      if (weights !== undefined) this.problem(rule, "choice", "has weights: the keys of a map are each as likely");
      draw = { kind: "shuffled", from: 0n, count };
    }
    return { kind: "choice", options, draw, stream: path };
  }

  /** Columns chosen together draw from one stream. */
  together(type: Type, at: string, values: readonly Plain[], weights: readonly number[], stream: string): Value {
    const options = values.map((value, index) => this.literal(type, { at }, `options[${index}]`, value));
    return { kind: "choice", options, draw: { kind: "cells", cells: weightedCells(weights) }, stream };
  }

  /** `decimals`: of a Float or Decimal. */
  #byDefault(type: Type, position: Position, decimals?: number): Value {
    const { path, nested, key, things } = position;
    const keys = key ? defaults.keysOf(type, path, this.#rowTimeSpelling(type, before(type))) : undefined;
    if (keys !== undefined) {
      if (type.kind === "Date" || type.kind === "DateTime") this.#checkTimes(type, before(type), position.at);
      return keys;
    }
    switch (type.kind) {
      case "Bool":
        return this.#boolean(position);
      case "Enum": {
        const options = type.values.map(({ name }): Literal => ({ kind: "text", text: name }));
        const count = BigInt(options.length);
        return {
          kind: "choice",
          options,
          draw: key ? { kind: "shuffled", from: 0n, count } : { kind: "uniform", from: 0n, count },
          stream: path,
        };
      }
      case "UUID":
        return { kind: "uuid", stream: path };
      case "IPv6":
        return { kind: "ipv6", stream: path };
      case "Date":
      case "DateTime": {
        return this.#rowTime(type, nested || things !== undefined ? before(type) : undefined, position);
      }
      case "String":
        return this.#text(defaults.textPieces(things?.of), { at: position.at }, position);
      case "FixedString":
        return this.#text([{ kind: "base62", fewest: type.bytes, most: type.bytes }], { at: position.at }, position);
      case "Array":
        return arrayOf(this, type.of, lengthFor(type.of, position), undefined, position);
      case "QBit": {
        const draw = defaults.uniform(-9999n, 9999n);
        const item: Value = { kind: "number", draw, decimals: 4, stream: `${path}[]` };
        const dimension = BigInt(type.dimension);
        return { kind: "array", length: defaults.uniform(dimension, dimension), lengthStream: `${path}#length`, item };
      }
      case "Tuple":
        return tupleOf(this, type.elements, undefined, position);
      case "Map":
        return mapOf(this, type, undefined, position);
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
        return objectOf(this, type.paths, undefined, position);
      case "Nullable":
      case "LowCardinality":
        return this.value(type, undefined, position);
      default: {
        const digits = defaults.wideDigits(type);
        if (digits !== undefined) return { kind: "digits", digits, stream: path };
        const numbers = defaults.numbersOf(type, decimals);
        if (numbers === undefined) throw new RangeError(`no default for ${type.kind}`);
        const draw = this.#numbers.uniform(numbers.from, numbers.to, { at: position.at }, "cardinality", position);
        const value = this.#number(type, draw, numbers.decimals, path);
        return decimals !== undefined && value.kind === "number" ? { ...value, rounded: true } : value;
      }
    }
  }

  #boolean({ path, key }: Position): Value {
    const options = [false, true].map((value): Literal => ({ kind: "bool", value }));
    return { kind: "choice", options, draw: { kind: key ? "shuffled" : "uniform", from: 0n, count: 2n }, stream: path };
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
        return arrayOf(this, type.of, lengthOf(this, rule.length) ?? lengthFor(type.of, position), items, position);
      }
      case "Tuple":
        return tupleOf(this, type.elements, rule, position);
      case "Map":
        return mapOf(this, type, rule, position);
      case "JSON":
        return objectOf(this, type.paths, rule, position);
      case "Date":
      case "DateTime":
        if (rule.time !== undefined) {
          // Columns with the same rule hold the same moment: the delay has a stream of its own.
          const { cells, law, name } = this.#numbers.delay(rule.time);
          return this.#rowTime(type, cells, { path: `time ${name}`, at: position.at }, law);
        }
        return Numbers.has(rule) ? this.#ordered(type, rule, position) : this.#byDefault(type, position);
      default:
        return this.#ordered(type, rule, position);
    }
  }

  #pattern(type: Type, pattern: string, rule: Rule, position: Position): Value {
    let pieces: readonly Piece[] = [];
    try {
      pieces = parsePattern(pattern);
    } catch (error) {
      if (!(error instanceof PatternError)) throw error;
      this.problem(rule, "pattern", error.message);
    }
    if (type.kind === "FixedString") {
      const longest = pieces.reduce((sum, piece) => sum + longestOf(piece), 0);
      if (longest > type.bytes)
        this.problem(rule, "pattern", `makes up to ${longest} bytes, more than ${nameOf(type)} holds`);
    }
    return this.#text(pieces, rule, position);
  }

  #text(pieces: readonly Piece[], rule: Rule, { path, things }: Position): Value {
    try {
      return { kind: "text", parts: partsOf(pieces, path, things) };
    } catch (error) {
      if (!(error instanceof PatternError)) throw error;
      this.problem(rule, "pattern", error.message);
      return NOTHING;
    }
  }

  #rowTime(
    type: Type & { kind: "Date" | "DateTime" },
    delayNs: Cells | undefined,
    { path: stream, at }: { readonly path: string; readonly at: string },
    law?: string,
  ): Value {
    this.#checkTimes(type, delayNs, at);
    const tickNs = type.kind === "Date" ? 86_400_000_000_000n : 10n ** BigInt(9 - type.precision);
    const draw: Draw = { kind: "row-time", tickNs, delayNs, ...(law !== undefined && { law }) };
    return type.kind === "Date"
      ? { kind: "date", draw, stream }
      : { kind: "number", draw, decimals: 0, stream, spelling: this.#rowTimeSpelling(type, delayNs) };
  }

  /** Date and DateTime begin with 1970 and end before what a run may be asked for. */
  #checkTimes(type: Type & { kind: "Date" | "DateTime" }, delayNs: Cells | undefined, at: string): void {
    if (this.#times === undefined || type.bits === (type.kind === "Date" ? 32 : 64)) return;
    const { fromNs, toNs } = this.#times;
    const most = type.kind === "Date" ? 65_536n * 86_400n : 1n << 32n;
    const least = fromNs - (delayNs === undefined ? 0n : highest(delayNs));
    if (toNs < most * 1_000_000_000n && least >= 0n) return;
    const day = (ns: bigint): string => new Date(Number(ns / 1_000_000n)).toISOString().slice(0, 10);
    this.problems.push(
      `${at}: ${nameOf(type)} holds times from 1970-01-01 to ${day((most - 1n) * 1_000_000_000n)}, ` +
        `but its rows have some from ${day(least)} to ${day(toNs)}: see --data-start`,
    );
  }

  /** Of row times, and of such up to a delay before them. Nobody said when: nowadays. */
  #rowTimeSpelling(type: Type, delayNs: Cells | undefined): TickSpelling {
    if (type.kind !== "DateTime") return "bare";
    const { fromNs, toNs } = this.#times ?? NOWADAYS;
    const tickNs = 10n ** BigInt(9 - type.precision);
    const least = fromNs - (delayNs === undefined ? 0n : highest(delayNs));
    return tickSpelling(type, least / tickNs, toNs / tickNs);
  }

  #number(type: Type, draw: Draw, decimals: number, stream: string): Value {
    if (type.kind === "Date") return { kind: "date", draw, stream };
    if (type.kind === "IPv4") return { kind: "ipv4", draw, stream };
    if (type.kind !== "Time" && type.kind !== "DateTime") return { kind: "number", draw, decimals, stream };
    const bounds = boundsOf(draw);
    return { kind: "number", draw, decimals, stream, spelling: tickSpelling(type, bounds.lowest, bounds.highest) };
  }

  #ordered(type: Type, rule: Rule, position: Position): Value {
    const decimals = rule.decimals ?? (type.kind === "Float" ? floatDecimals(rule) : undefined);
    if (type.kind === "Decimal" && rule.decimals !== undefined && rule.decimals > type.scale) {
      this.problem(rule, "decimals", `must be at most ${type.scale} (${nameOf(type)})`);
    }
    const units = unitsOf(type, decimals);
    if (units === undefined) throw new RangeError(`${type.kind} has no order`);
    if (!Numbers.has(rule)) return this.#byDefault(type, position, rule.decimals);
    const draw = this.#numbers.draw(type, units, rule, position);
    if (draw === undefined) return NOTHING;
    const value = this.#number(type, draw, units.decimals, position.path);
    return rule.decimals !== undefined && value.kind === "number" ? { ...value, rounded: true } : value;
  }
}

/** The arrays of one Nested have one length, whatever is in them. */
function lengthFor(of: Type, { lengthPath }: Position): Draw {
  return isPoints(of) && lengthPath === undefined ? defaults.SHAPE_LENGTH : defaults.ARRAY_LENGTH;
}

/** Times in arrays, maps and sets lie so much before the row's. */
function before(type: Type): Cells {
  const kind = type.kind === "Date" ? "Date" : "DateTime";
  return [{ first: 0n, count: defaults.BEFORE_NS[kind], weight: 1 }];
}

/** Stands for a value that has a problem. */
const NOTHING: Value = { kind: "constant", literal: { kind: "null" } };

/** Bytes of the longest text of a piece. */
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
