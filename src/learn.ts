// `clickstorm sample --learn`: looks at rows of a table, in a few bounded queries that are told before they run, and prints a
// config file with rules that resemble them. Called by sample.ts. Changes nothing on the server, and makes no rows.

import type { Code } from "./answer.js";
import { ACCESS_DENIED, InterruptedError, TargetError, tableIdentifier } from "./asked.js";
import { readDocument, type Tree } from "./config/document.js";
import { readRules } from "./config/rules.js";
import type { Problem } from "./config/shape.js";
import { shown } from "./endpoint.js";
import { type Entry, type Finding, findingOf, type RuleEntries } from "./learn/findings.js";
import {
  type Candidate,
  candidatesOf,
  lagFinding,
  lagOf,
  lagQuestion,
  orderOf,
  orderQuestion,
  rowTimeOf,
  sequenceOf,
} from "./learn/order.js";
import { type ColumnPlan, type Leaf, leavesOf, plansOf } from "./learn/plan.js";
import { question, type Seen, seenOf } from "./learn/questions.js";
import { MOST_ROWS_LOOKED_AT, type Sampling, samplingOf } from "./learn/sampling.js";
import { configText, type WrittenColumn } from "./learn/written.js";
import { rowsOf, type TableColumn } from "./rows/column.js";
import type { SampleSurroundings } from "./sample.js";
import type { SampleOptions } from "./sample-options.js";
import { countOf, query, quoteIdentifier, ServerError } from "./server.js";
import { askDescription, type Description } from "./target.js";
import { printable, whole } from "./text.js";

/** The rows that were to be looked at are not where they were. */
class PartsGone extends Error {}

/** How often they are looked for. */
const TRIES = 3;

/** Of one query. */
const LIMIT_S = 60;
const THREADS = 2;
const MEMORY_BYTES = 4_000_000_000;
/** Values asked about in one query: a question about 30 is 60 kB long, of the 256 kB a server reads. */
const LEAVES_A_QUERY = 30;
/** The first that tells how often top values come. */
const OLDEST: readonly [number, number] = [24, 3];
/** What a query that is too much for the server is tried again with. */
const FEWER_ROWS = 100_000;

const TIME_LIMIT = 159;
const SLOW = 160;
const MEMORY_LIMIT = 241;
/** Of settings: all in a readonly profile, or those that its constraints name. */
const UNCHANGEABLE: ReadonlySet<Code> = new Set<Code>([164, 452]);

/** Returns the exit code. Throws a TargetError. */
export async function learn(
  options: SampleOptions,
  { values }: NonNullable<SampleOptions["learn"]>,
  { out, err, interrupt }: SampleSurroundings,
): Promise<number> {
  const [endpoint] = options.endpoints;
  if (endpoint === undefined) throw new TargetError("there is no endpoint");
  const say = (sentence: string): void => void err.write(`${printable(sentence)}\n`);
  const patience = { signal: interrupt, onSlow: say, slowMs: 10_000, timeoutMs: (LIMIT_S + 10) * 1000 };
  const description = await askDescription(endpoint, options, patience);
  const name = `${description.database}.${description.table}`;
  checkVersion(description.version);

  let limits = ` SETTINGS max_execution_time = ${LIMIT_S}, timeout_overflow_mode = 'throw', max_memory_usage = ${MEMORY_BYTES}`;
  const ask = async (sql: string, threads = THREADS): Promise<Readonly<Record<string, unknown>>> => {
    const asked = async (settings: string) => (await query(endpoint, `${sql}${settings}`, {}, patience))[0] ?? {};
    try {
      return await asked(limits === "" ? "" : `${limits}, max_threads = ${threads}`);
    } catch (error) {
      if (!(error instanceof ServerError) || !UNCHANGEABLE.has(error.code) || limits === "") throw error;
      say("this user may change no settings: asking without limits of time and memory, of as many rows");
      limits = "";
      return asked("");
    }
  };
  try {
    const learnFrom = async (most: number): Promise<string> => {
      for (let tries = 0; ; tries++) {
        const rows = await tableRows(description, async (sql, names) => query(endpoint, sql, names, patience));
        if (rows.total === 0) throw new TargetError(`${name} holds no rows to learn from`);
        // Where parts never last, the first rows are better than none.
        const found = tries < TRIES ? rows : { ...rows, parts: [] };
        try {
          return await learnt(description, found, most, values, ask, say);
        } catch (error) {
          if (!(error instanceof PartsGone)) throw error;
          say(`parts of ${name} were merged meanwhile: looking anew`);
        }
      }
    };
    const text = await learnFrom(MOST_ROWS_LOOKED_AT).catch((error: unknown) => {
      if (!(error instanceof ServerError) || !isTooMuch(error)) throw error;
      say(`that was too much for the server (${error.message}): again with ${whole(FEWER_ROWS)} rows`);
      return learnFrom(FEWER_ROWS);
    });
    out.write(text);
    return 0;
  } catch (error) {
    if (interrupt.aborted) throw new InterruptedError("interrupted before the first rule");
    if (!(error instanceof ServerError)) throw error;
    if (error.code === ACCESS_DENIED)
      throw new TargetError(`${shown(endpoint)} does not let this user read ${name}: ${error.message}`);
    if (isTooMuch(error)) {
      throw new TargetError(
        `${shown(endpoint)} cannot look at ${whole(FEWER_ROWS)} rows of ${name} within ${LIMIT_S} s and ${MEMORY_BYTES / 1e9} GB: ` +
          `put some of its rows into a smaller table and learn from that: ${error.message}`,
      );
    }
    throw new TargetError(
      typeof error.code === "number"
        ? `${shown(endpoint)} does not answer a question about ${name}: ${error.message}`
        : error.message,
    );
  }
}

