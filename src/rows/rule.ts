// A rule as a user writes it for a column, or for a part of one: what values it is to have. It knows no type yet;
// value.ts joins the two. Shapes alone: config.ts reads them out of YAML and vouches for what is said here.

/** A plain value of YAML: what a constant or a choice may be. A Date never: times are written as text. */
export type Scalar = string | number | bigint | boolean | null | Written;
export type Plain = Scalar | readonly Plain[] | { readonly [name: string]: Plain };

/**
 * What YAML takes for a number or a boolean, and is written otherwise than a program would: 1.10, 02108, 0x1F, True. Texts
 * have it as it is written.
 */
export class Written {
  constructor(
    readonly value: number | bigint | boolean,
    readonly source: string,
  ) {}

  toString(): string {
    return this.source;
  }
}

/** For what is no text. */
export function unwritten<T>(value: T): Exclude<T, Written> | number | bigint | boolean {
  return value instanceof Written ? value.value : (value as Exclude<T, Written>);
}

/** A number, or a date, time or duration as text: in the unit of the column. */
export type Quantity = number | bigint | string;

/** Numbers (and dates) from `from` to `to`, both included, each as likely. */
export interface Uniform {
  readonly from: Quantity;
  readonly to: Quantity;
}

/** Cut off at `min` and `max`, where they are given: what lies beyond is drawn anew, not moved to the border. */
export interface Normal {
  readonly mean: Quantity;
  /** Standard deviation, above 0. */
  readonly sd: Quantity;
  readonly min?: Quantity;
  readonly max?: Quantity;
}

/** From `min` (default 0) up, `mean` on the average above it; cut off at `max`. */
export interface Exponential {
  readonly mean: Quantity;
  readonly min?: Quantity;
  readonly max?: Quantity;
}

/** Whole numbers from `from` to `to`; the k-th of them with a weight of 1 / k^exponent. */
export interface Zipf {
  readonly from: Quantity;
  readonly to: Quantity;
  /** Above 0. */
  readonly exponent: number;
}

/** from, from + step, … by the number of the row in the run; behind `to` again from the start. */
export interface Sequence {
  readonly from: Quantity;
  readonly step: Quantity;
  readonly to?: Quantity;
}

/**
 * n + 1 numbers (or dates, …) that rise or stay: n ranges between neighbours, each as likely. A range begins with its first
 * number and ends before the next range's; the last has both ends. Equal neighbours are a range of that one number.
 */
export type Quantiles = readonly Quantity[];

/** One of these; at least one, weights of 0 or more that are not all 0. */
export interface Choice {
  readonly values: readonly Plain[];
  /** As many as values; undefined: each as likely. */
  readonly weights: readonly number[] | undefined;
}

/** The row's time, or before it. */
export interface TimeRule {
  /** So much earlier at most, each as likely; a duration in nanoseconds. */
  readonly jitterNs?: bigint;
  /** This share of the rows comes late: its time lies earlier by an exponential delay. */
  readonly late?: { readonly ratio: number; readonly meanNs: bigint; readonly maxNs: bigint };
}

/** How many distinct values, and which of them a row has. */
export interface Cardinality {
  /** From 1 up. */
  readonly of: number;
  /** zipf: the k-th with a weight of 1 / k^exponent; cycle: one after the other, by the number of the row. */
  readonly draw:
    | { readonly kind: "uniform" }
    | { readonly kind: "zipf"; readonly exponent: number }
    | { readonly kind: "cycle" };
  /**
   * Columns that name the same key belong together: the same row picks the same of the `of` things in each, and what the
   * column holds is a property of the thing, which others may share.
   */
  readonly key?: string;
}

/** A set of things that values belong to. */
export interface Things {
  readonly of: number;
  /** Whether each thing has another value; a property of it may come again. */
  readonly apart: boolean;
}

/** What values one column, or one part of a column, is to have. Everything may be left out. */
export interface Rule {
  /** Where it stands, for complaints: rules.yaml:12: columns.status */
  readonly at: string;
  /** At most one of these. */
  readonly constant?: Plain;
  readonly sequence?: Sequence;
  readonly uniform?: Uniform;
  readonly normal?: Normal;
  readonly exponential?: Exponential;
  readonly zipf?: Zipf;
  readonly quantiles?: Quantiles;
  readonly choice?: Choice;
  readonly pattern?: string;
  readonly time?: TimeRule;
  /** What another column has in the same row, written as this type has it. */
  readonly same?: string;

  readonly cardinality?: Cardinality;
  /** Share of NULL, from 0 to 1. */
  readonly nulls?: number;
  /** Digits behind the point of a Float or Decimal, from 0 to 18. */
  readonly decimals?: number;
  /** Of arrays and maps: a rule for a whole number. */
  readonly length?: Rule;
  /** Of an array. */
  readonly items?: Rule;
  /** Of a map. */
  readonly keys?: Rule;
  readonly values?: Rule;
  /** Of the elements of a Tuple or Nested, the paths of JSON, or a Map with just these keys. */
  readonly fields?: Readonly<Record<string, Rule>>;
  /** Of a path of JSON that the column does not declare: its ClickHouse type. */
  readonly type?: string;
}

/** Columns that are chosen together: each option has a value for each of them. */
export interface Together {
  readonly at: string;
  readonly columns: readonly string[];
  /** At least one, each with as many values as there are columns. */
  readonly options: readonly { readonly values: readonly Plain[]; readonly weight: number }[];
}

/** All that a config file says about rows. */
export interface Rules {
  /** By the name of the column. */
  readonly columns: ReadonlyMap<string, Rule>;
  /** Columns that are left out of the insert, with the places that say so. */
  readonly omitted: ReadonlyMap<string, string>;
  readonly together: readonly Together[];
}

export const NO_RULES: Rules = { columns: new Map(), omitted: new Map(), together: [] };
