// Reads the whole file of --replay once, before the start: how many rows it has, how long they are, and that each line is
// one JSON object. Main thread, in slices; sends nothing. Called by run.ts.

import { ByteSource, type FileState, ReplayError } from "./file.js";
import { type Fault, Lines, OVERRUN_BYTES, OWN_BYTES } from "./lines.js";
import { PIECE_BYTES, Pieces } from "./pieces.js";
import { Window } from "./window.js";

/** What a pass over the file found. */
export interface Scan {
  readonly file: FileState;
  /** Lines that are not blank: rows. */
  readonly rows: number;
  /** Decompressed, with a line feed behind the last line. */
  readonly bytes: number;
  readonly blankBytes: number;
  readonly longestRowBytes: number;
  /** Of the first row. */
  readonly firstKeys: readonly string[];
  /** No batch of `batchRows` rows, wherever it begins and however often the file is gone through, has more bytes. */
  readonly batchRows: number;
  readonly batchBytes: number;
}

/** The longest line there may be, in bytes, with its line feed: as the kernel has it. */
const LONGEST_LINE_BYTES = 16 * 2 ** 20;
/** Throws a ReplayError; undefined where the signal ended it. */
export async function scan(
  file: FileState,
  kernel: WebAssembly.Module,
  batchRows: number,
  signal?: AbortSignal,
): Promise<Scan | undefined> {
  const source = new ByteSource(file);
  try {
    return await new Scanner(file, source, kernel, batchRows).run(signal);
  } finally {
    source.close();
  }
}

class Scanner {
  readonly #file: FileState;
  readonly #source: ByteSource;
  readonly #lines: Lines;
  readonly #pieces: Pieces;
  readonly #batchRows: number;
  readonly #window: Window;
  /** Lines are put together here, from pieces. */
  readonly #region: number;
  #used = 0;
  #rows = 0;
  #lineCount = 0;
  #bytes = 0;
  #blankBytes = 0;
  #firstKeys: readonly string[] | undefined;

  constructor(file: FileState, source: ByteSource, kernel: WebAssembly.Module, batchRows: number) {
    this.#file = file;
    this.#source = source;
    this.#batchRows = batchRows;
    this.#window = new Window(batchRows);
    this.#lines = new Lines(kernel, OWN_BYTES + Pieces.bytes + LONGEST_LINE_BYTES + PIECE_BYTES + OVERRUN_BYTES);
    this.#pieces = new Pieces(this.#lines, source, this.#lines.free);
    this.#region = this.#lines.free + Pieces.bytes;
  }

  async run(signal: AbortSignal | undefined): Promise<Scan | undefined> {
    for (let piece = await this.#pieces.next(); piece !== undefined; piece = await this.#pieces.next()) {
      if (signal?.aborted) return undefined;
      this.#take(piece.at, piece.end);
    }
    this.#source.checkUnchanged();
    if (this.#rows === 0) throw new ReplayError(`${this.#file.path} holds no rows`);
    return {
      file: this.#file,
      rows: this.#rows,
      bytes: this.#bytes,
      blankBytes: this.#blankBytes,
      longestRowBytes: this.#lines.longestBytes,
      firstKeys: this.#firstKeys ?? [],
      batchRows: this.#batchRows,
      batchBytes: this.#batchBytes(),
    };
  }

  #take(at: number, end: number): void {
    this.#lines.copy(at, end, this.#region + this.#used);
    const lastFeed = this.#lines.bytes(at, end - at).lastIndexOf(10);
    const whole = lastFeed < 0 ? 0 : this.#used + lastFeed + 1;
    this.#used += end - at;
    if (whole > 0) this.#check(this.#region + whole);
    this.#lines.copy(this.#region + whole, this.#region + this.#used, this.#region);
    this.#used -= whole;
    if (this.#used >= LONGEST_LINE_BYTES) this.#refuse(this.#region, "too-long", this.#region);
  }

  /** Whole lines, from the region's start up to `end`. */
  #check(end: number): void {
    for (let at = this.#region; at < end; ) {
      const checked = this.#lines.check(at, end, this.#window.wanted);
      if (checked.rows > 0) this.#firstKeys ??= this.#keysFrom(at);
      this.#rows += checked.rows;
      this.#lineCount += checked.lines;
      this.#blankBytes += checked.blankBytes;
      this.#bytes += checked.at - at;
      this.#window.add(checked.rows, checked.at - at);
      at = checked.at;
      if (checked.fault !== undefined) this.#refuse(at, checked.fault.kind, checked.fault.at);
    }
  }

  /** Of the first row at or behind `at`. */
  #keysFrom(at: number): readonly string[] {
    const bytes = Buffer.from(this.#lines.bytes(at, this.#region + this.#used - at));
    for (let from = 0; ; from = bytes.indexOf(10, from) + 1) {
      const line = bytes.toString("utf8", from, bytes.indexOf(10, from));
      if (line.trim() !== "") return Object.keys(JSON.parse(line));
    }
  }

  #refuse(line: number, kind: Fault, at: number): never {
    const found = kindOfByte(this.#lines.bytes(at, 1)[0]);
    const column = at - line + 1;
    const sentence = {
      "not-an-object": `must be a JSON object, got ${this.#kindAt(at)}`,
      unexpected: `is not JSON: unexpected ${found} at byte ${column}`,
      more: `has more behind its JSON object: ${found} at byte ${column}`,
      "too-deep": `is nested deeper than 1000 at byte ${column}`,
      "too-long": `is longer than ${LONGEST_LINE_BYTES / 2 ** 20} MiB`,
    }[kind];
    throw new ReplayError(`${this.#file.path} line ${this.#lineCount + 1}: ${sentence}`);
  }

  /** What JSON value a line begins with that is no object. */
  #kindAt(at: number): string {
    const text = Buffer.from(this.#lines.bytes(at, LONGEST_WORD)).toString("latin1");
    if (text.startsWith("[")) return "a list";
    if (text.startsWith('"')) return "a string";
    const [word] = /^(null|true|false)(?![\w])/.exec(text) ?? [];
    if (word !== undefined) return word;
    if (/^-?\d/.test(text)) return "a number, or what begins as one";
    return "what is no JSON";
  }

  #batchBytes(): number {
    // So many times the whole file, and a rest of less than that.
    const passes = Math.floor(this.#batchRows / this.#rows);
    if (passes > 0) return (this.#batchRows % this.#rows === 0 ? passes : passes + 1) * this.#bytes;
    return Math.min(this.#window.most(), this.#bytes);
  }
}

/** Of JSON's words, and what follows. */
const LONGEST_WORD = 6;

/** A mark of JSON as it is; of anything else only what it is, as a file of another kind may hold a password. */
function kindOfByte(byte: number | undefined): string {
  if (byte === undefined || byte === 10) return "end of the line";
  const character = String.fromCharCode(byte);
  if (/[{}[\]:,"]/.test(character)) return character;
  if (/[a-z]/i.test(character)) return "letter";
  if (/\d/.test(character)) return "digit";
  return byte < 32 || byte > 126 ? `byte 0x${byte.toString(16).padStart(2, "0")}` : "character";
}

/** Bytes of the longest batch of so many rows: of those the scan was made for, or by the longest row. */
export function batchBytes(scan: Scan, rows: number): number {
  const byLongest = rows * scan.longestRowBytes + (Math.ceil(rows / scan.rows) + 1) * scan.blankBytes;
  return rows === scan.batchRows ? Math.min(scan.batchBytes, byLongest) : byLongest;
}
