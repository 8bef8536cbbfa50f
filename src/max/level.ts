// Whether a table's parts and merges stay level over a hold, from readings a few times a second. Pure. Called by step.ts.
//
// Active parts are a sawtooth: inserts add one each, a merge takes some six to a hundred away at once. So neither the last
// reading nor a slope through all of them says much. Compared are the first third of the hold and the last, by the fewest and
// by the most parts seen in each:
//
//      most  ┌──╱│──╱│┐             ┌╱│──╱│─┐    level: the teeth may stand differently, so that one of
//    fewest  └─╱─┘╱──┘┘   …         └─┘╱──┘╱┘           the two is higher, but hardly both
//
//                                   ┌─────╱╱┐
//                                   └╱╱─────┘    piled up: even the fewest are more than the fewest before,
//      most  ┌─╱╱╱╱╱┐                                   and so are the most
//    fewest  └╱─────┘     …
//
// By how much both have grown is compared with how many inserts came in between. Of these the parts no merge has touched yet
// (level 0) may grow by a tenth: merges that keep up leave none. All parts may grow by three tenths: of six to eight new ones
// a merge makes one that stays for longer, so that even a level table first grows by a sixth. Up to eight more are chance, as
// the server may begin a merge late; up to five where hardly any of the new ones was merged, since it merges six of a kind. A
// pile that grows slower than that shows only in a longer hold.

/** Of the table, on the server where it is worst, at one time. */
export interface Reading {
  /** Nanoseconds from the start of the load. */
  readonly atNs: number;
  /** Inserts acknowledged until then. */
  readonly inserts: number;
  /** Active ones, of all partitions. */
  readonly parts: number;
  /** Of the partition that has most: the server's own limits are about that. */
  readonly largest: number;
  /** Of level 0, in the partition that has most of them. */
  readonly unmerged: number;
  /** Merges under way. */
  readonly merges: number;
}

/** What may grow, and by how much. */
const WATCHED = [
  { name: "unmerged", share: 0.1, least: 8, noun: "parts that no merge has touched" },
  { name: "unmerged", share: 0.8, least: 5, noun: "parts that no merge has touched" },
  { name: "largest", share: 0.3, least: 8, noun: "active parts" },
  // The pools of a server end at some 16 to 32: so many more at work are a backlog of merges.
  { name: "merges", share: 0, least: 8, noun: "merges under way" },
] as const;

/** Why they do not stay level from `fromNs` to `toNs`; undefined: they do, as far as can be seen. */
export function pileUp(readings: readonly Reading[], fromNs: number, toNs: number): string | undefined {
  const thirdNs = (toNs - fromNs) / 3;
  const first = readings.filter(({ atNs }) => atNs >= fromNs && atNs < fromNs + thirdNs);
  const last = readings.filter(({ atNs }) => atNs >= toNs - thirdNs && atNs <= toNs);
  if (first.length === 0 || last.length === 0) return undefined;
  const inserts = mean(last) - mean(first);
  for (const { name, share, least, noun } of WATCHED) {
    const [before, after] = [rangeOf(first, name), rangeOf(last, name)];
    const grown = Math.min(after.fewest - before.fewest, after.most - before.most);
    if (grown > Math.max(least, share * inserts)) {
      return `${noun} grew from ${text(before)} to ${text(after)}`;
    }
  }
  return undefined;
}

interface Range {
  readonly fewest: number;
  readonly most: number;
}

function rangeOf(readings: readonly Reading[], name: (typeof WATCHED)[number]["name"]): Range {
  const values = readings.map((reading) => reading[name]);
  return { fewest: Math.min(...values), most: Math.max(...values) };
}

const mean = (readings: readonly Reading[]): number =>
  readings.reduce((sum, { inserts }) => sum + inserts, 0) / readings.length;

const text = ({ fewest, most }: Range): string => (fewest === most ? String(most) : `${fewest}–${most}`);
