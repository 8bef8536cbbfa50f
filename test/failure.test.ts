// A worker that throws or dies: the run ends with its error and the counts so far. Real threads, real ClickHouse.

import { expect } from "chai";
import { closeBooks } from "../src/books.js";
import { resolveRun } from "../src/options.js";
import { makePlan, type Plan } from "../src/plan.js";
import { startLoad } from "../src/pool.js";
import { prepareTarget } from "../src/target.js";
import { newDatabase, numberOf } from "./support/server.js";

/** A plan for 10 s at 10,000 rows/s by two workers, and its table's database. */
async function planFor(): Promise<{ readonly plan: Plan; readonly database: string }> {
  const { database, url } = await newDatabase();
  const flags = {
    "clickhouse-url": url,
    rate: "10k",
    duration: "10",
    "batch-rows": "500",
    workers: "2",
    "no-traces": true,
  };
  const options = resolveRun(flags, {});
  return {
    plan: makePlan(options, await prepareTarget(options.endpoints, options), options.endpoints, "test"),
    database,
  };
}

/** The plan with the second worker's program broken from its first instruction on. */
function breakProgram(plan: Plan): Plan {
  const [first, second] = plan.workers;
  if (first === undefined || second?.rows.kind !== "rules") throw new Error("two workers expected");
  const { program } = second.rows;
  const bytes = program.bytes.slice();
  bytes[0] = 99;
  return { ...plan, workers: [first, { ...second, rows: { kind: "rules", program: { ...program, bytes } } }] };
}

describe("a worker that fails", function () {
  this.timeout(30_000);

  it("before the start is an error of the start: the kernel's trap", async () => {
    const { plan, database } = await planFor();
    let message = "";
    await startLoad(breakProgram(plan), () => undefined).catch((error: Error) => (message = error.message));
    expect(message).to.equal("unreachable");
    expect(await numberOf("SELECT count() FROM events", database)).to.equal(0);
  });

  it("in mid-run ends the run with its error; the other's rows are counted, and are in the table", async () => {
    const { plan, database } = await planFor();
    const [first, second] = plan.workers;
    if (first === undefined || second === undefined) throw new Error("two workers expected");
    // Nowhere to send to: the second worker's first insert throws.
    const broken = { ...plan, workers: [first, { ...second, insert: { ...second.insert, endpoints: [] } }] };
    const load = await startLoad(broken, () => undefined);
    const failure = await load.finished;
    expect(failure?.message).to.equal("there is no endpoint 0");
    const { totals, scheduled } = closeBooks(broken, load.clock);
    expect(totals.generated).to.equal(totals.acknowledged + totals.failed + totals.unknown);
    expect(totals.acknowledged).to.equal(await numberOf("SELECT count() FROM events", database));
    expect(scheduled).to.be.below(100_000);
    expect(scheduled).to.be.at.least(totals.generated);
  });
});
