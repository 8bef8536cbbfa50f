// Values that are made of others: arrays, maps, tuples, JSON. Pure. Called by fit.ts, which makes what is inside.

import type { Cell } from "./cells.js";
import * as defaults from "./defaults.js";
import type { Plain, Rule, Things } from "./rule.js";
import { fieldOf, isDefault, without } from "./takes.js";
import { parseType, type Type, UnknownTypeError } from "./type.js";
import { boundsOf, type Draw, type Literal, type Value, withBareTicks } from "./value.js";

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
  /** Inside a cardinality. */
  readonly things: Things | undefined;
}

export const TOP: Omit<Position, "path" | "at"> = { nested: false, key: false, things: undefined };

/** The part of fit.ts that is needed here. */
export interface Fit {
  readonly problems: string[];
  problem(rule: Rule, part: string, sentence: string): void;
  literal(type: Type, rule: Rule, part: string, value: Plain): Literal;
  value(type: Type, rule: Rule | undefined, position: Position): Value;
}

export function isPoints(type: Type): boolean {
  return type.kind === "Point" || (type.kind === "Array" && isPoints(type.of));
}

/** How many different keys there can be; undefined: any number. */
function distinctKeys(key: Value): bigint | undefined {
  if (key.kind === "choice") return BigInt(key.options.length);
  if (key.kind === "constant") return 1n;
  if (key.kind === "text")
    return key.parts.map((part) => ("draw" in part ? turnsOf(part.draw) : undefined)).find(Boolean);
  return "draw" in key ? turnsOf(key.draw) : undefined;
}

/** Of a draw that gives the elements of a map different numbers: how many there are. */
function turnsOf(draw: Draw): bigint | undefined {
  if (draw.kind === "shuffled") return draw.count;
  return draw.kind === "row-time" ? draw.back : undefined;
}

/** The type of an array's length. */
const LENGTH: Type = { kind: "Int", bits: 32, signed: false };
const LONGEST_ARRAY = 10_000n;

export function arrayOf(fit: Fit, of: Type, length: Draw, items: Rule | undefined, position: Position): Value {
  const { path, at } = position;
  const inside: Position = {
    ...position,
    path: `${path}[]`,
    at: items?.at ?? at,
    nested: true,
    key: false,
    things: undefined,
  };
  const { lengthPath: _, ...item } = inside;
  return {
    kind: "array",
    length,
    lengthStream: position.lengthPath ?? `${path}#length`,
    item: fit.value(of, items, item),
  };
}

export function tupleOf(
  fit: Fit,
  elements: readonly { readonly name: string | undefined; readonly type: Type }[],
  rule: Rule | undefined,
  position: Position,
): Value {
  const names = elements.map(({ name }, index) => name ?? String(index + 1));
  for (const name of Object.keys(rule?.fields ?? {})) {
    if (!names.includes(name))
      fit.problems.push(`${rule?.at}.fields has ${name}, which is none of ${names.join(", ")}`);
  }
  const values = elements.map(({ type }, index): Value => {
    const name = names[index] ?? "";
    return fit.value(type, fieldOf(rule, name), {
      ...position,
      path: `${position.path}.${name}`,
      at: `${position.at}.${name}`,
    });
  });
  if (elements.length === 0 || elements.some(({ name }) => name === undefined))
    return { kind: "tuple", elements: values };
  return { kind: "named-tuple", elements: values.map((value, index) => [names[index] ?? "", value]) };
}

export function mapOf(fit: Fit, type: Type & { kind: "Map" }, rule: Rule | undefined, position: Position): Value {
  const { path, at } = position;
  const inside = { ...position, nested: true, things: undefined };
  if (rule?.fields !== undefined) {
    if (rule.length !== undefined)
      fit.problem(rule, "length", "has no meaning beside fields: the map has just these keys");
    return {
      kind: "entries",
      entries: Object.entries(rule.fields).map(([name, inner]) => [
        fit.literal(type.key, rule, `fields.${name}`, name),
        fit.value(type.value, inner, {
          ...position,
          things: undefined,
          key: false,
          path: `${path}.${name}`,
          at: inner.at,
        }),
      ]),
    };
  }
  const key = fit.value(type.key, rule?.keys, {
    ...inside,
    key: true,
    path: `${path}.keys`,
    at: rule?.keys?.at ?? `${at}.keys`,
  });
  const value = fit.value(type.value, rule?.values, {
    ...inside,
    key: false,
    path: `${path}.values`,
    at: rule?.values?.at ?? `${at}.values`,
  });
  const distinct = distinctKeys(key);
  let length = lengthOf(fit, rule?.length) ?? defaults.MAP_LENGTH;
  const longest = boundsOf(length).highest;
  if (distinct !== undefined && longest > distinct) {
    if (rule?.length === undefined) length = defaults.uniform(1n, distinct);
    else fit.problem(rule, "length", `goes up to ${longest}, but there are only ${distinct} keys`);
  }
  return { kind: "map", length, lengthStream: `${path}#length`, key, value };
}

