// src/report/read.ts: files that are no reports are told in a sentence, whatever they hold.

import { mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import fc from "fast-check";
import { mergeReports } from "../src/merge/merge.js";
import { parseReport, readReport } from "../src/report/read.js";
import { madeReport, steadyInserts } from "./support/reports.js";

const REPORT = madeReport(
  steadyInserts(2, 10, () => 5),
  { durationS: 2, warmupS: 0, rowsPerS: 1000, shard: "1/2" },
);
const TEXT = JSON.stringify(REPORT);

const problemOf = (text: string): string | undefined => {
  const reading = parseReport(text, "a.json");
  return "problem" in reading ? reading.problem : undefined;
};

describe("reading a report", () => {
  it("gives it back as it is", () => {
    expect(parseReport(TEXT, "a.json")).to.deep.equal({ report: REPORT });
  });

  it("leaves out fields of later versions, which are no error", () => {
    const later = { ...REPORT, colour: "red", rows: { ...REPORT.rows, eaten: 1 } };
    expect(parseReport(JSON.stringify(later), "a.json")).to.deep.equal({ report: REPORT });
  });

  it("of an earlier version, without traces, is read as one of a run that sent none", () => {
    const { traces: _later, ...former } = REPORT;
    expect(parseReport(JSON.stringify(former), "a.json")).to.deep.equal({ report: { ...REPORT, traces: null } });
    const [older, newer] = [former, { ...REPORT, options: { ...REPORT.options, shard: "2/2" } }].map((report) => {
      const reading = parseReport(JSON.stringify(report), "a.json");
      if ("problem" in reading) throw new Error(reading.problem);
      return reading.report;
    });
    if (older === undefined || newer === undefined) throw new Error("two reports expected");
    // Two shards of 2 s with ten inserts a second each.
    const merged = mergeReports([older, newer], () => []);
    expect([merged.rows.scheduled, merged.traces]).to.deep.equal([2 * REPORT.rows.scheduled, REPORT.traces]);
  });

  const texts: readonly (readonly [what: string, text: string, problem: string])[] = [
    ["nothing", " \n", "a.json is empty"],
    ["half of a report", TEXT.slice(0, TEXT.length / 2), "a.json is cut off or damaged: its JSON has no end"],
    ["no JSON", "run 1234", "a.json is not JSON, so no report"],
    ["a number", "12", 'a.json is not the report of a run: it has no "schema": "clickstorm/report/1"'],
    ["another object", "{}", 'a.json is not the report of a run: it has no "schema": "clickstorm/report/1"'],
    [
      "a later schema",
      '{"schema":"clickstorm/report/2"}',
      "a.json is of schema clickstorm/report/2, and this clickstorm reads clickstorm/report/1: use a newer clickstorm",
    ],
    ["a ladder", '{"schema":"clickstorm/ladder/1"}', "a.json is the report of `clickstorm ladder`, not of a run"],
    [
      "another program's",
      '{"schema":"http://json-schema.org/draft-07/schema#"}',
      "a.json is not the report of a run: its schema is another than clickstorm/report/1",
    ],
    ["one without rows", TEXT.replace('"rows":', '"rowz":'), "a.json: rows is missing"],
    [
      "a text for a number",
      JSON.stringify({ ...REPORT, elapsed_s: "long" }),
      "a.json: elapsed_s must be a number, got a text",
    ],
    [
      "a negative number of rows in the second point",
      JSON.stringify({
        ...REPORT,
        series: REPORT.series.map((point, at) => (at === 1 ? { ...point, rows: -3 } : point)),
      }),
      "a.json: series[1].rows must be at least 0, got -3",
    ],
    [
      "half a row",
      JSON.stringify({ ...REPORT, rows: { ...REPORT.rows, lost: 0.5 } }),
      "a.json: rows.lost must be a whole number, got 0.5",
    ],
    [
      "a list for an object",
      JSON.stringify({ ...REPORT, options: [] }),
      "a.json: options must be an object, got a list",
    ],
    [
      "an unknown word",
      JSON.stringify({ ...REPORT, options: { ...REPORT.options, arrivals: "often" } }),
      'a.json: options.arrivals must be "constant" or "poisson", got a text',
    ],
  ];
  const { service_ms: times } = REPORT;
  const cut = { ...times, hdr: times.hdr.slice(0, 20) };
  const miscounted = { ...times, count: times.count + 1 };
  for (const [name, of] of [
    ["latency_ms", (given: typeof times) => ({ latency_ms: { ...given, lower_bounds: 0 } })],
    ["service_ms", (given: typeof times) => ({ service_ms: given })],
    ["refused_ms", (given: typeof times) => ({ refused_ms: given })],
    ["lateness_ms", (given: typeof times) => ({ lateness_ms: given })],
    ["sending_ms", (given: typeof times) => ({ sending_ms: given })],
    [
      "generator.unheld_service_ms",
      (given: typeof times) => ({ generator: { ...REPORT.generator, unheld_service_ms: given } }),
    ],
  ] as const) {
    it(`a damaged histogram of ${name}, or one of other inserts: told by its name`, () => {
      const problem = (given: typeof times) => problemOf(JSON.stringify({ ...REPORT, ...of(given) }));
      expect(problem(times)).to.equal(undefined);
      expect(problem(cut)?.startsWith(`a.json: ${name}.hdr cannot be read: `)).to.equal(true);
      // Two seconds of ten inserts.
      expect(problem(miscounted)).to.equal(`a.json: ${name}.hdr holds 20 values, and its count is 21`);
    });
  }
  for (const [what, text, problem] of texts) {
    it(`${what}: ${problem}`, () => expect(problemOf(text)).to.equal(problem));
  }

  describe("from a place that is none", () => {
    const folder = mkdtempSync(join(tmpdir(), "clickstorm-read-"));
    after(() => rmSync(folder, { recursive: true }));
    const large = join(folder, "large.json");
    writeFileSync(large, "");
    // Sparse: it takes no room.
    truncateSync(large, 200_000_001);
    const device = join(folder, "null.json");
    symlinkSync("/dev/null", device);
    for (const [file, problem] of [
      [join(folder, "none.json"), ": there is no such file"],
      [folder, " is a folder, not a file"],
      [device, " is a device, not a file"],
      [large, " is larger than 200 MB"],
    ] as const) {
      it(problem, async () => expect(await readReport(file)).to.deep.equal({ problem: `${file}${problem}` }));
    }
  });

  it("whatever is changed in it: a report or one line, never more", () => {
    let told = 0;
    fc.assert(
      fc.property(fc.nat(TEXT.length - 1), fc.nat(30), fc.string({ maxLength: 5 }), (at, length, instead) => {
        const reading = parseReport(TEXT.slice(0, at) + instead + TEXT.slice(at + length), "a.json");
        if ("report" in reading) return;
        told++;
        expect(reading.problem)
          .to.match(/^a\.json[: ].*$/u)
          .and.to.have.length.below(300);
      }),
      { numRuns: 300 },
    );
    expect(told).to.be.above(100);
  });

  it("whatever value stands in place of one of its fields: a report or one line", () => {
    const names = Object.keys(REPORT);
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.jsonValue(), (name, value) => {
        const reading = parseReport(JSON.stringify({ ...REPORT, [name]: value }), "a.json");
        if ("problem" in reading) expect(reading.problem).to.match(/^a\.json[: ].*$/u);
      }),
      { numRuns: 300 },
    );
  });
});
