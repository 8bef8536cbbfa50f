// How load is asked for: stages, arrivals, warm-up, overload, shards; what is wrong with it, all at once.

import { expect } from "chai";
import { type Options, OptionsError, type RawFlags, resolveRun } from "../src/options.js";
import { NO_RULES } from "../src/rows/rule.js";

function problemsOf(...given: Parameters<typeof resolveRun>): readonly string[] {
  try {
    resolveRun(...given);
  } catch (error) {
    if (error instanceof OptionsError) return error.problems;
    throw error;
  }
  return [];
}

const stagesOf = ({ stages }: Options): string =>
  stages
    .map(({ durationNs, rowsPerSecond: { numerator, denominator } }) => `${durationNs}:${numerator}/${denominator}`)
    .join(" ");

const SHARD = { shard: "2/3", "run-id": "r", seed: "1", "start-at": "2100-01-01T00:00:00Z" };
const FORM = "--stage must be a time and a rate such as 30s:100k";

describe("load options", () => {
  it("30s:100k and 0s:500k are a ramp of 30 s and a step; the run lasts 30 s and its warm-up is at 100k", () => {
    const options = resolveRun({ stage: ["30s:100k", "0s:500k"], warmup: "5s" }, {});
    expect(stagesOf(options)).to.equal("30000000000:100000/1 0:500000/1");
    expect([options.durationNs, options.warmUpNs]).to.deep.equal([35_000_000_000n, 5_000_000_000n]);
    expect(options.rate).to.deep.equal({ numerator: 100_000n, denominator: 1n });
  });

  it("a warm-up of 10 s before a duration of 30 s: 40 s in all", () => {
    const { durationNs, warmUpNs } = resolveRun({ warmup: "10s", duration: "30s" }, {});
    expect([durationNs, warmUpNs]).to.deep.equal([40_000_000_000n, 10_000_000_000n]);
  });

  it("drops what is later than 1 s, or than --max-lag: 250 ms; catch-up drops nothing", () => {
    const lagOf = (raw: RawFlags) => resolveRun(raw, {}).maxLagNs;
    expect([
      lagOf({ overload: "drop" }),
      lagOf({ overload: "drop", "max-lag": "250ms" }),
      lagOf({ overload: "catch-up" }),
    ]).to.deep.equal([1_000_000_000n, 250_000_000n, undefined]);
  });

  it("95% is 0.95, 99.9% is 0.999", () => {
    expect(["95%", "99.9%"].map((text) => resolveRun({ "abort-below": text }, {}).abortBelow)).to.deep.equal([
      0.95, 0.999,
    ]);
  });

  it("the second of three shards is number 1 of 3", () => {
    expect(resolveRun(SHARD, {}).shard).to.deep.equal({ index: 1, of: 3 });
  });

  describe("stages and a rate", () => {
    const config = (options: Readonly<Record<string, string | readonly string[]>>) => ({
      file: "c.yaml",
      options,
      rules: NO_RULES,
    });

    it("a rate on the command line goes before stages of the config file, and stages before a rate there", () => {
      expect(stagesOf(resolveRun({ rate: "5" }, {}, config({ stage: ["1s:9"] })))).to.equal("");
      expect(stagesOf(resolveRun({ stage: "1s:9" }, {}, config({ rate: "5" })))).to.equal("1000000000:9/1");
    });

    it("stages go before the seed's variables, which a deployment may have set for all", () => {
      const options = resolveRun({ stage: "1s:9" }, { EVENT_RATE: "5", INGESTION_DURATION: "60" });
      expect([stagesOf(options), options.durationNs]).to.deep.equal(["1000000000:9/1", 1_000_000_000n]);
    });

    it("both on the command line are a problem each", () => {
      expect(problemsOf({ stage: "1s:9", rate: "5", duration: "3" }, {})).to.deep.equal([
        "--rate cannot be used with --stage: each stage has a time and a rate",
        "--duration cannot be used with --stage: each stage has a time and a rate",
      ]);
    });
  });

  describe("one problem, one sentence", () => {
    const rows: readonly (readonly [raw: RawFlags, sentence: string])[] = [
      [{ stage: "30s" }, `${FORM}, got 30s`],
      [{ stage: "" }, `${FORM}, got nothing`],
      [{ stage: "30s:100k:7" }, `${FORM}, got 30s:100k:7`],
      [{ stage: "later:5" }, `${FORM} with a time such as 0s, 90s, 10m or 2h, up to 2160h, got later in later:5`],
      [
        { stage: "30s:max" },
        `${FORM} with rows per second from 0 to 1000M, such as 0, 2.5, 250k or 1.5M, got max in 30s:max`,
      ],
      [
        { stage: "30s:2000M" },
        `${FORM} with rows per second from 0 to 1000M, such as 0, 2.5, 250k or 1.5M, got 2000M in 30s:2000M`,
      ],
      [{ stage: ["30s:10", "30s:-10"] }, "--stage cannot go below 0 rows per second, got -10 in 30s:-10"],
      [
        { stage: ["30s:0", "0s:500k"] },
        "--stage 30s:0 0s:500k makes no rows: give a stage that lasts, and a rate above 0 at its start or its end",
      ],
      [{ stage: ["2000h:5", "200h:5"] }, "all of --stage must last at most 2160h together"],
      [{ duration: "2000h", warmup: "200h" }, "--duration and --warmup must last at most 2160h together"],
      [{ arrivals: "poison" }, "--arrivals must be constant or poisson, got poison: did you mean poisson?"],
      [{ overload: "queue" }, "--overload must be catch-up or drop, got queue"],
      [{ "max-lag": "1s" }, "--max-lag needs --overload drop: otherwise late batches are sent all the same"],
      [
        { overload: "drop", "max-lag": "0" },
        "--max-lag must be a time such as 30 (seconds), 500ms, 90s, 10m or 2h, from 1ms to 24h, got 0",
      ],
      ...["0%", "100%", "95", "high"].map(
        (text) =>
          [
            { "abort-below": text },
            `--abort-below must be a percentage above 0% and below 100%, such as 95%, got ${text}`,
          ] as const,
      ),
      ...["0/3", "4/3", "3", "1/1001", "a/b"].map(
        (text) =>
          [
            { ...SHARD, shard: text },
            `--shard must be this process's number and how many there are, from 1/1 to 1000/1000, such as 1/3, got ${text}`,
          ] as const,
      ),
      [{ ...SHARD, embedded: "true" }, "--shard cannot be used with --embedded: each shard would have its own server"],
      [
        { "start-at": "soon" },
        "--start-at must be a date and time from 1970 to 2199 such as 2026-01-31T12:00:00Z, got soon",
      ],
    ];
    for (const [raw, sentence] of rows) it(sentence, () => expect(problemsOf(raw, {})).to.deep.equal([sentence]));

    it("a shard without run id, seed and start: three problems", () => {
      expect(problemsOf({ shard: "1/2" }, {})).to.deep.equal(
        ["run-id", "seed", "start-at"].map((name) => `--shard needs --${name}, the same for all shards`),
      );
    });

    it("a closed loop has no schedule: five problems", () => {
      const raw = {
        ...SHARD,
        rate: "max",
        arrivals: "poisson",
        overload: "drop",
        "max-lag": "1s",
        "abort-below": "95%",
      };
      expect(problemsOf(raw, {})).to.deep.equal(
        ["arrivals", "overload", "max-lag", "abort-below", "shard"].map(
          (name) => `--${name} cannot be used with --rate max: a closed loop has no schedule`,
        ),
      );
    });
  });
});
