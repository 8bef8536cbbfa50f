// Hosts the kernel in a worker: its memory, cut into slots, and rendering into them. Never sends anything.
//
//   memory  | kernel's tables | row program | slot 0 | slot 1 | … |
//
// The memory is sized once: growing it would detach the views that are on the wire.

import type { Batch } from "../schedule.js";
import type { RowProgram } from "./program.js";

const PAGE_BYTES = 65_536;
/** A slot starts on a cache line. */
const ALIGN_BYTES = 64;
/** The kernel stores 16 bytes at a time; the last store of a slot may run over by up to this many. */
const OVERRUN_BYTES = 32;
/** Rendering stops after about so many bytes (some 100 µs) to let answers be stamped. */
const SLICE_BYTES = 512 * 1024;
/** What a 32-bit WebAssembly memory can hold. */
export const MEMORY_LIMIT_BYTES = 65_536 * PAGE_BYTES;

interface Kernel {
  tablesEnd(): number;
  render(
    program: number,
    at: number,
    row: bigint,
    rows: number,
    timeNs: bigint,
    fraction: bigint,
    stepNs: bigint,
    stepFraction: bigint,
    denominator: bigint,
  ): number;
}

/** A fixed region of the memory that holds one batch at a time. */
export interface Slot {
  readonly index: number;
  readonly address: number;
  /** Rendered bytes in it. */
  bytes: number;
}

/** Bytes of one slot for batches of so many rows. */
export function slotBytes(program: RowProgram, rows: number): number {
  return align(rows * program.longestRowBytes + OVERRUN_BYTES);
}

/** Bytes of memory a renderer takes for so many slots. */
export function memoryBytes(program: RowProgram, slots: number, bytesPerSlot: number): number {
  return PAGE_BYTES + align(program.bytes.length) + slots * bytesPerSlot;
}

const align = (bytes: number): number => Math.ceil(bytes / ALIGN_BYTES) * ALIGN_BYTES;

export class Renderer {
  readonly slots: readonly Slot[];
  readonly #memory: WebAssembly.Memory;
  readonly #kernel: Kernel;
  readonly #programAddress: number;
  /** By the longest row at first, then by what rows are. */
  #sliceRows: number;

  /** `kernel` is the compiled module of kernel/kernel.ts. Throws a RangeError when there is not so much memory. */
  constructor(kernel: WebAssembly.Module, program: RowProgram, slots: number, bytesPerSlot: number) {
    const pages = Math.ceil(memoryBytes(program, slots, bytesPerSlot) / PAGE_BYTES);
    this.#memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    const instance = new WebAssembly.Instance(kernel, { env: { memory: this.#memory } });
    this.#kernel = instance.exports as unknown as Kernel;
    this.#programAddress = align(this.#kernel.tablesEnd());
    new Uint8Array(this.#memory.buffer).set(program.bytes, this.#programAddress);
    const firstSlot = align(this.#programAddress + program.bytes.length);
    this.slots = Array.from({ length: slots }, (_, index) => ({
      index,
      address: firstSlot + index * bytesPerSlot,
      bytes: 0,
    }));
    this.#sliceRows = Math.max(1, Math.floor(SLICE_BYTES / program.longestRowBytes));
  }

  /** Renders the batch into the slot; between slices other events get their turn. `dataStartNs`: since the epoch. */
  async fill(slot: Slot, batch: Batch, dataStartNs: bigint): Promise<void> {
    slot.bytes = 0;
    for (let row = 0; row < batch.rows; ) {
      if (row > 0) await new Promise<void>((resolve) => setImmediate(resolve));
      const rows = Math.min(this.#sliceRows, batch.rows - row);
      this.#render(slot, batch, dataStartNs, row, rows);
      row += rows;
      this.#sliceRows = Math.max(1, Math.floor((SLICE_BYTES * row) / slot.bytes));
    }
  }

  #render(slot: Slot, batch: Batch, dataStartNs: bigint, row: number, rows: number): void {
    const { ns, fraction, stepNs, stepFraction, denominator } = batch.times;
    const fractions = fraction + BigInt(row) * stepFraction;
    const end = this.#kernel.render(
      this.#programAddress,
      slot.address + slot.bytes,
      BigInt(batch.firstRow + row),
      rows,
      dataStartNs + ns + BigInt(row) * stepNs + fractions / denominator,
      fractions % denominator,
      stepNs,
      stepFraction,
      denominator,
    );
    slot.bytes = (end >>> 0) - slot.address;
  }

  /** The rendered bytes, not a copy: valid until the slot is filled again. */
  body(slot: Slot): Uint8Array {
    return new Uint8Array(this.#memory.buffer, slot.address, slot.bytes);
  }
}
