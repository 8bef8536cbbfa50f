// A materialized view as the server writes it (create_table_query of system.tables), and its SELECT from a copy of its table.
// Pure: tokens, no parser of SQL. Called by views.ts. What it does not understand it refuses: a view is copied rightly or not at all.

import { type Place, tableIdentifier } from "../asked.js";
import { quoteIdentifier } from "../server.js";

/** What a view does with the rows of its table. */
export interface View {
  /** Undefined: into a table of its own, which nobody named. */
  readonly to: Place | undefined;
  readonly select: string;
}

/** Or why it is not copied, going on from its name: "is …", "reads …". */
export type Understood<T> = T | { readonly why: string };

const TOKEN =
  /'(?:[^'\\]|\\.|'')*'|`(?:[^`\\]|\\.|``)*`|"(?:[^"\\]|\\.|"")*"|[\p{L}_$][\p{L}\p{N}_$]*|\d[\w.]*|\s+|./gsu;

interface Token {
  readonly text: string;
  /** As it is compared: a name without its quotes; undefined: it is none. */
  readonly name: string | undefined;
  /** In upper case, where it may be a keyword. */
  readonly word: string | undefined;
}

function tokensOf(sql: string): readonly Token[] {
  return [...sql.matchAll(TOKEN)].map(([text]) => {
    const isQuoted = /^[`"]/.test(text);
    const isWord = /^[\p{L}_$]/u.test(text);
    const name = isQuoted ? text.slice(1, -1).replace(/\\(.)|``|""/gs, (all, one) => one ?? all.slice(1)) : text;
    return { text, name: isQuoted || isWord ? name : undefined, word: isWord ? text.toUpperCase() : undefined };
  });
}

const isSpace = ({ text }: Token): boolean => /^\s/.test(text);

/** @param create create_table_query of system.tables */
export function viewOf(create: string): Understood<View> {
  const tokens = tokensOf(create);
  let depth = 0;
  let to: Place | undefined;
  for (const [index, { text, word }] of tokens.entries()) {
    if (text === "(") depth++;
    if (text === ")") depth--;
    if (depth > 0) continue;
    if (word === "REFRESH") return { why: "is refreshed by time, not by inserts" };
    if (word === "TO") to = nameAt(tokens, index + 1)?.place;
    if (word === "AS") {
      const select = tokens.slice(index + 1).map((token) => token.text);
      return { to, select: select.join("").trim() };
    }
  }
  return { why: "has a statement that is not understood" };
}

/** A table of a database that is named at or behind this token. */
interface Named {
  readonly place: Place;
  /** Of its last token. */
  readonly end: number;
}

function nameAt(tokens: readonly Token[], from: number): Named | undefined {
  let at = from;
  while (at < tokens.length && isSpace(tokens[at] as Token)) at++;
  const [database, dot, table] = tokens.slice(at, at + 3);
  if (database?.name === undefined || dot?.text !== "." || table?.name === undefined) return undefined;
  return { place: { database: database.name, table: table.name }, end: at + 2 };
}

/** The SELECT of a view of `source`, reading from `copy`. Other tables it does not read. */
export function selectFrom(select: string, source: Place, copy: Place): Understood<{ readonly select: string }> {
  const tokens = tokensOf(select);
  const others = otherTables(tokens, source);
  if (others.length > 0) return { why: `reads ${[...new Set(others)].join(", ")} as well` };
  const texts: string[] = [];
  let isRead = false;
  for (let index = 0; index < tokens.length; index++) {
    const token = tokens[index] as Token;
    const named = tokens[index - 1]?.text === "." || isSpace(token) ? undefined : nameAt(tokens, index);
    if (named === undefined || !isSame(named.place, source)) {
      texts.push(token.text);
      continue;
    }
    const isColumn = tokens[named.end + 1]?.text === ".";
    texts.push(isColumn ? columnsOf(source, copy) : tableOf(source, copy, isAliased(tokens, named.end)));
    isRead ||= !isColumn;
    index = named.end;
  }
  return isRead ? { select: texts.join("") } : { why: "does not read it by its name" };
}

const isSame = (one: Place, other: Place): boolean => one.database === other.database && one.table === other.table;

/** Names of columns may have the table's before them. */
const columnsOf = (source: Place, copy: Place): string =>
  source.table === copy.table ? tableIdentifier(copy) : quoteIdentifier(source.table);

const tableOf = (source: Place, copy: Place, aliased: boolean): string =>
  source.table === copy.table || aliased
    ? tableIdentifier(copy)
    : `${tableIdentifier(copy)} AS ${quoteIdentifier(source.table)}`;

const nextOf = (tokens: readonly Token[], from: number): number => {
  let at = from + 1;
  while (at < tokens.length && isSpace(tokens[at] as Token)) at++;
  return at;
};

const isAliased = (tokens: readonly Token[], end: number): boolean => tokens[nextOf(tokens, end)]?.word === "AS";

/** What stands where a table is read, and is neither the source, nor a subquery or one that has a name here. */
function otherTables(tokens: readonly Token[], source: Place): readonly string[] {
  const own = new Set(namedSubqueries(tokens));
  const others: string[] = [];
  for (let index = 0; index < tokens.length; index++) {
    const { word } = tokens[index] as Token;
    const isTable = word === "FROM" || (word === "JOIN" && tokens[index - 2]?.word !== "ARRAY");
    if (!isTable && word !== "IN") continue;
    for (let at = nextOf(tokens, index); ; ) {
      // IN (table) is a table, IN (column) hardly ever is anything: only with its database can it be told.
      if (word === "IN" && tokens[at]?.text === "(") at = nextOf(tokens, at);
      const named = nameAt(tokens, at);
      const name = tokens[at]?.name;
      if (named !== undefined) {
        if (word === "IN" || !isSame(named.place, source)) others.push(tableIdentifier(named.place));
      } else if (isTable && name !== undefined && !own.has(name)) {
        others.push(tokens[nextOf(tokens, at)]?.text === "(" ? `${name}(…)` : name);
      }
      const next = isTable ? afterComma(tokens, named?.end ?? closing(tokens, at)) : undefined;
      if (next === undefined) break;
      at = next;
    }
  }
  return others;
}

/** Where the next of several tables stands: `a AS x, b`. */
function afterComma(tokens: readonly Token[], end: number): number | undefined {
  let at = nextOf(tokens, end);
  if (tokens[at]?.word === "AS") at = nextOf(tokens, nextOf(tokens, at));
  return tokens[at]?.text === "," ? nextOf(tokens, at) : undefined;
}

/** Of a subquery its closing bracket; else the token itself. */
function closing(tokens: readonly Token[], at: number): number {
  if (tokens[at]?.text !== "(") return at;
  let depth = 0;
  for (let end = at; end < tokens.length; end++) {
    if (tokens[end]?.text === "(") depth++;
    if (tokens[end]?.text === ")") depth--;
    if (depth === 0) return end;
  }
  return at;
}

/** WITH name AS (SELECT …). */
const namedSubqueries = (tokens: readonly Token[]): readonly string[] =>
  tokens.flatMap(({ name }, index) => {
    const as = nextOf(tokens, index);
    const isNamed = tokens[as]?.word === "AS" && tokens[nextOf(tokens, as)]?.text === "(";
    return name !== undefined && isNamed ? [name] : [];
  });
