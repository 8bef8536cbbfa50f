// A YAML 1.2 text as plain values and the lines they stand on. Nothing in the text can run, blow up or hang: custom tags
// are refused; depth, aliases and the number of tokens are bounded. Pure.

import { Composer, isAlias, isMap, isScalar, isSeq, Lexer, LineCounter, Parser } from "yaml";
import { type Scalar, Written } from "../rows/rule.js";

/** Mappings keep the order and the type of their keys: 200 and "200" are two. */
export type Tree = Scalar | readonly Tree[] | ReadonlyMap<Scalar, Tree>;

/** Keys of mappings and indexes of lists, from the top. */
export type Path = readonly Scalar[];

export interface Document {
  /** Undefined: there is nothing but comments, or it cannot be read. */
  readonly tree: Tree | undefined;
  /** Each begins with its place, as in 3:7:, but for one that more are left out. */
  readonly problems: readonly string[];
  /** The line of what stands at the path, or of what is nearest above it. */
  lineOf(path: Path): number;
  /** The scalar at the path as it is written, without quotes; of anything else undefined. */
  textAt(path: Path): string | undefined;
}

/** Deeper nesting than any rule has; the library's recursion ends far behind it. */
const DEPTH = 64;
/** Words, marks and spaces: 2 s of work and 600 MB; a mapping of 125,000 lines has as many. */
const TOKENS = 1_000_000;
/** Values that aliases repeat, all in all. */
const ALIASED = 100_000;
/** Enough to show that a text is no YAML. */
const ERRORS = 20;
/** Lines with something wrong: of more than that, the first two are told. */
const TOLD_LINES = 5;
/** So much of a line is looked at. */
const LONGEST_LINE = 1000;

