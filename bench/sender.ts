// A sender that is not clickstorm, in a process of its own: the loop that keeps so many inserts in flight, and how it is
// told what to do. Both static-sender.ts and client-sender.ts are made of it.

import { parseArgs } from "node:util";
import { FORMATS, type Format } from "../src/rows/program.js";
import { type Child, startScript } from "./process.js";

export interface SenderSpec {
  /** Of the server; the default database, the table events. */
  readonly url: string;
  readonly inFlight: number;
  readonly batchRows: number;
  readonly format: Format;
}

/** Starts `script`, which calls {@link sendAll}. */
export function startSender(script: string, spec: SenderSpec, limitS: number): Child {
  const flags = Object.entries(spec).flatMap(([name, value]) => [`--${name}`, String(value)]);
  return startScript(script, flags, limitS);
}

/** The whole program of a sender: reads its command line, sends until SIGTERM, prints how many rows were acknowledged. */
export async function sendAll(prepare: (spec: SenderSpec) => () => Promise<void>): Promise<void> {
  const text = { type: "string", default: "" } as const;
  const { values } = parseArgs({ options: { url: text, inFlight: text, batchRows: text, format: text } });
  const spec: SenderSpec = {
    url: values.url,
    inFlight: Number(values.inFlight),
    batchRows: Number(values.batchRows),
    format: FORMATS.find((format) => format === values.format) ?? "JSONEachRow",
  };
  const insert = prepare(spec);
  let ending = false;
  process.once("SIGTERM", () => {
    ending = true;
  });
  let rows = 0;
  const loop = async (): Promise<void> => {
    while (!ending) {
      await insert();
      rows += spec.batchRows;
    }
  };
  await Promise.all(Array.from({ length: spec.inFlight }, loop));
  process.stdout.write(String(rows));
  // Idle connections would keep the process.
  process.exit(0);
}
