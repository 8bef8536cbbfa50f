#!/usr/bin/env node
// Commands and flags; exit codes; signals. The table of contents of the program: what each command does is elsewhere.

import type { WriteStream } from "node:tty";
import yargs from "yargs";
import { EmbeddedError } from "./embedded/server.js";
import { type Flag, OptionsError, type RawFlags, RUN_FLAGS, resolveRun, resolveServe, SERVE_FLAGS } from "./options.js";
import { EXIT, run } from "./run.js";
import { serve } from "./serve.js";
import { TargetError } from "./target.js";
import { VERSION } from "./version.js";

/** As shells count them: 128 and the signal's number. */
const EXIT_OF = { SIGINT: 130, SIGTERM: 143 } as const;

const COMMANDS = [
  {
    name: "run",
    description: "Drive load, show progress, print the summary (the default)",
    flags: RUN_FLAGS,
    main: (raw: RawFlags, interrupt: AbortSignal) =>
      run(resolveRun(raw, process.env), { out: process.stdout, err: process.stderr as WriteStream, interrupt }),
  },
  {
    name: "serve",
    description: "Start the embedded ClickHouse server and stay in the foreground",
    flags: SERVE_FLAGS,
    main: (raw: RawFlags, interrupt: AbortSignal) =>
      serve(resolveServe(raw, process.env), { err: process.stderr, interrupt }),
  },
] as const;

/** The first signal asks the command to end, the second ends the process. */
function onSignals(): AbortSignal {
  const interrupt = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      if (interrupt.signal.aborted) process.exit(EXIT_OF[signal]);
      interrupt.abort(EXIT_OF[signal]);
    });
  }
  return interrupt.signal;
}

/** Runs a command; what goes wrong before the first row becomes sentences and an exit code. */
async function execute(main: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await main();
  } catch (error) {
    if (error instanceof OptionsError) {
      for (const problem of error.problems) process.stderr.write(`error: ${problem}\n`);
      process.exitCode = EXIT.badOptions;
    } else if (error instanceof TargetError || error instanceof EmbeddedError) {
      process.stderr.write(`error: ${error.message}\n`);
      process.exitCode = EXIT.noTarget;
    } else {
      process.stderr.write(`error: ${error instanceof Error ? error.stack : error}\n`);
      process.exitCode = EXIT.incomplete;
    }
  }
}

function describe(flags: readonly Flag[]) {
  return Object.fromEntries(
    flags.map((flag) => [
      flag.name,
      {
        type: flag.kind === "switch" ? ("boolean" as const) : ("string" as const),
        description: flag.variable === undefined ? flag.description : `${flag.description} [${flag.variable}]`,
        ...(flag.kind !== "switch" && { requiresArg: false }),
        ...((flag.fallback ?? flag.fallbackDescription) !== undefined && {
          defaultDescription: flag.fallback ?? flag.fallbackDescription ?? "",
        }),
      },
    ]),
  );
}

function parse(): void {
  const interrupt = onSignals();
  let parser = yargs(process.argv.slice(2))
    .scriptName("clickstorm")
    .usage("$0 [command] [options]\n\nLoad generator for ClickHouse.")
    .parserConfiguration({
      "boolean-negation": false,
      "camel-case-expansion": false,
      "dot-notation": false,
      "parse-numbers": false,
    })
    .version(VERSION)
    .epilogue(
      "Every option can also be given as CLICKSTORM_<NAME>, such as CLICKSTORM_BATCH_ROWS.\n" +
        "Exit codes: 0 done and complete; 1 rows failed, unknown, unsent or lost; 2 bad options; 3 target not reached or\n" +
        "not ready; 130, 143 interrupted and drained whole.",
    )
    .wrap(Math.min(110, process.stdout.columns ?? 110))
    .exitProcess(true);
  for (const { name, description, flags, main } of COMMANDS) {
    parser = parser.command(
      name === "run" ? [name, "$0"] : name,
      description,
      (command) => command.options(describe(flags)),
      async ({ _: words, $0: _script, ...raw }) => {
        const unknown = words.map(String).filter((word) => word !== name);
        await execute(async () => {
          if (unknown.length > 0) throw new OptionsError(unknown.map((word) => `unknown command ${word}: see --help`));
          return main(raw, interrupt);
        });
      },
    ) as typeof parser;
  }
  void parser.parseAsync();
}

parse();
