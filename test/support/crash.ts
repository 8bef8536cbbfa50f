// Loaded by `node --import` into every thread of the program under test: throws in worker thread CRASH_THREAD once the file CRASH_FILE
// is there.

import { existsSync } from "node:fs";
import { threadId } from "node:worker_threads";

const { CRASH_FILE = "", CRASH_THREAD = "" } = process.env;
const POLL_MS = 10;

if (threadId === Number(CRASH_THREAD)) {
  setInterval(() => {
    if (existsSync(CRASH_FILE)) throw new Error("made to crash");
  }, POLL_MS).unref();
}
