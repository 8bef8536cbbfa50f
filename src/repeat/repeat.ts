// `clickstorm run --repeat`: the same run several times, each with its own id and report, the server at rest in between; with --against two
// sides in turn, compared at the end. Main thread. What a run does is run.ts, and nothing of it is different here.

import type { Options } from "../options.js";
import { Progress } from "../progress.js";
import { checkPlaces, run, type Surroundings } from "../run.js";
import { type Settling, settlingOf } from "./settle.js";
import { type SideName, type Turn, turnsOf, worstOf } from "./turns.js";

/**
 * Returns the exit code: the worst of the runs'. An interrupt ends it with the run under way. Throws as run does, when what was
 * done before is told.
 */
export async function repeat(
  base: Options,
  against: Options | undefined,
  times: number,
  surroundings: Surroundings,
): Promise<number> {
  const { err, interrupt } = surroundings;
  const say = (sentence: string): void => new Progress(err, 0n).say(sentence);
  const turns = turnsOf(base, against, times);
  // All of them, before the first: a report that cannot be written at the end wastes the runs before it.
  for (const { options } of turns) checkPlaces(options);
  const settlings = new Map<SideName, Settling | undefined>();
  for (const { side, number, options } of turns) {
    if (number === 1) settlings.set(side, await settlingOf(options, interrupt, say));
  }
  const codes: number[] = [];
  const done: Turn[] = [];
  try {
    for (const [index, turn] of turns.entries()) {
      const { side, options } = turn;
      if (interrupt.aborted) break;
      say(`run ${index + 1} of ${turns.length}${against === undefined ? "" : `, ${side}`}: ${options.runId}`);
      codes.push(await run(options, surroundings));
      if (interrupt.aborted) break;
      done.push(turn);
      const unrest = index + 1 < turns.length ? await settlings.get(side)?.settled(interrupt) : undefined;
      if (unrest !== undefined) say(`note: ${unrest}`);
    }
  } finally {
    if (against !== undefined) await compared(done, surroundings, say);
  }
  return interrupt.aborted ? worstOf([...codes, Number(interrupt.reason)]) : worstOf(codes);
}

/** As `clickstorm compare` would tell it, of the runs that came to their end. */
async function compared(done: readonly Turn[], { out }: Surroundings, say: (sentence: string) => void): Promise<void> {
  const filesOf = (side: SideName): readonly string[] =>
    done.filter((turn) => turn.side === side).flatMap(({ options }) => options.reportFile ?? []);
  const [base, other] = [filesOf("base"), filesOf("against")];
  if (base.length === 0 || other.length === 0) {
    say("note: there is nothing to compare: not one run of each side came to its end");
    return;
  }
  const { compare } = await import("../compare/command.js");
  out.write("\n");
  await compare({ base, new: other, markdown: false, demands: [], strict: false }, out).catch((error: Error) =>
    say(`warning: the sides cannot be compared: ${error.message}`),
  );
}
