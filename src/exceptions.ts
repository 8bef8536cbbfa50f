// What ClickHouse's exception numbers say of an insert: two questions in one word, whether its rows may be there, and whether one
// like it will ever be taken. Gone through by the list of ClickHouse 24.5 to 26.9. Pure. Called by answer.ts; the
// pre-flight (asked.ts) and the ledger ask about single numbers.

/** What an exception says. */
export type Meaning =
  /** Nothing was stored, this time: the server or the table has too much to do. */
  | "busy"
  /** Nothing was stored: this server, table or user takes no writes for now. */
  | "read_only"
  /** Nothing was stored, and no insert like it ever will be. */
  | "refused"
  /** No insert like it will ever be stored whole, but what stood before the fault may be there. */
  | "spoilt"
  /** Stored or not, nobody can say. It may go well the next time. */
  | "open";

const GROUPS: readonly { readonly meaning: Meaning; readonly numbers: readonly number[] }[] = [
  {
    // Said before the first row is stored. A quota 201; queries 202; connections 203; parts 252; threads 439; bytes that wait to be
    // forwarded 574; the CPU 745; a slot or memory for the query 1019, 1020.
    meaning: "busy",
    numbers: [201, 202, 203, 252, 439, 574, 745, 1019, 1020],
  },
  {
    // A user who may only read; a replica without its Keeper.
    meaning: "read_only",
    numbers: [164, 242],
  },
  {
    // Who asks. Users, passwords, addresses 192 to 195, 516, 720, 767; roles, profiles and quotas 180, 199, 200, 496, 511, 512; rights 291,
    // 392, 497, 620.
    meaning: "refused",
    numbers: [180, 192, 193, 194, 195, 199, 200, 291, 392, 496, 497, 511, 512, 516, 620, 720, 767],
  },
  {
    // The statement. Syntax 62, 78, 80, 211, 578, 703; its size 167, 168, 229; its parameters 456, 457; headers and encoding 89, 381, 726;
    // the format 73, 85.
    meaning: "refused",
    numbers: [62, 73, 78, 80, 85, 89, 167, 168, 211, 229, 381, 456, 457, 578, 703, 726],
  },
  {
    // The table. It or its database is not there 60, 81; its columns 8, 15, 16, 20, 47, 51, 52; functions, types, engines, clusters and
    // collections that the server does not have 46, 50, 56, 344, 401, 669, 701; too many views 712; read-only for ever 774.
    meaning: "refused",
    numbers: [8, 15, 16, 20, 46, 47, 50, 51, 52, 56, 60, 81, 344, 401, 669, 701, 712, 774],
  },
  {
    // Settings. Not known 115; not to be changed 452, 472; of no such value 471; not to be had together 764.
    meaning: "refused",
    numbers: [115, 452, 471, 472, 764],
  },
  {
    // A row that cannot be read: of an insert that has several blocks, those before are stored (tried, 27). Texts 6, 25, 26, 27, 441, 632;
    // numbers, words 72, 467, 691; dates 38, 41; UUIDs, addresses 376, 675, 676; arrays, maps, JSON 130, 563, 626, 645; bytes 117, 128, 131,
    // 306, 760.
    meaning: "spoilt",
    numbers: [
      6, 25, 26, 27, 38, 41, 72, 117, 128, 130, 131, 306, 376, 441, 467, 563, 626, 632, 645, 675, 676, 691, 760,
    ],
  },
  {
    // A row that cannot be stored: likewise, and one that a view cannot take is in the table (tried, 395 and 469). Types and their bounds
    // 43, 44, 48, 53, 69, 70, 169, 190, 321, 349, 366, 386, 407, 728; columns 9, 10, 13, 19, 122; functions 36, 42, 153, 395, 427;
    // constraints 469; partitions 248; a table as large as it may be 1016.
    meaning: "spoilt",
    numbers: [
      ...[9, 10, 13, 19, 36, 42, 43, 44, 48, 53, 69, 70, 122, 153, 169, 190, 248, 321, 349, 366, 386, 395, 407, 427],
      ...[469, 728, 1016],
    ],
  },
  {
    // About the moment. A body that was cut 3, 32, 33; time 159, 209, 1017; the network 210; an earlier attempt that still runs 216; memory
    // 241, 777, 778; replicas 285, 286, 319; somebody who ended it 394, 735; the disk 243; the system, Keeper 425, 999.
    meaning: "open",
    numbers: [3, 32, 33, 159, 209, 210, 216, 241, 243, 285, 286, 319, 394, 425, 735, 777, 778, 999, 1017],
  },
];

const MEANINGS: ReadonlyMap<number, Meaning> = new Map(
  GROUPS.flatMap(({ meaning, numbers }) => numbers.map((number) => [number, meaning] as const)),
);

/** Of an exception that says: not now. */
export const isBusyNumber = (number: number): boolean => MEANINGS.get(number) === "busy";

/** Of an exception that ends its insert for good: what is not stored by then never will be. */
export const isFinalNumber = (number: number): boolean => /^(refused|spoilt)$/.test(MEANINGS.get(number) ?? "");

/** The same number as "Too many parts", but later inserts have as many. */
const TOO_MANY_PARTITIONS = "Too many partitions for single INSERT block";
/** This quota is counted while rows are stored. */
const WRITTEN_BYTES = "written_bytes";
/** Said behind the table, by a view of it or one of the servers its rows are sent on to: others may have theirs. */
const BEHIND = /while pushing to view|\bReceived from /;
/** Said when rows were read or stored already: a type in the rows themselves is code 62 as well (tried). */
const MIDWAY = /While executing|\(at row /;

/**
 * @param status of the HTTP answer: one that blames the request says of a number in no list that it will come again
 * @param text the answer's beginning
 */
export function meaningOf(number: number, status: number, text: string): Meaning {
  if (number === 252 && text.includes(TOO_MANY_PARTITIONS)) return "spoilt";
  if (number === 201 && text.includes(WRITTEN_BYTES)) return "open";
  const meaning = MEANINGS.get(number) ?? (isBlame(status) ? "spoilt" : "open");
  if (meaning === "refused") return BEHIND.test(text) || MIDWAY.test(text) ? "spoilt" : "refused";
  return meaning !== "spoilt" && BEHIND.test(text) ? "open" : meaning;
}

/** 408 and 429 are about the moment. */
const isBlame = (status: number): boolean => status >= 400 && status < 500 && status !== 408 && status !== 429;
