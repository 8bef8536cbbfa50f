// The usual way: arrays of freshly made objects through ClickHouse's own client for Node.

import { createClient } from "@clickhouse/client";
import { event } from "./objects.js";
import { sendAll } from "./sender.js";

await sendAll(({ url, inFlight, batchRows }) => {
  const client = createClient({
    url,
    max_open_connections: inFlight,
    clickhouse_settings: { async_insert: 0, wait_end_of_query: 1 },
  });
  let seq = 0;
  return async () => {
    const nowMs = Date.now();
    const values = Array.from({ length: batchRows }, () => event(nowMs, "client-rows1", seq++));
    await client.insert({ table: "events", values, format: "JSONEachRow" });
  };
});
