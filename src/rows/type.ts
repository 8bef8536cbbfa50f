// Reads a ClickHouse type as system.columns spells it. Pure: no clock, no I/O; throws UnknownTypeError and nothing else.

/** A type as its values need it: aliases are expanded, and what changes no value (time zones, limits) is left out. */
export type Type =
  | { readonly kind: "Int"; readonly bits: 8 | 16 | 32 | 64 | 128 | 256; readonly signed: boolean }
  | { readonly kind: "Float" /** 16 is BFloat16. */; readonly bits: 16 | 32 | 64 }
  | { readonly kind: "Decimal" /** Digits, 1 to 76. */; readonly precision: number; readonly scale: number }
  | { readonly kind: "Bool" }
  | { readonly kind: "String" }
  | { readonly kind: "FixedString"; readonly bytes: number }
  | { readonly kind: "UUID" }
  | { readonly kind: "IPv4" }
  | { readonly kind: "IPv6" }
  | { readonly kind: "Date" /** 32 is Date32. */; readonly bits: 16 | 32 }
  | { readonly kind: "DateTime"; readonly bits: 32 | 64 /** Decimal digits of a second. */; readonly precision: number }
  | { readonly kind: "Time"; readonly bits: 32 | 64 /** Decimal digits of a second. */; readonly precision: number }
  /** A whole number of these: Day, Month … */
  | { readonly kind: "Interval"; readonly unit: string }
  | { readonly kind: "Enum"; readonly bits: 8 | 16; readonly values: readonly EnumValue[] }
  | { readonly kind: "Nullable"; readonly of: Type }
  | { readonly kind: "LowCardinality"; readonly of: Type }
  | { readonly kind: "Array"; readonly of: Type }
  | { readonly kind: "Tuple"; readonly elements: readonly TupleElement[] }
  | { readonly kind: "Map"; readonly key: Type; readonly value: Type }
  /** In the server's order, which is that of the types' names. `text`: as the server spells it, time zones and all. */
  | { readonly kind: "Variant"; readonly of: readonly Type[]; readonly text: string }
  | { readonly kind: "Dynamic" }
  | { readonly kind: "JSON" /** Those with a type of their own. */; readonly paths: readonly TypedPath[] }
  | { readonly kind: "Point" }
  | { readonly kind: "QBit"; readonly of: Type; readonly dimension: number };

export interface EnumValue {
  readonly name: string;
  readonly value: number;
}

export interface TupleElement {
  readonly name: string | undefined;
  readonly type: Type;
}

export interface TypedPath {
  /** Keys with dots between: a dot inside a key looks the same, to the server too. */
  readonly path: string;
  readonly type: Type;
}

/** A type that no row can be made for. The message fits the middle of a complaint. */
export class UnknownTypeError extends Error {
  constructor(
    /** The innermost type that is not understood, as it was spelled. */
    readonly type: string,
    why: string,
  ) {
    const shown = type.length > SHOWN_CHARACTERS ? `${type.slice(0, SHOWN_CHARACTERS)}…` : type;
    super(`${shown === "" ? "an empty type" : shown} ${why}`);
    this.name = "UnknownTypeError";
  }
}

/** The type that `text` spells; throws UnknownTypeError. */
export function parseType(text: string): Type {
  return new TypeReader(text).whole();
}

const SHOWN_CHARACTERS = 100;

/** Types in types, the innermost counted: Array(UInt8) has two levels. */
const MOST_LEVELS = 200;

const WORD = /[A-Za-z_$][\w$]*/y;
const INTEGER = /-?\d+/y;
const SPACE = /\s*/y;

const DECIMAL_DIGITS = { Decimal32: 9, Decimal64: 18, Decimal128: 38, Decimal256: 76 } as const;
const MOST_DECIMAL_DIGITS = 76;
/** The server has none longer. */
const MOST_FIXED_BYTES = 0xff_ffff;
const MOST_SECOND_DIGITS = 9;

/** The types without arguments. */
const PLAIN: ReadonlyMap<string, Type> = new Map(plainTypes());

