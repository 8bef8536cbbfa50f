// src/replay/zstd.ts and zstd-frame.ts: what comes out of frames, by the bytes that went in; which ones are refused; that neither
// time nor memory grows with what a few bytes unfold to.

import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { expect } from "chai";
import fc from "fast-check";
import { Compressor } from "../src/compress.js";
import { ByteSource, lookAt } from "../src/replay/file.js";
import { unzstd } from "../src/replay/zstd.js";
import { CLI, start } from "./support/cli.js";
import { compressed, frame, frameOf, type Head, repeated, skippable, stored, ZSTD_BYTES } from "./support/zstd.js";

const MIB = 2 ** 20;
/** Nobody is asked, and nobody is there. */
const BLIND = ["--blind", "--clickhouse-url", "http://127.0.0.1:1", "--no-metrics", "--no-traces"];
const ROW = '{"n":1}\n';
/** 2 MiB, which zstd -3 takes. */
const SMALL = { window: 0x58 };

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array, void> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** What comes out, and what went wrong behind it. */
async function outOf(
  bytes: Uint8Array,
  { size = 1000, windowMib = 8 } = {},
): Promise<{ readonly text: string; readonly fault: string | undefined }> {
  const made: Uint8Array[] = [];
  try {
    for await (const block of unzstd(inPieces(bytes, size), windowMib * MIB)) made.push(block);
  } catch (error) {
    return { text: Buffer.concat(made).toString(), fault: error instanceof Error ? error.message : String(error) };
  }
  return { text: Buffer.concat(made).toString(), fault: undefined };
}

const numbered = (rows: number): string =>
  Array.from({ length: rows }, (_, n) => `{"n":${n},"text":"${"x".repeat((n * 7919) % 97)}"}\n`).join("");

async function zstd(text: string): Promise<Uint8Array> {
  const compressor = new Compressor("zstd");
  await compressor.fill(0, Buffer.from(text));
  return compressor.body(0);
}

