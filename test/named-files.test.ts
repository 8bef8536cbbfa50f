// --password-file and the TLS files: what is in them, who goes before whom, and a sentence for whatever is wrong. Real files,
// no server.

import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { readConfig } from "../src/config.js";
import { LADDER_FLAGS, MAX_FLAGS, RUN_FLAGS, SAMPLE_FLAGS, SERVE_FLAGS } from "../src/flags.js";
import { resolveLadder } from "../src/ladder/options.js";
import { resolveMax } from "../src/max/options.js";
import { openSecrets, readNamedFiles } from "../src/named-files.js";
import { type Options, OptionsError, resolveRun, resolveServe } from "../src/options.js";
import { resolveSample } from "../src/sample-options.js";
import { type Certificate, certificate, encrypted } from "./support/certificates.js";

type Flags = Readonly<Record<string, string>>;

const HTTPS = { "clickhouse-url": "https://db:8443" };

describe("files that flags name", () => {
  const directory = mkdtempSync(join(tmpdir(), "clickstorm-files-"));
  after(() => rmSync(directory, { recursive: true }));
  const written = (name: string, text: string | Uint8Array, mode = 0o600): string => {
    const file = join(directory, name);
    writeFileSync(file, text);
    chmodSync(file, mode);
    return file;
  };

  const resolved = async (raw: Flags, environment: Flags = {}, configFile?: string): Promise<Options> => {
    const config = configFile === undefined ? undefined : await readConfig(configFile, RUN_FLAGS);
    return resolveRun(raw, environment, config, await readNamedFiles(RUN_FLAGS, raw, environment, config));
  };
  const problemsOf = async (raw: Flags, environment: Flags = {}, configFile?: string): Promise<readonly string[]> => {
    try {
      await resolved(raw, environment, configFile);
    } catch (error) {
      if (error instanceof OptionsError) return error.problems;
      throw error;
    }
    return [];
  };

  describe("--password-file", () => {
    const password = async (raw: Flags, environment: Flags = {}, configFile?: string): Promise<string> =>
      (await resolved(raw, environment, configFile)).credentials.password;

    for (const [what, bytes, expected] of [
      ["a line", "s3cret\n", "s3cret"],
      ["a line without its end", "s3cret", "s3cret"],
      ["a line with the end of Windows, and a byte order mark", "\ufeffs3cret\r\n", "s3cret"],
      ["several lines, of which the first counts", "s3cret\nuser\n", "s3cret"],
      ["inner spaces, quotes and letters beyond ASCII", " pä ss\"'\\\n".trimStart(), "pä ss\"'\\"],
    ] as const) {
      it(`${what}: ${JSON.stringify(expected)}`, async () => {
        expect(await password({ "password-file": written("pw", bytes) })).to.equal(expected);
      });
    }

    it("the password is sent in the header of each endpoint, and the one in a URL goes before it in that URL alone", async () => {
      const file = written("pw", "s3cret\n");
      const { endpoints } = await resolved(
        { "clickhouse-url": "http://a:8123" },
        { CLICKSTORM_PASSWORD_FILE: file, CLICKHOUSE_USER: "loader" },
      );
      expect(endpoints.map(({ headers }) => headers)).to.deep.equal([
        { "x-clickhouse-user": "loader", "x-clickhouse-key": "s3cret" },
      ]);
      const inUrl = await resolved({ "clickhouse-url": "http://:other@a:8123" }, { CLICKSTORM_PASSWORD_FILE: file });
      expect(inUrl.endpoints[0]?.headers["x-clickhouse-key"]).to.equal("other");
    });

    it("what is given nearer goes before: flag, variable, config file; a file that is not there does not matter then", async () => {
      const file = written("pw", "of the file\n");
      const config = written("run.yaml", `password-file: ${file}\n`);
      const withPassword = written("password.yaml", "password: of the config\n");
      const gone = join(directory, "gone");
      expect(await password({ "password-file": file }, { CLICKHOUSE_PASSWORD: "of the variable" })).to.equal(
        "of the file",
      );
      expect(await password({ password: "of the flag" }, { CLICKSTORM_PASSWORD_FILE: gone })).to.equal("of the flag");
      expect(await password({}, { CLICKHOUSE_PASSWORD: "of the variable" }, config)).to.equal("of the variable");
      expect(await password({}, { CLICKSTORM_PASSWORD_FILE: file }, withPassword)).to.equal("of the file");
      expect(await password({}, {}, config)).to.equal("of the file");
    });

    it("a password beside it, given at the same place, is one too many", async () => {
      const file = written("pw", "s3cret\n");
      const both = written("both.yaml", `password: x\npassword-file: ${file}\n`);
      expect(await problemsOf({ "password-file": file, password: "x" })).to.deep.equal([
        "--password-file cannot be used with --password: it is the one or the other",
      ]);
      expect(await problemsOf({}, { CLICKSTORM_PASSWORD_FILE: file, CLICKHOUSE_PASSWORD: "x" })).to.deep.equal([
        "CLICKSTORM_PASSWORD_FILE cannot be used with CLICKHOUSE_PASSWORD: it is the one or the other",
      ]);
      expect(await problemsOf({}, {}, both)).to.deep.equal([
        `password-file in ${both} cannot be used with password in ${both}: it is the one or the other`,
      ]);
      expect(await problemsOf({ "password-file": file, "clickhouse-url": "http://u:x@db:8123" })).to.deep.equal([
        "--clickhouse-url names a password, and so does --password-file",
      ]);
    });

    const wrong: readonly (readonly [what: string, make: () => string, says: (file: string) => string])[] = [
      [
        "that is not there: its name may be the password",
        () => join(directory, "none"),
        () => "--password-file: there is no such file",
      ],
      ["that is a folder", () => directory, (file) => `--password-file ${file} is a folder, not a file`],
      ["that is a device", () => "/dev/zero", (file) => `--password-file ${file} is a device, not a file`],
      [
        "of 4,097 bytes",
        () => written("long", "x".repeat(4097)),
        (file) => `--password-file ${file} is larger than 4096 bytes`,
      ],
      [
        "that is no text",
        () => written("bytes", Uint8Array.of(0xff, 0x0a)),
        (file) => `--password-file ${file} is not text in UTF-8`,
      ],
      ["of nothing", () => written("empty", ""), (file) => `--password-file: the first line of ${file} is empty`],
      [
        "whose first line is empty",
        () => written("blank", "\ns3cret\n"),
        (file) => `--password-file: the first line of ${file} is empty`,
      ],
      [
        "whose line ends with a space",
        () => written("space", "s3cret \n"),
        (file) =>
          `the first line of ${file} cannot hold line breaks or other control characters, nor begin or end with a space: it is sent as an HTTP header`,
      ],
      ["without a name", () => "", () => "--password-file must be a file name, got nothing"],
    ];
    for (const [what, make, says] of wrong) {
      it(`a file ${what} is a sentence, beside all others`, async () => {
        const file = make();
        const problems = await problemsOf({ "password-file": file, rate: "none" });
        expect(problems[0]).to.equal(says(file));
        expect(problems.length).to.equal(2);
        expect(problems.join()).to.not.include("s3cret");
      });
    }

    it("run, sample, ladder, max and serve have it", async () => {
      const raw = { "password-file": written("pw", "s3cret\n"), user: "loader" };
      const files = await readNamedFiles(RUN_FLAGS, raw, {}, undefined);
      const keys = [
        resolveRun(raw, {}, undefined, files).credentials.password,
        resolveSample(raw, {}, undefined, files).endpoints[0]?.headers["x-clickhouse-key"],
        resolveLadder(raw, {}, undefined, files).run.credentials.password,
        resolveMax(raw, {}, undefined, files).run.credentials.password,
      ];
      expect(keys).to.deep.equal(["s3cret", "s3cret", "s3cret", "s3cret"]);
      expect(resolveServe(raw, {}, files).login).to.deep.equal({ user: "loader", password: "s3cret" });
      for (const flags of [SAMPLE_FLAGS, LADDER_FLAGS, MAX_FLAGS, SERVE_FLAGS]) {
        expect([...(await readNamedFiles(flags, raw, {}, undefined)).keys()]).to.deep.equal([raw["password-file"]]);
      }
    });
  });

  describe("secrets others may read", () => {
    const warnings = async (raw: Flags): Promise<readonly string[]> =>
      openSecrets(RUN_FLAGS, raw, {}, undefined, await readNamedFiles(RUN_FLAGS, raw, {}, undefined));

    for (const [mode, isOpen] of [
      [0o600, false],
      [0o400, false],
      [0o640, true],
      [0o604, true],
      [0o644, true],
      [0o620, true],
    ] as const) {
      it(`mode ${mode.toString(8)} of a password file ${isOpen ? "is warned of, with the command that mends it" : "is the owner's alone"}`, async () => {
        const file = written("pw", "s3cret\n", mode);
        const warning = `--password-file: others than its owner may read ${file} (mode ${mode.toString(8)}): chmod 600 ${file}`;
        expect(await warnings({ "password-file": file })).to.deep.equal(isOpen ? [warning] : []);
      });
    }

    it("of a link it is the file's mode that counts; certificates are no secret, their key is", async () => {
      const file = written("target", "s3cret\n", 0o600);
      const link = join(directory, "link");
      symlinkSync(file, link);
      expect(await warnings({ "password-file": link })).to.deep.equal([]);
      const [open, key] = [written("open.pem", "x", 0o644), written("open.key", "x", 0o644)];
      expect(await warnings({ "tls-ca": open, "tls-cert": open, "tls-key": key })).to.deep.equal([
        `--tls-key: others than its owner may read ${key} (mode 644): chmod 600 ${key}`,
      ]);
    });
  });

  describe("TLS files", () => {
    let authority: Certificate;
    let one: Certificate;
    let other: Certificate;
    let ca: string;
    let cert: string;
    let key: string;
    before(() => {
      authority = certificate("authority", undefined, { isAuthority: true });
      one = certificate("one", authority);
      other = certificate("other", authority);
      ca = written("ca.pem", authority.cert);
      cert = written("one.pem", one.cert);
      key = written("one.key", one.key);
    });

    it("their texts go to https:// endpoints, and to no other; their names to the options", async () => {
      const flags = { ...HTTPS, "tls-ca": ca, "tls-cert": cert, "tls-key": key };
      const { endpoints, tls } = await resolved(flags);
      expect(endpoints[0]?.tls).to.deep.equal({
        ca: authority.cert,
        client: { cert: one.cert, key: one.key },
        verify: true,
      });
      expect(tls).to.deep.equal({ caFile: ca, certFile: cert, keyFile: key, insecure: false });
      const mixed = await resolved({ "tls-ca": ca }, { CLICKHOUSE_URL: "http://a:8123 https://b:8443 https://c:8443" });
      expect(mixed.endpoints.map((endpoint) => endpoint.tls?.ca)).to.deep.equal([
        undefined,
        authority.cert,
        authority.cert,
      ]);
    });

    it("without flags an https:// endpoint is left to Node; --tls-insecure verifies nothing", async () => {
      expect((await resolved(HTTPS)).endpoints[0]).to.not.have.property("tls");
      expect((await resolved({ ...HTTPS, "tls-insecure": "true" })).endpoints[0]?.tls).to.deep.equal({
        ca: undefined,
        client: undefined,
        verify: false,
      });
    });

    it("a chain of certificates, or a key of the older form, is as good", async () => {
      const chain = written("chain.pem", `subject=one\n${one.cert}\n${authority.cert}`);
      const { endpoints } = await resolved({ ...HTTPS, "tls-cert": chain, "tls-key": key });
      expect(endpoints[0]?.tls?.client?.key).to.equal(one.key);
    });

    it("sample, ladder and max have them", async () => {
      const raw = { ...HTTPS, "tls-ca": ca, "tls-cert": cert, "tls-key": key };
      const files = await readNamedFiles(RUN_FLAGS, raw, {}, undefined);
      const tls = { ca: authority.cert, client: { cert: one.cert, key: one.key }, verify: true };
      expect(resolveSample(raw, {}, undefined, files).endpoints[0]?.tls).to.deep.equal(tls);
      expect(resolveLadder(raw, {}, undefined, files).run.endpoints[0]?.tls).to.deep.equal(tls);
      expect(resolveMax(raw, {}, undefined, files).run.endpoints[0]?.tls).to.deep.equal(tls);
    });

    const wrong: readonly (readonly [what: string, flags: () => Flags, says: () => readonly string[]])[] = [
      [
        "--tls-cert without its key",
        () => ({ ...HTTPS, "tls-cert": cert }),
        () => ["--tls-cert needs --tls-key as well"],
      ],
      ["a key without --tls-cert", () => ({ ...HTTPS, "tls-key": key }), () => ["--tls-key needs --tls-cert as well"]],
      [
        "the key of another certificate",
        () => ({ ...HTTPS, "tls-cert": cert, "tls-key": written("other.key", other.key) }),
        () => [
          `--tls-key ${join(directory, "other.key")} is not the key of the certificate in ${cert}, the first where it holds several`,
        ],
      ],
      [
        "an encrypted key",
        () => ({ ...HTTPS, "tls-cert": cert, "tls-key": written("enc.key", encrypted(one, "s3cret")) }),
        () => [
          `--tls-key must be a key without a passphrase, ${join(directory, "enc.key")} is encrypted: openssl pkey -in ${join(directory, "enc.key")} -out plain.pem makes one, for its owner's eyes alone`,
        ],
      ],
      [
        "a certificate in place of the key",
        () => ({ ...HTTPS, "tls-cert": cert, "tls-key": cert }),
        () => [`--tls-key must be a file with a private key in PEM, ${cert} holds none that can be read`],
      ],
      [
        "a key in place of the authority",
        () => ({ ...HTTPS, "tls-ca": key }),
        () => [`--tls-ca must be a file of certificates in PEM, ${key} holds none`],
      ],
      [
        "a certificate that is cut off",
        () => ({ ...HTTPS, "tls-ca": written("cut.pem", one.cert.replace(/\n.{64}\r?\n/, "\n")) }),
        () => [`--tls-ca must be a file of certificates in PEM, one in ${join(directory, "cut.pem")} cannot be read`],
      ],
      [
        "files that are not there, each",
        () => ({ ...HTTPS, "tls-ca": "/no/ca", "tls-cert": "/no/cert", "tls-key": "/no/key" }),
        () => [
          "--tls-ca /no/ca: there is no such file",
          "--tls-cert /no/cert: there is no such file",
          "--tls-key: there is no such file",
        ],
      ],
      [
        "each of them with http:// URLs alone",
        () => ({ "tls-ca": ca, "tls-cert": cert, "tls-key": key }),
        () => [
          "--tls-ca needs an https:// URL in --clickhouse-url",
          "--tls-cert needs an https:// URL in --clickhouse-url",
          "--tls-key needs an https:// URL in --clickhouse-url",
        ],
      ],
      [
        "--tls-insecure with http:// URLs alone",
        () => ({ "tls-insecure": "true", "clickhouse-url": "http://db:8123" }),
        () => ["--tls-insecure needs an https:// URL in --clickhouse-url"],
      ],
      [
        "--tls-insecure beside --tls-ca",
        () => ({ ...HTTPS, "tls-insecure": "true", "tls-ca": ca }),
        () => ["--tls-ca cannot be used with --tls-insecure: no certificate is verified"],
      ],
      [
        "--tls-ca with --embedded",
        () => ({ embedded: "true", "tls-ca": ca }),
        () => ["--tls-ca cannot be used with --embedded: that server is on this machine, and speaks no TLS"],
      ],
    ];
    for (const [what, flags, says] of wrong) {
      it(`${what}: a sentence that names the flag`, async () => {
        expect(await problemsOf(flags())).to.deep.equal(says());
      });
    }
  });
});
