// src/threshold.ts: expressions → thresholds, or what is wrong with them, and what they say of figures. No run, no server.

import { expect } from "chai";
import fc from "fast-check";
import type { Latency } from "../src/latency.js";
import { OptionsError, resolveRun } from "../src/options.js";
import { evaluate, type Figures, parseThreshold, THRESHOLD_NAMES, type Threshold } from "../src/threshold.js";

function threshold(text: string): Threshold {
  const parsed = parseThreshold(text);
  if (typeof parsed === "string") throw new Error(`${text}: ${parsed}`);
  return parsed;
}

/** A different figure for each name, so that one taken for another shows. */
const LATENCY: Latency = {
  count: 10_000,
  min: 1,
  mean: 20,
  p50: 30,
  p90: 400,
  p95: 450,
  p99: 500,
  p999: 6000,
  max: 7000,
};
const SERVICE: Latency = {
  count: 9000,
  min: 0.1,
  mean: 0.2,
  p50: 0.3,
  p90: 0.4,
  p95: 0.45,
  p99: 0.5,
  p999: 60,
  max: 700,
};
const NO_FIGURES = { min: null, mean: null, p50: null, p90: null, p95: null, p99: null, p999: null, max: null };
const NOTHING: Latency = { count: 0, ...NO_FIGURES };
const FIGURES: Figures = {
  latency: LATENCY,
  service: SERVICE,
  errorRate: 0.01,
  achievedRowsPerS: 99_000,
  targetRowsPerS: 100_000,
  achievedErrorRowsPerS: 0,
  maxLagMs: 1500,
  rowsLost: 3,
};
const UNMEASURED: Figures = {
  latency: undefined,
  service: NOTHING,
  errorRate: undefined,
  achievedRowsPerS: undefined,
  targetRowsPerS: undefined,
  achievedErrorRowsPerS: 0,
  maxLagMs: undefined,
  rowsLost: undefined,
};

