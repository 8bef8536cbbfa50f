// The shapes of rules in a config file, for zod, and its issues as our sentences. What values mean together is rules.ts.
// Each schema's message is what it expects: "must be …" is put before it, what came behind it.

import { z } from "zod";
import { LONGEST_NS, parseDuration } from "../quantities.js";
import { withoutLogins } from "../quoted.js";
import { type Quantity, type Scalar, unwritten } from "../rows/rule.js";
import { nearest } from "../text.js";
import { type Path, type Tree, UNQUOTED_PATTERN } from "./document.js";

/** A value that passes the test; numbers however they are written. */
function is<T>(expected: string, test: (value: unknown) => boolean) {
  return z
    .custom<T>((value) => test(unwritten(value)), { error: expected })
    .transform((value) => unwritten(value) as T);
}

/** A mapping with these keys and no other. */
function mapping<S extends z.core.$ZodLooseShape>(shape: S, expected = `a mapping of ${listed(Object.keys(shape))}`) {
  return z.preprocess(
    (value) => (value instanceof Map ? byName(value) : value),
    z.strictObject(shape, {
      // The names there are, for "did you mean".
      error: ({ code }) => (code === "unrecognized_keys" ? Object.keys(shape).join(" ") : expected),
    }),
  );
}

const byName = (map: ReadonlyMap<unknown, unknown>): Record<string, unknown> =>
  Object.fromEntries([...map].map(([key, value]) => [String(key), value]));

function listed(names: readonly string[]): string {
  return names.length > 1 ? `${names.slice(0, -1).join(", ")} and ${names.at(-1)}` : names.join();
}

export const isWhole = (value: unknown): value is number | bigint =>
  typeof value === "bigint" || Number.isSafeInteger(value);
const isNumber = (value: unknown): value is number | bigint => typeof value === "bigint" || Number.isFinite(value);
const isWithin = (value: unknown, from: number, to: number): boolean => isNumber(value) && value >= from && value <= to;
const isText = (value: unknown): value is string => typeof value === "string" && value !== "";

const quantity = is<Quantity>("a number, or a date, a time or a duration", (value) => isNumber(value) || isText(value));
const wholeNumber = is<Quantity>("a whole number", (value) => isNumber(value) || isText(value));
const share = is<number>("a number from 0 to 1", (value) => isWithin(value, 0, 1));
const exponent = is<number>("a number above 0 and up to 10", (value) => isWithin(value, 0, 10) && value !== 0);
const anything = z.custom<Tree>(() => true);

function duration(from: bigint) {
  const read = (value: unknown): bigint | undefined => {
    const ns = isNumber(value) || isText(value) ? parseDuration(String(value)) : undefined;
    return ns !== undefined && ns >= from && ns <= LONGEST_NS ? ns : undefined;
  };
  return is<string | number>(
    `a duration such as 50ms, 90s, 2h or 7d${from > 0n ? ", above 0" : ""} and up to 36500d`,
    (value) => read(value) !== undefined,
  ).transform((value) => read(value) ?? from);
}

/** All of a rule that holds no other rule. */
const FLAT = {
  constant: anything.optional(),
  sequence: mapping({ from: quantity.optional(), step: quantity.optional(), to: quantity.optional() }).optional(),
  uniform: mapping({ from: quantity, to: quantity }).optional(),
  normal: mapping({
    mean: quantity,
    sd: quantity,
    min: quantity.optional(),
    max: quantity.optional(),
  }).optional(),
  exponential: mapping({ mean: quantity, min: quantity.optional(), max: quantity.optional() }).optional(),
  // A time of day is one of its ticks; that a number is whole is asked in rules.ts.
  zipf: mapping({ from: wholeNumber.optional(), to: wholeNumber, exponent: exponent.optional() }).optional(),
  quantiles: z
    .array(quantity, { error: "a list of values that do not fall, such as [0, 10, 50]" })
    .min(2, { error: "a list of 2 to 1001 values" })
    .max(1001, { error: "a list of 2 to 1001 values" })
    .optional(),
  choice: is<readonly Tree[] | ReadonlyMap<Scalar, Tree>>(
    "a list of values, or a mapping of values to their weights",
    (value) => value instanceof Map || Array.isArray(value),
  ).optional(),
  pattern: is<string>("a text", (value) => typeof value === "string").optional(),
  time: mapping({
    jitter: duration(0n).optional(),
    late: mapping({ ratio: share, mean: duration(1n), max: duration(1n).optional() }).optional(),
  }).optional(),
  cardinality: z
    .preprocess(
      (value) => (isNumber(unwritten(value)) || isText(value) ? new Map([["of", value]]) : value),
      mapping(
        {
          of: is<number | bigint>(
            "a whole number from 1 to 2^53",
            (value) => (isWhole(value) && value >= 1 && value <= 2 ** 53) || value === 2 ** 53,
          ),
          zipf: exponent.optional(),
          cycle: is<boolean>("true or false", (value) => typeof value === "boolean").optional(),
          key: is<string>("a name", isText).optional(),
        },
        "a whole number from 1 to 2^53, or a mapping of of, zipf, cycle and key",
      ),
    )
    .optional(),
  same: is<string>("the name of a column", isText).optional(),
  nulls: share.optional(),
  decimals: is<number>("a whole number from 0 to 18", (value) => isWhole(value) && isWithin(value, 0, 18)).optional(),
  type: is<string>("a ClickHouse type", isText).optional(),
};

