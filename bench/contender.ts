// Those who send rows in the benchmarks of insert.ts, and one round of one of them, checked row by row.

import type { Format } from "../src/rows/program.js";
import type { Child } from "./process.js";
import { commandLine, startProgram } from "./program.js";
import { printCommands, printTable, show } from "./results.js";
import { startSender } from "./sender.js";
import { limitSeconds, measureWindow, type Receiver, type Window, type WindowSpec } from "./window.js";

/** The program's own defaults, for everybody. */
export const IN_FLIGHT = 8;
export const BATCH_ROWS = 50_000;

export interface Contender {
  readonly name: string;
  /** What is run, for the reader. */
  readonly command: string;
  readonly batchRows: number;
  readonly start: (url: string, spec: WindowSpec) => Sending;
  /** Of each round. */
  readonly windows: Window[];
}

export interface Sending {
  readonly child: Child;
  /** Asks it to end; resolves with the rows that were acknowledged. */
  finish(): Promise<number>;
}

/** `watching`: flags of metrics and traces; without it, there are none. */
export function clickstorm(
  load: readonly string[],
  name = "clickstorm",
  batchRows = BATCH_ROWS,
  watching?: readonly string[],
): Contender {
  const flags = [...load, "--rate", "max", "--in-flight", String(IN_FLIGHT), "--batch-rows", String(batchRows)];
  return {
    name,
    command: commandLine(flags, watching),
    batchRows,
    start(url, spec) {
      const limitS = limitSeconds(spec);
      const program = startProgram([...flags, "--clickhouse-url", url, "--duration", `${limitS}s`], limitS, watching);
      return { child: program.child, finish: async () => (await program.finish()).rows.acknowledged };
    },
    windows: [],
  };
}

function otherSender(name: string, script: string, batchRows: number, format: Format = "JSONEachRow"): Contender {
  return {
    name,
    command: `${script}, ${IN_FLIGHT} inserts of ${batchRows} rows of ${format} in flight`,
    batchRows,
    start(url, spec) {
      const child = startSender(script, { url, inFlight: IN_FLIGHT, batchRows, format }, limitSeconds(spec));
      return { child, finish: async () => Number(await child.finish()) };
    },
    windows: [],
  };
}

export function staticBody(format: Format = "JSONEachRow", name = "static body, bare undici loop"): Contender {
  return otherSender(name, "./static-sender.js", BATCH_ROWS, format);
}

export function client(batchRows: number): Contender {
  return otherSender(`@clickhouse/client, arrays of ${batchRows} objects`, "./client-sender.js", batchRows);
}

/** One round: a window, and at its end the proof that every row that was acknowledged has been received. */
export async function playRound(contender: Contender, receiver: Receiver, spec: WindowSpec): Promise<void> {
  const { name, batchRows, windows } = contender;
  const before = await receiver.received(batchRows);
  const { child, finish } = contender.start(receiver.url, spec);
  try {
    windows.push(await measureWindow(child, batchRows, receiver, spec));
    const rows = await finish();
    const counted = (await receiver.received(batchRows)) - before;
    if (rows !== counted) throw new Error(`${name}: ${rows} rows acknowledged, ${counted} received`);
  } finally {
    await child.kill();
  }
}

export const rowsPerSecond = ({ windows }: Contender): number[] => windows.map((window) => window.rowsPerSecond);

/** Round by round, how many times as fast `one` was as `other`. */
export function ratios(one: Contender, other: Contender): number[] {
  const others = rowsPerSecond(other);
  return rowsPerSecond(one).map((speed, round) => speed / (others[round] ?? Number.NaN));
}

/**
 * The same by CPU time alone, of sender and receiver together: what the speeds' ratio would be on a machine they keep
 * busy, also where somebody else was taking CPU away.
 */
export function cpuRatios(one: Contender, other: Contender): number[] {
  const perRow = ({ windows }: Contender): number[] =>
    windows.map(({ senderCpu, receiverCpu }) => (senderCpu ?? Number.NaN) + (receiverCpu ?? Number.NaN));
  const others = perRow(other);
  return perRow(one).map((cpu, round) => (others[round] ?? Number.NaN) / cpu);
}

/** A table of all contenders' windows; `first` is compared to each of the others. */
export function printWindows(title: string, first: Contender, others: readonly Contender[]): void {
  printCommands([first, ...others]);
  printTable(
    [title, "thousand rows/s", "sender CPU-s/M rows", "receiver CPU-s/M rows", "clickstorm / this"],
    [first, ...others].map((contender) => [
      contender.name,
      show(
        rowsPerSecond(contender).map((speed) => speed / 1000),
        0,
      ),
      show(
        contender.windows.map(({ senderCpu }) => senderCpu),
        3,
      ),
      show(
        contender.windows.map(({ receiverCpu }) => receiverCpu),
        3,
      ),
      contender === first ? "" : show(ratios(first, contender), 3),
    ]),
  );
}
