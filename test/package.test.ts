// What `npm pack` makes, installed by a user without the development dependencies, in an empty folder.

import { execFile } from "node:child_process";
import { lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import type { Ended } from "./support/cli.js";
import { newDatabase, numberOf } from "./support/server.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** What npm says, by code, when it reaches no registry and has no copy. */
const NO_REGISTRY = /ENOTCACHED|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|E40[37]/;
const INSTALL_MS = 120_000;
/** That there is no registry is to be known in seconds. */
const PATIENCE = [
  "--fetch-retries=1",
  "--fetch-retry-mintimeout=500",
  "--fetch-retry-maxtimeout=1000",
  "--fetch-timeout=30000",
];

interface Packed {
  readonly filename: string;
  readonly files: readonly { readonly path: string; readonly mode: number }[];
}

/** Of package-lock.json. */
interface LockedPackage {
  readonly integrity?: string;
  readonly hasInstallScript?: boolean;
  readonly dev?: boolean;
  readonly optional?: boolean;
}

/** Runs a program without what npm, if it runs this test, tells its children about this folder. */
function execute(program: string, args: readonly string[], cwd: string): Promise<Ended> {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|INIT_CWD$|CLICKSTORM_|CLICKHOUSE_|OTEL_)/i.test(name),
  );
  return new Promise((resolve, reject) => {
    execFile(program, args, { cwd, env: Object.fromEntries(kept), maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : error.code;
      if (typeof code === "number") resolve({ code, stdout, stderr });
      else reject(error);
    });
  });
}

/** Files below a folder, by their path in it. */
function filesBelow(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" }).map((path) => join(folder, path));
}

function bytesBelow(path: string): number {
  const { size } = lstatSync(path);
  if (!lstatSync(path).isDirectory()) return size;
  return readdirSync(path).reduce((sum, name) => sum + bytesBelow(join(path, name)), 0);
}

