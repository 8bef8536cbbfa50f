// Hosts the kernel for lines of a file: its memory, and its functions that count, check and rewrite rows. Called by scan.ts
// and replayer.ts; knows nothing of files.

const PAGE_BYTES = 65_536;
/** What the kernel's loads run over by, and a line feed put behind a last line. */
export const OVERRUN_BYTES = 128;
const CURSOR_BYTES = 64;
/** The kernel counts with 32 bits. */
const MOST_ROWS = 2 ** 32 - 1;
/** What the kernel's own tables and the cursor take, at most. */
export const OWN_BYTES = 2 * PAGE_BYTES;

interface Kernel {
  tablesEnd(): number;
  countRows(cursor: number, at: number, end: number, rows: number): number;
  checkRows(cursor: number, at: number, end: number, rows: number): number;
  retime(
    from: number,
    end: number,
    at: number,
    key: number,
    nameBytes: number,
    textBytes: number,
    tickNs: bigint,
    timeNs: bigint,
    fraction: bigint,
    stepNs: bigint,
    stepFraction: bigint,
    denominator: bigint,
  ): number;
}

/** Times of rows: that of the first, and from each to the next. */
export interface Times {
  readonly ns: bigint;
  readonly fraction: bigint;
  readonly stepNs: bigint;
  readonly stepFraction: bigint;
  readonly denominator: bigint;
}

/** What the kernel found wrong with a line. */
const FAULTS = ["not-an-object", "unexpected", "more", "too-deep", "too-long"] as const;
export type Fault = (typeof FAULTS)[number];

/** What {@link Lines.check} found. */
export interface Checked {
  /** Where it stopped. */
  readonly at: number;
  readonly rows: number;
  readonly lines: number;
  readonly blankBytes: number;
  /** Of the line at which it stopped; undefined: none. */
  readonly fault: { readonly kind: Fault; readonly at: number } | undefined;
}

export class Lines {
  /** The first address that is the caller's. */
  readonly free: number;
  readonly #memory: WebAssembly.Memory;
  readonly #kernel: Kernel;
  readonly #cursor: number;
  readonly #found: Uint32Array;

  /** `bytes`: of all memory, of which {@link OWN_BYTES} are not the caller's. Throws a RangeError when there is not so much. */
  constructor(kernel: WebAssembly.Module, bytes: number) {
    const pages = Math.ceil(bytes / PAGE_BYTES);
    this.#memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    this.#kernel = new WebAssembly.Instance(kernel, { env: { memory: this.#memory } }).exports as unknown as Kernel;
    this.#cursor = Math.ceil(this.#kernel.tablesEnd() / CURSOR_BYTES) * CURSOR_BYTES;
    this.#found = new Uint32Array(this.#memory.buffer, this.#cursor, CURSOR_BYTES / 4);
    this.free = this.#cursor + CURSOR_BYTES;
    if (this.free > OWN_BYTES) throw new RangeError(`the kernel's tables take ${this.free} bytes`);
  }

  /** A view, not a copy. */
  bytes(at: number, length: number): Uint8Array {
    return new Uint8Array(this.#memory.buffer, at, length);
  }

  copy(from: number, end: number, to: number): void {
    this.bytes(0, this.#memory.buffer.byteLength).copyWithin(to, from, end);
  }

  /** The next line begins anew. */
  restart(): void {
    this.#found.fill(0);
  }

  /** Rows that end in [at, end), up to `most`; `end`: behind the last of them. A line may go on from the call before. */
  count(at: number, end: number, most: number): { readonly rows: number; readonly end: number } {
    const behind = this.#kernel.countRows(this.#cursor, at, end, Math.min(most, MOST_ROWS)) >>> 0;
    return { rows: this.#found[0] ?? 0, end: behind };
  }

  /** Checks whole lines. */
  check(at: number, end: number, most: number): Checked {
    const stopped = this.#kernel.checkRows(this.#cursor, at, end, Math.min(most, MOST_ROWS)) >>> 0;
    const [rows = 0, , lines = 0, blankBytes = 0, , fault = 0, faultAt = 0] = this.#found;
    const kind = FAULTS[fault - 1];
    return { at: stopped, rows, lines, blankBytes, fault: kind && { kind, at: faultAt } };
  }

  /** Bytes of the longest row that has been checked, with its line feed. */
  get longestBytes(): number {
    return this.#found[4] ?? 0;
  }

  /** Writes the whole, checked lines of [from, end) at `at`, with times; returns where they end. `key`: see keyBytes. */
  retime(from: number, end: number, at: number, key: Key, tickNs: bigint, times: Times): number {
    const { ns, fraction, stepNs, stepFraction, denominator } = times;
    return (
      this.#kernel.retime(
        from,
        end,
        at,
        key.at,
        key.nameBytes,
        key.textBytes,
        tickNs,
        ns,
        fraction,
        stepNs,
        stepFraction,
        denominator,
      ) >>> 0
    );
  }

  /** Puts a key of JSON into memory: its name and, behind it, what is written where a row has no such key. */
  putKey(at: number, name: string): Key {
    const bytes = keyBytes(name);
    this.bytes(at, bytes.length).set(bytes);
    const nameBytes = Buffer.byteLength(name);
    return { at, nameBytes, textBytes: bytes.length - nameBytes };
  }
}

export interface Key {
  readonly at: number;
  readonly nameBytes: number;
  readonly textBytes: number;
}

export function keyBytes(name: string): Uint8Array {
  return Buffer.from(`${name}${JSON.stringify(name)}:`);
}