describe("zstd", function () {
  this.timeout(120_000);
  const folder = mkdtempSync(join(tmpdir(), "clickstorm-zstd-"));
  after(() => rmSync(folder, { recursive: true }));

  describe("what went in comes out", () => {
    for (const size of [1, 2, 3, 5, 17, 18, 19, 255, 100_000]) {
      it(`of two frames of the zstd command with one to be skipped before them, read in pieces of ${size} bytes: 1,000 rows`, async () => {
        expect(await outOf(ZSTD_BYTES, { size, windowMib: 128 })).to.deep.equal({
          text: numbered(1000),
          fault: undefined,
        });
      });
    }

    it("of blocks that are stored, repeated and empty, and of frames that are", async () => {
      const bytes = Buffer.concat([
        frame(SMALL, stored(ROW), repeated(0x20, 131_072), stored(""), stored("x")),
        frame(SMALL),
        frame({ contentBytes: 0 }),
        frame({ contentBytes: 3 }, stored("abc")),
      ]);
      for (const size of [1, 4, 1000]) {
        expect(await outOf(bytes, { size })).to.deep.equal({
          text: `${ROW}${" ".repeat(131_072)}xabc`,
          fault: undefined,
        });
      }
    });

    it("of 5 MB in 200 frames of another encoder, each with tables and a window of its own", async () => {
      const texts = Array.from({ length: 200 }, (_, index) => numbered(400 + index));
      const bytes = Buffer.concat(await Promise.all(texts.map(zstd)));
      expect(await outOf(bytes, { size: 65_536 })).to.deep.equal({ text: texts.join(""), fault: undefined });
    });

    it("of 100,000 frames that hold nothing, and then of 20,000 that hold a row each", async () => {
      const bytes = Buffer.concat([
        ...new Array<Buffer>(100_000).fill(skippable()),
        ...new Array<Buffer>(20_000).fill(frame({ window: 0 }, stored(ROW))),
      ]);
      expect(await outOf(bytes, { size: 262_144 })).to.deep.equal({ text: ROW.repeat(20_000), fault: undefined });
    });
  });

  describe("a file is gone through again and again, also where a pass was left in its middle", () => {
    for (const [what, rows] of [
      ["of 60 KB, which is kept decompressed", 1000],
      ["of 2 MB, which is not", 33_000],
    ] as const) {
      for (const codec of ["zstd", "gzip"] as const) {
        it(`${codec}, a file ${what}: the same bytes each time`, async () => {
          const text = numbered(rows);
          const path = join(folder, `again-${rows}.${codec === "zstd" ? "zst" : "gz"}`);
          writeFileSync(path, codec === "zstd" ? await zstd(text) : gzipSync(text));
          const source = new ByteSource(lookAt(path, 8 * MIB));
          const piece = new Uint8Array(100_000);
          const pass = async (): Promise<string> => {
            const pieces: string[] = [];
            for (let bytes = await source.read(piece); bytes > 0; bytes = await source.read(piece)) {
              pieces.push(Buffer.from(piece.subarray(0, bytes)).toString());
            }
            return pieces.join("");
          };
          await source.read(piece.subarray(0, 1000));
          source.rewind();
          expect(await pass()).to.equal(text);
          expect(await source.read(piece)).to.equal(0);
          source.rewind();
          await source.read(piece.subarray(0, 33_333));
          source.rewind();
          expect([await pass(), await source.read(piece)]).to.deep.equal([text, 0]);
          source.close();
        });
      }
    }
  });

  describe("a window of more than 8 MiB is refused, in whichever frame, unless it is asked for", () => {
    const asked = (mib: number, where: string): string =>
      `has a zstd window of ${mib} MiB${where}, and 8 MiB are taken: --replay-zstd-window ${mib} takes it, at so much memory a worker`;
    const first = frame(SMALL, stored(ROW));
    // 4 of the magic number, the descriptor, the window, 3 of the block's head, 8 of the row.
    const second = ` in its frame at byte ${17 + 1}`;
    const rows: readonly (readonly [what: string, head: Head, windowMib: number, mib: number | undefined])[] = [
      ["8 MiB, 2^23", { window: 0x68 }, 8, undefined],
      ["9 MiB, an eighth more", { window: 0x69 }, 8, 9],
      ["16 MiB", { window: 0x70 }, 8, 16],
      ["16 MiB where 16 are asked for", { window: 0x70 }, 16, undefined],
      ["128 MiB, as zstd --long has it", { window: 0x88 }, 8, 128],
      ["128 MiB, of a frame that holds 8 bytes", { window: 0x88, contentBytes: 8 }, 8, undefined],
      ["1 GiB", { window: 0xa0 }, 8, 1024],
      [
        "that of a frame in one segment, as large as its content, 8 MiB and a byte",
        { contentBytes: 8 * MIB + 1 },
        8,
        9,
      ],
      ["1 GiB of one segment", { contentBytes: 1024 * MIB }, 8, 1024],
    ];
    for (const [what, head, windowMib, mib] of rows) {
      it(`${what}: ${mib === undefined ? "taken" : "refused"}`, async () => {
        const one = frame(head, stored(ROW));
        const alone = await outOf(one, { windowMib });
        const behind = await outOf(Buffer.concat([first, one]), { windowMib });
        if (mib === undefined) {
          expect([alone, behind]).to.deep.equal([
            { text: ROW, fault: undefined },
            { text: ROW + ROW, fault: undefined },
          ]);
        } else {
          expect([alone, behind]).to.deep.equal([
            { text: "", fault: asked(mib, "") },
            { text: ROW, fault: asked(mib, second) },
          ]);
        }
      });
    }

    for (const [what, head, mib] of [
      ["2 GiB", { window: 0xa8 }, 2048],
      ["3.75 TiB, the largest there is", { window: 0xff }, 3.75 * MIB],
      ["2^53 bytes of one segment", { contentBytes: 2 ** 53 }, 2 ** 33],
    ] as const) {
      it(`${what}: more than can be asked for`, async () => {
        const { fault } = await outOf(Buffer.concat([first, skippable(5), frame(head, stored(ROW))]), {
          windowMib: 1024,
        });
        expect(fault).to.equal(
          `has a zstd window of ${mib} MiB in its frame at byte ${17 + 13 + 1}, and at most 1024 can be taken: compress it again, without --long`,
        );
      });
    }

    it("a dictionary is told by its number, in the first frame and in another", async () => {
      const bytes = frame({ ...SMALL, dictionary: 305_419_896 }, stored(ROW));
      expect((await outOf(bytes)).fault).to.equal("needs the zstd dictionary 305419896, and none can be given");
      expect((await outOf(Buffer.concat([first, bytes]))).fault).to.equal(
        "needs the zstd dictionary 305419896 in its frame at byte 18, and none can be given",
      );
    });

    it("by the program: exit 2 and the flag, and with the flag the rows", async () => {
      const file = join(folder, "wide.zst");
      writeFileSync(file, Buffer.concat([first, frame({ window: 0x70 }, stored(ROW))]));
      const replay = (...more: string[]): Promise<{ readonly code: number | null; readonly stderr: string }> =>
        start([...BLIND, "--replay", file, ...more]).ended;
      const refused = await replay();
      expect([refused.code, refused.stderr.trim().split("\n").at(-1)]).to.deep.equal([
        2,
        `error: ${file} ${asked(16, second)}`,
      ]);
      const taken = await replay("--replay-zstd-window", "16", "--duration", "100ms");
      expect(taken.stderr).to.match(/replay of .*wide\.zst: 2 lines, 16 B/);
    });
  });

  describe("what is damaged ends with a sentence", () => {
    it("each of the 81 ways to cut a file of two frames short: cut off, but where a frame ends", async () => {
      const one = frame({ ...SMALL, contentBytes: 48 }, stored(ROW), repeated(0x20, 32), stored(ROW));
      const whole = Buffer.concat([one, one]);
      for (let bytes = 0; bytes <= whole.length; bytes++) {
        const { fault } = await outOf(whole.subarray(0, bytes), { size: 7 });
        const isEnd = bytes % one.length === 0;
        const isMagic = bytes % one.length < 4;
        if (isEnd) expect(fault, `${bytes}`).to.equal(undefined);
        else if (isMagic) expect(fault, `${bytes}`).to.match(/^no frame begins at its byte \d+$/);
        else expect(fault, `${bytes}`).to.equal("unexpected end of file");
      }
    });

    const rows: readonly (readonly [what: string, bytes: Uint8Array, fault: string])[] = [
      ["more than it says", frame({ contentBytes: 7 }, stored(ROW)), "a frame holds more than it says"],
      ["less than it says", frame({ contentBytes: 9 }, stored(ROW)), "a frame holds less than it says"],
      [
        "a block of 128 KiB and a byte",
        frame(SMALL, repeated(0x20, 131_073)),
        "a block is too large, or of no known kind",
      ],
      ["text behind it", Buffer.concat([frame(SMALL), Buffer.from("more text")]), "no frame begins at its byte 10"],
      [
        "a head with a bit that is reserved",
        Buffer.from("28b52ffd085801000000", "hex"),
        "the head of a frame is wrong",
      ],
    ];
    for (const [what, bytes, fault] of rows) {
      it(`${what}: ${fault}`, async () => expect((await outOf(bytes)).fault).to.equal(fault));
    }

    // Huffman weights by a table of 32 states that are all of one symbol: F0 03 says so, in 4 bits and 6.
    const endless = compressed([0x82, 0x40, 0x02, 5, 0xf0, 0x03, 0xff, 0xff, 0x80, 1, 1, 1, 0]);
    // The same behind a symbol that no state has: a 1 in 5 bits, 2 bits of no others, then all ones.
    const later = compressed([0x82, 0x40, 0x02, 5, 0x10, 0xf8, 0x01, 0xff, 0x80, 1, 1, 1, 0]);
    for (const [what, block] of [
      ["at once", endless],
      ["behind a symbol of no state", later],
    ] as const) {
      it(`a table whose decoding takes no bits, so that it would never end, ${what}: damaged, exit 2`, async () => {
        const file = join(folder, "endless.zst");
        writeFileSync(file, frame(SMALL, block));
        const args = [...BLIND, "--replay", file];
        const ended = await new Promise((settle) =>
          execFile(process.execPath, [CLI, ...args], { timeout: 30_000, killSignal: "SIGKILL" }, (error, _, stderr) =>
            settle([error?.code, stderr.trim().split("\n").at(-1)]),
          ),
        );
        const sentence = `its zstd stream is damaged (a block's table of weights is wrong)`;
        expect(ended).to.deep.equal([2, `error: ${file}: ${sentence}`]);
      });
    }

    it("whatever bytes are changed in a good one: some bytes and at most one sentence", async () => {
      const good = Buffer.from(await zstd(numbered(2000)));
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 3 }),
          async (changes) => {
            const bytes = Buffer.from(good);
            for (const [at, byte] of changes) bytes[at] = byte;
            // A block that goes on for ever is not for this test: the table above has it.
            const { fault } = await outOf(bytes);
            expect(fault ?? "").to.not.include("\n");
          },
        ),
        { numRuns: 200 },
      );
    });
  });

  describe("few bytes that unfold to many", () => {
    /** 4 bytes a block of 128 KiB: 32,768 times as much. */
    const bomb = (blocks: number): Buffer => frameOf(SMALL, new Array<Buffer>(blocks).fill(repeated(0x0a, 131_072)));

    it("the event loop gets a turn for each MiB of 64 that is asked for, and no more than that is made", async () => {
      let turns = 0;
      const timer = (): void => {
        turns++;
        next = setImmediate(timer);
      };
      let next = setImmediate(timer);
      let made = 0;
      // In one piece of 80,000 bytes: 2.6 GB.
      for await (const block of unzstd(inPieces(bomb(20_000), 2 ** 20), 8 * MIB)) {
        made += block.length;
        if (made === 64 * MIB) break;
      }
      clearImmediate(next);
      // The last MiB is handed out before its turn.
      expect([made, turns >= 63]).to.deep.equal([64 * MIB, true]);
    });

    const isLinux = process.platform === "linux";
    const skipped = isLinux ? "" : "SKIPPED, as only Linux tells a process's memory in /proc: ";
    const bombs: readonly (readonly [what: string, name: string, bytes: () => Buffer])[] = [
      ["1 MB of zstd that unfolds to 32 GiB", "bomb.zst", () => bomb(262_144)],
      [
        "8 MB of gzip that unfolds to 8 GiB",
        "bomb.gz",
        () => Buffer.concat(new Array<Buffer>(128).fill(gzipSync(Buffer.alloc(64 * MIB, "\n")))),
      ],
    ];
    for (const [what, name, bytes] of bombs) {
      it(`${skipped}${what}: SIGINT ends the reading, 130, and memory stays below 300 MiB`, async function () {
        if (!isLinux) this.skip();
        const file = join(folder, name);
        writeFileSync(file, bytes());
        const running = start([...BLIND, "--replay", file]);
        await running.said("reading");
        const told = (name: string): string => readFileSync(`/proc/${running.process.pid}/${name}`, "utf8");
        /** Of the processor, in hundredths of a second: what it has done, however slow the machine is. */
        const worked = (): number => {
          const fields = told("stat").split(") ")[1]?.split(" ") ?? [];
          return Number(fields[11]) + Number(fields[12]);
        };
        const before = worked();
        while (worked() < before + 150) await sleep(50);
        const mostKib = Number(/^VmHWM:\s+(\d+)/m.exec(told("status"))?.[1]);
        running.process.kill("SIGINT");
        const { code, stderr } = await running.ended;
        expect(code, stderr).to.equal(130);
        // Node itself, 3 pieces, a window, lines of up to 16 MiB.
        expect(mostKib / 1024).to.be.below(300);
      });
    }
  });
});
