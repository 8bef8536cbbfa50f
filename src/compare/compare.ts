// Two sides of runs → what changed, by how much, whether that is more than noise, and what must be known to read it. Pure.
// One run a side: the noise is what each shows of itself (noise.ts). Several: what the runs differ by (runs.ts).

import type { Named } from "../report/read.js";
import { type Figure, figuresOf } from "./figures.js";
import { type Few, isNoChance, type Reach } from "./noise.js";
import { effectOf } from "./runs.js";
import { warningsOf } from "./warnings.js";

/** unknown: the runs are too short to tell. none: one of the runs has no such figure. */
export type Verdict = "better" | "worse" | "no change" | "unknown" | "none";

export interface Change {
  readonly name: string;
  readonly shown: Figure["shown"];
  /** Of several runs their mean, or geometric mean. */
  readonly base: number | undefined;
  readonly new: number | undefined;
  /** A share of the base: 0.1 for a tenth more, Infinity for anything from 0; undefined where there is nothing to compare. */
  readonly change: number | undefined;
  /** The ends of its 99% interval, each undefined where it is not known. */
  readonly low: number | undefined;
  readonly high: number | undefined;
  /** A rise and a fall that are noise still, as shares of the base above 0; undefined: not known. */
  readonly noise: { readonly rise: number; readonly fall: number } | undefined;
  /** So many inserts a run would give the figure, or bound it, and so many there are. */
  readonly few: Few | undefined;
  readonly verdict: Verdict;
}

export interface Comparison {
  readonly base: readonly Named[];
  readonly new: readonly Named[];
  readonly changes: readonly Change[];
  readonly warnings: readonly string[];
}

/** Of each side at least one. */
export function compareReports(base: readonly Named[], other: readonly Named[]): Comparison {
  const sides = [base, other].map((side) => side.map(({ report }) => figuresOf(report)));
  const [bases = [], others = []] = sides;
  const changes = (bases[0] ?? []).map((_, index) => {
    const of = (side: readonly (readonly Figure[])[]) => side.flatMap((figures) => figures[index] ?? []);
    return changeOf(of(bases), of(others));
  });
  return { base, new: other, changes, warnings: warningsOf(base, other) };
}

function changeOf(bases: readonly Figure[], others: readonly Figure[]): Change {
  const all = [...bases, ...others];
  const [figure] = all;
  if (figure === undefined) throw new RangeError("there is nothing to compare");
  const { name, shown } = figure;
  const unknown = { change: undefined, low: undefined, high: undefined, noise: undefined };
  const values = all.flatMap(({ value }) => value ?? []);
  if (values.length < all.length) {
    // More inserts help only where each run that lacks it has some.
    const isNone = all.some((one) => one.value === undefined && one.few === undefined);
    const [few] = isNone ? [] : all.flatMap((one) => one.few ?? []).sort((a, b) => a.has - b.has);
    const [base, other] = [bases, others].map((side) => (side.length === 1 ? side[0]?.value : undefined));
    return { name, shown, base, new: other, ...unknown, few, verdict: "none" };
  }
  // Of nothing there is no logarithm.
  const isLog = figure.scale === "log" && values.every((value) => value > 0);
  const difference = all.length === 2 ? ofTwo(figure, others[0] ?? figure, isLog) : ofMany(bases, others, isLog);
  const { base, other, by, reach } = difference;
  const share = (much: number): number => (much === 0 ? 0 : isLog ? Math.expm1(much) : much / base);
  const known = { name, shown, base, new: other, ...unknown, change: share(by), few: undefined };
  if (reach === undefined) return { ...known, verdict: by === 0 ? "no change" : "unknown" };
  return {
    ...known,
    low: difference.isOpenBelow ? undefined : share(by - reach.down),
    high: difference.isOpenAbove ? undefined : share(by + reach.up),
    noise: { rise: share(reach.down), fall: -share(-reach.up) },
    few: reach.few,
    verdict: verdictOf(figure, difference),
  };
}

/** In the unit of the scale. */
interface Difference {
  /** Of the figure, as is `other`. */
  readonly base: number;
  readonly other: number;
  readonly by: number;
  /** How far up and down the truth may be; undefined: not known. */
  readonly reach: Reach | undefined;
  readonly isOpenBelow?: boolean;
  readonly isOpenAbove?: boolean;
  /** Whether it is one, whatever the noise; undefined: the noise decides. */
  readonly isChange?: boolean | undefined;
}

function verdictOf({ better }: Figure, { by, reach, isChange }: Difference): Verdict {
  const isNoise = reach !== undefined && Math.abs(by) <= (by > 0 ? reach.down : reach.up);
  if (by === 0 || !(isChange ?? !isNoise)) return "no change";
  return by > 0 === (better === "higher") ? "better" : "worse";
}

