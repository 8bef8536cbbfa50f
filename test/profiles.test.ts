// Settings that change what a user is shown, in his profile or in the URL, and those that he may not change. The ledger under each is
// compared with what another user counts, who has none of them; or there is none, and it says why.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { TargetError } from "../src/asked.js";
import { type EmbeddedServer, startEmbedded } from "../src/embedded/server.js";
import { readLedger } from "../src/ledger.js";
import { PartsWatch } from "../src/max/parts.js";
import { resolveRun } from "../src/options.js";
import { ServerError } from "../src/server.js";
import { askTable, prepareTarget, whyUnverifiable } from "../src/target.js";
import { clickstorm, unwrapped } from "./support/cli.js";
import {
  type Ask,
  claim,
  expectCounted,
  figuresOf,
  makeTables,
  OTHERS,
  prepareAs,
  ROWS,
  RUN,
  WIDTH,
} from "./support/counted.js";
import { FaultProxy } from "./support/fault-proxy.js";
import { describeOn, SUITE } from "./support/versions.js";

type Settings = Readonly<Record<string, string | number>>;

/** Limits are looked at after each block. */
const SLOWLY = { max_block_size: 64, max_threads: 1 } as const;

/** Each is the profile of a user of that name, who may do everything. */
const PROFILES: Readonly<Record<string, Settings>> = {
  none: {},
  limit: { limit: 5 },
  offset: { offset: 1 },
  limit_offset: { limit: 2, offset: 1 },
  result_filter: { additional_result_filter: "0" },
  table_filters: {
    additional_table_filters:
      "{'d.l':'seq < 100','d.p':'seq < 9','system.columns':'0','system.settings':'0','system.parts':'0','system.one':'0'}",
  },
  read: { max_rows_to_read: 100, read_overflow_mode: "break", ...SLOWLY },
  read_bytes: { max_bytes_to_read: 100, read_overflow_mode: "break", ...SLOWLY },
  read_leaf: { max_rows_to_read_leaf: 100, read_overflow_mode_leaf: "break", ...SLOWLY },
  read_throw: { max_rows_to_read: 500 },
  group: { max_rows_to_group_by: 2, group_by_overflow_mode: "any", ...SLOWLY },
  group_break: { max_rows_to_group_by: 2, group_by_overflow_mode: "break", ...SLOWLY },
  sort: { max_rows_to_sort: 2, sort_overflow_mode: "break" },
  result: { max_result_rows: 1, result_overflow_mode: "break", max_threads: 1, max_block_size: 1 },
  time: { max_execution_time: 20, timeout_overflow_mode: "break" },
  no_zero: { empty_result_for_aggregation_by_empty_set: 1 },
  null_for_empty: { aggregate_functions_null_for_empty: 1 },
  final: { final: 1 },
  deleted: { apply_deleted_mask: 0 },
  cache: { use_query_cache: 1, query_cache_nondeterministic_function_handling: "save", query_cache_ttl: 600 },
  cache_throw: { use_query_cache: 1 },
  extremes: { extremes: 1, totals_mode: "before_having" },
  estimate: { optimize_trivial_approximate_count_query: 1, optimize_trivial_count_query: 0 },
  numbers: {
    output_format_json_quote_64bit_integers: 1,
    output_format_json_quote_denormals: 1,
    output_format_json_quote_64bit_floats: 1,
    output_format_json_quote_decimals: 1,
  },
  texts: {
    date_time_output_format: "iso",
    output_format_decimal_trailing_zeros: 1,
    output_format_json_named_tuples_as_objects: 0,
    output_format_write_statistics: 0,
  },
  nulls: { join_use_nulls: 1, transform_null_in: 1, cast_keep_nullable: 1, group_by_use_nulls: 1 },
  primary_key: { force_primary_key: 1 },
  by_date: { force_index_by_date: 1 },
  projection: { force_optimize_projection: 1 },
  parallel: {
    enable_parallel_replicas: 1,
    parallel_replicas_mode: "sampling_key",
    parallel_replicas_count: 2,
    parallel_replica_offset: 1,
    max_parallel_replicas: 2,
  },
  headers: {
    send_progress_in_http_headers: 1,
    http_headers_progress_interval_ms: 1,
    http_response_headers: "{'X-ClickHouse-Format':'CSV'}",
    enable_http_compression: 1,
  },
  apart: { distributed_group_by_no_merge: 1 },
  shards: { skip_unavailable_shards: 1, optimize_skip_unused_shards: 1 },
  names: { prefer_column_name_to_alias: 1, enable_positional_arguments: 1, enable_analyzer: 0 },
  zone: { session_timezone: "Pacific/Auckland" },
};

