// A run of the real program, and its accounts (report, summary, --ledger) set against what ClickHouse says on a connection of the
// test's own: rows by run_id and batch. Every fault test goes through here.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { parseReport } from "../../src/report/read.js";
import type { Report } from "../../src/report/schema.js";
import { type Ended, type Running, start, unwrapped } from "./cli.js";

/** Where a run's rows lie: asked directly, not by the URL the run has. */
export interface Store {
  /** http://127.0.0.1:PORT/?database=NAME */
  readonly url: string;
  readonly table?: string;
}

/** Of one batch, in all stores. */
export interface BatchRows {
  readonly rows: number;
  readonly distinct: number;
}

/** A line of --ledger. */
export interface LedgerLine {
  readonly batch: number;
  readonly first_row: number;
  readonly rows: number;
  readonly fate: string;
  readonly reason: string | null;
  readonly code: string | null;
  readonly landed: number;
  readonly distinct: number;
  readonly state: string;
}

export interface Settled extends Ended {
  readonly report: Report;
  readonly ledger: readonly LedgerLine[];
  /** Rows of the run in all stores, copies too. */
  readonly landed: number;
  readonly distinct: number;
  /** Those of which any row is there. */
  readonly batches: ReadonlyMap<number, BatchRows>;
}

export interface Load {
  readonly running: Running;
  /** Its end, its report, and both compared with the stores. */
  settled(): Promise<Settled>;
  /** The same of a load that is interrupted in mid-run: what was due by then is all that was scheduled. */
  interrupted(): Promise<Settled>;
  /** Of a load with --metrics-port 0. */
  metricsPort(): Promise<number>;
  /** What GET /metrics shows now, of such a load. */
  metrics(): Promise<string>;
}

const POLL_MS = 20;

/** Asks until the answer is yes; throws what the program said if that has ended before. */
export async function until({ ended }: Running, holds: () => boolean | Promise<boolean>): Promise<void> {
  let end: Ended | undefined;
  void ended.then((found) => {
    end = found;
  });
  while (!(await holds())) {
    if (end !== undefined) throw new Error(`ended too early, with ${end.code}:\n${end.stdout}\n${end.stderr}`);
    await sleep(POLL_MS);
  }
}

/** The value of a metric, its labels as they are printed. */
export function metricOf(metrics: string, name: string): number | undefined {
  const line = metrics.split("\n").find((text) => text.startsWith(`${name} `) || text.startsWith(`${name}{`));
  return line === undefined ? undefined : Number(line.split(" ").at(-1));
}

/** Waits, while the program runs, until attempts of inserts have failed under a code. */
export async function untilErrors(load: Load, code: string): Promise<void> {
  const series = `ingestion_insert_errors_total{code="${code}"}`;
  await until(load.running, async () => (metricOf(await load.metrics(), series) ?? 0) > 0);
}

/** How many rows of any run a store shows; 0 without its table. */
export async function rowsIn({ url, table = "events" }: Store): Promise<number> {
  const [found] = await ask<{ rows: number }>(
    url,
    `SELECT sum(total_rows) AS rows FROM system.tables WHERE database = currentDatabase() AND name = '${table}'`,
  );
  return found?.rows ?? 0;
}

/** Waits, while the program runs, until a store shows so many rows. */
export async function untilRows({ running }: Load, store: Store, rows: number): Promise<void> {
  await until(running, async () => (await rowsIn(store)) >= rows);
}

/** The same for rows that are not there yet. */
export async function untilFurtherRows(load: Load, store: Store, rows: number): Promise<void> {
  await untilRows(load, store, (await rowsIn(store)) + rows);
}

