// The shape of a report, schema clickstorm/report/1: the one source of its type, of what read.ts accepts and of
// docs/report.schema.json. Loading zod takes some 100 ms: `run` imports the type alone. It grows by adding fields.

import { z } from "zod";
import { REASONS } from "../answer.js";
import { COMPRESSIONS } from "../compress.js";
import { FATE_NAMES } from "../ledger/tally.js";

/** A whole number from 0 up. */
const count = (description: string) => z.int().min(0).describe(description);
/** A number from 0 up. */
const amount = (description: string) => z.number().min(0).describe(description);
const text = (description: string) => z.string().describe(description);
const flag = (description: string) => z.boolean().describe(description);

/** A figure of a histogram. */
const ms = (description: string) => amount(description).nullable();

const FIGURES = {
  min: ms("Milliseconds; null when count is 0, as all the others"),
  mean: ms("Milliseconds, from the exact sum"),
  p50: ms("Milliseconds: half of the inserts took at most so long"),
  p90: ms("Milliseconds; null for fewer than 10 inserts, which say nothing of it"),
  // Reports of earlier versions have it not.
  p95: ms("Milliseconds; null for fewer than 20 inserts").default(null),
  p99: ms("Milliseconds; null for fewer than 100 inserts"),
  p999: ms("Milliseconds: 99.9 of 100 inserts took at most so long; null for fewer than 1,000 inserts"),
  max: ms("Milliseconds, to three significant digits"),
};

const latency = (description: string) =>
  z
    .object({
      count: count("Inserts"),
      ...FIGURES,
      hdr: text(
        "The HDR histogram, V2, compressed, base64; its values are whole microseconds, to three significant digits",
      ),
    })
    .describe(description);

const pointLatency = (description: string) =>
  z
    .object({
      count: count("Inserts acknowledged in the interval"),
      ...FIGURES,
      hdr: text(
        "The interval's HDR histogram, as in latency_ms; only in the report of a shard, whose points are to be merged",
      ).optional(),
    })
    .describe(description);

const inserts = (description: string) =>
  z
    .object({
      acknowledged: count("Inserts"),
      failed: count("Inserts"),
      unknown: count("Inserts"),
    })
    .describe(description);

/** Where scheduled rows went. */
const FATES = {
  scheduled: count("Rows that were to be sent: generated + dropped + unsent"),
  generated: count("Rows handed to an insert: acknowledged + failed + unknown"),
  dropped: count("Rows given up because they were late, with --overload drop"),
  unsent: count("Rows still waiting when the drain was over"),
  acknowledged: count("Rows the server said it has"),
  failed: count("Rows the server refused, or that did not reach it"),
  unknown: count("Rows sent without an answer, or with one that leaves open what was stored: they may have landed"),
};

