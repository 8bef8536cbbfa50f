// The command line: words → a command and its raw flags; exit codes; signals. What a command does is elsewhere.

import type { WriteStream } from "node:tty";
import yargs from "yargs";
import { type KnownFlag, readyForYargs } from "./args.js";
import { InterruptedError, TargetError } from "./asked.js";
import { BETWEEN, resolveCompare } from "./compare/options.js";
import type { Config } from "./config.js";
import { EmbeddedError } from "./embedded/server.js";
import { EXIT } from "./exit.js";
import { faultText, systemSentence } from "./faults.js";
import {
  COMPARE_FLAGS,
  type Flag,
  LADDER_FLAGS,
  MAX_FLAGS,
  MERGE_FLAGS,
  RUN_FLAGS,
  SAMPLE_FLAGS,
  SERVE_FLAGS,
  strangeVariables,
} from "./flags.js";
import { ignoresHangup, survivesLostTerminals } from "./hangup.js";
import { type CommandHelp, commandHelp, programHelp } from "./help.js";
import { ladder } from "./ladder/ladder.js";
import { resolveLadder } from "./ladder/options.js";
import { max } from "./max/max.js";
import { resolveMax } from "./max/options.js";
import { resolveMerge } from "./merge/options.js";
import { openSecrets, readNamedFiles } from "./named-files.js";
import {
  configFileOf,
  type Environment,
  type FileText,
  type Options,
  OptionsError,
  type RawFlags,
  resolveRun,
  resolveServe,
  type ServeOptions,
} from "./options.js";
import { isUrl } from "./repeat/options.js";
import { repeat } from "./repeat/repeat.js";
import { run } from "./run.js";
import { sample } from "./sample.js";
import { isLearning, resolveSample } from "./sample-options.js";
import { serve } from "./serve.js";
import { ServerError } from "./server.js";
import { count, nearest, printable } from "./text.js";
import { VERSION } from "./version.js";

interface Command extends CommandHelp {
  /** Rejects with an OptionsError; what it resolves with does the work and resolves with the exit code. */
  readonly prepare: (
    raw: RawFlags,
    files: readonly string[],
    interrupt: AbortSignal,
  ) => Promise<(interrupt: AbortSignal) => Promise<number> | number>;
}

const RUN: Command = {
  name: "run",
  summary: "Drive load, show progress, print the summary",
  flags: RUN_FLAGS,
  examples: [
    "clickstorm --embedded --rate 200k --duration 15s",
    "clickstorm --clickhouse-url http://db1:8123 --rate max --duration 1m",
    "clickstorm --rate 1.5M --duration 10m --report run.json",
    "clickstorm --rate 200k --repeat 5 --report base.json",
  ],
  exits: [
    ["0", "done and complete"],
    ["1", "rows failed, unknown, unsent, lost or duplicated, or the run was ended"],
    ["2", "bad options"],
    ["3", "the target cannot be reached, authenticated or prepared"],
    ["99", "a threshold was crossed, or nothing was measured for it"],
    ["98", "with --strict: a threshold cannot be judged"],
    ["129, 130, 143", "interrupted by SIGHUP, SIGINT or SIGTERM, and drained whole"],
  ],
  prepare: async (raw, _files, interrupt) => {
    const options = await withConfig(RUN_FLAGS, raw, resolveRun, interrupt);
    const { times = 1, against } = options.repeat ?? {};
    const other = against === undefined ? undefined : await otherSide(raw, against, interrupt);
    return (interrupt) => {
      const surroundings = { out: process.stdout, err: process.stderr as WriteStream, interrupt };
      return options.repeat === undefined ? run(options, surroundings) : repeat(options, other, times, surroundings);
    };
  },
};

