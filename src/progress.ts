// The live line of a run: rewritten every second on a terminal, a plain line every few seconds elsewhere. Writes to
// standard error, so that standard output holds the summary alone.

import { clearLine, cursorTo } from "node:readline";
import type { WriteStream } from "node:tty";
import type { Snapshot } from "./snapshot.js";
import { clockTime, milliseconds, short, whole } from "./text.js";

const PLAIN_SECONDS = 5;

export class Progress {
  readonly #stream: WriteStream;
  readonly #durationNs: number;
  #live = false;
  #plainAt = PLAIN_SECONDS;

  constructor(stream: WriteStream, durationNs: bigint) {
    this.#stream = stream;
    this.#durationNs = Number(durationNs);
  }

  update(snapshot: Snapshot, endNs: bigint): void {
    const seconds = snapshot.atNs / 1e9;
    const text = this.#text(snapshot, Number(endNs));
    if (this.#stream.isTTY) {
      this.#rewrite(text);
    } else if (Math.round(seconds) >= this.#plainAt) {
      this.#plainAt += PLAIN_SECONDS;
      this.#stream.write(`${text}\n`);
    }
  }

  #text({ atNs, totals, rowsPerSecond, latency }: Snapshot, endNs: number): string {
    const { failed, unknown } = totals.inserts;
    const leftS = (endNs - atNs) / 1e9;
    // What matters most comes first: a narrow terminal cuts the line.
    return [
      `${clockTime(atNs / 1e9)}/${clockTime(this.#durationNs / 1e9)}`,
      `${short(rowsPerSecond)} rows/s`,
      latency.count === 0 ? "p99 –" : `p99 ${milliseconds(latency.p99)}`,
      `errors ${whole(failed + unknown)}`,
      `in flight ${totals.inFlight}`,
      ...(totals.lagNs > 1e9 ? [`behind ${milliseconds(totals.lagNs / 1e6)}`] : []),
      leftS > 0 ? `${Math.ceil(leftS)} s left` : "draining",
    ].join("  ");
  }

  #rewrite(text: string): void {
    cursorTo(this.#stream, 0);
    this.#stream.write(text.slice(0, Math.max(1, (this.#stream.columns || 80) - 1)));
    clearLine(this.#stream, 1);
    this.#live = true;
  }

  /** A line of its own, above the live line. */
  say(text: string): void {
    this.stop();
    this.#stream.write(`${text}\n`);
  }

  /** Takes the live line away. */
  stop(): void {
    if (!this.#live) return;
    cursorTo(this.#stream, 0);
    clearLine(this.#stream, 0);
    this.#live = false;
  }
}
