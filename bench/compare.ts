// bench:compare: how often `clickstorm compare` calls equal runs different, and how often it finds slower ones, by the laws of
// test/support/run-laws.ts, on virtual time. `-- [--pairs N]`.

import { parseArgs } from "node:util";
import { FIGURE_NAMES } from "../src/compare/figures.js";
import { falseCalls, found, type Trial } from "../test/support/pairs.js";
import { HARD_LAWS, LAWS, type Law, LOOPS } from "../test/support/run-laws.js";
import { note, numberFlag, printHead, printTable, say } from "./results.js";

const { values } = parseArgs({ options: { pairs: { type: "string", default: "200" } } });
const pairs = numberFlag("pairs", values.pairs, 1);

printHead("How often does compare call equal runs different, and how often does it find slower ones?", {});
say(`480 inserts and 120 s a run, ${pairs} pairs a line, in percent of them\n`);

const trials = (runs: number, laws: readonly Law[] = [...LAWS, ...HARD_LAWS]): readonly Trial[] =>
  LOOPS.flatMap((loop, l) =>
    laws.map((law, index) => ({ law, loop, pairs, runs, seed: 1 + 100 * l + index + 1000 * runs })),
  );
const nameOf = ({ law, loop }: Trial): string => `${loop}: ${law.name}`;
const share = (calls: number | undefined): string =>
  calls === undefined ? "–" : String(Number(((100 * calls) / pairs).toFixed(1)));

const shownNames = FIGURE_NAMES.filter((name) => !name.endsWith("p99.9"));
function printFalseCalls(head: string, all: readonly Trial[]): void {
  const calls = all.map((trial) => {
    note(`${head}, ${nameOf(trial)}`);
    return { trial, calls: falseCalls(trial) };
  });
  say(`### ${head}\n`);
  printTable(
    ["equal sides called different, %", ...shownNames],
    [
      ...calls.map(({ trial, calls }) => [nameOf(trial), ...shownNames.map((name) => share(calls.get(name)))]),
      ["all", ...shownNames.map((name) => overall(calls.map(({ calls }) => calls.get(name))))],
    ],
  );
}

function overall(calls: readonly (number | undefined)[]): string {
  const known = calls.filter((count) => count !== undefined);
  return share(known.reduce((sum, count) => sum + count, 0) / known.length);
}

printFalseCalls("False calls, 5 runs a side", trials(5));
printFalseCalls("False calls, 2 runs a side", trials(2));
const within = [...LAWS, ...HARD_LAWS.filter(({ seconds }) => seconds !== undefined)].map((law) => ({
  ...law,
  runs: 0,
}));
printFalseCalls("False calls, 1 run a side, where nothing lies between runs", trials(1, within));
printFalseCalls("False calls, 1 run a side, where runs differ", trials(1));

say("### Found\n");
const rows = [5, 3, 1].map((runs) =>
  trials(runs).map((trial) => {
    note(`found, ${runs} a side, ${nameOf(trial)}`);
    return found({ ...trial, seed: trial.seed + 5000 });
  }),
);
printTable(
  ["slower runs called worse, %", "p50 +10%, 5 a side", "3", "1", "p99 ×1.5, 5 a side", "3", "1"],
  trials(5).map((trial, index) => [
    nameOf(trial),
    ...rows.map((found) => share(found[index]?.p50)),
    ...rows.map((found) => share(found[index]?.p99)),
  ]),
);
