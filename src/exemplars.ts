// Exemplars: for each bucket of a histogram in /metrics a traced insert that fell into it, so that from a slow bucket there is a way to
// a trace. A worker tells the main thread of few: one a second and bucket is as many as a scraper keeps.

import { BUCKETS, bucketOf } from "./buckets.js";

/** A traced insert that was acknowledged. */
export interface TracedTimes {
  readonly traceId: string;
  /** Due to answered; undefined in a closed loop. */
  readonly latencyS: number | undefined;
  /** Sent to answered. */
  readonly serviceS: number;
  /** When it was answered, in seconds since the epoch. */
  readonly atS: number;
}

export interface Exemplar {
  readonly traceId: string;
  readonly seconds: number;
  readonly atS: number;
}

export type ExemplarKind = "latency" | "service";

const AGAIN_MS = 1000;

/** A worker's: which of its traced inserts are told. */
export class ExemplarSieve {
  readonly #toldMs: Readonly<Record<ExemplarKind, number[]>> = { latency: [], service: [] };

  /** @param nowMs on any clock, always the same */
  lets({ latencyS, serviceS }: TracedTimes, nowMs: number): boolean {
    const isNewTo = (kind: ExemplarKind, seconds: number): boolean => {
      const told = this.#toldMs[kind];
      const bucket = bucketOf(seconds);
      const isDue = nowMs - (told[bucket] ?? Number.NEGATIVE_INFINITY) >= AGAIN_MS;
      if (isDue) told[bucket] = nowMs;
      return isDue;
    };
    const isNewLatency = latencyS !== undefined && isNewTo("latency", latencyS);
    return isNewTo("service", serviceS) || isNewLatency;
  }
}

/** The main thread's: the last one of each bucket. */
export class Exemplars {
  readonly #last: Readonly<Record<ExemplarKind, (Exemplar | undefined)[]>> = {
    latency: Array.from({ length: BUCKETS.length + 1 }),
    service: Array.from({ length: BUCKETS.length + 1 }),
  };

  put({ traceId, latencyS, serviceS, atS }: TracedTimes): void {
    this.#last.service[bucketOf(serviceS)] = { traceId, seconds: serviceS, atS };
    if (latencyS !== undefined) this.#last.latency[bucketOf(latencyS)] = { traceId, seconds: latencyS, atS };
  }

  /** By bucket, that of all longer times last. */
  of(kind: ExemplarKind): readonly (Exemplar | undefined)[] {
    return this.#last[kind];
  }
}
