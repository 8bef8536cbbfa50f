// The end of a run: drained at the end and on the first signal, quit on the second, and what was not sent is said.

import { spawn } from "node:child_process";
import { expect } from "chai";
import { CLI, start, unwrapped } from "./support/cli.js";
import { clickhouse, newDatabase, numberOf, rowsOf } from "./support/server.js";
import { Sink } from "./support/sink.js";

const QUIET = ["--no-traces", "--no-metrics"];
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The figure behind a name in the summary's row of rows. */
function figure(stdout: string, name: string): number {
  const match = new RegExp(`rows .*${name} ([\\d,]+)`).exec(unwrapped(stdout));
  return Number(match?.[1]?.replaceAll(",", ""));
}

describe("drain", function () {
  this.timeout(60_000);

  for (const [signal, exit] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const) {
    it(`${signal} in the middle sends what is due, lands rows 0 to n - 1 and exits ${exit}`, async () => {
      const { database, url } = await newDatabase();
      const flags = ["--rate", "1000", "--duration", "60", "--batch-rows", "300", "--workers", "2"];
      const running = start(["--clickhouse-url", url, ...flags, ...QUIET]);
      while (
        (await numberOf(
          "SELECT count() FROM system.tables WHERE name = 'events' AND database = currentDatabase()",
          database,
        )) === 0
      )
        await sleep(50);
      while ((await numberOf("SELECT count() FROM events", database)) < 900) await sleep(50);
      const before = Date.now();
      running.process.kill(signal);
      const { code, stdout, stderr } = await running.ended;
      expect(code, stderr).to.equal(exit);
      expect(stderr).to.include("draining");
      const rows = await numberOf("SELECT count() FROM events", database);
      expect([figure(stdout, "scheduled"), figure(stdout, "acknowledged"), figure(stdout, "unsent")]).to.deep.equal([
        rows,
        rows,
        0,
      ]);
      const [found] = await rowsOf<{ total: number; distinct: number; last: number }>(
        "SELECT sum(seq) AS total, uniqExact(seq) AS distinct, max(toUnixTimestamp64Milli(timestamp)) AS last FROM events",
        database,
      );
      expect([found?.total, found?.distinct]).to.deep.equal([(rows * (rows - 1)) / 2, rows]);
      // The schedule ended at the signal: its last row is at most 1 ms and the notice of 10 ms later, give or take a turn.
      expect((found?.last ?? 0) - before).to.be.within(-50, 150);
    });
  }

  it("a second signal quits at once", async () => {
    const sink = await Sink.open(() => "silent");
    const running = start([
      "--blind",
      "--clickhouse-url",
      sink.url,
      "--rate",
      "100",
      "--duration",
      "60",
      "--batch-rows",
      "10",
      ...QUIET,
    ]);
    while (sink.received.length === 0) await sleep(20);
    running.process.kill("SIGINT");
    await running.said("draining");
    const before = Date.now();
    running.process.kill("SIGINT");
    expect((await running.ended).code).to.equal(130);
    expect(Date.now() - before).to.be.below(5000);
    await sink.close();
  });

  it("when the drain is over, due batches that found no permit are unsent: scheduled = generated + unsent", async () => {
    // Two permits, each held for 400 ms: 2 batches of 100 rows every 400 ms, of 20 that become due in 2 s.
    const sink = await Sink.open(() => "silent");
    const flags = [
      "--rate",
      "1000",
      "--duration",
      "2",
      "--batch-rows",
      "100",
      "--in-flight",
      "2",
      "--timeout",
      "400ms",
      "--drain",
      "1s",
    ];
    const running = start(["--blind", "--clickhouse-url", sink.url, ...flags, ...QUIET]);
    const { code, stdout, stderr } = await running.ended;
    const requests = sink.received.length;
    await sink.close();
    expect(code).to.equal(1);
    expect(figure(stdout, "scheduled")).to.equal(2000);
    expect(figure(stdout, "unknown")).to.equal(100 * requests);
    expect(figure(stdout, "unsent")).to.equal(2000 - 100 * requests);
    // 3 s of 400 ms each, twice: 7 or 8 turns of two.
    expect(requests).to.be.within(12, 18);
    expect(stderr.match(/inserts are in flight and due batches wait/g), stderr).to.have.length(1);
  });

  it("with --drain 0 nothing is sent after the end", async () => {
    const sink = await Sink.open(() => "silent");
    const flags = [
      "--rate",
      "1000",
      "--duration",
      "1",
      "--batch-rows",
      "100",
      "--in-flight",
      "1",
      "--timeout",
      "700ms",
      "--drain",
      "0",
    ];
    const { ended } = start(["--blind", "--clickhouse-url", sink.url, ...flags, ...QUIET]);
    const { stdout } = await ended;
    await sink.close();
    // One at 0.1 s, one at 0.8 s; the third would be at 1.5 s.
    expect([figure(stdout, "scheduled"), figure(stdout, "unknown"), figure(stdout, "unsent")]).to.deep.equal([
      1000, 200, 800,
    ]);
  });

  it("Ctrl-C to the whole process group under --embedded still drains and balances the ledger", async () => {
    const child = spawn(
      process.execPath,
      [CLI, "run", "--embedded", "--rate", "50k", "--duration", "60", "--batch-rows", "5000", ...QUIET],
      {
        detached: true,
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    let text = "";
    let said: () => void = () => undefined;
    const progress = new Promise<void>((resolve) => (said = resolve));
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
        if (text.includes("rows/s")) said();
      });
    }
    const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
    await progress;
    if (child.pid === undefined) throw new Error("not started");
    process.kill(-child.pid, "SIGINT");
    expect(await ended, text).to.equal(130);
    const ledger = /ledger +scheduled ([\d,]+), acknowledged ([\d,]+), landed ([\d,]+), lost 0, duplicated 0/.exec(
      unwrapped(text),
    );
    expect(ledger, text).to.not.equal(null);
    expect(ledger?.[1]).to.equal(ledger?.[3]);
    expect(Number(ledger?.[1]?.replaceAll(",", ""))).to.be.above(100_000);
  });

  it("a table dropped in mid-run stops it at once with the server's sentence, exit 1", async () => {
    const { database, url } = await newDatabase();
    const flags = ["--rate", "1000", "--duration", "60", "--batch-rows", "100"];
    const running = start(["--clickhouse-url", url, ...flags, ...QUIET]);
    while (
      (await numberOf(
        "SELECT count() FROM system.tables WHERE name = 'events' AND database = currentDatabase()",
        database,
      )) === 0
    )
      await sleep(50);
    while ((await numberOf("SELECT count() FROM events", database)) < 300) await sleep(50);
    await clickhouse("DROP TABLE events SYNC", database);
    const { code, stdout, stderr } = await running.ended;
    expect(code).to.equal(1);
    expect(stderr + stdout).to.include("UNKNOWN_TABLE");
    expect(unwrapped(stdout)).to.match(/error +60 +/);
  });
});
