// Reads a config file: options of `run` by the names of their flags, and rules for columns. Only --config loads this.

import { type Document, type Path, readDocument, type Tree } from "./config/document.js";
import { looksLikeRule, pathText, readRules } from "./config/rules.js";
import { kindOf, meant, type Problem, shown } from "./config/shape.js";
import { type Flag, ownersOf } from "./flags.js";
import { OptionsError } from "./options.js";
import { NO_RULES, type Rules, type Scalar } from "./rows/rule.js";
import { nearest } from "./text.js";
import { readWhole } from "./whole-file.js";

export interface Config {
  /** As it was named. */
  readonly file: string;
  /** By the name of the flag: what it could be given on the command line. */
  readonly options: Readonly<Record<string, string | readonly string[]>>;
  readonly rules: Rules;
}

/** The file has problems; `config`: what could be read of it, undefined where nothing could. */
export class ConfigError extends OptionsError {
  constructor(
    problems: readonly string[],
    readonly config: Config | undefined,
  ) {
    super(problems);
  }
}

const LIMIT_BYTES = 10_000_000;
/** What a person reads before the next try. */
const SHOWN_PROBLEMS = 50;

/** `flags`: those of `run`. Rejects with a ConfigError, an OptionsError, with every problem at once. */
export async function readConfig(file: string, flags: readonly Flag[], signal?: AbortSignal): Promise<Config> {
  return parseConfig(await readText(file, signal), file, flags);
}

/** `file`: what the text is called. Throws a ConfigError. */
export function parseConfig(text: string, file: string, flags: readonly Flag[]): Config {
  const document = readDocument(text);
  if (document.problems.length > 0) {
    const sentences = document.problems.map((problem) => `${file}:${problem}`);
    throw new ConfigError(sentences, undefined);
  }
  const { tree = null } = document;
  if (tree === null) throw new ConfigError([`${file} is empty`], undefined);
  if (!(tree instanceof Map)) {
    throw new ConfigError(
      [`${file}:1: must be a mapping of options, such as rate: 50k, got ${kindOf(tree)}`],
      undefined,
    );
  }
  const problems: Problem[] = [];
  const options = readOptions(tree as ReadonlyMap<Scalar, Tree>, document, flags, problems);
  const placeOf = (path: Path): string => `${file}:${document.lineOf(path)}: ${pathText(path)}`;
  const rules = readRules(tree.get("columns"), tree.get("together"), problems, placeOf);
  const config = { file, options, rules };
  if (problems.length === 0) return config;
  const sentences = problems
    .slice(0, SHOWN_PROBLEMS)
    .map((problem) => ({ ...problem, line: document.lineOf([...problem.path, ...(problem.inner ?? [])]) }))
    .sort((a, b) => a.line - b.line)
    .map(({ line, path, sentence }) => `${file}:${line}: ${path.length > 0 ? `${pathText(path)}: ` : ""}${sentence}`);
  const more = problems.length - sentences.length;
  const told = [...new Set(sentences)];
  throw new ConfigError(more > 0 ? [...told, `${file}: … and ${more} more`] : told, {
    ...config,
    rules: NO_RULES,
  });
}

async function readText(file: string, signal: AbortSignal | undefined): Promise<string> {
  const found = await readWhole(file, LIMIT_BYTES, signal);
  if ("fault" in found) throw new ConfigError([`--config ${file}${found.fault}`], undefined);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(found.bytes);
  } catch {
    throw new ConfigError([`--config ${file} is not text in UTF-8`], undefined);
  }
}

function readOptions(
  tree: ReadonlyMap<Scalar, Tree>,
  document: Document,
  flags: readonly Flag[],
  problems: Problem[],
): Record<string, string | readonly string[]> {
  const known = flags.filter(({ name }) => name !== "config");
  const names = [...known.map(({ name }) => name), "columns", "together"];
  const options: [string, string | readonly string[]][] = [];
  for (const [key, value] of tree) {
    const name = String(key);
    const flag = known.find((candidate) => candidate.name === name);
    if (flag !== undefined) {
      const given = readOption(flag, value, document, problems);
      if (given !== undefined) options.push([name, given]);
    } else if (name === "config") {
      problems.push({ path: [name], sentence: "a config file names no other" });
    } else if (!names.includes(name)) {
      const near = nearest(name, ["columns", "together"]);
      const owners = ownersOf(name);
      // A key that is none may be anything: its line says which one it is.
      let sentence = `unknown option${meant(name, names)}`;
      if (near === undefined && looksLikeRule(value)) {
        sentence = `${shown(key)} is no option: the rules of columns go below \`columns:\``;
      } else if (owners !== undefined) {
        sentence = `${name} is an option of ${owners}, which the config file cannot hold: give it as --${name}`;
      }
      problems.push({ path: [], inner: [key], sentence });
    }
  }
  return Object.fromEntries(options);
}

/** As it is written, so that 007 and 1.50 stay; undefined where there is a problem. */
function readOption(
  { name, kind }: Flag,
  value: Tree,
  document: Document,
  problems: Problem[],
): string | readonly string[] | undefined {
  const refuse = (expected: string, found: Tree, inner: readonly Scalar[] = []): undefined => {
    problems.push({ path: [name, ...inner], sentence: `must be ${expected}, got ${shown(found)}` });
  };
  if (value instanceof Map) {
    if (name !== "setting") return refuse(kind === "texts" ? "a value or a list of values" : "one value", value);
    const entries = [...(value as ReadonlyMap<Scalar, Tree>).keys()].map((key) => {
      const text = document.textAt([name, key]);
      return text === undefined ? refuse("one value", value.get(key) ?? null, [key]) : `${key}=${text}`;
    });
    return entries.every((entry) => entry !== undefined) ? entries : undefined;
  }
  if (Array.isArray(value)) {
    if (kind !== "texts") return refuse("one value", value);
    const items = (value as readonly Tree[]).map((item, index) => {
      return document.textAt([name, index]) ?? refuse("one value", item, [index]);
    });
    return items.every((item) => item !== undefined) ? items : undefined;
  }
  return document.textAt([name]) ?? refuse("a value", value);
}
