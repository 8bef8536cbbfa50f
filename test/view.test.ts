// src/ladder/view.ts: statements as the server writes them, and the SELECT of a copy. The server itself: test/max-scratch.test.ts.

import { expect } from "chai";
import { selectFrom, viewOf } from "../src/ladder/view.js";

const SOURCE = { database: "shop", table: "orders" };
const COPY = { database: "scratch", table: "orders" };
const OTHER_NAME = { database: "scratch", table: "into_table" };

describe("a materialized view as the server writes it", () => {
  it("TO a table: that, and the SELECT behind it", () => {
    const create =
      "CREATE MATERIALIZED VIEW shop.v TO other.`odd ``na.me` (`a` UInt8, `n` UInt64) DEFINER = default SQL SECURITY DEFINER AS SELECT a % 10 AS a, count() AS n FROM shop.orders GROUP BY a";
    expect(viewOf(create)).to.deep.equal({
      to: { database: "other", table: "odd `na.me" },
      select: "SELECT a % 10 AS a, count() AS n FROM shop.orders GROUP BY a",
    });
  });

  it("with a table of its own: no name", () => {
    const create =
      "CREATE MATERIALIZED VIEW shop.v (`d` Date, `to` String DEFAULT 'AS SELECT') ENGINE = SummingMergeTree PARTITION BY toYYYYMM(d) ORDER BY d SETTINGS index_granularity = 8192 AS WITH x AS (SELECT 1) SELECT d FROM shop.orders";
    expect(viewOf(create)).to.deep.equal({ to: undefined, select: "WITH x AS (SELECT 1) SELECT d FROM shop.orders" });
  });

  it("refreshed by time: not copied", () => {
    const create =
      "CREATE MATERIALIZED VIEW shop.v REFRESH EVERY 1 HOUR TO other.t (`a` UInt8) AS SELECT a FROM shop.orders";
    expect(viewOf(create)).to.deep.equal({ why: "is refreshed by time, not by inserts" });
  });
});

describe("its SELECT from a copy", () => {
  const copied = (select: string, copy = COPY) => selectFrom(select, SOURCE, copy);

  it("reads from the copy, wherever the table is named, and not where a text, an alias or a longer name is like it", () => {
    expect(
      copied(
        "SELECT a, 'FROM shop.orders' AS s, x.shop.orders FROM shop.orders WHERE (orders.a > 0) AND (shop.orders.b IN (1, 2))",
      ),
    ).to.deep.equal({
      select:
        "SELECT a, 'FROM shop.orders' AS s, x.shop.orders FROM `scratch`.`orders` WHERE (orders.a > 0) AND (`scratch`.`orders`.b IN (1, 2))",
    });
    expect(copied("SELECT a FROM `shop`.`orders` AS o ARRAY JOIN o.tags AS tag")).to.deep.equal({
      select: "SELECT a FROM `scratch`.`orders` AS o ARRAY JOIN o.tags AS tag",
    });
  });

  it("under another name the copy is called what columns call it", () => {
    expect(copied("SELECT orders.a, shop.orders.b FROM shop.orders GROUP BY a", OTHER_NAME)).to.deep.equal({
      select: "SELECT orders.a, `orders`.b FROM `scratch`.`into_table` AS `orders` GROUP BY a",
    });
    expect(copied("SELECT o.a FROM shop.orders AS o", OTHER_NAME)).to.deep.equal({
      select: "SELECT o.a FROM `scratch`.`into_table` AS o",
    });
  });

  it("subqueries of its own, named or not, are no other tables", () => {
    const select = "WITH x AS (SELECT a FROM shop.orders) SELECT a FROM (SELECT a FROM x)";
    expect(copied(select)).to.deep.equal({ select: select.replace("shop.orders", "`scratch`.`orders`") });
  });

  for (const [select, other] of [
    ["SELECT o.a FROM shop.orders AS o LEFT JOIN other.names AS n ON o.a = n.a", "`other`.`names`"],
    ["SELECT a FROM shop.orders AS o, other.names", "`other`.`names`"],
    ["SELECT a FROM (SELECT a FROM shop.orders) AS o, other.names", "`other`.`names`"],
    ["SELECT a FROM shop.orders WHERE a IN (SELECT a FROM other.names)", "`other`.`names`"],
    ["SELECT a FROM shop.orders WHERE a NOT IN (other.names)", "`other`.`names`"],
    ["SELECT a FROM shop.orders WHERE a GLOBAL IN other.names", "`other`.`names`"],
    ["SELECT a FROM shop.orders INNER JOIN numbers(10) AS n ON a = n.number", "numbers(…)"],
    ["SELECT a FROM shop.orders_old", "`shop`.`orders_old`"],
  ] as const) {
    it(`not copied, as it reads more: ${select}`, () => {
      expect(copied(select)).to.deep.equal({ why: `reads ${other} as well` });
    });
  }

  it("not copied where the table is not named at all", () => {
    expect(copied("SELECT 1 AS a")).to.deep.equal({ why: "does not read it by its name" });
  });
});
