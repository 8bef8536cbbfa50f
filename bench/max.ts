// Whole searches of max on virtual time against servers whose capacity is known: how far off what it says is sustained is, and how
// often its interval holds the truth. No server is started and no time is waited for.

import { holds, isNear, LAWS, PRECISION, placesOf, type Told, told } from "../test/support/search-laws.js";
import { printHead, printTable, spread } from "./results.js";

const RATES = [4, 20, 200, 2000];
const IN_FLIGHT = [1, 8, 80];
/** At the highest rate a search takes a second or two. */
const SEARCHES: Readonly<Record<number, number>> = { 4: 40, 20: 40, 200: 20, 2000: 4 };

const percent = (share: number): string => (100 * share).toFixed(1);

function rowOf(name: string, rate: number, all: readonly Told[]): readonly string[] {
  const off = spread(all.map(({ truth, finding }) => (finding.sustained ?? 0) / truth - 1));
  const wide = spread(all.map(({ finding: { low = 0, high = 0 } }) => high / low - 1));
  const near = all.filter((one) => isNear(one, PRECISION)).length;
  return [
    name,
    String(rate),
    `${percent(off.median)} (${percent(off.min)} to ${percent(off.max)})`,
    `${near} of ${all.length}`,
    `${all.filter(holds).length} of ${all.length}`,
    `${percent(wide.median)} (${percent(wide.max)})`,
    spread(all.map(({ tookMs }) => tookMs / 60_000)).median.toFixed(1),
  ];
}

printHead("How near does max come to what a server takes, and does its interval hold it?", {});
const rows: (readonly string[])[] = [];
for (const name of Object.keys(LAWS)) {
  for (const rate of RATES) {
    // An insert takes two seconds, and one is due each second at least.
    const places = IN_FLIGHT.filter((inFlight) => placesOf(name) === 1 || rate > 4 || inFlight > 1);
    const all = places.flatMap((inFlight) =>
      Array.from({ length: SEARCHES[rate] ?? 1 }, (_, seed) => told(name, rate, inFlight, 5000 * rate + seed)),
    );
    rows.push(rowOf(name, rate, all));
  }
}
printTable(
  [
    "the server",
    "inserts/s",
    "sustained, % off the truth",
    "within 5%",
    "interval holds it",
    "its width, % (most)",
    "minutes",
  ],
  rows,
);