describe("the package", () => {
  const folder = mkdtempSync(join(tmpdir(), "clickstorm-package-"));
  const clickstorm = (...args: string[]): Promise<Ended> =>
    execute("npx", ["--no", "--", "clickstorm", ...args], folder);
  let packed: Packed;
  let version: string;
  before(async function () {
    this.timeout(30_000);
    // Without prepack, which would build anew what this test runs from.
    const { code, stdout, stderr } = await execute(
      "npm",
      ["pack", "--json", "--ignore-scripts", "--pack-destination", folder],
      ROOT,
    );
    expect(code, stderr).to.equal(0);
    // A list of packages; since npm 11.8 or so an object of them, by name.
    const [first] = Object.values<Packed>(JSON.parse(stdout));
    if (first === undefined) throw new Error(`npm pack made nothing: ${stdout}`);
    packed = first;
    ({ version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("holds each compiled source, the kernel, docs, examples, package.json, README, LICENSE, CHANGELOG and SECURITY, and nothing else", () => {
    const sources = [...filesBelow("src"), ...filesBelow("workers")].filter(
      (path) => /(?<!\.d)\.ts$/.test(path) && !path.startsWith(join("src", "rows", "kernel")),
    );
    expect(sources.length).to.be.greaterThan(20);
    expect(packed.files.map(({ path }) => path).sort()).to.deep.equal(
      [
        ...sources.map((path) => join("dist", path.replace(/\.ts$/, ".js"))),
        join("dist", "src", "rows", "kernel", "kernel.wasm"),
        ...filesBelow("docs"),
        ...filesBelow("examples"),
        ...["package.json", "README.md", "LICENSE", "CHANGELOG.md", "SECURITY.md"],
      ].sort(),
    );
  });

  it("names no folder of this machine in any file", () => {
    const home = process.env.HOME ?? ROOT;
    for (const { path } of packed.files) {
      const text = readFileSync(join(ROOT, path), "latin1");
      for (const place of [ROOT, `${home}/`]) expect(text.includes(place), `${path} names ${place}`).to.equal(false);
    }
  });

  it("each dependency is named with its reason in CONTRIBUTING.md, is pinned by a checksum, and only chdb has an install script", () => {
    const read = (file: string) => readFileSync(join(ROOT, file), "utf8");
    const { dependencies, devDependencies, allowScripts } = JSON.parse(read("package.json"));
    const [, table = ""] = read("CONTRIBUTING.md").split("## Dependencies");
    const named = [...table.matchAll(/^\| (.+?) +\| \S/gm)].flatMap(([, cell = ""]) =>
      cell
        .replace(/\(.*\)/, "")
        .split(",")
        .map((name) => name.trim()),
    );
    const isNamed = (name: string): boolean =>
      named.some((one) => (one.endsWith("/*") ? name.startsWith(one.slice(0, -1)) : one === name));
    const all = Object.keys({ ...dependencies, ...devDependencies });
    expect(all.length).to.be.greaterThan(20);
    expect(all.filter((name) => !isNamed(name))).to.deep.equal([]);
    const packages = Object.entries<LockedPackage>(JSON.parse(read("package-lock.json")).packages).filter(
      ([path]) => path !== "",
    );
    // Tools for other platforms: npm knows the checksum of what it has installed.
    const needed = packages.filter(([, { dev, optional }]) => !(dev && optional));
    expect(needed.length).to.be.greaterThan(60);
    const loose = needed.filter(([, { integrity }]) => !/^sha(256|512)-/.test(integrity ?? ""));
    expect(loose.map(([path]) => path)).to.deep.equal([]);
    const scripted = packages.filter(([, { hasInstallScript }]) => hasInstallScript === true).map(([path]) => path);
    expect(scripted).to.deep.equal(["node_modules/chdb"]);
    expect(allowScripts).to.deep.equal({ chdb: false });
  });

  describe("installed with --omit=dev", () => {
    before(async function () {
      this.timeout(INSTALL_MS);
      const { code, stderr } = await execute(
        "npm",
        [
          "install",
          "--omit=dev",
          "--prefer-offline",
          "--no-audit",
          "--no-fund",
          ...PATIENCE,
          join(folder, packed.filename),
        ],
        folder,
      );
      if (code !== 0 && NO_REGISTRY.test(stderr)) {
        const error = /npm (?:error|ERR!) code (\w+)/.exec(stderr)?.[1];
        for (const test of this.test?.parent?.tests ?? []) {
          test.title += ` (SKIPPED: npm reaches no registry and has not all packages in its cache: ${error})`;
        }
        this.skip();
      }
      expect(code, stderr).to.equal(0);
    });

    it("npx clickstorm --version says the version in package.json", async () => {
      const { code, stdout, stderr } = await clickstorm("--version");
      expect([code, stdout.trim().split(" ").at(-1), stderr]).to.deep.equal([0, version, ""]);
    });

    it("a run of 1,000 rows ends with 0, and ClickHouse has 1,000 rows", async () => {
      const { database, url } = await newDatabase();
      const { code, stderr } = await clickstorm(
        ...[
          "run",
          "--clickhouse-url",
          url,
          "--rate",
          "2000",
          "--duration",
          "500ms",
          "--metrics-port",
          "0",
          "--no-traces",
        ],
      );
      expect(code, stderr).to.equal(0);
      expect(await numberOf("SELECT count() FROM events", database)).to.equal(1000);
    });

    for (const args of [
      ["serve", "--port", "0"],
      ["run", "--embedded", "--no-metrics"],
    ]) {
      it(`clickstorm ${args.join(" ")} says how to add the server, exit 3`, async () => {
        const { code, stdout, stderr } = await clickstorm(...args);
        expect([code, stdout]).to.deep.equal([3, ""]);
        expect(stderr).to.contain("npm install chdb@3 ffi-rs@1").and.to.contain("--clickhouse-url");
      });
    }

    it("brings no ClickHouse library of 540 MB, no development tool, and less than 60 MB", () => {
      const modules = join(folder, "node_modules");
      const names = readdirSync(modules).flatMap((name) =>
        name.startsWith("@") ? readdirSync(join(modules, name)).map((below) => `${name}/${below}`) : [name],
      );
      expect(names).to.include.members(["clickstorm", "undici", "piscina", "prom-client", "yargs"]);
      const unwanted =
        /^(@chdb\/|chdb|ffi-rs|@yuuang\/|typescript|mocha|chai|protobufjs|fast-check|ajv|assemblyscript|@biomejs\/|@clickhouse\/|@types\/)/;
      expect(names.filter((name) => unwanted.test(name))).to.deep.equal([]);
      expect(bytesBelow(modules)).to.be.within(1e6, 60e6);
    });
  });
});
