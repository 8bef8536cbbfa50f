// Values written as text: numbers, dates, patterns, one text of several. Called by json-writer.ts, and by bytes-writer.ts for
// the texts of the other formats.

import { textTable, wordList } from "./blocks.js";
import type { Flow } from "./flow.js";
import { cache, type Emitter } from "./instructions.js";
import { OP } from "./opcodes.js";
import type { Sources } from "./sources.js";
import { boundsOf, type Draw, type Part } from "./value.js";
import { WORDS } from "./words.js";

const CACHE_BYTES = 48;
const LONGEST_INTEGER = 20;
/** Texts that are copied whole, each with the literal before it, as long as all of them take no more than this. */
const CHOICE_BYTES = 4096;
const LONGEST_WORD = Math.max(...WORDS.map((word) => word.length));

export class Texts {
  readonly #emitter: Emitter;
  readonly #sources: Sources;
  /** Whether the loop is that of kernel/kernel.ts, which has instructions of its own for the most common numbers. */
  readonly #quick: boolean;

  /** `spelled`: a text as it stands between the quotes of the format, where it has some. */
  constructor(
    flow: Flow,
    readonly spelled: (text: string) => string,
  ) {
    this.#emitter = flow.emitter;
    this.#sources = flow.sources;
    this.#quick = flow.quick;
  }

  number(draw: Draw, decimals: number, stream: string): void {
    const { lowest, highest } = boundsOf(draw);
    const source = this.#sources.draw(draw, stream);
    const digits = Math.max(String(lowest).length, String(highest).length);
    const emit = this.#emitter.emit.bind(this.#emitter);
    if (decimals > 0) {
      const longest = Math.max(digits, decimals + 2) + 2;
      emit({ op: OP.scaled, ...source, size: decimals, power: 10n ** BigInt(decimals) }, longest);
    } else if (this.#quick && isRowNumber(draw)) {
      emit({ op: OP.rowNumber, data: cache(CACHE_BYTES) }, LONGEST_INTEGER);
    } else if (this.#quick && isRowTime(draw)) {
      emit({ op: OP.time, power: draw.tickNs, data: cache(CACHE_BYTES) }, LONGEST_INTEGER);
    } else if (this.#quick && draw.kind === "uniform" && draw.from >= 0n && draw.count <= 1n << 32n) {
      emit({ op: OP.integer, ...source }, digits);
    } else if (this.#quick && isSmallSpread(draw)) {
      emit({ op: OP.keyInteger, ...source }, digits);
    } else if (this.#quick && draw.kind === "cells" && lowest >= 0n && highest < 100_000_000n) {
      emit({ op: OP.cellInteger, ...source }, digits);
    } else {
      emit({ op: OP.number, ...source, size: highest >= 1n << 63n ? 1 : 0 }, digits);
    }
  }

  date(draw: Draw, stream: string): void {
    if (this.#quick && isRowTime(draw)) {
      this.#emitter.emit({ op: OP.rowDate, power: draw.tickNs, data: cache(CACHE_BYTES) }, 10);
    } else {
      this.#emitter.emit({ op: OP.date, ...this.#sources.draw(draw, stream) }, 10);
    }
  }

  digits(count: number, stream: string): void {
    this.#emitter.emit({ op: OP.digits, stream: this.#sources.stream(stream), size: count }, count);
  }

  uuid(stream: string): void {
    this.#emitter.emit({ op: OP.uuid, stream: this.#sources.stream(stream) }, 36);
  }

  ipv4(draw: Draw, stream: string): void {
    this.#emitter.emit({ op: OP.ipv4, ...this.#sources.draw(draw, stream) }, 15);
  }

  ipv6(stream: string): void {
    this.#emitter.literal("2001:db8:");
    this.#emitter.emit({ op: OP.sixGroups, stream: this.#sources.stream(stream) }, 29);
  }

  part(part: Part): void {
    switch (part.kind) {
      case "literal":
        this.#emitter.literal(this.spelled(part.text));
        break;
      case "number":
        this.number(part.draw, 0, part.stream);
        break;
      case "hex":
      case "base62": {
        const { fewest, most } = part;
        const op = part.kind === "hex" ? OP.hex : OP.base62;
        const source = this.#sources.draw(part.draw, part.stream);
        this.#emitter.emit({ op, ...source, size: fewest, data: most - fewest }, most);
        break;
      }
      case "uuid":
        this.uuid(part.stream);
        break;
      case "words": {
        const most = Number(boundsOf(part.draw).highest);
        const source = this.#sources.draw(part.draw, part.stream);
        this.#emitter.emit({ op: OP.words, ...source, data: wordList }, most * (LONGEST_WORD + 1));
        break;
      }
      case "one-of":
        this.choice(
          part.texts.map((text) => Buffer.from(this.spelled(text))),
          part.draw,
          part.stream,
        );
        break;
    }
  }

  /** The one whose number is drawn. */
  choice(texts: readonly Buffer[], draw: Draw, stream: string): void {
    const emitter = this.#emitter;
    const source = this.#sources.draw(draw, stream);
    const bytes = texts.reduce((sum, text) => sum + text.length + emitter.pendingBytes, 0);
    if (draw.kind === "uniform" && draw.from === 0n && bytes <= CHOICE_BYTES) {
      // What stands before the choice becomes part of every text: one copy in place of two.
      const before = emitter.takeLiteral();
      const whole = texts.map((text) => Buffer.concat([before, text]));
      const longest = longestOf(whole);
      emitter.emit({ op: OP.choice, ...source, data: textTable(whole), size: longest }, longest);
    } else {
      emitter.emit({ op: OP.text, ...source, data: textTable(texts) }, longestOf(texts));
    }
  }
}

const longestOf = (texts: readonly Buffer[]): number => texts.reduce((most, { length }) => Math.max(most, length), 0);

/** The row's time itself, which rows of one tick share. */
export function isRowTime(draw: Draw): draw is Draw & { readonly kind: "row-time" } {
  return draw.kind === "row-time" && draw.delayNs === undefined && draw.back === undefined;
}

export function isRowNumber(draw: Draw): boolean {
  return draw.kind === "sequence" && draw.from === 0n && draw.step === 1n && draw.count === 0n;
}

/** Numbers of things that are not negative and less than 2^32 apart. */
export function isSmallSpread(draw: Draw): draw is Draw & { readonly kind: "spread" } {
  return draw.kind === "spread" && draw.from >= 0n && draw.count / draw.of <= 1n << 32n;
}
