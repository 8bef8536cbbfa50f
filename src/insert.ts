// One HTTP insert: sends a slot's bytes to ClickHouse and says what became of them. Runs in a worker; writes, and times,
// but never counts or retries.
//
// The body is the slot itself, not a copy, unless it is compressed. So an insert is over only when it is answered *and* its
// body has left: a connection whose answer came first is destroyed before the slot may be filled again.

import type { Socket } from "node:net";
import { Client, type Dispatcher, Pool } from "undici";
import { ACKNOWLEDGED, classifyAnswer, classifyError, type Outcome } from "./answer.js";
import { type Compression, encodingHeaders } from "./compress.js";
import { type Endpoint, secretsOf, withParameters } from "./endpoint.js";
import { withoutSecrets } from "./quoted.js";
import { type Connector, connectorOf } from "./tls.js";
import { USER_AGENT } from "./version.js";
import type { Carrier } from "./wire.js";

/** Of an error's body so much is read. */
const LONGEST_BODY = 4096;
/** Closing idle connections so much before the server would keeps an insert from meeting a closed one. */
const KEEP_ALIVE_MARGIN_MS = 1000;
/** The header that names an error. */
const EXCEPTION_CODE = "x-clickhouse-exception-code";

export interface InsertPlan {
  /** nothing: every insert is acknowledged at once and no byte leaves, so that rendering alone can be measured. */
  readonly sends: "bodies" | "nothing";
  readonly endpoints: readonly Endpoint[];
  /** Parameters every insert has: query, settings. */
  readonly parameters: Readonly<Record<string, string>>;
  /** What bodies are compressed with when they get here. */
  readonly compression: Compression;
  /** Inserts in flight at once. */
  readonly permits: number;
  readonly timeoutMs: number;
}

export interface InsertRequest {
  readonly endpoint: number;
  readonly body: Uint8Array;
  readonly queryId: string;
  /** Names the rows: the same token is stored once, by tables that deduplicate. Undefined: the server has no such setting. */
  readonly token: string | undefined;
  readonly traceparent: string | undefined;
  /**
   * The request is about to leave. Where this says false it never does, and the connection is kept for others. And again, if that
   * takes longer than a moment, when the system has taken the whole body.
   */
  readonly onSent: (step?: "whole") => boolean;
}

/** A connection of the pool that knows its socket, and which insert it carries. It is among the `open` ones while it is connected. */
class Connection extends Client implements Carrier {
  socket: Socket | undefined;
  carrying: InsertHandler | undefined;

  constructor(origin: URL, options: Pool.Options, open: Set<Carrier>) {
    const connect = options.connect as Connector;
    super(origin, {
      ...(options as Client.Options),
      connect: (target, callback) =>
        connect(target, (...result) => {
          const socket = result[1] ?? undefined;
          this.socket = socket;
          if (socket !== undefined) {
            open.add(this);
            socket.on("drain", () => this.carrying?.onDrain());
            socket.once("close", () => {
              // It may have another one by now.
              if (this.socket === socket) open.delete(this);
            });
          }
          callback(...result);
        }),
    });
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: InsertHandler): boolean {
    handler.connection = this;
    return super.dispatch(options, handler);
  }
}

/**
 * Follows one request to its end, by the older of undici 7's two interfaces, which is the one it has inside. The newer one,
 * the only one of undici 8, is wrapped around it: two more objects an insert, and each header of each answer as a string,
 * for about a tenth of what a small insert costs a worker.
 */
class InsertHandler implements Dispatcher.DispatchHandler {
  /** The one that carries the request; known as soon as it is dispatched. */
  connection: Connection | undefined;
  #abort: ((error: Error) => void) | undefined;
  #sent = false;
  /** The system has not taken the whole body. */
  #leaving = false;
  #timedOut = false;
  #status = 0;
  #exception: string | undefined;
  #body = "";
  readonly #timer: NodeJS.Timeout;

  constructor(
    readonly onSent: (step?: "whole") => boolean,
    readonly timeoutMs: number,
    readonly done: (outcome: Outcome) => void,
    readonly hushed: (outcome: Outcome) => Outcome,
  ) {
    this.#timer = setTimeout(() => this.#expire(), timeoutMs);
  }

