// How fast can one worker make rows and post them, when the server does nothing with them? Against @clickhouse/client
// with arrays of objects, and against a body that is made only once.

import { BATCH_ROWS, clickstorm, client, playRound, printWindows, rowsPerSecond, staticBody } from "./contender.js";
import type { Discarder } from "./nginx.js";
import { inTurn, printAim, spread } from "./results.js";
import type { WindowSpec } from "./window.js";

/** With these the client is at its best: larger arrays keep its garbage collector busy. */
const CLIENT_BATCH_ROWS = 2000;

export async function discard(nginx: Discarder, rounds: number, spec: WindowSpec): Promise<void> {
  const program = clickstorm(["--blind", "--workers", "1"]);
  const others = [client(BATCH_ROWS), client(CLIENT_BATCH_ROWS), staticBody()];
  await inTurn([program, ...others], rounds, (contender) => playRound(contender, nginx, spec));

  printWindows("to a discarding nginx", program, others);
  printAim("one worker, M rows/s", spread(rowsPerSecond(program)).median / 1e6, "at least", 8);
  const cpu = program.windows.map(({ senderCpu }) => senderCpu).filter((value) => value !== undefined);
  if (cpu.length > 0) printAim("CPU-s per million rows", spread(cpu).median, "at most", 0.12);
}
