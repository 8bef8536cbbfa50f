// How fast, and at what price in CPU and memory, do rows leave? Four parts, all of them or those that are named:
// `npm run bench:insert -- [discard] [single] [embedded] [memory] [--rounds N] [--seconds S] [--warm-up S]`.

import { parseArgs } from "node:util";
import { discard } from "./discard.js";
import { embedded } from "./embedded.js";
import { memory } from "./memory.js";
import { type Discarder, findNginx, type Nginx, startDiscarder } from "./nginx.js";
import { cleanUpAtExit } from "./process.js";
import { note, numberFlag, printHead, say } from "./results.js";
import { single } from "./single.js";

/** How often and how long, unless the command line says otherwise. */
interface Effort {
  readonly rounds: number;
  readonly seconds: number;
  readonly warmUpS: number;
}

interface Part {
  readonly name: string;
  readonly question: string;
  readonly usual: Effort;
  readonly run: (effort: Effort, nginx: Nginx | undefined) => Promise<void>;
}

/** A part that needs nginx, which is started for it alone. */
function discarding(measure: (nginx: Discarder, effort: Effort) => Promise<void>): Part["run"] {
  return async (effort, nginx) => {
    if (nginx === undefined) {
      say("skipped: there is no nginx here (Debian: apt-get install nginx-light)");
      return;
    }
    const discarder = await startDiscarder(nginx);
    try {
      await measure(discarder, effort);
    } finally {
      await discarder.stop();
    }
  };
}

const PARTS: readonly Part[] = [
  {
    name: "discard",
    question: "How fast does one worker make and post rows, when the server does nothing with them?",
    usual: { rounds: 5, seconds: 10, warmUpS: 2 },
    run: discarding((nginx, { rounds, ...spec }) => discard(nginx, rounds, spec)),
  },
  {
    name: "single",
    question: "Does one worker keep a rate of 10,000 single-row inserts a second?",
    usual: { rounds: 3, seconds: 10, warmUpS: 0 },
    run: discarding((nginx, { rounds, seconds }) => single(nginx, rounds, seconds)),
  },
  {
    name: "embedded",
    question: "Does clickstorm reach the ceiling of a real ClickHouse beside it?",
    usual: { rounds: 5, seconds: 15, warmUpS: 3 },
    run: ({ rounds, ...spec }) => embedded(rounds, spec),
  },
  {
    name: "memory",
    question: "Is its memory flat in time?",
    usual: { rounds: 1, seconds: 30, warmUpS: 5 },
    run: discarding((nginx, spec) => memory(nginx, spec)),
  },
];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: "string" }, seconds: { type: "string" }, "warm-up": { type: "string" } },
});
const asked: Partial<Effort> = {
  ...(values.rounds !== undefined && { rounds: numberFlag("rounds", values.rounds, 1) }),
  ...(values.seconds !== undefined && { seconds: numberFlag("seconds", values.seconds, 1) }),
  ...(values["warm-up"] !== undefined && { warmUpS: numberFlag("warm-up", values["warm-up"], 0) }),
};
const wrong = positionals.filter((name) => !PARTS.some((part) => part.name === name));
if (wrong.length > 0) {
  note(`there is no part ${wrong.join(", ")}: ${PARTS.map(({ name }) => name).join(", ")}`);
  process.exit(2);
}

cleanUpAtExit();
const nginx = findNginx();
printHead("How fast, and at what price, do rows leave?", { nginx: nginx?.version ?? "none" });
for (const part of PARTS) {
  if (positionals.length > 0 && !positionals.includes(part.name)) continue;
  const effort: Effort = { ...part.usual, ...asked };
  say(`## ${part.name}: ${part.question}\n`);
  say(
    `median (min–max) of ${effort.rounds} rounds, taken in turn, of ${effort.seconds} s each after ${effort.warmUpS} s of warm-up\n`,
  );
  await part.run(effort, nginx);
  say("");
}
