// How long a hold lasts, and how long a search may take. Pure: the time is given. Called by max.ts.

/** What lengths follow from. */
export interface Pace {
  /** Of --step. */
  readonly stepNs: number;
  readonly batchRows: number;
  readonly flushNs: number;
}

/** Near the limit a hold has so many inserts, as long as it takes no longer than … */
const INSERTS = 100;
/** … so many steps. */
const LONGEST_STEPS = 3;

/** How long a rate is held, without its warm-up, before it is looked at whether that decides. */
export function holdNs({ stepNs, batchRows, flushNs }: Pace, rowsPerSecond: number, isNear: boolean): number {
  if (!isNear) return stepNs;
  const insertNs = Math.min((batchRows / rowsPerSecond) * 1e9, flushNs);
  return Math.min(Math.max(stepNs, INSERTS * insertNs), LONGEST_STEPS * stepNs);
}
