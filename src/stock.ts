// A stock of slots or permits with one taker, the worker loop, who waits when it is empty.

export class Stock<T> {
  readonly #free: T[];
  readonly #size: number;
  #waiting: ((item: T | undefined) => void) | undefined;
  #closed = false;
  #emptied: (() => void) | undefined;

  constructor(items: Iterable<T>) {
    this.#free = [...items];
    this.#size = this.#free.length;
  }

  /** Whether taking one would have to wait. */
  get empty(): boolean {
    return this.#free.length === 0;
  }

  /** The next free item, once there is one; undefined when the stock is closed first. */
  async take(): Promise<T | undefined> {
    if (this.#closed) return undefined;
    return this.#free.pop() ?? new Promise((resolve) => (this.#waiting = resolve));
  }

  give(item: T): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting !== undefined) {
      waiting(item);
      return;
    }
    this.#free.push(item);
    if (this.#free.length === this.#size) this.#emptied?.();
  }

  /** No more are handed out; a taker that waits gets undefined. */
  close(): void {
    this.#closed = true;
    this.#waiting?.(undefined);
    this.#waiting = undefined;
  }

  /** Resolves when every item has been given back. */
  async whole(): Promise<void> {
    if (this.#free.length < this.#size) await new Promise<void>((resolve) => (this.#emptied = resolve));
  }
}
