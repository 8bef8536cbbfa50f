// What a load says of itself while it goes on: each notice once, and as a sentence for the user. Main thread; called by run.ts.

import { type Endpoint, shown } from "./endpoint.js";
import { type Notice, subjectOf } from "./messages.js";
import type { Options } from "./options.js";
import { tracesUrl } from "./otlp.js";
import { timespan } from "./text.js";

/** The same notice may come from every worker; one of them is enough. */
export function once(onNotice: (notice: Notice) => void): (notice: Notice) => void {
  const seen = new Set<string>();
  return (notice) => {
    const what = subjectOf(notice);
    if (seen.has(what)) return;
    seen.add(what);
    onNotice(notice);
  };
}

/** What a user is told of it while the load goes on. */
export function sentenceOf(
  notice: Extract<Notice, { kind: "saturated" | "dropping" | "traces-failed" | "retrying" | "left-out" | "crashed" }>,
  options: Options,
  endpoints: readonly Endpoint[],
): string {
  if (notice.kind === "crashed") {
    const then = options.goesOnAfterCrash ? "its further rows are not sent, the others go on" : "the run ends";
    return `a worker thread crashed (${notice.sentence}): ${then}`;
  }
  if (notice.kind === "retrying") {
    const endpoint = endpoints[notice.endpoint];
    return `${endpoint && shown(endpoint)}: ${notice.sentence}: such inserts are sent again, up to ${options.retries} times`;
  }
  if (notice.kind === "left-out") {
    const endpoint = endpoints[notice.endpoint];
    return `${endpoint && shown(endpoint)} is left out for a while, and tried again later: ${notice.sentence}`;
  }
  if (notice.kind === "saturated") {
    return `all ${options.inFlight} inserts are in flight and due batches wait: the server is at its limit, or --in-flight is too small`;
  }
  if (notice.kind === "dropping") {
    return `batches due more than ${timespan(options.maxLagNs ?? 0n)} ago are dropped, and counted: the target does not keep up`;
  }
  const url = tracesUrl(options.traces?.otlpEndpoint);
  const where = url?.origin ?? "the collector";
  return `traces do not reach ${where} (${notice.sentence}): the run goes on; --no-traces sends none`;
}
