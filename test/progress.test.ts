// src/progress.ts on terminals of several widths, and piped: what is written, byte by byte.

import type { WriteStream } from "node:tty";
import { expect } from "chai";
import { ACKNOWLEDGED } from "../src/answer.js";
import { Counters } from "../src/counters.js";
import { Progress } from "../src/progress.js";
import { type Snapshot, Snapshots } from "../src/snapshot.js";

const SECOND_NS = 1_000_000_000;

/** What is written, with the stream's end of the terminal's controls. */
class Screen {
  written = "";

  constructor(readonly columns: number | undefined) {}

  get isTTY(): boolean {
    return this.columns !== undefined;
  }

  write(text: string): boolean {
    this.written += text;
    return true;
  }

  /** Lines as a terminal shows them: a carriage return or ESC[1G goes back, ESC[0K and ESC[2K clear. */
  get shown(): string[] {
    const lines = [""];
    let column = 0;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: a terminal's controls begin with escape.
    for (const [token] of this.written.matchAll(/\x1b\[\d*[GK]|\n|./gu)) {
      const line = lines.at(-1) ?? "";
      if (token === "\n") {
        lines.push("");
        column = 0;
      } else if (token === "\x1b[1G") column = 0;
      else if (token === "\x1b[0K") lines[lines.length - 1] = line.slice(0, column);
      else if (token === "\x1b[2K") lines[lines.length - 1] = "";
      else {
        lines[lines.length - 1] = line.slice(0, column) + token + line.slice(column + 1);
        column++;
      }
    }
    return lines;
  }

  progress(durationS: number, warmUpS = 0): Progress {
    return new Progress(this as unknown as WriteStream, BigInt(durationS * SECOND_NS), BigInt(warmUpS * SECOND_NS));
  }
}

/** A load that was acknowledged 200,000 rows a second up to now, in so many inserts, each after 12.5 ms. */
function snapshotAt(second: number, inFlight = 3, inserts = 100): Snapshot {
  const counters = Counters.allocate({ workers: 1, endpoints: 1, phases: 1 });
  const worker = counters.worker(0);
  const snapshots = new Snapshots(counters, false);
  let snapshot = snapshots.take(0);
  for (let now = 1; now <= second; now++) {
    for (let insert = 0; insert < inserts; insert++) {
      const batch = { rows: 200_000 / inserts, measured: true };
      worker.generated(batch, 1);
      worker.answered(0, batch, ACKNOWLEDGED);
      worker.timed(batch, { dueNs: 0, answeredNs: 12_500_000, serviceNs: 12_500_000 });
    }
    snapshot = snapshots.take(now * SECOND_NS);
  }
  for (let slot = 0; slot < inFlight; slot++) {
    worker.generated({ rows: 1, measured: true }, 1);
  }
  return { ...snapshot, totals: { ...snapshot.totals, inFlight } };
}

describe("progress", () => {
  const rows: readonly (readonly [columns: number, line: string])[] = [
    [20, " 200k rows/s"],
    [40, " 200k rows/s  errors 0  0:13 left"],
    [80, "0:02/0:15   200k rows/s  p99  12.5 ms  errors 0  in flight  3  0:13 left"],
    [200, "0:02/0:15   200k rows/s  p50  12.5 ms  p99  12.5 ms  errors 0  in flight  3  400,000 rows  0:13 left"],
  ];
  for (const [columns, line] of rows) {
    it(`${columns} columns show whole figures, the most telling first: ${line}`, () => {
      const screen = new Screen(columns);
      screen.progress(15).update(snapshotAt(2), BigInt(15 * SECOND_NS));
      expect(screen.shown).to.deep.equal([line]);
    });
  }

  it("of 50 inserts a second there is no p99: their longest stands in its place", () => {
    const screen = new Screen(200);
    screen.progress(15).update(snapshotAt(2, 3, 50), BigInt(15 * SECOND_NS));
    expect(screen.shown).to.deep.equal([
      "0:02/0:15   200k rows/s  p50  12.5 ms  max  12.5 ms  errors 0  in flight  3  400,000 rows  0:13 left",
    ]);
  });

  it("a warm-up says so until it is over: at 2 and 3 s of a warm-up of 3 s", () => {
    const screen = new Screen(80);
    const progress = screen.progress(15, 3);
    progress.update(snapshotAt(2), BigInt(15 * SECOND_NS));
    expect(screen.shown).to.deep.equal(["0:02/0:15  warm-up   200k rows/s  p99  12.5 ms  errors 0  0:13 left"]);
    progress.update(snapshotAt(3), BigInt(15 * SECOND_NS));
    expect(screen.shown[0]).to.match(/^0:03\/0:15 {3}200k rows\/s/);
  });

  it("the live line is rewritten in place, a longer one leaves no rest, and stop takes it away", () => {
    const screen = new Screen(80);
    const progress = screen.progress(15);
    progress.update(snapshotAt(2, 12), BigInt(15 * SECOND_NS));
    progress.update(snapshotAt(15), BigInt(15 * SECOND_NS));
    expect(screen.shown).to.deep.equal(["0:15/0:15   200k rows/s  p99  12.5 ms  errors 0  in flight  3  draining"]);
    progress.stop();
    expect(screen.shown).to.deep.equal([""]);
  });

  it("a word said stands on a line of its own, with the live line below", () => {
    const screen = new Screen(40);
    const progress = screen.progress(15);
    progress.update(snapshotAt(2), BigInt(15 * SECOND_NS));
    progress.say("warning: slow");
    progress.update(snapshotAt(3), BigInt(15 * SECOND_NS));
    expect(screen.shown).to.deep.equal(["warning: slow", " 200k rows/s  errors 0  0:12 left"]);
  });

  it("a pipe gets a plain line every five seconds, with every figure and no control character", () => {
    const screen = new Screen(undefined);
    const progress = screen.progress(15);
    for (let second = 1; second <= 12; second++) progress.update(snapshotAt(second), BigInt(15 * SECOND_NS));
    expect(screen.written).to.equal(
      "0:05/0:15   200k rows/s  p50  12.5 ms  p99  12.5 ms  errors 0  in flight  3  1,000,000 rows  0:10 left\n" +
        "0:10/0:15   200k rows/s  p50  12.5 ms  p99  12.5 ms  errors 0  in flight  3  2,000,000 rows  0:05 left\n",
    );
  });

  it("rows that are due and have no answer are told when they are more than came in since: 300,000 at 200,000 a second, not 200,000", () => {
    const line = (answered: number): string | undefined => {
      const counters = Counters.allocate({ workers: 1, endpoints: 1, phases: 1 });
      const worker = counters.worker(0);
      const snapshots = new Snapshots(counters, false, { rowsDueBefore: (ns) => (200_000 * ns) / SECOND_NS });
      snapshots.take(SECOND_NS);
      const batch = { rows: answered, measured: true };
      worker.generated(batch, 1);
      worker.answered(0, batch, ACKNOWLEDGED);
      const screen = new Screen(200);
      screen.progress(15).update(snapshots.take(2 * SECOND_NS), BigInt(15 * SECOND_NS));
      return screen.shown[0];
    };
    expect(line(100_000)).to.include("100,000 rows  300k unanswered  0:13 left");
    expect(line(200_000)).to.include("200,000 rows  0:13 left");
  });

  it("a second without an answer has no quantiles, one behind says by how much", () => {
    const screen = new Screen(200);
    const counters = Counters.allocate({ workers: 1, endpoints: 1, phases: 1 });
    counters.worker(0).nextDue(SECOND_NS);
    const snapshots = new Snapshots(counters, false);
    screen.progress(15).update(snapshots.take(3.5 * SECOND_NS), BigInt(15 * SECOND_NS));
    expect(screen.shown).to.deep.equal([
      "0:03/0:15      0 rows/s  p50        –  max        –  errors 0  in flight  0  0 rows  behind 2.5 s  0:12 left",
    ]);
  });
});
