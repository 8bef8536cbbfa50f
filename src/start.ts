#!/usr/bin/env node
// Where the program begins: loads it, and says in a sentence why it cannot be loaded, or what broke where nobody looked. What it
// needs for that is two files that need no other.

import { faultText, systemSentence } from "./faults.js";
import { quotedArgs } from "./quoted.js";

/** As exit.ts has it. */
const INCOMPLETE = 1;

function end(error: unknown): never {
  process.stderr.write(`error: ${systemSentence(error) ?? faultText(error, "as it is installed")}\n`);
  process.exit(INCOMPLETE);
}

// A password on the command line is there for every user of the machine to see.
const title = quotedArgs(process.argv.slice(2));
if (title !== undefined) process.title = ["clickstorm", ...title].join(" ");
process.on("uncaughtException", end);
await import("./cli.js").catch(end);
