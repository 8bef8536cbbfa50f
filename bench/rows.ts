// What do rows of any table cost? Four parts, all of them or those that are named:
// `npm run bench:rows -- [tables] [draws] [columns] [start-up] [--rounds 7] [--seconds 1]`.

import { parseArgs } from "node:util";
import { type EmbeddedServer, startEmbedded } from "../src/embedded/server.js";
import { resolveRun } from "../src/options.js";
import { makePlan } from "../src/plan.js";
import { EVENT_TABLE, type TableColumn } from "../src/rows/column.js";
import { Renderer } from "../src/rows/renderer.js";
import { NO_RULES, type Rule } from "../src/rows/rule.js";
import type { Column } from "../src/rows/value.js";
import { holding, Schedule } from "../src/schedule.js";
import { execute } from "../src/server.js";
import { prepareTarget } from "../src/target.js";
import { example, fitted } from "./example.js";
import { makeRenderer } from "./kernel.js";
import { inTurn, note, numberFlag, printAim, printHead, printTable, say, show, spread } from "./results.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: "string", default: "7" }, seconds: { type: "string", default: "1" } },
});
const ROUNDS = numberFlag("rounds", values.rounds, 1);
const SECONDS = numberFlag("seconds", values.seconds, 0.1);

/** As bench:render: --in-flight slots and one. */
const SLOTS = 9;
/** Bytes of a batch, about, whatever the rows: more than the cores' own caches hold. */
const BATCH_BYTES = 4_000_000;
const DATA_START_NS = BigInt(Date.UTC(2026, 0, 1)) * 1_000_000n;
const _RUN_ID = "0123456789ab";

/** A row a microsecond. */
const SCHEDULE = {
  kind: "open",
  pieces: [holding({ numerator: 1_000_000n, denominator: 1n }, 90n * 86_400_000_000_000n)],
  warmUpNs: 0n,
  poissonSeed: undefined,
  flushNs: 1_000_000_000n,
  dataSpanNs: undefined,
} as const;

/** Renders one table over and over. */
class Rendering {
  /** Nanoseconds a row, of each round. */
  readonly rowNs: number[] = [];
  bytesPerRow = 0;
  readonly #renderer: Renderer;
  readonly #schedule: Schedule;
  readonly #batchRows: number;
  #batch = 0;

  constructor(
    readonly name: string,
    readonly columns: readonly Column[],
  ) {
    this.#batchRows = Math.max(100, Math.min(50_000, Math.round(BATCH_BYTES / (30 * columns.length))));
    this.#renderer = makeRenderer(columns, SLOTS, this.#batchRows);
    this.#schedule = new Schedule({ ...SCHEDULE, batchRows: this.#batchRows });
  }

  /** As a worker does it: into one slot after the other. */
  async time(seconds: number): Promise<number> {
    const startMs = performance.now();
    let [rows, bytes, elapsedMs] = [0, 0, 0];
    while (elapsedMs < seconds * 1000) {
      const slot = this.#renderer.slots[this.#batch % SLOTS];
      const batch = this.#schedule.batch(this.#batch++);
      if (slot === undefined || batch === undefined) throw new RangeError("no slot or no batch");
      await this.#renderer.fill(slot, batch, DATA_START_NS);
      rows += this.#batchRows;
      bytes += slot.bytes;
      elapsedMs = performance.now() - startMs;
    }
    this.bytesPerRow = bytes / rows;
    return (elapsedMs * 1e6) / rows;
  }

  get gigabytesPerSecond(): readonly number[] {
    return this.rowNs.map((ns) => this.bytesPerRow / ns);
  }
}

async function race(renderings: readonly Rendering[]): Promise<void> {
  for (const one of renderings) await one.time(Math.min(0.3, SECONDS));
  await inTurn(renderings, ROUNDS, async (one) => {
    one.rowNs.push(await one.time(SECONDS));
  });
}

/** The types that tables are mostly made of, in turn. */
const WIDE_TYPES = [
  "UInt64",
  "Int32",
  "Float64",
  "Decimal(9, 2)",
  "LowCardinality(String)",
  "String",
  "DateTime",
  "Nullable(Int32)",
  "Enum8('new' = 1, 'open' = 2, 'closed' = 3)",
  "UUID",
];

/** Columns column_001, column_002 … without a rule. */
function wide(columns: number): readonly TableColumn[] {
  return Array.from({ length: columns }, (_, index) => ({
    name: `column_${String(index + 1).padStart(3, "0")}`,
    type: WIDE_TYPES[index % WIDE_TYPES.length] ?? "",
    defaultKind: "",
  }));
}

