// src/repeat/: which runs there are, in which order, under which names; the program with --repeat and --against, on servers of known
// latency and on a real ClickHouse.

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { type Environment, type Options, OptionsError, type RawFlags, resolveRun } from "../src/options.js";
import { readAgainst } from "../src/repeat/against.js";
import { settlingOf } from "../src/repeat/settle.js";
import { type Turn, turnsOf, worstOf } from "../src/repeat/turns.js";
import { parseReport } from "../src/report/read.js";
import type { Report } from "../src/report/schema.js";
import { NO_RULES } from "../src/rows/rule.js";
import { clickstorm, start } from "./support/cli.js";
import { nextPort } from "./support/ports.js";
import { perInsert, QueueServer, queue } from "./support/queue.js";
import { clickhouse, newDatabase, rowsOf } from "./support/server.js";

const folder = mkdtempSync(join(tmpdir(), "clickstorm-repeat-"));
after(() => rmSync(folder, { recursive: true }));

const QUIET = new AbortController().signal;

function problemsOf(raw: RawFlags): readonly string[] {
  try {
    resolveRun(raw, {});
  } catch (error) {
    if (error instanceof OptionsError) return error.problems;
    throw error;
  }
  return [];
}

const reportOf = (name: string): Report => {
  const reading = parseReport(readFileSync(join(folder, name), "utf8"), name);
  if ("problem" in reading) throw new Error(reading.problem);
  return reading.report;
};

