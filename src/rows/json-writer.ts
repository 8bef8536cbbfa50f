// Writes values as JSON, as ClickHouse reads it: into rows of JSON, and into the texts that stand for JSON columns in other
// formats. Called by program.ts and bytes-writer.ts.

import type { Flow } from "./flow.js";
import { hasQuotes, jsonOf, jsonText } from "./json.js";
import { OP, SOURCE } from "./opcodes.js";
import { isSmallSpread, Texts } from "./texts.js";
import { boundsOf, type Draw, type Value } from "./value.js";

export class JsonWriter {
  readonly #flow: Flow;
  readonly #texts: Texts;
  /** In a JSON column, whose parser refuses numbers beyond 64 bits that are not in quotes. */
  #inJson = false;

  constructor(flow: Flow) {
    this.#flow = flow;
    this.#texts = new Texts(flow, jsonText);
  }

  /** `key`: as the key of a map, where numbers stand in quotes. */
  value(value: Value, key = false): void {
    const texts = this.#texts;
    switch (value.kind) {
      case "constant":
        this.#literal(jsonOf(value.literal, key));
        break;
      case "choice":
        texts.choice(
          value.options.map((option) => Buffer.from(jsonOf(option, key))),
          value.draw,
          value.stream,
        );
        break;
      case "number":
        this.#quoted(hasQuotes(value.spelling, key), () => texts.number(value.draw, value.decimals, value.stream));
        break;
      case "digits":
        this.#quoted(key || this.#inJson, () => texts.digits(value.digits, value.stream));
        break;
      case "date":
        this.#quoted(true, () => texts.date(value.draw, value.stream));
        break;
      case "text":
        this.#quoted(true, () => {
          for (const part of value.parts) texts.part(part);
        });
        break;
      case "uuid":
        this.#quoted(true, () => texts.uuid(value.stream));
        break;
      case "ipv4":
        this.#quoted(true, () => texts.ipv4(value.draw, value.stream));
        break;
      case "ipv6":
        this.#quoted(true, () => texts.ipv6(value.stream));
        break;
      case "nullable":
        this.#flow.nullable({ ...value, text: "null" }, () => this.value(value.value));
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
        this.#flow.variant(
          value.stream,
          value.alternatives.map((alternative) => () => this.value(alternative)),
        );
        break;
      case "keyed":
        this.#keyed(value.draw, value.stream, value.value);
        break;
    }
  }

  #literal(text: string): void {
    this.#flow.emitter.literal(text);
  }

  #quoted(quotes: boolean, write: () => void): void {
    if (quotes) this.#literal('"');
    write();
    if (quotes) this.#literal('"');
  }

  #entry(key: Value, value: Value): void {
    this.value(key, true);
    this.#literal(":");
    this.value(value);
  }

  #elements(open: string, length: Draw, lengthStream: string, element: () => void, close: string): void {
    this.#literal(open);
    this.#flow.elements(length, lengthStream, "comma", element);
    this.#literal(close);
  }

  #list<T>(open: string, items: readonly T[], write: (item: T) => void, close: string): void {
    this.#literal(open);
    for (const [index, item] of items.entries()) {
      if (index > 0) this.#literal(",");
      write(item);
    }
    this.#literal(close);
  }

  /** Paths that share their first steps share an object. */
  #object(paths: readonly (readonly [path: readonly string[], value: Value])[]): void {
    const names = [...new Set(paths.map(([path]) => path[0] ?? ""))];
    const inside = (name: string) => paths.filter(([path]) => path[0] === name);
    this.#list(
      "{",
      names,
      (name) => {
        this.#literal(`${JSON.stringify(name)}:`);
        const [only, ...more] = inside(name);
        if (only !== undefined && more.length === 0 && only[0].length === 1) this.value(only[1]);
        else this.#object(inside(name).map(([path, value]) => [path.slice(1), value]));
      },
      "}",
    );
  }

  #keyed(draw: Draw, path: string, value: Value): void {
    const { emitter, sources, quick, inRow } = this.#flow;
    const source = sources.draw(draw, path);
    const isQuick = quick && inRow && (source.source === SOURCE.small || source.source === SOURCE.cells);
    const isBare = value.kind === "number" && !hasQuotes(value.spelling, false);
    if (isQuick && isBare && value.decimals === 0 && isSmallSpread(value.draw)) {
      const inside = sources.draw(value.draw, value.stream);
      const digits = String(boundsOf(value.draw).highest).length;
      const stream = inside.stream ?? 0n;
      const [data, size] = [stream & 0xffff_ffffn, stream >> 32n].map(Number);
      const number = { from: inside.from ?? 0n, power: inside.count ?? 0n, data: data ?? 0, size: size ?? 0 };
      emitter.emit({ op: OP.thingInteger, ...source, ...number }, digits);
      return;
    }
    this.#flow.keyed(draw, path, () => this.value(value));
  }
}
