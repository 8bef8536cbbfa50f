// The servers that the ledger asks, and what all of them together hold of each batch of a chunk. Main thread.
//
// Counts of several servers tell the union of their rows where one of them holds the whole batch, or all others nothing of
// it. Where a batch lies in parts on several, its rows are read one by one.

import { shown } from "../endpoint.js";
import { ServerError } from "../server.js";
import type { Replica, Store } from "../stores.js";
import { batchesOf, type Chunk, type Due } from "./chunks.js";
import { patiently, type Waiting } from "./patience.js";
import { askBatches, askRows, askStrangers, type Search, type Shown } from "./questions.js";
import type { Held } from "./tally.js";

/** What one replica holds of the run. */
export interface ReplicaFigures {
  readonly name: string;
  /** Why it could not be asked; undefined: it was. */
  readonly absent: string | undefined;
  readonly landed: number;
  /** Rows of acknowledged batches that its store has, and it has not. */
  readonly missing: number;
  readonly duplicated: number;
}

/** Batches whose rows are read one by one, and their rows, in one query; a larger batch is read alone. */
const ONE_BY_ONE = { batches: 2000, rows: 2 ** 22 } as const;

class Source {
  readonly name: string;
  absent: string | undefined;
  landed = 0;
  missing = 0;
  duplicated = 0;

  constructor(readonly replica: Replica) {
    const [first] = replica.endpoints;
    this.name = first === undefined ? "nobody" : shown(first);
  }

  /** A batch as it is shown here, counted. */
  count(answer: Shown | undefined, at: number): Held {
    const held = { landed: answer?.rows[at] ?? 0, distinct: answer?.distinct[at] ?? 0 };
    this.landed += held.landed;
    this.duplicated += held.landed - held.distinct;
    return held;
  }

  get figures(): ReplicaFigures {
    const { name, absent, landed, missing, duplicated } = this;
    return { name, absent, landed, missing, duplicated };
  }
}

/** What a source showed of a chunk. */
type Answers = ReadonlyMap<Source, Shown>;

export class Sources {
  readonly #stores: readonly (readonly Source[])[];
  readonly #search: Search;
  readonly #waiting: Waiting;

  constructor(stores: readonly Store[], search: Search, waiting: Waiting) {
    this.#stores = stores.map(({ replicas }) => replicas.map((replica) => new Source(replica)));
    this.#search = search;
    this.#waiting = waiting;
  }

