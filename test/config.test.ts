// src/config.ts: a config file → options and rules, or every problem at once, each with its line. No server.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import fc from "fast-check";
import { type Config, ConfigError, parseConfig, readConfig } from "../src/config.js";
import { RUN_FLAGS } from "../src/flags.js";
import { OptionsError } from "../src/options.js";
import { NO_RULES, type Rule, type Rules, Written } from "../src/rows/rule.js";
import { clickstorm } from "./support/cli.js";

const folder = mkdtempSync(join(tmpdir(), "clickstorm-config-"));
const file = join(folder, "rules.yaml");
after(() => rmSync(folder, { recursive: true, force: true }));

function read(text: string): Config {
  return parseConfig(text, file, RUN_FLAGS);
}

const sentencesOf = (error: unknown, name: string): readonly string[] => {
  if (error instanceof OptionsError) return error.problems.map((problem) => problem.replace(name, "rules.yaml"));
  throw error;
};

/** The sentences a text gets, with the file called rules.yaml. */
function problemsOf(text: string): readonly string[] {
  try {
    read(text);
  } catch (error) {
    return sentencesOf(error, file);
  }
  return [];
}

/** The sentences a file gets, called likewise. */
const problemsOfFile = (name: string): Promise<readonly string[]> =>
  readConfig(name, RUN_FLAGS).then(
    () => [],
    (error: unknown) => sentencesOf(error, name),
  );

/** The rule of column x, written as one line. */
function ruleOf(rule: string): Rule | undefined {
  return read(`columns:\n  x: ${rule}\n`).rules.columns.get("x");
}

const QUOTES = 'put the pattern in quotes, as it has { } in it: pattern: "user-{uuid}"';
/** 1m: minutes in nanoseconds. */
const MINUTE = 60_000_000_000n;
const at = `${file}:2: columns.x`;