export function lengthOf(fit: Fit, rule: Rule | undefined): Draw | undefined {
  if (rule === undefined) return undefined;
  const value = fit.value(LENGTH, rule, { ...TOP, path: "", at: rule.at });
  const draw = lengthsIn(value, rule);
  const highest = draw && boundsOf(draw).highest;
  if (highest !== undefined && highest > LONGEST_ARRAY)
    fit.problem(rule, "", `must be at most ${LONGEST_ARRAY}, goes up to ${highest}`);
  return draw;
}

function lengthsIn(value: Value, { choice }: Rule): Draw | undefined {
  if (value.kind === "number") return value.draw;
  if (value.kind === "choice") {
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

export function objectOf(
  fit: Fit,
  declared: readonly { readonly path: string; readonly type: Type }[],
  rule: Rule | undefined,
  position: Position,
): Value {
  const types = new Map(declared.map(({ path, type }) => [path, type]));
  if (rule === undefined && types.size === 0) for (const [path, type] of defaults.JSON_PATHS) types.set(path, type);
  for (const [path, inner] of Object.entries(rule?.fields ?? {})) {
    if (/\p{Surrogate}/u.test(path)) fit.problem(inner, "", "is a path with halves of characters (lone surrogates)");
    if (types.has(path)) {
      if (inner.type !== undefined) fit.problem(inner, "type", "is declared by the column already");
    } else {
      const type = pathType(fit, inner);
      if (type !== undefined) types.set(path, type);
    }
  }
  const paths = [...types.keys()];
  for (const path of paths) {
    const inside = paths.find((other) => other.startsWith(`${path}.`));
    if (inside !== undefined) fit.problems.push(`${position.at}: ${path} cannot hold a value and ${inside} as well`);
  }
  return {
    kind: "object",
    paths: [...types].map(([path, type]) => {
      const inner = fieldOf(rule, path);
      const bare = inner && without(inner, "type");
      const value = fit.value(type, bare && isDefault(bare) ? undefined : bare, {
        ...position,
        path: `${position.path}.${path}`,
        at: `${position.at}.${path}`,
      });
      const isDeclared = declared.some((one) => one.path === path);
      return [path.split("."), isDeclared ? value : withBareTicks(value)];
    }),
    types: [...types.values()],
  };
}

/** Of a path that the column does not declare; undefined with a problem. */
function pathType(fit: Fit, rule: Rule): Type | undefined {
  if (rule.type !== undefined) {
    try {
      return parseType(rule.type);
    } catch (error) {
      if (!(error instanceof UnknownTypeError)) throw error;
      fit.problem(rule, "type", error.message);
      return undefined;
    }
  }
  if (rule.constant !== undefined || rule.choice !== undefined) return { kind: "Dynamic" };
  const quantities = [
    rule.uniform?.from,
    rule.uniform?.to,
    ...(rule.quantiles ?? []),
    ...Object.values(rule.sequence ?? {}),
  ];
  const whole = quantities.every((quantity) => quantity === undefined || /^-?\d+$/.test(String(quantity)));
  if (rule.decimals !== undefined || !whole || rule.normal || rule.exponential) return { kind: "Float", bits: 64 };
  if (rule.uniform || rule.zipf || rule.quantiles || rule.sequence) return { kind: "Int", bits: 64, signed: true };
  if (rule.time || rule.length || rule.items || rule.keys || rule.values || rule.fields) {
    fit.problem(rule, "", "needs a type, as the column declares none for it");
    return undefined;
  }
  return { kind: "String" };
}
