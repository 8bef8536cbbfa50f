// Which endpoint an insert goes to: each in its turn, but for those that failed lately. One that cannot be reached, or answers as
// a broken one does, is left out for a while, then tried with one insert; when that fails too it is left out for twice as long.
// Each worker has its own rotation and learns by its own inserts. Knows no connections.

import { type Code, isOurFault, type Outcome } from "./answer.js";

/** So long is an endpoint left out at first … */
const FIRST_NS = 1_000_000_000;
/** … and at most. */
const LONGEST_NS = 30_000_000_000;

/** Failures of the endpoint, not of what it was asked. */
export const ENDPOINT_FAULTS: ReadonlySet<Code> = new Set<Code>([
  "connection_refused",
  "connection_reset",
  "connect_timeout",
  "host_not_found",
  "host_unreachable",
  "tls",
  "timeout",
  "malformed_answer",
  "http_5xx",
  "http_502",
  "http_503",
  "http_504",
  242, // TABLE_IS_READ_ONLY: of this replica; others may not be.
]);

/** Whether another endpoint might have taken it. */
export const isEndpointFault = (outcome: Outcome): boolean =>
  outcome.kind !== "acknowledged" && ENDPOINT_FAULTS.has(outcome.code);

interface Health {
  /** How often it failed in a row. */
  failures: number;
  /** Left out until then; 0: it is not. */
  outUntilNs: number;
  /** The insert by which it is tried is under way. */
  isTried: boolean;
}

export class Rotation {
  readonly #health: readonly Health[];
  readonly #stores: readonly number[];

  /** @param stores for each endpoint, the number of the store its rows lie in */
  constructor(stores: readonly number[]) {
    this.#stores = stores;
    this.#health = stores.map(() => ({ failures: 0, outUntilNs: 0, isTried: false }));
  }

  /**
   * The endpoint whose turn it is or, where that is left out, one of the others by turns; where all are, the one that comes back first.
   * @param turn counts up, from insert to insert
   * @param nowNs on any clock, always the same
   * @param like only endpoints with the same store as this one
   */
  pick(turn: number, nowNs: number, like?: number): number {
    const count = this.#stores.length;
    const own = turn % count;
    const isLike = (endpoint: number): boolean => like === undefined || this.#stores[endpoint] === this.#stores[like];
    if (isLike(own) && this.#isIn(own)) return own;
    if (isLike(own) && this.#isToBeTried(own, nowNs)) {
      this.#of(own).isTried = true;
      return own;
    }
    const fit = this.#stores.map((_, endpoint) => endpoint).filter(isLike);
    const others = fit.filter((endpoint) => this.#isIn(endpoint));
    // One after the other, round by round: no single one gets the whole load of one that is left out.
    const stand = others[(own + Math.floor(turn / count)) % others.length];
    if (stand !== undefined) return stand;
    const tried = fit.find((endpoint) => this.#isToBeTried(endpoint, nowNs));
    if (tried !== undefined) {
      this.#of(tried).isTried = true;
      return tried;
    }
    return fit.sort((a, b) => this.#of(a).outUntilNs - this.#of(b).outUntilNs)[0] ?? 0;
  }

  #of(endpoint: number): Health {
    const health = this.#health[endpoint];
    if (health === undefined) throw new RangeError(`there is no endpoint ${endpoint}`);
    return health;
  }

  #isIn(endpoint: number): boolean {
    return this.#of(endpoint).outUntilNs === 0;
  }

  #isToBeTried(endpoint: number, nowNs: number): boolean {
    const { outUntilNs, isTried } = this.#of(endpoint);
    return outUntilNs <= nowNs && !isTried;
  }

  /** The insert it was picked for was not sent after all. */
  unused(endpoint: number): void {
    this.#of(endpoint).isTried = false;
  }

  /** Returns whether the endpoint is left out from now on, and was not before. */
  answered(endpoint: number, outcome: Outcome, nowNs: number): boolean {
    const health = this.#health[endpoint];
    // There is nobody to take over from the only one.
    if (health === undefined || this.#health.length === 1) return false;
    health.isTried = false;
    // It was not asked.
    if (isOurFault(outcome)) return false;
    if (!isEndpointFault(outcome)) {
      health.failures = 0;
      health.outUntilNs = 0;
      return false;
    }
    // Those that were under way when it failed tell nothing new.
    if (health.outUntilNs > nowNs) return false;
    const wasIn = health.outUntilNs === 0;
    health.outUntilNs = nowNs + Math.min(FIRST_NS * 2 ** health.failures, LONGEST_NS);
    health.failures++;
    return wasIn;
  }
}
