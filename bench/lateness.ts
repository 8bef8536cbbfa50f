// How late is a batch sent, when the server has time? A hundred inserts a second of a row each, to a server that discards
// them and to a ClickHouse on the same machine.

import { startEmbedded } from "../src/embedded/server.js";
import type { Discarder } from "./nginx.js";
import type { Effort } from "./parts.js";
import { commandLine, type Report, runProgram } from "./program.js";
import { inTurn, printAim, printCommands, printTable, show, spread } from "./results.js";

const RATE = 100;
const AIM_MS = 2;

export async function lateness(nginx: Discarder, { rounds, seconds, warmUpS }: Effort): Promise<void> {
  const load = ["--rate", String(RATE), "--batch-rows", "1", "--warmup", `${warmUpS}s`, "--duration", `${seconds}s`];
  const server = await startEmbedded();
  const targets = [
    { name: "a discarding nginx", flags: ["--blind", ...load], url: nginx.url, reports: [] as Report[] },
    { name: "the embedded ClickHouse", flags: load, url: server.url, reports: [] as Report[] },
  ];
  try {
    await inTurn(targets, rounds, async ({ flags, url, reports }) => {
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
    targets.map((target) => {
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
  );
  for (const target of targets) {
    printAim(`lateness p99 to ${target.name}, ms`, spread(p99(target)).median, "at most", AIM_MS);
  }
}
