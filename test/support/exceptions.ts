// Inserts that real servers refuse, what their answers are to be taken for, and what is in the table then.

export interface Exception {
  /** The number first. */
  readonly says: string;
  /** The table is DB.t. */
  readonly ddl?: readonly string[];
  readonly query?: string;
  /** More parameters of the insert: "&name=value". */
  readonly settings?: string;
  readonly rows: readonly string[];
  readonly verdict: string;
  /** Or from, to. */
  readonly landed: number | readonly [number, number];
}

export const PLAIN = "CREATE TABLE DB.t (n UInt64) ENGINE = MergeTree ORDER BY n";
export const INSERT = "INSERT INTO DB.t FORMAT JSONEachRow";
const REFUSED = "failed: refused, for ever";
const SPOILT = "unknown, for ever";
const numbered = (count: number): readonly string[] => Array.from({ length: count }, (_, n) => `{"n":${n}}`);

export const EXCEPTIONS: readonly Exception[] = [
  {
    says: "16, no such column",
    query: "INSERT INTO DB.t (n, m) FORMAT JSONEachRow",
    rows: numbered(1),
    verdict: REFUSED,
    landed: 0,
  },
  {
    says: "60, no such table",
    query: "INSERT INTO DB.u FORMAT JSONEachRow",
    rows: numbered(1),
    verdict: REFUSED,
    landed: 0,
  },
  { says: "73, no such format", query: "INSERT INTO DB.t FORMAT Nope", rows: numbered(1), verdict: REFUSED, landed: 0 },
  { says: "115, no such setting", settings: "&nope=1", rows: numbered(1), verdict: REFUSED, landed: 0 },
  {
    says: "48, a table that is a view",
    ddl: [PLAIN, "CREATE VIEW DB.v AS SELECT n FROM DB.t"],
    query: "INSERT INTO DB.v FORMAT JSONEachRow",
    rows: numbered(1),
    verdict: SPOILT,
    landed: 0,
  },
  { says: "27, a row that cannot be read", rows: ['{"n":1}', '{"n":"x"}'], verdict: SPOILT, landed: 0 },
  {
    says: "27, a row that cannot be read, behind blocks that are stored",
    settings: "&max_insert_block_size=1000&min_insert_block_size_rows=1000&input_format_parallel_parsing=0",
    rows: [...numbered(4000), '{"n":"x"}'],
    verdict: SPOILT,
    // 24 and 25 have stored all but the last of four blocks, 26 only the first.
    landed: [1000, 3000],
  },
  {
    says: "469, a constraint",
    ddl: ["CREATE TABLE DB.t (n UInt64, CONSTRAINT small CHECK n < 5) ENGINE = MergeTree ORDER BY n"],
    rows: numbered(6),
    verdict: SPOILT,
    landed: 0,
  },
  {
    says: "469, a constraint of a view's table",
    ddl: [
      PLAIN,
      "CREATE TABLE DB.small (n UInt64, CONSTRAINT small CHECK n < 5) ENGINE = MergeTree ORDER BY n",
      "CREATE MATERIALIZED VIEW DB.into TO DB.small AS SELECT n FROM DB.t",
    ],
    rows: numbered(6),
    verdict: SPOILT,
    landed: 6,
  },
  {
    says: "395, what a view throws",
    ddl: [
      PLAIN,
      "CREATE MATERIALIZED VIEW DB.into ENGINE = MergeTree ORDER BY n AS SELECT n + throwIf(n = 3) AS n FROM DB.t",
    ],
    rows: numbered(6),
    verdict: SPOILT,
    landed: 6,
  },
  {
    says: "252, a block of too many partitions",
    ddl: [`${PLAIN} PARTITION BY n`],
    rows: numbered(101),
    verdict: SPOILT,
    landed: 0,
  },
  {
    says: "252, too many parts",
    ddl: [
      `${PLAIN} SETTINGS parts_to_throw_insert = 1, parts_to_delay_insert = 1, max_delay_to_insert = 0`,
      "INSERT INTO DB.t VALUES (1000)",
    ],
    rows: numbered(6),
    verdict: "failed: busy",
    landed: 1,
  },
  { says: "164, read-only", settings: "&readonly=1", rows: numbered(1), verdict: "failed: read_only", landed: 0 },
  { says: "33, a body that was cut", rows: ['{"n":1'], verdict: "unknown", landed: 0 },
];
