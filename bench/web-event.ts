// A web event as click streams have it: 10 columns, about 240 bytes a row as JSON.

import { rowsOf } from "../src/rows/column.js";
import { NO_RULES, type Rule } from "../src/rows/rule.js";
import type { Column } from "../src/rows/value.js";

export const EVENTS = ["page_view", "click", "scroll", "search", "add_to_cart", "checkout", "purchase", "sign_up"];
export const URLS = [
  "https://example.com/",
  "https://example.com/search?q=boots",
  "https://example.com/women/shoes",
  "https://example.com/men/jackets",
  "https://example.com/kids/sale?page=2",
  "https://example.com/p/10482",
  "https://example.com/p/20817",
  "https://example.com/p/31145",
  "https://example.com/cart",
  "https://example.com/checkout",
  "https://example.com/pay",
  "https://example.com/account/orders",
  "https://example.com/help/returns",
];
export const REFERRERS = [
  "",
  "www.example.org",
  "search.example.net",
  "news.example.com",
  "social.example.net",
  "mail.example.org",
];
export const COUNTRIES = ["US", "DE", "FR", "GB", "IN", "BR", "JP", "PL", "NL", "ES", "IT", "CA"];
export const DEVICES = ["desktop", "mobile", "tablet", "tv"];
export const STATUSES = ["200", "204", "301", "304", "404", "500"];

const oneOf = (values: readonly string[]): Omit<Rule, "at"> => ({ choice: { values, weights: undefined } });
const COLUMNS: readonly (readonly [name: string, type: string, rule: Omit<Rule, "at">])[] = [
  ["timestamp", "DateTime64(3)", {}],
  ["event_id", "String", { pattern: "{uuid}" }],
  ["user_id", "UInt64", { uniform: { from: 1, to: 9_999_999 } }],
  ["event", "LowCardinality(String)", oneOf(EVENTS)],
  ["url", "String", oneOf(URLS)],
  ["referrer", "String", oneOf(REFERRERS)],
  ["country", "LowCardinality(String)", oneOf(COUNTRIES)],
  ["device", "LowCardinality(String)", oneOf(DEVICES)],
  ["status", "LowCardinality(String)", oneOf(STATUSES)],
  ["duration_ms", "UInt64", { uniform: { from: 1, to: 30_000 } }],
];

export const webEventColumns: readonly Column[] = rowsOf(
  COLUMNS.map(([name, type]) => ({ name, type, defaultKind: "" })),
  { ...NO_RULES, columns: new Map(COLUMNS.map(([name, , rule]) => [name, { at: name, ...rule }])) },
  "",
).columns;
