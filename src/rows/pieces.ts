// What the parts of a Native column (native.ts) have of values that are written in a rule, and under a NULL. Pure.

import {
  DYNAMIC,
  dynamicOf,
  emptyBytes,
  FLOAT,
  itemsOf,
  jsonBytes,
  leafBytes,
  NO_ELEMENTS,
  NO_VARIANT,
} from "./bytes.js";
import type { Type } from "./type.js";
import type { Literal } from "./value.js";

/** Where in a type a part is. A number: an element of a Tuple or Point, a type of a Variant or Dynamic. */
export type Step = "offsets" | "item" | "keys" | "values" | "nulls" | "value" | "kinds" | number;
/** The step to what is written is the last one, where there is any. */
export type Path = readonly Step[];

/** What one part has of a value that is written in a rule: bytes, or a length to be added to the sum. */
export type Piece = Buffer | number;

/** The type of a part of it. */
export function innerOf(type: Type, step: Step | undefined): Type {
  const index = typeof step === "number" ? step : -1;
  let of: Type | undefined;
  if (type.kind === "Tuple") of = type.elements[index]?.type;
  else if (type.kind === "Variant") of = type.of[index];
  else if (type.kind === "Dynamic") of = DYNAMIC[index]?.type;
  else if (type.kind === "Point") of = FLOAT;
  if (of === undefined) throw new RangeError(`${type.kind} has no part ${step}`);
  return of;
}

/** What a part has of a literal. */
export function piecesOf(type: Type, literal: Literal, [step, ...path]: Path): readonly Piece[] {
  switch (type.kind) {
    case "Nullable":
      if (step === "nulls") return [Buffer.from([literal.kind === "null" ? 1 : 0])];
      return literal.kind === "null" ? emptyPieces(type.of, path) : piecesOf(type.of, literal, path);
    case "Array": {
      const items = itemsOf(literal);
      return step === "offsets" ? [items.length] : items.flatMap((item) => piecesOf(type.of, item, path));
    }
    case "Map": {
      const entries = literal.kind === "map" ? literal.entries : [];
      if (step === "offsets") return [entries.length];
      return entries.flatMap(([key, value]) =>
        step === "keys" ? piecesOf(type.key, key, path) : piecesOf(type.value, value, path),
      );
    }
    case "Tuple":
    case "Point": {
      const item = itemsOf(literal)[typeof step === "number" ? step : -1];
      return item === undefined ? [NO_ELEMENTS] : piecesOf(innerOf(type, step), item, path);
    }
    case "Variant": {
      const alternative = literal.kind === "variant" ? literal.alternative : NO_VARIANT;
      if (step === "kinds") return [Buffer.from([alternative])];
      if (literal.kind !== "variant" || alternative !== step) return [];
      return piecesOf(innerOf(type, step), literal.literal, path);
    }
    case "Dynamic": {
      const of = dynamicOf(literal);
      if (step === "kinds") return [Buffer.from([of?.discriminator ?? NO_VARIANT])];
      return of !== undefined && DYNAMIC[Number(step)] === of ? piecesOf(of.type, literal, path) : [];
    }
    case "String":
      // What is no text was a JSON column's.
      return [literal.kind === "text" ? leafBytes(type, literal) : jsonBytes(literal)];
    default:
      return [leafBytes(type, literal)];
  }
}

/** What a part has under a NULL. */
function emptyPieces(type: Type, [step, ...path]: Path): readonly Piece[] {
  switch (type.kind) {
    case "Nullable":
      return step === "nulls" ? [Buffer.from([1])] : emptyPieces(type.of, path);
    case "Array":
    case "Map":
      return step === "offsets" ? [0] : [];
    case "Tuple":
    case "Point":
      return step === undefined ? [NO_ELEMENTS] : emptyPieces(innerOf(type, step), path);
    case "Variant":
    case "Dynamic":
      return step === "kinds" ? [Buffer.from([NO_VARIANT])] : [];
    default:
      return [emptyBytes(type)];
  }
}