const SAMPLE: Command = {
  name: "sample",
  summary: "Print generated rows of a table, sending nothing; explain its rules, or learn them",
  flags: SAMPLE_FLAGS,
  examples: [
    "clickstorm sample --table shop.orders --rows 3",
    "clickstorm sample --table shop.orders --config orders.yaml --explain",
    "clickstorm sample --table shop.orders --learn > orders.yaml",
    "clickstorm sample --blind --rows 1 --format JSONCompactEachRow",
  ],
  exits: [
    ["0", "printed"],
    ["2", "bad options, config file or rules"],
    ["3", "the target cannot be reached or authenticated, or has no such table"],
    ["129, 130, 143", "interrupted by SIGHUP, SIGINT or SIGTERM"],
  ],
  prepare: async (raw, _files, interrupt) => {
    // What is learned is a config file, and none is read for it.
    const options = await (isLearning(raw, process.env)
      ? withFiles(SAMPLE_FLAGS, raw, undefined, resolveSample, interrupt)
      : withConfig(SAMPLE_FLAGS, raw, resolveSample, interrupt));
    return async (interrupt) => {
      const code = await sample(options, { out: process.stdout as WriteStream, err: process.stderr, interrupt });
      // Who does not read on cannot hold up the end.
      if (interrupt.aborted) process.exit(code);
      return code;
    };
  },
};

const LADDER: Command = {
  name: "ladder",
  summary: "The same rows rendered, discarded, into ENGINE = Null, into the table: where the ceiling is",
  flags: LADDER_FLAGS,
  examples: [
    "clickstorm ladder --embedded",
    "clickstorm ladder --clickhouse-url http://db1:8123 --table shop.orders",
    "clickstorm ladder --format JSONEachRow --duration 20s --report ladder.json",
  ],
  exits: [
    ["0", "every rung was run, and every count agrees"],
    ["1", "a rung went wrong, a count does not agree, or the scratch database is left"],
    ["2", "bad options, config file or rules"],
    ["3", "the target cannot be reached, authenticated or copied"],
    ["129, 130, 143", "interrupted by SIGHUP, SIGINT or SIGTERM; the scratch database is dropped"],
  ],
  prepare: async (raw, _files, interrupt) => {
    const options = await withConfig(LADDER_FLAGS, raw, resolveLadder, interrupt);
    return (interrupt) => ladder(options, { out: process.stdout, err: process.stderr as WriteStream, interrupt });
  },
};

const MAX: Command = {
  name: "max",
  summary: "Search for the highest rate that is sustained, hold by hold",
  flags: MAX_FLAGS,
  examples: [
    "clickstorm max --embedded",
    "clickstorm max --clickhouse-url http://db1:8123 --table shop.orders --p99 500ms",
    "clickstorm max --from 200k --step 1m --precision 2% --report max.json",
    "clickstorm max --table shop.orders --scratch --budget 5m",
  ],
  exits: [
    ["0", "a rate was found that is sustained"],
    ["1", "none was, the search could not go on, or the copy of --scratch is left"],
    ["2", "bad options, config file or rules"],
    ["3", "the target cannot be reached, authenticated or prepared"],
    ["129, 130, 143", "interrupted by SIGHUP, SIGINT or SIGTERM; what was found so far is told"],
  ],
  prepare: async (raw, _files, interrupt) => {
    const options = await withConfig(MAX_FLAGS, raw, resolveMax, interrupt);
    return (interrupt) => max(options, { out: process.stdout, err: process.stderr as WriteStream, interrupt });
  },
};

const SERVE: Command = {
  name: "serve",
  summary: "Start the embedded ClickHouse server and stay in the foreground",
  flags: SERVE_FLAGS,
  examples: ["clickstorm serve", "CLICKHOUSE_PASSWORD=secret clickstorm serve --port 0 --path ./data --user loader"],
  exits: [
    ["0", "stopped by Ctrl-C, SIGTERM or SIGHUP"],
    ["2", "bad options"],
    ["3", "the server did not start, or ended by itself"],
  ],
  prepare: async (raw, _files, interrupt) => {
    const resolve: Resolve<ServeOptions> = (given, environment, _config, files) =>
      resolveServe(given, environment, files);
    const options = await withFiles(SERVE_FLAGS, raw, undefined, resolve, interrupt);
    return (interrupt) => serve(options, { err: process.stderr, interrupt });
  },
};

