// What a comparison must not show (--fail-on), and whether it does: kept, crossed, or not to be judged from these runs. Pure.

import type { Change } from "./compare.js";
import { changeText } from "./shown.js";

/** A change that is not to be: of more than `limit`, a share of the base. */
export interface Demand {
  readonly expression: string;
  readonly name: string;
  readonly direction: "rise" | "fall";
  readonly limit: number;
}

export interface Outcome {
  readonly kind: "kept" | "crossed" | "unjudged";
  /** What goes behind it. */
  readonly why: string;
}

/**
 * What is more than noise and more than the limit is crossed. What is within the noise is kept where a change of the limit would have
 * been more than noise: else nobody can tell. A figure that is missing keeps nothing.
 */
export function outcomeOf({ name, direction, limit }: Demand, changes: readonly Change[]): Outcome {
  const found = changes.find((change) => change.name === name);
  const { change, few, noise, verdict } = found ?? {};
  if (change === undefined && few !== undefined) return unjudged(`needs ${few.needs} inserts, has ${few.has}`);
  if (change === undefined) return { kind: "crossed", why: "nothing to compare" };
  const text = changeText(change);
  if (verdict === "better" || verdict === "worse") {
    const isBeyond = direction === "rise" ? change > limit : change < -limit;
    return { kind: isBeyond ? "crossed" : "kept", why: text };
  }
  if (noise === undefined) return unjudged("needs 5 measured seconds a run, or several runs a side");
  if (few !== undefined) return unjudged(`needs ${few.needs} inserts, has ${few.has}`);
  if (!Number.isFinite(change)) return unjudged(`it is ${text}, and so few may be chance`);
  if (noise[direction] > limit) {
    const noisy = changeText(direction === "rise" ? noise.rise : -noise.fall);
    return unjudged(`it is ${text}, and up to ${noisy} is noise`);
  }
  return { kind: "kept", why: text };
}

const unjudged = (why: string): Outcome => ({ kind: "unjudged", why });
