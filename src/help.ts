// The text of --help. Pure: made from the table of flags (flags.ts) for the width of a terminal.

import { type Flag, GROUPS, variableOf } from "./flags.js";

export interface CommandHelp {
  readonly name: string;
  readonly summary: string;
  /** The files it takes, as the usage has them. */
  readonly files?: string;
  readonly flags: readonly Flag[];
  readonly examples: readonly string[];
  /** What each exit code says. */
  readonly exits: readonly (readonly [code: string, meaning: string])[];
}

/** On a terminal not wider than this, descriptions stand below what they describe. */
const NARROW = 60;
const INDENT = "  ";
/** A space at which no line is broken. */
const NO_BREAK = "\u00a0";

/** Of the whole program: its commands, and all about the first of them, which is the default. */
export function programHelp(version: string, commands: readonly CommandHelp[], width: number): string {
  const usages = commands.map((command, index) => usageOf(command, index === 0 ? `[${command.name}]` : command.name));
  return page([
    wrap(`clickstorm ${version}, a load generator for ClickHouse`, width),
    usages.flatMap((usage, index) => usageLines(usage, index === 0, width)),
    section("Commands", width, [
      ...commands.map(
        ({ name, summary }, index) => [name, index === 0 ? `${summary} (the default)` : summary] as const,
      ),
    ]),
    ...(commands[0] === undefined ? [] : body(commands[0], width)),
  ]);
}

export function commandHelp(command: CommandHelp, width: number): string {
  return page([
    wrap(command.summary, width),
    usageLines(usageOf(command, command.name), true, width),
    ...body(command, width),
  ]);
}

const usageOf = ({ files }: CommandHelp, name: string): string =>
  `clickstorm ${name} ${files === undefined ? "" : `${files} `}[options]`;

/** Behind "Usage:", or below what stands there. */
const usageLines = (usage: string, isFirst: boolean, width: number): readonly string[] =>
  wrap(usage, width - 7).map((line, index) => `${isFirst && index === 0 ? "Usage:" : "      "} ${line}`);

const page = (paragraphs: readonly (readonly string[])[]): string =>
  `${paragraphs.map((lines) => lines.join("\n")).join("\n\n")}\n`;

function body({ name, flags, examples, exits }: CommandHelp, width: number): readonly (readonly string[])[] {
  const sample = flags.find((flag) => flag.name.includes("-") && flag.variable === undefined) ?? flags[0];
  const left = (flag: Flag): string => [`--${flag.name}`, flag.placeholder].filter(Boolean).join(" ");
  const column = Math.max(...flags.map((flag) => left(flag).length));
  const hasConfig = flags.some((flag) => flag.name === "config");
  const groups = GROUPS.map((group) => ({ group, members: flags.filter((flag) => flag.group === group) }));
  return [
    ...groups
      .filter(({ members }) => members.length > 0)
      .map(({ group, members }) =>
        section(
          group,
          width,
          members.map((flag) => [left(flag), describe(flag)] as const),
          column,
        ),
      ),
    section(
      "Other",
      width,
      [
        ["-h, --help", "Show this; with a command, that command's"],
        ["--version", "Show the version"],
      ],
      column,
    ),
    wrap(
      `Every option of ${name} is also a variable${sample && `: ${variableOf(sample)} for --${sample.name}`}. ` +
        `A flag goes first, then this variable, then the one shown in brackets, then ${hasConfig ? "the config file, then " : ""}the default.`,
      width,
    ),
    ["Examples", ...examples.map((example) => `${INDENT}${example}`)],
    section("Exit codes", width, exits),
  ];
}

function describe({ description, fallback, fallbackDescription, variable }: Flag): string {
  const preset =
    fallback === undefined
      ? fallbackDescription && `(default: ${fallbackDescription})`
      : `(default:${NO_BREAK}${fallback})`;
  return [description, preset, variable && `[${variable}]`].filter(Boolean).join(" ");
}

/** A heading and two columns, the left one at least `column` wide. */
function section(
  heading: string,
  width: number,
  rows: readonly (readonly [string, string])[],
  column = 0,
): readonly string[] {
  const leftWidth = Math.max(column, ...rows.map(([left]) => left.length)) + INDENT.length;
  const lines = rows.flatMap(([left, right]) => {
    if (width <= NARROW) {
      return [`${INDENT}${left}`, ...wrap(right, width - 6).map((line) => `      ${line}`)];
    }
    const [first = "", ...more] = wrap(right, width - INDENT.length - leftWidth);
    return [
      `${INDENT}${left.padEnd(leftWidth)}${first}`,
      ...more.map((line) => `${INDENT}${" ".repeat(leftWidth)}${line}`),
    ];
  });
  return [heading, ...lines];
}

/** Lines of at most `width` characters, broken at spaces; a longer word has a line of its own. */
export function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line].map((text) => text.replaceAll(NO_BREAK, " "));
}
