// Which rate of inserts of a single row does one worker keep? First the aim, then from rate to rate up to the first that is
// not kept.

import type { Discarder } from "./nginx.js";
import type { Effort } from "./parts.js";
import { commandLine, type Report, runProgram } from "./program.js";
import { inTurn, note, printAim, printCommands, printTable, say, show, spread } from "./results.js";

const RATE = 20_000;
/** Achieved by target: a rate of which so much is reached is kept. */
const KEPT = 0.999;
/** Inserts a second. */
const STEPS = [5000, 7500, 10_000, 12_500, 15_000, 17_500, 20_000, 22_500, 25_000, 30_000, 35_000, 40_000];
const STEP_S = 4;

export async function single(nginx: Discarder, { rounds, seconds, warmUpS }: Effort): Promise<void> {
  const flagsOf = (rate: number, forS: number): string[] => [
    ...["--blind", "--rate", String(rate), "--batch-rows", "1", "--workers", "1"],
    ...["--warmup", `${warmUpS}s`, "--duration", `${forS}s`],
  ];
  const runAt = async (rate: number, forS: number): Promise<Report> => {
    const before = await nginx.inserts();
    const report = await runProgram([...flagsOf(rate, forS), "--clickhouse-url", nginx.url], warmUpS + forS);
    const [wanted, counted] = [rate * (warmUpS + forS), (await nginx.inserts()) - before];
    if (counted !== wanted) throw new Error(`${wanted} inserts wanted, ${counted} received`);
    note(`  ${rate} inserts/s: ${keptShare(report).toFixed(4)} kept`);
    return report;
  };

  const reports: Report[] = [];
  const highest: number[] = [];
  await inTurn(["aim", "steps"], rounds, async (what) => {
    if (what === "aim") reports.push(await runAt(RATE, seconds));
    else highest.push(await highestKept(async (rate) => keptShare(await runAt(rate, STEP_S)) >= KEPT));
  });

  const of = (read: (report: Report) => number): string => show(reports.map(read), 2);
  printCommands([{ name: "clickstorm", command: commandLine(flagsOf(RATE, seconds)) }]);
  printTable(
    [`${RATE} inserts/s for ${seconds} s`, "median (min–max)"],
    [
      ["achieved / target", show(reports.map(keptShare), 4)],
      ["largest lag, ms", of((report) => report.max_lag_ms)],
      ["latency p50, ms (due to answered)", of((report) => report.latency_ms?.p50 ?? Number.NaN)],
      ["latency p99, ms", of((report) => report.latency_ms?.p99 ?? Number.NaN)],
      ["latency p99 of the worst second, ms", of(worstSecond)],
      ["service p99, ms (sent to answered)", of((report) => report.service_ms.p99)],
      ["generator CPU-s per s", of(measuredCpu)],
    ],
  );
  printAim("achieved / target", spread(reports.map(keptShare)).median, "at least", KEPT);
  say(`highest rate kept for ${STEP_S} s, inserts/s, of ${STEPS.join(", ")}: ${show(highest, 0)}`);
}

/** CPU seconds a second, without what starting takes. */
const measuredCpu = ({ generator_cpu: cpu, measured }: Report): number =>
  cpu.measured_s / (measured.to_s - measured.from_s);

const keptShare = (report: Report): number => report.achieved_rows_per_s / (report.target_rows_per_s ?? Number.NaN);

/** 0: none of them. */
async function highestKept(isKept: (rate: number) => Promise<boolean>): Promise<number> {
  let highest = 0;
  for (const rate of STEPS) {
    if (!(await isKept(rate))) break;
    highest = rate;
  }
  return highest;
}

function worstSecond({ series }: Report): number {
  return Math.max(...series.filter(({ warmup, rows }) => !warmup && rows > 0).map((point) => point.latency_ms.p99));
}
