// The stages of a load: the rate goes from that of the stage before to that of this one in a straight line. Pure.

import { parseDuration, parseRateOrZero, SPANS } from "./quantities.js";
import { quoted } from "./quoted.js";
import { holding, type Piece, type Ratio } from "./schedule.js";

export interface Stage {
  /** 0: a step. */
  readonly durationNs: bigint;
  /** At its end. */
  readonly rowsPerSecond: Ratio;
}

export const ZERO: Ratio = { numerator: 0n, denominator: 1n };

/** "30s:100k". What is wrong with it otherwise, going on from "--stage …". */
export function parseStage(text: string): Stage | string {
  const [time, rate, ...more] = text.split(":").map((part) => part.trim());
  const form = "must be a time and a rate such as 30s:100k";
  if (time === undefined || rate === undefined || more.length > 0) return `${form}, got ${quoted(text)}`;
  const durationNs = parseDuration(time);
  if (durationNs === undefined || durationNs > SPANS.run.to) {
    return `${form} with a time such as 0s, 90s, 10m or 2h, up to 2160h, got ${quoted(time)} in ${quoted(text)}`;
  }
  if (/^-/.test(rate)) return `cannot go below 0 rows per second, got ${quoted(rate)} in ${quoted(text)}`;
  const rowsPerSecond = parseRateOrZero(rate);
  if (rowsPerSecond === undefined) {
    return `${form} with rows per second from 0 to 1000M, such as 0, 2.5, 250k or 1.5M, got ${quoted(rate)} in ${quoted(text)}`;
  }
  return { durationNs, rowsPerSecond };
}

/** The first begins at 0 rows per second. */
export function piecesOf(stages: readonly Stage[]): Piece[] {
  return stages.map(({ durationNs, rowsPerSecond }, index) => ({
    durationNs,
    from: stages[index - 1]?.rowsPerSecond ?? ZERO,
    to: rowsPerSecond,
  }));
}

/** The rate `rate` for the warm-up, where there is one, and then the stages, or that rate for the rest of the time. */
export function piecesWithWarmUp(rate: Ratio, warmUpNs: bigint, durationNs: bigint, stages: readonly Stage[]): Piece[] {
  const measured = stages.length > 0 ? piecesOf(stages) : [holding(rate, durationNs - warmUpNs)];
  return warmUpNs > 0n ? [holding(rate, warmUpNs), ...measured] : measured;
}

/** Whether all stages together have no row: none lasts above a rate of 0. */
export const areEmpty = (stages: readonly Stage[]): boolean =>
  piecesOf(stages).every(
    ({ durationNs, from, to }) => durationNs === 0n || (from.numerator === 0n && to.numerator === 0n),
  );
