// What is wrong between us and a collector, each as its sentence: by variables alone, and by real peers that are no collector for us.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttp2 } from "node:http2";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { errorSentence } from "../src/collector.js";
import { readOtlp, tracesWarnings } from "../src/otlp-options.js";
import { certificate } from "./support/certificates.js";
import { clickstorm } from "./support/cli.js";
import { Collector } from "./support/otlp.js";
import { Sink } from "./support/sink.js";
import { closedPort, stranger } from "./support/strangers.js";
import { tlsProxy } from "./support/tls-proxy.js";

const OTLP = "OTEL_EXPORTER_OTLP_";

describe("the OTEL_ variables", () => {
  const folder = mkdtempSync(join(tmpdir(), "clickstorm-otlp-"));
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  after(() => rmSync(folder, { recursive: true }));

  /** What is read of these variables, and of no others. */
  function read(environment: Readonly<Record<string, string>>, flag?: string) {
    const kept = Object.entries(process.env).filter(([name]) => name.startsWith("OTEL_"));
    for (const [name] of kept) delete process.env[name];
    Object.assign(process.env, environment);
    try {
      return readOtlp(flag);
    } finally {
      for (const name of Object.keys(environment)) delete process.env[name];
      Object.assign(process.env, Object.fromEntries(kept));
    }
  }
  const said = (environment: Readonly<Record<string, string>>): readonly string[] => tracesWarnings(read(environment));
  const urlOf = (environment: Readonly<Record<string, string>>, flag?: string): string | undefined => {
    const settings = read(environment, flag);
    return settings.kind === "sent" ? settings.otlp.url : undefined;
  };

  it("none: to http://localhost:4318/v1/traces, as the specification has them, with nothing to say", () => {
    expect(read({})).to.deep.equal({
      kind: "sent",
      otlp: {
        url: "http://localhost:4318/v1/traces",
        hasSampler: false,
        queueSpans: 2048,
        exportSpans: 512,
        delayMs: 1000,
        exportTimeoutMs: 30_000,
        timeoutMs: 10_000,
      },
      warnings: [],
    });
  });

  it("a whole URL is not lengthened: --otlp-endpoint silently, OTEL_EXPORTER_OTLP_ENDPOINT with a word", () => {
    expect(urlOf({}, "http://h:4318")).to.equal("http://h:4318/v1/traces");
    expect(urlOf({}, "http://h:4318/v1/traces")).to.equal("http://h:4318/v1/traces");
    expect(urlOf({}, "http://h:4318/in/v1/traces/")).to.equal("http://h:4318/in/v1/traces/");
    expect(urlOf({}, "http://h:4318/v1/traces?tenant=7")).to.equal("http://h:4318/v1/traces?tenant=7");
    expect(urlOf({ [`${OTLP}ENDPOINT`]: "http://h:4318/v1/traces" })).to.equal("http://h:4318/v1/traces");
    expect(said({ [`${OTLP}ENDPOINT`]: "http://h:4318/v1/traces" })).to.deep.equal([
      "traces: OTEL_EXPORTER_OTLP_ENDPOINT is a base, to which /v1/traces is added: it has that already, and is taken for the whole URL; that is what OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is for",
    ]);
    expect(urlOf({ [`${OTLP}TRACES_ENDPOINT`]: "http://h:4318" })).to.equal("http://h:4318/");
  });

  const ignored: readonly (readonly [name: string, value: string, sentence: string])[] = [
    [`${OTLP}PROTOCOL`, "grpc", "=grpc: they are sent as http/protobuf all the same, to http://localhost:4318"],
    [
      `${OTLP}TRACES_PROTOCOL`,
      "http/json",
      "=http/json: they are sent as http/protobuf all the same, to http://localhost:4318",
    ],
    [`${OTLP}COMPRESSION`, "zstd", " may be gzip or none, got zstd, which is ignored"],
    [`${OTLP}TRACES_COMPRESSION`, "deflate", " may be gzip or none, got deflate, which is ignored"],
    [`${OTLP}TIMEOUT`, "10s", " must be a whole number from 1 to 2147483647, got 10s: 10000 is taken"],
    [`${OTLP}TRACES_TIMEOUT`, "0", " must be a whole number from 1 to 2147483647, got 0: 10000 is taken"],
    ["OTEL_BSP_MAX_QUEUE_SIZE", "0", " must be a whole number from 1 to 2147483647, got 0: 2048 is taken"],
    ["OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "-1", " must be a whole number from 1 to 2147483647, got -1: 512 is taken"],
    ["OTEL_BSP_SCHEDULE_DELAY", "1e12", " must be a whole number from 0 to 2147483647, got 1e12: 1000 is taken"],
    [
      "OTEL_BSP_EXPORT_TIMEOUT",
      "99999999999",
      " must be a whole number from 1 to 2147483647, got 99999999999: 30000 is taken",
    ],
    ["OTEL_TRACES_SAMPLER", "jaeger_remote", "=jaeger_remote is not known here, and ignored"],
    ["OTEL_TRACES_EXPORTER", "zipkin", "=zipkin: they are sent by OTLP all the same; none sends none"],
  ];
  for (const [name, value, sentence] of ignored) {
    it(`${name}=${value} is said to be not as it was asked for, and traces are sent`, () => {
      expect(said({ [name]: value })).to.deep.equal([`traces: ${name}${sentence}`]);
      expect(read({ [name]: value }).kind).to.equal("sent");
    });
  }

  it("a ratio that is none, or not given, is said: every batch would be traced", () => {
    const sampler = { OTEL_TRACES_SAMPLER: "traceidratio" };
    const sentence = (got: string): string =>
      `traces: OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1, got ${got}: 1 is taken, every batch is traced`;
    expect(said(sampler)).to.deep.equal([sentence("nothing")]);
    expect(said({ ...sampler, OTEL_TRACES_SAMPLER_ARG: "50%" })).to.deep.equal([sentence("50%")]);
    expect(said({ ...sampler, OTEL_TRACES_SAMPLER_ARG: "0.5" })).to.deep.equal([]);
  });

  it("values that are right are not spoken of", () => {
    const right = {
      [`${OTLP}PROTOCOL`]: "http/protobuf",
      [`${OTLP}COMPRESSION`]: "gzip",
      [`${OTLP}HEADERS`]: "authorization=Bearer%20a%2Cb,x-tenant = seven,",
      [`${OTLP}TIMEOUT`]: "5000",
      OTEL_BSP_SCHEDULE_DELAY: "0",
      OTEL_TRACES_SAMPLER: "always_on",
      OTEL_TRACES_EXPORTER: "otlp",
    };
    expect(said(right)).to.deep.equal([]);
  });

  it("a part of the headers that is no name=value is named by its place alone, and the others are sent", () => {
    const name = `${OTLP}HEADERS`;
    const sentence = (place: number): string =>
      `traces: part ${place} of ${name} is not name=value, and is not sent; in a value % is %25, a comma %2C`;
    expect(said({ [name]: "x=1,Bearer hunter2" })).to.deep.equal([sentence(2)]);
    expect(said({ [name]: "authorization=Bearer%2hunter2,y=2,=hunter2,z=" })).to.deep.equal([
      sentence(1),
      sentence(3),
      sentence(4),
    ]);
    expect(said({ [name]: "authorization=Bearer hunter2;tail" })).to.deep.equal([
      `traces: part 1 of ${name}: what follows the semicolon is not sent; in a value it is %3B`,
    ]);
  });

  it("a header that HTTP does not know means that no traces are sent, with its name at most", () => {
    const name = `${OTLP}TRACES_HEADERS`;
    expect(said({ [name]: "x=1,bad name=hunter2" })).to.deep.equal([
      `no traces are sent: part 2 of ${name} is no header: its name has characters that HTTP does not allow`,
    ]);
    expect(said({ [name]: "authorization=hunter2%0Ax" })).to.deep.equal([
      `no traces are sent: part 1 of ${name} is no header: the value of authorization has characters that HTTP does not allow`,
    ]);
  });

  describe("of a collector at https://", () => {
    const authority = certificate("an authority", undefined, { isAuthority: true });
    const other = certificate("another", undefined);
    const https = (more: Readonly<Record<string, string>>): readonly string[] =>
      said({ [`${OTLP}ENDPOINT`]: "https://h:4318", ...more });

    it("a file of authorities that is not there, or holds none, means that no traces are sent", () => {
      const [missing, empty] = [join(folder, "missing.pem"), file("empty.pem", "hello")];
      expect(https({ [`${OTLP}CERTIFICATE`]: missing })).to.deep.equal([
        `no traces are sent: OTEL_EXPORTER_OTLP_CERTIFICATE: ${missing}: there is no such file`,
      ]);
      expect(https({ [`${OTLP}TRACES_CERTIFICATE`]: empty })).to.deep.equal([
        `no traces are sent: OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE: ${empty} holds no certificate in PEM that can be read`,
      ]);
      expect(https({ [`${OTLP}CERTIFICATE`]: file("ca.pem", authority.cert) })).to.deep.equal([]);
      // http:// needs none.
      expect(said({ [`${OTLP}CERTIFICATE`]: missing })).to.deep.equal([]);
    });

    it("a client certificate without a key, and a key that is not its, mean that no traces are sent", () => {
      const [cert, key] = [file("client.pem", authority.cert), file("client.key", authority.key)];
      const foreign = file("foreign.key", other.key);
      expect(https({ [`${OTLP}CLIENT_CERTIFICATE`]: cert })).to.deep.equal([
        "no traces are sent: OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE needs OTEL_EXPORTER_OTLP_CLIENT_KEY as well",
      ]);
      expect(https({ [`${OTLP}CLIENT_KEY`]: key })).to.deep.equal([
        "no traces are sent: OTEL_EXPORTER_OTLP_CLIENT_KEY needs OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE as well",
      ]);
      expect(https({ [`${OTLP}CLIENT_CERTIFICATE`]: cert, [`${OTLP}CLIENT_KEY`]: foreign })).to.deep.equal([
        `no traces are sent: OTEL_EXPORTER_OTLP_CLIENT_KEY: ${foreign} holds no key in PEM, without a passphrase, of the certificate in ${cert}`,
      ]);
      expect(https({ [`${OTLP}CLIENT_CERTIFICATE`]: cert, [`${OTLP}CLIENT_KEY`]: key })).to.deep.equal([]);
    });
  });

  it("an endpoint that is no URL is named by its variable, without its value", () => {
    expect(said({ [`${OTLP}TRACES_ENDPOINT`]: "carla:hunter2@h" })).to.deep.equal([
      "no traces are sent: OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is not an http:// or https:// URL",
    ]);
    expect(said({ [`${OTLP}ENDPOINT`]: "grpc://h:4317" })).to.deep.equal([
      "no traces are sent: OTEL_EXPORTER_OTLP_ENDPOINT is not an http:// or https:// URL",
    ]);
  });
});

describe("a peer that is no collector for us", function () {
  this.timeout(60_000);

  let sink: Sink;
  const closing: (() => Promise<unknown>)[] = [];
  before(async () => {
    sink = await Sink.open();
    closing.push(() => sink.close());
  });
  after(() => Promise.all(closing.map((close) => close())));

  /** The one warning of a run of 10 inserts that go well all the same. */
  async function warning(endpoint: string, environment: Readonly<Record<string, string>> = {}): Promise<string> {
    const { code, stderr } = await clickstorm(
      [
        ...["--clickhouse-url", sink.url, "--blind", "--rate", "20", "--duration", "500ms", "--batch-rows", "1"],
        ...["--no-metrics", "--workers", "1"],
      ],
      { [`${OTLP}ENDPOINT`]: endpoint, ...environment },
    );
    expect(code, stderr).to.equal(0);
    const warnings = stderr.match(/^warning: (no )?traces.*$/gm) ?? [];
    expect(warnings, stderr).to.have.length(1);
    return (warnings[0] ?? "").replace(/^warning: traces do not reach \S+ \((.*)\): the run goes on.*$/, "$1");
  }

  const status = async (code: number, headers: Readonly<Record<string, string>> = {}): Promise<Collector> => {
    const collector = await Collector.open(() => ({ status: code, headers }));
    closing.push(() => collector.close());
    return collector;
  };

  it("a port of gRPC, which speaks HTTP/2: that of OTLP/HTTP is 4318", async () => {
    const grpc = createHttp2();
    grpc.on("session", (session) => session.on("error", () => undefined));
    await new Promise<void>((resolve) => grpc.listen(0, "127.0.0.1", resolve));
    const { port } = grpc.address() as AddressInfo;
    expect(await warning(`http://127.0.0.1:${port}`)).to.equal(
      "it does not answer as HTTP/1.1 does: is it the port of gRPC (OTLP/HTTP's is 4318)?",
    );
    grpc.close();
    const parseError = Object.assign(new Error("Parse Error: Expected HTTP/"), { code: "HPE_INVALID_CONSTANT" });
    expect(errorSentence(parseError, { url: "http://otel:4317/v1/traces", timeoutMs: 1 })).to.equal(
      "it does not answer as HTTP/1.1 does: 4317 is the port of gRPC, OTLP/HTTP's is 4318",
    );
  });

  it("a port that closes the connection: gRPC, or https://", async () => {
    const closes = await stranger((socket) => socket.once("data", () => socket.destroy()));
    closing.push(() => closes.close());
    expect(await warning(closes.url)).to.equal(
      "the connection was closed without an answer: is it the port of gRPC (OTLP/HTTP's is 4318), or one for https://?",
    );
  });

  it("https:// where no TLS is spoken, http:// where it is, and a certificate of an authority that is not known", async () => {
    const collector = await status(200);
    expect(await warning(collector.url.replace("http:", "https:"))).to.equal(
      "no TLS is spoken there: http:// in place of https://?",
    );
    const { cert, key } = certificate("localhost", undefined, { hosts: ["localhost"] });
    const proxy = await tlsProxy(collector.url, { cert, key });
    closing.push(() => proxy.close());
    expect(await warning(proxy.url)).to.equal(
      "the server's certificate is self-signed: OTEL_EXPORTER_OTLP_CERTIFICATE names a file with that certificate, if it is to be trusted",
    );
    expect(await warning(proxy.url.replace("https:", "http:"))).to.equal(
      "the connection was closed without an answer: is it the port of gRPC (OTLP/HTTP's is 4318), or one for https://?",
    );
    const trusted = join(mkdtempSync(join(tmpdir(), "clickstorm-ca-")), "ca.pem");
    writeFileSync(trusted, cert);
    const { stderr } = await clickstorm(
      [
        "--clickhouse-url",
        sink.url,
        "--blind",
        "--rate",
        "20",
        "--duration",
        "500ms",
        "--batch-rows",
        "1",
        "--no-metrics",
      ],
      { [`${OTLP}ENDPOINT`]: proxy.url, [`${OTLP}CERTIFICATE`]: trusted },
    );
    expect([collector.spans.length, stderr.includes("traces")], stderr).to.deep.equal([20, false]);
  });

  it("401: credentials go into the headers", async () => {
    expect(await warning((await status(401)).url)).to.equal(
      "it answers 401 Unauthorized: credentials go into OTEL_EXPORTER_OTLP_HEADERS",
    );
  });

  it("404: its path, and that OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is the whole URL", async () => {
    const { url } = await status(404);
    expect(await warning(`${url}/in`)).to.equal(
      "it answers 404 Not Found at /in/v1/traces: is this a collector, and the path before /v1/traces right?",
    );
    expect(await warning(url, { [`${OTLP}TRACES_ENDPOINT`]: url })).to.equal(
      "it answers 404 Not Found at /: OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is the whole URL, mostly with /v1/traces at its end",
    );
  });

  it("a redirect is not followed: its goal is named, without the secrets of it", async () => {
    const { url } = await status(308, { location: "https://u:hunter2@new.example/v1/traces?token=hunter2" });
    expect(await warning(url)).to.equal(
      "it answers 308 Permanent Redirect, and redirects are not followed: give https://***",
    );
    const plain = await status(301, { location: "/otlp/v1/traces" });
    expect(await warning(plain.url)).to.equal(
      `it answers 301 Moved Permanently, and redirects are not followed: give ${plain.url}/otlp/v1/traces`,
    );
  });

  it("nobody at the port: the system's own words", async () => {
    const port = await closedPort();
    expect(await warning(`http://127.0.0.1:${port}`)).to.equal(`connect ECONNREFUSED 127.0.0.1:${port}`);
  });

  it("one that never answers, with OTEL_EXPORTER_OTLP_TIMEOUT=300: no answer within 0.3 s", async () => {
    const hangs = await Collector.open("hangs");
    closing.push(() => hangs.close());
    expect(await warning(hangs.url, { [`${OTLP}TIMEOUT`]: "300", OTEL_BSP_SCHEDULE_DELAY: "10" })).to.equal(
      "no answer within 0.3 s",
    );
  });

  it("a header that HTTP does not know: no connection to the collector, one warning, and no secret", async () => {
    const collector = await status(200);
    const said = await warning(collector.url, { [`${OTLP}HEADERS`]: "authorization=Bearer hunter2%0d%0ax: y" });
    expect(said).to.equal(
      "warning: no traces are sent: part 1 of OTEL_EXPORTER_OTLP_HEADERS is no header: the value of authorization has characters that HTTP does not allow",
    );
    expect(collector.connections).to.equal(0);
  });

  it("OTEL_BSP_MAX_EXPORT_BATCH_SIZE=0, which keeps the SDK busy for ever: 512 is taken, and all 20 spans are there", async () => {
    const collector = await status(200);
    expect(await warning(collector.url, { OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "0" })).to.equal(
      "warning: traces: OTEL_BSP_MAX_EXPORT_BATCH_SIZE must be a whole number from 1 to 2147483647, got 0: 512 is taken",
    );
    expect(collector.spans.length).to.equal(20);
  });
});
