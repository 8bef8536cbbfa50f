// A window of time in which a sender is measured from outside: by the receiver's own count of rows, and by the system's
// count of the sender's CPU time. The same for every sender, so that they can be compared.

import { setTimeout as sleep } from "node:timers/promises";
import { type Child, cpuSeconds } from "./process.js";

export interface Window {
  readonly rowsPerSecond: number;
  /** CPU-s per million rows; undefined where the system does not tell. */
  readonly senderCpu: number | undefined;
  readonly receiverCpu: number | undefined;
}

/** Who is sent to. */
export interface Receiver {
  readonly url: string;
  readonly pid: number;
  /** Rows so far, by its own count; it may know only requests, of so many rows each. */
  received(rowsPerRequest: number): Promise<number>;
}

export interface WindowSpec {
  readonly warmUpS: number;
  readonly seconds: number;
}

const FIRST_ROW_LIMIT_S = 60;
const POLL_MS = 25;

/** No sender runs longer, whatever happens: it starts, sends, drains, checks. */
export function limitSeconds({ warmUpS, seconds }: WindowSpec): number {
  return FIRST_ROW_LIMIT_S + warmUpS + seconds + 120;
}

/** Waits for the first rows of a sender that has just been started, lets it warm up, and counts for `seconds`. */
export async function measureWindow(
  sender: Child,
  rowsPerRequest: number,
  receiver: Receiver,
  { warmUpS, seconds }: WindowSpec,
): Promise<Window> {
  const broken = sender.ended.then(() => {
    throw new Error("the sender ended before the window did");
  });
  const measured = async (): Promise<Window> => {
    const received = () => receiver.received(rowsPerRequest);
    const none = await received();
    const limitMs = performance.now() + FIRST_ROW_LIMIT_S * 1000;
    while ((await received()) === none) {
      if (performance.now() > limitMs) throw new Error(`no rows after ${FIRST_ROW_LIMIT_S} s`);
      await sleep(POLL_MS);
    }
    await sleep(warmUpS * 1000);
    const read = async () => ({
      rows: await received(),
      atMs: performance.now(),
      senderS: cpuSeconds(sender.pid),
      receiverS: cpuSeconds(receiver.pid),
    });
    const before = await read();
    await sleep(seconds * 1000);
    const after = await read();
    const rows = after.rows - before.rows;
    const perMillion = (from: number | undefined, to: number | undefined): number | undefined =>
      from === undefined || to === undefined ? undefined : ((to - from) * 1e6) / rows;
    return {
      rowsPerSecond: (rows * 1000) / (after.atMs - before.atMs),
      senderCpu: perMillion(before.senderS, after.senderS),
      receiverCpu: perMillion(before.receiverS, after.receiverS),
    };
  };
  return Promise.race([measured(), broken]);
}
