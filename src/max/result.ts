// What a search is about, what it held, and what follows from that. Data, and pure. Called by text.ts and report.ts.

import { type Drift, driftOf, type Finding, findingOf } from "./finding.js";
import type { MaxOptions } from "./options.js";
import type { Outcome } from "./search.js";
import type { Hold } from "./step.js";

/** A hold and what it was held for. */
export interface Step extends Hold {
  readonly outcome: Outcome;
  readonly workers: number;
}

/** What is known before the first hold. */
export interface Subject {
  readonly options: MaxOptions;
  /** As it is called: the table into which rows go, or that is copied. */
  readonly table: string;
  /** The copy that rows go into; undefined: they go into the table itself. */
  readonly scratch: string | undefined;
  readonly url: string;
  readonly versions: { readonly clickstorm: string; readonly clickhouse: string | undefined };
  /** Why parts are not watched; undefined: they are. */
  readonly unwatched: string | undefined;
  readonly startedAt: Date;
}

/** All that is known when a search is over. */
export interface MaxResult extends Subject {
  readonly steps: readonly Step[];
  /** Why it did not go its way to the end, if so. */
  readonly problems: readonly string[];
  readonly interrupted: boolean;
  /** The budget had no room for another hold. */
  readonly budgetEnded: boolean;
}

const outcomesOf = (steps: readonly Step[]): readonly Outcome[] => steps.map(({ outcome }) => outcome);

export const findingOfSteps = ({ steps, options }: Pick<MaxResult, "steps" | "options">): Finding =>
  findingOf(outcomesOf(steps), options.bounds);

export const driftOfSteps = ({ steps, options }: Pick<MaxResult, "steps" | "options">): Drift | undefined =>
  driftOf(outcomesOf(steps), options.bounds);