describe("repeat", () => {
  const base = resolveRun({ report: "out.d/base.json", ledger: "odd", "run-id": "nightly", seed: "7" }, {});
  const against = resolveRun({ "clickhouse-url": "http://other", seed: "8" }, {});
  const names = (turns: readonly Turn[], pick: (turn: Turn) => unknown) => turns.map(pick);

  it("three runs: ids nightly-1 to -3, reports base-1.json to -3, all of one seed", () => {
    const turns = turnsOf(base, undefined, 3);
    expect(names(turns, ({ options }) => options.runId)).to.deep.equal(["nightly-1", "nightly-2", "nightly-3"]);
    expect(names(turns, ({ options }) => options.reportFile)).to.deep.equal(
      [1, 2, 3].map((number) => `out.d/base-${number}.json`),
    );
    expect(names(turns, ({ options }) => options.ledgerFile)).to.deep.equal(["odd-1", "odd-2", "odd-3"]);
    expect(new Set(names(turns, ({ options }) => options.seed))).to.deep.equal(new Set([7]));
  });

  it("two sides, three times: A B B A A B; the other has its URL, the seed and the names of the base", () => {
    const turns = turnsOf(base, against, 3);
    expect(names(turns, ({ side, number }) => `${side} ${number}`)).to.deep.equal([
      "base 1",
      "against 1",
      "against 2",
      "base 2",
      "base 3",
      "against 3",
    ]);
    const [, other] = turns;
    expect(other?.options.endpoints.map(({ origin }) => origin)).to.deep.equal(["http://other"]);
    expect([other?.options.reportFile, other?.options.runId, other?.options.seed]).to.deep.equal([
      "out.d/base.against-1.json",
      "nightly-against-1",
      7,
    ]);
  });

  it("the exit code is the first of 2, 3, 1, 99, 98 that is there, else a signal's, else 0", () => {
    expect([
      worstOf([0, 98, 99, 1]),
      worstOf([0, 98, 99]),
      worstOf([98, 130]),
      worstOf([0, 130]),
      worstOf([0, 0]),
      worstOf([]),
    ]).to.deep.equal([1, 99, 98, 130, 0, 0]);
  });

  it("--against without --repeat is five times, --repeat alone needs no report, neither is one run", () => {
    expect(resolveRun({ against: "http://b", report: "r.json" }, {}).repeat).to.deep.equal({
      times: 5,
      against: "http://b",
    });
    expect(resolveRun({ repeat: "2" }, {}).repeat).to.deep.equal({ times: 2, against: undefined });
    expect(resolveRun({}, {}).repeat).to.equal(undefined);
  });

  for (const [raw, sentence] of [
    [{ repeat: "0" }, /^--repeat must be an integer from 1 to 100, got 0$/],
    [
      { repeat: "2", shard: "1/2", "start-at": "2100-01-01", "run-id": "a", seed: "1" },
      /^--shard cannot be used with --repeat/,
    ],
    [{ repeat: "2", "start-at": "2100-01-01" }, /^--start-at cannot be used with --repeat: only one/],
    [{ against: "http://b" }, /^--against needs --report/],
    [{ against: "http://b", report: "r", embedded: "true" }, /^--embedded cannot be used with --against/],
    [{ repeat: "2", "run-id": "x".repeat(53) }, /^--run-id must have at most 52 characters with --repeat, got 53/],
  ] as const) {
    it(`${Object.entries(raw)
      .map(([name, value]) => `--${name} ${value}`)
      .join(" ")} is refused`, () => {
      expect(problemsOf(raw)[0]).to.match(sentence);
    });
  }

  for (const [against, got] of [
    ["load:hunter2@db:8123", "one that does not begin with http:// or https://"],
    ["load:hun ter2@db", "one that does not begin with http:// or https://"],
    ["http:/load:hunter2@db:8123", "one that does not begin with http:// or https://"],
    ["https:/db/hunter2", "one that does not begin with http:// or https://"],
    ["clickhouse://load:hunter2@db:9000/x", "one that begins with clickhouse: and not with http:// or https://"],
  ] as const) {
    it(`--against ${against} is no file: it is described, and not shown`, () =>
      expect(problemsOf({ against, report: "r.json" })).to.deep.equal([
        `--against must be a URL such as http://localhost:8123 or the name of a YAML file, got ${got}`,
      ]));
  }

  it("names of files that are taken for files: with a colon, an @ or a folder", () => {
    for (const against of ["other.yaml", "./a@b/other.yaml", "a:b.yaml", "db@home:8123.yaml", "C:/tmp/other.yaml"]) {
      expect(problemsOf({ against, report: "r.json" }), against).to.deep.equal([]);
    }
  });

  it("what a YAML file says goes before flags and the base's config file: async-insert, rules", async () => {
    const file = join(folder, "other.yaml");
    writeFileSync(file, "async-insert: true\nrate: 7\ncolumns:\n  user_id: { constant: u }\n");
    const { raw, config } = await readAgainst(file, { rate: "5", table: "t" }, new AbortController().signal);
    const options = resolveRun(raw, {}, config(undefined));
    expect([options.rateText, options.asyncInsert, options.table.table]).to.deep.equal(["7", true, "t"]);
    expect([...options.rules.columns.keys()]).to.deep.equal(["user_id"]);
  });

  const SECRET = new Map([["p", { text: "of the file\n", mode: 0o600 }]]);
  const replaced: readonly (readonly [
    yaml: string,
    base: RawFlags,
    variables: Environment,
    config: Record<string, string>,
    of: (options: Options) => unknown,
    expected: unknown,
  ])[] = [
    ["stage: [5s:100]", { rate: "10", duration: "1" }, {}, {}, ({ stages }) => stages.length, 1],
    ["stage: [5s:100]", {}, { EVENT_RATE: "10" }, { duration: "1" }, ({ durationNs }) => durationNs, 5_000_000_000n],
    [
      "rate: 10",
      { stage: ["5s:100", "5s:200"] },
      {},
      {},
      ({ rateText, stages }) => [rateText, stages.length],
      ["10", 0],
    ],
    ["rate: 10", { rate: "5", duration: "7s" }, {}, {}, ({ durationNs }) => durationNs, 7_000_000_000n],
    ["password: x", { "password-file": "p" }, {}, {}, ({ credentials }) => credentials.password, "x"],
    ["password: x", {}, { CLICKSTORM_PASSWORD_FILE: "p" }, {}, ({ credentials }) => credentials.password, "x"],
    ["password-file: p", { password: "x" }, {}, {}, ({ credentials }) => credentials.password, "of the file"],
    [
      "password-file: p",
      {},
      { CLICKHOUSE_PASSWORD: "x" },
      {},
      ({ credentials }) => credentials.password,
      "of the file",
    ],
    ["embedded: true", { "clickhouse-url": "http://a" }, {}, {}, ({ embedded }) => embedded, true],
    ["embedded: false", { "clickhouse-url": "http://a" }, {}, {}, ({ endpoints }) => endpoints[0]?.host, "a"],
    ["clickhouse-url: http://b", { embedded: "true" }, {}, {}, ({ endpoints }) => endpoints[0]?.host, "b"],
    ["clickhouse-url: http://b", {}, {}, { embedded: "true" }, ({ endpoints }) => endpoints[0]?.host, "b"],
  ];
  for (const [yaml, base, variables, options, of, expected] of replaced) {
    it(`a file that says ${yaml} beside ${JSON.stringify([base, variables, options])}: the file's holds`, async () => {
      const file = join(folder, "instead.yaml");
      writeFileSync(file, `${yaml}\n`);
      const overlay = await readAgainst(file, base, QUIET);
      const config = overlay.config({ file: "base.yaml", options, rules: NO_RULES });
      expect(of(resolveRun(overlay.raw, overlay.environment(variables), config, SECRET))).to.deep.equal(expected);
    });
  }

  it("what cannot stand together within the file is refused", async () => {
    const file = join(folder, "both.yaml");
    writeFileSync(file, "stage: [5s:100]\nrate: 10\n");
    const { raw } = await readAgainst(file, { duration: "1" }, QUIET);
    expect(problemsOf(raw)).to.deep.equal(["--rate cannot be used with --stage: each stage has a time and a rate"]);
  });

  describe("the program", () => {
    const LOAD = ["--rate", "60", "--batch-rows", "1", "--in-flight", "40", "--no-traces"];
    const servers: QueueServer[] = [];
    const serverOf = async (ms: number): Promise<string> => {
      const server = await QueueServer.open(queue(100, perInsert(ms)));
      servers.push(server);
      return server.url;
    };
    afterEach(async () => {
      for (const server of servers.splice(0)) await server.close();
    });

    it("twice as slow a server, in turn with the first, is worse in p50; the README's gates end with 99", async () => {
      const [fast, slow] = [await serverOf(150), await serverOf(300)];
      const file = join(folder, "twice.json");
      const runs = [
        "run",
        "--blind",
        ...LOAD,
        "--duration",
        "2",
        "--metrics-port",
        "0",
        "--repeat",
        "3",
        "--report",
        file,
      ];
      const { code, stdout, stderr } = await clickstorm([...runs, "--clickhouse-url", fast, "--against", slow]);
      expect([code, stderr.match(/^run \d of 6, \w+/gm)]).to.deep.equal([
        0,
        ["base", "against", "against", "base", "base", "against"].map(
          (side, index) => `run ${index + 1} of 6, ${side}`,
        ),
      ]);
      const table = stdout.slice(stdout.lastIndexOf("99% interval"));
      // The tail is that of a busy machine as well.
      expect(table).to.match(/^p50 .* worse$/m);
      expect(reportOf("twice-2.json").options["clickhouse-url"]).to.deep.equal([`${fast}/`.replace(/\/$/, "")]);
      const side = (suffix: string) => [1, 2, 3].map((number) => join(folder, `twice${suffix}-${number}.json`));
      const gates = ["--fail-on", "p50>+20%", "--fail-on", "p99>+50%", "--fail-on", "rate<-5%", "--strict"];
      const compared = await clickstorm(["compare", ...side(""), "--", ...side(".against"), ...gates]);
      expect(compared.code, compared.stdout).to.equal(99);
    }).timeout(120_000);

    it("one /metrics port serves all runs, and a threshold that one of them crosses ends with 99", async () => {
      const url = await serverOf(20);
      const file = join(folder, "port.json");
      const flags = [
        "--blind",
        ...LOAD,
        "--duration",
        "1",
        "--repeat",
        "2",
        "--report",
        file,
        "--threshold",
        "p50<1ms",
      ];
      const port = String(await nextPort());
      const { code, stderr } = await clickstorm(["run", ...flags, "--clickhouse-url", url, "--metrics-port", port]);
      expect(code).to.equal(99);
      expect(stderr.match(new RegExp(`metrics at http://localhost:${port}/metrics`, "g"))).to.have.length(2);
      expect(reportOf("port-2.json").run_id).to.match(/^[0-9a-f]{12}-2$/);
    }).timeout(60_000);

    it("Ctrl-C ends it with the run under way; what came to its end is compared, exit 130", async () => {
      const [one, two] = [await serverOf(20), await serverOf(20)];
      const file = join(folder, "cut.json");
      const flags = ["--blind", ...LOAD, "--duration", "4", "--repeat", "5", "--report", file, "--no-metrics"];
      const running = start(["run", ...flags, "--clickhouse-url", one, "--against", two]);
      await running.said("run 3 of 10");
      await new Promise((resolve) => setTimeout(resolve, 2500));
      running.process.kill("SIGINT");
      const { code, stdout } = await running.ended;
      expect(code).to.equal(130);
      expect(stdout).to.include("warning: one run a side");
      expect(readdirSync(folder).filter((name) => name.startsWith("cut"))).to.deep.equal([
        "cut-1.json",
        "cut.against-1.json",
        "cut.against-2.json",
      ]);
      expect(reportOf("cut.against-2.json").interrupted).to.equal(true);
    }).timeout(60_000);

    it("a report that cannot be written is told before the first run: nothing is sent", async () => {
      const url = await serverOf(20);
      const flags = ["--blind", ...LOAD, "--repeat", "2", "--report", join(folder, "none", "r.json")];
      const { code, stderr } = await clickstorm(["run", ...flags, "--clickhouse-url", url]);
      expect(code).to.equal(2);
      expect(stderr).to.match(/^error: --report .*r-1\.json: there is no folder/);
      expect(servers[0]?.acknowledged).to.have.length(0);
    }).timeout(60_000);

    it("what is wrong with the other side is told with its flag: exit 2", async () => {
      const file = join(folder, "bad.yaml");
      writeFileSync(file, "rate: fast\n");
      const given = ["run", "--blind", "--report", join(folder, "r.json")];
      const { code, stderr } = await clickstorm([...given, "--against", file]);
      expect([code, stderr.split("\n")[0]?.startsWith("error: --against: --rate must be")]).to.deep.equal([2, true]);
      const missing = await clickstorm([...given, "--against", join(folder, "missing.yaml")]);
      expect(missing.stderr).to.equal(`error: --against: ${join(folder, "missing.yaml")}: there is no such file\n`);
      for (const login of ["load:hunter2@db:8123", "clickhouse://load:hunter2@db:9000/x", "http://load:hunter2"]) {
        const hidden = await clickstorm([...given, "--against", login]);
        expect([hidden.code, /hunter2/.test(hidden.stderr + hidden.stdout)], login).to.deep.equal([2, false]);
      }
      expect(existsSync(join(folder, "r-1.json"))).to.equal(false);
    });
  });

  describe("on ClickHouse", () => {
    it("between runs merges catch up: of 30 parts few that no merge has touched are left, or nothing moves", async () => {
      const { database, url } = await newDatabase();
      const settling = await settlingOf(resolveRun({ "clickhouse-url": url }, {}), QUIET, () => undefined);
      await clickhouse("SYSTEM STOP MERGES events", database);
      const row =
        "INSERT INTO events (timestamp, user_id, action, payload, run_id, seq) VALUES (now64(3), '', '', '', 'x', 0)";
      for (let part = 0; part < 30; part++) await clickhouse(row, database);
      const unmerged = `SELECT countIf(level = 0) AS parts FROM system.parts WHERE database = '${database}' AND active`;
      expect(await rowsOf(unmerged)).to.deep.equal([{ parts: 30 }]);
      const begun = performance.now();
      const settled = settling?.settled(QUIET);
      setTimeout(() => void clickhouse("SYSTEM START MERGES events", database), 1000);
      expect(await settled).to.equal(undefined);
      // As long as merges were stopped it waited.
      expect(performance.now() - begun).to.be.above(1000);
      await clickhouse(`DROP DATABASE ${database}`);
    }).timeout(60_000);

    it("nothing is waited for with --embedded and --blind", async () => {
      for (const flags of [{ embedded: "true" }, { blind: "true" }]) {
        expect(await settlingOf(resolveRun(flags, {}), QUIET, () => undefined)).to.equal(undefined);
      }
    });

    it("two runs into one table: each has its rows under its own id, and the ledgers balance", async () => {
      const { database, url } = await newDatabase();
      const file = join(folder, "real.json");
      const flags = ["--rate", "1000", "--batch-rows", "100", "--duration", "1", "--repeat", "2", "--run-id", "two"];
      const options = ["--no-traces", "--no-metrics", "--report", file, "--clickhouse-url", url];
      const { code, stderr } = await clickstorm(["run", ...flags, ...options]);
      expect(code, stderr).to.equal(0);
      const counts = await rowsOf(
        "SELECT run_id, count() AS rows FROM events GROUP BY run_id ORDER BY run_id",
        database,
      );
      expect(counts).to.deep.equal([
        { run_id: "two-1", rows: 1000 },
        { run_id: "two-2", rows: 1000 },
      ]);
      expect([reportOf("real-1.json").rows.landed, reportOf("real-2.json").rows.lost]).to.deep.equal([1000, 0]);
      const same = "SELECT uniqExact(user_id) AS users FROM events";
      expect(await rowsOf(same, database)).to.deep.equal([{ users: 1000 }]);
      await clickhouse(`DROP DATABASE ${database}`);
    }).timeout(60_000);
  });
});
