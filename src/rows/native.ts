// Writes blocks of Native: column after column. Called by program.ts.
//
//   block   columns (varuint) | rows (varuint) | column | column | …
//   column  name | type | prefix | part | part | …
//
// A column has one part for each thing its type is made of: an Array(Nullable(String)) has the sums of its lengths, which
// elements are NULL, and the texts. Each part is a pass of its own over the rows: every value being a function of its
// stream and its row, a pass draws again the lengths and NULLs that it needs, and no more.
//
// LowCardinality is sent as what is inside, JSON as String, QBit as Array: `input_format_native_allow_types_conversion`
// lets the server convert them. Inside a Variant it does not. A LowCardinality column of constants or a choice is sent as
// what it is, a dictionary and the places in it, which is less to send and to read.
// Source: ClickHouse, src/Formats/NativeWriter.cpp and src/DataTypes/Serializations.

import {
  DYNAMIC,
  dynamicTypeOf,
  emptyBytes,
  FLOAT,
  FormatError,
  integerBytes,
  leafBytes,
  lengthAndText,
  NO_ELEMENTS,
} from "./bytes.js";
import type { BytesWriter } from "./bytes-writer.js";
import { DYNAMIC_TYPES } from "./defaults.js";
import { anyOf } from "./flow.js";
import { type Block, cache } from "./instructions.js";
import { OP } from "./opcodes.js";
import { innerOf, type Path, type Piece, piecesOf, type Step } from "./pieces.js";
import { elementsOf } from "./row-binary.js";
import { spell } from "./spelling.js";
import { nameOf } from "./takes.js";
import { parseType, type Type } from "./type.js";
import type { Column, Draw, Literal, Value } from "./value.js";

/** One part of one column, for all rows of a block. */
export interface Part {
  /** Written before it: where it is a column's first, name, type and prefix. */
  readonly head: Buffer;
  /** Whether the number of rows follows the head, as a u64. */
  readonly rowsInHead: boolean;
  /** A u64 that is 0 before its first row. */
  readonly sum: Block | undefined;
  write(): void;
}

export function partsOf({ name, type: text, value }: Column, writer: BytesWriter): readonly Part[] {
  const whole = parseType(text);
  const dictionary = dictionaryOf(whole, value);
  if (dictionary !== undefined) return [dictionaryPart(name, whole, dictionary, writer)];
  const type = sentAs(whole);
  return pathsOf(type).map((path, index): Part => {
    const sum = path.at(-1) === "offsets" ? cache(8) : undefined;
    const head = index > 0 ? [] : [lengthAndText(name), lengthAndText(spell(type)), ...prefixesOf(type)];
    return {
      head: Buffer.concat(head),
      rowsInHead: false,
      sum,
      write: () => new PartWriter(writer, sum).value(type, value, path),
    };
  });
}

/** The different values of a LowCardinality column, the first one its type's default, and which of them a row has. */
interface Dictionary {
  readonly keys: readonly Buffer[];
  readonly place: Value;
}

/** Places in a dictionary have one byte. */
const MOST_KEYS = 256;
const PLACE: Type = { kind: "Int", bits: 8, signed: false };

function dictionaryOf(type: Type, value: Value): Dictionary | undefined {
  if (type.kind !== "LowCardinality" || type.of.kind === "Nullable") return undefined;
  const { of } = type;
  let place: Value;
  let options: readonly Literal[];
  if (value.kind === "constant") {
    options = [value.literal];
    place = { kind: "constant", literal: { kind: "number", units: 1n, decimals: 0 } };
  } else if (value.kind === "choice") {
    options = value.options;
    place = { kind: "number", draw: behindFirst(value.draw), decimals: 0, stream: value.stream };
  } else {
    return undefined;
  }
  const keys = [emptyBytes(of), ...options.map((option) => leafBytes(of, option))];
  const isSet = new Set(keys.map((key) => key.toString("latin1"))).size === keys.length;
  return isSet && keys.length <= MOST_KEYS ? { keys, place } : undefined;
}

/** One more than is drawn. */
function behindFirst(draw: Draw): Draw {
  if (draw.kind === "uniform") return { ...draw, from: draw.from + 1n };
  if (draw.kind !== "cells") throw new RangeError(`a choice is not drawn by ${draw.kind}`);
  return { kind: "cells", cells: draw.cells.map((cell) => ({ ...cell, first: cell.first + 1n })) };
}

/** One dictionary a block, as additional keys: the number of them and they themselves, then the rows' places. */
function dictionaryPart(name: string, type: Type, { keys, place }: Dictionary, writer: BytesWriter): Part {
  const head = [
    lengthAndText(name),
    lengthAndText(spell(type)),
    integerBytes(SHARED_DICTIONARIES, 8),
    integerBytes(ONE_BYTE_PLACES | ADDITIONAL_KEYS | UPDATE_DICTIONARY, 8),
    integerBytes(BigInt(keys.length), 8),
    ...keys,
  ];
  const write = (): void => new PartWriter(writer, undefined).value(PLACE, place, []);
  return { head: Buffer.concat(head), rowsInHead: true, sum: undefined, write };
}