const options = z
  .object({
    "clickhouse-url": z.array(z.string()).describe("Endpoints, without user information and query"),
    table: text("database.table"),
    embedded: flag("Whether the embedded ClickHouse was started for the run"),
    rate: text("Rows per second, as given: 250k, or max for a closed loop"),
    duration_s: amount("Seconds; null where the end of a file ends the run").nullable(),
    drain_s: amount("Seconds due batches might still be sent after the end"),
    stages: z
      .array(
        z.object({
          duration_s: amount("Seconds"),
          rows_per_s: amount("Rows per second at its end, reached in a line from the rate before"),
        }),
      )
      .nullable()
      .describe("The ramps of the load; null: none were given"),
    arrivals: z.enum(["constant", "poisson"]).describe("How batches follow each other"),
    warmup_s: amount(
      "Seconds from the start that are left out of rates, latencies and thresholds; not of rows and ledger",
    ),
    overload: z.enum(["catch-up", "drop"]).describe("What becomes of batches that are late"),
    "max-lag_s": amount("Seconds a batch may be late before it is dropped; null with catch-up").nullable(),
    "abort-below": amount("Share of the target rate under which the run ends itself; null: it does not").nullable(),
    shard: z
      .string()
      .regex(/^[1-9]\d*\/[1-9]\d*$/)
      .nullable()
      .describe("Which of the processes of one run this is, such as 1/3; null: the only one, or all of them merged"),
    "start-at": text("When the run was to start, ISO 8601; null: at once").nullable(),
    workers: count("Worker threads"),
    "in-flight": count("Inserts in flight at once, at most"),
    "batch-rows": count("Rows a batch was to have, at most"),
    "flush-interval_s": amount("Seconds after its first row a batch closes"),
    rows_per_batch: count("Rows every full batch had"),
    format: text("The format of inserts"),
    compress: z.enum(COMPRESSIONS).describe("What the bodies of inserts were compressed with"),
    "async-insert": flag("Whether async_insert=1 was sent"),
    settings: z.record(z.string(), z.string()).describe("ClickHouse settings of each insert that were asked for"),
    quorum: z
      .union([z.int().min(2), z.literal("auto")])
      .nullable()
      .describe("Replicas that must have had an insert before it was acknowledged; null: as the server has it"),
    timeout_s: amount("Seconds an attempt of an insert might take"),
    retries: count("Attempts an insert might have after its first"),
    "retry-for_s": amount("Seconds after its first attempt in which others might begin"),
    "retry-ambiguous": flag("Whether inserts that might have landed were sent again in any case"),
    "max-failures": count(
      "Inserts in a row that, when none was acknowledged, ended the run; null: none did",
    ).nullable(),
    "worker-crash": z.enum(["end", "continue"]).describe("What the crash of a worker thread was to do to the run"),
    seed: count("Seed of the generated rows; null where they came from a file").nullable(),
    replay: text("The file rows came from; null: they were generated").nullable(),
    "replay-once": flag("Whether the run was to end with the file"),
    "replay-time": text("The column that got the time of the schedule").nullable(),
    ledger: text("The file batches were written to; null: none").nullable(),
    config: text("The config file").nullable(),
    "data-span_s": amount("Seconds row times were spread over; null: the run's own time").nullable(),
    "data-start": text("The time of the first row, ISO 8601; null: when the run started").nullable(),
    verify: flag("Whether the ledger was asked for"),
    strict: flag("Whether a threshold that cannot be judged was to end the run with 98").default(false),
    blind: flag("Whether the server was asked nothing"),
    "tls-ca": text("The file of authorities; null: those Node knows").nullable(),
    "tls-cert": text("The file of the client certificate; null: none").nullable(),
    "tls-key": text("The file of its key, whose content is in no report; null: none").nullable(),
    "tls-insecure": flag("Whether no certificate was verified"),
  })
  .describe("What was asked for, named as the flags are; no password, no user information");

const machine = z
  .object({
    cores: count("Cores this process could use"),
    platform: text("Operating system and architecture"),
    cpu: text("The processor's name"),
    memory_bytes: count("Bytes of memory"),
  })
  .describe("Where the generator ran; of a merged report: its first shard's");

const ledger = z.object({
  batches: z
    .array(
      z.object({
        fate: z
          .enum(FATE_NAMES)
          .describe(
            "What became of these batches; unsent: never handed to an insert; unremembered: there were too many to remember",
          ),
        reason: z.enum(REASONS).nullable().describe("Why they failed; null: they did not"),
        code: text("Under which they are counted in errors; null: neither failed nor unknown").nullable(),
        batches: count("Batches: whole + partial + missing + duplicated"),
        rows: count("Rows they were to hold"),
        whole: count("Batches of which every row is there, once"),
        partial: count("Batches of which some rows are there and some are not"),
        missing: count("Batches of which no row is there"),
        duplicated: count("Batches of which every row is there, some more than once"),
        landed: count("Rows of them that are there, with copies"),
        distinct: count("Rows of them that are there, without copies"),
      }),
    )
    .describe("All batches, by what became of them"),
  unknown_landed: count("Unknown rows that are there"),
  unknown_missing: count("Unknown rows that are not"),
  failed_landed: count("Rows that the server said it does not have, and that are there"),
  never_sent: count("Rows of this run's id that it never sent; counted in rows.duplicated"),
  replicas: z
    .array(
      z.object({
        "clickhouse-url": text("Without user information and query"),
        landed: count("Rows of the run it holds, with copies; null: it could not be asked").nullable(),
        missing: count("Acknowledged rows that others of its replicas hold, and it does not").nullable(),
        duplicated: count("Surplus copies").nullable(),
      }),
    )
    .describe("Each replica that the URLs lead to; none: the table is not replicated"),
});

