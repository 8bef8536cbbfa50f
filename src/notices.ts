// What a load says of itself while it goes on: each notice once, and as a sentence for the user. Main thread; called by run.ts.

import { type Endpoint, shown } from "./endpoint.js";
import { type Notice, subjectOf } from "./messages.js";
import type { Options } from "./options.js";
import { tracesUrl } from "./otlp.js";
import { timespan, whole } from "./text.js";

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
  notice: Exclude<Notice, { kind: "error" | "refused" | "failing" | "no-rows" }>,
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
  return tracesSentence(notice, tracesUrl(options.traces?.otlpEndpoint)?.origin ?? "the collector");
}

function tracesSentence(
  notice: Extract<Notice, { kind: "traces-failed" | "traces-arrive" | "spans-dropped" | "spans-rejected" }>,
  where: string,
): string {
  switch (notice.kind) {
    case "traces-failed":
      return `traces do not reach ${where} (${notice.sentence}): the run goes on; --no-traces sends none`;
    case "traces-arrive":
      return `traces reach ${where} again; spans lost until then, if any, are counted in the summary`;
    case "spans-dropped":
      return `spans are lost, and counted: more end than ${where} takes, and the queue of ${whole(notice.queue)} is full; OTEL_BSP_MAX_QUEUE_SIZE makes it longer, OTEL_TRACES_SAMPLER traces fewer batches`;
    case "spans-rejected":
      return notice.spans === 0
        ? `${where} takes spans, and warns: ${notice.sentence}`
        : `spans are lost, and counted: ${where} does not take all of them (${notice.sentence})`;
  }
}
