// Mocha's root hooks, run for every file: an embedded ClickHouse for each of the processes that mocha runs the files in, one file
// after the other. What the server counts is counted of that file alone. Each test takes a database of its own from server.ts.

import { startServer, stopServer } from "./server.js";

export const mochaHooks = {
  async beforeAll(this: Mocha.Context): Promise<void> {
    this.timeout(60_000);
    await startServer();
  },
  /** A process of --parallel is needed for further files, and its server ends with it. */
  async afterAll(): Promise<void> {
    if (process.env.MOCHA_WORKER_ID === undefined) await stopServer();
  },
};
