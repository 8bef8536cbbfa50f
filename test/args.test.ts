// src/args.ts as a table: words as a shell passes them, and as yargs gets them.

import { expect } from "chai";
import { type KnownFlag, readyForYargs } from "../src/args.js";

const FLAGS: readonly KnownFlag[] = [
  { name: "rate", kind: "text" },
  { name: "password", kind: "text" },
  { name: "setting", kind: "texts" },
  { name: "blind", kind: "switch" },
  { name: "h", kind: "switch" },
];

describe("args: the words of the command line, ready for yargs", () => {
  const rows: readonly (readonly [what: string, given: readonly string[], ready: readonly string[]])[] = [
    ["a value of its own word is joined", ["run", "--rate", "5"], ["run", "--rate=5"]],
    ["a value behind = stays", ["--rate=5"], ["--rate=5"]],
    ["one dash will do, as vegeta's users write it", ["-rate=5", "-rate", "6"], ["--rate=5", "--rate=6"]],
    ["a value may begin with a dash", ["--rate", "-1"], ["--rate=-1"]],
    ["a password may look like a flag that is none", ["--password", "--hunter2"], ["--password=--hunter2"]],
    ["an empty value is a value", ["--password", "", "--rate="], ["--password=", "--rate="]],
    ["a value keeps its own =", ["--setting", "a=b=c"], ["--setting=a=b=c"]],
    ["quotes survive, as yargs takes a pair away", ["--password", '"x"'], ['--password=""x""']],
    ["a switch is true by being there", ["--blind", "--rate", "5"], ["--blind=true", "--rate=5"]],
    ["a switch may be told", ["--blind", "false", "--blind=0"], ["--blind=false", "--blind=0"]],
    ["a switch takes no other word", ["--blind", "serve"], ["--blind=true", "serve"]],
    ["an unknown flag stays", ["--ratte", "5"], ["--ratte", "5"]],
    ["of an unknown short flag only the letter: -pSECRET", ["-phunter2", "-h"], ["-p", "--h=true"]],
    ["behind -- nothing is a flag", ["--", "--rate", "5"], ["--", "--rate", "5"]],
    ["a negative number is no flag", ["-1"], ["-1"]],
  ];
  for (const [what, given, ready] of rows) {
    it(`${what}: ${JSON.stringify(given)} → ${JSON.stringify(ready)}`, () => {
      expect(readyForYargs(given, FLAGS)).to.deep.equal({ words: ready, missing: [] });
    });
  }

  it("a value is missing at the end of the line, and where the next word is a flag", () => {
    expect(readyForYargs(["--rate", "--blind", "--password"], FLAGS)).to.deep.equal({
      words: ["--blind=true"],
      missing: ["rate", "password"],
    });
  });
});
