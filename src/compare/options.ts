// What `compare` is asked to do, from raw flags, environment and files. Pure: opens no file.

import { COMPARE_FLAGS } from "../flags.js";
import { OptionsError } from "../options.js";
import { quoted } from "../quoted.js";
import { type Environment, type RawFlags, Reader } from "../reader.js";
import { nearest } from "../text.js";
import { FIGURE_NAMES } from "./figures.js";
import type { Demand } from "./gate.js";

export interface CompareOptions {
  /** Files, of each side at least one. */
  readonly base: readonly string[];
  readonly new: readonly string[];
  readonly markdown: boolean;
  readonly demands: readonly Demand[];
  /** A demand that cannot be judged is an exit code of its own. */
  readonly strict: boolean;
}

/** What stands between the two sides. */
export const BETWEEN = "--";

const FORM = "A.json … -- B.json …";

/** `words`: files, with {@link BETWEEN} among them or not. Throws an OptionsError with every problem at once. */
export function resolveCompare(raw: RawFlags, environment: Environment, words: readonly string[]): CompareOptions {
  const reader = new Reader(COMPARE_FLAGS, raw, environment);
  const sides = sidesOf(words);
  if (typeof sides === "string") reader.problem(sides);
  const { label, values } = reader.texts("fail-on");
  const demands = values.flatMap((text) => {
    const demand = parseDemand(text);
    if (typeof demand !== "string") return [demand];
    reader.problem(`${label} must be such as 'p99>+10%' or 'rate<-5%', got ${quoted(text)}: ${demand}`);
    return [];
  });
  const options = { markdown: reader.switch("markdown"), demands, strict: reader.switch("strict") };
  if (reader.problems.length > 0 || typeof sides === "string") throw new OptionsError(reader.problems);
  return { ...sides, ...options };
}

/** The files of each side, or what is wrong with them. Two need nothing between them. */
function sidesOf(words: readonly string[]): Pick<CompareOptions, "base" | "new"> | string {
  const at = words.indexOf(BETWEEN);
  if (at < 0) {
    const [base, other, ...more] = words;
    if (base !== undefined && other !== undefined && more.length === 0) return { base: [base], new: [other] };
    const given = words.length === 0 ? "none" : words.length === 1 ? "only one" : `${words.length}`;
    return `compare takes two files, BASE.json and NEW.json, got ${given}; several runs a side are ${FORM}`;
  }
  const [base, other] = [words.slice(0, at), words.slice(at + 1)];
  if (other.includes(BETWEEN)) return `compare takes one -- between two sides, as ${FORM}, got more`;
  const empty = base.length === 0 ? "before" : other.length === 0 ? "behind" : undefined;
  return empty === undefined
    ? { base, new: other }
    : `compare takes files on both sides of --, as ${FORM}, got none ${empty} it`;
}

/** Says what is wrong with it, if so. */
export function parseDemand(text: string): Demand | string {
  const match = /^\s*([^\s<>=]*)\s*(<=?|>=?)?\s*(.*?)\s*$/s.exec(text);
  const [, name = "", operator = "", bound = ""] = match ?? [];
  if (!FIGURE_NAMES.includes(name)) {
    const near = name === "" ? undefined : nearest(name, FIGURE_NAMES);
    const names = `there are ${FIGURE_NAMES.slice(0, -1).join(", ")} and ${FIGURE_NAMES.at(-1)}`;
    return `${name === "" ? "it does not begin with a name" : `there is no ${quoted(name)}`}${near === undefined ? "" : `, did you mean ${near}?`}; ${names}`;
  }
  if (operator === "") return "it has no < or >; put it in quotes, as a shell takes them for itself";
  const [, sign = "", digits = ""] = /^([+-]?)(\d{1,9}(?:\.\d{1,9})?)%$/.exec(bound) ?? [];
  if (digits === "") return "its limit must be a percentage of the base, such as +10%";
  const direction = operator.startsWith(">") ? "rise" : "fall";
  if ((direction === "rise" && sign === "-") || (direction === "fall" && sign !== "-" && Number(digits) > 0)) {
    const meant = direction === "rise" ? `${name}<-${digits}%` : `${name}>+${digits}%`;
    return `that would fail on no change; is ${meant} meant?`;
  }
  return { expression: text.replace(/\s+/g, ""), name, direction, limit: Number(digits) / 100 };
}
