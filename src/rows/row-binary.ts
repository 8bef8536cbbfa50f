// Writes rows as RowBinary: value after value, without names. Called by program.ts.
// JSON columns go out as texts, which `input_format_binary_read_json_as_string` lets the server read; LowCardinality has no
// form of its own here.

import { dynamicOf, dynamicTypeOf, FLOAT, itemsOf, jsonBytes, leafBytes, NO_VARIANT } from "./bytes.js";
import type { BytesWriter } from "./bytes-writer.js";
import { DYNAMIC_TYPES } from "./defaults.js";
import { OP } from "./opcodes.js";
import { parseType, type Type } from "./type.js";
import { boundsOf, type Column, type Draw, type Literal, type Value } from "./value.js";
import { varUint } from "./varint.js";

const NULL = Buffer.from([1]);
const NOT_NULL = Buffer.from([0]);
/** Of a Dynamic. */
const NOTHING = 0;

export function writeRow(columns: readonly Column[], writer: BytesWriter): void {
  for (const { type, value } of columns) write(writer, parseType(type), value);
}

function write(writer: BytesWriter, type: Type, value: Value): void {
  const { flow } = writer;
  if (value.kind === "keyed") {
    flow.keyed(value.draw, value.stream, () => write(writer, type, value.value));
    return;
  }
  if (value.kind === "constant") {
    flow.emitter.literal(bytesOf(type, value.literal));
    return;
  }
  if (value.kind === "choice") {
    const options = value.options.map((option) => bytesOf(type, option));
    writer.texts.choice(options, value.draw, value.stream);
    return;
  }
  if (value.kind === "nullable") {
    // The value says by itself that it is not NULL; a choice of several may hold one.
    flow.nullable({ ...value, text: "\x01" }, () => write(writer, type, value.value));
    return;
  }
  switch (type.kind) {
    case "LowCardinality":
      write(writer, type.of, value);
      break;
    case "Nullable":
      flow.emitter.literal(NOT_NULL);
      write(writer, type.of, value);
      break;
    case "Array":
    case "QBit":
      if (value.kind !== "array") throw new RangeError(`${type.kind} of ${value.kind}`);
      writeLength(writer, value.length, value.lengthStream);
      flow.elements(value.length, value.lengthStream, "nothing", () => write(writer, type.of, value.item));
      break;
    case "Map":
      writeMap(writer, type, value);
      break;
    case "Tuple":
      for (const [index, element] of elementsOf(value).entries()) {
        write(writer, type.elements[index]?.type ?? FLOAT, element);
      }
      break;
    case "Point":
      for (const element of elementsOf(value)) write(writer, FLOAT, element);
      break;
    case "Variant":
    case "Dynamic": {
      if (value.kind !== "variant") throw new RangeError(`${type.kind} of ${value.kind}`);
      const types = type.kind === "Variant" ? type.of : DYNAMIC_TYPES;
      flow.variant(
        value.stream,
        value.alternatives.map((alternative, index) => () => {
          const of = types[index] ?? FLOAT;
          flow.emitter.literal(Buffer.from([type.kind === "Variant" ? index : dynamicTypeOf(of).code]));
          write(writer, of, alternative);
        }),
      );
      break;
    }
    default:
      writer.leaf(type, value);
  }
}

function writeMap(writer: BytesWriter, type: Type & { readonly kind: "Map" }, value: Value): void {
  const { flow } = writer;
  if (value.kind === "entries") {
    flow.emitter.literal(varUint(value.entries.length));
    for (const [key, inner] of value.entries) {
      flow.emitter.literal(bytesOf(type.key, key));
      write(writer, type.value, inner);
    }
    return;
  }
  if (value.kind !== "map") throw new RangeError(`a Map of ${value.kind}`);
  writeLength(writer, value.length, value.lengthStream);
  flow.elements(value.length, value.lengthStream, "nothing", () => {
    write(writer, type.key, value.key);
    write(writer, type.value, value.value);
  });
}

function writeLength({ flow: { emitter, sources } }: BytesWriter, length: Draw, stream: string): void {
  const longest = varUint(Number(boundsOf(length).highest)).length;
  emitter.emit({ op: OP.length, ...sources.draw(length, stream) }, longest);
}

export function elementsOf(value: Value): readonly Value[] {
  if (value.kind === "tuple") return value.elements;
  if (value.kind === "named-tuple") return value.elements.map(([, element]) => element);
  throw new RangeError(`a Tuple of ${value.kind}`);
}

function bytesOf(type: Type, literal: Literal): Buffer {
  switch (type.kind) {
    case "LowCardinality":
      return bytesOf(type.of, literal);
    case "Nullable":
      return literal.kind === "null" ? NULL : Buffer.concat([NOT_NULL, bytesOf(type.of, literal)]);
    case "Array":
    case "QBit": {
      const items = itemsOf(literal);
      return Buffer.concat([varUint(items.length), ...items.map((item) => bytesOf(type.of, item))]);
    }
    case "Map": {
      const entries = literal.kind === "map" ? literal.entries : [];
      const pairs = entries.flatMap(([key, value]) => [bytesOf(type.key, key), bytesOf(type.value, value)]);
      return Buffer.concat([varUint(entries.length), ...pairs]);
    }
    case "Tuple":
      return Buffer.concat(itemsOf(literal).map((item, index) => bytesOf(type.elements[index]?.type ?? FLOAT, item)));
    case "Point":
      return Buffer.concat(itemsOf(literal).map((item) => bytesOf(FLOAT, item)));
    case "Variant": {
      if (literal.kind !== "variant") return Buffer.from([NO_VARIANT]);
      const of = type.of[literal.alternative] ?? FLOAT;
      return Buffer.concat([Buffer.from([literal.alternative]), bytesOf(of, literal.literal)]);
    }
    case "Dynamic": {
      const of = dynamicOf(literal);
      return of === undefined
        ? Buffer.from([NOTHING])
        : Buffer.concat([Buffer.from([of.code]), leafBytes(of.type, literal)]);
    }
    case "JSON":
      return jsonBytes(literal);
    default:
      return leafBytes(type, literal);
  }
}