  /** A request that still waits for its connection ends with that, whose own time limit is the same. */
  #expire(): void {
    this.#timedOut = true;
    this.#abort?.(new Error(`no answer within ${this.timeoutMs} ms`));
  }

  onConnect(abort: (error?: Error) => void): void {
    this.#abort = abort;
    if (this.#timedOut) {
      abort(new Error(`no connection within ${this.timeoutMs} ms`));
      return;
    }
    // An abort would close the connection: undici keeps that of a handler that throws, and ends the request all the same.
    if (!this.onSent()) throw new Error("it is not to be sent any more");
    this.#sent = true;
    if (this.connection !== undefined) this.connection.carrying = this;
  }

  onRequestSent(): void {
    this.#leaving = (this.connection?.socket?.writableLength ?? 0) > 0;
  }

  onDrain(): void {
    if (this.#leaving) this.onSent("whole");
    this.#leaving = false;
  }

  /** @param headers names and values by turns */
  onHeaders(status: number, headers: readonly Buffer[]): boolean {
    // What comes before the answer says nothing of it.
    if (status < 200) return true;
    this.#status = status;
    for (let index = 0; index < headers.length; index += 2) {
      const name = headers[index];
      if (name?.length !== EXCEPTION_CODE.length || name.toString("latin1").toLowerCase() !== EXCEPTION_CODE) continue;
      this.#exception ??= headers[index + 1]?.toString("latin1");
    }
    return true;
  }

  onData(chunk: Buffer): boolean {
    if (this.#body.length < LONGEST_BODY) this.#body += chunk.toString("utf8", 0, LONGEST_BODY);
    return true;
  }

  onComplete(): void {
    this.#finish(classifyAnswer(this.#status, this.#exception, this.#body));
  }

  onError(error: Error): void {
    this.#finish(classifyError(error, this.#sent, this.#timedOut));
  }

  #finish(outcome: Outcome): void {
    clearTimeout(this.#timer);
    // Bytes the system has not taken yet would be read from the slot later, when they are another batch's.
    const { connection } = this;
    if (connection?.carrying === this) connection.carrying = undefined;
    const socket = connection?.socket;
    if (socket !== undefined && socket.writableLength > 0) socket.destroy();
    this.done(outcome.kind === "acknowledged" ? outcome : this.hushed(outcome));
  }
}

/** An endpoint, as inserts need it. */
interface Target {
  readonly pool: Pool;
  readonly path: string;
  readonly headers: string[];
  readonly hushed: (outcome: Outcome) => Outcome;
}

/** Whoever answers was told the password, and may say it again. */
function hushed(outcome: Outcome, secrets: readonly string[]): Outcome {
  return outcome.kind === "acknowledged"
    ? outcome
    : { ...outcome, sentence: withoutSecrets(outcome.sentence, secrets) };
}

/** The keep-alive pools of one worker, one an endpoint. */
export class Inserter {
  readonly #plan: InsertPlan;
  /** The pool makes a new one whenever connecting fails: only those that are connected are kept. */
  readonly #connected = new Set<Carrier>();
  /** `path` ends where each insert's query id begins. */
  readonly #targets: readonly Target[];

  constructor(plan: InsertPlan) {
    this.#plan = plan;
    this.#targets = plan.endpoints.map((endpoint) => {
      const path = withParameters(endpoint.path, plan.parameters);
      return {
        pool: new Pool(endpoint.origin, {
          connections: plan.permits,
          connect: connectorOf(endpoint, { timeout: plan.timeoutMs }),
          factory: (origin, options) => new Connection(origin, options as Pool.Options, this.#connected),
          // Each insert has a time limit of its own.
          headersTimeout: 0,
          bodyTimeout: 0,
          keepAliveTimeoutThreshold: KEEP_ALIVE_MARGIN_MS,
        }),
        path: `${path}${path.includes("?") ? "&" : "?"}query_id=`,
        hushed: (outcome) => hushed(outcome, secretsOf(endpoint, plan.parameters)),
        headers: Object.entries({
          "user-agent": USER_AGENT,
          ...endpoint.headers,
          ...encodingHeaders(plan.compression),
        }).flat(),
      };
    });
  }

  /** Its connections, with inserts and without. */
  carriers(): ReadonlySet<Carrier> {
    return this.#connected;
  }

  /** Resolves when the insert is over and the body is no longer read; never rejects. */
  insert(request: InsertRequest): Promise<Outcome> {
    if (this.#plan.sends === "nothing") return Promise.resolve(ACKNOWLEDGED);
    const target = this.#targets[request.endpoint];
    if (target === undefined) throw new RangeError(`there is no endpoint ${request.endpoint}`);
    const { queryId, token, traceparent } = request;
    const path = target.path + queryId;
    return new Promise((resolve) => {
      const follower = new InsertHandler(request.onSent, this.#plan.timeoutMs, resolve, target.hushed);
      const options: Dispatcher.DispatchOptions = {
        method: "POST",
        path: token === undefined ? path : `${path}&insert_deduplication_token=${token}`,
        headers: traceparent === undefined ? target.headers : [...target.headers, "traceparent", traceparent],
        body: request.body,
      };
      target.pool.dispatch(options, follower);
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.#targets.map(({ pool }) => pool.destroy()));
  }
}
