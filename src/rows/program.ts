// Compiles columns into a row program: the block of bytes the kernel interprets (its layout is drawn in
// kernel/kernel.ts). Pure: no I/O, the same bytes for the same columns, format and seed. Called once a run, by plan.ts.

import { createHash } from "node:crypto";
import { aliasTable, type Cells } from "./cells.js";
import { type Block, cache, Emitter, type Instruction, type Label } from "./instructions.js";
import { jsonOf, jsonText } from "./json.js";
import { boundsOf, type Column, type Draw, type Part, type Value } from "./value.js";
import { WORDS } from "./words.js";

export const FORMATS = ["JSONEachRow", "JSONCompactEachRow"] as const;
export type Format = (typeof FORMATS)[number];

export interface RowProgram {
  /** Instructions, then what they point at. Relocatable. */
  readonly bytes: Uint8Array;
  /** No row is longer, in bytes. */
  readonly longestRowBytes: number;
}

/** As in kernel/instructions.ts. */
const OP = {
  end: 0,
  time: 1,
  uuid: 2,
  choice: 3,
  rowNumber: 4,
  integer: 5,
  literal: 6,
  sixGroups: 7,
  digits: 8,
  rowDate: 9,
  cellInteger: 10,
  rowKey: 11,
  rowRestore: 12,
  rowCellKey: 13,
  keyInteger: 14,
  thingInteger: 15,
  number: 16,
  scaled: 17,
  date: 18,
  text: 19,
  hex: 20,
  base62: 21,
  words: 22,
  ipv4: 23,
  jump: 32,
  nullable: 33,
  branch: 34,
  array: 35,
  next: 36,
  key: 37,
  restore: 38,
} as const;

/** As in kernel/draw.ts. */
const SOURCE = { small: 0, uniform: 1, cells: 2, sequence: 3, rowTime: 4, spread: 5, rotate: 6, timeBack: 7 } as const;

const CACHE_BYTES = 48;
const FRAME_BYTES = 32;
const CELL_BYTES = 32;
const LONGEST_INTEGER = 20;
/** Texts that are copied whole, each with the literal before it, as long as all of them take no more than this. */
const CHOICE_BYTES = 4096;
const LONGEST_WORD = Math.max(...WORDS.map((word) => word.length));

/** One JSON text a row, a line feed after each: an object, or an array in the order of the columns. */
export function compileRows(columns: readonly Column[], format: Format, seed: number): RowProgram {
  const writer = new JsonWriter(seed);
  const named = format === "JSONEachRow";
  for (const [index, { name, value }] of columns.entries()) {
    const open = named ? "{" : "[";
    writer.literal(`${index === 0 ? open : ","}${named ? `${JSON.stringify(name)}:` : ""}`);
    writer.value(value);
  }
  writer.literal(`${named ? "}" : "]"}\n`);
  return writer.end();
}

/** What of an instruction says where its number comes from. */
type Source = Pick<Instruction, "source" | "stream" | "from" | "count" | "table">;

class JsonWriter extends Emitter {
  readonly #seed: number;
  readonly #cells = new Map<Cells, Block>();
  /** In how many arrays and things of sets the value stands: in none, the state is that of the row. */
  #depth = 0;
  /** In a JSON column, whose parser refuses numbers beyond 64 bits that are not in quotes. */
  #inJson = false;

  constructor(seed: number) {
    super();
    this.#seed = seed;
  }

  end(): RowProgram {
    this.emit({ op: OP.end }, 0);
    return { bytes: this.assemble(), longestRowBytes: this.longest };
  }

