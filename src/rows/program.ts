// Compiles columns into a row program: the block of bytes the kernel interprets (its layout is drawn in
// kernel/kernel.ts). Pure: no I/O, the same bytes for the same columns, format and seed. Called once a run, by plan.ts.

import { FormatError } from "./bytes.js";
import { BytesWriter } from "./bytes-writer.js";
import { Flow } from "./flow.js";
import { holds } from "./inside.js";
import { Emitter } from "./instructions.js";
import { JsonWriter } from "./json-writer.js";
import { partsOf } from "./native.js";
import { OP } from "./opcodes.js";
import { writeRow } from "./row-binary.js";
import { Sources } from "./sources.js";
import { RAW_TICKS } from "./ticks.js";
import { parseType } from "./type.js";
import { type Column, literalsIn, type Value, valuesIn } from "./value.js";

export const FORMATS = ["JSONEachRow", "JSONCompactEachRow", "RowBinary", "Native"] as const;
export type Format = (typeof FORMATS)[number];

/** A part of all rows of a batch, written before the next part of any. Formats of rows have one, Native one a column or more. */
export interface Pass {
  /** Where its instructions begin, from the program's first byte. */
  readonly entry: number;
  /** Bytes that stand before its first row. */
  readonly head: Uint8Array;
  /** Whether the number of rows follows them, as a u64. */
  readonly rowsInHead: boolean;
  /** Where in the program the u64 is that must be 0 before its first row; undefined: there is none. */
  readonly sum: number | undefined;
  /** What it writes for a row is no longer, in bytes. */
  readonly longestRowBytes: number;
}

export interface RowProgram {
  /** Instructions, then what they point at. Relocatable. */
  readonly bytes: Uint8Array;
  /** Which of the kernel's loops it is for. */
  readonly loop: "text" | "bytes";
  /** Columns of a Native block, whose head has them and the number of its rows; undefined: no such head. */
  readonly blockColumns: number | undefined;
  readonly passes: readonly Pass[];
  /** Bytes of all heads, at most. */
  readonly headBytes: number;
  /** No row is longer, in bytes. */
  readonly longestRowBytes: number;
}

/** Two varuints at the most. */
const BLOCK_HEAD_BYTES = 20;
const ROWS_BYTES = 8;

/** Throws a FormatError where the format cannot carry a column. */
export function compileRows(columns: readonly Column[], format: Format, seed: number): RowProgram {
  const emitter = new Emitter();
  const flow = new Flow(emitter, new Sources(seed), format.startsWith("JSON"));
  switch (format) {
    case "JSONEachRow":
    case "JSONCompactEachRow": {
      writeJson(columns, new JsonWriter(flow), emitter, format === "JSONEachRow");
      return rowsProgram(emitter, "text");
    }
    case "RowBinary":
      writeRow(columns, new BytesWriter(flow));
      return rowsProgram(emitter, "bytes");
    case "Native":
      return nativeProgram(columns, new BytesWriter(flow), emitter);
  }
}

/** One JSON text a row, a line feed after each: an object, or an array in the order of the columns. */
function writeJson(columns: readonly Column[], writer: JsonWriter, emitter: Emitter, named: boolean): void {
  for (const [index, { name, value }] of columns.entries()) {
    const open = named ? "{" : "[";
    emitter.literal(`${index === 0 ? open : ","}${named ? `${JSON.stringify(name)}:` : ""}`);
    writer.value(value);
  }
  emitter.literal(`${named ? "}" : "]"}\n`);
}

function rowsProgram(emitter: Emitter, loop: RowProgram["loop"]): RowProgram {
  emitter.emit({ op: OP.end }, 0);
  const longestRowBytes = emitter.longest;
  return {
    bytes: emitter.assemble().bytes,
    loop,
    blockColumns: undefined,
    passes: [{ entry: 0, head: new Uint8Array(0), rowsInHead: false, sum: undefined, longestRowBytes }],
    headBytes: 0,
    longestRowBytes,
  };
}

function nativeProgram(columns: readonly Column[], writer: BytesWriter, emitter: Emitter): RowProgram {
  const parts = columns.flatMap((column) => partsOf(column, writer));
  const written = parts.map(({ write, ...part }) => {
    const { entry } = emitter;
    emitter.longest = 0;
    write();
    emitter.emit({ op: OP.end }, 0);
    return { ...part, entry, longestRowBytes: emitter.longest };
  });
  const { bytes, placed } = emitter.assemble();
  return {
    bytes,
    loop: "bytes",
    blockColumns: columns.length,
    passes: written.map(({ sum, ...pass }) => ({ ...pass, sum: sum && placed.get(sum) })),
    headBytes: written.reduce((total, { head }) => total + head.length + ROWS_BYTES, BLOCK_HEAD_BYTES),
    longestRowBytes: written.reduce((total, pass) => total + pass.longestRowBytes, 0),
  };
}

/** Why a column cannot go out in a format, as the end of a sentence about it; undefined: it can. */
export function whyNotCarried(column: Column, format: Format): string | undefined {
  if (format === "JSONEachRow" || format === "JSONCompactEachRow") return undefined;
  try {
    compileRows([column], format, 0);
    return undefined;
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return error.message;
  }
}

const JSON_AS_TEXT = "input_format_binary_read_json_as_string";
const CONVERSIONS = "input_format_native_allow_types_conversion";
/** All that {@link formatSettings} may ask for. */
export const FORMAT_SETTINGS: readonly string[] = [JSON_AS_TEXT, CONVERSIONS, RAW_TICKS];

/** What the server must be told to read the columns in this format, where it knows the settings. */
export function formatSettings(columns: readonly Column[], format: Format): Readonly<Record<string, string>> {
  return {
    ...(format === "Native" && { [CONVERSIONS]: "1" }),
    ...(format === "RowBinary" && columns.some(hasJson) && { [JSON_AS_TEXT]: "1" }),
    ...(rawTimes(columns, format).length > 0 && { [RAW_TICKS]: "1" }),
  };
}

const hasJson = ({ type }: Column): boolean => holds(parseType(type), ({ kind }) => kind === "JSON");

/** Columns with times that only {@link RAW_TICKS} tells from seconds, where the server has it. */
export function rawTimes(columns: readonly Column[], format: Format): readonly Column[] {
  const isText = format.startsWith("JSON");
  return columns.filter((column) => (isText || hasJson(column)) && hasRawTimes(column.value));
}

function hasRawTimes(value: Value): boolean {
  for (const one of valuesIn(value)) {
    if (one.kind === "number" && one.spelling === "raw") return true;
    const literals = one.kind === "constant" ? [one.literal] : one.kind === "choice" ? one.options : [];
    for (const literal of literals.flatMap((each) => [...literalsIn(each)])) {
      if (literal.kind === "number" && literal.spelling === "raw") return true;
    }
  }
  return false;
}
