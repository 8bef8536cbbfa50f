// When a run that cannot reach its rate is ended (--abort-below). Pure: looks at no clock. Called by run.ts once a second.

import { percent } from "./text.js";

/** Over so many seconds the share is taken, and for so many in a row it must be too low: a stall is not yet a limit. */
const WINDOW = 10;

/** Sums since the start, of what is measured. */
interface Standing {
  /** Rows in batches that are due. */
  readonly due: number;
  /** Of these, those that are not acknowledged. */
  readonly missing: number;
}

export class Abort {
  readonly #below: number;
  readonly #last: Standing[] = [{ due: 0, missing: 0 }];
  #lowFor = 0;

  /** `below`: a share of the rate, such as 0.95. */
  constructor(below: number) {
    this.#below = below;
  }

  /** The standing after one more second; why the run is to be ended, if it is. */
  take(standing: Standing): string | undefined {
    this.#last.push(standing);
    const before = this.#last.length > WINDOW ? this.#last.shift() : undefined;
    if (before === undefined) return undefined;
    const due = standing.due - before.due;
    const share = due > 0 ? 1 - (standing.missing - before.missing) / due : 1;
    this.#lowFor = share < this.#below ? this.#lowFor + 1 : 0;
    if (this.#lowFor < WINDOW) return undefined;
    return `stopped by --abort-below ${percent(this.#below)}: over the last ${WINDOW} s ${percent(Math.max(0, share))} of the rows that were due were acknowledged`;
  }
}
