// A terminal that is closed: a hang-up (SIGHUP, 129) is taken as a wish to end, as SIGTERM is, and not at all by whoever was
// started by nohup. Real processes, shells, terminals (script) and a real ClickHouse.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import type { Report } from "../src/report/schema.js";
import { CLI, start, unwrapped } from "./support/cli.js";
import { clickhouse, newDatabase, numberOf } from "./support/server.js";

const QUIET = ["--no-traces", "--no-metrics"];
/** A minute of 1000 rows a second, if nobody ends it. */
const LONG = ["--rate", "1000", "--duration", "60", "--batch-rows", "100", ...QUIET];
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const isThere = (command: string): boolean => spawnSync(command, ["--version"]).status === 0;
const unless = (command: string): string => (isThere(command) ? "" : ` (SKIPPED: there is no ${command})`);

/** As a user's shell has it; without what the test itself may have been started by. */
function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(CLICKSTORM_|CLICKHOUSE_|OTEL_|_$)/.test(name)),
  );
}

async function untilRows(database: string, rows: number): Promise<void> {
  for (;;) {
    const sql = `SELECT sum(total_rows) FROM system.tables WHERE database = '${database}' AND name = 'events'`;
    if ((await numberOf(sql)) >= rows) return;
    await sleep(100);
  }
}

/** The run's own process below one of ours: the one that was handed the run id. */
function processOf(runId: string): number {
  const found = spawnSync("pgrep", ["-f", `^[^ ]*node .*--run-id ${runId}`], { encoding: "utf8" });
  return Number(found.stdout.trim().split("\n")[0]);
}

const ended = (child: ChildProcess): Promise<number | null> => new Promise((resolve) => child.on("close", resolve));

describe("a hang-up", function () {
  this.timeout(180_000);

  const folder = mkdtempSync(join(tmpdir(), "clickstorm-hangup-"));
  after(() => rmSync(folder, { recursive: true }));

  it("drains a run, reports, lands rows 0 to n - 1 and exits 129; a second one changes nothing", async () => {
    const { database, url } = await newDatabase();
    const report = join(folder, "run.json");
    const running = start(["--clickhouse-url", url, ...LONG, "--report", report]);
    await untilRows(database, 500);
    // As a terminal that is closed sends it: the shell once, the system once more.
    running.process.kill("SIGHUP");
    await running.said("draining");
    running.process.kill("SIGHUP");
    const { code, stdout, stderr } = await running.ended;
    expect(code, stderr).to.equal(129);
    const { rows, interrupted }: Report = JSON.parse(readFileSync(report, "utf8"));
    const inTable = await numberOf("SELECT count() FROM events", database);
    expect([rows.scheduled, rows.acknowledged, rows.landed, rows.lost, rows.unsent, interrupted]).to.deep.equal([
      ...[inTable, inTable, inTable, 0, 0],
      true,
    ]);
    expect(await numberOf("SELECT sum(seq) FROM events", database)).to.equal((inTable * (inTable - 1)) / 2);
    expect(unwrapped(stdout)).to.include(`lost 0, duplicated 0`);
  });

  it("ends a ladder with 129, and its scratch database is dropped", async () => {
    const { url } = await newDatabase();
    const running = start([
      "ladder",
      "--clickhouse-url",
      url,
      "--duration",
      "5s",
      "--format",
      "JSONEachRow",
      "--run-id",
      "hung",
    ]);
    await running.said("2 of 4");
    const named = "SELECT count() FROM system.databases WHERE name = 'clickstorm_ladder_hung'";
    expect(await clickhouse(named)).to.equal("1");
    running.process.kill("SIGHUP");
    const { code, stderr } = await running.ended;
    expect(code, stderr).to.equal(129);
    expect(stderr).to.include("ending: dropping clickstorm_ladder_hung");
    expect(await clickhouse(named)).to.equal("0");
  });

  it("ends what waits: a pre-flight without an answer with 129, serve with 0", async () => {
    const serving = start(["serve", "--port", "0"]);
    await serving.said("ClickHouse at");
    serving.process.kill("SIGHUP");
    expect((await serving.ended).code).to.equal(0);

    const { stranger } = await import("./support/strangers.js");
    const silent = await stranger(() => undefined);
    const asking = start(["--clickhouse-url", silent.url, ...LONG]);
    await asking.said("waiting for an answer");
    asking.process.kill("SIGHUP");
    expect((await asking.ended).code).to.equal(129);
    await silent.close();
  });

  for (const [what, script] of [
    ["nohup", 'nohup "$@" > /dev/null 2>&1 & p=$!'],
    ["a shell that ignores it (trap '' HUP)", `trap '' HUP; "$@" > /dev/null 2>&1 & p=$!`],
  ] as const) {
    it(`is passed over by a run under ${what}: 2000 rows of 2000 land, exit 0${unless("bash")}`, async function () {
      if (!isThere("bash")) this.skip();
      const { database, url } = await newDatabase();
      const flags = ["--clickhouse-url", url, "--rate", "1000", "--duration", "2", "--batch-rows", "100", ...QUIET];
      const shell = spawn("bash", ["-c", `${script}; echo $p; wait $p`, "bash", process.execPath, CLI, ...flags], {
        env: environment(),
        stdio: ["ignore", "pipe", "inherit"],
      });
      const pid = await new Promise<number>((resolve) => shell.stdout.on("data", (text) => resolve(Number(text))));
      await untilRows(database, 200);
      process.kill(pid, "SIGHUP");
      expect(await ended(shell)).to.equal(0);
      expect(await numberOf("SELECT count() FROM events", database)).to.equal(2000);
    });
  }

  const lacking = unless("script") || unless("pgrep");

  it(`by a terminal that is gone, to which nothing can be written: the run ends with 129 and has its report${lacking}`, async function () {
    if (lacking !== "") this.skip();
    const { database, url } = await newDatabase();
    const [report, code] = [join(folder, "terminal.json"), join(folder, "terminal.code")];
    const flags = ["--clickhouse-url", url, ...LONG, "--report", report, "--run-id", `terminal-${process.pid}`];
    // The shell is told too, and hands it on; what the program ends with is in a file, as nobody is left to hear it.
    const line =
      `'${process.execPath}' '${CLI}' ${flags.map((flag) => `'${flag}'`).join(" ")} & p=$!; ` +
      `trap 'kill -HUP $p' HUP; wait $p; wait $p; echo $? > '${code}'`;
    const terminal = spawn("script", ["-qfc", line, "/dev/null"], {
      env: { ...environment(), SHELL: "/bin/sh" },
      stdio: ["pipe", "ignore", "ignore"],
    });
    await untilRows(database, 500);
    const pid = processOf(`terminal-${process.pid}`);
    terminal.kill("SIGKILL");
    while (existsSync(`/proc/${pid}`) || !existsSync(code)) await sleep(100);
    expect(readFileSync(code, "utf8")).to.equal("129\n");
    const { rows }: Report = JSON.parse(readFileSync(report, "utf8"));
    const inTable = await numberOf("SELECT count() FROM events", database);
    expect([rows.acknowledged, rows.landed, rows.lost]).to.deep.equal([inTable, inTable, 0]);
  });
});