type Flat = { readonly [K in keyof typeof FLAT]?: z.output<(typeof FLAT)[K]> };

/** A rule as it is written. */
export interface RuleShape extends Flat {
  readonly length?: RuleShape | undefined;
  readonly items?: RuleShape | undefined;
  readonly keys?: RuleShape | undefined;
  readonly values?: RuleShape | undefined;
  readonly fields?: ReadonlyMap<string, RuleShape> | undefined;
}

export const ruleShape: z.ZodType<RuleShape> = z.lazy(() =>
  mapping(
    {
      ...FLAT,
      length: z
        .preprocess((value) => (isNumber(unwritten(value)) ? new Map([["constant", value]]) : value), ruleShape)
        .optional(),
      items: ruleShape.optional(),
      keys: ruleShape.optional(),
      values: ruleShape.optional(),
      fields: z
        .preprocess(
          (value) => (value instanceof Map ? new Map([...value].map(([key, rule]) => [String(key), rule])) : value),
          z.map(z.string(), ruleShape, { error: "a mapping of names to rules" }),
        )
        .optional(),
    },
    "a mapping such as { uniform: { from: 1, to: 9 } }",
  ),
);

const name = z
  .custom<Scalar>((value) => isText(value) || isNumber(unwritten(value)), { error: "a name" })
  .transform(String);

export const togetherShape = mapping({
  columns: z.array(name, { error: "a list of columns" }),
  options: z.array(
    z.preprocess(
      (value) => (Array.isArray(value) ? new Map([["values", value]]) : value),
      mapping(
        {
          values: z.array(anything, { error: "a list of values" }),
          weight: is<number>("a number", isNumber).optional(),
        },
        "a list of values, or a mapping of values and weight",
      ),
    ),
    { error: "a list of options" },
  ),
});

/** One thing that is wrong, and where; `inner`: farther down, for the line alone. */
export interface Problem {
  readonly path: Path;
  readonly inner?: Path;
  readonly sentence: string;
}

/** The value of that shape, or what is wrong with it, by paths from `path`, where it stands. */
export function shaped<T>(
  schema: z.ZodType<T>,
  tree: Tree,
  path: Path,
): { readonly value: T } | { readonly problems: readonly Problem[] } {
  const { success, data, error } = schema.safeParse(tree);
  if (success) return { value: data };
  return {
    problems: error.issues.flatMap((issue) => {
      const below = issue.path.map((step) => (typeof step === "number" ? step : String(step)));
      if (issue.code === "unrecognized_keys") {
        return issue.keys.map((key) => {
          const sentence = `unknown key ${mistyped(key, issue.message.split(" "))}`;
          return { path: [...path, ...below], inner: [key], sentence };
        });
      }
      const { found, steps } = follow(tree, below);
      const at = [...path, ...below.slice(0, steps)];
      if (found === undefined) {
        return [{ path: at.slice(0, -1), sentence: `${String(at.at(-1))} is missing: ${issue.message}` }];
      }
      if (at.at(-1) === "pattern" && found instanceof Map) return [{ path: at, sentence: UNQUOTED_PATTERN }];
      return [{ path: at, sentence: `must be ${issue.message}, got ${shown(found)}` }];
    }),
  };
}

/** What stands at the path; a value in its short form stands for the mapping that zod saw: the path ends at it. */
function follow(tree: Tree, path: readonly (string | number)[]): { found: Tree | undefined; steps: number } {
  let found: Tree | undefined = tree;
  for (const [index, step] of path.entries()) {
    if (found instanceof Map) {
      // A key may be a number where zod saw its name.
      const key: Scalar = found.has(step) ? step : [...found.keys()].find((other) => String(other) === String(step));
      if (!found.has(key)) return { found: undefined, steps: index + 1 };
      found = found.get(key) as Tree;
    } else if (Array.isArray(found) && typeof step === "number") {
      found = found[step] as Tree;
    } else {
      return { found, steps: index };
    }
  }
  return { found, steps: path.length };
}

/** A word that is none of the names, and the nearest of them. */
export function mistyped(word: string, names: readonly string[]): string {
  const near = word.length > LONGEST_SHOWN ? undefined : nearest(word, names);
  return `${shown(word)}${near === undefined ? "" : `: did you mean ${near}?`}`;
}

/** " ratte: did you mean rate?"; nothing of a word that is near to none of the names. */
export function meant(word: string, names: readonly string[]): string {
  const near = word.length > LONGEST_SHOWN ? undefined : nearest(word, names);
  return near === undefined ? "" : ` ${shown(word)}: did you mean ${near}?`;
}

/** What there is in place of a mapping. */
export function kindOf(tree: Tree): string {
  if (Array.isArray(tree)) return "a list";
  const value = unwritten(tree as Scalar);
  if (typeof value === "boolean") return "true or false";
  return typeof value === "number" || typeof value === "bigint" ? "a number" : "a text";
}

const LONGEST_SHOWN = 60;

/** A value as a sentence ends with it. */
export function shown(value: Tree): string {
  if (value instanceof Map) return "a mapping";
  if (Array.isArray(value)) return "a list";
  if (value === null || value === "") return "nothing";
  const text = withoutLogins(String(value));
  const short = text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text;
  return /\p{Cc}/u.test(short) ? JSON.stringify(short) : short;
}
