// A benchmark in parts: all of them are run, or those that the command line names, each with its question above its tables.
// `-- [part …] [--rounds N] [--seconds S] [--warm-up S]`.

import { parseArgs } from "node:util";
import { type Discarder, findNginx, type Nginx, startDiscarder } from "./nginx.js";
import { cleanUpAtExit } from "./process.js";
import { note, numberFlag, printHead, say } from "./results.js";

/** How often and how long, unless the command line says otherwise. */
export interface Effort {
  readonly rounds: number;
  readonly seconds: number;
  readonly warmUpS: number;
}

export interface Part {
  readonly name: string;
  readonly question: string;
  readonly usual: Effort;
  readonly run: (effort: Effort, nginx: Nginx | undefined) => Promise<void>;
}

/** A part that needs nginx, which is started for it alone. */
export function discarding(
  measure: (discarder: Discarder, effort: Effort, nginx: Nginx) => Promise<void>,
): Part["run"] {
  return async (effort, nginx) => {
    if (nginx === undefined) {
      say("skipped: there is no nginx here (Debian: apt-get install nginx-light)");
      return;
    }
    const discarder = await startDiscarder(nginx);
    try {
      await measure(discarder, effort, nginx);
    } finally {
      await discarder.stop();
    }
  };
}

export async function runParts(question: string, parts: readonly Part[]): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { rounds: { type: "string" }, seconds: { type: "string" }, "warm-up": { type: "string" } },
  });
  const asked: Partial<Effort> = {
    ...(values.rounds !== undefined && { rounds: numberFlag("rounds", values.rounds, 1) }),
    ...(values.seconds !== undefined && { seconds: numberFlag("seconds", values.seconds, 1) }),
    ...(values["warm-up"] !== undefined && { warmUpS: numberFlag("warm-up", values["warm-up"], 0) }),
  };
  const wrong = positionals.filter((name) => !parts.some((part) => part.name === name));
  if (wrong.length > 0) {
    note(`there is no part ${wrong.join(", ")}: ${parts.map(({ name }) => name).join(", ")}`);
    process.exit(2);
  }

  cleanUpAtExit();
  const nginx = findNginx();
  printHead(question, { nginx: nginx?.version ?? "none" });
  for (const part of parts) {
    if (positionals.length > 0 && !positionals.includes(part.name)) continue;
    const effort: Effort = { ...part.usual, ...asked };
    say(`## ${part.name}: ${part.question}\n`);
    say(
      `median (min–max) of ${effort.rounds} rounds, taken in turn, of ${effort.seconds} s each after ${effort.warmUpS} s of warm-up\n`,
    );
    await part.run(effort, nginx);
    say("");
  }
}
