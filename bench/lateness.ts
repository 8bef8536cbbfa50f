// How late is a batch sent, when the server has time? A hundred inserts a second of a row each, to a server that discards
// them and to a ClickHouse on the same machine; and how late is a loop that does nothing but wait for the same times?

import { Clock } from "../src/clock.js";
import { startEmbedded } from "../src/embedded/server.js";
import { emptyHistogram, type Latency, summarize } from "../src/latency.js";
import type { Discarder } from "./nginx.js";
import type { Effort } from "./parts.js";
import { commandLine, type Report, runProgram } from "./program.js";
import { inTurn, printAim, printCommands, printTable, show, spread } from "./results.js";

const RATE = 100;
const AIM_MS = 2;

export async function lateness(nginx: Discarder, { rounds, seconds, warmUpS }: Effort): Promise<void> {
  const load = ["--rate", String(RATE), "--batch-rows", "1", "--warmup", `${warmUpS}s`, "--duration", `${seconds}s`];
  const server = await startEmbedded({ login: "none" });
  const targets = [
    { name: "a discarding nginx", flags: ["--blind", ...load], url: nginx.url, reports: [] as Report[] },
    { name: "the embedded ClickHouse", flags: load, url: server.url, reports: [] as Report[] },
  ];
  const waits: Latency[] = [];
  try {
    await inTurn([...targets, undefined], rounds, async (target) => {
      if (target === undefined) {
        waits.push(await waitAlone(seconds));
        return;
      }
      const { flags, url, reports } = target;
      const report = await runProgram([...flags, "--clickhouse-url", url], warmUpS + seconds);
      const wanted = RATE * (warmUpS + seconds);
      if (report.rows.acknowledged !== wanted)
        throw new Error(`${wanted} inserts wanted, ${report.rows.acknowledged} made`);
      reports.push(report);
    });
  } finally {
    await server.stop();
  }

  printCommands(targets.map(({ name, flags }) => ({ name: `to ${name}`, command: commandLine(flags) })));
  const p99 = ({ reports }: (typeof targets)[number]): number[] =>
    reports.map(({ lateness_ms }) => lateness_ms?.p99 ?? Number.NaN);
  printTable(
    [`${RATE} inserts/s, ms`, "lateness p50", "lateness p99", "lateness max", "latency p99", "service p99"],
    [
      ...targets.map((target) => {
        const of = (read: (report: Report) => number | undefined): string => show(target.reports.map(read), 2);
        return [
          `to ${target.name}`,
          of(({ lateness_ms }) => lateness_ms?.p50),
          show(p99(target), 2),
          of(({ lateness_ms }) => lateness_ms?.max),
          of(({ latency_ms }) => latency_ms?.p99),
          of(({ service_ms }) => service_ms.p99),
        ];
      }),
      [
        "no insert, only the wait",
        ...(["p50", "p99", "max"] as const).map((name) =>
          show(
            waits.map((one) => one[name] ?? undefined),
            2,
          ),
        ),
        "",
        "",
      ],
    ],
  );
  for (const target of targets) {
    printAim(`lateness p99 to ${target.name}, ms`, spread(p99(target)).median, "at most", AIM_MS);
  }
}

/** The clock of the worker's loop, asked to wait for each due time, and for nothing else. */
async function waitAlone(seconds: number): Promise<Latency> {
  const clock = new Clock(process.hrtime.bigint());
  const late = emptyHistogram();
  let sumNs = 0;
  for (let insert = 1; insert <= RATE * seconds; insert++) {
    const dueNs = (insert * 1e9) / RATE;
    await clock.until(dueNs);
    const lateNs = clock.now() - dueNs;
    late.recordValue(Math.max(1, Math.round(lateNs / 1000)));
    sumNs += lateNs;
  }
  return summarize(late, sumNs);
}
