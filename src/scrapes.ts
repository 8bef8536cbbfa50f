// Who scraped /metrics and left before the end: a counter's last rows are in no sample when the run ends between two scrapes. Pure.

import { whole } from "./text.js";

/** Between scrapes where there was one alone, as many set it. */
const USUAL_S = 15;

export class Scrapes {
  #seen: { readonly rows: number; readonly atMs: number } | undefined;
  #gapMs = 0;

  /**
   * A scrape was answered.
   * @param rows of which it told what became of them
   * @param nowMs on any clock, always the same
   */
  answered(rows: number, nowMs: number): void {
    if (this.#seen !== undefined) this.#gapMs = nowMs - this.#seen.atMs;
    this.#seen = { rows, atMs: nowMs };
  }

  /** A sentence on what the last scrape did not see of so many rows; undefined: nothing, or nobody scrapes. */
  whyIncomplete(rows: number): string | undefined {
    if (this.#seen === undefined || this.#seen.rows >= rows) return undefined;
    const holdS = Math.max(USUAL_S, Math.ceil(this.#gapMs / 1000));
    return `the last scrape of /metrics saw ${whole(this.#seen.rows)} of ${whole(rows)} rows: --hold ${holdS}s keeps it up for one more`;
  }
}
