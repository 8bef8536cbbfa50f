// A web event as click streams have it: 10 columns, about 240 bytes a row as JSON.

import type { Column } from "../src/rows/column.js";

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

export const webEventColumns: readonly Column[] = [
  { name: "timestamp", type: "DateTime64(3)", rule: { kind: "row-time" } },
  { name: "event_id", type: "String", rule: { kind: "uuid", prefix: "" } },
  { name: "user_id", type: "UInt64", rule: { kind: "integer", from: 1, to: 9_999_999 } },
  { name: "event", type: "LowCardinality(String)", rule: { kind: "choice", texts: EVENTS } },
  { name: "url", type: "String", rule: { kind: "choice", texts: URLS } },
  { name: "referrer", type: "String", rule: { kind: "choice", texts: REFERRERS } },
  { name: "country", type: "LowCardinality(String)", rule: { kind: "choice", texts: COUNTRIES } },
  { name: "device", type: "LowCardinality(String)", rule: { kind: "choice", texts: DEVICES } },
  { name: "status", type: "LowCardinality(String)", rule: { kind: "choice", texts: STATUSES } },
  { name: "duration_ms", type: "UInt64", rule: { kind: "integer", from: 1, to: 30_000 } },
];
