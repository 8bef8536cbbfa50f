// Fills slots with rows of a file, in a worker: row k of the run is row k mod rows of the file. Has the face of the renderer
// of generated rows. Every worker goes through the whole file and leaves out the batches of others. Never sends anything.
//
//   memory  | kernel's tables | two pieces | key | lines under way | slot 0 | slot 1 | … |

import type { Slot } from "../rows/renderer.js";
import type { Batch } from "../schedule.js";
import { ByteSource, type ReplayError } from "./file.js";
import { type Key, keyBytes, Lines, OVERRUN_BYTES, OWN_BYTES } from "./lines.js";
import { PIECE_BYTES, Pieces } from "./pieces.js";
import { batchBytes, type Scan } from "./scan.js";

/** The column whose values become the rows' times. */
export interface TimeColumn {
  readonly name: string;
  readonly tickNs: bigint;
}

/** All that a worker needs to know to replay a file. May cross to its thread. */
export interface ReplayPlan {
  readonly scan: Scan;
  readonly time: TimeColumn | undefined;
}

/** A time of up to 19 digits with its point, in quotes. */
const TIME_BYTES = 22;
const ALIGN_BYTES = 64;

const align = (bytes: number): number => Math.ceil(bytes / ALIGN_BYTES) * ALIGN_BYTES;

/** Bytes that a row can grow by: its time, the key, a comma. */
const growth = (time: TimeColumn | undefined): number =>
  time === undefined ? 0 : keyBytes(time.name).length + TIME_BYTES + 1;

/** Where the lines are put together that get another time. */
const underWayBytes = ({ scan, time }: ReplayPlan): number =>
  time === undefined ? 0 : align(scan.longestRowBytes + PIECE_BYTES + OVERRUN_BYTES);

/** Bytes of one slot for batches of so many rows. */
export function slotBytes({ scan, time }: ReplayPlan, rows: number): number {
  return align(batchBytes(scan, rows) + rows * growth(time) + OVERRUN_BYTES);
}

/** Bytes of the longest row as it is sent. */
export function longestRowBytes({ scan, time }: ReplayPlan): number {
  return scan.longestRowBytes + growth(time);
}

/** Bytes of memory a replayer takes for so many slots. */
export function memoryBytes(plan: ReplayPlan, slots: number, bytesPerSlot: number): number {
  const key = align(growth(plan.time));
  return OWN_BYTES + align(Pieces.bytes) + key + underWayBytes(plan) + slots * bytesPerSlot;
}

interface Held {
  readonly firstRow: number;
  readonly rows: number;
  readonly dataStartNs: bigint;
}

export class Replayer {
  readonly slots: readonly Slot[];
  readonly #plan: ReplayPlan;
  readonly #source: ByteSource;
  readonly #lines: Lines;
  readonly #pieces: Pieces;
  readonly #slotBytes: number;
  readonly #key: Key | undefined;
  readonly #underWay: number;
  #underWayBytes = 0;
  /** By slot. */
  readonly #held: (Held | undefined)[] = [];
  /** The row of the run that comes next, and of this pass over the file. */
  #row = 0;
  #passRow = 0;
  /** What is left of the piece. */
  #at = 0;
  #end = 0;

  /** Throws a ReplayError where the file has changed, a RangeError when there is not so much memory. */
  constructor(kernel: WebAssembly.Module, plan: ReplayPlan, slots: number, bytesPerSlot: number) {
    this.#plan = plan;
    this.#source = new ByteSource(plan.scan.file);
    this.#source.checkUnchanged();
    this.#lines = new Lines(kernel, memoryBytes(plan, slots, bytesPerSlot));
    this.#pieces = new Pieces(this.#lines, this.#source, this.#lines.free);
    const key = this.#lines.free + align(Pieces.bytes);
    this.#key = plan.time && this.#lines.putKey(key, plan.time.name);
    this.#underWay = key + align(growth(plan.time));
    this.#slotBytes = bytesPerSlot - OVERRUN_BYTES;
    const firstSlot = this.#underWay + underWayBytes(plan);
    this.slots = Array.from({ length: slots }, (_, index) => ({
      index,
      address: firstSlot + index * bytesPerSlot,
      bytes: 0,
    }));
  }

  /** Rejects with a ReplayError where the file has changed. A batch that was filled before and is cut only gets shorter. */
  async fill(slot: Slot, batch: Batch, dataStartNs: bigint): Promise<void> {
    const held = this.#held[slot.index];
    if (
      held !== undefined &&
      held.firstRow === batch.firstRow &&
      held.dataStartNs === dataStartNs &&
      batch.rows < held.rows
    ) {
      this.#cut(slot, batch);
      return;
    }
    this.#held[slot.index] = undefined;
    if (batch.firstRow < this.#row) await this.#rewind();
    await this.#read(batch.firstRow - this.#row, () => undefined);
    slot.bytes = 0;
    let row = 0;
    await this.#read(batch.rows, (at, end, rows) => {
      if (this.#key === undefined) this.#append(slot, at, end);
      else this.#retime(slot, batch, dataStartNs, row, at, end);
      row += rows;
    });
    this.#held[slot.index] = { firstRow: batch.firstRow, rows: batch.rows, dataStartNs };
  }

