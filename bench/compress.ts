// What does --compress cost and gain? Three parts, all of them or those that are named:
// `npm run bench:compress -- [codec] [discard] [embedded] [--rounds N] [--seconds S] [--warm-up S]`.

import { startEmbedded } from "../src/embedded/server.js";
import { codec } from "./codec.js";
import { type Contender, clickstorm, playRound, ratios, rowsPerSecond } from "./contender.js";
import { underLoad } from "./embedded.js";
import type { Discarder } from "./nginx.js";
import { discarding, type Effort, runParts } from "./parts.js";
import { inTurn, note, printCommands, printTable, show } from "./results.js";

/** Native is what storage is measured with, and shrinks least. */
const FORMATS = ["JSONEachRow", "Native"];
const WAYS = ["none", "gzip", "zstd", "lz4"];

await runParts("What does --compress cost and gain?", [
  {
    name: "codec",
    question: "How fast does one worker compress, how small, and how long does it hold its event loop?",
    usual: { rounds: 5, seconds: 2, warmUpS: 0.5 },
    run: codec,
  },
  {
    name: "discard",
    question: "How many rows does one worker render, compress and send, when the server does nothing with them?",
    usual: { rounds: 3, seconds: 5, warmUpS: 2 },
    run: discarding((discarder, effort) => discard(discarder, effort)),
  },
  {
    name: "embedded",
    question: "How many rows reach ClickHouse on the same machine, where generator and server share the cores?",
    usual: { rounds: 3, seconds: 8, warmUpS: 2 },
    run: (effort) => embedded(effort),
  },
]);

interface Choice {
  readonly format: string;
  readonly contender: Contender;
  readonly none: Contender;
}

/** Every format with every way, each beside the same format with none. */
function choices(load: readonly string[]): readonly Choice[] {
  return FORMATS.flatMap((format) => {
    const contenders = WAYS.map((way) =>
      clickstorm([...load, "--format", format, "--compress", way], `${format}, ${way}`),
    );
    return contenders.map((contender) => ({ format, contender, none: contenders[0] ?? contender }));
  });
}

async function discard(nginx: Discarder, { rounds, ...spec }: Effort): Promise<void> {
  const all = choices(["--blind", "--workers", "1"]);
  await inTurn(all, rounds, ({ contender }) => playRound(contender, nginx, spec));
  print("to a discarding nginx", all);
}

async function embedded({ rounds, ...spec }: Effort): Promise<void> {
  const server = await startEmbedded({ login: "none" });
  try {
    const { settle, receiver } = await underLoad(server);
    const all = choices([]);
    await inTurn(all, rounds, async ({ contender }) => {
      await settle();
      await playRound(contender, receiver, spec);
      note(`  ${contender.name}: ${Math.round(rowsPerSecond(contender).at(-1) ?? 0)} rows/s`);
    });
    print("to the embedded ClickHouse", all);
  } finally {
    await server.stop();
  }
}

function print(title: string, all: readonly Choice[]): void {
  printCommands(all.map(({ contender }) => contender));
  printTable(
    [title, "thousand rows/s", "× none", "generator CPU-s/M rows", "receiver CPU-s/M rows"],
    all.map(({ contender, none }) => [
      contender.name,
      show(
        rowsPerSecond(contender).map((speed) => speed / 1000),
        0,
      ),
      contender === none ? "" : show(ratios(contender, none), 2),
      show(
        contender.windows.map(({ senderCpu }) => senderCpu),
        3,
      ),
      show(
        contender.windows.map(({ receiverCpu }) => receiverCpu),
        3,
      ),
    ]),
  );
}
