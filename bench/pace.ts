// Is the load what was asked for, and what does watching it cost? Four parts, all of them or those that are named:
// `npm run bench:pace -- [lateness] [single] [kept] [overhead] [--rounds N] [--seconds S] [--warm-up S]`.

import { kept } from "./kept.js";
import { lateness } from "./lateness.js";
import { overhead } from "./overhead.js";
import { discarding, runParts } from "./parts.js";
import { single } from "./single.js";

await runParts("Is the load what was asked for, and what does watching it cost?", [
  {
    name: "lateness",
    question: "How late is a batch sent, when the server has time?",
    usual: { rounds: 5, seconds: 10, warmUpS: 2 },
    run: discarding(lateness),
  },
  {
    name: "single",
    question: "Which rate of single-row inserts does one worker keep?",
    usual: { rounds: 3, seconds: 10, warmUpS: 5 },
    run: discarding(single),
  },
  {
    name: "kept",
    question: "Is the rate kept, from 5 rows a second to a million?",
    usual: { rounds: 3, seconds: 10, warmUpS: 0 },
    run: discarding(kept),
  },
  {
    name: "overhead",
    question: "What do metrics, traces and histograms cost at full rate?",
    usual: { rounds: 5, seconds: 10, warmUpS: 3 },
    run: discarding(overhead),
  },
]);