/** Of these, what a server of each version is asked with in the URL, as far as it knows them. */
const IN_URL = [
  ...["limit_offset", "result_filter", "table_filters", "read", "group", "result", "no_zero", "null_for_empty"],
  ...["deleted", "cache_throw", "primary_key", "projection", "headers"],
] as const;

/** Profiles whose constraints let these settings not be changed. */
const FIXED: Readonly<Record<string, { readonly settings: Settings; readonly fixed: readonly string[] }>> = {
  limit_fixed: { settings: { limit: 5 }, fixed: ["limit"] },
  filter_fixed: {
    settings: { additional_table_filters: "{'d.l':'seq < 100'}" },
    fixed: ["additional_table_filters"],
  },
  read_fixed: { settings: PROFILES.read ?? {}, fixed: ["read_overflow_mode", "max_rows_to_read"] },
  mode_fixed: { settings: PROFILES.read ?? {}, fixed: ["read_overflow_mode"] },
  rows_fixed: { settings: { max_rows_to_read: 300 }, fixed: ["max_rows_to_read"] },
  final_fixed: { settings: { final: 1 }, fixed: ["final"] },
  null_fixed: {
    settings: { aggregate_functions_null_for_empty: 1 },
    fixed: ["aggregate_functions_null_for_empty"],
  },
  harmless_fixed: {
    settings: { max_rows_to_read: 0, limit: 0 },
    fixed: ["max_rows_to_read", "limit", "offset", "final"],
  },
  readonly_2: { settings: { limit: 5, readonly: 2 }, fixed: [] },
  readonly_1: { settings: { readonly: 1 }, fixed: [] },
  readonly_limit: { settings: { limit: 5, readonly: 1 }, fixed: [] },
};

const OWNER = "owner";

const escaped = (text: string | number): string => String(text).replaceAll("<", "&lt;").replaceAll(">", "&gt;");

function profileXml(name: string, settings: Settings, fixed: readonly string[] = []): string {
  const all = Object.entries(settings).map(([setting, value]) => `<${setting}>${escaped(value)}</${setting}>`);
  const constraints = fixed.map((setting) => `<${setting}><readonly/></${setting}>`);
  // The embedded server fixes it for whoever logs in; another would not.
  const free = "<http_response_headers><changeable_in_readonly/></http_response_headers>";
  return `<${name}>${all.join("")}<constraints>${free}${constraints.join("")}</constraints></${name}>`;
}

const userXml = (name: string): string =>
  `<${name}><password></password><networks><ip>127.0.0.1</ip></networks><profile>${name}</profile>
    <quota>default</quota><grants><query>GRANT ALL ON *.*</query></grants></${name}>`;

