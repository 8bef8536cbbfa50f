// Draws as the fields of an instruction: streams, ranges, tables of cells. Pure. Called by program.ts; the same for every
// format, which only decides on what is done with the number.

import { createHash } from "node:crypto";
import { aliasTable, type Cells } from "./cells.js";
import type { Block, Instruction } from "./instructions.js";
import { SOURCE } from "./opcodes.js";
import type { Draw } from "./value.js";

const CELL_BYTES = 32;

/** What of an instruction says where its number comes from. */
export type Source = Pick<Instruction, "source" | "stream" | "from" | "count" | "table">;

export class Sources {
  readonly #seed: number;
  readonly #cells = new Map<Cells, Block>();

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** The random stream of a leaf: 64 bits that depend on seed and path alone. */
  stream(path: string): bigint {
    return createHash("sha256").update(`${this.#seed}\n${path}`).digest().readBigUInt64LE();
  }

  draw(draw: Draw, path: string): Source {
    const stream = this.stream(path);
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
          table: () => eightBytes(BigInt.asIntN(64, draw.step)),
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
      case "shuffled":
        return { source: SOURCE.shuffled, stream, from: draw.from, count: draw.count };
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
}

function eightBytes(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(value);
  return bytes;
}
