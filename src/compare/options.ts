// What `compare` is asked to do, from raw flags, environment and files. Pure: opens no file.

import { COMPARE_FLAGS } from "../flags.js";
import { OptionsError } from "../options.js";
import { quoted } from "../quoted.js";
import { type Environment, type RawFlags, Reader } from "../reader.js";
import { nearest } from "../text.js";
import type { Demand } from "./compare.js";
import { FIGURE_NAMES } from "./figures.js";

export interface CompareOptions {
  readonly base: string;
  readonly new: string;
  readonly markdown: boolean;
  readonly demands: readonly Demand[];
}

/** Throws an OptionsError with every problem at once. */
export function resolveCompare(raw: RawFlags, environment: Environment, files: readonly string[]): CompareOptions {
  const reader = new Reader(COMPARE_FLAGS, raw, environment);
  if (files.length !== 2) {
    const given = files.length === 0 ? "none" : files.length === 1 ? "only one" : `${files.length}`;
    reader.problem(`compare takes two files, BASE.json and NEW.json, got ${given}`);
  }
  const { label, values } = reader.texts("fail-on");
  const demands = values.flatMap((text) => {
    const demand = parseDemand(text);
    if (typeof demand !== "string") return [demand];
    reader.problem(`${label} must be such as 'p99>+10%' or 'rate<-5%', got ${quoted(text)}: ${demand}`);
    return [];
  });
  const options = { base: files[0] ?? "", new: files[1] ?? "", markdown: reader.switch("markdown"), demands };
  if (reader.problems.length > 0) throw new OptionsError(reader.problems);
  return options;
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