describe("config", () => {
  describe("a rule, as it is written and as it is read", () => {
    const rows: readonly (readonly [written: string, read: Rule])[] = [
      ["{}", { at }],
      ["{ choice: { 200: 90, 404: 8, 500: 2 } }", { at, choice: { values: [200, 404, 500], weights: [90, 8, 2] } }],
      [
        '{ choice: { 500: 1, "200": 2, 200: 3, null: 4, true: 0.5, 1.5: 6, a b: 0 } }',
        { at, choice: { values: [500, "200", 200, null, true, 1.5, "a b"], weights: [1, 2, 3, 4, 0.5, 6, 0] } },
      ],
      [
        "{ choice: [DE, 1, 1.5, null, [a], {b: 1}], nulls: 0.1 }",
        { at, choice: { values: ["DE", 1, 1.5, null, ["a"], { b: 1 }], weights: undefined }, nulls: 0.1 },
      ],
      ["{ exponential: { mean: 120, max: 30000 } }", { at, exponential: { mean: 120, max: 30000 } }],
      ["{ exponential: { mean: 0.5, min: -3 } }", { at, exponential: { mean: 0.5, min: -3 } }],
      [
        "{ normal: { mean: 20, sd: 5, min: -40, max: 60 }, decimals: 1 }",
        { at, normal: { mean: 20, sd: 5, min: -40, max: 60 }, decimals: 1 },
      ],
      ["{ uniform: { from: 18, to: 80 } }", { at, uniform: { from: 18, to: 80 } }],
      ["{ uniform: { from: 1950-01-01, to: 2005-12-31 } }", { at, uniform: { from: "1950-01-01", to: "2005-12-31" } }],
      [
        "{ uniform: { from: -9007199254740993, to: 18446744073709551615 } }",
        { at, uniform: { from: -9007199254740993n, to: 18446744073709551615n } },
      ],
      ["{ zipf: { from: 1, to: 100000, exponent: 1.1 } }", { at, zipf: { from: 1, to: 100000, exponent: 1.1 } }],
      ["{ zipf: { to: 9 } }", { at, zipf: { from: 1, to: 9, exponent: 1 } }],
      ["{ quantiles: [0, 10, 10, 99] }", { at, quantiles: [0, 10, 10, 99] }],
      ["{ quantiles: [2026-01-01, 2026-02-01] }", { at, quantiles: ["2026-01-01", "2026-02-01"] }],
      ["{ sequence: {} }", { at, sequence: { from: 0, step: 1 } }],
      ["{ sequence: { from: 1, step: 2, to: 1000000 } }", { at, sequence: { from: 1, step: 2, to: 1000000 } }],
      ["{ sequence: { from: 9, step: -3, to: 0 } }", { at, sequence: { from: 9, step: -3, to: 0 } }],
      ["{ sequence: { from: 2026-01-01, step: 1d } }", { at, sequence: { from: "2026-01-01", step: "1d" } }],
      [
        '{ cardinality: 1000000, pattern: "user-{uuid}" }',
        { at, pattern: "user-{uuid}", cardinality: { of: 1_000_000, draw: { kind: "uniform" } } },
      ],
      [
        '{ cardinality: { of: 4000, zipf: 1.1, key: host }, pattern: "host-{int 1..100000}" }',
        {
          at,
          pattern: "host-{int 1..100000}",
          cardinality: { of: 4000, draw: { kind: "zipf", exponent: 1.1 }, key: "host" },
        },
      ],
      ["{ cardinality: { of: 9, cycle: true } }", { at, cardinality: { of: 9, draw: { kind: "cycle" } } }],
      ["{ cardinality: { of: 9, cycle: false } }", { at, cardinality: { of: 9, draw: { kind: "uniform" } } }],
      [
        "{ cardinality: 9007199254740992 }",
        { at, cardinality: { of: 9_007_199_254_740_992, draw: { kind: "uniform" } } },
      ],
      ["{ time: {} }", { at, time: {} }],
      [
        "{ time: { jitter: 50ms, late: { ratio: 0.01, mean: 5m, max: 1h } } }",
        { at, time: { jitterNs: 50_000_000n, late: { ratio: 0.01, meanNs: 5n * MINUTE, maxNs: 60n * MINUTE } } },
      ],
      [
        "{ time: { jitter: 0, late: { ratio: 1, mean: 90 } } }",
        { at, time: { jitterNs: 0n, late: { ratio: 1, meanNs: 90_000_000_000n, maxNs: 15n * MINUTE } } },
      ],
      [
        "{ time: { late: { ratio: 1, mean: 36500d } } }",
        { at, time: { late: { ratio: 1, meanNs: 52_560_000n * MINUTE, maxNs: 52_560_000n * MINUTE } } },
      ],
      ["{ constant: web }", { at, constant: "web" }],
      ["{ constant: null }", { at, constant: null }],
      ["{ constant: ~, nulls: 1 }", { at, constant: null, nulls: 1 }],
      ['{ constant: "" }', { at, constant: "" }],
      ["{ constant: 18446744073709551616 }", { at, constant: 18446744073709551616n }],
      ["{ constant: [1, {a: [true]}, 2026-01-31] }", { at, constant: [1, { a: [true] }, "2026-01-31"] }],
      ["{ constant: yes }", { at, constant: "yes" }],
      ["{ constant: 0o17 }", { at, constant: new Written(15, "0o17") }],
      [
        "{ choice: [1.10, 02108, 1e3, 0x1F, .5, -0, True, 1.5, 7, true] }",
        {
          at,
          choice: {
            values: [
              new Written(1.1, "1.10"),
              new Written(2108, "02108"),
              new Written(1000, "1e3"),
              new Written(31, "0x1F"),
              new Written(0.5, ".5"),
              new Written(0, "-0"),
              new Written(true, "True"),
              1.5,
              7,
              true,
            ],
            weights: undefined,
          },
        },
      ],
      [
        "{ choice: { 1.1: 1.50, 1.10: 0x2 } }",
        { at, choice: { values: [1.1, new Written(1.1, "1.10")], weights: [1.5, 2] } },
      ],
      ["{ uniform: { from: 0x10, to: 1e3 }, nulls: .5 }", { at, uniform: { from: 16, to: 1000 }, nulls: 0.5 }],
      ["{ length: 03 }", { at, length: { at: `${at}.length`, constant: new Written(3, "03") } }],
      [
        "{ length: { uniform: { from: 0, to: 5 } }, items: { choice: [a, b] } }",
        {
          at,
          length: { at: `${at}.length`, uniform: { from: 0, to: 5 } },
          items: { at: `${at}.items`, choice: { values: ["a", "b"], weights: undefined } },
        },
      ],
      [
        '{ length: 3, keys: { choice: [a, b, c] }, values: { pattern: "{words 1..3}" } }',
        {
          at,
          length: { at: `${at}.length`, constant: 3 },
          keys: { at: `${at}.keys`, choice: { values: ["a", "b", "c"], weights: undefined } },
          values: { at: `${at}.values`, pattern: "{words 1..3}" },
        },
      ],
      [
        '{ fields: { service.name: { choice: [cart, pay] }, "k8s.pod": { pattern: "pod-{hex 8}" }, 1: {} } }',
        {
          at,
          fields: {
            1: { at: `${at}.fields.1` },
            "service.name": {
              at: `${at}.fields.service.name`,
              choice: { values: ["cart", "pay"], weights: undefined },
            },
            "k8s.pod": { at: `${at}.fields.k8s.pod`, pattern: "pod-{hex 8}" },
          },
        },
      ],
      [
        "{ fields: { user.age: { type: UInt8, uniform: { from: 0, to: 99 } } } }",
        { at, fields: { "user.age": { at: `${at}.fields.user.age`, type: "UInt8", uniform: { from: 0, to: 99 } } } },
      ],
      [
        "{ items: { items: { fields: { a: {} } } } }",
        {
          at,
          items: {
            at: `${at}.items`,
            items: { at: `${at}.items.items`, fields: { a: { at: `${at}.items.items.fields.a` } } },
          },
        },
      ],
    ];
    for (const [written, expected] of rows) {
      it(written, () => expect(ruleOf(written)).to.deep.equal(expected));
    }

    it("columns keep their order and their names, numbers and names every object has too", () => {
      const { columns } = read("columns: { b: {}, 2: {}, 1: {}, 007: {}, __proto__: {}, constructor: {} }").rules;
      expect([...columns.keys()]).to.deep.equal(["b", "2", "1", "007", "__proto__", "constructor"]);
    });

    it("what is left out is told by itself, with its line", () => {
      const { columns, omitted } = read("columns:\n  a: {}\n  b: omit\n  c: omit\n").rules;
      expect([...columns.keys()]).to.deep.equal(["a"]);
      expect([...omitted]).to.deep.equal([
        ["b", `${file}:3: columns.b`],
        ["c", `${file}:4: columns.c`],
      ]);
    });

    it("each part has the line it begins with", () => {
      const { columns } = read("columns:\n  x:\n    length: 3\n    items:\n      nulls: 0.5\n").rules;
      expect(columns.get("x")).to.deep.equal({
        at,
        length: { at: `${file}:3: columns.x.length`, constant: 3 },
        items: { at: `${file}:4: columns.x.items`, nulls: 0.5 },
      });
    });

    it("a field may have a name every object has: __proto__", () => {
      const rule = ruleOf("{ fields: { __proto__: { constant: 1 } } }") as Rule;
      expect(Object.entries(rule.fields ?? {})).to.deep.equal([
        ["__proto__", { at: `${at}.fields.__proto__`, constant: 1 }],
      ]);
    });

    it("an anchor may be used again", () => {
      const { columns } = read("columns:\n  a: &x { choice: [1, 2] }\n  b: *x\n").rules;
      expect(columns.get("b")).to.deep.equal({ ...(columns.get("a") as Rule), at: `${file}:3: columns.b` });
    });
  });

  describe("together", () => {
    it("options have a weight of 1, or their own", () => {
      const text = `
together:
  - columns: [country, city]
    options:
      - [DE, Berlin]
      - { values: [US, [1, null]], weight: 5 }
  - columns: [7]
    options: [[a], { values: [b] }]
`;
      expect(read(text).rules).to.deep.equal({
        ...NO_RULES,
        together: [
          {
            at: `${file}:3: together[0]`,
            columns: ["country", "city"],
            options: [
              { values: ["DE", "Berlin"], weight: 1 },
              { values: ["US", [1, null]], weight: 5 },
            ],
          },
          {
            at: `${file}:7: together[1]`,
            columns: ["7"],
            options: [
              { values: ["a"], weight: 1 },
              { values: ["b"], weight: 1 },
            ],
          },
        ],
      } satisfies Rules);
    });
  });

  describe("options are what the command line could have", () => {
    const rows: readonly (readonly [text: string, options: Config["options"]])[] = [
      ["rate: 250k\ntable: db.t\nin-flight: 16", { rate: "250k", table: "db.t", "in-flight": "16" }],
      ["async-insert: true\nblind: FALSE", { "async-insert": "true", blind: "false" }],
      ["run-id: 007\nseed: 18446744073709551616", { "run-id": "007", seed: "18446744073709551616" }],
      ["rate: 1.50\nduration: 0x10", { rate: "1.50", duration: "0x10" }],
      ['password: ""\nuser: "null"', { password: "", user: "null" }],
      ["data-start: 2026-01-31\ndata-span: 7d", { "data-start": "2026-01-31", "data-span": "7d" }],
      ["setting: [a=1, b=2]", { setting: ["a=1", "b=2"] }],
      ["setting: { a: 1, b: true, c: x y, d: 1.0 }", { setting: ["a=1", "b=true", "c=x y", "d=1.0"] }],
      ["setting: log_comment=a b", { setting: "log_comment=a b" }],
      ["clickhouse-url: [http://a, http://b]", { "clickhouse-url": ["http://a", "http://b"] }],
      ["user: &u bob\npassword: *u", { user: "bob", password: "bob" }],
    ];
    for (const [text, options] of rows) {
      it(JSON.stringify(text), () => expect(read(text)).to.deep.equal({ file, options, rules: NO_RULES }));
    }
  });

  describe("one problem, one sentence with its line", () => {
    const KINDS = "constant, sequence, uniform, normal, exponential, zipf, quantiles, choice, pattern, time, same";
    const DURATION = "a duration such as 50ms, 90s, 2h or 7d";
    /** Of column x in line 2. */
    const rules: readonly (readonly [rule: string, sentence: string])[] = [
      ["", "must be a mapping such as { uniform: { from: 1, to: 9 } }, or omit, got nothing"],
      ["omitted", "must be a mapping such as { uniform: { from: 1, to: 9 } }, or omit, got omitted"],
      ["[omit]", "must be a mapping such as { uniform: { from: 1, to: 9 } }, or omit, got a list"],
      ["{ choise: [a] }", "unknown key choise: did you mean choice?"],
      ["{ nonsense: 1 }", "unknown key nonsense"],
      ["{ uniform: 5 }", "uniform: must be a mapping of from and to, got 5"],
      ["{ uniform: { from: 1 } }", "uniform: to is missing: a number, or a date, a time or a duration"],
      ["{ uniform: { from: 1, too: 2, to: 3 } }", "uniform: unknown key too: did you mean to?"],
      [
        "{ uniform: { from: [1], to: 3 } }",
        "uniform.from: must be a number, or a date, a time or a duration, got a list",
      ],
      [
        "{ uniform: { from: .inf, to: 3 } }",
        "uniform.from: must be a number, or a date, a time or a duration, got .inf",
      ],
      ["{ uniform: { from: 2, to: 1 } }", "uniform: from must not be above to, got 2 and 1"],
      [
        "{ uniform: { from: 9007199254740993, to: 1.5 } }",
        "uniform: from must not be above to, got 9007199254740993 and 1.5",
      ],
      ["{ normal: { mean: 1, sd: 0 } }", "normal: sd must be above 0, got 0"],
      ["{ normal: { mean: 1, sd: 1, min: 2, max: 2 } }", "normal: max must be above min (2), got 2"],
      ["{ exponential: { mean: -1 } }", "exponential: mean must be above 0, got -1"],
      ["{ exponential: { mean: 1, max: 0 } }", "exponential: max must be above min (0), got 0"],
      ["{ quantiles: 5 }", "quantiles: must be a list of values that do not fall, such as [0, 10, 50], got 5"],
      ["{ quantiles: [5] }", "quantiles: must be a list of 2 to 1001 values, got a list"],
      [
        `{ quantiles: [${Array.from({ length: 1002 }, (_, i) => i).join(", ")}] }`,
        "quantiles: must be a list of 2 to 1001 values, got a list",
      ],
      ["{ quantiles: [0, 9, 8, 7] }", "quantiles[2]: must not be below the one before it (9), got 8"],
      ["{ quantiles: [0, true] }", "quantiles[1]: must be a number, or a date, a time or a duration, got true"],
      ["{ zipf: { to: 9, exponent: 0 } }", "zipf.exponent: must be a number above 0 and up to 10, got 0"],
      ["{ zipf: { to: 9, exponent: 10.1 } }", "zipf.exponent: must be a number above 0 and up to 10, got 10.1"],
      ["{ zipf: { to: 0 } }", "zipf: from must not be above to, got 1 and 0"],
      ["{ zipf: {} }", "zipf: to is missing: a whole number"],
      ["{ pattern: {uuid} }", `pattern: ${QUOTES}`],
      ["{ pattern: {GET|POST} }", `pattern: ${QUOTES}`],
      ["{ zipf: { to: 1.5 } }", "zipf: to must be a whole number, got 1.5"],
      ["{ sequence: { step: 0 } }", "sequence: step must not be 0"],
      ["{ sequence: { from: 5, to: 4 } }", "sequence: to lies before from, got 5 and 4 with a step of 1"],
      ["{ sequence: { from: 5, to: 6, step: -1 } }", "sequence: to lies before from, got 5 and 6 with a step of -1"],
      ["{ choice: a }", "choice: must be a list of values, or a mapping of values to their weights, got a"],
      ["{ choice: [] }", "choice: must have at least one value, got none"],
      ["{ choice: {} }", "choice: must have at least one value, got none"],
      ["{ choice: { a: -1 } }", "choice: weights must not be negative, got -1"],
      ["{ choice: { a: -1, b: -1 } }", "choice: weights must not be negative, got -1"],
      ["{ choice: { a: b } }", "choice: weights must be numbers, got b"],
      ["{ choice: { a } }", "choice: weights must be numbers, got nothing"],
      ["{ choice: { a: .nan } }", "choice: weights must be numbers, got .nan"],
      ["{ choice: { a: 0, b: 0 } }", "choice: weights must not all be 0"],
      ["{ pattern: 5 }", "pattern: must be a text, got 5"],
      ["{ pattern: null }", "pattern: must be a text, got nothing"],
      ["{ nulls: 1.1 }", "nulls: must be a number from 0 to 1, got 1.1"],
      ["{ decimals: 19 }", "decimals: must be a whole number from 0 to 18, got 19"],
      ["{ decimals: 0.5 }", "decimals: must be a whole number from 0 to 18, got 0.5"],
      ["{ cardinality: many }", "cardinality: must be a whole number from 1 to 2^53, got many"],
      [
        "{ cardinality: [1] }",
        "cardinality: must be a whole number from 1 to 2^53, or a mapping of of, zipf, cycle and key, got a list",
      ],
      ["{ cardinality: 0 }", "cardinality: must be a whole number from 1 to 2^53, got 0"],
      ["{ cardinality: 1.5 }", "cardinality: must be a whole number from 1 to 2^53, got 1.5"],
      ["{ cardinality: 9007199254740993 }", "cardinality: must be a whole number from 1 to 2^53, got 9007199254740993"],
      ["{ cardinality: { zipf: 1 } }", "cardinality: of is missing: a whole number from 1 to 2^53"],
      ["{ cardinality: { of: 5, cycle: 1 } }", "cardinality.cycle: must be true or false, got 1"],
      [
        "{ cardinality: { of: 5, zipf: 1, cycle: true } }",
        "cardinality: zipf and cycle cannot stand side by side: values are drawn, or taken one after the other",
      ],
      ["{ time: { jitter: -1s } }", `time.jitter: must be ${DURATION} and up to 36500d, got -1s`],
      ["{ time: { jitter: 36501d } }", `time.jitter: must be ${DURATION} and up to 36500d, got 36501d`],
      ["{ time: { late: { ratio: 2, mean: 1s } } }", "time.late.ratio: must be a number from 0 to 1, got 2"],
      [
        "{ time: { late: { ratio: 1, mean: 0s } } }",
        `time.late.mean: must be ${DURATION}, above 0 and up to 36500d, got 0s`,
      ],
      ["{ time: { late: { ratio: 1 } } }", `time.late: mean is missing: ${DURATION}, above 0 and up to 36500d`],
      ["{ choice: [a], pattern: b }", `choice and pattern cannot stand side by side: a rule has one of ${KINDS}`],
      [
        "{ constant: null, uniform: { from: 1, to: 2 } }",
        `constant and uniform cannot stand side by side: a rule has one of ${KINDS}`,
      ],
      [
        "{ pattern: a, items: {} }",
        "pattern and items cannot stand side by side: the one is a whole value, the other a part of one",
      ],
      [
        "{ items: {}, keys: {} }",
        "items and keys cannot stand side by side: items are of an array, keys and values of a map, fields of a tuple",
      ],
      ["{ values: {}, fields: {} }", "values and fields cannot stand side by side: fields name their keys themselves"],
      [
        "{ pattern: a, decimals: 1 }",
        "decimals and pattern cannot stand side by side: it rounds numbers that are drawn",
      ],
      [
        "{ constant: a, cardinality: 5 }",
        "cardinality and constant cannot stand side by side: there is nothing to draw from",
      ],
      ["{ type: UInt8 }", "type has no meaning here: it is the type of a path of JSON, below fields"],
      ["{ items: { type: UInt8 } }", "items: type has no meaning here: it is the type of a path of JSON, below fields"],
      ["{ length: 2.5 }", "length: a length must be a whole number from 0 up, got 2.5"],
      ["{ length: -1 }", "length: a length must be a whole number from 0 up, got -1"],
      ["{ length: five }", "length: must be a mapping such as { uniform: { from: 1, to: 9 } }, got five"],
      ["{ length: { choice: [1, a] } }", "length: a length must be a whole number from 0 up, got a"],
      ["{ length: { choice: { a: 1, 2: 1 } } }", "length: a length must be a whole number from 0 up, got a"],
      ["{ length: { pattern: a } }", "length: pattern has no meaning here: a length is a whole number"],
      ["{ length: { nulls: 0.5 } }", "length: nulls has no meaning here: a length is a whole number"],
      ["{ fields: [a] }", "fields: must be a mapping of names to rules, got a list"],
      ["{ fields: { a.b: { nulls: 2 } } }", "fields.a.b.nulls: must be a number from 0 to 1, got 2"],
      ["{ items: 5 }", "items: must be a mapping such as { uniform: { from: 1, to: 9 } }, got 5"],
      ['{ uniform: "a\\u0007" }', 'uniform: must be a mapping of from and to, got "a\\u0007"'],
    ];
    for (const [rule, sentence] of rules) {
      const colon =
        /^(must|unknown|choice and|constant and|pattern and|items and|values and|decimals and|cardinality and|type has)/;
      const whole = `rules.yaml:2: columns.x${colon.test(sentence) ? ": " : "."}${sentence}`;
      it(`x: ${rule}: ${whole}`, () => expect(problemsOf(`columns:\n  x: ${rule}\n`)).to.deep.equal([whole]));
    }

    const files: readonly (readonly [text: string, ...sentences: readonly string[]])[] = [
      ["\nratte: 5", "rules.yaml:2: unknown option ratte: did you mean rate?"],
      ["colums: {}", "rules.yaml:1: unknown option colums: did you mean columns?"],
      ["xyzzy: 1", "rules.yaml:1: unknown option"],
      ["user_id: omit", "rules.yaml:1: user_id is no option: the rules of columns go below `columns:`"],
      [
        "rate: 5\ncity: { choice: [a, b], nulls: 0.1 }",
        "rules.yaml:2: city is no option: the rules of columns go below `columns:`",
      ],
      ["colums: { time: {} }", "rules.yaml:1: unknown option colums: did you mean columns?"],
      ["rows: 5", "rules.yaml:1: rows is an option of sample, which the config file cannot hold: give it as --rows"],
      [
        "explain: true",
        "rules.yaml:1: explain is an option of sample, which the config file cannot hold: give it as --explain",
      ],
      ["columns:\n  note: { pattern: user-{uuid}, nulls: 0.1 }\n  b: omit", `rules.yaml:2:25: ${QUOTES}`],
      [
        "columns:\n  a: { pattern: {hex 8}-x }\n  b: omit\n  c: { pattern: {int 1..5}-x }",
        `rules.yaml:2:24: ${QUOTES}`,
        `rules.yaml:4:27: ${QUOTES}`,
      ],
      ["columns:\n  note:\n    pattern: {uuid}-x\n    nulls: 0.1", `rules.yaml:3:20: ${QUOTES}`],
      ["columns:\n  note: {\n    pattern: a-{int 1..5},\n    nulls: 0.1 }\n  b: omit", `rules.yaml:3:16: ${QUOTES}`],
      ["columns:\n  note: { pattern: {{a}} }", `rules.yaml:2:21: ${QUOTES}`],
      [
        "columns:\n  a: &x { nulls: 0.1 }\n  b: { <<: *x }\n  c: { <<: *x }",
        "rules.yaml:3:8: merge keys (<<) are not supported; anchors are: a whole rule again is *name",
      ],
      [
        `# Title\n\n${Array.from({ length: 9 }, (_, i) => `- a: b: c ${i}`).join("\n")}`,
        "rules.yaml:3:6: Nested mappings are not allowed in compact mappings",
        "rules.yaml:4:6: Nested mappings are not allowed in compact mappings",
        "rules.yaml: … and more: is this YAML?",
      ],
      ["config: b.yaml", "rules.yaml:1: config: a config file names no other"],
      ["rate:", "rules.yaml:1: rate: must be a value, got nothing"],
      ["rate: [1, 2]", "rules.yaml:1: rate: must be one value, got a list"],
      ["password: { hunter2: 1 }", "rules.yaml:1: password: must be one value, got a mapping"],
      ["clickhouse-url: { a: 1 }", "rules.yaml:1: clickhouse-url: must be a value or a list of values, got a mapping"],
      ["setting:\n  a: 1\n  b: [2]", "rules.yaml:3: setting.b: must be one value, got a list"],
      ["setting:\n- a=1\n- null", "rules.yaml:3: setting[1]: must be one value, got nothing"],
      ["columns: [a]", "rules.yaml:1: columns: must be a mapping of columns to rules, got a list"],
      ["columns:", "rules.yaml:1: columns: must be a mapping of columns to rules, got nothing"],
      ["together: {}", "rules.yaml:1: together: must be a list of columns with their options, got a mapping"],
      ["together: [a]", "rules.yaml:1: together[0]: must be a mapping of columns and options, got a"],
      ["together:\n- columns: [a]", "rules.yaml:2: together[0]: options is missing: a list of options"],
      [
        "together:\n- columns: [a, b]\n  options:\n  - [1, 2]\n  - [1]\n  - 5",
        "rules.yaml:6: together[0].options[2]: must be a list of values, or a mapping of values and weight, got 5",
      ],
      [
        "together:\n- columns: [a, b]\n  options:\n  - [1, 2]\n  - [1]",
        "rules.yaml:5: together[0].options[1]: must have a value for each of 2 columns, got 1",
      ],
      [
        "together:\n- columns: [a]\n  options:\n  - values: [1]\n    weight: -5",
        "rules.yaml:5: together[0].options[0]: weights must not be negative, got -5",
      ],
      [
        "together:\n- columns: [a]\n  options: [{ values: [1], weight: 0 }]",
        "rules.yaml:2: together[0]: weights must not all be 0",
      ],
      ["together:\n- columns: [a]\n  options: []", "rules.yaml:2: together[0]: options must have at least one option"],
      ["together:\n- columns: []\n  options: [[]]", "rules.yaml:2: together[0]: columns must name at least one column"],
      ["together:\n- columns: [a, a]\n  options: [[1, 2]]", "rules.yaml:2: together[0]: column a is named twice"],
      [
        "together:\n- columns: [a]\n  options: [[1]]\n- columns:\n  - b\n  - a\n  options: [[1, 2]]",
        "rules.yaml:6: together[1]: column a stands in together[0] already",
      ],
      [
        "columns:\n  a: omit\ntogether:\n- columns: [a]\n  options: [[1]]",
        "rules.yaml:4: together[0]: column a has a rule in columns already",
      ],
      [
        "columns:\n  a: { cardinality: { of: 5, key: k } }\n  b: { cardinality: { of: 6, key: k } }\n  c: { cardinality: { of: 5, key: k } }",
        "rules.yaml:3: columns.b.cardinality: must have the same of, zipf and cycle as columns.a.cardinality: both have the key k",
      ],
      ["a: 1\nrate: 5\nrate: 6", "rules.yaml:3:1: rate is given twice, first in line 2"],
      ["columns:\n  x: { nulls: 0, nulls: 1 }", "rules.yaml:2:18: columns.x.nulls is given twice, first in line 2"],
      [
        "columns:\n  x: { choice: { a: 1, a: 2 } }",
        "rules.yaml:2:24: columns.x.choice.a is given twice, first in line 2",
      ],
      ['columns: { 1: omit, "1": omit }', "rules.yaml:1:21: columns.1 is given twice, first in line 1"],
      ["? [a]\n: 1", "rules.yaml:1:3: a key must be a word or a number"],
      ["", "rules.yaml is empty"],
      ["# nothing but a comment\n", "rules.yaml is empty"],
      ["---\n", "rules.yaml is empty"],
      ["5", "rules.yaml:1: must be a mapping of options, such as rate: 50k, got a number"],
      ["- a", "rules.yaml:1: must be a mapping of options, such as rate: 50k, got a list"],
      ["rate: 5\n---\nrate: 6", "rules.yaml:2:1: a second document begins here: one is read"],
      ["a: b: c", "rules.yaml:1:4: Nested mappings are not allowed in compact mappings"],
      ["rate: 5\n  table: t", "rules.yaml:1:7: Nested mappings are not allowed in compact mappings"],
      ['password: "hunter2', 'rules.yaml:1:19: Missing closing "quote'],
      [
        "password: *hunter2",
        "rules.yaml:1:11: an alias (*name) needs its anchor (&name) before it; a text with * needs quotes",
      ],
      [
        "password: !hunter2",
        "rules.yaml:1:11: tags such as !name mean nothing here; a text that begins with ! needs quotes",
      ],
      [
        "a: !!js/function 'function () {}'",
        "rules.yaml:1:4: tags such as !name mean nothing here; a text that begins with ! needs quotes",
      ],
      [
        "a: !!binary aGk=",
        "rules.yaml:1:4: tags such as !name mean nothing here; a text that begins with ! needs quotes",
      ],
      ["a: &x [*x]", "rules.yaml:1:8: an alias stands for what it is a part of"],
    ];
    for (const [text, ...sentences] of files) {
      it(`${JSON.stringify(text)}: ${sentences.join()}`, () => {
        expect(problemsOf(text)).to.deep.equal(sentences);
      });
    }
  });

  it("the line is that of the very value: a weight, a field, a key", () => {
    const text = `rate: 5
columns:
  status:
    choice:
      200: 90
      404: -1
  doc:
    fields:
      a.b:
        uniform:
          from: 5
          to: 4
        typ: UInt8
`;
    expect(problemsOf(text)).to.deep.equal([
      "rules.yaml:6: columns.status.choice: weights must not be negative, got -1",
      "rules.yaml:13: columns.doc.fields.a.b: unknown key typ: did you mean type?",
    ]);
    expect(problemsOf(text.replace("typ:", "type:"))).to.deep.equal([
      "rules.yaml:6: columns.status.choice: weights must not be negative, got -1",
      "rules.yaml:11: columns.doc.fields.a.b.uniform: from must not be above to, got 5 and 4",
    ]);
  });

  it("all problems are told at once, in the order of their lines", () => {
    const text = `tabel: t
columns:
  a: { nulls: 2, decimals: 20 }
  b: { choice: { x: -1, y: -2 } }
  c: 5
together:
  - columns: [a]
    options: [[1, 2]]
rate: {}
`;
    expect(problemsOf(text)).to.deep.equal([
      "rules.yaml:1: unknown option tabel: did you mean table?",
      "rules.yaml:3: columns.a.nulls: must be a number from 0 to 1, got 2",
      "rules.yaml:3: columns.a.decimals: must be a whole number from 0 to 18, got 20",
      "rules.yaml:4: columns.b.choice: weights must not be negative, got -1",
      "rules.yaml:4: columns.b.choice: weights must not be negative, got -2",
      "rules.yaml:5: columns.c: must be a mapping such as { uniform: { from: 1, to: 9 } }, or omit, got 5",
      "rules.yaml:7: together[0]: column a has a rule in columns already",
      "rules.yaml:8: together[0].options[0]: must have a value for each of 1 columns, got 2",
      "rules.yaml:9: rate: must be one value, got a mapping",
    ]);
  });

  it("of 60 problems 50 are told, and that there are 10 more", () => {
    const problems = problemsOf(Array.from({ length: 60 }, (_, i) => `zz${i}zz: 1`).join("\n"));
    expect([problems.length, problems[49], problems[50]]).to.deep.equal([
      51,
      "rules.yaml:50: unknown option",
      "rules.yaml: … and 10 more",
    ]);
  });

  it("a file with problems still says what its options are, so that theirs are told with them", () => {
    try {
      read("rate: 0\nratte: 5\ncolumns: { a: omit }");
      expect.fail("it was taken");
    } catch (error) {
      expect(error).to.be.instanceOf(ConfigError);
      expect((error as ConfigError).config).to.deep.equal({ file, options: { rate: "0" }, rules: NO_RULES });
    }
  });

  describe("files that cannot be read", () => {
    it("one that is not there, and one below a file", async () => {
      writeFileSync(file, "rate: 5");
      expect(await problemsOfFile(join(folder, "absent.yaml"))).to.deep.equal([
        "--config rules.yaml: there is no such file",
      ]);
      expect(await problemsOfFile(join(file, "below.yaml"))).to.deep.equal([
        "--config rules.yaml: a part of its path is a file, not a folder",
      ]);
    });

    it("a folder, a device, a name with a NUL", async () => {
      const below = join(folder, "folder.yaml");
      mkdirSync(below);
      expect(await problemsOfFile(below)).to.deep.equal(["--config rules.yaml is a folder, not a file"]);
      expect(await problemsOfFile("/dev/zero")).to.deep.equal(["--config rules.yaml is a device, not a file"]);
      expect(await problemsOfFile("a\0b")).to.deep.equal(["--config rules.yaml: its name holds a NUL character"]);
    });

    it("one over 10 MB, and one of bytes that are no UTF-8", async () => {
      for (const [bytes, sentence] of [
        [Buffer.alloc(10_000_001, "#"), "--config rules.yaml is larger than 10 MB"],
        [Buffer.from([0x61, 0x3a, 0x20, 0xff]), "--config rules.yaml is not text in UTF-8"],
      ] as const) {
        writeFileSync(file, bytes);
        expect(await problemsOfFile(file)).to.deep.equal([sentence]);
      }
    });
  });

  describe("texts made to blow up end with a sentence", () => {
    const laughs = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"];
    for (let i = 1; i < 12; i++)
      laughs.push(
        `a${i}: &a${i} [${Array(10)
          .fill(`*a${i - 1}`)
          .join(", ")}]`,
      );
    const rows: readonly (readonly [what: string, text: string, sentence: RegExp])[] = [
      ["a billion laughs", laughs.join("\n"), /aliases repeat more than 100000 values/],
      ["5 MB of [", "[".repeat(5_000_000), /:1:67: is nested more than 64 levels deep/],
      ["5 MB of {a:", "{a: ".repeat(1_250_000), /is nested more than 64 levels deep/],
      ["5 MB of -", "- ".repeat(2_500_000), /is nested more than 64 levels deep/],
      ["5 MB of ?", "? ".repeat(2_500_000), /is nested more than 64 levels deep/],
      [
        "nesting by aliases",
        Array.from({ length: 70 }, (_, i) => `a${i}: &a${i} [${i > 0 ? `*a${i - 1}` : ""}]`).join("\n"),
        /is nested more than 64 levels deep/,
      ],
      ["1 MB of ]", "]".repeat(1_000_000), /Unexpected flow-seq-end token/],
      ["1 MB of directives", "%a\n".repeat(333_333), /:21:1: too many directives/],
      ["1 MB of documents", "---\n".repeat(250_000), /a second document begins here/],
      ["5 MB of list", `a: [${"1,".repeat(2_500_000)}]`, /holds too much/],
      ["a number of 100,000 digits", `seed: ${"9".repeat(100_000)}\nx: 1`, /:2: unknown option$/],
      [
        "100,000 wrong fields",
        `columns: {x: {fields: {${Array.from({ length: 100_000 }, (_, i) => `k${i}: 1`).join(",")}}}}`,
        /and 99950 more/,
      ],
      ["a key of 5 MB", `? ${"a".repeat(5_000_000)}\n: 1`, /:1: unknown option$/],
      ["20,000 keys", Array.from({ length: 20_000 }, (_, i) => `k${i}: 1`).join("\n"), /and 19950 more/],
      [
        "YAML 1.1 with its dates and booleans",
        "%YAML 1.1\n---\ncolumns: { x: { constant: yes, nulls: 2 } }",
        /nulls: must be/,
      ],
    ];
    for (const [what, text, sentence] of rows) {
      it(what, () => expect(problemsOf(text).join("\n")).to.match(sentence)).timeout(20_000);
    }

    it("YAML 1.1 is read as YAML 1.2: yes is a word, 017 a number, 2026-01-31 a text", () => {
      const { columns } = read("%YAML 1.1\n---\ncolumns: { x: { constant: [yes, 017, 2026-01-31] } }").rules;
      expect((columns.get("x") as Rule).constant).to.deep.equal(["yes", new Written(17, "017"), "2026-01-31"]);
    });
  });

  describe("the command line", () => {
    const run = (text: string, ...args: string[]) => {
      writeFileSync(file, text);
      return clickstorm(["--no-metrics", "--no-traces", "--clickhouse-url", "http://127.0.0.1:1", ...args]);
    };

    it("problems of the line, the file, its options and the flags are told at once, exit 2, and no password", async () => {
      const text = "password: hunter2\nratte: 5\nduration: 0\nin-flight: 2\n";
      const { code, stdout, stderr } = await run(
        text,
        "--config",
        file,
        "--workers",
        "3",
        "--seed",
        "x",
        "run",
        "surplus",
      );
      expect([code, stdout]).to.deep.equal([2, ""]);
      expect(stderr.trimEnd().split("\n")).to.deep.equal([
        "error: run takes options alone, got 1 word beside them: a value with a space in it needs quotes",
        `error: ${file}:2: unknown option ratte: did you mean rate?`,
        `error: --workers must be at most in-flight in ${file} (2), got 3: each worker needs an insert of its own`,
        `error: duration in ${file} must be a time such as 30 (seconds), 500ms, 90s, 10m or 2h, above 0 and up to 2160h, got 0`,
        "error: --seed must be an integer from 0 up, got x",
      ]);
    });

    it("a file that is none is told, by flag and by variable, exit 2", async () => {
      const absent = join(folder, "absent.yaml");
      const sentence = `error: --config ${absent}: there is no such file\n`;
      expect(await run("", "--config", absent)).to.deep.equal({ code: 2, stdout: "", stderr: sentence });
      expect(await clickstorm([], { CLICKSTORM_CONFIG: absent })).to.deep.equal({
        code: 2,
        stdout: "",
        stderr: sentence,
      });
    });

    it("a good file is taken: the next question is the target, exit 3", async () => {
      const { code, stderr } = await run("rate: 7\ncolumns: { payload: { pattern: x } }\n", "--config", file);
      expect([code, stderr.includes("127.0.0.1:1")]).to.deep.equal([3, true]);
    });
  });

  describe("fuzz: whatever stands in it, it is taken or refused with an OptionsError", () => {
    const takenOrRefused = (text: string | Uint8Array): void => {
      for (const problem of problemsOf(Buffer.from(text).toString("utf8")))
        expect(problem).to.match(/^rules\.yaml[: ]/);
    };

    it("random bytes", () => {
      fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), takenOrRefused), { numRuns: 300 });
    });

    it("text that is much like YAML", () => {
      const pieces = fc.constantFrom(
        ..."columns: |together:|rate: |x: |choice: |fields: |length: |items: |cardinality: |of: |time: |late: |uniform: ".split(
          "|",
        ),
        ..."from: |to: |values: |options: |- |? |: |[|]|{|}|, |\n|\n  |\n    |\n      |&a |*a |!t |!!str |'|\"|\\|#|%|---\n|...\n".split(
          "|",
        ),
        ..."|\n|>\n|\t|\r\n|\0|\u2028|é|😀|null|omit|1|-1|1.5|.nan|1e999|9007199254740993|2026-01-01|<<: |__proto__: |constructor: |toString: ".split(
          "|",
        ),
      );
      fc.assert(
        fc.property(
          fc.array(pieces, { maxLength: 60 }).map((all) => all.join("")),
          takenOrRefused,
        ),
        {
          numRuns: 1500,
        },
      );
    }).timeout(60_000);

    it("any JSON as a rule, as a together, as the whole", () => {
      const word = fc.constantFrom(
        ..."constant sequence uniform normal exponential zipf quantiles choice pattern time cardinality nulls decimals length items keys values fields type from to step mean sd min max exponent of cycle key jitter late ratio columns options weight __proto__".split(
          " ",
        ),
      );
      const { value } = fc.letrec<{ value: unknown }>((tie) => ({
        value: fc.oneof(
          { depthSize: "medium", withCrossShrink: true },
          fc.oneof(fc.integer(), fc.double(), fc.boolean(), fc.constant(null), fc.string(), word, fc.constant("5m")),
          fc.array(tie("value"), { maxLength: 4 }),
          fc.array(fc.tuple(word, tie("value")), { maxLength: 4 }).map((entries) => Object.fromEntries(entries)),
        ),
      }));
      fc.assert(
        fc.property(value, (any) => {
          const json = JSON.stringify(any);
          takenOrRefused(`columns: { x: ${json} }`);
          takenOrRefused(`together: [${json}]`);
          takenOrRefused(json);
        }),
        { numRuns: 500 },
      );
    }).timeout(60_000);
  });
});