/** The commonest mistake: YAML takes the braces for a mapping. */
export const UNQUOTED_PATTERN = 'put the pattern in quotes, as it has { } in it: pattern: "user-{uuid}"';
/** A line on which a pattern may be what is wrong. */
const HAS_BARE_PATTERN = /(?:^|[\s{,])pattern:\s+(?![\s"'|>&*!])[^"'#,}]*\{/;
/** A line that is wrong by its pattern whatever is around it. */
const HAS_WRONG_PATTERN = /[{,]\s*pattern:\s+(?![\s"'|>&*!])[^"'#,}]*\{|^\s*pattern:\s+\{/;
/** What is said of places behind the end of what could be read. */
const BEHIND = /in YAML stream/;

const OPTIONS = {
  version: "1.2",
  schema: "core",
  intAsBigInt: true,
  // Its own search for them takes the square of their number.
  uniqueKeys: false,
  resolveKnownTags: false,
  logLevel: "silent",
} as const;

/** A sentence about the place at `offset`. */
class Unreadable extends Error {
  constructor(
    readonly offset: number,
    sentence: string,
  ) {
    super(sentence);
  }
}

export function readDocument(text: string): Document {
  const lines = new LineCounter();
  const at = (offset: number, sentence: string): string => {
    const { line, col } = lines.linePos(offset);
    return `${Math.max(line, 1)}:${Math.max(col, 1)}: ${sentence}`;
  };
  const broken = (problems: readonly string[]): Document => ({
    tree: undefined,
    problems,
    lineOf: () => 1,
    textAt: () => undefined,
  });
  try {
    const composer = new Composer(OPTIONS);
    const [document, second] = [...composer.compose(tokensOf(text, lines), true, text.length)];
    if (second !== undefined) return broken([at(second.range[0], "a second document begins here: one is read")]);
    const wrong = [...(document?.errors ?? []), ...(document?.warnings ?? [])];
    if (wrong.length > 0) {
      const all = sentencesOf(wrong, text, lines).map(({ offset, sentence }) => at(offset, sentence));
      return broken(all.length > TOLD_LINES ? [...all.slice(0, 2), " … and more: is this YAML?"] : all);
    }
    const builder = new Builder((offset) => lines.linePos(offset).line);
    const tree = document?.contents ? builder.build(document.contents, [], 0).tree : undefined;
    const lookup = new Lookup(document?.contents, builder.targets, (offset) => lines.linePos(offset).line);
    return {
      tree,
      problems: builder.problems.slice(0, ERRORS).map(({ offset, sentence }) => at(offset, sentence)),
      lineOf: (path) => lookup.lineOf(path),
      textAt: (path) => lookup.textAt(path),
    };
  } catch (error) {
    if (error instanceof Unreadable) return broken([at(error.offset, error.message)]);
    // An error of the library itself: what it says may quote the text.
    return broken(["1:1: cannot be read as YAML"]);
  }
}

/** What is wrong with a text that is no YAML: one sentence a line, and none that follows from another. */
function sentencesOf(
  wrong: readonly { readonly pos: readonly [number, number]; readonly code: string; readonly message: string }[],
  text: string,
  lines: LineCounter,
): readonly { readonly offset: number; readonly sentence: string }[] {
  const told = new Map<number, { readonly offset: number; readonly sentence: string }>();
  for (const { pos, code, message } of wrong.toSorted((one, other) => one.pos[0] - other.pos[0])) {
    const [offset] = pos;
    const { line } = lines.linePos(offset);
    if (told.has(line)) continue;
    const start = lines.lineStarts[line - 1] ?? 0;
    const [written = ""] = text.slice(start, start + LONGEST_LINE).split("\n");
    if (told.size === 0 || !BEHIND.test(message)) {
      const sentence = HAS_BARE_PATTERN.test(written) ? UNQUOTED_PATTERN : sentenceOf(code, message);
      told.set(line, { offset, sentence });
    } else if (HAS_WRONG_PATTERN.test(written)) {
      told.set(line, { offset, sentence: UNQUOTED_PATTERN });
    }
  }
  return [...told.values()];
}

/** The tokens of the text's one document. */
function tokensOf(text: string, lines: LineCounter) {
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  const tokens = [];
  let count = 0;
  let errors = 0;
  let directives = 0;
  let documents = 0;
  for (const lexeme of new Lexer().lex(text)) {
    for (const token of parser.next(lexeme)) {
      tokens.push(token);
      if (token.type === "error") errors++;
      if (token.type === "directive" && ++directives > ERRORS)
        throw new Unreadable(token.offset, "too many directives");
      if (token.type === "document") documents++;
    }
    // The document and a scalar are on the stack too.
    if (parser.stack.length > DEPTH + 2)
      throw new Unreadable(parser.offset, `is nested more than ${DEPTH} levels deep`);
    if (++count > TOKENS)
      throw new Unreadable(parser.offset, "holds too much: more than 1,000,000 words, marks and spaces");
    if (errors > ERRORS || documents > 1) return tokens;
  }
  tokens.push(...parser.end());
  return tokens;
}

/** The library's message without pieces of the text: it may hold a password. */
function sentenceOf(code: string, message: string): string {
  if (code === "TAG_RESOLVE_FAILED" || /\btag\b/.test(message)) {
    return "tags such as !name mean nothing here; a text that begins with ! needs quotes";
  }
  if (code === "BAD_DIRECTIVE")
    return "no directive but %YAML 1.2 means anything here; a text that begins with % needs quotes";
  // What quotes the text does so at its end.
  return message.replace(/: (?:"|[|>]).*$/s, "").replace(/(escape sequence|plain scalar|YAML token).*$/s, "$1");
}

interface Built {
  readonly tree: Tree;
  /** Values in it, all in all. */
  readonly size: number;
  /** Levels of nesting. */
  readonly height: number;
}

/** An entry of a mapping, likewise. */
type Entry = { readonly key: unknown; readonly value: unknown };

interface Entries {
  readonly byValue: ReadonlyMap<Scalar, Entry>;
  readonly byText: ReadonlyMap<string, Entry>;
}

/** A node of the library, for what is asked of it here. */
type Node = { readonly range?: readonly [number, number, number] | null; readonly anchor?: string };

/** Nodes → values; aliases point to what is built already. */
class Builder {
  readonly problems: { readonly offset: number; readonly sentence: string }[] = [];
  /** What each alias stands for. */
  readonly targets = new Map<unknown, unknown>();
  /** By anchor; without `built` while it is being built. */
  readonly #anchors = new Map<string, { readonly node: unknown; readonly built?: Built }>();
  #aliased = 0;
  #hasMerged = false;

  constructor(readonly lineAt: (offset: number) => number) {}

  build(node: unknown, path: Path, depth: number): Built {
    const offset = (node as Node | null)?.range?.[0] ?? 0;
    if (depth > DEPTH) throw new Unreadable(offset, `is nested more than ${DEPTH} levels deep`);
    if (isAlias(node)) return this.#alias(node.source, node, offset, depth);
    const anchor = (node as Node | null)?.anchor;
    if (anchor !== undefined) this.#anchors.set(anchor, { node });
    const built = this.#value(node, path, depth, offset);
    if (anchor !== undefined) this.#anchors.set(anchor, { node, built });
    return built;
  }

  #alias(name: string, node: unknown, offset: number, depth: number): Built {
    const anchor = this.#anchors.get(name);
    if (anchor === undefined) {
      throw new Unreadable(offset, "an alias (*name) needs its anchor (&name) before it; a text with * needs quotes");
    }
    if (anchor.built === undefined) throw new Unreadable(offset, "an alias stands for what it is a part of");
    this.#aliased += anchor.built.size;
    if (this.#aliased > ALIASED) throw new Unreadable(offset, `aliases repeat more than ${ALIASED} values`);
    if (depth + anchor.built.height > DEPTH) throw new Unreadable(offset, `is nested more than ${DEPTH} levels deep`);
    this.targets.set(node, anchor.node);
    return anchor.built;
  }

  #value(node: unknown, path: Path, depth: number, offset: number): Built {
    if (isMap(node)) {
      const entries = new Map<Scalar, Tree>();
      /** With the places of their keys. */
      const names = new Map<string, number>();
      let [size, height] = [1, 0];
      for (const pair of node.items) {
        const key = this.build(pair.key, path, depth + 1).tree;
        const keyOffset = (pair.key as Node | null)?.range?.[0] ?? offset;
        if (!isScalarTree(key)) {
          const isPattern = path.at(-1) === "pattern";
          const sentence = isPattern ? UNQUOTED_PATTERN : "a key must be a word or a number";
          this.problems.push({ offset: keyOffset, sentence });
          continue;
        }
        if (key === "<<" && isScalar(pair.key) && pair.key.type === "PLAIN") {
          if (!this.#hasMerged) this.problems.push({ offset: keyOffset, sentence: NO_MERGE });
          this.#hasMerged = true;
          continue;
        }
        // Only the values of a choice may differ by their type alone.
        const name = path.at(-1) === "choice" && typeof key === "string" ? JSON.stringify(key) : String(key);
        const first = names.get(name);
        if (first !== undefined) {
          const sentence = `${[...path, key].join(".")} is given twice, first in line ${this.lineAt(first)}`;
          this.problems.push({ offset: keyOffset, sentence });
        }
        names.set(name, first ?? keyOffset);
        const built = this.build(pair.value, [...path, key], depth + 1);
        entries.set(key, built.tree);
        size += built.size + 1;
        height = Math.max(height, built.height + 1);
      }
      return { tree: entries, size, height };
    }
    if (isSeq(node)) {
      const items = node.items.map((item, index) => this.build(item, [...path, index], depth + 1));
      return {
        tree: items.map(({ tree }) => tree),
        size: items.reduce((sum, { size }) => sum + size, 1),
        height: items.reduce((most, { height }) => Math.max(most, height + 1), 0),
      };
    }
    return { tree: isScalar(node) ? scalarOf(node) : null, size: 1, height: 0 };
  }
}

const NO_MERGE = "merge keys (<<) are not supported; anchors are: a whole rule again is *name";

const isScalarTree = (tree: Tree): tree is Scalar =>
  typeof tree !== "object" || tree === null || tree instanceof Written;

function scalarOf({ value, source }: { readonly value: unknown; readonly source?: string }): Scalar {
  if (typeof value === "string") return value;
  if (typeof value !== "bigint" && typeof value !== "number" && typeof value !== "boolean") return null;
  const plain = typeof value === "bigint" && Number.isSafeInteger(Number(value)) ? Number(value) : value;
  return source === undefined || source === String(plain) ? plain : new Written(plain, source);
}

/** Finds nodes by their paths. */
class Lookup {
  /** Of each mapping that was on a path. */
  readonly #entries = new WeakMap<object, Entries>();

  constructor(
    readonly root: unknown,
    readonly targets: ReadonlyMap<unknown, unknown>,
    readonly lineAt: (offset: number) => number,
  ) {}

  /** The node at the path and the one to point at: of an entry its key. Stops where there is nothing. */
  #walk(path: Path): { readonly node: unknown; readonly mark: unknown; readonly whole: boolean } {
    let node = this.root;
    let mark = node;
    for (const step of path) {
      const from = this.targets.get(node) ?? node;
      if (isMap(from)) {
        const entries = this.#entriesOf(from);
        const pair = entries.byValue.get(step) ?? entries.byText.get(String(step));
        if (pair === undefined) return { node, mark, whole: false };
        [node, mark] = [pair.value, pair.key];
      } else if (isSeq(from) && typeof step === "number" && step < from.items.length) {
        node = mark = from.items[step];
      } else {
        return { node, mark, whole: false };
      }
    }
    return { node, mark, whole: true };
  }

  #entriesOf(map: { readonly items: readonly Entry[] }): Entries {
    const known = this.#entries.get(map);
    if (known !== undefined) return known;
    const [byValue, byText] = [new Map<Scalar, Entry>(), new Map<string, Entry>()];
    for (const pair of map.items) {
      const node = this.targets.get(pair.key) ?? pair.key;
      const key = isScalar(node) ? scalarOf(node) : null;
      if (!byValue.has(key)) byValue.set(key, pair);
      if (!byText.has(String(key))) byText.set(String(key), pair);
    }
    this.#entries.set(map, { byValue, byText });
    return { byValue, byText };
  }

  lineOf(path: Path): number {
    return this.lineAt((this.#walk(path).mark as Node | null)?.range?.[0] ?? 0);
  }

  textAt(path: Path): string | undefined {
    const { node, whole } = this.#walk(path);
    const found = this.targets.get(node) ?? node;
    if (!whole || !isScalar(found) || found.value === null) return undefined;
    return String(typeof found.value === "boolean" ? found.value : scalarOf(found));
  }
}
