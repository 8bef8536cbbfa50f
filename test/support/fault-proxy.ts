// A TCP proxy before a real ClickHouse that spoils inserts as a test says, and keeps which. It knows just enough HTTP to find
// where requests end. Questions (pre-flight, ledger) pass: an insert is a request with query_id=<run>-<batch>-<attempt>.
// It sends nothing twice.

import { connect, createServer, type Server, type Socket } from "node:net";
import { nextPort } from "./ports.js";
import { RequestReader } from "./request-reader.js";

export type Fault =
  /** The connection is reset: with the head read and nothing passed on; in mid-body; or when the server has answered. */
  | { readonly kind: "reset"; readonly at: "head" | "body" | "answer" }
  /** The request is read to its end and never answered; passed on, or not. */
  | { readonly kind: "silent"; readonly passesOn: boolean }
  /** The answer waits for something. */
  | { readonly kind: "held"; readonly until: Promise<unknown> }
  /** Nothing is read behind the head, nothing answered. */
  | { readonly kind: "deaf" }
  /** The answer comes so much later. */
  | { readonly kind: "late"; readonly ms: number }
  /** The body is read at so many bytes a second. */
  | { readonly kind: "slow"; readonly bytesPerS: number }
  /** The proxy's own answer to a request that was read: in place of the server's, or without having asked it. */
  | { readonly kind: "answer"; readonly status: number; readonly passesOn: boolean };

export interface SeenInsert {
  readonly queryId: string;
  readonly batch: number;
  readonly attempt: number;
  /** Whether its connection carried a request before. */
  readonly reuses: boolean;
}

export type Plan = (insert: SeenInsert) => Fault | undefined;

export interface Spoilt extends SeenInsert {
  readonly fault: Fault;
}

export const PASS: Plan = () => undefined;

/** The first attempts of batches n with n % every = every - 1. */
export const firstAttempts =
  (every: number, fault: Fault): Plan =>
  ({ batch, attempt }) =>
    attempt === 1 && batch % every === every - 1 ? fault : undefined;

export class FaultProxy {
  /** What becomes of inserts from now on. */
  plan: Plan = PASS;
  /** All inserts whose head has come, in that order. */
  readonly seen: SeenInsert[] = [];
  /** Those whose fault has happened. */
  readonly spoilt: Spoilt[] = [];
  readonly #upstreamPort: number;
  readonly #connections = new Set<Connection>();
  readonly port: number;
  #server: Server | undefined;

  private constructor(upstreamPort: number, port: number) {
    this.#upstreamPort = upstreamPort;
    this.port = port;
  }

  static async open(upstreamPort: number): Promise<FaultProxy> {
    const proxy = new FaultProxy(upstreamPort, await nextPort());
    await proxy.accept();
    return proxy;
  }

  /** Batches with a fault that has happened, each once, ascending. */
  get spoiltBatches(): readonly number[] {
    return [...new Set(this.spoilt.map(({ batch }) => batch))].sort((a, b) => a - b);
  }