/** Source: ClickHouse, src/DataTypes/Serializations/SerializationLowCardinality.cpp. */
const SHARED_DICTIONARIES = 1n;
const ONE_BYTE_PLACES = 0n;
const ADDITIONAL_KEYS = 1n << 9n;
const UPDATE_DICTIONARY = 1n << 10n;

/** Where conversions have their limits. */
type Around = "Variant" | "Array" | undefined;

/** The type as it stands in the block. `around`: what it stands in, a Variant through all that is in it. */
function sentAs(type: Type, around?: Around): Type {
  const inner = (of: Type, next: Around = undefined): Type => sentAs(of, around === "Variant" ? around : next);
  switch (type.kind) {
    case "LowCardinality":
    case "JSON":
    case "QBit":
      if (around === "Variant" || (around === "Array" && type.kind === "QBit")) {
        throw new FormatError(`has a ${nameOf(type)} inside ${around === "Array" ? "an Array" : "a Variant"}`);
      }
      if (type.kind === "JSON") return { kind: "String" };
      return type.kind === "QBit" ? { kind: "Array", of: type.of } : inner(type.of, around);
    case "Nullable":
      return { kind: "Nullable", of: inner(type.of, around) };
    case "Array":
      return { kind: "Array", of: inner(type.of, "Array") };
    case "Map":
      return { kind: "Map", key: inner(type.key), value: inner(type.value) };
    case "Tuple":
      return { kind: "Tuple", elements: type.elements.map((element) => ({ ...element, type: inner(element.type) })) };
    case "Variant":
      return { ...type, of: type.of.map((of) => sentAs(of, "Variant")) };
    default:
      return type;
  }
}

function pathsOf(type: Type): readonly Path[] {
  const inside = (step: Step, of: Type): readonly Path[] => pathsOf(of).map((path) => [step, ...path]);
  switch (type.kind) {
    case "Nullable":
      return [["nulls"], ...inside("value", type.of)];
    case "Array":
      return [["offsets"], ...inside("item", type.of)];
    case "Map":
      return [["offsets"], ...inside("keys", type.key), ...inside("values", type.value)];
    case "Tuple":
      return type.elements.length === 0 ? [[]] : type.elements.flatMap((element, index) => inside(index, element.type));
    case "Point":
      return [...inside(0, FLOAT), ...inside(1, FLOAT)];
    case "Variant":
      return [["kinds"], ...type.of.flatMap((of, index) => inside(index, of))];
    case "Dynamic":
      return [["kinds"], ...DYNAMIC.flatMap((of, index) => inside(index, of.type))];
    default:
      return [[]];
  }
}

/** How the parts are written, where there are several ways. */
function prefixesOf(type: Type): readonly Buffer[] {
  switch (type.kind) {
    case "Nullable":
    case "Array":
      return prefixesOf(type.of);
    case "Map":
      return [...prefixesOf(type.key), ...prefixesOf(type.value)];
    case "Tuple":
      return type.elements.flatMap((element) => prefixesOf(element.type));
    case "Variant":
      return [BASIC_VARIANT, ...type.of.flatMap(prefixesOf)];
    case "Dynamic":
      return [DYNAMIC_PREFIX, BASIC_VARIANT];
    default:
      return [];
  }
}

/** A discriminator a row. */
const BASIC_VARIANT = integerBytes(0n, 8);
/** Version 1: the most types it may have, and those it has. */
const DYNAMIC_PREFIX = Buffer.concat([
  integerBytes(1n, 8),
  Buffer.from([DYNAMIC.length, DYNAMIC.length]),
  ...DYNAMIC.map(({ name }) => lengthAndText(name)),
]);

class PartWriter {
  constructor(
    readonly writer: BytesWriter,
    readonly sum: Block | undefined,
  ) {}