describe("profiles", function () {
  this.timeout(120_000);
  let server: EmbeddedServer;
  before(async () => {
    const profiles = [
      profileXml(OWNER, {}),
      ...Object.entries(PROFILES).map(([name, settings]) => profileXml(name, settings)),
      ...Object.entries(FIXED).map(([name, { settings, fixed }]) => profileXml(name, settings, fixed)),
    ];
    const users = [OWNER, ...Object.keys(PROFILES), ...Object.keys(FIXED)].map(userXml);
    const usersXml = `<profiles>${profiles.join("")}</profiles><users>${users.join("")}</users>`;
    const shard = (port: number): string =>
      `<shard><replica><host>127.0.0.1</host><port>${port}</port></replica></shard>`;
    // It is 9000 itself; nobody listens on port 1.
    const configXml = `<remote_servers><both>${shard(9000)}${shard(9000)}</both><half>${shard(9000)}${shard(1)}</half></remote_servers>`;
    server = await startEmbedded({ login: "none", extraConfig: { usersXml, configXml } });
  });
  after(() => server.stop());

  const ask: Ask = async (sql) => {
    const response = await fetch(`${server.url}/?user=${OWNER}`, { method: "POST", body: sql });
    const text = await response.text();
    if (!response.ok) throw new Error(text);
    return text.trim();
  };

  describe("the ledger equals a second user's count, with", () => {
    for (const [user, settings] of Object.entries(PROFILES)) {
      it(JSON.stringify(settings), async () => {
        await expectCounted(user, server.url, ask);
        const watch = await PartsWatch.open(await prepareAs(user, server.url, "d.p"));
        if (typeof watch === "string") throw new Error(watch);
        const sql = "SELECT count() FROM system.parts WHERE database = 'd' AND table = 'p' AND active";
        expect((await watch.ask()).parts, "parts").to.equal(Number(await ask(sql)));
      });
    }

    for (const user of ["mode_fixed", "harmless_fixed"]) {
      it(`${user.replaceAll("_", " ")}: ${JSON.stringify(FIXED[user])}`, () => expectCounted(user, server.url, ask));
    }
  });

  describe("a Distributed table of two shards", () => {
    const make = async (cluster: string): Promise<void> => {
      await makeTables(ask);
      await ask("CREATE OR REPLACE TABLE d.local (run_id String, seq UInt64) ENGINE = MergeTree ORDER BY seq");
      await ask(
        `CREATE OR REPLACE TABLE d.dist (run_id String, seq UInt64) ENGINE = Distributed(${cluster}, d, local, seq)`,
      );
      await ask(`INSERT INTO d.local SELECT '${RUN}', number FROM numbers(${ROWS})`);
    };

    for (const user of ["none", "apart", "shards"]) {
      it(`${JSON.stringify(PROFILES[user])}: 500 rows on each are 1,000, as a second user counts`, async () => {
        await make("both");
        const target = await prepareAs(user, server.url, "d.dist");
        expect(await ask("SELECT count() FROM d.dist")).to.equal("1000");
        expect(await figuresOf(target)).to.deep.equal([1000, 0, ROWS]);
      });
    }

    it("skip_unavailable_shards = 1: one that is not there is an error, not 500 rows less", async () => {
      await make("half");
      const error: unknown = await prepareAs("shards", server.url, "d.dist").catch((reason: unknown) => reason);
      expect(error).to.be.instanceOf(TargetError);
      // ALL_CONNECTION_TRIES_FAILED
      expect(String(error)).to.contain("Code: 279");
    });

    it("a session that is read twice keeps what its questions need", async () => {
      await makeTables(ask);
      const options = resolveRun({ "clickhouse-url": server.url, user: "limit_offset", table: "d.l" }, {});
      for (let time = 0; time < 3; time++) {
        expect((await prepareTarget(options.endpoints, options)).columnNames).to.have.lengthOf(WIDTH);
      }
    });

    it("with a table behind it that is nowhere has no ledger, and it says why", async () => {
      await make("both");
      await ask("DROP TABLE d.local SYNC");
      expect(whyUnverifiable(await prepareAs("none", server.url, "d.dist"))).to.equal(
        "the table d.local behind it cannot be looked at, which may not keep every row",
      );
    });
  });

  describe("run", () => {
    const LOAD = ["--rate", "2000", "--duration", "500ms", "--batch-rows", "100", "--no-metrics", "--no-traces"];

    it("ladder, with limit = 2, offset = 1 and NULL for 0: the table's count() agrees with what was acknowledged", async () => {
      await makeWide();
      const directory = mkdtempSync(join(tmpdir(), "clickstorm-profiles-"));
      const file = join(directory, "ladder.json");
      const { code, stderr } = await clickstorm([
        ...["ladder", "--clickhouse-url", `${server.url}/?limit=2&offset=1&aggregate_functions_null_for_empty=1`],
        ...["--table", "d.w", "--duration", "600ms", "--batch-rows", "5000", "--format", "Native", "--report", file],
      ]);
      expect(code, stderr).to.equal(0);
      const { formats } = JSON.parse(readFileSync(file, "utf8"));
      rmSync(directory, { recursive: true });
      const { rows, counted } = formats[0].rungs[3];
      expect(counted).to.deep.equal({ by: "count()", value: rows.acknowledged, agrees: true });
    });

    const makeWide = async (): Promise<void> => {
      await ask("CREATE DATABASE IF NOT EXISTS d");
      await ask(`CREATE OR REPLACE TABLE d.w (run_id String, seq UInt64, ${OTHERS}) ENGINE = MergeTree ORDER BY seq`);
    };

    it("with limit = 5 fills all 11 columns of 1,000 rows", async () => {
      await makeWide();
      const { code, stdout } = await clickstorm([
        ...["run", "--clickhouse-url", server.url, "--user", "limit", "--table", "d.w"],
        ...LOAD,
      ]);
      expect(code).to.equal(0);
      const different = Array.from({ length: WIDTH - 2 }, (_, column) => `uniqExact(c${column}) > 100`).join(" AND ");
      expect(await ask(`SELECT count(), uniqExact(seq), ${different} FROM d.w FORMAT CSV`)).to.equal("1000,1000,1");
      expect(unwrapped(stdout)).to.contain("landed 1,000, lost 0, duplicated 0");
    });

    for (const user of ["null_for_empty", "no_zero", "result"]) {
      it(`with ${JSON.stringify(PROFILES[user])}: of 1,000 rows batch 3 is lost and batch 5 twice, exit 1`, async () => {
        await makeWide();
        const proxy = await FaultProxy.open(server.port);
        const twice = async (): Promise<void> => {
          while ((await ask("SELECT count() FROM d.w")) !== "900") await sleep(20);
          await ask("INSERT INTO d.w SELECT * FROM d.w WHERE seq BETWEEN 500 AND 599");
        };
        let held: Promise<void> | undefined;
        proxy.plan = ({ batch }) => {
          if (batch === 3) return { kind: "answer", status: 200, passesOn: false };
          if (batch !== 9) return undefined;
          held ??= twice();
          return { kind: "held", until: held };
        };
        const url = `http://127.0.0.1:${proxy.port}`;
        const { code, stdout } = await clickstorm([
          "run",
          "--clickhouse-url",
          url,
          "--user",
          user,
          "--table",
          "d.w",
          ...LOAD,
        ]);
        await proxy.close();
        expect(await ask("SELECT count(), uniqExact(seq) FROM d.w FORMAT CSV")).to.equal("1000,900");
        expect(unwrapped(stdout)).to.contain("landed 1,000, lost 100, duplicated 100");
        expect(code).to.equal(1);
      });
    }
  });

  describe("a setting that cannot be changed", () => {
    const none: Readonly<Record<string, string>> = {
      read_fixed: "the setting read_overflow_mode = break of this user cuts answers short, and cannot be changed",
      final_fixed: "the setting final = 1 of this user makes one row of several, and cannot be changed",
      null_fixed:
        "the setting aggregate_functions_null_for_empty = 1 of this user answers nothing where a count is 0, and cannot be changed",
    };
    for (const [user, why] of Object.entries(none)) {
      it(`no ledger, since ${why}`, async () => {
        await makeTables(ask);
        for (const table of ["d.l", "d.p"]) {
          const target = await prepareAs(user, server.url, table);
          expect(whyUnverifiable(target)).to.equal(why);
          expect(target.columnNames).to.have.lengthOf(table === "d.l" ? WIDTH : 2);
        }
      });
    }

    const refused: Readonly<Record<string, RegExp>> = {
      limit_fixed: /cannot be asked anything: the setting limit of this user cuts answers short, and cannot be changed/,
      readonly_limit:
        /cannot be asked anything: the setting limit of this user cuts answers short, and cannot be changed/,
      filter_fixed: /the setting additional_table_filters = \{'d\.l':'seq < 100'\} of this user hides rows, and cannot/,
    };
    for (const [user, why] of Object.entries(refused)) {
      it(`${user.replaceAll("_", " ")}: the pre-flight ends with a sentence that names it`, async () => {
        await makeTables(ask);
        const error: unknown = await prepareAs(user, server.url, "d.l").catch((reason: unknown) => reason);
        if (!(error instanceof TargetError)) throw new Error(`no TargetError but ${error}`);
        expect(error.message).to.match(why);
      });
    }

    it("max_rows_to_read = 300 throws: the ledger of 500 rows is an error, not a figure", async () => {
      await makeTables(ask);
      const target = await prepareAs("rows_fixed", server.url, "d.l");
      await ask(`INSERT INTO d.l (run_id, seq) SELECT '${RUN}', number FROM numbers(${ROWS})`);
      const error: unknown = await readLedger(target, claim(), 0).catch((reason: unknown) => reason);
      if (!(error instanceof ServerError)) throw new Error(`no ServerError but ${error}`);
      expect(error.code).to.equal(158);
    });

    for (const [user, what] of Object.entries({
      readonly_1: "readonly = 1, and nothing that would have to be changed",
      readonly_2: "readonly = 2 and limit = 5",
    })) {
      it(`${what}: all 11 columns are seen`, async () => {
        await makeTables(ask);
        const options = resolveRun({ "clickhouse-url": server.url, user, table: "d.l" }, {});
        const [endpoint] = options.endpoints;
        if (endpoint === undefined) throw new Error("there is no endpoint");
        expect((await askTable(endpoint, options)).table).to.have.lengthOf(WIDTH);
      });
    }
  });
});

for (const version of SUITE) {
  describeOn(version, (server) => {
    for (const name of IN_URL) {
      it(`the ledger equals another's count, with ${name.replaceAll("_", " ")} in the URL`, async () => {
        const known = (await server().ask("SELECT name FROM system.settings FORMAT TSV")).split("\n");
        const settings = Object.entries(PROFILES[name] ?? {}).filter(([setting]) => known.includes(setting));
        const parameters = new URLSearchParams(
          Object.fromEntries(settings.map(([setting, value]) => [setting, String(value)])),
        );
        await expectCounted("default", `${server().url}/?${parameters}`, (sql) => server().ask(sql));
      });
    }
  });
}