const COMPARE: Command = {
  name: "compare",
  summary: "Compare the reports of two sides, of several runs each: what changed by more than noise",
  files: "BASE.json … -- NEW.json …",
  flags: COMPARE_FLAGS,
  examples: [
    "clickstorm compare base-*.json -- new-*.json --fail-on 'p99>+50%' --fail-on 'rate<-5%' --strict",
    "clickstorm compare base.json new.json",
    "clickstorm compare base.json new.json --markdown >> $GITHUB_STEP_SUMMARY",
  ],
  exits: [
    ["0", "compared, and every --fail-on passed"],
    ["2", "bad options, or a file that is not the report of a run"],
    ["99", "a figure changed by more than a --fail-on allows, and by more than noise, or is missing"],
    ["98", "with --strict: a --fail-on cannot be judged"],
  ],
  prepare: async (raw, files) => {
    const options = resolveCompare(raw, process.env, files);
    return async (interrupt) => (await import("./compare/command.js")).compare(options, process.stdout, interrupt);
  },
};

const MERGE: Command = {
  name: "merge",
  summary: "Merge the reports of the shards of one run into the report of the run",
  files: "REPORT.json REPORT.json …",
  flags: MERGE_FLAGS,
  examples: ["clickstorm merge shard-1.json shard-2.json shard-3.json --out run.json"],
  exits: [
    ["0", "merged: the run is done and complete"],
    ["1", "merged: rows of the run failed, unknown, unsent, lost or duplicated, or a shard was interrupted"],
    ["2", "bad options, or files that are not the reports of all shards of one run: nothing is written"],
    ["99", "merged: the run crossed a threshold"],
    ["98", "merged: with --strict of its shards: a threshold cannot be judged"],
  ],
  prepare: async (raw, files) => {
    const options = resolveMerge(raw, process.env, files);
    return async (interrupt) => (await import("./merge/command.js")).merge(options, process.stdout, interrupt);
  },
};

type Resolve<T> = (
  raw: RawFlags,
  environment: Environment,
  config: Config | undefined,
  files: ReadonlyMap<string, FileText>,
) => T;

/** Options, with the files that flags name. Rejects with an OptionsError. */
async function withFiles<T>(
  flags: readonly Flag[],
  raw: RawFlags,
  config: Config | undefined,
  resolve: Resolve<T>,
  interrupt: AbortSignal,
  environment: Environment = process.env,
): Promise<T> {
  const files = await readNamedFiles(flags, raw, environment, config, interrupt);
  const options = resolve(raw, environment, config, files);
  for (const sentence of openSecrets(flags, raw, environment, config, files)) warn(sentence);
  return options;
}

/** Options of flags, environment and config file; rejects with the problems of all three. `changed`: the config, as it is to be. */
async function withConfig<T>(
  flags: readonly Flag[],
  raw: RawFlags,
  resolve: Resolve<T>,
  interrupt: AbortSignal,
  environment: Environment = process.env,
  changed: (config: Config | undefined) => Config | undefined = (config) => config,
): Promise<T> {
  const resolved = (config: Config | undefined): Promise<T> =>
    withFiles(flags, raw, changed(config), resolve, interrupt, environment);
  const file = configFileOf(raw, environment);
  if (file === undefined) return resolved(undefined);
  // YAML and validation take some 100 ms to load: whoever has no config file does not wait for them.
  const { ConfigError, readConfig } = await import("./config.js");
  try {
    return await resolved(await readConfig(file, RUN_FLAGS, interrupt));
  } catch (error) {
    if (!(error instanceof ConfigError) || error.config === undefined) throw error;
    try {
      await resolved(error.config);
    } catch (other) {
      if (other instanceof OptionsError) throw new OptionsError([...error.problems, ...other.problems]);
      throw other;
    }
    throw error;
  }
}

