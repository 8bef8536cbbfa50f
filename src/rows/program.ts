// Compiles columns into a row program: the block of bytes the kernel interprets (its layout is drawn in
// kernel/kernel.ts). Pure: no I/O, the same bytes for the same columns and seed. Called once a run, by plan.ts.

import { createHash } from "node:crypto";
import type { Column } from "./column.js";
import { parseType } from "./type.js";

export interface RowProgram {
  /** Instructions, then what they point at. Relocatable. */
  readonly bytes: Uint8Array;
  /** No row is longer, in bytes. */
  readonly longestRowBytes: number;
}

const OP = { end: 0, time: 1, uuid: 2, choice: 3, rowNumber: 4, integer: 5 } as const;
const INSTRUCTION_BYTES = 64;
/** So much of a literal stands in the instruction itself. */
const INLINE_BYTES = 32;
/** The kernel copies 16 bytes at a time: what stands behind a text must be there, up to this many bytes. */
const PADDING = 31;
/** What is read 16 bytes at a time starts where that crosses no cache line. */
const ALIGN_BYTES = 32;
const CACHE_BYTES = 48;
const LONGEST_INTEGER = 20;

interface Instruction {
  readonly op: number;
  readonly prefix: string;
  readonly count?: number;
  readonly stream?: bigint;
  /** Texts to choose from, a cache to point at, or a plain number. */
  readonly data?: readonly string[] | "cache" | number;
}

/** JSONEachRow: one object a row, a line feed after each. */
export function compileJsonEachRow(columns: readonly Column[], seed: number): RowProgram {
  const instructions: Instruction[] = [];
  let longest = 0;
  // Literals gather here until the next value is written.
  let literal = "";
  const value = (instruction: Omit<Instruction, "prefix">, longestValue: number): void => {
    instructions.push({ ...instruction, prefix: literal });
    longest += Buffer.byteLength(literal) + longestValue;
    literal = "";
  };
  for (const [index, column] of columns.entries()) {
    literal += `${index === 0 ? "{" : ","}${JSON.stringify(column.name)}:`;
    const stream = streamOf(seed, column.name);
    const { rule } = column;
    switch (rule.kind) {
      case "row-time": {
        const type = parseType(column.type);
        if (type?.kind !== "DateTime64") throw new TypeError(`${column.name}: ${column.type} holds no time`);
        value({ op: OP.time, count: 10 ** (9 - type.precision), data: "cache" }, LONGEST_INTEGER);
        break;
      }
      case "row-number":
        value({ op: OP.rowNumber, data: "cache" }, LONGEST_INTEGER);
        break;
      case "constant":
        literal += JSON.stringify(rule.text);
        break;
      case "choice": {
        // What stands before the choice becomes part of every text: one copy in place of two.
        const before = literal;
        const texts = rule.texts.map((text) => before + JSON.stringify(text));
        literal = "";
        value(
          { op: OP.choice, count: texts.length, stream, data: texts },
          Math.max(...texts.map((text) => Buffer.byteLength(text))),
        );
        break;
      }
      case "uuid":
        literal += JSON.stringify(rule.prefix).slice(0, -1);
        value({ op: OP.uuid, stream }, 36);
        literal += '"';
        break;
      case "integer":
        value({ op: OP.integer, count: rule.to - rule.from + 1, stream, data: rule.from }, String(rule.to).length);
        break;
    }
  }
  literal += "}\n";
  value({ op: OP.end }, 0);
  return { bytes: assemble(instructions), longestRowBytes: longest };
}

/** The random stream of one leaf value: 64 bits that depend on seed and column path alone. */
function streamOf(seed: number, path: string): bigint {
  return createHash("sha256").update(`${seed}\n${path}`).digest().readBigUInt64LE();
}

function assemble(instructions: readonly Instruction[]): Uint8Array {
  const head = Buffer.alloc(instructions.length * INSTRUCTION_BYTES);
  const blocks: Buffer[] = [head];
  let size = head.length;
  const append = (block: Buffer): number => {
    const offset = size;
    blocks.push(block, Buffer.alloc(-block.length & (ALIGN_BYTES - 1)));
    size += block.length + (-block.length & (ALIGN_BYTES - 1));
    return offset;
  };
  const appendText = (text: Buffer): number => append(Buffer.concat([text, Buffer.alloc(PADDING)]));
  for (const [index, { op, prefix, count = 0, stream = 0n, data = 0 }] of instructions.entries()) {
    const at = index * INSTRUCTION_BYTES;
    const literal = Buffer.from(prefix);
    head.writeUInt32LE(op, at);
    head.writeUInt32LE(literal.length, at + 4);
    if (literal.length > INLINE_BYTES) head.writeUInt32LE(appendText(literal.subarray(INLINE_BYTES)), at + 8);
    literal.copy(head, at + INSTRUCTION_BYTES - INLINE_BYTES, 0, INLINE_BYTES);
    head.writeUInt32LE(count, at + 12);
    head.writeBigUInt64LE(stream, at + 16);
    if (data === "cache") {
      head.writeUInt32LE(append(Buffer.alloc(CACHE_BYTES)), at + 24);
    } else if (typeof data === "number") {
      head.writeUInt32LE(data, at + 24);
    } else {
      head.writeUInt32LE(Math.max(...data.map((text) => Buffer.byteLength(text))), at + 28);
      const table = Buffer.alloc(data.length * 8);
      for (const [entry, text] of data.entries()) {
        const bytes = Buffer.from(text);
        table.writeUInt32LE(appendText(bytes), entry * 8);
        table.writeUInt32LE(bytes.length, entry * 8 + 4);
      }
      head.writeUInt32LE(append(table), at + 24);
    }
  }
  return Buffer.concat(blocks);
}
