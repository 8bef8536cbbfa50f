// Which rows of a table are looked at, as SQL: all of a small table, granules spread evenly over the parts of a large one. Pure.
// Called by learn.ts, which asks.

/** An active part of a MergeTree table, as system.parts has it. */
export interface TablePart {
  readonly name: string;
  readonly rows: number;
}

/** Never more than these are looked at, whatever the table holds. */
export const MOST_ROWS_LOOKED_AT = 1_000_000;
/** Of a default granule: the least that is read from disk, wherever in it a row lies. */
const GRANULE = 8192;

/** A condition for WHERE, or undefined where the first rows up to the limit are as good as any. */
export interface Sampling {
  readonly where: string | undefined;
  readonly limit: number;
  /** Rows that meet the condition, as long as the parts are there. */
  readonly expected: number;
  /** For people: how they were chosen. */
  readonly text: string;
}

/** `rows`: of the table, undefined where the server does not know; `parts`: none where its engine has none. */
export function samplingOf(rows: number | undefined, parts: readonly TablePart[], most: number): Sampling {
  if (rows !== undefined && rows <= most) return { where: undefined, limit: most, expected: 0, text: "all rows" };
  const total = parts.reduce((sum, part) => sum + part.rows, 0);
  if (total <= most) return { where: undefined, limit: most, expected: 0, text: "the first rows the server reads" };
  const wanted = Math.max(1, Math.floor(most / GRANULE));
  const granules = new Map<string, Set<number>>();
  let part = 0;
  let before = 0;
  for (let index = 0; index < wanted; index++) {
    const at = Math.floor(((index + 0.5) * total) / wanted);
    while (at >= before + (parts[part]?.rows ?? Number.POSITIVE_INFINITY)) {
      before += parts[part]?.rows ?? 0;
      part++;
    }
    const name = parts[part]?.name ?? "";
    const chosen = granules.get(name) ?? new Set();
    granules.set(name, chosen.add(Math.floor((at - before) / GRANULE)));
  }
  let expected = 0;
  for (const { name, rows: size } of parts) {
    for (const granule of granules.get(name) ?? [])
      expected += Math.max(0, Math.min(size, (granule + 1) * GRANULE - 1) - granule * GRANULE - 1);
  }
  const conditions = [...granules].map(([name, chosen]) => {
    // Without the rows at both ends: the server would read the granules beside it for them.
    const ranges = [...chosen].map(
      (granule) => `_part_offset BETWEEN ${granule * GRANULE + 1} AND ${(granule + 1) * GRANULE - 2}`,
    );
    return `(_part = ${quoteText(name)} AND (${ranges.join(" OR ")}))`;
  });
  return { where: conditions.join(" OR "), limit: most, expected, text: "in granules spread evenly over the table" };
}

/** A text as SQL has it. */
function quoteText(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