function isTooMuch({ code }: ServerError): boolean {
  return code === TIME_LIMIT || code === SLOW || code === MEMORY_LIMIT || code === "timeout";
}

function checkVersion(version: string): void {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return;
  throw new TargetError(`ClickHouse ${version} is too old for --learn, which needs ${OLDEST.join(".")} or newer`);
}

interface TableRows {
  /** Undefined where the server does not know without counting. */
  readonly total: number | undefined;
  readonly parts: readonly { readonly name: string; readonly rows: number }[];
}

type Ask = (sql: string, threads?: number) => Promise<Readonly<Record<string, unknown>>>;

async function tableRows(
  { database, table, engine }: Description,
  ask: (sql: string, names: Readonly<Record<string, string>>) => Promise<readonly Readonly<Record<string, unknown>>[]>,
): Promise<TableRows> {
  const names = { database, table };
  const [row] = await ask(
    "SELECT total_rows AS rows FROM system.tables WHERE database = {database:String} AND name = {table:String}",
    names,
  );
  const total = row?.rows === null || row?.rows === undefined ? undefined : countOf(row, "rows");
  if (!engine.endsWith("MergeTree") || total === undefined || total <= MOST_ROWS_LOOKED_AT / 10)
    return { total, parts: [] };
  const parts = await ask(
    "SELECT name, rows FROM system.parts WHERE database = {database:String} AND table = {table:String} AND active ORDER BY name",
    names,
  );
  return { total, parts: parts.map((part) => ({ name: String(part.name), rows: countOf(part, "rows") })) };
}