/** Three runs and more. */
function ofMany(bases: readonly Figure[], others: readonly Figure[], isLog: boolean): Difference {
  const scaled = (side: readonly Figure[]) => side.map(({ value = 0 }) => (isLog ? Math.log(value) : value));
  const grain = Math.max(...[...bases, ...others].map((one) => one.grain));
  const isInUnit = isLog || bases[0]?.scale === "linear";
  const effect = effectOf(scaled(bases), scaled(others), isInUnit ? grain : 0);
  const plain = (value: number): number => (isLog ? Math.exp(value) : value);
  const by = effect.new - effect.base;
  const isFew = Math.min(bases.length, others.length) < FEWEST_RUNS;
  const reach = isFew && by !== 0 ? ofFew(bases, others, isLog, effect.half) : { up: effect.half, down: effect.half };
  return { base: plain(effect.base), other: plain(effect.new), by, reach };
}

/** Of fewer a side, that they are alike may be chance. */
const FEWEST_RUNS = 3;

/** No less than the unrest within a run of each side; undefined: runs that are all alike do not tell theirs. */
function ofFew(bases: readonly Figure[], others: readonly Figure[], isLog: boolean, half: number): Reach | undefined {
  const even = { up: half, down: half };
  // Errors that come all at once have a noise larger than themselves.
  const isError = bases[0]?.name === "error_rate";
  if (isError && bases.every((base) => others.every((other) => isFromNone(base, other) === true))) return even;
  const [ofBases, ofOthers] = [bases, others].map((side) => side.flatMap((figure) => reachOf(figure, isLog) ?? []));
  if (ofBases?.length !== bases.length || ofOthers?.length !== others.length) {
    return [bases, others].every((side) => isAlike(side)) ? undefined : even;
  }
  const typical = (reaches: readonly Reach[], way: "up" | "down"): number =>
    Math.hypot(...reaches.map((reach) => reach[way])) / Math.sqrt(reaches.length);
  return {
    up: Math.max(half, Math.hypot(typical(ofBases, "down"), typical(ofOthers, "up"))),
    down: Math.max(half, Math.hypot(typical(ofBases, "up"), typical(ofOthers, "down"))),
  };
}

const isAlike = (side: readonly Figure[]): boolean => side.every(({ value }) => value === side[0]?.value);

/** One run a side. What the base may lie higher, or the other lower, takes from a rise. */
function ofTwo(base: Figure, other: Figure, isLog: boolean): Difference {
  const [one = 0, two = 0] = [base.value, other.value];
  const [a, b] = [reachOf(base, isLog), reachOf(other, isLog)];
  const by = isLog ? Math.log(two / one) : two - one;
  const values = { base: one, other: two, by };
  if (a === undefined || b === undefined) return { ...values, reach: undefined };
  const grain = isLog || base.scale === "linear" ? Math.max(base.grain, other.grain) : 0;
  const least = (noise: number): number => (by === 0 ? noise : Math.max(noise, grain));
  const few = [a, b].flatMap((reach) => reach.few ?? []).sort((x, y) => x.has - y.has)[0];
  return {
    ...values,
    reach: { up: least(Math.hypot(a.down, b.up)), down: least(Math.hypot(a.up, b.down)), ...(few && { few }) },
    isOpenBelow: a.few !== undefined,
    isOpenAbove: b.few !== undefined,
    isChange: base.name === "error_rate" ? isFromNone(base, other) : by > 0 ? isBeyond(b, a) : isBeyond(a, b),
  };
}

/** Errors that come all at once have a noise larger than themselves; none at all, and more than a few, are not the same. */
function isFromNone(base: Figure, other: Figure): boolean | undefined {
  const [none, some] = [base, other].toSorted((a, b) => (a.value ?? 0) - (b.value ?? 0));
  if (none?.value !== 0 || some?.value === undefined) return undefined;
  return isNoChance(some.value / some.grain, 1 / some.grain, 1 / none.grain);
}

/** False: the faster run is not bounded above, and too few seconds of the slower one are beyond its slowest insert. */
function isBeyond({ tail: slow }: Reach, { tail: fast, few }: Reach): false | undefined {
  if (few === undefined || slow === undefined || fast === undefined) return undefined;
  return isNoChance(slow.beyond(fast.largest), slow.points, fast.points) ? undefined : false;
}

function reachOf(figure: Figure, isLog: boolean): Reach | undefined {
  const reach = figure.noise();
  if (reach === undefined || isLog || figure.scale === "linear") return reach;
  const { value = 0 } = figure;
  return { ...reach, up: value * Math.expm1(reach.up), down: -value * Math.expm1(-reach.down) };
}
