// Sums of numbers and of records of numbers. Pure. Called by merge.ts and ledgers.ts.

export const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** Null where one of them is. */
export function sumOrNull(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === values.length ? sum(known) : null;
}

/** Of those that are not null; null where all are. */
export function sumKnown(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : sum(known);
}

/** Of numbers alone, field by field. Throws a RangeError where there are none. */
export function sumFields<K extends string>(records: readonly Readonly<Record<K, number>>[]): Record<K, number> {
  const [first] = records;
  if (first === undefined) throw new RangeError("there is nothing to add up");
  const names = Object.keys(first) as K[];
  return Object.fromEntries(names.map((name) => [name, sum(records.map((record) => record[name]))])) as Record<
    K,
    number
  >;
}