/** @param stores one for each place rows may lie in; batches are of --batch-rows in `flags` */
export function startLoad(
  flags: readonly string[],
  stores: readonly Store[],
  environment: Readonly<Record<string, string>> = {},
): Load {
  const folder = mkdtempSync(join(tmpdir(), "clickstorm-fault-"));
  const [file, ledgerFile] = [join(folder, "report.json"), join(folder, "ledger.ndjson")];
  const running = start(["run", ...flags, "--report", file, "--ledger", ledgerFile], environment);
  const settled = async (isInterrupted: boolean): Promise<Settled> => {
    const ended = await running.ended;
    try {
      const reading = parseReport(readFileSync(file, "utf8"), file);
      if ("problem" in reading) throw new Error(reading.problem);
      expect(reading.report.interrupted, "interrupted before its time").to.equal(isInterrupted);
      const lines = readFileSync(ledgerFile, "utf8").split("\n").slice(0, -1);
      const ledger = lines.map((line): LedgerLine => JSON.parse(line));
      return await settle(ended, reading.report, ledger, stores);
    } catch (error) {
      throw new Error(`${error}\nthe run ended with ${ended.code}:\n${ended.stdout}\n${ended.stderr}`, {
        cause: error,
      });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  };
  let told = "";
  running.process.stderr?.on("data", (text: string) => {
    told += text;
  });
  const metricsPort = async (): Promise<number> => {
    await running.said("/metrics");
    return Number(/:(\d+)\/metrics/.exec(told)?.[1]);
  };
  return {
    running,
    metricsPort,
    async metrics() {
      const url = `http://127.0.0.1:${await metricsPort()}/metrics`;
      return (await fetch(url, { headers: { connection: "close" } })).text();
    },
    settled: () => settled(false),
    interrupted() {
      running.process.kill("SIGINT");
      return settled(true);
    },
  };
}

async function settle(
  ended: Ended,
  report: Report,
  ledger: readonly LedgerLine[],
  stores: readonly Store[],
): Promise<Settled> {
  const { rows, inserts, errors, endpoints } = report;
  expect(rows.scheduled, "scheduled").to.equal(rows.generated + rows.dropped + rows.unsent);
  expect(rows.generated, "generated").to.equal(rows.acknowledged + rows.failed + rows.unknown);
  expect(sumOf(errors, "rows"), "rows by code").to.equal(rows.failed + rows.unknown);
  expect(sumOf(errors, "inserts"), "inserts by code").to.equal(inserts.failed + inserts.unknown);
  expect(sumOf(errors, "retried"), "retries by code").to.equal(report.retries);
  expect(sumOf(endpoints, "acknowledged"), "rows by endpoint").to.equal(rows.acknowledged);
  expect(sumOf(endpoints, "retried"), "retries by endpoint").to.equal(report.retries);

  const batches = await batchesOf(report, stores);
  const landed = sumOf([...batches.values()], "rows");
  const distinct = sumOf([...batches.values()], "distinct");
  expect(rows.landed, "landed").to.equal(landed);
  expect(rows.duplicated, "duplicated").to.equal(landed - distinct);
  expect(distinct, "rows in the table").to.be.at.most(rows.generated);
  expectLedger(report, ledger, batches);
  const told = /ledger +scheduled ([\d,]+), acknowledged ([\d,]+), landed ([\d,]+), lost ([\d,]+), duplicated ([\d,]+)/;
  const figures = told
    .exec(unwrapped(ended.stdout))
    ?.slice(1)
    .map((text) => Number(text.replaceAll(",", "")));
  expect(figures, "the summary's ledger").to.deep.equal([
    rows.scheduled,
    rows.acknowledged,
    landed,
    rows.lost,
    landed - distinct,
  ]);
  const isWhole = rows.acknowledged + rows.dropped === rows.scheduled && landed === distinct && rows.lost === 0;
  if (report.problems.length === 0)
    expect(ended.code, "exit code").to.equal(isWhole ? (report.interrupted ? 130 : 0) : 1);
  else expect(ended.code, "exit code").to.equal(1);
  return { ...ended, report, ledger, landed, distinct, batches };
}

/** Each batch that the stores do not hold whole is listed, with what they hold; and each that was not acknowledged. */
function expectLedger(
  { rows, options, ledger }: Report,
  lines: readonly LedgerLine[],
  batches: ReadonlyMap<number, BatchRows>,
): void {
  const listed = new Map(lines.map((line) => [line.batch, line]));
  expect(listed.size, "batches listed once").to.equal(lines.length);
  const perBatch = options.rows_per_batch;
  const missing = { acknowledged: 0, failed: 0, unknown: 0, dropped: 0, unsent: 0 };
  const there = { ...missing };
  const due = { ...missing };
  for (let batch = 0; batch * perBatch < rows.scheduled; batch++) {
    const found = batches.get(batch) ?? { rows: 0, distinct: 0 };
    const full = Math.min(perBatch, rows.scheduled - batch * perBatch);
    const isWhole = found.rows === full && found.distinct === full;
    const line = listed.get(batch);
    const fate = (line?.fate ?? "acknowledged") as keyof typeof due;
    due[fate] += full;
    there[fate] += found.distinct;
    missing[fate] += full - found.distinct;
    if (line === undefined) {
      expect(isWhole, `batch ${batch}, which is not listed, is whole`).to.equal(true);
      continue;
    }
    const { first_row, rows: dueRows, landed, distinct, state } = line;
    const expected = [batch * perBatch, full, found.rows, found.distinct, stateOf(found, full)];
    expect([first_row, dueRows, landed, distinct, state], `batch ${batch}`).to.deep.equal(expected);
    expect(isWhole && fate === "acknowledged", `batch ${batch} is listed for nothing`).to.equal(false);
  }
  const { acknowledged, failed, unknown, dropped, unsent } = rows;
  expect(due, "rows by the fates of their batches").to.deep.equal({ acknowledged, failed, unknown, dropped, unsent });
  expect(rows.lost, "lost").to.equal(missing.acknowledged);
  expect(ledger, "ledger").to.include({
    unknown_landed: there.unknown,
    unknown_missing: missing.unknown,
    failed_landed: there.failed,
    never_sent: 0,
  });
}

function stateOf({ rows, distinct }: BatchRows, full: number): string {
  if (distinct === 0) return "missing";
  if (distinct < full) return "partial";
  return rows > full ? "duplicated" : "whole";
}

async function batchesOf(report: Report, stores: readonly Store[]): Promise<ReadonlyMap<number, BatchRows>> {
  const perBatch = report.options.rows_per_batch;
  const all = new Map<number, BatchRows>();
  for (const { url, table = "events" } of stores) {
    const found = await ask<{ batch: number; rows: number; distinct: number }>(
      url,
      `SELECT intDiv(seq, ${perBatch}) AS batch, count() AS rows, uniqExact(seq) AS distinct
        FROM ${table} WHERE run_id = '${report.run_id}' GROUP BY batch`,
    );
    for (const { batch, rows, distinct } of found) {
      // Of two stores with the same batch the second has copies: an insert goes to one of them.
      const before = all.get(batch) ?? { rows: 0, distinct: 0 };
      all.set(batch, { rows: before.rows + rows, distinct: Math.max(before.distinct, distinct) });
    }
  }
  return all;
}

/** The rows of an answer, 64-bit numbers as numbers. */
export async function ask<T>(url: string, sql: string): Promise<readonly T[]> {
  const body = `${sql} SETTINGS output_format_json_quote_64bit_integers = 0 FORMAT JSON`;
  const response = await fetch(url, { method: "POST", body, headers: { connection: "close" } });
  const text = await response.text();
  if (!response.ok) throw new Error(text);
  return JSON.parse(text).data;
}

function sumOf<K extends string>(items: readonly Readonly<Record<K, number>>[], name: K): number {
  return items.reduce((sum, item) => sum + item[name], 0);
}
