// Changes as a person reads them. Pure.

const DASH = "–";
/** Percent. */
const LARGEST = 9999;

/** +3.21%, -0.5%, 0%; "from 0" where there was nothing. */
export function changeText(change: number): string {
  if (!Number.isFinite(change)) return change > 0 ? "from 0" : DASH;
  return `${signed(change)}%`;
}

/** "-1.2 to +3.4%"; a question mark for an end that is not known. */
export function intervalText(low: number | undefined, high: number | undefined): string {
  const ends = [low, high].map((end) => (end !== undefined && Number.isFinite(end) ? signed(end) : undefined));
  if (ends.every((end) => end === undefined)) return DASH;
  const [from = "?", to = "?"] = ends;
  return `${from} to ${to}${to === "?" ? "" : "%"}`;
}

/** In percent: two decimals below 10, one below 100; what is more than a hundredfold is not told apart. */
function signed(share: number): string {
  const size = Math.abs(share * 100);
  if (size > LARGEST) return `>+${LARGEST}`;
  const text = String(Number((share * 100).toFixed(size < 10 ? 2 : size < 100 ? 1 : 0)));
  return share > 0 && text !== "0" ? `+${text}` : text === "-0" ? "0" : text;
}
