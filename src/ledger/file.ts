// --ledger FILE: a line of JSON for each batch that is not whole, or not acknowledged. Main thread. Written piece by piece:
// there may be millions of lines.

import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { reasonOf } from "../file-fault.js";
import type { Due } from "./chunks.js";
import type { Ended, Held, State } from "./tally.js";

const PIECE_CHARACTERS = 2 ** 20;
/** As "w" has it, but that nothing is waited for: what was a file may be a pipe by now. */
const ANEW = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NONBLOCK | constants.O_NOCTTY;

export class LedgerFile {
  readonly #path: string;
  #handle: FileHandle | undefined;
  #text = "";
  #failure: string | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** Why it could not be written, as a sentence; undefined: all is well. Nothing is written behind a failure. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** From its beginning, whatever was in it. */
  async begin(): Promise<void> {
    await this.#guarded(async () => {
      await this.#handle?.close();
      this.#handle = await open(this.#path, ANEW);
    });
  }

  /** @param held what is there of it, and as what that counts; undefined: nobody could be asked */
  add({ number, firstRow, rows }: Due, { fate, reason, code }: Ended, held?: Held, state?: State): void {
    const found = { landed: held?.landed ?? null, distinct: held?.distinct ?? null, state: state ?? null };
    const line = { batch: number, first_row: firstRow, rows, fate, reason, code, ...found };
    this.#text += `${JSON.stringify(line)}\n`;
  }

  get isFull(): boolean {
    return this.#text.length >= PIECE_CHARACTERS;
  }

  async flush(): Promise<void> {
    const text = this.#text;
    this.#text = "";
    await this.#guarded(async () => {
      await this.#handle?.appendFile(text);
    });
  }

  /** With what is left. */
  async close(): Promise<void> {
    await this.flush();
    const handle = this.#handle;
    this.#handle = undefined;
    // Also after a failure, which is the one to be told.
    await handle?.close().catch((error: Error) => this.#failed(error));
  }

  async #guarded(work: () => Promise<void>): Promise<void> {
    if (this.#failure !== undefined) return;
    await work().catch((error: Error) => this.#failed(error));
  }

  #failed(error: Error): void {
    this.#failure ??= `--ledger ${this.#path} cannot be written: ${reasonOf(error)}`;
  }
}
