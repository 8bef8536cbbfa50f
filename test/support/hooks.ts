// Mocha's root hooks: one embedded ClickHouse for the whole suite. Each test takes a database of its own from server.ts.

import { startServer, stopServer } from "./server.js";

export const mochaHooks = {
  async beforeAll(this: Mocha.Context): Promise<void> {
    this.timeout(60_000);
    await startServer();
  },
  async afterAll(): Promise<void> {
    await stopServer();
  },
};
