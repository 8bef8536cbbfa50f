// The ceiling: one body of the default table, rendered once, sent again and again by a bare undici loop. It does nothing
// that a load generator must do; whatever clickstorm is slower by is the price of rows that are made and counted.

import { Pool } from "undici";
import { withParameters } from "../src/endpoint.js";
import { eventColumns } from "../src/rows/column.js";
import { type Format, formatSettings } from "../src/rows/program.js";
import { claimedBatch } from "../src/schedule.js";
import { makeRenderer } from "./kernel.js";
import { sendAll } from "./sender.js";

/** As far into a run as row numbers have the length they have most of the time. */
const BATCH = 1000;

const COLUMNS = eventColumns("static-body1");

async function renderBody(rows: number, format: Format): Promise<Uint8Array> {
  const renderer = makeRenderer(COLUMNS, 1, rows, format);
  const [slot] = renderer.slots;
  if (slot === undefined) throw new RangeError("no slot");
  await renderer.fill(slot, claimedBatch(BATCH, rows, 0), BigInt(Date.now()) * 1_000_000n);
  return renderer.body(slot).slice();
}

await sendAll(({ url, inFlight, batchRows, format }) => {
  const pool = new Pool(url, { connections: inFlight });
  const path = withParameters("/", {
    query: `INSERT INTO \`default\`.\`events\` FORMAT ${format}`,
    ...formatSettings(COLUMNS, format),
    wait_end_of_query: "1",
    async_insert: "0",
    // Without it the second body, identical to the first, is dropped with success. (26.x; `insert_deduplicate=0` before.)
    deduplicate_insert: "disable",
  });
  const body = renderBody(batchRows, format);
  return async () => {
    const answer = await pool.request({ method: "POST", path, body: await body });
    const text = await answer.body.text();
    if (answer.statusCode !== 200) throw new Error(`HTTP ${answer.statusCode}: ${text}`);
  };
});