function* plainTypes(): Generator<[name: string, type: Type]> {
  for (const bits of [8, 16, 32, 64, 128, 256] as const) {
    yield [`Int${bits}`, { kind: "Int", bits, signed: true }];
    yield [`UInt${bits}`, { kind: "Int", bits, signed: false }];
  }
  yield ["BFloat16", { kind: "Float", bits: 16 }];
  yield ["Float32", { kind: "Float", bits: 32 }];
  yield ["Float64", { kind: "Float", bits: 64 }];
  for (const kind of ["Bool", "String", "UUID", "IPv4", "IPv6"] as const) yield [kind, { kind }];
  yield ["Date", { kind: "Date", bits: 16 }];
  yield ["Date32", { kind: "Date", bits: 32 }];
  yield ["Time", { kind: "Time", bits: 32, precision: 0 }];
  for (const unit of ["Nanosecond", "Microsecond", "Millisecond", "Second", "Minute", "Hour"])
    yield [`Interval${unit}`, { kind: "Interval", unit }];
  for (const unit of ["Day", "Week", "Month", "Quarter", "Year"]) yield [`Interval${unit}`, { kind: "Interval", unit }];

  const point: Type = { kind: "Point" };
  const line: Type = { kind: "Array", of: point };
  const lines: Type = { kind: "Array", of: line };
  const polygons: Type = { kind: "Array", of: lines };
  yield ["Point", point];
  for (const name of ["Ring", "LineString"]) yield [name, line];
  for (const name of ["Polygon", "MultiLineString"]) yield [name, lines];
  yield ["MultiPolygon", polygons];
  // LineString, MultiLineString, MultiPolygon, Point; a Polygon and a Ring look like others of these as JSON.
  yield ["Geometry", { kind: "Variant", of: [line, lines, polygons, point], text: "Geometry" }];
}

/** A cursor on the text. A method leaves it behind what it has read; white space before a token is skipped. */
class TypeReader {
  readonly #text: string;
  #at = 0;
  /** Where each type that is being read begins, the innermost last. */
  readonly #begun: number[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  whole(): Type {
    const type = this.#type();
    this.#skipSpace();
    if (this.#at < this.#text.length) throw this.#unreadable();
    return type;
  }

