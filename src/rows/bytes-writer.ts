// Values of types that are not made of others, as bytes: what RowBinary and Native have in common. Called by row-binary.ts
// and native.ts.

import { FormatError, sizeOf } from "./bytes.js";
import type { Flow } from "./flow.js";
import { cache } from "./instructions.js";
import { JsonWriter } from "./json-writer.js";
import { OP, SOURCE } from "./opcodes.js";
import { nameOf } from "./takes.js";
import { isRowNumber, isRowTime, Texts } from "./texts.js";
import type { Type } from "./type.js";
import type { Draw, Part, Value } from "./value.js";
import { varUint } from "./varint.js";

const CACHE_BYTES = 16;

export class BytesWriter {
  readonly texts: Texts;
  readonly #json: JsonWriter;

  constructor(readonly flow: Flow) {
    this.texts = new Texts(flow, (text) => text);
    this.#json = new JsonWriter(flow);
  }

  leaf(type: Type, value: Value): void {
    const { emitter, sources } = this.flow;
    if (type.kind === "JSON") {
      this.#text(() => this.#json.value(value));
      return;
    }
    switch (value.kind) {
      case "number":
        this.#number(type, value.draw, value.decimals, value.stream);
        break;
      case "date":
      case "ipv4":
        this.#number(type, value.draw, 0, value.stream);
        break;
      case "digits": {
        const size = sizeOf(type) ?? 0;
        emitter.emit({ op: OP.wideDigits, stream: sources.stream(value.stream), data: value.digits, size }, size);
        break;
      }
      case "uuid":
        emitter.emit({ op: OP.uuidBytes, stream: sources.stream(value.stream) }, 16);
        break;
      case "ipv6":
        emitter.literal(Buffer.from([0x20, 0x01, 0x0d, 0xb8]));
        emitter.emit({ op: OP.ipv6Bytes, stream: sources.stream(value.stream) }, 12);
        break;
      case "text":
        if (type.kind === "FixedString") this.#fixedText(type.bytes, value.parts);
        else this.#parts(value.parts);
        break;
      default:
        throw new FormatError(`holds a ${nameOf(type)} made in a way that only JSON has`);
    }
  }

  #number(type: Type, draw: Draw, decimals: number, stream: string): void {
    const { emitter, sources } = this.flow;
    const size = sizeOf(type) ?? 8;
    const source = sources.draw(draw, stream);
    if (type.kind === "Float") {
      emitter.emit({ op: OP.float, ...source, size, power: doubleBits(10 ** decimals) }, size);
      return;
    }
    const factor = type.kind === "Decimal" ? 10n ** BigInt(type.scale - decimals) : 1n;
    if (size > 8) {
      const flag = type.kind === "Int" && !type.signed ? 1 : 0;
      emitter.emit({ op: OP.wide, ...source, size, flag, data: multiplier(factor) }, size);
    } else if (isRowTime(draw)) {
      emitter.emit({ op: OP.timeInt, power: draw.tickNs, size, data: cache(CACHE_BYTES) }, size);
    } else if (isRowNumber(draw) && factor === 1n) {
      emitter.emit({ op: OP.rowInt, size }, size);
    } else {
      emitter.emit({ op: source.source === SOURCE.small ? OP.smallInt : OP.int, ...source, size, power: factor }, size);
    }
  }

  /** A text of which all parts have one length has its length before it as a literal. */
  #parts(parts: readonly Part[]): void {
    const [only, ...more] = parts;
    if (only?.kind === "one-of" && more.length === 0) {
      const texts = only.texts.map((text) => Buffer.from(text));
      const whole = texts.map((text) => Buffer.concat([varUint(text.length), text]));
      this.texts.choice(whole, only.draw, only.stream);
      return;
    }
    const length = fixedLength(parts);
    if (length === undefined) {
      this.#text(() => {
        for (const part of parts) this.texts.part(part);
      });
      return;
    }
    this.flow.emitter.literal(varUint(length));
    for (const part of parts) this.texts.part(part);
  }

  #text(write: () => void): void {
    const { emitter } = this.flow;
    const begin = { op: OP.textBegin, size: 0 };
    emitter.emit(begin, 0);
    const before = emitter.longest;
    write();
    begin.size = varUint(emitter.longest - before + emitter.pendingBytes).length;
    emitter.emit({ op: OP.textEnd, size: begin.size }, begin.size);
  }

  #fixedText(bytes: number, parts: readonly Part[]): void {
    const { emitter } = this.flow;
    const length = fixedLength(parts);
    if (length !== undefined) {
      for (const part of parts) this.texts.part(part);
      emitter.literal(Buffer.alloc(bytes - length));
      return;
    }
    emitter.emit({ op: OP.textBegin, size: 0 }, 0);
    const before = emitter.longest;
    for (const part of parts) this.texts.part(part);
    emitter.emit({ op: OP.textPad, data: bytes }, 0);
    emitter.longest = before + Math.max(bytes, emitter.longest - before);
  }
}

/** In bytes; undefined: it varies. */
function fixedLength(parts: readonly Part[]): number | undefined {
  let length = 0;
  for (const part of parts) {
    if (part.kind === "literal") length += Buffer.byteLength(part.text);
    else if (part.kind === "uuid") length += 36;
    else if ((part.kind === "hex" || part.kind === "base62") && part.fewest === part.most) length += part.most;
    else return undefined;
  }
  return length;
}

function doubleBits(value: number): bigint {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return bytes.readBigUInt64LE();
}

/** 256 bits. */
const multiplier = (value: bigint) => (): Buffer => {
  const bytes = Buffer.alloc(32);
  for (let at = 0; at < 4; at++) bytes.writeBigUInt64LE(BigInt.asUintN(64, value >> BigInt(at * 64)), at * 8);
  return bytes;
};