async function tables(server: EmbeddedServer): Promise<void> {
  const contenders = [
    { aim: 1, rendering: new Rendering("default table", fitted(EVENT_TABLE, NO_RULES)) },
    {
      aim: 1,
      rendering: new Rendering("OpenTelemetry logs (example)", await example(server, "otel-logs", "otel_logs")),
    },
    { aim: 1, rendering: new Rendering("wide table, no rules", fitted(wide(100), NO_RULES)) },
    {
      aim: undefined,
      rendering: new Rendering("web events (example)", await example(server, "web-events", "web_events")),
    },
    {
      aim: undefined,
      rendering: new Rendering("CPU metrics (example)", await example(server, "cpu-metrics", "cpu_metrics")),
    },
  ];
  await race(contenders.map(({ rendering }) => rendering));
  printTable(
    ["table", "columns", "GB/s", "M rows/s", "bytes/row"],
    contenders.map(({ rendering }) => [
      rendering.name,
      String(rendering.columns.length),
      show(rendering.gigabytesPerSecond, 2),
      show(
        rendering.rowNs.map((ns) => 1000 / ns),
        2,
      ),
      rendering.bytesPerRow.toFixed(0),
    ]),
  );
  for (const { aim, rendering } of contenders) {
    const { median } = spread(rendering.gigabytesPerSecond);
    if (aim !== undefined) printAim(`${rendering.name}, GB/s`, median, "at least", aim);
  }
}

const DRAW_COLUMNS = 10;

/** Ten columns of one type and rule. */
function tenfold(name: string, type: string, rule: Omit<Rule, "at">): Rendering {
  const table = Array.from({ length: DRAW_COLUMNS }, (_, index) => ({ name: `c${index}`, type, defaultKind: "" }));
  const rules = new Map(table.map((column) => [column.name, { at: column.name, ...rule }]));
  return new Rendering(name, fitted(table, { ...NO_RULES, columns: rules }));
}

const MILLION = 1_000_000;
const UNIFORM_SET = { of: MILLION, draw: { kind: "uniform" } } as const;
const ZIPF_SET = { of: MILLION, draw: { kind: "zipf", exponent: 1.1 } } as const;

/** Each family's first is the uniform one that the others are compared with. */
const FAMILIES: readonly (readonly (readonly [name: string, type: string, rule: Omit<Rule, "at">])[])[] = [
  [
    ["UInt32, uniform 1 to 1,000,000", "UInt32", { uniform: { from: 1, to: MILLION } }],
    ["zipf 1.1", "UInt32", { zipf: { from: 1, to: MILLION, exponent: 1.1 } }],
    ["normal", "UInt32", { normal: { mean: 500_000, sd: 100_000 } }],
    ["exponential", "UInt32", { exponential: { mean: 100_000, max: MILLION } }],
    ["cardinality 1,000,000", "UInt32", { cardinality: UNIFORM_SET, uniform: { from: 1, to: MILLION } }],
    ["cardinality 1,000,000 by zipf 1.1", "UInt32", { cardinality: ZIPF_SET, uniform: { from: 1, to: MILLION } }],
  ],
  [
    ["String, pattern user-{uuid}", "String", { pattern: "user-{uuid}" }],
    ["cardinality 1,000,000", "String", { cardinality: UNIFORM_SET, pattern: "user-{uuid}" }],
    ["cardinality 1,000,000 by zipf 1.1", "String", { cardinality: ZIPF_SET, pattern: "user-{uuid}" }],
  ],
  [
    ["String, pattern /{shop|help}/{int 1..10000000}", "String", { pattern: "/{shop|help}/{int 1..10000000}" }],
    ["cardinality 1,000,000", "String", { cardinality: UNIFORM_SET, pattern: "/{shop|help}/{int 1..10000000}" }],
    [
      "cardinality 1,000,000 by zipf 1.1",
      "String",
      { cardinality: ZIPF_SET, pattern: "/{shop|help}/{int 1..10000000}" },
    ],
  ],
];

async function draws(): Promise<void> {
  for (const family of FAMILIES) {
    const renderings = family.map(([name, type, rule]) => tenfold(name, type, rule));
    const [uniform] = renderings;
    if (uniform === undefined) continue;
    await race(renderings);
    const ratios = (one: Rendering): number[] => one.rowNs.map((ns, round) => ns / (uniform.rowNs[round] ?? 0));
    printTable(
      [uniform.name, "ns a value", "times the first"],
      renderings.map((one) => [
        one === uniform ? "itself" : one.name,
        show(
          one.rowNs.map((ns) => ns / DRAW_COLUMNS),
          1,
        ),
        one === uniform ? "" : show(ratios(one), 2),
      ]),
    );
    for (const one of renderings.slice(1)) printAim(`${one.name}, times`, spread(ratios(one)).median, "at most", 2);
    say("");
  }
}

