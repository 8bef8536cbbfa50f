// What of a row program no format changes: which instruction comes next (arrays, NULLs, kinds of value), and on whose state
// leaves depend (sets of things). Called by the writers of the formats: json-writer.ts, row-binary.ts, native.ts.

import { labelTable } from "./blocks.js";
import { cache, type Emitter } from "./instructions.js";
import { OP, SOURCE } from "./opcodes.js";
import type { Sources } from "./sources.js";
import { boundsOf, type Draw } from "./value.js";

const FRAME_BYTES = 40;

/** What stands between the elements of an array. */
export type Separator = "comma" | "nothing";

/** Of a share `ratio` of the rows: kernel/instructions.ts. */
export interface Nulls {
  readonly ratio: number;
  readonly stream: string;
  /** In place of the value, up to four bytes. */
  readonly text: string;
}

export class Flow {
  /** In how many arrays and things of sets the value stands: in none, the state is that of the row. */
  #depth = 0;

  /** `quick`: whether the loop is that of kernel/kernel.ts, which has instructions of its own for sets of a row. */
  constructor(
    readonly emitter: Emitter,
    readonly sources: Sources,
    readonly quick: boolean,
  ) {}

  /** Whether what comes next depends on the row itself. */
  get inRow(): boolean {
    return this.#depth === 0;
  }

  /** NULL or the value; what NULL is stands in `nulls`, or is written by `otherwise`. */
  nullable({ ratio, stream, text }: Nulls, value: () => void, otherwise?: () => void): void {
    const { emitter } = this;
    const [none, after] = [emitter.label(), emitter.label()];
    const from = BigInt(Buffer.from(text).reduceRight((sum, byte) => sum * 256 + byte, 0));
    const power = thresholdOf(ratio);
    const size = Buffer.byteLength(text);
    const data = otherwise === undefined ? after : none;
    emitter.emit({ op: OP.nullable, stream: this.sources.stream(stream), from, power, data, size }, size);
    const before = emitter.longest;
    value();
    if (otherwise !== undefined) {
      emitter.emit({ op: OP.jump, data: after }, 0);
      const longest = emitter.longest;
      emitter.longest = before;
      emitter.place(none);
      otherwise();
      emitter.join(OP.literal, after);
      emitter.longest = Math.max(longest, emitter.longest);
    } else {
      emitter.join(OP.literal, after);
    }
  }

  elements(length: Draw, lengthStream: string, separator: Separator, element: () => void): void {
    const { emitter } = this;
    const most = Number(boundsOf(length).highest);
    const [begin, after] = [emitter.label(), emitter.label()];
    const frame = cache(FRAME_BYTES);
    const stream = this.sources.stream(lengthStream);
    emitter.emit({ op: OP.array, ...this.sources.draw(length, lengthStream), data: frame, size: after }, 0);
    emitter.place(begin);
    const before = emitter.longest;
    this.#depth += 1;
    element();
    this.#depth -= 1;
    const flag = separator === "comma" ? 1 : 0;
    emitter.emit({ op: OP.next, stream, data: frame, size: begin, flag }, flag);
    emitter.longest = before + Math.max(0, most) * (emitter.longest - before);
    emitter.place(after);
  }

  /** One of the alternatives. */
  branch(draw: Draw, stream: string, alternatives: readonly (() => void)[]): void {
    const { emitter } = this;
    const starts = alternatives.map(() => emitter.label());
    const after = emitter.label();
    emitter.emit({ op: OP.branch, ...this.sources.draw(draw, stream), data: labelTable(starts) }, 0);
    const before = emitter.longest;
    let longest = before;
    for (const [index, alternative] of alternatives.entries()) {
      emitter.longest = before;
      emitter.place(starts[index] ?? after);
      alternative();
      emitter.emit({ op: OP.jump, data: after }, 0);
      longest = Math.max(longest, emitter.longest);
    }
    emitter.longest = longest;
    emitter.place(after);
  }

  /** One of the variant's kinds of value, each as likely. */
  variant(stream: string, alternatives: readonly (() => void)[]): void {
    this.branch(anyOf(alternatives.length), stream, alternatives);
  }

  keyed(draw: Draw, path: string, value: () => void): void {
    const { emitter } = this;
    const source = this.sources.draw(draw, path);
    const quick = this.quick
      ? { [SOURCE.small]: OP.rowKey, [SOURCE.cells]: OP.rowCellKey }[source.source ?? -1]
      : undefined;
    const frame = cache(FRAME_BYTES);
    const inRow = this.#depth === 0 && quick !== undefined;
    this.#depth += 1;
    if (inRow) emitter.emit({ op: quick, ...source }, 0);
    else emitter.emit({ op: OP.key, ...source, data: frame }, 0);
    value();
    if (inRow) emitter.emit({ op: OP.rowRestore }, 0);
    else emitter.emit({ op: OP.restore, data: frame }, 0);
    this.#depth -= 1;
  }
}

/** Which of so many, each as likely. */
export function anyOf(count: number): Draw {
  return { kind: "uniform", from: 0n, count: BigInt(count) };
}

/** Of 2^32 numbers, those that stand for a share. */
function thresholdOf(ratio: number): bigint {
  return BigInt(Math.round(ratio * 2 ** 32));
}
