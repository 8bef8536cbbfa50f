// Rules for numbers, dates, times and addresses → draws, in the units of the type (units.ts). Pure. Called by fit.ts.

import { count, percent, timespan } from "../text.js";
import { type Cells, exponentialCells, mixture, normalCells, quantileCells, zipfCells } from "./cells.js";
import { shown } from "./literal.js";
import type { Cardinality, Quantity, Rule, Things } from "./rule.js";
import { nameOf } from "./takes.js";
import type { Type } from "./type.js";
import { parseDecimal, showUnits, toUnits, type Units } from "./units.js";
import { type Draw, MOST_ROWS } from "./value.js";

/** Hears what is wrong with a part of a rule. */
export type Complain = (rule: Rule, part: string, sentence: string) => void;

/** Where the numbers go: the keys of a map differ, and so may the things of a set. */
export interface Apart {
  readonly key: boolean;
  readonly things: Things | undefined;
}

export class Numbers {
  readonly #problem: Complain;
  /** Equal distributions are one, so that a program holds its table once. */
  readonly #distributions = new Map<string, Cells>();

  /** `law`: for people, see Draw. */
  #cells(name: string, law: string, make: () => Cells): Draw {
    const cells = this.#distributions.get(name) ?? make();
    this.#distributions.set(name, cells);
    return { kind: "cells", cells, law };
  }

  /** Whether the rule says what numbers there are. */
  static has({ uniform, normal, exponential, zipf, quantiles, sequence }: Rule): boolean {
    return [uniform, normal, exponential, zipf, quantiles, sequence].some((law) => law !== undefined);
  }

  constructor(problem: Complain) {
    this.#problem = problem;
  }

  /** In units. Undefined with a problem, or when the rule has no numbers. */
  draw(type: Type, units: Units, rule: Rule, position: Apart): Draw | undefined {
    const quantity = (part: string, given: Quantity | undefined, preset: bigint): bigint | undefined => {
      if (given === undefined) return preset;
      const number = toUnits(type, units.decimals, given);
      if (number === undefined) this.#problem(rule, part, `must be ${units.example}, got ${shown(given)}`);
      else if (type.kind === "Decimal" && parseDecimal(given, units.decimals, false) === undefined) {
        this.#problem(rule, part, `must have at most ${units.decimals} digits behind the point, got ${shown(given)}`);
        return undefined;
      }
      return number;
    };
    /** In units too, but finer than one: a mean may lie between two numbers. */
    const real = (part: string, given: Quantity): number | undefined => {
      const ticks = type.kind === "Time" ? 10 ** type.precision : 1;
      const number = (String(given).trim() === "" ? Number.NaN : Number(given)) * 10 ** units.decimals * ticks;
      if (Number.isFinite(number)) return number;
      const clock = type.kind === "Time" ? quantity(part, given, 0n) : undefined;
      if (type.kind !== "Time") this.#problem(rule, part, `must be a number, got ${shown(given)}`);
      return clock === undefined ? undefined : Number(clock);
    };
    const above = (part: string, number: number | undefined, given: Quantity): boolean => {
      if (number !== undefined && number <= 0) this.#problem(rule, part, `must be above 0, got ${shown(given)}`);
      return number !== undefined && number > 0;
    };
    const show = (number: bigint): string => showUnits(type, units.decimals, number);
    const inside = (part: string, from: bigint, to: bigint): boolean => {
      if (from > to) {
        this.#problem(rule, part, `goes from ${show(from)} down to ${show(to)}: from is to be the lower one`);
        return false;
      }
      if (from >= units.lowest && to <= units.highest) return true;
      this.#problem(
        rule,
        part,
        `goes from ${show(from)} to ${show(to)}, outside of ${show(units.lowest)} to ${show(units.highest)} (${nameOf(type)})`,
      );
      return false;
    };

    if (rule.uniform !== undefined) {
      const from = quantity("uniform.from", rule.uniform.from, 0n);
      const to = quantity("uniform.to", rule.uniform.to, 0n);
      if (from === undefined || to === undefined || !inside("uniform", from, to)) return undefined;
      return this.uniform(from, to, rule, "uniform", position);
    }
    if (position.things?.apart) {
      this.#problem(
        rule,
        "cardinality",
        "goes with uniform, pattern, or no further rule: others do not say how values differ",
      );
      return undefined;
    }
    if (rule.zipf !== undefined) {
      const from = quantity("zipf.from", rule.zipf.from, 1n);
      const to = quantity("zipf.to", rule.zipf.to, units.highest);
      if (from === undefined || to === undefined || !inside("zipf", from, to)) return undefined;
      const { exponent } = rule.zipf;
      return this.#cells(`zipf ${from} ${to} ${exponent}`, `zipf ${exponent} from ${show(from)} to ${show(to)}`, () =>
        zipfCells(from, to - from + 1n, exponent),
      );
    }
    if (rule.quantiles !== undefined) {
      const given = rule.quantiles;
      const values = given.map((value, index) => quantity(`quantiles[${index}]`, value, 0n));
      if (!values.every((value) => value !== undefined)) return undefined;
      const fall = values.findIndex((value, index) => index > 0 && value < (values[index - 1] ?? value));
      if (fall > 0) {
        const sentence = `must not be below the one before it (${shown(given[fall - 1] ?? "")}), got ${shown(given[fall] ?? "")}`;
        this.#problem(rule, `quantiles[${fall}]`, sentence);
        return undefined;
      }
      const [from, to] = [values[0] ?? 0n, values.at(-1) ?? 0n];
      if (!inside("quantiles", from, to)) return undefined;
      const ranges = values.length - 1;
      const law = `quantiles ${show(from)} to ${show(to)} in ${count(ranges, "range")}`;
      return this.#cells(`quantiles ${values.join(" ")}`, law, () => quantileCells(values));
    }
    if (rule.sequence !== undefined) {
      const from = quantity("sequence.from", rule.sequence.from, 0n);
      const step = quantity("sequence.step", rule.sequence.step, 1n);
      if (from === undefined || step === undefined) return undefined;
      const end = step < 0n ? units.lowest : units.highest;
      const to = quantity("sequence.to", rule.sequence.to, end);
      if (to === undefined || !inside("sequence", from < to ? from : to, from < to ? to : from)) return undefined;
      if (step === 0n) {
        const sentence = `must be ${show(1n)} or more, as ${nameOf(type)} has it, got ${shown(rule.sequence.step)}`;
        this.#problem(rule, "sequence.step", sentence);
        return undefined;
      }
      if (to - from !== 0n && to > from !== step > 0n) {
        this.#problem(rule, "sequence", `never comes from ${show(from)} to ${show(to)} in steps of ${show(step)}`);
        return undefined;
      }
      const endless = rule.sequence.to === undefined && step > 0n && units.highest - from >= MOST_ROWS * step;
      return { kind: "sequence", from, step, count: endless ? 0n : (to - from) / step + 1n };
    }
    if (rule.normal !== undefined) {
      const mean = real("normal.mean", rule.normal.mean);
      const sd = real("normal.sd", rule.normal.sd);
      const from = quantity("normal.min", rule.normal.min, units.lowest);
      const to = quantity("normal.max", rule.normal.max, units.highest);
      if (!above("normal.sd", sd, rule.normal.sd) || mean === undefined || sd === undefined) return undefined;
      if (from === undefined || to === undefined || !inside("normal", from, to)) return undefined;
      const law = `normal mean ${rule.normal.mean} sd ${rule.normal.sd}${limits(rule.normal, show, from, to)}`;
      return this.#cells(`normal ${mean} ${sd} ${from} ${to}`, law, () => normalCells(mean, sd, from, to));
    }
    if (rule.exponential !== undefined) {
      const mean = real("exponential.mean", rule.exponential.mean);
      const from = quantity("exponential.min", rule.exponential.min, 0n);
      const to = quantity("exponential.max", rule.exponential.max, units.highest);
      if (!above("exponential.mean", mean, rule.exponential.mean) || mean === undefined) return undefined;
      if (from === undefined || to === undefined || !inside("exponential", from, to)) return undefined;
      const law = `exponential mean ${rule.exponential.mean}${limits(rule.exponential, show, from, to)}`;
      return this.#cells(`exponential ${mean} ${from} ${to}`, law, () => exponentialCells(mean, from, to));
    }
    return undefined;
  }

  uniform(from: bigint, to: bigint, rule: Rule, part: string, { things, key }: Apart): Draw {
    const count = to - from + 1n;
    if (key) return { kind: "shuffled", from, count };
    if (things === undefined) return { kind: "uniform", from, count };
    if (count < BigInt(things.of)) {
      if (things.apart)
        this.#problem(rule, part, `has ${count} values, fewer than the ${things.of} of its cardinality`);
      return { kind: "uniform", from, count };
    }
    return { kind: "spread", from, count, of: BigInt(things.of) };
  }

  /** The number of one of `of` things. */
  index(of: number, draw: Cardinality["draw"]): Draw {
    const count = BigInt(of);
    switch (draw.kind) {
      case "uniform":
        return { kind: "uniform", from: 0n, count };
      case "cycle":
        return { kind: "sequence", from: 0n, step: 1n, count };
      case "zipf": {
        const { exponent } = draw;
        return this.#cells(`zipf 0 ${of - 1} ${exponent}`, `zipf ${exponent}`, () => zipfCells(0n, count, exponent));
      }
    }
  }

  /** How much before the row's time, in nanoseconds; undefined: at it. */
  delay(rule: NonNullable<Rule["time"]>): {
    readonly cells: Cells | undefined;
    readonly law: string | undefined;
    readonly name: string;
  } {
    const name = JSON.stringify(rule, (_, inner) => (typeof inner === "bigint" ? String(inner) : inner));
    const cells = this.#distributions.get(name) ?? delayCells(rule);
    if (cells !== undefined) this.#distributions.set(name, cells);
    return { cells, law: delayLaw(rule), name };
  }
}