const point = z.object({
  t_s: amount(
    "End of the interval, in seconds from the start: whole ones, but for the last, which ends with the run, at elapsed_s",
  ),
  seconds: amount(
    "Length of the interval: 1 in the first hour, then doubling with the length of the run; of the last from half to one and a half of that",
  ),
  warmup: flag("Whether it begins before the warm-up ends: it may end behind it"),
  scheduled: count("Rows that were due in it"),
  rows: count("Rows acknowledged in it"),
  inserts: count("Inserts answered or given up in it, whatever the outcome"),
  errors: count("Inserts of these that failed or whose outcome is unknown"),
  latency_ms: pointLatency("From due to answered; in a closed loop from sent to answered"),
  service_ms: pointLatency("From sent to answered"),
  in_flight: count("Inserts in flight at its end"),
  lag_ms: amount("Milliseconds the most belated worker was behind the schedule at its end"),
  cpu_s: amount("CPU seconds the generator used in it"),
});

const shard = z.object({
  shard: text("Such as 1/3"),
  clickstorm: text("Version"),
  machine,
  "clickhouse-url": z.array(z.string()).describe("Endpoints, without user information and query"),
  workers: count("Worker threads"),
  "in-flight": count("Inserts in flight at once, at most"),
  elapsed_s: amount("Seconds from the start to its last answer"),
  acknowledged: count("Rows"),
  generator_cpu_s: amount("CPU seconds"),
  generator_limited: flag("Whether this process was the limit"),
});

export const SCHEMA = "clickstorm/report/1";

