// What is said of an error that nobody expected: a sentence where the system is what says no, and otherwise that it is a fault of
// clickstorm, with what is needed to mend it. Needs no other file of the program: it may be too early for any. Pure.

/** How many files a run has open with the default plan, and room. */
const ENOUGH_FILES = 1024;

const THREADS =
  "the system lets this user start no more threads or processes: fewer --workers need fewer, and ulimit -u (in a container its pids limit) raises that";
const MEMORY =
  "there is not enough memory: fewer --workers, a smaller --batch-rows or a smaller --in-flight need less, or give the process (in a container, that) more";

const BY_CODE: Readonly<Record<string, string>> = {
  EMFILE: `this process has as many files and connections open as it may (EMFILE): ulimit -n ${ENOUGH_FILES} allows more`,
  ENFILE: "this machine has as many files and connections open as it may (ENFILE)",
  ENOMEM: MEMORY,
  ERR_WORKER_OUT_OF_MEMORY: MEMORY,
  ERR_WORKER_INIT_FAILED: THREADS,
};

/** As Node and V8 say it where no code does. */
const BY_MESSAGE: readonly (readonly [message: RegExp, sentence: string])[] = [
  [/^EAGAIN$|uv_thread_create/, THREADS],
  [/WebAssembly\.Memory\(\): could not allocate|Array buffer allocation failed|out of memory/i, MEMORY],
];

/** What the system, or what is around the program, does not let happen; undefined: that is not what is wrong. */
export function systemSentence(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code = "", syscall } = error as NodeJS.ErrnoException;
  if (syscall === "uv_cwd") return "the folder this was started in is not there any more: cd to one that is";
  const known = BY_CODE[code] ?? BY_MESSAGE.find(([message]) => message.test(error.message))?.[1];
  if (known !== undefined) return known;
  if (code === "EAGAIN" && syscall === undefined) return THREADS;
  if (/^ERR_(MODULE_NOT_FOUND|DLOPEN_FAILED)$/.test(code)) {
    return `this installation of clickstorm is not whole: install it anew: ${firstLine(error.message)}`;
  }
  // "ENOSPC: no space left on device, write" and such: what the system's calls say names what they were about.
  if (syscall !== undefined && /^E[A-Z0-9]+$/.test(code)) return `the system says no: ${firstLine(error.message)}`;
  return undefined;
}

/** Several lines: what to say, and where it happened. */
export function faultText(error: unknown, version: string): string {
  const told = error instanceof Error ? (error.stack ?? `${error.name}: ${error.message}`) : String(error);
  const about = `clickstorm ${version}, Node ${process.versions.node}, ${process.platform} ${process.arch}`;
  // What a library threw may name the URL it was about.
  const lines = told.replace(/(\/\/)[^\s/]*@/g, "$1***@");
  return `this is a fault of clickstorm, and not of what it was asked for. Please report it, with what was asked for and these lines:\n${about}\n${lines}`;
}

const firstLine = (text: string): string => text.split("\n")[0] ?? "";
