// https:// endpoints: the real program through a TLS proxy into the real ClickHouse, with certificates that are right and
// such as are not. What landed is asked of ClickHouse over plain HTTP.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TlsOptions } from "node:tls";
import { expect } from "chai";
import { endpointOf } from "../src/endpoint.js";
import { query } from "../src/server.js";
import { type Certificate, certificate } from "./support/certificates.js";
import { clickstorm, type Ended, unwrapped } from "./support/cli.js";
import { Collector } from "./support/otlp.js";
import { newDatabase, numberOf, rowsOf, serverUrl } from "./support/server.js";
import { type TlsProxy, tlsProxy } from "./support/tls-proxy.js";

const QUIET = ["--no-traces", "--no-metrics"];
const LOAD = ["--rate", "4000", "--duration", "1", "--batch-rows", "500", "--workers", "2"];
const HOSTS = ["localhost", "127.0.0.1"];

describe("https", function () {
  this.timeout(60_000);

  const directory = mkdtempSync(join(tmpdir(), "clickstorm-tls-"));
  after(() => rmSync(directory, { recursive: true }));
  const written = (name: string, text: string, mode = 0o600): string => {
    const file = join(directory, name);
    writeFileSync(file, text, { mode });
    return file;
  };

  let authority: Certificate;
  let server: Certificate;
  let ca: string;
  let otherCa: string;
  let client: readonly string[];
  const proxies: TlsProxy[] = [];
  before(() => {
    authority = certificate("Test Authority", undefined, { isAuthority: true });
    const stranger = certificate("Other Authority", undefined, { isAuthority: true });
    server = certificate("server", authority, { hosts: HOSTS });
    const loader = certificate("loader", authority);
    ca = written("ca.pem", authority.cert);
    otherCa = written("other-ca.pem", stranger.cert);
    client = ["--tls-cert", written("loader.pem", loader.cert), "--tls-key", written("loader.key", loader.key)];
  });
  afterEach(async () => {
    await Promise.all(proxies.splice(0).map((proxy) => proxy.close()));
  });

  /** In front of the suite's ClickHouse, or of another server. */
  async function proxied(one: Certificate, more: TlsOptions = {}, target = serverUrl()): Promise<TlsProxy> {
    const proxy = await tlsProxy(target, { cert: one.cert, key: one.key, ...more });
    proxies.push(proxy);
    return proxy;
  }
  const asksForClient = (): TlsOptions => ({ requestCert: true, rejectUnauthorized: true, ca: authority.cert });
  const run = (url: string, ...args: readonly string[]): Promise<Ended> =>
    clickstorm(["run", "--clickhouse-url", url, ...LOAD, ...QUIET, ...args]);

  for (const host of HOSTS) {
    it(`a run of 4,000 rows by two workers to https://${host} with --tls-ca: all landed, and the ledger says so`, async () => {
      const { database } = await newDatabase();
      const proxy = await proxied(server);
      const report = join(directory, "report.json");
      const url = `https://${host}:${proxy.port}/?database=${database}`;
      const { code, stdout, stderr } = await run(url, "--tls-ca", ca, "--report", report);
      expect(code, stderr).to.equal(0);
      expect(unwrapped(stdout)).to.include("landed 4,000, lost 0, duplicated 0");
      expect(await numberOf("SELECT count() FROM events", database)).to.equal(4000);
      expect(proxy.clients.length).to.be.above(2);
      const { options } = JSON.parse(readFileSync(report, "utf8"));
      expect([options["tls-ca"], options["tls-cert"], options["tls-key"], options["tls-insecure"]]).to.deep.equal([
        ca,
        null,
        null,
        false,
      ]);
      expect(stdout + stderr).to.not.include("insecure");
    });
  }

  it("NODE_EXTRA_CA_CERTS does without any flag", async () => {
    const { database } = await newDatabase();
    const url = `${(await proxied(server)).url}/?database=${database}`;
    const { code, stderr } = await clickstorm(["--clickhouse-url", url, ...LOAD, ...QUIET], {
      NODE_EXTRA_CA_CERTS: ca,
    });
    expect(code, stderr).to.equal(0);
    expect(await numberOf("SELECT count() FROM events", database)).to.equal(4000);
  });

  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    it(`over ${version} a server that asks for a client certificate gets that of --tls-cert, on every connection; the key is in no output`, async () => {
      const { database } = await newDatabase();
      const proxy = await proxied(server, { ...asksForClient(), minVersion: version, maxVersion: version });
      const report = join(directory, "client.json");
      const args = ["--tls-ca", ca, ...client, "--report", report];
      const { code, stdout, stderr } = await run(`${proxy.url}/?database=${database}`, ...args);
      expect(code, stderr).to.equal(0);
      expect(await numberOf("SELECT count() FROM events", database)).to.equal(4000);
      expect([...new Set(proxy.clients)]).to.deep.equal(["loader"]);
      const said = stdout + stderr + readFileSync(report, "utf8");
      expect(said).to.not.include("PRIVATE KEY");
      const [, body = ""] = readFileSync(client[3] ?? "", "utf8").split("\n");
      expect(body).to.have.length(64);
      expect(said).to.not.include(body);
    });
  }

  it("http:// and https:// URLs beside each other: each is spoken to in its own way", async () => {
    const { database, url } = await newDatabase();
    const proxy = await proxied(server);
    const args = ["--clickhouse-url", `${proxy.url}/?database=${database}`, "--tls-ca", ca];
    const { code, stderr } = await run(url, ...args, "--run-id", `both-${process.pid}`);
    expect(code, stderr).to.equal(0);
    expect(await rowsOf("SELECT count() AS rows, uniqExact(seq) AS once FROM events", database)).to.deep.equal([
      { rows: 4000, once: 4000 },
    ]);
    expect(proxy.clients.length).to.be.above(1);
  });

  it("sample, ladder and max go through with --tls-ca and a client certificate", async () => {
    const { database } = await newDatabase();
    const proxy = await proxied(server, asksForClient());
    const target = ["--clickhouse-url", `${proxy.url}/?database=${database}`, "--tls-ca", ca, ...client];
    const sample = await clickstorm(["sample", ...target, "--rows", "3"]);
    expect([sample.code, sample.stdout.trimEnd().split("\n").length], sample.stderr).to.deep.equal([0, 3]);
    const ladder = await clickstorm([
      "ladder",
      ...target,
      "--duration",
      "1s",
      "--batch-rows",
      "1000",
      "--format",
      "Native",
    ]);
    expect(ladder.code, ladder.stderr + ladder.stdout).to.equal(0);
    expect(ladder.stdout).to.match(/ENGINE = Null +[\d,]+.* rows\n/);
    const hold = ["--from", "500", "--to", "500", "--step", "2s", "--flush-interval", "300ms", "--batch-rows", "100"];
    const max = await clickstorm(["max", ...target, ...hold]);
    expect(max.code, max.stderr + max.stdout).to.equal(0);
    expect(await numberOf("SELECT count() >= 500 FROM events", database)).to.equal(1);
    expect([...new Set(proxy.clients)]).to.deep.equal(["loader"]);
  });

  const refused: readonly (readonly [what: string, one: () => Certificate, flags: () => string[], says: string])[] = [
    [
      "an authority nobody named",
      () => server,
      () => [],
      "the server's certificate is of an authority not known here: --tls-ca names a file with the authority that signed it",
    ],
    [
      "a wrong --tls-ca",
      () => server,
      () => ["--tls-ca", otherCa],
      "the server's certificate is of an authority not known here: --tls-ca names a file with the authority that signed it",
    ],
    [
      "a --tls-ca of the same name",
      () => server,
      () => ["--tls-ca", written("namesake.pem", certificate("Test Authority", undefined, { isAuthority: true }).cert)],
      "the server's certificate is not signed by the authority of that name: --tls-ca names a file with the authority that signed it",
    ],
    [
      "a self-signed certificate",
      () => certificate("self", undefined, { hosts: HOSTS }),
      () => [],
      "the server's certificate is self-signed: --tls-ca names a file with that certificate, if it is to be trusted",
    ],
    [
      "an expired certificate",
      () => certificate("server", authority, { hosts: HOSTS, from: -2, to: -1 }),
      () => ["--tls-ca", ca],
      "the server's certificate, or that of its authority, has expired",
    ],
    [
      "a certificate of tomorrow",
      () => certificate("server", authority, { hosts: HOSTS, from: 1, to: 2 }),
      () => ["--tls-ca", ca],
      "the server's certificate, or that of its authority, is not yet valid: is the clock of this machine right?",
    ],
    [
      "a certificate for another host",
      () => certificate("server", authority, { hosts: ["db.example"] }),
      () => ["--tls-ca", ca],
      "the server's certificate is for another host name: Host: localhost. is not in the cert's altnames: DNS:db.example",
    ],
  ];
  for (const [what, one, flags, says] of refused) {
    it(`${what} is refused: exit 3 and a sentence, and no row is sent`, async () => {
      const { database } = await newDatabase();
      const proxy = await proxied(one());
      const { code, stdout, stderr } = await run(`${proxy.url}/?database=${database}`, ...flags());
      expect([code, stdout, stderr]).to.deep.equal([
        3,
        "",
        `error: cannot reach ClickHouse at ${proxy.url}: ${says}\n`,
      ]);
      expect(await numberOf(`SELECT count() FROM system.tables WHERE database = '${database}'`)).to.equal(0);
    });
  }

  const CLOSED =
    "the connection was closed without an answer: the server may ask for a client certificate, or not accept it: --tls-cert and --tls-key";
  it("no client certificate for a server that asks for one, over TLSv1.2: exit 3 and a sentence with the flags", async () => {
    const proxy = await proxied(server, { ...asksForClient(), maxVersion: "TLSv1.2" });
    const { code, stderr } = await run(proxy.url, "--tls-ca", ca);
    const says =
      "the server broke off the TLS handshake: it asks for a client certificate (--tls-cert and --tls-key), or for a cipher not known here";
    expect([code, stderr]).to.deep.equal([3, `error: cannot reach ClickHouse at ${proxy.url}: ${says}\n`]);
    expect(proxy.clients).to.deep.equal([]);
  });

  it("over TLSv1.3, where the alert comes after the handshake: the same, by the alert or by the end that overtakes it", async () => {
    const proxy = await proxied(server, asksForClient());
    const { code, stderr } = await run(proxy.url, "--tls-ca", ca);
    expect(code).to.equal(3);
    expect(stderr).to.match(/asks? for a client certificate.*: --tls-cert and --tls-key\n$/);
    const tls = { ca: authority.cert, client: undefined, verify: true };
    const endpoint = endpointOf(new URL(proxy.url), { user: "default", password: "" }, tls);
    const said: string[] = [];
    for (let asked = 0; asked < 10; asked++) {
      await query(endpoint, "SELECT 1").catch((error: Error) => said.push(error.message));
    }
    const alert = "the server asks for a client certificate: --tls-cert and --tls-key";
    const known = [alert, CLOSED].map((why) => `cannot reach ClickHouse at ${proxy.url}: ${why}`);
    expect(said.filter((sentence) => !known.includes(sentence))).to.deep.equal([]);
    expect([said.length, said.includes(known[0] ?? "")]).to.deep.equal([10, true]);
    expect(proxy.clients).to.deep.equal([]);
  });

  it("a client certificate of an authority the server does not know: exit 3 and a sentence with the flags", async () => {
    const proxy = await proxied(server, asksForClient());
    const unknown = certificate("loader", undefined);
    const flags = [
      "--tls-cert",
      written("unknown.pem", unknown.cert),
      "--tls-key",
      written("unknown.key", unknown.key),
    ];
    const { code, stderr } = await run(proxy.url, "--tls-ca", ca, ...flags);
    expect([code, stderr]).to.deep.equal([3, `error: cannot reach ClickHouse at ${proxy.url}: ${CLOSED}\n`]);
    expect(proxy.clients).to.deep.equal([]);
  });

  it("https:// where no TLS is spoken, and http:// where it is, each name the other", async () => {
    const https = serverUrl().replace("http:", "https:");
    const spoken = await run(https);
    expect([spoken.code, spoken.stderr]).to.deep.equal([
      3,
      `error: cannot reach ClickHouse at ${https}: no TLS is spoken there: http:// in place of https://?\n`,
    ]);
    const proxy = await proxied(server);
    const http = proxy.url.replace("https:", "http:");
    const { code, stderr } = await run(http);
    expect(code).to.equal(3);
    expect(stderr).to.equal(
      `error: cannot reach ClickHouse at ${http}: the connection was closed without an answer: ` +
        "is this ClickHouse's HTTP port (8123, or 8443 with https://; not 9000)?\n",
    );
  });

  it("--tls-insecure goes through to anybody, and says so at the start, in the summary and in the report", async () => {
    const { database } = await newDatabase();
    const proxy = await proxied(certificate("anybody", undefined, { hosts: ["db.example"], from: -2, to: -1 }));
    const report = join(directory, "insecure.json");
    const url = `${proxy.url}/?database=${database}`;
    const { code, stdout, stderr } = await run(url, "--tls-insecure", "--report", report);
    expect(code, stderr).to.equal(0);
    expect(await numberOf("SELECT count() FROM events", database)).to.equal(4000);
    expect(stderr.split("\n")[0]).to.equal(
      "warning: --tls-insecure: no certificate is verified, and whoever answers is sent password and rows; --tls-ca trusts one authority",
    );
    expect(unwrapped(stdout)).to.include("insecure   --tls-insecure: no certificate was verified");
    expect(JSON.parse(readFileSync(report, "utf8")).options["tls-insecure"]).to.equal(true);
    const sample = await clickstorm(["sample", "--clickhouse-url", url, "--tls-insecure", "--rows", "1"]);
    expect([sample.code, sample.stderr.split("\n")[0]]).to.deep.equal([0, stderr.split("\n")[0]]);
  });

  it("in a run, inserts to a server whose certificate is refused fail with code tls, and the sentence", async () => {
    const proxy = await proxied(server);
    const report = join(directory, "blind.json");
    const { code, stdout } = await run(proxy.url, "--blind", "--tls-ca", otherCa, "--report", report);
    expect(code).to.equal(1);
    const { rows, errors } = JSON.parse(readFileSync(report, "utf8"));
    expect([rows.generated, rows.failed, rows.unknown, rows.acknowledged]).to.deep.equal([4000, 4000, 0, 0]);
    expect(errors.map(({ code, rows }: { code: string; rows: number }) => [code, rows])).to.deep.equal([["tls", 4000]]);
    expect(unwrapped(stdout)).to.include("first: the server's certificate is of an authority not known here");
  });

  it("traces go to an https:// collector with OTEL_EXPORTER_OTLP_CERTIFICATE, and not without", async () => {
    const { url } = await newDatabase();
    const collector = await Collector.open();
    try {
      const { url: endpoint } = await proxied(server, {}, collector.url);
      const args = ["--clickhouse-url", url, ...LOAD, "--no-metrics", "--otlp-endpoint", endpoint];
      const without = await clickstorm(args);
      expect([without.code, collector.spans.length]).to.deep.equal([0, 0]);
      expect(without.stderr).to.include(`traces do not reach ${endpoint}`);
      const { code, stderr } = await clickstorm(args, { OTEL_EXPORTER_OTLP_CERTIFICATE: ca });
      expect(code, stderr).to.equal(0);
      expect(collector.named("InsertEvent").length).to.equal(8);
      expect(stderr).to.not.include("traces do not");
    } finally {
      await collector.close();
    }
  });
});