const WIDTHS = [1, 10, 50, 100, 200, 400, 800];

async function columns(): Promise<void> {
  const renderings = WIDTHS.map((width) => new Rendering(String(width), fitted(wide(width), NO_RULES)));
  await race(renderings);
  printTable(
    ["columns", "ns a row", "ns a row and column", "bytes/row", "GB/s"],
    renderings.map((one) => [
      one.name,
      show(one.rowNs, 0),
      show(
        one.rowNs.map((ns) => ns / one.columns.length),
        2,
      ),
      one.bytesPerRow.toFixed(0),
      show(one.gigabytesPerSecond, 2),
    ]),
  );
}

const START_WIDTHS = [1, 10, 100, 400];

/** From the first question to the server up to a renderer that could render: once a round, in this process. */
async function startUp(server: EmbeddedServer): Promise<void> {
  const plain = resolveRun({ "clickhouse-url": server.url }, {});
  const [endpoint] = plain.endpoints;
  if (endpoint === undefined) throw new RangeError("no endpoint");
  const contenders = START_WIDTHS.map((width) => ({
    width,
    table: `wide_${width}`,
    preflightMs: [] as number[],
    planMs: [] as number[],
    instantiateMs: [] as number[],
    allMs: [] as number[],
  }));
  for (const { width, table } of contenders) {
    const described = wide(width).map(({ name, type }) => `${name} ${type}`);
    await execute(endpoint, `CREATE TABLE ${table} (${described.join(", ")}) ENGINE = MergeTree ORDER BY tuple()`);
  }
  await inTurn(contenders, ROUNDS + 1, async (one) => {
    const options = resolveRun({ "clickhouse-url": server.url, table: one.table }, {});
    const startMs = performance.now();
    const target = await prepareTarget(options.endpoints, options);
    const preparedMs = performance.now();
    const [plan] = makePlan(options, target, options.endpoints, "bench").workers;
    const plannedMs = performance.now();
    if (plan?.rows.kind !== "rules") throw new RangeError("no worker");
    new Renderer(plan.kernel, plan.rows.program, plan.slots, plan.slotBytes);
    const readyMs = performance.now();
    one.preflightMs.push(preparedMs - startMs);
    one.planMs.push(plannedMs - preparedMs);
    one.instantiateMs.push(readyMs - plannedMs);
    one.allMs.push(readyMs - startMs);
  });
  // The very first is of a process that has nothing compiled yet: that is what a user waits for.
  printTable(
    ["columns", "pre-flight, ms", "rules, program, plan, ms", "instantiate, ms", "all, ms", "first time, ms"],
    contenders.map((one) => [
      String(one.width),
      show(one.preflightMs.slice(1), 1),
      show(one.planMs.slice(1), 1),
      show(one.instantiateMs.slice(1), 1),
      show(one.allMs.slice(1), 1),
      (one.allMs[0] ?? 0).toFixed(0),
    ]),
  );
  const hundred = contenders.find(({ width }) => width === 100);
  printAim("100 columns, ms", spread(hundred?.allMs ?? []).median, "at most", 200);
}

const PARTS: readonly (readonly [name: string, question: string, run: (server: EmbeddedServer) => Promise<void>])[] = [
  ["tables", "How fast are rows of other tables rendered?", tables],
  ["draws", "What does a distribution cost, against uniform numbers?", draws],
  ["columns", "Does the cost grow with the columns, and no faster?", columns],
  ["start-up", "How long from the first question to the server until rows can be rendered?", startUp],
];

const wrong = positionals.filter((name) => !PARTS.some(([part]) => part === name));
if (wrong.length > 0) {
  note(`there is no part ${wrong.join(", ")}: ${PARTS.map(([name]) => name).join(", ")}`);
  process.exit(2);
}
const server = await startEmbedded({ login: "none" });
try {
  printHead("What do rows of any table cost?", { v8: process.versions.v8 });
  say(`median (min–max) of ${ROUNDS} rounds of ${SECONDS} s each, taken in turn; one core, nothing is sent\n`);
  for (const [name, question, run] of PARTS) {
    if (positionals.length > 0 && !positionals.includes(name)) continue;
    say(`## ${name}: ${question}\n`);
    await run(server);
    say("");
  }
} finally {
  await server.stop();
}