  #cut(slot: Slot, { rows }: Batch): void {
    const { address, bytes } = slot;
    // The line that comes next in the piece begins anew, too: the batch ended behind one.
    slot.bytes = this.#lines.count(address, address + bytes, rows).end - address;
  }

  /** Hands on the next rows as they come: `end` is behind the last of `rows` rows, or within one that goes on. */
  async #read(wanted: number, take: (at: number, end: number, rows: number) => void): Promise<void> {
    for (let left = wanted; left > 0; ) {
      if (this.#at === this.#end) await this.#nextPiece();
      const { rows, end: behind } = this.#lines.count(this.#at, this.#end, left);
      const end = rows === left ? behind : this.#end;
      take(this.#at, end, rows);
      this.#at = end;
      this.#advance(rows);
      left -= rows;
    }
  }

  #advance(rows: number): void {
    this.#row += rows;
    this.#passRow += rows;
    if (this.#passRow > this.#plan.scan.rows) throw this.#source.changed();
    // The last batch may need no more: the file's end is not met by reading on.
    if (this.#passRow === this.#plan.scan.rows && rows > 0) this.#source.checkUnchanged();
  }

  async #nextPiece(): Promise<void> {
    const piece = await this.#pieces.next().catch((error: ReplayError) => {
      // What it once was, whole and of JSON, it is no more.
      this.#source.checkUnchanged();
      throw error;
    });
    if (piece !== undefined) {
      this.#at = piece.at;
      this.#end = piece.end;
      return;
    }
    if (this.#passRow !== this.#plan.scan.rows) throw this.#source.changed();
    this.#passRow = 0;
  }

  async #rewind(): Promise<void> {
    await this.#pieces.rewind();
    this.#lines.restart();
    this.#row = 0;
    this.#passRow = 0;
    this.#at = 0;
    this.#end = 0;
  }

  #append(slot: Slot, at: number, end: number): void {
    if (slot.bytes + end - at > this.#slotBytes) throw this.#source.changed();
    this.#lines.copy(at, end, slot.address + slot.bytes);
    slot.bytes += end - at;
  }

  /** Whole lines are written into the slot, the rest waits. */
  #retime(slot: Slot, batch: Batch, dataStartNs: bigint, row: number, at: number, end: number): void {
    const { scan, time } = this.#plan;
    if (time === undefined || this.#key === undefined) return;
    const lastFeed = this.#lines.bytes(at, end - at).lastIndexOf(10);
    const whole = lastFeed < 0 ? 0 : this.#underWayBytes + lastFeed + 1;
    if (this.#underWayBytes + end - at > scan.longestRowBytes + PIECE_BYTES) throw this.#source.changed();
    this.#lines.copy(at, end, this.#underWay + this.#underWayBytes);
    this.#underWayBytes += end - at;
    if (whole === 0) return;
    // Of a file that has changed since, the kernel would not find its way.
    const { rows, fault } = this.#lines.check(this.#underWay, this.#underWay + whole, Number.POSITIVE_INFINITY);
    if (fault !== undefined || slot.bytes + whole + rows * growth(time) > this.#slotBytes) throw this.#source.changed();
    const { ns, fraction, stepNs, stepFraction, denominator } = batch.times;
    const fractions = fraction + BigInt(row) * stepFraction;
    const behind = this.#lines.retime(
      this.#underWay,
      this.#underWay + whole,
      slot.address + slot.bytes,
      this.#key,
      time.tickNs,
      {
        ns: dataStartNs + ns + BigInt(row) * stepNs + fractions / denominator,
        fraction: fractions % denominator,
        stepNs,
        stepFraction,
        denominator,
      },
    );
    slot.bytes = behind - slot.address;
    this.#lines.copy(this.#underWay + whole, this.#underWay + this.#underWayBytes, this.#underWay);
    this.#underWayBytes -= whole;
  }

  /** The rows' bytes, not a copy: valid until the slot is filled again. */
  body(slot: Slot): Uint8Array {
    return this.#lines.bytes(slot.address, slot.bytes);
  }

  /** Where in the file the batch's n-th row stands, counted from 1; undefined where blank lines keep it from being told. */
  placeOf(batch: Batch, n: number): string | undefined {
    const { file, rows, blankBytes } = this.#plan.scan;
    return blankBytes > 0 ? undefined : `${file.path} line ${((batch.firstRow + n - 1) % rows) + 1}`;
  }

  async close(): Promise<void> {
    await this.#pieces.rewind();
    this.#source.close();
  }
}