function delayCells({ jitterNs = 0n, late }: NonNullable<Rule["time"]>): Cells | undefined {
  const onTime: Cells = [{ first: 0n, count: jitterNs + 1n, weight: 1 }];
  if (late === undefined) return jitterNs === 0n ? undefined : onTime;
  return mixture([
    { share: 1 - late.ratio, cells: onTime },
    { share: late.ratio, cells: exponentialCells(Number(late.meanNs), 0n, late.maxNs) },
  ]);
}

/** For people, see Draw: undefined without a delay. */
function delayLaw({ jitterNs = 0n, late }: NonNullable<Rule["time"]>): string | undefined {
  const laws = [
    ...(jitterNs > 0n ? [`up to ${timespan(jitterNs)} before`] : []),
    ...(late
      ? [`${percent(late.ratio)} late by exponential mean ${timespan(late.meanNs)} to ${timespan(late.maxNs)}`]
      : []),
  ];
  return laws.length === 0 ? undefined : laws.join(", ");
}

/** For people, see Draw: where a law was told to end. */
function limits(
  { min, max }: { readonly min?: Quantity; readonly max?: Quantity },
  show: (units: bigint) => string,
  from: bigint,
  to: bigint,
): string {
  return `${min === undefined ? "" : ` from ${show(from)}`}${max === undefined ? "" : ` to ${show(to)}`}`;
}

