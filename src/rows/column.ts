// The columns of a table, each with its value (value.ts): from the server's description of the table and the rules of the
// config file. Pure. Called by target.ts.

import { nearest } from "../text.js";
import { TOP } from "./compound.js";
import { Fitter, type TimeSpan } from "./fit.js";
import { NO_RULES, type Rule, type Rules, type Together } from "./rule.js";
import { parseType, type Type, UnknownTypeError } from "./type.js";
import type { Column, Value } from "./value.js";

/** As system.columns has it. */
export interface TableColumn {
  readonly name: string;
  readonly type: string;
  /** "", DEFAULT, EPHEMERAL; MATERIALIZED and ALIAS, which the server fills. */
  readonly defaultKind: string;
}

export interface TableRows {
  /** Those that an insert names, in the order of the table. */
  readonly columns: readonly Column[];
  /** Whether run_id and seq are among them, so that each row can be found again. */
  readonly ledgerColumns: boolean;
  /** Of a table that has both: why they cannot tell its rows apart. */
  readonly whyNoLedgerColumns: string | undefined;
  /** Sentences about the rules. */
  readonly ruleProblems: readonly string[];
  /** Sentences about columns that no row can be made for. */
  readonly typeProblems: readonly string[];
}

/** The default table: the seed service's event and the two ledger columns. */
export const EVENT_TABLE: readonly TableColumn[] = [
  { name: "timestamp", type: "DateTime64(3)", defaultKind: "" },
  { name: "user_id", type: "String", defaultKind: "" },
  { name: "action", type: "LowCardinality(String)", defaultKind: "" },
  { name: "payload", type: "String", defaultKind: "" },
  { name: "run_id", type: "LowCardinality(String)", defaultKind: "" },
  { name: "seq", type: "UInt64", defaultKind: "" },
];

/** By which each row of a run can be found again. */
export const LEDGER_COLUMNS = ["run_id", "seq"] as const;

/** How many of the first columns of {@link EVENT_TABLE} the seed service's own table has. */
export const SEED_COLUMNS = 4;

/** What the seed service's event holds; its timestamp is the row's time, as any. */
const EVENT_RULES: ReadonlyMap<string, Rule> = new Map([
  ["user_id", { at: "user_id", pattern: "user-{uuid}" }],
  ["action", { at: "action", choice: { values: ["login", "click", "purchase", "logout"], weights: undefined } }],
  ["payload", { at: "payload", constant: "example-payload" }],
]);

/** Whether a table has the columns of the seed service's event. */
export function isEventTable(table: readonly TableColumn[]): boolean {
  return EVENT_TABLE.slice(0, SEED_COLUMNS).every(({ name }) => table.some((column) => column.name === name));
}

const isServerFilled = ({ defaultKind }: TableColumn): boolean =>
  defaultKind === "MATERIALIZED" || defaultKind === "ALIAS";

/** `times`: those that rows can have, where a column may be too narrow for them. */
export function rowsOf(table: readonly TableColumn[], rules: Rules, runId: string, times?: TimeSpan): TableRows {
  const typeProblems: string[] = [];
  const ruleProblems = strayRules(table, rules);
  const wanted = table.filter((column) => !isServerFilled(column) && !isOmitted(column, rules));
  const ownRules = ownRulesOf(wanted, rules, runId);
  const filled = (name: string, type: Type): Value => {
    const together = rules.together.find((group) => group.columns.includes(name));
    if (together !== undefined) return chosenTogether(fitter, type, name, together);
    const nested = nestedOf(name, type);
    const rule = ruleOf(name, nested, rules, ruleProblems) ?? ownRules.get(name);
    const position = { ...TOP, path: name, at: rule?.at ?? name, ...(nested && { lengthPath: `${nested}#length` }) };
    return fitter.value(type, rule, position);
  };
  const fitter = new Fitter(times, (name, type) => {
    const source = wanted.find((column) => column.name === name);
    // One step: no circle can come of it.
    if (source === undefined || rules.columns.get(name)?.same !== undefined) return undefined;
    const known = knownType(source.type);
    return known && filled(name, sameType(type, known));
  });
  checkLengths(wanted, rules, ruleProblems);
  const columns = wanted.flatMap(({ name, type: text }): Column[] => {
    try {
      const same = rules.columns.get(name)?.same;
      return [{ name, type: text, value: filled(name, parseType(text)), ...(same !== undefined && { same }) }];
    } catch (error) {
      if (!(error instanceof UnknownTypeError)) throw error;
      typeProblems.push(
        `column ${name}: ${error.message}; leave it out with --config and \`columns: { ${yamlName(name)}: omit }\``,
      );
      return [];
    }
  });
  if (columns.length === 0 && typeProblems.length === 0) ruleProblems.push("columns: no column of the table is left");
  const hasBoth = LEDGER_COLUMNS.every((name) => table.some((column) => column.name === name));
  const unfit = LEDGER_COLUMNS.map((name) => whyUnfit(name, table, rules)).find((why) => why !== undefined);
  return {
    columns,
    ledgerColumns: hasBoth && unfit === undefined,
    whyNoLedgerColumns: hasBoth ? unfit : undefined,
    ruleProblems: [...new Set([...ruleProblems, ...fitter.problems])],
    typeProblems,
  };
}

