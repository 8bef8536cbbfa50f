// Compiles columns into a row program: the block of bytes the kernel interprets (its layout is drawn in
// kernel/kernel.ts). Pure: no I/O, the same bytes for the same columns, format and seed. Called once a run, by plan.ts.

import { labelTable, textTable, wordList } from "./blocks.js";
import { cache, Emitter } from "./instructions.js";
import { jsonOf, jsonText } from "./json.js";
import { OP, SOURCE } from "./opcodes.js";
import { Sources } from "./sources.js";
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

const CACHE_BYTES = 48;
const FRAME_BYTES = 40;
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

class JsonWriter extends Emitter {
  readonly #sources: Sources;
  /** In how many arrays and things of sets the value stands: in none, the state is that of the row. */
  #depth = 0;
  /** In a JSON column, whose parser refuses numbers beyond 64 bits that are not in quotes. */
  #inJson = false;

  constructor(seed: number) {
    super();
    this.#sources = new Sources(seed);
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
          this.emit({ op: OP.digits, stream: this.#sources.stream(value.stream), size: value.digits }, value.digits);
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
        this.#quoted(true, () => this.emit({ op: OP.uuid, stream: this.#sources.stream(value.stream) }, 36));
        break;
      case "ipv4":
        this.#quoted(true, () => this.emit({ op: OP.ipv4, ...this.#sources.draw(value.draw, value.stream) }, 15));
        break;
      case "ipv6":
        this.literal('"2001:db8:');
        this.emit({ op: OP.sixGroups, stream: this.#sources.stream(value.stream) }, 29);
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

  #quoted(quotes: boolean, write: () => void): void {
    if (quotes) this.literal('"');
    write();
    if (quotes) this.literal('"');
  }

  #number(draw: Draw, decimals: number, stream: string): void {
    const { lowest, highest } = boundsOf(draw);
    const source = this.#sources.draw(draw, stream);
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
      this.emit({ op: OP.date, ...this.#sources.draw(draw, stream) }, 10);
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
        this.emit({ op, ...this.#sources.draw(part.draw, part.stream), size: fewest, data: most - fewest }, most);
        break;
      }
      case "uuid":
        this.emit({ op: OP.uuid, stream: this.#sources.stream(part.stream) }, 36);
        break;
      case "words": {
        const most = Number(boundsOf(part.draw).highest);
        this.emit(
          { op: OP.words, ...this.#sources.draw(part.draw, part.stream), data: wordList },
          most * (LONGEST_WORD + 1),
        );
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
      this.emit({ op: OP.choice, ...this.#sources.draw(draw, stream), data: textTable(whole), size: longest }, longest);
    } else {
      const longest = texts.reduce((most, text) => Math.max(most, Buffer.byteLength(text)), 0);
      this.emit({ op: OP.text, ...this.#sources.draw(draw, stream), data: textTable(texts) }, longest);
    }
  }

  #nullable(ratio: number, value: Value, stream: string): void {
    const after = this.label();
    const power = BigInt(Math.round(ratio * 2 ** 32));
    this.emit({ op: OP.nullable, stream: this.#sources.stream(stream), power, data: after }, "null".length);
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
    const stream = this.#sources.stream(lengthStream);
    this.literal(open);
    this.emit({ op: OP.array, ...this.#sources.draw(length, lengthStream), data: frame, size: after }, 0);
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
    this.emit({ op: OP.branch, ...this.#sources.draw(any, stream), data: labelTable(starts) }, 0);
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
    const source = this.#sources.draw(draw, path);
    const quick = { [SOURCE.small]: OP.rowKey, [SOURCE.cells]: OP.rowCellKey }[source.source ?? -1];
    if (
      quick !== undefined &&
      this.#depth === 0 &&
      value.kind === "number" &&
      value.decimals === 0 &&
      isSmallSpread(value.draw)
    ) {
      const inside = this.#sources.draw(value.draw, value.stream);
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
