// A ClickHouse of a test's own that can be stopped or killed, and comes back with its data on its port.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EmbeddedServer, type ExtraConfig, startEmbedded } from "../../src/embedded/server.js";
import { nextPort } from "./ports.js";
import { ask } from "./settle.js";

export class MortalServer {
  readonly #path: string;
  readonly #extraConfig: ExtraConfig;
  #server: EmbeddedServer;

  private constructor(path: string, extraConfig: ExtraConfig, server: EmbeddedServer) {
    this.#path = path;
    this.#extraConfig = extraConfig;
    this.#server = server;
  }

  static async start(extraConfig: ExtraConfig = {}): Promise<MortalServer> {
    const path = mkdtempSync(join(tmpdir(), "clickstorm-mortal-"));
    return new MortalServer(
      path,
      extraConfig,
      await startEmbedded({ login: "none", path, port: await nextPort(), extraConfig }),
    );
  }

  /** http://127.0.0.1:PORT, whether it lives or not. */
  get url(): string {
    return this.#server.url;
  }

  get port(): number {
    return this.#server.port;
  }

  /** kill -9; resolves when it is gone. */
  async kill(): Promise<void> {
    process.kill(this.#server.pid, "SIGKILL");
    await this.#server.exited;
  }

  /** In good order; takes some 5 s where clients keep connections open. */
  async stop(): Promise<void> {
    await this.#server.stop();
  }

  /** After its death. Resolves when it answers. */
  async revive(): Promise<void> {
    this.#server = await startEmbedded({
      login: "none",
      path: this.#path,
      port: this.port,
      extraConfig: this.#extraConfig,
    });
  }

  /** How many deduplication tokens it has written down for a table: lines of operation (1: add), part and hash of the token. */
  async tokens(table: string): Promise<number> {
    const [found] = await ask<{ path: string }>(
      this.url,
      `SELECT data_paths[1] AS path FROM system.tables WHERE database = 'default' AND name = '${table}'`,
    );
    const logs = join(found?.path ?? "", "deduplication_logs");
    const lines = readdirSync(logs).flatMap((name) => readFileSync(join(logs, name), "utf8").split("\n"));
    return new Set(lines.map((line) => line.split("\t")).flatMap(([kind, , hash]) => (kind === "1" ? [hash] : [])))
      .size;
  }

  async close(): Promise<void> {
    await this.#server.stop();
    rmSync(this.#path, { recursive: true, force: true });
  }
}
