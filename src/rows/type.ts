// Reads the ClickHouse types the default table may have. Pure. Called by column.ts and program.ts.

/** What a value of a type looks like, without LowCardinality and Nullable around it: those change no text. */
export type ValueType =
  | { readonly kind: "DateTime64" /** Decimal digits of a second, 0 to 9. */; readonly precision: number }
  | { readonly kind: "String" }
  | { readonly kind: "UInt64" };

/** The value type behind a ClickHouse type as system.columns spells it; undefined where no rule here can fill it. */
export function parseType(type: string): ValueType | undefined {
  const wrapped = /^(?:LowCardinality|Nullable)\((.*)\)$/.exec(type);
  if (wrapped?.[1] !== undefined) return parseType(wrapped[1]);
  if (type === "String") return { kind: "String" };
  if (type === "UInt64") return { kind: "UInt64" };
  // DateTime holds whole seconds: the same number as a DateTime64 of precision 0.
  if (/^DateTime(\('[^']*'\))?$/.test(type)) return { kind: "DateTime64", precision: 0 };
  const time = /^DateTime64\((\d)(?:, *'[^']*')?\)$/.exec(type);
  if (time?.[1] !== undefined) return { kind: "DateTime64", precision: Number(time[1]) };
  return undefined;
}