  /** Before a pass over all batches. Who could not be asked in the one before is not waited for again. */
  begin(): void {
    for (const source of this.#stores.flat()) [source.landed, source.missing, source.duplicated] = [0, 0, 0];
  }

  get figures(): readonly ReplicaFigures[] {
    return this.#stores.flat().map(({ figures }) => figures);
  }

  /** Throws a ServerError where nobody is left to be asked for the rows of a store. */
  async #ask<T>(question: (source: Source) => Promise<T>): Promise<ReadonlyMap<Source, T>> {
    const answers = new Map<Source, T>();
    const ofStore = async (sources: readonly Source[]): Promise<void> => {
      const errors = await Promise.all(
        sources.map(async (source) => {
          if (source.absent !== undefined) return undefined;
          try {
            answers.set(source, await question(source));
            return undefined;
          } catch (error) {
            if (!(error instanceof ServerError)) throw error;
            source.absent = error.message;
            return error;
          }
        }),
      );
      if (sources.every(({ absent }) => absent !== undefined)) throw errors.find((error) => error !== undefined);
    };
    await Promise.all(this.#stores.map(ofStore));
    return answers;
  }

  /** Rows behind the last that was scheduled. Throws as #ask. */
  async strangers(): Promise<number> {
    const answers = await this.#ask(({ replica }) =>
      patiently(replica, (endpoint, patience) => askStrangers(endpoint, this.#search, patience), this.#waiting),
    );
    for (const [source, rows] of answers) {
      source.landed += rows;
      source.duplicated += rows;
    }
    return this.#stores
      .map((sources) => Math.max(...sources.map((source) => answers.get(source) ?? 0)))
      .reduce((sum, rows) => sum + rows, 0);
  }

  /** A function that says what is there of a batch of the chunk. Throws as #ask. */
  async read(chunk: Chunk): Promise<(due: Due, isAcknowledged: boolean) => Held> {
    const answers = await this.#ask(({ replica }) =>
      patiently(replica, (endpoint, patience) => askBatches(endpoint, this.#search, chunk, patience), this.#waiting),
    );
    const [only, ...others] = [...answers];
    if (only !== undefined && others.length === 0) return ({ at }) => only[0].count(only[1], at);
    const unions = await this.#unions(chunk, answers);
    return (due, isAcknowledged) => this.#held(answers, unions, due, isAcknowledged);
  }

  #held(answers: Answers, unions: ReadonlyMap<number, readonly number[]>, due: Due, isAcknowledged: boolean): Held {
    const union = unions.get(due.at);
    let landed = 0;
    let most = 0;
    for (const [store, sources] of this.#stores.entries()) {
      const held = sources.map((source) => source.count(answers.get(source), due.at));
      const distinct = union?.[store] ?? Math.max(...held.map((one) => one.distinct));
      // A copy on one replica is on the others too, sooner or later.
      landed += distinct + Math.max(...held.map((one) => one.landed - one.distinct));
      most = Math.max(most, distinct);
      if (!isAcknowledged) continue;
      for (const [index, source] of sources.entries()) {
        if (source.absent === undefined) source.missing += distinct - (held[index]?.distinct ?? 0);
      }
    }
    return { landed, distinct: union?.at(-1) ?? most };
  }

  /** By batches of which several hold a part: the rows of each store that differ, and last those of all stores. */
  async #unions(chunk: Chunk, answers: Answers): Promise<ReadonlyMap<number, readonly number[]>> {
    const unions = new Map<number, readonly number[]>();
    let group: Due[] = [];
    let rows = 0;
    const read = async (): Promise<void> => {
      for (const [at, union] of await this.#oneByOne(chunk, group, rows)) unions.set(at, union);
      group = [];
      rows = 0;
    };
    for (const due of batchesOf(chunk, this.#search)) {
      if (!this.#isInParts(answers, due)) continue;
      if (group.length === ONE_BY_ONE.batches || rows + due.rows > ONE_BY_ONE.rows) await read();
      group.push(due);
      rows += due.rows;
    }
    await read();
    return unions;
  }

  #isInParts(answers: Answers, { at, rows }: Due): boolean {
    const isSplit = (parts: readonly number[]): boolean =>
      parts.filter((distinct) => distinct > 0).length > 1 && !parts.includes(rows);
    const ofStores = this.#stores.map((sources) => sources.map((source) => answers.get(source)?.distinct[at] ?? 0));
    return ofStores.some(isSplit) || isSplit(ofStores.map((parts) => Math.max(...parts)));
  }

  async #oneByOne(
    chunk: Chunk,
    group: readonly Due[],
    rows: number,
  ): Promise<readonly (readonly [at: number, union: readonly number[]])[]> {
    if (group.length === 0) return [];
    const starts = new Map<number, number>();
    let start = 0;
    for (const due of group) {
      starts.set(due.at, start);
      start += due.rows;
    }
    const seen = this.#stores.map(() => new Uint8Array(rows));
    await this.#ask(async (source) => {
      const bytes = seen[this.#stores.findIndex((sources) => sources.includes(source))];
      await patiently(
        source.replica,
        (endpoint, patience) => {
          const onRow = (at: number, offset: number): void => {
            if (bytes !== undefined) bytes[(starts.get(at) ?? 0) + offset] = 1;
          };
          return askRows(endpoint, this.#search, chunk, group, onRow, patience);
        },
        this.#waiting,
      );
    });
    return group.map((due) => {
      const from = starts.get(due.at) ?? 0;
      const counts = seen.map(() => 0);
      let all = 0;
      for (let row = from; row < from + due.rows; row++) {
        let isThere = 0;
        for (const [store, bytes] of seen.entries()) {
          counts[store] = (counts[store] ?? 0) + (bytes[row] ?? 0);
          isThere |= bytes[row] ?? 0;
        }
        all += isThere;
      }
      return [due.at, [...counts, all]] as const;
    });
  }
}
