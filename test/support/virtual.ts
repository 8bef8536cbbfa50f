// Runs on virtual time: the worker's own loop, with its kernel and its counters, but a clock that jumps from event to event and
// inserts that are answered when a function says so. What takes time is in that function alone, so every figure can be
// worked out by hand.

import { ACKNOWLEDGED, type Outcome } from "../../src/answer.js";
import { type Books, closeBooks, elapsedNs } from "../../src/books.js";
import type { FromWorker } from "../../src/messages.js";
import { type Options, type RawFlags, resolveRun } from "../../src/options.js";
import { makePlan, type Plan } from "../../src/plan.js";
import { makeReport } from "../../src/report/make.js";
import type { Report } from "../../src/report/schema.js";
import { Series } from "../../src/report/series.js";
import { Snapshots } from "../../src/snapshot.js";
import { blindTarget } from "../../src/target.js";
import { rowsDueBy } from "../../src/watch.js";
import { Loader, type LoaderParts } from "../../workers/loader.js";

/** When the insert of this batch, sent at `sentMs`, is answered, in milliseconds from the start. */
export type Service = (sentMs: number, batch: number) => number;

/** An attempt of an insert: the first is 1. */
export interface Sent {
  readonly batch: number;
  readonly atMs: number;
  readonly attempt: number;
  readonly endpoint: number;
  readonly token: string | undefined;
  /** A copy of its bytes. */
  readonly body: string;
}

export interface VirtualRun {
  readonly options: Options;
  readonly plan: Plan;
  readonly books: Books;
  /** In the order they were sent. */
  readonly sent: readonly Sent[];
  readonly said: readonly FromWorker[];
  /** As the program would write it; of what real time alone knows (CPU, event loops) it has nothing. */
  readonly report: Report;
}

/** Who looks at the counters while a run goes on. */
export interface Watching {
  readonly everyNs: number;
  readonly look: (atNs: number, counters: Plan["counters"]) => void;
}

interface Happening {
  readonly atNs: number;
  readonly order: number;
  readonly happen: () => void;
}

const MS = 1e6;

/**
 * @param flags of `run`, which asks nobody: --blind, --no-traces
 * @param outcome of an attempt, sent at `atMs`
 * @param leaves when the request of this batch, asked for at that time, can leave: a connection may have to be made first
 */
export async function runVirtually(
  flags: RawFlags,
  service: Service,
  outcome: (batch: number, sent: Sent) => Outcome = () => ACKNOWLEDGED,
  leaves: Service = (askedMs) => askedMs,
  watching?: Watching,
): Promise<VirtualRun> {
  const options = resolveRun({ blind: "true", "no-traces": "true", ...flags }, {});
  const target = blindTarget(options);
  const plan = makePlan(options, target, options.endpoints, "0");
  const series = new Series(
    new Snapshots(plan.counters, plan.schedule === undefined, { rowsDueBefore: rowsDueBy(plan), encode: true }),
    Number(options.warmUpNs),
    options.shard !== undefined,
  );
  const happenings: Happening[] = [];
  const sent: Sent[] = [];
  const said: FromWorker[] = [];
  let nowNs = 0;
  let order = 0;
  let lookNs = watching?.everyNs ?? 0;
  const at = (atNs: number, happen: () => void): void => void happenings.push({ atNs, order: order++, happen });
  const clock = {
    now: () => nowNs,
    until: (dueNs: number) => (dueNs <= nowNs ? Promise.resolve() : new Promise<void>((resolve) => at(dueNs, resolve))),
    wake: () => undefined,
  };
  const parts: LoaderParts = {
    clock: () => clock,
    inserter: () => ({
      insert: ({ queryId, endpoint, token, body, onSent }) => {
        const [batch = 0, attempt = 0] = (/-(\d+)-(\d+)$/.exec(queryId) ?? []).slice(1).map(Number);
        return new Promise((resolve) => {
          const leave = (): void => {
            const one = { batch, atMs: nowNs / MS, attempt, endpoint, token, body: Buffer.from(body).toString() };
            const answer = outcome(batch, one);
            const isReached = answer.kind !== "failed" || answer.reason !== "unreachable";
            // What cannot be reached is not sent.
            if (isReached && !onSent()) {
              resolve({ kind: "failed", reason: "generator", code: "other", sentence: "not sent" });
              return;
            }
            sent.push(one);
            at(service(nowNs / MS, batch) * MS, () => resolve(answer));
          };
          const leavesNs = leaves(nowNs / MS, batch) * MS;
          if (leavesNs > nowNs) at(leavesNs, leave);
          else leave();
        });
      },
      close: async () => undefined,
    }),
  };
  let running = plan.workers.length;
  const loaders = plan.workers.map((worker) => new Loader(worker, (message) => void said.push(message), parts));
  const runs = loaders.map((loader) => loader.run(0n, 0n).finally(() => running--));
  // As their own timers would, which go by real time.
  at(Number(plan.counters.drainedNs) + MS, () => {
    for (const loader of loaders) loader.wake();
  });
  for (;;) {
    // Whatever can go on at this moment goes on.
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
    if (running === 0) break;
    happenings.sort((a, b) => b.atNs - a.atNs || b.order - a.order);
    const next = happenings.pop();
    if (next === undefined) throw new Error("everybody waits and nothing is to happen");
    // What happens at the end of a second is part of it.
    for (let second = Math.floor(nowNs / 1e9) + 1; second * 1e9 < next.atNs; second++) series.at(second * 1e9);
    for (; watching !== undefined && lookNs < next.atNs; lookNs += watching.everyNs)
      watching.look(lookNs, plan.counters);
    nowNs = Math.max(nowNs, next.atNs);
    next.happen();
  }
  await Promise.all(runs);
  series.end(nowNs, elapsedNs(plan, plan.counters.totals(nowNs)));
  const books = closeBooks(plan, clock);
  const report = makeReport({
    ...books,
    options,
    endpoints: options.endpoints,
    target,
    replay: undefined,
    version: "0",
    startedAt: new Date(0),
    workers: plan.workers.length,
    interrupted: false,
    hasTraces: false,
    ledger: undefined,
    generatorCpu: { startingS: 0, warmupS: 0, measuredS: 0, drainingS: 0 },
    series: series.points.map((point) => ({ ...point, cpu_s: 0 })),
    sentences: new Map(),
    limits: [],
    problems: [],
  });
  const workers = report.generator.workers.map((share) => ({ ...share, busy_s: 0, idle_s: 0 }));
  return {
    options,
    plan,
    books,
    sent,
    said,
    report: { ...report, generator: { ...report.generator, reasons: [], workers } },
  };
}