/** As many digits behind the point as are written, or as tell about a million values apart. */
export function floatDecimals({ uniform, normal, exponential, quantiles, sequence }: Rule): number {
  let width = 0;
  if (uniform !== undefined) width = Number(uniform.to) - Number(uniform.from);
  else if (normal !== undefined) width = 10 * Number(normal.sd);
  else if (exponential !== undefined) width = 10 * Number(exponential.mean);
  else if (quantiles !== undefined) width = Number(quantiles.at(-1)) - Number(quantiles[0]);
  const enough = width > 0 && Number.isFinite(width) ? 6 - Math.ceil(Math.log10(width)) : 0;
  const written = [uniform, normal, exponential, quantiles, sequence].flatMap((law) => Object.values(law ?? {}));
  const greatest = written.reduce((most, quantity) => Math.max(most, Math.abs(Number(quantity)) || 0), 1);
  // All of them are to fit 64 bits.
  const most = Math.min(12, 17 - Math.ceil(Math.log10(greatest)));
  return Math.max(0, Math.min(12, enough), Math.min(most, Math.max(0, ...written.map(digitsBehindPoint))));
}

function digitsBehindPoint(quantity: Quantity): number {
  const [, fraction = "", exponent = "0"] =
    /^[+-]?\d+(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?$/.exec(String(quantity)) ?? [];
  return Math.max(0, fraction.replace(/0+$/, "").length - Number(exponent));
}
