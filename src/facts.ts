// What ClickHouse can do only from some version on, each thing under a name: the plan asks for facts, not for numbers. Where several
// servers take the same rows, the oldest decides. Pure. Asked by target.ts and the ladder.
//
// A fact begins with the first version on which it was seen to hold; between that and the last on which it was seen not to, the cautious
// answer is given.

import { holds } from "./rows/inside.js";
import type { Format } from "./rows/program.js";
import type { Type } from "./rows/type.js";

type Version = readonly [major: number, minor: number];

const SINCE = {
  /** 24.5 reads blocks with a Variant as something else, and acknowledges what it can make of them. */
  variantInNative: [24, 8],
  /** 24.5 answers with code 62 or 33, as it has another form of them. */
  dynamicInNative: [24, 8],
  /** 24.5 answers with code 62, 33 or 1001. */
  dynamicInRowBinary: [24, 8],
  /** By input_format_binary_read_json_as_string. 24.8 answers with code 117, 24.5 with 48. */
  jsonInRowBinary: [25, 5],
  /** 22.12 does not convert what is inside of a Map: code 53. */
  lowCardinalityInMapInNative: [23, 6],
  /** GRANT … ON prefix*.*: on 24.8 a syntax error. */
  wildcardGrants: [25, 5],
} as const satisfies Readonly<Record<string, Version>>;
export type Fact = keyof typeof SINCE;

/** Servers that were asked for their versions. */
export class Facts {
  /** The oldest, as it calls itself; undefined: nobody was asked, and all is taken to hold. */
  readonly oldest: string | undefined;

  constructor(versions: readonly string[]) {
    this.oldest = versions.toSorted((one, other) => compare(versionOf(one), versionOf(other)))[0];
  }

  holds(fact: Fact): boolean {
    return this.oldest === undefined || compare(versionOf(this.oldest), SINCE[fact]) >= 0;
  }
}

/** Since which version, such as 24.8. */
export const since = (fact: Fact): string => SINCE[fact].join(".");

/** "24.8.4.13" → [24, 8]. */
function versionOf(version: string): Version {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return [major, minor];
}

const compare = (one: Version, other: Version): number => one[0] - other[0] || one[1] - other[1];

/** A type that a format carries to some servers alone. */
interface Narrow {
  readonly format: Format;
  readonly fact: Fact;
  readonly what: string;
  readonly isIt: (type: Type, isInMap: boolean) => boolean;
}

const NARROW: readonly Narrow[] = [
  { format: "Native", fact: "variantInNative", what: "a Variant", isIt: ({ kind }) => kind === "Variant" },
  { format: "Native", fact: "dynamicInNative", what: "a Dynamic", isIt: ({ kind }) => kind === "Dynamic" },
  { format: "RowBinary", fact: "dynamicInRowBinary", what: "a Dynamic", isIt: ({ kind }) => kind === "Dynamic" },
  { format: "RowBinary", fact: "jsonInRowBinary", what: "a JSON", isIt: ({ kind }) => kind === "JSON" },
  {
    format: "Native",
    fact: "lowCardinalityInMapInNative",
    what: "a LowCardinality inside a Map",
    isIt: ({ kind }, isInMap) => isInMap && kind === "LowCardinality",
  },
];

/** What of a type the format does not carry to these servers, and to which it does; undefined: it carries all. */
export function whyTooOld(
  type: Type,
  format: Format,
  facts: Facts,
): { readonly what: string; readonly fact: Fact } | undefined {
  return NARROW.find((narrow) => narrow.format === format && !facts.holds(narrow.fact) && holds(type, narrow.isIt));
}
