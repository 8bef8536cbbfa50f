// Does one worker keep a rate of 10,000 inserts a second, each of a single row?

import type { Discarder } from "./nginx.js";
import { commandLine, type Report, startProgram } from "./program.js";
import { inTurn, printAim, printCommands, printTable, show, spread } from "./results.js";

const RATE = 10_000;
/** The first seconds, while code is compiled and connections are made, are shown apart. */
const STARTED_S = 2.5;

export async function single(nginx: Discarder, rounds: number, seconds: number): Promise<void> {
  const flags = ["--blind", "--rate", String(RATE), "--batch-rows", "1", "--workers", "1", "--duration", `${seconds}s`];
  const reports: Report[] = [];
  await inTurn([flags], rounds, async () => {
    const before = await nginx.inserts();
    const program = startProgram([...flags, "--clickhouse-url", nginx.url], seconds + 120);
    try {
      const report = await program.report();
      const counted = (await nginx.inserts()) - before;
      if (counted !== RATE * seconds) throw new Error(`${RATE * seconds} inserts wanted, ${counted} received`);
      reports.push(report);
    } finally {
      await program.child.kill();
    }
  });

  const kept = reports.map((report) => report.achieved_rows_per_s / RATE);
  const of = (read: (report: Report) => number): string => show(reports.map(read), 2);
  printCommands([{ name: "clickstorm", command: commandLine(flags) }]);
  printTable(
    [`${RATE} inserts/s for ${seconds} s`, "median (min–max)"],
    [
      ["achieved / target", show(kept, 4)],
      ["largest lag, ms", of((report) => report.max_lag_ms)],
      ["latency p50, ms (due to answered)", of((report) => report.latency_ms?.p50 ?? Number.NaN)],
      ["latency p99, ms", of((report) => report.latency_ms?.p99 ?? Number.NaN)],
      ["latency p99 of the worst second after the start, ms", of(worstSecond)],
      ["service p99, ms (sent to answered)", of((report) => report.service_ms.p99)],
      ["generator CPU-s per s", of((report) => report.generator_cpu_s / report.elapsed_s)],
    ],
  );
  printAim("achieved / target", spread(kept).median, "at least", 0.999);
}

function worstSecond({ series }: Report): number {
  return Math.max(
    ...series.filter(({ t_s, rows }) => t_s > STARTED_S && rows > 0).map((point) => point.latency_ms.p99),
  );
}
