// How many bytes the largest batch of so many consecutive rows has, without a length kept for each row: bytes are summed
// by groups of rows, and a batch lies within so many groups in a row. Pure. Called by scan.ts.

/** A batch is made of about so many groups: the bound is at most an eighth above what is needed. */
const GROUPS = 16;

export class Window {
  readonly #groupRows: number;
  readonly #groups: number;
  /** The last groups, in a ring, and their sum. */
  readonly #recent: number[] = [];
  #sum = 0;
  #count = 0;
  /** The groups of the start, which come behind those of the end. */
  readonly #first: number[] = [];
  #most = 0;
  #rows = 0;
  #bytes = 0;

  constructor(batchRows: number) {
    this.#groupRows = Math.max(1, Math.floor(batchRows / GROUPS));
    // One more as a batch begins within a group, one more as the group at the file's end is not whole.
    this.#groups = Math.ceil(batchRows / this.#groupRows) + 2;
  }

  /** So many rows end the group under way. */
  get wanted(): number {
    return this.#groupRows - this.#rows;
  }

  add(rows: number, bytes: number): void {
    this.#rows += rows;
    this.#bytes += bytes;
    if (this.#rows < this.#groupRows) return;
    if (this.#first.length < this.#groups) this.#first.push(this.#bytes);
    this.#push(this.#bytes);
    this.#rows = 0;
    this.#bytes = 0;
  }

  #push(bytes: number): void {
    const place = this.#count++ % this.#groups;
    this.#sum += bytes - (this.#recent[place] ?? 0);
    this.#recent[place] = bytes;
    if (this.#sum > this.#most) this.#most = this.#sum;
  }

  /** The bound, at the file's end. */
  most(): number {
    this.#push(this.#bytes);
    for (const bytes of this.#first) this.#push(bytes);
    return this.#most;
  }
}
