// Is the rate kept, from 5 rows a second to a million? To a server that discards rows, and counts inserts.

import type { Discarder } from "./nginx.js";
import type { Effort } from "./parts.js";
import { commandLine, type Report, runProgram } from "./program.js";
import { inTurn, printAim, printCommands, printTable, show, spread } from "./results.js";

const RATES = [5, 100, 10_000, 100_000, 1_000_000];
const AIM = 0.001;

export async function kept(nginx: Discarder, { rounds, seconds, warmUpS }: Effort): Promise<void> {
  const flagsOf = (rate: number): string[] => [
    ...["--blind", "--rate", String(rate), "--warmup", `${warmUpS}s`, "--duration", `${seconds}s`],
  ];
  const runs = RATES.map((rate) => ({ rate, reports: [] as Report[] }));
  await inTurn(runs, rounds, async ({ rate, reports }) => {
    const before = await nginx.inserts();
    const report = await runProgram([...flagsOf(rate), "--clickhouse-url", nginx.url], warmUpS + seconds);
    const wanted = rate * (warmUpS + seconds);
    if (report.rows.acknowledged !== wanted) throw new Error(`${wanted} rows wanted, ${report.rows.acknowledged} sent`);
    const counted = (await nginx.inserts()) - before;
    if (report.inserts.acknowledged !== counted) {
      throw new Error(`${report.inserts.acknowledged} inserts acknowledged, ${counted} received`);
    }
    reports.push(report);
  });

  const off = ({ achieved_rows_per_s, target_rows_per_s }: Report): number =>
    Math.abs(achieved_rows_per_s / (target_rows_per_s ?? Number.NaN) - 1);
  printCommands([{ name: "clickstorm", command: commandLine(flagsOf(RATES[0] ?? 0)) }]);
  printTable(
    ["rows/s", "inserts", "off the target, %", "largest lag, ms", "latency p99, ms"],
    runs.map(({ rate, reports }) => [
      String(rate),
      String(reports[0]?.inserts.acknowledged),
      show(
        reports.map((report) => off(report) * 100),
        4,
      ),
      show(
        reports.map(({ max_lag_ms }) => max_lag_ms),
        2,
      ),
      show(
        reports.map(({ latency_ms }) => latency_ms?.p99),
        2,
      ),
    ]),
  );
  for (const { rate, reports } of runs) {
    printAim(`off the target at ${rate} rows/s, share`, spread(reports.map(off)).median, "at most", AIM);
  }
}