/** The options of the side that --against names. Rejects with an OptionsError. */
async function otherSide(raw: RawFlags, against: string, interrupt: AbortSignal): Promise<Options> {
  try {
    if (isUrl(against))
      return await withConfig(RUN_FLAGS, { ...raw, "clickhouse-url": against }, resolveRun, interrupt);
    const overlay = await (await import("./repeat/against.js")).readAgainst(against, raw, interrupt);
    const environment = overlay.environment(process.env);
    return await withConfig(RUN_FLAGS, overlay.raw, resolveRun, interrupt, environment, overlay.config);
  } catch (error) {
    if (!(error instanceof OptionsError)) throw error;
    // Its file is read as a config file is.
    throw new OptionsError(error.problems.map((problem) => `--against: ${problem.replace(/^--config /, "")}`));
  }
}

const warn = (sentence: string): void => void process.stderr.write(`warning: ${printable(sentence)}\n`);

/** The first is the default. */
const COMMANDS: readonly [Command, ...Command[]] = [RUN, SAMPLE, LADDER, MAX, SERVE, COMPARE, MERGE];

/** They ask for a text and nothing else. */
const SWITCHES = (["help", "h", "version"] as const).map((name) => ({ name, kind: "switch" as const }));
/** As wide as the terminal, up to what is read with ease. */
const helpWidth = (): number => Math.min(110, process.stdout.columns || 80);

/** As shells count them: 128 and the signal's number. */
const EXIT_OF = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/** The first signal asks the command to end, the second ends the process. */
function onSignals(): AbortSignal {
  const interrupt = new AbortController();
  const isDeaf = ignoresHangup(process.env);
  process.on("SIGHUP", () => {
    // A terminal that is closed hangs up twice, its shell and the system: nobody is there to mean the second.
    if (!isDeaf && !interrupt.signal.aborted) interrupt.abort(EXIT_OF.SIGHUP);
  });
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      if (interrupt.signal.aborted) {
        // The shell's prompt does not belong behind the live line.
        if (process.stderr.isTTY) process.stderr.write("\n");
        process.exit(EXIT_OF[signal]);
      }
      interrupt.abort(EXIT_OF[signal]);
    });
  }
  return interrupt.signal;
}

interface Line {
  readonly command: Command;
  readonly raw: RawFlags;
  /** Words that are no flags, of a command that takes files. */
  readonly files: readonly string[];
  /** Sentences about what can be told without knowing what values mean. */
  readonly problems: readonly string[];
  /** Text to print instead of doing anything. */
  readonly text: string | undefined;
}

/** Stands for a `--` that is a word of its own; no word of a command line can be it. */
const DASHES = "\0";

function parse(argv: readonly string[]): Line {
  const flags: readonly KnownFlag[] = [...COMMANDS.flatMap((command) => command.flags), ...SWITCHES];
  const isBetween = argv.slice(0, Math.max(0, argv.indexOf(BETWEEN))).includes(COMPARE.name);
  const { words, missing } = readyForYargs(argv, flags, isBetween ? DASHES : undefined);
  const { _: plain, $0: _script, help, h, version, ...raw } = readWords(words, flags);

  const [first, ...others] = plain.map((word) => (word === DASHES ? BETWEEN : String(word)));
  const named = COMMANDS.find(({ name }) => name === first || (first === "help" && name === others[0]));
  const asked = (name: string, ...given: unknown[]): boolean => first === name || given.includes("true");
  let text: string | undefined;
  if (asked("help", help, h)) {
    text = named === undefined ? programHelp(VERSION, COMMANDS, helpWidth()) : commandHelp(named, helpWidth());
  } else if (asked("version", version)) {
    text = `clickstorm ${VERSION}\n`;
  }
  const takesFiles = named?.files !== undefined;
  const problems = [
    ...(first === undefined || named !== undefined ? [] : [unknownCommand(first)]),
    ...(takesFiles || others.length === 0 ? [] : [unexpectedWords(named ?? RUN, others.length)]),
    ...missing.map((name) => `--${name} needs a value`),
  ];
  return { command: named ?? RUN, raw, files: takesFiles ? others : [], problems, text };
}

