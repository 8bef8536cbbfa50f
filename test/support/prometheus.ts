// A real Prometheus of its own, scraping one address; promtool; and a reader of the text format for what needs neither.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const PROMETHEUS = "/usr/bin/prometheus";
const PROMTOOL = "/usr/bin/promtool";
const READY_MS = 15_000;

/** Debian's package `prometheus` is installed. */
export const hasPrometheus = existsSync(PROMETHEUS) && existsSync(PROMTOOL);

/** A port of 127.0.0.1 nobody listens on; somebody may be faster. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== "object" || address === null) throw new Error("no port");
  return address.port;
}

/** A series with its value at one time. */
export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface SeriesExemplars {
  readonly metric: Readonly<Record<string, string>>;
  readonly exemplars: readonly {
    readonly labels: Readonly<Record<string, string>>;
    readonly value: number;
    readonly timestamp: number;
  }[];
}

interface Answer<T> {
  readonly status: string;
  readonly error?: string;
  readonly data: T;
}

export class Prometheus {
  readonly #url: string;
  readonly #child: ChildProcess;
  readonly #directory: string;
  #log = "";

  private constructor(url: string, child: ChildProcess, directory: string) {
    this.#url = url;
    this.#child = child;
    this.#directory = directory;
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#log += text;
    });
  }

  /** Scrapes 127.0.0.1:`targetPort`/metrics five times a second, whether anybody listens there yet or not. */
  static async open(targetPort: number): Promise<Prometheus> {
    const port = await freePort();
    const directory = await mkdtemp(join(tmpdir(), "clickstorm-prometheus-"));
    const config = join(directory, "prometheus.yml");
    await writeFile(
      config,
      `global: {scrape_interval: 200ms, scrape_timeout: 200ms}
scrape_configs: [{job_name: clickstorm, static_configs: [{targets: ["127.0.0.1:${targetPort}"]}]}]
`,
    );
    const child = spawn(
      PROMETHEUS,
      [
        `--config.file=${config}`,
        `--storage.tsdb.path=${join(directory, "data")}`,
        `--web.listen-address=127.0.0.1:${port}`,
        "--log.level=warn",
        "--enable-feature=exemplar-storage",
      ],
      { stdio: ["ignore", "ignore", "pipe"] },
    );
    const prometheus = new Prometheus(`http://127.0.0.1:${port}`, child, directory);
    await prometheus.#ready();
    return prometheus;
  }

  async #ready(): Promise<void> {
    for (const deadlineMs = performance.now() + READY_MS; performance.now() < deadlineMs; await sleep(50)) {
      if (this.#child.exitCode !== null) break;
      const response = await fetch(`${this.#url}/-/ready`).catch(() => undefined);
      if (response?.ok === true) return;
    }
    await this.close();
    throw new Error(`Prometheus is not ready: ${this.#log}`);
  }

  /** Resolves once it tries to scrape: it looks at its targets five seconds after its start for the first time. */
  async scraping(): Promise<void> {
    while ((await this.query("up")).length === 0) await sleep(100);
  }

  async get<T>(path: string): Promise<T> {
    const response = await fetch(`${this.#url}${path}`);
    const answer = (await response.json()) as Answer<T>;
    if (answer.status !== "success") throw new Error(`${path}: ${answer.error}`);
    return answer.data;
  }

  /** The instant vector of a PromQL expression. */
  async query(expression: string): Promise<Sample[]> {
    const { result } = await this.get<{ result: { metric: Record<string, string>; value: [number, string] }[] }>(
      `/api/v1/query?query=${encodeURIComponent(expression)}`,
    );
    return result.map(({ metric, value }) => ({ metric, value: Number(value[1].replace("Inf", "Infinity")) }));
  }

  /** When the newest sample of a metric was taken, in seconds since the epoch: a scrape that failed since does not matter. */
  async sampledAt(metric: string): Promise<number> {
    const { result } = await this.get<{ result: { values: [number, string][] }[] }>(
      `/api/v1/query?query=${encodeURIComponent(`${metric}[5m]`)}`,
    );
    return Math.max(...result.flatMap(({ values }) => values.map(([atS]) => atS)));
  }

  /** Exemplars of all series of a selector, since it was started. */
  async exemplars(selector: string): Promise<SeriesExemplars[]> {
    const now = Date.now() / 1000;
    const found = await this.get<
      {
        seriesLabels: Record<string, string>;
        exemplars: { labels: Record<string, string>; value: string; timestamp: number }[];
      }[]
    >(`/api/v1/query_exemplars?query=${encodeURIComponent(selector)}&start=${now - 3600}&end=${now + 3600}`);
    return found.map(({ seriesLabels, exemplars }) => ({
      metric: seriesLabels,
      exemplars: exemplars.map(({ labels, value, timestamp }) => ({ labels, value: Number(value), timestamp })),
    }));
  }

  /** The value of an expression that has exactly one. */
  async value(expression: string): Promise<number> {
    const samples = await this.query(expression);
    const [sample] = samples;
    if (sample === undefined || samples.length > 1) throw new Error(`${expression} has ${samples.length} values`);
    return sample.value;
  }

  async close(): Promise<void> {
    if (this.#child.exitCode === null) {
      const gone = new Promise((resolve) => this.#child.once("exit", resolve));
      this.#child.kill("SIGKILL");
      await gone;
    }
    await rm(this.#directory, { recursive: true, force: true });
  }
}

/** What promtool has to say about metrics in the text format: one line each. */
export function checkMetrics(text: string): string[] {
  const { status, stderr } = spawnSync(PROMTOOL, ["check", "metrics"], { input: text, encoding: "utf8" });
  // 3: only advice.
  if (status !== 0 && status !== 3) throw new Error(`promtool: ${stderr}`);
  return stderr.split("\n").filter((line) => line !== "");
}

/** Values of the text format by series, as they are written: `name{label="value"}`. */
export function parseText(text: string): Map<string, number> {
  const series = new Map<string, number>();
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const space = line.lastIndexOf(" ");
    if (series.has(line.slice(0, space))) throw new Error(`twice: ${line}`);
    series.set(line.slice(0, space), Number(line.slice(space + 1).replace("Inf", "Infinity")));
  }
  return series;
}
