// Thresholds: what a run must keep to, such as p99<500ms, and whether it did. Pure: read by threshold-options.ts before a
// run, evaluated after it.

import { QUANTILES as KEPT_QUANTILES, type Latency } from "./latency.js";
import { parseDecimal, parseDuration, parseInteger, parseRate } from "./quantities.js";
import { quoted } from "./quoted.js";
import { ratioOf } from "./schedule.js";
import { nearest, percent } from "./text.js";

const OPERATORS = {
  "<": (value: number, bound: number) => value < bound,
  "<=": (value: number, bound: number) => value <= bound,
  ">": (value: number, bound: number) => value > bound,
  ">=": (value: number, bound: number) => value >= bound,
  "==": (value: number, bound: number) => value === bound,
} as const;
type Operator = keyof typeof OPERATORS;

/** What bound and value are given in; a share is one of 1. */
export type Unit = "ms" | "share" | "rows/s" | "rows";

/** What a threshold is about, and what must be there to measure it. */
export type Subject = "latency" | "service" | "error_rate" | "achieved_rate" | "lag" | "rows_lost";

export interface Threshold {
  /** As it was given, but for spaces. */
  readonly expression: string;
  readonly subject: Subject;
  /** Of latency and service. */
  readonly quantile: keyof Latency | undefined;
  readonly operator: Operator;
  readonly bound: number;
  readonly unit: Unit;
}

/** What was measured, without the warm-up; the ledger's rows are of the whole run. Undefined: it was not. */
export interface Figures {
  readonly latency: Latency | undefined;
  readonly service: Latency;
  /** Inserts failed or unknown, of all. */
  readonly errorRate: number | undefined;
  readonly achievedRowsPerS: number | undefined;
  readonly targetRowsPerS: number | undefined;
  /** By so much achieved may be off, in rows per second. */
  readonly achievedErrorRowsPerS: number;
  readonly maxLagMs: number | undefined;
  readonly rowsLost: number | undefined;
}

export interface Verdict {
  readonly expression: string;
  /** In the threshold's unit. Undefined: there is none, and the threshold is crossed. */
  readonly value: number | undefined;
  /** The value for a person, with its unit. */
  readonly text: string;
  /** Nothing that was measured speaks against it. */
  readonly passed: boolean;
  /** Why it cannot be judged all the same, going on from "cannot judge: "; undefined: it is. */
  readonly unjudged: string | undefined;
}

const QUANTILES: ReadonlyMap<string, keyof Latency> = new Map<string, keyof Latency>([
  ...KEPT_QUANTILES.map(({ name, field }) => [name, field] as const),
  ["max", "max"],
  ["mean", "mean"],
]);
const SERVICE = "service_";
const OTHERS = ["error_rate", "achieved_rate", "lag", "rows_lost"] as const;

/** All that a threshold may be about. */
export const THRESHOLD_NAMES: readonly string[] = [
  ...QUANTILES.keys(),
  ...[...QUANTILES.keys()].map((name) => SERVICE + name),
  ...OTHERS,
];

/** Says what is wrong with it, if so: the end of a sentence that has told what came. */
export function parseThreshold(text: string): Threshold | string {
  const [, name = "", operator = "", boundText = ""] = /^\s*([^\s<>=!≤≥]*)\s*([<>=!≤≥]*)\s*(.*?)\s*$/s.exec(text) ?? [];
  const about = aboutOf(name);
  if (about === undefined) return unknownName(name);
  if (operator === "") return "it has no operator; put it in quotes, as a shell takes < and > for itself";
  if (!isOperator(operator)) return `${operator} is none of <, <=, >, >= and ==`;
  const { subject } = about;
  if (operator === "==" && subject !== "error_rate" && subject !== "rows_lost") {
    return "no measurement is ever exactly so; == is for error_rate and rows_lost";
  }
  const bound = parseBound(subject, boundText.replace(/\s+/g, ""));
  if (typeof bound === "string") return bound;
  if (bound.bound === 0 && operator === "<") return "that is never so: nothing is below 0";
  if (bound.bound === 0 && operator === ">=") return "that is always so: nothing is below 0";
  return { expression: `${name}${operator}${boundText.replace(/\s+/g, "")}`, ...about, operator, ...bound };
}

