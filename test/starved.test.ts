// What held the generator up, and what lies between it and the server: what the system's files say, and runs whose limit is known,
// since it was made.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { cpuStatFiles, parseCpuStat, parseSchedstat, ThreadClock, Throttle } from "../src/cpu-wait.js";
import { holdUpOf } from "../src/pulse.js";
import type { Report } from "../src/report/schema.js";
import { nameOf, parseConnections } from "../src/wire.js";
import { start } from "./support/cli.js";
import { Sink } from "./support/sink.js";

const MS = 1e6;
const isLinux = existsSync("/proc/thread-self/schedstat");
const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === "::1"));
const where = isLinux ? "" : " (skipped: this system has no schedstat)";

describe("what the system says of our threads", () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "clickstorm-starved-"));
  });
  after(() => rm(folder, { recursive: true }));

  it("schedstat: ran 25,344,488 ns, waited 2,627,211 ns; anything else is nothing", () => {
    expect(parseSchedstat("25344488 2627211 21\n")).to.deep.equal({ ranNs: 25_344_488, waitedNs: 2_627_211 });
    for (const text of ["", "0", "1 2", "a b c", "-1 2 3"]) expect(parseSchedstat(text), text).to.equal(undefined);
  });

  it("cpu.stat: microseconds in version 2 and nanoseconds in version 1; a group without a limit has neither", () => {
    const common = "usage_usec 9000\nuser_usec 5000\nsystem_usec 4000\n";
    expect(parseCpuStat(`${common}nr_periods 7\nnr_throttled 3\nthrottled_usec 250000\n`)).to.equal(250 * MS);
    expect(parseCpuStat("nr_periods 7\nnr_throttled 3\nthrottled_time 250000000\n")).to.equal(250 * MS);
    expect(parseCpuStat(common)).to.equal(undefined);
  });

  const groups: readonly (readonly [name: string, cgroup: string, mount: string, files: readonly string[]])[] = [
    [
      "version 2, a service",
      "0::/system.slice/load.service\n",
      "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate",
      [
        "/sys/fs/cgroup/system.slice/load.service/cpu.stat",
        "/sys/fs/cgroup/system.slice/cpu.stat",
        "/sys/fs/cgroup/cpu.stat",
      ],
    ],
    [
      "version 2, a container with a name space of its own",
      "0::/\n",
      "30 24 0:26 / /sys/fs/cgroup ro - cgroup2 cgroup rw",
      ["/sys/fs/cgroup/cpu.stat"],
    ],
    [
      "version 1, a container that is told its path outside",
      "5:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc\n",
      [
        "31 25 0:27 /docker/abc /sys/fs/cgroup/memory ro master:10 - cgroup cgroup rw,memory",
        "32 25 0:28 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro master:11 - cgroup cgroup rw,cpu,cpuacct",
      ].join("\n"),
      ["/sys/fs/cgroup/cpu,cpuacct/cpu.stat"],
    ],
    ["no control groups", "", "21 1 8:1 / / rw - ext4 /dev/sda rw", []],
  ];
  for (const [name, cgroup, mountinfo, files] of groups)
    it(`limits are looked for in: ${name}`, () => expect(cpuStatFiles(cgroup, mountinfo)).to.deep.equal(files));

  it("throttling adds up over the groups around us; where no file says so it is undefined", async () => {
    const [inner, outer, none] = ["inner", "outer", "none"].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    await writeFile(inner, "throttled_usec 1000\n");
    await writeFile(outer, "throttled_usec 500\n");
    await writeFile(none, "usage_usec 1000\n");
    expect(new Throttle([inner, outer, none, join(folder, "absent")]).read()).to.equal(1.5 * MS);
    expect(new Throttle([none]).read()).to.equal(undefined);
  });

  it(`a thread that works for 200 ms has run for most of that, as process.cpuUsage has it, too${where}`, function () {
    if (!isLinux) this.skip();
    const clock = new ThreadClock();
    const [before, usage] = [clock.read(), process.cpuUsage()];
    for (const untilMs = performance.now() + 200; performance.now() < untilMs; );
    const [after, used] = [clock.read(), process.cpuUsage(usage)];
    clock.close();
    if (before === undefined || after === undefined) throw new Error("it has schedstat and does not say");
    const ranMs = (after.ranNs - before.ranNs) / MS;
    // Brought up to date at ticks of up to 10 ms; other threads of the process run as well.
    expect(ranMs).to.be.at.most((used.user + used.system) / 1000 + 20);
    expect(ranMs + (after.waitedNs - before.waitedNs) / MS).to.be.within(100, 260);
  });

  it("without its file a thread's times are undefined", () => {
    const clock = new ThreadClock(join(folder, "absent"));
    expect(clock.read()).to.equal(undefined);
    clock.close();
  });

  const intervals: readonly (readonly [
    name: string,
    ...Parameters<typeof holdUpOf>,
    waitedMs: number,
    stoodMs: number,
  ])[] = [
    ["a beat in time", { lateNs: 1 * MS, times: { ranNs: 2 * MS, waitedNs: 0 }, activeNs: 2 * MS }, 0, 0],
    ["30 ms waited for a CPU", { lateNs: 12 * MS, times: { ranNs: 1 * MS, waitedNs: 30 * MS }, activeNs: 0 }, 30, 0],
    [
      "50 ms late by its own work",
      { lateNs: 50 * MS, times: { ranNs: 50 * MS, waitedNs: 0 }, activeNs: 50 * MS },
      0,
      0,
    ],
    // 900 ms less what a timer (1.5 ms) and the accounting of time (5 ms) may be off.
    ["stopped for 900 ms", { lateNs: 900 * MS, times: { ranNs: 0, waitedNs: 0 }, activeNs: 0 }, 0, 893.5],
    ["900 ms late, and nobody says why", { lateNs: 900 * MS, times: undefined, activeNs: 0 }, 0, 898.5],
    [
      "900 ms late by its own work, and nobody says so",
      { lateNs: 900 * MS, times: undefined, activeNs: 900 * MS },
      0,
      0,
    ],
  ];
  for (const [name, interval, waitedMs, stoodMs] of intervals) {
    it(`held up: ${name}: ${waitedMs} ms waited, ${stoodMs} ms stood`, () =>
      expect(holdUpOf(interval)).to.deep.equal({ waitedNs: waitedMs * MS, stoodNs: stoodMs * MS }));
  }

  it("connections: all arrived, 5,000 bytes under way, and 5,000 that find no room", () => {
    const table = [
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
      "   0: 0100007F:1F90 0100007F:1F91 01 00000000:00000000 00:00000000 00000000     0        0 2718 1 0 20 4 30 10 -1",
      "   1: 0100007F:9C40 0100007F:1FBB 01 00001388:00000000 01:00000014 00000000     0        0 2719 1 0 20 4 30 10 -1",
      "   2: 0000000000000000FFFF00000100007F:9C41 0000000000000000FFFF00000100007F:1FBB 01 00001388:00000007 04:00000014 00000000     0        0 2720",
    ].join("\n");
    expect([...parseConnections(table)]).to.deep.equal([
      ["8080 0100007F:8081", "arrived"],
      ["40000 0100007F:8123", "under_way"],
      ["40001 0000000000000000FFFF00000100007F:8123", "stuck"],
    ]);
    expect(parseConnections("").size).to.equal(0);
  });

  it("connections to other machines by the same ports are others: of two, one has arrived", () => {
    const known = parseConnections(
      [
        "   0: 0100000A:9C40 0200000A:1FBB 01 00000000:00000000 00:00000000 00000000     0        0 2718 1 0 20 4 30 10 -1",
        "   1: 0100000A:9C40 0300000A:1FBB 01 00001388:00000000 01:00000014 00000000     0        0 2719 1 0 20 4 30 10 -1",
      ].join("\n"),
    );
    const progresses = ["10.0.0.2", "10.0.0.3", "10.0.0.4"].map((remoteAddress) =>
      known.get(nameOf({ localPort: 40_000, remoteAddress, remotePort: 8123 })),
    );
    expect(progresses).to.deep.equal(["arrived", "under_way", undefined]);
  });

  for (const [address, hex] of [
    ["192.168.1.20", "1401A8C0"],
    ["::1", "00000000000000000000000001000000"],
    ["::ffff:127.0.0.1", "0000000000000000FFFF00000100007F"],
    ["2001:db8::8a2e:370:7334", "B80D0120000000002E8A000034737003"],
    ["fe80::1%eth0", "000080FE000000000000000001000000"],
    ["1:2:3:4:5:6:7:8", "02000100040003000600050008000700"],
  ] as const) {
    it(`the table of a system has ${address} as ${hex}`, () =>
      expect(nameOf({ localPort: 1, remoteAddress: address, remotePort: 2 })).to.equal(`1 ${hex}:2`));
  }

  for (const [host, remote, table] of [
    ["127.0.0.1", "127.0.0.1", "tcp"],
    ["::1", "::1", "tcp6"],
    ["::", "::ffff:127.0.0.1", "tcp6"],
  ] as const) {
    const isThere = host === "127.0.0.1" || hasIpv6;
    it(`a connection to ${remote} is found in the table of this system${where}${isThere ? "" : " (skipped: this system has no IPv6)"}`, async function () {
      if (!isLinux || !isThere) this.skip();
      const server = createServer();
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject).listen(0, host, resolve);
      });
      const { port } = server.address() as AddressInfo;
      const socket = connect(port, remote);
      await once(socket, "connect");
      expect(parseConnections(readFileSync(`/proc/self/net/${table}`, "latin1")).get(nameOf(socket))).to.equal(
        "arrived",
      );
      socket.destroy();
      server.close();
    });
  }
});

