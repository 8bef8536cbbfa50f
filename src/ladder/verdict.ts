// What is in the way: from the figures of a ladder to plain sentences. Pure. Called by report.ts.

import type { Format } from "../rows/program.js";

/** From the top: each has all that the one before has, and one thing more. */
export const RUNGS = ["rendering", "discarding", "null", "table"] as const;
export type RungKind = (typeof RUNGS)[number];

/** Rows per second by rung, of those that were run; 0 where no insert was answered. */
export interface Climb {
  readonly format: Format;
  readonly rowsPerSecond: Readonly<Partial<Record<RungKind, number>>>;
}

/** Below this the generator is too near to the server to say that it is the server. */
const HEADROOM = 2;
/** From here on two figures count as alike: chance is some percent. */
const ALIKE = 0.9;
/** From here on reading is the larger part. */
const LARGER = 0.5;
/** A format is worth a word when the fastest is so much faster. */
const FASTER = 1.5;

/** One list of sentences a climb, in their order; `table`: what the last rung's table is called. */
export function verdicts(climbs: readonly Climb[], table: string): readonly (readonly string[])[] {
  return climbs.map((climb) => {
    const generator = generatorSentences(climb);
    // Figures that the generator may have held down say nothing of which part of the server does.
    const isHeldDown = generator.length > 0 && into(climb) >= ALIKE * (climb.rowsPerSecond.null ?? 0);
    return [...generator, ...(isHeldDown ? [] : serverSentences(climb, table)), ...formatSentences(climb, climbs)];
  });
}

const into = ({ rowsPerSecond: { table = 0 } }: Climb): number => table;

function generatorSentences({
  format,
  rowsPerSecond: { rendering, discarding, null: parsed, table },
}: Climb): string[] {
  const server = Math.max(parsed ?? 0, table ?? 0);
  if (server === 0) return [];
  if (rendering !== undefined && rendering < HEADROOM * server) {
    return [
      `Rendering ${format} makes only ${times(rendering / server)} what the server takes: the generator, not the server, may be the limit (more --workers, or another machine).`,
    ];
  }
  if (discarding !== undefined && discarding < HEADROOM * server) {
    return [
      `Sending to a discarding endpoint makes only ${times(discarding / server)} what the server takes: the generator, not the server, may be the limit (more --workers or --in-flight, or another machine).`,
    ];
  }
  return [];
}

function serverSentences({ format, rowsPerSecond }: Climb, tableName: string): string[] {
  const { discarding, null: parsed, table } = rowsPerSecond;
  if (parsed === undefined || parsed === 0) return [];
  if (table === undefined || table === 0) {
    if (discarding === undefined || discarding < HEADROOM * parsed) return [];
    return [
      `The server reads ${format} at ${percent(parsed / discarding)} of what can be sent: its parser is in the way.`,
    ];
  }
  const share = table / parsed;
  if (share >= ALIKE) {
    return [
      `${tableName} takes rows about as fast as ENGINE = Null: reading ${format} is in the way, storing adds next to nothing.`,
    ];
  }
  const [more, less] =
    share >= LARGER
      ? [`reading ${format}`, "storing (sorting, compressing, writing, merging)"]
      : ["storing (sorting, compressing, writing, merging)", `reading ${format}`];
  return [
    `${tableName} takes ${percent(share)} of what ENGINE = Null takes: ${more} is the larger part of the work, ${less} the smaller.`,
  ];
}

/** Against the format that goes into the table fastest. */
function formatSentences({ format, rowsPerSecond }: Climb, climbs: readonly Climb[]): string[] {
  const [fastest] = climbs.toSorted((one, other) => into(other) - into(one));
  const own = rowsPerSecond.table ?? 0;
  if (fastest === undefined || own === 0 || into(fastest) < FASTER * own) return [];
  // The fastest format is stored as well: storing alone does not hold this one up.
  const meaning =
    own < LARGER * (rowsPerSecond.null ?? 0)
      ? `reading ${format} is in the way as well`
      : `with ${format} the parser is measured, not the storage`;
  return [`${fastest.format} goes into the table ${times(into(fastest) / own)} as fast as ${format}: ${meaning}.`];
}

/** 4.123 → "4.1 times". */
const times = (ratio: number): string => `${ratio >= 9.95 ? Math.round(ratio) : ratio.toFixed(1)} times`;
/** 0.684 → "68 %"; small ones keep a digit: 0.0041 → "0.4 %". */
export const percent = (share: number): string =>
  `${share >= 0.0995 || share === 0 ? Math.round(share * 100) : Number((share * 100).toPrecision(1))} %`;
