// A server to which connections are slow to be made: TLS whose handshake waits. Real time, real sockets, the program itself. What is
// too late when its connection is there is dropped, and the server never hears of it.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSecureContext } from "node:tls";
import { expect } from "chai";
import { certificate } from "./support/certificates.js";
import { clickstorm } from "./support/cli.js";
import { Collector } from "./support/otlp.js";
import { Sink } from "./support/sink.js";
import { tlsProxy } from "./support/tls-proxy.js";

const HANDSHAKE_MS = 900;
const MAX_LAG_MS = 300;

interface Report {
  readonly rows: Readonly<Record<"scheduled" | "generated" | "dropped" | "unsent" | "acknowledged", number>>;
  readonly max_lag_ms: number;
  readonly lateness_ms: { readonly count: number; readonly max: number };
}

describe(`slow connections: a handshake takes ${HANDSHAKE_MS} ms`, () => {
  const directory = mkdtempSync(join(tmpdir(), "clickstorm-slow-"));
  after(() => rmSync(directory, { recursive: true }));

  it(`--max-lag ${MAX_LAG_MS}ms: nothing leaves later than that, what was dropped never arrives, each with its trace, and the rest is sent`, async () => {
    const authority = certificate("Test Authority", undefined, { isAuthority: true });
    const { cert, key } = certificate("server", authority, { hosts: ["localhost"] });
    const ca = join(directory, "ca.pem");
    writeFileSync(ca, authority.cert);
    const sink = await Sink.open();
    const proxy = await tlsProxy(sink.url, {
      SNICallback: (_, done) => void setTimeout(() => done(null, createSecureContext({ cert, key })), HANDSHAKE_MS),
    });
    const collector = await Collector.open();
    const file = join(directory, "report.json");
    const { code, stderr } = await clickstorm(
      [
        ...["--blind", "--clickhouse-url", proxy.url, "--tls-ca", ca, "--rate", "20", "--duration", "4s"],
        ...["--batch-rows", "1", "--in-flight", "3", "--overload", "drop", "--max-lag", `${MAX_LAG_MS}ms`],
        ...["--otlp-endpoint", collector.url, "--no-metrics", "--report", file],
      ],
      { OTEL_TRACES_SAMPLER: "always_on" },
    );
    const arrived = sink.received.map(({ batch }) => batch);
    await Promise.all([proxy.close(), sink.close(), collector.close()]);
    expect(code, stderr).to.equal(0);
    const { rows, max_lag_ms: maxLagMs, lateness_ms: lateness } = JSON.parse(readFileSync(file, "utf8")) as Report;

    // The first three wait for the handshake, and are too late for it.
    expect(rows.dropped).to.be.at.least(3);
    expect(maxLagMs).to.be.at.most(MAX_LAG_MS);
    // Rounded to three digits.
    expect(lateness.max).to.be.at.most(MAX_LAG_MS + 1);
    expect([rows.scheduled, rows.generated + rows.dropped, rows.unsent]).to.deep.equal([80, 80, 0]);
    expect(new Set(arrived).size).to.equal(arrived.length).and.to.equal(rows.generated);
    expect([rows.acknowledged, lateness.count]).to.deep.equal([rows.generated, rows.generated]);

    const inserts = collector.named("InsertEvent");
    const dropped = inserts.filter(({ attributes }) => attributes["error.type"] === "dropped");
    const numbers = (spans: typeof inserts): number[] =>
      spans.map(({ attributes }) => Number(attributes["clickstorm.batch.number"])).sort((a, b) => a - b);
    expect(numbers(inserts)).to.deep.equal(Array.from({ length: 80 }, (_, batch) => batch));
    expect(numbers(dropped)).to.deep.equal(
      Array.from({ length: 80 }, (_, batch) => batch).filter((batch) => !arrived.includes(batch)),
    );
    expect(dropped.filter(({ events }) => events.length > 0)).to.deep.equal([]);
    for (const { status } of dropped) expect(status.message).to.match(/^dropped: it was due .* ago$/);
  });
});
