// Hosts the kernel in a worker: its memory, cut into slots, and rendering into them. Never sends anything.
//
//   memory  | kernel's tables | row program | slot 0 | slot 1 | … |
//
// The memory is sized once: growing it would detach the views that are on the wire.

import type { Batch } from "../schedule.js";
import type { Pass, RowProgram } from "./program.js";
import { varUint } from "./varint.js";

const PAGE_BYTES = 65_536;
/** A slot starts on a cache line. */
const ALIGN_BYTES = 64;
/** The kernel stores 16 bytes at a time; the last store of a slot may run over by up to this many. */
const OVERRUN_BYTES = 32;
/** Rendering stops after about so many bytes, or rows of one pass, (some 100 µs) to let answers be stamped. */
const SLICE_BYTES = 512 * 1024;
const SLICE_ROWS = 32_768;
/** What a 32-bit WebAssembly memory can hold. */
export const MEMORY_LIMIT_BYTES = 65_536 * PAGE_BYTES;

type Times = [timeNs: bigint, fraction: bigint, stepNs: bigint, stepFraction: bigint, denominator: bigint];

interface Kernel {
  tablesEnd(): number;
  render(program: number, at: number, row: bigint, rows: number, ...times: Times): number;
  renderBytes(program: number, entry: number, at: number, row: bigint, rows: number, ...times: Times): number;
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
  return align(program.headBytes + rows * program.longestRowBytes + OVERRUN_BYTES);
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
  readonly #program: RowProgram;
  readonly #programAddress: number;
  readonly #bytesPerSlot: number;
  /** For each pass: by its longest row at first, then by what rows are. */
  readonly #sliceRows: number[];

  /** `kernel` is the compiled module of kernel/kernel.ts. Throws a RangeError when there is not so much memory. */
  constructor(kernel: WebAssembly.Module, program: RowProgram, slots: number, bytesPerSlot: number) {
    const pages = Math.ceil(memoryBytes(program, slots, bytesPerSlot) / PAGE_BYTES);
    this.#memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    const instance = new WebAssembly.Instance(kernel, { env: { memory: this.#memory } });
    this.#kernel = instance.exports as unknown as Kernel;
    this.#program = program;
    this.#bytesPerSlot = align(bytesPerSlot);
    this.#programAddress = align(this.#kernel.tablesEnd());
    new Uint8Array(this.#memory.buffer).set(program.bytes, this.#programAddress);
    const firstSlot = align(this.#programAddress + program.bytes.length);
    this.slots = Array.from({ length: slots }, (_, index) => ({
      index,
      address: firstSlot + index * bytesPerSlot,
      bytes: 0,
    }));
    this.#sliceRows = program.passes.map(({ longestRowBytes }) => sliceOf(longestRowBytes));
  }

  /** Renders the batch into the slot; between slices other events get their turn. `dataStartNs`: since the epoch. */
  async fill(slot: Slot, batch: Batch, dataStartNs: bigint): Promise<void> {
    if (slotBytes(this.#program, batch.rows) > this.#bytesPerSlot) {
      throw new RangeError(`a batch of ${batch.rows} rows may not fit into its slot`);
    }
    slot.bytes = 0;
    const { blockColumns, passes } = this.#program;
    if (blockColumns !== undefined) this.#append(slot, [...varUint(blockColumns), ...varUint(batch.rows)]);
    let work = 0;
    for (const [index, pass] of passes.entries()) {
      this.#append(slot, pass.head);
      if (pass.rowsInHead) this.#append(slot, new Uint8Array(BigUint64Array.of(BigInt(batch.rows)).buffer));
      if (pass.sum !== undefined) {
        new DataView(this.#memory.buffer).setBigUint64(this.#programAddress + pass.sum, 0n);
      }
      const before = slot.bytes;
      for (let row = 0; row < batch.rows; ) {
        if (work >= 1) {
          await new Promise<void>((resolve) => setImmediate(resolve));
          work = 0;
        }
        const sliceRows = this.#sliceRows[index] ?? 1;
        const rows = Math.min(sliceRows, batch.rows - row);
        this.#render(slot, pass, batch, dataStartNs, row, rows);
        row += rows;
        work += rows / sliceRows;
        this.#sliceRows[index] = sliceOf((slot.bytes - before) / row);
      }
    }
  }

  #append(slot: Slot, bytes: ArrayLike<number>): void {
    new Uint8Array(this.#memory.buffer).set(bytes, slot.address + slot.bytes);
    slot.bytes += bytes.length;
  }

  #render(slot: Slot, { entry }: Pass, batch: Batch, dataStartNs: bigint, row: number, rows: number): void {
    const { ns, fraction, stepNs, stepFraction, denominator } = batch.times;
    const fractions = fraction + BigInt(row) * stepFraction;
    const timeNs = dataStartNs + ns + BigInt(row) * stepNs + fractions / denominator;
    const times: Times = [timeNs, fractions % denominator, stepNs, stepFraction, denominator];
    const [at, firstRow] = [slot.address + slot.bytes, BigInt(batch.firstRow + row)];
    const end =
      this.#program.loop === "text"
        ? this.#kernel.render(this.#programAddress, at, firstRow, rows, ...times)
        : this.#kernel.renderBytes(this.#programAddress, entry, at, firstRow, rows, ...times);
    slot.bytes = (end >>> 0) - slot.address;
  }

  /** The rendered bytes, not a copy: valid until the slot is filled again. */
  body(slot: Slot): Uint8Array {
    return new Uint8Array(this.#memory.buffer, slot.address, slot.bytes);
  }
}

/** How many rows of so many bytes a slice has. */
const sliceOf = (rowBytes: number): number =>
  Math.max(1, Math.min(SLICE_ROWS, Math.floor(SLICE_BYTES / Math.max(1, rowBytes))));
