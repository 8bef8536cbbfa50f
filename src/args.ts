// The words of the command line, made ready for yargs, which reads them. yargs alone would take a value that begins with
// a dash for a flag, strip quotes from --name=value and make a switch's `=no` a plain false. Pure.

import type { Flag } from "./flags.js";

/** What must be known of a flag to read it. */
export type KnownFlag = Pick<Flag, "name" | "kind">;

export interface Args {
  /** Each known flag as `--name=value`; the rest as it came. */
  readonly words: readonly string[];
  /** Names of flags that stand without the value they need. */
  readonly missing: readonly string[];
}

/** `--name`, `-name` (as vegeta and other Go programs write it), each with or without `=value`. */
const FLAG = /^(--?)([A-Za-z][\w-]*)(?:=(.*))?$/s;

/** `between`: what a `--` becomes, behind which flags are flags still; undefined: all behind it is plain words. */
export function readyForYargs(words: readonly string[], flags: readonly KnownFlag[], between?: string): Args {
  const known = (word: string | undefined): KnownFlag | undefined => {
    const name = FLAG.exec(word ?? "")?.[2];
    return flags.find((flag) => flag.name === name);
  };
  const ready: string[] = [];
  const missing: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    if (word === "--") {
      if (between === undefined) return { words: [...ready, ...words.slice(at)], missing };
      ready.push(between);
      continue;
    }
    const flag = known(word);
    if (flag === undefined) {
      ready.push(withoutSecret(word));
      continue;
    }
    let value = FLAG.exec(word)?.[3];
    const next = words[at + 1];
    if (value === undefined && flag.kind === "switch") {
      if (next === "true" || next === "false") at++;
      value = next === "false" ? next : "true";
    } else if (value === undefined && next !== undefined && known(next) === undefined) {
      value = next;
      at++;
    }
    if (value === undefined) missing.push(flag.name);
    else ready.push(`--${flag.name}=${quoted(value)}`);
  }
  return { words: ready, missing };
}

/** Other clients take `-pSECRET`: of an unknown word with one dash only the first letter is kept. */
function withoutSecret(word: string): string {
  return /^-[A-Za-z]/.test(word) ? word.slice(0, 2) : word;
}

/** yargs takes one pair of quotes away. */
function quoted(value: string): string {
  return /^(["']).*\1$/s.test(value) ? `"${value}"` : value;
}