describe("threshold", () => {
  describe("an expression, its bound and the bound's unit", () => {
    const rows: readonly (readonly [written: string, expression: string, bound: number, unit: string])[] = [
      ["p99<500ms", "p99<500ms", 500, "ms"],
      ["p99<0.5s", "p99<0.5s", 500, "ms"],
      ["p99<500us", "p99<500us", 0.5, "ms"],
      ["p99<500µs", "p99<500µs", 0.5, "ms"],
      ["p99<500μs", "p99<500μs", 0.5, "ms"],
      ["p99<1.5us", "p99<1.5us", 0.0015, "ms"],
      ["p99<2m", "p99<2m", 120_000, "ms"],
      ["p99<1m30s", "p99<1m30s", 90_000, "ms"],
      ["p99<1h", "p99<1h", 3_600_000, "ms"],
      ["  p99.9  <=\t1s ", "p99.9<=1s", 1000, "ms"],
      ["max > 0ms", "max>0ms", 0, "ms"],
      ["service_mean>=12.5ms", "service_mean>=12.5ms", 12.5, "ms"],
      ["lag<2s", "lag<2s", 2000, "ms"],
      ["error_rate<1%", "error_rate<1%", 0.01, "share"],
      ["error_rate<0.01", "error_rate<0.01", 0.01, "share"],
      ["error_rate<=0.1%", "error_rate<=0.1%", 0.001, "share"],
      ["error_rate==0", "error_rate==0", 0, "share"],
      ["error_rate <= 0%", "error_rate<=0%", 0, "share"],
      ["error_rate<100%", "error_rate<100%", 1, "share"],
      ["achieved_rate>=99%", "achieved_rate>=99%", 0.99, "share"],
      ["achieved_rate >= 99.95%", "achieved_rate>=99.95%", 0.9995, "share"],
      ["achieved_rate>=100%", "achieved_rate>=100%", 1, "share"],
      ["achieved_rate>=100k", "achieved_rate>=100k", 100_000, "rows/s"],
      ["achieved_rate>1.5M", "achieved_rate>1.5M", 1_500_000, "rows/s"],
      ["achieved_rate>=250", "achieved_rate>=250", 250, "rows/s"],
      ["achieved_rate>=2.5", "achieved_rate>=2.5", 2.5, "rows/s"],
      ["rows_lost==0", "rows_lost==0", 0, "rows"],
      ["rows_lost < 1000", "rows_lost<1000", 1000, "rows"],
    ];
    for (const [written, expression, bound, unit] of rows) {
      it(`${JSON.stringify(written)} is ${expression}: ${bound} ${unit}`, () => {
        const parsed = threshold(written);
        expect([parsed.expression, parsed.bound, parsed.unit]).to.deep.equal([expression, bound, unit]);
      });
    }
  });

  describe("what is wrong with an expression", () => {
    const time = "its time must be such as 250us, 500ms, 1.5s or 2m";
    const share = "error_rate takes a percentage or a share, such as 1% or 0.01";
    const rate = "achieved_rate takes a percentage of the target or rows per second, such as 99% or 250k";
    const operators = "is none of <, <=, >, >= and ==";
    const rows: readonly (readonly [written: string, problem: string])[] = [
      ["", "it does not begin with a name"],
      ["<500ms", "it does not begin with a name"],
      ["500ms>p99", "there is no 500ms"],
      ["p99", "it has no operator; put it in quotes, as a shell takes < and > for itself"],
      ["achieved_rate", "it has no operator; put it in quotes, as a shell takes < and > for itself"],
      ["p99 500ms", "it has no operator; put it in quotes, as a shell takes < and > for itself"],
      ["p99=<500ms", `=< ${operators}`],
      ["p99=500ms", `= ${operators}`],
      ["p99!=500ms", `!= ${operators}`],
      ["p99≤500ms", `≤ ${operators}`],
      ["p99<>500ms", `<> ${operators}`],
      ["p99===500ms", `=== ${operators}`],
      ["p99==500ms", "no measurement is ever exactly so; == is for error_rate and rows_lost"],
      ["achieved_rate==100%", "no measurement is ever exactly so; == is for error_rate and rows_lost"],
      ["lag==0ms", "no measurement is ever exactly so; == is for error_rate and rows_lost"],
      ["p999<1s", "there is no p999: did you mean p99.9?"],
      ["p(99)<1s", "there is no p(99): did you mean p99?"],
      ["service_p999<1s", "there is no service_p999: did you mean service_p99.9?"],
      ["p75<1s", "there is no p75"],
      ["service_p75<1s", "there is no service_p75"],
      ["P99<1s", "there is no P99: did you mean p99?"],
      ["servce_p99<1s", "there is no servce_p99: did you mean service_p99?"],
      ["error-rate<1%", "there is no error-rate: did you mean error_rate?"],
      ["errors<1%", "there is no errors"],
      ["achievd_rate>=99%", "there is no achievd_rate: did you mean achieved_rate?"],
      ["row_lost==0", "there is no row_lost: did you mean rows_lost?"],
      ["min<1s", "there is no min"],
      ["constructor<1s", "there is no constructor"],
      ["p99<500", "its time needs a unit, such as 500ms"],
      ["p99<1.5", "its time needs a unit, such as 1.5ms"],
      ["p99<", time],
      ["p99<ms", time],
      ["p99<-5ms", time],
      ["p99<5 minutes", time],
      ["p99<5ns", time],
      ["p99<1.us", time],
      ["p99<1..5us", time],
      ["p99<5%", time],
      ["1ms<p99<5ms", "there is no 1ms"],
      ["p99<5ms<6ms", time],
      ["lag<99%", time],
      ["error_rate<101%", "its percentage must be from 0% to 100%"],
      ["error_rate<%", "its percentage must be from 0% to 100%"],
      ["error_rate<-1%", "its percentage must be from 0% to 100%"],
      ["error_rate<1", "1 may be 1% or 100%: write which"],
      ["error_rate<5", share],
      ["error_rate<10ms", share],
      ["error_rate<1e-3", share],
      ["achieved_rate>=100.1%", "its percentage must be from 0% to 100%"],
      ["achieved_rate>=0.99", "0.99 would be rows per second: write a share as a percentage"],
      ["achieved_rate>=max", rate],
      ["achieved_rate>=100k/s", rate],
      ["achieved_rate>=", rate],
      ["rows_lost<0.5", "rows_lost takes a number of rows, such as rows_lost==0"],
      ["rows_lost==1k", "rows_lost takes a number of rows, such as rows_lost==0"],
      ["rows_lost<0", "that is never so: nothing is below 0"],
      ["error_rate<0%", "that is never so: nothing is below 0"],
      ["lag>=0ms", "that is always so: nothing is below 0"],
    ];
    for (const [written, problem] of rows) {
      it(`${JSON.stringify(written)}: ${problem}`, () => {
        expect(parseThreshold(written)).to.equal(problem);
      });
    }
  });

  describe("what it says of a run", () => {
    const rows: readonly (readonly [expression: string, value: number, text: string, passed: boolean])[] = [
      // Each of these would turn with a unit taken for another.
      ["p99<501ms", 500, "500 ms", true],
      ["p99<500ms", 500, "500 ms", false],
      ["p99<=0.5s", 500, "500 ms", true],
      ["p99>499999us", 500, "500 ms", true],
      ["service_p99<501us", 0.5, "0.5 ms", true],
      ["service_p99<0.5ms", 0.5, "0.5 ms", false],
      ["p50<31ms", 30, "30 ms", true],
      ["p90<401ms", 400, "400 ms", true],
      ["p95<451ms", 450, "450 ms", true],
      ["p95<450ms", 450, "450 ms", false],
      ["p99.9<6001ms", 6000, "6 s", true],
      ["p99.9<6s", 6000, "6 s", false],
      ["max<=7s", 7000, "7 s", true],
      ["mean<=20ms", 20, "20 ms", true],
      ["service_p50<=300us", 0.3, "0.3 ms", true],
      ["service_p90<=400us", 0.4, "0.4 ms", true],
      ["service_p95<=450us", 0.45, "0.45 ms", true],
      ["service_p99.9<=60ms", 60, "60 ms", true],
      ["service_max<=0.7s", 700, "700 ms", true],
      ["service_mean<=200us", 0.2, "0.2 ms", true],
      ["lag<1501ms", 1500, "1.5 s", true],
      ["lag<1.5s", 1500, "1.5 s", false],
      ["error_rate<=1%", 0.01, "1%", true],
      ["error_rate<=0.01", 0.01, "1%", true],
      ["error_rate<1%", 0.01, "1%", false],
      ["error_rate==0", 0.01, "1%", false],
      ["achieved_rate>=99%", 0.99, "99%", true],
      ["achieved_rate>=99.1%", 0.99, "99%", false],
      ["achieved_rate>=99k", 99_000, "99,000 rows/s", true],
      ["achieved_rate>=99001", 99_000, "99,000 rows/s", false],
      ["achieved_rate>=0.1M", 99_000, "99,000 rows/s", false],
      ["rows_lost<4", 3, "3 rows", true],
      ["rows_lost==0", 3, "3 rows", false],
      ["rows_lost==3", 3, "3 rows", true],
    ];
    for (const [expression, value, text, passed] of rows) {
      it(`${expression} at ${text} ${passed ? "passes" : "is crossed"}`, () => {
        const unjudged = undefined;
        expect(evaluate(threshold(expression), FIGURES)).to.deep.equal({ expression, value, text, passed, unjudged });
      });
    }

    for (const name of THRESHOLD_NAMES) {
      it(`${name} of a run in which nothing was measured is crossed, whichever way it looks`, () => {
        const bound = { error_rate: "5%", achieved_rate: "50%", rows_lost: "5" }[name] ?? "5ms";
        for (const operator of ["<", "<=", ">", ">="]) {
          const { value, text, passed, unjudged } = evaluate(threshold(`${name}${operator}${bound}`), UNMEASURED);
          expect([value, text, passed, unjudged]).to.deep.equal([undefined, "nothing measured", false, undefined]);
        }
      });
    }

    /** The slowest of them; quantiles that so few inserts do not have are not there. */
    const few = (count: number, max: number): Latency => ({ ...LATENCY, count, p99: null, p999: null, max });

    it("p99<500ms of 30 inserts that took 300 ms at most cannot be judged: it needs 100 inserts", () => {
      for (const name of ["p99", "service_p99"]) {
        const fast = { ...FIGURES, latency: few(30, 300), service: few(30, 300) };
        expect(evaluate(threshold(`${name}<500ms`), fast)).to.deep.equal({
          expression: `${name}<500ms`,
          value: undefined,
          text: "cannot judge: needs 100 inserts, has 30",
          passed: true,
          unjudged: "needs 100 inserts, has 30",
        });
      }
    });

    it("p99<500ms of 30 inserts, one of which took 501 ms, is crossed: one is more than a hundredth of them", () => {
      expect(evaluate(threshold("p99<500ms"), { ...FIGURES, latency: few(30, 501) })).to.deep.equal({
        expression: "p99<500ms",
        value: 501,
        text: "501 ms",
        passed: false,
        unjudged: undefined,
      });
    });

    it("p99>400ms of 30 inserts that took 300 ms at most is crossed: no quantile is above the maximum", () => {
      const { value, passed } = evaluate(threshold("p99>400ms"), { ...FIGURES, latency: few(30, 300) });
      expect([value, passed]).to.deep.equal([300, false]);
    });

    const least: readonly (readonly [name: string, inserts: number])[] = [
      ["p50", 1],
      ["p90", 10],
      ["p95", 20],
      ["p99", 100],
      ["p99.9", 1000],
    ];
    for (const [name, inserts] of least) {
      it(`${name} is judged of ${inserts} inserts${inserts > 1 ? `, not of ${inserts - 1}` : ""}`, () => {
        const unjudged = (count: number): string | undefined =>
          evaluate(threshold(`${name}<10s`), { ...FIGURES, latency: { ...LATENCY, count } }).unjudged;
        expect(unjudged(inserts)).to.equal(undefined);
        if (inserts > 1) expect(unjudged(inserts - 1)).to.equal(`needs ${inserts} inserts, has ${inserts - 1}`);
      });
    }

    it("mean and max of a single insert are judged", () => {
      for (const expression of ["mean<=20ms", "max<=7s"]) {
        const { passed, unjudged } = evaluate(threshold(expression), { ...FIGURES, latency: { ...LATENCY, count: 1 } });
        expect([passed, unjudged]).to.deep.equal([true, undefined]);
      }
    });

    it("500.2 ms is not shown as 500 ms where that would have passed, nor 99.9996% as 100%", () => {
      const shown = (expression: string, figures: Partial<Figures>): string =>
        evaluate(threshold(expression), { ...FIGURES, ...figures }).text;
      expect(shown("p99<=500ms", { latency: { ...LATENCY, p99: 500.2 } })).to.equal("500.2 ms");
      expect(shown("p99<1s", { latency: { ...LATENCY, p99: 999.96 } })).to.equal("999.96 ms");
      expect(shown("achieved_rate>=100%", { achievedRowsPerS: 99_999.6 })).to.equal("99.9996%");
      expect(shown("achieved_rate>=100k", { achievedRowsPerS: 99_999.97 })).to.equal("99,999.97 rows/s");
      expect(shown("achieved_rate>=1M", { achievedRowsPerS: 987_654.321 })).to.equal("987,654 rows/s");
      expect(shown("rows_lost==0", { rowsLost: 1_234_567 })).to.equal("1,234,567 rows");
    });

    it("property: what is shown is on the same side of the bound as what was measured", () => {
      const anyMs = fc.integer({ min: 1, max: 10_000_000 }).map((us) => us / 1000);
      fc.assert(
        fc.property(anyMs, anyMs, (bound, p99) => {
          const less = threshold(`p99<${bound}ms`);
          const { text, passed } = evaluate(less, { ...FIGURES, latency: { ...LATENCY, p99 } });
          const [number = "", unit] = text.split(" ");
          const shownMs = Number(number.replaceAll(",", "")) * (unit === "s" ? 1000 : 1);
          expect(Math.abs(shownMs - p99)).to.be.below(p99 * 0.006);
          // In microseconds, as a number of seconds times 1000 is not always a whole number of milliseconds.
          expect(Math.round(shownMs * 1e6) < Math.round(bound * 1e6)).to.equal(passed);
        }),
      );
    });

    it("property: < and >= of the same bound are never both passed, nor both crossed", () => {
      fc.assert(
        fc.property(fc.integer({ min: 1, max: 999 }), fc.integer({ min: 0, max: 1000 }), (bound, lost) => {
          const [below, above] = ["<", ">="].map(
            (operator) => evaluate(threshold(`rows_lost${operator}${bound}`), { ...FIGURES, rowsLost: lost }).passed,
          );
          expect([below, above]).to.deep.equal([lost < bound, lost >= bound]);
        }),
      );
    });
  });

  describe("as an option", () => {
    const problemsOf = (raw: Record<string, unknown>, environment = {}): readonly string[] => {
      try {
        resolveRun(raw, environment);
      } catch (error) {
        if (error instanceof OptionsError) return error.problems;
        throw error;
      }
      return [];
    };
    const expressions = (raw: Record<string, unknown>, environment = {}): string[] =>
      resolveRun(raw, environment).thresholds.map(({ expression }) => expression);
    const names =
      "p50, p90, p95, p99, p99.9, max, mean, service_p50, service_p90, service_p95, service_p99, service_p99.9, " +
      "service_max, service_mean, error_rate, achieved_rate, lag, rows_lost";
    const wanted = "--threshold must be a name, an operator and a bound, such as p99<500ms, got";

    it("none is given: there is none", () => {
      expect(expressions({})).to.deep.equal([]);
    });

    it("given twice, there are two, in their order", () => {
      expect(expressions({ threshold: ["p99 < 500ms", "error_rate<1%"] })).to.deep.equal([
        "p99<500ms",
        "error_rate<1%",
      ]);
    });

    it("a variable holds several, with or without spaces around the operator", () => {
      const variable = { CLICKSTORM_THRESHOLD: "p99 < 500ms error_rate<1%  rows_lost ==0" };
      expect(expressions({}, variable)).to.deep.equal(["p99<500ms", "error_rate<1%", "rows_lost==0"]);
    });

    it("each wrong one is a problem, and the names are listed once", () => {
      expect(problemsOf({ threshold: ["p75<1s", "p99<500ms", "lag<5", ""] })).to.deep.equal([
        `${wanted} p75<1s: there is no p75`,
        `names for --threshold are ${names}`,
        `${wanted} lag<5: its time needs a unit, such as 5ms`,
        `${wanted} nothing: it does not begin with a name`,
      ]);
    });

    const unmeasurable: readonly (readonly [flags: Record<string, string>, expression: string, problem: string])[] = [
      [{ rate: "max" }, "p99<500ms", "--rate max: a closed loop has no latency; use service_p99<500ms"],
      [{ rate: "max" }, "mean<5ms", "--rate max: a closed loop has no latency; use service_mean<5ms"],
      [{ rate: "max" }, "lag<5s", "--rate max: a closed loop is never behind"],
      [
        { rate: "max" },
        "achieved_rate>=99%",
        "--rate max: there is no target; give rows per second, such as achieved_rate>=100k",
      ],
      [{ "no-verify": "true" }, "rows_lost==0", "--no-verify: nobody asks the server for its rows"],
      [{ blind: "true" }, "rows_lost==0", "--blind: nobody asks the server for its rows"],
    ];
    for (const [flags, expression, problem] of unmeasurable) {
      it(`${expression} cannot be used with ${problem}`, () => {
        const told = `--threshold ${expression} cannot be used with ${problem}`;
        expect(problemsOf({ ...flags, threshold: expression })).to.deep.equal([told]);
      });
    }

    it("at --rate max service time, errors, rows/s and lost rows are measured", () => {
      const measured = ["service_p99.9<1s", "error_rate==0", "achieved_rate>=100k", "rows_lost==0"];
      expect(expressions({ rate: "max", threshold: measured })).to.deep.equal(measured);
    });
  });
});
