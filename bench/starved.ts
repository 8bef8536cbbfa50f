// Is a generator that gets no CPU called the limit, and a server that is slow not? Runs of the program against a server of known
// speed (starved-sink.ts) that has a CPU of its own and goes before others; the generator shares its CPU with busy loops, is
// stopped and let go on in turn, is limited by a control group, or is asked for more than a thread can make. Linux, two cores,
// root: `npm run bench:starved -- [starved] [limited] [--seconds S] [--json FILE]`, FILE gets what each verdict rested on.

import { spawn } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { cleanUpAtExit, start, temporaryDirectory } from "./process.js";
import { note, printTable, say } from "./results.js";
import { CASES, type Case } from "./starved-cases.js";
import { evidenceIn, type Judged } from "./starved-evidence.js";

/** Before others, so that what they do is no part of it. */
const FIRST = ["nice", "-n", "-15"];
const SINK_CPU = "1";

const script = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const folder = temporaryDirectory();

async function openSink({ places, serviceMs }: Case["sink"]) {
  const [command = "", ...rest] = [...FIRST, "taskset", "-c", SINK_CPU, process.execPath, script("starved-sink.js")];
  const child = spawn(command, [...rest, ...[places, serviceMs].map(String)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const port = await new Promise<number>((resolve) => child.stdout.once("data", (text) => resolve(Number(text))));
  return { port, close: () => child.kill("SIGKILL") };
}

/** A control group with so many microseconds of CPU in each period; the file that processes are put in with. */
function limit([quotaUs, periodUs]: readonly [number, number]): { readonly file: string; close(): Promise<void> } {
  const isNew = existsSync("/sys/fs/cgroup/cgroup.controllers");
  const group = `/sys/fs/cgroup/${isNew ? "" : "cpu/"}clickstorm-bench-${process.pid}`;
  mkdirSync(group);
  if (isNew) writeFileSync(`${group}/cpu.max`, `${quotaUs} ${periodUs}`);
  else {
    writeFileSync(`${group}/cpu.cfs_period_us`, String(periodUs));
    writeFileSync(`${group}/cpu.cfs_quota_us`, String(quotaUs));
  }
  const close = async (): Promise<void> => {
    await sleep(100);
    rmdirSync(group);
  };
  return { file: `${group}/cgroup.procs`, close };
}

async function play(one: Case, seconds: number): Promise<Judged> {
  const sink = await openSink(one.sink);
  const file = `${folder}/report.json`;
  const flags = ["--clickhouse-url", `http://127.0.0.1:${sink.port}`, "--duration", `${seconds}s`, ...one.flags];
  const quiet = ["--blind", "--no-metrics", "--no-traces", "--warmup", "500ms", "--drain", "5s", "--report", file];
  const hogs = Array.from({ length: one.hogs ?? 0 }, () =>
    start("taskset", ["-c", one.cpu ?? "0,1", process.execPath, "-e", "for (;;);"], seconds + 60),
  );
  const program = [process.execPath, script("../src/cli.js"), "run", ...quiet, ...flags];
  const pinned = one.cpu === undefined ? program : ["taskset", "-c", one.cpu, ...program];
  const group = one.quotaUs && limit(one.quotaUs);
  const inside = group ? ["sh", "-c", `echo $$ > ${group.file} && exec "$@"`, "sh", ...pinned] : pinned;
  const [command = "", ...rest] = one.kind === "limited" ? [...FIRST, ...inside] : inside;
  const child = spawn(command, rest, { stdio: "ignore" });
  const ended = new Promise((resolve) => child.on("close", resolve));
  let isOver = false;
  void ended.then(() => {
    isOver = true;
  });
  const [stopMs = 0, goMs = 0] = one.rhythmMs ?? [];
  if (stopMs > 0) await Promise.race([ended, sleep(1500)]);
  while (stopMs > 0 && !isOver) {
    child.kill("SIGSTOP");
    await sleep(stopMs);
    child.kill("SIGCONT");
    await sleep(goMs);
  }
  await ended;
  sink.close();
  await Promise.all(hogs.map((hog) => hog.kill()));
  await (group ? group.close() : undefined);
  return evidenceIn(JSON.parse(readFileSync(file, "utf8")));
}

cleanUpAtExit();
const words = process.argv.slice(2);
const flagText = (flag: string): string | undefined =>
  words.includes(flag) ? words[words.indexOf(flag) + 1] : undefined;
const seconds = Number(flagText("--seconds") ?? 4);
const recordFile = flagText("--json");
const kinds = ["starved", "limited"].filter((kind) => words.includes(kind));
const cases = CASES.filter(({ kind }) => kinds.length === 0 || kinds.includes(kind));

say("Is a generator that gets no CPU called the limit, and a server that is slow not?");
const rows: string[][] = [];
const wrong = { starved: 0, limited: 0 };
for (const one of cases) {
  const judged = await play(one, seconds);
  if (recordFile !== undefined) appendFileSync(recordFile, `${JSON.stringify({ ...one, ...judged })}\n`);
  const isRight = judged.reasons.length > 0 === (one.kind === "starved");
  if (!isRight) wrong[one.kind]++;
  note(`${one.kind} ${one.name}: ${isRight ? "" : "WRONG "}${judged.reasons.join("; ") || "not the generator"}`);
  rows.push([one.kind, one.name, judged.service, judged.unheld, isRight ? "right" : "WRONG"]);
}
printTable(["", "run", "service p50, p99, ms", "without unread", "verdict"], rows);
for (const kind of ["starved", "limited"] as const) {
  const all = cases.filter((one) => one.kind === kind).length;
  if (all > 0) say(`${kind}: ${wrong[kind]} of ${all} judged wrongly`);
}