/** The rows of the default table. */
export function eventColumns(runId: string): readonly Column[] {
  return rowsOf(EVENT_TABLE, NO_RULES, runId).columns;
}

/** By itself, or as a part of a Nested column. */
function isOmitted({ name, type }: TableColumn, { columns, omitted }: Rules): boolean {
  if (omitted.has(name)) return true;
  if (columns.has(name)) return false;
  const dot = name.indexOf(".");
  return dot > 0 && type.startsWith("Array(") && omitted.has(name.slice(0, dot));
}

/** Rules of columns that are not there, or that the server fills. */
function strayRules(table: readonly TableColumn[], rules: Rules): string[] {
  const problems: string[] = [];
  const names = table.map(({ name }) => name);
  const look = (name: string, at: string): void => {
    const column = table.find((one) => one.name === name);
    if (column === undefined && !names.some((one) => one.startsWith(`${name}.`))) {
      const near = nearest(name, names);
      problems.push(`${at}: the table has no column ${name}${near === undefined ? "" : `: did you mean ${near}?`}`);
    } else if (column !== undefined && isServerFilled(column)) {
      problems.push(`${at}: column ${name} is ${column.defaultKind}: the server fills it`);
    }
  };
  for (const [name, { at }] of rules.columns) look(name, at);
  for (const [name, at] of rules.omitted) look(name, at);
  for (const [name, rule] of rules.columns) {
    if (!names.includes(name)) problems.push(...strayParts(name, rule, names));
  }
  for (const { at, columns } of rules.together) for (const name of columns) look(name, at);
  return problems;
}

/** Of the rule of a Nested column, whose parts are columns to ClickHouse: the length and the parts are all it has. */
function strayParts(nested: string, rule: Rule, names: readonly string[]): string[] {
  const parts = names.filter((name) => name.startsWith(`${nested}.`)).map((name) => name.slice(nested.length + 1));
  if (parts.length === 0) return [];
  const odd = (Object.keys(rule) as (keyof Rule)[]).filter((part) => !["at", "length", "fields"].includes(part));
  return [
    ...odd.map((part) => `${rule.at}.${part} does not fit a Nested, which takes length, fields`),
    ...Object.keys(rule.fields ?? {})
      .filter((name) => !parts.includes(name))
      .map((name) => `${rule.at}.fields has ${name}, which is none of ${parts.join(", ")}`),
  ];
}

/** The program's own rules: the ledger's two columns where both are free for it, and the seed service's event. */
function ownRulesOf(wanted: readonly TableColumn[], rules: Rules, runId: string): ReadonlyMap<string, Rule> {
  const own = new Map<string, Rule>();
  const isFree = (name: string, fits: (type: Type) => boolean): boolean => {
    const column = wanted.find((one) => one.name === name);
    if (column === undefined || rules.columns.has(name)) return false;
    if (rules.together.some(({ columns }) => columns.includes(name))) return false;
    const type = knownType(column.type);
    return type !== undefined && fits(bare(type));
  };
  if (isFree("run_id", isText) && isFree("seq", isNumber)) {
    own.set("run_id", { at: "run_id", constant: runId });
    own.set("seq", { at: "seq", sequence: { from: 0, step: 1 } });
  }
  if (isEventTable(wanted)) {
    for (const [name, rule] of EVENT_RULES) if (isFree(name, isText)) own.set(name, rule);
  }
  return own;
}

const isText = ({ kind }: Type): boolean => kind === "String";
const isNumber = (type: Type): boolean => type.kind === "Int" && type.bits === 64 && !type.signed;