  /** `key`: as the key of a map, where numbers stand in quotes. */
  value(value: Value, key = false): void {
    switch (value.kind) {
      case "constant":
        this.literal(jsonOf(value.literal, key));
        break;
      case "choice":
        this.#choice(
          value.options.map((option) => jsonOf(option, key)),
          value.draw,
          value.stream,
        );
        break;
      case "number":
        this.#quoted(key && value.unquoted !== true, () => this.#number(value.draw, value.decimals, value.stream));
        break;
      case "digits":
        this.#quoted(key || this.#inJson, () => {
          this.emit({ op: OP.digits, stream: this.#stream(value.stream), size: value.digits }, value.digits);
        });
        break;
      case "date":
        this.#quoted(true, () => this.#date(value.draw, value.stream));
        break;
      case "text":
        this.#quoted(true, () => {
          for (const part of value.parts) this.#part(part);
        });
        break;
      case "uuid":
        this.#quoted(true, () => this.emit({ op: OP.uuid, stream: this.#stream(value.stream) }, 36));
        break;
      case "ipv4":
        this.#quoted(true, () => this.emit({ op: OP.ipv4, ...this.#draw(value.draw, value.stream) }, 15));
        break;
      case "ipv6":
        this.literal('"2001:db8:');
        this.emit({ op: OP.sixGroups, stream: this.#stream(value.stream) }, 29);
        this.literal('"');
        break;
      case "nullable":
        this.#nullable(value.ratio, value.value, value.stream);
        break;
      case "array":
        this.#elements("[", value.length, value.lengthStream, () => this.value(value.item), "]");
        break;
      case "map":
        this.#elements("{", value.length, value.lengthStream, () => this.#entry(value.key, value.value), "}");
        break;
      case "entries":
        this.#list("{", value.entries, ([name, inner]) => this.#entry({ kind: "constant", literal: name }, inner), "}");
        break;
      case "tuple":
        this.#list("[", value.elements, (element) => this.value(element), "]");
        break;
      case "named-tuple":
        this.#object(value.elements.map(([name, inner]) => [[name], inner]));
        break;
      case "object": {
        const outer = this.#inJson;
        this.#inJson = true;
        this.#object(value.paths);
        this.#inJson = outer;
        break;
      }
      case "variant":
        this.#variant(value.alternatives, value.stream);
        break;
      case "keyed":
        this.#keyed(value.draw, value.stream, value.value);
        break;
    }
  }

  #stream(path: string): bigint {
    return createHash("sha256").update(`${this.#seed}\n${path}`).digest().readBigUInt64LE();
  }

  #draw(draw: Draw, path: string): Source {
    const stream = this.#stream(path);
    switch (draw.kind) {
      case "uniform":
        return {
          source: draw.count <= 1n << 32n ? SOURCE.small : SOURCE.uniform,
          stream,
          from: draw.from,
          count: BigInt.asUintN(64, draw.count),
        };
      case "cells":
        return { source: SOURCE.cells, stream, count: BigInt(draw.cells.length), table: this.#table(draw.cells) };
      case "sequence":
        return {
          source: SOURCE.sequence,
          stream,
          from: draw.from,
          count: draw.count,
          table: () => numbers(draw.step),
        };
      case "row-time":
        if (draw.back !== undefined) return { source: SOURCE.timeBack, stream, from: draw.tickNs, count: draw.back };
        return {
          source: SOURCE.rowTime,
          stream,
          from: draw.tickNs,
          count: BigInt(draw.delayNs?.length ?? 0),
          table: draw.delayNs && this.#table(draw.delayNs),
        };
      case "spread":
        return { source: SOURCE.spread, stream, from: draw.from, count: BigInt.asUintN(64, draw.count / draw.of) };
      case "rotate":
        return { source: SOURCE.rotate, stream, from: draw.from, count: draw.count };
    }
  }

  /** Columns that share a distribution share its table. */
  #table(cells: Cells): Block {
    const there = this.#cells.get(cells);
    if (there !== undefined) return there;
    const block = (): Buffer => {
      const { thresholds, aliases } = aliasTable(cells);
      const table = Buffer.alloc(cells.length * CELL_BYTES);
      for (const [index, { first, count }] of cells.entries()) {
        const at = index * CELL_BYTES;
        table.writeUInt32LE(thresholds[index] ?? 0, at);
        table.writeUInt32LE(aliases[index] ?? 0, at + 4);
        table.writeBigUInt64LE(BigInt.asUintN(64, count), at + 8);
        table.writeBigInt64LE(BigInt.asIntN(64, first), at + 16);
      }
      return table;
    };
    this.#cells.set(cells, block);
    return block;
  }

  #quoted(quotes: boolean, write: () => void): void {
    if (quotes) this.literal('"');
    write();
    if (quotes) this.literal('"');
  }

  #number(draw: Draw, decimals: number, stream: string): void {
    const { lowest, highest } = boundsOf(draw);
    const source = this.#draw(draw, stream);
    const digits = Math.max(String(lowest).length, String(highest).length);
    if (decimals > 0) {
      const longest = Math.max(digits, decimals + 2) + 2;
      this.emit({ op: OP.scaled, ...source, size: decimals, power: 10n ** BigInt(decimals) }, longest);
    } else if (draw.kind === "sequence" && draw.from === 0n && draw.step === 1n && draw.count === 0n) {
      this.emit({ op: OP.rowNumber, data: cache(CACHE_BYTES) }, LONGEST_INTEGER);
    } else if (isRowTime(draw)) {
      this.emit({ op: OP.time, power: draw.tickNs, data: cache(CACHE_BYTES) }, LONGEST_INTEGER);
    } else if (draw.kind === "uniform" && draw.from >= 0n && draw.count <= 1n << 32n) {
      this.emit({ op: OP.integer, ...source }, digits);
    } else if (isSmallSpread(draw)) {
      this.emit({ op: OP.keyInteger, ...source }, digits);
    } else if (draw.kind === "cells" && lowest >= 0n && highest < 100_000_000n) {
      this.emit({ op: OP.cellInteger, ...source }, digits);
    } else {
      this.emit({ op: OP.number, ...source, size: highest >= 1n << 63n ? 1 : 0 }, digits);
    }
  }

  #date(draw: Draw, stream: string): void {
    if (isRowTime(draw)) {
      this.emit({ op: OP.rowDate, power: draw.tickNs, data: cache(CACHE_BYTES) }, 10);
    } else {
      this.emit({ op: OP.date, ...this.#draw(draw, stream) }, 10);
    }
  }

  #part(part: Part): void {
    switch (part.kind) {
      case "literal":
        this.literal(jsonText(part.text));
        break;
      case "number":
        this.#number(part.draw, 0, part.stream);
        break;
      case "hex":
      case "base62": {
        const { fewest, most } = part;
        const op = part.kind === "hex" ? OP.hex : OP.base62;
        this.emit({ op, ...this.#draw(part.draw, part.stream), size: fewest, data: most - fewest }, most);
        break;
      }
      case "uuid":
        this.emit({ op: OP.uuid, stream: this.#stream(part.stream) }, 36);
        break;
      case "words": {
        const most = Number(boundsOf(part.draw).highest);
        this.emit({ op: OP.words, ...this.#draw(part.draw, part.stream), data: wordList }, most * (LONGEST_WORD + 1));
        break;
      }
      case "one-of":
        this.#choice(part.texts.map(jsonText), part.draw, part.stream);
        break;
    }
  }

  #choice(texts: readonly string[], draw: Draw, stream: string): void {
    const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text) + this.pendingBytes, 0);
    if (draw.kind === "uniform" && draw.from === 0n && bytes <= CHOICE_BYTES) {
      // What stands before the choice becomes part of every text: one copy in place of two.
      const before = this.takeLiteral();
      const whole = texts.map((text) => before + text);
      const longest = Math.max(...whole.map((text) => Buffer.byteLength(text)));
      this.emit({ op: OP.choice, ...this.#draw(draw, stream), data: textTable(whole), size: longest }, longest);
    } else {
      const longest = texts.reduce((most, text) => Math.max(most, Buffer.byteLength(text)), 0);
      this.emit({ op: OP.text, ...this.#draw(draw, stream), data: textTable(texts) }, longest);
    }
  }

  #nullable(ratio: number, value: Value, stream: string): void {
    const after = this.label();
    const power = BigInt(Math.round(ratio * 2 ** 32));
    this.emit({ op: OP.nullable, stream: this.#stream(stream), power, data: after }, "null".length);
    this.value(value);
    this.join(OP.literal, after);
  }

  #entry(key: Value, value: Value): void {
    this.value(key, true);
    this.literal(":");
    this.value(value);
  }

  #elements(open: string, length: Draw, lengthStream: string, element: () => void, close: string): void {
    const most = Number(boundsOf(length).highest);
    const [begin, after] = [this.label(), this.label()];
    const frame = cache(FRAME_BYTES);
    const stream = this.#stream(lengthStream);
    this.literal(open);
    this.emit({ op: OP.array, ...this.#draw(length, lengthStream), data: frame, size: after }, 0);
    this.place(begin);
    const before = this.longest;
    this.#depth += 1;
    element();
    this.#depth -= 1;
    this.emit({ op: OP.next, stream, data: frame, size: begin }, 1);
    this.longest = before + Math.max(0, most) * (this.longest - before);
    this.place(after);
    this.literal(close);
  }

  #list<T>(open: string, items: readonly T[], write: (item: T) => void, close: string): void {
    this.literal(open);
    for (const [index, item] of items.entries()) {
      if (index > 0) this.literal(",");
      write(item);
    }
    this.literal(close);
  }

  /** Paths that share their first steps share an object. */
  #object(paths: readonly (readonly [path: readonly string[], value: Value])[]): void {
    const names = [...new Set(paths.map(([path]) => path[0] ?? ""))];
    const inside = (name: string) => paths.filter(([path]) => path[0] === name);
    this.#list(
      "{",
      names,
      (name) => {
        this.literal(`${JSON.stringify(name)}:`);
        const [only, ...more] = inside(name);
        if (only !== undefined && more.length === 0 && only[0].length === 1) this.value(only[1]);
        else this.#object(inside(name).map(([path, value]) => [path.slice(1), value]));
      },
      "}",
    );
  }

  #variant(alternatives: readonly Value[], stream: string): void {
    const starts = alternatives.map(() => this.label());
    const after = this.label();
    const any: Draw = { kind: "uniform", from: 0n, count: BigInt(alternatives.length) };
    this.emit({ op: OP.branch, ...this.#draw(any, stream), data: labelTable(starts) }, 0);
    const before = this.longest;
    let longest = before;
    for (const [index, alternative] of alternatives.entries()) {
      this.longest = before;
      this.place(starts[index] ?? after);
      this.value(alternative);
      this.emit({ op: OP.jump, data: after }, 0);
      longest = Math.max(longest, this.longest);
    }
    this.longest = longest;
    this.place(after);
  }

  #keyed(draw: Draw, path: string, value: Value): void {
    const source = this.#draw(draw, path);
    const quick = { [SOURCE.small]: OP.rowKey, [SOURCE.cells]: OP.rowCellKey }[source.source ?? -1];
    if (
      quick !== undefined &&
      this.#depth === 0 &&
      value.kind === "number" &&
      value.decimals === 0 &&
      isSmallSpread(value.draw)
    ) {
      const inside = this.#draw(value.draw, value.stream);
      const digits = String(boundsOf(value.draw).highest).length;
      const stream = inside.stream ?? 0n;
      const [data, size] = [stream & 0xffff_ffffn, stream >> 32n].map(Number);
      const number = { from: inside.from ?? 0n, power: inside.count ?? 0n, data: data ?? 0, size: size ?? 0 };
      this.emit({ op: OP.thingInteger, ...source, ...number }, digits);
      return;
    }
    const frame = cache(FRAME_BYTES);
    const inRow = this.#depth === 0 && quick !== undefined;
    this.#depth += 1;
    if (inRow) this.emit({ op: quick, ...source }, 0);
    else this.emit({ op: OP.key, ...source, data: frame }, 0);
    this.value(value);
    if (inRow) this.emit({ op: OP.rowRestore }, 0);
    else this.emit({ op: OP.restore, data: frame }, 0);
    this.#depth -= 1;
  }
}

/** The row's time itself, which rows of one tick share. */
function isRowTime(draw: Draw): draw is Draw & { readonly kind: "row-time" } {
  return draw.kind === "row-time" && draw.delayNs === undefined && draw.back === undefined;
}

/** Numbers of things that are not negative and less than 2^32 apart. */
function isSmallSpread(draw: Draw): boolean {
  return draw.kind === "spread" && draw.from >= 0n && draw.count / draw.of <= 1n << 32n;
}

function numbers(...values: readonly bigint[]): Buffer {
  const bytes = Buffer.alloc(values.length * 8);
  for (const [index, value] of values.entries()) bytes.writeBigInt64LE(value, index * 8);
  return bytes;
}

const textTable =
  (texts: readonly string[]): Block =>
  (place) => {
    const table = Buffer.alloc(texts.length * 8);
    for (const [index, text] of texts.entries()) {
      const bytes = Buffer.from(text);
      table.writeUInt32LE(place.text(bytes), index * 8);
      table.writeUInt32LE(bytes.length, index * 8 + 4);
    }
    return table;
  };

const labelTable =
  (labels: readonly Label[]): Block =>
  (place) => {
    const table = Buffer.alloc(labels.length * 4);
    for (const [index, label] of labels.entries()) table.writeUInt32LE(place.label(label), index * 4);
    return table;
  };

/** Each word with the space behind it, in 16 bytes; then their lengths with it. */
const wordList: Block = () => {
  const list = Buffer.alloc(WORDS.length * 17);
  for (const [index, word] of WORDS.entries()) {
    list.write(`${word} `, index * 16);
    list.writeUInt8(word.length + 1, WORDS.length * 16 + index);
  }
  return list;
};