/** The config file. */
async function learnt(
  description: Description,
  { total, parts }: TableRows,
  most: number,
  values: boolean,
  ask: Ask,
  say: (sentence: string) => void,
): Promise<string> {
  const name = `${description.database}.${description.table}`;
  const plans = plansOf(description.columns);
  const leaves = plans.flatMap((plan) => (plan.kind === "learn" ? leavesOf(plan.node) : []));
  const sampling = samplingOf(total, parts, most);
  const candidates = candidatesOf(plans);
  const queries = Math.ceil(leaves.length / LEAVES_A_QUERY) + (candidates.length > 0 ? 2 : 0);
  const ofAll = total === undefined ? "" : `of ${whole(total)} `;
  say(
    `looking at ${sampling.text === "all rows" ? "all rows" : `up to ${whole(most)} rows`} ${ofAll}in ${name}` +
      `${sampling.where === undefined ? "" : `, ${sampling.text}`}: up to ${queries} queries of at most ${LIMIT_S} s, ${THREADS} threads and ${MEMORY_BYTES / 1e9} GB each`,
  );
  const from = sourceOf(description, sampling);

  const askRows: Ask = async (sql, threads) => {
    const answer = await ask(sql, threads);
    if (countOf(answer, "rows") < sampling.expected / 2) throw new PartsGone();
    return answer;
  };
  const seen = new Map<Leaf, Seen>();
  let rows = 0;
  const look = async (some: readonly Leaf[]): Promise<void> => {
    const columns = some.map(({ sql }, index) => `${sql} AS __v${index}`).join(", ");
    const asked = some.flatMap((leaf, index) => question(leaf, index, `__v${index}`, values));
    const answer = await askRows(`SELECT count() AS rows, ${asked.join(", ")} FROM (${from(columns)})`);
    rows = countOf(answer, "rows");
    if (rows === 0) throw new TargetError(`${name} holds no rows to learn from`);
    for (const [index, leaf] of some.entries()) seen.set(leaf, seenOf(leaf, index, answer));
  };
  for (let first = 0; first < leaves.length; first += LEAVES_A_QUERY) {
    const some = leaves.slice(first, first + LEAVES_A_QUERY);
    await look(some).catch((error: unknown) => lookApart(some, error, look, say));
  }
  const inOrder = await orderedColumns(candidates, from, askRows);

  const header = [
    `Learned from ${name}: looked at ${whole(rows)}${total === undefined ? "" : ` of ${whole(total)}`} rows` +
      `${sampling.where === undefined && total !== undefined && total <= most ? "" : `, ${sampling.text}`}.`,
    "Weights are percentages. Each column was looked at by itself. To see what it comes to:",
    "clickstorm sample --config THIS_FILE --explain",
  ];
  const found = { seen: (leaf: Leaf) => seen.get(leaf) ?? NOT_SEEN, values };
  const columns = plans.map((plan): PlannedColumn => {
    if (plan.kind !== "learn") {
      return { plan, finding: { rule: new Map(), notes: [plan.why] } };
    }
    const byOrder = inOrder.findings.get(plan.column.name) ?? countedUp(plan, found.seen, inOrder, total ?? rows);
    return { plan, finding: byOrder ?? findingOf(plan.node, found) };
  });
  return configText(tableText(description), header, written(columns, description.columns));
}

/** One value that the server cannot be asked about does not keep the others from being learned. Throws where all are such. */
async function lookApart(
  leaves: readonly Leaf[],
  error: unknown,
  look: (some: readonly Leaf[]) => Promise<void>,
  say: (sentence: string) => void,
): Promise<void> {
  const isOfOne = (one: unknown): one is ServerError =>
    one instanceof ServerError && typeof one.code === "number" && one.code !== ACCESS_DENIED && !isTooMuch(one);
  if (!isOfOne(error)) throw error;
  say(`the server cannot answer for all columns at once: asking for each of ${leaves.length} values`);
  const refusals: ServerError[] = [];
  for (const leaf of leaves) {
    await look([leaf]).catch((other: unknown) => {
      if (!isOfOne(other)) throw other;
      refusals.push(other);
    });
  }
  if (refusals.length === leaves.length) throw error;
  for (const { message } of refusals) say(`left to its default: ${message}`);
}

/** `columns` of the rows that are looked at, in SQL. */
function sourceOf(description: Description, { where, limit }: Sampling): (columns: string) => string {
  const condition = where === undefined ? "" : ` WHERE ${where}`;
  return (columns) => `SELECT ${columns} FROM ${tableIdentifier(description)}${condition} LIMIT ${limit}`;
}

const NOT_SEEN: Seen = { rows: 0, values: 0, distinct: 0, same: 0, top: [], numbers: undefined, texts: undefined };

interface Ordered {
  readonly order: ReadonlyMap<string, number>;
  /** Of times. */
  readonly findings: ReadonlyMap<string, Finding>;
}

async function orderedColumns(
  candidates: readonly Candidate[],
  from: (columns: string) => string,
  ask: Ask,
): Promise<Ordered> {
  const findings = new Map<string, Finding>();
  if (candidates.length === 0) return { order: new Map(), findings };
  const order = orderOf(candidates, await ask(orderQuestion(candidates, from), 1));
  const base = rowTimeOf(candidates, order);
  if (base === undefined) return { order, findings };
  findings.set(base.name, {
    rule: new Map(),
    notes: ["follows the order of the rows: it is the row's time, which needs no rule"],
  });
  const others = candidates.filter(({ name, type }) => name !== base.name && type.kind !== "Int");
  const times = base.type.kind === "DateTime" ? others : [];
  if (times.length === 0) return { order, findings };
  const answer = await ask(lagQuestion(base, times, from));
  for (const [index, { name }] of times.entries()) {
    const finding = lagFinding(lagOf(index, answer), base.name);
    if (finding !== undefined) findings.set(name, finding);
  }
  return { order, findings };
}

