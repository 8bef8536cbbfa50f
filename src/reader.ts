// Reads what was given for each flag, and gathers what is wrong with it. Pure.
// A flag beats CLICKSTORM_<NAME>, which beats the seed service's variable, which beats the config file, which beats the default.

import type { Config } from "./config.js";
import { completeLogin } from "./embedded/login.js";
import { type Credentials, fitsHeader } from "./endpoint.js";
import { type Flag, ownersOf, variableOf } from "./flags.js";
import { parseDuration, parseInteger, type Span } from "./quantities.js";
import { quoted, quotedName } from "./quoted.js";
import { nearest } from "./text.js";
import type { FileFault } from "./whole-file.js";

/** Flags as parsed: only what was given. */
export type RawFlags = Readonly<Record<string, unknown>>;
export type Environment = Readonly<Record<string, string | undefined>>;

/** A file that a flag names, as it was read: `mode` are its permissions, unless it is a pipe. The fault goes on from the file's name. */
export type FileText = { readonly text: string; readonly mode: number | undefined } | FileFault;

/** The file of a flag. */
export interface FlagFile {
  readonly label: string;
  readonly path: string;
  readonly text: string;
}

/** What goes before what. */
const SOURCES = ["flag", "variable", "config", "default"] as const;
type Source = Exclude<(typeof SOURCES)[number], "default">;

/** What was given for a flag, and what to call it in a sentence: --rate, the variable's name, or rate in rules.yaml. */
interface Given {
  readonly source: Source | undefined;
  readonly label: string;
  readonly values: readonly string[];
}

export class Reader {
  readonly problems: string[] = [];

  constructor(
    readonly flags: readonly Flag[],
    readonly raw: RawFlags,
    readonly environment: Environment,
    readonly config?: Config,
    /** By the name that was given. */
    readonly files: ReadonlyMap<string, FileText> = new Map(),
  ) {
    const names = flags.map(({ name }) => name);
    for (const name of Object.keys(raw).filter((given) => !names.includes(given))) {
      const owners = ownersOf(name);
      const near = owners === undefined ? flagMeant(name, [...names, "help", "version"]) : undefined;
      const advice = near === undefined ? "" : `: did you mean --${near}?`;
      this.problem(
        `unknown option ${name.length === 1 ? "-" : "--"}${quotedName(name)}${owners === undefined ? advice : `: it is one of ${owners}`}`,
      );
    }
  }

  /** A flag may be read twice; its problem is one. */
  problem(sentence: string): void {
    if (!this.problems.includes(sentence)) this.problems.push(sentence);
  }