export const reportSchema = z
  .object({
    schema: z.literal(SCHEMA),
    run_id: text("Of column run_id and of query ids"),
    options,
    versions: z.object({
      clickstorm: text("Version"),
      node: text("Version"),
      clickhouse: text("Version; null when nothing was asked").nullable(),
    }),
    machine,
    server: z
      .object({
        settings: z
          .record(z.string(), z.string())
          .describe("Settings of this user's session that differ from the server's defaults"),
        table: z.object({
          engine: text("Null when nothing was asked").nullable(),
          columns: z.array(z.object({ name: z.string(), type: z.string() })).describe("As the table has them"),
        }),
        deduplication: z
          .object({
            honoured: flag("Whether the table stores an insert once that comes twice under the same token"),
            window: count("So many inserts it remembers; null: none").nullable(),
            why: text('Why not, going on from "the table"; null where it does').nullable(),
          })
          .nullable()
          .describe("What retries mean for the table; null: there were to be none, or nothing was asked"),
      })
      .describe("What the server said before the first row"),
    replay: z
      .object({
        file: text("As it was given"),
        compression: z.enum(["none", "gzip", "zstd"]),
        file_bytes: count("Bytes of the file as it is"),
        lines: count("Rows in it"),
        bytes: count("Bytes of these, decompressed"),
        times_round: amount("How often it was gone through"),
      })
      .nullable()
      .describe("The file rows came from; null: they were generated"),
    started_at: text("Time of day at the start, ISO 8601"),
    interrupted: flag("Ended by a signal before its time: what was not yet due then was never scheduled"),
    schedule_s: amount("Seconds from the start to the schedule's end, which a signal may have brought forward"),
    elapsed_s: amount(
      "Seconds from the start to the schedule's end or the last answer, whichever is later; with the warm-up",
    ),
    measured: z
      .object({
        from_s: amount("Start of the window, in seconds from the start of the run: the end of the warm-up"),
        to_s: amount(
          "Its end: the schedule's; in a closed loop too short for a window of its own the last answer, if that is later",
        ),
        answered: amount(
          "Rows that count as answered within the window, those of the warm-up too; in a closed loop of an insert partly in it that part of its rows; null: an earlier version",
        )
          .nullable()
          .default(null),
        error_rows: amount(
          "By so many rows it may be off, as inserts are few or long; null: the run kept up, and by less than 1%, or is a closed loop",
        )
          .nullable()
          .default(null),
        backlog: z
          .object({
            rows: count("Rows of the run that were due and had no outcome when the schedule ended"),
            seconds: amount("Until the last of them had one, or nothing more was sent"),
          })
          .nullable()
          .default(null)
          .describe("What was answered later, or never; null: the run kept up, or is a closed loop"),
        ...FATES,
        inserts: inserts("Of these rows"),
      })
      .describe("The window that rates, latencies and thresholds are of, and its batches: the run without its warm-up"),
    target_rows_per_s: amount(
      "Rows per second asked for, on average over the measured window; null in a closed loop",
    ).nullable(),
    achieved_rows_per_s: amount(
      "Rows answered within the measured window, per second of it: measured.answered / (measured.to_s - measured.from_s)",
    ),
    ceiling: text("The part of the server a limit is a limit of; null when it is not known").nullable(),
    rows: z
      .object({
        ...FATES,
        landed: count("Rows of the run the table holds, however often; null: not asked").nullable(),
        lost: count("Acknowledged rows that are not there").nullable(),
        duplicated: count("Surplus copies").nullable(),
      })
      .describe("All rows of the run, with its warm-up"),
    ledger_caveat: text(
      "What must be known to read landed, lost and duplicated, or why the table has no ledger; null: nothing",
    ).nullable(),
    ledger: ledger
      .nullable()
      .describe("What is there of each batch, as ClickHouse says; null: not asked, or rows cannot be told apart"),
    bytes: z.object({
      rendered: count("Bytes of the rows"),
      sent: count("Bytes of the request bodies"),
    }),
    inserts: inserts("All inserts of the run, with its warm-up"),
    retries: count("Attempts of these inserts beyond their first ones"),
    endpoints: z
      .array(
        z.object({
          "clickhouse-url": text("Without user information and query"),
          inserts: inserts("Those whose last attempt went there"),
          acknowledged: count("Rows of these"),
          retried: count("Attempts there that failed, and were followed by another, there or elsewhere"),
          sent_bytes: count("Bytes of request bodies, of all attempts there"),
          left_out: count("How often a worker left it out for a while after a failure"),
        }),
      )
      .describe("Each endpoint of the load, with the warm-up"),
    latency_ms: latency(
      "From due to answered, measured, of acknowledged inserts: with the wait for a free insert; null in a closed loop",
    )
      .extend({
        lower_bounds: count(
          "Inserts in it that were due and never sent, with the time they had waited when nothing more was sent",
        ).default(0),
      })
      .nullable(),
    service_ms: latency("From sent to answered, measured, of acknowledged inserts"),
    refused_ms: latency(
      "From due (in a closed loop: from sent) to the end of it, measured, of inserts that failed or are unknown; null: an earlier version",
    )
      .nullable()
      .default(null),
    lateness_ms: latency("From due to sent, measured; null in a closed loop").nullable(),
    errors: z
      .array(
        z.object({
          code: text("ClickHouse's exception number, or the name of a failure of the connection"),
          inserts: count("Inserts whose last attempt ended so"),
          rows: count("Rows of these"),
          retried: count("Further attempts that ended so, and were followed by another"),
          first: text("What the first of them was told").nullable(),
        }),
      )
      .describe("Attempts of inserts that were not acknowledged, by code, of the whole run"),
    traces: z
      .object({
        spans: count("Spans that began: exported + lost"),
        exported: count("Spans the collector took"),
        lost: z.object({
          queue_full: count("Spans for which there was no room among those that waited to be sent"),
          rejected: count("Spans the collector left out of what it took"),
          failed: count("Spans of requests the collector did not take"),
          unflushed: count("Spans still on their way at the end, or of a worker thread that crashed"),
        }),
      })
      .nullable()
      // Reports of earlier versions have it not.
      .default(null)
      .describe("Spans of sampled batches, two each; null: none were sent"),
    problems: z.array(z.string()).describe("Why the run did not go its way to the end, as sentences"),
    max_lag_ms: amount("Milliseconds the most belated insert was sent after it was due, measured"),
    generator_cpu_s: amount("CPU seconds of the whole run: user and system, all threads"),
    sending_ms: latency(
      "From sent until this system had taken the whole body, of acknowledged inserts, measured; null: not counted",
    )
      .nullable()
      .default(null),
    network: z
      .object({
        limited: flag(
          "Bodies took most of the service time to leave: the network, or a server or proxy that reads slowly",
        ),
        reasons: z
          .array(z.string())
          .describe("Why it is thought to have been the limit, as sentences; none: it was not"),
        seen: z
          .object({
            arrived: count("Their bodies had arrived at the other end's system: they waited for an answer"),
            under_way: count("Bytes of theirs were under way"),
            stuck: count("Bytes of theirs were here, as the other end's system had no room for more"),
          })
          .describe("Inserts in flight, looked at now and then; all 0: there were none, or the system does not say"),
      })
      .nullable()
      .default(null)
      .describe("What lies between generator and server; null: nobody looked"),
    generator_cpu: z
      .object({
        starting_s: amount(
          "CPU seconds until the load started: threads, first rows, what is compiled; much the same for every run",
        ),
        warmup_s: amount("CPU seconds of the warm-up"),
        measured_s: amount("CPU seconds from the end of the warm-up to the end of the schedule: what the load costs"),
        draining_s: amount("CPU seconds from then on until the last insert was over"),
      })
      .nullable()
      // Reports of earlier versions have it not.
      .default(null)
      .describe("The same by the part of the run it was taken in; null: an earlier version"),
    generator_limited: flag("The generator was the limit: the figures are no statement about the server"),
    generator: z.object({
      reasons: z.array(z.string()).describe("Why it is thought to have been the limit, as sentences; none: it was not"),
      unheld_service_ms: latency(
        "service_ms without the time that answers may have lain unread, as their thread had no CPU; null: nobody looked",
      )
        .nullable()
        .default(null),
      throttled_s: amount(
        "Seconds the control group of the process was held still by its CPU limit, summed over CPUs; null: there is no such group, or the system does not say",
      )
        .nullable()
        .default(null),
      workers: z
        .array(
          z.object({
            busy_s: amount("Seconds its event loop was busy"),
            idle_s: amount("Seconds its event loop was idle"),
            rendering_s: amount("Seconds spent on making rows and compressing them"),
            waiting_s: amount("Seconds in which a batch was overdue, waiting for a place among --in-flight"),
            delayed_s: amount("Seconds in which a batch was overdue though there was a place: the generator was late"),
            ran_s: amount("Seconds its thread had a CPU; null: the system does not say").nullable().default(null),
            waited_for_cpu_s: amount("Seconds its thread could have run and had no CPU; null: the system does not say")
              .nullable()
              .default(null),
            stood_still_s: amount(
              "Seconds in which it neither ran nor waited nor slept: process or machine were stopped; where the system tells nothing, with all others that it was held up",
            ).default(0),
          }),
        )
        .describe("Of each worker thread, measured"),
    }),
    series: z.array(point).describe("The run over time, with its warm-up"),
    thresholds: z
      .array(
        z.object({
          expression: text("As given"),
          value: z
            .number()
            .nullable()
            .describe(
              "What was measured: milliseconds, a share of 1, rows per second or rows, as the name says; null: nothing, or too few inserts",
            ),
          passed: z.boolean().describe("Nothing that was measured speaks against it"),
          unjudged: text("Why it cannot be judged, such as: needs 100 inserts, has 30; null: it is")
            .nullable()
            .default(null),
        }),
      )
      .describe("What was demanded of the run"),
    shards: z.array(shard).describe("The processes of the run; only in merged reports").optional(),
  })
  .describe("The report of a run of clickstorm. All rates are rows per second; a name ends with its unit.");

type Deep<T> = T extends object ? { readonly [K in keyof T]: Deep<T[K]> } : T;

export type Report = Deep<z.infer<typeof reportSchema>>;
export type Point = Report["series"][number];
export type PointLatency = Point["latency_ms"];
export type LedgerJson = NonNullable<Report["ledger"]>;
export type LatencyJson = Report["service_ms"];

/** The text of docs/report.schema.json. */
export function jsonSchema(): object {
  // What comes in: fields of later versions are no error.
  return { title: SCHEMA, ...z.toJSONSchema(reportSchema, { io: "input" }) };
}
