// The materialized views of a table, copied into the scratch database with the tables they write to, so that rows of the copy go
// where rows of the table would, and nowhere else. Asks the server; writes nothing outside that database. Called by scratch.ts.

import { fullName, type Place, TargetError, tableIdentifier } from "../asked.js";
import type { Endpoint } from "../endpoint.js";
import { query, ServerError } from "../server.js";
import { copyEngine, NULL_COPY } from "./engine.js";
import { selectFrom, type Understood, type View, viewOf } from "./view.js";

/** What was made, in its order, and what was not. */
export interface CopiedViews {
  /** Views before the tables they read from or write to: as they can be dropped. */
  readonly made: readonly Place[];
  /** How many views there are now. */
  readonly views: number;
  /** Sentences. */
  readonly notes: readonly string[];
}

interface Table {
  readonly place: Place;
  readonly engine: string;
  readonly engineFull: string;
  readonly create: string;
  readonly uuid: string;
  readonly dependents: readonly Place[];
}

/** The copies of a table and of what hangs on it, one after the other. */
export class ViewCopies {
  readonly #made: Place[] = [];
  readonly #notes: string[] = [];
  readonly #seen = new Set<string>();
  /** Of tables that views write to: several may write to one. */
  readonly #copies = new Map<string, Place>();
  #views = 0;

  /**
   * @param database the scratch database
   * @param used names there that are taken
   * @param tell carries out a statement; throws a TargetError where the server refuses it
   */
  constructor(
    readonly endpoint: Endpoint,
    readonly database: string,
    readonly used: Set<string>,
    readonly tell: (sql: string) => Promise<void>,
  ) {}

  /** Copies the views of `source` so that they read from `copy`. */
  async copy(source: Place, copy: Place): Promise<CopiedViews> {
    await this.#copyDependents(source, copy);
    return { made: this.#made, views: this.#views, notes: this.#notes };
  }

  async #copyDependents(source: Place, copy: Place): Promise<void> {
    const table = await this.#ask(source);
    for (const place of table?.dependents ?? []) {
      if (this.#seen.has(fullName(place))) continue;
      this.#seen.add(fullName(place));
      const why = await this.#copyView(place, source, copy);
      if (why !== undefined)
        this.#notes.push(`materialized view ${fullName(place)} is not copied, nor what it costs: it ${why}`);
    }
  }

  /** Why it is not copied, if so. */
  async #copyView(place: Place, source: Place, copy: Place): Promise<string | undefined> {
    const table = await this.#ask(place);
    if (table === undefined) return "is not shown to this user";
    if (table.engine !== "MaterializedView") return `is of engine ${table.engine}`;
    const view = viewOf(table.create);
    if ("why" in view) return view.why;
    const from = selectFrom(view.select, source, copy);
    if ("why" in from) return from.why;
    try {
      const target = await this.#copyTarget(table, view);
      if ("why" in target) return target.why;
      const name = this.#free(place.table);
      await this.tell(
        `CREATE MATERIALIZED VIEW ${tableIdentifier(name)} TO ${tableIdentifier(target)} AS ${from.select}`,
      );
      this.#made.unshift(name);
      this.#views++;
      return undefined;
    } catch (error) {
      if (error instanceof TargetError) return `is refused by the server: ${error.message}`;
      throw error;
    }
  }

  /** The copy of the table that the view writes to, with the views of that table. */
  async #copyTarget({ place, uuid }: Table, { to }: View): Promise<Understood<Place>> {
    const inner = [`.inner_id.${uuid}`, `.inner.${place.table}`].map((table) => ({ database: place.database, table }));
    const target = await this.#first(to === undefined ? inner : [to]);
    if (target === undefined) return { why: "writes to a table that is not shown to this user" };
    const copied = this.#copies.get(fullName(target.place));
    if (copied !== undefined) return copied;
    const { engine: name, engineFull } = target;
    const engine = name === "Null" ? NULL_COPY : copyEngine(name, engineFull, "clickstorm");
    if (engine.kind === "refused") return { why: `writes to ${fullName(target.place)}, which ${engine.why}` };
    const copy = this.#free(to === undefined ? `${place.table}_rows` : target.place.table);
    await this.tell(
      `CREATE TABLE ${tableIdentifier(copy)} AS ${tableIdentifier(target.place)} ENGINE = ${engine.clause}`,
    );
    this.#made.push(copy);
    this.#copies.set(fullName(target.place), copy);
    await this.#copyDependents(target.place, copy);
    return copy;
  }

  async #first(places: readonly Place[]): Promise<Table | undefined> {
    for (const place of places) {
      const table = await this.#ask(place);
      if (table !== undefined) return table;
    }
    return undefined;
  }

  /** A name in the scratch database that nothing has yet. */
  #free(wanted: string): Place {
    let table = wanted;
    for (let number = 2; this.used.has(table); number++) table = `${wanted}_${number}`;
    this.used.add(table);
    return { database: this.database, table };
  }

  /** Undefined: it is not there, or this user may not see it. */
  async #ask(place: Place): Promise<Table | undefined> {
    const [row] = await query(
      this.endpoint,
      "SELECT engine, engine_full, create_table_query, toString(uuid) AS uuid, dependencies_database, dependencies_table " +
        "FROM system.tables WHERE database = {database:String} AND name = {table:String}",
      { database: place.database, table: place.table },
    ).catch((error: unknown) => {
      if (error instanceof ServerError && typeof error.code === "number") return [];
      throw error;
    });
    if (row === undefined) return undefined;
    const databases = row.dependencies_database as readonly string[];
    const tables = row.dependencies_table as readonly string[];
    return {
      place,
      engine: String(row.engine),
      engineFull: String(row.engine_full),
      create: String(row.create_table_query),
      uuid: String(row.uuid),
      dependents: tables.map((table, index) => ({ database: databases[index] ?? "", table })),
    };
  }
}
