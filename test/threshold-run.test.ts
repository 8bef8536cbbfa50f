// Thresholds from end to end: the exit code and the lines of the summary, of runs on a real ClickHouse; on a server of known
// slowness where a time is to be known.

import { rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { clickstorm, type Ended, start } from "./support/cli.js";
import { FaultProxy, firstAttempts } from "./support/fault-proxy.js";
import { clickhouse, newDatabase, numberOf } from "./support/server.js";
import { Sink } from "./support/sink.js";

const QUIET = ["--no-traces", "--no-metrics"];
/** Ten inserts of 100 rows. */
const LOAD = ["--rate", "1000", "--duration", "1", "--batch-rows", "100"];

const flagsOf = (thresholds: readonly string[]): string[] => thresholds.flatMap((text) => ["--threshold", text]);

/** [expression, pass or FAIL] of each threshold the summary has. */
const verdictsOf = ({ stdout }: Ended): string[][] =>
  [...stdout.matchAll(/^ *(?:thresholds)? +(pass|FAIL) +(\S+[<>=]\S+) /gm)].map(([, verdict = "", expression = ""]) => [
    expression,
    verdict,
  ]);

describe("a run with thresholds", function () {
  this.timeout(60_000);

  it("that are all kept ends with 0", async () => {
    const { url } = await newDatabase();
    const kept = ["p90<1h", "service_max<1h", "error_rate==0", "achieved_rate>=10", "lag<1h", "rows_lost==0"];
    const ended = await clickstorm(["--clickhouse-url", url, ...LOAD, ...flagsOf(kept), ...QUIET]);
    expect(ended.code, ended.stderr).to.equal(0);
    expect(verdictsOf(ended)).to.deep.equal(kept.map((expression) => [expression, "pass"]));
    expect(ended.stdout).to.match(/pass +rows_lost==0 +0 rows$/m);
  });

  it("of which one is crossed ends with 99, and its 1000 rows are in the table all the same", async () => {
    const { database, url } = await newDatabase();
    const flags = flagsOf(["p90<1h", "p50<1us", "error_rate<1%"]);
    const ended = await clickstorm(["--clickhouse-url", url, ...LOAD, ...flags, ...QUIET]);
    expect(ended.code, ended.stderr).to.equal(99);
    expect(verdictsOf(ended)).to.deep.equal([
      ["p90<1h", "pass"],
      ["p50<1us", "FAIL"],
      ["error_rate<1%", "pass"],
    ]);
    expect(await numberOf("SELECT count() FROM events", database)).to.equal(1000);
  });

  it("of which one needs more inserts than there are says so before the start and in the summary: 0, with --strict 98, and 99 if another is crossed", async () => {
    const { url } = await newDatabase();
    const load = ["--clickhouse-url", url, ...LOAD, ...QUIET];
    const codes: (number | null)[] = [];
    for (const flags of [
      flagsOf(["p99<1h", "p90<1h"]),
      [...flagsOf(["p99<1h", "p90<1h"]), "--strict"],
      [...flagsOf(["p99<1h", "p90<1us"]), "--strict"],
    ]) {
      const { code, stdout, stderr } = await clickstorm([...load, ...flags]);
      codes.push(code);
      expect(stdout).to.match(/^ *thresholds +\? +p99<1h +cannot judge: needs 100 inserts, has 10$/m);
      expect(stderr).to.include(
        "warning: --threshold p99<1h can hardly be judged: it needs 100 inserts, and 10 are planned; smaller batches or a longer run have more",
      );
      expect(stderr).to.not.include("--threshold p90");
    }
    expect(codes).to.deep.equal([0, 98, 99]);
  });

  it("of which one needs 100 inserts, and one of ten is too slow for it, ends with 99", async () => {
    const { url } = await newDatabase();
    const ended = await clickstorm(["--clickhouse-url", url, ...LOAD, ...flagsOf(["p99<1us"]), "--strict", ...QUIET]);
    expect(ended.code, ended.stderr).to.equal(99);
    expect(verdictsOf(ended)).to.deep.equal([["p99<1us", "FAIL"]]);
  });

  it("whose every second insert fails has an error_rate of 50%, and ends with 1, threshold or not", async () => {
    const { database, url } = await newDatabase();
    const proxy = await FaultProxy.open(Number(new URL(url).port));
    proxy.plan = firstAttempts(2, { kind: "answer", status: 503, passesOn: false });
    const through = `http://127.0.0.1:${proxy.port}/?database=${database}`;
    const flags = flagsOf(["error_rate<50%", "error_rate<=50%", "error_rate<=0.5"]);
    const ended = await clickstorm(["--clickhouse-url", through, ...LOAD, ...flags, ...QUIET]);
    await proxy.close();
    expect(ended.code, ended.stderr).to.equal(1);
    expect(await numberOf("SELECT count() FROM events", database)).to.equal(500);
    expect(ended.stdout).to.match(/FAIL +error_rate<50% +50%$/m);
    expect(verdictsOf(ended).map(([, verdict]) => verdict)).to.deep.equal(["FAIL", "pass", "pass"]);
  });

  it("that sends nothing crosses the threshold nothing is measured for: 99, though no row is missing", async () => {
    const sink = await Sink.open();
    const load = ["--blind", "--rate", "max", "--duration", "0.000001ms"];
    const flags = flagsOf(["service_p99<1h"]);
    const ended = await clickstorm(["--clickhouse-url", sink.url, ...load, ...flags, ...QUIET]);
    await sink.close();
    expect(sink.received.length).to.equal(0);
    expect(ended.code, ended.stderr).to.equal(99);
    expect(ended.stdout).to.match(/FAIL +service_p99<1h +nothing measured$/m);
  });

  it("that is interrupted by SIGINT and drained ends with 99, not 130, when one is crossed", async () => {
    const load = ["--rate", "1000", "--duration", "1m", "--batch-rows", "100"];
    const codes: (number | null)[] = [];
    for (const bound of ["1us", "1h"]) {
      const { database, url } = await newDatabase();
      const running = start(["--clickhouse-url", url, ...load, ...flagsOf([`p99<${bound}`]), ...QUIET]);
      const rows = (): Promise<number> =>
        numberOf(
          "SELECT total_rows FROM system.tables WHERE name = 'events' AND database = currentDatabase()",
          database,
        );
      while ((await rows()) === 0) await sleep(50);
      running.process.kill("SIGINT");
      codes.push((await running.ended).code);
    }
    expect(codes).to.deep.equal([99, 130]);
  });

  it("in a config file are those of the file; one given as a flag goes before all of them", async () => {
    const { url } = await newDatabase();
    const file = join(tmpdir(), `clickstorm-threshold-${process.pid}.yaml`);
    writeFileSync(file, 'threshold:\n  - p99 < 1us\n  - "error_rate<1%"\n');
    try {
      const args = ["--clickhouse-url", url, "--config", file, ...LOAD, ...QUIET];
      const crossed = await clickstorm(args);
      expect(crossed.code, crossed.stderr).to.equal(99);
      expect(verdictsOf(crossed)).to.deep.equal([
        ["p99<1us", "FAIL"],
        ["error_rate<1%", "pass"],
      ]);
      const kept = await clickstorm([...args, "--threshold", "p90<1h"]);
      expect([kept.code, verdictsOf(kept)]).to.deep.equal([0, [["p90<1h", "pass"]]]);
      writeFileSync(file, "threshold: p75<1us\n");
      const wrong = await clickstorm(args);
      expect(wrong.code).to.equal(2);
      expect(wrong.stderr).to.include(`error: threshold in ${file} must be a name, an operator and a bound`);
    } finally {
      rmSync(file);
    }
  });

  it("rows_lost of a table of engine Null is refused with 2 before the first row", async () => {
    const { database, url } = await newDatabase();
    await clickhouse("CREATE TABLE nothing (seq UInt64) ENGINE = Null", database);
    const flags = ["--table", "nothing", ...flagsOf(["rows_lost==0"])];
    const { code, stdout, stderr } = await clickstorm(["--clickhouse-url", url, ...LOAD, ...flags, ...QUIET]);
    expect([code, stdout]).to.deep.equal([2, ""]);
    expect(stderr).to.equal(
      "error: --threshold rows_lost==0 cannot be checked: a table of engine Null keeps no rows\n",
    );
  });

  it("of one shard into a table without run_id and seq, rows_lost cannot be checked: exit 2 before the start", async () => {
    const { database, url } = await newDatabase();
    await clickhouse("CREATE TABLE plain (n UInt64) ENGINE = MergeTree ORDER BY n", database);
    const shard = ["--shard", "1/2", "--run-id", "r", "--seed", "1", "--start-at", "2100-01-01T00:00:00Z"];
    const flags = ["--clickhouse-url", url, "--table", `${database}.plain`, ...shard, ...flagsOf(["rows_lost==0"])];
    const { code, stderr } = await clickstorm([...flags, ...QUIET]);
    expect(code).to.equal(2);
    expect(stderr).to.contain(
      "error: --threshold rows_lost==0 cannot be checked: the table has no run_id and seq to tell the rows of one shard",
    );
  });

  it("of a server that takes 100 ms, one insert at a time, twenty due every 50 ms: each figure in its unit", async () => {
    const slow = createServer((request, response) => {
      request.resume();
      request.on("end", () => setTimeout(() => response.end(), 100));
    });
    await new Promise<void>((resolve) => slow.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(slow.address() as AddressInfo).port}`;
    try {
      const load = ["--blind", "--rate", "20", "--duration", "1s", "--batch-rows", "1"];
      // A timer may be a millisecond early. The 20th insert, due at 950 ms, is sent after 19 answers and answered after
      // 20, in not less than 1,980 ms. Ten are answered by the end of the schedule at most; the next comes 89 ms after it, and no
      // more than 3% of it, 30 ms, count as well: at most 10 rows/s, 50% of the 20 that were asked for. By one insert, 5%, that may be
      // off: what it passes by less cannot be judged.
      const truths = [
        ...["service_p50>=99ms", "service_p50>=0.099s", "service_p50>=99000us", "service_p50<10s"],
        ...["service_p95>=99ms", "max>=1030ms", "max<40s", "lag>=931ms", "lag>=0.931s", "lag<40s"],
        ...["achieved_rate<=56%", "achieved_rate<=11.2", "achieved_rate>2%", "error_rate==0"],
      ];
      const contrary = { ">=": "<", "<=": ">", "<": ">=", ">": "<=", "==": ">" };
      const lies = truths.map((text) =>
        text.replace(/[<>=]+/, (operator) => contrary[operator as keyof typeof contrary]),
      );
      const flags = ["--workers", "1", "--in-flight", "1", ...flagsOf([...truths, ...lies])];
      const ended = await clickstorm(["--clickhouse-url", url, ...load, ...flags, ...QUIET]);
      expect(ended.code, ended.stderr).to.equal(99);
      expect(Number(/achieved ([\d.]+) rows\/s/.exec(ended.stdout)?.[1])).to.be.within(1, 10);
      expect(verdictsOf(ended)).to.deep.equal([
        ...truths.map((expression) => [expression, "pass"]),
        ...lies.map((expression) => [expression, "FAIL"]),
      ]);
    } finally {
      slow.closeAllConnections();
      await new Promise((resolve) => slow.close(resolve));
    }
  });
});
