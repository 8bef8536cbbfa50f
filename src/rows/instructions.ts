// Gathers the instructions of a row program and lays them out as bytes (drawn in kernel/kernel.ts): literals, jumps, and
// the blocks they point at. Knows no value and no format. The writers of all formats write to one.

/** A place among the instructions, to jump to. */
export interface Label {
  index: number;
}

/** Bytes behind the instructions, laid out once however many instructions point at them. */
export type Block = (place: Place) => Buffer;

/** Where other things are to be found: offsets from the program's first byte. */
export interface Place {
  text(bytes: Buffer): number;
  label(label: Label): number;
}

export interface Instruction {
  readonly op: number;
  readonly source?: number;
  readonly stream?: bigint;
  readonly from?: bigint;
  readonly count?: bigint;
  readonly table?: Block | undefined;
  readonly data?: Block | Label | number;
  readonly size?: Label | number;
  /** What the op takes it for. */
  readonly flag?: number;
  readonly power?: bigint;
}

const INSTRUCTION_BYTES = 96;
/** So much of a literal stands in the instruction itself. */
const INLINE_BYTES = 32;
/** The kernel copies 16 bytes at a time: what stands behind a text must be there, up to this many bytes. */
const PADDING = 31;
/** What is read 16 bytes at a time starts where that crosses no cache line. */
const ALIGN_BYTES = 32;

/** A new block of zeros that the kernel keeps something in. */
export function cache(bytes: number): Block {
  return () => Buffer.alloc(bytes);
}

export class Emitter {
  readonly #instructions: { readonly instruction: Instruction; readonly literal: Buffer }[] = [];
  /** Waits for the instruction it stands before. */
  #literal: Buffer[] = [];
  /** Bytes of the longest row so far. */
  longest = 0;

  /** A text stands for its UTF-8. */
  literal(bytes: string | Uint8Array): void {
    this.#literal.push(Buffer.from(bytes as string));
  }

  get pendingBytes(): number {
    return this.#literal.reduce((sum, { length }) => sum + length, 0);
  }

  /** The literal that waits, to be written otherwise. */
  takeLiteral(): Buffer {
    const literal = Buffer.concat(this.#literal);
    this.#literal = [];
    return literal;
  }

  /** Where the next instruction will be, from the program's first byte. */
  get entry(): number {
    return this.#instructions.length * INSTRUCTION_BYTES;
  }

  /** `longest`: of what it writes behind its literal. */
  emit(instruction: Instruction, longest: number): void {
    const literal = this.takeLiteral();
    this.#instructions.push({ instruction, literal });
    this.longest += literal.length + longest;
  }

  label(): Label {
    return { index: -1 };
  }

  /** The next instruction is where the label is; no literal may wait. */
  place(label: Label): void {
    label.index = this.#instructions.length;
  }

  /** A place that is reached from elsewhere too: the literal that waits is written first, by an instruction of its own. */
  join(literalOp: number, label: Label): void {
    if (this.pendingBytes > 0) this.emit({ op: literalOp }, 0);
    this.place(label);
  }

  /** The bytes of the program, and where in them the blocks are. */
  assemble(): { readonly bytes: Uint8Array; readonly placed: ReadonlyMap<Block, number> } {
    const head = Buffer.alloc(this.#instructions.length * INSTRUCTION_BYTES);
    const blocks: Buffer[] = [head];
    const placed = new Map<Block, number>();
    const texts = new Map<string, number>();
    let size = head.length;
    const append = (block: Buffer): number => {
      const offset = size;
      const padding = Buffer.alloc(-block.length & (ALIGN_BYTES - 1));
      blocks.push(block, padding);
      size += block.length + padding.length;
      return offset;
    };
    const place: Place = {
      text: (bytes) => {
        const name = bytes.toString("latin1");
        const offset = texts.get(name) ?? append(Buffer.concat([bytes, Buffer.alloc(PADDING)]));
        texts.set(name, offset);
        return offset;
      },
      label: ({ index }) => index * INSTRUCTION_BYTES,
    };
    const operand = (what: Block | Label | number | undefined): number => {
      if (what === undefined) return 0;
      if (typeof what === "number") return what;
      if (typeof what === "object") return place.label(what);
      const offset = placed.get(what) ?? append(what(place));
      placed.set(what, offset);
      return offset;
    };
    for (const [index, { instruction, literal: text }] of this.#instructions.entries()) {
      const at = index * INSTRUCTION_BYTES;
      head.writeUInt32LE(instruction.op, at);
      head.writeUInt32LE(text.length, at + 4);
      if (text.length > INLINE_BYTES) head.writeUInt32LE(place.text(text.subarray(INLINE_BYTES)), at + 8);
      head.writeUInt32LE(instruction.source ?? 0, at + 12);
      head.writeBigUInt64LE(instruction.stream ?? 0n, at + 16);
      head.writeBigUInt64LE(BigInt.asUintN(64, instruction.from ?? 0n), at + 24);
      head.writeBigUInt64LE(BigInt.asUintN(64, instruction.count ?? 0n), at + 32);
      head.writeUInt32LE(operand(instruction.table), at + 40);
      head.writeUInt32LE(operand(instruction.data), at + 44);
      head.writeUInt32LE(operand(instruction.size), at + 48);
      head.writeUInt32LE(instruction.flag ?? 0, at + 52);
      head.writeBigUInt64LE(BigInt.asUintN(64, instruction.power ?? 0n), at + 56);
      text.copy(head, at + INSTRUCTION_BYTES - INLINE_BYTES, 0, INLINE_BYTES);
    }
    return { bytes: Buffer.concat(blocks), placed };
  }
}