/** A column that is a sequence. */
function countedUp(
  { column, node }: ColumnPlan & { readonly kind: "learn" },
  seen: (leaf: Leaf) => Seen,
  { order }: Ordered,
  rows: number,
): Finding | undefined {
  const inOrder = order.get(column.name);
  if (inOrder === undefined || node.kind !== "leaf" || node.type.kind !== "Int") return undefined;
  const { numbers, distinct, values } = seen(node);
  return numbers && sequenceOf({ ...numbers, distinct, values }, inOrder, rows);
}

interface PlannedColumn {
  readonly plan: ColumnPlan;
  readonly finding: Finding;
}

/** Each with a rule that --config accepts for this table: where one does not fit after all, the type's default is left. */
function written(columns: readonly PlannedColumn[], table: readonly TableColumn[]): readonly WrittenColumn[] {
  const groups = new Map<string, PlannedColumn[]>();
  for (const planned of columns) {
    const name = entryName(planned, table);
    groups.set(name, [...(groups.get(name) ?? []), planned]);
  }
  return [...groups].map(([name, members]): WrittenColumn => {
    const [first] = members;
    const isNested = first !== undefined && first.plan.column.name !== name;
    const notes = members.flatMap(({ plan: { column }, finding }) => {
      const [note, ...others] = finding.notes;
      const title = `${column.name} ${column.type}`;
      return [note === undefined ? title : `${title}: ${note}`, ...others.map((other) => `  ${other}`)];
    });
    if (first?.plan.kind === "omit") return { name, rule: "omit", notes };
    if (first === undefined || first.plan.kind === "leave") return { name, rule: undefined, notes };
    const rule = isNested ? nestedRule(name, members) : first.finding.rule;
    const own = table.filter((column) => members.some(({ plan }) => plan.column.name === column.name));
    const nulls = rule.get("nulls");
    const fitting = [rule, new Map(nulls === undefined ? [] : [["nulls", nulls] as const])].find((one) =>
      fits(name, one, own),
    );
    if (fitting === undefined) return { name, rule: "omit", notes: [...notes, `no rows can be made for ${name}`] };
    const dropped = fitting === rule ? [] : [`no rule fits what was seen of ${name}: left to its type's default`];
    return { name, rule: fitting, notes: [...notes, ...dropped] };
  });
}

/** The arrays n.a and n.b are one Nested column n. */
function entryName({ plan: { column, kind } }: PlannedColumn, table: readonly TableColumn[]): string {
  const dot = column.name.indexOf(".");
  const nested = column.name.slice(0, Math.max(0, dot));
  const isPart = kind === "learn" && dot > 0 && column.type.startsWith("Array(");
  return isPart && !table.some(({ name }) => name === nested) ? nested : column.name;
}

function nestedRule(name: string, members: readonly PlannedColumn[]): RuleEntries {
  const rule = new Map<string, Entry>();
  const length = members.map(({ finding }) => finding.rule.get("length")).find((one) => one !== undefined);
  if (length !== undefined) rule.set("length", length);
  const fields = members.flatMap(({ plan, finding }): [string, Entry][] => {
    const items = finding.rule.get("items");
    return items === undefined ? [] : [[plan.column.name.slice(name.length + 1), items]];
  });
  if (fields.length > 0) rule.set("fields", new Map(fields));
  return rule;
}

/** Whether --config would take the rule for these columns, read from the very text. */
function fits(name: string, rule: RuleEntries, own: readonly TableColumn[]): boolean {
  const text = configText("t", [], [{ name, rule, notes: [] }]);
  const { tree, problems: unreadable } = readDocument(text);
  if (unreadable.length > 0 || !(tree instanceof Map)) return false;
  const problems: Problem[] = [];
  const rules = readRules((tree as ReadonlyMap<string, Tree>).get("columns"), undefined, problems);
  if (problems.length > 0) return false;
  const { ruleProblems, typeProblems } = rowsOf(own, rules, "run");
  return ruleProblems.length + typeProblems.length === 0;
}

/** As --table takes it. */
function tableText({ database, table }: Description): string {
  return [database, table].map((name) => (/[.`]/.test(name) ? quoteIdentifier(name) : name)).join(".");
}
