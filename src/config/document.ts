// A YAML 1.2 text as plain values and the lines they stand on. Nothing in the text can run, blow up or hang: custom tags
// are refused; depth, aliases and the number of tokens are bounded. Pure.

import { Composer, isAlias, isMap, isScalar, isSeq, Lexer, LineCounter, Parser } from "yaml";
import type { Scalar } from "../rows/rule.js";

/** Mappings keep the order and the type of their keys: 200 and "200" are two. */
export type Tree = Scalar | readonly Tree[] | ReadonlyMap<Scalar, Tree>;

/** Keys of mappings and indexes of lists, from the top. */
export type Path = readonly Scalar[];

export interface Document {
  /** Undefined: there is nothing but comments, or it cannot be read. */
  readonly tree: Tree | undefined;
  /** Each begins with its place, as in 3:7: */
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
      // What is said of a place behind the first thing follows from it.
      const first = new Map(wrong.map((error) => [error.pos[0], error] as const).reverse());
      const sentences = [...first.values()]
        .sort((one, other) => one.pos[0] - other.pos[0])
        .slice(0, ERRORS)
        .map(({ pos, code, message }) => at(pos[0], sentenceOf(code, message)));
      return broken(sentences);
    }
    const builder = new Builder();
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
  return message.replace(/: (?:"|[|>]).*$/s, "");
}

interface Built {
  readonly tree: Tree;
  /** Values in it, all in all. */
  readonly size: number;
  /** Levels of nesting. */
  readonly height: number;
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
      const names = new Set<Scalar>();
      let [size, height] = [1, 0];
      for (const pair of node.items) {
        const key = this.build(pair.key, path, depth + 1).tree;
        const keyOffset = (pair.key as Node | null)?.range?.[0] ?? offset;
        if (typeof key === "object" && key !== null) {
          this.problems.push({ offset: keyOffset, sentence: "a key must be a word or a number" });
          continue;
        }
        // Only the values of a choice may differ by their type alone.
        const name = path.at(-1) === "choice" ? key : String(key);
        if (names.has(name)) {
          this.problems.push({ offset: keyOffset, sentence: `${[...path, key].join(".")} is given twice` });
        }
        names.add(name);
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
    return { tree: isScalar(node) ? scalarOf(node.value) : null, size: 1, height: 0 };
  }
}

function scalarOf(value: unknown): Scalar {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? value : null;
}

/** Finds nodes by their paths. */
class Lookup {
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
        const keyOf = (key: unknown): unknown => {
          const value = this.targets.get(key) ?? key;
          return isScalar(value) ? scalarOf(value.value) : null;
        };
        const pair =
          from.items.find(({ key }) => keyOf(key) === step) ??
          from.items.find(({ key }) => String(keyOf(key)) === String(step));
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

  lineOf(path: Path): number {
    return this.lineAt((this.#walk(path).mark as Node | null)?.range?.[0] ?? 0);
  }

  textAt(path: Path): string | undefined {
    const { node, whole } = this.#walk(path);
    const found = this.targets.get(node) ?? node;
    if (!whole || !isScalar(found) || found.value === null) return undefined;
    return typeof found.value === "number" || typeof found.value === "bigint"
      ? (found.source ?? String(found.value))
      : String(found.value);
  }
}