  /** Takes connections, on the same port as ever. */
  async accept(): Promise<void> {
    const server = createServer((client) => {
      const connection = new Connection(client, this.#upstreamPort, this);
      this.#connections.add(connection);
      client.on("close", () => this.#connections.delete(connection));
    });
    await new Promise<void>((resolve, reject) => server.on("error", reject).listen(this.port, "127.0.0.1", resolve));
    this.#server = server;
  }

  /** Resets all connections and refuses new ones. */
  async refuse(): Promise<void> {
    const closed = new Promise((resolve) => this.#server?.close(resolve));
    this.#server = undefined;
    for (const connection of this.#connections) connection.reset();
    await closed;
  }

  async close(): Promise<void> {
    if (this.#server !== undefined) await this.refuse();
  }
}

class Connection {
  readonly #client: Socket;
  readonly #upstreamPort: number;
  readonly #proxy: FaultProxy;
  #upstream: Socket | undefined;
  #requests = 0;
  #insert: SeenInsert | undefined;
  #fault: Fault | undefined;
  #hasHappened = false;
  #bodyBytes = 0;
  /** Of the body, passed on. */
  #passed = 0;

  constructor(client: Socket, upstreamPort: number, proxy: FaultProxy) {
    this.#client = client;
    this.#upstreamPort = upstreamPort;
    this.#proxy = proxy;
    const reader = new RequestReader({
      head: (text, raw, bodyBytes) => this.#head(text, raw, bodyBytes),
      body: (raw) => this.#body(raw),
      end: () => this.#end(),
    });
    client
      .on("error", () => undefined)
      .on("close", () => this.#upstream?.destroy())
      .on("data", (bytes) => reader.push(bytes));
  }

  reset(): void {
    this.#upstream?.destroy();
    this.#client.resetAndDestroy();
  }

  /** Once an insert: an answer may come in pieces. */
  #happened(): void {
    if (this.#insert === undefined || this.#fault === undefined || this.#hasHappened) return;
    this.#hasHappened = true;
    this.#proxy.spoilt.push({ ...this.#insert, fault: this.#fault });
  }

  get #passesOn(): boolean {
    const fault = this.#fault;
    return fault === undefined || !("passesOn" in fault) || fault.passesOn;
  }

  #head(text: string, raw: Buffer, bodyBytes: number): void {
    this.#insert = insertOf(text, this.#requests > 0);
    this.#requests++;
    this.#bodyBytes = bodyBytes;
    this.#passed = 0;
    this.#fault = undefined;
    this.#hasHappened = false;
    if (this.#insert !== undefined) {
      this.#proxy.seen.push(this.#insert);
      this.#fault = this.#proxy.plan(this.#insert);
    }
    if (this.#fault?.kind === "deaf") {
      this.#happened();
      this.#client.pause();
    } else if (this.#fault?.kind === "reset" && this.#fault.at === "head") {
      this.#happened();
      this.reset();
    } else if (this.#passesOn) {
      this.#pass(raw);
    }
  }

  #body(raw: Buffer): void {
    if (this.#fault?.kind === "deaf" || this.#client.destroyed || !this.#passesOn) return;
    const isCut = this.#fault?.kind === "reset" && this.#fault.at === "body";
    const half = Math.floor(this.#bodyBytes / 2) - this.#passed;
    this.#passed += raw.length;
    if (isCut && raw.length >= half) {
      this.#happened();
      // What has been written goes out before the end does.
      this.#upstream?.end(raw.subarray(0, half));
      this.#upstream = undefined;
      this.#client.resetAndDestroy();
      return;
    }
    this.#pass(raw);
    if (this.#fault?.kind !== "slow") return;
    this.#client.pause();
    setTimeout(() => this.#client.resume(), (1000 * raw.length) / this.#fault.bytesPerS);
  }

  #end(): void {
    const fault = this.#fault;
    if (fault?.kind === "silent" || fault?.kind === "slow") this.#happened();
    if (fault?.kind === "answer" && !fault.passesOn) this.#answer(fault.status);
  }

  /** The server's bytes. */
  #answered(bytes: Buffer): void {
    const fault = this.#fault;
    if (fault?.kind === "reset") {
      this.#happened();
      this.reset();
    } else if (fault?.kind === "answer") {
      // The next request gets another connection: the rest of this answer is nobody's.
      this.#upstream?.destroy();
      this.#upstream = undefined;
      this.#answer(fault.status);
    } else if (fault?.kind === "late") {
      this.#happened();
      setTimeout(() => this.#client.write(bytes), fault.ms);
    } else if (fault?.kind === "held") {
      this.#happened();
      void fault.until.then(() => this.#client.write(bytes));
    } else if (fault?.kind !== "silent") {
      this.#client.write(bytes);
    }
  }

  #answer(status: number): void {
    this.#happened();
    const text = `<html><h1>${status} from the proxy</h1></html>\n`;
    const head = `HTTP/1.1 ${status} Proxy\r\nContent-Type: text/html\r\nContent-Length: ${text.length}\r\n\r\n`;
    this.#client.write(head + text);
  }

  #pass(bytes: Buffer): void {
    this.#upstream ??= this.#open();
    if (this.#upstream.write(bytes)) return;
    this.#client.pause();
    // A slow reader has a timer that resumes it.
    this.#upstream.once("drain", () => this.#fault?.kind !== "slow" && this.#client.resume());
  }

  #open(): Socket {
    const upstream = connect(this.#upstreamPort, "127.0.0.1");
    const isCurrent = (): boolean => upstream === this.#upstream;
    return upstream
      .on("data", (bytes) => isCurrent() && this.#answered(bytes))
      .on("error", () => isCurrent() && this.#client.resetAndDestroy())
      .on("end", () => {
        if (!isCurrent()) return;
        this.#upstream = undefined;
        this.#client.end();
      });
  }
}

function insertOf(head: string, reuses: boolean): SeenInsert | undefined {
  const [, run, batch, attempt] = /^POST \S*[?&]query_id=([^&\s]*)-(\d+)-(\d+)[&\s]/.exec(head) ?? [];
  if (run === undefined) return undefined;
  return { queryId: `${run}-${batch}-${attempt}`, batch: Number(batch), attempt: Number(attempt), reuses };
}