  #type(): Type {
    this.#skipSpace();
    const start = this.#at;
    const name = this.#word();
    if (name === undefined) throw this.#unreadable();
    this.#begun.push(start);
    if (this.#begun.length > MOST_LEVELS)
      throw new UnknownTypeError(this.#text.trim(), `is more than ${MOST_LEVELS} levels deep`);
    const type = this.#named(name);
    this.#begun.pop();
    return type;
  }

  /** The rest of the type whose name has been read. */
  #named(name: string): Type {
    const plain = PLAIN.get(name);
    if (plain !== undefined) {
      if (this.#next() === "(") throw this.#unreadable();
      return plain;
    }
    switch (name) {
      case "FixedString":
        return this.#arguments(() => ({ kind: "FixedString", bytes: this.#integer(1, MOST_FIXED_BYTES) }));
      case "Decimal":
        return this.#arguments(() => {
          const precision = this.#integer(1, MOST_DECIMAL_DIGITS);
          this.#expect(",");
          return { kind: "Decimal", precision, scale: this.#integer(0, precision) };
        });
      case "Decimal32":
      case "Decimal64":
      case "Decimal128":
      case "Decimal256": {
        const precision = DECIMAL_DIGITS[name];
        return this.#arguments(() => ({ kind: "Decimal", precision, scale: this.#integer(0, precision) }));
      }
      case "DateTime":
        if (this.#next() === "(") this.#arguments(() => this.#string());
        return { kind: "DateTime", bits: 32, precision: 0 };
      case "DateTime64":
        return this.#arguments(() => {
          const precision = this.#integer(0, MOST_SECOND_DIGITS);
          if (this.#take(",")) this.#string();
          return { kind: "DateTime", bits: 64, precision };
        });
      case "Time64":
        return this.#arguments(() => ({ kind: "Time", bits: 64, precision: this.#integer(0, MOST_SECOND_DIGITS) }));
      case "Enum8":
        return this.#enum(8);
      case "Enum16":
        return this.#enum(16);
      case "Nullable":
      case "LowCardinality":
      case "Array":
        return this.#arguments(() => ({ kind: name, of: this.#type() }));
      case "Tuple":
        return this.#arguments(() => ({
          kind: "Tuple",
          elements: this.#next() === ")" ? [] : this.#list(() => this.#element()),
        }));
      case "Nested":
        return this.#arguments(() => {
          const elements = this.#list(() => this.#element());
          if (elements.some((element) => element.name === undefined)) throw this.#unreadable();
          return { kind: "Array", of: { kind: "Tuple", elements } };
        });
      case "Map":
        return this.#arguments(() => {
          const key = this.#type();
          this.#expect(",");
          return { kind: "Map", key, value: this.#type() };
        });
      case "Variant":
        return { kind: "Variant", of: this.#arguments(() => this.#list(() => this.#type())), text: this.#read() };
      case "Dynamic":
        if (this.#next() === "(") this.#arguments(() => this.#limit(this.#word()));
        return { kind: "Dynamic" };
      case "JSON":
        if (this.#next() !== "(") return { kind: "JSON", paths: [] };
        return this.#arguments(() => {
          const paths = this.#next() === ")" ? [] : this.#list(() => this.#jsonArgument());
          return { kind: "JSON", paths: paths.filter((path) => path !== undefined) };
        });
      case "Object":
        return this.#arguments(() => {
          if (this.#string() !== "json") throw this.#unreadable();
          return { kind: "JSON", paths: [] };
        });
      case "QBit":
        return this.#arguments(() => {
          const of = this.#type();
          this.#expect(",");
          return { kind: "QBit", of, dimension: this.#integer(1, Number.MAX_SAFE_INTEGER) };
        });
      case "SimpleAggregateFunction":
        return this.#arguments(() => this.#aggregated());
      default:
        return this.#unknown(name);
    }
  }

  /** `sum, UInt64` or `groupArrayArray(3), Array(UInt8)`: the type of what is stored. */
  #aggregated(): Type {
    if (this.#word() === undefined) throw this.#unreadable();
    if (this.#next() === "(") {
      const end = endOfGroup(this.#text, this.#at);
      if (end === undefined) throw this.#unreadable();
      this.#at = end;
    }
    this.#expect(",");
    while (this.#match(INTEGER) !== undefined || this.#quoted("'") !== undefined) this.#expect(",");
    return this.#type();
  }

  #unknown(name: string): never {
    const type = this.#innermost();
    if (type === undefined) throw this.#unreadable();
    if (name !== "AggregateFunction") throw new UnknownTypeError(type, "is not a type this version knows");
    throw new UnknownTypeError(type, "holds the state of an aggregation, which cannot be written as a row");
  }

  #enum(bits: 8 | 16): Type {
    const end = 2 ** (bits - 1);
    return this.#arguments(() => ({
      kind: "Enum",
      bits,
      values: this.#list(() => {
        const name = this.#string();
        this.#expect("=");
        return { name, value: this.#integer(-end, end - 1) };
      }),
    }));
  }

  /** `UInt8`, `a UInt8`, `UInt8 UInt8`: a word before another is a name. */
  #element(): TupleElement {
    const quoted = this.#quoted('`"');
    if (quoted !== undefined) return { name: quoted, type: this.#type() };
    this.#skipSpace();
    const start = this.#at;
    const name = this.#word();
    if (name !== undefined && /[A-Za-z_$]/.test(this.#next())) return { name, type: this.#type() };
    this.#at = start;
    return { name: undefined, type: this.#type() };
  }

  /**
   * `max_dynamic_paths=16`, `SKIP a.b`, `SKIP REGEXP 'a.*'` or `a.b UInt32`, of which the last is a typed path. The server
   * puts a path that begins with SKIP into backticks.
   */
  #jsonArgument(): TypedPath | undefined {
    const word = this.#word();
    if (word === "SKIP") {
      const path = this.#path(this.#word());
      if (path === "REGEXP") this.#quoted("'");
      return undefined;
    }
    if (word !== undefined && this.#next() === "=") {
      this.#limit(word);
      return undefined;
    }
    return { path: this.#path(word), type: this.#type() };
  }

  /** Keys with dots between, of which the first, where it is a bare word, has been read. */
  #path(first: string | undefined): string {
    let path = first ?? this.#key();
    while (this.#take(".")) path += `.${this.#key()}`;
    return path;
  }

  #key(): string {
    const key = this.#quoted('`"') ?? this.#word();
    if (key === undefined) throw this.#unreadable();
    return key;
  }

  /** The rest of `max_types=5`. */
  #limit(name: string | undefined): void {
    if (name === undefined) throw this.#unreadable();
    this.#expect("=");
    this.#integer(0, Number.MAX_SAFE_INTEGER);
  }

  /** What has been read of the innermost type. */
  #read(): string {
    return this.#text.slice(this.#begun.at(-1), this.#at);
  }

  #arguments<T>(read: () => T): T {
    this.#expect("(");
    const value = read();
    this.#expect(")");
    return value;
  }

  /** One or more, with commas between. */
  #list<T>(read: () => T): T[] {
    const list = [read()];
    while (this.#take(",")) list.push(read());
    return list;
  }

  #integer(least: number, most: number): number {
    const value = Number(this.#match(INTEGER));
    // NaN, where no digit is, is in no range.
    if (!(value >= least && value <= most)) throw this.#unreadable();
    return value;
  }

  #string(): string {
    const value = this.#quoted("'");
    if (value === undefined) throw this.#unreadable();
    return value;
  }

  /** What stands in one of these quotes; undefined where none of them is next. */
  #quoted(quotes: string): string | undefined {
    const quote = this.#next();
    if (quote === "" || !quotes.includes(quote)) return undefined;
    const quoted = readQuoted(this.#text, this.#at);
    if (quoted === undefined) throw this.#unreadable();
    this.#at = quoted.end;
    return quoted.value;
  }

  #word(): string | undefined {
    return this.#match(WORD);
  }

  #match(token: RegExp): string | undefined {
    this.#skipSpace();
    token.lastIndex = this.#at;
    const match = token.exec(this.#text)?.[0];
    this.#at += match?.length ?? 0;
    return match;
  }

  #expect(mark: string): void {
    if (!this.#take(mark)) throw this.#unreadable();
  }

  #take(mark: string): boolean {
    const taken = this.#next() === mark;
    if (taken) this.#at++;
    return taken;
  }

  /** The next character that is no white space; "" at the end. */
  #next(): string {
    this.#skipSpace();
    return this.#text.charAt(this.#at);
  }

  #skipSpace(): void {
    SPACE.lastIndex = this.#at;
    SPACE.test(this.#text);
    this.#at = SPACE.lastIndex;
  }

  #unreadable(): UnknownTypeError {
    const start = this.#begun.at(-1) ?? 0;
    return new UnknownTypeError(this.#innermost() ?? this.#text.slice(start).trim(), "cannot be read");
  }

  /** The text of the type that is being read, with its arguments; undefined where none is or its brackets do not close. */
  #innermost(): string | undefined {
    const start = this.#begun.at(-1);
    if (start === undefined) return undefined;
    this.#at = start;
    this.#word();
    const wordEnd = this.#at;
    if (this.#next() !== "(") return this.#text.slice(start, wordEnd);
    const end = endOfGroup(this.#text, this.#at);
    return end === undefined ? undefined : this.#text.slice(start, end);
  }
}

