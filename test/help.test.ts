// src/help.ts: what --help prints, at several widths.

import { expect } from "chai";
import {
  COMPARE_FLAGS,
  type Flag,
  LADDER_FLAGS,
  MAX_FLAGS,
  MERGE_FLAGS,
  RUN_FLAGS,
  SAMPLE_FLAGS,
  SERVE_FLAGS,
  variableOf,
} from "../src/flags.js";
import { type CommandHelp, commandHelp, programHelp } from "../src/help.js";

const RUN: CommandHelp = {
  name: "run",
  summary: "Drive load, show progress, print the summary",
  flags: RUN_FLAGS,
  examples: ["clickstorm --rate max"],
  exits: [["0", "done"]],
};
const SAMPLE: CommandHelp = { ...RUN, name: "sample", flags: SAMPLE_FLAGS };
const LADDER: CommandHelp = { ...RUN, name: "ladder", flags: LADDER_FLAGS };
const MAX: CommandHelp = { ...RUN, name: "max", flags: MAX_FLAGS };
const SERVE: CommandHelp = { ...RUN, name: "serve", flags: SERVE_FLAGS };
const COMPARE: CommandHelp = { ...RUN, name: "compare", files: "BASE.json NEW.json", flags: COMPARE_FLAGS };
const MERGE: CommandHelp = { ...RUN, name: "merge", files: "REPORT.json REPORT.json …", flags: MERGE_FLAGS };

describe("help", () => {
  for (const width of [40, 80, 110]) {
    it(`no line of the help is longer than a terminal of ${width} columns`, () => {
      const lines = programHelp("1.2.3", [RUN, SAMPLE, LADDER, MAX, SERVE, COMPARE, MERGE], width).split("\n");
      expect(lines.length).to.be.greaterThan(RUN_FLAGS.length);
      expect(lines.filter((line) => line.length > width)).to.deep.equal([]);
      expect(lines.filter((line) => line.endsWith(" "))).to.deep.equal([]);
    });
  }

  for (const [command, flags] of [
    [RUN, RUN_FLAGS],
    [SAMPLE, SAMPLE_FLAGS],
    [LADDER, LADDER_FLAGS],
    [MAX, MAX_FLAGS],
    [SERVE, SERVE_FLAGS],
    [COMPARE, COMPARE_FLAGS],
    [MERGE, MERGE_FLAGS],
  ] as const) {
    it(`${command.name} --help has each of its ${flags.length} flags once, with default and variable, and no other`, () => {
      // Wide enough for a line a flag.
      const text = commandHelp(command, 300);
      const documented = [...text.matchAll(/^ {2}(?:-h, )?--([a-z][a-z0-9-]*)/gm)].map((match) => match[1] ?? "");
      expect(documented.toSorted()).to.deep.equal(
        [...flags.map(({ name }) => name as string), "help", "version"].toSorted(),
      );
      for (const flag of flags as readonly Flag[]) {
        const line = text.split("\n").find((candidate) => candidate.startsWith(`  --${flag.name} `));
        expect(line).to.include(flag.description);
        if (flag.placeholder !== undefined) expect(line).to.include(`--${flag.name} ${flag.placeholder} `);
        if (flag.fallback !== undefined) expect(line).to.include(`(default: ${flag.fallback})`);
        if (flag.variable !== undefined) expect(line).to.include(`[${flag.variable}]`);
      }
    });
  }

  it("the descriptions stand below each other, in one column for all groups", () => {
    const text = commandHelp(RUN, 110);
    const columns = RUN_FLAGS.map(({ name, description }) => {
      const line = text.split("\n").find((candidate) => candidate.startsWith(`  --${name} `)) ?? "";
      return line.indexOf(description.split(" ")[0] ?? "", name.length + 5);
    });
    const widest = Math.max(...RUN_FLAGS.map((flag: Flag) => `--${flag.name} ${flag.placeholder ?? ""}`.trim().length));
    expect(columns.filter((column) => column !== widest + 4)).to.deep.equal([]);
  });

  it("what goes before what ends with the config file and the default; serve has no config file", () => {
    expect(commandHelp(RUN, 300)).to.include(
      "A flag goes first, then this variable, then the one shown in brackets, then the config file, then the default.",
    );
    expect(commandHelp(SERVE, 300)).to.include("then the one shown in brackets, then the default.");
  });

  it("the usage of compare names its two files, that of run none", () => {
    expect(commandHelp(COMPARE, 80)).to.include("Usage: clickstorm compare BASE.json NEW.json [options]\n");
    expect(commandHelp(RUN, 80)).to.include("Usage: clickstorm run [options]\n");
  });

  it("a variable is named as its flag: CLICKSTORM_FLUSH_INTERVAL for --flush-interval", () => {
    expect(variableOf({ name: "flush-interval", group: "Inserts", kind: "text", description: "" })).to.equal(
      "CLICKSTORM_FLUSH_INTERVAL",
    );
  });
});
