// Servers of known capacity: when an insert is answered follows by arithmetic from those that came before it. On virtual time a
// Law is called with each arrival, in order; for real a QueueServer answers when its law says so, by an absolute schedule, so
// that late timers take nothing off its capacity. It speaks for no ClickHouse: the program is sent to it with --blind.
//
//   const law = queue(1, perRow(20_000));                    one queue that takes exactly 20,000 rows/s
//   const law = queue(8, perInsert(400));                    eight at a time, 400 ms each: 20 inserts/s
//   const law = queue(1, noisy(perInsert(5), 0.5, seed));    random times, of mean 5 ms and a deviation of half of it
//   const law = queue(1, perInsert(4), { everyMs: 2000, forMs: 400 });   stands still a fifth of the time: 200 inserts/s
//   const law = quota(10, queue(8, perInsert(1)));           refuses the eleventh insert of each second
//   const law = queue(1, drifting(perInsert(5), 0.001));     each second a thousandth slower than at first
//
//   virtual:  await runVirtually(flags, (sentMs) => answerMs(law, { atMs: sentMs, rows: 100, bytes: 0 }));
//   for real: const server = await QueueServer.open(law); … server.url … await server.close();

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** An insert that has arrived whole. */
export interface Arrival {
  /** Milliseconds from the server's start, as all times here. */
  readonly atMs: number;
  readonly rows: number;
  readonly bytes: number;
}

/** When it is answered, or that it is refused at once. Called in the order of arrivals; remembers them. */
export type Law = (arrival: Arrival) => number | "refused";

/** How long an insert alone would take; `doneRows`: taken before it, `beginsMs`: when its turn comes. */
export type Need = (insert: Arrival & { readonly doneRows: number; readonly beginsMs: number }) => number;

/** Nothing goes on for the last `forMs` of each `everyMs`. */
export interface Standstill {
  readonly everyMs: number;
  readonly forMs: number;
}

export const perInsert =
  (ms: number): Need =>
  () =>
    ms;

export const perRow =
  (rowsPerSecond: number): Need =>
  ({ rows }) =>
    (rows * 1000) / rowsPerSecond;

export const perByte =
  (bytesPerSecond: number): Need =>
  ({ bytes }) =>
    (bytes * 1000) / bytesPerSecond;

/** Each second, so much slower (a share of 1 of what it was at first). */
export const drifting =
  (need: Need, sharePerSecond: number): Need =>
  (insert) =>
    need(insert) * (1 + (sharePerSecond * insert.beginsMs) / 1000);

/** So much slower (a share of 1) with each million rows it has. */
export const growing =
  (need: Need, sharePerMillion: number): Need =>
  (insert) =>
    need(insert) * (1 + (sharePerMillion * insert.doneRows) / 1e6);

/** Times by chance, log-normal: of the same mean, with a deviation of `share` of it. */
export function noisy(need: Need, share: number, seed: number): Need {
  const random = chance(seed);
  const variance = Math.log1p(share * share);
  return (insert) => {
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    return need(insert) * Math.exp(Math.sqrt(variance) * normal - variance / 2);
  };
}

/** So many inserts at a time, each by its turn. */
export function queue(places: number, need: Need, standstill?: Standstill): Law {
  const free = new Array<number>(places).fill(0);
  let doneRows = 0;
  return (arrival) => {
    let place = 0;
    for (let index = 1; index < places; index++) {
      if ((free[index] ?? 0) < (free[place] ?? 0)) place = index;
    }
    const beginsMs = Math.max(arrival.atMs, free[place] ?? 0);
    const needMs = need({ ...arrival, doneRows, beginsMs });
    doneRows += arrival.rows;
    const answeredMs = standstill === undefined ? beginsMs + needMs : working(beginsMs, needMs, standstill);
    free[place] = answeredMs;
    return answeredMs;
  };
}

/** Refuses what comes beyond so many inserts in each whole second. */
export function quota(insertsPerSecond: number, law: Law): Law {
  let second = 0;
  let taken = 0;
  return (arrival) => {
    const now = Math.floor(arrival.atMs / 1000);
    if (now !== second) [second, taken] = [now, 0];
    if (taken >= insertsPerSecond) return "refused";
    taken++;
    return law(arrival);
  };
}

/** For a law that refuses nothing. */
export function answerMs(law: Law, arrival: Arrival): number {
  const answered = law(arrival);
  if (answered === "refused") throw new Error("this law was to refuse nothing");
  return answered;
}

/** When `workMs` of work that begin at `fromMs` are done. */
function working(fromMs: number, workMs: number, { everyMs, forMs }: Standstill): number {
  const runsMs = everyMs - forMs;
  const worked = Math.floor(fromMs / everyMs) * runsMs + Math.min(fromMs % everyMs, runsMs) + workMs;
  const whole = Math.floor(worked / runsMs);
  return whole * everyMs + (worked - whole * runsMs);
}

/** Numbers from 0 to 1 that look like chance: the same for the same seed (mulberry32). */
export function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const NEWLINE = 10;
/** As ClickHouse has it: QUOTA_EXCEEDED. */
const REFUSAL = { status: 503, code: "201", text: "Code: 201. DB::Exception: Quota for inserts has been exceeded.\n" };

/** Takes inserts over HTTP, of formats with a row a line, and answers them as a law says. */
export class QueueServer {
  /** Of acknowledged inserts. */
  readonly acknowledged: { readonly rows: number; readonly arrivedMs: number; readonly answeredMs: number }[] = [];
  readonly #server: Server;
  readonly #startedMs = performance.now();
  readonly #timers = new Set<NodeJS.Timeout>();

  private constructor(law: Law) {
    this.#server = createServer((request, response) => this.#take(request, response, law));
  }

  static async open(law: Law): Promise<QueueServer> {
    const server = new QueueServer(law);
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Milliseconds since its start. */
  now(): number {
    return performance.now() - this.#startedMs;
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #take(request: IncomingMessage, response: ServerResponse, law: Law): void {
    let [rows, bytes] = [0, 0];
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, at + 1)) rows++;
    });
    request.on("end", () => {
      const arrivedMs = this.now();
      const answeredMs = law({ atMs: arrivedMs, rows, bytes });
      if (answeredMs === "refused") {
        response.writeHead(REFUSAL.status, { "X-ClickHouse-Exception-Code": REFUSAL.code }).end(REFUSAL.text);
        return;
      }
      this.#at(answeredMs, () => {
        this.acknowledged.push({ rows, arrivedMs, answeredMs: this.now() });
        response.end();
      });
    });
  }

  /** Timers may fire early. */
  #at(atMs: number, happen: () => void): void {
    const leftMs = atMs - this.now();
    if (leftMs <= 0) {
      happen();
      return;
    }
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#at(atMs, happen);
    }, Math.ceil(leftMs));
    this.#timers.add(timer);
  }
}
