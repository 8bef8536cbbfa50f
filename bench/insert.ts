// How fast, and at what price in CPU and memory, do rows leave? Three parts, all of them or those that are named:
// `npm run bench:insert -- [discard] [embedded] [memory] [--rounds N] [--seconds S] [--warm-up S]`.

import { discard } from "./discard.js";
import { embedded } from "./embedded.js";
import { memory } from "./memory.js";
import { discarding, runParts } from "./parts.js";

await runParts("How fast, and at what price, do rows leave?", [
  {
    name: "discard",
    question: "How fast does one worker make and post rows, when the server does nothing with them?",
    usual: { rounds: 5, seconds: 10, warmUpS: 2 },
    run: discarding((discarder, { rounds, ...spec }) => discard(discarder, rounds, spec)),
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
    run: discarding((discarder, spec) => memory(discarder, spec)),
  },
]);
