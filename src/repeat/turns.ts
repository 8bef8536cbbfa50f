// The runs of a repetition: in which order, and what each is called. Pure.

import { parse } from "node:path";
import { EXIT } from "../exit.js";
import type { Options } from "../options.js";

export type SideName = "base" | "against";

export interface Turn {
  readonly side: SideName;
  /** 1, 2 … of its side. */
  readonly number: number;
  readonly options: Options;
}

/**
 * The base alone, so many times; or both sides in turn, A B B A A B B A …, so that what drifts drifts for both. All have one seed: the
 * same rows.
 */
export function turnsOf(base: Options, against: Options | undefined, times: number): readonly Turn[] {
  return Array.from({ length: times }, (_, index): readonly Turn[] => {
    const number = index + 1;
    const own: Turn = { side: "base", number, options: numbered(base, base, `-${number}`) };
    if (against === undefined) return [own];
    const other: Turn = { side: "against", number, options: numbered(against, base, `-${number}`, "against") };
    return index % 2 === 0 ? [own, other] : [other, own];
  }).flat();
}

/** A run of its own: `base` says what names and ids are made of. */
function numbered(options: Options, base: Options, suffix: string, side?: string): Options {
  const { runId, seed, reportFile, ledgerFile, metrics, holdMs } = base;
  const file = (name: string | undefined) => name && fileOf(name, side === undefined ? suffix : `.${side}${suffix}`);
  return {
    ...options,
    seed,
    metrics,
    holdMs,
    runId: `${runId}${side === undefined ? "" : `-${side}`}${suffix}`,
    reportFile: file(reportFile),
    ledgerFile: file(ledgerFile),
  };
}

/** base.json → base-1.json, base.against-1.json: `base-*.json` are those of one side. */
function fileOf(name: string, suffix: string): string {
  const { base, name: stem, ext } = parse(name);
  return `${name.slice(0, name.length - base.length)}${stem}${suffix}${ext}`;
}

/** In the order in which exit codes apply: any other is that of a signal. */
const ORDER: readonly number[] = [EXIT.badOptions, EXIT.noTarget, EXIT.incomplete, EXIT.crossed, EXIT.unjudged];

/** The first that applies to any of the runs. */
export function worstOf(codes: readonly number[]): number {
  const worst = ORDER.find((code) => codes.includes(code));
  return worst ?? codes.find((code) => code !== EXIT.done) ?? EXIT.done;
}
