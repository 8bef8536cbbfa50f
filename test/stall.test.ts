// A server that stalls for 2 s. Whatever falls due in the meantime waits, sent or not: latency, due to answered, has the
// stall's whole area; service time, sent to answered, knows only of those that were in flight. What either must be follows
// from the schedule and from the times that the server kept itself.
//
//   due     | | | | | | | | | | | | | | |        rate × T inserts fall due in a stall of T, and wait from T down to 0:
//   server  ----[=========stall=========]----    rate × T² / 2 in all, rate × (T - 1 s) of them for more than 1 s
//   sent    | | ||||      (all in flight)|||||

import { readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { decodeFromCompressedBase64 } from "hdr-histogram-js";
import { clickstorm } from "./support/cli.js";
import { type Served, Staller } from "./support/staller.js";

const AFTER_MS = 700;
const STALL_MS = 2000;
const DURATION_S = 4;
/** The way of a request to the server, and of the answer to the client's clock: less than this, on a busy machine too. */
const WAY_MS = { mean: 20, longest: 100 };

interface Reported {
  readonly count: number;
  readonly mean: number;
  readonly max: number;
  readonly hdr: string;
}

interface Report {
  readonly latency_ms: Reported;
  readonly service_ms: Reported;
  readonly inserts: { readonly acknowledged: number };
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

/** How many of the recorded times are longer; the histogram's own are in microseconds. */
function longerThan(ms: number, { hdr }: Reported): number {
  const histogram = decodeFromCompressedBase64(hdr) as ReturnType<typeof decodeFromCompressedBase64> & {
    readonly countsArrayLength: number;
    getCountAtIndex(index: number): number;
    valueFromIndex(index: number): number;
  };
  let count = 0;
  for (let index = 0; index < histogram.countsArrayLength; index++) {
    if (histogram.valueFromIndex(index) > ms * 1000) count += histogram.getCountAtIndex(index);
  }
  return count;
}

/**
 * Due to answered as the server saw it: batch n is due n / rate after the start, and no insert arrives before it is due. So the
 * start was not later than the earliest of them says, and none of these times is longer than the true one.
 */
function waitsMs(served: readonly Served[], rate: number): number[] {
  const afterStartMs = (batch: number): number => (batch * 1000) / rate;
  const startMs = Math.min(...served.map(({ batch, arrivedMs }) => arrivedMs - afterStartMs(batch)));
  return served.map(({ batch, answeredMs }) => answeredMs - startMs - afterStartMs(batch));
}

describe("a server that stalls for 2 s", function () {
  this.timeout(60_000);
  const file = join(tmpdir(), `clickstorm-stall-${process.pid}.json`);
  after(() => rmSync(file, { force: true }));

  for (const { rate, inFlight, workers } of [
    { rate: 25, inFlight: 4, workers: 1 },
    { rate: 80, inFlight: 8, workers: 2 },
    { rate: 300, inFlight: 4, workers: 1 },
  ]) {
    const area = (rate * 2 ** 2) / 2;
    it(`at ${rate} inserts/s: ${area} s of latency and that of catching up, ${rate} waits above 1 s, ${inFlight} slow answers, as many as were in flight`, async () => {
      const server = await Staller.open(AFTER_MS, STALL_MS);
      const { code, stderr } = await clickstorm([
        ...["--clickhouse-url", server.url, "--blind", "--rate", String(rate), "--duration", String(DURATION_S)],
        ...["--batch-rows", "1", "--in-flight", String(inFlight), "--workers", String(workers)],
        ...["--report", file, "--no-metrics", "--no-traces"],
      ]).finally(() => server.close());
      expect(code, stderr).to.equal(0);
      const { latency_ms: latency, service_ms: service, inserts } = JSON.parse(readFileSync(file, "utf8")) as Report;

      const counts = [latency.count, longerThan(-1, latency), service.count, longerThan(-1, service)];
      expect([...counts, inserts.acknowledged, new Set(server.served.map(({ batch }) => batch)).size]).to.deep.equal(
        Array.from({ length: 6 }, () => rate * DURATION_S),
      );

      // By arithmetic, whatever else the machine does: no insert due in the stall is answered before its end. The first is due
      // within a gap of its beginning, and each thereafter a gap later: a gap less for all is half a stall in the sum. Its own
      // timer may be late.
      const [stallMs, gapMs] = [server.resumedMs - server.stalledMs, 1000 / rate];
      expect(stallMs).to.be.at.least(STALL_MS - 1);
      const sumMs = latency.count * latency.mean;
      expect(sumMs).to.be.at.least(stallMs ** 2 / 2 / gapMs - stallMs / 2);
      expect(longerThan(1000, latency)).to.be.at.least(Math.floor((stallMs - 1000) / gapMs) - 1);
      expect(latency.max).to.be.at.least(stallMs - gapMs);

      // By the server's clock, catching up included: what it saw, and an answer's way back.
      const waits = waitsMs(server.served, rate);
      expect(sumMs).to.be.within(sum(waits), sum(waits) + waits.length * WAY_MS.mean);
      expect(longerThan(1000, latency)).to.be.within(
        waits.filter((ms) => ms > 1001).length,
        waits.filter((ms) => ms + WAY_MS.longest > 1000).length,
      );

      // In flight when the stall began or sent into it; nothing else was slow.
      expect([longerThan(stallMs / 2, service), server.held]).to.deep.equal([inFlight, inFlight]);
    });
  }
});