describe(`runs whose limit is known${where}`, function () {
  this.timeout(120_000);
  let folder: string;
  const children: ChildProcess[] = [];
  before(async function () {
    if (!isLinux) this.skip();
    folder = await mkdtemp(join(tmpdir(), "clickstorm-starved-"));
  });
  afterEach(() => {
    for (const child of children.splice(0)) child.kill("SIGKILL");
  });
  after(() => (folder === undefined ? undefined : rm(folder, { recursive: true })));

  function begin(url: string, ...flags: readonly string[]) {
    const file = join(folder, `${Math.random()}.json`);
    const quiet = ["--blind", "--no-traces", "--no-metrics", "--drain", "5s", "--report", file, "--workers", "1"];
    const running = start(["--clickhouse-url", url, ...quiet, ...flags]);
    children.push(running.process);
    const report = async (): Promise<Report> => {
      const { stdout, stderr } = await running.ended;
      if (!existsSync(file)) throw new Error(stdout + stderr);
      return JSON.parse(readFileSync(file, "utf8")) as Report;
    };
    return { process: running.process, report };
  }

  it("stopped for 300 of 400 ms: the generator was the limit, and stood still for more than a third of the time", async () => {
    const sink = await Sink.open();
    const run = begin(sink.url, "--rate", "5000", "--batch-rows", "50", "--duration", "4s");
    const over = run.report();
    await sleep(1500);
    while (run.process.exitCode === null && run.process.signalCode === null) {
      run.process.kill("SIGSTOP");
      await sleep(300);
      run.process.kill("SIGCONT");
      await sleep(100);
    }
    const { generator, generator_limited: limited } = await over;
    await sink.close();
    expect(limited, generator.reasons.join("\n")).to.equal(true);
    const [worker] = generator.workers;
    // Of 4 s about 3.5 s are left, of which it is stopped for three quarters.
    expect(worker?.stood_still_s).to.be.above(1.3);
    expect(generator.reasons.join(" ")).to.contain("process or machine stood still");
  });

  it("on one CPU with three busy loops: the generator was the limit, and waited for a CPU longer than it ran", async function () {
    if (!existsSync("/usr/bin/taskset")) this.skip();
    const sink = await Sink.open();
    const run = begin(sink.url, "--rate", "max", "--batch-rows", "50", "--duration", "4s");
    const pin = (pid: number | undefined) =>
      spawn("taskset", ["-a", "-p", "-c", "0", String(pid)], { stdio: "ignore" });
    pin(run.process.pid);
    for (let hog = 0; hog < 3; hog++) {
      children.push(spawn("taskset", ["-c", "0", process.execPath, "-e", "for (;;);"], { stdio: "ignore" }));
    }
    await sleep(700);
    // Threads that have been started since.
    pin(run.process.pid);
    const { generator, generator_limited: limited } = await run.report();
    await sink.close();
    expect(limited, JSON.stringify(generator)).to.equal(true);
    const [worker] = generator.workers;
    expect(worker?.waited_for_cpu_s).to.be.above(worker?.ran_s ?? Number.NaN);
    expect(generator.reasons.join(" ")).to.contain("waited for a CPU");
  });

  it("a server that takes 5 inserts a second of 10: the generator was not the limit, and ran", async () => {
    let freeMs = 0;
    const server = createServer((socket) =>
      answer(socket, () => {
        freeMs = Math.max(freeMs, performance.now()) + 200;
        return freeMs - performance.now();
      }),
    );
    const url = await listen(server);
    const {
      generator,
      generator_limited: limited,
      network,
      service_ms: service,
    } = await begin(...([url, "--rate", "500", "--batch-rows", "50", "--duration", "4s"] as const)).report();
    server.close();
    expect(limited, generator.reasons.join("\n")).to.equal(false);
    expect(network?.limited, network?.reasons.join("\n")).to.equal(false);
    expect(generator.workers[0]?.ran_s).to.be.within(0.001, 4);
    // Of the time that inserts took nearly all is the server's.
    expect(generator.unheld_service_ms?.mean).to.be.within(0.8 * (service.mean ?? 0), service.mean ?? 0);
  });

  it("nobody listens: not the generator, nor the network, whether rows are refused, dropped or both", async () => {
    const server = createServer();
    const url = await listen(server);
    await new Promise((resolve) => server.close(resolve));
    for (const more of [[], ["--overload", "drop", "--max-lag", "20ms"]]) {
      const report = await begin(url, "--rate", "2000", "--batch-rows", "20", "--duration", "2s", ...more).report();
      expect([report.rows.acknowledged, report.generator_limited, report.network?.limited]).to.deep.equal([
        0,
        false,
        false,
      ]);
    }
  });

  it("bodies of 8 MB, of which the other end reads 10 MB/s each: the network, or who reads slowly, was the limit", async () => {
    const server = createServer((socket) => answer(socket, () => 0, 10_000_000));
    const url = await listen(server);
    const {
      network,
      generator_limited: limited,
      sending_ms: sending,
      service_ms: service,
    } = await begin(
      ...([url, "--rate", "max", "--batch-rows", "50000", "--in-flight", "4", "--duration", "6s"] as const),
    ).report();
    server.close();
    expect(network?.limited, JSON.stringify(network)).to.equal(true);
    expect(network?.reasons[0]).to.match(/^the network was the limit.*bodies took \d.*% of the service time to leave/);
    expect(limited).to.equal(false);
    expect(sending?.count).to.equal(service.count);
  });
});

async function listen(server: ReturnType<typeof createServer>): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
}

/** Answers each insert after so long, and reads no faster than told. */
function answer(socket: Socket, delayMs: () => number, bytesPerS = Number.POSITIVE_INFINITY): void {
  let left = 0;
  socket.on("error", () => undefined);
  socket.on("data", (chunk: Buffer) => {
    if (bytesPerS < Number.POSITIVE_INFINITY) {
      socket.pause();
      setTimeout(() => socket.resume(), (chunk.length / bytesPerS) * 1000);
    }
    let body = chunk;
    if (left === 0) {
      // The program writes head and body in one.
      const end = chunk.indexOf("\r\n\r\n");
      left = Number(/content-length: *(\d+)/i.exec(chunk.toString("latin1", 0, end))?.[1] ?? 0);
      body = chunk.subarray(end + 4);
    }
    left -= body.length;
    if (left === 0) setTimeout(() => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), delayMs());
  });
}
