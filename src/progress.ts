// The live line of a run: rewritten every second on a terminal, a plain line every few seconds elsewhere. Writes to
// standard error, so that standard output holds the summary alone.

import { clearLine, cursorTo } from "node:readline";
import type { WriteStream } from "node:tty";
import type { Snapshot } from "./snapshot.js";
import { clockTime, milliseconds, printable, short, whole } from "./text.js";

const PLAIN_SECONDS = 5;
const GAP = "  ";
/** For the ^C a terminal echoes, which would begin a new line otherwise. */
const ECHO_COLUMNS = 3;

/** One figure of the line. Where there is not room for all, those of the lowest rank go first. */
interface Figure {
  readonly rank: number;
  readonly text: string;
}

export class Progress {
  readonly #stream: WriteStream;
  #durationNs: number;
  #plainAt = PLAIN_SECONDS;
  #ceiling: string | undefined;
  readonly #warmUpNs: number;

  constructor(stream: WriteStream, durationNs: bigint, warmUpNs = 0n) {
    this.#stream = stream;
    this.#durationNs = Number(durationNs);
    this.#warmUpNs = Number(warmUpNs);
  }

  /** What the figures are about: ceiling.ts. */
  measures(ceiling: string): void {
    this.#ceiling = ceiling;
  }

  /** The run turns out to last so long; undefined: nobody knows how long. */
  lasts(durationNs: bigint | undefined): void {
    this.#durationNs = durationNs === undefined ? Number.POSITIVE_INFINITY : Number(durationNs);
  }

  update(snapshot: Snapshot, endNs: bigint): void {
    const figures = figuresOf(snapshot, this.#durationNs, Number(endNs));
    if (this.#ceiling !== undefined) figures.splice(2, 0, { rank: 3.5, text: this.#ceiling });
    if (snapshot.atNs < this.#warmUpNs) figures.splice(1, 0, { rank: 8.5, text: "warm-up" });
    if (this.#stream.isTTY) {
      this.#rewrite(lineOf(figures, (this.#stream.columns || 80) - ECHO_COLUMNS));
    } else if (Math.round(snapshot.atNs / 1e9) >= this.#plainAt) {
      this.#plainAt += PLAIN_SECONDS;
      this.#stream.write(`${lineOf(figures, Number.POSITIVE_INFINITY)}\n`);
    }
  }

  #rewrite(text: string): void {
    cursorTo(this.#stream, 0);
    this.#stream.write(text);
    clearLine(this.#stream, 1);
  }

  /** A line of its own, above the live line. */
  say(text: string): void {
    this.stop();
    this.#stream.write(`${printable(text)}\n`);
  }

  /** Takes the live line away, or the ^C that stands in its place. */
  stop(): void {
    if (!this.#stream.isTTY) return;
    cursorTo(this.#stream, 0);
    clearLine(this.#stream, 0);
  }
}

/** In the order of the line. Their widths stay the same from second to second, so that the eye finds them. */
function figuresOf(snapshot: Snapshot, durationNs: number, endNs: number): Figure[] {
  const { atNs, totals, rowsPerSecond, latency, scheduled, unanswered } = snapshot;
  const { failed, unknown } = totals.inserts;
  const isOpen = durationNs === Number.POSITIVE_INFINITY;
  const left = isOpen ? "until the rows end" : `${clockTime(Math.ceil((endNs - atNs) / 1e9))} left`;
  const quantile = (ms: number | null): string => (ms === null ? "–" : milliseconds(ms)).padStart(8);
  // Of fewer inserts a second there is no p99 but their longest.
  const longest = latency.p99 === null ? `max ${quantile(latency.max)}` : `p99 ${quantile(latency.p99)}`;
  return [
    { rank: 4, text: isOpen ? clockTime(atNs / 1e9) : `${clockTime(atNs / 1e9)}/${clockTime(durationNs / 1e9)}` },
    { rank: 9, text: `${short(rowsPerSecond).padStart(5)} rows/s` },
    { rank: 2, text: `p50 ${quantile(latency.p50)}` },
    { rank: 5, text: longest },
    { rank: 7, text: `errors ${whole(failed + unknown)}` },
    ...(totals.retries > 0 ? [{ rank: 6.8, text: `retries ${whole(totals.retries)}` }] : []),
    { rank: 3, text: `in flight ${String(totals.inFlight).padStart(2)}` },
    { rank: 1, text: `${whole(totals.acknowledged)} rows` },
    ...(totals.dropped > 0 ? [{ rank: 6.5, text: `dropped ${whole(totals.dropped)}` }] : []),
    ...(totals.lagNs > 1e9 ? [{ rank: 6, text: `behind ${milliseconds(totals.lagNs / 1e6)}` }] : []),
    // More than came in since the last line: it is getting behind, or slow, wherever the rows are.
    ...(unanswered > scheduled ? [{ rank: 6.2, text: `${short(unanswered)} unanswered` }] : []),
    { rank: 8, text: endNs > atNs ? left : "draining" },
  ];
}

/** As many of the figures, by rank, as there is room for; never a part of one, but of the last that is left. */
function lineOf(figures: readonly Figure[], columns: number): string {
  const line = figures.map(({ text }) => text).join(GAP);
  if (line.length <= columns) return line;
  if (figures.length === 1) return line.slice(0, Math.max(1, columns));
  const lowest = Math.min(...figures.map(({ rank }) => rank));
  return lineOf(
    figures.filter(({ rank }) => rank !== lowest),
    columns,
  );
}
