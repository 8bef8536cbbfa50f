// Runs on virtual time: the worker's own loop, with its kernel and its counters, but a clock that jumps from event to event and
// inserts that are answered when a function says so. What takes time is in that function alone, so every figure can be
// worked out by hand.

import { ACKNOWLEDGED, type Outcome } from "../../src/answer.js";
import { type Books, closeBooks } from "../../src/books.js";
import { type Options, type RawFlags, resolveRun } from "../../src/options.js";
import { makePlan, type Plan } from "../../src/plan.js";
import { blindTarget } from "../../src/target.js";
import { type FromWorker, Loader, type LoaderParts } from "../../workers/loader.js";

/** When the insert of this batch, sent at `sentMs`, is answered, in milliseconds from the start. */
export type Service = (sentMs: number, batch: number) => number;

export interface VirtualRun {
  readonly options: Options;
  readonly plan: Plan;
  readonly books: Books;
  /** In the order they were sent. */
  readonly sent: readonly { readonly batch: number; readonly atMs: number }[];
  readonly said: readonly FromWorker[];
  /** When everything was over. */
  readonly endMs: number;
}

interface Happening {
  readonly atNs: number;
  readonly order: number;
  readonly happen: () => void;
}

const MS = 1e6;

/** @param flags of `run`, which asks nobody: --blind, --no-traces */
export async function runVirtually(
  flags: RawFlags,
  service: Service,
  outcome: (batch: number) => Outcome = () => ACKNOWLEDGED,
): Promise<VirtualRun> {
  const options = resolveRun({ blind: "true", "no-traces": "true", ...flags }, {});
  const plan = makePlan(options, blindTarget(options), options.endpoints, "0");
  const happenings: Happening[] = [];
  const sent: { batch: number; atMs: number }[] = [];
  const said: FromWorker[] = [];
  let nowNs = 0;
  let order = 0;
  const at = (atNs: number, happen: () => void): void => void happenings.push({ atNs, order: order++, happen });
  const clock = {
    now: () => nowNs,
    until: (dueNs: number) => (dueNs <= nowNs ? Promise.resolve() : new Promise<void>((resolve) => at(dueNs, resolve))),
    wake: () => undefined,
  };
  const parts: LoaderParts = {
    clock: () => clock,
    inserter: () => ({
      insert: ({ queryId, onSent }) => {
        const batch = Number(/-(\d+)-\d+$/.exec(queryId)?.[1]);
        onSent();
        sent.push({ batch, atMs: nowNs / MS });
        return new Promise((resolve) => at(service(nowNs / MS, batch) * MS, () => resolve(outcome(batch))));
      },
      close: async () => undefined,
    }),
  };
  let running = plan.workers.length;
  const loaders = plan.workers.map((worker) => new Loader(worker, (message) => void said.push(message), parts));
  const runs = loaders.map((loader) => loader.run(0n, 0n).finally(() => running--));
  for (;;) {
    // Whatever can go on at this moment goes on.
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
    if (running === 0) break;
    happenings.sort((a, b) => b.atNs - a.atNs || b.order - a.order);
    const next = happenings.pop();
    if (next === undefined) throw new Error("everybody waits and nothing is to happen");
    nowNs = Math.max(nowNs, next.atNs);
    next.happen();
  }
  await Promise.all(runs);
  return { options, plan, books: closeBooks(plan, clock), sent, said, endMs: nowNs / MS };
}