/** Why a row cannot be found again by this column of the ledger: it is not there, or need not show what was written into it. */
function whyUnfit(
  name: (typeof LEDGER_COLUMNS)[number],
  table: readonly TableColumn[],
  rules: Rules,
): string | undefined {
  const column = table.find((one) => one.name === name);
  if (column === undefined) return `there is no ${name}`;
  if (!["", "DEFAULT"].includes(column.defaultKind)) return `${name} is ${column.defaultKind}`;
  if (isOmitted(column, rules)) return `${name} is left out`;
  const isRuled = rules.columns.has(name) || rules.together.some(({ columns }) => columns.includes(name));
  if (isRuled) return `${name} has a rule of its own`;
  const type = knownType(column.type);
  const inner = type?.kind === "LowCardinality" ? type.of : type;
  const fits = name === "seq" ? isNumber : isText;
  return inner !== undefined && fits(inner) ? undefined : `${name} is ${column.type}`;
}

/** A type that has the values of `source`, as far as a column of `type` takes them: no rule may say what they are. */
function sameType(type: Type, source: Type): Type {
  const [taker, giver] = [bare(type), bare(source)];
  let same = taker;
  if (taker.kind === "Int" && giver.kind === "Int" && giver.bits <= taker.bits && giver.signed === taker.signed)
    same = giver;
  if (taker.kind === "Float" && giver.kind === "Float" && giver.bits <= taker.bits) same = giver;
  if (isWrapped(source, "LowCardinality")) same = { kind: "LowCardinality", of: same };
  return isWrapped(source, "Nullable") && isWrapped(type, "Nullable") ? { kind: "Nullable", of: same } : same;
}

type Wrapper = "LowCardinality" | "Nullable";

function isWrapped(type: Type, wrapper: Wrapper): boolean {
  if (type.kind !== "LowCardinality" && type.kind !== "Nullable") return false;
  return type.kind === wrapper || isWrapped(type.of, wrapper);
}

/** Without LowCardinality and Nullable around it. */
function bare(type: Type): Type {
  return type.kind === "LowCardinality" || type.kind === "Nullable" ? bare(type.of) : type;
}

/** Undefined for a type that no row can be made for: its own column says so. */
function knownType(text: string): Type | undefined {
  try {
    return parseType(text);
  } catch (error) {
    if (error instanceof UnknownTypeError) return undefined;
    throw error;
  }
}

/** The arrays n.a and n.b of a table are one Nested column n to ClickHouse, and have one length. */
function nestedOf(name: string, type: Type): string | undefined {
  const dot = name.indexOf(".");
  return dot > 0 && type.kind === "Array" ? name.slice(0, dot) : undefined;
}

/** Arrays of one Nested whose length is not drawn with that of the others. */
function checkLengths(wanted: readonly TableColumn[], rules: Rules, problems: string[]): void {
  const names = wanted.filter(({ type }) => type.startsWith("Array(")).map(({ name }) => name);
  for (const name of names) {
    const nested = name.slice(0, Math.max(0, name.indexOf(".")));
    if (nested === "" || !names.some((other) => other !== name && other.startsWith(`${nested}.`))) continue;
    const rule = rules.columns.get(name);
    const together = rules.together.find((group) => group.columns.includes(name));
    const at = rule?.constant !== undefined || rule?.choice !== undefined ? rule.at : together?.at;
    if (at !== undefined) {
      problems.push(
        `${at}: the arrays of ${nested} have one length, which whole values of ${name} would not keep; give it items`,
      );
    }
  }
}

/** The rule of the column itself, or its share of the rule of the Nested it belongs to. */
function ruleOf(name: string, nested: string | undefined, rules: Rules, problems: string[]): Rule | undefined {
  const own = rules.columns.get(name);
  const outer = nested === undefined ? undefined : rules.columns.get(nested);
  if (own !== undefined) {
    if (nested !== undefined && own.length !== undefined) {
      problems.push(`${own.at}.length: the arrays of ${nested} have one length: give it as columns.${nested}.length`);
    }
    return outer === undefined ? own : { ...own, ...(outer.length && { length: outer.length }) };
  }
  if (outer === undefined || nested === undefined) return undefined;
  const items = outer.fields?.[name.slice(nested.length + 1)];
  return { at: outer.at, ...(outer.length && { length: outer.length }), ...(items && { items }) };
}

function chosenTogether(fitter: Fitter, type: Type, name: string, { at, columns, options }: Together) {
  const place = columns.indexOf(name);
  return fitter.together(
    type,
    at,
    options.map(({ values }) => values[place] ?? null),
    options.map(({ weight }) => weight),
    `together ${columns.join(",")}`,
  );
}

/** As a key in YAML. */
const yamlName = (name: string): string => (/^[A-Za-z_]\w*$/.test(name) ? name : JSON.stringify(name));
