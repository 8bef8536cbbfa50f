// An HTTP server that answers at once, stalls once for a while, in which it takes requests and answers none, and goes on. It
// keeps by its own clock when it did what: whoever started it can tell from that what its clients must have seen.

import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** An insert as the server saw it; times in milliseconds, as all here. */
export interface Served {
  /** The batch number in the query id `<run>-<batch>-<attempt>`. */
  readonly batch: number;
  readonly arrivedMs: number;
  readonly answeredMs: number;
}

interface Waiting {
  readonly batch: number;
  readonly arrivedMs: number;
  readonly response: ServerResponse;
}

export class Staller {
  readonly served: Served[] = [];
  /** When the stall began, and when it was over. */
  stalledMs = Number.NaN;
  resumedMs = Number.NaN;
  /** Requests that waited for the stall's end. */
  held = 0;
  readonly #server: Server;
  /** Undefined: there is no stall. */
  #waiting: Waiting[] | undefined;
  #timer: NodeJS.Timeout | undefined;

  private constructor(afterMs: number, forMs: number) {
    this.#server = createServer((request, response) => {
      const arrivedMs = performance.now();
      const batch = Number(/query_id=[^&]*-(\d+)-\d+/.exec(request.url ?? "")?.[1]);
      this.#timer ??= setTimeout(() => this.#stall(forMs), afterMs);
      request.resume();
      request.on("end", () => {
        const waiting = { batch, arrivedMs, response };
        if (this.#waiting === undefined) this.#answer(waiting);
        else this.#waiting.push(waiting);
      });
    });
  }

  /** `afterMs`: from the first request to the stall. */
  static async open(afterMs: number, forMs: number): Promise<Staller> {
    const staller = new Staller(afterMs, forMs);
    await new Promise<void>((resolve) => staller.#server.listen(0, "127.0.0.1", resolve));
    return staller;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #stall(forMs: number): void {
    const waiting: Waiting[] = [];
    this.#waiting = waiting;
    this.stalledMs = performance.now();
    this.#timer = setTimeout(() => {
      this.resumedMs = performance.now();
      this.held = waiting.length;
      this.#waiting = undefined;
      for (const one of waiting) this.#answer(one);
    }, forMs);
  }

  #answer({ batch, arrivedMs, response }: Waiting): void {
    this.served.push({ batch, arrivedMs, answeredMs: performance.now() });
    response.end();
  }
}