  value(type: Type, value: Value, path: Path): void {
    const { flow } = this.writer;
    if (value.kind === "keyed") {
      flow.keyed(value.draw, value.stream, () => this.value(type, value.value, path));
    } else if (value.kind === "constant") {
      this.#pieces(piecesOf(type, value.literal, path));
    } else if (value.kind === "choice") {
      this.#choice(
        value.options.map((option) => piecesOf(type, option, path)),
        value.draw,
        value.stream,
      );
    } else if (value.kind === "nullable") {
      this.#nullable(type, value, path);
    } else {
      this.#made(type, value, path);
    }
  }

  #pieces(pieces: readonly Piece[]): void {
    for (const piece of pieces) {
      if (typeof piece === "number") this.#offset({ kind: "uniform", from: BigInt(piece), count: 1n }, "");
      else this.writer.flow.emitter.literal(piece);
    }
  }

  #choice(options: readonly (readonly Piece[])[], draw: Draw, stream: string): void {
    const texts = options.map((pieces) => pieces.filter((piece) => typeof piece !== "number"));
    if (texts.every((text, index) => text.length === options[index]?.length)) {
      this.writer.texts.choice(
        texts.map((text) => Buffer.concat(text)),
        draw,
        stream,
      );
      return;
    }
    this.writer.flow.branch(
      draw,
      stream,
      options.map((pieces) => () => this.#pieces(pieces)),
    );
  }

  #nullable(type: Type, value: Value & { readonly kind: "nullable" }, path: Path): void {
    const { flow } = this.writer;
    const inner = (): void => this.value(type, value.value, path);
    if (path[0] === "nulls") flow.nullable({ ...value, text: "\x01" }, inner);
    else flow.nullable({ ...value, text: "" }, inner, () => this.#pieces(piecesOf(type, { kind: "null" }, path)));
  }

  #offset(length: Draw, stream: string): void {
    const { emitter, sources } = this.writer.flow;
    if (this.sum === undefined) throw new RangeError("a part without a sum has no offsets");
    emitter.emit({ op: OP.offset, ...sources.draw(length, stream), data: this.sum }, 8);
  }

  #elements(length: Draw, stream: string, element: () => void): void {
    this.writer.flow.elements(length, stream, "nothing", element);
  }

  #made(type: Type, value: Value, [step, ...path]: Path): void {
    const { emitter } = this.writer.flow;
    switch (type.kind) {
      case "Nullable":
        if (step === "nulls") emitter.literal(Buffer.from([0]));
        else this.value(type.of, value, path);
        break;
      case "Array":
        if (value.kind !== "array") throw new RangeError(`an Array of ${value.kind}`);
        if (step === "offsets") this.#offset(value.length, value.lengthStream);
        else this.#elements(value.length, value.lengthStream, () => this.value(type.of, value.item, path));
        break;
      case "Map":
        this.#map(type, value, [step ?? "offsets", ...path]);
        break;
      case "Tuple":
        if (type.elements.length === 0) emitter.literal(NO_ELEMENTS);
        else this.value(innerOf(type, step), elementOf(value, step), path);
        break;
      case "Point":
        this.value(FLOAT, elementOf(value, step), path);
        break;
      case "Variant":
      case "Dynamic":
        this.#variant(type, value, step, path);
        break;
      default:
        this.writer.leaf(value.kind === "object" ? JSON_TEXT : type, value);
    }
  }

  #map(type: Type & { readonly kind: "Map" }, value: Value, [step, ...path]: Path): void {
    if (value.kind === "entries") {
      if (step === "offsets") this.#pieces([value.entries.length]);
      for (const [key, inner] of value.entries) {
        if (step === "keys") this.#pieces(piecesOf(type.key, key, path));
        if (step === "values") this.value(type.value, inner, path);
      }
      return;
    }
    if (value.kind !== "map") throw new RangeError(`a Map of ${value.kind}`);
    const { length, lengthStream } = value;
    if (step === "offsets") this.#offset(length, lengthStream);
    else if (step === "keys") this.#elements(length, lengthStream, () => this.value(type.key, value.key, path));
    else this.#elements(length, lengthStream, () => this.value(type.value, value.value, path));
  }

  #variant(type: Type, value: Value, step: Step | undefined, path: Path): void {
    const { flow, texts } = this.writer;
    if (value.kind !== "variant") throw new RangeError(`${type.kind} of ${value.kind}`);
    const { alternatives, stream } = value;
    // Those of a Dynamic are in the order of defaults.ts.
    const places = alternatives.map((_, index) =>
      type.kind === "Variant" ? index : DYNAMIC.indexOf(dynamicTypeOf(DYNAMIC_TYPES[index] ?? FLOAT)),
    );
    if (step === "kinds") {
      const kinds = places.map((place) => (type.kind === "Variant" ? place : (DYNAMIC[place]?.discriminator ?? 0)));
      texts.choice(
        kinds.map((kind) => Buffer.from([kind])),
        anyOf(kinds.length),
        stream,
      );
      return;
    }
    flow.variant(
      stream,
      alternatives.map((alternative, index) => () => {
        if (places[index] === step) this.value(innerOf(type, step), alternative, path);
      }),
    );
  }
}

/** Its values are objects. */
const JSON_TEXT: Type = { kind: "JSON", paths: [] };

function elementOf(value: Value, step: Step | undefined): Value {
  const element = typeof step === "number" ? elementsOf(value)[step] : undefined;
  if (element === undefined) throw new RangeError(`${value.kind} has no element ${step}`);
  return element;
}