const isOperator = (text: string): text is Operator => Object.hasOwn(OPERATORS, text);

function aboutOf(name: string): Pick<Threshold, "subject" | "quantile"> | undefined {
  const other = OTHERS.find((candidate) => candidate === name);
  if (other !== undefined) return { subject: other, quantile: undefined };
  const ofService = name.startsWith(SERVICE);
  const quantile = QUANTILES.get(ofService ? name.slice(SERVICE.length) : name);
  return quantile && { subject: ofService ? "service" : "latency", quantile };
}

function unknownName(name: string): string {
  if (name === "") return "it does not begin with a name";
  // p999 and p(99) are how others write it. Of quantiles that are not kept, none is meant by another.
  const letters = (text: string): string => text.toLowerCase().replace(/[^a-z0-9]/g, "");
  const near =
    THRESHOLD_NAMES.find((candidate) => letters(candidate) === letters(name)) ??
    (/^(service_)?p[\d(]/i.test(name) ? undefined : nearest(name, THRESHOLD_NAMES));
  return `there is no ${quoted(name)}${near === undefined ? "" : `: did you mean ${near}?`}`;
}

type Bound = Pick<Threshold, "bound" | "unit">;

function parseBound(subject: Subject, text: string): Bound | string {
  switch (subject) {
    case "latency":
    case "service":
    case "lag":
      return parseTimeBound(text);
    case "error_rate":
      return parseShare(text);
    case "achieved_rate":
      return text.endsWith("%") ? parsePercentage(text) : parseRateBound(text);
    case "rows_lost": {
      const bound = parseInteger(text, 0, Number.MAX_SAFE_INTEGER);
      return bound === undefined ? "rows_lost takes a number of rows, such as rows_lost==0" : { bound, unit: "rows" };
    }
  }
}

function parseTimeBound(text: string): Bound | string {
  const micros = /^([\d.]+)(?:us|µs|μs)$/.exec(text)?.[1];
  const decimal = parseDecimal(micros ?? "");
  const ns = micros === undefined ? parseDuration(text) : undefined;
  if (decimal !== undefined) {
    return { bound: Number(decimal.numerator) / Number(decimal.denominator * 1000n), unit: "ms" };
  }
  if (ns !== undefined && !/^[\d.]+$/.test(text)) return { bound: Number(ns) / 1e6, unit: "ms" };
  return ns === undefined
    ? "its time must be such as 250us, 500ms, 1.5s or 2m"
    : `its time needs a unit, such as ${text}ms`;
}

function parsePercentage(text: string): Bound | string {
  const decimal = parseDecimal(text.slice(0, -1));
  if (decimal === undefined || decimal.numerator > 100n * decimal.denominator) {
    return "its percentage must be from 0% to 100%";
  }
  return { bound: Number(decimal.numerator) / Number(decimal.denominator * 100n), unit: "share" };
}

function parseShare(text: string): Bound | string {
  if (text.endsWith("%")) return parsePercentage(text);
  const decimal = parseDecimal(text);
  if (decimal === undefined || decimal.numerator > decimal.denominator) {
    return "error_rate takes a percentage or a share, such as 1% or 0.01";
  }
  if (decimal.numerator === decimal.denominator) return "1 may be 1% or 100%: write which";
  return { bound: ratioOf(decimal), unit: "share" };
}

function parseRateBound(text: string): Bound | string {
  const rate = parseRate(text);
  if (rate === undefined || rate === "max") {
    return "achieved_rate takes a percentage of the target or rows per second, such as 99% or 250k";
  }
  if (rate.numerator <= rate.denominator) return `${text} would be rows per second: write a share as a percentage`;
  return { bound: ratioOf(rate), unit: "rows/s" };
}

export function evaluate(threshold: Threshold, figures: Figures): Verdict {
  const { expression, operator, bound } = threshold;
  const few = tooFew(threshold, figures);
  if (few !== undefined) return fewVerdict(threshold, few);
  const value = measured(threshold, figures);
  const passed = value !== undefined && OPERATORS[operator](value, bound);
  return {
    expression,
    value,
    text: value === undefined ? "nothing measured" : valueText(value, threshold),
    passed,
    unjudged: passed ? rateError(threshold, value, figures) : undefined,
  };
}

/** Why a rate that passes may not have: inserts are few or long. */
function rateError({ subject, operator, bound, unit }: Threshold, value: number, figures: Figures): string | undefined {
  if (subject !== "achieved_rate") return undefined;
  const { achievedErrorRowsPerS: error, targetRowsPerS: target = 1 } = figures;
  const off = unit === "share" ? error / target : error;
  if (OPERATORS[operator](value - off, bound) && OPERATORS[operator](value + off, bound)) return undefined;
  return `achieved is right to ${percent(off / value)} only`;
}

/** How many inserts it takes to judge it; undefined: any number. */
export const samplesFor = ({ quantile }: Pick<Threshold, "quantile">): number | undefined =>
  KEPT_QUANTILES.find(({ field }) => field === quantile)?.samples;

interface Few {
  readonly has: number;
  readonly needs: number;
  readonly max: number;
}

/** Of inserts, for its quantile. */
function tooFew(threshold: Threshold, figures: Figures): Few | undefined {
  const { subject } = threshold;
  const latency = subject === "latency" || subject === "service" ? figures[subject] : undefined;
  const needs = samplesFor(threshold);
  if (latency === undefined || needs === undefined || latency.count === 0 || latency.count >= needs) return undefined;
  return { has: latency.count, needs, max: latency.max ?? 0 };
}

/** Of so few inserts a single one is more than the share that may be slower: where one is, it is crossed. That none is says little. */
function fewVerdict(threshold: Threshold, { has, needs, max }: Few): Verdict {
  const { expression, operator, bound } = threshold;
  if (!OPERATORS[operator](max, bound)) {
    return { expression, value: max, text: valueText(max, threshold), passed: false, unjudged: undefined };
  }
  const unjudged = `needs ${needs} inserts, has ${has}`;
  return { expression, value: undefined, text: `cannot judge: ${unjudged}`, passed: true, unjudged };
}

function measured({ subject, quantile, unit }: Threshold, figures: Figures): number | undefined {
  switch (subject) {
    case "latency":
    case "service": {
      const latency = figures[subject];
      return latency === undefined || quantile === undefined ? undefined : (latency[quantile] ?? undefined);
    }
    case "error_rate":
      return figures.errorRate;
    case "achieved_rate": {
      const { achievedRowsPerS, targetRowsPerS } = figures;
      if (unit === "rows/s" || achievedRowsPerS === undefined) return achievedRowsPerS;
      return targetRowsPerS === undefined ? undefined : achievedRowsPerS / targetRowsPerS;
    }
    case "lag":
      return figures.maxLagMs;
    case "rows_lost":
      return figures.rowsLost;
  }
}

/** Digits that are shown at least: counts are whole, rates as the summary has them. */
const DIGITS: Readonly<Record<Unit, number>> = { ms: 3, share: 3, "rows/s": 6, rows: 15 };

/** For a person, with as many digits as tell on which side of the bound it is: 500.2 ms is not 500 ms. */
export function valueText(value: number, { bound, unit }: Threshold): string {
  const side = Math.sign(value - bound);
  let rounded = value;
  for (let digits = DIGITS[unit]; digits <= 15; digits++) {
    rounded = Number(value.toPrecision(digits));
    if (Math.sign(rounded - bound) === side) break;
  }
  const number = (of: number): string =>
    Number(of.toPrecision(15)).toLocaleString("en-US", { maximumFractionDigits: 15 });
  if (unit === "share") return `${number(rounded * 100)}%`;
  return unit === "ms" && rounded >= 1000 ? `${number(rounded / 1000)} s` : `${number(rounded)} ${unit}`;
}
