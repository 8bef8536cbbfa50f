// Does clickstorm reach the ceiling of a real ClickHouse? Rows landed in a window of time, against one body that is sent
// again and again by a bare loop. The server is the embedded one, on the same machine, so both compete with it for CPU.

import { setTimeout as sleep } from "node:timers/promises";
import { type EmbeddedServer, startEmbedded } from "../src/embedded/server.js";
import { endpointOf } from "../src/endpoint.js";
import { execute, query } from "../src/server.js";
import { clickstorm, cpuRatios, playRound, printWindows, ratios, rowsPerSecond, staticBody } from "./contender.js";
import { startProgram } from "./program.js";
import { inTurn, note, printAim, say, spread } from "./results.js";
import type { WindowSpec } from "./window.js";

const SETTLE_LIMIT_MS = 20_000;
/** For the disk to write what the round before has left in memory. */
const PAUSE_MS = 1000;

export async function embedded(rounds: number, spec: WindowSpec): Promise<void> {
  const server = await startEmbedded({ login: "none" });
  try {
    await compare(server, rounds, spec);
  } finally {
    await server.stop();
  }
}

/** The embedded server under load: how many rows its table holds, and how to have it at rest, with none. */
export async function underLoad({ url, pid }: EmbeddedServer) {
  const endpoint = endpointOf(new URL(url), { user: "default", password: "" });
  const ask = async (sql: string): Promise<string> =>
    String((await query(endpoint, `SELECT ${sql} AS value`))[0]?.value);
  const received = async (): Promise<number> => Number(await ask("(SELECT count() FROM events)"));
  const settle = async (): Promise<void> => {
    await execute(endpoint, "TRUNCATE TABLE events");
    for (const startMs = performance.now(); performance.now() - startMs < SETTLE_LIMIT_MS; await sleep(100)) {
      if ((await ask("(SELECT count() FROM system.merges WHERE table = 'events')")) === "0") break;
    }
    await sleep(PAUSE_MS);
  };
  // Creates the table; a server that has just been started is slower for a while.
  await startProgram(["--rate", "max", "--clickhouse-url", url, "--duration", "3s"], 120).report();
  say(`ClickHouse ${await ask("version()")}, process ${pid}`);
  return { settle, receiver: { url, pid, received } };
}

async function compare(server: EmbeddedServer, rounds: number, spec: WindowSpec): Promise<void> {
  const program = clickstorm([]);
  // What deduplication costs is the server's price, not the generator's: shown apart.
  const alike = clickstorm(["--setting", "deduplicate_insert=disable"], "clickstorm, deduplication off");
  const ceiling = staticBody();
  const { settle, receiver } = await underLoad(server);
  await inTurn([program, alike, ceiling], rounds, async (contender) => {
    await settle();
    await playRound(contender, receiver, spec);
    note(`  ${contender.name}: ${Math.round(rowsPerSecond(contender).at(-1) ?? 0)} rows/s`);
  });

  printWindows("to the embedded ClickHouse", program, [alike, ceiling]);
  printAim("clickstorm / static, median of pairs", spread(ratios(program, ceiling)).median, "at least", 0.97);
  const median = (values: readonly number[]): string => spread(values).median.toFixed(3);
  say(`the same by CPU time of sender and server together: ${median(cpuRatios(program, ceiling))}`);
  say(
    `with deduplication off on both sides: ${median(ratios(alike, ceiling))}, by CPU time ${median(cpuRatios(alike, ceiling))}`,
  );
}