/** Behind the bracket that closes the one at `start`; undefined where none does. Brackets in quotes do not count. */
function endOfGroup(text: string, start: number): number | undefined {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const character = text.charAt(at);
    if (character === "(") depth++;
    else if (character === ")") {
      depth--;
      if (depth === 0) return at + 1;
    } else if (character === "'" || character === "`" || character === '"') {
      const quoted = readQuoted(text, at);
      if (quoted === undefined) return undefined;
      at = quoted.end - 1;
    }
  }
  return undefined;
}

/** What stands between the quote at `start` and the next like it, doubled quotes and escapes resolved; undefined if open. */
function readQuoted(text: string, start: number): { readonly value: string; readonly end: number } | undefined {
  const quote = text.charAt(start);
  let value = "";
  /** Where the characters begin that stand for themselves. */
  let from = start + 1;
  let at = from;
  while (at < text.length) {
    const character = text.charAt(at);
    if (character === "\\") {
      const escaped = readEscape(text, at);
      value += text.slice(from, at) + escaped.value;
      at = from = escaped.end;
    } else if (character === quote) {
      value += text.slice(from, at);
      if (text.charAt(at + 1) !== quote) return { value, end: at + 1 };
      from = at + 1;
      at += 2;
    } else at++;
  }
  return undefined;
}

/** As the server's parser has them; it writes only \b \f \n \r \t \0 \\ and the quote. \N is nothing at all. */
const ESCAPES: ReadonlyMap<string, string> = new Map([
  ...["\\", "'", '"', "`", "/", "="].map((character) => [character, character] as const),
  ...Object.entries({ a: "\x07", b: "\b", e: "\x1b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v", 0: "\0", N: "" }),
]);

/** The escape whose backslash is at `start`. \xHH are bytes, so that several together may be one character. */
function readEscape(text: string, start: number): { readonly value: string; readonly end: number } {
  const bytes: number[] = [];
  let end = start;
  for (let hex = hexByte(text, end); hex !== undefined; hex = hexByte(text, end)) {
    bytes.push(hex);
    end += 4;
  }
  if (bytes.length > 0)
    return { value: new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(bytes)), end };
  const character = text.charAt(start + 1);
  // The backslash of an escape that is none stays.
  return { value: ESCAPES.get(character) ?? `\\${character}`, end: start + 2 };
}

/** The byte of the \xHH at `at`; undefined where there is none. */
function hexByte(text: string, at: number): number | undefined {
  const digits = /^\\x([0-9A-Fa-f]{2})$/.exec(text.slice(at, at + 4))?.[1];
  return digits === undefined ? undefined : Number.parseInt(digits, 16);
}
