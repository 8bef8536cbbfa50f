// A type as text, as ClickHouse spells it, but for what changes no value: aliases, time zones, limits. Pure. The other way
// round: type.ts. Called by explain.ts for people and by native.ts for the server.

import { quoteIdentifier } from "../server.js";
import { nameOf } from "./takes.js";
import type { Type } from "./type.js";

export function spell(type: Type): string {
  switch (type.kind) {
    case "Enum":
      return `Enum${type.bits}(${type.values.map(({ name, value }) => `${textLiteral(name)} = ${value}`).join(", ")})`;
    case "Interval":
      return `Interval${type.unit}`;
    case "Nullable":
    case "LowCardinality":
    case "Array":
      return `${type.kind}(${spell(type.of)})`;
    case "Tuple":
      return `Tuple(${type.elements.map(({ name, type: of }) => `${name === undefined ? "" : `${identifier(name)} `}${spell(of)}`).join(", ")})`;
    case "Map":
      return `Map(${spell(type.key)}, ${spell(type.value)})`;
    case "Variant":
      return type.text;
    case "JSON":
      return type.paths.length === 0
        ? "JSON"
        : `JSON(${type.paths.map(({ path, type: of }) => `${path.split(".").map(identifier).join(".")} ${spell(of)}`).join(", ")})`;
    case "QBit":
      return `QBit(${spell(type.of)}, ${type.dimension})`;
    default:
      return nameOf(type);
  }
}

const identifier = (name: string): string => (/^[A-Za-z_]\w*$/.test(name) ? name : quoteIdentifier(name));

const ESCAPES: Readonly<Record<string, string>> = {
  "\n": "\\n",
  "\t": "\\t",
  "\r": "\\r",
  "\0": "\\0",
  "\b": "\\b",
  "\f": "\\f",
};

const textLiteral = (text: string): string =>
  `'${text.replace(/['\\]/g, "\\$&").replace(/[\n\t\r\0\b\f]/g, (character) => ESCAPES[character] ?? character)}'`;