function readWords(words: readonly string[], flags: readonly KnownFlag[]) {
  // Where it stands is of no matter to it, and what it would ask for itself may be gone.
  const parser = yargs([...words], "/")
    .help(false)
    .version(false)
    .parserConfiguration({
      "boolean-negation": false,
      "camel-case-expansion": false,
      "dot-notation": false,
      "parse-numbers": false,
      "parse-positional-numbers": false,
      "short-option-groups": false,
    })
    .string(flags.map(({ name }) => name));
  try {
    return parser.parseSync();
  } catch {
    // yargs stumbles over names every object has, such as --constructor.
    throw new OptionsError(["the command line cannot be read: see --help"]);
  }
}

/** Words that are no flags are not shown: they may be what a shell cut off a password at its spaces. */
function unknownCommand(word: string): string {
  const names = COMMANDS.map(({ name }) => name);
  const near = nearest(word, names);
  if (near !== undefined) return `unknown command ${word}: did you mean ${near}?`;
  return `unknown command: there are ${names.slice(0, -1).join(", ")} and ${names.at(-1)}; a value with a space in it needs quotes`;
}

const unexpectedWords = ({ name }: Command, words: number): string =>
  `${name} takes options alone, got ${count(words, "word")} beside them: a value with a space in it needs quotes`;

/** Rejects with an OptionsError with the problems of the line and of the values in it. */
async function prepare(
  { command, raw, files, problems }: Line,
  interrupt: AbortSignal,
): ReturnType<Command["prepare"]> {
  try {
    const work = await command.prepare(raw, files, interrupt);
    if (problems.length === 0) return work;
  } catch (error) {
    if (error instanceof OptionsError) throw new OptionsError([...problems, ...error.problems]);
    throw error;
  }
  throw new OptionsError(problems);
}

/** The exit code and, on standard error, the sentences for what went wrong before the first row. */
function explain(error: unknown, interrupt: AbortSignal): number {
  const say = (sentence: string): void =>
    void process.stderr.write(`error: ${sentence.split("\n").map(printable).join("\n")}\n`);
  if (error instanceof InterruptedError) return Number(interrupt.reason);
  if (error instanceof OptionsError) {
    // A name may hold a line break, and must not make up a sentence of its own.
    for (const problem of error.problems) say(printable(problem));
    return EXIT.badOptions;
  }
  if (error instanceof TargetError || error instanceof ServerError || error instanceof EmbeddedError) {
    say(error.message);
    return EXIT.noTarget;
  }
  say(systemSentence(error) ?? faultText(error, VERSION));
  return EXIT.incomplete;
}

/** Threads and files are started and looked for there. Throws an OptionsError. */
function checkFolder(): void {
  try {
    process.cwd();
  } catch (error) {
    throw new OptionsError([systemSentence(error) ?? "the folder this was started in cannot be told"]);
  }
}

async function main(argv: readonly string[]): Promise<void> {
  const interrupt = onSignals();
  survivesLostTerminals();
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      // A reader that goes away (`| head -1`) is no reason to fail, nor to end a run. A full disk is, at the end.
      if (error.code === "EPIPE") return;
      // Nor is a terminal that is gone: what is to be kept goes into files.
      if ((stream as Partial<WriteStream>).isTTY) return;
      if (stream === process.stdout) process.stderr.write(`error: cannot write to standard output: ${error.message}\n`);
      process.exitCode = EXIT.incomplete;
    });
  }
  try {
    const line = parse(argv);
    if (line.text !== undefined) {
      process.stdout.write(line.text);
      return;
    }
    checkFolder();
    for (const sentence of strangeVariables(process.env)) warn(sentence);
    const work = await prepare(line, interrupt);
    const code = await work(interrupt);
    process.exitCode ??= code;
  } catch (error) {
    process.exitCode = explain(error, interrupt);
  }
}

void main(process.argv.slice(2));
