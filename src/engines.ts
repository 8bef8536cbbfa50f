// What an engine makes of the rows that go into its tables, told from its clause in system.tables: whether each stays there by
// itself, and which table it hands them on to. Pure. Called by the pre-flight and the ladder.

/** Engines that keep each row that goes in, one by one. */
const KEEPS = /^((Replicated|Shared)?MergeTree|Log|TinyLog|StripeLog|Memory|File)$/;
/** Engines that hand rows on: to which table is in their clause. */
const HANDS_ON = /^(Buffer|Distributed|Alias)$/;
/** Engines that make one row of several with the same key, sooner or later. */
const MERGES_ROWS =
  /^(Replicated|Shared)?(Replacing|Summing|Aggregating|Collapsing|VersionedCollapsing|Coalescing|Graphite)/;
/** Engines that hold one row of each key: a later one takes its place, or is left out. */
const BY_KEY = /^(EmbeddedRocksDB|KeeperMap|Redis|Join|Set)$/;
/** Engines whose rows are taken away by whoever reads them. */
const QUEUE = /^(Kafka|RabbitMQ|NATS|S3Queue|AzureQueue|FileLog)$/;

/**
 * Why rows that went in cannot be counted there; undefined: they can, as far as the engine goes.
 *
 * @param clause engine_full of system.tables; empty: not known
 */
export function whyNotKept(engine: string, clause = ""): string | undefined {
  if (engine === "") return undefined;
  const of = `a table of engine ${engine}`;
  if (engine === "Null") return `${of} keeps no rows`;
  if (MERGES_ROWS.test(engine)) return `${of} makes one row of several`;
  if (BY_KEY.test(engine)) return `${of} keeps one row of each key`;
  if (QUEUE.test(engine)) return `${of} is a queue, whose rows go to who reads them`;
  if (!KEEPS.test(engine) && !HANDS_ON.test(engine)) return `whether ${of} keeps every row is not known`;
  if (engine === "Memory" && /\bmax_(rows|bytes)_to_keep = [1-9]/.test(clause))
    return `${of} with a bound drops old rows`;
  if (/ TTL .* GROUP BY /s.test(unquoted(clause))) return "the table has a TTL that makes one row of several";
  return undefined;
}

/** Where an engine hands rows on to. */
export interface Behind {
  /** Of a Distributed table. */
  readonly cluster: string | undefined;
  readonly database: string;
  readonly table: string;
}

/** Undefined: it keeps them itself. */
export function behindOf(engine: string, clause: string): Behind | undefined {
  if (!HANDS_ON.test(engine)) return undefined;
  const names = argumentsOf(clause).list.map((argument) => argument.replace(/^(['"`])(.*)\1$/s, "$2"));
  const [cluster, database = "", table = ""] = engine === "Distributed" ? names : [undefined, ...names];
  return { cluster, database, table };
}

/** Columns whose values are reset when they are old. @param create create_table_query of system.tables */
export function expiringColumns(create: string): readonly string[] {
  const { list } = inBrackets(create, unquoted(create).indexOf("("));
  return list
    .filter((entry) => unquoted(entry).includes(" TTL "))
    .flatMap((entry) => /^`((?:[^`\\]|\\.)*)` /s.exec(entry)?.[1] ?? [])
    .map((name) => name.replace(/\\(.)/gs, "$1"));
}

/** What stands in the brackets behind the engine's name, apart; and what follows them. */
export function argumentsOf(engineFull: string): Brackets {
  const name = /^`?\w+`?/.exec(engineFull)?.[0] ?? "";
  if (engineFull[name.length] !== "(") return { list: [], rest: engineFull.slice(name.length) };
  return inBrackets(engineFull, name.length);
}

interface Brackets {
  readonly list: readonly string[];
  readonly rest: string;
}

/** Of the brackets that open at `at`. */
function inBrackets(text: string, at: number): Brackets {
  const list: string[] = [];
  const bare = unquoted(text);
  let depth = 0;
  let from = at + 1;
  for (let place = at; place < text.length; place++) {
    const character = bare[place];
    if (character === "(" || character === "[") depth++;
    else if (character === ")" || character === "]") depth--;
    if (character === "," ? depth !== 1 : character !== ")" || depth !== 0) continue;
    const argument = text.slice(from, place).trim();
    if (argument !== "") list.push(argument);
    from = place + 1;
    if (depth === 0) return { list, rest: text.slice(place + 1) };
  }
  return { list, rest: "" };
}

/** The text, of the same length, with nothing in its quotes. */
function unquoted(text: string): string {
  return text.replace(/'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`|"(?:[^"\\]|\\.)*"/gs, ({ length }) => "_".repeat(length));
}