  #flag(name: string): Flag {
    const flag = this.flags.find((candidate) => candidate.name === name);
    if (flag === undefined) throw new RangeError(`there is no flag ${name}`);
    return flag;
  }

  #given(name: string): Given | undefined {
    const raw = this.raw[name];
    if (raw !== undefined) {
      return { source: "flag", label: `--${name}`, values: (Array.isArray(raw) ? raw : [raw]).map(String) };
    }
    const flag = this.#flag(name);
    for (const variable of [variableOf(flag), flag.variable]) {
      const value = variable === undefined ? undefined : this.environment[variable];
      // Compose files and CI set a variable to nothing where they mean to leave it out.
      if (variable === undefined || value === undefined || value === "") continue;
      const values = flag.kind === "texts" ? value.split(/\s+/).filter((part) => part !== "") : [value];
      return { source: "variable", label: variable, values };
    }
    const value = this.config?.options[name];
    if (value === undefined) return undefined;
    const label = `${name} in ${this.config?.file}`;
    return { source: "config", label, values: typeof value === "string" ? [value] : value };
  }

  /** Where its value comes from; undefined: its default. */
  source(name: string): Source | undefined {
    return this.#given(name)?.source;
  }

  /** What to call it in a sentence. */
  label(name: string): string {
    return this.texts(name).label;
  }

  /** Both on the command line, or both in the config file: neither overrides the other. */
  areTogether(one: string, other: string): boolean {
    const source = this.source(one);
    return (source === "flag" || source === "config") && source === this.source(other);
  }

  /** `one` comes from where it beats what was given for `other`. */
  goesBefore(one: string, other: string): boolean {
    const rank = (name: string): number => SOURCES.indexOf(this.source(name) ?? "default");
    return rank(one) < rank(other);
  }

  isGiven(name: string): boolean {
    return this.#given(name) !== undefined;
  }

  texts(name: string): Given {
    const { fallback } = this.#flag(name);
    return (
      this.#given(name) ?? { source: undefined, label: `--${name}`, values: fallback === undefined ? [] : [fallback] }
    );
  }

  /** The one value of a flag; undefined where there is none. */
  text(name: string): { readonly label: string; readonly value: string | undefined } {
    const { label, values } = this.texts(name);
    if (values.length > 1) this.problem(`${label} was given ${values.length} times, once is enough`);
    return { label, value: values[0] };
  }

  /** Parses the value of a flag; `expected` ends the sentence "--flag must be …" where the parser says no. */
  value<T, F>(name: string, expected: string, absent: F, parse: (text: string) => T | undefined): T | F {
    const { label, value } = this.text(name);
    if (value === undefined) return absent;
    const parsed = parse(value);
    if (parsed !== undefined) return parsed;
    this.problem(`${label} must be ${expected}, got ${quoted(value)}`);
    return absent;
  }

  /** Any text but none. */
  word(name: string, what: string): string | undefined {
    return this.value(name, what, undefined, (text) => (text === "" ? undefined : text));
  }

  /** The file a flag names, which has been read; undefined where none was given, or with a problem. */
  file(name: string): FlagFile | undefined {
    const { label, value: path } = this.text(name);
    if (path === undefined) return undefined;
    const file = this.files.get(path);
    if (file === undefined) throw new RangeError(`${label} ${path} has not been read`);
    if ("text" in file) return { label, path, text: file.text };
    // Who takes it for the flag of the secret itself has given that for the name: it is shown only where something lies there.
    const isHidden = this.#flag(name).holds?.isSecret && file.fault.startsWith(":");
    const fault = `${isHidden ? "" : ` ${path}`}${file.fault}`;
    this.problem(path === "" ? `${label} must be a file name, got nothing` : `${label}${fault}`);
    return undefined;
  }

  integer<F>(name: string, from: number, to: number, absent: F): number | F {
    const range = to >= Number.MAX_SAFE_INTEGER ? `from ${from} up` : `from ${from} to ${to}`;
    return this.value(name, `an integer ${range}`, absent, (text) => parseInteger(text, from, to));
  }

  /** Nanoseconds. */
  duration(name: string, { from, to, text: span }: Span): bigint {
    return this.value(name, `a time such as 30 (seconds), 500ms, 90s, 10m or 2h, ${span}`, from, (text) => {
      const ns = parseDuration(text);
      return ns !== undefined && ns >= from && ns <= to ? ns : undefined;
    });
  }

  /** One of these words; undefined where it is none, which is a problem, or where none was given. */
  choice<T extends string>(name: string, words: readonly T[]): T | undefined {
    const { label, value } = this.text(name);
    const word = words.find((one) => one === value);
    if (word !== undefined || value === undefined) return word;
    const near = nearest(value, words);
    const hint = near === undefined ? "" : `: did you mean ${near}?`;
    const all = `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
    this.problem(`${label} must be ${all}, got ${quoted(value)}${hint}`);
    return undefined;
  }

  switch(name: string): boolean {
    const given = this.#given(name);
    const value = given?.values.at(-1);
    if (value === undefined || value === "false" || value === "0") return false;
    if (value !== "true" && value !== "1") {
      this.problem(`${given?.label} is a switch, true or false, got ${quoted(value)}`);
    }
    return true;
  }

  /** Two of one place of which one makes the other meaningless. */
  exclude(one: string, other: string, why: string): void {
    if (this.areTogether(one, other) && this.switch(one)) {
      this.problem(`${this.label(other)} cannot be used with ${this.label(one)}: ${why}`);
    }
  }

  /** Undefined stands for the default, as it does where something else is wrong. */
  credentials(): Credentials {
    const user = this.word("user", "a name");
    const { label, password } = this.#password();
    for (const [name, text] of [
      [this.text("user").label, user],
      [label, password],
    ] as const) {
      if (text !== undefined && !fitsHeader(text)) this.problem(unfitForHeader(name));
    }
    return { user: user ?? "default", password };
  }

  #password(): { readonly label: string; readonly password: string } {
    const { label, value: password = "" } = this.text("password");
    if (!this.isGiven("password-file") || this.goesBefore("password", "password-file")) return { label, password };
    if (this.source("password") === this.source("password-file")) {
      this.problem(`${this.label("password-file")} cannot be used with ${label}: it is the one or the other`);
    }
    const file = this.file("password-file");
    const [line = ""] = file?.text.split(/\r?\n/, 1) ?? [];
    if (file !== undefined && line === "") this.problem(`${file.label}: the first line of ${file.path} is empty`);
    return { label: `the first line of ${file?.path}`, password: line };
  }

  /** Of the embedded server: what was not given is made. It cannot offer every login. */
  embeddedLogin({ user, password }: Credentials): Credentials {
    try {
      return completeLogin({
        user: this.isGiven("user") ? user : undefined,
        password: password === "" ? undefined : password,
      });
    } catch (error) {
      this.problem(error instanceof Error ? error.message : String(error));
      return { user, password };
    }
  }
}

/** Of a single letter, as other clients have them: the first flag it begins. */
const flagMeant = (name: string, names: readonly string[]): string | undefined =>
  name.length === 1 ? names.find((one) => one.startsWith(name.toLowerCase())) : nearest(name, names);

export const unfitForHeader = (name: string): string =>
  `${name} cannot hold line breaks or other control characters, nor begin or end with a space: it is sent as an HTTP header`;
