// The runs of starved.ts: of which the generator is the limit, and of which the server is.

export interface Case {
  readonly kind: "starved" | "limited";
  readonly name: string;
  /** So many places, each of which takes so long for an insert. */
  readonly sink: { readonly places: number; readonly serviceMs: number };
  readonly flags: readonly string[];
  /** All threads of the program have this one, and the busy loops as well. Undefined: any. */
  readonly cpu?: string;
  /** Busy loops beside it. */
  readonly hogs?: number;
  /** Stopped for so long, then let go on for so long, again and again. */
  readonly rhythmMs?: readonly [stopMs: number, goMs: number];
  /** So many microseconds of CPU in each period. */
  readonly quotaUs?: readonly [quotaUs: number, periodUs: number];
}

const AT_ONCE = { places: 8, serviceMs: 0 };
const ONE_WORKER = ["--workers", "1"];

/** Inserts of 100 rows. */
const paced = (insertsPerS: number, ...more: readonly string[]): readonly string[] => [
  ...["--rate", String(insertsPerS * 100), "--batch-rows", "100"],
  ...more,
];
const closed = (rows: number, ...more: readonly string[]): readonly string[] => [
  ...["--rate", "max", "--batch-rows", String(rows)],
  ...more,
];

const LOADS = [
  ["200/s", paced(200, ...ONE_WORKER)],
  ["1000/s", paced(1000, ...ONE_WORKER)],
  ["closed", closed(100, ...ONE_WORKER)],
] as const;
const GZIP = ["--compress", "gzip"];

const hogged: readonly Case[] = [1, 2, 3].flatMap((hogs) =>
  LOADS.map(
    ([load, flags]): Case => ({
      kind: "starved",
      name: `${hogs} beside it, ${load}`,
      sink: AT_ONCE,
      flags,
      cpu: "0",
      hogs,
    }),
  ),
);

const stopped: readonly Case[] = (
  [
    [50, 50],
    [200, 800],
    [900, 600],
    [300, 100],
    [30, 170],
  ] as const
).flatMap((rhythmMs) =>
  LOADS.filter(([load]) => load !== "1000/s").map(
    ([load, flags]): Case => ({
      kind: "starved",
      name: `stopped ${rhythmMs[0]} of ${rhythmMs[0] + rhythmMs[1]} ms, ${load}`,
      sink: AT_ONCE,
      flags,
      rhythmMs,
    }),
  ),
);

const throttled: readonly Case[] = (
  [
    [10_000, 100_000],
    [5000, 50_000],
  ] as const
).flatMap((quotaUs) =>
  LOADS.map(
    ([load, flags]): Case => ({
      kind: "starved",
      name: `${quotaUs[0] / 1000} ms of CPU in ${quotaUs[1] / 1000}, ${load}`,
      sink: AT_ONCE,
      flags,
      quotaUs,
    }),
  ),
);

const overasked: readonly Case[] = [
  { name: "single rows, 60,000/s of one worker", flags: ["--rate", "60000", "--batch-rows", "1", ...ONE_WORKER] },
  { name: "single rows, closed, one worker", flags: closed(1, ...ONE_WORKER) },
  { name: "gzip, 3 M rows/s", flags: ["--rate", "3M", "--batch-rows", "20000", "--workers", "2", ...GZIP] },
  {
    name: "gzip, 1.5 M rows/s, 2 beside it",
    flags: ["--rate", "1.5M", "--batch-rows", "20000", ...ONE_WORKER, ...GZIP],
    cpu: "0",
    hogs: 2,
  },
  { name: "2 workers, 2 beside them, 500/s", flags: paced(500, "--workers", "2"), cpu: "0", hogs: 2 },
].map((one) => ({ kind: "starved", sink: AT_ONCE, ...one }));

/** At twice what it takes. */
const queued: readonly Case[] = (
  [
    [4, 500],
    [20, 100],
    [200, 10],
    [2000, 1],
  ] as const
).flatMap(([insertsPerS, serviceMs]) =>
  [1, 8, 80].map(
    (inFlight): Case => ({
      kind: "limited",
      name: `${insertsPerS}/s, one place of ${serviceMs} ms, in flight ${inFlight}`,
      sink: { places: 1, serviceMs },
      flags: paced(insertsPerS, "--in-flight", String(inFlight)),
    }),
  ),
);

const parallel: readonly Case[] = [2, 5, 20, 100].flatMap((serviceMs): Case[] => [
  {
    kind: "limited",
    name: `10% too much for 2 places of ${serviceMs} ms`,
    sink: { places: 2, serviceMs },
    flags: paced(Math.round(2200 / serviceMs)),
  },
  {
    kind: "limited",
    name: `20% too much for 8 places of ${10 * serviceMs} ms, gzip, in flight 32`,
    sink: { places: 8, serviceMs: 10 * serviceMs },
    flags: paced(Math.round(960 / serviceMs), "--in-flight", "32", ...GZIP),
  },
]);

const loops: readonly Case[] = [
  ...[1, 8, 80].map((inFlight) => ({
    name: `closed, 4 places of 5 ms, in flight ${inFlight}`,
    sink: { places: 4, serviceMs: 5 },
    flags: closed(1000, "--in-flight", String(inFlight)),
  })),
  ...[100, 400].map((serviceMs) => ({
    name: `closed, 50,000 rows, 8 places of ${serviceMs} ms`,
    sink: { places: 8, serviceMs },
    flags: closed(50_000),
  })),
  { name: "closed, one place of 20 ms, on one CPU", sink: { places: 1, serviceMs: 20 }, flags: closed(1000), cpu: "0" },
  { name: "closed, 2 places of 2 ms, single rows", sink: { places: 2, serviceMs: 2 }, flags: closed(1) },
  {
    name: "closed, 4 places of 100 ms, one loop beside it",
    sink: { places: 4, serviceMs: 100 },
    flags: closed(1000),
    hogs: 1,
  },
  {
    name: "100/s, one place of 20 ms, one loop beside it",
    sink: { places: 1, serviceMs: 20 },
    flags: paced(100),
    hogs: 1,
  },
  {
    name: "2,000/s single rows, one place of 1 ms, in flight 1",
    sink: { places: 1, serviceMs: 1 },
    flags: ["--rate", "2000", "--batch-rows", "1", "--in-flight", "1"],
  },
].map((one) => ({ kind: "limited", ...one }));

export const CASES: readonly Case[] = [
  ...hogged,
  ...stopped,
  ...throttled,
  ...overasked,
  ...queued,
  ...parallel,
  ...loops,
];
